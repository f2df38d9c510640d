/* Who asks, and on what terms: the envelope of the call, out of the request's headers. */
#include "bridge/internal.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/uuid.h"
#include "wire/envelope.h"

#include <string.h>
#include <strings.h>

#define TRACE_BYTES 55 /* 00-<32>-<16>-<2> */
#define KEY_REFUSED_LOG_US (60 * US_PER_S)

/* The header's one value; NULL without it.
 * Errors: INVALID_ARGUMENT: twice is a mistake that one of two readers would not see. */
static status
header_once(const struct visit *visit, const char *name, const char **out)
{
	if (http_request_header_count(visit->request, name) > 1)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "HEADER_REPEATED",
		    "Authorization, X-API-Key, Idempotency-Key, Usher-Revision, Usher-Org and "
		    "Content-Type may each stand in a request once");
	*out = http_request_header(visit->request, name);
	return STATUS_OK;
}

/* Is it one word of visible ASCII? */
static bool
is_word(const char *text)
{
	size_t bytes = strlen(text);

	if (bytes == 0 || bytes > CREDENTIAL_BYTES_MAX)
		return false;
	for (; *text; text++) {
		if (*text <= 0x20 || *text >= 0x7f)
			return false;
	}
	return true;
}

static status
read_token(struct visit *visit, struct slice *out)
{
	const char *value;

	TRY(header_once(visit, "Authorization", &value));
	if (!value)
		return STATUS_OK;
	visit->has_token = true;
	if (strncasecmp(value, "Bearer", 6) != 0 || (value[6] != ' ' && value[6] != '\0'))
		return REFUSE_FOR(ST_UNAUTHENTICATED, "UNKNOWN_SCHEME",
		    "Authorization must be Bearer and an access token");
	value += 6 + strspn(value + 6, " ");
	if (!is_word(value))
		return REFUSE_FOR(ST_UNAUTHENTICATED, "MALFORMED_CREDENTIAL",
		    "what stands behind Bearer is no access token");
	*out = slice_text(value);
	return STATUS_OK;
}

static status
read_key(struct visit *visit, struct slice *out)
{
	const char *value;

	TRY(header_once(visit, "X-API-Key", &value));
	if (!value)
		return STATUS_OK;
	if (!is_word(value))
		return REFUSE_FOR(ST_UNAUTHENTICATED, "MALFORMED_CREDENTIAL",
		    "what stands in X-API-Key is no API key");
	*out = slice_text(value);
	return STATUS_OK;
}

static status
read_idempotency_key(struct visit *visit, struct slice *out)
{
	const char *value;

	TRY(header_once(visit, "Idempotency-Key", &value));
	if (!value)
		return STATUS_OK;
	*out = slice_text(value);
	/* The header's draft wants a string of RFC 8941; most clients send the key as it is. */
	if (out->bytes >= 2 && value[0] == '"' && value[out->bytes - 1] == '"')
		*out = slice_of(value + 1, out->bytes - 2);
	/* An empty key would be none, and the call not safe to repeat. */
	if (out->bytes < IDEMPOTENCY_KEY_BYTES_MIN || out->bytes > IDEMPOTENCY_KEY_BYTES_MAX)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_IDEMPOTENCY_KEY",
		    "Idempotency-Key must have 16 to 128 characters");
	return STATUS_OK;
}

static status
read_revision(struct visit *visit, struct slice *out)
{
	uint8_t *revision = arena_alloc(&visit->arena, CLIENT_REVISION_BYTES);
	size_t bytes = CLIENT_REVISION_BYTES;
	const char *value;

	if (!revision)
		return ARENA_EXHAUSTED;
	TRY(header_once(visit, "Usher-Revision", &value));
	if (!value)
		return STATUS_OK;
	if (!base64_decode(slice_text(value), BASE64_URL, revision, &bytes) ||
	    bytes != CLIENT_REVISION_BYTES)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_REVISION",
		    "Usher-Revision must be as it came in a reply");
	*out = slice_of(revision, bytes);
	return STATUS_OK;
}

/* Whether the caller may name one is the server's to say. */
static status
read_org(const struct visit *visit, const char **out)
{
	struct uuid org_id;
	const char *value;

	TRY(header_once(visit, "Usher-Org", &value));
	/* An empty one would be none, and the call go to the caller's own organisation. */
	if (value && !uuid_parse(slice_text(value), &org_id))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "MALFORMED_ORG",
		    "Usher-Org must be the id of an organisation");
	*out = value;
	return STATUS_OK;
}

/* As the Trace Context standard has it: one that is off is passed over, not refused. */
static struct slice
read_trace(const struct visit *visit)
{
	const char *value = http_request_header(visit->request, "traceparent");
	static const size_t dashes[] = {2, 35, 52};

	if (!value || strlen(value) != TRACE_BYTES || strncmp(value, "ff", 2) == 0 ||
	    strspn(value, "0123456789abcdef-") != TRACE_BYTES)
		return SLICE_NONE;
	for (size_t i = 0, dash = 0; i < TRACE_BYTES; i++) {
		bool is_dash = dash < 3 && dashes[dash] == i;
		if ((value[i] == '-') != is_dash)
			return SLICE_NONE;
		dash += is_dash;
	}
	return slice_of(value, TRACE_BYTES);
}

/* The first half of the request's id, so that the logs of both can be read together. */
static uint64_t
call_id_of(const struct http_request *request)
{
	uint8_t bytes[8];
	uint64_t id = 0;

	if (!hex_decode(slice_of(request->id, 16), bytes, sizeof bytes))
		return 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		id = id << 8 | bytes[i];
	return id;
}

static bool
is_among(const struct networks *networks, const struct network *address)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (network_contains(&networks->items[i], address))
			return true;
	}
	return false;
}

