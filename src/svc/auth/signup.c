#include "crypt/password.h"
#include "crypt/secret.h"
#include "gen/svc/auth.h"
#include "svc/auth/mail.h"
#include "svc/auth/password_input.h"
#include "svc/auth/session.h"
#include "svc/auth/throttle.h"
#include "svc/common/input.h"
#include "svc/common/reply.h"

static status
sign_up_check(struct rpc_call *call, const Usher__V1__SignUpRequest *req, struct input_email *email)
{
	TRY(input_email(call, "email", req->email, email));
	TRY(input_new_password(call, "password", req->password));
	TRY(input_line(call, "display_name", req->display_name));
	return input_locale(call, "locale", req->locale);
}

static status
sign_up_is_possible(const struct auth_env *env)
{
	if (!env->sends_mail)
		return REFUSE_FOR(ST_UNAVAILABLE, "MAIL_NOT_CONFIGURED",
		    "no mail can be sent: mail.mode is none");
	if (!env->takes_sign_ups)
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "SIGNUP_CLOSED",
		    "no organisation takes sign-ups: signup.org is not set");
	return STATUS_OK;
}

/* For an address that has an account too: the caller can't tell, by Login with the new password no
 * more than otherwise. The owner is told. */
static status
signup_open(const struct auth_env *env, struct rpc_call *call, const Usher__V1__SignUpRequest *req,
    const struct input_email *email, const char *password_hash, const struct uuid *id,
    const char *code, bool *has_account)
{
	struct crypt_digest code_hash;
	ROWS_AUTO rows = {0};

	code_digest(env->code_key, id, slice_text(code), &code_hash);
	TRY(STORE_QUERY(call->conn, STMT_AUTH_SIGNUP_OPEN, &rows, p_uuid(id), p_text(email->text),
	    p_text(email->folded), p_text(password_hash), p_text(req->display_name),
	    p_text(req->locale), p_uuid(&env->signup_org_id),
	    p_bytes(slice_of(code_hash.bytes, CRYPT_DIGEST_BYTES)), p_text(call->client_ip),
	    p_int(SIGNUP_TTL_US)));
	if (!row_bool(&rows, 0, AUTH_SIGNUP_OPEN_ORG_IS_OPEN))
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "SIGNUP_CLOSED",
		    "the organisation of signup.org takes no sign-ups");
	*has_account = row_bool(&rows, 0, AUTH_SIGNUP_OPEN_HAS_ACCOUNT);
	return STATUS_OK;
}

/* SignUp: ask for an account; nothing exists until the address is verified.
 * Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many from here or for this address),
 *         UNAVAILABLE MAIL_NOT_CONFIGURED, FAILED_PRECONDITION SIGNUP_CLOSED. */
status
auth_sign_up(const struct auth_env *env, struct rpc_call *call, const Usher__V1__SignUpRequest *req,
    Usher__V1__SignUpReply *reply)
{
	struct input_email email;
	char hash[PASSWORD_TEXT_BYTES_MAX], code[CODE_TEXT_BYTES];
	struct uuid id;
	bool has_account;

	TRY(sign_up_check(call, req, &email));
	TRY(sign_up_is_possible(env));
	/* Whoever lost the reply to the last try that they had would be refused it. */
	TRY(rpc_find_repeat(call));
	TRY(throttle_take(env, call, THROTTLE_SIGN_UP, email.folded));
	TRY(password_hash(env->hasher, slice_text(req->password), hash));
	TRY(uuid_make(call->clock, call->rand, &id));
	TRY(code_make(call->rand, code));

	TRY(rpc_begin(call));
	TRY(signup_open(env, call, req, &email, hash, &id, code, &has_account));
	if (has_account)
		TRY(auth_mail_has_account(env, call, email.text));
	else
		TRY(auth_mail_code(env, call, email.text, code));

	/* Both answers look the same and take the same time. */
	call->not_before_us = auth_failure_at_us(env, call);
	call->audit_subject = id;
	call->audit_org = env->signup_org_id;
	reply->requires_verification = true;
	reply->email_sent = true;
	if (call->development) {
		reply->debug_code = arena_copy_text(call->arena, code);
		if (!reply->debug_code)
			return ARENA_EXHAUSTED;
	}
	return reply_id(call, &id, &reply->signup_id);
}

/* Who is to be made of a sign-up. */
struct claim {
	char *email, *email_folded, *password_hash, *display_name, *locale;
	struct auth_subject subject;
};

struct verify_ask {
	bool by_email;
	struct uuid signup_id;
	struct input_email email;
	struct slice code;
};

static status
verify_check(
    struct rpc_call *call, const Usher__V1__VerifyEmailRequest *req, struct verify_ask *out)
{
	bool by_id;

	TRY(input_id_if_given(call, "signup_id", req->signup_id, &out->signup_id, &by_id));
	if (!by_id && *req->email == '\0')
		return rpc_refuse_field(call, "signup_id", "is empty, and email is too");
	if (!by_id)
		TRY(input_email(call, "email", req->email, &out->email));
	out->by_email = !by_id;
	out->code = slice_text(req->code);
	if (!code_is_formed(out->code))
		return rpc_refuse_field(call, "code", "is not six digits");
	return STATUS_OK;
}

