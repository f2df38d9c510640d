/* The jobs, and what OpsService says of them, over a real database. */
#include "gen/svc/ops.h"
#include "jobs/standard.h"
#include "svc/ops/env.h"
#include "tests/lib/handler_fixture.h"
#include "tests/lib/scratch.h"
#include "tests/lib/until.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct postgres postgres;
static struct handler_fixture fixture;
static struct crypt_key outbox_key;
static struct jobs *jobs;
static struct standard_jobs standard;
static struct lease *lease;
static struct barrier *barrier;
static char directory[SCRATCH_PATH_BYTES];

#define must(expression) assert_int_equal((expression).code, ST_OK)

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

static int
set_up(void **state)
{
	handler_fixture_init(&fixture, &postgres);
	scratch_make(directory);
	outbox_key_derive(fixture.master, &outbox_key);
	standard = (struct standard_jobs){.keyring = fixture.keyring,
	    .outbox = {&outbox_key, outbox_deliver_to_folder, directory}};
	must(spool_new(directory, SPOOL_BYTES_MIN, &clock_system, &rand_system, &standard.spool));
	must(lease_new(&clock_system, &rand_system, "tcp://test", &lease));
	must(barrier_new(&clock_system, &barrier));
	must(feed_new(fixture.store, &clock_system, lease, barrier, &standard.feed));
	must(jobs_new(fixture.store, &clock_system, &jobs));
	must(standard_jobs_add(jobs, &standard));
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	jobs_stop(jobs);
	jobs_free(&jobs);
	spool_free(&standard.spool);
	feed_free(&standard.feed);
	barrier_free(&barrier);
	lease_free(&lease);
	handler_fixture_done(*state);
	scratch_remove(directory);
	return 0;
}

static int
count_files(const char *end)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		size_t bytes = strlen(entry->d_name);

		count +=
		    bytes > strlen(end) && strcmp(entry->d_name + bytes - strlen(end), end) == 0;
	}
	closedir(dir);
	return count;
}

static struct job_figures
figures_of(const char *name)
{
	struct job_figures figures;

	assert_true(jobs_get_figures_of(jobs, slice_text(name), &figures));
	return figures;
}

static void
put_mail(const char *to, int64_t expires_at_us, bool commit)
{
	struct mail mail = {.from = "usher@example.org",
	    .to = to,
	    .subject = "Your code",
	    .text = "123456\n",
	    .created_at_us = clock_now_us(&clock_system)};
	struct revision revision;
	struct store_conn *conn;
	struct arena arena;

	must(arena_init(&arena, 4096, 1u << 20));
	must(uuid_make(&clock_system, &rand_system, &mail.id));
	must(store_lease(fixture.store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn));
	must(store_begin(conn));
	must(outbox_put(conn, &outbox_key, &rand_system, &mail, expires_at_us, &arena));
	if (commit)
		must(store_commit(conn, &revision));
	store_return(&conn);
	arena_done(&arena);
}

static void
mail_leaves_with_its_transaction_once(void **state)
{
	int64_t later_us = clock_now_us(&clock_system) + 600 * US_PER_S;

	(void)state;
	put_mail("ann@example.org", later_us, true);
	put_mail("ben@example.org", later_us, false);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox "
						  "WHERE position('123456'::bytea IN sealed) > 0"),
	    "0");
	must(jobs_run_now(jobs, "mail"));
	must(jobs_run_now(jobs, "mail"));
	assert_int_equal(count_files(".eml"), 1);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "0");
}

/* Let all mail be due, and run the job. */
static void
send_mail(void)
{
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET next_try_at = now()");
	must(jobs_run_now(jobs, "mail"));
}

static const char *
mails_that_wait(void)
{
	return handler_sql(&fixture, "SELECT count(*) || ' tried ' || sum(attempts) || ' times' "
				     "FROM usher.mail_outbox");
}

static void
mail_that_can_not_leave_waits(void **state)
{
	(void)state;
	put_mail("ann@example.org", clock_now_us(&clock_system) + 600 * US_PER_S, true);
	standard.outbox.deliver_env = (char *)"/nowhere/at/all";
	must(jobs_run_now(jobs, "mail"));
	assert_string_equal(
	    handler_sql(&fixture, "SELECT attempts FROM usher.mail_outbox "
				  "WHERE next_try_at >= created_at + interval '5 s'"),
	    "1");
	assert_int_equal(figures_of("mail").backlog, 1);
	/* It is not due now, and has not left. */
	must(jobs_run_now(jobs, "mail"));
	assert_int_equal(figures_of("mail").backlog, 1);
	standard.outbox.deliver_env = directory;
	send_mail();
	assert_int_equal(figures_of("mail").backlog, 0);
}

