#include "bridge/bridge.h"

#include "base/limits.h"
#include "base/log.h"
#include "bridge/internal.h"
#include "pbjson/pbjson.h"
#include "json/writer.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS_BYTES_MAX (1u << 20)
#define REPLY_JSON_BYTES_MAX (32u << 20)
#define REPLY_JSON_BYTES_FIRST 512
/* Without a connection a request waits so long for one: a restart of usherd takes less. */
#define RECONNECT_PATIENCE_MS 2500

/* How many entries a list has that commas or blanks separate; out, if not NULL, takes them. */
static size_t
split_list(const char *text, struct slice *out)
{
	struct slice rest = slice_text(text), word;
	size_t count = 0;

	for (; slice_take_word(&rest, &word); count++)
		if (out)
			out[count] = word;
	return count;
}

static status
read_list(struct bridge *bridge, const char *text, struct slice **out, size_t *count)
{
	*count = text ? split_list(text, NULL) : 0;
	*out = arena_alloc(&bridge->arena, (*count + 1) * sizeof(**out));
	if (!*out)
		return ARENA_EXHAUSTED;
	if (text)
		(void)split_list(text, *out);
	return STATUS_OK;
}

/* setting: its name, for the message. */
static status
read_networks(struct bridge *bridge, const char *setting, const char *text, struct networks *out,
    struct strbuf *message)
{
	struct slice *entries;

	TRY(read_list(bridge, text, &entries, &out->count));
	out->items = arena_alloc(&bridge->arena, (out->count + 1) * sizeof(*out->items));
	if (!out->items)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < out->count; i++) {
		if (network_parse(entries[i], &out->items[i]))
			continue;
		strbuf_add_format(message, "%s: \"%.*s\" is no network, as in 10.0.0.0/8", setting,
		    (int)entries[i].bytes, (const char *)entries[i].data);
		return REFUSE(ST_INVALID_ARGUMENT, "a network is none");
	}
	return STATUS_OK;
}

static status
read_origins(struct bridge *bridge, const char *text, struct strbuf *message)
{
	struct slice *entries;

	TRY(read_list(bridge, text, &entries, &bridge->origins_count));
	bridge->origins =
	    arena_alloc(&bridge->arena, (bridge->origins_count + 1) * sizeof(*bridge->origins));
	if (!bridge->origins)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < bridge->origins_count; i++) {
		bridge->origins[i] = arena_copy(&bridge->arena, entries[i].data, entries[i].bytes);
		if (!bridge->origins[i])
			return ARENA_EXHAUSTED;
		if (cors_is_origin(entries[i]))
			continue;
		strbuf_add_format(message,
		    "http.cors_origins: \"%s\" is no origin, as in https://app.example.com "
		    "(lower case, nothing behind the host and port)",
		    bridge->origins[i]);
		return REFUSE(ST_INVALID_ARGUMENT, "an origin is none");
	}
	return STATUS_OK;
}

/* The routes, then the pages, then what led nowhere. */
static status
open_figures(struct bridge *bridge)
{
	size_t count = bridge->rows_count + pages_count + 1;
	struct figures_row *rows = arena_alloc(&bridge->arena, count * sizeof(*rows));

	if (!rows)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < bridge->rows_count; i++)
		rows[i] = (struct figures_row){bridge->rows[i].verb, bridge->rows[i].path};
	for (size_t i = 0; i < pages_count; i++)
		rows[bridge->rows_count + i] = (struct figures_row){"GET", pages[i].path};
	rows[count - 1] = (struct figures_row){"", "none"};
	bridge->figures_rows = rows;
	return figures_new(rows, count, &bridge->figures);
}

static status
open_client(struct bridge *bridge, const struct bridge_config *config, struct strbuf *message)
{
	const struct client_settings settings = {
	    .url = config->upstream,
	    .tls_ca_file = config->upstream_ca_file && *config->upstream_ca_file
			       ? config->upstream_ca_file
			       : NULL,
	    .clock = config->clock,
	    .calls_max = config->calls_max,
	    .gathers = true,
	};
	status made = client_new(&settings, &bridge->client);

	if (made.reason && strcmp(made.reason, "BAD_TLS_FILE") == 0)
		strbuf_add_format(message,
		    "bridge.upstream_ca: \"%s\": tls+tcp:// in bridge.upstream needs a PEM file "
		    "with the certificates to trust",
		    settings.tls_ca_file ? settings.tls_ca_file : "");
	else if (made.code == ST_INVALID_ARGUMENT)
		strbuf_add_format(
		    message, "bridge.upstream: %s: %s", config->upstream, made.message);
	return made;
}

