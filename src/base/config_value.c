#include "base/config_file.h"

#include <stdlib.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit byte_units[] = {
    {"", 1},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
    {NULL, 0},
};

static const struct unit time_units[] = {
    {"us", 1},
    {"ms", 1000},
    {"s", 1000000},
    {"m", INT64_C(60000000)},
    {"h", INT64_C(3600000000)},
    {"d", INT64_C(86400000000)},
    {NULL, 0},
};

static bool
parse_bool(const char *text, int64_t *number)
{
	static const char *const names[][2] = {
	    {"off", "on"}, {"false", "true"}, {"no", "yes"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (strcasecmp(text, names[i][value]) == 0) {
				*number = value;
				return true;
			}
		}
	}
	return false;
}

static bool
parse_with_unit(const char *text, const struct unit *unit, int64_t *number)
{
	size_t digits = strspn(text, "0123456789");
	const char *name = text + digits;
	int64_t value;

	if (!number_parse_i64(slice_of(text, digits), &value))
		return false;
	while (*name == ' ')
		name++;
	/* Nothing is nothing in every unit. */
	if (value == 0 && *name == '\0') {
		*number = 0;
		return true;
	}
	for (; unit->name; unit++)
		if (strcmp(unit->name, name) == 0)
			return !__builtin_mul_overflow(value, unit->factor, number);
	return false;
}

static bool
is_choice(const char *choices, const char *text)
{
	size_t bytes = strlen(text);

	if (bytes == 0 || strchr(text, '|'))
		return false;
	for (const char *at = choices; *at; at += *at == '|') {
		size_t length = strcspn(at, "|");
		if (length == bytes && memcmp(at, text, bytes) == 0)
			return true;
		at += length;
	}
	return false;
}

/* A number the way its row's author would write it. */
static void
add_number(struct strbuf *message, const struct unit *units, int64_t number)
{
	const struct unit *best = units;

	for (const struct unit *unit = units; unit && unit->name; unit++)
		if (number != 0 && number % unit->factor == 0)
			best = unit;
	if (best)
		strbuf_add_format(message, "%lld%s", (long long)(number / best->factor),
		    number != 0 || best->factor != 1 ? best->name : "");
	else
		strbuf_add_format(message, "%lld", (long long)number);
}

static status
refuse_number(const struct config_row *row, const struct unit *units, const char *kind,
    struct strbuf *message)
{
	strbuf_add_format(message, "wants %s", kind);
	if (row->min != 0 || row->max != 0) {
		strbuf_add_text(message, " from ");
		add_number(message, units, row->min);
		strbuf_add_text(message, " to ");
		add_number(message, units, row->max);
	}
	return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
}

static bool
is_in_range(const struct config_row *row, int64_t number)
{
	return (row->min == 0 && row->max == 0) || (number >= row->min && number <= row->max);
}

static status
parse_text(const struct config_row *row, const char *text, struct strbuf *message)
{
	size_t bytes = strlen(text);

	if (row->choices && !is_choice(row->choices, text)) {
		strbuf_add_format(message, "wants one of %s", row->choices);
		return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
	}
	if (!utf8_is_valid(slice_text(text))) {
		strbuf_add_text(message, "wants UTF-8");
		return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
	}
	if (row->suits && !row->suits(text)) {
		strbuf_add_format(message, "wants %s", row->wants);
		return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
	}
	/* Empty is unset, whatever the least length. */
	if (bytes == 0 || is_in_range(row, (int64_t)bytes))
		return STATUS_OK;
	strbuf_add_format(message, "wants %lld to %lld bytes, not %zu", (long long)row->min,
	    (long long)row->max, bytes);
	return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
}

status
config_value_parse(
    const struct config_row *row, const char *text, int64_t *number, struct strbuf *message)
{
	int64_t value = 0;

	switch (row->type) {
	case CONFIG_TEXT:
		return parse_text(row, text, message);
	case CONFIG_BOOL:
		if (!parse_bool(text, &value)) {
			strbuf_add_text(message, "wants on or off");
			return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
		}
		break;
	case CONFIG_INT:
		if (!number_parse_i64(slice_text(text), &value) || !is_in_range(row, value))
			return refuse_number(row, NULL, "a whole number", message);
		break;
	case CONFIG_BYTES:
		if (!parse_with_unit(text, byte_units, &value) || !is_in_range(row, value))
			return refuse_number(row, byte_units, "a size such as 64KiB,", message);
		break;
	case CONFIG_DURATION:
		if (!parse_with_unit(text, time_units, &value) || !is_in_range(row, value))
			return refuse_number(
			    row, time_units, "a time such as 250ms or 15m,", message);
		break;
	}
	*number = value;
	return STATUS_OK;
}
