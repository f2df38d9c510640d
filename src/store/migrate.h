/* migrate.h - bring a database's schema up to what this program needs.
 *
 * Migrations are the .sql files of src/store/migrations, embedded, each applied once, in order, in
 * a transaction of its own (unless its header says "-- no transaction": then it is one statement
 * that may be repeated, CREATE INDEX CONCURRENTLY IF NOT EXISTS; an index that an earlier try left
 * half made is dropped before). They run on their own connection, as the
 * role that the settings name, under an advisory lock that is tried in a loop: a session that waits
 * for it would hold a snapshot, and CREATE INDEX CONCURRENTLY waits for those.
 * Blocks: all of it. Threads: a migrator belongs to one. */
#ifndef USHER_STORE_MIGRATE_H
#define USHER_STORE_MIGRATE_H

#include "base/arena.h"
#include "base/config.h"

#include <stdbool.h>
#include <stdio.h>

struct migration {
	int version;
	const char *name;
	const char *sha256; /* of text, in hex */
	int serves_from; /* the lowest schema number that a server may need and still be served */
	bool no_transaction;
	const char *text;
};

extern const struct migration migrations[];
extern const int migrations_count; /* also the schema's number that this program needs */

struct migrator;

/* Connect as the settings say: an owner, not usher_app.
 * Errors here and below: UNAVAILABLE (no connection), INVALID_ARGUMENT (settings),
 * RESOURCE_EXHAUSTED; message gets what is wrong, for people. */
MUST_USE status migrate_open(
    const struct config *config, struct strbuf *message, struct migrator **out);
void migrate_close(struct migrator **migrator);

/* Called before (done false) and after each migration that is applied. */
struct migrate_report {
	void (*call)(void *self, const struct migration *migration, bool done);
	void *self;
};

/* Apply what is missing. A database that is ahead of this program is left alone. report may be
 * NULL. Waits wait_us for another migrator to finish, and for transactions that stand in its way;
 * for those never in one go, since who comes later would wait behind it (but for what is built
 * concurrently: behind that nobody waits). *applied counts, also on
 * failure.
 * Errors: FAILED_PRECONDITION (an applied migration's text was changed since; or the SQL failed:
 * the message names migration, line and cause, and that migration left nothing behind; or a pooler
 * stands between), ABORTED (another one is still at it, or somebody still holds a lock). */
MUST_USE status migrate_up(struct migrator *migrator, int64_t wait_us,
    const struct migrate_report *report, struct strbuf *message, int *applied);

struct migrate_row {
	int version;
	const char *name;
	bool is_known; /* to this program */
	bool is_applied;
	bool is_changed; /* applied with another text */
	int64_t applied_at_us;
};
/* All that this program knows or the database has, by version; in the arena. */
MUST_USE status migrate_status(struct migrator *migrator, struct arena *arena,
    struct strbuf *message, struct migrate_row **out, size_t *count);

/* The schema as plain SQL: what `usher migrate up` does on an empty database, for psql. */
void migrate_print(FILE *out);

/* Make a database of that name unless it is there; the settings name another one to connect to.
 * Errors: as above; FAILED_PRECONDITION (it can't be made). */
MUST_USE status migrate_create_database(
    const struct config *config, const char *name, struct strbuf *message, bool *made);

#endif
