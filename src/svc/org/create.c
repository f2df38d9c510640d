#include "base/limits.h"
#include "base/slug.h"
#include "gen/svc/org.h"
#include "svc/common/input.h"
#include "svc/common/reply.h"
#include "svc/org/org.h"

#include <stdio.h>

#define SLUG_TRIES_MAX 5
#define SUFFIX_RANDOM_BYTES 4

struct create_ask {
	bool id_is_given;
	struct uuid id;
	bool slug_is_given;
	char slug[SLUG_BYTES_MAX + 1];
	const char *display_name;
	const struct uuid *creator; /* the caller's account */
};

static status
create_check(struct rpc_call *call, const Usher__V1__CreateOrgRequest *req, struct create_ask *out)
{
	TRY(input_id_if_given(call, "org_id", req->org_id, &out->id, &out->id_is_given));
	if (out->id_is_given && uuid_is_nil(&out->id))
		return rpc_refuse_field(call, "org_id", "is the nil UUID");
	if (!out->id_is_given)
		TRY(uuid_make(call->clock, call->rand, &out->id));
	TRY(input_line(call, "display_name", req->display_name));
	if (strspn(req->display_name, " ") == strlen(req->display_name))
		return rpc_refuse_field(call, "display_name", "is blank");
	out->display_name = req->display_name;
	out->slug_is_given = *req->slug != '\0';
	if (out->slug_is_given && !slug_is_good(req->slug))
		return rpc_refuse_field(call, "slug",
		    "is not made of lower-case letters, digits and hyphens between them");
	if (out->slug_is_given)
		snprintf(out->slug, sizeof(out->slug), "%s", req->slug);
	else
		slug_from_name(req->display_name, out->slug);
	out->creator = &call->principal->account_id;
	return STATUS_OK;
}

/* The columns that org/create, org/by_id and org/by_id_for_creator begin with. */
static status
org_fill(struct rpc_call *call, const struct rows *rows, Usher__V1__Org *reply)
{
	TRY(reply_id_column(call, rows, 0, ORG_BY_ID_ID, &reply->org_id));
	TRY(reply_text_column(call, rows, 0, ORG_BY_ID_SLUG, &reply->slug));
	TRY(reply_text_column(call, rows, 0, ORG_BY_ID_DISPLAY_NAME, &reply->display_name));
	reply->version = row_int(rows, 0, ORG_BY_ID_VERSION);
	return reply_time_column(call, rows, 0, ORG_BY_ID_CREATED_AT, &reply->created_at);
}

/* The id is somebody's already. A repeat of the creator's own call gets the organisation as it is;
 * everybody else learns that the id is taken, and no more. */
static status
answer_repeat(
    struct rpc_call *call, const struct create_ask *ask, bool *is_taken, Usher__V1__Org *reply)
{
	ROWS_AUTO rows = {0};

	*is_taken = false;
	TRY(STORE_QUERY(
	    call->conn, STMT_ORG_BY_ID_FOR_CREATOR, &rows, p_uuid(&ask->id), p_uuid(ask->creator)));
	if (rows.count == 0)
		return STATUS_OK;
	*is_taken = true;
	if (!row_bool(&rows, 0, ORG_BY_ID_FOR_CREATOR_IS_OWN) ||
	    !slice_equals_text(
		row_slice(&rows, 0, ORG_BY_ID_FOR_CREATOR_DISPLAY_NAME), ask->display_name) ||
	    (ask->slug_is_given &&
		!slice_equals_text(row_slice(&rows, 0, ORG_BY_ID_FOR_CREATOR_SLUG), ask->slug)))
		return REFUSE_FOR(ST_ALREADY_EXISTS, "ORG_ID_TAKEN",
		    "there is an organisation with that id and other content");
	return org_fill(call, &rows, reply);
}

/* A slug of our own making gives way to those that are there. */
static status
slug_vary(struct rpc_call *call, const char *base, char out[SLUG_BYTES_MAX + 1])
{
	uint8_t random[SUFFIX_RANDOM_BYTES];
	char hex[2 * SUFFIX_RANDOM_BYTES + 1];

	TRY(rand_fill(call->rand, random, sizeof(random)));
	hex_encode(slice_of(random, sizeof(random)), hex);
	snprintf(
	    out, SLUG_BYTES_MAX + 1, "%.*s-%s", (int)(SLUG_BYTES_MAX - sizeof(hex)), base, hex);
	return STATUS_OK;
}

