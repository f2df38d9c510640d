/* Memory that is right or empty. */
#include "cache/cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
	struct cache_entry entry;
	uint64_t value;
	struct cache_tag tags[2];
	char key[32];
};

struct fixture {
	struct cache *cache;
	struct clock clock;
	int64_t now_us;
};

static atomic_int items_alive;

static int64_t
fixture_now(void *self)
{
	return ((struct fixture *)self)->now_us;
}

static void
item_release(struct cache_entry *entry)
{
	atomic_fetch_sub(&items_alive, 1);
	free(container_of(entry, struct item, entry));
}

static struct uuid
id_of(unsigned n)
{
	struct uuid id = {{0}};

	memcpy(id.bytes, &n, sizeof n);
	return id;
}

static struct item *
item_new(const char *key, uint64_t value, unsigned tag)
{
	struct item *item = calloc(1, sizeof *item);

	assert_non_null(item);
	atomic_init(&item->entry.references, 1);
	snprintf(item->key, sizeof item->key, "%s", key);
	item->entry.key = slice_text(item->key);
	item->value = value;
	item->tags[0] = (struct cache_tag){1, id_of(tag)};
	item->tags[1] = (struct cache_tag){2, id_of(0)};
	item->entry.tags = item->tags;
	item->entry.tags_count = 2;
	item->entry.cost_bytes = sizeof *item;
	atomic_fetch_add(&items_alive, 1);
	return item;
}

static void
put(struct cache *cache, struct item *item, uint64_t generation)
{
	struct cache_entry *entry = &item->entry;

	cache_insert(cache, entry, generation);
	cache_release(cache, &entry);
}

/* 0 when it is not there. */
static uint64_t
value_of(struct cache *cache, const char *key)
{
	struct cache_entry *entry = cache_find(cache, slice_text(key));
	uint64_t value = entry ? container_of(entry, struct item, entry)->value : 0;

	cache_release(cache, &entry);
	return value;
}

static int
set_up(void **state)
{
	static struct fixture f;

	f.clock = (struct clock){fixture_now, fixture_now, &f};
	f.now_us = 1000;
	assert_int_equal(cache_new("test", 1 << 20, &f.clock, item_release, &f.cache).code, ST_OK);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	cache_free(&f->cache);
	assert_int_equal(atomic_load(&items_alive), 0);
	return 0;
}

static void
what_was_put_is_found_until_one_of_its_parents_is_dropped(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct uuid seven = id_of(7), eight = id_of(8), all = id_of(0);

	put(cache, item_new("a", 11, 7), cache_generation(cache));
	put(cache, item_new("b", 12, 8), cache_generation(cache));
	assert_int_equal(value_of(cache, "a"), 11);
	cache_drop_tag(cache, 2, &seven);
	cache_drop_tag(cache, 1, &eight);
	assert_int_equal(value_of(cache, "a"), 11);
	assert_int_equal(value_of(cache, "b"), 0);
	cache_drop_tag(cache, 2, &all);
	assert_int_equal(value_of(cache, "a"), 0);
}

static void
a_fill_that_raced_with_a_drop_is_thrown_away(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct uuid seven = id_of(7), eight = id_of(8);
	uint64_t generation = cache_generation(cache);

	cache_drop_tag(cache, 1, &eight);
	put(cache, item_new("a", 11, 7), generation);
	assert_int_equal(value_of(cache, "a"), 11);

	generation = cache_generation(cache);
	cache_drop_tag(cache, 1, &seven);
	assert_int_equal(value_of(cache, "a"), 0);
	put(cache, item_new("a", 12, 7), generation);
	assert_int_equal(value_of(cache, "a"), 0);

	generation = cache_generation(cache);
	cache_drop(cache, slice_text("a"));
	put(cache, item_new("a", 13, 7), generation);
	assert_int_equal(value_of(cache, "a"), 0);

	generation = cache_generation(cache);
	cache_drop_all(cache);
	put(cache, item_new("a", 14, 7), generation);
	assert_int_equal(value_of(cache, "a"), 0);

	put(cache, item_new("a", 15, 7), cache_generation(cache));
	assert_int_equal(value_of(cache, "a"), 15);
}

static void
an_entry_outlives_its_drop_for_those_who_hold_it(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;

	put(cache, item_new("a", 11, 7), cache_generation(cache));
	struct cache_entry *held = cache_find(cache, slice_text("a"));
	cache_drop_all(cache);
	put(cache, item_new("a", 12, 7), cache_generation(cache));
	assert_int_equal(container_of(held, struct item, entry)->value, 11);
	cache_release(cache, &held);
	assert_null(held);
	assert_int_equal(value_of(cache, "a"), 12);
}

