/* password.h - Argon2id.
 *
 * Hashes are kept as PHC text, "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>", which we write and
 * read ourselves: libsodium's crypto_pwhash_str_verify() calls out of memory a mismatch. Blocks:
 * password_hash() and password_matches() wait for a permit (as many as cores) and then work for
 * tens of milliseconds: HASH lane only. Threads:  any; a hasher is shared. A password is compared
 * exactly as received. Source:   RFC 9106; the PHC string format. */
#ifndef USHER_CRYPT_PASSWORD_H
#define USHER_CRYPT_PASSWORD_H

#include "base/limits.h"
#include "base/rand.h"
#include "base/str.h"

#define PASSWORD_TEXT_BYTES_MAX 128 /* of an encoded hash, with NUL */
#define PASSWORD_MEMORY_KIB_DEFAULT 19456u
#define PASSWORD_PASSES_DEFAULT 2u
/* What we are ready to spend on a stored hash, whatever it says. */
#define PASSWORD_MEMORY_KIB_MIN 8u
#define PASSWORD_MEMORY_KIB_MAX (1u << 18) /* 256 MiB */
#define PASSWORD_PASSES_MAX 16u

struct password_params {
	uint32_t memory_kib;
	uint32_t passes;
};

struct password_hasher;

/* permits: how many hash at once (0: as many as cores). rand is borrowed.
 * Errors: INVALID_ARGUMENT (params out of range), RESOURCE_EXHAUSTED, INTERNAL (random source). */
MUST_USE status password_hasher_new(const struct password_params *params, unsigned permits,
    const struct rand_source *rand, struct password_hasher **out);
void password_hasher_free(struct password_hasher **hasher);

/* Hash a new password into PHC text.
 * Errors: INVALID_ARGUMENT (longer than PASSWORD_BYTES_MAX), RESOURCE_EXHAUSTED (no memory),
 *         INTERNAL (random source). */
MUST_USE status password_hash(
    struct password_hasher *hasher, struct slice password, char out[PASSWORD_TEXT_BYTES_MAX]);

/* Is it the password of that hash? Errors as above, and DATA_LOSS when encoded is no hash of ours
 * or costs more than we spend. Never a mismatch for want of memory. */
MUST_USE status password_matches(
    struct password_hasher *hasher, const char *encoded, struct slice password, bool *match);

/* Was it hashed with other parameters than today's (or not by us)? Then hash anew at the next
 * login. */
bool password_needs_rehash(const struct password_hasher *hasher, const char *encoded);

/* The hash of a password that nobody has, with today's parameters: checking against it costs what
 * checking a real one costs. Lives as long as the hasher. */
const char *password_decoy(const struct password_hasher *hasher);

#endif
