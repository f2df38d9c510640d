/* Opaque secrets and codes. */
#include "crypt/secret.h"

#include "tests/lib/fake_rand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
	struct fake_rand rand;
	struct arena arena;
	struct uuid id;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	assert_int_equal(crypt_init().code, ST_OK);
	fake_rand_init(&f->rand, 3);
	assert_int_equal(arena_init(&f->arena, 4096, 1 << 20).code, ST_OK);
	assert_true(uuid_parse(slice_text("0198f3c0-5b7a-7d51-a2c4-e0f1a2b3c4d5"), &f->id));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->arena);
	return 0;
}

static struct secret
make(struct fixture *f, enum secret_kind kind, char text[SECRET_TEXT_BYTES_MAX])
{
	struct secret secret;

	assert_int_equal(secret_make(&f->rand.source, kind, &f->id, text, &secret).code, ST_OK);
	return secret;
}

static void
a_secret_is_read_back_as_it_was_made(void **state)
{
	struct fixture *f = *state;

	for (int kind = 0; kind < SECRET_KINDS; kind++) {
		char text[SECRET_TEXT_BYTES_MAX];
		struct secret made = make(f, (enum secret_kind)kind, text), read;
		assert_true(secret_looks_like(slice_text(text), (enum secret_kind)kind));
		assert_true(secret_parse(slice_text(text), (enum secret_kind)kind, &read));
		assert_int_equal(read.kind, kind);
		assert_true(uuid_equals(&read.id, &f->id));
		assert_true(
		    secret_matches(&read, slice_of(made.digest.bytes, sizeof made.digest.bytes)));
	}
}

static void
an_api_key_has_the_form_that_is_documented(void **state)
{
	struct fixture *f = *state;
	char text[SECRET_TEXT_BYTES_MAX], hint[SECRET_HINT_BYTES];

	make(f, SECRET_API_KEY, text);
	assert_int_equal(strlen(text), 9 + 32 + 1 + 43 + 6);
	assert_memory_equal(text, "ush_live_0198f3c05b7a7d51a2c4e0f1a2b3c4d5_", 42);
	assert_int_equal(strspn(text + 42, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "abcdefghijklmnopqrstuvwxyz"),
	    49);
	secret_hint(SECRET_API_KEY, &f->id, hint);
	assert_string_equal(hint, "ush_live_0198f3c05b7a7d51a2c4e0f1a2b3c4d5");
}

static void
no_character_of_a_secret_can_change(void **state)
{
	struct fixture *f = *state;
	char text[SECRET_TEXT_BYTES_MAX], copy[SECRET_TEXT_BYTES_MAX];
	struct secret read;

	make(f, SECRET_API_KEY, text);
	for (size_t i = 0; i < strlen(text); i++)
		for (int c = 0; c < 256; c++) {
			memcpy(copy, text, sizeof copy);
			copy[i] = (char)c;
			bool same = copy[i] == text[i];
			assert_int_equal(
			    secret_parse(slice_of(copy, strlen(text)), SECRET_API_KEY, &read),
			    same);
		}
}

static void
a_secret_of_another_kind_or_length_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[SECRET_TEXT_BYTES_MAX];
	struct secret read;

	make(f, SECRET_REFRESH, text);
	assert_false(secret_parse(slice_text(text), SECRET_API_KEY, &read));
	assert_false(secret_parse(slice_text(text), SECRET_RESET, &read));
	for (size_t bytes = 0; bytes < strlen(text); bytes++)
		assert_false(secret_parse(slice_of(text, bytes), SECRET_REFRESH, &read));
	assert_false(secret_parse(slice_of(text, strlen(text) + 1), SECRET_REFRESH, &read));
	assert_false(secret_parse(SLICE_NONE, SECRET_REFRESH, &read));
}

