/* user.c - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#include "gen/meta/user.h"
#include "gen/meta/common.h"
#include "gen/meta/well_known.h"

const struct meta_message meta_usher_v1_get_me_request = {
	.full_name = "usher.v1.GetMeRequest",
};

static const struct meta_field fields_of_meta_usher_v1_update_me_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "locale", .json_name = "locale", .length_max = 35},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "time_zone", .json_name = "timeZone", .length_max = 64},
	{.number = 4, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "update_mask", .json_name = "updateMask", .message = &meta_google_protobuf_field_mask},
	{.number = 5, .type = META_INT64, .oneof = -1,
	    .name = "expect_version", .json_name = "expectVersion"},
};

const struct meta_message meta_usher_v1_update_me_request = {
	.full_name = "usher.v1.UpdateMeRequest",
	.fields = fields_of_meta_usher_v1_update_me_request,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_v1_get_user_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
};

const struct meta_message meta_usher_v1_get_user_request = {
	.full_name = "usher.v1.GetUserRequest",
	.fields = fields_of_meta_usher_v1_get_user_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_list_users_request[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "status", .json_name = "status", .enumeration = &meta_usher_v1_user_status},
};

const struct meta_message meta_usher_v1_list_users_request = {
	.full_name = "usher.v1.ListUsersRequest",
	.fields = fields_of_meta_usher_v1_list_users_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_list_users_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "users", .json_name = "users", .message = &meta_usher_v1_user},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_users_reply = {
	.full_name = "usher.v1.ListUsersReply",
	.fields = fields_of_meta_usher_v1_list_users_reply,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_upsert_user_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId", .length_max = 260},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "external_id", .json_name = "externalId", .length_max = 255},
	{.number = 3, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
	{.number = 4, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "email", .json_name = "email", .length_max = 254},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "locale", .json_name = "locale", .length_max = 35},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "time_zone", .json_name = "timeZone", .length_max = 64},
	{.number = 7, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "update_mask", .json_name = "updateMask", .message = &meta_google_protobuf_field_mask},
	{.number = 8, .type = META_INT64, .oneof = -1,
	    .name = "expect_version", .json_name = "expectVersion"},
};

const struct meta_message meta_usher_v1_upsert_user_request = {
	.full_name = "usher.v1.UpsertUserRequest",
	.fields = fields_of_meta_usher_v1_upsert_user_request,
	.fields_count = 8,
};

static const struct meta_field fields_of_meta_usher_v1_upsert_user_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "user", .json_name = "user", .message = &meta_usher_v1_user},
	{.number = 2, .type = META_BOOL, .oneof = -1,
	    .name = "created", .json_name = "created"},
};

const struct meta_message meta_usher_v1_upsert_user_reply = {
	.full_name = "usher.v1.UpsertUserReply",
	.fields = fields_of_meta_usher_v1_upsert_user_reply,
	.fields_count = 2,
};
