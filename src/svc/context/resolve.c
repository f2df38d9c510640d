/* Resolve, GetContext and BatchGetContext: reading contexts. */
#include "base/limits.h"
#include "gen/svc/context.h"
#include "svc/common/input.h"
#include "svc/common/reply.h"
#include "svc/context/ask.h"
#include "svc/context/encoded.h"
#include "svc/context/turns.h"

/* Fields' numbers in context.proto. */
#define RESOLVE_REPLY_CHATBOT 2
#define RESOLVE_REPLY_USER 3
#define CONTEXT_BLOCK_SEGMENTS 1

/* What the calls have in common. */
struct read_call {
	const char *purpose;
	struct context_ask ask;
	struct context_entry *entry; /* the call's: context_keep() */
	struct quota_state quota;
	char *read_id;
};

/* A receipt holds it as it is, and people group by it. */
static status
check_purpose(struct rpc_call *call, const char *purpose)
{
	for (const char *c = purpose; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || strchr("._:/-", *c)))
			return rpc_refuse_field(call, "purpose", "letters, digits and ._:/- alone");
	if (strlen(purpose) > SPOOL_PURPOSE_BYTES_MAX)
		return rpc_refuse_field(
		    call, "purpose", "at most %d characters", SPOOL_PURPOSE_BYTES_MAX);
	return STATUS_OK;
}

static status
refuse_quota(struct rpc_call *call, const struct quota_state *quota)
{
	return rpc_refuse_rate(call, quota->retry_after_us, "QUOTA_EXCEEDED",
	    "the key's quota of requests is used up");
}

static void
fill_receipt(const struct rpc_call *call, const struct read_call *read,
    const struct context_entry *entry, struct spool_read *out)
{
	const struct principal *principal = call->principal;

	memset(out, 0, sizeof(*out));
	out->org_id = principal->org_id;
	if (principal->kind == PRINCIPAL_KEY)
		out->key_id = principal->key_id;
	else
		out->reader_id = principal->user_id;
	out->user_id = entry->user_id;
	out->chatbot_id = entry->chatbot_id;
	memcpy(out->block_hash, entry->block.hash, sizeof(out->block_hash));
	out->second = call->now_us / US_PER_S;
	memcpy(out->purpose, read->purpose, strlen(read->purpose));
}

/* From memory: receipt and quota together, so that neither counts a read that the other refuses.
 * RPC_NOT_CACHED when one of them has to wait or to ask. */
static status
count_from_memory(const struct context_env *env, struct rpc_call *call, struct read_call *read)
{
	struct spool_read receipt;
	struct spool_ticket ticket;
	struct uuid read_id;

	fill_receipt(call, read, read->entry, &receipt);
	if (!spool_begin(env->spool, &receipt, &ticket))
		return RPC_NOT_CACHED;
	switch (quota_take(env->quota, call->principal, &read->quota)) {
	case QUOTA_TAKEN:
		spool_take(&ticket, &read_id);
		return reply_id(call, &read_id, &read->read_id);
	case QUOTA_ASK:
		spool_cancel(&ticket);
		return RPC_NOT_CACHED;
	default:
		spool_cancel(&ticket);
		return refuse_quota(call, &read->quota);
	}
}

/* With the database at hand: a receipt waits until it has its place. */
static status
begin_receipt(const struct context_env *env, struct rpc_call *call, const struct read_call *read,
    const struct context_entry *entry, struct spool_ticket *out)
{
	struct spool_read receipt;

	fill_receipt(call, read, entry, &receipt);
	while (!spool_begin(env->spool, &receipt, out)) {
		rpc_before_wait(call);
		TRY(spool_wait(env->spool, call->deadline_us));
	}
	return STATUS_OK;
}

static status
await_room(const struct context_env *env, struct rpc_call *call, const struct read_call *read)
{
	struct spool_ticket ticket;

	TRY(begin_receipt(env, call, read, read->entry, &ticket));
	spool_cancel(&ticket);
	return STATUS_OK;
}

