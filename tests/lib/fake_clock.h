/* fake_clock.h - a clock that a test owns: it stands still until it is moved. */
#ifndef USHER_TESTS_LIB_FAKE_CLOCK_H
#define USHER_TESTS_LIB_FAKE_CLOCK_H

#include "base/clock.h"

#include <stdatomic.h>

/* Code under test may read it from other threads, so the times are atomic. */
struct fake_clock {
	struct clock clock;
	_Atomic int64_t realtime_us;
	_Atomic int64_t boottime_us;
};

static inline int64_t
fake_clock_realtime(void *self)
{
	return atomic_load(&((struct fake_clock *)self)->realtime_us);
}

static inline int64_t
fake_clock_boottime(void *self)
{
	return atomic_load(&((struct fake_clock *)self)->boottime_us);
}

/* Starts at 2026-01-31T12:00:00Z, an hour after the boot. */
static inline void
fake_clock_init(struct fake_clock *fake)
{
	fake->clock = (struct clock){
	    .realtime_us = fake_clock_realtime, .boottime_us = fake_clock_boottime, .self = fake};
	atomic_init(&fake->realtime_us, INT64_C(1769860800) * US_PER_S);
	atomic_init(&fake->boottime_us, INT64_C(3600) * US_PER_S);
}

/* Time goes by on both clocks. */
static inline void
fake_clock_advance(struct fake_clock *fake, int64_t us)
{
	atomic_fetch_add(&fake->realtime_us, us);
	atomic_fetch_add(&fake->boottime_us, us);
}

#endif
