/* Who gets in to nng (rpc/accept_filter.h), and who stays outside. */
#include "rpc/accept_filter.h"

#include "base/files.h"
#include "base/sanitized.h"
#include "client/guard.h"
#include "tests/lib/until.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char HELLO[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
/* And then something, of which the rest is to come. */
static const char ASKS[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0, 0, 0, 0, 0};
static const char SAYS_REP[] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
static const char TLS_HELLO[] = {22, 3, 1, 0, 5, 1, 0, 0, 1, 0};

static struct {
	nng_socket socket;
	nng_listener listener;
	struct sockaddr_in address;
	atomic_int pipes;                     /* that nng has, or had */
	atomic_bool has_come[UINT16_MAX + 1]; /* by the peer's port */
} server;

static void
pipe_comes(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	nng_sockaddr peer;

	(void)event, (void)arg;
	atomic_fetch_add(&server.pipes, 1);
	if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &peer) == 0 && peer.s_family == NNG_AF_INET)
		atomic_store(&server.has_come[ntohs(peer.s_in.sa_port)], true);
}

static void
server_start(enum accept_greeting greeting)
{
	int port;

	nng_guard();
	atomic_store(&server.pipes, 0);
	/* Another one may run yet. */
	for (size_t i = 0; i <= UINT16_MAX; i++)
		atomic_store(&server.has_come[i], false);
	assert_int_equal(nng_rep0_open_raw(&server.socket), 0);
	assert_int_equal(nng_pipe_notify(server.socket, NNG_PIPE_EV_ADD_POST, pipe_comes, NULL), 0);
	assert_int_equal(
	    nng_listener_create(&server.listener, server.socket, "tcp://127.0.0.1:0"), 0);
	accept_filter_begin(greeting);
	assert_int_equal(nng_listener_start(server.listener, 0), 0);
	accept_filter_begin(ACCEPT_ANY);
	assert_int_equal(nng_listener_get_int(server.listener, NNG_OPT_TCP_BOUND_PORT, &port), 0);
	server.address = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)port)};
}

#define FILES_MAX (4 * ACCEPT_FILTER_WAITING_MAX)
static int sockets_before;

/* Of any descriptor, nng's too, which may be closed at this moment. */
static bool
file_is_open(int fd, const char *kind)
{
	char path[32], target[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       strncmp(target, kind, strlen(kind)) == 0;
}

static int
sockets_open(void)
{
	int count = 0;

	for (int fd = 0; fd < FILES_MAX; fd++)
		count += file_is_open(fd, "socket:");
	return count;
}

/* nng closes some of its own behind nng_close(), and loses one that has greeted just before. */
static int
when_all_is_closed(void **state)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + 2 * US_PER_S;

	(void)state;
	while (sockets_open() > sockets_before && clock_boot_us(&clock_system) < give_up_us)
		(void)sched_yield();
	sockets_before = sockets_open();
	return 0;
}

static int
set_up(void **state)
{
	(void)when_all_is_closed(state);
	server_start(ACCEPT_SP);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return nng_close(server.socket);
}

static int
peer_connect(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&server.address, sizeof(server.address)), 0);
	return fd;
}

static void
say(int fd, const char *bytes, size_t count)
{
	assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), count);
}

static int
peer_saying(const char *bytes, size_t count)
{
	const int fd = peer_connect();

	say(fd, bytes, count);
	return fd;
}

/* What comes first; 0: the end. */
static ssize_t
hear(int fd, char heard[sizeof(HELLO)])
{
	struct pollfd waits = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&waits, 1, 30000), 1);
	return recv(fd, heard, sizeof(HELLO), 0);
}

static void
assert_gets_in(int fd)
{
	char heard[sizeof(HELLO)];

	assert_int_equal(hear(fd, heard), sizeof(heard));
	assert_memory_equal(heard, SAYS_REP, sizeof(heard));
}

static void
assert_is_closed(int fd)
{
	char heard[sizeof(HELLO)];
	const ssize_t got = hear(fd, heard);

	assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
}

static bool
nng_has_one(void)
{
	return atomic_load(&server.pipes) == 1;
}

static bool
nng_has_two(void)
{
	return atomic_load(&server.pipes) == 2;
}

