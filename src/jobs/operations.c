#include "jobs/operations.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

/* A claim outlives a step's deadline, and what comes around it. */
#define STEP_US (30 * US_PER_S)
#define CLAIM_S 60
/* How long a node stays with one operation before it looks at the others. */
#define SLICE_US (2 * US_PER_S)
#define PERIOD_US (US_PER_S / 2)
#define RETRY_S_MAX 60

struct operations {
	struct operations_parts parts;
	struct slice names[OPERATION_KINDS_MAX];
};

/* An operation that this node has claimed. */
struct claim {
	struct uuid org_id, id;
	const struct operation_kind *kind;
	char *parameters, *position; /* of the heap: they outlive the steps' arena */
	int64_t done, total, results, number;
	int attempts;
	bool cancel_requested;
};

static void
claim_done(struct claim *claim)
{
	free(claim->parameters);
	free(claim->position);
}

status
operation_add_result(struct operation_run *run, struct slice item)
{
	struct param object = {.type = PARAM_JSON, .bytes = item};

	if (item.bytes > OPERATION_ITEM_BYTES_MAX)
		return REFUSE(ST_FAILED_PRECONDITION, "an item of the result is too large");
	if (run->results == OPERATION_RESULTS_MAX)
		return REFUSE(ST_FAILED_PRECONDITION, "there is more than one result may hold");
	TRY(STORE_QUERY(run->conn, STMT_JOBS_OPERATION_RESULT_ADD, NULL, p_uuid(&run->org_id),
	    p_uuid(&run->id), p_int(run->results + 1), object));
	run->results++;
	return STATUS_OK;
}

/* A transaction's frame: commit what went well, undo the rest. */
static status
end_transaction(struct store_conn *conn, status st)
{
	struct revision revision;

	if (st.code == ST_OK)
		return store_commit(conn, &revision);
	store_rollback(conn);
	return st;
}

static status
begin(const struct operations *operations, struct store_conn *conn)
{
	store_set_deadline(conn, clock_boot_us(operations->parts.clock) + STEP_US);
	return store_begin(conn);
}

static status
read_claim(const struct operations *operations, const struct rows *rows, struct claim *claim)
{
	struct slice kind = row_slice(rows, 0, JOBS_OPERATION_CLAIM_KIND);
	struct slice parameters = row_slice(rows, 0, JOBS_OPERATION_CLAIM_PARAMETERS);
	struct slice position = row_slice(rows, 0, JOBS_OPERATION_CLAIM_POSITION);

	for (size_t i = 0; i < operations->parts.kinds_count; i++)
		if (slice_equals_text(kind, operations->parts.kinds[i].name))
			claim->kind = &operations->parts.kinds[i];
	/* Those alone were asked for. */
	assert(claim->kind);
	claim->org_id = row_uuid(rows, 0, JOBS_OPERATION_CLAIM_ORG_ID);
	claim->id = row_uuid(rows, 0, JOBS_OPERATION_CLAIM_ID);
	claim->done = row_int(rows, 0, JOBS_OPERATION_CLAIM_DONE);
	claim->total = row_int(rows, 0, JOBS_OPERATION_CLAIM_TOTAL);
	claim->results = row_int(rows, 0, JOBS_OPERATION_CLAIM_RESULTS);
	claim->number = row_int(rows, 0, JOBS_OPERATION_CLAIM_CLAIMS);
	claim->attempts = (int)row_int(rows, 0, JOBS_OPERATION_CLAIM_ATTEMPTS);
	claim->cancel_requested = row_bool(rows, 0, JOBS_OPERATION_CLAIM_CANCEL_REQUESTED);
	claim->parameters = strndup((const char *)parameters.data, parameters.bytes);
	claim->position = strndup((const char *)position.data, position.bytes);
	return claim->parameters && claim->position
		   ? STATUS_OK
		   : REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for an operation");
}

static status
take(const struct operations *operations, struct store_conn *conn, struct claim *claim, bool *found)
{
	ROWS_AUTO rows = {0};
	status st;

	TRY(begin(operations, conn));
	st = STORE_QUERY(conn, STMT_JOBS_OPERATION_CLAIM, &rows, p_uuid(operations->parts.node_id),
	    p_texts(operations->names, operations->parts.kinds_count), p_int(CLAIM_S));
	*found = st.code == ST_OK && rows.count == 1;
	if (*found)
		st = read_claim(operations, &rows, claim);
	return end_transaction(conn, st);
}

