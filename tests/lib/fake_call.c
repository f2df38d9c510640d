#include "tests/lib/fake_call.h"

#include <assert.h>
#include <stdio.h>

#define ARENA_BYTES_FIRST (16u << 10)
#define ARENA_BYTES_MAX (16u << 20)
#define DEADLINE_US (60 * US_PER_S) /* tests run under valgrind, too */

/* A program that has the dispatcher, and uses none of this, gets the real ones. */
#define FAKE __attribute__((weak))

void
fake_call_init(struct fake_call *fake, const struct rpc_method *method)
{
	static const struct rpc_method none = {.name = "usher.v1.TestService/Test"};
	status st;

	*fake = (struct fake_call){0};
	st = arena_init(&fake->arena, ARENA_BYTES_FIRST, ARENA_BYTES_MAX);
	assert(st.code == ST_OK);
	fake->call = (struct rpc_call){
	    .arena = &fake->arena,
	    .method = method ? method : &none,
	    .principal = &fake->principal,
	    .clock = &clock_system,
	    .rand = &rand_system,
	    .now_us = clock_now_us(&clock_system),
	    .came_us = clock_boot_us(&clock_system),
	    .deadline_us = clock_boot_us(&clock_system) + DEADLINE_US,
	    .client_ip = "192.0.2.1",
	    .request_id = "test",
	    .effect = method ? method->effect : EFFECT_READ,
	};
}

void
fake_call_done(struct fake_call *fake)
{
	arena_done(&fake->arena);
}

FAKE void
rpc_before_wait(struct rpc_call *call)
{
	(void)call;
}

FAKE status
rpc_begin(struct rpc_call *call)
{
	return store_begin(call->conn);
}

FAKE status
rpc_find_repeat(struct rpc_call *call)
{
	(void)call;
	return STATUS_OK;
}

FAKE status
rpc_become_write(struct rpc_call *call)
{
	call->effect = EFFECT_WRITE;
	return STATUS_OK;
}

FAKE status
rpc_commit_query(struct rpc_call *call, enum statement statement, const struct param *params,
    size_t params_count, int xid_column, size_t payload_bytes_max, struct rows *rows)
{
	(void)payload_bytes_max;
	return store_commit_query(
	    call->conn, statement, params, params_count, xid_column, rows, &call->revision);
}

FAKE status
rpc_commit_together(struct rpc_call *const *calls, size_t count, enum statement statement,
    const struct param *params, size_t params_count, int xid_column, size_t payload_bytes_max,
    struct rows *rows, struct revision *revision)
{
	(void)count, (void)payload_bytes_max;
	TRY(store_begin(calls[0]->conn));
	return store_commit_query(
	    calls[0]->conn, statement, params, params_count, xid_column, rows, revision);
}

FAKE void
rpc_note_committed(struct rpc_call *call, const struct revision *revision)
{
	store_rollback(call->conn);
	call->revision = *revision;
}

FAKE status
rpc_commit_refusal(struct rpc_call *call, status refusal)
{
	((struct fake_call *)call)->refusal_committed = true;
	TRY(store_commit(call->conn, &call->revision));
	return refusal;
}

FAKE status
rpc_refuse_field(struct rpc_call *call, const char *field, const char *format, ...)
{
	struct fake_call *fake = (struct fake_call *)call;
	char text[256];
	va_list args;

	snprintf(fake->field, sizeof(fake->field), "%s", field);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return arena_refuse(call->arena, ST_INVALID_ARGUMENT, NULL, "%s %s", field, text);
}

FAKE status
rpc_refuse_rate(
    struct rpc_call *call, int64_t retry_after_us, const char *reason, const char *message)
{
	call->retry_after_ms = (uint32_t)(retry_after_us / US_PER_MS);
	return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, reason, message);
}
