#include "wire/unpack.h"

#include "base/wire.h"
#include "wire/gather.h"

/* protobuf-c gives up with NULL for both reasons; which it was is noted here. */
struct arena_allocator {
	ProtobufCAllocator base;
	struct arena *arena;
	bool exhausted;
};

static void *
allocate(void *data, size_t bytes)
{
	struct arena_allocator *allocator = data;
	void *memory = arena_alloc(allocator->arena, bytes);

	if (!memory)
		allocator->exhausted = true;
	return memory;
}

/* The arena gives all back at once. */
static void
release(void *data, void *memory)
{
	(void)data;
	(void)memory;
}

/* protobuf-c 1.4 loses numbers when it merges a message field that occurs twice (it looks for
 * proto2's presence). So they are put in a row before it sees them. */
static const ProtobufCFieldDescriptor *
message_field(const ProtobufCMessageDescriptor *descriptor, const struct wire_field *field)
{
	const ProtobufCFieldDescriptor *found;

	if (field->type != WIRE_BYTES)
		return NULL;
	found = protobuf_c_message_descriptor_get_field(descriptor, field->number);
	if (!found || found->type != PROTOBUF_C_TYPE_MESSAGE ||
	    (found->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		return NULL;
	return found;
}

static bool
is_single(const ProtobufCFieldDescriptor *field)
{
	return field->label != PROTOBUF_C_LABEL_REPEATED;
}

/* Does a message field that should occur once occur again, here or further in? */
static bool
has_repeats(const ProtobufCMessageDescriptor *descriptor, struct slice bytes)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field;
	uint64_t seen = 0;

	while (wire_next(&reader, &field)) {
		const ProtobufCFieldDescriptor *message = message_field(descriptor, &field);
		if (!message)
			continue;
		const size_t index = (size_t)(message - descriptor->fields);
		/* Beyond the bits it may be so: then it is put in a row for nothing. */
		if (is_single(message) && (index >= 64 || (seen >> index & 1)))
			return true;
		seen |= UINT64_C(1) << (index & 63);
		if (has_repeats(message->descriptor, field.bytes))
			return true;
	}
	return false;
}

static bool
occurs_before(struct slice bytes, const uint8_t *end, uint32_t number)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field;

	while (reader.at < end && wire_next(&reader, &field))
		if (field.number == number && field.type == WIRE_BYTES)
			return true;
	return false;
}

/* Has the field, which begins at start, occurred already? A message may be stuffed with thousands
 * of occurrences, so that each must not look at all the others. */
static bool
is_again(const ProtobufCMessageDescriptor *descriptor, const ProtobufCFieldDescriptor *field,
    struct slice bytes, const uint8_t *start, uint64_t *seen)
{
	const size_t index = (size_t)(field - descriptor->fields);

	if (index >= 64)
		return occurs_before(bytes, start, field->id);
	const bool is_seen = *seen >> index & 1;
	*seen |= UINT64_C(1) << index;
	return is_seen;
}

/* The same message without repeats; never longer, for each one that goes takes its head along.
 * Depth: wire_check() has bounded it. */
static status
join_repeats(const ProtobufCMessageDescriptor *descriptor, struct slice bytes, struct arena *arena,
    struct slice *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field;
	uint8_t *room = arena_alloc(arena, bytes.bytes);
	uint8_t *at = room;
	uint64_t seen = 0;

	if (!room)
		return ARENA_EXHAUSTED;
	for (const uint8_t *start = reader.at; wire_next(&reader, &field); start = reader.at) {
		const ProtobufCFieldDescriptor *message = message_field(descriptor, &field);
		struct slice content = field.bytes;
		if (!message) {
			memcpy(at, start, (size_t)(reader.at - start));
			at += reader.at - start;
			continue;
		}
		if (is_single(message)) {
			if (is_again(descriptor, message, bytes, start, &seen))
				continue;
			TRY(wire_gather(bytes, field.number, arena, &content));
		}
		TRY(join_repeats(message->descriptor, content, arena, &content));
		at = wire_put_item_head(at, field.number, content.bytes);
		if (content.bytes)
			memcpy(at, content.data, content.bytes);
		at += content.bytes;
	}
	*out = slice_of(room, (size_t)(at - room));
	return STATUS_OK;
}

status
wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct slice payload, struct arena *arena,
    ProtobufCMessage **out)
{
	struct arena_allocator allocator = {.arena = arena};

	if (has_repeats(descriptor, payload))
		TRY(join_repeats(descriptor, payload, arena, &payload));
	allocator.base = (ProtobufCAllocator){allocate, release, &allocator};
	ProtobufCMessage *message =
	    protobuf_c_message_unpack(descriptor, &allocator.base, payload.bytes, payload.data);
	if (!message && allocator.exhausted)
		return ARENA_EXHAUSTED;
	if (!message)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", "the payload can't be read");
	*out = message;
	return STATUS_OK;
}

status
wire_message_new(
    const ProtobufCMessageDescriptor *descriptor, struct arena *arena, ProtobufCMessage **out)
{
	ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

	if (!message)
		return ARENA_EXHAUSTED;
	protobuf_c_message_init(descriptor, message);
	*out = message;
	return STATUS_OK;
}
