/* The change feed, the lease and the barrier, on a real server. Nodes are turned by hand, and their
 * clocks can be moved, so that nothing here waits for time to pass. */
#include "store/feed.h"
#include "tests/lib/postgres.h"
#include "tests/lib/until.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEN_MAX 20000
#define PRUNED_MAX 1000

struct node {
	struct clock clock, store_clock;
	atomic_int_fast64_t ahead_us; /* of the system's clock */
	struct {
		atomic_bool is_still; /* behind the times, for the store's keeper asks too */
		int64_t real_us, boot_us;
	} stopped; /* that clock, for this node */
	struct store *store;
	struct lease *lease;
	struct barrier *barrier;
	struct feed *feed;
	struct feed_change seen[SEEN_MAX];
	size_t seen_count, emptied, moved;
	bool held_while_obeying;
	struct store_conn *asks; /* asked when all is emptied, if there is one */
	status heard;
};

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct node nodes[2];
	struct store *pool; /* of calls, where there are two servers */
};

static struct postgres postgres, other_server;

static int64_t
node_realtime(void *self)
{
	struct node *node = self;

	return (atomic_load(&node->stopped.is_still) ? node->stopped.real_us
						     : clock_now_us(&clock_system)) +
	       atomic_load(&node->ahead_us);
}

static int64_t
node_boottime(void *self)
{
	struct node *node = self;

	return (atomic_load(&node->stopped.is_still) ? node->stopped.boot_us
						     : clock_boot_us(&clock_system)) +
	       atomic_load(&node->ahead_us);
}

/* The feed gives each statement a second, which a machine that stands still exceeds, and then the
 * turn fails. By a clock that is behind, deadlines are that much further away. */
static int64_t
store_boottime(void *self)
{
	return node_boottime(self) - WAIT_US_MAX;
}

static void
node_obey(void *env, const struct feed_change *change)
{
	struct node *node = env;

	node->held_while_obeying = node->held_while_obeying || lease_is_held(node->lease);
	if (!change && node->asks)
		node->heard = store_query(node->asks, STMT_STORE_SCHEMA, NULL, 0, NULL);
	if (!change) {
		node->emptied++;
		node->seen_count = 0;
		return;
	}
	assert_true(node->seen_count < SEEN_MAX);
	node->seen[node->seen_count++] = *change;
}

static void
node_moved(void *env)
{
	((struct node *)env)->moved++;
}

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		fail_msg("%s: %s", status_code_name(st.code), st.message);
}

static void
node_init(struct fixture *f, struct node *node)
{
	memset(node, 0, sizeof *node);
	node->clock = (struct clock){node_realtime, node_boottime, node};
	node->store_clock = (struct clock){node_realtime, store_boottime, node};
	assert_ok(store_new(f->config, &node->store_clock, &node->store));
	assert_ok(lease_new(&node->clock, &rand_system, "tcp://test", &node->lease));
	assert_ok(barrier_new(&node->clock, &node->barrier));
	assert_ok(feed_new(node->store, &node->clock, node->lease, node->barrier, &node->feed));
	assert_ok(feed_subscribe(node->feed, node_obey, node));
	feed_set_moved(node->feed, node_moved, node);
}

static void
node_done(struct node *node)
{
	feed_free(&node->feed);
	barrier_free(&node->barrier);
	lease_free(&node->lease);
	store_free(&node->store);
}

/* Enough time passes for everything to be due again. */
static void
turn(struct node *node)
{
	atomic_fetch_add(&node->ahead_us, FEED_PERIOD_US);
	feed_turn(node->feed);
}

/* Until it has read for the first time; the connection may take a while. */
static void
begin(struct node *node)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;

	while (!lease_is_held(node->lease)) {
		struct timespec pause = {0, 5 * 1000 * 1000};

		assert_true(clock_boot_us(&clock_system) < give_up_us);
		feed_turn(node->feed);
		nanosleep(&pause, NULL);
	}
}

/* So that no time passes for it but what the test lets pass, however slow the machine is. For who
 * is turned by the test. */
static void
begin_and_stand_still(struct node *node)
{
	begin(node);
	node->stopped.real_us = clock_now_us(&clock_system);
	node->stopped.boot_us = clock_boot_us(&clock_system);
	atomic_store(&node->stopped.is_still, true);
}

static int
set_up(void **state)
{
	static struct fixture f;

	postgres_database(&postgres, f.database);
	f.config = postgres_config(&postgres, f.database, "usher_app", NULL);
	for (int i = 0; i < 2; i++)
		node_init(&f, &f.nodes[i]);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++)
		node_done(&f->nodes[i]);
	store_free(&f->pool);
	config_free(&f->config);
	return 0;
}

/* The first node may be led to another server, and a pool with it. */
static int
set_up_two_servers(void **state)
{
	char own[POSTGRES_NAME_BYTES], sql[128], hosts[300];
	struct fixture *f;

	set_up(state);
	f = *state;
	postgres_database(&other_server, own);
	snprintf(sql, sizeof sql, "ALTER DATABASE %s RENAME TO \"%s\"", own, f->database);
	free(postgres_query(&other_server, "postgres", sql));
	node_done(&f->nodes[0]);
	config_free(&f->config);
	snprintf(
	    hosts, sizeof hosts, "--database.host=%s,%s", postgres.socket, other_server.socket);
	f->config = postgres_config(&postgres, f->database, "usher_app", hosts, NULL);
	node_init(f, &f->nodes[0]);
	assert_ok(store_new(f->config, &clock_system, &f->pool));
	feed_set_pool(f->nodes[0].feed, f->pool);
	return 0;
}

