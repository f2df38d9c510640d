/* A lane's queue: who gets a place, and who gives one up. */
#include "rpc/lane.h"
#include "tests/lib/fake_clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define QUEUE 16
#define BEGUN_WAIT_S 60
/* Who has so much time left is gathered for with others that are in a hurry, */
#define HURRY_US (150 * US_PER_MS)
/* and who has less than that goes alone. */
#define ALONE_US (20 * US_PER_MS)

#define HANDS_MAX 2

struct fixture {
	struct lane_queue *lane;
	struct fake_clock clock;
	sem_t begun, gate;
	pthread_mutex_t lock; /* of what several workers write */
	char began[1024];     /* units in the order in which they came to a worker */
	size_t began_count;
	char done[1024]; /* and in which they were served */
	size_t done_count;
	const struct lane_worker *by[HANDS_MAX]; /* those that had the first hands */
	size_t hands;
	char refused[256];
	size_t refused_count;
	uint32_t retry_after_ms;
	bool gathers;
};

static void
work(void *env, struct lane_entry *entry, struct lane_worker *worker)
{
	struct fixture *fixture = env;

	(void)worker;
	(void)pthread_mutex_lock(&fixture->lock);
	fixture->began[fixture->began_count++] = (char)entry->unit;
	(void)pthread_mutex_unlock(&fixture->lock);
	(void)sem_post(&fixture->begun);
	(void)sem_wait(&fixture->gate);
	(void)pthread_mutex_lock(&fixture->lock);
	fixture->done[fixture->done_count++] = (char)entry->unit;
	(void)pthread_mutex_unlock(&fixture->lock);
}

static void
expire(void *env, struct lane_entry *entry)
{
	(void)env;
	(void)entry;
}

static void
refuse(void *env, struct lane_entry *entry, uint32_t retry_after_ms)
{
	struct fixture *fixture = env;

	fixture->refused[fixture->refused_count++] = (char)entry->unit;
	fixture->retry_after_ms = retry_after_ms;
}

static bool
gather(void *env, struct lane_entry *const *entries, size_t count, struct lane_worker *worker)
{
	struct fixture *fixture = env;

	(void)pthread_mutex_lock(&fixture->lock);
	if (fixture->hands < HANDS_MAX)
		fixture->by[fixture->hands++] = worker;
	fixture->done[fixture->done_count++] = '(';
	for (size_t i = 0; i < count; i++)
		fixture->done[fixture->done_count++] = (char)entries[i]->unit;
	fixture->done[fixture->done_count++] = ')';
	(void)pthread_mutex_unlock(&fixture->lock);
	return fixture->gathers;
}

static bool
put_until(struct fixture *fixture, struct lane_entry *entry, char unit, uint64_t kind,
    int64_t deadline_us)
{
	uint32_t retry_after_ms = 0;

	*entry =
	    (struct lane_entry){.unit = (uint64_t)unit, .kind = kind, .deadline_us = deadline_us};
	const bool taken = lane_put(fixture->lane, entry, &retry_after_ms);
	assert_true(taken || retry_after_ms > 0);
	return taken;
}

/* With so much time left; the clock stands still. */
static bool
put_with_left(
    struct fixture *fixture, struct lane_entry *entry, char unit, uint64_t kind, int64_t left_us)
{
	return put_until(
	    fixture, entry, unit, kind, clock_boot_us(&fixture->clock.clock) + left_us);
}

static bool
put_in_few_hands(struct fixture *fixture, struct lane_entry *entry, char unit, uint64_t kind)
{
	uint32_t retry_after_ms;

	*entry = (struct lane_entry){
	    .unit = (uint64_t)unit, .kind = kind, .in_few_hands = true, .deadline_us = INT64_MAX};
	return lane_put(fixture->lane, entry, &retry_after_ms);
}

static bool
put_kind(struct fixture *fixture, struct lane_entry *entry, char unit, uint64_t kind)
{
	return put_until(fixture, entry, unit, kind, INT64_MAX);
}

