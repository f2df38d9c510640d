#include "base/uuid.h"

status
uuid_make(const struct clock *clock, const struct rand_source *rand, struct uuid *out)
{
	int64_t now_us = clock_now_us(clock);
	uint64_t ms = now_us > 0 ? (uint64_t)(now_us / US_PER_MS) : 0;
	struct uuid made;

	TRY(rand_fill(rand, made.bytes + 6, UUID_BYTES - 6));
	for (int i = 0; i < 6; i++)
		made.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
	made.bytes[6] = (uint8_t)(0x70 | (made.bytes[6] & 0x0f));
	made.bytes[8] = (uint8_t)(0x80 | (made.bytes[8] & 0x3f));
	*out = made;
	return STATUS_OK;
}

bool
uuid_parse(struct slice text, struct uuid *out)
{
	static const uint8_t groups[] = {4, 2, 2, 2, 6};
	struct uuid parsed;
	size_t at = 0, filled = 0;

	if (text.bytes != UUID_TEXT_BYTES - 1)
		return false;
	for (size_t i = 0; i < sizeof(groups); i++) {
		if (i != 0 && text.data[at++] != '-')
			return false;
		if (!hex_decode(
			slice_of(text.data + at, groups[i] * 2u), parsed.bytes + filled, groups[i]))
			return false;
		at += groups[i] * 2u;
		filled += groups[i];
	}
	*out = parsed;
	return true;
}

void
uuid_format(const struct uuid *uuid, char out[UUID_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (int i = 0; i < UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[uuid->bytes[i] >> 4];
		*at++ = digits[uuid->bytes[i] & 15];
	}
	*at = '\0';
}

bool
uuid_equals(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}

bool
uuid_is_nil(const struct uuid *uuid)
{
	static const struct uuid nil;

	return uuid_equals(uuid, &nil);
}
