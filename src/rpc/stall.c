/* Who takes none of its replies for too long. */
#include "rpc/internal.h"

/* So many looks make the time that a client is given. */
#define LOOKS 8
/* Each of them that it has to take gives it as much time again: it may have a thin line. */
#define STALL_BYTES (1 << 20)

static void stall_look(struct timer_entry *entry);

static void
look_at(struct rpc_server *server, int64_t due_us)
{
	server->stall_due.due_us = due_us;
	server->stall_due.fire = stall_look;
	/* Its place is kept; without one, the server is about to stop. */
	(void)timers_add(server->timers, &server->stall_due).code;
}

/* One a firing: it takes a while, and others wait for the timers. */
static void
stall_look(struct timer_entry *entry)
{
	struct rpc_server *server = container_of(entry, struct rpc_server, stall_due);
	const int64_t now_us = clock_boot_us(server->settings.clock);
	struct pipe_entry *pipe = pipe_take_stalled(
	    &server->pipes, atomic_load(&server->stall_looks), LOOKS + 1, &server->stall_at);

	if (pipe) {
		pipe_cut(pipe, "it does not take its replies");
		pipe_give(pipe);
		look_at(server, now_us);
		return;
	}
	server->stall_at = 0;
	(void)atomic_fetch_add(&server->stall_looks, 1);
	look_at(server, now_us + server->settings.send_timeout_us / LOOKS);
}

void
stall_watch(struct rpc_server *server)
{
	/* So that what was never put off is not over. */
	atomic_init(&server->stall_looks, -(unsigned)(LOOKS + 1));
	look_at(server, clock_boot_us(server->settings.clock));
}

/* What it took last may be on its way yet, and so is what nng has. */
void
stall_put_off(struct rpc_server *server, struct pipe_entry *pipe)
{
	const int64_t sending = atomic_load_explicit(&pipe->sending, memory_order_relaxed);
	const int64_t taken = atomic_load_explicit(&pipe->taken, memory_order_relaxed);
	const int64_t times =
	    1 + (sending > 0 ? sending - 1 : 0) / STALL_BYTES + taken / STALL_BYTES;
	const unsigned look = atomic_load_explicit(&server->stall_looks, memory_order_relaxed);

	atomic_store_explicit(
	    &pipe->stalls_at, look + LOOKS * (unsigned)times + 1, memory_order_relaxed);
}
