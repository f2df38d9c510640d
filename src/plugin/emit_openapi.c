/* gen/openapi.json: OpenAPI 3.1 of the bridge's routes. */
#include "plugin/emit.h"

#include "plugin/names.h"
#include "plugin/openapi_schema.h"

#include <ctype.h>
#include <stdio.h>

#define PATH_BYTES_MAX 512
#define URL_BYTES_MAX (64u << 10)
#define COMMENT_BYTES_MAX (64u << 10)
#define REVISION_TEXT_BYTES 22 /* 16 bytes in base64url */

/* "/v1/users/{user_id}/x" as "/v1/users/{userId}/x": OpenAPI knows no patterns inside of braces, so
 * a variable's literals stand in front of it. */
static status
url_of(struct arena *arena, const struct path_template *path, struct strbuf *out)
{
	strbuf_reset(out);
	for (size_t i = 0; i < path->segments_count; i++) {
		const struct path_segment *segment = &path->segments[i];
		strbuf_add_char(out, '/');
		if (segment->kind == SEGMENT_LITERAL) {
			strbuf_add(out, segment->literal.data, segment->literal.bytes);
		} else if (segment->variable < 0) {
			strbuf_add_format(out, "{segment%zu}", i);
		} else {
			const char *name;
			TRY(name_json(arena, path->variables[segment->variable].field, &name));
			strbuf_add_format(out, "{%s}", name);
		}
	}
	if (!path->segments_count)
		strbuf_add_char(out, '/');
	if (path->verb.bytes) {
		strbuf_add_char(out, ':');
		strbuf_add(out, path->verb.data, path->verb.bytes);
	}
	return strbuf_status(out);
}

/* The first sentence of a comment, or the method's name. */
static const char *
summary_of(struct arena *arena, const struct model_method *method)
{
	const char *comment = method->place.comment;
	size_t n = 0;

	while (comment[n] &&
	       !(comment[n] == '.' && (!comment[n + 1] || isspace((unsigned char)comment[n + 1]))))
		n++;
	char *text = arena_copy(arena, n ? comment : method->name, n ? n : strlen(method->name));
	for (char *c = text; c && *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	return text ? text : "";
}

static void
add_description(struct doc *doc, const struct model_method *method)
{
	struct strbuf text;

	strbuf_init(&text, COMMENT_BYTES_MAX);
	if (*method->place.comment)
		strbuf_add_format(&text, "%s\n\n", method->place.comment);
	strbuf_add_text(&text, "Access: ");
	for (size_t i = 0; i < method->rules->n_access; i++) {
		strbuf_add_text(&text, i ? "; or " : "");
		emit_access_text(&text, method->rules->access[i]);
	}
	strbuf_add_text(&text, ".");
	doc_text(doc, "description", strbuf_text(&text));
	strbuf_done(&text);
}

static void
add_scheme(struct doc *doc, const char *name)
{
	doc_open(doc, NULL, '{');
	doc_open(doc, name, '[');
	doc_close(doc, ']');
	doc_close(doc, '}');
}

static void
add_security(struct doc *doc, const struct model_method *method)
{
	bool by_login = false, by_key = false;

	for (size_t i = 0; i < method->rules->n_access; i++) {
		Usher__V1__AccessRule__RuleCase rule = method->rules->access[i]->rule_case;
		by_key = by_key || rule == USHER__V1__ACCESS_RULE__RULE_KEY;
		by_login = by_login || (rule != USHER__V1__ACCESS_RULE__RULE_KEY &&
					   rule != USHER__V1__ACCESS_RULE__RULE_PUBLIC);
	}
	doc_open(doc, "security", '[');
	if (by_login)
		add_scheme(doc, "bearer");
	if (by_key)
		add_scheme(doc, "apiKey");
	doc_close(doc, ']');
}

static status
add_path_parameters(struct doc *doc, struct arena *arena, const struct model_route *route)
{
	const struct path_template *path = &route->path;

	for (size_t i = 0; i < path->variables_count; i++) {
		const char *name;
		TRY(name_json(arena, path->variables[i].field, &name));
		doc_open(doc, NULL, '{');
		doc_text(doc, "name", name);
		doc_text(doc, "in", "path");
		doc_true(doc, "required");
		doc_open(doc, "schema", '{');
		schema_of_field(
		    doc, model_field_find_path(route->method->request, path->variables[i].field));
		doc_close(doc, '}');
		doc_close(doc, '}');
	}
	for (size_t i = 0; i < path->segments_count; i++) {
		char name[32];
		if (path->segments[i].kind == SEGMENT_LITERAL || path->segments[i].variable >= 0)
			continue;
		snprintf(name, sizeof name, "segment%zu", i);
		doc_open(doc, NULL, '{');
		doc_text(doc, "name", name);
		doc_text(doc, "in", "path");
		doc_true(doc, "required");
		doc_open(doc, "schema", '{');
		doc_text(doc, "type", "string");
		doc_close(doc, '}');
		doc_close(doc, '}');
	}
	return STATUS_OK;
}

/* prefix and json_prefix: path of the message with a dot behind, or "". Ends, since the model has
 * refused what nests without end. */
static void
add_query_parameters(struct doc *doc, const struct model_route *route,
    const struct model_message *message, const char *prefix, const char *json_prefix)
{
	char path[PATH_BYTES_MAX], json[PATH_BYTES_MAX];

	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		bool nests = field->message && field->message->well_known == META_PLAIN;
		snprintf(path, sizeof path, "%.200s%.200s", prefix, field->name);
		snprintf(json, sizeof json, "%.200s%.200s", json_prefix, field->json_name);
		if (model_route_has_variable(route, path) || strcmp(route->body, path) == 0)
			continue;
		if (nests) {
			strcat(path, ".");
			strcat(json, ".");
			add_query_parameters(doc, route, field->message, path, json);
			continue;
		}
		doc_open(doc, NULL, '{');
		doc_text(doc, "name", json);
		doc_text(doc, "in", "query");
		if (field->rules->required)
			doc_true(doc, "required");
		doc_open(doc, "schema", '{');
		schema_of_field(doc, field);
		doc_close(doc, '}');
		doc_close(doc, '}');
	}
}

