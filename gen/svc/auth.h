/* auth.h - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#ifndef USHER_GEN_SVC_AUTH_H
#define USHER_GEN_SVC_AUTH_H

#include "base/status.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct auth_env;
struct rpc_call;

extern const struct rpc_service auth_service;

/* Ask for an account. Nothing exists until the address is verified. An address that has an
 * account already gets the same answer (and a mail that says so).
 * Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many from here or for this address),
 * UNAVAILABLE MAIL_NOT_CONFIGURED, FAILED_PRECONDITION SIGNUP_CLOSED (no organisation takes any). */
status auth_sign_up(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__SignUpRequest *req, Usher__V1__SignUpReply *reply);

/* Prove the address with the code that the mail brought; makes account and user, and logs in.
 * Errors: UNAUTHENTICATED (wrong, expired or used code), RESOURCE_EXHAUSTED (too many tries). */
status auth_verify_email(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__VerifyEmailRequest *req, Usher__V1__Tokens *reply);

/* Trade an address and password for tokens.
 * Errors: UNAUTHENTICATED (unknown, wrong or disabled: one text for all), PERMISSION_DENIED
 * EMAIL_NOT_VERIFIED (right, but the sign-up is still open), NOT_FOUND ORG_NOT_FOUND (right, but
 * not in org_id), RESOURCE_EXHAUSTED (too many tries). */
status auth_login(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__LoginRequest *req, Usher__V1__Tokens *reply);

/* Trade a refresh token for new tokens. Safe to repeat: until the successor is first used, the
 * predecessor yields that same successor; after that, its use revokes the session.
 * Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused). */
status auth_refresh(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__RefreshRequest *req, Usher__V1__Tokens *reply);

/* End the caller's session: when this is answered, no node accepts its tokens any more.
 * Errors: UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call). */
status auth_logout(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__LogoutRequest *req, Usher__V1__LogoutReply *reply);

/* Whose token or key is this, and does it work? (RFC 7662 in spirit.) A caller sees those of its
 * own organisation; for any other the answer is active = false. */
status auth_introspect(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__IntrospectRequest *req, Usher__V1__IntrospectReply *reply);

/* The public keys of access tokens (RFC 7517). */
status auth_get_jwks(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__GetJwksRequest *req, Usher__V1__GetJwksReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status auth_get_jwks_cached(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__GetJwksRequest *req, Usher__V1__GetJwksReply *reply);

#endif
