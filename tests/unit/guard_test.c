/* What stands between nng and the kernel (client/guard.h). */
#include "client/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
a_connection_that_nobody_waits_on_is_told_once_that_it_ended(void **state)
{
	struct epoll_event event = {0};
	int ends[2];
	const int watcher = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	nng_guard();
	assert_true(watcher >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(epoll_ctl(watcher, EPOLL_CTL_ADD, ends[0], &event), 0);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(epoll_wait(watcher, &event, 1, 0), 1);
	assert_int_equal(epoll_wait(watcher, &event, 1, 0), 0);

	/* Who begins to wait after that is told too. */
	event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT};
	assert_int_equal(epoll_ctl(watcher, EPOLL_CTL_MOD, ends[0], &event), 0);
	assert_int_equal(epoll_wait(watcher, &event, 1, 0), 1);
	assert_true(event.events & EPOLLIN);
	(void)close(ends[0]);
	(void)close(watcher);
}

static void
a_connection_that_is_waited_on_is_told_as_it_asks(void **state)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2];
	const int watcher = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	nng_guard();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(epoll_ctl(watcher, EPOLL_CTL_ADD, ends[0], &event), 0);
	assert_int_equal(send(ends[1], "x", 1, 0), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(epoll_wait(watcher, &event, 1, 0), 1);
	assert_int_equal(epoll_ctl(watcher, EPOLL_CTL_DEL, ends[0], NULL), 0);
	assert_int_equal(epoll_wait(watcher, &event, 1, 0), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(watcher);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_that_nobody_waits_on_is_told_once_that_it_ended),
	    cmocka_unit_test(a_connection_that_is_waited_on_is_told_as_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
