#include "jobs/standard.h"

#define SWEEP_ROWS_MAX 1000
#define MONTHS_AHEAD 2

static status
run_receipts(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;
	struct spool_figures figures;

	TRY(spool_drain(standard->spool, run->conn, run->arena, &run->done));
	spool_get_figures(standard->spool, &figures);
	run->backlog = figures.slots_used;
	run->more = figures.slots_used > figures.slots_max / 2;
	return STATUS_OK;
}

static status
run_partitions(void *env, struct job_run *run)
{
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(STORE_QUERY(run->conn, STMT_JOBS_PARTITIONS, &rows, p_int(MONTHS_AHEAD)));
	run->done = row_int(&rows, 0, JOBS_PARTITIONS_MADE);
	return STATUS_OK;
}

static status
run_changes(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;
	int64_t nodes = 0;

	return feed_prune(standard->feed, run->conn, &run->done, &nodes);
}

static status
run_sweep(void *env, struct job_run *run)
{
	static const enum statement sweeps[] = {STMT_JOBS_SWEEP_SIGNUPS,
	    STMT_JOBS_SWEEP_REFRESH_TOKENS, STMT_JOBS_SWEEP_SESSIONS, STMT_JOBS_SWEEP_THROTTLES,
	    STMT_JOBS_SWEEP_IDEMPOTENCY, STMT_JOBS_SWEEP_QUOTA_USAGE, STMT_JOBS_SWEEP_READ_BATCHES,
	    STMT_JOBS_SWEEP_MAIL_OUTBOX};

	(void)env;
	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		ROWS_AUTO rows = {0};
		int64_t removed;

		TRY(STORE_QUERY(run->conn, sweeps[i], &rows, p_int(SWEEP_ROWS_MAX)));
		/* All sweeps answer one column, how many they removed. */
		removed = row_int(&rows, 0, 0);
		run->done += removed;
		run->more |= removed == SWEEP_ROWS_MAX;
	}
	return STATUS_OK;
}

static status
run_mail(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;

	TRY(outbox_drain(&standard->outbox, run->conn, run->arena, &run->done, &run->backlog));
	run->more = run->done == OUTBOX_DRAIN_MAX;
	return STATUS_OK;
}

static status
run_keyring(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;

	return keyring_ensure(standard->keyring, run->conn, run->arena);
}

static void
wake_receipts(void *jobs)
{
	jobs_wake(jobs, "receipts");
}

status
standard_jobs_add(struct jobs *jobs, struct standard_jobs *standard)
{
	/* First: nobody can log in before there is a key to sign with. */
	if (standard->keyring)
		TRY(jobs_add(
		    jobs, &(struct job){"keyring", 3600 * US_PER_S, false, run_keyring, standard}));
	if (standard->spool) {
		TRY(jobs_add(
		    jobs, &(struct job){"receipts", US_PER_S, false, run_receipts, standard}));
		spool_set_wake(standard->spool, wake_receipts, jobs);
	}
	TRY(jobs_add(
	    jobs, &(struct job){"partitions", 3600 * US_PER_S, true, run_partitions, standard}));
	if (standard->feed)
		TRY(jobs_add(
		    jobs, &(struct job){"changes", 10 * US_PER_S, false, run_changes, standard}));
	TRY(jobs_add(jobs, &(struct job){"sweep", 60 * US_PER_S, true, run_sweep, standard}));
	if (standard->outbox.deliver)
		TRY(jobs_add(jobs, &(struct job){"mail", US_PER_S / 2, false, run_mail, standard}));
	return STATUS_OK;
}
