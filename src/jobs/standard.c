#include "jobs/standard.h"

#include "base/log.h"
#include "store/barrier.h"

#define SWEEP_ROWS_MAX 1000
#define SWEEP_OPERATIONS_MAX 20 /* each with its results, which may be many */
/* Tens of milliseconds' work: receipts and mail wait on the same thread. */
#define CHANGES_PRUNED_MAX 10000
#define CHANGES_COUNTED_MAX 100000
/* What is left is counted so far, of each table: in milliseconds, however large it is. */
#define ROWS_COUNTED_MAX 10000
#define MONTHS_AHEAD 2
#define FINISH_US (3 * US_PER_S)
/* Each try keeps others from the default partition for an instant; for how long, when it has many
 * rows to be looked through, is bounded too. */
#define PARTITIONS_RETRY_US (300 * US_PER_S)
#define PARTITIONS_TIMEOUT_US (5 * US_PER_S)

static status
run_receipts(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;
	struct spool_figures figures;
	status st = spool_drain(standard->spool, run->conn, run->arena, &run->done);

	/* Nobody knows how many are in a file that is left over: each counts as one. */
	spool_get_figures(standard->spool, &figures);
	run->backlog = figures.slots_used + figures.slots_sealed + figures.left_over;
	run->more = figures.has_sealed || figures.left_over > 0 ||
		    figures.slots_used > figures.slots_max / 2;
	return st;
}

static const char *const partitioned[] = {"turns", "reads", NULL};

static status
run_partitions(void *env, struct job_run *run)
{
	(void)env;
	for (int month = 0; month <= MONTHS_AHEAD; month++) {
		ROWS_AUTO rows = {0};

		TRY(STORE_QUERY(run->conn, STMT_JOBS_PARTITION, &rows,
		    p_text(partitioned[run->part]), p_int(month)));
		run->done += row_int(&rows, 0, JOBS_PARTITION_MADE);
	}
	return STATUS_OK;
}

static status
run_changes(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;
	int64_t nodes = 0;
	ROWS_AUTO rows = {0};

	TRY(feed_prune(standard->feed, run->conn, CHANGES_PRUNED_MAX, &run->done, &nodes));
	run->more = run->done >= CHANGES_PRUNED_MAX;
	if (nodes > 0)
		log_event(LOG_INFO, "dead_nodes_removed", "count", log_number(nodes), NULL);
	run->done += nodes;
	TRY(STORE_QUERY(run->conn, STMT_JOBS_CHANGES_LEFT, &rows, p_int(CHANGES_COUNTED_MAX),
	    p_int(BARRIER_FORGET_US / US_PER_S)));
	run->backlog = row_int(&rows, 0, JOBS_CHANGES_LEFT_CHANGES) +
		       row_int(&rows, 0, JOBS_CHANGES_LEFT_NODES);
	return STATUS_OK;
}

/* What removes rows answers how many it removed, and then how many are due besides. */
static void
note_removed(struct job_run *run, const struct rows *rows, int64_t rows_max)
{
	int64_t removed = row_int(rows, 0, 0);

	run->done += removed;
	run->more |= removed == rows_max;
	run->backlog += row_int(rows, 0, 1);
}

static const char *const swept[] = {"signups", "refresh_tokens", "sessions", "throttles",
    "idempotency", "quota_usage", "read_batches", "mail_outbox", "operations", NULL};
static const struct {
	enum statement statement;
	int64_t rows_max;
} sweeps[] = {
    {STMT_JOBS_SWEEP_SIGNUPS, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_REFRESH_TOKENS, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_SESSIONS, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_THROTTLES, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_IDEMPOTENCY, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_QUOTA_USAGE, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_READ_BATCHES, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_MAIL_OUTBOX, SWEEP_ROWS_MAX},
    {STMT_JOBS_SWEEP_OPERATIONS, SWEEP_OPERATIONS_MAX},
};
_Static_assert(sizeof(swept) / sizeof(swept[0]) == sizeof(sweeps) / sizeof(sweeps[0]) + 1,
    "a name for each statement");

