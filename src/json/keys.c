#include "json/keys.h"

#include "base/rand.h"

#define SLOTS_MIN 8

/* A slot counts only if its generation is the set's, so emptying a set costs nothing. Clearing
 * the slots would let one large object make a million small ones slow. */
struct slot {
	struct slice key;
	uint64_t hash;
	uint64_t generation;
};

struct reader_keys {
	struct reader_keys *parent;
	struct reader_keys *child; /* kept for the next object at that level */
	struct slot *slots;
	size_t slots_count; /* a power of two, or 0 */
	size_t used;
	uint64_t generation;
};

struct reader_keys *
reader_keys_enter(struct arena *arena, struct reader_keys **outermost, struct reader_keys *parent)
{
	struct reader_keys **place = parent ? &parent->child : outermost;

	if (!*place) {
		*place = arena_alloc(arena, sizeof(**place));
		if (!*place)
			return NULL;
		(*place)->parent = parent;
	}
	(*place)->generation++;
	(*place)->used = 0;
	return *place;
}

struct reader_keys *
reader_keys_leave(struct reader_keys *keys)
{
	return keys->parent;
}

/* The slot of that key, or the free one where it belongs. */
static struct slot *
slot_find(const struct reader_keys *keys, struct slice key, uint64_t hash)
{
	size_t mask = keys->slots_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *slot = &keys->slots[i];
		if (slot->generation != keys->generation)
			return slot;
		if (slot->hash == hash && slice_equals(slot->key, key))
			return slot;
	}
}

static status
keys_grow(struct reader_keys *keys, struct arena *arena)
{
	struct reader_keys before = *keys;
	size_t count = keys->slots_count == 0 ? SLOTS_MIN : keys->slots_count * 2;
	struct slot *slots = arena_alloc(arena, count * sizeof(*slots));

	if (!slots)
		return ARENA_EXHAUSTED;
	keys->slots = slots;
	keys->slots_count = count;
	for (size_t i = 0; i < before.slots_count; i++)
		if (before.slots[i].generation == keys->generation)
			*slot_find(keys, before.slots[i].key, before.slots[i].hash) =
			    before.slots[i];
	return STATUS_OK;
}

status
reader_keys_add(struct reader_keys *keys, struct arena *arena, struct slice key, bool *is_new)
{
	uint64_t hash = hash_bytes(key, rand_hash_seed());
	struct slot *slot;

	if (keys->used >= keys->slots_count / 4 * 3)
		TRY(keys_grow(keys, arena));
	slot = slot_find(keys, key, hash);
	*is_new = slot->generation != keys->generation;
	if (*is_new) {
		*slot = (struct slot){.key = key, .hash = hash, .generation = keys->generation};
		keys->used++;
	}
	return STATUS_OK;
}
