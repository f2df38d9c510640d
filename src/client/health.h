/* health.h - how the servers of a client have been doing, and which of them gets the next call.
 *
 * A server that could not do its work rests: it is passed over as long as there is another. When
 * the rest is over one call tries it; how that ends decides.
 * Threads: the caller's lock. Units: *_us on the boot clock. Source: docs/protocol.md, "Several
 * servers". */
#ifndef USHER_CLIENT_HEALTH_H
#define USHER_CLIENT_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_US_FIRST INT64_C(1000000) /* twice as long each further time */
#define REST_US_MAX INT64_C(30000000)

struct server_health {
	bool is_connected;
	uint32_t calls; /* under way */
	uint32_t rests; /* one after another; 0: it is well */
	int64_t rests_until_us;
};

bool health_rests(const struct server_health *health, int64_t now_us);
/* It could not do its work. false: it rests already, and what else goes wrong meanwhile does not
 * lengthen that: a lost connection takes many calls along. */
bool health_begin_rest(struct server_health *health, int64_t now_us);
/* It answered, whatever it said. */
void health_end_rest(struct server_health *health);

/* The one for the next call: of those that are connected one that does not rest, then one that is
 * not in tried (a bit each), then the one with the fewest calls; equals take turns.
 * -1: none is connected. */
int health_choose(const struct server_health *servers, unsigned count, uint32_t tried,
    uint32_t turn, int64_t now_us);

#endif
