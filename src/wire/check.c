#include "wire/check.h"

#include "base/limits.h"
#include "wire/gather.h"
#include "json/reader.h"

#include <assert.h>
#include <stdio.h>

#define MALFORMED(message) REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", (message))
#define PATH_BYTES_MAX 256
/* A message with more fields than this has its counts in the arena. */
#define FIELDS_ON_STACK 48

struct checker {
	struct arena *arena;
	struct check_result *result;
	uint32_t fields;
	uint32_t depth;
};

/* Where we are: a chain of frames on the stack, written out only when there is something to say. */
struct frame {
	const struct frame *parent;
	const struct meta_field *field; /* in parent; NULL at the top */
	uint32_t index;                 /* of a repeated field */
};

/* How often a field came, and whether it last came with something in it. */
struct presence {
	uint32_t items;
	bool filled;
};

static size_t
path_write(const struct frame *frame, char *out, size_t room)
{
	size_t at = 0;

	if (!frame || !frame->field)
		return 0;
	at = path_write(frame->parent, out, room);
	if (at + 2 >= room)
		return at;
	int written =
	    snprintf(out + at, room - at, frame->field->flags & META_REPEATED ? "%s%s[%u]" : "%s%s",
		at ? "." : "", frame->field->name, frame->index);
	if (written < 0)
		return at;
	return (size_t)written < room - at ? at + (size_t)written : room - 1;
}

/* Note that the field at frame breaks a rule. */
static status
violate(struct checker *checker, const struct frame *frame, const char *description)
{
	char path[PATH_BYTES_MAX];
	struct check_result *result = checker->result;
	const size_t bytes = path_write(frame, path, sizeof(path));

	if (result->count == ENVELOPE_VIOLATIONS_MAX)
		return STATUS_OK;
	const char *copy = arena_copy(checker->arena, path, bytes);
	const char *text = arena_copy_text(checker->arena, description);
	if (!copy || !text)
		return ARENA_EXHAUSTED;
	result->violations[result->count++] =
	    (struct envelope_violation){slice_of(copy, bytes), slice_text(text)};
	return STATUS_OK;
}

static status violate_format(
    struct checker *checker, const struct frame *frame, const char *format, ...) PRINTF_LIKE(3, 4);

static status
violate_format(struct checker *checker, const struct frame *frame, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return violate(checker, frame, text);
}

static status
check_length(struct checker *checker, const struct frame *frame, size_t length, const char *unit)
{
	const struct meta_field *field = frame->field;

	if (field->length_min && length < field->length_min)
		return violate_format(checker, frame, "must have at least %u %s, not %zu",
		    field->length_min, unit, length);
	if (field->length_max && length > field->length_max)
		return violate_format(checker, frame, "must have at most %u %s, not %zu",
		    field->length_max, unit, length);
	return STATUS_OK;
}

static status
check_json(struct checker *checker, const struct frame *frame, struct slice text)
{
	const status st = reader_check_object(text, checker->arena);

	if (st.code == ST_INVALID_ARGUMENT)
		return violate_format(checker, frame, "must be a JSON object: %s", st.message);
	return st;
}

static status
check_text(struct checker *checker, const struct frame *frame, struct slice text)
{
	if (memchr(text.data, 0, text.bytes))
		return violate(checker, frame, "must not hold a NUL character");
	if (!utf8_is_valid(text))
		return violate(checker, frame, "must be well-formed UTF-8");
	if (frame->field->flags & META_JSON)
		TRY(check_json(checker, frame, text));
	if (frame->field->length_min || frame->field->length_max)
		return check_length(checker, frame, utf8_length(text), "characters");
	return STATUS_OK;
}

/* An integer's value by its type; false for the others. */
static bool
integer_of(enum meta_type type, uint64_t raw, int64_t *out)
{
	switch (type) {
	case META_INT32:
	case META_ENUM:
	case META_SFIXED32:
		*out = (int32_t)(uint32_t)raw;
		return true;
	case META_UINT32:
	case META_FIXED32:
		*out = (int64_t)(uint32_t)raw;
		return true;
	case META_SINT32:
		*out = wire_unzigzag((uint32_t)raw);
		return true;
	case META_SINT64:
		*out = wire_unzigzag(raw);
		return true;
	case META_INT64:
	case META_SFIXED64:
		*out = (int64_t)raw;
		return true;
	case META_UINT64:
	case META_FIXED64:
		*out = raw > INT64_MAX ? INT64_MAX : (int64_t)raw;
		return true;
	default:
		return false;
	}
}

