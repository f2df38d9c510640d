/* A lane's worker: connection, transaction, handler, commit, answer. */
#include "base/log.h"
#include "rpc/internal.h"
#include "wire/unpack.h"

#define RETRY_MS_DATABASE 1000
#define AUDIT_US (1 * US_PER_S)

/* As it was said; nobody vouches for it. */
static struct slice
user_agent_of(const struct request_envelope *envelope)
{
	for (size_t i = 0; i < envelope->pairs_count; i++) {
		struct slice value = envelope->pairs[i].value;

		if (!slice_equals_text(envelope->pairs[i].key, USER_AGENT_KEY))
			continue;
		if (value.bytes > USER_AGENT_BYTES_MAX)
			value.bytes = utf8_valid_bytes(slice_of(value.data, USER_AGENT_BYTES_MAX));
		return value;
	}
	return SLICE_NONE;
}

status
run_audit(struct rpc_call *call, status outcome)
{
	const struct run *run = call->internal;
	const char *reason = outcome.reason ? outcome.reason : status_code_name(outcome.code);
	const struct rpc_audit row = {
	    .call = call,
	    .action = call->audit_action ? call->audit_action : call->method->name,
	    .outcome = outcome.code,
	    .reason = outcome.code == ST_OK ? "" : reason,
	    .user_agent = user_agent_of(&run->task->envelope),
	};

	return run->task->server->settings.backend.audit(call->conn, &row);
}

bool
run_audits_refusal(const struct rpc_call *call, status st)
{
	if (!call->method->audit || st.code == ST_OK)
		return false;
	return call->audits_refusal || st.code == ST_PERMISSION_DENIED ||
	       st.code == ST_UNAUTHENTICATED;
}

static void
log_audit_lost(const struct task *task, status why)
{
	log_event(LOG_ERROR, "audit_lost", "id", task->request_id, "action",
	    task->row->method->name, "why", why.message, NULL);
}

/* A refusal without an effect: it stands whether its row can be written or not. That has its time
 * even if the call's is over: or who says that there is little would be written down nowhere. */
static void
audit_refusal(struct rpc_call *call, status st)
{
	const struct run *run = call->internal;
	const struct task *task = run->task;
	const struct rpc_backend *backend = &task->server->settings.backend;
	const int64_t until_us = clock_boot_us(task->server->settings.clock) + AUDIT_US;

	if (until_us > task->deadline_us)
		backend->set_deadline(call->conn, until_us);
	const status written = run_audit(call, st);

	if (written.code != ST_OK)
		log_audit_lost(run->task, written);
}

/* Encoded once more for keeping: what is kept is what a repeat gets, byte for byte. */
static status
repeat_keep(struct run *run, struct rpc_call *call, const ProtobufCMessage *reply)
{
	const struct rpc_backend *backend = &run->task->server->settings.backend;
	const size_t bytes = protobuf_c_message_get_packed_size(reply);
	uint8_t *packed = arena_alloc(call->arena, bytes);

	if (!packed)
		return ARENA_EXHAUSTED;
	(void)protobuf_c_message_pack(reply, packed);
	return backend->repeat_keep(call->conn, &run->repeat, slice_of(packed, bytes));
}

/* The handler went well: what belongs to its transaction, and the commit. */
static status
run_finish(struct run *run, struct rpc_call *call, const ProtobufCMessage *reply)
{
	struct task *task = run->task;
	const struct rpc_backend *backend = &task->server->settings.backend;

	if (run->is_repeat_armed && run->in_transaction && !run->repeat.found)
		TRY(repeat_keep(run, call, reply));
	if (task->row->method->audit && call->conn && !run->repeat.found)
		TRY(run_audit(call, STATUS_OK));
	if (!run->in_transaction)
		return STATUS_OK;
	/* The nodes are told to show how far they are: the first one may still wait for them. */
	if (run->repeat.found && call->effect == EFFECT_RESTRICT)
		TRY(backend->change(call->conn, CHANGE_NOTHING, NULL, NULL, true));
	/* Nobody could be told that it is done: then it is not. */
	TRY(task_reserve(task, run->repeat.found ? run->repeat.reply.bytes
						 : protobuf_c_message_get_packed_size(reply)));
	run->in_transaction = false;
	TRY(backend->commit(call->conn, &call->revision));
	if (task->batch)
		batch_item_committed(task);
	return STATUS_OK;
}

