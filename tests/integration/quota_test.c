/* A key's quota on two nodes at once, on a real server. */
#include "access/quota.h"
#include "tests/lib/postgres.h"
#include "tests/lib/until.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ORG "00000000-0000-0000-0000-000000000001"
#define KEY "00000000-0000-0000-0000-000000000002"

struct node {
	struct clock clock;
	atomic_int_fast64_t ahead_us;
	struct store *store;
	struct quota *quota;
};

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct node nodes[2];
	struct principal key;
};

static struct postgres postgres;

/* By how much the database's clock is ahead, as leases hear it. */
static int64_t database_ahead_us;

int64_t __real_row_time_us(const struct rows *rows, int row, int column);
int64_t __wrap_row_time_us(const struct rows *rows, int row, int column);

int64_t
__wrap_row_time_us(const struct rows *rows, int row, int column)
{
	const bool is_lease = rows->statement == STMT_ACCESS_QUOTA_LEASE;

	return __real_row_time_us(rows, row, column) + (is_lease ? database_ahead_us : 0);
}

static int64_t
node_realtime(void *self)
{
	(void)self;
	return clock_now_us(&clock_system);
}

static int64_t
node_boottime(void *self)
{
	return clock_boot_us(&clock_system) + atomic_load(&((struct node *)self)->ahead_us);
}

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		fail_msg("%s: %s", status_code_name(st.code), st.message);
}

/* Longer than any of the tests takes, with sanitizers too. */
#define TEST_US_MAX (60 * US_PER_S)
#define DAY_US (86400 * US_PER_S)

/* A day that ends while a test runs begins anew, with all that its limit grants. In its first
 * second a clock that is put right may still go back. */
static bool
is_near_midnight(void)
{
	const int64_t of_day_us = clock_now_us(&clock_system) % DAY_US;

	return of_day_us < US_PER_S || of_day_us >= DAY_US - TEST_US_MAX;
}

static int
set_up(void **state)
{
	static struct fixture f;

	while (is_near_midnight())
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	memset(&f, 0, sizeof f);
	postgres_database(&postgres, f.database);
	free(postgres_query(&postgres, f.database,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('" ORG "', 'a', 'A');"
	    "INSERT INTO usher.api_keys (org_id, id, prefix, secret_hash, scopes)"
	    " VALUES ('" ORG "', '" KEY "', 'p', '', '{}')"));
	f.config = postgres_config(
	    &postgres, f.database, "usher_app", "--database.pool_connections=8", NULL);
	for (int i = 0; i < 2; i++) {
		struct node *node = &f.nodes[i];
		node->clock = (struct clock){node_realtime, node_boottime, node};
		assert_ok(store_new(f.config, &clock_system, &node->store));
		assert_ok(quota_new(&node->clock, &node->quota));
	}
	f.key.kind = PRINCIPAL_KEY;
	f.key.has_org = true;
	assert_true(uuid_parse(slice_text(ORG), &f.key.org_id));
	assert_true(uuid_parse(slice_text(KEY), &f.key.key_id));
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		quota_free(&f->nodes[i].quota);
		store_free(&f->nodes[i].store);
	}
	config_free(&f->config);
	return 0;
}

/* One request: from memory, or from the database. */
static bool
ask(struct node *node, const struct principal *key, struct store_conn *conn, int *leases,
    struct quota_state *state)
{
	switch (quota_take(node->quota, key, state)) {
	case QUOTA_TAKEN:
		return true;
	case QUOTA_EXCEEDED:
		return false;
	case QUOTA_ASK:
		break;
	}
	++*leases;
	status st = quota_lease(node->quota, key, conn, state);
	if (st.code == ST_OK)
		return true;
	assert_int_equal(st.code, ST_RESOURCE_EXHAUSTED);
	assert_string_equal(st.reason, "QUOTA_EXCEEDED");
	return false;
}

static struct store_conn *
lease(struct node *node)
{
	struct store_conn *conn;

	assert_ok(store_lease(node->store, clock_boot_us(&clock_system) + 10 * US_PER_S, &conn));
	return conn;
}

struct caller {
	struct fixture *f;
	struct node *node;
	int admitted, leases;
};

static void *
ask_until_refused(void *arg)
{
	struct caller *caller = arg;
	struct store_conn *conn = lease(caller->node);
	struct quota_state state;

	while (ask(caller->node, &caller->f->key, conn, &caller->leases, &state))
		caller->admitted++;
	store_return(&conn);
	return NULL;
}

