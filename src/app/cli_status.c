/* usher status: is it up, and how is it doing? */
#include "app/cli.h"

#include "gen/client/ops.h"
#include "gen/meta/ops.h"

#include "pbjson/pbjson.h"
#include "json/writer.h"

#include <math.h>

#define JSON_BYTES_MAX (64u << 20)

static void
print_health(const char *url, const Usher__V1__GetHealthReply *health)
{
	printf("%s  %s%s%s\n", url, health->ready ? "ready" : "not ready",
	    *health->reason ? ": " : "", health->reason);
	printf("  version   %s, %s\n", health->version, health->mode);
	printf("  services ");
	for (size_t i = 0; i < health->n_services; i++)
		printf(" %s", health->services[i]);
	printf("\n  database  %s, schema at %d, needs %d\n",
	    health->database_reachable ? "reachable" : "out of reach", health->schema_version,
	    health->schema_version_needed);
	printf("  mail      %s\n", health->mail_configured ? "configured" : "not configured");
}

static void
print_figures(const Usher__V1__GetStatusReply *s)
{
	const Usher__V1__DatabaseStatus *db = s->database;

	if (db)
		printf("  database  %s:%s/%s as %s, PostgreSQL %s, %.2f ms, connections %d of %d\n",
		    db->host, db->port, db->database, db->role, db->server_version, db->latency_ms,
		    db->connections_used, db->connections_max);
	printf("  node      %s, %.1f MiB resident, feed %.0f ms old, %d node%s alive\n", s->node_id,
	    (double)s->resident_bytes / 1048576.0, s->feed_age_ms, s->live_nodes,
	    s->live_nodes == 1 ? "" : "s");
	/* An older server says neither. */
	if (s->descriptors_max)
		printf("  machine   %d of %d descriptors open, clock %.3f s %s the database's\n",
		    s->descriptors_open, s->descriptors_max, fabs(s->clock_ahead_ms) / 1000,
		    s->clock_ahead_ms < 0 ? "behind" : "ahead of");
	for (size_t i = 0; i < s->n_lanes; i++)
		printf("  lane      %-8s %d of %d busy, %d of %d queued, %lld done, %lld refused\n",
		    s->lanes[i]->name, s->lanes[i]->busy, s->lanes[i]->workers, s->lanes[i]->queued,
		    s->lanes[i]->queue_max, (long long)s->lanes[i]->done,
		    (long long)s->lanes[i]->refused);
	for (size_t i = 0; i < s->n_caches; i++)
		printf("  cache     %-12s %lld entries, %lld bytes, %lld hits, %lld misses\n",
		    s->caches[i]->name, (long long)s->caches[i]->entries,
		    (long long)s->caches[i]->bytes, (long long)s->caches[i]->hits,
		    (long long)s->caches[i]->misses);
	for (size_t i = 0; i < s->n_jobs; i++)
		printf("  job       %-16s %lld runs, the last took %.1f ms, %lld errors, backlog "
		       "%lld%s%s\n",
		    s->jobs[i]->name, (long long)s->jobs[i]->runs, s->jobs[i]->last_duration_ms,
		    (long long)s->jobs[i]->errors, (long long)s->jobs[i]->backlog,
		    *s->jobs[i]->last_error ? ": " : "", s->jobs[i]->last_error);
	for (size_t i = 0; i < s->n_tables; i++)
		printf("  table     %-24s %s%lld rows\n", s->tables[i]->name,
		    s->tables[i]->estimated ? "about " : "", (long long)s->tables[i]->rows);
}

/* What is told of all servers that were asked. */
struct report {
	struct cli *cli;
	const char *credential; /* NULL: no figures */
	struct writer writer;   /* --json: one object, with one for each server */
};

/* On stderr, and with --json in the server's object too. */
static enum cli_exit
tell_failure(struct report *report, const char *url, const char *key, status st)
{
	struct writer *writer = &report->writer;

	if (report->cli->json) {
		writer_key(writer, key);
		writer_object_begin(writer);
		cli_write_status(writer, st);
		writer_object_end(writer);
	}
	return cli_say_status(report->cli, arena_refuse(report->cli->arena, st.code, st.reason,
					       "%s: %s", url, st.message ? st.message : ""));
}

static status
tell_message(struct report *report, const char *key, const struct meta_message *meta,
    const struct client_result *result)
{
	writer_key(&report->writer, key);
	return pbjson_to_json(meta, result->payload, report->cli->arena, &report->writer);
}

/* The figures are for operators: asked for with their credential, or the bridge's key. A server is
 * no less ready because it does not tell them. */