static status
run_handler(struct run *run, struct rpc_call *call, const ProtobufCMessage *request,
    ProtobufCMessage *reply, bool cached)
{
	struct task *task = run->task;
	const struct rpc_method *method = task->row->method;
	status st = STATUS_OK;

	if (cached)
		return method->handle_cached(task->row->env, call, request, reply);
	/* HASH opens its own when it comes to writing: hashing in a transaction would hold it open.
	 */
	if (method->effect != EFFECT_READ && call->conn && method->lane != LANE_HASH)
		st = rpc_begin(call);
	if (st.code == ST_OK)
		st = method->handle(task->row->env, call, request, reply);
	/* The handler gave up because this is a repeat. */
	if (run->repeat.found)
		st = STATUS_OK;
	if (st.code == ST_OK)
		st = run_finish(run, call, reply);
	if (st.code != ST_OK && run->in_transaction) {
		run->in_transaction = false;
		task->server->settings.backend.rollback(call->conn);
	}
	if (run_audits_refusal(call, st) && call->conn && !run->is_audited)
		audit_refusal(call, st);
	return st;
}

static void
run_answer(struct run *run, struct rpc_call *call, status st, const ProtobufCMessage *reply)
{
	struct task *task = run->task;
	struct answer answer = {
	    .st = st,
	    .retry_after_ms = call->retry_after_ms,
	    .fields = &run->fields,
	    .replayed = run->repeat.found,
	    .has_revision = call->revision.xid != 0,
	    .revision = call->revision,
	};

	if (st.code == ST_OK && run->repeat.found)
		answer.payload = run->repeat.reply;
	else if (st.code == ST_OK)
		answer.reply = reply;
	/* A refusal too, when it has committed something: reuse of a refresh token ends a session.
	 */
	const bool restricts =
	    call->effect == EFFECT_RESTRICT && !call->no_barrier && call->revision.xid != 0;
	if (restricts && call->was_gone && st.code == ST_UNAUTHENTICATED) {
		task_refuse_behind_barrier(task, &answer);
		return;
	}
	if (restricts || call->not_before_us > 0) {
		assert(row_may_be_parked(task->row));
		task_answer_later(task, &answer, call->not_before_us, restricts);
		return;
	}
	/* Who sends forged refresh tokens is told at the pace of other credentials. */
	if (st.code == ST_UNAUTHENTICATED && task->row->is_public && !answer.has_revision) {
		task_refuse_paced(task, st);
		return;
	}
	if (!task->batch)
		task->work->sends = task->sends;
	task_answer(task, &answer);
}

/* A WAIT method has nothing to say yet: try again when it said, at the latest at its deadline. */
static bool
run_waits(struct run *run, const struct rpc_call *call, status st)
{
	struct task *task = run->task;

	if (task->row->method->lane != LANE_WAIT || !rpc_must_wait(st))
		return false;
	task_wait(task, call->not_before_us);
	return true;
}

static void
task_ungather(struct task *task)
{
	if (task->gathered)
		task->row->gathering->release(task->gathered);
	task->gathered = NULL;
}

enum run_result
task_run(struct task *task, struct store_conn *conn, struct arena *arena, bool cached)
{
	const struct rpc_method *method = task->row->method;
	struct run run = {.task = task};
	struct rpc_call call;
	ProtobufCMessage *request = NULL, *reply = NULL;
	status st = wire_unpack(method->request, task->envelope.payload, arena, &request);

	if (st.code == ST_OK)
		st = wire_message_new(method->reply, arena, &reply);
	if (st.code != ST_OK) {
		task_ungather(task);
		task_refuse(task, st);
		return RUN_ANSWERED;
	}
	call_fill(&call, &run, task, conn, arena);
	call.gathered = task->gathered;
	task->gathered = NULL;
	const struct rpc_gathering *gathering = task->row->gathering;
	st = run_handler(&run, &call, request, reply, cached);
	const bool is_miss = cached && rpc_is_not_cached(st);
	if (!is_miss && !run_waits(&run, &call, st))
		run_answer(&run, &call, st, reply);
	rpc_release_kept(&call);
	if (call.gathered)
		gathering->release(call.gathered);
	return is_miss ? RUN_NOT_CACHED : RUN_ANSWERED;
}

