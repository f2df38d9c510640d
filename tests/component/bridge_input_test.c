/* Hostile and odd input through the bridge: it is refused with 4xx or passed on as it was meant,
 * and never breaks anything. */
#include "gen/meta/auth.h"
#include "gen/meta/user.h"
#include "pbjson/pbjson.h"
#include "tests/lib/bridge_fixture.h"
#include "tests/lib/lacking.h"
#include "json/reader.h"
#include "json/writer.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SUITE USHER_SOURCE_DIR "/../shared/data/json-test-suite"
#define SUITE_FILES_MIN 300
#define NAUGHTY USHER_SOURCE_DIR "/../shared/data/naughty-strings/blns.json"
#define NAUGHTY_STRINGS_MIN 400

static struct bridge_fixture fixture;

static int
set_up(void **state)
{
	(void)state;
	bridge_fixture_open(&fixture, &(struct bridge_fixture_settings){.drain_ms = 100});
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bridge_fixture_close(&fixture);
	return 0;
}

static void
read_file(const char *path, struct strbuf *out)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	strbuf_reset(out);
	do {
		uint8_t *room = strbuf_reserve(out, 65536);
		assert_non_null(room);
		got = fread(room, 1, 65536, file);
		strbuf_commit(out, got);
	} while (got != 0);
	fclose(file);
}

/* {"profile":{"profileData": file}}, where any object is welcome. */
static int
send_as_profile_data(struct slice file)
{
	struct strbuf body;
	int http_status;

	strbuf_init(&body, 4u << 20);
	strbuf_add_text(&body, "{\"profile\":{\"profileData\":");
	strbuf_add(&body, file.data, file.bytes);
	strbuf_add_text(&body, "}}");
	http_status =
	    bridge_ask(&fixture, "PUT", "/v1/me/profile", "", slice_of(body.data, body.bytes));
	strbuf_done(&body);
	return http_status;
}

static void
no_file_of_the_json_suite_gives_5xx(void **state)
{
	DIR *folder = opendir(SUITE);
	struct dirent *entry;
	struct strbuf text;
	int files = 0;
	char path[1024];

	(void)state;
	if (!folder)
		LACKING(SUITE);
	strbuf_init(&text, 1u << 20);
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;
		if (strchr("yni", name[0]) == NULL || name[1] != '_')
			continue;
		snprintf(path, sizeof path, "%s/%s", SUITE, name);
		read_file(path, &text);
		struct slice file = slice_of(text.bytes ? text.data : (uint8_t *)"", text.bytes);
		int plain = bridge_ask(&fixture, "POST", "/v1/auth/login", "", file);
		int within = send_as_profile_data(file);
		/* No other file is a LoginRequest; no body stands for {}. */
		bool is_message = !file.bytes || strcmp(name, "y_object_empty.json") == 0;
		if (plain != (is_message ? 200 : 400))
			fail_msg("%s: %d: %s", name, plain, fixture.reply.body);
		if (within != 200 && within != 400)
			fail_msg("%s as profileData: %d", name, within);
		if (name[0] == 'n' && within != 400)
			fail_msg("%s was taken", name);
		if (strncmp(name, "y_object", 8) == 0 && !strstr(name, "duplicate") &&
		    !strstr(name, "null") && within != 200)
			fail_msg("%s: %d: %s", name, within, fixture.reply.body);
		files++;
	}
	strbuf_done(&text);
	closedir(folder);
	assert_true(files >= SUITE_FILES_MIN);
	assert_int_equal(bridge_get(&fixture, "/v1/me", ""), 200);
}

/* UpdateMe's displayName comes back as the user's. */
static void
answer_with_the_name(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	struct wire_reader reader = wire_reader_of(request->payload);
	struct wire_field field;
	uint8_t *place, *end;

	(void)env;
	while (wire_next(&reader, &field)) {
		if (field.number != 1)
			continue;
		place = arena_alloc(arena, field.bytes.bytes + 16);
		assert_non_null(place);
		end = wire_put_bytes_field(place, 4, field.bytes);
		out->payload = slice_of(place, (size_t)(end - place));
	}
}

/* The value of "displayName" in the reply. */
static struct slice
name_in_reply(void)
{
	enum reader_token token;
	struct reader reader;

	arena_reset(&fixture.arena);
	reader_init(&reader, slice_of(fixture.reply.body, fixture.reply.body_bytes), &fixture.arena,
	    READER_UNIQUE_KEYS);
	do
		assert_int_equal(reader_next(&reader, &token).code, ST_OK);
	while (token != READER_KEY || !slice_equals_text(reader.value, "displayName"));
	assert_int_equal(reader_next(&reader, &token).code, ST_OK);
	assert_int_equal(token, READER_STRING);
	return reader.value;
}