static status
ask_for_figures(struct report *report, const char *url, struct client *client)
{
	Usher__V1__GetStatusRequest request = USHER__V1__GET_STATUS_REQUEST__INIT;
	struct client_result result;
	status st;

	request.exact_counts = cli_has_option(report->cli, "--exact");
	/* Counting has all the time that the method has. */
	st = ops_get_status_rpc(client,
	    &(struct client_options){.credential = slice_text(report->credential),
		.timeout_ms = request.exact_counts ? 0 : DEADLINE_MS_DEFAULT},
	    &request, &result);
	if (st.code != ST_OK) {
		(void)tell_failure(report, url, "figuresFailure", st);
		st = STATUS_OK;
	} else if (report->cli->json) {
		st = tell_message(report, "figures", &meta_usher_v1_get_status_reply, &result);
	} else {
		print_figures(ops_get_status_reply(&result));
	}
	client_result_done(&result);
	return st;
}

/* st is a failure of ours; what comes of asking is in code. */
static status
ask(struct report *report, const char *url, struct client *client, enum cli_exit *code)
{
	Usher__V1__GetHealthRequest request = USHER__V1__GET_HEALTH_REQUEST__INIT;
	struct client_result result;
	status st = ops_get_health_rpc(
	    client, &(struct client_options){.timeout_ms = 2000}, &request, &result);

	if (st.code != ST_OK) {
		*code = tell_failure(report, url, "failure", st);
		client_result_done(&result);
		return STATUS_OK;
	}
	const Usher__V1__GetHealthReply *health = ops_get_health_reply(&result);
	*code = health->ready ? CLI_OK : CLI_FAILED;
	if (report->cli->json)
		st = tell_message(report, "health", &meta_usher_v1_get_health_reply, &result);
	else
		print_health(url, health);
	client_result_done(&result);
	if (st.code == ST_OK && report->credential)
		st = ask_for_figures(report, url, client);
	return st;
}

/* Each by itself: a client of several would ask any of them. */
static status
ask_all(struct report *report, struct slice urls, enum cli_exit *code)
{
	struct slice word;
	unsigned asked = 0;

	while (slice_take_word(&urls, &word)) {
		const char *url = arena_copy(report->cli->arena, word.data, word.bytes);
		enum cli_exit this_code = CLI_OK;
		struct client *client;
		status st;

		if (!url)
			return ARENA_EXHAUSTED;
		st = cli_connect_to(report->cli, url, &client);
		if (st.code != ST_OK)
			return arena_refuse(
			    report->cli->arena, st.code, st.reason, "%s: %s", url, st.message);
		writer_object_begin(&report->writer);
		writer_key(&report->writer, "url");
		writer_text(&report->writer, url);
		st = ask(report, url, client, &this_code);
		client_free(&client);
		TRY(st);
		writer_object_end(&report->writer);
		/* That nobody answers is said of all or none. */
		*code = asked == 0 || *code == this_code ? this_code : CLI_FAILED;
		asked++;
	}
	return asked ? STATUS_OK : REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_URL", "no server is named");
}

static enum cli_exit
run(struct cli *cli)
{
	const char *url = cli_option_value(cli, "--url");
	struct report report = {.cli = cli};
	enum cli_exit code = CLI_USAGE;
	struct strbuf out;
	status st;

	if (!cli_has_option(cli, "--health"))
		report.credential = cli_credential(cli);
	strbuf_init(&out, JSON_BYTES_MAX);
	writer_init(&report.writer, &out, 2);
	writer_object_begin(&report.writer);
	writer_key(&report.writer, "servers");
	writer_array_begin(&report.writer);
	st = ask_all(
	    &report, slice_text(url ? url : config_text(cli->config, "bridge.upstream")), &code);
	if (st.code == ST_OK) {
		writer_array_end(&report.writer);
		writer_key(&report.writer, "ready");
		writer_bool(&report.writer, code == CLI_OK);
		writer_object_end(&report.writer);
		st = strbuf_status(&out);
	}
	if (st.code == ST_OK && cli->json)
		puts(strbuf_text(&out));
	strbuf_done(&out);
	return st.code == ST_OK ? code : cli_fail_status(cli, st);
}

const struct cli_command cli_status = {
    .name = "status",
    .words = "",
    .summary = "say whether a server is ready, and how it is doing",
    .text = "Asks each server that is named. Exit code 0 when all are ready, 1 when one is not, 3\n"
	    "when none answers. Figures want an operator's token, or the bridge's key: "
	    "--credential,\n"
	    "USHER_CREDENTIAL, or the setting bridge.key.\n\n"
	    "  usher status --health\n"
	    "  USHER_CONFIG=data/usher.conf usher status --json | jq '.servers[].figures.lanes'",
    .options =
	{
	    {"--url", "URL", "where usherd listens, or several; otherwise bridge.upstream"},
	    {"--credential", "TEXT", "an operator's access token, or a key with ops.status"},
	    {"--health", NULL, "no figures: readiness alone"},
	    {"--exact", NULL, "count rows instead of estimating (scans the tables)"},
	},
    .run = run,
};
