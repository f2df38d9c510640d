/* What usherd alone is linked with. */
#include "starve.h"

#include <errno.h>
#include <jwt.h>
#include <sodium.h>
#include <stddef.h>

STARVED(void *, sodium_malloc, NULL, (size_t bytes), (bytes))
STARVED(int, crypto_pwhash, -1,
    (unsigned char *const out, unsigned long long out_bytes, const char *const password,
	unsigned long long password_bytes, const unsigned char *const salt,
	unsigned long long passes, size_t memory_bytes, int algorithm),
    (out, out_bytes, password, password_bytes, salt, passes, memory_bytes, algorithm))

STARVED(int, jwt_new, ENOMEM, (jwt_t * *jwt), (jwt))
STARVED(int, jwt_decode, ENOMEM,
    (jwt_t * *jwt, const char *token, const unsigned char *key, int key_bytes),
    (jwt, token, key, key_bytes))
STARVED(char *, jwt_encode_str, NULL, (jwt_t * jwt), (jwt))
STARVED(int, jwt_add_header, ENOMEM, (jwt_t * jwt, const char *header, const char *value),
    (jwt, header, value))
STARVED(int, jwt_add_grants_json, ENOMEM, (jwt_t * jwt, const char *json), (jwt, json))
