#include "crypt/secret.h"

#include <stdio.h>

#define ID_CHARS 32
#define RANDOM_CHARS 43 /* of 62: 256 bits */
#define CHECK_CHARS 6
#define SUCCESSOR_CONTEXT "usher refresh successor"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const prefixes[SECRET_KINDS] = {
    [SECRET_API_KEY] = "ush_live_",
    [SECRET_REFRESH] = "ush_refresh_",
    [SECRET_RESET] = "ush_reset_",
    [SECRET_INVITE] = "ush_invite_",
};

_Static_assert(
    sizeof "ush_refresh_" + ID_CHARS + 1 + RANDOM_CHARS + CHECK_CHARS <= SECRET_TEXT_BYTES_MAX,
    "the longest kind fits");

/* Random bytes, fetched some at a time. */
struct draw {
	const struct rand_source *rand;
	uint8_t bytes[64];
	size_t left;
	unsigned refills;
};

/* 0..limit-1, each equally likely: a byte above the greatest multiple of limit is passed over. A
 * source that yields nothing else for 16 refills is past all chance broken. */
static status
draw_below(struct draw *draw, unsigned limit, unsigned *out)
{
	unsigned bound = 256 - 256 % limit;

	for (;;) {
		if (draw->left == 0) {
			if (draw->refills++ == 16)
				return REFUSE(ST_INTERNAL, "the random source repeats itself");
			TRY(rand_fill(draw->rand, draw->bytes, sizeof draw->bytes));
			draw->left = sizeof draw->bytes;
		}
		unsigned byte = draw->bytes[--draw->left];
		if (byte < bound) {
			*out = byte % limit;
			return STATUS_OK;
		}
	}
}

/* count characters of the first limit ones of the alphabet. */
static status
draw_chars(const struct rand_source *rand, unsigned limit, size_t count, char *out)
{
	struct draw draw = {.rand = rand};
	status st = STATUS_OK;

	for (size_t i = 0; i < count && st.code == ST_OK; i++) {
		unsigned index = 0;
		st = draw_below(&draw, limit, &index);
		out[i] = alphabet[index];
	}
	crypt_wipe(&draw, sizeof draw);
	return st;
}

static void
checksum(struct slice text, char out[CHECK_CHARS])
{
	struct crypt_digest digest;
	crypt_digest(text, &digest);

	uint64_t number = 0;
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest.bytes[i];
	for (int i = 0; i < CHECK_CHARS; i++) {
		out[i] = alphabet[number % 62];
		number /= 62;
	}
}

static size_t
text_bytes(enum secret_kind kind)
{
	return strlen(prefixes[kind]) + ID_CHARS + 1 + RANDOM_CHARS + CHECK_CHARS;
}

status
secret_make(const struct rand_source *rand, enum secret_kind kind, const struct uuid *id,
    char text[SECRET_TEXT_BYTES_MAX], struct secret *out)
{
	char made[SECRET_TEXT_BYTES_MAX] = {0};
	size_t at = strlen(prefixes[kind]);

	memcpy(made, prefixes[kind], at);
	hex_encode(slice_of(id->bytes, sizeof id->bytes), made + at);
	at += ID_CHARS;
	made[at++] = '_';
	TRY(draw_chars(rand, 62, RANDOM_CHARS, made + at));
	at += RANDOM_CHARS;
	checksum(slice_of(made, at), made + at);
	at += CHECK_CHARS;

	memcpy(text, made, sizeof made);
	out->kind = kind;
	out->id = *id;
	crypt_digest(slice_of(made, at), &out->digest);
	crypt_wipe(made, sizeof made);
	return STATUS_OK;
}

bool
secret_looks_like(struct slice text, enum secret_kind kind)
{
	return slice_starts_with(text, prefixes[kind]);
}

/* Lower case alone, so that a secret has one text. */
static bool
parse_id(struct slice text, struct uuid *out)
{
	for (size_t i = 0; i < text.bytes; i++)
		if (text.data[i] >= 'A' && text.data[i] <= 'F')
			return false;
	return hex_decode(text, out->bytes, sizeof out->bytes);
}

/* One of alphabet[]. */
static bool
is_alphabetic(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool
secret_parse(struct slice text, enum secret_kind kind, struct secret *out)
{
	if (text.bytes != text_bytes(kind) || !secret_looks_like(text, kind))
		return false;

	size_t id_at = strlen(prefixes[kind]);
	size_t check_at = text.bytes - CHECK_CHARS;
	char check[CHECK_CHARS];
	struct uuid id;
	checksum(slice_of(text.data, check_at), check);
	if (memcmp(check, text.data + check_at, CHECK_CHARS) != 0 ||
	    !parse_id(slice_of(text.data + id_at, ID_CHARS), &id) ||
	    text.data[id_at + ID_CHARS] != '_')
		return false;
	for (size_t i = id_at + ID_CHARS + 1; i < check_at; i++)
		if (!is_alphabetic(text.data[i]))
			return false;

	out->kind = kind;
	out->id = id;
	crypt_digest(text, &out->digest);
	return true;
}

void
secret_hint(enum secret_kind kind, const struct uuid *id, char out[SECRET_HINT_BYTES])
{
	char hex[ID_CHARS + 1];

	hex_encode(slice_of(id->bytes, sizeof id->bytes), hex);
	snprintf(out, SECRET_HINT_BYTES, "%s%s", prefixes[kind], hex);
}

status
secret_seal_successor(struct slice predecessor, const struct rand_source *rand,
    struct slice successor, struct arena *arena, struct slice *out)
{
	struct crypt_key key;

	crypt_key_from_secret(predecessor, SUCCESSOR_CONTEXT, &key);
	status st = crypt_seal(&key, rand, SLICE_NONE, successor, arena, out);
	crypt_wipe(&key, sizeof key);
	return st;
}

status
secret_unseal_successor(
    struct slice predecessor, struct slice sealed, struct arena *arena, const char **successor)
{
	struct crypt_key key;
	struct slice plain;
	struct secret secret;

	crypt_key_from_secret(predecessor, SUCCESSOR_CONTEXT, &key);
	status st = crypt_unseal(&key, SLICE_NONE, sealed, arena, &plain);
	crypt_wipe(&key, sizeof key);
	TRY(st);
	if (!secret_parse(plain, SECRET_REFRESH, &secret))
		return REFUSE(ST_DATA_LOSS, "a sealed successor is no refresh token");

	char *text = arena_copy(arena, plain.data, plain.bytes);
	if (!text)
		return ARENA_EXHAUSTED;
	*successor = text;
	return STATUS_OK;
}

status
code_make(const struct rand_source *rand, char out[CODE_TEXT_BYTES])
{
	char made[CODE_TEXT_BYTES] = {0};

	TRY(draw_chars(rand, 10, CODE_DIGITS, made));
	memcpy(out, made, sizeof made);
	return STATUS_OK;
}

bool
code_is_formed(struct slice code)
{
	if (code.bytes != CODE_DIGITS)
		return false;
	for (size_t i = 0; i < code.bytes; i++)
		if (code.data[i] < '0' || code.data[i] > '9')
			return false;
	return true;
}

void
code_digest(const struct crypt_key *pepper, const struct uuid *subject, struct slice code,
    struct crypt_digest *out)
{
	struct slice parts[] = {slice_of(subject->bytes, sizeof subject->bytes), code};

	crypt_mac(pepper, parts, 2, out);
}
