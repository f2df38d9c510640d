/* Argon2id hashing. Parameters are small here, so that the tests are quick. */
#include "crypt/password.h"

#include "base/config.h"
#include "base/sanitized.h"
#include "crypt/crypt.h"
#include "tests/lib/fake_rand.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct password_params quick = {.memory_kib = 64, .passes = 1};

struct fixture {
	struct fake_rand rand;
	struct password_hasher *hasher;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	assert_int_equal(crypt_init().code, ST_OK);
	fake_rand_init(&f->rand, 11);
	assert_int_equal(password_hasher_new(&quick, 2, &f->rand.source, &f->hasher).code, ST_OK);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	password_hasher_free(&f->hasher);
	return 0;
}

static bool
matches(struct fixture *f, const char *encoded, struct slice password)
{
	bool match = false;

	assert_int_equal(password_matches(f->hasher, encoded, password, &match).code, ST_OK);
	return match;
}

static void
a_password_matches_its_own_hash_and_no_other(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX];

	assert_int_equal(
	    password_hash(f->hasher, slice_text("correct horse"), encoded).code, ST_OK);
	assert_true(matches(f, encoded, slice_text("correct horse")));
	assert_false(matches(f, encoded, slice_text("correct horse ")));
	assert_false(matches(f, encoded, slice_text("Correct horse")));
	assert_false(matches(f, encoded, slice_of("correct horse", 14)));
	assert_false(matches(f, encoded, SLICE_NONE));
}

static void
a_password_is_bytes_and_compared_exactly_as_received(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX];
	struct slice with_nul = slice_of("pass\0word", 9);

	assert_int_equal(password_hash(f->hasher, with_nul, encoded).code, ST_OK);
	assert_true(matches(f, encoded, with_nul));
	assert_false(matches(f, encoded, slice_text("pass")));
	/* The same letter, composed and decomposed. */
	assert_int_equal(password_hash(f->hasher, slice_text("\xc3\xa9"), encoded).code, ST_OK);
	assert_false(matches(f, encoded, slice_text("e\xcc\x81")));
}

static void
hashing_twice_gives_two_salts(void **state)
{
	struct fixture *f = *state;
	char one[PASSWORD_TEXT_BYTES_MAX], two[PASSWORD_TEXT_BYTES_MAX];

	assert_int_equal(password_hash(f->hasher, slice_text("same"), one).code, ST_OK);
	assert_int_equal(password_hash(f->hasher, slice_text("same"), two).code, ST_OK);
	assert_string_not_equal(one, two);
}

static void
hashes_of_another_implementation_are_read(void **state)
{
	struct fixture *f = *state;
	/* argon2 0~20171227: printf password | argon2 somesaltsomesalt -id -t 2 -k 256 -p 1 -l 32
	 * -e */
	static const char reference[] = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
					"yrdGtGIZk/3JHsUHh5gLQUqQppLwvGjf4Z+cJbPLqew";

	assert_true(matches(f, reference, slice_text("password")));
	assert_false(matches(f, reference, slice_text("Password")));
}

static void
a_hash_that_was_tampered_with_is_refused_or_no_match(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX], copy[PASSWORD_TEXT_BYTES_MAX];

	assert_int_equal(password_hash(f->hasher, slice_text("secret"), encoded).code, ST_OK);
	for (size_t i = 0; i < strlen(encoded); i++) {
		bool match = false;
		memcpy(copy, encoded, sizeof copy);
		copy[i] = copy[i] == '1' ? '2' : '1';
		status st = password_matches(f->hasher, copy, slice_text("secret"), &match);
		assert_true(st.code == ST_OK || st.code == ST_DATA_LOSS);
		assert_false(match);
	}
}

#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define HASH "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"