/* Four callers on two nodes ask until they are refused; how many were admitted in all. */
static int
race(struct fixture *f, int *leases)
{
	struct caller callers[4];
	pthread_t threads[4];
	int admitted = 0;

	*leases = 0;
	for (int i = 0; i < 4; i++) {
		callers[i] = (struct caller){.f = f, .node = &f->nodes[i % 2]};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, ask_until_refused, &callers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		admitted += callers[i].admitted;
		*leases += callers[i].leases;
	}
	return admitted;
}

static void
racing_nodes_admit_what_the_limit_says_and_not_one_more(void **state)
{
	struct fixture *f = *state;
	int leases;

	/* The day, so that no window ends while the test runs. */
	f->key.requests_per_day = 5000;
	int admitted = race(f, &leases);
	assert_in_range(admitted, 4990, 5000);
	assert_true(leases < 1000);
	assert_int_equal(race(f, &leases), 0);
	/* Raised, the rest is to be had, and still not more. */
	f->key.requests_per_day = 6000;
	admitted += race(f, &leases);
	assert_in_range(admitted, 5990, 6000);
	char *used = postgres_query(
	    &postgres, f->database, "SELECT sum(used) FROM usher.quota_usage WHERE bucket = 2");
	assert_string_equal(used, "6000");
	free(used);
}

static void
a_small_limit_is_met_exactly(void **state)
{
	struct fixture *f = *state;
	int leases;

	f->key.requests_per_day = 10;
	assert_int_equal(race(f, &leases), 10);
}

static void
the_nearest_limit_decides_and_is_told(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;
	int leases = 0;

	f->key.requests_per_minute = 3600000;
	f->key.requests_per_day = 3;
	for (int i = 2; i >= 0; i--) {
		assert_true(ask(node, &f->key, conn, &leases, &told));
		assert_int_equal(told.remaining, i);
	}
	assert_false(ask(node, &f->key, conn, &leases, &told));
	assert_int_equal(told.remaining, 0);
	assert_in_range(told.retry_after_us, 1, 86400 * US_PER_S);
	assert_in_range(told.resets_at_us, clock_now_us(&clock_system),
	    clock_now_us(&clock_system) + 86400 * US_PER_S);
	/* Refused from memory from now on. */
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_EXCEEDED);
	store_return(&conn);
}

/* With something left of its slice. Again, if the minute ended meanwhile: a slice ends before that
 * by as long as the database took to say which one it is. */
static void
lease_in_a_minute(struct fixture *f, struct node *node, struct store_conn *conn)
{
	enum quota_answer answer;
	struct quota_state told;
	int64_t began_us, now_us, ends_at_us;
	int leases = 0, tries = 0;

	do {
		began_us = clock_now_us(&clock_system);
		assert_true(ask(node, &f->key, conn, &leases, &told));
		ends_at_us = told.resets_at_us;
		answer = quota_take(node->quota, &f->key, &told);
		now_us = clock_now_us(&clock_system);
	} while (answer == QUOTA_ASK && now_us + (now_us - began_us) >= ends_at_us && ++tries < 3);
	assert_int_equal(answer, QUOTA_TAKEN);
}

static void
a_slice_is_not_used_beyond_its_window(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;

	f->key.requests_per_minute = 100000;
	lease_in_a_minute(f, node, conn);
	atomic_fetch_add(&node->ahead_us, 60 * US_PER_S);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_ASK);
	store_return(&conn);
}

static void
what_a_rolled_back_transaction_leased_is_nowhere(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;
	int leases = 0;

	f->key.requests_per_day = 1000;
	for (int i = 0; i < 5; i++) {
		assert_ok(store_begin(conn));
		assert_true(ask(node, &f->key, conn, &leases, &told));
		store_rollback(conn);
	}
	assert_int_equal(leases, 5);
	char *used =
	    postgres_query(&postgres, f->database, "SELECT count(*) FROM usher.quota_usage");
	assert_string_equal(used, "0");
	free(used);
	store_return(&conn);
}

static void
without_limits_nothing_is_asked_and_under_another_limit_anew(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;
	int leases = 0;

	assert_true(ask(node, &f->key, conn, &leases, &told));
	assert_int_equal(told.remaining, -1);
	assert_int_equal(leases, 0);
	f->key.requests_per_day = 1000;
	assert_true(ask(node, &f->key, conn, &leases, &told));
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_TAKEN);
	struct feed_change change = {.kind = CHANGE_KEY, .has_id = true, .id = f->key.key_id};
	quota_obey(node->quota, &change);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_TAKEN);
	f->key.requests_per_day = 1001;
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_ASK);
	store_return(&conn);
}

