/* gen/methods.md: the reference of all methods, for people. */
#include "plugin/emit.h"

/* Comments are prose of our own; only what would end a table's cell is kept from doing so. */
static void
add_cell(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			strbuf_add_text(out, "\\|");
		else
			strbuf_add_char(out, *text == '\n' ? ' ' : *text);
	}
}

static const char *
scalar_text(enum meta_type type)
{
	static const char *const names[] = {"", "double", "float", "int64", "uint64", "int32",
	    "fixed64", "fixed32", "bool", "string", "", "", "bytes", "uint32", "", "sfixed32",
	    "sfixed64", "sint32", "sint64"};

	return names[type];
}

static void
add_type_name(struct strbuf *out, const struct model_field *field)
{
	if (field->message && field->message->place.file->generated)
		strbuf_add_format(
		    out, "[%s](#%s)", field->message->short_name, field->message->c_prefix);
	else if (field->message)
		strbuf_add_text(out, field->message->short_name);
	else if (field->enumeration)
		strbuf_add_format(out, "[%s](#%s)", field->enumeration->proto->name,
		    field->enumeration->meta_name);
	else
		strbuf_add_text(out, scalar_text(field->type));
}

static void
add_type(struct strbuf *out, const struct model_field *field)
{
	if (field->flags & META_MAP) {
		strbuf_add_text(out, "map of ");
		add_type_name(out, &field->message->fields[0]);
		strbuf_add_text(out, " to ");
		add_type_name(out, &field->message->fields[1]);
		return;
	}
	if (field->flags & META_REPEATED)
		strbuf_add_text(out, "list of ");
	add_type_name(out, field);
	if (field->flags & META_JSON)
		strbuf_add_text(out, " (a JSON object)");
}

static void
add_rules(struct strbuf *out, const struct model_field *field)
{
	const Usher__V1__FieldRules *rules = field->rules;
	const char *unit = field->type == META_BYTES ? "bytes" : "characters";

	if (rules->required)
		strbuf_add_text(out, " Required.");
	if (rules->length_min)
		strbuf_add_format(out, " At least %u %s.", (unsigned)rules->length_min, unit);
	if (rules->length_max)
		strbuf_add_format(out, " At most %u %s.", (unsigned)rules->length_max, unit);
	if (rules->items_max)
		strbuf_add_format(out, " At most %u items.", (unsigned)rules->items_max);
	if (rules->range)
		strbuf_add_format(out, " From %lld to %lld.", (long long)rules->range->min,
		    (long long)rules->range->max);
	if (rules->secret)
		strbuf_add_text(out, " Secret.");
	if (rules->pii)
		strbuf_add_text(out, " Personal.");
	if (field->oneof >= 0)
		strbuf_add_format(out, " One of `%s`.", field->oneof_name);
}

static void
add_message(struct strbuf *out, const struct model_message *message)
{
	strbuf_add_format(
	    out, "\n### <a id=\"%s\"></a>%s\n", message->c_prefix, message->short_name);
	if (*message->place.comment)
		strbuf_add_format(out, "\n%s\n", message->place.comment);
	if (!message->fields_count) {
		strbuf_add_text(out, "\nNo fields.\n");
		return;
	}
	strbuf_add_text(out, "\n| no. | field | in JSON | type | |\n|--:|---|---|---|---|\n");
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct model_field *field = &message->fields[i];
		strbuf_add_format(out, "| %u | `%s` | `%s` | ", (unsigned)field->number,
		    field->name, field->json_name);
		add_type(out, field);
		strbuf_add_text(out, " | ");
		add_cell(out, field->place.comment);
		add_rules(out, field);
		strbuf_add_text(out, " |\n");
	}
}

static void
add_enum(struct strbuf *out, const struct model_enum *e)
{
	strbuf_add_format(out, "\n### <a id=\"%s\"></a>%s\n", e->meta_name, e->proto->name);
	if (*e->place.comment)
		strbuf_add_format(out, "\n%s\n", e->place.comment);
	strbuf_add_text(out, "\n| no. | name | |\n|--:|---|---|\n");
	for (size_t i = 0; i < e->proto->n_value; i++) {
		strbuf_add_format(out, "| %d | `%s` | ", (int)e->proto->value[i]->number,
		    e->proto->value[i]->name);
		add_cell(out, e->value_comments[i]);
		strbuf_add_text(out, " |\n");
	}
}

