#include "jobs/jobs.h"

#include "base/log.h"
#include "base/wait.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUN_DEADLINE_US (30 * US_PER_S)
/* A stop waits so long for the run that it meets, and as long for the last ones. */
#define STOP_US (1 * US_PER_S)
#define RETRY_US US_PER_S /* after a failure */
#define ARENA_BYTES_MAX (64u << 20)
/* How long the thread sleeps at most: then it looks at the clock again. */
#define SLEEP_US_MAX (200 * US_PER_MS)
#define LOCK_SPACE UINT64_C(0x75736865724a4f42)

struct slot {
	struct job job;
	int64_t due_us;     /* boottime */
	int64_t started_us; /* the run that began last; INT64_MIN: none did */
	struct job_figures figures;
};

/* A thread, and the jobs that are its own: those that are brief, or those that may take long. */
struct runner {
	struct jobs *jobs;
	bool is_long;
	struct arena arena;
	pthread_t thread;
	bool running;   /* the thread was started */
	bool has_ended; /* and has nothing more to do; the lock's */
};

struct jobs {
	struct store *store;
	const struct clock *clock;
	struct runner runners[JOBS_THREADS];
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool stop;
	struct slot slots[JOBS_MAX];
	size_t count;
};

static status
runners_init(struct jobs *jobs)
{
	for (size_t i = 0; i < JOBS_THREADS; i++) {
		struct runner *runner = &jobs->runners[i];

		TRY(arena_init(&runner->arena, 4096, ARENA_BYTES_MAX));
		runner->jobs = jobs;
		runner->is_long = i > 0;
	}
	return STATUS_OK;
}

static void
runners_done(struct jobs *jobs)
{
	for (size_t i = 0; i < JOBS_THREADS; i++) {
		assert(!jobs->runners[i].running);
		if (jobs->runners[i].jobs)
			arena_done(&jobs->runners[i].arena);
	}
}

status
jobs_new(struct store *store, const struct clock *clock, struct jobs **out)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));
	status st;

	if (!jobs)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the jobs");
	st = runners_init(jobs);
	if (st.code != ST_OK) {
		runners_done(jobs);
		free(jobs);
		return st;
	}
	jobs->store = store;
	jobs->clock = clock;
	pthread_mutex_init(&jobs->lock, NULL);
	wait_cond_init(&jobs->changed);
	*out = jobs;
	return STATUS_OK;
}

void
jobs_free(struct jobs **jobs)
{
	struct jobs *j = *jobs;

	if (!j)
		return;
	*jobs = NULL;
	runners_done(j);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->changed);
	free(j);
}

status
jobs_add(struct jobs *jobs, const struct job *job)
{
	struct slot *slot = &jobs->slots[jobs->count];

	if (jobs->count == JOBS_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "more jobs than there may be");
	*slot = (struct slot){
	    .job = *job,
	    .figures =
		{
		    .name = job->name,
		    .about = job->about,
		    .period_us = job->period_us,
		    .of_cluster = job->of_cluster,
		},
	};
	slot->due_us = clock_boot_us(jobs->clock);
	slot->started_us = INT64_MIN;
	jobs->count++;
	return STATUS_OK;
}

/* A transaction of the runner's. *claimed: nobody else is at it. */
static status
run_claimed(const struct job *job, struct job_run *run, bool *claimed)
{
	struct revision revision;
	ROWS_AUTO claim = {0};
	uint64_t key = hash_bytes(slice_text(job->name), LOCK_SPACE);
	status st;

	TRY(store_begin(run->conn));
	st = STORE_QUERY(run->conn, STMT_JOBS_CLAIM, &claim, p_int((int64_t)key));
	if (st.code == ST_OK) {
		*claimed = row_bool(&claim, 0, JOBS_CLAIM_CLAIMED);
		if (*claimed)
			st = job->run(job->env, run);
	}
	if (st.code != ST_OK) {
		store_rollback(run->conn);
		return st;
	}
	return store_commit(run->conn, &revision);
}

static int64_t
deadline(struct jobs *jobs, const struct job *job)
{
	int64_t timeout_us = job->timeout_us ? job->timeout_us : RUN_DEADLINE_US;

	return clock_boot_us(jobs->clock) + (jobs_are_stopping(jobs) ? STOP_US : timeout_us);
}

