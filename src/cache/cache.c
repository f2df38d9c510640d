/* Two kinds of lock. A shard's guards its buckets and its order of use, and is all that a lookup
 * takes. The index's guards what entries depend on and when what was dropped; everything that adds
 * or removes takes it first, so that an insert and a drop never pass each other unseen. */
#include "cache/cache.h"

#include "base/rand.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define SHARDS 16
#define SHARD_BUCKETS_FIRST 64
#define TAG_BUCKETS_FIRST 256
#define FILL_BUCKETS 256
/* When something that hashes to a slot was last dropped. Two things may share a slot: then a fill
 * too many is thrown away, never one too few. */
#define DROP_SLOTS 4096
#define NEGATIVE_SHARE 16

struct table {
	struct list *buckets;
	size_t mask, count;
};

struct shard {
	pthread_mutex_t lock;
	struct table table;
	struct list lru[2]; /* [negative]: most recently used first */
	size_t bytes[2], bytes_max[2];
	int64_t hits, misses;
	uint64_t moves; /* to the front of an order of use */
} __attribute__((aligned(64)));

/* An entry's place in the index of tags. */
struct link {
	struct list list;
	struct cache_entry *entry;
	uint64_t hash;
};

struct cache {
	const char *name;
	const struct clock *clock;
	void (*release)(struct cache_entry *);
	uint64_t seed;
	size_t bytes_max;
	atomic_uint_fast64_t generation;

	pthread_mutex_t index_lock;
	struct table tags;
	uint64_t dropped_at[DROP_SLOTS];
	uint64_t all_dropped_at;
	int64_t dropped;

	pthread_mutex_t fill_lock;
	struct list fills[FILL_BUCKETS];

	struct shard shards[SHARDS];
};

static bool
table_init(struct table *table, size_t buckets)
{
	table->buckets = malloc(buckets * sizeof *table->buckets);
	if (!table->buckets)
		return false;
	for (size_t i = 0; i < buckets; i++)
		list_init(&table->buckets[i]);
	table->mask = buckets - 1;
	table->count = 0;
	return true;
}

static struct list *
table_bucket(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & table->mask];
}

/* Double when there is more than one node a bucket. Without memory it stays as it is, only slower.
 */
static void
table_grow(struct table *table, uint64_t (*hash_of)(const struct list *node))
{
	struct table larger;

	if (table->count <= table->mask || !table_init(&larger, 2 * (table->mask + 1)))
		return;
	larger.count = table->count;
	for (size_t i = 0; i <= table->mask; i++) {
		struct list *node;
		while ((node = list_take_first(&table->buckets[i])))
			list_add_last(table_bucket(&larger, hash_of(node)), node);
	}
	free(table->buckets);
	*table = larger;
}

static uint64_t
entry_hash_of(const struct list *node)
{
	return container_of(node, struct cache_entry, bucket)->hash;
}

static uint64_t
link_hash_of(const struct list *node)
{
	return container_of(node, struct link, list)->hash;
}

/* The low bits choose the bucket, the high ones the shard. */
static struct shard *
shard_of(struct cache *cache, uint64_t hash)
{
	return &cache->shards[hash >> 60 & (SHARDS - 1)];
}

static uint64_t
tag_hash(const struct cache *cache, uint32_t kind, const struct uuid *id)
{
	uint8_t bytes[sizeof kind + UUID_BYTES];

	memcpy(bytes, &kind, sizeof kind);
	memcpy(bytes + sizeof kind, id->bytes, UUID_BYTES);
	return hash_bytes(slice_of(bytes, sizeof bytes), cache->seed);
}

static bool
shards_init(struct cache *cache)
{
	bool ok = true;

	for (int i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		pthread_mutex_init(&shard->lock, NULL);
		ok = table_init(&shard->table, SHARD_BUCKETS_FIRST) && ok;
		for (int negative = 0; negative < 2; negative++)
			list_init(&shard->lru[negative]);
		shard->bytes_max[1] = cache->bytes_max / SHARDS / NEGATIVE_SHARE;
		shard->bytes_max[0] = cache->bytes_max / SHARDS - shard->bytes_max[1];
	}
	return ok;
}

