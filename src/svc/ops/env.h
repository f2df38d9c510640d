/* env.h - what the OpsService's handlers work with.
 * Lifetime: all is borrowed and outlives the service. Threads: as each part says. */
#ifndef USHER_SVC_OPS_ENV_H
#define USHER_SVC_OPS_ENV_H

#include "access/keyring.h"
#include "cache/cache.h"
#include "crypt/crypt.h"
#include "jobs/jobs.h"
#include "jobs/operations.h"
#include "jobs/spool.h"
#include "rpc/server.h"
#include "store/barrier.h"
#include "store/feed.h"
#include "store/lease.h"
#include "store/store.h"

#define OPS_CACHES_MAX 8 /* of one source */

/* Where the figures of some caches come from: writes at most OPS_CACHES_MAX and says how many. */
struct ops_cache_source {
	size_t (*get)(void *env, struct cache_stats out[OPS_CACHES_MAX]);
	void *env;
};

struct ops_env {
	const char *version;
	const char *mode; /* "development" or "production" */
	bool mail_configured;
	int64_t started_at_us; /* realtime */
	struct store *store;
	struct store *feed_store; /* NULL: the feed has no connection of its own */
	/* Each may be NULL: its figures are left out then. */
	struct rpc_server *server;
	const struct lease *lease;
	struct keyring *keyring; /* ready is only who can sign */
	const struct feed *feed;
	const struct cluster_clock *cluster_clock;
	struct barrier *barrier;
	struct jobs *jobs;
	struct spool *spool;
	const struct operations *operations; /* NULL: there are no kinds */
	const struct crypt_key *page_key;
	const struct ops_cache_source *caches;
	size_t caches_count;
};

#endif
