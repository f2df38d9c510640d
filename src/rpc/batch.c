/* Batch: many calls in one message. What memory can answer is answered in the callback, one after
 * the other; the rest goes to the lanes, and the last answer sends the reply. */
#include "base/limits.h"
#include "rpc/internal.h"

#include <stdlib.h>

/* A batch of so many is like a call, and is worked on wherever it is. */
#define ITEMS_HERE 8
/* Replies of a batch for memory alone. Beyond this, items are left for a message of their own... */
#define REPLIES_BYTES_ENOUGH (1u << 20)
/* ...and so is one that would not leave room to say so of all the others. */
#define REPLIES_BYTES_SPARE (256u << 10)

/* An item's Response, encoded: in the batch's own buffer, or in a message from a lane. */
struct batch_item {
	size_t offset, bytes;
	nng_msg *message;
	bool is_lost; /* there was no memory for it: batch_pack() refuses it by its call's id */
	uint64_t call_id;
};

struct batch {
	struct task *whole;
	atomic_size_t missing;     /* answers, and one while the callback goes through the items */
	struct strbuf here;        /* Responses of items that were answered in the callback */
	atomic_size_t apart;       /* bytes of what came from lanes */
	atomic_bool has_committed; /* an item did something that stays */
	atomic_bool is_too_large;
	size_t count;
	struct task *spare; /* of the callback: an item's task that was not needed any longer */
	struct batch_item items[];
};

/* room: for the refusal of an item that is lost. */
static struct slice
item_bytes(const struct batch *batch, const struct batch_item *item, uint8_t *room)
{
	if (item->is_lost)
		return slice_of(room, no_memory_pack(item->call_id, false, room));
	if (item->message)
		return slice_of(nng_msg_body(item->message), nng_msg_len(item->message));
	return slice_of(batch->here.data + item->offset, item->bytes);
}

#define REPLIES_TOO_LARGE                                                                          \
	REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE",                                       \
	    "the replies together would be larger than a message may be")

/* Errors: RESOURCE_EXHAUSTED. */
static status
batch_pack(const struct batch *batch, nng_msg **out)
{
	struct response_envelope e;
	nng_msg *message = NULL;
	uint8_t room[NO_MEMORY_BYTES_MAX];
	size_t bytes = 0;

	if (atomic_load(&batch->is_too_large))
		return REPLIES_TOO_LARGE;
	for (size_t i = 0; i < batch->count; i++)
		bytes += wire_item_size(1, item_bytes(batch, &batch->items[i], room).bytes);
	response_envelope_init(&e);
	e.call_id = batch->whole->envelope.call_id;
	e.memory_only = batch->whole->envelope.memory_only;
	e.payload = slice_of(NULL, bytes);
	const size_t size = envelope_response_size(&e);
	if (size > MESSAGE_BYTES_MAX)
		return REPLIES_TOO_LARGE;
	if (nng_msg_alloc(&message, size) != 0)
		return REFUSE_FOR(
		    ST_RESOURCE_EXHAUSTED, "NO_MEMORY", "there is no memory for the replies");
	uint8_t *at = envelope_pack_response(&e, nng_msg_body(message));
	for (size_t i = 0; i < batch->count; i++) {
		const struct slice item = item_bytes(batch, &batch->items[i], room);
		at = wire_put_item_head(at, 1, item.bytes);
		if (item.bytes)
			memcpy(at, item.data, item.bytes);
		at += item.bytes;
	}
	*out = message;
	return STATUS_OK;
}

static void
batch_end(struct batch *batch)
{
	struct task *whole = batch->whole;
	nng_msg *message = NULL;
	status st = batch_pack(batch, &message);

	/* What the items did stays done, and nobody is told. */
	whole->is_unknown = atomic_load(&batch->has_committed);
	if (st.code != ST_OK && whole->is_unknown)
		st.code = ST_UNKNOWN;
	for (size_t i = 0; i < batch->count; i++) {
		nng_msg *apart = batch->items[i].message;

		if (!apart)
			continue;
		work_hold_more(whole->work, -(int64_t)nng_msg_len(apart));
		nng_msg_free(apart);
	}
	free(batch->spare);
	strbuf_done(&batch->here);
	free(batch);
	if (message)
		work_answer(whole->work, message);
	else
		task_refuse(whole, st);
}

static void
batch_item_done(struct batch *batch)
{
	if (atomic_fetch_sub(&batch->missing, 1) == 1)
		batch_end(batch);
}

/* It waits for the others, and counts as what requests and replies hold. Nothing waits for a reply
 * that can't be sent. */
static void
item_keep(struct batch *batch, struct batch_item *item, nng_msg *message)
{
	const size_t bytes = nng_msg_len(message);

	/* Or whose connection has been ended for what it holds. */
	if (atomic_fetch_add(&batch->apart, bytes) + bytes > MESSAGE_BYTES_MAX ||
	    atomic_load(&batch->whole->work->pipe->is_closing)) {
		atomic_store(&batch->is_too_large, true);
		nng_msg_free(message);
		return;
	}
	work_hold_more(batch->whole->work, (int64_t)bytes);
	item->message = message;
}

