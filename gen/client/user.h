/* user.h - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#ifndef USHER_GEN_CLIENT_USER_H
#define USHER_GEN_CLIENT_USER_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method user_get_me_method;
extern const struct client_method user_update_me_method;
extern const struct client_method user_get_user_method;
extern const struct client_method user_list_users_method;
extern const struct client_method user_upsert_user_method;

/* The caller's own user in the active organisation. */
static inline status
user_get_me_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetMeRequest *request, struct client_result *result)
{
	client_call(client, &user_get_me_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__User *
user_get_me_reply(const struct client_result *result)
{
	return (const Usher__V1__User *)result->reply;
}

/* Change display_name, locale or time_zone of the caller's own user.
 * Errors: INVALID_ARGUMENT (a path that is no such field), ABORTED VERSION_MISMATCH. */
static inline status
user_update_me_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__UpdateMeRequest *request, struct client_result *result)
{
	client_call(client, &user_update_me_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__User *
user_update_me_reply(const struct client_result *result)
{
	return (const Usher__V1__User *)result->reply;
}

/* One user of the caller's organisation. user_id may be "ext:" and an external_id.
 * Errors: NOT_FOUND. */
static inline status
user_get_user_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__GetUserRequest *request, struct client_result *result)
{
	client_call(client, &user_get_user_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__User *
user_get_user_reply(const struct client_result *result)
{
	return (const Usher__V1__User *)result->reply;
}

/* The organisation's users, oldest first. */
static inline status
user_list_users_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__ListUsersRequest *request, struct client_result *result)
{
	client_call(client, &user_list_users_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__ListUsersReply *
user_list_users_reply(const struct client_result *result)
{
	return (const Usher__V1__ListUsersReply *)result->reply;
}

/* Make a user, or change the one that has this id or external_id. Fields that are absent from
 * update_mask stay; without a mask, those that are not empty are written. status is not writable
 * here, and no method takes a user's access away yet: docs/operations.md says how it is done.
 * Errors: INVALID_ARGUMENT (neither id), PERMISSION_DENIED USER_NOT_ALLOWED (another user than
 * the caller may touch), NOT_FOUND (expect_version of a user who is not there), ALREADY_EXISTS
 * EXTERNAL_ID_TAKEN (external_id is another user's), ABORTED VERSION_MISMATCH. */
static inline status
user_upsert_user_rpc(struct client *client, const struct client_options *options,
    const Usher__V1__UpsertUserRequest *request, struct client_result *result)
{
	client_call(client, &user_upsert_user_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__V1__UpsertUserReply *
user_upsert_user_reply(const struct client_result *result)
{
	return (const Usher__V1__UpsertUserReply *)result->reply;
}

#endif
