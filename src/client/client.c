#include "client/client.h"

#include "base/limits.h"
#include "base/list.h"
#include "client/close.h"
#include "client/internal.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define CALLS_MAX_DEFAULT 1024
#define RECONNECT_MIN_MS 50
#define RECONNECT_MAX_MS 2000
/* Waited beyond the deadline that the server was told, so that its own answer can arrive. */
#define ANSWER_GRACE_MS 200
#define ENVELOPE_ROOM_BYTES 65536

struct client {
	nng_socket socket;
	const struct clock *clock;
	uint32_t calls_max;
	atomic_int pipes;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	atomic_bool is_closing;
	uint32_t calls_open; /* contexts that exist */
	uint32_t calls_under_way;
	struct list calls_free;
	struct list calls_all;
};

/* A context of the socket, and the call that it is used for. A call is sent, and received only
 * when the send is complete: nng 1.5 does not bear both at once. */
struct call {
	struct client *client;
	nng_ctx ctx;
	nng_aio *aio;
	struct list list; /* of the free ones */
	struct list all;
	bool is_sent;
	int64_t deadline_us;
	const ProtobufCMessageDescriptor *reply;
	struct causal_session *session;
	client_callback *callback;
	void *arg;
};

static void call_step(void *arg);

static status
call_new(struct client *client, struct call **out)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	call->client = client;
	list_init(&call->list);
	list_init(&call->all);
	if (nng_aio_alloc(&call->aio, call_step, call) != 0) {
		free(call);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	}
	if (nng_ctx_open(&call->ctx, client->socket) != 0) {
		nng_aio_free(call->aio);
		free(call);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	}
	(void)pthread_mutex_lock(&client->lock);
	list_add_last(&client->calls_all, &call->all);
	(void)pthread_mutex_unlock(&client->lock);
	*out = call;
	return STATUS_OK;
}

static void
call_free(struct call *call)
{
	nng_aio_stop(call->aio);
	(void)nng_ctx_close(call->ctx);
	nng_aio_free(call->aio);
	free(call);
}

static status
call_take(struct client *client, struct call **out)
{
	struct list *node = NULL;
	bool has_room = false;

	(void)pthread_mutex_lock(&client->lock);
	const bool is_closing = atomic_load(&client->is_closing);
	if (!is_closing) {
		/* The one that was idle longest: nng may still be putting away its timeout. */
		node = list_take_first(&client->calls_free);
		has_room = node || client->calls_open < client->calls_max;
		client->calls_under_way += has_room;
		client->calls_open += !node && has_room;
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
		(void)pthread_mutex_lock(&client->lock);
		client->calls_under_way--;
		client->calls_open--;
		(void)pthread_cond_broadcast(&client->idle);
		(void)pthread_mutex_unlock(&client->lock);
	}
	return st;
}

static void
call_give_back(struct call *call)
{
	struct client *client = call->client;

	(void)pthread_mutex_lock(&client->lock);
	list_add_last(&client->calls_free, &call->list);
	client->calls_under_way--;
	if (client->calls_under_way == 0)
		(void)pthread_cond_broadcast(&client->idle);
	(void)pthread_mutex_unlock(&client->lock);
}

static void
call_end(struct call *call, struct client_result *result)
{
	if (call->session && result->has_revision)
		causal_session_note(
		    call->session, slice_of(result->revision, CLIENT_REVISION_BYTES));
	call->callback(call->arg, result);
	call_give_back(call);
}

