/* The request message: what body, query and path say, encoded one behind the other. Encoded
 * messages merge that way, so each part only has to see that nobody said its fields before. */
#include "bridge/internal.h"

#include "base/wire.h"
#include "bridge/url.h"
#include "pbjson/pbjson.h"

#include <string.h>
#include <strings.h>

#define FIELD_DEPTH_MAX 8
#define FIELDS_TAKEN_MAX 64
#define NAME_SHOWN_BYTES_MAX 100

/* A dotted path, followed: "page.size" is the page and, in it, the size. */
struct field_path {
	const struct meta_field *steps[FIELD_DEPTH_MAX];
	size_t count;
};

/* Fields that somebody has filled. */
struct taken {
	struct field_path fields[FIELDS_TAKEN_MAX];
	size_t count;
};

static bool
field_path_follow(const struct meta_message *message, struct slice text, struct field_path *out)
{
	out->count = 0;
	for (;;) {
		const uint8_t *dot = text.bytes ? memchr(text.data, '.', text.bytes) : NULL;
		size_t bytes = dot ? (size_t)(dot - text.data) : text.bytes;
		const struct meta_field *field =
		    message ? meta_field_by_json_name(message, (const char *)text.data, bytes)
			    : NULL;

		if (!field || out->count == FIELD_DEPTH_MAX)
			return false;
		out->steps[out->count++] = field;
		if (!dot)
			return true;
		message = field->type == META_MESSAGE ? field->message : NULL;
		text = slice_of(dot + 1, text.bytes - bytes - 1);
	}
}

/* Would filling both lose one? One holds the other, or they are members of one oneof. */
static bool
field_paths_clash(const struct field_path *a, const struct field_path *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const struct meta_field *left = a->steps[i], *right = b->steps[i];
		if (left != right)
			return left->oneof >= 0 && left->oneof == right->oneof;
	}
	/* Items of a list add up. */
	return a->count != b->count || !(a->steps[a->count - 1]->flags & META_REPEATED);
}

static bool
taken_clashes(const struct taken *taken, const struct field_path *path)
{
	for (size_t i = 0; i < taken->count; i++) {
		if (field_paths_clash(&taken->fields[i], path))
			return true;
	}
	return false;
}

/* False when there is no room. */
static bool
taken_add(struct taken *taken, const struct field_path *path)
{
	if (taken->count == FIELDS_TAKEN_MAX)
		return false;
	taken->fields[taken->count++] = *path;
	return true;
}

/* "application/json", perhaps with the one charset that JSON has. */
static bool
is_json_type(const char *type)
{
	static const char name[] = "application/json";

	if (!type || strncasecmp(type, name, sizeof name - 1) != 0)
		return false;
	type += sizeof name - 1;
	type += strspn(type, " \t");
	if (*type == '\0')
		return true;
	if (*type != ';')
		return false;
	type += 1 + strspn(type + 1, " \t");
	return *type == '\0' || strcasecmp(type, "charset=utf-8") == 0 ||
	       strcasecmp(type, "charset=\"utf-8\"") == 0;
}

static status
check_body_headers(const struct http_request *request)
{
	const char *encoding = http_request_header(request, "Content-Encoding");
	size_t encodings = http_request_header_count(request, "Content-Encoding");

	if (http_request_header_count(request, "Content-Type") > 1 ||
	    !is_json_type(http_request_header(request, "Content-Type")))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE",
		    "the body must be JSON, and Content-Type say so: application/json");
	if (encodings > 1 || (encoding && strcasecmp(encoding, "identity") != 0))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE",
		    "the body must not be compressed");
	return STATUS_OK;
}

static status
add_body(struct visit *visit, struct taken *taken, struct strbuf *out)
{
	const struct route_row *row = visit->row;
	const struct slice body = visit->request->body;
	struct field_path path;

	if (row->body[0] == '\0' && body.bytes)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BODY_NOT_TAKEN",
		    "this method takes no body: say it in the path and the query");
	if (body.bytes == 0)
		return STATUS_OK;
	TRY(check_body_headers(visit->request));
	if (strcmp(row->body, "*") == 0)
		return pbjson_from_json(row->request_meta, body, &visit->arena, out);
	if (field_path_follow(row->request_meta, slice_text(row->body), &path))
		(void)taken_add(taken, &path);
	return pbjson_field_from_json(row->request_meta, row->body, body, &visit->arena, out);
}

static status
unescape_part(struct visit *visit, struct slice raw, struct slice *out)
{
	uint8_t *text = arena_alloc(&visit->arena, raw.bytes + 1);
	size_t bytes;

	if (!text)
		return ARENA_EXHAUSTED;
	if (!url_unescape(raw, URL_PLUS_IS_BLANK, text, &bytes))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_QUERY",
		    "the query has a percent sign that escapes nothing");
	text[bytes] = '\0';
	*out = slice_of(text, bytes);
	if (memchr(text, 0, bytes) || !utf8_is_valid(*out))
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "MALFORMED_QUERY", "the query is not UTF-8, or has a NUL");
	return STATUS_OK;
}

