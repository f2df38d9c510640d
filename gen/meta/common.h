/* common.h - made by protoc-gen-usher from usher/v1/common.proto: change that. */
#ifndef USHER_GEN_META_COMMON_H
#define USHER_GEN_META_COMMON_H

#include "base/meta.h"

extern const struct meta_enum meta_usher_v1_user_status;
extern const struct meta_message meta_usher_v1_page_request;
extern const struct meta_message meta_usher_v1_page_reply;
extern const struct meta_message meta_usher_v1_user;
extern const struct meta_message meta_usher_v1_profile;
extern const struct meta_message meta_usher_v1_tokens;

#endif
