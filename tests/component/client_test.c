/* A client of two servers that the test scripts: who is called, what is repeated, what is not. */
#include "base/limits.h"
#include "client/internal.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/until.h"
#include "tests/lib/upstream.h"
#include "wire/envelope.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct client_method read_method = {
    .name = "test.v1.Echo/Read", .effect = CLIENT_READ, .batchable = true};
static const struct client_method write_method = {
    .name = "test.v1.Echo/Write", .effect = CLIENT_WRITE, .idempotent_by_key = true};
/* Long enough for any machine. */
static const struct client_options patient = {.timeout_ms = 60000};
static const struct client_options with_key = {
    .timeout_ms = 60000, .idempotency_key = {(const uint8_t *)"0123456789abcdef", 16}};
static const struct client_settings in_real_time = {.clock = &clock_system};

/* There may be no memory for a message of the client's. */
static _Atomic bool is_out_of_memory;
static _Thread_local bool is_server;
static _Atomic unsigned messages_refused;

int __real_nng_msg_alloc(nng_msg **out, size_t bytes);
int __wrap_nng_msg_alloc(nng_msg **out, size_t bytes);

int
__wrap_nng_msg_alloc(nng_msg **out, size_t bytes)
{
	if (is_server || !atomic_load(&is_out_of_memory))
		return __real_nng_msg_alloc(out, bytes);
	(void)atomic_fetch_add(&messages_refused, 1);
	return NNG_ENOMEM;
}

/* Bars whoever comes until it is opened. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_open;
	unsigned waiting;
};

struct pair {
	struct upstream servers[2];
	bool is_up[2];
	struct client *client;
	struct gate gates[2];
	struct fake_clock clock;
};

static struct pair pair;

static bool
both_are_connected(void)
{
	struct client_server server;

	for (unsigned i = 0; i < client_servers_count(pair.client); i++) {
		client_server_at(pair.client, i, &server);
		if (pair.is_up[i] && !server.is_connected)
			return false;
	}
	return true;
}

static bool
none_is_connected(void)
{
	return !client_is_connected(pair.client);
}

/* Its clock stands still: however slow the machine is, no server rests too briefly or is asked for
 * its health unless the test wants it so. */
static void
pair_open(const struct client_settings *wanted)
{
	struct client_settings settings = wanted ? *wanted : (struct client_settings){0};
	char urls[2 * UPSTREAM_URL_BYTES + 2];

	pair = (struct pair){.client = NULL};
	fake_clock_init(&pair.clock);
	for (int i = 0; i < 2; i++) {
		pthread_mutex_init(&pair.gates[i].lock, NULL);
		pthread_cond_init(&pair.gates[i].changed, NULL);
		upstream_open(&pair.servers[i], "tcp://127.0.0.1:0");
		pair.is_up[i] = true;
	}
	snprintf(urls, sizeof urls, "%s, %s", pair.servers[0].url, pair.servers[1].url);
	settings.url = urls;
	if (!settings.clock)
		settings.clock = &pair.clock.clock;
	assert_int_equal(client_new(&settings, &pair.client).code, ST_OK);
	until(both_are_connected, "both servers are connected");
}

static void
gate_open(int i)
{
	pthread_mutex_lock(&pair.gates[i].lock);
	pair.gates[i].is_open = true;
	pthread_cond_broadcast(&pair.gates[i].changed);
	pthread_mutex_unlock(&pair.gates[i].lock);
}

static void
server_down(int i)
{
	upstream_close(&pair.servers[i]);
	pair.is_up[i] = false;
}

/* Nothing travels while the client is freed: nng 1.5 may hang for ever on a connection that is
 * closed in the middle of a message (its issue 1636). So late answers come afterwards. */
static void
pair_close(void)
{
	client_free(&pair.client);
	gate_open(0);
	gate_open(1);
	for (int i = 0; i < 2; i++)
		if (pair.is_up[i])
			server_down(i);
}

static struct client_server
server_at(unsigned i)
{
	struct client_server server;

	client_server_at(pair.client, i, &server);
	return server;
}

static struct client_result
call_raw(const struct client_method *method, const struct client_options *options)
{
	struct client_result result;

	client_call_raw(
	    pair.client, method, options ? options : &patient, slice_text("\x0a\x01x"), &result);
	return result;
}

static void
answer_unavailable(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	(void)env;
	(void)request;
	(void)arena;
	out->code = ST_UNAVAILABLE;
	out->reason = slice_text("DATABASE_AWAY");
}

/* Fails so many times, then not. */
struct failing {
	_Atomic int left;
	uint32_t code;
	const char *reason;
	uint32_t retry_after_ms;
};

static void
answer_failing(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	struct failing *failing = env;

	(void)arena;
	if (is_health_question(request))
		return;
	if (atomic_fetch_sub(&failing->left, 1) <= 0)
		return;
	out->code = failing->code;
	out->reason = slice_text(failing->reason);
	out->retry_after_ms = failing->retry_after_ms;
}

static void
answer_at_the_gate(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	struct gate *gate = env;

	(void)arena;
	(void)out;
	is_server = true;
	/* Health is told meanwhile. */
	if (is_health_question(request))
		return;
	pthread_mutex_lock(&gate->lock);
	gate->waiting++;
	while (!gate->is_open)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->waiting--;
	pthread_mutex_unlock(&gate->lock);
}

static unsigned
calls_in_all(void)
{
	return upstream_calls(&pair.servers[0]) + upstream_calls(&pair.servers[1]);
}

static void
script_both(upstream_answer *answer, void *env)
{
	for (int i = 0; i < 2; i++)
		upstream_script(&pair.servers[i], answer, env);
}