/* A session whose transactions a test opens and ends when it likes. */
static PGconn *
session(struct fixture *f)
{
	char conninfo[256];

	snprintf(conninfo, sizeof conninfo, "host=%s dbname=%s user=usher_app", postgres.socket,
	    f->database);
	PGconn *pg = PQconnectdb(conninfo);
	assert_int_equal(PQstatus(pg), CONNECTION_OK);
	return pg;
}

static void
run_sql(PGconn *pg, const char *sql)
{
	PGresult *result = PQexec(pg, sql);
	ExecStatusType got = PQresultStatus(result);

	if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(pg));
	PQclear(result);
}

/* A change whose id ends in n, in the transaction that is open. Answers its number. */
static uint64_t
change(PGconn *pg, unsigned n, bool restricts)
{
	char sql[256];

	snprintf(sql, sizeof sql,
	    "INSERT INTO usher.changes (kind, id, restricts) VALUES (1, "
	    "'00000000-0000-0000-0000-%012u', %s) RETURNING xid::text",
	    n, restricts ? "true" : "false");
	PGresult *result = PQexec(pg, sql);
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	uint64_t xid = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return xid;
}

static int64_t
count_of(struct fixture *f, const char *sql)
{
	char *text = postgres_query(&postgres, f->database, sql);
	int64_t count = strtoll(text, NULL, 10);

	free(text);
	return count;
}

static void
commits_out_of_order_are_each_delivered_once(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *first = session(f), *second = session(f);
	struct feed_figures figures;

	begin(node);
	run_sql(first, "BEGIN");
	run_sql(second, "BEGIN");
	uint64_t early = change(first, 1, false), late = change(second, 2, false);
	assert_true(early < late);
	run_sql(second, "COMMIT");
	turn(node);
	assert_int_equal(node->seen_count, 1);
	assert_int_equal(node->seen[0].xid, late);
	assert_int_equal(node->seen[0].id.bytes[15], 2);
	feed_get_figures(node->feed, &figures);
	assert_false(
	    feed_has_passed(node->feed, &(struct revision){.epoch = figures.epoch, .xid = late}));

	turn(node);
	assert_int_equal(node->seen_count, 1);
	run_sql(first, "COMMIT");
	turn(node);
	assert_int_equal(node->seen_count, 2);
	assert_int_equal(node->seen[1].xid, early);
	assert_true(
	    feed_has_passed(node->feed, &(struct revision){.epoch = figures.epoch, .xid = late}));
	assert_false(feed_has_passed(
	    node->feed, &(struct revision){.epoch = figures.epoch + 1, .xid = late}));
	turn(node);
	assert_int_equal(node->seen_count, 2);
	assert_int_equal(node->emptied, 1);
	PQfinish(first);
	PQfinish(second);
}

static void
a_transaction_that_stays_open_loses_and_repeats_nothing(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *old = session(f), *other = session(f);

	begin(node);
	run_sql(old, "BEGIN");
	change(old, 999, false);
	for (unsigned i = 0; i < 200; i++) {
		change(other, i, false);
		if (i % 3 == 0)
			turn(node);
		if (i % 10 == 0) {
			run_sql(other, "BEGIN");
			change(other, 5000, false);
			run_sql(other, "ROLLBACK");
		}
	}
	turn(node);
	assert_int_equal(node->seen_count, 200);
	for (size_t i = 1; i < 200; i++)
		assert_true(node->seen[i - 1].xid < node->seen[i].xid);
	run_sql(old, "COMMIT");
	turn(node);
	assert_int_equal(node->seen_count, 201);
	PQfinish(old);
	PQfinish(other);
}

static void
ten_thousand_changes_are_read_at_once_and_more_empty_everything(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);

	begin(node);
	run_sql(pg, "INSERT INTO usher.changes (kind, id) "
		    "SELECT 1, gen_random_uuid() FROM generate_series(1, 10000)");
	turn(node);
	assert_int_equal(node->seen_count, 10000);
	assert_int_equal(node->emptied, 1);
	run_sql(pg, "INSERT INTO usher.changes (kind, id) "
		    "SELECT 1, gen_random_uuid() FROM generate_series(1, 10001)");
	turn(node);
	assert_int_equal(node->emptied, 2);
	assert_int_equal(node->seen_count, 0);
	turn(node);
	assert_int_equal(node->seen_count, 0);
	/* To the same server all of the time, but for the first one. */
	assert_int_equal(node->moved, 1);
	PQfinish(pg);
}

struct writer {
	struct fixture *f;
	unsigned number;
	atomic_uint *committed;
};

#define RACE_ROUNDS 150

static void *
write_in_any_order(void *arg)
{
	struct writer *writer = arg;
	unsigned seed = writer->number;
	PGconn *pg = session(writer->f);

	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		run_sql(pg, "BEGIN");
		change(pg, writer->number * RACE_ROUNDS + i, false);
		if (rand_r(&seed) % 4 == 0)
			run_sql(pg, "SELECT pg_sleep(0.002)");
		if (rand_r(&seed) % 5 == 0) {
			run_sql(pg, "ROLLBACK");
			continue;
		}
		run_sql(pg, "COMMIT");
		atomic_fetch_add(writer->committed, 1);
	}
	PQfinish(pg);
	return NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(
	    &((const struct feed_change *)a)->id, &((const struct feed_change *)b)->id, UUID_BYTES);
}

