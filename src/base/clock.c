#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define DAYS_OF_400_YEARS 146097
#define SECONDS_OF_DAY INT64_C(86400)

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z. */
#define TIME_US_MIN (INT64_C(-62135596800) * US_PER_S)
#define TIME_US_MAX (INT64_C(253402300800) * US_PER_S - 1)

static int64_t
clock_read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static int64_t
system_realtime_us(void *self)
{
	(void)self;
	return clock_read_us(CLOCK_REALTIME);
}

static int64_t
system_boottime_us(void *self)
{
	(void)self;
	return clock_read_us(CLOCK_BOOTTIME);
}

const struct clock clock_system = {
    .realtime_us = system_realtime_us,
    .boottime_us = system_boottime_us,
};

static int64_t
divide_down(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Both count years from March, so that a leap day is the last of its year. */
static int64_t
days_from_date(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = divide_down(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_OF_400_YEARS + day_of_era - 719468;
}

static void
date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t era, day_of_era, year_of_era, day_of_year, m;

	days += 719468;
	era = divide_down(days, DAYS_OF_400_YEARS);
	day_of_era = days - era * DAYS_OF_400_YEARS;
	year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	m = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

void
time_format(int64_t time_us, char out[TIME_TEXT_BYTES])
{
	int64_t seconds = divide_down(time_us, US_PER_S);
	int remainder = (int)(time_us % US_PER_S);
	int fraction = remainder < 0 ? remainder + (int)US_PER_S : remainder;
	int64_t days = divide_down(seconds, SECONDS_OF_DAY);
	int second = (int)(seconds - days * SECONDS_OF_DAY);
	int64_t year;
	int month, day, length;

	date_from_days(days, &year, &month, &day);
	length = snprintf(out, TIME_TEXT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year,
	    month, day, second / 3600, second / 60 % 60, second % 60);
	if (fraction == 0)
		snprintf(out + length, (size_t)(TIME_TEXT_BYTES - length), "Z");
	else if (fraction % 1000 == 0)
		snprintf(
		    out + length, (size_t)(TIME_TEXT_BYTES - length), ".%03dZ", fraction / 1000);
	else
		snprintf(out + length, (size_t)(TIME_TEXT_BYTES - length), ".%06dZ", fraction);
}

/* Exactly `digits` digits at *text, which moves behind them. */
static bool
take_number(const char **text, int digits, int min, int max, int *out)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*text)[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	if (value < min || value > max)
		return false;
	*text += digits;
	*out = value;
	return true;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool
take_fraction(const char **text, int *fraction_us)
{
	int weight = 100000;

	*fraction_us = 0;
	if (!take_char(text, '.'))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		*fraction_us += (**text - '0') * weight;
		weight /= 10;
	}
	return true;
}

static bool
take_offset(const char **text, int *offset_s)
{
	int sign, hours, minutes;

	*offset_s = 0;
	if (take_char(text, 'Z'))
		return true;
	sign = **text == '-' ? -1 : 1;
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_number(text, 2, 0, 23, &hours) || !take_char(text, ':') ||
	    !take_number(text, 2, 0, 59, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* T and Z in capitals only and no second 60: Protobuf's JSON mapping has it so. */
int
time_parse(const char *text, int64_t *time_us)
{
	int year, month, day, hour, minute, second, fraction, offset;
	int64_t seconds, us;

	if (!take_number(&text, 4, 1, 9999, &year) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, days_in_month(year, month), &day) || !take_char(&text, 'T') ||
	    !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &second) || !take_fraction(&text, &fraction) ||
	    !take_offset(&text, &offset) || *text != '\0')
		return 0;
	seconds = days_from_date(year, month, day) * SECONDS_OF_DAY;
	seconds += hour * 3600 + minute * 60 + second - offset;
	us = seconds * US_PER_S + fraction;
	if (us < TIME_US_MIN || us > TIME_US_MAX)
		return 0;
	*time_us = us;
	return 1;
}
