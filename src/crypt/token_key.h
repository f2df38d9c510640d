/* token_key.h - what token.c sees of a key. */
#ifndef USHER_CRYPT_TOKEN_KEY_H
#define USHER_CRYPT_TOKEN_KEY_H

#include "crypt/token.h"

#define COORDINATE_TEXT_BYTES BASE64_TEXT_BYTES(32) /* base64url, with NUL */

struct token_key {
	char kid[TOKEN_KID_BYTES];
	char x[COORDINATE_TEXT_BYTES], y[COORDINATE_TEXT_BYTES];
	char *public_pem;  /* SPKI; from crypt_alloc(), NUL-terminated */
	char *private_pem; /* PKCS 8; the same, or NULL */
};

#endif
