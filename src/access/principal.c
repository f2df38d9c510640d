#include "access/principal.h"

static const char EXTERNAL[] = "ext:";

/* The user that the call is about when it names none, or NULL. */
static const struct uuid *
implied_user(const struct principal *principal)
{
	if (principal->is_narrowed)
		return &principal->narrowed_user_id;
	if (principal->has_bound_user)
		return &principal->bound_user_id;
	if (principal->has_default_user)
		return &principal->default_user_id;
	return uuid_is_nil(&principal->user_id) ? NULL : &principal->user_id;
}

status
principal_may_touch_user(const struct principal *principal, const struct uuid *user_id)
{
	if (principal->is_narrowed && !uuid_equals(user_id, &principal->narrowed_user_id))
		return REFUSE_FOR(ST_PERMISSION_DENIED, "USER_NOT_ALLOWED",
		    "on_behalf_of allows its own user alone");
	if (principal->has_bound_user && !uuid_equals(user_id, &principal->bound_user_id))
		return REFUSE_FOR(
		    ST_PERMISSION_DENIED, "USER_NOT_ALLOWED", "the key is bound to another user");
	return STATUS_OK;
}

status
principal_may_list_users(const struct principal *principal)
{
	if (principal->is_narrowed || principal->has_bound_user)
		return REFUSE_FOR(ST_PERMISSION_DENIED, "USER_NOT_ALLOWED",
		    "this credential is for one user and may not list the others");
	return STATUS_OK;
}

status
principal_pick_user(const struct principal *principal, const char *text, struct uuid *user_id,
    const char **external)
{
	struct uuid named;

	if (!text || !*text) {
		const struct uuid *implied = implied_user(principal);
		if (!implied)
			return REFUSE_FOR(ST_INVALID_ARGUMENT, "USER_MISSING",
			    "no user is named, and the credential implies none");
		TRY(principal_may_touch_user(principal, implied));
		*user_id = *implied;
		*external = NULL;
		return STATUS_OK;
	}
	if (strncmp(text, EXTERNAL, sizeof EXTERNAL - 1) == 0) {
		if (!text[sizeof EXTERNAL - 1])
			return REFUSE(ST_INVALID_ARGUMENT, "no external_id behind ext:");
		*external = text + sizeof EXTERNAL - 1;
		return STATUS_OK;
	}
	if (!uuid_parse(slice_text(text), &named))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "a user is named by a UUID, or by ext: and an external_id");
	TRY(principal_may_touch_user(principal, &named));
	*user_id = named;
	*external = NULL;
	return STATUS_OK;
}

status
principal_need_org(const struct principal *principal)
{
	if (principal->has_org)
		return STATUS_OK;
	if (principal->is_platform_operator)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "ORG_MISSING",
		    "name the organisation to act in (the request's org; over HTTP Usher-Org)");
	return REFUSE_FOR(
	    ST_FAILED_PRECONDITION, "ORG_MISSING", "no organisation is active in this session");
}
