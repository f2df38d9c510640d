#include "bridge/figures.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Whatever else comes is counted under the last one. */
static const uint16_t http_statuses[] = {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 414, 415,
    417, 429, 431, 500, 501, 503, 504, 0};
#define STATUSES (sizeof http_statuses / sizeof http_statuses[0])

static const int64_t bounds_us[] = {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000, 2500000, 5000000, INT64_MAX};
#define BUCKETS (sizeof bounds_us / sizeof bounds_us[0])

struct row_figures {
	atomic_uint_fast64_t by_status[STATUSES];
	atomic_uint_fast64_t by_time[BUCKETS];
	atomic_uint_fast64_t took_us;
};

struct figures {
	const struct figures_row *rows;
	size_t rows_count;
	atomic_int_fast64_t in_flight;
	atomic_uint_fast64_t received_bytes, sent_bytes;
	struct row_figures counts[];
};

status
figures_new(const struct figures_row *rows, size_t rows_count, struct figures **out)
{
	struct figures *figures =
	    calloc(1, sizeof(*figures) + rows_count * sizeof(struct row_figures));

	if (!figures)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the figures");
	figures->rows = rows;
	figures->rows_count = rows_count;
	*out = figures;
	return STATUS_OK;
}

void
figures_free(struct figures **figures)
{
	free(*figures);
	*figures = NULL;
}

static void
count(atomic_uint_fast64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void
figures_begin(struct figures *figures)
{
	atomic_fetch_add_explicit(&figures->in_flight, 1, memory_order_relaxed);
}

void
figures_end(struct figures *figures, const struct figures_request *request)
{
	struct row_figures *row = &figures->counts[request->row];
	size_t status_at = 0, bucket = 0;

	while (http_statuses[status_at] && http_statuses[status_at] != request->http_status)
		status_at++;
	while (request->took_us > bounds_us[bucket])
		bucket++;
	count(&row->by_status[status_at], 1);
	count(&row->by_time[bucket], 1);
	count(&row->took_us, (uint64_t)request->took_us);
	count(&figures->received_bytes, request->received_bytes);
	count(&figures->sent_bytes, request->sent_bytes);
	atomic_fetch_sub_explicit(&figures->in_flight, 1, memory_order_relaxed);
}

static void
write_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
write_requests(const struct figures *figures, struct strbuf *out)
{
	write_head(out, "usher_bridge_requests_total", "counter", "Requests answered.");
	for (size_t i = 0; i < figures->rows_count; i++) {
		for (size_t s = 0; s < STATUSES; s++) {
			uint64_t n = atomic_load(&figures->counts[i].by_status[s]);
			if (n == 0)
				continue;
			strbuf_add_format(out,
			    "usher_bridge_requests_total{method=\"%s\",route=\"%s\",status=",
			    figures->rows[i].verb, figures->rows[i].path);
			if (http_statuses[s])
				strbuf_add_format(out, "\"%d\"", http_statuses[s]);
			else
				strbuf_add_text(out, "\"other\"");
			strbuf_add_format(out, "} %" PRIu64 "\n", n);
		}
	}
}

static void
write_times(const struct figures *figures, size_t row, struct strbuf *out)
{
	const struct row_figures *counts = &figures->counts[row];
	const char *verb = figures->rows[row].verb, *path = figures->rows[row].path;
	uint64_t sum = 0, by_time[BUCKETS];

	for (size_t b = 0; b < BUCKETS; b++)
		sum += by_time[b] = atomic_load(&counts->by_time[b]);
	if (sum == 0)
		return;
	sum = 0;
	for (size_t b = 0; b < BUCKETS; b++) {
		sum += by_time[b];
		strbuf_add_format(out,
		    "usher_bridge_request_seconds_bucket{method=\"%s\",route=\"%s\",le=", verb,
		    path);
		if (b + 1 < BUCKETS)
			strbuf_add_format(out, "\"%g\"", (double)bounds_us[b] / 1e6);
		else
			strbuf_add_text(out, "\"+Inf\"");
		strbuf_add_format(out, "} %" PRIu64 "\n", sum);
	}
	strbuf_add_format(out,
	    "usher_bridge_request_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n", verb, path,
	    (double)atomic_load(&counts->took_us) / 1e6);
	strbuf_add_format(out,
	    "usher_bridge_request_seconds_count{method=\"%s\",route=\"%s\"} %" PRIu64 "\n", verb,
	    path, sum);
}

void
figures_write(struct figures *figures, struct strbuf *out)
{
	write_requests(figures, out);
	write_head(out, "usher_bridge_request_seconds", "histogram",
	    "From the request's first byte to the reply.");
	for (size_t i = 0; i < figures->rows_count; i++)
		write_times(figures, i, out);
	write_head(out, "usher_bridge_requests_in_flight", "gauge", "Requests not answered yet.");
	strbuf_add_format(out, "usher_bridge_requests_in_flight %" PRId64 "\n",
	    (int64_t)atomic_load(&figures->in_flight));
	write_head(out, "usher_bridge_received_bytes_total", "counter", "Bodies of requests.");
	strbuf_add_format(out, "usher_bridge_received_bytes_total %" PRIu64 "\n",
	    (uint64_t)atomic_load(&figures->received_bytes));
	write_head(out, "usher_bridge_sent_bytes_total", "counter", "Bodies of replies.");
	strbuf_add_format(out, "usher_bridge_sent_bytes_total %" PRIu64 "\n",
	    (uint64_t)atomic_load(&figures->sent_bytes));
}

uint64_t
figures_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