static bool
put(struct fixture *fixture, struct lane_entry *entry, char unit)
{
	return put_kind(fixture, entry, unit, 0);
}

static void
setup_lane(struct fixture *fixture, int workers, int queue_max)
{
	const struct lane_plan plan = {
	    .name = "test",
	    .workers = workers,
	    .queue_max = queue_max,
	    .clock = &fixture->clock.clock,
	    .env = fixture,
	    .work = work,
	    .expire = expire,
	    .gather = gather,
	    .refuse = refuse,
	};

	memset(fixture, 0, sizeof(*fixture));
	fake_clock_init(&fixture->clock);
	(void)sem_init(&fixture->begun, 0, 0);
	(void)sem_init(&fixture->gate, 0, 0);
	(void)pthread_mutex_init(&fixture->lock, NULL);
	assert_int_equal(lane_new(&plan, &fixture->lane).code, ST_OK);
}

/* One worker, which is at work already and waits at the gate. */
static void
setup_queue(struct fixture *fixture, struct lane_entry *first, int queue_max)
{
	setup_lane(fixture, 1, queue_max);
	assert_true(put(fixture, first, '-'));
	(void)sem_wait(&fixture->begun);
}

static void
setup(struct fixture *fixture, struct lane_entry *first)
{
	setup_queue(fixture, first, QUEUE);
}

/* All that was put is served. */
static void
finish(struct fixture *fixture)
{
	struct lane_state state;

	for (int i = 0; i < 2 * QUEUE + LANE_TOGETHER_MAX; i++)
		(void)sem_post(&fixture->gate);
	do
		lane_get_state(fixture->lane, &state);
	while (state.queued > 0 || state.busy > 0);
	lane_free(&fixture->lane);
}

/* Whether one more came to a worker, in any time. */
static bool
has_begun(struct fixture *fixture)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += BEGUN_WAIT_S;
	return sem_timedwait(&fixture->begun, &until) == 0;
}

/* What came to a worker so far. */
static void
copy_begun(struct fixture *fixture, char out[1024])
{
	(void)pthread_mutex_lock(&fixture->lock);
	memcpy(out, fixture->began, sizeof(fixture->began));
	(void)pthread_mutex_unlock(&fixture->lock);
}

/* a, b, c ... of one kind, of which the first two come to a worker. */
static bool
put_so_that_two_begin(struct fixture *fixture, struct lane_entry *alike, int count)
{
	bool fine = true;

	for (int i = 0; i < count; i++) {
		fine = put_in_few_hands(fixture, &alike[i], (char)('a' + i), 1) && fine;
		if (i < 2)
			fine = has_begun(fixture) && fine;
	}
	return fine;
}

static void
several_units_fill_a_lane_and_another_one_still_gets_its_part(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[12], b[4], c[8];

	(void)state;
	setup(&fixture, &first);
	for (size_t i = 0; i < 12; i++)
		assert_true(put(&fixture, &a[i], 'a'));
	for (size_t i = 0; i < 4; i++)
		assert_true(put(&fixture, &b[i], 'b'));
	/* Full: the longest gives way, until it has no more than who comes. */
	for (size_t i = 0; i < 5; i++)
		assert_true(put(&fixture, &c[i], 'c'));
	assert_false(put(&fixture, &c[5], 'c'));
	assert_string_equal(fixture.refused, "aaaaa");
	assert_true(fixture.retry_after_ms > 0);
	/* And so does nobody who has the most. */
	static struct lane_entry more;
	assert_false(put(&fixture, &more, 'a'));
	assert_true(put(&fixture, &more, 'b'));
	assert_string_equal(fixture.refused, "aaaaaa");
	struct lane_state figures;
	lane_get_state(fixture.lane, &figures);
	assert_int_equal(figures.queued, QUEUE);
	assert_int_equal(figures.refused, 8);
	finish(&fixture);
	assert_string_equal(fixture.done, "-abcabcabcabcabca");
}

