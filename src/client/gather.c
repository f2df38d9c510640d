/* Calls for one server that travel together.
 *
 * One message at a time is out, and what comes meanwhile goes in the next: the busier the server,
 * the more of them share a message. The server answers from memory or says at once that it can't;
 * such a call goes again, alone, on a context of its own. So a message is out for a moment, and
 * nobody in it waits for anything but memory. If it is out for longer, nobody waits for it. */
#include "client/internal.h"

#include <assert.h>
#include <string.h>

#define GATHER_BYTES_MAX (1u << 20)
/* Whoever waits for a message that has been out for so long goes alone. */
#define PATIENCE_US (50 * US_PER_MS)
#define SWEEP_MS 25
/* When most of so many calls were not in memory, each goes alone for a while: one message less. */
#define MISSES_LOOK_AT 64
#define MISSES_REST_US (1 * US_PER_S)
/* A server that could not be asked is asked again. */
#define ASK_AGAIN_US (1 * US_PER_S)

static const struct client_method batch_method = {
    .name = BATCH_METHOD_NAME, .bytes_max = MESSAGE_BYTES_MAX};

/* It was not sent, or is not in memory: the attempt was none. The lock is held. */
static void
call_part(struct call *call)
{
	struct server *server = call->server;

	server->attempts--;
	call->tried &= ~(UINT32_C(1) << server->index);
	call_leave(call);
	call->may_gather = false;
	call->is_fresh = false; /* time has passed */
}

/* What waits is out from now on, as much of it as a message takes; whose time is over meanwhile is
 * not sent. false: nobody is left. The lock is held. */
static bool
gather_take(struct server *server, int64_t now_us, struct list *over)
{
	struct client *client = server->client;
	struct gathering *g = &server->gathering;
	size_t bytes = 0;

	g->out_count = 0;
	while (!list_is_empty(&g->waiting) && g->out_count < GATHER_CALLS_MAX) {
		struct call *call = container_of(g->waiting.next, struct call, list);
		const bool is_over = call->deadline_us <= now_us;

		if (!is_over && (bytes += nng_msg_len(call->request)) > GATHER_BYTES_MAX)
			break;
		list_remove(&call->list);
		g->waiting_count--;
		if (is_over) {
			call_part(call);
			list_add_last(over, &call->list);
		} else {
			g->out[g->out_count++] = call;
		}
	}
	if (g->out_count == 0)
		return false;
	if (g->out_count > 1)
		g->together += g->out_count;
	g->is_out = true;
	g->is_late = false;
	g->out_since_us = now_us;
	atomic_store(&g->sent_us, 0);
	/* The message outlives its calls: whose time is over does not wait for it. */
	client->calls_under_way++;
	return true;
}

/* Only where calls have company: one by itself is looked after by its message's own timeout. The
 * lock is held. */
static void
sweep_begin(struct client *client)
{
	if (client->is_sweeping)
		return;
	client->is_sweeping = true;
	nng_sleep_aio(SWEEP_MS, client->sweep);
}

enum gather_step
gather_join(struct call *call, int64_t now_us)
{
	struct server *server = call->server;
	struct gathering *g = &server->gathering;
	struct list over;

	if (!call->may_gather)
		return GATHER_NOT;
	if (g->ability == GATHER_UNKNOWN && now_us >= g->rests_until_us) {
		g->ability = GATHER_ASKED;
		return GATHER_NOT_ASKS;
	}
	if (g->ability != GATHER_ABLE || now_us < g->rests_until_us || g->is_late ||
	    g->waiting_count == GATHER_CALLS_MAX)
		return GATHER_NOT;
	list_add_last(&g->waiting, &call->list);
	g->waiting_count++;
	if (g->is_out) {
		sweep_begin(server->client);
		return GATHER_WAITS;
	}
	/* It is the only one, and has time. */
	list_init(&over);
	const bool is_out = gather_take(server, now_us, &over);
	assert(is_out);
	return GATHER_SENDS;
}

/* All that wait, into calls. The lock is held. */
static void
gather_disband(struct gathering *g, struct list *calls)
{
	struct list *node;

	while ((node = list_take_first(&g->waiting))) {
		call_part(container_of(node, struct call, list));
		list_add_last(calls, node);
	}
	g->waiting_count = 0;
}

