#include "bridge/url.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
url_unescape(struct slice text, unsigned options, uint8_t *out, size_t *out_bytes)
{
	size_t length = 0;

	for (size_t i = 0; i < text.bytes; i++) {
		const char *at = (const char *)text.data + i;
		if (*at != '%') {
			bool is_blank = *at == '+' && (options & URL_PLUS_IS_BLANK);
			out[length++] = is_blank ? ' ' : (uint8_t)*at;
			continue;
		}
		if (text.bytes - i < 3 || hex_value(at[1]) < 0 || hex_value(at[2]) < 0)
			return false;
		uint8_t byte = (uint8_t)(hex_value(at[1]) * 16 + hex_value(at[2]));
		if (byte == '/' && (options & URL_KEEP_SLASH)) {
			memcpy(out + length, at, 3);
			length += 3;
		} else {
			out[length++] = byte;
		}
		i += 2;
	}
	*out_bytes = length;
	return true;
}
