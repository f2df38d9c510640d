/* usher: the command line. Reads the words, finds the command's row, runs it. */
#include "app/cli.h"
#include "app/words.h"

#include "base/aside.h"
#include "base/log.h"
#include "base/version.h"
#include "crypt/crypt.h"
#include "pbjson/pbjson.h"
#include "json/writer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CLI_ARENA_BYTES_MAX (64u << 20)

static const struct cli_command *const commands[] = {
    &cli_call,
    &cli_status,
    &cli_jobs,
    &cli_migrate,
    &cli_db,
    &cli_bootstrap,
    &cli_config,
    &cli_selftest,
    &cli_completion,
};
#define COMMANDS (sizeof commands / sizeof commands[0])

const struct cli_command *
cli_command_at(size_t index)
{
	return index < COMMANDS ? commands[index] : NULL;
}

static const struct cli_option common_options[] = {
    {"--json", NULL, "print for programs: one JSON value; sql, describe and completion stay text"},
    {"--help", NULL, "this text"},
};
static const struct cli_option config_option = {
    "--config", "FILE", "settings; otherwise USHER_CONFIG, or ./usher.conf"};

static void
print_option(FILE *out, const struct cli_option *option)
{
	char left[64];

	snprintf(left, sizeof left, "%s%s%s", option->name, option->value ? " " : "",
	    option->value ? option->value : "");
	fprintf(out, "  %-26s %s\n", left, option->help);
}

static void
print_command_help(FILE *out, const struct cli_command *command)
{
	fprintf(out, "usage: usher %s%s%s [options]\n\n%s\n\n%s\n\nOptions:\n", command->name,
	    *command->words ? " " : "", command->words, command->summary, command->text);
	for (const struct cli_option *option = command->options; option->name; option++)
		print_option(out, option);
	for (size_t i = 0; i < sizeof common_options / sizeof common_options[0]; i++)
		print_option(out, &common_options[i]);
	if (command->without_settings)
		return;
	print_option(out, &config_option);
	fprintf(out, "  %-26s %s\n", "--NAME VALUE", "any setting; `usher config` lists them");
}

static void
print_help(FILE *out)
{
	fprintf(out, "usage: usher COMMAND [options]\n\n"
		     "Calls, sets up and looks after usher.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
	    "\n`usher COMMAND --help` says more, with examples; `usher --version` its version.\n"
	    "Exit codes: 0 done, 1 refused or failed, 2 usage or settings, "
	    "3 no server\nanswered, or there is no database to work with.\n");
}

const char *
cli_option_value(const struct cli *cli, const char *name)
{
	for (size_t i = 0; cli->command->options[i].name; i++)
		if (strcmp(cli->command->options[i].name, name) == 0)
			return cli->values[i];
	assert(!"the command has no such option");
	return NULL;
}

bool
cli_has_option(const struct cli *cli, const char *name)
{
	return cli_option_value(cli, name) != NULL;
}

