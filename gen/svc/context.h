/* context.h - made by protoc-gen-usher from usher/v1/context.proto: change that. */
#ifndef USHER_GEN_SVC_CONTEXT_H
#define USHER_GEN_SVC_CONTEXT_H

#include "base/status.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct context_env;
struct rpc_call;

extern const struct rpc_service context_service;

/* Make a chatbot. With a chatbot_id that exists and the same content, the answer is the chatbot
 * as it is.
 * Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS CHATBOT_EXISTS (that id, with other content)
 * or ALIAS_TAKEN. */
status context_create_chatbot(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__CreateChatbotRequest *req, Usher__V1__Chatbot *reply);

/* One chatbot of the organisation. chatbot_id may be an alias.
 * Errors: NOT_FOUND. */
status context_get_chatbot(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetChatbotRequest *req, Usher__V1__Chatbot *reply);

/* Oldest first. */
status context_list_chatbots(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListChatbotsRequest *req, Usher__V1__ListChatbotsReply *reply);

/* The key's text is in this reply and nowhere else.
 * Errors: NOT_FOUND (chatbot or user), PERMISSION_DENIED (a scope that the caller may not give; on
 * behalf of one user, a key that is not bound to them). */
status context_create_api_key(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__CreateApiKeyRequest *req, Usher__V1__CreateApiKeyReply *reply);

/* Without their secrets. Revoked and expired ones are listed too.
 * Errors: NOT_FOUND (chatbot), PERMISSION_DENIED (on behalf of one user). */
status context_list_api_keys(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListApiKeysRequest *req, Usher__V1__ListApiKeysReply *reply);

/* When this is answered, no node accepts the key any more. Revoking it again is no error. The
 * bridge's key is a service's of the system organisation, which an operator names in the envelope.
 * Errors: NOT_FOUND, UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call). */
status context_revoke_api_key(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__RevokeApiKeyRequest *req, Usher__V1__ApiKey *reply);

/* By the user themself, an administrator, or a key with the scope.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys). */
status context_get_profile(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetProfileRequest *req, Usher__V1__GetProfileReply *reply);

/* Fields absent from update_mask stay; without a mask the whole profile is replaced.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys), ABORTED VERSION_MISMATCH. */
status context_put_profile(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__PutProfileRequest *req, Usher__V1__GetProfileReply *reply);

/* Append to a conversation; made if it does not exist.
 * Errors: INVALID_ARGUMENT USER_MISSING (a new conversation, and no user is named or implied),
 * NOT_FOUND (chatbot, user), PERMISSION_DENIED USER_NOT_ALLOWED (another user than the caller may
 * touch), FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
 * CONVERSATION_AMBIGUOUS (it is one's id and another's name), ABORTED SEQUENCE_MISMATCH
 * (expect_seq is not the next one). */
status context_append_turns(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__AppendTurnsRequest *req, Usher__V1__AppendTurnsReply *reply);

/* Newest first.
 * Errors: NOT_FOUND (chatbot, conversation), FAILED_PRECONDITION USER_DISABLED (for keys). */
status context_list_turns(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListTurnsRequest *req, Usher__V1__ListTurnsReply *reply);

/* The main job: who calls, which chatbot, which user, and the block for the prompt, in one round
 * trip. With a conversation the message is appended to it (a write, durable when answered), for
 * those who may AppendTurns.
 * Errors: INVALID_ARGUMENT (shape), or USER_MISSING (none is named, and the credential implies
 * none); NOT_FOUND (chatbot, user); PERMISSION_DENIED USER_NOT_ALLOWED (another user than the
 * caller may touch) or PERMISSION_MISSING (a message to store, and no right to);
 * FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
 * CONVERSATION_AMBIGUOUS (it is one's id and another's name); RESOURCE_EXHAUSTED QUOTA_EXCEEDED
 * with retry_after_ms. */
status context_resolve(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ResolveRequest *req, Usher__V1__ResolveReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status context_resolve_cached(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ResolveRequest *req, Usher__V1__ResolveReply *reply);

/* The block alone, for a user.
 * Errors: Resolve's, without those of storing (PERMISSION_MISSING, CONVERSATION_AMBIGUOUS). */
status context_get_context(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetContextRequest *req, Usher__V1__GetContextReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status context_get_context_cached(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetContextRequest *req, Usher__V1__GetContextReply *reply);

/* Blocks for up to 100 users; one that is not found, or disabled, has found = false. What would make
 * the reply larger than a message may be has left_out: ask for it again.
 * Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot), PERMISSION_DENIED USER_NOT_ALLOWED (for
 * any of them), FAILED_PRECONDITION CHATBOT_DISABLED, RESOURCE_EXHAUSTED QUOTA_EXCEEDED with
 * retry_after_ms. */
status context_batch_get_context(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__BatchGetContextRequest *req, Usher__V1__BatchGetContextReply *reply);

#endif
