/* From the envelope's credentials to principals: via first, since the client's address hangs on it,
 * then the caller, then whom it acts for. */
#include "rpc/internal.h"

#include <stdio.h>

static struct slice
credential_of(const struct task *task, enum who who)
{
	switch (who) {
	case WHO_VIA:
		return task->envelope.via;
	case WHO_CALLER:
		return task->envelope.credential;
	default:
		return task->envelope.on_behalf_of;
	}
}

/* The address that the envelope asserts, if who asserts it may. */
static status
client_ip_believe(struct task *task)
{
	const struct slice asserted = task->envelope.client_ip;
	const bool has_via = task->envelope.via.bytes > 0;

	if (asserted.bytes == 0 || (task->at == WHO_VIA) != has_via)
		return STATUS_OK;
	TRY(access_believe_client_ip(
	    &task->who[WHO_CALLER], has_via ? &task->who[WHO_VIA] : NULL, asserted));
	(void)snprintf(task->client_ip_text, sizeof(task->client_ip_text), "%.*s",
	    (int)asserted.bytes, (const char *)asserted.data);
	task->client_ip = task->client_ip_text;
	return STATUS_OK;
}

/* A credential is known. false: the call is answered. */
static bool
identify_next(struct task *task)
{
	status st = STATUS_OK;

	if (task->at != WHO_BEHALF)
		st = client_ip_believe(task);
	if (st.code != ST_OK) {
		task_refuse(task, st);
		return false;
	}
	task->at++;
	return true;
}

/* false: it fills for itself and for others. */
static bool
fill_park(struct task *task)
{
	struct rpc_server *server = task->server;
	const struct rpc_backend *backend = &server->settings.backend;

	/* Under the lock, so that whoever wakes it finds it on the list. */
	(void)pthread_mutex_lock(&server->lock);
	const bool is_parked = !backend->fill_begin(backend->self, &task->ask, &task->waiter);
	if (is_parked) {
		list_add_last(&server->at_fill, &task->at_fill);
		overdue_watch(server);
	}
	(void)pthread_mutex_unlock(&server->lock);
	return is_parked;
}

void
fills_cancel(struct rpc_server *server, int64_t before_us, struct list *out)
{
	const struct rpc_backend *backend = &server->settings.backend;

	list_for_each_safe (parked, &server->at_fill) {
		struct task *task = container_of(parked, struct task, at_fill);

		/* Whom it does not cancel, identify_woken() is about to take. */
		if (task->deadline_us >= before_us ||
		    !backend->fill_cancel(backend->self, &task->waiter))
			continue;
		list_remove(parked);
		list_add_last(out, parked);
	}
}

void
fills_give_up(struct list *cancelled)
{
	struct list *node;

	while ((node = list_take_first(cancelled))) {
		struct task *task = container_of(node, struct task, at_fill);

		(void)atomic_fetch_sub(&task->server->fills_parked, 1);
		task_refuse(task, REFUSE(ST_DEADLINE_EXCEEDED, "the deadline passed"));
	}
}

/* The database knows, or somebody is asking it already. */
static void
identify_fill(struct task *task)
{
	struct rpc_server *server = task->server;

	if (dispatch_stays(task))
		return;
	task->job = TASK_FILL;
	task->in_callback = false;
	work_detach(task->work);
	/* Who may not trust memory gains nothing from what another one puts there. And those that
	 * are parked stand in no lane's queue, and need a bound all the same: beyond it each takes
	 * its own place there. */
	const bool may_wait =
	    atomic_fetch_add(&server->fills_parked, 1) < server->settings.parked_max;
	task->fills_for_all = task->trust_memory && may_wait;
	/* Parked: whoever fills it wakes us, and may have done so already. */
	if (task->fills_for_all && fill_park(task))
		return;
	(void)atomic_fetch_sub(&server->fills_parked, 1);
	dispatch_to_lane(task, LANE_QUERY);
}

void
identify_fill_end(struct task *task)
{
	const struct rpc_backend *backend = &task->server->settings.backend;

	if (task->job == TASK_FILL && task->fills_for_all)
		backend->fill_end(backend->self, &task->waiter);
}

/* Whoever takes away what is gone already takes the refusal for a success: it is said when every
 * node refuses. */
static void
identify_refuse(struct task *task, status st)
{
	if (task->at != WHO_CALLER || !task->has_ended ||
	    task->row->method->effect != EFFECT_RESTRICT) {
		if (st.code == ST_UNAUTHENTICATED)
			task_refuse_paced(task, st);
		else
			task_refuse(task, st);
		return;
	}
	if (task_refuse_when_full(task))
		return;
	task->job = TASK_ENDED;
	task->refusal = st;
	dispatch_to_lane(task, LANE_QUERY);
}

/* What find, verify or fill said of the credential that is next. false: the call is out of our
 * hands. */
