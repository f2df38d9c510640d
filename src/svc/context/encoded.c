#include "svc/context/encoded.h"

#include <assert.h>

#define LENGTH_BYTES_MAX 10

static size_t
write_length(size_t length, uint8_t out[LENGTH_BYTES_MAX])
{
	size_t at = 0;

	for (; length >= 0x80; length >>= 7)
		out[at++] = (uint8_t)(length | 0x80);
	out[at++] = (uint8_t)length;
	return at;
}

status
encoded_make(struct arena *arena, const ProtobufCMessage *message, struct slice *out)
{
	const size_t length = protobuf_c_message_get_packed_size(message);
	uint8_t prefix[LENGTH_BYTES_MAX];
	const size_t prefix_bytes = write_length(length, prefix);
	uint8_t *data = arena_alloc(arena, prefix_bytes + length);

	if (!data)
		return ARENA_EXHAUSTED;
	memcpy(data, prefix, prefix_bytes);
	(void)protobuf_c_message_pack(message, data + prefix_bytes);
	*out = slice_of(data, prefix_bytes + length);
	return STATUS_OK;
}

status
encoded_hang(struct arena *arena, ProtobufCMessage *into, uint32_t number, struct slice encoded)
{
	if (!into->unknown_fields)
		into->unknown_fields =
		    arena_alloc(arena, ENCODED_FIELDS_MAX * sizeof(*into->unknown_fields));
	if (!into->unknown_fields)
		return ARENA_EXHAUSTED;
	assert(into->n_unknown_fields < ENCODED_FIELDS_MAX);
	into->unknown_fields[into->n_unknown_fields++] = (ProtobufCMessageUnknownField){
	    .tag = number,
	    .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
	    .len = encoded.bytes,
	    .data = (uint8_t *)(uintptr_t)encoded.data,
	};
	return STATUS_OK;
}