/* Nobody can tell it from damage: one that is damaged waits too, until it is swept. */
static void
mail_of_another_key_or_version_waits_for_who_can_open_it(void **state)
{
	struct crypt_key another;

	(void)state;
	must(crypt_key_make(&rand_system, &another));
	put_mail("ann@example.org", clock_now_us(&clock_system) + 600 * US_PER_S, true);
	standard.outbox.key = &another;
	send_mail();
	assert_string_equal(mails_that_wait(), "1 tried 1 times");
	standard.outbox.key = &outbox_key;
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET sealed = set_byte(sealed, 0, 77)");
	send_mail();
	assert_string_equal(mails_that_wait(), "1 tried 2 times");
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET sealed = set_byte(sealed, 0, 1)");
	send_mail();
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "0");
	assert_int_equal(count_files(".eml"), 1);
	put_mail("ben@example.org", clock_now_us(&clock_system) + 600 * US_PER_S, true);
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET sealed = 'damaged'");
	send_mail();
	assert_string_equal(mails_that_wait(), "1 tried 1 times");
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET expires_at = now() - interval '1 s'");
	must(jobs_run_now(jobs, "sweep"));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "0");
}

static void
a_node_with_another_master_key_touches_no_mail(void **state)
{
	struct crypt_key master;
	struct keyring *keyring;

	(void)state;
	must(crypt_key_make(&rand_system, &master));
	must(keyring_new(&(struct keyring_config){.master = &master,
			     .clock = &clock_system,
			     .rand = &rand_system,
			     .issuer = "x",
			     .audience = "x"},
	    &keyring));
	put_mail("ann@example.org", clock_now_us(&clock_system) + 600 * US_PER_S, true);
	outbox_key_derive(&master, &outbox_key);
	standard.keyring = keyring;
	assert_int_equal(jobs_run_now(jobs, "keyring").code, ST_DATA_LOSS);
	must(jobs_run_now(jobs, "mail"));
	assert_string_equal(mails_that_wait(), "1 tried 0 times");
	/* It looks as if nobody sent it. */
	handler_sql(&fixture, "UPDATE usher.mail_outbox SET created_at = now() - interval '1 min'");
	must(jobs_run_now(jobs, "mail"));
	assert_int_equal(figures_of("mail").backlog, 1);
	outbox_key_derive(fixture.master, &outbox_key);
	standard.keyring = fixture.keyring;
	keyring_free(&keyring);
	must(jobs_run_now(jobs, "mail"));
	assert_int_equal(count_files(".eml"), 1);
}

static void
mail_that_opens_and_is_none_goes(void **state)
{
	struct uuid id;
	struct slice sealed;
	struct store_conn *conn;
	struct arena arena;

	(void)state;
	must(arena_init(&arena, 4096, 1u << 20));
	must(uuid_make(&clock_system, &rand_system, &id));
	must(crypt_seal(&outbox_key, &rand_system, slice_of(id.bytes, UUID_BYTES),
	    slice_text("no mail"), &arena, &sealed));
	must(store_lease(fixture.store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn));
	must(STORE_QUERY(conn, STMT_JOBS_OUTBOX_PUT, NULL, p_uuid(&id), p_bytes(sealed),
	    p_time(clock_now_us(&clock_system) + 600 * US_PER_S)));
	store_return(&conn);
	arena_done(&arena);
	must(jobs_run_now(jobs, "mail"));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "0");
	assert_int_equal(count_files(".eml"), 0);
}

static void
what_has_expired_is_swept_and_the_rest_stays(void **state)
{
	(void)state;
	handler_sql(&fixture, "INSERT INTO usher.throttles SELECT 1, i::text::bytea, 1, "
			      "now() - i * interval '1 hour', now() - interval '1 min' FROM "
			      "generate_series(1, 40) i");
	handler_sql(&fixture,
	    "INSERT INTO usher.idempotency (principal, method_id, key_hash, request_mac, "
	    "result_sealed, expires_at) SELECT '', 1, i::text::bytea, '', '', "
	    "now() + (i - 1500) * interval '1 min' FROM generate_series(1, 1510) i");
	must(jobs_run_now(jobs, "sweep"));
	must(jobs_run_now(jobs, "sweep"));
	assert_in_range(
	    atoi(handler_sql(&fixture, "SELECT count(*) FROM usher.throttles")), 22, 24);
	assert_in_range(
	    atoi(handler_sql(&fixture, "SELECT count(*) FROM usher.idempotency")), 9, 11);
}

/* Few at a time, for each takes its results along. */
static void
a_sweep_knows_how_many_rows_it_left(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.operations (org_id, id, kind, started_by, state, finished_at, "
	    "expires_at) SELECT o.id, gen_random_uuid(), 'x', o.id, 3, now(), now() - interval "
	    "'1 day' FROM usher.orgs o, generate_series(1, 25)");
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").done, 20);
	assert_int_equal(figures_of("sweep").backlog, 5);
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").done, 25);
	assert_int_equal(figures_of("sweep").backlog, 0);
}

/* A table's rows are counted up to a limit, so the others' are known all the same. */
static void
what_a_sweep_left_of_a_large_table_is_that_many_at_least(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.throttles SELECT 1, i::text::bytea, 1, now() - interval '3 days', "
	    "now() - interval '1 day' FROM generate_series(1, 11500) i");
	handler_sql(&fixture,
	    "INSERT INTO usher.read_batches SELECT gen_random_uuid(), i, now() - interval '40 "
	    "days' FROM generate_series(1, 1007) i");
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").done, 2000);
	assert_int_equal(figures_of("sweep").backlog, 10007);
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").backlog, 9500);
}

