#include "gen/svc/auth.h"
#include "svc/auth/auth.h"
#include "svc/common/reply.h"

/* Whose credential is it? From the database, whatever memory says. */
static status
credential_read(
    const struct auth_env *env, struct rpc_call *call, const char *text, struct principal *out)
{
	struct credential_ask ask = {.text = slice_text(text), .now_us = call->now_us};
	enum credential_step step;

	TRY(credentials_find(env->credentials, &ask, &step, out));
	if (step == CREDENTIAL_NEEDS_CPU)
		TRY(credentials_verify_token(env->credentials, &ask, &step, out));
	if (step == CREDENTIAL_NEEDS_QUERY)
		TRY(credentials_fill(env->credentials, &ask, call->conn, call->arena, out));
	return STATUS_OK;
}

/* A caller sees what belongs to its own organisation, and of that what is about its own user if it
 * may speak of no other; an operator who named no organisation sees all. */
static bool
caller_may_see(const struct principal *caller, const struct principal *whose)
{
	if (caller->is_platform_operator && !caller->has_org)
		return true;
	return caller->has_org && whose->has_org && uuid_equals(&caller->org_id, &whose->org_id) &&
	       principal_may_touch_user(caller, &whose->user_id).code == ST_OK;
}

static status
scopes_fill(struct rpc_call *call, uint64_t permissions, Usher__V1__IntrospectReply *reply)
{
	reply->scopes = arena_alloc(call->arena, permission_catalogue_count * sizeof(char *));
	if (!reply->scopes)
		return ARENA_EXHAUSTED;
	for (unsigned i = 0; i < permission_catalogue_count; i++)
		if (permissions >> i & 1)
			reply->scopes[reply->n_scopes++] = (char *)permission_name(i);
	return STATUS_OK;
}

/* What an access token says itself; memory may have lost the keys since the credential was read. */
static status
claims_read(
    const struct auth_env *env, struct rpc_call *call, const char *text, struct token_claims *out)
{
	status st = keyring_verify(env->keyring, slice_text(text), call->now_us, out);

	if (st.code != ST_UNAVAILABLE)
		return st;
	TRY(keyring_refresh(env->keyring, call->conn, call->arena));
	return keyring_verify(env->keyring, slice_text(text), call->now_us, out);
}

/* claims: of an access token. */
static status
introspect_fill(struct rpc_call *call, const struct principal *whose,
    const struct token_claims *claims, Usher__V1__IntrospectReply *reply)
{
	TRY(reply_id(call, &whose->org_id, &reply->org_id));
	TRY(reply_id(call, &whose->account_id, &reply->account_id));
	TRY(reply_id(call, &whose->user_id, &reply->user_id));
	TRY(reply_id(call, &whose->session_id, &reply->session_id));
	TRY(reply_id(call, &whose->key_id, &reply->key_id));
	TRY(reply_id(call, &whose->chatbot_id, &reply->chatbot_id));
	TRY(scopes_fill(call, whose->permissions, reply));
	if (whose->expires_at_us != 0)
		TRY(reply_time(call, whose->expires_at_us, &reply->expires_at));
	reply->kind = USHER__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_API_KEY;
	if (whose->kind == PRINCIPAL_LOGIN) {
		reply->kind = USHER__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_ACCESS_TOKEN;
		TRY(reply_time(call, claims->issued_at_us, &reply->issued_at));
	}
	reply->active = true;
	return STATUS_OK;
}

/* Introspect: whose token or key is this, and does it work?
 * A credential that doesn't, for whatever reason, is active = false and no failure. */
status
auth_introspect(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__IntrospectRequest *req, Usher__V1__IntrospectReply *reply)
{
	struct token_claims claims = {0};
	struct principal whose;
	status st = credential_read(env, call, req->token, &whose);

	if (st.code == ST_OK && whose.kind == PRINCIPAL_LOGIN)
		st = claims_read(env, call, req->token, &claims);
	if (st.code == ST_UNAUTHENTICATED)
		return STATUS_OK;
	TRY(st);
	if (!caller_may_see(call->principal, &whose))
		return STATUS_OK;
	return introspect_fill(call, &whose, &claims, reply);
}

static status
jwks_fill(struct rpc_call *call, const struct keyring_public *keys, size_t count,
    Usher__V1__GetJwksReply *reply)
{
	reply->keys = arena_alloc(call->arena, count * sizeof(*reply->keys));
	if (!reply->keys)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		Usher__V1__JsonWebKey *key = arena_alloc(call->arena, sizeof(*key));

		if (!key)
			return ARENA_EXHAUSTED;
		usher__v1__json_web_key__init(key);
		key->kty = "EC";
		key->crv = "P-256";
		key->alg = "ES256";
		key->use = "sig";
		key->kid = (char *)keys[i].kid;
		key->x = (char *)keys[i].x;
		key->y = (char *)keys[i].y;
		reply->keys[reply->n_keys++] = key;
	}
	return STATUS_OK;
}

/* GetJwks: the public keys of access tokens (RFC 7517). */
status
auth_get_jwks_cached(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__GetJwksRequest *req, Usher__V1__GetJwksReply *reply)
{
	struct keyring_public *keys;
	size_t count;
	status st = keyring_list(env->keyring, call->now_us, call->arena, &keys, &count);

	(void)req;
	if (st.code == ST_UNAVAILABLE)
		return RPC_NOT_CACHED;
	TRY(st);
	return jwks_fill(call, keys, count, reply);
}

status
auth_get_jwks(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__GetJwksRequest *req, Usher__V1__GetJwksReply *reply)
{
	TRY(keyring_refresh(env->keyring, call->conn, call->arena));
	return auth_get_jwks_cached(env, call, req, reply);
}
