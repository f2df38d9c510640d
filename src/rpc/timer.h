/* timer.h - one thread that calls back when a time has come: for replies that are parked.
 * Threads: any. Blocks: timers_stop(), timers_free(). */
#ifndef USHER_RPC_TIMER_H
#define USHER_RPC_TIMER_H

#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct timers;

/* Embedded in the caller's struct; the timer's until fire() is called. */
struct timer_entry {
	int64_t due_us;                          /* boottime */
	void (*fire)(struct timer_entry *entry); /* must not block */
};

/* entries: how many there is room for from the start. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status timers_new(const struct clock *clock, size_t entries, struct timers **out);
/* Fires what is left, at once; takes nothing more. */
void timers_stop(struct timers *timers);
/* When nobody adds anything any more. */
void timers_free(struct timers **timers);
/* Errors: RESOURCE_EXHAUSTED, CANCELLED (stopped); the entry is not taken then. */
MUST_USE status timers_add(struct timers *timers, struct timer_entry *entry);

#endif
