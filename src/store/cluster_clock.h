/* cluster_clock.h - the time of day that all nodes agree on: the database's.
 *
 * A node's own clock may be an hour off, or be set while it runs. What nodes compare with each
 * other and with times in the database (a token's exp, a key's expiry, ids that begin with their
 * time) goes by this one: CLOCK_BOOTTIME, which nobody sets, and how far the database's clock is
 * from that, as heard with each renewal of the lease. Until it has been heard it is the node's own.
 * Threads: cluster_clock_hear() one at a time, the rest any. */
#ifndef USHER_STORE_CLUSTER_CLOCK_H
#define USHER_STORE_CLUSTER_CLOCK_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A difference that is worth a word in the log. */
#define CLUSTER_CLOCK_DIFFERENCE_US (5 * US_PER_S)

struct cluster_clock {
	struct clock clock; /* hand this out; it borrows the struct */
	const struct clock *own;
	_Atomic int64_t offset_us; /* from boottime; INT64_MIN: not heard yet */
	bool differs;              /* as the log was told */
};

/* own is borrowed. */
void cluster_clock_init(struct cluster_clock *cluster, const struct clock *own);
/* The database's clock showed database_us at some moment between these two of boottime. Says so in
 * the log when the node's own begins to differ, and when it agrees again. */
void cluster_clock_hear(
    struct cluster_clock *cluster, int64_t database_us, int64_t asked_us, int64_t answered_us);
/* How far the node's own time of day is ahead of the database's; 0 until that was heard. */
int64_t cluster_clock_ahead_us(const struct cluster_clock *cluster);

#endif