/* Calls under way, and what came of them. */
#define STARTED_MAX 64
static struct {
	pthread_mutex_t lock;
	unsigned done, failed;
	char last_reason[32]; /* of a failure */
} ended = {.lock = PTHREAD_MUTEX_INITIALIZER};
static unsigned started;

static void
call_ended(void *arg, struct client_result *result)
{
	(void)arg;
	pthread_mutex_lock(&ended.lock);
	ended.failed += result->status.code != ST_OK;
	if (result->status.code != ST_OK)
		snprintf(ended.last_reason, sizeof ended.last_reason, "%s",
		    result->status.reason ? result->status.reason : "");
	ended.done++;
	pthread_mutex_unlock(&ended.lock);
	client_result_done(result);
}

static void
start_none(void)
{
	pthread_mutex_lock(&ended.lock);
	ended.done = ended.failed = 0;
	pthread_mutex_unlock(&ended.lock);
	started = 0;
}

static void
start_one_more(const struct client_method *method, const struct client_options *options)
{
	started++;
	client_call_raw_async(
	    pair.client, method, options, slice_text("\x0a\x01x"), call_ended, NULL);
}

static void
start_with(const struct client_method *method, const struct client_options *options, unsigned count)
{
	start_none();
	for (unsigned i = 0; i < count; i++)
		start_one_more(method, options);
}

static void
start(const struct client_method *method, unsigned count)
{
	start_with(method, &patient, count);
}

static bool
all_have_ended(void)
{
	pthread_mutex_lock(&ended.lock);
	const bool all = ended.done == started;
	pthread_mutex_unlock(&ended.lock);
	return all;
}

static unsigned
waiting_at(int i)
{
	pthread_mutex_lock(&pair.gates[i].lock);
	const unsigned waiting = pair.gates[i].waiting;
	pthread_mutex_unlock(&pair.gates[i].lock);
	return waiting;
}

static bool
one_waits_at_a_gate(void)
{
	return waiting_at(0) + waiting_at(1) == 1;
}

static bool
all_wait_at_the_gates(void)
{
	return waiting_at(0) + waiting_at(1) == started;
}

/* So many calls under way on each server. */
static void
start_at_the_gates(
    const struct client_method *method, const struct client_options *options, unsigned each)
{
	for (int i = 0; i < 2; i++)
		upstream_script(&pair.servers[i], answer_at_the_gate, &pair.gates[i]);
	start_none();
	/* One by one: what stands behind another for too long tries the other server. */
	while (started < 2 * each) {
		start_one_more(method, options);
		until(all_wait_at_the_gates, "the call is under way");
	}
	assert_int_equal(waiting_at(0), each);
}

static bool
one_has_ended(void)
{
	pthread_mutex_lock(&ended.lock);
	const bool one = ended.done == 1;
	pthread_mutex_unlock(&ended.lock);
	return one;
}

static void
calls_are_shared_by_both_servers(void **state)
{
	(void)state;
	pair_open(NULL);
	for (int i = 0; i < 20; i++) {
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, ST_OK);
		assert_int_equal(result.attempts, 1);
		client_result_done(&result);
	}
	assert_int_equal(upstream_calls(&pair.servers[0]), 10);
	assert_int_equal(upstream_calls(&pair.servers[1]), 10);
	assert_int_equal(server_at(0).attempts, 10);
	assert_int_equal(server_at(0).failures, 0);
	pair_close();
}

static void
the_server_that_answers_faster_gets_more(void **state)
{
	(void)state;
	pair_open(NULL);
	upstream_script(&pair.servers[0], answer_at_the_gate, &pair.gates[0]);
	start(&read_method, 2);
	until(one_has_ended, "the one that the gate does not hold has ended");
	until(one_waits_at_a_gate, "the other one stands before it");
	for (int i = 0; i < 20; i++) {
		struct client_result result = call_raw(&read_method, NULL);
		client_result_done(&result);
	}
	/* One stands before the gate, and none goes behind it while the other server is free. */
	assert_int_equal(waiting_at(0), 1);
	assert_int_equal(server_at(0).attempts, 1);
	assert_int_equal(server_at(1).attempts, 21);
	gate_open(0);
	until(all_have_ended, "the calls have ended");
	pair_close();
}

static void
a_read_that_one_refuses_is_answered_by_the_other(void **state)
{
	(void)state;
	pair_open(NULL);
	upstream_script(&pair.servers[0], answer_unavailable, NULL);
	for (int i = 0; i < 10; i++) {
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, ST_OK);
		assert_in_range(result.attempts, 1, 2);
		client_result_done(&result);
	}
	/* It rests, and is not asked meanwhile. */
	assert_int_equal(server_at(0).failures, 1);
	assert_int_equal(client_repeats(pair.client), 1);
	pair_close();
}

static void
a_write_is_repeated_under_a_key_alone(void **state)
{
	static struct failing once = {.left = 1, .code = ST_UNAVAILABLE, .reason = "DATABASE_AWAY"};

	(void)state;
	pair_open(NULL);
	script_both(answer_failing, &once);
	struct client_result result = call_raw(&write_method, NULL);
	assert_int_equal(result.status.code, ST_UNAVAILABLE);
	assert_string_equal(result.status.reason, "DATABASE_AWAY");
	assert_int_equal(result.attempts, 1);
	client_result_done(&result);
	assert_int_equal(calls_in_all(), 1);

	atomic_store(&once.left, 1);
	result = call_raw(&write_method, &with_key);
	assert_int_equal(result.status.code, ST_OK);
	assert_int_equal(result.attempts, 2);
	client_result_done(&result);
	pair_close();
}