void
batch_item_answered(struct task *task, nng_msg *message)
{
	struct batch *batch = task->batch;
	struct batch_item *item = &batch->items[task->batch_index];

	if (message)
		item_keep(batch, item, message);
	item->is_lost = !message;
	item->call_id = task->envelope.call_id;
	if (task->in_callback)
		batch->spare = task;
	else
		free(task);
	batch_item_done(batch);
}

void
batch_item_committed(struct task *task)
{
	atomic_store(&task->batch->has_committed, true);
}

bool
batch_is_full(const struct task *task)
{
	return task->whole->envelope.memory_only && task->batch->here.bytes > REPLIES_BYTES_ENOUGH;
}

bool
batch_bursts(const struct task *task, size_t bytes)
{
	return task->whole->envelope.memory_only &&
	       task->batch->here.bytes + bytes > MESSAGE_BYTES_MAX - REPLIES_BYTES_SPARE;
}

uint8_t *
batch_item_room(struct task *task, size_t bytes)
{
	struct batch *batch = task->batch;
	struct batch_item *item = &batch->items[task->batch_index];

	item->offset = batch->here.bytes;
	item->bytes = bytes;
	if (bytes > MESSAGE_BYTES_MAX - batch->here.bytes)
		atomic_store(&batch->is_too_large, true);
	return strbuf_reserve(&batch->here, bytes);
}

void
batch_item_packed(struct task *task)
{
	struct batch *batch = task->batch;

	strbuf_commit(&batch->here, batch->items[task->batch_index].bytes);
	batch->spare = task;
	batch_item_done(batch);
}

static struct batch *
batch_new(struct task *whole, size_t count)
{
	struct batch *batch = calloc(1, sizeof(*batch) + count * sizeof(struct batch_item));

	if (!batch)
		return NULL;
	batch->whole = whole;
	batch->count = count;
	atomic_init(&batch->missing, count + 1);
	strbuf_init(&batch->here, MESSAGE_BYTES_MAX);
	return batch;
}

/* There is no memory to look at it. */
static void
item_lose(struct batch_item *item, struct slice bytes)
{
	struct request_envelope envelope = {.call_id = 0};

	/* As far as it can be read; all of it is refused anyway. */
	(void)envelope_parse_request(bytes, &envelope).code;
	item->is_lost = true;
	item->call_id = envelope.call_id;
}

static void
batch_go(struct task *whole, size_t count, struct arena *arena)
{
	struct wire_reader reader = wire_reader_of(whole->envelope.payload);
	struct batch *batch = batch_new(whole, count);
	struct slice bytes;

	if (!batch) {
		task_refuse(whole, REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a batch"));
		return;
	}
	for (size_t i = 0; i < count && batch_next(&reader, &bytes); i++) {
		struct task *task = batch->spare ? batch->spare : malloc(sizeof(*task));

		batch->spare = NULL;
		if (!task) {
			item_lose(&batch->items[i], bytes);
			batch_item_done(batch);
			continue;
		}
		dispatch_item(task, batch, i, whole, bytes, arena);
		arena_reset(arena);
	}
	/* Until the last item has its answer. */
	work_hold(whole->work, whole->work->bytes + batch->here.bytes);
	batch_item_done(batch);
}

/* Whose share of the lane it takes. Nothing is decided by it: each item is looked at for itself. */
static void
batch_find_caller(struct task *whole)
{
	const struct rpc_backend *backend = &whole->server->settings.backend;
	enum credential_step step = CREDENTIAL_KNOWN;

	whole->ask = (struct credential_ask){
	    .text = whole->envelope.credential,
	    .trust_memory = backend->may_trust_memory(backend->self, NULL),
	    .now_us = whole->came_us,
	    .has_ended = &whole->has_ended,
	};
	if (whole->ask.text.bytes > 0 &&
	    backend->credential_find(backend->self, &whole->ask, &step, &whole->who[WHO_CALLER])
		    .code == ST_OK &&
	    step == CREDENTIAL_KNOWN)
		whole->at = WHO_CALLER + 1;
}

void
batch_on_lane(struct task *whole, struct arena *arena)
{
	size_t count = 0;

	(void)batch_count(whole->envelope.payload, &count);
	batch_go(whole, count, arena);
}

void
batch_begin(struct task *whole, struct arena *arena)
{
	struct rpc_server *server = whole->server;
	size_t count = 0;

	if (!batch_count(whole->envelope.payload, &count) || count > BATCH_ITEMS_MAX) {
		task_refuse(whole, REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD",
				       "the payload is no batch, or one of too many items"));
		return;
	}
	/* A thousand items take a callback's thread for milliseconds, and there are few of those:
	 * some of them stay free for other calls. */
	const bool is_here = count <= ITEMS_HERE || atomic_fetch_add(&server->batches_here, 1) <
							server->settings.batches_here_max;
	if (is_here) {
		batch_go(whole, count, arena);
	} else {
		whole->job = TASK_BATCH;
		batch_find_caller(whole);
		dispatch_to_lane(whole, LANE_CPU);
	}
	if (count > ITEMS_HERE)
		(void)atomic_fetch_sub(&server->batches_here, 1);
}
