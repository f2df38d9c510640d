#include "svc/context/ask.h"

status
ask_chatbot(struct rpc_call *call, const char *text, bool required, struct chatbot_ref *out)
{
	const struct principal *principal = call->principal;
	struct chatbot_ref ref = {.given = true};

	if (*text == '\0') {
		if (!principal->has_chatbot && required)
			return rpc_refuse_field(
			    call, "chatbot_id", "name a chatbot: the credential implies none");
		ref.given = principal->has_chatbot;
		ref.id = principal->chatbot_id;
	} else if (uuid_parse(slice_text(text), &ref.id)) {
		if (!ask_chatbot_is_allowed(principal, &ref.id))
			return CHATBOT_NOT_FOUND;
	} else {
		ref.alias = text;
	}
	*out = ref;
	return STATUS_OK;
}

bool
ask_chatbot_is_allowed(const struct principal *principal, const struct uuid *chatbot_id)
{
	return !principal->has_chatbot || uuid_equals(&principal->chatbot_id, chatbot_id);
}

status
ask_context(struct rpc_call *call, const char *chatbot, bool chatbot_required, const char *user,
    struct context_ask *out)
{
	struct context_ask ask = {.org_id = call->principal->org_id};
	struct chatbot_ref ref;

	TRY(principal_need_org(call->principal));
	TRY(ask_chatbot(call, chatbot, chatbot_required, &ref));
	TRY(principal_pick_user(call->principal, user, &ask.user_id, &ask.external_id));
	ask.has_chatbot = ref.given;
	ask.chatbot_alias = ref.alias;
	ask.chatbot_id = ref.id;
	*out = ask;
	return STATUS_OK;
}

status
ask_admit_chatbot(
    const struct rpc_call *call, const struct context_ask *ask, const struct context_entry *entry)
{
	if (ask->has_chatbot &&
	    (!entry->has_chatbot || !ask_chatbot_is_allowed(call->principal, &entry->chatbot_id)))
		return CHATBOT_NOT_FOUND;
	if (entry->is_chatbot_disabled)
		return CHATBOT_DISABLED;
	return STATUS_OK;
}

status
ask_admit(
    const struct rpc_call *call, const struct context_ask *ask, const struct context_entry *entry)
{
	TRY(ask_admit_chatbot(call, ask, entry));
	if (!entry->has_user)
		return USER_NOT_FOUND;
	TRY(principal_may_touch_user(call->principal, &entry->user_id));
	if (!entry->is_user_active)
		return USER_DISABLED;
	return STATUS_OK;
}

status
ask_find_chatbot(struct rpc_call *call, const char *text, bool required, struct uuid *out)
{
	struct chatbot_ref ref;
	struct uuid id;
	ROWS_AUTO rows = {0};

	TRY(principal_need_org(call->principal));
	TRY(ask_chatbot(call, text, required, &ref));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CHATBOT, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(ref.alias ? NULL : &ref.id), p_text(ref.alias)));
	if (rows.count == 0)
		return CHATBOT_NOT_FOUND;
	id = row_uuid(&rows, 0, CONTEXT_CHATBOT_ID);
	if (!ask_chatbot_is_allowed(call->principal, &id))
		return CHATBOT_NOT_FOUND;
	*out = id;
	return STATUS_OK;
}

status
ask_admit_user(const struct rpc_call *call, const struct uuid *user_id, int64_t user_status)
{
	TRY(principal_may_touch_user(call->principal, user_id));
	return call->principal->kind == PRINCIPAL_KEY &&
		       user_status != USHER__V1__USER_STATUS__USER_STATUS_ACTIVE
		   ? USER_DISABLED
		   : STATUS_OK;
}

status
ask_find_user(struct rpc_call *call, const char *text, struct uuid *out)
{
	struct uuid id = {0};
	const char *external = NULL;
	ROWS_AUTO rows = {0};

	TRY(principal_need_org(call->principal));
	TRY(principal_pick_user(call->principal, text, &id, &external));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_USER, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(external ? NULL : &id), p_text(external)));
	if (rows.count == 0)
		return USER_NOT_FOUND;
	id = row_uuid(&rows, 0, CONTEXT_USER_ID);
	TRY(ask_admit_user(call, &id, row_int(&rows, 0, CONTEXT_USER_STATUS)));
	*out = id;
	return STATUS_OK;
}
