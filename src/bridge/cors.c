/* Which pages of other origins may call from a browser: an exact list. */
#include "bridge/internal.h"

#include <ctype.h>
#include <string.h>

#define METHODS_ALL "GET, HEAD, POST, PUT, PATCH, DELETE"

bool
cors_is_origin(struct slice text)
{
	size_t scheme_bytes;

	if (slice_starts_with(text, "https://"))
		scheme_bytes = 8;
	else if (slice_starts_with(text, "http://"))
		scheme_bytes = 7;
	else
		return false;
	for (size_t i = scheme_bytes; i < text.bytes; i++) {
		int c = text.data[i];
		if (!(islower(c) || isdigit(c) || strchr("-._:[]", c)) || c == '\0')
			return false;
	}
	return text.bytes > scheme_bytes;
}

static const char *
origin_allowed(const struct bridge *bridge, const char *origin)
{
	for (size_t i = 0; origin && i < bridge->origins_count; i++) {
		if (strcmp(bridge->origins[i], origin) == 0)
			return bridge->origins[i];
	}
	return NULL;
}

size_t
cors_headers(
    const struct bridge *bridge, const char *origin, struct http_header out[CORS_HEADERS_MAX])
{
	const char *allowed = origin_allowed(bridge, origin);
	size_t count = 0;

	if (bridge->origins_count)
		out[count++] = (struct http_header){"Vary", "Origin"};
	if (!allowed)
		return count;
	out[count++] = (struct http_header){"Access-Control-Allow-Origin", allowed};
	out[count++] = (struct http_header){"Access-Control-Expose-Headers",
	    "Usher-Revision, Idempotent-Replayed, X-Request-Id, Retry-After, WWW-Authenticate"};
	return count;
}

void
cors_reply_options(struct visit *visit, const char *allow)
{
	bool is_preflight =
	    http_request_header(visit->request, "Access-Control-Request-Method") != NULL;

	visit_header(visit, "Allow", allow);
	if (is_preflight &&
	    origin_allowed(visit->bridge, http_request_header(visit->request, "Origin"))) {
		visit_header(visit, "Access-Control-Allow-Methods", METHODS_ALL);
		visit_header(visit, "Access-Control-Allow-Headers",
		    "Authorization, Content-Type, Idempotency-Key, Traceparent, Usher-Org, "
		    "Usher-Revision, X-API-Key");
		visit_header(visit, "Access-Control-Max-Age", "600");
	}
	visit_reply(visit, 204, NULL, SLICE_NONE);
}
