/* envelope.h - made by protoc-gen-usher from usher/v1/envelope.proto: change that. */
#ifndef USHER_GEN_META_ENVELOPE_H
#define USHER_GEN_META_ENVELOPE_H

#include "base/meta.h"

extern const struct meta_message meta_usher_v1_request;
extern const struct meta_message meta_usher_v1_response;
extern const struct meta_message meta_usher_v1_pair;
extern const struct meta_message meta_usher_v1_detail;
extern const struct meta_message meta_usher_v1_error_info;
extern const struct meta_message meta_usher_v1_bad_request;
extern const struct meta_message meta_usher_v1_field_violation;
extern const struct meta_message meta_usher_v1_retry_info;
extern const struct meta_message meta_usher_v1_batch_request;
extern const struct meta_message meta_usher_v1_batch_reply;

#endif
