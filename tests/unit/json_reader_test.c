#include "tests/lib/lacking.h"
#include "json/reader.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SUITE USHER_SOURCE_DIR "/../shared/data/json-test-suite"
#define SUITE_FILES_MIN 300

static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	return arena_init(&arena, 1024, 16u << 20).code;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* A copy without a byte behind, so that a sanitizer sees the reader look further. */
static status
read_exactly(struct slice text, struct arena *memory, unsigned options)
{
	uint8_t *copy = malloc(text.bytes ? text.bytes : 1);
	enum reader_token token;
	struct reader reader;
	status read;

	assert_non_null(copy);
	if (text.bytes)
		memcpy(copy, text.data, text.bytes);
	reader_init(&reader, slice_of(copy, text.bytes), memory, options);
	do
		read = reader_next(&reader, &token);
	while (read.code == ST_OK && token != READER_END);
	free(copy);
	return read;
}

static status
read_all(const char *text, unsigned options)
{
	return read_exactly(slice_text(text), &arena, options);
}

static void
assert_refused(const char *text, unsigned options, const char *message)
{
	status read = read_all(text, options);

	assert_int_equal(read.code, ST_INVALID_ARGUMENT);
	assert_string_equal(read.reason, "MALFORMED_JSON");
	assert_string_equal(read.message, message);
}

static void
assert_next(struct reader *reader, enum reader_token wanted, const char *value)
{
	enum reader_token token;

	assert_int_equal(reader_next(reader, &token).code, ST_OK);
	assert_int_equal(token, wanted);
	assert_true(slice_equals_text(reader->value, value));
}

static void
read_suite_file(const char *name, struct strbuf *text)
{
	char path[1024];
	size_t got;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", SUITE, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	strbuf_reset(text);
	do {
		uint8_t *room = strbuf_reserve(text, 65536);
		assert_non_null(room);
		got = fread(room, 1, 65536, file);
		strbuf_commit(text, got);
	} while (got != 0);
	fclose(file);
}

static void
every_file_of_the_suite_is_accepted_or_refused_as_its_name_says(void **state)
{
	DIR *folder = opendir(SUITE);
	struct dirent *entry;
	struct strbuf text;
	int files = 0;

	(void)state;
	if (!folder)
		LACKING(SUITE);
	strbuf_init(&text, 1u << 20);
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;
		if (strchr("yni", name[0]) == NULL || name[1] != '_')
			continue;
		read_suite_file(name, &text);
		for (int bare = 0; bare < 2; bare++) {
			struct slice slice = slice_of(text.data, text.bytes);
			bool accepted = read_exactly(slice, bare ? NULL : &arena, 0).code == ST_OK;
			if (name[0] != 'i' && accepted != (name[0] == 'y'))
				fail_msg("%s was %s", name, accepted ? "accepted" : "refused");
		}
		files++;
		arena_reset(&arena);
	}
	strbuf_done(&text);
	closedir(folder);
	assert_true(files >= SUITE_FILES_MIN);
}

static void
tokens_come_in_order_with_their_texts(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader,
	    slice_text(" {\"a\" : [-1.50e+10,true,false ,null],\r\n\t\"b\\n\":"
		       "\"x\\ud83D\\uDE00\\/\", \"\":{}}  "),
	    &arena, READER_UNIQUE_KEYS);
	assert_next(&reader, READER_OBJECT_BEGIN, "");
	assert_next(&reader, READER_KEY, "a");
	assert_next(&reader, READER_ARRAY_BEGIN, "");
	assert_next(&reader, READER_NUMBER, "-1.50e+10");
	assert_next(&reader, READER_TRUE, "");
	assert_next(&reader, READER_FALSE, "");
	assert_next(&reader, READER_NULL, "");
	assert_next(&reader, READER_ARRAY_END, "");
	assert_next(&reader, READER_KEY, "b\n");
	assert_next(&reader, READER_STRING, "x\xf0\x9f\x98\x80/");
	assert_next(&reader, READER_KEY, "");
	assert_next(&reader, READER_OBJECT_BEGIN, "");
	assert_next(&reader, READER_OBJECT_END, "");
	assert_next(&reader, READER_OBJECT_END, "");
	assert_next(&reader, READER_END, "");
	assert_next(&reader, READER_END, "");
}

