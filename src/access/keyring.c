#include "access/keyring.h"

#include "base/log.h"
#include "crypt/token_key.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SECOND_US US_PER_S
/* A key outlives its last token by far. */
#define VERIFY_MORE_US (INT64_C(86400) * US_PER_S)

/* A change while the table is being read makes what was read stale at once. */
#define REFRESH_TRIES 3

/* One reading of the table; shared by those who use it just now. */
struct ring {
	atomic_uint references;
	size_t count;
	struct {
		struct token_key *key;
		int64_t created_at_us, signs_until_us, verifies_until_us;
	} keys[TOKEN_KEYS_MAX]; /* newest first */
};

struct keyring {
	struct keyring_config config;
	pthread_mutex_t lock;
	struct ring *ring;   /* NULL until the first reading */
	uint64_t generation; /* counts what made it stale */
	bool is_stale;
};

static const status STALE = {
    ST_UNAVAILABLE, "the signing keys have to be read again", "KEYRING_STALE"};

static void
ring_release(struct ring **ring)
{
	if (*ring && atomic_fetch_sub(&(*ring)->references, 1) == 1) {
		for (size_t i = 0; i < (*ring)->count; i++)
			token_key_free(&(*ring)->keys[i].key);
		free(*ring);
	}
	*ring = NULL;
}

#define RING_AUTO __attribute__((cleanup(ring_release))) struct ring

/* NULL when it is stale. */
static struct ring *
ring_hold(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	struct ring *ring = keyring->is_stale ? NULL : keyring->ring;
	if (ring)
		atomic_fetch_add(&ring->references, 1);
	pthread_mutex_unlock(&keyring->lock);
	return ring;
}

status
keyring_new(const struct keyring_config *config, struct keyring **out)
{
	struct keyring *keyring = calloc(1, sizeof *keyring);

	if (!keyring)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the signing keys");
	keyring->config = *config;
	keyring->is_stale = true;
	pthread_mutex_init(&keyring->lock, NULL);
	*out = keyring;
	return STATUS_OK;
}

void
keyring_free(struct keyring **keyring)
{
	if (!*keyring)
		return;
	ring_release(&(*keyring)->ring);
	pthread_mutex_destroy(&(*keyring)->lock);
	free(*keyring);
	*keyring = NULL;
}

void
keyring_forget(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	keyring->is_stale = true;
	keyring->generation++;
	pthread_mutex_unlock(&keyring->lock);
}

void
keyring_obey(void *keyring, const struct feed_change *change)
{
	if (!change || change->kind == CHANGE_SIGNING_KEY)
		keyring_forget(keyring);
}

bool
keyring_is_fresh(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	bool fresh = keyring->ring && !keyring->is_stale;
	pthread_mutex_unlock(&keyring->lock);
	return fresh;
}

/* The table's keys as a ring with one reference. */
static status
ring_read(struct keyring *keyring, struct store_conn *conn, struct arena *arena, struct ring **out)
{
	ROWS_AUTO rows = {0};

	TRY(store_query(conn, STMT_ACCESS_SIGNING_KEYS, NULL, 0, &rows));
	RING_AUTO *ring = calloc(1, sizeof *ring);
	if (!ring)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the signing keys");
	atomic_init(&ring->references, 1);
	for (int row = 0; row < rows.count && ring->count < TOKEN_KEYS_MAX; row++) {
		char *kid = row_text(&rows, row, ACCESS_SIGNING_KEYS_KID, arena);
		if (!kid)
			return ARENA_EXHAUSTED;
		status st = token_key_unseal(keyring->config.master, kid,
		    row_slice(&rows, row, ACCESS_SIGNING_KEYS_PRIVATE_SEALED), arena,
		    &ring->keys[ring->count].key);
		if (st.code == ST_DATA_LOSS)
			return REFUSE_FOR(ST_DATA_LOSS, "SIGNING_KEY_SEALED",
			    "a signing key does not open: is master_key the one it was sealed "
			    "with?");
		TRY(st);
		ring->keys[ring->count].created_at_us =
		    row_time_us(&rows, row, ACCESS_SIGNING_KEYS_CREATED_AT);
		ring->keys[ring->count].signs_until_us =
		    row_time_us(&rows, row, ACCESS_SIGNING_KEYS_SIGNS_UNTIL);
		ring->keys[ring->count].verifies_until_us =
		    row_time_us(&rows, row, ACCESS_SIGNING_KEYS_VERIFIES_UNTIL);
		ring->count++;
	}
	*out = ring;
	ring = NULL;
	return STATUS_OK;
}

