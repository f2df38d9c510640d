/* protobuf-c knows no extensions: our options are unknown fields to it. protoc may write one option
 * in several pieces, which joined are one message again (that is what merging means on the wire).
 */
#include "plugin/model.h"

enum { RULES = 50700, FIELD = 50701 };

/* Bytes that the length in front of a length-delimited field takes. */
static size_t
prefix_bytes(const ProtobufCMessageUnknownField *field)
{
	size_t n = 0;

	while (n < field->len && field->data[n] & 0x80)
		n++;
	return n < field->len ? n + 1 : field->len;
}

static status
join_pieces(
    struct arena *arena, const ProtobufCMessage *options, uint32_t number, struct slice *out)
{
	size_t bytes = 0;

	*out = SLICE_NONE;
	if (!options)
		return STATUS_OK;
	for (unsigned i = 0; i < options->n_unknown_fields; i++)
		bytes += options->unknown_fields[i].len;
	uint8_t *joined = arena_alloc(arena, bytes);
	if (!joined)
		return ARENA_EXHAUSTED;
	size_t n = 0;
	for (unsigned i = 0; i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
		if (field->tag != number ||
		    field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			continue;
		size_t prefix = prefix_bytes(field);
		memcpy(joined + n, field->data + prefix, field->len - prefix);
		n += field->len - prefix;
	}
	*out = slice_of(joined, n);
	return STATUS_OK;
}

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

/* The message made of an option's pieces; an empty one when the option is absent. */
static status
unpack_option(struct model *model, const struct model_place *place, const ProtobufCMessage *options,
    uint32_t number, const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **out)
{
	ProtobufCAllocator allocator = {allocate, keep, model->arena};
	static const uint8_t nothing;
	struct slice joined;

	TRY(join_pieces(model->arena, options, number, &joined));
	*out = protobuf_c_message_unpack(
	    descriptor, &allocator, joined.bytes, joined.bytes ? joined.data : &nothing);
	if (*out)
		return STATUS_OK;
	model_refuse(model, place, NULL, "its options can't be read");
	*out = protobuf_c_message_unpack(descriptor, &allocator, 0, &nothing);
	return *out ? STATUS_OK : ARENA_EXHAUSTED;
}

/* A member that this generator was not built with would be lost without a word. */
static void
refuse_unknown(struct model *model, const struct model_place *place, const char *option,
    const ProtobufCMessage *message)
{
	if (message->n_unknown_fields)
		model_refuse(model, place, option, "%s has no member %u: rebuild the generator",
		    message->descriptor->short_name, (unsigned)message->unknown_fields[0].tag);
}

static void
refuse_unknown_http(
    struct model *model, const struct model_place *place, const Usher__V1__HttpRule *http)
{
	refuse_unknown(model, place, "http", &http->base);
	for (size_t i = 0; i < http->n_additional_bindings; i++)
		refuse_unknown(model, place, "http", &http->additional_bindings[i]->base);
}

status
model_method_rules_read(struct model *model, struct model_method *method, const method_proto *proto)
{
	const ProtobufCMessage *options = proto->options ? &proto->options->base : NULL;
	ProtobufCMessage *made;

	TRY(unpack_option(
	    model, &method->place, options, RULES, &usher__v1__method_rules__descriptor, &made));
	const Usher__V1__MethodRules *rules = (const Usher__V1__MethodRules *)made;
	method->rules = rules;

	refuse_unknown(model, &method->place, NULL, &rules->base);
	for (size_t i = 0; i < rules->n_access; i++)
		refuse_unknown(model, &method->place, "access", &rules->access[i]->base);
	if (rules->http)
		refuse_unknown_http(model, &method->place, rules->http);
	return STATUS_OK;
}

status
model_field_rules_read(struct model *model, struct model_field *field)
{
	const ProtobufCMessage *options =
	    field->proto->options ? &field->proto->options->base : NULL;
	ProtobufCMessage *made;

	TRY(unpack_option(
	    model, &field->place, options, FIELD, &usher__v1__field_rules__descriptor, &made));
	field->rules = (const Usher__V1__FieldRules *)made;
	refuse_unknown(model, &field->place, NULL, made);
	if (field->rules->range)
		refuse_unknown(model, &field->place, "range", &field->rules->range->base);
	return STATUS_OK;
}
