/* Replies: what each of them carries, and the problems that src/http makes itself. */
#include "http/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A problem's text is a few members and a message. */
#define PROBLEM_BYTES_MAX (64u << 10)

const struct http_header http_headers_always[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Frame-Options", "DENY"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {NULL, NULL},
};

const char *
http_status_text(uint32_t http_status)
{
	static const struct {
		uint32_t http_status;
		const char *text;
	} texts[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {406, "Not Acceptable"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {499, "Client Closed Request"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].http_status == http_status)
			return texts[i].text;
	}
	return "";
}

uint32_t
http_status_of(enum status_code code)
{
	static const uint16_t statuses[] = {
	    [ST_OK] = 200,
	    [ST_CANCELLED] = 499,
	    [ST_UNKNOWN] = 500,
	    [ST_INVALID_ARGUMENT] = 400,
	    [ST_DEADLINE_EXCEEDED] = 504,
	    [ST_NOT_FOUND] = 404,
	    [ST_ALREADY_EXISTS] = 409,
	    [ST_PERMISSION_DENIED] = 403,
	    [ST_RESOURCE_EXHAUSTED] = 429,
	    [ST_FAILED_PRECONDITION] = 400,
	    [ST_ABORTED] = 409,
	    [ST_OUT_OF_RANGE] = 400,
	    [ST_UNIMPLEMENTED] = 501,
	    [ST_INTERNAL] = 500,
	    [ST_UNAVAILABLE] = 503,
	    [ST_DATA_LOSS] = 500,
	    [ST_UNAUTHENTICATED] = 401,
	};

	if ((size_t)code >= sizeof(statuses) / sizeof(statuses[0]))
		return 500;
	return statuses[code];
}

static void
add_json_text(struct strbuf *out, const char *text)
{
	strbuf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\') {
			strbuf_add_char(out, '\\');
			strbuf_add_char(out, *text);
		} else if (c < 0x20) {
			strbuf_add_format(out, "\\u%04x", (unsigned int)c);
		} else {
			strbuf_add_char(out, *text);
		}
	}
	strbuf_add_char(out, '"');
}

void
http_problem_begin(struct strbuf *out, uint32_t http_status, status failure, const char *request_id)
{
	const char *code = status_code_name(failure.code);

	strbuf_add_text(out, "{\"type\":\"about:blank\",\"title\":");
	add_json_text(out, http_status_text(http_status));
	strbuf_add_format(out, ",\"status\":%u,\"detail\":", (unsigned int)http_status);
	add_json_text(out, failure.message ? failure.message : "");
	strbuf_add_format(out, ",\"code\":\"%s\",\"reason\":", code);
	add_json_text(out, failure.reason ? failure.reason : code);
	strbuf_add_text(out, ",\"requestId\":");
	add_json_text(out, request_id);
}

static bool
is_overridden(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->headers_count; i++) {
		if (strcasecmp(response->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

struct MHD_Response *
http_response_make(const struct http_response *response, const char *id, bool close)
{
	/* The library does not write to what it calls void *. */
	struct MHD_Response *made = MHD_create_response_from_buffer(response->body.bytes,
	    (void *)(uintptr_t)response->body.data,
	    response->is_constant ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
	enum MHD_Result added = made ? MHD_YES : MHD_NO;

	for (size_t i = 0; added == MHD_YES && i < response->headers_count; i++) {
		const struct http_header *header = &response->headers[i];
		added = MHD_add_response_header(made, header->name, header->value);
	}
	for (size_t i = 0; added == MHD_YES && http_headers_always[i].name; i++) {
		const struct http_header *header = &http_headers_always[i];
		if (!is_overridden(response, header->name))
			added = MHD_add_response_header(made, header->name, header->value);
	}
	if (added == MHD_YES && response->content_type)
		added = MHD_add_response_header(made, "Content-Type", response->content_type);
	if (added == MHD_YES)
		added = MHD_add_response_header(made, "X-Request-Id", id);
	if (added == MHD_YES && close)
		added = MHD_add_response_header(made, "Connection", "close");
	if (added == MHD_YES)
		return made;
	if (made)
		MHD_destroy_response(made);
	return NULL;
}

#define PROBLEM_HEADERS_MAX 16

struct MHD_Response *
http_problem_make(uint32_t http_status, status failure, uint32_t retry_after_s,
    const struct http_header *headers, size_t headers_count, const char *id, bool close)
{
	struct http_header all[PROBLEM_HEADERS_MAX + 1];
	struct http_response response = {
	    .status = http_status, .content_type = "application/problem+json", .headers = all};
	struct MHD_Response *made = NULL;
	struct strbuf body;
	char seconds[16];

	while (response.headers_count < headers_count &&
	       response.headers_count < PROBLEM_HEADERS_MAX) {
		all[response.headers_count] = headers[response.headers_count];
		response.headers_count++;
	}
	if (retry_after_s) {
		snprintf(seconds, sizeof(seconds), "%u", (unsigned int)retry_after_s);
		all[response.headers_count++] = (struct http_header){"Retry-After", seconds};
	}
	strbuf_init(&body, PROBLEM_BYTES_MAX);
	http_problem_begin(&body, http_status, failure, id);
	strbuf_add_char(&body, '}');
	if (strbuf_status(&body).code == ST_OK) {
		response.body = slice_of(body.data, body.bytes);
		made = http_response_make(&response, id, close);
	}
	strbuf_done(&body);
	return made;
}
