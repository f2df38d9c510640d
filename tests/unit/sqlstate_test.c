/* From PostgreSQL's error codes to ours. */
#include "store/sqlstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *sqlstate;
	enum status_code code;
	const char *reason;
	bool ends_connection;
} expected[] = {
    {"08006", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"0A000", ST_UNAVAILABLE, "DATABASE_CHANGED", true},
    {"21000", ST_INTERNAL, NULL, false},
    {"22001", ST_INVALID_ARGUMENT, NULL, false},
    {"22021", ST_INVALID_ARGUMENT, NULL, false},
    {"22P05", ST_INVALID_ARGUMENT, NULL, false},
    {"23502", ST_INTERNAL, NULL, false},
    {"23503", ST_FAILED_PRECONDITION, "USERS_ACCOUNT", false},
    {"23505", ST_ALREADY_EXISTS, "USERS_ACCOUNT", false},
    {"23514", ST_INTERNAL, NULL, false},
    {"25006", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"25P02", ST_INTERNAL, NULL, false},
    {"25P03", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    /* What a pooler does to prepared statements: either half of it. */
    {"26000", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"42P05", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"40001", ST_ABORTED, NULL, false},
    {"40P01", ST_ABORTED, NULL, false},
    {"42501", ST_INTERNAL, NULL, false},
    {"42P01", ST_INTERNAL, NULL, false},
    {"53100", ST_UNAVAILABLE, "DATABASE_FULL", false},
    {"55P03", ST_ABORTED, NULL, false},
    {"57014", ST_DEADLINE_EXCEEDED, NULL, false},
    {"57P01", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"57P03", ST_UNAVAILABLE, "DATABASE_AWAY", true},
    {"XX000", ST_INTERNAL, NULL, false},
    {"", ST_INTERNAL, NULL, false},
};

static void
each_code_says_what_to_do_about_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		const status st = sqlstate_status(expected[i].sqlstate, "users_account");

		if (st.code != expected[i].code ||
		    strcmp(st.reason ? st.reason : "",
			expected[i].reason ? expected[i].reason : "") != 0)
			fail_msg("%s: %d %s", expected[i].sqlstate, st.code, st.reason);
		if (sqlstate_ends_connection(expected[i].sqlstate) != expected[i].ends_connection)
			fail_msg("%s: the connection", expected[i].sqlstate);
		assert_non_null(st.message);
	}
}

static void
a_constraint_is_named_once_and_for_as_long_as_the_process_lives(void **state)
{
	char name[] = "chatbots_alias", endless[300];
	const status first = sqlstate_status("23505", name);

	(void)state;
	memset(name, 'x', sizeof name - 1);
	assert_string_equal(first.reason, "CHATBOTS_ALIAS");
	assert_ptr_equal(sqlstate_status("23505", "chatbots_alias").reason, first.reason);
	memset(endless, 'a', sizeof endless - 1);
	endless[sizeof endless - 1] = 0;
	assert_null(sqlstate_status("23505", endless).reason);
	assert_null(sqlstate_status("23505", NULL).reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_code_says_what_to_do_about_it),
	    cmocka_unit_test(a_constraint_is_named_once_and_for_as_long_as_the_process_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
