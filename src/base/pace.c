#include "base/pace.h"

#include "base/clock.h"

void
pace_init(struct pace *pace, int a_second, int at_once)
{
	pace->each_us = a_second > 0 ? US_PER_S / a_second : 0;
	pace->ahead_us = pace->each_us * at_once;
	for (int i = 0; i < PACE_SOURCES; i++)
		atomic_init(&pace->until_us[i], 0);
}

bool
pace_is_spent(const struct pace *pace, uint64_t source, int64_t now_us)
{
	return atomic_load(&pace->until_us[source % PACE_SOURCES]) + pace->each_us - now_us >
	       pace->ahead_us;
}

/* Those that came together and wait as long as anybody would come together again: some of them a
 * quarter sooner. By the time, which is another for each. */
static int64_t
spread_us(int64_t now_us)
{
	return (int64_t)(((uint64_t)now_us * UINT64_C(0x9e3779b97f4a7c15)) >> 32) %
	       (PACE_WAIT_US_MAX / 4);
}

int64_t
pace_take(struct pace *pace, uint64_t source, int64_t now_us)
{
	_Atomic int64_t *slot = &pace->until_us[source % PACE_SOURCES];
	/* Nobody owes more than the longest wait, however much it asked for. */
	const int64_t latest_us = now_us + pace->ahead_us + PACE_WAIT_US_MAX;
	int64_t until_us = atomic_load(slot), next_us;
	bool is_longest;

	do {
		next_us = (until_us > now_us ? until_us : now_us) + pace->each_us;
		is_longest = next_us > latest_us;
		if (is_longest)
			next_us = latest_us;
	} while (!atomic_compare_exchange_weak(slot, &until_us, next_us));
	const int64_t wait_us = next_us - pace->ahead_us - now_us;

	if (is_longest)
		return wait_us - spread_us(now_us);
	return wait_us > 0 ? wait_us : 0;
}
