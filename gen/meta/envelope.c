/* envelope.c - made by protoc-gen-usher from usher/v1/envelope.proto: change that. */
#include "gen/meta/envelope.h"

static const struct meta_field fields_of_meta_usher_v1_request[] = {
	{.number = 1, .type = META_FIXED32, .oneof = -1,
	    .name = "method_id", .json_name = "methodId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "method", .json_name = "method"},
	{.number = 3, .type = META_UINT32, .oneof = -1,
	    .name = "timeout_ms", .json_name = "timeoutMs"},
	{.number = 4, .type = META_FIXED64, .oneof = -1,
	    .name = "call_id", .json_name = "callId"},
	{.number = 5, .type = META_BYTES, .oneof = -1,
	    .name = "credential", .json_name = "credential"},
	{.number = 6, .type = META_BYTES, .oneof = -1,
	    .name = "on_behalf_of", .json_name = "onBehalfOf"},
	{.number = 7, .type = META_BYTES, .oneof = -1,
	    .name = "via", .json_name = "via"},
	{.number = 8, .type = META_BYTES, .oneof = -1,
	    .name = "trace", .json_name = "trace"},
	{.number = 9, .type = META_BYTES, .oneof = -1,
	    .name = "idempotency_key", .json_name = "idempotencyKey"},
	{.number = 10, .type = META_BYTES, .oneof = -1,
	    .name = "at_least", .json_name = "atLeast"},
	{.number = 11, .type = META_STRING, .oneof = -1,
	    .name = "org", .json_name = "org"},
	{.number = 12, .type = META_STRING, .oneof = -1,
	    .name = "client_ip", .json_name = "clientIp"},
	{.number = 13, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "metadata", .json_name = "metadata", .message = &meta_usher_v1_pair},
	{.number = 14, .type = META_BYTES, .oneof = -1,
	    .name = "payload", .json_name = "payload"},
	{.number = 15, .type = META_BOOL, .oneof = -1,
	    .name = "memory_only", .json_name = "memoryOnly"},
};

const struct meta_message meta_usher_v1_request = {
	.full_name = "usher.v1.Request",
	.fields = fields_of_meta_usher_v1_request,
	.fields_count = 15,
};

static const struct meta_field fields_of_meta_usher_v1_response[] = {
	{.number = 1, .type = META_UINT32, .oneof = -1,
	    .name = "code", .json_name = "code"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "message", .json_name = "message"},
	{.number = 3, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "details", .json_name = "details", .message = &meta_usher_v1_detail},
	{.number = 4, .type = META_FIXED64, .oneof = -1,
	    .name = "call_id", .json_name = "callId"},
	{.number = 5, .type = META_UINT32, .oneof = -1,
	    .name = "retry_after_ms", .json_name = "retryAfterMs"},
	{.number = 6, .type = META_BOOL, .oneof = -1,
	    .name = "replayed", .json_name = "replayed"},
	{.number = 7, .type = META_BYTES, .oneof = -1,
	    .name = "revision", .json_name = "revision"},
	{.number = 8, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "metadata", .json_name = "metadata", .message = &meta_usher_v1_pair},
	{.number = 9, .type = META_BYTES, .oneof = -1,
	    .name = "payload", .json_name = "payload"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "memory_only", .json_name = "memoryOnly"},
};

const struct meta_message meta_usher_v1_response = {
	.full_name = "usher.v1.Response",
	.fields = fields_of_meta_usher_v1_response,
	.fields_count = 10,
};

static const struct meta_field fields_of_meta_usher_v1_pair[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "key", .json_name = "key"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "value", .json_name = "value"},
};

const struct meta_message meta_usher_v1_pair = {
	.full_name = "usher.v1.Pair",
	.fields = fields_of_meta_usher_v1_pair,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_detail[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = 0,
	    .name = "error_info", .json_name = "errorInfo", .message = &meta_usher_v1_error_info},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = 0,
	    .name = "bad_request", .json_name = "badRequest", .message = &meta_usher_v1_bad_request},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = 0,
	    .name = "retry_info", .json_name = "retryInfo", .message = &meta_usher_v1_retry_info},
};

const struct meta_message meta_usher_v1_detail = {
	.full_name = "usher.v1.Detail",
	.fields = fields_of_meta_usher_v1_detail,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_error_info[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "reason", .json_name = "reason"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "domain", .json_name = "domain"},
	{.number = 3, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "metadata", .json_name = "metadata", .message = &meta_usher_v1_pair},
};

const struct meta_message meta_usher_v1_error_info = {
	.full_name = "usher.v1.ErrorInfo",
	.fields = fields_of_meta_usher_v1_error_info,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_bad_request[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "violations", .json_name = "violations", .message = &meta_usher_v1_field_violation},
};

const struct meta_message meta_usher_v1_bad_request = {
	.full_name = "usher.v1.BadRequest",
	.fields = fields_of_meta_usher_v1_bad_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_field_violation[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "field", .json_name = "field"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "description", .json_name = "description"},
};

const struct meta_message meta_usher_v1_field_violation = {
	.full_name = "usher.v1.FieldViolation",
	.fields = fields_of_meta_usher_v1_field_violation,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_retry_info[] = {
	{.number = 1, .type = META_UINT32, .oneof = -1,
	    .name = "retry_after_ms", .json_name = "retryAfterMs"},
};

const struct meta_message meta_usher_v1_retry_info = {
	.full_name = "usher.v1.RetryInfo",
	.fields = fields_of_meta_usher_v1_retry_info,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_batch_request[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "items", .json_name = "items", .message = &meta_usher_v1_request},
};

const struct meta_message meta_usher_v1_batch_request = {
	.full_name = "usher.v1.BatchRequest",
	.fields = fields_of_meta_usher_v1_batch_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_batch_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "items", .json_name = "items", .message = &meta_usher_v1_response},
};

const struct meta_message meta_usher_v1_batch_reply = {
	.full_name = "usher.v1.BatchReply",
	.fields = fields_of_meta_usher_v1_batch_reply,
	.fields_count = 1,
};
