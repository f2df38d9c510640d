/* usher config: every setting, its value, and where that came from. */
#include "app/cli.h"

#include "json/writer.h"

static const char *const type_names[] = {
    [CONFIG_TEXT] = "text",
    [CONFIG_BOOL] = "bool",
    [CONFIG_INT] = "int",
    [CONFIG_BYTES] = "bytes",
    [CONFIG_DURATION] = "duration",
};

static void
write_member(struct writer *writer, const char *key, const char *text)
{
	writer_key(writer, key);
	writer_text(writer, text);
}

static enum cli_exit
run(struct cli *cli)
{
	struct strbuf out;
	struct writer writer;

	if (!cli->json) {
		config_print(cli->config, stdout);
		return CLI_OK;
	}
	strbuf_init(&out, 1u << 20);
	writer_init(&writer, &out, 2);
	writer_object_begin(&writer);
	for (const struct config_row *row = config_rows; row->name; row++) {
		writer_key(&writer, row->name);
		writer_object_begin(&writer);
		write_member(&writer, "value", config_shown(cli->config, row->name));
		write_member(&writer, "from", config_where(cli->config, row->name));
		write_member(&writer, "default", row->default_text);
		write_member(&writer, "type", type_names[row->type]);
		write_member(&writer, "help", row->help);
		writer_object_end(&writer);
	}
	writer_object_end(&writer);
	puts(strbuf_text(&out));
	strbuf_done(&out);
	return CLI_OK;
}

const struct cli_command cli_config = {
    .name = "config",
    .words = "",
    .summary = "print all settings, and where each came from",
    .text = "Flag over environment (USHER_DATABASE_HOST) over file (database.host = ...) over\n"
	    "default. Secrets are shown as ***. What it prints can be read as a file.\n\n"
	    "  usher config\n"
	    "  USHER_LOG_LEVEL=debug usher config | grep log",
    .run = run,
};
