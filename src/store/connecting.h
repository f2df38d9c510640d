/* connecting.h - a connection in the making, which nobody has to wait for.
 *
 * libpq looks names up in a call that knows no time limit and can't be interrupted, and its
 * connect_timeout is for each address. So each attempt is made aside (base/aside.h): whoever waits
 * may look again later, or leave it; then it closes what it made. */
#ifndef USHER_STORE_CONNECTING_H
#define USHER_STORE_CONNECTING_H

#include "base/aside.h"
#include "store/conninfo.h"

/* info is copied. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status connecting_start(const struct conninfo *info, struct aside **out);
/* What came of it, good or bad, once it has ended: PQfinish() it. NULL: no memory. Leaves it. */
PGconn *connecting_take(struct aside **connecting);

#endif
