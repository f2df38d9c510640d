#include "crypt/token.h"

#include "crypt/flat.h"
#include "crypt/jws.h"
#include "crypt/token_key.h"

#include <assert.h>
#include <inttypes.h>

#define HEADER_BYTES_MAX 256
#define SIGNATURE_BYTES 64
#define HEADER_MEMBERS 3
#define CLAIMS_MEMBERS_MAX 11

#define MALFORMED REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_MALFORMED", "the token is not one of ours")

static const struct token_key *
signing_key(const struct token_key_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (token_key_is_private(set->keys[i]))
			return set->keys[i];
	return NULL;
}

static bool
name_is_good(const char *name)
{
	struct slice text = slice_text(name);

	return text.bytes && text.bytes <= TOKEN_NAME_BYTES_MAX && flat_text_is_plain(text);
}

static const char *
claims_write(
    struct arena *arena, const struct token_names *names, const struct token_claims *claims)
{
	char sub[UUID_TEXT_BYTES], org[UUID_TEXT_BYTES], usr[UUID_TEXT_BYTES];
	char sid[UUID_TEXT_BYTES], jti[UUID_TEXT_BYTES];
	const char *active = "";

	uuid_format(&claims->account_id, sub);
	uuid_format(&claims->session_id, sid);
	uuid_format(&claims->token_id, jti);
	if (!uuid_is_nil(&claims->org_id)) {
		uuid_format(&claims->org_id, org);
		uuid_format(&claims->user_id, usr);
		active = arena_format(arena, ",\"org\":\"%s\",\"usr\":\"%s\"", org, usr);
		if (!active)
			return NULL;
	}
	return arena_format(arena,
	    "{\"aud\":\"%s\",\"exp\":%" PRId64 ",\"iat\":%" PRId64 ",\"iss\":\"%s\",\"jti\":\"%s\","
	    "\"nbf\":%" PRId64 ",\"sid\":\"%s\",\"sub\":\"%s\",\"use\":\"%s\"%s}",
	    names->audience, claims->expires_at_us / US_PER_S, claims->issued_at_us / US_PER_S,
	    names->issuer, jti, claims->not_before_us / US_PER_S, sid, sub, names->use, active);
}

status
token_issue(const struct token_key_set *set, const struct token_names *names, int64_t now_us,
    struct arena *arena, struct token_claims *claims, const char **text)
{
	const struct token_key *key = signing_key(set);
	struct token_claims issued = *claims;
	const char *made;

	if (!key)
		return REFUSE_FOR(
		    ST_FAILED_PRECONDITION, "NO_SIGNING_KEY", "there is no key to sign with");
	if (!name_is_good(names->issuer) || !name_is_good(names->audience) ||
	    !name_is_good(names->use))
		return REFUSE(ST_INVALID_ARGUMENT, "issuer and audience are 1 to 255 printable "
						   "ASCII characters, without \" and \\");
	if (uuid_is_nil(&issued.org_id) != uuid_is_nil(&issued.user_id))
		return REFUSE(
		    ST_INVALID_ARGUMENT, "an active organisation and its user come together");

	issued.issued_at_us = now_us - now_us % US_PER_S;
	issued.not_before_us = issued.issued_at_us;
	issued.expires_at_us =
	    issued.issued_at_us + (names->ttl_us ? names->ttl_us : TOKEN_TTL_S * US_PER_S);
	const char *json = claims_write(arena, names, &issued);
	if (!json)
		return ARENA_EXHAUSTED;
	TRY(jws_sign(slice_text(key->private_pem), key->kid, json, arena, &made));
	assert(strlen(made) <= TOKEN_TEXT_BYTES_MAX);
	*claims = issued;
	*text = made;
	return STATUS_OK;
}

/* A token's three parts, decoded. */
struct parts {
	uint8_t header[HEADER_BYTES_MAX];
	size_t header_bytes;
	uint8_t payload[TOKEN_TEXT_BYTES_MAX];
	size_t payload_bytes;
	uint8_t signature[SIGNATURE_BYTES];
};

/* Decode up to the next dot, or to the end. */
static bool
take_part(struct slice *rest, bool last, uint8_t *out, size_t *out_bytes)
{
	const uint8_t *dot = memchr(rest->data, '.', rest->bytes);
	if (last != !dot)
		return false;

	struct slice part = slice_of(rest->data, dot ? (size_t)(dot - rest->data) : rest->bytes);
	*rest = dot ? slice_of(dot + 1, rest->bytes - part.bytes - 1) : SLICE_NONE;
	return part.bytes && base64_decode(part, BASE64_URL, out, out_bytes);
}

static bool
split(struct slice text, struct parts *out)
{
	size_t signature_bytes = sizeof out->signature;

	out->header_bytes = sizeof out->header;
	out->payload_bytes = sizeof out->payload;
	return take_part(&text, false, out->header, &out->header_bytes) &&
	       take_part(&text, false, out->payload, &out->payload_bytes) &&
	       take_part(&text, true, out->signature, &signature_bytes) &&
	       signature_bytes == SIGNATURE_BYTES;
}

