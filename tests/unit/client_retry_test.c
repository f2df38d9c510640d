/* Which calls are made again, after what, when, and how often in all. */
#include "client/retry.h"
#include "tests/lib/fake_rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
reads_are_repeated_and_others_only_under_a_key(void **state)
{
	static const struct {
		enum client_effect effect;
		bool takes_key, has_key, is_safe;
	} table[] = {
	    {CLIENT_READ, false, false, true}, {CLIENT_READ, false, true, true},
	    {CLIENT_WRITE, true, true, true}, {CLIENT_WRITE, true, false, false},
	    {CLIENT_WRITE, false, true, false}, /* the server would not look at it */
	    {CLIENT_WRITE, false, false, false}, {CLIENT_RESTRICT, true, true, true},
	    {CLIENT_RESTRICT, true, false, false},
	    {(enum client_effect)0, false, false, false}, /* nobody knows */
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const struct client_method method = {
		    .effect = table[i].effect, .idempotent_by_key = table[i].takes_key};

		assert_int_equal(
		    retry_is_safe(&method, table[i].has_key, SLICE_NONE), table[i].is_safe);
	}
}

static void
a_read_that_writes_is_a_write(void **state)
{
	const struct client_method resolve = {
	    .effect = CLIENT_READ, .idempotent_by_key = true, .write_field = 5};
	const struct client_method untold = {.effect = CLIENT_READ, .idempotent_by_key = true};
	const struct slice without = slice_of("\x0a\x01x\x12\x03\x2a\x01y", 8);
	const struct slice with = slice_of("\x0a\x01x\x2a\x01y", 6);
	const struct slice broken = slice_of("\x0a\x05x", 3);

	(void)state;
	assert_true(retry_is_safe(&resolve, false, SLICE_NONE));
	assert_true(retry_is_safe(&resolve, false, without));
	assert_false(retry_is_safe(&resolve, false, with));
	assert_false(retry_is_safe(&resolve, false, broken));
	assert_true(retry_is_safe(&resolve, true, with));
	assert_false(retry_is_safe(&untold, false, without));
}

static void
what_may_pass_is_worth_a_repeat(void **state)
{
	static const struct {
		enum status_code code;
		const char *reason;
		uint32_t retry_after_ms;
		bool is_worth_it;
	} table[] = {
	    {ST_UNAVAILABLE, "CONNECTION_LOST", 0, true},
	    {ST_UNAVAILABLE, "DATABASE_AWAY", 0, true},
	    {ST_UNAVAILABLE, NULL, 0, true},
	    {ST_UNAVAILABLE, "MAIL_NOT_CONFIGURED", 0, false},
	    {ST_UNAVAILABLE, "NOT_CONNECTED", 0, false},
	    {ST_RESOURCE_EXHAUSTED, "OVERLOADED", 20, true},
	    {ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", 0, false},
	    {ST_ABORTED, "IDEMPOTENCY_KEY_BUSY", 0, true},
	    {ST_ABORTED, "VERSION_MISMATCH", 0, false},
	    {ST_UNKNOWN, "COMMIT_UNKNOWN", 0, true},
	    {ST_UNKNOWN, "NO_MEMORY", 0, false},
	    {ST_UNKNOWN, NULL, 0, false},
	    {ST_DEADLINE_EXCEEDED, "NO_ANSWER", 0, false},
	    {ST_INTERNAL, "INTERNAL", 0, false},
	    {ST_CANCELLED, "CLIENT_CLOSED", 0, false},
	    {ST_OK, NULL, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const status failure = {.code = table[i].code, .reason = table[i].reason};

		assert_int_equal(
		    retry_is_worth_it(failure, table[i].retry_after_ms), table[i].is_worth_it);
	}
}

static void
what_is_about_one_caller_tells_of_no_trouble(void **state)
{
	static const struct {
		enum status_code code;
		const char *reason;
		bool is_trouble;
	} table[] = {
	    {ST_UNAVAILABLE, "CONNECTION_LOST", true},
	    {ST_UNAVAILABLE, NULL, true},
	    {ST_RESOURCE_EXHAUSTED, "OVERLOADED", true},
	    {ST_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", true},
	    {ST_RESOURCE_EXHAUSTED, "TOO_MANY_REFUSALS", true},
	    {ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS", false},
	    {ST_RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", false},
	    {ST_RESOURCE_EXHAUSTED, NULL, false},
	    {ST_ABORTED, "IDEMPOTENCY_KEY_BUSY", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const status failure = {.code = table[i].code, .reason = table[i].reason};

		assert_int_equal(retry_tells_of_trouble(failure), table[i].is_trouble);
	}
}

static void
pauses_double_up_to_a_second_and_are_spread(void **state)
{
	static const int64_t middle_us[] = {
	    50000, 100000, 200000, 400000, 800000, 1000000, 1000000};
	struct fake_rand rand;

	(void)state;
	fake_rand_init(&rand, 7);
	for (unsigned n = 0; n < sizeof middle_us / sizeof middle_us[0]; n++) {
		const int64_t least_us = middle_us[n] * 8 / 10, most_us = middle_us[n] * 12 / 10;
		int64_t sum_us = 0;

		assert_int_equal(retry_pause_us(n, 0), least_us);
		assert_int_equal(retry_pause_us(n, UINT32_MAX), most_us);
		for (int i = 0; i < 1000; i++) {
			uint32_t random;

			assert_int_equal(
			    rand_fill(&rand.source, &random, sizeof random).code, ST_OK);
			const int64_t pause_us = retry_pause_us(n, random);
			assert_in_range(pause_us, least_us, most_us);
			sum_us += pause_us;
		}
		assert_in_range(sum_us / 1000, middle_us[n] * 97 / 100, middle_us[n] * 103 / 100);
	}
	assert_int_equal(retry_pause_us(1000000, 0), 800000);
}

static void
half_of_the_budget_is_for_repeats(void **state)
{
	struct retry_budget budget;
	int repeats = 0;

	(void)state;
	retry_budget_init(&budget);
	for (int i = 0; i < 1000; i++) {
		retry_budget_take(&budget);
		repeats += retry_budget_suffices(&budget);
	}
	assert_int_equal(repeats, 49);
	assert_int_equal(budget.tenths, 0);
}

static void
what_succeeds_pays_for_one_repeat_in_ten(void **state)
{
	struct retry_budget budget;

	(void)state;
	retry_budget_init(&budget);
	for (int i = 0; i < 1000; i++)
		retry_budget_take(&budget);
	for (int i = 0; i < RETRY_TENTHS_MAX / 2; i++)
		retry_budget_return(&budget);
	assert_false(retry_budget_suffices(&budget));
	for (int i = 0; i < 11; i++)
		retry_budget_return(&budget);
	retry_budget_take(&budget);
	assert_true(retry_budget_suffices(&budget));
	retry_budget_take(&budget);
	assert_false(retry_budget_suffices(&budget));
	for (int i = 0; i < 2 * RETRY_TENTHS_MAX; i++)
		retry_budget_return(&budget);
	assert_int_equal(budget.tenths, RETRY_TENTHS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_are_repeated_and_others_only_under_a_key),
	    cmocka_unit_test(a_read_that_writes_is_a_write),
	    cmocka_unit_test(what_may_pass_is_worth_a_repeat),
	    cmocka_unit_test(what_is_about_one_caller_tells_of_no_trouble),
	    cmocka_unit_test(pauses_double_up_to_a_second_and_are_spread),
	    cmocka_unit_test(half_of_the_budget_is_for_repeats),
	    cmocka_unit_test(what_succeeds_pays_for_one_repeat_in_ten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
