#include "pbjson/pbjson.h"

#include "pbjson/text.h"
#include "pbjson/wire.h"
#include "json/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_ON_STACK 128
#define COMPLAINT_BYTES_MAX 1024
#define NAME_SHOWN_BYTES_MAX 80

/* One call: what is read, and what is written. reader is NULL for a bare text. */
struct from {
	struct reader *reader;
	struct arena *arena;
	struct strbuf *out;
};

struct token {
	enum reader_token kind;
	struct slice value;
};

/* Where we are, for messages: a list from the inside to the outside. */
struct place {
	const struct place *up;
	struct slice name;
	size_t index;
	bool is_index;
};

static void
place_write(const struct place *place, struct strbuf *out)
{
	if (!place)
		return;
	place_write(place->up, out);
	if (place->is_index) {
		strbuf_add_format(out, "[%zu]", place->index);
	} else {
		if (place->up)
			strbuf_add_char(out, '.');
		/* Names are the client's: a long one would hide what is wrong with it. */
		struct slice shown = utf8_start(place->name, NAME_SHOWN_BYTES_MAX);
		strbuf_add(out, shown.data, shown.bytes);
	}
}

static status
complain(const struct from *from, const struct place *place, const char *what)
{
	struct strbuf text;
	char *message;

	strbuf_init(&text, COMPLAINT_BYTES_MAX);
	place_write(place, &text);
	if (place)
		strbuf_add_text(&text, ": ");
	strbuf_add_text(&text, what);
	message = text.failed ? NULL : arena_copy(from->arena, text.data, text.bytes);
	strbuf_done(&text);
	return REFUSE(ST_INVALID_ARGUMENT, message ? message : what);
}

static status
next_token(const struct from *from, struct token *out)
{
	TRY(reader_next(from->reader, &out->kind));
	out->value = from->reader->value;
	return STATUS_OK;
}

static status from_message(const struct from *from, const struct place *place,
    const struct meta_message *message, struct token token);

static bool
is_signed_type(enum meta_type type)
{
	switch (type) {
	case META_INT32:
	case META_SINT32:
	case META_SFIXED32:
	case META_INT64:
	case META_SINT64:
	case META_SFIXED64:
		return true;
	default:
		return false;
	}
}

static bool
is_64_bits(enum meta_type type)
{
	switch (type) {
	case META_INT64:
	case META_SINT64:
	case META_SFIXED64:
	case META_UINT64:
	case META_FIXED64:
		return true;
	default:
		return false;
	}
}

/* A whole number as its type writes it: zigzag, two's complement, cut to 32 bits where fixed. */
static uint64_t
integer_encode(enum meta_type type, int64_t value)
{
	if (type == META_SINT32 || type == META_SINT64)
		return wire_zigzag(value);
	return type == META_SFIXED32 ? (uint32_t)value : (uint64_t)value;
}

static status
from_integer(const struct from *from, const struct place *place, enum meta_type type,
    struct token token, uint64_t *out)
{
	bool negative, out_of_range, wide = is_64_bits(type);
	uint64_t magnitude, limit;

	if (token.kind != READER_NUMBER && token.kind != READER_STRING)
		return complain(from, place, "expected a whole number");
	if (!text_parse_integer(token.value, &negative, &magnitude, &out_of_range))
		return complain(from, place, "expected a whole number");
	if (is_signed_type(type))
		limit = (wide ? (uint64_t)INT64_MAX : (uint64_t)INT32_MAX) + negative;
	else
		limit = negative ? 0 : wide ? UINT64_MAX : UINT32_MAX;
	if (out_of_range || magnitude > limit)
		return complain(from, place, "the number is out of range");
	if (is_signed_type(type))
		*out = integer_encode(type, (int64_t)(negative ? 0 - magnitude : magnitude));
	else
		*out = magnitude;
	return STATUS_OK;
}

static bool
parse_special_float(struct slice text, double *out)
{
	if (slice_equals_text(text, "NaN"))
		*out = (double)NAN;
	else if (slice_equals_text(text, "Infinity"))
		*out = (double)INFINITY;
	else if (slice_equals_text(text, "-Infinity"))
		*out = -(double)INFINITY;
	else
		return false;
	return true;
}

