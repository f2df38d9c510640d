/* template.h - a path template, compiled. Only route.c includes it. */
#ifndef USHER_BRIDGE_TEMPLATE_H
#define USHER_BRIDGE_TEMPLATE_H

#include "bridge/route.h"

enum template_kind { TEMPLATE_LITERAL, TEMPLATE_ONE, TEMPLATE_REST };

struct template_segment {
	enum template_kind kind;
	struct slice text; /* LITERAL */
};

/* The field path and the segments [first, end) that fill it. */
struct template_variable {
	const char *field;
	size_t first, end;
	bool many; /* its pattern is more than "*" */
};

struct template
{
	struct template_segment segments[ROUTE_SEGMENTS_MAX];
	size_t segments_count;
	struct template_variable variables[ROUTE_CAPTURES_MAX];
	size_t variables_count;
	struct slice verb; /* without the colon; empty when there is none */
};

/* Errors: INVALID_ARGUMENT (the message says what is wrong, not where), RESOURCE_EXHAUSTED. */
MUST_USE status template_parse(const char *text, struct arena *arena, struct template *out);

/* Which of two templates is tried first: < 0 when it is a. */
int template_order(const struct template *a, const struct template *b);

/* Is there a path that fits both, while neither is the narrower one throughout? */
bool template_is_ambiguous(const struct template *a, const struct template *b);

#endif