static int64_t
number(struct fixture *f, const char *sql)
{
	char *text = postgres_query(&postgres, f->database, sql);
	int64_t out = strtoll(text, NULL, 10);

	free(text);
	return out;
}

static int64_t
used(struct fixture *f)
{
	return number(f, "SELECT COALESCE(sum(used), 0) FROM usher.quota_usage WHERE bucket = 2");
}

/* As the feed reads it. */
static struct feed_server
server_of(struct fixture *f)
{
	return (struct feed_server){
	    .system_identifier = number(f, "SELECT system_identifier FROM pg_control_system()"),
	    .timeline = number(f, "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
				  "8))::bit(32)::int8"),
	    .recovered_at_us =
		number(f, "SELECT COALESCE((extract(epoch FROM stats_reset) * 1000000)::int8, 0) "
			  "FROM pg_stat_wal"),
	    .started_at_us = number(
		f, "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8"),
	};
}

static int64_t
give_back(struct node *node, const struct feed_server *server)
{
	struct store_conn *conn = lease(node);
	int64_t requests;

	assert_ok(quota_give_back(node->quota, server, conn, &requests));
	store_return(&conn);
	return requests;
}

static void
ask_times(struct fixture *f, struct node *node, int times)
{
	struct store_conn *conn = lease(node);
	struct quota_state told;
	int leases = 0;

	for (int i = 0; i < times; i++)
		assert_true(ask(node, &f->key, conn, &leases, &told));
	store_return(&conn);
}

static void
what_was_not_used_is_given_back_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct feed_server server = server_of(f);
	struct quota_state told;
	int leases;

	f->key.requests_per_day = 5000;
	f->key.requests_per_minute = 100000;
	/* What a minute that is over had left is nobody's. */
	const char *minute = "SELECT extract(epoch FROM date_trunc('minute', now()))";
	const int64_t began = number(f, minute);
	ask_times(f, node, 10);
	assert_true(used(f) > 10);
	assert_true(give_back(node, &server) > 0);
	assert_int_equal(used(f), 10);
	const int64_t counted =
	    number(f, "SELECT sum(used) FROM usher.quota_usage WHERE bucket = 1");
	assert_true((counted >= 1 && counted <= 10) || number(f, minute) != began);
	/* It is not the node's any more, and given back once. */
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_ASK);
	assert_int_equal(give_back(node, &server), 0);
	assert_int_equal(used(f), 10);
	f->key.requests_per_minute = 0;
	assert_in_range(race(f, &leases), 4980, 4990);
}

static void
another_server_is_given_nothing_back(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	const struct feed_server server = server_of(f);

	f->key.requests_per_day = 5000;
	for (int i = 0; i < 4; i++) {
		struct feed_server other = server;

		other.system_identifier += i == 0;
		other.timeline += i == 1;
		other.recovered_at_us += i == 2;
		other.started_at_us += i == 3;
		ask_times(f, node, 1);
		int64_t before = used(f);
		assert_int_equal(give_back(node, &other), 0);
		assert_int_equal(used(f), before);
	}
}

static void
an_emptied_feed_costs_no_slice_and_another_server_all(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct quota_state told;

	f->key.requests_per_day = 5000;
	ask_times(f, node, 1);
	int64_t before = used(f);
	quota_obey(node->quota, NULL);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_TAKEN);
	assert_int_equal(used(f), before);
	/* And what was used up is asked for again: somebody may have given some of it back. */
	struct caller caller = {.f = f, .node = node};
	ask_until_refused(&caller);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_EXCEEDED);
	quota_obey(node->quota, NULL);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_ASK);
	quota_forget(node->quota);
	assert_int_equal(quota_take(node->quota, &f->key, &told), QUOTA_ASK);
}

