/* metrics.h - usherd's own small listener: /metrics for Prometheus, and nothing else.
 * Threads: the HTTP server's. */
#ifndef USHER_APP_METRICS_H
#define USHER_APP_METRICS_H

#include "base/status.h"

struct metrics;
struct ops_env;

/* listen: ADDRESS:PORT. ops is borrowed. Errors: INVALID_ARGUMENT, UNAVAILABLE (in use). */
MUST_USE status metrics_new(const char *listen, const struct ops_env *ops, struct metrics **out);
void metrics_free(struct metrics **metrics);

#endif
