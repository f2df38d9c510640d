#include "svc/context/turns.h"

#include "base/limits.h"
#include "gen/svc/context.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/context/ask.h"

/* Does the row of a conversation belong to whom the call is about? */
static status
check_owner(struct rpc_call *call, const struct turns_append *append, const struct uuid *owner)
{
	struct uuid named;

	if (append->user_id) {
		named = *append->user_id;
	} else if (*append->user) {
		TRY(ask_find_user(call, append->user, &named));
	} else {
		return principal_may_touch_user(call->principal, owner);
	}
	if (!uuid_equals(&named, owner))
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "CONVERSATION_OF_ANOTHER_USER",
		    "the conversation is another user's");
	return STATUS_OK;
}

/* The row's columns are the same in all three statements that give one. */
static void
read_conversation(const struct rows *rows, struct turns_appended *out)
{
	out->conversation_id = row_uuid(rows, 0, CONTEXT_CONVERSATION_ID);
	out->user_id = row_uuid(rows, 0, CONTEXT_CONVERSATION_USER_ID);
	out->last_seq = row_int(rows, 0, CONTEXT_CONVERSATION_LAST_SEQ);
	out->user_status = row_int(rows, 0, CONTEXT_CONVERSATION_USER_STATUS);
	out->is_chatbot_disabled = row_bool(rows, 0, CONTEXT_CONVERSATION_CHATBOT_DISABLED);
}

static status
open_conversation(
    struct rpc_call *call, const struct turns_append *append, struct turns_appended *out)
{
	struct uuid id, user_id;
	ROWS_AUTO rows = {0};

	if (append->user_id)
		user_id = *append->user_id;
	else
		TRY(ask_find_user(call, append->user, &user_id));
	TRY(uuid_make(call->clock, call->rand, &id));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CONVERSATION_OPEN, &rows,
	    p_uuid(&call->principal->org_id), p_uuid(&id), p_uuid(append->chatbot_id),
	    p_uuid(&user_id), p_text(append->conversation), p_int((int64_t)append->turns_count)));
	read_conversation(&rows, out);
	return STATUS_OK;
}

static status
take_numbers(struct rpc_call *call, const struct turns_append *append, struct turns_appended *out)
{
	struct uuid id;
	bool is_id = uuid_parse(slice_text(append->conversation), &id);
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CONVERSATION_EXTEND, &rows,
	    p_uuid(&call->principal->org_id), p_uuid(append->chatbot_id),
	    p_uuid(is_id ? &id : NULL), p_text(append->conversation),
	    p_int((int64_t)append->turns_count)));
	if (rows.count == 0)
		TRY(open_conversation(call, append, out));
	else if (rows.count == 1)
		read_conversation(&rows, out);
	else
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "CONVERSATION_AMBIGUOUS",
		    "one conversation has that id, and another has it as its name");
	TRY(check_owner(call, append, &out->user_id));
	if (out->is_chatbot_disabled)
		return CHATBOT_DISABLED;
	return out->user_status == USHER__V1__USER_STATUS__USER_STATUS_ACTIVE ? STATUS_OK
									      : USER_DISABLED;
}

static status
insert_turns(
    struct rpc_call *call, const struct turns_append *append, const struct turns_appended *appended)
{
	size_t n = append->turns_count;
	int64_t *roles = arena_alloc(call->arena, n * sizeof(*roles));
	int64_t *tokens = arena_alloc(call->arena, n * sizeof(*tokens));
	struct slice *texts = arena_alloc(call->arena, n * sizeof(*texts));
	struct slice *attributes = arena_alloc(call->arena, n * sizeof(*attributes));

	if (!roles || !tokens || !texts || !attributes)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < n; i++) {
		roles[i] = append->turns[i]->role;
		texts[i] = slice_text(append->turns[i]->text);
		attributes[i] = slice_text(append->turns[i]->attributes);
		tokens[i] = block_tokens(texts[i]);
	}
	return STORE_QUERY(call->conn, STMT_CONTEXT_TURNS_ADD, NULL,
	    p_uuid(&call->principal->org_id), p_uuid(&appended->conversation_id),
	    p_int(appended->first_seq), p_ints(roles, n), p_texts(texts, n), p_texts(attributes, n),
	    p_ints(tokens, n));
}

status
turns_append(struct rpc_call *call, const struct turns_append *append, struct turns_appended *out)
{
	struct turns_appended appended;

	TRY(take_numbers(call, append, &appended));
	appended.first_seq = appended.last_seq - (int64_t)append->turns_count + 1;
	if (append->expect_seq != 0 && append->expect_seq != appended.first_seq)
		return arena_refuse(call->arena, ST_ABORTED, "SEQUENCE_MISMATCH",
		    "the next turn is number %lld", (long long)appended.first_seq);
	TRY(insert_turns(call, append, &appended));
	*out = appended;
	return STATUS_OK;
}

status
turns_find_conversation(struct rpc_call *call, const struct uuid *chatbot_id,
    const char *conversation, struct turns_appended *out)
{
	struct uuid id;
	bool is_id = uuid_parse(slice_text(conversation), &id);
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_CONVERSATION, &rows,
	    p_uuid(&call->principal->org_id), p_uuid(chatbot_id), p_uuid(is_id ? &id : NULL),
	    p_text(conversation)));
	if (rows.count == 0)
		return CONVERSATION_NOT_FOUND;
	read_conversation(&rows, out);
	return ask_admit_user(call, &out->user_id, out->user_status);
}

