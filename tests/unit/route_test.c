#include "bridge/route.h"

#include "gen/client/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct meta_message wrapped = {.full_name = "t.Wrapped",
    .fields =
	(const struct meta_field[]){
	    {.number = 1, .type = META_STRING, .oneof = -1, .name = "name", .json_name = "name"}},
    .fields_count = 1};

static const struct meta_field request_fields[] = {
    {.number = 1, .type = META_STRING, .oneof = -1, .name = "a", .json_name = "a"},
    {.number = 2, .type = META_STRING, .oneof = -1, .name = "b", .json_name = "b"},
    {.number = 3, .type = META_STRING, .oneof = -1, .name = "user_id", .json_name = "userId"},
    {.number = 4,
	.type = META_MESSAGE,
	.flags = META_PRESENCE,
	.oneof = -1,
	.name = "wrapped",
	.json_name = "wrapped",
	.message = &wrapped},
    {.number = 5,
	.type = META_STRING,
	.flags = META_REPEATED,
	.oneof = -1,
	.name = "many",
	.json_name = "many"},
};
static const struct meta_message request = {
    .full_name = "t.Request", .fields = request_fields, .fields_count = 5};

#define ROW(verb_, path_)                                                                          \
	{                                                                                          \
		.verb = verb_, .path = path_, .body = "", .method = "t.S/" verb_ " " path_,        \
		.request_meta = &request                                                           \
	}

static const struct route_row rows[] = {
    ROW("GET", "/v1/users"),
    ROW("GET", "/v1/users/{user_id}"),
    ROW("PUT", "/v1/users/{user_id}"),
    ROW("GET", "/v1/users/me"),
    ROW("GET", "/v1/users/{user_id}/context"),
    ROW("POST", "/v1/users:batchGet"),
    ROW("GET", "/v1/bots/{a}"),
    ROW("POST", "/v1/bots/{a}:resolve"),
    ROW("GET", "/v1/files/{a=**}"),
    ROW("GET", "/v1/files/{a=**}:stat"),
    ROW("GET", "/v1/{a=orgs/*}/x"),
    ROW("GET", "/v1/{a=orgs/*/parts/*}/y/{b}"),
    ROW("GET", "/v1/deep/{wrapped.name}"),
    ROW("GET", "/v1/any/*/z"),
};
#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

struct fixture {
	struct arena arena;
	struct strbuf message;
	struct route_table *table;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(arena_init(&fixture.arena, 4096, 1u << 20).code, ST_OK);
	strbuf_init(&fixture.message, 4096);
	status made = route_table_new(rows, ROWS_COUNT, &fixture.table, &fixture.message);
	if (made.code != ST_OK)
		fail_msg("%s", strbuf_text(&fixture.message));
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	route_table_free(&fixture->table);
	assert_null(fixture->table);
	strbuf_done(&fixture->message);
	arena_done(&fixture->arena);
	return 0;
}

/* What a look-up came to, as one line: "GET /template a=value". */
static const char *
look_up(struct fixture *fixture, const char *verb, const char *path)
{
	static char line[512];
	struct route_match match;
	size_t at;

	status found = route_table_match(fixture->table, verb, path, &fixture->arena, &match);
	if (found.code != ST_OK)
		return found.reason;
	if (match.outcome == ROUTE_UNKNOWN)
		return "404";
	if (match.outcome == ROUTE_NOT_ALLOWED) {
		snprintf(line, sizeof(line), "405 %s", match.allow);
		return line;
	}
	at = (size_t)snprintf(line, sizeof(line), "%s", match.row->path);
	for (size_t i = 0; i < match.captures_count; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, " %s=%.*s",
		    match.captures[i].field, (int)match.captures[i].value.bytes,
		    (const char *)match.captures[i].value.data);
	return line;
}

