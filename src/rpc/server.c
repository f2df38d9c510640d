#include "rpc/server.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/wait.h"
#include "client/close.h"
#include "client/guard.h"
#include "rpc/internal.h"

#include <assert.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const lane_names[LANE_COUNT] = {
    [LANE_INLINE] = "inline",
    [LANE_CPU] = "cpu",
    [LANE_QUERY] = "query",
    [LANE_BULK] = "bulk",
    [LANE_HASH] = "hash",
    [LANE_WAIT] = "wait",
};

/* Arenas for what is done in the transport's callbacks: taken and given back without a lock. There
 * are as many as callbacks run at once. */
struct arena *
server_arena_take(struct rpc_server *server)
{
	for (size_t i = 0; i < ARENA_SLOTS; i++) {
		if (!atomic_load_explicit(&server->arenas[i], memory_order_relaxed))
			continue;
		struct arena *arena = atomic_exchange(&server->arenas[i], NULL);
		if (arena)
			return arena;
	}
	struct arena *arena = calloc(1, sizeof(*arena));
	if (arena &&
	    arena_init(arena, REQUEST_ARENA_BYTES_FIRST, REQUEST_ARENA_BYTES_MAX).code != ST_OK) {
		free(arena);
		return NULL;
	}
	return arena;
}

static void
arena_drop(struct arena *arena)
{
	if (!arena)
		return;
	arena_done(arena);
	free(arena);
}

void
server_arena_give(struct rpc_server *server, struct arena *arena)
{
	arena_reset(arena);
	for (size_t i = 0; i < ARENA_SLOTS; i++) {
		struct arena *none = NULL;
		if (atomic_compare_exchange_strong(&server->arenas[i], &none, arena))
			return;
	}
	arena_drop(arena);
}

status
rpc_server_new(const struct rpc_settings *settings, struct rpc_server **out)
{
	struct rpc_server *server = calloc(1, sizeof(*server));

	if (!server)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the server");
	server->settings = *settings;
	(void)pthread_mutex_init(&server->lock, NULL);
	wait_cond_init(&server->idle);
	nng_guard();
	list_init(&server->works_free);
	list_init(&server->at_barrier);
	list_init(&server->at_fill);
	pace_init(&server->refusals[REFUSAL_OF_CREDENTIAL].pace, settings->refusals_a_second,
	    settings->refusals_at_once);
	pace_init(&server->refusals[REFUSAL_OF_PLACE].pace, settings->refusals_a_second,
	    settings->places_refused_at_once);
	status st = rand_fill(settings->rand, &server->id_seed, sizeof(server->id_seed));
	if (st.code == ST_OK)
		st = pipe_table_init(&server->pipes, settings->pipes_max);
	if (st.code == ST_OK && nng_rep0_open(&server->socket) != 0)
		st = REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a socket");
	server->is_open = st.code == ST_OK;
	if (st.code != ST_OK) {
		rpc_server_free(&server);
		return st;
	}
	*out = server;
	return STATUS_OK;
}

static bool
method_is_public(const struct rpc_method *method)
{
	for (size_t i = 0; i < method->access_count; i++)
		if (method->access[i].kind == ACCESS_PUBLIC)
			return true;
	return false;
}

status
rpc_server_add(struct rpc_server *server, const struct rpc_service *service, const void *env)
{
	const size_t count = server->rows_count + service->methods_count;
	struct method_row *rows = realloc(server->rows, count * sizeof(*rows));

	if (!rows)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the methods");
	server->rows = rows;
	if (server->services_count == SERVICES_MAX)
		return REFUSE(ST_INTERNAL, "too many services");
	for (size_t i = 0; i < service->methods_count; i++) {
		const struct rpc_method *method = &service->methods[i];
		struct method_row *row = &rows[server->rows_count];

		*row = (struct method_row){
		    .method = method, .env = env, .is_public = method_is_public(method)};
		TRY(access_bind(
		    method->access, method->access_count, method->assurance, &row->rules));
		server->rows_count++;
	}
	server->services[server->services_count++] = service;
	return STATUS_OK;
}

void
rpc_server_gather(struct rpc_server *server, const struct rpc_gathering *gathering)
{
	for (size_t i = 0; i < server->rows_count; i++)
		if (strcmp(server->rows[i].method->name, gathering->method) == 0) {
			/* What a batch's item has committed its handler says. */
			assert(server->rows[i].method->effect == EFFECT_READ ||
			       !server->rows[i].method->batchable);
			server->rows[i].gathering = gathering;
		}
}