/* Node 1 has seen the day used up while node 0 had some of it left. */
static void
who_saw_a_window_used_up_hears_that_some_of_it_came_back(void **state)
{
	struct fixture *f = *state;
	struct feed_server server = server_of(f);
	struct feed_change change = {.kind = CHANGE_QUOTA, .has_id = true, .id = f->key.key_id};
	struct quota_state told;
	struct caller caller = {.f = f, .node = &f->nodes[1]};

	f->key.requests_per_day = 1000;
	ask_times(f, &f->nodes[0], 1);
	ask_until_refused(&caller);
	assert_int_equal(number(f, "SELECT count(*) FROM usher.changes WHERE kind = 11"), 0);
	int64_t back = give_back(&f->nodes[0], &server);
	assert_true(back > 0);
	assert_int_equal(used(f), 1000 - back);
	assert_int_equal(
	    number(f, "SELECT count(*) FROM usher.changes WHERE kind = 11 AND id = '" KEY
		      "' AND org_id = '" ORG "'"),
	    1);
	assert_int_equal(quota_take(f->nodes[1].quota, &f->key, &told), QUOTA_EXCEEDED);
	quota_obey(f->nodes[1].quota, &change);
	assert_int_equal(quota_take(f->nodes[1].quota, &f->key, &told), QUOTA_ASK);
	ask_until_refused(&caller);
	assert_int_equal(caller.admitted, 999);
}

/* The answer doesn't come in time: whether it was done, nobody here knows. */
static void
what_may_have_been_given_back_is_not_given_back_again(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct feed_server server = server_of(f);
	struct store_conn *conn, *blocker = lease(&f->nodes[1]);
	int64_t requests;

	f->key.requests_per_day = 5000;
	ask_times(f, node, 1);
	int64_t before = used(f);
	assert_ok(store_begin(blocker));
	/* A lease in a transaction holds the key's row. */
	struct quota_state told;
	int leases = 0;
	assert_true(ask(&f->nodes[1], &f->key, blocker, &leases, &told));
	conn = lease(node);
	store_set_deadline(conn, clock_boot_us(&clock_system) + 200 * US_PER_MS);
	assert_int_equal(
	    quota_give_back(node->quota, &server, conn, &requests).code, ST_DEADLINE_EXCEEDED);
	store_return(&conn);
	store_rollback(blocker);
	store_return(&blocker);
	assert_int_equal(give_back(node, &server), 0);
	assert_int_equal(used(f), before);
}

#define AT_ONCE 8

static void *
lease_once(void *arg)
{
	struct caller *caller = arg;
	struct store_conn *conn = lease(caller->node);
	struct quota_state state;

	caller->admitted += ask(caller->node, &caller->f->key, conn, &caller->leases, &state);
	store_return(&conn);
	return NULL;
}

static void
until_leases_wait(struct fixture *f, int count)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;

	while (number(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
			 "datname = current_database()") < count)
		assert_true(clock_boot_us(&clock_system) < give_up_us);
}

/* As at a window's turn, when the slices of all are used up at once. */
static void
callers_at_once_bring_one_slice_between_them(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *blocker = lease(&f->nodes[1]);
	struct caller callers[AT_ONCE];
	pthread_t threads[AT_ONCE];
	struct quota_state told;
	int leases = 0;

	f->key.requests_per_day = 1000;
	assert_ok(store_begin(blocker));
	/* A lease in a transaction holds the key's row. */
	assert_true(ask(&f->nodes[1], &f->key, blocker, &leases, &told));
	for (int i = 0; i < AT_ONCE; i++) {
		callers[i] = (struct caller){.f = f, .node = node};
		assert_int_equal(pthread_create(&threads[i], NULL, lease_once, &callers[i]), 0);
	}
	until_leases_wait(f, AT_ONCE);
	store_rollback(blocker);
	store_return(&blocker);
	for (int i = 0; i < AT_ONCE; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(callers[i].admitted, 1);
		assert_int_equal(callers[i].leases, 1);
	}
	/* A first slice is of eight. */
	assert_int_equal(used(f), 8 + AT_ONCE - 1);
	ask_times(f, node, 7);
	assert_int_equal(used(f), 8 + AT_ONCE - 1);
	/* The next one is larger again. */
	ask_times(f, node, 1);
	assert_int_equal(used(f), 8 + AT_ONCE - 1 + 16);
}

/* Whoever was out for a slice and found no database lets the next one go. */
static void
a_lease_that_failed_keeps_nobody_from_a_slice(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;

	f->key.requests_per_day = 1000;
	store_set_deadline(conn, clock_boot_us(&clock_system) - US_PER_S);
	assert_int_equal(quota_lease(node->quota, &f->key, conn, &told).code, ST_DEADLINE_EXCEEDED);
	store_return(&conn);
	ask_times(f, node, 2);
	assert_true(used(f) > 2);
}

