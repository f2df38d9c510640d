/* One thread, the keeper, opens all connections, so that nobody who asks for one waits for a
 * connect timeout: while the database is away they are told so at once. */
#include "store/conn.h"
#include "store/connecting.h"
#include "store/migrate.h"

#include "base/log.h"
#include "base/wait.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* A pool whose size nobody set. */
#define CONNECTIONS_MIN 16
#define RETRY_US_FIRST (50 * US_PER_MS)
#define RETRY_US_MAX (1 * US_PER_S)
/* How often idle connections are looked at, and the schema while it does not fit or does. */
#define LOOK_US (250 * US_PER_MS)
#define SCHEMA_LOOK_US (10 * US_PER_S)
#define CHECK_US (2 * US_PER_S)
/* An attempt that takes longer counts as failed, and is looked at again later. */
#define CONNECT_US (4 * US_PER_S)
/* How often at most it is logged that no further connection comes about. */
#define TELL_US (5 * US_PER_S)
#define WHY_BYTES_MAX (64u << 10)
#define ARENA_BYTES_MAX (64u << 10)

enum state {
	STATE_STARTING, /* nothing is known yet: who asks waits */
	STATE_UP,
	STATE_AWAY,
	STATE_MISFIT, /* reachable, but the schema is not ours */
};
static const char *const state_names[] = {"starting", "up", "away", "misfit"};

struct store {
	struct arena arena;
	struct conninfo info;
	struct hosts hosts; /* the keeper's: in another order than info's, once that is known */
	const struct clock *clock;
	bool max_is_set; /* by the setting */

	pthread_t keeper;
	pthread_mutex_t lock;
	pthread_cond_t freed; /* for who waits for a connection */
	pthread_cond_t work;  /* for the keeper */
	/* What follows is the lock's. */
	enum state state;
	struct store_conn *idle; /* last used first */
	struct list all;         /* idle and leased */
	int open, leased, waiting, max;
	bool opening; /* one of open is still to come about */
	unsigned cuts;
	bool stopping;
	struct store_place place; /* that is to be believed; its epoch is 0: nobody knows yet */
	bool is_led;              /* to that one alone */
	bool has_strayed;         /* to another since the feed was there last */
	bool has_way;             /* way is where it is, for the keeper to go */
	struct hosts way;
	struct aside *connecting; /* the keeper's; set and cleared with the lock */
	int64_t retry_us;         /* the pause after the next failure */
	int64_t retry_at_us;      /* monotonic: no attempt before */
	int64_t schema_at_us;
	struct store_health health;
	int64_t failures;               /* attempts that came to nothing */
	char told[STORE_MESSAGE_BYTES]; /* why, as logged while others are open; "": it was not */
	int64_t tell_at_us;             /* monotonic: nothing of that is logged before */
};

static void
wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at_us)
{
	struct timespec at = {
	    .tv_sec = (time_t)(at_us / US_PER_S), .tv_nsec = (long)(at_us % US_PER_S) * 1000};

	pthread_cond_timedwait(cond, lock, &at);
}

/* ---- what a fresh connection is asked */

static status
query_checked(struct store_conn *conn, enum statement statement, struct rows *rows)
{
	conn->deadline_us = clock_boot_us(conn->clock) + CHECK_US;
	return store_query(conn, statement, NULL, 0, rows);
}

/* Errors: UNAVAILABLE (a standby, or the connection broke). */
static status
ask_server(struct store_conn *conn)
{
	ROWS_AUTO rows = {0};

	TRY(query_checked(conn, STMT_STORE_SERVER, &rows));
	if (conn->prepares)
		conn->epoch =
		    revision_epoch((uint64_t)row_int(&rows, 0, STORE_SERVER_SYSTEM_IDENTIFIER),
			(uint32_t)row_int(&rows, 0, STORE_SERVER_TIMELINE));
	conn->server_started_at_us = row_time_us(&rows, 0, STORE_SERVER_STARTED_AT);
	return STATUS_OK;
}

