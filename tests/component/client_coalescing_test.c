/* Calls that travel together, and a server that the test scripts: each is answered as if it had
 * come alone. A call's payload says what becomes of it. */
#include "base/limits.h"
#include "client/client.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/until.h"
#include "tests/lib/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CALLS_MAX 600
#define MESSAGES_MAX 4096
#define TEXT_BYTES 64

static const struct client_method read_method = {
    .name = "test.v1.Echo/Read", .effect = CLIENT_READ, .batchable = true, .inline_read = true};
static const struct client_method slow_method = {
    .name = "test.v1.Echo/Slow", .effect = CLIENT_READ, .batchable = true};
static const struct client_method write_method = {.name = "test.v1.Echo/Resolve",
    .effect = CLIENT_READ,
    .batchable = true,
    .inline_read = true,
    .idempotent_by_key = true,
    .write_field = 4};
/* As nobody generates them: a mark in the wrong place makes no read of a method. */
static const struct client_method marked_methods[] = {
    {.name = "test.v1.Echo/Write", .effect = CLIENT_WRITE, .batchable = true, .inline_read = true},
    {.name = "test.v1.Echo/Restrict",
	.effect = CLIENT_RESTRICT,
	.batchable = true,
	.inline_read = true},
};
static const struct client_options patient = {.timeout_ms = 60000};

/* A message as it came. */
struct seen {
	bool memory_only, is_batch;
	unsigned items;
	unsigned server;
};

struct call_record {
	char payload[TEXT_BYTES];
	char reply[TEXT_BYTES];
	char reason[TEXT_BYTES];
	enum status_code code;
	unsigned attempts;
	atomic_uint ends;
};

static struct fixture {
	struct upstream servers[2];
	unsigned servers_count;
	bool is_up[2];
	struct client *client;
	struct fake_clock clock;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool holds_together; /* messages for memory alone wait */
	bool holds_alone;    /* and so do the others, but for health */
	bool lets_go[2];     /* a server where nobody is held */
	unsigned passes;     /* so many that are held may go on */
	bool is_old;         /* the server knows nothing of memory_only */
	unsigned refusals;   /* so many messages for memory alone are refused whole */
	unsigned held;
	struct seen seen[MESSAGES_MAX];
	unsigned seen_count;

	struct call_record calls[CALLS_MAX];
	unsigned calls_count;
	atomic_uint ended;
} fx;

