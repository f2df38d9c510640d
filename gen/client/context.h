/* context.h - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#ifndef USHER_GEN_CLIENT_CONTEXT_H
#define USHER_GEN_CLIENT_CONTEXT_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/usher/v1/context.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method context_create_chatbot_method;
extern const struct client_method context_get_chatbot_method;
extern const struct client_method context_list_chatbots_method;
extern const struct client_method context_create_api_key_method;
extern const struct client_method context_list_api_keys_method;
extern const struct client_method context_revoke_api_key_method;
extern const struct client_method context_get_profile_method;
extern const struct client_method context_put_profile_method;
extern const struct client_method context_append_turns_method;
extern const struct client_method context_list_turns_method;
extern const struct client_method context_resolve_method;
extern const struct client_method context_get_context_method;
extern const struct client_method context_batch_get_context_method;

/* Make a chatbot. With a chatbot_id that exists and the same content, the answer is the chatbot
 * as it is.
 * Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS CHATBOT_EXISTS (that id, with other content)
 * or ALIAS_TAKEN. */
static inline status
context_create_chatbot_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__CreateChatbotRequest *request, struct client_result *result)
{
	client_call(client, &context_create_chatbot_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Chatbot *
context_create_chatbot_reply(const struct client_result *result)
{
	return (const Usher__V1__Chatbot *)result->reply;
}

/* One chatbot of the organisation. chatbot_id may be an alias.
 * Errors: NOT_FOUND. */
static inline status
context_get_chatbot_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetChatbotRequest *request, struct client_result *result)
{
	client_call(client, &context_get_chatbot_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Chatbot *
context_get_chatbot_reply(const struct client_result *result)
{
	return (const Usher__V1__Chatbot *)result->reply;
}

/* Oldest first. */
static inline status
context_list_chatbots_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListChatbotsRequest *request, struct client_result *result)
{
	client_call(client, &context_list_chatbots_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListChatbotsReply *
context_list_chatbots_reply(const struct client_result *result)
{
	return (const Usher__V1__ListChatbotsReply *)result->reply;
}

/* The key's text is in this reply and nowhere else.
 * Errors: NOT_FOUND (chatbot or user), PERMISSION_DENIED (a scope that the caller may not give; on
 * behalf of one user, a key that is not bound to them). */
static inline status
context_create_api_key_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__CreateApiKeyRequest *request, struct client_result *result)
{
	client_call(client, &context_create_api_key_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__CreateApiKeyReply *
context_create_api_key_reply(const struct client_result *result)
{
	return (const Usher__V1__CreateApiKeyReply *)result->reply;
}

/* Without their secrets. Revoked and expired ones are listed too.
 * Errors: NOT_FOUND (chatbot), PERMISSION_DENIED (on behalf of one user). */
static inline status
context_list_api_keys_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListApiKeysRequest *request, struct client_result *result)
{
	client_call(client, &context_list_api_keys_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListApiKeysReply *
context_list_api_keys_reply(const struct client_result *result)
{
	return (const Usher__V1__ListApiKeysReply *)result->reply;
}

/* When this is answered, no node accepts the key any more. Revoking it again is no error. The
 * bridge's key is a service's of the system organisation, which an operator names in the envelope.
 * Errors: NOT_FOUND, UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call). */
static inline status
context_revoke_api_key_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__RevokeApiKeyRequest *request, struct client_result *result)
{
	client_call(client, &context_revoke_api_key_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ApiKey *
context_revoke_api_key_reply(const struct client_result *result)
{
	return (const Usher__V1__ApiKey *)result->reply;
}

/* By the user themself, an administrator, or a key with the scope.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys). */
static inline status
context_get_profile_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetProfileRequest *request, struct client_result *result)
{
	client_call(client, &context_get_profile_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetProfileReply *
context_get_profile_reply(const struct client_result *result)
{
	return (const Usher__V1__GetProfileReply *)result->reply;
}

/* Fields absent from update_mask stay; without a mask the whole profile is replaced.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys), ABORTED VERSION_MISMATCH. */
static inline status
context_put_profile_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__PutProfileRequest *request, struct client_result *result)
{
	client_call(client, &context_put_profile_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetProfileReply *
context_put_profile_reply(const struct client_result *result)
{
	return (const Usher__V1__GetProfileReply *)result->reply;
}

/* Append to a conversation; made if it does not exist.
 * Errors: INVALID_ARGUMENT USER_MISSING (a new conversation, and no user is named or implied),
 * NOT_FOUND (chatbot, user), PERMISSION_DENIED USER_NOT_ALLOWED (another user than the caller may
 * touch), FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
 * CONVERSATION_AMBIGUOUS (it is one's id and another's name), ABORTED SEQUENCE_MISMATCH
 * (expect_seq is not the next one). */
static inline status
context_append_turns_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__AppendTurnsRequest *request, struct client_result *result)
{
	client_call(client, &context_append_turns_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__AppendTurnsReply *
context_append_turns_reply(const struct client_result *result)
{
	return (const Usher__V1__AppendTurnsReply *)result->reply;
}

/* Newest first.
 * Errors: NOT_FOUND (chatbot, conversation), FAILED_PRECONDITION USER_DISABLED (for keys). */
static inline status
context_list_turns_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListTurnsRequest *request, struct client_result *result)
{
	client_call(client, &context_list_turns_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListTurnsReply *
context_list_turns_reply(const struct client_result *result)
{
	return (const Usher__V1__ListTurnsReply *)result->reply;
}

/* The main job: who calls, which chatbot, which user, and the block for the prompt, in one round
 * trip. With a conversation the message is appended to it (a write, durable when answered), for
 * those who may AppendTurns.
 * Errors: INVALID_ARGUMENT (shape), or USER_MISSING (none is named, and the credential implies
 * none); NOT_FOUND (chatbot, user); PERMISSION_DENIED USER_NOT_ALLOWED (another user than the
 * caller may touch) or PERMISSION_MISSING (a message to store, and no right to);
 * FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
 * CONVERSATION_AMBIGUOUS (it is one's id and another's name); RESOURCE_EXHAUSTED QUOTA_EXCEEDED
 * with retry_after_ms. */
static inline status
context_resolve_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ResolveRequest *request, struct client_result *result)
{
	client_call(client, &context_resolve_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ResolveReply *
context_resolve_reply(const struct client_result *result)
{
	return (const Usher__V1__ResolveReply *)result->reply;
}

/* The block alone, for a user.
 * Errors: Resolve's, without those of storing (PERMISSION_MISSING, CONVERSATION_AMBIGUOUS). */
static inline status
context_get_context_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetContextRequest *request, struct client_result *result)
{
	client_call(client, &context_get_context_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetContextReply *
context_get_context_reply(const struct client_result *result)
{
	return (const Usher__V1__GetContextReply *)result->reply;
}

/* Blocks for up to 100 users; one that is not found, or disabled, has found = false. What would make
 * the reply larger than a message may be has left_out: ask for it again.
 * Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot), PERMISSION_DENIED USER_NOT_ALLOWED (for
 * any of them), FAILED_PRECONDITION CHATBOT_DISABLED, RESOURCE_EXHAUSTED QUOTA_EXCEEDED with
 * retry_after_ms. */
static inline status
context_batch_get_context_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__BatchGetContextRequest *request, struct client_result *result)
{
	client_call(client, &context_batch_get_context_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__BatchGetContextReply *
context_batch_get_context_reply(const struct client_result *result)
{
	return (const Usher__V1__BatchGetContextReply *)result->reply;
}

#endif
