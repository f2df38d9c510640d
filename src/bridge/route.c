#include "bridge/route.h"

#include "base/path_template.h"
#include "bridge/url.h"

#include <stdlib.h>
#include <string.h>

#define ROUTE_TABLE_BYTES_MAX (4u << 20)
#define PATH_SEGMENTS_MAX 64

struct route {
	const struct route_row *row;
	struct path_template path;
};

struct route_table {
	struct arena arena;
	struct route *routes; /* in the order in which they are tried */
	size_t count;
};

static status
complain(struct strbuf *message, const struct route_row *row, const char *what, const char *detail)
{
	strbuf_add_format(
	    message, "%s %s (%s): %s%s", row->verb, row->path, row->method, what, detail);
	return REFUSE(ST_INVALID_ARGUMENT, "a route can't be served");
}

/* The field that a dotted path leads to, or NULL. */
static const struct meta_field *
find_field(const struct meta_message *message, const char *path)
{
	const struct meta_field *field = NULL;

	while (*path) {
		size_t bytes = strcspn(path, ".");
		if (!message)
			return NULL;
		field = meta_field_by_json_name(message, path, bytes);
		if (!field)
			return NULL;
		message = field->type == META_MESSAGE ? field->message : NULL;
		path += bytes;
		path += *path == '.';
	}
	return field;
}

static status
check_fields(const struct route *route, struct strbuf *message)
{
	const struct route_row *row = route->row;

	if (!row->request_meta)
		return STATUS_OK;
	for (size_t i = 0; i < route->path.variables_count; i++) {
		const char *name = route->path.variables[i].field;
		const struct meta_field *field = find_field(row->request_meta, name);
		if (!field)
			return complain(message, row, "the request has no field ", name);
		if ((field->flags & META_REPEATED) || field->type == META_MESSAGE ||
		    field->type == META_BYTES)
			return complain(message, row, "a path can't fill the field ", name);
	}
	if (row->body[0] && strcmp(row->body, "*") != 0 &&
	    !find_field(row->request_meta, row->body))
		return complain(message, row, "the request has no field ", row->body);
	return STATUS_OK;
}

static int
order_routes(const void *a, const void *b)
{
	const struct route *left = a, *right = b;
	int order = path_template_order(&left->path, &right->path);

	/* Rows are in one array, so equals keep the order of the .proto files. */
	return order ? order : (left->row > right->row) - (left->row < right->row);
}

static status
check_ambiguity(const struct route_table *table, struct strbuf *message)
{
	for (size_t i = 0; i < table->count; i++) {
		for (size_t j = i + 1; j < table->count; j++) {
			const struct route *a = &table->routes[i], *b = &table->routes[j];
			if (strcmp(a->row->verb, b->row->verb) == 0 &&
			    path_template_is_ambiguous(&a->path, &b->path))
				return complain(message, a->row,
				    "a path could mean this as well as ", b->row->path);
		}
	}
	return STATUS_OK;
}

static status
table_fill(
    struct route_table *table, const struct route_row *rows, size_t count, struct strbuf *message)
{
	table->routes = arena_alloc(&table->arena, count * sizeof(struct route));
	if (!table->routes)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		struct route *route = &table->routes[i];
		route->row = &rows[i];
		status parsed = path_template_parse(&table->arena, rows[i].path, &route->path);
		if (parsed.code == ST_INVALID_ARGUMENT)
			return complain(message, &rows[i], parsed.message, "");
		TRY(parsed);
		TRY(check_fields(route, message));
	}
	table->count = count;
	qsort(table->routes, count, sizeof(struct route), order_routes);
	return check_ambiguity(table, message);
}

status
route_table_new(const struct route_row *rows, size_t rows_count, struct route_table **out,
    struct strbuf *message)
{
	struct route_table *table = calloc(1, sizeof(*table));

	if (!table)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the routes");
	status made = arena_init(&table->arena, 16u << 10, ROUTE_TABLE_BYTES_MAX);
	if (made.code != ST_OK) {
		free(table);
		return made;
	}
	made = table_fill(table, rows, rows_count, message);
	if (made.code != ST_OK) {
		route_table_free(&table);
		return made;
	}
	*out = table;
	return STATUS_OK;
}

void
route_table_free(struct route_table **table)
{
	if (!*table)
		return;
	arena_done(&(*table)->arena);
	free(*table);
	*table = NULL;
}

struct path {
	struct slice segments[PATH_SEGMENTS_MAX];
	size_t count;
};

/* "." and "..", escaped or not: another server on the way may have followed them. */
static bool
is_dots(struct slice segment)
{
	uint8_t plain[6];
	size_t bytes;

	if (segment.bytes > sizeof(plain) || !url_unescape(segment, 0, plain, &bytes))
		return false;
	return (bytes == 1 && plain[0] == '.') ||
	       (bytes == 2 && plain[0] == '.' && plain[1] == '.');
}

