/* lane.h - a bounded set of queues, one a unit (an organisation), served in turn by workers.
 *
 * A unit may hold all but a quarter of the queue and of the workers, so the rest is there for
 * others at any time. Several together may fill it: then the one that holds most gives up its last
 * place to one that holds less than its part. Threads: any. Blocks: lane_stop(), lane_free(). */
#ifndef USHER_RPC_LANE_H
#define USHER_RPC_LANE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct lane_queue;
struct lane_unit;

/* So many are worked on together at most. */
#define LANE_TOGETHER_MAX 64

/* A thread of the lane. */
struct lane_worker {
	struct arena arena; /* reset after each entry, and after gather() */
	struct lane_queue *lane;
	/* The caller's, from gather() to release(). */
	struct list kept;
	void *held;
};

/* What waits in a lane: embedded in the caller's struct, which is the lane's until work(),
 * expire() or refuse() is called with it. */
struct lane_entry {
	struct list list;
	uint64_t unit;       /* hash of the organisation, or of where it comes from */
	int64_t deadline_us; /* boottime: past it, expire() instead of work() */
	/* Those of one kind that wait at the same time may be gathered for; 0: goes alone. */
	uint64_t kind;
	/* Two workers at most (or a quarter of more than eight) are at work on that kind. */
	bool in_few_hands;
	bool goes_alone; /* the lane's: nothing could be had for it together with others */
	struct lane_unit *internal;
};

struct lane_plan {
	const char *name;
	int workers, queue_max;
	bool nice; /* gives way to others */
	const struct clock *clock;
	void *env;
	void (*work)(void *env, struct lane_entry *entry, struct lane_worker *worker);
	void (*expire)(void *env, struct lane_entry *entry);
	/* May be NULL. Before work() or expire() is called with each of them in turn, by the same
	 * worker: get what they can have at once. false: nothing came of it, and all but the first
	 * one wait again, each for itself. */
	bool (*gather)(
	    void *env, struct lane_entry *const *entries, size_t count, struct lane_worker *worker);
	/* May be NULL. After gather() and the last of those that it was called for. */
	void (*release)(void *env, struct lane_worker *worker);
	/* It has been put, but its place is another unit's by now. By whoever puts that one. */
	void (*refuse)(void *env, struct lane_entry *entry, uint32_t retry_after_ms);
};

/* Starts its workers. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status lane_new(const struct lane_plan *plan, struct lane_queue **out);
/* What still waits is expired, by its workers; nothing more is worked on, what comes is refused. */
void lane_end(struct lane_queue *lane);
/* No worker is at it any longer. */
bool lane_has_ended(struct lane_queue *lane);
/* The same, and what is worked on is waited for. */
void lane_stop(struct lane_queue *lane);
/* When nobody puts anything into it any more. */
void lane_free(struct lane_queue **lane);

/* false: full, for all or for that unit; *retry_after_ms says when there may be room. */
bool lane_put(struct lane_queue *lane, struct lane_entry *entry, uint32_t *retry_after_ms);

struct lane_state {
	int workers, busy, queued, queue_max;
	int64_t done, refused, expired;
};
void lane_get_state(struct lane_queue *lane, struct lane_state *out);

#endif