static void
rows_that_somebody_is_at_are_left_and_known(void **state)
{
	PGconn *other =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, fixture.database, "usher_owner", NULL);

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.throttles SELECT 1, i::text::bytea, 1, now() - interval '3 days', "
	    "now() - interval '1 day' FROM generate_series(1, 5) i");
	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexec(other, "SELECT FROM usher.throttles WHERE subject = '3' FOR UPDATE"));
	assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").done, 4);
	assert_int_equal(figures_of("sweep").backlog, 1);
	PQclear(PQexec(other, "COMMIT"));
	PQfinish(other);
	/* What fails has them still. */
	handler_sql(&fixture, "ALTER TABLE usher.throttles RENAME TO away");
	assert_int_equal(jobs_run_now(jobs, "sweep").code, ST_INTERNAL);
	assert_int_equal(figures_of("sweep").backlog, 1);
	handler_sql(&fixture, "ALTER TABLE usher.away RENAME TO throttles");
	must(jobs_run_now(jobs, "sweep"));
	assert_int_equal(figures_of("sweep").backlog, 0);
}

static void
a_table_that_can_not_be_swept_keeps_no_other_from_it(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.idempotency (principal, method_id, key_hash, request_mac, "
	    "result_sealed, expires_at) VALUES ('', 1, '', '', '', now() - interval '1 day')");
	handler_sql(&fixture,
	    "INSERT INTO usher.signups (id, email, email_folded, password_hash, code_hash, "
	    "expires_at) VALUES (gen_random_uuid(), '', '', '', '', now() - interval '2 days')");
	handler_sql(&fixture, "ALTER TABLE usher.throttles RENAME TO away");
	assert_int_equal(jobs_run_now(jobs, "sweep").code, ST_INTERNAL);
	/* One before it, and one behind it. */
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.signups"), "0");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.idempotency"), "0");
	assert_string_equal(
	    figures_of("sweep").last_error, "throttles: the database refused a statement");
	assert_int_equal(figures_of("sweep").done, 2);
	handler_sql(&fixture, "ALTER TABLE usher.away RENAME TO throttles");
	must(jobs_run_now(jobs, "sweep"));
	assert_string_equal(figures_of("sweep").last_error, "");
}

struct batches {
	atomic_int left;
};

static status
run_half_broken(void *env, struct job_run *run)
{
	struct batches *batches = env;

	if (run->part == 0)
		return REFUSE(ST_INTERNAL, "broken");
	run->more = atomic_fetch_sub(&batches->left, 1) > 1;
	return STATUS_OK;
}

static void
a_part_that_is_broken_does_not_slow_down_one_that_has_more(void **state)
{
	static const char *const parts[] = {"broken", "well", NULL};
	static struct batches batches = {.left = 3};
	struct job job = {.name = "half_broken",
	    .period_us = 3600 * US_PER_S,
	    .retry_us = 3600 * US_PER_S,
	    .of_cluster = true,
	    .parts = parts,
	    .run = run_half_broken,
	    .env = &batches};
	int64_t until_us = clock_boot_us(&clock_system) + 60 * US_PER_S;

	(void)state;
	must(jobs_add(jobs, &job));
	must(jobs_start(jobs));
	while (atomic_load(&batches.left) > 0 && clock_boot_us(&clock_system) < until_us)
		usleep(1000);
	jobs_stop(jobs);
	assert_int_equal(atomic_load(&batches.left), 0);
	assert_int_equal(figures_of("half_broken").errors, 3);
}

static void
what_is_older_than_it_may_be_goes_and_nothing_goes_that_is_kept_for_ever(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "WITH audited AS (INSERT INTO usher.audit (id, actor_kind, action, outcome) "
	    "SELECT gen_random_uuid(), 0, 'x', 0 FROM generate_series(1, 3) RETURNING id) "
	    "INSERT INTO usher.audit_addresses (audit_id, at, client_ip) SELECT id, "
	    "now() - row_number() OVER () * interval '1 day', '192.0.2.1' FROM audited");
	handler_sql(&fixture,
	    "INSERT INTO usher.reads (org_id, read_id, user_id, block_hash, purpose, read_at, "
	    "reads) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', '', "
	    "now() - i * interval '1 day', 1 FROM generate_series(1, 3) i");
	handler_sql(&fixture,
	    "WITH read AS (INSERT INTO usher.users (org_id, id) SELECT id, gen_random_uuid() "
	    "FROM usher.orgs WHERE slug = 'acme' RETURNING org_id, id) "
	    "INSERT INTO usher.blocks (org_id, user_id, hash, content, created_at, used_at) "
	    "SELECT org_id, id, decode(days, 'hex'), decode(days, 'hex'), now() - interval '1 "
	    "year', "
	    "now() - days::int * interval '1 day' FROM read, unnest(ARRAY['09', '10']) days");
	must(jobs_run_now(jobs, "retention"));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.reads"), "3");
	standard.retention = (struct retention){.addresses_s = 129600, .reads_s = 216000};
	must(jobs_run_now(jobs, "retention"));
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.audit_addresses"), "1");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.audit"), "3");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.reads"), "2");
	/* What receipts of the last two and a half days name was in use within the week before. */
	assert_string_equal(
	    handler_sql(&fixture, "SELECT string_agg(content::text, ' ' ORDER BY used_at DESC) "
				  "FROM usher.blocks"),
	    "\\x09");
}

