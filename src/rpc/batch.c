/* Batch: many calls in one message. What memory can answer is answered in the callback, one after
 * the other; the rest goes to the lanes, and the last answer sends the reply. */
#include "base/limits.h"
#include "rpc/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A batch of so many is like a call, and is worked on wherever it is. */
#define ITEMS_HERE 8
/* Replies of a batch for memory alone. Beyond this, items are left for a message of their own... */
#define REPLIES_BYTES_ENOUGH (1u << 20)
/* ...and so is one that would not leave room to say so of all the others. */
#define REPLIES_BYTES_SPARE (256u << 10)

/* In front of the items in the message that they are packed into: the batch's own Response. */
#define HEAD_BYTES_MAX 64
/* What the items of one batch may want at first by what those of others took. */
#define REPLIES_BYTES_FIRST_MIN 1024
#define REPLIES_BYTES_FIRST_MAX (240u << 10)
/* A message may keep half as much again as it says and this: it is counted by what it says. */
#define REPLIES_BYTES_IDLE 4096
/* A caller is looked up again after so long: the process may have been stopped meanwhile. */
#define KNOWN_US (100 * US_PER_MS)

/* An item's Response, encoded: among those here, or in a message from a lane. */
struct batch_item {
	size_t offset, bytes; /* of the message of those here */
	nng_msg *message;
	bool is_lost; /* there was no memory for it: batch_collect() refuses it by its call's id */
	uint64_t call_id;
};

/* Whom memory knew an item's credential to be; the next item mostly has the same one. */
struct known {
	struct slice text;
	struct slice at_least; /* of the item for which it was looked up */
	int64_t came_us;       /* that item; boottime */
	char client_ip[CLIENT_IP_TEXT_BYTES];
	struct principal principal;
};

struct batch {
	struct task *whole;
	atomic_size_t missing; /* answers, and one while the callback goes through the items */
	/* Responses of items that were answered in the callback, each as the field that it is in
	 * the reply, behind HEAD_BYTES_MAX: when no other is missing, this is the reply. */
	nng_msg *here;
	size_t here_end, here_count;
	atomic_size_t apart;       /* bytes of what came from lanes */
	atomic_bool has_committed; /* an item did something that stays */
	atomic_bool is_too_large;
	size_t count;
	struct task *spare; /* of the callback: an item's task that was not needed any longer */
	struct known known[WHO_COUNT]; /* of the callback */
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
	return slice_of((uint8_t *)nng_msg_body(batch->here) + item->offset, item->bytes);
}

#define REPLIES_TOO_LARGE                                                                          \
	REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE",                                       \
	    "the replies together would be larger than a message may be")

static void
head_init(const struct batch *batch, size_t payload_bytes, struct response_envelope *out)
{
	response_envelope_init(out);
	out->call_id = batch->whole->envelope.call_id;
	out->memory_only = batch->whole->envelope.memory_only;
	out->payload = slice_of(NULL, payload_bytes);
}

/* All answers are in the message already: the head goes in front of them. */
static nng_msg *
batch_finish_here(struct batch *batch)
{
	nng_msg *message = batch->here;
	const size_t payload_bytes = batch->here_end - HEAD_BYTES_MAX;
	struct response_envelope e;

	head_init(batch, payload_bytes, &e);
	const size_t head_bytes = envelope_response_size(&e) - payload_bytes;
	assert(head_bytes <= HEAD_BYTES_MAX);
	(void)nng_msg_chop(message, nng_msg_len(message) - batch->here_end);
	(void)nng_msg_trim(message, HEAD_BYTES_MAX - head_bytes);
	(void)envelope_pack_response(&e, nng_msg_body(message));
	batch->here = NULL;
	return message;
}

