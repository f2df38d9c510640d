/* ops.h - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#ifndef USHER_GEN_CLIENT_OPS_H
#define USHER_GEN_CLIENT_OPS_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/usher/v1/ops.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method ops_get_health_method;
extern const struct client_method ops_get_descriptors_method;
extern const struct client_method ops_get_status_method;
extern const struct client_method ops_list_jobs_method;
extern const struct client_method ops_run_job_method;

/* Is it up, and does it reach its database? Answers even when it does not. */
static inline status
ops_get_health_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetHealthRequest *request, struct client_result *result)
{
	client_call(client, &ops_get_health_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetHealthReply *
ops_get_health_reply(const struct client_result *result)
{
	return (const Usher__V1__GetHealthReply *)result->reply;
}

/* The schema of every service that this server has, for clients that were not built with it. */
static inline status
ops_get_descriptors_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetDescriptorsRequest *request, struct client_result *result)
{
	client_call(client, &ops_get_descriptors_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetDescriptorsReply *
ops_get_descriptors_reply(const struct client_result *result)
{
	return (const Usher__V1__GetDescriptorsReply *)result->reply;
}

/* Where it is connected, what is in there, and how it is doing. */
static inline status
ops_get_status_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetStatusRequest *request, struct client_result *result)
{
	client_call(client, &ops_get_status_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetStatusReply *
ops_get_status_reply(const struct client_result *result)
{
	return (const Usher__V1__GetStatusReply *)result->reply;
}

/* What runs by itself on this node, and how it went. */
static inline status
ops_list_jobs_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListJobsRequest *request, struct client_result *result)
{
	client_call(client, &ops_list_jobs_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListJobsReply *
ops_list_jobs_reply(const struct client_result *result)
{
	return (const Usher__V1__ListJobsReply *)result->reply;
}

/* Run a job on this node now, rather than when it is due, and wait until that run has ended.
 * A job of the cluster that another node is at passes.
 * Errors: NOT_FOUND (no such job here), DEADLINE_EXCEEDED (it goes on). */
static inline status
ops_run_job_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__RunJobRequest *request, struct client_result *result)
{
	client_call(client, &ops_run_job_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__RunJobReply *
ops_run_job_reply(const struct client_result *result)
{
	return (const Usher__V1__RunJobReply *)result->reply;
}

#endif
