#include "rpc/timer.h"

#include "base/wait.h"

#include <pthread.h>
#include <stdlib.h>

struct timers {
	const struct clock *clock;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool is_stopping;
	/* A binary heap, the earliest first. */
	struct timer_entry **heap;
	size_t count, room;
};

static void
heap_swap(struct timers *timers, size_t a, size_t b)
{
	struct timer_entry *entry = timers->heap[a];

	timers->heap[a] = timers->heap[b];
	timers->heap[b] = entry;
}

static void
heap_up(struct timers *timers, size_t at)
{
	while (at > 0) {
		const size_t parent = (at - 1) / 2;
		if (timers->heap[parent]->due_us <= timers->heap[at]->due_us)
			return;
		heap_swap(timers, parent, at);
		at = parent;
	}
}

static void
heap_down(struct timers *timers)
{
	size_t at = 0;

	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < timers->count &&
			    timers->heap[child]->due_us < timers->heap[least]->due_us)
				least = child;
		if (least == at)
			return;
		heap_swap(timers, least, at);
		at = least;
	}
}

static struct timer_entry *
heap_take(struct timers *timers)
{
	struct timer_entry *first = timers->heap[0];

	timers->heap[0] = timers->heap[--timers->count];
	heap_down(timers);
	return first;
}

/* The clock may be a test's, so the wait is relative, and never long. */
#define WAIT_US_MAX (US_PER_S / 2)

static void
wait_until(struct timers *timers, int64_t due_us)
{
	struct timespec until;
	int64_t wait_us = due_us - clock_boot_us(timers->clock);

	if (wait_us <= 0)
		return;
	if (wait_us > WAIT_US_MAX)
		wait_us = WAIT_US_MAX;
	wait_deadline(wait_us, &until);
	(void)pthread_cond_timedwait(&timers->changed, &timers->lock, &until);
}

static void *
timers_thread(void *arg)
{
	struct timers *timers = arg;

	(void)pthread_setname_np(pthread_self(), "timers");
	(void)pthread_mutex_lock(&timers->lock);
	for (;;) {
		if (timers->count == 0 && timers->is_stopping)
			break;
		if (timers->count == 0) {
			(void)pthread_cond_wait(&timers->changed, &timers->lock);
			continue;
		}
		const int64_t due_us = timers->heap[0]->due_us;
		if (!timers->is_stopping && clock_boot_us(timers->clock) < due_us) {
			wait_until(timers, due_us);
			continue;
		}
		struct timer_entry *entry = heap_take(timers);
		(void)pthread_mutex_unlock(&timers->lock);
		entry->fire(entry);
		(void)pthread_mutex_lock(&timers->lock);
	}
	(void)pthread_mutex_unlock(&timers->lock);
	return NULL;
}

status
timers_new(const struct clock *clock, size_t entries, struct timers **out)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for timers");
	timers->clock = clock;
	timers->room = entries ? entries : 1;
	timers->heap = calloc(timers->room, sizeof(struct timer_entry *));
	(void)pthread_mutex_init(&timers->lock, NULL);
	wait_cond_init(&timers->changed);
	if (!timers->heap || pthread_create(&timers->thread, NULL, timers_thread, timers) != 0) {
		free(timers->heap);
		free(timers);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for timers");
	}
	*out = timers;
	return STATUS_OK;
}

void
timers_stop(struct timers *timers)
{
	(void)pthread_mutex_lock(&timers->lock);
	const bool was_stopping = timers->is_stopping;
	timers->is_stopping = true;
	(void)pthread_cond_broadcast(&timers->changed);
	(void)pthread_mutex_unlock(&timers->lock);
	if (!was_stopping)
		(void)pthread_join(timers->thread, NULL);
}

void
timers_free(struct timers **freed)
{
	struct timers *timers = *freed;

	if (!timers)
		return;
	timers_stop(timers);
	(void)pthread_cond_destroy(&timers->changed);
	(void)pthread_mutex_destroy(&timers->lock);
	free(timers->heap);
	free(timers);
	*freed = NULL;
}

static bool
heap_grow(struct timers *timers)
{
	if (timers->count < timers->room)
		return true;
	struct timer_entry **heap =
	    realloc(timers->heap, 2 * timers->room * sizeof(struct timer_entry *));
	if (!heap)
		return false;
	timers->heap = heap;
	timers->room *= 2;
	return true;
}

status
timers_add(struct timers *timers, struct timer_entry *entry)
{
	status st = STATUS_OK;

	(void)pthread_mutex_lock(&timers->lock);
	if (timers->is_stopping) {
		st = REFUSE(ST_CANCELLED, "the timers are stopped");
	} else if (!heap_grow(timers)) {
		st = REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a timer");
	} else {
		timers->heap[timers->count++] = entry;
		heap_up(timers, timers->count - 1);
		if (timers->heap[0] == entry)
			(void)pthread_cond_signal(&timers->changed);
	}
	(void)pthread_mutex_unlock(&timers->lock);
	return st;
}
