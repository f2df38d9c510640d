/* A call: its attempts, and the pauses between them.
 *
 * It is sent, and received only when the send is complete: nng 1.5 does not bear both at once.
 * Send, receive and pause have an aio each. nng's expiry thread first collects the aios whose time
 * is over and cancels them one by one, without the lock: a send that succeeds meanwhile would have
 * the receive begun on its aio cancelled as timed out. And on an aio that has slept nng takes a
 * later timeout for a success, without a message. */
#include "base/limits.h"
#include "base/wait.h"
#include "client/internal.h"

#include <stdlib.h>

static void call_sent(void *arg);
static void call_received(void *arg);
static void call_wakes(void *arg);
static void call_free(struct call *call);

static status
call_new(struct client *client, struct call **out)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	call->client = client;
	list_init(&call->list);
	list_init(&call->all);
	list_init(&call->here);
	if (nng_aio_alloc(&call->sending, call_sent, call) != 0 ||
	    nng_aio_alloc(&call->receiving, call_received, call) != 0 ||
	    nng_aio_alloc(&call->pause, call_wakes, call) != 0) {
		call_free(call);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	}
	(void)pthread_mutex_lock(&client->lock);
	list_add_last(&client->calls_all, &call->all);
	(void)pthread_mutex_unlock(&client->lock);
	*out = call;
	return STATUS_OK;
}

static status
call_take(struct client *client, const struct call_plan *plan, struct call **out)
{
	struct list *node = NULL;
	bool has_room = false;

	(void)pthread_mutex_lock(&client->lock);
	const bool is_closing = atomic_load(&client->is_closing);
	if (!is_closing) {
		has_room = plan->pinned || atomic_load(&client->calls_counted) < client->calls_max;
		/* The one that was idle longest: nng may still be putting away its timeout. */
		node = has_room ? list_take_first(&client->calls_free) : NULL;
		client->calls_under_way += has_room;
		(void)atomic_fetch_add(&client->calls_counted, has_room && !plan->pinned);
	}
	(void)pthread_mutex_unlock(&client->lock);
	if (is_closing)
		return REFUSE_FOR(ST_CANCELLED, "CLIENT_CLOSED", "the client is being closed");
	if (!has_room)
		return REFUSE_FOR(
		    ST_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "too many calls are under way");
	if (node) {
		*out = container_of(node, struct call, list);
		return STATUS_OK;
	}
	const status st = call_new(client, out);
	if (st.code != ST_OK) {
		(void)atomic_fetch_sub(&client->calls_counted, !plan->pinned);
		(void)pthread_mutex_lock(&client->lock);
		call_is_through(client);
		(void)pthread_mutex_unlock(&client->lock);
	}
	return st;
}

void
call_is_through(struct client *client)
{
	client->calls_under_way--;
	if (client->calls_under_way == 0)
		(void)pthread_cond_broadcast(&client->idle);
}

static void
call_end(struct call *call, struct client_result *result)
{
	struct client *client = call->client;

	if (call->request)
		nng_msg_free(call->request);
	call->request = NULL;
	result->attempts = call->attempts;
	/* Whoever hears that it is over may make another in its place. */
	(void)atomic_fetch_sub(&client->calls_counted, call->pinned == NULL);
	call->callback(call->arg, result);
	(void)pthread_mutex_lock(&client->lock);
	list_add_last(&client->calls_free, &call->list);
	call_is_through(client);
	(void)pthread_mutex_unlock(&client->lock);
}

void
call_fail(struct call *call, status failure)
{
	client_result_done(&call->last);
	call_end(call, &(struct client_result){.status = failure});
}

#define CLOSED REFUSE_FOR(ST_CANCELLED, "CLIENT_CLOSED", "the client is being closed")

/* Until when it waits for a connection. */
static int64_t
call_connect_end_us(const struct call *call)
{
	return call->attempts == 0 && !call->has_missed ? call->connect_until_us
							: call->deadline_us;
}

