#include "svc/ops/metrics.h"

#include "base/files.h"
#include "base/log.h"
#include "svc/ops/fill.h"

static void
head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
plain(struct strbuf *out, const char *name, const char *type, const char *help, double value)
{
	head(out, name, type, help);
	strbuf_add_format(out, "%s %.17g\n", name, value);
}

/* One family: a row a labelled thing. Names of lanes, caches and jobs are our own literals. */
#define FAMILY(out, metric, type, help, label, rows, count, member)                                \
	do {                                                                                       \
		head((out), (metric), (type), (help));                                             \
		for (size_t i_ = 0; i_ < (count); i_++)                                            \
			strbuf_add_format((out), "%s{%s=\"%s\"} %lld\n", (metric), (label),        \
			    (rows)[i_].name, (long long)(rows)[i_].member);                        \
	} while (0)

static void
write_lanes(const struct ops_env *env, struct strbuf *out)
{
	struct rpc_lane_figures rows[LANE_COUNT];
	size_t count = rpc_server_lanes(env->server, rows);

	FAMILY(
	    out, "usher_lane_done_total", "counter", "Calls finished.", "lane", rows, count, done);
	FAMILY(out, "usher_lane_refused_total", "counter", "Calls refused: the lane was full.",
	    "lane", rows, count, refused);
	FAMILY(out, "usher_lane_expired_total", "counter",
	    "Calls dropped: their deadline had passed.", "lane", rows, count, expired);
	FAMILY(out, "usher_lane_busy", "gauge", "Workers at work.", "lane", rows, count, busy);
	FAMILY(out, "usher_lane_queued", "gauge", "Calls that wait.", "lane", rows, count, queued);
}

static void
write_caches(const struct ops_env *env, struct strbuf *out)
{
	struct cache_stats rows[2 * OPS_CACHES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < env->caches_count && count <= OPS_CACHES_MAX; i++)
		count += env->caches[i].get(env->caches[i].env, &rows[count]);
	FAMILY(out, "usher_cache_entries", "gauge", "Entries.", "cache", rows, count, entries);
	FAMILY(out, "usher_cache_bytes", "gauge", "Bytes held.", "cache", rows, count, bytes);
	FAMILY(out, "usher_cache_bytes_max", "gauge", "The most that may be.", "cache", rows, count,
	    bytes_max);
	FAMILY(out, "usher_cache_hits_total", "counter", "Answers from memory.", "cache", rows,
	    count, hits);
	FAMILY(out, "usher_cache_misses_total", "counter", "Questions to the database.", "cache",
	    rows, count, misses);
	FAMILY(out, "usher_cache_dropped_total", "counter", "Entries dropped by a change.", "cache",
	    rows, count, dropped);
}

/* Of jobs: microseconds, printed as seconds. */
#define FAMILY_SECONDS(out, metric, help, rows, count, member)                                     \
	do {                                                                                       \
		head((out), (metric), "gauge", (help));                                            \
		for (size_t i_ = 0; i_ < (count); i_++)                                            \
			strbuf_add_format((out), "%s{job=\"%s\"} %.6f\n", (metric),                \
			    (rows)[i_].name, (double)(rows)[i_].member / 1e6);                     \
	} while (0)

static void
write_jobs(const struct ops_env *env, struct strbuf *out)
{
	struct job_figures rows[JOBS_MAX];
	size_t count = jobs_get_figures(env->jobs, rows);

	FAMILY(out, "usher_job_runs_total", "counter", "Runs.", "job", rows, count, runs);
	FAMILY(out, "usher_job_errors_total", "counter", "Runs that failed.", "job", rows, count,
	    errors);
	FAMILY(out, "usher_job_done_total", "counter", "What all runs did, in the job's own unit.",
	    "job", rows, count, done);
	FAMILY(out, "usher_job_backlog", "gauge",
	    "What is left to do, in the same unit but for operations, up to a limit.", "job", rows,
	    count, backlog);
	FAMILY_SECONDS(out, "usher_job_last_run_timestamp_seconds",
	    "When the last run ended; 0: never.", rows, count, last_run_at_us);
	FAMILY_SECONDS(out, "usher_job_last_duration_seconds", "How long the last run took.", rows,
	    count, last_duration_us);
}

