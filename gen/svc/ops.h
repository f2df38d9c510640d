/* ops.h - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#ifndef USHER_GEN_SVC_OPS_H
#define USHER_GEN_SVC_OPS_H

#include "base/status.h"
#include "gen/pb/usher/v1/ops.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct ops_env;
struct rpc_call;

extern const struct rpc_service ops_service;

/* Is it up, and does it reach its database? Answers even when it does not. */
status ops_get_health(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetHealthRequest *req, Usher__V1__GetHealthReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status ops_get_health_cached(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetHealthRequest *req, Usher__V1__GetHealthReply *reply);

/* The schema of every service that this server has, for clients that were not built with it. */
status ops_get_descriptors(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetDescriptorsRequest *req, Usher__V1__GetDescriptorsReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status ops_get_descriptors_cached(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetDescriptorsRequest *req, Usher__V1__GetDescriptorsReply *reply);

/* Where it is connected, what is in there, and how it is doing. Exact counts may take long. */
status ops_get_status(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetStatusRequest *req, Usher__V1__GetStatusReply *reply);

/* What runs by itself on this node, and how it went. */
status ops_list_jobs(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ListJobsRequest *req, Usher__V1__ListJobsReply *reply);

/* Run a job on this node now, rather than when it is due, and wait until that run has ended.
 * A job of the cluster that another node is at passes.
 * Errors: NOT_FOUND (no such job here), DEADLINE_EXCEEDED (it goes on). */
status ops_run_job(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__RunJobRequest *req, Usher__V1__RunJobReply *reply);

/* Begin long work; servers do it, any of them, and another goes on where one has died.
 * Operations belong to the organisation that the envelope names; without one, to the platform's
 * own. A kind that concerns the whole platform is refused for any other.
 * Kind "db_check": what is wrong with the database itself; parameters {"quick": true} for the schema
 * alone. Each item of its result has finding, object, message, remedy and perhaps rows.
 * Errors: INVALID_ARGUMENT (no such kind, its parameters, not for that organisation), NOT_FOUND
 * (the organisation), RESOURCE_EXHAUSTED OPERATIONS_OPEN (as many as there may be are open),
 * FAILED_PRECONDITION NO_SYSTEM_ORG (run `usher bootstrap`). */
status ops_start_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__StartOperationRequest *req, Usher__V1__Operation *reply);

/* How far an operation is.
 * Errors: NOT_FOUND (or another organisation's), FAILED_PRECONDITION NO_SYSTEM_ORG. */
status ops_get_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetOperationRequest *req, Usher__V1__Operation *reply);

/* The newest first.
 * Errors: FAILED_PRECONDITION NO_SYSTEM_ORG. */
status ops_list_operations(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ListOperationsRequest *req, Usher__V1__ListOperationsReply *reply);

/* End it: at once when nobody has begun, otherwise after the step that is under way. What it found
 * until then stays. One that has ended stays as it is.
 * Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status ops_cancel_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__CancelOperationRequest *req, Usher__V1__Operation *reply);

/* What it has found so far, in the order in which it was found. While it runs, the last page may
 * not be the last for ever.
 * Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status ops_read_operation_result(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ReadOperationResultRequest *req, Usher__V1__ReadOperationResultReply *reply);

#endif
