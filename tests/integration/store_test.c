/* Connections, statements and transactions against a real PostgreSQL. */
#include "store/conn.h"
#include "store/store.h"

#include "base/log.h"
#include "base/str.h"
#include "tests/lib/postgres.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US (30 * US_PER_S)
/* What takes no longer did not end by anything but its deadline, whatever else the machine does. */
#define MUCH_LATER_US (60 * US_PER_S)
/* The 15 s that docs/security.md speaks of, and a little for who has to notice. */
#define LOCKS_KEPT_US_MAX (20 * US_PER_S)

static struct postgres postgres;

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct store *store;
	struct arena arena;
};

static int64_t
soon(void)
{
	return clock_boot_us(&clock_system) + WAIT_US;
}

static void
pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		print_error("%s %s: %s\n", status_code_name(st.code), st.reason ? st.reason : "",
		    st.message);
	assert_int_equal(st.code, ST_OK);
}

static void
open_store(struct fixture *f, const char *flag)
{
	f->config = postgres_config(
	    &postgres, f->database, "usher_app", "--database.pool_connections=3", flag, NULL);
	assert_ok(store_new(f->config, &clock_system, &f->store));
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	postgres_database(&postgres, f->database);
	open_store(f, NULL);
	assert_ok(arena_init(&f->arena, 4096, 1 << 20));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	store_free(&f->store);
	config_free(&f->config);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static struct store_conn *
lease(struct fixture *f)
{
	struct store_conn *conn = NULL;

	assert_ok(store_lease(f->store, soon(), &conn));
	return conn;
}

/* One on which nothing but the server ends a statement in time. */
static struct store_conn *
lease_patient(struct fixture *f)
{
	struct store_conn *conn = lease(f);

	conn->grace_us = 2 * MUCH_LATER_US;
	return conn;
}

/* As the owner, on the test's database; a number. */
static long
ask(struct fixture *f, const char *sql)
{
	char *text = postgres_query(&postgres, f->database, sql);
	long number = strtol(text, NULL, 10);

	free(text);
	return number;
}

/* A session of somebody else's, which may hold locks. */
static PGconn *
open_session(struct fixture *f, const char *sql)
{
	PGconn *pg =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_owner", NULL);

	PQclear(PQexec(pg, sql));
	assert_string_equal(PQerrorMessage(pg), "");
	return pg;
}

static int
count_changes(struct fixture *f)
{
	return (int)ask(f, "SELECT count(*) FROM usher.changes");
}

static status
change_something(struct store_conn *conn)
{
	struct uuid id = {{1, 2, 3}};

	return store_change(conn, CHANGE_USER, &id, NULL, false);
}

static void
kill_backends(struct fixture *f)
{
	ask(f, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
	       "WHERE usename = 'usher_app' AND datname = current_database()");
}

/* ---- values */

static void
values_of_every_type_come_back_as_they_went(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	const struct uuid ids[] = {{{1, 2, 3}}, {{0xff, 0xfe}}};
	const struct slice texts[] = {slice_text("one"), slice_text(""), slice_text("dr\xc3\xbc")};
	const int64_t numbers[] = {INT64_MIN, 0, INT64_MAX};
	const uint8_t bytes[] = {0, 1, 0xff, 0};
	struct slice *read_texts;
	struct uuid *read_ids, id;
	int64_t *read_numbers;
	size_t count;
	ROWS_AUTO rows = {0};

	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_ROUND_TRIP, &rows, p_text("na\xc3\xafve"), p_uuid(&ids[1]),
		p_int(INT64_MIN), p_int(INT32_MIN), p_bool(true), p_time(1700000000123456),
		p_bytes(slice_of(bytes, sizeof(bytes))), p_json("{\"a\": [1, 2.50]}"),
		p_double(-0.1), p_texts(texts, 3), p_uuids(ids, 2), p_ints(numbers, 3)));
	assert_int_equal(rows.count, 1);
	assert_string_equal(row_text(&rows, 0, STORE_ROUND_TRIP_A_TEXT, &f->arena), "na\xc3\xafve");
	id = row_uuid(&rows, 0, STORE_ROUND_TRIP_A_UUID);
	assert_true(uuid_equals(&id, &ids[1]));
	assert_true(row_int(&rows, 0, STORE_ROUND_TRIP_AN_INT8) == INT64_MIN);
	assert_true(row_int(&rows, 0, STORE_ROUND_TRIP_AN_INT4) == INT32_MIN);
	assert_true(row_bool(&rows, 0, STORE_ROUND_TRIP_A_BOOL));
	assert_true(row_time_us(&rows, 0, STORE_ROUND_TRIP_A_TIME) == 1700000000123456);
	assert_true(slice_equals(
	    row_slice(&rows, 0, STORE_ROUND_TRIP_A_BYTES), slice_of(bytes, sizeof(bytes))));
	assert_string_equal(
	    row_text(&rows, 0, STORE_ROUND_TRIP_A_JSON, &f->arena), "{\"a\": [1, 2.50]}");
	assert_true(row_double(&rows, 0, STORE_ROUND_TRIP_A_DOUBLE) == -0.1);

	assert_ok(row_texts(&rows, 0, STORE_ROUND_TRIP_SOME_TEXTS, &f->arena, &read_texts, &count));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++)
		assert_true(slice_equals(read_texts[i], texts[i]));
	assert_ok(row_uuids(&rows, 0, STORE_ROUND_TRIP_SOME_UUIDS, &f->arena, &read_ids, &count));
	assert_int_equal(count, 2);
	assert_memory_equal(read_ids, ids, sizeof(ids));
	assert_ok(
	    row_ints(&rows, 0, STORE_ROUND_TRIP_SOME_NUMBERS, &f->arena, &read_numbers, &count));
	assert_int_equal(count, 3);
	assert_memory_equal(read_numbers, numbers, sizeof(numbers));
	store_return(&conn);
}

