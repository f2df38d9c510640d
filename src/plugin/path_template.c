#include "plugin/path_template.h"

#include "base/limits.h"

#include <ctype.h>
#include <string.h>

struct parser {
	struct arena *arena;
	const char *at;
	struct path_template *out;
	int variable; /* inside of this one, or -1 */
};

static status
refuse(struct parser *p, const char *what)
{
	return arena_refuse(p->arena, ST_INVALID_ARGUMENT, NULL, "path \"%s\": %s at character %zu",
	    p->out->text, what, (size_t)(p->at - p->out->text) + 1);
}

static bool
is_literal(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~$@", c));
}

static bool
is_field_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

/* An empty literal is refused by the caller, who knows what should have stood there. */
static struct slice
read_literal(struct parser *p)
{
	const char *start = p->at;

	while (is_literal(*p->at))
		p->at++;
	return slice_of(start, (size_t)(p->at - start));
}

static status
read_field_path(struct parser *p, const char **out)
{
	const char *start = p->at;

	for (;;) {
		if (!is_field_start(*p->at))
			return refuse(p, "a field's name is expected");
		while (isalnum((unsigned char)*p->at) || *p->at == '_')
			p->at++;
		if (*p->at != '.')
			break;
		p->at++;
	}
	*out = arena_copy(p->arena, start, (size_t)(p->at - start));
	return *out ? STATUS_OK : ARENA_EXHAUSTED;
}

static void
add_segment(struct parser *p, enum segment_kind kind, struct slice literal)
{
	p->out->segments[p->out->segments_count++] =
	    (struct path_segment){kind, literal, p->variable};
}

/* "*", "**" or a literal. */
static status
read_plain_segment(struct parser *p)
{
	if (*p->at == '*') {
		bool rest = p->at[1] == '*';
		p->at += rest ? 2 : 1;
		add_segment(p, rest ? SEGMENT_REST : SEGMENT_ONE, SLICE_NONE);
		return STATUS_OK;
	}
	struct slice literal = read_literal(p);
	if (!literal.bytes)
		return refuse(p, "a segment is expected");
	if (slice_equals_text(literal, ".") || slice_equals_text(literal, ".."))
		return refuse(p, "no path has the segments \".\" and \"..\"");
	add_segment(p, SEGMENT_LITERAL, literal);
	return STATUS_OK;
}

static status
read_variable(struct parser *p)
{
	struct path_variable *variable = &p->out->variables[p->out->variables_count];

	p->at++;
	TRY(read_field_path(p, &variable->field));
	for (size_t i = 0; i < p->out->variables_count; i++) {
		if (strcmp(p->out->variables[i].field, variable->field) == 0)
			return refuse(p, "the variable stands there twice");
	}
	variable->segment_first = p->out->segments_count;
	p->variable = (int)p->out->variables_count++;
	if (*p->at == '=') {
		do {
			p->at++;
			TRY(read_plain_segment(p));
		} while (*p->at == '/');
	} else {
		add_segment(p, SEGMENT_ONE, SLICE_NONE);
	}
	p->variable = -1;
	if (*p->at != '}')
		return refuse(p, "\"}\" is expected");
	p->at++;
	variable->segments_count = p->out->segments_count - variable->segment_first;
	return STATUS_OK;
}

static status
parse(struct parser *p)
{
	if (*p->at != '/')
		return refuse(p, "\"/\" is expected");
	do {
		p->at++;
		if (*p->at == '{')
			TRY(read_variable(p));
		else
			TRY(read_plain_segment(p));
	} while (*p->at == '/');
	if (*p->at == ':') {
		p->at++;
		p->out->verb = read_literal(p);
		if (!p->out->verb.bytes)
			return refuse(p, "a verb is expected");
	}
	if (*p->at)
		return refuse(p, "an unexpected character");
	for (size_t i = 0; i + 1 < p->out->segments_count; i++) {
		if (p->out->segments[i].kind == SEGMENT_REST)
			return refuse(p, "\"**\" is not the last segment");
	}
	if (p->out->segments_count > ROUTE_SEGMENTS_MAX)
		return refuse(p, "too many segments");
	if (p->out->variables_count > ROUTE_VARIABLES_MAX)
		return refuse(p, "too many variables");
	return STATUS_OK;
}

status
path_template_parse(struct arena *arena, const char *text, struct path_template *out)
{
	/* Each segment and each variable takes at least two characters of the text. */
	size_t most = strlen(text) / 2 + 1;
	struct path_template made = {.text = text};
	struct parser p = {.arena = arena, .at = text, .out = &made, .variable = -1};

	made.segments = arena_alloc(arena, most * sizeof made.segments[0]);
	made.variables = arena_alloc(arena, most * sizeof made.variables[0]);
	if (!made.segments || !made.variables)
		return ARENA_EXHAUSTED;
	TRY(parse(&p));
	*out = made;
	return STATUS_OK;
}

bool
path_template_same_shape(const struct path_template *a, const struct path_template *b)
{
	if (a->segments_count != b->segments_count || !slice_equals(a->verb, b->verb))
		return false;
	for (size_t i = 0; i < a->segments_count; i++) {
		if (a->segments[i].kind != b->segments[i].kind ||
		    !slice_equals(a->segments[i].literal, b->segments[i].literal))
			return false;
	}
	return true;
}