static void
tell(const struct claim *claim, const char *event, const char *why)
{
	char id[UUID_TEXT_BYTES];

	uuid_format(&claim->id, id);
	log_event(LOG_INFO, event, "id", id, "kind", claim->kind->name, "done",
	    log_number(claim->done), "total", log_number(claim->total), "why", why, NULL);
}

/* After the commit: before it nothing has ended. */
static void
tell_end(const struct claim *claim, enum operation_state state, const char *error)
{
	static const char *const events[] = {
	    [OPERATION_SUCCEEDED] = "operation_succeeded",
	    [OPERATION_FAILED] = "operation_failed",
	    [OPERATION_CANCELLED] = "operation_cancelled",
	};

	tell(claim, events[state], error);
}

/* In the caller's transaction. */
static status
end(const struct operations *operations, struct store_conn *conn, const struct claim *claim,
    enum operation_state state, const char *error, bool *ended)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_JOBS_OPERATION_END, &rows, p_uuid(&claim->org_id),
	    p_uuid(&claim->id), p_int(claim->number), p_int(state), p_text(error),
	    p_int(operations->parts.keep_s)));
	*ended = rows.count == 1;
	return STATUS_OK;
}

static status
end_alone(const struct operations *operations, struct store_conn *conn, const struct claim *claim,
    enum operation_state state, const char *error)
{
	bool ended = false;

	TRY(begin(operations, conn));
	TRY(end_transaction(conn, end(operations, conn, claim, state, error, &ended)));
	if (ended)
		tell_end(claim, state, error);
	return STATUS_OK;
}

static status
release(const struct operations *operations, struct store_conn *conn, const struct claim *claim,
    int64_t wait_s, const char *error)
{
	TRY(begin(operations, conn));
	return end_transaction(
	    conn, STORE_QUERY(conn, STMT_JOBS_OPERATION_RELEASE, NULL, p_uuid(&claim->org_id),
		      p_uuid(&claim->id), p_int(claim->number), p_int(wait_s), p_text(error)));
}

#define CLAIM_LOST REFUSE_FOR(ST_ABORTED, "CLAIM_LOST", "another node has taken the operation over")

static bool
is_lost(status st)
{
	return st.reason && strcmp(st.reason, "CLAIM_LOST") == 0;
}

/* What the step leaves behind, in its transaction. *state: what the operation comes to by it. */
static status
note_step(const struct operations *operations, struct store_conn *conn, const struct claim *claim,
    const struct operation_run *run, enum operation_state *state)
{
	ROWS_AUTO rows = {0};
	bool ended = false;

	TRY(STORE_QUERY(conn, STMT_JOBS_OPERATION_STEP, &rows, p_uuid(&claim->org_id),
	    p_uuid(&claim->id), p_int(claim->number), p_text(run->position), p_int(run->done),
	    p_int(run->total), p_int(run->results), p_int(CLAIM_S)));
	if (rows.count == 0)
		return CLAIM_LOST;
	if (run->finished)
		*state = OPERATION_SUCCEEDED;
	else if (row_bool(&rows, 0, JOBS_OPERATION_STEP_CANCEL_REQUESTED))
		*state = OPERATION_CANCELLED;
	else
		return STATUS_OK;
	TRY(end(operations, conn, claim, *state, "", &ended));
	return ended ? STATUS_OK : CLAIM_LOST;
}

/* The step's transaction; *position is the caller's to free, whatever comes of it. */
static status
step_and_note(const struct operations *operations, struct store_conn *conn,
    const struct claim *claim, struct operation_run *run, enum operation_state *state,
    char **position)
{
	status st;

	TRY(begin(operations, conn));
	st = claim->kind->step(claim->kind->env, run);
	/* Behind the commit nothing may fail any more. */
	if (st.code == ST_OK) {
		*position = strdup(run->position);
		st = *position ? note_step(operations, conn, claim, run, state)
			       : REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for an operation");
	}
	return end_transaction(conn, st);
}

static status
step(const struct operations *operations, struct store_conn *conn, struct arena *arena,
    struct claim *claim, bool *ended)
{
	struct operation_run run = {
	    .conn = conn,
	    .arena = arena,
	    .org_id = claim->org_id,
	    .id = claim->id,
	    .parameters = slice_text(claim->parameters),
	    .position = claim->position,
	    .done = claim->done,
	    .total = claim->total,
	    .results = claim->results,
	};
	enum operation_state state = OPERATION_RUNNING;
	char *position = NULL;
	status st = step_and_note(operations, conn, claim, &run, &state, &position);

