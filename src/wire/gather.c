#include "wire/gather.h"

#include "base/wire.h"

static bool
is_whole(struct slice message)
{
	struct wire_reader reader = wire_reader_of(message);
	struct wire_field field;

	while (wire_next(&reader, &field))
		;
	return !reader.failed;
}

status
wire_gather(struct slice message, uint32_t number, struct arena *arena, struct slice *out)
{
	struct wire_reader reader = wire_reader_of(message);
	struct wire_field field;
	uint8_t *room = arena_alloc(arena, message.bytes);
	size_t used = 0;

	if (!room)
		return ARENA_EXHAUSTED;
	while (wire_next(&reader, &field)) {
		if (field.number != number || field.type != WIRE_BYTES || field.bytes.bytes == 0)
			continue;
		/* Pieces that end within a field would be made whole by the next one. */
		if (!is_whole(field.bytes))
			return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD",
			    "the payload is cut short or is no Protobuf message");
		memcpy(room + used, field.bytes.data, field.bytes.bytes);
		used += field.bytes.bytes;
	}
	*out = slice_of(room, used);
	return STATUS_OK;
}