static void
two_feeds_under_racing_writers_each_see_every_commit_once(void **state)
{
	struct fixture *f = *state;
	atomic_uint committed;
	struct writer writers[4];
	pthread_t threads[4];

	atomic_init(&committed, 0);
	for (int i = 0; i < 2; i++)
		begin(&f->nodes[i]);
	for (unsigned i = 0; i < 4; i++) {
		writers[i] = (struct writer){f, i, &committed};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, write_in_any_order, &writers[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++)
		turn(&f->nodes[i % 2]);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		struct node *node = &f->nodes[i];
		turn(node);
		assert_int_equal(node->seen_count, atomic_load(&committed));
		qsort(node->seen, node->seen_count, sizeof *node->seen, compare_ids);
		for (size_t j = 1; j < node->seen_count; j++)
			assert_true(compare_ids(&node->seen[j - 1], &node->seen[j]) < 0);
	}
}

/* As a newer version may write it. */
static void
a_change_of_a_kind_that_nobody_here_knows_empties_everything(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct feed_figures before, after;

	begin_and_stand_still(node);
	size_t emptied = node->emptied;
	feed_get_figures(node->feed, &before);
	free(postgres_query(&postgres, f->database,
	    "INSERT INTO usher.changes (xid, kind, id, org_id, restricts) "
	    "VALUES (pg_current_xact_id(), 99, NULL, NULL, true)"));
	turn(node);
	assert_int_equal(node->emptied, emptied + 1);
	/* And only then it has passed. */
	feed_get_figures(node->feed, &after);
	assert_true(after.xmin > before.xmin);
	/* Once. */
	turn(node);
	assert_int_equal(node->emptied, emptied + 1);
}

static void
pruning_keeps_what_a_live_node_has_not_read_and_a_dead_one_starts_empty(void **state)
{
	struct fixture *f = *state;
	struct node *live = &f->nodes[0], *slow = &f->nodes[1];
	PGconn *pg = session(f);
	struct store_conn *conn;
	int64_t changes, nodes;

	begin(live);
	begin(slow);
	change(pg, 1, false);
	turn(live);
	assert_ok(store_lease(live->store, INT64_MAX, &conn));
	assert_ok(feed_prune(live->feed, conn, PRUNED_MAX, &changes, &nodes));
	assert_int_equal(changes, 0);
	turn(slow);
	assert_int_equal(slow->seen_count, 1);

	/* It is not heard of for a minute. */
	change(pg, 2, false);
	for (int i = 0; i < 3; i++) {
		atomic_fetch_add(&live->ahead_us, 31 * US_PER_S);
		feed_turn(live->feed);
	}
	assert_ok(feed_prune(live->feed, conn, PRUNED_MAX, &changes, &nodes));
	assert_int_equal(nodes, 1);
	turn(live);
	atomic_fetch_add(&live->ahead_us, LEASE_RENEW_US);
	turn(live);
	assert_ok(feed_prune(live->feed, conn, PRUNED_MAX, &changes, &nodes));
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.changes"), 0);
	store_return(&conn);

	size_t emptied = slow->emptied;
	turn(slow);
	assert_false(lease_is_held(slow->lease));
	begin(slow);
	assert_int_equal(slow->emptied, emptied + 1);
	assert_int_equal(slow->moved, 1);
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.nodes"), 2);
	PQfinish(pg);
}

static void
a_lease_ends_in_its_time_from_before_its_renewal_and_comes_back_behind_a_read(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);

	assert_false(lease_is_held(node->lease));
	begin_and_stand_still(node);
	assert_false(node->held_while_obeying);
	int64_t until_us = lease_held_until_us(node->lease);
	assert_true(until_us <= clock_boot_us(&node->clock) + LEASE_US);

	/* Stopped and continued: the clock went on. */
	atomic_fetch_add(&node->ahead_us, until_us - clock_boot_us(&node->clock) - US_PER_MS);
	assert_true(lease_is_held(node->lease));
	atomic_fetch_add(&node->ahead_us, US_PER_MS);
	assert_false(lease_is_held(node->lease));
	assert_false(feed_may_trust_memory(node->feed, NULL));
	atomic_store(&node->stopped.is_still, false);
	change(pg, 1, true);
	node->held_while_obeying = false;
	begin(node);
	assert_int_equal(node->seen_count, 1);
	assert_false(node->held_while_obeying);
	assert_true(feed_may_trust_memory(node->feed, NULL));
	PQfinish(pg);
}

/* Renewed so often that this much of it is left at any time. */
static void
a_database_that_stands_still_for_a_moment_ends_no_lease(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];

	begin_and_stand_still(node);
	/* To the first renewal that a turn is just in time for. */
	for (int i = 0; i < LEASE_RENEW_US / FEED_PERIOD_US; i++)
		turn(node);
	for (int i = 0; i < 100; i++) {
		const int64_t due_us = clock_boot_us(&node->clock) + FEED_PERIOD_US;

		assert_true(lease_held_until_us(node->lease) - due_us >= 1400 * US_PER_MS);
		turn(node);
	}
}

