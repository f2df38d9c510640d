/* When a source hears that its credential is refused, or that there is no place for it. */
#include "base/pace.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS 1000

static struct pace *
pace_of(int a_second, int at_once)
{
	struct pace *pace = calloc(1, sizeof(*pace));

	assert_non_null(pace);
	pace_init(pace, a_second, at_once);
	return pace;
}

static void
so_many_are_told_at_once_and_the_rest_one_after_the_other(void **state)
{
	struct pace *pace = pace_of(10, 3);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pace_take(pace, 7, 5000 * MS), 0);
	for (int i = 1; i <= 5; i++)
		assert_int_equal(pace_take(pace, 7, 5000 * MS), i * 100 * MS);
	free(pace);
}

static void
a_pause_gives_back_what_was_at_once(void **state)
{
	struct pace *pace = pace_of(10, 3);

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)pace_take(pace, 7, 0);
	/* 400 ms of work were taken; 100 of them are over. */
	assert_true(pace_is_spent(pace, 7, 100 * MS));
	assert_false(pace_is_spent(pace, 8, 100 * MS));
	assert_int_equal(pace_take(pace, 7, 100 * MS), 100 * MS);
	assert_true(pace_is_spent(pace, 7, 299 * MS));
	assert_false(pace_is_spent(pace, 7, 300 * MS));
	for (int i = 0; i < 3; i++)
		assert_int_equal(pace_take(pace, 7, 10000 * MS), 0);
	assert_int_equal(pace_take(pace, 7, 10000 * MS), 100 * MS);
	free(pace);
}

static void
nobody_waits_longer_than_the_longest_wait_whatever_came_before(void **state)
{
	struct pace *pace = pace_of(10, 3);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_in_range(pace_take(pace, 7, 0), 0, PACE_WAIT_US_MAX);
	/* And it is forgiven in that time. */
	assert_int_equal(pace_take(pace, 7, PACE_WAIT_US_MAX + 300 * MS), 0);
	free(pace);
}

static void
who_came_together_and_waits_longest_is_not_told_together(void **state)
{
	struct pace *pace = pace_of(10, 3);
	int told[10] = {0};

	(void)state;
	for (int i = 0; i < 20; i++)
		(void)pace_take(pace, 7, 0);
	/* In one millisecond they come; of ten parts of the last quarter each has some. */
	for (int i = 0; i < 1000; i++) {
		const int64_t due_us = i + pace_take(pace, 7, i);
		const int64_t part = (due_us - PACE_WAIT_US_MAX * 3 / 4) * 10 / (251 * MS);

		assert_in_range(part, 0, 9);
		told[part]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(told[i], 50, 200);
	free(pace);
}

static void
one_source_does_not_hold_up_another(void **state)
{
	struct pace *pace = pace_of(10, 3);

	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)pace_take(pace, 7, 0);
	assert_int_equal(pace_take(pace, 8, 0), 0);
	free(pace);
}

#define RACERS 4
#define RACES 20000

static void *
race(void *arg)
{
	int64_t *at_once = calloc(1, sizeof(*at_once));

	for (int i = 0; at_once && i < RACES; i++)
		*at_once += pace_take(arg, 7, 0) == 0;
	return at_once;
}

static void
of_many_that_race_no_more_than_those_are_told_at_once(void **state)
{
	struct pace *pace = pace_of(1000, RACES);
	pthread_t threads[RACERS];
	int64_t at_once = 0;

	(void)state;
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, pace), 0);
	for (int i = 0; i < RACERS; i++) {
		void *count;
		assert_int_equal(pthread_join(threads[i], &count), 0);
		assert_non_null(count);
		at_once += *(int64_t *)count;
		free(count);
	}
	assert_int_equal(at_once, RACES);
	free(pace);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(so_many_are_told_at_once_and_the_rest_one_after_the_other),
	    cmocka_unit_test(a_pause_gives_back_what_was_at_once),
	    cmocka_unit_test(nobody_waits_longer_than_the_longest_wait_whatever_came_before),
	    cmocka_unit_test(who_came_together_and_waits_longest_is_not_told_together),
	    cmocka_unit_test(one_source_does_not_hold_up_another),
	    cmocka_unit_test(of_many_that_race_no_more_than_those_are_told_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
