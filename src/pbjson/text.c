#include "pbjson/text.h"

#include <stdio.h>
#include <string.h>

#define NANOS_PER_S 1000000000
#define SECONDS_PER_DAY 86400
#define TIMESTAMP_SECONDS_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_SECONDS_MAX INT64_C(315576000000)

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static size_t
count_digits(struct slice text, size_t at)
{
	size_t begin = at;

	while (at < text.bytes && is_digit(text.data[at]))
		at++;
	return at - begin;
}

/* A number's parts, by JSON's grammar. */
struct number_parts {
	bool negative;
	struct slice whole, fraction;
	bool exponent_negative;
	struct slice exponent;
};

static bool
split_number(struct slice text, struct number_parts *out)
{
	struct number_parts parts = {0};
	size_t at = 0;

	if (at < text.bytes && text.data[at] == '-') {
		parts.negative = true;
		at++;
	}
	parts.whole = slice_of(text.data + at, count_digits(text, at));
	at += parts.whole.bytes;
	if (parts.whole.bytes == 0 || (parts.whole.bytes > 1 && parts.whole.data[0] == '0'))
		return false;
	if (at < text.bytes && text.data[at] == '.') {
		at++;
		parts.fraction = slice_of(text.data + at, count_digits(text, at));
		at += parts.fraction.bytes;
		if (parts.fraction.bytes == 0)
			return false;
	}
	if (at < text.bytes && (text.data[at] == 'e' || text.data[at] == 'E')) {
		at++;
		if (at < text.bytes && (text.data[at] == '-' || text.data[at] == '+'))
			parts.exponent_negative = text.data[at++] == '-';
		parts.exponent = slice_of(text.data + at, count_digits(text, at));
		at += parts.exponent.bytes;
		if (parts.exponent.bytes == 0)
			return false;
	}
	*out = parts;
	return at == text.bytes;
}

bool
text_is_number(struct slice text)
{
	struct number_parts parts;

	return text.bytes > 0 && split_number(text, &parts);
}

/* The i-th digit of whole and fraction together. */
static unsigned
digit_at(const struct number_parts *parts, size_t i)
{
	if (i < parts->whole.bytes)
		return parts->whole.data[i] - '0';
	return parts->fraction.data[i - parts->whole.bytes] - '0';
}

/* The exponent, cut to what no digits in memory could make up for. */
static int64_t
exponent_of(const struct number_parts *parts)
{
	int64_t value = 0;

	for (size_t i = 0; i < parts->exponent.bytes && value < INT64_C(1) << 40; i++)
		value = value * 10 + (parts->exponent.data[i] - '0');
	return parts->exponent_negative ? -value : value;
}

bool
text_parse_integer(struct slice text, bool *negative, uint64_t *magnitude, bool *out_of_range)
{
	struct number_parts parts;
	size_t first = 0, end;
	uint64_t value = 0;

	*out_of_range = false;
	if (text.bytes == 0 || !split_number(text, &parts))
		return false;
	end = parts.whole.bytes + parts.fraction.bytes;
	while (first < end && digit_at(&parts, first) == 0)
		first++;
	while (end > first && digit_at(&parts, end - 1) == 0)
		end--;
	*negative = parts.negative && first < end;
	*magnitude = 0;
	if (first == end)
		return true;
	/* Where the decimal point stands, counted from the first digit. */
	int64_t point = (int64_t)parts.whole.bytes + exponent_of(&parts);
	if ((int64_t)end > point)
		return false;
	if (point - (int64_t)first > 20) {
		*out_of_range = true;
		return true;
	}
	for (size_t i = first; (int64_t)i < point; i++) {
		unsigned digit = i < end ? digit_at(&parts, i) : 0;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value)) {
			*out_of_range = true;
			return true;
		}
	}
	*magnitude = value;
	return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years. */
static int64_t
days_from_date(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + (int64_t)day_of_era - 719468;
}

static void
date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned day_of_era = (unsigned)(days - era * 146097);
	unsigned year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned march_month = (5 * day_of_year + 2) / 153;

	*day = day_of_year - (153 * march_month + 2) / 5 + 1;
	*month = march_month < 10 ? march_month + 3 : march_month - 9;
	*year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

static unsigned
days_in_month(int64_t year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Exactly digits digits at *at, and then the separator (0: none). */
static bool
take_digits(struct slice text, size_t *at, size_t digits, char separator, unsigned *out)
{
	unsigned value = 0;

	if (text.bytes - *at < digits + (separator ? 1 : 0))
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (!is_digit(text.data[*at + i]))
			return false;
		value = value * 10 + (text.data[*at + i] - '0');
	}
	*at += digits;
	if (separator && text.data[(*at)++] != (uint8_t)separator)
		return false;
	*out = value;
	return true;
}

/* ".5" and the like, 1 to 9 digits; nothing at all is 0. */
static bool
take_fraction(struct slice text, size_t *at, int32_t *nanos)
{
	int32_t value = 0;
	size_t digits;

	*nanos = 0;
	if (*at >= text.bytes || text.data[*at] != '.')
		return true;
	digits = count_digits(text, ++*at);
	if (digits == 0 || digits > 9)
		return false;
	for (size_t i = 0; i < 9; i++)
		value = value * 10 + (i < digits ? text.data[*at + i] - '0' : 0);
	*at += digits;
	*nanos = value;
	return true;
}

