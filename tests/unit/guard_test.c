/* What stands between nng and the kernel (client/guard.h), and that nobody else gets to see it. */
#include "client/guard.h"

#include "base/sanitized.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/nng.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 256

/* A connection that nng has taken and does not ask for anything. */
static struct {
	nng_stream_listener *listener;
	nng_aio *aio;
	nng_stream *stream;
	int fd;   /* nng's end */
	int peer; /* ours */
} taken;

static struct sockaddr_in
name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in name = {.sin_family = AF_UNSPEC};
	socklen_t bytes = sizeof(name);

	(void)get(fd, (struct sockaddr *)&name, &bytes);
	return name;
}

static int
descriptor_of_peer(int peer)
{
	const struct sockaddr_in own = name_of(peer, getsockname);

	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		const struct sockaddr_in there = name_of(fd, getpeername);

		if (there.sin_family == AF_INET && there.sin_port == own.sin_port)
			return fd;
	}
	return -1;
}

static int
take_connection(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int port;

	(void)state;
	nng_guard();
	assert_int_equal(nng_stream_listener_alloc(&taken.listener, "tcp://127.0.0.1:0"), 0);
	assert_int_equal(nng_stream_listener_listen(taken.listener), 0);
	assert_int_equal(
	    nng_stream_listener_get_int(taken.listener, NNG_OPT_TCP_BOUND_PORT, &port), 0);
	address.sin_port = htons((uint16_t)port);
	taken.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(taken.peer, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(nng_aio_alloc(&taken.aio, NULL, NULL), 0);
	nng_stream_listener_accept(taken.listener, taken.aio);
	nng_aio_wait(taken.aio);
	assert_int_equal(nng_aio_result(taken.aio), 0);
	taken.stream = nng_aio_get_output(taken.aio, 0);
	taken.fd = descriptor_of_peer(taken.peer);
	assert_true(taken.fd >= 0);
	return 0;
}

static int
leave_connection(void **state)
{
	(void)state;
	nng_stream_free(taken.stream);
	nng_stream_listener_free(taken.listener);
	nng_aio_free(taken.aio);
	return close(taken.peer);
}

/* What epoll tells of a descriptor; 0: nothing. */
static unsigned
events_of(int fd)
{
	char path[64], line[256];
	unsigned wanted = 0;

	for (int i = 0; i < DESCRIPTORS_MAX; i++) {
		snprintf(path, sizeof path, "/proc/self/fdinfo/%d", i);
		FILE *info = fopen(path, "re");
		while (info && fgets(line, sizeof line, info)) {
			const char *events = strstr(line, "events:");

			if (strncmp(line, "tfd:", 4) == 0 && events && atoi(line + 4) == fd)
				wanted = (unsigned)strtoul(events + 7, NULL, 16);
		}
		if (info)
			fclose(info);
	}
	return wanted;
}

static void
nngs_connection_that_nobody_waits_on_is_told_once_that_it_ended(void **state)
{
	(void)state;
	assert_int_equal(events_of(taken.fd) & (EPOLLONESHOT | EPOLLIN), EPOLLONESHOT);
}

/* As nng calls it. */
static ssize_t
send_all(int fd, const void *data, size_t bytes)
{
	struct iovec pieces[2] = {{(void *)(uintptr_t)data, bytes / 2},
	    {(char *)(uintptr_t)data + bytes / 2, bytes - bytes / 2}};
	const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* With a reset, which is there when this returns, and so is what was sent before it. */
static void
peer_goes(void)
{
	const struct linger at_once = {.l_onoff = 1};
	struct pollfd gone = {.fd = taken.fd};

	assert_int_equal(
	    setsockopt(taken.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	const int kept = taken.peer;
	taken.peer = dup(taken.fd);
	assert_int_equal(close(kept), 0);
	assert_int_equal(poll(&gone, 1, 20000), 1);
	assert_true(gone.revents & POLLHUP);
}

static void
a_message_of_nngs_to_a_peer_that_is_gone_is_sent(void **state)
{
	(void)state;
	peer_goes();
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_all(taken.fd, "farewell", 8), 8);
}

/* What nng reads when the other one has greeted and gone; a_message: of more than a greeting. */
static ssize_t
left_behind(const char *a_message)
{
	char heard[16];

	assert_int_equal(send(taken.peer, "\0SP\0\0\x30\0\0", 8, MSG_NOSIGNAL), 8);
	peer_goes();
	assert_int_equal(send_all(taken.fd, a_message, strlen(a_message)), strlen(a_message));
	return recv(taken.fd, heard, sizeof heard, MSG_DONTWAIT);
}

static void
who_has_gone_in_the_handshake_is_heard_to_have_greeted(void **state)
{
	(void)state;
	assert_int_equal(left_behind("greeting"), 8);
}

static void
what_a_peer_that_is_gone_left_behind_is_not_heard(void **state)
{
	(void)state;
	assert_true(left_behind("a whole reply") <= 0);
}

#define LARGE_BYTES (4u << 20)

static void
a_large_message_of_nngs_is_sent_whole_or_not_yet(void **state)
{
	uint8_t *sent = malloc(LARGE_BYTES), *got = malloc(LARGE_BYTES);
	unsigned tries = 0;
	ssize_t done;

	(void)state;
	for (size_t i = 0; i < LARGE_BYTES; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 24);
	size_t bytes = 0;
	while ((done = send_all(taken.fd, sent, LARGE_BYTES)) < 0) {
		assert_int_equal(errno, EAGAIN);
		const ssize_t more =
		    recv(taken.peer, got + bytes, LARGE_BYTES - bytes, MSG_DONTWAIT);
		bytes += more > 0 ? (size_t)more : 0;
		tries++;
	}
	assert_int_equal(done, LARGE_BYTES);
	assert_in_range(tries, 1, UINT32_MAX);
	while (bytes < LARGE_BYTES) {
		const ssize_t more = recv(taken.peer, got + bytes, LARGE_BYTES - bytes, 0);

		assert_true(more > 0);
		bytes += (size_t)more;
	}
	assert_memory_equal(sent, got, LARGE_BYTES);
	free(sent);
	free(got);
}

static void
others_are_told_of_an_end_as_they_ask(void **state)
{
	struct epoll_event event = {0};
	int ends[2];
	const int watcher = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	assert_true(watcher >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(epoll_ctl(watcher, EPOLL_CTL_ADD, ends[0], &event), 0);
	assert_int_equal(event.events, 0);
	assert_int_equal(send(ends[0], "x", 1, 0), 1);
	/* With what nobody has read, the end is an error too. */
	assert_int_equal(close(ends[1]), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(epoll_wait(watcher, &event, 1, 0), 1);
		assert_int_equal(event.events, EPOLLERR | EPOLLHUP);
	}
	(void)close(ends[0]);
	(void)close(watcher);
}

#define TLS_RECORD "\x16\x03\x03\0\1\0"

static ssize_t
read_when_there(void *to, size_t bytes)
{
	const struct iovec piece = {to, bytes};
	struct pollfd there = {.fd = taken.fd, .events = POLLIN};

	/* nng has made it one that does not wait. */
	assert_int_equal(poll(&there, 1, 20000), 1);
	return readv(taken.fd, &piece, 1);
}

static void
where_tls_is_spoken_an_end_is_a_record_that_can_not_be(void **state)
{
	uint8_t record[100];

	(void)state;
	memset(record, 'x', sizeof record);
	assert_int_equal(send(taken.peer, "abc", 3, MSG_NOSIGNAL), 3);
	assert_int_equal(shutdown(taken.peer, SHUT_WR), 0);
	assert_int_equal(send_all(taken.fd, TLS_RECORD, 6), 6);
	assert_int_equal(read_when_there(record, sizeof record), 3);
	/* All that is asked for: what has begun ends, at once. */
	assert_int_equal(read_when_there(record, sizeof record), sizeof record);
	for (size_t i = 0; i < sizeof record; i++)
		assert_int_equal(record[i], 0);
}

static void
elsewhere_an_end_is_an_end(void **state)
{
	uint8_t record[100];

	(void)state;
	assert_int_equal(send_all(taken.fd, "\0\x03\x03\0\1\0", 6), 6);
	assert_int_equal(shutdown(taken.peer, SHUT_WR), 0);
	assert_int_equal(read_when_there(record, sizeof record), 0);
}

/* What spoke TLS under that number is gone. */
static void
who_has_a_tls_descriptor_after_nng_reads_an_end(void **state)
{
	uint8_t record[100];
	int ends[2];

	(void)state;
	assert_int_equal(send_all(taken.fd, TLS_RECORD, 6), 6);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	const int kept = dup(taken.fd);
	assert_int_equal(dup2(ends[0], taken.fd), taken.fd);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(read_when_there(record, sizeof record), 0);
	assert_int_equal(dup2(kept, taken.fd), taken.fd);
	(void)close(kept);
	(void)close(ends[0]);
}

static void
others_hear_how_much_was_sent_and_that_nobody_is_there(void **state)
{
	uint8_t *large = calloc(1, LARGE_BYTES);
	int ends[2];

	(void)state;
	assert_non_null(large);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	const ssize_t sent = send_all(ends[0], large, LARGE_BYTES);
	assert_true(sent > 0 && sent < (ssize_t)LARGE_BYTES);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(send_all(ends[0], large, LARGE_BYTES), -1);
	assert_int_equal(errno, EPIPE);
	free(large);
	(void)close(ends[0]);
}

/* What nng had in the middle of a message when it closed it. */
static void
who_has_a_descriptor_after_nng_is_somebody_else(void **state)
{
	uint8_t *large = calloc(1, LARGE_BYTES);
	int ends[2];

	(void)state;
	assert_non_null(large);
	assert_int_equal(send_all(taken.fd, large, LARGE_BYTES), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	const int kept = dup(taken.fd);
	assert_int_equal(dup2(ends[0], taken.fd), taken.fd);
	assert_int_equal(send_all(taken.fd, "anew", 4), 4);
	assert_int_equal(recv(ends[1], large, LARGE_BYTES, 0), 4);
	assert_memory_equal(large, "anew", 4);
	assert_int_equal(dup2(kept, taken.fd), taken.fd);
	(void)close(kept);
	(void)close(ends[0]);
	(void)close(ends[1]);
	free(large);
}

static void *
wait_for_nothing(void *arg)
{
	struct epoll_event event;

	(void)epoll_wait(*(const int *)arg, &event, 1, 20000);
	return NULL;
}

static void
a_thread_that_waits_can_be_cancelled(void **state)
{
	int watcher = epoll_create1(EPOLL_CLOEXEC);
	pthread_t thread;
	void *end = NULL;

	(void)state;
	/* It takes what a cancelled thread leaves on its stack for an overflow. */
#ifdef IS_ADDRESS_SANITIZED
	skip();
#endif
	assert_int_equal(pthread_create(&thread, NULL, wait_for_nothing, &watcher), 0);
	assert_int_equal(pthread_cancel(thread), 0);
	assert_int_equal(pthread_join(thread, &end), 0);
	assert_ptr_equal(end, PTHREAD_CANCELED);
	(void)close(watcher);
}

#define WITH_CONNECTION(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, take_connection, leave_connection)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_CONNECTION(nngs_connection_that_nobody_waits_on_is_told_once_that_it_ended),
	    WITH_CONNECTION(a_message_of_nngs_to_a_peer_that_is_gone_is_sent),
	    WITH_CONNECTION(who_has_gone_in_the_handshake_is_heard_to_have_greeted),
	    WITH_CONNECTION(what_a_peer_that_is_gone_left_behind_is_not_heard),
	    WITH_CONNECTION(a_large_message_of_nngs_is_sent_whole_or_not_yet),
	    WITH_CONNECTION(where_tls_is_spoken_an_end_is_a_record_that_can_not_be),
	    WITH_CONNECTION(elsewhere_an_end_is_an_end),
	    WITH_CONNECTION(who_has_a_tls_descriptor_after_nng_reads_an_end),
	    WITH_CONNECTION(who_has_a_descriptor_after_nng_is_somebody_else),
	    cmocka_unit_test(others_are_told_of_an_end_as_they_ask),
	    cmocka_unit_test(others_hear_how_much_was_sent_and_that_nobody_is_there),
	    cmocka_unit_test(a_thread_that_waits_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
