/* standard.h - the jobs that every usherd runs.
 *
 *     receipts    of each node      its spool into usher.reads, and keys' last_used_at
 *     partitions  of the cluster    partitions of this month and the next two
 *     changes     of each node      what every node has read of the change feed is removed, and the
 *                                   leases of nodes that died
 *     sweep       of the cluster    expired rows, a bounded batch of each table
 *     retention   of the cluster    addresses in audit, and receipts, that are older than settings
 *                                   say, and blocks that no receipt names
 *     mail        of each node      the outbox, when mail is configured
 *     keyring     of each node      a signing key before the last one ceases to sign
 *
 * Lifetime: everything in standard_jobs, and it itself, is borrowed and outlives the jobs. */
#ifndef USHER_JOBS_STANDARD_H
#define USHER_JOBS_STANDARD_H

#include "access/keyring.h"
#include "jobs/jobs.h"
#include "jobs/outbox.h"
#include "jobs/spool.h"
#include "store/feed.h"

/* How long things are kept, in seconds; 0: for ever. */
struct retention {
	int64_t addresses_s; /* of usher.audit_addresses */
	int64_t reads_s;     /* receipts, and the blocks that they name */
};

struct standard_jobs {
	struct spool *spool;     /* NULL: no receipts job */
	struct keyring *keyring; /* NULL: no keyring job */
	struct feed *feed;       /* NULL: no changes job */
	struct outbox outbox;    /* deliver NULL: no mail job, mail waits until it expires */
	struct retention retention;
	/* The retention job's own: where its next batch of receipts begins, and whether a month of
	 * them went whole in this run. */
	int64_t reads_after_us;
	bool has_dropped_month;
};

/* Errors: RESOURCE_EXHAUSTED. The spool wakes its job from here on. */
MUST_USE status standard_jobs_add(struct jobs *jobs, struct standard_jobs *standard);
/* Behind jobs_stop(), at the end: store the receipts that are left, for a few seconds. clock is
 * that of the jobs. false: not all are stored; the spool's file keeps them. */
MUST_USE bool standard_jobs_finish(
    struct jobs *jobs, const struct standard_jobs *standard, const struct clock *clock);

#endif
