/* Who is refused goes on at once, all too often: its source hears of so many a second, of the rest
 * later. Of credentials, when no more may wait for that, who goes on is not looked at. */
#include "base/network.h"
#include "rpc/internal.h"

#define RETRY_MS_TURNED_AWAY 1000

static uint64_t
refusal_source(const struct task *task, enum refusal kind)
{
	if (kind == REFUSAL_OF_PLACE)
		return dispatch_owner_hash(task);
	return address_site_hash(task->client_ip, task->server->id_seed);
}

/* No more may wait, of all, or of its connection: the rest of an intermediary's calls must not find
 * it full of them. Those for want of a place leave room for credentials. */
static bool
is_full(const struct task *task, enum refusal kind)
{
	const struct rpc_server *server = task->server;
	const struct pipe_entry *pipe = task->work->pipe;
	const int of_all_max = server->settings.refusals_waiting_max;
	const int of_pipe_max = server->settings.calls_per_pipe_max / 2;
	int of_all = 0, of_pipe = 0;

	if (kind == REFUSAL_OF_PLACE &&
	    (atomic_load(&server->refusals[kind].parked) >= of_all_max / 2 ||
		(int)atomic_load(&pipe->refused[kind]) >= of_pipe_max - of_pipe_max / 8))
		return true;
	for (int i = 0; i < REFUSAL_KINDS; i++) {
		of_all += atomic_load(&server->refusals[i].parked);
		of_pipe += (int)atomic_load(&pipe->refused[i]);
	}
	return of_all >= of_all_max || of_pipe >= of_pipe_max;
}

/* Counts one more against its source. When it may be told; not in the future: at once. */
static int64_t
refusal_due_us(struct task *task, enum refusal kind)
{
	struct rpc_server *server = task->server;
	const int64_t now_us = clock_boot_us(server->settings.clock);
	int64_t wait_us =
	    pace_take(&server->refusals[kind].pace, refusal_source(task, kind), now_us);

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

static void
refuse_paced(struct task *task, enum refusal kind, const struct answer *answer)
{
	const int64_t due_us = refusal_due_us(task, kind);

	if (due_us == 0 || is_full(task, kind))
		task_answer(task, answer);
	else
		task_refuse_at(task, kind, answer, due_us, false);
}

void
task_refuse_paced(struct task *task, status st)
{
	refuse_paced(task, REFUSAL_OF_CREDENTIAL, &(struct answer){.st = st});
}

void
task_refuse_crowded(struct task *task, status st, uint32_t retry_after_ms)
{
	const struct answer answer = {.st = st, .retry_after_ms = retry_after_ms};

	refuse_paced(task, REFUSAL_OF_PLACE, &answer);
}

bool
task_refuse_when_full(struct task *task)
{
	if (!is_full(task, REFUSAL_OF_CREDENTIAL))
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
		task_refuse_at(task, REFUSAL_OF_CREDENTIAL, answer,
		    refusal_due_us(task, REFUSAL_OF_CREDENTIAL), true);
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
	if (!is_full(task, REFUSAL_OF_CREDENTIAL) ||
	    atomic_load(&task->work->pipe->refused[REFUSAL_OF_CREDENTIAL]) == 0 ||
	    !pace_is_spent(&server->refusals[REFUSAL_OF_CREDENTIAL].pace,
		refusal_source(task, REFUSAL_OF_CREDENTIAL), clock_boot_us(server->settings.clock)))
		return false;
	(void)atomic_fetch_add(&server->turned_away, 1);
	task_refuse_later(task,
	    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "TOO_MANY_REFUSALS",
		"too many credentials that came over this connection were refused"),
	    RETRY_MS_TURNED_AWAY);
	return true;
}