static void
a_number_keeps_every_digit(void **state)
{
	const char *digits = "123456789012345678901234567890.000000000000000000010";
	struct reader reader;

	(void)state;
	reader_init(&reader, slice_text(digits), &arena, 0);
	assert_next(&reader, READER_NUMBER, digits);
}

static void
an_error_says_line_column_and_what_was_wanted(void **state)
{
	(void)state;
	assert_refused("", 0, "line 1, column 1: the text ends where a value should be");
	assert_refused(
	    "{\n \"ä\": tru}", 0, "line 2, column 7: 't' stands where a value should be");
	assert_refused("[1 2]", 0, "line 1, column 4: '2' stands where a comma or ] should be");
	assert_refused("{\"a\" 1}", 0, "line 1, column 6: '1' stands where a colon should be");
	assert_refused(
	    "{\"a\":1,}", 0, "line 1, column 8: '}' stands where a key in quotes should be");
	assert_refused("[1.]", 0, "line 1, column 4: ']' stands where a digit should be");
	assert_refused("-01", 0, "line 1, column 2: a number has no 0 in front");
	assert_refused("\"abc", 0, "line 1, column 1: a string is not closed");
	assert_refused("\"a\tb\"", 0,
	    "line 1, column 3: a control character stands in a string without an escape");
	assert_refused("\"\\x\"", 0, "line 1, column 2: \\ begins no escape here");
	assert_refused("\"\\u12g4\"", 0, "line 1, column 2: \\u wants four hex digits");
	assert_refused("\"ok\xff\"", 0, "line 1, column 4: the text is not UTF-8");
	assert_refused("{} {}", 0, "line 1, column 4: there is something behind the value");
}

static void
half_a_surrogate_pair_is_refused_wherever_it_stands(void **state)
{
	static const char *const texts[] = {
	    "\"\\ud800\"",
	    "\"\\udc00\"",
	    "\"\\ud800\\ud800\"",
	    "\"\\ud800x\"",
	    "\"\\ud800\\n\"",
	    "\"\\udc00\\ud800\"",
	    "\"\\ud800\\u\"",
	    "\"\\ud83d\\ude\"",
	    "{\"\\ud800\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_all(texts[i], 0).code, ST_INVALID_ARGUMENT);
	assert_int_equal(read_all("\"\\ud800\\udc00\\udbff\\udfff\"", 0).code, ST_OK);
}

static void
an_escaped_nul_is_told_or_refused(void **state)
{
	enum reader_token token;
	struct reader reader;

	(void)state;
	reader_init(&reader, slice_text("[\"a\\u0000b\",\"c\"]"), &arena, 0);
	assert_next(&reader, READER_ARRAY_BEGIN, "");
	assert_int_equal(reader_next(&reader, &token).code, ST_OK);
	assert_true(reader.has_nul);
	assert_true(slice_equals(reader.value, slice_of("a\0b", 3)));
	assert_next(&reader, READER_STRING, "c");
	assert_false(reader.has_nul);
	assert_refused(
	    "[\"a\\u0000b\"]", READER_REFUSE_NUL, "line 1, column 4: \\u0000 can't be kept");
	assert_int_equal(read_exactly(slice_of("\"\0\"", 3), &arena, 0).code, ST_INVALID_ARGUMENT);
	assert_int_equal(read_exactly(slice_of("1\0", 2), &arena, 0).code, ST_INVALID_ARGUMENT);
}

static void
a_hundred_levels_are_read_and_one_more_is_refused(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	assert_int_equal(read_all(text, READER_UNIQUE_KEYS).code, ST_OK);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = '\0';
	assert_refused(text, 0, "line 1, column 101: there are more than 100 levels");
}

static void
a_key_that_stands_twice_is_refused_even_if_escaped(void **state)
{
	(void)state;
	assert_refused("{\"a\":1,\"\\u0061\":2}", READER_UNIQUE_KEYS,
	    "line 1, column 8: the key \"a\" stands there twice");
	assert_int_equal(read_all("{\"a\":1,\"a\":2}", 0).code, ST_OK);
	assert_int_equal(
	    read_all("[{\"a\":{\"a\":{\"a\":1}}},{\"a\":2}]", READER_UNIQUE_KEYS).code, ST_OK);
	assert_int_equal(
	    read_all("{\"a\":{\"b\":1},\"c\":{\"b\":1},\"a\":1}", READER_UNIQUE_KEYS).code,
	    ST_INVALID_ARGUMENT);
	assert_int_equal(read_all("{\"\":1,\"\":1}", READER_UNIQUE_KEYS).code, ST_INVALID_ARGUMENT);
}

static void
a_repeated_key_is_found_among_ten_thousand(void **state)
{
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 1u << 20);
	strbuf_add_text(&text, "{");
	for (int i = 0; i < 10000; i++)
		strbuf_add_format(&text, "\"k%d\":{\"k%d\":0},", i, i);
	strbuf_add_text(&text, "\"last\":1}");
	assert_int_equal(read_all(strbuf_text(&text), READER_UNIQUE_KEYS).code, ST_OK);
	memcpy(strstr((char *)text.data, "\"last\""), "\"k42\" ", 6);
	assert_int_equal(
	    read_all(strbuf_text(&text), READER_UNIQUE_KEYS).code, ST_INVALID_ARGUMENT);
	strbuf_done(&text);
}

