#include "gen/svc/org.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/org/org.h"

static status
member_fill(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__Member *member)
{
	usher__v1__member__init(member);
	member->user = arena_alloc(call->arena, sizeof(*member->user));
	if (!member->user)
		return ARENA_EXHAUSTED;
	usher__v1__user__init(member->user);
	TRY(reply_user(call, rows, row, member->user));
	TRY(reply_id_column(call, rows, row, ORG_MEMBERS_ACCOUNT_ID, &member->account_id));
	return reply_time_column(call, rows, row, ORG_MEMBERS_JOINED_AT, &member->joined_at);
}

static status
members_fill(
    struct rpc_call *call, const struct rows *rows, int count, Usher__V1__ListMembersReply *reply)
{
	reply->members = arena_alloc(call->arena, (size_t)count * sizeof(*reply->members));
	if (!reply->members)
		return ARENA_EXHAUSTED;
	for (int row = 0; row < count; row++) {
		Usher__V1__Member *member = arena_alloc(call->arena, sizeof(*member));

		if (!member)
			return ARENA_EXHAUSTED;
		TRY(member_fill(call, rows, row, member));
		reply->members[reply->n_members++] = member;
	}
	return STATUS_OK;
}

/* ListMembers: users of the caller's organisation that have an account, by id.
 * Errors: NOT_FOUND (any other organisation), PERMISSION_DENIED (callers for one user alone). */
status
org_list_members(const struct org_env *env, struct rpc_call *call,
    const Usher__V1__ListMembersRequest *req, Usher__V1__ListMembersReply *reply)
{
	struct uuid id;
	struct page page;
	struct page_position last = {0};
	ROWS_AUTO rows = {0};

	TRY(input_id(call, "org_id", req->org_id, &id));
	if (!call->principal->has_org || !uuid_equals(&id, &call->principal->org_id))
		return REFUSE(ST_NOT_FOUND, "there is no such organisation");
	TRY(principal_may_list_users(call->principal));
	TRY(page_read(call, env->page_key, SLICE_NONE, req->page, &page));
	TRY(STORE_QUERY(call->conn, STMT_ORG_MEMBERS, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(&page.after.id), p_int(page.size + 1)));
	if (rows.count <= page.size)
		return members_fill(call, &rows, rows.count, reply);
	last.id = row_uuid(&rows, page.size - 1, ORG_MEMBERS_ID);
	TRY(members_fill(call, &rows, page.size, reply));
	return page_close(call, env->page_key, SLICE_NONE, &last, &reply->page);
}