status
turns_history(struct rpc_call *call, const struct uuid *conversation_id, int64_t before_seq,
    struct block_turn **out, size_t *count)
{
	struct block_turn *turns;
	size_t n;
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_HISTORY, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(conversation_id), p_int(before_seq), p_int(HISTORY_TURNS_MAX),
	    p_int(HISTORY_BYTES_MAX)));
	n = (size_t)rows.count;
	turns = arena_alloc(call->arena, n * sizeof(*turns));
	if (!turns)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < n; i++) {
		struct block_turn *turn = &turns[n - 1 - i];

		turn->seq = row_int(&rows, (int)i, CONTEXT_HISTORY_SEQ);
		turn->role = (Usher__V1__TurnRole)row_int(&rows, (int)i, CONTEXT_HISTORY_ROLE);
		turn->text = row_text(&rows, (int)i, CONTEXT_HISTORY_BODY, call->arena);
		if (!turn->text)
			return ARENA_EXHAUSTED;
	}
	*out = turns;
	*count = n;
	return STATUS_OK;
}

static status
check_turns(struct rpc_call *call, const Usher__V1__AppendTurnsRequest *req)
{
	TRY(input_line(call, "conversation", req->conversation));
	if (req->expect_seq < 0)
		return rpc_refuse_field(call, "expect_seq", "numbers begin at 1");
	for (size_t i = 0; i < req->n_turns; i++) {
		int role = (int)req->turns[i]->role;

		if (role < USHER__V1__TURN_ROLE__TURN_ROLE_USER ||
		    role > USHER__V1__TURN_ROLE__TURN_ROLE_SYSTEM)
			return rpc_refuse_field(
			    call, "turns.role", "turn %zu: user, assistant, tool or system", i + 1);
	}
	return STATUS_OK;
}

/* AppendTurns: add to a conversation, in order and without gaps.
 * Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot, user), ABORTED SEQUENCE_MISMATCH,
 *         FAILED_PRECONDITION CONVERSATION_OF_ANOTHER_USER, CONVERSATION_AMBIGUOUS, USER_DISABLED,
 *         CHATBOT_DISABLED, PERMISSION_DENIED (another user than the caller may touch). */
status
context_append_turns(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__AppendTurnsRequest *req, Usher__V1__AppendTurnsReply *reply)
{
	struct uuid chatbot_id;
	struct turns_appended appended;

	(void)env;
	TRY(check_turns(call, req));
	TRY(ask_find_chatbot(call, req->chatbot_id, true, &chatbot_id));
	TRY(turns_append(call,
	    &(struct turns_append){.chatbot_id = &chatbot_id,
		.conversation = req->conversation,
		.user = req->user_id,
		.turns = req->turns,
		.turns_count = req->n_turns,
		.expect_seq = req->expect_seq},
	    &appended));
	reply->first_seq = appended.first_seq;
	reply->last_seq = appended.last_seq;
	return reply_id(call, &appended.conversation_id, &reply->conversation_id);
}

static status
read_turn(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__Turn **out)
{
	Usher__V1__Turn *turn = arena_alloc(call->arena, sizeof(*turn));

	if (!turn)
		return ARENA_EXHAUSTED;
	usher__v1__turn__init(turn);
	turn->seq = row_int(rows, row, CONTEXT_TURNS_SEQ);
	turn->role = (Usher__V1__TurnRole)row_int(rows, row, CONTEXT_TURNS_ROLE);
	turn->tokens = (int32_t)row_int(rows, row, CONTEXT_TURNS_TOKENS);
	TRY(reply_text_column(call, rows, row, CONTEXT_TURNS_BODY, &turn->text));
	TRY(reply_text_column(call, rows, row, CONTEXT_TURNS_ATTRIBUTES, &turn->attributes));
	TRY(reply_time_column(call, rows, row, CONTEXT_TURNS_CREATED_AT, &turn->created_at));
	*out = turn;
	return STATUS_OK;
}

/* ListTurns: a conversation from its newest turn back.
 * Errors: NOT_FOUND (chatbot, conversation), INVALID_ARGUMENT (page), FAILED_PRECONDITION
 *         USER_DISABLED (for keys). */
status
context_list_turns(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListTurnsRequest *req, Usher__V1__ListTurnsReply *reply)
{
	struct uuid chatbot_id;
	struct turns_appended conversation;
	struct slice filter;
	struct page page;
	ROWS_AUTO rows = {0};

	TRY(ask_find_chatbot(call, req->chatbot_id, true, &chatbot_id));
	TRY(turns_find_conversation(call, &chatbot_id, req->conversation, &conversation));
	filter = slice_of(conversation.conversation_id.bytes, UUID_BYTES);
	TRY(page_read(call, env->page_key, filter, req->page, &page));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_TURNS, &rows, p_uuid(&call->principal->org_id),
	    p_uuid(&conversation.conversation_id),
	    p_int(page.is_first ? INT64_MAX : page.after.number), p_int(page.size),
	    p_int(PAGE_BYTES_MAX)));
	reply->turns = arena_alloc(call->arena, (size_t)rows.count * sizeof(*reply->turns));
	if (!reply->turns)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < rows.count; i++)
		TRY(read_turn(call, &rows, i, &reply->turns[reply->n_turns++]));
	if (rows.count > 0 && row_bool(&rows, rows.count - 1, CONTEXT_TURNS_IS_MORE)) {
		struct page_position last = {reply->turns[rows.count - 1]->seq, {{0}}};

		TRY(page_close(call, env->page_key, filter, &last, &reply->page));
	}
	return reply_id(call, &conversation.conversation_id, &reply->conversation_id);
}
