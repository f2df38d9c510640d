#include "plugin/model.h"

#include "base/limits.h"
#include "plugin/names.h"

#include <stdlib.h>

/* Field numbers in descriptor.proto, which paths are made of. */
enum {
	FILE_MESSAGE = 4,
	FILE_ENUM = 5,
	FILE_SERVICE = 6,
	MESSAGE_FIELD = 2,
	MESSAGE_NESTED = 3,
	MESSAGE_ENUM = 4,
	SERVICE_METHOD = 2,
	ENUM_VALUE = 2,
};

#define MALFORMED REFUSE(ST_INVALID_ARGUMENT, "the request is not what protoc sends")

#define ALLOC_ARRAY(model, array, count)                                                           \
	do {                                                                                       \
		(array) = arena_alloc((model)->arena, (count) * sizeof *(array));                  \
		if (!(array))                                                                      \
			return ARENA_EXHAUSTED;                                                    \
	} while (0)

/* Assign what arena_format() made. */
#define FORMAT(model, out, ...)                                                                    \
	do {                                                                                       \
		(out) = arena_format((model)->arena, __VA_ARGS__);                                 \
		if (!(out))                                                                        \
			return ARENA_EXHAUSTED;                                                    \
	} while (0)

/* A path one step longer than the parent's (NULL: the file itself). */
static status
place_at(struct model *model, const struct model_file *file, const struct model_place *parent,
    int32_t member, size_t index, struct model_place *out)
{
	size_t count = parent ? parent->path_count : 0;
	int32_t *path;

	ALLOC_ARRAY(model, path, count + 2);
	if (count)
		memcpy(path, parent->path, count * sizeof *path);
	path[count] = member;
	path[count + 1] = (int32_t)index;
	out->file = file;
	out->path = path;
	out->path_count = count + 2;
	return model_comment_read(model, out);
}

static const char *
without_package(const struct model_file *file, const char *full_name)
{
	size_t bytes = strlen(file->package);

	return bytes ? full_name + bytes + 1 : full_name;
}

static status
join_name(struct model *model, const char *scope, const char *name, const char **out)
{
	FORMAT(model, *out, "%s%s%s", scope, *scope ? "." : "", name);
	return STATUS_OK;
}

static void
count_types(const message_proto *proto, size_t *messages, size_t *enums)
{
	*messages += 1;
	*enums += proto->n_enum_type;
	for (size_t i = 0; i < proto->n_nested_type; i++)
		count_types(proto->nested_type[i], messages, enums);
}

static enum meta_well_known
well_known_kind(const char *full_name)
{
	static const struct {
		const char *name;
		enum meta_well_known kind;
	} rows[] = {
	    {"Timestamp", META_TIMESTAMP},
	    {"Duration", META_DURATION},
	    {"FieldMask", META_FIELD_MASK},
	    {"Empty", META_EMPTY},
	    {"DoubleValue", META_WRAPPER},
	    {"FloatValue", META_WRAPPER},
	    {"Int64Value", META_WRAPPER},
	    {"UInt64Value", META_WRAPPER},
	    {"Int32Value", META_WRAPPER},
	    {"UInt32Value", META_WRAPPER},
	    {"BoolValue", META_WRAPPER},
	    {"StringValue", META_WRAPPER},
	    {"BytesValue", META_WRAPPER},
	    {"Struct", META_STRUCT},
	    {"Value", META_STRUCT},
	    {"ListValue", META_STRUCT},
	    {"Any", META_STRUCT},
	};
	const char *package = "google.protobuf.";

	if (strncmp(full_name, package, strlen(package)) != 0)
		return META_PLAIN;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(full_name + strlen(package), rows[i].name) == 0)
			return rows[i].kind;
	}
	return META_PLAIN;
}

static status
add_enum(struct model *model, const struct model_file *file, const struct model_place *parent,
    const char *scope, int32_t member, size_t index, const enum_proto *proto)
{
	struct model_enum *e = &model->enums[model->enums_count++];
	const char *snake;

	if (!proto->name || !proto->n_value)
		return MALFORMED;
	e->proto = proto;
	TRY(place_at(model, file, parent, member, index, &e->place));
	TRY(join_name(model, scope, proto->name, &e->full_name));
	e->short_name = without_package(file, e->full_name);
	FORMAT(model, e->place.what, "enum %s", e->short_name);
	TRY(name_snake(model->arena, e->full_name, &snake));
	FORMAT(model, e->meta_name, "meta_%s", snake);

	ALLOC_ARRAY(model, e->value_comments, proto->n_value);
	for (size_t i = 0; i < proto->n_value; i++) {
		struct model_place place;
		if (!proto->value[i]->name)
			return MALFORMED;
		TRY(place_at(model, file, &e->place, ENUM_VALUE, i, &place));
		e->value_comments[i] = place.comment;
	}
	return STATUS_OK;
}

