/* What the bridge makes of a request, and of what comes back. Hostile input: bridge_input_test. */
#include "base/log.h"
#include "gen/meta/context.h"
#include "gen/meta/org.h"
#include "gen/meta/user.h"
#include "tests/lib/bridge_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "ush_live_bridge_key"
#define ORG "0190a000-0000-7000-8000-00000000000a"

static struct bridge_fixture fixture;

static int
set_up(void **state)
{
	(void)state;
	bridge_fixture_open(
	    &fixture, &(struct bridge_fixture_settings){
			  .key = KEY,
			  .trusted_proxies = "127.0.0.1, 10.0.0.0/8 2001:db8:f::/48",
			  .cors_origins = "https://app.example.com,http://localhost:3000",
			  .drain_ms = 100,
		      });
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bridge_fixture_close(&fixture);
	return 0;
}

/* What a test wants to have answered. */
static void
answer_as_told(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	const struct response_envelope *told = env;

	(void)request;
	(void)arena;
	uint64_t call_id = out->call_id;
	*out = *told;
	out->call_id = call_id;
}

static struct response_envelope told;

/* The next answers are this one, which the test fills. */
static struct response_envelope *
tell(void)
{
	response_envelope_init(&told);
	upstream_script(&fixture.upstream, answer_as_told, &told);
	return &told;
}

static void
path_query_and_body_become_one_message(void **state)
{
	(void)state;
	assert_int_equal(
	    bridge_get(&fixture,
		"/v1/users?page.size=7&page.token=a%20b%2B&status=USER_STATUS_ACTIVE", ""),
	    200);
	assert_string_equal(bridge_call_json(&fixture, &meta_usher_v1_list_users_request),
	    "{\"page\":{\"size\":7,\"token\":\"a b+\"},\"status\":\"USER_STATUS_ACTIVE\"}");
	assert_int_equal(upstream_last(&fixture.upstream)->method_id,
	    wire_method_id(slice_text("usher.v1.UserService/ListUsers")));

	assert_int_equal(bridge_send(&fixture, "PUT", "/v1/users/ext%3Aa%2Fb",
			     "{\"displayName\":\"Zo\\u00eb\",\"expectVersion\":\"12\"}"),
	    200);
	const char *json = bridge_call_json(&fixture, &meta_usher_v1_upsert_user_request);
	assert_says(json, "\"userId\":\"ext:a/b\"");
	assert_says(json, "\"displayName\":\"Zo\xc3\xab\"");
	assert_says(json, "\"expectVersion\":\"12\"");

	assert_int_equal(bridge_send(&fixture, "POST", "/v1/chatbots/c1:resolve",
			     "{\"userId\":\"u1\",\"message\":\"hi\"}"),
	    200);
	json = bridge_call_json(&fixture, &meta_usher_v1_resolve_request);
	assert_says(json, "\"chatbotId\":\"c1\"");
	assert_says(json, "\"message\":\"hi\"");
}

static void
the_query_says_names_in_either_spelling(void **state)
{
	static const char *const targets[] = {
	    "/v1/users/u1/context?tokenBudget=5&haveEtags=a&haveEtags=b",
	    "/v1/users/u1/context?have_etags=a&have%5Fetags=b&token_budget=5&&"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bridge_get(&fixture, targets[i], ""), 200);
		const char *json = bridge_call_json(&fixture, &meta_usher_v1_get_context_request);
		assert_says(json, "\"userId\":\"u1\"");
		assert_says(json, "\"tokenBudget\":5");
		assert_says(json, "\"haveEtags\":[\"a\",\"b\"]");
	}
}

static void
a_path_and_a_body_that_differ_are_refused(void **state)
{
	(void)state;
	assert_int_equal(bridge_send(&fixture, "PUT", "/v1/users/u1", "{\"userId\":\"u1\"}"), 200);
	assert_int_equal(bridge_send(&fixture, "PUT", "/v1/users/u1", "{\"userId\":\"\"}"), 200);
	assert_says(
	    bridge_call_json(&fixture, &meta_usher_v1_upsert_user_request), "\"userId\":\"u1\"");
	assert_int_equal(bridge_send(&fixture, "PUT", "/v1/users/u1", "{\"userId\":null}"), 200);
	(void)bridge_send(&fixture, "PUT", "/v1/users/u1", "{\"userId\":\"u2\"}");
	assert_problem(&fixture, 400, "PATH_AND_BODY_DIFFER");
	assert_says(fixture.reply.body, "userId");
	(void)bridge_send(&fixture, "PUT", "/v1/users/u1", "{\"user_id\":\"u1 \"}");
	assert_problem(&fixture, 400, "PATH_AND_BODY_DIFFER");
}

static void
what_else_the_body_says_makes_no_difference_to_the_path(void **state)
{
	static const char *const bodies[] = {
	    "{\"tokenBudget\":1000,\"chatbotId\":\"c1\"}",
	    "{\"chatbotId\":\"c1\",\"tokenBudget\":1000}",
	    "{\"userId\":\"u1\",\"tokenBudget\":1000,\"chatbotId\":\"c1\",\"haveEtags\":[\"e\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		int http_status =
		    bridge_send(&fixture, "POST", "/v1/chatbots/c1:resolve", bodies[i]);
		if (http_status != 200)
			fail_msg("%s: %d: %s", bodies[i], http_status, fixture.reply.body);
		assert_says(bridge_call_json(&fixture, &meta_usher_v1_resolve_request),
		    "\"tokenBudget\":1000");
	}
	(void)bridge_send(&fixture, "POST", "/v1/chatbots/c1:resolve",
	    "{\"tokenBudget\":1000,\"chatbotId\":\"c2\"}");
	assert_problem(&fixture, 400, "PATH_AND_BODY_DIFFER");
}

