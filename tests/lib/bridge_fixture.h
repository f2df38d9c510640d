/* bridge_fixture.h - a bridge between a test that speaks HTTP and an upstream that it scripts. */
#ifndef USHER_TESTS_LIB_BRIDGE_FIXTURE_H
#define USHER_TESTS_LIB_BRIDGE_FIXTURE_H

#include "bridge/bridge.h"
#include "tests/lib/talk.h"
#include "tests/lib/upstream.h"

struct bridge_fixture {
	struct upstream upstream;
	struct bridge *bridge;
	struct http_server *server;
	struct arena arena;
	struct strbuf text;      /* the request that was made last */
	struct talk_reply reply; /* and its reply */
	char value[256];         /* of the header that was asked for last */
};

struct bridge_fixture_settings {
	const char *key, *trusted_proxies, *cors_origins;
	uint32_t drain_ms;
};

/* The bridge is connected when it returns. */
void
bridge_fixture_open(struct bridge_fixture *fixture, const struct bridge_fixture_settings *settings);
void bridge_fixture_close(struct bridge_fixture *fixture);

/* Ask; the reply is in fixture->reply. headers are whole lines ("A: b\r\n"). A body brings its
 * Content-Length along unless headers have a Transfer-Encoding, and Content-Type unless they have
 * one. Returns the HTTP status. */
int bridge_ask(struct bridge_fixture *fixture, const char *verb, const char *target,
    const char *headers, struct slice body);
int bridge_get(struct bridge_fixture *fixture, const char *target, const char *headers);
int
bridge_send(struct bridge_fixture *fixture, const char *verb, const char *target, const char *json);

/* The payload of the last call as JSON. */
const char *bridge_call_json(struct bridge_fixture *fixture, const struct meta_message *meta);
/* The header of the last reply, "" when it has none. */
const char *bridge_header(struct bridge_fixture *fixture, const char *name);

/* Is the reply a problem of that status, with that reason? */
void assert_problem(struct bridge_fixture *fixture, int http_status, const char *reason);
void assert_says(const char *text, const char *part);

#endif