static status
add_receipt(const struct context_env *env, struct rpc_call *call, const struct read_call *read,
    const struct context_entry *entry, char **out)
{
	struct spool_ticket ticket;
	struct uuid read_id;

	TRY(begin_receipt(env, call, read, entry, &ticket));
	spool_take(&ticket, &read_id);
	return reply_id(call, &read_id, out);
}

static status
take_quota(const struct context_env *env, struct rpc_call *call, struct quota_state *quota)
{
	status st;

	switch (quota_take(env->quota, call->principal, quota)) {
	case QUOTA_TAKEN:
		return STATUS_OK;
	case QUOTA_EXCEEDED:
		return refuse_quota(call, quota);
	default:
		break;
	}
	rpc_before_wait(call);
	st = quota_lease(env->quota, call->principal, call->conn, quota);
	return st.code == ST_RESOURCE_EXHAUSTED && st.reason &&
		       strcmp(st.reason, "QUOTA_EXCEEDED") == 0
		   ? refuse_quota(call, quota)
		   : st;
}

/* On success the entry is held until the reply is packed. */
static status
find_entry(const struct context_env *env, struct rpc_call *call, struct read_call *read)
{
	struct context_entry *entry = context_memory_find(env->memory, &read->ask);
	status st;

	if (!entry)
		return RPC_NOT_CACHED;
	st = ask_admit(call, &read->ask, entry);
	/* It was read for somebody who may not have it. */
	if (st.code == ST_OK && !entry->is_stored)
		st = RPC_NOT_CACHED;
	if (st.code != ST_OK) {
		context_entry_release(&entry);
		return st;
	}
	TRY(context_keep(call, entry));
	read->entry = entry;
	return STATUS_OK;
}

/* What was read for this call together with others. NULL: nothing was, or not for what it asks. */
static struct context_entry *
take_gathered(struct rpc_call *call, const struct context_ask *ask)
{
	struct context_entry *entry = call->gathered;

	if (!entry || !context_entry_answers(entry, ask))
		return NULL;
	call->gathered = NULL;
	return entry;
}

static status
read_entry(const struct context_env *env, struct rpc_call *call, struct read_call *read)
{
	struct context_entry *entry;
	status st = RPC_NOT_CACHED;

	if (call->trust_memory)
		st = find_entry(env, call, read);
	if (!rpc_is_not_cached(st))
		return st;
	entry = take_gathered(call, &read->ask);
	if (!entry)
		TRY(context_memory_read(env->memory, call, &read->ask, 1, &entry));
	st = ask_admit(call, &read->ask, entry);
	if (st.code == ST_OK)
		st = context_memory_store(env->memory, call, &read->ask.org_id, &entry, 1);
	context_memory_remember(env->memory, call, entry);
	if (st.code != ST_OK) {
		context_entry_release(&entry);
		return st;
	}
	TRY(context_keep(call, entry));
	read->entry = entry;
	return STATUS_OK;
}

static bool
is_plain(const struct block_ask *ask)
{
	return ask->turns_count == 0 && *ask->message == '\0' && ask->token_budget == 0 &&
	       ask->have_etags_count == 0 && !ask->with_items;
}

/* The block's segments as they are encoded in memory; those that were made for this call are
 * encoded here, since all must stay in their order. */
static status
hang_segments(
    struct rpc_call *call, const struct context_entry *entry, Usher__V1__ContextBlock *block)
{
	const struct block *stable = &entry->block;
	size_t at = 0;

	if (block->n_segments == 0 || block->segments[0] != stable->segment_list[0])
		return STATUS_OK;
	for (size_t i = 0; i < block->n_segments; i++) {
		struct slice made;

		/* Both lists are in the order of the prompt. */
		while (
		    at < stable->segments_count && block->segments[i] != stable->segment_list[at])
			at++;
		if (at < stable->segments_count)
			made = entry->segments_encoded[at];
		else
			TRY(encoded_make(call->arena, &block->segments[i]->base, &made));
		TRY(encoded_hang(call->arena, &block->base, CONTEXT_BLOCK_SEGMENTS, made));
	}
	block->n_segments = 0;
	return STATUS_OK;
}

