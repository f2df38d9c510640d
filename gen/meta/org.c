/* org.c - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#include "gen/meta/org.h"
#include "gen/meta/well_known.h"
#include "gen/meta/common.h"

static const struct meta_field fields_of_meta_usher_v1_org[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "slug", .json_name = "slug"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "display_name", .json_name = "displayName"},
	{.number = 4, .type = META_INT64, .oneof = -1,
	    .name = "version", .json_name = "version"},
	{.number = 5, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "created_at", .json_name = "createdAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_org = {
	.full_name = "usher.v1.Org",
	.fields = fields_of_meta_usher_v1_org,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_v1_create_org_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId", .length_max = 36},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "slug", .json_name = "slug", .length_max = 63},
	{.number = 3, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
};

const struct meta_message meta_usher_v1_create_org_request = {
	.full_name = "usher.v1.CreateOrgRequest",
	.fields = fields_of_meta_usher_v1_create_org_request,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_get_org_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "org_id", .json_name = "orgId", .length_max = 36},
};

const struct meta_message meta_usher_v1_get_org_request = {
	.full_name = "usher.v1.GetOrgRequest",
	.fields = fields_of_meta_usher_v1_get_org_request,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_list_members_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "org_id", .json_name = "orgId", .length_max = 36},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_request},
};

const struct meta_message meta_usher_v1_list_members_request = {
	.full_name = "usher.v1.ListMembersRequest",
	.fields = fields_of_meta_usher_v1_list_members_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_v1_member[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "user", .json_name = "user", .message = &meta_usher_v1_user},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "account_id", .json_name = "accountId"},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "joined_at", .json_name = "joinedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_member = {
	.full_name = "usher.v1.Member",
	.fields = fields_of_meta_usher_v1_member,
	.fields_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_list_members_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "members", .json_name = "members", .message = &meta_usher_v1_member},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "page", .json_name = "page", .message = &meta_usher_v1_page_reply},
};

const struct meta_message meta_usher_v1_list_members_reply = {
	.full_name = "usher.v1.ListMembersReply",
	.fields = fields_of_meta_usher_v1_list_members_reply,
	.fields_count = 2,
};
