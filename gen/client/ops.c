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
	.deadline_ms = 5000,
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