static void
judge_schema(int version, int serves_from, struct store_health *health)
{
	health->reachable = true;
	health->schema_version = version;
	health->schema_version_needed = migrations_count;
	health->schema_fits = version >= migrations_count && serves_from <= migrations_count;
	if (health->schema_fits)
		health->message[0] = '\0';
	else if (version == 0)
		snprintf(health->message, sizeof(health->message),
		    "the database has no schema yet, this server needs schema %d: run `usher "
		    "migrate up`",
		    migrations_count);
	else if (version < migrations_count)
		snprintf(health->message, sizeof(health->message),
		    "the schema is at %d, this server needs %d: run `usher migrate up`", version,
		    migrations_count);
	else
		snprintf(health->message, sizeof(health->message),
		    "the schema is at %d and serves servers from schema %d on, this server was "
		    "made "
		    "for %d: install a newer usher",
		    version, serves_from, migrations_count);
}

/* Errors: UNAVAILABLE. */
static status
ask_schema(struct store_conn *conn, struct store_health *health)
{
	ROWS_AUTO exists = {0}, rows = {0};

	TRY(query_checked(conn, STMT_STORE_SCHEMA_EXISTS, &exists));
	if (!row_bool(&exists, 0, STORE_SCHEMA_EXISTS_IT_DOES)) {
		judge_schema(0, 0, health);
		return STATUS_OK;
	}
	TRY(query_checked(conn, STMT_STORE_SCHEMA, &rows));
	judge_schema((int)row_int(&rows, 0, STORE_SCHEMA_VERSION),
	    (int)row_int(&rows, 0, STORE_SCHEMA_SERVES_FROM), health);
	return STATUS_OK;
}

/* Go on with the attempt that is under way, or begin one. Blocks; without the lock. */
static status
connect_for_a_while(struct store *store, struct strbuf *message, struct store_conn **out)
{
	struct aside *connecting = store->connecting;
	PGconn *pg;

	if (!connecting) {
		struct conninfo info = store->info;

		conninfo_set_hosts(&info, &store->hosts);
		TRY(connecting_start(&info, &connecting));
		pthread_mutex_lock(&store->lock);
		store->connecting = connecting;
		if (store->stopping)
			aside_hurry(connecting);
		pthread_mutex_unlock(&store->lock);
	}
	if (!aside_wait(connecting, CONNECT_US)) {
		strbuf_add_text(message,
		    "no connection came about in time: is its name being looked up still?");
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
	}
	pthread_mutex_lock(&store->lock);
	store->connecting = NULL;
	pthread_mutex_unlock(&store->lock);
	pg = connecting_take(&connecting);
	return conn_open(pg, store->info.prepared, store->clock, message, out);
}

/* With the lock. Behind a pooler nobody can tell. */
static bool
is_astray(const struct store *store, const struct store_conn *conn)
{
	return store->place.epoch && conn->epoch &&
	       (conn->epoch != store->place.epoch ||
		   conn->server_started_at_us != store->place.started_at_us);
}

/* Errors: UNAVAILABLE (a server is there, and is not the one to be believed). */
static status
check_place(struct store *store, const struct store_conn *conn, struct strbuf *why)
{
	bool is_wrong;

	pthread_mutex_lock(&store->lock);
	is_wrong = store->is_led && is_astray(store, conn);
	pthread_mutex_unlock(&store->lock);
	if (!is_wrong)
		return STATUS_OK;
	strbuf_add_format(
	    why, "%s is not the server that the change feed reads", store_conn_host(conn));
	return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
}

/* Open one and find out what stands behind it; why not is for people. Blocks; without the lock. */
static status
open_checked(
    struct store *store, struct store_health *health, struct strbuf *why, struct store_conn **out)
{
	struct store_conn *conn = NULL;
	status st = connect_for_a_while(store, why, &conn);