static status
fill_block(struct rpc_call *call, const struct context_entry *entry, const struct block_ask *ask,
    Usher__V1__ContextBlock **out)
{
	Usher__V1__ContextBlock *block = arena_alloc(call->arena, sizeof(*block));

	if (!block)
		return ARENA_EXHAUSTED;
	usher__v1__context_block__init(block);
	if (is_plain(ask))
		*block = entry->whole;
	else
		TRY(block_pack(call->arena, &entry->block, ask, block));
	TRY(hang_segments(call, entry, block));
	*out = block;
	return STATUS_OK;
}

static status
fill_caller(struct rpc_call *call, Usher__V1__Caller **out)
{
	const struct principal *principal = call->principal;
	Usher__V1__Caller *caller = arena_alloc(call->arena, sizeof(*caller));
	size_t count = (size_t)__builtin_popcountll(principal->permissions);

	if (!caller)
		return ARENA_EXHAUSTED;
	usher__v1__caller__init(caller);
	TRY(reply_id(call, &principal->org_id, &caller->org_id));
	TRY(reply_id(call, &principal->key_id, &caller->key_id));
	TRY(reply_id(call, &principal->user_id, &caller->user_id));
	caller->scopes = arena_alloc(call->arena, count * sizeof(*caller->scopes));
	if (!caller->scopes)
		return ARENA_EXHAUSTED;
	for (uint64_t left = principal->permissions; left; left &= left - 1) {
		const char *name = permission_name((unsigned)__builtin_ctzll(left));

		if (name)
			caller->scopes[caller->n_scopes++] = (char *)name;
	}
	*out = caller;
	return STATUS_OK;
}

static status
fill_quota(struct rpc_call *call, const struct quota_state *state, Usher__V1__QuotaState **out)
{
	Usher__V1__QuotaState *quota = arena_alloc(call->arena, sizeof(*quota));

	if (!quota)
		return ARENA_EXHAUSTED;
	usher__v1__quota_state__init(quota);
	quota->remaining = state->remaining;
	if (state->resets_at_us)
		TRY(reply_time(call, state->resets_at_us, &quota->resets_at));
	*out = quota;
	return STATUS_OK;
}

static struct block_ask
resolve_block_ask(const Usher__V1__ResolveRequest *req)
{
	return (struct block_ask){.message = req->message,
	    .token_budget = req->token_budget,
	    .have_etags = req->have_etags,
	    .have_etags_count = req->n_have_etags,
	    .with_items = req->with_items};
}

static status
fill_resolve(struct rpc_call *call, const struct read_call *read, const struct block_ask *ask,
    Usher__V1__ResolveReply *reply)
{
	struct context_entry *entry = read->entry;

	TRY(fill_caller(call, &reply->caller));
	if (entry->has_chatbot)
		TRY(encoded_hang(
		    call->arena, &reply->base, RESOLVE_REPLY_CHATBOT, entry->chatbot_encoded));
	TRY(encoded_hang(call->arena, &reply->base, RESOLVE_REPLY_USER, entry->user_encoded));
	TRY(fill_block(call, entry, ask, &reply->context));
	TRY(fill_quota(call, &read->quota, &reply->quota));
	reply->read_id = read->read_id;
	return STATUS_OK;
}

static status
prepare_resolve(struct rpc_call *call, const Usher__V1__ResolveRequest *req, struct read_call *read)
{
	*read = (struct read_call){.purpose = req->purpose};
	TRY(check_purpose(call, req->purpose));
	return ask_context(call, req->chatbot_id, true, req->user_id, &read->ask);
}

/* Nothing to store, and all at hand: no lock but the cache's, the spool's and the quota's, no copy
 * of a text. */
status
context_resolve_cached(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ResolveRequest *req, Usher__V1__ResolveReply *reply)
{
	struct block_ask ask = resolve_block_ask(req);
	struct read_call read;

	if (*req->conversation)
		return RPC_NOT_CACHED;
	TRY(prepare_resolve(call, req, &read));
	TRY(find_entry(env, call, &read));
	TRY(count_from_memory(env, call, &read));
	reply->from_memory = true;
	return fill_resolve(call, &read, &ask, reply);
}

