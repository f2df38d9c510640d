/* jws.h - sign and check compact JWS with ES256.
 *
 * With OpenSSL and a key that was read once: libjwt reads the PEM anew for each token, which costs
 * eight times the signature. Nothing here looks into header or claims: that is token.c's.
 * Threads: any; a key is only read. Source: RFC 7515, RFC 7518 section 3.4. */
#ifndef USHER_CRYPT_JWS_H
#define USHER_CRYPT_JWS_H

#include "base/arena.h"
#include "base/str.h"

#include <openssl/types.h>

#define JWS_SIGNATURE_BYTES 64

/* Sign claims (a JSON object) into compact form. Header: alg, kid, typ.
 * Errors: INTERNAL (the key is no P-256 private key), RESOURCE_EXHAUSTED. */
MUST_USE status jws_sign(
    EVP_PKEY *key, const char *kid, const char *claims, struct arena *arena, const char **text);

/* Is it that key's signature of what was signed (header and claims in base64url, with the dot)?
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status jws_verify(
    EVP_PKEY *key, struct slice what, const uint8_t signature[JWS_SIGNATURE_BYTES], bool *genuine);

#endif
