/* A call's message. */
#include "base/limits.h"
#include "client/internal.h"

uint32_t
client_timeout_ms(const struct client_method *method, const struct client_options *options)
{
	uint32_t most = method->deadline_ms;

	if (most == 0)
		return options->timeout_ms ? options->timeout_ms : DEADLINE_MS_DEFAULT;
	return options->timeout_ms && options->timeout_ms < most ? options->timeout_ms : most;
}

void
client_envelope_fill(struct request_envelope *e, const struct client_method *method,
    const struct client_options *options, uint8_t revision[CLIENT_REVISION_BYTES])
{
	request_envelope_init(e);
	e->method_id = method->id;
	if (method->id == 0)
		e->method = slice_text(method->name);
	e->timeout_ms = client_timeout_ms(method, options);
	e->call_id = options->call_id;
	e->credential = options->credential;
	e->on_behalf_of = options->on_behalf_of;
	e->via = options->via;
	e->trace = options->trace;
	e->idempotency_key = options->idempotency_key;
	e->at_least = options->at_least;
	if (options->session) {
		/* The greater of the two stands for both. */
		causal_session_note(options->session, options->at_least);
		if (causal_session_latest(options->session, revision))
			e->at_least = slice_of(revision, CLIENT_REVISION_BYTES);
	}
	e->org = slice_text(options->org);
	e->client_ip = slice_text(options->client_ip);
	if (options->user_agent)
		e->pairs[e->pairs_count++] = (struct envelope_pair){
		    slice_text(USER_AGENT_KEY), slice_text(options->user_agent)};
}

status
request_pack(const struct call_plan *plan, nng_msg **out, struct slice *payload)
{
	const struct client_method *method = plan->method;
	const ProtobufCMessage *request = plan->request;
	struct request_envelope e;
	uint8_t revision[CLIENT_REVISION_BYTES];
	const size_t bytes =
	    request ? protobuf_c_message_get_packed_size(request) : plan->payload.bytes;

	client_envelope_fill(&e, method, plan->options, revision);
	e.memory_only = plan->memory_only;
	e.payload = slice_of(request ? NULL : plan->payload.data, bytes);
	const size_t size = bytes > MESSAGE_BYTES_MAX ? bytes : envelope_request_size(&e);
	/* Over its limit the server would close the connection under every other call too. */
	if ((method->bytes_max && bytes > method->bytes_max) || size > MESSAGE_BYTES_MAX)
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
		    "the request is larger than the method takes");
	nng_msg *message = NULL;
	if (nng_msg_alloc(&message, size) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	uint8_t *place = envelope_pack_request(&e, nng_msg_body(message));
	if (request)
		(void)protobuf_c_message_pack(request, place);
	*payload = slice_of(request ? place : plan->payload.data, bytes);
	*out = message;
	return STATUS_OK;
}

status
request_pack_memory_only(nng_msg *request, nng_msg **out)
{
	/* A message of Protobuf's is longer by a field. */
	static const uint8_t field[] = {REQUEST_MEMORY_ONLY_FIELD << 3, 1};
	const size_t bytes = nng_msg_len(request);
	nng_msg *message = NULL;

	if (nng_msg_alloc(&message, bytes + sizeof(field)) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	uint8_t *body = nng_msg_body(message);
	memcpy(body, nng_msg_body(request), bytes);
	memcpy(body + bytes, field, sizeof(field));
	*out = message;
	return STATUS_OK;
}

status
request_pack_together(struct call *const *calls, unsigned count, uint32_t timeout_ms, nng_msg **out)
{
	struct request_envelope e;
	nng_msg *message = NULL;
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += wire_item_size(1, nng_msg_len(calls[i]->request));
	/* Nothing that an item could take for its own but that. */
	request_envelope_init(&e);
	e.method = slice_text(BATCH_METHOD_NAME);
	e.timeout_ms = timeout_ms;
	e.memory_only = true;
	e.payload = slice_of(NULL, bytes);
	if (nng_msg_alloc(&message, envelope_request_size(&e)) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	uint8_t *at = envelope_pack_request(&e, nng_msg_body(message));
	for (unsigned i = 0; i < count; i++) {
		const size_t item = nng_msg_len(calls[i]->request);

		at = wire_put_item_head(at, 1, item);
		memcpy(at, nng_msg_body(calls[i]->request), item);
		at += item;
	}
	*out = message;
	return STATUS_OK;
}

status
request_pack_again(nng_msg *request, uint32_t timeout_ms, nng_msg **out)
{
	struct request_envelope e;
	nng_msg *message = NULL;

	TRY(envelope_parse_request(slice_of(nng_msg_body(request), nng_msg_len(request)), &e));
	e.timeout_ms = timeout_ms;
	if (nng_msg_alloc(&message, envelope_request_size(&e)) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the request");
	(void)envelope_pack_request(&e, nng_msg_body(message));
	*out = message;
	return STATUS_OK;
}
