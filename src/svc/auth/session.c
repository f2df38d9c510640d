#include "svc/auth/session.h"

#include "base/log.h"
#include "crypt/secret.h"
#include "gen/svc/auth.h"
#include "svc/common/reply.h"

/* Of an encoded reply: an access token, a refresh token and ids. */
#define TOKENS_BYTES_MAX (TOKEN_TEXT_BYTES_MAX + SECRET_TEXT_BYTES_MAX + 512)

/* A refresh token's row and the session behind it. */
struct refresh {
	bool is_genuine; /* there is such a row, and the secret is its own */
	bool is_usable, is_superseded, has_successor;
	struct slice successor_sealed;
	struct uuid session_id;
	struct auth_subject subject;
};

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

static status
tokens_fill(const struct auth_env *env, struct rpc_call *call, const struct uuid *session_id,
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
	return tokens_fill(env, call, &session_id, subject, token, reply);
}

static status
refresh_find(struct rpc_call *call, const struct secret *presented, struct refresh *out)
{
	ROWS_AUTO rows = {0};
	struct slice sealed;

	*out = (struct refresh){0};
	TRY(STORE_QUERY(call->conn, STMT_AUTH_REFRESH_FIND, &rows, p_uuid(&presented->id)));
	if (rows.count == 0 ||
	    !secret_matches(presented, row_slice(&rows, 0, AUTH_REFRESH_FIND_SECRET_HASH)))
		return STATUS_OK;
	out->is_genuine = true;
	out->is_usable = row_bool(&rows, 0, AUTH_REFRESH_FIND_IS_USABLE);
	out->is_superseded = row_bool(&rows, 0, AUTH_REFRESH_FIND_IS_SUPERSEDED);
	out->has_successor = !row_is_null(&rows, 0, AUTH_REFRESH_FIND_SUCCESSOR_ID);
	out->session_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_SESSION_ID);
	out->subject.account_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_ACCOUNT_ID);
	out->subject.org_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_ORG_ID);
	out->subject.user_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_USER_ID);
	if (out->has_successor) {
		sealed = row_slice(&rows, 0, AUTH_REFRESH_FIND_SUCCESSOR_SEALED);
		out->successor_sealed =
		    slice_of(arena_copy(call->arena, sealed.data, sealed.bytes), sealed.bytes);
		if (!out->successor_sealed.data)
			return ARENA_EXHAUSTED;
	}
	return STATUS_OK;
}

/* The first use: draw the successor, and seal it so that only its predecessor yields it. It is
 * drawn before anybody knows whether the token is any good, so that one statement finds that out
 * and puts it in place; otherwise (successor is NULL) nothing has happened, and it is forgotten. */
static status
refresh_rotate(const struct auth_env *env, struct rpc_call *call, const struct secret *presented,
    struct slice presented_text, struct refresh *out, const char **successor)
{
	ROWS_AUTO rows = {0};
	struct uuid id;
	struct secret secret;
	struct slice sealed;
	char *text = arena_alloc(call->arena, SECRET_TEXT_BYTES_MAX);

	*successor = NULL;
	if (!text)
		return ARENA_EXHAUSTED;
	TRY(uuid_make(call->clock, call->rand, &id));
	TRY(secret_make(call->rand, SECRET_REFRESH, &id, text, &secret));
	TRY(secret_seal_successor(
	    presented_text, call->rand, slice_text(text), call->arena, &sealed));
	const struct param params[] = {p_uuid(&presented->id),
	    p_bytes(slice_of(presented->digest.bytes, CRYPT_DIGEST_BYTES)), p_uuid(&id),
	    p_bytes(sealed), p_bytes(slice_of(secret.digest.bytes, CRYPT_DIGEST_BYTES)),
	    p_int(env->refresh_ttl_us)};
	TRY(rpc_commit_query(call, STMT_AUTH_REFRESH_ROTATE, params,
	    sizeof(params) / sizeof(params[0]), AUTH_REFRESH_ROTATE_XID, TOKENS_BYTES_MAX, &rows));
	if (rows.count == 0)
		return STATUS_OK;
	*out = (struct refresh){.is_genuine = true, .is_usable = true};
	out->session_id = row_uuid(&rows, 0, AUTH_REFRESH_ROTATE_SESSION_ID);
	out->subject.account_id = row_uuid(&rows, 0, AUTH_REFRESH_ROTATE_ACCOUNT_ID);
	out->subject.org_id = row_uuid(&rows, 0, AUTH_REFRESH_ROTATE_ORG_ID);
	out->subject.user_id = row_uuid(&rows, 0, AUTH_REFRESH_ROTATE_USER_ID);
	*successor = text;
	return STATUS_OK;
}

