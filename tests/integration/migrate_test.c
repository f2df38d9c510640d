/* Migrations against a real PostgreSQL. */
#include "store/migrate.h"

#include "base/clock.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct postgres postgres;

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct migrator *migrator;
	struct strbuf message;
	struct arena arena;
	int reported;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	postgres_empty_database(&postgres, f->database);
	f->config = postgres_config(&postgres, f->database, "usher_owner", NULL);
	strbuf_init(&f->message, 4096);
	assert_int_equal(arena_init(&f->arena, 4096, 1 << 16).code, ST_OK);
	assert_int_equal(migrate_open(f->config, &f->message, &f->migrator).code, ST_OK);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	migrate_close(&f->migrator);
	config_free(&f->config);
	strbuf_done(&f->message);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static long
ask(struct fixture *f, const char *sql)
{
	char *text = postgres_query(&postgres, f->database, sql);
	long number = strtol(text, NULL, 10);

	free(text);
	return number;
}

static void
count_report(void *self, const struct migration *migration, bool done)
{
	struct fixture *f = self;

	assert_in_range(migration->version, 1, migrations_count);
	f->reported += done;
}

static status
up(struct fixture *f, int *applied)
{
	const struct migrate_report report = {count_report, f};

	return migrate_up(f->migrator, 0, &report, &f->message, applied);
}

static void
an_empty_database_is_brought_up_and_then_left_alone(void **state)
{
	struct fixture *f = *state;
	int applied = -1;

	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, migrations_count);
	assert_int_equal(f->reported, migrations_count);
	assert_int_equal(
	    ask(f, "SELECT max(version) FROM usher.schema_migrations"), migrations_count);
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, 0);
	assert_int_equal(f->reported, migrations_count);
}

static void
the_checksum_is_the_files(void **state)
{
	(void)state;
	for (int i = 0; i < migrations_count; i++) {
		char command[512], sum[65] = "";
		FILE *pipe;

		snprintf(command, sizeof(command),
		    "sha256sum < '%s/src/store/migrations/%04d_%s.sql'", USHER_SOURCE_DIR,
		    migrations[i].version, migrations[i].name);
		pipe = popen(command, "r");
		assert_non_null(pipe);
		assert_non_null(fgets(sum, sizeof(sum), pipe));
		pclose(pipe);
		assert_string_equal(sum, migrations[i].sha256);
	}
}

static void
the_server_may_not_change_the_schema_or_its_history(void **state)
{
	static const char *const forbidden[] = {
	    "CREATE TABLE usher.x (a integer)",
	    "DROP TABLE usher.users",
	    "DELETE FROM usher.schema_migrations",
	    "UPDATE usher.schema_migrations SET version = 9",
	    "UPDATE usher.audit SET action = ''",
	    "DELETE FROM usher.audit",
	    "CREATE TABLE public.x (a integer)",
	};
	struct fixture *f = *state;
	int applied;
	PGconn *pg;

	assert_int_equal(up(f, &applied).code, ST_OK);
	pg = PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_app", NULL);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		PGresult *result = PQexec(pg, forbidden[i]);

		assert_non_null(PQresultErrorField(result, PG_DIAG_SQLSTATE));
		assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42501");
		PQclear(result);
	}
	PQfinish(pg);
}

static void
the_reader_sees_no_secret(void **state)
{
	static const char *const forbidden[] = {
	    "SELECT 1 FROM usher.passwords",
	    "SELECT secret_hash FROM usher.api_keys",
	    "SELECT 1 FROM usher.signing_keys",
	    "SELECT 1 FROM usher.refresh_tokens",
	    "INSERT INTO usher.changes (kind) VALUES (1)",
	};
	struct fixture *f = *state;
	int applied;
	PGconn *pg;

	assert_int_equal(up(f, &applied).code, ST_OK);
	pg = PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_reader", NULL);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		PGresult *result = PQexec(pg, forbidden[i]);

		assert_non_null(PQresultErrorField(result, PG_DIAG_SQLSTATE));
		assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42501");
		PQclear(result);
	}
	PQfinish(pg);
}

