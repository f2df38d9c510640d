/* snapshot.h - which transactions one moment sees: PostgreSQL's pg_snapshot.
 *
 * Written "xmin:xmax:running,running". Below xmin all are done; from xmax on none has begun to be
 * seen; between them all but the running ones are done.
 * Lifetime: running is the snapshot's own memory. Threads: one at a time. */
#ifndef USHER_STORE_SNAPSHOT_H
#define USHER_STORE_SNAPSHOT_H

#include "base/str.h"

#define SNAPSHOT_RUNNING_MAX 65536
#define SNAPSHOT_TEXT_BYTES_MAX (1u << 20)

struct snapshot {
	uint64_t xmin, xmax;
	uint64_t *running; /* ascending */
	size_t running_count;
};

/* out starts zeroed or holds an older snapshot, whose memory is used again; untouched on failure.
 * Errors: INTERNAL (not the form), RESOURCE_EXHAUSTED. */
MUST_USE status snapshot_parse(struct slice text, struct snapshot *out);
void snapshot_done(struct snapshot *snapshot);

/* Is what that transaction did, if it committed, seen? */
bool snapshot_sees(const struct snapshot *snapshot, uint64_t xid);

#endif
