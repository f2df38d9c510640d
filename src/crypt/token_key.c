#include "crypt/token_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define SEAL_CONTEXT "usher signing key"
#define SCALAR_BYTES 32
#define POINT_BYTES 65 /* uncompressed */
#define PEM_BYTES_MAX 1024
#define OPENSSL_FAILED REFUSE(ST_INTERNAL, "OpenSSL fails to make a P-256 key")

/* Cleanup by scope for OpenSSL's objects. */
#define FREE_AT_END(type, function)                                                                \
	static void free_##type(type **object)                                                     \
	{                                                                                          \
		function(*object);                                                                 \
	}
FREE_AT_END(BIGNUM, BN_clear_free)
FREE_AT_END(EC_GROUP, EC_GROUP_free)
FREE_AT_END(EC_POINT, EC_POINT_clear_free)
FREE_AT_END(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
FREE_AT_END(OSSL_PARAM, OSSL_PARAM_free)
FREE_AT_END(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
FREE_AT_END(EVP_PKEY, EVP_PKEY_free)
FREE_AT_END(BIO, BIO_free_all)
#define AT_END(type) __attribute__((cleanup(free_##type))) type

/* A scalar from our own random source: 1 to the group's order - 1, each equally likely. */
static status
draw_scalar(const struct rand_source *rand, const EC_GROUP *group, BIGNUM *scalar)
{
	for (int tries = 0; tries < 64; tries++) {
		uint8_t bytes[SCALAR_BYTES];
		TRY(rand_fill(rand, bytes, sizeof bytes));
		BIGNUM *made = BN_bin2bn(bytes, sizeof bytes, scalar);
		crypt_wipe(bytes, sizeof bytes);
		if (!made)
			return OPENSSL_FAILED;
		if (!BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0)
			return STATUS_OK;
	}
	return REFUSE(ST_INTERNAL, "the random source repeats itself");
}

static status
key_from_scalar(const EC_GROUP *group, const BIGNUM *scalar, EVP_PKEY **out)
{
	uint8_t point_bytes[POINT_BYTES];
	AT_END(EC_POINT) *point = EC_POINT_new(group);
	AT_END(OSSL_PARAM_BLD) *build = OSSL_PARAM_BLD_new();
	AT_END(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (!point || !build || !context || !EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, point_bytes,
		sizeof point_bytes, NULL) != sizeof point_bytes ||
	    !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
	    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar) ||
	    !OSSL_PARAM_BLD_push_octet_string(
		build, OSSL_PKEY_PARAM_PUB_KEY, point_bytes, sizeof point_bytes))
		return OPENSSL_FAILED;

	AT_END(OSSL_PARAM) *params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, out, EVP_PKEY_KEYPAIR, params) != 1)
		return OPENSSL_FAILED;
	return STATUS_OK;
}

/* What the memory BIO holds. */
static struct slice
contents_of(BIO *bio)
{
	char *data = NULL;
	long bytes = BIO_get_mem_data(bio, &data);

	return bytes > 0 ? slice_of(data, (size_t)bytes) : SLICE_NONE;
}

/* The public point's halves, and the thumbprint over them. */
static bool
fill_names(const EVP_PKEY *pkey, struct token_key *key)
{
	BIGNUM *x_raw = NULL, *y_raw = NULL;
	bool got = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x_raw) == 1 &&
		   EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y_raw) == 1;
	AT_END(BIGNUM) *x = x_raw;
	AT_END(BIGNUM) *y = y_raw;
	uint8_t bytes[SCALAR_BYTES];

	if (!got || BN_bn2binpad(x, bytes, sizeof bytes) != sizeof bytes)
		return false;
	base64_encode(slice_of(bytes, sizeof bytes), BASE64_URL, key->x);
	if (BN_bn2binpad(y, bytes, sizeof bytes) != sizeof bytes)
		return false;
	base64_encode(slice_of(bytes, sizeof bytes), BASE64_URL, key->y);

	char canonical[256];
	int length = snprintf(canonical, sizeof canonical,
	    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", key->x, key->y);
	crypto_hash_sha256(bytes, (const uint8_t *)canonical, (unsigned long long)length);
	base64_encode(slice_of(bytes, sizeof bytes), BASE64_URL, key->kid);
	return true;
}

static status
key_from_pkey(EVP_PKEY *pkey, bool is_private, struct token_key **out)
{
	AT_END(BIO) *bio = BIO_new(BIO_s_mem());
	struct token_key *key = calloc(1, sizeof *key);

	if (!key || !bio || !fill_names(pkey, key) || PEM_write_bio_PUBKEY(bio, pkey) != 1 ||
	    contents_of(bio).bytes >= sizeof key->public_pem || EVP_PKEY_up_ref(pkey) != 1) {
		free(key);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a signing key");
	}
	memcpy(key->public_pem, contents_of(bio).data, contents_of(bio).bytes);
	key->is_private = is_private;
	key->pkey = pkey;
	*out = key;
	return STATUS_OK;
}