	if (st.code != ST_OK) {
		free(position);
		return st;
	}
	free(claim->position);
	claim->position = position;
	claim->done = run.done;
	claim->total = run.total;
	claim->results = run.results;
	claim->attempts = 0;
	*ended = state != OPERATION_RUNNING;
	if (*ended)
		tell_end(claim, state, "");
	return STATUS_OK;
}

static bool
is_hopeless(status st)
{
	return st.code == ST_INVALID_ARGUMENT || st.code == ST_FAILED_PRECONDITION ||
	       st.code == ST_NOT_FOUND;
}

/* A step failed. Answers why, unless that is told in the row. */
static status
step_failed(const struct operations *operations, struct store_conn *conn, const struct claim *claim,
    status why)
{
	const char *message = why.message ? why.message : status_code_name(why.code);
	int64_t wait_s = INT64_C(1) << claim->attempts;

	/* The claim ends by itself, and so does the database's absence. */
	if (is_lost(why) || why.code == ST_UNAVAILABLE)
		return why;
	tell(claim, "operation_step_failed", message);
	if (is_hopeless(why) || claim->attempts >= OPERATION_ATTEMPTS_MAX)
		return end_alone(operations, conn, claim, OPERATION_FAILED, message);
	return release(
	    operations, conn, claim, wait_s < RETRY_S_MAX ? wait_s : RETRY_S_MAX, message);
}

/* Steps until the slice of time is over, or the operation. */
static status
work(const struct operations *operations, struct job_run *job, struct claim *claim)
{
	int64_t until_us = clock_boot_us(operations->parts.clock) + SLICE_US;
	bool ended = false;

	if (claim->cancel_requested)
		return end_alone(operations, job->conn, claim, OPERATION_CANCELLED, "");
	if (claim->attempts > OPERATION_ATTEMPTS_MAX)
		return end_alone(operations, job->conn, claim, OPERATION_FAILED,
		    "given up: each node that tried the next step ended before it was done");
	while (!ended && clock_boot_us(operations->parts.clock) < until_us &&
	       !jobs_are_stopping(operations->parts.jobs)) {
		status st = step(operations, job->conn, job->arena, claim, &ended);

		if (st.code != ST_OK)
			return step_failed(operations, job->conn, claim, st);
		job->done++;
		arena_reset(job->arena);
	}
	return ended ? STATUS_OK : release(operations, job->conn, claim, 0, "");
}

static status
run_operations(void *env, struct job_run *run)
{
	const struct operations *operations = env;
	struct claim claim = {0};
	ROWS_AUTO rows = {0};
	status st = take(operations, run->conn, &claim, &run->more);

	if (st.code == ST_OK && run->more)
		st = work(operations, run, &claim);
	claim_done(&claim);
	TRY(st);
	store_set_deadline(run->conn, clock_boot_us(operations->parts.clock) + STEP_US);
	TRY(store_query(run->conn, STMT_JOBS_OPERATIONS_OPEN, NULL, 0, &rows));
	run->backlog = row_int(&rows, 0, JOBS_OPERATIONS_OPEN_OPERATIONS);
	return STATUS_OK;
}

status
operations_new(const struct operations_parts *parts, struct operations **out)
{
	struct operations *operations = calloc(1, sizeof(*operations));
	status st;

	assert(parts->kinds_count <= OPERATION_KINDS_MAX);
	if (!operations)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for operations");
	operations->parts = *parts;
	for (size_t i = 0; i < parts->kinds_count; i++)
		operations->names[i] = slice_text(parts->kinds[i].name);
	st = jobs_add(parts->jobs, &(struct job){
				       .name = "operations",
				       .about = "works on long operations, a slice of time each",
				       .period_us = PERIOD_US,
				       .is_long = true,
				       .run = run_operations,
				       .env = operations,
				   });
	if (st.code != ST_OK) {
		free(operations);
		return st;
	}
	*out = operations;
	return STATUS_OK;
}

void
operations_free(struct operations **operations)
{
	free(*operations);
	*operations = NULL;
}

const struct operation_kind *
operations_kind(const struct operations *operations, const char *name)
{
	for (size_t i = 0; i < operations->parts.kinds_count; i++)
		if (strcmp(operations->parts.kinds[i].name, name) == 0)
			return &operations->parts.kinds[i];
	return NULL;
}

int64_t
operations_keep_s(const struct operations *operations)
{
	return operations->parts.keep_s;
}
