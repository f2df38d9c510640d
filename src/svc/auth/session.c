#include "svc/auth/session.h"

#include "crypt/secret.h"
#include "gen/svc/auth.h"
#include "svc/common/reply.h"

int64_t
auth_failure_at_us(const struct auth_env *env, const struct rpc_call *call)
{
	return call->came_us + env->failure_time_us;
}

static const struct uuid *
id_or_null(const struct uuid *id)
{
	return uuid_is_nil(id) ? NULL : id;
}

/* Sign with the ring as it is in memory, or as the database has it when memory has lost it. */
static status
access_token_issue(const struct auth_env *env, struct rpc_call *call, struct token_claims *claims,
    const char **text)
{
	status st = keyring_issue(env->keyring, call->now_us, call->arena, claims, text);

	if (st.code != ST_UNAVAILABLE)
		return st;
	TRY(keyring_refresh(env->keyring, call->conn, call->arena));
	return keyring_issue(env->keyring, call->now_us, call->arena, claims, text);
}

status
auth_tokens_fill(const struct auth_env *env, struct rpc_call *call, const struct uuid *session_id,
    const struct auth_subject *subject, const char *refresh_token, Usher__V1__Tokens *reply)
{
	struct token_claims claims = {
	    .account_id = subject->account_id,
	    .org_id = subject->org_id,
	    .user_id = subject->user_id,
	    .session_id = *session_id,
	};
	const char *access_token;

	TRY(uuid_make(call->clock, call->rand, &claims.token_id));
	TRY(access_token_issue(env, call, &claims, &access_token));
	reply->access_token = (char *)access_token;
	reply->refresh_token = arena_copy_text(call->arena, refresh_token);
	if (!reply->refresh_token)
		return ARENA_EXHAUSTED;
	reply->token_type = "Bearer";
	reply->expires_in = (int32_t)((claims.expires_at_us - claims.issued_at_us) / US_PER_S);
	TRY(reply_id(call, session_id, &reply->session_id));
	TRY(reply_id(call, &subject->account_id, &reply->account_id));
	TRY(reply_id(call, &subject->user_id, &reply->user_id));
	return reply_id(call, &subject->org_id, &reply->org_id);
}

status
auth_session_open(const struct auth_env *env, struct rpc_call *call,
    const struct auth_subject *subject, Usher__V1__Tokens *reply)
{
	struct uuid session_id, token_id;
	char token[SECRET_TEXT_BYTES_MAX];
	struct secret secret;
	ROWS_AUTO rows = {0};

	TRY(uuid_make(call->clock, call->rand, &session_id));
	TRY(uuid_make(call->clock, call->rand, &token_id));
	TRY(secret_make(call->rand, SECRET_REFRESH, &token_id, token, &secret));
	TRY(STORE_QUERY(call->conn, STMT_AUTH_SESSION_OPEN, &rows, p_uuid(&session_id),
	    p_uuid(&subject->account_id), p_uuid(id_or_null(&subject->org_id)),
	    p_uuid(id_or_null(&subject->user_id)), p_int(env->session_ttl_us), p_uuid(&token_id),
	    p_bytes(slice_of(secret.digest.bytes, CRYPT_DIGEST_BYTES)),
	    p_int(env->refresh_ttl_us)));
	if (rows.count == 0)
		return REFUSE_FOR(
		    ST_UNAUTHENTICATED, "ACCOUNT_DISABLED", "the account is disabled");
	call->audit_subject = subject->account_id;
	call->audit_org = subject->org_id;
	return auth_tokens_fill(env, call, &session_id, subject, token, reply);
}

status
auth_session_revoke(struct rpc_call *call, const struct uuid *session_id, const char *reason)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(
	    call->conn, STMT_AUTH_SESSION_REVOKE, &rows, p_uuid(session_id), p_text(reason)));
	call->was_gone = rows.count == 0;
	if (call->was_gone)
		return store_change(call->conn, CHANGE_NOTHING, NULL, NULL, true);
	return store_change(call->conn, CHANGE_SESSION, session_id, NULL, true);
}

/* Logout: end the caller's session, on every node before this is answered. */
status
auth_logout(const struct auth_env *env, struct rpc_call *call, const Usher__V1__LogoutRequest *req,
    Usher__V1__LogoutReply *reply)
{
	(void)env, (void)req, (void)reply;
	call->audit_subject = call->principal->session_id;
	return auth_session_revoke(call, &call->principal->session_id, "logout");
}
