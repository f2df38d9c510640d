#include "gen/svc/user.h"
#include "svc/common/input.h"
#include "svc/common/reply.h"
#include "svc/user/user.h"

/* What of a user can be written; NULL leaves it as it is. */
struct user_fields {
	const char *external_id, *display_name, *email, *locale, *time_zone;
};

static const char *
if_written(uint32_t written, unsigned bit, const char *text)
{
	return written >> bit & 1 ? text : NULL;
}

static status
fields_check(struct rpc_call *call, const struct user_fields *fields)
{
	struct input_email email;

	if (fields->external_id && *fields->external_id)
		TRY(input_external_id(call, "external_id", fields->external_id));
	if (fields->display_name)
		TRY(input_line(call, "display_name", fields->display_name));
	if (fields->email && *fields->email)
		TRY(input_email(call, "email", fields->email, &email));
	if (fields->locale)
		TRY(input_locale(call, "locale", fields->locale));
	if (fields->time_zone)
		TRY(input_time_zone(call, "time_zone", fields->time_zone));
	return STATUS_OK;
}

static status
version_check(struct rpc_call *call, int64_t expect_version)
{
	if (expect_version < 0)
		return rpc_refuse_field(call, "expect_version", "is negative");
	return STATUS_OK;
}

/* A write that named a version found no row: is the user gone, or has it changed? */
static status
refuse_version(struct rpc_call *call, enum statement by, struct param name)
{
	ROWS_AUTO rows = {0};
	const struct param params[] = {p_uuid(&call->principal->org_id), name};

	TRY(store_query_one(call->conn, by, params, 2, "there is no such user", &rows));
	return REFUSE_FOR(
	    ST_ABORTED, "VERSION_MISMATCH", "the user has changed: read it again, then write");
}

static status
user_changed(struct rpc_call *call, const struct uuid *id)
{
	call->audit_subject = *id;
	return store_change(call->conn, CHANGE_USER, id, &call->principal->org_id, false);
}

static status
update_me_check(
    struct rpc_call *call, const Usher__V1__UpdateMeRequest *req, struct user_fields *out)
{
	const struct input_path paths[] = {
	    {"display_name", *req->display_name != '\0'},
	    {"locale", *req->locale != '\0'},
	    {"time_zone", *req->time_zone != '\0'},
	};
	uint32_t written;

	TRY(version_check(call, req->expect_version));
	TRY(input_mask(call, req->update_mask, paths, 3, &written));
	*out = (struct user_fields){
	    .display_name = if_written(written, 0, req->display_name),
	    .locale = if_written(written, 1, req->locale),
	    .time_zone = if_written(written, 2, req->time_zone),
	};
	return fields_check(call, out);
}

/* UpdateMe: change display_name, locale or time_zone of the caller's own user.
 * Errors: INVALID_ARGUMENT (a path that is no such field), ABORTED VERSION_MISMATCH. */
status
user_update_me(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__UpdateMeRequest *req, Usher__V1__User *reply)
{
	struct user_fields fields;
	struct uuid id;
	const char *external = NULL;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(principal_need_org(call->principal));
	TRY(update_me_check(call, req, &fields));
	TRY(principal_pick_user(call->principal, "", &id, &external));
	TRY(STORE_QUERY(call->conn, STMT_USER_UPDATE, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(&id), p_text(fields.display_name), p_text(fields.locale),
	    p_text(fields.time_zone), p_int(req->expect_version)));
	if (rows.count == 0)
		return refuse_version(call, STMT_USER_BY_ID, p_uuid(&id));
	TRY(user_changed(call, &id));
	return reply_user(call, &rows, 0, reply);
}

/* How an upsert names its user: by id, or by the organisation's own name. */
struct upsert {
	bool by_id;
	struct uuid id;          /* by_id */
	const char *external_id; /* not by_id */
	struct user_fields fields;
	int64_t expect_version;
};

static status
upsert_check_name(
    struct rpc_call *call, const Usher__V1__UpsertUserRequest *req, struct upsert *out)
{
	const size_t prefix_bytes = strlen(INPUT_EXTERNAL_PREFIX);
	const char *external = req->external_id;

	if (strncmp(req->user_id, INPUT_EXTERNAL_PREFIX, prefix_bytes) == 0) {
		external = req->user_id + prefix_bytes;
		if (*req->external_id && strcmp(req->external_id, external) != 0)
			return rpc_refuse_field(
			    call, "external_id", "differs from the one in user_id");
	} else {
		TRY(input_id_if_given(call, "user_id", req->user_id, &out->id, &out->by_id));
	}
	if (out->by_id && uuid_is_nil(&out->id))
		return rpc_refuse_field(call, "user_id", "is the nil UUID");
	if (out->by_id)
		return STATUS_OK;
	if (*req->user_id == '\0' && *external == '\0')
		return rpc_refuse_field(call, "user_id", "is empty, and external_id is too");
	out->external_id = external;
	return input_external_id(call, "external_id", external);
}

