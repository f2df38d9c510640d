#include "pbjson/pbjson.h"

#include "pbjson/text.h"
#include "pbjson/wire.h"
#include "json/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_ON_STACK 16

#define MALFORMED REFUSE_FOR(ST_DATA_LOSS, "MALFORMED_MESSAGE", "the encoded message is malformed")

/* One call. depth counts messages, so that hostile bytes can't exhaust the stack. */
struct to {
	struct arena *arena;
	struct writer *writer;
	unsigned depth;
};

/* What a message holds of one field. */
struct slot {
	const uint8_t *first; /* the first time that it counts; NULL when it is not there */
	size_t count;
	uint64_t value;     /* the last one: of a number */
	struct slice bytes; /* of everything else */
};

struct slots {
	struct slot on_stack[SLOTS_ON_STACK];
	struct slot *of; /* one a field, in the order of the table */
};

static status to_message(struct to *to, const struct meta_message *message, struct slice encoded);

/* Numbers of a repeated field may lie together in one. */
static bool
is_packed(const struct meta_field *field, const struct wire_field *found)
{
	return (field->flags & META_REPEATED) && found->type == WIRE_BYTES &&
	       wire_type_of(field) != WIRE_BYTES;
}

/* Setting a member of a oneof clears the others. */
static void
clear_rivals(
    const struct meta_message *message, struct slots *slots, const struct meta_field *field)
{
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct meta_field *other = &message->fields[i];
		if (other != field && other->oneof == field->oneof)
			slots->of[i] = (struct slot){0};
	}
}

/* Go over a message once and note where each field is. */
static status
slots_fill(struct slots *slots, const struct meta_message *message, struct slice encoded,
    struct arena *arena)
{
	struct wire_reader reader = wire_reader_of(encoded);
	struct wire_field found;

	slots->of = slots->on_stack;
	if (message->fields_count > SLOTS_ON_STACK)
		slots->of = arena_alloc(arena, message->fields_count * sizeof(struct slot));
	else
		memset(slots->on_stack, 0, message->fields_count * sizeof(struct slot));
	if (!slots->of)
		return ARENA_EXHAUSTED;
	while (reader.at < reader.end) {
		const uint8_t *at = reader.at;
		if (!wire_next(&reader, &found))
			return MALFORMED;
		const struct meta_field *field = meta_field_by_number(message, found.number);
		if (!field || (found.type != wire_type_of(field) && !is_packed(field, &found)))
			continue;
		struct slot *slot = &slots->of[field - message->fields];
		if (field->oneof >= 0)
			clear_rivals(message, slots, field);
		if (!slot->first)
			slot->first = at;
		slot->count++;
		slot->value = found.value;
		slot->bytes = found.bytes;
	}
	return STATUS_OK;
}

/* A message that comes in pieces is all of them behind each other: that is how messages merge. */
static status
slot_merge(
    const struct meta_field *field, struct slot *slot, const uint8_t *end, struct arena *arena)
{
	struct wire_reader reader = {.at = slot->first, .end = end};
	struct wire_field found;
	size_t bytes = 0;
	uint8_t *whole;

	if (slot->count < 2)
		return STATUS_OK;
	whole = arena_alloc(arena, (size_t)(end - slot->first));
	if (!whole)
		return ARENA_EXHAUSTED;
	while (reader.at < reader.end && wire_next(&reader, &found)) {
		if (found.number != field->number || found.type != WIRE_BYTES)
			continue;
		memcpy(whole + bytes, found.bytes.data, found.bytes.bytes);
		bytes += found.bytes.bytes;
	}
	slot->bytes = slice_of(whole, bytes);
	slot->count = 1;
	return STATUS_OK;
}

static void
to_double(struct to *to, double value)
{
	if (isnan(value))
		writer_text(to->writer, "NaN");
	else if (isinf(value))
		writer_text(to->writer, value > 0 ? "Infinity" : "-Infinity");
	else if (value == 0 && signbit(value))
		/* Readers that take "-0" for an integer would lose the sign. */
		writer_raw(to->writer, slice_text("-0.0"));
	else
		writer_double(to->writer, value);
}

static void
to_float(struct to *to, uint64_t bits)
{
	uint32_t narrow_bits = (uint32_t)bits;
	float value;

	memcpy(&value, &narrow_bits, sizeof(value));
	if (isnan(value) || isinf(value) || value == 0)
		to_double(to, (double)value);
	else
		writer_float(to->writer, value);
}

