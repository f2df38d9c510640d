/* ops.c - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#include "gen/client/ops.h"

const struct client_method ops_get_health_method = {
	.id = UINT32_C(0xd912364d),
	.name = "usher.v1.OpsService/GetHealth",
	.request = &usher__v1__get_health_request__descriptor,
	.reply = &usher__v1__get_health_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
	.inline_read = true,
};

const struct client_method ops_get_descriptors_method = {
	.id = UINT32_C(0x5df5bd7b),
	.name = "usher.v1.OpsService/GetDescriptors",
	.request = &usher__v1__get_descriptors_request__descriptor,
	.reply = &usher__v1__get_descriptors_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};

const struct client_method ops_get_status_method = {
	.id = UINT32_C(0xe0e20d9d),
	.name = "usher.v1.OpsService/GetStatus",
	.request = &usher__v1__get_status_request__descriptor,
	.reply = &usher__v1__get_status_reply__descriptor,
	.deadline_ms = 60000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};

const struct client_method ops_list_jobs_method = {
	.id = UINT32_C(0x0d58424d),
	.name = "usher.v1.OpsService/ListJobs",
	.request = &usher__v1__list_jobs_request__descriptor,
	.reply = &usher__v1__list_jobs_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};

const struct client_method ops_run_job_method = {
	.id = UINT32_C(0x30c77e39),
	.name = "usher.v1.OpsService/RunJob",
	.request = &usher__v1__run_job_request__descriptor,
	.reply = &usher__v1__run_job_reply__descriptor,
	.deadline_ms = 60000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method ops_start_operation_method = {
	.id = UINT32_C(0xf21c78d8),
	.name = "usher.v1.OpsService/StartOperation",
	.request = &usher__v1__start_operation_request__descriptor,
	.reply = &usher__v1__operation__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method ops_get_operation_method = {
	.id = UINT32_C(0xe6e15858),
	.name = "usher.v1.OpsService/GetOperation",
	.request = &usher__v1__get_operation_request__descriptor,
	.reply = &usher__v1__operation__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method ops_list_operations_method = {
	.id = UINT32_C(0xe6e1b7df),
	.name = "usher.v1.OpsService/ListOperations",
	.request = &usher__v1__list_operations_request__descriptor,
	.reply = &usher__v1__list_operations_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};

const struct client_method ops_cancel_operation_method = {
	.id = UINT32_C(0x20ad6fd4),
	.name = "usher.v1.OpsService/CancelOperation",
	.request = &usher__v1__cancel_operation_request__descriptor,
	.reply = &usher__v1__operation__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method ops_read_operation_result_method = {
	.id = UINT32_C(0xc577bcc3),
	.name = "usher.v1.OpsService/ReadOperationResult",
	.request = &usher__v1__read_operation_result_request__descriptor,
	.reply = &usher__v1__read_operation_result_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};
