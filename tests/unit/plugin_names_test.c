#include "plugin/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static void
names_in_c_are_those_that_protoc_c_makes(void **state)
{
	static const struct {
		const char *name, *type, *prefix, *snake, *json;
	} rows[] = {
	    {"usher.v1.LoginRequest", "Usher__V1__LoginRequest", "usher__v1__login_request",
		"usher_v1_login_request", "usher.v1.LoginRequest"},
	    {"A.B.CD", "A__B__CD", "a__b__cd", "a_b_cd", "A.B.CD"},
	    {"GetAPIKey", "GetAPIKey", "get_apikey", "get_apikey", "GetAPIKey"},
	    {"display_name", "DisplayName", "display_name", "display_name", "displayName"},
	    {"x_1_y", "X1Y", "x_1_y", "x_1_y", "x1Y"},
	    {"_a__b", "AB", "_a__b", "_a__b", "AB"},
	    {"", "", "", "", ""},
	};
	const char *out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(name_c_type(&arena, rows[i].name, &out).code, ST_OK);
		assert_string_equal(out, rows[i].type);
		assert_int_equal(name_c_prefix(&arena, rows[i].name, &out).code, ST_OK);
		assert_string_equal(out, rows[i].prefix);
		assert_int_equal(name_snake(&arena, rows[i].name, &out).code, ST_OK);
		assert_string_equal(out, rows[i].snake);
		assert_int_equal(name_json(&arena, rows[i].name, &out).code, ST_OK);
		assert_string_equal(out, rows[i].json);
	}
}

/* Vectors of the FNV authors. */
static void
ids_are_fnv_1a(void **state)
{
	(void)state;
	assert_int_equal(name_hash(""), UINT32_C(0x811c9dc5));
	assert_int_equal(name_hash("a"), UINT32_C(0xe40c292c));
	assert_int_equal(name_hash("foobar"), UINT32_C(0xbf9cf968));
}

static void
a_full_arena_is_an_error(void **state)
{
	struct arena small;
	const char *out = NULL;

	(void)state;
	assert_int_equal(arena_init(&small, 16, 16).code, ST_OK);
	assert_int_equal(
	    name_snake(&small, "a.name.of.some.length", &out).code, ST_RESOURCE_EXHAUSTED);
	assert_null(out);
	arena_done(&small);
}

static int
set_up(void **state)
{
	(void)state;
	return arena_init(&arena, 4096, 65536).code;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_in_c_are_those_that_protoc_c_makes),
	    cmocka_unit_test(ids_are_fnv_1a),
	    cmocka_unit_test(a_full_arena_is_an_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
