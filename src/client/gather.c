/* Calls for one server that travel together: a convoy is a message of them.
 *
 * While one is out, what comes goes in the next: the busier the server, the more of them share a
 * message. Where enough wait, a second one does not wait for the first, so that the server works on
 * one of them while we do on the other. The server answers from memory or says at once that it
 * can't; such a call goes again, alone, on a context of its own. So a convoy is out for a moment,
 * and nobody in it waits for anything but memory. If it is out for longer, nobody waits for it. */
#include "client/internal.h"

#include <assert.h>
#include <string.h>

#define GATHER_BYTES_MAX (1u << 20)
/* So many need not wait for one that is out. */
#define CONVOY_CALLS_LEAST 32
/* Whoever waits for a message that has been out for so long goes alone. */
#define PATIENCE_US (50 * US_PER_MS)
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

/* What waits is out from now on, as much of it as a message takes. Whose time is over meanwhile is
 * not sent: it goes into over or, without that, waits on. false: nobody is left. The lock is held.
 */
static bool
convoy_take(struct convoy *convoy, int64_t now_us, struct list *over)
{
	struct client *client = convoy->server->client;
	struct gathering *g = &convoy->server->gathering;
	size_t bytes = 0;

	convoy->count = 0;
	list_for_each_safe (node, &g->waiting) {
		struct call *call = container_of(node, struct call, list);
		const bool is_over = call->deadline_us <= now_us;

		if (is_over && !over)
			continue;
		if (convoy->count == GATHER_CALLS_MAX ||
		    (!is_over && (bytes += nng_msg_len(call->request)) > GATHER_BYTES_MAX))
			break;
		list_remove(&call->list);
		g->waiting_count--;
		if (is_over) {
			call_part(call);
			list_add_last(over, &call->list);
		} else {
			convoy->calls[convoy->count++] = call;
		}
	}
	if (convoy->count == 0)
		return false;
	if (convoy->count > 1)
		g->together += convoy->count;
	convoy->is_out = true;
	convoy->is_late = false;
	convoy->out_since_us = now_us;
	atomic_store(&convoy->sent_us, 0);
	/* The message outlives its calls: whose time is over does not wait for it. */
	client->calls_under_way++;
	return true;
}

/* One that may go now; NULL: what waits has to wait on. The lock is held. */
static struct convoy *
convoy_next(struct gathering *g)
{
	struct convoy *next = NULL;
	unsigned out = 0;

	for (unsigned i = 0; i < CONVOYS; i++) {
		out += g->convoys[i].is_out;
		if (!g->convoys[i].is_out)
			next = &g->convoys[i];
	}
	return out == 0 || g->waiting_count >= CONVOY_CALLS_LEAST ? next : NULL;
}

static bool
gather_is_late(const struct gathering *g)
{
	for (unsigned i = 0; i < CONVOYS; i++)
		if (g->convoys[i].is_late)
			return true;
	return false;
}

