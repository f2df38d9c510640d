/* Access tokens: what we issue we accept, and nothing else. */
#include "crypt/token.h"

#include "crypt/flat.h"
#include "crypt/jws.h"
#include "crypt/token_key.h"
#include "tests/lib/fake_rand.h"
#include "tests/lib/lacking.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_US (INT64_C(1790000000) * US_PER_S + 250)
#define TEXT_BYTES 8192

struct fixture {
	struct fake_rand rand;
	struct arena arena;
	struct token_key *key, *other;
	struct token_key_set set;
	struct token_names names;
	struct token_claims claims;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	assert_int_equal(crypt_init().code, ST_OK);
	fake_rand_init(&f->rand, 5);
	assert_int_equal(arena_init(&f->arena, 4096, 1 << 20).code, ST_OK);
	assert_int_equal(token_key_make(&f->rand.source, &f->key).code, ST_OK);
	assert_int_equal(token_key_make(&f->rand.source, &f->other).code, ST_OK);
	f->set = (struct token_key_set){.keys = {f->key}, .count = 1};
	f->names = (struct token_names){"https://id.example.org", "usher", TOKEN_USE_ACCESS, 0};
	f->claims = (struct token_claims){.account_id = {{1}},
	    .org_id = {{2}},
	    .user_id = {{3}},
	    .session_id = {{4}},
	    .token_id = {{5}}};
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	token_key_free(&f->key);
	token_key_free(&f->other);
	arena_done(&f->arena);
	return 0;
}

static const char *
issue(struct fixture *f)
{
	const char *text = NULL;

	status st = token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text);
	assert_int_equal(st.code, ST_OK);
	return text;
}

/* The reason for which the text is refused at that time; "OK" if it is not. */
static const char *
verdict_at(struct fixture *f, struct slice text, int64_t now_us)
{
	struct token_claims claims, untouched;

	memset(&claims, 0x5a, sizeof claims);
	untouched = claims;
	status st = token_verify(&f->set, &f->names, text, now_us, &claims);
	assert_int_equal(ERR_peek_error(), 0);
	if (st.code == ST_OK)
		return "OK";
	assert_int_equal(st.code, ST_UNAUTHENTICATED);
	assert_memory_equal(&claims, &untouched, sizeof claims);
	return st.reason;
}

static const char *
verdict(struct fixture *f, const char *text)
{
	return verdict_at(f, slice_text(text), NOW_US);
}

static size_t
add_base64(char *out, const void *data, size_t bytes)
{
	return base64_encode(slice_of(data, bytes), BASE64_URL, out);
}

/* ES256 by OpenSSL, over anything. */
static void
sign_raw(const struct token_key *key, const char *text, uint8_t out[64])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t der[80];
	const uint8_t *at = der;
	size_t der_bytes = sizeof der;

	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey), 1);
	assert_int_equal(
	    EVP_DigestSign(context, der, &der_bytes, (const uint8_t *)text, strlen(text)), 1);
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der_bytes);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32), 32);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(context);
}

static struct slice
private_pem(const struct token_key *key, struct arena *arena)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(
	    PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL), 1);
	long bytes = BIO_get_mem_data(bio, &data);
	struct slice pem = slice_of(arena_copy(arena, data, (size_t)bytes), (size_t)bytes);
	BIO_free(bio);
	return pem;
}

/* A token with whatever header and payload, signed well. */
static const char *
forge(struct fixture *f, const char *header, const char *payload)
{
	char *text = arena_alloc(&f->arena, TEXT_BYTES);
	uint8_t signature[64];
	size_t at = add_base64(text, header, strlen(header));

	text[at++] = '.';
	at += add_base64(text + at, payload, strlen(payload));
	sign_raw(f->key, text, signature);
	text[at++] = '.';
	add_base64(text + at, signature, sizeof signature);
	return text;
}

static const char *
good_header(struct fixture *f)
{
	return arena_format(
	    &f->arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", f->key->kid);
}

#define ID "00000000-0000-7000-8000-00000000000"
#define TIMES "\"exp\":1790000900,\"iat\":1790000000,\"nbf\":1790000000"
#define NAMES "\"aud\":\"usher\",\"iss\":\"https://id.example.org\",\"use\":\"access\""
#define IDS "\"jti\":\"" ID "1\",\"sid\":\"" ID "2\",\"sub\":\"" ID "3\""
#define ACTIVE "\"org\":\"" ID "4\",\"usr\":\"" ID "5\""

static const char *
verdict_on_payload(struct fixture *f, const char *payload)
{
	return verdict(f, forge(f, good_header(f), payload));
}

static void
what_we_issue_we_accept_with_the_same_claims(void **state)
{
	struct fixture *f = *state;
	const char *text = issue(f);
	struct token_claims read;

	assert_int_equal(
	    token_verify(&f->set, &f->names, slice_text(text), NOW_US, &read).code, ST_OK);
	assert_memory_equal(&read, &f->claims, sizeof read);
	assert_int_equal(read.issued_at_us, NOW_US - 250);
	assert_int_equal(read.expires_at_us, NOW_US - 250 + TOKEN_TTL_S * US_PER_S);
}

static void
without_an_active_organisation_org_and_usr_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct token_claims read;

	f->claims.org_id = f->claims.user_id = (struct uuid){{0}};
	const char *text = issue(f);
	assert_int_equal(
	    token_verify(&f->set, &f->names, slice_text(text), NOW_US, &read).code, ST_OK);
	assert_true(uuid_is_nil(&read.org_id));
	assert_true(uuid_is_nil(&read.user_id));
	f->claims.org_id = (struct uuid){{2}};
	assert_int_equal(token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text).code,
	    ST_INVALID_ARGUMENT);
}

