/* user.c - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#include "gen/svc/user.h"

#include "gen/meta/common.h"
#include "gen/meta/user.h"

static status
call_user_get_me(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return user_get_me(env, call, (const Usher__V1__GetMeRequest *)req, (Usher__V1__User *)reply);
}

static const struct access_rule access_user_get_me[] = {
	{ACCESS_SELF, ""},
};

static status
call_user_update_me(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return user_update_me(env, call, (const Usher__V1__UpdateMeRequest *)req, (Usher__V1__User *)reply);
}

static const struct access_rule access_user_update_me[] = {
	{ACCESS_SELF, ""},
};

static status
call_user_get_user(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return user_get_user(env, call, (const Usher__V1__GetUserRequest *)req, (Usher__V1__User *)reply);
}

static const struct access_rule access_user_get_user[] = {
	{ACCESS_SELF, "user_id"},
	{ACCESS_ORG, "users.read"},
	{ACCESS_KEY, "users.read"},
	{ACCESS_PLATFORM, "users.read"},
};

static status
call_user_list_users(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return user_list_users(env, call, (const Usher__V1__ListUsersRequest *)req, (Usher__V1__ListUsersReply *)reply);
}

static const struct access_rule access_user_list_users[] = {
	{ACCESS_ORG, "users.read"},
	{ACCESS_KEY, "users.read"},
	{ACCESS_PLATFORM, "users.read"},
};

static status
call_user_upsert_user(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return user_upsert_user(env, call, (const Usher__V1__UpsertUserRequest *)req, (Usher__V1__UpsertUserReply *)reply);
}

static const struct access_rule access_user_upsert_user[] = {
	{ACCESS_ORG, "users.write"},
	{ACCESS_KEY, "users.write"},
	{ACCESS_PLATFORM, "users.write"},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0x723719e6),
		.name = "usher.v1.UserService/GetMe",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_user_get_me,
		.access_count = 1,
		.request_meta = &meta_usher_v1_get_me_request,
		.reply_meta = &meta_usher_v1_user,
		.request = &usher__v1__get_me_request__descriptor,
		.reply = &usher__v1__user__descriptor,
		.handle = call_user_get_me,
	},
	{
		.id = UINT32_C(0xe8551437),
		.name = "usher.v1.UserService/UpdateMe",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_user_update_me,
		.access_count = 1,
		.request_meta = &meta_usher_v1_update_me_request,
		.reply_meta = &meta_usher_v1_user,
		.request = &usher__v1__update_me_request__descriptor,
		.reply = &usher__v1__user__descriptor,
		.handle = call_user_update_me,
	},
	{
		.id = UINT32_C(0x1ff54113),
		.name = "usher.v1.UserService/GetUser",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_user_get_user,
		.access_count = 4,
		.request_meta = &meta_usher_v1_get_user_request,
		.reply_meta = &meta_usher_v1_user,
		.request = &usher__v1__get_user_request__descriptor,
		.reply = &usher__v1__user__descriptor,
		.handle = call_user_get_user,
	},
	{
		.id = UINT32_C(0x1d5cfc04),
		.name = "usher.v1.UserService/ListUsers",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_user_list_users,
		.access_count = 3,
		.request_meta = &meta_usher_v1_list_users_request,
		.reply_meta = &meta_usher_v1_list_users_reply,
		.request = &usher__v1__list_users_request__descriptor,
		.reply = &usher__v1__list_users_reply__descriptor,
		.handle = call_user_list_users,
	},
	{
		.id = UINT32_C(0x61012a94),
		.name = "usher.v1.UserService/UpsertUser",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_user_upsert_user,
		.access_count = 3,
		.request_meta = &meta_usher_v1_upsert_user_request,
		.reply_meta = &meta_usher_v1_upsert_user_reply,
		.request = &usher__v1__upsert_user_request__descriptor,
		.reply = &usher__v1__upsert_user_reply__descriptor,
		.handle = call_user_upsert_user,
	},
};

const struct rpc_service user_service = {
	.name = "usher.v1.UserService",
	.short_name = "user",
	.methods = methods,
	.methods_count = 5,
};