/* The rows stay where they are from here on. */
static status
table_make(struct rpc_server *server)
{
	server->table_size = 64;
	while (server->table_size < 4 * server->rows_count)
		server->table_size *= 2;
	server->table = calloc(server->table_size, sizeof(struct method_row *));
	if (!server->table)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the methods");
	for (size_t i = 0; i < server->rows_count; i++) {
		struct method_row *row = &server->rows[i];
		size_t at = row->method->id & (server->table_size - 1);

		while (server->table[at]) {
			if (server->table[at]->method->id == row->method->id)
				return REFUSE(ST_INTERNAL, "two methods have the same id");
			at = (at + 1) & (server->table_size - 1);
		}
		server->table[at] = row;
	}
	return STATUS_OK;
}

const struct method_row *
server_method(const struct rpc_server *server, uint32_t id, struct slice name, status *refusal)
{
	const uint32_t name_id = name.bytes ? wire_method_id(name) : id;

	if (id == 0 && name.bytes == 0) {
		*refusal = REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "METHOD_MISSING", "the request names no method");
		return NULL;
	}
	if (id != 0 && id != name_id) {
		*refusal = REFUSE_FOR(ST_INVALID_ARGUMENT, "METHOD_AMBIGUOUS",
		    "method_id and method are not the same method");
		return NULL;
	}
	for (size_t at = name_id & (server->table_size - 1); server->table[at];
	     at = (at + 1) & (server->table_size - 1)) {
		const struct method_row *row = server->table[at];
		if (row->method->id == name_id &&
		    (name.bytes == 0 || slice_equals_text(name, row->method->name)))
			return row;
	}
	*refusal =
	    REFUSE_FOR(ST_UNIMPLEMENTED, "METHOD_UNKNOWN", "this server does not have that method");
	return NULL;
}

static status
lanes_new(struct rpc_server *server)
{
	for (int i = LANE_CPU; i < LANE_COUNT; i++) {
		const struct rpc_lane_settings *settings = &server->settings.lanes[i];
		const struct lane_plan plan = {
		    .name = lane_names[i],
		    .workers = settings->workers,
		    .queue_max = settings->queue_max,
		    /* A flood of passwords or forged tokens keeps all of them busy; what memory
		     * answers goes first. */
		    .nice = i == LANE_HASH || i == LANE_CPU,
		    .clock = server->settings.clock,
		    .env = server,
		    .work = worker_work,
		    .expire = worker_expire,
		    .gather = i == LANE_QUERY ? worker_gather : NULL,
		    .release = worker_release,
		    .refuse = worker_refuse,
		};
		TRY(lane_new(&plan, &server->lanes[i]));
	}
	return STATUS_OK;
}

/* REQ's name for a request, which goes before it and is counted with it. */
#define REQUEST_HEADER_BYTES 4

static status
socket_set(nng_socket socket)
{
	const size_t most = MESSAGE_BYTES_MAX + REQUEST_HEADER_BYTES;

	/* Without it, nng allocates whatever a header asks for. Over it, it closes the pipe. */
	if (nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, most) != 0)
		return REFUSE(ST_INTERNAL, "nng refuses an option of the server's socket");
	return STATUS_OK;
}

#define FILES_LOOK_US (US_PER_S / 2)

/* Until the timers are stopped. */
static void
files_due(struct timer_entry *entry)
{
	struct rpc_server *server = container_of(entry, struct rpc_server, files_due);

	files_look(&server->files);
	entry->due_us = clock_boot_us(server->settings.clock) + FILES_LOOK_US;
	entry->fire = files_due;
	(void)timers_add(server->timers, entry).code;
}

/* files_due, overdue_due and stall_due: calls have the other places. */
#define TIMERS_OF_OURS 3

status
rpc_server_start(struct rpc_server *server)
{
	TRY(table_make(server));
	TRY(socket_set(server->socket));
	TRY(timers_new(server->settings.clock,
	    2 * (size_t)server->settings.parked_max +
		(size_t)server->settings.refusals_waiting_max + TIMERS_OF_OURS,
	    &server->timers));
	TRY(works_new(server));
	TRY(lanes_new(server));
	server->is_started = true;
	works_start(server);
	files_due(&server->files_due);
	stall_watch(server);
	return server_listen(server);
}

bool
rpc_server_has_files(const struct rpc_server *server)
{
	return !atomic_load(&server->files.are_out);
}

/* REP takes a reply for sent when it is handed to the pipe: closing at once could lose it. */
#define LAST_REPLIES_US (100 * US_PER_MS)

