/* The peer that Resolve is held against: an nng REP server as lean as one can be, which answers
 * each request with as many bytes as Resolve does. The request's come first, so that it is an echo.
 *
 *     nng_echo URL REPLY_BYTES */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than the load has calls under way on all connections. */
#define CONTEXTS 256

struct work {
	nng_ctx ctx;
	nng_aio *aio;
	bool is_sending;
};

static size_t reply_bytes;

static void __attribute__((noreturn)) fail(const char *what, int error)
{
	(void)fprintf(stderr, "nng_echo: %s: %s\n", what, nng_strerror(error));
	exit(2);
}

/* The request's message, grown or shrunk to the reply's size. */
static void
reply_make(nng_msg *message)
{
	const size_t bytes = nng_msg_len(message);

	if (nng_msg_realloc(message, reply_bytes) != 0)
		fail("reply", NNG_ENOMEM);
	if (bytes < reply_bytes)
		memset((char *)nng_msg_body(message) + bytes, 'e', reply_bytes - bytes);
}

static void
work_goes_on(void *arg)
{
	struct work *work = arg;
	const int error = nng_aio_result(work->aio);

	if (error == NNG_ECLOSED)
		return;
	if (work->is_sending && error != 0)
		nng_msg_free(nng_aio_get_msg(work->aio));
	if (!work->is_sending && error == 0) {
		reply_make(nng_aio_get_msg(work->aio));
		work->is_sending = true;
		nng_ctx_send(work->ctx, work->aio);
		return;
	}
	work->is_sending = false;
	nng_ctx_recv(work->ctx, work->aio);
}

int
main(int argc, char **argv)
{
	static struct work works[CONTEXTS];
	nng_socket socket;
	sigset_t end;
	int signal_number;

	if (argc != 3 || (reply_bytes = strtoul(argv[2], NULL, 10)) == 0) {
		(void)fprintf(stderr, "usage: nng_echo URL REPLY_BYTES\n");
		return 2;
	}
	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGTERM);
	(void)sigaddset(&end, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &end, NULL);

	int error = nng_rep0_open(&socket);
	if (error == 0)
		error = nng_socket_set_bool(socket, NNG_OPT_TCP_NODELAY, true);
	for (size_t i = 0; error == 0 && i < CONTEXTS; i++) {
		error = nng_ctx_open(&works[i].ctx, socket);
		if (error == 0)
			error = nng_aio_alloc(&works[i].aio, work_goes_on, &works[i]);
	}
	if (error == 0)
		error = nng_listen(socket, argv[1], NULL, 0);
	if (error != 0)
		fail(argv[1], error);
	for (size_t i = 0; i < CONTEXTS; i++)
		nng_ctx_recv(works[i].ctx, works[i].aio);
	(void)puts("ready");
	(void)fflush(stdout);
	(void)sigwait(&end, &signal_number);
	(void)nng_close(socket);
	return 0;
}
