#include "rpc/lane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

#define RETRY_MS_MIN 50
#define RETRY_MS_MAX 5000
#define WORKER_NICE 5
/* A gathering has the time of who has least: who has less than that left goes with others that are
 * in a hurry. */
#define TOGETHER_LEFT_US (200 * US_PER_MS)
/* And who has less than that left goes alone: what ends for want of time ends for all. */
#define TOGETHER_LEFT_US_MIN (20 * US_PER_MS)
/* So many are looked at to find others of a kind. */
#define TOGETHER_LOOKS_MAX (2 * LANE_TOGETHER_MAX)
/* One in so many workers is at work on a kind in few hands: the rest of it waits to be gathered
 * for, and comes to its turn the sooner. A thread and a connection for each would cost all others
 * the processor. But two, for one waits for the database while the other one works. */
#define KIND_SHARE 4
#define KIND_HANDS_MIN 2

/* Exists while something of it waits or is worked on. */
struct lane_unit {
	uint64_t id;
	struct list bucket;
	struct list turn; /* in the round, while it has entries and is below its share of workers,
			   * or in its next entry's kind, while that has hands enough */
	struct list entries;
	int queued, busy;
	bool in_turn;
};

/* What is in few hands, and being worked on. */
struct lane_kind {
	uint64_t id;
	int hands;
	struct list turns; /* of units that come to their next entry when a hand of it is done */
};

struct lane_queue {
	struct lane_plan plan;
	int queue_share, worker_share, kind_share;
	pthread_mutex_t lock;
	pthread_cond_t work;
	atomic_bool is_stopping;
	int working; /* threads that have not come to their end */
	int queued, busy;
	int64_t done, refused, expired;
	int64_t mean_us; /* of one entry's work */
	struct list turns;
	struct lane_unit *units;
	size_t units_count;
	int units_waiting; /* that have something queued */
	struct list units_free;
	struct list *buckets;
	size_t buckets_count;
	struct lane_kind *kinds; /* as many as workers */
	pthread_t *threads;
	struct lane_worker *workers;
	int threads_count;
};

static int
share_of(int whole)
{
	const int share = whole - (whole + 3) / 4;

	return share < 1 ? 1 : share;
}

static struct list *
unit_bucket(struct lane_queue *lane, uint64_t id)
{
	return &lane->buckets[id & (lane->buckets_count - 1)];
}

static struct lane_unit *
unit_find(struct lane_queue *lane, uint64_t id)
{
	list_for_each (node, unit_bucket(lane, id)) {
		struct lane_unit *unit = container_of(node, struct lane_unit, bucket);
		if (unit->id == id)
			return unit;
	}
	return NULL;
}

/* There are as many units as can have something waiting or worked on. */
static struct lane_unit *
unit_make(struct lane_queue *lane, uint64_t id)
{
	struct list *node = list_take_first(&lane->units_free);

	if (!node)
		return NULL;
	struct lane_unit *unit = container_of(node, struct lane_unit, bucket);
	unit->id = id;
	unit->queued = unit->busy = 0;
	unit->in_turn = false;
	list_init(&unit->entries);
	list_init(&unit->turn);
	list_add_last(unit_bucket(lane, id), &unit->bucket);
	return unit;
}

/* true: it has come to a turn. */
static bool
unit_settle(struct lane_queue *lane, struct lane_unit *unit)
{
	const bool has_turn = unit->queued > 0 && unit->busy < lane->worker_share;
	const bool had_turn = unit->in_turn;

	if (has_turn && !had_turn)
		list_add_last(&lane->turns, &unit->turn);
	else if (!has_turn && had_turn)
		list_remove(&unit->turn);
	unit->in_turn = has_turn;
	if (unit->queued == 0 && unit->busy == 0) {
		list_remove(&unit->bucket);
		list_add_first(&lane->units_free, &unit->bucket);
	}
	return has_turn && !had_turn;
}

