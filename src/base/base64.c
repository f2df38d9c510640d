#include "base/str.h"

static const char alphabets[][65] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    [BASE64_BARE] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
};

enum accept {
	ACCEPT_STANDARD = 1 << 0,
	ACCEPT_URL = 1 << 1,
	ACCEPT_STRAY_BITS = 1 << 2, /* of the last character, beyond the last byte */
};

size_t
base64_encode(struct slice data, enum base64_form form, char *out)
{
	const char *alphabet = alphabets[form];
	char *at = out;
	size_t i;

	for (i = 0; i + 3 <= data.bytes; i += 3) {
		uint32_t three = (uint32_t)data.data[i] << 16 | (uint32_t)data.data[i + 1] << 8 |
				 data.data[i + 2];
		*at++ = alphabet[three >> 18];
		*at++ = alphabet[three >> 12 & 63];
		*at++ = alphabet[three >> 6 & 63];
		*at++ = alphabet[three & 63];
	}
	if (i < data.bytes) {
		bool two = i + 2 == data.bytes;
		uint32_t rest = (uint32_t)data.data[i] << 16;
		if (two)
			rest |= (uint32_t)data.data[i + 1] << 8;
		*at++ = alphabet[rest >> 18];
		*at++ = alphabet[rest >> 12 & 63];
		if (two)
			*at++ = alphabet[rest >> 6 & 63];
		if (form == BASE64_STANDARD) {
			*at++ = '=';
			if (!two)
				*at++ = '=';
		}
	}
	*at = '\0';
	return (size_t)(at - out);
}

static int
digit_value(uint8_t c, unsigned accept)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if ((c == '+' && accept & ACCEPT_STANDARD) || (c == '-' && accept & ACCEPT_URL))
		return 62;
	if ((c == '/' && accept & ACCEPT_STANDARD) || (c == '_' && accept & ACCEPT_URL))
		return 63;
	return -1;
}

/* Digits alone; padding is gone. */
static bool
decode_digits(struct slice text, unsigned accept, uint8_t *out, size_t *out_bytes)
{
	size_t bytes = text.bytes / 4 * 3 + text.bytes % 4 * 3 / 4;
	uint32_t bits = 0;
	unsigned held = 0;

	if (text.bytes % 4 == 1 || bytes > *out_bytes)
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		int value = digit_value(text.data[i], accept);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*out++ = (uint8_t)(bits >> held);
			bits &= (1u << held) - 1;
		}
	}
	if (bits != 0 && !(accept & ACCEPT_STRAY_BITS))
		return false;
	*out_bytes = bytes;
	return true;
}

static size_t
padding_bytes(struct slice text)
{
	if (text.bytes == 0 || text.bytes % 4 != 0 || text.data[text.bytes - 1] != '=')
		return 0;
	return text.data[text.bytes - 2] == '=' ? 2 : 1;
}

bool
base64_decode(struct slice text, enum base64_form form, uint8_t *out, size_t *out_bytes)
{
	if (form == BASE64_URL)
		return decode_digits(text, ACCEPT_URL, out, out_bytes);
	if (form == BASE64_BARE)
		return decode_digits(text, ACCEPT_STANDARD, out, out_bytes);
	if (text.bytes % 4 != 0)
		return false;
	text.bytes -= padding_bytes(text);
	return decode_digits(text, ACCEPT_STANDARD, out, out_bytes);
}

bool
base64_decode_any(struct slice text, uint8_t *out, size_t *out_bytes)
{
	text.bytes -= padding_bytes(text);
	return decode_digits(
	    text, ACCEPT_STANDARD | ACCEPT_URL | ACCEPT_STRAY_BITS, out, out_bytes);
}