static void
no_character_of_a_token_can_change(void **state)
{
	struct fixture *f = *state;
	const char *text = issue(f);
	size_t bytes = strlen(text);
	static const char others[] = {'A', 'b', '-', '_', '.', '=', '+', ' ', '\0', '\n', '\x80'};
	char copy[TEXT_BYTES];

	for (size_t i = 0; i < bytes; i++)
		for (size_t c = 0; c < sizeof others; c++) {
			if (text[i] == others[c])
				continue;
			memcpy(copy, text, bytes + 1);
			copy[i] = others[c];
			assert_string_not_equal(verdict_at(f, slice_of(copy, bytes), NOW_US), "OK");
		}
}

static void
a_token_cut_short_extended_or_oversized_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *text = issue(f);
	size_t bytes = strlen(text);
	char copy[TEXT_BYTES];

	for (size_t i = 0; i < bytes; i++)
		assert_string_equal(verdict_at(f, slice_of(text, i), NOW_US), "TOKEN_MALFORMED");
	static const char *const tails[] = {"A", "AA", "AAAA", ".", ".AAAA", "=", " ", "\n"};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(copy, sizeof copy, "%s%s", text, tails[i]);
		assert_string_equal(verdict(f, copy), "TOKEN_MALFORMED");
	}
	assert_string_equal(verdict_at(f, slice_of(text, bytes + 1), NOW_US), "TOKEN_MALFORMED");
	memset(copy, 'A', sizeof copy);
	assert_string_equal(verdict_at(f, slice_of(copy, sizeof copy), NOW_US), "TOKEN_MALFORMED");
	assert_string_equal(verdict_at(f, SLICE_NONE, NOW_US), "TOKEN_MALFORMED");
}

/* The last character of 64 bytes in base64url carries four bits that say nothing. */
static void
a_token_has_one_text(void **state)
{
	struct fixture *f = *state;
	char copy[TEXT_BYTES];

	snprintf(copy, sizeof copy, "%s", issue(f));
	char *last = copy + strlen(copy) - 1;
	assert_non_null(strchr("AQgw", *last));
	(*last)++;
	assert_string_equal(verdict(f, copy), "TOKEN_MALFORMED");
}

/* Header and payload encoded as the caller likes, signed as they stand. */
static const char *
verdict_on_texts(struct fixture *f, const char *header, const char *payload)
{
	char text[TEXT_BYTES];
	uint8_t signature[64];
	int at = snprintf(text, sizeof text, "%s.%s", header, payload);

	sign_raw(f->key, text, signature);
	text[at++] = '.';
	add_base64(text + at, signature, sizeof signature);
	return verdict(f, text);
}

static void
base64_that_is_not_the_one_text_of_its_bytes_is_refused_though_signed(void **state)
{
	struct fixture *f = *state;
	char header[512], payload[1024], changed[1024];
	const char *claims = "{" NAMES "," IDS "," TIMES "," ACTIVE "}";

	/* Both are of a length that leaves bits over. */
	size_t bytes = add_base64(header, good_header(f), strlen(good_header(f)));
	assert_int_not_equal(strlen(good_header(f)) % 3, 0);
	assert_int_not_equal(strlen(claims) % 3, 0);
	add_base64(payload, claims, strlen(claims));
	assert_string_equal(verdict_on_texts(f, header, payload), "OK");

	snprintf(changed, sizeof changed, "%s", header);
	changed[bytes - 1]++;
	assert_string_equal(verdict_on_texts(f, changed, payload), "TOKEN_MALFORMED");
	snprintf(changed, sizeof changed, "%s", payload);
	changed[strlen(payload) - 1]++;
	assert_string_equal(verdict_on_texts(f, header, changed), "TOKEN_MALFORMED");
	static const char *const tails[] = {"=", "==", "A", " ", "\n", "+", "/", "."};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(changed, sizeof changed, "%s%s", header, tails[i]);
		assert_string_equal(verdict_on_texts(f, changed, payload), "TOKEN_MALFORMED");
		snprintf(changed, sizeof changed, "%s%s", payload, tails[i]);
		assert_string_equal(verdict_on_texts(f, header, changed), "TOKEN_MALFORMED");
	}
	assert_string_equal(verdict_on_texts(f, "", payload), "TOKEN_MALFORMED");
	assert_string_equal(verdict_on_texts(f, header, ""), "TOKEN_MALFORMED");
}