static void
one_unit_leaves_a_quarter_to_others(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[13], b;

	(void)state;
	setup(&fixture, &first);
	for (size_t i = 0; i < 12; i++)
		assert_true(put(&fixture, &a[i], 'a'));
	assert_false(put(&fixture, &a[12], 'a'));
	assert_true(put(&fixture, &b, 'b'));
	assert_int_equal(fixture.refused_count, 0);
	finish(&fixture);
	assert_string_equal(fixture.done, "-abaaaaaaaaaaa");
}

static void
one_unit_leaves_a_quarter_of_the_workers_to_others(void **state)
{
	static struct fixture fixture;
	static struct lane_entry a[8], b;
	bool begun = true;

	(void)state;
	setup_lane(&fixture, 4, QUEUE);
	for (size_t i = 0; i < 8; i++)
		assert_true(put(&fixture, &a[i], 'a'));
	for (size_t i = 0; i < 3; i++)
		begun = has_begun(&fixture) && begun;
	/* a was first: if it might have the last worker too, it would. */
	const bool taken = put(&fixture, &b, 'b');
	begun = has_begun(&fixture) && begun;
	char at_work[sizeof(fixture.began)];
	copy_begun(&fixture, at_work);
	/* Before anything can fail: those at the gate are waited for. */
	finish(&fixture);
	assert_true(taken && begun);
	assert_string_equal(at_work, "aaab");
}

static void
when_each_has_one_place_the_next_one_is_refused(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, entries[QUEUE], more;

	(void)state;
	setup(&fixture, &first);
	for (int i = 0; i < QUEUE; i++)
		assert_true(put(&fixture, &entries[i], (char)('a' + i)));
	assert_false(put(&fixture, &more, 'z'));
	assert_int_equal(fixture.refused_count, 0);
	finish(&fixture);
	assert_string_equal(fixture.done, "-abcdefghijklmnop");
}

static void
those_of_a_kind_are_gathered_for_and_worked_on_in_turn(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[3], b, c;

	(void)state;
	setup(&fixture, &first);
	fixture.gathers = true;
	assert_true(put_kind(&fixture, &a[0], 'a', 1));
	assert_true(put_kind(&fixture, &a[1], 'a', 0));
	assert_true(put_kind(&fixture, &a[2], 'a', 1));
	assert_true(put_kind(&fixture, &b, 'b', 1));
	assert_true(put_kind(&fixture, &c, 'c', 2));
	finish(&fixture);
	assert_string_equal(fixture.done, "-(aab)aabca");
}

static void
so_many_are_gathered_for_at_once_and_no_more(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[LANE_TOGETHER_MAX], b[8];
	char expected[4 + LANE_TOGETHER_MAX] = "-(", *at = expected + 2;

	(void)state;
	setup_queue(&fixture, &first, 2 * LANE_TOGETHER_MAX);
	fixture.gathers = true;
	for (int i = 0; i < LANE_TOGETHER_MAX - 4; i++)
		assert_true(put_kind(&fixture, &a[i], 'a', 1));
	for (int i = 0; i < 8; i++)
		assert_true(put_kind(&fixture, &b[i], 'b', 1));
	for (int i = 0; i < LANE_TOGETHER_MAX; i++)
		*at++ = i < LANE_TOGETHER_MAX - 4 ? 'a' : 'b';
	finish(&fixture);
	assert_memory_equal(fixture.done, expected, (size_t)(at - expected));
	assert_int_equal(fixture.done[at - expected], ')');
}

