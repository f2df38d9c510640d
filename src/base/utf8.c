#include "base/str.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes of ASCII at the start of text, found eight at a time. */
static size_t
ascii_prefix(const uint8_t *data, size_t bytes)
{
	size_t at = 0;
	uint64_t word;

	for (; bytes - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, data + at, sizeof(word));
		if (word & HIGH_BITS)
			break;
	}
	while (at < bytes && data[at] < 0x80)
		at++;
	return at;
}

/* Length of the sequence that starts at a byte above 0x7f, or 0 (RFC 3629, section 4). */
static size_t
sequence_bytes(const uint8_t *at, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t bytes;

	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		bytes = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		bytes = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		bytes = 4;
	else
		return 0;
	if (left < bytes)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

size_t
utf8_valid_bytes(struct slice text)
{
	size_t at = 0;

	while (at < text.bytes) {
		size_t bytes = ascii_prefix(text.data + at, text.bytes - at);
		at += bytes;
		/* Text that is not English stays here; it has little ASCII to skip. */
		while (at < text.bytes && text.data[at] >= 0x80) {
			bytes = sequence_bytes(text.data + at, text.bytes - at);
			if (bytes == 0)
				return at;
			at += bytes;
		}
	}
	return text.bytes;
}

bool
utf8_is_valid(struct slice text)
{
	return utf8_valid_bytes(text) == text.bytes;
}

struct slice
utf8_start(struct slice text, size_t bytes_max)
{
	if (text.bytes > bytes_max)
		text.bytes = utf8_valid_bytes(slice_of(text.data, bytes_max));
	return text;
}

size_t
utf8_length(struct slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.bytes; i++)
		count += (text.data[i] & 0xc0) != 0x80;
	return count;
}

size_t
utf8_encode(uint32_t code_point, uint8_t out[4])
{
	if (code_point < 0x80) {
		out[0] = (uint8_t)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (uint8_t)(0xc0 | code_point >> 6);
		out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code_point >> 12);
		out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code_point >> 18);
	out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code_point & 0x3f));
	return 4;
}
