#include "base/rand.h"
#include "base/str.h"
#include "tests/lib/huge_allocations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
slices_are_equal_by_their_bytes(void **state)
{
	(void)state;
	assert_true(slice_equals(SLICE_NONE, slice_text("")));
	assert_true(slice_equals(slice_of("a\0b", 3), slice_of("a\0b", 3)));
	assert_false(slice_equals(slice_of("a\0b", 3), slice_of("a\0c", 3)));
	assert_false(slice_equals_text(slice_of("a\0", 2), "a"));
	assert_true(slice_starts_with(slice_text("abc"), "ab"));
	assert_true(slice_starts_with(SLICE_NONE, ""));
	assert_false(slice_starts_with(slice_text("a"), "ab"));
	assert_true(slice_text(NULL).bytes == 0);
}

static void
secrets_are_equal_only_in_every_byte(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};

	(void)state;
	assert_true(slice_equals_secret(slice_of(a, 64), slice_of(b, 64)));
	assert_true(slice_equals_secret(SLICE_NONE, SLICE_NONE));
	assert_false(slice_equals_secret(slice_of(a, 63), slice_of(b, 64)));
	/* Of texts of each length, any bit. */
	for (size_t bytes = 0; bytes <= 64; bytes++) {
		assert_true(slice_equals_secret(slice_of(a, bytes), slice_of(b, bytes)));
		for (size_t i = 0; i < bytes * 8; i++) {
			b[i / 8] ^= (uint8_t)(1u << i % 8);
			assert_false(slice_equals_secret(slice_of(a, bytes), slice_of(b, bytes)));
			b[i / 8] ^= (uint8_t)(1u << i % 8);
		}
	}
}

static void
a_buffer_grows_to_its_limit_and_then_fails_once_and_for_all(void **state)
{
	struct strbuf buf;

	(void)state;
	strbuf_init(&buf, 1000);
	assert_string_equal(strbuf_text(&buf), "");
	for (int i = 0; i < 1000; i++)
		strbuf_add_char(&buf, 'x');
	assert_int_equal(strbuf_status(&buf).code, ST_OK);
	assert_int_equal(strlen(strbuf_text(&buf)), 1000);
	strbuf_add_text(&buf, "");
	assert_int_equal(strbuf_status(&buf).code, ST_OK);
	strbuf_add_char(&buf, 'y');
	assert_int_equal(strbuf_status(&buf).code, ST_RESOURCE_EXHAUSTED);
	assert_int_equal(buf.bytes, 1000);
	strbuf_reset(&buf);
	strbuf_add_format(&buf, "%d%s", 7, "z");
	assert_string_equal(strbuf_text(&buf), "7z");
	strbuf_add_format(&buf, "%1000d", 1);
	strbuf_add_text(&buf, "a");
	assert_string_equal(strbuf_text(&buf), "7z");
	assert_int_equal(strbuf_status(&buf).code, ST_RESOURCE_EXHAUSTED);
	strbuf_done(&buf);
}

static void
sizes_that_overflow_fail_the_buffer(void **state)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 5, SIZE_MAX / 2 + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct strbuf buf;
		strbuf_init(&buf, SIZE_MAX);
		strbuf_add_text(&buf, "abcdef");
		assert_null(strbuf_reserve(&buf, sizes[i]));
		assert_true(buf.failed);
		assert_string_equal(strbuf_text(&buf), "abcdef");
		strbuf_done(&buf);
	}
}

static void
a_limit_of_nothing_takes_nothing(void **state)
{
	struct strbuf buf;

	(void)state;
	strbuf_init(&buf, 0);
	strbuf_add(&buf, NULL, 0);
	assert_int_equal(strbuf_status(&buf).code, ST_OK);
	strbuf_add_char(&buf, 'a');
	assert_int_equal(strbuf_status(&buf).code, ST_RESOURCE_EXHAUSTED);
	strbuf_done(&buf);
}

