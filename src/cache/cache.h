/* cache.h - memory that is right or empty: a bounded map from bytes to a counted entry.
 *
 * A fill takes a generation before it reads the database and is thrown away if the key, or one of
 * the tags it depends on, was dropped meanwhile. One fill at a time per key: others are parked.
 * A sixteenth of the bytes is for negative entries, so that guesses push nothing out.
 * Threads: any; sharded locks, nothing blocks. */
#ifndef USHER_CACHE_CACHE_H
#define USHER_CACHE_CACHE_H

#include "base/clock.h"
#include "base/list.h"
#include "base/str.h"
#include "base/uuid.h"

#include <stdatomic.h>

/* What a cache holds: embedded first in the caller's struct, which starts zeroed with references 1.
 * The caller sets expires_at_us, cost_bytes, negative, tags and key; the rest is the cache's own.
 * What a lookup touches stands together at the beginning, as large as a line of a processor's
 * cache.
 */
struct cache_entry {
	struct list bucket;
	uint64_t hash;
	struct slice key;      /* in the entry's own memory, best right behind this */
	int64_t expires_at_us; /* realtime; 0: never. The earliest expiry of what it holds */
	uint64_t moved_at;
	atomic_uint references;
	bool negative; /* "there is no such thing": a budget of its own */

	struct list lru;
	size_t cost_bytes;      /* of the entry's own memory; the cache adds its own */
	struct cache_tag *tags; /* what it depends on: any of them dropped drops it */
	size_t tags_count;
	void *internal;
};

/* A parent of entries: (kind, id). */
struct cache_tag {
	uint32_t kind; /* enum change_kind */
	struct uuid id;
};

struct cache;
struct cache_stats {
	const char *name;
	int64_t entries, bytes, bytes_max, hits, misses, dropped;
};

MUST_USE status cache_new(const char *name, size_t bytes_max, const struct clock *clock,
    void (*release)(struct cache_entry *), struct cache **out);
void cache_free(struct cache **cache);

/* The entry with a reference taken, or NULL (absent or expired). */
struct cache_entry *cache_find(struct cache *cache, struct slice key);
void cache_release(struct cache *cache, struct cache_entry **entry);

/* Before reading the database. */
uint64_t cache_generation(struct cache *cache);
/* Give the entry to the cache (it takes one reference; the caller keeps its own). Not kept when the
 * generation says that one of its tags, or its key, has been dropped since. */
void cache_insert(struct cache *cache, struct cache_entry *entry, uint64_t generation);
/* Drop all that depend on the tag. */
void cache_drop_tag(struct cache *cache, uint32_t kind, const struct uuid *id);
/* Drop one key: for an outcome that nobody knows. */
void cache_drop(struct cache *cache, struct slice key);
void cache_drop_all(struct cache *cache);

/* One fill at a time per key. The waiter is the caller's storage until cache_fill_end(), wake() or
 * a cache_fill_cancel() that answered true; so is the key's memory. */
struct cache_waiter {
	void (*wake)(struct cache_waiter *waiter); /* find again; called without locks */
	struct slice key;
	struct list list, parked;
	bool is_filling;
	uint8_t key_room[32]; /* for a key that is a digest and stands nowhere else */
};
/* true: go and fill. false: parked. */
bool cache_fill_begin(struct cache *cache, struct slice key, struct cache_waiter *waiter);
/* Wakes all that are parked behind this fill. */
void cache_fill_end(struct cache *cache, struct cache_waiter *waiter);
/* true: it was parked, and will not be woken any more. */
bool cache_fill_cancel(struct cache *cache, struct cache_waiter *waiter);

void cache_get_stats(struct cache *cache, struct cache_stats *out);

#endif
