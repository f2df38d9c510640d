#include "bridge/template.h"

#include <string.h>

/* What is left to parse; into is filled on the way. */
struct template_parser {
	const char *at;
	struct arena *arena;
	struct template *into;
	bool in_variable;
};

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* RFC 3986's pchar but for the escape and what means something to templates. */
static bool
is_literal_char(char c)
{
	return is_name_char(c) || (c != '\0' && strchr("-.~!$&'()+,;@", c));
}

static struct slice
take_literal(struct template_parser *parser)
{
	const char *begin = parser->at;

	while (is_literal_char(*parser->at))
		parser->at++;
	return slice_of(begin, (size_t)(parser->at - begin));
}

static status
add_segment(struct template_parser *parser, enum template_kind kind, struct slice text)
{
	struct template *into = parser->into;

	if (into->segments_count > 0 &&
	    into->segments[into->segments_count - 1].kind == TEMPLATE_REST)
		return REFUSE(ST_INVALID_ARGUMENT, "nothing may follow \"**\" but a verb");
	if (into->segments_count == ROUTE_SEGMENTS_MAX)
		return REFUSE(ST_INVALID_ARGUMENT, "too many segments");
	into->segments[into->segments_count++] = (struct template_segment){kind, text};
	return STATUS_OK;
}

static status parse_segments(struct template_parser *parser);

static status
parse_field_path(struct template_parser *parser, const char **out)
{
	const char *begin = parser->at;

	while (is_name_char(*parser->at) || (*parser->at == '.' && parser->at > begin))
		parser->at++;
	if (parser->at == begin || parser->at[-1] == '.')
		return REFUSE(ST_INVALID_ARGUMENT, "a variable has no field");
	*out = arena_copy(parser->arena, begin, (size_t)(parser->at - begin));
	return *out ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
parse_variable(struct template_parser *parser)
{
	struct template *into = parser->into;
	struct template_variable variable = {.first = into->segments_count};

	if (parser->in_variable)
		return REFUSE(ST_INVALID_ARGUMENT, "a variable may not stand in another");
	if (into->variables_count == ROUTE_CAPTURES_MAX)
		return REFUSE(ST_INVALID_ARGUMENT, "too many variables");
	parser->at++;
	TRY(parse_field_path(parser, &variable.field));
	for (size_t i = 0; i < into->variables_count; i++) {
		if (strcmp(into->variables[i].field, variable.field) == 0)
			return REFUSE(ST_INVALID_ARGUMENT, "a field stands twice");
	}
	if (*parser->at == '=') {
		parser->at++;
		parser->in_variable = true;
		TRY(parse_segments(parser));
		parser->in_variable = false;
	} else {
		TRY(add_segment(parser, TEMPLATE_ONE, SLICE_NONE));
	}
	if (*parser->at != '}')
		return REFUSE(ST_INVALID_ARGUMENT, "a variable is not closed");
	parser->at++;
	variable.end = into->segments_count;
	variable.many = variable.end - variable.first > 1 ||
			into->segments[variable.first].kind == TEMPLATE_REST;
	into->variables[into->variables_count++] = variable;
	return STATUS_OK;
}

static status
parse_segment(struct template_parser *parser)
{
	if (*parser->at == '{')
		return parse_variable(parser);
	if (parser->at[0] == '*' && parser->at[1] == '*') {
		parser->at += 2;
		return add_segment(parser, TEMPLATE_REST, SLICE_NONE);
	}
	if (*parser->at == '*') {
		parser->at++;
		return add_segment(parser, TEMPLATE_ONE, SLICE_NONE);
	}
	struct slice text = take_literal(parser);
	if (text.bytes == 0)
		return REFUSE(
		    ST_INVALID_ARGUMENT, "a segment is empty, or has a character that it may not");
	if (slice_equals_text(text, ".") || slice_equals_text(text, ".."))
		return REFUSE(ST_INVALID_ARGUMENT, "no path has the segments \".\" and \"..\"");
	return add_segment(parser, TEMPLATE_LITERAL, text);
}

static status
parse_segments(struct template_parser *parser)
{
	TRY(parse_segment(parser));
	while (*parser->at == '/') {
		parser->at++;
		TRY(parse_segment(parser));
	}
	return STATUS_OK;
}

status
template_parse(const char *text, struct arena *arena, struct template *out)
{
	struct template parsed = {0};
	struct template_parser parser = {.at = text, .arena = arena, .into = &parsed};

	if (*parser.at != '/')
		return REFUSE(ST_INVALID_ARGUMENT, "it does not begin with a slash");
	parser.at++;
	TRY(parse_segments(&parser));
	if (*parser.at == ':') {
		parser.at++;
		parsed.verb = take_literal(&parser);
		if (parsed.verb.bytes == 0)
			return REFUSE(ST_INVALID_ARGUMENT, "the verb behind the colon is empty");
	}
	if (*parser.at != '\0')
		return REFUSE(ST_INVALID_ARGUMENT, "there is something left behind its end");
	*out = parsed;
	return STATUS_OK;
}

/* The rank of what a template has at a position; a template's end goes before everything. */
static int
rank_at(const struct template *t, size_t i)
{
	return i < t->segments_count ? 1 + (int)t->segments[i].kind : 0;
}

int
template_order(const struct template *a, const struct template *b)
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
template_is_ambiguous(const struct template *a, const struct template *b)
{
	bool a_narrower = false, b_narrower = false;

	if (!slice_equals(a->verb, b->verb))
		return false;
	for (size_t i = 0;; i++) {
		int rank_a = rank_at(a, i), rank_b = rank_at(b, i);
		/* "**" fits whatever is left, so nothing behind it tells them apart. */
		bool rest_a = rank_a == 1 + TEMPLATE_REST, rest_b = rank_b == 1 + TEMPLATE_REST;
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
		    !slice_equals(a->segments[i].text, b->segments[i].text))
			return false;
		a_narrower |= rank_a < rank_b;
		b_narrower |= rank_b < rank_a;
	}
	return a_narrower == b_narrower;
}