static const char *
run_retention_and_count_reads(void)
{
	must(jobs_run_now(jobs, "retention"));
	return handler_sql(&fixture, "SELECT count(*) FROM usher.reads");
}

/* What a batch passed over since it came late is found by one that begins anew. */
static void
batches_of_old_receipts_go_on_where_the_last_was_and_leave_none(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.reads (org_id, read_id, user_id, block_hash, purpose, read_at, "
	    "reads) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', '', "
	    "now() - interval '400 days' + i * interval '1 s', 1 FROM generate_series(1, 1500) i "
	    "ORDER BY i");
	handler_sql(&fixture,
	    "INSERT INTO usher.reads (org_id, read_id, user_id, block_hash, purpose, read_at, "
	    "reads) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', '', "
	    "now() - interval '401 days', 1");
	standard.retention = (struct retention){.reads_s = 864000};
	assert_string_equal(run_retention_and_count_reads(), "501");
	assert_int_equal(figures_of("retention").backlog, 501);
	assert_string_equal(run_retention_and_count_reads(), "1");
	assert_string_equal(run_retention_and_count_reads(), "0");
	assert_true(standard.reads_after_us == 0);
	assert_int_equal(figures_of("retention").backlog, 0);
}

static void
what_retention_left_is_known(void **state)
{
	(void)state;
	handler_sql(&fixture,
	    "WITH audited AS (INSERT INTO usher.audit (id, actor_kind, action, outcome) "
	    "SELECT gen_random_uuid(), 0, 'x', 0 FROM generate_series(1, 1013) RETURNING id) "
	    "INSERT INTO usher.audit_addresses (audit_id, at, client_ip) SELECT id, "
	    "now() - interval '3 days', '192.0.2.1' FROM audited");
	handler_sql(&fixture,
	    "WITH read AS (INSERT INTO usher.users (org_id, id) SELECT id, gen_random_uuid() "
	    "FROM usher.orgs WHERE slug = 'acme' RETURNING org_id, id) "
	    "INSERT INTO usher.blocks (org_id, user_id, hash, content, used_at) "
	    "SELECT org_id, id, i::text::bytea, '', now() - interval '1 year' "
	    "FROM read, generate_series(1, 1100) i");
	must(jobs_run_now(jobs, "retention"));
	assert_int_equal(figures_of("retention").backlog, 0);
	standard.retention = (struct retention){.addresses_s = 86400, .reads_s = 86400};
	must(jobs_run_now(jobs, "retention"));
	assert_int_equal(figures_of("retention").done, 2000);
	assert_int_equal(figures_of("retention").backlog, 113);
	must(jobs_run_now(jobs, "retention"));
	assert_int_equal(figures_of("retention").done, 2113);
	assert_int_equal(figures_of("retention").backlog, 0);
}

/* A month of its own, with a receipt in it. */
static void
make_month(const char *label, const char *first, const char *next)
{
	handler_sql(&fixture,
	    "CREATE TABLE usher.reads_%s PARTITION OF usher.reads FOR VALUES FROM ('%s') TO ('%s')",
	    label, first, next);
	handler_sql(&fixture,
	    "INSERT INTO usher.reads (org_id, read_id, user_id, block_hash, purpose, read_at, "
	    "reads) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', '', "
	    "'%s', 1)",
	    first);
}

static bool
has_month(const char *label)
{
	return strcmp(handler_sql(&fixture, "SELECT to_regclass('usher.reads_%s')", label), "") !=
	       0;
}

static void
a_month_of_receipts_that_is_all_due_goes_whole_and_one_that_is_not_stays(void **state)
{
	char seconds[24];

	(void)state;
	make_month("199901", "1999-01-01 UTC", "1999-02-01 UTC");
	make_month("199902", "1999-02-01 UTC", "1999-03-01 UTC");
	make_month("199903", "1999-03-01 UTC", "1999-04-01 UTC");
	snprintf(seconds, sizeof(seconds), "%s",
	    handler_sql(
		&fixture, "SELECT extract(epoch FROM now() - timestamptz '1999-03-15 UTC')::int8"));
	standard.retention = (struct retention){.reads_s = atoll(seconds)};
	assert_string_equal(run_retention_and_count_reads(), "2");
	assert_false(has_month("199901"));
	assert_true(has_month("199902"));
	assert_int_equal(figures_of("retention").backlog, 2);
	assert_string_equal(run_retention_and_count_reads(), "1");
	assert_false(has_month("199902"));
	/* Begun, and not over. */
	assert_string_equal(run_retention_and_count_reads(), "0");
	assert_true(has_month("199903"));
	assert_int_equal(figures_of("retention").done, 3);
	assert_int_equal(figures_of("retention").backlog, 0);
}

