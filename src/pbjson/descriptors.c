#include "pbjson/descriptors.h"

#include "base/arena.h"
#include "gen/pb/google/protobuf/descriptor.pb-c.h"
#include "pbjson/wire.h"

#include <stdlib.h>
#include <string.h>

#define SET_BYTES_MAX (4u << 20)
#define ARENA_BYTES_MAX (64u << 20)
#define NESTING_MAX 32
#define GROUP_TYPE 10
#define RULES_NUMBER 50700 /* usher.v1.rules and usher.v1.field of options.proto */
#define FIELD_NUMBER 50701

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;

struct known_message;

/* One of those that hold a message in a field. */
struct holder {
	struct known_message *message;
	struct holder *next;
};

struct known_message {
	struct meta_message meta; /* first: what is handed out leads back here */
	const message_proto *proto;
	bool is_proto3;
	struct holder *holders;
};

struct known_enum {
	struct meta_enum meta;
	const enum_proto *proto;
};

struct descriptors {
	struct arena arena;
	struct known_message *messages; /* sorted by name once they are all there */
	size_t messages_count, messages_room;
	struct known_enum *enums;
	size_t enums_count, enums_room;
	struct descriptors_method *methods;
	size_t methods_count;
};

#define NO_SET                                                                                     \
	REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_DESCRIPTORS",                                   \
	    "the descriptors can't be read, or are not complete")

static void *
allocate(void *arena, size_t bytes)
{
	return arena_alloc(arena, bytes);
}

static void
keep(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

/* protobuf-c unpacks without a limit on depth, and a message may hold others of its own type:
 * messages in descriptors, further bindings in our options. */
static bool
nesting_is_bounded(
    const ProtobufCMessageDescriptor *descriptor, struct slice encoded, unsigned left)
{
	struct wire_reader reader = wire_reader_of(encoded);
	struct wire_field found;

	while (wire_next(&reader, &found)) {
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field(descriptor, found.number);
		if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE || found.type != WIRE_BYTES)
			continue;
		if (left == 0 || !nesting_is_bounded(field->descriptor, found.bytes, left - 1))
			return false;
	}
	return !reader.failed;
}

/* An option of ours is an unknown field to protobuf-c, its length still in front. protoc may write
 * one in several pieces, which behind each other are one message. */
static status
join_option(
    struct arena *arena, const ProtobufCMessage *options, uint32_t number, struct slice *out)
{
	size_t bytes = 0, count = options ? options->n_unknown_fields : 0;
	uint8_t *joined;

	for (size_t i = 0; i < count; i++)
		bytes += options->unknown_fields[i].len;
	joined = arena_alloc(arena, bytes + 1);
	if (!joined)
		return ARENA_EXHAUSTED;
	bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
		struct wire_reader reader = {.at = field->data, .end = field->data + field->len};
		uint64_t length;
		if (field->tag != number ||
		    field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			continue;
		if (!wire_read_varint(&reader, &length))
			return NO_SET;
		memcpy(joined + bytes, reader.at, (size_t)(reader.end - reader.at));
		bytes += (size_t)(reader.end - reader.at);
	}
	*out = slice_of(joined, bytes);
	return STATUS_OK;
}

static status
unpack_option(struct arena *arena, const ProtobufCMessage *options, uint32_t number,
    const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **out)
{
	ProtobufCAllocator allocator = {allocate, keep, arena};
	struct slice joined;

	TRY(join_option(arena, options, number, &joined));
	if (!nesting_is_bounded(descriptor, joined, NESTING_MAX))
		return NO_SET;
	*out = protobuf_c_message_unpack(descriptor, &allocator, joined.bytes, joined.data);
	return *out ? STATUS_OK : NO_SET;
}

/* How far text is an identifier; 0: it does not begin with one. */
static size_t
identifier_bytes(const char *text)
{
	size_t bytes =
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return *text >= '0' && *text <= '9' ? 0 : bytes;
}

/* Names end up on terminals and, by way of completion, in a shell; whoever sent them chose them. */
static bool
is_name(const char *name)
{
	size_t bytes = name ? identifier_bytes(name) : 0;

	return bytes != 0 && name[bytes] == '\0';
}