/* The header says alg, typ and kid and nothing else: no crit, and no key of the sender's own. */
static bool
header_read(const struct parts *parts, struct slice *kid)
{
	struct flat_member members[HEADER_MEMBERS];
	size_t count;

	if (!flat_parse(
		slice_of(parts->header, parts->header_bytes), members, HEADER_MEMBERS, &count))
		return false;
	const struct flat_member *alg = flat_find(members, count, "alg");
	const struct flat_member *typ = flat_find(members, count, "typ");
	const struct flat_member *id = flat_find(members, count, "kid");
	if (!alg || !slice_equals_text(alg->text, "ES256") || !typ ||
	    !slice_equals_text(typ->text, "JWT") || !id || !id->is_text)
		return false;
	*kid = id->text;
	return true;
}

static const struct token_key *
key_of(const struct token_key_set *set, struct slice kid)
{
	for (size_t i = 0; i < set->count; i++)
		if (slice_equals_text(kid, set->keys[i]->kid))
			return set->keys[i];
	return NULL;
}

/* The claims of a payload, by name. */
struct payload {
	struct flat_member members[CLAIMS_MEMBERS_MAX];
	size_t count;
};

static bool
claim_id(const struct payload *payload, const char *name, struct uuid *out)
{
	const struct flat_member *member = flat_find(payload->members, payload->count, name);

	return member && member->is_text && uuid_parse(member->text, out);
}

static bool
claim_time(const struct payload *payload, const char *name, int64_t *out_us)
{
	const struct flat_member *member = flat_find(payload->members, payload->count, name);

	if (!member || member->is_text)
		return false;
	*out_us = member->number * US_PER_S;
	return true;
}

static bool
claim_is(const struct payload *payload, const char *name, const char *expected)
{
	const struct flat_member *member = flat_find(payload->members, payload->count, name);

	return member && member->is_text && slice_equals_text(member->text, expected);
}

static bool
claims_read(const struct payload *payload, struct token_claims *out)
{
	bool with_org = flat_find(payload->members, payload->count, "org") ||
			flat_find(payload->members, payload->count, "usr");

	*out = (struct token_claims){.issued_at_us = 0};
	return claim_id(payload, "sub", &out->account_id) &&
	       claim_id(payload, "sid", &out->session_id) &&
	       claim_id(payload, "jti", &out->token_id) &&
	       (!with_org || (claim_id(payload, "org", &out->org_id) &&
				 claim_id(payload, "usr", &out->user_id))) &&
	       claim_time(payload, "iat", &out->issued_at_us) &&
	       claim_time(payload, "nbf", &out->not_before_us) &&
	       claim_time(payload, "exp", &out->expires_at_us);
}

static status
claims_check(const struct payload *payload, const struct token_claims *claims,
    const struct token_names *expected, int64_t now_us)
{
	const int64_t leeway_us = TOKEN_LEEWAY_S * US_PER_S;

	if (!claim_is(payload, "iss", expected->issuer) ||
	    !claim_is(payload, "aud", expected->audience) ||
	    !claim_is(payload, "use", expected->use))
		return REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_FOR_ANOTHER",
		    "the token was issued by or for somebody else, or for another use");
	if (now_us >= claims->expires_at_us + leeway_us)
		return REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_EXPIRED", "the token has expired");
	if (now_us + leeway_us < claims->not_before_us || now_us + leeway_us < claims->issued_at_us)
		return REFUSE_FOR(
		    ST_UNAUTHENTICATED, "TOKEN_NOT_YET_VALID", "the token is not valid yet");
	return STATUS_OK;
}

status
token_verify(const struct token_key_set *set, const struct token_names *expected, struct slice text,
    int64_t now_us, struct token_claims *claims)
{
	char copy[TOKEN_TEXT_BYTES_MAX + 1];
	struct parts parts;
	struct payload payload;
	struct token_claims read;
	struct slice kid;
	bool genuine = false;

	if (text.bytes == 0 || text.bytes > TOKEN_TEXT_BYTES_MAX || !split(text, &parts) ||
	    !header_read(&parts, &kid))
		return MALFORMED;
	const struct token_key *key = key_of(set, kid);
	if (!key)
		return REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_KEY_UNKNOWN",
		    "the token is signed with a key that is not, or no longer, in use");

	/* split() has let nothing but base64url and dots through, so there is no NUL in it. */
	memcpy(copy, text.data, text.bytes);
	copy[text.bytes] = 0;
	TRY(jws_verify(slice_text(key->public_pem), copy, &genuine));
	if (!genuine)
		return REFUSE_FOR(
		    ST_UNAUTHENTICATED, "TOKEN_FORGED", "the token's signature is not ours");

	if (!flat_parse(slice_of(parts.payload, parts.payload_bytes), payload.members,
		CLAIMS_MEMBERS_MAX, &payload.count) ||
	    !claims_read(&payload, &read))
		return MALFORMED;
	TRY(claims_check(&payload, &read, expected, now_us));
	*claims = read;
	return STATUS_OK;
}
