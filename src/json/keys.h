/* keys.h - which keys an object has had so far. The reader's own.
 *
 * There is one set a level of objects, used again for the next object at that level, so memory
 * goes by the largest object and the depth, not by the number of objects.
 * Lifetime: the arena's. Threads: one. */
#ifndef USHER_JSON_KEYS_H
#define USHER_JSON_KEYS_H

#include "base/arena.h"
#include "base/str.h"

struct reader_keys;

/* An empty set within parent (NULL: the outermost object); NULL when the arena is exhausted. */
struct reader_keys *
reader_keys_enter(struct arena *arena, struct reader_keys **outermost, struct reader_keys *parent);
/* The set of the object around this one. */
struct reader_keys *reader_keys_leave(struct reader_keys *keys);

/* Errors: RESOURCE_EXHAUSTED. *is_new is false for a key that was added before. */
MUST_USE status reader_keys_add(
    struct reader_keys *keys, struct arena *arena, struct slice key, bool *is_new);

#endif
