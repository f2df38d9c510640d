/* connecting.h - a connection in the making, which nobody has to wait for.
 *
 * libpq looks names up in a call that knows no time limit and can't be interrupted, and its
 * connect_timeout is for each address. So each attempt runs in a thread of its own: whoever waits
 * may look again later, or leave it to end by itself. Threads: one owner; connecting_hurry() from
 * any, while the owner keeps it. */
#ifndef USHER_STORE_CONNECTING_H
#define USHER_STORE_CONNECTING_H

#include "store/conninfo.h"

#include <stdint.h>

struct connecting;

/* info is copied. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status connecting_start(const struct conninfo *info, struct connecting **out);
/* Blocks until it has ended, up to wait_us, or until somebody is in a hurry. true: it has ended. */
bool connecting_wait(struct connecting *connecting, int64_t wait_us);
/* connecting_wait() returns at once from here on. */
void connecting_hurry(struct connecting *connecting);
/* What came of it, good or bad, once it has ended: PQfinish() it. NULL: no memory. */
PGconn *connecting_take(struct connecting **connecting);
/* It ends, and closes what it made, by itself. NULL is fine. */
void connecting_abandon(struct connecting **connecting);

#endif
