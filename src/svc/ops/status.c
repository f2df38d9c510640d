/* GetStatus: where it is connected, what is in there, and how it is doing. */
#include "base/files.h"
#include "base/log.h"
#include "gen/svc/ops.h"
#include "rpc/call.h"
#include "svc/common/reply.h"
#include "svc/ops/env.h"
#include "svc/ops/fill.h"

#include <stdio.h>
#include <unistd.h>

void
ops_count_connections(const struct ops_env *env, struct store_connections *out)
{
	struct store_connections feed;

	store_get_connections(env->store, out);
	if (!env->feed_store)
		return;
	store_get_connections(env->feed_store, &feed);
	out->open += feed.open;
	out->leased += feed.leased;
	out->max += feed.max;
	out->failures += feed.failures;
}

static status
fill_database(const struct ops_env *env, struct rpc_call *call, Usher__V1__DatabaseStatus **out)
{
	Usher__V1__DatabaseStatus *database = arena_alloc(call->arena, sizeof(*database));
	struct store_health health;
	int64_t started_us = clock_boot_us(call->clock);
	struct store_connections connections;
	ROWS_AUTO rows = {0};

	if (!database)
		return ARENA_EXHAUSTED;
	usher__v1__database_status__init(database);
	TRY(store_query(call->conn, STMT_OPS_DATABASE, NULL, 0, &rows));
	database->latency_ms = (double)(clock_boot_us(call->clock) - started_us) / US_PER_MS_REAL;
	TRY(reply_text_column(call, &rows, 0, OPS_DATABASE_HOST, &database->host));
	/* The server sees no address behind a Unix socket. */
	if (!*database->host)
		database->host = arena_copy_text(call->arena, store_conn_host(call->conn));
	if (!database->host)
		return ARENA_EXHAUSTED;
	TRY(reply_text_column(call, &rows, 0, OPS_DATABASE_PORT, &database->port));
	TRY(reply_text_column(call, &rows, 0, OPS_DATABASE_DATABASE, &database->database));
	TRY(reply_text_column(call, &rows, 0, OPS_DATABASE_ROLE, &database->role));
	TRY(reply_text_column(
	    call, &rows, 0, OPS_DATABASE_SERVER_VERSION, &database->server_version));
	store_health(env->store, &health);
	database->schema_version = health.schema_version;
	ops_count_connections(env, &connections);
	database->connections_used = connections.open;
	database->connections_max = connections.max;
	*out = database;
	return STATUS_OK;
}

static status
fill_tables(struct rpc_call *call, Usher__V1__GetStatusReply *reply)
{
	ROWS_AUTO rows = {0};

	TRY(store_query(call->conn, STMT_OPS_TABLES, NULL, 0, &rows));
	for (int i = 0; i < rows.count; i++) {
		Usher__V1__TableStatus *table;

		ADD_MESSAGE(call, reply->tables, reply->n_tables, rows.count,
		    usher__v1__table_status__init, table);
		TRY(reply_text_column(call, &rows, i, OPS_TABLES_NAME, &table->name));
		table->rows = row_int(&rows, i, OPS_TABLES_ROWS);
		table->bytes = row_int(&rows, i, OPS_TABLES_BYTES);
		table->estimated = true;
	}
	return STATUS_OK;
}

static status
count_rows(struct rpc_call *call, Usher__V1__GetStatusReply *reply)
{
	ROWS_AUTO rows = {0};

	TRY(store_query(call->conn, STMT_OPS_COUNTS, NULL, 0, &rows));
	for (int i = 0; i < rows.count; i++) {
		struct slice name = row_slice(&rows, i, OPS_COUNTS_NAME);

		for (size_t j = 0; j < reply->n_tables; j++) {
			if (!slice_equals_text(name, reply->tables[j]->name))
				continue;
			reply->tables[j]->rows = row_int(&rows, i, OPS_COUNTS_ROWS);
			reply->tables[j]->estimated = false;
		}
	}
	return STATUS_OK;
}

