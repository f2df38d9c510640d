/* org.h - OrgService: organisations, the tenants.
 *
 * The handlers' prototypes are generated (gen/svc/org.h).
 * Threads: an org_env is read-only once made. */
#ifndef USHER_SVC_ORG_ORG_H
#define USHER_SVC_ORG_ORG_H

#include "crypt/crypt.h"

struct org_env {
	struct crypt_key *page_key;
};

/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status org_env_new(const struct crypt_key *master, struct org_env **out);
void org_env_free(struct org_env **env);

#endif