static void
null_and_empty_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct slice *texts;
	size_t count;
	ROWS_AUTO nulls = {0};
	ROWS_AUTO empties = {0};

	assert_ok(STORE_QUERY(conn, STMT_STORE_ROUND_TRIP, &nulls, p_text(NULL), p_uuid(NULL),
	    P_NULL, P_NULL, P_NULL, P_NULL, P_NULL, p_json(NULL), P_NULL, P_NULL, P_NULL, P_NULL));
	for (int column = 0; column < 12; column++)
		assert_true(row_is_null(&nulls, 0, column));
	assert_string_equal(row_text(&nulls, 0, STORE_ROUND_TRIP_A_TEXT, &f->arena), "");
	assert_int_equal(row_int(&nulls, 0, STORE_ROUND_TRIP_AN_INT4), 0);

	assert_ok(STORE_QUERY(conn, STMT_STORE_ROUND_TRIP, &empties, p_slice(SLICE_NONE), P_NULL,
	    P_NULL, P_NULL, P_NULL, P_NULL, p_bytes(SLICE_NONE), P_NULL, P_NULL, p_texts(NULL, 0),
	    p_uuids(NULL, 0), p_ints(NULL, 0)));
	assert_false(row_is_null(&empties, 0, STORE_ROUND_TRIP_A_TEXT));
	assert_false(row_is_null(&empties, 0, STORE_ROUND_TRIP_A_BYTES));
	assert_false(row_is_null(&empties, 0, STORE_ROUND_TRIP_SOME_TEXTS));
	assert_ok(row_texts(&empties, 0, STORE_ROUND_TRIP_SOME_TEXTS, &f->arena, &texts, &count));
	assert_int_equal(count, 0);
	store_return(&conn);
}

/* With all but one parameter NULL. */
static status
send_one(struct store_conn *conn, int at, struct param param)
{
	struct param params[12] = {{0}};

	params[at] = param;
	return store_query(conn, STMT_STORE_ROUND_TRIP, params, 12, NULL);
}

static void
values_that_cannot_be_stored_are_the_callers_fault(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);

	assert_int_equal(send_one(conn, 0, p_slice(slice_of("a\0b", 3))).code, ST_INVALID_ARGUMENT);
	assert_int_equal(send_one(conn, 0, p_text("\xff")).code, ST_INVALID_ARGUMENT);
	assert_int_equal(send_one(conn, 3, p_int(INT64_C(1) << 31)).code, ST_INVALID_ARGUMENT);
	assert_int_equal(send_one(conn, 7, p_json("{")).code, ST_INVALID_ARGUMENT);
	assert_int_equal(send_one(conn, 7, p_json("\"\\u0000\"")).code, ST_INVALID_ARGUMENT);
	assert_int_equal(send_one(conn, 5, p_time(INT64_MIN)).code, ST_INVALID_ARGUMENT);
	/* And the connection is as good as before. */
	assert_ok(send_one(conn, 0, p_text("fine")));
	store_return(&conn);
	assert_int_equal(ask(f, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'usher_app' "
				"AND datname = current_database()"),
	    1);
}

static void
a_statement_takes_what_it_declares_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);

	assert_int_equal(send_one(conn, 0, p_int(1)).code, ST_INTERNAL);
	assert_int_equal(store_query(conn, STMT_STORE_ROUND_TRIP, NULL, 0, NULL).code, ST_INTERNAL);
	/* restricts is not declared with "?". */
	assert_int_equal(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, P_NULL).code,
	    ST_INTERNAL);
	assert_ok(send_one(conn, 0, p_text("fine")));
	store_return(&conn);
}

/* ---- deadlines */

static void
a_statement_ends_at_its_deadline(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease_patient(f);
	PGconn *other = open_session(f, "BEGIN; LOCK TABLE usher.schema_migrations");
	int64_t start_us = clock_boot_us(&clock_system), took_us;

	store_set_deadline(conn, start_us + 100 * US_PER_MS);
	assert_int_equal(
	    store_query(conn, STMT_STORE_SCHEMA, NULL, 0, NULL).code, ST_DEADLINE_EXCEEDED);
	took_us = clock_boot_us(&clock_system) - start_us;
	assert_in_range(took_us, 90 * US_PER_MS, MUCH_LATER_US);
	/* It is ended a little early. Once the deadline has passed, nothing is sent. */
	while (clock_boot_us(&clock_system) < start_us + 100 * US_PER_MS)
		(void)sched_yield();
	assert_int_equal(
	    store_query(conn, STMT_STORE_XID, NULL, 0, NULL).code, ST_DEADLINE_EXCEEDED);

	/* What is leased next has a deadline of its own, and the server remembers none. */
	PQfinish(other);
	store_return(&conn);
	conn = lease(f);
	assert_ok(store_query(conn, STMT_STORE_SCHEMA, NULL, 0, NULL));
	store_return(&conn);
}

/* Nobody may read the schema's number for so long; what is asked meanwhile waits. */
static PGconn *
keep_waiting(struct fixture *f, const char *seconds)
{
	PGconn *pg = open_session(f, "BEGIN; LOCK TABLE usher.schema_migrations");
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT pg_sleep(%s); COMMIT", seconds);
	assert_int_equal(PQsendQuery(pg, sql), 1);
	return pg;
}

static status
read_schema_within(struct store_conn *conn, int64_t left_us, int64_t *took_us)
{
	const int64_t start_us = clock_boot_us(&clock_system);

	store_set_deadline(conn, start_us + left_us);
	status st = store_query(conn, STMT_STORE_SCHEMA, NULL, 0, NULL);
	*took_us = clock_boot_us(&clock_system) - start_us;
	return st;
}

/* A slow machine may not get it done within that; then again. */
static void
read_schema_well_within(struct store_conn *conn, int64_t left_us)
{
	int64_t took_us;
	status st;

	do
		st = read_schema_within(conn, left_us, &took_us);
	while (st.code == ST_DEADLINE_EXCEEDED);
	assert_ok(st);
}

/* The server is told of a deadline only when what it was told before is not good enough. */
static void
each_statement_ends_at_its_own_deadline(struct fixture *f)
{
	struct store_conn *conn = lease_patient(f);
	int64_t took_us;
	PGconn *other;

	assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
	/* Shorter ones behind a longer one, above and below what the session keeps. */
	other = open_session(f, "BEGIN; LOCK TABLE usher.schema_migrations");
	assert_int_equal(
	    read_schema_within(conn, 1500 * US_PER_MS, &took_us).code, ST_DEADLINE_EXCEEDED);
	assert_in_range(took_us, 1300 * US_PER_MS, MUCH_LATER_US);
	assert_int_equal(
	    read_schema_within(conn, 200 * US_PER_MS, &took_us).code, ST_DEADLINE_EXCEEDED);
	assert_in_range(took_us, 170 * US_PER_MS, MUCH_LATER_US);
	PQfinish(other);

	/* And a longer one behind a shorter one that went well. */
	read_schema_well_within(conn, 1200 * US_PER_MS);
	other = keep_waiting(f, "1.5");
	assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
	PQfinish(other);
	store_return(&conn);
}

static void
a_deadline_holds_whatever_was_said_before(void **state)
{
	each_statement_ends_at_its_own_deadline(*state);
}

static void
a_deadline_holds_without_a_session_of_our_own(void **state)
{
	struct fixture *f = *state;

	store_free(&f->store);
	config_free(&f->config);
	open_store(f, "--database.prepared=off");
	each_statement_ends_at_its_own_deadline(f);
}

