#include "svc/auth/auth.h"

#include "jobs/outbox.h"

#include <stdlib.h>

static status
key_for(const struct crypt_key *master, const char *context, struct crypt_key **out)
{
	TRY(crypt_key_new(out));
	crypt_key_derive(master, context, *out);
	return STATUS_OK;
}

static status
env_fill(struct auth_env *env, const struct auth_parts *parts)
{
	const struct config *config = parts->config;
	const char *org = config_text(config, "signup.org");

	TRY(key_for(parts->master, "usher throttle subjects", &env->throttle_key));
	TRY(key_for(parts->master, "usher verification codes", &env->code_key));
	TRY(crypt_key_new(&env->mail_key));
	outbox_key_derive(parts->master, env->mail_key);
	env->takes_sign_ups = *org != '\0';
	if (env->takes_sign_ups && !uuid_parse(slice_text(org), &env->signup_org_id))
		return REFUSE(
		    ST_INVALID_ARGUMENT, "signup.org is not an organisation's id (a UUID)");
	env->sends_mail = strcmp(config_text(config, "mail.mode"), "none") != 0;
	env->mail_from = config_text(config, "mail.from");
	env->failure_time_us = config_int(config, "auth.failure_time");
	env->refresh_ttl_us = config_int(config, "token.refresh_ttl");
	env->session_ttl_us = config_int(config, "token.session_ttl");
	env->account_burst = config_int(config, "auth.account_burst");
	env->network_burst = config_int(config, "auth.network_burst");
	return STATUS_OK;
}

status
auth_env_new(const struct auth_parts *parts, struct auth_env **out)
{
	struct auth_env *env = calloc(1, sizeof(*env));
	status st;

	if (!env)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for AuthService");
	env->hasher = parts->hasher;
	env->keyring = parts->keyring;
	env->credentials = parts->credentials;
	st = env_fill(env, parts);
	if (st.code != ST_OK) {
		auth_env_free(&env);
		return st;
	}
	*out = env;
	return STATUS_OK;
}

void
auth_env_free(struct auth_env **env)
{
	if (!*env)
		return;
	crypt_key_free(&(*env)->throttle_key);
	crypt_key_free(&(*env)->code_key);
	crypt_key_free(&(*env)->mail_key);
	free(*env);
	*env = NULL;
}