static status
fill_caches(const struct ops_env *env, struct rpc_call *call, Usher__V1__GetStatusReply *reply)
{
	for (size_t i = 0; i < env->caches_count; i++) {
		struct cache_stats stats[OPS_CACHES_MAX];
		size_t count = env->caches[i].get(env->caches[i].env, stats);

		for (size_t j = 0; j < count; j++) {
			Usher__V1__CacheStatus *cache;

			ADD_MESSAGE(call, reply->caches, reply->n_caches,
			    env->caches_count * OPS_CACHES_MAX, usher__v1__cache_status__init,
			    cache);
			cache->name = (char *)stats[j].name;
			cache->entries = stats[j].entries;
			cache->bytes = stats[j].bytes;
			cache->bytes_max = stats[j].bytes_max;
			cache->hits = stats[j].hits;
			cache->misses = stats[j].misses;
			cache->dropped = stats[j].dropped;
		}
	}
	return STATUS_OK;
}

static status
fill_lanes(const struct ops_env *env, struct rpc_call *call, Usher__V1__GetStatusReply *reply)
{
	struct rpc_lane_figures figures[LANE_COUNT];
	size_t count = env->server ? rpc_server_lanes(env->server, figures) : 0;

	for (size_t i = 0; i < count; i++) {
		Usher__V1__LaneStatus *lane;

		ADD_MESSAGE(
		    call, reply->lanes, reply->n_lanes, count, usher__v1__lane_status__init, lane);
		lane->name = (char *)figures[i].name;
		lane->workers = figures[i].workers;
		lane->busy = figures[i].busy;
		lane->queued = figures[i].queued;
		lane->queue_max = figures[i].queue_max;
		lane->done = figures[i].done;
		lane->refused = figures[i].refused;
		lane->expired = figures[i].expired;
	}
	return STATUS_OK;
}

/* 0 where /proc is not to be read. */
static int64_t
resident_bytes(void)
{
	long long size = 0, resident = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm)
		return 0;
	if (fscanf(statm, "%lld %lld", &size, &resident) != 2)
		resident = 0;
	fclose(statm);
	return resident * sysconf(_SC_PAGESIZE);
}

static status
fill_node(const struct ops_env *env, struct rpc_call *call, Usher__V1__GetStatusReply *reply)
{
	struct feed_figures feed;

	reply->version = (char *)env->version;
	if (env->lease)
		TRY(reply_id(call, lease_node_id(env->lease), &reply->node_id));
	TRY(reply_time(call, env->started_at_us, &reply->started_at));
	if (env->feed) {
		feed_get_figures(env->feed, &feed);
		reply->feed_age_ms = (double)feed.age_us / US_PER_MS_REAL;
	}
	if (env->barrier)
		reply->live_nodes = barrier_live_nodes(env->barrier);
	if (env->cluster_clock)
		reply->clock_ahead_ms =
		    (double)cluster_clock_ahead_us(env->cluster_clock) / US_PER_MS_REAL;
	files_count(&reply->descriptors_open, &reply->descriptors_max);
	reply->resident_bytes = resident_bytes();
	reply->log_lines_dropped = (int64_t)log_dropped();
	return STATUS_OK;
}

/* GetStatus. Errors: UNAVAILABLE (the database is away: GetHealth says why). */
status
ops_get_status(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetStatusRequest *req, Usher__V1__GetStatusReply *reply)
{
	TRY(fill_node(env, call, reply));
	TRY(fill_database(env, call, &reply->database));
	TRY(fill_tables(call, reply));
	if (req->exact_counts)
		TRY(count_rows(call, reply));
	TRY(fill_caches(env, call, reply));
	TRY(fill_lanes(env, call, reply));
	return ops_fill_jobs(call, env->jobs, &reply->jobs, &reply->n_jobs);
}
