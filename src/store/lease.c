#include "store/lease.h"

#include "store/migrate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct lease {
	const struct clock *clock;
	struct uuid node_id;
	char *urls;
	int64_t renewals; /* never the same twice in this node's life, whatever became of its row */
	atomic_int_fast64_t held_until_us;
};

status
lease_new(
    const struct clock *clock, const struct rand_source *rand, const char *urls, struct lease **out)
{
	struct uuid node_id;

	TRY(uuid_make(clock, rand, &node_id));
	struct lease *lease = calloc(1, sizeof *lease);
	char *copy = strdup(urls);
	if (!lease || !copy) {
		free(lease);
		free(copy);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a lease");
	}
	lease->clock = clock;
	lease->node_id = node_id;
	lease->urls = copy;
	atomic_init(&lease->held_until_us, INT64_MIN);
	*out = lease;
	return STATUS_OK;
}

void
lease_free(struct lease **lease)
{
	if (!*lease)
		return;
	free((*lease)->urls);
	free(*lease);
	*lease = NULL;
}

bool
lease_is_held(const struct lease *lease)
{
	/* The lease before the clock: a thread that is stopped between the two then refuses. */
	int64_t until_us = atomic_load_explicit(&lease->held_until_us, memory_order_acquire);

	return until_us != INT64_MIN && clock_boot_us(lease->clock) < until_us;
}

int64_t
lease_held_until_us(const struct lease *lease)
{
	return atomic_load_explicit(&lease->held_until_us, memory_order_acquire);
}

const struct uuid *
lease_node_id(const struct lease *lease)
{
	return &lease->node_id;
}

status
lease_open(struct lease *lease, struct store_conn *conn)
{
	lease_drop(lease);
	lease->renewals++;
	return STORE_QUERY(conn, STMT_FEED_NODE_OPEN, NULL, p_uuid(&lease->node_id),
	    p_int(lease->renewals), p_int(migrations_count), p_text(lease->urls));
}

status
lease_renew(struct lease *lease, struct store_conn *conn, uint64_t epoch, const char *snapshot,
    struct lease_renewal *out)
{
	int64_t now_us = clock_boot_us(lease->clock);
	ROWS_AUTO rows = {0};

	lease->renewals++;
	TRY(STORE_QUERY(conn, STMT_FEED_NODE_RENEW, &rows, p_uuid(&lease->node_id),
	    p_int(lease->renewals), p_int((int64_t)epoch), p_text(snapshot)));
	*out = (struct lease_renewal){.found = rows.count == 1, .started_us = now_us};
	if (out->found)
		out->database_us = row_time_us(&rows, 0, FEED_NODE_RENEW_NOW);
	return STATUS_OK;
}

status
lease_show(struct lease *lease, struct store_conn *conn, uint64_t epoch, const char *snapshot)
{
	return STORE_QUERY(conn, STMT_FEED_NODE_SHOW, NULL, p_uuid(&lease->node_id),
	    p_int((int64_t)epoch), p_text(snapshot));
}

void
lease_grant(struct lease *lease, int64_t started_us)
{
	atomic_store_explicit(&lease->held_until_us, started_us + LEASE_US, memory_order_release);
}

void
lease_drop(struct lease *lease)
{
	atomic_store_explicit(&lease->held_until_us, INT64_MIN, memory_order_release);
}

status
lease_close(struct lease *lease, struct store_conn *conn)
{
	lease_drop(lease);
	return STORE_QUERY(conn, STMT_FEED_NODE_CLOSE, NULL, p_uuid(&lease->node_id));
}