/* NULL: nothing of it is being worked on. */
static struct lane_kind *
kind_find(struct lane_queue *lane, uint64_t id)
{
	for (int i = 0; id != 0 && i < lane->plan.workers; i++)
		if (lane->kinds[i].hands > 0 && lane->kinds[i].id == id)
			return &lane->kinds[i];
	return NULL;
}

static void
kind_begin(struct lane_queue *lane, uint64_t id)
{
	struct lane_kind *kind = kind_find(lane, id);

	for (int i = 0; !kind && i < lane->plan.workers; i++)
		if (lane->kinds[i].hands == 0)
			kind = &lane->kinds[i];
	kind->id = id;
	kind->hands++;
}

static void
kind_end(struct lane_queue *lane, uint64_t id)
{
	struct lane_kind *kind = kind_find(lane, id);

	if (!kind)
		return;
	kind->hands--;
	/* It was their turn when they stood back. */
	list_move_all(&kind->turns, &lane->turns);
	list_move_all(&lane->turns, &kind->turns);
}

/* The unit whose turn it is, or NULL. Those for whose kind enough is done already stand back. */
static struct lane_unit *
unit_next(struct lane_queue *lane)
{
	while (!list_is_empty(&lane->turns)) {
		struct lane_unit *unit = container_of(lane->turns.next, struct lane_unit, turn);
		const struct lane_entry *first =
		    container_of(unit->entries.next, struct lane_entry, list);
		struct lane_kind *kind = first->in_few_hands ? kind_find(lane, first->kind) : NULL;

		if (!kind || kind->hands < lane->kind_share)
			return unit;
		list_remove(&unit->turn);
		list_add_last(&kind->turns, &unit->turn);
	}
	return NULL;
}

static void
lane_call(struct lane_queue *lane)
{
	if (unit_next(lane))
		(void)pthread_cond_signal(&lane->work);
}

/* How long until the queue has moved on by a good part. */
static uint32_t
retry_after(const struct lane_queue *lane)
{
	const int64_t ms = lane->mean_us * lane->queued / lane->plan.workers / 2 / US_PER_MS;

	return ms < RETRY_MS_MIN ? RETRY_MS_MIN : ms > RETRY_MS_MAX ? RETRY_MS_MAX : (uint32_t)ms;
}

static void
unit_queue(struct lane_queue *lane, struct lane_unit *unit, int more)
{
	lane->units_waiting -= unit->queued > 0;
	unit->queued += more;
	lane->units_waiting += unit->queued > 0;
	lane->queued += more;
}

/* The lane is full: the last entry of the unit that has most, if one that has so many may have it.
 * Whoever has its part already is not worth the search. */
static struct lane_entry *
entry_displace(struct lane_queue *lane, int queued)
{
	struct lane_unit *longest = &lane->units[0];

	if ((queued + 1) * lane->units_waiting >= lane->queued)
		return NULL;
	for (size_t i = 1; i < lane->units_count; i++)
		if (lane->units[i].queued > longest->queued)
			longest = &lane->units[i];
	if (longest->queued <= queued + 1)
		return NULL;
	struct list *node = longest->entries.prev;
	list_remove(node);
	unit_queue(lane, longest, -1);
	(void)unit_settle(lane, longest);
	return container_of(node, struct lane_entry, list);
}

/* Room for one more of the unit that has so many. *displaced: who has lost its place for it. */
static bool
room_make(struct lane_queue *lane, int queued, struct lane_entry **displaced)
{
	if (lane->is_stopping || queued >= lane->queue_share)
		return false;
	if (lane->queued < lane->plan.queue_max)
		return true;
	*displaced = entry_displace(lane, queued);
	return *displaced != NULL;
}

