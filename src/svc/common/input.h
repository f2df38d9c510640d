/* input.h - the rules that requests' fields keep, where the .proto files' limits don't say enough.
 *
 * Each refuses with INVALID_ARGUMENT and a BadRequest that names the field (rpc_refuse_field);
 * outputs are untouched then. Outputs are in the call's arena.
 * Threads: the call's. Nothing blocks. */
#ifndef USHER_SVC_COMMON_INPUT_H
#define USHER_SVC_COMMON_INPUT_H

#include "base/uuid.h"
#include "gen/pb/google/protobuf/field_mask.pb-c.h"
#include "rpc/call.h"

/* An address as it was given, and as it is compared. */
struct input_email {
	const char *text;
	const char *folded;
};

/* By base/email.h's rule. */
MUST_USE status input_email(
    struct rpc_call *call, const char *field, const char *text, struct input_email *out);

/* A UUID of any version. */
MUST_USE status input_id(
    struct rpc_call *call, const char *field, const char *text, struct uuid *out);
/* The same, or empty: then *given is false and *out untouched. */
MUST_USE status input_id_if_given(
    struct rpc_call *call, const char *field, const char *text, struct uuid *out, bool *given);

/* One line: no control characters. Empty passes. */
MUST_USE status input_line(struct rpc_call *call, const char *field, const char *text);
/* The form of a BCP 47 tag, "de-CH". Empty passes. */
MUST_USE status input_locale(struct rpc_call *call, const char *field, const char *text);
/* The form of an IANA time zone's name, "Europe/Zurich". Empty passes. */
MUST_USE status input_time_zone(struct rpc_call *call, const char *field, const char *text);

/* A field that an update_mask may name, and whether the request fills it. */
struct input_path {
	const char *name;
	bool filled;
};
#define INPUT_PATHS_MAX 32

/* Which fields to write: bit i for paths[i]. Without a mask, or with an empty one, those that are
 * filled; "*" stands for all. */
MUST_USE status input_mask(struct rpc_call *call, const Google__Protobuf__FieldMask *mask,
    const struct input_path *paths, size_t paths_count, uint32_t *written);

/* How a person is named: by id, or by the organisation's own name for them ("ext:NAME"). */
#define INPUT_EXTERNAL_PREFIX "ext:"
#define INPUT_EXTERNAL_CHARS_MAX 255
/* An external_id: one line, not empty, not too long. */
MUST_USE status input_external_id(struct rpc_call *call, const char *field, const char *text);

#endif
