#include "json/reader.h"

#include "json/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define EXPONENT_MAX 400
/* Of all exponents in an object together: what it grows by when its numbers are written out is of
 * the order of its own length, or little. */
#define EXPONENTS_FREE 4096
#define EXPONENTS_PER_BYTE 2

enum expects {
	EXPECTS_VALUE,
	EXPECTS_VALUE_OR_END, /* behind [ */
	EXPECTS_KEY,          /* behind a comma */
	EXPECTS_KEY_OR_END,   /* behind { */
	EXPECTS_COMMA_OR_END,
	EXPECTS_NOTHING,
};

void
reader_init(struct reader *reader, struct slice text, struct arena *arena, unsigned options)
{
	assert(arena || !(options & READER_UNIQUE_KEYS));
	if (text.bytes == 0)
		text = slice_text("");
	*reader = (struct reader){
	    .text = text, .arena = arena, .options = options, .expects = EXPECTS_VALUE};
}

void
reader_locate(const struct reader *reader, size_t offset, size_t *line, size_t *column)
{
	size_t start = 0;

	*line = 1;
	for (size_t i = 0; i < offset && i < reader->text.bytes; i++) {
		if (reader->text.data[i] == '\n') {
			++*line;
			start = i + 1;
		}
	}
	if (offset > reader->text.bytes)
		offset = reader->text.bytes;
	*column = 1;
	if (offset > start)
		*column += utf8_length(slice_of(reader->text.data + start, offset - start));
}

status
reader_refuse(struct reader *reader, size_t offset, const char *format, ...)
{
	static const char brief[] = "the JSON text is malformed";
	char what[256];
	char *message = NULL;
	size_t line, column;
	va_list args;

	if (reader->arena) {
		va_start(args, format);
		vsnprintf(what, sizeof(what), format, args);
		va_end(args);
		/* It may have been cut within a character. */
		what[utf8_valid_bytes(slice_text(what))] = '\0';
		reader_locate(reader, offset, &line, &column);
		message =
		    arena_format(reader->arena, "line %zu, column %zu: %s", line, column, what);
	}
	reader->failure =
	    REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_JSON", message ? message : brief);
	return reader->failure;
}

static status
out_of_memory(struct reader *reader)
{
	reader->failure = ARENA_EXHAUSTED;
	return reader->failure;
}

/* The byte at an offset; NUL past the end, where it is as wrong as in the text. */
static uint8_t
byte_at(const struct reader *reader, size_t at)
{
	return at < reader->text.bytes ? reader->text.data[at] : '\0';
}

