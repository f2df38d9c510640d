#include "base/rand.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/types.h>

static status
system_fill(void *self, void *out, size_t bytes)
{
	uint8_t *at = out;

	(void)self;
	while (bytes != 0) {
		ssize_t got = getrandom(at, bytes, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return REFUSE(ST_INTERNAL, "the system gives no random bytes");
		at += got;
		bytes -= (size_t)got;
	}
	return STATUS_OK;
}

const struct rand_source rand_system = {.fill = system_fill};

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void
seed_choose(void)
{
	const void *fallback;

	if (system_fill(NULL, &seed, sizeof(seed)).code == ST_OK)
		return;
	/* The kernel gives each process 16 random bytes at its start. */
	fallback = (const void *)getauxval(AT_RANDOM);
	if (fallback)
		memcpy(&seed, fallback, sizeof(seed));
}

uint64_t
rand_hash_seed(void)
{
	pthread_once(&seed_once, seed_choose);
	return seed;
}
