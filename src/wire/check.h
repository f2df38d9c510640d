/* check.h - is a payload fit to be unpacked? Looks at the raw bytes, by the message's field table.
 *
 * protobuf-c has no limit on depth, checks no UTF-8 and lets a NUL cut a text short. So before it
 * sees a payload, this does: well-formed encoding, no groups, at most MESSAGE_DEPTH_MAX levels and
 * MESSAGE_FIELDS_MAX fields, texts of UTF-8 without NUL, and what the .proto file's options ask
 * (lengths, ranges, items, required, json). Fields that are not known are skipped, so that an old
 * server serves a new client.
 * Lifetime: violations live in the arena. Threads: any. */
#ifndef USHER_WIRE_CHECK_H
#define USHER_WIRE_CHECK_H

#include "base/arena.h"
#include "base/meta.h"
#include "wire/envelope.h"

struct check_result {
	struct envelope_violation violations[ENVELOPE_VIOLATIONS_MAX];
	size_t count; /* checking ends when it is full */
};

/* result is set on INVALID_ARGUMENT INVALID_FIELDS; its count is 0 in every other case.
 * Errors: INVALID_ARGUMENT INVALID_FIELDS (fields that break a rule, each with its path),
 *         INVALID_ARGUMENT MALFORMED_PAYLOAD (no Protobuf message; too deep; too many fields),
 *         RESOURCE_EXHAUSTED (arena). */
MUST_USE status wire_check(const struct meta_message *message, struct slice payload,
    struct arena *arena, struct check_result *result);

#endif
