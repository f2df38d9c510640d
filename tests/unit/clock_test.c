#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void
assert_formats(int64_t time_us, const char *want)
{
	char text[TIME_TEXT_BYTES];

	time_format(time_us, text);
	assert_string_equal(text, want);
}

static void
a_time_has_a_fraction_of_0_3_or_6_digits(void **state)
{
	(void)state;
	assert_formats(0, "1970-01-01T00:00:00Z");
	assert_formats(1, "1970-01-01T00:00:00.000001Z");
	assert_formats(-1, "1969-12-31T23:59:59.999999Z");
	assert_formats(INT64_C(1769860800123000), "2026-01-31T12:00:00.123Z");
	assert_formats(INT64_C(1769860800123456), "2026-01-31T12:00:00.123456Z");
	assert_formats(INT64_C(-62135596800000000), "0001-01-01T00:00:00Z");
	assert_formats(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
}

static void
times_beyond_every_calendar_fit_their_text(void **state)
{
	char text[TIME_TEXT_BYTES];

	(void)state;
	time_format(INT64_MIN, text);
	assert_int_equal(text[strlen(text) - 1], 'Z');
	time_format(INT64_MAX, text);
	assert_string_equal(text, "294247-01-10T04:00:54.775807Z");
}

/* Against the C library, a day and some seconds at a time, over 800 years. */
static void
every_day_is_the_one_that_the_c_library_knows(void **state)
{
	(void)state;
	for (int64_t s = INT64_C(-12622780800); s < INT64_C(12622780800); s += 86413) {
		char text[TIME_TEXT_BYTES], want[64];
		int64_t back = 0;
		time_t seconds = (time_t)s;
		struct tm tm;

		assert_non_null(gmtime_r(&seconds, &tm));
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		time_format(s * US_PER_S, text);
		assert_string_equal(text, want);
		assert_int_equal(time_parse(text, &back), 1);
		assert_int_equal(back, s * US_PER_S);
	}
}

static void
assert_parses(const char *text, int64_t want)
{
	int64_t got = -1;

	assert_int_equal(time_parse(text, &got), 1);
	assert_int_equal(got, want);
}

static void
any_offset_and_any_fraction_are_read(void **state)
{
	const int64_t noon = INT64_C(1769860800000000);

	(void)state;
	assert_parses("2026-01-31T12:00:00Z", noon);
	assert_parses("2026-01-31T14:30:00+02:30", noon);
	assert_parses("2026-01-30T12:01:00-23:59", noon);
	assert_parses("2026-01-31T12:00:00-00:00", noon);
	assert_parses("2026-01-31T12:00:00.1Z", noon + 100000);
	assert_parses("2026-01-31T12:00:00.1234569999999999999999Z", noon + 123456);
	assert_parses("2024-02-29T00:00:00Z", INT64_C(1709164800000000));
	assert_parses("2000-02-29T00:00:00Z", INT64_C(951782400000000));
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {"", "Z", "2026", "2026-01-31", "2026-01-31T12:00:00",
	    "2026-01-31t12:00:00Z", "2026-01-31T12:00:00z", "2026-01-31 12:00:00Z",
	    "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
	    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
	    "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-01-31T24:00:00Z",
	    "2026-01-31T12:60:00Z", "2026-01-31T12:00:60Z", "2026-01-31T12:00:00.Z",
	    "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+0200",
	    "2026-01-31T12:00:00+02", "2026-01-31T12:00:00Z ", "2026-01-31T12:00:00ZZ",
	    "+026-01-31T12:00:00Z", "2026-1-31T12:00:00Z", "0001-01-01T00:00:00+00:01",
	    "9999-12-31T23:59:59-00:01"};
	int64_t out = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (time_parse(texts[i], &out))
			fail_msg("%s was taken", texts[i]);
	assert_int_equal(out, 7);
}

static void
the_system_has_two_clocks(void **state)
{
	int64_t first = clock_boot_us(&clock_system);

	(void)state;
	assert_true(first > 0);
	assert_true(clock_boot_us(&clock_system) >= first);
	assert_true(clock_now_us(&clock_system) / US_PER_S - (int64_t)time(NULL) <= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_time_has_a_fraction_of_0_3_or_6_digits),
	    cmocka_unit_test(times_beyond_every_calendar_fit_their_text),
	    cmocka_unit_test(every_day_is_the_one_that_the_c_library_knows),
	    cmocka_unit_test(any_offset_and_any_fraction_are_read),
	    cmocka_unit_test(what_is_no_time_is_refused),
	    cmocka_unit_test(the_system_has_two_clocks),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