/* It has no estimate of one that was never analysed. */
static void
a_month_that_goes_whole_counts_as_what_postgresql_estimates(void **state)
{
	(void)state;
	standard.retention = (struct retention){.reads_s = 86400};
	make_month("199901", "1999-01-01 UTC", "1999-02-01 UTC");
	handler_sql(&fixture,
	    "INSERT INTO usher.reads SELECT org_id, gen_random_uuid(), key_id, reader_id, user_id, "
	    "chatbot_id, block_hash, purpose, read_at, reads FROM usher.reads, "
	    "generate_series(1, 36)");
	handler_sql(&fixture, "ANALYZE usher.reads_199901");
	make_month("199902", "1999-02-01 UTC", "1999-03-01 UTC");
	must(jobs_run_now(jobs, "retention"));
	assert_int_equal(figures_of("retention").done, 37);
	must(jobs_run_now(jobs, "retention"));
	assert_false(has_month("199902"));
	assert_int_equal(figures_of("retention").done, 38);
}

static void
a_month_that_somebody_has_open_is_emptied_and_keeps_nobody_waiting(void **state)
{
	/* The last one is locked too when another goes. */
	static const char *const opens[] = {
	    "SELECT count(*) FROM usher.reads", "SELECT count(*) FROM usher.reads_default"};
	PGconn *other =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, fixture.database, "usher_owner", NULL);

	(void)state;
	standard.retention = (struct retention){.reads_s = 86400};
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		make_month("199901", "1999-01-01 UTC", "1999-02-01 UTC");
		PQclear(PQexec(other, "BEGIN"));
		PQclear(PQexec(other, opens[i]));
		assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
		assert_string_equal(run_retention_and_count_reads(), "0");
		assert_true(has_month("199901"));
		PQclear(PQexec(other, "COMMIT"));
		assert_string_equal(run_retention_and_count_reads(), "0");
		assert_false(has_month("199901"));
	}
	PQfinish(other);
}

/* Its runs end when the test lets them. */
struct slow_job {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool entered, may_leave;
};

static status
run_slow(void *env, struct job_run *run)
{
	struct slow_job *slow = env;

	(void)run;
	pthread_mutex_lock(&slow->lock);
	slow->entered = true;
	pthread_cond_broadcast(&slow->changed);
	while (!slow->may_leave)
		pthread_cond_wait(&slow->changed, &slow->lock);
	pthread_mutex_unlock(&slow->lock);
	return STATUS_OK;
}

static void
add_slow(struct slow_job *slow, const char *name)
{
	struct job job = {.name = name,
	    .period_us = 3600 * US_PER_S,
	    .is_long = true,
	    .run = run_slow,
	    .env = slow};

	pthread_mutex_init(&slow->lock, NULL);
	pthread_cond_init(&slow->changed, NULL);
	must(jobs_add(jobs, &job));
}

/* Until it is in a run. */
static void
slow_await(struct slow_job *slow)
{
	pthread_mutex_lock(&slow->lock);
	while (!slow->entered)
		pthread_cond_wait(&slow->changed, &slow->lock);
	pthread_mutex_unlock(&slow->lock);
}

