#include "wire/envelope.h"

#include "base/limits.h"

#define MALFORMED(message) REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_ENVELOPE", (message))

/* Texts are shown to people and compared: well-formed UTF-8 without a NUL. */
static bool
text_is_good(struct slice text)
{
	return (text.bytes == 0 || memchr(text.data, 0, text.bytes) == NULL) && utf8_is_valid(text);
}

static bool
pair_read(struct slice bytes, struct envelope_pair *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};

	*out = (struct envelope_pair){SLICE_NONE, SLICE_NONE};
	while (wire_next(&reader, &field)) {
		if (field.number > 2)
			continue;
		if (field.type != WIRE_BYTES || !text_is_good(field.bytes))
			return false;
		if (field.number == 1)
			out->key = field.bytes;
		else
			out->value = field.bytes;
	}
	return !reader.failed;
}

enum request_field {
	REQUEST_METHOD_ID = 1,
	REQUEST_METHOD = 2,
	REQUEST_TIMEOUT_MS = 3,
	REQUEST_CALL_ID = 4,
	REQUEST_CREDENTIAL = 5,
	REQUEST_ON_BEHALF_OF = 6,
	REQUEST_VIA = 7,
	REQUEST_TRACE = 8,
	REQUEST_IDEMPOTENCY_KEY = 9,
	REQUEST_AT_LEAST = 10,
	REQUEST_ORG = 11,
	REQUEST_CLIENT_IP = 12,
	REQUEST_METADATA = 13,
	REQUEST_PAYLOAD = 14,
	REQUEST_MEMORY_ONLY = REQUEST_MEMORY_ONLY_FIELD,
	REQUEST_FIELDS
};

/* What each field of a Request must look like. offset: of its slice, where it has one. */
struct request_rule {
	const char *name;
	enum wire_type type;
	bool text;
	uint32_t bytes_max;
	size_t offset;
};

#define BYTES_RULE(member, max)                                                                    \
	{                                                                                          \
#member, WIRE_BYTES, false, (max), offsetof(struct request_envelope, member)       \
	}
#define TEXT_RULE(member, max)                                                                     \
	{                                                                                          \
#member, WIRE_BYTES, true, (max), offsetof(struct request_envelope, member)        \
	}

static const struct request_rule request_rules[REQUEST_FIELDS] = {
    [REQUEST_METHOD_ID] = {"method_id", WIRE_FIXED32, false, 0, 0},
    [REQUEST_METHOD] = TEXT_RULE(method, ENVELOPE_NAME_BYTES_MAX),
    [REQUEST_TIMEOUT_MS] = {"timeout_ms", WIRE_VARINT, false, 0, 0},
    [REQUEST_CALL_ID] = {"call_id", WIRE_FIXED64, false, 0, 0},
    [REQUEST_CREDENTIAL] = BYTES_RULE(credential, CREDENTIAL_BYTES_MAX),
    [REQUEST_ON_BEHALF_OF] = BYTES_RULE(on_behalf_of, CREDENTIAL_BYTES_MAX),
    [REQUEST_VIA] = BYTES_RULE(via, CREDENTIAL_BYTES_MAX),
    [REQUEST_TRACE] = BYTES_RULE(trace, ENVELOPE_TRACE_BYTES_MAX),
    [REQUEST_IDEMPOTENCY_KEY] = BYTES_RULE(idempotency_key, IDEMPOTENCY_KEY_BYTES_MAX),
    [REQUEST_AT_LEAST] = BYTES_RULE(at_least, ENVELOPE_REVISION_BYTES),
    [REQUEST_ORG] = TEXT_RULE(org, ENVELOPE_NAME_BYTES_MAX),
    [REQUEST_CLIENT_IP] = TEXT_RULE(client_ip, 64),
    [REQUEST_METADATA] = {"metadata", WIRE_BYTES, false, MESSAGE_BYTES_MAX, 0},
    [REQUEST_PAYLOAD] = BYTES_RULE(payload, MESSAGE_BYTES_MAX),
    [REQUEST_MEMORY_ONLY] = {"memory_only", WIRE_VARINT, false, 0, 0},
};

