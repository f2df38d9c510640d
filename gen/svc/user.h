/* user.h - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#ifndef USHER_GEN_SVC_USER_H
#define USHER_GEN_SVC_USER_H

#include "base/status.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct user_env;
struct rpc_call;

extern const struct rpc_service user_service;

/* The caller's own user in the active organisation. */
status user_get_me(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__GetMeRequest *req, Usher__V1__User *reply);

/* Change display_name, locale or time_zone of the caller's own user.
 * Errors: INVALID_ARGUMENT (a path that is no such field), ABORTED VERSION_MISMATCH. */
status user_update_me(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__UpdateMeRequest *req, Usher__V1__User *reply);

/* One user of the caller's organisation. user_id may be "ext:" and an external_id.
 * Errors: NOT_FOUND. */
status user_get_user(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__GetUserRequest *req, Usher__V1__User *reply);

/* The organisation's users, oldest first. */
status user_list_users(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__ListUsersRequest *req, Usher__V1__ListUsersReply *reply);

/* Make a user, or change the one that has this id or external_id. Fields that are absent from
 * update_mask stay; without a mask, those that are not empty are written. status is not writable
 * here, and no method takes a user's access away yet: docs/operations.md says how it is done.
 * Errors: INVALID_ARGUMENT (neither id), PERMISSION_DENIED USER_NOT_ALLOWED (another user than
 * the caller may touch), NOT_FOUND (expect_version of a user who is not there), ALREADY_EXISTS
 * EXTERNAL_ID_TAKEN (external_id is another user's), ABORTED VERSION_MISMATCH. */
status user_upsert_user(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__UpsertUserRequest *req, Usher__V1__UpsertUserReply *reply);

#endif
