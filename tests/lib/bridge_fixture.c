#include "tests/lib/bridge_fixture.h"

#include "base/log.h"
#include "gen/client/routes.h"
#include "pbjson/pbjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_BYTES_MAX (16u << 20)
#define TURNS_MAX 500

/* A call that goes through says that the connection stands. */
static void
wait_until_connected(struct bridge_fixture *fixture)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		if (bridge_get(fixture, "/.well-known/jwks.json", "") == 200)
			return;
	}
	fail_msg("the bridge found no way to its upstream");
}

void
bridge_fixture_open(struct bridge_fixture *fixture, const struct bridge_fixture_settings *settings)
{
	struct bridge_config config = {
	    .key = settings->key,
	    .trusted_proxies = settings->trusted_proxies,
	    .metrics_from = "127.0.0.1, 2001:db8:a::/48",
	    .cors_origins = settings->cors_origins,
	    .calls_max = 64,
	    .clock = &clock_system,
	    .routes = routes,
	    .routes_count = routes_count,
	};
	struct http_config http;

	memset(fixture, 0, sizeof(*fixture));
	log_set_level(LOG_ERROR);
	strbuf_init(&fixture->text, TEXT_BYTES_MAX);
	assert_int_equal(arena_init(&fixture->arena, 65536, TEXT_BYTES_MAX).code, ST_OK);
	upstream_open(&fixture->upstream, "tcp://127.0.0.1:0");
	config.upstream = fixture->upstream.url;
	assert_int_equal(bridge_new(&config, &fixture->text, &fixture->bridge).code, ST_OK);
	http_config_init(&http);
	http.listen = "127.0.0.1:0";
	http.drain_timeout_ms = settings->drain_ms;
	http.refused = bridge_refused;
	assert_int_equal(
	    http_server_new(&http, bridge_handle, fixture->bridge, &fixture->server).code, ST_OK);
	wait_until_connected(fixture);
}

void
bridge_fixture_close(struct bridge_fixture *fixture)
{
	http_server_stop(&fixture->server);
	bridge_free(&fixture->bridge);
	upstream_close(&fixture->upstream);
	talk_reply_done(&fixture->reply);
	strbuf_done(&fixture->text);
	arena_done(&fixture->arena);
}

int
bridge_ask(struct bridge_fixture *fixture, const char *verb, const char *target,
    const char *headers, struct slice body)
{
	struct strbuf *text = &fixture->text;

	strbuf_reset(text);
	strbuf_add_format(
	    text, "%s %s HTTP/1.1\r\nHost: bridge.test\r\nConnection: close\r\n", verb, target);
	strbuf_add_text(text, headers);
	if (body.data && !strcasestr(headers, "Content-Type:"))
		strbuf_add_text(text, "Content-Type: application/json\r\n");
	if (body.data && !strcasestr(headers, "Transfer-Encoding:"))
		strbuf_add_format(text, "Content-Length: %zu\r\n", body.bytes);
	strbuf_add_text(text, "\r\n");
	strbuf_add(text, body.data, body.bytes);
	assert_int_equal(strbuf_status(text).code, ST_OK);
	talk_reply_done(&fixture->reply);
	talk(http_server_port(fixture->server), slice_of(text->data, text->bytes), &fixture->reply);
	return fixture->reply.http_status;
}

int
bridge_get(struct bridge_fixture *fixture, const char *target, const char *headers)
{
	return bridge_ask(fixture, "GET", target, headers, SLICE_NONE);
}

int
bridge_send(struct bridge_fixture *fixture, const char *verb, const char *target, const char *json)
{
	return bridge_ask(fixture, verb, target, "", slice_text(json));
}

const char *
bridge_call_json(struct bridge_fixture *fixture, const struct meta_message *meta)
{
	const struct request_envelope *request = upstream_last(&fixture->upstream);
	struct writer writer;

	arena_reset(&fixture->arena);
	strbuf_reset(&fixture->text);
	writer_init(&writer, &fixture->text, 0);
	assert_int_equal(
	    pbjson_to_json(meta, request->payload, &fixture->arena, &writer).code, ST_OK);
	return strbuf_text(&fixture->text);
}

const char *
bridge_header(struct bridge_fixture *fixture, const char *name)
{
	const char *value = talk_header(&fixture->reply, name, fixture->value);

	return value ? value : "";
}

void
assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

void
assert_problem(struct bridge_fixture *fixture, int http_status, const char *reason)
{
	char part[128];

	assert_true(utf8_is_valid(slice_text(fixture->reply.body)));
	if (fixture->reply.http_status != http_status)
		fail_msg("%d instead of %d: %s", fixture->reply.http_status, http_status,
		    fixture->reply.body);
	assert_string_equal(bridge_header(fixture, "Content-Type"), "application/problem+json");
	assert_string_equal(bridge_header(fixture, "Cache-Control"), "no-store");
	snprintf(part, sizeof part, "\"reason\":\"%s\"", reason);
	assert_says(fixture->reply.body, part);
	snprintf(part, sizeof part, "\"status\":%d", http_status);
	assert_says(fixture->reply.body, part);
	snprintf(part, sizeof part, "\"requestId\":\"%s\"", bridge_header(fixture, "X-Request-Id"));
	assert_says(fixture->reply.body, part);
}