static status
from_float(const struct from *from, const struct place *place, enum meta_type type,
    struct token token, uint64_t *out)
{
	bool special = token.kind == READER_STRING;
	double value;
	float narrow;
	uint32_t narrow_bits;

	if (token.kind != READER_NUMBER && token.kind != READER_STRING)
		return complain(from, place, "expected a number");
	if (!special || !parse_special_float(token.value, &value)) {
		if (!text_is_number(token.value))
			return complain(from, place, "expected a number");
		const char *text = arena_copy(from->arena, token.value.data, token.value.bytes);
		if (!text)
			return ARENA_EXHAUSTED;
		value = strtod(text, NULL);
		if (isinf(value) || (type == META_FLOAT && isinf((float)value)))
			return complain(from, place, "the number is out of range");
	}
	if (type == META_DOUBLE) {
		memcpy(out, &value, sizeof(value));
	} else {
		narrow = (float)value;
		memcpy(&narrow_bits, &narrow, sizeof(narrow));
		*out = narrow_bits;
	}
	return STATUS_OK;
}

static status
from_enum(const struct from *from, const struct place *place, const struct meta_enum *enumeration,
    struct token token, uint64_t *out)
{
	const struct meta_enum_value *value;

	if (token.kind == READER_NUMBER)
		return from_integer(from, place, META_INT32, token, out);
	if (token.kind == READER_NULL &&
	    strcmp(enumeration->full_name, "google.protobuf.NullValue") == 0) {
		*out = 0;
		return STATUS_OK;
	}
	if (token.kind != READER_STRING)
		return complain(from, place, "expected the name of a value");
	value = meta_enum_by_name(enumeration, (const char *)token.value.data, token.value.bytes);
	if (!value)
		return complain(from, place, "there is no such value");
	*out = (uint64_t)(int64_t)value->number;
	return STATUS_OK;
}

static status
from_number(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token, uint64_t *out)
{
	switch (field->type) {
	case META_DOUBLE:
	case META_FLOAT:
		return from_float(from, place, field->type, token, out);
	case META_ENUM:
		return from_enum(from, place, field->enumeration, token, out);
	case META_BOOL:
		if (token.kind != READER_TRUE && token.kind != READER_FALSE)
			return complain(from, place, "expected true or false");
		*out = token.kind == READER_TRUE;
		return STATUS_OK;
	default:
		return from_integer(from, place, field->type, token, out);
	}
}

/* Take the blanks out of a JSON text, which the reader has found to be one. */
static struct slice
compact(struct arena *arena, struct slice json)
{
	char *out = arena_alloc(arena, json.bytes + 1);
	size_t length = 0;
	bool in_string = false;

	if (!out)
		return SLICE_NONE;
	for (size_t i = 0; i < json.bytes; i++) {
		char c = (char)json.data[i];
		if (in_string && c == '\\') {
			out[length++] = c;
			out[length++] = (char)json.data[++i];
			continue;
		}
		in_string ^= c == '"';
		if (in_string || (c != ' ' && c != '\t' && c != '\n' && c != '\r'))
			out[length++] = c;
	}
	return slice_of(out, length);
}

static status
from_bytes(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token, struct slice *out)
{
	struct slice raw;
	size_t room;
	uint8_t *data;

	if (field->flags & META_JSON) {
		if (token.kind != READER_OBJECT_BEGIN)
			return complain(from, place, "expected an object");
		TRY(reader_finish_value(from->reader, &raw));
		*out = compact(from->arena, raw);
		return out->data ? STATUS_OK : ARENA_EXHAUSTED;
	}
	if (token.kind != READER_STRING)
		return complain(from, place, "expected a string");
	*out = token.value;
	if (field->type == META_STRING)
		return STATUS_OK;
	room = token.value.bytes;
	data = arena_alloc(from->arena, room);
	if (!data)
		return ARENA_EXHAUSTED;
	if (!base64_decode_any(token.value, data, &room))
		return complain(from, place, "expected base64");
	*out = slice_of(data, room);
	return STATUS_OK;
}