static void
slow_leave(struct slow_job *slow)
{
	pthread_mutex_lock(&slow->lock);
	slow->may_leave = true;
	pthread_cond_broadcast(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
}

static void
slow_stay(struct slow_job *slow)
{
	pthread_mutex_lock(&slow->lock);
	slow->entered = slow->may_leave = false;
	pthread_mutex_unlock(&slow->lock);
}

static int64_t
runs_of(const char *name)
{
	return figures_of(name).runs;
}

static void
a_long_job_holds_up_no_brief_one(void **state)
{
	static struct slow_job slow;
	int64_t until_us = clock_boot_us(&clock_system) + 60 * US_PER_S, before;

	(void)state;
	add_slow(&slow, "slow");
	must(jobs_start(jobs));
	slow_await(&slow);
	before = runs_of("mail");
	jobs_wake(jobs, "mail");
	while (runs_of("mail") == before && clock_boot_us(&clock_system) < until_us)
		usleep(1000);
	assert_true(runs_of("mail") > before);
	assert_int_equal(runs_of("slow"), 0);
	slow_leave(&slow);
	jobs_stop(jobs);
	assert_int_equal(runs_of("slow"), 1);
}

/* Six batches: with the job's ten seconds between them it would be a minute. */
static void
changes_are_removed_in_batches_without_a_pause(void **state)
{
	int64_t until_us = clock_boot_us(&clock_system) + 30 * US_PER_S;

	(void)state;
	/* Those of the fixture. */
	handler_sql(&fixture, "DELETE FROM usher.changes");
	handler_sql(
	    &fixture, "INSERT INTO usher.changes (kind) SELECT 1 FROM generate_series(1, 50001)");
	must(jobs_run_now(jobs, "changes"));
	assert_int_equal(figures_of("changes").done, 10000);
	assert_int_equal(figures_of("changes").backlog, 40001);
	must(jobs_start(jobs));
	while (figures_of("changes").done < 50001 && clock_boot_us(&clock_system) < until_us)
		usleep(1000);
	jobs_stop(jobs);
	assert_int_equal(figures_of("changes").done, 50001);
	assert_int_equal(figures_of("changes").backlog, 0);
}

/* This one has not seen them stand still for a minute, so it removes none yet. */
static void
rows_of_nodes_that_are_gone_are_known_while_they_stand(void **state)
{
	(void)state;
	handler_sql(&fixture, "DELETE FROM usher.changes");
	handler_sql(&fixture,
	    "INSERT INTO usher.nodes (id, epoch, xmin_passed, version, renewed_at) SELECT "
	    "gen_random_uuid(), 1, '3', 1, now() - seconds * interval '1 s' FROM "
	    "unnest(ARRAY[0, 10, 90, 200]) seconds");
	must(jobs_run_now(jobs, "changes"));
	assert_int_equal(figures_of("changes").backlog, 2);
	handler_sql(
	    &fixture, "DELETE FROM usher.nodes WHERE renewed_at < now() - interval '1 min'");
	must(jobs_run_now(jobs, "changes"));
	assert_int_equal(figures_of("changes").backlog, 0);
}

static void
a_job_of_the_cluster_is_done_by_one_node_at_a_time(void **state)
{
	struct store_conn *conn;
	ROWS_AUTO claim = {0};
	struct job_figures figures[JOBS_MAX];
	size_t count;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.throttles VALUES (1, 'x', 1, now() - interval '3 days', now())");
	/* Another node is at it. */
	must(store_lease(fixture.store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn));
	must(store_begin(conn));
	must(STORE_QUERY(conn, STMT_JOBS_CLAIM, &claim,
	    p_int((int64_t)hash_bytes(slice_text("sweep"), UINT64_C(0x75736865724a4f42)))));
	assert_true(row_bool(&claim, 0, JOBS_CLAIM_CLAIMED));
	must(jobs_run_now(jobs, "sweep"));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.throttles"), "1");
	store_return(&conn);
	must(jobs_run_now(jobs, "sweep"));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.throttles"), "0");
	count = jobs_get_figures(jobs, figures);
	for (size_t i = 0; i < count; i++)
		if (strcmp(figures[i].name, "sweep") == 0)
			assert_int_equal(figures[i].runs, 2);
}

static struct spool_read
read_of(unsigned user)
{
	struct spool_read read;

	memset(&read, 0, sizeof(read));
	read.org_id = fixture.org_id;
	memcpy(read.user_id.bytes, &user, sizeof(user));
	read.reader_id = read.user_id;
	read.second = 1800000000;
	return read;
}

static void
receipts_of_a_killed_process_are_stored_by_the_next(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct spool *spool;
		struct spool_ticket ticket;
		struct uuid id;
		status st =
		    spool_new(directory, SPOOL_BYTES_MIN, &clock_system, &rand_system, &spool);

		for (unsigned i = 0; i < 100 && st.code == ST_OK; i++) {
			struct spool_read read = read_of(i % 10);

			if (!spool_begin(spool, &read, &ticket))
				_exit(2);
			spool_take(&ticket, &id);
		}
		_exit(0);
	}
	waitpid(child, NULL, 0);
	assert_int_equal(count_files(".spool"), 2);
	must(jobs_run_now(jobs, "receipts"));
	must(jobs_run_now(jobs, "receipts"));
	assert_int_equal(count_files(".spool"), 1);
	assert_string_equal(
	    handler_sql(&fixture, "SELECT sum(reads) || ' ' || count(*) FROM usher.reads"),
	    "100 10");
}

static void
receipts_that_could_not_be_stored_are_counted_as_left(void **state)
{
	struct spool_ticket ticket;
	struct uuid id;

	(void)state;
	handler_sql(&fixture, "ALTER TABLE usher.read_batches RENAME TO away");
	for (unsigned i = 0; i < 5; i++) {
		struct spool_read read = read_of(i);

		assert_true(spool_begin(standard.spool, &read, &ticket));
		spool_take(&ticket, &id);
		/* Three are a batch from here on; two come behind it. */
		if (i == 2)
			assert_int_equal(jobs_run_now(jobs, "receipts").code, ST_INTERNAL);
	}
	assert_int_equal(figures_of("receipts").backlog, 3);
	assert_int_equal(jobs_run_now(jobs, "receipts").code, ST_INTERNAL);
	assert_int_equal(figures_of("receipts").backlog, 5);
	handler_sql(&fixture, "ALTER TABLE usher.away RENAME TO read_batches");
	must(jobs_run_now(jobs, "receipts"));
	assert_int_equal(figures_of("receipts").backlog, 2);
	must(jobs_run_now(jobs, "receipts"));
	assert_int_equal(figures_of("receipts").backlog, 0);
}

static void
what_a_run_that_failed_did_not_get_to_know_is_as_the_last_one_knew_it(void **state)
{
	(void)state;
	put_mail("ann@example.org", clock_now_us(&clock_system) + 600 * US_PER_S, true);
	standard.outbox.deliver_env = (char *)"/nowhere/at/all";
	must(jobs_run_now(jobs, "mail"));
	handler_sql(&fixture, "ALTER TABLE usher.mail_outbox RENAME TO away");
	assert_int_not_equal(jobs_run_now(jobs, "mail").code, ST_OK);
	assert_int_equal(figures_of("mail").backlog, 1);
	handler_sql(&fixture, "ALTER TABLE usher.away RENAME TO mail_outbox");
	must(jobs_run_now(jobs, "mail"));
	assert_int_equal(figures_of("mail").backlog, 1);
}

