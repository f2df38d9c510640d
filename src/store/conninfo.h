/* conninfo.h - from settings to what libpq connects with.
 * Lifetime: the texts live in the arena. Threads: read-only once made. */
#ifndef USHER_STORE_CONNINFO_H
#define USHER_STORE_CONNINFO_H

#include "base/arena.h"
#include "base/config.h"

#include <libpq-fe.h>

#define CONNINFO_KEYWORDS_MAX 80

struct conninfo {
	const char *keywords[CONNINFO_KEYWORDS_MAX + 1]; /* NULL-terminated */
	const char *values[CONNINFO_KEYWORDS_MAX + 1];
	size_t count;
	bool prepared; /* database.prepared */
};

/* database.conninfo (a connection string or a URI) where it is set, the single settings otherwise;
 * what such a text leaves out (user, password, sslmode) comes from the settings.
 * Errors: INVALID_ARGUMENT (it can't be read), RESOURCE_EXHAUSTED. The message is a literal: what
 * was set may hold a password. */
MUST_USE status conninfo_make(
    const struct config *config, struct arena *arena, struct conninfo *out);

/* Another value for a keyword: the last one counts. */
void conninfo_set(struct conninfo *info, const char *keyword, const char *value);

#endif
