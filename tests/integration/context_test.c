/* ContextService's handlers, its memory and its receipts over a real database. */
#include "base/limits.h"
#include "gen/svc/context.h"
#include "jobs/spool.h"
#include "svc/common/page.h"
#include "svc/context/env.h"
#include "svc/context/memory.h"
#include "tests/lib/fake_call.h"
#include "tests/lib/handler_fixture.h"
#include "tests/lib/scratch.h"
#include "tests/lib/until.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define THREADS 20
#define OTHER_ORG "01900000-0000-7000-8000-000000000bad"
#define BOT "01900000-0000-7000-8000-0000000000b1"
#define BOT_2 "01900000-0000-7000-8000-0000000000b2"
#define FOREIGN_BOT "01900000-0000-7000-8000-0000000000bf"
#define ANN "01900000-0000-7000-8000-0000000000a1"
#define BEN "01900000-0000-7000-8000-0000000000a2"
#define FOREIGN_USER "01900000-0000-7000-8000-0000000000af"
#define DAY_US (86400 * US_PER_S)
#define MANY 100 /* of a batch, and the users that it is about */
#define MANY_USERS 80
#define LAST_OF_MANY "User 79"
#define GUEST "01900000-0000-7000-8000-0000000000a8"
#define GUEST_2 "01900000-0000-7000-8000-0000000000a9"

static struct postgres postgres;
static struct handler_fixture fixture;
static struct context_env env;
static struct context_memory *memory;
static struct spool *spool;
static struct quota *quota;
static struct crypt_key page_key;
static char spool_dir[SCRATCH_PATH_BYTES];
static struct principal admin, ann, key, foreign;

static int
start(void **state)
{
	(void)state;
	postgres_start(&postgres);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	postgres_stop(&postgres);
	return 0;
}

#define must(expression) assert_int_equal((expression).code, ST_OK)

static uint64_t
bits(const char *first, const char *second)
{
	return permission_bit(slice_text(first)) | permission_bit(slice_text(second));
}

static struct uuid
id_of(const char *text)
{
	struct uuid id;

	assert_true(uuid_parse(slice_text(text), &id));
	return id;
}

static void
make_principals(void)
{
	admin = (struct principal){.kind = PRINCIPAL_LOGIN,
	    .has_org = true,
	    .org_id = fixture.org_id,
	    .user_id = id_of(BEN),
	    .permissions = ~UINT64_C(0) & ~bits("context.write", "client_ip.assert")};
	ann = admin;
	ann.user_id = id_of(ANN);
	ann.permissions = 0;
	foreign = admin;
	foreign.org_id = id_of(OTHER_ORG);
	foreign.user_id = id_of(FOREIGN_USER);
	key = (struct principal){.kind = PRINCIPAL_KEY,
	    .has_org = true,
	    .org_id = fixture.org_id,
	    .has_chatbot = true,
	    .chatbot_id = id_of(BOT),
	    .has_default_user = true,
	    .default_user_id = id_of(ANN),
	    .key_id = id_of("01900000-0000-7000-8000-0000000000e1"),
	    .permissions = bits("context.read", "context.write")};
}

static int
set_up(void **state)
{
	handler_fixture_init(&fixture, &postgres);
	handler_sql(&fixture, "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('" OTHER_ORG
			      "', 'other', 'Other')");
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, external_id, display_name, locale) VALUES "
	    "((SELECT id FROM usher.orgs WHERE slug = 'acme'), '" ANN "', 'ann', 'Ann', 'de-CH'), "
	    "((SELECT id FROM usher.orgs WHERE slug = 'acme'), '" BEN "', 'ben', 'Ben', ''), "
	    "('" OTHER_ORG "', '" FOREIGN_USER "', 'foe', 'Foe', '')");
	handler_sql(&fixture,
	    "INSERT INTO usher.chatbots (org_id, id, alias, display_name, instructions) VALUES "
	    "((SELECT id FROM usher.orgs WHERE slug = 'acme'), '" BOT "', 'bot', 'Bot', 'Help.'), "
	    "((SELECT id FROM usher.orgs WHERE slug = 'acme'), '" BOT_2 "', 'two', 'Two', ''), "
	    "('" OTHER_ORG "', '" FOREIGN_BOT "', 'bot', 'Foreign', '')");
	make_principals();
	scratch_make(spool_dir);
	must(context_memory_new(8u << 20, &clock_system, &memory));
	must(spool_new(spool_dir, 1u << 20, &clock_system, &rand_system, &spool));
	must(quota_new(&clock_system, &quota));
	page_key_derive(fixture.master, &page_key);
	env = (struct context_env){
	    .memory = memory, .quota = quota, .spool = spool, .page_key = &page_key};
	fixture.env = &env;
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	handler_fixture_done(*state);
	context_memory_free(&memory);
	spool_free(&spool);
	quota_free(&quota);
	scratch_remove(spool_dir);
	return 0;
}

static struct handler_outcome
call_as(const struct principal *principal, const char *method, const void *req, void *reply)
{
	struct handler_ask ask = {.principal = principal};

	return handler_call(&fixture, &ask, &context_service, method, req, reply);
}

static struct handler_outcome
from_memory(const struct principal *principal, const char *method, const void *req, void *reply)
{
	struct handler_ask ask = {.principal = principal, .from_memory = true};

	return handler_call(&fixture, &ask, &context_service, method, req, reply);
}

static void
expect(struct handler_outcome outcome, enum status_code code, const char *reason)
{
	if (outcome.status.code != code)
		print_error("%s: %s\n", status_code_name(outcome.status.code),
		    outcome.status.message ? outcome.status.message : "");
	assert_int_equal(outcome.status.code, code);
	if (reason) {
		assert_non_null(outcome.status.reason);
		assert_string_equal(outcome.status.reason, reason);
	}
}
#define assert_ok(outcome) expect((outcome), ST_OK, NULL)

static Usher__V1__ResolveRequest
resolve_request(void)
{
	Usher__V1__ResolveRequest req = USHER__V1__RESOLVE_REQUEST__INIT;

	req.message = (char *)"Hello";
	req.purpose = (char *)"chat";
	return req;
}

/* What the feed would do. */
static void
changed(enum change_kind kind, const char *id)
{
	struct feed_change change = {.kind = kind,
	    .has_id = true,
	    .has_org = true,
	    .id = id_of(id),
	    .org_id = fixture.org_id};

	context_memory_obey(memory, &change);
}

static int64_t
drain(void)
{
	struct store_conn *conn;
	struct arena arena;
	int64_t stored = 0;

	must(arena_init(&arena, 4096, 64u << 20));
	must(store_lease(fixture.store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn));
	must(spool_drain(spool, conn, &arena, &stored));
	store_return(&conn);
	arena_done(&arena);
	return stored;
}

static void
resolve_answers_from_the_database_and_then_from_memory_alike(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply first, second;

	(void)state;
	assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &second).status));
	assert_ok(call_as(&key, "Resolve", &req, &first));
	assert_ok(from_memory(&key, "Resolve", &req, &second));
	assert_false(first.from_memory);
	assert_true(second.from_memory);
	assert_string_equal(first.chatbot->chatbot_id, BOT);
	assert_string_equal(first.user->display_name, "Ann");
	assert_string_equal(first.context->segments[0]->text, "Help.\n");
	assert_string_equal(
	    first.context->segments[1]->text, "# User\ndisplay_name: Ann\nlocale: de-CH\n");
	assert_string_equal(first.context->segments[2]->text, "# Message\nuser: Hello\n");
	assert_string_equal(first.context->etag, second.context->etag);
	assert_int_equal(first.caller->n_scopes, 2);
	assert_int_equal(first.quota->remaining, -1);
	assert_int_equal(strlen(first.read_id), 36);
}