static status
failure_of(const struct call *call, int error)
{
	switch (error) {
	case NNG_ETIMEDOUT:
		if (call->is_sent)
			return REFUSE_FOR(ST_DEADLINE_EXCEEDED, "NO_ANSWER",
			    "no answer came in time; the call may have been done");
		if (atomic_load(&call->client->pipes) > 0)
			return REFUSE_FOR(ST_DEADLINE_EXCEEDED, "NOT_SENT",
			    "the connection was busy until the deadline; nothing was sent");
		return REFUSE_FOR(ST_UNAVAILABLE, "NOT_CONNECTED",
		    "there is no connection to the server; nothing was sent");
	case NNG_ECLOSED:
	case NNG_ECANCELED:
		return REFUSE_FOR(ST_CANCELLED, "CLIENT_CLOSED", "the client is being closed");
	case NNG_ENOMEM:
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the call");
	default:
		return REFUSE_FOR(ST_UNAVAILABLE, "CONNECTION_LOST",
		    "the connection was lost; the call may have been done");
	}
}

static void
call_fail(struct call *call, int error)
{
	struct client_result result = {.status = failure_of(call, error)};

	call_end(call, &result);
}

static nng_duration
call_remaining_ms(const struct call *call)
{
	const int64_t left_us = call->deadline_us - clock_boot_us(call->client->clock);

	/* Zero would be "at once or not at all", less than that "for ever". */
	return left_us < US_PER_MS ? 1 : (nng_duration)(left_us / US_PER_MS);
}

/* The send, or the receive, is over. */
static void
call_step(void *arg)
{
	struct call *call = arg;
	const int error = nng_aio_result(call->aio);

	if (!call->is_sent) {
		if (error != 0) {
			nng_msg *unsent = nng_aio_get_msg(call->aio);
			nng_aio_set_msg(call->aio, NULL);
			if (unsent)
				nng_msg_free(unsent);
			call_fail(call, error);
			return;
		}
		call->is_sent = true;
		if (atomic_load(&call->client->is_closing)) {
			call_fail(call, NNG_ECLOSED);
			return;
		}
		nng_aio_set_timeout(call->aio, call_remaining_ms(call));
		nng_ctx_recv(call->ctx, call->aio);
		return;
	}
	if (error != 0) {
		call_fail(call, error);
		return;
	}
	struct client_result result = {.status = STATUS_OK};
	nng_msg *message = nng_aio_get_msg(call->aio);
	nng_aio_set_msg(call->aio, NULL);
	client_result_read(&result, message, call->reply);
	call_end(call, &result);
}

uint32_t
client_timeout_ms(const struct client_method *method, const struct client_options *options)
{
	uint32_t most = method->deadline_ms;

	if (most == 0)
		return options->timeout_ms ? options->timeout_ms : DEADLINE_MS_DEFAULT;
	return options->timeout_ms && options->timeout_ms < most ? options->timeout_ms : most;
}

void
client_envelope_fill(struct request_envelope *e, const struct client_method *method,
    const struct client_options *options, uint8_t revision[CLIENT_REVISION_BYTES])
{
	request_envelope_init(e);
	e->method_id = method->id;
	if (method->id == 0)
		e->method = slice_text(method->name);
	e->timeout_ms = client_timeout_ms(method, options);
	e->call_id = options->call_id;
	e->credential = options->credential;
	e->on_behalf_of = options->on_behalf_of;
	e->via = options->via;
	e->trace = options->trace;
	e->idempotency_key = options->idempotency_key;
	e->at_least = options->at_least;
	if (options->session) {
		/* The greater of the two stands for both. */
		causal_session_note(options->session, options->at_least);
		if (causal_session_latest(options->session, revision))
			e->at_least = slice_of(revision, CLIENT_REVISION_BYTES);
	}
	e->org = slice_text(options->org);
	e->client_ip = slice_text(options->client_ip);
}