static void
write_spool(const struct ops_env *env, struct strbuf *out)
{
	struct spool_figures spool;

	spool_get_figures(env->spool, &spool);
	plain(out, "usher_spool_slots_used", "gauge", "Receipts that wait to be stored.",
	    (double)spool.slots_used);
	plain(out, "usher_spool_slots_max", "gauge", "The most that may.", (double)spool.slots_max);
	plain(out, "usher_spool_stored_total", "counter", "Receipts stored.", (double)spool.stored);
	plain(out, "usher_spool_waits_total", "counter", "Calls that found it full and waited.",
	    (double)spool.waits);
	plain(out, "usher_spool_refused_total", "counter",
	    "Reads that were refused because their receipts could not be written.",
	    (double)spool.refused);
	plain(out, "usher_spool_left_over", "gauge",
	    "Files of other processes that could not be stored.", (double)spool.left_over);
}

void
ops_write_metrics(const struct ops_env *env, struct strbuf *out)
{
	struct store_health health;
	struct feed_figures feed;
	struct rpc_refusals refusals;
	int64_t calls, pipes;
	struct store_connections connections;
	int files, files_max;

	store_health(env->store, &health);
	ops_count_connections(env, &connections);
	feed_get_figures(env->feed, &feed);
	rpc_server_load(env->server, &calls, &pipes);
	rpc_server_refusals(env->server, &refusals);
	plain(out, "usher_ready", "gauge", "1 when everything can be served.",
	    health.reachable && health.schema_fits && keyring_has_signer(env->keyring) &&
		rpc_server_has_files(env->server));
	plain(out, "usher_files_left", "gauge", "0 while no file descriptor can be had.",
	    rpc_server_has_files(env->server));
	plain(out, "usher_database_connections", "gauge", "Connections to PostgreSQL.",
	    connections.open);
	plain(out, "usher_database_connections_busy", "gauge",
	    "Those of them that work is done on.", connections.leased);
	plain(out, "usher_database_connections_max", "gauge", "The most there may be.",
	    connections.max);
	plain(out, "usher_database_connection_failures_total", "counter",
	    "Attempts to connect to PostgreSQL that came to nothing.",
	    (double)connections.failures);
	plain(out, "usher_lease_held", "gauge", "1 while memory may be trusted.",
	    lease_is_held(env->lease));
	plain(out, "usher_feed_age_seconds", "gauge",
	    "Age of the last snapshot of the change feed.", (double)feed.age_us / 1e6);
	if (env->cluster_clock)
		plain(out, "usher_clock_ahead_seconds", "gauge",
		    "How far this machine's clock is ahead of the database's, which counts.",
		    (double)cluster_clock_ahead_us(env->cluster_clock) / 1e6);
	plain(out, "usher_live_nodes", "gauge", "Nodes alive at the last look.",
	    barrier_live_nodes(env->barrier));
	plain(out, "usher_calls", "gauge", "Calls under way.", (double)calls);
	plain(out, "usher_connections", "gauge", "Connections of clients.", (double)pipes);
	plain(out, "usher_refusals_waiting", "gauge",
	    "Calls whose credential is refused when their time has come.",
	    (double)refusals.of_credentials);
	plain(out, "usher_overloads_waiting", "gauge",
	    "Calls for which there was no place, and that hear so when their time has come.",
	    (double)refusals.of_places);
	plain(out, "usher_turned_away_total", "counter",
	    "Calls whose credential was not looked at, for too many of them were refused.",
	    (double)refusals.turned_away);
	files_count(&files, &files_max);
	plain(out, "process_open_fds", "gauge", "File descriptors that are open.", files);
	plain(out, "process_max_fds", "gauge", "The most there may be.", files_max);
	plain(out, "usher_log_dropped_total", "counter", "Log lines lost.", (double)log_dropped());
	plain(out, "usher_log_withheld_total", "counter",
	    "Log lines about refusals that their source had too many of.", (double)log_withheld());
	write_lanes(env, out);
	write_caches(env, out);
	write_jobs(env, out);
	write_spool(env, out);
}