static void
what_is_rolled_back_takes_its_deadline_along(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease_patient(f);
	int64_t took_us;
	PGconn *other;

	for (int fails = 0; fails < 2; fails++) {
		/* The session keeps the short one. */
		read_schema_well_within(conn, 1200 * US_PER_MS);
		assert_ok(store_begin(conn));
		assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
		if (fails)
			assert_int_not_equal(STORE_QUERY(conn, STMT_STORE_CHANGE, NULL,
						 p_int(1 << 20), P_NULL, P_NULL, p_bool(false))
						 .code,
			    ST_OK);
		store_rollback(conn);
		other = keep_waiting(f, "1.5");
		assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
		PQfinish(other);
	}
	/* The same for a statement that fails outside of any transaction. */
	read_schema_well_within(conn, 1200 * US_PER_MS);
	store_set_deadline(conn, clock_boot_us(&clock_system) + 2 * MUCH_LATER_US);
	assert_int_not_equal(STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1 << 20), P_NULL,
				 P_NULL, p_bool(false))
				 .code,
	    ST_OK);
	other = keep_waiting(f, "1.5");
	assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
	PQfinish(other);
	store_return(&conn);
}

static void
a_committed_deadline_is_the_sessions(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease_patient(f);
	struct revision revision;
	int64_t took_us;
	PGconn *other;
	status st;

	/* Again, for as long as the machine doesn't do it in time. */
	do {
		assert_ok(store_begin(conn));
		assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
		/* Said for this transaction alone. */
		st = read_schema_within(conn, 900 * US_PER_MS, &took_us);
		if (st.code == ST_OK)
			st = store_commit(conn, &revision);
		store_rollback(conn);
	} while (st.code == ST_DEADLINE_EXCEEDED);
	assert_ok(st);
	other = keep_waiting(f, "1.2");
	assert_ok(read_schema_within(conn, 2 * MUCH_LATER_US, &took_us));
	PQfinish(other);
	store_return(&conn);
}

/* How long it took to give up a server that was stopped, for a deadline of 100 ms; 0: that had
 * passed before the server was asked. */
static int64_t
wait_for_a_stopped_server(struct fixture *f)
{
	struct store_conn *conn = lease(f);
	char command[64];
	ROWS_AUTO rows = {0};
	const int pid = PQbackendPID(conn->pg);
	int64_t start_us, took_us;

	snprintf(command, sizeof(command), "kill -STOP %d", pid);
	assert_int_equal(system(command), 0);
	start_us = clock_boot_us(&clock_system);
	store_set_deadline(conn, start_us + 100 * US_PER_MS);
	assert_int_equal(
	    store_query(conn, STMT_STORE_XID, NULL, 0, &rows).code, ST_DEADLINE_EXCEEDED);
	took_us = store_is_lost(conn) ? clock_boot_us(&clock_system) - start_us : 0;
	snprintf(command, sizeof(command), "kill -CONT %d", pid);
	assert_int_equal(system(command), 0);
	store_return(&conn);
	return took_us;
}

static void
a_server_that_says_nothing_is_given_up_soon_after_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn;
	ROWS_AUTO rows = {0};
	int64_t took_us, least_us = INT64_MAX;

	/* A second behind it is the promise; a machine that has much to do may be late now and
	 * then.
	 */
	for (int i = 0; i < 10 && least_us >= 3 * US_PER_S; i++) {
		took_us = wait_for_a_stopped_server(f);
		if (took_us == 0)
			continue;
		assert_in_range(took_us, 1100 * US_PER_MS, MUCH_LATER_US);
		least_us = took_us < least_us ? took_us : least_us;
	}
	assert_in_range(least_us, 0, 3 * US_PER_S);
	/* Another connection takes its place. */
	conn = lease(f);
	assert_ok(store_query(conn, STMT_STORE_XID, NULL, 0, &rows));
	store_return(&conn);
}

/* ---- transactions */

static void
a_commit_sends_the_changes_along_and_says_where_it_stands(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision first, second;
	const struct uuid id = {{7}}, org_id = {{8}};

	assert_ok(store_begin(conn));
	assert_true(store_in_transaction(conn));
	assert_ok(store_change(conn, CHANGE_KEY, &id, &org_id, false));
	assert_ok(store_change(conn, CHANGE_ORG, NULL, &org_id, false));
	assert_ok(store_change(conn, CHANGE_KEY, &id, &org_id, true)); /* the same again: one row */
	assert_ok(store_commit(conn, &first));
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 2);
	assert_int_equal(
	    ask(f, "SELECT count(*) FROM usher.changes WHERE kind = 1 AND restricts AND "
		   "id = '07000000-0000-0000-0000-000000000000'"),
	    1);
	assert_int_equal(
	    ask(f, "SELECT count(*) FROM usher.changes WHERE kind = 7 AND id IS NULL"), 1);
	assert_int_equal(ask(f, "SELECT max(xid::text::int8) FROM usher.changes"), first.xid);

	assert_ok(store_begin(conn));
	assert_ok(change_something(conn));
	assert_ok(store_commit(conn, &second));
	assert_true(second.xid > first.xid);
	assert_true(second.epoch == first.epoch && first.epoch != 0);
	store_return(&conn);
}

static bool
claim(struct store_conn *conn)
{
	ROWS_AUTO rows = {0};

	assert_ok(STORE_QUERY(conn, STMT_JOBS_CLAIM, &rows, p_int(42)));
	return row_bool(&rows, 0, JOBS_CLAIM_CLAIMED);
}

/* Its machine is gone, and PostgreSQL hears nothing of that. */
static void
a_transaction_that_stands_still_gives_its_locks_to_others_soon(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease_patient(f), *other = lease_patient(f);
	const int64_t from_us = clock_boot_us(&clock_system);
	struct revision revision;
	bool claimed = false;
	status st;

	assert_ok(store_begin(conn));
	assert_true(claim(conn));
	while (!claimed && clock_boot_us(&clock_system) < from_us + LOCKS_KEPT_US_MAX) {
		usleep(100000);
		claimed = claim(other);
	}
	assert_true(claimed);
	st = store_commit(conn, &revision);
	assert_true(st.code == ST_UNAVAILABLE || st.code == ST_UNKNOWN);
	assert_true(store_is_lost(conn));
	store_return(&conn);
	store_return(&other);
}

static void
what_was_not_committed_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);

	assert_ok(store_begin(conn));
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, p_bool(false)));
	store_rollback(conn);
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 0);

	/* Returned in the middle of one. */
	assert_ok(store_begin(conn));
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, p_bool(false)));
	store_return(&conn);
	conn = lease(f);
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 0);
	store_return(&conn);
}