static void
calls_attempt(struct list *calls)
{
	struct list *node;

	while ((node = list_take_first(calls)))
		call_attempt(container_of(node, struct call, list));
}

/* A message that came back, or did not. */
struct returned {
	struct call *calls[GATHER_CALLS_MAX];
	unsigned count;
	unsigned missed;
	bool is_counted; /* what was wrong with all of it */
};

/* The message is no longer out: the next one may go. Who waits and can't go is in back.
 * Is there a next one, for gather_send()? */
static bool
gather_return(struct server *server, bool goes_on, struct returned *out, struct list *back)
{
	struct client *client = server->client;
	struct gathering *g = &server->gathering;

	*out = (struct returned){.count = 0};
	list_init(back);
	(void)pthread_mutex_lock(&client->lock);
	out->count = g->out_count;
	memcpy(out->calls, g->out, g->out_count * sizeof(struct call *));
	g->is_out = g->is_late = false;
	goes_on = goes_on && !atomic_load(&client->is_closing) &&
		  gather_take(server, clock_boot_us(client->clock), back);
	if (!goes_on)
		gather_disband(g, back);
	(void)pthread_mutex_unlock(&client->lock);
	return goes_on;
}

/* Who was in the message knows. */
static void
gather_settle(struct server *server, const struct returned *returned)
{
	struct client *client = server->client;
	struct gathering *g = &server->gathering;

	(void)pthread_mutex_lock(&client->lock);
	g->answered += returned->count;
	g->missed += returned->missed;
	if (g->answered >= MISSES_LOOK_AT) {
		if (g->missed > g->answered / 2)
			g->rests_until_us = clock_boot_us(client->clock) + MISSES_REST_US;
		g->answered = g->missed = 0;
	}
	call_is_through(client);
	(void)pthread_mutex_unlock(&client->lock);
}

/* What became of one. */
static void
call_conclude_gathered(
    struct returned *returned, struct call *call, struct client_result *result, bool is_all)
{
	struct client *client = call->client;

	if (result->status.code == ST_FAILED_PRECONDITION && result->status.reason &&
	    strcmp(result->status.reason, NOT_IN_MEMORY_REASON) == 0) {
		client_result_done(result);
		returned->missed++;
		(void)pthread_mutex_lock(&client->lock);
		call->server->heard_us = clock_boot_us(client->clock);
		call->has_missed = true;
		call_part(call);
		(void)pthread_mutex_unlock(&client->lock);
		call_attempt(call);
		return;
	}
	call_conclude(call, result, is_all && returned->is_counted);
	returned->is_counted = true;
}

/* A Response of its own, since each result goes when it likes. */
static void
call_conclude_bytes(struct returned *returned, struct call *call, struct slice bytes, bool is_all)
{
	struct client_result result = {.status = STATUS_OK};
	nng_msg *message = NULL;

	if (nng_msg_alloc(&message, bytes.bytes) == 0) {
		if (bytes.bytes)
			memcpy(nng_msg_body(message), bytes.data, bytes.bytes);
		client_result_read(&result, message, call->reply);
	} else {
		result.status = REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the reply");
	}
	call_conclude_gathered(returned, call, &result, is_all);
}

static void
returned_fail(struct returned *returned, status failure)
{
	for (unsigned i = 0; i < returned->count; i++) {
		struct client_result result = {.status = failure};

		if (returned->calls[i])
			call_conclude_gathered(returned, returned->calls[i], &result, true);
	}
}

static void
returned_read_all(
    struct returned *returned, struct slice bytes, const struct response_envelope *envelope)
{
	struct wire_reader reader = wire_reader_of(envelope->payload);

	for (unsigned i = 0; i < returned->count; i++) {
		struct call *call = returned->calls[i];
		struct slice item = bytes;

		if (envelope->code == ST_OK && !batch_next(&reader, &item))
			item = slice_text("\xff"); /* no Response: the reply lacks one */
		if (call)
			call_conclude_bytes(returned, call, item, envelope->code != ST_OK);
	}
}

