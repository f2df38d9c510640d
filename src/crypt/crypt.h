/* crypt.h - keys, digests and sealing.
 *
 * What is hashed has high entropy (BLAKE2b-256, keyed or not); passwords have password.h. What must
 * be read again is sealed: version byte, 24-byte random nonce, XChaCha20-Poly1305 ciphertext and
 * tag. Lifetime: struct crypt_key is the caller's storage; one that lives as long as the process
 * comes from crypt_key_new(), which keeps it out of swap and core files, between guard pages.
 * Threads:  any, after crypt_init().
 * Source:   RFC 7693 (BLAKE2), draft-irtf-cfrg-xchacha-03. */
#ifndef USHER_CRYPT_CRYPT_H
#define USHER_CRYPT_CRYPT_H

#include "base/arena.h"
#include "base/rand.h"
#include "base/str.h"

#define CRYPT_KEY_BYTES 32
#define CRYPT_DIGEST_BYTES 32
#define CRYPT_SEAL_OVERHEAD_BYTES 41 /* what a sealed text is longer than its plain one */

struct crypt_key {
	uint8_t bytes[CRYPT_KEY_BYTES];
};

struct crypt_digest {
	uint8_t bytes[CRYPT_DIGEST_BYTES];
};

/* Once, before anything else of this folder; again does no harm. Gives OpenSSL a heap for private
 * keys, which is locked where the limit on locked memory lets it be.
 * Errors: INTERNAL (no way to random numbers), RESOURCE_EXHAUSTED. */
MUST_USE status crypt_init(void);

/* Zeroed guarded memory for a key that stays. Errors: RESOURCE_EXHAUSTED (locked memory is scarce).
 */
MUST_USE status crypt_key_new(struct crypt_key **out);
void crypt_key_free(struct crypt_key **key);

/* Overwrite, in a way that no compiler leaves out. */
void crypt_wipe(void *memory, size_t bytes);

MUST_USE status crypt_key_make(const struct rand_source *rand, struct crypt_key *out);
/* The master key as settings hold it: base64 of 32 bytes (either alphabet).
 * White space at the end is passed over, since the text often comes from a file. */
MUST_USE status crypt_key_parse(struct slice text, struct crypt_key *out);

/* BLAKE2b-256. */
void crypt_digest(struct slice data, struct crypt_digest *out);
/* Keyed BLAKE2b-256 over the parts, each with its length before it, so that no two lists of parts
 * that differ are the same message. */
void crypt_mac(const struct crypt_key *key, const struct slice *parts, size_t parts_count,
    struct crypt_digest *out);
/* In a time that depends on nothing; false when stored is not CRYPT_DIGEST_BYTES long. */
bool crypt_digest_equals(const struct crypt_digest *digest, struct slice stored);

/* A key for one purpose from the master key. context names the purpose ("usher signing key"). */
void crypt_key_derive(const struct crypt_key *parent, const char *context, struct crypt_key *out);
/* A key for one purpose from a secret of high entropy that somebody else keeps, as a refresh token
 * is. It tells nothing about crypt_digest() of the same secret, nor that about it. */
void crypt_key_from_secret(struct slice secret, const char *context, struct crypt_key *out);

/* Seal plain for later. bound is not stored, but crypt_unseal() wants the same: the row's key, so
 * that a sealed value can't be moved to another row. Errors: RESOURCE_EXHAUSTED (arena), INTERNAL
 * (random source). */
MUST_USE status crypt_seal(const struct crypt_key *key, const struct rand_source *rand,
    struct slice bound, struct slice plain, struct arena *arena, struct slice *out);
/* Errors: DATA_LOSS (another key, other bound data, damaged, or of a version that we don't know),
 *         RESOURCE_EXHAUSTED (arena). */
MUST_USE status crypt_unseal(const struct crypt_key *key, struct slice bound, struct slice sealed,
    struct arena *arena, struct slice *out);

#endif