static void
a_failed_statement_fails_its_transaction(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;
	ROWS_AUTO rows = {0};

	assert_ok(store_begin(conn));
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, p_bool(false)));
	assert_int_equal(send_one(conn, 0, p_text("\xff")).code, ST_INVALID_ARGUMENT);
	assert_int_equal(store_query(conn, STMT_STORE_XID, NULL, 0, &rows).code, ST_ABORTED);
	assert_int_equal(store_commit(conn, &revision).code, ST_ABORTED);
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 0);

	/* The next one is as good as new. */
	assert_ok(store_begin(conn));
	assert_ok(change_something(conn));
	assert_ok(store_commit(conn, &revision));
	store_return(&conn);
	assert_int_equal(count_changes(f), 1);
}

static void
what_is_said_goes_with_the_next_statement_or_the_commit(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;

	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(1), P_NULL, P_NULL, p_bool(false)));
	assert_ok(send_one(conn, 0, p_text("x")));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(2), P_NULL, P_NULL, p_bool(false)));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(3), P_NULL, P_NULL, p_bool(false)));
	assert_int_equal(count_changes(f), 0);
	assert_ok(store_commit(conn, &revision));
	assert_int_equal(count_changes(f), 3);
	assert_int_equal(ask(f, "SELECT count(DISTINCT xid) FROM usher.changes"), 1);

	/* Taken back before it was sent. */
	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(4), P_NULL, P_NULL, p_bool(false)));
	store_rollback(conn);
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 3);

	/* Outside a transaction it is one itself. */
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(5), P_NULL, P_NULL, p_bool(false)));
	assert_int_equal(count_changes(f), 4);
	store_return(&conn);
}

static void
what_was_said_and_fails_takes_its_transaction_along(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;

	ask(f, "ALTER TABLE usher.changes ADD CONSTRAINT below_nine CHECK (kind < 9)");
	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(1), P_NULL, P_NULL, p_bool(false)));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(9), P_NULL, P_NULL, p_bool(false)));
	assert_int_equal(store_commit(conn, &revision).code, ST_INTERNAL);
	assert_false(store_in_transaction(conn));

	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(9), P_NULL, P_NULL, p_bool(false)));
	assert_int_equal(send_one(conn, 0, p_text("x")).code, ST_INTERNAL);
	assert_int_equal(store_commit(conn, &revision).code, ST_ABORTED);

	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(9), P_NULL, P_NULL, p_bool(false)));
	store_rollback(conn);
	assert_int_equal(count_changes(f), 0);

	/* The next one is as good as new. */
	assert_ok(store_begin(conn));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(1), P_NULL, P_NULL, p_bool(false)));
	assert_ok(store_commit(conn, &revision));
	store_return(&conn);
	assert_int_equal(count_changes(f), 1);
}

/* The one refresh token that there is gets that successor, if it has none. */
static status
rotate(struct store_conn *conn, const struct uuid *successor, struct rows *rows,
    struct revision *revision)
{
	const struct uuid id = {{9}};
	const struct slice hash = slice_text("hash"), sealed = slice_text("sealed"),
			   another = slice_text("another");
	const struct param params[] = {p_uuids(&id, 1), p_blobs(&hash, 1), p_uuids(successor, 1),
	    p_blobs(&sealed, 1), p_blobs(&another, 1), p_int(US_PER_S)};

	TRY(store_begin(conn));
	return store_commit_query(
	    conn, STMT_AUTH_REFRESH_ROTATE, params, 6, AUTH_REFRESH_ROTATE_XID, rows, revision);
}

static void
make_refresh_token(struct fixture *f)
{
	ask(f, "INSERT INTO usher.accounts (id, email, email_folded) VALUES "
	       "('09000000-0000-0000-0000-000000000000', 'a@example.org', 'a@example.org')");
	ask(f, "INSERT INTO usher.sessions (id, account_id, expires_at) "
	       "SELECT id, id, now() + interval '1 day' FROM usher.accounts");
	ask(f, "INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at) "
	       "SELECT id, id, 'hash', now() + interval '1 day' FROM usher.accounts");
}

static void
an_only_statement_is_committed_with_its_round_trip(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision = {0}, untouched = {0};
	const struct uuid first = {{10}}, second = {{11}};
	ROWS_AUTO rows = {0};
	ROWS_AUTO none = {0};

	make_refresh_token(f);
	assert_ok(rotate(conn, &first, &rows, &revision));
	assert_false(store_in_transaction(conn));
	assert_int_equal(rows.count, 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM usher.refresh_tokens"), 2);
	assert_int_equal(ask(f, "SELECT xmin::text::int8 FROM usher.refresh_tokens "
				"WHERE id = '0a000000-0000-0000-0000-000000000000'"),
	    revision.xid);
	assert_true(revision.epoch != 0);

	/* It has a successor now: nothing to do. */
	assert_ok(rotate(conn, &second, &none, &untouched));
	assert_int_equal(none.count, 0);
	assert_int_equal(untouched.xid, 0);
	assert_int_equal(ask(f, "SELECT count(*) FROM usher.refresh_tokens"), 2);
	store_return(&conn);
}

static void
an_only_statement_that_fails_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision = {0};
	const struct uuid taken = {{9}}, free = {{10}};
	ROWS_AUTO rows = {0};

	make_refresh_token(f);
	assert_int_equal(rotate(conn, &taken, &rows, &revision).code, ST_ALREADY_EXISTS);
	assert_false(store_in_transaction(conn));
	assert_int_equal(ask(f, "SELECT count(successor_id) FROM usher.refresh_tokens"), 0);
	kill_backends(f);
	assert_int_equal(rotate(conn, &free, &rows, &revision).code, ST_UNAVAILABLE);
	assert_false(store_in_transaction(conn));
	store_return(&conn);
	assert_int_equal(ask(f, "SELECT count(successor_id) FROM usher.refresh_tokens"), 0);

	/* The next one is as good as new. */
	conn = lease(f);
	assert_ok(rotate(conn, &free, &rows, &revision));
	store_return(&conn);
}

/* From now on whoever inserts there loses the connection: at the commit (INITIALLY DEFERRED) or by
 * the statement itself (INITIALLY IMMEDIATE). */
static void
end_connections(struct fixture *f, const char *table, const char *when)
{
	char sql[256];

	ask(f, "CREATE FUNCTION usher.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
	       "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$");
	ask(f, "ALTER FUNCTION usher.no() SECURITY DEFINER");
	snprintf(sql, sizeof(sql),
	    "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON usher.%s DEFERRABLE %s FOR EACH ROW "
	    "EXECUTE FUNCTION usher.no()",
	    table, when);
	ask(f, sql);
}

