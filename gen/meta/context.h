/* context.h - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#ifndef USHER_GEN_META_CONTEXT_H
#define USHER_GEN_META_CONTEXT_H

#include "base/meta.h"

extern const struct meta_enum meta_usher_v1_turn_role;
extern const struct meta_enum meta_usher_v1_stability;
extern const struct meta_enum meta_usher_v1_trust;
extern const struct meta_message meta_usher_v1_chatbot;
extern const struct meta_message meta_usher_v1_create_chatbot_request;
extern const struct meta_message meta_usher_v1_get_chatbot_request;
extern const struct meta_message meta_usher_v1_list_chatbots_request;
extern const struct meta_message meta_usher_v1_list_chatbots_reply;
extern const struct meta_message meta_usher_v1_api_key;
extern const struct meta_message meta_usher_v1_quota;
extern const struct meta_message meta_usher_v1_create_api_key_request;
extern const struct meta_message meta_usher_v1_create_api_key_reply;
extern const struct meta_message meta_usher_v1_list_api_keys_request;
extern const struct meta_message meta_usher_v1_list_api_keys_reply;
extern const struct meta_message meta_usher_v1_revoke_api_key_request;
extern const struct meta_message meta_usher_v1_get_profile_request;
extern const struct meta_message meta_usher_v1_get_profile_reply;
extern const struct meta_message meta_usher_v1_put_profile_request;
extern const struct meta_message meta_usher_v1_turn;
extern const struct meta_message meta_usher_v1_new_turn;
extern const struct meta_message meta_usher_v1_append_turns_request;
extern const struct meta_message meta_usher_v1_append_turns_reply;
extern const struct meta_message meta_usher_v1_list_turns_request;
extern const struct meta_message meta_usher_v1_list_turns_reply;
extern const struct meta_message meta_usher_v1_context_item;
extern const struct meta_message meta_usher_v1_context_segment;
extern const struct meta_message meta_usher_v1_omission;
extern const struct meta_message meta_usher_v1_context_block;
extern const struct meta_message meta_usher_v1_resolve_request;
extern const struct meta_message meta_usher_v1_caller;
extern const struct meta_message meta_usher_v1_quota_state;
extern const struct meta_message meta_usher_v1_resolve_reply;
extern const struct meta_message meta_usher_v1_get_context_request;
extern const struct meta_message meta_usher_v1_get_context_reply;
extern const struct meta_message meta_usher_v1_batch_get_context_request;
extern const struct meta_message meta_usher_v1_batch_context;
extern const struct meta_message meta_usher_v1_batch_get_context_reply;

#endif
