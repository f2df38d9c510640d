/* clock.h - what time it is, through a seam that tests own.
 * Units: microseconds. Threads: any. */
#ifndef USHER_BASE_CLOCK_H
#define USHER_BASE_CLOCK_H

#include <stdint.h>

/* realtime_us: since the Unix epoch, UTC; may jump. boottime_us: CLOCK_BOOTTIME, never goes back
 * and counts the time a machine slept. */
struct clock {
	int64_t (*realtime_us)(void *self);
	int64_t (*boottime_us)(void *self);
	void *self;
};

extern const struct clock clock_system;

static inline int64_t
clock_now_us(const struct clock *clock)
{
	return clock->realtime_us(clock->self);
}
static inline int64_t
clock_boot_us(const struct clock *clock)
{
	return clock->boottime_us(clock->self);
}

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

#define TIME_TEXT_BYTES 32
/* "2026-01-31T12:00:00.123456Z"; fraction of 0, 3 or 6 digits as needed (RFC 3339). */
void time_format(int64_t time_us, char out[TIME_TEXT_BYTES]);
/* RFC 3339 with any offset, years 1 to 9999; more than 6 digits of fraction are cut. 0 if it isn't.
 */
int time_parse(const char *text, int64_t *time_us);

#endif