/* The client has heard of it. */
static bool
one_has_failed(void)
{
	return server_at(0).failures + server_at(1).failures >= 1;
}

#define PAUSE_MS 1500

/* A call is refused, and then both servers go. Was it to be made again, and did they go before? */
static bool
refuse_and_go(void)
{
	static struct failing always = {.left = INT_MAX,
	    .code = ST_UNAVAILABLE,
	    .reason = "DATABASE_AWAY",
	    .retry_after_ms = PAUSE_MS};
	const int64_t began_us = clock_boot_us(&clock_system);
	struct client_options options = with_key;

	options.timeout_ms = PAUSE_MS + 500;
	script_both(answer_failing, &always);
	start_with(&write_method, &options, 1);
	until(one_has_failed, "it was refused");
	server_down(0);
	server_down(1);
	until(none_is_connected, "the client has noticed");
	const bool in_time = clock_boot_us(&clock_system) < began_us + PAUSE_MS * US_PER_MS;
	until(all_have_ended, "the call has ended");
	return in_time && client_repeats(pair.client) == 1;
}

/* What was sent once can't end with "nothing was sent". */
static void
when_nobody_is_left_to_ask_again_the_first_answer_stands(void **state)
{
	int tries = 3;

	(void)state;
	pair_open(&in_real_time);
	while (!refuse_and_go()) {
		assert_int_not_equal(--tries, 0);
		pair_close();
		pair_open(&in_real_time);
	}
	assert_int_equal(ended.failed, 1);
	assert_string_equal(ended.last_reason, "DATABASE_AWAY");
	pair_close();
}

static void
each_attempt_carries_the_key_and_what_is_left_of_the_time(void **state)
{
	static struct failing once = {.left = 1, .code = ST_UNAVAILABLE, .reason = "DATABASE_AWAY"};
	struct client_options options = with_key;

	(void)state;
	options.timeout_ms = 60000;
	options.credential = slice_text("ush_live_key");
	options.call_id = 77;
	pair_open(&in_real_time);
	script_both(answer_failing, &once);
	struct client_result result = call_raw(&write_method, &options);
	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	const int second = upstream_calls(&pair.servers[0]) && server_at(0).failures == 0 ? 0 : 1;
	const struct request_envelope *last = upstream_last(&pair.servers[second]);
	assert_true(slice_equals(last->idempotency_key, with_key.idempotency_key));
	assert_true(slice_equals_text(last->credential, "ush_live_key"));
	assert_true(slice_equals_text(last->payload, "\x0a\x01x"));
	assert_int_equal(last->call_id, 77);
	assert_in_range(last->timeout_ms, 1, 60000 - 40);
	pair_close();
}

static void
four_attempts_are_enough(void **state)
{
	(void)state;
	pair_open(NULL);
	script_both(answer_unavailable, NULL);
	struct client_result result = call_raw(&read_method, NULL);
	assert_int_equal(result.status.code, ST_UNAVAILABLE);
	assert_int_equal(result.attempts, 4);
	client_result_done(&result);
	assert_int_equal(calls_in_all(), 4);
	pair_close();

	pair_open(&(struct client_settings){.attempts_max = 1});
	script_both(answer_unavailable, NULL);
	result = call_raw(&read_method, NULL);
	assert_int_equal(result.attempts, 1);
	client_result_done(&result);
	pair_close();
}

static void
what_repeating_does_not_help_is_not_repeated(void **state)
{
	static const struct failing table[] = {
	    {1, ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", 0},
	    {1, ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_COSTLY", 0},
	    {1, ST_ABORTED, "VERSION_MISMATCH", 0},
	    {1, ST_INTERNAL, "INTERNAL", 0},
	    {1, ST_DEADLINE_EXCEEDED, "TOO_LATE", 0},
	};

	(void)state;
	pair_open(NULL);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		static struct failing once;

		once = table[i];
		script_both(answer_failing, &once);
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, table[i].code);
		assert_int_equal(result.attempts, 1);
		client_result_done(&result);
	}
	assert_int_equal(server_at(0).failures + server_at(1).failures, 0);
	pair_close();
}

static void
the_server_says_when_to_come_again(void **state)
{
	static struct failing once = {.left = 1,
	    .code = ST_RESOURCE_EXHAUSTED,
	    .reason = "OVERLOADED",
	    .retry_after_ms = 300};
	const struct client_options hurried = {.timeout_ms = 30000};

	(void)state;
	pair_open(NULL);
	script_both(answer_failing, &once);
	const int64_t began_us = clock_boot_us(&clock_system);
	struct client_result result = call_raw(&read_method, NULL);
	assert_int_equal(result.status.code, ST_OK);
	assert_true(clock_boot_us(&clock_system) - began_us >= 300 * US_PER_MS);
	client_result_done(&result);

	/* Not before the deadline: then the failure is the caller's at once. */
	atomic_store(&once.left, 1);
	once.retry_after_ms = 60000;
	result = call_raw(&read_method, &hurried);
	assert_int_equal(result.status.code, ST_RESOURCE_EXHAUSTED);
	assert_int_equal(result.attempts, 1);
	client_result_done(&result);
	pair_close();
}

static void
when_too_much_fails_nothing_is_repeated(void **state)
{
	static struct failing always = {.left = 1000000,
	    .code = ST_RESOURCE_EXHAUSTED,
	    .reason = "OVERLOADED",
	    .retry_after_ms = 1};

	(void)state;
	pair_open(NULL);
	script_both(answer_failing, &always);
	for (int i = 0; i < 100; i++) {
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, ST_RESOURCE_EXHAUSTED);
		client_result_done(&result);
	}
	/* 100 tokens, of which half are for repeats. */
	assert_in_range(client_repeats(pair.client), 1, 49);
	assert_int_equal(calls_in_all(), 100 + client_repeats(pair.client));
	pair_close();
}