static void
refusal_answer(struct task *task, struct store_conn *conn, struct arena *arena)
{
	struct run run = {.task = task};
	struct rpc_call call;

	call_fill(&call, &run, task, conn, arena);
	audit_refusal(&call, task->refusal);
	task_refuse(task, task->refusal);
}

/* What keeps a task from being worked on. A refusal of access stands without its row too. */
static void
task_give_up(struct task *task, status why, uint32_t retry_after_ms,
    void (*refuse)(struct task *task, status st, uint32_t retry_after_ms))
{
	identify_fill_end(task);
	task_ungather(task);
	if (task->job != TASK_REFUSAL) {
		refuse(task, why, retry_after_ms);
		return;
	}
	log_audit_lost(task, why);
	refuse(task, task->refusal, 0);
}

/* Behind a barrier: other nodes may not know yet what this one knows. */
static void
ended_answer(struct task *task, struct store_conn *conn)
{
	const struct rpc_backend *backend = &task->server->settings.backend;
	struct answer answer = {.st = task->refusal};
	status st = backend->begin(conn);

	if (st.code == ST_OK)
		st = backend->change(conn, CHANGE_NOTHING, NULL, NULL, true);
	if (st.code == ST_OK)
		st = backend->commit(conn, &answer.revision);
	if (st.code != ST_OK) {
		backend->rollback(conn);
		task_refuse(task, st);
		return;
	}
	answer.has_revision = true;
	task_refuse_behind_barrier(task, &answer);
}

static void
task_do(struct task *task, struct store_conn *conn, struct arena *arena)
{
	switch (task->job) {
	case TASK_VERIFY:
	case TASK_FILL:
		identify_on_lane(task, conn, arena);
		return;
	case TASK_REFUSAL:
		refusal_answer(task, conn, arena);
		return;
	case TASK_ENDED:
		ended_answer(task, conn);
		return;
	case TASK_BATCH:
		batch_on_lane(task, arena);
		return;
	case TASK_RUN:
		(void)task_run(task, conn, arena, false);
		return;
	}
}

/* A connection for the task: that of its hand, while nothing but the hand's replies waits for it.
 */
static status
worker_lease(const struct rpc_backend *backend, struct task *task, struct lane_worker *worker,
    struct store_conn **out)
{
	if (task->gathered && worker->held && !backend->is_lost(worker->held)) {
		*out = worker->held;
		backend->set_deadline(*out, task->deadline_us);
		task->sends = &worker->kept;
		return STATUS_OK;
	}
	/* It may take its time. */
	worker_release(task->server, worker);
	return backend->lease(backend->self, task->deadline_us, out);
}

void
worker_work(void *env, struct lane_entry *entry, struct lane_worker *worker)
{
	struct task *task = container_of(entry, struct task, entry);
	struct rpc_server *server = env;
	const struct rpc_backend *backend = &server->settings.backend;
	struct store_conn *conn = NULL;
	const bool wants_conn = task->job != TASK_VERIFY && task->job != TASK_BATCH &&
				!(task->job == TASK_FILL && task->is_filled) &&
				(task->job != TASK_RUN || task->row->method->lane != LANE_CPU);

	task->sends = NULL;
	if (wants_conn) {
		const status st = worker_lease(backend, task, worker, &conn);
		if (st.code != ST_OK) {
			task_give_up(task, st, st.code == ST_UNAVAILABLE ? RETRY_MS_DATABASE : 0,
			    task_refuse_later);
			return;
		}
	}
	task_do(task, conn, &worker->arena);
	if (conn && conn != worker->held)
		backend->give_back(backend->self, &conn);
}

