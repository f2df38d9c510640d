#include "store/migrate.h"

#include "base/clock.h"
#include "store/conn.h"

#include <stdlib.h>
#include <time.h>

#define ARENA_BYTES_MAX (64u << 10)
#define LOCK_PAUSE_US (100 * US_PER_MS)
/* A statement that waits for a table keeps all others from it that come later: so it gives up soon,
 * lets those through, and tries again. */
#define LOCK_TIMEOUT_MS 2000
#define LOCK_TIMEOUT "SET LOCAL lock_timeout = '2s'"
#define SQLSTATE_LOCK_TIMEOUT "55P03"
#define MICROSECONDS "(extract(epoch FROM applied_at) * 1000000)::int8::text"

/* "usher mi": any number will do that nobody else takes. */
#define TRY_LOCK "SELECT pg_try_advisory_lock(8463501140552806761)"
#define UNLOCK "SELECT pg_advisory_unlock(8463501140552806761)"

/* What drops indexes that are not valid, of those that a text names. */
#define HALF_MADE                                                                                  \
	"SELECT format('DROP INDEX CONCURRENTLY usher.%I', c.relname) "                            \
	"FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "                                 \
	"WHERE c.relnamespace = to_regnamespace('usher') AND c.relkind = 'i' "                     \
	"AND NOT i.indisvalid AND $1 ~ ('\\m' || c.relname || '\\M')"

/* Its rows are written by migrators alone, whatever a migration grants on all tables. */
#define MAKE_TABLE                                                                                 \
	"CREATE TABLE IF NOT EXISTS usher.schema_migrations (\n"                                   \
	"\tversion     integer PRIMARY KEY,\n"                                                     \
	"\tname        text NOT NULL,\n"                                                           \
	"\tchecksum    text NOT NULL, -- SHA-256 of the .sql file\n"                               \
	"\tserves_from integer NOT NULL,\n"                                                        \
	"\tapplied_at  timestamptz NOT NULL DEFAULT now()\n"                                       \
	");\n"                                                                                     \
	"REVOKE INSERT, UPDATE, DELETE ON usher.schema_migrations FROM usher_app;\n"               \
	"GRANT SELECT ON usher.schema_migrations TO usher_app, usher_reader;\n"

struct migrator {
	struct arena arena;
	struct conninfo info;
	PGconn *pg;
};

/* What the database says was applied: version -> checksum and time. */
struct applied {
	PGresult *result; /* NULL: there is no table, so nothing was */
	int count;
};

static void
applied_done(struct applied *applied)
{
	PQclear(applied->result);
}

static void
ignore_notice(void *self, const PGresult *result)
{
	(void)self;
	(void)result;
}

static status
connect_as_set(const struct config *config, struct strbuf *message, struct migrator *migrator)
{
	status st = conninfo_make(config, &migrator->arena, &migrator->info);

	if (st.code != ST_OK) {
		strbuf_add_text(message, st.message);
		return st;
	}
	conninfo_set(&migrator->info, "fallback_application_name", "usher migrate");
	migrator->pg = PQconnectdbParams(migrator->info.keywords, migrator->info.values, 0);
	if (PQstatus(migrator->pg) != CONNECTION_OK) {
		strbuf_add_text(message, "the database is away: ");
		conn_describe_error(PQerrorMessage(migrator->pg), message);
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
	}
	PQsetNoticeReceiver(migrator->pg, ignore_notice, NULL);
	return STATUS_OK;
}

status
migrate_open(const struct config *config, struct strbuf *message, struct migrator **out)
{
	struct migrator *migrator = calloc(1, sizeof(*migrator));
	status st;

	if (!migrator)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	st = arena_init(&migrator->arena, 4096, ARENA_BYTES_MAX);
	if (st.code == ST_OK)
		st = connect_as_set(config, message, migrator);
	if (st.code == ST_OK)
		*out = migrator;
	else
		migrate_close(&migrator);
	return st;
}

void
migrate_close(struct migrator **migrator)
{
	if (!*migrator)
		return;
	PQfinish((*migrator)->pg);
	arena_done(&(*migrator)->arena);
	free(*migrator);
	*migrator = NULL;
}

/* ---- small statements */

static bool
is_ok(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_COMMAND_OK ||
	       PQresultStatus(result) == PGRES_TUPLES_OK;
}

/* What failed, as a status; message gets the cause. ABORTED: somebody held a lock for too long. */
static status
describe_failure(const struct migrator *migrator, const PGresult *result, struct strbuf *message)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (!primary) {
		conn_describe_error(PQerrorMessage(migrator->pg), message);
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
	}
	strbuf_add_text(message, primary);
	if (detail)
		strbuf_add_format(message, " (%s)", detail);
	if (sqlstate && strcmp(sqlstate, SQLSTATE_LOCK_TIMEOUT) == 0)
		return REFUSE(ST_ABORTED, "a transaction stands in a migration's way");
	return REFUSE(ST_FAILED_PRECONDITION, "the database refused it");
}