/* Tries are counted on the sign-up that is named, whether there is one or not; by address, on a
 * budget that is the address's, so that a stranger's guesses cost the owner nothing. */
static status
verify_take(const struct auth_env *env, struct rpc_call *call, const struct verify_ask *ask)
{
	char id[UUID_TEXT_BYTES];

	if (ask->by_email)
		return throttle_take(env, call, THROTTLE_VERIFY_BY_EMAIL, ask->email.folded);
	uuid_format(&ask->signup_id, id);
	return throttle_take(env, call, THROTTLE_VERIFY, id);
}

/* The tries that led here stay counted. */
static status
verify_refuse(const struct auth_env *env, struct rpc_call *call)
{
	call->not_before_us = auth_failure_at_us(env, call);
	return rpc_commit_refusal(call,
	    REFUSE_FOR(ST_UNAUTHENTICATED, "CODE_REFUSED", "the code is wrong, expired or used"));
}

/* An address names a sign-up only while exactly one is open for it. */
static status
signup_find(struct rpc_call *call, const struct verify_ask *ask, struct uuid *id, bool *is_found)
{
	ROWS_AUTO rows = {0};

	*is_found = true;
	*id = ask->signup_id;
	if (!ask->by_email)
		return STATUS_OK;
	TRY(STORE_QUERY(call->conn, STMT_AUTH_SIGNUP_ONLY_OPEN, &rows, p_text(ask->email.folded)));
	*is_found = rows.count == 1;
	if (*is_found)
		*id = row_uuid(&rows, 0, AUTH_SIGNUP_ONLY_OPEN_ID);
	return STATUS_OK;
}

static status
signup_claim(const struct auth_env *env, struct rpc_call *call, const struct uuid *id,
    struct slice code, struct claim *out, bool *is_claimed)
{
	struct crypt_digest code_hash;
	ROWS_AUTO rows = {0};

	code_digest(env->code_key, id, code, &code_hash);
	TRY(STORE_QUERY(call->conn, STMT_AUTH_SIGNUP_CLAIM, &rows, p_uuid(id),
	    p_bytes(slice_of(code_hash.bytes, CRYPT_DIGEST_BYTES))));
	*is_claimed = rows.count == 1;
	if (!*is_claimed)
		return STATUS_OK;
	TRY(reply_text_column(call, &rows, 0, AUTH_SIGNUP_CLAIM_EMAIL, &out->email));
	TRY(reply_text_column(call, &rows, 0, AUTH_SIGNUP_CLAIM_EMAIL_FOLDED, &out->email_folded));
	TRY(reply_text_column(
	    call, &rows, 0, AUTH_SIGNUP_CLAIM_PASSWORD_HASH, &out->password_hash));
	TRY(reply_text_column(call, &rows, 0, AUTH_SIGNUP_CLAIM_DISPLAY_NAME, &out->display_name));
	TRY(reply_text_column(call, &rows, 0, AUTH_SIGNUP_CLAIM_LOCALE, &out->locale));
	out->subject.org_id = row_uuid(&rows, 0, AUTH_SIGNUP_CLAIM_ORG_ID);
	TRY(uuid_make(call->clock, call->rand, &out->subject.account_id));
	return uuid_make(call->clock, call->rand, &out->subject.user_id);
}

/* Account, password, user, role and directory row. Not created: the address has an account, or the
 * organisation is closed by now. */
static status
member_create(struct rpc_call *call, const struct claim *claim, bool *is_created)
{
	const struct auth_subject *subject = &claim->subject;
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(call->conn, STMT_AUTH_MEMBER_CREATE, &rows, p_uuid(&subject->account_id),
	    p_text(claim->email), p_text(claim->email_folded), p_text(claim->password_hash),
	    p_uuid(&subject->org_id), p_uuid(&subject->user_id), p_text(claim->display_name),
	    p_text(claim->locale)));
	*is_created = rows.count == 1;
	if (!*is_created)
		return STATUS_OK;
	TRY(store_change(call->conn, CHANGE_ACCOUNT, &subject->account_id, NULL, false));
	return store_change(call->conn, CHANGE_USER, &subject->user_id, &subject->org_id, false);
}

/* VerifyEmail: prove the address with the code that the mail brought; makes account and user.
 * Errors: INVALID_ARGUMENT (shape), UNAUTHENTICATED (wrong, expired or used code),
 *         RESOURCE_EXHAUSTED (too many tries). */
status
auth_verify_email(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__VerifyEmailRequest *req, Usher__V1__Tokens *reply)
{
	struct verify_ask ask = {0};
	struct claim claim = {0};
	struct uuid id;
	bool is_found, is_claimed, is_created;

	TRY(verify_check(call, req, &ask));
	TRY(verify_take(env, call, &ask));
	TRY(signup_find(call, &ask, &id, &is_found));
	if (!is_found)
		return verify_refuse(env, call);
	TRY(signup_claim(env, call, &id, ask.code, &claim, &is_claimed));
	if (!is_claimed)
		return verify_refuse(env, call);
	TRY(member_create(call, &claim, &is_created));
	if (!is_created)
		return verify_refuse(env, call);
	return auth_session_open(env, call, &claim.subject, reply);
}
