/* internal.h - what the bridge's files share. */
#ifndef USHER_BRIDGE_INTERNAL_H
#define USHER_BRIDGE_INTERNAL_H

#include "base/arena.h"
#include "base/network.h"
#include "bridge/bridge.h"
#include "bridge/figures.h"
#include "bridge/route.h"
#include "client/client.h"

#include <stdatomic.h>

/* A page of the bridge's own. serve() replies, now or later. */
struct visit;
struct page {
	const char *path;
	void (*serve)(struct visit *visit);
};
extern const struct page pages[];
extern const size_t pages_count;

struct networks {
	struct network *items;
	size_t count;
};

struct bridge {
	struct client *client;
	struct route_table *routes;
	const struct route_row *rows;
	size_t rows_count;
	struct figures_row *figures_rows; /* the routes, the pages, and what led nowhere */
	struct figures *figures;
	struct slice key;
	struct networks proxies, metrics_from;
	const char **origins;
	size_t origins_count;
	const struct clock *clock;
	int64_t started_us;
	_Atomic int64_t key_refused_at_us; /* when the log was told last; 0: never */
	struct arena arena;                /* what was read from the settings */
};

#define VISIT_HEADERS_MAX 12

#define NO_SUCH_PATH REFUSE_FOR(ST_NOT_FOUND, "NO_SUCH_PATH", "there is nothing at this path")

/* One request's stay here. Lifetime: from visit_open() until it is replied to. Threads: one at a
 * time; the call's end is another than its beginning. */
struct visit {
	struct bridge *bridge;
	struct http_request *request;
	const struct route_row *row; /* NULL for pages and for what leads nowhere */
	size_t figures_row;
	bool has_token; /* Authorization was there */
	const char *client_ip;
	char client_ip_text[ADDRESS_TEXT_BYTES];
	char revision_text[BASE64_TEXT_BYTES(CLIENT_REVISION_BYTES)];
	const char *reason; /* of a refusal, for the log */
	struct http_header headers[VISIT_HEADERS_MAX];
	size_t headers_count;
	bool has_constant_body; /* the reply's lives as long as the program */
	struct arena arena;
};

MUST_USE status visit_open(struct bridge *bridge, struct http_request *request, struct visit **out);
/* A header of the reply; the texts live as long as the visit. */
void visit_header(struct visit *visit, const char *name, const char *value);
/* Reply, count, log, and end the visit. */
void
visit_reply(struct visit *visit, uint32_t http_status, const char *content_type, struct slice body);
/* The same with a problem. failure may be anything but OK; of result, which may be NULL, goes out
 * what else it says about the failure. */
void visit_refuse(struct visit *visit, status failure, const struct client_result *result);

/* problem.c: the HTTP status for a failure: its code's, but for the reasons that HTTP has a number
 * of its own for. */
uint32_t problem_http_status(status failure);

/* cors.c. An origin is a scheme, a host and perhaps a port, as browsers write it. */
bool cors_is_origin(struct slice text);
/* The headers by which a browser lets the page of that origin (NULL: none) read the reply; returns
 * how many. */
#define CORS_HEADERS_MAX 3
size_t cors_headers(
    const struct bridge *bridge, const char *origin, struct http_header out[CORS_HEADERS_MAX]);
/* Answer OPTIONS; allow is what Allow says. */
void cors_reply_options(struct visit *visit, const char *allow);

/* caller.c: the envelope, from the headers and the connection.
 * Errors: INVALID_ARGUMENT, UNAUTHENTICATED, RESOURCE_EXHAUSTED. */
MUST_USE status caller_read(struct visit *visit, struct client_options *out);
/* Who asks, for the throttles and the log: the connection's other end or, behind proxies that we
 * trust, the last address in X-Forwarded-For that is none of theirs. */
const char *caller_address(struct visit *visit);
bool caller_is_among(const struct visit *visit, const struct networks *networks);
/* What came of the call, as it concerns the caller: a refusal of the bridge's own key is the
 * bridge's fault, UNAVAILABLE BRIDGE_KEY_REFUSED, and is told to the log. */
status caller_outcome(struct bridge *bridge, status outcome);

/* message.c: the request message, encoded, from body, query and path.
 * Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
MUST_USE status message_build(
    struct visit *visit, const struct route_match *match, struct strbuf *out);

#endif
