/* turns.h - conversations: appending to them, and their newest turns.
 * Threads: the call's, with its connection. */
#ifndef USHER_SVC_CONTEXT_TURNS_H
#define USHER_SVC_CONTEXT_TURNS_H

#include "gen/pb/usher/v1/context.pb-c.h"
#include "rpc/call.h"
#include "svc/context/block.h"

/* What history may hold. */
#define HISTORY_TURNS_MAX 200
#define HISTORY_BYTES_MAX (1 << 20)

struct turns_append {
	const struct uuid *chatbot_id;
	const char *conversation; /* our id, or the caller's own name for it */
	const char *user; /* as the request names them; "" the conversation's or the implied */
	const struct uuid *user_id; /* known already: user is not looked at */
	Usher__V1__NewTurn *const *turns;
	size_t turns_count;
	int64_t expect_seq; /* 0: whatever is next */
};

struct turns_appended {
	struct uuid conversation_id;
	struct uuid user_id;
	int64_t first_seq, last_seq;
	int64_t user_status;
	bool is_chatbot_disabled;
};

/* Append, in the call's transaction; the conversation's row is locked until the commit, so numbers
 * have no gaps. The conversation is made if it does not exist.
 * Errors: NOT_FOUND (user), FAILED_PRECONDITION CONVERSATION_OF_ANOTHER_USER, USER_DISABLED,
 *         CHATBOT_DISABLED, ABORTED SEQUENCE_MISMATCH; as store_query(). */
MUST_USE status turns_append(
    struct rpc_call *call, const struct turns_append *append, struct turns_appended *out);

/* Errors: NOT_FOUND, those of ask_admit_user(). */
MUST_USE status turns_find_conversation(struct rpc_call *call, const struct uuid *chatbot_id,
    const char *conversation, struct turns_appended *out);

/* The newest turns before before_seq, oldest first, in the arena: at most HISTORY_TURNS_MAX, and
 * HISTORY_BYTES_MAX together. */
MUST_USE status turns_history(struct rpc_call *call, const struct uuid *conversation_id,
    int64_t before_seq, struct block_turn **out, size_t *count);

#endif
