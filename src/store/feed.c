/* A loop of turns. In each: renew the lease if that is due, read what has changed, let the
 * subscribers obey it, and only then publish how far that is - to this process, to the node's row,
 * and, if a renewal came before the read, as the lease. */
#include "store/feed.h"

#include "base/log.h"
#include "base/wait.h"
#include "store/snapshot.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SUBSCRIBERS_MAX 16
#define STATEMENT_US (1 * US_PER_S)
#define STOP_US (1 * US_PER_S)
#define RETRY_US (50 * US_PER_MS)
/* While somebody waits at a barrier. */
#define WATCH_PERIOD_US (5 * US_PER_MS)
/* While nobody does: to know who is dead before somebody has to wait. */
#define LOOK_PERIOD_US (400 * US_PER_MS)
#define DEAD_NODES_MAX 64
#define READ_ARENA_BYTES_FIRST (16u << 10)
#define READ_ARENA_BYTES_MAX (4u << 20)

struct feed {
	struct store *store;
	struct store *pool; /* NULL: nobody is led */
	const struct clock *clock;
	struct lease *lease;
	struct barrier *barrier;
	struct cluster_clock *cluster_clock; /* NULL: nobody asks */
	struct {
		feed_callback *call;
		void *env;
	} subscribers[SUBSCRIBERS_MAX];
	size_t subscribers_count;
	struct {
		void (*call)(void *env); /* NULL: nobody asks */
		void *env;
	} moved;

	/* The feed's thread's. */
	struct store_conn *conn;
	bool was_connected, is_open; /* is_open: the node's row was there when last seen */
	bool has_position;           /* last is the last snapshot that was obeyed */
	bool must_show;
	bool has_moved; /* the last read met another server than the one before */
	uint64_t last_epoch;
	struct feed_server last_server;
	struct snapshot last;
	struct strbuf last_text;
	struct arena arena;
	int64_t renew_at_us, read_at_us, look_at_us, retry_at_us;

	/* Published: changes of epoch pass through an xmin of 0. */
	atomic_uint_fast64_t epoch, xmin;
	atomic_int_fast64_t read_at_published_us, reads, changes, emptied, errors;

	pthread_t thread;
	bool is_running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool must_stop, is_woken, has_ended;
};

/* Somebody waits at a barrier. */
static void
feed_wake(void *env)
{
	struct feed *feed = env;

	pthread_mutex_lock(&feed->lock);
	feed->is_woken = true;
	pthread_cond_signal(&feed->wake);
	pthread_mutex_unlock(&feed->lock);
}

status
feed_new(struct store *store, const struct clock *clock, struct lease *lease,
    struct barrier *barrier, struct feed **out)
{
	struct feed *feed = calloc(1, sizeof *feed);

	if (!feed ||
	    arena_init(&feed->arena, READ_ARENA_BYTES_FIRST, READ_ARENA_BYTES_MAX).code != ST_OK) {
		free(feed);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the change feed");
	}
	feed->store = store;
	feed->clock = clock;
	feed->lease = lease;
	feed->barrier = barrier;
	strbuf_init(&feed->last_text, SNAPSHOT_TEXT_BYTES_MAX);
	atomic_init(&feed->read_at_published_us, INT64_MIN);
	feed->renew_at_us = feed->read_at_us = feed->look_at_us = feed->retry_at_us = INT64_MIN;
	pthread_mutex_init(&feed->lock, NULL);
	wait_cond_init(&feed->wake);
	barrier_set_wake(barrier, feed_wake, feed);
	*out = feed;
	return STATUS_OK;
}