/* One value with its tag. A zero without presence is not written, as no other writer does. */
static status
from_single(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token)
{
	bool always = field->flags & (META_PRESENCE | META_REPEATED);
	enum wire_type type = wire_type_of(field);
	struct slice bytes;
	uint64_t number;

	if (field->type == META_MESSAGE) {
		size_t opened_at = wire_open(from->out, field->number);
		TRY(from_message(from, place, field->message, token));
		wire_close(from->out, opened_at);
	} else if (type == WIRE_BYTES) {
		TRY(from_bytes(from, place, field, token, &bytes));
		if (always || bytes.bytes)
			wire_append_bytes(from->out, field->number, bytes);
	} else {
		TRY(from_number(from, place, field, token, &number));
		if (always || number) {
			wire_append_tag(from->out, field->number, type);
			wire_append_number(from->out, type, number);
		}
	}
	return STATUS_OK;
}

/* Does null stand for a value of this field, and not for its absence? */
static bool
null_is_a_value(const struct meta_field *field)
{
	if (field->type == META_MESSAGE)
		return strcmp(field->message->full_name, "google.protobuf.Value") == 0;
	return field->type == META_ENUM &&
	       strcmp(field->enumeration->full_name, "google.protobuf.NullValue") == 0;
}

static status
from_array(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token)
{
	bool packed = field->flags & META_PACKED;
	struct place item = {.up = place, .is_index = true};
	size_t opened_at = 0;
	uint64_t number;

	if (token.kind != READER_ARRAY_BEGIN)
		return complain(from, place, "expected an array");
	TRY(next_token(from, &token));
	if (token.kind == READER_ARRAY_END)
		return STATUS_OK;
	if (packed)
		opened_at = wire_open(from->out, field->number);
	for (; token.kind != READER_ARRAY_END; item.index++) {
		if (token.kind == READER_NULL && !null_is_a_value(field))
			return complain(from, &item, "null may not stand here");
		if (packed) {
			TRY(from_number(from, &item, field, token, &number));
			wire_append_number(from->out, wire_type_of(field), number);
		} else {
			TRY(from_single(from, &item, field, token));
		}
		TRY(next_token(from, &token));
	}
	if (packed)
		wire_close(from->out, opened_at);
	return STATUS_OK;
}

/* A key of a map is a string in JSON, whatever it is in Protobuf. Numbers in one spelling only, so
 * that keys which differ as texts differ. */
static status
from_map_key(const struct from *from, const struct place *place, const struct meta_field *key,
    struct slice text)
{
	struct token token = {READER_STRING, text};
	bool plain = text.bytes > 0;

	if (key->type == META_BOOL) {
		bool is_true = slice_equals_text(text, "true");
		if (!is_true && !slice_equals_text(text, "false"))
			return complain(from, place, "expected \"true\" or \"false\" as a key");
		token.kind = is_true ? READER_TRUE : READER_FALSE;
	} else if (key->type != META_STRING) {
		for (size_t i = 0; i < text.bytes; i++)
			plain &= (text.data[i] >= '0' && text.data[i] <= '9') ||
				 (i == 0 && text.data[i] == '-');
		if (!plain || slice_equals_text(text, "-0"))
			return complain(from, place, "expected a whole number as a key");
	}
	return from_single(from, place, key, token);
}

static status
from_map(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token)
{
	const struct meta_field *key = meta_field_by_number(field->message, 1);
	const struct meta_field *value = meta_field_by_number(field->message, 2);
	struct place entry = {.up = place};

	if (!key || !value)
		return REFUSE(ST_INTERNAL, "a map's entry has no key or no value");
	if (token.kind != READER_OBJECT_BEGIN)
		return complain(from, place, "expected an object");
	for (;;) {
		TRY(next_token(from, &token));
		if (token.kind == READER_OBJECT_END)
			return STATUS_OK;
		entry.name = token.value;
		size_t opened_at = wire_open(from->out, field->number);
		TRY(from_map_key(from, &entry, key, token.value));
		TRY(next_token(from, &token));
		if (token.kind == READER_NULL && !null_is_a_value(value))
			return complain(from, &entry, "null may not stand here");
		TRY(from_single(from, &entry, value, token));
		wire_close(from->out, opened_at);
	}
}

static status
from_field(const struct from *from, const struct place *place, const struct meta_field *field,
    struct token token)
{
	if (field->flags & META_MAP)
		return from_map(from, place, field, token);
	if (field->flags & META_REPEATED)
		return from_array(from, place, field, token);
	return from_single(from, place, field, token);
}