bool
lane_put(struct lane_queue *lane, struct lane_entry *entry, uint32_t *retry_after_ms)
{
	struct lane_entry *displaced = NULL;
	bool taken = false;

	entry->goes_alone = false;
	(void)pthread_mutex_lock(&lane->lock);
	struct lane_unit *unit = unit_find(lane, entry->unit);
	const bool has_room = room_make(lane, unit ? unit->queued : 0, &displaced);
	if (has_room && !unit)
		unit = unit_make(lane, entry->unit);
	if (has_room && unit) {
		entry->internal = unit;
		list_add_last(&unit->entries, &entry->list);
		unit_queue(lane, unit, 1);
		if (unit_settle(lane, unit))
			lane_call(lane);
		taken = true;
	}
	const uint32_t after_ms = retry_after(lane);
	lane->refused += !taken + (displaced != NULL);
	(void)pthread_mutex_unlock(&lane->lock);
	if (!taken)
		*retry_after_ms = after_ms;
	if (displaced)
		lane->plan.refuse(lane->plan.env, displaced, after_ms);
	return taken;
}

/* The next entry, of the unit whose turn it is. The lock is held; waits for one; NULL: stop. */
static struct lane_entry *
lane_take(struct lane_queue *lane)
{
	struct lane_unit *unit;

	while (!(unit = unit_next(lane))) {
		if (lane->is_stopping)
			return NULL;
		(void)pthread_cond_wait(&lane->work, &lane->lock);
	}
	/* To the end of the round, if it stays in it. */
	list_remove(&unit->turn);
	unit->in_turn = false;
	struct list *node = list_take_first(&unit->entries);
	unit_queue(lane, unit, -1);
	unit->busy++;
	lane->busy++;
	(void)unit_settle(lane, unit);
	struct lane_entry *entry = container_of(node, struct lane_entry, list);
	if (entry->in_few_hands)
		kind_begin(lane, entry->kind);
	return entry;
}

/* What a worker has in hand: first the one whose turn it was, then others of its kind, which are no
 * unit's any more. */
struct hand {
	struct lane_entry *entries[LANE_TOGETHER_MAX];
	size_t count;
	size_t looks;     /* left */
	int64_t hurry_us; /* whose deadline is before that is in a hurry */
	int64_t alone_us; /* and before that goes alone */
	bool is_hurried;
};

static void
unit_take_alike(struct lane_queue *lane, struct lane_unit *unit, struct hand *hand)
{
	for (struct list *node = unit->entries.next, *next; node != &unit->entries; node = next) {
		struct lane_entry *entry = container_of(node, struct lane_entry, list);

		if (hand->count == LANE_TOGETHER_MAX || hand->looks == 0)
			break;
		next = node->next;
		hand->looks--;
		if (entry->kind != hand->entries[0]->kind || entry->goes_alone ||
		    entry->deadline_us < hand->alone_us ||
		    (entry->deadline_us < hand->hurry_us) != hand->is_hurried)
			continue;
		list_remove(node);
		unit_queue(lane, unit, -1);
		entry->internal = NULL;
		hand->entries[hand->count++] = entry;
	}
	(void)unit_settle(lane, unit);
}

/* They don't wait for their unit's turn: what is had for the first one costs little more for all,
 * and the others come to theirs the sooner. The lock is held. */
static void
lane_take_alike(struct lane_queue *lane, struct hand *hand)
{
	const struct lane_entry *first = hand->entries[0];

	if (first->kind == 0 || first->goes_alone || !lane->plan.gather || lane->queued == 0)
		return;
	hand->looks = TOGETHER_LOOKS_MAX;
	const int64_t now_us = clock_boot_us(lane->plan.clock);
	hand->hurry_us = now_us + TOGETHER_LEFT_US;
	hand->alone_us = now_us + TOGETHER_LEFT_US_MIN;
	hand->is_hurried = first->deadline_us < hand->hurry_us;
	if (first->deadline_us < hand->alone_us)
		return;
	unit_take_alike(lane, first->internal, hand);
	for (struct list *node = lane->turns.next, *next; node != &lane->turns; node = next) {
		next = node->next;
		if (hand->count == LANE_TOGETHER_MAX || hand->looks == 0)
			break;
		unit_take_alike(lane, container_of(node, struct lane_unit, turn), hand);
	}
}

