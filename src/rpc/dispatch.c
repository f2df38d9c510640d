/* From the transport's callback to a lane, or, for INLINE, to the answer. Nothing here blocks. */
#include "base/limits.h"
#include "base/network.h"
#include "rpc/internal.h"

#include <stdio.h>

#define RETRY_MS_TOO_MANY 100
/* Heard even when requests and replies hold all the memory that they may: there are only so many
 * contexts that one could come in. */
#define SMALL_REQUEST_BYTES (16u << 10)

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Told to the client and written to the log; no two calls of a server have the same one. */
static void
request_id_make(struct task *task)
{
	static const char digits[] = "0123456789abcdef";
	const struct work *work = task->work;
	/* A batch has one itself, and each item. */
	const uint64_t within = task->batch ? task->batch_index + 1 : 0;
	uint64_t id = mix(task->server->id_seed ^
			  ((uint64_t)work->index << 44 | (uint64_t)work->counter << 12 | within));

	for (int i = 0; i < REQUEST_ID_TEXT_BYTES - 1; i++, id >>= 4)
		task->request_id[i] = digits[id & 15];
	task->request_id[REQUEST_ID_TEXT_BYTES - 1] = 0;
}

/* All but the envelope, whose arrays are the better part of a task. */
static void
task_init(struct task *task, struct work *work, struct batch *batch, size_t index)
{
	const struct clock *clock = work->server->settings.clock;

	memset(task, 0, offsetof(struct task, envelope));
	memset(
	    (char *)task + offsetof(struct task, at), 0, sizeof(*task) - offsetof(struct task, at));
	request_envelope_init(&task->envelope);
	task->server = work->server;
	task->work = work;
	task->batch = batch;
	task->batch_index = index;
	task->in_callback = true;
	task->came_us = clock_now_us(clock);
	task->came_boot_us = clock_boot_us(clock);
	task->deadline_us = task->came_boot_us + DEADLINE_MS_DEFAULT * US_PER_MS;
	task->client_ip = work->pipe->address;
	request_id_make(task);
}

/* May a request of that size stay? One connection has all but a quarter of what there is. */
static bool
has_room(const struct work *work)
{
	const int64_t most = work->server->settings.message_bytes_max;

	return work->bytes <= SMALL_REQUEST_BYTES ||
	       (atomic_load(&work->server->bytes) <= most &&
		   atomic_load(&work->pipe->bytes) <= most - most / 4);
}

/* Whatever it is. The envelope is read as far as it can be, for the call's id. */
static void
task_refuse_unread(struct task *task, struct slice bytes, status st, uint32_t retry_after_ms)
{
	(void)envelope_parse_request(bytes, &task->envelope).code;
	if (task->whole)
		task->envelope.memory_only |= task->whole->envelope.memory_only;
	task_refuse_later(task, st, retry_after_ms);
}

void
dispatch_message(struct work *work)
{
	struct rpc_server *server = work->server;
	struct task *task = &work->task;
	const struct slice bytes =
	    slice_of(nng_msg_body(work->message), nng_msg_len(work->message));

	task_init(task, work, NULL, 0);
	if (pipe_calls(work->pipe) > (unsigned)server->settings.calls_per_pipe_max) {
		task_refuse_unread(task, bytes,
		    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS",
			"too many calls are under way on this connection"),
		    RETRY_MS_TOO_MANY);
		return;
	}
	if (!has_room(work)) {
		task_refuse_unread(task, bytes,
		    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "OVERLOADED",
			"requests and replies under way take too much memory"),
		    RETRY_MS_TOO_MANY);
		return;
	}
	struct arena *arena = server_arena_take(server);
	if (!arena) {
		task_refuse_unread(
		    task, bytes, REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the call"), 0);
		return;
	}
	dispatch_call(task, bytes, arena);
	server_arena_give(server, arena);
}

void
dispatch_item(struct task *task, struct batch *batch, size_t index, const struct task *whole,
    struct slice bytes, struct arena *arena)
{
	task_init(task, whole->work, batch, index);
	task->whole = whole;
	if (batch_is_full(task))
		task_refuse_unread(task, bytes, NOT_IN_MEMORY, 0);
	else
		dispatch_call(task, bytes, arena);
}