static status
execute(struct migrator *migrator, const char *sql, struct strbuf *message)
{
	PGresult *result = PQexec(migrator->pg, sql);
	status st = STATUS_OK;

	if (!is_ok(result))
		st = describe_failure(migrator, result, message);
	PQclear(result);
	return st;
}

/* A statement that gives one value, of which the first letter is asked: "t". */
static status
ask_bool(struct migrator *migrator, const char *sql, struct strbuf *message, bool *out)
{
	PGresult *result = PQexec(migrator->pg, sql);
	status st = STATUS_OK;

	if (!is_ok(result))
		st = describe_failure(migrator, result, message);
	else
		*out = PQntuples(result) > 0 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return st;
}

static status
read_applied(struct migrator *migrator, struct strbuf *message, struct applied *out)
{
	bool exists = false;
	PGresult *result;

	*out = (struct applied){0};
	TRY(ask_bool(migrator, "SELECT to_regclass('usher.schema_migrations') IS NOT NULL", message,
	    &exists));
	if (!exists)
		return STATUS_OK;
	result = PQexec(migrator->pg, "SELECT version::text, name, checksum, " MICROSECONDS
				      " FROM usher.schema_migrations ORDER BY version");
	if (!is_ok(result)) {
		status st = describe_failure(migrator, result, message);

		PQclear(result);
		return st;
	}
	*out = (struct applied){result, PQntuples(result)};
	return STATUS_OK;
}

/* Its row, or -1. */
static int
find_applied(const struct applied *applied, int version)
{
	for (int row = 0; row < applied->count; row++) {
		if (atoi(PQgetvalue(applied->result, row, 0)) == version)
			return row;
	}
	return -1;
}

static bool
is_changed(const struct applied *applied, int row, const struct migration *migration)
{
	return strcmp(PQgetvalue(applied->result, row, 2), migration->sha256) != 0;
}

/* ---- up */

/* A pause before the next try; false: it is too late for one. */
static bool
pause_until(int64_t until_us)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_US * 1000};

	if (clock_boot_us(&clock_system) >= until_us)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* The lock and lock_timeout belong to the session, and a pooler lends another one for each
 * transaction: nothing would be locked, and what was set would stay behind for others. What it
 * gives out as the process's number is its own. */
static status
refuse_pooler(struct migrator *migrator, struct strbuf *message)
{
	PGresult *result = PQexec(migrator->pg, "SELECT pg_backend_pid()");
	status st = STATUS_OK;

	if (!is_ok(result)) {
		st = describe_failure(migrator, result, message);
	} else if (atoi(PQgetvalue(result, 0, 0)) != PQbackendPID(migrator->pg)) {
		strbuf_add_text(
		    message, "a pooler stands between this and PostgreSQL: name the server itself");
		st = REFUSE(ST_FAILED_PRECONDITION, "a pooler stands between");
	}
	PQclear(result);
	return st;
}

/* Tried, not waited for: see the head of migrate.h. */
static status
take_lock(struct migrator *migrator, int64_t until_us, struct strbuf *message)
{
	do {
		bool locked = false;

		TRY(ask_bool(migrator, TRY_LOCK, message, &locked));
		if (locked)
			return STATUS_OK;
	} while (pause_until(until_us));
	strbuf_add_text(message,
	    "another `usher migrate up` is at work on this database; try again "
	    "when it is done");
	return REFUSE(ST_ABORTED, "another migrator is at work");
}

/* "migration 0002_quotas failed at line 12: ..." */
static status
describe_migration_failure(const struct migrator *migrator, const struct migration *migration,
    const PGresult *result, struct strbuf *message)
{
	const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);

	strbuf_add_format(message, "migration %04d_%s failed", migration->version, migration->name);
	if (position) {
		/* Counted in characters. */
		long left = strtol(position, NULL, 10);
		unsigned line = 1;

		for (const char *c = migration->text; *c && left > 1; c++) {
			if (((unsigned char)*c & 0xc0) != 0x80)
				left--;
			line += *c == '\n';
		}
		strbuf_add_format(message, " at line %u", line);
	}
	strbuf_add_text(message, ": ");
	return describe_failure(migrator, result, message);
}

static status
run_text(struct migrator *migrator, const struct migration *migration, struct strbuf *message)
{
	PGresult *result = PQexec(migrator->pg, migration->text);
	status st = STATUS_OK;

	if (!is_ok(result))
		st = describe_migration_failure(migrator, migration, result, message);
	PQclear(result);
	return st;
}

