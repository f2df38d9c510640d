/* fill.h - what the OpsService's replies share. Threads: the call's. Nothing blocks. */
#ifndef USHER_SVC_OPS_FILL_H
#define USHER_SVC_OPS_FILL_H

#include "gen/pb/usher/v1/ops.pb-c.h"
#include "jobs/jobs.h"
#include "rpc/call.h"
#include "svc/ops/env.h"

#define US_PER_MS_REAL 1000.0

/* A message of a list, hung into it. List and room for count of them are made at the first. */
#define ADD_MESSAGE(call, list, n_list, count, init, message)                                      \
	do {                                                                                       \
		if ((n_list) == 0)                                                                 \
			(list) = arena_alloc((call)->arena, (size_t)(count) * sizeof(*(list)));    \
		(message) = arena_alloc((call)->arena, sizeof(*(message)));                        \
		if (!(list) || !(message))                                                         \
			return ARENA_EXHAUSTED;                                                    \
		init(message);                                                                     \
		(list)[(n_list)++] = (message);                                                    \
	} while (0)

/* *out is initialised. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status ops_fill_job(
    struct rpc_call *call, const struct job_figures *figures, Usher__V1__JobStatus *out);
/* All jobs of this node; jobs may be NULL. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status ops_fill_jobs(
    struct rpc_call *call, struct jobs *jobs, Usher__V1__JobStatus ***out, size_t *count);
/* This node's to the database, the feed's among them. */
void ops_count_connections(const struct ops_env *env, struct store_connections *out);

#endif