static bool
may_make_any(const struct principal *caller)
{
	return caller->is_platform_operator &&
	       (caller->platform_permissions & permission_bit(slice_text("orgs.write")));
}

/* Counted one by one, however many are made at once. */
static status
check_count(struct rpc_call *call, const struct uuid *creator)
{
	ROWS_AUTO locked = {0}, count = {0};

	if (may_make_any(call->principal))
		return STATUS_OK;
	TRY(STORE_QUERY(call->conn, STMT_ORG_CREATOR_LOCK, &locked, p_uuid(creator)));
	TRY(STORE_QUERY(call->conn, STMT_ORG_CREATOR_COUNT, &count, p_uuid(creator)));
	if (row_int(&count, 0, ORG_CREATOR_COUNT_ORGS) < ORGS_PER_ACCOUNT_MAX)
		return STATUS_OK;
	return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "TOO_MANY_ORGS",
	    "the account has made as many organisations as one may");
}

/* The creator's account gets a user in it, an owner. */
static status
owner_add(struct rpc_call *call, const struct create_ask *ask)
{
	const struct principal *caller = call->principal;
	struct uuid user_id;
	ROWS_AUTO rows = {0};

	TRY(check_count(call, ask->creator));
	TRY(uuid_make(call->clock, call->rand, &user_id));
	TRY(STORE_QUERY(call->conn, STMT_ORG_ADD_OWNER, &rows, p_uuid(&ask->id), p_uuid(&user_id),
	    p_uuid(ask->creator), p_uuid(caller->has_org ? &caller->org_id : NULL)));
	if (rows.count == 0)
		return REFUSE(ST_UNAUTHENTICATED, "the account is gone");
	TRY(store_change(call->conn, CHANGE_ACCOUNT, ask->creator, NULL, false));
	return store_change(call->conn, CHANGE_USER, &user_id, &ask->id, false);
}

static status
org_create(struct rpc_call *call, const struct create_ask *ask, Usher__V1__Org *reply)
{
	char slug[SLUG_BYTES_MAX + 1];
	bool is_taken;

	memcpy(slug, ask->slug, sizeof(slug));
	for (int i = 0; i < SLUG_TRIES_MAX; i++) {
		ROWS_AUTO rows = {0};

		TRY(STORE_QUERY(call->conn, STMT_ORG_CREATE, &rows, p_uuid(&ask->id), p_text(slug),
		    p_text(ask->display_name), p_uuid(ask->creator)));
		if (rows.count == 1) {
			TRY(owner_add(call, ask));
			TRY(store_change(call->conn, CHANGE_ORG, &ask->id, &ask->id, false));
			return org_fill(call, &rows, reply);
		}
		TRY(answer_repeat(call, ask, &is_taken, reply));
		if (is_taken)
			return STATUS_OK;
		if (ask->slug_is_given)
			break;
		TRY(slug_vary(call, ask->slug, slug));
	}
	return REFUSE_FOR(ST_ALREADY_EXISTS, "SLUG_TAKEN", "another organisation has that slug");
}

/* CreateOrg: make an organisation; the caller, a login, becomes its owner.
 * Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS (that id or slug, other content or another's),
 *         RESOURCE_EXHAUSTED TOO_MANY_ORGS. */
status
org_create_org(const struct org_env *env, struct rpc_call *call,
    const Usher__V1__CreateOrgRequest *req, Usher__V1__Org *reply)
{
	struct create_ask ask = {0};

	(void)env;
	TRY(create_check(call, req, &ask));
	call->audit_subject = ask.id;
	call->audit_org = ask.id;
	return org_create(call, &ask, reply);
}

/* GetOrg: the caller's own organisation; any other is not found. */
status
org_get_org(const struct org_env *env, struct rpc_call *call, const Usher__V1__GetOrgRequest *req,
    Usher__V1__Org *reply)
{
	const struct param params[] = {p_uuid(&call->principal->org_id)};
	struct uuid id;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(input_id(call, "org_id", req->org_id, &id));
	if (!call->principal->has_org || !uuid_equals(&id, &call->principal->org_id))
		return REFUSE(ST_NOT_FOUND, "there is no such organisation");
	TRY(store_query_one(
	    call->conn, STMT_ORG_BY_ID, params, 1, "there is no such organisation", &rows));
	return org_fill(call, &rows, reply);
}