/* The checksum as secret.h describes it: who knows the form can make it. */
static void
check_again(char *text)
{
	static const char alphabet[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t at = strlen(text) - 6;
	struct crypt_digest digest;
	uint64_t number = 0;

	crypt_digest(slice_of(text, at), &digest);
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest.bytes[i];
	for (int i = 0; i < 6; i++, number /= 62)
		text[at++] = alphabet[number % 62];
}

static void
a_good_checksum_over_a_bad_text_helps_nobody(void **state)
{
	struct fixture *f = *state;
	static const struct {
		size_t at;
		char c;
	} changes[] = {{9, 'A'}, {9, 'g'}, {9, '-'}, {40, '_'}, {41, '0'}, {42, '-'}, {42, '_'},
	    {84, '/'}, {84, ' '}, {84, '\x7f'}, {84, '\xe9'}};

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char text[SECRET_TEXT_BYTES_MAX];
		struct secret read;
		make(f, SECRET_API_KEY, text);
		check_again(text);
		assert_true(secret_parse(slice_text(text), SECRET_API_KEY, &read));
		text[changes[i].at] = changes[i].c;
		check_again(text);
		assert_false(secret_parse(slice_text(text), SECRET_API_KEY, &read));
	}
}

static void
two_secrets_differ_and_so_do_their_digests(void **state)
{
	struct fixture *f = *state;
	char one[SECRET_TEXT_BYTES_MAX], two[SECRET_TEXT_BYTES_MAX];
	struct secret a = make(f, SECRET_API_KEY, one), b = make(f, SECRET_API_KEY, two);

	assert_string_not_equal(one, two);
	assert_false(secret_matches(&a, slice_of(b.digest.bytes, sizeof b.digest.bytes)));
	assert_false(secret_matches(&a, slice_of(a.digest.bytes, sizeof a.digest.bytes - 1)));
	assert_false(secret_matches(&a, SLICE_NONE));
}

static void
characters_are_drawn_evenly(void **state)
{
	struct fixture *f = *state;
	size_t counts[256] = {0}, drawn = 0;

	for (int i = 0; i < 2000; i++) {
		char text[SECRET_TEXT_BYTES_MAX];
		make(f, SECRET_API_KEY, text);
		for (size_t c = 42; c < 42 + 43; c++, drawn++)
			counts[(uint8_t)text[c]]++;
	}
	/* 1387 of each are expected, with a deviation of 37; taking a byte modulo 62 would make
	 * eight of them 25 % likelier. */
	for (int c = 0; c < 256; c++)
		if (counts[c])
			assert_in_range(counts[c], 1387 - 230, 1387 + 230);
}

static void
a_failing_or_constant_random_source_makes_no_secret(void **state)
{
	struct fixture *f = *state;
	char text[SECRET_TEXT_BYTES_MAX] = "untouched", code[CODE_TEXT_BYTES] = "none";
	struct secret secret;

	f->rand.fail_at = 1;
	assert_int_equal(
	    secret_make(&f->rand.source, SECRET_RESET, &f->id, text, &secret).code, ST_INTERNAL);
	assert_int_equal(code_make(&f->rand.source, code).code, ST_INTERNAL);
	fake_rand_init(&f->rand, 3);
	f->rand.constant = 255;
	assert_int_equal(
	    secret_make(&f->rand.source, SECRET_RESET, &f->id, text, &secret).code, ST_INTERNAL);
	assert_int_equal(code_make(&f->rand.source, code).code, ST_INTERNAL);
	assert_string_equal(text, "untouched");
	assert_string_equal(code, "none");
}

static void
only_its_predecessor_opens_a_successor(void **state)
{
	struct fixture *f = *state;
	char old[SECRET_TEXT_BYTES_MAX], new[SECRET_TEXT_BYTES_MAX], other[SECRET_TEXT_BYTES_MAX];
	const char *opened = NULL;
	struct slice sealed;

	make(f, SECRET_REFRESH, old);
	make(f, SECRET_REFRESH, new);
	make(f, SECRET_REFRESH, other);
	assert_int_equal(secret_seal_successor(
			     slice_text(old), &f->rand.source, slice_text(new), &f->arena, &sealed)
			     .code,
	    ST_OK);
	assert_int_equal(
	    secret_unseal_successor(slice_text(other), sealed, &f->arena, &opened).code,
	    ST_DATA_LOSS);
	assert_null(opened);
	assert_int_equal(
	    secret_unseal_successor(slice_text(old), sealed, &f->arena, &opened).code, ST_OK);
	assert_string_equal(opened, new);
}