/* Take the ring over, and the caller's reference with it. false: something made it stale since it
 * was read. */
static bool
ring_install(struct keyring *keyring, struct ring **ring, uint64_t generation)
{
	pthread_mutex_lock(&keyring->lock);
	struct ring *old = keyring->ring;
	keyring->ring = *ring;
	keyring->is_stale = keyring->generation != generation;
	bool is_fresh = !keyring->is_stale;
	pthread_mutex_unlock(&keyring->lock);
	*ring = NULL;
	ring_release(&old);
	return is_fresh;
}

static uint64_t
generation_of(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	uint64_t generation = keyring->generation;
	pthread_mutex_unlock(&keyring->lock);
	return generation;
}

status
keyring_refresh(struct keyring *keyring, struct store_conn *conn, struct arena *arena)
{
	struct ring *ring;

	for (int i = 0; i < REFRESH_TRIES && !keyring_is_fresh(keyring); i++) {
		uint64_t generation = generation_of(keyring);
		TRY(ring_read(keyring, conn, arena, &ring));
		if (ring_install(keyring, &ring, generation))
			break;
	}
	return STATUS_OK;
}

/* Does a key sign now, and will one when KEYRING_PUBLISH_US have passed? */
static bool
ring_lasts(const struct ring *ring, int64_t now_us)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].signs_until_us > now_us + KEYRING_PUBLISH_US)
			return true;
	return false;
}

static status
key_add(struct keyring *keyring, struct store_conn *conn, struct arena *arena)
{
	const struct keyring_config *config = &keyring->config;
	__attribute__((cleanup(token_key_free))) struct token_key *key = NULL;
	struct slice sealed;
	struct revision revision;

	TRY(token_key_make(config->rand, &key));
	TRY(token_key_seal(key, config->master, config->rand, arena, &sealed));
	TRY(STORE_QUERY(conn, STMT_ACCESS_SIGNING_KEY_ADD, NULL, p_text(token_key_kid(key)),
	    p_text(token_key_public_pem(key)), p_bytes(sealed), p_int(KEYRING_SIGN_US / SECOND_US),
	    p_int((KEYRING_SIGN_US + VERIFY_MORE_US) / SECOND_US)));
	TRY(store_change(conn, CHANGE_SIGNING_KEY, NULL, NULL, false));
	TRY(store_commit(conn, &revision));
	log_event(LOG_INFO, "signing_key_made", "kid", token_key_kid(key), NULL);
	return STATUS_OK;
}

/* In a transaction, behind the lock: has somebody else made one meanwhile? */
static status
add_if_still_missing(struct keyring *keyring, struct store_conn *conn, struct arena *arena)
{
	RING_AUTO *ring = NULL;
	ROWS_AUTO locked = {0};
	struct revision revision;

	TRY(store_query(conn, STMT_ACCESS_SIGNING_KEY_LOCK, NULL, 0, &locked));
	TRY(ring_read(keyring, conn, arena, &ring));
	if (!ring_lasts(ring, clock_now_us(keyring->config.clock)))
		return key_add(keyring, conn, arena);
	return store_commit(conn, &revision);
}

status
keyring_ensure(struct keyring *keyring, struct store_conn *conn, struct arena *arena)
{
	TRY(keyring_refresh(keyring, conn, arena));
	RING_AUTO *ring = ring_hold(keyring);
	if (ring && ring_lasts(ring, clock_now_us(keyring->config.clock)))
		return STATUS_OK;
	TRY(store_begin(conn));
	status st = add_if_still_missing(keyring, conn, arena);
	if (st.code != ST_OK) {
		store_rollback(conn);
		return st;
	}
	keyring_forget(keyring);
	return keyring_refresh(keyring, conn, arena);
}