static bool
takes_org(const struct model_method *method)
{
	for (size_t i = 0; i < method->rules->n_access; i++) {
		if (method->rules->access[i]->rule_case == USHER__V1__ACCESS_RULE__RULE_PLATFORM)
			return true;
	}
	return false;
}

static void
add_parameter_ref(struct doc *doc, const char *name)
{
	doc_open(doc, NULL, '{');
	doc_ref(doc, "parameters", name);
	doc_close(doc, '}');
}

static status
add_parameters(struct doc *doc, struct arena *arena, const struct model_route *route)
{
	doc_open(doc, "parameters", '[');
	TRY(add_path_parameters(doc, arena, route));
	if (model_route_has_query(route))
		add_query_parameters(doc, route, route->method->request, "", "");
	if (route->method->rules->idempotent_by_key)
		add_parameter_ref(doc, "IdempotencyKey");
	if (takes_org(route->method))
		add_parameter_ref(doc, "Org");
	add_parameter_ref(doc, "Revision");
	doc_close(doc, ']');
	return STATUS_OK;
}

static void
open_json_content(struct doc *doc, const char *type)
{
	doc_open(doc, "content", '{');
	doc_open(doc, type, '{');
	doc_open(doc, "schema", '{');
}

static void
close_json_content(struct doc *doc)
{
	for (int i = 0; i < 3; i++)
		doc_close(doc, '}');
}

static void
add_body(struct doc *doc, const struct model_route *route)
{
	const struct model_message *request = route->method->request;

	if (!*route->body)
		return;
	doc_open(doc, "requestBody", '{');
	doc_true(doc, "required");
	open_json_content(doc, "application/json");
	if (strcmp(route->body, "*") != 0)
		schema_of_field(doc, model_field_find(request, route->body));
	else if (route->path.variables_count && request->well_known == META_PLAIN)
		schema_of_message(doc, request, route);
	else
		schema_ref(doc, request);
	close_json_content(doc);
	doc_close(doc, '}');
}

static void
add_header_ref(struct doc *doc, const char *header, const char *name)
{
	doc_open(doc, header, '{');
	doc_ref(doc, "headers", name);
	doc_close(doc, '}');
}

static void
add_reply_headers(struct doc *doc, const Usher__V1__MethodRules *rules)
{
	bool writes = rules->effect != USHER__V1__EFFECT__EFFECT_READ || *rules->write_with;

	if (!writes && !rules->idempotent_by_key)
		return;
	doc_open(doc, "headers", '{');
	if (writes)
		add_header_ref(doc, "Usher-Revision", "Revision");
	if (rules->idempotent_by_key)
		add_header_ref(doc, "Idempotent-Replayed", "Replayed");
	doc_close(doc, '}');
}