/* One who comes too often is told so, and whoever shares the client with him loses nothing by it.
 */
static void
refusals_of_one_caller_cost_the_others_no_repeat(void **state)
{
	static const struct failing table[] = {
	    {200, ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS", 90000},
	    {200, ST_RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", 90000},
	    {200, ST_ABORTED, "IDEMPOTENCY_KEY_BUSY", 90000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		static struct failing failing;

		pair_open(NULL);
		failing = table[i];
		script_both(answer_failing, &failing);
		start(&read_method, 200);
		until(all_have_ended, "all have ended");
		assert_int_equal(ended.failed, 200);
		assert_int_equal(pair.client->budget.tenths, RETRY_TENTHS_MAX);
		failing = (struct failing){1, ST_UNAVAILABLE, "DATABASE_AWAY", 0};
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, ST_OK);
		assert_int_equal(result.attempts, 2);
		client_result_done(&result);
		pair_close();
	}
}

static void
a_server_that_dies_takes_no_read_along(void **state)
{
	(void)state;
	pair_open(NULL);
	start_at_the_gates(&read_method, &patient, 4);
	upstream_cut(&pair.servers[0]);
	gate_open(1);
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 0);
	assert_int_equal(server_at(0).failures, 4);
	assert_int_equal(client_repeats(pair.client), 4);
	assert_int_equal(upstream_calls(&pair.servers[1]), 8);
	pair_close();
}

static void
a_server_that_dies_takes_writes_without_a_key_along(void **state)
{
	(void)state;
	pair_open(NULL);
	start_at_the_gates(&write_method, &patient, 4);
	upstream_cut(&pair.servers[0]);
	gate_open(1);
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 4);
	assert_int_equal(client_repeats(pair.client), 0);
	assert_int_equal(upstream_calls(&pair.servers[1]), 4);
	pair_close();
}

static bool
all_wait_at_the_first_gate(void)
{
	return waiting_at(0) == started;
}

static void
a_server_that_is_started_again_and_again_costs_a_token_each_time(void **state)
{
	const int starts = 4;
	char url[UPSTREAM_URL_BYTES];

	(void)state;
	pair_open(NULL);
	memcpy(url, pair.servers[0].url, sizeof url);
	/* Alone, so that there is nowhere else to go. */
	client_free(&pair.client);
	const struct client_settings alone = {.url = url, .clock = &pair.clock.clock};
	assert_int_equal(client_new(&alone, &pair.client).code, ST_OK);
	for (int i = 0; i < starts; i++) {
		until(both_are_connected, "it is connected");
		pair.gates[0].is_open = false;
		upstream_script(&pair.servers[0], answer_at_the_gate, &pair.gates[0]);
		start(&write_method, 4);
		until(all_wait_at_the_first_gate, "all calls are under way");
		upstream_cut(&pair.servers[0]);
		until(all_have_ended, "all of them are lost");
		assert_int_equal(ended.failed, 4);
		gate_open(0);
		server_down(0);
		upstream_open(&pair.servers[0], url);
		pair.is_up[0] = true;
	}
	/* It rests all the while, and each time four calls are lost. */
	assert_int_equal(pair.client->budget.tenths, RETRY_TENTHS_MAX - starts * 10);
	pair_close();
}

static bool
the_first_is_gone(void)
{
	return !server_at(0).is_connected;
}

static bool
the_first_is_connected_again(void)
{
	return server_at(0).is_connected && !server_at(0).is_resting;
}

static bool
the_first_answers_again(void)
{
	struct client_result result = call_raw(&read_method, NULL);

	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	return upstream_calls(&pair.servers[0]) > 0;
}

static void
a_server_that_comes_back_gets_calls_again(void **state)
{
	char url[UPSTREAM_URL_BYTES];

	(void)state;
	pair_open(&in_real_time);
	memcpy(url, pair.servers[0].url, sizeof url);
	server_down(0);
	for (int i = 0; i < 10; i++) {
		struct client_result result = call_raw(&read_method, NULL);
		assert_int_equal(result.status.code, ST_OK);
		client_result_done(&result);
	}
	until(the_first_is_gone, "the client has noticed");
	upstream_open(&pair.servers[0], url);
	pair.is_up[0] = true;
	until(the_first_is_connected_again, "the first is connected again");
	until(the_first_answers_again, "the first answers again");
	pair_close();
}

#define WAITED_MS 30

static void
calls_wait_for_the_first_connection(void **state)
{
	char urls[2][UPSTREAM_URL_BYTES];
	/* One has no more time; the other no longer for a connection. */
	const struct client_options hurried[] = {
	    {.timeout_ms = 100}, {.timeout_ms = 3600000, .connect_ms = 100}};
	const struct client_options waits = {.timeout_ms = 60000, .connect_ms = 30000};

	(void)state;
	pair_open(&in_real_time);
	for (int i = 0; i < 2; i++) {
		memcpy(urls[i], pair.servers[i].url, sizeof urls[i]);
		server_down(i);
	}
	/* Or the call may still be sent, and lost. */
	until(none_is_connected, "the client has noticed");
	for (int i = 0; i < 2; i++) {
		struct client_result result = call_raw(&read_method, &hurried[i]);
		assert_int_equal(result.status.code, ST_UNAVAILABLE);
		assert_string_equal(result.status.reason, "NOT_CONNECTED");
		assert_int_equal(result.attempts, 0);
		client_result_done(&result);
	}

	/* Not one of them is lost, with a key or without; and none says that it has more time than
	 * is left, nor less: to wait for a connection is one thing, for an answer another. */
	start_with(&write_method, &waits, 8);
	const int64_t began_us = clock_boot_us(&clock_system);
	while (clock_boot_us(&clock_system) - began_us < WAITED_MS * US_PER_MS)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	upstream_open(&pair.servers[1], urls[1]);
	pair.is_up[1] = true;
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 0);
	assert_int_equal(upstream_calls(&pair.servers[1]), 8);
	assert_in_range(upstream_last(&pair.servers[1])->timeout_ms, waits.connect_ms + 1,
	    waits.timeout_ms - WAITED_MS);
	pair_close();
}