/* The server goes and comes back; one change follows. */
static void
survive(struct fixture *f, struct node *node, const char *how)
{
	/* The while that a server takes to stop is not to be the lease's. */
	begin_and_stand_still(node);
	postgres_halt(&postgres, how);
	atomic_fetch_add(&node->ahead_us, LEASE_RENEW_US);
	feed_turn(node->feed);
	assert_true(lease_is_held(node->lease));
	atomic_store(&node->stopped.is_still, false);
	atomic_fetch_add(&node->ahead_us, LEASE_US);
	feed_turn(node->feed);
	assert_false(lease_is_held(node->lease));
	postgres_resume(&postgres);
	PGconn *pg = session(f);
	uint64_t xid = change(pg, 7, false);
	PQfinish(pg);
	struct revision revision = {.xid = xid};
	struct feed_figures figures;
	feed_get_figures(node->feed, &figures);
	revision.epoch = figures.epoch;
	assert_false(feed_has_passed(node->feed, &revision));
	for (int i = 0; i < 2000 && !lease_is_held(node->lease); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		feed_turn(node->feed);
		nanosleep(&pause, NULL);
	}
	assert_true(lease_is_held(node->lease));
	assert_true(feed_has_passed(node->feed, &revision));
}

/* Its files may have been put back as they were long before. */
static void
a_server_that_was_restarted_empties_everything(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];

	survive(f, node, "fast");
	assert_int_equal(node->emptied, 2);
	assert_int_equal(node->moved, 2);
}

/* Transactions whose end had not reached the disk are forgotten, and their numbers given again. */
static void
a_server_that_crashed_empties_everything(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];

	survive(f, node, "immediate");
	assert_int_equal(node->emptied, 2);
	assert_int_equal(node->moved, 2);
}

static void
a_clean_stop_leaves_no_row_and_no_lease(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];

	assert_ok(feed_start(node->feed));
	for (int i = 0; i < 2000 && !lease_is_held(node->lease); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		nanosleep(&pause, NULL);
	}
	assert_true(lease_is_held(node->lease));
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.nodes"), 1);
	feed_stop(node->feed);
	assert_false(lease_is_held(node->lease));
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.nodes"), 0);
}

struct waiting {
	struct barrier_waiter waiter;
	atomic_int answers;
};

static void
answered(struct barrier_waiter *waiter)
{
	atomic_fetch_add(&container_of(waiter, struct waiting, waiter)->answers, 1);
}

static void
wait_for_revision(struct waiting *waiting, struct node *node, const struct revision *revision)
{
	memset(waiting, 0, sizeof *waiting);
	waiting->waiter.revision = *revision;
	waiting->waiter.done = answered;
	barrier_wait(node->barrier, &waiting->waiter);
}

/* For what a session of the test committed, on the server that the feed reads. */
static void
wait_for(struct waiting *waiting, struct node *node, uint64_t xid)
{
	struct feed_figures figures;
	char *started_at = postgres_query(&postgres, "postgres",
	    "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8");

	feed_get_figures(node->feed, &figures);
	wait_for_revision(
	    waiting, node, &(struct revision){figures.epoch, xid, strtoll(started_at, NULL, 10)});
	free(started_at);
}

static void
a_barrier_answers_when_every_node_has_obeyed(void **state)
{
	struct fixture *f = *state;
	struct node *here = &f->nodes[0], *there = &f->nodes[1];
	PGconn *pg = session(f);
	static struct waiting waiting;

	begin_and_stand_still(here);
	begin_and_stand_still(there);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t xid = change(pg, i, true);
		wait_for(&waiting, here, xid);
		turn(here);
		turn(here);
		assert_int_equal(waiting.answers, 0);
		turn(there);
		assert_int_equal(there->seen_count, i + 1);
		turn(here);
		assert_int_equal(waiting.answers, 1);
	}
	assert_int_equal(barrier_live_nodes(here->barrier), 2);
	PQfinish(pg);
}

static void
an_older_transaction_that_stays_open_holds_no_barrier_up(void **state)
{
	struct fixture *f = *state;
	struct node *here = &f->nodes[0], *there = &f->nodes[1];
	PGconn *old = session(f), *pg = session(f);
	static struct waiting waiting;

	begin(here);
	begin(there);
	run_sql(old, "BEGIN");
	change(old, 9, false);
	wait_for(&waiting, here, change(pg, 1, true));
	turn(there);
	turn(here);
	assert_int_equal(waiting.answers, 1);
	PQfinish(old);
	PQfinish(pg);
}