static void
a_full_spool_is_drained_while_callers_wait_and_nothing_is_dropped(void **state)
{
	struct spool_ticket ticket;
	struct uuid id;

	(void)state;
	must(jobs_start(jobs));
	for (unsigned i = 0; i < 5000; i++) {
		struct spool_read read = read_of(i);

		while (!spool_begin(standard.spool, &read, &ticket))
			must(spool_wait(
			    standard.spool, clock_boot_us(&clock_system) + 60 * US_PER_S));
		spool_take(&ticket, &id);
	}
	jobs_stop(jobs);
	must(jobs_run_now(jobs, "receipts"));
	must(jobs_run_now(jobs, "receipts"));
	assert_string_equal(
	    handler_sql(&fixture, "SELECT sum(reads) || ' ' || count(*) FROM usher.reads"),
	    "5000 5000");
}

static struct handler_outcome
call_ops(const char *method, const void *req, void *reply, bool from_memory)
{
	struct handler_ask ask = {.from_memory = from_memory};

	return handler_call(&fixture, &ask, &ops_service, method, req, reply);
}

static void
status_counts_and_health_answers_without_the_database(void **state)
{
	struct ops_env env = {.version = "1",
	    .mode = "development",
	    .started_at_us = 1,
	    .store = fixture.store,
	    .jobs = jobs};
	Usher__V1__GetStatusRequest req = USHER__V1__GET_STATUS_REQUEST__INIT;
	Usher__V1__GetStatusReply reply;
	Usher__V1__GetHealthRequest health_req = USHER__V1__GET_HEALTH_REQUEST__INIT;
	Usher__V1__GetHealthReply health;
	Usher__V1__GetDescriptorsRequest descriptors_req = USHER__V1__GET_DESCRIPTORS_REQUEST__INIT;
	Usher__V1__GetDescriptorsReply descriptors;
	bool found = false;

	(void)state;
	fixture.env = &env;
	req.exact_counts = true;
	must(call_ops("GetStatus", &req, &reply, false).status);
	assert_string_equal(reply.database->role, "usher_app");
	assert_string_equal(reply.database->host, postgres.socket);
	assert_string_equal(reply.database->database, fixture.database);
	for (size_t i = 0; i < reply.n_tables; i++) {
		/* A table that counts.sql does not have would still be an estimate. */
		assert_false(reply.tables[i]->estimated);
		if (strcmp(reply.tables[i]->name, "orgs") == 0)
			found = reply.tables[i]->rows == 1 && reply.tables[i]->bytes > 0;
	}
	assert_true(found);
	assert_int_equal(reply.n_jobs, 7);
	assert_true(reply.resident_bytes > 0);
	must(call_ops("GetHealth", &health_req, &health, true).status);
	assert_true(health.ready);
	must(call_ops("GetDescriptors", &descriptors_req, &descriptors, true).status);
	assert_true(descriptors.file_descriptor_set.len > 1000);
	postgres_halt(&postgres, "immediate");
	must(call_ops("GetHealth", &health_req, &health, true).status);
	assert_string_equal(health.version, "1");
	postgres_resume(&postgres);
}

static bool
must_wait(const struct ops_env *env, struct rpc_call *call, Usher__V1__RunJobReply *reply)
{
	Usher__V1__RunJobRequest req = USHER__V1__RUN_JOB_REQUEST__INIT;
	status st;

	req.job = "slow";
	*reply = (Usher__V1__RunJobReply)USHER__V1__RUN_JOB_REPLY__INIT;
	st = ops_run_job(env, call, &req, reply);
	if (!rpc_must_wait(st))
		must(st);
	return st.code != ST_OK;
}

static void
wait_for_runs(const char *name, int64_t runs)
{
	int64_t until_us = clock_boot_us(&clock_system) + 60 * US_PER_S;

	while (runs_of(name) < runs && clock_boot_us(&clock_system) < until_us)
		usleep(1000);
	assert_int_equal(runs_of(name), runs);
}

/* A call looks for the end of its run while it goes on. Who was woken last has its turn behind the
 * slow one's next. */
static void
a_job_that_is_called_runs_once_however_long_it_takes(void **state)
{
	static struct slow_job slow, last;
	struct ops_env env = {.jobs = jobs};
	struct fake_call fake;
	Usher__V1__RunJobReply reply;

	(void)state;
	add_slow(&slow, "slow");
	add_slow(&last, "last");
	slow_leave(&slow);
	slow_leave(&last);
	must(jobs_start(jobs));
	wait_for_runs("last", 1);
	wait_for_runs("slow", 1);
	slow_stay(&slow);
	fake_call_init(&fake, NULL);
	assert_true(must_wait(&env, &fake.call, &reply));
	slow_await(&slow);
	assert_true(must_wait(&env, &fake.call, &reply));
	assert_true(must_wait(&env, &fake.call, &reply));
	jobs_wake(jobs, "last");
	slow_leave(&slow);
	wait_for_runs("last", 2);
	assert_int_equal(runs_of("slow"), 2);
	assert_false(must_wait(&env, &fake.call, &reply));
	assert_int_equal(reply.job->runs, 2);
	jobs_stop(jobs);
	fake_call_done(&fake);
}

