/* ops.h - made by protoc-gen-usher from usher/v1/ops.proto: change that. */
#ifndef USHER_GEN_META_OPS_H
#define USHER_GEN_META_OPS_H

#include "base/meta.h"

extern const struct meta_enum meta_usher_v1_operation_state;
extern const struct meta_message meta_usher_v1_get_health_request;
extern const struct meta_message meta_usher_v1_get_health_reply;
extern const struct meta_message meta_usher_v1_get_descriptors_request;
extern const struct meta_message meta_usher_v1_get_descriptors_reply;
extern const struct meta_message meta_usher_v1_get_status_request;
extern const struct meta_message meta_usher_v1_database_status;
extern const struct meta_message meta_usher_v1_table_status;
extern const struct meta_message meta_usher_v1_cache_status;
extern const struct meta_message meta_usher_v1_lane_status;
extern const struct meta_message meta_usher_v1_job_status;
extern const struct meta_message meta_usher_v1_list_jobs_request;
extern const struct meta_message meta_usher_v1_list_jobs_reply;
extern const struct meta_message meta_usher_v1_run_job_request;
extern const struct meta_message meta_usher_v1_run_job_reply;
extern const struct meta_message meta_usher_v1_get_status_reply;
extern const struct meta_message meta_usher_v1_operation;
extern const struct meta_message meta_usher_v1_start_operation_request;
extern const struct meta_message meta_usher_v1_get_operation_request;
extern const struct meta_message meta_usher_v1_list_operations_request;
extern const struct meta_message meta_usher_v1_list_operations_reply;
extern const struct meta_message meta_usher_v1_cancel_operation_request;
extern const struct meta_message meta_usher_v1_read_operation_result_request;
extern const struct meta_message meta_usher_v1_operation_item;
extern const struct meta_message meta_usher_v1_read_operation_result_reply;

#endif