static bool
begins(struct slice text, const char *with)
{
	return text.bytes >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* What becomes of a call: "hit", "miss" (not in memory), "bad" (refused).
 * The answer repeats who called. */
static void
answer_call(const struct request_envelope *request, bool memory_only, struct arena *arena,
    struct response_envelope *out)
{
	char *text = arena_alloc(arena, TEXT_BYTES);

	out->call_id = request->call_id;
	if (memory_only && begins(request->payload, "miss")) {
		out->code = ST_FAILED_PRECONDITION;
		out->reason = slice_text(NOT_IN_MEMORY_REASON);
	} else if (begins(request->payload, "bad")) {
		out->code = ST_INVALID_ARGUMENT;
		out->reason = slice_text("POISONED");
	} else {
		const int bytes = snprintf(text, TEXT_BYTES, "%.*s|%.*s",
		    (int)request->credential.bytes, (const char *)request->credential.data,
		    (int)request->payload.bytes, (const char *)request->payload.data);
		out->payload = slice_of(text, bytes < TEXT_BYTES ? (size_t)bytes : TEXT_BYTES - 1);
	}
}

static void
answer_batch(const struct request_envelope *request, bool obeys, struct arena *arena,
    struct response_envelope *out)
{
	uint8_t *const start = arena_alloc(arena, 1u << 20);
	struct wire_reader reader = wire_reader_of(request->payload);
	uint8_t *at = start;
	struct slice bytes;

	while (batch_next(&reader, &bytes)) {
		struct request_envelope item;
		struct response_envelope reply;

		response_envelope_init(&reply);
		if (envelope_parse_request(bytes, &item).code == ST_OK)
			answer_call(&item, obeys, arena, &reply);
		const size_t size = envelope_response_size(&reply);
		at = wire_put_item_head(at, 1, size);
		(void)envelope_pack_response(&reply, at);
		at += size;
	}
	out->payload = slice_of(start, (size_t)(at - start));
}

static bool
is_batch(const struct request_envelope *request)
{
	return slice_equals_text(request->method, BATCH_METHOD_NAME);
}

static unsigned
items_of(const struct request_envelope *request)
{
	size_t count = 1;

	if (is_batch(request))
		(void)batch_count(request->payload, &count);
	return (unsigned)count;
}

static bool
is_held(bool memory_only, unsigned items)
{
	return items > 0 && (memory_only ? fx.holds_together : fx.holds_alone);
}

/* Holds whom the test wants held. The question whether it obeys is never held. */
static void
answer(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out)
{
	const unsigned items = items_of(request);

	const bool *lets_go = env;

	if (is_health_question(request))
		return;
	pthread_mutex_lock(&fx.lock);
	if (fx.seen_count < MESSAGES_MAX)
		fx.seen[fx.seen_count++] = (struct seen){request->memory_only, is_batch(request),
		    items, (unsigned)(lets_go - fx.lets_go)};
	const bool waits = is_held(request->memory_only, items) && !*lets_go && fx.passes == 0;
	fx.held += waits;
	while (is_held(request->memory_only, items) && !*lets_go && fx.passes == 0)
		pthread_cond_wait(&fx.changed, &fx.lock);
	fx.passes -= is_held(request->memory_only, items) && fx.passes > 0;
	fx.held -= waits;
	const bool refuses = request->memory_only && items > 0 && fx.refusals > 0;
	fx.refusals -= refuses;
	const bool obeys = request->memory_only && !fx.is_old;
	pthread_mutex_unlock(&fx.lock);
	out->memory_only = obeys;
	if (refuses) {
		out->code = ST_RESOURCE_EXHAUSTED;
		out->reason = slice_text("OVERLOADED");
		out->retry_after_ms = 1;
	} else if (is_batch(request)) {
		answer_batch(request, obeys, arena, out);
	} else {
		answer_call(request, obeys, arena, out);
	}
}

static void
hold(bool together, bool alone)
{
	pthread_mutex_lock(&fx.lock);
	fx.holds_together = together;
	fx.holds_alone = alone;
	pthread_cond_broadcast(&fx.changed);
	pthread_mutex_unlock(&fx.lock);
}

static void
let_one_go(void)
{
	pthread_mutex_lock(&fx.lock);
	fx.passes = 1;
	pthread_cond_broadcast(&fx.changed);
	pthread_mutex_unlock(&fx.lock);
}

static void
refuse_next(unsigned messages)
{
	pthread_mutex_lock(&fx.lock);
	fx.refusals += messages;
	pthread_mutex_unlock(&fx.lock);
}

static void
let_all_go_at(unsigned i)
{
	pthread_mutex_lock(&fx.lock);
	fx.lets_go[i] = true;
	pthread_cond_broadcast(&fx.changed);
	pthread_mutex_unlock(&fx.lock);
}

static unsigned
seen_count(void)
{
	pthread_mutex_lock(&fx.lock);
	const unsigned count = fx.seen_count;
	pthread_mutex_unlock(&fx.lock);
	return count;
}

static struct seen
seen_at(unsigned index)
{
	pthread_mutex_lock(&fx.lock);
	const struct seen seen = fx.seen[index];
	pthread_mutex_unlock(&fx.lock);
	return seen;
}

static void
call_ended(void *arg, struct client_result *result)
{
	struct call_record *record = arg;

	record->code = result->status.code;
	record->attempts = result->attempts;
	snprintf(
	    record->reason, TEXT_BYTES, "%s", result->status.reason ? result->status.reason : "");
	snprintf(record->reply, TEXT_BYTES, "%.*s", (int)result->payload.bytes,
	    (const char *)result->payload.data);
	atomic_fetch_add(&record->ends, 1);
	client_result_done(result);
	atomic_fetch_add(&fx.ended, 1);
}

/* A call by nobody in particular but itself: "hit7" by the key "k7". */
static unsigned
start_as(const struct client_method *method, const struct client_options *as, const char *what)
{
	const unsigned index = fx.calls_count++;
	struct call_record *record = &fx.calls[index];
	struct client_options options = *as;
	char credential[TEXT_BYTES];

	snprintf(credential, TEXT_BYTES, "k%u", index);
	snprintf(record->payload, TEXT_BYTES, "%s%u", what, index);
	options.credential = slice_text(credential);
	options.call_id = index + 1;
	client_call_raw_async(
	    fx.client, method, &options, slice_text(record->payload), call_ended, record);
	return index;
}

static unsigned
start(const char *what)
{
	return start_as(&read_method, &patient, what);
}

static void
start_many(const char *what, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)start(what);
}

