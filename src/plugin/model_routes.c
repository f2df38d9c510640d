/* The http option: rows, and what they may not be. */
#include "plugin/model.h"

#include <stdio.h>

typedef Usher__V1__HttpRule http_rule;

static bool
take_pattern(const http_rule *rule, const char **verb, const char **path)
{
	switch (rule->pattern_case) {
	case USHER__V1__HTTP_RULE__PATTERN_GET:
		*verb = "GET";
		*path = rule->get;
		return true;
	case USHER__V1__HTTP_RULE__PATTERN_PUT:
		*verb = "PUT";
		*path = rule->put;
		return true;
	case USHER__V1__HTTP_RULE__PATTERN_POST:
		*verb = "POST";
		*path = rule->post;
		return true;
	case USHER__V1__HTTP_RULE__PATTERN_DELETE:
		*verb = "DELETE";
		*path = rule->delete_;
		return true;
	case USHER__V1__HTTP_RULE__PATTERN_PATCH:
		*verb = "PATCH";
		*path = rule->patch;
		return true;
	default:
		return false;
	}
}

static const char *
body_of(const http_rule *rule, const char *verb)
{
	if (strcmp(rule->body, "-") == 0)
		return "";
	if (*rule->body)
		return rule->body;
	return strcmp(verb, "GET") == 0 || strcmp(verb, "DELETE") == 0 ? "" : "*";
}

static status
read_route(struct model *model, struct model_method *method, const http_rule *rule)
{
	struct model_route route = {.method = method};
	const char *path;

	if (!take_pattern(rule, &route.verb, &path)) {
		model_refuse(model, &method->place, "http",
		    "one of get, put, post, delete and patch is needed");
		return STATUS_OK;
	}
	route.body = body_of(rule, route.verb);
	route.success_status = rule->success_status ? rule->success_status : 200;
	status parsed = path_template_parse(model->arena, path, &route.path);
	if (parsed.code == ST_INVALID_ARGUMENT) {
		model_refuse(model, &method->place, "http", "%s", parsed.message);
		return STATUS_OK;
	}
	TRY(parsed);
	method->routes[method->routes_count++] = route;
	return STATUS_OK;
}

status
model_routes_read(struct model *model, struct model_method *method)
{
	const http_rule *http = method->rules->http;

	if (!http)
		return STATUS_OK;
	method->routes =
	    arena_alloc(model->arena, (http->n_additional_bindings + 1) * sizeof method->routes[0]);
	if (!method->routes)
		return ARENA_EXHAUSTED;
	TRY(read_route(model, method, http));
	for (size_t i = 0; i < http->n_additional_bindings; i++) {
		TRY(read_route(model, method, http->additional_bindings[i]));
		if (http->additional_bindings[i]->n_additional_bindings)
			model_refuse(model, &method->place, "http",
			    "a further binding has further bindings");
	}
	return STATUS_OK;
}

bool
model_route_has_variable(const struct model_route *route, const char *path)
{
	for (size_t i = 0; i < route->path.variables_count; i++) {
		if (strcmp(route->path.variables[i].field, path) == 0)
			return true;
	}
	return false;
}

bool
model_route_has_query(const struct model_route *route)
{
	return strcmp(route->body, "*") != 0;
}

/* Where a bare text may go is the bridge's to say: bridge/route.c has it for paths, and
 * pbjson_field_from_text() for queries. */
static bool
fits_in_path(const struct model_field *field)
{
	return field->type != META_BYTES && field->type != META_MESSAGE &&
	       !(field->flags & (META_REPEATED | META_JSON));
}

static bool
fits_in_query(const struct model_field *field)
{
	if (field->flags & (META_MAP | META_JSON))
		return false;
	return !field->message || (field->message->well_known != META_PLAIN &&
				      field->message->well_known != META_EMPTY);
}

/* The path is put behind the body, so it would win against another member that the body names.
 * The path must lead to a field. */
static bool
goes_through_oneof(const struct model_message *message, const char *path)
{
	for (;;) {
		const struct model_field *field = model_field_step(message, &path);
		if (field->oneof >= 0)
			return true;
		if (!*path)
			return false;
		message = field->message;
		path++;
	}
}

