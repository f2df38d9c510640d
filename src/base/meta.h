/* meta.h - what Protobuf's descriptors know and protobuf-c's do not.
 *
 * gen/meta holds these tables for our own messages; pbjson makes them at run time from a
 * FileDescriptorSet for messages it was not built with. They drive the wire check and the JSON
 * mapping, both of which work on encoded bytes.
 * Lifetime: generated tables are constant. Threads: read-only. */
#ifndef USHER_BASE_META_H
#define USHER_BASE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers as in FieldDescriptorProto.Type. */
enum meta_type {
	META_DOUBLE = 1,
	META_FLOAT = 2,
	META_INT64 = 3,
	META_UINT64 = 4,
	META_INT32 = 5,
	META_FIXED64 = 6,
	META_FIXED32 = 7,
	META_BOOL = 8,
	META_STRING = 9,
	META_MESSAGE = 11,
	META_BYTES = 12,
	META_UINT32 = 13,
	META_ENUM = 14,
	META_SFIXED32 = 15,
	META_SFIXED64 = 16,
	META_SINT32 = 17,
	META_SINT64 = 18,
};

enum meta_flag {
	META_REPEATED = 1 << 0,
	META_PACKED = 1 << 1,   /* written packed; both forms are read */
	META_MAP = 1 << 2,      /* repeated entries of message: key is field 1, value field 2 */
	META_PRESENCE = 1 << 3, /* not printed when absent: messages, members of a oneof */
	META_SECRET = 1 << 4,
	META_PII = 1 << 5,
	META_JSON = 1 << 6,     /* a string that holds a JSON object */
	META_REQUIRED = 1 << 7, /* must be there and not empty */
};

/* Messages that Protobuf's JSON mapping treats apart. */
enum meta_well_known {
	META_PLAIN = 0,
	META_TIMESTAMP,
	META_DURATION,
	META_FIELD_MASK,
	META_WRAPPER, /* google.protobuf.StringValue and the like: the bare value */
	META_EMPTY,
	META_STRUCT, /* Struct, Value, ListValue, Any: known, refused in our own .proto files */
};

struct meta_enum_value {
	const char *name;
	int32_t number;
};

struct meta_enum {
	const char *full_name;
	const struct meta_enum_value *values; /* in the order of the .proto */
	size_t values_count;
};

struct meta_message;

struct meta_field {
	uint32_t number;
	uint8_t type;  /* enum meta_type */
	uint8_t flags; /* enum meta_flag */
	int16_t oneof; /* index of its oneof, or -1 */
	const char *name;
	const char *json_name;
	const struct meta_message *message;  /* META_MESSAGE */
	const struct meta_enum *enumeration; /* META_ENUM */
	/* Limits; 0 stands for none. Lengths are bytes for bytes, characters for strings. */
	uint32_t length_min, length_max;
	uint32_t items_max;
	bool has_range;
	int64_t range_min, range_max; /* integers */
};

struct meta_message {
	const char *full_name;           /* "usher.v1.LoginRequest" */
	const struct meta_field *fields; /* by number */
	size_t fields_count;
	uint8_t well_known; /* enum meta_well_known */
	bool map_entry;
	bool has_secret; /* it or a message below it holds a secret field */
};

/* The field of that number, or NULL. */
const struct meta_field *meta_field_by_number(const struct meta_message *message, uint32_t number);
/* By json_name or, as the mapping allows, by name; or NULL. name need not end in NUL. */
const struct meta_field *
meta_field_by_json_name(const struct meta_message *message, const char *name, size_t name_bytes);
const struct meta_enum_value *
meta_enum_by_number(const struct meta_enum *enumeration, int32_t number);
const struct meta_enum_value *
meta_enum_by_name(const struct meta_enum *enumeration, const char *name, size_t name_bytes);

#endif