/* Part by part, to the end even if some fail: the first of those is *failed. */
static status
run_for_cluster(struct jobs *jobs, const struct job *job, struct job_run *run, const char **failed)
{
	const int64_t backlog_before = run->backlog;
	status first = STATUS_OK;
	bool claimed = true;

	run->backlog = 0;
	do {
		struct job_run part = *run;
		status st;

		store_set_deadline(part.conn, deadline(jobs, job));
		st = run_claimed(job, &part, &claimed);
		if (st.code == ST_OK) {
			*run = part;
		} else if (first.code == ST_OK) {
			first = st;
			*failed = job->parts ? job->parts[run->part] : NULL;
		}
		run->part++;
	} while (claimed && job->parts && job->parts[run->part] && !store_is_lost(run->conn) &&
		 !jobs_are_stopping(jobs));
	/* Of what failed, or another node has, it is not known that there is less. */
	if ((first.code != ST_OK || !claimed) && run->backlog < backlog_before)
		run->backlog = backlog_before;
	return first;
}

static status
run_leased(struct jobs *jobs, const struct job *job, struct job_run *run, const char **failed)
{
	status st;

	TRY(store_lease(jobs->store, deadline(jobs, job), &run->conn));
	st = job->of_cluster ? run_for_cluster(jobs, job, run, failed) : job->run(job->env, run);
	store_return(&run->conn);
	return st;
}

/* What comes once an hour does not wait an hour for the database to be back; but what others may
 * have to wait for is not tried again at once, unless parts that are well have more to do. */
static int64_t
retry_us(const struct job *job, const struct job_run *run, status st)
{
	bool soon = st.code == ST_UNAVAILABLE || run->more || !job->retry_us;
	int64_t pause_us = soon ? RETRY_US : job->retry_us;

	return pause_us < job->period_us ? pause_us : job->period_us;
}

static void
note(struct jobs *jobs, struct slot *slot, const struct job_run *run, status st, const char *failed,
    int64_t start_us)
{
	struct job_figures *figures = &slot->figures;
	bool failed_before, is_meant;

	pthread_mutex_lock(&jobs->lock);
	failed_before = figures->last_error[0] != '\0';
	/* A stop takes the database from who waits for it. */
	is_meant = jobs->stop && st.code == ST_UNAVAILABLE;
	figures->last_started_us = start_us;
	figures->last_run_at_us = clock_now_us(jobs->clock);
	figures->last_duration_us = clock_boot_us(jobs->clock) - start_us;
	figures->runs++;
	figures->done += run->done;
	figures->backlog = run->backlog;
	if (st.code == ST_OK) {
		figures->last_error[0] = '\0';
	} else {
		figures->errors++;
		snprintf(figures->last_error, sizeof(figures->last_error), "%s%s%s",
		    failed ? failed : "", failed ? ": " : "", st.message ? st.message : "");
	}
	if (st.code == ST_OK && run->more)
		slot->due_us = clock_boot_us(jobs->clock);
	if (st.code != ST_OK)
		slot->due_us = clock_boot_us(jobs->clock) + retry_us(&slot->job, run, st);
	pthread_mutex_unlock(&jobs->lock);
	/* A database that is away would fill the log: the first failure is enough. */
	if (st.code != ST_OK && !failed_before && !is_meant)
		log_event(LOG_WARN, "job_failed", "job", slot->job.name, "code",
		    status_code_name(st.code), "why", st.message, failed ? "part" : NULL, failed,
		    NULL);
}

static status
run_slot(struct runner *runner, struct slot *slot)
{
	struct jobs *jobs = runner->jobs;
	struct job_run run = {.arena = &runner->arena};
	int64_t start_us = clock_boot_us(jobs->clock);
	const char *failed = NULL;
	status st;

	pthread_mutex_lock(&jobs->lock);
	slot->due_us = start_us + slot->job.period_us;
	slot->started_us = start_us;
	run.backlog = slot->figures.backlog;
	pthread_mutex_unlock(&jobs->lock);
	st = run_leased(jobs, &slot->job, &run, &failed);
	note(jobs, slot, &run, st, failed, start_us);
	arena_reset(&runner->arena);
	return st;
}

/* The one that is due for longest; NULL, and *wait_us, when none is. With the lock. */
static struct slot *
next_due(struct runner *runner, int64_t *wait_us)
{
	struct jobs *jobs = runner->jobs;
	int64_t now_us = clock_boot_us(jobs->clock);
	struct slot *first = NULL;

	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->slots[i].job.is_long == runner->is_long &&
		    (!first || jobs->slots[i].due_us < first->due_us))
			first = &jobs->slots[i];
	if (first && first->due_us <= now_us)
		return first;
	*wait_us = SLEEP_US_MAX;
	if (first && first->due_us - now_us < *wait_us)
		*wait_us = first->due_us - now_us;
	return NULL;
}