static status
request_take(struct request_envelope *out, const struct wire_field *field)
{
	const struct request_rule *rule = &request_rules[field->number];

	if (field->type != rule->type)
		return MALFORMED("the envelope has a field of another type than its own");
	if (field->type == WIRE_BYTES && field->bytes.bytes > rule->bytes_max)
		return MALFORMED("the envelope has a field that is too long");
	if (rule->text && !text_is_good(field->bytes))
		return MALFORMED("the envelope has a text that is not UTF-8, or holds a NUL");

	switch (field->number) {
	case REQUEST_METHOD_ID:
		out->method_id = (uint32_t)field->value;
		return STATUS_OK;
	case REQUEST_TIMEOUT_MS:
		out->timeout_ms = (uint32_t)field->value;
		return STATUS_OK;
	case REQUEST_CALL_ID:
		out->call_id = field->value;
		return STATUS_OK;
	case REQUEST_MEMORY_ONLY:
		out->memory_only = field->value != 0;
		return STATUS_OK;
	case REQUEST_METADATA:
		if (out->pairs_count == ENVELOPE_PAIRS_MAX)
			return MALFORMED("the envelope has too much metadata");
		if (!pair_read(field->bytes, &out->pairs[out->pairs_count]))
			return MALFORMED("the envelope has metadata that can't be read");
		out->pairs_count++;
		return STATUS_OK;
	default:
		memcpy((char *)out + rule->offset, &field->bytes, sizeof(field->bytes));
		return STATUS_OK;
	}
}

status
envelope_parse_request(struct slice bytes, struct request_envelope *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};
	size_t fields = 0;

	request_envelope_init(out);
	while (wire_next(&reader, &field)) {
		if (++fields > MESSAGE_FIELDS_MAX)
			return MALFORMED("the envelope has too many fields");
		if (field.number < REQUEST_FIELDS)
			TRY(request_take(out, &field));
	}
	if (reader.failed)
		return MALFORMED("the envelope is cut short or is no Protobuf message");
	return STATUS_OK;
}

static size_t
pair_size(const struct envelope_pair *pair)
{
	return wire_bytes_field_size(1, pair->key) + wire_bytes_field_size(2, pair->value);
}

static size_t
pairs_size(uint32_t number, const struct envelope_pair *pairs, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += wire_item_size(number, pair_size(&pairs[i]));
	return size;
}

static uint8_t *
put_pairs(uint8_t *at, uint32_t number, const struct envelope_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		at = wire_put_item_head(at, number, pair_size(&pairs[i]));
		at = wire_put_bytes_field(at, 1, pairs[i].key);
		at = wire_put_bytes_field(at, 2, pairs[i].value);
	}
	return at;
}

static uint8_t *
put_payload(uint8_t *at, uint32_t number, struct slice payload)
{
	if (payload.bytes == 0)
		return at;
	at = wire_put_item_head(at, number, payload.bytes);
	if (payload.data)
		memcpy(at, payload.data, payload.bytes);
	return at;
}

