/* operations.h - long work: a row with progress and a result, done in steps by the job
 * "operations".
 *
 * Who wants work done writes a row into usher.operations (StartOperation does). A node claims it
 * and does one step after the other, each in a transaction together with the position where the
 * next one begins and what the step found: so a step counts once, and when a node dies, another
 * goes on behind its last step. A claim is numbered; a node that was only slow finds another number
 * and lets go. After a slice of time the operation is released, so that others have their turn, on
 * any node. A step that fails is tried again, later each time; after OPERATION_ATTEMPTS_MAX without
 * a step that was done the operation has FAILED. Threads: operations_kind() from any; the job is
 * the runner's. Blocks: the job, on the database. */
#ifndef USHER_JOBS_OPERATIONS_H
#define USHER_JOBS_OPERATIONS_H

#include "jobs/jobs.h"

#define OPERATIONS_OPEN_MAX 4 /* of one organisation */
#define OPERATION_ATTEMPTS_MAX 5
#define OPERATION_RESULTS_MAX 100000
#define OPERATION_ITEM_BYTES_MAX (64u << 10)
#define OPERATION_KINDS_MAX 16

/* Numbers as in ops.proto. */
enum operation_state {
	OPERATION_PENDING = 1,
	OPERATION_RUNNING = 2,
	OPERATION_SUCCEEDED = 3,
	OPERATION_FAILED = 4,
	OPERATION_CANCELLED = 5,
};

/* One step, as the kind sees it. */
struct operation_run {
	struct store_conn *conn; /* in a transaction, with the step's deadline */
	struct arena *arena;     /* reset behind the step */
	struct uuid org_id, id;
	struct slice parameters; /* a JSON object that the kind has checked */
	const char *position;    /* "" at first; a step sets it to where the next begins */
	int64_t done, total;     /* in the kind's own unit; total 0: not known */
	int64_t results;         /* how many there are; operation_add_result() counts */
	bool finished;           /* set by the last step */
};

struct operation_kind {
	const char *name; /* "db_check" */
	bool of_platform; /* the system organisation's */
	/* Before the row is written. Errors: INVALID_ARGUMENT with what is wrong. */
	status (*check)(struct slice parameters, struct arena *arena);
	/* A few seconds of work at most. Errors: INVALID_ARGUMENT, FAILED_PRECONDITION and
	 * NOT_FOUND end the operation; others are tried again. */
	status (*step)(void *env, struct operation_run *run);
	void *env;
};

/* Add an object to the result, in the step's transaction.
 * Errors: store_query()'s; FAILED_PRECONDITION (too many, too large). */
MUST_USE status operation_add_result(struct operation_run *run, struct slice item);

struct operations;

struct operations_parts {
	struct jobs *jobs;
	const struct clock *clock;
	const struct uuid *node_id; /* as in usher.nodes */
	const struct operation_kind *kinds;
	size_t kinds_count;
	int64_t keep_s; /* how long an operation that ended is kept */
};

/* All is borrowed, and outlives it. Adds its job. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status operations_new(const struct operations_parts *parts, struct operations **out);
void operations_free(struct operations **operations); /* after jobs_stop() */

/* NULL: none of that name. */
const struct operation_kind *operations_kind(const struct operations *operations, const char *name);
int64_t operations_keep_s(const struct operations *operations);

/* A check of the database (check.h): parameters {"quick": true} for the schema alone; an item of
 * the result is a finding. */
extern const struct operation_kind operation_db_check;

#endif
