/* keyring.h - the keys that sign and verify access tokens, as usher.signing_keys has them.
 *
 * A ring is read from the database and stays until a change of CHANGE_SIGNING_KEY makes it stale;
 * a stale ring verifies nothing and is read again by the next one that has a connection.
 * A new key is published KEYRING_PUBLISH_US before it signs.
 * Threads: any. Blocks: keyring_refresh() and keyring_ensure(). */
#ifndef USHER_ACCESS_KEYRING_H
#define USHER_ACCESS_KEYRING_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "crypt/token.h"
#include "store/feed.h"
#include "store/store.h"

#define KEYRING_SIGN_US (90 * INT64_C(86400) * US_PER_S)
#define KEYRING_PUBLISH_US (7 * INT64_C(86400) * US_PER_S)

struct keyring;

struct keyring_config {
	const struct crypt_key *master; /* borrowed, as all are */
	const struct clock *clock;
	const struct rand_source *rand;
	const char *issuer, *audience;
	int64_t access_ttl_us; /* of the tokens issued; 0: TOKEN_TTL_S */
};

MUST_USE status keyring_new(const struct keyring_config *config, struct keyring **out);
void keyring_free(struct keyring **keyring);
/* For feed_subscribe(). */
void keyring_obey(void *keyring, const struct feed_change *change);

/* Is there something to verify and sign with? */
bool keyring_is_fresh(struct keyring *keyring);
/* Has a key that signs been read, be the ring stale or not? */
bool keyring_has_signer(struct keyring *keyring);
/* Read the keys if the ring is stale. Errors: as store_query(); DATA_LOSS SIGNING_KEY_SEALED (the
 * master key is another one). */
MUST_USE status keyring_refresh(
    struct keyring *keyring, struct store_conn *conn, struct arena *arena);
/* The same, and make a key when none signs or the last one soon ceases to. Nodes that do it at once
 * make one. Opens and commits a transaction of its own: at start, and then now and again by a job.
 * Errors: as above; INTERNAL. */
MUST_USE status keyring_ensure(
    struct keyring *keyring, struct store_conn *conn, struct arena *arena);

/* As token_issue() and token_verify(), with the ring's names and use "access".
 * Errors: theirs, and UNAVAILABLE KEYRING_STALE: refresh and try again. */
MUST_USE status keyring_issue(struct keyring *keyring, int64_t now_us, struct arena *arena,
    struct token_claims *claims, const char **text);
MUST_USE status keyring_verify(
    struct keyring *keyring, struct slice text, int64_t now_us, struct token_claims *claims);

/* Take the ring for stale. */
void keyring_forget(struct keyring *keyring);
/* The ids of all keys in it, stale or not, in the arena. Errors: UNAVAILABLE KEYRING_STALE,
 * RESOURCE_EXHAUSTED.
 */
MUST_USE status keyring_kids(
    struct keyring *keyring, struct arena *arena, const struct slice **out, size_t *count);

/* The public keys that verify now, for GetJwks. Texts and array are in the arena.
 * Errors: UNAVAILABLE KEYRING_STALE, RESOURCE_EXHAUSTED. */
struct keyring_public {
	const char *kid, *x, *y; /* P-256, ES256 */
};
MUST_USE status keyring_list(struct keyring *keyring, int64_t now_us, struct arena *arena,
    struct keyring_public **out, size_t *count);

#endif
