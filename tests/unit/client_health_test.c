/* Which of several servers gets the next call, and how long one that is in trouble is left alone.
 */
#include "client/health.h"
#include "tests/lib/fake_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SERVERS 3

struct world {
	struct fake_clock clock;
	struct server_health servers[SERVERS];
	uint32_t turn;
};

static struct world
world_of_connected(void)
{
	struct world world = {.turn = 0};

	fake_clock_init(&world.clock);
	for (unsigned i = 0; i < SERVERS; i++)
		world.servers[i].is_connected = true;
	return world;
}

static int64_t
now(struct world *world)
{
	return atomic_load(&world->clock.boottime_us);
}

static int
choose(struct world *world, uint32_t tried)
{
	return health_choose(world->servers, SERVERS, tried, world->turn++, now(world));
}

static void
equals_take_turns(void **state)
{
	struct world world = world_of_connected();
	unsigned chosen[SERVERS] = {0};

	(void)state;
	for (int i = 0; i < 30; i++)
		chosen[choose(&world, 0)]++;
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(chosen[i], 10);
}

static void
the_one_with_the_fewest_calls_is_next(void **state)
{
	struct world world = world_of_connected();

	(void)state;
	world.servers[0].calls = 3;
	world.servers[1].calls = 1;
	world.servers[2].calls = 2;
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(choose(&world, 0), 1);
}

static void
without_a_connection_nobody_is_chosen(void **state)
{
	struct world world = world_of_connected();

	(void)state;
	world.servers[0].is_connected = world.servers[2].is_connected = false;
	world.servers[1].calls = 1000;
	assert_int_equal(choose(&world, 0), 1);
	world.servers[1].is_connected = false;
	assert_int_equal(choose(&world, 0), -1);
}

static void
a_repeat_goes_to_another_server_if_there_is_one(void **state)
{
	struct world world = world_of_connected();

	(void)state;
	world.servers[2].calls = 50;
	assert_int_equal(choose(&world, 1u << 0 | 1u << 1), 2);
	assert_int_not_equal(choose(&world, 1u << 0 | 1u << 1 | 1u << 2), 2);
	/* Better the same again than one that is in trouble. */
	assert_true(health_begin_rest(&world.servers[2], now(&world)));
	assert_int_not_equal(choose(&world, 1u << 0 | 1u << 1), 2);
}

static void
a_rest_lasts_twice_as_long_each_time_and_30_s_at_most(void **state)
{
	static const int64_t expected_s[] = {1, 2, 4, 8, 16, 30, 30, 30};
	struct world world = world_of_connected();
	struct server_health *server = &world.servers[0];

	(void)state;
	for (size_t i = 0; i < sizeof expected_s / sizeof expected_s[0]; i++) {
		assert_true(health_begin_rest(server, now(&world)));
		fake_clock_advance(&world.clock, expected_s[i] * US_PER_S - 1);
		assert_true(health_rests(server, now(&world)));
		fake_clock_advance(&world.clock, 1);
		assert_false(health_rests(server, now(&world)));
	}
	health_end_rest(server);
	assert_true(health_begin_rest(server, now(&world)));
	assert_int_equal(server->rests_until_us - now(&world), 1 * US_PER_S);
}

static void
many_calls_that_are_lost_at_once_are_one_trouble(void **state)
{
	struct world world = world_of_connected();
	struct server_health *server = &world.servers[0];

	(void)state;
	assert_true(health_begin_rest(server, now(&world)));
	for (int i = 0; i < 100; i++)
		assert_false(health_begin_rest(server, now(&world)));
	assert_int_equal(server->rests_until_us - now(&world), 1 * US_PER_S);
}

static void
one_call_tries_a_server_whose_rest_is_over(void **state)
{
	struct world world = world_of_connected();

	(void)state;
	world.servers[1].calls = world.servers[2].calls = 10;
	assert_true(health_begin_rest(&world.servers[0], now(&world)));
	assert_int_not_equal(choose(&world, 0), 0);
	fake_clock_advance(&world.clock, REST_US_FIRST);
	assert_int_equal(choose(&world, 0), 0);
	world.servers[0].calls++;
	assert_int_not_equal(choose(&world, 0), 0);
	world.servers[0].calls--;
	health_end_rest(&world.servers[0]);
	world.servers[0].calls = 9;
	assert_int_equal(choose(&world, 0), 0);
}

static void
when_all_rest_they_are_used(void **state)
{
	struct world world = world_of_connected();

	(void)state;
	for (int i = 0; i < SERVERS; i++)
		assert_true(health_begin_rest(&world.servers[i], now(&world)));
	world.servers[0].calls = world.servers[1].calls = 1;
	assert_int_equal(choose(&world, 0), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_take_turns),
	    cmocka_unit_test(the_one_with_the_fewest_calls_is_next),
	    cmocka_unit_test(without_a_connection_nobody_is_chosen),
	    cmocka_unit_test(a_repeat_goes_to_another_server_if_there_is_one),
	    cmocka_unit_test(a_rest_lasts_twice_as_long_each_time_and_30_s_at_most),
	    cmocka_unit_test(many_calls_that_are_lost_at_once_are_one_trouble),
	    cmocka_unit_test(one_call_tries_a_server_whose_rest_is_over),
	    cmocka_unit_test(when_all_rest_they_are_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