static void
a_token_is_refused_from_one_byte_over_the_limit_though_signed(void **state)
{
	struct fixture *f = *state;
	static char filler[TOKEN_TEXT_BYTES_MAX], huge[1 << 20];
	size_t longest = 0;

	for (size_t bytes = 0, text_bytes = 0; text_bytes <= TOKEN_TEXT_BYTES_MAX; bytes++) {
		arena_reset(&f->arena);
		memset(filler, 'x', bytes);
		const char *text = forge(f, good_header(f),
		    arena_format(&f->arena, "{" NAMES "," IDS "," TIMES ",\"x\":\"%s\"}", filler));
		text_bytes = strlen(text);
		assert_string_equal(verdict(f, text),
		    text_bytes <= TOKEN_TEXT_BYTES_MAX ? "OK" : "TOKEN_MALFORMED");
		if (text_bytes <= TOKEN_TEXT_BYTES_MAX)
			longest = text_bytes;
	}
	assert_in_range(longest, TOKEN_TEXT_BYTES_MAX - 1, TOKEN_TEXT_BYTES_MAX);
	memset(huge, 'A', sizeof huge - 1);
	assert_string_equal(verdict(f, huge), "TOKEN_MALFORMED");
}

static void
alg_none_is_refused_with_and_without_a_signature(void **state)
{
	struct fixture *f = *state;
	static const char *const algs[] = {"none", "None", "NONE", "nOnE", ""};

	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		const char *header = arena_format(&f->arena,
		    "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", algs[i], f->key->kid);
		char *text =
		    (char *)(uintptr_t)forge(f, header, "{" NAMES "," IDS "," TIMES "," ACTIVE "}");
		assert_string_equal(verdict(f, text), "TOKEN_MALFORMED");
		strrchr(text, '.')[1] = 0;
		assert_string_equal(verdict(f, text), "TOKEN_MALFORMED");
	}
}

/* The public key is public, so anybody can use it as the secret of an HMAC. */
static void
a_mac_keyed_with_the_public_key_is_no_signature(void **state)
{
	struct fixture *f = *state;
	static const char *const algs[] = {"HS256", "ES256"};
	const char *pem = token_key_public_pem(f->key);

	for (size_t i = 0; i < 2; i++) {
		char text[TEXT_BYTES];
		const char *header = arena_format(&f->arena,
		    "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", algs[i], f->key->kid);
		const char *payload = "{" NAMES "," IDS "," TIMES "," ACTIVE "}";
		size_t at = add_base64(text, header, strlen(header));
		text[at++] = '.';
		at += add_base64(text + at, payload, strlen(payload));

		uint8_t mac[64] = {0};
		unsigned mac_bytes = 0;
		HMAC(EVP_sha256(), pem, (int)strlen(pem), (uint8_t *)text, at, mac, &mac_bytes);
		text[at++] = '.';
		add_base64(text + at, mac, 32);
		assert_string_equal(verdict(f, text), "TOKEN_MALFORMED");
		add_base64(text + at, mac, sizeof mac);
		assert_string_equal(verdict(f, text), i ? "TOKEN_FORGED" : "TOKEN_MALFORMED");
	}
}

static void
a_header_with_anything_but_alg_kid_and_typ_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *payload = "{" NAMES "," IDS "," TIMES "," ACTIVE "}";
	const char *const formats[] = {
	    "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"crit\":\"exp\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"jwk\":{}}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"x5c\":\"MIIB\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"jku\":\"https://evil.example\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"b64\":false}",
	    "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"%s\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
	    "{\"alg\":\"HS256\",\"alg\":\"ES256\",\"kid\":\"%s\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"other\",\"kid\":\"%s\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\"}",
	    "{\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"ES384\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"es256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":256,\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}",
	    "{\"ALG\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"\\u0045S256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "{ \"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
	    "[\"ES256\",\"%s\"]",
	};

	assert_string_equal(verdict(f, forge(f, good_header(f), payload)), "OK");
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const char *header = arena_format(&f->arena, formats[i], f->key->kid);
		if (strcmp(verdict(f, forge(f, header, payload)), "TOKEN_MALFORMED") != 0)
			fail_msg("accepted: %s", header);
	}
	static const char *const others[] = {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"ES256\",\"kid\":1,\"typ\":\"JWT\"}", "{}", "null", "\"\"", "", "{"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_string_equal(verdict(f, forge(f, others[i], payload)), "TOKEN_MALFORMED");
}

