/* jws.h - sign and check compact JWS with ES256: the only user of libjwt.
 *
 * Facts of libjwt 1.10, which the callers and the tests take care of: jwt_decode() takes the
 * algorithm from the token, accepts anything when its key is NULL, reads base64 and JSON leniently
 * (duplicates too) and checks no claim. So whoever calls jws_verify() has read the header strictly
 * before, and reads the claims itself. The functions used here are the same in libjwt 1.10 to 1.18.
 * Threads: any. Source: RFC 7515, RFC 7518. */
#ifndef USHER_CRYPT_JWS_H
#define USHER_CRYPT_JWS_H

#include "base/arena.h"
#include "base/str.h"

/* Sign claims (a JSON object) into compact form. Header: alg, typ, kid.
 * Errors: INTERNAL (the key is no P-256 private key), RESOURCE_EXHAUSTED. */
MUST_USE status jws_sign(struct slice private_pem, const char *kid, const char *claims,
    struct arena *arena, const char **text);

/* Was the text signed by that key, with ES256? text ends in NUL.
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status jws_verify(struct slice public_pem, const char *text, bool *genuine);

#endif