void
feed_free(struct feed **feed_pointer)
{
	struct feed *feed = *feed_pointer;

	if (!feed)
		return;
	*feed_pointer = NULL;
	feed_stop(feed);
	barrier_set_wake(feed->barrier, NULL, NULL);
	if (feed->conn)
		store_return(&feed->conn);
	snapshot_done(&feed->last);
	strbuf_done(&feed->last_text);
	arena_done(&feed->arena);
	pthread_cond_destroy(&feed->wake);
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

void
feed_set_cluster_clock(struct feed *feed, struct cluster_clock *cluster_clock)
{
	assert(!feed->is_running);
	feed->cluster_clock = cluster_clock;
}

status
feed_subscribe(struct feed *feed, feed_callback *callback, void *env)
{
	assert(!feed->is_running);
	if (feed->subscribers_count == SUBSCRIBERS_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "too many subscribers of the change feed");
	feed->subscribers[feed->subscribers_count].call = callback;
	feed->subscribers[feed->subscribers_count++].env = env;
	return STATUS_OK;
}

void
feed_set_moved(struct feed *feed, void (*moved)(void *env), void *env)
{
	assert(!feed->is_running);
	feed->moved.call = moved;
	feed->moved.env = env;
}

void
feed_set_pool(struct feed *feed, struct store *pool)
{
	assert(!feed->is_running);
	feed->pool = pool;
}

bool
feed_get_server(const struct feed *feed, struct feed_server *out)
{
	assert(!feed->is_running);
	if (feed->last_epoch == 0)
		return false;
	*out = feed->last_server;
	return true;
}

static void
deliver(struct feed *feed, const struct feed_change *change)
{
	for (size_t i = 0; i < feed->subscribers_count; i++)
		feed->subscribers[i].call(feed->subscribers[i].env, change);
}

static void
empty_everything(struct feed *feed, const char *why)
{
	deliver(feed, NULL);
	atomic_fetch_add(&feed->emptied, 1);
	log_event(LOG_INFO, "feed_emptied", "why", why, NULL);
}

static void
tell_of_move(struct feed *feed)
{
	if (feed->moved.call)
		feed->moved.call(feed->moved.env);
}

/* Publish last. An epoch never stands beside another one's xmin. */
static void
publish(struct feed *feed)
{
	if (atomic_load(&feed->epoch) != feed->last_epoch) {
		atomic_store(&feed->xmin, 0);
		atomic_store(&feed->epoch, feed->last_epoch);
	}
	atomic_store(&feed->xmin, feed->last.xmin);
}

bool
feed_has_passed(const struct feed *feed, const struct revision *revision)
{
	if (revision->xid == 0)
		return true;
	uint64_t before = atomic_load(&feed->epoch);
	uint64_t xmin = atomic_load(&feed->xmin);
	uint64_t after = atomic_load(&feed->epoch);

	return before == after && before == revision->epoch && revision->xid < xmin;
}

bool
feed_may_trust_memory(const struct feed *feed, const struct revision *at_least)
{
	return lease_is_held(feed->lease) && (!at_least || feed_has_passed(feed, at_least));
}

void
feed_get_figures(const struct feed *feed, struct feed_figures *out)
{
	int64_t read_at_us = atomic_load(&feed->read_at_published_us);

	*out = (struct feed_figures){
	    .age_us = read_at_us == INT64_MIN ? -1 : clock_boot_us(feed->clock) - read_at_us,
	    .reads = atomic_load(&feed->reads),
	    .changes = atomic_load(&feed->changes),
	    .emptied = atomic_load(&feed->emptied),
	    .errors = atomic_load(&feed->errors),
	    .epoch = atomic_load(&feed->epoch),
	    .xmin = atomic_load(&feed->xmin),
	};
}

/* For one statement: on a machine that has much to do a turn may take longer than any of them. */
static struct store_conn *
conn_for_statement(struct feed *feed)
{
	store_set_deadline(feed->conn, clock_boot_us(feed->clock) + STATEMENT_US);
	return feed->conn;
}

/* The transactions that the last snapshot did not see yet, for the statement. */
static status
running_texts(struct feed *feed, struct slice **out)
{
	const struct snapshot *last = &feed->last;
	struct slice *texts = arena_alloc(&feed->arena, last->running_count * sizeof *texts);

	if (!texts)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < last->running_count; i++) {
		char *text =
		    arena_format(&feed->arena, "%llu", (unsigned long long)last->running[i]);
		if (!text)
			return ARENA_EXHAUSTED;
		texts[i] = slice_text(text);
	}
	*out = texts;
	return STATUS_OK;
}

static struct feed_change
change_of(const struct rows *rows, int row)
{
	return (struct feed_change){
	    .kind = (enum change_kind)row_int(rows, row, FEED_READ_KIND),
	    .has_id = !row_is_null(rows, row, FEED_READ_ID),
	    .has_org = !row_is_null(rows, row, FEED_READ_ORG_ID),
	    .restricts = row_bool(rows, row, FEED_READ_RESTRICTS),
	    .id = row_uuid(rows, row, FEED_READ_ID),
	    .org_id = row_uuid(rows, row, FEED_READ_ORG_ID),
	    .xid = (uint64_t)row_int(rows, row, FEED_READ_XID),
	};
}

/* Where a read was made. */
struct place {
	uint64_t epoch;
	struct feed_server server;
	struct snapshot snapshot;
};