static status
run_sweep(void *env, struct job_run *run)
{
	int64_t rows_max = sweeps[run->part].rows_max;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(STORE_QUERY(run->conn, sweeps[run->part].statement, &rows, p_int(rows_max),
	    p_int(ROWS_COUNTED_MAX)));
	note_removed(run, &rows, rows_max);
	return STATUS_OK;
}

/* seconds: 0 keeps all. */
static status
retain_by_age(struct job_run *run, enum statement statement, int64_t seconds)
{
	ROWS_AUTO rows = {0};

	if (seconds == 0)
		return STATUS_OK;
	TRY(STORE_QUERY(run->conn, statement, &rows, p_int(SWEEP_ROWS_MAX), p_int(ROWS_COUNTED_MAX),
	    p_int(seconds)));
	note_removed(run, &rows, SWEEP_ROWS_MAX);
	return STATUS_OK;
}

static status
retain_addresses(struct standard_jobs *standard, struct job_run *run)
{
	return retain_by_age(run, STMT_JOBS_RETAIN_ADDRESSES, standard->retention.addresses_s);
}

/* Others wait for the table until a month's drop is committed: so it is a part of its own. */
static status
retain_months(struct standard_jobs *standard, struct job_run *run)
{
	ROWS_AUTO rows = {0};

	standard->has_dropped_month = false;
	if (standard->retention.reads_s == 0)
		return STATUS_OK;
	TRY(STORE_QUERY(
	    run->conn, STMT_JOBS_RETAIN_MONTHS, &rows, p_int(standard->retention.reads_s)));
	if (rows.count == 0 || row_int(&rows, 0, JOBS_RETAIN_MONTHS_DROPPED) == 0)
		return STATUS_OK;
	standard->has_dropped_month = true;
	run->done += row_int(&rows, 0, JOBS_RETAIN_MONTHS_RECEIPTS);
	run->more = true;
	return STATUS_OK;
}

/* A batch goes on where the last one was; when nothing is left there the next begins anew, until
 * one that did so finds the end. Behind a month that went whole the next may too: then what is left
 * is counted, and nothing removed. */
static status
retain_reads(struct standard_jobs *standard, struct job_run *run)
{
	const bool began_anew = standard->reads_after_us == 0;
	const int64_t rows_max = standard->has_dropped_month ? 0 : SWEEP_ROWS_MAX;
	ROWS_AUTO rows = {0};

	if (standard->retention.reads_s == 0)
		return STATUS_OK;
	TRY(STORE_QUERY(run->conn, STMT_JOBS_RETAIN_READS, &rows, p_int(rows_max),
	    p_int(ROWS_COUNTED_MAX), p_int(standard->retention.reads_s),
	    p_time(standard->reads_after_us)));
	note_removed(run, &rows, rows_max);
	if (row_int(&rows, 0, JOBS_RETAIN_READS_REMOVED) == rows_max) {
		standard->reads_after_us = row_time_us(&rows, 0, JOBS_RETAIN_READS_NEXT_AFTER);
	} else {
		standard->reads_after_us = 0;
		run->more |= !began_anew;
	}
	return STATUS_OK;
}

static status
retain_blocks(struct standard_jobs *standard, struct job_run *run)
{
	return retain_by_age(run, STMT_JOBS_RETAIN_BLOCKS, standard->retention.reads_s);
}

static const char *const retained[] = {
    "audit_addresses", "reads_by_month", "reads", "blocks", NULL};
static status (*const retains[])(struct standard_jobs *standard, struct job_run *run) = {
    retain_addresses, retain_months, retain_reads, retain_blocks};
_Static_assert(sizeof(retained) / sizeof(retained[0]) == sizeof(retains) / sizeof(retains[0]) + 1,
    "a name for each");

static status
run_retention(void *env, struct job_run *run)
{
	return retains[run->part](env, run);
}