static void
an_only_statement_whose_commit_is_not_heard_of_may_have_happened(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision = {0};
	const struct uuid successor = {{10}};
	ROWS_AUTO rows = {0};
	status st;

	make_refresh_token(f);
	end_connections(f, "refresh_tokens", "INITIALLY DEFERRED");
	st = rotate(conn, &successor, &rows, &revision);
	assert_int_equal(st.code, ST_UNKNOWN);
	assert_string_equal(st.reason, "COMMIT_UNKNOWN");
	assert_false(store_in_transaction(conn));
	store_return(&conn);
}

static void
a_commit_that_fails_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;

	/* A trigger that speaks at the commit. */
	ask(f,
	    "CREATE FUNCTION usher.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
	    "EXCEPTION "
	    "'no' USING ERRCODE = '40001'; END $$; CREATE CONSTRAINT TRIGGER no AFTER INSERT ON "
	    "usher.changes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION usher.no()");
	assert_ok(store_begin(conn));
	assert_ok(change_something(conn));
	assert_int_equal(store_commit(conn, &revision).code, ST_ABORTED);
	assert_false(store_in_transaction(conn));
	assert_int_equal(count_changes(f), 0);
	assert_ok(send_one(conn, 0, p_text("fine")));
	store_return(&conn);
}

static void
a_deadline_that_passes_before_the_commit_rolls_back(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;

	assert_ok(store_begin(conn));
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, p_bool(false)));
	store_set_deadline(conn, clock_boot_us(&clock_system) - 1);
	assert_int_equal(store_commit(conn, &revision).code, ST_DEADLINE_EXCEEDED);
	store_return(&conn);
	assert_int_equal(count_changes(f), 0);
}

static void
constraints_are_told_by_name(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	status st;

	ask(f, "CREATE UNIQUE INDEX changes_once ON usher.changes (kind)");
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(5), P_NULL, P_NULL, p_bool(false)));
	st = STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(5), P_NULL, P_NULL, p_bool(false));
	assert_int_equal(st.code, ST_ALREADY_EXISTS);
	assert_string_equal(st.reason, "CHANGES_ONCE");
	store_return(&conn);
}

static void
a_revision_is_sixteen_bytes_of_ours(void **state)
{
	const struct revision revision = {.epoch = 0x0102030405060708, .xid = UINT64_C(1) << 40};
	struct revision read;
	uint8_t packed[REVISION_BYTES];

	(void)state;
	revision_pack(&revision, packed);
	assert_int_equal(packed[0], 1);
	assert_true(revision_unpack(slice_of(packed, sizeof(packed)), &read));
	assert_true(read.epoch == revision.epoch && read.xid == revision.xid);
	assert_false(revision_unpack(slice_of(packed, 15), &read));
	memset(packed, 0, sizeof(packed));
	assert_false(revision_unpack(slice_of(packed, sizeof(packed)), &read));
	assert_true(revision_epoch(1, 1) != revision_epoch(1, 2));
	assert_true(revision_epoch(1, 1) != revision_epoch(2, 1));
}

/* ---- the pool */

static void
a_pool_grows_to_its_threads_unless_a_setting_says_its_size(void **state)
{
	struct fixture *f = *state;
	struct store_connections connections;

	assert_false(store_allow_connections(f->store, 40));
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.max, 3);
	store_free(&f->store);
	config_free(&f->config);
	open_store(f, "--database.pool_connections=0");
	assert_true(store_allow_connections(f->store, 4));
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.max, 16);
	assert_true(store_allow_connections(f->store, 40));
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.max, 40);
}

static void
a_full_pool_is_waited_for_until_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conns[3], *none = NULL;
	int64_t start_us;
	struct store_connections connections;

	for (int i = 0; i < 3; i++)
		conns[i] = lease(f);
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.leased, 3);
	assert_int_equal(connections.max, 3);
	start_us = clock_boot_us(&clock_system);
	assert_int_equal(
	    store_lease(f->store, start_us + 50 * US_PER_MS, &none).code, ST_DEADLINE_EXCEEDED);
	assert_in_range(clock_boot_us(&clock_system) - start_us, 50 * US_PER_MS, MUCH_LATER_US);
	assert_null(none);
	store_return(&conns[0]);
	assert_null(conns[0]);
	conns[0] = lease(f);
	for (int i = 0; i < 3; i++)
		store_return(&conns[i]);
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.open, 3);
	assert_int_equal(connections.leased, 0);
}

static void
a_limit_holds_whatever_the_setting_says(void **state)
{
	struct fixture *f = *state;
	struct store_connections connections;

	store_limit_connections(f->store, 5);
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.max, 3);
	store_limit_connections(f->store, 1);
	assert_false(store_allow_connections(f->store, 2));
	store_get_connections(f->store, &connections);
	assert_int_equal(connections.max, 1);
}

struct racer {
	struct fixture *fixture;
	int failures;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;

	for (int i = 0; i < 50; i++) {
		struct store_conn *conn = NULL;
		struct revision revision;

		if (store_lease(racer->fixture->store, soon(), &conn).code != ST_OK ||
		    store_begin(conn).code != ST_OK || change_something(conn).code != ST_OK ||
		    store_commit(conn, &revision).code != ST_OK)
			racer->failures++;
		store_return(&conn);
	}
	return NULL;
}

static void
many_threads_share_few_connections(void **state)
{
	struct fixture *f = *state;
	struct racer racers[8];
	pthread_t threads[8];

	for (int i = 0; i < 8; i++) {
		racers[i] = (struct racer){.fixture = f};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(racers[i].failures, 0);
	}
	assert_int_equal(count_changes(f), 400);
}

static void
a_killed_backend_fails_one_call_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	status st;

	kill_backends(f);
	st = send_one(conn, 0, p_text("x"));
	assert_int_equal(st.code, ST_UNAVAILABLE);
	assert_string_equal(st.reason, "DATABASE_AWAY");
	store_return(&conn);
	conn = lease(f);
	assert_ok(send_one(conn, 0, p_text("x")));
	store_return(&conn);

	/* One that lay idle is noticed before it is given out. */
	kill_backends(f);
	conn = lease(f);
	assert_ok(send_one(conn, 0, p_text("x")));
	store_return(&conn);
}

