/* usher db: look after the database itself. */
#include "app/cli.h"

#include "jobs/check.h"
#include "json/writer.h"

#include <string.h>

#define STEP_US (10 * 60 * US_PER_S)
#define JSON_BYTES_MAX (16u << 20)

/* Where findings go as they are found. */
struct findings {
	const struct cli *cli;
	struct writer writer; /* with --json */
	size_t count;
};

static status
show(void *env, const struct check_finding *finding)
{
	struct findings *findings = env;

	findings->count++;
	if (findings->cli->json)
		check_write_finding(&findings->writer, finding);
	else
		printf("%-24s %s: %s\n%24s -> %s\n", finding->code, finding->object,
		    finding->message, "", finding->remedy);
	return STATUS_OK;
}

static status
step(struct check_run *run)
{
	struct revision revision;
	status st;

	store_set_deadline(run->conn, clock_boot_us(&clock_system) + STEP_US);
	TRY(store_begin(run->conn));
	st = check_step(run);
	if (st.code != ST_OK) {
		store_rollback(run->conn);
		return st;
	}
	return store_commit(run->conn, &revision);
}

static status
check_all(struct cli *cli, struct store_conn *conn, struct findings *findings)
{
	struct arena arena;
	char position[4096] = "";
	struct check_run run = {
	    .conn = conn,
	    .arena = &arena,
	    .quick = cli_has_option(cli, "--quick"),
	    .report = show,
	    .report_env = findings,
	};
	status st = arena_init(&arena, 64u << 10, 64u << 20);

	while (st.code == ST_OK && !run.finished) {
		run.position = position;
		st = step(&run);
		if (st.code == ST_OK && !run.finished)
			snprintf(position, sizeof(position), "%s", run.position);
		if (st.code != ST_OK && st.message)
			st.message = arena_copy_text(cli->arena, st.message);
		arena_reset(&arena);
	}
	arena_done(&arena);
	return st;
}

/* Nothing else can be said of a database whose migrations are not this program's. */
static status
show_misfit(struct findings *findings, status st)
{
	return show(findings, &(struct check_finding){
				  .code = "SCHEMA_MISMATCH",
				  .object = "schema usher",
				  .message = st.message,
				  .remedy = "then check again",
			      });
}

/* What was found before a failure is told too. */
static status
print_json(struct findings *findings, status st, const struct strbuf *out)
{
	struct writer *writer = &findings->writer;
	status whole;

	writer_array_end(writer);
	if (st.code != ST_OK) {
		writer_key(writer, "failure");
		writer_object_begin(writer);
		cli_write_status(writer, st);
		writer_object_end(writer);
	}
	writer_object_end(writer);
	whole = strbuf_status(out);
	if (whole.code == ST_OK)
		puts(strbuf_text(out));
	return st.code != ST_OK ? st : whole;
}

static enum cli_exit
check(struct cli *cli)
{
	struct findings findings = {.cli = cli};
	struct store *store;
	struct store_conn *conn;
	struct strbuf out;
	status st;

	strbuf_init(&out, JSON_BYTES_MAX);
	writer_init(&findings.writer, &out, 2);
	writer_object_begin(&findings.writer);
	writer_key(&findings.writer, "findings");
	writer_array_begin(&findings.writer);
	st = cli_open_store(cli, &store, &conn);
	if (st.code == ST_OK) {
		st = check_all(cli, conn, &findings);
		store_return(&conn);
		store_free(&store);
	} else if (st.reason && strcmp(st.reason, "SCHEMA_MISMATCH") == 0) {
		st = show_misfit(&findings, st);
	}
	if (cli->json)
		st = print_json(&findings, st, &out);
	else if (st.code == ST_OK)
		printf("%zu finding%s\n", findings.count, findings.count == 1 ? "" : "s");
	strbuf_done(&out);
	if (st.code != ST_OK)
		return cli_say_database(cli, st);
	return findings.count ? CLI_FAILED : CLI_OK;
}

static status
describe_objects(struct cli *cli, struct store_conn *conn)
{
	struct schema_object *objects;
	struct revision revision;
	size_t count;

	TRY(store_begin(conn));
	TRY(check_describe(conn, cli->arena, &objects, &count));
	TRY(store_commit(conn, &revision));
	printf("# Written by `usher db describe`; see schema.h.\n");
	for (size_t i = 0; i < count; i++)
		printf("%s\t%s\t%s\n", objects[i].kind, objects[i].name, objects[i].definition);
	return STATUS_OK;
}

static enum cli_exit
describe(struct cli *cli)
{
	struct store *store;
	struct store_conn *conn;
	status st = cli_open_store(cli, &store, &conn);

	if (st.code == ST_OK) {
		st = describe_objects(cli, conn);
		store_return(&conn);
		store_free(&store);
	}
	return st.code == ST_OK ? CLI_OK : cli_say_database(cli, st);
}

static enum cli_exit
run(struct cli *cli)
{
	if (strcmp(cli->words[0], "check") == 0)
		return check(cli);
	if (strcmp(cli->words[0], "describe") == 0)
		return describe(cli);
	return cli_fail(cli, CLI_USAGE, "what is \"%s\"? check or describe", cli->words[0]);
}

const struct cli_command cli_db = {
    .name = "db",
    .words = "check|describe",
    .summary = "look for what is wrong with the database itself",
    .text =
	"check compares the schema with what the migrations make (tables, columns, constraints,\n"
	"indexes, functions, grants), looks for invalid indexes, constraints that are not "
	"validated\n"
	"or switched off and roles that may too much, and then for rows that refer to what is not\n"
	"there. It connects as the database settings say and changes nothing; servers may run.\n"
	"Exit code 0 when there is nothing to find, 1 when there is, each with what to do. "
	"Servers\n"
	"do the same as an operation of kind db_check. describe lists what the schema is made "
	"of.\n\n"
	"  usher db check\n"
	"  usher db check --quick --json | jq -r '.findings[].remedy'\n"
	"  usher db check --database.conninfo 'host=/run/postgresql dbname=usher user=usher_app'",
    .words_min = 1,
    .words_max = 1,
    .options =
	{
	    {"--quick", NULL, "with check: the schema alone, no rows"},
	},
    .run = run,
};
