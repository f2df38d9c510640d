#include "pbjson/wire.h"

#include <string.h>

void
wire_append_varint(struct strbuf *out, uint64_t value)
{
	uint8_t text[WIRE_VARINT_BYTES_MAX];

	strbuf_add(out, text, (size_t)(wire_put_varint(text, value) - text));
}

void
wire_append_tag(struct strbuf *out, uint32_t number, enum wire_type type)
{
	wire_append_varint(out, wire_tag(number, type));
}

void
wire_append_number(struct strbuf *out, enum wire_type type, uint64_t value)
{
	size_t bytes = type == WIRE_FIXED64 ? 8 : 4;
	uint8_t fixed[8];

	if (type == WIRE_VARINT) {
		wire_append_varint(out, value);
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		fixed[i] = (uint8_t)(value >> (8 * i));
	strbuf_add(out, fixed, bytes);
}

void
wire_append_bytes(struct strbuf *out, uint32_t number, struct slice bytes)
{
	wire_append_tag(out, number, WIRE_BYTES);
	wire_append_varint(out, bytes.bytes);
	strbuf_add(out, bytes.data, bytes.bytes);
}

size_t
wire_open(struct strbuf *out, uint32_t number)
{
	wire_append_tag(out, number, WIRE_BYTES);
	return out->bytes;
}

void
wire_close(struct strbuf *out, size_t opened_at)
{
	uint8_t text[WIRE_VARINT_BYTES_MAX];
	size_t length = out->failed ? 0 : out->bytes - opened_at;
	size_t text_bytes = (size_t)(wire_put_varint(text, length) - text);

	if (!strbuf_reserve(out, text_bytes))
		return;
	strbuf_commit(out, text_bytes);
	memmove(out->data + opened_at + text_bytes, out->data + opened_at, length);
	memcpy(out->data + opened_at, text, text_bytes);
}