/* Back to where they were, each for itself. Who finds no place there any more stays in hand. */
static void
lane_put_back(struct lane_queue *lane, struct hand *hand)
{
	size_t kept = 1;

	(void)pthread_mutex_lock(&lane->lock);
	for (size_t i = hand->count; i-- > 1;) {
		struct lane_entry *entry = hand->entries[i];
		struct lane_unit *unit = unit_find(lane, entry->unit);

		if (!unit)
			unit = unit_make(lane, entry->unit);
		if (!unit)
			continue;
		entry->goes_alone = true;
		entry->internal = unit;
		list_add_first(&unit->entries, &entry->list);
		unit_queue(lane, unit, 1);
		(void)unit_settle(lane, unit);
		if (unit->in_turn) {
			/* It may stand back because of what was its next entry. */
			list_remove(&unit->turn);
			list_add_first(&lane->turns, &unit->turn);
		}
		hand->entries[i] = NULL;
	}
	lane_call(lane);
	(void)pthread_mutex_unlock(&lane->lock);
	for (size_t i = 1; i < hand->count; i++)
		if (hand->entries[i])
			hand->entries[kept++] = hand->entries[i];
	hand->count = kept;
}

/* Work on what is in hand; comes back with the lock. Stopping: who still waits is told so, without
 * having been worked on. */
static void
lane_do(struct lane_queue *lane, struct lane_worker *worker, struct hand *hand)
{
	const int64_t began_us = clock_boot_us(lane->plan.clock);
	struct lane_unit *unit = hand->entries[0]->internal;
	const uint64_t kind = hand->entries[0]->in_few_hands ? hand->entries[0]->kind : 0;
	const bool is_gathered = hand->count > 1 && !atomic_load(&lane->is_stopping);
	int64_t done = 0, now_us = began_us;

	if (is_gathered) {
		if (!lane->plan.gather(lane->plan.env, hand->entries, hand->count, worker))
			lane_put_back(lane, hand);
		arena_reset(&worker->arena);
		now_us = clock_boot_us(lane->plan.clock);
	}
	for (size_t i = 0; i < hand->count; i++) {
		struct lane_entry *entry = hand->entries[i];
		const bool is_late =
		    now_us >= entry->deadline_us || atomic_load(&lane->is_stopping);

		if (is_late)
			lane->plan.expire(lane->plan.env, entry);
		else
			lane->plan.work(lane->plan.env, entry, worker);
		/* The entry is the caller's again. */
		arena_reset(&worker->arena);
		done += !is_late;
		now_us = clock_boot_us(lane->plan.clock);
	}
	if (is_gathered && lane->plan.release)
		lane->plan.release(lane->plan.env, worker);
	(void)pthread_mutex_lock(&lane->lock);
	lane->expired += (int64_t)hand->count - done;
	if (done > 0)
		lane->mean_us += ((now_us - began_us) / done - lane->mean_us) / 16;
	lane->done += done;
	lane->busy--;
	unit->busy--;
	(void)unit_settle(lane, unit);
	if (kind != 0)
		kind_end(lane, kind);
}

static void *
lane_thread(void *arg)
{
	struct lane_worker *worker = arg;
	struct lane_queue *lane = worker->lane;
	struct lane_entry *entry;

	(void)pthread_setname_np(pthread_self(), lane->plan.name);
	/* Linux has a nice value a thread. */
	if (lane->plan.nice)
		(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORKER_NICE);
	(void)pthread_mutex_lock(&lane->lock);
	while ((entry = lane_take(lane))) {
		struct hand hand = {.entries = {entry}, .count = 1};

		lane_take_alike(lane, &hand);
		/* What is left may be another one's. */
		lane_call(lane);
		(void)pthread_mutex_unlock(&lane->lock);
		lane_do(lane, worker, &hand); /* comes back with the lock */
	}
	lane->working--;
	(void)pthread_mutex_unlock(&lane->lock);
	return NULL;
}

static status
lane_start(struct lane_queue *lane)
{
	lane->working = lane->plan.workers;
	for (int i = 0; i < lane->plan.workers; i++) {
		struct lane_worker *worker = &lane->workers[i];

		worker->lane = lane;
		list_init(&worker->kept);
		TRY(arena_init(&worker->arena, REQUEST_ARENA_BYTES_FIRST, REQUEST_ARENA_BYTES_MAX));
		if (pthread_create(&lane->threads[i], NULL, lane_thread, worker) != 0) {
			arena_done(&worker->arena);
			return REFUSE(ST_RESOURCE_EXHAUSTED, "no more threads");
		}
		lane->threads_count++;
	}
	return STATUS_OK;
}