static void
skip_blanks(struct reader *reader)
{
	const uint8_t *data = reader->text.data;
	size_t at = reader->at;

	while (at < reader->text.bytes &&
	       (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t'))
		at++;
	reader->at = at;
}

static status
refuse_here(struct reader *reader, const char *wanted)
{
	uint8_t c = byte_at(reader, reader->at);

	if (reader->at >= reader->text.bytes)
		return reader_refuse(
		    reader, reader->at, "the text ends where %s should be", wanted);
	if (c > ' ' && c < 0x7f)
		return reader_refuse(
		    reader, reader->at, "'%c' stands where %s should be", c, wanted);
	return reader_refuse(
	    reader, reader->at, "something else stands where %s should be", wanted);
}

static bool
innermost_is_object(const struct reader *reader)
{
	unsigned level = reader->depth - 1;

	return reader->in_object[level / 8] >> level % 8 & 1;
}

static void
value_is_over(struct reader *reader)
{
	reader->expects = reader->depth == 0 ? EXPECTS_NOTHING : EXPECTS_COMMA_OR_END;
}

static status
enter(struct reader *reader, bool object)
{
	unsigned level = reader->depth;
	uint8_t bit = (uint8_t)(1u << level % 8);

	if (level == JSON_DEPTH_MAX)
		return reader_refuse(
		    reader, reader->at, "there are more than %d levels", JSON_DEPTH_MAX);
	if (object && reader->options & READER_UNIQUE_KEYS) {
		struct reader_keys *keys =
		    reader_keys_enter(reader->arena, &reader->keys_outermost, reader->keys);
		if (!keys)
			return out_of_memory(reader);
		reader->keys = keys;
	}
	if (object)
		reader->in_object[level / 8] |= bit;
	else
		reader->in_object[level / 8] &= (uint8_t)~bit;
	reader->depth++;
	reader->at++;
	reader->expects = object ? EXPECTS_KEY_OR_END : EXPECTS_VALUE_OR_END;
	return STATUS_OK;
}

static void
leave(struct reader *reader)
{
	if (reader->keys && innermost_is_object(reader))
		reader->keys = reader_keys_leave(reader->keys);
	reader->depth--;
	reader->at++;
	value_is_over(reader);
}

/* Four hex digits at an offset, or -1. */
static int32_t
hex4_at(const struct reader *reader, size_t at)
{
	uint8_t two[2];

	if (at > reader->text.bytes || reader->text.bytes - at < 4 ||
	    !hex_decode(slice_of(reader->text.data + at, 4), two, 2))
		return -1;
	return two[0] << 8 | two[1];
}

/* The escape at *at, whose backslash stands there; *at moves behind it. */
static status
take_unicode(struct reader *reader, size_t *at, uint32_t *code_point)
{
	int32_t first = hex4_at(reader, *at + 2), second;

	if (first < 0)
		return reader_refuse(reader, *at, "\\u wants four hex digits");
	*code_point = (uint32_t)first;
	if (first >= 0xd800 && first <= 0xdfff) {
		second = byte_at(reader, *at + 6) == '\\' && byte_at(reader, *at + 7) == 'u'
			     ? hex4_at(reader, *at + 8)
			     : -1;
		if (first >= 0xdc00 || second < 0xdc00 || second > 0xdfff)
			return reader_refuse(reader, *at, "half a surrogate pair is no character");
		*code_point =
		    0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
		*at += 6;
	}
	*at += 6;
	return STATUS_OK;
}

static status
take_escape(struct reader *reader, size_t *at, uint32_t *code_point)
{
	static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	uint8_t c = byte_at(reader, *at + 1);
	const char *found;

	if (c == 'u') {
		size_t begin = *at;
		TRY(take_unicode(reader, at, code_point));
		if (*code_point != 0)
			return STATUS_OK;
		if (reader->options & READER_REFUSE_NUL)
			return reader_refuse(reader, begin, "\\u0000 can't be kept");
		reader->has_nul = true;
		return STATUS_OK;
	}
	found = c != '\0' ? strchr(names, c) : NULL;
	if (!found)
		return reader_refuse(reader, *at, "\\ begins no escape here");
	*code_point = (uint32_t)meanings[found - names];
	*at += 2;
	return STATUS_OK;
}

/* Bytes from an offset on that stand for themselves in a string. */
static size_t
plain_bytes(const struct reader *reader, size_t from, bool *ascii)
{
	const uint8_t *data = reader->text.data;
	size_t at = from;
	uint8_t all = 0;

	while (at < reader->text.bytes && data[at] >= ' ' && data[at] != '"' && data[at] != '\\')
		all |= data[at++];
	*ascii = *ascii && all < 0x80;
	return at - from;
}

/* The end of the string that begins at `begin`, behind its quote; escapes are checked. */
static status
scan_string(struct reader *reader, size_t begin, size_t *end, bool *escapes)
{
	struct slice raw;
	bool ascii = true;
	size_t at = begin, valid;
	uint32_t code_point;

	*escapes = false;
	for (;;) {
		at += plain_bytes(reader, at, &ascii);
		if (at >= reader->text.bytes)
			return reader_refuse(reader, begin - 1, "a string is not closed");
		if (reader->text.data[at] == '"')
			break;
		if (reader->text.data[at] != '\\')
			return reader_refuse(
			    reader, at, "a control character stands in a string without an escape");
		*escapes = true;
		TRY(take_escape(reader, &at, &code_point));
	}
	*end = at;
	raw = slice_of(reader->text.data + begin, at - begin);
	if (ascii)
		return STATUS_OK;
	valid = utf8_valid_bytes(raw);
	if (valid != raw.bytes)
		return reader_refuse(reader, begin + valid, "the text is not UTF-8");
	return STATUS_OK;
}

/* An unescaped text is never longer than it was with its escapes. */
static status
unescape(struct reader *reader, size_t begin, size_t end)
{
	uint8_t *out = arena_alloc(reader->arena, end - begin + 1);
	size_t at = begin, bytes = 0;
	bool ascii = true;
	uint32_t code_point;

	if (!out)
		return out_of_memory(reader);
	while (at < end) {
		size_t plain = plain_bytes(reader, at, &ascii);
		memcpy(out + bytes, reader->text.data + at, plain);
		bytes += plain;
		at += plain;
		if (at < end) {
			TRY(take_escape(reader, &at, &code_point));
			bytes += utf8_encode(code_point, out + bytes);
		}
	}
	reader->value = slice_of(out, bytes);
	return STATUS_OK;
}

static status
take_string(struct reader *reader)
{
	size_t begin = reader->at + 1, end = begin;
	bool escapes;

	TRY(scan_string(reader, begin, &end, &escapes));
	reader->at = end + 1;
	reader->value = slice_of(reader->text.data + begin, end - begin);
	if (escapes && reader->arena)
		return unescape(reader, begin, end);
	return STATUS_OK;
}

static size_t
skip_digits(const struct reader *reader, size_t at)
{
	while (byte_at(reader, at) >= '0' && byte_at(reader, at) <= '9')
		at++;
	return at;
}

static status
take_digits(struct reader *reader, size_t *at)
{
	size_t end = skip_digits(reader, *at);

	if (end == *at) {
		reader->at = end;
		return refuse_here(reader, "a digit");
	}
	*at = end;
	return STATUS_OK;
}

static status
take_number(struct reader *reader)
{
	size_t at = reader->at;
	uint8_t c;

	if (byte_at(reader, at) == '-')
		at++;
	if (byte_at(reader, at) == '0' && skip_digits(reader, at) > at + 1)
		return reader_refuse(reader, at, "a number has no 0 in front");
	TRY(take_digits(reader, &at));
	if (byte_at(reader, at) == '.') {
		at++;
		TRY(take_digits(reader, &at));
	}
	c = byte_at(reader, at);
	if (c == 'e' || c == 'E') {
		at++;
		c = byte_at(reader, at);
		if (c == '+' || c == '-')
			at++;
		TRY(take_digits(reader, &at));
	}
	reader->value = slice_of(reader->text.data + reader->at, at - reader->at);
	reader->at = at;
	return STATUS_OK;
}

static status
take_word(struct reader *reader, const char *word)
{
	struct slice left =
	    slice_of(reader->text.data + reader->at, reader->text.bytes - reader->at);

	if (!slice_starts_with(left, word))
		return refuse_here(reader, "a value");
	reader->at += strlen(word);
	return STATUS_OK;
}

static status
take_value(struct reader *reader, enum reader_token *token)
{
	uint8_t c = byte_at(reader, reader->at);

	switch (c) {
	case '{':
		*token = READER_OBJECT_BEGIN;
		return enter(reader, true);
	case '[':
		*token = READER_ARRAY_BEGIN;
		return enter(reader, false);
	case '"':
		*token = READER_STRING;
		TRY(take_string(reader));
		break;
	case 't':
		*token = READER_TRUE;
		TRY(take_word(reader, "true"));
		break;
	case 'f':
		*token = READER_FALSE;
		TRY(take_word(reader, "false"));
		break;
	case 'n':
		*token = READER_NULL;
		TRY(take_word(reader, "null"));
		break;
	default:
		if (c != '-' && (c < '0' || c > '9'))
			return refuse_here(reader, "a value");
		*token = READER_NUMBER;
		TRY(take_number(reader));
	}
	value_is_over(reader);
	return STATUS_OK;
}

static status
take_key(struct reader *reader, enum reader_token *token)
{
	bool is_new = true;

	if (byte_at(reader, reader->at) != '"')
		return refuse_here(reader, "a key in quotes");
	TRY(take_string(reader));
	if (reader->options & READER_UNIQUE_KEYS) {
		status added = reader_keys_add(reader->keys, reader->arena, reader->value, &is_new);
		if (added.code != ST_OK)
			return out_of_memory(reader);
	}
	if (!is_new)
		return reader_refuse(reader, reader->token_at,
		    "the key \"%.*s\" stands there twice",
		    (int)(reader->value.bytes < 100 ? reader->value.bytes : 0),
		    (const char *)reader->value.data);
	skip_blanks(reader);
	if (byte_at(reader, reader->at) != ':')
		return refuse_here(reader, "a colon");
	reader->at++;
	reader->expects = EXPECTS_VALUE;
	*token = READER_KEY;
	return STATUS_OK;
}

/* Behind a value: the container's end, or a comma and what follows it. */
static status
take_continuation(struct reader *reader, enum reader_token *token)
{
	bool object = innermost_is_object(reader);
	uint8_t c = byte_at(reader, reader->at);

	if (c == (object ? '}' : ']')) {
		*token = object ? READER_OBJECT_END : READER_ARRAY_END;
		leave(reader);
		return STATUS_OK;
	}
	if (c != ',')
		return refuse_here(reader, object ? "a comma or }" : "a comma or ]");
	reader->at++;
	skip_blanks(reader);
	reader->token_at = reader->at;
	reader->expects = object ? EXPECTS_KEY : EXPECTS_VALUE;
	return object ? take_key(reader, token) : take_value(reader, token);
}

status
reader_next(struct reader *reader, enum reader_token *token)
{
	uint8_t c;

	if (reader->failure.code != ST_OK)
		return reader->failure;
	skip_blanks(reader);
	reader->value = SLICE_NONE;
	reader->has_nul = false;
	reader->token_at = reader->at;
	c = byte_at(reader, reader->at);
	switch ((enum expects)reader->expects) {
	case EXPECTS_VALUE_OR_END:
		if (c == ']')
			break;
		return take_value(reader, token);
	case EXPECTS_VALUE:
		return take_value(reader, token);
	case EXPECTS_KEY_OR_END:
		if (c == '}')
			break;
		return take_key(reader, token);
	case EXPECTS_KEY:
		return take_key(reader, token);
	case EXPECTS_COMMA_OR_END:
		return take_continuation(reader, token);
	case EXPECTS_NOTHING:
		if (reader->at < reader->text.bytes)
			return reader_refuse(
			    reader, reader->at, "there is something behind the value");
		*token = READER_END;
		return STATUS_OK;
	}
	*token = c == '}' ? READER_OBJECT_END : READER_ARRAY_END;
	leave(reader);
	return STATUS_OK;
}

status
reader_finish_value(struct reader *reader, struct slice *raw)
{
	size_t begin = reader->token_at;
	enum reader_token token = READER_NULL;
	unsigned outside = reader->depth;

	if (reader->expects == EXPECTS_VALUE) {
		TRY(reader_next(reader, &token));
		begin = reader->token_at;
	} else if (reader->expects == EXPECTS_KEY_OR_END ||
		   reader->expects == EXPECTS_VALUE_OR_END) {
		outside--;
	}
	while (reader->depth > outside)
		TRY(reader_next(reader, &token));
	if (raw)
		*raw = slice_of(reader->text.data + begin, reader->at - begin);
	return reader->failure;
}

/* How far the exponent moves the point, to either side; false past EXPONENT_MAX. */
static bool
take_exponent(struct slice number, uint64_t *out)
{
	const uint8_t *e = memchr(number.data, 'e', number.bytes);
	struct slice digits;

	*out = 0;
	if (!e)
		e = memchr(number.data, 'E', number.bytes);
	if (!e)
		return true;
	digits = slice_of(e + 1, (size_t)(number.data + number.bytes - e) - 1);
	if (*digits.data == '+' || *digits.data == '-')
		digits = slice_of(digits.data + 1, digits.bytes - 1);
	return number_parse_u64(digits, out) && *out <= EXPONENT_MAX;
}

status
reader_check_object(struct slice text, struct arena *arena)
{
	const size_t exponents_max = EXPONENTS_FREE + EXPONENTS_PER_BYTE * text.bytes;
	size_t exponents = 0;
	enum reader_token token;
	struct reader reader;
	uint64_t exponent;

	reader_init(&reader, text, arena, READER_REFUSE_NUL | READER_UNIQUE_KEYS);
	TRY(reader_next(&reader, &token));
	if (token != READER_OBJECT_BEGIN)
		return reader_refuse(&reader, reader.token_at, "a JSON object is wanted here");
	while (token != READER_END) {
		TRY(reader_next(&reader, &token));
		if (token != READER_NUMBER)
			continue;
		if (!take_exponent(reader.value, &exponent))
			return reader_refuse(&reader, reader.token_at,
			    "a number's exponent goes to %d at most", EXPONENT_MAX);
		exponents += exponent;
		if (exponents > exponents_max)
			return reader_refuse(&reader, reader.token_at,
			    "written out in full, the numbers would be much longer than the text");
	}
	return STATUS_OK;
}
