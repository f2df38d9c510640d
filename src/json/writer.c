#include "json/writer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
writer_init(struct writer *writer, struct strbuf *out, unsigned indent)
{
	*writer = (struct writer){.out = out, .indent = indent};
}

static void
new_line(struct writer *writer)
{
	if (writer->indent == 0)
		return;
	strbuf_add_char(writer->out, '\n');
	for (unsigned i = 0; i < writer->indent * writer->depth; i++)
		strbuf_add_char(writer->out, ' ');
}

/* What stands between this item and the one before. */
static void
begin_item(struct writer *writer)
{
	if (writer->has_items[writer->depth])
		strbuf_add_char(writer->out, ',');
	writer->has_items[writer->depth] = true;
	if (writer->depth != 0)
		new_line(writer);
}

/* Once the buffer has failed nothing is counted any more, and nothing asserted. */
static void
begin_value(struct writer *writer)
{
	if (writer->out->failed)
		return;
	assert(writer->behind_key == writer->is_object[writer->depth]);
	if (!writer->behind_key)
		begin_item(writer);
	writer->behind_key = false;
}

static void
open_level(struct writer *writer, bool object)
{
	begin_value(writer);
	strbuf_add_char(writer->out, object ? '{' : '[');
	if (writer->depth == JSON_DEPTH_MAX)
		writer->out->failed = true;
	if (writer->out->failed)
		return;
	writer->depth++;
	writer->has_items[writer->depth] = false;
	writer->is_object[writer->depth] = object;
}

static void
close_level(struct writer *writer, bool object)
{
	bool had_items = writer->has_items[writer->depth];

	if (writer->out->failed)
		return;
	assert(writer->depth != 0 && !writer->behind_key);
	assert(writer->is_object[writer->depth] == object);
	writer->depth--;
	if (had_items)
		new_line(writer);
	strbuf_add_char(writer->out, object ? '}' : ']');
}

void
writer_object_begin(struct writer *writer)
{
	open_level(writer, true);
}

void
writer_object_end(struct writer *writer)
{
	close_level(writer, true);
}

void
writer_array_begin(struct writer *writer)
{
	open_level(writer, false);
}

void
writer_array_end(struct writer *writer)
{
	close_level(writer, false);
}

static void
add_escaped(struct strbuf *out, uint8_t c)
{
	static const char names[] = {['"'] = '"',
	    ['\\'] = '\\',
	    ['\b'] = 'b',
	    ['\f'] = 'f',
	    ['\n'] = 'n',
	    ['\r'] = 'r',
	    ['\t'] = 't'};

	if (c < sizeof(names) && names[c])
		strbuf_add(out, (char[]){'\\', names[c]}, 2);
	else
		strbuf_add_format(out, "\\u%04x", c);
}

static bool
is_plain(uint8_t c)
{
	return c >= ' ' && c != '"' && c != '\\';
}

/* The same of eight at once: the top bit of what is left says that some byte is below ' ', or is
 * zero but for the bits of a quote or of a backslash. */
static bool
are_plain(const uint8_t *eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t all;

	memcpy(&all, eight, sizeof(all));
	const uint64_t below =
	    (all - ones * ' ') | ((all ^ ones * '"') - ones) | ((all ^ ones * '\\') - ones);
	return (below & ~all & ones * 0x80) == 0;
}

/* How many bytes at the start of text stand for themselves. */
static size_t
plain_bytes(struct slice text)
{
	size_t i = 0;

	while (i + 8 <= text.bytes && are_plain(text.data + i))
		i += 8;
	while (i < text.bytes && is_plain(text.data[i]))
		i++;
	return i;
}

static void
add_escaped_string(struct strbuf *out, struct slice text)
{
	strbuf_add_char(out, '"');
	while (text.bytes > 0) {
		const size_t plain = plain_bytes(text);

		strbuf_add(out, text.data, plain);
		if (plain == text.bytes)
			break;
		add_escaped(out, text.data[plain]);
		text = slice_of(text.data + plain + 1, text.bytes - plain - 1);
	}
	strbuf_add_char(out, '"');
}

