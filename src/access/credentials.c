/* Three memories: tokens whose signature is good (by the text's digest), what stands behind them
 * (by session and user), and keys (by the text's digest, so that being found is being right). */
#include "access/credentials.h"

#include "base/limits.h"
#include "base/network.h"
#include "crypt/secret.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TAGS_MAX 5
#define NETWORKS_MAX 32
/* A token signed with a key that nobody here knows may send a call to the database once in so long.
 */
#define UNKNOWN_KEY_US (5 * US_PER_S)

struct credentials {
	struct keyring *keyring;
	const struct clock *clock;
	struct cache *tokens, *sessions, *keys;
	atomic_int_fast64_t unknown_at_us; /* boottime; when an unknown key was last looked for */
};

struct token_entry {
	struct cache_entry entry;
	struct crypt_digest digest;
	struct token_claims claims;
};

struct session_key {
	struct uuid session_id, account_id, org_id, user_id;
};

/* Of a session or a key. A negative one says that there is nothing to let in. */
struct principal_entry {
	struct cache_entry entry;
	struct cache_tag tags[TAGS_MAX];
	union {
		struct crypt_digest digest;
		struct session_key session;
	} key;
	struct principal principal;
	size_t networks_count;
	struct network networks[];
};

static const status INVALID = {
    ST_UNAUTHENTICATED, "the credential is not valid", "CREDENTIAL_INVALID"};
static const status EXPIRED = {
    ST_UNAUTHENTICATED, "the credential has expired", "CREDENTIAL_EXPIRED"};

static void
token_release(struct cache_entry *entry)
{
	free(container_of(entry, struct token_entry, entry));
}

static void
principal_release(struct cache_entry *entry)
{
	free(container_of(entry, struct principal_entry, entry));
}

status
credentials_new(
    struct keyring *keyring, const struct clock *clock, size_t bytes_max, struct credentials **out)
{
	struct credentials *credentials = calloc(1, sizeof *credentials);
	status st;

	if (!credentials)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for credentials");
	credentials->keyring = keyring;
	credentials->clock = clock;
	atomic_init(&credentials->unknown_at_us, INT64_MIN);
	st = cache_new("tokens", bytes_max / 4, clock, token_release, &credentials->tokens);
	if (st.code == ST_OK)
		st = cache_new(
		    "sessions", bytes_max / 4, clock, principal_release, &credentials->sessions);
	if (st.code == ST_OK)
		st = cache_new("keys", bytes_max / 2, clock, principal_release, &credentials->keys);
	if (st.code != ST_OK) {
		credentials_free(&credentials);
		return st;
	}
	*out = credentials;
	return STATUS_OK;
}

void
credentials_free(struct credentials **credentials)
{
	if (!*credentials)
		return;
	cache_free(&(*credentials)->tokens);
	cache_free(&(*credentials)->sessions);
	cache_free(&(*credentials)->keys);
	free(*credentials);
	*credentials = NULL;
}

static void
drop_all(struct credentials *credentials)
{
	cache_drop_all(credentials->tokens);
	cache_drop_all(credentials->sessions);
	cache_drop_all(credentials->keys);
}

static bool
is_parent(enum change_kind kind)
{
	switch (kind) {
	case CHANGE_KEY:
	case CHANGE_SESSION:
	case CHANGE_ACCOUNT:
	case CHANGE_USER:
	case CHANGE_CHATBOT:
	case CHANGE_ORG:
	case CHANGE_ROLE:
		return true;
	default:
		return false;
	}
}

void
credentials_obey(void *self, const struct feed_change *change)
{
	struct credentials *credentials = self;

	/* The ring first: a token that is verified between the two would stay. */
	if (!change) {
		keyring_forget(credentials->keyring);
		drop_all(credentials);
		return;
	}
	if (change->kind == CHANGE_SIGNING_KEY) {
		keyring_forget(credentials->keyring);
		cache_drop_all(credentials->tokens);
	}
	if (!is_parent(change->kind))
		return;
	if (!change->has_id && !change->has_org) {
		drop_all(credentials);
		return;
	}
	/* All of a kind in an organisation: all that is of that organisation goes. */
	uint32_t kind = change->has_id ? change->kind : CHANGE_ORG;
	const struct uuid *id = change->has_id ? &change->id : &change->org_id;
	cache_drop_tag(credentials->sessions, kind, id);
	cache_drop_tag(credentials->keys, kind, id);
}