/* For calls, what their handlers are about to read, or to write. */
static bool
run_together(struct task *const *tasks, size_t count, struct store_conn *conn, struct arena *arena)
{
	const struct method_row *row = tasks[0]->row;
	struct rpc_call *calls = arena_alloc(arena, count * sizeof(*calls));
	struct run *runs = arena_alloc(arena, count * sizeof(*runs));
	struct rpc_call *with[LANE_TOGETHER_MAX];
	const ProtobufCMessage *requests[LANE_TOGETHER_MAX];
	struct task *whose[LANE_TOGETHER_MAX];
	size_t n = 0;

	if (!calls || !runs)
		return false;
	for (size_t i = 0; i < count; i++) {
		ProtobufCMessage *request;

		/* What can't be read is refused when its turn comes. */
		if (wire_unpack(row->method->request, tasks[i]->envelope.payload, arena, &request)
			.code != ST_OK)
			continue;
		runs[n].task = tasks[i];
		call_fill(&calls[n], &runs[n], tasks[i], conn, arena);
		whose[n] = tasks[i];
		requests[n] = request;
		with[n] = &calls[n];
		n++;
	}
	const bool is_done = n == 0 || row->gathering->gather(row->env, with, requests, n);
	for (size_t i = 0; i < n; i++)
		whose[i]->gathered = calls[i].gathered;
	return is_done;
}

/* May the two be read for together? Their kinds are the same, so this holds but for a chance. */
static bool
are_alike(const struct task *a, const struct task *b)
{
	if (a->job != b->job || a->job == TASK_FILL)
		return a->job == b->job;
	return a->row == b->row &&
	       (a->row->gathering->of_anybody ||
		   uuid_equals(&a->who[WHO_CALLER].org_id, &b->who[WHO_CALLER].org_id));
}

bool
worker_gather(
    void *env, struct lane_entry *const *entries, size_t count, struct lane_worker *worker)
{
	struct rpc_server *server = env;
	const struct rpc_backend *backend = &server->settings.backend;
	struct task *tasks[LANE_TOGETHER_MAX];
	struct store_conn *conn = NULL;
	int64_t deadline_us = INT64_MAX;
	size_t n = 0;
	bool is_done;

	for (size_t i = 0; i < count; i++) {
		struct task *task = container_of(entries[i], struct task, entry);

		if (n > 0 && !are_alike(tasks[0], task))
			continue;
		tasks[n++] = task;
		if (task->deadline_us < deadline_us)
			deadline_us = task->deadline_us;
	}
	if (backend->lease(backend->self, deadline_us, &conn).code != ST_OK)
		return false;
	is_done = tasks[0]->job == TASK_FILL ? identify_together(tasks, n, conn, &worker->arena)
					     : run_together(tasks, n, conn, &worker->arena);
	if (is_done && tasks[0]->job == TASK_RUN)
		worker->held = conn;
	else
		backend->give_back(backend->self, &conn);
	return is_done;
}

void
worker_release(void *env, struct lane_worker *worker)
{
	const struct rpc_backend *backend = &((struct rpc_server *)env)->settings.backend;
	struct store_conn *conn = worker->held;

	works_send(&worker->kept);
	worker->held = NULL;
	if (conn)
		backend->give_back(backend->self, &conn);
}

void
worker_expire(void *env, struct lane_entry *entry)
{
	struct task *task = container_of(entry, struct task, entry);
	struct rpc_server *server = env;

	if (clock_boot_us(server->settings.clock) < task->deadline_us)
		task_give_up(task, SERVER_STOPS, 0, task_refuse_later);
	else
		task_give_up(task,
		    REFUSE(ST_DEADLINE_EXCEEDED, "the deadline passed while the call waited"), 0,
		    task_refuse_later);
}

void
worker_refuse(void *env, struct lane_entry *entry, uint32_t retry_after_ms)
{
	struct task *task = container_of(entry, struct task, entry);

	if (atomic_load(&((struct rpc_server *)env)->is_draining))
		task_give_up(task, SERVER_STOPS, 0, task_refuse_later);
	else
		task_give_up(task,
		    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "OVERLOADED",
			"too much of this kind is waiting already"),
		    retry_after_ms, task_refuse_crowded);
}