status
cache_new(const char *name, size_t bytes_max, const struct clock *clock,
    void (*release)(struct cache_entry *), struct cache **out)
{
	void *memory;
	struct cache *cache;

	if (posix_memalign(&memory, _Alignof(struct cache), sizeof *cache) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a cache");
	cache = memory;
	memset(cache, 0, sizeof *cache);
	cache->name = name;
	cache->clock = clock;
	cache->release = release;
	cache->seed = rand_hash_seed();
	cache->bytes_max = bytes_max;
	atomic_init(&cache->generation, 1);
	pthread_mutex_init(&cache->index_lock, NULL);
	pthread_mutex_init(&cache->fill_lock, NULL);
	for (size_t i = 0; i < FILL_BUCKETS; i++)
		list_init(&cache->fills[i]);
	bool ok = table_init(&cache->tags, TAG_BUCKETS_FIRST);
	ok = shards_init(cache) && ok;
	if (!ok) {
		cache_free(&cache);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a cache");
	}
	*out = cache;
	return STATUS_OK;
}

void
cache_free(struct cache **cache_pointer)
{
	struct cache *cache = *cache_pointer;

	if (!cache)
		return;
	*cache_pointer = NULL;
	if (cache->tags.buckets)
		cache_drop_all(cache);
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_destroy(&cache->shards[i].lock);
		free(cache->shards[i].table.buckets);
	}
	free(cache->tags.buckets);
	pthread_mutex_destroy(&cache->index_lock);
	pthread_mutex_destroy(&cache->fill_lock);
	free(cache);
}

/* With the shard's lock. */
static struct cache_entry *
shard_find(struct shard *shard, uint64_t hash, struct slice key)
{
	list_for_each (node, table_bucket(&shard->table, hash)) {
		struct cache_entry *entry = container_of(node, struct cache_entry, bucket);
		if (entry->hash == hash && slice_equals(entry->key, key))
			return entry;
	}
	return NULL;
}

/* Used now. The order of use only has to be about right, and moving an entry writes to two others
 * that are cold: so it stays where it is for as long as it surely is among the first quarter. */
static void
entry_touch(struct shard *shard, struct cache_entry *entry)
{
	struct list *lru = &shard->lru[entry->negative];

	if (shard->moves - entry->moved_at < shard->table.count / 4 || lru->next == &entry->lru)
		return;
	list_remove(&entry->lru);
	list_add_first(lru, &entry->lru);
	entry->moved_at = ++shard->moves;
}

struct cache_entry *
cache_find(struct cache *cache, struct slice key)
{
	uint64_t hash = hash_bytes(key, cache->seed);
	struct shard *shard = shard_of(cache, hash);

	pthread_mutex_lock(&shard->lock);
	struct cache_entry *entry = shard_find(shard, hash, key);
	if (entry && entry->expires_at_us && entry->expires_at_us <= clock_now_us(cache->clock))
		entry = NULL;
	if (entry) {
		entry_touch(shard, entry);
		atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
		shard->hits++;
	} else {
		shard->misses++;
	}
	pthread_mutex_unlock(&shard->lock);
	return entry;
}

void
cache_release(struct cache *cache, struct cache_entry **entry_pointer)
{
	struct cache_entry *entry = *entry_pointer;

	if (!entry)
		return;
	*entry_pointer = NULL;
	if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
		cache->release(entry);
}

uint64_t
cache_generation(struct cache *cache)
{
	return atomic_load_explicit(&cache->generation, memory_order_acquire);
}

/* With what the cache itself keeps for it: links, and places in the tables. */
static size_t
entry_cost(const struct cache_entry *entry)
{
	return entry->cost_bytes +
	       (entry->tags_count + 1) * (sizeof(struct link) + sizeof(struct list));
}

/* Take the entry out of everything, on to the list of those to release. With the index's and the
 * shard's lock. */
static void
entry_remove(struct cache *cache, struct shard *shard, struct cache_entry *entry, struct list *gone)
{
	struct link *links = entry->internal;

	for (size_t i = 0; i < entry->tags_count; i++) {
		list_remove(&links[i].list);
		cache->tags.count--;
	}
	free(links);
	entry->internal = NULL;
	list_remove(&entry->bucket);
	shard->table.count--;
	shard->bytes[entry->negative] -= entry_cost(entry);
	list_remove(&entry->lru);
	list_add_last(gone, &entry->lru);
}

