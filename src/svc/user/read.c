#include "gen/svc/user.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/user/user.h"

#define USER_NOT_FOUND "there is no such user"

static status
user_read(struct rpc_call *call, const struct uuid *id, Usher__V1__User *reply)
{
	ROWS_AUTO rows = {0};
	const struct param params[] = {p_uuid(&call->principal->org_id), p_uuid(id)};

	TRY(store_query_one(call->conn, STMT_USER_BY_ID, params, 2, USER_NOT_FOUND, &rows));
	return reply_user(call, &rows, 0, reply);
}

/* The id behind an external_id stays hidden from whoever may not touch that user. */
static status
user_read_external(struct rpc_call *call, const char *external_id, Usher__V1__User *reply)
{
	ROWS_AUTO rows = {0};
	const struct param params[] = {p_uuid(&call->principal->org_id), p_text(external_id)};
	struct uuid id;

	TRY(store_query_one(
	    call->conn, STMT_USER_BY_EXTERNAL_ID, params, 2, USER_NOT_FOUND, &rows));
	id = row_uuid(&rows, 0, USER_BY_EXTERNAL_ID_ID);
	TRY(principal_may_touch_user(call->principal, &id));
	return reply_user(call, &rows, 0, reply);
}

/* GetMe: the caller's own user in the active organisation. */
status
user_get_me(const struct user_env *env, struct rpc_call *call, const Usher__V1__GetMeRequest *req,
    Usher__V1__User *reply)
{
	struct uuid id;
	const char *external = NULL;

	(void)env, (void)req;
	TRY(principal_need_org(call->principal));
	TRY(principal_pick_user(call->principal, "", &id, &external));
	return user_read(call, &id, reply);
}

/* GetUser: one user of the caller's organisation, by id or by "ext:" and external_id.
 * Errors: NOT_FOUND. */
status
user_get_user(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__GetUserRequest *req, Usher__V1__User *reply)
{
	struct uuid id;
	const char *external = NULL;

	(void)env;
	TRY(principal_need_org(call->principal));
	TRY(principal_pick_user(call->principal, req->user_id, &id, &external));
	if (external)
		return user_read_external(call, external, reply);
	return user_read(call, &id, reply);
}

static status
users_fill(
    struct rpc_call *call, const struct rows *rows, int count, Usher__V1__ListUsersReply *reply)
{
	reply->users = arena_alloc(call->arena, (size_t)count * sizeof(*reply->users));
	if (!reply->users)
		return ARENA_EXHAUSTED;
	for (int row = 0; row < count; row++) {
		Usher__V1__User *user = arena_alloc(call->arena, sizeof(*user));

		if (!user)
			return ARENA_EXHAUSTED;
		usher__v1__user__init(user);
		TRY(reply_user(call, rows, row, user));
		reply->users[reply->n_users++] = user;
	}
	return STATUS_OK;
}

static status
list_check(struct rpc_call *call, const Usher__V1__ListUsersRequest *req)
{
	TRY(principal_need_org(call->principal));
	TRY(principal_may_list_users(call->principal));
	if (req->status > USHER__V1__USER_STATUS__USER_STATUS_DISABLED)
		return rpc_refuse_field(call, "status", "is no state that a user can be in");
	return STATUS_OK;
}

/* ListUsers: the organisation's users, oldest first. */
status
user_list_users(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__ListUsersRequest *req, Usher__V1__ListUsersReply *reply)
{
	const uint8_t filter_byte = (uint8_t)req->status;
	const struct slice filter = slice_of(&filter_byte, 1);
	struct page page;
	struct page_position last;
	ROWS_AUTO rows = {0};

	TRY(list_check(call, req));
	TRY(page_read(call, env->page_key, filter, req->page, &page));
	TRY(STORE_QUERY(call->conn, STMT_USER_LIST, &rows, p_uuid(&call->principal->org_id),
	    p_int(req->status), p_time(page.after.number), p_uuid(&page.after.id),
	    p_int(page.size + 1)));
	if (rows.count <= page.size)
		return users_fill(call, &rows, rows.count, reply);
	last.number = row_time_us(&rows, page.size - 1, USER_LIST_CREATED_AT);
	last.id = row_uuid(&rows, page.size - 1, USER_LIST_ID);
	TRY(users_fill(call, &rows, page.size, reply));
	return page_close(call, env->page_key, filter, &last, &reply->page);
}
