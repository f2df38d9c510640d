#include "client/health.h"

bool
health_rests(const struct server_health *health, int64_t now_us)
{
	if (health->rests == 0)
		return false;
	/* Somebody tries it already. */
	return now_us < health->rests_until_us || health->calls > 0;
}

bool
health_begin_rest(struct server_health *health, int64_t now_us)
{
	int64_t rest_us = REST_US_FIRST;

	if (health->rests > 0 && now_us < health->rests_until_us)
		return false;
	for (uint32_t i = 0; i < health->rests && rest_us < REST_US_MAX; i++)
		rest_us *= 2;
	health->rests++;
	health->rests_until_us = now_us + (rest_us < REST_US_MAX ? rest_us : REST_US_MAX);
	return true;
}

void
health_end_rest(struct server_health *health)
{
	health->rests = 0;
}

/* Smaller is better. */
static uint64_t
rank_of(const struct server_health *health, bool is_tried, int64_t now_us)
{
	return (uint64_t)health_rests(health, now_us) << 33 | (uint64_t)is_tried << 32 |
	       health->calls;
}

int
health_choose(const struct server_health *servers, unsigned count, uint32_t tried, uint32_t turn,
    int64_t now_us)
{
	uint64_t best = UINT64_MAX;
	int found = -1;

	for (unsigned i = 0; i < count; i++) {
		const unsigned at = (turn + i) % count;
		const uint64_t rank = rank_of(&servers[at], tried >> at & 1, now_us);

		if (servers[at].is_connected && rank < best) {
			best = rank;
			found = (int)at;
		}
	}
	return found;
}
