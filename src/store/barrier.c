/* The watcher's table of nodes belongs to the feed's thread; the lists of waiters to everybody,
 * under the lock. A waiter that comes while usher.nodes is being read is not judged by that read: a
 * node may have begun since, and not be in it. */
#include "store/barrier.h"

#include "store/lease.h"
#include "store/snapshot.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define NODES_MAX 1024

struct node {
	struct uuid id;
	int64_t renewals;
	int64_t counted_at_us; /* when it was first seen at that count; boottime */
	bool is_alive, is_listed;
	uint64_t epoch;
	struct snapshot snapshot;
};

struct barrier {
	const struct clock *clock;

	pthread_mutex_t lock;
	struct list fresh, waiting, passed;
	void (*wake)(void *env);
	void *wake_env;

	struct node nodes[NODES_MAX];
	size_t nodes_count;
	atomic_int live;
	int64_t held_until_us;
};

status
barrier_new(const struct clock *clock, struct barrier **out)
{
	struct barrier *barrier = calloc(1, sizeof *barrier);

	if (!barrier)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for barriers");
	barrier->clock = clock;
	barrier->held_until_us = INT64_MIN;
	pthread_mutex_init(&barrier->lock, NULL);
	list_init(&barrier->fresh);
	list_init(&barrier->waiting);
	list_init(&barrier->passed);
	*out = barrier;
	return STATUS_OK;
}

static void
append_all(struct list *to, struct list *from)
{
	struct list *node;

	while ((node = list_take_first(from)))
		list_add_last(to, node);
}

/* Call done() for all that have passed, one at a time: others may still be cancelled. */
static void
answer_passed(struct barrier *barrier)
{
	struct list *node;

	pthread_mutex_lock(&barrier->lock);
	while ((node = list_take_first(&barrier->passed))) {
		struct barrier_waiter *waiter = container_of(node, struct barrier_waiter, internal);
		pthread_mutex_unlock(&barrier->lock);
		waiter->done(waiter);
		pthread_mutex_lock(&barrier->lock);
	}
	pthread_mutex_unlock(&barrier->lock);
}

void
barrier_free(struct barrier **barrier_pointer)
{
	struct barrier *barrier = *barrier_pointer;

	if (!barrier)
		return;
	*barrier_pointer = NULL;
	assert(!barrier_has_waiters(barrier));
	for (size_t i = 0; i < barrier->nodes_count; i++)
		snapshot_done(&barrier->nodes[i].snapshot);
	pthread_mutex_destroy(&barrier->lock);
	free(barrier);
}

void
barrier_set_wake(struct barrier *barrier, void (*wake)(void *env), void *env)
{
	barrier->wake = wake;
	barrier->wake_env = env;
}

void
barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter)
{
	pthread_mutex_lock(&barrier->lock);
	list_add_last(&barrier->fresh, &waiter->internal);
	pthread_mutex_unlock(&barrier->lock);
	if (barrier->wake)
		barrier->wake(barrier->wake_env);
}

bool
barrier_cancel(struct barrier *barrier, struct barrier_waiter *waiter)
{
	pthread_mutex_lock(&barrier->lock);
	bool was_waiting = !list_is_empty(&waiter->internal);
	list_remove(&waiter->internal);
	pthread_mutex_unlock(&barrier->lock);
	return was_waiting;
}

bool
barrier_has_waiters(struct barrier *barrier)
{
	pthread_mutex_lock(&barrier->lock);
	bool has = !list_is_empty(&barrier->fresh) || !list_is_empty(&barrier->waiting);
	pthread_mutex_unlock(&barrier->lock);
	return has;
}

int
barrier_live_nodes(struct barrier *barrier)
{
	return atomic_load(&barrier->live);
}

size_t
barrier_dead_nodes(struct barrier *barrier, struct uuid *ids, int64_t *renewals, size_t max)
{
	int64_t now_us = clock_boot_us(barrier->clock);
	size_t count = 0;

	pthread_mutex_lock(&barrier->lock);
	for (size_t i = 0; i < barrier->nodes_count && count < max; i++) {
		const struct node *node = &barrier->nodes[i];
		if (node->is_alive || now_us - node->counted_at_us < BARRIER_FORGET_US)
			continue;
		ids[count] = node->id;
		renewals[count++] = node->renewals;
	}
	pthread_mutex_unlock(&barrier->lock);
	return count;
}

void
barrier_hold(struct barrier *barrier)
{
	barrier->held_until_us = clock_boot_us(barrier->clock) + LEASE_DEAD_US;
}

static struct node *
node_find(struct barrier *barrier, const struct uuid *id)
{
	for (size_t i = 0; i < barrier->nodes_count; i++)
		if (uuid_equals(&barrier->nodes[i].id, id))
			return &barrier->nodes[i];
	return NULL;
}

static status
node_add(struct barrier *barrier, const struct uuid *id, struct node **out)
{
	if (barrier->nodes_count == NODES_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "more nodes than a barrier can watch");
	*out = &barrier->nodes[barrier->nodes_count++];
	**out = (struct node){.id = *id, .renewals = -1};
	return STATUS_OK;
}

