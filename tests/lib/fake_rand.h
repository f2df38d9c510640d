/* fake_rand.h - a random source that a test owns: repeatable, constant, or failing. */
#ifndef USHER_TESTS_LIB_FAKE_RAND_H
#define USHER_TESTS_LIB_FAKE_RAND_H

#include "base/rand.h"

struct fake_rand {
	struct rand_source source;
	uint64_t state;
	int constant; /* 0 to 255: that byte alone; -1: a sequence from state */
	size_t calls;
	size_t fail_at; /* the n-th call fails, and those after it; 0: none */
};

static inline status
fake_rand_fill(void *self, void *out, size_t bytes)
{
	struct fake_rand *fake = self;
	uint8_t *at = out;

	if (++fake->calls >= fake->fail_at && fake->fail_at)
		return REFUSE(ST_INTERNAL, "the test's random source fails");
	for (size_t i = 0; i < bytes; i++) {
		/* xorshift64*, Vigna 2016 */
		fake->state ^= fake->state >> 12;
		fake->state ^= fake->state << 25;
		fake->state ^= fake->state >> 27;
		at[i] = fake->constant >= 0
			    ? (uint8_t)fake->constant
			    : (uint8_t)((fake->state * UINT64_C(0x2545f4914f6cdd1d)) >> 56);
	}
	return STATUS_OK;
}

static inline void
fake_rand_init(struct fake_rand *fake, uint64_t seed)
{
	*fake = (struct fake_rand){
	    .source = {.fill = fake_rand_fill, .self = fake}, .state = seed | 1, .constant = -1};
}

#endif