/* May the key be used from there? A key without networks may be used from anywhere; one with
 * networks is refused when nobody knows where the call came from. */
static bool
is_allowed_from(const struct principal_entry *entry, const char *client_ip)
{
	struct network address;

	if (!client_ip || entry->networks_count == 0)
		return true;
	if (!address_parse(slice_text(client_ip), &address))
		return false;
	for (size_t i = 0; i < entry->networks_count; i++)
		if (network_contains(&entry->networks[i], &address))
			return true;
	return false;
}

/* What an entry answers; takes the reference. */
static status
answer(struct cache *cache, const struct credential_ask *ask, struct principal_entry *found,
    struct principal *principal)
{
	struct cache_entry *entry = &found->entry;
	status st = STATUS_OK;

	if (entry->negative || !is_allowed_from(found, ask->client_ip))
		st = INVALID;
	else
		*principal = found->principal;
	/* There is an entry of a session only where a signature was good. */
	if (entry->negative && ask->has_ended && found->principal.kind == PRINCIPAL_LOGIN)
		*ask->has_ended = true;
	cache_release(cache, &entry);
	return st;
}

static status
find_key(struct credentials *credentials, const struct credential_ask *ask,
    enum credential_step *step, struct principal *principal)
{
	struct cache_entry *entry = NULL;
	struct secret secret;

	if (ask->text.bytes >= SECRET_TEXT_BYTES_MAX)
		return INVALID;
	/* What is in memory has been read before: its form need not be looked at again. */
	if (ask->trust_memory) {
		struct crypt_digest digest;

		crypt_digest(ask->text, &digest);
		entry = cache_find(credentials->keys, slice_of(digest.bytes, sizeof digest.bytes));
	}
	if (!entry) {
		if (!secret_parse(ask->text, SECRET_API_KEY, &secret))
			return INVALID;
		*step = CREDENTIAL_NEEDS_QUERY;
		return STATUS_OK;
	}
	TRY(answer(
	    credentials->keys, ask, container_of(entry, struct principal_entry, entry), principal));
	*step = CREDENTIAL_KNOWN;
	return STATUS_OK;
}

static struct session_key
session_key_of(const struct token_claims *claims)
{
	return (struct session_key){
	    .session_id = claims->session_id,
	    .account_id = claims->account_id,
	    .org_id = claims->org_id,
	    .user_id = claims->user_id,
	};
}

static status
find_session(struct credentials *credentials, const struct credential_ask *ask,
    const struct token_claims *claims, enum credential_step *step, struct principal *principal)
{
	struct session_key key = session_key_of(claims);
	struct cache_entry *entry = NULL;

	if (ask->trust_memory)
		entry = cache_find(credentials->sessions, slice_of(&key, sizeof key));
	if (!entry) {
		*step = CREDENTIAL_NEEDS_QUERY;
		return STATUS_OK;
	}
	TRY(answer(credentials->sessions, ask, container_of(entry, struct principal_entry, entry),
	    principal));
	principal->expires_at_us = claims->expires_at_us;
	*step = CREDENTIAL_KNOWN;
	return STATUS_OK;
}

static bool
find_claims(
    struct credentials *credentials, const struct crypt_digest *digest, struct token_claims *claims)
{
	struct cache_entry *entry =
	    cache_find(credentials->tokens, slice_of(digest->bytes, sizeof digest->bytes));

	if (!entry)
		return false;
	*claims = container_of(entry, struct token_entry, entry)->claims;
	cache_release(credentials->tokens, &entry);
	return true;
}

status
credentials_find(struct credentials *credentials, const struct credential_ask *ask,
    enum credential_step *step, struct principal *principal)
{
	struct crypt_digest digest;
	struct token_claims claims;

	if (ask->text.bytes == 0) {
		*principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
		*step = CREDENTIAL_KNOWN;
		return STATUS_OK;
	}
	if (secret_looks_like(ask->text, SECRET_API_KEY))
		return find_key(credentials, ask, step, principal);
	if (ask->text.bytes > TOKEN_TEXT_BYTES_MAX)
		return INVALID;
	crypt_digest(ask->text, &digest);
	if (find_claims(credentials, &digest, &claims))
		return find_session(credentials, ask, &claims, step, principal);
	*step =
	    keyring_is_fresh(credentials->keyring) ? CREDENTIAL_NEEDS_CPU : CREDENTIAL_NEEDS_QUERY;
	return STATUS_OK;
}