/* The packed message; request or payload is what the envelope carries. */
static status
message_pack(const struct client_method *method, const struct client_options *options,
    const ProtobufCMessage *request, struct slice payload, nng_msg **out)
{
	struct request_envelope e;
	uint8_t revision[CLIENT_REVISION_BYTES];
	const size_t bytes = request ? protobuf_c_message_get_packed_size(request) : payload.bytes;

	client_envelope_fill(&e, method, options, revision);
	e.payload = slice_of(request ? NULL : payload.data, bytes);
	const size_t size = bytes > MESSAGE_BYTES_MAX ? bytes : envelope_request_size(&e);
	/* Over its limit the server would close the connection under every other call too. */
	if ((method->bytes_max && bytes > method->bytes_max) || size > MESSAGE_BYTES_MAX)
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
		    "the request is larger than the method takes");
	nng_msg *message = NULL;
	if (nng_msg_alloc(&message, size) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	uint8_t *place = envelope_pack_request(&e, nng_msg_body(message));
	if (request)
		(void)protobuf_c_message_pack(request, place);
	*out = message;
	return STATUS_OK;
}

struct call_plan {
	const struct client_method *method;
	const struct client_options *options;
	const ProtobufCMessage *request; /* or NULL, and: */
	struct slice payload;
	const ProtobufCMessageDescriptor *reply;
	client_callback *callback;
	void *arg;
};

static status
call_start(struct client *client, const struct call_plan *plan)
{
	nng_msg *message = NULL;
	struct call *call = NULL;

	TRY(message_pack(plan->method, plan->options, plan->request, plan->payload, &message));
	const status st = call_take(client, &call);
	if (st.code != ST_OK) {
		nng_msg_free(message);
		return st;
	}
	call->reply = plan->reply;
	call->session = plan->options->session;
	call->callback = plan->callback;
	call->arg = plan->arg;
	call->is_sent = false;
	call->deadline_us =
	    clock_boot_us(client->clock) +
	    (client_timeout_ms(plan->method, plan->options) + ANSWER_GRACE_MS) * US_PER_MS;
	nng_aio_set_msg(call->aio, message);
	nng_aio_set_timeout(call->aio, call_remaining_ms(call));
	nng_ctx_send(call->ctx, call->aio);
	return STATUS_OK;
}

static void
call_start_or_fail(struct client *client, const struct call_plan *plan)
{
	struct client_result result = {.status = call_start(client, plan)};

	if (result.status.code != ST_OK)
		plan->callback(plan->arg, &result);
}

static const struct client_options no_options;

void
client_call_async(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    client_callback *callback, void *arg)
{
	const struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .request = request,
	    .reply = method->reply,
	    .callback = callback,
	    .arg = arg};

	call_start_or_fail(client, &plan);
}

void
client_call_raw_async(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, client_callback *callback,
    void *arg)
{
	const struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .payload = payload,
	    .callback = callback,
	    .arg = arg};

	call_start_or_fail(client, &plan);
}

/* A thread that waits for its call. */
struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	struct client_result *result;
};

static void
waiting_end(void *arg, struct client_result *result)
{
	struct waiting *waiting = arg;

	(void)pthread_mutex_lock(&waiting->lock);
	*waiting->result = *result;
	waiting->is_done = true;
	/* Under the lock: the waiter's stack goes when it has it. */
	(void)pthread_cond_signal(&waiting->done);
	(void)pthread_mutex_unlock(&waiting->lock);
}

static void
call_and_wait(struct client *client, struct call_plan *plan, struct client_result *result)
{
	struct waiting waiting = {
	    .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .result = result};

	plan->callback = waiting_end;
	plan->arg = &waiting;
	call_start_or_fail(client, plan);
	(void)pthread_mutex_lock(&waiting.lock);
	while (!waiting.is_done)
		(void)pthread_cond_wait(&waiting.done, &waiting.lock);
	(void)pthread_mutex_unlock(&waiting.lock);
	(void)pthread_cond_destroy(&waiting.done);
	(void)pthread_mutex_destroy(&waiting.lock);
}

void
client_call(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    struct client_result *result)
{
	struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .request = request,
	    .reply = method->reply};

	call_and_wait(client, &plan, result);
}