static void
reserved_room_counts_once_it_is_committed(void **state)
{
	struct strbuf buf;
	uint8_t *room;

	(void)state;
	strbuf_init(&buf, 100);
	room = strbuf_reserve(&buf, 100);
	assert_non_null(room);
	memset(room, 'r', 100);
	strbuf_commit(&buf, 3);
	assert_string_equal(strbuf_text(&buf), "rrr");
	assert_null(strbuf_reserve(&buf, 98));
	strbuf_done(&buf);
}

/* Freed memory may not be looked at, so free() is looked at instead. */
static void *watched_data;
static size_t watched_bytes;
static bool watched_was_zero;

void __real_free(void *data);
void __wrap_free(void *data);

void
__wrap_free(void *data)
{
	if (data && data == watched_data) {
		watched_was_zero = true;
		for (size_t i = 0; i < watched_bytes; i++)
			watched_was_zero = watched_was_zero && ((uint8_t *)data)[i] == 0;
		watched_data = NULL;
	}
	__real_free(data);
}

static void
watch(const struct strbuf *buf)
{
	watched_data = buf->data;
	watched_bytes = buf->capacity;
	watched_was_zero = false;
}

static void
a_buffer_leaves_nothing_behind_when_it_grows_or_goes(void **state)
{
	struct strbuf buf;

	(void)state;
	strbuf_init(&buf, 100000);
	strbuf_add_text(&buf, "correct horse battery staple");
	watch(&buf);
	strbuf_add_format(&buf, "%1000d", 1);
	assert_true(watched_was_zero);
	strbuf_reset(&buf);
	watch(&buf);
	strbuf_done(&buf);
	assert_true(watched_was_zero);
}

static bool
is_valid(const char *bytes, size_t count)
{
	uint8_t *copy = malloc(count);
	bool valid;

	assert_non_null(copy);
	memcpy(copy, bytes, count);
	valid = utf8_is_valid(slice_of(copy, count));
	free(copy);
	return valid;
}

