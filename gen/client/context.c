/* context.c - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#include "gen/client/context.h"

const struct client_method context_create_chatbot_method = {
	.id = UINT32_C(0x500588fd),
	.name = "usher.v1.ContextService/CreateChatbot",
	.request = &usher__v1__create_chatbot_request__descriptor,
	.reply = &usher__v1__chatbot__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method context_get_chatbot_method = {
	.id = UINT32_C(0xe7d485f5),
	.name = "usher.v1.ContextService/GetChatbot",
	.request = &usher__v1__get_chatbot_request__descriptor,
	.reply = &usher__v1__chatbot__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method context_list_chatbots_method = {
	.id = UINT32_C(0xa2998e92),
	.name = "usher.v1.ContextService/ListChatbots",
	.request = &usher__v1__list_chatbots_request__descriptor,
	.reply = &usher__v1__list_chatbots_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method context_create_api_key_method = {
	.id = UINT32_C(0x09e02ab1),
	.name = "usher.v1.ContextService/CreateApiKey",
	.request = &usher__v1__create_api_key_request__descriptor,
	.reply = &usher__v1__create_api_key_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method context_list_api_keys_method = {
	.id = UINT32_C(0xcb3f5a0e),
	.name = "usher.v1.ContextService/ListApiKeys",
	.request = &usher__v1__list_api_keys_request__descriptor,
	.reply = &usher__v1__list_api_keys_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method context_revoke_api_key_method = {
	.id = UINT32_C(0xad950347),
	.name = "usher.v1.ContextService/RevokeApiKey",
	.request = &usher__v1__revoke_api_key_request__descriptor,
	.reply = &usher__v1__api_key__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_RESTRICT,
	.idempotent_by_key = true,
};

const struct client_method context_get_profile_method = {
	.id = UINT32_C(0x4590627b),
	.name = "usher.v1.ContextService/GetProfile",
	.request = &usher__v1__get_profile_request__descriptor,
	.reply = &usher__v1__get_profile_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method context_put_profile_method = {
	.id = UINT32_C(0x2bff1030),
	.name = "usher.v1.ContextService/PutProfile",
	.request = &usher__v1__put_profile_request__descriptor,
	.reply = &usher__v1__get_profile_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
	.batchable = true,
};

const struct client_method context_append_turns_method = {
	.id = UINT32_C(0xb1cd7ba2),
	.name = "usher.v1.ContextService/AppendTurns",
	.request = &usher__v1__append_turns_request__descriptor,
	.reply = &usher__v1__append_turns_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
	.batchable = true,
};

const struct client_method context_list_turns_method = {
	.id = UINT32_C(0xf1c49e4a),
	.name = "usher.v1.ContextService/ListTurns",
	.request = &usher__v1__list_turns_request__descriptor,
	.reply = &usher__v1__list_turns_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method context_resolve_method = {
	.id = UINT32_C(0x0583b8ea),
	.name = "usher.v1.ContextService/Resolve",
	.request = &usher__v1__resolve_request__descriptor,
	.reply = &usher__v1__resolve_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.idempotent_by_key = true,
	.batchable = true,
	.inline_read = true,
	.write_field = 4,
};

const struct client_method context_get_context_method = {
	.id = UINT32_C(0xab02dc41),
	.name = "usher.v1.ContextService/GetContext",
	.request = &usher__v1__get_context_request__descriptor,
	.reply = &usher__v1__get_context_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
	.inline_read = true,
};

const struct client_method context_batch_get_context_method = {
	.id = UINT32_C(0x3eb57f4d),
	.name = "usher.v1.ContextService/BatchGetContext",
	.request = &usher__v1__batch_get_context_request__descriptor,
	.reply = &usher__v1__batch_get_context_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
};