static status
bridge_open(struct bridge *bridge, const struct bridge_config *config, struct strbuf *message)
{
	const char *key = config->key ? config->key : "";

	TRY(arena_init(&bridge->arena, 16u << 10, SETTINGS_BYTES_MAX));
	bridge->key = slice_of(arena_copy_text(&bridge->arena, key), strlen(key));
	if (!bridge->key.data)
		return ARENA_EXHAUSTED;
	TRY(read_networks(
	    bridge, "http.trusted_proxies", config->trusted_proxies, &bridge->proxies, message));
	TRY(read_networks(
	    bridge, "http.metrics_from", config->metrics_from, &bridge->metrics_from, message));
	TRY(read_origins(bridge, config->cors_origins, message));
	TRY(open_figures(bridge));
	TRY(route_table_new(config->routes, config->routes_count, &bridge->routes, message));
	return open_client(bridge, config, message);
}

status
bridge_new(const struct bridge_config *config, struct strbuf *message, struct bridge **out)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));
	status made;

	if (!bridge)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the bridge");
	bridge->clock = config->clock;
	bridge->rows = config->routes;
	bridge->rows_count = config->routes_count;
	bridge->started_us = clock_boot_us(config->clock);
	made = bridge_open(bridge, config, message);
	if (made.code != ST_OK) {
		bridge_free(&bridge);
		return made;
	}
	*out = bridge;
	return STATUS_OK;
}

void
bridge_free(struct bridge **freed)
{
	struct bridge *bridge = *freed;

	if (!bridge)
		return;
	/* Ends every call: whoever waits for one is replied to. */
	client_free(&bridge->client);
	route_table_free(&bridge->routes);
	figures_free(&bridge->figures);
	arena_done(&bridge->arena);
	free(bridge);
	*freed = NULL;
}

static void
add_reply_headers(struct visit *visit, const struct client_result *result)
{
	/* What is well known is everybody's; all else is somebody's. */
	if (strncmp(visit->row->path, "/.well-known/", 13) == 0)
		visit_header(visit, "Cache-Control", "public, max-age=300");
	if (result->replayed)
		visit_header(visit, "Idempotent-Replayed", "true");
	if (result->has_revision) {
		base64_encode(slice_of(result->revision, CLIENT_REVISION_BYTES), BASE64_URL,
		    visit->revision_text);
		visit_header(visit, "Usher-Revision", visit->revision_text);
	}
}

static status
write_reply(struct visit *visit, const struct client_result *result, struct strbuf *body)
{
	struct writer writer;

	/* About what it takes: a buffer that grows is copied and overwritten each time. */
	(void)!strbuf_reserve(body, 2 * result->payload.bytes + REPLY_JSON_BYTES_FIRST);
	writer_init(&writer, body, 0);
	TRY(pbjson_to_json(visit->row->reply_meta, result->payload, &visit->arena, &writer));
	return strbuf_status(body);
}

/* The call was made, and went well. */
static void
refuse_reply(struct visit *visit, status why)
{
	const bool has_room = why.code != ST_RESOURCE_EXHAUSTED;

	log_event(LOG_ERROR, has_room ? "reply_unreadable" : "reply_lost", "method",
	    visit->row->method, "message", why.message, "request", visit->request->id, NULL);
	if (has_room)
		visit_refuse(visit,
		    REFUSE_FOR(ST_INTERNAL, "MALFORMED_REPLY",
			"the server's reply can't be written as JSON"),
		    NULL);
	else if (visit->row->effect == CLIENT_READ)
		visit_refuse(visit,
		    REFUSE_FOR(
			ST_RESOURCE_EXHAUSTED, "NO_MEMORY", "there is no memory for the reply"),
		    NULL);
	else
		visit_refuse(visit,
		    REFUSE_FOR(ST_UNKNOWN, "REPLY_LOST",
			"the call was made, but there is no memory for its reply"),
		    NULL);
}

