/* route.h - which method a path stands for, by google.api.http's path templates.
 *
 *     Template = "/" Segments [ ":" LITERAL ]        Segment  = "*" | "**" | LITERAL | Variable
 *     Segments = Segment { "/" Segment }             Variable = "{" FieldPath [ "=" Segments ] "}"
 *
 * Paths are matched as they were sent: an escaped literal is another path, an escaped slash or
 * colon separates nothing, and there is no "." or "..". Where several templates fit, a literal goes
 * before "*" and "*" before "**", from the left; a custom verb goes before all.
 * Lifetime: the table borrows the rows. Threads: a table is read-only.
 * Source: google/api/http.proto (captures of one segment are unescaped whole, longer ones keep
 * %2F); RFC 3986. */
#ifndef USHER_BRIDGE_ROUTE_H
#define USHER_BRIDGE_ROUTE_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"
#include "client/route.h"

#define ROUTE_CAPTURES_MAX ROUTE_VARIABLES_MAX
#define ROUTE_ALLOW_BYTES 64

struct route_table;

enum route_outcome {
	ROUTE_FOUND,
	ROUTE_UNKNOWN,     /* 404 */
	ROUTE_NOT_ALLOWED, /* 405: the path is known, but not with that verb */
};

struct route_capture {
	const char *field;  /* "user_id", "profile.name": as the template has it */
	struct slice value; /* unescaped, UTF-8, without NUL; in the arena */
};

struct route_match {
	enum route_outcome outcome;
	const struct route_row *row; /* FOUND */
	struct route_capture captures[ROUTE_CAPTURES_MAX];
	size_t captures_count;
	char allow[ROUTE_ALLOW_BYTES]; /* NOT_ALLOWED: "GET, HEAD, PUT" */
};

/* Compile the rows' templates and order them.
 * Errors: INVALID_ARGUMENT, with a sentence in message that names the row: a malformed template, a
 * field that the request does not have or that a path can't fill, two rows that one path fits
 * alike. RESOURCE_EXHAUSTED. */
MUST_USE status route_table_new(const struct route_row *rows, size_t rows_count,
    struct route_table **out, struct strbuf *message);
void route_table_free(struct route_table **table);

/* Look a path up, without its query.
 * Errors: INVALID_ARGUMENT (an escape that is none, "..", a NUL, no UTF-8), RESOURCE_EXHAUSTED. */
MUST_USE status route_table_match(const struct route_table *table, const char *verb,
    const char *path, struct arena *arena, struct route_match *out);

#endif
