/* Which of several hosts a connection is tried at first. */
#include "store/conninfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
assert_text(const char *text, const char *wanted)
{
	assert_string_equal(text ? text : "none", wanted ? wanted : "none");
}

/* Lists, what the connection was made to, the lists then, and which it was, from 0. */
struct example {
	struct hosts hosts, chosen, wanted;
	size_t number;
};

static void
the_host_that_was_chosen_comes_first_and_the_others_as_they_were(void **state)
{
	static const struct example examples[] = {
	    {{"a,b", NULL, "5432"}, {"b", "10.0.0.2", "5432"}, {"b,a", NULL, NULL}, 1},
	    {{"a,b,c", NULL, "1,2,3"}, {"c", "10.0.0.3", "3"}, {"c,a,b", NULL, "3,1,2"}, 2},
	    {{"a,b,c", NULL, NULL}, {"b", "10.0.0.2", "5432"}, {"b,a,c", NULL, NULL}, 1},
	    /* The same name with another port or address is another host. */
	    {{"a,a,a", NULL, "1,2,3"}, {"a", "10.0.0.1", "2"}, {"a,a,a", NULL, "2,1,3"}, 1},
	    {{"a,a", "10.0.0.1,10.0.0.2", "1"}, {"a", "10.0.0.2", "1"},
		{"a,a", "10.0.0.2,10.0.0.1", NULL}, 1},
	    /* libpq says the address where there is no name. */
	    {{NULL, "10.0.0.1,::1", "1,2"}, {"::1", "::1", "2"}, {NULL, "::1,10.0.0.1", "2,1"}, 1},
	    {{"a,/run/postgresql", NULL, "5432"}, {"/run/postgresql", "", "5432"},
		{"/run/postgresql,a", NULL, NULL}, 1},
	    {{",b", NULL, ",2"}, {"b", "10.0.0.2", "2"}, {"b,", NULL, "2,"}, 1},
	    {{"a", NULL, "5432"}, {"a", "10.0.0.1", "5432"}, {"a", NULL, NULL}, 0},
	    {{"a,b", NULL, "5432"}, {"a", "10.0.0.1", "5432"}, {"a,b", NULL, NULL}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		struct hosts made = {0};
		size_t number = 0;

		assert_true(hosts_put_first(&e->hosts, &e->chosen, &number, &made));
		assert_int_equal(number, e->number);
		assert_text(made.host, e->wanted.host);
		assert_text(made.hostaddr, e->wanted.hostaddr);
		assert_text(made.port, e->wanted.port);
		hosts_done(&made);
	}
}

static void
what_can_not_be_told_changes_nothing(void **state)
{
	static const struct example examples[] = {
	    {{NULL, NULL, "5432"}, {"/run/postgresql", "", "5432"}, {0}, 0},
	    {{"a,", NULL, NULL}, {"/run/postgresql", "", "5432"}, {0}, 0},
	    {{"a,b", NULL, "1,"}, {"b", "10.0.0.2", "5432"}, {0}, 0},
	    {{"a,b", NULL, NULL}, {"c", "10.0.0.3", "5432"}, {0}, 0},
	    {{"a,b", NULL, NULL}, {NULL, NULL, NULL}, {0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct hosts made = {0};
		size_t number = 0;

		assert_false(
		    hosts_put_first(&examples[i].hosts, &examples[i].chosen, &number, &made));
		assert_null(made.host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_host_that_was_chosen_comes_first_and_the_others_as_they_were),
	    cmocka_unit_test(what_can_not_be_told_changes_nothing),
	};

	return cmocka_run_group_tests_name("conninfo", tests, NULL, NULL);
}
