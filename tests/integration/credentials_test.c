/* From credentials to principals, on a real server: what lets in, what refuses, and what is
 * remembered. */
#include "access/credentials.h"
#include "crypt/secret.h"
#include "tests/lib/postgres.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ORG "00000000-0000-0000-0000-000000000001"
#define OTHER_ORG "00000000-0000-0000-0000-000000000009"
#define USER "00000000-0000-0000-0000-000000000002"
#define ACCOUNT "00000000-0000-0000-0000-000000000003"
#define SESSION "00000000-0000-0000-0000-000000000004"
#define CHATBOT "00000000-0000-0000-0000-000000000005"
#define KEY "00000000-0000-0000-0000-000000000006"

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct store *store;
	struct store_conn *conn;
	struct crypt_key master;
	struct keyring *keyring;
	struct credentials *credentials;
	struct arena arena;
	char key_text[SECRET_TEXT_BYTES_MAX];
	const char *token;
};

static struct postgres postgres;

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		fail_msg("%s: %s", status_code_name(st.code), st.message);
}

static struct uuid
id_of(const char *text)
{
	struct uuid id;

	assert_true(uuid_parse(slice_text(text), &id));
	return id;
}

static void
run_sql(struct fixture *f, const char *sql)
{
	free(postgres_query(&postgres, f->database, sql));
}

static void
fill_database(struct fixture *f)
{
	char sql[512], digest[65];
	struct uuid key_id = id_of(KEY);
	struct secret secret;

	run_sql(f,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('" ORG "', 'a', 'A'),"
	    " ('" OTHER_ORG "', 'b', 'B');"
	    "INSERT INTO usher.accounts (id, email, email_folded)"
	    " VALUES ('" ACCOUNT "', 'a@example.org', 'a@example.org');"
	    "INSERT INTO usher.users (org_id, id, account_id)"
	    " VALUES ('" ORG "', '" USER "', '" ACCOUNT "');"
	    "INSERT INTO usher.user_roles VALUES ('" ORG "', '" USER "', 'member');"
	    "INSERT INTO usher.sessions (id, account_id, org_id, user_id, expires_at) VALUES "
	    "('" SESSION "', '" ACCOUNT "', '" ORG "', '" USER "', now() + interval '1 hour');"
	    "INSERT INTO usher.chatbots (org_id, id, display_name)"
	    " VALUES ('" ORG "', '" CHATBOT "', 'Bot')");
	assert_ok(secret_make(&rand_system, SECRET_API_KEY, &key_id, f->key_text, &secret));
	hex_encode(slice_of(secret.digest.bytes, sizeof secret.digest.bytes), digest);
	snprintf(sql, sizeof sql,
	    "INSERT INTO usher.api_keys (org_id, id, chatbot_id, prefix, secret_hash, scopes)"
	    " VALUES ('" ORG "', '" KEY "', '" CHATBOT "', 'p', '\\x%s',"
	    " '{context.read,client_ip.assert,no.such}')",
	    digest);
	run_sql(f, sql);
	run_sql(f, "INSERT INTO usher.key_directory VALUES ('" KEY "', '" ORG "')");
}

static int
set_up(void **state)
{
	static struct fixture f;
	struct token_claims claims = {.account_id = id_of(ACCOUNT),
	    .org_id = id_of(ORG),
	    .user_id = id_of(USER),
	    .session_id = id_of(SESSION),
	    .token_id = id_of(KEY)};

	assert_ok(crypt_init());
	postgres_database(&postgres, f.database);
	f.config = postgres_config(&postgres, f.database, "usher_app", NULL);
	fill_database(&f);
	assert_ok(arena_init(&f.arena, 4096, 1 << 20));
	assert_ok(store_new(f.config, &clock_system, &f.store));
	assert_ok(store_lease(f.store, clock_boot_us(&clock_system) + 10 * US_PER_S, &f.conn));
	assert_ok(crypt_key_make(&rand_system, &f.master));
	struct keyring_config config = {
	    &f.master, &clock_system, &rand_system, "usher", "usher", 0};
	assert_ok(keyring_new(&config, &f.keyring));
	assert_ok(keyring_ensure(f.keyring, f.conn, &f.arena));
	assert_ok(credentials_new(f.keyring, &clock_system, 1 << 22, &f.credentials));
	assert_ok(
	    keyring_issue(f.keyring, clock_now_us(&clock_system), &f.arena, &claims, &f.token));
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	credentials_free(&f->credentials);
	keyring_free(&f->keyring);
	store_return(&f->conn);
	store_free(&f->store);
	arena_done(&f->arena);
	config_free(&f->config);
	return 0;
}

static struct credential_ask
ask_of(const char *text)
{
	return (struct credential_ask){.text = slice_text(text),
	    .client_ip = "192.0.2.7",
	    .trust_memory = true,
	    .now_us = clock_now_us(&clock_system)};
}