static void
a_dead_node_is_waited_for_as_long_as_its_lease_may_last(void **state)
{
	struct fixture *f = *state;
	struct node *here = &f->nodes[0], *dead = &f->nodes[1];
	PGconn *pg = session(f);
	static struct waiting waiting;

	begin_and_stand_still(here);
	begin_and_stand_still(dead);
	uint64_t xid = change(pg, 1, true);
	wait_for(&waiting, here, xid);
	turn(here);
	atomic_fetch_add(&here->ahead_us, LEASE_US - 10 * FEED_PERIOD_US);
	turn(here);
	assert_int_equal(waiting.answers, 0);
	atomic_fetch_add(&here->ahead_us, 10 * FEED_PERIOD_US + LEASE_DEAD_US - LEASE_US);
	turn(here);
	assert_int_equal(waiting.answers, 1);
	/* Known as dead now, it holds nobody up. */
	wait_for(&waiting, here, change(pg, 2, true));
	turn(here);
	assert_int_equal(waiting.answers, 1);
	/* Back to life, it is waited for again. */
	atomic_fetch_add(&dead->ahead_us, LEASE_US);
	begin(dead);
	turn(here);
	wait_for(&waiting, here, change(pg, 3, true));
	turn(here);
	assert_int_equal(waiting.answers, 0);
	turn(dead);
	turn(here);
	assert_int_equal(waiting.answers, 1);
	PQfinish(pg);
}

/* A clock that is led back to the right time is slewed by up to a twelfth. */
static void
a_slow_clock_ends_its_lease_before_a_fast_one_counts_its_node_as_dead(void **state)
{
	struct fixture *f = *state;
	struct node *fast = &f->nodes[0], *slow = &f->nodes[1];
	PGconn *pg = session(f);
	static struct waiting waiting;
	int passed_ms = 0;

	begin_and_stand_still(fast);
	begin_and_stand_still(slow);
	wait_for(&waiting, fast, change(pg, 1, true));
	feed_turn(fast->feed);
	assert_true(lease_is_held(slow->lease));
	for (; waiting.answers == 0 && passed_ms < 3000; passed_ms++) {
		atomic_fetch_add(&fast->ahead_us, 1080);
		atomic_fetch_add(&slow->ahead_us, 920);
		feed_turn(fast->feed);
	}
	print_message("dead after %d ms\n", passed_ms);
	assert_int_equal(waiting.answers, 1);
	assert_false(lease_is_held(slow->lease));
	PQfinish(pg);
}

static void
who_waits_no_longer_cancels_and_hears_nothing(void **state)
{
	struct fixture *f = *state;
	struct node *here = &f->nodes[0], *there = &f->nodes[1];
	PGconn *pg = session(f);
	static struct waiting waiting, cancelled;

	begin_and_stand_still(here);
	begin_and_stand_still(there);
	uint64_t xid = change(pg, 1, true);
	wait_for(&waiting, here, xid);
	wait_for(&cancelled, here, xid);
	assert_true(barrier_cancel(here->barrier, &cancelled.waiter));
	assert_false(barrier_cancel(here->barrier, &cancelled.waiter));
	turn(there);
	turn(here);
	assert_int_equal(waiting.answers, 1);
	assert_false(barrier_cancel(here->barrier, &waiting.waiter));
	assert_int_equal(cancelled.answers, 0);
	PQfinish(pg);
}

/* The nodes that are looked at are those of the server that the feed reads: of what was committed
 * on another one, they say nothing. */
static void
a_change_on_another_server_passes_no_barrier(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);
	static struct waiting elsewhere, here;
	uint64_t xid = change(pg, 1, true);

	begin_and_stand_still(node);
	wait_for(&elsewhere, node, xid);
	elsewhere.waiter.revision.epoch++;
	wait_for(&here, node, xid);
	for (int i = 0; i < 10; i++)
		turn(node);
	assert_int_equal(here.answers, 1);
	assert_int_equal(elsewhere.answers, 0);
	assert_true(barrier_cancel(node->barrier, &elsewhere.waiter));
	PQfinish(pg);
}

static struct revision
commit_through(struct fixture *f, const char *prepared)
{
	struct config *config =
	    postgres_config(&postgres, f->database, "usher_app", prepared, NULL);
	struct revision revision = {0};
	struct store_conn *conn;
	struct store *pool;

	assert_ok(store_new(config, &clock_system, &pool));
	assert_ok(store_lease(pool, clock_boot_us(&clock_system) + 20 * US_PER_S, &conn));
	assert_ok(store_begin(conn));
	assert_ok(store_change(conn, CHANGE_NOTHING, NULL, NULL, true));
	assert_ok(store_commit(conn, &revision));
	store_return(&conn);
	store_free(&pool);
	config_free(&config);
	return revision;
}

/* Two copies of a server, both promoted, have one epoch, and so has a server that was restarted. By
 * the number alone a barrier would answer for what the other one keeps. */
static void
a_change_on_a_copy_of_the_server_passes_no_barrier(void **state)
{
	static const char *const ways[] = {"--database.prepared=on", "--database.prepared=off"};
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	static struct waiting there[2], here[2];
	struct revision before[2];

	for (int i = 0; i < 2; i++)
		before[i] = commit_through(f, ways[i]);
	survive(f, node, "fast");
	for (int i = 0; i < 2; i++) {
		struct revision now = commit_through(f, ways[i]);

		assert_true(now.epoch == before[i].epoch && now.xid > before[i].xid);
		wait_for_revision(&there[i], node, &before[i]);
		wait_for_revision(&here[i], node, &now);
	}
	for (int i = 0; i < 10; i++) {
		atomic_fetch_add(&node->ahead_us, LEASE_DEAD_US);
		turn(node);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(here[i].answers, 1);
		assert_int_equal(there[i].answers, 0);
		assert_true(barrier_cancel(node->barrier, &there[i].waiter));
	}
}