static void
the_key_is_the_one_that_kid_names_and_no_other(void **state)
{
	struct fixture *f = *state;
	const char *payload = "{" NAMES "," IDS "," TIMES "," ACTIVE "}";
	const char *header = arena_format(
	    &f->arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", f->other->kid);
	const char *text = forge(f, header, payload); /* signed with key, says other */

	assert_string_equal(verdict(f, text), "TOKEN_KEY_UNKNOWN");
	f->set = (struct token_key_set){.keys = {f->key, f->other}, .count = 2};
	assert_string_equal(verdict(f, text), "TOKEN_FORGED");
	f->set.count = 0;
	assert_string_equal(verdict(f, text), "TOKEN_KEY_UNKNOWN");
}

static void
an_old_key_verifies_after_a_new_one_signs(void **state)
{
	struct fixture *f = *state;
	const char *old = issue(f);
	struct token_key *public_half;

	assert_int_equal(
	    token_key_init(slice_text(token_key_public_pem(f->key)), &public_half).code, ST_OK);
	assert_false(token_key_is_private(public_half));
	f->set = (struct token_key_set){.keys = {public_half, f->other}, .count = 2};
	assert_string_equal(verdict(f, old), "OK");
	const char *new = issue(f);
	assert_string_equal(verdict(f, new), "OK");
	f->set.count = 1;
	assert_string_equal(verdict(f, new), "TOKEN_KEY_UNKNOWN");
	const char *text = "untouched";
	assert_int_equal(token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text).code,
	    ST_FAILED_PRECONDITION);
	assert_string_equal(text, "untouched");
	token_key_free(&public_half);
}

static void
a_token_is_valid_from_nbf_to_exp_with_the_leeway(void **state)
{
	struct fixture *f = *state;
	struct slice text = slice_text(issue(f));
	int64_t from_us = f->claims.not_before_us - TOKEN_LEEWAY_S * US_PER_S;
	int64_t to_us = f->claims.expires_at_us + TOKEN_LEEWAY_S * US_PER_S;

	assert_string_equal(verdict_at(f, text, from_us - 1), "TOKEN_NOT_YET_VALID");
	assert_string_equal(verdict_at(f, text, from_us), "OK");
	assert_string_equal(verdict_at(f, text, to_us - 1), "OK");
	assert_string_equal(verdict_at(f, text, to_us), "TOKEN_EXPIRED");
	assert_string_equal(verdict_at(f, text, 0), "TOKEN_NOT_YET_VALID");
	assert_string_equal(
	    verdict_on_payload(f, "{" NAMES "," IDS "," ACTIVE
				  ",\"exp\":1790000900,\"iat\":1790000011,\"nbf\":1790000000}"),
	    "TOKEN_NOT_YET_VALID");
}

static void
a_token_of_another_issuer_audience_or_use_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {
	    "\"aud\":\"other\",\"iss\":\"https://id.example.org\",\"use\":\"access\"",
	    "\"aud\":\"usher\",\"iss\":\"https://id.example.org/\",\"use\":\"access\"",
	    "\"aud\":\"usher\",\"iss\":\"https://id.example.org\",\"use\":\"refresh\"",
	    "\"aud\":\"Usher\",\"iss\":\"https://id.example.org\",\"use\":\"access\"",
	    "\"aud\":\"\",\"iss\":\"https://id.example.org\",\"use\":\"access\"",
	    "\"aud\":1,\"iss\":\"https://id.example.org\",\"use\":\"access\"",
	    "\"iss\":\"https://id.example.org\",\"use\":\"access\"",
	    "\"aud\":\"usher\",\"use\":\"access\"",
	    "\"aud\":\"usher\",\"iss\":\"https://id.example.org\"",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *payload =
		    arena_format(&f->arena, "{%s," IDS "," TIMES "," ACTIVE "}", names[i]);
		assert_string_equal(verdict_on_payload(f, payload), "TOKEN_FOR_ANOTHER");
	}
}

static void
claims_that_are_missing_doubled_or_out_of_form_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const payloads[] = {
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"sub\":\"" ID "9\"}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"exp\":9999999999}",
	    "{" NAMES "," IDS "," TIMES ",\"sub\":\"" ID "3\"}",
	    "{" NAMES "," IDS "," TIMES ",\"exp\":1790000900}",
	    "{" NAMES "," IDS "," ACTIVE "}",
	    "{" NAMES "," TIMES "," ACTIVE "}",
	    "{" NAMES "," IDS "," TIMES ",\"org\":\"" ID "4\"}",
	    "{" NAMES "," IDS "," TIMES ",\"usr\":\"" ID "4\"}",
	    "{" NAMES "," IDS "," TIMES ",\"org\":\"x\",\"usr\":\"y\"}",
	    "{" NAMES "," IDS ",\"exp\":\"1790000900\",\"iat\":1790000000,\"nbf\":1790000000}",
	    "{" NAMES "," IDS ",\"exp\":1790000900.5,\"iat\":1790000000,\"nbf\":1790000000}",
	    "{" NAMES "," IDS ",\"exp\":1e12,\"iat\":1790000000,\"nbf\":1790000000}",
	    "{" NAMES "," IDS ",\"exp\":999999999999,\"iat\":1790000000,\"nbf\":0}",
	    "{" NAMES "," IDS ",\"exp\":1790000900,\"iat\":1790000000,\"nbf\":-1}",
	    "{" NAMES "," IDS ",\"exp\":1790000900,\"iat\":1790000000,\"nbf\":null}",
	    "{" NAMES "," IDS ",\"exp\":1790000900,\"iat\":1790000000,\"nbf\":00}",
	    "{" NAMES ", " IDS "," TIMES "," ACTIVE "}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"more\":{}}",
	    "{" NAMES "," IDS "," TIMES ",\"\":\"x\"}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"a\":1,\"b\":1,\"c\":1}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE "}{}",
	    "{}",
	    "",
	    "null",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"sub\":\"\\u0000\"}",
	    "{" NAMES "," IDS "," TIMES "," ACTIVE ",\"s\\u0075b\":\"" ID "9\"}",
	};

	assert_string_equal(
	    verdict_on_payload(f, "{" NAMES "," IDS "," TIMES "," ACTIVE "}"), "OK");
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		const char *reason = verdict_on_payload(f, payloads[i]);
		if (strcmp(reason, "TOKEN_MALFORMED") != 0)
			fail_msg("%s: %s", reason, payloads[i]);
	}
}