size_t
envelope_request_size(const struct request_envelope *e)
{
	return wire_fixed_field_size(REQUEST_METHOD_ID, e->method_id, 4) +
	       wire_bytes_field_size(REQUEST_METHOD, e->method) +
	       wire_varint_field_size(REQUEST_TIMEOUT_MS, e->timeout_ms) +
	       wire_fixed_field_size(REQUEST_CALL_ID, e->call_id, 8) +
	       wire_bytes_field_size(REQUEST_CREDENTIAL, e->credential) +
	       wire_bytes_field_size(REQUEST_ON_BEHALF_OF, e->on_behalf_of) +
	       wire_bytes_field_size(REQUEST_VIA, e->via) +
	       wire_bytes_field_size(REQUEST_TRACE, e->trace) +
	       wire_bytes_field_size(REQUEST_IDEMPOTENCY_KEY, e->idempotency_key) +
	       wire_bytes_field_size(REQUEST_AT_LEAST, e->at_least) +
	       wire_bytes_field_size(REQUEST_ORG, e->org) +
	       wire_bytes_field_size(REQUEST_CLIENT_IP, e->client_ip) +
	       pairs_size(REQUEST_METADATA, e->pairs, e->pairs_count) +
	       wire_varint_field_size(REQUEST_MEMORY_ONLY, e->memory_only) +
	       wire_bytes_field_size(REQUEST_PAYLOAD, e->payload);
}

uint8_t *
envelope_pack_request(const struct request_envelope *e, uint8_t *out)
{
	out = wire_put_fixed_field(out, REQUEST_METHOD_ID, e->method_id, 4);
	out = wire_put_bytes_field(out, REQUEST_METHOD, e->method);
	out = wire_put_varint_field(out, REQUEST_TIMEOUT_MS, e->timeout_ms);
	out = wire_put_fixed_field(out, REQUEST_CALL_ID, e->call_id, 8);
	out = wire_put_bytes_field(out, REQUEST_CREDENTIAL, e->credential);
	out = wire_put_bytes_field(out, REQUEST_ON_BEHALF_OF, e->on_behalf_of);
	out = wire_put_bytes_field(out, REQUEST_VIA, e->via);
	out = wire_put_bytes_field(out, REQUEST_TRACE, e->trace);
	out = wire_put_bytes_field(out, REQUEST_IDEMPOTENCY_KEY, e->idempotency_key);
	out = wire_put_bytes_field(out, REQUEST_AT_LEAST, e->at_least);
	out = wire_put_bytes_field(out, REQUEST_ORG, e->org);
	out = wire_put_bytes_field(out, REQUEST_CLIENT_IP, e->client_ip);
	out = put_pairs(out, REQUEST_METADATA, e->pairs, e->pairs_count);
	out = wire_put_varint_field(out, REQUEST_MEMORY_ONLY, e->memory_only);
	return put_payload(out, REQUEST_PAYLOAD, e->payload);
}

enum response_field {
	RESPONSE_CODE = 1,
	RESPONSE_MESSAGE = 2,
	RESPONSE_DETAILS = 3,
	RESPONSE_CALL_ID = 4,
	RESPONSE_RETRY_AFTER_MS = 5,
	RESPONSE_REPLAYED = 6,
	RESPONSE_REVISION = 7,
	RESPONSE_METADATA = 8,
	RESPONSE_PAYLOAD = 9,
	RESPONSE_MEMORY_ONLY = 10,
	RESPONSE_FIELDS
};

enum detail_field {
	DETAIL_ERROR_INFO = 1,
	DETAIL_BAD_REQUEST = 2,
	DETAIL_RETRY_INFO = 3,
};

static bool
bad_request_read(struct slice bytes, struct response_envelope *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};

	while (wire_next(&reader, &field)) {
		struct envelope_pair violation; /* the same two fields */

		if (field.number != 1)
			continue;
		if (field.type != WIRE_BYTES || !pair_read(field.bytes, &violation))
			return false;
		if (out->violations_count < ENVELOPE_VIOLATIONS_MAX)
			out->violations_read[out->violations_count++] =
			    (struct envelope_violation){violation.key, violation.value};
	}
	return !reader.failed;
}

static bool
error_info_read(struct slice bytes, struct response_envelope *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};

	while (wire_next(&reader, &field)) {
		if (field.number != 1)
			continue;
		if (field.type != WIRE_BYTES || !text_is_good(field.bytes))
			return false;
		out->reason = field.bytes;
	}
	return !reader.failed;
}

