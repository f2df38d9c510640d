#include "tests/lib/lacking.h"
#include "json/reader.h"
#include "json/writer.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STRINGS USHER_SOURCE_DIR "/../shared/data/naughty-strings/blns.json"

static struct arena arena;
static struct strbuf out;
static struct writer writer;

static int
set_up(void **state)
{
	(void)state;
	strbuf_init(&out, 1u << 20);
	writer_init(&writer, &out, 0);
	return arena_init(&arena, 1024, 16u << 20).code;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	strbuf_done(&out);
	return 0;
}

static void
write_sample(void)
{
	writer_object_begin(&writer);
	writer_key(&writer, "a");
	writer_array_begin(&writer);
	writer_i64(&writer, INT64_MIN);
	writer_u64(&writer, UINT64_MAX);
	writer_bool(&writer, true);
	writer_text(&writer, NULL);
	writer_array_end(&writer);
	writer_key_slice(&writer, slice_text("b\""));
	writer_object_begin(&writer);
	writer_object_end(&writer);
	writer_key(&writer, "c");
	writer_raw(&writer, slice_text("{\"x\":1}"));
	writer_key(&writer, "d");
	writer_i64_quoted(&writer, -1);
	writer_key(&writer, "e");
	writer_u64_quoted(&writer, 1);
	writer_object_end(&writer);
}

static void
commas_and_colons_come_by_themselves(void **state)
{
	(void)state;
	write_sample();
	assert_string_equal(strbuf_text(&out),
	    "{\"a\":[-9223372036854775808,18446744073709551615,true,null],"
	    "\"b\\\"\":{},\"c\":{\"x\":1},\"d\":\"-1\",\"e\":\"1\"}");
}

static void
indented_text_reads_well(void **state)
{
	(void)state;
	writer_init(&writer, &out, 2);
	write_sample();
	assert_string_equal(strbuf_text(&out),
	    "{\n  \"a\": [\n    -9223372036854775808,\n    18446744073709551615,\n    true,\n"
	    "    null\n  ],\n  \"b\\\"\": {},\n  \"c\": {\"x\":1},\n  \"d\": \"-1\",\n"
	    "  \"e\": \"1\"\n}");
}

static void
only_what_must_be_escaped_is(void **state)
{
	(void)state;
	writer_string(&writer, slice_of("\"\\/\b\f\n\r\t\0\x1f\x7f<é\xe2\x80\xa8", 17));
	assert_string_equal(
	    strbuf_text(&out), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f<é\xe2\x80\xa8\"");
}

static void
add_as_json(struct strbuf *to, uint8_t c)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *found = c ? strchr(escaped, c) : NULL;

	if (found)
		strbuf_add_format(to, "\\%c", names[found - escaped]);
	else if (c < ' ')
		strbuf_add_format(to, "\\u%04x", c);
	else
		strbuf_add_char(to, (char)c);
}

/* Bytes are looked at eight at a time. */
static void
each_byte_is_escaped_or_not_wherever_it_stands(void **state)
{
	uint8_t text[40];
	struct strbuf expected;

	(void)state;
	strbuf_init(&expected, 1024);
	for (size_t bytes = 1; bytes <= 20; bytes++) {
		/* Neighbours from which a borrow would come. */
		for (unsigned c = 0; c < 256; c++) {
			for (size_t at = 0; at < bytes; at++) {
				memset(text, c % 2 ? '!' : '#', sizeof(text));
				text[at] = (uint8_t)c;
				text[bytes] = '"'; /* behind its end */
				strbuf_reset(&expected);
				strbuf_add_char(&expected, '"');
				for (size_t i = 0; i < bytes; i++)
					add_as_json(&expected, text[i]);
				strbuf_add_char(&expected, '"');
				strbuf_reset(&out);
				writer_init(&writer, &out, 0);
				writer_string(&writer, slice_of(text, bytes));
				assert_string_equal(strbuf_text(&out), strbuf_text(&expected));
			}
		}
	}
	strbuf_done(&expected);
}

static void
whole_numbers_have_their_digits_and_nothing_else(void **state)
{
	static const int64_t numbers[] = {
	    0, 1, -1, 9, 10, -10, 99, 100, 1234567890, INT64_MAX, INT64_MIN, INT64_MIN + 1};
	char expected[64];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (unsigned form = 0; form < 4; form++) {
			const int64_t number = numbers[i];

			strbuf_reset(&out);
			writer_init(&writer, &out, 0);
			if (form % 2)
				snprintf(expected, sizeof(expected),
				    form & 2 ? "\"%" PRIu64 "\"" : "%" PRIu64, (uint64_t)number);
			else
				snprintf(expected, sizeof(expected),
				    form & 2 ? "\"%" PRId64 "\"" : "%" PRId64, number);
			if (form == 0)
				writer_i64(&writer, number);
			else if (form == 1)
				writer_u64(&writer, (uint64_t)number);
			else if (form == 2)
				writer_i64_quoted(&writer, number);
			else
				writer_u64_quoted(&writer, (uint64_t)number);
			assert_string_equal(strbuf_text(&out), expected);
		}
	}
}

