/* bootstrap.h - the first rows of a database, made without a server: organisations, owners, keys.
 * Each call is one statement in the caller's transaction. Threads: one. */
#ifndef USHER_APP_BOOTSTRAP_H
#define USHER_APP_BOOTSTRAP_H

#include "base/arena.h"
#include "base/uuid.h"
#include "crypt/password.h"
#include "crypt/secret.h"
#include "store/store.h"

struct bootstrap_person {
	struct uuid account_id, org_id, user_id;
	const char *email, *display_name;
	const char *external_id; /* NULL: none */
	const char *password;
};

struct bootstrap_key {
	struct uuid org_id;
	const struct uuid *chatbot_id;      /* NULL: a service's */
	const struct uuid *default_user_id; /* NULL: none */
	const char *display_name;
	const struct slice *scopes;
	size_t scopes_count;
	char text[SECRET_TEXT_BYTES_MAX]; /* set on success */
};

MUST_USE status bootstrap_id(struct uuid *out);
/* The platform's own organisation, made the first time. */
MUST_USE status bootstrap_system_org(struct store_conn *conn, struct uuid *org_id);
MUST_USE status bootstrap_org(
    struct store_conn *conn, const struct uuid *id, const char *slug, const char *display_name);
/* Errors: ALREADY_EXISTS (the address has an account). */
MUST_USE status bootstrap_owner(struct store_conn *conn, struct password_hasher *hasher,
    struct arena *arena, const struct bootstrap_person *person);
/* With every permission that the catalogue has for operators. */
MUST_USE status bootstrap_operator(
    struct store_conn *conn, struct arena *arena, const struct uuid *account_id);
MUST_USE status bootstrap_make_key(struct store_conn *conn, struct bootstrap_key *key);
MUST_USE status bootstrap_key_works(struct store_conn *conn, const char *text, bool *works);

/* What the database says of a key that may be a bridge's. */
struct bootstrap_known_key {
	bool known, fits, works; /* fits: the platform's, and no chatbot's */
};
MUST_USE status bootstrap_bridge_key(
    struct store_conn *conn, const struct secret *secret, struct bootstrap_known_key *out);

#endif
