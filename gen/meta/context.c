/* context.c - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#include "gen/meta/context.h"
#include "gen/meta/well_known.h"
#include "gen/meta/common.h"

static const struct meta_enum_value values_of_meta_usher_v1_turn_role[] = {
	{"TURN_ROLE_UNSPECIFIED", 0},
	{"TURN_ROLE_USER", 1},
	{"TURN_ROLE_ASSISTANT", 2},
	{"TURN_ROLE_TOOL", 3},
	{"TURN_ROLE_SYSTEM", 4},
};

const struct meta_enum meta_usher_v1_turn_role = {
	.full_name = "usher.v1.TurnRole",
	.values = values_of_meta_usher_v1_turn_role,
	.values_count = 5,
};

static const struct meta_enum_value values_of_meta_usher_v1_stability[] = {
	{"STABILITY_UNSPECIFIED", 0},
	{"STABILITY_STABLE", 1},
	{"STABILITY_SESSION", 2},
	{"STABILITY_VOLATILE", 3},
};

const struct meta_enum meta_usher_v1_stability = {
	.full_name = "usher.v1.Stability",
	.values = values_of_meta_usher_v1_stability,
	.values_count = 4,
};

static const struct meta_enum_value values_of_meta_usher_v1_trust[] = {
	{"TRUST_UNSPECIFIED", 0},
	{"TRUST_USER_WRITTEN", 1},
	{"TRUST_ASSERTED", 2},
	{"TRUST_ADMIN_SET", 3},
};

const struct meta_enum meta_usher_v1_trust = {
	.full_name = "usher.v1.Trust",
	.values = values_of_meta_usher_v1_trust,
	.values_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_chatbot[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "alias", .json_name = "alias"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "display_name", .json_name = "displayName"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "instructions", .json_name = "instructions"},
	{.number = 6, .type = META_BOOL, .oneof = -1,
	    .name = "disabled", .json_name = "disabled"},
	{.number = 7, .type = META_INT64, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 8, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
	{.number = 9, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "updated_at", .json_name = "updatedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_chatbot = {
	.full_name = "usher.v1.Chatbot",
	.fields = fields_of_meta_usher_v1_chatbot,
	.fields_count = 9,
};

static const struct meta_field fields_of_meta_usher_v1_create_chatbot_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 36},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "alias", .json_name = "alias", .length_max = 255},
	{.number = 3, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "instructions", .json_name = "instructions", .length_max = 20000},
};

const struct meta_message meta_usher_v1_create_chatbot_request = {
	.full_name = "usher.v1.CreateChatbotRequest",
	.fields = fields_of_meta_usher_v1_create_chatbot_request,
	.fields_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_get_chatbot_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
};

const struct meta_message meta_usher_v1_get_chatbot_request = {
	.full_name = "usher.v1.GetChatbotRequest",
	.fields = fields_of_meta_usher_v1_get_chatbot_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_list_chatbots_request[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_list_chatbots_request = {
	.full_name = "usher.v1.ListChatbotsRequest",
	.fields = fields_of_meta_usher_v1_list_chatbots_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_list_chatbots_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "chatbots", .json_name = "chatbots", .message = &meta_usher_v1_chatbot},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_chatbots_reply = {
	.full_name = "usher.v1.ListChatbotsReply",
	.fields = fields_of_meta_usher_v1_list_chatbots_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_api_key[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "key_id", .json_name = "keyId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "display_name", .json_name = "displayName"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "prefix", .json_name = "prefix"},
	{.number = 5, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "scopes", .json_name = "scopes"},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "default_user_id", .json_name = "defaultUserId"},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "bound_user_id", .json_name = "boundUserId"},
	{.number = 8, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "allowed_networks", .json_name = "allowedNetworks"},
	{.number = 9, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "quota", .json_name = "quota", .message = &meta_usher_v1_quota},
	{.number = 10, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
	{.number = 11, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "expires_at", .json_name = "expiresAt", .message = &meta_google_protobuf_timestamp},
	{.number = 12, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "revoked_at", .json_name = "revokedAt", .message = &meta_google_protobuf_timestamp},
	{.number = 13, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "last_used_at", .json_name = "lastUsedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_api_key = {
	.full_name = "usher.v1.ApiKey",
	.fields = fields_of_meta_usher_v1_api_key,
	.fields_count = 13,
};

static const struct meta_field fields_of_meta_usher_v1_quota[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "requests_per_minute", .json_name = "requestsPerMinute", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(1000000000)},
	{.number = 2, .type = META_INT64, .oneof = -1,
	    .name = "requests_per_day", .json_name = "requestsPerDay", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(1000000000000)},
};

const struct meta_message meta_usher_v1_quota = {
	.full_name = "usher.v1.Quota",
	.fields = fields_of_meta_usher_v1_quota,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_create_api_key_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
	{.number = 3, .type = META_STRING, .flags = META_REPEATED | META_REQUIRED, .oneof = -1,
	    .name = "scopes", .json_name = "scopes", .length_max = 64, .items_max = 32},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "default_user_id", .json_name = "defaultUserId", .length_max = 260},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "bound_user_id", .json_name = "boundUserId", .length_max = 260},
	{.number = 6, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "allowed_networks", .json_name = "allowedNetworks", .length_max = 64, .items_max = 32},
	{.number = 7, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "expires_at", .json_name = "expiresAt", .message = &meta_google_protobuf_timestamp},
	{.number = 8, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "quota", .json_name = "quota", .message = &meta_usher_v1_quota},
};

const struct meta_message meta_usher_v1_create_api_key_request = {
	.full_name = "usher.v1.CreateApiKeyRequest",
	.fields = fields_of_meta_usher_v1_create_api_key_request,
	.fields_count = 8,
};

static const struct meta_field fields_of_meta_usher_v1_create_api_key_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "key", .json_name = "key", .message = &meta_usher_v1_api_key},
	{.number = 2, .type = META_STRING, .flags = META_SECRET, .oneof = -1,
	    .name = "api_key", .json_name = "apiKey"},
};

const struct meta_message meta_usher_v1_create_api_key_reply = {
	.full_name = "usher.v1.CreateApiKeyReply",
	.fields = fields_of_meta_usher_v1_create_api_key_reply,
	.fields_count = 2,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_list_api_keys_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_list_api_keys_request = {
	.full_name = "usher.v1.ListApiKeysRequest",
	.fields = fields_of_meta_usher_v1_list_api_keys_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_list_api_keys_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "keys", .json_name = "keys", .message = &meta_usher_v1_api_key},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_api_keys_reply = {
	.full_name = "usher.v1.ListApiKeysReply",
	.fields = fields_of_meta_usher_v1_list_api_keys_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_revoke_api_key_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "key_id", .json_name = "keyId", .length_max = 36},
};

const struct meta_message meta_usher_v1_revoke_api_key_request = {
	.full_name = "usher.v1.RevokeApiKeyRequest",
	.fields = fields_of_meta_usher_v1_revoke_api_key_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_get_profile_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
};

const struct meta_message meta_usher_v1_get_profile_request = {
	.full_name = "usher.v1.GetProfileRequest",
	.fields = fields_of_meta_usher_v1_get_profile_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_get_profile_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "profile", .json_name = "profile", .message = &meta_usher_v1_profile},
};

const struct meta_message meta_usher_v1_get_profile_reply = {
	.full_name = "usher.v1.GetProfileReply",
	.fields = fields_of_meta_usher_v1_get_profile_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_put_profile_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE | META_REQUIRED, .oneof = -1,
	    .name = "profile", .json_name = "profile", .message = &meta_usher_v1_profile},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "update_mask", .json_name = "updateMask", .message = &meta_google_protobuf_field_mask},
	{.number = 4, .type = META_INT64, .oneof = -1,
	    .name = "expect_version", .json_name = "expectVersion"},
};

const struct meta_message meta_usher_v1_put_profile_request = {
	.full_name = "usher.v1.PutProfileRequest",
	.fields = fields_of_meta_usher_v1_put_profile_request,
	.fields_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_turn[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "seq", .json_name = "seq"},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "role", .json_name = "role", .enumeration = &meta_usher_v1_turn_role},
	{.number = 3, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "text", .json_name = "text", .length_max = 200000},
	{.number = 4, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "attributes", .json_name = "attributes", .length_max = 65536},
	{.number = 5, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
	{.number = 6, .type = META_INT32, .oneof = -1,
	    .name = "tokens", .json_name = "tokens"},
};

const struct meta_message meta_usher_v1_turn = {
	.full_name = "usher.v1.Turn",
	.fields = fields_of_meta_usher_v1_turn,
	.fields_count = 6,
};

static const struct meta_field fields_of_meta_usher_v1_new_turn[] = {
	{.number = 1, .type = META_ENUM, .flags = META_REQUIRED, .oneof = -1,
	    .name = "role", .json_name = "role", .enumeration = &meta_usher_v1_turn_role},
	{.number = 2, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "text", .json_name = "text", .length_max = 200000},
	{.number = 3, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "attributes", .json_name = "attributes", .length_max = 65536},
};

const struct meta_message meta_usher_v1_new_turn = {
	.full_name = "usher.v1.NewTurn",
	.fields = fields_of_meta_usher_v1_new_turn,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_append_turns_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "conversation", .json_name = "conversation", .length_max = 255},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
	{.number = 4, .type = META_MESSAGE, .flags = META_REPEATED | META_REQUIRED, .oneof = -1,
	    .name = "turns", .json_name = "turns", .message = &meta_usher_v1_new_turn, .items_max = 100},
	{.number = 5, .type = META_INT64, .oneof = -1,
	    .name = "expect_seq", .json_name = "expectSeq"},
};

const struct meta_message meta_usher_v1_append_turns_request = {
	.full_name = "usher.v1.AppendTurnsRequest",
	.fields = fields_of_meta_usher_v1_append_turns_request,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_v1_append_turns_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "conversation_id", .json_name = "conversationId"},
	{.number = 2, .type = META_INT64, .oneof = -1,
	    .name = "first_seq", .json_name = "firstSeq"},
	{.number = 3, .type = META_INT64, .oneof = -1,
	    .name = "last_seq", .json_name = "lastSeq"},
};

const struct meta_message meta_usher_v1_append_turns_reply = {
	.full_name = "usher.v1.AppendTurnsReply",
	.fields = fields_of_meta_usher_v1_append_turns_reply,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_list_turns_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "conversation", .json_name = "conversation", .length_max = 255},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_list_turns_request = {
	.full_name = "usher.v1.ListTurnsRequest",
	.fields = fields_of_meta_usher_v1_list_turns_request,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_list_turns_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "conversation_id", .json_name = "conversationId"},
	{.number = 2, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "turns", .json_name = "turns", .message = &meta_usher_v1_turn},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_turns_reply = {
	.full_name = "usher.v1.ListTurnsReply",
	.fields = fields_of_meta_usher_v1_list_turns_reply,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_context_item[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "text", .json_name = "text"},
	{.number = 3, .type = META_ENUM, .oneof = -1,
	    .name = "trust", .json_name = "trust", .enumeration = &meta_usher_v1_trust},
};

const struct meta_message meta_usher_v1_context_item = {
	.full_name = "usher.v1.ContextItem",
	.fields = fields_of_meta_usher_v1_context_item,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_context_segment[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "stability", .json_name = "stability", .enumeration = &meta_usher_v1_stability},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "etag", .json_name = "etag"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "text", .json_name = "text"},
	{.number = 5, .type = META_INT32, .oneof = -1,
	    .name = "tokens", .json_name = "tokens"},
	{.number = 6, .type = META_BOOL, .oneof = -1,
	    .name = "tokens_estimated", .json_name = "tokensEstimated"},
	{.number = 7, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "items", .json_name = "items", .message = &meta_usher_v1_context_item},
	{.number = 8, .type = META_BOOL, .oneof = -1,
	    .name = "unchanged", .json_name = "unchanged"},
};

const struct meta_message meta_usher_v1_context_segment = {
	.full_name = "usher.v1.ContextSegment",
	.fields = fields_of_meta_usher_v1_context_segment,
	.fields_count = 8,
};

static const struct meta_field fields_of_meta_usher_v1_omission[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "segment", .json_name = "segment"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 3, .type = META_INT32, .oneof = -1,
	    .name = "tokens", .json_name = "tokens"},
};

const struct meta_message meta_usher_v1_omission = {
	.full_name = "usher.v1.Omission",
	.fields = fields_of_meta_usher_v1_omission,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_context_block[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "segments", .json_name = "segments", .message = &meta_usher_v1_context_segment},
	{.number = 2, .type = META_INT32, .oneof = -1,
	    .name = "tokens", .json_name = "tokens"},
	{.number = 3, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "omitted", .json_name = "omitted", .message = &meta_usher_v1_omission},
	{.number = 4, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "redacted_fields", .json_name = "redactedFields"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "etag", .json_name = "etag"},
};

const struct meta_message meta_usher_v1_context_block = {
	.full_name = "usher.v1.ContextBlock",
	.fields = fields_of_meta_usher_v1_context_block,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_v1_resolve_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
	{.number = 3, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "message", .json_name = "message", .length_max = 200000},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "conversation", .json_name = "conversation", .length_max = 255},
	{.number = 5, .type = META_INT32, .oneof = -1,
	    .name = "token_budget", .json_name = "tokenBudget", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(10000000)},
	{.number = 6, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "have_etags", .json_name = "haveEtags", .length_max = 64, .items_max = 32},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "purpose", .json_name = "purpose", .length_max = 64},
	{.number = 8, .type = META_BOOL, .oneof = -1,
	    .name = "with_items", .json_name = "withItems"},
};

const struct meta_message meta_usher_v1_resolve_request = {
	.full_name = "usher.v1.ResolveRequest",
	.fields = fields_of_meta_usher_v1_resolve_request,
	.fields_count = 8,
};

static const struct meta_field fields_of_meta_usher_v1_caller[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "key_id", .json_name = "keyId"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 4, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "scopes", .json_name = "scopes"},
};

const struct meta_message meta_usher_v1_caller = {
	.full_name = "usher.v1.Caller",
	.fields = fields_of_meta_usher_v1_caller,
	.fields_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_quota_state[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "remaining", .json_name = "remaining"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "resets_at", .json_name = "resetsAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_quota_state = {
	.full_name = "usher.v1.QuotaState",
	.fields = fields_of_meta_usher_v1_quota_state,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_resolve_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "caller", .json_name = "caller", .message = &meta_usher_v1_caller},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "chatbot", .json_name = "chatbot", .message = &meta_usher_v1_chatbot},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "user", .json_name = "user", .message = &meta_usher_v1_user},
	{.number = 4, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "context", .json_name = "context", .message = &meta_usher_v1_context_block},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "read_id", .json_name = "readId"},
	{.number = 6, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "quota", .json_name = "quota", .message = &meta_usher_v1_quota_state},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "conversation_id", .json_name = "conversationId"},
	{.number = 8, .type = META_INT64, .oneof = -1,
	    .name = "seq", .json_name = "seq"},
	{.number = 9, .type = META_BOOL, .oneof = -1,
	    .name = "degraded", .json_name = "degraded"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "from_memory", .json_name = "fromMemory"},
};

const struct meta_message meta_usher_v1_resolve_reply = {
	.full_name = "usher.v1.ResolveReply",
	.fields = fields_of_meta_usher_v1_resolve_reply,
	.fields_count = 10,
};

static const struct meta_field fields_of_meta_usher_v1_get_context_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "conversation", .json_name = "conversation", .length_max = 255},
	{.number = 4, .type = META_INT32, .oneof = -1,
	    .name = "token_budget", .json_name = "tokenBudget", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(10000000)},
	{.number = 5, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "have_etags", .json_name = "haveEtags", .length_max = 64, .items_max = 32},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "purpose", .json_name = "purpose", .length_max = 64},
	{.number = 7, .type = META_BOOL, .oneof = -1,
	    .name = "with_items", .json_name = "withItems"},
};

const struct meta_message meta_usher_v1_get_context_request = {
	.full_name = "usher.v1.GetContextRequest",
	.fields = fields_of_meta_usher_v1_get_context_request,
	.fields_count = 7,
};

static const struct meta_field fields_of_meta_usher_v1_get_context_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "context", .json_name = "context", .message = &meta_usher_v1_context_block},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "read_id", .json_name = "readId"},
};

const struct meta_message meta_usher_v1_get_context_reply = {
	.full_name = "usher.v1.GetContextReply",
	.fields = fields_of_meta_usher_v1_get_context_reply,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_batch_get_context_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REPEATED | META_REQUIRED, .oneof = -1,
	    .name = "user_ids", .json_name = "userIds", .length_max = 260, .items_max = 100},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId", .length_max = 260},
	{.number = 3, .type = META_INT32, .oneof = -1,
	    .name = "token_budget", .json_name = "tokenBudget", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(10000000)},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "purpose", .json_name = "purpose", .length_max = 64},
};

const struct meta_message meta_usher_v1_batch_get_context_request = {
	.full_name = "usher.v1.BatchGetContextRequest",
	.fields = fields_of_meta_usher_v1_batch_get_context_request,
	.fields_count = 4,
};

static const struct meta_field fields_of_meta_usher_v1_batch_context[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 2, .type = META_BOOL, .oneof = -1,
	    .name = "found", .json_name = "found"},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "context", .json_name = "context", .message = &meta_usher_v1_context_block},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "read_id", .json_name = "readId"},
	{.number = 5, .type = META_BOOL, .oneof = -1,
	    .name = "left_out", .json_name = "leftOut"},
};

const struct meta_message meta_usher_v1_batch_context = {
	.full_name = "usher.v1.BatchContext",
	.fields = fields_of_meta_usher_v1_batch_context,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_v1_batch_get_context_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "contexts", .json_name = "contexts", .message = &meta_usher_v1_batch_context},
};

const struct meta_message meta_usher_v1_batch_get_context_reply = {
	.full_name = "usher.v1.BatchGetContextReply",
	.fields = fields_of_meta_usher_v1_batch_get_context_reply,
	.fields_count = 1,
};
