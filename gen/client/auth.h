/* auth.h - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#ifndef USHER_GEN_CLIENT_AUTH_H
#define USHER_GEN_CLIENT_AUTH_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "gen/pb/usher/v1/auth.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method auth_sign_up_method;
extern const struct client_method auth_verify_email_method;
extern const struct client_method auth_login_method;
extern const struct client_method auth_refresh_method;
extern const struct client_method auth_logout_method;
extern const struct client_method auth_introspect_method;
extern const struct client_method auth_get_jwks_method;

/* Ask for an account. Nothing exists until the address is verified. An address that has an
 * account already gets the same answer (and a mail that says so).
 * Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many from here or for this address),
 * UNAVAILABLE MAIL_NOT_CONFIGURED, FAILED_PRECONDITION SIGNUP_CLOSED (no organisation takes any). */
static inline status
auth_sign_up_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__SignUpRequest *request, struct client_result *result)
{
	client_call(client, &auth_sign_up_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__SignUpReply *
auth_sign_up_reply(const struct client_result *result)
{
	return (const Usher__V1__SignUpReply *)result->reply;
}

/* Prove the address with the code that the mail brought; makes account and user, and logs in.
 * Errors: UNAUTHENTICATED (wrong, expired or used code), RESOURCE_EXHAUSTED (too many tries). */
static inline status
auth_verify_email_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__VerifyEmailRequest *request, struct client_result *result)
{
	client_call(client, &auth_verify_email_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Tokens *
auth_verify_email_reply(const struct client_result *result)
{
	return (const Usher__V1__Tokens *)result->reply;
}

/* Trade an address and password for tokens.
 * Errors: UNAUTHENTICATED (unknown, wrong or disabled: one text for all), PERMISSION_DENIED
 * EMAIL_NOT_VERIFIED (right, but the sign-up is still open), NOT_FOUND ORG_NOT_FOUND (right, but
 * not in org_id), RESOURCE_EXHAUSTED (too many tries). */
static inline status
auth_login_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__LoginRequest *request, struct client_result *result)
{
	client_call(client, &auth_login_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Tokens *
auth_login_reply(const struct client_result *result)
{
	return (const Usher__V1__Tokens *)result->reply;
}

/* Trade a refresh token for new tokens. Safe to repeat: until the successor is first used, the
 * predecessor yields that same successor; after that, its use revokes the session.
 * Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused). */
static inline status
auth_refresh_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__RefreshRequest *request, struct client_result *result)
{
	client_call(client, &auth_refresh_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Tokens *
auth_refresh_reply(const struct client_result *result)
{
	return (const Usher__V1__Tokens *)result->reply;
}

/* End the caller's session: when this is answered, no node accepts its tokens any more.
 * Errors: UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call). */
static inline status
auth_logout_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__LogoutRequest *request, struct client_result *result)
{
	client_call(client, &auth_logout_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__LogoutReply *
auth_logout_reply(const struct client_result *result)
{
	return (const Usher__V1__LogoutReply *)result->reply;
}

/* Whose token or key is this, and does it work? (RFC 7662 in spirit.) A caller sees those of its
 * own organisation; for any other the answer is active = false. */
static inline status
auth_introspect_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__IntrospectRequest *request, struct client_result *result)
{
	client_call(client, &auth_introspect_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__IntrospectReply *
auth_introspect_reply(const struct client_result *result)
{
	return (const Usher__V1__IntrospectReply *)result->reply;
}

/* The public keys of access tokens (RFC 7517). */
static inline status
auth_get_jwks_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetJwksRequest *request, struct client_result *result)
{
	client_call(client, &auth_get_jwks_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__GetJwksReply *
auth_get_jwks_reply(const struct client_result *result)
{
	return (const Usher__V1__GetJwksReply *)result->reply;
}

#endif
