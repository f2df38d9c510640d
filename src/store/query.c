#include "store/conn.h"

#include "base/log.h"

#include <assert.h>

/* A rollback has this long, whatever the request's deadline. */
#define ROLLBACK_US (2 * US_PER_S)

static bool
deadline_has_passed(const struct store_conn *conn)
{
	return conn->deadline_us != INT64_MAX && clock_boot_us(conn->clock) >= conn->deadline_us;
}

/* BEGIN, if it is still to come, and the deadline. */
static status
queue_start(struct store_conn *conn)
{
	if (deadline_has_passed(conn))
		return REFUSE(ST_DEADLINE_EXCEEDED, "the deadline has passed");
	if (conn->in_transaction && !conn->begin_sent) {
		TRY(conn_queue_plain(conn, "BEGIN"));
		conn->begin_sent = true;
	}
	return conn_queue_deadline(conn);
}

/* After a pipeline: where the transaction stands, as the server says. */
static void
note_transaction(struct store_conn *conn, status st)
{
	if (!conn->in_transaction)
		return;
	conn->begin_sent = PQtransactionStatus(conn->pg) != PQTRANS_IDLE;
	if (st.code != ST_OK)
		conn->has_failed = true;
}

static status
run_query(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count, struct outcome *outcome)
{
	status st = queue_start(conn);

	if (st.code == ST_OK)
		st = conn_queue(conn, statement, params, params_count);
	if (st.code == ST_OK)
		st = conn_run(conn, outcome);
	else
		conn_abandon(conn);
	note_transaction(conn, st);
	return st;
}

static void
rows_fill(enum statement statement, PGresult *result, struct rows *rows)
{
	assert((size_t)PQnfields(result) == statements[statement].columns_count);
	*rows = (struct rows){
	    .result = result,
	    .statement = statement,
	    .count = PQntuples(result),
	};
}

status
store_query(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count, struct rows *rows)
{
	struct outcome outcome = {0};

	if (conn->has_failed)
		return REFUSE_FOR(ST_ABORTED, "TRANSACTION_FAILED",
		    "a statement of this transaction has failed already");
	TRY(run_query(conn, statement, params, params_count, &outcome));
	if (rows)
		rows_fill(statement, outcome.result, rows);
	else
		PQclear(outcome.result);
	return STATUS_OK;
}

status
store_say(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count)
{
	status st;

	assert(statements[statement].columns_count == 0);
	if (!conn->in_transaction || conn->has_failed)
		return store_query(conn, statement, params, params_count, NULL);
	st = queue_start(conn);
	if (st.code == ST_OK)
		st = conn_queue(conn, statement, params, params_count);
	if (st.code != ST_OK)
		conn->has_failed = true;
	return st;
}

status
store_query_one(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count, const char *not_found, struct rows *rows)
{
	struct rows found = {0};

	TRY(store_query(conn, statement, params, params_count, &found));
	if (found.count == 0) {
		rows_done(&found);
		return REFUSE(ST_NOT_FOUND, not_found);
	}
	*rows = found;
	return STATUS_OK;
}

void
store_set_deadline(struct store_conn *conn, int64_t deadline_us)
{
	conn->deadline_us = deadline_us;
}

bool
store_is_lost(const struct store_conn *conn)
{
	return conn->is_dead;
}

/* ---- transactions */

status
store_begin(struct store_conn *conn)
{
	assert(!conn->in_transaction);
	if (conn->is_dead)
		return REFUSE_FOR(
		    ST_UNAVAILABLE, "DATABASE_AWAY", "the connection to the database broke");
	conn->in_transaction = true;
	conn->begin_sent = conn->has_failed = false;
	conn->changes_count = 0;
	return STATUS_OK;
}

bool
store_in_transaction(const struct store_conn *conn)
{
	return conn->in_transaction;
}

static void
end_transaction(struct store_conn *conn)
{
	conn->in_transaction = conn->begin_sent = conn->has_failed = false;
	conn->changes_count = 0;
}

void
store_rollback(struct store_conn *conn)
{
	int64_t deadline_us = conn->deadline_us;
	struct outcome outcome;

	if (!conn->in_transaction)
		return;
	/* What has not been sent can't be taken back, and if it fails, ROLLBACK must not be behind
	 * it. */
	conn_abandon(conn);
	if (conn->begin_sent && !conn->is_dead) {
		conn->deadline_us = clock_boot_us(conn->clock) + ROLLBACK_US;
		status st = conn_queue_plain(conn, "ROLLBACK");
		if (st.code == ST_OK)
			st = conn_run(conn, &outcome);
		if (st.code != ST_OK)
			conn->is_dead = true;
		conn->deadline_us = deadline_us;
		conn_forget_timeout(conn);
	}
	end_transaction(conn);
}

static bool
is_same_change(const struct store_change *a, const struct store_change *b)
{
	return a->kind == b->kind && a->has_id == b->has_id && a->has_org_id == b->has_org_id &&
	       uuid_equals(&a->id, &b->id) && uuid_equals(&a->org_id, &b->org_id);
}

