/* Every statement against the real schema: what its header declares is what PostgreSQL finds. */
#include "store/statement.h"
#include "store/value.h"

#include "base/str.h"
#include "tests/lib/postgres.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SQL_BYTES_MAX 4096
#define LIBPQ "--include='*.[ch]' '\\bPQ[a-z][A-Za-z]*\\(|libpq-fe'"

struct fixture {
	struct postgres postgres;
	char database[POSTGRES_NAME_BYTES];
	PGconn *pg;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	postgres_start(&f->postgres);
	postgres_database(&f->postgres, f->database);
	f->pg = PQsetdbLogin(f->postgres.socket, NULL, NULL, NULL, f->database, "usher_app", NULL);
	/* Nothing is to be found by a bare name. */
	PQclear(PQexec(f->pg, "SET search_path = pg_catalog"));
	assert_string_equal(PQerrorMessage(f->pg), "");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	PQfinish(f->pg);
	postgres_stop(&f->postgres);
	return 0;
}

static int
complain(const struct stmt *stmt, const char *what, const char *why)
{
	print_error("src/store/sql/%s.sql: %s: %s\n", stmt->name, what, why);
	return 1;
}

/* The statement's description after a Prepare with the declared types; NULL when it fails. */
static PGresult *
describe(struct fixture *f, const struct stmt *stmt)
{
	Oid types[PARAMS_MAX];
	PGresult *result;

	for (size_t i = 0; i < stmt->params_count; i++)
		types[i] = value_oid(stmt->params[i].type);
	result = PQprepare(f->pg, stmt->name, stmt->text, (int)stmt->params_count, types);
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		complain(stmt, "cannot be prepared", PQresultErrorMessage(result));
		PQclear(result);
		return NULL;
	}
	PQclear(result);
	return PQdescribePrepared(f->pg, stmt->name);
}

static int
compare(const struct stmt *stmt, const PGresult *result)
{
	int faults = 0;
	char text[128];

	if ((size_t)PQnparams(result) != stmt->params_count)
		faults += complain(stmt, "in", "another number of parameters than the SQL has");
	if ((size_t)PQnfields(result) != stmt->columns_count) {
		snprintf(text, sizeof(text), "%zu columns are declared, the SQL gives %d",
		    stmt->columns_count, PQnfields(result));
		return faults + complain(stmt, "out", text);
	}
	for (size_t i = 0; i < stmt->columns_count; i++) {
		const struct stmt_field *column = &stmt->columns[i];

		if (PQftype(result, (int)i) == value_oid(column->type))
			continue;
		snprintf(text, sizeof(text), "declared as %s, PostgreSQL's type %u is another",
		    value_type_name(column->type), PQftype(result, (int)i));
		faults += complain(stmt, column->name, text);
	}
	return faults;
}

static void
every_statement_is_what_its_header_says(void **state)
{
	struct fixture *f = *state;
	int faults = 0;

	for (int i = 0; i < STMT_COUNT; i++) {
		PGresult *result = describe(f, &statements[i]);

		faults += result ? compare(&statements[i], result) : 1;
		PQclear(result);
	}
	assert_int_equal(faults, 0);
}

/* EXPLAIN checks permissions as running it would, and runs nothing. */
static void
the_server_may_run_every_statement(void **state)
{
	struct fixture *f = *state;
	int faults = 0;

	for (int i = 0; i < STMT_COUNT; i++) {
		const struct stmt *stmt = &statements[i];
		char sql[SQL_BYTES_MAX];
		int at = snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE \"%s\"", stmt->name);
		PGresult *result = describe(f, stmt);

		for (size_t j = 0; j < stmt->params_count; j++)
			at +=
			    snprintf(sql + at, sizeof(sql) - (size_t)at, "%sNULL", j ? ", " : " (");
		if (stmt->params_count > 0)
			snprintf(sql + at, sizeof(sql) - (size_t)at, ")");
		PQclear(result);
		result = PQexec(f->pg, sql);
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			faults += complain(stmt, "as usher_app", PQresultErrorMessage(result));
		PQclear(result);
		PQclear(PQexec(f->pg, "DEALLOCATE ALL"));
	}
	assert_int_equal(faults, 0);
}

/* SQL is text in a file, so nobody else has a reason to hand any to libpq. That the store is found
 * to call it shows that this looks at something. */
static void
nobody_but_the_store_calls_libpq(void **state)
{
	(void)state;
	assert_int_equal(system("cd '" USHER_SOURCE_DIR "/src' && grep -rqE " LIBPQ " store &&"
				" ! grep -rnE " LIBPQ " . | grep -v '^\\./store/'"),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_server_may_run_every_statement),
	    cmocka_unit_test(nobody_but_the_store_calls_libpq),
	    cmocka_unit_test(every_statement_is_what_its_header_says),
	};

	return cmocka_run_group_tests_name("statements", tests, set_up, tear_down);
}
