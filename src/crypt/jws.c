#include "crypt/jws.h"

#include <assert.h>
#include <errno.h>
#include <jwt.h>
#include <openssl/err.h>
#include <stdlib.h>

#define JWS_PEM_BYTES_MAX 1024

static void
jws_free(jwt_t **jwt)
{
	jwt_free(*jwt);
	/* libjwt leaves OpenSSL's complaints in this thread's queue, where the next TLS connection
	 * would take them for its own. */
	ERR_clear_error();
}

static status
jws_failure(int error)
{
	if (error == ENOMEM)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a token");
	return REFUSE(ST_INTERNAL, "a token can't be signed");
}

status
jws_sign(struct slice private_pem, const char *kid, const char *claims, struct arena *arena,
    const char **text)
{
	__attribute__((cleanup(jws_free))) jwt_t *jwt = NULL;
	int error;

	assert(private_pem.bytes && private_pem.bytes <= JWS_PEM_BYTES_MAX);
	if ((error = jwt_new(&jwt)) != 0 ||
	    (error = jwt_set_alg(jwt, JWT_ALG_ES256, private_pem.data, (int)private_pem.bytes)) !=
		0 ||
	    (error = jwt_add_header(jwt, "kid", kid)) != 0 ||
	    (error = jwt_add_grants_json(jwt, claims)) != 0)
		return jws_failure(error);

	char *encoded = jwt_encode_str(jwt);
	if (!encoded)
		return jws_failure(errno);
	char *copy = arena_copy_text(arena, encoded);
	free(encoded);
	if (!copy)
		return ARENA_EXHAUSTED;
	*text = copy;
	return STATUS_OK;
}

status
jws_verify(struct slice public_pem, const char *text, bool *genuine)
{
	__attribute__((cleanup(jws_free))) jwt_t *jwt = NULL;

	/* Without a key libjwt would decode and not verify. */
	assert(public_pem.bytes && public_pem.bytes <= JWS_PEM_BYTES_MAX);
	int error = jwt_decode(&jwt, text, public_pem.data, (int)public_pem.bytes);
	if (error == ENOMEM)
		return jws_failure(error);
	*genuine = error == 0 && jwt && jwt_get_alg(jwt) == JWT_ALG_ES256;
	return STATUS_OK;
}