static void
what_the_query_must_not_say_is_refused(void **state)
{
	static const struct {
		const char *target, *reason;
	} table[] = {
	    {"/v1/users?nope=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?page.nope=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?page.=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?.page=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?page.size.x=1", "UNKNOWN_PARAMETER"},
	    {"/v1/users?page.size=1&page.size=2", "REPEATED_PARAMETER"},
	    {"/v1/users/u1?userId=u2", "REPEATED_PARAMETER"},
	    {"/v1/users?page.token=%zz", "MALFORMED_QUERY"},
	    {"/v1/users?page.token=%00", "MALFORMED_QUERY"},
	    {"/v1/users?page.token=%ff", "MALFORMED_QUERY"},
	    {"/v1/users?page.size=one", "INVALID_ARGUMENT"},
	    {"/v1/users?page.size=-1", "INVALID_ARGUMENT"},
	    {"/v1/users?page.size=99999999999", "INVALID_ARGUMENT"},
	    {"/v1/users?page=1", "INVALID_ARGUMENT"},
	    {"/v1/users?status=NOPE", "INVALID_ARGUMENT"},
	    {"/v1/users/%zz", "MALFORMED_PATH"},
	    {"/v1/users/a%00b", "MALFORMED_PATH"},
	    {"/v1/users/..", "MALFORMED_PATH"},
	};
	unsigned before = upstream_calls(&fixture.upstream);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		(void)bridge_get(&fixture, table[i].target, "");
		assert_problem(&fixture, 400, table[i].reason);
	}
	(void)bridge_send(&fixture, "POST", "/v1/orgs?slug=a", "{}");
	assert_problem(&fixture, 400, "UNKNOWN_PARAMETER");
	/* A name is cut, but not within a character. */
	for (int at = 96; at <= 100; at++) {
		char target[256];

		snprintf(target, sizeof target, "/v1/users?%0*d%%f0%%9d%%84%%9e%050d=1", at, 0, 0);
		(void)bridge_get(&fixture, target, "");
		assert_problem(&fixture, 400, "UNKNOWN_PARAMETER");
		assert_says(fixture.reply.body, at == 96 ? "00\xf0\x9d\x84\x9e\\\"" : "00\\\"");
	}
	assert_int_equal(upstream_calls(&fixture.upstream), before);
}