static void
what_is_no_refresh_token_is_no_successor(void **state)
{
	struct fixture *f = *state;
	char old[SECRET_TEXT_BYTES_MAX];
	const char *opened = NULL;
	struct slice sealed;

	make(f, SECRET_REFRESH, old);
	assert_int_equal(secret_seal_successor(slice_text(old), &f->rand.source,
			     slice_text("something else"), &f->arena, &sealed)
			     .code,
	    ST_OK);
	assert_int_equal(secret_unseal_successor(slice_text(old), sealed, &f->arena, &opened).code,
	    ST_DATA_LOSS);
	assert_null(opened);
}

static void
codes_are_six_digits_and_drawn_evenly(void **state)
{
	struct fixture *f = *state;
	size_t counts[CODE_DIGITS][10] = {{0}};

	for (int i = 0; i < 20000; i++) {
		char code[CODE_TEXT_BYTES];
		assert_int_equal(code_make(&f->rand.source, code).code, ST_OK);
		assert_true(code_is_formed(slice_text(code)));
		for (int place = 0; place < CODE_DIGITS; place++)
			counts[place][code[place] - '0']++;
	}
	/* 2000 expected, deviation 42. */
	for (int place = 0; place < CODE_DIGITS; place++)
		for (int digit = 0; digit < 10; digit++)
			assert_in_range(counts[place][digit], 1750, 2250);
}

static void
only_six_ascii_digits_are_a_code(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "12345", "1234567", "12345a", " 12345", "12345 ",
	    "-12345", "\xd9\xa1\xd9\xa2\xd9\xa3"};

	assert_true(code_is_formed(slice_text("000000")));
	assert_true(code_is_formed(slice_text("999999")));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(code_is_formed(slice_text(bad[i])));
	assert_false(code_is_formed(slice_of("12345\0", 6)));
}

static void
a_code_s_digest_depends_on_pepper_and_subject(void **state)
{
	struct fixture *f = *state;
	struct crypt_key pepper, other_pepper;
	struct uuid other_id = f->id;
	struct crypt_digest digest, again, a, b, c, plain;

	assert_int_equal(crypt_key_make(&f->rand.source, &pepper).code, ST_OK);
	assert_int_equal(crypt_key_make(&f->rand.source, &other_pepper).code, ST_OK);
	other_id.bytes[15] ^= 1;
	code_digest(&pepper, &f->id, slice_text("123456"), &digest);
	code_digest(&pepper, &f->id, slice_text("123456"), &again);
	code_digest(&pepper, &f->id, slice_text("123457"), &a);
	code_digest(&pepper, &other_id, slice_text("123456"), &b);
	code_digest(&other_pepper, &f->id, slice_text("123456"), &c);
	crypt_digest(slice_text("123456"), &plain);
	struct slice stored = slice_of(digest.bytes, sizeof digest.bytes);
	assert_true(crypt_digest_equals(&again, stored));
	assert_false(crypt_digest_equals(&a, stored));
	assert_false(crypt_digest_equals(&b, stored));
	assert_false(crypt_digest_equals(&c, stored));
	assert_false(crypt_digest_equals(&plain, stored));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_secret_is_read_back_as_it_was_made),
	    TEST(an_api_key_has_the_form_that_is_documented),
	    TEST(no_character_of_a_secret_can_change),
	    TEST(a_secret_of_another_kind_or_length_is_refused),
	    TEST(a_good_checksum_over_a_bad_text_helps_nobody),
	    TEST(two_secrets_differ_and_so_do_their_digests),
	    TEST(characters_are_drawn_evenly),
	    TEST(a_failing_or_constant_random_source_makes_no_secret),
	    TEST(only_its_predecessor_opens_a_successor),
	    TEST(what_is_no_refresh_token_is_no_successor),
	    TEST(codes_are_six_digits_and_drawn_evenly),
	    TEST(only_six_ascii_digits_are_a_code),
	    TEST(a_code_s_digest_depends_on_pepper_and_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
