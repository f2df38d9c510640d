/* A request's path, query, headers and body, up to the call that they become. Held: nothing is
 * refused with 5xx, and what is accepted is a message that can be written as JSON.
 * The input: verb's initial, target, blank line with headers ("Name: value"), blank line, body. */
#include "bridge/internal.h"
#include "gen/client/routes.h"
#include "pbjson/pbjson.h"

#include <assert.h>
#include <stdlib.h>

#define HEADERS_MAX 8
#define BYTES_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const verbs[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static struct bridge *
bridge_once(void)
{
	static struct network proxy;
	static struct bridge bridge = {.proxies = {&proxy, 1}};
	struct strbuf message;

	if (bridge.routes)
		return &bridge;
	assert(network_parse(slice_text("10.0.0.0/8"), &proxy));
	strbuf_init(&message, BYTES_MAX);
	status made = route_table_new(routes, routes_count, &bridge.routes, &message);
	assert(made.code == ST_OK);
	strbuf_done(&message);
	return &bridge;
}

/* Cut the first line off; the text is changed. */
static char *
take_line(char **text)
{
	char *line = *text;
	size_t bytes = strcspn(line, "\n");

	*text = line + bytes + (line[bytes] == '\n');
	line[bytes] = '\0';
	return line;
}

static size_t
take_headers(char **text, struct http_header headers[HEADERS_MAX])
{
	size_t count = 0;

	while (count < HEADERS_MAX && **text) {
		char *line = take_line(text), *colon = strchr(line, ':');
		if (!colon)
			break;
		*colon = '\0';
		headers[count++] = (struct http_header){line, colon + 1 + strspn(colon + 1, " ")};
	}
	return count;
}

static void
check_message(struct visit *visit, const struct strbuf *message)
{
	struct strbuf json;
	struct writer writer;
	status written;

	strbuf_init(&json, BYTES_MAX);
	writer_init(&writer, &json, 0);
	written = pbjson_to_json(visit->row->request_meta, slice_of(message->data, message->bytes),
	    &visit->arena, &writer);
	assert(written.code == ST_OK || written.code == ST_RESOURCE_EXHAUSTED);
	strbuf_done(&json);
}

static status
build(struct visit *visit)
{
	struct client_options options;
	struct route_match match;
	struct strbuf message;
	status st;

	visit->client_ip = caller_address(visit);
	TRY(route_table_match(visit->bridge->routes, visit->request->method, visit->request->path,
	    &visit->arena, &match));
	if (match.outcome != ROUTE_FOUND)
		return STATUS_OK;
	visit->row = match.row;
	TRY(caller_read(visit, &options));
	strbuf_init(&message, BYTES_MAX);
	st = message_build(visit, &match, &message);
	if (st.code == ST_OK)
		check_message(visit, &message);
	strbuf_done(&message);
	return st;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct http_header headers[HEADERS_MAX];
	struct http_request request = {
	    .client_address = "10.0.0.1", .id = "0123456789abcdef0123456789abcdef"};
	struct visit visit = {.bridge = bridge_once(), .request = &request};
	char *copy = calloc(1, bytes + 1), *rest = copy, *query;

	if (bytes)
		memcpy(copy, data, bytes);
	request.method = verbs[bytes ? data[0] % (sizeof verbs / sizeof verbs[0]) : 0];
	rest += bytes != 0;
	request.path = take_line(&rest);
	query = strchr(request.path, '?');
	request.query = query ? query + 1 : "";
	if (query)
		*query = '\0';
	request.headers_count = take_headers(&rest, headers);
	request.headers = headers;
	request.body = slice_of(rest, (size_t)(copy + bytes - rest));
	status made = arena_init(&visit.arena, 4096, BYTES_MAX);
	assert(made.code == ST_OK);
	status st = build(&visit);
	assert(st.code == ST_OK || problem_http_status(st) < 500);
	arena_done(&visit.arena);
	free(copy);
	return 0;
}