static void
users_and_chatbots_answer_to_their_other_names(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	req.user_id = (char *)"ext:ben";
	req.chatbot_id = (char *)"bot";
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(reply.user->user_id, BEN);
	assert_ok(from_memory(&key, "Resolve", &req, &reply));
	req.chatbot_id = (char *)"two";
	expect(call_as(&key, "Resolve", &req, &reply), ST_NOT_FOUND, "CHATBOT_NOT_FOUND");
	req.chatbot_id = (char *)BOT_2;
	expect(call_as(&key, "Resolve", &req, &reply), ST_NOT_FOUND, "CHATBOT_NOT_FOUND");
	assert_ok(call_as(&admin, "Resolve", &req, &reply));
}

static void
another_organisation_is_not_there(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	Usher__V1__GetChatbotRequest get = USHER__V1__GET_CHATBOT_REQUEST__INIT;
	Usher__V1__Chatbot chatbot;
	Usher__V1__GetProfileRequest profile = USHER__V1__GET_PROFILE_REQUEST__INIT;
	Usher__V1__GetProfileReply profile_reply;

	(void)state;
	req.user_id = (char *)FOREIGN_USER;
	expect(call_as(&key, "Resolve", &req, &reply), ST_NOT_FOUND, "USER_NOT_FOUND");
	/* Remembered as absent, too. */
	expect(from_memory(&key, "Resolve", &req, &reply), ST_NOT_FOUND, "USER_NOT_FOUND");
	req.user_id = (char *)ANN;
	req.chatbot_id = (char *)BOT;
	expect(call_as(&foreign, "Resolve", &req, &reply), ST_NOT_FOUND, NULL);
	get.chatbot_id = (char *)BOT;
	expect(call_as(&foreign, "GetChatbot", &get, &chatbot), ST_NOT_FOUND, NULL);
	profile.user_id = (char *)ANN;
	expect(call_as(&foreign, "GetProfile", &profile, &profile_reply), ST_NOT_FOUND, NULL);
}

static void
a_change_of_a_parent_empties_memory(void **state)
{
	static const struct {
		enum change_kind kind;
		const char *id;
	} parents[] = {{CHANGE_USER, ANN}, {CHANGE_PROFILE, ANN}, {CHANGE_CHATBOT, BOT}};
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_ok(call_as(&key, "Resolve", &req, &reply));
		assert_ok(from_memory(&key, "Resolve", &req, &reply));
		changed(CHANGE_USER, BEN);
		assert_ok(from_memory(&key, "Resolve", &req, &reply));
		changed(parents[i].kind, parents[i].id);
		assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
	}
	/* What was absent may be there when somebody has changed. */
	req.user_id = (char *)"ext:new";
	expect(call_as(&key, "Resolve", &req, &reply), ST_NOT_FOUND, NULL);
	changed(CHANGE_USER, BEN);
	assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
}

static void
a_change_of_no_organisation_empties_memory_of_all_of_them(void **state)
{
	static const enum change_kind kinds[] = {CHANGE_ROLE, CHANGE_POLICY, CHANGE_TEMPLATE,
	    CHANGE_USER, CHANGE_PROFILE, CHANGE_CHATBOT, CHANGE_ORG};
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct feed_change change = {
		    .kind = kinds[i / 2], .has_id = i % 2 == 1, .id = id_of(BEN)};

		assert_ok(call_as(&key, "Resolve", &req, &reply));
		assert_ok(from_memory(&key, "Resolve", &req, &reply));
		context_memory_obey(memory, &change);
		assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
	}
}

static void
every_read_leaves_a_receipt_once(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.api_keys (org_id, id, chatbot_id, prefix, secret_hash, scopes) "
	    "SELECT id, '01900000-0000-7000-8000-0000000000e1', '" BOT "', 'p', 'x', '{}' "
	    "FROM usher.orgs WHERE slug = 'acme'");
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	for (int i = 0; i < 99; i++)
		assert_ok(from_memory(&key, "Resolve", &req, &reply));
	assert_true(drain() >= 1);
	assert_int_equal(drain(), 0);
	assert_string_equal(handler_sql(&fixture, "SELECT sum(reads) FROM usher.reads"), "100");
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.reads r LEFT JOIN usher.blocks b "
				  "ON b.org_id = r.org_id AND b.hash = r.block_hash "
				  "WHERE b.hash IS NULL OR r.user_id <> '" ANN "' "
				  "OR r.chatbot_id <> '" BOT "' OR r.purpose <> 'chat'"),
	    "0");
	assert_string_equal(
	    handler_sql(
		&fixture, "SELECT count(*) FROM usher.reads WHERE read_id = '%s'", reply.read_id),
	    "1");
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(last_used_at) FROM usher.api_keys"), "1");
}

/* Receipts whose block is not there. */
static const char *
dangling_receipts(void)
{
	drain();
	return handler_sql(&fixture,
	    "SELECT count(*) FROM usher.reads r LEFT JOIN usher.blocks b ON b.org_id = r.org_id "
	    "AND b.user_id = r.user_id AND b.hash = r.block_hash WHERE b.hash IS NULL");
}

static void
a_name_that_moves_to_another_user_leads_to_that_ones_block(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, external_id, display_name) SELECT id, "
	    "unnest(ARRAY['" GUEST "', '" GUEST_2 "']::uuid[]), unnest(ARRAY['guest', NULL]), "
	    "'Guest' FROM usher.orgs WHERE slug = 'acme'");
	req.user_id = (char *)"ext:guest";
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(reply.user->user_id, GUEST);
	handler_sql(&fixture, "UPDATE usher.users SET external_id = NULL WHERE id = '" GUEST "'");
	handler_sql(
	    &fixture, "UPDATE usher.users SET external_id = 'guest' WHERE id = '" GUEST_2 "'");
	changed(CHANGE_USER, GUEST);
	changed(CHANGE_USER, GUEST_2);
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(reply.user->user_id, GUEST_2);
	assert_string_equal(dangling_receipts(), "0");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.blocks"), "2");
}

/* As one who writes profiles by the billion would find them: alike but for their end. */
static void
blocks_whose_hashes_begin_alike_are_each_stored(void **state)
{
	static const char count[] = "SELECT count(DISTINCT hash) FROM usher.blocks";
	const struct context_ask ask = {.org_id = fixture.org_id, .user_id = id_of(ANN)};
	const struct context_ask asks[] = {ask, ask, ask};
	struct context_entry *entries[3];
	struct fake_call fake;

	(void)state;
	fake_call_init(&fake, NULL);
	must(store_lease(fixture.store, fake.call.deadline_us, &fake.call.conn));
	must(context_memory_read(memory, &fake.call, asks, 3, entries));
	for (size_t i = 0; i < 3; i++) {
		memset(entries[i]->block.hash, 7, BLOCK_HASH_BYTES);
		entries[i]->block.hash[8 + i] = 8;
	}
	/* In one statement, and behind one that was stored before. */
	must(context_memory_store(memory, &fake.call, &fixture.org_id, entries, 2));
	assert_string_equal(handler_sql(&fixture, count), "2");
	must(context_memory_store(memory, &fake.call, &fixture.org_id, entries + 2, 1));
	assert_string_equal(handler_sql(&fixture, count), "3");
	for (size_t i = 0; i < 3; i++)
		context_entry_release(&entries[i]);
	store_return(&fake.call.conn);
	fake_call_done(&fake);
}

