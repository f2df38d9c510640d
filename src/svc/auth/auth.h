/* auth.h - AuthService: sign-up, login, sessions and tokens.
 *
 * The handlers' prototypes are generated (gen/svc/auth.h); each stands in the file of its subject:
 * signup.c, login.c, session.c, introspect.c.
 * Threads: an auth_env is read-only once made. */
#ifndef USHER_SVC_AUTH_AUTH_H
#define USHER_SVC_AUTH_AUTH_H

#include "access/credentials.h"
#include "access/keyring.h"
#include "base/config.h"
#include "crypt/password.h"
#include "rpc/call.h"

#define SIGNUP_TTL_US (10 * 60 * US_PER_S) /* of the code, too */
#define SIGNUP_TRIES_MAX 5

struct auth_env {
	struct password_hasher *hasher; /* these three are borrowed */
	struct keyring *keyring;
	struct credentials *credentials;
	/* From the master key, each for one purpose. */
	struct crypt_key *throttle_key; /* names what attempts are counted against */
	struct crypt_key *code_key;     /* keyed hashes of six-digit codes */
	struct crypt_key *mail_key;     /* seals the outbox */
	bool takes_sign_ups;            /* signup.org is set */
	struct uuid signup_org_id;
	bool sends_mail;         /* mail.mode is not none */
	const char *mail_from;   /* the settings' */
	int64_t failure_time_us; /* a refused login answers this long after it came */
	int64_t refresh_ttl_us, session_ttl_us;
	int64_t account_burst, network_burst;
};

/* All borrowed; config as long as the auth_env lives. */
struct auth_parts {
	const struct config *config;
	const struct crypt_key *master;
	struct password_hasher *hasher;
	struct keyring *keyring;
	struct credentials *credentials;
};

/* Errors: INVALID_ARGUMENT (signup.org is no UUID), RESOURCE_EXHAUSTED. */
MUST_USE status auth_env_new(const struct auth_parts *parts, struct auth_env **out);
void auth_env_free(struct auth_env **env);

#endif
