/* auth.c - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#include "gen/svc/auth.h"

#include "gen/meta/common.h"
#include "gen/meta/auth.h"

static status
call_auth_sign_up(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_sign_up(env, call, (const Usher__V1__SignUpRequest *)req, (Usher__V1__SignUpReply *)reply);
}

static const struct access_rule access_auth_sign_up[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_auth_verify_email(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_verify_email(env, call, (const Usher__V1__VerifyEmailRequest *)req, (Usher__V1__Tokens *)reply);
}

static const struct access_rule access_auth_verify_email[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_auth_login(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_login(env, call, (const Usher__V1__LoginRequest *)req, (Usher__V1__Tokens *)reply);
}

static const struct access_rule access_auth_login[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_auth_refresh(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_refresh(env, call, (const Usher__V1__RefreshRequest *)req, (Usher__V1__Tokens *)reply);
}

static const struct access_rule access_auth_refresh[] = {
	{ACCESS_PUBLIC, ""},
};

static status
call_auth_logout(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_logout(env, call, (const Usher__V1__LogoutRequest *)req, (Usher__V1__LogoutReply *)reply);
}

static const struct access_rule access_auth_logout[] = {
	{ACCESS_ACCOUNT, ""},
};

static status
call_auth_introspect(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_introspect(env, call, (const Usher__V1__IntrospectRequest *)req, (Usher__V1__IntrospectReply *)reply);
}

static const struct access_rule access_auth_introspect[] = {
	{ACCESS_KEY, "tokens.introspect"},
	{ACCESS_ORG, "tokens.introspect"},
	{ACCESS_PLATFORM, "tokens.introspect"},
};

static status
call_auth_get_jwks(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_get_jwks(env, call, (const Usher__V1__GetJwksRequest *)req, (Usher__V1__GetJwksReply *)reply);
}

static status
call_auth_get_jwks_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return auth_get_jwks_cached(env, call, (const Usher__V1__GetJwksRequest *)req, (Usher__V1__GetJwksReply *)reply);
}

static const struct access_rule access_auth_get_jwks[] = {
	{ACCESS_PUBLIC, ""},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0x331cfbc5),
		.name = "usher.v1.AuthService/SignUp",
		.lane = LANE_HASH,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_sign_up,
		.access_count = 1,
		.request_meta = &meta_usher_v1_sign_up_request,
		.reply_meta = &meta_usher_v1_sign_up_reply,
		.request = &usher__v1__sign_up_request__descriptor,
		.reply = &usher__v1__sign_up_reply__descriptor,
		.handle = call_auth_sign_up,
	},
	{
		.id = UINT32_C(0x7cfc5818),
		.name = "usher.v1.AuthService/VerifyEmail",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_verify_email,
		.access_count = 1,
		.request_meta = &meta_usher_v1_verify_email_request,
		.reply_meta = &meta_usher_v1_tokens,
		.request = &usher__v1__verify_email_request__descriptor,
		.reply = &usher__v1__tokens__descriptor,
		.handle = call_auth_verify_email,
	},
	{
		.id = UINT32_C(0xd03e4e0e),
		.name = "usher.v1.AuthService/Login",
		.lane = LANE_HASH,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_login,
		.access_count = 1,
		.request_meta = &meta_usher_v1_login_request,
		.reply_meta = &meta_usher_v1_tokens,
		.request = &usher__v1__login_request__descriptor,
		.reply = &usher__v1__tokens__descriptor,
		.handle = call_auth_login,
	},
	{
		.id = UINT32_C(0x4355d338),
		.name = "usher.v1.AuthService/Refresh",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_refresh,
		.access_count = 1,
		.request_meta = &meta_usher_v1_refresh_request,
		.reply_meta = &meta_usher_v1_tokens,
		.request = &usher__v1__refresh_request__descriptor,
		.reply = &usher__v1__tokens__descriptor,
		.handle = call_auth_refresh,
	},
	{
		.id = UINT32_C(0x5e7dba2f),
		.name = "usher.v1.AuthService/Logout",
		.lane = LANE_QUERY,
		.effect = EFFECT_RESTRICT,
		.assurance = ASSURANCE_NONE,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_logout,
		.access_count = 1,
		.request_meta = &meta_usher_v1_logout_request,
		.reply_meta = &meta_usher_v1_logout_reply,
		.request = &usher__v1__logout_request__descriptor,
		.reply = &usher__v1__logout_reply__descriptor,
		.handle = call_auth_logout,
	},
	{
		.id = UINT32_C(0xddf98a6e),
		.name = "usher.v1.AuthService/Introspect",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_introspect,
		.access_count = 3,
		.request_meta = &meta_usher_v1_introspect_request,
		.reply_meta = &meta_usher_v1_introspect_reply,
		.request = &usher__v1__introspect_request__descriptor,
		.reply = &usher__v1__introspect_reply__descriptor,
		.handle = call_auth_introspect,
	},
	{
		.id = UINT32_C(0x85cd7f82),
		.name = "usher.v1.AuthService/GetJwks",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_auth_get_jwks,
		.access_count = 1,
		.request_meta = &meta_usher_v1_get_jwks_request,
		.reply_meta = &meta_usher_v1_get_jwks_reply,
		.request = &usher__v1__get_jwks_request__descriptor,
		.reply = &usher__v1__get_jwks_reply__descriptor,
		.handle = call_auth_get_jwks,
		.handle_cached = call_auth_get_jwks_cached,
	},
};

const struct rpc_service auth_service = {
	.name = "usher.v1.AuthService",
	.short_name = "auth",
	.methods = methods,
	.methods_count = 7,
};
