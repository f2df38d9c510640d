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

/* Hosts, in the order in which libpq tries them: lists with commas, of as many parts each, or one
 * port for all. NULL: not set. The texts are on the heap. */
struct hosts {
	char *host, *hostaddr, *port;
};
void hosts_done(struct hosts *hosts);
/* The same hosts, but that one first, and the others as they were; number: which it was, from 0.
 * chosen has what libpq says of a connection: single parts. false: it can't be told (a part that
 * was left empty stands for a default of libpq's), or there is no memory; then out is untouched. */
MUST_USE bool hosts_put_first(
    const struct hosts *hosts, const struct hosts *chosen, size_t *number, struct hosts *out);
/* All that this connection could have been made to, with what it was made to first. They may come
 * from the settings, the environment or a service file. false: as above, and out is untouched. */
MUST_USE bool hosts_of(PGconn *pg, struct hosts *out);
/* Hosts is that from now on, where it can be told and is another order than it was made with. */
void hosts_learn(struct hosts *hosts, PGconn *pg);
/* Borrowed by info. */
void conninfo_set_hosts(struct conninfo *info, const struct hosts *hosts);

#endif