/* As a machine ends a connection that it knows nothing of any more. */
static void
peer_abort(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	assert_int_equal(close(fd), 0);
}

static void
who_greets_gets_in_and_who_does_not_is_unknown_to_nng(void **state)
{
	(void)state;
	const int silent = peer_connect(), half = peer_saying(HELLO, 4);
	const int good = peer_saying(HELLO, sizeof(HELLO));
	char heard;

	assert_gets_in(good);
	until(nng_has_one, "nng has a connection");
	assert_int_equal(recv(silent, &heard, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(half, &heard, 1, MSG_DONTWAIT), -1);
	say(half, HELLO + 4, sizeof(HELLO) - 4);
	assert_gets_in(half);
	until(nng_has_two, "nng has another one");
	say(silent, HELLO, sizeof(HELLO));
	assert_gets_in(silent);
	(void)close(silent), (void)close(half), (void)close(good);
}

static void
a_greeting_may_come_byte_by_byte(void **state)
{
	(void)state;
	const int fd = peer_connect();

	for (size_t i = 0; i < sizeof(HELLO); i++) {
		const struct timespec pause = {0, 2000 * 1000};

		assert_int_equal(atomic_load(&server.pipes), 0);
		say(fd, &HELLO[i], 1);
		(void)nanosleep(&pause, NULL);
	}
	assert_gets_in(fd);
	(void)close(fd);
}

static void
what_is_no_greeting_is_closed(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
	} wrong[] = {
	    {"G", 1},
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	    {TLS_HELLO, sizeof(TLS_HELLO)},
	    {SAYS_REP, sizeof(SAYS_REP)},
	    {"\0SP\1\0\x30\0\0", 8},
	    {"\0SP\0\0\x30\0\1", 8},
	    {"\0SP\0\0\x30\1", 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const int fd = peer_saying(wrong[i].bytes, wrong[i].count);

		assert_is_closed(fd);
		(void)close(fd);
	}
	assert_int_equal(atomic_load(&server.pipes), 0);
}

#ifdef IS_SANITIZED
#define PAUSE_US 100
#else
#define PAUSE_US 20
#endif

static void
let_pass(int64_t wait_us)
{
	const int64_t until_us = clock_boot_us(&clock_system) + wait_us;

	while (clock_boot_us(&clock_system) < until_us)
		;
}

/* When nng has been given them, and has greeted or not. */
static void
leave_behind(int64_t pause_us)
{
	const int ended = peer_saying(HELLO, sizeof(HELLO));
	let_pass(pause_us);
	(void)close(ended);
	const int aborted = peer_saying(ASKS, sizeof(ASKS));
	let_pass(pause_us);
	peer_abort(aborted);
}

static void
until_nng_has(int fd)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;
	struct sockaddr_in own;
	socklen_t bytes = sizeof(own);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &bytes), 0);
	while (!atomic_load(&server.has_come[ntohs(own.sin_port)]))
		assert_true(clock_boot_us(&clock_system) < give_up_us);
}

