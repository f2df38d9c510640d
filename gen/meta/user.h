/* user.h - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#ifndef USHER_GEN_META_USER_H
#define USHER_GEN_META_USER_H

#include "base/meta.h"

extern const struct meta_message meta_usher_v1_get_me_request;
extern const struct meta_message meta_usher_v1_update_me_request;
extern const struct meta_message meta_usher_v1_get_user_request;
extern const struct meta_message meta_usher_v1_list_users_request;
extern const struct meta_message meta_usher_v1_list_users_reply;
extern const struct meta_message meta_usher_v1_upsert_user_request;
extern const struct meta_message meta_usher_v1_upsert_user_reply;

#endif