/* Without memory for it, the token is only verified again the next time. */
static void
remember_token(struct credentials *credentials, const struct crypt_digest *digest,
    const struct token_claims *claims, uint64_t generation)
{
	struct token_entry *token = calloc(1, sizeof *token);

	if (!token)
		return;
	atomic_init(&token->entry.references, 1);
	token->digest = *digest;
	token->claims = *claims;
	token->entry.key = slice_of(token->digest.bytes, sizeof token->digest.bytes);
	token->entry.expires_at_us = claims->expires_at_us + TOKEN_LEEWAY_S * US_PER_S;
	token->entry.cost_bytes = sizeof *token;
	struct cache_entry *entry = &token->entry;
	cache_insert(credentials->tokens, entry, generation);
	cache_release(credentials->tokens, &entry);
}

/* Errors: as keyring_verify(). */
static status
verify(
    struct credentials *credentials, const struct credential_ask *ask, struct token_claims *claims)
{
	uint64_t generation = cache_generation(credentials->tokens);
	struct crypt_digest digest;

	TRY(keyring_verify(credentials->keyring, ask->text, ask->now_us, claims));
	crypt_digest(ask->text, &digest);
	remember_token(credentials, &digest, claims, generation);
	return STATUS_OK;
}

static bool
has_reason(status st, const char *reason)
{
	return st.reason && strcmp(st.reason, reason) == 0;
}

/* One text for all that is wrong with a token; what is not the token's fault stays as it is. */
static status
refusal_of(status st)
{
	if (st.code != ST_UNAUTHENTICATED)
		return st;
	return has_reason(st, "TOKEN_EXPIRED") ? EXPIRED : INVALID;
}

/* Is it time to look for a key that another node may have made? */
static bool
may_look_for_key(struct credentials *credentials)
{
	int64_t now_us = clock_boot_us(credentials->clock);
	int64_t last_us = atomic_load(&credentials->unknown_at_us);

	if (last_us != INT64_MIN && now_us - last_us < UNKNOWN_KEY_US)
		return false;
	return atomic_compare_exchange_strong(&credentials->unknown_at_us, &last_us, now_us);
}

status
credentials_verify_token(struct credentials *credentials, const struct credential_ask *ask,
    enum credential_step *step, struct principal *principal)
{
	struct token_claims claims;
	status st = verify(credentials, ask, &claims);

	if (st.code == ST_OK)
		return find_session(credentials, ask, &claims, step, principal);
	if (has_reason(st, "TOKEN_KEY_UNKNOWN") && may_look_for_key(credentials)) {
		keyring_forget(credentials->keyring);
		st = keyring_verify(credentials->keyring, ask->text, ask->now_us, &claims);
	}
	if (has_reason(st, "KEYRING_STALE")) {
		*step = CREDENTIAL_NEEDS_QUERY;
		return STATUS_OK;
	}
	return refusal_of(st);
}

static struct principal_entry *
entry_new(size_t networks_count)
{
	size_t bytes = sizeof(struct principal_entry) + networks_count * sizeof(struct network);
	struct principal_entry *entry = calloc(1, bytes);

	if (!entry)
		return NULL;
	atomic_init(&entry->entry.references, 1);
	entry->entry.tags = entry->tags;
	entry->entry.cost_bytes = bytes;
	entry->networks_count = networks_count;
	return entry;
}

static void
entry_tag(struct principal_entry *entry, enum change_kind kind, const struct uuid *id)
{
	if (uuid_is_nil(id))
		return;
	assert(entry->entry.tags_count < TAGS_MAX);
	entry->tags[entry->entry.tags_count++] = (struct cache_tag){kind, *id};
}

static uint64_t
bits_of_names(const struct slice *names, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits |= permission_bit(names[i]);
	return bits;
}