/* Somebody's transaction, which holds what sql takes until it is finished. */
static PGconn *
hold(const char *sql)
{
	PGconn *pg =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, fixture.database, "usher_owner", NULL);

	PQclear(PQexec(pg, "BEGIN"));
	PQclear(PQexec(pg, sql));
	assert_int_equal(PQtransactionStatus(pg), PQTRANS_INTRANS);
	return pg;
}

static bool
somebody_waits_for_a_lock(void)
{
	return strcmp(handler_sql(&fixture, "SELECT count(*) FROM pg_stat_activity WHERE "
					    "wait_event_type = 'Lock' AND usename = 'usher_app'"),
		   "0") != 0;
}

static void *
resolve_for_ann(void *unused)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)unused;
	return (void *)(intptr_t)call_as(&key, "Resolve", &req, &reply).status.code;
}

/* The server that has the block may be gone: the next one has to get it, too. */
static void
what_is_stored_while_all_is_forgotten_is_stored_again(void **state)
{
	PGconn *other = hold("LOCK TABLE usher.blocks IN SHARE MODE");
	pthread_t thread;
	void *code;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, resolve_for_ann, NULL), 0);
	until(somebody_waits_for_a_lock, "the block is being stored");
	context_memory_obey(memory, NULL);
	PQfinish(other);
	pthread_join(thread, &code);
	assert_int_equal((intptr_t)code, ST_OK);
	handler_sql(&fixture, "DELETE FROM usher.blocks");
	assert_int_equal((intptr_t)resolve_for_ann(NULL), ST_OK);
	assert_string_equal(dangling_receipts(), "0");
}

static int64_t ahead_us;

static int64_t
ahead_now(void *self)
{
	(void)self;
	return clock_now_us(&clock_system) + ahead_us;
}

static int64_t
ahead_boot(void *self)
{
	(void)self;
	return clock_boot_us(&clock_system);
}

/* Retention removes what nobody said this of for long enough. */
static void
that_a_block_is_in_use_is_said_each_day(void **state)
{
	static const char old[] = "UPDATE usher.blocks SET used_at = now() - interval '2 days'";
	static const char fresh[] =
	    "SELECT count(*) FROM usher.blocks WHERE used_at > now() - interval '1 hour'";
	static const struct clock clock = {ahead_now, ahead_boot, NULL};
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	context_memory_free(&memory);
	must(context_memory_new(8u << 20, &clock, &memory));
	env.memory = memory;
	/* Not over midnight. */
	ahead_us = DAY_US - clock_now_us(&clock_system) % DAY_US;
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	handler_sql(&fixture, old);
	assert_ok(from_memory(&key, "Resolve", &req, &reply));
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(handler_sql(&fixture, fresh), "0");
	ahead_us += DAY_US;
	assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(handler_sql(&fixture, fresh), "1");
	/* Another node that reads it on the same day has nothing to write, and no commit to wait
	 * for. */
	context_memory_obey(memory, NULL);
	handler_sql(&fixture, "UPDATE usher.blocks SET used_at = now()");
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(handler_sql(&fixture, "SELECT xmax FROM usher.blocks"), "0");
	/* It has been said already. */
	handler_sql(&fixture, old);
	assert_ok(from_memory(&key, "Resolve", &req, &reply));
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_string_equal(handler_sql(&fixture, fresh), "0");
}

static void
a_batch_that_was_stored_before_is_not_stored_again(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	/* The commit arrived, and nobody was told: the mark is there already. */
	for (int batch = 1; batch < 10; batch++)
		handler_sql(&fixture,
		    "INSERT INTO usher.read_batches SELECT spool_id, %d FROM (SELECT "
		    "'00000000-0000-0000-0000-000000000000'::uuid AS spool_id) s",
		    batch);
	assert_int_equal(drain(), 1);
	handler_sql(&fixture,
	    "INSERT INTO usher.read_batches "
	    "SELECT spool_id, max(batch) + (1 << 24) FROM usher.read_batches WHERE spool_id <> "
	    "'00000000-0000-0000-0000-000000000000' GROUP BY 1");
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_int_equal(drain(), 0);
	assert_string_equal(handler_sql(&fixture, "SELECT sum(reads) FROM usher.reads"), "1");
}

static void
a_message_joins_its_conversation(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	req.conversation = (char *)"c-1";
	assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_int_equal(reply.seq, 1);
	req.message = (char *)"Again";
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_int_equal(reply.seq, 2);
	assert_string_equal(reply.context->segments[2]->text, "# Conversation\nuser: Hello\n");
	assert_string_equal(reply.context->segments[3]->text, "# Message\nuser: Again\n");
	/* By our own id too, and never into another user's. */
	req.conversation = reply.conversation_id;
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_int_equal(reply.seq, 3);
	req.user_id = (char *)"ext:ben";
	expect(call_as(&key, "Resolve", &req, &reply), ST_FAILED_PRECONDITION,
	    "CONVERSATION_OF_ANOTHER_USER");
	assert_string_equal(handler_sql(&fixture, "SELECT last_seq FROM usher.conversations"), "3");
}

static void
fill_spool(void)
{
	struct spool_figures figures;

	for (unsigned i = 0; i == 0 || figures.slots_used < figures.slots_max; i++) {
		struct spool_read read = {.second = 1};
		struct spool_ticket ticket;
		struct uuid read_id;

		memcpy(read.user_id.bytes, &i, sizeof(i));
		if (spool_begin(spool, &read, &ticket))
			spool_take(&ticket, &read_id);
		spool_get_figures(spool, &figures);
	}
}

static bool
somebody_waits_for_room(void)
{
	struct spool_figures figures;

	spool_get_figures(spool, &figures);
	return figures.waits > 0;
}

static void *
join_a_conversation(void *unused)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)unused;
	req.conversation = (char *)"c-1";
	return (void *)(intptr_t)call_as(&key, "Resolve", &req, &reply).status.code;
}

/* The database is slow: the last that it needs is somebody who holds a row meanwhile. */
static void
who_waits_for_room_for_a_receipt_holds_no_conversation(void **state)
{
	pthread_t thread;
	void *code;

	(void)state;
	fill_spool();
	assert_int_equal(pthread_create(&thread, NULL, join_a_conversation, NULL), 0);
	until(somebody_waits_for_room, "the call waits");
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM pg_stat_activity WHERE "
				  "usename = 'usher_app' AND state = 'idle in transaction'"),
	    "0");
	drain();
	pthread_join(thread, &code);
	assert_int_equal((intptr_t)code, ST_OK);
	drain();
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.reads WHERE user_id = '" ANN "'"),
	    "1");
	assert_string_equal(handler_sql(&fixture, "SELECT last_seq FROM usher.conversations"), "1");
}

/* Neither a key that may only read, nor a role that may, appends turns by resolving. */
static void
who_may_not_write_turns_adds_none_by_resolving(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	struct principal reader = key, auditor = admin;

	(void)state;
	reader.permissions = bits("context.read", "context.read");
	auditor.permissions = bits("context.read", "conversations.read");
	req.conversation = (char *)"c-1";
	expect(
	    call_as(&reader, "Resolve", &req, &reply), ST_PERMISSION_DENIED, "PERMISSION_MISSING");
	req.chatbot_id = (char *)BOT;
	req.user_id = (char *)ANN;
	expect(
	    call_as(&auditor, "Resolve", &req, &reply), ST_PERMISSION_DENIED, "PERMISSION_MISSING");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.conversations"), "0");
	assert_ok(call_as(&admin, "Resolve", &req, &reply));
	/* To look into one is to read. */
	req.message = (char *)"";
	assert_ok(call_as(&reader, "Resolve", &req, &reply));
	assert_string_equal(reply.context->segments[2]->text, "# Conversation\nuser: Hello\n");
}