static status
add_message(struct model *model, const struct model_file *file, const struct model_message *parent,
    size_t index, const message_proto *proto, int depth)
{
	struct model_message *m = &model->messages[model->messages_count++];
	const struct model_place *above = parent ? &parent->place : NULL;
	const char *snake;

	if (!proto->name)
		return MALFORMED;
	m->proto = proto;
	m->parent = parent;
	m->map_entry = proto->options && proto->options->map_entry;
	TRY(place_at(model, file, above, parent ? MESSAGE_NESTED : FILE_MESSAGE, index, &m->place));
	TRY(join_name(
	    model, parent ? parent->full_name : file->package, proto->name, &m->full_name));
	m->short_name = without_package(file, m->full_name);
	FORMAT(model, m->place.what, "message %s", m->short_name);
	TRY(name_c_type(model->arena, m->full_name, &m->c_type));
	TRY(name_c_prefix(model->arena, m->full_name, &m->c_prefix));
	TRY(name_snake(model->arena, m->full_name, &snake));
	FORMAT(model, m->meta_name, "meta_%s", snake);
	m->well_known = well_known_kind(m->full_name);

	for (size_t i = 0; i < proto->n_enum_type; i++)
		TRY(add_enum(
		    model, file, &m->place, m->full_name, MESSAGE_ENUM, i, proto->enum_type[i]));
	if (depth == 0 && proto->n_nested_type)
		return REFUSE(ST_INVALID_ARGUMENT, "messages are declared too deep inside others");
	for (size_t i = 0; i < proto->n_nested_type; i++)
		TRY(add_message(model, file, m, i, proto->nested_type[i], depth - 1));
	return STATUS_OK;
}

/* type_name is ".usher.v1.Lane". */
static status
resolve_type(struct model *model, struct model_field *field)
{
	const char *name = field->proto->type_name;

	if (!name || name[0] != '.')
		return MALFORMED;
	if (field->type == META_ENUM) {
		for (size_t i = 0; i < model->enums_count; i++) {
			if (strcmp(model->enums[i].full_name, name + 1) == 0)
				field->enumeration = &model->enums[i];
		}
		return field->enumeration ? STATUS_OK : MALFORMED;
	}
	for (size_t i = 0; i < model->messages_count; i++) {
		if (strcmp(model->messages[i].full_name, name + 1) == 0)
			field->message = &model->messages[i];
	}
	return field->message ? STATUS_OK : MALFORMED;
}

static bool
type_is_packable(enum meta_type type)
{
	return type != META_STRING && type != META_BYTES && type != META_MESSAGE;
}

static unsigned
field_flags(const struct model_field *field)
{
	const Google__Protobuf__FieldOptions *options = field->proto->options;
	const Usher__V1__FieldRules *rules = field->rules;
	unsigned flags = 0;

	if (field->proto->label ==
	    GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
		flags |= META_REPEATED;
		if (type_is_packable(field->type) &&
		    !(options && options->has_packed && !options->packed))
			flags |= META_PACKED;
		if (field->message && field->message->map_entry)
			flags |= META_MAP;
	} else if (field->message || field->oneof >= 0) {
		flags |= META_PRESENCE;
	}
	flags |= rules->secret ? META_SECRET : 0;
	flags |= rules->pii ? META_PII : 0;
	flags |= rules->json ? META_JSON : 0;
	flags |= rules->required ? META_REQUIRED : 0;
	return flags;
}

static status
fill_field(
    struct model *model, struct model_message *message, size_t index, struct model_field *field)
{
	const field_proto *proto = message->proto->field[index];
	const struct model_file *file = message->place.file;

	/* Groups are refused later, with their line. */
	if (!proto->name || !proto->has_type || proto->type < 1 || proto->type > (int)META_SINT64)
		return MALFORMED;
	field->proto = proto;
	field->name = proto->name;
	field->number = (uint32_t)proto->number;
	field->type = (enum meta_type)proto->type;
	field->json_name = proto->json_name;
	if (!field->json_name)
		TRY(name_json(model->arena, field->name, &field->json_name));
	field->oneof = -1;
	if (proto->has_oneof_index) {
		if (proto->oneof_index < 0 ||
		    (size_t)proto->oneof_index >= message->proto->n_oneof_decl)
			return MALFORMED;
		field->oneof = proto->oneof_index;
		field->oneof_name = message->proto->oneof_decl[proto->oneof_index]->name;
		if (!field->oneof_name)
			return MALFORMED;
	}
	TRY(place_at(model, file, &message->place, MESSAGE_FIELD, index, &field->place));
	FORMAT(model, field->place.what, "field %s.%s", message->short_name, field->name);
	if (field->type == META_ENUM || field->type == META_MESSAGE)
		TRY(resolve_type(model, field));
	TRY(model_field_rules_read(model, field));
	field->flags = field_flags(field);
	return STATUS_OK;
}

