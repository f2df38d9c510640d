#include "plugin/openapi_schema.h"

/* JSON Schema's words for a scalar; format "" for none. */
struct scalar {
	const char *type, *format;
};

static struct scalar
scalar_of(enum meta_type type)
{
	switch (type) {
	case META_BOOL:
		return (struct scalar){"boolean", ""};
	case META_INT32:
	case META_SINT32:
	case META_SFIXED32:
		return (struct scalar){"integer", "int32"};
	case META_UINT32:
	case META_FIXED32:
		return (struct scalar){"integer", "uint32"};
	case META_INT64:
	case META_SINT64:
	case META_SFIXED64:
		return (struct scalar){"string", "int64"};
	case META_UINT64:
	case META_FIXED64:
		return (struct scalar){"string", "uint64"};
	case META_DOUBLE:
		return (struct scalar){"number", "double"};
	case META_FLOAT:
		return (struct scalar){"number", "float"};
	default:
		return (struct scalar){"string", ""};
	}
}

static void
add_scalar(struct doc *doc, enum meta_type type, bool may_be_null)
{
	struct scalar scalar = scalar_of(type);
	/* NaN and the infinities are texts. */
	bool is_float = type == META_DOUBLE || type == META_FLOAT;

	if (may_be_null || is_float) {
		doc_open(doc, "type", '[');
		doc_text(doc, NULL, scalar.type);
		if (is_float)
			doc_text(doc, NULL, "string");
		if (may_be_null)
			doc_text(doc, NULL, "null");
		doc_close(doc, ']');
	} else {
		doc_text(doc, "type", scalar.type);
	}
	if (*scalar.format)
		doc_text(doc, "format", scalar.format);
	if (type == META_BYTES)
		doc_text(doc, "contentEncoding", "base64");
}

void
schema_ref(struct doc *doc, const struct model_message *message)
{
	switch (message->well_known) {
	case META_TIMESTAMP:
		doc_text(doc, "type", "string");
		doc_text(doc, "format", "date-time");
		break;
	case META_DURATION:
		doc_text(doc, "type", "string");
		doc_text(doc, "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$");
		break;
	case META_FIELD_MASK:
		doc_text(doc, "type", "string");
		break;
	case META_WRAPPER:
		add_scalar(doc, message->fields[0].type, true);
		break;
	case META_EMPTY:
		doc_text(doc, "type", "object");
		break;
	default:
		doc_ref(doc, "schemas", message->short_name);
	}
}

/* What of an enum, message or scalar is not said by its type. */
static void
add_value(struct doc *doc, const struct model_field *field)
{
	const Usher__V1__FieldRules *rules = field->rules;

	if (field->message) {
		schema_ref(doc, field->message);
		return;
	}
	if (field->enumeration) {
		doc_ref(doc, "schemas", field->enumeration->short_name);
		return;
	}
	if (rules->json) {
		doc_text(doc, "type", "object");
		return;
	}
	add_scalar(doc, field->type, false);
	if (field->type == META_STRING) {
		/* An empty value passes unless it is required. */
		if (rules->length_min && rules->required)
			doc_number(doc, "minLength", rules->length_min);
		if (rules->length_max)
			doc_number(doc, "maxLength", rules->length_max);
		if (rules->secret)
			doc_text(doc, "format", "password");
	}
	if (rules->range && strcmp(scalar_of(field->type).type, "integer") == 0) {
		doc_number(doc, "minimum", rules->range->min);
		doc_number(doc, "maximum", rules->range->max);
	}
}

void
schema_of_field(struct doc *doc, const struct model_field *field)
{
	bool is_map = (field->flags & META_MAP) != 0;
	bool is_list = (field->flags & META_REPEATED) != 0;

	if (is_map || is_list) {
		doc_text(doc, "type", is_map ? "object" : "array");
		if (field->rules->items_max)
			doc_number(
			    doc, is_map ? "maxProperties" : "maxItems", field->rules->items_max);
		doc_open(doc, is_map ? "additionalProperties" : "items", '{');
		add_value(doc, is_map ? &field->message->fields[1] : field);
		doc_close(doc, '}');
	} else {
		add_value(doc, field);
	}
	if (*field->place.comment)
		doc_text(doc, "description", field->place.comment);
}

static bool
is_outside(const struct model_field *field, const struct model_route *route)
{
	return route && model_route_has_variable(route, field->name);
}

void
schema_of_message(
    struct doc *doc, const struct model_message *message, const struct model_route *route)
{
	bool any_required = false;

