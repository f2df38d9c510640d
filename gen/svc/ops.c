/* ops.c - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#include "gen/svc/ops.h"

#include "gen/meta/ops.h"

static status
call_ops_get_health(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_health(env, call, (const Usher__V1__GetHealthRequest *)req, (Usher__V1__GetHealthReply *)reply);
}

static status
call_ops_get_health_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_health_cached(env, call, (const Usher__V1__GetHealthRequest *)req, (Usher__V1__GetHealthReply *)reply);
}

static const struct access_rule access_ops_get_health[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_ops_get_descriptors(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_descriptors(env, call, (const Usher__V1__GetDescriptorsRequest *)req, (Usher__V1__GetDescriptorsReply *)reply);
}

static status
call_ops_get_descriptors_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_descriptors_cached(env, call, (const Usher__V1__GetDescriptorsRequest *)req, (Usher__V1__GetDescriptorsReply *)reply);
}

static const struct access_rule access_ops_get_descriptors[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_ops_get_status(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_status(env, call, (const Usher__V1__GetStatusRequest *)req, (Usher__V1__GetStatusReply *)reply);
}

static const struct access_rule access_ops_get_status[] = {
	{ACCESS_PLATFORM, "ops.status"},
	{ACCESS_KEY, "ops.status"},
};

static status
call_ops_list_jobs(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_list_jobs(env, call, (const Usher__V1__ListJobsRequest *)req, (Usher__V1__ListJobsReply *)reply);
}

static const struct access_rule access_ops_list_jobs[] = {
	{ACCESS_PLATFORM, "ops.status"},
	{ACCESS_KEY, "ops.status"},
};

static status
call_ops_run_job(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_run_job(env, call, (const Usher__V1__RunJobRequest *)req, (Usher__V1__RunJobReply *)reply);
}

static const struct access_rule access_ops_run_job[] = {
	{ACCESS_PLATFORM, "jobs.run"},
	{ACCESS_KEY, "jobs.run"},
};

static status
call_ops_start_operation(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_start_operation(env, call, (const Usher__V1__StartOperationRequest *)req, (Usher__V1__Operation *)reply);
}

static const struct access_rule access_ops_start_operation[] = {
	{ACCESS_PLATFORM, "operations.write"},
	{ACCESS_KEY, "operations.write"},
};

static status
call_ops_get_operation(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_get_operation(env, call, (const Usher__V1__GetOperationRequest *)req, (Usher__V1__Operation *)reply);
}

static const struct access_rule access_ops_get_operation[] = {
	{ACCESS_PLATFORM, "operations.read"},
	{ACCESS_KEY, "operations.read"},
};

static status
call_ops_list_operations(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_list_operations(env, call, (const Usher__V1__ListOperationsRequest *)req, (Usher__V1__ListOperationsReply *)reply);
}

static const struct access_rule access_ops_list_operations[] = {
	{ACCESS_PLATFORM, "operations.read"},
	{ACCESS_KEY, "operations.read"},
};

static status
call_ops_cancel_operation(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_cancel_operation(env, call, (const Usher__V1__CancelOperationRequest *)req, (Usher__V1__Operation *)reply);
}

static const struct access_rule access_ops_cancel_operation[] = {
	{ACCESS_PLATFORM, "operations.write"},
	{ACCESS_KEY, "operations.write"},
};

static status
call_ops_read_operation_result(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return ops_read_operation_result(env, call, (const Usher__V1__ReadOperationResultRequest *)req, (Usher__V1__ReadOperationResultReply *)reply);
}

static const struct access_rule access_ops_read_operation_result[] = {
	{ACCESS_PLATFORM, "operations.read"},
	{ACCESS_KEY, "operations.read"},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0xd912364d),
		.name = "usher.v1.OpsService/GetHealth",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_get_health,
		.access_count = 1,
		.request_meta = &meta_usher_v1_get_health_request,
		.reply_meta = &meta_usher_v1_get_health_reply,
		.request = &usher__v1__get_health_request__descriptor,
		.reply = &usher__v1__get_health_reply__descriptor,
		.handle = call_ops_get_health,
		.handle_cached = call_ops_get_health_cached,
	},
	{
		.id = UINT32_C(0x5df5bd7b),
		.name = "usher.v1.OpsService/GetDescriptors",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_get_descriptors,
		.access_count = 1,
		.request_meta = &meta_usher_v1_get_descriptors_request,
		.reply_meta = &meta_usher_v1_get_descriptors_reply,
		.request = &usher__v1__get_descriptors_request__descriptor,
		.reply = &usher__v1__get_descriptors_reply__descriptor,
		.handle = call_ops_get_descriptors,
		.handle_cached = call_ops_get_descriptors_cached,
	},
	{
		.id = UINT32_C(0xe0e20d9d),
		.name = "usher.v1.OpsService/GetStatus",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 60000,
		.bytes_max = 1048576,
		.access = access_ops_get_status,
		.access_count = 2,
		.request_meta = &meta_usher_v1_get_status_request,
		.reply_meta = &meta_usher_v1_get_status_reply,
		.request = &usher__v1__get_status_request__descriptor,
		.reply = &usher__v1__get_status_reply__descriptor,
		.handle = call_ops_get_status,
	},
	{
		.id = UINT32_C(0x0d58424d),
		.name = "usher.v1.OpsService/ListJobs",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_list_jobs,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_jobs_request,
		.reply_meta = &meta_usher_v1_list_jobs_reply,
		.request = &usher__v1__list_jobs_request__descriptor,
		.reply = &usher__v1__list_jobs_reply__descriptor,
		.handle = call_ops_list_jobs,
	},
	{
		.id = UINT32_C(0x30c77e39),
		.name = "usher.v1.OpsService/RunJob",
		.lane = LANE_WAIT,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.audit = true,
		.deadline_ms = 60000,
		.bytes_max = 1048576,
		.access = access_ops_run_job,
		.access_count = 2,
		.request_meta = &meta_usher_v1_run_job_request,
		.reply_meta = &meta_usher_v1_run_job_reply,
		.request = &usher__v1__run_job_request__descriptor,
		.reply = &usher__v1__run_job_reply__descriptor,
		.handle = call_ops_run_job,
	},
	{
		.id = UINT32_C(0xf21c78d8),
		.name = "usher.v1.OpsService/StartOperation",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_start_operation,
		.access_count = 2,
		.request_meta = &meta_usher_v1_start_operation_request,
		.reply_meta = &meta_usher_v1_operation,
		.request = &usher__v1__start_operation_request__descriptor,
		.reply = &usher__v1__operation__descriptor,
		.handle = call_ops_start_operation,
	},
	{
		.id = UINT32_C(0xe6e15858),
		.name = "usher.v1.OpsService/GetOperation",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_get_operation,
		.access_count = 2,
		.request_meta = &meta_usher_v1_get_operation_request,
		.reply_meta = &meta_usher_v1_operation,
		.request = &usher__v1__get_operation_request__descriptor,
		.reply = &usher__v1__operation__descriptor,
		.handle = call_ops_get_operation,
	},
	{
		.id = UINT32_C(0xe6e1b7df),
		.name = "usher.v1.OpsService/ListOperations",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_list_operations,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_operations_request,
		.reply_meta = &meta_usher_v1_list_operations_reply,
		.request = &usher__v1__list_operations_request__descriptor,
		.reply = &usher__v1__list_operations_reply__descriptor,
		.handle = call_ops_list_operations,
	},
	{
		.id = UINT32_C(0x20ad6fd4),
		.name = "usher.v1.OpsService/CancelOperation",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_cancel_operation,
		.access_count = 2,
		.request_meta = &meta_usher_v1_cancel_operation_request,
		.reply_meta = &meta_usher_v1_operation,
		.request = &usher__v1__cancel_operation_request__descriptor,
		.reply = &usher__v1__operation__descriptor,
		.handle = call_ops_cancel_operation,
	},
	{
		.id = UINT32_C(0xc577bcc3),
		.name = "usher.v1.OpsService/ReadOperationResult",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_ops_read_operation_result,
		.access_count = 2,
		.request_meta = &meta_usher_v1_read_operation_result_request,
		.reply_meta = &meta_usher_v1_read_operation_result_reply,
		.request = &usher__v1__read_operation_result_request__descriptor,
		.reply = &usher__v1__read_operation_result_reply__descriptor,
		.handle = call_ops_read_operation_result,
	},
};

const struct rpc_service ops_service = {
	.name = "usher.v1.OpsService",
	.short_name = "ops",
	.methods = methods,
	.methods_count = 10,
};
