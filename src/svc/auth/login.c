#include "crypt/password.h"
#include "gen/svc/auth.h"
#include "svc/auth/password_input.h"
#include "svc/auth/session.h"
#include "svc/auth/throttle.h"
#include "svc/common/input.h"

/* As many as one address may open while they last: see THROTTLE_SIGN_UP. */
#define OPEN_SIGNUPS_MAX 5

struct login_ask {
	struct input_email email;
	struct slice password;
	bool has_org;
	struct uuid org_id;
};

struct credential {
	bool is_found, is_disabled;
	bool has_users;  /* in any organisation, usable or not */
	bool has_active; /* one of them is usable, and in the organisation asked for if any was */
	const char *password_hash; /* NULL: the account has no password */
	struct auth_subject subject;
};

static status
login_check(struct rpc_call *call, const Usher__V1__LoginRequest *req, struct login_ask *out)
{
	TRY(input_email(call, "email", req->email, &out->email));
	TRY(input_password(call, "password", req->password));
	out->password = slice_text(req->password);
	return input_id_if_given(call, "org_id", req->org_id, &out->org_id, &out->has_org);
}

static status
credential_find(struct rpc_call *call, const struct login_ask *ask, struct credential *out)
{
	ROWS_AUTO rows = {0};

	*out = (struct credential){0};
	TRY(STORE_QUERY(call->conn, STMT_AUTH_CREDENTIAL_BY_EMAIL, &rows, p_text(ask->email.folded),
	    p_uuid(ask->has_org ? &ask->org_id : NULL)));
	if (rows.count == 0)
		return STATUS_OK;
	out->is_found = true;
	out->is_disabled = row_bool(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_IS_DISABLED);
	out->has_users = row_bool(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_HAS_USERS);
	out->has_active = !row_is_null(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_ORG_ID);
	out->subject.account_id = row_uuid(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_ACCOUNT_ID);
	out->subject.org_id = row_uuid(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_ORG_ID);
	out->subject.user_id = row_uuid(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_USER_ID);
	if (row_is_null(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_PASSWORD_HASH))
		return STATUS_OK;
	out->password_hash =
	    row_text(&rows, 0, AUTH_CREDENTIAL_BY_EMAIL_PASSWORD_HASH, call->arena);
	return out->password_hash ? STATUS_OK : ARENA_EXHAUSTED;
}

/* One text and one time for all that is wrong. */
static status
login_refuse(const struct auth_env *env, struct rpc_call *call)
{
	call->not_before_us = auth_failure_at_us(env, call);
	return REFUSE_FOR(ST_UNAUTHENTICATED, "LOGIN_REFUSED", "wrong e-mail address or password");
}

/* Not the password of an account. Whoever knows that of an open sign-up is told to verify it,
 * whether the address has an account or not, at the price of the same hashes; everybody else learns
 * nothing. */
static status
login_refuse_stranger(
    const struct auth_env *env, struct rpc_call *call, const struct login_ask *ask)
{
	ROWS_AUTO rows = {0};
	bool match = false;

	TRY(STORE_QUERY(call->conn, STMT_AUTH_SIGNUPS_OPEN, &rows, p_text(ask->email.folded),
	    p_int(OPEN_SIGNUPS_MAX)));
	for (int row = 0; row < rows.count && !match; row++) {
		char *hash = row_text(&rows, row, AUTH_SIGNUPS_OPEN_PASSWORD_HASH, call->arena);

		if (!hash)
			return ARENA_EXHAUSTED;
		TRY(password_matches(env->hasher, hash, ask->password, &match));
	}
	if (!match)
		return login_refuse(env, call);
	call->not_before_us = auth_failure_at_us(env, call);
	return REFUSE_FOR(ST_PERMISSION_DENIED, "EMAIL_NOT_VERIFIED",
	    "this sign-up is not verified yet: the mail to the address says how");
}

/* The settings rose since the password was hashed: hash it anew while it is at hand. new_hash is
 * empty when there is no need. Before the transaction: hashing takes long. */
static status
password_renew(const struct auth_env *env, const struct login_ask *ask, const char *old_hash,
    char new_hash[PASSWORD_TEXT_BYTES_MAX])
{
	new_hash[0] = '\0';
	if (!password_needs_rehash(env->hasher, old_hash))
		return STATUS_OK;
	return password_hash(env->hasher, ask->password, new_hash);
}

/* The password is right; what else is there to be wrong? */
static status
login_finish(const struct auth_env *env, struct rpc_call *call, const struct login_ask *ask,
    const struct credential *cred, Usher__V1__Tokens *reply)
{
	char new_hash[PASSWORD_TEXT_BYTES_MAX];

	if (cred->is_disabled)
		return login_refuse(env, call);
	if (ask->has_org && !cred->has_active) {
		/* It tells that the password is right: who tries others' is seen in audit. */
		call->audits_refusal = true;
		return REFUSE_FOR(
		    ST_NOT_FOUND, "ORG_NOT_FOUND", "no organisation of yours has that org_id");
	}
	if (cred->has_users && !cred->has_active)
		return login_refuse(env, call);

	TRY(password_renew(env, ask, cred->password_hash, new_hash));
	TRY(rpc_begin(call));
	TRY(auth_session_open(env, call, &cred->subject, reply));
	if (*new_hash)
		TRY(STORE_SAY(call->conn, STMT_AUTH_PASSWORD_REHASH,
		    p_uuid(&cred->subject.account_id), p_text(cred->password_hash),
		    p_text(new_hash)));
	return throttle_forgive(env, call, THROTTLE_LOGIN, ask->email.folded);
}

/* Login: trade an e-mail address and password for tokens.
 * Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many tries), UNAUTHENTICATED (unknown,
 *         wrong or disabled: one text for all), PERMISSION_DENIED EMAIL_NOT_VERIFIED,
 *         NOT_FOUND (all right, but not in the organisation asked for). */
status
auth_login(const struct auth_env *env, struct rpc_call *call, const Usher__V1__LoginRequest *req,
    Usher__V1__Tokens *reply)
{
	struct login_ask ask;
	struct credential cred;
	const char *hash;
	bool match = false;
	status st;

	TRY(login_check(call, req, &ask));
	TRY(throttle_take(env, call, THROTTLE_LOGIN, ask.email.folded));
	TRY(credential_find(call, &ask, &cred));
	call->audit_subject = cred.subject.account_id;

	/* No account, or one without a password, costs one hash too. */
	hash = cred.password_hash ? cred.password_hash : password_decoy(env->hasher);
	TRY(password_matches(env->hasher, hash, ask.password, &match));
	st = match && cred.password_hash ? login_finish(env, call, &ask, &cred, reply)
					 : login_refuse_stranger(env, call, &ask);
	/* Who chose the deadline knows what a hash takes, and would be told whether there was one
	 * more, or a cheap one from before the settings rose. */
	return st.code == ST_DEADLINE_EXCEEDED ? login_refuse(env, call) : st;
}