enum cli_exit
cli_fail(const struct cli *cli, enum cli_exit code, const char *format, ...)
{
	va_list args;

	fprintf(
	    stderr, "usher%s%s: ", cli->command ? " " : "", cli->command ? cli->command->name : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

static enum cli_exit
say_as(const struct cli *cli, enum cli_exit code, status st)
{
	return cli_fail(cli, code, "%s%s%s: %s", status_code_name(st.code), st.reason ? " " : "",
	    st.reason ? st.reason : "", st.message ? st.message : "");
}

enum cli_exit
cli_say_status(const struct cli *cli, status st)
{
	/* The client's own words; no server says these. */
	static const struct {
		const char *reason;
		enum cli_exit code;
	} rows[] = {
	    {"BAD_URL", CLI_USAGE},
	    {"BAD_TLS_FILE", CLI_USAGE},
	    {"TOO_MANY_SERVERS", CLI_USAGE},
	    {"NOT_CONNECTED", CLI_UNREACHABLE},
	    {"NOT_SENT", CLI_UNREACHABLE},
	    {"CONNECTION_LOST", CLI_UNREACHABLE},
	    {"NO_ANSWER", CLI_UNREACHABLE},
	};

	for (size_t i = 0; st.reason && i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(st.reason, rows[i].reason) == 0)
			return say_as(cli, rows[i].code, st);
	return say_as(cli, CLI_FAILED, st);
}

enum cli_exit
cli_say_database(const struct cli *cli, status st)
{
	if (st.code == ST_UNAVAILABLE || st.code == ST_DEADLINE_EXCEEDED)
		return say_as(cli, CLI_UNREACHABLE, st);
	return cli_say_status(cli, st);
}

void
cli_print_failure(const struct cli *cli, status st)
{
	struct strbuf out;
	struct writer writer;

	if (!cli->json)
		return;
	strbuf_init(&out, 1u << 20);
	writer_init(&writer, &out, 2);
	writer_object_begin(&writer);
	cli_write_status(&writer, st);
	writer_object_end(&writer);
	puts(strbuf_text(&out));
	strbuf_done(&out);
}

enum cli_exit
cli_fail_status(const struct cli *cli, status st)
{
	cli_print_failure(cli, st);
	return cli_say_status(cli, st);
}

enum cli_exit
cli_fail_database(const struct cli *cli, status st)
{
	cli_print_failure(cli, st);
	return cli_say_database(cli, st);
}

status
cli_keep_status(const struct cli *cli, status st)
{
	if (st.code == ST_OK)
		return st;
	return arena_refuse(cli->arena, st.code,
	    st.reason ? arena_copy_text(cli->arena, st.reason) : NULL, "%s",
	    st.message ? st.message : "");
}

void
cli_write_status(struct writer *writer, status st)
{
	writer_key(writer, "code");
	writer_text(writer, status_code_name(st.code));
	writer_key(writer, "reason");
	writer_text(writer, st.reason);
	writer_key(writer, "message");
	writer_text(writer, st.message);
}

const char *
cli_credential(const struct cli *cli)
{
	const char *credential = cli_option_value(cli, "--credential");

	if (!credential)
		credential = getenv("USHER_CREDENTIAL");
	if (!credential && *config_text(cli->config, "bridge.key"))
		credential = config_text(cli->config, "bridge.key");
	return credential;
}

enum cli_exit
cli_print_message(struct cli *cli, const struct meta_message *meta, struct slice payload)
{
	struct strbuf out;
	struct writer writer;
	status st;

	strbuf_init(&out, 64u << 20);
	writer_init(&writer, &out, cli->json ? 0 : 2);
	st = pbjson_to_json(meta, payload, cli->arena, &writer);
	if (st.code == ST_OK)
		st = strbuf_status(&out);
	if (st.code == ST_OK)
		puts(strbuf_text(&out));
	strbuf_done(&out);
	return st.code == ST_OK ? CLI_OK : cli_fail_status(cli, st);
}

status
cli_connect_to(const struct cli *cli, const char *url, struct client **out)
{
	const char *ca_file = config_text(cli->config, "bridge.upstream_ca");
	const status st = client_new(
	    &(struct client_settings){
		.url = url,
		.tls_ca_file = *ca_file ? ca_file : NULL,
	    },
	    out);

	/* The library speaks of its own option. */
	if (st.reason && strcmp(st.reason, "BAD_TLS_FILE") == 0)
		return arena_refuse(cli->arena, st.code, st.reason,
		    "bridge.upstream_ca: \"%s\": tls+tcp:// needs a PEM file with the "
		    "certificates to trust",
		    ca_file);
	return st;
}

status
cli_connect(const struct cli *cli, struct client **out)
{
	const char *url = cli_option_value(cli, "--url");

	return cli_connect_to(cli, url ? url : config_text(cli->config, "bridge.upstream"), out);
}

/* Callers of a server are not told; whoever stands at the database is. */
static status
explain_refusal(const struct cli *cli, struct store *store, status st)
{
	struct store_health health;

	store_health(store, &health);
	if (st.code != ST_UNAVAILABLE || !*health.message)
		return st;
	return arena_refuse(cli->arena, st.code, st.reason, "%s", health.message);
}

status
cli_open_store(const struct cli *cli, struct store **store, struct store_conn **conn)
{
	struct store *opened;
	struct store_conn *leased;
	status st;

	TRY(store_new(cli->config, &clock_system, &opened));
	st = store_lease(opened, clock_boot_us(&clock_system) + 10 * US_PER_S, &leased);
	if (st.code != ST_OK) {
		st = explain_refusal(cli, opened, st);
		store_free(&opened);
		return st;
	}
	*store = opened;
	*conn = leased;
	return STATUS_OK;
}

/* false: it is one too many (already said). */
static bool
take_plain_word(struct cli *cli, const char *word)
{
	if (cli->words_count == cli->command->words_max) {
		cli_fail(cli, CLI_USAGE, "what is \"%s\"? See usher %s --help", word,
		    cli->command->name);
		return false;
	}
	cli->words[cli->words_count++] = word;
	return true;
}

/* Take one word of the command line: an option of the row, or a plain word.
 * Returns how many of argv were used, or 0 for a usage error (already said). */
static int
take_word(struct cli *cli, char **argv)
{
	const char *equals = strchr(argv[0], '=');
	size_t name_bytes = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);

	if (strncmp(argv[0], "--", 2) != 0)
		return take_plain_word(cli, argv[0]);
	for (size_t i = 0; cli->command->options[i].name; i++) {
		const struct cli_option *option = &cli->command->options[i];

		if (strlen(option->name) != name_bytes ||
		    strncmp(option->name, argv[0], name_bytes) != 0)
			continue;
		if (!option->value) {
			cli->values[i] = "";
			return 1;
		}
		cli->values[i] = equals ? equals + 1 : argv[1];
		if (!cli->values[i]) {
			cli_fail(
			    cli, CLI_USAGE, "%s needs a value (%s)", option->name, option->value);
			return 0;
		}
		return equals ? 1 : 2;
	}
	cli_fail(
	    cli, CLI_USAGE, "unknown option %s; see usher %s --help", argv[0], cli->command->name);
	return 0;
}

static enum cli_exit
run_command(struct cli *cli, char **argv)
{
	while (*argv && strcmp(*argv, "--") != 0) {
		int used;

		if (strcmp(*argv, "--json") == 0) {
			cli->json = true;
			argv++;
			continue;
		}
		used = take_word(cli, argv);
		if (used == 0)
			return CLI_USAGE;
		argv += used;
	}
	/* What stands behind "--" are plain words. */
	while (*argv && *++argv)
		if (!take_plain_word(cli, *argv))
			return CLI_USAGE;
	if (cli->words_count < cli->command->words_min)
		return cli_fail(cli, CLI_USAGE, "%s is missing; see usher %s --help",
		    cli->command->words, cli->command->name);
	return cli->command->run(cli);
}

static void
warn_of_slips(const struct cli *cli)
{
	struct config_slip slip = {0};

	while (config_slip_next(&slip))
		(void)cli_fail(
		    cli, CLI_OK, "%s is no setting; did you mean %s?", slip.name, slip.nearest);
}

/* As head(1) does when it has its lines. */
static bool
reader_is_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

/* What was asked for and is not there is not done, whatever else was; unless nobody wants it. */
static enum cli_exit
check_output(const struct cli *cli, enum cli_exit code)
{
	const int error = fflush(stdout) == 0 ? 0 : errno;

	if ((error == 0 && !ferror(stdout)) || reader_is_gone())
		return code;
	(void)cli_fail(cli, CLI_FAILED, "not all of the output could be written%s%s",
	    error ? ": " : "", error ? strerror(error) : "");
	return code == CLI_OK ? CLI_FAILED : code;
}

/* The words behind the command's name, with the settings if it has any. */
static enum cli_exit
run_words(struct cli *cli, int argc, char **argv)
{
	struct arena arena;
	struct strbuf message;
	char **rest = NULL;
	enum cli_exit code;

	strbuf_init(&message, 4096);
	if (crypt_init().code != ST_OK ||
	    arena_init(&arena, 64u << 10, CLI_ARENA_BYTES_MAX).code != ST_OK)
		return cli_fail(cli, CLI_FAILED, "no memory");
	cli->arena = &arena;
	/* Without settings, which may be what is wrong. */
	if (words_have(argv + 2, "--help") || words_have(argv + 2, "-h")) {
		print_command_help(stdout, cli->command);
		code = CLI_OK;
	} else if (cli->command->without_settings) {
		code = run_command(cli, argv + 2);
	} else if (config_load(argc - 1, argv + 1, NULL, &cli->config, &rest, &message).code !=
		   ST_OK) {
		code = cli_fail(cli, CLI_USAGE, "%s", strbuf_text(&message));
	} else {
		warn_of_slips(cli);
		code = run_command(cli, rest);
		config_free(&cli->config);
	}
	strbuf_done(&message);
	arena_done(&arena);
	return code;
}

static enum cli_exit
run(struct cli *cli, int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? CLI_USAGE : CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("usher %s\n", USHER_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, argv[1]) == 0)
			cli->command = commands[i];
	if (!cli->command)
		return cli_fail(cli, CLI_USAGE, "unknown command %s; see usher --help", argv[1]);
	return run_words(cli, argc, argv);
}

int
main(int argc, char **argv)
{
	struct cli cli = {0};

	signal(SIGPIPE, SIG_IGN);
	/* What is worth saying comes as the command's own words. */
	log_set_level(LOG_ERROR);
	const enum cli_exit code = run(&cli, argc, argv);
	aside_exit((int)check_output(&cli, code));
}