/* "Z" or "+01:30", to the end. */
static bool
take_offset(struct slice text, size_t at, int64_t *seconds)
{
	unsigned hours, minutes;
	bool west;

	*seconds = 0;
	if (at >= text.bytes)
		return false;
	if (text.data[at] == 'Z')
		return at + 1 == text.bytes;
	if (text.data[at] != '+' && text.data[at] != '-')
		return false;
	west = text.data[at++] == '-';
	if (!take_digits(text, &at, 2, ':', &hours) || !take_digits(text, &at, 2, 0, &minutes))
		return false;
	if (at != text.bytes || hours > 23 || minutes > 59)
		return false;
	*seconds = (west ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

bool
text_parse_timestamp(struct slice text, int64_t *seconds, int32_t *nanos)
{
	unsigned year, month, day, hour, minute, second;
	int64_t offset, total;
	int32_t fraction;
	size_t at = 0;

	if (!take_digits(text, &at, 4, '-', &year) || !take_digits(text, &at, 2, '-', &month) ||
	    !take_digits(text, &at, 2, 'T', &day) || !take_digits(text, &at, 2, ':', &hour) ||
	    !take_digits(text, &at, 2, ':', &minute) || !take_digits(text, &at, 2, 0, &second))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    hour > 23 || minute > 59 || second > 59)
		return false;
	if (!take_fraction(text, &at, &fraction) || !take_offset(text, at, &offset))
		return false;
	total = days_from_date(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 +
		second - offset;
	if (total < TIMESTAMP_SECONDS_MIN || total > TIMESTAMP_SECONDS_MAX)
		return false;
	*seconds = total;
	*nanos = fraction;
	return true;
}

/* Nothing, or a point and 3, 6 or 9 digits. */
static void
format_fraction(int32_t nanos, char out[16])
{
	if (nanos == 0)
		out[0] = '\0';
	else if (nanos % 1000000 == 0)
		snprintf(out, 16, ".%03d", (int)(nanos / 1000000));
	else if (nanos % 1000 == 0)
		snprintf(out, 16, ".%06d", (int)(nanos / 1000));
	else
		snprintf(out, 16, ".%09d", (int)nanos);
}

bool
text_format_timestamp(int64_t seconds, int32_t nanos, char out[TEXT_TIME_BYTES])
{
	int64_t year, days, rest;
	unsigned month, day;
	char fraction[16];

	if (seconds < TIMESTAMP_SECONDS_MIN || seconds > TIMESTAMP_SECONDS_MAX || nanos < 0 ||
	    nanos >= NANOS_PER_S)
		return false;
	days = seconds / SECONDS_PER_DAY;
	rest = seconds % SECONDS_PER_DAY;
	if (rest < 0) {
		days--;
		rest += SECONDS_PER_DAY;
	}
	date_from_days(days, &year, &month, &day);
	format_fraction(nanos, fraction);
	snprintf(out, TEXT_TIME_BYTES, "%04d-%02u-%02uT%02d:%02d:%02d%sZ", (int)year, month, day,
	    (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60), fraction);
	return true;
}

bool
text_parse_duration(struct slice text, int64_t *seconds, int32_t *nanos)
{
	bool negative = text.bytes > 0 && text.data[0] == '-';
	size_t at = negative, digits = count_digits(text, at);
	uint64_t whole = 0;
	int32_t fraction;

	if (digits == 0 || digits > 12)
		return false;
	for (size_t i = 0; i < digits; i++)
		whole = whole * 10 + (text.data[at + i] - '0');
	at += digits;
	if (!take_fraction(text, &at, &fraction))
		return false;
	if (at + 1 != text.bytes || text.data[at] != 's')
		return false;
	if (whole > (uint64_t)DURATION_SECONDS_MAX ||
	    (whole == (uint64_t)DURATION_SECONDS_MAX && fraction > 0))
		return false;
	*seconds = negative ? -(int64_t)whole : (int64_t)whole;
	*nanos = negative ? -fraction : fraction;
	return true;
}

bool
text_format_duration(int64_t seconds, int32_t nanos, char out[TEXT_TIME_BYTES])
{
	bool negative = seconds < 0 || nanos < 0;
	char fraction[16];

	if (seconds < -DURATION_SECONDS_MAX || seconds > DURATION_SECONDS_MAX ||
	    nanos <= -NANOS_PER_S || nanos >= NANOS_PER_S)
		return false;
	if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return false;
	format_fraction(nanos < 0 ? -nanos : nanos, fraction);
	snprintf(out, TEXT_TIME_BYTES, "%s%lld%ss", negative ? "-" : "",
	    (long long)(seconds < 0 ? -seconds : seconds), fraction);
	return true;
}

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

bool
text_to_snake(struct slice path, struct strbuf *out)
{
	for (size_t i = 0; i < path.bytes; i++) {
		uint8_t c = path.data[i];
		if (is_upper(c)) {
			strbuf_add_char(out, '_');
			strbuf_add_char(out, (char)(c - 'A' + 'a'));
		} else if (is_lower(c) || is_digit(c) || c == '.') {
			strbuf_add_char(out, (char)c);
		} else {
			return false;
		}
	}
	return path.bytes > 0;
}

bool
text_to_camel(struct slice path, struct strbuf *out)
{
	for (size_t i = 0; i < path.bytes; i++) {
		uint8_t c = path.data[i];
		if (c == '_') {
			if (++i == path.bytes || !is_lower(path.data[i]))
				return false;
			strbuf_add_char(out, (char)(path.data[i] - 'a' + 'A'));
		} else if (is_lower(c) || is_digit(c) || c == '.') {
			strbuf_add_char(out, (char)c);
		} else {
			return false;
		}
	}
	return path.bytes > 0;
}
