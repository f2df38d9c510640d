#include "base/uuid.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/fake_rand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT "01890a5d-ac96-774b-bcce-b302099a8057"

static void
text_leads_to_the_same_id_and_back(void **state)
{
	char text[UUID_TEXT_BYTES];
	struct uuid lower, upper;

	(void)state;
	assert_true(uuid_parse(slice_text(TEXT), &lower));
	assert_true(uuid_parse(slice_text("01890A5D-AC96-774B-BCCE-B302099A8057"), &upper));
	assert_true(uuid_equals(&lower, &upper));
	uuid_format(&lower, text);
	assert_string_equal(text, TEXT);
}

static void
text_of_another_shape_is_refused(void **state)
{
	static const char *const texts[] = {
	    "",
	    "01890a5d-ac96-774b-bcce-b302099a805",
	    "01890a5d-ac96-774b-bcce-b302099a80570",
	    "01890a5dac96774bbcceb302099a8057",
	    "01890a5d-ac96-774b-bcce_b302099a8057",
	    "01890a5d-ac96-774b-bcceb-302099a8057",
	    "01890a5g-ac96-774b-bcce-b302099a8057",
	    "{1890a5d-ac96-774b-bcce-b302099a805}",
	    " 1890a5d-ac96-774b-bcce-b302099a8057",
	    "+1890a5d-ac96-774b-bcce-b302099a8057",
	};
	struct uuid out = {.bytes = {7}};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(uuid_parse(slice_text(texts[i]), &out));
	assert_false(uuid_parse(slice_of("01890a5d-ac96-774b-bcce-b302099a805\0", 36), &out));
	assert_false(uuid_parse(SLICE_NONE, &out));
	assert_int_equal(out.bytes[0], 7);
}

static void
a_new_id_is_version_7_with_the_clocks_milliseconds_in_front(void **state)
{
	char text[UUID_TEXT_BYTES];
	struct fake_clock clock;
	struct fake_rand rand;
	struct uuid id;

	(void)state;
	fake_clock_init(&clock);
	fake_rand_init(&rand, 1);
	rand.constant = 0xff;
	clock.realtime_us = INT64_C(0x017f22e279b0) * 1000 + 999;
	assert_int_equal(uuid_make(&clock.clock, &rand.source, &id).code, ST_OK);
	uuid_format(&id, text);
	assert_string_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
	rand.constant = 0;
	clock.realtime_us = -1;
	assert_int_equal(uuid_make(&clock.clock, &rand.source, &id).code, ST_OK);
	uuid_format(&id, text);
	assert_string_equal(text, "00000000-0000-7000-8000-000000000000");
}

static void
ids_of_a_later_millisecond_sort_behind(void **state)
{
	struct uuid before = {{0}}, id;
	struct fake_clock clock;

	(void)state;
	fake_clock_init(&clock);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(uuid_make(&clock.clock, &rand_system, &id).code, ST_OK);
		assert_true(memcmp(before.bytes, id.bytes, UUID_BYTES) < 0);
		before = id;
		fake_clock_advance(&clock, US_PER_MS);
	}
}

static void
without_random_bytes_there_is_no_id(void **state)
{
	struct fake_clock clock;
	struct fake_rand rand;
	struct uuid id = {{0}};

	(void)state;
	fake_clock_init(&clock);
	fake_rand_init(&rand, 1);
	rand.fail_at = 1;
	assert_int_equal(uuid_make(&clock.clock, &rand.source, &id).code, ST_INTERNAL);
	assert_true(uuid_is_nil(&id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_leads_to_the_same_id_and_back),
	    cmocka_unit_test(text_of_another_shape_is_refused),
	    cmocka_unit_test(a_new_id_is_version_7_with_the_clocks_milliseconds_in_front),
	    cmocka_unit_test(ids_of_a_later_millisecond_sort_behind),
	    cmocka_unit_test(without_random_bytes_there_is_no_id),
	};
	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
