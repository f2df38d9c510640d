#include "base/arena.h"
#include "tests/lib/huge_allocations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	return arena_init(&arena, 256, 4096).code;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void
assert_zero(const void *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(((const uint8_t *)data)[i], 0);
}

static void
memory_is_zero_and_aligned_and_apart(void **state)
{
	uint8_t *before = NULL;

	(void)state;
	for (size_t bytes = 0; bytes < 40; bytes++) {
		uint8_t *data = arena_alloc(&arena, bytes);
		assert_non_null(data);
		assert_ptr_not_equal(data, before);
		assert_int_equal((uintptr_t)data % 16, 0);
		assert_zero(data, bytes);
		memset(data, 0xff, bytes);
		before = data;
	}
}

static void
the_cap_is_met_exactly_and_never_passed(void **state)
{
	(void)state;
	assert_non_null(arena_alloc(&arena, 4096 - 16));
	assert_non_null(arena_alloc(&arena, 16));
	assert_null(arena_alloc(&arena, 0));
	assert_null(arena_alloc(&arena, 1));
	assert_int_equal(arena.used_bytes, 4096);
	arena_reset(&arena);
	assert_null(arena_alloc(&arena, 4097));
	assert_non_null(arena_alloc(&arena, 4096));
}

static void
sizes_that_overflow_are_refused(void **state)
{
	(void)state;
	for (size_t less = 0; less < 64; less++) {
		assert_null(arena_alloc(&arena, SIZE_MAX - less));
		assert_null(arena_copy(&arena, "", SIZE_MAX - less));
	}
	assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
	assert_int_equal(arena.used_bytes, 0);
	assert_non_null(arena_alloc(&arena, 1));
}

static void
an_arena_without_a_cap_survives_sizes_that_no_machine_has(void **state)
{
	struct arena wide;

	(void)state;
	assert_int_equal(arena_init(&wide, 0, SIZE_MAX).code, ST_OK);
	assert_null(arena_alloc(&wide, SIZE_MAX / 2 - 64));
	assert_null(arena_alloc(&wide, SIZE_MAX - 32));
	assert_non_null(arena_alloc(&wide, 100));
	arena_done(&wide);
}

/* The first chunk is kept, so the test may look at what a reset left there. */
static void
a_reset_overwrites_what_was_used(void **state)
{
	char *secret = arena_copy_text(&arena, "correct horse battery staple");

	(void)state;
	assert_non_null(secret);
	arena_reset(&arena);
	assert_zero(secret, 29);
	assert_ptr_equal(arena_alloc(&arena, 1), secret);
}

static void
a_reset_keeps_the_first_chunk_only_and_the_whole_cap(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 4; i++) {
			uint8_t *data = arena_alloc(&arena, 1024);
			assert_non_null(data);
			assert_zero(data, 1024);
			memset(data, 0xaa, 1024);
		}
		assert_null(arena_alloc(&arena, 1));
		arena_reset(&arena);
		assert_int_equal(arena.used_bytes, 0);
		assert_ptr_equal(arena.current, arena.first);
	}
}

/* Three chunks: of 256 bytes, of 1,024 at least, of twice the one before. */
static void
what_is_held_is_all_chunks_used_or_not(void **state)
{
	size_t first = arena.held_bytes;
	const void *one;

	(void)state;
	assert_in_range(first, 256, 256 + 64);
	assert_non_null(arena_alloc(&arena, 256));
	assert_int_equal(arena.held_bytes, first);
	one = arena.current;
	assert_non_null(arena_alloc(&arena, 16));
	assert_ptr_not_equal(arena.current, one);
	assert_in_range(arena.held_bytes, first + 1024, first + 1024 + 64);
	assert_non_null(arena_alloc(&arena, 1024));
	assert_in_range(arena.held_bytes, first + 3072, first + 3072 + 128);
	arena_reset(&arena);
	assert_int_equal(arena.held_bytes, first);
}

static void
the_nth_allocation_fails_on_demand_and_only_that(void **state)
{
	(void)state;
	arena.fail_after = 3;
	assert_non_null(arena_alloc(&arena, 1));
	assert_non_null(arena_copy_text(&arena, "x"));
	assert_null(arena_format(&arena, "%d", 1));
	assert_non_null(arena_alloc(&arena, 1));
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 1));
	assert_non_null(arena_alloc(&arena, 1));
	assert_null(arena_alloc(&arena, 1));
}

static void
copies_end_in_nul_and_keep_every_byte(void **state)
{
	char *copy = arena_copy(&arena, "a\0b", 3);

	(void)state;
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	assert_string_equal(arena_format(&arena, "%s-%03d", "x", 7), "x-007");
}

static void
a_refusal_has_its_text_or_at_least_its_format(void **state)
{
	status refused = arena_refuse(&arena, ST_NOT_FOUND, "NO_SUCH", "no %s", "user");

	(void)state;
	assert_int_equal(refused.code, ST_NOT_FOUND);
	assert_string_equal(refused.reason, "NO_SUCH");
	assert_string_equal(refused.message, "no user");
	arena.fail_after = arena.allocations + 1;
	refused = arena_refuse(&arena, ST_NOT_FOUND, NULL, "no %s", "user");
	assert_string_equal(refused.message, "no %s");
	assert_null(refused.reason);
}

static void
done_twice_does_no_harm(void **state)
{
	(void)state;
	arena_done(&arena);
	arena_done(&arena);
	assert_null(arena_alloc(&arena, 1));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(memory_is_zero_and_aligned_and_apart),
	    TEST(the_cap_is_met_exactly_and_never_passed),
	    TEST(sizes_that_overflow_are_refused),
	    TEST(an_arena_without_a_cap_survives_sizes_that_no_machine_has),
	    TEST(a_reset_overwrites_what_was_used),
	    TEST(a_reset_keeps_the_first_chunk_only_and_the_whole_cap),
	    TEST(what_is_held_is_all_chunks_used_or_not),
	    TEST(the_nth_allocation_fails_on_demand_and_only_that),
	    TEST(copies_end_in_nul_and_keep_every_byte),
	    TEST(a_refusal_has_its_text_or_at_least_its_format),
	    TEST(done_twice_does_no_harm),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