static void
what_is_disabled_is_not_resolved(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;

	(void)state;
	handler_sql(&fixture, "UPDATE usher.users SET status = 2 WHERE id = '" ANN "'");
	expect(call_as(&key, "Resolve", &req, &reply), ST_FAILED_PRECONDITION, "USER_DISABLED");
	req.user_id = (char *)BEN;
	handler_sql(&fixture, "UPDATE usher.chatbots SET disabled_at = now()");
	expect(call_as(&key, "Resolve", &req, &reply), ST_FAILED_PRECONDITION, "CHATBOT_DISABLED");
}

static void
a_bound_key_touches_no_other_user(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	struct principal bound = key;

	(void)state;
	bound.has_bound_user = true;
	bound.bound_user_id = id_of(ANN);
	assert_ok(call_as(&bound, "Resolve", &req, &reply));
	req.user_id = (char *)"ext:ben";
	expect(call_as(&bound, "Resolve", &req, &reply), ST_PERMISSION_DENIED, NULL);
	expect(from_memory(&bound, "Resolve", &req, &reply), ST_PERMISSION_DENIED, NULL);
}

/* Nor does what one may not have, and another may, come from memory without it. */
static void
what_is_refused_leaves_no_block(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	Usher__V1__BatchGetContextRequest batch = USHER__V1__BATCH_GET_CONTEXT_REQUEST__INIT;
	Usher__V1__BatchGetContextReply batch_reply;
	char *users[] = {(char *)ANN, (char *)"ext:ben"};
	struct principal bound = key;

	(void)state;
	bound.has_bound_user = true;
	bound.bound_user_id = id_of(ANN);
	req.user_id = (char *)"ext:ben";
	expect(call_as(&bound, "Resolve", &req, &reply), ST_PERMISSION_DENIED, NULL);
	batch.user_ids = users;
	batch.n_user_ids = 2;
	expect(
	    call_as(&bound, "BatchGetContext", &batch, &batch_reply), ST_PERMISSION_DENIED, NULL);
	handler_sql(&fixture, "UPDATE usher.users SET status = 2 WHERE id = '" ANN "'");
	req.user_id = (char *)ANN;
	expect(call_as(&key, "Resolve", &req, &reply), ST_FAILED_PRECONDITION, "USER_DISABLED");
	assert_int_equal(drain(), 0);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.blocks"), "0");

	req.user_id = (char *)"ext:ben";
	expect(from_memory(&bound, "Resolve", &req, &reply), ST_PERMISSION_DENIED, NULL);
	assert_true(rpc_is_not_cached(from_memory(&key, "Resolve", &req, &reply).status));
	assert_ok(call_as(&key, "Resolve", &req, &reply));
	assert_ok(from_memory(&key, "Resolve", &req, &reply));
	assert_string_equal(dangling_receipts(), "0");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.blocks"), "1");
}

static void
a_small_quota_is_exact(void **state)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	struct handler_outcome outcome;
	int taken = 0;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.api_keys (org_id, id, chatbot_id, prefix, secret_hash, scopes, "
	    "requests_per_day) SELECT id, '01900000-0000-7000-8000-0000000000e1', '" BOT
	    "', 'p', 'x', '{}', 5 FROM usher.orgs WHERE slug = 'acme'");
	key.requests_per_day = 5;
	for (int i = 0; i < 12; i++) {
		outcome = from_memory(&key, "Resolve", &req, &reply);
		if (rpc_is_not_cached(outcome.status))
			outcome = call_as(&key, "Resolve", &req, &reply);
		if (outcome.status.code == ST_OK)
			taken++;
		else
			expect(outcome, ST_RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED");
	}
	assert_int_equal(taken, 5);
	assert_true(outcome.retry_after_ms > 0);
	drain();
	assert_string_equal(handler_sql(&fixture, "SELECT sum(reads) FROM usher.reads"), "5");
}

static struct handler_outcome
create_key(const struct principal *principal, const char *scope, const char *network,
    const char *user, Usher__V1__CreateApiKeyReply *reply)
{
	Usher__V1__CreateApiKeyRequest req = USHER__V1__CREATE_API_KEY_REQUEST__INIT;
	char *scopes[] = {(char *)scope}, *networks[] = {(char *)network};

	req.chatbot_id = (char *)"bot";
	req.scopes = scopes;
	req.n_scopes = 1;
	req.allowed_networks = networks;
	req.n_allowed_networks = network != NULL;
	req.default_user_id = (char *)user;
	return call_as(principal, "CreateApiKey", &req, reply);
}

static void
a_key_is_made_shown_once_listed_and_revoked(void **state)
{
	Usher__V1__CreateApiKeyReply made;
	Usher__V1__ListApiKeysRequest list = USHER__V1__LIST_API_KEYS_REQUEST__INIT;
	Usher__V1__ListApiKeysReply listed;
	Usher__V1__RevokeApiKeyRequest revoke = USHER__V1__REVOKE_API_KEY_REQUEST__INIT;
	Usher__V1__ApiKey revoked;
	struct principal principal;

	(void)state;
	assert_ok(create_key(&admin, "context.write", "192.0.2.0/24", "ext:ann", &made));
	assert_int_equal(strncmp(made.api_key, "ush_live_", 9), 0);
	assert_string_equal(made.key->default_user_id, ANN);
	principal = handler_principal(&fixture, made.api_key);
	assert_int_equal(principal.kind, PRINCIPAL_KEY);
	assert_true(uuid_equals(&principal.org_id, &fixture.org_id));
	list.chatbot_id = (char *)BOT;
	assert_ok(call_as(&admin, "ListApiKeys", &list, &listed));
	assert_int_equal(listed.n_keys, 1);
	assert_string_equal(listed.keys[0]->scopes[0], "context.write");
	assert_string_equal(listed.keys[0]->allowed_networks[0], "192.0.2.0/24");
	revoke.chatbot_id = (char *)BOT;
	revoke.key_id = made.key->key_id;
	expect(call_as(&foreign, "RevokeApiKey", &revoke, &revoked), ST_NOT_FOUND, NULL);
	for (int i = 0; i < 2; i++) {
		assert_ok(call_as(&admin, "RevokeApiKey", &revoke, &revoked));
		assert_non_null(revoked.revoked_at);
	}
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT count(*) FROM usher.changes WHERE kind = %d AND restricts", CHANGE_KEY),
	    "2");
}

static void
nobody_gives_a_key_what_they_have_not(void **state)
{
	Usher__V1__CreateApiKeyReply made;
	struct principal poor = admin;

	(void)state;
	poor.permissions = bits("keys.write", "keys.read");
	expect(create_key(&poor, "users.write", NULL, "", &made), ST_PERMISSION_DENIED,
	    "SCOPE_NOT_HELD");
	assert_ok(create_key(&admin, "users.write", NULL, "", &made));
	expect(create_key(&admin, "keys.write", NULL, "", &made), ST_INVALID_ARGUMENT, NULL);
	expect(create_key(&admin, "client_ip.assert", NULL, "", &made), ST_INVALID_ARGUMENT, NULL);
	expect(create_key(&admin, "nonsense", NULL, "", &made), ST_INVALID_ARGUMENT, NULL);
	expect(
	    create_key(&admin, "context.read", "10.0.0.1/8", "", &made), ST_INVALID_ARGUMENT, NULL);
	expect(create_key(&admin, "context.read", NULL, FOREIGN_USER, &made), ST_NOT_FOUND, NULL);
	expect(create_key(&foreign, "context.read", NULL, ANN, &made), ST_NOT_FOUND, NULL);
}