static void
deadline_set(struct task *task, uint32_t most_ms)
{
	uint32_t ms = most_ms ? most_ms : DEADLINE_MS_DEFAULT;

	if (task->envelope.timeout_ms && task->envelope.timeout_ms < ms)
		ms = task->envelope.timeout_ms;
	task->deadline_us = task->came_boot_us + ms * US_PER_MS;
	if (task->whole && task->deadline_us > task->whole->deadline_us)
		task->deadline_us = task->whole->deadline_us;
}

/* What an item leaves out is the whole message's. */
static void
item_inherit(struct task *task)
{
	struct request_envelope *own = &task->envelope;
	const struct request_envelope *whole = &task->whole->envelope;

	/* The organisation that was named is for whoever named it: another caller's is its own. */
	if (own->credential.bytes == 0) {
		own->credential = whole->credential;
		if (own->org.bytes == 0)
			own->org = whole->org;
	}
	if (own->on_behalf_of.bytes == 0)
		own->on_behalf_of = whole->on_behalf_of;
	if (own->at_least.bytes == 0)
		own->at_least = whole->at_least;
	/* An intermediary that names itself once may have gathered the calls of many clients. An
	 * item with a via of its own says for itself where it came from. */
	if (own->via.bytes == 0) {
		own->via = whole->via;
		if (own->client_ip.bytes == 0)
			own->client_ip = whole->client_ip;
		if (own->pairs_count == 0) {
			own->pairs_count = whole->pairs_count;
			memcpy(own->pairs, whole->pairs, whole->pairs_count * sizeof(*own->pairs));
		}
	}
	if (own->trace.bytes == 0)
		own->trace = whole->trace;
	own->memory_only |= whole->memory_only;
}

static status
at_least_read(struct task *task)
{
	const struct slice bytes = task->envelope.at_least;

	if (bytes.bytes == 0)
		return STATUS_OK;
	if (!revision_unpack(bytes, &task->at_least))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_REVISION",
		    "at_least is not a revision that a reply carried");
	task->has_at_least = true;
	return STATUS_OK;
}

static status
key_check(const struct task *task)
{
	const struct slice key = task->envelope.idempotency_key;
	const struct rpc_method *method = task->row->method;

	if (key.bytes == 0)
		return STATUS_OK;
	if (key.bytes < IDEMPOTENCY_KEY_BYTES_MIN)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_SHORT",
		    "an idempotency key is 16 to 128 random bytes");
	/* Better said than ignored: the caller counts on it. A read can be repeated anyway. */
	if (!method->idempotent_by_key && method->effect != EFFECT_READ)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_NOT_TAKEN",
		    "this method takes no idempotency key");
	return STATUS_OK;
}

static status
call_check(struct task *task, struct arena *arena, struct check_result *fields)
{
	const struct rpc_method *method = task->row->method;

	if (task->batch &&
	    (!method->batchable || method->lane == LANE_HASH || method->lane == LANE_WAIT))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "NOT_BATCHABLE",
		    "this method can't be called inside a batch");
	if (task->envelope.payload.bytes >
	    (method->bytes_max ? method->bytes_max : PAYLOAD_BYTES_MAX))
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
		    "the request is larger than this method takes");
	TRY(at_least_read(task));
	TRY(key_check(task));
	return wire_check(method->request_meta, task->envelope.payload, arena, fields);
}

static bool
is_batch(const struct request_envelope *e)
{
	static const char name[] = BATCH_METHOD_NAME;
	const bool is_named = slice_equals_text(e->method, name);

	/* One that says both, and not the same, is refused like any other. */
	if (e->method.bytes && (!is_named || e->method_id == 0))
		return is_named;
	return e->method_id == wire_method_id(slice_text(name));
}

static status
batch_check(const struct task *task)
{
	if (task->batch)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "NOT_BATCHABLE", "a batch can't stand inside a batch");
	/* Better said than ignored: the caller counts on it. */
	if (task->envelope.idempotency_key.bytes > 0)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_NOT_TAKEN",
		    "a batch takes no idempotency key: give each item its own");
	return STATUS_OK;
}