/* As the dispatcher does it; answers how many steps there were besides the first look. */
static status
resolve(
    struct fixture *f, const struct credential_ask *ask, struct principal *principal, int *steps)
{
	enum credential_step step;

	*steps = 0;
	TRY(credentials_find(f->credentials, ask, &step, principal));
	if (step == CREDENTIAL_NEEDS_CPU) {
		++*steps;
		TRY(credentials_verify_token(f->credentials, ask, &step, principal));
	}
	if (step == CREDENTIAL_NEEDS_QUERY) {
		++*steps;
		TRY(credentials_fill(f->credentials, ask, f->conn, &f->arena, principal));
	}
	return STATUS_OK;
}

static void
obey(struct fixture *f, enum change_kind kind, const char *id)
{
	struct feed_change change = {.kind = kind, .has_id = true, .id = id_of(id)};

	credentials_obey(f->credentials, &change);
	keyring_obey(f->keyring, &change);
}

static void
a_key_becomes_a_principal_and_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->key_text);
	struct principal principal;
	struct uuid org = id_of(ORG), chatbot = id_of(CHATBOT), key = id_of(KEY);
	int steps;

	for (int i = 0; i < 3; i++) {
		assert_ok(resolve(f, &ask, &principal, &steps));
		assert_int_equal(steps, i == 0);
		assert_int_equal(principal.kind, PRINCIPAL_KEY);
		assert_true(uuid_equals(&principal.org_id, &org));
		assert_true(uuid_equals(&principal.chatbot_id, &chatbot));
		assert_true(uuid_equals(&principal.key_id, &key));
		/* A scope of the system's keys means nothing on another organisation's key. */
		assert_int_equal(principal.permissions, permission_bit(slice_text("context.read")));
		assert_false(principal.may_assert_client_ip);
	}
	ask.trust_memory = false;
	assert_ok(resolve(f, &ask, &principal, &steps));
	assert_int_equal(steps, 1);
}

static void
a_key_of_the_system_may_assert_addresses(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->key_text);
	struct principal principal;
	int steps;

	run_sql(f, "UPDATE usher.orgs SET is_system = true WHERE id = '" ORG "'");
	assert_ok(resolve(f, &ask, &principal, &steps));
	assert_true(principal.may_assert_client_ip);
}

static void
a_token_takes_a_signature_and_a_query_once(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->token);
	struct principal principal;
	struct uuid user = id_of(USER);
	int steps;

	for (int i = 0; i < 3; i++) {
		assert_ok(resolve(f, &ask, &principal, &steps));
		assert_int_equal(steps, i == 0 ? 2 : 0);
		assert_int_equal(principal.kind, PRINCIPAL_LOGIN);
		assert_true(principal.has_org);
		assert_true(uuid_equals(&principal.user_id, &user));
		assert_int_equal(principal.permissions, permissions_of_role(slice_text("member")));
		assert_true(principal.expires_at_us > ask.now_us);
		assert_true(principal.authenticated_at_us > 0);
	}
}

/* Each of these takes both memory and database away from the credential. */
static void
whatever_is_taken_away_refuses_with_one_text(void **state)
{
	static const struct {
		const char *sql;
		enum change_kind kind;
		const char *id;
		bool of_key;
	} table[] = {
	    {"UPDATE usher.api_keys SET revoked_at = now()", CHANGE_KEY, KEY, true},
	    {"UPDATE usher.api_keys SET revoked_at = NULL, expires_at = now()", CHANGE_KEY, KEY,
		true},
	    {"UPDATE usher.api_keys SET expires_at = NULL, secret_hash = '\\x00'", CHANGE_KEY, KEY,
		true},
	    {"UPDATE usher.chatbots SET disabled_at = now()", CHANGE_CHATBOT, CHATBOT, true},
	    {"UPDATE usher.orgs SET disabled_at = now()", CHANGE_ORG, ORG, true},
	    {"UPDATE usher.sessions SET revoked_at = now()", CHANGE_SESSION, SESSION, false},
	    {"UPDATE usher.sessions SET expires_at = now()", CHANGE_SESSION, SESSION, false},
	    {"UPDATE usher.accounts SET disabled_at = now()", CHANGE_ACCOUNT, ACCOUNT, false},
	    {"UPDATE usher.users SET status = 2", CHANGE_USER, USER, false},
	    {"UPDATE usher.orgs SET deleted_at = now()", CHANGE_ORG, ORG, false},
	    {"UPDATE usher.users SET account_id = NULL", CHANGE_USER, USER, false},
	};
	struct principal principal;
	int steps;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(set_up(state), 0);
		struct fixture *f = *state;
		struct credential_ask ask = ask_of(table[i].of_key ? f->key_text : f->token);
		assert_ok(resolve(f, &ask, &principal, &steps));
		run_sql(f, table[i].sql);
		/* Still remembered: that is what the feed is for. */
		assert_ok(resolve(f, &ask, &principal, &steps));
		obey(f, table[i].kind, table[i].id);
		for (int again = 0; again < 2; again++) {
			status st = resolve(f, &ask, &principal, &steps);
			assert_int_equal(st.code, ST_UNAUTHENTICATED);
			assert_string_equal(st.reason, "CREDENTIAL_INVALID");
			assert_string_equal(st.message, "the credential is not valid");
			/* The refusal is remembered too. */
			assert_int_equal(steps, again == 0);
		}
		tear_down(state);
	}
	assert_int_equal(set_up(state), 0);
}