static status
note_applied(struct migrator *migrator, const struct migration *migration, struct strbuf *message)
{
	char version[12], serves_from[12];
	const char *values[] = {version, migration->name, migration->sha256, serves_from};
	PGresult *result;
	status st = STATUS_OK;

	snprintf(version, sizeof(version), "%d", migration->version);
	snprintf(serves_from, sizeof(serves_from), "%d", migration->serves_from);
	TRY(execute(migrator, MAKE_TABLE, message));
	result = PQexecParams(migrator->pg,
	    "INSERT INTO usher.schema_migrations (version, name, checksum, serves_from) "
	    "VALUES ($1::integer, $2, $3, $4::integer)",
	    4, NULL, values, NULL, NULL, 0);
	if (!is_ok(result))
		st = describe_failure(migrator, result, message);
	PQclear(result);
	return st;
}

static status
apply_in_transaction(
    struct migrator *migrator, const struct migration *migration, struct strbuf *message)
{
	TRY(execute(migrator, "BEGIN; " LOCK_TIMEOUT, message));
	TRY(run_text(migrator, migration, message));
	TRY(note_applied(migrator, migration, message));
	return execute(migrator, "COMMIT", message);
}

/* CREATE INDEX CONCURRENTLY that was cut short leaves an index that is not valid and stays so; its
 * IF NOT EXISTS would take it for done. So what the text names is looked for, and dropped. */
static status
drop_half_made(struct migrator *migrator, const struct migration *migration, struct strbuf *message)
{
	PGresult *result =
	    PQexecParams(migrator->pg, HALF_MADE, 1, NULL, &migration->text, NULL, NULL, 0);
	status st = STATUS_OK;

	if (!is_ok(result))
		st = describe_failure(migrator, result, message);
	for (int row = 0; st.code == ST_OK && row < PQntuples(result); row++)
		st = execute(migrator, PQgetvalue(result, row, 0), message);
	PQclear(result);
	return st;
}

/* It keeps nobody from anything while it waits, so it waits in one go. */
static status
apply_alone(struct migrator *migrator, const struct migration *migration, int64_t until_us,
    struct strbuf *message)
{
	int64_t left_ms = (until_us - clock_boot_us(&clock_system)) / US_PER_MS;
	char set[64];

	snprintf(set, sizeof(set), "SET lock_timeout = %lld",
	    (long long)(left_ms > LOCK_TIMEOUT_MS ? left_ms : LOCK_TIMEOUT_MS));
	TRY(execute(migrator, set, message));
	TRY(drop_half_made(migrator, migration, message));
	TRY(run_text(migrator, migration, message));
	TRY(note_applied(migrator, migration, message));
	return execute(migrator, "RESET lock_timeout", message);
}

static status
apply(struct migrator *migrator, const struct migration *migration, int64_t until_us,
    struct strbuf *message)
{
	struct strbuf ignored;
	status st;

	if (migration->no_transaction)
		return apply_alone(migrator, migration, until_us, message);
	st = apply_in_transaction(migrator, migration, message);
	if (st.code != ST_OK) {
		/* The first failure is what counts. */
		strbuf_init(&ignored, 4096);
		if (execute(migrator, "ROLLBACK", &ignored).code != ST_OK)
			PQreset(migrator->pg);
		strbuf_done(&ignored);
	}
	return st;
}

/* Again, for as long as somebody stands in its way and there is time. */
static status
apply_patiently(struct migrator *migrator, const struct migration *migration, int64_t until_us,
    struct strbuf *message)
{
	status st = apply(migrator, migration, until_us, message);

	while (st.code == ST_ABORTED && pause_until(until_us)) {
		strbuf_reset(message);
		st = apply(migrator, migration, until_us, message);
	}
	return st;
}

static status
apply_missing(struct migrator *migrator, const struct applied *applied, int64_t until_us,
    const struct migrate_report *report, struct strbuf *message, int *count)
{
	for (int i = 0; i < migrations_count; i++) {
		int row = find_applied(applied, migrations[i].version);

		if (row >= 0 && is_changed(applied, row, &migrations[i])) {
			strbuf_add_format(message,
			    "migration %04d_%s was applied with another text than this program "
			    "has: an "
			    "applied migration is never edited, another one follows it",
			    migrations[i].version, migrations[i].name);
			return REFUSE(ST_FAILED_PRECONDITION, "a migration was changed");
		}
	}
	for (int i = 0; i < migrations_count; i++) {
		if (find_applied(applied, migrations[i].version) >= 0)
			continue;
		if (report)
			report->call(report->self, &migrations[i], false);
		TRY(apply_patiently(migrator, &migrations[i], until_us, message));
		(*count)++;
		if (report)
			report->call(report->self, &migrations[i], true);
	}
	return STATUS_OK;
}

