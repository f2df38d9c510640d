/* What the dispatcher does around a handler, against PostgreSQL: transactions, idempotency keys,
 * audit. */
#include "client/client.h"
#include "crypt/crypt.h"
#include "gen/meta/envelope.h"
#include "gen/pb/usher/v1/envelope.pb-c.h"
#include "rpc/server.h"
#include "tests/lib/postgres.h"
#include "wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct postgres postgres;

struct fixture {
	char database[POSTGRES_NAME_BYTES];
	struct config *config;
	struct store *store;
	struct rpc_real real;
	struct crypt_key repeat_key;
	struct rpc_server *server;
	struct client *client;
};

static bool
trust_nothing(void *self, const struct revision *at_least)
{
	(void)self;
	(void)at_least;
	return false;
}

/* The credential is the key's id: its first byte, sixteen times. */
static status
find_any(void *self, const struct credential_ask *ask, enum credential_step *step,
    struct principal *principal)
{
	(void)self;
	(void)step;
	*principal =
	    (struct principal){.kind = PRINCIPAL_KEY, .has_org = true, .permissions = ~UINT64_C(0)};
	memset(principal->key_id.bytes, ask->text.data[0], UUID_BYTES);
	memset(principal->org_id.bytes, ask->text.data[0], UUID_BYTES);
	return STATUS_OK;
}

static void
pass_barrier(void *self, struct barrier_waiter *waiter)
{
	(void)self;
	waiter->done(waiter);
}

/* An effect that can be counted: a row in the outbox. */
static status
outbox_put(struct rpc_call *call)
{
	struct uuid id;

	TRY(uuid_make(call->clock, call->rand, &id));
	return STORE_QUERY(call->conn, STMT_JOBS_OUTBOX_PUT, NULL, p_uuid(&id),
	    p_bytes(slice_text("mail")), p_time(call->now_us + 60 * US_PER_S));
}

static status
put(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	const Usher__V1__Pair *in = (const Usher__V1__Pair *)req;
	Usher__V1__Pair *out = (Usher__V1__Pair *)reply;

	(void)env;
	TRY(rpc_begin(call));
	TRY(outbox_put(call));
	if (strcmp(in->key, "refuse") == 0)
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "NOT_NOW", "not now");
	if (strcmp(in->key, "count") == 0)
		return rpc_commit_refusal(call, REFUSE_FOR(ST_UNAUTHENTICATED, "WRONG", "wrong"));
	out->key = in->key;
	out->value = (char *)"a secret that only the caller may see";
	return STATUS_OK;
}

static const struct access_rule for_keys[] = {{ACCESS_KEY, "context.read"}};

#define METHOD(method_name, method_lane, method_effect)                                            \
	{                                                                                          \
		.name = "test.v1.Box/" method_name, .lane = (method_lane),                         \
		.effect = (method_effect), .idempotent_by_key = true, .audit = true,               \
		.deadline_ms = 10000, .bytes_max = 65536, .access = for_keys, .access_count = 1,   \
		.request_meta = &meta_usher_v1_pair, .reply_meta = &meta_usher_v1_pair,            \
		.request = &usher__v1__pair__descriptor, .reply = &usher__v1__pair__descriptor,    \
		.handle = put                                                                      \
	}

static struct rpc_method methods[] = {
    METHOD("Put", LANE_QUERY, EFFECT_WRITE),
    METHOD("PutHashed", LANE_HASH, EFFECT_WRITE),
    METHOD("Take", LANE_QUERY, EFFECT_RESTRICT),
};
static const struct rpc_service service = {"test.v1.Box", "box", methods, 3};

static int
start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct rpc_settings settings;

	postgres_database(&postgres, f->database);
	f->config = postgres_config(&postgres, f->database, "usher_app", NULL);
	assert_int_equal(store_new(f->config, &clock_system, &f->store).code, ST_OK);
	f->real.store = f->store;
	rpc_settings_default(&settings);
	rpc_backend_real(&f->real, &settings.backend);
	assert_int_equal(crypt_key_make(&rand_system, &f->repeat_key).code, ST_OK);
	settings.repeat_key = &f->repeat_key;
	settings.backend.may_trust_memory = trust_nothing;
	settings.backend.credential_find = find_any;
	settings.backend.barrier_wait = pass_barrier;
	settings.urls = "tcp://127.0.0.1:0";
	for (size_t i = 0; i < service.methods_count; i++)
		methods[i].id = wire_method_id(slice_text(methods[i].name));
	assert_int_equal(rpc_server_new(&settings, &f->server).code, ST_OK);
	assert_int_equal(rpc_server_add(f->server, &service, NULL).code, ST_OK);
	assert_int_equal(rpc_server_start(f->server).code, ST_OK);
	const struct client_settings client = {.url = rpc_server_url(f->server, 0)};
	assert_int_equal(client_new(&client, &f->client).code, ST_OK);
	*state = f;
	return 0;
}

