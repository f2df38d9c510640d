#include "json/writer.h"

#include <assert.h>
#include <inttypes.h>
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

static void
add_string(struct strbuf *out, struct slice text)
{
	size_t plain = 0;

	strbuf_add_char(out, '"');
	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t c = text.data[i];
		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		strbuf_add(out, text.data + plain, i - plain);
		add_escaped(out, c);
		plain = i + 1;
	}
	if (plain < text.bytes)
		strbuf_add(out, text.data + plain, text.bytes - plain);
	strbuf_add_char(out, '"');
}

void
writer_key_slice(struct writer *writer, struct slice key)
{
	if (writer->out->failed)
		return;
	assert(writer->is_object[writer->depth] && !writer->behind_key);
	begin_item(writer);
	add_string(writer->out, key);
	strbuf_add_text(writer->out, writer->indent != 0 ? ": " : ":");
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
	add_string(writer->out, text);
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

void
writer_i64(struct writer *writer, int64_t value)
{
	begin_value(writer);
	strbuf_add_format(writer->out, "%" PRId64, value);
}

void
writer_u64(struct writer *writer, uint64_t value)
{
	begin_value(writer);
	strbuf_add_format(writer->out, "%" PRIu64, value);
}

void
writer_i64_quoted(struct writer *writer, int64_t value)
{
	begin_value(writer);
	strbuf_add_format(writer->out, "\"%" PRId64 "\"", value);
}

void
writer_u64_quoted(struct writer *writer, uint64_t value)
{
	begin_value(writer);
	strbuf_add_format(writer->out, "\"%" PRIu64 "\"", value);
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
