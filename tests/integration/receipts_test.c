/* Receipts and the blocks that they name, on a real server. */
#include "jobs/jobs.h"
#include "jobs/standard.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ORG "00000000-0000-0000-0000-000000000001"
#define ANN "00000000-0000-0000-0000-00000000000a"
#define BEN "00000000-0000-0000-0000-00000000000b"
#define GONE "00000000-0000-0000-0000-0000000000ff"

struct fixture {
	char database[POSTGRES_NAME_BYTES], directory[SCRATCH_PATH_BYTES];
	struct config *config;
	struct store *store;
	struct spool *spool;
	struct jobs *jobs;
	struct standard_jobs standard;
};

static struct postgres postgres;

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		fail_msg("%s: %s", status_code_name(st.code), st.message);
}

static void
run_sql(struct fixture *f, const char *sql)
{
	free(postgres_query(&postgres, f->database, sql));
}

static void
assert_sql(struct fixture *f, const char *sql, const char *expected)
{
	char *got = postgres_query(&postgres, f->database, sql);

	assert_string_equal(got, expected);
	free(got);
}

static int
set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof f);
	postgres_database(&postgres, f.database);
	run_sql(&f, "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('" ORG "', 'a', 'A');"
		    "INSERT INTO usher.users (org_id, id) VALUES ('" ORG "', '" ANN "'),"
		    " ('" ORG "', '" BEN "')");
	scratch_make(f.directory);
	f.config = postgres_config(&postgres, f.database, "usher_app", NULL);
	assert_ok(store_new(f.config, &clock_system, &f.store));
	assert_ok(spool_new(f.directory, 1 << 20, &clock_system, &rand_system, &f.spool));
	assert_ok(jobs_new(f.store, &clock_system, &f.jobs));
	f.standard.spool = f.spool;
	assert_ok(standard_jobs_add(f.jobs, &f.standard));
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	jobs_free(&f->jobs);
	spool_free(&f->spool);
	store_free(&f->store);
	config_free(&f->config);
	scratch_remove(f->directory);
	return 0;
}

static void
add_read(struct fixture *f, const char *org, const char *user)
{
	struct spool_read read = {.second = clock_now_us(&clock_system) / US_PER_S};
	struct spool_ticket ticket;
	struct uuid read_id;

	assert_true(uuid_parse(slice_text(org), &read.org_id));
	assert_true(uuid_parse(slice_text(user), &read.user_id));
	assert_true(uuid_parse(slice_text(GONE), &read.key_id));
	assert_true(spool_begin(f->spool, &read, &ticket));
	spool_take(&ticket, &read_id);
}

static void
keep_block(struct fixture *f, const char *user, const char *content)
{
	struct uuid org_id, user_id;
	struct store_conn *conn;

	assert_true(uuid_parse(slice_text(ORG), &org_id));
	assert_true(uuid_parse(slice_text(user), &user_id));
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + 10 * US_PER_S, &conn));
	assert_ok(STORE_QUERY(conn, STMT_CONTEXT_BLOCK_STORE, NULL, p_uuid(&org_id),
	    p_bytes(slice_text("hash")), p_uuid(&user_id), p_bytes(slice_text(content))));
	store_return(&conn);
}

static void
receipts_of_a_user_key_or_organisation_that_is_gone_are_stored_like_others(void **state)
{
	struct fixture *f = *state;

	add_read(f, ORG, ANN);
	add_read(f, ORG, GONE);
	add_read(f, GONE, GONE);
	run_sql(f, "DELETE FROM usher.users WHERE id = '" ANN "'");
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(*) FROM usher.reads", "3");
}

static void
a_block_that_two_users_share_outlives_one_of_them(void **state)
{
	struct fixture *f = *state;

	keep_block(f, ANN, "the same");
	keep_block(f, BEN, "the same");
	keep_block(f, GONE, "nobody's");
	run_sql(f, "DELETE FROM usher.users WHERE id = '" ANN "'");
	assert_sql(f, "SELECT string_agg(user_id::text, ' ') FROM usher.blocks", BEN);
}

/* Nobody ran for months, and the first call was faster than the job. */
static void
rows_that_came_before_their_partition_hold_up_no_other(void **state)
{
	struct fixture *f = *state;

	run_sql(f,
	    "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT inhrelid::regclass FROM pg_inherits"
	    " WHERE inhparent = 'usher.reads'::regclass AND inhrelid <>"
	    " 'usher.reads_default'::regclass LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$");
	add_read(f, ORG, ANN);
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(*) FROM usher.reads_default", "1");
	assert_ok(jobs_run_now(f->jobs, "partitions"));
	assert_sql(
	    f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'usher.reads'::regclass", "3");
	assert_ok(jobs_run_now(f->jobs, "partitions"));
}

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
	    cmocka_unit_test_setup_teardown(
		receipts_of_a_user_key_or_organisation_that_is_gone_are_stored_like_others, set_up,
		tear_down),
	    cmocka_unit_test_setup_teardown(
		a_block_that_two_users_share_outlives_one_of_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		rows_that_came_before_their_partition_hold_up_no_other, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