static bool
detail_read(struct slice bytes, struct response_envelope *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};

	while (wire_next(&reader, &field)) {
		if (field.number != DETAIL_ERROR_INFO && field.number != DETAIL_BAD_REQUEST)
			continue;
		if (field.type != WIRE_BYTES)
			return false;
		if (field.number == DETAIL_ERROR_INFO ? !error_info_read(field.bytes, out)
						      : !bad_request_read(field.bytes, out))
			return false;
	}
	return !reader.failed;
}

static bool
response_take_bytes(struct response_envelope *out, const struct wire_field *field)
{
	if (field->type != WIRE_BYTES)
		return false;
	switch (field->number) {
	case RESPONSE_MESSAGE:
		out->message = field->bytes;
		return text_is_good(field->bytes);
	case RESPONSE_DETAILS:
		return detail_read(field->bytes, out);
	case RESPONSE_REVISION:
		out->revision = field->bytes;
		return true;
	case RESPONSE_PAYLOAD:
		out->payload = field->bytes;
		return true;
	default:
		if (out->pairs_count == ENVELOPE_PAIRS_MAX)
			return true;
		return pair_read(field->bytes, &out->pairs[out->pairs_count]) && ++out->pairs_count;
	}
}

static bool
response_take(struct response_envelope *out, const struct wire_field *field)
{
	switch (field->number) {
	case RESPONSE_CODE:
		out->code = (uint32_t)field->value;
		return field->type == WIRE_VARINT;
	case RESPONSE_CALL_ID:
		out->call_id = field->value;
		return field->type == WIRE_FIXED64;
	case RESPONSE_RETRY_AFTER_MS:
		out->retry_after_ms = (uint32_t)field->value;
		return field->type == WIRE_VARINT;
	case RESPONSE_REPLAYED:
		out->replayed = field->value != 0;
		return field->type == WIRE_VARINT;
	case RESPONSE_MEMORY_ONLY:
		out->memory_only = field->value != 0;
		return field->type == WIRE_VARINT;
	default:
		return response_take_bytes(out, field);
	}
}

status
envelope_parse_response(struct slice bytes, struct response_envelope *out)
{
	struct wire_reader reader = wire_reader_of(bytes);
	struct wire_field field = {0};

	response_envelope_init(out);
	while (wire_next(&reader, &field))
		if (field.number < RESPONSE_FIELDS && !response_take(out, &field))
			return MALFORMED("the reply's envelope has a field that can't be read");
	if (reader.failed)
		return MALFORMED("the reply's envelope is cut short or is no Protobuf message");
	out->violations = out->violations_read;
	return STATUS_OK;
}

/* Details of a failure: ErrorInfo always, BadRequest and RetryInfo where there is something to say.
 * Each is a Detail that holds the one message. */
static size_t
violation_size(const struct envelope_violation *violation)
{
	return wire_bytes_field_size(1, violation->field) +
	       wire_bytes_field_size(2, violation->description);
}

static size_t
bad_request_size(const struct response_envelope *e)
{
	size_t size = 0;

	for (size_t i = 0; i < e->violations_count; i++)
		size += wire_item_size(1, violation_size(&e->violations[i]));
	return size;
}

static size_t
error_info_size(const struct response_envelope *e)
{
	return wire_bytes_field_size(1, e->reason) +
	       wire_bytes_field_size(2, slice_text(ENVELOPE_DOMAIN));
}

static size_t
details_size(const struct response_envelope *e)
{
	if (e->code == ST_OK)
		return 0;
	size_t size =
	    wire_item_size(RESPONSE_DETAILS, wire_item_size(DETAIL_ERROR_INFO, error_info_size(e)));
	if (e->violations_count)
		size += wire_item_size(
		    RESPONSE_DETAILS, wire_item_size(DETAIL_BAD_REQUEST, bad_request_size(e)));
	if (e->retry_after_ms)
		size += wire_item_size(
		    RESPONSE_DETAILS, wire_item_size(DETAIL_RETRY_INFO,
					  wire_varint_field_size(1, e->retry_after_ms)));
	return size;
}