	if (st.code == ST_OK)
		st = ask_server(conn);
	if (st.code == ST_OK)
		st = ask_schema(conn, health);
	if (st.code == ST_OK)
		st = check_place(store, conn, why);
	if (st.code == ST_OK) {
		/* A host that is gone without a word costs each connection its timeout otherwise.
		 */
		hosts_learn(&store->hosts, conn->pg);
		conn->store = store;
		conn->deadline_us = INT64_MAX;
		*out = conn;
		return STATUS_OK;
	}
	conn_close(&conn);
	if (why->bytes == 0)
		strbuf_add_text(why, st.message);
	*health = (struct store_health){.schema_version_needed = migrations_count};
	snprintf(
	    health->message, sizeof(health->message), "the database is away: %s", strbuf_text(why));
	/* It goes out as it is, and may have been cut in the middle of a character. */
	health->message[utf8_valid_bytes(slice_text(health->message))] = '\0';
	return st;
}

/* ---- the keeper; these hold the lock unless they say otherwise */

static void
set_state(struct store *store, enum state state, const struct store_health *health)
{
	if (store->state != state)
		log_event(state == STATE_UP ? LOG_INFO : LOG_WARN, "database", "state",
		    state_names[state], "message", health->message, NULL);
	store->state = state;
	store->health = *health;
}

static void
forget(struct store *store, struct store_conn *conn)
{
	list_remove(&conn->node);
	store->open--;
}

/* Unlinks those that fit, for the caller to close without the lock. */
static struct store_conn *
take_idle(struct store *store, bool (*fits)(struct store_conn *))
{
	struct store_conn **at = &store->idle, *taken = NULL;

	while (*at) {
		struct store_conn *conn = *at;

		if (fits && !fits(conn)) {
			at = &conn->next;
			continue;
		}
		*at = conn->next;
		conn->next = taken;
		taken = conn;
		forget(store, conn);
	}
	return taken;
}

static bool
is_gone(struct store_conn *conn)
{
	return !conn_is_alive(conn);
}

/* Takes the lock off while it closes. */
static void
close_all(struct store *store, struct store_conn *list)
{
	if (!list)
		return;
	pthread_mutex_unlock(&store->lock);
	while (list) {
		struct store_conn *conn = list;

		list = conn->next;
		conn_close(&conn);
	}
	pthread_mutex_lock(&store->lock);
}

static bool
has_live_connection(const struct store *store)
{
	list_for_each (node, &store->all) {
		if (!conn_is_hung_up(container_of(node, struct store_conn, node)))
			return true;
	}
	return false;
}

static void
failure_text(const char *why, char out[STORE_MESSAGE_BYTES])
{
	snprintf(out, STORE_MESSAGE_BYTES, "no further connection comes about: %s", why);
}

/* Those that are open serve on, so the state says nothing of it, and callers only that they waited.
 */
static void
tell_failure(struct store *store, const char *why)
{
	const int64_t now_us = wait_now_us();
	char message[STORE_MESSAGE_BYTES];

	failure_text(why, message);
	if (strcmp(message, store->told) == 0 || now_us < store->tell_at_us)
		return;
	log_event(
	    LOG_WARN, "database", "state", state_names[store->state], "message", message, NULL);
	memcpy(store->told, message, sizeof(message));
	store->tell_at_us = now_us + TELL_US;
}

static void
note_success(struct store *store, const struct store_health *health)
{
	const bool had_told = store->state != STATE_AWAY && store->told[0] != '\0';

	store->told[0] = '\0';
	if (had_told)
		log_event(LOG_INFO, "database", "state", state_names[store->state], "message",
		    "connections come about again", NULL);
	set_state(store, health->schema_fits ? STATE_UP : STATE_MISFIT, health);
	store->retry_us = RETRY_US_FIRST;
	store->retry_at_us = 0;
	store->schema_at_us = wait_now_us() + SCHEMA_LOOK_US;
}

static void
note_failure(struct store *store, const struct store_health *health, const char *why)
{
	store->failures++;
	store->retry_at_us = wait_now_us() + store->retry_us;
	store->retry_us = store->retry_us * 2 < RETRY_US_MAX ? store->retry_us * 2 : RETRY_US_MAX;
	/* Who stops waits for none. */
	if (store->stopping)
		return;
	/* One that serves us and gives no more is not away. */
	if (has_live_connection(store)) {
		tell_failure(store, why);
		return;
	}
	/* Away for another reason than at first. */
	if (store->state == STATE_AWAY)
		tell_failure(store, why);
	else
		failure_text(why, store->told);
	set_state(store, STATE_AWAY, health);
	close_all(store, take_idle(store, NULL));
}