/* Replace the signature of a good token. */
static const char *
verdict_on_signature(struct fixture *f, const char *text, const uint8_t signature[64])
{
	char copy[TEXT_BYTES];

	snprintf(copy, sizeof copy, "%s", text);
	add_base64(strrchr(copy, '.') + 1, signature, 64);
	return verdict(f, copy);
}

static void
signatures_with_numbers_out_of_range_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char order_hex[] =
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	const char *text = arena_copy_text(&f->arena, issue(f));
	struct slice encoded = slice_text(strrchr(text, '.') + 1);
	uint8_t good[64], bad[64], order[32];
	size_t bytes = sizeof good;

	assert_true(hex_decode(slice_text(order_hex), order, sizeof order));
	assert_true(base64_decode(encoded, BASE64_URL, good, &bytes));
	assert_string_equal(verdict_on_signature(f, text, good), "OK");
	memset(bad, 0, sizeof bad);
	assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
	memset(bad, 0xff, sizeof bad);
	assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
	for (size_t half = 0; half < 64; half += 32) {
		memcpy(bad, good, sizeof bad);
		memset(bad + half, 0, 32);
		assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
		memcpy(bad + half, order, 32);
		assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
		bad[half + 31]--;
		assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
	}
	memcpy(bad, good + 32, 32);
	memcpy(bad + 32, good, 32);
	assert_string_equal(verdict_on_signature(f, text, bad), "TOKEN_FORGED");
}

/* DER is what OpenSSL itself would take. */
static void
a_signature_is_64_bytes_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	const char *text = arena_copy_text(&f->arena, issue(f));
	const size_t signed_bytes = (size_t)(strrchr(text, '.') - text);
	uint8_t bytes[512] = {0};
	char copy[TEXT_BYTES];
	size_t der_bytes = sizeof bytes, good_bytes = JWS_SIGNATURE_BYTES;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, f->key->pkey), 1);
	assert_int_equal(
	    EVP_DigestSign(context, bytes, &der_bytes, (const uint8_t *)text, signed_bytes), 1);
	EVP_MD_CTX_free(context);
	snprintf(copy, sizeof copy, "%s", text);
	char *signature = copy + signed_bytes + 1;
	add_base64(signature, bytes, der_bytes);
	assert_string_equal(verdict(f, copy), "TOKEN_MALFORMED");
	/* Cut or filled up to 64 it has the length, and is no signature. */
	add_base64(signature, bytes, JWS_SIGNATURE_BYTES);
	assert_string_equal(verdict(f, copy), "TOKEN_FORGED");

	assert_true(
	    base64_decode(slice_text(text + signed_bytes + 1), BASE64_URL, bytes, &good_bytes));
	memset(bytes + JWS_SIGNATURE_BYTES, 0, sizeof bytes - JWS_SIGNATURE_BYTES);
	for (size_t length = 0; length < sizeof bytes; length++) {
		add_base64(signature, bytes, length);
		assert_string_equal(
		    verdict(f, copy), length == JWS_SIGNATURE_BYTES ? "OK" : "TOKEN_MALFORMED");
	}
}

/* Else whoever sends tokens would choose what libjwt gets to read. */
static void
claims_are_not_looked_at_before_the_signature(void **state)
{
	struct fixture *f = *state;
	static const char *const payloads[] = {"{" NAMES "," IDS "," TIMES "," ACTIVE "}", "{",
	    "[[[[[[[[", "{\"exp\":0,\"iat\":0,\"nbf\":0}", "\xff"};

	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		char *text = arena_copy_text(&f->arena, forge(f, good_header(f), payloads[i]));
		char *first = strrchr(text, '.') + 1;
		*first = *first == 'A' ? 'B' : 'A';
		assert_string_equal(verdict(f, text), "TOKEN_FORGED");

		struct jws_unproved unproved;
		struct jws_claims claims = {NULL};
		assert_int_equal(jws_read(slice_text(text), &unproved).code, ST_OK);
		assert_string_equal(
		    jws_prove(f->key->pkey, &unproved, &claims).reason, "TOKEN_FORGED");
		assert_null(claims.tree);
	}
}

