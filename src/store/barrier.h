/* barrier.h - wait until every live node obeys a change.
 *
 * A RESTRICT method's reply is parked here after its commit. One watcher, the feed's thread, reads
 * usher.nodes while anybody waits, and each read wakes all that it can. A node has passed a
 * revision when its row says so; it is dead, and not waited for, when its renewal counter has stood
 * still for LEASE_DEAD_US on this node's clock. After a change of epoch, or when the database was
 * lost and found again, no barrier answers until every lease given before has run out. What was
 * committed on another server than the one that is read, be it a copy of the same, or before that
 * was started again, may not exist there: no barrier answers for it, and its caller is told to
 * repeat it. A barrier knows no deadline: whoever waits no longer cancels.
 * Threads: barrier_wait() and barrier_cancel() from any, and they do not block; done() runs on the
 * feed's thread and must not block either. */
#ifndef USHER_STORE_BARRIER_H
#define USHER_STORE_BARRIER_H

#include "base/clock.h"
#include "base/list.h"
#include "store/store.h"

struct barrier;

/* The caller's storage, until done() was called or barrier_cancel() answered true. */
struct barrier_waiter {
	struct revision revision;
	/* No call sent from now on is accepted on any node by what the change took away. */
	void (*done)(struct barrier_waiter *waiter);
	struct list internal;
};

/* clock is borrowed. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status barrier_new(const struct clock *clock, struct barrier **out);
/* Nobody waits any longer. */
void barrier_free(struct barrier **barrier);

void barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter);
/* true: done() will not be called any more. */
bool barrier_cancel(struct barrier *barrier, struct barrier_waiter *waiter);
/* Nodes that were alive at the last read. */
int barrier_live_nodes(struct barrier *barrier);

#define BARRIER_FORGET_US (60 * US_PER_S)
/* Nodes that have been seen to stand still for BARRIER_FORGET_US, with the counter at which they
 * do. How many of at most max were written. */
size_t barrier_dead_nodes(struct barrier *barrier, struct uuid *ids, int64_t *renewals, size_t max);

/* The feed's side. */

/* wake(env) is called when the first waiter comes. Set before anybody waits. */
void barrier_set_wake(struct barrier *barrier, void (*wake)(void *env), void *env);
bool barrier_has_waiters(struct barrier *barrier);
/* Read usher.nodes, there, and wake whom it sets free. Errors: as store_query(). */
MUST_USE status barrier_read(
    struct barrier *barrier, struct store_conn *conn, const struct store_place *place);
/* The epoch changed or the database was away: leases that we know nothing of may be out. */
void barrier_hold(struct barrier *barrier);

#endif
