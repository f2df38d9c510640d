/* postgres.h - a private PostgreSQL for a test program.
 *
 * One cluster a program, in a folder of its own, on a Unix socket. Each test takes a
 * fresh database, migrated, as a copy of a template. A process of its own stops the cluster and
 * removes the folder when the program ends, however it ends. What fails here ends the program with
 * a message: a test can't go on without. */
#ifndef USHER_TESTS_LIB_POSTGRES_H
#define USHER_TESTS_LIB_POSTGRES_H

#include "base/config.h"
#include "tests/lib/scratch.h"

#include <sys/types.h>

#define POSTGRES_NAME_BYTES 32

struct postgres {
	char dir[SCRATCH_PATH_BYTES];
	char socket[128];
	pid_t keeper; /* stops the cluster when keeper_fd is closed */
	int keeper_fd;
	unsigned databases;
};

void postgres_start(struct postgres *postgres);
void postgres_stop(struct postgres *postgres);

/* A database with the current schema, or with nothing in it. */
void postgres_database(struct postgres *postgres, char name[POSTGRES_NAME_BYTES]);
void postgres_empty_database(struct postgres *postgres, char name[POSTGRES_NAME_BYTES]);

/* Settings for that database as "usher_app", "usher_owner" or "usher_reader"; further settings as
 * "--database.pool_connections=2", ending with NULL. The caller frees it. */
struct config *postgres_config(const struct postgres *postgres, const char *database,
    const char *role, ...) __attribute__((sentinel));

/* SQL as the owner; the first value as text, or "" when there is none. The caller frees it. */
char *postgres_query(const struct postgres *postgres, const char *database, const char *sql);

/* Take the server away ("fast" or "immediate": how pg_ctl stops it) and bring it back. */
void postgres_halt(const struct postgres *postgres, const char *how);
void postgres_resume(struct postgres *postgres);

#endif
