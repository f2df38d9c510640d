/* jobs.h - everything that runs by itself: one shape, two threads, figures for each.
 *
 * A job runs every period, for one bounded batch; when it says that there is more, it runs again at
 * once, after the others had their turn. A job of the cluster runs in transactions that the runner
 * opens and commits, one for each of its parts, and only if this node gets the job's advisory lock:
 * the others pass.
 * Jobs that may take long have a thread of their own, so that receipts and mail need not wait.
 * Threads: jobs_add() before jobs_start(); jobs_wake() and jobs_get_figures(), and what is like
 * them, from any.
 * Blocks: jobs_stop(), until the jobs that run have ended; one that takes longer than a second
 * loses its connections, and its transaction with them. */
#ifndef USHER_JOBS_JOBS_H
#define USHER_JOBS_JOBS_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/store.h"

#define JOBS_MAX 16
#define JOBS_THREADS 2 /* each with a connection */
#define JOB_ERROR_BYTES 160

struct jobs;

/* One run, as the job sees it. */
struct job_run {
	struct store_conn *conn;
	struct arena *arena; /* reset behind the run */
	int64_t done;        /* what the run did, in the job's own unit */
	int64_t backlog;     /* what it knows to be left; until it does: what the last run knew */
	bool more;           /* run again soon */
	size_t part;         /* which of the job's */
};

struct job {
	const char *name;  /* "receipts" */
	const char *about; /* what it does, for people */
	int64_t period_us;
	int64_t retry_us;   /* after a failure; 0, the database is away, there is more: a second */
	int64_t timeout_us; /* of a transaction; 0: 30 s */
	bool of_cluster;
	bool is_long; /* on the thread of those that may take long */
	/* Of a job of the cluster: run() is called for each, in a transaction of its own, adds to
	 * the others' backlog, and when it fails undoes and holds up none. NULL behind the last;
	 * NULL: it is all one. */
	const char *const *parts;
	status (*run)(void *env, struct job_run *run);
	void *env;
};

struct job_figures {
	const char *name, *about;
	int64_t period_us;
	bool of_cluster;
	int64_t last_started_us; /* boottime, of the last run that ended */
	int64_t last_run_at_us;  /* realtime, of its end; 0: never */
	int64_t last_duration_us;
	int64_t runs, errors, done, backlog;
	char last_error[JOB_ERROR_BYTES]; /* "" when the last run was good */
};

/* store and clock are borrowed. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status jobs_new(struct store *store, const struct clock *clock, struct jobs **out);
void jobs_free(struct jobs **jobs); /* after jobs_stop() */
/* Errors: RESOURCE_EXHAUSTED (JOBS_MAX). */
MUST_USE status jobs_add(struct jobs *jobs, const struct job *job);

/* Errors: RESOURCE_EXHAUSTED (no thread). The database may be away. */
MUST_USE status jobs_start(struct jobs *jobs);
void jobs_stop(struct jobs *jobs);
/* What takes long ends its run early then. */
bool jobs_are_stopping(struct jobs *jobs);
/* Run that job soon, and again if it runs already; nothing happens when there is none of that name.
 * Does not block. */
void jobs_wake(struct jobs *jobs, const char *name);
/* The same, but for one that began to run since then (boottime). */
void jobs_wake_since(struct jobs *jobs, const char *name, int64_t since_us);
/* Run that job now, in the caller's thread: for tests, and for the last drain before the end.
 * Not while the thread runs. Errors: the job's. */
MUST_USE status jobs_run_now(struct jobs *jobs, const char *name);

/* Returns how many were written to out. */
size_t jobs_get_figures(struct jobs *jobs, struct job_figures out[JOBS_MAX]);
/* One job's; false when there is none of that name. */
bool jobs_get_figures_of(struct jobs *jobs, struct slice name, struct job_figures *out);

#endif