/* Which fields of a message have been there: a bit each. */
struct seen {
	uint8_t on_stack[FIELDS_ON_STACK / 8];
	uint8_t *bits;
};

static status
seen_begin(struct seen *seen, const struct meta_message *message, struct arena *arena)
{
	seen->bits = seen->on_stack;
	memset(seen->on_stack, 0, sizeof(seen->on_stack));
	if (message->fields_count > FIELDS_ON_STACK)
		seen->bits = arena_alloc(arena, message->fields_count / 8 + 1);
	return seen->bits ? STATUS_OK : ARENA_EXHAUSTED;
}

static bool
seen_add(struct seen *seen, size_t i)
{
	uint8_t bit = (uint8_t)(1u << (i % 8));
	bool was = seen->bits[i / 8] & bit;

	seen->bits[i / 8] |= bit;
	return was;
}

/* Has another member of the field's oneof been there? */
static bool
seen_rival(
    const struct seen *seen, const struct meta_message *message, const struct meta_field *field)
{
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct meta_field *other = &message->fields[i];
		if (other != field && other->oneof == field->oneof &&
		    (seen->bits[i / 8] & 1u << (i % 8)))
			return true;
	}
	return false;
}

static status
from_plain(const struct from *from, const struct place *place, const struct meta_message *message,
    struct token token)
{
	struct place here = {.up = place};
	struct seen named, set; /* those given as null too, and those that are set */

	if (token.kind != READER_OBJECT_BEGIN)
		return complain(from, place, "expected an object");
	TRY(seen_begin(&named, message, from->arena));
	TRY(seen_begin(&set, message, from->arena));
	for (;;) {
		TRY(next_token(from, &token));
		if (token.kind == READER_OBJECT_END)
			return STATUS_OK;
		here.name = token.value;
		const struct meta_field *field = meta_field_by_json_name(
		    message, (const char *)token.value.data, token.value.bytes);
		if (!field)
			return complain(from, &here, "there is no such field");
		if (seen_add(&named, (size_t)(field - message->fields)))
			return complain(from, &here, "the field is there twice");
		TRY(next_token(from, &token));
		if (token.kind == READER_NULL &&
		    ((field->flags & META_REPEATED) || !null_is_a_value(field)))
			continue;
		seen_add(&set, (size_t)(field - message->fields));
		if (field->oneof >= 0 && seen_rival(&set, message, field))
			return complain(from, &here, "another field that excludes it is there too");
		TRY(from_field(from, &here, field, token));
	}
}

static status
from_time(const struct from *from, const struct place *place, bool is_duration, struct token token)
{
	int64_t seconds;
	int32_t nanos;

	if (token.kind != READER_STRING)
		return complain(from, place,
		    is_duration ? "expected a duration, as in \"1.5s\""
				: "expected a time, as in \"2026-01-31T12:00:00Z\"");
	if (is_duration) {
		if (!text_parse_duration(token.value, &seconds, &nanos))
			return complain(from, place, "expected a duration, as in \"1.5s\"");
	} else if (!text_parse_timestamp(token.value, &seconds, &nanos)) {
		return complain(from, place, "expected a time, as in \"2026-01-31T12:00:00Z\"");
	}
	if (seconds) {
		wire_append_tag(from->out, 1, WIRE_VARINT);
		wire_append_varint(from->out, (uint64_t)seconds);
	}
	if (nanos) {
		wire_append_tag(from->out, 2, WIRE_VARINT);
		wire_append_varint(from->out, (uint64_t)(int64_t)nanos);
	}
	return STATUS_OK;
}

static status
from_mask(const struct from *from, const struct place *place, struct token token)
{
	struct slice rest = token.value;
	size_t opened_at;

	if (token.kind != READER_STRING)
		return complain(from, place, "expected names of fields, as in \"a,b.c\"");
	while (token.value.bytes > 0) {
		const uint8_t *comma = rest.bytes ? memchr(rest.data, ',', rest.bytes) : NULL;
		size_t bytes = comma ? (size_t)(comma - rest.data) : rest.bytes;
		opened_at = wire_open(from->out, 1);
		if (!text_to_snake(slice_of(rest.data, bytes), from->out))
			return complain(from, place, "expected names of fields, as in \"a,b.c\"");
		wire_close(from->out, opened_at);
		if (!comma)
			break;
		rest = slice_of(comma + 1, rest.bytes - bytes - 1);
	}
	return STATUS_OK;
}