static void
to_enum(struct to *to, const struct meta_enum *enumeration, int32_t number)
{
	const struct meta_enum_value *value = meta_enum_by_number(enumeration, number);

	if (strcmp(enumeration->full_name, "google.protobuf.NullValue") == 0)
		writer_null(to->writer);
	else if (value)
		writer_text(to->writer, value->name);
	else
		writer_i64(to->writer, number);
}

static void
to_number(struct to *to, const struct meta_field *field, uint64_t value)
{
	double wide;

	switch (field->type) {
	case META_DOUBLE:
		memcpy(&wide, &value, sizeof(wide));
		to_double(to, wide);
		break;
	case META_FLOAT:
		to_float(to, value);
		break;
	case META_BOOL:
		writer_bool(to->writer, value != 0);
		break;
	case META_ENUM:
		to_enum(to, field->enumeration, (int32_t)(uint32_t)value);
		break;
	case META_INT32:
	case META_SFIXED32:
		writer_i64(to->writer, (int32_t)(uint32_t)value);
		break;
	case META_SINT32:
		writer_i64(to->writer, (int32_t)wire_unzigzag((uint32_t)value));
		break;
	case META_UINT32:
	case META_FIXED32:
		writer_u64(to->writer, (uint32_t)value);
		break;
	case META_INT64:
	case META_SFIXED64:
		writer_i64_quoted(to->writer, (int64_t)value);
		break;
	case META_SINT64:
		writer_i64_quoted(to->writer, wire_unzigzag(value));
		break;
	default:
		writer_u64_quoted(to->writer, value);
		break;
	}
}

static status
to_base64(struct to *to, struct slice bytes)
{
	char *text = arena_alloc(to->arena, BASE64_TEXT_BYTES(bytes.bytes));

	if (!text)
		return ARENA_EXHAUSTED;
	size_t length = base64_encode(bytes, BASE64_STANDARD, text);
	writer_string(to->writer, slice_of(text, length));
	return STATUS_OK;
}

/* A string that holds a JSON object goes out as one; nothing is the empty object. It is checked,
 * because one that is none would break everything around it. */
static status
to_json_object(struct to *to, struct slice text)
{
	enum reader_token token;
	struct reader reader;

	if (text.bytes == 0) {
		writer_raw(to->writer, slice_text("{}"));
		return STATUS_OK;
	}
	reader_init(&reader, text, NULL, 0);
	if (reader_next(&reader, &token).code != ST_OK || token != READER_OBJECT_BEGIN)
		return MALFORMED;
	while (token != READER_END) {
		if (reader_next(&reader, &token).code != ST_OK)
			return MALFORMED;
	}
	writer_raw(to->writer, text);
	return STATUS_OK;
}

/* One value that is no number. */
static status
to_bytes(struct to *to, const struct meta_field *field, struct slice bytes)
{
	if (field->type == META_MESSAGE)
		return to_message(to, field->message, bytes);
	if (field->type == META_BYTES)
		return to_base64(to, bytes);
	if (!utf8_is_valid(bytes))
		return MALFORMED;
	if (field->flags & META_JSON)
		return to_json_object(to, bytes);
	writer_string(to->writer, bytes);
	return STATUS_OK;
}

static status
to_single(struct to *to, const struct meta_field *field, struct slot *slot, const uint8_t *end)
{
	if (wire_type_of(field) != WIRE_BYTES) {
		to_number(to, field, slot->value);
		return STATUS_OK;
	}
	if (field->type == META_MESSAGE)
		TRY(slot_merge(field, slot, end, to->arena));
	return to_bytes(to, field, slot->bytes);
}

static status
to_packed(struct to *to, const struct meta_field *field, struct slice bytes)
{
	struct wire_reader reader = wire_reader_of(bytes);
	uint64_t value;

	while (reader.at < reader.end) {
		if (!wire_next_packed(&reader, wire_type_of(field), &value))
			return MALFORMED;
		to_number(to, field, value);
	}
	return STATUS_OK;
}

static status
to_array(struct to *to, const struct meta_field *field, const struct slot *slot, const uint8_t *end)
{
	struct wire_reader reader = {.at = slot->first, .end = end};
	struct wire_field found;
	size_t left = slot->count;

	writer_array_begin(to->writer);
	while (left > 0 && wire_next(&reader, &found)) {
		if (found.number != field->number)
			continue;
		if (is_packed(field, &found))
			TRY(to_packed(to, field, found.bytes));
		else if (found.type != wire_type_of(field))
			continue;
		else if (found.type == WIRE_BYTES)
			TRY(to_bytes(to, field, found.bytes));
		else
			to_number(to, field, found.value);
		left--;
	}
	writer_array_end(to->writer);
	return STATUS_OK;
}

