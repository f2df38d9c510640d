/* What the bridge answers by itself. */
#include "bridge/internal.h"

#include "base/files.h"
#include "base/log.h"
#include "base/version.h"
#include "bridge/openapi.h"
#include "gen/client/ops.h"
#include "gen/meta/ops.h"
#include "pbjson/pbjson.h"
#include "json/writer.h"

#include <inttypes.h>

#define PAGE_BYTES_MAX (1u << 20)
#define READY_TIMEOUT_MS 1500

static void
reply_page(struct visit *visit, uint32_t http_status, const char *type, struct strbuf *body)
{
	if (strbuf_status(body).code == ST_OK)
		visit_reply(visit, http_status, type, slice_of(body->data, body->bytes));
	else
		visit_refuse(visit,
		    REFUSE_FOR(
			ST_RESOURCE_EXHAUSTED, "NO_MEMORY", "there is no memory for the page"),
		    NULL);
	strbuf_done(body);
}

static void
serve_index(struct visit *visit)
{
	static const char *const links[] = {"openapi", "/openapi.json", "health", "/health",
	    "ready", "/ready", "metrics", "/metrics", "keys", "/.well-known/jwks.json"};
	struct strbuf body;
	struct writer writer;

	strbuf_init(&body, PAGE_BYTES_MAX);
	writer_init(&writer, &body, 2);
	writer_object_begin(&writer);
	writer_key(&writer, "name");
	writer_text(&writer, "usher");
	writer_key(&writer, "version");
	writer_text(&writer, USHER_VERSION);
	writer_key(&writer, "links");
	writer_object_begin(&writer);
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i += 2) {
		writer_key(&writer, links[i]);
		writer_text(&writer, links[i + 1]);
	}
	writer_object_end(&writer);
	writer_object_end(&writer);
	strbuf_add_char(&body, '\n');
	reply_page(visit, 200, "application/json", &body);
}

/* It runs, whatever stands behind it. */
static void
serve_health(struct visit *visit)
{
	visit_reply(visit, 200, "application/json",
	    slice_text("{\"status\":\"ok\",\"version\":\"" USHER_VERSION "\"}"));
}

static void
ready_arrives(void *arg, struct client_result *result)
{
	struct visit *visit = arg;
	const Usher__V1__GetHealthReply *reply =
	    (const Usher__V1__GetHealthReply *)(const void *)result->reply;
	struct strbuf body;
	struct writer writer;
	status st = caller_outcome(visit->bridge, result->status);

	strbuf_init(&body, PAGE_BYTES_MAX);
	writer_init(&writer, &body, 0);
	if (st.code == ST_OK)
		st = pbjson_to_json(
		    &meta_usher_v1_get_health_reply, result->payload, &visit->arena, &writer);
	if (st.code == ST_OK) {
		/* As every 503 has it; one without memory for the page brings its own. */
		if (!reply->ready && strbuf_status(&body).code == ST_OK)
			visit_header(visit, "Retry-After", "1");
		reply_page(visit, reply->ready ? 200 : 503, "application/json", &body);
	} else {
		/* Whatever it is, this instance is not the one to send requests to. */
		st.code = ST_UNAVAILABLE;
		visit_refuse(visit, st, result);
		strbuf_done(&body);
	}
	client_result_done(result);
}

/* Through to the database: what usherd says about itself. */
static void
serve_ready(struct visit *visit)
{
	const Usher__V1__GetHealthRequest request = USHER__V1__GET_HEALTH_REQUEST__INIT;
	/* With the caller's address, as every call has it: the key must be good for that too. */
	const struct client_options options = {.via = visit->bridge->key,
	    .client_ip = visit->client_ip,
	    .timeout_ms = READY_TIMEOUT_MS};

	client_call_async(visit->bridge->client, &ops_get_health_method, &options, &request.base,
	    ready_arrives, visit);
}

static void
write_gauge(struct strbuf *out, const char *name, const char *help, uint64_t value)
{
	strbuf_add_format(
	    out, "# HELP %s %s\n# TYPE %s gauge\n%s %" PRIu64 "\n", name, help, name, name, value);
}

/* A label's value: what Prometheus would take for its end is left out. */
static void
write_label(struct strbuf *out, const char *text)
{
	for (; *text; text++)
		if (*text != '"' && *text != '\\' && *text >= ' ')
			strbuf_add_char(out, *text);
}

