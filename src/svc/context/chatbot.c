/* CreateChatbot, GetChatbot, ListChatbots. */
#include "base/limits.h"
#include "gen/svc/context.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/context/ask.h"

/* The three statements that give chatbots have the same columns. */
static status
read_chatbot(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__Chatbot *out)
{
	TRY(reply_id_column(call, rows, row, CONTEXT_CHATBOT_ID, &out->chatbot_id));
	TRY(reply_id_column(call, rows, row, CONTEXT_CHATBOT_ORG_ID, &out->org_id));
	TRY(reply_text_column(call, rows, row, CONTEXT_CHATBOT_ALIAS, &out->alias));
	TRY(reply_text_column(call, rows, row, CONTEXT_CHATBOT_DISPLAY_NAME, &out->display_name));
	TRY(reply_text_column(call, rows, row, CONTEXT_CHATBOT_INSTRUCTIONS, &out->instructions));
	out->disabled = row_bool(rows, row, CONTEXT_CHATBOT_DISABLED);
	out->version = row_int(rows, row, CONTEXT_CHATBOT_VERSION);
	TRY(reply_time_column(call, rows, row, CONTEXT_CHATBOT_CREATED_AT, &out->created_at));
	return reply_time_column(call, rows, row, CONTEXT_CHATBOT_UPDATED_AT, &out->updated_at);
}

static status
check_chatbot(struct rpc_call *call, const Usher__V1__CreateChatbotRequest *req, struct uuid *id)
{
	struct uuid other;
	bool given;

	TRY(principal_need_org(call->principal));
	TRY(input_line(call, "display_name", req->display_name));
	TRY(input_line(call, "alias", req->alias));
	/* Otherwise an alias could stand before another chatbot's id. */
	if (uuid_parse(slice_text(req->alias), &other))
		return rpc_refuse_field(call, "alias", "an alias is not a UUID");
	TRY(input_id_if_given(call, "chatbot_id", req->chatbot_id, id, &given));
	if (given && uuid_is_nil(id))
		return rpc_refuse_field(call, "chatbot_id", "the nil UUID names nothing");
	return given ? STATUS_OK : uuid_make(call->clock, call->rand, id);
}

/* A repeat with the same content is no conflict. */
static status
read_existing(struct rpc_call *call, const Usher__V1__CreateChatbotRequest *req,
    const struct uuid *id, Usher__V1__Chatbot *reply)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CHATBOT, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(id), P_NULL));
	if (rows.count == 0)
		return REFUSE(ST_ABORTED, "the chatbot was removed meanwhile");
	TRY(read_chatbot(call, &rows, 0, reply));
	if (strcmp(reply->alias, req->alias) != 0 ||
	    strcmp(reply->display_name, req->display_name) != 0 ||
	    strcmp(reply->instructions, req->instructions) != 0)
		return REFUSE_FOR(ST_ALREADY_EXISTS, "CHATBOT_EXISTS",
		    "there is a chatbot of that id, and it is another");
	return STATUS_OK;
}

/* CreateChatbot: idempotent on a given id.
 * Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS (the id with other content; the alias). */
status
context_create_chatbot(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__CreateChatbotRequest *req, Usher__V1__Chatbot *reply)
{
	struct uuid id;
	status st;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(check_chatbot(call, req, &id));
	call->audit_subject = id;
	st = STORE_QUERY(call->conn, STMT_CONTEXT_CHATBOT_CREATE, &rows,
	    p_uuid(&call->principal->org_id), p_uuid(&id), p_text(*req->alias ? req->alias : NULL),
	    p_text(req->display_name), p_text(req->instructions));
	if (st.code == ST_ALREADY_EXISTS)
		return REFUSE_FOR(ST_ALREADY_EXISTS, "ALIAS_TAKEN",
		    "another chatbot of the organisation has that alias");
	TRY(st);
	if (rows.count == 0)
		return read_existing(call, req, &id, reply);
	TRY(store_change(call->conn, CHANGE_CHATBOT, &id, &call->principal->org_id, false));
	return read_chatbot(call, &rows, 0, reply);
}

/* GetChatbot: by id or alias. Errors: NOT_FOUND. */
status
context_get_chatbot(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetChatbotRequest *req, Usher__V1__Chatbot *reply)
{
	struct chatbot_ref ref;
	struct uuid id;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(principal_need_org(call->principal));
	TRY(ask_chatbot(call, req->chatbot_id, true, &ref));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CHATBOT, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(ref.alias ? NULL : &ref.id), p_text(ref.alias)));
	if (rows.count == 0)
		return CHATBOT_NOT_FOUND;
	id = row_uuid(&rows, 0, CONTEXT_CHATBOT_ID);
	if (!ask_chatbot_is_allowed(call->principal, &id))
		return CHATBOT_NOT_FOUND;
	return read_chatbot(call, &rows, 0, reply);
}

/* ListChatbots: oldest first. Errors: INVALID_ARGUMENT (page). */
status
context_list_chatbots(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListChatbotsRequest *req, Usher__V1__ListChatbotsReply *reply)
{
	struct page page;
	ROWS_AUTO rows = {0};

	TRY(principal_need_org(call->principal));
	TRY(page_read(call, env->page_key, SLICE_NONE, req->page, &page));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CHATBOTS, &rows, p_uuid(&call->principal->org_id),
	    p_time(page.after.number), p_uuid(&page.after.id), p_int(page.size),
	    p_int(PAGE_BYTES_MAX)));
	reply->chatbots = arena_alloc(call->arena, (size_t)rows.count * sizeof(*reply->chatbots));
	if (!reply->chatbots)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < rows.count; i++) {
		Usher__V1__Chatbot *chatbot = arena_alloc(call->arena, sizeof(*chatbot));

		if (!chatbot)
			return ARENA_EXHAUSTED;
		usher__v1__chatbot__init(chatbot);
		TRY(read_chatbot(call, &rows, i, chatbot));
		reply->chatbots[reply->n_chatbots++] = chatbot;
	}
	if (rows.count > 0 && row_bool(&rows, rows.count - 1, CONTEXT_CHATBOTS_IS_MORE)) {
		struct page_position last = {
		    row_time_us(&rows, rows.count - 1, CONTEXT_CHATBOTS_CREATED_AT),
		    row_uuid(&rows, rows.count - 1, CONTEXT_CHATBOTS_ID)};

		TRY(page_close(call, env->page_key, SLICE_NONE, &last, &reply->page));
	}
	return STATUS_OK;
}