static status
session_revoke(struct rpc_call *call, const struct uuid *session_id, const char *reason)
{
	TRY(STORE_SAY(call->conn, STMT_AUTH_SESSION_REVOKE, p_uuid(session_id), p_text(reason)));
	/* Again for a session that has ended: a repeat waits for a barrier like the first. */
	return store_change(call->conn, CHANGE_SESSION, session_id, NULL, true);
}

static status
refresh_refuse(void)
{
	return REFUSE_FOR(ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID",
	    "the refresh token is unknown, expired or revoked");
}

/* A token whose successor is in use has been stolen, or its successor has: nobody can tell who is
 * who, so the session ends, everywhere, before the answer goes out. */
static status
refresh_refuse_reuse(struct rpc_call *call, const struct refresh *refresh)
{
	char session[UUID_TEXT_BYTES];

	uuid_format(&refresh->session_id, session);
	log_event(LOG_WARN, "refresh_reuse", "session", session, "request", call->request_id, NULL);
	TRY(session_revoke(call, &refresh->session_id, "refresh token reused"));
	call->effect = EFFECT_RESTRICT;
	call->audit_subject = refresh->session_id;
	call->audit_org = refresh->subject.org_id;
	return rpc_commit_refusal(
	    call, REFUSE_FOR(ST_UNAUTHENTICATED, "REFRESH_TOKEN_REUSED",
		      "the refresh token was used before; the session is ended"));
}

/* It could not be rotated: it has a successor already, or it is no good. */
static status
refresh_repeat(struct rpc_call *call, const struct secret *secret, struct slice presented,
    struct refresh *out, const char **successor)
{
	TRY(rpc_begin(call));
	TRY(refresh_find(call, secret, out));
	if (!out->is_genuine)
		return refresh_refuse();
	if (out->is_superseded)
		return refresh_refuse_reuse(call, out);
	/* Without a successor it was not usable a moment ago, though it may be again by now. */
	if (!out->is_usable || !out->has_successor)
		return refresh_refuse();
	return secret_unseal_successor(presented, out->successor_sealed, call->arena, successor);
}

/* Refresh: trade a refresh token for new tokens; safe to repeat until the successor is used.
 * Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused). */
status
auth_refresh(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__RefreshRequest *req, Usher__V1__Tokens *reply)
{
	struct slice presented = slice_text(req->refresh_token);
	struct secret secret;
	struct refresh refresh;
	const char *successor;

	if (!secret_parse(presented, SECRET_REFRESH, &secret))
		return refresh_refuse();
	TRY(refresh_rotate(env, call, &secret, presented, &refresh, &successor));
	if (!successor)
		TRY(refresh_repeat(call, &secret, presented, &refresh, &successor));
	return tokens_fill(env, call, &refresh.session_id, &refresh.subject, successor, reply);
}

/* Logout: end the caller's session, on every node before this is answered. */
status
auth_logout(const struct auth_env *env, struct rpc_call *call, const Usher__V1__LogoutRequest *req,
    Usher__V1__LogoutReply *reply)
{
	(void)env, (void)req, (void)reply;
	call->audit_subject = call->principal->session_id;
	return session_revoke(call, &call->principal->session_id, "logout");
}
