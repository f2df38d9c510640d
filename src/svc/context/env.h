/* env.h - what the ContextService's handlers work with.
 * Lifetime: all is borrowed and outlives the service. Threads: as each part says. */
#ifndef USHER_SVC_CONTEXT_ENV_H
#define USHER_SVC_CONTEXT_ENV_H

#include "access/quota.h"
#include "crypt/crypt.h"
#include "jobs/spool.h"

struct context_memory;

struct context_env {
	struct context_memory *memory;
	struct quota *quota;
	struct spool *spool;
	const struct crypt_key *page_key; /* page_key_derive() */
};

#endif