static struct handler_outcome
put(const struct principal *principal, const char *path, Usher__V1__Profile *profile,
    int64_t expect_version, Usher__V1__GetProfileReply *reply)
{
	Usher__V1__PutProfileRequest req = USHER__V1__PUT_PROFILE_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *paths[] = {(char *)path};

	mask.paths = paths;
	mask.n_paths = 1;
	req.user_id = (char *)ANN;
	req.profile = profile;
	req.update_mask = path ? &mask : NULL;
	req.expect_version = expect_version;
	return call_as(principal, "PutProfile", &req, reply);
}

static void
a_profile_is_stamped_with_who_wrote_each_field(void **state)
{
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;
	Usher__V1__GetProfileReply reply;

	(void)state;
	profile.company = (char *)"Acme";
	profile.about = (char *)"Mine\n\xf0\x9f\x98\x80 <'\"\\>";
	profile.preferences = (char *)"{\"tone\":\"brief\",\"n\":1.50}";
	assert_ok(put(&ann, NULL, &profile, 0, &reply));
	assert_int_equal(reply.profile->version, 1);
	assert_string_equal(reply.profile->about, profile.about);
	assert_string_equal(reply.profile->preferences, "{\"n\": 1.50, \"tone\": \"brief\"}");
	profile.role = (char *)"CTO";
	assert_ok(put(&key, "role", &profile, 0, &reply));
	profile.company = (char *)"Acme AG";
	assert_ok(put(&admin, "company", &profile, 2, &reply));
	/* Repeating what the user wrote does not make it an administrator's word. */
	assert_ok(put(&admin, "about", &profile, 0, &reply));
	expect(put(&admin, "company", &profile, 2, &reply), ST_ABORTED, "VERSION_MISMATCH");
	expect(put(&admin, "nonsense", &profile, 0, &reply), ST_INVALID_ARGUMENT, NULL);
	assert_string_equal(handler_sql(&fixture, "SELECT trust FROM usher.profiles"),
	    "{\"role\": 2, \"about\": 1, \"company\": 3, \"preferences\": 1}");
	profile.profile_data = (char *)"{\"a\":\"\\u0000\"}";
	expect(put(&ann, "profile_data", &profile, 0, &reply), ST_INVALID_ARGUMENT, NULL);
}

/* 1 is 1.000 to jsonb, and another text to whoever reads it. */
static void
another_text_of_the_same_number_is_another_version(void **state)
{
	static const char trust[] = "SELECT trust FROM usher.profiles";
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;
	Usher__V1__GetProfileReply reply;

	(void)state;
	profile.preferences = profile.profile_data = (char *)"{\"a\":1}";
	assert_ok(put(&admin, NULL, &profile, 0, &reply));
	assert_ok(put(&ann, NULL, &profile, 0, &reply));
	assert_int_equal(reply.profile->version, 1);
	handler_sql(&fixture, "UPDATE usher.profiles SET updated_at = '2020-01-01Z'");
	profile.preferences = (char *)"{\"a\":1.000}";
	assert_ok(put(&ann, "preferences", &profile, 0, &reply));
	assert_string_equal(reply.profile->preferences, "{\"a\": 1.000}");
	assert_int_equal(reply.profile->version, 2);
	assert_string_equal(
	    handler_sql(&fixture, trust), "{\"preferences\": 1, \"profile_data\": 3}");
	assert_string_equal(
	    handler_sql(&fixture, "SELECT updated_at > '2020-01-01Z' FROM usher.profiles"), "t");
	profile.profile_data = (char *)"{\"a\":1.0}";
	assert_ok(put(&ann, "profile_data", &profile, 2, &reply));
	assert_int_equal(reply.profile->version, 3);
	assert_string_equal(
	    handler_sql(&fixture, trust), "{\"preferences\": 1, \"profile_data\": 1}");
	/* Blanks are no part of it. */
	profile.preferences = (char *)" { \"a\" : 1.000 } ";
	assert_ok(put(&admin, "preferences", &profile, 0, &reply));
	assert_int_equal(reply.profile->version, 3);
}

/* What somebody was told, by their receipt. */
static Usher__V1__ContextBlock *
replay(const char *read_id)
{
	const char *hex;
	uint8_t content[65536];
	Usher__V1__ContextBlock *block;

	drain();
	hex = handler_sql(&fixture,
	    "SELECT encode(b.content, 'hex') FROM usher.reads r JOIN usher.blocks b "
	    "ON b.org_id = r.org_id AND b.user_id = r.user_id AND b.hash = r.block_hash "
	    "WHERE r.read_id = '%s'",
	    read_id);
	assert_non_null(hex);
	assert_in_range(strlen(hex), 2, 2 * sizeof(content));
	assert_true(hex_decode(slice_text(hex), content, strlen(hex) / 2));
	block = usher__v1__context_block__unpack(NULL, strlen(hex) / 2, content);
	assert_non_null(block);
	return block;
}

static const char *
item_text(const Usher__V1__ContextBlock *block, const char *name)
{
	for (size_t i = 0; i < block->n_segments; i++)
		for (size_t j = 0; j < block->segments[i]->n_items; j++)
			if (strcmp(block->segments[i]->items[j]->name, name) == 0)
				return block->segments[i]->items[j]->text;
	return "";
}

static void
a_receipt_leads_to_the_items_that_were_answered(void **state)
{
	/* The model sees the same with each of the first four, and with each of the last two. */
	static const char *const texts[] = {"a\nb", "a\r\nb", "a\vb",
	    "a\xe2\x80\xa8"
	    "b",
	    "a\x01"
	    "b",
	    "a\x02"
	    "b"};
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;
	Usher__V1__GetProfileReply put_reply;
	Usher__V1__ResolveReply reply;

	(void)state;
	req.with_items = true;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		Usher__V1__ContextBlock *block;

		profile.about = (char *)texts[i];
		assert_ok(put(&ann, "about", &profile, 0, &put_reply));
		changed(CHANGE_PROFILE, ANN);
		assert_ok(call_as(&key, "Resolve", &req, &reply));
		assert_string_equal(item_text(reply.context, "profile.about"), texts[i]);
		block = replay(reply.read_id);
		assert_string_equal(item_text(block, "profile.about"), texts[i]);
		usher__v1__context_block__free_unpacked(block, NULL);
	}
}

static struct handler_outcome
append(const char *conversation, const char *text, int64_t expect_seq,
    Usher__V1__AppendTurnsReply *reply)
{
	Usher__V1__AppendTurnsRequest req = USHER__V1__APPEND_TURNS_REQUEST__INIT;
	Usher__V1__NewTurn turn = USHER__V1__NEW_TURN__INIT;
	Usher__V1__NewTurn *turns[] = {&turn, &turn};

	turn.role = USHER__V1__TURN_ROLE__TURN_ROLE_ASSISTANT;
	turn.text = (char *)text;
	turn.attributes = (char *)"{\"k\":1}";
	req.conversation = (char *)conversation;
	req.turns = turns;
	req.n_turns = 2;
	req.expect_seq = expect_seq;
	return call_as(&key, "AppendTurns", &req, reply);
}

