#include "rpc/server.h"

#include <unistd.h>

void
rpc_settings_default(struct rpc_settings *out)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const int threads = cores > 0 ? (int)cores : 1;

	*out = (struct rpc_settings){
	    .clock = &clock_system,
	    .rand = &rand_system,
	    .lanes =
		{
		    [LANE_CPU] = {threads, 1024},
		    [LANE_QUERY] = {8, 1024},
		    [LANE_BULK] = {2, 64},
		    [LANE_HASH] = {2 * threads, 256},
		    [LANE_WAIT] = {1, 256},
		},
	    .parked_max = 1024,
	    .refusals_a_second = 200,
	    .refusals_at_once = 100,
	    .places_refused_at_once = 1000,
	    .refusals_waiting_max = 4096,
	    .pipes_max = 4096,
	    .calls_per_pipe_max = 2048,
	    .batches_here_max = (threads + 1) / 2,
	    .message_bytes_max = INT64_C(256) << 20,
	    .send_timeout_us = 5 * US_PER_S,
	    .drain_us = 2 * US_PER_S,
	    .log_inline_every = 1000,
	};
}

static void
lane_read(const struct config *config, const char *workers, const char *queue,
    struct rpc_lane_settings *lane)
{
	const int64_t count = config_int(config, workers);

	/* 0: as many as the cores ask for. */
	if (count > 0)
		lane->workers = (int)count;
	lane->queue_max = (int)config_int(config, queue);
}

void
rpc_settings_read(const struct config *config, struct rpc_settings *out)
{
	rpc_settings_default(out);
	out->urls = config_text(config, "rpc.listen");
	out->tls_file = config_text(config, "rpc.tls_file");
	out->development = strcmp(config_text(config, "mode"), "development") == 0;
	out->private_network = config_bool(config, "rpc.private_network");
	out->message_bytes_max = config_int(config, "rpc.message_bytes");
	out->drain_us = config_int(config, "shutdown.drain");
	lane_read(config, "lanes.cpu.workers", "lanes.cpu.queue", &out->lanes[LANE_CPU]);
	lane_read(config, "lanes.query.workers", "lanes.query.queue", &out->lanes[LANE_QUERY]);
	lane_read(config, "lanes.bulk.workers", "lanes.bulk.queue", &out->lanes[LANE_BULK]);
	lane_read(config, "lanes.hash.workers", "lanes.hash.queue", &out->lanes[LANE_HASH]);
}

int
rpc_settings_connections(const struct rpc_settings *settings)
{
	int count = 0;

	/* Signatures need none. */
	for (int i = LANE_QUERY; i < LANE_COUNT; i++)
		count += settings->lanes[i].workers;
	return count;
}