/* Nothing goes through it any more, whoever has it; whoever takes it next finds that out. */
static void
cut(const struct store_conn *conn)
{
	(void)shutdown(conn->socket, SHUT_RDWR);
}

/* The feed may have come, or come back, while it was being opened. */
static void
note_place(struct store *store, const struct store_conn *conn)
{
	if (!is_astray(store, conn))
		return;
	if (store->is_led)
		cut(conn);
	else
		store->has_strayed = true;
}

/* Where the feed is, if it has gone elsewhere. */
static void
take_way(struct store *store)
{
	if (!store->has_way)
		return;
	hosts_done(&store->hosts);
	store->hosts = store->way;
	store->way = (struct hosts){0};
	store->has_way = false;
}

static void
keeper_open(struct store *store)
{
	struct store_health health = {0};
	struct store_conn *conn = NULL;
	struct strbuf why;
	status st;

	store->open++;
	store->opening = true;
	take_way(store);
	pthread_mutex_unlock(&store->lock);
	/* Room for all that libpq says: what does not fit is not there at all. */
	strbuf_init(&why, WHY_BYTES_MAX);
	st = open_checked(store, &health, &why, &conn);
	pthread_mutex_lock(&store->lock);
	store->opening = false;
	if (st.code == ST_OK) {
		note_success(store, &health);
		list_add_last(&store->all, &conn->node);
		note_place(store, conn);
		conn->next = store->idle;
		store->idle = conn;
	} else {
		store->open--;
		note_failure(store, &health, strbuf_text(&why));
	}
	strbuf_done(&why);
	pthread_cond_broadcast(&store->freed);
}

/* Ask an idle connection whether the schema still fits, or fits by now. */
static void
keeper_look_at_schema(struct store *store)
{
	struct store_conn *conn = store->idle;
	struct store_health health = {0};
	status st;

	store->idle = conn->next;
	pthread_mutex_unlock(&store->lock);
	st = ask_schema(conn, &health);
	pthread_mutex_lock(&store->lock);
	store->schema_at_us = wait_now_us() + SCHEMA_LOOK_US;
	if (st.code == ST_OK) {
		set_state(store, health.schema_fits ? STATE_UP : STATE_MISFIT, &health);
		conn->next = store->idle;
		store->idle = conn;
	} else {
		forget(store, conn);
		conn->next = NULL;
		close_all(store, conn);
	}
	pthread_cond_broadcast(&store->freed);
}

static bool
keeper_should_open(const struct store *store, int64_t now_us)
{
	if (now_us < store->retry_at_us || store->open >= store->max)
		return false;
	return store->open == 0 || (store->waiting > 0 && !store->idle) ||
	       store->state == STATE_AWAY;
}

