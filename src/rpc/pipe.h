/* pipe.h - the connections that are open, and how many calls each has under way.
 *
 * A fixed table: a pipe that finds no place is refused. An entry is found without a lock, and
 * stays until its pipe is gone and the last of its calls is answered.
 * Threads: any. Nothing blocks. */
#ifndef USHER_RPC_PIPE_H
#define USHER_RPC_PIPE_H

#include "base/list.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_ADDRESS_TEXT_BYTES 48
#define PIPE_ADDRESS_COUNTS 4096

/* What is told later to whoever is told too often. */
enum refusal {
	REFUSAL_OF_CREDENTIAL,
	REFUSAL_OF_PLACE, /* in a lane, or among those that wait */
	REFUSAL_KINDS
};

struct pipe_entry {
	atomic_uint references; /* one while it is open, one a call */
	atomic_uint id;
	atomic_bool is_closing;
	atomic_uint replies;     /* that are ready, and wait for the peer to take them */
	_Atomic int64_t sending; /* bytes of those that the transport has; of small ones more */
	_Atomic int64_t taken;   /* bytes of the one that it took last, and may be sending yet */
	atomic_uint stalls_at;   /* the look by which it has to have taken more of them */
	atomic_uint waiting;     /* that it has not yet; they stand in waits */
	struct list waits;       /* of works; the server's lock is held */
	atomic_uint refused[REFUSAL_KINDS];    /* its refusals that wait for their time */
	_Atomic int64_t bytes;                 /* of its requests and replies under way */
	char address[PIPE_ADDRESS_TEXT_BYTES]; /* the peer's, without a port */
};

struct pipe_table {
	struct pipe_entry *entries;
	size_t buckets;
	int pipes_max;
	atomic_int pipes;
	/* By a hash of the address (of IPv6, the /64): all but a quarter may be one's. Two may
	 * share a count. */
	uint64_t seed;
	atomic_int by_address[PIPE_ADDRESS_COUNTS];
};

MUST_USE status pipe_table_init(struct pipe_table *table, int pipes_max);
void pipe_table_done(struct pipe_table *table);

/* false: too many, all told or of that address. */
bool pipe_add(struct pipe_table *table, uint32_t id, const char *address);
void pipe_remove(struct pipe_table *table, uint32_t id);
/* The entry with a reference taken, or NULL when the pipe is gone. */
struct pipe_entry *pipe_take(struct pipe_table *table, uint32_t id);
void pipe_give(struct pipe_entry *entry);
/* Marks it as closing; false: somebody has before. */
bool pipe_mark(struct pipe_entry *entry);
/* The one with the most replies waiting, or with the most bytes, with a reference taken. NULL:
 * there is none, or that one is marked already, and has not given back what it has yet. It looks at
 * all of them: for need alone, which may be over by then. */
enum pipe_burden { PIPE_REPLIES, PIPE_BYTES };
struct pipe_entry *pipe_take_heaviest(struct pipe_table *table, enum pipe_burden burden);
/* From *at on, the next one with replies of which it has taken none until that look; marked, and
 * with a reference taken.
 * Those without any have so many looks from now. */
struct pipe_entry *
pipe_take_stalled(struct pipe_table *table, unsigned look, unsigned looks, size_t *at);
/* Calls under way, the caller's among them. */
static inline unsigned
pipe_calls(const struct pipe_entry *entry)
{
	return atomic_load_explicit(&entry->references, memory_order_relaxed) - 1;
}

/* Is it closed, or about to be? For who has a reference. */
static inline bool
pipe_is_over(const struct pipe_entry *entry)
{
	return atomic_load_explicit(&entry->is_closing, memory_order_relaxed) ||
	       atomic_load_explicit(&entry->id, memory_order_relaxed) == 0;
}

#endif
