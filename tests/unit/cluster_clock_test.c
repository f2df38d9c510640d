#include "store/cluster_clock.h"

#include "base/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR_US (3600 * US_PER_S)

struct own {
	struct clock clock;
	int64_t real_us, boot_us;
};

static int64_t
own_realtime(void *self)
{
	return ((struct own *)self)->real_us;
}

static int64_t
own_boottime(void *self)
{
	return ((struct own *)self)->boot_us;
}

static void
own_init(struct own *own)
{
	*own = (struct own){
	    .clock = {.realtime_us = own_realtime, .boottime_us = own_boottime, .self = own},
	    .real_us = 1000 * HOUR_US,
	    .boot_us = HOUR_US,
	};
}

static void
until_the_database_was_heard_it_is_the_own_clock(void **state)
{
	struct own own;
	struct cluster_clock cluster;

	(void)state;
	own_init(&own);
	cluster_clock_init(&cluster, &own.clock);
	assert_int_equal(clock_now_us(&cluster.clock), own.real_us);
	assert_int_equal(clock_boot_us(&cluster.clock), own.boot_us);
	assert_int_equal(cluster_clock_ahead_us(&cluster), 0);
}

static void
a_clock_that_is_set_moves_nothing(void **state)
{
	struct own own;
	struct cluster_clock cluster;
	int64_t database_us = 1001 * HOUR_US;

	(void)state;
	own_init(&own);
	cluster_clock_init(&cluster, &own.clock);
	cluster_clock_hear(&cluster, database_us, own.boot_us - 10, own.boot_us + 10);
	assert_int_equal(clock_now_us(&cluster.clock), database_us);
	assert_int_equal(cluster_clock_ahead_us(&cluster), -HOUR_US);
	own.real_us += 5 * HOUR_US;
	own.boot_us += 100;
	assert_int_equal(clock_now_us(&cluster.clock), database_us + 100);
	assert_int_equal(cluster_clock_ahead_us(&cluster), 4 * HOUR_US - 100);
}

static void
a_slow_network_does_not_make_time_tremble(void **state)
{
	struct own own;
	struct cluster_clock cluster;
	int64_t database_us = 1000 * HOUR_US;

	(void)state;
	own_init(&own);
	cluster_clock_init(&cluster, &own.clock);
	cluster_clock_hear(&cluster, database_us, own.boot_us - 10, own.boot_us + 10);
	/* It was asked long ago, or answered long after: the same clock may well have said this. */
	cluster_clock_hear(&cluster, database_us, own.boot_us - US_PER_S, own.boot_us + 10);
	cluster_clock_hear(&cluster, database_us, own.boot_us, own.boot_us + US_PER_S);
	assert_int_equal(clock_now_us(&cluster.clock), database_us);
	/* This it can't have said: so far as it must, it moves. */
	cluster_clock_hear(&cluster, database_us + 500, own.boot_us - 100, own.boot_us + 100);
	assert_int_equal(clock_now_us(&cluster.clock), database_us + 400);
	cluster_clock_hear(&cluster, database_us - 500, own.boot_us - 100, own.boot_us + 100);
	assert_int_equal(clock_now_us(&cluster.clock), database_us - 400);
}

static void
a_deadline_for_a_wait_carries_into_the_seconds(void **state)
{
	struct timespec before, until;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	wait_deadline(2 * US_PER_S - 1, &until);
	assert_in_range(until.tv_nsec, 0, 999999999);
	assert_true(
	    (until.tv_sec - before.tv_sec) * US_PER_S + (until.tv_nsec - before.tv_nsec) / 1000 >=
	    2 * US_PER_S - 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(until_the_database_was_heard_it_is_the_own_clock),
	    cmocka_unit_test(a_clock_that_is_set_moves_nothing),
	    cmocka_unit_test(a_slow_network_does_not_make_time_tremble),
	    cmocka_unit_test(a_deadline_for_a_wait_carries_into_the_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