/* What emitters take for granted of messages that protoc itself makes or brings. */
static bool
has_expected_fields(const struct model_message *message)
{
	if (message->map_entry)
		return message->fields_count == 2 && message->fields[0].number == 1 &&
		       message->fields[1].number == 2;
	return message->well_known != META_WRAPPER || message->fields_count == 1;
}

static int
compare_fields(const void *a, const void *b)
{
	const struct model_field *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static status
fill_fields(struct model *model)
{
	for (size_t m = 0; m < model->messages_count; m++) {
		struct model_message *message = &model->messages[m];
		size_t count = message->proto->n_field;
		ALLOC_ARRAY(model, message->fields, count);
		message->fields_count = count;
		for (size_t i = 0; i < count; i++)
			TRY(fill_field(model, message, i, &message->fields[i]));
		if (count)
			qsort(message->fields, count, sizeof *message->fields, compare_fields);
		if (!has_expected_fields(message))
			return MALFORMED;
	}
	return STATUS_OK;
}

static struct model_message *
find_message(struct model *model, const char *dotted)
{
	for (size_t i = 0; dotted && dotted[0] == '.' && i < model->messages_count; i++) {
		if (strcmp(model->messages[i].full_name, dotted + 1) == 0)
			return &model->messages[i];
	}
	return NULL;
}

static status
fill_method(struct model *model, const struct model_service *service, size_t index,
    const method_proto *proto, struct model_method *method)
{
	const struct model_file *file = service->place.file;
	const char *snake;

	if (!proto->name)
		return MALFORMED;
	method->service = service;
	method->name = proto->name;
	method->request = find_message(model, proto->input_type);
	method->reply = find_message(model, proto->output_type);
	if (!method->request || !method->reply)
		return MALFORMED;
	TRY(place_at(model, file, &service->place, SERVICE_METHOD, index, &method->place));
	FORMAT(model, method->place.what, "method %s.%s", service->name, method->name);
	FORMAT(model, method->full_name, "%s/%s", service->full_name, method->name);
	TRY(name_snake(model->arena, method->name, &snake));
	FORMAT(model, method->handler, "%s_%s", service->short_name, snake);
	method->id = name_hash(method->full_name);
	if (proto->client_streaming || proto->server_streaming)
		model_refuse(model, &method->place, NULL, "streams are not supported");
	TRY(model_method_rules_read(model, method, proto));
	method->deadline_ms =
	    method->rules->deadline_ms ? method->rules->deadline_ms : DEADLINE_MS_DEFAULT;
	method->bytes_max = method->rules->bytes_max ? method->rules->bytes_max : PAYLOAD_BYTES_MAX;
	return model_routes_read(model, method);
}

static status
fill_service(
    struct model *model, const struct model_file *file, size_t index, const service_proto *proto)
{
	struct model_service *service = &model->services[model->services_count++];
	const char *suffix = "Service";
	size_t bytes = proto->name ? strlen(proto->name) : 0;
	const char *stem;

	if (!proto->name)
		return MALFORMED;
	service->name = proto->name;
	TRY(place_at(model, file, NULL, FILE_SERVICE, index, &service->place));
	FORMAT(model, service->place.what, "service %s", proto->name);
	TRY(join_name(model, file->package, proto->name, &service->full_name));
	if (bytes <= strlen(suffix) || strcmp(proto->name + bytes - strlen(suffix), suffix) != 0)
		model_refuse(model, &service->place, NULL, "its name has to end in \"Service\"");
	else
		bytes -= strlen(suffix);
	FORMAT(model, stem, "%.*s", (int)bytes, proto->name);
	TRY(name_snake(model->arena, stem, &service->short_name));

	ALLOC_ARRAY(model, service->methods, proto->n_method);
	for (size_t i = 0; i < proto->n_method; i++)
		TRY(fill_method(model, service, i, proto->method[i], &service->methods[i]));
	service->methods_count = proto->n_method;
	return STATUS_OK;
}

static status
fill_file(struct model *model, const file_proto *proto, struct model_file *file)
{
	const char *slash, *dot;

	if (!proto->name)
		return MALFORMED;
	file->proto = proto;
	file->name = proto->name;
	file->package = proto->package ? proto->package : "";
	slash = strrchr(file->name, '/');
	slash = slash ? slash + 1 : file->name;
	dot = strrchr(slash, '.');
	FORMAT(model, file->stem, "%.*s", dot ? (int)(dot - slash) : (int)strlen(slash), slash);
	for (size_t i = 0; i < model->request->n_file_to_generate; i++) {
		if (strcmp(model->request->file_to_generate[i], file->name) == 0)
			file->generated = true;
	}
	return STATUS_OK;
}

static status
fill_types(struct model *model)
{
	size_t messages = 0, enums = 0, services = 0;

	for (size_t f = 0; f < model->files_count; f++) {
		const file_proto *proto = model->files[f].proto;
		for (size_t i = 0; i < proto->n_message_type; i++)
			count_types(proto->message_type[i], &messages, &enums);
		enums += proto->n_enum_type;
		services += model->files[f].generated ? proto->n_service : 0;
	}
	ALLOC_ARRAY(model, model->messages, messages);
	ALLOC_ARRAY(model, model->enums, enums);
	ALLOC_ARRAY(model, model->services, services);

	for (size_t f = 0; f < model->files_count; f++) {
		const struct model_file *file = &model->files[f];
		for (size_t i = 0; i < file->proto->n_enum_type; i++)
			TRY(add_enum(model, file, NULL, file->package, FILE_ENUM, i,
			    file->proto->enum_type[i]));
		for (size_t i = 0; i < file->proto->n_message_type; i++)
			TRY(add_message(
			    model, file, NULL, i, file->proto->message_type[i], MODEL_DEPTH_MAX));
	}
	return STATUS_OK;
}

static status
fill_services(struct model *model)
{
	for (size_t f = 0; f < model->files_count; f++) {
		const struct model_file *file = &model->files[f];
		for (size_t i = 0; file->generated && i < file->proto->n_service; i++)
			TRY(fill_service(model, file, i, file->proto->service[i]));
	}
	return STATUS_OK;
}

/* Spread what holds for a message from and to those that it is made of, until nothing changes. */
static void
close_over_fields(struct model *model)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t m = 0; m < model->messages_count; m++) {
			struct model_message *message = &model->messages[m];
			for (size_t i = 0; i < message->fields_count; i++) {
				struct model_field *field = &message->fields[i];
				bool secret = (field->flags & META_SECRET) ||
					      (field->message && field->message->has_secret);
				if (secret && !message->has_secret)
					changed = message->has_secret = true;
				if (message->used && field->message && !field->message->used)
					changed = field->message->used = true;
				if (message->used && field->enumeration)
					field->enumeration->used = true;
			}
		}
	}
}

