/* encoded.h - parts of replies that are encoded once and hung into many.
 *
 * protobuf-c writes a message's unknown fields as they stand, behind those that it knows. So a part
 * that is kept encoded, its length before it, is hung in as an unknown field of its own number, and
 * whoever reads the reply can't tell. The field itself stays empty in the struct.
 * Lifetime: what is hung in is borrowed until the reply is packed.
 * Threads: an encoded part is read-only. */
#ifndef USHER_SVC_CONTEXT_ENCODED_H
#define USHER_SVC_CONTEXT_ENCODED_H

#include "base/arena.h"
#include "base/str.h"

#include <protobuf-c/protobuf-c.h>

#define ENCODED_FIELDS_MAX 8 /* of one message */

/* The message's length and itself. Errors: RESOURCE_EXHAUSTED (arena). */
MUST_USE status encoded_make(
    struct arena *arena, const ProtobufCMessage *message, struct slice *out);
/* As field number of into, behind what was hung in before: so they keep their order.
 * Errors: RESOURCE_EXHAUSTED (arena). */
MUST_USE status encoded_hang(
    struct arena *arena, ProtobufCMessage *into, uint32_t number, struct slice encoded);

#endif