static status
check_number(struct checker *checker, const struct frame *frame, uint64_t raw)
{
	const struct meta_field *field = frame->field;
	int64_t value = 0;

	if (!field->has_range || !integer_of((enum meta_type)field->type, raw, &value))
		return STATUS_OK;
	/* Without presence, zero is what an absent field looks like. */
	if (value == 0 && !(field->flags & (META_PRESENCE | META_REPEATED)))
		return STATUS_OK;
	if (value < field->range_min || value > field->range_max)
		return violate_format(checker, frame, "must be from %lld to %lld",
		    (long long)field->range_min, (long long)field->range_max);
	return STATUS_OK;
}

static status check_message(struct checker *checker, const struct frame *frame,
    const struct meta_message *message, struct slice bytes);

/* Numbers written one behind the other in one field. */
static status
check_packed(struct checker *checker, const struct frame *frame, struct slice bytes,
    struct presence *presence)
{
	const enum wire_type type = wire_type_of(frame->field);
	struct wire_reader reader = wire_reader_of(bytes);
	struct frame item = *frame;

	while (reader.at < reader.end) {
		uint64_t raw = 0;
		if (!wire_next_packed(&reader, type, &raw))
			return MALFORMED("the payload has packed numbers that are cut short");
		if (++checker->fields > MESSAGE_FIELDS_MAX)
			return MALFORMED("the payload has too many fields");
		item.index = presence->items++;
		TRY(check_number(checker, &item, raw));
	}
	presence->filled = presence->items > 0;
	return STATUS_OK;
}

static status
check_value(struct checker *checker, const struct frame *frame, const struct wire_field *value,
    struct presence *presence)
{
	const struct meta_field *field = frame->field;

	switch (field->type) {
	case META_MESSAGE:
		presence->filled = true;
		return check_message(checker, frame, field->message, value->bytes);
	case META_STRING:
		presence->filled = value->bytes.bytes > 0 || (field->flags & META_REPEATED);
		return value->bytes.bytes ? check_text(checker, frame, value->bytes) : STATUS_OK;
	case META_BYTES:
		presence->filled = value->bytes.bytes > 0 || (field->flags & META_REPEATED);
		return value->bytes.bytes
			   ? check_length(checker, frame, value->bytes.bytes, "bytes")
			   : STATUS_OK;
	default:
		presence->filled = value->value != 0 || (field->flags & META_REPEATED);
		return check_number(checker, frame, value->value);
	}
}

static status
check_field(struct checker *checker, const struct frame *parent, const struct meta_field *field,
    const struct wire_field *value, struct presence *presence)
{
	const enum wire_type type = wire_type_of(field);
	const struct frame frame = {parent, field, presence->items};

	if (value->type != type) {
		if ((field->flags & META_REPEATED) && value->type == WIRE_BYTES)
			return check_packed(checker, &frame, value->bytes, presence);
		return violate(checker, &frame, "has the encoding of another type");
	}
	presence->items++;
	return check_value(checker, &frame, value, presence);
}

/* What only the whole message shows: required fields and the number of items. */
static status
check_whole(struct checker *checker, const struct frame *frame, const struct meta_message *message,
    const struct presence *presence)
{
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct meta_field *field = &message->fields[i];

		if (!(field->flags & META_REQUIRED) && !field->items_max)
			continue;
		/* Named without an index: it is about the field as a whole. */
		struct meta_field plain = *field;
		plain.flags &= (uint8_t)~META_REPEATED;
		const struct frame at = {frame, &plain, 0};
		if ((field->flags & META_REQUIRED) && !presence[i].filled)
			TRY(violate(checker, &at, "is required"));
		if (field->items_max && presence[i].items > field->items_max)
			TRY(violate_format(checker, &at, "must have at most %u items, not %u",
			    field->items_max, presence[i].items));
	}
	return STATUS_OK;
}

/* Years 1 to 9999, as Protobuf's own documentation of the type has it. */
#define TIMESTAMP_SECONDS_MIN INT64_C(-62135596800)
#define TIMESTAMP_SECONDS_MAX INT64_C(253402300799)
#define DURATION_SECONDS_MAX INT64_C(315576000000)
#define NANOS_MAX 999999999