enum gather_step
gather_join(struct call *call, int64_t now_us, struct convoy **out)
{
	struct server *server = call->server;
	struct gathering *g = &server->gathering;

	if (!call->may_gather)
		return GATHER_NOT;
	if (g->ability == GATHER_UNKNOWN && now_us >= g->rests_until_us) {
		g->ability = GATHER_ASKED;
		return GATHER_NOT_ASKS;
	}
	if (g->ability != GATHER_ABLE || now_us < g->rests_until_us || gather_is_late(g) ||
	    g->waiting_count == GATHER_CALLS_MAX)
		return GATHER_NOT;
	list_add_last(&g->waiting, &call->list);
	g->waiting_count++;
	struct convoy *convoy = convoy_next(g);
	if (!convoy || g->waiting_count > 1)
		/* Only where calls have company: one by itself is looked after by its message's own
		 * timeout. */
		pulse_sweep(server->client);
	if (!convoy)
		return GATHER_WAITS;
	/* This one has time. */
	const bool is_out = convoy_take(convoy, now_us, NULL);
	assert(is_out);
	*out = convoy;
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

/* The convoy is back: it may go again, with what waits. Who waits and can't go is in back. Is there
 * something for gather_send()? */
static bool
convoy_return(struct convoy *convoy, bool goes_on, struct returned *out, struct list *back)
{
	struct client *client = convoy->server->client;
	struct gathering *g = &convoy->server->gathering;

	*out = (struct returned){.count = 0};
	list_init(back);
	(void)pthread_mutex_lock(&client->lock);
	out->count = convoy->count;
	memcpy(out->calls, convoy->calls, convoy->count * sizeof(struct call *));
	convoy->is_out = convoy->is_late = false;
	if (!goes_on || atomic_load(&client->is_closing))
		gather_disband(g, back);
	goes_on = g->waiting_count > 0 && convoy_next(g) &&
		  convoy_take(convoy, clock_boot_us(client->clock), back);
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
gather_received(void *arg)
{
	struct convoy *convoy = arg;
	struct server *server = convoy->server;
	const int error = nng_aio_result(convoy->receiving);
	nng_msg *message = error == 0 ? nng_aio_get_msg(convoy->receiving) : NULL;
	struct returned returned;
	struct list back;

	nng_aio_set_msg(convoy->receiving, NULL);
	/* The server works on the next one while we look at this one. */
	if (convoy_return(convoy, error == 0, &returned, &back))
		gather_send(convoy);
	if (message)
		returned_read(server, &returned, message);
	else
		returned_fail(&returned, failure_of(server->client, error));
	calls_attempt(&back);
	gather_settle(server, &returned);
}

/* It was not sent, so nobody was asked: they choose again. */
static void
gather_not_sent(struct convoy *convoy, status failure)
{
	struct client *client = convoy->server->client;
	struct returned returned;
	struct list back;

	(void)convoy_return(convoy, false, &returned, &back);
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
	gather_settle(convoy->server, &returned);
}

static int64_t
latest_deadline(const struct convoy *convoy)
{
	int64_t latest_us = 0;

	for (unsigned i = 0; i < convoy->count; i++)
		if (convoy->calls[i]->deadline_us > latest_us)
			latest_us = convoy->calls[i]->deadline_us;
	return latest_us;
}

static void
gather_sent(void *arg)
{
	struct convoy *convoy = arg;
	struct client *client = convoy->server->client;
	const int error = nng_aio_result(convoy->sending);
	const int64_t now_us = clock_boot_us(client->clock);

	if (error == 0) {
		nng_aio_set_timeout(convoy->receiving,
		    duration_of(latest_deadline(convoy) + ANSWER_GRACE_US - now_us));
		atomic_store(&convoy->sent_us, now_us);
		nng_ctx_recv(convoy->ctx, convoy->receiving);
		return;
	}
	nng_msg *unsent = nng_aio_get_msg(convoy->sending);
	nng_aio_set_msg(convoy->sending, NULL);
	if (unsent)
		nng_msg_free(unsent);
	gather_not_sent(convoy, failure_of(client, error));
}

void
gather_send(struct convoy *convoy)
{
	struct client *client = convoy->server->client;
	const int64_t left_us = latest_deadline(convoy) - clock_boot_us(client->clock);
	nng_msg *message = NULL;
	const status st = convoy->count == 1
			      ? request_pack_memory_only(convoy->calls[0]->request, &message)
			      : request_pack_together(convoy->calls, convoy->count,
				    (uint32_t)duration_of(left_us), &message);

	if (st.code != ST_OK) {
		gather_not_sent(convoy, st);
		return;
	}
	nng_aio_set_msg(convoy->sending, message);
	nng_aio_set_timeout(
	    convoy->sending, duration_of(left_us < SEND_US_MAX ? left_us : SEND_US_MAX));
	nng_ctx_send(convoy->ctx, convoy->sending);
}

void
gather_give_up(struct server *server, int64_t before_us)
{
	for (unsigned i = 0; i < CONVOYS; i++) {
		const struct convoy *convoy = &server->gathering.convoys[i];
		const int64_t sent_us = atomic_load(&convoy->sent_us);

		if (convoy->is_out && sent_us != 0 && sent_us <= before_us)
			nng_aio_cancel(convoy->receiving);
	}
}

void
gather_cancel(struct server *server)
{
	for (unsigned i = 0; i < CONVOYS; i++) {
		const struct convoy *convoy = &server->gathering.convoys[i];

		if (!convoy->is_open)
			continue;
		nng_aio_cancel(convoy->sending);
		nng_aio_cancel(convoy->receiving);
	}
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

/* Calls that wait for a convoy that is late go alone; calls in it whose own time is over are over.
 * The lock is held. */
static void
convoy_sweep(struct convoy *convoy, int64_t now_us, struct list *alone, struct list *over)
{
	if (now_us - convoy->out_since_us > PATIENCE_US) {
		convoy->is_late = true;
		gather_disband(&convoy->server->gathering, alone);
	}
	/* Until then it is being made of them. */
	if (atomic_load(&convoy->sent_us) == 0)
		return;
	for (unsigned i = 0; i < convoy->count; i++) {
		struct call *call = convoy->calls[i];

		if (!call || call->deadline_us + ANSWER_GRACE_US > now_us)
			continue;
		list_add_last(over, &call->list);
		convoy->calls[i] = NULL;
	}
}

/* Is there one to be looked after? The lock is held. */
static bool
gather_sweep(struct gathering *g, int64_t now_us, struct list *alone, struct list *over)
{
	bool is_needed = false;

	for (unsigned i = 0; i < CONVOYS; i++) {
		struct convoy *convoy = &g->convoys[i];

		if (!convoy->is_out || (convoy->count == 1 && list_is_empty(&g->waiting)))
			continue;
		is_needed = true;
		convoy_sweep(convoy, now_us, alone, over);
	}
	return is_needed;
}

void
gatherings_sweep(struct client *client)
{
	struct list alone, over, *node;
	bool is_needed = false;

	list_init(&alone);
	list_init(&over);
	(void)pthread_mutex_lock(&client->lock);
	const int64_t now_us = clock_boot_us(client->clock);
	for (unsigned i = 0; i < client->servers_count; i++)
		is_needed |= gather_sweep(&client->servers[i].gathering, now_us, &alone, &over);
	client->pulse.is_sweeping = is_needed;
	(void)pthread_mutex_unlock(&client->lock);
	calls_attempt(&alone);
	while ((node = list_take_first(&over))) {
		struct client_result late = {.status = failure_of(client, NNG_ETIMEDOUT)};

		call_conclude(container_of(node, struct call, list), &late, false);
	}
}

static status
convoy_open(struct convoy *convoy, struct server *server)
{
	convoy->server = server;
	if (nng_ctx_open(&convoy->ctx, server->socket) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	if (nng_aio_alloc(&convoy->sending, gather_sent, convoy) != 0 ||
	    nng_aio_alloc(&convoy->receiving, gather_received, convoy) != 0) {
		aio_free(&convoy->sending);
		(void)nng_ctx_close(convoy->ctx);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	}
	convoy->is_open = true;
	return STATUS_OK;
}

status
gathering_open(struct server *server)
{
	struct gathering *g = &server->gathering;

	list_init(&g->waiting);
	for (unsigned i = 0; i < CONVOYS; i++)
		TRY(convoy_open(&g->convoys[i], server));
	return STATUS_OK;
}

void
gathering_close(struct server *server)
{
	for (unsigned i = 0; i < CONVOYS; i++) {
		struct convoy *convoy = &server->gathering.convoys[i];

		if (!convoy->is_open)
			continue;
		/* Before the receive's: its callback may not have returned from beginning the
		 * receive. */
		aio_free(&convoy->sending);
		aio_free(&convoy->receiving);
		(void)nng_ctx_close(convoy->ctx);
		convoy->is_open = false;
	}
}
