/* wire.h - Protobuf's encoding, field by field. pbjson's own. */
#ifndef USHER_PBJSON_WIRE_H
#define USHER_PBJSON_WIRE_H

#include "base/meta.h"
#include "base/str.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

/* One field as it lies in a message. */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;     /* of VARINT and the fixed ones */
	struct slice bytes; /* of BYTES */
};

/* What is left of a message. */
struct wire_cursor {
	const uint8_t *at, *end;
};

static inline struct wire_cursor
wire_cursor_of(struct slice encoded)
{
	const uint8_t *at = encoded.bytes ? encoded.data : (const uint8_t *)"";

	return (struct wire_cursor){at, at + encoded.bytes};
}

/* The next field. false at the end, and for bytes that are none: then at is not end. */
bool wire_next(struct wire_cursor *cursor, struct wire_field *out);
/* The next item of a packed field. */
bool wire_next_packed(struct wire_cursor *cursor, enum wire_type type, uint64_t *out);

/* How values of a type are encoded when they are not packed. */
enum wire_type wire_type_of(const struct meta_field *field);

void wire_put_varint(struct strbuf *out, uint64_t value);
void wire_put_tag(struct strbuf *out, uint32_t number, enum wire_type type);
/* A number without its tag. */
void wire_put_number(struct strbuf *out, enum wire_type type, uint64_t value);
void wire_put_bytes(struct strbuf *out, uint32_t number, struct slice bytes);

/* A field whose length is known only behind its content: open it, append the content, close it. */
size_t wire_open(struct strbuf *out, uint32_t number);
void wire_close(struct strbuf *out, size_t opened_at);

static inline uint64_t
wire_zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t
wire_unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