static bool
all_have_ended(void)
{
	return atomic_load(&fx.ended) == fx.calls_count;
}

/* Answered once, as itself. */
static void
assert_answered(unsigned index)
{
	const struct call_record *record = &fx.calls[index];
	char expected[2 * TEXT_BYTES];

	snprintf(expected, sizeof expected, "k%u|%s", index, record->payload);
	assert_int_equal(record->code, ST_OK);
	assert_string_equal(record->reply, expected);
	assert_int_equal(record->ends, 1);
}

static void
all_are_answered(void)
{
	until(all_have_ended, "all calls have ended");
	for (unsigned i = 0; i < fx.calls_count; i++)
		assert_answered(i);
}

static bool
all_are_connected(void)
{
	struct client_server server;

	for (unsigned i = 0; i < fx.servers_count; i++) {
		client_server_at(fx.client, i, &server);
		if (fx.is_up[i] && !server.is_connected)
			return false;
	}
	return true;
}

static bool
nothing_travels(void)
{
	unsigned calls = 0;

	for (unsigned i = 0; i < fx.servers_count; i++) {
		struct client_server server;

		client_server_at(fx.client, i, &server);
		calls += server.calls;
	}
	return calls == 0;
}

/* The client has learnt what the servers can: a message for memory alone says so of each. */
static void
warm_up(void)
{
	for (;;) {
		const unsigned before = seen_count();

		start_many("hit", fx.servers_count);
		until(all_have_ended, "calls have ended");
		until(nothing_travels, "the questions are answered too");
		unsigned able = 0;
		for (unsigned i = before; i < seen_count(); i++)
			if (seen_at(i).memory_only && seen_at(i).items > 0)
				able |= 1u << seen_at(i).server;
		assert_true(fx.calls_count < CALLS_MAX);
		fx.calls_count = 0;
		atomic_store(&fx.ended, 0);
		memset(fx.calls, 0, sizeof fx.calls);
		if (able == (1u << fx.servers_count) - 1)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	pthread_mutex_lock(&fx.lock);
	fx.seen_count = 0;
	pthread_mutex_unlock(&fx.lock);
}

static void
server_up(unsigned i, const char *url)
{
	upstream_prepare(&fx.servers[i]);
	/* Somebody may be waiting for it already. */
	upstream_script(&fx.servers[i], answer, &fx.lets_go[i]);
	upstream_hear_questions(&fx.servers[i]);
	upstream_listen(&fx.servers[i], url);
	fx.is_up[i] = true;
}

static void
open_only(unsigned servers, const struct client_settings *wanted)
{
	struct client_settings settings = wanted ? *wanted : (struct client_settings){0};
	char urls[2 * UPSTREAM_URL_BYTES + 2] = "";

	memset(&fx, 0, sizeof fx);
	pthread_mutex_init(&fx.lock, NULL);
	pthread_cond_init(&fx.changed, NULL);
	fake_clock_init(&fx.clock);
	fx.servers_count = servers;
	for (unsigned i = 0; i < servers; i++) {
		server_up(i, "tcp://127.0.0.1:0");
		snprintf(urls + strlen(urls), sizeof urls - strlen(urls), "%s%s", i ? "," : "",
		    fx.servers[i].url);
	}
	settings.url = urls;
	settings.gathers = true;
	/* Nothing is late unless the test says so. */
	if (!settings.clock)
		settings.clock = &fx.clock.clock;
	assert_int_equal(client_new(&settings, &fx.client).code, ST_OK);
	until(all_are_connected, "the servers are connected");
}

static void
open_able(unsigned servers)
{
	open_only(servers, NULL);
	warm_up();
}

static void
server_down(unsigned i)
{
	hold(false, false);
	upstream_close(&fx.servers[i]);
	fx.is_up[i] = false;
}

/* As client_test.c says: nothing travels while the client is freed, not even the question whether a
 * server obeys. */
static void
close_all(void)
{
	if (fx.client)
		until(nothing_travels, "all is answered");
	client_free(&fx.client);
	hold(false, false);
	for (unsigned i = 0; i < fx.servers_count; i++)
		if (fx.is_up[i])
			server_down(i);
}

static bool
one_is_held(void)
{
	pthread_mutex_lock(&fx.lock);
	const bool is = fx.held == 1;
	pthread_mutex_unlock(&fx.lock);
	return is;
}

/* A message is out, and stays out. */
static void
start_held(const char *what)
{
	hold(true, false);
	(void)start(what);
	until(one_is_held, "a message is held");
}

static void
what_comes_while_a_message_is_out_goes_together_in_the_next(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 12);
	assert_int_equal(seen_count(), 1);
	hold(false, false);
	all_are_answered();
	assert_int_equal(seen_count(), 2);
	/* One that is by itself is no batch. */
	assert_false(seen_at(0).is_batch);
	assert_true(seen_at(0).memory_only);
	assert_true(seen_at(1).is_batch);
	assert_true(seen_at(1).memory_only);
	assert_int_equal(seen_at(1).items, 12);
	for (unsigned i = 0; i < fx.calls_count; i++)
		assert_int_equal(fx.calls[i].attempts, 1);
	struct client_server server;
	client_server_at(fx.client, 0, &server);
	assert_int_equal(server.together, 12);
	assert_int_equal(server.calls, 0);
	close_all();
}

