/* memory.h - assembled contexts, remembered until one of their parents changes.
 *
 * An entry is what one statement read (user, profile, chatbot), ready to be hung into a reply:
 * messages and rendered segments, in an arena of its own. Its key is how the request named chatbot
 * and user, so that an alias or "ext:..." costs nothing either; its tags are its parents. That
 * there is no such user or chatbot is remembered too, until one of the organisation changes.
 * A day later an entry is read anew, which says that its block is in use.
 * Lifetime: an entry lives while a reference is held; context_keep() holds it for the reply.
 * Threads: any; entries are read-only once remembered. */
#ifndef USHER_SVC_CONTEXT_MEMORY_H
#define USHER_SVC_CONTEXT_MEMORY_H

#include "cache/cache.h"
#include "rpc/call.h"
#include "store/feed.h"
#include "svc/context/block.h"

struct context_memory;

/* How a request names what it is about. Texts are the request's. */
struct context_ask {
	struct uuid org_id;
	bool has_chatbot;          /* false: a context without a chatbot */
	const char *chatbot_alias; /* NULL: by chatbot_id */
	struct uuid chatbot_id;
	const char *external_id; /* NULL: by user_id */
	struct uuid user_id;
};

#define CONTEXT_TAGS_MAX 6

#define CONTEXT_KEY_ROOM_BYTES 64 /* for chatbot and user by id; longer ones are in the arena */

/* What every call reads stands together, from the key to the block's beginning. */
struct context_entry {
	struct cache_entry cache; /* first */
	uint8_t key_room[CONTEXT_KEY_ROOM_BYTES];
	struct context_memory *memory;
	uint64_t generation;        /* of memory, before it was read */
	bool has_user, has_chatbot; /* found */
	bool is_chatbot_disabled, is_user_active;
	bool is_stored; /* the block, for receipts to name */
	struct uuid user_id, chatbot_id;
	/* What nearly every reply has (encoded.h). */
	struct slice user_encoded, chatbot_encoded, segments_encoded[BLOCK_STABLE_SECTIONS];
	struct block block;

	Usher__V1__User user;
	Usher__V1__Chatbot chatbot;
	/* The block as calls get it that ask for nothing particular. */
	Usher__V1__ContextBlock whole;
	struct arena arena; /* of all that hangs here */
	struct cache_tag tags[CONTEXT_TAGS_MAX];
};

/* clock is borrowed. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status context_memory_new(
    size_t bytes_max, const struct clock *clock, struct context_memory **out);
void context_memory_free(struct context_memory **memory);
/* For feed_subscribe(). */
void context_memory_obey(void *memory, const struct feed_change *change);
void context_memory_get_stats(struct context_memory *memory, struct cache_stats *out);

/* With a reference, or NULL. */
struct context_entry *
context_memory_find(struct context_memory *memory, const struct context_ask *ask);
void context_entry_release(struct context_entry **entry);
/* The reply points into the entry: the caller's reference is the call's from here on.
 * Errors: RESOURCE_EXHAUSTED (it is released then). */
MUST_USE status context_keep(struct rpc_call *call, struct context_entry *entry);

/* Read contexts from the database in one statement, whatever memory says. All asks are of one
 * organisation. entries get a reference each, in the order asked; where reading one failed (which
 * is said), it is NULL, and only it. Errors: as store_query(); RESOURCE_EXHAUSTED. */
MUST_USE status context_memory_read(struct context_memory *memory, struct rpc_call *call,
    const struct context_ask *asks, size_t count, struct context_entry **entries);
/* What was read goes into a reply only when its block is stored, so that receipts never name one
 * that nobody has. Of users who are there, and for callers who may have it: what is refused leaves
 * nothing behind. One statement for a megabyte of them. On failure none counts as stored; some may
 * be. Errors: as store_query(); RESOURCE_EXHAUSTED. */
MUST_USE status context_memory_store(struct context_memory *memory, struct rpc_call *call,
    const struct uuid *org_id, struct context_entry *const *entries, size_t count);
/* Then, whether it was stored or not; the entry does not change any more. */
void context_memory_remember(
    struct context_memory *memory, const struct rpc_call *call, struct context_entry *entry);
/* Is it what was asked for? */
bool context_entry_answers(const struct context_entry *entry, const struct context_ask *ask);

#endif
