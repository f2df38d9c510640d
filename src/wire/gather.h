/* gather.h - a message field that occurs more than once.
 *
 * Occurrences of a field that is no list stand for one message, whose bytes are theirs in a row.
 * Senders may make a message of pieces by that; the bridge does. Members of a oneof are not meant:
 * of them the last one counts. */
#ifndef USHER_WIRE_GATHER_H
#define USHER_WIRE_GATHER_H

#include "base/arena.h"
#include "base/str.h"

/* The contents of all occurrences of a field in an encoded message, in a row.
 * Errors: INVALID_ARGUMENT MALFORMED_PAYLOAD (one is no message by itself), RESOURCE_EXHAUSTED. */
MUST_USE status wire_gather(
    struct slice message, uint32_t number, struct arena *arena, struct slice *out);

#endif
