/* Closing one connection, and no other file that has got its number meanwhile. */
#include "client/shut.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/protocol/reqrep0/rep.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A server with one connection, and something that is none of its business. */
static struct {
	nng_socket socket;
	nng_pipe pipe;
	sem_t has_come;
	int client;
	int bystander[2];
} peers;

/* The number that becomes the bystander's right after it was looked at; -1: none does. */
static bool must_swap;
static int swapped = -1, kept = -1;

int __real_getsockname(int fd, struct sockaddr *address, socklen_t *bytes);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *bytes);

int
__wrap_getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
	const int got = __real_getsockname(fd, address, bytes);

	if (got == 0 && must_swap) {
		must_swap = false;
		swapped = fd;
		kept = dup(fd);
		assert_int_equal(dup2(peers.bystander[0], fd), fd);
	}
	return got;
}

/* Of a connection that has been reset the kernel knows no address any more. */
static bool has_been_reset;
static int closes;

int __real_nng_pipe_get_addr(nng_pipe pipe, const char *name, nng_sockaddr *out);
int __wrap_nng_pipe_get_addr(nng_pipe pipe, const char *name, nng_sockaddr *out);
int __wrap_nng_pipe_close(nng_pipe pipe);

int
__wrap_nng_pipe_get_addr(nng_pipe pipe, const char *name, nng_sockaddr *out)
{
	return has_been_reset ? NNG_ECLOSED : __real_nng_pipe_get_addr(pipe, name, out);
}

int
__wrap_nng_pipe_close(nng_pipe pipe)
{
	(void)pipe;
	closes++;
	return 0;
}

static void
pipe_comes(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	(void)event;
	(void)arg;
	peers.pipe = pipe;
	(void)sem_post(&peers.has_come);
}

static int
set_up(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	nng_listener listener;
	char hello[8];
	int port;

	(void)state;
	assert_int_equal(sem_init(&peers.has_come, 0, 0), 0);
	assert_int_equal(nng_rep0_open(&peers.socket), 0);
	assert_int_equal(nng_pipe_notify(peers.socket, NNG_PIPE_EV_ADD_POST, pipe_comes, NULL), 0);
	assert_int_equal(nng_listen(peers.socket, "tcp://127.0.0.1:0", &listener, 0), 0);
	assert_int_equal(nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port), 0);
	address.sin_port = htons((uint16_t)port);
	peers.client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(peers.client, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(peers.client, "\0SP\0\0\x30\0\0", 8), 8);
	assert_int_equal(read(peers.client, hello, sizeof(hello)), 8);
	assert_int_equal(sem_wait(&peers.has_come), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, peers.bystander), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (swapped >= 0) {
		assert_int_equal(dup2(kept, swapped), swapped);
		(void)close(kept);
		swapped = -1;
	}
	(void)close(peers.client);
	(void)close(peers.bystander[0]);
	(void)close(peers.bystander[1]);
	assert_int_equal(nng_close(peers.socket), 0);
	(void)sem_destroy(&peers.has_come);
	return 0;
}

static void
the_connection_ends(void **state)
{
	char none;

	(void)state;
	pipe_shut(peers.pipe);
	assert_int_equal(read(peers.client, &none, 1), 0);
}

static void
a_file_that_has_got_its_number_meanwhile_is_left_alone(void **state)
{
	char none;

	(void)state;
	must_swap = true;
	pipe_shut(peers.pipe);
	assert_true(swapped >= 0);
	assert_int_equal(recv(peers.bystander[1], &none, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* nng would take it down in the middle of what it is receiving. */
static void
one_that_has_been_reset_is_left_to_its_end(void **state)
{
	(void)state;
	has_been_reset = true;
	pipe_shut(peers.pipe);
	has_been_reset = false;
	assert_int_equal(closes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_connection_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_file_that_has_got_its_number_meanwhile_is_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		one_that_has_been_reset_is_left_to_its_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