/* An entry of a map, its key as JSON has it. */
struct entry {
	struct slice key;
	size_t order;
	struct slice encoded;
};

static int
order_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	size_t bytes = left->key.bytes < right->key.bytes ? left->key.bytes : right->key.bytes;
	int order = bytes ? memcmp(left->key.data, right->key.data, bytes) : 0;

	if (order == 0)
		order = (left->key.bytes > right->key.bytes) - (left->key.bytes < right->key.bytes);
	if (order == 0)
		order = (left->order > right->order) - (left->order < right->order);
	return order;
}

static status
entry_key(struct to *to, const struct meta_field *key, const struct slot *slot, struct slice *out)
{
	struct strbuf text;
	struct writer writer;
	struct to key_to = {to->arena, &writer, 0};
	const char *copy = NULL;
	size_t quote;

	if (key->type == META_STRING) {
		*out = slot->bytes;
		return utf8_is_valid(slot->bytes) ? STATUS_OK : MALFORMED;
	}
	strbuf_init(&text, 64);
	writer_init(&writer, &text, 0);
	to_number(&key_to, key, slot->value);
	/* 64-bit numbers have their quotes already. */
	quote = text.bytes > 0 && text.data[0] == '"';
	if (!text.failed)
		copy = arena_copy(to->arena, text.data + quote, text.bytes - 2 * quote);
	*out = slice_of(copy, copy ? text.bytes - 2 * quote : 0);
	strbuf_done(&text);
	return copy ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
entries_take(struct to *to, const struct meta_field *field, const struct slot *slot,
    const uint8_t *end, struct entry *entries)
{
	const struct meta_field *key = meta_field_by_number(field->message, 1);
	struct wire_reader reader = {.at = slot->first, .end = end};
	struct wire_field found;
	struct slots slots;
	size_t count = 0;

	while (count < slot->count && wire_next(&reader, &found)) {
		if (found.number != field->number || found.type != WIRE_BYTES)
			continue;
		TRY(slots_fill(&slots, field->message, found.bytes, to->arena));
		TRY(entry_key(
		    to, key, &slots.of[key - field->message->fields], &entries[count].key));
		entries[count].order = count;
		entries[count].encoded = found.bytes;
		count++;
	}
	return STATUS_OK;
}

/* Entries go out sorted by key, each key once: the last one counts. */
static status
to_map(struct to *to, const struct meta_field *field, const struct slot *slot, const uint8_t *end)
{
	const struct meta_field *value = meta_field_by_number(field->message, 2);
	struct entry *entries = arena_alloc(to->arena, slot->count * sizeof(*entries));
	struct slots slots;

	if (!entries)
		return ARENA_EXHAUSTED;
	TRY(entries_take(to, field, slot, end, entries));
	qsort(entries, slot->count, sizeof(*entries), order_entries);
	writer_object_begin(to->writer);
	for (size_t i = 0; i < slot->count; i++) {
		if (i + 1 < slot->count && slice_equals(entries[i].key, entries[i + 1].key))
			continue;
		struct slice encoded = entries[i].encoded;
		TRY(slots_fill(&slots, field->message, encoded, to->arena));
		writer_key_slice(to->writer, entries[i].key);
		TRY(to_single(to, value, &slots.of[value - field->message->fields],
		    encoded.data + encoded.bytes));
	}
	writer_object_end(to->writer);
	return STATUS_OK;
}

static status
to_field(struct to *to, const struct meta_field *field, struct slot *slot, const uint8_t *end)
{
	bool repeated = field->flags & META_REPEATED;

	if (!slot->first && !repeated &&
	    ((field->flags & META_PRESENCE) || field->type == META_MESSAGE))
		return STATUS_OK;
	writer_key(to->writer, field->json_name);
	if (!slot->first && repeated) {
		writer_raw(to->writer, slice_text((field->flags & META_MAP) ? "{}" : "[]"));
		return STATUS_OK;
	}
	if (field->flags & META_MAP)
		return to_map(to, field, slot, end);
	if (repeated)
		return to_array(to, field, slot, end);
	return to_single(to, field, slot, end);
}

static status
to_plain(struct to *to, const struct meta_message *message, struct slice encoded)
{
	struct slots slots;

	TRY(slots_fill(&slots, message, encoded, to->arena));
	writer_object_begin(to->writer);
	for (size_t i = 0; i < message->fields_count; i++)
		TRY(to_field(to, &message->fields[i], &slots.of[i], encoded.data + encoded.bytes));
	writer_object_end(to->writer);
	return STATUS_OK;
}

/* Timestamp and Duration are alike: seconds = 1, nanos = 2. */
static status
to_time(struct to *to, bool is_duration, struct slice encoded)
{
	struct wire_reader reader = wire_reader_of(encoded);
	struct wire_field found;
	int64_t seconds = 0;
	int32_t nanos = 0;
	char text[TEXT_TIME_BYTES];
	bool written;

	while (reader.at < reader.end) {
		if (!wire_next(&reader, &found))
			return MALFORMED;
		if (found.number == 1 && found.type == WIRE_VARINT)
			seconds = (int64_t)found.value;
		if (found.number == 2 && found.type == WIRE_VARINT)
			nanos = (int32_t)(uint32_t)found.value;
	}
	written = is_duration ? text_format_duration(seconds, nanos, text)
			      : text_format_timestamp(seconds, nanos, text);
	if (!written)
		return MALFORMED;
	writer_text(to->writer, text);
	return STATUS_OK;
}

static status
mask_write(struct slice encoded, struct strbuf *text)
{
	struct wire_reader reader = wire_reader_of(encoded);
	struct wire_field found;

	while (reader.at < reader.end) {
		if (!wire_next(&reader, &found))
			return MALFORMED;
		if (found.number != 1 || found.type != WIRE_BYTES)
			continue;
		if (text->bytes)
			strbuf_add_char(text, ',');
		if (!text_to_camel(found.bytes, text))
			return MALFORMED;
	}
	return strbuf_status(text);
}

static status
to_mask(struct to *to, struct slice encoded)
{
	struct strbuf text;

	/* A path is never longer in camel case. */
	strbuf_init(&text, encoded.bytes + 1);
	status written = mask_write(encoded, &text);
	if (written.code == ST_OK)
		writer_string(to->writer, slice_of(text.data, text.bytes));
	strbuf_done(&text);
	return written;
}

/* Struct, ListValue and Value have fields in their tables like any other; only how they look
 * differs: a Struct is its map, a ListValue its array, a Value the one member that is set. */
static status
to_struct(struct to *to, const struct meta_message *message, struct slice encoded)
{
	const uint8_t *end = encoded.data + encoded.bytes;
	struct slots slots;

	if (strcmp(message->full_name, "google.protobuf.Any") == 0)
		return REFUSE(ST_UNIMPLEMENTED, "messages of any type are not supported");
	TRY(slots_fill(&slots, message, encoded, to->arena));
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct meta_field *field = &message->fields[i];
		if (!slots.of[i].first)
			continue;
		if (field->flags & META_MAP)
			return to_map(to, field, &slots.of[i], end);
		if (field->flags & META_REPEATED)
			return to_array(to, field, &slots.of[i], end);
		return to_single(to, field, &slots.of[i], end);
	}
	/* Nothing is set. */
	if (strcmp(message->full_name, "google.protobuf.Struct") == 0)
		writer_raw(to->writer, slice_text("{}"));
	else if (strcmp(message->full_name, "google.protobuf.ListValue") == 0)
		writer_raw(to->writer, slice_text("[]"));
	else
		writer_null(to->writer);
	return STATUS_OK;
}

