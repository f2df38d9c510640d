#include "access/quota.h"

#include "base/list.h"
#include "base/rand.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHARDS 16
#define SHARD_BUCKETS 256
#define SLICE_FIRST 8
#define SLICE_MAX 65536

enum { MINUTE, DAY, WINDOWS };

/* This node's share of a key's window. */
struct slice_lease {
	int64_t limit;          /* under which it was leased */
	int64_t left;           /* of the slice */
	int64_t beyond;         /* of the window, outside the slice, when it was leased */
	int64_t wanted;         /* what the last lease asked for */
	uint64_t errand;        /* who is out for a slice; 0: nobody */
	int64_t ends_at_us;     /* the database's realtime: names the window */
	int64_t valid_until_us; /* boottime */
	bool is_exhausted;      /* until the window ends */
};

struct key_state {
	struct list bucket, lru;
	struct uuid org_id, key_id;
	uint64_t hints; /* how often it was worth asking again */
	struct slice_lease windows[WINDOWS];
};

struct shard {
	pthread_mutex_t lock;
	struct list buckets[SHARD_BUCKETS], lru;
	size_t count;
};

struct quota {
	const struct clock *clock;
	uint64_t seed;
	/* How often another server was met: what was asked of one is not kept behind the next. */
	atomic_uint_fast64_t moves;
	atomic_uint_fast64_t errands; /* so far */
	struct shard shards[SHARDS];
};

static const status EXCEEDED = {
    ST_RESOURCE_EXHAUSTED, "the key's quota is used up", "QUOTA_EXCEEDED"};

status
quota_new(const struct clock *clock, struct quota **out)
{
	struct quota *quota = calloc(1, sizeof *quota);

	if (!quota)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for quotas");
	quota->clock = clock;
	quota->seed = rand_hash_seed();
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&quota->shards[i].lock, NULL);
		list_init(&quota->shards[i].lru);
		for (size_t j = 0; j < SHARD_BUCKETS; j++)
			list_init(&quota->shards[i].buckets[j]);
	}
	*out = quota;
	return STATUS_OK;
}

static void
state_remove(struct shard *shard, struct key_state *state)
{
	list_remove(&state->bucket);
	list_remove(&state->lru);
	shard->count--;
	free(state);
}

static void
forget_all(struct quota *quota)
{
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &quota->shards[i];
		pthread_mutex_lock(&shard->lock);
		while (!list_is_empty(&shard->lru))
			state_remove(shard, container_of(shard->lru.next, struct key_state, lru));
		pthread_mutex_unlock(&shard->lock);
	}
}

void
quota_free(struct quota **quota)
{
	if (!*quota)
		return;
	forget_all(*quota);
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&(*quota)->shards[i].lock);
	free(*quota);
	*quota = NULL;
}

static struct shard *
shard_of(struct quota *quota, const struct uuid *key_id, struct list **bucket)
{
	uint64_t hash = hash_bytes(slice_of(key_id->bytes, UUID_BYTES), quota->seed);
	struct shard *shard = &quota->shards[hash >> 60 & (SHARDS - 1)];

	*bucket = &shard->buckets[hash % SHARD_BUCKETS];
	return shard;
}

/* With the shard's lock, as are all that take a state. NULL: not there. */
static struct key_state *
state_find(struct shard *shard, struct list *bucket, const struct uuid *key_id)
{
	list_for_each (node, bucket) {
		struct key_state *state = container_of(node, struct key_state, bucket);
		if (!uuid_equals(&state->key_id, key_id))
			continue;
		list_remove(&state->lru);
		list_add_first(&shard->lru, &state->lru);
		return state;
	}
	return NULL;
}

/* NULL: no memory. A key that makes room for another loses its slices: they count as used. */
static struct key_state *
state_get(struct shard *shard, struct list *bucket, const struct principal *principal)
{
	struct key_state *state = state_find(shard, bucket, &principal->key_id);

	if (state)
		return state;
	if (shard->count >= QUOTA_KEYS_MAX / SHARDS)
		state_remove(shard, container_of(shard->lru.prev, struct key_state, lru));
	state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	state->org_id = principal->org_id;
	state->key_id = principal->key_id;
	list_add_first(bucket, &state->bucket);
	list_add_first(&shard->lru, &state->lru);
	shard->count++;
	return state;
}

