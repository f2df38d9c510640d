/* envelope.h - the Request and Response that travel in nng messages, read in place.
 *
 * Reading neither copies nor allocates: slices borrow the message. Writing computes the size first,
 * so that a message is packed once, where it is sent from.
 * Threads: any. Source: proto/usher/v1/envelope.proto. */
#ifndef USHER_WIRE_ENVELOPE_H
#define USHER_WIRE_ENVELOPE_H

#include "base/str.h"
#include "base/wire.h"

#define ENVELOPE_PAIRS_MAX 16       /* metadata in one envelope */
#define USER_AGENT_KEY "user-agent" /* of metadata that audit keeps */
#define USER_AGENT_BYTES_MAX 256
#define ENVELOPE_VIOLATIONS_MAX 16 /* of a BadRequest; more are left out */
#define ENVELOPE_NAME_BYTES_MAX 128
#define ENVELOPE_TRACE_BYTES_MAX 256
#define ENVELOPE_REVISION_BYTES 16
#define ENVELOPE_DOMAIN "usher"

#define BATCH_METHOD_NAME "usher.v1.Batch"
#define REQUEST_MEMORY_ONLY_FIELD 15 /* its number, for who adds it to a packed Request */
/* The reason of what memory_only leaves undone. */
#define NOT_IN_MEMORY_REASON "NOT_IN_MEMORY"

/* FNV-1a, 32 bits: a method's id is that of its full name, "usher.v1.AuthService/Login". */
static inline uint32_t
wire_method_id(struct slice name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < name.bytes; i++)
		hash = (hash ^ name.data[i]) * UINT32_C(16777619);
	return hash;
}

struct envelope_pair {
	struct slice key, value;
};

struct request_envelope {
	uint32_t method_id;
	uint32_t timeout_ms;
	uint64_t call_id;
	bool memory_only;
	struct slice method;
	struct slice credential;
	struct slice on_behalf_of;
	struct slice via;
	struct slice trace;
	struct slice idempotency_key;
	struct slice at_least;
	struct slice org;
	struct slice client_ip;
	struct slice payload;
	size_t pairs_count;
	struct envelope_pair pairs[ENVELOPE_PAIRS_MAX];
};

struct envelope_violation {
	struct slice field;
	struct slice description;
};

struct response_envelope {
	uint32_t code; /* enum status_code; others than ours may come from newer servers */
	uint32_t retry_after_ms;
	uint64_t call_id;
	bool replayed;
	bool memory_only;
	struct slice message;
	struct slice reason; /* of ErrorInfo */
	struct slice revision;
	struct slice payload;
	/* Written as BadRequest when there are any. */
	const struct envelope_violation *violations;
	size_t violations_count;
	size_t pairs_count;
	/* Valid as far as they are counted. */
	struct envelope_pair pairs[ENVELOPE_PAIRS_MAX];
	struct envelope_violation violations_read[ENVELOPE_VIOLATIONS_MAX];
};

/* An empty envelope; leaves the arrays alone, which are the better part of its size. */
static inline void
request_envelope_init(struct request_envelope *envelope)
{
	memset(envelope, 0, offsetof(struct request_envelope, pairs));
}
static inline void
response_envelope_init(struct response_envelope *envelope)
{
	memset(envelope, 0, offsetof(struct response_envelope, pairs));
}

/* Read a Request. Fields that are not known are skipped.
 * Errors: INVALID_ARGUMENT MALFORMED_ENVELOPE (with out->call_id as far as it was read, the one
 *         thing set on failure, so that the answer can carry it). */
MUST_USE status envelope_parse_request(struct slice bytes, struct request_envelope *out);
/* Errors: INVALID_ARGUMENT MALFORMED_ENVELOPE. */
MUST_USE status envelope_parse_response(struct slice bytes, struct response_envelope *out);

/* The packed size, and packing into that much room. The payload stands last and its data may be
 * NULL: then its place is left for the caller, and is what the function returns. */
size_t envelope_request_size(const struct request_envelope *envelope);
uint8_t *envelope_pack_request(const struct request_envelope *envelope, uint8_t *out);
size_t envelope_response_size(const struct response_envelope *envelope);
uint8_t *envelope_pack_response(const struct response_envelope *envelope, uint8_t *out);

/* The items of a BatchRequest or BatchReply: each a Request or a Response.
 * false at the end, or when the bytes are no batch (reader->failed). */
bool batch_next(struct wire_reader *reader, struct slice *item);
/* How many; false: no batch. */
bool batch_count(struct slice payload, size_t *count);

#endif