static void
a_key_reads_nothing_of_a_disabled_user(void **state)
{
	Usher__V1__GetProfileRequest get = USHER__V1__GET_PROFILE_REQUEST__INIT;
	Usher__V1__ListTurnsRequest list = USHER__V1__LIST_TURNS_REQUEST__INIT;
	Usher__V1__GetProfileReply profile;
	Usher__V1__AppendTurnsReply appended;
	Usher__V1__ListTurnsReply turns;

	(void)state;
	assert_ok(append("c", "x", 0, &appended));
	list.conversation = (char *)"c";
	assert_ok(call_as(&key, "GetProfile", &get, &profile));
	assert_ok(call_as(&key, "ListTurns", &list, &turns));
	handler_sql(&fixture, "UPDATE usher.users SET status = 2 WHERE id = '" ANN "'");
	expect(
	    call_as(&key, "GetProfile", &get, &profile), ST_FAILED_PRECONDITION, "USER_DISABLED");
	expect(call_as(&key, "ListTurns", &list, &turns), ST_FAILED_PRECONDITION, "USER_DISABLED");
	get.user_id = (char *)ANN;
	list.chatbot_id = (char *)BOT;
	assert_ok(call_as(&admin, "GetProfile", &get, &profile));
	assert_ok(call_as(&admin, "ListTurns", &list, &turns));
}

static void
nothing_is_written_for_what_is_disabled(void **state)
{
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;
	Usher__V1__GetProfileReply written;
	Usher__V1__AppendTurnsReply reply;

	(void)state;
	profile.company = (char *)"Example Inc.";
	assert_ok(append("before", "x", 0, &reply));
	handler_sql(&fixture, "UPDATE usher.users SET status = 2 WHERE id = '" ANN "'");
	expect(append("before", "x", 0, &reply), ST_FAILED_PRECONDITION, "USER_DISABLED");
	expect(append("new", "x", 0, &reply), ST_FAILED_PRECONDITION, "USER_DISABLED");
	expect(
	    put(&key, "company", &profile, 0, &written), ST_FAILED_PRECONDITION, "USER_DISABLED");
	/* An administrator puts it right meanwhile. */
	profile.company = (char *)"";
	assert_ok(put(&admin, "company", &profile, 0, &written));
	handler_sql(&fixture, "UPDATE usher.users SET status = 1");
	handler_sql(&fixture, "UPDATE usher.chatbots SET disabled_at = now()");
	expect(append("before", "x", 0, &reply), ST_FAILED_PRECONDITION, "CHATBOT_DISABLED");
	expect(append("new", "x", 0, &reply), ST_FAILED_PRECONDITION, "CHATBOT_DISABLED");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.turns"), "2");
}

static void *
append_one(void *unused)
{
	Usher__V1__AppendTurnsReply reply;

	(void)unused;
	return (void *)(intptr_t)append("raced", "x", 0, &reply).status.code;
}

static void
twenty_that_append_at_once_leave_one_conversation_without_gaps(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, append_one, NULL);
	for (size_t i = 0; i < THREADS; i++) {
		void *code;

		pthread_join(threads[i], &code);
		assert_int_equal((intptr_t)code, ST_OK);
	}
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT count(DISTINCT conversation_id) || ' ' || count(*) || ' ' || "
		"max(seq) FROM usher.turns"),
	    "1 40 40");
}

static void
turns_are_listed_from_the_newest_back(void **state)
{
	Usher__V1__AppendTurnsReply appended;
	Usher__V1__ListTurnsRequest req = USHER__V1__LIST_TURNS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListTurnsReply reply;
	int64_t next = 6;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_ok(append("c", "text\nof two lines", 2 * i + 1, &appended));
	expect(append("c", "late", 3, &appended), ST_ABORTED, "SEQUENCE_MISMATCH");
	req.conversation = (char *)"c";
	req.page = &page;
	page.size = 4;
	for (int pages = 0; pages < 2; pages++) {
		assert_ok(call_as(&key, "ListTurns", &req, &reply));
		for (size_t i = 0; i < reply.n_turns; i++)
			assert_int_equal(reply.turns[i]->seq, next--);
		page.token = reply.page ? reply.page->next_token : (char *)"";
	}
	assert_int_equal(next, 0);
	assert_null(reply.page);
	assert_string_equal(reply.turns[0]->text, "text\nof two lines");
	assert_string_equal(reply.turns[0]->attributes, "{\"k\": 1}");
	req.conversation = (char *)"unknown";
	expect(call_as(&key, "ListTurns", &req, &reply), ST_NOT_FOUND, NULL);
}

static void
append_long(size_t bytes, int64_t first_seq)
{
	Usher__V1__AppendTurnsReply appended;
	char *text = malloc(bytes + 1);

	assert_non_null(text);
	for (size_t i = 0; i < bytes; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[bytes] = '\0';
	assert_ok(append("c", text, first_seq, &appended));
	free(text);
}

/* What counts of a page is bytes, not characters; a turn larger than a page has one of its own. */
static void
a_page_of_long_turns_is_shorter_and_none_is_left_out(void **state)
{
	static const size_t counts[] = {4, 1, 1, 3, 5};
	Usher__V1__ListTurnsRequest req = USHER__V1__LIST_TURNS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListTurnsReply reply;
	int64_t next = 14;

	(void)state;
	append_long(2, 1);
	append_long(300000, 3);
	append_long(300000, 5);
	append_long(300000, 7);
	append_long(PAGE_BYTES_MAX + 2, 9);
	append_long(2, 11);
	append_long(400000, 13);
	req.conversation = (char *)"c";
	req.page = &page;
	page.size = PAGE_ITEMS_MAX;
	for (size_t pages = 0; next > 0; pages++) {
		size_t bytes = 0;

		assert_ok(call_as(&key, "ListTurns", &req, &reply));
		for (size_t i = 0; i < reply.n_turns; i++) {
			assert_int_equal(reply.turns[i]->seq, next--);
			bytes += strlen(reply.turns[i]->text) + strlen(reply.turns[i]->attributes);
		}
		assert_true(reply.n_turns == 1 || bytes <= PAGE_BYTES_MAX);
		assert_int_equal(reply.n_turns, counts[pages]);
		assert_int_equal(next > 0, reply.page != NULL);
		page.token = reply.page ? reply.page->next_token : (char *)"";
	}
}

/* Written by a node of before the sum of exponents was bounded. */
static void
a_turn_that_no_reply_would_hold_is_listed_without_its_attributes(void **state)
{
	Usher__V1__AppendTurnsReply appended;
	Usher__V1__ListTurnsRequest req = USHER__V1__LIST_TURNS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListTurnsReply reply;

	(void)state;
	assert_ok(append("c", "text", 1, &appended));
	assert_ok(append("c", "text", 3, &appended));
	handler_sql(&fixture,
	    "UPDATE usher.turns SET attributes = jsonb_build_object('k', "
	    "(SELECT jsonb_agg(1e400) FROM generate_series(1, seq * 4000))) WHERE seq IN (1, 3)");
	req.conversation = (char *)"c";
	req.page = &page;
	page.size = PAGE_ITEMS_MAX;
	assert_ok(call_as(&key, "ListTurns", &req, &reply));
	assert_int_equal(reply.n_turns, 1);
	page.token = reply.page->next_token;
	assert_ok(call_as(&key, "ListTurns", &req, &reply));
	assert_int_equal(reply.turns[0]->seq, 3);
	assert_string_equal(reply.turns[0]->text, "text");
	assert_string_equal(reply.turns[0]->attributes, "");
	page.token = reply.page->next_token;
	assert_ok(call_as(&key, "ListTurns", &req, &reply));
	assert_int_equal(reply.turns[0]->seq, 2);
	assert_string_equal(reply.turns[0]->attributes, "{\"k\": 1}");
	page.token = reply.page->next_token;
	/* What a reply holds is shown, however much it is. */
	assert_ok(call_as(&key, "ListTurns", &req, &reply));
	assert_int_equal(reply.turns[0]->seq, 1);
	assert_true(strlen(reply.turns[0]->attributes) > PAGE_BYTES_MAX);
	assert_null(reply.page);
}

static void
a_page_of_long_chatbots_is_shorter_and_none_is_left_out(void **state)
{
	Usher__V1__ListChatbotsRequest req = USHER__V1__LIST_CHATBOTS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListChatbotsReply reply;
	char last[UUID_TEXT_BYTES] = "";
	size_t long_ones = 0, pages = 0;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.chatbots (org_id, id, display_name, instructions) SELECT org_id, "
	    "('01900000-0000-7000-8000-1000000000' || n)::uuid, 'Long', "
	    "repeat(U&'\\+01D11E', 20000) FROM usher.chatbots, generate_series(10, 39) n "
	    "WHERE id = '" BOT "'");
	req.page = &page;
	page.size = PAGE_ITEMS_MAX;
	do {
		size_t bytes = 0;

		assert_ok(call_as(&admin, "ListChatbots", &req, &reply));
		for (size_t i = 0; i < reply.n_chatbots; i++) {
			const Usher__V1__Chatbot *chatbot = reply.chatbots[i];

			bytes += strlen(chatbot->instructions);
			if (strcmp(chatbot->display_name, "Long") != 0)
				continue;
			assert_true(strcmp(last, chatbot->chatbot_id) < 0);
			strcpy(last, chatbot->chatbot_id);
			long_ones++;
		}
		assert_true(reply.n_chatbots > 0 && bytes <= PAGE_BYTES_MAX);
		page.token = reply.page ? reply.page->next_token : (char *)"";
		pages++;
	} while (reply.page);
	assert_int_equal(long_ones, 30);
	assert_int_equal(pages, 3);
}

