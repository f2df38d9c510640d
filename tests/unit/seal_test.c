/* Keys, digests and sealing. */
#include "crypt/crypt.h"
#include "tests/lib/fake_rand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
	struct fake_rand rand;
	struct arena arena;
	struct crypt_key key;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	assert_int_equal(crypt_init().code, ST_OK);
	fake_rand_init(&f->rand, 7);
	assert_int_equal(arena_init(&f->arena, 4096, 1 << 20).code, ST_OK);
	assert_int_equal(crypt_key_make(&f->rand.source, &f->key).code, ST_OK);
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

static struct slice
sealed_of(struct fixture *f, const char *bound, const char *plain)
{
	struct slice sealed;

	assert_int_equal(crypt_seal(&f->key, &f->rand.source, slice_text(bound), slice_text(plain),
			     &f->arena, &sealed)
			     .code,
	    ST_OK);
	return sealed;
}

static void
what_is_sealed_opens_with_the_same_key_and_bound_data(void **state)
{
	struct fixture *f = *state;
	const char *const plains[] = {"", "a", "a private key\nof some lines\n"};

	for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
		struct slice sealed = sealed_of(f, "row 1", plains[i]), plain;
		assert_int_equal(sealed.bytes, strlen(plains[i]) + CRYPT_SEAL_OVERHEAD_BYTES);
		assert_int_equal(
		    crypt_unseal(&f->key, slice_text("row 1"), sealed, &f->arena, &plain).code,
		    ST_OK);
		assert_true(slice_equals_text(plain, plains[i]));
	}
}

static void
no_byte_of_a_sealed_value_can_change(void **state)
{
	struct fixture *f = *state;
	struct slice sealed = sealed_of(f, "row 1", "secret");
	uint8_t copy[64];

	for (size_t i = 0; i < sealed.bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct slice plain = slice_text("untouched");
			memcpy(copy, sealed.data, sealed.bytes);
			copy[i] ^= (uint8_t)(1 << bit);
			status st = crypt_unseal(&f->key, slice_text("row 1"),
			    slice_of(copy, sealed.bytes), &f->arena, &plain);
			assert_int_equal(st.code, ST_DATA_LOSS);
			assert_true(slice_equals_text(plain, "untouched"));
		}
}

static void
a_sealed_value_cut_short_or_extended_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct slice sealed = sealed_of(f, "", "secret"), plain;
	uint8_t longer[64] = {0};

	for (size_t bytes = 0; bytes < sealed.bytes; bytes++)
		assert_int_equal(crypt_unseal(&f->key, SLICE_NONE, slice_of(sealed.data, bytes),
				     &f->arena, &plain)
				     .code,
		    ST_DATA_LOSS);
	memcpy(longer, sealed.data, sealed.bytes);
	assert_int_equal(
	    crypt_unseal(&f->key, SLICE_NONE, slice_of(longer, sealed.bytes + 1), &f->arena, &plain)
		.code,
	    ST_DATA_LOSS);
}

static void
a_sealed_value_moved_to_another_row_or_key_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct slice sealed = sealed_of(f, "row 1", "secret"), plain;
	struct crypt_key other;

	assert_int_equal(crypt_unseal(&f->key, slice_text("row 2"), sealed, &f->arena, &plain).code,
	    ST_DATA_LOSS);
	crypt_key_derive(&f->key, "another purpose", &other);
	assert_int_equal(crypt_unseal(&other, slice_text("row 1"), sealed, &f->arena, &plain).code,
	    ST_DATA_LOSS);
}

static void
sealing_twice_gives_two_texts(void **state)
{
	struct fixture *f = *state;
	struct slice one = sealed_of(f, "", "secret"), two = sealed_of(f, "", "secret");

	assert_false(slice_equals(one, two));
}