static void
sleep_for(struct jobs *jobs, int64_t wait_us)
{
	struct timespec until;

	wait_deadline(wait_us, &until);
	pthread_cond_timedwait(&jobs->changed, &jobs->lock, &until);
}

static void *
work(void *env)
{
	struct runner *runner = env;
	struct jobs *jobs = runner->jobs;

	(void)pthread_setname_np(pthread_self(), runner->is_long ? "jobs-long" : "jobs");
	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stop) {
		int64_t wait_us = 0;
		struct slot *slot = next_due(runner, &wait_us);

		if (!slot) {
			sleep_for(jobs, wait_us);
			continue;
		}
		pthread_mutex_unlock(&jobs->lock);
		/* A failure is in the figures and in the log. */
		(void)run_slot(runner, slot).code;
		pthread_mutex_lock(&jobs->lock);
	}
	runner->has_ended = true;
	pthread_cond_broadcast(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

status
jobs_start(struct jobs *jobs)
{
	jobs->stop = false;
	for (size_t i = 0; i < JOBS_THREADS; i++) {
		struct runner *runner = &jobs->runners[i];

		runner->has_ended = false;
		if (pthread_create(&runner->thread, NULL, work, runner) != 0) {
			jobs_stop(jobs);
			return REFUSE(ST_RESOURCE_EXHAUSTED, "no thread for the jobs");
		}
		runner->running = true;
	}
	return STATUS_OK;
}

/* A run that waits for somebody's lock would hold up the stop: its connection is cut. */
static void
runner_join(struct runner *runner, const struct timespec *until)
{
	struct jobs *jobs = runner->jobs;

	if (!runner->running)
		return;
	pthread_mutex_lock(&jobs->lock);
	while (!runner->has_ended)
		if (pthread_cond_timedwait(&jobs->changed, &jobs->lock, until) != 0)
			break;
	const bool has_ended = runner->has_ended;
	pthread_mutex_unlock(&jobs->lock);
	if (!has_ended)
		store_cut(jobs->store);
	pthread_join(runner->thread, NULL);
	runner->running = false;
}

void
jobs_stop(struct jobs *jobs)
{
	struct timespec until;

	pthread_mutex_lock(&jobs->lock);
	jobs->stop = true;
	pthread_cond_broadcast(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
	store_cut_if_away(jobs->store);
	wait_deadline(STOP_US, &until);
	for (size_t i = 0; i < JOBS_THREADS; i++)
		runner_join(&jobs->runners[i], &until);
}

bool
jobs_are_stopping(struct jobs *jobs)
{
	bool stop;

	pthread_mutex_lock(&jobs->lock);
	stop = jobs->stop;
	pthread_mutex_unlock(&jobs->lock);
	return stop;
}

static struct slot *
find(struct jobs *jobs, struct slice name)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (slice_equals_text(name, jobs->slots[i].job.name))
			return &jobs->slots[i];
	return NULL;
}

void
jobs_wake_since(struct jobs *jobs, const char *name, int64_t since_us)
{
	struct slot *slot;
	int64_t now_us = clock_boot_us(jobs->clock);

	pthread_mutex_lock(&jobs->lock);
	slot = find(jobs, slice_text(name));
	/* Not before those that have been due for longer. */
	if (slot && slot->started_us < since_us && slot->due_us > now_us)
		slot->due_us = now_us;
	/* Whose it is, each of the threads finds out itself. */
	pthread_cond_broadcast(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
}

void
jobs_wake(struct jobs *jobs, const char *name)
{
	jobs_wake_since(jobs, name, INT64_MAX);
}

status
jobs_run_now(struct jobs *jobs, const char *name)
{
	struct slot *slot = find(jobs, slice_text(name));
	struct runner *runner;

	assert(slot);
	runner = &jobs->runners[slot->job.is_long];
	assert(!runner->running);
	return run_slot(runner, slot);
}

size_t
jobs_get_figures(struct jobs *jobs, struct job_figures out[JOBS_MAX])
{
	size_t count;

	pthread_mutex_lock(&jobs->lock);
	count = jobs->count;
	for (size_t i = 0; i < count; i++)
		out[i] = jobs->slots[i].figures;
	pthread_mutex_unlock(&jobs->lock);
	return count;
}

bool
jobs_get_figures_of(struct jobs *jobs, struct slice name, struct job_figures *out)
{
	struct slot *slot;

	pthread_mutex_lock(&jobs->lock);
	slot = find(jobs, name);
	if (slot)
		*out = slot->figures;
	pthread_mutex_unlock(&jobs->lock);
	return slot != NULL;
}