static status
place_read(const struct rows *rows, struct place *out)
{
	TRY(snapshot_parse(row_slice(rows, 0, FEED_READ_SNAPSHOT), &out->snapshot));
	out->server = (struct feed_server){
	    .system_identifier = row_int(rows, 0, FEED_READ_SYSTEM_IDENTIFIER),
	    .timeline = row_int(rows, 0, FEED_READ_TIMELINE),
	    .recovered_at_us = row_time_us(rows, 0, FEED_READ_RECOVERED_AT),
	    .started_at_us = row_time_us(rows, 0, FEED_READ_STARTED_AT),
	};
	out->epoch =
	    revision_epoch((uint64_t)out->server.system_identifier, (uint32_t)out->server.timeline);
	return STATUS_OK;
}

/* May transactions have another meaning there than where the last read was made? */
static bool
is_elsewhere(const struct feed *feed, const struct place *place)
{
	const struct feed_server *last = &feed->last_server;

	return place->epoch != feed->last_epoch ||
	       place->server.recovered_at_us != last->recovered_at_us ||
	       place->server.started_at_us != last->started_at_us ||
	       place->snapshot.xmax < feed->last.xmax;
}

/* A newer version, beside this one during an upgrade, may say what nobody here knows to obey. */
static bool
has_unknown_kind(const struct rows *rows)
{
	for (int row = 0; row < rows->count; row++) {
		int64_t kind = row_int(rows, row, FEED_READ_KIND);

		if (kind < CHANGE_NOTHING || kind > CHANGE_LAST)
			return true;
	}
	return false;
}

/* Before anything is emptied: what calls read on another server until now they asked for before
 * that, and it is kept nowhere. */
static bool
lead_pool(struct feed *feed, const struct place *place)
{
	const struct store_place server = {place->epoch, place->server.started_at_us};

	return feed->pool && store_follow(feed->pool, &server, feed->conn);
}

/* Let the subscribers obey what was read. Without a change there is one row, of the snapshot. */
static void
obey(struct feed *feed, const struct rows *rows, const struct place *place)
{
	bool has_changes = !row_is_null(rows, 0, FEED_READ_KIND);
	bool has_moved = is_elsewhere(feed, place);
	bool has_strayed = lead_pool(feed, place);

	/* Leases that were given on the one before may be out. */
	if (has_moved && feed->last_epoch != 0)
		barrier_hold(feed->barrier);
	if (!feed->has_position) {
		empty_everything(feed, "first read");
		if (has_moved || has_strayed)
			tell_of_move(feed);
		feed->must_show = true;
		return;
	}
	if (has_moved) {
		empty_everything(feed, "another server, or one that was started again");
		tell_of_move(feed);
		feed->has_moved = true;
		lease_drop(feed->lease);
		feed->renew_at_us = 0;
		feed->must_show = true;
		return;
	}
	if (has_strayed) {
		empty_everything(feed, "calls have been to another server meanwhile");
		tell_of_move(feed);
		feed->must_show = true;
		return;
	}
	if (rows->count > FEED_ROWS_MAX || has_unknown_kind(rows)) {
		empty_everything(feed, rows->count > FEED_ROWS_MAX
					   ? "many changes at once"
					   : "a change of a kind that only newer ones know");
		feed->must_show = true;
		return;
	}
	for (int row = 0; has_changes && row < rows->count; row++) {
		struct feed_change change = change_of(rows, row);
		deliver(feed, &change);
		feed->must_show = feed->must_show || change.restricts;
	}
	atomic_fetch_add(&feed->changes, has_changes ? rows->count : 0);
}

static status
query_changes(struct feed *feed, struct rows *rows)
{
	struct slice *running = NULL;

	arena_reset(&feed->arena);
	if (feed->has_position)
		TRY(running_texts(feed, &running));
	return STORE_QUERY(conn_for_statement(feed), STMT_FEED_READ, rows,
	    p_int(feed->has_position ? (int64_t)feed->last.xmax : INT64_MAX),
	    p_texts(running, feed->has_position ? feed->last.running_count : 0),
	    p_uuid(lease_node_id(feed->lease)));
}