static int
stop(void **state)
{
	struct fixture *f = *state;

	client_free(&f->client);
	rpc_server_free(&f->server);
	store_free(&f->store);
	config_free(&f->config);
	free(f);
	return 0;
}

static struct client_method
method_named(const char *name)
{
	return (struct client_method){.name = name,
	    .request = &usher__v1__pair__descriptor,
	    .reply = &usher__v1__pair__descriptor,
	    .deadline_ms = 10000};
}

static struct client_result
call(struct fixture *f, const char *name, const char *credential, const char *idempotency_key,
    const char *key)
{
	const struct client_method method = method_named(name);
	const struct client_options options = {
	    .credential = slice_text(credential), .idempotency_key = slice_text(idempotency_key)};
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct client_result result;

	request.key = (char *)(uintptr_t)key;
	client_call(f->client, &method, &options, &request.base, &result);
	return result;
}

static void
assert_sql(struct fixture *f, const char *sql, const char *expected)
{
	char *value = postgres_query(&postgres, f->database, sql);

	if (strcmp(value, expected) != 0)
		fail_msg("%s: %s, not %s", sql, value, expected);
	free(value);
}

#define KEY "0123456789abcdef"
#define EFFECTS "SELECT count(*) FROM usher.mail_outbox"

static void
a_repeat_gets_the_stored_answer_and_no_second_effect(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {
	    "test.v1.Box/Put", "test.v1.Box/PutHashed", "test.v1.Box/Take"};

	for (size_t i = 0; i < 3; i++) {
		for (int repeat = 0; repeat < 3; repeat++) {
			struct client_result result = call(f, names[i], "a", KEY, "x");
			if (result.status.code != ST_OK)
				fail_msg("%s: %s", names[i], result.status.message);
			assert_int_equal(result.replayed, repeat > 0);
			assert_true(result.has_revision);
			assert_string_equal(((Usher__V1__Pair *)result.reply)->value,
			    "a secret that only the caller may see");
			client_result_done(&result);
		}
	}
	assert_sql(f, EFFECTS, "3");
	assert_sql(f, "SELECT count(*) FROM usher.audit WHERE outcome = 0", "3");
	assert_sql(
	    f, "SELECT count(*) FROM usher.audit_addresses WHERE client_ip = '127.0.0.1'", "3");
	/* What is kept shows neither the key nor the answer. */
	assert_sql(f,
	    "SELECT count(*) FROM usher.idempotency WHERE position('secret'::bytea IN "
	    "result_sealed) > 0 OR position('0123456789abcdef'::bytea IN key_hash) > 0",
	    "0");
}

/* As much as a test can show of what a client may choose: "order-2026-11-22" is soon guessed. */
static void
a_guessed_key_finds_nothing_without_the_servers_own(void **state)
{
	struct fixture *f = *state;
	struct crypt_digest hash, mac;
	struct crypt_key key;
	char hex[2 * CRYPT_DIGEST_BYTES + 1], sql[200];
	const struct slice request = slice_of("\x0a\x01x", 3);
	struct client_result result = call(f, "test.v1.Box/Put", "a", KEY, "x");

	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	crypt_digest(slice_text(KEY), &hash);
	crypt_key_from_secret(slice_text(KEY), "usher repeat request", &key);
	crypt_mac(&key, &request, 1, &mac);
	const struct {
		const char *column;
		const struct crypt_digest *digest;
	} guesses[] = {{"key_hash", &hash}, {"request_mac", &mac}};
	for (size_t i = 0; i < 2; i++) {
		hex_encode(slice_of(guesses[i].digest->bytes, CRYPT_DIGEST_BYTES), hex);
		(void)snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM usher.idempotency WHERE %s = '\\x%s'", guesses[i].column,
		    hex);
		assert_sql(f, sql, "0");
	}
	/* Nor does a server with another key. */
	f->repeat_key.bytes[0] ^= 1;
	result = call(f, "test.v1.Box/Put", "a", KEY, "x");
	assert_int_equal(result.status.code, ST_OK);
	assert_false(result.replayed);
	client_result_done(&result);
	f->repeat_key.bytes[0] ^= 1;
	result = call(f, "test.v1.Box/Put", "a", KEY, "x");
	assert_true(result.replayed);
	client_result_done(&result);
	assert_sql(f, "SELECT count(DISTINCT key_hash) FROM usher.idempotency", "2");
}

static void
another_request_under_the_same_key_is_refused(void **state)
{
	struct fixture *f = *state;
	struct client_result first = call(f, "test.v1.Box/Put", "a", KEY, "x");
	struct client_result other = call(f, "test.v1.Box/Put", "a", KEY, "y");

	assert_int_equal(first.status.code, ST_OK);
	assert_int_equal(other.status.code, ST_INVALID_ARGUMENT);
	assert_string_equal(other.status.reason, "IDEMPOTENCY_KEY_REUSED");
	client_result_done(&first);
	client_result_done(&other);
	assert_sql(f, EFFECTS, "1");
}