/* Nothing, or names joined by dots. */
static bool
is_package(const char *package)
{
	if (!package || !*package)
		return true;
	for (;; package++) {
		size_t bytes = identifier_bytes(package);

		package += bytes;
		if (bytes == 0 || *package != '.')
			return bytes != 0 && *package == '\0';
	}
}

/* "usher.v1" and "Login" to "usher.v1.Login". */
static const char *
join_name(struct arena *arena, const char *scope, const char *name)
{
	if (!scope || !*scope)
		return name;
	return arena_format(arena, "%s.%s", scope, name);
}

static void
count_types(struct descriptors *to, const message_proto *message)
{
	to->messages_room++;
	to->enums_room += message->n_enum_type;
	for (size_t i = 0; i < message->n_nested_type; i++)
		count_types(to, message->nested_type[i]);
}

static status
add_enum(struct descriptors *to, const char *scope, const enum_proto *proto)
{
	struct known_enum *known = &to->enums[to->enums_count];
	struct meta_enum_value *values =
	    arena_alloc(&to->arena, proto->n_value * sizeof(struct meta_enum_value));

	if (!is_name(proto->name))
		return NO_SET;
	known->proto = proto;
	known->meta.full_name = join_name(&to->arena, scope, proto->name);
	if (!values || !known->meta.full_name)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < proto->n_value; i++) {
		if (!is_name(proto->value[i]->name))
			return NO_SET;
		values[i].name = proto->value[i]->name;
		values[i].number = proto->value[i]->number;
	}
	known->meta.values = values;
	known->meta.values_count = proto->n_value;
	to->enums_count++;
	return STATUS_OK;
}

static uint8_t
well_known_of(const char *full_name)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = {
	    {"Timestamp", META_TIMESTAMP},
	    {"Duration", META_DURATION},
	    {"FieldMask", META_FIELD_MASK},
	    {"Empty", META_EMPTY},
	    {"Struct", META_STRUCT},
	    {"Value", META_STRUCT},
	    {"ListValue", META_STRUCT},
	    {"Any", META_STRUCT},
	    {"DoubleValue", META_WRAPPER},
	    {"FloatValue", META_WRAPPER},
	    {"Int64Value", META_WRAPPER},
	    {"UInt64Value", META_WRAPPER},
	    {"Int32Value", META_WRAPPER},
	    {"UInt32Value", META_WRAPPER},
	    {"BoolValue", META_WRAPPER},
	    {"StringValue", META_WRAPPER},
	    {"BytesValue", META_WRAPPER},
	};
	static const char package[] = "google.protobuf.";

	if (strncmp(full_name, package, sizeof(package) - 1) != 0)
		return META_PLAIN;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(full_name + sizeof(package) - 1, kinds[i].name) == 0)
			return kinds[i].kind;
	}
	return META_PLAIN;
}

static status
add_message(struct descriptors *to, const char *scope, const message_proto *proto, bool is_proto3)
{
	struct known_message *known = &to->messages[to->messages_count++];
	const char *name;

	if (!is_name(proto->name))
		return NO_SET;
	name = join_name(&to->arena, scope, proto->name);
	if (!name)
		return ARENA_EXHAUSTED;
	known->proto = proto;
	known->is_proto3 = is_proto3;
	known->meta.full_name = name;
	known->meta.well_known = well_known_of(name);
	known->meta.map_entry = proto->options && proto->options->map_entry;
	for (size_t i = 0; i < proto->n_enum_type; i++)
		TRY(add_enum(to, name, proto->enum_type[i]));
	for (size_t i = 0; i < proto->n_nested_type; i++)
		TRY(add_message(to, name, proto->nested_type[i], is_proto3));
	return STATUS_OK;
}

static int
order_messages(const void *a, const void *b)
{
	const struct known_message *left = a, *right = b;

	return strcmp(left->meta.full_name, right->meta.full_name);
}

static int
order_enums(const void *a, const void *b)
{
	const struct known_enum *left = a, *right = b;

	return strcmp(left->meta.full_name, right->meta.full_name);
}

