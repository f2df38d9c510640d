/* org.h - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#ifndef USHER_GEN_SVC_ORG_H
#define USHER_GEN_SVC_ORG_H

#include "base/status.h"
#include "gen/pb/usher/v1/org.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct org_env;
struct rpc_call;

extern const struct rpc_service org_service;

/* Make an organisation; the caller becomes its owner. With an org_id that exists
 * and the same content, the answer is the organisation as it is.
 * Errors: ALREADY_EXISTS (that id or slug, other content or another's), RESOURCE_EXHAUSTED
 * TOO_MANY_ORGS (an account makes 100, unless it is an operator's with orgs.write). */
status org_create_org(const struct org_env *env, struct rpc_call *call,
    const Usher__V1__CreateOrgRequest *req, Usher__V1__Org *reply);

/* The organisation that the call is about: the caller's own, or the one that an operator names.
 * Errors: NOT_FOUND (any other). */
status org_get_org(const struct org_env *env, struct rpc_call *call,
    const Usher__V1__GetOrgRequest *req, Usher__V1__Org *reply);

/* Users of the organisation that have an account, with their roles.
 * Errors: NOT_FOUND (any organisation but the one that the call is about), PERMISSION_DENIED
 * USER_NOT_ALLOWED (for one user alone). */
status org_list_members(const struct org_env *env, struct rpc_call *call,
    const Usher__V1__ListMembersRequest *req, Usher__V1__ListMembersReply *reply);

#endif