static void
add_responses(struct doc *doc, const struct model_route *route)
{
	char code[16];

	snprintf(code, sizeof code, "%u", (unsigned)route->success_status);
	doc_open(doc, "responses", '{');
	doc_open(doc, code, '{');
	doc_text(doc, "description", "Done.");
	add_reply_headers(doc, route->method->rules);
	open_json_content(doc, "application/json");
	schema_ref(doc, route->method->reply);
	close_json_content(doc);
	doc_close(doc, '}');
	doc_open(doc, "default", '{');
	doc_ref(doc, "responses", "Problem");
	doc_close(doc, '}');
	doc_close(doc, '}');
}

static status
add_operation(struct doc *doc, struct arena *arena, const struct model_route *route)
{
	const struct model_method *method = route->method;
	size_t index = (size_t)(route - method->routes);
	char verb[8], id[256], number[24] = "";

	snprintf(verb, sizeof verb, "%s", route->verb);
	for (char *c = verb; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	/* A method's further routes are numbered from 2. */
	if (index)
		snprintf(number, sizeof number, "%zu", index + 1);
	snprintf(
	    id, sizeof id, "%.100s_%.100s%s", method->service->short_name, method->name, number);

	doc_open(doc, verb, '{');
	doc_text(doc, "operationId", id);
	doc_open(doc, "tags", '[');
	doc_text(doc, NULL, method->service->short_name);
	doc_close(doc, ']');
	doc_text(doc, "summary", summary_of(arena, method));
	add_description(doc, method);
	TRY(add_parameters(doc, arena, route));
	add_body(doc, route);
	add_responses(doc, route);
	add_security(doc, method);
	doc_close(doc, '}');
	return STATUS_OK;
}

/* The n-th of all routes, or NULL. */
static const struct model_route *
route_at(const struct model *model, size_t n)
{
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t m = 0; m < model->services[s].methods_count; m++) {
			const struct model_method *method = &model->services[s].methods[m];
			if (n < method->routes_count)
				return &method->routes[n];
			n -= method->routes_count;
		}
	}
	return NULL;
}

/* Routes of one path and different verbs go into one member. url is for the function's own use. */
static status
add_paths(struct doc *doc, const struct model *model, struct strbuf *url)
{
	const struct model_route *route, *other;

	doc_open(doc, "paths", '{');
	for (size_t i = 0; (route = route_at(model, i)); i++) {
		bool is_done = false;
		for (size_t k = 0; k < i; k++)
			is_done = is_done ||
				  path_template_same_shape(&route_at(model, k)->path, &route->path);
		if (is_done)
			continue;
		TRY(url_of(model->arena, &route->path, url));
		doc_open(doc, strbuf_text(url), '{');
		for (size_t k = i; (other = route_at(model, k)); k++) {
			if (path_template_same_shape(&other->path, &route->path))
				TRY(add_operation(doc, model->arena, other));
		}
		doc_close(doc, '}');
	}
	doc_close(doc, '}');
	return STATUS_OK;
}

/* What the bridge reads in a request's headers, and writes into a reply's. */
struct header_doc {
	const char *name; /* of the component */
	const char *header;
	const char *description;
	const char *type, *format;  /* format: or NULL */
	int length_min, length_max; /* 0: not said */
};

static const struct header_doc request_headers[] = {
    {.name = "IdempotencyKey",
	.header = "Idempotency-Key",
	.description = "16 to 128 random characters. A repeat under the same key gets the first "
		       "answer again.",
	.type = "string",
	.length_min = 16,
	.length_max = 128},
    {.name = "Org",
	.header = "Usher-Org",
	.description = "The organisation to act in; for operators of the platform alone. Without "
		       "it: the one that is active in their session, and for operations the "
		       "platform's own.",
	.type = "string",
	.format = "uuid"},
    {.name = "Revision",
	.header = "Usher-Revision",
	.description = "As it came in a reply: the answer is from no state older than that.",
	.type = "string",
	.length_min = REVISION_TEXT_BYTES,
	.length_max = REVISION_TEXT_BYTES},
};

static const struct header_doc reply_headers[] = {
    {.name = "Revision",
	.header = "Usher-Revision",
	.description = "The state that contains what was written.",
	.type = "string",
	.length_min = REVISION_TEXT_BYTES,
	.length_max = REVISION_TEXT_BYTES},
    {.name = "Replayed",
	.header = "Idempotent-Replayed",
	.description = "\"true\": the first answer under that idempotency key, given again.",
	.type = "string"},
    {.name = "RetryAfter",
	.header = "Retry-After",
	.description = "Seconds after which to come again, where that is known.",
	.type = "integer"},
};