static void
check_text(struct slice text)
{
	struct strbuf body;
	struct writer writer;

	strbuf_init(&body, 1u << 20);
	writer_init(&writer, &body, 0);
	writer_object_begin(&writer);
	writer_key(&writer, "displayName");
	writer_string(&writer, text);
	writer_object_end(&writer);
	int http_status =
	    bridge_ask(&fixture, "PATCH", "/v1/me", "", slice_of(body.data, body.bytes));
	if (http_status != 200 || !slice_equals(name_in_reply(), text))
		fail_msg("%.*s: %d: %s", (int)body.bytes, (char *)body.data, http_status,
		    fixture.reply.body);
	strbuf_done(&body);
}

static void
naughty_strings_come_back_byte_for_byte(void **state)
{
	struct arena arena;
	enum reader_token token;
	struct reader reader;
	struct strbuf file;
	int strings = 0;

	(void)state;
	if (access(NAUGHTY, R_OK) != 0)
		LACKING(NAUGHTY);
	upstream_script(&fixture.upstream, answer_with_the_name, NULL);
	assert_int_equal(arena_init(&arena, 65536, 4u << 20).code, ST_OK);
	strbuf_init(&file, 1u << 20);
	read_file(NAUGHTY, &file);
	reader_init(&reader, slice_of(file.data, file.bytes), &arena, 0);
	for (;;) {
		assert_int_equal(reader_next(&reader, &token).code, ST_OK);
		if (token == READER_END)
			break;
		if (token != READER_STRING)
			continue;
		check_text(reader.value);
		strings++;
	}
	assert_true(strings >= NAUGHTY_STRINGS_MIN);
	/* usherd refuses it, by its check of the encoded message; until there nothing is cut. */
	check_text(slice_of("a\0b", 3));
	strbuf_done(&file);
	arena_done(&arena);
}

static void
wrong_types_and_unknown_fields_are_named(void **state)
{
	static const struct {
		const char *json, *says;
	} table[] = {
	    {"{\"email\":1}", "email"},
	    {"{\"email\":[\"a\"]}", "email"},
	    {"{\"email\":{\"a\":1}}", "email"},
	    {"{\"email\":true}", "email"},
	    {"{\"nope\":1}", "nope"},
	    {"{\"email\":\"a\",\"email\":\"b\"}", "email"},
	    {"{\"orgId\":\"a\",\"org_id\":\"b\"}", "rg"},
	    {"[]", "object"},
	    {"\"text\"", "object"},
	    {"null", "object"},
	    {"{", "line 1"},
	    {"{} {}", "line 1"},
	    {"{\"email\":\"\xff\"}", "line 1"},
	    {"{\"email\":\"\\ud800\"}", "line 1"},
	    {"   ", "line 1"},
	};
	unsigned before = upstream_calls(&fixture.upstream);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		int http_status = bridge_send(&fixture, "POST", "/v1/auth/login", table[i].json);
		if (http_status != 400 || !strstr(fixture.reply.body, table[i].says))
			fail_msg("%s: %d: %s", table[i].json, http_status, fixture.reply.body);
	}
	(void)bridge_send(&fixture, "POST", "/v1/auth/login", "nonsense");
	assert_problem(&fixture, 400, "MALFORMED_JSON");
	(void)bridge_send(
	    &fixture, "PUT", "/v1/users/u1", "{\"expectVersion\":\"99999999999999999999\"}");
	assert_problem(&fixture, 400, "INVALID_ARGUMENT");
	assert_int_equal(upstream_calls(&fixture.upstream), before);
}

static void
a_body_must_be_json_and_say_so(void **state)
{
	static const char *const good[] = {"application/json", "Application/JSON",
	    "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"",
	    "application/json ;"};
	static const char *const bad[] = {"text/plain", "application/x-www-form-urlencoded",
	    "application/jsonx", "application/json; charset=latin1",
	    "multipart/form-data; boundary=x", "application/problem+json", "", "*/*",
	    "application/json, text/plain"};
	char header[128];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		snprintf(header, sizeof header, "Content-Type: %s\r\n", good[i]);
		assert_int_equal(bridge_ask(&fixture, "POST", "/v1/auth/login", header,
				     slice_text("{\"email\":\"a\"}")),
		    200);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(header, sizeof header, "Content-Type: %s\r\n", bad[i]);
		(void)bridge_ask(
		    &fixture, "POST", "/v1/auth/login", header, slice_text("{\"email\":\"a\"}"));
		assert_problem(&fixture, 415, "UNSUPPORTED_MEDIA_TYPE");
	}
	(void)bridge_ask(&fixture, "POST", "/v1/auth/login",
	    "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", slice_text("{}"));
	assert_problem(&fixture, 415, "UNSUPPORTED_MEDIA_TYPE");
	/* Without a body there is nothing to say about it. */
	assert_int_equal(bridge_ask(&fixture, "POST", "/v1/auth/logout",
			     "Content-Type: text/plain\r\n", slice_text("")),
	    200);
	assert_int_equal(bridge_ask(&fixture, "POST", "/v1/auth/logout", "", SLICE_NONE), 200);
}

