/* unpack.h - protobuf-c into and out of memory that we choose. */
#ifndef USHER_WIRE_UNPACK_H
#define USHER_WIRE_UNPACK_H

#include "base/arena.h"
#include "base/str.h"

#include <protobuf-c/protobuf-c.h>

/* Unpack a payload that wire_check() has passed; the message lives in the arena.
 * Errors: RESOURCE_EXHAUSTED (arena), INVALID_ARGUMENT MALFORMED_PAYLOAD. */
MUST_USE status wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct slice payload,
    struct arena *arena, ProtobufCMessage **out);

/* An empty message of that type in the arena. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status wire_message_new(
    const ProtobufCMessageDescriptor *descriptor, struct arena *arena, ProtobufCMessage **out);

#endif