static void
what_memory_does_not_have_goes_again_alone(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 3);
	const unsigned missed = start("miss");
	start_many("hit", 3);
	hold(false, true);
	/* The others don't wait for it. */
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;
	while (atomic_load(&fx.ended) < fx.calls_count - 1)
		assert_true(clock_boot_us(&clock_system) < give_up_us);
	until(one_is_held, "the call is made alone");
	assert_int_equal(fx.calls[missed].ends, 0);
	/* Nor does anybody who comes later. */
	const unsigned later = start("hit");
	while (fx.calls[later].ends == 0)
		assert_true(clock_boot_us(&clock_system) < give_up_us);
	assert_int_equal(fx.calls[missed].ends, 0);
	hold(false, false);
	all_are_answered();
	assert_int_equal(fx.calls[missed].attempts, 1);
	assert_int_equal(seen_count(), 4);
	assert_false(seen_at(2).memory_only);
	assert_int_equal(client_repeats(fx.client), 0);
	close_all();
}

static void
one_that_is_by_itself_and_misses_goes_again_too(void **state)
{
	(void)state;
	open_able(1);
	(void)start("miss");
	all_are_answered();
	assert_int_equal(seen_count(), 2);
	assert_true(seen_at(0).memory_only);
	assert_false(seen_at(1).memory_only);
	close_all();
}

static void
a_poisoned_one_fails_alone(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 5);
	const unsigned bad = start("bad");
	start_many("hit", 5);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	for (unsigned i = 0; i < fx.calls_count; i++)
		if (i != bad)
			assert_answered(i);
	assert_int_equal(fx.calls[bad].code, ST_INVALID_ARGUMENT);
	assert_string_equal(fx.calls[bad].reason, "POISONED");
	assert_int_equal(seen_count(), 2);
	close_all();
}

static void
what_may_write_or_wait_goes_alone(void **state)
{
	const struct client_options with_key = {
	    .timeout_ms = 60000, .idempotency_key = {(const uint8_t *)"0123456789abcdef", 16}};
	static char large[40000];
	struct client_result result;

	(void)state;
	open_able(1);
	(void)start_as(&slow_method, &patient, "hit");
	/* The payload is "\x22...": its field 4 is there, so it stores something. */
	(void)start_as(&write_method, &patient, "\x22\x01");
	(void)start_as(&write_method, &with_key, "\x22\x01");
	until(all_have_ended, "all calls have ended");
	memset(large, 'x', sizeof large);
	client_call_raw(fx.client, &read_method, &patient, slice_of(large, sizeof large), &result);
	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	assert_int_equal(seen_count(), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_false(seen_at(i).memory_only);
	close_all();
}

static unsigned
held_count(void)
{
	pthread_mutex_lock(&fx.lock);
	const unsigned count = fx.held;
	pthread_mutex_unlock(&fx.lock);
	return count;
}

static bool
two_are_held(void)
{
	return held_count() == 2;
}

static bool
all_are_held(void)
{
	return held_count() == fx.calls_count;
}

static bool
four_or_more_are_held(void)
{
	return held_count() >= 4;
}

static void
what_writes_goes_alone_and_once_whatever_becomes_of_its_server(void **state)
{
	const struct client_method *const methods[] = {
	    &read_method, &read_method, &marked_methods[0], &marked_methods[1]};
	unsigned lost = 0;

	(void)state;
	open_able(2);
	hold(true, true);
	/* One by one: whose message stands behind another for too long tries the other server. */
	for (unsigned i = 0; i < 4; i++) {
		(void)start_as(methods[i], &patient, "hit");
		until(all_are_held, "it is out");
	}
	upstream_cut(&fx.servers[0]);
	let_all_go_at(1);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	/* Reads are made again, and nothing else is. */
	assert_answered(0);
	assert_answered(1);
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(fx.calls[i].ends, 1);
		assert_int_equal(fx.calls[i].attempts, 1);
		lost += fx.calls[i].code != ST_OK;
		if (fx.calls[i].code != ST_OK)
			assert_string_equal(fx.calls[i].reason, "CONNECTION_LOST");
	}
	assert_int_equal(lost, 1);
	assert_int_equal(client_repeats(fx.client), 1);
	assert_int_equal(seen_count(), 5);
	unsigned for_memory = 0;
	for (unsigned i = 0; i < seen_count(); i++) {
		assert_false(seen_at(i).is_batch);
		for_memory += seen_at(i).memory_only;
	}
	assert_int_equal(for_memory, 2);
	close_all();
}

