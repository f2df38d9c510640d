/* usher migrate: bring the database's schema up to what this program needs. */
#include "app/cli.h"

#include "store/migrate.h"
#include "json/writer.h"

#include <string.h>

/* Another migrator may be at a long index. */
#define WAIT_US (10 * 60 * US_PER_S)

static void
report(void *self, const struct migration *migration, bool done)
{
	const struct cli *cli = self;

	if (!cli->json)
		fprintf(stderr, "%04d %s%s\n", migration->version, migration->name,
		    done ? ": done" : " ...");
}

static status
print_status(struct cli *cli, struct migrator *migrator, struct strbuf *message)
{
	struct migrate_row *rows;
	struct strbuf out;
	struct writer writer;
	size_t count;

	TRY(migrate_status(migrator, cli->arena, message, &rows, &count));
	strbuf_init(&out, 1u << 20);
	writer_init(&writer, &out, 2);
	writer_array_begin(&writer);
	for (size_t i = 0; i < count; i++) {
		const struct migrate_row *row = &rows[i];
		const char *state = row->is_changed    ? "changed since it was applied"
				    : !row->is_applied ? "to be applied"
				    : !row->is_known   ? "applied, unknown to this program"
						       : "applied";
		char at[TIME_TEXT_BYTES] = "";

		if (row->is_applied)
			time_format(row->applied_at_us, at);
		if (!cli->json)
			printf("%04d  %-32s %s %s\n", row->version, row->name, state, at);
		writer_object_begin(&writer);
		writer_key(&writer, "version");
		writer_i64(&writer, row->version);
		writer_key(&writer, "name");
		writer_text(&writer, row->name);
		writer_key(&writer, "state");
		writer_text(&writer, state);
		writer_key(&writer, "appliedAt");
		writer_text(&writer, *at ? at : NULL);
		writer_object_end(&writer);
	}
	writer_array_end(&writer);
	if (cli->json)
		puts(strbuf_text(&out));
	strbuf_done(&out);
	return STATUS_OK;
}

static void
print_database(const struct cli *cli, const char *name, bool made)
{
	struct strbuf out;
	struct writer writer;

	if (!cli->json) {
		printf("database %s %s\n", name, made ? "made" : "is there");
		return;
	}
	strbuf_init(&out, 64u << 10);
	writer_init(&writer, &out, 2);
	writer_object_begin(&writer);
	writer_key(&writer, "database");
	writer_text(&writer, name);
	writer_key(&writer, "made");
	writer_bool(&writer, made);
	writer_object_end(&writer);
	puts(strbuf_text(&out));
	strbuf_done(&out);
}

static status
migrate(struct cli *cli, struct strbuf *message)
{
	const char *what = cli->words[0];
	struct migrator *migrator;
	bool made = false;
	int applied = 0;
	status st;

	if (strcmp(what, "create-database") == 0) {
		const char *name = cli_option_value(cli, "--name");

		name = name ? name : "usher";
		TRY(migrate_create_database(cli->config, name, message, &made));
		print_database(cli, name, made);
		return STATUS_OK;
	}
	TRY(migrate_open(cli->config, message, &migrator));
	if (strcmp(what, "status") == 0) {
		st = print_status(cli, migrator, message);
	} else {
		st = migrate_up(migrator, WAIT_US,
		    &(struct migrate_report){.call = report, .self = cli}, message, &applied);
		if (st.code == ST_OK && cli->json)
			printf("{\"applied\":%d}\n", applied);
		else if (st.code == ST_OK)
			printf("%d migration%s applied\n", applied, applied == 1 ? "" : "s");
	}
	migrate_close(&migrator);
	return st;
}

static enum cli_exit
run(struct cli *cli)
{
	static const char *const known[] = {"up", "status", "sql", "create-database"};
	struct strbuf message;
	enum cli_exit code = CLI_OK;
	bool is_known = false;
	status st;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		is_known = is_known || strcmp(cli->words[0], known[i]) == 0;
	if (!is_known)
		return cli_fail(cli, CLI_USAGE,
		    "what is \"%s\"? up, status, sql or create-database", cli->words[0]);
	if (strcmp(cli->words[0], "sql") == 0) {
		migrate_print(stdout);
		return CLI_OK;
	}
	strbuf_init(&message, 16384);
	st = migrate(cli, &message);
	if (st.code != ST_OK) {
		if (message.bytes)
			st.message = strbuf_text(&message);
		cli_print_failure(cli, st);
		code = cli_fail(cli,
		    st.code == ST_UNAVAILABLE        ? CLI_UNREACHABLE
		    : st.code == ST_INVALID_ARGUMENT ? CLI_USAGE
						     : CLI_FAILED,
		    "%s", st.message);
	}
	strbuf_done(&message);
	return code;
}

const struct cli_command cli_migrate = {
    .name = "migrate",
    .words = "up|status|sql|create-database",
    .summary = "bring the database's schema up to date",
    .text = "Connects as the database settings say, as the schema's owner (not usher_app).\n"
	    "up applies what is missing; status lists; sql prints the schema as plain SQL.\n\n"
	    "  usher migrate up --database.host db1 --database.user usher_owner\n"
	    "  usher migrate up --database.conninfo 'host=/run/postgresql dbname=usher'\n"
	    "  usher migrate sql | less",
    .words_min = 1,
    .words_max = 1,
    .options =
	{
	    {"--name", "NAME", "with create-database: the database to make (usher)"},
	},
    .run = run,
};
