/* What handlers may ask of the dispatcher. */
#include "rpc/call.h"

#include "rpc/internal.h"

#include <assert.h>
#include <stdio.h>

void
task_look_at_trust(struct task *task)
{
	const struct rpc_backend *backend = &task->server->settings.backend;

	if (task->trust_memory && !task->in_callback)
		task->trust_memory = backend->may_trust_memory(
		    backend->self, task->has_at_least ? &task->at_least : NULL);
}

void
call_fill(struct rpc_call *call, struct run *run, struct task *task, struct store_conn *conn,
    struct arena *arena)
{
	const struct rpc_server *server = task->server;

	task_look_at_trust(task);
	*call = (struct rpc_call){
	    .arena = arena,
	    .method = task->row->method,
	    .principal = &task->who[WHO_CALLER],
	    .conn = conn,
	    .clock = server->settings.clock,
	    .rand = server->settings.rand,
	    .now_us = task->came_us,
	    .came_us = task->came_boot_us,
	    .deadline_us = task->deadline_us,
	    .client_ip = task->client_ip,
	    .request_id = task->request_id,
	    .idempotency_key = task->envelope.idempotency_key,
	    .at_least = task->at_least,
	    .has_at_least = task->has_at_least,
	    .trust_memory = task->trust_memory,
	    .development = server->settings.development,
	    .effect = task->row->method->effect,
	    .internal = run,
	    .sends = task->sends,
	};
}

void
rpc_before_wait(struct rpc_call *call)
{
	if (call->sends)
		works_send(call->sends);
}

/* Under an idempotency key: was it done already? */
static status
repeat_check(struct rpc_call *call, struct run *run)
{
	const struct rpc_backend *backend = &run->task->server->settings.backend;

	if (!call->method->idempotent_by_key || call->idempotency_key.bytes == 0)
		return STATUS_OK;
	run->repeat.call = call;
	run->repeat.key = run->task->server->settings.repeat_key;
	run->repeat.request = run->task->envelope.payload;
	TRY(backend->repeat_find(call->conn, &run->repeat));
	run->is_repeat_armed = true;
	/* Makes the handler return; the dispatcher answers with what was found. */
	return run->repeat.found ? REFUSE_FOR(ST_ABORTED, "REPEATED", "done before") : STATUS_OK;
}

status
rpc_begin(struct rpc_call *call)
{
	struct run *run = call->internal;

	if (run->in_transaction)
		return STATUS_OK;
	if (!call->conn)
		return REFUSE(ST_INTERNAL, "a lane without connections can't write");
	TRY(run->task->server->settings.backend.begin(call->conn));
	run->in_transaction = true;
	return repeat_check(call, run);
}

status
rpc_find_repeat(struct rpc_call *call)
{
	struct run *run = call->internal;

	assert(!run->in_transaction);
	if (!call->method->idempotent_by_key || call->idempotency_key.bytes == 0)
		return STATUS_OK;
	TRY(rpc_begin(call));
	run->in_transaction = run->is_repeat_armed = false;
	run->task->server->settings.backend.rollback(call->conn);
	return STATUS_OK;
}

status
rpc_become_write(struct rpc_call *call)
{
	if (call->effect == EFFECT_READ)
		call->effect = EFFECT_WRITE;
	return rpc_begin(call);
}

status
rpc_commit_query(struct rpc_call *call, enum statement statement, const struct param *params,
    size_t params_count, int xid_column, size_t payload_bytes_max, struct rows *rows)
{
	struct run *run = call->internal;

	assert(run->in_transaction && !run->is_repeat_armed && !call->method->audit);
	TRY(task_reserve(run->task, payload_bytes_max));
	run->in_transaction = false;
	TRY(store_commit_query(
	    call->conn, statement, params, params_count, xid_column, rows, &call->revision));
	if (run->task->batch && call->revision.xid != 0)
		batch_item_committed(run->task);
	return STATUS_OK;
}

status
rpc_commit_together(struct rpc_call *const *calls, size_t count, enum statement statement,
    const struct param *params, size_t params_count, int xid_column, size_t payload_bytes_max,
    struct rows *rows, struct revision *revision)
{
	struct store_conn *conn = calls[0]->conn;

	for (size_t i = 0; i < count; i++) {
		const struct run *run = calls[i]->internal;

		assert(!calls[i]->method->idempotent_by_key && !calls[i]->method->audit);
		TRY(task_reserve(run->task, payload_bytes_max));
	}
	TRY(store_begin(conn));
	return store_commit_query(
	    conn, statement, params, params_count, xid_column, rows, revision);
}

void
rpc_note_committed(struct rpc_call *call, const struct revision *revision)
{
	struct run *run = call->internal;

	/* Nothing has been sent. */
	run->in_transaction = false;
	run->task->server->settings.backend.rollback(call->conn);
	call->revision = *revision;
}

status
rpc_commit_refusal(struct rpc_call *call, status refusal)
{
	struct run *run = call->internal;

	if (!run->in_transaction)
		return refusal;
	/* Still in the transaction when this fails: the dispatcher rolls back. */
	if (run_audits_refusal(call, refusal) ||
	    (call->effect == EFFECT_RESTRICT && !call->was_gone))
		TRY(run_audit(call, refusal));
	TRY(task_reserve(run->task, 0));
	run->is_audited = true;
	run->in_transaction = false;
	TRY(run->task->server->settings.backend.commit(call->conn, &call->revision));
	return refusal;
}

status
rpc_refuse_field(struct rpc_call *call, const char *field, const char *format, ...)
{
	struct run *run = call->internal;
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* It may have been cut within a character. */
	text[utf8_valid_bytes(slice_text(text))] = '\0';
	const char *description = arena_copy_text(call->arena, text);
	const char *message = arena_format(call->arena, "%s: %s", field, text);
	const char *path = arena_copy_text(call->arena, field);
	if (!description || !message || !path)
		return ARENA_EXHAUSTED;
	if (run->fields.count < ENVELOPE_VIOLATIONS_MAX)
		run->fields.violations[run->fields.count++] =
		    (struct envelope_violation){slice_text(path), slice_text(description)};
	return REFUSE_FOR(ST_INVALID_ARGUMENT, "INVALID_FIELDS", message);
}

status
rpc_refuse_rate(
    struct rpc_call *call, int64_t retry_after_us, const char *reason, const char *message)
{
	/* Rounded up: a client that waits so long is not refused for coming a moment early. */
	int64_t ms = (retry_after_us + US_PER_MS - 1) / US_PER_MS;

	if (ms < 1)
		ms = 1;
	call->retry_after_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, reason, message);
}
