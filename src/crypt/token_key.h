/* token_key.h - what token.c sees of a key. */
#ifndef USHER_CRYPT_TOKEN_KEY_H
#define USHER_CRYPT_TOKEN_KEY_H

#include "crypt/token.h"

#include <openssl/types.h>

#define COORDINATE_TEXT_BYTES BASE64_TEXT_BYTES(32) /* base64url, with NUL */
#define PUBLIC_PEM_BYTES_MAX 256

struct token_key {
	char kid[TOKEN_KID_BYTES];
	char x[COORDINATE_TEXT_BYTES], y[COORDINATE_TEXT_BYTES];
	char public_pem[PUBLIC_PEM_BYTES_MAX]; /* SPKI, with NUL */
	bool is_private;
	EVP_PKEY *pkey; /* read once; the private half stands in OpenSSL's secure heap */
};

#endif