static void
stored_text_is_read_strictly_and_its_costs_are_capped(void **state)
{
	struct fixture *f = *state;
	static const char good[] = "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH;
	static const char *const bad[] = {
	    "",
	    "$",
	    "secret",
	    "$2b$12$abcdefghijklmnopqrstuv",
	    "$argon2i$v=19$m=64,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=16$m=64,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$m=64,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=7,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=262145,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=4294967360,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=64,t=0,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=64,t=17,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=2$" SALT "$" HASH,
	    "$argon2id$v=19$m=064,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=+64,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m= 64,t=1,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$t=1,m=64,p=1$" SALT "$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=1,keyid=x$" SALT "$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT,
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$",
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH "$",
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH "=",
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "==$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH "AAAA",
	    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=1$c29tZ\xf7NhbHRzb21lc2FsdA$" HASH,
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDF",
	    "$argon2id$v=19$m=64,t=1,p=1$" SALT "$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD-",
	    " $argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH,
	};

	assert_false(matches(f, good, slice_text("x")));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		bool match = false;
		status st = password_matches(f->hasher, bad[i], slice_text("x"), &match);
		if (st.code != ST_DATA_LOSS)
			fail_msg("accepted: %s", bad[i]);
		assert_false(match);
		assert_true(password_needs_rehash(f->hasher, bad[i]));
	}
}

static void
a_password_over_the_limit_is_refused_before_it_is_hashed(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX], text[PASSWORD_BYTES_MAX + 1];
	bool match = false;

	memset(text, 'x', sizeof text);
	size_t calls = f->rand.calls;
	status st = password_hash(f->hasher, slice_of(text, sizeof text), encoded);
	assert_int_equal(st.code, ST_INVALID_ARGUMENT);
	assert_int_equal(f->rand.calls, calls);
	assert_int_equal(
	    password_hash(f->hasher, slice_of(text, sizeof text - 1), encoded).code, ST_OK);
	assert_int_equal(
	    password_matches(f->hasher, encoded, slice_of(text, sizeof text), &match).code,
	    ST_INVALID_ARGUMENT);
	assert_false(match);
}

static void
a_raised_or_lowered_setting_asks_for_a_new_hash(void **state)
{
	struct fixture *f = *state;
	struct password_params raised = {.memory_kib = 128, .passes = 1};
	struct password_params slower = {.memory_kib = 64, .passes = 2};
	struct password_hasher *other;
	char encoded[PASSWORD_TEXT_BYTES_MAX];

	assert_int_equal(password_hash(f->hasher, slice_text("secret"), encoded).code, ST_OK);
	assert_false(password_needs_rehash(f->hasher, encoded));
	assert_int_equal(password_hasher_new(&raised, 1, &f->rand.source, &other).code, ST_OK);
	assert_true(password_needs_rehash(other, encoded));
	password_hasher_free(&other);
	assert_int_equal(password_hasher_new(&slower, 1, &f->rand.source, &other).code, ST_OK);
	assert_true(password_needs_rehash(other, encoded));
	/* And an old hash still opens the door meanwhile. */
	bool match = false;
	assert_int_equal(
	    password_matches(other, encoded, slice_text("secret"), &match).code, ST_OK);
	assert_true(match);
	password_hasher_free(&other);
}

static void
the_decoy_costs_what_a_real_hash_costs(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX];

	assert_int_equal(password_hash(f->hasher, slice_text("secret"), encoded).code, ST_OK);
	const char *decoy = password_decoy(f->hasher);
	size_t costs = strlen("$argon2id$v=19$m=64,t=1,p=1$");
	assert_int_equal(strlen(decoy), strlen(encoded));
	assert_memory_equal(decoy, encoded, costs);
	assert_false(password_needs_rehash(f->hasher, decoy));
	assert_false(matches(f, decoy, slice_text("secret")));
	assert_false(matches(f, decoy, SLICE_NONE));
}

static void
parameters_out_of_range_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct password_params bad[] = {
	    {7, 1}, {PASSWORD_MEMORY_KIB_MAX + 1, 1}, {64, 0}, {64, 17}, {0, 0}};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct password_hasher *other = NULL;
		assert_int_equal(password_hasher_new(&bad[i], 1, &f->rand.source, &other).code,
		    ST_INVALID_ARGUMENT);
		assert_null(other);
	}
}

