/* Which connections take none of their replies. */
#include "rpc/pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOOKS 9

struct fixture {
	struct pipe_table table;
	unsigned look;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	fixture.look = -(unsigned)LOOKS; /* as a server begins */
	assert_int_equal(pipe_table_init(&fixture.table, 100).code, ST_OK);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	pipe_table_done(&f->table);
	return 0;
}

/* A whole look; how many are stalled. They are given back. */
static int
look(struct fixture *f)
{
	struct pipe_entry *entry;
	int count = 0;

	for (size_t at = 0; (entry = pipe_take_stalled(&f->table, f->look, LOOKS, &at)); count++)
		pipe_give(entry);
	f->look++;
	return count;
}

static void
who_has_nothing_to_take_never_stalls(void **state)
{
	struct fixture *f = *state;

	assert_true(pipe_add(&f->table, 1, "192.0.2.1"));
	for (int i = 0; i < 10 * LOOKS; i++)
		assert_int_equal(look(f), 0);
}

/* It counts as sending a moment before its time is put off, and whoever does that may be kept from
 * it for long. */
static void
who_begins_to_send_after_a_rest_has_all_its_time(void **state)
{
	struct fixture *f = *state;

	assert_true(pipe_add(&f->table, 1, "192.0.2.1"));
	for (int i = 0; i < 5 * LOOKS; i++)
		assert_int_equal(look(f), 0);
	struct pipe_entry *entry = pipe_take(&f->table, 1);
	(void)atomic_fetch_add(&entry->sending, 1);
	for (int i = 0; i < LOOKS - 1; i++)
		assert_int_equal(look(f), 0);
	assert_int_equal(look(f), 1);
	/* Once: it is being closed. */
	assert_true(atomic_load(&entry->is_closing));
	assert_int_equal(look(f), 0);
	pipe_give(entry);
}

static void
who_takes_some_has_time_anew_and_what_was_given_is_not_taken_back(void **state)
{
	struct fixture *f = *state;

	assert_true(pipe_add(&f->table, 1, "192.0.2.1"));
	assert_true(pipe_add(&f->table, 2, "192.0.2.1"));
	struct pipe_entry *thin = pipe_take(&f->table, 1), *deaf = pipe_take(&f->table, 2);
	/* It has much to take, and was given time for that before. */
	atomic_store(&thin->stalls_at, f->look + 5 * LOOKS);
	assert_int_equal(look(f), 0);
	(void)atomic_fetch_add(&thin->sending, 1);
	(void)atomic_fetch_add(&deaf->sending, 1);
	int stalled = 0;
	for (int i = 0; i < 5 * LOOKS - 1; i++)
		stalled += look(f);
	assert_int_equal(stalled, 1);
	assert_true(atomic_load(&deaf->is_closing));
	assert_false(atomic_load(&thin->is_closing));
	assert_int_equal(look(f), 1);
	pipe_give(thin);
	pipe_give(deaf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		who_has_nothing_to_take_never_stalls, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_begins_to_send_after_a_rest_has_all_its_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		who_takes_some_has_time_anew_and_what_was_given_is_not_taken_back, set_up,
		tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