static status
check_well_known(struct checker *checker, const struct frame *frame,
    const struct meta_message *message, struct slice bytes)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};
	int64_t seconds = 0, nanos = 0;

	if (message->well_known != META_TIMESTAMP && message->well_known != META_DURATION)
		return STATUS_OK;
	while (wire_next(&reader, &field)) {
		if (field.number == 1)
			seconds = (int64_t)field.value;
		else if (field.number == 2)
			nanos = (int32_t)field.value;
	}
	if (message->well_known == META_TIMESTAMP) {
		if (seconds < TIMESTAMP_SECONDS_MIN || seconds > TIMESTAMP_SECONDS_MAX ||
		    nanos < 0 || nanos > NANOS_MAX)
			return violate(checker, frame, "must be a time from year 1 to 9999");
		return STATUS_OK;
	}
	if (seconds < -DURATION_SECONDS_MAX || seconds > DURATION_SECONDS_MAX ||
	    nanos < -NANOS_MAX || nanos > NANOS_MAX || (seconds < 0 && nanos > 0) ||
	    (seconds > 0 && nanos < 0))
		return violate(checker, frame, "must be a duration of at most 10,000 years");
	return STATUS_OK;
}

/* The table is sorted and senders write in order: look behind the last one first. */
static const struct meta_field *
field_find(const struct meta_message *message, uint32_t number, size_t *hint)
{
	for (size_t i = *hint; i < message->fields_count && i < *hint + 4; i++)
		if (message->fields[i].number == number) {
			*hint = i;
			return &message->fields[i];
		}
	const struct meta_field *field = meta_field_by_number(message, number);
	if (field)
		*hint = (size_t)(field - message->fields);
	return field;
}

/* Is the field one whose occurrences stand for one message? */
static bool
is_joined(const struct meta_field *field, const struct wire_field *value)
{
	return field->type == META_MESSAGE && value->type == WIRE_BYTES &&
	       !(field->flags & META_REPEATED) && field->oneof < 0;
}

/* The first occurrence gets what the others hold, for what is required, and how many items there
 * may be, holds for all of them together. */
static status
join_occurrences(struct checker *checker, struct slice message, struct wire_reader behind,
    struct wire_field *first)
{
	struct wire_field later;

	while (wire_next(&behind, &later))
		if (later.number == first->number && later.type == WIRE_BYTES)
			return wire_gather(message, first->number, checker->arena, &first->bytes);
	return STATUS_OK;
}

static status
check_message(struct checker *checker, const struct frame *frame,
    const struct meta_message *message, struct slice bytes)
{
	struct presence on_stack[FIELDS_ON_STACK], *presence = on_stack;
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field value = {0};
	size_t hint = 0;

	if (++checker->depth > MESSAGE_DEPTH_MAX)
		return MALFORMED("the payload is nested too deeply");
	if (message->fields_count > FIELDS_ON_STACK) {
		presence = arena_alloc(checker->arena, message->fields_count * sizeof(*presence));
		if (!presence)
			return ARENA_EXHAUSTED;
	} else {
		memset(presence, 0, message->fields_count * sizeof(*presence));
	}
	while (wire_next(&reader, &value)) {
		if (++checker->fields > MESSAGE_FIELDS_MAX)
			return MALFORMED("the payload has too many fields");
		const struct meta_field *field = field_find(message, value.number, &hint);
		if (!field)
			continue;
		struct presence *here = &presence[field - message->fields];
		if (is_joined(field, &value)) {
			if (here->filled)
				continue;
			TRY(join_occurrences(checker, bytes, reader, &value));
		}
		TRY(check_field(checker, frame, field, &value, here));
		if (checker->result->count == ENVELOPE_VIOLATIONS_MAX)
			return STATUS_OK;
	}
	if (reader.failed)
		return MALFORMED("the payload is cut short or is no Protobuf message");
	TRY(check_whole(checker, frame, message, presence));
	checker->depth--;
	return message->well_known ? check_well_known(checker, frame, message, bytes) : STATUS_OK;
}

status
wire_check(const struct meta_message *message, struct slice payload, struct arena *arena,
    struct check_result *result)
{
	struct checker checker = {.arena = arena, .result = result};

	result->count = 0;
	const status st = check_message(&checker, NULL, message, payload);
	if (st.code != ST_OK) {
		result->count = 0;
		return st;
	}
	if (result->count > 0)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "INVALID_FIELDS",
		    "the request has fields that are not as they must be");
	return STATUS_OK;
}
