/* lease.h - this node's right to trust its memory.
 *
 * A node is one start of a usherd: a row in usher.nodes under an id of its own. The row's renewal
 * counter goes up every LEASE_RENEW_US; the lease lasts LEASE_US from before the statement that
 * renewed it, and is given out only when a read of the change feed that began after that statement
 * has been obeyed. So whoever sees the counter stand still for LEASE_DEAD_US on its own clock knows
 * that this node trusts nothing that it remembers (barrier.h), even if it was stopped and
 * continued. Who holds no lease asks the database, or fails closed.
 * What can't be noticed from inside: a guest whose machine the hypervisor stops may find boottime
 * where it was when it goes on, and its lease with it (docs/operations.md, Failover).
 * Threads: lease_is_held() and the getters from any; the rest belongs to the feed's thread. */
#ifndef USHER_STORE_LEASE_H
#define USHER_STORE_LEASE_H

#include "base/clock.h"
#include "base/rand.h"
#include "base/uuid.h"
#include "store/store.h"

/* By the slowest clock a lease has to be over before the fastest counts its node as dead. chrony
 * slews by up to a twelfth: 13/11 is 1.18, and 1.95/1.6 is 1.22. */
#define LEASE_US (1600 * US_PER_MS)
/* With the time that a call takes, a dead node delays nobody by more than 2 s. */
#define LEASE_DEAD_US (1950 * US_PER_MS)
/* A database that stands still for less than LEASE_US without this, 1.4 s, ends no lease. Each
 * takes a transaction number. */
#define LEASE_RENEW_US (200 * US_PER_MS)

struct lease;

/* urls: where the node serves, for people. Both are copied or kept: clock and rand are borrowed.
 * Errors: RESOURCE_EXHAUSTED, INTERNAL (random source). */
MUST_USE status lease_new(const struct clock *clock, const struct rand_source *rand,
    const char *urls, struct lease **out);
void lease_free(struct lease **lease);

/* Ask at each use of something remembered, after the call has arrived. A clock and a load. */
bool lease_is_held(const struct lease *lease);
/* Boottime until which it is held; in the past: not held. */
int64_t lease_held_until_us(const struct lease *lease);
const struct uuid *lease_node_id(const struct lease *lease);

/* The feed's side. */

/* Make the row, before the first read of the feed: a barrier that does not see the row began before
 * that read. Drops the lease. Errors: as store_query(). */
MUST_USE status lease_open(struct lease *lease, struct store_conn *conn);
struct lease_renewal {
	bool found;          /* false: others took this node for dead and removed its row, so
				changes may be missing */
	int64_t started_us;  /* boottime; to be handed to lease_grant() */
	int64_t database_us; /* what time it was there since then; if found */
};
/* Count up. snapshot: what has been read and obeyed, as PostgreSQL writes it; NULL: nothing yet.
 * Errors: as store_query(). */
MUST_USE status lease_renew(struct lease *lease, struct store_conn *conn, uint64_t epoch,
    const char *snapshot, struct lease_renewal *out);
/* Show how far this node has come, at once: somebody waits for it. */
MUST_USE status lease_show(
    struct lease *lease, struct store_conn *conn, uint64_t epoch, const char *snapshot);
/* The feed has been read, and obeyed, since the renewal that began then. */
void lease_grant(struct lease *lease, int64_t started_us);
/* Trust nothing from here on. */
void lease_drop(struct lease *lease);
/* A clean stop: nobody has to wait for this node. The lease is dropped first. */
MUST_USE status lease_close(struct lease *lease, struct store_conn *conn);

#endif