/* What its row was on the server before is not there, so it reads as for the first time; others may
 * not have come yet. */
static void
who_begins_again_on_another_server_waits_for_the_leases_of_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	static struct waiting waiting;

	begin_and_stand_still(node);
	postgres_halt(&postgres, "fast");
	atomic_fetch_add(&node->ahead_us, LEASE_RENEW_US);
	feed_turn(node->feed);
	postgres_resume(&postgres);
	/* Away for so long that nothing is held for that any more. */
	atomic_fetch_add(&node->ahead_us, 2 * LEASE_DEAD_US);
	free(postgres_query(&postgres, f->database, "DELETE FROM usher.nodes"));
	const struct revision revision = commit_through(f, "--database.prepared=on");
	for (int i = 0; i < 2000 && !lease_is_held(node->lease); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		turn(node);
		nanosleep(&pause, NULL);
	}
	assert_true(lease_is_held(node->lease));
	wait_for_revision(&waiting, node, &revision);
	turn(node);
	assert_int_equal(waiting.answers, 0);
	for (int i = 0; i < 3; i++) {
		atomic_fetch_add(&node->ahead_us, LEASE_DEAD_US);
		turn(node);
	}
	assert_int_equal(waiting.answers, 1);
}

/* Both what all have read and what a dump brought; of the former another node is removing some. */
static void
a_prune_takes_a_batch_and_waits_for_no_other_node(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	const int64_t batches[] = {2 * PRUNED_MAX, PRUNED_MAX / 2 + PRUNED_MAX, 0};
	PGconn *pg = session(f), *other = session(f);
	struct store_conn *conn;
	int64_t changes, nodes;

	run_sql(pg, "INSERT INTO usher.changes (kind) SELECT 1 FROM generate_series(1, 2500)");
	run_sql(pg, "INSERT INTO usher.changes (xid, kind)"
		    " SELECT (pg_current_xact_id()::text::int8 + 1000 + n)::text::xid8, 1"
		    " FROM generate_series(1, 2000) AS n");
	run_sql(other, "BEGIN; DELETE FROM usher.changes WHERE ctid = ANY (ARRAY("
		       "SELECT ctid FROM usher.changes ORDER BY xid LIMIT 1000))");
	assert_ok(store_lease(node->store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn));
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		assert_ok(feed_prune(node->feed, conn, PRUNED_MAX, &changes, &nodes));
		assert_int_equal(changes, batches[i]);
	}
	store_return(&conn);
	run_sql(other, "COMMIT");
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.changes"), 0);
	PQfinish(other);
	PQfinish(pg);
}

/* A node that came up again and again for hours leaves a row a start. */
static void
more_dead_nodes_than_a_barrier_can_watch_hold_it_up_only_until_they_are_pruned(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);
	struct store_conn *conn;
	static struct waiting waiting;
	int64_t changes, nodes = 0;

	run_sql(pg, "INSERT INTO usher.nodes (id, epoch, renewals, xmin_passed, version)"
		    " SELECT gen_random_uuid(), 1, 1, '3', 1 FROM generate_series(1, 1100)");
	begin_and_stand_still(node);
	assert_ok(store_lease(node->store, INT64_MAX, &conn));
	wait_for(&waiting, node, change(pg, 1, true));
	turn(node);
	assert_int_equal(waiting.answers, 0);
	for (int minutes = 0; minutes < 10 && !waiting.answers; minutes++) {
		atomic_fetch_add(&node->ahead_us, BARRIER_FORGET_US);
		begin(node);
		turn(node);
		assert_ok(feed_prune(node->feed, conn, PRUNED_MAX, &changes, &nodes));
	}
	assert_int_equal(waiting.answers, 1);
	store_return(&conn);
	PQfinish(pg);
}

/* As a dump brings them: with numbers that this server has not given yet. */
static void
changes_of_another_server_are_no_news_and_are_removed(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);
	struct store_conn *conn;
	int64_t changes, nodes;

	begin(node);
	run_sql(pg, "INSERT INTO usher.changes (xid, kind, restricts)"
		    " SELECT (pg_current_xact_id()::text::int8 + 1000 + n)::text::xid8, 1, true"
		    " FROM generate_series(1, 20) AS n");
	for (int i = 0; i < 5; i++)
		turn(node);
	assert_int_equal(node->seen_count, 0);
	change(pg, 3, false);
	turn(node);
	assert_int_equal(node->seen_count, 1);
	assert_ok(store_lease(node->store, INT64_MAX, &conn));
	assert_ok(feed_prune(node->feed, conn, PRUNED_MAX, &changes, &nodes));
	store_return(&conn);
	assert_true(changes >= 20);
	assert_int_equal(count_of(f, "SELECT count(*) FROM usher.changes WHERE xid >"
				     " pg_snapshot_xmax(pg_current_snapshot())"),
	    0);
	PQfinish(pg);
}

static void
after_a_lost_server_no_barrier_answers_while_unknown_leases_may_last(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	PGconn *pg = session(f);
	static struct waiting waiting;

	begin_and_stand_still(node);
	barrier_hold(node->barrier);
	wait_for(&waiting, node, change(pg, 1, true));
	for (int i = 0; i < 10; i++)
		turn(node);
	assert_int_equal(waiting.answers, 0);
	atomic_fetch_add(&node->ahead_us, LEASE_DEAD_US);
	turn(node);
	assert_int_equal(waiting.answers, 1);
	PQfinish(pg);
}