static void
a_key_is_used_from_its_networks_alone(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->key_text);
	struct principal principal;
	int steps;

	run_sql(f, "UPDATE usher.api_keys SET allowed_networks = '{10.0.0.0/8,192.0.2.0/24}'");
	assert_ok(resolve(f, &ask, &principal, &steps));
	ask.client_ip = "198.51.100.1";
	assert_string_equal(resolve(f, &ask, &principal, &steps).reason, "CREDENTIAL_INVALID");
	ask.client_ip = "";
	assert_int_equal(resolve(f, &ask, &principal, &steps).code, ST_UNAUTHENTICATED);
	ask.client_ip = NULL;
	assert_ok(resolve(f, &ask, &principal, &steps));
	run_sql(f, "UPDATE usher.api_keys SET allowed_networks = '{anywhere}'");
	obey(f, CHANGE_KEY, KEY);
	assert_int_equal(resolve(f, &ask, &principal, &steps).code, ST_UNAUTHENTICATED);
}

static void
what_is_no_credential_of_ours_is_refused(void **state)
{
	struct fixture *f = *state;
	char wrong[SECRET_TEXT_BYTES_MAX], forged[TOKEN_TEXT_BYTES_MAX], large[5000];
	struct uuid key_id = id_of(KEY), unknown = id_of(USER);
	struct principal principal;
	struct secret secret;
	int steps;

	/* Well formed, and with that key's id, but not its secret; then of no key at all. */
	assert_ok(secret_make(&rand_system, SECRET_API_KEY, &key_id, wrong, &secret));
	struct credential_ask ask = ask_of(wrong);
	assert_string_equal(resolve(f, &ask, &principal, &steps).reason, "CREDENTIAL_INVALID");
	assert_ok(secret_make(&rand_system, SECRET_API_KEY, &unknown, wrong, &secret));
	ask = ask_of(wrong);
	assert_string_equal(resolve(f, &ask, &principal, &steps).reason, "CREDENTIAL_INVALID");
	snprintf(wrong, sizeof wrong, "%s", f->key_text);
	wrong[60] = wrong[60] == 'a' ? 'b' : 'a';
	ask = ask_of(wrong);
	assert_string_equal(resolve(f, &ask, &principal, &steps).reason, "CREDENTIAL_INVALID");
	assert_int_equal(steps, 0);

	snprintf(forged, sizeof forged, "%s", f->token);
	size_t last = strlen(forged) - 10;
	forged[last] = forged[last] == 'a' ? 'b' : 'a';
	memset(large, 'a', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	const char *const bad[] = {
	    forged, large, "a", "a.b.c", "Bearer x", "ush_live_", "eyJhbGciOiJub25lIn0.e30."};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask = ask_of(bad[i]);
		status st = resolve(f, &ask, &principal, &steps);
		assert_int_equal(st.code, ST_UNAUTHENTICATED);
		assert_string_equal(st.reason, "CREDENTIAL_INVALID");
	}
	ask = ask_of("");
	assert_ok(resolve(f, &ask, &principal, &steps));
	assert_int_equal(principal.kind, PRINCIPAL_ANONYMOUS);
}

static void
an_expired_token_is_told_so_even_when_it_was_remembered(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->token);
	struct principal principal;
	enum credential_step step;

	ask.now_us += (TOKEN_TTL_S + TOKEN_LEEWAY_S + 1) * US_PER_S;
	status st = credentials_verify_token(f->credentials, &ask, &step, &principal);
	assert_int_equal(st.code, ST_UNAUTHENTICATED);
	assert_string_equal(st.reason, "CREDENTIAL_EXPIRED");
}

static void
a_signing_key_that_is_withdrawn_takes_its_tokens_with_it(void **state)
{
	struct fixture *f = *state;
	struct credential_ask ask = ask_of(f->token);
	struct principal principal;
	int steps;

	assert_ok(resolve(f, &ask, &principal, &steps));
	run_sql(f, "UPDATE usher.signing_keys SET verifies_until = now()");
	/* The feed has not said so yet; who does not trust memory finds out. */
	ask.trust_memory = false;
	assert_string_equal(resolve(f, &ask, &principal, &steps).reason, "CREDENTIAL_INVALID");
	ask.trust_memory = true;
	assert_int_equal(resolve(f, &ask, &principal, &steps).code, ST_UNAUTHENTICATED);
}

