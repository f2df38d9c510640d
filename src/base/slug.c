#include "base/slug.h"

#include <string.h>

#define SUFFIX_BYTES_MAX 9 /* a hyphen and eight more */

static bool
char_is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
slug_is_good(const char *text)
{
	size_t bytes = strlen(text);

	if (bytes == 0 || bytes > SLUG_BYTES_MAX || text[0] == '-' || text[bytes - 1] == '-')
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!char_is_plain(text[i]) && text[i] != '-')
			return false;
	return true;
}

void
slug_from_name(const char *name, char out[SLUG_BYTES_MAX + 1])
{
	size_t bytes = 0;

	for (; *name && bytes < SLUG_BYTES_MAX - SUFFIX_BYTES_MAX; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (char_is_plain(c))
			out[bytes++] = c;
		else if (bytes > 0 && out[bytes - 1] != '-')
			out[bytes++] = '-';
	}
	while (bytes > 0 && out[bytes - 1] == '-')
		bytes--;
	out[bytes] = '\0';
	if (bytes == 0)
		memcpy(out, "org", sizeof("org"));
}
