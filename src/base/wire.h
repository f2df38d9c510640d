/* wire.h - Protobuf's encoding, one field at a time.
 *
 *     struct wire_reader reader = wire_reader_of(bytes);
 *     while (wire_next(&reader, &field)) ...
 *     if (reader.failed) ...
 *
 * Refused: fields cut short, varints of more than 64 bits, field number 0, groups; tags and lengths
 * of more than 32 bits or written in more than 5 bytes, as Protobuf's own parsers refuse them.
 * Lifetime: fields borrow the bytes. Threads: any. Source: protobuf.dev, "Encoding". */
#ifndef USHER_BASE_WIRE_H
#define USHER_BASE_WIRE_H

#include "base/meta.h"
#include "base/str.h"

#include <endian.h>

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

/* How values of a field are encoded when they are not packed. */
static inline enum wire_type
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

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;     /* VARINT, FIXED64, FIXED32 */
	struct slice bytes; /* BYTES */
};

struct wire_reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct wire_reader
wire_reader_of(struct slice bytes)
{
	/* Nothing may be nowhere, and that has no end to count to. */
	const uint8_t *end = bytes.bytes ? bytes.data + bytes.bytes : bytes.data;

	return (struct wire_reader){bytes.data, end, false};
}

#define WIRE_VARINT_BYTES_MAX 10

static inline bool
wire_read_varint(struct wire_reader *reader, uint64_t *out)
{
	if (reader->at < reader->end && *reader->at < 0x80) {
		*out = *reader->at++;
		return true;
	}
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
		const uint8_t byte = *reader->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	reader->failed = true;
	return false;
}

#define WIRE_VARINT32_BYTES_MAX 5

/* A tag or a length. */
static inline bool
wire_read_varint32(struct wire_reader *reader, uint64_t *out)
{
	const uint8_t *start = reader->at;

	if (!wire_read_varint(reader, out))
		return false;
	if (reader->at - start > WIRE_VARINT32_BYTES_MAX || *out > UINT32_MAX) {
		reader->failed = true;
		return false;
	}
	return true;
}

static inline bool
wire_read_fixed(struct wire_reader *reader, size_t bytes, uint64_t *out)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < bytes) {
		reader->failed = true;
		return false;
	}
	memcpy(&value, reader->at, bytes);
	reader->at += bytes;
	*out = le64toh(value);
	return true;
}

static inline bool
wire_read_bytes(struct wire_reader *reader, struct slice *out)
{
	uint64_t bytes = 0;

	if (!wire_read_varint32(reader, &bytes))
		return false;
	if (bytes > (uint64_t)(reader->end - reader->at)) {
		reader->failed = true;
		return false;
	}
	*out = slice_of(reader->at, (size_t)bytes);
	reader->at += bytes;
	return true;
}

/* The next of the numbers that stand in one field, packed; of no other type than these three. */
static inline bool
wire_next_packed(struct wire_reader *reader, enum wire_type type, uint64_t *out)
{
	if (type == WIRE_VARINT)
		return wire_read_varint(reader, out);
	return wire_read_fixed(reader, type == WIRE_FIXED64 ? 8 : 4, out);
}

/* The next field; false at the end, and when what follows is none (failed is set). */
static inline bool
wire_next(struct wire_reader *reader, struct wire_field *field)
{
	uint64_t tag = 0;

	if (reader->at >= reader->end || !wire_read_varint32(reader, &tag))
		return false;
	field->number = (uint32_t)(tag >> 3);
	field->type = (enum wire_type)(tag & 7);
	if (field->number == 0) {
		reader->failed = true;
		return false;
	}
	switch (field->type) {
	case WIRE_VARINT:
		return wire_read_varint(reader, &field->value);
	case WIRE_FIXED64:
		return wire_read_fixed(reader, 8, &field->value);
	case WIRE_BYTES:
		return wire_read_bytes(reader, &field->bytes);
	case WIRE_FIXED32:
		return wire_read_fixed(reader, 4, &field->value);
	}
	reader->failed = true;
	return false;
}

/* Signed numbers of the sint types: small whatever their sign. */
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

/* Writing: size first, then into room that is known to suffice. Each put returns where the next
 * one goes. Proto3 leaves out what is zero or empty: so do the *_field functions. */

static inline size_t
wire_varint_size(uint64_t value)
{
	const unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	return (bits + 6) / 7;
}

static inline uint8_t *
wire_put_varint(uint8_t *at, uint64_t value)
{
	while (value >= 0x80) {
		*at++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t)value;
	return at;
}

static inline uint64_t
wire_tag(uint32_t number, enum wire_type type)
{
	return (uint64_t)number << 3 | type;
}

static inline size_t
wire_varint_field_size(uint32_t number, uint64_t value)
{
	return value ? wire_varint_size(wire_tag(number, 0)) + wire_varint_size(value) : 0;
}

static inline uint8_t *
wire_put_varint_field(uint8_t *at, uint32_t number, uint64_t value)
{
	if (value == 0)
		return at;
	return wire_put_varint(wire_put_varint(at, wire_tag(number, WIRE_VARINT)), value);
}

static inline size_t
wire_fixed_field_size(uint32_t number, uint64_t value, size_t bytes)
{
	return value ? wire_varint_size(wire_tag(number, 0)) + bytes : 0;
}

/* bytes: 4 or 8. */
static inline uint8_t *
wire_put_fixed_field(uint8_t *at, uint32_t number, uint64_t value, size_t bytes)
{
	if (value == 0)
		return at;
	at = wire_put_varint(at, wire_tag(number, bytes == 4 ? WIRE_FIXED32 : WIRE_FIXED64));
	value = htole64(value);
	memcpy(at, &value, bytes);
	return at + bytes;
}

/* The size of a field of bytes that is there even when empty (an item, a message). */
static inline size_t
wire_item_size(uint32_t number, size_t bytes)
{
	return wire_varint_size(wire_tag(number, 0)) + wire_varint_size(bytes) + bytes;
}

/* Tag and length; the caller writes the bytes behind. */
static inline uint8_t *
wire_put_item_head(uint8_t *at, uint32_t number, size_t bytes)
{
	return wire_put_varint(wire_put_varint(at, wire_tag(number, WIRE_BYTES)), bytes);
}

static inline size_t
wire_bytes_field_size(uint32_t number, struct slice bytes)
{
	return bytes.bytes ? wire_item_size(number, bytes.bytes) : 0;
}

static inline uint8_t *
wire_put_bytes_field(uint8_t *at, uint32_t number, struct slice bytes)
{
	if (bytes.bytes == 0)
		return at;
	at = wire_put_item_head(at, number, bytes.bytes);
	memcpy(at, bytes.data, bytes.bytes);
	return at + bytes.bytes;
}

#endif