void
quota_forget(void *self)
{
	struct quota *quota = self;

	atomic_fetch_add(&quota->moves, 1);
	forget_all(quota);
}

/* Somebody gave back what they had, or the key changed: it is worth asking again. */
static void
ask_again(struct key_state *state)
{
	state->hints++;
	for (int window = 0; window < WINDOWS; window++)
		state->windows[window].is_exhausted = false;
}

static void
ask_again_all(struct quota *quota)
{
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &quota->shards[i];

		pthread_mutex_lock(&shard->lock);
		list_for_each (node, &shard->lru)
			ask_again(container_of(node, struct key_state, lru));
		pthread_mutex_unlock(&shard->lock);
	}
}

void
quota_obey(void *self, const struct feed_change *change)
{
	struct quota *quota = self;
	struct list *bucket;

	/* Limits come with the principal, at each request: under another one a slice counts no
	 * more, under the same one it is good, whatever else changed, or was missed. */
	if (!change) {
		ask_again_all(quota);
		return;
	}
	if (!change->has_id || (change->kind != CHANGE_KEY && change->kind != CHANGE_QUOTA))
		return;
	struct shard *shard = shard_of(quota, &change->id, &bucket);
	pthread_mutex_lock(&shard->lock);
	struct key_state *state = state_find(shard, bucket, &change->id);
	if (state)
		ask_again(state);
	pthread_mutex_unlock(&shard->lock);
}

bool
quota_has_limits(const struct principal *principal)
{
	return principal->kind == PRINCIPAL_KEY &&
	       (principal->requests_per_minute || principal->requests_per_day);
}

static int64_t
limit_of(const struct principal *principal, int window)
{
	return window == MINUTE ? principal->requests_per_minute : principal->requests_per_day;
}

/* What was leased in another window or under another limit counts no more. Once: until something is
 * leased again there is nothing more to settle. */
static void
lease_settle(struct slice_lease *lease, int64_t limit, int64_t boot_us)
{
	if (lease->limit == limit &&
	    (boot_us < lease->valid_until_us || lease->valid_until_us == INT64_MIN))
		return;
	lease->wanted = lease->limit == limit ? lease->wanted / 2 : 0;
	lease->limit = limit;
	lease->left = lease->beyond = 0;
	lease->is_exhausted = false;
	lease->valid_until_us = lease->ends_at_us = INT64_MIN;
}

static void
state_settle(struct key_state *state, const struct principal *principal, int64_t boot_us)
{
	for (int window = 0; window < WINDOWS; window++)
		lease_settle(&state->windows[window], limit_of(principal, window), boot_us);
}

/* The window nearest to its limit, for the caller to see. */
static void
describe(const struct key_state *state, int64_t boot_us, struct quota_state *out)
{
	struct quota_state nearest = {.remaining = -1};

	for (int window = 0; window < WINDOWS; window++) {
		const struct slice_lease *lease = &state->windows[window];
		int64_t remaining = lease->left + lease->beyond;
		if (!lease->limit || lease->ends_at_us == INT64_MIN)
			continue;
		if (lease->is_exhausted && lease->valid_until_us - boot_us > nearest.retry_after_us)
			nearest.retry_after_us = lease->valid_until_us - boot_us;
		if (nearest.remaining >= 0 && nearest.remaining <= remaining)
			continue;
		nearest.remaining = remaining;
		nearest.resets_at_us = lease->ends_at_us;
	}
	*out = nearest;
}

static enum quota_answer
look(const struct key_state *state)
{
	enum quota_answer answer = QUOTA_TAKEN;

	for (int window = 0; window < WINDOWS; window++) {
		const struct slice_lease *lease = &state->windows[window];
		if (!lease->limit || lease->left > 0)
			continue;
		if (lease->is_exhausted)
			return QUOTA_EXCEEDED;
		answer = QUOTA_ASK;
	}
	return answer;
}