static bool
half_have_ended(void)
{
	pthread_mutex_lock(&ended.lock);
	const bool half = ended.done == started / 2;
	pthread_mutex_unlock(&ended.lock);
	return half;
}

/* By the client's clock too, which is not to move before. */
static bool
all_are_sent_to_the_first(void)
{
	pthread_mutex_lock(&pair.client->lock);
	bool all = pair.client->health[0].calls > 0;
	list_for_each (node, &pair.client->servers[0].calls)
		all &= atomic_load(&container_of(node, struct call, here)->sent_us) != 0;
	pthread_mutex_unlock(&pair.client->lock);
	return all;
}

static void
a_server_that_says_nothing_is_given_up(void **state)
{
	(void)state;
	pair_open(NULL);
	/* All of its workers stand, so that it does not even tell its health. */
	start_at_the_gates(&read_method, &patient, 4);
	gate_open(1);
	until(half_have_ended, "the other one has answered");
	until(all_are_sent_to_the_first, "the client knows that it sent them");
	fake_clock_advance(&pair.clock, 2 * US_PER_S);
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 0);
	assert_true(server_at(0).is_connected);
	/* The question too, or two. */
	assert_in_range(server_at(0).failures, 5, 6);
	assert_int_equal(client_repeats(pair.client), 4);
	pair_close();
}

/* Longer than nng counts. */
static void
a_call_may_take_more_than_24_days(void **state)
{
	const struct client_options endless = {.timeout_ms = (uint32_t)INT32_MAX + 1};

	(void)state;
	pair_open(NULL);
	start_at_the_gates(&read_method, &endless, 1);
	gate_open(0);
	gate_open(1);
	until(all_have_ended, "both have ended");
	assert_int_equal(ended.failed, 0);
	pair_close();
}

/* Calls that are held up on both servers: were they left alone? */
static bool
slow_servers_are_waited_for(bool has_memory)
{
	const int64_t until_us = clock_boot_us(&clock_system) + 5 * US_PER_S / 2;

	pair_open(&in_real_time);
	start_at_the_gates(&read_method, &patient, 1);
	atomic_store(&is_out_of_memory, !has_memory);
	while (clock_boot_us(&clock_system) < until_us ||
	       (!has_memory && atomic_load(&messages_refused) == 0))
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	atomic_store(&is_out_of_memory, false);
	const bool none_has_ended = !all_have_ended();
	gate_open(0);
	gate_open(1);
	until(all_have_ended, "both have ended");
	const bool none_was_repeated = client_repeats(pair.client) == 0;
	pair_close();
	return none_has_ended && none_was_repeated && ended.failed == 0;
}

static void
slow_servers_must_be_waited_for(bool has_memory)
{
	int tries = 5;

	/* A machine that stands still for a second itself may keep its health from being heard. */
	while (!slow_servers_are_waited_for(has_memory))
		assert_int_not_equal(--tries, 0);
}

static void
a_server_that_is_slow_but_alive_is_waited_for(void **state)
{
	(void)state;
	slow_servers_must_be_waited_for(true);
}

static void
a_client_without_memory_does_not_take_its_servers_for_dead(void **state)
{
	(void)state;
	slow_servers_must_be_waited_for(false);
}