void
dispatch_call(struct task *task, struct slice bytes, struct arena *arena)
{
	struct rpc_server *server = task->server;
	struct check_result fields = {.count = 0};
	status st = envelope_parse_request(bytes, &task->envelope);

	if (st.code != ST_OK) {
		task_refuse(task, st);
		return;
	}
	if (atomic_load_explicit(&server->is_draining, memory_order_relaxed)) {
		task_refuse_later(task, SERVER_STOPS, RETRY_MS_TOO_MANY);
		return;
	}
	if (is_batch(&task->envelope)) {
		deadline_set(task, DEADLINE_MS_MAX);
		st = batch_check(task);
		if (st.code != ST_OK)
			task_refuse(task, st);
		else
			batch_begin(task, arena);
		return;
	}
	task->row = server_method(server, task->envelope.method_id, task->envelope.method, &st);
	if (!task->row) {
		task_refuse(task, st);
		return;
	}
	if (task->whole)
		item_inherit(task);
	deadline_set(task, task->row->method->deadline_ms);
	st = call_check(task, arena, &fields);
	if (st.code != ST_OK) {
		const struct answer answer = {.st = st, .fields = &fields};
		task_answer(task, &answer);
		return;
	}
	task->trust_memory = server->settings.backend.may_trust_memory(
	    server->settings.backend.self, task->has_at_least ? &task->at_least : NULL);
	identify(task, arena);
}

/* For SELF rules: the request's field of that name, read from the encoded request. */
static struct slice
request_field(const void *env, const char *name)
{
	const struct task *task = env;
	const struct meta_message *meta = task->row->method->request_meta;
	struct wire_reader reader = wire_reader_of(task->envelope.payload);
	struct wire_field field;
	struct slice found = SLICE_NONE;

	for (size_t i = 0; i < meta->fields_count; i++) {
		if (meta->fields[i].type != META_STRING || strcmp(meta->fields[i].name, name) != 0)
			continue;
		while (wire_next(&reader, &field))
			if (field.number == meta->fields[i].number && field.type == WIRE_BYTES)
				found = field.bytes;
		break;
	}
	return found;
}

static status
admit(struct task *task, struct arena *arena)
{
	struct principal *principal = &task->who[WHO_CALLER];

	TRY(access_choose_org(principal, task->envelope.org));
	TRY(access_check(&task->row->rules, principal, request_field, task, task->came_us, arena,
	    &task->admitted));
	if (task->envelope.on_behalf_of.bytes)
		TRY(access_narrow(principal, &task->who[WHO_BEHALF], task->admitted));
	return STATUS_OK;
}

/* Memory may answer a method that is open to everybody even while it may not be trusted: nothing
 * that it says depends on who asks, and health is asked for just then. */
static bool
may_run_cached(const struct task *task)
{
	return task->trust_memory || (task->row->is_public && !task->has_at_least);
}

/* May its answer have to wait for its time alone? What must not tell by that is open to all. */
static bool
may_be_padded(const struct method_row *row)
{
	return row->is_public && row->method->effect != EFFECT_READ;
}

/* For a barrier, or for news? Of those that only write, the ones that are open to all may:
 * whoever comes with what was used before loses it. */
bool
row_may_be_parked(const struct method_row *row)
{
	return row->method->effect == EFFECT_RESTRICT || row->method->lane == LANE_WAIT ||
	       may_be_padded(row);
}

/* Such calls stand in no lane's queue while they wait, so that they are let in only while few
 * enough do: or contexts run out, and nobody is heard. */
static bool
has_no_place(const struct task *task)
{
	struct rpc_server *server = task->server;
	const int most = server->settings.parked_max;

	return (row_may_be_parked(task->row) && atomic_load(&server->parked) >= most) ||
	       (may_be_padded(task->row) && atomic_load(&server->padded) >= most);
}