void
client_call_raw(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, struct client_result *result)
{
	struct call_plan plan = {
	    .method = method, .options = options ? options : &no_options, .payload = payload};

	call_and_wait(client, &plan, result);
}

static void
pipe_changed(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct client *client = arg;

	(void)pipe;
	(void)atomic_fetch_add(&client->pipes, event == NNG_PIPE_EV_ADD_POST ? 1 : -1);
}

bool
client_is_connected(struct client *client)
{
	return atomic_load(&client->pipes) > 0;
}

static status
socket_set(nng_socket socket, const struct client_settings *settings)
{
	const size_t most =
	    (settings->reply_bytes_max ? settings->reply_bytes_max : MESSAGE_BYTES_MAX) +
	    ENVELOPE_ROOM_BYTES;
	int failed = 0;

	/* A lost connection must not send a call a second time. */
	failed |= nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	failed |= nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	failed |= nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	failed |= nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, most);
	return failed ? REFUSE(ST_INTERNAL, "nng refuses an option of the client's socket")
		      : STATUS_OK;
}

static status
socket_dial(struct client *client, const struct client_settings *settings)
{
	nng_dialer dialer;

	if (nng_dialer_create(&dialer, client->socket, settings->url) != 0)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "BAD_URL", "the URL is none that nng can dial");
	/* Not every transport has these. */
	(void)nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
	(void)nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true);
	if (strncmp(settings->url, "tls+", 4) == 0 &&
	    (!settings->tls_ca_file ||
		nng_dialer_set_string(dialer, NNG_OPT_TLS_CA_FILE, settings->tls_ca_file) != 0))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_TLS_FILE",
		    "tls+tcp:// needs a PEM file with the certificates to trust (the setting "
		    "bridge.upstream_ca)");
	if (nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_URL", "the URL can't be dialled");
	return STATUS_OK;
}

status
client_new(const struct client_settings *settings, struct client **out)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	if (nng_req0_open(&client->socket) != 0) {
		free(client);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	}
	client->clock = settings->clock ? settings->clock : &clock_system;
	client->calls_max = settings->calls_max ? settings->calls_max : CALLS_MAX_DEFAULT;
	(void)pthread_mutex_init(&client->lock, NULL);
	(void)pthread_cond_init(&client->idle, NULL);
	list_init(&client->calls_free);
	list_init(&client->calls_all);
	(void)nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_POST, pipe_changed, client);
	(void)nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, pipe_changed, client);
	status st = socket_set(client->socket, settings);
	if (st.code == ST_OK)
		st = socket_dial(client, settings);
	if (st.code != ST_OK) {
		client_free(&client);
		return st;
	}
	*out = client;
	return STATUS_OK;
}

/* Ends every call that is under way. The lock is held. One that is between its send and its receive
 * has nothing to cancel just then, so this is done again until they are all through. */
#define CANCEL_AGAIN_NS (10 * 1000 * 1000)

static void
calls_cancel(struct client *client)
{
	while (client->calls_under_way > 0) {
		struct timespec until;

		list_for_each (node, &client->calls_all)
			nng_aio_cancel(container_of(node, struct call, all)->aio);
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += CANCEL_AGAIN_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		(void)pthread_cond_timedwait(&client->idle, &client->lock, &until);
	}
}

void
client_free(struct client **freed)
{
	struct client *client = *freed;
	struct list *node;

	if (!client)
		return;
	atomic_store(&client->is_closing, true);
	(void)pthread_mutex_lock(&client->lock);
	calls_cancel(client);
	(void)pthread_mutex_unlock(&client->lock);
	while ((node = list_take_first(&client->calls_all)))
		call_free(container_of(node, struct call, all));
	/* Last: nng before 1.6 panics when a socket is closed while a context of it is being used.
	 */
	(void)socket_close(client->socket);
	(void)pthread_cond_destroy(&client->idle);
	(void)pthread_mutex_destroy(&client->lock);
	free(client);
	*freed = NULL;
}