static void
an_older_server_gets_a_message_for_each(void **state)
{
	(void)state;
	open_only(1, NULL);
	pthread_mutex_lock(&fx.lock);
	fx.is_old = true;
	pthread_mutex_unlock(&fx.lock);
	start_many("miss", 50);
	all_are_answered();
	hold(false, true);
	start_many("hit", 3);
	hold(false, false);
	all_are_answered();
	/* It was sent first, but nobody waited for it. */
	until(nothing_travels, "the question is answered");
	/* 53 calls, and the one question, which has no items. */
	assert_int_equal(seen_count(), 54);
	unsigned questions = 0;
	for (unsigned i = 0; i < seen_count(); i++) {
		questions += seen_at(i).memory_only;
		assert_int_equal(seen_at(i).items, !seen_at(i).is_batch);
	}
	assert_int_equal(questions, 1);
	close_all();
}

static void
a_server_that_turns_out_to_be_older_is_noticed(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("miss", 10);
	pthread_mutex_lock(&fx.lock);
	fx.is_old = true;
	pthread_mutex_unlock(&fx.lock);
	hold(false, false);
	all_are_answered();
	const unsigned before = seen_count();
	start_many("miss", 10);
	all_are_answered();
	assert_int_equal(seen_count(), before + 10);
	for (unsigned i = before; i < before + 10; i++)
		assert_false(seen_at(i).memory_only);
	close_all();
}

static bool
none_is_connected(void)
{
	return !client_is_connected(fx.client);
}

static void
another_connection_is_asked_anew(void **state)
{
	char url[UPSTREAM_URL_BYTES];

	(void)state;
	open_able(1);
	snprintf(url, sizeof url, "%s", fx.servers[0].url);
	server_down(0);
	until(none_is_connected, "the client has noticed");
	server_up(0, url);
	pthread_mutex_lock(&fx.lock);
	fx.is_old = true;
	pthread_mutex_unlock(&fx.lock);
	until(all_are_connected, "the client has found the other one");
	start_many("hit", 20);
	all_are_answered();
	for (unsigned i = 0; i < seen_count(); i++)
		assert_int_equal(seen_at(i).items, !seen_at(i).is_batch);
	close_all();
}

static void
each_has_its_own_deadline(void **state)
{
	const struct client_options hurried = {.timeout_ms = 1000};

	(void)state;
	open_able(1);
	start_held("hit");
	const unsigned early = start_as(&read_method, &hurried, "hit");
	start_many("hit", 2);
	pthread_mutex_lock(&fx.lock);
	const unsigned before = fx.seen_count;
	pthread_mutex_unlock(&fx.lock);
	/* All in the next one, which is held too: */
	let_one_go();
	while (seen_count() == before)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_int_equal(fx.calls[early].ends, 0);
	fake_clock_advance(&fx.clock, 1500 * US_PER_MS);
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;
	while (fx.calls[early].ends == 0)
		assert_true(clock_boot_us(&clock_system) < give_up_us);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	assert_int_equal(fx.calls[early].code, ST_DEADLINE_EXCEEDED);
	assert_string_equal(fx.calls[early].reason, "NO_ANSWER");
	assert_answered(0);
	assert_answered(2);
	assert_answered(3);
	close_all();
}

static bool
one_has_ended(void)
{
	return atomic_load(&fx.ended) == 1;
}