static void
mark_used(struct model *model)
{
	for (size_t i = 0; i < model->messages_count; i++)
		model->messages[i].used = model->messages[i].place.file->generated;
	for (size_t i = 0; i < model->enums_count; i++)
		model->enums[i].used = model->enums[i].place.file->generated;
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t i = 0; i < model->services[s].methods_count; i++) {
			model->services[s].methods[i].request->used = true;
			model->services[s].methods[i].reply->used = true;
		}
	}
	close_over_fields(model);
}

status
model_build(
    struct arena *arena, const generator_request *request, struct strbuf *errors, struct model *out)
{
	struct model *model = out;

	*model = (struct model){.arena = arena, .errors = errors, .request = request};
	ALLOC_ARRAY(model, model->files, request->n_proto_file);
	model->files_count = request->n_proto_file;
	for (size_t i = 0; i < model->files_count; i++)
		TRY(fill_file(model, request->proto_file[i], &model->files[i]));
	TRY(fill_types(model));
	TRY(fill_fields(model));
	TRY(fill_services(model));
	mark_used(model);
	model_check_types(model);
	model_check_methods(model);
	model_check_routes(model);
	if (model->errors_count)
		return REFUSE(ST_INVALID_ARGUMENT, "the .proto files have errors");
	return STATUS_OK;
}

struct model_field *
model_field_find(const struct model_message *message, const char *name)
{
	for (size_t i = 0; i < message->fields_count; i++) {
		if (strcmp(message->fields[i].name, name) == 0)
			return &message->fields[i];
	}
	return NULL;
}

struct model_field *
model_field_step(const struct model_message *message, const char **path)
{
	size_t bytes = strcspn(*path, ".");

	for (size_t i = 0; i < message->fields_count; i++) {
		const char *name = message->fields[i].name;
		if (strlen(name) == bytes && memcmp(name, *path, bytes) == 0) {
			*path += bytes;
			return &message->fields[i];
		}
	}
	return NULL;
}

struct model_field *
model_field_find_path(const struct model_message *message, const char *path)
{
	for (;;) {
		struct model_field *found = model_field_step(message, &path);
		if (!found || !*path)
			return found;
		if (!found->message || (found->flags & META_REPEATED))
			return NULL;
		message = found->message;
		path++;
	}
}
