/* Tokens when the libraries behind them get no memory: at OpenSSL's or jansson's 1st allocation,
 * the 2nd, and so on; alone, and with all that come after it. */
#include "crypt/jws.h"
#include "crypt/token_key.h"
#include "tests/lib/fake_rand.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_US (INT64_C(1790000000) * US_PER_S)
#define MOST 2000

static struct {
	unsigned long made, fail_at; /* 0: none */
	bool fail_on;
} allocations;

static bool
is_to_fail(void)
{
	const unsigned long number = ++allocations.made;

	return allocations.fail_at && (number == allocations.fail_at ||
					  (allocations.fail_on && number > allocations.fail_at));
}

static void *
starved_malloc(size_t bytes, const char *file, int line)
{
	(void)file, (void)line;
	return is_to_fail() ? NULL : malloc(bytes);
}

static void *
starved_realloc(void *memory, size_t bytes, const char *file, int line)
{
	(void)file, (void)line;
	return is_to_fail() ? NULL : realloc(memory, bytes);
}

static void
starved_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	free(memory);
}

static void *
starved_json_malloc(size_t bytes)
{
	return is_to_fail() ? NULL : malloc(bytes);
}

static void
starve(unsigned long at, bool on)
{
	allocations.made = 0;
	allocations.fail_at = at;
	allocations.fail_on = on;
}

/* How many allocations it took; no more fail. */
static unsigned long
feed(void)
{
	const unsigned long made = allocations.made;

	starve(0, false);
	return made;
}

struct fixture {
	struct arena arena;
	struct token_key *key;
	struct token_key_set set;
	struct token_names names;
	struct token_claims claims;
	char good[TOKEN_TEXT_BYTES_MAX + 1];
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct fake_rand rand;
	const char *text;

	fake_rand_init(&rand, 5);
	assert_int_equal(crypt_init().code, ST_OK);
	assert_int_equal(arena_init(&f->arena, 4096, 1 << 20).code, ST_OK);
	assert_int_equal(token_key_make(&rand.source, &f->key).code, ST_OK);
	f->set = (struct token_key_set){.keys = {f->key}, .count = 1};
	f->names = (struct token_names){"https://id.example.org", "usher", TOKEN_USE_ACCESS, 0};
	f->claims = (struct token_claims){.account_id = {{1}}, .session_id = {{4}}};
	/* What is allocated once for the process is there then. */
	assert_int_equal(
	    token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text).code, ST_OK);
	assert_true(strlen(text) < sizeof f->good);
	strcpy(f->good, text);
	assert_int_equal(
	    token_verify(&f->set, &f->names, slice_text(text), NOW_US, &f->claims).code, ST_OK);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	token_key_free(&f->key);
	arena_done(&f->arena);
	return 0;
}

static void
a_token_is_issued_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;

	for (int on = 0; on < 2; on++) {
		unsigned long nth = 1, made;
		do {
			struct token_claims claims = f->claims, read;
			const char *text = NULL;

			starve(nth, on);
			status st =
			    token_issue(&f->set, &f->names, NOW_US, &f->arena, &claims, &text);
			made = feed();
			assert_int_equal(ERR_peek_error(), 0);
			if (st.code == ST_OK) {
				assert_int_equal(token_verify(&f->set, &f->names, slice_text(text),
						     NOW_US, &read)
						     .code,
				    ST_OK);
				assert_memory_equal(&read, &claims, sizeof read);
			} else {
				assert_true(
				    st.code == ST_RESOURCE_EXHAUSTED || st.code == ST_INTERNAL);
				assert_null(text);
				assert_memory_equal(&claims, &f->claims, sizeof claims);
			}
			arena_reset(&f->arena);
		} while (made >= nth++ && nth < MOST);
		assert_in_range(nth, 20, MOST - 1);
	}
}

static void
a_good_token_is_not_called_forged_and_a_forged_one_not_good(void **state)
{
	struct fixture *f = *state;
	char forged[sizeof f->good];

	strcpy(forged, f->good);
	char *first = strrchr(forged, '.') + 1;
	*first = *first == 'A' ? 'B' : 'A';
	for (int on = 0; on < 2; on++) {
		unsigned long nth = 1, made;
		do {
			struct token_claims read;

			starve(nth, on);
			status st =
			    token_verify(&f->set, &f->names, slice_text(f->good), NOW_US, &read);
			made = feed();
			assert_int_equal(ERR_peek_error(), 0);
			if (st.code == ST_OK)
				assert_memory_equal(&read, &f->claims, sizeof read);
			else
				assert_int_equal(st.code, ST_RESOURCE_EXHAUSTED);

			starve(nth, on);
			st = token_verify(&f->set, &f->names, slice_text(forged), NOW_US, &read);
			(void)feed();
			assert_true(
			    st.code == ST_RESOURCE_EXHAUSTED || st.code == ST_UNAUTHENTICATED);
		} while (made >= nth++ && nth < MOST);
		assert_in_range(nth, 20, MOST - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_token_is_issued_whole_or_not_at_all, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_good_token_is_not_called_forged_and_a_forged_one_not_good, set_up, tear_down),
	};

	/* Before OpenSSL allocates anything. */
	if (CRYPTO_set_mem_functions(starved_malloc, starved_realloc, starved_free) != 1)
		return 1;
	json_set_alloc_funcs(starved_json_malloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
