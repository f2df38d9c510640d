/* secret.h - opaque secrets that we give out and see again: API keys, refresh tokens, reset links,
 * six-digit codes.
 *
 *     ush_live_0198f3c05b7a7d51a2c4e0f1a2b3c4d5_<43 characters of secret><6 of checksum>
 *
 * id:       the row's UUID in lower-case hex; an API key's id alone leads to its organisation.
 * secret:   43 characters drawn from 0-9A-Za-z, 256 bits; no '-' or '_', so a double click takes
 * it. checksum: of everything before it, so that a typo or a guess is refused without a database
 * call. It keeps nobody out: who knows the form can make it. Stored is the digest of the whole
 * text, so a secret is bound to its kind and its id. Lifetime: texts are secret; keep them in an
 * arena. Threads: any. */
#ifndef USHER_CRYPT_SECRET_H
#define USHER_CRYPT_SECRET_H

#include "base/uuid.h"
#include "crypt/crypt.h"

enum secret_kind {
	SECRET_API_KEY, /* ush_live_,    id: the key */
	SECRET_REFRESH, /* ush_refresh_, id: the refresh token's row */
	SECRET_RESET,   /* ush_reset_,   id: the reset token */
	SECRET_INVITE,  /* ush_invite_,  id: the invitation */
	SECRET_KINDS
};

#define SECRET_TEXT_BYTES_MAX 96 /* with NUL */
#define CODE_DIGITS 6
#define CODE_TEXT_BYTES 7

/* What a presented secret says: whose it claims to be, and what must be stored there. */
struct secret {
	enum secret_kind kind;
	struct uuid id;
	struct crypt_digest digest;
};

/* Draw a new secret. text is for the one it is given to; out->digest is for the row.
 * Errors: INTERNAL (random source). */
MUST_USE status secret_make(const struct rand_source *rand, enum secret_kind kind,
    const struct uuid *id, char text[SECRET_TEXT_BYTES_MAX], struct secret *out);

/* Read a presented secret of that kind. false: not the form, or the checksum is off. */
bool secret_parse(struct slice text, enum secret_kind kind, struct secret *out);
/* Does it begin like one? For choosing between a key and a token. */
bool secret_looks_like(struct slice text, enum secret_kind kind);
/* What comes before the secret part: enough to tell keys apart in a list, nothing to guess from. */
#define SECRET_HINT_BYTES 48
void secret_hint(enum secret_kind kind, const struct uuid *id, char out[SECRET_HINT_BYTES]);

/* Is it the one whose digest is stored? In constant time. */
static inline bool
secret_matches(const struct secret *secret, struct slice stored)
{
	return crypt_digest_equals(&secret->digest, stored);
}

/* A refresh token's successor, sealed in its predecessor's row so that only the predecessor opens
 * it. Both are texts. Errors: as crypt_seal() and crypt_unseal(); DATA_LOSS when what was in there
 * is no refresh token. */
MUST_USE status secret_seal_successor(struct slice predecessor, const struct rand_source *rand,
    struct slice successor, struct arena *arena, struct slice *out);
MUST_USE status secret_unseal_successor(
    struct slice predecessor, struct slice sealed, struct arena *arena, const char **successor);

/* A verification code: each of 000000 to 999999 is equally likely. Errors: INTERNAL. */
MUST_USE status code_make(const struct rand_source *rand, char out[CODE_TEXT_BYTES]);
/* Exactly six ASCII digits? */
bool code_is_formed(struct slice code);
/* A code has too little entropy for a plain hash: keyed with pepper (from the master key), and
 * bound to what it verifies. Compare with crypt_digest_equals(). */
void code_digest(const struct crypt_key *pepper, const struct uuid *subject, struct slice code,
    struct crypt_digest *out);

#endif
