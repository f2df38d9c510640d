/* Secrets: what is taken has the one form that secret.h describes. The first byte says whether the
 * rest is a text as it is, or one that lacks its checksum: with the right one behind it, the fuzzer
 * gets to what comes after. */
#include "crypt/secret.h"

#include <assert.h>

#define TEXT_BYTES_MAX 256
#define CHECK_CHARS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* As secret.h's form has it: of BLAKE2b's first eight bytes, in digits of base 62, the least first.
 */
static void
put_checksum(struct slice text, uint8_t *out)
{
	static const char digits[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct crypt_digest digest;
	uint64_t number = 0;

	crypt_digest(text, &digest);
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest.bytes[i];
	for (int i = 0; i < CHECK_CHARS; i++, number /= 62)
		out[i] = (uint8_t)digits[number % 62];
}

/* What was taken is, but for its secret part, what would be written for that id. */
static void
check_taken(struct slice text, const struct secret *secret)
{
	char hint[SECRET_HINT_BYTES];
	uint8_t check[CHECK_CHARS];
	size_t check_at = text.bytes - CHECK_CHARS;

	secret_hint(secret->kind, &secret->id, hint);
	assert(slice_starts_with(text, hint));
	assert(secret_looks_like(text, secret->kind));
	assert(text.bytes < SECRET_TEXT_BYTES_MAX && text.data[strlen(hint)] == '_');
	for (size_t i = strlen(hint) + 1; i < text.bytes; i++) {
		uint8_t c = text.data[i];
		assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
	}
	put_checksum(slice_of(text.data, check_at), check);
	assert(memcmp(check, text.data + check_at, CHECK_CHARS) == 0);
}

static void
parse(struct slice text)
{
	int64_t number;
	int taken = 0;

	for (int kind = 0; kind < SECRET_KINDS; kind++) {
		struct secret secret;

		if (!secret_parse(text, (enum secret_kind)kind, &secret))
			continue;
		assert(secret.kind == (enum secret_kind)kind);
		check_taken(text, &secret);
		taken++;
	}
	assert(taken <= 1);
	if (code_is_formed(text))
		assert(text.bytes == CODE_DIGITS &&
		       (text.data[0] == '0' || number_parse_i64(text, &number)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint8_t text[TEXT_BYTES_MAX + CHECK_CHARS];

	if (bytes == 0)
		return 0;
	struct slice rest = slice_of(data + 1, bytes - 1);
	if (data[0] % 2 == 0) {
		parse(rest);
	} else if (rest.bytes <= TEXT_BYTES_MAX) {
		memcpy(text, rest.data, rest.bytes);
		put_checksum(rest, text + rest.bytes);
		parse(slice_of(text, rest.bytes + CHECK_CHARS));
	}
	return 0;
}