static void
names_that_would_not_fit_into_a_token_are_refused_at_issue(void **state)
{
	struct fixture *f = *state;
	static char text256[257], text255[256];
	const char *const bad[] = {"", "a\"b", "a\\b", "a\nb", "\xc3\xa9", text256};
	const char *text = "untouched";

	memset(text256, 'x', 256), text256[256] = 0;
	memset(text255, 'x', 255), text255[255] = 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		f->names.issuer = bad[i];
		assert_int_equal(
		    token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text).code,
		    ST_INVALID_ARGUMENT);
	}
	assert_string_equal(text, "untouched");
	f->names = (struct token_names){text255, text255, text255, 0};
	assert_string_equal(verdict(f, issue(f)), "OK");
}

static void
a_sealed_key_opens_under_its_own_kid_and_master_key(void **state)
{
	struct fixture *f = *state;
	struct crypt_key master, wrong;
	struct token_key *opened = NULL;
	struct slice sealed;
	const char *text = issue(f);

	assert_int_equal(crypt_key_make(&f->rand.source, &master).code, ST_OK);
	assert_int_equal(crypt_key_make(&f->rand.source, &wrong).code, ST_OK);
	assert_int_equal(
	    token_key_seal(f->key, &master, &f->rand.source, &f->arena, &sealed).code, ST_OK);
	assert_int_equal(
	    token_key_unseal(&wrong, f->key->kid, sealed, &f->arena, &opened).code, ST_DATA_LOSS);
	assert_int_equal(token_key_unseal(&master, f->other->kid, sealed, &f->arena, &opened).code,
	    ST_DATA_LOSS);
	/* Another's key, bound to this kid: by somebody who has the master key. */
	struct crypt_key sealing;
	struct slice swapped;
	crypt_key_derive(&master, "usher signing key", &sealing);
	assert_int_equal(crypt_seal(&sealing, &f->rand.source, slice_text(f->key->kid),
			     private_pem(f->other, &f->arena), &f->arena, &swapped)
			     .code,
	    ST_OK);
	assert_int_equal(
	    token_key_unseal(&master, f->key->kid, swapped, &f->arena, &opened).code, ST_DATA_LOSS);
	assert_null(opened);
	assert_int_equal(
	    token_key_unseal(&master, f->key->kid, sealed, &f->arena, &opened).code, ST_OK);
	assert_true(token_key_is_private(opened));
	assert_string_equal(token_key_kid(opened), f->key->kid);
	f->set.keys[0] = opened;
	assert_string_equal(verdict(f, text), "OK");
	assert_string_equal(verdict(f, issue(f)), "OK");
	token_key_free(&opened);
	assert_null(opened);
}

static void
a_private_key_stands_in_the_secure_heap_until_it_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct token_key *key;
	struct slice pem = private_pem(f->key, &f->arena);
	const size_t before = CRYPTO_secure_used();

	assert_int_equal(token_key_init(pem, &key).code, ST_OK);
	assert_true(CRYPTO_secure_used() > before);
	f->set.keys[0] = key;
	assert_string_equal(verdict(f, issue(f)), "OK");
	token_key_free(&key);
	assert_int_equal(CRYPTO_secure_used(), before);

	assert_int_equal(
	    token_key_init(slice_text(token_key_public_pem(f->key)), &key).code, ST_OK);
	assert_int_equal(CRYPTO_secure_used(), before);
	token_key_free(&key);
}

#define THREADS 4
#define ROUNDS 100

struct sharer {
	const struct token_key_set *set;
	const struct token_names *names;
	struct token_claims claims;
	int failures;
};

static void *
issue_and_verify(void *self)
{
	struct sharer *sharer = self;
	struct arena arena;

	if (arena_init(&arena, 4096, 1 << 16).code != ST_OK)
		sharer->failures++;
	for (int i = 0; i < ROUNDS && !sharer->failures; i++) {
		struct token_claims read;
		const char *text;

		if (token_issue(sharer->set, sharer->names, NOW_US, &arena, &sharer->claims, &text)
			    .code != ST_OK ||
		    token_verify(sharer->set, sharer->names, slice_text(text), NOW_US, &read)
			    .code != ST_OK ||
		    !uuid_equals(&read.account_id, &sharer->claims.account_id))
			sharer->failures++;
		arena_reset(&arena);
	}
	arena_done(&arena);
	return NULL;
}