/* Read, obey, publish. *found: the node's row was there, at the same moment. */
static status
read_changes(struct feed *feed, bool *found)
{
	int64_t asked_at_us = clock_boot_us(feed->clock);
	struct place place = {0};
	ROWS_AUTO rows = {0};

	TRY(query_changes(feed, &rows));
	assert(rows.count > 0);
	*found = row_bool(&rows, 0, FEED_READ_NODE_FOUND);
	if (!*found)
		return STATUS_OK;
	TRY(place_read(&rows, &place));
	obey(feed, &rows, &place);
	struct slice text = row_slice(&rows, 0, FEED_READ_SNAPSHOT);
	strbuf_reset(&feed->last_text);
	strbuf_add(&feed->last_text, text.data, text.bytes);
	snapshot_done(&feed->last);
	feed->last = place.snapshot;
	feed->last_epoch = place.epoch;
	feed->last_server = place.server;
	feed->has_position = true;
	publish(feed);
	atomic_store(&feed->read_at_published_us, asked_at_us);
	atomic_fetch_add(&feed->reads, 1);
	return strbuf_status(&feed->last_text);
}

/* Others removed this node's row: what was pruned since may concern it. */
static void
begin_again(struct feed *feed)
{
	log_event(LOG_WARN, "node_was_taken_for_dead", NULL);
	lease_drop(feed->lease);
	feed->is_open = false;
	feed->has_position = false;
	strbuf_reset(&feed->last_text);
}

static const char *
shown_snapshot(const struct feed *feed)
{
	return feed->last_text.bytes ? strbuf_text(&feed->last_text) : NULL;
}

/* What was renewed on another server than the one that was read says nothing there: those who look
 * at this one's nodes may know this node as dead. */
static void
grant(struct feed *feed, int64_t renewed_at_us)
{
	if (!feed->has_moved) {
		lease_grant(feed->lease, renewed_at_us);
		return;
	}
	feed->has_moved = false;
	feed->renew_at_us = renewed_at_us;
}

static status
look_at_nodes(struct feed *feed)
{
	const struct store_place here = {feed->last_epoch, feed->last_server.started_at_us};

	return barrier_read(feed->barrier, conn_for_statement(feed), &here);
}

/* Everything that is due, over one connection. */
static status
turn(struct feed *feed)
{
	struct lease_renewal renewal = {0};
	bool found = true, has_renewed = false;
	int64_t now_us = clock_boot_us(feed->clock);

	if (!feed->is_open) {
		TRY(lease_open(feed->lease, conn_for_statement(feed)));
		feed->is_open = true;
		feed->renew_at_us = now_us;
	}
	if (now_us >= feed->renew_at_us) {
		TRY(lease_renew(feed->lease, conn_for_statement(feed), feed->last_epoch,
		    shown_snapshot(feed), &renewal));
		if (!renewal.found) {
			begin_again(feed);
			return STATUS_OK;
		}
		has_renewed = true;
		feed->renew_at_us = renewal.started_us + LEASE_RENEW_US;
		if (feed->cluster_clock)
			cluster_clock_hear(feed->cluster_clock, renewal.database_us,
			    renewal.started_us, clock_boot_us(feed->clock));
	}
	bool is_watching = barrier_has_waiters(feed->barrier);
	if (has_renewed || is_watching || now_us >= feed->read_at_us) {
		TRY(read_changes(feed, &found));
		if (!found) {
			begin_again(feed);
			return STATUS_OK;
		}
		feed->read_at_us = now_us + FEED_PERIOD_US;
	}
	if (has_renewed)
		grant(feed, renewal.started_us);
	if (feed->must_show) {
		TRY(lease_show(feed->lease, conn_for_statement(feed), feed->last_epoch,
		    strbuf_text(&feed->last_text)));
		feed->must_show = false;
	}
	if (is_watching || now_us >= feed->look_at_us) {
		TRY(look_at_nodes(feed));
		feed->look_at_us = now_us + LOOK_PERIOD_US;
	}
	return STATUS_OK;
}

static bool
must_stop(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	bool stop = feed->must_stop;
	pthread_mutex_unlock(&feed->lock);
	return stop;
}

static void
lose_connection(struct feed *feed, status why)
{
	/* A stop cuts it, or doesn't wait for it. */
	const bool is_meant = why.code == ST_UNAVAILABLE && must_stop(feed);

	atomic_fetch_add(&feed->errors, 1);
	if (!is_meant && (feed->was_connected || feed->retry_at_us == INT64_MIN))
		log_event(LOG_WARN, "feed_lost", "code", status_code_name(why.code), "why",
		    why.message, NULL);
	/* The server may have crashed. Then numbers of transactions that it forgot are given again,
	 * and what this node has passed says nothing of them; and the counters of other nodes may
	 * stand where they stood before. */
	atomic_store(&feed->xmin, 0);
	strbuf_reset(&feed->last_text);
	if (feed->was_connected)
		barrier_hold(feed->barrier);
	feed->was_connected = false;
	if (feed->pool)
		store_follow_nobody(feed->pool);
	if (feed->conn)
		store_return(&feed->conn);
	feed->retry_at_us = clock_boot_us(feed->clock) + RETRY_US;
}

