#include "pbjson/wire.h"

#include <string.h>

#define VARINT_BYTES_MAX 10

static bool
take_varint(struct wire_cursor *cursor, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_BYTES_MAX && cursor->at + i < cursor->end; i++) {
		uint8_t byte = cursor->at[i];
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			if (i == VARINT_BYTES_MAX - 1 && byte > 1)
				return false;
			cursor->at += i + 1;
			*out = value;
			return true;
		}
	}
	return false;
}

static bool
take_fixed(struct wire_cursor *cursor, size_t bytes, uint64_t *out)
{
	uint64_t value = 0;

	if ((size_t)(cursor->end - cursor->at) < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)cursor->at[i] << (8 * i);
	cursor->at += bytes;
	*out = value;
	return true;
}

bool
wire_next_packed(struct wire_cursor *cursor, enum wire_type type, uint64_t *out)
{
	switch (type) {
	case WIRE_VARINT:
		return take_varint(cursor, out);
	case WIRE_FIXED64:
		return take_fixed(cursor, 8, out);
	case WIRE_FIXED32:
		return take_fixed(cursor, 4, out);
	default:
		return false;
	}
}

bool
wire_next(struct wire_cursor *cursor, struct wire_field *out)
{
	struct wire_cursor next = *cursor;
	uint64_t tag, length;

	if (!take_varint(&next, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	*out = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
	if (out->type == WIRE_BYTES) {
		if (!take_varint(&next, &length) || length > (uint64_t)(next.end - next.at))
			return false;
		out->bytes = slice_of(next.at, (size_t)length);
		next.at += length;
	} else if (!wire_next_packed(&next, out->type, &out->value)) {
		return false;
	}
	*cursor = next;
	return true;
}

enum wire_type
wire_type_of(const struct meta_field *field)
{
	switch (field->type) {
	case META_DOUBLE:
	case META_FIXED64:
	case META_SFIXED64:
		return WIRE_FIXED64;
	case META_FLOAT:
	case META_FIXED32:
	case META_SFIXED32:
		return WIRE_FIXED32;
	case META_STRING:
	case META_BYTES:
	case META_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

static size_t
varint_encode(uint64_t value, uint8_t out[VARINT_BYTES_MAX])
{
	size_t bytes = 0;

	while (value >= 0x80) {
		out[bytes++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[bytes++] = (uint8_t)value;
	return bytes;
}

void
wire_put_varint(struct strbuf *out, uint64_t value)
{
	uint8_t text[VARINT_BYTES_MAX];

	strbuf_add(out, text, varint_encode(value, text));
}

void
wire_put_tag(struct strbuf *out, uint32_t number, enum wire_type type)
{
	wire_put_varint(out, (uint64_t)number << 3 | type);
}

void
wire_put_number(struct strbuf *out, enum wire_type type, uint64_t value)
{
	size_t bytes = type == WIRE_FIXED64 ? 8 : 4;
	uint8_t fixed[8];

	if (type == WIRE_VARINT) {
		wire_put_varint(out, value);
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		fixed[i] = (uint8_t)(value >> (8 * i));
	strbuf_add(out, fixed, bytes);
}

void
wire_put_bytes(struct strbuf *out, uint32_t number, struct slice bytes)
{
	wire_put_tag(out, number, WIRE_BYTES);
	wire_put_varint(out, bytes.bytes);
	strbuf_add(out, bytes.data, bytes.bytes);
}

size_t
wire_open(struct strbuf *out, uint32_t number)
{
	wire_put_tag(out, number, WIRE_BYTES);
	return out->bytes;
}

void
wire_close(struct strbuf *out, size_t opened_at)
{
	uint8_t text[VARINT_BYTES_MAX];
	size_t length = out->failed ? 0 : out->bytes - opened_at;
	size_t text_bytes = varint_encode(length, text);

	if (!strbuf_reserve(out, text_bytes))
		return;
	strbuf_commit(out, text_bytes);
	memmove(out->data + opened_at + text_bytes, out->data + opened_at, length);
	memcpy(out->data + opened_at, text, text_bytes);
}