status
token_key_make(const struct rand_source *rand, struct token_key **out)
{
	AT_END(EC_GROUP) *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	AT_END(BIGNUM) *scalar = BN_secure_new();
	EVP_PKEY *made = NULL;

	if (!group || !scalar)
		return OPENSSL_FAILED;
	TRY(draw_scalar(rand, group, scalar));
	TRY(key_from_scalar(group, scalar, &made));
	AT_END(EVP_PKEY) *pkey = made;
	return key_from_pkey(pkey, true, out);
}

/* Instead of OpenSSL's own, which asks at the terminal. */
static int
no_passphrase(char *out, int bytes, int writing, void *self)
{
	(void)out, (void)bytes, (void)writing, (void)self;
	return -1;
}

static bool
is_p256(EVP_PKEY *pkey)
{
	char group[32];
	AT_END(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(pkey, NULL);

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_utf8_string_param(
		   pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
	       strcmp(group, SN_X9_62_prime256v1) == 0 && context &&
	       EVP_PKEY_public_check(context) == 1;
}

status
token_key_init(struct slice pem, struct token_key **out)
{
	if (pem.bytes == 0 || pem.bytes > PEM_BYTES_MAX)
		return REFUSE(ST_INVALID_ARGUMENT, "a signing key's PEM is 1 to 1024 bytes long");

	AT_END(BIO) *bio = BIO_new_mem_buf(pem.data, (int)pem.bytes);
	AT_END(BIO) *again = BIO_new_mem_buf(pem.data, (int)pem.bytes);
	if (!bio || !again)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a signing key");

	AT_END(EVP_PKEY) *private = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	AT_END(EVP_PKEY) *public =
	    private ? NULL : PEM_read_bio_PUBKEY(again, NULL, no_passphrase, NULL);
	EVP_PKEY *pkey = private ? private : public;
	bool good = pkey && is_p256(pkey);
	ERR_clear_error();
	if (!good)
		return REFUSE(ST_INVALID_ARGUMENT, "not the PEM of a P-256 key");
	return key_from_pkey(pkey, private != NULL, out);
}

void
token_key_free(struct token_key **key)
{
	if (!*key)
		return;
	EVP_PKEY_free((*key)->pkey);
	free(*key);
	*key = NULL;
}

const char *
token_key_kid(const struct token_key *key)
{
	return key->kid;
}

bool
token_key_is_private(const struct token_key *key)
{
	return key->is_private;
}

const char *
token_key_public_pem(const struct token_key *key)
{
	return key->public_pem;
}

status
token_key_seal(const struct token_key *key, const struct crypt_key *master,
    const struct rand_source *rand, struct arena *arena, struct slice *out)
{
	struct crypt_key sealing;
	/* A secure BIO overwrites what it frees. */
	AT_END(BIO) *bio = BIO_new(BIO_s_secmem());

	if (!key->is_private)
		return REFUSE(ST_INVALID_ARGUMENT, "only a private key is sealed");
	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a signing key");
	crypt_key_derive(master, SEAL_CONTEXT, &sealing);
	status st = crypt_seal(&sealing, rand, slice_text(key->kid), contents_of(bio), arena, out);
	crypt_wipe(&sealing, sizeof sealing);
	return st;
}

status
token_key_unseal(const struct crypt_key *master, const char *kid, struct slice sealed,
    struct arena *arena, struct token_key **out)
{
	struct crypt_key sealing;
	struct slice pem;
	struct token_key *key = NULL;

	crypt_key_derive(master, SEAL_CONTEXT, &sealing);
	status st = crypt_unseal(&sealing, slice_text(kid), sealed, arena, &pem);
	crypt_wipe(&sealing, sizeof sealing);
	TRY(st);
	TRY(token_key_init(pem, &key));
	if (strcmp(key->kid, kid) != 0 || !key->is_private) {
		token_key_free(&key);
		return REFUSE(ST_DATA_LOSS, "a sealed signing key is not the one its row names");
	}
	*out = key;
	return STATUS_OK;
}

void
token_jwks_write(const struct token_key_set *set, struct strbuf *out)
{
	strbuf_add_text(out, "{\"keys\":[");
	for (size_t i = 0; i < set->count; i++)
		strbuf_add_format(out,
		    "%s{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kid\":\"%s\",\"kty\":\"EC\","
		    "\"use\":\"sig\",\"x\":\"%s\",\"y\":\"%s\"}",
		    i ? "," : "", set->keys[i]->kid, set->keys[i]->x, set->keys[i]->y);
	strbuf_add_text(out, "]}");
}