/* Who may only read contexts appends no turns this way either (AppendTurns' access). */
static status
check_append(const struct rpc_call *call, const Usher__V1__ResolveRequest *req)
{
	const struct principal *principal = call->principal;
	const char *needed =
	    principal->kind == PRINCIPAL_KEY ? "context.write" : "conversations.write";

	if (!*req->conversation || !*req->message ||
	    (principal->permissions & permission_bit(slice_text(needed))))
		return STATUS_OK;
	return arena_refuse(call->arena, ST_PERMISSION_DENIED, "PERMISSION_MISSING",
	    "a message that joins a conversation is written: that needs %s", needed);
}

/* The message joins its conversation; what was there before is its history. */
static status
join_conversation(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ResolveRequest *req, const struct read_call *read, struct block_ask *ask,
    Usher__V1__ResolveReply *reply)
{
	Usher__V1__NewTurn turn = USHER__V1__NEW_TURN__INIT;
	Usher__V1__NewTurn *turns[] = {&turn};
	struct turns_appended appended;
	struct block_turn *history;

	turn.role = USHER__V1__TURN_ROLE__TURN_ROLE_USER;
	turn.text = req->message;
	TRY(input_line(call, "conversation", req->conversation));
	/* Rather here than with the conversation locked. */
	TRY(await_room(env, call, read));
	TRY(rpc_become_write(call));
	TRY(rpc_begin(call));
	TRY(turns_append(call,
	    &(struct turns_append){.chatbot_id = &read->entry->chatbot_id,
		.conversation = req->conversation,
		.user_id = &read->entry->user_id,
		.turns = turns,
		.turns_count = 1},
	    &appended));
	TRY(turns_history(
	    call, &appended.conversation_id, appended.first_seq, &history, &ask->turns_count));
	ask->turns = history;
	reply->seq = appended.first_seq;
	return reply_id(call, &appended.conversation_id, &reply->conversation_id);
}

/* A conversation without a new message is read, and may not be there yet. */
static status
look_into_conversation(struct rpc_call *call, const char *name, const struct read_call *read,
    struct block_ask *ask, char **conversation_id)
{
	struct turns_appended conversation;
	struct block_turn *history;
	status st = turns_find_conversation(call, &read->entry->chatbot_id, name, &conversation);

	if (st.code == ST_NOT_FOUND)
		return STATUS_OK;
	TRY(st);
	if (!uuid_equals(&conversation.user_id, &read->entry->user_id))
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "CONVERSATION_OF_ANOTHER_USER",
		    "the conversation is another user's");
	TRY(turns_history(
	    call, &conversation.conversation_id, INT64_MAX, &history, &ask->turns_count));
	ask->turns = history;
	return conversation_id ? reply_id(call, &conversation.conversation_id, conversation_id)
			       : STATUS_OK;
}

/* Resolve: who calls, which chatbot, which user, and the block for the prompt.
 * Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot, user), PERMISSION_DENIED (another user than
 *         the key may touch; a message to store, and no right to), FAILED_PRECONDITION (disabled;
 *         another user's conversation),
 *         RESOURCE_EXHAUSTED QUOTA_EXCEEDED. */
status
context_resolve(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ResolveRequest *req, Usher__V1__ResolveReply *reply)
{
	struct block_ask ask = resolve_block_ask(req);
	const bool joins = *req->conversation && *req->message;
	struct read_call read;

	TRY(prepare_resolve(call, req, &read));
	TRY(check_append(call, req));
	/* Whoever lost the reply to what was left of their quota would be refused it. */
	if (joins && quota_has_limits(call->principal))
		TRY(rpc_find_repeat(call));
	/* A slice of the quota is taken for good, so before any transaction. */
	TRY(take_quota(env, call, &read.quota));
	TRY(read_entry(env, call, &read));
	if (joins)
		TRY(join_conversation(env, call, req, &read, &ask, reply));
	else if (*req->conversation)
		TRY(look_into_conversation(
		    call, req->conversation, &read, &ask, &reply->conversation_id));
	TRY(add_receipt(env, call, &read, read.entry, &read.read_id));
	return fill_resolve(call, &read, &ask, reply);
}

