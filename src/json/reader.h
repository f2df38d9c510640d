/* reader.h - a strict JSON reader that hands out one token after the other.
 *
 * The whole text lies in memory; there is no tree. Numbers stay text, so none loses a digit.
 * Refused, with line and column: what the grammar has not, bytes that are not UTF-8, escapes of
 * lone surrogates, more than JSON_DEPTH_MAX levels, anything behind the value.
 *
 *     reader_init(&reader, text, arena, READER_UNIQUE_KEYS);
 *     TRY(reader_next(&reader, &token));
 *
 * Lifetime: value borrows the text or the arena. Threads: one. Source: RFC 8259. */
#ifndef USHER_JSON_READER_H
#define USHER_JSON_READER_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_token {
	READER_END, /* the text is read; each further call says so again */
	READER_OBJECT_BEGIN,
	READER_OBJECT_END,
	READER_ARRAY_BEGIN,
	READER_ARRAY_END,
	READER_KEY, /* its value's first token follows */
	READER_STRING,
	READER_NUMBER,
	READER_TRUE,
	READER_FALSE,
	READER_NULL,
};

enum reader_option {
	READER_REFUSE_NUL = 1 << 0,  /* the escape \u0000, which PostgreSQL and C can't keep */
	READER_UNIQUE_KEYS = 1 << 1, /* no key twice in one object; needs an arena */
};

struct reader_keys;

struct reader {
	struct slice text;
	struct arena *arena;
	unsigned options;

	/* The token last read. */
	struct slice value; /* of KEY and STRING without quotes and escapes; of NUMBER as written */
	bool has_nul;       /* value holds a NUL */
	size_t token_at;    /* offset of its first byte */

	/* The reader's own. */
	size_t at;
	unsigned depth;
	unsigned char expects;
	uint8_t in_object[(JSON_DEPTH_MAX + 8) / 8]; /* a bit a level */
	struct reader_keys *keys;                    /* of the innermost object */
	struct reader_keys *keys_outermost;          /* kept for the next one */
	status failure; /* kept, so that a reader fails once and for all */
};

/* arena takes strings that have escapes, and messages. Without one (NULL), KEY and STRING keep
 * their escapes and all messages are the same: enough to check a text. */
void reader_init(struct reader *reader, struct slice text, struct arena *arena, unsigned options);

/* Errors: INVALID_ARGUMENT (MALFORMED_JSON), RESOURCE_EXHAUSTED (arena). After one the reader
 * gives the same again. */
MUST_USE status reader_next(struct reader *reader, enum reader_token *token);

/* Read on to the end of the value whose first token, or whose key, was read last. raw, if not
 * NULL, gets its text as written. */
MUST_USE status reader_finish_value(struct reader *reader, struct slice *raw);

/* Line and column, both from 1, of an offset; a column is a character. */
void reader_locate(const struct reader *reader, size_t offset, size_t *line, size_t *column);

/* A caller's own complaint about what stands at offset (token_at): "line 3, column 7: ...".
 * The reader is spent then. */
status
reader_refuse(struct reader *reader, size_t offset, const char *format, ...) PRINTF_LIKE(3, 4);

/* Is text one JSON object that jsonb keeps whole: keys unique, no \u0000, no number with an
 * exponent past 400? jsonb writes numbers out in full, so all exponents together are bounded too:
 * what it makes of the text is at most three and a half times as long, and 4 KiB.
 * Errors: INVALID_ARGUMENT (MALFORMED_JSON), RESOURCE_EXHAUSTED (arena). */
MUST_USE status reader_check_object(struct slice text, struct arena *arena);

#endif