static void
of_one_kind_two_are_worked_on_at_once_and_the_rest_is_gathered_for(void **state)
{
	static struct fixture fixture;
	static struct lane_entry alike[6], other;

	(void)state;
	setup_lane(&fixture, 8, QUEUE);
	fixture.gathers = true;
	bool fine = put_so_that_two_begin(&fixture, alike, 6);
	/* The others came first: if they might have a worker, they would. */
	fine = put(&fixture, &other, 'z') && fine;
	fine = has_begun(&fixture) && fine;
	char at_work[sizeof(fixture.began)];
	copy_begun(&fixture, at_work);
	/* Before anything can fail: those at the gate are waited for. */
	finish(&fixture);
	assert_true(fine);
	assert_string_equal(at_work, "abz");
	assert_non_null(strstr(fixture.done, "(cdef)"));
}

/* On all workers there are, what is not in few hands. */
static void
others_of_a_kind_have_all_workers(void **state)
{
	static struct fixture fixture;
	static struct lane_entry alike[4];
	bool begun = true, taken = true;

	(void)state;
	setup_lane(&fixture, 4, QUEUE);
	fixture.gathers = true;
	for (int i = 0; i < 4; i++) {
		taken = put_kind(&fixture, &alike[i], (char)('a' + i), 1) && taken;
		begun = has_begun(&fixture) && begun;
	}
	finish(&fixture);
	assert_true(taken && begun);
}

/* With one unit at each of the two workers, and more of both than a hand holds. */
static void
who_stood_back_comes_before_those_that_were_served(void **state)
{
	enum { MANY = LANE_TOGETHER_MAX + 8 };
	static struct fixture fixture;
	static struct lane_entry u[MANY], w[MANY], v;
	bool begun = true, taken = true;

	(void)state;
	setup_lane(&fixture, 2, 4 * MANY);
	taken = put_in_few_hands(&fixture, &u[0], 'u', 1);
	begun = has_begun(&fixture);
	taken = put_in_few_hands(&fixture, &w[0], 'w', 1) && taken;
	begun = has_begun(&fixture) && begun;
	for (int i = 1; i < MANY; i++)
		taken = put_in_few_hands(&fixture, &u[i], 'u', 1) &&
			put_in_few_hands(&fixture, &w[i], 'w', 1) && taken;
	taken = put_in_few_hands(&fixture, &v, 'v', 1) && taken;
	fixture.gathers = true;
	for (int i = 0; i < 2 * MANY; i++)
		(void)sem_post(&fixture.gate);
	finish(&fixture);
	assert_true(taken && begun);
	/* In the first hand or the second one: who was served goes behind it. Who has the second
	 * may be slow to say so, while the other one goes on to the third. */
	const bool is_second_late = fixture.hands > 1 && fixture.by[0] == fixture.by[1];
	const char *first = strchr(fixture.done, '(');
	assert_non_null(first);
	const char *second = strchr(first + 1, '(');
	const char *third = second ? strchr(second + 1, '(') : NULL;
	const char *found = strchr(first, 'v');
	assert_non_null(found);
	assert_true(!third || found < third || is_second_late);
}

/* Nothing can be had for them together: they are in few hands all the same. */
static void
what_could_not_be_gathered_for_stays_in_few_hands(void **state)
{
	static struct fixture fixture;
	static struct lane_entry alike[8], other;

	(void)state;
	setup_lane(&fixture, 8, QUEUE);
	bool fine = put_so_that_two_begin(&fixture, alike, 8);
	/* One is done, and of those that wait one more is worked on, behind a gathering in vain. */
	(void)sem_post(&fixture.gate);
	fine = has_begun(&fixture) && fine;
	fine = put(&fixture, &other, 'z') && fine;
	fine = has_begun(&fixture) && fine;
	char at_work[sizeof(fixture.began)];
	copy_begun(&fixture, at_work);
	finish(&fixture);
	assert_true(fine);
	assert_int_equal(strlen(at_work), 4);
	assert_int_equal(at_work[3], 'z');
	/* In the order in which they came: of two hands one may take its time until it says so, so
	 * that one at most of those that came before one is behind it. */
	static const char behind[] = "defgh";
	assert_memory_equal(fixture.began + 2, "cz", 2);
	assert_int_equal(strlen(fixture.began + 4), strlen(behind));
	for (const char *one = behind; *one; one++) {
		const char *found = strchr(fixture.began + 4, *one);
		int late = 0;

		assert_non_null(found);
		for (const char *before = behind; before < one; before++)
			late += strchr(found, *before) != NULL;
		assert_in_range(late, 0, 1);
	}
	assert_int_equal(fixture.done_count, strlen("abcdefghz") + strlen("(cdefgh)"));
}