bool
bridge_is_proxy(void *env, const char *address)
{
	struct network parsed;

	const struct bridge *bridge = env;

	return address_parse(slice_text(address), &parsed) && is_among(&bridge->proxies, &parsed);
}

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443". */
static bool
parse_hop(struct slice text, struct network *out)
{
	const uint8_t *colon = text.bytes ? memchr(text.data, ':', text.bytes) : NULL;
	const uint8_t *bracket;

	if (text.bytes && text.data[0] == '[') {
		bracket = memchr(text.data, ']', text.bytes);
		if (!bracket)
			return false;
		text = slice_of(text.data + 1, (size_t)(bracket - text.data) - 1);
	} else if (colon && memrchr(text.data, ':', text.bytes) == colon) {
		text.bytes = (size_t)(colon - text.data);
	}
	return address_parse(text, out);
}

/* Cut the last of the entries, which commas separate, off. */
static struct slice
take_last(struct slice *list)
{
	const uint8_t *comma = list->bytes ? memrchr(list->data, ',', list->bytes) : NULL;
	size_t at = comma ? (size_t)(comma - list->data) + 1 : 0;
	struct slice entry = slice_of(list->data + at, list->bytes - at);

	list->bytes = comma ? at - 1 : 0;
	while (entry.bytes && (*entry.data == ' ' || *entry.data == '\t'))
		entry = slice_of(entry.data + 1, entry.bytes - 1);
	while (entry.bytes &&
	       (entry.data[entry.bytes - 1] == ' ' || entry.data[entry.bytes - 1] == '\t'))
		entry.bytes--;
	return entry;
}

/* Go back along one line of X-Forwarded-For as long as proxies that we trust vouch for it; false
 * when the walk is over. What is no address ends it: nobody vouches for what stands before. */
static bool
walk_back(const struct bridge *bridge, struct slice list, struct network *address)
{
	struct network hop;

	while (list.bytes && is_among(&bridge->proxies, address)) {
		if (!parse_hop(take_last(&list), &hop))
			return false;
		*address = hop;
	}
	return list.bytes == 0;
}

const char *
caller_address(struct visit *visit)
{
	const struct http_request *request = visit->request;
	const struct bridge *bridge = visit->bridge;
	struct network address;
	bool goes_on = true;

	if (bridge->proxies.count == 0 ||
	    !address_parse(slice_text(request->client_address), &address))
		return request->client_address;
	for (size_t i = request->headers_count; i > 0 && goes_on; i--) {
		const struct http_header *header = &request->headers[i - 1];

		if (strcasecmp(header->name, "X-Forwarded-For") == 0)
			goes_on = walk_back(bridge, slice_text(header->value), &address);
	}
	address_format(&address, visit->client_ip_text);
	return visit->client_ip_text;
}

/* Its first bytes, in visible ASCII. NULL without it, and for reads: audit keeps none of them. */
static const char *
read_user_agent(struct visit *visit)
{
	const char *value = visit->row->effect != CLIENT_READ
				? http_request_header(visit->request, "User-Agent")
				: NULL;
	size_t bytes = value ? strnlen(value, USER_AGENT_BYTES_MAX) : 0;
	char *text = value ? arena_copy(&visit->arena, value, bytes) : NULL;

	for (size_t i = 0; text && i < bytes; i++)
		if (text[i] < 0x20 || text[i] >= 0x7f)
			text[i] = '?';
	return text;
}

bool
caller_is_among(const struct visit *visit, const struct networks *networks)
{
	struct network address;

	return address_parse(slice_text(visit->client_ip), &address) &&
	       is_among(networks, &address);
}

status
caller_read(struct visit *visit, struct client_options *out)
{
	struct slice token = SLICE_NONE, key = SLICE_NONE;
	struct client_options options = {
	    .via = visit->bridge->key,
	    .trace = read_trace(visit),
	    .client_ip = visit->client_ip,
	    .user_agent = read_user_agent(visit),
	    .call_id = call_id_of(visit->request),
	};

	TRY(read_token(visit, &token));
	TRY(read_key(visit, &key));
	options.credential = key.bytes ? key : token;
	options.on_behalf_of = key.bytes ? token : SLICE_NONE;
	TRY(read_idempotency_key(visit, &options.idempotency_key));
	TRY(read_revision(visit, &options.at_least));
	TRY(read_org(visit, &options.org));
	*out = options;
	return STATUS_OK;
}

static bool
is_about_our_key(status outcome)
{
	return outcome.reason && (strcmp(outcome.reason, "VIA_REFUSED") == 0 ||
				     strcmp(outcome.reason, "CLIENT_IP_NOT_ALLOWED") == 0);
}

status
caller_outcome(struct bridge *bridge, status outcome)
{
	int64_t now_us, last_us;

	if (!is_about_our_key(outcome))
		return outcome;
	now_us = clock_boot_us(bridge->clock);
	last_us = atomic_load(&bridge->key_refused_at_us);
	if ((last_us == 0 || now_us - last_us >= KEY_REFUSED_LOG_US) &&
	    atomic_compare_exchange_strong(&bridge->key_refused_at_us, &last_us, now_us))
		log_event(LOG_ERROR, "bridge_key_refused", "reason", outcome.reason, "message",
		    bridge->key.bytes
			? "usherd refuses bridge.key: it was revoked or has expired, or its scopes "
			  "or networks do not fit; nobody is served"
			: "bridge.key is not set, and usherd believes nobody else about callers; "
			  "nobody is served",
		    NULL);
	return REFUSE_FOR(ST_UNAVAILABLE, "BRIDGE_KEY_REFUSED",
	    "the bridge can't pass on calls: its own key is refused");
}