status
store_change(struct store_conn *conn, enum change_kind kind, const struct uuid *id,
    const struct uuid *org_id, bool restrict_)
{
	struct store_change change = {.kind = kind, .restricts = restrict_};

	assert(conn->in_transaction);
	if (id) {
		change.id = *id;
		change.has_id = true;
	}
	if (org_id) {
		change.org_id = *org_id;
		change.has_org_id = true;
	}
	for (size_t i = 0; i < conn->changes_count; i++) {
		if (is_same_change(&conn->changes[i], &change)) {
			conn->changes[i].restricts |= restrict_;
			return STATUS_OK;
		}
	}
	if (conn->changes_count == STORE_CHANGES_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "one transaction changes too much");
	conn->changes[conn->changes_count++] = change;
	return STATUS_OK;
}

static status
queue_commit(struct store_conn *conn)
{
	TRY(queue_start(conn));
	for (size_t i = 0; i < conn->changes_count; i++) {
		const struct store_change *change = &conn->changes[i];
		const struct param params[] = {
		    p_int(change->kind),
		    p_uuid(change->has_id ? &change->id : NULL),
		    p_uuid(change->has_org_id ? &change->org_id : NULL),
		    p_bool(change->restricts),
		};

		TRY(conn_queue(conn, STMT_STORE_CHANGE, params, 4));
	}
	TRY(conn_queue(conn, conn->epoch ? STMT_STORE_XID : STMT_STORE_POSITION, NULL, 0));
	return conn_queue_plain(conn, "COMMIT");
}

/* Not behind a pooler. */
static struct revision
revision_here(const struct store_conn *conn, int64_t xid)
{
	return (struct revision){
	    .epoch = conn->epoch,
	    .xid = (uint64_t)xid,
	    .server_started_at_us = conn->server_started_at_us,
	};
}

/* The transaction's number and place, from the statement before COMMIT. */
static void
read_position(const struct store_conn *conn, PGresult *result, struct revision *revision)
{
	struct rows rows = {.result = result, .statement = STMT_STORE_XID, .count = 1};

	if (conn->epoch) {
		*revision = revision_here(conn, row_int(&rows, 0, STORE_XID_XID));
		return;
	}
	rows.statement = STMT_STORE_POSITION;
	*revision = (struct revision){
	    .epoch = revision_epoch((uint64_t)row_int(&rows, 0, STORE_POSITION_SYSTEM_IDENTIFIER),
		(uint32_t)row_int(&rows, 0, STORE_POSITION_TIMELINE)),
	    .xid = (uint64_t)row_int(&rows, 0, STORE_POSITION_XID),
	    .server_started_at_us = row_time_us(&rows, 0, STORE_POSITION_STARTED_AT),
	};
}

static status
commit_unknown(status why)
{
	log_event(LOG_ERROR, "commit_unknown", "why", why.message, NULL);
	return REFUSE_FOR(
	    ST_UNKNOWN, "COMMIT_UNKNOWN", "the connection to the database broke during the commit");
}

status
store_commit(struct store_conn *conn, struct revision *revision)
{
	struct outcome outcome = {0};
	status st;

	assert(conn->in_transaction);
	if (conn->has_failed) {
		store_rollback(conn);
		return REFUSE_FOR(
		    ST_ABORTED, "TRANSACTION_FAILED", "a statement of this transaction has failed");
	}
	st = queue_commit(conn);
	if (st.code != ST_OK) {
		conn_abandon(conn);
		note_transaction(conn, st);
		store_rollback(conn);
		return st;
	}
	st = conn_run(conn, &outcome);
	/* What failed ahead of COMMIT keeps it from happening, but a pooler may say that of a
	 * server that it lost. */
	if (outcome.unheard && !outcome.committed && !(outcome.refused && conn->epoch)) {
		end_transaction(conn);
		return commit_unknown(st);
	}
	note_transaction(conn, st);
	if (st.code != ST_OK && !outcome.committed) {
		store_rollback(conn);
		return st;
	}
	assert(outcome.committed && (outcome.result || st.code != ST_OK));
	if (outcome.result && revision)
		read_position(conn, outcome.result, revision);
	PQclear(outcome.result);
	end_transaction(conn);
	return STATUS_OK;
}

/* Behind a pooler each transaction may meet another server: where it stands is asked before COMMIT.
 */
static status
query_then_commit(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count, struct rows *rows, struct revision *revision)
{
	struct rows found = {0};
	status st = store_query(conn, statement, params, params_count, &found);

	if (st.code == ST_OK && found.count > 0)
		st = store_commit(conn, revision);
	store_rollback(conn);
	if (st.code == ST_OK)
		*rows = found;
	else
		rows_done(&found);
	return st;
}

status
store_commit_query(struct store_conn *conn, enum statement statement, const struct param *params,
    size_t params_count, int xid_column, struct rows *rows, struct revision *revision)
{
	struct outcome outcome = {0};
	status st;

	assert(conn->in_transaction && !conn->begin_sent && conn->changes_count == 0);
	if (!conn->epoch)
		return query_then_commit(conn, statement, params, params_count, rows, revision);
	/* All up to the pipeline's Sync is a transaction; BEGIN and COMMIT would cost more. */
	end_transaction(conn);
	st = run_query(conn, statement, params, params_count, &outcome);
	if (outcome.unheard && !outcome.refused)
		return commit_unknown(st);
	TRY(st);
	rows_fill(statement, outcome.result, rows);
	if (rows->count > 0)
		*revision = revision_here(conn, row_int(rows, 0, xid_column));
	return STATUS_OK;
}
