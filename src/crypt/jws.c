#include "crypt/jws.h"

#include "crypt/flat.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>

#define HALF_BYTES (JWS_SIGNATURE_BYTES / 2)
#define DER_BYTES_MAX 80 /* of two integers of 33 bytes */
#define HEADER_MEMBERS 3
#define CLAIMS_MAX 11

#define FORGED REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_FORGED", "the token's signature is not ours")
#define NO_MEMORY REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a token")
#define CANT_SIGN REFUSE(ST_INTERNAL, "a token can't be signed")

static void
free_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
	/* What OpenSSL complains about stays in this thread's queue, where the next TLS connection
	 * would take it for its own. */
	ERR_clear_error();
}

static void
free_signature(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

static void
free_tree(jwt_t **tree)
{
	jwt_free(*tree);
}

static void
free_text(char **text)
{
	free(*text);
}

#define AT_END(type, function) __attribute__((cleanup(function))) type

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
	size_t der_bytes = sizeof der;
	AT_END(EVP_PKEY_CTX, free_context) *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	digest_make(what, digest);
	if (!context || EVP_PKEY_sign_init(context) != 1 ||
	    EVP_PKEY_sign(context, der, &der_bytes, digest, sizeof digest) != 1)
		return CANT_SIGN;
	AT_END(ECDSA_SIG, free_signature) *made = d2i_ECDSA_SIG(NULL, &at, (long)der_bytes);
	if (!made || BN_bn2binpad(ECDSA_SIG_get0_r(made), out, HALF_BYTES) != HALF_BYTES ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(made), out + HALF_BYTES, HALF_BYTES) != HALF_BYTES)
		return CANT_SIGN;
	return STATUS_OK;
}

status
jws_sign_bytes(EVP_PKEY *key, struct slice header, struct slice payload, struct arena *arena,
    const char **text)
{
	uint8_t signature[JWS_SIGNATURE_BYTES];
	char *made =
	    arena_alloc(arena, BASE64_TEXT_BYTES(header.bytes) + BASE64_TEXT_BYTES(payload.bytes) +
				   BASE64_TEXT_BYTES(sizeof signature));
	if (!made)
		return ARENA_EXHAUSTED;

	size_t bytes = base64_encode(header, BASE64_URL, made);
	made[bytes++] = '.';
	bytes += base64_encode(payload, BASE64_URL, made + bytes);
	TRY(signature_make(key, slice_of(made, bytes), signature));
	made[bytes++] = '.';
	(void)base64_encode(slice_of(signature, sizeof signature), BASE64_URL, made + bytes);
	*text = made;
	return STATUS_OK;
}

/* Decode up to the next dot, or to the end. */
static bool
take_part(struct slice *rest, bool last, uint8_t *out, size_t *out_bytes)
{
	const uint8_t *dot = memchr(rest->data, '.', rest->bytes);
	if (last != !dot)
		return false;

	struct slice part = slice_of(rest->data, dot ? (size_t)(dot - rest->data) : rest->bytes);
	*rest = dot ? slice_of(dot + 1, rest->bytes - part.bytes - 1) : SLICE_NONE;
	return part.bytes && base64_decode(part, BASE64_URL, out, out_bytes);
}

/* The header says alg, typ and kid and nothing else: no crit, and no key of the sender's own. */
static bool
header_read(struct slice header, struct slice *kid)
{
	struct flat_member members[HEADER_MEMBERS];
	size_t count;

	if (!flat_parse(header, members, HEADER_MEMBERS, &count))
		return false;
	const struct flat_member *alg = flat_find(members, count, "alg");
	const struct flat_member *typ = flat_find(members, count, "typ");
	const struct flat_member *id = flat_find(members, count, "kid");
	if (!alg || !slice_equals_text(alg->text, "ES256") || !typ ||
	    !slice_equals_text(typ->text, "JWT") || !id || !id->is_text)
		return false;
	*kid = id->text;
	return true;
}

/* Claims as flat.h reads them: what libjwt makes of a text is held to it, for without memory libjwt
 * may say nothing and leave members out. */
struct claim_list {
	struct flat_member members[CLAIMS_MAX];
	size_t count;
};

static bool
list_read(struct slice json, struct claim_list *out)
{
	return flat_parse(json, out->members, CLAIMS_MAX, &out->count);
}

static bool
list_equals(const struct claim_list *list, const struct claim_list *other)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct flat_member *a = &list->members[i], *b = NULL;

		for (size_t j = 0; j < other->count && !b; j++)
			if (slice_equals(a->name, other->members[j].name))
				b = &other->members[j];
		if (!b || a->is_text != b->is_text || a->number != b->number ||
		    !slice_equals(a->text, b->text))
			return false;
	}
	return list->count == other->count;
}

static bool
list_is_in_tree(const struct claim_list *list, jwt_t *tree)
{
	char name[TOKEN_TEXT_BYTES_MAX];

	for (size_t i = 0; i < list->count; i++) {
		const struct flat_member *member = &list->members[i];

		memcpy(name, member->name.data, member->name.bytes);
		name[member->name.bytes] = 0;
		const char *text = jwt_get_grant(tree, name);
		if (member->is_text ? !text || !slice_equals_text(member->text, text)
				    : text || jwt_get_grant_int(tree, name) != member->number)
			return false;
	}
	return true;
}

