/* ops.c - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#include "gen/meta/ops.h"
#include "gen/meta/well_known.h"
#include "gen/meta/common.h"

static const struct meta_enum_value values_of_meta_usher_v1_operation_state[] = {
	{"OPERATION_STATE_UNSPECIFIED", 0},
	{"OPERATION_STATE_PENDING", 1},
	{"OPERATION_STATE_RUNNING", 2},
	{"OPERATION_STATE_SUCCEEDED", 3},
	{"OPERATION_STATE_FAILED", 4},
	{"OPERATION_STATE_CANCELLED", 5},
};

const struct meta_enum meta_usher_v1_operation_state = {
	.full_name = "usher.v1.OperationState",
	.values = values_of_meta_usher_v1_operation_state,
	.values_count = 6,
};

const struct meta_message meta_usher_v1_get_health_request = {
	.full_name = "usher.v1.GetHealthRequest",
};

static const struct meta_field fields_of_meta_usher_v1_get_health_reply[] = {
	{.number = 1, .type = META_BOOL, .oneof = -1,
	    .name = "ready", .json_name = "ready"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "reason", .json_name = "reason"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 4, .type = META_BOOL, .oneof = -1,
	    .name = "database_reachable", .json_name = "databaseReachable"},
	{.number = 5, .type = META_INT32, .oneof = -1,
	    .name = "schema_version", .json_name = "schemaVersion"},
	{.number = 6, .type = META_INT32, .oneof = -1,
	    .name = "schema_version_needed", .json_name = "schemaVersionNeeded"},
	{.number = 7, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "services", .json_name = "services"},
	{.number = 8, .type = META_STRING, .oneof = -1,
	    .name = "mode", .json_name = "mode"},
	{.number = 9, .type = META_BOOL, .oneof = -1,
	    .name = "mail_configured", .json_name = "mailConfigured"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "lease_held", .json_name = "leaseHeld"},
};

const struct meta_message meta_usher_v1_get_health_reply = {
	.full_name = "usher.v1.GetHealthReply",
	.fields = fields_of_meta_usher_v1_get_health_reply,
	.fields_count = 10,
};

const struct meta_message meta_usher_v1_get_descriptors_request = {
	.full_name = "usher.v1.GetDescriptorsRequest",
};

static const struct meta_field fields_of_meta_usher_v1_get_descriptors_reply[] = {
	{.number = 1, .type = META_BYTES, .oneof = -1,
	    .name = "file_descriptor_set", .json_name = "fileDescriptorSet"},
	{.number = 2, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "services", .json_name = "services"},
};

const struct meta_message meta_usher_v1_get_descriptors_reply = {
	.full_name = "usher.v1.GetDescriptorsReply",
	.fields = fields_of_meta_usher_v1_get_descriptors_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_get_status_request[] = {
	{.number = 1, .type = META_BOOL, .oneof = -1,
	    .name = "exact_counts", .json_name = "exactCounts"},
};

const struct meta_message meta_usher_v1_get_status_request = {
	.full_name = "usher.v1.GetStatusRequest",
	.fields = fields_of_meta_usher_v1_get_status_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_database_status[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "host", .json_name = "host"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "port", .json_name = "port"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "database", .json_name = "database"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "role", .json_name = "role"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "server_version", .json_name = "serverVersion"},
	{.number = 6, .type = META_INT32, .oneof = -1,
	    .name = "schema_version", .json_name = "schemaVersion"},
	{.number = 7, .type = META_DOUBLE, .oneof = -1,
	    .name = "latency_ms", .json_name = "latencyMs"},
	{.number = 8, .type = META_INT32, .oneof = -1,
	    .name = "connections_used", .json_name = "connectionsUsed"},
	{.number = 9, .type = META_INT32, .oneof = -1,
	    .name = "connections_max", .json_name = "connectionsMax"},
};

const struct meta_message meta_usher_v1_database_status = {
	.full_name = "usher.v1.DatabaseStatus",
	.fields = fields_of_meta_usher_v1_database_status,
	.fields_count = 9,
};

static const struct meta_field fields_of_meta_usher_v1_table_status[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_INT64, .oneof = -1,
	    .name = "rows", .json_name = "rows"},
	{.number = 3, .type = META_BOOL, .oneof = -1,
	    .name = "estimated", .json_name = "estimated"},
	{.number = 4, .type = META_INT64, .oneof = -1,
	    .name = "bytes", .json_name = "bytes"},
};

const struct meta_message meta_usher_v1_table_status = {
	.full_name = "usher.v1.TableStatus",
	.fields = fields_of_meta_usher_v1_table_status,
	.fields_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_cache_status[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_INT64, .oneof = -1,
	    .name = "entries", .json_name = "entries"},
	{.number = 3, .type = META_INT64, .oneof = -1,
	    .name = "bytes", .json_name = "bytes"},
	{.number = 4, .type = META_INT64, .oneof = -1,
	    .name = "bytes_max", .json_name = "bytesMax"},
	{.number = 5, .type = META_INT64, .oneof = -1,
	    .name = "hits", .json_name = "hits"},
	{.number = 6, .type = META_INT64, .oneof = -1,
	    .name = "misses", .json_name = "misses"},
	{.number = 7, .type = META_INT64, .oneof = -1,
	    .name = "dropped", .json_name = "dropped"},
};

const struct meta_message meta_usher_v1_cache_status = {
	.full_name = "usher.v1.CacheStatus",
	.fields = fields_of_meta_usher_v1_cache_status,
	.fields_count = 7,
};

static const struct meta_field fields_of_meta_usher_v1_lane_status[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_INT32, .oneof = -1,
	    .name = "workers", .json_name = "workers"},
	{.number = 3, .type = META_INT32, .oneof = -1,
	    .name = "busy", .json_name = "busy"},
	{.number = 4, .type = META_INT32, .oneof = -1,
	    .name = "queued", .json_name = "queued"},
	{.number = 5, .type = META_INT32, .oneof = -1,
	    .name = "queue_max", .json_name = "queueMax"},
	{.number = 6, .type = META_INT64, .oneof = -1,
	    .name = "done", .json_name = "done"},
	{.number = 7, .type = META_INT64, .oneof = -1,
	    .name = "refused", .json_name = "refused"},
	{.number = 8, .type = META_INT64, .oneof = -1,
	    .name = "expired", .json_name = "expired"},
};

const struct meta_message meta_usher_v1_lane_status = {
	.full_name = "usher.v1.LaneStatus",
	.fields = fields_of_meta_usher_v1_lane_status,
	.fields_count = 8,
};

static const struct meta_field fields_of_meta_usher_v1_job_status[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "last_run_at", .json_name = "lastRunAt", .message = &meta_google_protobuf_timestamp},
	{.number = 3, .type = META_DOUBLE, .oneof = -1,
	    .name = "last_duration_ms", .json_name = "lastDurationMs"},
	{.number = 4, .type = META_INT64, .oneof = -1,
	    .name = "runs", .json_name = "runs"},
	{.number = 5, .type = META_INT64, .oneof = -1,
	    .name = "errors", .json_name = "errors"},
	{.number = 6, .type = META_INT64, .oneof = -1,
	    .name = "backlog", .json_name = "backlog"},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "last_error", .json_name = "lastError"},
	{.number = 8, .type = META_INT64, .oneof = -1,
	    .name = "done", .json_name = "done"},
	{.number = 9, .type = META_DOUBLE, .oneof = -1,
	    .name = "period_ms", .json_name = "periodMs"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "of_cluster", .json_name = "ofCluster"},
	{.number = 11, .type = META_STRING, .oneof = -1,
	    .name = "about", .json_name = "about"},
};

const struct meta_message meta_usher_v1_job_status = {
	.full_name = "usher.v1.JobStatus",
	.fields = fields_of_meta_usher_v1_job_status,
	.fields_count = 11,
};

const struct meta_message meta_usher_v1_list_jobs_request = {
	.full_name = "usher.v1.ListJobsRequest",
};

static const struct meta_field fields_of_meta_usher_v1_list_jobs_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "jobs", .json_name = "jobs", .message = &meta_usher_v1_job_status},
};

const struct meta_message meta_usher_v1_list_jobs_reply = {
	.full_name = "usher.v1.ListJobsReply",
	.fields = fields_of_meta_usher_v1_list_jobs_reply,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_run_job_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "job", .json_name = "job", .length_max = 64},
};

const struct meta_message meta_usher_v1_run_job_request = {
	.full_name = "usher.v1.RunJobRequest",
	.fields = fields_of_meta_usher_v1_run_job_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_run_job_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "job", .json_name = "job", .message = &meta_usher_v1_job_status},
};

const struct meta_message meta_usher_v1_run_job_reply = {
	.full_name = "usher.v1.RunJobReply",
	.fields = fields_of_meta_usher_v1_run_job_reply,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_get_status_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "node_id", .json_name = "nodeId"},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "started_at", .json_name = "startedAt", .message = &meta_google_protobuf_timestamp},
	{.number = 4, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "database", .json_name = "database", .message = &meta_usher_v1_database_status},
	{.number = 5, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "tables", .json_name = "tables", .message = &meta_usher_v1_table_status},
	{.number = 6, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "caches", .json_name = "caches", .message = &meta_usher_v1_cache_status},
	{.number = 7, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "lanes", .json_name = "lanes", .message = &meta_usher_v1_lane_status},
	{.number = 8, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "jobs", .json_name = "jobs", .message = &meta_usher_v1_job_status},
	{.number = 9, .type = META_DOUBLE, .oneof = -1,
	    .name = "feed_age_ms", .json_name = "feedAgeMs"},
	{.number = 10, .type = META_INT32, .oneof = -1,
	    .name = "live_nodes", .json_name = "liveNodes"},
	{.number = 11, .type = META_INT64, .oneof = -1,
	    .name = "resident_bytes", .json_name = "residentBytes"},
	{.number = 12, .type = META_INT64, .oneof = -1,
	    .name = "log_lines_dropped", .json_name = "logLinesDropped"},
	{.number = 13, .type = META_DOUBLE, .oneof = -1,
	    .name = "clock_ahead_ms", .json_name = "clockAheadMs"},
	{.number = 14, .type = META_INT32, .oneof = -1,
	    .name = "descriptors_open", .json_name = "descriptorsOpen"},
	{.number = 15, .type = META_INT32, .oneof = -1,
	    .name = "descriptors_max", .json_name = "descriptorsMax"},
};

const struct meta_message meta_usher_v1_get_status_reply = {
	.full_name = "usher.v1.GetStatusReply",
	.fields = fields_of_meta_usher_v1_get_status_reply,
	.fields_count = 15,
};

static const struct meta_field fields_of_meta_usher_v1_operation[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "operation_id", .json_name = "operationId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "kind", .json_name = "kind"},
	{.number = 4, .type = META_ENUM, .oneof = -1,
	    .name = "state", .json_name = "state", .enumeration = &meta_usher_v1_operation_state},
	{.number = 5, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "parameters", .json_name = "parameters"},
	{.number = 6, .type = META_INT64, .oneof = -1,
	    .name = "done", .json_name = "done"},
	{.number = 7, .type = META_INT64, .oneof = -1,
	    .name = "total", .json_name = "total"},
	{.number = 8, .type = META_INT64, .oneof = -1,
	    .name = "results", .json_name = "results"},
	{.number = 9, .type = META_STRING, .oneof = -1,
	    .name = "error", .json_name = "error"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "cancel_requested", .json_name = "cancelRequested"},
	{.number = 11, .type = META_STRING, .oneof = -1,
	    .name = "started_by", .json_name = "startedBy"},
	{.number = 12, .type = META_STRING, .oneof = -1,
	    .name = "node_id", .json_name = "nodeId"},
	{.number = 13, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
	{.number = 14, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "started_at", .json_name = "startedAt", .message = &meta_google_protobuf_timestamp},
	{.number = 15, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "updated_at", .json_name = "updatedAt", .message = &meta_google_protobuf_timestamp},
	{.number = 16, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "finished_at", .json_name = "finishedAt", .message = &meta_google_protobuf_timestamp},
	{.number = 17, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "expires_at", .json_name = "expiresAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_operation = {
	.full_name = "usher.v1.Operation",
	.fields = fields_of_meta_usher_v1_operation,
	.fields_count = 17,
};

static const struct meta_field fields_of_meta_usher_v1_start_operation_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "kind", .json_name = "kind", .length_max = 64},
	{.number = 2, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "parameters", .json_name = "parameters", .length_max = 65536},
};

const struct meta_message meta_usher_v1_start_operation_request = {
	.full_name = "usher.v1.StartOperationRequest",
	.fields = fields_of_meta_usher_v1_start_operation_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_get_operation_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "operation_id", .json_name = "operationId", .length_max = 36},
};

const struct meta_message meta_usher_v1_get_operation_request = {
	.full_name = "usher.v1.GetOperationRequest",
	.fields = fields_of_meta_usher_v1_get_operation_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_list_operations_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "kind", .json_name = "kind", .length_max = 64},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_list_operations_request = {
	.full_name = "usher.v1.ListOperationsRequest",
	.fields = fields_of_meta_usher_v1_list_operations_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_list_operations_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "operations", .json_name = "operations", .message = &meta_usher_v1_operation},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_operations_reply = {
	.full_name = "usher.v1.ListOperationsReply",
	.fields = fields_of_meta_usher_v1_list_operations_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_cancel_operation_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "operation_id", .json_name = "operationId", .length_max = 36},
};

const struct meta_message meta_usher_v1_cancel_operation_request = {
	.full_name = "usher.v1.CancelOperationRequest",
	.fields = fields_of_meta_usher_v1_cancel_operation_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_read_operation_result_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "operation_id", .json_name = "operationId", .length_max = 36},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_read_operation_result_request = {
	.full_name = "usher.v1.ReadOperationResultRequest",
	.fields = fields_of_meta_usher_v1_read_operation_result_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_operation_item[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "seq", .json_name = "seq"},
	{.number = 2, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "item", .json_name = "item"},
};

const struct meta_message meta_usher_v1_operation_item = {
	.full_name = "usher.v1.OperationItem",
	.fields = fields_of_meta_usher_v1_operation_item,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_read_operation_result_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "operation", .json_name = "operation", .message = &meta_usher_v1_operation},
	{.number = 2, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "items", .json_name = "items", .message = &meta_usher_v1_operation_item},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_read_operation_result_reply = {
	.full_name = "usher.v1.ReadOperationResultReply",
	.fields = fields_of_meta_usher_v1_read_operation_result_reply,
	.fields_count = 3,
};