/* libpq closes its socket when it sees that the connection broke, and that number is free. */
static void
who_has_the_number_of_a_lost_connections_socket_is_not_cut(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	const int number = PQsocket(conn->pg);
	const int64_t until_us = soon();
	int others[2];
	char c = 'x';

	kill_backends(f);
	assert_int_equal(send_one(conn, 0, p_text("x")).code, ST_UNAVAILABLE);
	while (PQsocket(conn->pg) >= 0) {
		(void)PQconsumeInput(conn->pg);
		assert_true(clock_boot_us(&clock_system) < until_us);
	}
	assert_int_equal(fcntl(number, F_GETFD), -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
	if (others[0] != number) {
		assert_int_equal(dup2(others[0], number), number);
		(void)close(others[0]);
	}
	store_cut(f->store);
	assert_int_equal(send(others[1], &c, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(number, &c, 1, MSG_DONTWAIT), 1);
	(void)close(number);
	(void)close(others[1]);
	store_return(&conn);
}

/* What a commit says whose change ends the connection, then or at the insert. */
static status
commit_a_change_that_ends_it(struct fixture *f, const char *when)
{
	struct store_conn *conn = lease(f);
	struct revision revision;
	status st;

	end_connections(f, "changes", when);
	assert_ok(store_begin(conn));
	assert_ok(send_one(conn, 0, p_text("x")));
	assert_ok(STORE_SAY(conn, STMT_STORE_CHANGE, p_int(1), P_NULL, P_NULL, p_bool(false)));
	st = store_commit(conn, &revision);
	assert_false(store_in_transaction(conn));
	store_return(&conn);
	return st;
}

static void
a_connection_lost_by_a_statement_ahead_of_the_commit_is_no_unknown_outcome(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn;
	struct revision revision;
	status st;

	st = commit_a_change_that_ends_it(f, "INITIALLY IMMEDIATE");
	assert_int_equal(st.code, ST_UNAVAILABLE);
	assert_string_equal(st.reason, "DATABASE_AWAY");
	assert_int_equal(count_changes(f), 0);

	/* Or that was lost between the two. */
	ask(f, "DROP TRIGGER no ON usher.changes");
	conn = lease(f);
	assert_ok(store_begin(conn));
	assert_ok(
	    STORE_QUERY(conn, STMT_STORE_CHANGE, NULL, p_int(1), P_NULL, P_NULL, p_bool(false)));
	kill_backends(f);
	st = store_commit(conn, &revision);
	assert_int_equal(st.code, ST_UNAVAILABLE);
	assert_string_equal(st.reason, "DATABASE_AWAY");
	assert_false(store_in_transaction(conn));
	store_return(&conn);
	assert_int_equal(count_changes(f), 0);
}

static void
a_connection_lost_by_the_commit_leaves_its_outcome_unknown(void **state)
{
	status st = commit_a_change_that_ends_it(*state, "INITIALLY DEFERRED");

	assert_int_equal(st.code, ST_UNKNOWN);
	assert_string_equal(st.reason, "COMMIT_UNKNOWN");
}

static void
a_commit_that_nothing_is_heard_of_may_have_happened(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct revision revision;
	int64_t until_us = soon();
	status st;

	assert_ok(store_begin(conn));
	assert_ok(change_something(conn));
	/* What is sent arrives, and nothing comes back. */
	assert_int_equal(shutdown(PQsocket(conn->pg), SHUT_RD), 0);
	st = store_commit(conn, &revision);
	assert_int_equal(st.code, ST_UNKNOWN);
	assert_string_equal(st.reason, "COMMIT_UNKNOWN");
	assert_false(store_in_transaction(conn));
	store_return(&conn);
	while (count_changes(f) == 0) {
		assert_true(clock_boot_us(&clock_system) < until_us);
		pause_a_little();
	}
}

static void
wait_for_lease(struct fixture *f, enum status_code code)
{
	int64_t until_us = soon();

	for (;;) {
		struct store_conn *conn = NULL;
		enum status_code got = store_lease(f->store, soon(), &conn).code;

		store_return(&conn);
		if (got == code)
			return;
		assert_true(clock_boot_us(&clock_system) < until_us);
		pause_a_little();
	}
}

static void
with_the_database_away_calls_fail_at_once_and_it_is_found_again(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = lease(f);
	struct store_health health;
	int quick = 0;

	store_return(&conn);
	postgres_halt(&postgres, "immediate");
	wait_for_lease(f, ST_UNAVAILABLE);
	for (int i = 0; i < 20; i++) {
		const int64_t start_us = clock_boot_us(&clock_system);
		const status st = store_lease(f->store, soon(), &conn);

		assert_int_equal(st.code, ST_UNAVAILABLE);
		assert_string_equal(st.reason, "DATABASE_AWAY");
		if (clock_boot_us(&clock_system) - start_us < 50 * US_PER_MS)
			quick++;
	}
	/* The next attempt, which some might meet, is up to a second away. */
	assert_in_range(quick, 10, 20);
	store_health(f->store, &health);
	assert_false(health.reachable);
	assert_non_null(strstr(health.message, "the database is away"));

	postgres_resume(&postgres);
	wait_for_lease(f, ST_OK);
	store_health(f->store, &health);
	assert_true(health.reachable && health.schema_fits);
	assert_string_equal(health.message, "");
}

static void
a_store_that_starts_before_its_database_serves_once_that_is_up(void **state)
{
	struct fixture *f = *state;

	store_free(&f->store);
	config_free(&f->config);
	postgres_halt(&postgres, "fast");
	open_store(f, NULL);
	wait_for_lease(f, ST_UNAVAILABLE);
	postgres_resume(&postgres);
	wait_for_lease(f, ST_OK);
}

/* A port that takes connections, and says nothing. */
static int
listen_in_silence(int *port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* What has been logged and not been read yet. */
static void
read_log(int fd, struct strbuf *said)
{
	char bytes[4096];
	ssize_t got;

	while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1 &&
	       (got = read(fd, bytes, sizeof(bytes))) > 0)
		strbuf_add(said, bytes, (size_t)got);
}

/* What a store logs that is freed while it makes its first connection; how long there was one. */
static int64_t
stop_while_connecting(struct fixture *f, struct strbuf *said)
{
	char conninfo[64];
	int port, log[2], silent = listen_in_silence(&port);

	snprintf(conninfo, sizeof(conninfo), "--database.conninfo=host=127.0.0.1 port=%d", port);
	assert_int_equal(pipe(log), 0);
	assert_ok(log_start(log[1], LOG_DEBUG));
	const int64_t start_us = clock_boot_us(&clock_system);
	open_store(f, conninfo);
	assert_int_equal(poll(&(struct pollfd){.fd = silent, .events = POLLIN}, 1, 20000), 1);
	store_free(&f->store);
	const int64_t took_us = clock_boot_us(&clock_system) - start_us;
	config_free(&f->config);
	log_stop();
	(void)close(log[1]);
	read_log(log[0], said);
	(void)close(log[0]);
	(void)close(silent);
	return took_us;
}

static void
a_stop_while_it_connects_is_no_failure_of_the_database(void **state)
{
	struct fixture *f = *state;
	struct strbuf said;
	int64_t took_us;

	store_free(&f->store);
	config_free(&f->config);
	/* Once it has tried for 4 s it may say so. */
	do {
		strbuf_init(&said, 64 << 10);
		took_us = stop_while_connecting(f, &said);
		if (took_us < 3 * US_PER_S)
			assert_string_equal(strbuf_text(&said), "");
		strbuf_done(&said);
	} while (took_us >= 3 * US_PER_S);
}

/* Ask for one more until the log has that word; nobody can have one meanwhile. */
static void
ask_for_more_until(struct fixture *f, int log, const char *word, struct strbuf *said)
{
	const int64_t until_us = soon();

	while (!strstr(strbuf_text(said), word)) {
		struct store_conn *conn = NULL;
		const int64_t deadline_us = clock_boot_us(&clock_system) + 20 * US_PER_MS;

		assert_int_equal(
		    store_lease(f->store, deadline_us, &conn).code, ST_DEADLINE_EXCEEDED);
		read_log(log, said);
		assert_true(clock_boot_us(&clock_system) < until_us);
	}
}

static void
fail_to_connect(struct fixture *f, int64_t times)
{
	struct store_connections connections;
	const int64_t until_us = soon();

	do {
		struct store_conn *conn = NULL;
		const int64_t deadline_us = clock_boot_us(&clock_system) + 20 * US_PER_MS;

		assert_int_equal(
		    store_lease(f->store, deadline_us, &conn).code, ST_DEADLINE_EXCEEDED);
		store_get_connections(f->store, &connections);
		assert_true(clock_boot_us(&clock_system) < until_us);
	} while (connections.failures < times);
}

static void
alter_database(struct fixture *f, const char *how)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "ALTER DATABASE %s %s", f->database, how);
	free(postgres_query(&postgres, "postgres", sql));
}