static struct handler_outcome
create_chatbot(const char *id, const char *alias, const char *name, Usher__V1__Chatbot *reply)
{
	Usher__V1__CreateChatbotRequest req = USHER__V1__CREATE_CHATBOT_REQUEST__INIT;

	req.chatbot_id = (char *)id;
	req.alias = (char *)alias;
	req.display_name = (char *)name;
	return call_as(&admin, "CreateChatbot", &req, reply);
}

static void
a_chatbot_is_made_once(void **state)
{
	static const char id[] = "01900000-0000-7000-8000-0000000000c1";
	Usher__V1__Chatbot first, second;
	Usher__V1__ListChatbotsRequest list = USHER__V1__LIST_CHATBOTS_REQUEST__INIT;
	Usher__V1__ListChatbotsReply listed;

	(void)state;
	assert_ok(create_chatbot(id, "new", "New", &first));
	assert_ok(create_chatbot(id, "new", "New", &second));
	assert_int_equal(second.version, 1);
	expect(create_chatbot(id, "new", "Other", &second), ST_ALREADY_EXISTS, "CHATBOT_EXISTS");
	expect(create_chatbot("", "bot", "Other", &second), ST_ALREADY_EXISTS, "ALIAS_TAKEN");
	expect(create_chatbot("", BOT, "Other", &second), ST_INVALID_ARGUMENT, NULL);
	assert_ok(call_as(&admin, "ListChatbots", &list, &listed));
	assert_int_equal(listed.n_chatbots, 3);
}

static void
many_contexts_come_in_the_order_asked(void **state)
{
	Usher__V1__BatchGetContextRequest req = USHER__V1__BATCH_GET_CONTEXT_REQUEST__INIT;
	Usher__V1__BatchGetContextReply reply;
	char *users[] = {
	    (char *)"ext:ben", (char *)FOREIGN_USER, (char *)ANN, (char *)"ext:nobody"};

	(void)state;
	req.user_ids = users;
	req.n_user_ids = 4;
	assert_ok(call_as(&key, "BatchGetContext", &req, &reply));
	assert_int_equal(reply.n_contexts, 4);
	assert_true(reply.contexts[0]->found);
	assert_false(reply.contexts[1]->found);
	assert_true(reply.contexts[2]->found);
	assert_false(reply.contexts[3]->found);
	assert_string_equal(reply.contexts[2]->context->segments[1]->text,
	    "# User\ndisplay_name: Ann\nlocale: de-CH\n");
	assert_int_equal(drain(), 2);
	/* What is wrong with the chatbot is said, not laid upon the users. */
	req.chatbot_id = (char *)"two";
	expect(call_as(&key, "BatchGetContext", &req, &reply), ST_NOT_FOUND, "CHATBOT_NOT_FOUND");
	handler_sql(&fixture, "UPDATE usher.chatbots SET disabled_at = now()");
	req.chatbot_id = (char *)"";
	expect(call_as(&key, "BatchGetContext", &req, &reply), ST_FAILED_PRECONDITION,
	    "CHATBOT_DISABLED");
}

/* Of a batch of many, each by id, and some by name too. */
static void
batch_of_many(Usher__V1__BatchGetContextReply *reply)
{
	static char names[MANY][48];
	static char *users[MANY];
	Usher__V1__BatchGetContextRequest req = USHER__V1__BATCH_GET_CONTEXT_REQUEST__INIT;

	for (int i = 0; i < MANY; i++) {
		const int user = i < MANY_USERS ? i : i - MANY_USERS;

		snprintf(names[i], sizeof(names[i]),
		    i < MANY_USERS ? "01900000-0000-7000-8000-2%011d" : "ext:many-%d", user);
		users[i] = names[i];
	}
	req.user_ids = users;
	req.n_user_ids = MANY;
	assert_ok(call_as(&key, "BatchGetContext", &req, reply));
	for (int i = 0; i < MANY; i++)
		assert_true(reply->contexts[i]->found);
}

static void
blocks_of_a_batch_are_stored_together(void **state)
{
	static const char statements[] = "SELECT count(DISTINCT xmin::text) FROM usher.blocks";
	Usher__V1__BatchGetContextReply reply;
	Usher__V1__ContextBlock *block;

	(void)state;
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, external_id, display_name) SELECT org_id, "
	    "('01900000-0000-7000-8000-2' || lpad(n::text, 11, '0'))::uuid, 'many-' || n, "
	    "'User ' || n FROM usher.chatbots, generate_series(0, %d) n WHERE id = '" BOT "'",
	    MANY_USERS - 1);
	batch_of_many(&reply);
	assert_string_equal(dangling_receipts(), "0");
	assert_int_equal(
	    atoi(handler_sql(&fixture, "SELECT count(*) FROM usher.blocks")), MANY_USERS);
	assert_string_equal(handler_sql(&fixture, statements), "1");
	/* And with more than goes into one statement. */
	handler_sql(
	    &fixture, "UPDATE usher.chatbots SET instructions = repeat('Be brief. ', 2000)");
	batch_of_many(&reply);
	assert_string_equal(dangling_receipts(), "0");
	assert_int_equal(
	    atoi(handler_sql(&fixture, "SELECT count(*) FROM usher.blocks")), 2 * MANY_USERS);
	assert_in_range(atoi(handler_sql(&fixture, statements)), 3, 1 + MANY_USERS / 4);
	block = replay(reply.contexts[MANY_USERS - 1]->read_id);
	assert_string_equal(item_text(block, "user.display_name"), LAST_OF_MANY);
	usher__v1__context_block__free_unpacked(block, NULL);
}