/* Its health can't be told before what stands in front of it. */
static void
answer_reads_alone(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	struct gate *gate = env;

	(void)arena;
	(void)out;
	if (slice_equals_text(request->method, read_method.name))
		return;
	pthread_mutex_lock(&gate->lock);
	gate->waiting++;
	while (!gate->is_open)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static bool
the_first_has_been_asked(void)
{
	return waiting_at(0) >= 2;
}

static bool
the_first_has_been_asked_again_or_given_up(void)
{
	return waiting_at(0) >= 3 || all_have_ended();
}

static bool
the_question_is_over(void)
{
	pthread_mutex_lock(&pair.client->lock);
	const bool is_over = !pair.client->servers[0].is_asked;
	pthread_mutex_unlock(&pair.client->lock);
	return is_over;
}

static bool
the_second_is_gone(void)
{
	return !server_at(1).is_connected;
}

/* Was a write that takes long left alone? */
static bool
who_answers_others_is_waited_for(void)
{
	pair_open(NULL);
	server_down(1);
	until(the_second_is_gone, "the client has noticed");
	upstream_script(&pair.servers[0], answer_reads_alone, &pair.gates[0]);
	start(&write_method, 1);
	until(all_are_sent_to_the_first, "the client knows that it sent it");
	fake_clock_advance(&pair.clock, 2 * US_PER_S);
	until(the_first_has_been_asked, "it is asked how it is");
	/* Until that is over, without an answer. */
	while (!the_question_is_over()) {
		struct client_result result = call_raw(&read_method, NULL);
		client_result_done(&result);
	}
	fake_clock_advance(&pair.clock, 2 * US_PER_S);
	until(the_first_has_been_asked_again_or_given_up, "it is asked again");
	gate_open(0);
	until(all_have_ended, "the write has ended");
	pair_close();
	return ended.failed == 0;
}

static void
a_server_that_answers_others_is_not_silent(void **state)
{
	int tries = 3;

	(void)state;
	/* A machine that stands still for a second itself keeps the others' answers from coming. */
	while (!who_answers_others_is_waited_for())
		assert_int_not_equal(--tries, 0);
}

/* nng 1.5 must not take the timeout for an answer because the call had paused before. */
static void
a_repeat_that_nobody_answers_ends_with_the_deadline(void **state)
{
	const struct client_options hurried = {.timeout_ms = 3000};

	(void)state;
	pair_open(NULL);
	upstream_script(&pair.servers[0], answer_unavailable, NULL);
	upstream_script(&pair.servers[1], answer_at_the_gate, &pair.gates[1]);
	struct client_result result = call_raw(&read_method, &hurried);
	assert_int_equal(result.status.code, ST_DEADLINE_EXCEEDED);
	assert_string_equal(result.status.reason, "NO_ANSWER");
	client_result_done(&result);
	pair_close();
}

static void
a_batch_is_repeated_if_each_of_its_items_may_be(void **state)
{
	struct client_item items[2] = {
	    {.method = &read_method}, {.method = &write_method, .options = with_key}};

	(void)state;
	pair_open(NULL);
	script_both(answer_unavailable, NULL);
	started = 1;
	ended.done = ended.failed = 0;
	client_batch_async(pair.client, NULL, items, 2, call_ended, NULL);
	until(all_have_ended, "the batch has ended");
	assert_int_equal(calls_in_all(), 4);
	assert_int_equal(items[0].result.attempts, 4);
	items[1].options = (struct client_options){0};
	ended.done = 0;
	client_batch_async(pair.client, NULL, items, 2, call_ended, NULL);
	until(all_have_ended, "the batch has ended");
	assert_int_equal(calls_in_all(), 5);
	pair_close();
}

/* Answers each with nothing, and notes in env which org it named. */
static void
answer_items(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	char(*orgs)[8] = env;
	struct wire_reader reader = wire_reader_of(request->payload);
	struct request_envelope item;
	struct slice bytes;
	size_t count = 0;

	while (batch_next(&reader, &bytes)) {
		if (envelope_parse_request(bytes, &item).code == ST_OK)
			snprintf(orgs[count], sizeof orgs[0], "%.*s", (int)item.org.bytes,
			    item.org.bytes ? (const char *)item.org.data : "");
		count++;
	}
	uint8_t *at = arena_alloc(arena, 64);
	out->payload.data = at;
	while (count-- > 0)
		at = wire_put_item_head(at, 1, 0);
	out->payload.bytes = (size_t)(at - out->payload.data);
}

static void
items_of_a_batch_name_its_org_themselves(void **state)
{
	struct client_item items[] = {
	    {.method = &read_method},
	    {.method = &read_method, .options.org = "b"},
	    {.method = &read_method, .options.credential = slice_text("another")},
	};
	char orgs[3][8] = {"-", "-", "-"};

	(void)state;
	pair_open(NULL);
	script_both(answer_items, orgs);
	started = 1;
	ended.done = ended.failed = 0;
	client_batch_async(
	    pair.client, &(struct client_options){.org = "a"}, items, 3, call_ended, NULL);
	until(all_have_ended, "the batch has ended");
	assert_int_equal(ended.failed, 0);
	assert_string_equal(orgs[0], "a");
	assert_string_equal(orgs[1], "b");
	/* Whose org is its own. */
	assert_string_equal(orgs[2], "");
	pair_close();
}

/* Each item was a write: the first made revision 5 of epoch 1, the second 6. */
static void
answer_writes(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	uint8_t *const start = arena_alloc(arena, 4096);
	struct wire_reader reader = wire_reader_of(request->payload);
	uint8_t *at = start;
	struct slice bytes;

	(void)env;
	for (uint8_t id = 5; batch_next(&reader, &bytes); id++) {
		uint8_t revision[CLIENT_REVISION_BYTES] = {[7] = 1, [15] = id};
		struct response_envelope reply;

		response_envelope_init(&reply);
		reply.revision = slice_of(revision, sizeof revision);
		const size_t size = envelope_response_size(&reply);
		at = wire_put_item_head(at, 1, size);
		(void)envelope_pack_response(&reply, at);
		at += size;
	}
	out->payload = slice_of(start, (size_t)(at - start));
}

static void
a_session_of_a_batch_sees_the_writes_of_its_items(void **state)
{
	struct client_item items[2] = {{.method = &write_method}, {.method = &write_method}};
	struct causal_session whole, own;
	uint8_t revision[CLIENT_REVISION_BYTES];

	(void)state;
	causal_session_init(&whole);
	causal_session_init(&own);
	items[0].options.session = &own;
	pair_open(NULL);
	script_both(answer_writes, NULL);
	started = 1;
	ended.done = ended.failed = 0;
	client_batch_async(
	    pair.client, &(struct client_options){.session = &whole}, items, 2, call_ended, NULL);
	until(all_have_ended, "the batch has ended");
	assert_int_equal(ended.failed, 0);
	assert_int_equal(items[0].result.attempts, 1);
	assert_true(causal_session_latest(&own, revision));
	assert_int_equal(revision[15], 5);
	assert_true(causal_session_latest(&whole, revision));
	assert_int_equal(revision[15], 6);

	/* What is called under it from now on waits for them. */
	const struct client_options after = {.timeout_ms = 60000, .session = &whole};
	script_both(NULL, NULL);
	struct client_result result = call_raw(&read_method, &after);
	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	bool is_carried = false;
	for (int i = 0; i < 2; i++)
		if (upstream_calls(&pair.servers[i]) > 0)
			is_carried |= slice_equals(upstream_last(&pair.servers[i])->at_least,
			    slice_of(revision, sizeof revision));
	assert_true(is_carried);
	pair_close();
	causal_session_done(&whole);
	causal_session_done(&own);
}

/* Committed, which not all know; and what became of it is not said again. */
static void
answer_not_everywhere(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	static const uint8_t revision[CLIENT_REVISION_BYTES] = {[7] = 1, [15] = 5};
	_Atomic int *calls = env;

	(void)request;
	(void)arena;
	out->code = ST_INTERNAL;
	if (atomic_fetch_add(calls, 1) > 0)
		return;
	out->code = ST_UNAVAILABLE;
	out->reason = slice_text("COMMITTED_NOT_EVERYWHERE");
	out->revision = slice_of(revision, sizeof revision);
}

static void
a_session_sees_a_write_whose_repeat_says_nothing(void **state)
{
	static _Atomic int calls;
	struct client_options options = with_key;
	struct causal_session session;
	uint8_t revision[CLIENT_REVISION_BYTES];

	(void)state;
	causal_session_init(&session);
	options.session = &session;
	pair_open(NULL);
	script_both(answer_not_everywhere, &calls);
	struct client_result result = call_raw(&write_method, &options);
	assert_int_equal(result.status.code, ST_INTERNAL);
	assert_int_equal(result.attempts, 2);
	client_result_done(&result);
	assert_true(causal_session_latest(&session, revision));
	assert_int_equal(revision[15], 5);
	pair_close();
	causal_session_done(&session);
}

/* So many calls, each of which is made by the one before. */
static _Atomic int relays_left;

static void
relay_ended(void *arg, struct client_result *result)
{
	if (result->status.code != ST_OK || atomic_fetch_sub(&relays_left, 1) <= 0) {
		call_ended(arg, result);
		return;
	}
	client_result_done(result);
	client_call_raw_async(
	    pair.client, &read_method, &patient, slice_text("\x0a\x01x"), relay_ended, arg);
}

static void
a_call_that_is_over_leaves_its_place_to_the_next(void **state)
{
	(void)state;
	pair_open(&(struct client_settings){.calls_max = 4});
	atomic_store(&relays_left, 200);
	started = 4;
	ended.done = ended.failed = 0;
	for (int i = 0; i < 4; i++)
		client_call_raw_async(pair.client, &read_method, &patient, slice_text("\x0a\x01x"),
		    relay_ended, NULL);
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 0);
	assert_int_equal(calls_in_all(), 204);

	/* And no more than that. */
	start_at_the_gates(&read_method, &patient, 2);
	struct client_result result = call_raw(&read_method, NULL);
	assert_string_equal(result.status.reason, "TOO_MANY_CALLS");
	client_result_done(&result);
	gate_open(0);
	gate_open(1);
	until(all_have_ended, "all have ended");
	assert_int_equal(ended.failed, 0);
	pair_close();
}