static void *
keep(void *arg)
{
	struct store *store = arg;
	int64_t look_at_us = wait_now_us() + LOOK_US;

	(void)pthread_setname_np(pthread_self(), "database");
	pthread_mutex_lock(&store->lock);
	while (!store->stopping) {
		int64_t now_us = wait_now_us();

		if (now_us >= look_at_us) {
			close_all(store, take_idle(store, is_gone));
			look_at_us = now_us + LOOK_US;
			if (store->state == STATE_MISFIT)
				store->schema_at_us = 0;
		}
		if (keeper_should_open(store, now_us))
			keeper_open(store);
		else if (store->idle && now_us >= store->schema_at_us)
			keeper_look_at_schema(store);
		else
			wait_until(&store->work, &store->lock,
			    store->retry_at_us > now_us && store->retry_at_us < look_at_us
				? store->retry_at_us
				: look_at_us);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/* ---- the pool */

static status
start_keeper(struct store *store)
{
	sigset_t all, before;
	int error;

	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&store->keeper, NULL, keep, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error ? REFUSE(ST_RESOURCE_EXHAUSTED, "no thread could be had") : STATUS_OK;
}

static void
free_parts(struct store **store)
{
	pthread_cond_destroy(&(*store)->work);
	pthread_cond_destroy(&(*store)->freed);
	pthread_mutex_destroy(&(*store)->lock);
	hosts_done(&(*store)->hosts);
	hosts_done(&(*store)->way);
	arena_done(&(*store)->arena);
	free(*store);
	*store = NULL;
}

status
store_new(const struct config *config, const struct clock *clock, struct store **out)
{
	struct store *store = calloc(1, sizeof(*store));
	status st;

	if (!store)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	st = arena_init(&store->arena, 4096, ARENA_BYTES_MAX);
	if (st.code != ST_OK) {
		free(store);
		return st;
	}
	list_init(&store->all);
	store->clock = clock;
	store->max = (int)config_int(config, "database.pool_connections");
	store->max_is_set = store->max > 0;
	if (!store->max_is_set)
		store->max = CONNECTIONS_MIN;
	store->retry_us = RETRY_US_FIRST;
	store->health.schema_version_needed = migrations_count;
	snprintf(store->health.message, sizeof(store->health.message),
	    "the database has not been reached yet");
	pthread_mutex_init(&store->lock, NULL);
	wait_cond_init(&store->freed);
	wait_cond_init(&store->work);
	st = conninfo_make(config, &store->arena, &store->info);
	if (st.code == ST_OK)
		st = start_keeper(store);
	if (st.code != ST_OK) {
		/* The message may live in the arena that goes: conninfo_make() says literals. */
		free_parts(&store);
		return st;
	}
	*out = store;
	return STATUS_OK;
}

void
store_free(struct store **store)
{
	struct store_conn *idle;

	if (!*store)
		return;
	pthread_mutex_lock(&(*store)->lock);
	(*store)->stopping = true;
	if ((*store)->connecting)
		aside_hurry((*store)->connecting);
	pthread_cond_broadcast(&(*store)->work);
	pthread_cond_broadcast(&(*store)->freed);
	pthread_mutex_unlock(&(*store)->lock);
	pthread_join((*store)->keeper, NULL);
	aside_leave(&(*store)->connecting);
	assert((*store)->leased == 0);
	pthread_mutex_lock(&(*store)->lock);
	idle = take_idle(*store, NULL);
	close_all(*store, idle);
	pthread_mutex_unlock(&(*store)->lock);
	free_parts(store);
}

void
store_cut(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	list_for_each (node, &store->all)
		cut(container_of(node, struct store_conn, node));
	store->cuts++;
	pthread_cond_broadcast(&store->freed);
	pthread_mutex_unlock(&store->lock);
}

void
store_cut_if_away(struct store *store)
{
	struct store_health health;

	store_health(store, &health);
	if (!health.reachable)
		store_cut(store);
}

/* The next attempt may do what the last ones did not: the keeper is to make it now. With the lock.
 */
static void
end_pause(struct store *store)
{
	store->retry_us = RETRY_US_FIRST;
	store->retry_at_us = 0;
	pthread_cond_signal(&store->work);
}

/* With the lock. */
static bool
is_led_to(const struct store *store, const struct store_place *place)
{
	return store->is_led && store->place.epoch == place->epoch &&
	       store->place.started_at_us == place->started_at_us;
}

bool
store_follow(struct store *store, const struct store_place *place, const struct store_conn *leader)
{
	struct hosts way = {0};
	bool is_there, has_strayed;

	pthread_mutex_lock(&store->lock);
	is_there = is_led_to(store, place);
	pthread_mutex_unlock(&store->lock);
	if (is_there)
		return false;
	const bool has_way = hosts_of(leader->pg, &way);
	pthread_mutex_lock(&store->lock);
	if (has_way) {
		hosts_done(&store->way);
		store->way = way;
		store->has_way = true;
	}
	store->place = *place;
	store->is_led = true;
	has_strayed = store->has_strayed;
	store->has_strayed = false;
	list_for_each (node, &store->all) {
		const struct store_conn *conn = container_of(node, struct store_conn, node);

		if (is_astray(store, conn))
			cut(conn);
	}
	end_pause(store);
	pthread_mutex_unlock(&store->lock);
	return has_strayed;
}

void
store_follow_nobody(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	if (store->is_led)
		end_pause(store);
	store->is_led = false;
	pthread_mutex_unlock(&store->lock);
}

/* Why there is no connection to be had now; OK when there may be one. */
static status
refusal(const struct store *store)
{
	if (store->stopping || store->state == STATE_AWAY)
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
	if (store->state == STATE_MISFIT)
		return REFUSE_FOR(ST_UNAVAILABLE, "SCHEMA_MISMATCH",
		    "the database's schema is not the one that this server needs");
	return STATUS_OK;
}

/* Take an idle connection that is still open, or wait for one. */
static status
lease_locked(struct store *store, int64_t deadline_us, struct store_conn **out)
{
	const unsigned cuts = store->cuts;

	for (;;) {
		struct store_conn *conn = store->idle;
		int64_t left_us;

		TRY(refusal(store));
		if (store->cuts != cuts)
			return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
		if (conn) {
			store->idle = conn->next;
			conn->next = NULL;
			if (conn_is_alive(conn)) {
				store->leased++;
				*out = conn;
				return STATUS_OK;
			}
			forget(store, conn);
			close_all(store, conn);
			continue;
		}
		left_us = deadline_us - clock_boot_us(store->clock);
		if (left_us <= 0)
			return REFUSE(
			    ST_DEADLINE_EXCEEDED, "no connection to the database was free in time");
		if (left_us > 60 * US_PER_S)
			left_us = 60 * US_PER_S;
		store->waiting++;
		pthread_cond_signal(&store->work);
		wait_until(&store->freed, &store->lock, wait_now_us() + left_us);
		store->waiting--;
	}
}

status
store_lease(struct store *store, int64_t deadline_us, struct store_conn **out)
{
	struct store_conn *conn = NULL;
	status st;

	pthread_mutex_lock(&store->lock);
	st = lease_locked(store, deadline_us, &conn);
	pthread_mutex_unlock(&store->lock);
	if (st.code != ST_OK)
		return st;
	conn->deadline_us = deadline_us;
	*out = conn;
	return STATUS_OK;
}

void
store_return(struct store_conn **conn)
{
	struct store_conn *given = *conn;
	struct store *store;

	if (!given)
		return;
	*conn = NULL;
	store_rollback(given);
	store = given->store;
	pthread_mutex_lock(&store->lock);
	store->leased--;
	if (given->is_dead || store->state == STATE_AWAY || store->stopping) {
		forget(store, given);
		given->next = NULL;
		close_all(store, given);
	} else {
		given->next = store->idle;
		store->idle = given;
	}
	pthread_cond_signal(&store->freed);
	pthread_mutex_unlock(&store->lock);
}

void
store_health(struct store *store, struct store_health *out)
{
	pthread_mutex_lock(&store->lock);
	*out = store->health;
	pthread_mutex_unlock(&store->lock);
}

void
store_get_connections(struct store *store, struct store_connections *out)
{
	pthread_mutex_lock(&store->lock);
	*out = (struct store_connections){
	    .open = store->open - store->opening,
	    .leased = store->leased,
	    .max = store->max,
	    .failures = store->failures,
	};
	pthread_mutex_unlock(&store->lock);
}

void
store_limit_connections(struct store *store, int max)
{
	pthread_mutex_lock(&store->lock);
	if (store->max > max)
		store->max = max;
	store->max_is_set = true;
	pthread_mutex_unlock(&store->lock);
}

bool
store_allow_connections(struct store *store, int wanted)
{
	pthread_mutex_lock(&store->lock);
	if (!store->max_is_set && store->max < wanted)
		store->max = wanted;
	bool suffices = store->max >= wanted;
	pthread_mutex_unlock(&store->lock);
	return suffices;
}