static void
a_user_reads_their_own_context(void **state)
{
	Usher__V1__GetContextRequest req = USHER__V1__GET_CONTEXT_REQUEST__INIT;
	Usher__V1__GetContextReply reply;

	(void)state;
	assert_ok(call_as(&ann, "GetContext", &req, &reply));
	assert_string_equal(reply.user_id, ANN);
	assert_string_equal(reply.context->segments[0]->name, "user");
	assert_ok(from_memory(&ann, "GetContext", &req, &reply));
	drain();
	assert_string_equal(
	    handler_sql(&fixture, "SELECT sum(reads) FROM usher.reads WHERE reader_id = '" ANN "'"),
	    "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Resolve, and what memory has of it then. */
static struct context_entry *
entry_of(const struct context_ask *ask)
{
	Usher__V1__ResolveRequest req = resolve_request();
	Usher__V1__ResolveReply reply;
	struct context_entry *entry;
	char *external = NULL;

	changed(CHANGE_USER, ANN);
	changed(CHANGE_CHATBOT, BOT);
	if (ask->external_id) {
		external = test_malloc(strlen(ask->external_id) + sizeof("ext:"));
		snprintf(external, strlen(ask->external_id) + sizeof("ext:"), "ext:%s",
		    ask->external_id);
		req.user_id = external;
		expect(call_as(&key, "Resolve", &req, &reply), ST_NOT_FOUND, NULL);
		test_free(external);
	} else {
		assert_ok(call_as(&key, "Resolve", &req, &reply));
	}
	entry = context_memory_find(memory, ask);
	assert_non_null(entry);
	return entry;
}

/* What is charged is what was taken: the entry, all of its arena, and, by the cache, its links. */
static void
assert_charged(const char *what, const struct context_ask *ask)
{
	struct context_entry *entry = entry_of(ask);
	const struct arena *arena = &entry->arena;
	struct cache_stats stats;

	print_message("%s: %zu bytes charged, %zu held, %zu used\n", what, entry->cache.cost_bytes,
	    arena->held_bytes, arena->used_bytes);
	assert_int_equal(entry->cache.cost_bytes, sizeof(*entry) + arena->held_bytes);
	context_memory_get_stats(memory, &stats);
	assert_int_equal(stats.entries, 1);
	assert_true(stats.bytes > (int64_t)entry->cache.cost_bytes);
	/* In one piece, and little of it in vain. */
	assert_ptr_equal(arena->first, arena->current);
	assert_true(arena->held_bytes <= arena->used_bytes + arena->used_bytes / 4 + 512);
	context_entry_release(&entry);
}

static void
a_context_is_charged_what_it_holds(void **state)
{
	struct context_ask ask = {.org_id = fixture.org_id,
	    .has_chatbot = true,
	    .chatbot_id = id_of(BOT),
	    .user_id = id_of(ANN)};
	char stranger[400];

	(void)state;
	assert_charged("a bare user", &ask);
	handler_sql(&fixture, "UPDATE usher.chatbots SET instructions = repeat('Be brief. ', 50)");
	assert_charged("500 bytes of instructions", &ask);
	handler_sql(&fixture, "UPDATE usher.chatbots SET instructions = repeat('Be brief. ', 800), "
			      "display_name = repeat('n', 200), alias = repeat('a', 60) "
			      "WHERE id = '" BOT "'");
	assert_charged("8,000 bytes of instructions", &ask);
	handler_sql(&fixture,
	    "UPDATE usher.users SET display_name = repeat('d', 200), email = repeat('e', 200), "
	    "external_id = repeat('x', 200), time_zone = 'America/Argentina/ComodRivadavia' "
	    "WHERE id = '" ANN "'");
	assert_charged("long names", &ask);
	handler_sql(&fixture,
	    "INSERT INTO usher.profiles (org_id, user_id, company, role, about, preferences, "
	    "profile_data, version) SELECT org_id, id, 'Acme', 'CTO', "
	    "repeat(repeat('a', 60) || chr(10), 10), '{\"tone\": \"brief\"}', "
	    "jsonb_build_object('k', repeat('v', 3000)), 1 FROM usher.users WHERE id = '" ANN "'");
	handler_sql(&fixture,
	    "INSERT INTO usher.user_roles (org_id, user_id, role) SELECT org_id, id, "
	    "unnest(ARRAY['admin', 'member', 'owner']) FROM usher.users "
	    "WHERE id = '" ANN "'");
	assert_charged("everything", &ask);
	context_memory_obey(memory, NULL);
	ask.external_id = "nobody";
	assert_charged("a user who is not there", &ask);
	context_memory_obey(memory, NULL);
	memset(stranger, 's', sizeof(stranger) - 1);
	stranger[sizeof(stranger) - 1] = '\0';
	ask.external_id = stranger;
	assert_charged("one with a long name", &ask);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(resolve_answers_from_the_database_and_then_from_memory_alike),
	    TEST(users_and_chatbots_answer_to_their_other_names),
	    TEST(another_organisation_is_not_there),
	    TEST(a_change_of_a_parent_empties_memory),
	    TEST(a_change_of_no_organisation_empties_memory_of_all_of_them),
	    TEST(every_read_leaves_a_receipt_once),
	    TEST(a_name_that_moves_to_another_user_leads_to_that_ones_block),
	    TEST(blocks_whose_hashes_begin_alike_are_each_stored),
	    TEST(what_is_stored_while_all_is_forgotten_is_stored_again),
	    TEST(that_a_block_is_in_use_is_said_each_day),
	    TEST(a_batch_that_was_stored_before_is_not_stored_again),
	    TEST(a_message_joins_its_conversation),
	    TEST(who_waits_for_room_for_a_receipt_holds_no_conversation),
	    TEST(who_may_not_write_turns_adds_none_by_resolving),
	    TEST(what_is_disabled_is_not_resolved),
	    TEST(a_key_reads_nothing_of_a_disabled_user),
	    TEST(nothing_is_written_for_what_is_disabled),
	    TEST(a_bound_key_touches_no_other_user),
	    TEST(what_is_refused_leaves_no_block),
	    TEST(a_small_quota_is_exact),
	    TEST(a_key_is_made_shown_once_listed_and_revoked),
	    TEST(nobody_gives_a_key_what_they_have_not),
	    TEST(a_profile_is_stamped_with_who_wrote_each_field),
	    TEST(another_text_of_the_same_number_is_another_version),
	    TEST(a_receipt_leads_to_the_items_that_were_answered),
	    TEST(twenty_that_append_at_once_leave_one_conversation_without_gaps),
	    TEST(turns_are_listed_from_the_newest_back),
	    TEST(a_page_of_long_turns_is_shorter_and_none_is_left_out),
	    TEST(a_turn_that_no_reply_would_hold_is_listed_without_its_attributes),
	    TEST(a_page_of_long_chatbots_is_shorter_and_none_is_left_out),
	    TEST(a_chatbot_is_made_once),
	    TEST(many_contexts_come_in_the_order_asked),
	    TEST(blocks_of_a_batch_are_stored_together),
	    TEST(a_user_reads_their_own_context),
	    TEST(a_context_is_charged_what_it_holds),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
