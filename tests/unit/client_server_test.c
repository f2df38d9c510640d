/* What a client makes of what nng says of a server's connections. */
#include "client/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct client client;
static struct server *const server = &client.servers[0];

static int
set_up(void **state)
{
	(void)state;
	client = (struct client){.servers_count = 1};
	(void)pthread_mutex_init(&client.lock, NULL);
	(void)pthread_cond_init(&client.idle, NULL);
	list_init(&client.calls_waiting);
	server->client = &client;
	return 0;
}

static void
hear(uint32_t pipe, nng_pipe_ev event)
{
	server_hear(server, (nng_pipe){.id = pipe}, event);
}

static bool
is_connected(void)
{
	assert_int_equal(atomic_load(&client.connections), client.health[0].is_connected);
	return client.health[0].is_connected;
}

static void
a_connection_is_there_until_it_is_gone(void **state)
{
	(void)state;
	for (uint32_t pipe = 1; pipe < 4; pipe++) {
		hear(pipe, NNG_PIPE_EV_ADD_PRE);
		assert_false(is_connected());
		hear(pipe, NNG_PIPE_EV_ADD_POST);
		assert_true(is_connected());
		hear(pipe, NNG_PIPE_EV_REM_POST);
		assert_false(is_connected());
	}
}

static void
one_that_is_gone_before_it_has_come_is_gone(void **state)
{
	(void)state;
	hear(1, NNG_PIPE_EV_ADD_PRE);
	hear(1, NNG_PIPE_EV_REM_POST);
	hear(1, NNG_PIPE_EV_ADD_POST);
	assert_false(is_connected());
	hear(2, NNG_PIPE_EV_ADD_PRE);
	hear(2, NNG_PIPE_EV_ADD_POST);
	assert_true(is_connected());
}

static void
one_that_is_refused_changes_nothing_for_the_next(void **state)
{
	(void)state;
	hear(1, NNG_PIPE_EV_ADD_PRE);
	hear(1, NNG_PIPE_EV_REM_POST);
	hear(2, NNG_PIPE_EV_ADD_PRE);
	/* The first one's, late. */
	hear(1, NNG_PIPE_EV_ADD_POST);
	assert_false(is_connected());
	hear(2, NNG_PIPE_EV_ADD_POST);
	assert_true(is_connected());
	hear(1, NNG_PIPE_EV_REM_POST);
	assert_true(is_connected());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_connection_is_there_until_it_is_gone, set_up),
	    cmocka_unit_test_setup(one_that_is_gone_before_it_has_come_is_gone, set_up),
	    cmocka_unit_test_setup(one_that_is_refused_changes_nothing_for_the_next, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