static void
one_whose_time_is_over_while_it_waits_is_not_sent(void **state)
{
	const struct client_options hurried = {.timeout_ms = 10};

	(void)state;
	open_able(1);
	start_held("hit");
	(void)start("hit");
	const unsigned early = start_as(&read_method, &hurried, "hit");
	(void)start("hit");
	/* Not so long that the message would be late. */
	fake_clock_advance(&fx.clock, 20 * US_PER_MS);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	assert_int_equal(fx.calls[early].code, ST_DEADLINE_EXCEEDED);
	assert_string_equal(fx.calls[early].reason, "NOT_SENT");
	assert_int_equal(fx.calls[early].attempts, 0);
	assert_int_equal(fx.calls[early].ends, 1);
	for (unsigned i = 0; i < fx.calls_count; i++)
		if (i != early)
			assert_answered(i);
	assert_int_equal(seen_count(), 2);
	assert_int_equal(seen_at(1).items, 2);
	/* And if nobody else waits, nothing is sent at all. */
	start_held("hit");
	const unsigned last = start_as(&read_method, &hurried, "hit");
	fake_clock_advance(&fx.clock, 20 * US_PER_MS);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	assert_string_equal(fx.calls[last].reason, "NOT_SENT");
	assert_int_equal(seen_count(), 3);
	(void)start("hit");
	until(all_have_ended, "it goes on");
	assert_answered(fx.calls_count - 1);
	close_all();
}

/* Memory was asked, so that "nothing was sent" would not be true. */
static void
one_that_missed_and_has_no_time_left_was_sent(void **state)
{
	const struct client_options hurried = {.timeout_ms = 1000};

	(void)state;
	open_able(1);
	hold(true, false);
	const unsigned missed = start_as(&read_method, &hurried, "miss");
	until(one_is_held, "memory is asked");
	fake_clock_advance(&fx.clock, 1100 * US_PER_MS);
	hold(false, false);
	until(one_has_ended, "the call has ended");
	assert_int_equal(fx.calls[missed].code, ST_DEADLINE_EXCEEDED);
	assert_string_equal(fx.calls[missed].reason, "NO_ANSWER");
	assert_int_equal(fx.calls[missed].attempts, 1);
	assert_int_equal(seen_count(), 1);
	/* The next call by the same memory knows nothing of it. */
	start_held("hit");
	const unsigned waits = start_as(&read_method, &hurried, "hit");
	fake_clock_advance(&fx.clock, 1010 * US_PER_MS);
	while (fx.calls[waits].ends == 0)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_string_equal(fx.calls[waits].reason, "NOT_SENT");
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	close_all();
}

static bool
all_but_one_have_ended(void)
{
	return atomic_load(&fx.ended) == fx.calls_count - 1;
}

static void
nobody_waits_for_a_message_that_is_late(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 10);
	fake_clock_advance(&fx.clock, 100 * US_PER_MS);
	until(all_but_one_have_ended, "those that waited were answered alone");
	start_many("hit", 5);
	until(all_but_one_have_ended, "those that came were answered alone");
	hold(false, false);
	all_are_answered();
	/* Now it goes on as before. */
	start_held("hit");
	start_many("hit", 5);
	const unsigned before = seen_count();
	hold(false, false);
	all_are_answered();
	assert_int_equal(seen_count(), before + 1);
	close_all();
}

static void
who_finds_no_room_goes_alone(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 300);
	hold(false, false);
	all_are_answered();
	for (unsigned i = 0; i < seen_count(); i++)
		assert_true(seen_at(i).items <= 128);
	/* 32 went in a second message, and 128 waited. */
	assert_true(seen_count() >= 300 - 32 - 128);
	close_all();
}

static void
where_most_is_not_in_memory_all_go_alone_for_a_while(void **state)
{
	unsigned tries = 0;

	(void)state;
	open_able(1);
	for (unsigned i = 0; i < 100; i++) {
		const unsigned before = seen_count();
		(void)start("miss");
		all_are_answered();
		tries += seen_count() - before;
	}
	assert_true(tries >= 100 + 60 && tries < 200);
	fake_clock_advance(&fx.clock, 2 * US_PER_S);
	const unsigned before = seen_count();
	(void)start("hit");
	all_are_answered();
	assert_true(seen_at(before).memory_only);
	close_all();
}

