/* usher status: is it up, and how is it doing? */
#include "app/cli.h"

#include "gen/client/ops.h"
#include "gen/meta/ops.h"

#include <math.h>

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

/* The figures are for operators: asked for with their credential, or the bridge's key. */
static enum cli_exit
show_figures(struct cli *cli, struct client *client, const char *credential)
{
	Usher__V1__GetStatusRequest request = USHER__V1__GET_STATUS_REQUEST__INIT;
	struct client_result result;
	enum cli_exit code = CLI_OK;
	status st;

	request.exact_counts = cli_has_option(cli, "--exact");
	st = ops_get_status_rpc(client,
	    &(struct client_options){.credential = slice_text(credential)}, &request, &result);
	if (st.code != ST_OK)
		code = cli_fail_status(cli, st);
	else if (cli->json)
		code = cli_print_message(cli, &meta_usher_v1_get_status_reply, result.payload);
	else
		print_figures(ops_get_status_reply(&result));
	client_result_done(&result);
	return code;
}

static enum cli_exit
run(struct cli *cli)
{
	Usher__V1__GetHealthRequest request = USHER__V1__GET_HEALTH_REQUEST__INIT;
	const char *url = cli_option_value(cli, "--url");
	const char *credential = cli_credential(cli);
	struct client_result result;
	enum cli_exit code = CLI_OK;
	struct client *client;
	bool health_only;
	status st = cli_connect(cli, &client);

	if (st.code != ST_OK)
		return cli_fail_status(cli, st);
	health_only = cli_has_option(cli, "--health") || !credential;
	st = ops_get_health_rpc(
	    client, &(struct client_options){.timeout_ms = 2000}, &request, &result);
	if (st.code != ST_OK) {
		code = cli_fail_status(cli, st);
	} else {
		const Usher__V1__GetHealthReply *health = ops_get_health_reply(&result);

		if (!cli->json)
			print_health(
			    url ? url : config_text(cli->config, "bridge.upstream"), health);
		else if (health_only)
			(void)cli_print_message(
			    cli, &meta_usher_v1_get_health_reply, result.payload);
		code = health->ready ? CLI_OK : CLI_FAILED;
	}
	client_result_done(&result);
	if (st.code == ST_OK && !health_only) {
		enum cli_exit figures = show_figures(cli, client, credential);

		code = code == CLI_OK ? figures : code;
	}
	client_free(&client);
	return code;
}

const struct cli_command cli_status = {
    .name = "status",
    .words = "",
    .summary = "say whether a server is ready, and how it is doing",
    .text = "Exit code 0 when it is ready. Figures want an operator's token, or the bridge's key:\n"
	    "--credential, USHER_CREDENTIAL, or the setting bridge.key.\n\n"
	    "  usher status --health\n"
	    "  USHER_CONFIG=data/usher.conf usher status --json | jq .lanes",
    .options =
	{
	    {"--url", "URL", "where usherd listens; otherwise the setting bridge.upstream"},
	    {"--credential", "TEXT", "an operator's access token, or a key with ops.status"},
	    {"--health", NULL, "no figures: readiness alone"},
	    {"--exact", NULL, "count rows instead of estimating (scans the tables)"},
	},
    .run = run,
};
