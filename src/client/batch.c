#include "base/limits.h"
#include "client/internal.h"

#include <stdlib.h>

struct batch_call {
	struct client_item *items;
	size_t count;
	struct causal_session *session; /* of the whole */
	client_batch_callback *callback;
	void *arg;
};

static const struct client_method batch_method = {
    .name = BATCH_METHOD_NAME, .bytes_max = MESSAGE_BYTES_MAX};

/* The whole message's answer has no revision: each write in it has its own. */
static void
item_note(const struct client_item *item, struct causal_session *session)
{
	if (session && item->result.has_revision)
		causal_session_note(
		    session, slice_of(item->result.revision, CLIENT_REVISION_BYTES));
}

static void
batch_end(void *arg, struct client_result *result)
{
	struct batch_call *batch = arg;
	struct wire_reader reader = wire_reader_of(result->payload);
	struct slice bytes;

	for (size_t i = 0; i < batch->count; i++) {
		struct client_item *item = &batch->items[i];

		item->result =
		    (struct client_result){.status = result->status, .attempts = result->attempts};
		if (result->status.code != ST_OK)
			continue;
		if (!batch_next(&reader, &bytes)) {
			item->result.status = REFUSE_FOR(
			    ST_INTERNAL, "MALFORMED_REPLY", "the server's reply lacks an item");
			continue;
		}
		client_result_read_bytes(&item->result, bytes, item->method->reply);
		item_note(item, item->options.session);
		item_note(item, batch->session);
	}
	batch->callback(batch->arg, result);
	free(batch);
}

/* An item's envelope is short: it says only what differs from the whole message's; and its org,
 * which servers take from there too, but older ones do not. */
static size_t
item_fill(const struct client_item *item, const char *org, struct request_envelope *envelope,
    uint8_t revision[CLIENT_REVISION_BYTES])
{
	client_envelope_fill(envelope, item->method, &item->options, revision);
	if (envelope->credential.bytes == 0 && envelope->org.bytes == 0)
		envelope->org = slice_text(org);
	envelope->payload = item->payload;
	return envelope_request_size(envelope);
}

static status
batch_pack(const struct client_item *items, size_t count, const char *org, struct slice *out)
{
	struct request_envelope e;
	uint8_t revision[CLIENT_REVISION_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, MESSAGE_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		const size_t size = item_fill(&items[i], org, &e, revision);
		uint8_t *at = strbuf_reserve(&buf, wire_item_size(1, size));
		if (!at)
			break;
		(void)envelope_pack_request(&e, wire_put_item_head(at, 1, size));
		strbuf_commit(&buf, wire_item_size(1, size));
	}
	const status st = strbuf_status(&buf);
	if (st.code != ST_OK) {
		strbuf_done(&buf);
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
		    "the batch is larger than a message may be");
	}
	*out = slice_of(buf.data, buf.bytes);
	return STATUS_OK;
}

static uint32_t
batch_timeout_ms(const struct client_item *items, size_t count)
{
	uint32_t longest = 1;

	for (size_t i = 0; i < count; i++) {
		const uint32_t own = client_timeout_ms(items[i].method, &items[i].options);
		if (own > longest)
			longest = own;
	}
	return longest;
}

/* May all of it be repeated? */
static bool
batch_is_safe(const struct client_item *items, size_t count)
{
	bool is_safe = true;

	for (size_t i = 0; i < count && is_safe; i++)
		is_safe = retry_is_safe(
		    items[i].method, items[i].options.idempotency_key.bytes > 0, items[i].payload);
	return is_safe;
}

void
client_batch_async(struct client *client, const struct client_options *options,
    struct client_item *items, size_t items_count, client_batch_callback *callback, void *arg)
{
	PUT_OFF_CANCELLATION;
	struct client_options own = options ? *options : (struct client_options){0};
	struct slice payload = SLICE_NONE;
	struct batch_call *batch = calloc(1, sizeof(*batch));
	status st = batch ? batch_pack(items, items_count, own.org, &payload)
			  : REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a batch");

	if (st.code != ST_OK) {
		struct client_result result = {.status = st};
		for (size_t i = 0; i < items_count; i++)
			items[i].result = (struct client_result){.status = st};
		free(batch);
		callback(arg, &result);
		return;
	}
	*batch = (struct batch_call){items, items_count, own.session, callback, arg};
	if (own.timeout_ms == 0)
		own.timeout_ms = batch_timeout_ms(items, items_count);
	call_start(client, &(struct call_plan){.method = &batch_method,
			       .options = &own,
			       .payload = payload,
			       .is_safe = batch_is_safe(items, items_count),
			       .callback = batch_end,
			       .arg = batch});
	/* Credentials may be in it. */
	explicit_bzero((void *)(uintptr_t)payload.data, payload.bytes);
	free((void *)(uintptr_t)payload.data);
}