static void
a_message_that_is_refused_whole_is_one_trouble(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 100);
	refuse_next(3);
	hold(false, false);
	all_are_answered();
	/* Each again, by itself; 101 tokens would have been too many. */
	assert_int_equal(client_repeats(fx.client), 101);
	assert_int_equal(seen_count(), 3 + 101);
	close_all();
}

static void
who_goes_again_alone_says_how_much_time_is_left(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 2);
	const unsigned before = seen_count();
	/* Both in the next one, which is held too: */
	let_one_go();
	while (seen_count() == before)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	fake_clock_advance(&fx.clock, 10 * US_PER_S);
	refuse_next(1);
	hold(false, false);
	all_are_answered();
	assert_int_equal(fx.calls[1].attempts, 2);
	assert_int_equal(fx.calls[2].attempts, 2);
	assert_in_range(upstream_last(&fx.servers[0])->timeout_ms, 1, patient.timeout_ms - 10000);
	close_all();
}

static void
enough_that_wait_do_not_wait_for_the_message_that_is_out(void **state)
{
	(void)state;
	open_able(1);
	start_held("hit");
	start_many("hit", 32);
	until(two_are_held, "a second message is out");
	start_many("hit", 40);
	hold(false, false);
	all_are_answered();
	assert_int_equal(seen_at(1).items, 32);
	assert_int_equal(seen_at(2).items, 40);
	assert_int_equal(seen_count(), 3);
	close_all();
}

static void
whose_time_is_over_goes_in_no_second_message(void **state)
{
	const struct client_options hasty = {.timeout_ms = 10};

	(void)state;
	open_able(1);
	start_held("hit");
	for (unsigned i = 0; i < 3; i++)
		(void)start_as(&read_method, &hasty, "hit");
	fake_clock_advance(&fx.clock, 20 * US_PER_MS);
	start_many("hit", 29);
	until(two_are_held, "a second message is out");
	assert_int_equal(seen_at(1).items, 29);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	for (unsigned i = 0; i < fx.calls_count; i++)
		if (i >= 1 && i <= 3)
			assert_string_equal(fx.calls[i].reason, "NOT_SENT");
		else
			assert_answered(i);
	assert_int_equal(seen_count(), 2);
	close_all();
}

static void
a_server_that_dies_with_messages_out_takes_no_read_along(void **state)
{
	(void)state;
	open_able(2);
	hold(true, false);
	start_many("hit", 120);
	/* Or more: a machine that stands still while one is sent has its calls go alone. */
	until(four_or_more_are_held, "both have two messages");
	upstream_cut(&fx.servers[0]);
	let_all_go_at(1);
	all_are_answered();
	assert_true(client_repeats(fx.client) > 0);
	close_all();
}

static void
reads_that_travel_while_the_only_server_is_lost_are_made_again(void **state)
{
	char url[UPSTREAM_URL_BYTES];

	(void)state;
	open_able(1);
	snprintf(url, sizeof url, "%s", fx.servers[0].url);
	start_held("hit");
	start_many("hit", 12);
	let_one_go();
	until(one_has_ended, "the first one is answered");
	until(one_is_held, "all the others are out");
	start_many("hit", 10);
	upstream_cut(&fx.servers[0]);
	until(none_is_connected, "the client has noticed");
	server_down(0);
	server_up(0, url);
	all_are_answered();
	/* Those that were out; the others had waited. */
	assert_true(client_repeats(fx.client) >= 12);
	for (unsigned i = 1; i <= 12; i++)
		assert_true(fx.calls[i].attempts >= 2);
	close_all();
}

/* Nothing travels at that moment: close_all(). */
static void
closing_the_client_ends_all_of_it(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		open_able(1);
		if (round % 2) {
			start_held("hit");
			start_many("hit", 30);
		} else {
			hold(false, true);
			start_many("miss", 2);
			until(two_are_held, "two are made alone");
		}
		client_free(&fx.client);
		assert_true(all_have_ended());
		for (unsigned i = 0; i < fx.calls_count; i++) {
			assert_int_equal(fx.calls[i].ends, 1);
			assert_int_equal(fx.calls[i].code, ST_CANCELLED);
			assert_string_equal(fx.calls[i].reason, "CLIENT_CLOSED");
		}
		close_all();
	}
}

