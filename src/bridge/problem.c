/* What goes wrong, as HTTP says it. */
#include "bridge/internal.h"

#include "json/writer.h"

#include <stdio.h>
#include <string.h>

#define PROBLEM_BYTES_MAX (256u << 10)

uint32_t
problem_http_status(status failure)
{
	static const struct {
		enum status_code code;
		const char *reason;
		uint32_t http_status;
	} reasons[] = {
	    {ST_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", 405},
	    {ST_INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", 415},
	    {ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", 413},
	    {ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_COSTLY", 413},
	    /* Nobody asked too often, and asking again gives the same. */
	    {ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE", 500},
	    {ST_RESOURCE_EXHAUSTED, "NO_MEMORY", 503},
	    /* Ours, when we are being stopped: the client of HTTP closed nothing. */
	    {ST_CANCELLED, "CLIENT_CLOSED", 503},
	};

	for (size_t i = 0; failure.reason && i < sizeof reasons / sizeof reasons[0]; i++) {
		if (failure.code == reasons[i].code &&
		    strcmp(failure.reason, reasons[i].reason) == 0)
			return reasons[i].http_status;
	}
	return http_status_of(failure.code);
}

/* How long to wait, in whole seconds; "" for a failure that repeating does not help. */
static const char *
retry_after(status failure, uint32_t retry_after_ms, char out[16])
{
	bool is_passing = problem_http_status(failure) == 503 ||
			  (failure.reason && strcmp(failure.reason, "TOO_MANY_CALLS") == 0);
	uint32_t seconds = retry_after_ms / 1000 + (retry_after_ms % 1000 != 0);

	out[0] = '\0';
	if (seconds == 0 && is_passing)
		seconds = 1;
	if (seconds)
		(void)snprintf(out, 16, "%u", (unsigned)seconds);
	return out;
}

/* Longer than any path that usherd writes, with names that are any length. */
#define FIELD_PATH_BYTES_MAX 4096

/* "profile.profile_data" and "have_etags[3]" by the names that JSON has for them. What the request
 * has not is left as it is. */
static const char *
json_path(const struct meta_message *message, const char *path, struct strbuf *out)
{
	const char *at = path;

	strbuf_reset(out);
	for (;;) {
		size_t bytes = strcspn(at, ".["), index_bytes = strcspn(at + bytes, ".");
		const struct meta_field *field =
		    message ? meta_field_by_json_name(message, at, bytes) : NULL;

		if (field)
			strbuf_add_text(out, field->json_name);
		else
			strbuf_add(out, at, bytes);
		strbuf_add(out, at + bytes, index_bytes);
		at += bytes + index_bytes;
		if (*at == '\0')
			break;
		strbuf_add_char(out, *at++);
		message = field && field->type == META_MESSAGE ? field->message : NULL;
	}
	return strbuf_status(out).code == ST_OK ? strbuf_text(out) : path;
}

static void
add_violations(struct strbuf *out, const struct visit *visit, const struct client_result *result)
{
	const struct meta_message *request = visit->row ? visit->row->request_meta : NULL;
	struct writer writer;
	struct strbuf path;

	if (!result || result->violations_count == 0)
		return;
	strbuf_init(&path, FIELD_PATH_BYTES_MAX);
	strbuf_add_text(out, ",\"violations\":");
	writer_init(&writer, out, 0);
	writer_array_begin(&writer);
	for (size_t i = 0; i < result->violations_count; i++) {
		writer_object_begin(&writer);
		writer_key(&writer, "field");
		writer_text(&writer, json_path(request, result->violations[i].field, &path));
		writer_key(&writer, "description");
		writer_text(&writer, result->violations[i].description);
		writer_object_end(&writer);
	}
	writer_array_end(&writer);
	strbuf_done(&path);
}

#define NO_MEMORY_BYTES_MAX 512

/* What must be said, in the words that need no escaping. */
static struct slice
problem_without_memory(
    uint32_t http_status, status failure, const char *request_id, char room[NO_MEMORY_BYTES_MAX])
{
	const char *code = status_code_name(failure.code);
	int bytes = snprintf(room, NO_MEMORY_BYTES_MAX,
	    "{\"type\":\"about:blank\",\"status\":%u,\"code\":\"%s\",\"reason\":\"%.100s\","
	    "\"requestId\":\"%s\"}",
	    (unsigned)http_status, code, failure.reason ? failure.reason : code, request_id);

	return slice_of(room, (size_t)bytes);
}

void
visit_refuse(struct visit *visit, status failure, const struct client_result *result)
{
	uint32_t http_status = problem_http_status(failure);
	char seconds[16], room[NO_MEMORY_BYTES_MAX];
	struct strbuf body;
	struct slice text;

	visit->reason = failure.reason ? failure.reason : status_code_name(failure.code);
	if (*retry_after(failure, result ? result->retry_after_ms : 0, seconds))
		visit_header(visit, "Retry-After", seconds);
	if (http_status == 401)
		visit_header(visit, "WWW-Authenticate",
		    visit->has_token ? "Bearer realm=\"usher\", error=\"invalid_token\""
				     : "Bearer realm=\"usher\"");
	strbuf_init(&body, PROBLEM_BYTES_MAX);
	http_problem_begin(&body, http_status, failure, visit->request->id);
	add_violations(&body, visit, result);
	strbuf_add_char(&body, '}');
	if (strbuf_status(&body).code != ST_OK) {
		strbuf_reset(&body);
		http_problem_begin(&body, http_status,
		    REFUSE_FOR(failure.code, failure.reason, "the message is too long to show"),
		    visit->request->id);
		strbuf_add_char(&body, '}');
	}
	text = slice_of(body.data, body.bytes);
	if (strbuf_status(&body).code != ST_OK)
		text = problem_without_memory(http_status, failure, visit->request->id, room);
	visit_reply(visit, http_status, "application/problem+json", text);
	strbuf_done(&body);
}
