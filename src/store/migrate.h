/* migrate.h - bring a database's schema up to what this program needs.
 *
 * Migrations are the .sql files of src/store/migrations, embedded, each applied once, in order, in
 * a transaction of its own (unless its header says "-- no transaction": CREATE INDEX CONCURRENTLY).
 * They run on their own connection, as the owner (database.owner), under an advisory lock that is
 * tried in a loop: a session that waits for it would hold a snapshot, and CREATE INDEX CONCURRENTLY
 * waits for those.
 * Blocks: all of it. Threads: a migrator belongs to one. */
#ifndef USHER_STORE_MIGRATE_H
#define USHER_STORE_MIGRATE_H

#include "base/arena.h"
#include "base/config.h"

#include <stdbool.h>

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

#endif