/* What memory has of the key as of now, or NULL. The lock of its shard is held then. */
static struct key_state *
state_lock(
    struct quota *quota, const struct principal *principal, int64_t boot_us, struct shard **out)
{
	struct list *bucket;

	*out = shard_of(quota, &principal->key_id, &bucket);
	pthread_mutex_lock(&(*out)->lock);
	struct key_state *state = state_find(*out, bucket, &principal->key_id);
	if (state)
		state_settle(state, principal, boot_us);
	return state;
}

enum quota_answer
quota_take(struct quota *quota, const struct principal *principal, struct quota_state *out)
{
	enum quota_answer answer = QUOTA_ASK;
	struct shard *shard;

	*out = (struct quota_state){.remaining = -1};
	if (!quota_has_limits(principal))
		return QUOTA_TAKEN;
	int64_t boot_us = clock_boot_us(quota->clock);
	struct key_state *state = state_lock(quota, principal, boot_us, &shard);
	if (state) {
		answer = look(state);
		for (int window = 0; answer == QUOTA_TAKEN && window < WINDOWS; window++)
			if (state->windows[window].limit)
				state->windows[window].left--;
		describe(state, boot_us, out);
	}
	pthread_mutex_unlock(&shard->lock);
	return answer;
}

bool
quota_is_used_up(struct quota *quota, const struct principal *principal)
{
	struct shard *shard;

	if (!quota_has_limits(principal))
		return false;
	struct key_state *state = state_lock(quota, principal, clock_boot_us(quota->clock), &shard);
	const bool is_used_up = state && look(state) == QUOTA_EXCEEDED;
	pthread_mutex_unlock(&shard->lock);
	return is_used_up;
}

/* One request's way to the database. */
struct errand {
	uint64_t number;           /* never 0 */
	uint64_t moves, hints;     /* when it began */
	int64_t wanted[WINDOWS];   /* 0: nothing is missing there */
	int64_t taken_of[WINDOWS]; /* the window whose slice it was taken of */
};

/* Calls that find a slice used up come at once: one of them brings the next, the others what they
 * need themselves. */
static int64_t
next_slice(struct slice_lease *lease, const struct errand *errand, bool only_one)
{
	if (lease->limit <= QUOTA_SMALL_LIMIT || only_one || lease->errand)
		return 1;
	lease->errand = errand->number;
	lease->wanted = lease->wanted < SLICE_FIRST / 2 ? SLICE_FIRST : 2 * lease->wanted;
	if (lease->wanted > SLICE_MAX)
		lease->wanted = SLICE_MAX;
	return lease->wanted;
}

static void
errand_end(const struct errand *errand, struct key_state *state)
{
	for (int window = 0; window < WINDOWS; window++)
		if (state->windows[window].errand == errand->number)
			state->windows[window].errand = 0;
}

/* It brings nothing. */
static void
errand_give_up(struct quota *quota, const struct principal *principal, const struct errand *errand)
{
	struct list *bucket;
	struct shard *shard = shard_of(quota, &principal->key_id, &bucket);

	pthread_mutex_lock(&shard->lock);
	struct key_state *state = state_find(shard, bucket, &principal->key_id);
	if (state)
		errand_end(errand, state);
	pthread_mutex_unlock(&shard->lock);
}

/* What has to be leased; from slices that are there, this request is taken at once.
 * Errors: RESOURCE_EXHAUSTED. */
static status
prepare(struct quota *quota, const struct principal *principal, bool only_one, int64_t boot_us,
    struct errand *errand, struct quota_state *out)
{
	struct list *bucket;
	struct shard *shard = shard_of(quota, &principal->key_id, &bucket);
	status st = STATUS_OK;