static status
add_types(struct descriptors *to, const Google__Protobuf__FileDescriptorSet *set)
{
	for (size_t i = 0; i < set->n_file; i++) {
		to->enums_room += set->file[i]->n_enum_type;
		for (size_t j = 0; j < set->file[i]->n_message_type; j++)
			count_types(to, set->file[i]->message_type[j]);
	}
	to->messages = arena_alloc(&to->arena, to->messages_room * sizeof(*to->messages));
	to->enums = arena_alloc(&to->arena, to->enums_room * sizeof(*to->enums));
	if (!to->messages || !to->enums)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *file = set->file[i];
		bool is_proto3 = file->syntax && strcmp(file->syntax, "proto3") == 0;
		if (!is_package(file->package))
			return NO_SET;
		for (size_t j = 0; j < file->n_enum_type; j++)
			TRY(add_enum(to, file->package, file->enum_type[j]));
		for (size_t j = 0; j < file->n_message_type; j++)
			TRY(add_message(to, file->package, file->message_type[j], is_proto3));
	}
	qsort(to->messages, to->messages_count, sizeof(*to->messages), order_messages);
	qsort(to->enums, to->enums_count, sizeof(*to->enums), order_enums);
	return STATUS_OK;
}

const struct meta_message *
descriptors_message(const struct descriptors *descriptors, const char *full_name)
{
	struct known_message key = {.meta.full_name = full_name};
	const struct known_message *found = bsearch(
	    &key, descriptors->messages, descriptors->messages_count, sizeof(key), order_messages);

	return found ? &found->meta : NULL;
}

/* Types are named from the root: ".usher.v1.User". */
static const char *
type_name(const char *name)
{
	return name && *name == '.' ? name + 1 : "";
}

static status
resolve_type(const struct descriptors *to, const field_proto *proto, struct meta_field *field)
{
	struct known_enum key = {.meta.full_name = type_name(proto->type_name)};
	const struct known_enum *found;

	if (field->type == GROUP_TYPE)
		return REFUSE(ST_UNIMPLEMENTED, "the descriptors have a group");
	if (field->type == META_MESSAGE) {
		field->message = descriptors_message(to, type_name(proto->type_name));
		return field->message ? STATUS_OK : NO_SET;
	}
	if (field->type == META_ENUM) {
		found = bsearch(&key, to->enums, to->enums_count, sizeof(key), order_enums);
		field->enumeration = found ? &found->meta : NULL;
		return found && found->meta.values_count ? STATUS_OK : NO_SET;
	}
	return field->type >= META_DOUBLE && field->type <= META_SINT64 ? STATUS_OK : NO_SET;
}

/* "display_name" to "displayName", for descriptors that were made without JSON names. */
static const char *
json_name_of(struct arena *arena, const char *name)
{
	char *out = arena_alloc(arena, strlen(name) + 1), *at = out;
	bool upper = false;

	for (; out && *name; name++) {
		if (*name != '_')
			*at++ = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A')
								      : *name;
		upper = *name == '_';
	}
	return out;
}

static uint8_t
flags_of(const struct known_message *in, const field_proto *proto, const struct meta_field *field)
{
	const Google__Protobuf__FieldOptions *options = proto->options;
	bool repeated =
	    proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
	bool packed = options && options->has_packed ? options->packed : in->is_proto3;
	uint8_t flags = 0;

	if (repeated) {
		flags |= META_REPEATED;
		if (packed && wire_type_of(field) != WIRE_BYTES)
			flags |= META_PACKED;
		if (field->message && field->message->map_entry)
			flags |= META_MAP;
	} else if (field->type == META_MESSAGE || proto->has_oneof_index ||
		   (!in->is_proto3 && !in->meta.map_entry)) {
		flags |= META_PRESENCE;
	}
	return flags;
}

static status
take_rules(struct descriptors *to, const field_proto *proto, struct meta_field *field)
{
	ProtobufCMessage *unpacked;

	TRY(unpack_option(&to->arena, proto->options ? &proto->options->base : NULL, FIELD_NUMBER,
	    &usher__v1__field_rules__descriptor, &unpacked));
	const Usher__V1__FieldRules *rules = (const Usher__V1__FieldRules *)(const void *)unpacked;
	field->flags |= rules->secret ? META_SECRET : 0;
	field->flags |= rules->pii ? META_PII : 0;
	field->flags |= rules->json ? META_JSON : 0;
	field->flags |= rules->required ? META_REQUIRED : 0;
	field->length_min = rules->length_min;
	field->length_max = rules->length_max;
	field->items_max = rules->items_max;
	if (rules->range) {
		field->has_range = true;
		field->range_min = rules->range->min;
		field->range_max = rules->range->max;
	}
	return STATUS_OK;
}

