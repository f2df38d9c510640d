#include "tests/lib/upstream.h"

#include "tests/lib/until.h"

#include <nng/protocol/reqrep0/rep.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

bool
is_health_question(const struct request_envelope *request)
{
	return slice_equals_text(request->method, "usher.v1.OpsService/GetHealth");
}

/* The lock is held. */
static void
note_call(struct upstream *upstream, nng_msg *message)
{
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
}

static void
take(struct upstream *upstream, nng_msg *message, const struct request_envelope *request,
    upstream_answer **answer, void **env)
{
	pthread_mutex_lock(&upstream->lock);
	if (!is_health_question(request))
		note_call(upstream, message);
	*answer = upstream->answer;
	*env = upstream->env;
	pthread_mutex_unlock(&upstream->lock);
}

/* Does a client ask for what the server can? It asks for no call. */
static bool
is_mere_question(struct upstream *upstream, const struct request_envelope *request)
{
	pthread_mutex_lock(&upstream->lock);
	const bool hears_questions = upstream->hears_questions;
	pthread_mutex_unlock(&upstream->lock);
	return !hears_questions && request->memory_only && request->payload.bytes == 0 &&
	       slice_equals_text(request->method, BATCH_METHOD_NAME);
}

static nng_msg *
answer(struct upstream *upstream, nng_msg *message, struct arena *arena)
{
	struct request_envelope request;
	struct response_envelope response;
	upstream_answer *scripted = NULL;
	nng_msg *reply;
	void *env = NULL;

	assert_int_equal(
	    envelope_parse_request(slice_of(nng_msg_body(message), nng_msg_len(message)), &request)
		.code,
	    ST_OK);
	if (!is_mere_question(upstream, &request))
		take(upstream, message, &request, &scripted, &env);
	response_envelope_init(&response);
	response.call_id = request.call_id;
	if (scripted)
		scripted(env, &request, arena, &response);
	assert_int_equal(nng_msg_alloc(&reply, envelope_response_size(&response)), 0);
	(void)envelope_pack_response(&response, nng_msg_body(reply));
	return reply;
}

typedef void operation(nng_ctx ctx, nng_aio *aio);

/* Starts it, and waits for its end. Did it succeed? Nothing starts once the socket is being closed:
 * nng 1.5.2's close frees what an operation that starts just then still locks. */
static bool
perform(struct upstream_worker *worker, operation *start)
{
	struct upstream *upstream = worker->upstream;

	pthread_mutex_lock(&upstream->lock);
	const bool starts = !upstream->is_closing;
	if (starts)
		start(worker->ctx, worker->aio);
	pthread_mutex_unlock(&upstream->lock);
	if (!starts)
		return false;
	nng_aio_wait(worker->aio);
	return nng_aio_result(worker->aio) == 0;
}

static void *
work(void *arg)
{
	struct upstream_worker *worker = arg;
	nng_aio *aio = worker->aio;

	while (perform(worker, nng_ctx_recv)) {
		nng_msg *message = nng_aio_get_msg(aio);

		nng_aio_set_msg(aio, answer(worker->upstream, message, &worker->arena));
		nng_msg_free(message);
		arena_reset(&worker->arena);
		if (!perform(worker, nng_ctx_send))
			nng_msg_free(nng_aio_get_msg(aio));
	}
	return NULL;
}

/* All that can fail does so here: in a thread of its own a failed assertion ends the program. */
static void
worker_open(struct upstream *upstream, struct upstream_worker *worker)
{
	worker->upstream = upstream;
	assert_int_equal(arena_init(&worker->arena, 4096, 64u << 20).code, ST_OK);
	assert_int_equal(nng_aio_alloc(&worker->aio, NULL, NULL), 0);
	assert_int_equal(nng_ctx_open(&worker->ctx, upstream->socket), 0);
	assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
}

static void
worker_close(struct upstream_worker *worker)
{
	pthread_join(worker->thread, NULL);
	(void)nng_ctx_close(worker->ctx);
	nng_aio_free(worker->aio);
	arena_done(&worker->arena);
}

void
upstream_prepare(struct upstream *upstream)
{
	memset(upstream, 0, sizeof(*upstream));
	pthread_mutex_init(&upstream->lock, NULL);
	assert_int_equal(nng_rep0_open(&upstream->socket), 0);
}

/* A port that is free in between may be another program's for a while. */
static nng_listener
listener_open(nng_socket socket, const char *url)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;
	nng_listener listener;
	int error;

	while ((error = nng_listen(socket, url, &listener, 0)) == NNG_EADDRINUSE &&
	       clock_boot_us(&clock_system) < give_up_us)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(error, 0);
	return listener;
}

void
upstream_listen(struct upstream *upstream, const char *url)
{
	const nng_listener listener = listener_open(upstream->socket, url);
	int port;

	assert_int_equal(nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port), 0);
	snprintf(upstream->url, sizeof upstream->url, "tcp://127.0.0.1:%d", port);
	for (int i = 0; i < UPSTREAM_WORKERS; i++)
		worker_open(upstream, &upstream->workers[i]);
}

void
upstream_open(struct upstream *upstream, const char *url)
{
	upstream_prepare(upstream);
	upstream_listen(upstream, url);
}

void
upstream_cut(struct upstream *upstream)
{
	pthread_mutex_lock(&upstream->lock);
	upstream->is_closing = true;
	pthread_mutex_unlock(&upstream->lock);
	(void)nng_close(upstream->socket);
}

void
upstream_close(struct upstream *upstream)
{
	upstream_cut(upstream);
	for (int i = 0; i < UPSTREAM_WORKERS; i++)
		worker_close(&upstream->workers[i]);
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

void
upstream_hear_questions(struct upstream *upstream)
{
	pthread_mutex_lock(&upstream->lock);
	upstream->hears_questions = true;
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