static void
add_header_schema(struct doc *doc, const struct header_doc *header)
{
	doc_text(doc, "description", header->description);
	doc_open(doc, "schema", '{');
	doc_text(doc, "type", header->type);
	if (header->format)
		doc_text(doc, "format", header->format);
	if (header->length_min)
		doc_number(doc, "minLength", header->length_min);
	if (header->length_max)
		doc_number(doc, "maxLength", header->length_max);
	doc_close(doc, '}');
}

static void
add_header_components(struct doc *doc)
{
	doc_open(doc, "parameters", '{');
	for (size_t i = 0; i < sizeof request_headers / sizeof request_headers[0]; i++) {
		doc_open(doc, request_headers[i].name, '{');
		doc_text(doc, "name", request_headers[i].header);
		doc_text(doc, "in", "header");
		add_header_schema(doc, &request_headers[i]);
		doc_close(doc, '}');
	}
	doc_close(doc, '}');
	doc_open(doc, "headers", '{');
	for (size_t i = 0; i < sizeof reply_headers / sizeof reply_headers[0]; i++) {
		doc_open(doc, reply_headers[i].name, '{');
		add_header_schema(doc, &reply_headers[i]);
		doc_close(doc, '}');
	}
	doc_close(doc, '}');
}

static void
add_components(struct doc *doc)
{
	add_header_components(doc);

	doc_open(doc, "responses", '{');
	doc_open(doc, "Problem", '{');
	doc_text(doc, "description", "It was refused, or failed.");
	doc_open(doc, "headers", '{');
	add_header_ref(doc, "Retry-After", "RetryAfter");
	doc_close(doc, '}');
	open_json_content(doc, "application/problem+json");
	doc_ref(doc, "schemas", "Problem");
	close_json_content(doc);
	doc_close(doc, '}');
	doc_close(doc, '}');

	doc_open(doc, "securitySchemes", '{');
	doc_open(doc, "bearer", '{');
	doc_text(doc, "type", "http");
	doc_text(doc, "scheme", "bearer");
	doc_text(doc, "description",
	    "A user's access token. Beside an API key it narrows the key to that user.");
	doc_close(doc, '}');
	doc_open(doc, "apiKey", '{');
	doc_text(doc, "type", "apiKey");
	doc_text(doc, "in", "header");
	doc_text(doc, "name", "X-API-Key");
	doc_text(doc, "description", "The key of a chatbot or a service.");
	doc_close(doc, '}');
	doc_close(doc, '}');
}

static void
add_head(struct doc *doc, const struct model *model)
{
	doc_text(doc, "openapi", "3.1.0");
	doc_open(doc, "info", '{');
	doc_text(doc, "title", "usher");
	doc_text(doc, "version", "v1");
	doc_text(doc, "summary", "Who is this, what may they do, and what should the model know?");
	doc_close(doc, '}');
	doc_open(doc, "servers", '[');
	doc_open(doc, NULL, '{');
	doc_text(doc, "url", "/");
	doc_close(doc, '}');
	doc_close(doc, ']');
	doc_open(doc, "tags", '[');
	for (size_t i = 0; i < model->services_count; i++) {
		const struct model_service *service = &model->services[i];
		doc_open(doc, NULL, '{');
		doc_text(doc, "name", service->short_name);
		if (*service->place.comment)
			doc_text(doc, "description", service->place.comment);
		doc_close(doc, '}');
	}
	doc_close(doc, ']');
}

static status
add_document(struct strbuf *out, const struct model *model, struct strbuf *url)
{
	struct doc doc = {.out = out};

	doc_open(&doc, NULL, '{');
	add_head(&doc, model);
	TRY(add_paths(&doc, model, url));
	doc_open(&doc, "components", '{');
	TRY(schema_components(&doc, model));
	add_components(&doc);
	doc_close(&doc, '}');
	doc_close(&doc, '}');
	strbuf_add_char(out, '\n');
	return STATUS_OK;
}

status
emit_openapi(const struct model *model, struct output *output)
{
	struct strbuf out, url;

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_init(&url, URL_BYTES_MAX);
	status result = add_document(&out, model, &url);
	strbuf_done(&url);
	if (result.code != ST_OK) {
		strbuf_done(&out);
		return result;
	}
	return output_add(output, "openapi.json", &out);
}