static status
make_field(struct descriptors *to, const struct known_message *in, const field_proto *proto,
    struct meta_field *field)
{
	if (!is_name(proto->name) || proto->number < 1 || !proto->has_type)
		return NO_SET;
	field->number = (uint32_t)proto->number;
	field->type = (uint8_t)proto->type;
	field->oneof = proto->has_oneof_index ? (int16_t)proto->oneof_index : -1;
	field->name = proto->name;
	field->json_name = proto->json_name && *proto->json_name
			       ? proto->json_name
			       : json_name_of(&to->arena, proto->name);
	if (!field->json_name)
		return ARENA_EXHAUSTED;
	TRY(resolve_type(to, proto, field));
	field->flags = flags_of(in, proto, field);
	return take_rules(to, proto, field);
}

static int
order_fields(const void *a, const void *b)
{
	const struct meta_field *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static status
make_fields(struct descriptors *to, struct known_message *known)
{
	const message_proto *proto = known->proto;
	struct meta_field *fields = arena_alloc(&to->arena, proto->n_field * sizeof(*fields));

	if (!fields)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < proto->n_field; i++)
		TRY(make_field(to, known, proto->field[i], &fields[i]));
	qsort(fields, proto->n_field, sizeof(*fields), order_fields);
	known->meta.fields = fields;
	known->meta.fields_count = proto->n_field;
	/* What the mapping relies on. */
	if (known->meta.well_known == META_WRAPPER &&
	    (proto->n_field != 1 || fields[0].type == META_MESSAGE))
		return NO_SET;
	return STATUS_OK;
}

static status
check_maps(const struct descriptors *to)
{
	for (size_t i = 0; i < to->messages_count; i++) {
		const struct meta_message *message = &to->messages[i].meta;
		const struct meta_field *key = meta_field_by_number(message, 1);
		const struct meta_field *value = meta_field_by_number(message, 2);
		if (!message->map_entry)
			continue;
		if (!key || !value || ((key->flags | value->flags) & META_REPEATED) ||
		    key->type == META_MESSAGE || key->type == META_BYTES ||
		    key->type == META_ENUM || key->type == META_DOUBLE || key->type == META_FLOAT)
			return NO_SET;
	}
	return STATUS_OK;
}

/* The messages whose holders have yet to be told of a secret. */
struct telling {
	struct known_message **left;
	size_t count;
};

static void
tell(struct telling *telling, struct known_message *known)
{
	if (known->meta.has_secret)
		return;
	known->meta.has_secret = true;
	telling->left[telling->count++] = known;
}

static status
add_holders(struct descriptors *to, struct known_message *known, struct telling *telling)
{
	for (size_t i = 0; i < known->meta.fields_count; i++) {
		const struct meta_field *field = &known->meta.fields[i];
		const struct known_message *of = (const void *)field->message;

		if (field->flags & META_SECRET)
			tell(telling, known);
		if (!of)
			continue;
		struct holder *holder = arena_alloc(&to->arena, sizeof(*holder));
		if (!holder)
			return ARENA_EXHAUSTED;
		*holder = (struct holder){known, of->holders};
		to->messages[of - to->messages].holders = holder;
	}
	return STATUS_OK;
}

/* A message has a secret when it, or one below it, has. Each is told once and tells its holders,
 * for messages may hold each other, and there may be any number of them. */
static status
spread_secrets(struct descriptors *to)
{
	struct telling telling = {
	    arena_alloc(&to->arena, to->messages_count * sizeof(struct known_message *)), 0};

	if (!telling.left)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < to->messages_count; i++)
		TRY(add_holders(to, &to->messages[i], &telling));
	while (telling.count) {
		const struct known_message *known = telling.left[--telling.count];
		for (const struct holder *holder = known->holders; holder; holder = holder->next)
			tell(&telling, holder->message);
	}
	return STATUS_OK;
}