	errand->number = atomic_fetch_add(&quota->errands, 1) + 1;
	pthread_mutex_lock(&shard->lock);
	errand->moves = atomic_load(&quota->moves);
	struct key_state *state = state_get(shard, bucket, principal);
	if (!state) {
		st = REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a key's quota");
	} else {
		errand->hints = state->hints;
		state_settle(state, principal, boot_us);
		if (look(state) == QUOTA_EXCEEDED) {
			describe(state, boot_us, out);
			st = EXCEEDED;
		}
	}
	for (int window = 0; st.code == ST_OK && window < WINDOWS; window++) {
		struct slice_lease *lease = &state->windows[window];
		if (!lease->limit)
			continue;
		if (lease->left > 0) {
			lease->left--;
			errand->taken_of[window] = lease->ends_at_us;
		} else {
			errand->wanted[window] = next_slice(lease, errand, only_one);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return st;
}

struct grant {
	int64_t granted, used, ends_at_us, valid_until_us;
};

/* Take a grant in, but for the one request that it was asked for. false: there is none for it. */
static bool
lease_take_in(struct slice_lease *lease, const struct grant *grant)
{
	/* Meanwhile somebody leased in a later window: the rest of this slice is not needed. With
	 * nothing left of that one it is: the database's clock may have been set back. */
	if (lease->ends_at_us > grant->ends_at_us && lease->left > 0)
		return grant->granted > 0;
	if (lease->ends_at_us != grant->ends_at_us)
		lease->left = 0;
	lease->ends_at_us = grant->ends_at_us;
	lease->valid_until_us = grant->valid_until_us;
	lease->is_exhausted = grant->granted == 0;
	lease->beyond = grant->granted ? lease->limit - grant->used : 0;
	if (grant->granted) {
		lease->left += grant->granted - 1;
		return true;
	}
	/* Another call of this node may have got the last slice just now. */
	if (lease->left == 0)
		return false;
	lease->left--;
	return true;
}

/* Errors: QUOTA_EXCEEDED; then what was taken out of memory goes back. */
static status
finish(struct quota *quota, const struct principal *principal, const struct errand *errand,
    const struct grant grants[WINDOWS], struct quota_state *out)
{
	struct list *bucket;
	struct shard *shard = shard_of(quota, &principal->key_id, &bucket);
	int64_t boot_us = clock_boot_us(quota->clock);
	struct key_state forgotten = {0};
	bool exceeded = false;

	pthread_mutex_lock(&shard->lock);
	struct key_state *state = state_find(shard, bucket, &principal->key_id);
	if (state)
		errand_end(errand, state);
	if (!state || errand->moves != atomic_load(&quota->moves)) {
		/* It made room for another key meanwhile, or the server that gave it is gone:
		 * this call alone has the grant. */
		state = &forgotten;
		state_settle(state, principal, boot_us);
	}
	for (int window = 0; window < WINDOWS; window++) {
		if (!errand->wanted[window])
			continue;
		bool is_current = state->windows[window].limit == limit_of(principal, window);
		bool has_one = is_current ? lease_take_in(&state->windows[window], &grants[window])
					  : grants[window].granted > 0;
		exceeded = exceeded || !has_one;
	}
	/* The answer may be from before. */
	if (errand->hints != state->hints)
		ask_again(state);
	for (int window = 0; exceeded && window < WINDOWS; window++)
		if (errand->taken_of[window] &&
		    state->windows[window].ends_at_us == errand->taken_of[window])
			state->windows[window].left++;
	describe(state, boot_us, out);
	pthread_mutex_unlock(&shard->lock);
	return exceeded ? EXCEEDED : STATUS_OK;
}

static struct grant
grant_of(const struct rows *rows, int window, int64_t asked_at_us)
{
	bool is_day = window == DAY;
	int64_t now_us = row_time_us(rows, 0, ACCESS_QUOTA_LEASE_NOW);
	struct grant grant = {
	    .granted = row_int(rows, 0,
		is_day ? ACCESS_QUOTA_LEASE_DAY_GRANTED : ACCESS_QUOTA_LEASE_MINUTE_GRANTED),
	    .used = row_int(
		rows, 0, is_day ? ACCESS_QUOTA_LEASE_DAY_USED : ACCESS_QUOTA_LEASE_MINUTE_USED),
	    .ends_at_us = row_time_us(
		rows, 0, is_day ? ACCESS_QUOTA_LEASE_DAY_END : ACCESS_QUOTA_LEASE_MINUTE_END),
	};

	/* The database read its clock after we read ours, so this ends a little early. */
	grant.valid_until_us = asked_at_us + (grant.ends_at_us - now_us);
	return grant;
}

status
quota_lease(struct quota *quota, const struct principal *principal, struct store_conn *conn,
    struct quota_state *out)
{
	struct errand errand = {0};
	struct grant grants[WINDOWS];
	ROWS_AUTO rows = {0};

	*out = (struct quota_state){.remaining = -1};
	if (!quota_has_limits(principal))
		return STATUS_OK;
	int64_t asked_at_us = clock_boot_us(quota->clock);
	TRY(prepare(quota, principal, store_in_transaction(conn), asked_at_us, &errand, out));
	if (!errand.wanted[MINUTE] && !errand.wanted[DAY])
		return STATUS_OK;
	status st = STORE_QUERY(conn, STMT_ACCESS_QUOTA_LEASE, &rows, p_uuid(&principal->org_id),
	    p_uuid(&principal->key_id), p_int(principal->requests_per_minute),
	    p_int(errand.wanted[MINUTE]), p_int(principal->requests_per_day),
	    p_int(errand.wanted[DAY]));
	if (st.code != ST_OK) {
		errand_give_up(quota, principal, &errand);
		return st;
	}
	for (int window = 0; window < WINDOWS; window++)
		grants[window] = grant_of(&rows, window, asked_at_us);
	return finish(quota, principal, &errand, grants, out);
}

/* Columns of what is given back. */
struct returns {
	size_t count;
	struct uuid org_ids[QUOTA_BACK_MAX], key_ids[QUOTA_BACK_MAX];
	int64_t buckets[QUOTA_BACK_MAX], window_starts_s[QUOTA_BACK_MAX], limits[QUOTA_BACK_MAX],
	    unused[QUOTA_BACK_MAX];
};

static void
take_back(struct returns *returns, struct key_state *state, int window, int64_t boot_us)
{
	static const int64_t lasts_us[WINDOWS] = {60 * US_PER_S, 86400 * US_PER_S};
	struct slice_lease *lease = &state->windows[window];
	size_t at = returns->count;

	if (lease->left <= 0 || boot_us >= lease->valid_until_us)
		return;
	returns->org_ids[at] = state->org_id;
	returns->key_ids[at] = state->key_id;
	returns->buckets[at] = window + 1;
	returns->window_starts_s[at] = (lease->ends_at_us - lasts_us[window]) / US_PER_S;
	returns->limits[at] = lease->limit;
	returns->unused[at] = lease->left;
	returns->count++;
	lease->left = 0;
}

/* As many as there is room for. */
static void
collect(struct quota *quota, struct returns *returns)
{
	int64_t boot_us = clock_boot_us(quota->clock);

	returns->count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &quota->shards[i];

		pthread_mutex_lock(&shard->lock);
		list_for_each (node, &shard->lru) {
			struct key_state *state = container_of(node, struct key_state, lru);

			if (returns->count > QUOTA_BACK_MAX - WINDOWS)
				break;
			for (int window = 0; window < WINDOWS; window++)
				take_back(returns, state, window, boot_us);
		}
		pthread_mutex_unlock(&shard->lock);
	}
}

status
quota_give_back(struct quota *quota, const struct feed_server *server, struct store_conn *conn,
    int64_t *requests)
{
	struct returns *back = malloc(sizeof *back);
	status st = STATUS_OK;

	*requests = 0;
	if (!back)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory to give quotas back");
	while (st.code == ST_OK) {
		ROWS_AUTO rows = {0};

		collect(quota, back);
		if (back->count == 0)
			break;
		st = STORE_QUERY(conn, STMT_ACCESS_QUOTA_GIVE_BACK, &rows,
		    p_uuids(back->org_ids, back->count), p_uuids(back->key_ids, back->count),
		    p_ints(back->buckets, back->count), p_ints(back->window_starts_s, back->count),
		    p_ints(back->limits, back->count), p_ints(back->unused, back->count),
		    p_int(CHANGE_QUOTA), p_int(server->system_identifier), p_int(server->timeline),
		    p_time(server->recovered_at_us), p_time(server->started_at_us));
		if (st.code == ST_OK)
			*requests += row_int(&rows, 0, ACCESS_QUOTA_GIVE_BACK_REQUESTS);
	}
	free(back);
	return st;
}