static bool
all_stand_between_attempts(void)
{
	return calls_in_all() == started && server_at(0).calls + server_at(1).calls == 0;
}

static void
a_client_can_be_freed_whatever_its_calls_do(void **state)
{
	static struct failing always = {.left = 1000,
	    .code = ST_RESOURCE_EXHAUSTED,
	    .reason = "OVERLOADED",
	    .retry_after_ms = 20000};

	(void)state;
	pair_open(NULL);
	start_at_the_gates(&read_method, &patient, 4);
	client_free(&pair.client);
	assert_true(all_have_ended());
	assert_int_equal(ended.failed, 8);
	pair_close();

	pair_open(NULL);
	script_both(answer_failing, &always);
	start(&read_method, 16);
	until(all_stand_between_attempts, "all calls stand between attempts");
	client_free(&pair.client);
	assert_true(all_have_ended());
	assert_int_equal(ended.failed, 16);
	pair_close();

	pair_open(NULL);
	server_down(0);
	server_down(1);
	start(&read_method, 16); /* without a connection */
	client_free(&pair.client);
	assert_true(all_have_ended());
	assert_int_equal(ended.failed, 16);
	pair_close();
}

/* What a thread that is cancelled has to show for it. */
struct cancelled {
	char url[UPSTREAM_URL_BYTES];
	struct client_result result;
	bool has_ended_all; /* and can be cancelled from there on */
};

/* Then it is asked no more: sanitizers take what a cancelled thread leaves on its stack for an
 * overflow. */
static bool
can_be_cancelled_again(void)
{
	int state = PTHREAD_CANCEL_DISABLE;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state == PTHREAD_CANCEL_ENABLE;
}

static void *
call_and_be_cancelled(void *arg)
{
	struct cancelled *cancelled = arg;

	cancelled->result = call_raw(&read_method, NULL);
	cancelled->has_ended_all = can_be_cancelled_again();
	return NULL;
}

static void
a_thread_that_is_cancelled_while_it_waits_has_its_answer_first(void **state)
{
	struct cancelled cancelled = {.has_ended_all = false};
	pthread_t thread;
	void *end = &thread;

	(void)state;
	pair_open(NULL);
	for (int i = 0; i < 2; i++)
		upstream_script(&pair.servers[i], answer_at_the_gate, &pair.gates[i]);
	assert_int_equal(pthread_create(&thread, NULL, call_and_be_cancelled, &cancelled), 0);
	until(one_waits_at_a_gate, "its call is under way");
	assert_int_equal(pthread_cancel(thread), 0);
	gate_open(0);
	gate_open(1);
	assert_int_equal(pthread_join(thread, &end), 0);
	assert_null(end);
	assert_true(cancelled.has_ended_all);
	assert_int_equal(cancelled.result.status.code, ST_OK);
	client_result_done(&cancelled.result);
	pair_close();
}