static void
running_nodes_answer_a_barrier_within_the_time_that_was_promised(void **state)
{
	struct fixture *f = *state;
	PGconn *pg = session(f);
	int in_time[2] = {0};

	for (int i = 0; i < 2; i++)
		assert_ok(feed_start(f->nodes[i].feed));
	for (int i = 0;
	     i < 2000 && !(lease_is_held(f->nodes[0].lease) && lease_is_held(f->nodes[1].lease));
	     i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < 20; i++) {
		static struct waiting waiting;
		uint64_t xid = change(pg, i, true);
		int64_t began_us = clock_boot_us(&clock_system);
		wait_for(&waiting, &f->nodes[i % 2], xid);
		while (!atomic_load(&waiting.answers)) {
			struct timespec pause = {0, 200 * 1000};
			nanosleep(&pause, NULL);
		}
		if (clock_boot_us(&clock_system) - began_us < LEASE_US)
			in_time[i % 2]++;
	}
	/* Not a measurement: that is the bench's. A node whose waiters nobody answers takes that
	 * long each time, a machine that has much to do takes it now and then. */
	for (int i = 0; i < 2; i++)
		assert_in_range(in_time[i], 5, 10);
	for (int i = 0; i < 2; i++)
		feed_stop(f->nodes[i].feed);
	PQfinish(pg);
}

/* From whoever comes; who is connected goes on as before. */
static void
take_writes(const struct fixture *f, const struct postgres *server, bool takes_them)
{
	char sql[128];

	snprintf(sql, sizeof sql, "ALTER DATABASE \"%s\" SET default_transaction_read_only = %s",
	    f->database, takes_them ? "off" : "on");
	free(postgres_query(server, "postgres", sql));
}

static void
turn_until_moved(struct node *node, size_t moved)
{
	for (int i = 0; i < 2000 && node->moved < moved; i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		turn(node);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(node->moved, moved);
}

static uint64_t
epoch_of_feed(const struct node *node)
{
	struct feed_figures figures;

	feed_get_figures(node->feed, &figures);
	return figures.epoch;
}

/* Its connection goes, until the next one is to that server. */
static void
cut_until_read(struct node *node, uint64_t epoch)
{
	struct feed_figures before, now = {0};

	feed_get_figures(node->feed, &before);
	store_cut(node->store);
	for (int i = 0; i < 2000 && (now.reads == before.reads || now.epoch != epoch); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};

		if (now.reads > before.reads)
			store_cut(node->store);
		turn(node);
		nanosleep(&pause, NULL);
		feed_get_figures(node->feed, &now);
	}
	assert_true(now.reads > before.reads);
	assert_true(now.epoch == epoch);
}

static struct store_conn *
lease_one(struct store *pool)
{
	struct store_conn *conn;

	assert_ok(store_lease(pool, clock_boot_us(&clock_system) + 20 * US_PER_S, &conn));
	return conn;
}

/* Until it has a connection: an attempt that is under way while the servers change may come to
 * nothing, and then the pool refuses for a while. */
static void
wait_for_pool(struct store *pool)
{
	struct store_conn *conn = lease_one(pool);

	store_return(&conn);
}

static uint64_t
epoch_behind(struct store_conn *conn)
{
	struct revision revision = {0};

	assert_ok(store_begin(conn));
	assert_ok(store_change(conn, CHANGE_NOTHING, NULL, NULL, false));
	assert_ok(store_commit(conn, &revision));
	return revision.epoch;
}

/* One that is fenced by nobody: it answers whoever is connected, for ever. */
static void
the_pool_leaves_a_server_that_lives_on_with_the_feed(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *idle;

	begin(node);
	const uint64_t before = epoch_of_feed(node);
	node->asks = lease_one(f->pool);
	idle = lease_one(f->pool);
	assert_true(epoch_behind(node->asks) == before);
	assert_true(epoch_behind(idle) == before);
	store_return(&idle);
	take_writes(f, &postgres, false);
	store_cut(node->store);
	turn_until_moved(node, 2);
	assert_true(epoch_of_feed(node) != before);
	/* When memory was emptied nothing came from there any more. */
	assert_int_equal(node->heard.code, ST_UNAVAILABLE);
	store_return(&node->asks);
	for (int i = 0; i < 3; i++) {
		idle = lease_one(f->pool);
		assert_true(epoch_behind(idle) == epoch_of_feed(node));
		store_return(&idle);
	}
}

/* An attempt that was under way may bring one more connection to the server that is left. */
static void
cut_until_elsewhere(struct store *pool, uint64_t here)
{
	uint64_t epoch = here;

	for (int i = 0; i < 100 && epoch == here; i++) {
		store_cut(pool);
		struct store_conn *conn = lease_one(pool);
		epoch = epoch_behind(conn);
		store_return(&conn);
	}
	assert_true(epoch != here);
}