static void
threads_share_a_key(void **state)
{
	struct fixture *f = *state;
	struct sharer sharers[THREADS];
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){&f->set, &f->names, f->claims, 0};
		sharers[i].claims.account_id.bytes[0] = (uint8_t)(i + 1);
		assert_int_equal(
		    pthread_create(&threads[i], NULL, issue_and_verify, &sharers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(sharers[i].failures, 0);
	}
}

static const char p384_pem[] = "-----BEGIN PUBLIC KEY-----\n"
			       "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEQeecdyZXin4Idgz0tBC13+Vau1jQRl4o\n"
			       "lT2HtdruJamqoRSG7S0pYcxvFhh7SR+oA0vvFNA0xQ+JOPzuOy+wpB62enLPgRa2\n"
			       "naN8AU3pGu+iGgN61VlllrSkexxivbFs\n"
			       "-----END PUBLIC KEY-----\n";

static void
only_p_256_keys_are_taken(void **state)
{
	struct fixture *f = *state;
	const char *const bad[] = {"", "x",
	    "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", p384_pem,
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"};
	struct token_key *key = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(
		    token_key_init(slice_text(bad[i]), &key).code, ST_INVALID_ARGUMENT);
	assert_null(key);
	assert_int_equal(token_key_init(private_pem(f->key, &f->arena), &key).code, ST_OK);
	assert_string_equal(key->kid, f->key->kid);
	token_key_free(&key);
}

static status
fill_from_hex(void *self, void *out, size_t bytes)
{
	return hex_decode(slice_text(self), out, bytes) ? STATUS_OK : REFUSE(ST_INTERNAL, "size");
}

/* RFC 6979, A.2.5: a P-256 key pair. */
static void
the_public_key_is_the_one_that_belongs_to_the_scalar(void **state)
{
	(void)state;
	static char scalar[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
	static const char x[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
	const struct rand_source source = {.fill = fill_from_hex, .self = scalar};
	uint8_t bytes[32];
	char text[COORDINATE_TEXT_BYTES];
	struct token_key *key;

	assert_int_equal(token_key_make(&source, &key).code, ST_OK);
	assert_true(hex_decode(slice_text(x), bytes, sizeof bytes));
	base64_encode(slice_of(bytes, sizeof bytes), BASE64_URL, text);
	assert_string_equal(key->x, text);
	token_key_free(&key);
}

static void
a_failing_or_constant_random_source_makes_no_key(void **state)
{
	struct fixture *f = *state;
	struct token_key *key = NULL;

	f->rand.constant = 0;
	assert_int_equal(token_key_make(&f->rand.source, &key).code, ST_INTERNAL);
	f->rand.constant = 255;
	assert_int_equal(token_key_make(&f->rand.source, &key).code, ST_INTERNAL);
	f->rand.fail_at = 1;
	assert_int_equal(token_key_make(&f->rand.source, &key).code, ST_INTERNAL);
	assert_null(key);
}

static void
an_arena_that_is_full_at_any_allocation_leaves_the_output_untouched(void **state)
{
	struct fixture *f = *state;
	const struct token_claims before = f->claims;
	const char *text = "untouched";
	size_t start = f->arena.allocations;

	issue(f);
	size_t needed = f->arena.allocations - start;
	f->claims = before;
	for (size_t nth = 1; nth <= needed; nth++) {
		f->arena.fail_after = f->arena.allocations + nth;
		assert_int_equal(
		    token_issue(&f->set, &f->names, NOW_US, &f->arena, &f->claims, &text).code,
		    ST_RESOURCE_EXHAUSTED);
		f->arena.fail_after = 0;
	}
	assert_string_equal(text, "untouched");
	assert_memory_equal(&f->claims, &before, sizeof before);
}

static void
the_published_keys_are_public_and_named(void **state)
{
	struct fixture *f = *state;
	struct strbuf out;

	strbuf_init(&out, 4096);
	f->set = (struct token_key_set){.keys = {f->key, f->other}, .count = 2};
	token_jwks_write(&f->set, &out);
	assert_int_equal(strbuf_status(&out).code, ST_OK);
	const char *expected = arena_format(&f->arena,
	    "{\"keys\":[{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kid\":\"%s\",\"kty\":\"EC\","
	    "\"use\":\"sig\",\"x\":\"%s\",\"y\":\"%s\"},{\"alg\":\"ES256\",\"crv\":\"P-256\","
	    "\"kid\":\"%s\",\"kty\":\"EC\",\"use\":\"sig\",\"x\":\"%s\",\"y\":\"%s\"}]}",
	    f->key->kid, f->key->x, f->key->y, f->other->kid, f->other->x, f->other->y);
	assert_string_equal(strbuf_text(&out), expected);
	strbuf_reset(&out);
	f->set.count = 0;
	token_jwks_write(&f->set, &out);
	assert_string_equal(strbuf_text(&out), "{\"keys\":[]}");
	strbuf_done(&out);
}

/* Wycheproof's key for ES256 and its kid, as the vectors have them. */
static char wycheproof_scalar[] =
    "cb2e3da0f7083462b6a6cd0b9adc6907a51310e8884e08470627fac03aa62777";

static char *
wycheproof_text(void)
{
	FILE *file =
	    fopen(USHER_SOURCE_DIR "/../shared/data/wycheproof/json_web_signature_test.json", "r");
	if (!file)
		return NULL;
	char *text = calloc(1, 1 << 20);
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 20) - 1, file), 1, (1 << 20) - 2);
	fclose(file);
	return text;
}

