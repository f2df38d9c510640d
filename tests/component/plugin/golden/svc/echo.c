/* echo.c - made by protoc-gen-usher from echo.proto: change that. */
#include "gen/svc/echo.h"

#include "gen/meta/well_known.h"
#include "gen/meta/echo.h"

static status
call_echo_say(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return echo_say(env, call, (const Usher__Test__SayRequest *)req, (Usher__Test__SayReply *)reply);
}

static const struct access_rule access_echo_say[] = {
	{ACCESS_SELF, "user_id"},
	{ACCESS_ORG, "users.write"},
	{ACCESS_KEY, "context.write"},
	{ACCESS_PLATFORM, "users.write"},
};

static status
call_echo_get_last(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return echo_get_last(env, call, (const Usher__Test__GetLastRequest *)req, (Usher__Test__SayReply *)reply);
}

static status
call_echo_get_last_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return echo_get_last_cached(env, call, (const Usher__Test__GetLastRequest *)req, (Usher__Test__SayReply *)reply);
}

static const struct access_rule access_echo_get_last[] = {
	{ACCESS_ACCOUNT, ""},
	{ACCESS_SELF, ""},
};

static status
call_echo_draw(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return echo_draw(env, call, (const Usher__Test__DrawRequest *)req, (Usher__Test__Shape *)reply);
}

static const struct access_rule access_echo_draw[] = {
	{ACCESS_KEY, "context.write"},
};

static status
call_echo_forget(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return echo_forget(env, call, (const Google__Protobuf__Empty *)req, (Google__Protobuf__Empty *)reply);
}

static const struct access_rule access_echo_forget[] = {
	{ACCESS_PUBLIC, ""},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0xa6b856dc),
		.name = "usher.test.EchoService/Say",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_RECENT,
		.idempotent_by_key = true,
		.audit = true,
		.batchable = true,
		.deadline_ms = 2500,
		.bytes_max = 65536,
		.access = access_echo_say,
		.access_count = 4,
		.request_meta = &meta_usher_test_say_request,
		.reply_meta = &meta_usher_test_say_reply,
		.request = &usher__test__say_request__descriptor,
		.reply = &usher__test__say_reply__descriptor,
		.handle = call_echo_say,
	},
	{
		.id = UINT32_C(0x12e6e32b),
		.name = "usher.test.EchoService/GetLast",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_echo_get_last,
		.access_count = 2,
		.request_meta = &meta_usher_test_get_last_request,
		.reply_meta = &meta_usher_test_say_reply,
		.request = &usher__test__get_last_request__descriptor,
		.reply = &usher__test__say_reply__descriptor,
		.handle = call_echo_get_last,
		.handle_cached = call_echo_get_last_cached,
	},
	{
		.id = UINT32_C(0x795a36e7),
		.name = "usher.test.EchoService/Draw",
		.lane = LANE_BULK,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_echo_draw,
		.access_count = 1,
		.request_meta = &meta_usher_test_draw_request,
		.reply_meta = &meta_usher_test_shape,
		.request = &usher__test__draw_request__descriptor,
		.reply = &usher__test__shape__descriptor,
		.handle = call_echo_draw,
	},
	{
		.id = UINT32_C(0xa1a31828),
		.name = "usher.test.EchoService/Forget",
		.lane = LANE_HASH,
		.effect = EFFECT_RESTRICT,
		.assurance = ASSURANCE_SECOND_FACTOR,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_echo_forget,
		.access_count = 1,
		.request_meta = &meta_google_protobuf_empty,
		.reply_meta = &meta_google_protobuf_empty,
		.request = &google__protobuf__empty__descriptor,
		.reply = &google__protobuf__empty__descriptor,
		.handle = call_echo_forget,
	},
};

const struct rpc_service echo_service = {
	.name = "usher.test.EchoService",
	.short_name = "echo",
	.methods = methods,
	.methods_count = 4,
};
