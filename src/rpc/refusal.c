/* Refused credentials: their source hears of so many a second; when no more may wait for that, who
 * goes on is not looked at. */
#include "base/network.h"
#include "rpc/internal.h"

#define RETRY_MS_TURNED_AWAY 1000

static uint64_t
refusal_source(const struct task *task)
{
	return address_site_hash(task->client_ip, task->server->id_seed);
}

/* No more may wait, of all, or of its connection: the rest of an intermediary's calls must not find
 * it full of them. */
static bool
is_full(const struct task *task)
{
	const struct rpc_server *server = task->server;

	return atomic_load(&server->refusals_parked) >= server->settings.refusals_waiting_max ||
	       atomic_load(&task->work->pipe->refused) >=
		   (unsigned)server->settings.calls_per_pipe_max / 2;
}

/* Counts one more against its source. When it may be told; not in the future: at once. */
static int64_t
refusal_due_us(struct task *task)
{
	struct rpc_server *server = task->server;
	const int64_t now_us = clock_boot_us(server->settings.clock);
	int64_t wait_us = pace_take(&server->refusals, refusal_source(task), now_us);

	/* What asks for it must not give it up meanwhile. */
	if (wait_us > (task->deadline_us - now_us) / 2)
		wait_us = (task->deadline_us - now_us) / 2;
	/* The items of a batch are answered together, and what asks memory alone at once, for
	 * others may wait for it: that took nobody's place in a lane. */
	if (wait_us <= 0 || task->batch || task->envelope.memory_only ||
	    atomic_load_explicit(&server->is_draining, memory_order_relaxed))
		return 0;
	return now_us + wait_us;
}

void
task_refuse_paced(struct task *task, status st)
{
	const struct answer answer = {.st = st};
	const int64_t due_us = refusal_due_us(task);

	if (due_us == 0 || is_full(task))
		task_refuse(task, st);
	else
		task_refuse_at(task, &answer, due_us, false);
}

bool
task_refuse_when_full(struct task *task)
{
	if (!is_full(task))
		return false;
	task_refuse_later(task,
	    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "OVERLOADED",
		"too many refusals wait for their answer already"),
	    RETRY_MS_TURNED_AWAY);
	return true;
}

/* It counts among the refusals that wait: a place among the calls that wait would be one that those
 * who take away something have no longer. */
void
task_refuse_behind_barrier(struct task *task, const struct answer *answer)
{
	if (!task_refuse_when_full(task))
		task_refuse_at(task, answer, refusal_due_us(task), true);
}

bool
task_turn_away(struct task *task)
{
	struct rpc_server *server = task->server;

	/* What asks memory alone costs no look: it hears at once that it is not there. */
	if (task->envelope.memory_only)
		return false;
	/* A login that has run out must not keep anybody from logging in. */
	if (task->at == WHO_CALLER && task->row->is_public)
		return false;
	/* Others may have the same address, and their own connections; or share the connection of
	 * an intermediary, and have an address each. */
	if (!is_full(task) || atomic_load(&task->work->pipe->refused) == 0 ||
	    !pace_is_spent(
		&server->refusals, refusal_source(task), clock_boot_us(server->settings.clock)))
		return false;
	(void)atomic_fetch_add(&server->turned_away, 1);
	task_refuse_later(task,
	    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "TOO_MANY_REFUSALS",
		"too many credentials that came over this connection were refused"),
	    RETRY_MS_TURNED_AWAY);
	return true;
}