/* false: some are still under way when their time is over. */
static bool
wait_for_calls(struct rpc_server *server)
{
	struct timespec until;

	wait_deadline(server->settings.drain_us, &until);
	(void)pthread_mutex_lock(&server->lock);
	while (atomic_load(&server->calls) > 0)
		if (pthread_cond_timedwait(&server->idle, &server->lock, &until) != 0)
			break;
	(void)pthread_mutex_unlock(&server->lock);
	return atomic_load(&server->calls) == 0;
}

/* Who stood between taking its entry and its connection when the database was cut is cut then. In
 * between the receipts' job may make room for who waits for that. */
#define CUT_AGAIN_US (500 * US_PER_MS)
#define LANES_LOOK_US (20 * US_PER_MS)

/* What still waits in a lane is answered; what runs is waited for. A database that does not answer
 * would hold up the end until the calls' own deadlines: is_late cuts them off from it. */
static void
lanes_stop(struct rpc_server *server, bool is_late)
{
	const struct rpc_backend *backend = &server->settings.backend;
	int64_t looked_us = 0;

	for (int i = LANE_CPU; i < LANE_COUNT; i++)
		if (server->lanes[i])
			lane_end(server->lanes[i]);
	for (int i = LANE_CPU; i < LANE_COUNT; i++) {
		for (; is_late && server->lanes[i] && !lane_has_ended(server->lanes[i]);
		     looked_us += LANES_LOOK_US) {
			if (looked_us % CUT_AGAIN_US == 0)
				backend->cut(backend->self);
			(void)usleep(LANES_LOOK_US);
		}
		if (server->lanes[i])
			lane_stop(server->lanes[i]);
	}
}

void
rpc_server_stop(struct rpc_server *server)
{
	if (!server->is_open)
		return;
	atomic_store(&server->is_draining, true);
	const bool is_late = server->is_started && !wait_for_calls(server);
	lanes_stop(server, is_late);
	replies_release(server);
	if (server->timers)
		timers_stop(server->timers);
	if (server->is_started)
		(void)usleep(LAST_REPLIES_US);
	atomic_store(&server->is_closed, true);
	/* nng before 1.6 panics when a socket is closed while a context of it is being used. */
	works_stop(server);
	(void)socket_close(server->socket);
	server->is_open = false;
	works_free(server);
}

void
rpc_server_free(struct rpc_server **freed)
{
	struct rpc_server *server = *freed;

	if (!server)
		return;
	rpc_server_stop(server);
	for (int i = LANE_CPU; i < LANE_COUNT; i++)
		lane_free(&server->lanes[i]);
	timers_free(&server->timers);
	for (size_t i = 0; i < ARENA_SLOTS; i++)
		arena_drop(atomic_load(&server->arenas[i]));
	for (size_t i = 0; i < server->urls_count; i++)
		free(server->urls[i]);
	pipe_table_done(&server->pipes);
	free(server->table);
	free(server->rows);
	(void)pthread_cond_destroy(&server->idle);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
	*freed = NULL;
}

const char *
rpc_server_url(const struct rpc_server *server, size_t index)
{
	return index < server->urls_count ? server->urls[index] : NULL;
}

const struct rpc_service *
rpc_server_services(const struct rpc_server *server, size_t index)
{
	return index < server->services_count ? server->services[index] : NULL;
}

size_t
rpc_server_lanes(struct rpc_server *server, struct rpc_lane_figures out[LANE_COUNT])
{
	size_t count = 0;

	out[count++] = (struct rpc_lane_figures){
	    .name = lane_names[LANE_INLINE], .done = atomic_load(&server->inline_done)};
	for (int i = LANE_CPU; i < LANE_COUNT; i++) {
		struct lane_state state;
		if (!server->lanes[i])
			continue;
		lane_get_state(server->lanes[i], &state);
		out[count++] = (struct rpc_lane_figures){lane_names[i], state.workers, state.busy,
		    state.queued, state.queue_max, state.done, state.refused, state.expired};
	}
	return count;
}

void
rpc_server_load(struct rpc_server *server, int64_t *calls, int64_t *pipes)
{
	*calls = atomic_load(&server->calls);
	*pipes = atomic_load(&server->pipes.pipes);
}

void
rpc_server_refusals(struct rpc_server *server, struct rpc_refusals *out)
{
	out->of_credentials = atomic_load(&server->refusals[REFUSAL_OF_CREDENTIAL].parked);
	out->of_places = atomic_load(&server->refusals[REFUSAL_OF_PLACE].parked);
	out->turned_away = atomic_load(&server->turned_away);
}