/* Past the header, which is not one of ours: is the signature the key's? */
static bool
is_signed_by(const struct token_key *key, const char *text)
{
	struct jws_unproved unproved = {.text = slice_text(text)};
	struct jws_claims claims = {NULL};
	size_t bytes = sizeof unproved.signature;
	const char *dot = strrchr(text, '.');

	if (!dot || unproved.text.bytes > TOKEN_TEXT_BYTES_MAX ||
	    !base64_decode(slice_text(dot + 1), BASE64_URL, unproved.signature, &bytes) ||
	    bytes != sizeof unproved.signature)
		return false;
	unproved.signed_bytes = (size_t)(dot - text);
	status st = jws_prove(key->pkey, &unproved, &claims);
	assert_int_equal(st.code, ST_UNAUTHENTICATED);
	return strcmp(st.reason, "TOKEN_MALFORMED") == 0; /* signed well, but no claims */
}

/* Their headers have no typ, and their payloads are no claims ("foo"), so that even the valid ones
 * are no tokens of ours. What they show is that none of 400 malicious texts passes or breaks
 * anything, and that just four signatures are the key's: two valid texts, and twice one of them
 * beside a JWK that says that it is for something else. */
static void
none_of_wycheproof_s_signatures_is_a_token(void **state)
{
	struct fixture *f = *state;
	const struct rand_source source = {.fill = fill_from_hex, .self = wycheproof_scalar};
	struct token_key *key;
	static const char signed_part[] = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.";
	size_t tried = 0, genuine = 0;
	char *text = wycheproof_text();

	if (!text)
		LACKING("../shared/data/wycheproof");
	assert_int_equal(token_key_make(&source, &key).code, ST_OK);
	assert_string_equal(key->x, "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY");
	strcpy(key->kid, "kid-ec-sign");
	f->set.keys[0] = key;
	for (char *at = text; (at = strstr(at, "\"jws\"")) != NULL;) {
		at += strlen("\"jws\"");
		at += strspn(at, " :");
		if (*at != '"')
			continue;
		char *end = strchr(++at, '"');
		assert_non_null(end);
		*end = 0;
		assert_string_not_equal(verdict(f, at), "OK");
		if (is_signed_by(key, at)) {
			assert_memory_equal(at, signed_part, strlen(signed_part));
			genuine++;
		}
		at = end + 1;
		tried++;
	}
	assert_in_range(tried, 300, 500);
	assert_int_equal(genuine, 4);
	token_key_free(&key);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_we_issue_we_accept_with_the_same_claims),
	    TEST(without_an_active_organisation_org_and_usr_are_left_out),
	    TEST(no_character_of_a_token_can_change),
	    TEST(a_token_cut_short_extended_or_oversized_is_refused),
	    TEST(a_token_has_one_text),
	    TEST(base64_that_is_not_the_one_text_of_its_bytes_is_refused_though_signed),
	    TEST(a_token_is_refused_from_one_byte_over_the_limit_though_signed),
	    TEST(alg_none_is_refused_with_and_without_a_signature),
	    TEST(a_mac_keyed_with_the_public_key_is_no_signature),
	    TEST(a_header_with_anything_but_alg_kid_and_typ_is_refused),
	    TEST(the_key_is_the_one_that_kid_names_and_no_other),
	    TEST(an_old_key_verifies_after_a_new_one_signs),
	    TEST(a_token_is_valid_from_nbf_to_exp_with_the_leeway),
	    TEST(a_token_of_another_issuer_audience_or_use_is_refused),
	    TEST(claims_that_are_missing_doubled_or_out_of_form_are_refused),
	    TEST(signatures_with_numbers_out_of_range_are_refused),
	    TEST(a_signature_is_64_bytes_and_nothing_else),
	    TEST(claims_are_not_looked_at_before_the_signature),
	    TEST(names_that_would_not_fit_into_a_token_are_refused_at_issue),
	    TEST(a_sealed_key_opens_under_its_own_kid_and_master_key),
	    TEST(a_private_key_stands_in_the_secure_heap_until_it_is_let_go),
	    TEST(threads_share_a_key),
	    TEST(only_p_256_keys_are_taken),
	    TEST(the_public_key_is_the_one_that_belongs_to_the_scalar),
	    TEST(a_failing_or_constant_random_source_makes_no_key),
	    TEST(an_arena_that_is_full_at_any_allocation_leaves_the_output_untouched),
	    TEST(the_published_keys_are_public_and_named),
	    TEST(none_of_wycheproof_s_signatures_is_a_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
