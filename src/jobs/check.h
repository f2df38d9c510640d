/* check.h - is the database what the migrations made, and are its rows where they belong?
 *
 * Work in steps, each bounded and in a transaction of the caller's: first the catalog (drift from
 * the migrations, invalid indexes, constraints that were never validated or are switched off,
 * grants, roles), then the rows of each foreign key and of rules that no key can say, some blocks
 * at a time. A row that moves while its table is looked at may be missed; none is found wrongly:
 * each step sees one moment. What a step leaves as position is where another process may go on.
 * Threads: the connection's. Blocks: on the database. */
#ifndef USHER_JOBS_CHECK_H
#define USHER_JOBS_CHECK_H

#include "base/arena.h"
#include "store/schema.h"
#include "store/store.h"
#include "json/writer.h"

/* Texts live in the run's arena. */
struct check_finding {
	const char *code;    /* "INDEX_MISSING" */
	const char *object;  /* "index usher.audit_by_org" */
	const char *message; /* what is wrong with it */
	const char *remedy;  /* what to do: SQL for the schema's owner, or words */
	int64_t rows;        /* of ORPHANS: how many there are; otherwise 0 */
};
typedef status check_report(void *env, const struct check_finding *finding);

struct check_run {
	struct store_conn *conn; /* in a transaction */
	struct arena *arena;
	bool quick;           /* the catalog alone, no rows */
	const char *position; /* "": at the start. A step sets it to where the next one begins */
	int64_t done, total;  /* blocks of tables; set by a step */
	bool finished;        /* set by the last step */
	check_report *report; /* called for each finding, once over all steps */
	void *report_env;
};

/* Errors: store_query()'s, report's, RESOURCE_EXHAUSTED; INVALID_ARGUMENT (a position of no known
 * form). */
MUST_USE status check_step(struct check_run *run);

/* {"finding": ..., "object": ..., "message": ..., "remedy": ..., "rows": ...} */
void check_write_finding(struct writer *writer, const struct check_finding *finding);

/* What a database is made of now, as schema_objects has it; in the arena. Within a transaction. */
MUST_USE status check_describe(
    struct store_conn *conn, struct arena *arena, struct schema_object **out, size_t *count);

/* What differs between two descriptions, both sorted as schema.h says; pure.
 * Errors: report's, RESOURCE_EXHAUSTED (arena). */
MUST_USE status check_compare(const struct schema_object *wanted, size_t wanted_count,
    const struct schema_object *found, size_t found_count, struct arena *arena,
    check_report *report, void *report_env);

#endif