static struct principal
key_principal(const struct rows *rows, int row, const struct uuid *key_id, uint64_t scopes)
{
	struct principal principal = {
	    .kind = PRINCIPAL_KEY,
	    .has_org = true,
	    .org_id = row_uuid(rows, row, ACCESS_API_KEY_ORG_ID),
	    .key_id = *key_id,
	    .has_chatbot = !row_is_null(rows, row, ACCESS_API_KEY_CHATBOT_ID),
	    .chatbot_id = row_uuid(rows, row, ACCESS_API_KEY_CHATBOT_ID),
	    .has_default_user = !row_is_null(rows, row, ACCESS_API_KEY_DEFAULT_USER_ID),
	    .default_user_id = row_uuid(rows, row, ACCESS_API_KEY_DEFAULT_USER_ID),
	    .has_bound_user = !row_is_null(rows, row, ACCESS_API_KEY_BOUND_USER_ID),
	    .bound_user_id = row_uuid(rows, row, ACCESS_API_KEY_BOUND_USER_ID),
	    .expires_at_us = row_time_us(rows, row, ACCESS_API_KEY_EXPIRES_AT),
	    .requests_per_minute = row_int(rows, row, ACCESS_API_KEY_REQUESTS_PER_MINUTE),
	    .requests_per_day = row_int(rows, row, ACCESS_API_KEY_REQUESTS_PER_DAY),
	};

	principal.permissions =
	    scopes & permissions_of_key(row_bool(rows, row, ACCESS_API_KEY_IS_SYSTEM));
	principal.may_assert_client_ip =
	    principal.permissions & permission_bit(slice_text("client_ip.assert"));
	return principal;
}

/* A key's row (negative: there is none) as an entry. A secret that is not the stored one is as good
 * as no row. */
static status
key_entry(const struct rows *rows, int row, const struct secret *secret, struct arena *arena,
    struct principal_entry **out)
{
	struct slice *scopes, *networks;
	size_t scopes_count, networks_count;

	bool is_right =
	    row >= 0 && secret_matches(secret, row_slice(rows, row, ACCESS_API_KEY_SECRET_HASH));
	if (!is_right) {
		*out = entry_new(0);
		if (!*out)
			return ARENA_EXHAUSTED;
		(*out)->entry.negative = true;
		return STATUS_OK;
	}
	TRY(row_texts(rows, row, ACCESS_API_KEY_SCOPES, arena, &scopes, &scopes_count));
	TRY(row_texts(
	    rows, row, ACCESS_API_KEY_ALLOWED_NETWORKS, arena, &networks, &networks_count));
	if (networks_count > NETWORKS_MAX)
		return REFUSE(ST_INTERNAL, "a key has more networks than it may");
	struct principal_entry *entry = entry_new(networks_count);
	if (!entry)
		return ARENA_EXHAUSTED;
	/* What can't be read as a network holds no address: the key is refused from everywhere. */
	for (size_t i = 0; i < networks_count; i++)
		if (!network_parse(networks[i], &entry->networks[i]))
			entry->entry.negative = true;
	entry->principal =
	    key_principal(rows, row, &secret->id, bits_of_names(scopes, scopes_count));
	entry->entry.expires_at_us = entry->principal.expires_at_us;
	if (!row_bool(rows, row, ACCESS_API_KEY_IS_USABLE)) {
		entry->entry.negative = true;
		entry->entry.expires_at_us = 0;
	}
	entry_tag(entry, CHANGE_ORG, &entry->principal.org_id);
	entry_tag(entry, CHANGE_CHATBOT, &entry->principal.chatbot_id);
	*out = entry;
	return STATUS_OK;
}

/* The first row of that key, or -1. */
static int
row_of_key(const struct rows *rows, const struct uuid *key_id)
{
	for (int row = 0; row < rows->count; row++) {
		const struct uuid id = row_uuid(rows, row, ACCESS_API_KEY_KEY_ID);

		if (uuid_equals(&id, key_id))
			return row;
	}
	return -1;
}

static status
take_key(struct credentials *credentials, const struct credential_ask *ask, const struct rows *rows,
    const struct secret *secret, uint64_t generation, struct arena *arena,
    struct principal *principal)
{
	struct principal_entry *entry;

	TRY(key_entry(rows, row_of_key(rows, &secret->id), secret, arena, &entry));
	entry->key.digest = secret->digest;
	entry->entry.key = slice_of(entry->key.digest.bytes, sizeof entry->key.digest.bytes);
	entry_tag(entry, CHANGE_KEY, &secret->id);
	cache_insert(credentials->keys, &entry->entry, generation);
	return answer(credentials->keys, ask, entry, principal);
}