static status from_value(const struct from *from, const struct place *place, struct token token);

/* google.protobuf.Struct: map<string, Value> fields = 1. */
static status
from_struct(const struct from *from, const struct place *place, struct token token)
{
	struct place entry = {.up = place};

	if (token.kind != READER_OBJECT_BEGIN)
		return complain(from, place, "expected an object");
	for (;;) {
		TRY(next_token(from, &token));
		if (token.kind == READER_OBJECT_END)
			return STATUS_OK;
		entry.name = token.value;
		size_t entry_at = wire_open(from->out, 1);
		wire_append_bytes(from->out, 1, token.value);
		size_t value_at = wire_open(from->out, 2);
		TRY(next_token(from, &token));
		TRY(from_value(from, &entry, token));
		wire_close(from->out, value_at);
		wire_close(from->out, entry_at);
	}
}

/* google.protobuf.ListValue: repeated Value values = 1. */
static status
from_list(const struct from *from, const struct place *place, struct token token)
{
	struct place item = {.up = place, .is_index = true};

	if (token.kind != READER_ARRAY_BEGIN)
		return complain(from, place, "expected an array");
	for (;; item.index++) {
		TRY(next_token(from, &token));
		if (token.kind == READER_ARRAY_END)
			return STATUS_OK;
		size_t opened_at = wire_open(from->out, 1);
		TRY(from_value(from, &item, token));
		wire_close(from->out, opened_at);
	}
}

/* google.protobuf.Value: null_value = 1, number_value = 2, string_value = 3, bool_value = 4,
 * struct_value = 5, list_value = 6. */
static status
from_value(const struct from *from, const struct place *place, struct token token)
{
	uint64_t number;
	size_t opened_at;

	switch (token.kind) {
	case READER_NULL:
		wire_append_tag(from->out, 1, WIRE_VARINT);
		wire_append_varint(from->out, 0);
		return STATUS_OK;
	case READER_NUMBER:
		TRY(from_float(from, place, META_DOUBLE, token, &number));
		wire_append_tag(from->out, 2, WIRE_FIXED64);
		wire_append_number(from->out, WIRE_FIXED64, number);
		return STATUS_OK;
	case READER_STRING:
		wire_append_bytes(from->out, 3, token.value);
		return STATUS_OK;
	case READER_TRUE:
	case READER_FALSE:
		wire_append_tag(from->out, 4, WIRE_VARINT);
		wire_append_varint(from->out, token.kind == READER_TRUE);
		return STATUS_OK;
	case READER_OBJECT_BEGIN:
		opened_at = wire_open(from->out, 5);
		TRY(from_struct(from, place, token));
		wire_close(from->out, opened_at);
		return STATUS_OK;
	case READER_ARRAY_BEGIN:
		opened_at = wire_open(from->out, 6);
		TRY(from_list(from, place, token));
		wire_close(from->out, opened_at);
		return STATUS_OK;
	default:
		return complain(from, place, "expected a value");
	}
}

static status
from_message(const struct from *from, const struct place *place, const struct meta_message *message,
    struct token token)
{
	switch (message->well_known) {
	case META_TIMESTAMP:
		return from_time(from, place, false, token);
	case META_DURATION:
		return from_time(from, place, true, token);
	case META_FIELD_MASK:
		return from_mask(from, place, token);
	case META_WRAPPER:
		return from_single(from, place, &message->fields[0], token);
	case META_STRUCT:
		if (strcmp(message->full_name, "google.protobuf.Struct") == 0)
			return from_struct(from, place, token);
		if (strcmp(message->full_name, "google.protobuf.ListValue") == 0)
			return from_list(from, place, token);
		if (strcmp(message->full_name, "google.protobuf.Value") == 0)
			return from_value(from, place, token);
		return complain(from, place, "messages of any type are not supported");
	default:
		return from_plain(from, place, message, token);
	}
}