static status
add_parameter(struct visit *visit, struct slice pair, struct taken *taken, struct strbuf *out)
{
	const struct meta_message *meta = visit->row->request_meta;
	const uint8_t *equals = memchr(pair.data, '=', pair.bytes);
	size_t name_bytes = equals ? (size_t)(equals - pair.data) : pair.bytes;
	struct slice name, shown, value = SLICE_NONE;
	struct field_path path;

	TRY(unescape_part(visit, slice_of(pair.data, name_bytes), &name));
	if (equals)
		TRY(unescape_part(
		    visit, slice_of(equals + 1, pair.bytes - name_bytes - 1), &value));
	shown = utf8_start(name, NAME_SHOWN_BYTES_MAX);
	if (strcmp(visit->row->body, "*") == 0 || !field_path_follow(meta, name, &path))
		return arena_refuse(&visit->arena, ST_INVALID_ARGUMENT, "UNKNOWN_PARAMETER",
		    "the query has a parameter \"%.*s\", which this method does not take",
		    (int)shown.bytes, (const char *)shown.data);
	if (taken_clashes(taken, &path))
		return arena_refuse(&visit->arena, ST_INVALID_ARGUMENT, "REPEATED_PARAMETER",
		    "the query's parameter \"%.*s\" is said elsewhere already", (int)shown.bytes,
		    (const char *)shown.data);
	if (!taken_add(taken, &path))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "TOO_MANY_PARAMETERS",
		    "the path and the query have more than 64 parameters");
	return pbjson_field_from_text(meta, (const char *)name.data, value, &visit->arena, out);
}

static status
add_query(struct visit *visit, struct taken *taken, struct strbuf *out)
{
	const char *query = visit->request->query;

	while (*query) {
		size_t bytes = strcspn(query, "&");

		if (bytes)
			TRY(add_parameter(visit, slice_of(query, bytes), taken, out));
		query += bytes + (query[bytes] == '&');
	}
	return STATUS_OK;
}

/* The value at the end of a path through an encoded message; false: it is not there. */
static bool
find_value(struct slice message, const struct field_path *path, struct wire_field *out)
{
	for (size_t i = 0; i < path->count; i++) {
		struct wire_reader reader = wire_reader_of(message);
		struct wire_field field = {0};
		bool found = false;

		while (wire_next(&reader, &field)) {
			if (field.number != path->steps[i]->number)
				continue;
			*out = field;
			found = true;
		}
		if (!found)
			return false;
		message = out->bytes;
	}
	return true;
}

/* Of a field that was read only the half that its type names says something: the other is as the
 * field before has left it. */
static bool
values_are_same(const struct wire_field *a, const struct wire_field *b)
{
	if (a->type != b->type)
		return false;
	return a->type == WIRE_BYTES ? slice_equals(a->bytes, b->bytes) : a->value == b->value;
}

/* The path comes last, so it would win against a body that says something else: refuse that. */
static status
add_capture(
    struct visit *visit, const struct route_capture *capture, size_t body_bytes, struct strbuf *out)
{
	const struct meta_message *meta = visit->row->request_meta;
	struct wire_field in_path = {0}, in_body = {0};
	struct field_path path;
	size_t at = out->bytes;
	bool same;

	if (!field_path_follow(meta, slice_text(capture->field), &path))
		return REFUSE(ST_INTERNAL, "a route names a field that is not there");
	TRY(pbjson_field_from_text(meta, capture->field, capture->value, &visit->arena, out));
	if (!find_value(slice_of(out->data, body_bytes), &path, &in_body))
		return STATUS_OK;
	/* A zero without presence is not encoded: then the body's, which is, differs. */
	same = find_value(slice_of(out->data + at, out->bytes - at), &path, &in_path) &&
	       values_are_same(&in_path, &in_body);
	if (!same)
		return arena_refuse(&visit->arena, ST_INVALID_ARGUMENT, "PATH_AND_BODY_DIFFER",
		    "%s: the body says another value than the path",
		    path.steps[path.count - 1]->json_name);
	return STATUS_OK;
}

static status
add_all(struct visit *visit, const struct route_match *match, struct strbuf *out)
{
	/* Here and not in the arena, which would clear all of it, twice. */
	struct taken taken;
	struct field_path path;
	size_t body_bytes;

	taken.count = 0;
	TRY(add_body(visit, &taken, out));
	body_bytes = out->bytes;
	for (size_t i = 0; i < match->captures_count; i++) {
		const char *field = match->captures[i].field;
		if (field_path_follow(visit->row->request_meta, slice_text(field), &path))
			(void)taken_add(&taken, &path);
	}
	TRY(add_query(visit, &taken, out));
	for (size_t i = 0; i < match->captures_count; i++)
		TRY(add_capture(visit, &match->captures[i], body_bytes, out));
	return STATUS_OK;
}

status
message_build(struct visit *visit, const struct route_match *match, struct strbuf *out)
{
	status built = add_all(visit, match, out);

	if (out->failed)
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
		    "the request is larger than the method takes");
	return built;
}