static struct block_ask
get_block_ask(const Usher__V1__GetContextRequest *req)
{
	return (struct block_ask){.message = "",
	    .token_budget = req->token_budget,
	    .have_etags = req->have_etags,
	    .have_etags_count = req->n_have_etags,
	    .with_items = req->with_items};
}

static status
prepare_get(struct rpc_call *call, const Usher__V1__GetContextRequest *req, struct read_call *read)
{
	*read = (struct read_call){.purpose = req->purpose};
	TRY(check_purpose(call, req->purpose));
	/* A conversation is a chatbot's. */
	return ask_context(
	    call, req->chatbot_id, *req->conversation != '\0', req->user_id, &read->ask);
}

static status
fill_get(struct rpc_call *call, const struct read_call *read, const struct block_ask *ask,
    Usher__V1__GetContextReply *reply)
{
	reply->user_id = read->entry->user.user_id;
	reply->read_id = read->read_id;
	return fill_block(call, read->entry, ask, &reply->context);
}

status
context_get_context_cached(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetContextRequest *req, Usher__V1__GetContextReply *reply)
{
	struct block_ask ask = get_block_ask(req);
	struct read_call read;

	if (*req->conversation)
		return RPC_NOT_CACHED;
	TRY(prepare_get(call, req, &read));
	TRY(find_entry(env, call, &read));
	TRY(count_from_memory(env, call, &read));
	return fill_get(call, &read, &ask, reply);
}

/* GetContext: the block alone. Errors: as Resolve. */
status
context_get_context(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__GetContextRequest *req, Usher__V1__GetContextReply *reply)
{
	struct block_ask ask = get_block_ask(req);
	struct read_call read;

	TRY(prepare_get(call, req, &read));
	TRY(take_quota(env, call, &read.quota));
	TRY(read_entry(env, call, &read));
	if (*req->conversation)
		TRY(look_into_conversation(call, req->conversation, &read, &ask, NULL));
	TRY(add_receipt(env, call, &read, read.entry, &read.read_id));
	return fill_get(call, &read, &ask, reply);
}

/* Contexts of one call: their entries are its own, more than rpc_keep() has room for. */
struct held_entries {
	struct context_entry **entries;
	bool *is_admitted; /* settle_batch() */
	size_t count;
};

static void
release_all(void *kept)
{
	struct held_entries *held = kept;

	for (size_t i = 0; i < held->count; i++)
		context_entry_release(&held->entries[i]);
}

/* Store those that the call may have. Who is not there, or disabled, is left out of the answer;
 * what is refused otherwise is refused for all. */
static status
settle_batch(const struct context_env *env, struct rpc_call *call, const struct context_ask *asks,
    struct held_entries *held)
{
	struct context_entry **admitted;
	size_t admitted_count = 0;
	status st = STATUS_OK;

	held->is_admitted = arena_alloc(call->arena, held->count * sizeof(bool));
	admitted = arena_alloc(call->arena, held->count * sizeof(struct context_entry *));
	if (!held->is_admitted || !admitted)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < held->count; i++) {
		const status one = ask_admit(call, &asks[i], held->entries[i]);

		held->is_admitted[i] = one.code == ST_OK;
		if (held->is_admitted[i])
			admitted[admitted_count++] = held->entries[i];
		else if (one.code != ST_NOT_FOUND && one.code != ST_FAILED_PRECONDITION)
			st = one;
	}
	if (st.code == ST_OK)
		st = context_memory_store(
		    env->memory, call, &asks[0].org_id, admitted, admitted_count);
	for (size_t i = 0; i < held->count; i++)
		context_memory_remember(env->memory, call, held->entries[i]);
	return st;
}

/* What a context's block does not count: tags, lengths, read_id, found or left_out. */
#define BATCH_ITEM_BYTES 64
/* The envelope's: revision, call id, tags. */
#define BATCH_ENVELOPE_BYTES 512