int64_t
feed_turn(struct feed *feed)
{
	int64_t now_us = clock_boot_us(feed->clock);
	status st = STATUS_OK;

	if (now_us >= feed->retry_at_us) {
		if (!feed->conn)
			st = store_lease(feed->store, now_us + STATEMENT_US, &feed->conn);
		if (st.code == ST_OK)
			st = turn(feed);
		if (st.code != ST_OK)
			lose_connection(feed, st);
		else
			feed->was_connected = true;
	}
	if (!feed->conn)
		return feed->retry_at_us;
	if (!feed->is_open)
		return now_us;
	if (barrier_has_waiters(feed->barrier))
		return now_us + WATCH_PERIOD_US;
	return feed->read_at_us < feed->renew_at_us ? feed->read_at_us : feed->renew_at_us;
}

static void
sleep_until(struct feed *feed, int64_t next_us)
{
	int64_t wait_us = next_us - clock_boot_us(feed->clock);
	struct timespec until;

	if (wait_us <= 0)
		return;
	wait_deadline(wait_us, &until);
	pthread_mutex_lock(&feed->lock);
	while (!feed->must_stop && !feed->is_woken)
		if (pthread_cond_timedwait(&feed->wake, &feed->lock, &until) != 0)
			break;
	feed->is_woken = false;
	pthread_mutex_unlock(&feed->lock);
}

static void
tell_end(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed->has_ended = true;
	pthread_cond_signal(&feed->wake);
	pthread_mutex_unlock(&feed->lock);
}

static void *
run(void *arg)
{
	struct feed *feed = arg;

	(void)pthread_setname_np(pthread_self(), "feed");
	while (!must_stop(feed))
		sleep_until(feed, feed_turn(feed));
	lease_drop(feed->lease);
	if (feed->conn) {
		status st = lease_close(feed->lease, conn_for_statement(feed));
		if (st.code != ST_OK)
			log_event(LOG_WARN, "node_not_closed", "why", st.message, NULL);
		store_return(&feed->conn);
	}
	tell_end(feed);
	return NULL;
}

status
feed_start(struct feed *feed)
{
	assert(!feed->is_running);
	if (pthread_create(&feed->thread, NULL, run, feed) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no thread for the change feed");
	feed->is_running = true;
	return STATUS_OK;
}

/* The thread's. false: it has not within wait_us. */
static bool
await_end(struct feed *feed, int64_t wait_us)
{
	struct timespec until;

	wait_deadline(wait_us, &until);
	pthread_mutex_lock(&feed->lock);
	while (!feed->has_ended)
		if (pthread_cond_timedwait(&feed->wake, &feed->lock, &until) != 0)
			break;
	const bool has_ended = feed->has_ended;
	pthread_mutex_unlock(&feed->lock);
	return has_ended;
}

void
feed_stop(struct feed *feed)
{
	if (!feed->is_running)
		return;
	pthread_mutex_lock(&feed->lock);
	feed->must_stop = true;
	pthread_cond_signal(&feed->wake);
	pthread_mutex_unlock(&feed->lock);
	store_cut_if_away(feed->store);
	/* A statement that is not answered would hold up the stop: its connection is cut. */
	if (!await_end(feed, STOP_US))
		store_cut(feed->store);
	pthread_join(feed->thread, NULL);
	feed->is_running = false;
}

status
feed_prune(
    struct feed *feed, struct store_conn *conn, int64_t rows_max, int64_t *changes, int64_t *nodes)
{
	struct uuid ids[DEAD_NODES_MAX];
	int64_t renewals[DEAD_NODES_MAX];
	size_t count = barrier_dead_nodes(feed->barrier, ids, renewals, DEAD_NODES_MAX);
	struct param counters = {.type = PARAM_INTS, .numbers = renewals, .count = count};
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(
	    conn, STMT_FEED_PRUNE, &rows, p_uuids(ids, count), counters, p_int(rows_max)));
	*changes = row_int(&rows, 0, FEED_PRUNE_CHANGES);
	*nodes = row_int(&rows, 0, FEED_PRUNE_NODES);
	return STATUS_OK;
}