static void
returned_read(struct server *server, struct returned *returned, nng_msg *message)
{
	const struct slice bytes = slice_of(nng_msg_body(message), nng_msg_len(message));
	struct client *client = server->client;
	struct response_envelope envelope;
	const status st = envelope_parse_response(bytes, &envelope);

	if (st.code == ST_OK && envelope.code == ST_OK && !envelope.memory_only) {
		/* It did as it was asked, but not from memory alone. */
		(void)pthread_mutex_lock(&client->lock);
		server->gathering.ability = GATHER_UNABLE;
		(void)pthread_mutex_unlock(&client->lock);
	}
	if (st.code != ST_OK) {
		returned_fail(returned,
		    REFUSE_FOR(ST_INTERNAL, "MALFORMED_REPLY", "the server's reply can't be read"));
	} else if (returned->count > 1) {
		returned_read_all(returned, bytes, &envelope);
	} else if (returned->calls[0]) {
		struct client_result result = {.status = STATUS_OK};

		client_result_read(&result, message, returned->calls[0]->reply);
		call_conclude_gathered(returned, returned->calls[0], &result, true);
		return;
	}
	nng_msg_free(message);
}

static void
gather_received(struct server *server, int error)
{
	struct gathering *g = &server->gathering;
	nng_msg *message = error == 0 ? nng_aio_get_msg(g->aio) : NULL;
	struct returned returned;
	struct list back;

	nng_aio_set_msg(g->aio, NULL);
	/* The server works on the next one while we look at this one. */
	if (gather_return(server, error == 0, &returned, &back))
		gather_send(server);
	if (message)
		returned_read(server, &returned, message);
	else
		returned_fail(&returned, failure_of(server->client, error));
	calls_attempt(&back);
	gather_settle(server, &returned);
}

/* It was not sent, so nobody was asked: they choose again. */
static void
gather_not_sent(struct server *server, status failure)
{
	struct client *client = server->client;
	struct returned returned;
	struct list back;

	(void)gather_return(server, false, &returned, &back);
	for (unsigned i = 0; i < returned.count; i++) {
		(void)pthread_mutex_lock(&client->lock);
		call_part(returned.calls[i]);
		(void)pthread_mutex_unlock(&client->lock);
		if (failure.code == ST_DEADLINE_EXCEEDED)
			call_attempt(returned.calls[i]);
		else
			call_fail(returned.calls[i], failure);
	}
	calls_attempt(&back);
	returned.count = 0;
	gather_settle(server, &returned);
}

static int64_t
latest_deadline(const struct gathering *g)
{
	int64_t latest_us = 0;

	for (unsigned i = 0; i < g->out_count; i++)
		if (g->out[i]->deadline_us > latest_us)
			latest_us = g->out[i]->deadline_us;
	return latest_us;
}

static void
gather_sent(struct server *server, int error)
{
	struct client *client = server->client;
	struct gathering *g = &server->gathering;
	const int64_t now_us = clock_boot_us(client->clock);

	if (error == 0) {
		nng_aio_set_timeout(
		    g->aio, duration_of(latest_deadline(g) + ANSWER_GRACE_US - now_us));
		atomic_store(&g->sent_us, now_us);
		nng_ctx_recv(g->ctx, g->aio);
		return;
	}
	nng_msg *unsent = nng_aio_get_msg(g->aio);
	nng_aio_set_msg(g->aio, NULL);
	if (unsent)
		nng_msg_free(unsent);
	gather_not_sent(server, failure_of(client, error));
}

/* The send, or the receive, is over. */
static void
gather_step(void *arg)
{
	struct server *server = arg;
	const int error = nng_aio_result(server->gathering.aio);

	if (atomic_load(&server->gathering.sent_us) == 0)
		gather_sent(server, error);
	else
		gather_received(server, error);
}

void
gather_send(struct server *server)
{
	struct client *client = server->client;
	struct gathering *g = &server->gathering;
	const int64_t left_us = latest_deadline(g) - clock_boot_us(client->clock);
	nng_msg *message = NULL;
	const status st = g->out_count == 1 ? request_pack_memory_only(g->out[0]->request, &message)
					    : request_pack_together(g->out, g->out_count,
						  (uint32_t)duration_of(left_us), &message);

	if (st.code != ST_OK) {
		gather_not_sent(server, st);
		return;
	}
	nng_aio_set_msg(g->aio, message);
	nng_aio_set_timeout(g->aio, duration_of(left_us < SEND_US_MAX ? left_us : SEND_US_MAX));
	nng_ctx_send(g->ctx, g->aio);
}

