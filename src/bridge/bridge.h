/* bridge.h - HTTP and JSON on one side, calls of usherd on the other.
 *
 * Each request becomes one call: path, query and body are its message, headers its envelope. The
 * bridge decides nothing: who may do what, and what is in the database, usherd knows.
 * Threads: bridge_handle() runs on any number at once and does not block.
 * Lifetime: stop the HTTP server first, then free the bridge (which cuts off what is under way).
 * Source: docs/protocol.md; Protobuf's JSON mapping, RFC 9457, the Fetch standard (CORS). */
#ifndef USHER_BRIDGE_BRIDGE_H
#define USHER_BRIDGE_BRIDGE_H

#include "base/clock.h"
#include "base/str.h"
#include "client/route.h"
#include "http/server.h"

struct bridge_config {
	const char *upstream;         /* usherd's URL; of several, with commas or blanks */
	const char *upstream_ca_file; /* whom to trust at tls+tcp://; "" or NULL: nobody */
	const char *key;              /* the bridge's own, by which client_ip is believed; "" */
	const char *trusted_proxies;  /* networks, separated by commas; "" */
	const char *metrics_from;     /* who may read /metrics: networks; "" or NULL: nobody */
	const char *cors_origins;     /* origins, separated by commas; "" */
	uint32_t calls_max;           /* under way at once */
	const struct clock *clock;
	const struct route_row *routes;
	size_t routes_count;
};

struct bridge;

/* Nothing of config is kept but clock and routes. Does not wait for the upstream.
 * Errors: INVALID_ARGUMENT (a setting that is off, with a sentence in message),
 * RESOURCE_EXHAUSTED. */
MUST_USE status bridge_new(
    const struct bridge_config *config, struct strbuf *message, struct bridge **out);
void bridge_free(struct bridge **bridge);

/* An http_handler; env is the bridge. */
void bridge_handle(void *env, struct http_request *request);
/* An http_is_proxy: is the address in trusted_proxies? */
bool bridge_is_proxy(void *env, const char *address);
/* An http_refused: counts and logs what the server itself refuses, and lets browsers read it. */
size_t bridge_refused(void *env, const struct http_refusal *refusal,
    struct http_header headers[HTTP_REFUSAL_HEADERS_MAX]);

#endif
