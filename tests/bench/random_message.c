#include "random_message.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 3
#define TEXT_CHARS_MAX 40
#define CHAR_BYTES_MAX 4
#define VARINT_BYTES_MAX 10
/* A field's number and length. */
#define HEAD_BYTES_MAX (2 * VARINT_BYTES_MAX)
/* Of a nested message, so that its length takes two bytes at most. */
#define INNER_BYTES_MAX 2048

enum wire { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_LENGTH = 2, WIRE_4_BYTES = 5 };

static size_t fields_write(uint64_t *state, const ProtobufCMessageDescriptor *kind, unsigned depth,
    uint8_t *out, size_t room);

uint64_t
random_next(uint64_t *state)
{
	/* xorshift64 */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t
varint_write(uint64_t value, uint8_t *out)
{
	size_t at = 0;

	for (; value >= 0x80; value >>= 7)
		out[at++] = (uint8_t)(value | 0x80);
	out[at++] = (uint8_t)value;
	return at;
}

static size_t
head_write(const ProtobufCFieldDescriptor *field, enum wire wire, uint8_t *out)
{
	return varint_write((uint64_t)field->id << 3 | wire, out);
}

static uint64_t
number_choose(uint64_t *state)
{
	static const uint64_t edges[] = {0, 1, 77, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
	const uint64_t which = random_next(state) % (sizeof(edges) / sizeof(edges[0]) + 1);

	return which < sizeof(edges) / sizeof(edges[0]) ? edges[which] : random_next(state);
}

/* Letters of all lengths that UTF-8 has, some of which change how the others are read. */
static size_t
text_write(uint64_t *state, uint8_t *out)
{
	static const char *const chars[] = {
	    "\t", " ", "/", "A", "\x7f", "\u00e9", "\u202e", "\ufffd", "\U0001f600"};
	const uint64_t count = random_next(state) % TEXT_CHARS_MAX;
	size_t at = 0;

	for (uint64_t i = 0; i < count; i++) {
		const char *c = chars[random_next(state) % (sizeof(chars) / sizeof(chars[0]))];
		memcpy(out + at, c, strlen(c));
		at += strlen(c);
	}
	return at;
}

static size_t
bytes_write(uint64_t *state, uint8_t *out)
{
	const size_t count = random_next(state) % TEXT_CHARS_MAX;

	for (size_t i = 0; i < count; i++)
		out[i] = (uint8_t)random_next(state);
	return count;
}

static size_t
length_write(uint64_t *state, const ProtobufCFieldDescriptor *field, unsigned depth, uint8_t *out)
{
	uint8_t value[INNER_BYTES_MAX];
	size_t bytes;

	if (field->type == PROTOBUF_C_TYPE_STRING)
		bytes = text_write(state, value);
	else if (field->type == PROTOBUF_C_TYPE_BYTES)
		bytes = bytes_write(state, value);
	else
		bytes = fields_write(state, field->descriptor, depth + 1, value, sizeof(value));
	size_t at = head_write(field, WIRE_LENGTH, out);
	at += varint_write(bytes, out + at);
	memcpy(out + at, value, bytes);
	return at + bytes;
}

/* Once; there is room for the longest. */
static size_t
field_write(uint64_t *state, const ProtobufCFieldDescriptor *field, unsigned depth, uint8_t *out)
{
	const uint64_t value = number_choose(state);
	size_t at;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return length_write(state, field, depth, out);
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		at = head_write(field, WIRE_4_BYTES, out);
		memcpy(out + at, &value, 4);
		return at + 4;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		at = head_write(field, WIRE_8_BYTES, out);
		memcpy(out + at, &value, 8);
		return at + 8;
	default:
		at = head_write(field, WIRE_VARINT, out);
		return at + varint_write(value, out + at);
	}
}

static size_t
longest(const ProtobufCFieldDescriptor *field)
{
	return HEAD_BYTES_MAX + (field->type == PROTOBUF_C_TYPE_MESSAGE
					? INNER_BYTES_MAX
					: (size_t)TEXT_CHARS_MAX * CHAR_BYTES_MAX);
}

static size_t
fields_write(uint64_t *state, const ProtobufCMessageDescriptor *kind, unsigned depth, uint8_t *out,
    size_t room)
{
	size_t at = 0;

	for (unsigned i = 0; i < kind->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &kind->fields[i];
		const bool is_many = field->label == PROTOBUF_C_LABEL_REPEATED;
		const bool is_too_deep =
		    field->type == PROTOBUF_C_TYPE_MESSAGE && depth == DEPTH_MAX;
		uint64_t count = is_many ? random_next(state) % 4 : 1;

		if (is_too_deep || random_next(state) % 10 < 3)
			continue;
		for (; count > 0 && room - at >= longest(field); count--)
			at += field_write(state, field, depth, out + at);
	}
	return at;
}

size_t
random_message(uint64_t *state, const ProtobufCMessageDescriptor *kind, uint8_t *out, size_t room)
{
	return fields_write(state, kind, 0, out, room);
}