static void
a_key_belongs_to_its_principal_and_its_method(void **state)
{
	struct fixture *f = *state;
	struct client_result results[] = {
	    call(f, "test.v1.Box/Put", "a", KEY, "x"),
	    call(f, "test.v1.Box/Put", "b", KEY, "y"),
	    call(f, "test.v1.Box/PutHashed", "a", KEY, "z"),
	};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(results[i].status.code, ST_OK);
		assert_false(results[i].replayed);
		client_result_done(&results[i]);
	}
	assert_sql(f, EFFECTS, "3");
}

static void
a_failure_leaves_nothing_and_may_be_tried_again(void **state)
{
	struct fixture *f = *state;
	struct client_result refused = call(f, "test.v1.Box/Put", "a", KEY, "refuse");

	assert_string_equal(refused.status.reason, "NOT_NOW");
	client_result_done(&refused);
	assert_sql(f, EFFECTS, "0");
	assert_sql(f, "SELECT count(*) FROM usher.idempotency", "0");
	struct client_result again = call(f, "test.v1.Box/Put", "a", KEY, "x");
	assert_int_equal(again.status.code, ST_OK);
	assert_false(again.replayed);
	client_result_done(&again);
}

static void
a_refusal_that_counts_is_committed_and_audited(void **state)
{
	struct fixture *f = *state;
	struct client_result refused = call(f, "test.v1.Box/Put", "a", "", "count");

	assert_string_equal(refused.status.reason, "WRONG");
	client_result_done(&refused);
	assert_sql(f, EFFECTS, "1");
	assert_sql(f, "SELECT action || ' ' || outcome || ' ' || reason FROM usher.audit",
	    "test.v1.Box/Put 16 WRONG");
	/* Whatever breaks between them: neither is there without the other. */
	assert_sql(f,
	    "SELECT count(*) FROM usher.audit a JOIN usher.mail_outbox o ON o.xmin = a.xmin", "1");
}

struct race {
	atomic_int done, replayed, busy, other, ended;
};

static void
race_end(void *arg, struct client_result *result)
{
	struct race *race = arg;

	if (result->status.code == ST_OK)
		(void)atomic_fetch_add(result->replayed ? &race->replayed : &race->done, 1);
	else if (result->status.code == ST_ABORTED &&
		 strcmp(result->status.reason, "IDEMPOTENCY_KEY_BUSY") == 0)
		(void)atomic_fetch_add(&race->busy, 1);
	else
		(void)atomic_fetch_add(&race->other, 1);
	client_result_done(result);
	(void)atomic_fetch_add(&race->ended, 1);
}

#define RACERS 16
#define ROUNDS 10

/* Calls that a failure leaves behind still count. */
static struct race races[ROUNDS];

static void
of_calls_that_race_under_one_key_one_takes_effect(void **state)
{
	struct fixture *f = *state;
	const struct client_method method = method_named("test.v1.Box/Put");
	char key[32], sql[96];

	for (int round = 1; round <= ROUNDS; round++) {
		struct race *race = &races[round - 1];
		const int bytes = snprintf(key, sizeof(key), "0123456789abcdef-%d", round);
		const struct client_options options = {
		    .credential = slice_text("a"), .idempotency_key = slice_of(key, (size_t)bytes)};
		Usher__V1__Pair request = USHER__V1__PAIR__INIT;
		request.key = (char *)"x";
		for (int i = 0; i < RACERS; i++)
			client_call_async(
			    f->client, &method, &options, &request.base, race_end, race);
		for (int turns = 0; atomic_load(&race->ended) < RACERS; turns++) {
			if (turns > 20000)
				fail_msg("the race never ended");
			(void)usleep(1000);
		}
		assert_int_equal(atomic_load(&race->done), 1);
		assert_int_equal(atomic_load(&race->other), 0);
		assert_int_equal(
		    atomic_load(&race->replayed) + atomic_load(&race->busy), RACERS - 1);
		(void)snprintf(sql, sizeof(sql), EFFECTS);
		char expected[16];
		(void)snprintf(expected, sizeof(expected), "%d", round);
		assert_sql(f, sql, expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_repeat_gets_the_stored_answer_and_no_second_effect, start, stop),
	    cmocka_unit_test_setup_teardown(
		a_guessed_key_finds_nothing_without_the_servers_own, start, stop),
	    cmocka_unit_test_setup_teardown(
		another_request_under_the_same_key_is_refused, start, stop),
	    cmocka_unit_test_setup_teardown(
		a_key_belongs_to_its_principal_and_its_method, start, stop),
	    cmocka_unit_test_setup_teardown(
		a_failure_leaves_nothing_and_may_be_tried_again, start, stop),
	    cmocka_unit_test_setup_teardown(
		a_refusal_that_counts_is_committed_and_audited, start, stop),
	    cmocka_unit_test_setup_teardown(
		of_calls_that_race_under_one_key_one_takes_effect, start, stop),
	};

	if (crypt_init().code != ST_OK)
		return 1;
	postgres_start(&postgres);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_stop(&postgres);
	return failed;
}