static void
a_naughty_string_comes_back_byte_for_byte(void **state)
{
	FILE *file = fopen(STRINGS, "rb");
	struct strbuf text;
	struct reader list, back;
	enum reader_token token;
	int strings = 0;

	(void)state;
	if (!file)
		LACKING(STRINGS);
	strbuf_init(&text, 1u << 20);
	strbuf_commit(&text, fread(strbuf_reserve(&text, 1u << 19), 1, 1u << 19, file));
	fclose(file);
	reader_init(&list, slice_of(text.data, text.bytes), &arena, 0);
	assert_int_equal(reader_next(&list, &token).code, ST_OK);
	assert_int_equal(token, READER_ARRAY_BEGIN);
	for (;; strings++) {
		assert_int_equal(reader_next(&list, &token).code, ST_OK);
		if (token != READER_STRING)
			break;
		strbuf_reset(&out);
		writer_init(&writer, &out, 0);
		writer_string(&writer, list.value);
		reader_init(&back, slice_of(out.data, out.bytes), &arena, 0);
		assert_int_equal(reader_next(&back, &token).code, ST_OK);
		assert_true(slice_equals(list.value, back.value));
	}
	assert_int_equal(token, READER_ARRAY_END);
	assert_true(strings > 400);
	strbuf_done(&text);
}

static void
assert_double(double value, const char *text)
{
	strbuf_reset(&out);
	writer_init(&writer, &out, 0);
	writer_double(&writer, value);
	assert_string_equal(strbuf_text(&out), text);
	assert_true(strtod(text, NULL) == value);
}

static void
a_double_has_as_few_digits_as_lead_back_to_it(void **state)
{
	uint64_t bits = 88172645463325252u;

	(void)state;
	assert_double(0, "0");
	assert_double(-0.0, "-0");
	assert_double(0.1, "0.1");
	assert_double(1.0 / 3, "0.3333333333333333");
	assert_double(5e-324, "5e-324");
	assert_double(DBL_MAX, "1.7976931348623157e+308");
	assert_double(9007199254740993.0, "9007199254740992");
	assert_double(0.1 + 0.2, "0.30000000000000004");
	for (int i = 0; i < 20000; i++) {
		double value;
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value))
			continue;
		strbuf_reset(&out);
		writer_init(&writer, &out, 0);
		writer_double(&writer, value);
		assert_true(strtod(strbuf_text(&out), NULL) == value);
	}
}

static void
a_float_has_fewer_digits_than_its_double(void **state)
{
	(void)state;
	writer_array_begin(&writer);
	writer_float(&writer, 0.1f);
	writer_float(&writer, FLT_MAX);
	writer_float(&writer, 1e-45f);
	writer_float(&writer, 16777217.0f);
	writer_double(&writer, (double)NAN);
	writer_float(&writer, -INFINITY);
	writer_array_end(&writer);
	assert_string_equal(strbuf_text(&out), "[0.1,3.4028235e+38,1e-45,16777216,null,null]");
}

static void
too_many_levels_fail_the_buffer_and_nothing_else(void **state)
{
	(void)state;
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		writer_array_begin(&writer);
	assert_int_equal(strbuf_status(&out).code, ST_OK);
	writer_object_begin(&writer);
	writer_key(&writer, "a");
	writer_null(&writer);
	writer_object_end(&writer);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		writer_array_end(&writer);
	assert_int_equal(strbuf_status(&out).code, ST_RESOURCE_EXHAUSTED);
}

/* The buffer ends at every length there is; what was written is never more than its limit. */
static void
a_full_buffer_ends_the_text_wherever_it_is(void **state)
{
	size_t whole;

	(void)state;
	write_sample();
	whole = out.bytes;
	for (size_t limit = 0; limit < whole; limit++) {
		strbuf_done(&out);
		strbuf_init(&out, limit);
		writer_init(&writer, &out, 0);
		write_sample();
		assert_int_equal(strbuf_status(&out).code, ST_RESOURCE_EXHAUSTED);
		assert_true(out.bytes <= limit);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(commas_and_colons_come_by_themselves),
	    TEST(indented_text_reads_well),
	    TEST(only_what_must_be_escaped_is),
	    TEST(each_byte_is_escaped_or_not_wherever_it_stands),
	    TEST(whole_numbers_have_their_digits_and_nothing_else),
	    TEST(a_naughty_string_comes_back_byte_for_byte),
	    TEST(a_double_has_as_few_digits_as_lead_back_to_it),
	    TEST(a_float_has_fewer_digits_than_its_double),
	    TEST(too_many_levels_fail_the_buffer_and_nothing_else),
	    TEST(a_full_buffer_ends_the_text_wherever_it_is),
	};
	return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