static void
headers_become_the_envelope(void **state)
{
	const struct request_envelope *call;

	(void)state;
	assert_int_equal(
	    bridge_ask(&fixture, "POST", "/v1/orgs",
		"Authorization: bearer  tok.en\r\nIdempotency-Key: \"0123456789abcdef\"\r\n"
		"Usher-Revision: AAAAAAAAAAEAAAAAAAAAAg\r\nUsher-Org: " ORG "\r\n"
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
		SLICE_NONE),
	    201);
	call = upstream_last(&fixture.upstream);
	assert_true(slice_equals_text(call->credential, "tok.en"));
	assert_int_equal(call->on_behalf_of.bytes, 0);
	assert_true(slice_equals_text(call->via, KEY));
	assert_true(slice_equals_text(call->idempotency_key, "0123456789abcdef"));
	assert_int_equal(call->at_least.bytes, 16);
	assert_int_equal(call->at_least.data[7], 1);
	assert_int_equal(call->at_least.data[15], 2);
	assert_true(slice_equals_text(call->org, ORG));
	assert_true(slice_equals_text(
	    call->trace, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
	assert_int_equal(call->timeout_ms, 5000);
	assert_true(slice_equals_text(call->client_ip, "127.0.0.1"));

	char id[24];
	snprintf(id, sizeof id, "%016llx", (unsigned long long)call->call_id);
	assert_memory_equal(bridge_header(&fixture, "X-Request-Id"), id, 16);

	assert_int_equal(bridge_get(&fixture, "/v1/me", ""), 200);
	assert_int_equal(upstream_last(&fixture.upstream)->org.bytes, 0);
}

static void
what_a_browser_calls_itself_goes_along_with_what_it_changes(void **state)
{
	const struct request_envelope *call;

	(void)state;
	assert_int_equal(bridge_ask(&fixture, "POST", "/v1/orgs",
			     "User-Agent: Bro\xc3\x9fser/1 (\"x\")\r\n", SLICE_NONE),
	    201);
	call = upstream_last(&fixture.upstream);
	assert_int_equal(call->pairs_count, 1);
	assert_true(slice_equals_text(call->pairs[0].key, "user-agent"));
	assert_true(slice_equals_text(call->pairs[0].value, "Bro??ser/1 (\"x\")"));

	char header[1100] = "User-Agent: ";
	memset(header + 12, 'x', 1000);
	strcpy(header + 1012, "\r\n");
	assert_int_equal(bridge_ask(&fixture, "POST", "/v1/orgs", header, SLICE_NONE), 201);
	assert_int_equal(upstream_last(&fixture.upstream)->pairs[0].value.bytes, 256);

	assert_int_equal(bridge_ask(&fixture, "POST", "/v1/orgs", "", SLICE_NONE), 201);
	assert_int_equal(upstream_last(&fixture.upstream)->pairs_count, 0);
	/* Nobody audits reads. */
	assert_int_equal(bridge_get(&fixture, "/v1/me", "User-Agent: x\r\n"), 200);
	assert_int_equal(upstream_last(&fixture.upstream)->pairs_count, 0);
}

static void
a_key_with_a_token_acts_on_behalf_of_its_user(void **state)
{
	const struct request_envelope *call;

	(void)state;
	assert_int_equal(bridge_get(&fixture, "/v1/me", "X-API-Key: the-key\r\n"), 200);
	call = upstream_last(&fixture.upstream);
	assert_true(slice_equals_text(call->credential, "the-key"));
	assert_int_equal(call->on_behalf_of.bytes, 0);

	assert_int_equal(
	    bridge_get(&fixture, "/v1/me", "Authorization: Bearer token\r\nX-API-Key: the-key\r\n"),
	    200);
	call = upstream_last(&fixture.upstream);
	assert_true(slice_equals_text(call->credential, "the-key"));
	assert_true(slice_equals_text(call->on_behalf_of, "token"));

	assert_int_equal(bridge_get(&fixture, "/v1/me", ""), 200);
	assert_int_equal(upstream_last(&fixture.upstream)->credential.bytes, 0);
}

static void
headers_that_are_off_are_refused_before_the_call(void **state)
{
	static const struct {
		const char *headers;
		int http_status;
		const char *reason;
	} table[] = {
	    {"Authorization: Basic YTpi\r\n", 401, "UNKNOWN_SCHEME"},
	    {"Authorization: Bearerx\r\n", 401, "UNKNOWN_SCHEME"},
	    {"Authorization: Bearer\r\n", 401, "MALFORMED_CREDENTIAL"},
	    {"Authorization: Bearer a b\r\n", 401, "MALFORMED_CREDENTIAL"},
	    {"Authorization: Bearer \xc3\xa9\r\n", 401, "MALFORMED_CREDENTIAL"},
	    {"Authorization: Bearer a\r\nAuthorization: Bearer a\r\n", 400, "HEADER_REPEATED"},
	    {"X-API-Key: \r\n", 401, "MALFORMED_CREDENTIAL"},
	    {"X-API-Key: a\r\nx-api-key: b\r\n", 400, "HEADER_REPEATED"},
	    {"Usher-Revision: AAAA\r\n", 400, "MALFORMED_REVISION"},
	    {"Usher-Revision: !\r\n", 400, "MALFORMED_REVISION"},
	    {"Usher-Revision: AAAAAAAAAAEAAAAAAAAAAh\r\n", 400, "MALFORMED_REVISION"},
	    {"Usher-Org: \r\n", 400, "MALFORMED_ORG"},
	    {"Usher-Org: acme\r\n", 400, "MALFORMED_ORG"},
	    {"Usher-Org: " ORG ", " ORG "\r\n", 400, "MALFORMED_ORG"},
	    {"Usher-Org: " ORG "\r\nUsher-Org: " ORG "\r\n", 400, "HEADER_REPEATED"},
	    {"Idempotency-Key: \r\n", 400, "MALFORMED_IDEMPOTENCY_KEY"},
	    {"Idempotency-Key: \"0123\"\r\n", 400, "MALFORMED_IDEMPOTENCY_KEY"},
	};
	unsigned before = upstream_calls(&fixture.upstream);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		(void)bridge_get(&fixture, "/v1/me", table[i].headers);
		assert_problem(&fixture, table[i].http_status, table[i].reason);
		assert_int_equal(
		    strncmp(bridge_header(&fixture, "WWW-Authenticate"), "Bearer", 6) == 0,
		    table[i].http_status == 401);
	}
	assert_int_equal(upstream_calls(&fixture.upstream), before);
	/* The standard says to pass over it. */
	assert_int_equal(bridge_get(&fixture, "/v1/me", "Traceparent: 00-zz\r\n"), 200);
	assert_int_equal(upstream_last(&fixture.upstream)->trace.bytes, 0);
}

static void
the_client_is_the_last_one_that_no_trusted_proxy_is(void **state)
{
	static const char *const table[][2] = {
	    {"", "127.0.0.1"},
	    {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 192.0.2.7, 10.1.2.3\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 6.6.6.6, 192.0.2.7 ,10.1.2.3,10.0.0.1\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 10.1.2.3\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n", "10.9.9.9"},
	    {"X-Forwarded-For: 192.0.2.7, junk, 10.1.2.3\r\n", "10.1.2.3"},
	    {"X-Forwarded-For: junk\r\n", "127.0.0.1"},
	    {"X-Forwarded-For: ,\r\n", "127.0.0.1"},
	    {"X-Forwarded-For: 192.0.2.7:4431\r\n", "192.0.2.7"},
	    {"X-Forwarded-For: [2001:DB8::0:1]:443\r\n", "2001:db8::1"},
	    {"X-Forwarded-For: 2001:db8::5, 2001:db8:f::1\r\n", "2001:db8::5"},
	    {"X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7"},
	    {"Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n", "127.0.0.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(bridge_get(&fixture, "/v1/me", table[i][0]), 200);
		if (!slice_equals_text(upstream_last(&fixture.upstream)->client_ip, table[i][1]))
			fail_msg("%s is not %s", table[i][0], table[i][1]);
	}
}

static void
nobody_is_believed_without_trusted_proxies(void **state)
{
	struct bridge_fixture bare;

	(void)state;
	bridge_fixture_open(&bare, &(struct bridge_fixture_settings){.drain_ms = 100});
	assert_int_equal(bridge_get(&bare, "/v1/me", "X-Forwarded-For: 192.0.2.7\r\n"), 200);
	assert_true(slice_equals_text(upstream_last(&bare.upstream)->client_ip, "127.0.0.1"));
	assert_int_equal(upstream_last(&bare.upstream)->via.bytes, 0);
	bridge_fixture_close(&bare);
}

static void
metrics_are_for_those_who_are_named(void **state)
{
	(void)state;
	assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
	assert_int_equal(
	    bridge_get(&fixture, "/metrics", "X-Forwarded-For: 2001:db8:a::7\r\n"), 200);
	/* Who comes through a proxy from anywhere else, and who says so of themselves. */
	bridge_get(&fixture, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n");
	assert_problem(&fixture, 404, "NO_SUCH_PATH");
	bridge_get(&fixture, "/metrics", "X-Forwarded-For: 127.0.0.1, 192.0.2.7\r\n");
	assert_problem(&fixture, 404, "NO_SUCH_PATH");
	/* Of this one no address is read, of a trusted proxy either. */
	bridge_get(&fixture, "/metrics", "Forwarded: for=192.0.2.7\r\n");
	assert_problem(&fixture, 404, "NO_SUCH_PATH");
}

static void
metrics_are_not_for_those_whom_a_proxy_brings_that_nobody_named(void **state)
{
	static struct bridge_fixture other;

	(void)state;
	bridge_fixture_open(&other, &(struct bridge_fixture_settings){.drain_ms = 100});
	assert_int_equal(bridge_get(&other, "/metrics", ""), 200);
	bridge_get(&other, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n");
	assert_problem(&other, 404, "NO_SUCH_PATH");
	bridge_get(&other, "/metrics", "Forwarded: for=192.0.2.7\r\n");
	assert_problem(&other, 404, "NO_SUCH_PATH");
	bridge_fixture_close(&other);
}

static void
each_code_has_its_http_status(void **state)
{
	static const struct {
		uint32_t code;
		const char *reason;
		uint32_t retry_after_ms;
		int http_status;
		const char *retry_after;
	} table[] = {
	    {ST_CANCELLED, "CANCELLED", 0, 499, ""},
	    {ST_UNKNOWN, "UNKNOWN", 0, 500, ""},
	    {ST_INVALID_ARGUMENT, "INVALID_ARGUMENT", 0, 400, ""},
	    {ST_DEADLINE_EXCEEDED, "EXPIRED", 0, 504, ""},
	    {ST_NOT_FOUND, "NOT_FOUND", 0, 404, ""},
	    {ST_ALREADY_EXISTS, "EXTERNAL_ID_TAKEN", 0, 409, ""},
	    {ST_PERMISSION_DENIED, "EMAIL_NOT_VERIFIED", 0, 403, ""},
	    {ST_RESOURCE_EXHAUSTED, "QUOTA", 1500, 429, "2"},
	    {ST_RESOURCE_EXHAUSTED, "QUOTA", 0, 429, ""},
	    {ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", 0, 413, ""},
	    {ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_COSTLY", 0, 413, ""},
	    {ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE", 0, 500, ""},
	    {ST_RESOURCE_EXHAUSTED, "NO_MEMORY", 0, 503, "1"},
	    {ST_FAILED_PRECONDITION, "FAILED_PRECONDITION", 0, 400, ""},
	    {ST_ABORTED, "VERSION_MISMATCH", 0, 409, ""},
	    {ST_OUT_OF_RANGE, "OUT_OF_RANGE", 0, 400, ""},
	    {ST_UNIMPLEMENTED, "UNIMPLEMENTED", 0, 501, ""},
	    {ST_INTERNAL, "INTERNAL", 0, 500, ""},
	    {ST_UNAVAILABLE, "DATABASE_AWAY", 0, 503, "1"},
	    {ST_UNAVAILABLE, "DATABASE_AWAY", 3000, 503, "3"},
	    {ST_DATA_LOSS, "DATA_LOSS", 0, 500, ""},
	    {ST_UNAUTHENTICATED, "UNAUTHENTICATED", 0, 401, ""},
	    {4711, "FROM_THE_FUTURE", 0, 500, ""},
	};
	struct response_envelope *answer = tell();

	(void)state;
	answer->message = slice_text("what \"was\" wrong");
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		answer->code = table[i].code;
		answer->reason = slice_text(table[i].reason);
		answer->retry_after_ms = table[i].retry_after_ms;
		(void)bridge_get(&fixture, "/v1/me", "");
		assert_problem(&fixture, table[i].http_status, table[i].reason);
		assert_string_equal(bridge_header(&fixture, "Retry-After"), table[i].retry_after);
		assert_says(fixture.reply.body, "\"detail\":\"what \\\"was\\\" wrong\"");
	}
}

static void
a_refused_token_is_told_apart_from_none(void **state)
{
	struct response_envelope *answer = tell();

	(void)state;
	answer->code = ST_UNAUTHENTICATED;
	(void)bridge_get(&fixture, "/v1/me", "");
	assert_string_equal(bridge_header(&fixture, "WWW-Authenticate"), "Bearer realm=\"usher\"");
	(void)bridge_get(&fixture, "/v1/me", "Authorization: Bearer old\r\n");
	assert_string_equal(bridge_header(&fixture, "WWW-Authenticate"),
	    "Bearer realm=\"usher\", error=\"invalid_token\"");
}

/* Who logs in with the right password must not be told that it was wrong. */
static void
a_refusal_of_the_bridge_s_own_key_is_its_own_fault(void **state)
{
	static const struct {
		uint32_t code;
		const char *reason;
	} table[] = {
	    {ST_UNAUTHENTICATED, "VIA_REFUSED"}, {ST_PERMISSION_DENIED, "CLIENT_IP_NOT_ALLOWED"}};
	struct response_envelope *answer = tell();

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		answer->code = table[i].code;
		answer->reason = slice_text(table[i].reason);
		(void)bridge_get(&fixture, "/v1/me", "Authorization: Bearer good\r\n");
		assert_problem(&fixture, 503, "BRIDGE_KEY_REFUSED");
		assert_string_equal(bridge_header(&fixture, "WWW-Authenticate"), "");
		(void)bridge_get(&fixture, "/ready", "");
		assert_problem(&fixture, 503, "BRIDGE_KEY_REFUSED");
	}
	/* It is asked on the terms of every other call. */
	assert_true(slice_equals_text(upstream_last(&fixture.upstream)->client_ip, "127.0.0.1"));
}

static void
violations_are_told_field_by_field(void **state)
{
	static const struct envelope_violation violations[] = {
	    {{(const uint8_t *)"email", 5}, {(const uint8_t *)"is \"no\" address", 15}},
	    {{(const uint8_t *)"password", 8}, {(const uint8_t *)"is too short", 12}},
	};
	struct response_envelope *answer = tell();

	(void)state;
	answer->code = ST_INVALID_ARGUMENT;
	answer->violations = violations;
	answer->violations_count = 2;
	(void)bridge_send(&fixture, "POST", "/v1/auth/signup", "{}");
	assert_problem(&fixture, 400, "INVALID_ARGUMENT");
	assert_says(fixture.reply.body,
	    ",\"violations\":[{\"field\":\"email\",\"description\":\"is \\\"no\\\" address\"},"
	    "{\"field\":\"password\",\"description\":\"is too short\"}]}");
}

/* usherd names fields as the .proto files do. */
static void
violations_have_the_names_that_json_has(void **state)
{
	static const struct {
		const char *verb, *target, *field, *shown;
	} table[] = {
	    {"PUT", "/v1/me/profile", "expect_version", "expectVersion"},
	    {"PUT", "/v1/me/profile", "profile.profile_data", "profile.profileData"},
	    {"PUT", "/v1/me/profile", "profile", "profile"},
	    {"POST", "/v1/chatbots/c1:resolve", "have_etags[3]", "haveEtags[3]"},
	    {"POST", "/v1/chatbots/c1:resolve", "have_etags[3].a_b", "haveEtags[3].a_b"},
	    {"POST", "/v1/chatbots/c1:resolve", "user_id.user_id", "userId.user_id"},
	    {"POST", "/v1/chatbots/c1:resolve", "no_field.user_id", "no_field.user_id"},
	    {"POST", "/v1/chatbots/c1:resolve", "", ""},
	    {"POST", "/v1/chatbots/c1:resolve", "..user_id[", "..user_id["},
	};
	struct response_envelope *answer = tell();
	struct envelope_violation violation = {.description = slice_text("x")};
	char expected[128];

	(void)state;
	answer->code = ST_INVALID_ARGUMENT;
	answer->violations = &violation;
	answer->violations_count = 1;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		violation.field = slice_text(table[i].field);
		(void)bridge_send(&fixture, table[i].verb, table[i].target, "{}");
		snprintf(expected, sizeof expected, "\"violations\":[{\"field\":\"%s\",",
		    table[i].shown);
		assert_says(fixture.reply.body, expected);
	}
}

static void
a_reply_is_the_message_with_its_headers(void **state)
{
	static const uint8_t revision[16] = {[7] = 1, [15] = 2};
	static const uint8_t org[] = "\x0a\x02o1";
	struct response_envelope *answer = tell();

	(void)state;
	answer->payload = slice_of(org, sizeof org - 1);
	answer->revision = slice_of(revision, sizeof revision);
	answer->replayed = true;
	assert_int_equal(bridge_send(&fixture, "POST", "/v1/orgs", "{}"), 201);
	assert_says(fixture.reply.body, "{\"orgId\":\"o1\",");
	assert_string_equal(bridge_header(&fixture, "Content-Type"), "application/json");
	assert_string_equal(bridge_header(&fixture, "Cache-Control"), "no-store");
	assert_string_equal(bridge_header(&fixture, "Usher-Revision"), "AAAAAAAAAAEAAAAAAAAAAg");
	assert_string_equal(bridge_header(&fixture, "Idempotent-Replayed"), "true");

	answer = tell();
	assert_int_equal(bridge_get(&fixture, "/v1/orgs/o1", ""), 200);
	assert_string_equal(bridge_header(&fixture, "Usher-Revision"), "");
	assert_string_equal(bridge_header(&fixture, "Idempotent-Replayed"), "");
	assert_int_equal(bridge_get(&fixture, "/.well-known/jwks.json", ""), 200);
	assert_string_equal(fixture.reply.body, "{\"keys\":[]}");
	assert_string_equal(bridge_header(&fixture, "Cache-Control"), "public, max-age=300");
}

static void
a_reply_that_is_none_is_our_fault(void **state)
{
	struct response_envelope *answer = tell();

	(void)state;
	answer->payload = slice_text("\xff\xff\xff");
	(void)bridge_get(&fixture, "/v1/me", "");
	assert_problem(&fixture, 500, "MALFORMED_REPLY");
}

static void
paths_and_methods_that_are_not_there_say_so(void **state)
{
	static const char *const unknown[] = {"/v1", "/v1/", "/v1/nope", "/v1/users/",
	    "/v1/users//", "/v1/users/a/b", "/V1/me", "/v1/me/", "/v1/chatbots/x:nope/y",
	    "/v1/%6de", "/docs"};
	static const struct {
		const char *verb, *target, *allow;
	} wrong[] = {
	    {"POST", "/v1/me", "GET, HEAD, PATCH, OPTIONS"},
	    {"DELETE", "/v1/users/u1", "GET, HEAD, PUT, OPTIONS"},
	    {"GET", "/v1/auth/login", "POST, OPTIONS"},
	    {"GET", "/v1/chatbots/c1:resolve", "POST, OPTIONS"},
	    {"POST", "/health", "GET, HEAD, OPTIONS"},
	    {"DELETE", "/", "GET, HEAD, OPTIONS"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		(void)bridge_get(&fixture, unknown[i], "");
		assert_problem(&fixture, 404, "NO_SUCH_PATH");
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		(void)bridge_ask(&fixture, wrong[i].verb, wrong[i].target, "", SLICE_NONE);
		assert_problem(&fixture, 405, "METHOD_NOT_ALLOWED");
		assert_string_equal(bridge_header(&fixture, "Allow"), wrong[i].allow);
	}
}

static void
head_is_get_without_its_body(void **state)
{
	(void)state;
	assert_int_equal(bridge_ask(&fixture, "HEAD", "/v1/users/u1", "", SLICE_NONE), 200);
	assert_int_equal(fixture.reply.body_bytes, 0);
	assert_true(atoi(bridge_header(&fixture, "Content-Length")) > 2);
	assert_says(bridge_call_json(&fixture, &meta_usher_v1_get_user_request), "u1");
	assert_int_equal(bridge_ask(&fixture, "HEAD", "/health", "", SLICE_NONE), 200);
	assert_int_equal(fixture.reply.body_bytes, 0);
	assert_int_equal(bridge_ask(&fixture, "HEAD", "/v1/nope", "", SLICE_NONE), 404);
	assert_int_equal(bridge_ask(&fixture, "HEAD", "/v1/auth/login", "", SLICE_NONE), 405);
}

static void
options_says_what_a_path_takes(void **state)
{
	unsigned before = upstream_calls(&fixture.upstream);

	(void)state;
	assert_int_equal(bridge_ask(&fixture, "OPTIONS", "/v1/me", "", SLICE_NONE), 204);
	assert_string_equal(bridge_header(&fixture, "Allow"), "GET, HEAD, PATCH, OPTIONS");
	assert_int_equal(bridge_ask(&fixture, "OPTIONS", "*", "", SLICE_NONE), 204);
	assert_int_equal(bridge_ask(&fixture, "OPTIONS", "/ready", "", SLICE_NONE), 204);
	assert_int_equal(bridge_ask(&fixture, "OPTIONS", "/v1/nope", "", SLICE_NONE), 404);
	assert_int_equal(upstream_calls(&fixture.upstream), before);
}

static void
only_listed_origins_may_read(void **state)
{
	static const char *const strangers[] = {"https://evil.example", "null",
	    "https://app.example.com.evil.example", "https://app.example.com:8443",
	    "http://app.example.com", "https://APP.example.com", "*", ""};
	char headers[256];

	(void)state;
	(void)bridge_get(&fixture, "/v1/me", "Origin: https://app.example.com\r\n");
	assert_string_equal(
	    bridge_header(&fixture, "Access-Control-Allow-Origin"), "https://app.example.com");
	assert_string_equal(bridge_header(&fixture, "Vary"), "Origin");
	assert_says(bridge_header(&fixture, "Access-Control-Expose-Headers"), "Usher-Revision");
	assert_string_equal(bridge_header(&fixture, "Access-Control-Allow-Credentials"), "");
	/* Problems too, or a page would not learn what was wrong. */
	(void)bridge_get(&fixture, "/v1/nope", "Origin: http://localhost:3000\r\n");
	assert_string_equal(
	    bridge_header(&fixture, "Access-Control-Allow-Origin"), "http://localhost:3000");
	for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
		snprintf(headers, sizeof headers,
		    "Origin: %s\r\nAccess-Control-Request-Method: PUT\r\n", strangers[i]);
		assert_int_equal(
		    bridge_ask(&fixture, "OPTIONS", "/v1/me", headers, SLICE_NONE), 204);
		assert_string_equal(bridge_header(&fixture, "Access-Control-Allow-Origin"), "");
		assert_string_equal(bridge_header(&fixture, "Access-Control-Allow-Methods"), "");
		assert_string_equal(bridge_header(&fixture, "Vary"), "Origin");
	}
	assert_int_equal(bridge_ask(&fixture, "OPTIONS", "/v1/me",
			     "Origin: https://app.example.com\r\n"
			     "Access-Control-Request-Method: PATCH\r\n"
			     "Access-Control-Request-Headers: authorization,content-type\r\n",
			     SLICE_NONE),
	    204);
	assert_says(bridge_header(&fixture, "Access-Control-Allow-Methods"), "PATCH");
	assert_says(bridge_header(&fixture, "Access-Control-Allow-Headers"), "Authorization");
	assert_says(bridge_header(&fixture, "Access-Control-Allow-Headers"), "Content-Type");
	assert_says(bridge_header(&fixture, "Access-Control-Allow-Headers"), "Usher-Org");
	assert_string_equal(bridge_header(&fixture, "Access-Control-Max-Age"), "600");
}

static void
health_needs_nobody_and_ready_goes_through(void **state)
{
	static const uint8_t ready[] = "\x08\x01\x1a\x03"
				       "1.0"
				       "\x20\x01\x28\x07\x30\x07\x42\x0b"
				       "development"
				       "\x48\x01";
	static const uint8_t unready[] = "\x12\x04"
					 "away";
	struct response_envelope *answer = tell();

	(void)state;
	answer->payload = slice_of(ready, sizeof ready - 1);
	assert_int_equal(bridge_get(&fixture, "/ready", ""), 200);
	assert_says(fixture.reply.body, "\"ready\":true");
	assert_says(fixture.reply.body, "\"databaseReachable\":true");
	assert_says(fixture.reply.body, "\"schemaVersion\":7");
	assert_says(fixture.reply.body, "\"mailConfigured\":true");
	answer->payload = slice_of(unready, sizeof unready - 1);
	assert_int_equal(bridge_get(&fixture, "/ready", ""), 503);
	assert_says(fixture.reply.body, "\"reason\":\"away\"");
	assert_string_equal(bridge_header(&fixture, "Retry-After"), "1");
	answer->code = ST_INTERNAL;
	(void)bridge_get(&fixture, "/ready", "");
	assert_problem(&fixture, 503, "UNAVAILABLE");
	unsigned before = upstream_calls(&fixture.upstream);
	assert_int_equal(bridge_get(&fixture, "/health", ""), 200);
	assert_int_equal(bridge_get(&fixture, "/health?from=probe", ""), 200);
	assert_says(fixture.reply.body, "\"status\":\"ok\"");
	assert_int_equal(bridge_get(&fixture, "/", ""), 200);
	assert_says(fixture.reply.body, "/openapi.json");
	assert_int_equal(upstream_calls(&fixture.upstream), before);
}

static void
openapi_is_the_generated_file(void **state)
{
	FILE *file = fopen(USHER_SOURCE_DIR "/gen/openapi.json", "rb");
	static char wanted[4u << 20];

	(void)state;
	assert_non_null(file);
	size_t bytes = fread(wanted, 1, sizeof wanted, file);
	fclose(file);
	assert_int_equal(bridge_get(&fixture, "/openapi.json", ""), 200);
	assert_int_equal(fixture.reply.body_bytes, bytes);
	assert_memory_equal(fixture.reply.body, wanted, bytes);
	assert_string_equal(bridge_header(&fixture, "Cache-Control"), "public, max-age=300");
}

static void
metrics_count_routes_and_never_paths(void **state)
{
	(void)state;
	(void)bridge_get(&fixture, "/v1/users/u-secret", "");
	(void)bridge_get(&fixture, "/v1/users/u-other", "");
	(void)bridge_get(&fixture, "/v1/users/u?nope=1", "");
	(void)bridge_get(&fixture, "/made/up", "");
	assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
	const char *text = fixture.reply.body;
	assert_says(text,
	    "usher_bridge_requests_total{method=\"GET\",route=\"/v1/users/{user_id}\",status="
	    "\"200\"} 2\n");
	assert_says(text,
	    "usher_bridge_requests_total{method=\"GET\",route=\"/v1/users/{user_id}\",status="
	    "\"400\"} 1\n");
	assert_says(
	    text, "usher_bridge_requests_total{method=\"\",route=\"none\",status=\"404\"} 1\n");
	assert_says(text,
	    "usher_bridge_request_seconds_bucket{method=\"GET\",route=\"/v1/users/{user_id}\",le="
	    "\"+Inf\"} 3\n");
	assert_says(text, "usher_bridge_requests_in_flight 1\n");
	assert_says(text, "usher_bridge_upstream_connected 1\n");
	assert_says(text, "usher_bridge_upstream_up{upstream=\"tcp://127.0.0.1:");
	assert_says(text, "# TYPE usher_bridge_upstream_failures_total counter\n");
	assert_says(text, "usher_bridge_repeats_total 0\n");
	assert_says(text, "process_resident_memory_bytes ");
	assert_null(strstr(text, "u-secret"));
	assert_null(strstr(text, "/made/up"));
}

/* What the HTTP server refuses before the bridge sees it is read by pages and counted all the same.
 */
static void
what_is_refused_at_the_door_is_told_and_counted(void **state)
{
	static const char origin[] = "Origin: https://app.example.com\r\n";
	static const struct {
		const char *headers;
		int http_status;
		const char *reason;
	} refusals[] = {
	    {"Expect: the best\r\n", 417, "EXPECTATION_UNKNOWN"},
	    {"Transfer-Encoding: gzip\r\n", 501, "TRANSFER_CODING_UNKNOWN"},
	    {"Content-Length: 2000000\r\n", 413, "BODY_TOO_LARGE"},
	    {"Content-Length: 1\r\nContent-Length: 1\r\n", 400, "MALFORMED_REQUEST"},
	};
	char headers[256], counted[128];

	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		snprintf(headers, sizeof headers, "%s%s", origin, refusals[i].headers);
		(void)bridge_get(&fixture, "/v1/me", headers);
		assert_problem(&fixture, refusals[i].http_status, refusals[i].reason);
		assert_string_equal(bridge_header(&fixture, "Access-Control-Allow-Origin"),
		    "https://app.example.com");
		assert_string_equal(bridge_header(&fixture, "Vary"), "Origin");
	}
	(void)bridge_get(&fixture, "/v1/me", "Origin: https://evil.example\r\nExpect: x\r\n");
	assert_string_equal(bridge_header(&fixture, "Access-Control-Allow-Origin"), "");
	assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		snprintf(counted, sizeof counted, "route=\"none\",status=\"%d\"} %d\n",
		    refusals[i].http_status, refusals[i].http_status == 417 ? 2 : 1);
		assert_says(fixture.reply.body, counted);
	}
	assert_says(fixture.reply.body, "usher_bridge_requests_in_flight 1\n");
}

/* A body that grows too large as it comes is refused on another path. */
static void
a_chunked_body_that_grows_too_large_is_told_to_the_page(void **state)
{
	static char chunks[(1u << 20) + 4096];
	size_t at = (size_t)snprintf(chunks, sizeof chunks, "100001\r\n");

	(void)state;
	memset(chunks + at, ' ', sizeof chunks - at);
	(void)bridge_ask(&fixture, "POST", "/v1/auth/login",
	    "Origin: https://app.example.com\r\nTransfer-Encoding: chunked\r\n",
	    slice_of(chunks, sizeof chunks));
	assert_problem(&fixture, 413, "BODY_TOO_LARGE");
	assert_string_equal(
	    bridge_header(&fixture, "Access-Control-Allow-Origin"), "https://app.example.com");
	assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
	assert_says(fixture.reply.body, "route=\"none\",status=\"413\"} 1\n");
}

/* Where a slow call waits until a quick one has been answered. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_open;
	bool is_held; /* somebody waits at it */
};

static void
answer_at_gate(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	struct gate *gate = env;

	(void)arena;
	(void)out;
	if (request->method_id != wire_method_id(slice_text("usher.v1.UserService/GetMe")))
		return;
	pthread_mutex_lock(&gate->lock);
	gate->is_held = true;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->is_open)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void
gate_wait_held(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (!gate->is_held)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void
gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_open = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static const char slow_request[] = "GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static void
a_slow_call_holds_nobody_up(void **state)
{
	static struct gate gate = {
	    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
	int fd = talk_dial(http_server_port(fixture.server));
	struct talk_reply reply;

	(void)state;
	upstream_script(&fixture.upstream, answer_at_gate, &gate);
	talk_say(fd, slice_text(slow_request));
	gate_wait_held(&gate);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bridge_get(&fixture, "/v1/users", ""), 200);
	gate_open(&gate);
	talk_hear(fd, &reply);
	assert_int_equal(reply.http_status, 200);
	talk_reply_done(&reply);
	close(fd);
	upstream_script(&fixture.upstream, NULL, NULL);
}

static void
stopping_answers_what_is_under_way(void **state)
{
	static struct gate gate = {
	    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
	struct talk_reply reply;
	static struct bridge_fixture other;

	(void)state;
	bridge_fixture_open(&other, &(struct bridge_fixture_settings){.drain_ms = 50});
	upstream_script(&other.upstream, answer_at_gate, &gate);
	int fd = talk_dial(http_server_port(other.server));
	talk_say(fd, slice_text(slow_request));
	gate_wait_held(&gate);
	http_server_stop(&other.server);
	talk_hear(fd, &reply);
	assert_int_equal(reply.http_status, 503);
	assert_says(reply.body, "SHUTTING_DOWN");
	talk_reply_done(&reply);
	close(fd);
	/* The call is still out: freeing cuts it off, and says so with the address of a connection
	 * that is gone. */
	log_set_level(LOG_WARN);
	bridge_free(&other.bridge);
	log_set_level(LOG_ERROR);
	gate_open(&gate);
	bridge_fixture_close(&other);
}

static void
an_upstream_that_is_away_is_unavailable_and_comes_back(void **state)
{
	char url[UPSTREAM_URL_BYTES];

	(void)state;
	snprintf(url, sizeof url, "%s", fixture.upstream.url);
	upstream_close(&fixture.upstream);
	(void)bridge_get(&fixture, "/v1/me", "");
	assert_int_equal(fixture.reply.http_status, 503);
	/* What is in the way is known by then. */
	(void)bridge_get(&fixture, "/v1/me", "");
	assert_problem(&fixture, 503, "NOT_CONNECTED");
	assert_string_equal(bridge_header(&fixture, "Retry-After"), "1");
	(void)bridge_get(&fixture, "/ready", "");
	assert_problem(&fixture, 503, "NOT_CONNECTED");
	assert_int_equal(bridge_get(&fixture, "/health", ""), 200);
	assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
	assert_says(fixture.reply.body, "usher_bridge_upstream_connected 0\n");
	upstream_open(&fixture.upstream, url);
	for (int i = 0; i < 10 && bridge_get(&fixture, "/v1/me", "") != 200; i++)
		;
	assert_int_equal(fixture.reply.http_status, 200);
}

/* Until the bridge's figures have that line; each look is a request of its own. */
static void
wait_for_figure(const char *line)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + 10 * US_PER_S;

	do {
		assert_int_equal(bridge_get(&fixture, "/metrics", ""), 200);
		assert_true(clock_boot_us(&clock_system) < give_up_us);
	} while (!strstr(fixture.reply.body, line));
}

static void
bodies_that_are_coming_in_are_a_figure(void **state)
{
	int fd = talk_dial(http_server_port(fixture.server));

	(void)state;
	talk_say(fd, slice_text("POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
				"Content-Type: application/json\r\n\r\n{\"email\":"));
	wait_for_figure("usher_bridge_bodies_bytes 9\n");
	close(fd);
	wait_for_figure("usher_bridge_bodies_bytes 0\n");
}

/* Ask while no upstream is there, which then comes: how long may the call that it gets take? 0: it
 * came too late to get it. */
static uint32_t
timeout_after_waiting_ms(void)
{
	char url[UPSTREAM_URL_BYTES];
	struct talk_reply reply;
	uint32_t timeout_ms = 0;

	wait_for_figure("usher_bridge_upstream_connected 1\n");
	snprintf(url, sizeof url, "%s", fixture.upstream.url);
	upstream_close(&fixture.upstream);
	wait_for_figure("usher_bridge_upstream_connected 0\n");
	int fd = talk_dial(http_server_port(fixture.server));
	struct pollfd answered = {.fd = fd, .events = POLLIN};
	talk_say(fd, slice_text(slow_request));
	do
		(void)bridge_get(&fixture, "/metrics", "");
	while (!strstr(fixture.reply.body, "usher_bridge_requests_in_flight 2\n") &&
	       poll(&answered, 1, 0) == 0);
	upstream_open(&fixture.upstream, url);
	talk_hear(fd, &reply);
	if (reply.http_status == 200)
		timeout_ms = upstream_last(&fixture.upstream)->timeout_ms;
	talk_reply_done(&reply);
	close(fd);
	return timeout_ms;
}

static void
who_waited_for_the_connection_has_time_left_for_the_call(void **state)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + 60 * US_PER_S;
	uint32_t timeout_ms;

	(void)state;
	/* More than a connection is waited for: the method's own 5 s, less what has passed. On a
	 * machine that stands still meanwhile that says nothing, and is looked at again. */
	do {
		timeout_ms = timeout_after_waiting_ms();
		assert_in_range(timeout_ms, 0, 5000);
	} while (timeout_ms <= 2500 && clock_boot_us(&clock_system) < give_up_us);
	assert_true(timeout_ms > 2500);
}

static void
settings_that_are_off_are_named(void **state)
{
	static const struct {
		struct bridge_config config;
		const char *says;
	} table[] = {
	    {{.upstream = "nonsense"}, "bridge.upstream: nonsense"},
	    {{.upstream = "tls+tcp://127.0.0.1:1"}, "bridge.upstream_ca: \"\""},
	    {{.upstream = "tls+tcp://127.0.0.1:1", .upstream_ca_file = "/nowhere.pem"},
		"bridge.upstream_ca: \"/nowhere.pem\""},
	    {{.trusted_proxies = "10.0.0.0/8,10.0.0.1/8"}, "http.trusted_proxies: \"10.0.0.1/8\""},
	    {{.metrics_from = "everywhere"}, "http.metrics_from: \"everywhere\""},
	    {{.cors_origins = "*"}, "http.cors_origins: \"*\""},
	    {{.cors_origins = "https://a.example/"}, "\"https://a.example/\""},
	    {{.cors_origins = "ftp://a.example"}, "\"ftp://a.example\""},
	    {{.cors_origins = "https://"}, "\"https://\""},
	};
	struct bridge *bridge = NULL;
	struct strbuf message;

	(void)state;
	strbuf_init(&message, 4096);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct bridge_config config = table[i].config;

		config.clock = &clock_system;
		if (!config.upstream)
			config.upstream = "tcp://127.0.0.1:1";
		strbuf_reset(&message);
		assert_int_equal(bridge_new(&config, &message, &bridge).code, ST_INVALID_ARGUMENT);
		assert_null(bridge);
		assert_says(strbuf_text(&message), table[i].says);
	}
	strbuf_done(&message);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(path_query_and_body_become_one_message),
	    TEST(the_query_says_names_in_either_spelling),
	    TEST(a_path_and_a_body_that_differ_are_refused),
	    TEST(what_else_the_body_says_makes_no_difference_to_the_path),
	    TEST(what_the_query_must_not_say_is_refused),
	    TEST(headers_become_the_envelope),
	    TEST(what_a_browser_calls_itself_goes_along_with_what_it_changes),
	    TEST(a_key_with_a_token_acts_on_behalf_of_its_user),
	    TEST(headers_that_are_off_are_refused_before_the_call),
	    TEST(the_client_is_the_last_one_that_no_trusted_proxy_is),
	    cmocka_unit_test(nobody_is_believed_without_trusted_proxies),
	    TEST(metrics_are_for_those_who_are_named),
	    cmocka_unit_test(metrics_are_not_for_those_whom_a_proxy_brings_that_nobody_named),
	    TEST(each_code_has_its_http_status),
	    TEST(a_refused_token_is_told_apart_from_none),
	    TEST(a_refusal_of_the_bridge_s_own_key_is_its_own_fault),
	    TEST(violations_are_told_field_by_field),
	    TEST(violations_have_the_names_that_json_has),
	    TEST(a_reply_is_the_message_with_its_headers),
	    TEST(a_reply_that_is_none_is_our_fault),
	    TEST(paths_and_methods_that_are_not_there_say_so),
	    TEST(head_is_get_without_its_body),
	    TEST(options_says_what_a_path_takes),
	    TEST(only_listed_origins_may_read),
	    TEST(health_needs_nobody_and_ready_goes_through),
	    TEST(openapi_is_the_generated_file),
	    TEST(what_is_refused_at_the_door_is_told_and_counted),
	    TEST(a_chunked_body_that_grows_too_large_is_told_to_the_page),
	    TEST(metrics_count_routes_and_never_paths),
	    TEST(bodies_that_are_coming_in_are_a_figure),
	    TEST(a_slow_call_holds_nobody_up),
	    cmocka_unit_test(stopping_answers_what_is_under_way),
	    TEST(an_upstream_that_is_away_is_unavailable_and_comes_back),
	    TEST(who_waited_for_the_connection_has_time_left_for_the_call),
	    cmocka_unit_test(settings_that_are_off_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
