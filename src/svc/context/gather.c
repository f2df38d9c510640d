#include "svc/context/gather.h"

#include "gen/svc/context.h"
#include "svc/context/ask.h"

/* What calls ask for, those that memory has and those that their quota stops left out. */
struct gather {
	const struct context_env *env;
	struct rpc_call **calls;
	struct context_ask *asks;
	size_t count;
};

static bool
gather_init(
    struct gather *gather, const struct context_env *env, struct rpc_call *first, size_t count)
{
	*gather = (struct gather){
	    .env = env,
	    .calls = arena_alloc(first->arena, count * sizeof(struct rpc_call *)),
	    .asks = arena_alloc(first->arena, count * sizeof(*gather->asks)),
	};
	return gather->calls && gather->asks;
}

static void
gather_add(struct gather *gather, struct rpc_call *call, const char *chatbot, bool chatbot_required,
    const char *user)
{
	struct context_ask *ask = &gather->asks[gather->count];
	struct context_entry *entry = NULL;

	/* What is wrong with it, its handler says. */
	if (ask_context(call, chatbot, chatbot_required, user, ask).code != ST_OK ||
	    quota_is_used_up(gather->env->quota, call->principal))
		return;
	if (call->trust_memory)
		entry = context_memory_find(gather->env->memory, ask);
	if (entry)
		context_entry_release(&entry);
	else
		gather->calls[gather->count++] = call;
}

/* The blocks of those that may have what was read. Where that fails, each stores its own. */
static void
gather_store(struct gather *gather, struct context_entry *const *entries)
{
	struct rpc_call *first = gather->calls[0];
	struct context_entry **admitted =
	    arena_alloc(first->arena, gather->count * sizeof(struct context_entry *));
	size_t count = 0;
	status st;

	if (!admitted)
		return;
	for (size_t i = 0; i < gather->count; i++)
		if (entries[i] &&
		    ask_admit(gather->calls[i], &gather->asks[i], entries[i]).code == ST_OK)
			admitted[count++] = entries[i];
	st = context_memory_store(
	    gather->env->memory, first, &gather->asks[0].org_id, admitted, count);
	(void)st;
}

static bool
gather_read(struct gather *gather)
{
	struct context_entry **entries;
	struct rpc_call *first = gather->calls[0];
	bool is_done = false;

	/* One reads for itself. */
	if (gather->count < 2)
		return true;
	entries = arena_alloc(first->arena, gather->count * sizeof(struct context_entry *));
	if (!entries)
		return false;
	status st =
	    context_memory_read(gather->env->memory, first, gather->asks, gather->count, entries);
	gather_store(gather, entries);
	for (size_t i = 0; i < gather->count; i++) {
		gather->calls[i]->gathered = entries[i];
		is_done |= entries[i] != NULL;
	}
	return st.code == ST_OK || is_done;
}

static bool
gather_resolve(const void *env, struct rpc_call *const *calls,
    const ProtobufCMessage *const *requests, size_t count)
{
	struct gather gather;

	if (!gather_init(&gather, env, calls[0], count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const Usher__V1__ResolveRequest *req =
		    (const Usher__V1__ResolveRequest *)requests[i];

		gather_add(&gather, calls[i], req->chatbot_id, true, req->user_id);
	}
	return gather_read(&gather);
}

static bool
gather_get(const void *env, struct rpc_call *const *calls, const ProtobufCMessage *const *requests,
    size_t count)
{
	struct gather gather;

	if (!gather_init(&gather, env, calls[0], count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const Usher__V1__GetContextRequest *req =
		    (const Usher__V1__GetContextRequest *)requests[i];

		gather_add(&gather, calls[i], req->chatbot_id, false, req->user_id);
	}
	return gather_read(&gather);
}

static void
release(void *gathered)
{
	struct context_entry *entry = gathered;

	context_entry_release(&entry);
}

const struct rpc_gathering context_gathering_resolve = {
    .method = "usher.v1.ContextService/Resolve",
    .unless_field = "conversation",
    .gather = gather_resolve,
    .release = release,
};
const struct rpc_gathering context_gathering_get = {
    .method = "usher.v1.ContextService/GetContext",
    .unless_field = "conversation",
    .gather = gather_get,
    .release = release,
};