static void
an_entry_is_not_found_from_its_expiry_on(void **state)
{
	struct fixture *f = *state;
	struct item *item = item_new("a", 11, 7);

	item->entry.expires_at_us = 2000;
	put(f->cache, item, cache_generation(f->cache));
	f->now_us = 1999;
	assert_int_equal(value_of(f->cache, "a"), 11);
	f->now_us = 2000;
	assert_int_equal(value_of(f->cache, "a"), 0);
}

static void
the_least_recently_used_make_room_and_the_bytes_stay_within_their_limit(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct cache_stats stats;
	char key[32];

	put(cache, item_new("kept in use", 11, 7), cache_generation(cache));
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "key %u", i);
		put(cache, item_new(key, i + 1, i), cache_generation(cache));
		assert_int_equal(value_of(cache, "kept in use"), 11);
	}
	cache_get_stats(cache, &stats);
	assert_in_range(stats.bytes, (1 << 20) * 8 / 10, 1 << 20);
	/* Two tags: the cache's own share of an entry is more than two links of 32 bytes. */
	assert_true(stats.bytes >= stats.entries * (int64_t)(sizeof(struct item) + 64));
	assert_true(stats.bytes <= stats.entries * (int64_t)(sizeof(struct item) + 256));
	assert_int_equal(value_of(cache, "key 0"), 0);
	assert_int_equal(value_of(cache, "key 19999"), 20000);
}

static void
guesses_push_out_nothing_that_exists(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct cache_stats stats;
	char key[32];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "key %u", i);
		put(cache, item_new(key, i + 1, i), cache_generation(cache));
	}
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "guess %u", i);
		struct item *item = item_new(key, 1, i);
		item->entry.negative = true;
		put(cache, item, cache_generation(cache));
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "key %u", i);
		assert_int_equal(value_of(cache, key), i + 1);
	}
	cache_get_stats(cache, &stats);
	assert_in_range(stats.bytes, 1, 1 << 20);
}

static void
what_is_larger_than_its_share_is_not_kept(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct item *item = item_new("a", 11, 7);

	item->entry.cost_bytes = 1 << 20;
	put(cache, item, cache_generation(cache));
	assert_int_equal(value_of(cache, "a"), 0);
}

static int wakes;

static void
count_wake(struct cache_waiter *waiter)
{
	(void)waiter;
	wakes++;
}

static void
one_fills_and_the_others_are_woken_to_look_again(void **state)
{
	struct cache *cache = ((struct fixture *)*state)->cache;
	struct cache_waiter first = {.wake = count_wake}, second = first, third = first,
			    other = first;

	wakes = 0;
	assert_true(cache_fill_begin(cache, slice_text("a"), &first));
	assert_false(cache_fill_begin(cache, slice_text("a"), &second));
	assert_false(cache_fill_begin(cache, slice_text("a"), &third));
	assert_true(cache_fill_begin(cache, slice_text("b"), &other));
	assert_true(cache_fill_cancel(cache, &third));
	assert_false(cache_fill_cancel(cache, &third));
	cache_fill_end(cache, &first);
	assert_int_equal(wakes, 1);
	assert_false(cache_fill_cancel(cache, &second));
	assert_true(cache_fill_begin(cache, slice_text("a"), &second));
	cache_fill_end(cache, &second);
	cache_fill_end(cache, &other);
	assert_int_equal(wakes, 1);
}

/* The race: versions go up, drops follow, and then the version is said to be acknowledged. Nobody
 * who looks afterwards may see an older one, whatever fills are under way. */
#define RACE_IDS 8
#define RACE_ROUNDS 20000

struct race {
	struct cache *cache;
	atomic_uint database[RACE_IDS], acknowledged[RACE_IDS];
	atomic_bool stop;
	atomic_uint stale, hits;
};

static void *
race_read_and_fill(void *arg)
{
	struct race *race = arg;
	char key[32];

	for (unsigned i = 0; !atomic_load(&race->stop); i++) {
		unsigned n = i % RACE_IDS;
		snprintf(key, sizeof key, "key %u", n);
		unsigned least = atomic_load(&race->acknowledged[n]);
		uint64_t seen = value_of(race->cache, key);
		if (seen) {
			atomic_fetch_add(&race->hits, 1);
			if (seen < least)
				atomic_fetch_add(&race->stale, 1);
			continue;
		}
		uint64_t generation = cache_generation(race->cache);
		unsigned version = atomic_load(&race->database[n]);
		if (i % 16 == 0)
			sched_yield();
		put(race->cache, item_new(key, version, n), generation);
	}
	return NULL;
}