static void
check_variables(struct model *model, const struct model_route *route)
{
	const struct model_place *place = &route->method->place;
	const struct model_message *request = route->method->request;

	for (size_t i = 0; i < route->path.variables_count; i++) {
		const char *name = route->path.variables[i].field;
		const struct model_field *field = model_field_find_path(request, name);
		if (!field)
			model_refuse(model, place, "http", "path \"%s\": %s has no field \"%s\"",
			    route->path.text, request->short_name, name);
		else if (!fits_in_path(field))
			model_refuse(model, place, "http",
			    "path \"%s\": field \"%s\" is no single value", route->path.text, name);
		else if (goes_through_oneof(request, name))
			model_refuse(model, place, "http",
			    "path \"%s\": field \"%s\" is in a oneof", route->path.text, name);
		else if (field->flags & META_SECRET)
			model_refuse(model, place, "http",
			    "path \"%s\": field \"%s\" is secret, and paths are logged",
			    route->path.text, name);
	}
}

/* prefix is the path of the message, with a dot behind it, or "". */
static void
check_query_fields(struct model *model, const struct model_route *route,
    const struct model_message *message, const char *prefix, int depth)
{
	const struct model_place *place = &route->method->place;
	char path[256];

	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		bool is_list = (field->flags & META_REPEATED) != 0;
		bool nests = field->message && field->message->well_known == META_PLAIN;
		snprintf(path, sizeof path, "%s%s", prefix, field->name);
		if (model_route_has_variable(route, path) || strcmp(route->body, path) == 0)
			continue;
		if (field->flags & META_SECRET) {
			model_refuse(model, place, "http",
			    "field \"%s\" is secret, and would be in the query", path);
		} else if (nests && !is_list && depth > 0) {
			strncat(path, ".", sizeof path - strlen(path) - 1);
			check_query_fields(model, route, field->message, path, depth - 1);
		} else if (!fits_in_query(field)) {
			model_refuse(model, place, "http",
			    "field \"%s%s\" can't be in the query: name a body", prefix,
			    field->name);
		}
	}
}

static void
check_body(struct model *model, const struct model_route *route)
{
	const struct model_place *place = &route->method->place;

	if (!*route->body)
		return;
	if (strcmp(route->verb, "GET") == 0)
		model_refuse(model, place, "http", "GET has no body");
	if (strcmp(route->body, "*") == 0)
		return;
	if (!model_field_find(route->method->request, route->body))
		model_refuse(model, place, "http", "body: %s has no field \"%s\"",
		    route->method->request->short_name, route->body);
	else if (model_route_has_variable(route, route->body))
		model_refuse(
		    model, place, "http", "body: field \"%s\" is in the path", route->body);
}

enum { QUERY_DEPTH_MAX = 3 };

static void
check_route(struct model *model, const struct model_route *route)
{
	uint32_t success = route->success_status;

	if (success < 200 || success > 299)
		model_refuse(model, &route->method->place, "http",
		    "success_status: %u is no success", (unsigned)success);
	check_variables(model, route);
	check_body(model, route);
	if (model_route_has_query(route))
		check_query_fields(model, route, route->method->request, "", QUERY_DEPTH_MAX);
}

static void
check_pair(struct model *model, const struct model_route *route, const struct model_route *other)
{
	const struct model_place *place = &route->method->place;
	const char *other_method = other->method->full_name;
	bool is_same = path_template_same_shape(&other->path, &route->path);

	if (strcmp(other->verb, route->verb) == 0) {
		if (is_same)
			model_refuse(model, place, "http", "%s %s is also a route of %s",
			    route->verb, route->path.text, other_method);
		else if (path_template_is_ambiguous(&other->path, &route->path))
			model_refuse(model, place, "http",
			    "a path could mean %s %s as well as %s of %s", route->verb,
			    route->path.text, other->path.text, other_method);
	} else if (is_same && strcmp(other->path.text, route->path.text) != 0) {
		model_refuse(model, place, "http",
		    "path \"%s\" is the same as \"%s\" of %s: name it so", route->path.text,
		    other->path.text, other_method);
	}
}

/* Against all routes that stand before this one. */
static void
check_shape(struct model *model, const struct model_route *route)
{
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t m = 0; m < model->services[s].methods_count; m++) {
			const struct model_method *method = &model->services[s].methods[m];
			for (size_t i = 0; i < method->routes_count; i++) {
				if (&method->routes[i] == route)
					return;
				check_pair(model, route, &method->routes[i]);
			}
		}
	}
}

void
model_check_routes(struct model *model)
{
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t m = 0; m < model->services[s].methods_count; m++) {
			const struct model_method *method = &model->services[s].methods[m];
			for (size_t i = 0; i < method->routes_count; i++) {
				check_route(model, &method->routes[i]);
				check_shape(model, &method->routes[i]);
			}
		}
	}
}