static int
count_words(const char *text, const char *word)
{
	int count = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		count++;
	return count;
}

static void
why_no_further_connection_comes_about_is_told_and_is_no_flood(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conns[2];
	struct store_health health;
	struct strbuf said;
	int log[2];

	store_free(&f->store);
	config_free(&f->config);
	strbuf_init(&said, 64 << 10);
	assert_int_equal(pipe(log), 0);
	assert_ok(log_start(log[1], LOG_DEBUG));
	open_store(f, NULL);
	conns[0] = lease(f);
	alter_database(f, "CONNECTION LIMIT 1");
	fail_to_connect(f, 4);
	ask_for_more_until(f, log[0], "too many connections", &said);
	/* Another cause is told too. */
	alter_database(f, "ALLOW_CONNECTIONS false");
	ask_for_more_until(f, log[0], "not currently accepting", &said);
	/* It serves with those that it has all the while. */
	store_health(f->store, &health);
	assert_true(health.reachable);
	assert_string_equal(health.message, "");
	assert_ok(send_one(conns[0], 0, p_text("x")));

	alter_database(f, "ALLOW_CONNECTIONS true");
	alter_database(f, "CONNECTION LIMIT -1");
	conns[1] = lease(f);
	for (int i = 0; i < 2; i++)
		store_return(&conns[i]);
	store_free(&f->store);
	log_stop();
	read_log(log[0], &said);
	assert_int_equal(count_words(strbuf_text(&said), "too many connections"), 1);
	assert_int_equal(count_words(strbuf_text(&said), "not currently accepting"), 1);
	assert_int_equal(count_words(strbuf_text(&said), "connections come about again"), 1);
	strbuf_done(&said);
	(void)close(log[0]);
	(void)close(log[1]);
}

static void
a_schema_that_does_not_fit_is_told_and_mended(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn = NULL;
	struct store_health health;
	status st;

	store_free(&f->store);
	config_free(&f->config);
	ask(f, "ALTER TABLE usher.schema_migrations RENAME TO hidden");
	open_store(f, NULL);
	st = store_lease(f->store, soon(), &conn);
	assert_int_equal(st.code, ST_UNAVAILABLE);
	assert_string_equal(st.reason, "SCHEMA_MISMATCH");
	store_health(f->store, &health);
	assert_true(health.reachable);
	assert_false(health.schema_fits);
	assert_int_equal(health.schema_version, 0);
	assert_non_null(strstr(health.message, "run `usher migrate up`"));

	ask(f, "ALTER TABLE usher.hidden RENAME TO schema_migrations");
	wait_for_lease(f, ST_OK);

	/* One that is ahead, and has left this server behind. */
	ask(f, "INSERT INTO usher.schema_migrations (version, name, checksum, serves_from) "
	       "VALUES (9000, 'later', '', 9000)");
	store_free(&f->store);
	config_free(&f->config);
	open_store(f, NULL);
	assert_int_equal(store_lease(f->store, soon(), &conn).code, ST_UNAVAILABLE);
	store_health(f->store, &health);
	assert_non_null(strstr(health.message, "install a newer usher"));
	/* One that is ahead and serves it still. */
	ask(f, "UPDATE usher.schema_migrations SET serves_from = 1");
	wait_for_lease(f, ST_OK);
}

/* Once more from the beginning, in a database of its own. */
static void
start_without_prepared_statements(struct fixture *f)
{
	store_free(&f->store);
	config_free(&f->config);
	postgres_database(&postgres, f->database);
	open_store(f, "--database.prepared=off");
}

static void
without_prepared_statements_all_works_the_same(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn;
	struct revision revision;
	uint64_t epoch;

	conn = lease(f);
	assert_ok(store_begin(conn));
	assert_ok(store_commit(conn, &revision));
	epoch = revision.epoch;
	store_return(&conn);
	store_free(&f->store);
	config_free(&f->config);

	open_store(f, "--database.prepared=off");
	values_of_every_type_come_back_as_they_went(state);
	a_statement_ends_at_its_deadline(state);
	conn = lease(f);
	assert_ok(store_begin(conn));
	assert_ok(change_something(conn));
	assert_ok(store_commit(conn, &revision));
	assert_true(revision.epoch == epoch && revision.xid > 0);
	store_return(&conn);
	an_only_statement_is_committed_with_its_round_trip(state);
	start_without_prepared_statements(f);
	an_only_statement_that_fails_leaves_nothing_behind(state);
	start_without_prepared_statements(f);
	an_only_statement_whose_commit_is_not_heard_of_may_have_happened(state);
}

static void
a_pooler_is_not_believed_that_a_lost_transaction_failed(void **state)
{
	struct fixture *f = *state;
	status st;

	start_without_prepared_statements(f);
	st = commit_a_change_that_ends_it(f, "INITIALLY IMMEDIATE");
	assert_int_equal(st.code, ST_UNKNOWN);
	assert_string_equal(st.reason, "COMMIT_UNKNOWN");
}

