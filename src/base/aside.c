#include "base/aside.h"

#include "base/wait.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Shared with its thread; the last of the two frees it. */
struct aside {
	struct aside_call call;
	void *work;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_ended, is_hurried, is_left;
};

/* Under way, or being discarded by their threads. Threads are the process's, so their number is. */
static atomic_int under_way;

static void
aside_free(struct aside *aside)
{
	aside->call.discard(aside->work);
	(void)pthread_cond_destroy(&aside->changed);
	(void)pthread_mutex_destroy(&aside->lock);
	free(aside);
}

static void *
run_aside(void *arg)
{
	struct aside *aside = arg;

	aside->call.run(aside->work);
	(void)pthread_mutex_lock(&aside->lock);
	const bool is_left = aside->is_left;
	aside->has_ended = true;
	if (!is_left)
		(void)atomic_fetch_sub(&under_way, 1);
	(void)pthread_cond_signal(&aside->changed);
	(void)pthread_mutex_unlock(&aside->lock);
	/* When its owner has it still, it may be gone by now. */
	if (is_left) {
		aside_free(aside);
		(void)atomic_fetch_sub(&under_way, 1);
	}
	return NULL;
}

static int
start_thread(struct aside *aside)
{
	sigset_t all, before;
	pthread_t thread;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	const int error = pthread_create(&thread, NULL, run_aside, aside);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		(void)pthread_detach(thread);
	return error;
}

status
aside_start(const struct aside_call *call, void *work, struct aside **out)
{
	struct aside *aside = calloc(1, sizeof(*aside));

	if (!aside) {
		call->discard(work);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	}
	aside->call = *call;
	aside->work = work;
	(void)pthread_mutex_init(&aside->lock, NULL);
	wait_cond_init(&aside->changed);
	if (atomic_fetch_add(&under_way, 1) >= ASIDE_MAX || start_thread(aside) != 0) {
		(void)atomic_fetch_sub(&under_way, 1);
		aside_free(aside);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no thread could be had");
	}
	*out = aside;
	return STATUS_OK;
}

bool
aside_wait(struct aside *aside, int64_t wait_us)
{
	struct timespec until;

	wait_deadline(wait_us, &until);
	(void)pthread_mutex_lock(&aside->lock);
	while (!aside->has_ended && !aside->is_hurried)
		if (pthread_cond_timedwait(&aside->changed, &aside->lock, &until) == ETIMEDOUT)
			break;
	const bool has_ended = aside->has_ended;
	(void)pthread_mutex_unlock(&aside->lock);
	return has_ended;
}

void
aside_hurry(struct aside *aside)
{
	(void)pthread_mutex_lock(&aside->lock);
	aside->is_hurried = true;
	(void)pthread_cond_signal(&aside->changed);
	(void)pthread_mutex_unlock(&aside->lock);
}

void *
aside_work(struct aside *aside)
{
	(void)pthread_mutex_lock(&aside->lock);
	assert(aside->has_ended);
	(void)pthread_mutex_unlock(&aside->lock);
	return aside->work;
}

void
aside_leave(struct aside **aside)
{
	struct aside *left = *aside;

	if (!left)
		return;
	*aside = NULL;
	(void)pthread_mutex_lock(&left->lock);
	left->is_left = true;
	const bool has_ended = left->has_ended;
	(void)pthread_mutex_unlock(&left->lock);
	if (has_ended)
		aside_free(left);
}

void
aside_exit(int code)
{
	if (atomic_load(&under_way) == 0)
		exit(code);
	(void)fflush(NULL);
	_exit(code);
}