static void
add_access(struct strbuf *out, const struct model_method *method)
{
	for (size_t i = 0; i < method->rules->n_access; i++) {
		strbuf_add_text(out, i ? "; or " : "");
		emit_access_text(out, method->rules->access[i]);
	}
}

/* "LANE_QUERY" as "QUERY". */
static void
add_option_value(struct strbuf *out, const ProtobufCEnumDescriptor *descriptor, int value)
{
	const char *name = protobuf_c_enum_descriptor_get_value(descriptor, value)->name;

	strbuf_add_text(out, strchr(name, '_') + 1);
}

static void
add_method(struct strbuf *out, const struct model_method *method)
{
	const Usher__V1__MethodRules *rules = method->rules;

	strbuf_add_format(out, "\n### <a id=\"%s\"></a>%s\n", method->handler, method->name);
	if (*method->place.comment)
		strbuf_add_format(out, "\n%s\n", method->place.comment);
	strbuf_add_format(out,
	    "\n- Method `%s`, id `0x%08x`\n- Request [%s](#%s), reply [%s](#%s)\n- Access: ",
	    method->full_name, (unsigned)method->id, method->request->short_name,
	    method->request->c_prefix, method->reply->short_name, method->reply->c_prefix);
	add_access(out, method);
	strbuf_add_text(out, "\n- Effect ");
	add_option_value(out, &usher__v1__effect__descriptor, (int)rules->effect);
	if (*rules->write_with)
		strbuf_add_format(out, " (WRITE with `%s`)", rules->write_with);
	strbuf_add_text(out, ", lane ");
	add_option_value(out, &usher__v1__lane__descriptor, (int)rules->lane);
	strbuf_add_text(out, rules->idempotent_by_key ? ", takes an idempotency key" : "");
	strbuf_add_text(out, rules->batchable ? ", may stand in a Batch" : "");
	strbuf_add_text(out, rules->audit ? ", audited" : "");
	if (rules->assurance == USHER__V1__ASSURANCE__ASSURANCE_RECENT)
		strbuf_add_text(out, ", needs a recent login");
	if (rules->assurance == USHER__V1__ASSURANCE__ASSURANCE_SECOND_FACTOR)
		strbuf_add_text(out, ", needs a second factor");
	strbuf_add_format(out, "\n- Deadline %u ms, request up to %u bytes\n",
	    (unsigned)method->deadline_ms, (unsigned)method->bytes_max);
	for (size_t i = 0; i < method->routes_count; i++) {
		const struct model_route *route = &method->routes[i];
		strbuf_add_format(out, "- HTTP `%s %s`, answers %u", route->verb, route->path.text,
		    (unsigned)route->success_status);
		if (strcmp(route->body, "*") == 0)
			strbuf_add_text(out, ", the rest in the body");
		else if (*route->body)
			strbuf_add_format(out, ", body `%s`", route->body);
		strbuf_add_char(out, '\n');
	}
}

status
emit_methods(const struct model *model, struct output *output)
{
	struct strbuf out;

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_add_text(
	    &out, "# Methods\n\nMade by protoc-gen-usher from the .proto files: change those.\n");
	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		strbuf_add_format(&out, "\n## %s\n", service->full_name);
		if (*service->place.comment)
			strbuf_add_format(&out, "\n%s\n", service->place.comment);
		for (size_t i = 0; i < service->methods_count; i++)
			add_method(&out, &service->methods[i]);
	}
	strbuf_add_text(&out, "\n## Messages\n");
	for (size_t i = 0; i < model->messages_count; i++) {
		if (model->messages[i].place.file->generated && !model->messages[i].map_entry)
			add_message(&out, &model->messages[i]);
	}
	strbuf_add_text(&out, "\n## Enumerations\n");
	for (size_t i = 0; i < model->enums_count; i++) {
		if (model->enums[i].place.file->generated)
			add_enum(&out, &model->enums[i]);
	}
	return output_add(output, "methods.md", &out);
}
