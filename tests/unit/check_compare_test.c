/* What differs between the schema that the migrations make and the one that is there. */
#include "jobs/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FINDINGS_MAX 16

struct findings {
	struct check_finding items[FINDINGS_MAX];
	size_t count;
	struct arena arena;
};

static status
keep(void *env, const struct check_finding *finding)
{
	struct findings *findings = env;

	assert_in_range(findings->count, 0, FINDINGS_MAX - 1);
	findings->items[findings->count++] = *finding;
	return STATUS_OK;
}

static int
set_up(void **state)
{
	static struct findings findings;

	findings = (struct findings){.count = 0};
	assert_int_equal(arena_init(&findings.arena, 4096, 1u << 20).code, ST_OK);
	*state = &findings;
	return 0;
}

static int
tear_down(void **state)
{
	struct findings *findings = *state;

	arena_done(&findings->arena);
	return 0;
}

static const struct schema_object wanted[] = {
    {"column", "usher.a.x", "text"},
    {"column", "usher.b.y", "text NOT NULL"},
    {"constraint", "usher.a.a_pkey", "PRIMARY KEY (x)"},
    {"grant", "SELECT ON usher.a TO usher_app", ""},
    {"index", "usher.a_by_x", "CREATE INDEX a_by_x ON usher.a USING btree (x)"},
    {"table", "usher.a", ""},
    {"table", "usher.b", ""},
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static void
compare(struct findings *findings, const struct schema_object *found, size_t count)
{
	assert_int_equal(
	    check_compare(wanted, WANTED, found, count, &findings->arena, keep, findings).code,
	    ST_OK);
}

static void
what_is_the_same_has_no_findings(void **state)
{
	struct findings *findings = *state;

	compare(findings, wanted, WANTED);
	assert_int_equal(findings->count, 0);
}

static void
each_that_is_missing_is_told_with_how_to_make_it(void **state)
{
	static const char *const remedies[WANTED] = {
	    "ALTER TABLE usher.a ADD COLUMN x text;",
	    "ALTER TABLE usher.b ADD COLUMN y text NOT NULL;",
	    "ALTER TABLE usher.a ADD CONSTRAINT a_pkey PRIMARY KEY (x);",
	    "GRANT SELECT ON usher.a TO usher_app;",
	    "CREATE INDEX a_by_x ON usher.a USING btree (x);",
	};
	struct findings *findings = *state;

	for (size_t without = 0; without < 5; without++) {
		struct schema_object found[WANTED];
		size_t count = 0;

		for (size_t i = 0; i < WANTED; i++)
			if (i != without)
				found[count++] = wanted[i];
		findings->count = 0;
		compare(findings, found, count);
		assert_int_equal(findings->count, 1);
		assert_non_null(strstr(findings->items[0].code, "_MISSING"));
		assert_string_equal(findings->items[0].remedy, remedies[without]);
	}
}

static void
a_table_speaks_for_its_columns(void **state)
{
	struct findings *findings = *state;
	struct schema_object found[WANTED];
	size_t count = 0;

	for (size_t i = 0; i < WANTED; i++)
		if (!strstr(wanted[i].name, "usher.b"))
			found[count++] = wanted[i];
	compare(findings, found, count);
	assert_int_equal(findings->count, 1);
	assert_string_equal(findings->items[0].code, "TABLE_MISSING");
	assert_string_equal(findings->items[0].object, "table usher.b");
}

static void
what_is_too_much_is_told_with_how_to_be_rid_of_it(void **state)
{
	static const struct schema_object extra[] = {
	    {"column", "usher.a.a", "text"},
	    {"grant", "SELECT ON usher.\"a TO b\" TO usher_app", ""},
	    {"grant", "UPDATE (x) ON usher.a TO usher_reader", ""},
	    {"table", "usher.z", ""},
	};
	static const char *const remedies[] = {
	    "if nobody needs it: ALTER TABLE usher.a DROP COLUMN a;",
	    "REVOKE SELECT ON usher.\"a TO b\" FROM usher_app;",
	    "REVOKE UPDATE (x) ON usher.a FROM usher_reader;",
	    "if nobody needs it: DROP TABLE usher.z;",
	};
	struct findings *findings = *state;
	struct schema_object found[] = {extra[0], wanted[0], wanted[1], wanted[2], extra[1],
	    wanted[3], extra[2], wanted[4], wanted[5], wanted[6], extra[3]};

	compare(findings, found, sizeof(found) / sizeof(found[0]));
	assert_int_equal(findings->count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(strstr(findings->items[i].code, "_UNEXPECTED"));
		assert_string_equal(findings->items[i].remedy, remedies[i]);
	}
}

static void
what_is_another_is_told_with_both(void **state)
{
	struct findings *findings = *state;
	struct schema_object found[WANTED];

	memcpy(found, wanted, sizeof(found));
	found[0].definition = "integer";
	compare(findings, found, WANTED);
	assert_int_equal(findings->count, 1);
	assert_string_equal(findings->items[0].code, "COLUMN_DIFFERENT");
	assert_string_equal(
	    findings->items[0].message, "is \"integer\", and the migrations made it \"text\"");
}

static void
an_empty_database_lacks_its_tables_first_of_all(void **state)
{
	struct findings *findings = *state;

	compare(findings, NULL, 0);
	/* Grant, index and both tables. */
	assert_int_equal(findings->count, 4);
}

static void
the_description_that_is_built_in_is_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < schema_objects_count; i++) {
		int by_kind = strcmp(schema_objects[i - 1].kind, schema_objects[i].kind);

		assert_true(by_kind < 0 || (by_kind == 0 && strcmp(schema_objects[i - 1].name,
								schema_objects[i].name) < 0));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_the_same_has_no_findings),
	    TEST(each_that_is_missing_is_told_with_how_to_make_it),
	    TEST(a_table_speaks_for_its_columns),
	    TEST(what_is_too_much_is_told_with_how_to_be_rid_of_it),
	    TEST(what_is_another_is_told_with_both),
	    TEST(an_empty_database_lacks_its_tables_first_of_all),
	    TEST(the_description_that_is_built_in_is_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
