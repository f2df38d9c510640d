#include "base/meta.h"

#include <string.h>

static int
name_is(const char *candidate, const char *name, size_t name_bytes)
{
	return strncmp(candidate, name, name_bytes) == 0 && candidate[name_bytes] == '\0';
}

const struct meta_field *
meta_field_by_number(const struct meta_message *message, uint32_t number)
{
	const struct meta_field *fields = message->fields;
	size_t low = 0, high = message->fields_count;

	/* Most messages number their fields 1, 2, 3. */
	if (number - 1u < high && fields[number - 1u].number == number)
		return &fields[number - 1u];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (fields[middle].number == number)
			return &fields[middle];
		if (fields[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct meta_field *
meta_field_by_json_name(const struct meta_message *message, const char *name, size_t name_bytes)
{
	/* strncmp() stops at a NUL, so a name with one inside would read past the candidate. */
	if (name_bytes == 0 || memchr(name, '\0', name_bytes))
		return NULL;
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct meta_field *field = &message->fields[i];
		if (name_is(field->json_name, name, name_bytes) ||
		    name_is(field->name, name, name_bytes))
			return field;
	}
	return NULL;
}

const struct meta_enum_value *
meta_enum_by_number(const struct meta_enum *enumeration, int32_t number)
{
	/* Of aliases the first one in the .proto is the name that is printed. */
	for (size_t i = 0; i < enumeration->values_count; i++)
		if (enumeration->values[i].number == number)
			return &enumeration->values[i];
	return NULL;
}

const struct meta_enum_value *
meta_enum_by_name(const struct meta_enum *enumeration, const char *name, size_t name_bytes)
{
	if (name_bytes == 0 || memchr(name, '\0', name_bytes))
		return NULL;
	for (size_t i = 0; i < enumeration->values_count; i++)
		if (name_is(enumeration->values[i].name, name, name_bytes))
			return &enumeration->values[i];
	return NULL;
}
