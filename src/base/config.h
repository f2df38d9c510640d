/* config.h - settings: rows of one table, read from flags, environment, a file and defaults.
 *
 * A program declares one table of rows and reads it into a struct config. Flag over environment
 * (USHER_DATABASE_HOST) over file (database.host = ...) over default. For a secret, NAME_file takes
 * it from a file (less the newline at its end), which is read only if nothing goes over it. An
 * unknown name in the file is an error that names the nearest right one. The file's grammar stands
 * in config_file.h.
 * Threads: read-only after config_load(), but for reloadable rows through config_reload(). */
#ifndef USHER_BASE_CONFIG_H
#define USHER_BASE_CONFIG_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_VARIABLE_BYTES 96 /* USHER_, the longest name, _FILE and NUL */

enum config_type {
	CONFIG_TEXT,
	CONFIG_BOOL, /* on/off, true/false, yes/no, 1/0 */
	CONFIG_INT,
	CONFIG_BYTES,   /* 64KiB, 1MiB, or plain bytes */
	CONFIG_DURATION /* 250ms, 15m, 7d; kept in microseconds */
};

struct config_row {
	const char *name; /* "database.host" */
	enum config_type type;
	const char *default_text; /* "" when unset */
	int64_t min, max;         /* of the number; of the length for TEXT (0, 0: no limit) */
	bool secret;              /* printed as *** */
	bool reloadable;
	const char *help;    /* one sentence */
	const char *choices; /* of TEXT: "none|files", or NULL */
	/* Of TEXT, or NULL; asked about an empty one too. wants: what does suit, for people. */
	bool (*suits)(const char *text);
	const char *wants;
};

enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG };

/* All settings of usherd, usher-bridge and usher: the one table. Ends with a NULL name. */
extern const struct config_row config_rows[];

struct config;

/* Read the settings. argv holds flags "--database.host=x" or "--database.host x" (a BOOL may stand
 * alone: on); what is no setting is left for the caller in *rest (argv order without argv[0],
 * NULL-terminated, lives as long as *out; rest may be NULL). "--" ends the flags.
 * file may be NULL: then the flag --config, else USHER_CONFIG, else ./usher.conf if it exists.
 * Errors: INVALID_ARGUMENT with a message for people ("usher.conf:12: unknown setting
 * \"databse.host\"; did you mean \"database.host\"?"), written to message. */
MUST_USE status config_load(int argc, char **argv, const char *file, struct config **out,
    char ***rest, struct strbuf *message);
void config_free(struct config **config);
/* Read file and environment again; takes over reloadable rows only and names the others changed. */
MUST_USE status config_reload(struct config *config, struct strbuf *message);

/* Asking for a name that is not in the table, or with another type, is a bug (assert). */
const char *config_text(const struct config *config, const char *name);
bool config_bool(const struct config *config, const char *name);
int64_t config_int(const struct config *config, const char *name); /* INT, BYTES, DURATION (us) */
enum config_origin config_origin(const struct config *config, const char *name);
/* For people: "default", "usher.conf:12", "USHER_MODE", "--mode". */
const char *config_where(const struct config *config, const char *name);
/* Any row's value as it was written; "***" for a secret that is set. */
const char *config_shown(const struct config *config, const char *name);
/* A default that depends on others (--prod and so on): set a row that is still at its default. */
MUST_USE status config_set_default(struct config *config, const char *name, const char *text);

/* name = value   # origin, one line a row, secrets hidden. What it prints can be read as a file. */
void config_print(const struct config *config, FILE *out);

/* The row of that name or NULL. */
const struct config_row *config_row_find(const char *name);
/* The row's name that name is a slip of, or NULL when none is near. */
const char *config_name_nearest(const char *name);

/* A variable of the environment that is no setting, and is called almost as one is. Others may
 * begin with USHER_ as well (an orchestrator's, of a service of that name), so it is nothing wrong.
 */
struct config_slip {
	size_t place; /* behind it; 0 to begin with */
	char name[CONFIG_VARIABLE_BYTES], nearest[CONFIG_VARIABLE_BYTES];
};
/* The next one; false: there are no more. Nobody may change the environment meanwhile. */
bool config_slip_next(struct config_slip *slip);

#endif
