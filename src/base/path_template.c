#include "base/path_template.h"

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
is_field_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_field_char(char c)
{
	return is_field_start(c) || (c >= '0' && c <= '9');
}

static bool
is_literal_char(char c)
{
	return is_field_char(c) || (c && strchr("-.~$@", c));
}

/* An empty literal is refused by the caller, who knows what should have stood there. */
static struct slice
read_literal(struct parser *p)
{
	const char *start = p->at;

	while (is_literal_char(*p->at))
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
		while (is_field_char(*p->at))
			p->at++;
		if (*p->at != '.')
			break;
		p->at++;
	}
	*out = arena_copy(p->arena, start, (size_t)(p->at - start));
	return *out ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
add_segment(struct parser *p, enum segment_kind kind, struct slice literal)
{
	struct path_template *out = p->out;

	if (out->segments_count && out->segments[out->segments_count - 1].kind == SEGMENT_REST)
		return refuse(p, "\"**\" is not the last segment");
	if (out->segments_count == ROUTE_SEGMENTS_MAX)
		return refuse(p, "too many segments");
	out->segments[out->segments_count++] = (struct path_segment){kind, literal, p->variable};
	return STATUS_OK;
}

/* "*", "**" or a literal. */
static status
read_plain_segment(struct parser *p)
{
	if (*p->at == '*') {
		bool rest = p->at[1] == '*';
		p->at += rest ? 2 : 1;
		return add_segment(p, rest ? SEGMENT_REST : SEGMENT_ONE, SLICE_NONE);
	}
	struct slice literal = read_literal(p);
	if (!literal.bytes)
		return refuse(p, "a segment is expected");
	if (slice_equals_text(literal, ".") || slice_equals_text(literal, ".."))
		return refuse(p, "no path has the segments \".\" and \"..\"");
	return add_segment(p, SEGMENT_LITERAL, literal);
}

static status
read_variable(struct parser *p)
{
	struct path_variable *variable = &p->out->variables[p->out->variables_count];

	if (p->out->variables_count == ROUTE_VARIABLES_MAX)
		return refuse(p, "too many variables");
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
		TRY(add_segment(p, SEGMENT_ONE, SLICE_NONE));
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
	return STATUS_OK;
}

status
path_template_parse(struct arena *arena, const char *text, struct path_template *out)
{
	struct path_template made = {.text = text};
	struct parser p = {.arena = arena, .at = text, .out = &made, .variable = -1};

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

/* The rank of what a template has at a position; a template's end goes before everything. */
static int
rank_at(const struct path_template *t, size_t i)
{
	return i < t->segments_count ? 1 + (int)t->segments[i].kind : 0;
}

int
path_template_order(const struct path_template *a, const struct path_template *b)
{
	if ((a->verb.bytes == 0) != (b->verb.bytes == 0))
		return a->verb.bytes ? -1 : 1;
	for (size_t i = 0; i < a->segments_count || i < b->segments_count; i++) {
		if (rank_at(a, i) != rank_at(b, i))
			return rank_at(a, i) - rank_at(b, i);
	}
	return 0;
}

bool
path_template_is_ambiguous(const struct path_template *a, const struct path_template *b)
{
	bool a_narrower = false, b_narrower = false;

	if (!slice_equals(a->verb, b->verb))
		return false;
	for (size_t i = 0;; i++) {
		int rank_a = rank_at(a, i), rank_b = rank_at(b, i);
		/* "**" fits whatever is left, so nothing behind it tells them apart. */
		bool rest_a = rank_a == 1 + SEGMENT_REST, rest_b = rank_b == 1 + SEGMENT_REST;
		if (rest_a || rest_b) {
			a_narrower |= !rest_a;
			b_narrower |= !rest_b;
			break;
		}
		if (rank_a == 0 && rank_b == 0)
			break;
		if (rank_a == 0 || rank_b == 0)
			return false;
		if (rank_a == 1 && rank_b == 1 &&
		    !slice_equals(a->segments[i].literal, b->segments[i].literal))
			return false;
		a_narrower |= rank_a < rank_b;
		b_narrower |= rank_b < rank_a;
	}
	return a_narrower == b_narrower;
}