static void
a_body_where_none_belongs_is_refused(void **state)
{
	(void)state;
	(void)bridge_send(&fixture, "DELETE", "/v1/chatbots/c/keys/k", "{}");
	assert_problem(&fixture, 400, "BODY_NOT_TAKEN");
	assert_int_equal(
	    bridge_ask(&fixture, "DELETE", "/v1/chatbots/c/keys/k", "", SLICE_NONE), 200);
}

static void
a_body_that_is_too_large_is_413(void **state)
{
	struct strbuf body;
	char *filler = malloc(2u << 20);

	(void)state;
	assert_non_null(filler);
	memset(filler, 'a', 2u << 20);
	strbuf_init(&body, 4u << 20);
	strbuf_add_text(&body, "{\"email\":\"");
	strbuf_add(&body, filler, 2u << 20);
	strbuf_add_text(&body, "\"}");
	(void)bridge_ask(&fixture, "POST", "/v1/auth/login", "", slice_of(body.data, body.bytes));
	assert_int_equal(fixture.reply.http_status, 413);
	strbuf_done(&body);
	free(filler);
	assert_int_equal(bridge_get(&fixture, "/v1/me", ""), 200);
}

static void
deep_nesting_is_refused(void **state)
{
	struct strbuf body;

	(void)state;
	strbuf_init(&body, 4u << 20);
	for (int i = 0; i < 100000; i++)
		strbuf_add_char(&body, '[');
	assert_int_equal(send_as_profile_data(slice_of(body.data, body.bytes)), 400);
	strbuf_reset(&body);
	for (int i = 0; i < 100000; i++)
		strbuf_add_text(&body, "{\"a\":");
	assert_int_equal(send_as_profile_data(slice_of(body.data, body.bytes)), 400);
	assert_int_equal(
	    bridge_ask(&fixture, "POST", "/v1/auth/login", "", slice_of(body.data, body.bytes)),
	    400);
	strbuf_done(&body);
}

static void
many_parameters_and_long_paths_are_refused(void **state)
{
	struct strbuf target;

	(void)state;
	strbuf_init(&target, 1u << 20);
	strbuf_add_text(&target, "/v1/users?");
	for (int i = 0; i < 200; i++)
		strbuf_add_format(&target, "p%d=%d&", i, i);
	(void)bridge_get(&fixture, strbuf_text(&target), "");
	assert_problem(&fixture, 400, "UNKNOWN_PARAMETER");
	/* One that the method takes, as often as anybody likes; the path has one, too. */
	for (int count = 63; count <= 64; count++) {
		strbuf_reset(&target);
		strbuf_add_text(&target, "/v1/users/u/context?");
		for (int i = 0; i < count; i++)
			strbuf_add_format(&target, "haveEtags=%d&", i);
		if (bridge_get(&fixture, strbuf_text(&target), "") != 200)
			assert_problem(&fixture, 400, "TOO_MANY_PARAMETERS");
		assert_int_equal(fixture.reply.http_status, count < 64 ? 200 : 400);
	}
	strbuf_reset(&target);
	strbuf_add_text(&target, "/v1");
	for (int i = 0; i < 1000; i++)
		strbuf_add_text(&target, "/a");
	(void)bridge_get(&fixture, strbuf_text(&target), "");
	assert_problem(&fixture, 404, "NO_SUCH_PATH");
	strbuf_done(&target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_file_of_the_json_suite_gives_5xx),
	    TEST(naughty_strings_come_back_byte_for_byte),
	    TEST(wrong_types_and_unknown_fields_are_named),
	    TEST(a_body_must_be_json_and_say_so),
	    TEST(a_body_where_none_belongs_is_refused),
	    TEST(a_body_that_is_too_large_is_413),
	    TEST(deep_nesting_is_refused),
	    TEST(many_parameters_and_long_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
