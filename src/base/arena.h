/* arena.h - memory that is released all at once.
 *
 * An arena hands out zeroed memory up to a cap and gives it back in arena_reset(), which
 * overwrites what was used: requests hold passwords.
 * Threads: an arena belongs to one thread at a time. */
#ifndef USHER_BASE_ARENA_H
#define USHER_BASE_ARENA_H

#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *first; /* kept over resets */
	struct arena_chunk *current;
	size_t used_bytes; /* handed out since the last reset */
	size_t held_bytes; /* of all chunks, used or not, with what it takes to keep them */
	size_t cap_bytes;
	size_t fail_after; /* fault injection: 0 = never, else the n-th allocation fails */
	size_t allocations;
};

/* Prepare an arena that may hand out cap_bytes; first_bytes of them are allocated now.
 * Errors: RESOURCE_EXHAUSTED (no memory). */
MUST_USE status arena_init(struct arena *arena, size_t first_bytes, size_t cap_bytes);

/* Overwrite what was used and start again; keeps the first chunk only. */
void arena_reset(struct arena *arena);
void arena_done(struct arena *arena);

/* Zeroed, aligned to 16 bytes; NULL when the cap is met or memory is out. bytes may be 0. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* Copies with a NUL behind; NULL as above. */
char *arena_copy(struct arena *arena, const void *data, size_t bytes);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* What a caller returns when an allocation gave NULL. */
#define ARENA_EXHAUSTED                                                                            \
	REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_COSTLY",                                    \
	    "the request needs more memory than one may use")

/* A failure whose message is made for the occasion. Falls back to the format itself. */
status arena_refuse(struct arena *arena, enum status_code code, const char *reason,
    const char *format, ...) PRINTF_LIKE(4, 5);

#endif
