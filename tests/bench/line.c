#include "line.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES_MAX 256
#define WAIT_MS 60000

static void __attribute__((noreturn)) fail(const char *what, int error)
{
	(void)fprintf(stderr, "line: %s: %s\n", what, nng_strerror(error));
	exit(2);
}

static void
url_choose(const char *targets, unsigned url, char out[URL_BYTES_MAX])
{
	unsigned count = 1;

	for (const char *at = targets; *at; at++)
		count += *at == ',';
	for (url %= count; url > 0; url--)
		targets = strchr(targets, ',') + 1;
	const size_t bytes = strcspn(targets, ",");
	if (bytes >= URL_BYTES_MAX)
		fail(targets, NNG_EINVAL);
	memcpy(out, targets, bytes);
	out[bytes] = '\0';
}

void
line_open(struct line *line, const char *targets, unsigned url)
{
	char chosen[URL_BYTES_MAX];

	url_choose(targets, url, chosen);
	int error = nng_req0_open(&line->socket);
	if (error != 0)
		fail("no socket", error);
	(void)nng_socket_set_ms(line->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	(void)nng_socket_set_ms(line->socket, NNG_OPT_RECVTIMEO, WAIT_MS);
	(void)nng_socket_set_bool(line->socket, NNG_OPT_TCP_NODELAY, true);
	(void)nng_socket_set_size(line->socket, NNG_OPT_RECVMAXSZ, 16 << 20);
	error = nng_dial(line->socket, chosen, NULL, 0);
	if (error != 0)
		fail(chosen, error);
}

nng_msg *
line_call(struct line *line, const void *request, size_t bytes)
{
	nng_msg *message = NULL;
	int error = nng_msg_alloc(&message, bytes);

	if (error != 0)
		fail("no message", error);
	memcpy(nng_msg_body(message), request, bytes);
	error = nng_sendmsg(line->socket, message, 0);
	if (error == 0)
		error = nng_recvmsg(line->socket, &message, 0);
	if (error != 0)
		fail("call", error);
	return message;
}
