/* metrics.h - GetStatus' figures for Prometheus, without those that ask the database.
 * Threads: any. Source: Prometheus' text format, version 0.0.4. */
#ifndef USHER_SVC_OPS_METRICS_H
#define USHER_SVC_OPS_METRICS_H

#include "base/str.h"
#include "svc/ops/env.h"

void ops_write_metrics(const struct ops_env *env, struct strbuf *out);

#endif
