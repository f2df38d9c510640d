/* handler_fixture.h - services over a real database, without a server: calls go straight to the
 * handlers, in a transaction as the dispatcher makes it.
 *
 * What fails while it is set up ends the program. Threads: handler_call() from any. */
#ifndef USHER_TESTS_LIB_HANDLER_FIXTURE_H
#define USHER_TESTS_LIB_HANDLER_FIXTURE_H

#include "access/credentials.h"
#include "access/keyring.h"
#include "svc/auth/auth.h"
#include "svc/org/org.h"
#include "svc/user/user.h"
#include "tests/lib/fake_call.h"
#include "tests/lib/postgres.h"

#include <pthread.h>

struct handler_fixture {
	struct postgres *postgres;
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct store *store;
	struct crypt_key *master;
	struct password_hasher *hasher;
	struct keyring *keyring;
	struct credentials *credentials;
	struct auth_env *auth;
	struct user_env *user;
	struct org_env *org;
	const void *env;    /* of any other service: the test's, freed behind the fixture */
	struct uuid org_id; /* where sign-up makes users */
	pthread_mutex_t lock;
	struct handler_arena *arenas; /* replies live until the fixture is done */
};

/* A fresh database with an organisation "acme" that takes sign-ups; mail goes to a folder. Hashing
 * is as cheap as it can be. */
void handler_fixture_init(struct handler_fixture *fx, struct postgres *postgres);
void handler_fixture_done(struct handler_fixture *fx);

/* Who calls, and what came of it besides the reply. */
struct handler_ask {
	const struct principal *principal; /* NULL: nobody */
	const char *client_ip;             /* NULL: 192.0.2.1 */
	bool production;
	struct store_conn **conn; /* NULL, or where to put the call's connection meanwhile */
	bool from_memory; /* the handler's _cached twin, as the transport's callback calls it */
};
struct handler_outcome {
	status status;
	uint32_t retry_after_ms;
	int64_t answered_after_us; /* with the padding that the handler asked for */
	enum effect effect;
	bool refusal_committed;
	char field[64];
};

/* Call one of the fixture's services by method name ("Login"). reply is initialised here; what it
 * points to lives as long as the fixture. */
struct handler_outcome handler_call(struct handler_fixture *fx, const struct handler_ask *ask,
    const struct rpc_service *service, const char *method, const void *req, void *reply);

/* The caller that an access token stands for. */
struct principal handler_principal(struct handler_fixture *fx, const char *access_token);

/* SQL as the owner, with the text of its first value. The fixture keeps it. */
const char *handler_sql(struct handler_fixture *fx, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
