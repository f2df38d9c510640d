/* ListJobs, RunJob: what runs by itself. */
#include "gen/svc/ops.h"
#include "rpc/call.h"
#include "svc/common/reply.h"
#include "svc/ops/env.h"
#include "svc/ops/fill.h"

/* How often a call that waits for a run looks for its end. */
#define LOOK_US (20 * US_PER_MS)

status
ops_fill_job(struct rpc_call *call, const struct job_figures *figures, Usher__V1__JobStatus *out)
{
	out->name = (char *)figures->name;
	out->about = (char *)figures->about;
	if (figures->last_run_at_us)
		TRY(reply_time(call, figures->last_run_at_us, &out->last_run_at));
	out->last_duration_ms = (double)figures->last_duration_us / US_PER_MS_REAL;
	out->runs = figures->runs;
	out->errors = figures->errors;
	out->backlog = figures->backlog;
	out->done = figures->done;
	out->period_ms = (double)figures->period_us / US_PER_MS_REAL;
	out->of_cluster = figures->of_cluster;
	out->last_error = arena_copy_text(call->arena, figures->last_error);
	return out->last_error ? STATUS_OK : ARENA_EXHAUSTED;
}

status
ops_fill_jobs(struct rpc_call *call, struct jobs *jobs, Usher__V1__JobStatus ***out, size_t *count)
{
	struct job_figures figures[JOBS_MAX];
	size_t jobs_count = jobs ? jobs_get_figures(jobs, figures) : 0;

	for (size_t i = 0; i < jobs_count; i++) {
		Usher__V1__JobStatus *job;

		ADD_MESSAGE(call, *out, *count, jobs_count, usher__v1__job_status__init, job);
		TRY(ops_fill_job(call, &figures[i], job));
	}
	return STATUS_OK;
}

/* ListJobs: this node's. */
status
ops_list_jobs(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ListJobsRequest *req, Usher__V1__ListJobsReply *reply)
{
	(void)req;
	return ops_fill_jobs(call, env->jobs, &reply->jobs, &reply->n_jobs);
}

/* RunJob: run a job now, and answer when a run that began after the call came has ended.
 * Errors: NOT_FOUND. */
status
ops_run_job(const struct ops_env *env, struct rpc_call *call, const Usher__V1__RunJobRequest *req,
    Usher__V1__RunJobReply *reply)
{
	struct job_figures figures;

	if (!env->jobs || !jobs_get_figures_of(env->jobs, slice_text(req->job), &figures))
		return REFUSE(ST_NOT_FOUND, "there is no such job on this node");
	if (figures.runs == 0 || figures.last_started_us < call->came_us) {
		/* If the run under way began before, it runs once more then. */
		jobs_wake_since(env->jobs, figures.name, call->came_us);
		call->not_before_us = clock_boot_us(call->clock) + LOOK_US;
		return RPC_MUST_WAIT;
	}
	reply->job = arena_alloc(call->arena, sizeof(*reply->job));
	if (!reply->job)
		return ARENA_EXHAUSTED;
	usher__v1__job_status__init(reply->job);
	return ops_fill_job(call, &figures, reply->job);
}
