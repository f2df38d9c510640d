/* quota.h - so many requests a minute and a day for a key, on all nodes together, and never more.
 *
 * Nodes lease slices from usher.quota_usage: an eighth of what remains at most, doubling from a few
 * for as long as the key is busy, and single requests under a small limit. A node asks for one
 * slice of a window at a time; calls that come meanwhile lease a single request each. The sum of
 * all slices of a window never passes the limit. Windows are the database's clock's minutes and
 * days (UTC); a slice is used up to the end of its window as this node reckons it, and never
 * beyond. A node that stops gives back what it has left; one that is killed costs its keys no more
 * than a slice a window. Threads: any. Blocks: quota_lease() and quota_give_back(). */
#ifndef USHER_ACCESS_QUOTA_H
#define USHER_ACCESS_QUOTA_H

#include "access/principal.h"
#include "base/clock.h"
#include "store/feed.h"
#include "store/store.h"

#define QUOTA_KEYS_MAX 65536
#define QUOTA_SMALL_LIMIT 64 /* up to here each request is decided in the database */

struct quota;

enum quota_answer {
	QUOTA_TAKEN,    /* go on */
	QUOTA_ASK,      /* memory cannot say: quota_lease() on QUERY */
	QUOTA_EXCEEDED, /* RESOURCE_EXHAUSTED QUOTA_EXCEEDED, with retry_after_us */
};

/* What the caller is told. */
struct quota_state {
	int64_t remaining; /* of the bucket nearest to its limit, as far as known; -1: no limit */
	int64_t resets_at_us;   /* realtime; 0: no limit */
	int64_t retry_after_us; /* with QUOTA_EXCEEDED */
};

/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status quota_new(const struct clock *clock, struct quota **out);
void quota_free(struct quota **quota);
/* For feed_subscribe(): what a key had used up is asked for again. Slices stay, also where
 * everything is emptied: the server that gave them has counted them. */
void quota_obey(void *quota, const struct feed_change *change);
/* For feed_set_moved(): forgets all slices, which another server may not know of. */
void quota_forget(void *quota);

/* Take one request out of memory. A principal without limits (or no key) is always QUOTA_TAKEN.
 * Needs no lease of the node: a slice is this node's own. */
enum quota_answer
quota_take(struct quota *quota, const struct principal *principal, struct quota_state *out);
/* Is there anything to take from? */
bool quota_has_limits(const struct principal *principal);
/* Would quota_take() refuse, as far as memory says? */
bool quota_is_used_up(struct quota *quota, const struct principal *principal);
/* Lease a slice where one is missing, and take one request. One statement. In a transaction it
 * takes that one request alone, so that a rollback gives nothing away that memory still holds.
 * Errors: RESOURCE_EXHAUSTED QUOTA_EXCEEDED (out is set), as store_query(). */
MUST_USE status quota_lease(struct quota *quota, const struct principal *principal,
    struct store_conn *conn, struct quota_state *out);

/* At the end, when nobody asks any more: give back what is left of the slices of windows that are
 * not over, to the server that gave them (another one takes none). They are gone from memory
 * before, so who asks all the same leases anew; and what fails, or may have failed, is not tried
 * again but stays counted as used. *requests is how many are known to be given back. A statement
 * for each QUOTA_BACK_MAX windows, within conn's deadline. Errors: RESOURCE_EXHAUSTED (no memory),
 * as store_query(). */
#define QUOTA_BACK_MAX 4096
MUST_USE status quota_give_back(struct quota *quota, const struct feed_server *server,
    struct store_conn *conn, int64_t *requests);

#endif
