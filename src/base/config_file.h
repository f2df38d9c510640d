/* config_file.h - the grammar of usher.conf, and of the values in it.
 *
 *     # a comment
 *     database.host = db1.example.org
 *     database.name = "us#er"        # a comment behind a value in quotes
 *     password.passes = 3            # or behind a number
 *
 * One setting a line. A value ends with its line, less the blanks around it; in double quotes \",
 * \\, \n and \t stand for themselves. UTF-8, no NUL; CR LF ends a line too.
 * A text without quotes that holds a blank and # could be meant both ways and is refused.
 * Lifetime: items live in the arena. Threads: one. */
#ifndef USHER_BASE_CONFIG_FILE_H
#define USHER_BASE_CONFIG_FILE_H

#include "base/config.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20)

struct config_file {
	struct slice left;
	const char *path; /* for messages */
	unsigned line;    /* of the item last read, from 1 */
};

struct config_item {
	const char *name;
	char *value;
	bool quoted;
	size_t comment_at; /* where a comment would begin in an unquoted value; SIZE_MAX: nowhere */
};

void config_file_init(struct config_file *file, const char *path, struct slice text);

/* The next setting, or *found = false at the end.
 * Errors: INVALID_ARGUMENT, with path, line and what is wrong in message. */
MUST_USE status config_file_next(struct config_file *file, struct arena *arena,
    struct config_item *item, bool *found, struct strbuf *message);

/* Take the comment off a value, or refuse it where it is not clear that it is one. */
MUST_USE status config_item_finish(const struct config_file *file, const struct config_row *row,
    struct config_item *item, struct strbuf *message);

/* Does text suit the row? number is set for all types but TEXT.
 * Errors: INVALID_ARGUMENT; message gets what the row wants ("wants a whole number from 1 to 10").
 */
MUST_USE status config_value_parse(
    const struct config_row *row, const char *text, int64_t *number, struct strbuf *message);

#endif