/* The oldest key that still signs: a newer one has been published, but not for everybody long
 * enough. */
static const struct token_key *
ring_signer(const struct ring *ring, int64_t now_us)
{
	for (size_t i = ring->count; i-- > 0;)
		if (ring->keys[i].signs_until_us > now_us)
			return ring->keys[i].key;
	return NULL;
}

bool
keyring_has_signer(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	RING_AUTO *ring = keyring->ring;
	if (ring)
		atomic_fetch_add(&ring->references, 1);
	pthread_mutex_unlock(&keyring->lock);

	return ring && ring_signer(ring, clock_now_us(keyring->config.clock)) != NULL;
}

static struct token_names
names_of(const struct keyring *keyring)
{
	return (struct token_names){
	    .issuer = keyring->config.issuer,
	    .audience = keyring->config.audience,
	    .use = TOKEN_USE_ACCESS,
	    .ttl_us = keyring->config.access_ttl_us,
	};
}

status
keyring_issue(struct keyring *keyring, int64_t now_us, struct arena *arena,
    struct token_claims *claims, const char **text)
{
	RING_AUTO *ring = ring_hold(keyring);
	struct token_names names = names_of(keyring);

	if (!ring)
		return STALE;
	const struct token_key *signer = ring_signer(ring, now_us);
	if (!signer)
		return REFUSE_FOR(
		    ST_UNAVAILABLE, "SIGNING_KEY_MISSING", "there is no key to sign with");
	struct token_key_set set = {.keys = {signer}, .count = 1};
	return token_issue(&set, &names, now_us, arena, claims, text);
}

status
keyring_verify(
    struct keyring *keyring, struct slice text, int64_t now_us, struct token_claims *claims)
{
	RING_AUTO *ring = ring_hold(keyring);
	struct token_names names = names_of(keyring);
	struct token_key_set set = {0};

	if (!ring)
		return STALE;
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].verifies_until_us > now_us)
			set.keys[set.count++] = ring->keys[i].key;
	return token_verify(&set, &names, text, now_us, claims);
}

status
keyring_kids(struct keyring *keyring, struct arena *arena, const struct slice **out, size_t *count)
{
	pthread_mutex_lock(&keyring->lock);
	RING_AUTO *ring = keyring->ring;
	if (ring)
		atomic_fetch_add(&ring->references, 1);
	pthread_mutex_unlock(&keyring->lock);

	if (!ring)
		return STALE;
	struct slice *kids = arena_alloc(arena, TOKEN_KEYS_MAX * sizeof *kids);
	if (!kids)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < ring->count; i++) {
		char *kid = arena_copy_text(arena, token_key_kid(ring->keys[i].key));
		if (!kid)
			return ARENA_EXHAUSTED;
		kids[i] = slice_text(kid);
	}
	*out = kids;
	*count = ring->count;
	return STATUS_OK;
}

status
keyring_list(struct keyring *keyring, int64_t now_us, struct arena *arena,
    struct keyring_public **out, size_t *count)
{
	RING_AUTO *ring = ring_hold(keyring);
	size_t listed = 0;

	if (!ring)
		return STALE;
	struct keyring_public *keys = arena_alloc(arena, TOKEN_KEYS_MAX * sizeof *keys);
	if (!keys)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < ring->count; i++) {
		const struct token_key *key = ring->keys[i].key;
		if (ring->keys[i].verifies_until_us <= now_us)
			continue;
		struct keyring_public copy = {.kid = arena_copy_text(arena, key->kid),
		    .x = arena_copy_text(arena, key->x),
		    .y = arena_copy_text(arena, key->y)};
		if (!copy.kid || !copy.x || !copy.y)
			return ARENA_EXHAUSTED;
		keys[listed++] = copy;
	}
	*out = keys;
	*count = listed;
	return STATUS_OK;
}