/* On a thread of the transport. */
static void
reply_arrives(void *arg, struct client_result *result)
{
	struct visit *visit = arg;
	struct strbuf body;
	status written;

	if (result->status.code != ST_OK) {
		visit_refuse(visit, caller_outcome(visit->bridge, result->status), result);
		client_result_done(result);
		return;
	}
	strbuf_init(&body, REPLY_JSON_BYTES_MAX);
	written = write_reply(visit, result, &body);
	if (written.code == ST_OK) {
		add_reply_headers(visit, result);
		visit_reply(visit, visit->row->success_status, "application/json",
		    slice_of(body.data, body.bytes));
	} else {
		refuse_reply(visit, written);
	}
	strbuf_done(&body);
	client_result_done(result);
}

static void
call(struct visit *visit, const struct client_options *options, struct slice payload)
{
	const struct route_row *row = visit->row;
	const struct client_method method = {
	    .id = row->method_id,
	    .name = row->method,
	    .deadline_ms = row->deadline_ms,
	    .bytes_max = row->bytes_max,
	    .effect = row->effect,
	    .write_field = row->write_field,
	    .idempotent_by_key = row->idempotent_by_key,
	    .inline_read = row->inline_read,
	};

	client_call_raw_async(
	    visit->bridge->client, &method, options, payload, reply_arrives, visit);
}

static void
serve_route(struct visit *visit, const struct route_match *match)
{
	struct client_options options;
	struct strbuf message;
	status st;

	visit->row = match->row;
	visit->figures_row = (size_t)(match->row - visit->bridge->rows);
	strbuf_init(&message, MESSAGE_BYTES_MAX);
	st = caller_read(visit, &options);
	options.connect_ms = RECONNECT_PATIENCE_MS;
	if (st.code == ST_OK)
		st = message_build(visit, match, &message);
	if (st.code == ST_OK)
		call(visit, &options, slice_of(message.data, message.bytes));
	else
		visit_refuse(visit, st, NULL);
	strbuf_done(&message);
}

/* OPTIONS is answered for whatever is there; the rest is the wrong verb. */
static void
serve_other_verb(struct visit *visit, const char *allow)
{
	const char *text = arena_format(&visit->arena, "%s, OPTIONS", allow);

	if (!text) {
		visit_refuse(visit, ARENA_EXHAUSTED, NULL);
	} else if (strcmp(visit->request->method, "OPTIONS") == 0) {
		cors_reply_options(visit, text);
	} else {
		visit_header(visit, "Allow", text);
		visit_refuse(visit,
		    REFUSE_FOR(ST_UNIMPLEMENTED, "METHOD_NOT_ALLOWED",
			"this path does not take that method; Allow says which it takes"),
		    NULL);
	}
}

static void
serve_page(struct visit *visit, size_t index)
{
	visit->figures_row = visit->bridge->rows_count + index;
	if (strcmp(visit->request->method, "GET") != 0)
		serve_other_verb(visit, "GET, HEAD");
	else
		pages[index].serve(visit);
}

void
bridge_handle(void *env, struct http_request *request)
{
	struct bridge *bridge = env;
	struct route_match match;
	struct visit *visit;
	status st = visit_open(bridge, request, &visit);

	if (st.code != ST_OK) {
		http_reply_problem(request, 503,
		    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "NO_MEMORY", st.message), 1, NULL, 0);
		return;
	}
	for (size_t i = 0; i < pages_count; i++) {
		if (strcmp(request->path, pages[i].path) == 0) {
			serve_page(visit, i);
			return;
		}
	}
	if (strcmp(request->path, "*") == 0) {
		serve_other_verb(visit, "GET, HEAD, POST, PUT, PATCH, DELETE");
		return;
	}
	st = route_table_match(
	    bridge->routes, request->method, request->path, &visit->arena, &match);
	if (st.code != ST_OK)
		visit_refuse(visit, st, NULL);
	else if (match.outcome == ROUTE_FOUND)
		serve_route(visit, &match);
	else if (match.outcome == ROUTE_NOT_ALLOWED)
		serve_other_verb(visit, match.allow);
	else
		visit_refuse(visit, NO_SUCH_PATH, NULL);
}
