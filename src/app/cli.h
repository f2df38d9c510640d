/* cli.h - the command line's frame: commands are rows of one table, and so are their options.
 * Threads: one. */
#ifndef USHER_APP_CLI_H
#define USHER_APP_CLI_H

#include "base/arena.h"
#include "base/config.h"
#include "base/meta.h"
#include "client/client.h"
#include "store/store.h"
#include "json/writer.h"

#include <stdbool.h>
#include <stdio.h>

/* What the program ends with; the help text lists them. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,      /* the server, or the database, refused or failed */
	CLI_USAGE = 2,       /* the words of the command line, or the settings, are off */
	CLI_UNREACHABLE = 3, /* no server answered, or there is no database to work with */
};

struct cli_option {
	const char *name;  /* "--url" */
	const char *value; /* "URL"; NULL for a flag */
	const char *help;
};

#define CLI_OPTIONS_MAX 16
#define CLI_WORDS_MAX 8

struct cli {
	const struct cli_command *command;
	struct config *config;
	struct arena *arena;
	const char *words[CLI_WORDS_MAX]; /* what is no option */
	size_t words_count;
	const char *values[CLI_OPTIONS_MAX]; /* by place in the command's options; flags: "" */
	bool json;                           /* print for programs */
};

struct cli_command {
	const char *name;
	const char *words;   /* "METHOD [JSON]" */
	const char *summary; /* one line */
	const char *text;    /* what else there is to say, with examples */
	size_t words_min, words_max;
	bool without_settings; /* config stays NULL */
	struct cli_option options[CLI_OPTIONS_MAX];
	enum cli_exit (*run)(struct cli *cli);
};

/* The option's value; NULL when it was not given. Asking for one that the row has not is a bug. */
const char *cli_option_value(const struct cli *cli, const char *name);
bool cli_has_option(const struct cli *cli, const char *name);

/* "usher call: message" on stderr, and the exit code that fits. */
enum cli_exit
cli_fail(const struct cli *cli, enum cli_exit code, const char *format, ...) PRINTF_LIKE(3, 4);
enum cli_exit cli_say_status(const struct cli *cli, status st);
/* The same for what came of a connection of our own to the database. */
enum cli_exit cli_say_database(const struct cli *cli, status st);

/* With --json: an object of code, reason and message on standard output. */
void cli_print_failure(const struct cli *cli, status st);
/* Both, for a command that has printed nothing yet. */
enum cli_exit cli_fail_status(const struct cli *cli, status st);
enum cli_exit cli_fail_database(const struct cli *cli, status st);

/* Its members code, reason and message, into an object that is open. */
void cli_write_status(struct writer *writer, status st);

/* The same failure in the command's own memory: a call's result takes its texts with it. */
status cli_keep_status(const struct cli *cli, status st);

/* --credential, USHER_CREDENTIAL or the setting bridge.key; NULL when there is none. */
const char *cli_credential(const struct cli *cli);
/* A message as JSON on standard output: in one line with --json, indented for people. */
enum cli_exit
cli_print_message(struct cli *cli, const struct meta_message *meta, struct slice payload);

/* A client of --url, or of bridge.upstream. */
MUST_USE status cli_connect(const struct cli *cli, struct client **out);
MUST_USE status cli_connect_to(const struct cli *cli, const char *url, struct client **out);
/* A connection of our own to the database of the settings.
 * Errors: as store_lease(), with what PostgreSQL says in the message. */
MUST_USE status cli_open_store(
    const struct cli *cli, struct store **store, struct store_conn **conn);

/* The commands in the help text's order; NULL behind the last. */
const struct cli_command *cli_command_at(size_t index);

/* The commands, a file each. */
extern const struct cli_command cli_call;
extern const struct cli_command cli_migrate;
extern const struct cli_command cli_db;
extern const struct cli_command cli_bootstrap;
extern const struct cli_command cli_config;
extern const struct cli_command cli_status;
extern const struct cli_command cli_jobs;
extern const struct cli_command cli_selftest;
extern const struct cli_command cli_completion;

#endif