status
credentials_fill_together(struct credentials *credentials, struct credential_filling *fillings,
    size_t count, struct store_conn *conn, struct arena *arena)
{
	uint64_t generation = cache_generation(credentials->keys);
	struct secret *secrets = arena_alloc(arena, count * sizeof(*secrets));
	struct uuid *ids = arena_alloc(arena, count * sizeof(*ids));
	ROWS_AUTO rows = {0};
	size_t ids_count = 0;

	if (!secrets || !ids)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		const bool is_key =
		    secret_parse(fillings[i].ask->text, SECRET_API_KEY, &secrets[i]);

		fillings[i].st = is_key ? STATUS_OK : INVALID;
		if (is_key)
			ids[ids_count++] = secrets[i].id;
	}
	if (ids_count > 0)
		TRY(STORE_QUERY(conn, STMT_ACCESS_API_KEY, &rows, p_uuids(ids, ids_count)));
	for (size_t i = 0; i < count; i++)
		if (fillings[i].st.code == ST_OK)
			fillings[i].st = take_key(credentials, fillings[i].ask, &rows, &secrets[i],
			    generation, arena, fillings[i].principal);
	return STATUS_OK;
}

bool
credentials_may_fill_together(const struct credential_ask *ask)
{
	return secret_looks_like(ask->text, SECRET_API_KEY);
}

static status
fill_key(struct credentials *credentials, const struct credential_ask *ask, struct store_conn *conn,
    struct arena *arena, struct principal *principal)
{
	struct credential_filling filling = {.ask = ask, .principal = principal};

	TRY(credentials_fill_together(credentials, &filling, 1, conn, arena));
	return filling.st;
}

/* The claims of a token, verified now if nobody has. Reads the keys if that is what it takes. */
static status
claims_with_keys(struct credentials *credentials, const struct credential_ask *ask,
    struct store_conn *conn, struct arena *arena, struct token_claims *claims)
{
	struct crypt_digest digest;

	crypt_digest(ask->text, &digest);
	if (find_claims(credentials, &digest, claims))
		return STATUS_OK;
	TRY(keyring_refresh(credentials->keyring, conn, arena));
	return refusal_of(verify(credentials, ask, claims));
}

static status
session_permissions(const struct rows *rows, struct arena *arena, struct principal *principal)
{
	struct slice *names;
	size_t count;

	TRY(row_texts(rows, 0, ACCESS_SESSION_ROLES, arena, &names, &count));
	for (size_t i = 0; i < count; i++)
		principal->permissions |= permissions_of_role(names[i]);
	TRY(row_texts(rows, 0, ACCESS_SESSION_PLATFORM_PERMISSIONS, arena, &names, &count));
	principal->platform_permissions = bits_of_names(names, count) & permissions_of_platform();
	return STATUS_OK;
}

static status
session_entry(const struct rows *rows, const struct token_claims *claims, struct arena *arena,
    struct principal_entry **out)
{
	struct principal principal = {
	    .kind = PRINCIPAL_LOGIN,
	    .has_org = !uuid_is_nil(&claims->org_id),
	    .org_id = claims->org_id,
	    .account_id = claims->account_id,
	    .user_id = claims->user_id,
	    .session_id = claims->session_id,
	};
	bool is_usable = rows->count == 1 && row_bool(rows, 0, ACCESS_SESSION_IS_USABLE);

	if (is_usable) {
		TRY(session_permissions(rows, arena, &principal));
		principal.is_platform_operator = row_bool(rows, 0, ACCESS_SESSION_IS_OPERATOR);
		principal.authenticated_at_us =
		    row_time_us(rows, 0, ACCESS_SESSION_AUTHENTICATED_AT);
		principal.second_factor = row_bool(rows, 0, ACCESS_SESSION_SECOND_FACTOR);
	}
	struct principal_entry *entry = entry_new(0);
	if (!entry)
		return ARENA_EXHAUSTED;
	entry->principal = principal;
	entry->entry.negative = !is_usable;
	if (is_usable)
		entry->entry.expires_at_us = row_time_us(rows, 0, ACCESS_SESSION_EXPIRES_AT);
	entry->key.session = session_key_of(claims);
	entry->entry.key = slice_of(&entry->key.session, sizeof entry->key.session);
	entry_tag(entry, CHANGE_SESSION, &claims->session_id);
	entry_tag(entry, CHANGE_ACCOUNT, &claims->account_id);
	entry_tag(entry, CHANGE_USER, &claims->user_id);
	entry_tag(entry, CHANGE_ROLE, &claims->user_id);
	entry_tag(entry, CHANGE_ORG, &claims->org_id);
	*out = entry;
	return STATUS_OK;
}

