/* Answers: packed once into the message that is sent, at once or when their time has come. */
#include "base/limits.h"
#include "base/log.h"
#include "rpc/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define MESSAGE_TEXT_BYTES 160
/* A traceparent has 55. Anybody may send a longer one, and a line takes up to four for each byte.
 */
#define TRACE_LOGGED_BYTES_MAX 64

/* What of a failure inside may go out: a text that says nothing, and where to look. */
static const char *
message_outside(const struct task *task, status st, char text[MESSAGE_TEXT_BYTES])
{
	const char *what = "the server could not do this";
	const bool is_for_all = !status_is_internal(st.code) ||
				(st.reason && strcmp(st.reason, NOT_EVERYWHERE_REASON) == 0);

	if (is_for_all || task->server->settings.development)
		return st.message ? st.message : "";
	if (st.code == ST_UNAVAILABLE)
		what = "the service is not available right now";
	if (st.code == ST_UNKNOWN)
		what = "whether this was done is not known";
	(void)snprintf(text, MESSAGE_TEXT_BYTES, "%s (request %s)", what, task->request_id);
	return text;
}

/* Was it let in nowhere? The figures count those. */
static bool
is_turned_away(const char *reason)
{
	static const char *const reasons[] = {"OVERLOADED", "TOO_MANY_CALLS", "TOO_MANY_REFUSALS"};

	for (size_t i = 0; reason && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

/* What a caller's own log knows the call by. */
struct call_names {
	char id[2 * sizeof(uint64_t) + 1]; /* "": it has none */
	char trace[TRACE_LOGGED_BYTES_MAX + 1];
};

static void
call_names_of(const struct request_envelope *e, struct call_names *out)
{
	*out->id = '\0';
	if (e->call_id != 0)
		(void)snprintf(out->id, sizeof(out->id), "%016" PRIx64, e->call_id);
	const size_t bytes =
	    e->trace.bytes < TRACE_LOGGED_BYTES_MAX ? e->trace.bytes : TRACE_LOGGED_BYTES_MAX;
	if (bytes > 0)
		memcpy(out->trace, e->trace.data, bytes);
	out->trace[bytes] = '\0';
}

static void
log_call(const struct task *task, const struct answer *answer)
{
	const struct rpc_server *server = task->server;
	const struct principal *principal = &task->who[WHO_CALLER];
	const bool failed = status_is_internal(answer->st.code);
	/* Away for a while, and said with a reason, is no fault of ours. */
	const enum log_level level = !failed                             ? LOG_INFO
				     : answer->st.code == ST_UNAVAILABLE ? LOG_WARN
									 : LOG_ERROR;
	/* What memory can't say is left to another message, which is logged. */
	const bool is_left = task->envelope.memory_only && answer->st.reason &&
			     strcmp(answer->st.reason, NOT_IN_MEMORY_REASON) == 0;
	/* A flood of them must not become one of lines. */
	const bool is_frequent = is_left || (task->in_callback && answer->st.code == ST_OK) ||
				 is_turned_away(answer->st.reason);
	char org[UUID_TEXT_BYTES] = "";
	struct call_names names;

	if (is_frequent && server->settings.log_inline_every > 1 &&
	    task->work->counter % server->settings.log_inline_every != 0)
		return;
	/* Faults of ours are told, however many; and of refusals none hides one of another kind. */
	if (answer->st.code == ST_OK || failed
		? !log_is_on(level)
		: !log_admits(level, dispatch_owner_hash(task) + (uint64_t)answer->st.code))
		return;
	if (task->at > WHO_CALLER && principal->has_org)
		uuid_format(&principal->org_id, org);
	call_names_of(&task->envelope, &names);
	const int64_t us = clock_boot_us(server->settings.clock) - task->came_boot_us;
	log_event(level, "rpc", "id", task->request_id, "method",
	    task->row ? task->row->method->name : "", "code", status_code_name(answer->st.code),
	    "reason", answer->st.reason, "us", log_number(us), "org", org, "peer", task->client_ip,
	    "call", names.id, "trace", names.trace, "cause", failed ? answer->st.message : "",
	    NULL);
}

/* answer as an envelope, without its payload's bytes. */
static void
envelope_fill(const struct task *task, const struct answer *answer,
    uint8_t revision[REVISION_BYTES], char text[MESSAGE_TEXT_BYTES], struct response_envelope *e)
{
	const status st = answer->st;

	response_envelope_init(e);
	e->code = st.code;
	e->call_id = task->envelope.call_id;
	e->replayed = answer->replayed;
	e->memory_only = task->envelope.memory_only && !task->batch;
	if (answer->has_revision) {
		revision_pack(&answer->revision, revision);
		e->revision = slice_of(revision, REVISION_BYTES);
	}
	if (st.code == ST_OK)
		return;
	e->message = slice_text(message_outside(task, st, text));
	e->reason = slice_text(st.reason ? st.reason : status_code_name(st.code));
	e->retry_after_ms = answer->retry_after_ms;
	if (answer->fields) {
		e->violations = answer->fields->violations;
		e->violations_count = answer->fields->count;
	}
	e->pairs[0] =
	    (struct envelope_pair){slice_text("request-id"), slice_text(task->request_id)};
	e->pairs_count = 1;
}

#define REPLY_TOO_LARGE                                                                            \
	REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE",                                       \
	    "the reply would be larger than a message may be")

/* An answer on its way into the bytes that are sent. */
struct packing {
	struct response_envelope envelope;
	const ProtobufCMessage *reply;
	size_t size;
	uint8_t revision[REVISION_BYTES];
	char text[MESSAGE_TEXT_BYTES];
};

static void
packing_begin(struct packing *packing, const struct task *task, const struct answer *answer)
{
	struct response_envelope *e = &packing->envelope;

	envelope_fill(task, answer, packing->revision, packing->text, e);
	e->payload = answer->payload;
	packing->reply = answer->reply;
	if (answer->reply)
		e->payload = slice_of(NULL, protobuf_c_message_get_packed_size(answer->reply));
	packing->size = envelope_response_size(e);
	if (packing->size > MESSAGE_BYTES_MAX) {
		const struct answer too_large = {
		    .st = REPLY_TOO_LARGE,
		    .has_revision = answer->has_revision,
		    .revision = answer->revision,
		};
		packing_begin(packing, task, &too_large);
	}
}

static void
packing_end(const struct packing *packing, uint8_t *out)
{
	uint8_t *place = envelope_pack_response(&packing->envelope, out);

	if (packing->reply)
		(void)protobuf_c_message_pack(packing->reply, place);
}

/* Of a reply's envelope: call id, revision, lengths; or a refusal with a few words. */
#define ENVELOPE_ROOM_BYTES 512

status
task_reserve(struct task *task, size_t payload_bytes)
{
	if (payload_bytes > MESSAGE_BYTES_MAX - ENVELOPE_ROOM_BYTES)
		return REPLY_TOO_LARGE;
	if (!task->room && nng_msg_alloc(&task->room, payload_bytes + ENVELOPE_ROOM_BYTES) != 0) {
		task->room = NULL;
		return REFUSE_FOR(
		    ST_RESOURCE_EXHAUSTED, "NO_MEMORY", "there is no memory for the reply");
	}
	return STATUS_OK;
}

/* A message of that size; NULL: no memory. */
static nng_msg *
message_make(struct task *task, size_t size)
{
	nng_msg *message = task->room;

	task->room = NULL;
	if (message && nng_msg_len(message) >= size) {
		(void)nng_msg_chop(message, nng_msg_len(message) - size);
		return message;
	}
	if (message)
		nng_msg_free(message);
	return nng_msg_alloc(&message, size) == 0 ? message : NULL;
}

/* A message with the answer in it; NULL: no memory. */
static nng_msg *
answer_pack(struct task *task, const struct answer *answer)
{
	struct packing packing;

	packing_begin(&packing, task, answer);
	nng_msg *message = message_make(task, packing.size);
	if (message)
		packing_end(&packing, nng_msg_body(message));
	return message;
}

size_t
no_memory_pack(uint64_t call_id, bool is_unknown, uint8_t out[NO_MEMORY_BYTES_MAX])
{
	struct response_envelope e;

	response_envelope_init(&e);
	e.code = is_unknown ? ST_UNKNOWN : ST_RESOURCE_EXHAUSTED;
	e.call_id = call_id;
	e.message = slice_text("there is no memory for the reply");
	e.reason = slice_text("NO_MEMORY");
	const size_t size = envelope_response_size(&e);
	assert(size <= NO_MEMORY_BYTES_MAX);
	(void)envelope_pack_response(&e, out);
	return size;
}

/* Among the items that are answered in the callback, without a message of its own. */
static void
item_answer_here(struct task *task, const struct answer *answer)
{
	static const struct answer again = {
	    .st = {ST_FAILED_PRECONDITION, "the reply needs a message of its own",
		NOT_IN_MEMORY_REASON}};
	struct packing packing;

	packing_begin(&packing, task, answer);
	if (batch_bursts(task, packing.size))
		packing_begin(&packing, task, &again);
	uint8_t *room = batch_item_room(task, packing.size);
	if (!room) {
		batch_item_answered(task, NULL);
		return;
	}
	packing_end(&packing, room);
	batch_item_packed(task);
}

static void
task_deliver(struct task *task, nng_msg *message)
{
	if (task->batch)
		batch_item_answered(task, message);
	else
		work_answer(task->work, message);
}

void
task_answer(struct task *task, const struct answer *answer)
{
	log_call(task, answer);
	if (task->batch && task->in_callback)
		item_answer_here(task, answer);
	else
		task_deliver(task, answer_pack(task, answer));
}

void
task_refuse_later(struct task *task, status st, uint32_t retry_after_ms)
{
	const struct answer answer = {.st = st, .retry_after_ms = retry_after_ms};

	task_answer(task, &answer);
}

void
task_refuse(struct task *task, status st)
{
	task_refuse_later(task, st, 0);
}

/* From here on the call stands in no lane's queue; dispatch_admit() bounds how many do. */
static void
task_park(struct task *task, atomic_int *counter)
{
	task->parked = counter;
	(void)atomic_fetch_add(counter, 1);
}

static void
task_unpark(struct task *task)
{
	if (task->parked)
		(void)atomic_fetch_sub(task->parked, 1);
	if (task->refused)
		(void)atomic_fetch_sub(task->refused, 1);
	task->parked = NULL;
	task->refused = NULL;
}

static void
reply_due(struct timer_entry *entry)
{
	struct task *task = container_of(entry, struct task, timer);
	nng_msg *reply = task->reply;

	task->reply = NULL;
	task_unpark(task);
	task_deliver(task, reply);
}

/* The reply is ready; is it time? */
static void
reply_park(struct task *task)
{
	struct rpc_server *server = task->server;

	task->timer.due_us = task->not_before_us;
	task->timer.fire = reply_due;
	if (task->not_before_us <= clock_boot_us(server->settings.clock) ||
	    timers_add(server->timers, &task->timer).code != ST_OK)
		reply_due(&task->timer);
}

static void
barrier_passed(struct barrier_waiter *waiter)
{
	struct task *task = container_of(waiter, struct task, barrier);
	struct rpc_server *server = task->server;

	(void)pthread_mutex_lock(&server->lock);
	list_remove(&task->at_barrier);
	(void)pthread_mutex_unlock(&server->lock);
	log_call(task, &(struct answer){.st = task->reply_st});
	reply_park(task);
	/* The last that this thread has to do with the server, which may be waiting for it. */
	(void)atomic_fetch_sub(&server->barriers, 1);
}

static void
barrier_begin(struct task *task, const struct revision *revision)
{
	struct rpc_server *server = task->server;
	const struct rpc_backend *backend = &server->settings.backend;

	/* It is committed, whatever becomes of the answer. */
	task->is_unknown = true;
	task->barrier.revision = *revision;
	task->barrier.done = barrier_passed;
	list_init(&task->barrier.internal); /* it may be cancelled before it waits */
	(void)atomic_fetch_add(&server->barriers, 1);
	(void)pthread_mutex_lock(&server->lock);
	list_add_last(&server->at_barrier, &task->at_barrier);
	overdue_watch(server);
	(void)pthread_mutex_unlock(&server->lock);
	backend->barrier_wait(backend->self, &task->barrier);
}

void
barriers_cancel(struct rpc_server *server, int64_t before_us, struct list *out)
{
	const struct rpc_backend *backend = &server->settings.backend;

	list_for_each_safe (waiting, &server->at_barrier) {
		struct task *task = container_of(waiting, struct task, at_barrier);

		/* Whom it does not cancel, barrier_passed() is about to answer. */
		if (task->deadline_us >= before_us ||
		    !backend->barrier_cancel(backend->self, &task->barrier))
			continue;
		list_remove(waiting);
		list_add_last(out, waiting);
	}
}

/* It is told this instead, and that it is done. */
static void
barrier_give_up(struct task *task, status why)
{
	struct rpc_server *server = task->server;
	const struct answer answer = {
	    .st = why, .has_revision = true, .revision = task->barrier.revision};

	nng_msg_free(task->reply);
	log_call(task, &answer);
	task->reply = answer_pack(task, &answer);
	reply_park(task);
	(void)atomic_fetch_sub(&server->barriers, 1);
}

void
barriers_give_up(struct list *cancelled, const char *why)
{
	const status st = REFUSE_FOR(ST_UNAVAILABLE, NOT_EVERYWHERE_REASON, why);
	struct list *node;

	while ((node = list_take_first(cancelled)))
		barrier_give_up(container_of(node, struct task, at_barrier), st);
}

#define PASSING_LOOK_US (1 * US_PER_MS)

void
replies_release(struct rpc_server *server)
{
	struct list released;

	list_init(&released);
	(void)pthread_mutex_lock(&server->lock);
	barriers_cancel(server, INT64_MAX, &released);
	(void)pthread_mutex_unlock(&server->lock);
	barriers_give_up(&released,
	    "the change is made, but this server stops before every other one is known to obey it; "
	    "repeat the call");
	/* Those that another thread answers just now. */
	while (atomic_load(&server->barriers) > 0)
		(void)usleep(PASSING_LOOK_US);
}

/* Its answer is ready; from here on it takes no part of the circle that receives. */
static void
task_set_aside(
    struct task *task, const struct answer *answer, int64_t not_before_us, atomic_int *counter)
{
	task->reply = answer_pack(task, answer);
	task->not_before_us = not_before_us;
	task->in_callback = false;
	task_park(task, counter);
	work_detach(task->work);
}

/* Until the barrier is passed (restricts), and its time has come. What is said is known behind the
 * barrier. */
static void
reply_hold(struct task *task, const struct answer *answer, bool restricts)
{
	if (restricts && task->reply) {
		task->reply_st = (status){answer->st.code, NULL, answer->st.reason};
		barrier_begin(task, &answer->revision);
		return;
	}
	log_call(task, answer);
	reply_park(task);
}

void
task_answer_later(
    struct task *task, const struct answer *answer, int64_t not_before_us, bool restricts)
{
	struct rpc_server *server = task->server;

	/* Wrong codes and passwords, however many, take no place from who takes something away. */
	task_set_aside(task, answer, not_before_us, restricts ? &server->parked : &server->padded);
	reply_hold(task, answer, restricts);
}

void
task_refuse_at(struct task *task, enum refusal kind, const struct answer *answer,
    int64_t not_before_us, bool restricts)
{
	/* First: once it is seen to wait, the connection's next request is judged by this count. */
	task->refused = &task->work->pipe->refused[kind];
	(void)atomic_fetch_add(task->refused, 1);
	task_set_aside(task, answer, not_before_us, &task->server->refusals[kind].parked);
	if (restricts) {
		reply_hold(task, answer, true);
		return;
	}
	/* While the request is there, which it tells of. */
	log_call(task, answer);
	if (task->reply)
		work_drop_request(task->work, nng_msg_len(task->reply));
	reply_park(task);
}

static void
wait_over(struct timer_entry *entry)
{
	struct task *task = container_of(entry, struct task, timer);

	task_unpark(task);
	dispatch_to_lane(task, LANE_WAIT);
}

void
task_wait(struct task *task, int64_t until_us)
{
	struct rpc_server *server = task->server;

	task->timer.due_us = until_us < task->deadline_us ? until_us : task->deadline_us;
	task->timer.fire = wait_over;
	task_park(task, &task->server->parked);
	if (timers_add(server->timers, &task->timer).code == ST_OK)
		return;
	task_unpark(task);
	task_refuse(task, REFUSE(ST_RESOURCE_EXHAUSTED, "too many calls wait"));
}