/* Whoever else is told, and in whichever order: behind it no token is taken for verified. */
static void
a_change_of_signing_keys_leaves_no_ring_to_verify_with(void **state)
{
	struct fixture *f = *state;
	const struct feed_change change = {.kind = CHANGE_SIGNING_KEY};
	const struct feed_change *changes[] = {&change, NULL};

	for (size_t i = 0; i < 2; i++) {
		assert_ok(keyring_refresh(f->keyring, f->conn, &f->arena));
		assert_true(keyring_is_fresh(f->keyring));
		credentials_obey(f->credentials, changes[i]);
		assert_false(keyring_is_fresh(f->keyring));
	}
}

static void
a_node_finds_the_key_that_another_one_made(void **state)
{
	struct fixture *f = *state;
	struct keyring_config config = {
	    &f->master, &clock_system, &rand_system, "usher", "usher", 0};
	struct token_claims claims = {.account_id = id_of(ACCOUNT),
	    .org_id = id_of(ORG),
	    .user_id = id_of(USER),
	    .session_id = id_of(SESSION),
	    .token_id = id_of(CHATBOT)};
	struct keyring *other;
	struct principal principal;
	const char *token;
	int steps;

	assert_ok(keyring_new(&config, &other));
	run_sql(f, "UPDATE usher.signing_keys SET signs_until = now()");
	assert_ok(keyring_ensure(other, f->conn, &f->arena));
	assert_ok(keyring_issue(other, clock_now_us(&clock_system), &f->arena, &claims, &token));
	struct credential_ask ask = ask_of(token);
	assert_ok(resolve(f, &ask, &principal, &steps));
	assert_int_equal(steps, 2);
	assert_int_equal(principal.kind, PRINCIPAL_LOGIN);
	struct keyring_public *keys;
	size_t count;
	assert_ok(keyring_list(f->keyring, clock_now_us(&clock_system), &f->arena, &keys, &count));
	assert_int_equal(count, 2);
	keyring_free(&other);
}

static void *
ensure(void *arg)
{
	struct fixture *f = arg;
	struct keyring_config config = {
	    &f->master, &clock_system, &rand_system, "usher", "usher", 0};
	struct keyring *keyring;
	struct store_conn *conn;
	struct arena arena;

	assert_ok(arena_init(&arena, 4096, 1 << 20));
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + 10 * US_PER_S, &conn));
	assert_ok(keyring_new(&config, &keyring));
	assert_ok(keyring_ensure(keyring, conn, &arena));
	assert_true(keyring_is_fresh(keyring));
	keyring_free(&keyring);
	store_return(&conn);
	arena_done(&arena);
	return NULL;
}

static void
nodes_that_start_at_once_make_one_signing_key(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	run_sql(f, "DELETE FROM usher.signing_keys");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ensure, f), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	char *count =
	    postgres_query(&postgres, f->database, "SELECT count(*) FROM usher.signing_keys");
	assert_string_equal(count, "1");
	free(count);
}

static void
another_master_key_is_said(void **state)
{
	struct fixture *f = *state;
	struct crypt_key wrong;
	struct keyring *keyring;

	assert_ok(crypt_key_make(&rand_system, &wrong));
	struct keyring_config config = {&wrong, &clock_system, &rand_system, "usher", "usher", 0};
	assert_ok(keyring_new(&config, &keyring));
	status st = keyring_ensure(keyring, f->conn, &f->arena);
	assert_int_equal(st.code, ST_DATA_LOSS);
	assert_string_equal(st.reason, "SIGNING_KEY_SEALED");
	keyring_free(&keyring);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_key_becomes_a_principal_and_is_remembered),
	    TEST(a_key_of_the_system_may_assert_addresses),
	    TEST(a_token_takes_a_signature_and_a_query_once),
	    cmocka_unit_test_teardown(whatever_is_taken_away_refuses_with_one_text, tear_down),
	    TEST(a_key_is_used_from_its_networks_alone),
	    TEST(what_is_no_credential_of_ours_is_refused),
	    TEST(an_expired_token_is_told_so_even_when_it_was_remembered),
	    TEST(a_signing_key_that_is_withdrawn_takes_its_tokens_with_it),
	    TEST(a_change_of_signing_keys_leaves_no_ring_to_verify_with),
	    TEST(a_node_finds_the_key_that_another_one_made),
	    TEST(nodes_that_start_at_once_make_one_signing_key),
	    TEST(another_master_key_is_said),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