static status
to_wrapper(struct to *to, const struct meta_message *message, struct slice encoded)
{
	struct slots slots;

	TRY(slots_fill(&slots, message, encoded, to->arena));
	return to_single(to, &message->fields[0], &slots.of[0], encoded.data + encoded.bytes);
}

static status
to_message(struct to *to, const struct meta_message *message, struct slice encoded)
{
	status written;

	if (to->depth == JSON_DEPTH_MAX)
		return MALFORMED;
	to->depth++;
	if (encoded.bytes == 0)
		encoded = slice_text("");
	switch (message->well_known) {
	case META_TIMESTAMP:
		written = to_time(to, false, encoded);
		break;
	case META_DURATION:
		written = to_time(to, true, encoded);
		break;
	case META_FIELD_MASK:
		written = to_mask(to, encoded);
		break;
	case META_WRAPPER:
		written = to_wrapper(to, message, encoded);
		break;
	case META_STRUCT:
		written = to_struct(to, message, encoded);
		break;
	default:
		written = to_plain(to, message, encoded);
		break;
	}
	to->depth--;
	return written;
}

status
pbjson_to_json(const struct meta_message *message, struct slice encoded, struct arena *arena,
    struct writer *writer)
{
	struct to to = {arena, writer, 0};

	return to_message(&to, message, encoded);
}
