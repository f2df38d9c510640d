/* ask.h - from what a request names to what memory and statements want, with the caller's rights.
 *
 * A chatbot's key is about its own chatbot alone: any other is not found. Logins and services' keys
 * name the chatbot. Which user: principal_pick_user().
 * Threads: the call's. Outputs borrow the request. */
#ifndef USHER_SVC_CONTEXT_ASK_H
#define USHER_SVC_CONTEXT_ASK_H

#include "svc/context/env.h"
#include "svc/context/memory.h"

#define CHATBOT_NOT_FOUND REFUSE_FOR(ST_NOT_FOUND, "CHATBOT_NOT_FOUND", "there is no such chatbot")
#define USER_NOT_FOUND REFUSE_FOR(ST_NOT_FOUND, "USER_NOT_FOUND", "there is no such user")
#define CONVERSATION_NOT_FOUND                                                                     \
	REFUSE_FOR(ST_NOT_FOUND, "CONVERSATION_NOT_FOUND", "there is no such conversation")

#define CHATBOT_DISABLED                                                                           \
	REFUSE_FOR(ST_FAILED_PRECONDITION, "CHATBOT_DISABLED", "the chatbot is disabled")
#define USER_DISABLED REFUSE_FOR(ST_FAILED_PRECONDITION, "USER_DISABLED", "the user is disabled")

/* A chatbot as a request names it: by id, or by alias. */
struct chatbot_ref {
	bool given;
	const char *alias; /* NULL: by id */
	struct uuid id;
};

/* Errors: INVALID_ARGUMENT (none named and none implied, and required), NOT_FOUND (another than the
 * key's, by id). By alias, the caller compares what it found:
 * ask_chatbot_is_allowed(). */
MUST_USE status ask_chatbot(
    struct rpc_call *call, const char *text, bool required, struct chatbot_ref *out);
bool ask_chatbot_is_allowed(const struct principal *principal, const struct uuid *chatbot_id);

/* Errors: those of ask_chatbot() and principal_pick_user(). */
MUST_USE status ask_context(struct rpc_call *call, const char *chatbot, bool chatbot_required,
    const char *user, struct context_ask *out);

/* May the caller have what the entry says?
 * Errors: NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION CHATBOT_DISABLED, USER_DISABLED. */
MUST_USE status ask_admit(
    const struct rpc_call *call, const struct context_ask *ask, const struct context_entry *entry);
/* Of that, what is about the chatbot. */
MUST_USE status ask_admit_chatbot(
    const struct rpc_call *call, const struct context_ask *ask, const struct context_entry *entry);

/* Find a chatbot in the database. Errors: those of ask_chatbot(), NOT_FOUND. */
MUST_USE status ask_find_chatbot(
    struct rpc_call *call, const char *text, bool required, struct uuid *out);
/* What a row of the database says of the user that the call turns out to be about: one whom the
 * caller may touch? A key works for nobody who is disabled; administrators see and mend them.
 * Errors: PERMISSION_DENIED, FAILED_PRECONDITION USER_DISABLED. */
MUST_USE status ask_admit_user(
    const struct rpc_call *call, const struct uuid *user_id, int64_t user_status);
/* Find a user in the database. Errors: those of principal_pick_user(), NOT_FOUND, those of
 * ask_admit_user(). */
MUST_USE status ask_find_user(struct rpc_call *call, const char *text, struct uuid *out);

#endif
