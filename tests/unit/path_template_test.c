#include "base/path_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct arena arena;

static struct path_template
parse(const char *text)
{
	struct path_template out;
	status result = path_template_parse(&arena, text, &out);

	if (result.code != ST_OK)
		fail_msg("%s: %s", text, result.message);
	return out;
}

static void
a_plain_path_is_its_segments(void **state)
{
	struct path_template t = parse("/.well-known/jwks.json");

	(void)state;
	assert_int_equal(t.segments_count, 2);
	assert_true(slice_equals_text(t.segments[0].literal, ".well-known"));
	assert_true(slice_equals_text(t.segments[1].literal, "jwks.json"));
	assert_int_equal(t.variables_count, 0);
	assert_int_equal(t.verb.bytes, 0);
}

static void
a_variable_stands_for_one_segment(void **state)
{
	struct path_template t = parse("/v1/users/{user_id}/context");

	(void)state;
	assert_int_equal(t.segments_count, 4);
	assert_int_equal(t.segments[2].kind, SEGMENT_ONE);
	assert_int_equal(t.segments[2].variable, 0);
	assert_int_equal(t.segments[3].variable, -1);
	assert_string_equal(t.variables[0].field, "user_id");
	assert_int_equal(t.variables[0].segment_first, 2);
	assert_int_equal(t.variables[0].segments_count, 1);
}

static void
a_variable_may_have_a_pattern_and_a_path(void **state)
{
	struct path_template t = parse("/v1/{book.name=shelves/*/books/**}:read");

	(void)state;
	assert_int_equal(t.segments_count, 5);
	assert_string_equal(t.variables[0].field, "book.name");
	assert_int_equal(t.variables[0].segments_count, 4);
	assert_int_equal(t.segments[1].kind, SEGMENT_LITERAL);
	assert_int_equal(t.segments[2].kind, SEGMENT_ONE);
	assert_int_equal(t.segments[4].kind, SEGMENT_REST);
	assert_true(slice_equals_text(t.verb, "read"));
}

static void
shapes_are_compared_without_names(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"/v1/{a}", "/v1/{b}", true},
	    {"/v1/{a=*}", "/v1/*", true},
	    {"/v1/{a=x/*}", "/v1/x/{b}", true},
	    {"/v1/{a}", "/v1/{a}:verb", false},
	    {"/v1/{a}:one", "/v1/{a}:two", false},
	    {"/v1/{a}", "/v1/{a=**}", false},
	    {"/v1/a", "/v1/b", false},
	    {"/v1/a", "/v1/a/b", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct path_template a = parse(rows[i].a), b = parse(rows[i].b);
		assert_int_equal(path_template_same_shape(&a, &b), rows[i].same);
	}
}

/* Templates that fit one path, and neither of them only paths that the other fits too. */
static void
what_one_path_fits_alike_is_ambiguous(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_ambiguous;
	} rows[] = {
	    {"/v1/{a}", "/v1/{b}", true},
	    {"/v1/{a}/x", "/v1/y/{b}", true},
	    {"/v1/{a}/x", "/v1/y/**", true},
	    {"/v1/{a=**}", "/v1/**", true},
	    {"/v1/{a}/x:do", "/v1/y/{b}:do", true},
	    {"/v1/{a}/x:do", "/v1/y/{b}", false},
	    {"/v1/{a}/x", "/v1/y/x", false},
	    {"/v1/{a}/x", "/v1/y/z", false},
	    {"/v1/{a}", "/v1/{a}/x", false},
	    {"/v1/{a}", "/v1/**", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct path_template a = parse(rows[i].a), b = parse(rows[i].b);
		assert_int_equal(path_template_is_ambiguous(&a, &b), rows[i].is_ambiguous);
		assert_int_equal(path_template_is_ambiguous(&b, &a), rows[i].is_ambiguous);
	}
}

static void
what_is_no_template_is_refused(void **state)
{
	static const char *const texts[] = {"", "v1", "/v1/", "//", "/{", "/{}", "/{a", "/{a=}",
	    "/{a=*", "/{a.}", "/{.a}", "/{1a}", "/{a}b", "/{a={b}}", "/**/x", "/{a=**}/x",
	    "/a:", "/a:b:c", "/a:b/c", "/a b", "/a?b", "/a%", "/***", "/{a}/{a}", "/a\n",
	    "/\xc3\xbc", "/a%20b", "/a'b", "/(a)", "/a+b", "/a,b", "/a;b", "/a!", "/a&b", "/a\"b",
	    "/a\\b", "/a:b+c", "/{1a}", "/{a.1}", "/{a-b}", "/", "/v1/../x", "/v1/{a=./*}",
	    "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"};
	struct path_template out;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		status result = path_template_parse(&arena, texts[i], &out);
		if (result.code != ST_INVALID_ARGUMENT)
			fail_msg("accepted: %s", texts[i]);
	}
}

static int
set_up(void **state)
{
	(void)state;
	return arena_init(&arena, 4096, 1 << 20).code;
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
	    cmocka_unit_test(a_plain_path_is_its_segments),
	    cmocka_unit_test(a_variable_stands_for_one_segment),
	    cmocka_unit_test(a_variable_may_have_a_pattern_and_a_path),
	    cmocka_unit_test(shapes_are_compared_without_names),
	    cmocka_unit_test(what_one_path_fits_alike_is_ambiguous),
	    cmocka_unit_test(what_is_no_template_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