/* The time is over, and nothing was sent; or nothing more, and what came last is what there is. */
static void
call_run_out(struct call *call, bool is_connected)
{
	const struct client *client = call->client;
	struct client_result last = call->last;

	if (call->attempts > 0) {
		call->last = (struct client_result){.status = STATUS_OK};
		call_end(call, &last);
	} else if (call->has_missed) {
		call->attempts++;
		call_fail(call, failure_of(client, is_connected ? NNG_ETIMEDOUT : NNG_ECLOSED));
	} else if (is_connected) {
		call_fail(
		    call, REFUSE_FOR(ST_DEADLINE_EXCEEDED, "NOT_SENT",
			      "the connection was busy until the deadline; nothing was sent"));
	} else {
		call_fail(call, REFUSE_FOR(ST_UNAVAILABLE, "NOT_CONNECTED",
				    "there is no connection to the server; nothing was sent"));
	}
}

status
failure_of(const struct client *client, int error)
{
	if (error == NNG_ETIMEDOUT)
		return REFUSE_FOR(ST_DEADLINE_EXCEEDED, "NO_ANSWER",
		    "no answer came in time; the call may have been done");
	if (error == NNG_ENOMEM)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the call");
	if (atomic_load(&client->is_closing))
		return CLOSED;
	return REFUSE_FOR(ST_UNAVAILABLE, "CONNECTION_LOST",
	    "the connection was lost; the call may have been done");
}

bool
is_no_answer(const struct client_result *result)
{
	return !result->internal_message && (result->status.code == ST_UNAVAILABLE ||
						result->status.code == ST_DEADLINE_EXCEEDED);
}

nng_duration
duration_of(int64_t us)
{
	const int64_t ms = us / US_PER_MS;

	/* Zero would be "at once or not at all", less than that "for ever". */
	if (ms < 1)
		return 1;
	return ms < INT32_MAX ? (nng_duration)ms : INT32_MAX;
}

/* Sleeps, to look again afterwards. */
static void
call_wait(struct call *call, int64_t us)
{
	nng_sleep_aio(duration_of(us), call->pause);
}

