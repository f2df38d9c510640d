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
origin_allowed(const struct visit *visit)
{
	const char *origin = http_request_header(visit->request, "Origin");

	for (size_t i = 0; origin && i < visit->bridge->origins_count; i++) {
		if (strcmp(visit->bridge->origins[i], origin) == 0)
			return visit->bridge->origins[i];
	}
	return NULL;
}

void
cors_add_headers(struct visit *visit)
{
	const char *origin = origin_allowed(visit);

	if (visit->bridge->origins_count)
		visit_header(visit, "Vary", "Origin");
	if (!origin)
		return;
	visit_header(visit, "Access-Control-Allow-Origin", origin);
	visit_header(visit, "Access-Control-Expose-Headers",
	    "Usher-Revision, Idempotent-Replayed, X-Request-Id, Retry-After, WWW-Authenticate");
}

void
cors_reply_options(struct visit *visit, const char *allow)
{
	bool is_preflight =
	    http_request_header(visit->request, "Access-Control-Request-Method") != NULL;

	visit_header(visit, "Allow", allow);
	if (is_preflight && origin_allowed(visit)) {
		visit_header(visit, "Access-Control-Allow-Methods", METHODS_ALL);
		visit_header(visit, "Access-Control-Allow-Headers",
		    "Authorization, Content-Type, Idempotency-Key, Traceparent, Usher-Revision, "
		    "X-API-Key");
		visit_header(visit, "Access-Control-Max-Age", "600");
	}
	visit_reply(visit, 204, NULL, SLICE_NONE);
}