static void
a_failing_random_source_or_a_full_arena_is_said(void **state)
{
	struct fixture *f = *state;
	struct slice sealed = slice_text("untouched");

	f->rand.fail_at = 1;
	assert_int_equal(
	    crypt_seal(&f->key, &f->rand.source, SLICE_NONE, slice_text("x"), &f->arena, &sealed)
		.code,
	    ST_INTERNAL);
	struct crypt_key key = f->key;
	assert_int_equal(crypt_key_make(&f->rand.source, &key).code, ST_INTERNAL);
	assert_memory_equal(&key, &f->key, sizeof key);

	f->rand.fail_at = 0;
	for (size_t nth = 1; nth <= 2; nth++) {
		f->arena.fail_after = f->arena.allocations + nth;
		assert_int_equal(crypt_seal(&f->key, &f->rand.source, SLICE_NONE, slice_text("x"),
				     &f->arena, &sealed)
				     .code,
		    ST_RESOURCE_EXHAUSTED);
		f->arena.fail_after = 0;
	}
	assert_true(slice_equals_text(sealed, "untouched"));
}

static void
digests_are_blake2b_256(void **state)
{
	(void)state;
	/* b2sum -l 256 of "abc" */
	static const char expected[] =
	    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
	struct crypt_digest digest;
	char hex[65];

	crypt_digest(slice_text("abc"), &digest);
	hex_encode(slice_of(digest.bytes, sizeof digest.bytes), hex);
	assert_string_equal(hex, expected);
	assert_true(crypt_digest_equals(&digest, slice_of(digest.bytes, sizeof digest.bytes)));
	assert_false(crypt_digest_equals(&digest, slice_of(digest.bytes, 31)));
	assert_false(crypt_digest_equals(&digest, SLICE_NONE));
}

static void
parts_that_join_to_the_same_bytes_have_different_macs(void **state)
{
	struct fixture *f = *state;
	struct slice one[] = {slice_text("ab"), slice_text("c")};
	struct slice two[] = {slice_text("a"), slice_text("bc")};
	struct slice three[] = {slice_text("abc")};
	struct crypt_digest a, b, c, again;

	crypt_mac(&f->key, one, 2, &a);
	crypt_mac(&f->key, two, 2, &b);
	crypt_mac(&f->key, three, 1, &c);
	crypt_mac(&f->key, one, 2, &again);
	assert_memory_equal(&a, &again, sizeof a);
	assert_memory_not_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &c, sizeof a);
}

static void
a_key_from_a_secret_is_not_the_digest_that_is_stored_of_it(void **state)
{
	(void)state;
	struct crypt_key key, other;
	struct crypt_digest stored;

	crypt_key_from_secret(slice_text("idempotency key"), "seal", &key);
	crypt_key_from_secret(slice_text("idempotency key"), "mac", &other);
	crypt_digest(slice_text("idempotency key"), &stored);
	assert_memory_not_equal(key.bytes, stored.bytes, sizeof key.bytes);
	assert_memory_not_equal(key.bytes, other.bytes, sizeof key.bytes);
}

static void
a_master_key_is_read_from_base64_alone(void **state)
{
	(void)state;
	static const char base64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
	static const char *const bad[] = {"", "short",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==",
	    "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"};
	struct crypt_key a, b;

	assert_int_equal(crypt_key_parse(slice_text(base64), &a).code, ST_OK);
	b = a;
	for (int i = 0; i < CRYPT_KEY_BYTES; i++)
		assert_int_equal(a.bytes[i], i);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(crypt_key_parse(slice_text(bad[i]), &b).code, ST_INVALID_ARGUMENT);
	assert_memory_equal(&a, &b, sizeof a);
}

static void
a_long_lived_key_starts_zeroed(void **state)
{
	(void)state;
	static const struct crypt_key zero;
	struct crypt_key *key;

	assert_int_equal(crypt_key_new(&key).code, ST_OK);
	assert_memory_equal(key, &zero, sizeof zero);
	crypt_key_free(&key);
	assert_null(key);
	crypt_key_free(&key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_sealed_opens_with_the_same_key_and_bound_data),
	    TEST(no_byte_of_a_sealed_value_can_change),
	    TEST(a_sealed_value_cut_short_or_extended_does_not_open),
	    TEST(a_sealed_value_moved_to_another_row_or_key_does_not_open),
	    TEST(sealing_twice_gives_two_texts),
	    TEST(a_failing_random_source_or_a_full_arena_is_said),
	    TEST(digests_are_blake2b_256),
	    TEST(parts_that_join_to_the_same_bytes_have_different_macs),
	    TEST(a_key_from_a_secret_is_not_the_digest_that_is_stored_of_it),
	    TEST(a_master_key_is_read_from_base64_alone),
	    TEST(a_long_lived_key_starts_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
