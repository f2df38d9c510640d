/* What usherd alone is linked with. */
#include "starve.h"

#include <sodium.h>
#include <stddef.h>

STARVED(void *, sodium_malloc, NULL, (size_t bytes), (bytes))
STARVED(int, crypto_pwhash, -1,
    (unsigned char *const out, unsigned long long out_bytes, const char *const password,
	unsigned long long password_bytes, const unsigned char *const salt,
	unsigned long long passes, size_t memory_bytes, int algorithm),
    (out, out_bytes, password, password_bytes, salt, passes, memory_bytes, algorithm))