static status
upsert_check(struct rpc_call *call, const Usher__V1__UpsertUserRequest *req, struct upsert *out)
{
	const struct input_path paths[] = {
	    {"external_id", *req->external_id != '\0'},
	    {"display_name", *req->display_name != '\0'},
	    {"email", *req->email != '\0'},
	    {"locale", *req->locale != '\0'},
	    {"time_zone", *req->time_zone != '\0'},
	};
	uint32_t written;

	*out = (struct upsert){.expect_version = req->expect_version};
	TRY(version_check(call, req->expect_version));
	TRY(upsert_check_name(call, req, out));
	TRY(input_mask(call, req->update_mask, paths, 5, &written));
	out->fields = (struct user_fields){
	    .external_id = if_written(written, 0, req->external_id),
	    .display_name = if_written(written, 1, req->display_name),
	    .email = if_written(written, 2, req->email),
	    .locale = if_written(written, 3, req->locale),
	    .time_zone = if_written(written, 4, req->time_zone),
	};
	return fields_check(call, &out->fields);
}

static status
upsert_by_id(struct rpc_call *call, const struct upsert *upsert, struct rows *rows)
{
	const struct user_fields *fields = &upsert->fields;
	status st;

	TRY(principal_may_touch_user(call->principal, &upsert->id));
	st = STORE_QUERY(call->conn, STMT_USER_UPSERT_BY_ID, rows, p_uuid(&call->principal->org_id),
	    p_uuid(&upsert->id), p_text(fields->external_id), p_text(fields->display_name),
	    p_text(fields->email), p_text(fields->locale), p_text(fields->time_zone),
	    p_int(upsert->expect_version));
	if (st.code == ST_ALREADY_EXISTS)
		return REFUSE_FOR(ST_ALREADY_EXISTS, "EXTERNAL_ID_TAKEN",
		    "another user of the organisation has that external_id");
	TRY(st);
	if (rows->count == 0)
		return refuse_version(call, STMT_USER_BY_ID, p_uuid(&upsert->id));
	return STATUS_OK;
}

static status
upsert_by_external_id(struct rpc_call *call, const struct upsert *upsert, struct rows *rows)
{
	const struct user_fields *fields = &upsert->fields;
	struct uuid new_id, id;

	TRY(uuid_make(call->clock, call->rand, &new_id));
	TRY(STORE_QUERY(call->conn, STMT_USER_UPSERT_BY_EXTERNAL_ID, rows,
	    p_uuid(&call->principal->org_id), p_uuid(&new_id), p_text(upsert->external_id),
	    p_text(fields->display_name), p_text(fields->email), p_text(fields->locale),
	    p_text(fields->time_zone), p_int(upsert->expect_version)));
	if (rows->count == 0)
		return refuse_version(call, STMT_USER_BY_EXTERNAL_ID, p_text(upsert->external_id));
	/* Who may touch one user alone may not make another: the transaction is undone. */
	id = row_uuid(rows, 0, USER_UPSERT_BY_EXTERNAL_ID_ID);
	return principal_may_touch_user(call->principal, &id);
}

/* UpsertUser: make a user, or change the one that has this id or external_id.
 * Errors: INVALID_ARGUMENT (neither id), PERMISSION_DENIED USER_NOT_ALLOWED (not for this caller),
 *         NOT_FOUND (expect_version of none such), ALREADY_EXISTS EXTERNAL_ID_TAKEN (external_id is
 *         another user's), ABORTED VERSION_MISMATCH. */
status
user_upsert_user(const struct user_env *env, struct rpc_call *call,
    const Usher__V1__UpsertUserRequest *req, Usher__V1__UpsertUserReply *reply)
{
	struct upsert upsert;
	struct uuid id;
	ROWS_AUTO rows = {0};

	(void)env;
	_Static_assert(
	    (int)USER_UPSERT_BY_ID_IS_CREATED == (int)USER_UPSERT_BY_EXTERNAL_ID_IS_CREATED,
	    "both statements give the same columns");
	TRY(principal_need_org(call->principal));
	TRY(upsert_check(call, req, &upsert));
	if (upsert.by_id)
		TRY(upsert_by_id(call, &upsert, &rows));
	else
		TRY(upsert_by_external_id(call, &upsert, &rows));
	id = row_uuid(&rows, 0, USER_UPSERT_BY_ID_ID);
	TRY(user_changed(call, &id));
	reply->user = arena_alloc(call->arena, sizeof(*reply->user));
	if (!reply->user)
		return ARENA_EXHAUSTED;
	usher__v1__user__init(reply->user);
	reply->created = row_bool(&rows, 0, USER_UPSERT_BY_ID_IS_CREATED);
	return reply_user(call, &rows, 0, reply->user);
}