/* Without locks: releasing may be slow. */
static void
release_all(struct cache *cache, struct list *gone)
{
	struct list *node;

	while ((node = list_take_first(gone))) {
		struct cache_entry *entry = container_of(node, struct cache_entry, lru);
		cache_release(cache, &entry);
	}
}

/* Has what the entry is made of been dropped since? With the index's lock. */
static bool
is_outdated(struct cache *cache, const struct cache_entry *entry, uint64_t generation)
{
	if (cache->all_dropped_at > generation ||
	    cache->dropped_at[entry->hash % DROP_SLOTS] > generation)
		return true;
	for (size_t i = 0; i < entry->tags_count; i++) {
		const struct cache_tag *tag = &entry->tags[i];
		uint64_t hash = tag_hash(cache, tag->kind, &tag->id);
		if (cache->dropped_at[hash % DROP_SLOTS] > generation)
			return true;
	}
	return false;
}

static struct link *
links_make(struct cache *cache, struct cache_entry *entry)
{
	struct link *links = malloc((entry->tags_count + 1) * sizeof *links);

	if (!links)
		return NULL;
	for (size_t i = 0; i < entry->tags_count; i++) {
		links[i].entry = entry;
		links[i].hash = tag_hash(cache, entry->tags[i].kind, &entry->tags[i].id);
		list_add_last(table_bucket(&cache->tags, links[i].hash), &links[i].list);
		cache->tags.count++;
	}
	table_grow(&cache->tags, link_hash_of);
	return links;
}

/* With both locks. */
static void
shard_make_room(struct cache *cache, struct shard *shard, bool negative, struct list *gone)
{
	struct list *lru = &shard->lru[negative];

	while (shard->bytes[negative] > shard->bytes_max[negative]) {
		assert(!list_is_empty(lru));
		struct cache_entry *last = container_of(lru->prev, struct cache_entry, lru);
		entry_remove(cache, shard, last, gone);
	}
}

void
cache_insert(struct cache *cache, struct cache_entry *entry, uint64_t generation)
{
	struct list gone;

	assert(!entry->internal);
	entry->hash = hash_bytes(entry->key, cache->seed);
	struct shard *shard = shard_of(cache, entry->hash);
	if (entry_cost(entry) > shard->bytes_max[entry->negative])
		return;
	list_init(&gone);
	pthread_mutex_lock(&cache->index_lock);
	if (!is_outdated(cache, entry, generation) &&
	    (entry->internal = links_make(cache, entry))) {
		pthread_mutex_lock(&shard->lock);
		struct cache_entry *old = shard_find(shard, entry->hash, entry->key);
		if (old)
			entry_remove(cache, shard, old, &gone);
		list_add_first(table_bucket(&shard->table, entry->hash), &entry->bucket);
		shard->table.count++;
		table_grow(&shard->table, entry_hash_of);
		list_add_first(&shard->lru[entry->negative], &entry->lru);
		entry->moved_at = ++shard->moves;
		shard->bytes[entry->negative] += entry_cost(entry);
		atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
		shard_make_room(cache, shard, entry->negative, &gone);
		pthread_mutex_unlock(&shard->lock);
	}
	pthread_mutex_unlock(&cache->index_lock);
	release_all(cache, &gone);
}

/* From now on, fills that began before are outdated. With the index's lock. */
static uint64_t
next_generation(struct cache *cache)
{
	return atomic_fetch_add_explicit(&cache->generation, 1, memory_order_acq_rel) + 1;
}

void
cache_drop_tag(struct cache *cache, uint32_t kind, const struct uuid *id)
{
	uint64_t hash = tag_hash(cache, kind, id);
	struct list gone, *bucket;

	list_init(&gone);
	pthread_mutex_lock(&cache->index_lock);
	cache->dropped_at[hash % DROP_SLOTS] = next_generation(cache);
	bucket = table_bucket(&cache->tags, hash);
	for (struct list *node = bucket->next; node != bucket;) {
		struct link *link = container_of(node, struct link, list);
		if (link->hash != hash) {
			node = node->next;
			continue;
		}
		/* An equal hash of another tag drops an entry too many: no harm. */
		struct shard *shard = shard_of(cache, link->entry->hash);
		pthread_mutex_lock(&shard->lock);
		entry_remove(cache, shard, link->entry, &gone);
		pthread_mutex_unlock(&shard->lock);
		cache->dropped++;
		/* The entry may have stood in this bucket more than once. */
		node = bucket->next;
	}
	pthread_mutex_unlock(&cache->index_lock);
	release_all(cache, &gone);
}

