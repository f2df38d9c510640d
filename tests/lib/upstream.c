#include "tests/lib/upstream.h"

#include <nng/protocol/reqrep0/rep.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
take(struct upstream *upstream, nng_msg *message, upstream_answer **answer, void **env)
{
	pthread_mutex_lock(&upstream->lock);
	if (upstream->last)
		nng_msg_free(upstream->last);
	upstream->last = NULL;
	assert_int_equal(nng_msg_dup(&upstream->last, message), 0);
	assert_int_equal(envelope_parse_request(
			     slice_of(nng_msg_body(upstream->last), nng_msg_len(upstream->last)),
			     &upstream->request)
			     .code,
	    ST_OK);
	upstream->calls++;
	*answer = upstream->answer;
	*env = upstream->env;
	pthread_mutex_unlock(&upstream->lock);
}

static nng_msg *
answer(struct upstream *upstream, nng_msg *message, struct arena *arena)
{
	struct request_envelope request;
	struct response_envelope response;
	upstream_answer *scripted;
	nng_msg *reply;
	void *env;

	take(upstream, message, &scripted, &env);
	assert_int_equal(
	    envelope_parse_request(slice_of(nng_msg_body(message), nng_msg_len(message)), &request)
		.code,
	    ST_OK);
	response_envelope_init(&response);
	response.call_id = request.call_id;
	if (scripted)
		scripted(env, &request, arena, &response);
	assert_int_equal(nng_msg_alloc(&reply, envelope_response_size(&response)), 0);
	(void)envelope_pack_response(&response, nng_msg_body(reply));
	return reply;
}

static void *
work(void *arg)
{
	struct upstream *upstream = arg;
	struct arena arena;
	nng_ctx ctx;
	nng_aio *aio;

	assert_int_equal(arena_init(&arena, 4096, 64u << 20).code, ST_OK);
	assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
	assert_int_equal(nng_ctx_open(&ctx, upstream->socket), 0);
	for (;;) {
		nng_msg *message;

		nng_ctx_recv(ctx, aio);
		nng_aio_wait(aio);
		if (nng_aio_result(aio) != 0)
			break;
		message = nng_aio_get_msg(aio);
		nng_aio_set_msg(aio, answer(upstream, message, &arena));
		nng_msg_free(message);
		arena_reset(&arena);
		nng_ctx_send(ctx, aio);
		nng_aio_wait(aio);
		if (nng_aio_result(aio) != 0)
			nng_msg_free(nng_aio_get_msg(aio));
	}
	(void)nng_ctx_close(ctx);
	nng_aio_free(aio);
	arena_done(&arena);
	return NULL;
}

void
upstream_open(struct upstream *upstream, const char *url)
{
	nng_listener listener;
	int port;

	memset(upstream, 0, sizeof(*upstream));
	pthread_mutex_init(&upstream->lock, NULL);
	assert_int_equal(nng_rep0_open(&upstream->socket), 0);
	assert_int_equal(nng_listen(upstream->socket, url, &listener, 0), 0);
	assert_int_equal(nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port), 0);
	snprintf(upstream->url, sizeof upstream->url, "tcp://127.0.0.1:%d", port);
	for (int i = 0; i < UPSTREAM_WORKERS; i++)
		assert_int_equal(pthread_create(&upstream->threads[i], NULL, work, upstream), 0);
}

void
upstream_close(struct upstream *upstream)
{
	(void)nng_close(upstream->socket);
	for (int i = 0; i < UPSTREAM_WORKERS; i++)
		pthread_join(upstream->threads[i], NULL);
	if (upstream->last)
		nng_msg_free(upstream->last);
	pthread_mutex_destroy(&upstream->lock);
}

void
upstream_script(struct upstream *upstream, upstream_answer *scripted, void *env)
{
	pthread_mutex_lock(&upstream->lock);
	upstream->answer = scripted;
	upstream->env = env;
	pthread_mutex_unlock(&upstream->lock);
}

const struct request_envelope *
upstream_last(struct upstream *upstream)
{
	pthread_mutex_lock(&upstream->lock);
	assert_non_null(upstream->last);
	pthread_mutex_unlock(&upstream->lock);
	return &upstream->request;
}

unsigned
upstream_calls(struct upstream *upstream)
{
	pthread_mutex_lock(&upstream->lock);
	unsigned calls = upstream->calls;
	pthread_mutex_unlock(&upstream->lock);
	return calls;
}
