/* path_template.h - the path of an `http` option, in google.api.http's syntax:
 *
 *     template = "/" segments [ ":" literal ]
 *     segments = segment { "/" segment }
 *     segment  = "*" | "**" | literal | "{" field { "." field } [ "=" segments ] "}"
 *
 * "**" stands last. The generator refuses by this what the bridge would not serve by it.
 * Lifetime: what is parsed borrows the text and lives in the arena. */
#ifndef USHER_BASE_PATH_TEMPLATE_H
#define USHER_BASE_PATH_TEMPLATE_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>

/* The narrower one first. */
enum segment_kind { SEGMENT_LITERAL, SEGMENT_ONE, SEGMENT_REST };

struct path_segment {
	enum segment_kind kind;
	struct slice literal;
	int variable; /* index of the variable that it belongs to, or -1 */
};

struct path_variable {
	const char *field; /* "user_id", "user.id" */
	size_t segment_first, segments_count;
};

struct path_template {
	const char *text;
	struct path_segment segments[ROUTE_SEGMENTS_MAX];
	size_t segments_count;
	struct path_variable variables[ROUTE_VARIABLES_MAX];
	size_t variables_count;
	struct slice verb; /* after the colon; empty if there is none */
};

/* Errors: INVALID_ARGUMENT with a message that says what is wrong, RESOURCE_EXHAUSTED. */
MUST_USE status path_template_parse(
    struct arena *arena, const char *text, struct path_template *out);

/* Would the two match exactly the same paths? */
bool path_template_same_shape(const struct path_template *a, const struct path_template *b);

/* Which of two templates is tried first: < 0 when it is a. */
int path_template_order(const struct path_template *a, const struct path_template *b);

/* Is there a path that fits both, while neither is the narrower one throughout? */
bool path_template_is_ambiguous(const struct path_template *a, const struct path_template *b);

#endif