static void
many_small_objects_cost_no_memory_of_their_own(void **state)
{
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 1u << 20);
	strbuf_add_text(&text, "[");
	for (int i = 0; i < 50000; i++)
		strbuf_add_text(&text, "{\"k\":0},");
	strbuf_add_text(&text, "0]");
	assert_int_equal(read_all(strbuf_text(&text), READER_UNIQUE_KEYS).code, ST_OK);
	assert_true(arena.used_bytes < 4096);
	strbuf_done(&text);
}

static void
a_value_is_finished_from_its_key_or_its_first_token(void **state)
{
	struct reader reader;
	struct slice raw;

	(void)state;
	reader_init(&reader, slice_text("{\"a\": [1, {\"b\":\"]\"}] ,\"c\":  7 ,\"d\":{} }"),
	    &arena, READER_UNIQUE_KEYS);
	assert_next(&reader, READER_OBJECT_BEGIN, "");
	assert_next(&reader, READER_KEY, "a");
	assert_int_equal(reader_finish_value(&reader, &raw).code, ST_OK);
	assert_true(slice_equals_text(raw, "[1, {\"b\":\"]\"}]"));
	assert_next(&reader, READER_KEY, "c");
	assert_next(&reader, READER_NUMBER, "7");
	assert_int_equal(reader_finish_value(&reader, &raw).code, ST_OK);
	assert_true(slice_equals_text(raw, "7"));
	assert_next(&reader, READER_KEY, "d");
	assert_next(&reader, READER_OBJECT_BEGIN, "");
	assert_int_equal(reader_finish_value(&reader, &raw).code, ST_OK);
	assert_true(slice_equals_text(raw, "{}"));
	assert_next(&reader, READER_OBJECT_END, "");
	assert_next(&reader, READER_END, "");
}

static void
a_reader_that_has_failed_says_the_same_again(void **state)
{
	enum reader_token token;
	struct reader reader;
	status first;

	(void)state;
	reader_init(&reader, slice_text("[}"), &arena, 0);
	assert_next(&reader, READER_ARRAY_BEGIN, "");
	first = reader_next(&reader, &token);
	assert_int_equal(first.code, ST_INVALID_ARGUMENT);
	assert_ptr_equal(reader_next(&reader, &token).message, first.message);
	assert_ptr_equal(reader_finish_value(&reader, NULL).message, first.message);
}

static void
a_callers_complaint_never_ends_within_a_character(void **state)
{
	struct reader reader;
	struct strbuf long_text;
	status refused;

	(void)state;
	strbuf_init(&long_text, 4096);
	for (int i = 0; i < 500; i++)
		strbuf_add_text(&long_text, "\xe2\x82\xac");
	reader_init(&reader, slice_text("{}"), &arena, 0);
	refused = reader_refuse(&reader, 1, "unknown field \"%s\"", strbuf_text(&long_text));
	assert_true(utf8_is_valid(slice_text(refused.message)));
	assert_true(slice_starts_with(slice_text(refused.message), "line 1, column 2: unknown"));
	strbuf_done(&long_text);
}