static status
add_method(struct descriptors *to, const char *service,
    const Google__Protobuf__MethodDescriptorProto *proto)
{
	struct descriptors_method *method = &to->methods[to->methods_count];
	ProtobufCMessage *unpacked;

	if (!is_name(proto->name))
		return NO_SET;
	method->name = arena_format(&to->arena, "%s/%s", service, proto->name);
	if (!method->name)
		return ARENA_EXHAUSTED;
	method->request = descriptors_message(to, type_name(proto->input_type));
	method->reply = descriptors_message(to, type_name(proto->output_type));
	if (!method->request || !method->reply)
		return NO_SET;
	TRY(unpack_option(&to->arena, proto->options ? &proto->options->base : NULL, RULES_NUMBER,
	    &usher__v1__method_rules__descriptor, &unpacked));
	method->rules = (const Usher__V1__MethodRules *)(const void *)unpacked;
	to->methods_count++;
	return STATUS_OK;
}

static int
order_methods(const void *a, const void *b)
{
	const struct descriptors_method *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static status
add_methods(struct descriptors *to, const Google__Protobuf__FileDescriptorSet *set)
{
	size_t room = 0;

	for (size_t i = 0; i < set->n_file; i++) {
		for (size_t j = 0; j < set->file[i]->n_service; j++)
			room += set->file[i]->service[j]->n_method;
	}
	to->methods = arena_alloc(&to->arena, room * sizeof(*to->methods));
	if (!to->methods)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *file = set->file[i];
		for (size_t j = 0; j < file->n_service; j++) {
			const char *name;
			if (!is_name(file->service[j]->name))
				return NO_SET;
			name = join_name(&to->arena, file->package, file->service[j]->name);
			if (!name)
				return ARENA_EXHAUSTED;
			for (size_t k = 0; k < file->service[j]->n_method; k++)
				TRY(add_method(to, name, file->service[j]->method[k]));
		}
	}
	qsort(to->methods, to->methods_count, sizeof(*to->methods), order_methods);
	return STATUS_OK;
}

static status
load(struct descriptors *to, struct slice encoded)
{
	ProtobufCAllocator allocator = {allocate, keep, &to->arena};
	Google__Protobuf__FileDescriptorSet *set;

	if (encoded.bytes > SET_BYTES_MAX ||
	    !nesting_is_bounded(
		&google__protobuf__file_descriptor_set__descriptor, encoded, NESTING_MAX))
		return NO_SET;
	set = google__protobuf__file_descriptor_set__unpack(
	    &allocator, encoded.bytes, encoded.bytes ? encoded.data : (const uint8_t *)"");
	if (!set)
		return NO_SET;
	TRY(add_types(to, set));
	for (size_t i = 0; i < to->messages_count; i++)
		TRY(make_fields(to, &to->messages[i]));
	TRY(check_maps(to));
	TRY(spread_secrets(to));
	return add_methods(to, set);
}

status
descriptors_load(struct slice file_descriptor_set, struct descriptors **out)
{
	struct descriptors *made = calloc(1, sizeof(*made));
	status loaded;

	if (!made)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the descriptors");
	loaded = arena_init(&made->arena, 64u << 10, ARENA_BYTES_MAX);
	if (loaded.code != ST_OK) {
		free(made);
		return loaded;
	}
	loaded = load(made, file_descriptor_set);
	if (loaded.code != ST_OK) {
		descriptors_free(&made);
		return loaded;
	}
	*out = made;
	return STATUS_OK;
}

void
descriptors_free(struct descriptors **descriptors)
{
	if (!*descriptors)
		return;
	arena_done(&(*descriptors)->arena);
	free(*descriptors);
	*descriptors = NULL;
}

const struct descriptors_method *
descriptors_method(const struct descriptors *descriptors, const char *name)
{
	struct descriptors_method key = {.name = name};

	return bsearch(
	    &key, descriptors->methods, descriptors->methods_count, sizeof(key), order_methods);
}

const struct descriptors_method *
descriptors_methods(const struct descriptors *descriptors, size_t *count)
{
	*count = descriptors->methods_count;
	return descriptors->methods;
}