/* What a row says of its node. asked_at_us: before the statement; it stood at that count at least
 * from when that was first seen until then. */
static status
node_take(struct barrier *barrier, const struct rows *rows, int row, int64_t asked_at_us,
    struct node *node)
{
	int64_t renewals = row_int(rows, row, FEED_NODES_RENEWALS);

	if (node->renewals != renewals) {
		node->renewals = renewals;
		node->counted_at_us = clock_boot_us(barrier->clock);
	}
	node->is_alive = asked_at_us - node->counted_at_us < LEASE_DEAD_US;
	node->is_listed = true;
	node->epoch = (uint64_t)row_int(rows, row, FEED_NODES_EPOCH);
	if (row_is_null(rows, row, FEED_NODES_SNAPSHOT)) {
		snapshot_done(&node->snapshot);
		return STATUS_OK;
	}
	return snapshot_parse(row_slice(rows, row, FEED_NODES_SNAPSHOT), &node->snapshot);
}

static status
take_known(struct barrier *barrier, const struct rows *rows, int64_t asked_at_us)
{
	for (size_t i = 0; i < barrier->nodes_count; i++)
		barrier->nodes[i].is_listed = false;
	for (int row = 0; row < rows->count; row++) {
		struct uuid id = row_uuid(rows, row, FEED_NODES_ID);
		struct node *node = node_find(barrier, &id);

		if (node)
			TRY(node_take(barrier, rows, row, asked_at_us, node));
	}
	return STATUS_OK;
}

/* Nodes without a row have stopped cleanly, or were dead for long. */
static void
forget_unlisted(struct barrier *barrier)
{
	size_t kept = 0;

	for (size_t i = 0; i < barrier->nodes_count; i++) {
		if (barrier->nodes[i].is_listed)
			barrier->nodes[kept++] = barrier->nodes[i];
		else
			snapshot_done(&barrier->nodes[i].snapshot);
	}
	barrier->nodes_count = kept;
}

static status
take_new(struct barrier *barrier, const struct rows *rows, int64_t asked_at_us)
{
	for (int row = 0; row < rows->count; row++) {
		struct uuid id = row_uuid(rows, row, FEED_NODES_ID);
		struct node *node;

		if (node_find(barrier, &id))
			continue;
		TRY(node_add(barrier, &id, &node));
		TRY(node_take(barrier, rows, row, asked_at_us, node));
	}
	return STATUS_OK;
}

/* Does this node obey that change? */
static bool
node_has_passed(const struct node *node, const struct revision *revision, uint64_t epoch)
{
	if (!node->is_alive)
		return true;
	if (node->epoch != epoch || !node->snapshot.running)
		return false;
	return snapshot_sees(&node->snapshot, revision->xid);
}

/* place: where the nodes were read. */
static bool
has_passed(
    const struct barrier *barrier, const struct revision *revision, const struct store_place *place)
{
	if (revision->epoch != place->epoch ||
	    revision->server_started_at_us != place->started_at_us)
		return false;
	for (size_t i = 0; i < barrier->nodes_count; i++)
		if (!node_has_passed(&barrier->nodes[i], revision, place->epoch))
			return false;
	return true;
}

/* Those that are gone make room before any is added: with more rows than there is room for, the
 * dead that have it are pruned, and others get their places, until all have one. */
static status
take_nodes(struct barrier *barrier, const struct rows *rows, int64_t asked_at_us)
{
	int live = 0;
	status st;

	pthread_mutex_lock(&barrier->lock);
	st = take_known(barrier, rows, asked_at_us);
	if (st.code == ST_OK) {
		forget_unlisted(barrier);
		st = take_new(barrier, rows, asked_at_us);
	}
	for (size_t i = 0; i < barrier->nodes_count; i++)
		live += barrier->nodes[i].is_alive;
	atomic_store(&barrier->live, live);
	pthread_mutex_unlock(&barrier->lock);
	return st;
}

status
barrier_read(struct barrier *barrier, struct store_conn *conn, const struct store_place *place)
{
	int64_t asked_at_us = clock_boot_us(barrier->clock);
	ROWS_AUTO rows = {0};

	assert(place->epoch);
	pthread_mutex_lock(&barrier->lock);
	append_all(&barrier->waiting, &barrier->fresh);
	pthread_mutex_unlock(&barrier->lock);
	TRY(store_query(conn, STMT_FEED_NODES, NULL, 0, &rows));
	TRY(take_nodes(barrier, &rows, asked_at_us));
	if (asked_at_us < barrier->held_until_us)
		return STATUS_OK;
	pthread_mutex_lock(&barrier->lock);
	list_for_each_safe (node, &barrier->waiting) {
		struct barrier_waiter *waiter = container_of(node, struct barrier_waiter, internal);
		if (has_passed(barrier, &waiter->revision, place)) {
			list_remove(node);
			list_add_last(&barrier->passed, node);
		}
	}
	pthread_mutex_unlock(&barrier->lock);
	answer_passed(barrier);
	return STATUS_OK;
}