static void *
race_write(void *arg)
{
	struct race *race = arg;

	/* On a busy machine all could be written before any reader has begun. */
	while (atomic_load(&race->hits) == 0)
		sched_yield();
	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		unsigned n = i % RACE_IDS;
		struct uuid id = id_of(n);
		unsigned version = atomic_fetch_add(&race->database[n], 1) + 1;
		if (i % 1000 == 999)
			cache_drop_all(race->cache);
		else
			cache_drop_tag(race->cache, 1, &id);
		atomic_store(&race->acknowledged[n], version);
		if (i % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void
nobody_sees_less_than_was_acknowledged_while_fills_and_drops_race(void **state)
{
	static struct race race;
	pthread_t readers[3], writer;

	memset(&race, 0, sizeof race);
	race.cache = ((struct fixture *)*state)->cache;
	for (int i = 0; i < RACE_IDS; i++)
		atomic_init(&race.database[i], 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, race_read_and_fill, &race), 0);
	assert_int_equal(pthread_create(&writer, NULL, race_write, &race), 0);
	pthread_join(writer, NULL);
	atomic_store(&race.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(atomic_load(&race.stale), 0);
}

struct herd {
	struct cache *cache;
	atomic_int filling, most_filling, fills, served;
};

struct herd_call {
	struct cache_waiter waiter;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool is_woken;
};

static void
herd_wake(struct cache_waiter *waiter)
{
	struct herd_call *call = container_of(waiter, struct herd_call, waiter);

	pthread_mutex_lock(&call->lock);
	call->is_woken = true;
	pthread_cond_signal(&call->woken);
	pthread_mutex_unlock(&call->lock);
}

static void *
herd_run(void *arg)
{
	struct herd *herd = arg;
	struct herd_call call = {.waiter.wake = herd_wake,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .woken = PTHREAD_COND_INITIALIZER};
	struct uuid id = id_of(3);

	for (int i = 0; i < 2000; i++) {
		while (!value_of(herd->cache, "one")) {
			call.is_woken = false;
			if (!cache_fill_begin(herd->cache, slice_text("one"), &call.waiter)) {
				pthread_mutex_lock(&call.lock);
				while (!call.is_woken)
					pthread_cond_wait(&call.woken, &call.lock);
				pthread_mutex_unlock(&call.lock);
				continue;
			}
			uint64_t generation = cache_generation(herd->cache);
			int now = atomic_fetch_add(&herd->filling, 1) + 1;
			if (now > atomic_load(&herd->most_filling))
				atomic_store(&herd->most_filling, now);
			sched_yield();
			put(herd->cache, item_new("one", 1, 3), generation);
			atomic_fetch_sub(&herd->filling, 1);
			cache_fill_end(herd->cache, &call.waiter);
			break;
		}
		atomic_fetch_add(&herd->served, 1);
		if (i % 7 == 0)
			cache_drop_tag(herd->cache, 1, &id);
	}
	return NULL;
}

static void
a_herd_fills_one_at_a_time_and_nobody_is_left_parked(void **state)
{
	static struct herd herd;
	pthread_t threads[4];

	memset(&herd, 0, sizeof herd);
	herd.cache = ((struct fixture *)*state)->cache;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, herd_run, &herd), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&herd.served), 8000);
	assert_int_equal(atomic_load(&herd.most_filling), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_put_is_found_until_one_of_its_parents_is_dropped),
	    TEST(a_fill_that_raced_with_a_drop_is_thrown_away),
	    TEST(an_entry_outlives_its_drop_for_those_who_hold_it),
	    TEST(an_entry_is_not_found_from_its_expiry_on),
	    TEST(the_least_recently_used_make_room_and_the_bytes_stay_within_their_limit),
	    TEST(guesses_push_out_nothing_that_exists),
	    TEST(what_is_larger_than_its_share_is_not_kept),
	    TEST(one_fills_and_the_others_are_woken_to_look_again),
	    TEST(nobody_sees_less_than_was_acknowledged_while_fills_and_drops_race),
	    TEST(a_herd_fills_one_at_a_time_and_nobody_is_left_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
