/* A request's stay: opened, given headers, replied to. */
#include "bridge/internal.h"

#include "base/limits.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_ARENA_BYTES_FIRST 1024

status
visit_open(struct bridge *bridge, struct http_request *request, struct visit **out)
{
	struct visit *visit = calloc(1, sizeof(*visit));
	status made;

	if (!visit)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	made = arena_init(&visit->arena, VISIT_ARENA_BYTES_FIRST, REQUEST_ARENA_BYTES_MAX);
	if (made.code != ST_OK) {
		free(visit);
		return made;
	}
	visit->bridge = bridge;
	visit->request = request;
	visit->figures_row = bridge->rows_count + pages_count;
	visit->client_ip = caller_address(visit);
	figures_begin(bridge->figures);
	visit->headers_count =
	    cors_headers(bridge, http_request_header(request, "Origin"), visit->headers);
	*out = visit;
	return STATUS_OK;
}

void
visit_header(struct visit *visit, const char *name, const char *value)
{
	assert(visit->headers_count < VISIT_HEADERS_MAX);
	visit->headers[visit->headers_count++] = (struct http_header){name, value};
}

size_t
bridge_refused(void *env, const struct http_refusal *refusal,
    struct http_header headers[HTTP_REFUSAL_HEADERS_MAX])
{
	struct bridge *bridge = env;
	const struct figures_request figures = {
	    .row = bridge->rows_count + pages_count,
	    .http_status = refusal->http_status,
	    .took_us = clock_boot_us(bridge->clock) - refusal->started_us,
	};

	static_assert(CORS_HEADERS_MAX <= HTTP_REFUSAL_HEADERS_MAX, "there is room for them");
	figures_begin(bridge->figures);
	figures_end(bridge->figures, &figures);
	if (log_admits_address(LOG_INFO, refusal->client_address))
		log_event(LOG_INFO, "http_refused", "status", log_number(refusal->http_status),
		    "reason", refusal->reason, "client", refusal->client_address, "request",
		    refusal->id, NULL);
	return cors_headers(bridge, refusal->origin, headers);
}

/* What goes well in great numbers is counted, not told: pages, and what comes out of memory. */
static enum log_level
level_of(const struct visit *visit, uint32_t http_status)
{
	if (http_status >= 500)
		return LOG_WARN;
	if (http_status >= 400)
		return LOG_INFO;
	return !visit->row || visit->row->inline_read ? LOG_DEBUG : LOG_INFO;
}

static void
log_reply(const struct visit *visit, uint32_t http_status, int64_t took_us)
{
	const struct http_request *request = visit->request;
	const enum log_level level = level_of(visit, http_status);
	const bool is_refusal = http_status >= 400 && http_status != 500;

	if (is_refusal ? !log_admits_address(level, visit->client_ip) : !log_is_on(level))
		return;
	log_event(level, "http", "method", request->is_head ? "HEAD" : request->method, "route",
	    visit->bridge->figures_rows[visit->figures_row].path, "status", log_number(http_status),
	    "reason", visit->reason, "us", log_number(took_us), "client", visit->client_ip,
	    "request", request->id, NULL);
}

void
visit_reply(struct visit *visit, uint32_t http_status, const char *content_type, struct slice body)
{
	struct http_request *request = visit->request;
	struct bridge *bridge = visit->bridge;
	const struct http_response response = {
	    .status = http_status,
	    .content_type = content_type,
	    .headers = visit->headers,
	    .headers_count = visit->headers_count,
	    .body = body,
	    .is_constant = visit->has_constant_body,
	};
	const struct figures_request figures = {
	    .row = visit->figures_row,
	    .http_status = http_status,
	    .took_us = clock_boot_us(bridge->clock) - request->started_us,
	    .received_bytes = request->body.bytes,
	    .sent_bytes = request->is_head ? 0 : body.bytes,
	};

	figures_end(bridge->figures, &figures);
	log_reply(visit, http_status, figures.took_us);
	http_reply(request, &response);
	arena_done(&visit->arena);
	free(visit);
}