void
gather_give_up(struct server *server, int64_t before_us)
{
	const struct gathering *g = &server->gathering;
	const int64_t sent_us = atomic_load(&g->sent_us);

	if (g->is_out && sent_us != 0 && sent_us <= before_us)
		nng_aio_cancel(g->aio);
}

/* Whether it obeys. */
static void
asked_end(void *arg, struct client_result *result)
{
	struct server *server = arg;
	struct client *client = server->client;
	struct gathering *g = &server->gathering;
	struct response_envelope envelope;
	nng_msg *message = result->internal_message;

	const bool obeys = message &&
			   envelope_parse_response(
			       slice_of(nng_msg_body(message), nng_msg_len(message)), &envelope)
				   .code == ST_OK &&
			   envelope.memory_only;
	(void)pthread_mutex_lock(&client->lock);
	/* Another connection by now is asked by another call. */
	if (g->ability == GATHER_ASKED && result->status.code == ST_OK) {
		g->ability = obeys ? GATHER_ABLE : GATHER_UNABLE;
	} else if (g->ability == GATHER_ASKED) {
		g->ability = GATHER_UNKNOWN;
		g->rests_until_us = clock_boot_us(client->clock) + ASK_AGAIN_US;
	}
	(void)pthread_mutex_unlock(&client->lock);
	client_result_done(result);
}

/* With no call at all: what an older server makes of that does not matter. */
void
gather_ask(struct server *server)
{
	const struct client_options options = {.timeout_ms = DEADLINE_MS_DEFAULT};

	call_start(server->client, &(struct call_plan){.method = &batch_method,
				       .options = &options,
				       .memory_only = true,
				       .pinned = server,
				       .callback = asked_end,
				       .arg = server});
}

/* Calls that wait for a message that is late go alone; calls in it whose own time is over are
 * over. The lock is held. */
static void
gather_sweep(struct gathering *g, int64_t now_us, struct list *alone, struct list *over)
{
	if (now_us - g->out_since_us > PATIENCE_US) {
		g->is_late = true;
		gather_disband(g, alone);
	}
	/* Until then it is being made of them. */
	if (atomic_load(&g->sent_us) == 0)
		return;
	for (unsigned i = 0; i < g->out_count; i++) {
		struct call *call = g->out[i];

		if (!call || call->deadline_us + ANSWER_GRACE_US > now_us)
			continue;
		list_add_last(over, &call->list);
		g->out[i] = NULL;
	}
}

static void
sweep_step(void *arg)
{
	struct client *client = arg;
	struct list alone, over, *node;
	bool is_needed = false;

	list_init(&alone);
	list_init(&over);
	(void)pthread_mutex_lock(&client->lock);
	const int64_t now_us = clock_boot_us(client->clock);
	for (unsigned i = 0; i < client->servers_count; i++) {
		struct gathering *g = &client->servers[i].gathering;

		if (!g->is_out || (g->out_count == 1 && list_is_empty(&g->waiting)))
			continue;
		is_needed = true;
		gather_sweep(g, now_us, &alone, &over);
	}
	client->is_sweeping = is_needed && !atomic_load(&client->is_closing);
	if (client->is_sweeping)
		nng_sleep_aio(SWEEP_MS, client->sweep);
	(void)pthread_mutex_unlock(&client->lock);
	calls_attempt(&alone);
	while ((node = list_take_first(&over))) {
		struct client_result late = {.status = failure_of(client, NNG_ETIMEDOUT)};

		call_conclude(container_of(node, struct call, list), &late, false);
	}
}

status
gatherings_watch(struct client *client)
{
	if (nng_aio_alloc(&client->sweep, sweep_step, client) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	return STATUS_OK;
}

status
gathering_open(struct server *server)
{
	struct gathering *g = &server->gathering;

	list_init(&g->waiting);
	if (nng_ctx_open(&g->ctx, server->socket) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	if (nng_aio_alloc(&g->aio, gather_step, server) != 0) {
		(void)nng_ctx_close(g->ctx);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	}
	g->is_open = true;
	return STATUS_OK;
}

void
gathering_close(struct server *server)
{
	struct gathering *g = &server->gathering;

	if (!g->is_open)
		return;
	nng_aio_stop(g->aio);
	nng_aio_free(g->aio);
	(void)nng_ctx_close(g->ctx);
	g->is_open = false;
}