/* Cut at the slashes; *fits is false for a path that no template can fit. */
static status
path_split(const char *text, struct path *path, bool *fits)
{
	*fits = *text == '/';
	path->count = 0;
	while (*text == '/') {
		size_t bytes = strcspn(++text, "/");
		struct slice segment = slice_of(text, bytes);
		if (is_dots(segment))
			return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_PATH",
			    "the path has a segment of dots");
		if (bytes == 0 || path->count == PATH_SEGMENTS_MAX)
			*fits = false;
		else
			path->segments[path->count++] = segment;
		text += bytes;
	}
	return STATUS_OK;
}

/* Does the path fit? On the way *last gets the path's last segment without the template's verb. */
static bool
template_fits(const struct path_template *template, const struct path *path, struct slice *last)
{
	size_t count = template->segments_count;
	bool has_rest = template->segments[count - 1].kind == SEGMENT_REST;

	if (path->count == 0 || (has_rest ? path->count < count - 1 : path->count != count))
		return false;
	*last = path->segments[path->count - 1];
	if (template->verb.bytes) {
		size_t verb_bytes = template->verb.bytes;
		if (last->bytes < verb_bytes + 2 ||
		    last->data[last->bytes - verb_bytes - 1] != ':' ||
		    memcmp(last->data + last->bytes - verb_bytes, template->verb.data,
			verb_bytes) != 0)
			return false;
		last->bytes -= verb_bytes + 1;
	}
	for (size_t i = 0; i < count && template->segments[i].kind != SEGMENT_REST; i++) {
		struct slice segment = i + 1 == path->count ? *last : path->segments[i];
		if (template->segments[i].kind == SEGMENT_LITERAL &&
		    !slice_equals(segment, template->segments[i].literal))
			return false;
	}
	return true;
}

static status
capture(const struct path_template *template, const struct path_variable *variable,
    const struct path *path, struct slice last, struct arena *arena, struct route_capture *out)
{
	size_t first = variable->segment_first, end = first + variable->segments_count;
	bool has_rest = template->segments[end - 1].kind == SEGMENT_REST;
	bool is_many = has_rest || variable->segments_count > 1;
	const uint8_t *begin, *stop;
	struct slice raw = SLICE_NONE;
	uint8_t *value;
	size_t bytes;

	if (has_rest)
		end = path->count;
	if (end > first) {
		begin = path->segments[first].data;
		stop = end == path->count
			   ? last.data + last.bytes
			   : path->segments[end - 1].data + path->segments[end - 1].bytes;
		raw = slice_of(begin, (size_t)(stop - begin));
	}
	value = arena_alloc(arena, raw.bytes + 1);
	if (!value)
		return ARENA_EXHAUSTED;
	if (!url_unescape(raw, is_many ? URL_KEEP_SLASH : 0, value, &bytes))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_PATH",
		    "the path has a percent sign that escapes nothing");
	value[bytes] = '\0';
	out->field = variable->field;
	out->value = slice_of(value, bytes);
	if (memchr(value, 0, bytes) || !utf8_is_valid(out->value))
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "MALFORMED_PATH", "the path is not UTF-8, or has a NUL");
	return STATUS_OK;
}

static status
captures_take(const struct route *route, const struct path *path, struct slice last,
    struct arena *arena, struct route_match *match)
{
	const struct path_template *template = &route->path;

	for (size_t i = 0; i < template->variables_count; i++)
		TRY(capture(
		    template, &template->variables[i], path, last, arena, &match->captures[i]));
	match->captures_count = template->variables_count;
	return STATUS_OK;
}

/* "GET, PUT": each verb once. */
static void
allow_add(char allow[ROUTE_ALLOW_BYTES], const char *verb)
{
	size_t bytes = strlen(allow), verb_bytes = strlen(verb);

	for (const char *at = allow; (at = strstr(at, verb)); at += verb_bytes) {
		if ((at == allow || at[-1] == ' ') && (at[verb_bytes] == ',' || !at[verb_bytes]))
			return;
	}
	if (bytes + verb_bytes + 3 > ROUTE_ALLOW_BYTES)
		return;
	strcat(allow, bytes ? ", " : "");
	strcat(allow, verb);
	if (strcmp(verb, "GET") == 0)
		allow_add(allow, "HEAD");
}

status
route_table_match(const struct route_table *table, const char *verb, const char *path_text,
    struct arena *arena, struct route_match *out)
{
	struct route_match match = {.outcome = ROUTE_UNKNOWN};
	struct path path;
	bool fits, custom = false;

	TRY(path_split(path_text, &path, &fits));
	for (size_t i = 0; fits && i < table->count; i++) {
		const struct route *route = &table->routes[i];
		struct slice last;
		/* "/chatbots/x:resolve" is never the chatbot of that name. */
		if (custom && route->path.verb.bytes == 0)
			break;
		if (!template_fits(&route->path, &path, &last))
			continue;
		custom |= route->path.verb.bytes > 0;
		if (strcmp(route->row->verb, verb) != 0) {
			match.outcome = ROUTE_NOT_ALLOWED;
			allow_add(match.allow, route->row->verb);
			continue;
		}
		match.outcome = ROUTE_FOUND;
		match.row = route->row;
		TRY(captures_take(route, &path, last, arena, &match));
		break;
	}
	*out = match;
	return STATUS_OK;
}
