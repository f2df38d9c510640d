/* resolve.h - the address behind a name, within a time: the system's own resolver asks for as long
 * as its servers take to be silent, and can't be hurried.
 * Threads: any. Blocks: for RESOLVE_US at most. */
#ifndef USHER_BASE_RESOLVE_H
#define USHER_BASE_RESOLVE_H

#include "base/status.h"

#include <netdb.h>
#include <stdint.h>

#define RESOLVE_US INT64_C(5000000)

/* Where to listen: a host (an address or a name; "" for all addresses) and a port in digits. A
 * question that is not answered in time is left behind (base/aside.h).
 * Ensures: on ST_OK *out is the caller's, to be freed with freeaddrinfo().
 * Errors: INVALID_ARGUMENT (there is no such name), UNAVAILABLE NAMES_AWAY (nobody says whether
 * there is), RESOURCE_EXHAUSTED. */
MUST_USE status resolve_to_listen(const char *host, const char *port, struct addrinfo **out);

#endif
