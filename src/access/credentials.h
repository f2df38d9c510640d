/* credentials.h - from the text of a credential to a principal.
 *
 * An API key is looked up by its id and compared by digest. An access token is verified (CPU) and
 * remembered by its digest until it expires; its session, account, user, roles and organisation are
 * read (QUERY) and remembered until the feed says that one of them changed. What is read from the
 * database is taken from memory only if the caller says so (feed_may_trust_memory()).
 * All refusals read the same: UNAUTHENTICATED CREDENTIAL_INVALID, or CREDENTIAL_EXPIRED for a token
 * that was ours and is past its time.
 *
 * A call's way:  credentials_find() in the transport's callback; by *step then
 *     CREDENTIAL_NEEDS_CPU    credentials_verify_token() on CPU, which answers as find does;
 *     CREDENTIAL_NEEDS_QUERY  credentials_fill_begin(); the first one calls credentials_fill() on
 *                             QUERY and credentials_fill_end(); those that were parked find again.
 * Threads: any. Blocks: only credentials_fill(). */
#ifndef USHER_ACCESS_CREDENTIALS_H
#define USHER_ACCESS_CREDENTIALS_H

#include "access/keyring.h"
#include "access/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "store/feed.h"
#include "store/store.h"

struct credentials;

enum credential_step {
	CREDENTIAL_KNOWN = 0, /* *principal is set */
	CREDENTIAL_NEEDS_CPU,
	CREDENTIAL_NEEDS_QUERY,
};

struct credential_ask {
	struct slice text;     /* empty: nobody */
	const char *client_ip; /* believed; NULL: allowed networks are not looked at (Introspect) */
	bool trust_memory;
	int64_t now_us; /* realtime */
	/* May be NULL. Set when a token is refused that is genuine: what it stood for has ended. */
	bool *has_ended;
};

/* bytes_max: of what is remembered, all in all. keyring and clock are borrowed.
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status credentials_new(
    struct keyring *keyring, const struct clock *clock, size_t bytes_max, struct credentials **out);
void credentials_free(struct credentials **credentials);
/* For feed_subscribe(): drops what a change has made stale; the keyring obeys with it. */
void credentials_obey(void *credentials, const struct feed_change *change);

/* Unless it answers OK, *step and *principal are untouched; *principal is set at CREDENTIAL_KNOWN
 * alone. Errors: UNAUTHENTICATED. */
MUST_USE status credentials_find(struct credentials *credentials, const struct credential_ask *ask,
    enum credential_step *step, struct principal *principal);
/* Verify the signature, remember it, and find. Some 100 us. Errors: UNAUTHENTICATED,
 * RESOURCE_EXHAUSTED. */
MUST_USE status credentials_verify_token(struct credentials *credentials,
    const struct credential_ask *ask, enum credential_step *step, struct principal *principal);
/* Read the database, whatever memory says, and remember. One statement.
 * Errors: UNAUTHENTICATED; as store_query(). */
MUST_USE status credentials_fill(struct credentials *credentials, const struct credential_ask *ask,
    struct store_conn *conn, struct arena *arena, struct principal *principal);

/* One of several that are read together. */
struct credential_filling {
	const struct credential_ask *ask;
	struct principal *principal; /* set when st is OK */
	status st;                   /* as credentials_fill() */
};

/* Keys may. */
bool credentials_may_fill_together(const struct credential_ask *ask);
/* All of them in one statement. What is wrong with one is in its own st.
 * Errors: as store_query(): then none has been read. */
MUST_USE status credentials_fill_together(struct credentials *credentials,
    struct credential_filling *fillings, size_t count, struct store_conn *conn,
    struct arena *arena);

/* One fill of a credential at a time. true: go and fill, then call credentials_fill_end() with the
 * same waiter, whatever came of it. false: waiter->wake() will be called, and then find again. */
bool credentials_fill_begin(
    struct credentials *credentials, const struct credential_ask *ask, struct cache_waiter *waiter);
void credentials_fill_end(struct credentials *credentials, struct cache_waiter *waiter);
/* A parked call gives up (its deadline). true: wake() will not be called any more. */
bool credentials_fill_cancel(struct credentials *credentials, struct cache_waiter *waiter);

/* out[0] tokens, out[1] sessions, out[2] keys. */
#define CREDENTIAL_CACHES 3
void
credentials_get_stats(struct credentials *credentials, struct cache_stats out[CREDENTIAL_CACHES]);

#endif
