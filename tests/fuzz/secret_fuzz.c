/* Secrets: what is taken has the one form that secret.h describes. */
#include "crypt/secret.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct slice text = slice_of(data, bytes);

	for (int kind = 0; kind < SECRET_KINDS; kind++) {
		struct secret secret;
		if (!secret_parse(text, (enum secret_kind)kind, &secret))
			continue;
		char hint[SECRET_HINT_BYTES];
		secret_hint((enum secret_kind)kind, &secret.id, hint);
		assert(slice_starts_with(text, hint));
		assert(bytes < SECRET_TEXT_BYTES_MAX && !memchr(data, 0, bytes));
	}
	int64_t number;
	if (code_is_formed(text))
		assert(bytes == CODE_DIGITS && (data[0] == '0' || number_parse_i64(text, &number)));
	return 0;
}
