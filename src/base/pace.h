/* pace.h - how many a second of something each source has.
 *
 * Refusals: who guesses keys, sends forged tokens or heeds no advice to wait has the next one ready
 * as soon as it hears of the last, so each refusal at once is one more call. A source hears of so
 * many a second at once, of the rest later and later (rpc/refusal.c). Lines of the log: what a
 * source causes more of is counted instead (base/log.h).
 *
 * Threads: any, without a lock. Units: *_us are boottime, or last so long.
 * Source: the generic cell rate algorithm, ITU-T I.371. */
#ifndef USHER_BASE_PACE_H
#define USHER_BASE_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PACE_SOURCES 1024 /* told apart by their hash; those of one slot share its pace */
#define PACE_WAIT_US_MAX 1000000

struct pace {
	int64_t each_us;  /* of one, in the long run */
	int64_t ahead_us; /* so much of that may come at once */
	_Atomic int64_t until_us[PACE_SOURCES];
};

/* A pace of none a second holds nobody up. */
void pace_init(struct pace *pace, int a_second, int at_once);

/* Would one more have to wait? */
bool pace_is_spent(const struct pace *pace, uint64_t source, int64_t now_us);
/* One more for that source: how long it has to wait for it, PACE_WAIT_US_MAX at most, and of those
 * that would wait longer some a quarter less; 0: not. */
int64_t pace_take(struct pace *pace, uint64_t source, int64_t now_us);

#endif
