#include "app/metrics.h"

#include "base/rand.h"
#include "http/server.h"
#include "svc/ops/metrics.h"

#include <stdlib.h>
#include <string.h>

#define METRICS_BYTES_MAX (1u << 20)

struct metrics {
	struct http_server *server;
	const struct ops_env *ops;
};

static void
answer(void *env, struct http_request *request)
{
	const struct metrics *metrics = env;
	struct strbuf out;

	if (strcmp(request->method, "GET") != 0 || strcmp(request->path, "/metrics") != 0) {
		http_reply_problem(request, 404,
		    REFUSE(ST_NOT_FOUND, "this listener has GET /metrics alone"), 0, NULL, 0);
		return;
	}
	strbuf_init(&out, METRICS_BYTES_MAX);
	ops_write_metrics(metrics->ops, &out);
	http_reply(request, &(struct http_response){
				.status = 200,
				.content_type = "text/plain; version=0.0.4",
				.body = slice_of(out.data, out.bytes),
			    });
	strbuf_done(&out);
}

status
metrics_new(const char *listen, const struct ops_env *ops, struct metrics **out)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);
	struct http_config config;
	status st;

	if (!metrics)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the metrics listener");
	metrics->ops = ops;
	http_config_init(&config);
	config.listen = listen;
	config.threads = 1;
	config.connections_max = 16;
	config.connections_per_address_max = 0;
	config.body_bytes_max = 0;
	config.rand = &rand_system;
	st = http_server_new(&config, answer, metrics, &metrics->server);
	if (st.code != ST_OK) {
		free(metrics);
		return st;
	}
	*out = metrics;
	return STATUS_OK;
}

void
metrics_free(struct metrics **metrics)
{
	http_server_stop(&(*metrics)->server);
	free(*metrics);
	*metrics = NULL;
}