/* What is named like a secret, sealed or hashed ones too, and which of it the reader may read. A
 * block's hash is one of what stands beside it, for all who may read that. */
#define SECRET_COLUMNS                                                                             \
	" FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"                               \
	" WHERE c.relnamespace = 'usher'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"      \
	" AND a.attnum > 0 AND NOT a.attisdropped"                                                 \
	" AND a.attname ~ '(hash|sealed|secret|mac|private|digest|salt|pepper|password|cipher)'"   \
	" AND a.attname <> 'block_hash' AND (c.relname, a.attname) <> ('blocks', 'hash')"
#define READABLE_SECRETS                                                                           \
	"SELECT coalesce(string_agg(c.relname || '.' || a.attname, ' '"                            \
	" ORDER BY c.relname, a.attname), '')" SECRET_COLUMNS                                      \
	" AND has_column_privilege('usher_reader', c.oid, a.attnum, 'SELECT')"

static void
no_column_that_is_named_like_a_secret_is_the_readers(void **state)
{
	struct fixture *f = *state;
	int applied;
	char *readable;

	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_in_range(ask(f, "SELECT count(*)" SECRET_COLUMNS), 10, 1000);
	readable = postgres_query(&postgres, f->database, READABLE_SECRETS);
	assert_string_equal(readable, "");
	free(readable);
	/* One that a migration opens is found. */
	free(postgres_query(
	    &postgres, f->database, "GRANT SELECT ON usher.signups TO usher_reader"));
	readable = postgres_query(&postgres, f->database, READABLE_SECRETS);
	assert_string_equal(readable, "signups.code_hash signups.password_hash");
	free(readable);
}

static void
a_migration_that_was_edited_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	int applied = -1;

	assert_int_equal(up(f, &applied).code, ST_OK);
	ask(f, "UPDATE usher.schema_migrations SET checksum = 'x' WHERE version = 1");
	assert_int_equal(up(f, &applied).code, ST_FAILED_PRECONDITION);
	assert_int_equal(applied, 0);
	assert_non_null(strstr(strbuf_text(&f->message), "0001_base"));
}

static void
a_migration_that_fails_leaves_nothing_and_says_why(void **state)
{
	struct fixture *f = *state;
	int applied = -1;

	/* The first one makes this schema itself. */
	ask(f, "CREATE SCHEMA usher");
	assert_int_equal(up(f, &applied).code, ST_FAILED_PRECONDITION);
	assert_int_equal(applied, 0);
	assert_non_null(strstr(strbuf_text(&f->message), "migration 0001_base failed"));
	assert_non_null(strstr(strbuf_text(&f->message), "already exists"));
	assert_int_equal(
	    ask(f, "SELECT count(*) FROM pg_class WHERE relnamespace = 'usher'::regnamespace"), 0);
	/* And what stood in the way being gone, it goes. */
	ask(f, "DROP SCHEMA usher");
	assert_int_equal(up(f, &applied).code, ST_OK);
}

static void
a_database_that_is_ahead_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct migrate_row *rows;
	size_t count;
	int applied;

	assert_int_equal(up(f, &applied).code, ST_OK);
	ask(f, "INSERT INTO usher.schema_migrations (version, name, checksum, serves_from) "
	       "VALUES (9000, 'later', '', 1)");
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, 0);
	assert_int_equal(
	    migrate_status(f->migrator, &f->arena, &f->message, &rows, &count).code, ST_OK);
	assert_int_equal(count, migrations_count + 1);
	assert_false(rows[count - 1].is_known);
	assert_string_equal(rows[count - 1].name, "later");
}

static void
status_tells_what_is_applied_and_when(void **state)
{
	struct fixture *f = *state;
	struct migrate_row *rows;
	int64_t now_us = clock_now_us(&clock_system);
	size_t count;
	int applied;

	assert_int_equal(
	    migrate_status(f->migrator, &f->arena, &f->message, &rows, &count).code, ST_OK);
	assert_int_equal(count, migrations_count);
	assert_true(rows[0].is_known && !rows[0].is_applied);
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(
	    migrate_status(f->migrator, &f->arena, &f->message, &rows, &count).code, ST_OK);
	assert_int_equal(rows[0].version, 1);
	assert_string_equal(rows[0].name, "base");
	assert_true(rows[0].is_applied && !rows[0].is_changed);
	assert_true(llabs(rows[0].applied_at_us - now_us) < 60 * US_PER_S);
}