/* Answers from here and from lanes, in the order of the items. Errors: RESOURCE_EXHAUSTED. */
static status
batch_collect(const struct batch *batch, nng_msg **out)
{
	struct response_envelope e;
	nng_msg *message = NULL;
	uint8_t room[NO_MEMORY_BYTES_MAX];
	size_t bytes = 0;

	for (size_t i = 0; i < batch->count; i++)
		bytes += wire_item_size(1, item_bytes(batch, &batch->items[i], room).bytes);
	head_init(batch, bytes, &e);
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

/* Was the guess, or the last doubling, far too large? */
static bool
replies_are_idle(const struct batch *batch)
{
	return nng_msg_len(batch->here) >
	       batch->here_end + batch->here_end / 2 + REPLIES_BYTES_IDLE;
}

static status
batch_pack(struct batch *batch, nng_msg **out)
{
	if (atomic_load(&batch->is_too_large))
		return REPLIES_TOO_LARGE;
	if (batch->count == 0 || batch->here_count < batch->count)
		return batch_collect(batch, out);
	if (replies_are_idle(batch) && batch_collect(batch, out).code == ST_OK)
		return STATUS_OK;
	*out = batch_finish_here(batch);
	return STATUS_OK;
}

/* Secrets may be in it: what is not sent is overwritten. */
static void
replies_drop(struct batch *batch)
{
	if (!batch->here)
		return;
	explicit_bzero(nng_msg_body(batch->here), batch->here_end);
	nng_msg_free(batch->here);
	batch->here = NULL;
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
	replies_drop(batch);
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
	return task->whole->envelope.memory_only && task->batch->here_end > REPLIES_BYTES_ENOUGH;
}

bool
batch_bursts(const struct task *task, size_t bytes)
{
	return task->whole->envelope.memory_only &&
	       task->batch->here_end + bytes > MESSAGE_BYTES_MAX - REPLIES_BYTES_SPARE;
}

/* What the items may take, so that they need not move: as much each as in the last batch. */
static size_t
replies_bytes_first(const struct batch *batch)
{
	const size_t each =
	    atomic_load_explicit(&batch->whole->server->batch_item_bytes, memory_order_relaxed);
	const size_t bytes = batch->count * (each + each / 8);

	return bytes < REPLIES_BYTES_FIRST_MIN   ? REPLIES_BYTES_FIRST_MIN
	       : bytes > REPLIES_BYTES_FIRST_MAX ? REPLIES_BYTES_FIRST_MAX
						 : bytes;
}

/* Room for so many bytes behind the answers that are there. */
static bool
replies_grow(struct batch *batch, size_t bytes)
{
	const size_t have = batch->here ? nng_msg_len(batch->here) : 0;
	const size_t need = batch->here_end + bytes;
	size_t size = have ? 2 * have : HEAD_BYTES_MAX + replies_bytes_first(batch);
	nng_msg *larger = NULL;

	if (need <= have)
		return true;
	if (size > MESSAGE_BYTES_MAX)
		size = MESSAGE_BYTES_MAX;
	if (size < need)
		size = need;
	/* Without memory for more, what it takes now. */
	if (nng_msg_alloc(&larger, size) != 0 && nng_msg_alloc(&larger, need) != 0)
		return false;
	if (batch->here)
		memcpy(nng_msg_body(larger), nng_msg_body(batch->here), batch->here_end);
	replies_drop(batch);
	batch->here = larger;
	return true;
}

uint8_t *
batch_item_room(struct task *task, size_t bytes)
{
	struct batch *batch = task->batch;
	struct batch_item *item = &batch->items[task->batch_index];
	const size_t size = wire_item_size(1, bytes);

	if (size > MESSAGE_BYTES_MAX - batch->here_end) {
		atomic_store(&batch->is_too_large, true);
		return NULL;
	}
	if (!replies_grow(batch, size))
		return NULL;
	uint8_t *start = nng_msg_body(batch->here);
	uint8_t *at = wire_put_item_head(start + batch->here_end, 1, bytes);
	item->offset = (size_t)(at - start);
	item->bytes = bytes;
	return at;
}

void
batch_item_packed(struct task *task)
{
	struct batch *batch = task->batch;
	const struct batch_item *item = &batch->items[task->batch_index];

	batch->here_end = item->offset + item->bytes;
	batch->here_count++;
	batch->spare = task;
	batch_item_done(batch);
}

/* Without a time that tells how much of it is alike: they may be different people's. */
static bool
is_same_text(struct slice a, struct slice b)
{
	return a.bytes == b.bytes && (a.data == b.data || slice_equals_secret(a, b));
}

bool
batch_knows(const struct task *task, struct principal *out)
{
	const struct credential_ask *ask = &task->ask;

	if (!task->batch || !task->in_callback || !ask->trust_memory)
		return false;
	const struct known *known = &task->batch->known[task->at];
	if (known->text.bytes == 0 || !is_same_text(known->text, ask->text) ||
	    strcmp(known->client_ip, ask->client_ip) != 0)
		return false;
	/* What was looked up for an item that wanted less may be older than that. */
	if (task->has_at_least && !slice_equals(known->at_least, task->envelope.at_least))
		return false;
	if (task->came_boot_us - known->came_us > KNOWN_US)
		return false;
	*out = known->principal;
	return true;
}

void
batch_learn(const struct task *task, const struct principal *principal)
{
	const struct credential_ask *ask = &task->ask;

	if (!task->batch || !task->in_callback || !ask->trust_memory)
		return;
	struct known *known = &task->batch->known[task->at];
	known->text = ask->text;
	known->at_least = task->envelope.at_least;
	known->came_us = task->came_boot_us;
	known->principal = *principal;
	(void)snprintf(known->client_ip, sizeof(known->client_ip), "%s", ask->client_ip);
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
	batch->here_end = HEAD_BYTES_MAX;
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
	if (batch->here_count > 0)
		atomic_store_explicit(&whole->server->batch_item_bytes,
		    (batch->here_end - HEAD_BYTES_MAX) / batch->here_count, memory_order_relaxed);
	/* Until the last item has its answer. */
	if (batch->here)
		work_hold(whole->work, whole->work->bytes + nng_msg_len(batch->here));
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
