#include "wire/unpack.h"

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

status
wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct slice payload, struct arena *arena,
    ProtobufCMessage **out)
{
	struct arena_allocator allocator = {.arena = arena};

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