static void
what_calls_read_elsewhere_while_the_feed_was_away_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn;

	begin(node);
	const uint64_t here = epoch_of_feed(node);
	wait_for_pool(f->pool);
	take_writes(f, &postgres, false);
	store_cut(node->store);
	turn(node);
	cut_until_elsewhere(f->pool, here);

	take_writes(f, &other_server, false);
	take_writes(f, &postgres, true);
	const size_t emptied = node->emptied;
	/* An attempt that was under way may have led it to the other one first. */
	cut_until_read(node, here);
	assert_true(node->emptied > emptied);
	const size_t enough = node->emptied;
	conn = lease_one(f->pool);
	assert_true(epoch_behind(conn) == here);
	store_return(&conn);
	turn(node);
	assert_int_equal(node->emptied, enough);
}

/* The old one takes writes again, and stands first in the settings. */
static void
the_pool_knows_the_way_when_the_feed_has_to_connect_anew(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn;

	begin(node);
	wait_for_pool(f->pool);
	take_writes(f, &postgres, false);
	store_cut(node->store);
	turn_until_moved(node, 2);
	const uint64_t there = epoch_of_feed(node);
	wait_for_pool(f->pool);
	take_writes(f, &postgres, true);
	for (int i = 0; i < 2; i++) {
		cut_until_read(node, there);
		store_cut(f->pool);
		conn = lease_one(f->pool);
		assert_true(epoch_behind(conn) == there);
		store_return(&conn);
	}
	assert_int_equal(node->moved, 2);
}

static bool
is_refused_as_another(struct store *pool)
{
	struct store_health health;

	store_health(pool, &health);
	return !health.reachable && strstr(health.message, "not the server that the change feed");
}

static void
no_other_server_will_do_while_the_feed_is_there(void **state)
{
	struct fixture *f = *state;
	struct node *node = &f->nodes[0];
	struct store_conn *conn = NULL;

	begin(node);
	const uint64_t here = epoch_of_feed(node);
	conn = lease_one(f->pool);
	assert_true(epoch_behind(conn) == here);
	store_return(&conn);
	take_writes(f, &postgres, false);
	for (int i = 0; i < 2000 && !is_refused_as_another(f->pool); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		if (i % 100 == 0)
			store_cut(f->pool);
		nanosleep(&pause, NULL);
	}
	assert_true(is_refused_as_another(f->pool));
	assert_int_equal(store_lease(f->pool, clock_boot_us(&clock_system) + US_PER_S, &conn).code,
	    ST_UNAVAILABLE);
	/* Then it will. */
	store_cut(node->store);
	turn(node);
	for (int i = 0; i < 2000 && is_refused_as_another(f->pool); i++) {
		struct timespec pause = {0, 5 * 1000 * 1000};
		nanosleep(&pause, NULL);
	}
	conn = lease_one(f->pool);
	assert_true(epoch_behind(conn) != here);
	store_return(&conn);
}

static int
group_set_up(void **state)
{
	(void)state;
	postgres_start(&postgres);
	postgres_start(&other_server);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	postgres_stop(&other_server);
	postgres_stop(&postgres);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_TWO_SERVERS(name) cmocka_unit_test_setup_teardown(name, set_up_two_servers, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(commits_out_of_order_are_each_delivered_once),
	    TEST(a_transaction_that_stays_open_loses_and_repeats_nothing),
	    TEST(ten_thousand_changes_are_read_at_once_and_more_empty_everything),
	    TEST(a_change_of_a_kind_that_nobody_here_knows_empties_everything),
	    TEST(two_feeds_under_racing_writers_each_see_every_commit_once),
	    TEST(pruning_keeps_what_a_live_node_has_not_read_and_a_dead_one_starts_empty),
	    TEST(a_lease_ends_in_its_time_from_before_its_renewal_and_comes_back_behind_a_read),
	    TEST(a_database_that_stands_still_for_a_moment_ends_no_lease),
	    TEST(a_server_that_was_restarted_empties_everything),
	    TEST(a_server_that_crashed_empties_everything),
	    TEST(a_clean_stop_leaves_no_row_and_no_lease),
	    TEST(a_barrier_answers_when_every_node_has_obeyed),
	    TEST(an_older_transaction_that_stays_open_holds_no_barrier_up),
	    TEST(a_dead_node_is_waited_for_as_long_as_its_lease_may_last),
	    TEST(a_slow_clock_ends_its_lease_before_a_fast_one_counts_its_node_as_dead),
	    TEST(who_waits_no_longer_cancels_and_hears_nothing),
	    TEST(a_change_on_another_server_passes_no_barrier),
	    TEST(a_change_on_a_copy_of_the_server_passes_no_barrier),
	    TEST(who_begins_again_on_another_server_waits_for_the_leases_of_the_one_before),
	    TEST(changes_of_another_server_are_no_news_and_are_removed),
	    TEST(a_prune_takes_a_batch_and_waits_for_no_other_node),
	    TEST(more_dead_nodes_than_a_barrier_can_watch_hold_it_up_only_until_they_are_pruned),
	    TEST(after_a_lost_server_no_barrier_answers_while_unknown_leases_may_last),
	    TEST(running_nodes_answer_a_barrier_within_the_time_that_was_promised),
	    TEST_TWO_SERVERS(the_pool_leaves_a_server_that_lives_on_with_the_feed),
	    TEST_TWO_SERVERS(what_calls_read_elsewhere_while_the_feed_was_away_is_forgotten),
	    TEST_TWO_SERVERS(no_other_server_will_do_while_the_feed_is_there),
	    TEST_TWO_SERVERS(the_pool_knows_the_way_when_the_feed_has_to_connect_anew),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
