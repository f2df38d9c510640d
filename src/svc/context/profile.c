/* GetProfile, PutProfile. */
#include "gen/svc/context.h"
#include "svc/common/input.h"
#include "svc/common/reply.h"
#include "svc/context/ask.h"

/* The columns are the same in both statements, but for the user's status; without a profile they
 * are NULL. */
static status
read_profile(struct rpc_call *call, const struct rows *rows, Usher__V1__GetProfileReply *reply)
{
	Usher__V1__Profile *profile = arena_alloc(call->arena, sizeof(*profile));

	if (!profile)
		return ARENA_EXHAUSTED;
	usher__v1__profile__init(profile);
	TRY(reply_id_column(call, rows, 0, CONTEXT_PROFILE_USER_ID, &reply->user_id));
	TRY(reply_text_column(call, rows, 0, CONTEXT_PROFILE_COMPANY, &profile->company));
	TRY(reply_text_column(call, rows, 0, CONTEXT_PROFILE_ROLE, &profile->role));
	TRY(reply_text_column(call, rows, 0, CONTEXT_PROFILE_ABOUT, &profile->about));
	TRY(reply_text_column(call, rows, 0, CONTEXT_PROFILE_PREFERENCES, &profile->preferences));
	TRY(reply_text_column(call, rows, 0, CONTEXT_PROFILE_PROFILE_DATA, &profile->profile_data));
	if (!*profile->preferences)
		profile->preferences = (char *)"{}";
	if (!*profile->profile_data)
		profile->profile_data = (char *)"{}";
	profile->version = row_int(rows, 0, CONTEXT_PROFILE_VERSION);
	TRY(reply_time_column(call, rows, 0, CONTEXT_PROFILE_UPDATED_AT, &profile->updated_at));
	reply->profile = profile;
	return STATUS_OK;
}

/* GetProfile: empty, with version 0, while nobody has written one.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys). */
status
context_get_profile(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetProfileRequest *req, Usher__V1__GetProfileReply *reply)
{
	struct uuid id = {0};
	const char *external = NULL;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(principal_need_org(call->principal));
	TRY(principal_pick_user(call->principal, req->user_id, &id, &external));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_PROFILE, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(external ? NULL : &id), p_text(external)));
	if (rows.count == 0)
		return USER_NOT_FOUND;
	id = row_uuid(&rows, 0, CONTEXT_PROFILE_USER_ID);
	TRY(ask_admit_user(call, &id, row_int(&rows, 0, CONTEXT_PROFILE_USER_STATUS)));
	return read_profile(call, &rows, reply);
}

enum profile_field {
	PROFILE_COMPANY,
	PROFILE_ROLE,
	PROFILE_ABOUT,
	PROFILE_PREFERENCES,
	PROFILE_DATA,
	PROFILE_FIELDS
};

/* Without a mask all are written: the profile is replaced. */
static status
read_mask(struct rpc_call *call, const Usher__V1__PutProfileRequest *req, uint32_t *written)
{
	static const struct input_path paths[PROFILE_FIELDS] = {
	    [PROFILE_COMPANY] = {"company", true},
	    [PROFILE_ROLE] = {"role", true},
	    [PROFILE_ABOUT] = {"about", true},
	    [PROFILE_PREFERENCES] = {"preferences", true},
	    [PROFILE_DATA] = {"profile_data", true},
	};

	return input_mask(call, req->update_mask, paths, PROFILE_FIELDS, written);
}

/* Who stands behind what this call writes. */
static Usher__V1__Trust
writer_trust(const struct principal *principal, const struct uuid *user_id)
{
	if (principal->kind == PRINCIPAL_KEY)
		return USHER__V1__TRUST__TRUST_ASSERTED;
	return uuid_equals(&principal->user_id, user_id) ? USHER__V1__TRUST__TRUST_USER_WRITTEN
							 : USHER__V1__TRUST__TRUST_ADMIN_SET;
}

static struct param
text_if(uint32_t written, enum profile_field field, const char *text)
{
	return written & 1u << field ? p_text(text) : P_NULL;
}

static struct param
json_if(uint32_t written, enum profile_field field, const char *text)
{
	return written & 1u << field ? p_json(*text ? text : "{}") : P_NULL;
}

/* PutProfile: the fields of the mask, or the whole profile.
 * Errors: INVALID_ARGUMENT (mask, shape), NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (an
 *         administrator may all the same), ABORTED VERSION_MISMATCH. */
status
context_put_profile(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__PutProfileRequest *req, Usher__V1__GetProfileReply *reply)
{
	const Usher__V1__Profile *profile = req->profile;
	struct uuid user_id;
	uint32_t written;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(read_mask(call, req, &written));
	if (req->expect_version < 0)
		return rpc_refuse_field(call, "expect_version", "versions begin at 1");
	if (written & 1u << PROFILE_COMPANY)
		TRY(input_line(call, "profile.company", profile->company));
	if (written & 1u << PROFILE_ROLE)
		TRY(input_line(call, "profile.role", profile->role));
	TRY(ask_find_user(call, req->user_id, &user_id));
	call->audit_subject = user_id;
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_PROFILE_PUT, &rows,
	    p_uuid(&call->principal->org_id), p_uuid(&user_id),
	    text_if(written, PROFILE_COMPANY, profile->company),
	    text_if(written, PROFILE_ROLE, profile->role),
	    text_if(written, PROFILE_ABOUT, profile->about),
	    json_if(written, PROFILE_PREFERENCES, profile->preferences),
	    json_if(written, PROFILE_DATA, profile->profile_data),
	    p_int(writer_trust(call->principal, &user_id)), p_int(req->expect_version)));
	if (rows.count == 0)
		return REFUSE_FOR(
		    ST_ABORTED, "VERSION_MISMATCH", "the profile is in another version by now");
	TRY(store_change(call->conn, CHANGE_PROFILE, &user_id, &call->principal->org_id, false));
	return read_profile(call, &rows, reply);
}
