/* Calls that are waited for, looked at again, or left behind. */
#include "base/aside.h"
#include "base/wait.h"

#include "tests/lib/until.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOR_EVER_US (600 * US_PER_S)

/* What a call's thread counts may be counted after a test's end. */
static atomic_int discarded, discarded_elsewhere;
static pthread_t tester;
static sem_t gate;

struct work {
	bool is_gated;
	int *result; /* made by the call */
};

static void
run(void *arg)
{
	struct work *work = arg;

	if (work->is_gated)
		while (sem_wait(&gate) != 0)
			;
	work->result = malloc(sizeof(*work->result));
	*work->result = 42;
}

static void
discard(void *arg)
{
	struct work *work = arg;

	free(work->result);
	free(work);
	if (!pthread_equal(pthread_self(), tester))
		(void)atomic_fetch_add(&discarded_elsewhere, 1);
	(void)atomic_fetch_add(&discarded, 1);
}

static const struct aside_call call = {.run = run, .discard = discard};

static status
begin(bool is_gated, struct aside **out)
{
	struct work *work = calloc(1, sizeof(*work));

	work->is_gated = is_gated;
	return aside_start(&call, work, out);
}

static struct aside *
begin_well(bool is_gated)
{
	struct aside *aside = NULL;

	assert_int_equal(begin(is_gated, &aside).code, ST_OK);
	return aside;
}

static int
set_up(void **state)
{
	(void)state;
	tester = pthread_self();
	atomic_store(&discarded, 0);
	atomic_store(&discarded_elsewhere, 0);
	return sem_init(&gate, 0, 0);
}

static bool
one_is_discarded(void)
{
	return atomic_load(&discarded) == 1;
}

static void
what_ends_in_time_is_the_callers(void **state)
{
	struct aside *aside = begin_well(false);
	struct work *work;
	int *result;

	(void)state;
	assert_true(aside_wait(aside, FOR_EVER_US));
	work = aside_work(aside);
	result = work->result;
	work->result = NULL;
	assert_int_equal(atomic_load(&discarded), 0);
	aside_leave(&aside);
	assert_null(aside);
	assert_int_equal(atomic_load(&discarded), 1);
	assert_int_equal(atomic_load(&discarded_elsewhere), 0);
	assert_int_equal(*result, 42);
	free(result);
	aside_leave(&aside);
	assert_int_equal(atomic_load(&discarded), 1);
}

static void
what_ends_too_late_is_thrown_away_by_its_own_thread(void **state)
{
	struct aside *aside = begin_well(true);

	(void)state;
	assert_false(aside_wait(aside, 1000));
	aside_leave(&aside);
	assert_null(aside);
	assert_int_equal(atomic_load(&discarded), 0);
	(void)sem_post(&gate);
	until(one_is_discarded, "what had been left was discarded");
	assert_int_equal(atomic_load(&discarded_elsewhere), 1);
}

static void
what_was_not_done_may_be_looked_at_again(void **state)
{
	struct aside *aside = begin_well(true);

	(void)state;
	assert_false(aside_wait(aside, 0));
	assert_false(aside_wait(aside, 1000));
	(void)sem_post(&gate);
	assert_true(aside_wait(aside, FOR_EVER_US));
	assert_true(aside_wait(aside, 0));
	assert_int_equal(*((struct work *)aside_work(aside))->result, 42);
	aside_leave(&aside);
	assert_int_equal(atomic_load(&discarded), 1);
}

static void *
hurry(void *aside)
{
	aside_hurry(aside);
	return NULL;
}

/* Waiting for it to end would be for ever. */
static void
who_is_in_a_hurry_need_not_wait(void **state)
{
	struct aside *aside = begin_well(true);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, hurry, aside), 0);
	assert_false(aside_wait(aside, FOR_EVER_US));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(aside_wait(aside, FOR_EVER_US));
	aside_leave(&aside);
	(void)sem_post(&gate);
	until(one_is_discarded, "what had been left was discarded");
}

#define RACES 3000

static bool
all_are_discarded(void)
{
	return atomic_load(&discarded) == RACES;
}

/* It ends just when it is given up: one of the two takes it, and it is freed once. */
static void
just_in_time_and_just_too_late_are_told_apart(void **state)
{
	int taken = 0;

	(void)state;
	for (int i = 0; i < RACES; i++) {
		struct aside *aside = begin_well(true);

		const int64_t look_at_us = wait_now_us() + i % 100;

		(void)sem_post(&gate);
		/* Waiting would sleep for longer than that. */
		while (wait_now_us() < look_at_us)
			;
		if (aside_wait(aside, 0)) {
			assert_int_equal(*((struct work *)aside_work(aside))->result, 42);
			taken++;
		}
		aside_leave(&aside);
		/* So that there are never more than there may be. */
		while (atomic_load(&discarded) < i - ASIDE_MAX / 2)
			(void)sched_yield();
	}
	until(all_are_discarded, "each had been discarded");
	print_message("%d of %d in time\n", taken, RACES);
}

static bool
another_can_be_had(void)
{
	struct aside *aside;

	if (begin(false, &aside).code != ST_OK)
		return false;
	aside_leave(&aside);
	return true;
}

static void
there_may_be_many_but_not_any_number(void **state)
{
	struct aside *asides[ASIDE_MAX], *none = NULL;

	(void)state;
	/* Some of those before may not quite be over. */
	for (int i = 0; i < ASIDE_MAX; i++)
		while (begin(true, &asides[i]).code != ST_OK)
			(void)sched_yield();
	atomic_store(&discarded, 0);
	assert_int_equal(begin(true, &none).code, ST_RESOURCE_EXHAUSTED);
	assert_null(none);
	assert_int_equal(atomic_load(&discarded), 1);
	/* Those that are left count as the others do. */
	for (int i = 0; i < ASIDE_MAX / 2; i++)
		aside_leave(&asides[i]);
	assert_int_equal(begin(true, &none).code, ST_RESOURCE_EXHAUSTED);
	for (int i = 0; i < ASIDE_MAX; i++)
		(void)sem_post(&gate);
	for (int i = ASIDE_MAX / 2; i < ASIDE_MAX; i++) {
		assert_true(aside_wait(asides[i], FOR_EVER_US));
		aside_leave(&asides[i]);
	}
	until(another_can_be_had, "others had ended");
}

static void
take_down(void)
{
	_exit(7);
}

/* How a program ends that has a handler of its own, and something under way or not. */
static int
code_of_exit(bool has_left)
{
	const pid_t child = fork();
	int how;

	if (child == 0) {
		struct aside *aside;

		(void)atexit(take_down);
		if (begin(has_left, &aside).code != ST_OK ||
		    aside_wait(aside, has_left ? 0 : FOR_EVER_US) == has_left)
			_exit(9);
		aside_leave(&aside);
		aside_exit(3);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	return WEXITSTATUS(how);
}

static void
a_program_that_has_left_something_ends_without_its_handlers(void **state)
{
	(void)state;
	assert_int_equal(code_of_exit(false), 7);
	assert_int_equal(code_of_exit(true), 3);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* It forks, so before there are threads. */
	    TEST(a_program_that_has_left_something_ends_without_its_handlers),
	    TEST(what_ends_in_time_is_the_callers),
	    TEST(what_ends_too_late_is_thrown_away_by_its_own_thread),
	    TEST(what_was_not_done_may_be_looked_at_again),
	    TEST(who_is_in_a_hurry_need_not_wait),
	    TEST(just_in_time_and_just_too_late_are_told_apart),
	    TEST(there_may_be_many_but_not_any_number),
	};

	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
