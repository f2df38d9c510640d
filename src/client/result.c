#include "client/internal.h"

#include <stdlib.h>

/* What of a failure, and of metadata, must outlive the message as C strings: one block. */
struct texts {
	struct client_violation violations[CLIENT_VIOLATIONS_MAX];
	struct client_pair pairs[ENVELOPE_PAIRS_MAX];
	char bytes[];
};

static const char *
text_put(char **at, struct slice text)
{
	char *const start = *at;

	if (text.bytes)
		memcpy(start, text.data, text.bytes);
	start[text.bytes] = 0;
	*at = start + text.bytes + 1;
	return start;
}

static size_t
texts_size(const struct response_envelope *e)
{
	size_t size = sizeof(struct texts) + e->message.bytes + e->reason.bytes + 2;

	for (size_t i = 0; i < e->violations_count; i++)
		size += e->violations[i].field.bytes + e->violations[i].description.bytes + 2;
	for (size_t i = 0; i < e->pairs_count; i++)
		size += e->pairs[i].key.bytes + e->pairs[i].value.bytes + 2;
	return size;
}

static bool
result_keep_texts(struct client_result *result, const struct response_envelope *e)
{
	struct texts *texts = calloc(1, texts_size(e));
	char *at;

	if (!texts)
		return false;
	at = texts->bytes;
	result->internal_memory = texts;
	result->status.message = text_put(&at, e->message);
	result->status.reason = text_put(&at, e->reason);
	if (e->reason.bytes == 0)
		result->status.reason = NULL;
	for (size_t i = 0; i < e->violations_count && i < CLIENT_VIOLATIONS_MAX; i++) {
		texts->violations[i].field = text_put(&at, e->violations[i].field);
		texts->violations[i].description = text_put(&at, e->violations[i].description);
		result->violations_count = i + 1;
	}
	for (size_t i = 0; i < e->pairs_count; i++) {
		texts->pairs[i].key = text_put(&at, e->pairs[i].key);
		texts->pairs[i].value = text_put(&at, e->pairs[i].value);
	}
	result->violations = texts->violations;
	result->metadata = texts->pairs;
	result->metadata_count = e->pairs_count;
	return true;
}

#define MALFORMED_REPLY                                                                            \
	REFUSE_FOR(ST_INTERNAL, "MALFORMED_REPLY", "the server's reply can't be read")

void
client_result_read_bytes(
    struct client_result *result, struct slice bytes, const ProtobufCMessageDescriptor *descriptor)
{
	struct response_envelope e;

	if (envelope_parse_response(bytes, &e).code != ST_OK) {
		result->status = MALFORMED_REPLY;
		return;
	}
	result->call_id = e.call_id;
	result->retry_after_ms = e.retry_after_ms;
	result->replayed = e.replayed;
	result->has_revision = e.revision.bytes == CLIENT_REVISION_BYTES;
	if (result->has_revision)
		memcpy(result->revision, e.revision.data, CLIENT_REVISION_BYTES);
	result->status = STATUS_OK;
	/* What became of the call is more than the words about it. */
	if ((e.code != ST_OK || e.pairs_count > 0) && !result_keep_texts(result, &e))
		result->status.message = "there was no memory for what the server said of it";
	/* A code from a newer server than us: UNKNOWN, with its own message. */
	result->status.code = e.code <= ST_UNAUTHENTICATED ? (enum status_code)e.code : ST_UNKNOWN;
	if (e.code != ST_OK)
		return;
	result->payload = e.payload;
	if (!descriptor)
		return;
	result->reply =
	    protobuf_c_message_unpack(descriptor, NULL, e.payload.bytes, e.payload.data);
	if (!result->reply)
		result->status = MALFORMED_REPLY;
}

void
client_result_read(
    struct client_result *result, nng_msg *message, const ProtobufCMessageDescriptor *descriptor)
{
	result->internal_message = message;
	client_result_read_bytes(
	    result, slice_of(nng_msg_body(message), nng_msg_len(message)), descriptor);
}

void
client_result_done(struct client_result *result)
{
	if (result->reply)
		protobuf_c_message_free_unpacked(result->reply, NULL);
	if (result->internal_message)
		nng_msg_free(result->internal_message);
	free(result->internal_memory);
	*result = (struct client_result){.status = STATUS_OK};
}