/* Most need no escape, and then it is written in one go with what stands around it. */
static void
add_string(struct strbuf *out, bool comma, struct slice text, bool colon)
{
	if (plain_bytes(text) < text.bytes) {
		if (comma)
			strbuf_add_char(out, ',');
		add_escaped_string(out, text);
		if (colon)
			strbuf_add_char(out, ':');
		return;
	}
	const size_t bytes = text.bytes + 2 + comma + colon;
	uint8_t *at = strbuf_reserve(out, bytes);
	if (!at)
		return;
	if (comma)
		*at++ = ',';
	*at++ = '"';
	if (text.bytes > 0)
		memcpy(at, text.data, text.bytes);
	at += text.bytes;
	*at++ = '"';
	if (colon)
		*at = ':';
	strbuf_commit(out, bytes);
}

void
writer_key_slice(struct writer *writer, struct slice key)
{
	if (writer->out->failed)
		return;
	assert(writer->is_object[writer->depth] && !writer->behind_key);
	if (writer->indent != 0) {
		begin_item(writer);
		add_string(writer->out, false, key, true);
		strbuf_add_char(writer->out, ' ');
	} else {
		add_string(writer->out, writer->has_items[writer->depth], key, true);
		writer->has_items[writer->depth] = true;
	}
	writer->behind_key = true;
}

void
writer_key(struct writer *writer, const char *key)
{
	writer_key_slice(writer, slice_text(key));
}

void
writer_string(struct writer *writer, struct slice text)
{
	begin_value(writer);
	add_string(writer->out, false, text, false);
}

void
writer_raw(struct writer *writer, struct slice json)
{
	begin_value(writer);
	strbuf_add(writer->out, json.data, json.bytes);
}

void
writer_text(struct writer *writer, const char *text)
{
	if (text)
		writer_string(writer, slice_text(text));
	else
		writer_null(writer);
}

void
writer_bool(struct writer *writer, bool value)
{
	writer_raw(writer, slice_text(value ? "true" : "false"));
}

void
writer_null(struct writer *writer)
{
	writer_raw(writer, slice_text("null"));
}

static void
add_number(struct strbuf *out, uint64_t magnitude, bool negative, bool quoted)
{
	char text[sizeof("\"-18446744073709551615\"")];
	char *at = text + sizeof(text);

	if (quoted)
		*--at = '"';
	do
		*--at = (char)('0' + magnitude % 10);
	while (magnitude /= 10);
	if (negative)
		*--at = '-';
	if (quoted)
		*--at = '"';
	strbuf_add(out, at, (size_t)(text + sizeof(text) - at));
}

static uint64_t
magnitude_of(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void
writer_i64(struct writer *writer, int64_t value)
{
	begin_value(writer);
	add_number(writer->out, magnitude_of(value), value < 0, false);
}

void
writer_u64(struct writer *writer, uint64_t value)
{
	begin_value(writer);
	add_number(writer->out, value, false, false);
}

void
writer_i64_quoted(struct writer *writer, int64_t value)
{
	begin_value(writer);
	add_number(writer->out, magnitude_of(value), value < 0, true);
}

void
writer_u64_quoted(struct writer *writer, uint64_t value)
{
	begin_value(writer);
	add_number(writer->out, value, false, true);
}

void
writer_double(struct writer *writer, double value)
{
	char text[32];
	/* Any number of 15 digits survives; below the normal ones even fewer digits do. */
	int digits = fabs(value) < 2.3e-308 ? 1 : 15;

	if (!isfinite(value)) {
		writer_null(writer);
		return;
	}
	do
		snprintf(text, sizeof(text), "%.*g", digits++, value);
	while (digits <= 17 && strtod(text, NULL) != value);
	writer_raw(writer, slice_text(text));
}

void
writer_float(struct writer *writer, float value)
{
	char text[32];
	int digits = fabsf(value) < 1.2e-38f ? 1 : 6;

	if (!isfinite(value)) {
		writer_null(writer);
		return;
	}
	do
		snprintf(text, sizeof(text), "%.*g", digits++, (double)value);
	while (digits <= 9 && strtof(text, NULL) != value);
	writer_raw(writer, slice_text(text));
}