void
dispatch_admit(struct task *task, struct arena *arena)
{
	struct rpc_server *server = task->server;
	const struct rpc_method *method = task->row->method;
	const status st = admit(task, arena);

	if (st.code == ST_PERMISSION_DENIED && method->audit) {
		task->job = TASK_REFUSAL;
		/* Its texts must outlive the arena. */
		task->refusal = st;
		(void)snprintf(task->refusal_text, sizeof(task->refusal_text), "%s", st.message);
		task->refusal.message = task->refusal_text;
		dispatch_to_lane(task, LANE_QUERY);
		return;
	}
	if (st.code != ST_OK) {
		task_refuse(task, st);
		return;
	}
	if (has_no_place(task)) {
		task_refuse_crowded(task,
		    REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "OVERLOADED",
			"too many calls wait for their answer already"),
		    RETRY_MS_TOO_MANY);
		return;
	}
	task->job = TASK_RUN;
	if (method->lane != LANE_INLINE) {
		dispatch_to_lane(task, method->lane);
		return;
	}
	if (may_run_cached(task) && method->handle_cached &&
	    task_run(task, NULL, arena, true) == RUN_ANSWERED) {
		/* The task may be another call's by now. */
		(void)atomic_fetch_add_explicit(&server->inline_done, 1, memory_order_relaxed);
		return;
	}
	dispatch_to_lane(task, LANE_QUERY);
}

/* However many connections, or addresses of its /64, somebody has: he is so many sources. One alone
 * would let whoever shares his address get nothing beside him. */
#define SOURCES_PER_SITE 16

uint64_t
dispatch_source(const struct task *task)
{
	const uint64_t site = address_site_hash(task->client_ip, task->server->id_seed);

	return mix(site + atomic_load(&task->work->pipe->id) % SOURCES_PER_SITE);
}

uint64_t
dispatch_org_hash(const struct task *task)
{
	const struct principal *principal = &task->who[WHO_CALLER];

	return hash_bytes(slice_of(principal->org_id.bytes, UUID_BYTES), task->server->id_seed);
}

uint64_t
dispatch_owner_hash(const struct task *task)
{
	if (task->at > WHO_CALLER && task->who[WHO_CALLER].has_org)
		return dispatch_org_hash(task);
	return address_site_hash(task->client_ip, task->server->id_seed);
}

/* Whose share of the lane it takes: the organisation's or, before that is known, its source's. */
static uint64_t
unit_of(const struct task *task)
{
	const struct principal *principal = &task->who[WHO_CALLER];

	if (task->at > WHO_CALLER && principal->has_org && task->job != TASK_FILL)
		return dispatch_org_hash(task);
	return dispatch_source(task);
}

bool
dispatch_stays(struct task *task)
{
	if (!task->envelope.memory_only)
		return false;
	task_refuse(task, NOT_IN_MEMORY);
	return true;
}

/* What it may be gathered with. */
static uint64_t
kind_of(const struct task *task, enum lane lane)
{
	const struct rpc_backend *backend = &task->server->settings.backend;
	const struct rpc_gathering *gathering = task->row ? task->row->gathering : NULL;
	const struct principal *principal = &task->who[WHO_CALLER];

	if (lane != LANE_QUERY)
		return 0;
	if (task->job == TASK_FILL)
		return backend->may_fill_together && backend->may_fill_together(&task->ask);
	if (task->job != TASK_RUN || !gathering || !(principal->has_org || gathering->of_anybody) ||
	    (gathering->unless_field && request_field(task, gathering->unless_field).bytes > 0))
		return 0;
	const struct slice org =
	    gathering->of_anybody ? SLICE_NONE : slice_of(principal->org_id.bytes, UUID_BYTES);
	/* Whatever else has the same number by chance is told apart by worker_gather(). */
	return hash_bytes(org, task->server->id_seed ^ task->row->method->id) | 2;
}

void
dispatch_to_lane(struct task *task, enum lane lane)
{
	struct rpc_server *server = task->server;
	uint32_t retry_after_ms = 0;

	/* A batch of such is worked on where there is a thread for it. */
	if (task->job != TASK_BATCH && dispatch_stays(task))
		return;
	task->in_callback = false;
	task->entry.unit = unit_of(task);
	task->entry.deadline_us = task->deadline_us;
	task->entry.kind = kind_of(task, lane);
	task->entry.in_few_hands =
	    task->entry.kind != 0 && (task->job == TASK_FILL || task->row->gathering->in_few_hands);
	work_detach(task->work);
	/* Once it is in there, it may be answered before the function returns. */
	if (!lane_put(server->lanes[lane], &task->entry, &retry_after_ms))
		worker_refuse(server, &task->entry, retry_after_ms);
}
