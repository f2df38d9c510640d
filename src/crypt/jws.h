/* jws.h - compact JWS with ES256: the only user of libjwt.
 *
 * libjwt writes a token's header and claims, and reads the claims of one that came. The signature
 * between is made and checked with OpenSSL and a key that was read once: libjwt 1.10 takes a key as
 * PEM and reads it anew for each token, which costs sixteen times the signature.
 * Facts of libjwt 1.10, for which the order below is made: without a key jwt_decode() checks no
 * signature; it takes the algorithm from the token, reads base64 and JSON leniently (of doubled
 * members the last) and checks no claim. So a text becomes a struct jws_unproved, which tells the
 * key's name and nothing else; only a signature of that key's makes a struct jws_claims of it, and
 * only of a payload that can be read in one way (flat.h).
 * The functions of libjwt used here are the same in 1.10 (Debian 12), 1.17 (Debian 13) and 2.1.
 * Threads: any; a key is only read. Source: RFC 7515, RFC 7518 section 3.4, RFC 8725. */
#ifndef USHER_CRYPT_JWS_H
#define USHER_CRYPT_JWS_H

#include "crypt/token.h"

#include <openssl/types.h>

#define JWS_SIGNATURE_BYTES 64
#define JWS_HEADER_BYTES_MAX 256
#define JWS_MALFORMED                                                                              \
	REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_MALFORMED", "the token is not one of ours")

struct jwt;

/* Sign claims (flat JSON: flat.h) into compact form. Header: alg, kid, typ.
 * Errors: INTERNAL (no P-256 private key, no such claims), RESOURCE_EXHAUSTED. */
MUST_USE status jws_sign(
    EVP_PKEY *key, const char *kid, const char *claims, struct arena *arena, const char **text);
/* The same for any header and payload, byte by byte. */
MUST_USE status jws_sign_bytes(EVP_PKEY *key, struct slice header, struct slice payload,
    struct arena *arena, const char **text);

/* A text in the form of a token of ours. Borrows the text; it may be anybody's. */
struct jws_unproved {
	struct slice text;
	size_t signed_bytes; /* of the text: header and payload, with the dot */
	uint8_t header[JWS_HEADER_BYTES_MAX];
	struct slice kid; /* in header */
	uint8_t payload[TOKEN_TEXT_BYTES_MAX];
	size_t payload_bytes;
	uint8_t signature[JWS_SIGNATURE_BYTES];
};

/* Errors: UNAUTHENTICATED (TOKEN_MALFORMED): too long, not three parts in the one base64url they
 * have, a header that says anything but ES256, JWT and a kid, a signature that is not 64 bytes. */
MUST_USE status jws_read(struct slice text, struct jws_unproved *out);

/* What somebody signed who has the key. */
struct jws_claims {
	struct jwt *tree;
};

/* Check the signature, then read the claims.
 * Errors: UNAUTHENTICATED (TOKEN_FORGED; TOKEN_MALFORMED: signed, but not flat JSON),
 *         RESOURCE_EXHAUSTED. */
MUST_USE status jws_prove(
    EVP_PKEY *key, const struct jws_unproved *unproved, struct jws_claims *claims);
void jws_claims_free(struct jws_claims *claims);

bool jws_has_claim(const struct jws_claims *claims, const char *name);
/* NULL when there is none of that name, or no text. Lives as long as the claims. */
const char *jws_text_claim(const struct jws_claims *claims, const char *name);
/* false when there is none of that name, or no number. */
bool jws_number_claim(const struct jws_claims *claims, const char *name, int64_t *out);

#endif
