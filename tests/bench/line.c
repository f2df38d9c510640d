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

int
line_try(struct line *line, const char *url)
{
	const int error = nng_req0_open(&line->socket);

	if (error != 0)
		fail("no socket", error);
	(void)nng_socket_set_ms(line->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	(void)nng_socket_set_ms(line->socket, NNG_OPT_RECVTIMEO, WAIT_MS);
	(void)nng_socket_set_bool(line->socket, NNG_OPT_TCP_NODELAY, true);
	(void)nng_socket_set_size(line->socket, NNG_OPT_RECVMAXSZ, 16 << 20);
	return nng_dial(line->socket, url, NULL, 0);
}

void
line_open(struct line *line, const char *targets, unsigned url)
{
	char chosen[URL_BYTES_MAX];

	url_choose(targets, url, chosen);
	const int error = line_try(line, chosen);
	if (error != 0)
		fail(chosen, error);
}

static nng_msg *
message_of(const void *request, size_t bytes)
{
	nng_msg *message = NULL;
	const int error = nng_msg_alloc(&message, bytes);

	if (error != 0)
		fail("no message", error);
	memcpy(nng_msg_body(message), request, bytes);
	return message;
}

int
line_try_call(struct line *line, const void *request, size_t bytes, nng_msg **out)
{
	nng_msg *message = message_of(request, bytes);
	const int error = nng_sendmsg(line->socket, message, 0);

	if (error != 0)
		nng_msg_free(message);
	return error != 0 ? error : nng_recvmsg(line->socket, out, 0);
}

nng_msg *
line_call(struct line *line, const void *request, size_t bytes)
{
	nng_msg *answer;
	const int error = line_try_call(line, request, bytes, &answer);

	if (error != 0)
		fail("call", error);
	return answer;
}

static void
asker_goes_on(void *arg)
{
	struct asker *asker = arg;
	const int error = nng_aio_result(asker->aio);

	if (error == NNG_ECLOSED || error == NNG_ECANCELED)
		return;
	if (error != 0)
		fail(asker->is_receiving ? "receive" : "send", error);
	if (!asker->is_receiving) {
		asker->is_receiving = true;
		nng_ctx_recv(asker->ctx, asker->aio);
		return;
	}
	nng_msg *answer = nng_aio_get_msg(asker->aio);
	asker->heard(asker, answer);
	nng_msg_free(answer);
}

void
asker_open(struct asker *asker, const struct line *line,
    void (*heard)(struct asker *asker, nng_msg *answer))
{
	asker->heard = heard;
	int error = nng_ctx_open(&asker->ctx, line->socket);

	/* A timer for each call would be work that is none of the transport's. */
	if (error == 0)
		error = nng_ctx_set_ms(asker->ctx, NNG_OPT_RECVTIMEO, NNG_DURATION_INFINITE);
	if (error == 0)
		error = nng_aio_alloc(&asker->aio, asker_goes_on, asker);
	if (error != 0)
		fail("no context", error);
}

void
asker_send(struct asker *asker, const void *request, size_t bytes)
{
	asker->is_receiving = false;
	nng_aio_set_msg(asker->aio, message_of(request, bytes));
	nng_ctx_send(asker->ctx, asker->aio);
}