static void
more_than_may_be_under_way_are_refused(void **state)
{
	unsigned refused = 0;

	(void)state;
	open_only(1, &(struct client_settings){.calls_max = 8});
	warm_up();
	start_held("hit");
	start_many("hit", 20);
	hold(false, false);
	until(all_have_ended, "all calls have ended");
	for (unsigned i = 0; i < fx.calls_count; i++) {
		refused += fx.calls[i].code == ST_RESOURCE_EXHAUSTED;
		if (fx.calls[i].code == ST_OK)
			assert_answered(i);
		else
			assert_string_equal(fx.calls[i].reason, "TOO_MANY_CALLS");
	}
	assert_int_equal(refused, 13);
	close_all();
}

static void
small_replies_are_asked_for_one_by_one(void **state)
{
	(void)state;
	open_only(1, &(struct client_settings){.reply_bytes_max = 65536});
	start_many("hit", 50);
	all_are_answered();
	for (unsigned i = 0; i < seen_count(); i++)
		assert_false(seen_at(i).memory_only || seen_at(i).is_batch);
	close_all();
}

/* Threads that call and wait, by a real clock. */
#define RACERS 64
#define RACES 60
static atomic_uint wrong;

static void *
race(void *arg)
{
	const unsigned self = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < RACES; i++) {
		char payload[TEXT_BYTES], credential[TEXT_BYTES], expected[2 * TEXT_BYTES];
		struct client_options options = patient;
		struct client_result result;

		/* Now and then a message is refused whole. */
		if (self % 13 == 0 && i == self)
			refuse_next(1);
		snprintf(payload, TEXT_BYTES, "%s%u.%u", (i + self) % 7 ? "hit" : "miss", self, i);
		snprintf(credential, TEXT_BYTES, "k%u", self);
		const int bytes = snprintf(expected, sizeof expected, "%s|%s", credential, payload);
		options.credential = slice_text(credential);
		client_call_raw(fx.client, &read_method, &options, slice_text(payload), &result);
		const bool is_right =
		    result.status.code == ST_OK &&
		    slice_equals(result.payload, slice_of(expected, (size_t)bytes));
		if (!is_right)
			fprintf(stderr, "%s: %d %s\n", payload, result.status.code,
			    result.status.reason ? result.status.reason : "");
		atomic_fetch_add(&wrong, !is_right);
		client_result_done(&result);
	}
	return NULL;
}

static void
threads_get_each_its_own_answers(void **state)
{
	pthread_t threads[RACERS];

	(void)state;
	open_only(2, &(struct client_settings){.clock = &clock_system});
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	close_all();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_comes_while_a_message_is_out_goes_together_in_the_next),
	    cmocka_unit_test(what_memory_does_not_have_goes_again_alone),
	    cmocka_unit_test(one_that_is_by_itself_and_misses_goes_again_too),
	    cmocka_unit_test(a_poisoned_one_fails_alone),
	    cmocka_unit_test(what_may_write_or_wait_goes_alone),
	    cmocka_unit_test(what_writes_goes_alone_and_once_whatever_becomes_of_its_server),
	    cmocka_unit_test(an_older_server_gets_a_message_for_each),
	    cmocka_unit_test(a_server_that_turns_out_to_be_older_is_noticed),
	    cmocka_unit_test(another_connection_is_asked_anew),
	    cmocka_unit_test(each_has_its_own_deadline),
	    cmocka_unit_test(one_whose_time_is_over_while_it_waits_is_not_sent),
	    cmocka_unit_test(one_that_missed_and_has_no_time_left_was_sent),
	    cmocka_unit_test(nobody_waits_for_a_message_that_is_late),
	    cmocka_unit_test(who_finds_no_room_goes_alone),
	    cmocka_unit_test(where_most_is_not_in_memory_all_go_alone_for_a_while),
	    cmocka_unit_test(who_goes_again_alone_says_how_much_time_is_left),
	    cmocka_unit_test(enough_that_wait_do_not_wait_for_the_message_that_is_out),
	    cmocka_unit_test(whose_time_is_over_goes_in_no_second_message),
	    cmocka_unit_test(a_message_that_is_refused_whole_is_one_trouble),
	    cmocka_unit_test(a_server_that_dies_with_messages_out_takes_no_read_along),
	    cmocka_unit_test(reads_that_travel_while_the_only_server_is_lost_are_made_again),
	    cmocka_unit_test(closing_the_client_ends_all_of_it),
	    cmocka_unit_test(more_than_may_be_under_way_are_refused),
	    cmocka_unit_test(small_replies_are_asked_for_one_by_one),
	    cmocka_unit_test(threads_get_each_its_own_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
