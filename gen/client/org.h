/* org.h - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#ifndef USHER_GEN_CLIENT_ORG_H
#define USHER_GEN_CLIENT_ORG_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/usher/v1/org.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method org_create_org_method;
extern const struct client_method org_get_org_method;
extern const struct client_method org_list_members_method;

/* Make an organisation; the caller becomes its owner. With an org_id that exists
 * and the same content, the answer is the organisation as it is.
 * Errors: ALREADY_EXISTS (that id or slug, other content or another's), RESOURCE_EXHAUSTED
 * TOO_MANY_ORGS (an account makes 100, unless it is an operator's with orgs.write). */
static inline status
org_create_org_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__CreateOrgRequest *request, struct client_result *result)
{
	client_call(client, &org_create_org_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Org *
org_create_org_reply(const struct client_result *result)
{
	return (const Usher__V1__Org *)result->reply;
}

/* The organisation that the call is about: the caller's own, or the one that an operator names.
 * Errors: NOT_FOUND (any other). */
static inline status
org_get_org_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetOrgRequest *request, struct client_result *result)
{
	client_call(client, &org_get_org_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__Org *
org_get_org_reply(const struct client_result *result)
{
	return (const Usher__V1__Org *)result->reply;
}

/* Users of the organisation that have an account, with their roles.
 * Errors: NOT_FOUND (any organisation but the one that the call is about), PERMISSION_DENIED
 * USER_NOT_ALLOWED (for one user alone). */
static inline status
org_list_members_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListMembersRequest *request, struct client_result *result)
{
	client_call(client, &org_list_members_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListMembersReply *
org_list_members_reply(const struct client_result *result)
{
	return (const Usher__V1__ListMembersReply *)result->reply;
}

#endif
