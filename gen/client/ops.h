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
extern const struct client_method ops_start_operation_method;
extern const struct client_method ops_get_operation_method;
extern const struct client_method ops_list_operations_method;
extern const struct client_method ops_cancel_operation_method;
extern const struct client_method ops_read_operation_result_method;

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

/* Where it is connected, what is in there, and how it is doing. Exact counts may take long. */
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

/* Begin long work; servers do it, any of them, and another goes on where one has died.
 * Operations belong to the organisation that the envelope names; without one, to the platform's
 * own. A kind that concerns the whole platform is refused for any other.
 * Kind "db_check": what is wrong with the database itself; parameters {"quick": true} for the schema
 * alone. Each item of its result has finding, object, message, remedy and perhaps rows.
 * Errors: INVALID_ARGUMENT (no such kind, its parameters, not for that organisation), NOT_FOUND
 * (the organisation), RESOURCE_EXHAUSTED OPERATIONS_OPEN (as many as there may be are open),
 * FAILED_PRECONDITION NO_SYSTEM_ORG (run `usher bootstrap`). */
static inline status
ops_start_operation_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__StartOperationRequest *request, struct client_result *result)
{
	client_call(client, &ops_start_operation_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Operation *
ops_start_operation_reply(const struct client_result *result)
{
	return (const Usher__V1__Operation *)result->reply;
}

/* How far an operation is.
 * Errors: NOT_FOUND (or another organisation's), FAILED_PRECONDITION NO_SYSTEM_ORG. */
static inline status
ops_get_operation_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetOperationRequest *request, struct client_result *result)
{
	client_call(client, &ops_get_operation_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Operation *
ops_get_operation_reply(const struct client_result *result)
{
	return (const Usher__V1__Operation *)result->reply;
}

/* The newest first.
 * Errors: FAILED_PRECONDITION NO_SYSTEM_ORG. */
static inline status
ops_list_operations_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListOperationsRequest *request, struct client_result *result)
{
	client_call(client, &ops_list_operations_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListOperationsReply *
ops_list_operations_reply(const struct client_result *result)
{
	return (const Usher__V1__ListOperationsReply *)result->reply;
}

/* End it: at once when nobody has begun, otherwise after the step that is under way. What it found
 * until then stays. One that has ended stays as it is.
 * Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
static inline status
ops_cancel_operation_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__CancelOperationRequest *request, struct client_result *result)
{
	client_call(client, &ops_cancel_operation_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Operation *
ops_cancel_operation_reply(const struct client_result *result)
{
	return (const Usher__V1__Operation *)result->reply;
}

/* What it has found so far, in the order in which it was found. While it runs, the last page may
 * not be the last for ever.
 * Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
static inline status
ops_read_operation_result_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ReadOperationResultRequest *request, struct client_result *result)
{
	client_call(client, &ops_read_operation_result_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ReadOperationResultReply *
ops_read_operation_result_reply(const struct client_result *result)
{
	return (const Usher__V1__ReadOperationResultReply *)result->reply;
}

#endif
