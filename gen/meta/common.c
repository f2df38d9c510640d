/* common.c - made by protoc-gen-usher from usher/v1/common.proto: change that. */
#include "gen/meta/common.h"
#include "gen/meta/well_known.h"

static const struct meta_enum_value values_of_meta_usher_v1_user_status[] = {
	{"USER_STATUS_UNSPECIFIED", 0},
	{"USER_STATUS_ACTIVE", 1},
	{"USER_STATUS_DISABLED", 2},
};

const struct meta_enum meta_usher_v1_user_status = {
	.full_name = "usher.v1.UserStatus",
	.values = values_of_meta_usher_v1_user_status,
	.values_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_page_request[] = {
	{.number = 1, .type = META_UINT32, .oneof = -1,
	    .name = "size", .json_name = "size", .has_range = true, .range_min = INT64_C(0), .range_max = INT64_C(1000)},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "token", .json_name = "token", .length_max = 512},
};

const struct meta_message meta_usher_v1_page_request = {
	.full_name = "usher.v1.PageRequest",
	.fields = fields_of_meta_usher_v1_page_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_page_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "next_token", .json_name = "nextToken"},
};

const struct meta_message meta_usher_v1_page_reply = {
	.full_name = "usher.v1.PageReply",
	.fields = fields_of_meta_usher_v1_page_reply,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_user[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "external_id", .json_name = "externalId"},
	{.number = 4, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "display_name", .json_name = "displayName"},
	{.number = 5, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "email", .json_name = "email"},
	{.number = 6, .type = META_ENUM, .oneof = -1,
	    .name = "status", .json_name = "status", .enumeration = &meta_usher_v1_user_status},
	{.number = 7, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "roles", .json_name = "roles"},
	{.number = 8, .type = META_STRING, .oneof = -1,
	    .name = "locale", .json_name = "locale"},
	{.number = 9, .type = META_STRING, .oneof = -1,
	    .name = "time_zone", .json_name = "timeZone"},
	{.number = 10, .type = META_BOOL, .oneof = -1,
	    .name = "has_account", .json_name = "hasAccount"},
	{.number = 11, .type = META_INT64, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 12, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
	{.number = 13, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "updated_at", .json_name = "updatedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_user = {
	.full_name = "usher.v1.User",
	.fields = fields_of_meta_usher_v1_user,
	.fields_count = 13,
};

static const struct meta_field fields_of_meta_usher_v1_profile[] = {
	{.number = 1, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "company", .json_name = "company", .length_max = 200},
	{.number = 2, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "role", .json_name = "role", .length_max = 200},
	{.number = 3, .type = META_STRING, .flags = META_PII | META_JSON, .oneof = -1,
	    .name = "preferences", .json_name = "preferences", .length_max = 65536},
	{.number = 4, .type = META_STRING, .flags = META_PII | META_JSON, .oneof = -1,
	    .name = "profile_data", .json_name = "profileData", .length_max = 262144},
	{.number = 5, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "about", .json_name = "about", .length_max = 4000},
	{.number = 6, .type = META_INT64, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 7, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "updated_at", .json_name = "updatedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_profile = {
	.full_name = "usher.v1.Profile",
	.fields = fields_of_meta_usher_v1_profile,
	.fields_count = 7,
};

static const struct meta_field fields_of_meta_usher_v1_tokens[] = {
	{.number = 1, .type = META_STRING, .flags = META_SECRET, .oneof = -1,
	    .name = "access_token", .json_name = "accessToken"},
	{.number = 2, .type = META_STRING, .flags = META_SECRET, .oneof = -1,
	    .name = "refresh_token", .json_name = "refreshToken"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "token_type", .json_name = "tokenType"},
	{.number = 4, .type = META_INT32, .oneof = -1,
	    .name = "expires_in", .json_name = "expiresIn"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "session_id", .json_name = "sessionId"},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "account_id", .json_name = "accountId"},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 8, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
};

const struct meta_message meta_usher_v1_tokens = {
	.full_name = "usher.v1.Tokens",
	.fields = fields_of_meta_usher_v1_tokens,
	.fields_count = 8,
	.has_secret = true,
};
