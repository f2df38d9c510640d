/* user.h - UserService: people in organisations.
 *
 * The handlers' prototypes are generated (gen/svc/user.h). Every statement takes org_id from the
 * principal, so another organisation's ids are not found.
 * Threads: a user_env is read-only once made. */
#ifndef USHER_SVC_USER_USER_H
#define USHER_SVC_USER_USER_H

#include "crypt/crypt.h"

struct user_env {
	struct crypt_key *page_key;
};

/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status user_env_new(const struct crypt_key *master, struct user_env **out);
void user_env_free(struct user_env **env);

#endif
