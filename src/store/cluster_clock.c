#include "store/cluster_clock.h"

#include "base/log.h"

static int64_t
cluster_realtime_us(void *self)
{
	const struct cluster_clock *cluster = self;
	int64_t offset_us = atomic_load_explicit(&cluster->offset_us, memory_order_relaxed);

	return offset_us == INT64_MIN ? clock_now_us(cluster->own)
				      : clock_boot_us(cluster->own) + offset_us;
}

static int64_t
cluster_boottime_us(void *self)
{
	const struct cluster_clock *cluster = self;

	return clock_boot_us(cluster->own);
}

void
cluster_clock_init(struct cluster_clock *cluster, const struct clock *own)
{
	*cluster = (struct cluster_clock){
	    .clock =
		{
		    .realtime_us = cluster_realtime_us,
		    .boottime_us = cluster_boottime_us,
		    .self = cluster,
		},
	    .own = own,
	};
	atomic_init(&cluster->offset_us, INT64_MIN);
}

static void
tell(struct cluster_clock *cluster)
{
	int64_t ahead_us = cluster_clock_ahead_us(cluster);
	bool differs =
	    ahead_us > CLUSTER_CLOCK_DIFFERENCE_US || ahead_us < -CLUSTER_CLOCK_DIFFERENCE_US;

	if (differs && !cluster->differs)
		log_event(LOG_WARN, "clock_differs", "ahead_ms", log_number(ahead_us / US_PER_MS),
		    "why", "this machine's clock is not the database's, which counts", NULL);
	else if (!differs && cluster->differs)
		log_event(LOG_INFO, "clock_agrees", NULL);
	cluster->differs = differs;
}

void
cluster_clock_hear(
    struct cluster_clock *cluster, int64_t database_us, int64_t asked_us, int64_t answered_us)
{
	/* The truth lies between these. As long as the last one does it stays, so that the time
	 * does not tremble with the network. */
	int64_t least_us = database_us - answered_us, most_us = database_us - asked_us;
	int64_t offset_us = atomic_load_explicit(&cluster->offset_us, memory_order_relaxed);

	if (offset_us == INT64_MIN)
		offset_us = least_us + (most_us - least_us) / 2;
	else if (offset_us < least_us)
		offset_us = least_us;
	else if (offset_us > most_us)
		offset_us = most_us;
	atomic_store_explicit(&cluster->offset_us, offset_us, memory_order_relaxed);
	tell(cluster);
}

int64_t
cluster_clock_ahead_us(const struct cluster_clock *cluster)
{
	if (atomic_load_explicit(&cluster->offset_us, memory_order_relaxed) == INT64_MIN)
		return 0;
	return clock_now_us(cluster->own) - clock_now_us(&cluster->clock);
}