static void
those_in_a_hurry_are_gathered_for_with_each_other(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[4];

	(void)state;
	setup(&fixture, &first);
	fixture.gathers = true;
	assert_true(put_with_left(&fixture, &a[0], 'a', 1, HURRY_US));
	assert_true(put_kind(&fixture, &a[1], 'b', 1));
	assert_true(put_with_left(&fixture, &a[2], 'c', 1, HURRY_US));
	assert_true(put_kind(&fixture, &a[3], 'd', 1));
	finish(&fixture);
	assert_non_null(strstr(fixture.done, "(ac)"));
	assert_non_null(strstr(fixture.done, "(bd)"));
}

static void
what_could_not_be_gathered_for_goes_again_each_for_itself(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[2], b;

	(void)state;
	setup(&fixture, &first);
	assert_true(put_kind(&fixture, &a[0], 'a', 1));
	assert_true(put_kind(&fixture, &a[1], 'a', 1));
	assert_true(put_kind(&fixture, &b, 'b', 1));
	finish(&fixture);
	assert_string_equal(fixture.done, "-(aab)aba");
}

static void
who_has_little_time_left_is_not_waited_for(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[2];

	(void)state;
	setup(&fixture, &first);
	fixture.gathers = true;
	assert_true(put_kind(&fixture, &a[0], 'a', 1));
	assert_true(put_with_left(&fixture, &a[1], 'a', 1, HURRY_US));
	finish(&fixture);
	assert_string_equal(fixture.done, "-aa");
}

/* Whether its turn comes before that of others or it is found among them. */
static void
who_has_next_to_no_time_left_goes_alone(void **state)
{
	static struct fixture fixture;
	static struct lane_entry first, a[4];

	(void)state;
	setup(&fixture, &first);
	fixture.gathers = true;
	assert_true(put_with_left(&fixture, &a[0], 'a', 1, ALONE_US - 1));
	assert_true(put_with_left(&fixture, &a[1], 'b', 1, ALONE_US));
	assert_true(put_with_left(&fixture, &a[2], 'c', 1, ALONE_US - 1));
	assert_true(put_with_left(&fixture, &a[3], 'd', 1, ALONE_US));
	finish(&fixture);
	assert_string_equal(fixture.done, "-a(bd)bdc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(several_units_fill_a_lane_and_another_one_still_gets_its_part),
	    cmocka_unit_test(one_unit_leaves_a_quarter_to_others),
	    cmocka_unit_test(one_unit_leaves_a_quarter_of_the_workers_to_others),
	    cmocka_unit_test(when_each_has_one_place_the_next_one_is_refused),
	    cmocka_unit_test(those_of_a_kind_are_gathered_for_and_worked_on_in_turn),
	    cmocka_unit_test(so_many_are_gathered_for_at_once_and_no_more),
	    cmocka_unit_test(of_one_kind_two_are_worked_on_at_once_and_the_rest_is_gathered_for),
	    cmocka_unit_test(others_of_a_kind_have_all_workers),
	    cmocka_unit_test(who_stood_back_comes_before_those_that_were_served),
	    cmocka_unit_test(what_could_not_be_gathered_for_stays_in_few_hands),
	    cmocka_unit_test(those_in_a_hurry_are_gathered_for_with_each_other),
	    cmocka_unit_test(what_could_not_be_gathered_for_goes_again_each_for_itself),
	    cmocka_unit_test(who_has_little_time_left_is_not_waited_for),
	    cmocka_unit_test(who_has_next_to_no_time_left_goes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