/* A key that this token may have been signed with counts no more: look at the signature again. */
static status
verify_again(struct credentials *credentials, const struct credential_ask *ask,
    struct store_conn *conn, struct arena *arena, struct token_claims *claims)
{
	keyring_forget(credentials->keyring);
	cache_drop_all(credentials->tokens);
	TRY(keyring_refresh(credentials->keyring, conn, arena));
	return refusal_of(verify(credentials, ask, claims));
}

static status
query_session(struct credentials *credentials, const struct token_claims *claims,
    struct store_conn *conn, struct arena *arena, struct rows *rows)
{
	const struct slice *kids = NULL;
	size_t kids_count = 0;
	bool has_org = !uuid_is_nil(&claims->org_id);

	TRY(keyring_kids(credentials->keyring, arena, &kids, &kids_count));
	return STORE_QUERY(conn, STMT_ACCESS_SESSION, rows, p_uuid(&claims->session_id),
	    p_uuid(&claims->account_id), p_uuid(has_org ? &claims->org_id : NULL),
	    p_uuid(has_org ? &claims->user_id : NULL), p_texts(kids, kids_count));
}

static status
fill_token(struct credentials *credentials, const struct credential_ask *ask,
    struct store_conn *conn, struct arena *arena, struct principal *principal)
{
	uint64_t generation = cache_generation(credentials->sessions);
	struct principal_entry *entry;
	struct token_claims claims;
	ROWS_AUTO rows = {0};

	TRY(claims_with_keys(credentials, ask, conn, arena, &claims));
	TRY(query_session(credentials, &claims, conn, arena, &rows));
	if (rows.count == 1 && !row_bool(&rows, 0, ACCESS_SESSION_KEYS_KNOWN))
		TRY(verify_again(credentials, ask, conn, arena, &claims));
	TRY(session_entry(&rows, &claims, arena, &entry));
	cache_insert(credentials->sessions, &entry->entry, generation);
	TRY(answer(credentials->sessions, ask, entry, principal));
	principal->expires_at_us = claims.expires_at_us;
	return STATUS_OK;
}

status
credentials_fill(struct credentials *credentials, const struct credential_ask *ask,
    struct store_conn *conn, struct arena *arena, struct principal *principal)
{
	if (ask->text.bytes == 0) {
		*principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
		return STATUS_OK;
	}
	if (secret_looks_like(ask->text, SECRET_API_KEY))
		return fill_key(credentials, ask, conn, arena, principal);
	if (ask->text.bytes > TOKEN_TEXT_BYTES_MAX)
		return INVALID;
	return fill_token(credentials, ask, conn, arena, principal);
}

bool
credentials_fill_begin(
    struct credentials *credentials, const struct credential_ask *ask, struct cache_waiter *waiter)
{
	struct crypt_digest digest;

	static_assert(sizeof digest.bytes == sizeof waiter->key_room, "a digest fits");
	crypt_digest(ask->text, &digest);
	memcpy(waiter->key_room, digest.bytes, sizeof waiter->key_room);
	return cache_fill_begin(
	    credentials->keys, slice_of(waiter->key_room, sizeof waiter->key_room), waiter);
}

void
credentials_fill_end(struct credentials *credentials, struct cache_waiter *waiter)
{
	cache_fill_end(credentials->keys, waiter);
}

bool
credentials_fill_cancel(struct credentials *credentials, struct cache_waiter *waiter)
{
	return cache_fill_cancel(credentials->keys, waiter);
}

void
credentials_get_stats(struct credentials *credentials, struct cache_stats out[CREDENTIAL_CACHES])
{
	cache_get_stats(credentials->tokens, &out[0]);
	cache_get_stats(credentials->sessions, &out[1]);
	cache_get_stats(credentials->keys, &out[2]);
}
