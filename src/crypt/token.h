/* token.h - issue and check access tokens (JWT, ES256).
 *
 * Claims: iss, aud: texts; sub: the account; org, usr: the active organisation and the account's
 * user in it (both left out when none is active); sid: the session; jti: the token; use: what it is
 * for; iat, nbf, exp: whole seconds. All of sub, org, usr, sid, jti are UUID text. Nothing else is
 * in it, and a token with anything else in its header than alg, typ and kid is refused.
 *
 * A private key is read once, and stands in OpenSSL's secure heap from then on (crypt_init()),
 * where signing works on it: locked, between guard pages, in no core file. It is overwritten when
 * its last user lets it go. Its PEM, unsealed, was in the caller's arena, which overwrites what it
 * held.
 *
 * Lifetime: struct token_claims borrows nothing. A token_key_set borrows its keys.
 * Threads:  keys and sets are read-only once made; any number of threads may use one.
 * Units:    *_us are microseconds since the Unix epoch, UTC.
 * Source:   RFC 7515, 7517, 7519, 7638 (kid), 8725. */
#ifndef USHER_CRYPT_TOKEN_H
#define USHER_CRYPT_TOKEN_H

#include "base/limits.h"
#include "base/uuid.h"
#include "crypt/crypt.h"

#define TOKEN_TTL_S 900
#define TOKEN_LEEWAY_S 10         /* for clocks that disagree; on exp, nbf and iat */
#define TOKEN_TEXT_BYTES_MAX 2048 /* longer ones are refused unread */
#define TOKEN_KEYS_MAX 8
#define TOKEN_KID_BYTES BASE64_TEXT_BYTES(32) /* with NUL */
#define TOKEN_USE_ACCESS "access"

struct token_key;

/* A new P-256 key; its kid is its RFC 7638 thumbprint.
 * Errors: INTERNAL (random source, OpenSSL), RESOURCE_EXHAUSTED. */
MUST_USE status token_key_make(const struct rand_source *rand, struct token_key **out);
/* From the PEM of a P-256 key: private (PKCS 8 or SEC 1), or public (SPKI; verifies only).
 * Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
MUST_USE status token_key_init(struct slice pem, struct token_key **out);
void token_key_free(struct token_key **key);

const char *token_key_kid(const struct token_key *key);
bool token_key_is_private(const struct token_key *key);
/* The public key's PEM, NUL-terminated; lives as long as the key. */
const char *token_key_public_pem(const struct token_key *key);

/* The private key as the database keeps it, sealed with the master key and bound to its kid.
 * Errors: as crypt_seal() and crypt_unseal(); DATA_LOSS also when the kid is another's. */
MUST_USE status token_key_seal(const struct token_key *key, const struct crypt_key *master,
    const struct rand_source *rand, struct arena *arena, struct slice *out);
MUST_USE status token_key_unseal(const struct crypt_key *master, const char *kid,
    struct slice sealed, struct arena *arena, struct token_key **out);

/* The keys that verify. The first one that is private signs. */
struct token_key_set {
	const struct token_key *keys[TOKEN_KEYS_MAX];
	size_t count;
};

/* {"keys":[...]} with the public halves (RFC 7517). Check with strbuf_status(). */
void token_jwks_write(const struct token_key_set *set, struct strbuf *out);

struct token_claims {
	struct uuid account_id; /* sub */
	struct uuid org_id;     /* nil: none active */
	struct uuid user_id;    /* nil: as org_id */
	struct uuid session_id;
	struct uuid token_id;                               /* jti */
	int64_t issued_at_us, not_before_us, expires_at_us; /* whole seconds */
};

/* What a token must say besides; texts are borrowed. iss and aud: printable ASCII without '"' and
 * '\'. */
struct token_names {
	const char *issuer;
	const char *audience;
	const char *use;
	int64_t ttl_us; /* what an issued token lives; 0: TOKEN_TTL_S */
};

/* Sign a token valid names->ttl_us from now_us; claims' times are set by it, cut to whole seconds.
 * Ensures: on ST_OK *text and the times are set; otherwise both are untouched.
 * Errors:  RESOURCE_EXHAUSTED (arena), INTERNAL (signing), FAILED_PRECONDITION (no private key in
 * set), INVALID_ARGUMENT (names, or one of org_id and user_id nil without the other). */
MUST_USE status token_issue(const struct token_key_set *set, const struct token_names *names,
    int64_t now_us, struct arena *arena, struct token_claims *claims, const char **text);

/* Read and check a presented token. Costs some 100 us, so remember the answer, until expires_at_us.
 * Ensures: on ST_OK all of *claims is set; otherwise it is untouched.
 * Errors:  UNAUTHENTICATED with reason TOKEN_MALFORMED, TOKEN_KEY_UNKNOWN (fetch keys and try
 * again, at most once), TOKEN_FORGED, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_FOR_ANOTHER (iss,
 * aud, use); RESOURCE_EXHAUSTED. Whether it is expired is said only of tokens that we signed. */
MUST_USE status token_verify(const struct token_key_set *set, const struct token_names *expected,
    struct slice text, int64_t now_us, struct token_claims *claims);

#endif
