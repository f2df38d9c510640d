/* Calls that wait outside the lanes for what others do, until their own time is over: behind
 * another's fill, which may hang at the database, and at a barrier, which knows no deadline. */
#include "rpc/internal.h"

#define LOOK_US (50 * US_PER_MS)

static void
overdue_look(struct timer_entry *entry)
{
	struct rpc_server *server = container_of(entry, struct rpc_server, overdue_due);
	const int64_t now_us = clock_boot_us(server->settings.clock);
	struct list fills, barriers;

	list_init(&fills);
	list_init(&barriers);
	(void)pthread_mutex_lock(&server->lock);
	server->is_watched = false;
	fills_cancel(server, now_us, &fills);
	barriers_cancel(server, now_us, &barriers);
	if (!list_is_empty(&server->at_fill) || !list_is_empty(&server->at_barrier))
		overdue_watch(server);
	(void)pthread_mutex_unlock(&server->lock);
	fills_give_up(&fills);
	barriers_give_up(&barriers,
	    "the change is made, but not every server is known to obey it yet; repeat the call");
}

void
overdue_watch(struct rpc_server *server)
{
	if (server->is_watched)
		return;
	server->overdue_due.due_us = clock_boot_us(server->settings.clock) + LOOK_US;
	server->overdue_due.fire = overdue_look;
	/* Without a place there they wait for as long as what they wait for. */
	server->is_watched = timers_add(server->timers, &server->overdue_due).code == ST_OK;
}
