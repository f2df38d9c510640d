#include "svc/user/user.h"

#include "svc/common/page.h"

#include <stdlib.h>

status
user_env_new(const struct crypt_key *master, struct user_env **out)
{
	struct user_env *env = calloc(1, sizeof(*env));

	if (!env || crypt_key_new(&env->page_key).code != ST_OK) {
		free(env);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for UserService");
	}
	page_key_derive(master, env->page_key);
	*out = env;
	return STATUS_OK;
}

void
user_env_free(struct user_env **env)
{
	if (!*env)
		return;
	crypt_key_free(&(*env)->page_key);
	free(*env);
	*env = NULL;
}