static void
while_another_is_at_it_one_waits_and_then_says_so(void **state)
{
	struct fixture *f = *state;
	PGconn *other =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_owner", NULL);
	int64_t start_us = clock_boot_us(&clock_system);
	int applied;

	PQclear(PQexec(other, "SELECT pg_advisory_lock(8463501140552806761)"));
	assert_int_equal(
	    migrate_up(f->migrator, 150 * US_PER_MS, NULL, &f->message, &applied).code, ST_ABORTED);
	assert_true(clock_boot_us(&clock_system) - start_us >= 150 * US_PER_MS);
	PQfinish(other);
	assert_int_equal(
	    migrate_up(f->migrator, 10 * US_PER_S, NULL, &f->message, &applied).code, ST_OK);
	assert_int_equal(applied, migrations_count);
}

struct racer {
	struct config *config;
	status st;
	int applied;
};

static void *race(void *arg);

/* Others would wait behind one that waits: it gives way, and tries again. */
static void
what_stands_in_the_way_is_waited_for_in_turns(void **state)
{
	struct fixture *f = *state;
	PGconn *other =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_owner", NULL);
	struct racer racer = {.config = f->config};
	pthread_t thread;
	long first = 0, begun = 0;
	int applied;

	PQclear(PQexec(other, "BEGIN; CREATE SCHEMA usher"));
	assert_int_equal(migrate_up(f->migrator, 0, NULL, &f->message, &applied).code, ST_ABORTED);
	assert_int_equal(applied, 0);
	assert_non_null(strstr(strbuf_text(&f->message), "0001_base"));
	assert_non_null(strstr(strbuf_text(&f->message), "lock timeout"));
	assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
	for (int i = 0; i < 6000 && (first == 0 || begun <= first); i++) {
		begun =
		    ask(f, "SELECT coalesce(max(extract(epoch FROM xact_start) * 1000000)::int8, "
			   "0) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
		first = first ? first : begun;
		usleep(10000);
	}
	assert_true(first > 0 && begun > first);
	PQfinish(other);
	pthread_join(thread, NULL);
	assert_int_equal(racer.st.code, ST_OK);
	assert_int_equal(racer.applied, migrations_count);
}

#define READ_BATCHES_BY_AGE                                                                        \
	"SELECT count(*) FROM pg_index WHERE indexrelid = "                                        \
	"to_regclass('usher.read_batches_by_age')"

/* CREATE INDEX CONCURRENTLY commits its half before it is done. */
static void
an_index_that_was_cut_short_is_made_anew(void **state)
{
	struct fixture *f = *state;
	PGconn *other;
	int applied = -1;

	assert_int_equal(up(f, &applied).code, ST_OK);
	ask(f, "DROP INDEX usher.read_batches_by_age; DELETE FROM usher.schema_migrations"
	       " WHERE name = 'read_batches_by_age'");
	other = PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_owner", NULL);
	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexec(other, "INSERT INTO usher.read_batches VALUES (gen_random_uuid(), 1)"));
	assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
	assert_int_equal(up(f, &applied).code, ST_ABORTED);
	assert_int_equal(applied, 0);
	assert_non_null(strstr(strbuf_text(&f->message), "lock timeout"));
	assert_int_equal(ask(f, READ_BATCHES_BY_AGE " AND NOT indisvalid"), 1);
	PQfinish(other);
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, 1);
	assert_int_equal(ask(f, READ_BATCHES_BY_AGE " AND indisvalid"), 1);
	/* And one that was made whole is taken, when only its note is missing. */
	ask(f, "DELETE FROM usher.schema_migrations WHERE name = 'read_batches_by_age'");
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, 1);
}