status
migrate_up(struct migrator *migrator, int64_t wait_us, const struct migrate_report *report,
    struct strbuf *message, int *applied)
{
	const int64_t until_us = clock_boot_us(&clock_system) + wait_us;
	struct applied before = {0};
	struct strbuf ignored;
	status st;

	*applied = 0;
	TRY(refuse_pooler(migrator, message));
	TRY(take_lock(migrator, until_us, message));
	st = read_applied(migrator, message, &before);
	if (st.code == ST_OK)
		st = apply_missing(migrator, &before, until_us, report, message, applied);
	applied_done(&before);
	/* A connection that broke has let go of it too. */
	strbuf_init(&ignored, 4096);
	if (execute(migrator, UNLOCK, &ignored).code != ST_OK)
		PQreset(migrator->pg);
	strbuf_done(&ignored);
	return st;
}

/* ---- status */

static status
fill_row(const struct applied *applied, int row, const struct migration *migration,
    struct arena *arena, struct migrate_row *out)
{
	*out = (struct migrate_row){.is_known = migration != NULL, .is_applied = row >= 0};
	if (migration) {
		out->version = migration->version;
		out->name = migration->name;
	}
	if (row < 0)
		return STATUS_OK;
	out->is_changed = migration && is_changed(applied, row, migration);
	out->applied_at_us = strtoll(PQgetvalue(applied->result, row, 3), NULL, 10);
	if (!migration) {
		out->version = atoi(PQgetvalue(applied->result, row, 0));
		out->name = arena_copy_text(arena, PQgetvalue(applied->result, row, 1));
		if (!out->name)
			return ARENA_EXHAUSTED;
	}
	return STATUS_OK;
}

static status
fill_rows(
    const struct applied *applied, struct arena *arena, struct migrate_row **out, size_t *count)
{
	size_t n = 0;
	struct migrate_row *rows =
	    arena_alloc(arena, (size_t)(migrations_count + applied->count) * sizeof(*rows));

	if (!rows)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < migrations_count; i++)
		TRY(fill_row(applied, find_applied(applied, migrations[i].version), &migrations[i],
		    arena, &rows[n++]));
	for (int row = 0; row < applied->count; row++) {
		if (atoi(PQgetvalue(applied->result, row, 0)) > migrations_count)
			TRY(fill_row(applied, row, NULL, arena, &rows[n++]));
	}
	*out = rows;
	*count = n;
	return STATUS_OK;
}

status
migrate_status(struct migrator *migrator, struct arena *arena, struct strbuf *message,
    struct migrate_row **out, size_t *count)
{
	struct applied applied;
	status st;

	TRY(read_applied(migrator, message, &applied));
	st = fill_rows(&applied, arena, out, count);
	applied_done(&applied);
	return st;
}

/* ---- the rest */

void
migrate_print(FILE *out)
{
	for (int i = 0; i < migrations_count; i++) {
		const struct migration *migration = &migrations[i];

		if (!migration->no_transaction)
			fputs("BEGIN;\n", out);
		fprintf(out, "-- %04d_%s\n%s\n%s", migration->version, migration->name,
		    migration->text, MAKE_TABLE);
		/* A migration's name is a file's, of letters, digits and _. */
		fprintf(out,
		    "INSERT INTO usher.schema_migrations (version, name, checksum, serves_from)\n"
		    "VALUES (%d, '%s', '%s', %d);\n",
		    migration->version, migration->name, migration->sha256, migration->serves_from);
		if (!migration->no_transaction)
			fputs("COMMIT;\n", out);
	}
}

static status
create_database(struct migrator *migrator, const char *name, struct strbuf *message, bool *made)
{
	PGresult *result = PQexecParams(migrator->pg, "SELECT FROM pg_database WHERE datname = $1",
	    1, NULL, &name, NULL, NULL, 0);
	char *quoted, *command;
	status st = STATUS_OK;
	bool exists;

	if (!is_ok(result))
		st = describe_failure(migrator, result, message);
	exists = st.code == ST_OK && PQntuples(result) > 0;
	PQclear(result);
	if (st.code != ST_OK || exists)
		return st;
	/* A name can't be a parameter. */
	quoted = PQescapeIdentifier(migrator->pg, name, strlen(name));
	command = quoted ? arena_format(&migrator->arena,
			       "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", quoted)
			 : NULL;
	if (command)
		st = execute(migrator, command, message);
	else
		st = REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	PQfreemem(quoted);
	*made = st.code == ST_OK;
	return st;
}

status
migrate_create_database(
    const struct config *config, const char *name, struct strbuf *message, bool *made)
{
	struct migrator *migrator = NULL;
	status st;

	*made = false;
	TRY(migrate_open(config, message, &migrator));
	st = create_database(migrator, name, message, made);
	migrate_close(&migrator);
	return st;
}