static int
compare_times(const void *a, const void *b)
{
	const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* The median of how long who comes behind them waits for nng. */
static int64_t
wait_behind_those_that_leave_us(void)
{
	int64_t took_us[15];

	for (size_t i = 0; i < 15; i++) {
		(void)close(peer_connect());
		(void)close(peer_saying(HELLO, 4));
		(void)close(peer_saying(SAYS_REP, sizeof(SAYS_REP)));
		for (int64_t pause_us = 0; pause_us < 400; pause_us += PAUSE_US)
			leave_behind(pause_us);
		const int64_t began_us = clock_boot_us(&clock_system);
		const int good = peer_saying(HELLO, sizeof(HELLO));
		until_nng_has(good);
		took_us[i] = clock_boot_us(&clock_system) - began_us;
		(void)close(good);
	}
	qsort(took_us, 15, sizeof(took_us[0]), compare_times);
	return took_us[7];
}

/* nng would rest 100 ms behind each of those that leave. A busy machine may keep one waiting, too.
 */
static void
who_comes_behind_those_that_leave_does_not_wait(void **state)
{
	int64_t least_us = INT64_MAX;

	(void)state;
	for (int tries = 0; tries < 4 && least_us > 80000; tries++) {
		const int64_t wait_us = wait_behind_those_that_leave_us();
		least_us = wait_us < least_us ? wait_us : least_us;
	}
	assert_in_range(least_us, 0, 80000);
}

static int files_before;

static int
files_open(void)
{
	int open, max;

	files_count(&open, &max);
	return open;
}

static bool
files_are_as_before(void)
{
	return files_open() <= files_before;
}

static void
who_has_waited_longest_gives_way(void **state)
{
	enum { MORE = 30, ALL = ACCEPT_FILTER_WAITING_MAX + MORE };
	static int fds[ALL];

	(void)state;
	for (int i = 0; i < ALL; i++) {
		fds[i] = peer_connect();
		/* In this order, and none is turned away for want of room in the kernel. */
		if (i % 64 == 63) {
			const int good = peer_saying(HELLO, sizeof(HELLO));
			assert_gets_in(good);
			(void)close(good);
		}
	}
	for (int i = 0; i < MORE; i++)
		assert_is_closed(fds[i]);
	say(fds[ALL - 1], HELLO, sizeof(HELLO));
	assert_gets_in(fds[ALL - 1]);
	for (int i = 0; i < ALL; i++)
		(void)close(fds[i]);
}

static struct rlimit files_limit;
static int fillers[FILES_MAX];
static int fillers_count;

/* There are so many descriptors more to be had. */
static void
files_give(int more)
{
	struct rlimit now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	now.rlim_cur += (rlim_t)more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* There is no descriptor to be had any more; one that is closed is: none is above the limit. */
static void
files_end(void)
{
	int highest = 0, next;

	for (int fd = 0; fd < FILES_MAX; fd++)
		highest = file_is_open(fd, "") ? fd : highest;
	for (fillers_count = 0; (next = dup(0)) <= highest; fillers_count++)
		fillers[fillers_count] = next;
	assert_int_equal(close(next), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files_limit), 0);
	const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = files_limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void
files_begin(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files_limit), 0);
	while (fillers_count > 0)
		(void)close(fillers[--fillers_count]);
}