static void
a_connection_string_that_is_none_is_refused(void **state)
{
	struct fixture *f = *state;
	struct config *config = postgres_config(
	    &postgres, f->database, "usher_app", "--database.conninfo=nonsense here", NULL);
	struct store *store = NULL;

	assert_int_equal(store_new(config, &clock_system, &store).code, ST_INVALID_ARGUMENT);
	assert_null(store);
	config_free(&config);
}

static void
a_connection_string_is_completed_by_the_settings(void **state)
{
	static const char *const forms[] = {"--database.conninfo=host=%s dbname=%s",
	    "--database.conninfo=postgresql:///?host=%s&dbname=%s"};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		char conninfo[256], sql[160];
		struct store_conn *conn;

		store_free(&f->store);
		config_free(&f->config);
		snprintf(conninfo, sizeof(conninfo), forms[i], postgres.socket, f->database);
		f->config = postgres_config(&postgres, "nowhere", "usher_app", conninfo, NULL);
		assert_ok(store_new(f->config, &clock_system, &f->store));
		wait_for_lease(f, ST_OK);
		/* This one: of the store before, the server may have some still. */
		conn = lease(f);
		snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM pg_stat_activity WHERE pid = %d "
		    "AND usename = 'usher_app' AND datname = current_database()",
		    PQbackendPID(conn->pg));
		assert_int_equal(ask(f, sql), 1);
		store_return(&conn);
	}
}

/* Which of them would have taken writes, nobody knows: each is told of. */
static void
of_several_hosts_it_is_told_what_is_wrong_with_each(void **state)
{
	struct fixture *f = *state;
	struct store_health health;

	store_free(&f->store);
	config_free(&f->config);
	open_store(f, "--database.host=/nowhere/one,/nowhere/two");
	wait_for_lease(f, ST_UNAVAILABLE);
	store_health(f->store, &health);
	assert_string_equal(health.message,
	    "the database is away: connection to server on socket "
	    "\"/nowhere/one/.s.PGSQL.5432\" failed: No such file or directory (Is the server "
	    "running locally and accepting connections on that socket?); connection to server on "
	    "socket \"/nowhere/two/.s.PGSQL.5432\" failed: No such file or directory (Is the "
	    "server running locally and accepting connections on that socket?)");
}

/* How many connections a port has had that takes them and says nothing. */
static int
count_arrivals(int silent)
{
	int count = 0;

	while (poll(&(struct pollfd){.fd = silent, .events = POLLIN}, 1, 0) == 1) {
		(void)close(accept4(silent, NULL, NULL, SOCK_CLOEXEC));
		count++;
	}
	return count;
}

/* Each attempt there takes all of connect_timeout. */
static void
a_host_that_says_nothing_is_tried_once_and_then_last(void **state)
{
	static const char *const forms[] = {
	    "--database.conninfo=host=127.0.0.1,%s port=%d,5432 dbname=%s",
	    "--database.conninfo=postgresql:///?host=127.0.0.1,%s&port=%d,5432&dbname=%s"};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		struct store_conn *conns[3];
		char conninfo[256];
		int port, silent = listen_in_silence(&port);

		store_free(&f->store);
		config_free(&f->config);
		snprintf(conninfo, sizeof(conninfo), forms[i], postgres.socket, port, f->database);
		open_store(f, conninfo);
		wait_for_lease(f, ST_OK);
		for (int j = 0; j < 3; j++)
			conns[j] = lease(f);
		assert_int_equal(count_arrivals(silent), 1);
		for (int j = 0; j < 3; j++)
			store_return(&conns[j]);
		(void)close(silent);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int
start(void **state)
{
	(void)state;
	postgres_start(&postgres);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	postgres_stop(&postgres);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(values_of_every_type_come_back_as_they_went),
	    TEST(null_and_empty_are_told_apart),
	    TEST(values_that_cannot_be_stored_are_the_callers_fault),
	    TEST(a_statement_takes_what_it_declares_and_nothing_else),
	    TEST(a_statement_ends_at_its_deadline),
	    TEST(a_deadline_holds_whatever_was_said_before),
	    TEST(a_deadline_holds_without_a_session_of_our_own),
	    TEST(what_is_rolled_back_takes_its_deadline_along),
	    TEST(a_committed_deadline_is_the_sessions),
	    TEST(a_server_that_says_nothing_is_given_up_soon_after_the_deadline),
	    TEST(a_commit_sends_the_changes_along_and_says_where_it_stands),
	    TEST(a_transaction_that_stands_still_gives_its_locks_to_others_soon),
	    TEST(what_was_not_committed_is_not_there),
	    TEST(a_failed_statement_fails_its_transaction),
	    TEST(what_is_said_goes_with_the_next_statement_or_the_commit),
	    TEST(what_was_said_and_fails_takes_its_transaction_along),
	    TEST(an_only_statement_is_committed_with_its_round_trip),
	    TEST(an_only_statement_that_fails_leaves_nothing_behind),
	    TEST(an_only_statement_whose_commit_is_not_heard_of_may_have_happened),
	    TEST(a_commit_that_fails_leaves_nothing_behind),
	    TEST(a_deadline_that_passes_before_the_commit_rolls_back),
	    TEST(constraints_are_told_by_name),
	    TEST(a_revision_is_sixteen_bytes_of_ours),
	    TEST(a_pool_grows_to_its_threads_unless_a_setting_says_its_size),
	    TEST(a_full_pool_is_waited_for_until_the_deadline),
	    TEST(a_limit_holds_whatever_the_setting_says),
	    TEST(many_threads_share_few_connections),
	    TEST(a_killed_backend_fails_one_call_and_no_more),
	    TEST(who_has_the_number_of_a_lost_connections_socket_is_not_cut),
	    TEST(a_connection_lost_by_a_statement_ahead_of_the_commit_is_no_unknown_outcome),
	    TEST(a_connection_lost_by_the_commit_leaves_its_outcome_unknown),
	    TEST(a_commit_that_nothing_is_heard_of_may_have_happened),
	    TEST(with_the_database_away_calls_fail_at_once_and_it_is_found_again),
	    TEST(a_store_that_starts_before_its_database_serves_once_that_is_up),
	    TEST(a_stop_while_it_connects_is_no_failure_of_the_database),
	    TEST(why_no_further_connection_comes_about_is_told_and_is_no_flood),
	    TEST(a_schema_that_does_not_fit_is_told_and_mended),
	    TEST(without_prepared_statements_all_works_the_same),
	    TEST(a_pooler_is_not_believed_that_a_lost_transaction_failed),
	    TEST(a_connection_string_that_is_none_is_refused),
	    TEST(a_connection_string_is_completed_by_the_settings),
	    TEST(of_several_hosts_it_is_told_what_is_wrong_with_each),
	    TEST(a_host_that_says_nothing_is_tried_once_and_then_last),
	};

	return cmocka_run_group_tests_name("store", tests, start, stop);
}