	doc_text(doc, "type", "object");
	if (*message->place.comment)
		doc_text(doc, "description", message->place.comment);
	doc_open(doc, "properties", '{');
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		if (is_outside(field, route))
			continue;
		any_required = any_required || field->rules->required;
		doc_open(doc, field->json_name, '{');
		schema_of_field(doc, field);
		doc_close(doc, '}');
	}
	doc_close(doc, '}');
	if (!any_required)
		return;
	doc_open(doc, "required", '[');
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		if (field->rules->required && !is_outside(field, route))
			doc_text(doc, NULL, field->json_name);
	}
	doc_close(doc, ']');
}

static void
add_enum(struct doc *doc, const struct model_enum *e)
{
	doc_open(doc, e->short_name, '{');
	doc_text(doc, "type", "string");
	if (*e->place.comment)
		doc_text(doc, "description", e->place.comment);
	doc_open(doc, "enum", '[');
	for (size_t i = 0; i < e->proto->n_value; i++)
		doc_text(doc, NULL, e->proto->value[i]->name);
	doc_close(doc, ']');
	doc_close(doc, '}');
}

static void
add_property(struct doc *doc, const char *name, const char *type, const char *description)
{
	doc_open(doc, name, '{');
	doc_text(doc, "type", type);
	doc_text(doc, "description", description);
	doc_close(doc, '}');
}

/* RFC 9457, with our members. */
static void
add_problem(struct doc *doc)
{
	doc_open(doc, "Problem", '{');
	doc_text(doc, "type", "object");
	doc_open(doc, "properties", '{');
	add_property(doc, "type", "string", "URI of the kind of problem.");
	add_property(doc, "title", "string", "The kind of problem, in words.");
	add_property(doc, "status", "integer", "The HTTP status.");
	add_property(doc, "detail", "string", "What was wrong with this request.");
	add_property(doc, "code", "string", "The canonical code, as gRPC names it: NOT_FOUND.");
	add_property(doc, "reason", "string", "Why, for programs: EMAIL_NOT_VERIFIED.");
	add_property(doc, "requestId", "string", "Names this request in the server's log.");
	doc_open(doc, "violations", '{');
	doc_text(doc, "type", "array");
	doc_text(doc, "description", "What is wrong with which field.");
	doc_open(doc, "items", '{');
	doc_text(doc, "type", "object");
	doc_open(doc, "properties", '{');
	add_property(doc, "field", "string", "Path of the field: profile.displayName.");
	add_property(doc, "description", "string", "What is wrong with it.");
	doc_close(doc, '}');
	doc_close(doc, '}');
	doc_close(doc, '}');
	doc_close(doc, '}');
	doc_open(doc, "required", '[');
	doc_text(doc, NULL, "title");
	doc_text(doc, NULL, "status");
	doc_text(doc, NULL, "code");
	doc_close(doc, ']');
	doc_close(doc, '}');
}

/* reached has a place for each message and, behind them, for each enum. */
static void
reach(const struct model *model, const struct model_message *message, bool *reached)
{
	size_t index = (size_t)(message - model->messages);

	if (reached[index])
		return;
	reached[index] = true;
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		if (field->message)
			reach(model, field->message, reached);
		if (field->enumeration)
			reached[model->messages_count +
				(size_t)(field->enumeration - model->enums)] = true;
	}
}

status
schema_components(struct doc *doc, const struct model *model)
{
	bool *reached = arena_alloc(
	    model->arena, (model->messages_count + model->enums_count) * sizeof *reached);

	if (!reached)
		return ARENA_EXHAUSTED;
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t i = 0; i < model->services[s].methods_count; i++) {
			const struct model_method *method = &model->services[s].methods[i];
			if (!method->routes_count)
				continue;
			reach(model, method->request, reached);
			reach(model, method->reply, reached);
		}
	}
	doc_open(doc, "schemas", '{');
	add_problem(doc);
	for (size_t i = 0; i < model->messages_count; i++) {
		const struct model_message *message = &model->messages[i];
		if (!reached[i] || message->map_entry || !message->place.file->generated)
			continue;
		doc_open(doc, message->short_name, '{');
		schema_of_message(doc, message, NULL);
		doc_close(doc, '}');
	}
	for (size_t i = 0; i < model->enums_count; i++) {
		if (reached[model->messages_count + i])
			add_enum(doc, &model->enums[i]);
	}
	doc_close(doc, '}');
	return STATUS_OK;
}
