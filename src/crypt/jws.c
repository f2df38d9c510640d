#include "crypt/jws.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#define HALF_BYTES (JWS_SIGNATURE_BYTES / 2)
#define DER_BYTES_MAX 80 /* of two integers of 32 bytes */

#define CANT_SIGN REFUSE(ST_INTERNAL, "a token can't be signed")

static void
context_free(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
	/* What OpenSSL complains about stays in this thread's queue, where the next TLS connection
	 * would take it for its own. */
	ERR_clear_error();
}

static void
signature_free(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

#define CONTEXT_AUTO __attribute__((cleanup(context_free))) EVP_PKEY_CTX
#define SIGNATURE_AUTO __attribute__((cleanup(signature_free))) ECDSA_SIG

static void
digest_make(struct slice what, uint8_t out[crypto_hash_sha256_BYTES])
{
	(void)crypto_hash_sha256(out, what.data, what.bytes);
}

/* OpenSSL speaks DER; a JWS has the two numbers one after the other, 32 bytes each. */
static status
signature_make(EVP_PKEY *key, struct slice what, uint8_t out[JWS_SIGNATURE_BYTES])
{
	uint8_t digest[crypto_hash_sha256_BYTES], der[DER_BYTES_MAX];
	const uint8_t *at = der;
	size_t der_bytes = sizeof(der);
	CONTEXT_AUTO *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	digest_make(what, digest);
	if (!context || EVP_PKEY_sign_init(context) != 1 ||
	    EVP_PKEY_sign(context, der, &der_bytes, digest, sizeof(digest)) != 1)
		return CANT_SIGN;
	SIGNATURE_AUTO *made = d2i_ECDSA_SIG(NULL, &at, (long)der_bytes);
	if (!made || BN_bn2binpad(ECDSA_SIG_get0_r(made), out, HALF_BYTES) != HALF_BYTES ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(made), out + HALF_BYTES, HALF_BYTES) != HALF_BYTES)
		return CANT_SIGN;
	return STATUS_OK;
}

status
jws_sign(EVP_PKEY *key, const char *kid, const char *claims, struct arena *arena, const char **text)
{
	uint8_t signature[JWS_SIGNATURE_BYTES];
	const char *header =
	    arena_format(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);

	if (!header)
		return ARENA_EXHAUSTED;
	const struct slice parts[] = {slice_text(header), slice_text(claims)};
	char *made = arena_alloc(arena, BASE64_TEXT_BYTES(parts[0].bytes) +
					    BASE64_TEXT_BYTES(parts[1].bytes) +
					    BASE64_TEXT_BYTES(sizeof(signature)));
	if (!made)
		return ARENA_EXHAUSTED;
	size_t bytes = base64_encode(parts[0], BASE64_URL, made);
	made[bytes++] = '.';
	bytes += base64_encode(parts[1], BASE64_URL, made + bytes);
	TRY(signature_make(key, slice_of(made, bytes), signature));
	made[bytes++] = '.';
	(void)base64_encode(slice_of(signature, sizeof(signature)), BASE64_URL, made + bytes);
	*text = made;
	return STATUS_OK;
}

static int
signature_to_der(const uint8_t signature[JWS_SIGNATURE_BYTES], uint8_t der[DER_BYTES_MAX])
{
	SIGNATURE_AUTO *read = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(signature + HALF_BYTES, HALF_BYTES, NULL);

	if (!read || !r || !s || ECDSA_SIG_set0(read, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return -1;
	}
	return i2d_ECDSA_SIG(read, &der);
}

status
jws_verify(
    EVP_PKEY *key, struct slice what, const uint8_t signature[JWS_SIGNATURE_BYTES], bool *genuine)
{
	uint8_t digest[crypto_hash_sha256_BYTES], der[DER_BYTES_MAX];
	const int der_bytes = signature_to_der(signature, der);
	CONTEXT_AUTO *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (der_bytes < 0 || !context || EVP_PKEY_verify_init(context) != 1)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a token");
	digest_make(what, digest);
	*genuine = EVP_PKEY_verify(context, der, (size_t)der_bytes, digest, sizeof(digest)) == 1;
	return STATUS_OK;
}