/* Those who greet so, when there is no descriptor for them. */
static void
assert_makes_room(const char *hello, size_t hello_bytes, int silent[8])
{
	char greeting[sizeof(HELLO)];
	int good[8];
	ssize_t heard[8];

	for (int i = 0; i < 8; i++)
		silent[i] = peer_connect();
	const int first = peer_saying(hello, hello_bytes);
	assert_gets_in(first);
	for (int i = 0; i < 8; i++) {
		good[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(good[i] >= 0);
	}
	files_end();
	for (int i = 0; i < 8; i++) {
		if (connect(good[i], (const struct sockaddr *)&server.address,
			sizeof(server.address)) == 0)
			say(good[i], hello, hello_bytes);
		heard[i] = hear(good[i], greeting);
	}
	files_begin();
	for (int i = 0; i < 8; i++) {
		assert_int_equal(heard[i], sizeof(greeting));
		(void)close(good[i]);
	}
	(void)close(first);
}

static void
without_descriptors_who_waits_gives_way(void **state)
{
	int silent[8];

	(void)state;
	assert_makes_room(HELLO, sizeof(HELLO), silent);
	for (int i = 0; i < 8; i++) {
		assert_is_closed(silent[i]);
		(void)close(silent[i]);
	}
}

/* Its handshake wants a second one. */
static void
without_descriptors_who_waits_gives_way_to_a_tls_client(void **state)
{
	int silent[8];

	(void)state;
	server_start(ACCEPT_TLS);
	assert_makes_room(TLS_HELLO, sizeof(TLS_HELLO), silent);
	for (int i = 0; i < 8; i++)
		(void)close(silent[i]);
	assert_int_equal(nng_close(server.socket), 0);
}

/* A handshake has two, and gives way when it should be over: two that come together would end each
 * other otherwise. */
static void
without_descriptors_a_handshake_that_has_just_begun_goes_on(void **state)
{
	(void)state;
	server_start(ACCEPT_TLS);
	const int64_t began_us = clock_boot_us(&clock_system);
	const int first = peer_saying(TLS_HELLO, 3), second = socket(AF_INET, SOCK_STREAM, 0);
	assert_gets_in(first);
	assert_true(second >= 0);
	files_end();
	const int connected =
	    connect(second, (const struct sockaddr *)&server.address, sizeof(server.address));
	(void)send(second, TLS_HELLO, 3, MSG_NOSIGNAL);
	char greeting[sizeof(HELLO)];
	const ssize_t heard = hear(second, greeting);
	files_begin();
	assert_int_equal(connected, 0);
	assert_int_equal(heard, sizeof(greeting));
	/* Whole seconds are counted. */
	assert_true(clock_boot_us(&clock_system) - began_us > 1000 * 1000);
	assert_is_closed(first);
	(void)close(first), (void)close(second);
	assert_int_equal(nng_close(server.socket), 0);
}

static int
greeted_count(const int *fds, int count)
{
	char heard[sizeof(HELLO)];
	int greeted = 0;

	for (int i = 0; i < count; i++)
		greeted += recv(fds[i], heard, sizeof(heard), MSG_PEEK | MSG_DONTWAIT) ==
			   (ssize_t)sizeof(heard);
	return greeted;
}

/* Each has one descriptor, and needs another one: that of who came behind it. */
static void
tls_clients_that_have_all_descriptors_do_not_wait_for_each_other(void **state)
{
	bool is_one_in = false;
	int fds[8];

	(void)state;
	for (int tries = 0; tries < 4 && !is_one_in; tries++) {
		(void)when_all_is_closed(NULL);
		server_start(ACCEPT_TLS);
		for (int i = 0; i < 8; i++)
			fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		files_end();
		for (int i = 0; i < 8; i++) {
			(void)connect(fds[i], (const struct sockaddr *)&server.address,
			    sizeof(server.address));
			(void)send(fds[i], TLS_HELLO, 3, MSG_NOSIGNAL);
		}
		files_give(2);
		/* Before any of them has had its time. */
		const int64_t began_us = clock_boot_us(&clock_system);
		while (!is_one_in && clock_boot_us(&clock_system) - began_us < US_PER_S)
			is_one_in = greeted_count(fds, 8) > 0;
		files_begin();
		for (int i = 0; i < 8; i++)
			(void)close(fds[i]);
		assert_int_equal(nng_close(server.socket), 0);
	}
	assert_true(is_one_in);
}

static void
without_descriptors_who_waits_at_another_listener_gives_way(void **state)
{
	const struct sockaddr_in elsewhere = server.address;
	const nng_socket other = server.socket;
	int silent[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		silent[i] = peer_connect();
	const int known = peer_saying(HELLO, sizeof(HELLO));
	assert_gets_in(known);
	server_start(ACCEPT_SP);
	assert_int_not_equal(server.address.sin_port, elsewhere.sin_port);
	const int good = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(good >= 0);
	const int64_t began_us = clock_boot_us(&clock_system);
	files_end();
	const int connected =
	    connect(good, (const struct sockaddr *)&server.address, sizeof(server.address));
	(void)send(good, HELLO, sizeof(HELLO), MSG_NOSIGNAL);
	char greeting[sizeof(HELLO)];
	const ssize_t heard = hear(good, greeting);
	files_begin();
	assert_int_equal(connected, 0);
	assert_int_equal(heard, sizeof(greeting));
	/* Not when their time is over. */
	assert_in_range(clock_boot_us(&clock_system) - began_us, 0, 5 * 1000 * 1000);
	assert_is_closed(silent[0]);
	for (int i = 0; i < 8; i++)
		(void)close(silent[i]);
	(void)close(known), (void)close(good);
	assert_int_equal(nng_close(server.socket), 0);
	server.socket = other; /* for tear_down() */
}

static int files_wanted;

static bool
files_are_so_many(void)
{
	return files_open() == files_wanted;
}

/* What it has said can be read yet. */
static void
who_is_reset_before_it_has_greeted_is_gone_at_once(void **state)
{
	(void)state;
	const int good = peer_saying(HELLO, sizeof(HELLO));
	assert_gets_in(good);
	files_before = files_open();
	const int half = peer_saying(HELLO, 4);
	files_wanted = files_before + 2;
	until(files_are_so_many, "it waits");
	const int64_t began_us = clock_boot_us(&clock_system);
	peer_abort(half);
	until(files_are_as_before, "it is closed");
	assert_in_range(clock_boot_us(&clock_system) - began_us, 0, 5 * 1000 * 1000);
	(void)close(good);
}

static void
who_is_silent_is_closed_in_time(void **state)
{
	(void)state;
	const int64_t began_us = clock_boot_us(&clock_system);
	const int silent = peer_connect(), half = peer_saying(HELLO, 3);

	assert_is_closed(silent);
	assert_in_range(clock_boot_us(&clock_system) - began_us, 9 * 1000000, 25 * 1000000);
	assert_is_closed(half);
	(void)close(silent), (void)close(half);
}

static void
who_waits_is_closed_with_the_listener(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		files_before = files_open();
		server_start(ACCEPT_SP);
		const int silent = peer_connect(), good = peer_saying(HELLO, sizeof(HELLO));
		/* nng loses one that comes while it closes. */
		until(nng_has_one, "nng has a connection");
		assert_int_equal(nng_close(server.socket), 0);
		assert_is_closed(silent);
		(void)close(silent), (void)close(good);
		until(files_are_as_before, "all descriptors are closed");
	}
}

static void
a_listener_for_tls_wants_its_beginning(void **state)
{
	char heard[sizeof(HELLO)];

	(void)state;
	server_start(ACCEPT_TLS);
	const int plain = peer_saying(HELLO, sizeof(HELLO));
	assert_is_closed(plain);
	/* What comes of it is nng's: this one speaks no TLS, and greets. */
	const int good = peer_saying(TLS_HELLO, sizeof(TLS_HELLO));
	assert_int_equal(hear(good, heard), sizeof(heard));
	(void)close(plain), (void)close(good);
	assert_int_equal(nng_close(server.socket), 0);
}

static void
others_listeners_are_as_they_were(void **state)
{
	(void)state;
	server_start(ACCEPT_ANY);
	const int silent = peer_connect();
	assert_gets_in(silent);
	(void)close(silent);
	assert_int_equal(nng_close(server.socket), 0);
}

#define WRITERS 4
#ifdef IS_SANITIZED
#define COMES_TIMES 200
#else
#define COMES_TIMES 1000
#endif

static void *
come_and_go(void *arg)
{
	unsigned number = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < COMES_TIMES; i++, number++) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)&server.address,
				  sizeof(server.address)) != 0)
			abort();
		(void)!send(fd, HELLO, number % (sizeof(HELLO) + 1), MSG_NOSIGNAL);
		(void)close(fd);
	}
	return NULL;
}