void
cache_drop(struct cache *cache, struct slice key)
{
	uint64_t hash = hash_bytes(key, cache->seed);
	struct shard *shard = shard_of(cache, hash);
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&cache->index_lock);
	cache->dropped_at[hash % DROP_SLOTS] = next_generation(cache);
	pthread_mutex_lock(&shard->lock);
	struct cache_entry *entry = shard_find(shard, hash, key);
	if (entry) {
		entry_remove(cache, shard, entry, &gone);
		cache->dropped++;
	}
	pthread_mutex_unlock(&shard->lock);
	pthread_mutex_unlock(&cache->index_lock);
	release_all(cache, &gone);
}

void
cache_drop_all(struct cache *cache)
{
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&cache->index_lock);
	cache->all_dropped_at = next_generation(cache);
	for (int i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		pthread_mutex_lock(&shard->lock);
		for (int negative = 0; negative < 2; negative++) {
			struct list *lru = &shard->lru[negative];
			while (!list_is_empty(lru)) {
				entry_remove(cache, shard,
				    container_of(lru->next, struct cache_entry, lru), &gone);
				cache->dropped++;
			}
		}
		pthread_mutex_unlock(&shard->lock);
	}
	pthread_mutex_unlock(&cache->index_lock);
	release_all(cache, &gone);
}

void
cache_get_stats(struct cache *cache, struct cache_stats *out)
{
	struct cache_stats stats = {.name = cache->name, .bytes_max = (int64_t)cache->bytes_max};

	pthread_mutex_lock(&cache->index_lock);
	stats.dropped = cache->dropped;
	for (int i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		pthread_mutex_lock(&shard->lock);
		stats.entries += (int64_t)shard->table.count;
		stats.bytes += (int64_t)(shard->bytes[0] + shard->bytes[1]);
		stats.hits += shard->hits;
		stats.misses += shard->misses;
		pthread_mutex_unlock(&shard->lock);
	}
	pthread_mutex_unlock(&cache->index_lock);
	*out = stats;
}

bool
cache_fill_begin(struct cache *cache, struct slice key, struct cache_waiter *waiter)
{
	struct list *bucket = &cache->fills[hash_bytes(key, cache->seed) % FILL_BUCKETS];
	struct cache_waiter *filling = NULL;

	waiter->key = key;
	list_init(&waiter->list);
	list_init(&waiter->parked);
	pthread_mutex_lock(&cache->fill_lock);
	list_for_each (node, bucket) {
		struct cache_waiter *other = container_of(node, struct cache_waiter, list);
		if (slice_equals(other->key, key)) {
			filling = other;
			break;
		}
	}
	bool is_first = !filling;
	waiter->is_filling = is_first;
	list_add_last(filling ? &filling->parked : bucket, &waiter->list);
	/* A parked waiter may be woken, and gone, as soon as the lock is given back. */
	pthread_mutex_unlock(&cache->fill_lock);
	return is_first;
}

void
cache_fill_end(struct cache *cache, struct cache_waiter *waiter)
{
	struct list *node;

	assert(waiter->is_filling);
	pthread_mutex_lock(&cache->fill_lock);
	list_remove(&waiter->list);
	/* One at a time, since others may be cancelled while the lock is not held. */
	while ((node = list_take_first(&waiter->parked))) {
		struct cache_waiter *next = container_of(node, struct cache_waiter, list);
		pthread_mutex_unlock(&cache->fill_lock);
		next->wake(next);
		pthread_mutex_lock(&cache->fill_lock);
	}
	pthread_mutex_unlock(&cache->fill_lock);
}

bool
cache_fill_cancel(struct cache *cache, struct cache_waiter *waiter)
{
	pthread_mutex_lock(&cache->fill_lock);
	bool was_parked = !waiter->is_filling && !list_is_empty(&waiter->list);
	list_remove(&waiter->list);
	pthread_mutex_unlock(&cache->fill_lock);
	return was_parked;
}