static void *
race(void *arg)
{
	struct racer *racer = arg;
	struct migrator *migrator = NULL;
	struct strbuf message;

	strbuf_init(&message, 4096);
	racer->st = migrate_open(racer->config, &message, &migrator);
	if (racer->st.code == ST_OK)
		racer->st = migrate_up(migrator, 30 * US_PER_S, NULL, &message, &racer->applied);
	migrate_close(&migrator);
	strbuf_done(&message);
	return NULL;
}

static void
of_several_at_once_each_migration_is_applied_by_one(void **state)
{
	struct fixture *f = *state;
	struct racer racers[4];
	pthread_t threads[4];
	int applied = 0;

	for (int i = 0; i < 4; i++) {
		racers[i] = (struct racer){.config = f->config};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(racers[i].st.code, ST_OK);
		applied += racers[i].applied;
	}
	assert_int_equal(applied, migrations_count);
}

static void
what_is_printed_makes_the_same_schema(void **state)
{
	struct fixture *f = *state;
	char folder[SCRATCH_PATH_BYTES], path[SCRATCH_PATH_BYTES + 16], command[512];
	FILE *out;
	int applied = -1;

	scratch_make(folder);
	snprintf(path, sizeof path, "%s/schema.sql", folder);
	out = fopen(path, "w");
	assert_non_null(out);
	migrate_print(out);
	fclose(out);
	snprintf(command, sizeof(command),
	    "psql -X -q -v ON_ERROR_STOP=1 -h %s -U usher_owner -d %s -f %s >/dev/null",
	    postgres.socket, f->database, path);
	assert_int_equal(system(command), 0);
	scratch_remove(folder);
	assert_int_equal(up(f, &applied).code, ST_OK);
	assert_int_equal(applied, 0);
}

static void
a_database_is_made_once(void **state)
{
	struct fixture *f = *state;
	bool made = false;

	assert_int_equal(
	    migrate_create_database(f->config, "with \"quotes\"", &f->message, &made).code, ST_OK);
	assert_true(made);
	assert_int_equal(
	    migrate_create_database(f->config, "with \"quotes\"", &f->message, &made).code, ST_OK);
	assert_false(made);
	assert_int_equal(
	    ask(f, "SELECT count(*) FROM pg_database WHERE datname = 'with \"quotes\"'"), 1);
}

static void
a_database_out_of_reach_is_told_in_one_line(void **state)
{
	struct fixture *f = *state;
	struct config *config = postgres_config(&postgres, "nowhere", "usher_owner", NULL);
	struct migrator *migrator = NULL;

	assert_int_equal(migrate_open(config, &f->message, &migrator).code, ST_UNAVAILABLE);
	assert_null(migrator);
	assert_non_null(strstr(strbuf_text(&f->message), "\"nowhere\" does not exist"));
	assert_null(strchr(strbuf_text(&f->message), '\n'));
	config_free(&config);
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
	    TEST(an_empty_database_is_brought_up_and_then_left_alone),
	    TEST(the_checksum_is_the_files),
	    TEST(the_server_may_not_change_the_schema_or_its_history),
	    TEST(the_reader_sees_no_secret),
	    TEST(no_column_that_is_named_like_a_secret_is_the_readers),
	    TEST(a_migration_that_was_edited_is_refused_by_name),
	    TEST(a_migration_that_fails_leaves_nothing_and_says_why),
	    TEST(a_database_that_is_ahead_is_left_alone),
	    TEST(status_tells_what_is_applied_and_when),
	    TEST(while_another_is_at_it_one_waits_and_then_says_so),
	    TEST(what_stands_in_the_way_is_waited_for_in_turns),
	    TEST(an_index_that_was_cut_short_is_made_anew),
	    TEST(of_several_at_once_each_migration_is_applied_by_one),
	    TEST(what_is_printed_makes_the_same_schema),
	    TEST(a_database_is_made_once),
	    TEST(a_database_out_of_reach_is_told_in_one_line),
	};

	return cmocka_run_group_tests_name("migrations", tests, start, stop);
}
