#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
every_code_has_a_name_that_leads_back_to_it(void **state)
{
	(void)state;
	for (int code = ST_OK; code <= ST_UNAUTHENTICATED; code++)
		assert_int_equal(
		    status_code_from_name(status_code_name((enum status_code)code)), code);
	assert_string_equal(status_code_name(ST_OK), "OK");
	assert_string_equal(status_code_name(ST_UNAUTHENTICATED), "UNAUTHENTICATED");
}

static void
a_number_that_is_no_code_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(status_code_name((enum status_code)17), "UNKNOWN");
	assert_string_equal(status_code_name((enum status_code) - 1), "UNKNOWN");
	assert_string_equal(status_code_name((enum status_code)0x7fffffff), "UNKNOWN");
	assert_int_equal(status_code_from_name("ok"), ST_UNKNOWN);
	assert_int_equal(status_code_from_name(""), ST_UNKNOWN);
	assert_int_equal(status_code_from_name(NULL), ST_UNKNOWN);
}

static void
four_codes_keep_their_message_inside(void **state)
{
	int internal = 0;

	(void)state;
	for (int code = ST_OK; code <= ST_UNAUTHENTICATED; code++)
		internal += status_is_internal((enum status_code)code);
	assert_int_equal(internal, 4);
	assert_true(status_is_internal(ST_INTERNAL));
	assert_false(status_is_internal(ST_NOT_FOUND));
}

static int calls;

static status
fail_at_second_call(void)
{
	return ++calls == 2 ? REFUSE_FOR(ST_ABORTED, "SECOND", "twice") : STATUS_OK;
}

static status
try_three_times(void)
{
	TRY(fail_at_second_call());
	TRY(fail_at_second_call());
	TRY(fail_at_second_call());
	return STATUS_OK;
}

static void
try_returns_the_first_failure_as_it_is(void **state)
{
	status tried;

	(void)state;
	calls = 0;
	tried = try_three_times();
	assert_int_equal(calls, 2);
	assert_int_equal(tried.code, ST_ABORTED);
	assert_string_equal(tried.reason, "SECOND");
	assert_string_equal(tried.message, "twice");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_a_name_that_leads_back_to_it),
	    cmocka_unit_test(a_number_that_is_no_code_is_unknown),
	    cmocka_unit_test(four_codes_keep_their_message_inside),
	    cmocka_unit_test(try_returns_the_first_failure_as_it_is),
	};
	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
