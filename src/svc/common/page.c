#include "svc/common/page.h"

#include "base/limits.h"

#define TOKEN_VERSION 1
#define NUMBER_AT 1
#define ID_AT (NUMBER_AT + 8)
#define MAC_AT (ID_AT + UUID_BYTES)
#define MAC_BYTES 16
#define TOKEN_BYTES (MAC_AT + MAC_BYTES)

void
page_key_derive(const struct crypt_key *master, struct crypt_key *out)
{
	crypt_key_derive(master, "usher page tokens", out);
}

static void
token_mac(const struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const uint8_t token[TOKEN_BYTES], struct crypt_digest *out)
{
	struct slice parts[] = {
	    slice_text(call->method->name),
	    slice_of(call->principal->org_id.bytes, UUID_BYTES),
	    filter,
	    slice_of(token, MAC_AT),
	};

	crypt_mac(key, parts, sizeof(parts) / sizeof(parts[0]), out);
}

static bool
token_read(const struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const char *text, struct page_position *out)
{
	uint8_t token[TOKEN_BYTES];
	size_t bytes = sizeof(token); /* the room; then the length */
	struct crypt_digest mac;
	uint64_t number = 0;

	if (!base64_decode(slice_text(text), BASE64_URL, token, &bytes) || bytes != TOKEN_BYTES ||
	    token[0] != TOKEN_VERSION)
		return false;
	token_mac(call, key, filter, token, &mac);
	if (!slice_equals_secret(
		slice_of(mac.bytes, MAC_BYTES), slice_of(token + MAC_AT, MAC_BYTES)))
		return false;
	for (size_t i = 0; i < 8; i++)
		number = number << 8 | token[NUMBER_AT + i];
	out->number = (int64_t)number;
	memcpy(out->id.bytes, token + ID_AT, UUID_BYTES);
	return true;
}

status
page_read(struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const Usher__V1__PageRequest *request, struct page *out)
{
	struct page page = {.size = PAGE_ITEMS_DEFAULT, .is_first = true};

	if (request && request->size > PAGE_ITEMS_MAX)
		return rpc_refuse_field(call, "page.size", "is more than %d", PAGE_ITEMS_MAX);
	if (request && request->size > 0)
		page.size = (int)request->size;
	if (request && *request->token) {
		page.is_first = false;
		if (!token_read(call, key, filter, request->token, &page.after))
			return rpc_refuse_field(call, "page.token", "was not given by this list");
	}
	*out = page;
	return STATUS_OK;
}

status
page_close(struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const struct page_position *last, Usher__V1__PageReply **out)
{
	uint8_t token[TOKEN_BYTES] = {TOKEN_VERSION};
	Usher__V1__PageReply *reply = arena_alloc(call->arena, sizeof(*reply));
	char *text = arena_alloc(call->arena, BASE64_TEXT_BYTES(TOKEN_BYTES));
	struct crypt_digest mac;

	if (!reply || !text)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < 8; i++)
		token[NUMBER_AT + i] = (uint8_t)((uint64_t)last->number >> (56 - 8 * i));
	memcpy(token + ID_AT, last->id.bytes, UUID_BYTES);
	token_mac(call, key, filter, token, &mac);
	memcpy(token + MAC_AT, mac.bytes, MAC_BYTES);
	base64_encode(slice_of(token, sizeof(token)), BASE64_URL, text);
	usher__v1__page_reply__init(reply);
	reply->next_token = text;
	*out = reply;
	return STATUS_OK;
}