static void
paths_lead_to_the_narrowest_template(void **state)
{
	static const char *const expected[][3] = {
	    {"GET", "/v1/users", "/v1/users"},
	    {"GET", "/v1/users/7", "/v1/users/{user_id} user_id=7"},
	    {"PUT", "/v1/users/7", "/v1/users/{user_id} user_id=7"},
	    {"GET", "/v1/users/me", "/v1/users/me"},
	    {"PUT", "/v1/users/me", "/v1/users/{user_id} user_id=me"},
	    {"GET", "/v1/users/7/context", "/v1/users/{user_id}/context user_id=7"},
	    {"POST", "/v1/users:batchGet", "/v1/users:batchGet"},
	    {"GET", "/v1/bots/x", "/v1/bots/{a} a=x"},
	    {"POST", "/v1/bots/x:resolve", "/v1/bots/{a}:resolve a=x"},
	    {"POST", "/v1/bots/x:y:resolve", "/v1/bots/{a}:resolve a=x:y"},
	    {"GET", "/v1/bots/x:other", "/v1/bots/{a} a=x:other"},
	    {"GET", "/v1/bots/x%3Aresolve", "/v1/bots/{a} a=x:resolve"},
	    {"GET", "/v1/any/thing/z", "/v1/any/*/z"},
	    {"GET", "/v1/deep/n", "/v1/deep/{wrapped.name} wrapped.name=n"},
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(
		    look_up(*state, expected[i][0], expected[i][1]), expected[i][2]);
}

static void
captures_are_unescaped_as_their_pattern_says(void **state)
{
	static const char *const expected[][2] = {
	    {"/v1/users/a%2Fb%20c", "/v1/users/{user_id} user_id=a/b c"},
	    {"/v1/users/%C3%A4", "/v1/users/{user_id} user_id=\xc3\xa4"},
	    {"/v1/users/a+b", "/v1/users/{user_id} user_id=a+b"},
	    {"/v1/files/a/b%2Fc/%64", "/v1/files/{a=**} a=a/b%2Fc/d"},
	    {"/v1/files/a%2fb", "/v1/files/{a=**} a=a%2fb"},
	    {"/v1/files", "/v1/files/{a=**} a="},
	    {"/v1/files/a/b:stat", "/v1/files/{a=**}:stat a=a/b"},
	    {"/v1/orgs/o/x", "/v1/{a=orgs/*}/x a=orgs/o"},
	    {"/v1/orgs/o%2F1/parts/p/y/%7E",
		"/v1/{a=orgs/*/parts/*}/y/{b} a=orgs/o%2F1/parts/p b=~"},
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(look_up(*state, "GET", expected[i][0]), expected[i][1]);
}

static void
what_no_template_fits_is_unknown(void **state)
{
	static const char *const paths[] = {"", "/", "*", "/v1", "/v1/", "/v1/users/", "/v1//users",
	    "/v1/users//context", "/v1/Users", "/v1/%75sers", "/v1/users/7/context/x", "/v2/users",
	    "/v1/orgs/o", "/v1/orgs/o/x:y", "v1/users"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_string_equal(look_up(*state, "GET", paths[i]), "404");
}

static void
another_verb_is_told_which_are_allowed(void **state)
{
	assert_string_equal(look_up(*state, "DELETE", "/v1/users/7"), "405 GET, HEAD, PUT");
	assert_string_equal(look_up(*state, "DELETE", "/v1/users/me"), "405 GET, HEAD, PUT");
	assert_string_equal(look_up(*state, "PUT", "/v1/users:batchGet"), "405 POST");
	/* The path names the verb; there is no chatbot to be found under that name. */
	assert_string_equal(look_up(*state, "GET", "/v1/bots/x:resolve"), "405 POST");
}

static void
malformed_paths_are_refused(void **state)
{
	static const char *const paths[] = {"/v1/users/..", "/v1/../users", "/v1/./users",
	    "/v1/users/%2e%2E", "/v1/users/.%2e", "/v1/users/%2e", "/v1/users/%", "/v1/users/%4",
	    "/v1/users/%zz", "/v1/users/a%00", "/v1/users/%ff", "/v1/files/a/../b", "/v1/files/%"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_string_equal(look_up(*state, "GET", paths[i]), "MALFORMED_PATH");
	/* Three dots are a name like any other. */
	assert_string_equal(
	    look_up(*state, "GET", "/v1/users/..."), "/v1/users/{user_id} user_id=...");
}

static void
assert_refused(const struct route_row *bad, size_t count, const char *why)
{
	struct route_table *table = NULL;
	struct strbuf message;

	strbuf_init(&message, 4096);
	status made = route_table_new(bad, count, &table, &message);
	if (made.code != ST_INVALID_ARGUMENT || !strstr(strbuf_text(&message), why))
		fail_msg("%s: %d %s", bad->path, (int)made.code, strbuf_text(&message));
	assert_null(table);
	strbuf_done(&message);
}

static void
templates_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *path, *why;
	} bad[] = {
	    {"v1", "\"/\" is expected"},
	    {"", "\"/\" is expected"},
	    {"/", "a segment is expected"},
	    {"/v1//x", "a segment is expected"},
	    {"/v1/", "a segment is expected"},
	    {"/v1/{a", "\"}\" is expected"},
	    {"/v1/{}", "a field's name is expected"},
	    {"/v1/{a.}", "a field's name is expected"},
	    {"/v1/{a=}", "a segment is expected"},
	    {"/v1/{a={b}}", "a segment is expected"},
	    {"/v1/{a}/{a}", "twice"},
	    {"/v1/**/x", "is not the last"},
	    {"/v1/{a=**}/x", "is not the last"},
	    {"/v1/x:", "verb"},
	    {"/v1/x:y/z", "unexpected"},
	    {"/v1/x?y", "unexpected"},
	    {"/v1/{a}b", "unexpected"},
	    {"/v1/a%20b", "unexpected"},
	    {"/v1/..", "segments"},
	    {"/v1/{nothing}", "no field nothing"},
	    {"/v1/{wrapped.nothing}", "no field"},
	    {"/v1/{a.name}", "no field"},
	    {"/v1/{wrapped}", "can't fill"},
	    {"/v1/{many}", "can't fill"},
	    {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "too many"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct route_row row = ROW("GET", "");
		row.path = bad[i].path;
		assert_refused(&row, 1, bad[i].why);
	}
	struct route_row row = ROW("POST", "/v1/x");
	row.body = "nothing";
	assert_refused(&row, 1, "no field nothing");
}

static void
rows_that_one_path_fits_alike_are_refused(void **state)
{
	static const struct route_row same[] = {ROW("GET", "/v1/{a}/x"), ROW("GET", "/v1/{b}/x")};
	static const struct route_row crossed[] = {
	    ROW("GET", "/v1/{a}/x"), ROW("GET", "/v1/y/{b}")};
	static const struct route_row rest[] = {ROW("GET", "/v1/{a=**}"), ROW("GET", "/v1/**")};
	static const struct route_row crossed_rest[] = {
	    ROW("GET", "/v1/{a}/x"), ROW("GET", "/v1/y/**")};
	static const struct route_row apart[] = {ROW("GET", "/v1/{a}/x"), ROW("PUT", "/v1/{b}/x"),
	    ROW("GET", "/v1/{b}/x:y"), ROW("GET", "/v1/{b}/z"), ROW("GET", "/v1/{b}")};
	struct route_table *table = NULL;
	struct strbuf message;

	(void)state;
	assert_refused(same, 2, "could mean");
	assert_refused(crossed, 2, "could mean");
	assert_refused(rest, 2, "could mean");
	assert_refused(crossed_rest, 2, "could mean");
	strbuf_init(&message, 4096);
	assert_int_equal(route_table_new(apart, 5, &table, &message).code, ST_OK);
	route_table_free(&table);
	strbuf_done(&message);
}

static void
our_own_routes_can_be_served(void **state)
{
	struct route_table *table = NULL;
	struct strbuf message;

	(void)state;
	strbuf_init(&message, 4096);
	if (route_table_new(routes, routes_count, &table, &message).code != ST_OK)
		fail_msg("%s", strbuf_text(&message));
	route_table_free(&table);
	strbuf_done(&message);
}

int
main(void)
{
#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH_TABLE(paths_lead_to_the_narrowest_template),
	    WITH_TABLE(captures_are_unescaped_as_their_pattern_says),
	    WITH_TABLE(what_no_template_fits_is_unknown),
	    WITH_TABLE(another_verb_is_told_which_are_allowed),
	    WITH_TABLE(malformed_paths_are_refused),
	    cmocka_unit_test(templates_that_are_none_are_refused),
	    cmocka_unit_test(our_own_routes_can_be_served),
	    cmocka_unit_test(rows_that_one_path_fits_alike_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
