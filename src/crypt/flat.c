#include "crypt/flat.h"

static bool
take_char(struct slice *rest, char c)
{
	if (rest->bytes == 0 || rest->data[0] != (uint8_t)c)
		return false;
	*rest = slice_of(rest->data + 1, rest->bytes - 1);
	return true;
}

static bool
take_text(struct slice *rest, struct slice *out)
{
	size_t length = 0;

	if (!take_char(rest, '"'))
		return false;
	while (length < rest->bytes && char_is_quotable(rest->data[length]))
		length++;
	*out = slice_of(rest->data, length);
	*rest = slice_of(rest->data + length, rest->bytes - length);
	return take_char(rest, '"');
}

static bool
take_number(struct slice *rest, int64_t *out)
{
	int64_t number = 0;
	size_t length = 0;

	while (length < rest->bytes && rest->data[length] >= '0' && rest->data[length] <= '9') {
		number = number * 10 + (rest->data[length++] - '0');
		if (number > FLAT_NUMBER_MAX)
			return false;
	}
	if (length == 0 || (length > 1 && rest->data[0] == '0'))
		return false;
	*out = number;
	*rest = slice_of(rest->data + length, rest->bytes - length);
	return true;
}

static bool
take_member(struct slice *rest, struct flat_member *out)
{
	*out = (struct flat_member){.name = SLICE_NONE};
	if (!take_text(rest, &out->name) || !out->name.bytes || !take_char(rest, ':'))
		return false;
	out->is_text = rest->bytes && rest->data[0] == '"';
	return out->is_text ? take_text(rest, &out->text) : take_number(rest, &out->number);
}

static bool
name_is_new(const struct flat_member *members, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equals(members[i].name, name))
			return false;
	return true;
}

bool
flat_parse(
    struct slice json, struct flat_member *members, size_t members_max, size_t *members_count)
{
	struct slice rest = json;
	size_t count = 0;

	if (!take_char(&rest, '{'))
		return false;
	do {
		if (count == members_max || !take_member(&rest, &members[count]) ||
		    !name_is_new(members, count, members[count].name))
			return false;
		count++;
	} while (take_char(&rest, ','));
	if (!take_char(&rest, '}') || rest.bytes)
		return false;
	*members_count = count;
	return true;
}

const struct flat_member *
flat_find(const struct flat_member *members, size_t members_count, const char *name)
{
	for (size_t i = 0; i < members_count; i++)
		if (slice_equals_text(members[i].name, name))
			return &members[i];
	return NULL;
}