static void
many_that_come_and_go_leave_nothing_behind(void **state)
{
	pthread_t threads[WRITERS];

	(void)state;
	const int first = peer_saying(HELLO, sizeof(HELLO));
	assert_gets_in(first);
	(void)close(first);
	files_before = files_open();
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, come_and_go, (void *)(i * 2)), 0);
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	const int good = peer_saying(HELLO, sizeof(HELLO));
	assert_gets_in(good);
	(void)close(good);
	until(files_are_as_before, "all descriptors are closed");
}

#define ALONE(name) cmocka_unit_test_setup(name, when_all_is_closed)
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_greets_gets_in_and_who_does_not_is_unknown_to_nng),
	    TEST(a_greeting_may_come_byte_by_byte),
	    TEST(what_is_no_greeting_is_closed),
	    TEST(who_comes_behind_those_that_leave_does_not_wait),
	    TEST(who_has_waited_longest_gives_way),
	    TEST(without_descriptors_who_waits_gives_way),
	    TEST(without_descriptors_who_waits_at_another_listener_gives_way),
	    TEST(who_is_reset_before_it_has_greeted_is_gone_at_once),
	    TEST(who_is_silent_is_closed_in_time),
	    TEST(many_that_come_and_go_leave_nothing_behind),
	    ALONE(who_waits_is_closed_with_the_listener),
	    ALONE(without_descriptors_who_waits_gives_way_to_a_tls_client),
	    ALONE(without_descriptors_a_handshake_that_has_just_begun_goes_on),
	    ALONE(tls_clients_that_have_all_descriptors_do_not_wait_for_each_other),
	    ALONE(a_listener_for_tls_wants_its_beginning),
	    ALONE(others_listeners_are_as_they_were),
	};

	/* Both ends of all that wait. */
	(void)files_raise(FILES_MAX);
	sockets_before = sockets_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