/* Nothing may follow, and everything must have had room. */
static status
from_end(const struct from *from)
{
	enum reader_token token;

	if (from->reader)
		TRY(reader_next(from->reader, &token));
	return strbuf_status(from->out);
}

status
pbjson_from_json(
    const struct meta_message *message, struct slice json, struct arena *arena, struct strbuf *out)
{
	struct reader reader;
	struct from from = {&reader, arena, out};
	struct token token;

	reader_init(&reader, json, arena, READER_UNIQUE_KEYS);
	TRY(next_token(&from, &token));
	TRY(from_message(&from, NULL, message, token));
	return from_end(&from);
}

/* Follow a dotted path from name on, opening a message for each step, and let the last field be
 * filled from the token. An item of a repeated field is one value, not an array. */
static status
from_path(const struct from *from, const struct place *up, const struct meta_message *message,
    struct slice path, bool one_item, struct token token)
{
	const uint8_t *dot = path.bytes ? memchr(path.data, '.', path.bytes) : NULL;
	size_t bytes = dot ? (size_t)(dot - path.data) : path.bytes;
	struct place here = {.up = up, .name = slice_of(path.data, bytes)};
	const struct meta_field *field =
	    meta_field_by_json_name(message, (const char *)path.data, bytes);

	if (!field)
		return complain(from, &here, "there is no such field");
	if (!dot) {
		if (one_item && ((field->flags & (META_MAP | META_JSON)) ||
				    (field->type == META_MESSAGE &&
					(field->message->well_known == META_PLAIN ||
					    field->message->well_known == META_EMPTY ||
					    field->message->well_known == META_STRUCT))))
			return complain(from, &here, "a bare text can't fill this field");
		return one_item ? from_single(from, &here, field, token)
				: from_field(from, &here, field, token);
	}
	if (field->type != META_MESSAGE || (field->flags & META_REPEATED) ||
	    field->message->well_known != META_PLAIN)
		return complain(from, &here, "the field has no fields");
	size_t opened_at = wire_open(from->out, field->number);
	TRY(from_path(from, &here, field->message, slice_of(dot + 1, path.bytes - bytes - 1),
	    one_item, token));
	wire_close(from->out, opened_at);
	return STATUS_OK;
}

status
pbjson_field_from_json(const struct meta_message *message, const char *field_path,
    struct slice json, struct arena *arena, struct strbuf *out)
{
	struct reader reader;
	struct from from = {&reader, arena, out};
	struct token token;

	reader_init(&reader, json, arena, READER_UNIQUE_KEYS);
	TRY(next_token(&from, &token));
	if (token.kind != READER_NULL)
		TRY(from_path(&from, NULL, message, slice_text(field_path), false, token));
	return from_end(&from);
}

/* The field at the end of a dotted path, or NULL. */
static const struct meta_field *
field_at(const struct meta_message *message, const char *path)
{
	const struct meta_field *field = NULL;

	while (message && *path) {
		size_t bytes = strcspn(path, ".");
		field = meta_field_by_json_name(message, path, bytes);
		if (!field)
			return NULL;
		message = field->message;
		path += bytes + (path[bytes] == '.');
	}
	return *path ? NULL : field;
}

status
pbjson_field_from_text(const struct meta_message *message, const char *field_path,
    struct slice text, struct arena *arena, struct strbuf *out)
{
	struct from from = {NULL, arena, out};
	struct token token = {READER_STRING, text};
	const struct meta_field *field = field_at(message, field_path);
	uint8_t type;

	if (!utf8_is_valid(text))
		return complain(&from, &(struct place){.name = slice_text(field_path)},
		    "the text is not UTF-8");
	/* A wrapper takes what it wraps. */
	if (field && field->type == META_MESSAGE && field->message->well_known == META_WRAPPER)
		field = &field->message->fields[0];
	type = field ? field->type : META_STRING;
	if (type == META_BOOL && slice_equals_text(text, "true"))
		token.kind = READER_TRUE;
	else if (type == META_BOOL && slice_equals_text(text, "false"))
		token.kind = READER_FALSE;
	else if (type == META_ENUM && text_is_number(text))
		token.kind = READER_NUMBER;
	TRY(from_path(&from, NULL, message, slice_text(field_path), true, token));
	return from_end(&from);
}