/* Room for blocks, when all that is said of each user besides has its own. */
static size_t
batch_room(const Usher__V1__BatchGetContextRequest *req)
{
	size_t room = MESSAGE_BYTES_MAX - BATCH_ENVELOPE_BYTES;

	for (size_t i = 0; i < req->n_user_ids; i++)
		room -= BATCH_ITEM_BYTES + strlen(req->user_ids[i]);
	return room;
}

/* Takes its part of the room, or leaves the block out, and all that come behind it: rendering takes
 * memory, whether the block fits or not. */
static status
fill_batch_item(const struct context_env *env, struct rpc_call *call, const struct read_call *read,
    const struct context_entry *entry, const struct block_ask *block_ask, size_t *room,
    Usher__V1__BatchContext *out)
{
	Usher__V1__ContextBlock *block;

	out->left_out = true;
	if (*room == 0)
		return STATUS_OK;
	TRY(fill_block(call, entry, block_ask, &block));
	const size_t bytes = protobuf_c_message_get_packed_size(&block->base);
	if (bytes > *room) {
		*room = 0;
		return STATUS_OK;
	}
	*room -= bytes;
	out->left_out = false;
	out->context = block;
	TRY(add_receipt(env, call, read, entry, &out->read_id));
	out->found = true;
	return STATUS_OK;
}

static status
fill_batch(const struct context_env *env, struct rpc_call *call, const struct read_call *read,
    const struct held_entries *held, const Usher__V1__BatchGetContextRequest *req,
    Usher__V1__BatchGetContextReply *reply)
{
	struct block_ask block_ask = {.message = "", .token_budget = req->token_budget};
	size_t room = batch_room(req);

	reply->contexts = arena_alloc(call->arena, req->n_user_ids * sizeof(*reply->contexts));
	if (!reply->contexts)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < req->n_user_ids; i++) {
		Usher__V1__BatchContext *item = arena_alloc(call->arena, sizeof(*item));

		if (!item)
			return ARENA_EXHAUSTED;
		usher__v1__batch_context__init(item);
		item->user_id = req->user_ids[i];
		if (held->is_admitted[i])
			TRY(fill_batch_item(
			    env, call, read, held->entries[i], &block_ask, &room, item));
		reply->contexts[reply->n_contexts++] = item;
	}
	return STATUS_OK;
}

/* BatchGetContext: blocks for many users, read in one statement, as many as a message holds. It
 * counts as one request.
 * Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot), FAILED_PRECONDITION CHATBOT_DISABLED,
 *         PERMISSION_DENIED, RESOURCE_EXHAUSTED QUOTA_EXCEEDED. */
status
context_batch_get_context(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__BatchGetContextRequest *req, Usher__V1__BatchGetContextReply *reply)
{
	size_t count = req->n_user_ids;
	struct context_ask *asks = arena_alloc(call->arena, count * sizeof(*asks));
	struct held_entries *held = arena_alloc(call->arena, sizeof(*held));
	struct read_call read = {.purpose = req->purpose};

	if (!asks || !held)
		return ARENA_EXHAUSTED;
	held->entries = arena_alloc(call->arena, count * sizeof(struct context_entry *));
	if (!held->entries)
		return ARENA_EXHAUSTED;
	TRY(check_purpose(call, req->purpose));
	for (size_t i = 0; i < count; i++)
		TRY(ask_context(call, req->chatbot_id, false, req->user_ids[i], &asks[i]));
	TRY(take_quota(env, call, &read.quota));
	held->count = count;
	if (!rpc_keep(call, release_all, held))
		return ARENA_EXHAUSTED;
	TRY(context_memory_read(env->memory, call, asks, count, held->entries));
	TRY(settle_batch(env, call, asks, held));
	/* The chatbot is one for all: what is wrong with it is no user's fault. */
	TRY(ask_admit_chatbot(call, &asks[0], held->entries[0]));
	return fill_batch(env, call, &read, held, req, reply);
}