static uint8_t *
put_detail_head(uint8_t *at, enum detail_field detail, size_t size)
{
	at = wire_put_item_head(at, RESPONSE_DETAILS, wire_item_size(detail, size));
	return wire_put_item_head(at, detail, size);
}

static uint8_t *
put_details(uint8_t *at, const struct response_envelope *e)
{
	if (e->code == ST_OK)
		return at;
	at = put_detail_head(at, DETAIL_ERROR_INFO, error_info_size(e));
	at = wire_put_bytes_field(at, 1, e->reason);
	at = wire_put_bytes_field(at, 2, slice_text(ENVELOPE_DOMAIN));
	if (e->violations_count)
		at = put_detail_head(at, DETAIL_BAD_REQUEST, bad_request_size(e));
	for (size_t i = 0; i < e->violations_count; i++) {
		at = wire_put_item_head(at, 1, violation_size(&e->violations[i]));
		at = wire_put_bytes_field(at, 1, e->violations[i].field);
		at = wire_put_bytes_field(at, 2, e->violations[i].description);
	}
	if (e->retry_after_ms) {
		at = put_detail_head(
		    at, DETAIL_RETRY_INFO, wire_varint_field_size(1, e->retry_after_ms));
		at = wire_put_varint_field(at, 1, e->retry_after_ms);
	}
	return at;
}

size_t
envelope_response_size(const struct response_envelope *e)
{
	return wire_varint_field_size(RESPONSE_CODE, e->code) +
	       wire_bytes_field_size(RESPONSE_MESSAGE, e->message) + details_size(e) +
	       wire_fixed_field_size(RESPONSE_CALL_ID, e->call_id, 8) +
	       wire_varint_field_size(RESPONSE_RETRY_AFTER_MS, e->retry_after_ms) +
	       wire_varint_field_size(RESPONSE_REPLAYED, e->replayed) +
	       wire_bytes_field_size(RESPONSE_REVISION, e->revision) +
	       pairs_size(RESPONSE_METADATA, e->pairs, e->pairs_count) +
	       wire_varint_field_size(RESPONSE_MEMORY_ONLY, e->memory_only) +
	       wire_bytes_field_size(RESPONSE_PAYLOAD, e->payload);
}

uint8_t *
envelope_pack_response(const struct response_envelope *e, uint8_t *out)
{
	out = wire_put_varint_field(out, RESPONSE_CODE, e->code);
	out = wire_put_bytes_field(out, RESPONSE_MESSAGE, e->message);
	out = put_details(out, e);
	out = wire_put_fixed_field(out, RESPONSE_CALL_ID, e->call_id, 8);
	out = wire_put_varint_field(out, RESPONSE_RETRY_AFTER_MS, e->retry_after_ms);
	out = wire_put_varint_field(out, RESPONSE_REPLAYED, e->replayed);
	out = wire_put_bytes_field(out, RESPONSE_REVISION, e->revision);
	out = put_pairs(out, RESPONSE_METADATA, e->pairs, e->pairs_count);
	out = wire_put_varint_field(out, RESPONSE_MEMORY_ONLY, e->memory_only);
	return put_payload(out, RESPONSE_PAYLOAD, e->payload);
}

bool
batch_next(struct wire_reader *reader, struct slice *item)
{
	struct wire_field field = {0};

	while (wire_next(reader, &field)) {
		if (field.number != 1)
			continue;
		if (field.type != WIRE_BYTES) {
			reader->failed = true;
			return false;
		}
		*item = field.bytes;
		return true;
	}
	return false;
}

bool
batch_count(struct slice payload, size_t *count)
{
	struct wire_reader reader = wire_reader_of(payload);
	struct slice item;
	size_t items = 0;

	while (batch_next(&reader, &item))
		items++;
	if (reader.failed)
		return false;
	*count = items;
	return true;
}
