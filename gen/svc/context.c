/* context.c - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#include "gen/svc/context.h"

#include "gen/meta/context.h"

static status
call_context_create_chatbot(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_create_chatbot(env, call, (const Usher__V1__CreateChatbotRequest *)req, (Usher__V1__Chatbot *)reply);
}

static const struct access_rule access_context_create_chatbot[] = {
	{ACCESS_ORG, "chatbots.write"},
	{ACCESS_PLATFORM, "chatbots.write"},
};

static status
call_context_get_chatbot(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_get_chatbot(env, call, (const Usher__V1__GetChatbotRequest *)req, (Usher__V1__Chatbot *)reply);
}

static const struct access_rule access_context_get_chatbot[] = {
	{ACCESS_ORG, "chatbots.read"},
	{ACCESS_KEY, "chatbots.read"},
	{ACCESS_PLATFORM, "chatbots.read"},
};

static status
call_context_list_chatbots(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_list_chatbots(env, call, (const Usher__V1__ListChatbotsRequest *)req, (Usher__V1__ListChatbotsReply *)reply);
}

static const struct access_rule access_context_list_chatbots[] = {
	{ACCESS_ORG, "chatbots.read"},
	{ACCESS_PLATFORM, "chatbots.read"},
};

static status
call_context_create_api_key(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_create_api_key(env, call, (const Usher__V1__CreateApiKeyRequest *)req, (Usher__V1__CreateApiKeyReply *)reply);
}

static const struct access_rule access_context_create_api_key[] = {
	{ACCESS_ORG, "keys.write"},
	{ACCESS_PLATFORM, "keys.write"},
};

static status
call_context_list_api_keys(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_list_api_keys(env, call, (const Usher__V1__ListApiKeysRequest *)req, (Usher__V1__ListApiKeysReply *)reply);
}

static const struct access_rule access_context_list_api_keys[] = {
	{ACCESS_ORG, "keys.read"},
	{ACCESS_PLATFORM, "keys.read"},
};

static status
call_context_revoke_api_key(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_revoke_api_key(env, call, (const Usher__V1__RevokeApiKeyRequest *)req, (Usher__V1__ApiKey *)reply);
}

static const struct access_rule access_context_revoke_api_key[] = {
	{ACCESS_ORG, "keys.write"},
	{ACCESS_PLATFORM, "keys.write"},
};

static status
call_context_get_profile(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_get_profile(env, call, (const Usher__V1__GetProfileRequest *)req, (Usher__V1__GetProfileReply *)reply);
}

static const struct access_rule access_context_get_profile[] = {
	{ACCESS_SELF, "user_id"},
	{ACCESS_ORG, "profiles.read"},
	{ACCESS_KEY, "context.read"},
	{ACCESS_PLATFORM, "profiles.read"},
};

static status
call_context_put_profile(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_put_profile(env, call, (const Usher__V1__PutProfileRequest *)req, (Usher__V1__GetProfileReply *)reply);
}

static const struct access_rule access_context_put_profile[] = {
	{ACCESS_SELF, "user_id"},
	{ACCESS_ORG, "profiles.write"},
	{ACCESS_KEY, "context.write"},
	{ACCESS_PLATFORM, "profiles.write"},
};

static status
call_context_append_turns(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_append_turns(env, call, (const Usher__V1__AppendTurnsRequest *)req, (Usher__V1__AppendTurnsReply *)reply);
}

static const struct access_rule access_context_append_turns[] = {
	{ACCESS_KEY, "context.write"},
	{ACCESS_ORG, "conversations.write"},
};

static status
call_context_list_turns(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_list_turns(env, call, (const Usher__V1__ListTurnsRequest *)req, (Usher__V1__ListTurnsReply *)reply);
}

static const struct access_rule access_context_list_turns[] = {
	{ACCESS_KEY, "context.read"},
	{ACCESS_ORG, "conversations.read"},
};

static status
call_context_resolve(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_resolve(env, call, (const Usher__V1__ResolveRequest *)req, (Usher__V1__ResolveReply *)reply);
}

static status
call_context_resolve_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_resolve_cached(env, call, (const Usher__V1__ResolveRequest *)req, (Usher__V1__ResolveReply *)reply);
}

static const struct access_rule access_context_resolve[] = {
	{ACCESS_KEY, "context.read"},
	{ACCESS_ORG, "context.read"},
};

static status
call_context_get_context(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_get_context(env, call, (const Usher__V1__GetContextRequest *)req, (Usher__V1__GetContextReply *)reply);
}

static status
call_context_get_context_cached(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_get_context_cached(env, call, (const Usher__V1__GetContextRequest *)req, (Usher__V1__GetContextReply *)reply);
}

static const struct access_rule access_context_get_context[] = {
	{ACCESS_SELF, "user_id"},
	{ACCESS_KEY, "context.read"},
	{ACCESS_ORG, "context.read"},
};

static status
call_context_batch_get_context(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return context_batch_get_context(env, call, (const Usher__V1__BatchGetContextRequest *)req, (Usher__V1__BatchGetContextReply *)reply);
}

static const struct access_rule access_context_batch_get_context[] = {
	{ACCESS_KEY, "context.read"},
	{ACCESS_ORG, "context.read"},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0x500588fd),
		.name = "usher.v1.ContextService/CreateChatbot",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_create_chatbot,
		.access_count = 2,
		.request_meta = &meta_usher_v1_create_chatbot_request,
		.reply_meta = &meta_usher_v1_chatbot,
		.request = &usher__v1__create_chatbot_request__descriptor,
		.reply = &usher__v1__chatbot__descriptor,
		.handle = call_context_create_chatbot,
	},
	{
		.id = UINT32_C(0xe7d485f5),
		.name = "usher.v1.ContextService/GetChatbot",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_get_chatbot,
		.access_count = 3,
		.request_meta = &meta_usher_v1_get_chatbot_request,
		.reply_meta = &meta_usher_v1_chatbot,
		.request = &usher__v1__get_chatbot_request__descriptor,
		.reply = &usher__v1__chatbot__descriptor,
		.handle = call_context_get_chatbot,
	},
	{
		.id = UINT32_C(0xa2998e92),
		.name = "usher.v1.ContextService/ListChatbots",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_list_chatbots,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_chatbots_request,
		.reply_meta = &meta_usher_v1_list_chatbots_reply,
		.request = &usher__v1__list_chatbots_request__descriptor,
		.reply = &usher__v1__list_chatbots_reply__descriptor,
		.handle = call_context_list_chatbots,
	},
	{
		.id = UINT32_C(0x09e02ab1),
		.name = "usher.v1.ContextService/CreateApiKey",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_create_api_key,
		.access_count = 2,
		.request_meta = &meta_usher_v1_create_api_key_request,
		.reply_meta = &meta_usher_v1_create_api_key_reply,
		.request = &usher__v1__create_api_key_request__descriptor,
		.reply = &usher__v1__create_api_key_reply__descriptor,
		.handle = call_context_create_api_key,
	},
	{
		.id = UINT32_C(0xcb3f5a0e),
		.name = "usher.v1.ContextService/ListApiKeys",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_list_api_keys,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_api_keys_request,
		.reply_meta = &meta_usher_v1_list_api_keys_reply,
		.request = &usher__v1__list_api_keys_request__descriptor,
		.reply = &usher__v1__list_api_keys_reply__descriptor,
		.handle = call_context_list_api_keys,
	},
	{
		.id = UINT32_C(0xad950347),
		.name = "usher.v1.ContextService/RevokeApiKey",
		.lane = LANE_QUERY,
		.effect = EFFECT_RESTRICT,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_revoke_api_key,
		.access_count = 2,
		.request_meta = &meta_usher_v1_revoke_api_key_request,
		.reply_meta = &meta_usher_v1_api_key,
		.request = &usher__v1__revoke_api_key_request__descriptor,
		.reply = &usher__v1__api_key__descriptor,
		.handle = call_context_revoke_api_key,
	},
	{
		.id = UINT32_C(0x4590627b),
		.name = "usher.v1.ContextService/GetProfile",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_get_profile,
		.access_count = 4,
		.request_meta = &meta_usher_v1_get_profile_request,
		.reply_meta = &meta_usher_v1_get_profile_reply,
		.request = &usher__v1__get_profile_request__descriptor,
		.reply = &usher__v1__get_profile_reply__descriptor,
		.handle = call_context_get_profile,
	},
	{
		.id = UINT32_C(0x2bff1030),
		.name = "usher.v1.ContextService/PutProfile",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_put_profile,
		.access_count = 4,
		.request_meta = &meta_usher_v1_put_profile_request,
		.reply_meta = &meta_usher_v1_get_profile_reply,
		.request = &usher__v1__put_profile_request__descriptor,
		.reply = &usher__v1__get_profile_reply__descriptor,
		.handle = call_context_put_profile,
	},
	{
		.id = UINT32_C(0xb1cd7ba2),
		.name = "usher.v1.ContextService/AppendTurns",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_append_turns,
		.access_count = 2,
		.request_meta = &meta_usher_v1_append_turns_request,
		.reply_meta = &meta_usher_v1_append_turns_reply,
		.request = &usher__v1__append_turns_request__descriptor,
		.reply = &usher__v1__append_turns_reply__descriptor,
		.handle = call_context_append_turns,
	},
	{
		.id = UINT32_C(0xf1c49e4a),
		.name = "usher.v1.ContextService/ListTurns",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_list_turns,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_turns_request,
		.reply_meta = &meta_usher_v1_list_turns_reply,
		.request = &usher__v1__list_turns_request__descriptor,
		.reply = &usher__v1__list_turns_reply__descriptor,
		.handle = call_context_list_turns,
	},
	{
		.id = UINT32_C(0x0583b8ea),
		.name = "usher.v1.ContextService/Resolve",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_resolve,
		.access_count = 2,
		.request_meta = &meta_usher_v1_resolve_request,
		.reply_meta = &meta_usher_v1_resolve_reply,
		.request = &usher__v1__resolve_request__descriptor,
		.reply = &usher__v1__resolve_reply__descriptor,
		.handle = call_context_resolve,
		.handle_cached = call_context_resolve_cached,
	},
	{
		.id = UINT32_C(0xab02dc41),
		.name = "usher.v1.ContextService/GetContext",
		.lane = LANE_INLINE,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_get_context,
		.access_count = 3,
		.request_meta = &meta_usher_v1_get_context_request,
		.reply_meta = &meta_usher_v1_get_context_reply,
		.request = &usher__v1__get_context_request__descriptor,
		.reply = &usher__v1__get_context_reply__descriptor,
		.handle = call_context_get_context,
		.handle_cached = call_context_get_context_cached,
	},
	{
		.id = UINT32_C(0x3eb57f4d),
		.name = "usher.v1.ContextService/BatchGetContext",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_context_batch_get_context,
		.access_count = 2,
		.request_meta = &meta_usher_v1_batch_get_context_request,
		.reply_meta = &meta_usher_v1_batch_get_context_reply,
		.request = &usher__v1__batch_get_context_request__descriptor,
		.reply = &usher__v1__batch_get_context_reply__descriptor,
		.handle = call_context_batch_get_context,
	},
};

const struct rpc_service context_service = {
	.name = "usher.v1.ContextService",
	.short_name = "context",
	.methods = methods,
	.methods_count = 13,
};
