/* sqlstate.h - from PostgreSQL's error codes to ours: the one place. */
#ifndef USHER_STORE_SQLSTATE_H
#define USHER_STORE_SQLSTATE_H

#include "base/status.h"

#include <stdbool.h>

/* sqlstate: five characters. constraint may be NULL; where it is the reason, it comes in upper case
 * and lives as long as the process. */
status sqlstate_status(const char *sqlstate, const char *constraint);

/* Has the error made the connection useless, or its prepared statements wrong? */
bool sqlstate_ends_connection(const char *sqlstate);

#endif
