/* Tokens. The first byte chooses what the rest is: a whole token; a header; a payload, or a header
 * and a payload, which are signed well, so that the fuzzer gets past the signature; the three parts
 * of a token before they are encoded; or flat JSON. Parts stand in lines. */
#include "crypt/flat.h"
#include "crypt/jws.h"
#include "crypt/token_key.h"
#include "tests/lib/fake_rand.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_rand source;
static struct token_key *key;
static struct arena arena;

static void
verify(struct slice text)
{
	const struct token_key_set set = {.keys = {key}, .count = 1};
	const struct token_names names = {
	    .issuer = "iss", .audience = "aud", .use = TOKEN_USE_ACCESS};
	struct token_claims claims;

	status st = token_verify(&set, &names, text, 1000 * US_PER_S, &claims);
	assert(st.code == ST_OK || st.code == ST_UNAUTHENTICATED);
	if (st.code == ST_OK)
		assert(claims.expires_at_us > (1000 - TOKEN_LEEWAY_S) * US_PER_S);
}

/* With a signature of zeros: a header that is taken leads to a forgery. */
static void
verify_with_header(struct slice header)
{
	char text[TOKEN_TEXT_BYTES_MAX * 2];

	if (header.bytes > 512)
		return;
	size_t at = base64_encode(header, BASE64_URL, text);
	snprintf(text + at, sizeof text - at, ".e30.%086d", 0);
	verify(slice_text(text));
}

static void
verify_with_payload(struct slice payload)
{
	const char *text;
	const char *header =
	    arena_format(&arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid);

	if (header && payload.bytes <= TOKEN_TEXT_BYTES_MAX &&
	    jws_sign_bytes(key->pkey, slice_text(header), payload, &arena, &text).code == ST_OK)
		verify(slice_text(text));
}

/* Up to the next end of a line, or to the end. */
static struct slice
take_line(struct slice *rest)
{
	const uint8_t *end = rest->bytes ? memchr(rest->data, '\n', rest->bytes) : NULL;
	struct slice line = slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->bytes);

	*rest = end ? slice_of(end + 1, rest->bytes - line.bytes - 1) : SLICE_NONE;
	return line;
}

static void
verify_signed(struct slice lines)
{
	const char *text;
	struct slice header = take_line(&lines);

	if (header.bytes + lines.bytes <= TOKEN_TEXT_BYTES_MAX &&
	    jws_sign_bytes(key->pkey, header, lines, &arena, &text).code == ST_OK)
		verify(slice_text(text));
}

static void
verify_parts(struct slice lines)
{
	char text[TOKEN_TEXT_BYTES_MAX * 2];
	size_t at = 0;

	if (lines.bytes > TOKEN_TEXT_BYTES_MAX)
		return;
	for (int part = 0; part < 3; part++) {
		if (part)
			text[at++] = '.';
		at += base64_encode(part < 2 ? take_line(&lines) : lines, BASE64_URL, text + at);
	}
	verify(slice_of(text, at));
}

static void
parse_flat(struct slice json)
{
	struct flat_member members[8];
	size_t count = 0;

	if (!flat_parse(json, members, 8, &count))
		return;
	assert(count >= 1 && count <= 8);
	for (size_t i = 0; i < count; i++) {
		assert(text_is_plain(members[i].name) && text_is_plain(members[i].text));
		assert(members[i].number >= 0 && members[i].number <= FLAT_NUMBER_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!key) {
		fake_rand_init(&source, 1);
		status st = crypt_init();
		if (st.code == ST_OK)
			st = arena_init(&arena, 4096, 1 << 20);
		if (st.code == ST_OK)
			st = token_key_make(&source.source, &key);
		assert(st.code == ST_OK);
	}
	if (bytes == 0)
		return 0;

	struct slice rest = slice_of(data + 1, bytes - 1);
	switch (data[0] % 6) {
	case 0:
		verify(rest);
		break;
	case 1:
		verify_with_header(rest);
		break;
	case 2:
		verify_with_payload(rest);
		break;
	case 4:
		verify_signed(rest);
		break;
	case 5:
		verify_parts(rest);
		break;
	default:
		parse_flat(rest);
	}
	arena_reset(&arena);
	return 0;
}
