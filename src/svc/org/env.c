#include "svc/org/org.h"

#include "svc/common/page.h"

#include <stdlib.h>

status
org_env_new(const struct crypt_key *master, struct org_env **out)
{
	struct org_env *env = calloc(1, sizeof(*env));

	if (!env || crypt_key_new(&env->page_key).code != ST_OK) {
		free(env);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for OrgService");
	}
	page_key_derive(master, env->page_key);
	*out = env;
	return STATUS_OK;
}

void
org_env_free(struct org_env **env)
{
	if (!*env)
		return;
	crypt_key_free(&(*env)->page_key);
	free(*env);
	*env = NULL;
}
