/* feed.h - what has changed, read from the database every 25 ms.
 *
 * Each read is one statement: the snapshot, the epoch, and the rows of usher.changes whose
 * transaction this snapshot sees and the one before did not. So no late commit is missed and a long
 * transaction costs nothing. Subscribers have obeyed a read before the feed is said to have passed
 * it. The same thread renews the lease and watches for barriers.
 * Another epoch, a server that was started again, calls that have been to another server than the
 * feed, a removed node row (changes may have been pruned that we did not read), more than
 * FEED_ROWS_MAX changes at once and a change of a kind that a newer version made empty everything.
 * Threads: subscribe before feed_start(); feed_has_passed() and feed_get_figures() from any.
 * Blocks: feed_start() no, feed_stop() up to a second. */
#ifndef USHER_STORE_FEED_H
#define USHER_STORE_FEED_H

#include "store/barrier.h"
#include "store/cluster_clock.h"
#include "store/lease.h"
#include "store/store.h"

#define FEED_PERIOD_US (25 * US_PER_MS)
#define FEED_ROWS_MAX 10000

struct feed;

struct feed_change {
	enum change_kind kind;
	bool has_id;  /* false: all of that kind in the organisation */
	bool has_org; /* false: of no organisation */
	bool restricts;
	struct uuid id, org_id; /* nil when absent */
	uint64_t xid;
};

/* change NULL: empty everything. Runs on the feed's thread; must not block. */
typedef void feed_callback(void *env, const struct feed_change *change);

struct feed_figures {
	int64_t age_us; /* of the last snapshot; -1: none yet */
	int64_t reads, changes, emptied, errors;
	uint64_t epoch, xmin;
};

/* Which server was read, and since when it runs as it does. */
struct feed_server {
	int64_t system_identifier, timeline;
	int64_t recovered_at_us; /* from its last crash; 0: never */
	int64_t started_at_us;
};

/* All are borrowed and outlive the feed. store is the feed's own (it keeps one connection leased),
 * so that a busy pool cannot take the lease away. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status feed_new(struct store *store, const struct clock *clock, struct lease *lease,
    struct barrier *barrier, struct feed **out);
void feed_free(struct feed **feed);
/* Whom to tell what time it is at the database. Before feed_start(). */
void feed_set_cluster_clock(struct feed *feed, struct cluster_clock *cluster_clock);
/* Whom to tell, behind the subscribers, that the server is another one, or was started again: what
 * the one before gave away may not be known to this one. The first server is another one. Runs on
 * the feed's thread. Before feed_start(). */
void feed_set_moved(struct feed *feed, void (*moved)(void *env), void *env);
/* The pool that subscribers' memory is filled from. It follows the feed to another server, before
 * anything is emptied (store_follow()). Borrowed; not the feed's own. Before feed_start(). */
void feed_set_pool(struct feed *feed, struct store *pool);
/* Errors: RESOURCE_EXHAUSTED (too many subscribers). */
MUST_USE status feed_subscribe(struct feed *feed, feed_callback *callback, void *env);

/* Errors: RESOURCE_EXHAUSTED (no thread). The database may be away. */
MUST_USE status feed_start(struct feed *feed);
/* Removes the node's row and joins the thread. */
void feed_stop(struct feed *feed);

/* Has everything up to that revision been obeyed here? Same epoch, and below the snapshot's xmin.
 * An xid of 0 has always been passed. */
bool feed_has_passed(const struct feed *feed, const struct revision *revision);
/* May memory answer a call that carries at_least (NULL: none)? Lease and feed in one. */
bool feed_may_trust_memory(const struct feed *feed, const struct revision *at_least);
void feed_get_figures(const struct feed *feed, struct feed_figures *out);
/* The last one that was read; false: none was. While the feed doesn't run. */
bool feed_get_server(const struct feed *feed, struct feed_server *out);

/* One turn of the thread's loop, for tests that own the clock: does what is due and returns when
 * the next thing is (boottime). */
int64_t feed_turn(struct feed *feed);

/* Remove changes that every node has read, and the rows of nodes that this node has seen dead for
 * BARRIER_FORGET_US, in one statement: a node whose row is still there has missed nothing. At most
 * rows_max of the changes, and as many again of those that another server's dump brought: with so
 * many removed there may be more. For the pruning job, on a connection of its own.
 * Errors: as store_query(). */
MUST_USE status feed_prune(
    struct feed *feed, struct store_conn *conn, int64_t rows_max, int64_t *changes, int64_t *nodes);

#endif