/* It stood in tomorrow, and what was leased there is used up. */
static void
a_database_whose_clock_is_set_back_is_not_asked_for_each_request(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = lease(node);
	struct quota_state told;
	int leases = 0;

	f->key.requests_per_day = 5000;
	database_ahead_us = 86400 * US_PER_S;
	for (int i = 0; i < 8; i++)
		assert_true(ask(node, &f->key, conn, &leases, &told));
	assert_int_equal(leases, 1);
	database_ahead_us = 0;
	for (int i = 0; i < 100; i++)
		assert_true(ask(node, &f->key, conn, &leases, &told));
	/* Of 16, 32 and 64. */
	assert_int_equal(leases, 4);
	assert_int_equal(used(f), 8 + 16 + 32 + 64);
	assert_in_range(told.resets_at_us, clock_now_us(&clock_system),
	    clock_now_us(&clock_system) + 86400 * US_PER_S);
	store_return(&conn);
}

struct giver {
	struct fixture *f;
	const struct feed_server *server;
	atomic_bool stop;
	int64_t times;
};

static void *
give_back_all_the_time(void *arg)
{
	struct giver *giver = arg;

	for (int i = 0; !atomic_load(&giver->stop); i++)
		giver->times += give_back(&giver->f->nodes[i % 2], giver->server) > 0;
	return NULL;
}

static void
callers_that_race_with_a_give_back_get_the_limit_and_not_one_more(void **state)
{
	struct fixture *f = *state;
	struct feed_server server = server_of(f);
	struct giver giver = {.f = f, .server = &server};
	pthread_t thread;
	int leases;

	f->key.requests_per_day = 3000;
	assert_int_equal(pthread_create(&thread, NULL, give_back_all_the_time, &giver), 0);
	int admitted = race(f, &leases);
	atomic_store(&giver.stop, true);
	pthread_join(thread, NULL);
	assert_true(admitted <= 3000);
	give_back(&f->nodes[0], &server);
	give_back(&f->nodes[1], &server);
	/* What is counted is what was admitted: nothing is lost, and nothing given twice. */
	assert_int_equal(used(f), admitted);
}

static int
group_set_up(void **state)
{
	(void)state;
	postgres_start(&postgres);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	postgres_stop(&postgres);
	return 0;
}

struct forgetter {
	struct fixture *f;
	atomic_bool stop;
};

static void *
forget_all_the_time(void *arg)
{
	struct forgetter *forgetter = arg;

	while (!atomic_load(&forgetter->stop))
		quota_forget(forgetter->f->nodes[0].quota);
	return NULL;
}

/* The feed meets another server while the request asks the database. */
static void
a_key_that_is_forgotten_meanwhile_is_not_told_that_it_has_no_limit(void **state)
{
	struct forgetter forgetter = {.f = *state};
	struct store_conn *conn = lease(&forgetter.f->nodes[0]);
	struct quota_state told;
	pthread_t thread;
	int leases = 0;

	forgetter.f->key.requests_per_day = 1000000;
	assert_int_equal(pthread_create(&thread, NULL, forget_all_the_time, &forgetter), 0);
	for (int i = 0; i < 200; i++) {
		assert_true(ask(&forgetter.f->nodes[0], &forgetter.f->key, conn, &leases, &told));
		assert_in_range(told.remaining, 1, 999999);
		assert_true(told.resets_at_us > 0);
	}
	atomic_store(&forgetter.stop, true);
	pthread_join(thread, NULL);
	store_return(&conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(racing_nodes_admit_what_the_limit_says_and_not_one_more),
	    TEST(callers_at_once_bring_one_slice_between_them),
	    TEST(a_lease_that_failed_keeps_nobody_from_a_slice),
	    TEST(a_database_whose_clock_is_set_back_is_not_asked_for_each_request),
	    TEST(a_small_limit_is_met_exactly),
	    TEST(the_nearest_limit_decides_and_is_told),
	    TEST(a_slice_is_not_used_beyond_its_window),
	    TEST(what_a_rolled_back_transaction_leased_is_nowhere),
	    TEST(a_key_that_is_forgotten_meanwhile_is_not_told_that_it_has_no_limit),
	    TEST(what_was_not_used_is_given_back_and_no_more),
	    TEST(another_server_is_given_nothing_back),
	    TEST(an_emptied_feed_costs_no_slice_and_another_server_all),
	    TEST(who_saw_a_window_used_up_hears_that_some_of_it_came_back),
	    TEST(what_may_have_been_given_back_is_not_given_back_again),
	    TEST(callers_that_race_with_a_give_back_get_the_limit_and_not_one_more),
	    TEST(without_limits_nothing_is_asked_and_under_another_limit_anew),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
