#include "plugin/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Each upper-case letter may bring an underscore, each dot two. */
static char *
alloc_name(struct arena *arena, const char *name)
{
	return arena_alloc(arena, strlen(name) * 2 + 1);
}

status
name_c_type(struct arena *arena, const char *name, const char **out)
{
	char *text = alloc_name(arena, name);
	size_t n = 0;
	bool word_starts = true;

	if (!text)
		return ARENA_EXHAUSTED;
	for (; *name; name++) {
		if (*name == '.') {
			text[n++] = '_';
			text[n++] = '_';
			word_starts = true;
		} else if (*name == '_') {
			word_starts = true;
		} else {
			text[n++] = word_starts ? (char)toupper((unsigned char)*name) : *name;
			word_starts = false;
		}
	}
	*out = text;
	return STATUS_OK;
}

static status
lower_name(struct arena *arena, const char *name, const char *dot, const char **out)
{
	char *text = alloc_name(arena, name);
	size_t n = 0;
	bool was_upper = true;

	if (!text)
		return ARENA_EXHAUSTED;
	for (; *name; name++) {
		if (*name == '.') {
			for (const char *d = dot; *d; d++)
				text[n++] = *d;
			was_upper = true;
			continue;
		}
		bool is_upper = isupper((unsigned char)*name);
		if (is_upper && !was_upper)
			text[n++] = '_';
		text[n++] = (char)tolower((unsigned char)*name);
		was_upper = is_upper;
	}
	*out = text;
	return STATUS_OK;
}

status
name_c_prefix(struct arena *arena, const char *name, const char **out)
{
	return lower_name(arena, name, "__", out);
}

status
name_snake(struct arena *arena, const char *name, const char **out)
{
	return lower_name(arena, name, "_", out);
}

status
name_json(struct arena *arena, const char *name, const char **out)
{
	char *text = alloc_name(arena, name);
	size_t n = 0;

	if (!text)
		return ARENA_EXHAUSTED;
	for (bool upper = false; *name; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		text[n++] = upper ? (char)toupper((unsigned char)*name) : *name;
		upper = false;
	}
	*out = text;
	return STATUS_OK;
}

uint32_t
name_hash(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *name; name++) {
		hash ^= (uint8_t)*name;
		hash *= UINT32_C(16777619);
	}
	return hash;
}