static void
a_failing_random_source_makes_no_hash(void **state)
{
	struct fixture *f = *state;
	char encoded[PASSWORD_TEXT_BYTES_MAX] = "untouched";
	struct password_hasher *other = NULL;

	f->rand.fail_at = f->rand.calls + 1;
	assert_int_equal(password_hash(f->hasher, slice_text("secret"), encoded).code, ST_INTERNAL);
	assert_string_equal(encoded, "untouched");
	assert_int_equal(password_hasher_new(&quick, 1, &f->rand.source, &other).code, ST_INTERNAL);
	assert_null(other);
}

#ifndef IS_SANITIZED
/* In a process of its own, whose address space is full. */
static int
match_without_memory(struct fixture *f, const char *encoded)
{
	struct rlimit none = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	bool match = true;

	if (setrlimit(RLIMIT_AS, &none) != 0)
		return 100;
	status st = password_matches(f->hasher, encoded, slice_text("secret"), &match);
	return match ? (int)st.code : 101;
}
#endif

static void
want_of_memory_is_never_a_mismatch(void **state)
{
#ifdef IS_SANITIZED
	(void)state;
	skip(); /* the sanitizer's own memory would be wanting too */
#else
	struct fixture *f = *state;
	struct password_params large = {.memory_kib = 65536, .passes = 1};
	struct password_hasher *other;
	char encoded[PASSWORD_TEXT_BYTES_MAX];
	int wait_status;

	assert_int_equal(password_hasher_new(&large, 1, &f->rand.source, &other).code, ST_OK);
	assert_int_equal(password_hash(other, slice_text("secret"), encoded).code, ST_OK);
	pid_t child = fork();
	if (child == 0)
		_exit(match_without_memory(f, encoded));
	assert_int_equal(waitpid(child, &wait_status, 0), child);
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), ST_RESOURCE_EXHAUSTED);
	password_hasher_free(&other);
#endif
}

static void *
hash_some(void *self)
{
	struct fixture *f = self;

	for (int i = 0; i < 20; i++) {
		bool match = true;
		status st = password_matches(
		    f->hasher, password_decoy(f->hasher), slice_text("secret"), &match);
		if (st.code != ST_OK || match)
			return self;
	}
	return NULL;
}

static void
more_threads_than_permits_all_get_their_turn(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[8];

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_some, f), 0);
	for (size_t i = 0; i < 8; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

/* Or a setting is taken and the server does not start. */
static void
the_settings_go_as_far_as_the_hasher(void **state)
{
	(void)state;
	int found = 0;

	for (const struct config_row *row = config_rows; row->name; row++) {
		if (strcmp(row->name, "password.memory_kib") == 0) {
			assert_int_equal(row->min, PASSWORD_MEMORY_KIB_MIN);
			assert_int_equal(row->max, PASSWORD_MEMORY_KIB_MAX);
			found++;
		}
		if (strcmp(row->name, "password.passes") == 0) {
			assert_int_equal(row->max, PASSWORD_PASSES_MAX);
			found++;
		}
	}
	assert_int_equal(found, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_password_matches_its_own_hash_and_no_other),
	    TEST(a_password_is_bytes_and_compared_exactly_as_received),
	    TEST(hashing_twice_gives_two_salts),
	    TEST(hashes_of_another_implementation_are_read),
	    TEST(a_hash_that_was_tampered_with_is_refused_or_no_match),
	    TEST(stored_text_is_read_strictly_and_its_costs_are_capped),
	    TEST(a_password_over_the_limit_is_refused_before_it_is_hashed),
	    TEST(a_raised_or_lowered_setting_asks_for_a_new_hash),
	    TEST(the_decoy_costs_what_a_real_hash_costs),
	    TEST(parameters_out_of_range_are_refused),
	    TEST(a_failing_random_source_makes_no_hash),
	    TEST(want_of_memory_is_never_a_mismatch),
	    TEST(more_threads_than_permits_all_get_their_turn),
	    TEST(the_settings_go_as_far_as_the_hasher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