static size_t
power_of_two(size_t least)
{
	size_t size = 8;

	while (size < least)
		size *= 2;
	return size;
}

status
lane_new(const struct lane_plan *plan, struct lane_queue **out)
{
	struct lane_queue *lane = calloc(1, sizeof(*lane));
	const size_t units = (size_t)plan->queue_max + (size_t)plan->workers;

	if (!lane)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a lane");
	lane->plan = *plan;
	lane->queue_share = share_of(plan->queue_max);
	lane->worker_share = share_of(plan->workers);
	lane->kind_share = plan->workers / KIND_SHARE;
	if (lane->kind_share < KIND_HANDS_MIN)
		lane->kind_share = KIND_HANDS_MIN;
	lane->mean_us = US_PER_MS;
	(void)pthread_mutex_init(&lane->lock, NULL);
	(void)pthread_cond_init(&lane->work, NULL);
	list_init(&lane->turns);
	list_init(&lane->units_free);
	lane->buckets_count = power_of_two(units);
	lane->buckets = calloc(lane->buckets_count, sizeof(*lane->buckets));
	lane->units = calloc(units, sizeof(*lane->units));
	lane->units_count = units;
	lane->threads = calloc((size_t)plan->workers, sizeof(*lane->threads));
	lane->workers = calloc((size_t)plan->workers, sizeof(*lane->workers));
	lane->kinds = calloc((size_t)plan->workers, sizeof(*lane->kinds));
	if (!lane->buckets || !lane->units || !lane->threads || !lane->workers || !lane->kinds) {
		lane_free(&lane);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a lane");
	}
	for (size_t i = 0; i < lane->buckets_count; i++)
		list_init(&lane->buckets[i]);
	for (int i = 0; i < plan->workers; i++)
		list_init(&lane->kinds[i].turns);
	for (size_t i = 0; i < units; i++)
		list_add_last(&lane->units_free, &lane->units[i].bucket);
	const status st = lane_start(lane);
	if (st.code != ST_OK) {
		lane_free(&lane);
		return st;
	}
	*out = lane;
	return STATUS_OK;
}

void
lane_end(struct lane_queue *lane)
{
	(void)pthread_mutex_lock(&lane->lock);
	atomic_store(&lane->is_stopping, true);
	(void)pthread_cond_broadcast(&lane->work);
	(void)pthread_mutex_unlock(&lane->lock);
}

bool
lane_has_ended(struct lane_queue *lane)
{
	(void)pthread_mutex_lock(&lane->lock);
	const bool has_ended = lane->working == 0;
	(void)pthread_mutex_unlock(&lane->lock);
	return has_ended;
}

void
lane_stop(struct lane_queue *lane)
{
	lane_end(lane);
	for (int i = 0; i < lane->threads_count; i++) {
		(void)pthread_join(lane->threads[i], NULL);
		arena_done(&lane->workers[i].arena);
	}
	lane->threads_count = 0;
}

void
lane_free(struct lane_queue **freed)
{
	struct lane_queue *lane = *freed;

	if (!lane)
		return;
	lane_stop(lane);
	(void)pthread_cond_destroy(&lane->work);
	(void)pthread_mutex_destroy(&lane->lock);
	free(lane->buckets);
	free(lane->units);
	free(lane->threads);
	free(lane->workers);
	free(lane->kinds);
	free(lane);
	*freed = NULL;
}

void
lane_get_state(struct lane_queue *lane, struct lane_state *out)
{
	(void)pthread_mutex_lock(&lane->lock);
	*out = (struct lane_state){lane->plan.workers, lane->busy, lane->queued,
	    lane->plan.queue_max, lane->done, lane->refused, lane->expired};
	(void)pthread_mutex_unlock(&lane->lock);
}