static void
a_job_that_is_called_while_it_runs_runs_again(void **state)
{
	static struct slow_job slow;
	struct ops_env env = {.jobs = jobs};
	struct fake_call fake;
	Usher__V1__RunJobReply reply;

	(void)state;
	add_slow(&slow, "slow");
	must(jobs_start(jobs));
	slow_await(&slow);
	fake_call_init(&fake, NULL);
	assert_true(must_wait(&env, &fake.call, &reply));
	slow_leave(&slow);
	wait_for_runs("slow", 2);
	assert_false(must_wait(&env, &fake.call, &reply));
	jobs_stop(jobs);
	fake_call_done(&fake);
}

static status
run_numbered(void *env, struct job_run *run)
{
	static atomic_int numbers;

	(void)run;
	atomic_store((atomic_int *)env, ++numbers);
	return STATUS_OK;
}

static void
a_job_that_is_woken_does_not_pass_those_that_have_been_due_for_longer(void **state)
{
	static atomic_int first, second;
	struct job job = {
	    .name = "first", .period_us = 3600 * US_PER_S, .run = run_numbered, .env = &first};

	(void)state;
	must(jobs_add(jobs, &job));
	job.name = "second";
	job.env = &second;
	must(jobs_add(jobs, &job));
	jobs_wake(jobs, "second");
	must(jobs_start(jobs));
	wait_for_runs("first", 1);
	wait_for_runs("second", 1);
	jobs_stop(jobs);
	assert_true(atomic_load(&first) < atomic_load(&second));
}

static struct store *stranger;

static bool
stranger_is_away(void)
{
	struct store_health health;

	store_health(stranger, &health);
	return strstr(health.message, "away") != NULL;
}

static void
only_development_says_to_anybody_how_the_database_is_reached(void **state)
{
	struct config *config = postgres_config(&postgres, fixture.database, "nobody_there", NULL);
	struct ops_env env = {.version = "1", .mode = "production"};
	const struct handler_ask production = {.from_memory = true, .production = true};
	Usher__V1__GetHealthRequest req = USHER__V1__GET_HEALTH_REQUEST__INIT;
	Usher__V1__GetHealthReply health;

	(void)state;
	must(store_new(config, &clock_system, &stranger));
	until(stranger_is_away, "it is found out that there is no such role");
	env.store = stranger;
	fixture.env = &env;
	must(call_ops("GetHealth", &req, &health, true).status);
	assert_non_null(strstr(health.reason, "nobody_there"));
	must(handler_call(&fixture, &production, &ops_service, "GetHealth", &req, &health).status);
	assert_false(health.ready);
	assert_string_equal(health.reason, "the database is away: the log of this server says why");
	store_free(&stranger);
	config_free(&config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(mail_leaves_with_its_transaction_once),
	    TEST(mail_that_can_not_leave_waits),
	    TEST(mail_of_another_key_or_version_waits_for_who_can_open_it),
	    TEST(a_node_with_another_master_key_touches_no_mail),
	    TEST(mail_that_opens_and_is_none_goes),
	    TEST(what_has_expired_is_swept_and_the_rest_stays),
	    TEST(a_sweep_knows_how_many_rows_it_left),
	    TEST(what_a_sweep_left_of_a_large_table_is_that_many_at_least),
	    TEST(rows_that_somebody_is_at_are_left_and_known),
	    TEST(a_table_that_can_not_be_swept_keeps_no_other_from_it),
	    TEST(a_part_that_is_broken_does_not_slow_down_one_that_has_more),
	    TEST(what_is_older_than_it_may_be_goes_and_nothing_goes_that_is_kept_for_ever),
	    TEST(batches_of_old_receipts_go_on_where_the_last_was_and_leave_none),
	    TEST(what_retention_left_is_known),
	    TEST(a_month_of_receipts_that_is_all_due_goes_whole_and_one_that_is_not_stays),
	    TEST(a_month_that_goes_whole_counts_as_what_postgresql_estimates),
	    TEST(a_month_that_somebody_has_open_is_emptied_and_keeps_nobody_waiting),
	    TEST(a_long_job_holds_up_no_brief_one),
	    TEST(changes_are_removed_in_batches_without_a_pause),
	    TEST(rows_of_nodes_that_are_gone_are_known_while_they_stand),
	    TEST(a_job_of_the_cluster_is_done_by_one_node_at_a_time),
	    TEST(receipts_of_a_killed_process_are_stored_by_the_next),
	    TEST(receipts_that_could_not_be_stored_are_counted_as_left),
	    TEST(what_a_run_that_failed_did_not_get_to_know_is_as_the_last_one_knew_it),
	    TEST(a_full_spool_is_drained_while_callers_wait_and_nothing_is_dropped),
	    TEST(a_job_that_is_called_runs_once_however_long_it_takes),
	    TEST(a_job_that_is_called_while_it_runs_runs_again),
	    TEST(a_job_that_is_woken_does_not_pass_those_that_have_been_due_for_longer),
	    TEST(status_counts_and_health_answers_without_the_database),
	    TEST(only_development_says_to_anybody_how_the_database_is_reached),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
