#include "base/email.h"

#include "base/limits.h"

#include <string.h>

#define LOCAL_PART_BYTES_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define DOMAIN_LABEL_BYTES_MAX 63

static bool
char_is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322's atext. */
static bool
char_is_atom(char c)
{
	return char_is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Atoms with single dots between them. */
static bool
local_part_is_good(const char *text, size_t bytes)
{
	bool after_dot = true;

	if (bytes == 0 || bytes > LOCAL_PART_BYTES_MAX)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '.' ? after_dot : !char_is_atom(text[i]))
			return false;
		after_dot = text[i] == '.';
	}
	return !after_dot;
}

static bool
label_is_good(const char *text, size_t bytes)
{
	if (bytes == 0 || bytes > DOMAIN_LABEL_BYTES_MAX || text[0] == '-' ||
	    text[bytes - 1] == '-')
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!char_is_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

static bool
domain_is_good(const char *text)
{
	size_t labels = 0;

	for (;;) {
		size_t bytes = strcspn(text, ".");

		if (!label_is_good(text, bytes))
			return false;
		labels++;
		if (text[bytes] == '\0')
			return labels >= 2;
		text += bytes + 1;
	}
}

bool
email_is_good(const char *text)
{
	const char *at = strchr(text, '@');

	return at && strlen(text) <= EMAIL_BYTES_MAX &&
	       local_part_is_good(text, (size_t)(at - text)) && domain_is_good(at + 1);
}

/* Printable ASCII without what could end it or begin another. */
bool
email_is_bare(const char *text)
{
	size_t bytes = strlen(text), ats = 0;

	if (bytes < 3 || bytes > EMAIL_BYTES_MAX || text[0] == '@' || text[bytes - 1] == '@')
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] <= 0x20 || text[i] >= 0x7f || strchr("<>()[],;:\\\"", text[i]))
			return false;
		ats += text[i] == '@';
	}
	return ats == 1;
}

void
email_fold(char *text)
{
	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
}