static void
item_ended(void *arg, struct client_result *result)
{
	struct client_item *item = arg;

	client_result_done(&item->result);
	client_result_done(result);
}

/* It is to end all the while. */
static void *
do_all_and_be_cancelled(void *arg)
{
	struct cancelled *cancelled = arg;
	struct client_item item = {.method = &read_method, .payload = slice_text("\x0a\x01x")};
	struct client *client = NULL;

	(void)pthread_cancel(pthread_self());
	if (client_new(&(struct client_settings){.url = cancelled->url}, &client).code != ST_OK)
		return NULL;
	client_call_raw(client, &read_method, &patient, item.payload, &cancelled->result);
	client_call_raw_async(client, &read_method, &patient, item.payload, call_ended, NULL);
	client_batch_async(client, &patient, &item, 1, item_ended, &item);
	client_free(&client);
	cancelled->has_ended_all = can_be_cancelled_again();
	return NULL;
}

static void
a_thread_that_is_cancelled_ends_what_it_began(void **state)
{
	struct cancelled cancelled = {.has_ended_all = false};
	pthread_t thread;
	void *end = &thread;

	(void)state;
	pair_open(NULL);
	memcpy(cancelled.url, pair.servers[0].url, sizeof cancelled.url);
	assert_int_equal(pthread_create(&thread, NULL, do_all_and_be_cancelled, &cancelled), 0);
	assert_int_equal(pthread_join(thread, &end), 0);
	assert_null(end);
	assert_true(cancelled.has_ended_all);
	assert_int_equal(cancelled.result.status.code, ST_OK);
	client_result_done(&cancelled.result);
	pair_close();
}

static void
urls_that_are_none_are_refused(void **state)
{
	static const char *const urls[] = {"", " , ", "tcp://127.0.0.1:1 nonsense",
	    "tcp://127.0.0.1:1,tls+tcp://127.0.0.1:2",
	    "tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 "
	    "tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 "
	    "tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 "
	    "tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 tcp://127.0.0.1:1 "
	    "tcp://127.0.0.1:1"};
	struct client *client = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		const struct client_settings settings = {.url = urls[i]};
		assert_int_equal(client_new(&settings, &client).code, ST_INVALID_ARGUMENT);
		assert_null(client);
	}
	/* It speaks of its own options, not of some program's settings. */
	const status untrusting =
	    client_new(&(struct client_settings){.url = "tls+tcp://127.0.0.1:1"}, &client);
	assert_string_equal(untrusting.reason, "BAD_TLS_FILE");
	assert_non_null(strstr(untrusting.message, "tls_ca_file"));
	assert_null(strstr(untrusting.message, "bridge."));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_are_shared_by_both_servers),
	    cmocka_unit_test(the_server_that_answers_faster_gets_more),
	    cmocka_unit_test(a_read_that_one_refuses_is_answered_by_the_other),
	    cmocka_unit_test(a_write_is_repeated_under_a_key_alone),
	    cmocka_unit_test(when_nobody_is_left_to_ask_again_the_first_answer_stands),
	    cmocka_unit_test(each_attempt_carries_the_key_and_what_is_left_of_the_time),
	    cmocka_unit_test(four_attempts_are_enough),
	    cmocka_unit_test(what_repeating_does_not_help_is_not_repeated),
	    cmocka_unit_test(the_server_says_when_to_come_again),
	    cmocka_unit_test(when_too_much_fails_nothing_is_repeated),
	    cmocka_unit_test(refusals_of_one_caller_cost_the_others_no_repeat),
	    cmocka_unit_test(a_server_that_dies_takes_no_read_along),
	    cmocka_unit_test(a_server_that_dies_takes_writes_without_a_key_along),
	    cmocka_unit_test(a_server_that_is_started_again_and_again_costs_a_token_each_time),
	    cmocka_unit_test(a_server_that_comes_back_gets_calls_again),
	    cmocka_unit_test(calls_wait_for_the_first_connection),
	    cmocka_unit_test(a_server_that_says_nothing_is_given_up),
	    cmocka_unit_test(a_call_may_take_more_than_24_days),
	    cmocka_unit_test(a_server_that_is_slow_but_alive_is_waited_for),
	    cmocka_unit_test(a_client_without_memory_does_not_take_its_servers_for_dead),
	    cmocka_unit_test(a_server_that_answers_others_is_not_silent),
	    cmocka_unit_test(a_repeat_that_nobody_answers_ends_with_the_deadline),
	    cmocka_unit_test(a_batch_is_repeated_if_each_of_its_items_may_be),
	    cmocka_unit_test(items_of_a_batch_name_its_org_themselves),
	    cmocka_unit_test(a_session_of_a_batch_sees_the_writes_of_its_items),
	    cmocka_unit_test(a_session_sees_a_write_whose_repeat_says_nothing),
	    cmocka_unit_test(a_call_that_is_over_leaves_its_place_to_the_next),
	    cmocka_unit_test(a_client_can_be_freed_whatever_its_calls_do),
	    cmocka_unit_test(a_thread_that_is_cancelled_while_it_waits_has_its_answer_first),
	    cmocka_unit_test(a_thread_that_is_cancelled_ends_what_it_began),
	    cmocka_unit_test(urls_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