static bool
identify_take(struct task *task, status st, enum credential_step step)
{
	if (st.code == ST_UNAUTHENTICATED && task->at == WHO_CALLER && task->row->is_public) {
		/* A login that has run out must not keep anybody from logging in. */
		task->who[WHO_CALLER] = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
		return identify_next(task);
	}
	if (st.code != ST_OK) {
		/* Whoever passes on a call must not take its own key's refusal for the caller's. */
		if (st.code == ST_UNAUTHENTICATED && task->at == WHO_VIA)
			st = REFUSE_FOR(ST_UNAUTHENTICATED, "VIA_REFUSED",
			    "the intermediary's own key is not valid");
		identify_refuse(task, st);
		return false;
	}
	switch (step) {
	case CREDENTIAL_KNOWN:
		return identify_next(task);
	case CREDENTIAL_NEEDS_CPU:
		task->job = TASK_VERIFY;
		dispatch_to_lane(task, LANE_CPU);
		return false;
	case CREDENTIAL_NEEDS_QUERY:
		break;
	}
	identify_fill(task);
	return false;
}

static void
identify_woken(struct cache_waiter *waiter)
{
	struct task *task = container_of(waiter, struct task, waiter);
	struct rpc_server *server = task->server;

	(void)pthread_mutex_lock(&server->lock);
	list_remove(&task->at_fill);
	(void)pthread_mutex_unlock(&server->lock);
	(void)atomic_fetch_sub(&server->fills_parked, 1);
	if (clock_boot_us(server->settings.clock) >= task->deadline_us) {
		task_refuse(task, REFUSE(ST_DEADLINE_EXCEEDED, "the deadline passed"));
		return;
	}
	struct arena *arena = server_arena_take(server);
	if (!arena) {
		task_refuse(task, REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the call"));
		return;
	}
	identify(task, arena);
	server_arena_give(server, arena);
}

static void
ask_make(struct task *task)
{
	task->ask = (struct credential_ask){
	    .text = credential_of(task, task->at),
	    .client_ip = task->at == WHO_VIA ? task->work->pipe->address : task->client_ip,
	    .trust_memory = task->trust_memory,
	    .now_us = task->came_us,
	    .has_ended = &task->has_ended,
	};
	task->has_ended = false;
	task->waiter.wake = identify_woken;
}

/* What is open to everybody and comes from memory alone asks nobody who they are while memory may
 * not be trusted: that would take the database, and how that is doing is what health is asked for.
 */
static bool
needs_nobody(const struct task *task)
{
	return task->row->is_public && task->row->method->lane == LANE_INLINE &&
	       !task->trust_memory && !task->has_at_least;
}

/* Who has the credential that is next, as far as memory knows. */
static status
identify_find(struct task *task, enum credential_step *step)
{
	const struct rpc_backend *backend = &task->server->settings.backend;
	struct principal *principal = &task->who[task->at];

	*step = CREDENTIAL_KNOWN;
	if (task->ask.text.bytes == 0) {
		*principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
		return STATUS_OK;
	}
	if (batch_knows(task, principal))
		return STATUS_OK;
	TRY(backend->credential_find(backend->self, &task->ask, step, principal));
	if (*step == CREDENTIAL_KNOWN)
		batch_learn(task, principal);
	return STATUS_OK;
}

void
identify(struct task *task, struct arena *arena)
{
	task_look_at_trust(task);
	if (needs_nobody(task)) {
		memset(task->who, 0, sizeof(task->who));
		task->at = WHO_COUNT;
	}
	while (task->at < WHO_COUNT) {
		enum credential_step step;

		ask_make(task);
		const status st = identify_find(task, &step);
		/* Memory does not know it. */
		if (st.code == ST_OK && step != CREDENTIAL_KNOWN && task_turn_away(task))
			return;
		if (!identify_take(task, st, step))
			return;
	}
	dispatch_admit(task, arena);
}

bool
identify_together(
    struct task *const *tasks, size_t count, struct store_conn *conn, struct arena *arena)
{
	const struct rpc_backend *backend = &tasks[0]->server->settings.backend;
	struct credential_filling *fillings = arena_alloc(arena, count * sizeof(*fillings));

	if (!fillings)
		return false;
	for (size_t i = 0; i < count; i++)
		fillings[i] = (struct credential_filling){
		    .ask = &tasks[i]->ask, .principal = &tasks[i]->who[tasks[i]->at]};
	if (backend->credentials_fill(backend->self, fillings, count, conn, arena).code != ST_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		tasks[i]->fill_status = fillings[i].st;
		tasks[i]->is_filled = true;
	}
	return true;
}

void
identify_on_lane(struct task *task, struct store_conn *conn, struct arena *arena)
{
	const struct rpc_backend *backend = &task->server->settings.backend;
	struct principal *principal = &task->who[task->at];
	enum credential_step step = CREDENTIAL_KNOWN;
	status st;

	if (task->job == TASK_FILL) {
		st = task->is_filled ? task->fill_status
				     : backend->credential_fill(
					   backend->self, &task->ask, conn, arena, principal);
		task->is_filled = false;
		identify_fill_end(task);
	} else {
		st = backend->credential_verify(backend->self, &task->ask, &step, principal);
	}
	if (identify_take(task, st, step))
		identify(task, arena);
}
