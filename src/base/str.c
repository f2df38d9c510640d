#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_BYTES_MIN 64

bool
slice_equals(struct slice a, struct slice b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

bool
slice_equals_text(struct slice a, const char *text)
{
	return slice_equals(a, slice_text(text));
}

bool
slice_starts_with(struct slice s, const char *prefix)
{
	size_t bytes = strlen(prefix);

	return s.bytes >= bytes && (bytes == 0 || memcmp(s.data, prefix, bytes) == 0);
}

static bool
separates_words(uint8_t byte)
{
	return byte == ',' || byte == ' ' || byte == '\t' || byte == '\n';
}

bool
text_is_plain(struct slice text)
{
	for (size_t i = 0; i < text.bytes; i++)
		if (!char_is_quotable(text.data[i]))
			return false;
	return true;
}

bool
slice_take_word(struct slice *rest, struct slice *out)
{
	size_t bytes = 0;

	while (rest->bytes && separates_words(*rest->data))
		*rest = slice_of(rest->data + 1, rest->bytes - 1);
	while (bytes < rest->bytes && !separates_words(rest->data[bytes]))
		bytes++;
	if (bytes == 0)
		return false;
	*out = slice_of(rest->data, bytes);
	*rest = slice_of(rest->data + bytes, rest->bytes - bytes);
	return true;
}

bool
slice_equals_secret(struct slice a, struct slice b)
{
	/* volatile, or a compiler may leave the loop at the first difference. */
	volatile uint64_t difference = 0;
	uint64_t left, right;
	size_t at = 0;

	if (a.bytes != b.bytes)
		return false;
	for (; a.bytes - at >= sizeof(left); at += sizeof(left)) {
		memcpy(&left, a.data + at, sizeof(left));
		memcpy(&right, b.data + at, sizeof(right));
		difference |= left ^ right;
	}
	for (; at < a.bytes; at++)
		difference |= (uint64_t)(a.data[at] ^ b.data[at]);
	return difference == 0;
}

void
strbuf_init(struct strbuf *buf, size_t limit_bytes)
{
	*buf = (struct strbuf){.limit_bytes = limit_bytes};
}

void
strbuf_done(struct strbuf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->capacity);
	free(buf->data);
	*buf = (struct strbuf){.limit_bytes = buf->limit_bytes};
}

void
strbuf_reset(struct strbuf *buf)
{
	buf->bytes = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Not realloc(): what it leaves behind would not be overwritten. */
static bool
strbuf_grow_slowly(struct strbuf *buf, size_t bytes)
{
	size_t need, capacity;
	uint8_t *data;

	if (buf->failed)
		return false;
	if (bytes > buf->limit_bytes - buf->bytes || buf->bytes + bytes == SIZE_MAX)
		goto fail;
	need = buf->bytes + bytes + 1;
	if (need <= buf->capacity)
		return true;
	capacity = buf->capacity < CAPACITY_BYTES_MIN ? CAPACITY_BYTES_MIN : buf->capacity;
	while (capacity < need)
		capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
	if (capacity - 1 > buf->limit_bytes)
		capacity = buf->limit_bytes + 1;
	data = malloc(capacity);
	if (!data)
		goto fail;
	if (buf->data) {
		memcpy(data, buf->data, buf->bytes + 1);
		explicit_bzero(buf->data, buf->capacity);
		free(buf->data);
	}
	data[buf->bytes] = '\0';
	buf->data = data;
	buf->capacity = capacity;
	return true;
fail:
	buf->failed = true;
	return false;
}

/* Room for bytes more and a NUL: most of the many that are short have it already. */
static inline bool
strbuf_grow(struct strbuf *buf, size_t bytes)
{
	if (!buf->failed && bytes < buf->capacity - buf->bytes)
		return true;
	return strbuf_grow_slowly(buf, bytes);
}

void
strbuf_add(struct strbuf *buf, const void *data, size_t bytes)
{
	if (!strbuf_grow(buf, bytes) || bytes == 0)
		return;
	memcpy(buf->data + buf->bytes, data, bytes);
	buf->bytes += bytes;
	buf->data[buf->bytes] = '\0';
}

void
strbuf_add_text(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void
strbuf_add_char(struct strbuf *buf, char c)
{
	if (!strbuf_grow(buf, 1))
		return;
	buf->data[buf->bytes++] = (uint8_t)c;
	buf->data[buf->bytes] = '\0';
}

void
strbuf_add_format(struct strbuf *buf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0) {
		buf->failed = true;
	} else if (strbuf_grow(buf, (size_t)length)) {
		vsnprintf((char *)buf->data + buf->bytes, (size_t)length + 1, format, args);
		buf->bytes += (size_t)length;
	}
	va_end(args);
}

uint8_t *
strbuf_reserve(struct strbuf *buf, size_t bytes)
{
	return strbuf_grow(buf, bytes) ? buf->data + buf->bytes : NULL;
}

void
strbuf_commit(struct strbuf *buf, size_t bytes)
{
	if (buf->failed || bytes == 0)
		return;
	buf->bytes += bytes;
	buf->data[buf->bytes] = '\0';
}

const char *
strbuf_text(const struct strbuf *buf)
{
	return buf->data ? (const char *)buf->data : "";
}

status
strbuf_status(const struct strbuf *buf)
{
	if (buf->failed)
		return REFUSE_FOR(
		    ST_RESOURCE_EXHAUSTED, "TOO_LARGE", "the text is larger than its limit");
	return STATUS_OK;
}

static int
hex_value(uint8_t c)
{
	/* One more than the digit's value; 0: no digit. Ids are read in every call. */
	/* clang-format off */
	static const uint8_t values[256] = {
	    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	    ['8'] = 9, ['9'] = 10,
	    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
	};
	/* clang-format on */

	return values[c] - 1;
}

void
hex_encode(struct slice data, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < data.bytes; i++) {
		*out++ = digits[data.data[i] >> 4];
		*out++ = digits[data.data[i] & 15];
	}
	*out = '\0';
}

bool
hex_decode(struct slice text, uint8_t *out, size_t out_bytes)
{
	if (text.bytes / 2 != out_bytes || text.bytes % 2 != 0)
		return false;
	for (size_t i = 0; i < text.bytes; i++)
		if (hex_value(text.data[i]) < 0)
			return false;
	for (size_t i = 0; i < out_bytes; i++)
		out[i] =
		    (uint8_t)(hex_value(text.data[2 * i]) << 4 | hex_value(text.data[2 * i + 1]));
	return true;
}

/* Digits up to limit; an empty text is no number. */
static bool
number_parse(struct slice text, uint64_t limit, uint64_t *out)
{
	uint64_t value = 0;

	if (text.bytes == 0)
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		uint64_t digit = (uint64_t)text.data[i] - '0';
		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool
number_parse_u64(struct slice text, uint64_t *out)
{
	return number_parse(text, UINT64_MAX, out);
}

bool
number_parse_i64(struct slice text, int64_t *out)
{
	bool negative = text.bytes != 0 && text.data[0] == '-';
	uint64_t size;

	if (negative)
		text = slice_of(text.data + 1, text.bytes - 1);
	if (!number_parse(text, (uint64_t)INT64_MAX + negative, &size))
		return false;
	*out = negative ? (int64_t)(0 - size) : (int64_t)size;
	return true;
}
