#include "crypt/token.h"

#include "crypt/flat.h"
#include "crypt/jws.h"
#include "crypt/token_key.h"

#include <assert.h>
#include <inttypes.h>

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

	return text.bytes && text.bytes <= TOKEN_NAME_BYTES_MAX && text_is_plain(text);
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
	TRY(jws_sign(key->pkey, key->kid, json, arena, &made));
	assert(strlen(made) <= TOKEN_TEXT_BYTES_MAX);
	*claims = issued;
	*text = made;
	return STATUS_OK;
}

static const struct token_key *
key_of(const struct token_key_set *set, struct slice kid)
{
	for (size_t i = 0; i < set->count; i++)
		if (slice_equals_text(kid, set->keys[i]->kid))
			return set->keys[i];
	return NULL;
}

static bool
claim_id(const struct jws_claims *claims, const char *name, struct uuid *out)
{
	const char *text = jws_text_claim(claims, name);

	return text && uuid_parse(slice_text(text), out);
}

static bool
claim_time(const struct jws_claims *claims, const char *name, int64_t *out_us)
{
	int64_t time_s;

	if (!jws_number_claim(claims, name, &time_s))
		return false;
	*out_us = time_s * US_PER_S;
	return true;
}

static bool
claim_is(const struct jws_claims *claims, const char *name, const char *expected)
{
	const char *text = jws_text_claim(claims, name);

	return text && strcmp(text, expected) == 0;
}

static bool
claims_read(const struct jws_claims *claims, struct token_claims *out)
{
	bool with_org = jws_has_claim(claims, "org") || jws_has_claim(claims, "usr");

	*out = (struct token_claims){.issued_at_us = 0};
	return claim_id(claims, "sub", &out->account_id) &&
	       claim_id(claims, "sid", &out->session_id) &&
	       claim_id(claims, "jti", &out->token_id) &&
	       (!with_org || (claim_id(claims, "org", &out->org_id) &&
				 claim_id(claims, "usr", &out->user_id))) &&
	       claim_time(claims, "iat", &out->issued_at_us) &&
	       claim_time(claims, "nbf", &out->not_before_us) &&
	       claim_time(claims, "exp", &out->expires_at_us);
}

static status
claims_check(const struct jws_claims *signed_claims, const struct token_claims *claims,
    const struct token_names *expected, int64_t now_us)
{
	const int64_t leeway_us = TOKEN_LEEWAY_S * US_PER_S;

	if (!claim_is(signed_claims, "iss", expected->issuer) ||
	    !claim_is(signed_claims, "aud", expected->audience) ||
	    !claim_is(signed_claims, "use", expected->use))
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
	__attribute__((cleanup(jws_claims_free))) struct jws_claims proved = {NULL};
	struct jws_unproved unproved;
	struct token_claims read;

	TRY(jws_read(text, &unproved));
	const struct token_key *key = key_of(set, unproved.kid);
	if (!key)
		return REFUSE_FOR(ST_UNAUTHENTICATED, "TOKEN_KEY_UNKNOWN",
		    "the token is signed with a key that is not, or no longer, in use");
	TRY(jws_prove(key->pkey, &unproved, &proved));
	if (!claims_read(&proved, &read))
		return JWS_MALFORMED;
	TRY(claims_check(&proved, &read, expected, now_us));
	*claims = read;
	return STATUS_OK;
}