/* Out of memory at the n-th allocation, for each n: refused or read, never a crash. */
static void
every_allocation_may_fail(void **state)
{
	const char *text = "{\"a\\n\":{\"b\\t\":\"c\\r\"},\"d\":[\"\\u00e4\"]}";
	status read = {.code = ST_RESOURCE_EXHAUSTED};
	size_t n;

	(void)state;
	for (n = 0; read.code != ST_OK && n < 100;) {
		arena_reset(&arena);
		arena.fail_after = ++n;
		read = read_all(text, READER_UNIQUE_KEYS);
		assert_true(read.code == ST_OK || read.code == ST_RESOURCE_EXHAUSTED);
	}
	assert_int_equal(read.code, ST_OK);
	assert_in_range(n, 8, 20);
	arena_reset(&arena);
	arena.fail_after = 1;
	assert_string_equal(read_all("[", 0).message, "the JSON text is malformed");
	arena.fail_after = 0;
}

static void
a_checked_object_is_one_that_jsonb_keeps(void **state)
{
	static const struct {
		const char *text;
		bool fits;
	} cases[] = {
	    {"{}", true},
	    {" {\"a\":[1e400,-1E-400,0.5,\"\\u0001\"]}\n", true},
	    {"{\"a\":1e0000}", true},
	    {"[]", false},
	    {"\"{}\"", false},
	    {"", false},
	    {"{}x", false},
	    {"{\"a\":1,\"a\":1}", false},
	    {"{\"a\":\"\\u0000\"}", false},
	    {"{\"a\":1e401}", false},
	    {"{\"a\":1E-000401}", false},
	    {"{\"a\":1e99999999999999999999}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		status checked = reader_check_object(slice_text(cases[i].text), &arena);
		if ((checked.code == ST_OK) != cases[i].fits)
			fail_msg("%s: %s", cases[i].text, checked.code ? checked.message : "taken");
	}
}

/* An object of so many numbers that are all the same. */
static status
check_numbers(const char *number, size_t count)
{
	struct strbuf text;
	status checked;

	arena_reset(&arena);
	strbuf_init(&text, 1u << 20);
	strbuf_add_text(&text, "{\"a\":[");
	for (size_t i = 0; i < count; i++)
		strbuf_add_format(&text, "%s%s", i ? "," : "", number);
	strbuf_add_text(&text, "]}");
	assert_false(text.failed);
	checked = reader_check_object(slice_of(text.data, text.bytes), &arena);
	strbuf_done(&text);
	return checked;
}

/* 5 bytes of text may be 401 of jsonb's: enough of them and nothing could show the object. */
static void
numbers_that_would_be_much_longer_written_out_are_refused(void **state)
{
	static const char *const long_ones[] = {
	    "1e400", "1E+400", "1e-400", "-1e-400", "0e-400", "0.1e0399"};

	(void)state;
	for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++) {
		assert_int_equal(check_numbers(long_ones[i], 10).code, ST_OK);
		status many = check_numbers(long_ones[i], 11);
		assert_int_equal(many.code, ST_INVALID_ARGUMENT);
		assert_non_null(strstr(many.message, "written out in full"));
		assert_int_equal(check_numbers(long_ones[i], 10000).code, ST_INVALID_ARGUMENT);
	}
	/* Not so what people measure. */
	assert_int_equal(check_numbers("1.7976931348623157e308", 13).code, ST_OK);
	assert_int_equal(check_numbers("6.02214076e23", 10000).code, ST_OK);
	assert_int_equal(check_numbers("1e-12", 10000).code, ST_OK);
	assert_int_equal(check_numbers("-6.123233995736766e-17", 10000).code, ST_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(every_file_of_the_suite_is_accepted_or_refused_as_its_name_says),
	    TEST(tokens_come_in_order_with_their_texts),
	    TEST(a_number_keeps_every_digit),
	    TEST(an_error_says_line_column_and_what_was_wanted),
	    TEST(half_a_surrogate_pair_is_refused_wherever_it_stands),
	    TEST(an_escaped_nul_is_told_or_refused),
	    TEST(a_hundred_levels_are_read_and_one_more_is_refused),
	    TEST(a_key_that_stands_twice_is_refused_even_if_escaped),
	    TEST(a_repeated_key_is_found_among_ten_thousand),
	    TEST(many_small_objects_cost_no_memory_of_their_own),
	    TEST(a_value_is_finished_from_its_key_or_its_first_token),
	    TEST(a_reader_that_has_failed_says_the_same_again),
	    TEST(a_callers_complaint_never_ends_within_a_character),
	    TEST(every_allocation_may_fail),
	    TEST(a_checked_object_is_one_that_jsonb_keeps),
	    TEST(numbers_that_would_be_much_longer_written_out_are_refused),
	};
	return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