/* The message for this attempt. A request that may be needed again stays. */
static status
call_message(struct call *call, int64_t left_us, nng_msg **out)
{
	if (!call->is_fresh)
		return request_pack_again(call->request, (uint32_t)duration_of(left_us), out);
	call->is_fresh = false;
	if (!call->is_safe) {
		*out = call->request;
		call->request = NULL;
		return STATUS_OK;
	}
	if (nng_msg_dup(out, call->request) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	return STATUS_OK;
}

/* Who gets it; false: nobody can, and the call waits. The lock is held. */
static bool
call_choose(struct call *call, int64_t now_us)
{
	struct client *client = call->client;
	int at = call->pinned ? (int)call->pinned->index
			      : health_choose(client->health, client->servers_count, call->tried,
				    client->turn++, now_us);

	if (at < 0) {
		call->is_fresh = false; /* time will have passed */
		list_add_last(&client->calls_waiting, &call->list);
		/* Under the lock, so that whoever wakes it finds it asleep. */
		call_wait(call, call_connect_end_us(call) - now_us);
		return false;
	}
	struct server *server = &client->servers[at];
	call->server = server;
	call->tried |= UINT32_C(1) << at;
	if (client->health[at].calls++ == 0)
		server->heard_us = now_us;
	server->attempts++;
	list_add_last(&server->calls, &call->here);
	atomic_store(&call->sent_us, 0);
	return true;
}

/* The lock is held. */
static enum gather_step
call_join(struct call *call, int64_t now_us, struct convoy **convoy)
{
	const enum gather_step step = gather_join(call, now_us, convoy);
	struct list *node;

	if (step == GATHER_WAITS || step == GATHER_SENDS)
		return step;
	node = list_take_first(&call->server->lines_free);
	call->line = node ? container_of(node, struct line, list) : NULL;
	return step;
}

void
call_leave(struct call *call)
{
	struct server *server = call->server;

	list_remove(&call->here);
	call->client->health[server->index].calls--;
	if (call->line)
		list_add_last(&server->lines_free, &call->line->list);
	call->line = NULL;
	call->server = NULL;
}

static status
call_send(struct call *call, int64_t left_us)
{
	nng_msg *message;

	if (!call->line)
		TRY(line_open(call->server, &call->line));
	TRY(call_message(call, left_us, &message));
	nng_aio_set_msg(call->sending, message);
	nng_aio_set_timeout(call->sending,
	    duration_of(call->pinned || left_us < SEND_US_MAX ? left_us : SEND_US_MAX));
	nng_ctx_send(call->line->ctx, call->sending);
	return STATUS_OK;
}

static void
call_send_alone(struct call *call, int64_t left_us)
{
	struct client *client = call->client;
	const status st = call_send(call, left_us);

	if (st.code == ST_OK)
		return;
	(void)pthread_mutex_lock(&client->lock);
	call_leave(call);
	(void)pthread_mutex_unlock(&client->lock);
	call_fail(call, st);
}

void
call_attempt(struct call *call)
{
	struct client *client = call->client;
	const int64_t now_us = clock_boot_us(client->clock);
	const int64_t left_us = call->deadline_us - now_us;
	const bool is_connected = atomic_load(&client->connections) > 0;
	enum gather_step step = GATHER_WAITS;
	struct server *server = NULL;
	struct convoy *convoy = NULL;

	if (atomic_load(&client->is_closing)) {
		call_fail(call, CLOSED);
		return;
	}
	if (left_us <= 0 || (!is_connected && call_connect_end_us(call) <= now_us)) {
		call_run_out(call, is_connected);
		return;
	}
	(void)pthread_mutex_lock(&client->lock);
	if (call_choose(call, now_us)) {
		server = call->server;
		step = call_join(call, now_us, &convoy);
	}
	(void)pthread_mutex_unlock(&client->lock);
	switch (step) {
	case GATHER_WAITS:
		return;
	case GATHER_SENDS:
		gather_send(convoy);
		return;
	case GATHER_NOT_ASKS:
		gather_ask(server);
		break;
	case GATHER_NOT:
		break;
	}
	call_send_alone(call, left_us);
}

/* It could not do its work. Is that a trouble of its own? What one connection takes along costs as
 * much as one call; what the next one does is another trouble, while the server rests too, or one
 * that is started again and again would cost nothing. The lock is held. */
static bool
server_fails(struct server *server, bool has_answered, bool is_lost, int64_t now_us)
{
	server->failures++;
	if (health_begin_rest(&server->client->health[server->index], now_us))
		server->has_lost = false;
	const bool is_new = has_answered || !server->has_lost;
	server->has_lost |= is_lost;
	return is_new;
}

/* What the attempt says about its server, and whether there is another. The lock is held.
 * pause_us: until then. */
static bool
call_judge(struct call *call, const struct client_result *result, bool is_more, int64_t now_us,
    int64_t *pause_us)
{
	struct client *client = call->client;
	struct server *server = call->server;
	struct server_health *health = &client->health[server->index];
	const bool has_answered = result->internal_message != NULL;
	const bool is_passing = retry_is_worth_it(result->status, result->retry_after_ms);
	const bool is_trouble = is_passing && retry_tells_of_trouble(result->status);
	const bool is_ill = is_no_answer(result) ||
			    (has_answered && is_passing && result->status.code == ST_UNAVAILABLE);
	bool is_new = true;
	uint32_t random = 0;

	if (has_answered)
		server->heard_us = now_us;
	if (is_ill)
		is_new = server_fails(server, has_answered, is_passing && !has_answered, now_us);
	else if (has_answered)
		health_end_rest(health);
	if (is_trouble && is_new && !is_more)
		retry_budget_take(&client->budget);
	else if (!is_trouble && has_answered)
		retry_budget_return(&client->budget);
	if (!is_passing || !call->is_safe || call->pinned ||
	    call->attempts >= client->attempts_max || !retry_budget_suffices(&client->budget) ||
	    atomic_load(&client->is_closing))
		return false;
	if (result->retry_after_ms > 0) {
		call->pauses = 0;
		*pause_us = result->retry_after_ms * US_PER_MS;
	} else {
		/* Without randomness the pause is the shortest there is. */
		if (rand_fill(client->rand, &random, sizeof(random)).code != ST_OK)
			random = 0;
		*pause_us = retry_pause_us(call->pauses++, random);
	}
	if (now_us + *pause_us >= call->deadline_us)
		return false;
	client->repeats++;
	return true;
}

void
call_conclude(struct call *call, struct client_result *result, bool is_more)
{
	struct client *client = call->client;
	const int64_t now_us = clock_boot_us(client->clock);
	int64_t pause_us = 0;

	call->attempts++;
	/* A write that is not everywhere yet is made again, and its repeat may tell of none. */
	if (call->session && result->has_revision)
		causal_session_note(
		    call->session, slice_of(result->revision, CLIENT_REVISION_BYTES));
	client_result_done(&call->last);
	/* A repeat is in nobody's company, so that none is its; and time has passed. */
	call->may_gather = false;
	call->is_fresh = false;
	(void)pthread_mutex_lock(&client->lock);
	const bool goes_on = call_judge(call, result, is_more, now_us, &pause_us);
	call_leave(call);
	(void)pthread_mutex_unlock(&client->lock);
	if (!goes_on) {
		call_end(call, result);
		return;
	}
	call->last = *result;
	call_wait(call, pause_us);
}

/* The send is over. */
static void
call_sent(void *arg)
{
	struct call *call = arg;
	struct client *client = call->client;
	const int error = nng_aio_result(call->sending);
	const int64_t now_us = clock_boot_us(client->clock);

	if (error == 0) {
		nng_aio_set_timeout(
		    call->receiving, duration_of(call->deadline_us + ANSWER_GRACE_US - now_us));
		/* Whoever gives it up from here on cuts the receive off, now or next time. */
		atomic_store(&call->sent_us, now_us);
		nng_ctx_recv(call->line->ctx, call->receiving);
		return;
	}
	nng_msg *unsent = nng_aio_get_msg(call->sending);
	nng_aio_set_msg(call->sending, NULL);
	if (call->request) {
		if (unsent)
			nng_msg_free(unsent);
	} else {
		call->request = unsent;
	}
	(void)pthread_mutex_lock(&client->lock);
	call->server->attempts--;
	call_leave(call);
	(void)pthread_mutex_unlock(&client->lock);
	/* Nobody was asked: choose again. That is no attempt. */
	if (error == NNG_ETIMEDOUT && call->request && !call->pinned)
		call_attempt(call);
	else if (error == NNG_ETIMEDOUT)
		call_run_out(call, atomic_load(&call->client->connections) > 0);
	else
		call_fail(call, failure_of(call->client, error));
}

/* The receive is over. */
static void
call_received(void *arg)
{
	struct call *call = arg;
	const int error = nng_aio_result(call->receiving);
	struct client_result result = {.status = STATUS_OK};

	if (error != 0) {
		result.status = failure_of(call->client, error);
	} else {
		nng_msg *message = nng_aio_get_msg(call->receiving);
		nng_aio_set_msg(call->receiving, NULL);
		client_result_read(&result, message, call->reply);
	}
	call_conclude(call, &result, false);
}

/* The pause is over. */
static void
call_wakes(void *arg)
{
	struct call *call = arg;

	(void)pthread_mutex_lock(&call->client->lock);
	list_remove(&call->list);
	(void)pthread_mutex_unlock(&call->client->lock);
	call_attempt(call);
}

static status
call_prepare(struct client *client, const struct call_plan *plan, struct call **out)
{
	const struct client_options *options = plan->options;
	struct slice payload;
	nng_msg *request = NULL;
	struct call *call = NULL;

	TRY(request_pack(plan, &request, &payload));
	const status st = call_take(client, plan, &call);
	if (st.code != ST_OK) {
		nng_msg_free(request);
		return st;
	}
	call->request = request;
	call->is_fresh = true;
	call->is_safe = plan->is_safe ||
			retry_is_safe(plan->method, options->idempotency_key.bytes > 0, payload);
	call->may_gather = client->gathers && !plan->pinned && plan->method->inline_read &&
			   retry_is_safe(plan->method, false, payload) &&
			   nng_msg_len(request) <= GATHER_CALL_BYTES_MAX;
	call->has_missed = false;
	call->pinned = plan->pinned;
	call->tried = 0;
	call->attempts = call->pauses = 0;
	call->reply = plan->reply;
	call->session = options->session;
	call->callback = plan->callback;
	call->arg = plan->arg;
	const uint32_t timeout_ms = client_timeout_ms(plan->method, options);
	const bool is_bounded = options->connect_ms && options->connect_ms < timeout_ms;
	const int64_t now_us = clock_boot_us(client->clock);
	call->deadline_us = now_us + timeout_ms * US_PER_MS;
	call->connect_until_us =
	    now_us + (is_bounded ? options->connect_ms : timeout_ms) * US_PER_MS;
	*out = call;
	return STATUS_OK;
}

void
call_start(struct client *client, const struct call_plan *plan)
{
	struct call *call = NULL;
	const status st = call_prepare(client, plan, &call);

	if (st.code == ST_OK)
		call_attempt(call);
	else
		plan->callback(plan->arg, &(struct client_result){.status = st});
}

void
calls_give_up(struct server *server, int64_t before_us)
{
	struct client *client = server->client;

	(void)pthread_mutex_lock(&client->lock);
	list_for_each (node, &server->calls) {
		struct call *call = container_of(node, struct call, here);
		const int64_t sent_us = atomic_load(&call->sent_us);

		if (sent_us == 0 || sent_us > before_us)
			continue;
		nng_aio_cancel(call->receiving);
	}
	gather_give_up(server, before_us);
	(void)pthread_mutex_unlock(&client->lock);
}

void
calls_wake(struct client *client)
{
	list_for_each (node, &client->calls_waiting)
		nng_aio_cancel(container_of(node, struct call, list)->pause);
}

void
aio_free(nng_aio **aio)
{
	if (!*aio)
		return;
	nng_aio_stop(*aio);
	nng_aio_free(*aio);
	*aio = NULL;
}

static void
call_free(struct call *call)
{
	aio_free(&call->pause);
	/* Before the receive's: its callback may not have returned from beginning the receive. */
	aio_free(&call->sending);
	aio_free(&call->receiving);
	free(call);
}

/* One that is between its send and its receive has nothing to cancel just then, so this is done
 * again until they are all through. */
#define CANCEL_AGAIN_US (10 * US_PER_MS)

void
calls_end(struct client *client)
{
	struct list *node;

	(void)pthread_mutex_lock(&client->lock);
	while (client->calls_under_way > 0) {
		struct timespec until;

		list_for_each (each, &client->calls_all) {
			struct call *call = container_of(each, struct call, all);

			nng_aio_cancel(call->pause);
			nng_aio_cancel(call->sending);
			nng_aio_cancel(call->receiving);
		}
		for (unsigned i = 0; i < client->servers_count; i++)
			gather_cancel(&client->servers[i]);
		wait_deadline(CANCEL_AGAIN_US, &until);
		(void)pthread_cond_timedwait(&client->idle, &client->lock, &until);
	}
	(void)pthread_mutex_unlock(&client->lock);
	while ((node = list_take_first(&client->calls_all)))
		call_free(container_of(node, struct call, all));
}