static void
write_upstreams(struct strbuf *out, struct client *client)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
	    {"up", "gauge", "Is there a connection to this usherd?"},
	    {"resting", "gauge", "Is it passed over for a while, because it was in trouble?"},
	    {"calls", "gauge", "Calls that it has not answered yet."},
	    {"attempts_total", "counter", "Calls that it was given."},
	    {"failures_total", "counter",
		"Of those: connection lost, no answer in time, UNAVAILABLE."},
	    {"together_total", "counter", "Of those: in one message with others."},
	};

	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		strbuf_add_format(out,
		    "# HELP usher_bridge_upstream_%s %s\n# TYPE usher_bridge_upstream_%s %s\n",
		    rows[r].name, rows[r].help, rows[r].name, rows[r].type);
		for (unsigned i = 0; i < client_servers_count(client); i++) {
			struct client_server server;

			client_server_at(client, i, &server);
			const uint64_t values[] = {server.is_connected, server.is_resting,
			    server.calls, server.attempts, server.failures, server.together};
			strbuf_add_format(
			    out, "usher_bridge_upstream_%s{upstream=\"", rows[r].name);
			write_label(out, server.url);
			strbuf_add_format(out, "\"} %" PRIu64 "\n", values[r]);
		}
	}
	strbuf_add_format(out,
	    "# HELP usher_bridge_repeats_total Calls made again after a failure.\n"
	    "# TYPE usher_bridge_repeats_total counter\nusher_bridge_repeats_total %" PRIu64 "\n",
	    client_repeats(client));
}

static void
write_connections(struct strbuf *out, const struct http_request *request)
{
	struct http_figures figures;

	http_figures_read(request, &figures);
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
	    {"refused", "Connections that were not let in: their address had enough, or no room.",
		figures.refused},
	    {"displaced", "Connections cut to make room, while they waited for their clients.",
		figures.displaced},
	    {"timed_out", "Connections cut because the client took too long.", figures.timed_out},
	};

	write_gauge(
	    out, "usher_bridge_connections", "Connections of clients that are open.", figures.open);
	write_gauge(out, "usher_bridge_bodies_bytes",
	    "Bodies of requests under way, and of replies that are not read yet.",
	    figures.bodies_bytes);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		strbuf_add_format(out,
		    "# HELP usher_bridge_connections_%s_total %s\n"
		    "# TYPE usher_bridge_connections_%s_total counter\n"
		    "usher_bridge_connections_%s_total %" PRIu64 "\n",
		    rows[i].name, rows[i].help, rows[i].name, rows[i].name, rows[i].value);
}

/* Somebody passed it on, and no proxy that we trust says for whom. */
static bool
came_from_who_knows_where(const struct visit *visit)
{
	const struct http_request *request = visit->request;
	const bool is_told = http_request_header(request, "X-Forwarded-For") != NULL;

	if (!is_told && !http_request_header(request, "Forwarded"))
		return false;
	return !is_told || !bridge_is_proxy(visit->bridge, request->client_address);
}

static void
serve_metrics(struct visit *visit)
{
	struct bridge *bridge = visit->bridge;
	int64_t up_us = clock_boot_us(bridge->clock) - bridge->started_us;
	struct strbuf body;
	int files, files_max;

	/* It tells of the servers behind, and of everybody's calls. Behind a proxy that nobody
	 * named, all would come from the proxy's own machine. */
	if (came_from_who_knows_where(visit) || !caller_is_among(visit, &bridge->metrics_from)) {
		visit_refuse(visit, NO_SUCH_PATH, NULL);
		return;
	}
	strbuf_init(&body, PAGE_BYTES_MAX);
	strbuf_add_text(&body, "# HELP usher_bridge_info Which version runs.\n"
			       "# TYPE usher_bridge_info gauge\n"
			       "usher_bridge_info{version=\"" USHER_VERSION "\"} 1\n");
	figures_write(bridge->figures, &body);
	write_gauge(&body, "usher_bridge_upstream_connected",
	    "Is there a connection to any usherd?", client_is_connected(bridge->client));
	write_upstreams(&body, bridge->client);
	write_connections(&body, visit->request);
	write_gauge(
	    &body, "usher_bridge_up_seconds", "Since the start.", (uint64_t)(up_us / US_PER_S));
	write_gauge(&body, "usher_bridge_log_lines_dropped", "Lines that the log had no room for.",
	    log_dropped());
	write_gauge(&body, "usher_bridge_log_lines_withheld",
	    "Lines about refusals that their source had too many of.", log_withheld());
	files_count(&files, &files_max);
	write_gauge(&body, "process_open_fds", "File descriptors that are open.", (uint64_t)files);
	write_gauge(&body, "process_max_fds", "The most there may be.", (uint64_t)files_max);
	write_gauge(
	    &body, "process_resident_memory_bytes", "Memory in use.", figures_resident_bytes());
	reply_page(visit, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void
serve_openapi(struct visit *visit)
{
	visit_header(visit, "Cache-Control", "public, max-age=300");
	visit->has_constant_body = true;
	visit_reply(visit, 200, "application/json", openapi_text());
}

const struct page pages[] = {
    {"/", serve_index},
    {"/health", serve_health},
    {"/ready", serve_ready},
    {"/metrics", serve_metrics},
    {"/openapi.json", serve_openapi},
};
const size_t pages_count = sizeof pages / sizeof pages[0];
