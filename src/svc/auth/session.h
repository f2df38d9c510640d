/* session.h - sessions and the tokens that stand for them.
 *
 * Threads: the call's. Blocks: on the database. */
#ifndef USHER_SVC_AUTH_SESSION_H
#define USHER_SVC_AUTH_SESSION_H

#include "gen/pb/usher/v1/common.pb-c.h"
#include "svc/auth/auth.h"

/* Whom a session is for. org_id and user_id are both nil for an account without a user. */
struct auth_subject {
	struct uuid account_id;
	struct uuid org_id, user_id;
};

/* Open a session in the call's transaction and give its first tokens.
 * Errors: UNAUTHENTICATED (the account was disabled a moment ago); as store_query();
 *         as keyring_issue(). */
MUST_USE status auth_session_open(const struct auth_env *env, struct rpc_call *call,
    const struct auth_subject *subject, Usher__V1__Tokens *reply);

/* Tokens for a session: an access token is signed, the refresh token is given.
 * Errors: as keyring_issue() and keyring_refresh(); RESOURCE_EXHAUSTED (arena), INTERNAL (random
 * source). */
MUST_USE status auth_tokens_fill(const struct auth_env *env, struct rpc_call *call,
    const struct uuid *session_id, const struct auth_subject *subject, const char *refresh_token,
    Usher__V1__Tokens *reply);

/* End a session in the call's transaction. One that has ended already: call->was_gone is set, and
 * the repeat waits for a barrier like the first. */
MUST_USE status auth_session_revoke(
    struct rpc_call *call, const struct uuid *session_id, const char *reason);

/* The boottime at which a call that must not tell what it found is answered. */
int64_t auth_failure_at_us(const struct auth_env *env, const struct rpc_call *call);

#endif