static void
utf8_is_what_rfc_3629_says(void **state)
{
	(void)state;
	assert_true(utf8_is_valid(SLICE_NONE));
	assert_true(is_valid("\0\x7f", 2));
	assert_true(
	    is_valid("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 16));
	assert_true(is_valid("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8));
	assert_false(is_valid("\x80", 1));
	assert_false(is_valid("\xc0\x80", 2));
	assert_false(is_valid("\xc1\xbf", 2));
	assert_false(is_valid("\xe0\x9f\xbf", 3));
	assert_false(is_valid("\xed\xa0\x80", 3));
	assert_false(is_valid("\xf0\x8f\xbf\xbf", 4));
	assert_false(is_valid("\xf4\x90\x80\x80", 4));
	assert_false(is_valid("\xf5\x80\x80\x80", 4));
	assert_false(is_valid("\xff", 1));
	assert_false(is_valid("\xe2\x82", 2));
	assert_false(is_valid("\xf0\x90\x80", 3));
	assert_false(is_valid("a\xc2", 2));
}

/* Every code point goes out and comes back; and a wrong byte is found wherever it stands. */
static void
every_character_is_valid_and_every_wrong_byte_is_found(void **state)
{
	uint8_t text[64];

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		uint8_t bytes[4];
		size_t count = utf8_encode(c, bytes);
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		assert_true(utf8_is_valid(slice_of(bytes, count)) != surrogate);
		assert_int_equal(utf8_length(slice_of(bytes, count)), 1);
	}
	for (size_t bytes = 1; bytes <= sizeof(text); bytes++) {
		for (size_t at = 0; at < bytes; at++) {
			memset(text, 'a', sizeof(text));
			text[at] = 0xff;
			assert_int_equal(utf8_valid_bytes(slice_of(text, bytes)), at);
		}
	}
	for (size_t most = 0; most <= 8; most++)
		assert_int_equal(utf8_start(slice_text("aé\xe2\x82\xac."), most).bytes,
		    ((size_t[]){0, 1, 1, 3, 3, 3, 6, 7, 7})[most]);
	assert_int_equal(utf8_length(slice_text("aé\xe2\x82\xac")), 3);
}

static void
hex_goes_both_ways_and_takes_nothing_else(void **state)
{
	uint8_t data[3] = {7, 7, 7};
	char text[7];

	(void)state;
	hex_encode(slice_of("\x00\xaf\xff", 3), text);
	assert_string_equal(text, "00afff");
	assert_true(hex_decode(slice_text("00AfFf"), data, 3));
	assert_memory_equal(data, "\x00\xaf\xff", 3);
	assert_false(hex_decode(slice_text("010203"), data, 2));
	assert_false(hex_decode(slice_text("0102030"), data, 3));
	assert_false(hex_decode(slice_text("01020g"), data, 3));
	assert_false(hex_decode(slice_text("01 203"), data, 3));
	assert_memory_equal(data, "\x00\xaf\xff", 3);
}

static void
base64_goes_both_ways_at_every_length(void **state)
{
	uint8_t data[70], back[70];
	char text[BASE64_TEXT_BYTES(sizeof(data))];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + 3);
	for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
		for (int form = BASE64_STANDARD; form <= BASE64_BARE; form++) {
			size_t length = base64_encode(slice_of(data, bytes), form, text);
			size_t room = bytes, less = bytes - 1;
			assert_int_equal(strlen(text), length);
			assert_true(base64_decode(slice_text(text), form, back, &room));
			assert_int_equal(room, bytes);
			assert_memory_equal(back, data, bytes);
			assert_true(base64_decode_any(slice_text(text), back, &room));
			if (bytes != 0)
				assert_false(base64_decode(slice_text(text), form, back, &less));
		}
	}
	base64_encode(slice_of("\xfb\xff", 2), BASE64_URL, text);
	assert_string_equal(text, "-_8");
	base64_encode(slice_of("\xfb\xff", 2), BASE64_STANDARD, text);
	assert_string_equal(text, "+/8=");
	base64_encode(slice_of("\xfb\xff", 2), BASE64_BARE, text);
	assert_string_equal(text, "+/8");
}

static bool
decodes(const char *text, enum base64_form form)
{
	uint8_t out[16];
	size_t room = sizeof(out);

	return base64_decode(slice_text(text), form, out, &room);
}

static bool
decodes_any(const char *text)
{
	uint8_t out[16];
	size_t room = sizeof(out);

	return base64_decode_any(slice_text(text), out, &room);
}

static void
base64_is_strict_but_for_the_form_that_protobuf_reads(void **state)
{
	static const char *const wrong[] = {"A", "AA", "AAA",
	    "AA=", "AB==", "AAB=", "A===", "====", "=", "AA==AA==", "AA-_", "AA A", "AAAA="};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (decodes(wrong[i], BASE64_STANDARD))
			fail_msg("%s was taken", wrong[i]);
	assert_true(decodes("AA", BASE64_URL));
	assert_false(decodes("AA==", BASE64_URL));
	assert_false(decodes("AB", BASE64_URL));
	assert_false(decodes("AA+/", BASE64_URL));
	assert_true(decodes("AA+/AA", BASE64_BARE));
	assert_false(decodes("AA==", BASE64_BARE));
	assert_false(decodes("AB", BASE64_BARE));
	assert_false(decodes("AA-_", BASE64_BARE));
	for (int c = 0x80; c <= 0xff; c++) {
		const char above_ascii[] = {'A', 'A', (char)c, 'A', '\0'};
		for (int form = BASE64_STANDARD; form <= BASE64_BARE; form++)
			assert_false(decodes(above_ascii, form));
		assert_false(decodes_any(above_ascii));
	}
	assert_true(decodes_any("-_"));
	assert_true(decodes_any("+/8="));
	assert_true(decodes_any("AB=="));
	assert_true(decodes_any(""));
	assert_false(decodes_any("A"));
	assert_false(decodes_any("AA="));
	assert_false(decodes_any("===="));
	assert_false(decodes_any("A\nAA"));
}

static bool
is_i64(const char *text, int64_t want)
{
	int64_t got;

	return number_parse_i64(slice_text(text), &got) && got == want;
}

static void
numbers_are_digits_within_their_limits(void **state)
{
	static const char *const wrong[] = {"", "-", "+1", "--1", " 1", "1 ", "1.0", "1e3", "0x1",
	    "9223372036854775808", "-9223372036854775809", "99999999999999999999999", "1a"};
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_true(is_i64("0", 0));
	assert_true(is_i64("-0", 0));
	assert_true(is_i64("9223372036854775807", INT64_MAX));
	assert_true(is_i64("-9223372036854775808", INT64_MIN));
	for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++)
		assert_false(number_parse_i64(slice_text(wrong[n]), &i));
	assert_int_equal(i, 7);
	assert_false(number_parse_u64(slice_text("18446744073709551616"), &u));
	assert_false(number_parse_u64(slice_text("-1"), &u));
	assert_int_equal(u, 7);
	assert_true(number_parse_u64(slice_text("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
}

static void
a_hash_goes_by_every_byte_the_length_and_the_seed(void **state)
{
	uint8_t text[40] = {0};
	uint64_t hashes[41];

	(void)state;
	for (size_t bytes = 0; bytes <= sizeof(text); bytes++) {
		hashes[bytes] = hash_bytes(slice_of(text, bytes), 1);
		assert_true(hashes[bytes] == hash_bytes(slice_of(text, bytes), 1));
		assert_true(hashes[bytes] != hash_bytes(slice_of(text, bytes), 2));
		for (size_t i = 0; i < bytes; i++) {
			assert_true(hashes[i] != hashes[bytes]);
			text[i] = 1;
			assert_true(hashes[bytes] != hash_bytes(slice_of(text, bytes), 1));
			text[i] = 0;
		}
	}
	assert_true(rand_hash_seed() == rand_hash_seed());
}

/* Files and other nodes go by it. */
static void
a_hash_is_the_same_in_every_version(void **state)
{
	uint8_t bytes[23];

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	assert_true(hash_bytes(slice_of(bytes, sizeof(bytes)), UINT64_C(0x0123456789abcdef)) ==
		    UINT64_C(0x8e15c10eb6cba696));
}

static void
words_stand_between_commas_and_blanks(void **state)
{
	struct slice rest = slice_text(" a,,bc\t,\nd "), word;

	(void)state;
	assert_true(slice_take_word(&rest, &word) && slice_equals_text(word, "a"));
	assert_true(slice_take_word(&rest, &word) && slice_equals_text(word, "bc"));
	assert_true(slice_take_word(&rest, &word) && slice_equals_text(word, "d"));
	assert_false(slice_take_word(&rest, &word));
	rest = slice_text(NULL);
	assert_false(slice_take_word(&rest, &word));
	rest = slice_text(" ,");
	assert_false(slice_take_word(&rest, &word));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slices_are_equal_by_their_bytes),
	    cmocka_unit_test(secrets_are_equal_only_in_every_byte),
	    cmocka_unit_test(a_buffer_grows_to_its_limit_and_then_fails_once_and_for_all),
	    cmocka_unit_test(sizes_that_overflow_fail_the_buffer),
	    cmocka_unit_test(a_limit_of_nothing_takes_nothing),
	    cmocka_unit_test(reserved_room_counts_once_it_is_committed),
	    cmocka_unit_test(a_buffer_leaves_nothing_behind_when_it_grows_or_goes),
	    cmocka_unit_test(utf8_is_what_rfc_3629_says),
	    cmocka_unit_test(every_character_is_valid_and_every_wrong_byte_is_found),
	    cmocka_unit_test(hex_goes_both_ways_and_takes_nothing_else),
	    cmocka_unit_test(base64_goes_both_ways_at_every_length),
	    cmocka_unit_test(base64_is_strict_but_for_the_form_that_protobuf_reads),
	    cmocka_unit_test(numbers_are_digits_within_their_limits),
	    cmocka_unit_test(a_hash_goes_by_every_byte_the_length_and_the_seed),
	    cmocka_unit_test(a_hash_is_the_same_in_every_version),
	    cmocka_unit_test(words_stand_between_commas_and_blanks),
	};
	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