status
jws_sign(EVP_PKEY *key, const char *kid, const char *claims, struct arena *arena, const char **text)
{
	AT_END(jwt_t, free_tree) *tree = NULL;
	struct claim_list wanted, made;
	struct slice kid_made;

	if (!list_read(slice_text(claims), &wanted))
		return CANT_SIGN;
	if (jwt_new(&tree) != 0 || jwt_add_header(tree, "alg", "ES256") != 0 ||
	    jwt_add_header(tree, "kid", kid) != 0 || jwt_add_header(tree, "typ", "JWT") != 0 ||
	    jwt_add_grants_json(tree, claims) != 0)
		return NO_MEMORY; /* there is nothing in flat JSON that it would refuse */
	AT_END(char, free_text) *header = jwt_get_headers_json(tree, NULL);
	AT_END(char, free_text) *payload = jwt_get_grants_json(tree, NULL);
	if (!header || !payload || !header_read(slice_text(header), &kid_made) ||
	    !slice_equals_text(kid_made, kid) || !list_read(slice_text(payload), &made) ||
	    !list_equals(&made, &wanted))
		return NO_MEMORY;
	return jws_sign_bytes(key, slice_text(header), slice_text(payload), arena, text);
}

status
jws_read(struct slice text, struct jws_unproved *out)
{
	struct slice rest = text;
	size_t header_bytes = sizeof out->header, signature_bytes = sizeof out->signature;

	out->text = text;
	out->payload_bytes = sizeof out->payload;
	if (text.bytes == 0 || text.bytes > TOKEN_TEXT_BYTES_MAX ||
	    !take_part(&rest, false, out->header, &header_bytes) ||
	    !take_part(&rest, false, out->payload, &out->payload_bytes))
		return JWS_MALFORMED;
	out->signed_bytes = text.bytes - rest.bytes - 1;
	if (!take_part(&rest, true, out->signature, &signature_bytes) ||
	    signature_bytes != JWS_SIGNATURE_BYTES ||
	    !header_read(slice_of(out->header, header_bytes), &out->kid))
		return JWS_MALFORMED;
	return STATUS_OK;
}

/* The bytes in der; 0: no memory. */
static size_t
signature_to_der(const uint8_t signature[JWS_SIGNATURE_BYTES], uint8_t der[DER_BYTES_MAX])
{
	AT_END(ECDSA_SIG, free_signature) *read = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(signature + HALF_BYTES, HALF_BYTES, NULL);

	if (!read || !r || !s || ECDSA_SIG_set0(read, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	const int bytes = i2d_ECDSA_SIG(read, &der);
	return bytes > 0 ? (size_t)bytes : 0;
}

static status
signature_check(EVP_PKEY *key, struct slice what, const uint8_t signature[JWS_SIGNATURE_BYTES])
{
	uint8_t digest[crypto_hash_sha256_BYTES], der[DER_BYTES_MAX];
	const size_t der_bytes = signature_to_der(signature, der);
	AT_END(EVP_PKEY_CTX, free_context) *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (!context || !der_bytes || EVP_PKEY_verify_init(context) != 1)
		return NO_MEMORY;
	digest_make(what, digest);
	switch (EVP_PKEY_verify(context, der, der_bytes, digest, sizeof digest)) {
	case 1:
		return STATUS_OK;
	case 0:
		return FORGED;
	default: /* it could not find out */
		return NO_MEMORY;
	}
}

status
jws_prove(EVP_PKEY *key, const struct jws_unproved *unproved, struct jws_claims *claims)
{
	char copy[TOKEN_TEXT_BYTES_MAX + 1];
	struct claim_list list;
	AT_END(jwt_t, free_tree) *tree = NULL;

	TRY(signature_check(
	    key, slice_of(unproved->text.data, unproved->signed_bytes), unproved->signature));
	if (!list_read(slice_of(unproved->payload, unproved->payload_bytes), &list))
		return JWS_MALFORMED;

	/* jws_read() has let nothing but base64url and dots through, so there is no NUL in it. */
	memcpy(copy, unproved->text.data, unproved->text.bytes);
	copy[unproved->text.bytes] = 0;
	if (jwt_decode(&tree, copy, NULL, 0) != 0 || !list_is_in_tree(&list, tree))
		return NO_MEMORY; /* as in jws_sign() */
	claims->tree = tree;
	tree = NULL;
	return STATUS_OK;
}

void
jws_claims_free(struct jws_claims *claims)
{
	jwt_free(claims->tree);
	claims->tree = NULL;
}

bool
jws_has_claim(const struct jws_claims *claims, const char *name)
{
	errno = 0;
	return jwt_get_grant(claims->tree, name) || errno != ENOENT;
}

const char *
jws_text_claim(const struct jws_claims *claims, const char *name)
{
	return jwt_get_grant(claims->tree, name);
}

bool
jws_number_claim(const struct jws_claims *claims, const char *name, int64_t *out)
{
	/* Of a text libjwt 1.10 says that it is the number 0. */
	if (jwt_get_grant(claims->tree, name))
		return false;
	errno = 0;
	const long number = jwt_get_grant_int(claims->tree, name);
	if (errno)
		return false;
	*out = number;
	return true;
}