static status
run_mail(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;

	/* Whose master key opens no signing key opens no mail either: let others have it at once.
	 */
	if (!standard->keyring || keyring_has_signer(standard->keyring))
		TRY(outbox_drain(&standard->outbox, run->conn, run->arena, &run->done));
	run->more = run->done == OUTBOX_DRAIN_MAX;
	return outbox_count_left(run->conn, &run->backlog);
}

static status
run_keyring(void *env, struct job_run *run)
{
	struct standard_jobs *standard = env;

	return keyring_ensure(standard->keyring, run->conn, run->arena);
}

static bool
has_keyring(const struct standard_jobs *standard)
{
	return standard->keyring != NULL;
}

static bool
has_spool(const struct standard_jobs *standard)
{
	return standard->spool != NULL;
}

static bool
has_feed(const struct standard_jobs *standard)
{
	return standard->feed != NULL;
}

static bool
has_outbox(const struct standard_jobs *standard)
{
	return standard->outbox.deliver != NULL;
}

static void
wake_receipts(void *jobs)
{
	jobs_wake(jobs, "receipts");
}

/* The rows, in the order in which they run at first: nobody can log in before there is a key to
 * sign with. */
static const struct {
	bool (*is_wanted)(const struct standard_jobs *standard); /* NULL: always */
	struct job job;
} rows[] = {
    {has_keyring,
	{
	    .name = "keyring",
	    .about = "makes a signing key before the last one ceases to sign",
	    .period_us = 3600 * US_PER_S,
	    .run = run_keyring,
	}},
    {has_spool,
	{
	    .name = "receipts",
	    .about = "stores receipts of reads from this node's spool",
	    .period_us = US_PER_S,
	    .run = run_receipts,
	}},
    {NULL,
	{
	    .name = "partitions",
	    .about = "makes the partitions of this month and the next two",
	    .period_us = 3600 * US_PER_S,
	    .retry_us = PARTITIONS_RETRY_US,
	    .timeout_us = PARTITIONS_TIMEOUT_US,
	    .of_cluster = true,
	    .is_long = true,
	    .parts = partitioned,
	    .run = run_partitions,
	}},
    {has_feed,
	{
	    .name = "changes",
	    .about =
		"removes what every node has read of the change feed, and leases of dead nodes",
	    .period_us = 10 * US_PER_S,
	    .run = run_changes,
	}},
    {NULL,
	{
	    .name = "sweep",
	    .about = "removes what has expired",
	    .period_us = 60 * US_PER_S,
	    .retry_us = 60 * US_PER_S,
	    .of_cluster = true,
	    .is_long = true,
	    .parts = swept,
	    .run = run_sweep,
	}},
    {NULL,
	{
	    .name = "retention",
	    .about = "removes what is older than retention.* says",
	    .period_us = 3600 * US_PER_S,
	    .retry_us = 60 * US_PER_S,
	    .of_cluster = true,
	    .is_long = true,
	    .parts = retained,
	    .run = run_retention,
	}},
    {has_outbox,
	{
	    .name = "mail",
	    .about = "delivers the mail of the outbox",
	    .period_us = US_PER_S / 2,
	    .run = run_mail,
	}},
};

status
standard_jobs_add(struct jobs *jobs, struct standard_jobs *standard)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = rows[i].job;

		if (rows[i].is_wanted && !rows[i].is_wanted(standard))
			continue;
		job.env = standard;
		TRY(jobs_add(jobs, &job));
	}
	if (standard->spool)
		spool_set_wake(standard->spool, wake_receipts, jobs);
	return STATUS_OK;
}

/* What was sealed when the jobs stopped, then what has come since. */
bool
standard_jobs_finish(
    struct jobs *jobs, const struct standard_jobs *standard, const struct clock *clock)
{
	int64_t until_us = clock_boot_us(clock) + FINISH_US;
	struct spool_figures left;
	status st;

	do {
		st = jobs_run_now(jobs, "receipts");
		spool_get_figures(standard->spool, &left);
		if (left.slots_used == 0 && !left.has_sealed && left.left_over == 0)
			return st.code == ST_OK;
	} while (st.code == ST_OK && clock_boot_us(clock) < until_us);
	return false;
}
