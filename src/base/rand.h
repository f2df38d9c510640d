/* rand.h - unpredictable bytes, through a seam that tests own. Threads: any. */
#ifndef USHER_BASE_RAND_H
#define USHER_BASE_RAND_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct rand_source {
	status (*fill)(void *self, void *out, size_t bytes);
	void *self;
};

/* getrandom(2). */
extern const struct rand_source rand_system;

/* Errors: INTERNAL (the source failed; out is not to be used). */
MUST_USE static inline status
rand_fill(const struct rand_source *rand, void *out, size_t bytes)
{
	return rand->fill(rand->self, out, bytes);
}

/* The seed of this process's hash tables, chosen once at random. */
uint64_t rand_hash_seed(void);

#endif
