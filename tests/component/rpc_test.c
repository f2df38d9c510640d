/* The server and the client over loopback, with handlers, credentials and a database of our own. */
#include "base/limits.h"
#include "base/log.h"
#include "client/client.h"
#include "gen/meta/envelope.h"
#include "gen/pb/usher/v1/envelope.pb-c.h"
#include "rpc/server.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/fake_rand.h"
#include "tests/lib/until.h"
#include "wire/envelope.h"

#include <arpa/inet.h>
#include <endian.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GATE_POSTS 1000 /* more than any test has slow calls */
#define COUNTS_MAX 4
#define LEASES_FIRST 4
#define CODES_COUNT (ST_UNAUTHENTICATED + 1)

/* What stands in for memory and database. */
struct fake {
	struct rpc_server *server;
	struct client *client;
	atomic_bool trust;
	struct fake_clock *clock;   /* a test's own */
	atomic_int finds_from_here; /* by a caller on this machine */
	atomic_int finds, fills, parks, verifies, leases, begins, commits, rollbacks, audits,
	    handled, begun, changes;
	atomic_bool filled;
	pthread_mutex_t lock;
	struct cache_waiter *filling;
	struct list parked;
	struct barrier_waiter *at_barrier;
	atomic_int barrier_cancels;
	atomic_bool has_stopped;
	sem_t gate; /* slow handlers wait here */
	sem_t fill_gate;
	atomic_bool fill_waits, database_away, verify_distrusts;
	/* The database does not answer until it is cut. */
	atomic_bool lease_waits;
	atomic_int leasing, cuts, uncut;
	atomic_int gathers, gathered, released, keys_together; /* what was read for several */
	atomic_bool loses; /* its connections, when something was read for several */
	atomic_bool gather_fails, gathered_waits;
	int order[64];
	atomic_int order_count;
	bool kept;
	uint8_t kept_reply[256];
	size_t kept_bytes;
	/* Of answers, by code. Here, for a test that is over may have calls under way. */
	atomic_int counts[COUNTS_MAX][CODES_COUNT];
	int counts_used;
};

static bool
fake_trust(void *self, const struct revision *at_least)
{
	const struct fake *fake = self;
	return atomic_load(&fake->trust) && (!at_least || at_least->xid < 100);
}

/* "KIND:ORG...": the organisation's first byte is all that tells them apart. */
static void
principal_make(struct slice text, struct principal *out)
{
	const char *colon = memchr(text.data, ':', text.bytes);

	*out =
	    (struct principal){.kind = PRINCIPAL_KEY, .has_org = true, .permissions = ~UINT64_C(0)};
	memset(out->org_id.bytes, colon ? colon[1] : 'x', UUID_BYTES);
	out->key_id = out->org_id;
	out->may_assert_client_ip = slice_starts_with(text, "via:");
	out->is_platform_operator = slice_starts_with(text, "operator:");
}

static status
fake_find(void *self, const struct credential_ask *ask, enum credential_step *step,
    struct principal *principal)
{
	struct fake *fake = self;

	(void)atomic_fetch_add(&fake->finds, 1);
	if (ask->client_ip && strcmp(ask->client_ip, "127.0.0.1") == 0)
		(void)atomic_fetch_add(&fake->finds_from_here, 1);
	*ask->has_ended = slice_starts_with(ask->text, "bad:ended");
	/* May be used from one place alone. */
	if (slice_starts_with(ask->text, "home:") && strcmp(ask->client_ip, "192.0.2.1") != 0)
		return REFUSE_FOR(ST_UNAUTHENTICATED, "CREDENTIAL_INVALID", "not from there");
	if (slice_starts_with(ask->text, "bad"))
		return REFUSE_FOR(ST_UNAUTHENTICATED, "CREDENTIAL_INVALID", "no");
	if (slice_starts_with(ask->text, "cpu:"))
		*step = CREDENTIAL_NEEDS_CPU;
	else if ((slice_starts_with(ask->text, "fill:") || slice_starts_with(ask->text, "many:")) &&
		 !atomic_load(&fake->filled))
		*step = CREDENTIAL_NEEDS_QUERY;
	else
		principal_make(ask->text, principal);
	return STATUS_OK;
}

static status
fake_verify(void *self, const struct credential_ask *ask, enum credential_step *step,
    struct principal *principal)
{
	struct fake *fake = self;

	(void)step;
	(void)atomic_fetch_add(&fake->verifies, 1);
	/* Holds up a stop until its time is over, or until more than these wait for the database.
	 */
	for (int i = 0; i < 1000 && atomic_load(&fake->lease_waits) &&
			atomic_load(&fake->leasing) <= LEASES_FIRST;
	     i++)
		(void)usleep(1000);
	if (atomic_load(&fake->verify_distrusts))
		atomic_store(&fake->trust, false);
	principal_make(ask->text, principal);
	return STATUS_OK;
}

static status
fake_fill(void *self, const struct credential_ask *ask, struct store_conn *conn,
    struct arena *arena, struct principal *principal)
{
	struct fake *fake = self;

	(void)conn;
	(void)arena;
	(void)atomic_fetch_add(&fake->fills, 1);
	if (atomic_load(&fake->fill_waits))
		(void)sem_wait(&fake->fill_gate);
	atomic_store(&fake->filled, true);
	principal_make(ask->text, principal);
	return STATUS_OK;
}

/* "many:?" is somebody whom nobody knows. */
static bool
fake_may_fill_together(const struct credential_ask *ask)
{
	return slice_starts_with(ask->text, "many:");
}

static status
fake_fill_together(void *self, struct credential_filling *fillings, size_t count,
    struct store_conn *conn, struct arena *arena)
{
	struct fake *fake = self;

	(void)arena;
	assert_non_null(conn);
	if (atomic_load(&fake->gather_fails))
		return REFUSE(ST_UNAVAILABLE, "the connection broke");
	for (size_t i = 0; i < count; i++) {
		const bool is_known = !slice_starts_with(fillings[i].ask->text, "many:?");

		(void)atomic_fetch_add(&fake->keys_together, 1);
		fillings[i].st = is_known
				     ? STATUS_OK
				     : REFUSE_FOR(ST_UNAUTHENTICATED, "CREDENTIAL_INVALID", "no");
		if (is_known)
			principal_make(fillings[i].ask->text, fillings[i].principal);
	}
	return STATUS_OK;
}

static bool
fake_fill_begin(void *self, const struct credential_ask *ask, struct cache_waiter *waiter)
{
	struct fake *fake = self;
	bool first;

	(void)ask;
	(void)pthread_mutex_lock(&fake->lock);
	first = fake->filling == NULL;
	if (first)
		fake->filling = waiter;
	else
		list_add_last(&fake->parked, &waiter->parked);
	(void)atomic_fetch_add(&fake->parks, !first);
	(void)pthread_mutex_unlock(&fake->lock);
	return first;
}

static void
fake_fill_end(void *self, struct cache_waiter *waiter)
{
	struct fake *fake = self;
	struct list *node;

	(void)waiter;
	for (;;) {
		(void)pthread_mutex_lock(&fake->lock);
		fake->filling = NULL;
		node = list_take_first(&fake->parked);
		(void)pthread_mutex_unlock(&fake->lock);
		if (!node)
			return;
		struct cache_waiter *parked = container_of(node, struct cache_waiter, parked);
		parked->wake(parked);
	}
}

static bool
fake_fill_cancel(void *self, struct cache_waiter *waiter)
{
	struct fake *fake = self;
	bool was_parked = false;

	(void)pthread_mutex_lock(&fake->lock);
	list_for_each_safe (node, &fake->parked) {
		if (node != &waiter->parked)
			continue;
		list_remove(node);
		was_parked = true;
	}
	(void)pthread_mutex_unlock(&fake->lock);
	return was_parked;
}

static struct fake *the_fake; /* begin, commit and rollback know their connection alone */

#define CUT_WAIT_MS 10000

static status
lease_wait(struct fake *fake)
{
	const int cuts = atomic_load(&fake->cuts);
	int waited_ms = 0;

	(void)atomic_fetch_add(&fake->leasing, 1);
	while (atomic_load(&fake->cuts) == cuts && waited_ms++ < CUT_WAIT_MS)
		(void)usleep(1000);
	(void)atomic_fetch_add(&fake->uncut, atomic_load(&fake->cuts) == cuts);
	return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "host db1 does not answer");
}

static status
fake_lease(void *self, int64_t deadline_us, struct store_conn **out)
{
	struct fake *fake = self;

	(void)deadline_us;
	if (atomic_load(&fake->lease_waits))
		return lease_wait(fake);
	if (atomic_load(&fake->database_away))
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "host db1 does not answer");
	(void)atomic_fetch_add(&fake->leases, 1);
	*out = self;
	return STATUS_OK;
}

static void
fake_set_deadline(struct store_conn *conn, int64_t deadline_us)
{
	assert_non_null(conn);
	assert_true(deadline_us > 0);
}

static bool
fake_is_lost(const struct store_conn *conn)
{
	return atomic_load(&((const struct fake *)(const void *)conn)->loses);
}

static void
fake_give_back(void *self, struct store_conn **conn)
{
	(void)self;
	*conn = NULL;
}

static status
fake_begin(struct store_conn *conn)
{
	(void)atomic_fetch_add(&((struct fake *)(void *)conn)->begins, 1);
	return STATUS_OK;
}

/* As a client knows it. */
#define AT(of_epoch, of_xid)                                                                       \
	(struct revision)                                                                          \
	{                                                                                          \
		.epoch = (of_epoch), .xid = (of_xid)                                               \
	}

static status
fake_commit(struct store_conn *conn, struct revision *revision)
{
	struct fake *fake = (void *)conn;
	*revision = AT(7, (uint64_t)atomic_fetch_add(&fake->commits, 1) + 10);
	return STATUS_OK;
}

static void
fake_rollback(struct store_conn *conn)
{
	(void)atomic_fetch_add(&((struct fake *)(void *)conn)->rollbacks, 1);
}

static status
fake_change(struct store_conn *conn, enum change_kind kind, const struct uuid *id,
    const struct uuid *org_id, bool restrict_)
{
	assert_int_equal(kind, CHANGE_NOTHING);
	assert_null(id);
	assert_null(org_id);
	assert_true(restrict_);
	(void)atomic_fetch_add(&((struct fake *)(void *)conn)->changes, 1);
	return STATUS_OK;
}

static void
fake_cut(void *self)
{
	(void)atomic_fetch_add(&((struct fake *)self)->cuts, 1);
}

static void
fake_barrier_wait(void *self, struct barrier_waiter *waiter)
{
	struct fake *fake = self;

	(void)pthread_mutex_lock(&fake->lock);
	fake->at_barrier = waiter;
	(void)pthread_mutex_unlock(&fake->lock);
}

static struct barrier_waiter *
barrier_take(struct fake *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	struct barrier_waiter *waiter = fake->at_barrier;
	fake->at_barrier = NULL;
	(void)pthread_mutex_unlock(&fake->lock);
	return waiter;
}

static bool
barrier_is_waited_for(struct fake *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	const bool is_waited_for = fake->at_barrier != NULL;
	(void)pthread_mutex_unlock(&fake->lock);
	return is_waited_for;
}

static struct rpc_refusals
refusals_of(struct fake *fake)
{
	struct rpc_refusals refusals;

	rpc_server_refusals(fake->server, &refusals);
	return refusals;
}

static int64_t
refusals_waiting(struct fake *fake)
{
	return refusals_of(fake).of_credentials;
}

static bool
fake_barrier_cancel(void *self, struct barrier_waiter *waiter)
{
	struct fake *fake = self;

	(void)waiter;
	const bool was_waiting = barrier_take(fake) != NULL;
	(void)atomic_fetch_add(&fake->barrier_cancels, 1);
	return was_waiting;
}

static status
fake_repeat_find(struct store_conn *conn, struct rpc_repeat *repeat)
{
	struct fake *fake = (void *)conn;

	repeat->found = fake->kept;
	repeat->reply = slice_of(fake->kept_reply, fake->kept_bytes);
	return STATUS_OK;
}

static status
fake_repeat_keep(struct store_conn *conn, const struct rpc_repeat *repeat, struct slice reply)
{
	struct fake *fake = (void *)conn;

	(void)repeat;
	memcpy(fake->kept_reply, reply.data, reply.bytes);
	fake->kept_bytes = reply.bytes;
	fake->kept = true;
	return STATUS_OK;
}

static status
fake_audit(struct store_conn *conn, const struct rpc_audit *row)
{
	struct fake *fake = (void *)conn;

	assert_non_null(row->action);
	(void)atomic_fetch_add(&fake->audits, 1);
	return STATUS_OK;
}

/* Handlers: a Pair comes and a Pair goes back. */
static status
echo(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	const Usher__V1__Pair *in = (const Usher__V1__Pair *)req;
	Usher__V1__Pair *out = (Usher__V1__Pair *)reply;

	(void)atomic_fetch_add(&((struct fake *)(uintptr_t)env)->handled, 1);
	out->key = in->key;
	out->value =
	    arena_format(call->arena, "%s %s", call->conn ? "database" : "memory", call->client_ip);
	return out->value ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
echo_cached(
    const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	const Usher__V1__Pair *in = (const Usher__V1__Pair *)req;

	if (strcmp(in->key, "miss") == 0)
		return RPC_NOT_CACHED;
	return echo(env, call, req, reply);
}

/* Whose call it is. */
static status
who(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	struct fake *fake = (struct fake *)(uintptr_t)env;

	if (strcmp(((const Usher__V1__Pair *)req)->key, "distrust") == 0)
		atomic_store(&fake->trust, false);
	if (strcmp(((const Usher__V1__Pair *)req)->key, "sleep") == 0)
		fake_clock_advance(fake->clock, US_PER_S);
	((Usher__V1__Pair *)reply)->value = arena_format(call->arena, "%s %c %s",
	    call->conn ? "database" : "memory", call->principal->org_id.bytes[0], call->client_ip);
	return ((Usher__V1__Pair *)reply)->value ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
slow(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	struct fake *fake = (struct fake *)(uintptr_t)env;

	/* The order in which the lane let them begin, not that in which they pass the gate. */
	const int at = atomic_fetch_add(&fake->begun, 1);
	fake->order[at % 64] = call->principal->org_id.bytes[0];
	(void)sem_wait(&fake->gate);
	(void)atomic_fetch_add(&fake->order_count, 1);
	return echo(env, call, req, reply);
}

static status
fails(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	const Usher__V1__Pair *in = (const Usher__V1__Pair *)req;

	(void)env;
	(void)reply;
	if (strcmp(in->key, "field") == 0)
		return rpc_refuse_field(call, "value", "must be %d", 5);
	if (strcmp(in->key, "long") == 0)
		return rpc_refuse_field(call, "value", "%0*d\xf0\x9d\x84\x9e", 253, 0);
	if (strcmp(in->key, "rate") == 0)
		return rpc_refuse_rate(call, 1500001, "TOO_FAST", "slow down");
	if (strcmp(in->key, "forged") == 0)
		return REFUSE_FOR(ST_UNAUTHENTICATED, "FORGED", "no");
	if (strcmp(in->key, "ends") == 0 || strcmp(in->key, "ended") == 0) {
		call->effect = EFFECT_RESTRICT;
		call->was_gone = strcmp(in->key, "ended") == 0;
		return rpc_commit_refusal(call, REFUSE_FOR(ST_UNAUTHENTICATED, "REUSED", "no"));
	}
	return REFUSE(ST_INTERNAL, "table usher.secret is missing");
}

#define PADDED_US US_PER_S

static status
pads(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	(void)env;
	(void)req;
	(void)reply;
	call->not_before_us = clock_boot_us(call->clock) + PADDED_US;
	if (rpc_begin(call).code != ST_OK)
		return REFUSE(ST_INTERNAL, "no transaction");
	return rpc_commit_refusal(
	    call, REFUSE_FOR(ST_UNAUTHENTICATED, "WRONG", "wrong e-mail address or password"));
}

static status
large(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	const size_t bytes = strtoul(((const Usher__V1__Pair *)req)->key, NULL, 10);
	char *text = arena_alloc(call->arena, bytes + 1);

	(void)env;
	if (!text)
		return ARENA_EXHAUSTED;
	memset(text, 'x', bytes);
	((Usher__V1__Pair *)reply)->value = text;
	return STATUS_OK;
}

static status
waits(const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	struct fake *fake = (struct fake *)(uintptr_t)env;
	const int turns = atoi(((const Usher__V1__Pair *)req)->key);

	if (atomic_fetch_add(&fake->begun, 1) + 1 >= turns)
		return echo(env, call, req, reply);
	call->not_before_us = clock_boot_us(call->clock) + 10 * US_PER_MS;
	return RPC_MUST_WAIT;
}

static bool
gather_orgs(const void *env, struct rpc_call *const *calls, const ProtobufCMessage *const *requests,
    size_t count)
{
	struct fake *fake = (struct fake *)(uintptr_t)env;

	(void)atomic_fetch_add(&fake->gathers, 1);
	if (atomic_load(&fake->gather_fails))
		return false;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(((const Usher__V1__Pair *)requests[i])->key);
		assert_non_null(calls[i]->conn);
		assert_true(
		    uuid_equals(&calls[i]->principal->org_id, &calls[0]->principal->org_id));
		/* Not for each: some are left to read for themselves. */
		if (i % 3 != 2)
			calls[i]->gathered = fake;
	}
	return true;
}

static void
gather_release(void *gathered)
{
	(void)atomic_fetch_add(&((struct fake *)gathered)->released, 1);
}

static const struct rpc_gathering gathering = {
    .method = "test.v1.Echo/Gathers",
    .unless_field = "value",
    .gather = gather_orgs,
    .release = gather_release,
};

/* Every second one takes what is there for it. */
static status
gathers(
    const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	struct fake *fake = (struct fake *)(uintptr_t)env;

	if (call->gathered && atomic_fetch_add(&fake->gathered, 1) % 2 == 0) {
		call->gathered = NULL;
		(void)atomic_fetch_add(&fake->released, 1);
	} else if (call->gathered && atomic_load(&fake->gathered_waits)) {
		rpc_before_wait(call);
		(void)sem_wait(&fake->fill_gate);
	}
	return echo(env, call, req, reply);
}

static const struct access_rule open_to_all[] = {{ACCESS_PUBLIC, ""}};
static const struct access_rule for_keys[] = {{ACCESS_KEY, "context.read"}};
static const struct access_rule for_logins[] = {{ACCESS_ACCOUNT, ""}};

/* As long as the tests wait for anything. */
#define DEADLINE_US WAIT_US_MAX

#define METHOD(method_name, method_lane, method_effect, rules, handler, ...)                       \
	{                                                                                          \
		.name = "test.v1.Echo/" method_name, .lane = (method_lane),                        \
		.effect = (method_effect), .deadline_ms = DEADLINE_US / US_PER_MS,                 \
		.bytes_max = 65536, .access = (rules), .access_count = 1,                          \
		.request_meta = &meta_usher_v1_pair, .reply_meta = &meta_usher_v1_pair,            \
		.request = &usher__v1__pair__descriptor, .reply = &usher__v1__pair__descriptor,    \
		.handle = (handler), __VA_ARGS__                                                   \
	}

static struct rpc_method methods[] = {
    METHOD("Fast", LANE_INLINE, EFFECT_READ, open_to_all, echo, .handle_cached = echo_cached,
	.batchable = true),
    METHOD("Keyed", LANE_INLINE, EFFECT_READ, for_keys, echo, .handle_cached = echo_cached,
	.batchable = true),
    METHOD("Who", LANE_INLINE, EFFECT_READ, for_keys, who, .handle_cached = who, .batchable = true),
    METHOD("Slow", LANE_QUERY, EFFECT_READ, for_keys, slow, .batchable = true),
    METHOD("Write", LANE_QUERY, EFFECT_WRITE, for_keys, echo, .idempotent_by_key = true,
	.audit = true),
    METHOD("Restrict", LANE_QUERY, EFFECT_RESTRICT, for_keys, echo, .idempotent_by_key = true),
    METHOD("Fails", LANE_QUERY, EFFECT_WRITE, open_to_all, fails, .audit = false),
    METHOD("Pads", LANE_HASH, EFFECT_WRITE, open_to_all, pads, .audit = true),
    METHOD("Large", LANE_INLINE, EFFECT_READ, open_to_all, large, .handle_cached = large,
	.batchable = true),
    METHOD("Heavy", LANE_QUERY, EFFECT_READ, for_keys, large, .batchable = true),
    METHOD("Waits", LANE_WAIT, EFFECT_READ, open_to_all, waits, .audit = false),
    METHOD("Gathers", LANE_QUERY, EFFECT_READ, for_keys, gathers, .batchable = true),
    METHOD("Logins", LANE_QUERY, EFFECT_READ, for_logins, echo, .audit = true),
};
static const struct rpc_service service = {
    "test.v1.Echo", "echo", methods, sizeof(methods) / sizeof(methods[0])};

static struct client_method client_methods[sizeof(methods) / sizeof(methods[0])];

static void
methods_name(void)
{
	for (size_t i = 0; i < service.methods_count; i++) {
		methods[i].id = wire_method_id(slice_text(methods[i].name));
		client_methods[i] = (struct client_method){.id = methods[i].id,
		    .name = methods[i].name,
		    .request = methods[i].request,
		    .reply = methods[i].reply,
		    .deadline_ms = methods[i].deadline_ms};
	}
}

static const struct client_method *
method(const char *name)
{
	for (size_t i = 0; i < service.methods_count; i++)
		if (strcmp(strchr(methods[i].name, '/') + 1, name) == 0)
			return &client_methods[i];
	fail_msg("no method %s", name);
	return NULL;
}

static void
settings_small(struct rpc_settings *settings, struct fake *fake)
{
	rpc_settings_default(settings);
	/* The other one hands messages over as they are. */
	settings->urls = "tcp://127.0.0.1:0,inproc://rpc_test";
	settings->development = false;
	settings->backend = (struct rpc_backend){
	    .self = fake,
	    .may_trust_memory = fake_trust,
	    .credential_find = fake_find,
	    .credential_verify = fake_verify,
	    .credential_fill = fake_fill,
	    .may_fill_together = fake_may_fill_together,
	    .credentials_fill = fake_fill_together,
	    .fill_begin = fake_fill_begin,
	    .fill_end = fake_fill_end,
	    .fill_cancel = fake_fill_cancel,
	    .lease = fake_lease,
	    .give_back = fake_give_back,
	    .set_deadline = fake_set_deadline,
	    .is_lost = fake_is_lost,
	    .cut = fake_cut,
	    .begin = fake_begin,
	    .commit = fake_commit,
	    .rollback = fake_rollback,
	    .change = fake_change,
	    .barrier_wait = fake_barrier_wait,
	    .barrier_cancel = fake_barrier_cancel,
	    .repeat_find = fake_repeat_find,
	    .repeat_keep = fake_repeat_keep,
	    .audit = fake_audit,
	};
	settings->lanes[LANE_QUERY] = (struct rpc_lane_settings){4, 8};
	settings->lanes[LANE_HASH] = (struct rpc_lane_settings){2, 8};
	settings->send_timeout_us = 300 * US_PER_MS;
	settings->drain_us = US_PER_S;
}

static struct fake *
fake_start(const struct rpc_settings *wanted)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	struct rpc_settings settings;

	the_fake = fake;
	(void)the_fake;
	atomic_store(&fake->trust, true);
	(void)pthread_mutex_init(&fake->lock, NULL);
	list_init(&fake->parked);
	(void)sem_init(&fake->gate, 0, 0);
	(void)sem_init(&fake->fill_gate, 0, 0);
	settings_small(&settings, fake);
	if (wanted) {
		settings.development = wanted->development;
		settings.calls_per_pipe_max = wanted->calls_per_pipe_max;
		settings.pipes_max = wanted->pipes_max;
		settings.drain_us = wanted->drain_us;
		settings.parked_max = wanted->parked_max;
		settings.send_timeout_us = wanted->send_timeout_us;
		settings.message_bytes_max = wanted->message_bytes_max;
		settings.batches_here_max = wanted->batches_here_max;
		settings.refusals_a_second = wanted->refusals_a_second;
		settings.refusals_at_once = wanted->refusals_at_once;
		settings.places_refused_at_once = wanted->places_refused_at_once;
		settings.refusals_waiting_max = wanted->refusals_waiting_max;
		settings.clock = wanted->clock;
		settings.rand = wanted->rand;
	}
	assert_int_equal(rpc_server_new(&settings, &fake->server).code, ST_OK);
	assert_int_equal(rpc_server_add(fake->server, &service, fake).code, ST_OK);
	rpc_server_gather(fake->server, &gathering);
	const status st = rpc_server_start(fake->server);
	if (st.code != ST_OK)
		fail_msg("start: %s", st.message);
	const struct client_settings client = {.url = rpc_server_url(fake->server, 0)};
	assert_int_equal(client_new(&client, &fake->client).code, ST_OK);
	return fake;
}

/* Opens the gate: a test that failed left calls behind it, and the server waits for its workers. */
static void
fake_stop(struct fake *fake)
{
	for (int i = 0; i < GATE_POSTS; i++)
		(void)sem_post(&fake->gate);
	(void)sem_post(&fake->fill_gate);
	client_free(&fake->client);
	rpc_server_free(&fake->server);
	free(fake);
}

static int
setup(void **state)
{
	methods_name();
	*state = fake_start(NULL);
	return 0;
}

static int
teardown(void **state)
{
	fake_stop(*state);
	return 0;
}

static struct client_result
call_with(
    struct fake *fake, const char *name, const char *key, const struct client_options *options)
{
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct client_result result = {.status = STATUS_OK};

	request.key = (char *)(uintptr_t)key;
	client_call(fake->client, method(name), options, &request.base, &result);
	return result;
}

static enum status_code
code_of(struct client *client, const char *name, const struct client_options *options)
{
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct client_result result = {.status = STATUS_OK};

	request.key = (char *)"x";
	client_call(client, method(name), options, &request.base, &result);
	const enum status_code code = result.status.code;
	client_result_done(&result);
	return code;
}

/* Time goes by as the test lets it. */
static void
settings_timed(struct rpc_settings *settings, struct fake_clock *clock)
{
	fake_clock_init(clock);
	rpc_settings_default(settings);
	settings->clock = &clock->clock;
}

static struct fake *
fake_timed(struct fake_clock *clock)
{
	struct rpc_settings settings;

	methods_name();
	settings_timed(&settings, clock);
	return fake_start(&settings);
}

static struct client_options
as(const char *credential)
{
	return (struct client_options){.credential = slice_text(credential)};
}

/* Wait for a condition, with a bound. */
#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		const int64_t give_up_us_ = clock_boot_us(&clock_system) + WAIT_US_MAX;            \
		while (!(condition)) {                                                             \
			if (clock_boot_us(&clock_system) > give_up_us_)                            \
				fail_msg("never: %s", #condition);                                 \
			(void)usleep(1000);                                                        \
		}                                                                                  \
	} while (0)

static void
assert_refused(struct client_result *result, enum status_code code, const char *reason)
{
	if (result->status.code != code || !result->status.reason ||
	    strcmp(result->status.reason, reason) != 0)
		fail_msg("got %d %s: %s", result->status.code, result->status.reason,
		    result->status.message);
	client_result_done(result);
}

static void
memory_answers_in_the_callback_and_a_miss_moves_to_the_database(void **state)
{
	struct fake *fake = *state;
	struct client_result hit = call_with(fake, "Fast", "hit", NULL);

	assert_int_equal(hit.status.code, ST_OK);
	assert_string_equal(((Usher__V1__Pair *)hit.reply)->key, "hit");
	assert_string_equal(((Usher__V1__Pair *)hit.reply)->value, "memory 127.0.0.1");
	client_result_done(&hit);
	assert_int_equal(atomic_load(&fake->leases), 0);
	struct client_result miss = call_with(fake, "Fast", "miss", NULL);
	assert_string_equal(((Usher__V1__Pair *)miss.reply)->value, "database 127.0.0.1");
	client_result_done(&miss);
}

static void
memory_that_may_not_be_trusted_is_not_asked(void **state)
{
	struct fake *fake = *state;
	struct client_options key = as("key:a");
	uint8_t revision[REVISION_BYTES];

	revision_pack(&AT(7, 100), revision);
	key.at_least = slice_of(revision, sizeof(revision));
	struct client_result behind = call_with(fake, "Keyed", "x", &key);
	assert_string_equal(((Usher__V1__Pair *)behind.reply)->value, "database 127.0.0.1");
	client_result_done(&behind);
	revision_pack(&AT(7, 99), revision);
	struct client_result passed = call_with(fake, "Keyed", "x", &key);
	assert_string_equal(((Usher__V1__Pair *)passed.reply)->value, "memory 127.0.0.1");
	client_result_done(&passed);
	/* Without a lease only what is open to everybody comes from memory: health, above all. */
	atomic_store(&fake->trust, false);
	key.at_least = SLICE_NONE;
	struct client_result keyed = call_with(fake, "Keyed", "x", &key);
	assert_string_equal(((Usher__V1__Pair *)keyed.reply)->value, "database 127.0.0.1");
	client_result_done(&keyed);
	struct client_result open = call_with(fake, "Fast", "x", NULL);
	assert_string_equal(((Usher__V1__Pair *)open.reply)->value, "memory 127.0.0.1");
	client_result_done(&open);
}

static void
access_is_decided_before_the_handler(void **state)
{
	struct fake *fake = *state;
	struct client_options bad = as("bad"), key = as("key:a");

	struct client_result nobody = call_with(fake, "Keyed", "x", NULL);
	assert_refused(&nobody, ST_UNAUTHENTICATED, "CREDENTIAL_MISSING");
	struct client_result wrong = call_with(fake, "Keyed", "x", &bad);
	assert_refused(&wrong, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	/* Refused to somebody we know: that goes to audit. */
	struct client_result denied = call_with(fake, "Logins", "x", &key);
	assert_int_equal(denied.status.code, ST_PERMISSION_DENIED);
	client_result_done(&denied);
	assert_int_equal(atomic_load(&fake->audits), 1);
	/* It stands when there is nowhere to write its row, too. */
	atomic_store(&fake->database_away, true);
	denied = call_with(fake, "Logins", "x", &key);
	assert_int_equal(denied.status.code, ST_PERMISSION_DENIED);
	client_result_done(&denied);
	atomic_store(&fake->database_away, false);
	assert_int_equal(atomic_load(&fake->handled), 0);
	/* An old credential keeps nobody from what is open to all. */
	struct client_result open = call_with(fake, "Fast", "x", &bad);
	assert_int_equal(open.status.code, ST_OK);
	client_result_done(&open);
}

static void
credentials_go_over_their_own_lanes_first(void **state)
{
	struct fake *fake = *state;
	struct client_options cpu = as("cpu:a"), fill = as("fill:a");

	struct client_result verified = call_with(fake, "Keyed", "x", &cpu);
	assert_int_equal(verified.status.code, ST_OK);
	client_result_done(&verified);
	assert_int_equal(atomic_load(&fake->verifies), 1);
	struct client_result filled = call_with(fake, "Keyed", "x", &fill);
	assert_int_equal(filled.status.code, ST_OK);
	client_result_done(&filled);
	struct client_result known = call_with(fake, "Keyed", "x", &fill);
	client_result_done(&known);
	assert_int_equal(atomic_load(&fake->fills), 1);
}

static atomic_int *
counts_take(struct fake *fake)
{
	assert_in_range(fake->counts_used, 0, COUNTS_MAX - 1);
	return fake->counts[fake->counts_used++];
}

static void
count_result(void *arg, struct client_result *result)
{
	atomic_int *counts = arg;

	(void)atomic_fetch_add(&counts[result->status.code], 1);
	client_result_done(result);
}

static void
call_many(struct fake *fake, const char *name, const struct client_options *options, int count,
    atomic_int *counts)
{
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;

	request.key = (char *)"x";
	for (int i = 0; i < count; i++)
		client_call_async(
		    fake->client, method(name), options, &request.base, count_result, counts);
}

static void
calls_behind_one_fill_are_parked_and_answered(void **state)
{
	struct fake *fake = *state;
	struct client_options fill = as("fill:a");
	atomic_int *counts = counts_take(fake);

	atomic_store(&fake->fill_waits, true);
	call_many(fake, "Keyed", &fill, 20, counts);
	/* All of them: who comes when the fill is over would begin another one. */
	WAIT_FOR(atomic_load(&fake->fills) == 1 && atomic_load(&fake->parks) == 19);
	/* The parked ones hold no worker: another's query goes through. */
	struct client_options key = as("key:b");
	struct client_result other = call_with(fake, "Keyed", "miss", &key);
	assert_int_equal(other.status.code, ST_OK);
	client_result_done(&other);
	(void)sem_post(&fake->fill_gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 20);
	assert_int_equal(atomic_load(&fake->fills), 1);
}

/* What another one puts into memory is of no use to them. */
/* Whoever asks the database for all of them may have more time than they. */
static void
a_call_behind_a_fill_is_told_when_its_deadline_comes(void **state)
{
	struct fake_clock clock;
	struct client_options fill = as("fill:a");

	(void)state;
	struct fake *fake = fake_timed(&clock);
	atomic_int *counts = counts_take(fake);
	atomic_store(&fake->fill_waits, true);
	call_many(fake, "Keyed", &fill, 5, counts);
	WAIT_FOR(atomic_load(&fake->fills) == 1 && atomic_load(&fake->parks) == 4);
	fake_clock_advance(&clock, DEADLINE_US + US_PER_S);
	WAIT_FOR(atomic_load(&counts[ST_DEADLINE_EXCEEDED]) == 4);
	assert_int_equal(atomic_load(&fake->fills), 1);
	(void)sem_post(&fake->fill_gate);
	/* And of those that have time one fills and the others wait, as ever. */
	WAIT_FOR(atomic_load(&counts[ST_OK]) + atomic_load(&counts[ST_DEADLINE_EXCEEDED]) == 5);
	fake_stop(fake);
}

/* The signature takes a while, and the lease runs out in it. */
static void
memory_that_may_not_be_trusted_any_more_is_not_asked(void **state)
{
	struct fake *fake = *state;
	struct client_options key = as("cpu:a");

	atomic_store(&fake->verify_distrusts, true);
	struct client_result result = call_with(fake, "Keyed", "x", &key);
	assert_int_equal(result.status.code, ST_OK);
	assert_string_equal(((Usher__V1__Pair *)result.reply)->value, "database 127.0.0.1");
	client_result_done(&result);
}

static void
calls_that_may_not_trust_memory_ask_the_database_side_by_side(void **state)
{
	struct fake *fake = *state;
	struct client_options fill = as("fill:a");
	atomic_int *counts = counts_take(fake);

	atomic_store(&fake->trust, false);
	atomic_store(&fake->fill_waits, true);
	call_many(fake, "Keyed", &fill, 3, counts);
	WAIT_FOR(atomic_load(&fake->fills) == 3);
	for (int i = 0; i < 3; i++)
		(void)sem_post(&fake->fill_gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 3);
}

/* While the database hangs, a busy client's calls must not take every context there is, nor what
 * others may need: beyond those that are parked it has its share of the lane. */
static void
so_many_calls_are_parked_behind_a_fill_and_the_rest_is_told(void **state)
{
	struct rpc_settings settings;
	struct client_options fill = as("fill:a");

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.parked_max = 4;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	atomic_store(&fake->fill_waits, true);
	call_many(fake, "Keyed", &fill, 1, counts);
	/* It has its worker before others could take all places. */
	WAIT_FOR(atomic_load(&fake->fills) == 1);
	call_many(fake, "Keyed", &fill, 19, counts);
	/* 3 of the 4 workers, 6 of the 8 places, and 4 parked. */
	WAIT_FOR(atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) >= 7);
	struct client_options key = as("key:b");
	struct client_result other = call_with(fake, "Write", "x", &key);
	assert_int_equal(other.status.code, ST_OK);
	client_result_done(&other);
	for (int i = 0; i < 20; i++)
		(void)sem_post(&fake->fill_gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) + atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == 20);
	const int done = atomic_load(&counts[ST_OK]);
	assert_true(done >= 9);
	/* Their places are free again. */
	atomic_store(&fake->filled, false);
	call_many(fake, "Keyed", &fill, 5, counts);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == done + 5);
	fake_stop(fake);
}

static void
one_organisation_leaves_a_quarter_of_the_lane_to_others(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a"), b = as("key:b");
	atomic_int *counts_a = counts_take(fake), *counts_b = counts_take(fake);

	/* 4 workers, 8 places: 3 and 6 of them are a's at most. */
	call_many(fake, "Slow", &a, 3, counts_a);
	WAIT_FOR(atomic_load(&fake->begun) == 3);
	call_many(fake, "Slow", &a, 10, counts_a);
	WAIT_FOR(atomic_load(&counts_a[ST_RESOURCE_EXHAUSTED]) == 4);
	call_many(fake, "Slow", &b, 1, counts_b);
	WAIT_FOR(atomic_load(&fake->begun) == 4);
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts_a[ST_OK]) + atomic_load(&counts_b[ST_OK]) == 1);
	for (int i = 0; i < 9; i++)
		(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts_a[ST_OK]) == 9 && atomic_load(&counts_b[ST_OK]) == 1);
}

/* Take all workers, so that what comes waits; then let them go. */
static void
hold_workers(struct fake *fake, atomic_int *counts)
{
	struct client_options y = as("key:y"), z = as("key:z");

	call_many(fake, "Slow", &y, 2, counts);
	call_many(fake, "Slow", &z, 2, counts);
	WAIT_FOR(atomic_load(&fake->begun) == 4);
}

static void
wait_for_queued(struct fake *fake, int count)
{
	struct rpc_lane_figures lanes[LANE_COUNT];

	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].queued == count);
}

static void
let_workers_go(struct fake *fake)
{
	for (int i = 0; i < 4; i++)
		(void)sem_post(&fake->gate);
}

static void
calls_that_wait_for_the_same_are_read_for_at_once(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a"), b = as("key:b");
	atomic_int *slow_ones = counts_take(fake), *counts = counts_take(fake);

	hold_workers(fake, slow_ones);
	call_many(fake, "Gathers", &a, 5, counts);
	call_many(fake, "Gathers", &b, 3, counts);
	wait_for_queued(fake, 8);
	let_workers_go(fake);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 8);
	/* One for each organisation, and of what was read none is left over: 4 of a's, 2 of b's. */
	assert_int_equal(atomic_load(&fake->gathers), 2);
	assert_int_equal(atomic_load(&fake->gathered), 6);
	WAIT_FOR(atomic_load(&fake->released) == 6);
}

static void
whoever_waits_lets_the_replies_of_its_hand_go_first(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a");
	atomic_int *slow_ones = counts_take(fake), *counts = counts_take(fake);

	atomic_store(&fake->gathered_waits, true);
	hold_workers(fake, slow_ones);
	call_many(fake, "Gathers", &a, 2, counts);
	wait_for_queued(fake, 2);
	let_workers_go(fake);
	/* The second one stands at its gate, and has not come to its answer. */
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 1);
	(void)sem_post(&fake->fill_gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 2);
}

static void
who_comes_behind_a_lost_connection_gets_another(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a");
	atomic_int *slow_ones = counts_take(fake), *counts = counts_take(fake);

	atomic_store(&fake->loses, true);
	hold_workers(fake, slow_ones);
	call_many(fake, "Gathers", &a, 4, counts);
	wait_for_queued(fake, 4);
	let_workers_go(fake);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 4);
	assert_int_equal(atomic_load(&fake->gathered), 3);
	/* The slow ones', the hand's, and one for each in it. */
	assert_int_equal(atomic_load(&fake->leases), 4 + 1 + 4);
}

static void
calls_for_which_nothing_could_be_read_go_alone(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a"), fill = as("many:b");
	atomic_int *slow_ones = counts_take(fake), *counts = counts_take(fake);

	atomic_store(&fake->gather_fails, true);
	atomic_store(&fake->trust, false);
	hold_workers(fake, slow_ones);
	call_many(fake, "Gathers", &a, 4, counts);
	call_many(fake, "Gathers", &fill, 4, counts);
	wait_for_queued(fake, 8);
	let_workers_go(fake);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 8);
	assert_true(atomic_load(&fake->gathers) >= 1);
	assert_int_equal(atomic_load(&fake->gathered), 0);
	assert_true(atomic_load(&fake->fills) >= 1);
}

static void
credentials_that_are_read_together_are_each_known_or_not(void **state)
{
	struct fake *fake = *state;
	struct client_options known = as("many:a"), unknown = as("many:?");
	atomic_int *slow_ones = counts_take(fake), *counts = counts_take(fake);

	/* Who may not trust memory is parked behind nobody. */
	atomic_store(&fake->trust, false);
	hold_workers(fake, slow_ones);
	call_many(fake, "Keyed", &known, 3, counts);
	call_many(fake, "Keyed", &unknown, 3, counts);
	wait_for_queued(fake, 6);
	let_workers_go(fake);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 3 && atomic_load(&counts[ST_UNAUTHENTICATED]) == 3);
	assert_int_equal(atomic_load(&fake->keys_together), 6);
	assert_int_equal(atomic_load(&fake->fills), 0);
}

/* Under as many as there are places for, of several organisations, with and without success. */
static void
calls_that_race_to_be_read_for_are_each_answered(void **state)
{
	struct fake *fake = *state;
	const char *const credentials[] = {"key:a", "many:b", "key:c", "many:?"};
	atomic_int *counts = counts_take(fake);
	int asked = 0;

	atomic_store(&fake->trust, false);
	for (int round = 0; round < 60; round++) {
		struct client_options options = as(credentials[round % 4]);

		atomic_store(&fake->gather_fails, round % 8 == 7);
		call_many(fake, round % 3 ? "Gathers" : "Keyed", &options, 4, counts);
		asked += 4;
		if (round % 6 == 5)
			WAIT_FOR(atomic_load(&counts[ST_OK]) +
				     atomic_load(&counts[ST_UNAUTHENTICATED]) +
				     atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) ==
				 asked);
	}
	assert_true(atomic_load(&counts[ST_OK]) > 0);
}

static void
organisations_are_served_in_turn(void **state)
{
	struct fake *fake = *state;
	struct client_options a = as("key:a"), b = as("key:b"), c = as("key:c");
	atomic_int *counts = counts_take(fake);

	/* All workers are taken, then a has queued more than b. */
	call_many(fake, "Slow", &a, 2, counts);
	call_many(fake, "Slow", &c, 2, counts);
	WAIT_FOR(atomic_load(&fake->begun) == 4);
	call_many(fake, "Slow", &a, 4, counts);
	struct rpc_lane_figures lanes[LANE_COUNT];
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].queued == 4);
	call_many(fake, "Slow", &b, 2, counts);
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].queued == 6);
	/* One at a time, so that the order is theirs. */
	for (int i = 0; i < 10; i++) {
		(void)sem_post(&fake->gate);
		WAIT_FOR(atomic_load(&fake->order_count) == i + 1);
		WAIT_FOR(atomic_load(&fake->begun) >= (i < 6 ? 5 + i : 10));
	}
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 10);
	int last_b = 0, last_a = 0;
	for (int i = 0; i < 10; i++) {
		if (fake->order[i] == 'b')
			last_b = i;
		if (fake->order[i] == 'a')
			last_a = i;
	}
	assert_true(last_b < last_a);
}

static void
a_full_lane_says_so_at_once_and_when_to_come_again(void **state)
{
	struct fake *fake = *state;
	atomic_int *counts = counts_take(fake);
	const char *const orgs[] = {"key:a", "key:b", "key:c", "key:d"};

	/* Workers first, then the queue. */
	for (int i = 0; i < 4; i++) {
		struct client_options key = as(orgs[i]);
		call_many(fake, "Slow", &key, 1, counts);
	}
	WAIT_FOR(atomic_load(&fake->begun) == 4);
	for (int i = 0; i < 4; i++) {
		struct client_options key = as(orgs[i]);
		call_many(fake, "Slow", &key, 2, counts);
	}
	struct rpc_lane_figures lanes[LANE_COUNT];
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].queued == 8);
	struct client_options late = as("key:d"), other = as("key:e");
	struct client_result result = call_with(fake, "Slow", "x", &late);
	assert_true(result.retry_after_ms >= 50);
	assert_refused(&result, ST_RESOURCE_EXHAUSTED, "OVERLOADED");
	/* One that has nothing there yet gets a place of those who have several. */
	call_many(fake, "Slow", &other, 1, counts);
	WAIT_FOR(atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == 1);
	for (int i = 0; i < 12; i++)
		(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 12);
}

static void
work_whose_deadline_passed_is_dropped_unworked(void **state)
{
	struct rpc_lane_figures lanes[LANE_COUNT];
	struct fake_clock clock;
	struct client_options hurried = as("key:c");

	(void)state;
	struct fake *fake = fake_timed(&clock);
	atomic_int *counts = counts_take(fake);
	hold_workers(fake, counts);
	hurried.timeout_ms = DEADLINE_US / US_PER_MS / 2;
	call_many(fake, "Slow", &hurried, 1, counts);
	wait_for_queued(fake, 1);
	fake_clock_advance(&clock, DEADLINE_US / 2);
	let_workers_go(fake);
	WAIT_FOR(
	    atomic_load(&counts[ST_OK]) == 4 && atomic_load(&counts[ST_DEADLINE_EXCEEDED]) == 1);
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].expired == 1);
	assert_int_equal(atomic_load(&fake->begun), 4);
	fake_stop(fake);
}

static void
a_write_commits_once_and_its_repeat_is_replayed(void **state)
{
	struct fake *fake = *state;
	struct client_options key = as("key:a");
	struct causal_session session;
	uint8_t seen[CLIENT_REVISION_BYTES];

	causal_session_init(&session);
	key.idempotency_key = slice_text("0123456789abcdef");
	key.session = &session;
	struct client_result first = call_with(fake, "Write", "once", &key);
	assert_int_equal(first.status.code, ST_OK);
	assert_true(first.has_revision && !first.replayed);
	client_result_done(&first);
	assert_true(causal_session_latest(&session, seen));
	assert_int_equal(atomic_load(&fake->audits), 1);
	struct client_result again = call_with(fake, "Write", "once", &key);
	assert_int_equal(again.status.code, ST_OK);
	assert_true(again.replayed);
	assert_string_equal(((Usher__V1__Pair *)again.reply)->key, "once");
	client_result_done(&again);
	assert_int_equal(atomic_load(&fake->audits), 1);
	key.idempotency_key = slice_text("short");
	struct client_result short_key = call_with(fake, "Write", "once", &key);
	assert_refused(&short_key, ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_SHORT");
	causal_session_done(&session);
}

static void
store_result(void *arg, struct client_result *result)
{
	*(struct client_result *)arg = *result;
	(void)atomic_fetch_add(&the_fake->handled, 1000);
}

static void
a_restriction_is_acknowledged_behind_its_barrier(void **state)
{
	struct fake *fake = *state;
	struct client_options key = as("key:a");
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct barrier_waiter *waiter = NULL;

	client_call_async(
	    fake->client, method("Restrict"), &key, &request.base, store_result, &result);
	WAIT_FOR((waiter = barrier_take(fake)) != NULL);
	assert_int_equal(atomic_load(&fake->commits), 1);
	assert_true(atomic_load(&fake->handled) < 1000);
	waiter->done(waiter);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_int_equal(result.status.code, ST_OK);
	assert_true(result.has_revision);
	client_result_done(&result);
}

/* From here on the log is ours, until log_caught(). */
static void
log_catch(int fds[2])
{
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(log_start(fds[1], LOG_INFO).code, ST_OK);
}

/* What was written since, until the next time. No server runs any more. */
static const char *
log_caught(const int fds[2])
{
	static char text[65536];

	log_stop();
	(void)close(fds[1]);
	const ssize_t bytes = read(fds[0], text, sizeof(text) - 1);
	(void)close(fds[0]);
	assert_true(bytes >= 0);
	text[bytes] = '\0';
	return text;
}

/* Whoever watches the barrier may be held up by the database. */
static void
a_call_at_a_barrier_is_told_when_its_deadline_comes(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options key = as("key:a");
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	int fds[2];

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	log_catch(fds);
	struct fake *fake = fake_start(&settings);
	client_call_async(
	    fake->client, method("Restrict"), &key, &request.base, store_result, &result);
	WAIT_FOR(barrier_is_waited_for(fake));
	fake_clock_advance(&clock, DEADLINE_US + US_PER_S);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_true(result.has_revision);
	/* In production too: that it is made is for its caller. */
	assert_non_null(strstr(result.status.message, "the change is made"));
	assert_refused(&result, ST_UNAVAILABLE, "COMMITTED_NOT_EVERYWHERE");
	assert_false(barrier_is_waited_for(fake));
	fake_stop(fake);
	/* It says once what became of it, and how long that took. */
	const char *log = log_caught(fds);
	assert_non_null(strstr(log, "code=UNAVAILABLE reason=COMMITTED_NOT_EVERYWHERE us=21"));
	assert_null(strstr(log, "code=OK"));
}

static void
what_has_ended_already_is_refused_behind_a_barrier(void **state)
{
	struct fake *fake = *state;
	struct client_options ended = as("bad:ended"), forged = as("bad:forged");
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct barrier_waiter *waiter = NULL;

	client_call_async(
	    fake->client, method("Restrict"), &ended, &request.base, store_result, &result);
	WAIT_FOR((waiter = barrier_take(fake)) != NULL);
	assert_int_equal(atomic_load(&fake->commits), 1);
	assert_int_equal(atomic_load(&fake->changes), 1);
	assert_true(atomic_load(&fake->handled) < 1000);
	waiter->done(waiter);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_refused(&result, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");

	/* What was never ours costs nothing, and nor does a method that takes nothing away. */
	client_call_async(
	    fake->client, method("Restrict"), &forged, &request.base, store_result, &result);
	WAIT_FOR(atomic_load(&fake->handled) >= 2000);
	assert_refused(&result, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	client_call_async(
	    fake->client, method("Write"), &ended, &request.base, store_result, &result);
	WAIT_FOR(atomic_load(&fake->handled) >= 3000);
	assert_refused(&result, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	assert_int_equal(atomic_load(&fake->leases), 1);
}

/* As with an access token that goes on coming when its session is over, while a node that has just
 * died holds the barriers up. */
static void
what_has_ended_already_takes_no_place_of_those_who_take_something_away(void **state)
{
	struct rpc_settings settings;
	struct client_options ended = as("bad:ended"), key = as("key:a");
	static struct client_result refused, done;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct barrier_waiter *first = NULL, *second = NULL;

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.parked_max = 1;
	settings.refusals_waiting_max = 1;
	struct fake *fake = fake_start(&settings);
	client_call_async(
	    fake->client, method("Restrict"), &ended, &request.base, store_result, &refused);
	WAIT_FOR((first = barrier_take(fake)) != NULL);
	assert_int_equal(refusals_waiting(fake), 1);
	/* One more is told so, before it costs a commit. */
	struct client_result full = call_with(fake, "Restrict", "x", &ended);
	assert_refused(&full, ST_RESOURCE_EXHAUSTED, "OVERLOADED");
	assert_int_equal(atomic_load(&fake->commits), 1);
	client_call_async(
	    fake->client, method("Restrict"), &key, &request.base, store_result, &done);
	WAIT_FOR((second = barrier_take(fake)) != NULL);
	/* All places are taken now: for those that may need one, not for who only writes. */
	full = call_with(fake, "Restrict", "x", &key);
	assert_refused(&full, ST_RESOURCE_EXHAUSTED, "OVERLOADED");
	struct client_result write = call_with(fake, "Write", "x", &key);
	assert_int_equal(write.status.code, ST_OK);
	client_result_done(&write);
	second->done(second);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_int_equal(done.status.code, ST_OK);
	client_result_done(&done);
	first->done(first);
	WAIT_FOR(atomic_load(&fake->handled) >= 2000);
	assert_refused(&refused, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	fake_stop(fake);
}

static void
failures_carry_reason_and_details_and_keep_their_cause(void **state)
{
	struct fake *fake = *state;
	struct client_result inside = call_with(fake, "Fails", "x", NULL);

	assert_null(strstr(inside.status.message, "usher.secret"));
	assert_string_equal(inside.metadata[0].key, "request-id");
	assert_non_null(strstr(inside.status.message, inside.metadata[0].value));
	assert_refused(&inside, ST_INTERNAL, "INTERNAL");
	assert_int_equal(atomic_load(&fake->rollbacks), 1);
	struct client_result field = call_with(fake, "Fails", "field", NULL);
	assert_int_equal(field.violations_count, 1);
	assert_string_equal(field.violations[0].field, "value");
	assert_string_equal(field.violations[0].description, "must be 5");
	assert_refused(&field, ST_INVALID_ARGUMENT, "INVALID_FIELDS");
	/* Cut, but not within a character. */
	struct client_result cut = call_with(fake, "Fails", "long", NULL);
	assert_int_equal(cut.violations_count, 1);
	assert_int_equal(strspn(cut.violations[0].description, "0"), 253);
	assert_int_equal(strlen(cut.violations[0].description), 253);
	assert_refused(&cut, ST_INVALID_ARGUMENT, "INVALID_FIELDS");
	struct client_result rate = call_with(fake, "Fails", "rate", NULL);
	assert_int_equal(rate.retry_after_ms, 1501);
	assert_refused(&rate, ST_RESOURCE_EXHAUSTED, "TOO_FAST");
	atomic_store(&fake->database_away, true);
	struct client_result away = call_with(fake, "Fails", "x", NULL);
	assert_null(strstr(away.status.message, "host db1"));
	assert_true(away.retry_after_ms > 0);
	assert_refused(&away, ST_UNAVAILABLE, "DATABASE_AWAY");
}

static void
a_padded_refusal_takes_its_time_and_no_worker(void **state)
{
	struct fake_clock clock;

	(void)state;
	struct fake *fake = fake_timed(&clock);
	atomic_int *counts = counts_take(fake);
	/* Six on two workers: the last is worked on before the first one's time has come. */
	call_many(fake, "Pads", NULL, 6, counts);
	WAIT_FOR(atomic_load(&fake->commits) == 6);
	fake_clock_advance(&clock, PADDED_US - 1);
	assert_int_equal(code_of(fake->client, "Fast", NULL), ST_OK);
	assert_int_equal(atomic_load(&counts[ST_UNAUTHENTICATED]), 0);
	fake_clock_advance(&clock, 1);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == 6);
	assert_int_equal(atomic_load(&fake->rollbacks), 0);
	fake_stop(fake);
}

/* An address hears of so many refused credentials at once, and of one more each second. */
static void
settings_paced(struct rpc_settings *settings, int refusals_at_once)
{
	settings->refusals_a_second = 1;
	settings->refusals_at_once = refusals_at_once;
	settings->places_refused_at_once = refusals_at_once;
}

/* Who guesses hears of it later and later; a good credential on the same connection does not. Each
 * that waits holds a context: beyond a bound they are told at once all the same. */
static void
refusals_that_come_too_often_wait_and_good_credentials_do_not(void **state)
{
	struct rpc_settings settings;
	struct client_options bad = as("bad"), good = as("key:a");

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings_paced(&settings, 4);
	settings.refusals_waiting_max = 3;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	const int64_t began_us = clock_boot_us(&clock_system);
	call_many(fake, "Keyed", &bad, 10, counts);
	struct client_result fine = call_with(fake, "Fast", "x", &good);
	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
	/* 4 at once, 3 too many to wait. The others wait a second, or a quarter less: pace.h. */
	const int64_t least_us = US_PER_S * 3 / 4;
	const int told = atomic_load(&counts[ST_UNAUTHENTICATED]);
	assert_true(told <= 7 || clock_boot_us(&clock_system) - began_us >= least_us);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == 10);
	assert_true(clock_boot_us(&clock_system) - began_us >= least_us);
	fake_stop(fake);
}

static void
connections_of_one_address_share_its_pace_of_refusals(void **state)
{
	struct rpc_settings settings;
	struct client_options bad = as("bad");
	struct client *other = NULL;

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings_paced(&settings, 2);
	struct fake *fake = fake_start(&settings);
	const struct client_settings client = {.url = rpc_server_url(fake->server, 0)};
	assert_int_equal(client_new(&client, &other).code, ST_OK);
	const int64_t began_us = clock_boot_us(&clock_system);
	for (int i = 0; i < 3; i++) {
		Usher__V1__Pair request = USHER__V1__PAIR__INIT;
		struct client_result result = {.status = STATUS_OK};

		request.key = (char *)"x";
		client_call(
		    i == 1 ? other : fake->client, method("Keyed"), &bad, &request.base, &result);
		assert_refused(&result, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	}
	assert_true(clock_boot_us(&clock_system) - began_us >= US_PER_S);
	client_free(&other);
	fake_stop(fake);
}

/* A client that speaks nng and nothing else. */
static nng_socket
plain_client(struct fake *fake)
{
	nng_socket socket;

	assert_int_equal(nng_req0_open(&socket), 0);
	assert_int_equal(
	    nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
	assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, WAIT_US_MAX / US_PER_MS), 0);
	assert_int_equal(nng_dial(socket, rpc_server_url(fake->server, 0), NULL, 0), 0);
	return socket;
}

static void
send_request(nng_socket socket, const Usher__V1__Request *request)
{
	const size_t size = usher__v1__request__get_packed_size(request);
	uint8_t *bytes = malloc(size);

	(void)usher__v1__request__pack(request, bytes);
	assert_int_equal(nng_send(socket, bytes, size, 0), 0);
	free(bytes);
}

static Usher__V1__Response *
exchange(nng_socket socket, const Usher__V1__Request *request)
{
	void *data = NULL;
	size_t got = 0;

	send_request(socket, request);
	assert_int_equal(nng_recv(socket, &data, &got, NNG_FLAG_ALLOC), 0);
	Usher__V1__Response *response = usher__v1__response__unpack(NULL, got, data);
	assert_non_null(response);
	nng_free(data, got);
	return response;
}

static void
the_pace_is_what_the_page_on_security_says(void **state)
{
	struct rpc_settings settings;

	(void)state;
	rpc_settings_default(&settings);
	assert_int_equal(settings.refusals_a_second, 200);
	assert_int_equal(settings.refusals_at_once, 100);
	assert_int_equal(settings.places_refused_at_once, 1000);
	assert_int_equal(settings.refusals_waiting_max, 4096);
}

static void
addresses_of_one_64_share_its_pace_of_refusals(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options from = as("bad");

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake), *others = counts_take(fake);
	from.via = slice_text("via:z");
	from.client_ip = "2001:db8:0:1::1";
	assert_int_equal(code_of(fake->client, "Keyed", &from), ST_UNAUTHENTICATED);
	from.client_ip = "2001:db8:0:1:ffff::2";
	call_many(fake, "Keyed", &from, 1, counts);
	WAIT_FOR(refusals_waiting(fake) == 1);
	/* One of them may have the first one's slot by chance. */
	from.client_ip = "2001:db8:0:2::1";
	call_many(fake, "Keyed", &from, 1, others);
	from.client_ip = "2001:db8:1:1::1";
	call_many(fake, "Keyed", &from, 1, others);
	WAIT_FOR(atomic_load(&others[ST_UNAUTHENTICATED]) >= 1);
	assert_int_equal(atomic_load(&counts[ST_UNAUTHENTICATED]), 0);
	fake_clock_advance(&clock, 2 * US_PER_S);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == 1);
	fake_stop(fake);
}

/* Three wait, and no more may. */
static void
when_no_more_refusals_may_wait_who_sends_them_is_not_looked_at(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options bad = as("bad"), unknown = as("cpu:a"), known = as("key:a"),
			      through = as("cpu:b");
	struct client *other = NULL;
	struct fake_rand rand;

	(void)state;
	methods_name();
	/* By another hash the two addresses might share a slot, and their pace. */
	fake_rand_init(&rand, 1);
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	settings.rand = &rand.source;
	settings.refusals_waiting_max = 3;
	through.via = slice_text("via:z");
	through.client_ip = "203.0.113.7";
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	call_many(fake, "Keyed", &bad, 4, counts);
	WAIT_FOR(refusals_waiting(fake) == 3);
	struct client_result result = call_with(fake, "Keyed", "x", &unknown);
	assert_int_equal(result.retry_after_ms, 1000);
	assert_refused(&result, ST_RESOURCE_EXHAUSTED, "TOO_MANY_REFUSALS");
	assert_int_equal(atomic_load(&fake->verifies), 0);
	assert_int_equal(refusals_of(fake).turned_away, 1);
	/* Memory knows it; it is for a method that is open to all; it has another address, behind
	 * this connection; it has another connection, at this address. */
	assert_int_equal(code_of(fake->client, "Keyed", &known), ST_OK);
	assert_int_equal(code_of(fake->client, "Fast", &unknown), ST_OK);
	assert_int_equal(code_of(fake->client, "Keyed", &through), ST_OK);
	const struct client_settings client = {.url = rpc_server_url(fake->server, 0)};
	assert_int_equal(client_new(&client, &other).code, ST_OK);
	assert_int_equal(code_of(other, "Keyed", &unknown), ST_OK);
	/* And when they wait no more. */
	fake_clock_advance(&clock, 2 * US_PER_S);
	WAIT_FOR(refusals_waiting(fake) == 0);
	assert_int_equal(code_of(fake->client, "Keyed", &unknown), ST_OK);
	assert_int_equal(refusals_of(fake).turned_away, 1);
	client_free(&other);
	fake_stop(fake);
}

/* Each address has its own pace, and all share the connection: it must not fill up with them. */
static void
refusals_that_wait_leave_an_intermediary_half_of_its_connection(void **state)
{
	static const char *const addresses[] = {
	    "203.0.113.7", "203.0.113.8", "203.0.113.9", "203.0.113.10", "203.0.113.11"};
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options bad = as("bad"), good = as("key:a");
	int64_t waiting = 0;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	settings.calls_per_pipe_max = 8;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	bad.via = slice_text("via:z");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		bad.client_ip = addresses[i];
		for (int k = 0; k < 3; k++) {
			call_many(fake, "Keyed", &bad, 1, counts);
			WAIT_FOR((waiting = refusals_waiting(fake),
			    waiting + atomic_load(&counts[ST_UNAUTHENTICATED]) ==
				(int64_t)(3 * i) + k + 1));
		}
	}
	assert_int_equal(waiting, 4);
	assert_int_equal(code_of(fake->client, "Keyed", &good), ST_OK);
	fake_clock_advance(&clock, 10 * US_PER_S);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == 15);
	fake_stop(fake);
}

/* So many calls that find no place wait, and the others are told at once. Each is answered, or
 * waits, before the next one comes. */
static void
crowd_waits(const struct rpc_settings *settings, struct fake_clock *clock, int waiting)
{
	enum { BUSY = 3, QUEUED = 6, REFUSED = 26 }; /* what one may have there, and more */
	struct client_options greedy = as("key:a"), bad = as("bad"), other = as("key:b");
	struct fake *fake = fake_start(settings);
	atomic_int *counts = counts_take(fake), *others = counts_take(fake);
	atomic_int *bads = counts_take(fake);
	struct rpc_lane_figures lanes[LANE_COUNT];

	call_many(fake, "Slow", &greedy, BUSY, counts);
	WAIT_FOR(atomic_load(&fake->begun) == BUSY);
	call_many(fake, "Slow", &greedy, QUEUED, counts);
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[2].queued == QUEUED);
	for (int i = 1; i <= REFUSED; i++) {
		call_many(fake, "Slow", &greedy, 1, counts);
		WAIT_FOR(
		    refusals_of(fake).of_places + atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == i);
	}
	assert_int_equal(refusals_of(fake).of_places, waiting);
	assert_int_equal(refusals_waiting(fake), 0);
	/* It has no less of what has room, others have their places, and credentials their pace. */
	assert_int_equal(code_of(fake->client, "Fast", &greedy), ST_OK);
	call_many(fake, "Slow", &other, 1, others);
	WAIT_FOR(atomic_load(&fake->begun) == BUSY + 1);
	call_many(fake, "Keyed", &bad, 3, bads);
	WAIT_FOR(refusals_waiting(fake) == 1 && atomic_load(&bads[ST_UNAUTHENTICATED]) == 2);
	fake_clock_advance(clock, 2 * US_PER_S);
	WAIT_FOR(atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == REFUSED);
	assert_int_equal(refusals_of(fake).of_places, 0);
	for (int i = 0; i < BUSY + QUEUED + 1; i++)
		(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == BUSY + QUEUED && atomic_load(&others[ST_OK]) == 1);
	WAIT_FOR(atomic_load(&bads[ST_UNAUTHENTICATED]) == 3);
	fake_stop(fake);
}

/* Who heeds no advice would send the next at once, and keep the processors from the others. Each
 * that waits is one of its connection's calls, and holds a context: both have a bound. */
static void
who_finds_no_place_again_and_again_hears_so_later_and_nobody_else_does(void **state)
{
	static const struct {
		int of_pipe, of_all, waiting;
	} bounds[] = {{2048, 4096, 24}, {40, 4096, 18}, {2048, 20, 10}};

	(void)state;
	methods_name();
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct rpc_settings settings;
		struct fake_clock clock;

		settings_timed(&settings, &clock);
		settings_paced(&settings, 2);
		settings.calls_per_pipe_max = bounds[i].of_pipe;
		settings.refusals_waiting_max = bounds[i].of_all;
		crowd_waits(&settings, &clock, bounds[i].waiting);
	}
}

/* What asks must not have given it up by then. */
static void
a_refusal_takes_half_of_the_calls_own_time_at_most(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	Usher__V1__Request request = USHER__V1__REQUEST__INIT;
	void *data = NULL;
	size_t bytes = 0;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	struct fake *fake = fake_start(&settings);
	nng_socket socket = plain_client(fake);
	request.method = (char *)"test.v1.Echo/Keyed";
	request.credential.data = (uint8_t *)"bad";
	request.credential.len = 3;
	request.timeout_ms = 800;
	usher__v1__response__free_unpacked(exchange(socket, &request), NULL);
	send_request(socket, &request);
	WAIT_FOR(refusals_waiting(fake) == 1);
	fake_clock_advance(&clock, 400 * US_PER_MS);
	assert_int_equal(nng_recv(socket, &data, &bytes, NNG_FLAG_ALLOC), 0);
	nng_free(data, bytes);
	nng_close(socket);
	fake_stop(fake);
}

/* A secret that a handler looks at, as Refresh does. */
static void
what_a_handler_finds_forged_keeps_the_pace_too(void **state)
{
	struct rpc_settings settings;

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings_paced(&settings, 2);
	struct fake *fake = fake_start(&settings);
	const int64_t began_us = clock_boot_us(&clock_system);
	for (int i = 0; i < 3; i++) {
		struct client_result result = call_with(fake, "Fails", "forged", NULL);
		assert_refused(&result, ST_UNAUTHENTICATED, "FORGED");
	}
	assert_true(clock_boot_us(&clock_system) - began_us >= US_PER_S);
	fake_stop(fake);
}

/* As a refresh token that comes again and again. The first refusal ends something; the others wait
 * for a barrier like it, and for their turn. */
static void
a_refusal_that_ended_something_is_repeated_at_the_pace_behind_a_barrier(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct barrier_waiter *waiter = NULL;
	static struct client_result result;
	struct client_options key = as("key:a");
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	settings.parked_max = 1;
	settings.refusals_waiting_max = 1;
	struct fake *fake = fake_start(&settings);
	request.key = (char *)"ends";
	client_call_async(
	    fake->client, method("Fails"), NULL, &request.base, store_result, &result);
	WAIT_FOR((waiter = barrier_take(fake)) != NULL);
	assert_int_equal(refusals_waiting(fake), 0);
	waiter->done(waiter);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_refused(&result, ST_UNAUTHENTICATED, "REUSED");
	assert_int_equal(atomic_load(&fake->audits), 1);

	/* This one may be told at once, the next in a second. */
	request.key = (char *)"ended";
	for (int i = 0; i < 2; i++) {
		client_call_async(
		    fake->client, method("Fails"), NULL, &request.base, store_result, &result);
		WAIT_FOR((waiter = barrier_take(fake)) != NULL);
		/* It takes no place from those that take something away; and there are so many for
		 * it. */
		assert_int_equal(refusals_waiting(fake), 1);
		assert_int_equal(code_of(fake->client, "Write", &key), ST_OK);
		struct client_result full = call_with(fake, "Fails", "ended", NULL);
		assert_refused(&full, ST_RESOURCE_EXHAUSTED, "OVERLOADED");
		waiter->done(waiter);
		if (i == 1) {
			assert_int_equal(refusals_waiting(fake), 1);
			fake_clock_advance(&clock, US_PER_S);
		}
		WAIT_FOR(atomic_load(&fake->handled) >= 2000 + 1000 * i);
		assert_true(result.has_revision);
		assert_refused(&result, ST_UNAUTHENTICATED, "REUSED");
	}
	fake_stop(fake);
}

/* Whom it answers it lets go: what waits must not hold up the end. */
static void
a_stop_tells_those_that_were_refused_too_often(void **state)
{
	struct rpc_settings settings;
	struct client_options bad = as("bad");

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings_paced(&settings, 1);
	settings.drain_us = US_PER_MS;
	bad.timeout_ms = 60000;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	call_many(fake, "Keyed", &bad, 20, counts);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) >= 1);
	rpc_server_stop(fake->server);
	WAIT_FOR(
	    atomic_load(&counts[ST_UNAUTHENTICATED]) + atomic_load(&counts[ST_UNAVAILABLE]) == 20);
	fake_stop(fake);
}

#define LONG_TRACE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TRACE_PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define NAMED(call_id_text, trace_text) " call=" call_id_text " trace=" trace_text " cause="

/* So that a caller's log can be read together with ours. */
static void
a_line_of_the_log_bears_what_its_caller_knows_the_call_by(void **state)
{
	struct client_options key = as("key:a"), bad = as("bad");
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	static struct client_result result;
	struct rpc_settings settings;
	struct fake_clock clock;
	int fds[2];

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	log_catch(fds);
	struct fake *fake = fake_start(&settings);
	assert_int_equal(code_of(fake->client, "Write", &key), ST_OK);
	key.call_id = 0x12ab;
	key.trace = slice_text(TRACE_PARENT);
	assert_int_equal(code_of(fake->client, "Write", &key), ST_OK);
	key.trace = slice_text(LONG_TRACE "and more");
	assert_int_equal(code_of(fake->client, "Write", &key), ST_OK);
	bad.trace = slice_text("at once");
	assert_int_equal(code_of(fake->client, "Keyed", &bad), ST_UNAUTHENTICATED);
	/* Nobody keeps the request of this one. */
	bad.trace = slice_text("later");
	client_call_async(
	    fake->client, method("Keyed"), &bad, &request.base, store_result, &result);
	WAIT_FOR(refusals_waiting(fake) == 1);
	fake_clock_advance(&clock, US_PER_S);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_refused(&result, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
	fake_stop(fake);
	const char *log = log_caught(fds);
	assert_non_null(strstr(log, NAMED("\"\"", "\"\"")));
	assert_non_null(strstr(log, NAMED("00000000000012ab", TRACE_PARENT)));
	assert_non_null(strstr(log, NAMED("\"\"", "\"at once\"")));
	assert_non_null(strstr(log, NAMED("\"\"", "later")));
	assert_non_null(strstr(log, NAMED("00000000000012ab", LONG_TRACE)));
}

static int
call_until_overloaded(struct fake *fake, atomic_int *counts)
{
	int sent = 0;

	/* One at a time: the lane is never full, so that it is not what refuses. */
	while (atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == 0 && sent < 50) {
		call_many(fake, "Pads", NULL, 1, counts);
		sent++;
		WAIT_FOR(
		    atomic_load(&fake->commits) + atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) ==
		    sent);
	}
	return sent;
}

/* As with wrong codes from many networks. */
static void
answers_that_wait_for_their_time_keep_nobody_from_taking_something_away(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options key = as("key:a");
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct barrier_waiter *waiter = NULL;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings.parked_max = 2;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	const int sent = call_until_overloaded(fake, counts);
	assert_int_equal(code_of(fake->client, "Write", &key), ST_OK);
	client_call_async(
	    fake->client, method("Restrict"), &key, &request.base, store_result, &result);
	WAIT_FOR((waiter = barrier_take(fake)) != NULL);
	assert_int_equal(atomic_load(&counts[ST_UNAUTHENTICATED]), 0);
	waiter->done(waiter);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	fake_clock_advance(&clock, PADDED_US);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == sent - 1);
	fake_stop(fake);
}

/* Each of them holds a context: without a bound nobody would be heard any more. */
static void
so_many_answers_wait_for_their_time_and_the_rest_is_told(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options key = as("key:a");

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings.parked_max = 4;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	const int sent = call_until_overloaded(fake, counts);
	assert_int_equal(atomic_load(&counts[ST_RESOURCE_EXHAUSTED]), 1);
	assert_int_equal(atomic_load(&counts[ST_UNAUTHENTICATED]), 0);
	/* Who can't end up waiting is served. */
	struct client_result read = call_with(fake, "Keyed", "miss", &key);
	assert_int_equal(read.status.code, ST_OK);
	client_result_done(&read);
	/* Their places are free again. */
	fake_clock_advance(&clock, PADDED_US);
	WAIT_FOR(atomic_load(&counts[ST_UNAUTHENTICATED]) == sent - 1);
	struct client_result late = call_with(fake, "Write", "x", &key);
	assert_int_equal(late.status.code, ST_OK);
	client_result_done(&late);
	fake_stop(fake);
}

static void
a_long_poll_is_asked_again_until_it_answers_or_its_deadline_comes(void **state)
{
	struct fake *fake = *state;
	const struct client_options hurried = {.timeout_ms = 60};

	struct client_result third = call_with(fake, "Waits", "3", NULL);
	assert_int_equal(third.status.code, ST_OK);
	assert_int_equal(atomic_load(&fake->begun), 3);
	client_result_done(&third);
	struct client_result never = call_with(fake, "Waits", "1000", &hurried);
	assert_int_equal(never.status.code, ST_DEADLINE_EXCEEDED);
	client_result_done(&never);
}

static void
health_answers_whoever_asks_while_the_database_is_away(void **state)
{
	struct fake *fake = *state;
	const struct client_options bridge = {.via = slice_text("fill:z"),
	    .credential = slice_text("fill:a"),
	    .client_ip = "192.0.2.7"};

	atomic_store(&fake->trust, false);
	atomic_store(&fake->database_away, true);
	struct client_result health = call_with(fake, "Fast", "x", &bridge);
	assert_int_equal(health.status.code, ST_OK);
	client_result_done(&health);
	struct client_result other = call_with(fake, "Keyed", "x", &bridge);
	assert_refused(&other, ST_UNAVAILABLE, "DATABASE_AWAY");
}

static void
only_a_via_that_may_asserts_an_address(void **state)
{
	struct fake *fake = *state;
	struct client_options options = {.client_ip = "192.0.2.7"};

	options.via = slice_text("via:z");
	struct client_result believed = call_with(fake, "Fast", "x", &options);
	assert_int_equal(believed.status.code, ST_OK);
	assert_string_equal(((Usher__V1__Pair *)believed.reply)->value, "memory 192.0.2.7");
	client_result_done(&believed);
	options.via = slice_text("key:z");
	struct client_result refused = call_with(fake, "Fast", "x", &options);
	assert_int_equal(refused.status.code, ST_PERMISSION_DENIED);
	client_result_done(&refused);
}

static void
a_via_that_is_refused_is_told_apart_from_its_caller(void **state)
{
	struct fake *fake = *state;
	struct client_options options = {
	    .via = slice_text("bad"), .credential = slice_text("key:a")};

	struct client_result via = call_with(fake, "Keyed", "x", &options);
	assert_refused(&via, ST_UNAUTHENTICATED, "VIA_REFUSED");
	/* Where anybody may call, too: a login must not go on as from an unknown address. */
	struct client_result open = call_with(fake, "Fast", "x", &options);
	assert_refused(&open, ST_UNAUTHENTICATED, "VIA_REFUSED");
	options =
	    (struct client_options){.via = slice_text("via:z"), .credential = slice_text("bad")};
	struct client_result caller = call_with(fake, "Keyed", "x", &options);
	assert_refused(&caller, ST_UNAUTHENTICATED, "CREDENTIAL_INVALID");
}

static void
methods_that_are_none_or_two_are_refused(void **state)
{
	struct fake *fake = *state;
	const struct client_method unknown = {.name = "test.v1.Echo/Nothing"};
	const struct client_method none = {.name = ""};
	struct client_result result;

	client_call_raw(fake->client, &unknown, NULL, SLICE_NONE, &result);
	assert_refused(&result, ST_UNIMPLEMENTED, "METHOD_UNKNOWN");
	client_call_raw(fake->client, &none, NULL, SLICE_NONE, &result);
	assert_refused(&result, ST_INVALID_ARGUMENT, "METHOD_MISSING");
	/* By name alone, as a foreign client does it. */
	const struct client_method named = {.name = "test.v1.Echo/Fast"};
	client_call_raw(fake->client, &named, NULL, slice_of("\x0a\x01x", 3), &result);
	assert_int_equal(result.status.code, ST_OK);
	client_result_done(&result);
	/* Two, whichever of them is the one that is meant. */
	const struct client_method ambiguous[] = {
	    {.name = "test.v1.Echo/Fast", .id = method("Keyed")->id},
	    {.name = BATCH_METHOD_NAME, .id = method("Fast")->id},
	    {.name = "test.v1.Echo/Fast", .id = wire_method_id(slice_text(BATCH_METHOD_NAME))},
	};
	nng_socket plain = plain_client(fake);
	for (size_t i = 0; i < sizeof(ambiguous) / sizeof(ambiguous[0]); i++) {
		Usher__V1__Request request = USHER__V1__REQUEST__INIT;

		request.method = (char *)(uintptr_t)ambiguous[i].name;
		request.method_id = ambiguous[i].id;
		Usher__V1__Response *response = exchange(plain, &request);
		assert_int_equal(response->code, ST_INVALID_ARGUMENT);
		assert_string_equal(response->details[0]->error_info->reason, "METHOD_AMBIGUOUS");
		usher__v1__response__free_unpacked(response, NULL);
	}
	(void)nng_close(plain);
}

static void
bad_payloads_are_refused_and_the_server_goes_on(void **state)
{
	struct fake *fake = *state;
	struct client_result result;
	static char big[70000];

	client_call_raw(fake->client, method("Fast"), NULL, slice_of("\x0a\x05x", 3), &result);
	assert_refused(&result, ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD");
	client_call_raw(fake->client, method("Fast"), NULL, slice_of("\x0a\x01\xff", 3), &result);
	assert_int_equal(result.violations_count, 1);
	assert_refused(&result, ST_INVALID_ARGUMENT, "INVALID_FIELDS");
	memset(big, 'x', sizeof(big));
	memcpy(big, "\x0a\xec\xa2\x04", 4);
	client_call_raw(fake->client, method("Fast"), NULL, slice_of(big, sizeof(big)), &result);
	assert_int_equal(result.retry_after_ms, 0);
	assert_refused(&result, ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE");
	struct client_result fine = call_with(fake, "Fast", "x", NULL);
	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
}

static void
every_cut_of_a_message_gets_an_answer(void **state)
{
	struct fake *fake = *state;
	nng_socket socket = plain_client(fake);
	struct request_envelope e;
	uint8_t bytes[256];

	request_envelope_init(&e);
	e.method = slice_text("test.v1.Echo/Fast");
	e.call_id = 99;
	e.credential = slice_text("key:a");
	e.payload = slice_of("\x0a\x01x", 3);
	(void)envelope_pack_request(&e, bytes);
	for (size_t cut = 0; cut <= envelope_request_size(&e); cut++) {
		struct response_envelope answer;
		void *data = NULL;
		size_t size = 0;
		assert_int_equal(nng_send(socket, bytes, cut, 0), 0);
		assert_int_equal(nng_recv(socket, &data, &size, NNG_FLAG_ALLOC), 0);
		assert_int_equal(
		    envelope_parse_response(slice_of(data, size), &answer).code, ST_OK);
		assert_true(answer.code == ST_OK || answer.code == ST_INVALID_ARGUMENT ||
			    answer.code == ST_UNIMPLEMENTED);
		nng_free(data, size);
	}
	nng_close(socket);
}

static void
a_message_over_the_limit_costs_its_sender_the_connection_alone(void **state)
{
	struct fake *fake = *state;
	nng_socket socket = plain_client(fake);
	nng_msg *message = NULL;

	assert_int_equal(nng_msg_alloc(&message, MESSAGE_BYTES_MAX + 1), 0);
	memset(nng_msg_body(message), 'x', nng_msg_len(message));
	assert_int_equal(nng_sendmsg(socket, message, 0), 0);
	void *data = NULL;
	size_t size = 0;
	assert_int_equal(nng_recv(socket, &data, &size, NNG_FLAG_ALLOC), NNG_ECONNRESET);
	struct client_result fine = call_with(fake, "Fast", "x", NULL);
	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
	nng_close(socket);
}

static void
a_message_at_the_limit_is_answered(void **state)
{
	struct fake *fake = *state;
	nng_socket socket = plain_client(fake);
	struct response_envelope answer;
	nng_msg *message = NULL;
	void *data = NULL;
	size_t size = 0;

	assert_int_equal(nng_msg_alloc(&message, MESSAGE_BYTES_MAX), 0);
	memset(nng_msg_body(message), 'x', nng_msg_len(message));
	assert_int_equal(nng_sendmsg(socket, message, 0), 0);
	assert_int_equal(nng_recv(socket, &data, &size, NNG_FLAG_ALLOC), 0);
	assert_int_equal(envelope_parse_response(slice_of(data, size), &answer).code, ST_OK);
	assert_int_equal(answer.code, ST_INVALID_ARGUMENT);
	nng_free(data, size);
	nng_close(socket);
}

static void
our_client_refuses_to_send_what_would_cost_its_connection(void **state)
{
	struct fake *fake = *state;
	const struct client_method open = {.name = "test.v1.Echo/Fast"};
	struct client_result result;
	uint8_t *big = calloc(1, MESSAGE_BYTES_MAX + 1);

	client_call_raw(fake->client, &open, NULL, slice_of(big, MESSAGE_BYTES_MAX + 1), &result);
	assert_refused(&result, ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE");
	free(big);
}

static void
a_reply_over_the_limit_is_refused(void **state)
{
	struct fake *fake = *state;
	struct client_result fits = call_with(fake, "Large", "4000000", NULL);

	assert_int_equal(fits.status.code, ST_OK);
	client_result_done(&fits);
	struct client_result result = call_with(fake, "Large", "5000000", NULL);
	assert_refused(&result, ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE");
	struct client_result arena = call_with(fake, "Large", "50000000", NULL);
	assert_refused(&arena, ST_RESOURCE_EXHAUSTED, "REQUEST_TOO_COSTLY");
}

/* Static in each test, as its items are: one that fails leaves them under way. */
struct batch_wait {
	atomic_bool done;
	struct client_result result;
};

static void
batch_done(void *arg, struct client_result *result)
{
	struct batch_wait *wait = arg;

	wait->result = *result;
	atomic_store(&wait->done, true);
}

static void
a_batch_is_answered_in_order_each_with_its_own_code(void **state)
{
	struct fake *fake = *state;
	struct client_options whole = as("key:a");
	const struct client_item made[] = {
	    {.method = method("Keyed"),
		.payload = slice_of("\x0a\x01"
				    "1",
		    3)},
	    {.method = method("Keyed"), .payload = slice_of("\x0a\x04miss", 6)},
	    {.method = method("Keyed"),
		.payload = slice_of("\x0a\x01"
				    "3",
		    3),
		.options = as("bad")},
	    {.method = method("Write"), .payload = SLICE_NONE},
	    {.method = method("Slow"),
		.payload = slice_of("\x0a\x01"
				    "5",
		    3),
		.options = as("cpu:b")},
	    {.method = method("Fast"), .payload = slice_of("\x0a\x05x", 3)},
	    {.method = method("Keyed"),
		.payload = slice_of("\x0a\x01"
				    "7",
		    3)},
	};
	const enum status_code codes[] = {ST_OK, ST_OK, ST_UNAUTHENTICATED, ST_INVALID_ARGUMENT,
	    ST_OK, ST_INVALID_ARGUMENT, ST_OK};
	const char *const keys[] = {"1", "miss", NULL, NULL, "5", NULL, "7"};
	static struct client_item items[sizeof(made) / sizeof(made[0])];
	static struct batch_wait wait;

	memcpy(items, made, sizeof(items));
	client_batch_async(fake->client, &whole, items, 7, batch_done, &wait);
	WAIT_FOR(atomic_load(&fake->begun) == 1);
	assert_false(atomic_load(&wait.done));
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&wait.done));
	assert_int_equal(wait.result.status.code, ST_OK);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(items[i].result.status.code, codes[i]);
		if (keys[i])
			assert_string_equal(
			    ((Usher__V1__Pair *)items[i].result.reply)->key, keys[i]);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
}

/* Nothing would be done once because of it, and who gave it would count on that. */
static void
a_batch_takes_no_idempotency_key_of_its_own(void **state)
{
	struct fake *fake = *state;
	struct client_options whole = as("key:a");
	static struct client_item items[1];
	static struct batch_wait wait;

	whole.idempotency_key = slice_text("0123456789abcdef");
	items[0] = (struct client_item){.method = method("Keyed"), .payload = SLICE_NONE};
	client_batch_async(fake->client, &whole, items, 1, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	assert_refused(&wait.result, ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_NOT_TAKEN");
}

#define HEAVY_COUNT 5

/* One that waits, and others with a megabyte each. */
static void
heavy_batch(struct fake *fake, size_t heavy, struct client_item *items, struct batch_wait *wait)
{
	static const struct client_options whole = {.credential = {(const uint8_t *)"key:a", 5}};

	items[0] = (struct client_item){.method = method("Slow"), .payload = SLICE_NONE};
	for (size_t i = 1; i <= heavy; i++)
		items[i] = (struct client_item){.method = method("Heavy"),
		    .payload = slice_of("\x0a\x07"
					"1000000",
			9)};
	atomic_store(&wait->done, false);
	client_batch_async(fake->client, &whole, items, heavy + 1, batch_done, wait);
	WAIT_FOR(atomic_load(&fake->begun) == 1);
}

/* Whose batch it is pays for it, and who asks beside it does not. */
static void
replies_that_wait_for_the_rest_of_their_batch_take_room(void **state)
{
	static struct client_item items[HEAVY_COUNT];
	static struct batch_wait wait;
	struct rpc_settings settings;
	struct client *other = NULL;
	char *text = calloc(1, 20001);
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	atomic_int *counts;

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.message_bytes_max = 2000000;
	struct fake *fake = fake_start(&settings);
	const struct client_settings client = {.url = rpc_server_url(fake->server, 0)};
	assert_int_equal(client_new(&client, &other).code, ST_OK);
	counts = counts_take(fake);
	request.key = memset(text, 'x', 20000);
	heavy_batch(fake, HEAVY_COUNT - 1, items, &wait);
	/* Until all four are there, a large request may still find room. */
	int sent = 0;
	while (atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == 0) {
		client_call_async(other, method("Fast"), NULL, &request.base, count_result, counts);
		sent++;
		WAIT_FOR(
		    atomic_load(&counts[ST_OK]) + atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) ==
		    sent);
		assert_true(sent < 5000);
	}
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < HEAVY_COUNT; i++)
		client_result_done(&items[i].result);
	client_result_done(&wait.result);
	int64_t calls, pipes;
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0));
	assert_int_equal(code_of(other, "Fast", NULL), ST_OK);
	client_free(&other);
	fake_stop(fake);
	free(text);
}

/* How many calls the log has; each has an id of its own. */
static int
calls_logged(const char *log)
{
	static const char head[] = "event=rpc id=";
	int count = 0;

	for (const char *at = log; (at = strstr(at, head)); at++, count++) {
		char id[sizeof(head) + 16];

		(void)snprintf(id, sizeof(id), "%s", at);
		assert_null(strstr(at + 1, id));
	}
	return count;
}

static void
a_batch_whose_replies_are_too_large_together_is_refused(void **state)
{
	struct fake *fake = *state;
	static struct client_item items[HEAVY_COUNT + 1];
	static struct batch_wait wait;
	static char log[65536];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(log_start(fds[1], LOG_INFO).code, ST_OK);
	heavy_batch(fake, HEAVY_COUNT, items, &wait);
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&wait.done));
	assert_refused(&wait.result, ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE");
	log_stop();
	(void)close(fds[1]);
	const ssize_t bytes = read(fds[0], log, sizeof(log) - 1);
	log[bytes > 0 ? bytes : 0] = '\0';
	(void)close(fds[0]);
	/* The items', and its own. */
	assert_int_equal(calls_logged(log), HEAVY_COUNT + 1 + 1);
}

static void
an_item_of_a_batch_says_where_it_came_from_under_the_via_of_all(void **state)
{
	struct fake *fake = *state;
	const struct client_options whole = {.via = slice_text("via:z"), .client_ip = "192.0.2.1"};
	const struct client_options stranger = {
	    .via = slice_text("key:b"), .client_ip = "192.0.2.9"};
	const struct client_item made[] = {
	    {.method = method("Fast"), .options = {.client_ip = "192.0.2.7"}},
	    {.method = method("Fast")},
	    {.method = method("Fast"), .options = {.via = slice_text("key:b")}},
	    {.method = method("Fast"), .options = stranger},
	};
	const char *const values[] = {
	    "memory 192.0.2.7", "memory 192.0.2.1", "memory 127.0.0.1", NULL};
	static struct client_item items[sizeof(made) / sizeof(made[0])];
	static struct batch_wait wait;

	memcpy(items, made, sizeof(items));
	client_batch_async(fake->client, &whole, items, 4, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(
		    items[i].result.status.code, values[i] ? ST_OK : ST_PERMISSION_DENIED);
		if (values[i])
			assert_string_equal(
			    ((Usher__V1__Pair *)items[i].result.reply)->value, values[i]);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
}

/* Memory is asked for a credential once while the items have it, and again for whatever differs. */
static void
each_item_of_a_batch_is_who_its_own_credential_says(void **state)
{
	struct fake_clock clock; /* or a pause of the machine might end what the batch knows */
	struct client_options whole = as("key:a");
	const struct client_options from_home = {.credential = slice_text("home:h"),
	    .via = slice_text("via:z"),
	    .client_ip = "192.0.2.1"};
	const struct client_options nobody = {.org = NULL};
	struct client_options from_elsewhere = from_home, through_lane = as("key:b"),
			      seen = as("key:b"), newer = as("key:b");
	uint8_t revision[2][REVISION_BYTES];

	(void)state;
	struct fake *fake = fake_timed(&clock);
	from_elsewhere.client_ip = "192.0.2.2";
	through_lane.via = slice_text("cpu:y");
	revision_pack(&AT(7, 99), revision[0]);
	seen.at_least = slice_of(revision[0], REVISION_BYTES);
	revision_pack(&AT(7, 100), revision[1]);
	newer.at_least = slice_of(revision[1], REVISION_BYTES);
	const struct {
		struct client_options options;
		const char *value;
	} cases[] = {
	    {nobody, "memory a 127.0.0.1"},
	    {nobody, "memory a 127.0.0.1"},
	    {as("key:a"), "memory a 127.0.0.1"},
	    {as("key:b"), "memory b 127.0.0.1"},
	    {as("key:bb"), "memory b 127.0.0.1"},
	    {as("bad:b"), NULL},
	    {as("key:b"), "memory b 127.0.0.1"},
	    {nobody, "memory a 127.0.0.1"},
	    {from_home, "memory h 192.0.2.1"},
	    {from_home, "memory h 192.0.2.1"},
	    {from_elsewhere, NULL},
	    {as("fill:c"), "memory c 127.0.0.1"},
	    {as("cpu:d"), "memory d 127.0.0.1"},
	    {as("key:b"), "memory b 127.0.0.1"},
	    {through_lane, "memory b 127.0.0.1"},
	    {as("key:b"), "memory b 127.0.0.1"},
	    {seen, "memory b 127.0.0.1"},
	    {seen, "memory b 127.0.0.1"},
	    {as("key:b"), "memory b 127.0.0.1"},
	    {newer, "database b 127.0.0.1"},
	};
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	static struct client_item items[COUNT];
	static struct batch_wait wait;

	for (size_t i = 0; i < COUNT; i++)
		items[i] = (struct client_item){
		    .method = method("Who"), .payload = SLICE_NONE, .options = cases[i].options};
	client_batch_async(fake->client, &whole, items, COUNT, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < COUNT; i++) {
		const struct client_result *result = &items[i].result;

		assert_int_equal(result->status.code, cases[i].value ? ST_OK : ST_UNAUTHENTICATED);
		if (cases[i].value)
			assert_string_equal(
			    ((Usher__V1__Pair *)result->reply)->value, cases[i].value);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
	/* Callers: a, b, bb, bad, b, a, h, h from elsewhere, c, d, b, b on a lane, b for who has
	 * seen more, b for who has seen what memory has not. Via: z and y. */
	assert_int_equal(atomic_load(&fake->finds), 16);
	fake_stop(fake);
}

/* The first one's handler sees the lease run out. */
static void
a_batch_knows_nobody_when_memory_may_not_be_trusted(void **state)
{
	struct fake *fake = *state;
	struct client_options whole = as("key:a");
	static struct client_item items[3];
	static struct batch_wait wait;

	for (size_t i = 0; i < 3; i++)
		items[i] = (struct client_item){.method = method("Who"),
		    .payload = i == 0 ? slice_of("\x0a\x08"
						 "distrust",
					    10)
				      : SLICE_NONE};
	client_batch_async(fake->client, &whole, items, 3, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].result.status.code, ST_OK);
		assert_string_equal(((Usher__V1__Pair *)items[i].result.reply)->value,
		    i == 0 ? "memory a 127.0.0.1" : "database a 127.0.0.1");
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
	assert_int_equal(atomic_load(&fake->finds), 3);
}

/* As after a stop of the whole process: what was revoked meanwhile is not known from before. */
static void
a_batch_that_stood_still_looks_its_caller_up_again(void **state)
{
	struct fake_clock clock;
	struct client_options whole = as("key:a");
	static struct client_item items[3];
	static struct batch_wait wait;

	(void)state;
	struct fake *fake = fake_timed(&clock);
	fake->clock = &clock;
	for (size_t i = 0; i < 3; i++)
		items[i] = (struct client_item){.method = method("Who"),
		    .payload = i == 0 ? slice_of("\x0a\x05"
						 "sleep",
					    7)
				      : SLICE_NONE};
	client_batch_async(fake->client, &whole, items, 3, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].result.status.code, ST_OK);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
	assert_int_equal(atomic_load(&fake->finds), 2);
	fake_stop(fake);
}

static void
large_payload(const char *bytes, uint8_t room[16], struct client_item *out)
{
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;

	request.key = (char *)(uintptr_t)bytes;
	*out = (struct client_item){.method = method("Large"),
	    .payload = slice_of(room, usher__v1__pair__pack(&request, room))};
}

/* What the replies take is guessed by those before: they grow, and the next guess is too large. */
static void
replies_of_any_size_share_the_message_of_their_batch(void **state)
{
	struct fake *fake = *state;
	static const char *const sizes[][6] = {
	    {"0", "1", "100", "127", "128", "20000"},
	    {"300000", "1", "600000", "0", "16384", "2000000"},
	    {"1", "1", "0", "0", "2", "1"},
	};
	static struct client_item items[3][6];
	static struct batch_wait waits[3];
	uint8_t packed[6][16];

	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 6; i++)
			large_payload(sizes[turn][i], packed[i], &items[turn][i]);
		client_batch_async(fake->client, NULL, items[turn], 6, batch_done, &waits[turn]);
		WAIT_FOR(atomic_load(&waits[turn].done));
		for (size_t i = 0; i < 6; i++) {
			const struct client_result *result = &items[turn][i].result;

			assert_int_equal(result->status.code, ST_OK);
			const char *value = ((Usher__V1__Pair *)result->reply)->value;
			assert_int_equal(strspn(value, "x"), strtoul(sizes[turn][i], NULL, 10));
			client_result_done(&items[turn][i].result);
		}
		client_result_done(&waits[turn].result);
	}
}

/* As if it had come alone, with the credential that it has then. */
static void
an_item_of_a_batch_is_in_the_organisation_that_its_credential_came_with(void **state)
{
	static const char of_a[] = "61616161-6161-6161-6161-616161616161";
	static const char of_b[] = "62626262-6262-6262-6262-626262626262";
	struct fake *fake = *state;
	const struct client_options whole = {.credential = slice_text("operator:a"), .org = of_b};
	const struct client_options none = {.org = NULL}, at_home = {.org = of_a};
	const struct client_options key = {.credential = slice_text("key:c"), .org = of_b};
	/* Where an operator is not at home, it may not do this. */
	const struct {
		struct client_options options;
		const char *reason, *value;
	} cases[] = {
	    {none, "PERMISSION_MISSING", NULL},
	    {at_home, NULL, "memory a 127.0.0.1"},
	    {none, "PERMISSION_MISSING", NULL},
	    {as("operator:a"), NULL, "memory a 127.0.0.1"},
	    {as("key:c"), NULL, "memory c 127.0.0.1"},
	    {key, "ORG_NOT_ALLOWED", NULL},
	};
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	static struct client_item items[COUNT];
	static struct batch_wait wait;

	for (size_t i = 0; i < COUNT; i++)
		items[i] = (struct client_item){
		    .method = method("Who"), .payload = SLICE_NONE, .options = cases[i].options};
	client_batch_async(fake->client, &whole, items, COUNT, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < COUNT; i++) {
		struct client_result *result = &items[i].result;

		if (cases[i].reason) {
			assert_refused(result, ST_PERMISSION_DENIED, cases[i].reason);
			continue;
		}
		assert_int_equal(result->status.code, ST_OK);
		assert_string_equal(((Usher__V1__Pair *)result->reply)->value, cases[i].value);
		client_result_done(result);
	}
	client_result_done(&wait.result);
}

static void
replies_from_memory_that_are_too_large_together_are_refused(void **state)
{
	struct fake *fake = *state;
	static struct client_item items[2];
	static struct batch_wait wait;
	uint8_t packed[2][16];

	for (size_t i = 0; i < 2; i++)
		large_payload("3000000", packed[i], &items[i]);
	client_batch_async(fake->client, NULL, items, 2, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	assert_refused(&wait.result, ST_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE");
}

/* It counts by what it says while nobody takes it. inproc:// hands it over as it was made. */
static void
a_short_reply_behind_long_ones_keeps_no_more_than_it_needs(void **state)
{
	struct fake *fake = *state;
	const struct client_settings settings = {.url = rpc_server_url(fake->server, 1)};
	struct client *client = NULL;
	static struct client_item items[2][8];
	static struct batch_wait waits[2];
	uint8_t packed[16];

	assert_int_equal(client_new(&settings, &client).code, ST_OK);
	for (size_t turn = 0; turn < 2; turn++) {
		const size_t count = turn == 0 ? 1 : 8;

		for (size_t i = 0; i < count; i++)
			large_payload(turn == 0 ? "28000" : "1", packed, &items[turn][i]);
		client_batch_async(client, NULL, items[turn], count, batch_done, &waits[turn]);
		WAIT_FOR(atomic_load(&waits[turn].done));
		assert_int_equal(waits[turn].result.status.code, ST_OK);
		for (size_t i = 0; i < count; i++)
			client_result_done(&items[turn][i].result);
	}
	assert_true(nng_msg_capacity(waits[0].result.internal_message) > 28000);
	assert_true(nng_msg_capacity(waits[1].result.internal_message) < 8192);
	client_result_done(&waits[0].result);
	client_result_done(&waits[1].result);
	client_free(&client);
}

static void
a_line_of_the_log_about_an_item_bears_the_trace_of_all_unless_it_has_its_own(void **state)
{
	const struct slice miss = slice_of("\x0a\x04miss", 6);
	struct client_options whole = as("key:a");
	static struct client_item items[2];
	static struct batch_wait wait;
	int fds[2];

	(void)state;
	methods_name();
	log_catch(fds);
	struct fake *fake = fake_start(NULL);
	whole.call_id = 1;
	whole.trace = slice_text("of-all");
	items[0] = (struct client_item){
	    .method = method("Keyed"), .payload = miss, .options = {.call_id = 7}};
	items[1] = (struct client_item){
	    .method = method("Keyed"), .payload = miss, .options = {.trace = slice_text("own")}};
	client_batch_async(fake->client, &whole, items, 2, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(items[i].result.status.code, ST_OK);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
	fake_stop(fake);
	const char *log = log_caught(fds);
	assert_non_null(strstr(log, NAMED("0000000000000007", "of-all")));
	assert_non_null(strstr(log, NAMED("\"\"", "own")));
}

static void
a_batch_that_memory_answers_needs_no_lane(void **state)
{
	struct fake *fake = *state;
	struct client_options whole = as("key:a");
	static struct client_item items[BATCH_ITEMS_MAX + 1];
	static struct batch_wait wait, over;

	for (size_t i = 0; i <= BATCH_ITEMS_MAX; i++)
		items[i] = (struct client_item){
		    .method = method("Keyed"), .payload = slice_of("\x0a\x01x", 3)};
	client_batch_async(fake->client, &whole, items, BATCH_ITEMS_MAX, batch_done, &wait);
	WAIT_FOR(atomic_load(&wait.done));
	for (size_t i = 0; i < BATCH_ITEMS_MAX; i++) {
		assert_int_equal(items[i].result.status.code, ST_OK);
		client_result_done(&items[i].result);
	}
	client_result_done(&wait.result);
	assert_int_equal(atomic_load(&fake->leases), 0);
	client_batch_async(fake->client, &whole, items, BATCH_ITEMS_MAX + 1, batch_done, &over);
	WAIT_FOR(atomic_load(&over.done));
	assert_refused(&over.result, ST_INVALID_ARGUMENT, "MALFORMED_PAYLOAD");
}

/* Few threads carry what the transport has received: a large batch takes one of them for long. */
static void
a_large_batch_beyond_so_many_is_worked_on_in_a_lane(void **state)
{
	struct rpc_settings settings;
	struct client_options whole = as("key:a");
	struct rpc_lane_figures lanes[LANE_COUNT];
	static struct client_item items[20];
	static struct batch_wait waits[2];

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.batches_here_max = 0;
	struct fake *fake = fake_start(&settings);
	for (int turn = 0; turn < 2; turn++) {
		struct batch_wait *wait = &waits[turn];
		/* Few items are done as one call is. */
		const size_t count = turn == 0 ? 8 : 20;

		for (size_t i = 0; i < count; i++)
			items[i] =
			    (struct client_item){.method = method(i == 3 ? "Write" : "Keyed"),
				.payload = slice_of(i % 2 ? "\x0a\x01y" : "\x0a\x01x", 3)};
		client_batch_async(fake->client, &whole, items, count, batch_done, wait);
		WAIT_FOR(atomic_load(&wait->done));
		for (size_t i = 0; i < count; i++) {
			/* A write that is not for batches. */
			const enum status_code code = i == 3 ? ST_INVALID_ARGUMENT : ST_OK;
			assert_int_equal(items[i].result.status.code, code);
			if (code == ST_OK)
				assert_int_equal(
				    items[i].result.payload.data[2], i % 2 ? 'y' : 'x');
			client_result_done(&items[i].result);
		}
		client_result_done(&wait->result);
		WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[1].done == turn);
		assert_string_equal(lanes[1].name, "cpu");
	}
	fake_stop(fake);
}

/* An item: what is said of it where memory alone is asked. */
struct memory_item {
	const char *method, *credential, *key;
	const char *via, *client_ip;
	enum status_code code;
	const char *reason; /* of a failure */
	const char *value;  /* of a reply */
};

static void
memory_request(const struct memory_item *item, Usher__V1__Pair *payload, uint8_t room[64],
    Usher__V1__Request *out)
{
	usher__v1__request__init(out);
	usher__v1__pair__init(payload);
	payload->key = (char *)(uintptr_t)item->key;
	out->method = (char *)(uintptr_t)item->method;
	out->credential.data = (uint8_t *)(uintptr_t)item->credential;
	out->credential.len = strlen(item->credential);
	out->via.data = (uint8_t *)(uintptr_t)item->via;
	out->via.len = item->via ? strlen(item->via) : 0;
	out->client_ip = (char *)(uintptr_t)(item->client_ip ? item->client_ip : "");
	out->call_id = 77;
	out->payload.data = room;
	out->payload.len = usher__v1__pair__pack(payload, room);
}

static void
assert_answered_so(const Usher__V1__Response *response, const struct memory_item *item)
{
	assert_int_equal(response->code, item->code);
	assert_int_equal(response->call_id, 77);
	if (item->reason)
		assert_string_equal(response->details[0]->error_info->reason, item->reason);
	if (!item->value)
		return;
	Usher__V1__Pair *reply =
	    usher__v1__pair__unpack(NULL, response->payload.len, response->payload.data);
	assert_non_null(reply);
	assert_string_equal(reply->key, item->key);
	assert_string_equal(reply->value, item->value);
	usher__v1__pair__free_unpacked(reply, NULL);
}

/* In one message for memory alone. */
static void
assert_batch_from_memory(nng_socket socket, const struct memory_item *items, size_t count)
{
	Usher__V1__Request *requests = calloc(count, sizeof(*requests));
	Usher__V1__Request **places = calloc(count, sizeof(Usher__V1__Request *));
	Usher__V1__Pair *payloads = calloc(count, sizeof(*payloads));
	uint8_t(*rooms)[64] = calloc(count, sizeof(*rooms));
	Usher__V1__BatchRequest batch = USHER__V1__BATCH_REQUEST__INIT;
	Usher__V1__Request whole = USHER__V1__REQUEST__INIT;

	for (size_t i = 0; i < count; i++) {
		memory_request(&items[i], &payloads[i], rooms[i], &requests[i]);
		places[i] = &requests[i];
	}
	batch.n_items = count;
	batch.items = places;
	whole.method = (char *)(uintptr_t)BATCH_METHOD_NAME;
	whole.memory_only = true;
	whole.payload.len = usher__v1__batch_request__get_packed_size(&batch);
	whole.payload.data = malloc(whole.payload.len);
	(void)usher__v1__batch_request__pack(&batch, whole.payload.data);
	Usher__V1__Response *response = exchange(socket, &whole);
	assert_int_equal(response->code, ST_OK);
	assert_true(response->memory_only);
	Usher__V1__BatchReply *reply =
	    usher__v1__batch_reply__unpack(NULL, response->payload.len, response->payload.data);
	assert_non_null(reply);
	assert_int_equal(reply->n_items, count);
	for (size_t i = 0; i < count; i++) {
		assert_answered_so(reply->items[i], &items[i]);
		assert_false(reply->items[i]->memory_only);
	}
	usher__v1__batch_reply__free_unpacked(reply, NULL);
	usher__v1__response__free_unpacked(response, NULL);
	free(whole.payload.data);
	free(rooms);
	free(payloads);
	free(places);
	free(requests);
}

#define NOT_THERE .code = ST_FAILED_PRECONDITION, .reason = NOT_IN_MEMORY_REASON
static const struct memory_item from_memory[] = {
    {"test.v1.Echo/Keyed", "key:a", "1", .value = "memory 127.0.0.1"},
    {"test.v1.Echo/Keyed", "key:b", "miss", NOT_THERE},
    /* Each with its own credential and address, or none. */
    {"test.v1.Echo/Keyed", "", "3", .code = ST_UNAUTHENTICATED},
    {"test.v1.Echo/Keyed", "bad", "4", .code = ST_UNAUTHENTICATED, .reason = "CREDENTIAL_INVALID"},
    {"test.v1.Echo/Keyed", "key:c", "5", "via:z", "192.0.2.7", .value = "memory 192.0.2.7"},
    {"test.v1.Echo/Keyed", "key:c", "6", .value = "memory 127.0.0.1"},
    {"test.v1.Echo/Keyed", "key:c", "7", "key:z", "192.0.2.7", .code = ST_PERMISSION_DENIED},
    /* What would go to CPU and to QUERY for its credential, or to its method's lane. */
    {"test.v1.Echo/Keyed", "cpu:d", "8", NOT_THERE},
    {"test.v1.Echo/Keyed", "fill:e", "9", NOT_THERE},
    {"test.v1.Echo/Slow", "key:a", "10", NOT_THERE},
    {"test.v1.Echo/Write", "key:a", "11", .code = ST_INVALID_ARGUMENT, .reason = "NOT_BATCHABLE"},
    {"test.v1.Echo/Fast", "", "12", .value = "memory 127.0.0.1"},
    {"test.v1.Echo/Keyed", "key:a", "last", .value = "memory 127.0.0.1"},
};
#define FROM_MEMORY_COUNT (sizeof(from_memory) / sizeof(from_memory[0]))

static void
a_batch_for_memory_alone_leaves_out_what_memory_does_not_have(void **state)
{
	struct fake *fake = *state;
	nng_socket socket = plain_client(fake);

	assert_batch_from_memory(socket, from_memory, FROM_MEMORY_COUNT);
	assert_int_equal(atomic_load(&fake->handled), 5);
	assert_int_equal(atomic_load(&fake->begun) + atomic_load(&fake->fills) +
			     atomic_load(&fake->verifies) + atomic_load(&fake->leases),
	    0);
	/* By themselves they are answered. */
	const struct client_options b = as("key:b"), d = as("cpu:d"), e = as("fill:e");
	struct client_result missed = call_with(fake, "Keyed", "miss", &b);
	assert_string_equal(((Usher__V1__Pair *)missed.reply)->value, "database 127.0.0.1");
	client_result_done(&missed);
	struct client_result verified = call_with(fake, "Keyed", "8", &d);
	assert_int_equal(verified.status.code, ST_OK);
	client_result_done(&verified);
	struct client_result filled = call_with(fake, "Keyed", "9", &e);
	assert_int_equal(filled.status.code, ST_OK);
	client_result_done(&filled);
	/* What comes behind a megabyte of replies is left for another message. */
	assert_batch_from_memory(socket,
	    (const struct memory_item[]){{"test.v1.Echo/Large", "", "400000", .code = ST_OK},
		{"test.v1.Echo/Large", "", "400000", .code = ST_OK},
		{"test.v1.Echo/Large", "", "400000", .code = ST_OK},
		{"test.v1.Echo/Keyed", "key:a", "1", NOT_THERE}},
	    4);
	/* While memory may not be trusted, it has nothing but what is open to all. */
	atomic_store(&fake->trust, false);
	assert_batch_from_memory(socket,
	    (const struct memory_item[]){{"test.v1.Echo/Keyed", "key:a", "1", NOT_THERE},
		{"test.v1.Echo/Fast", "", "2", .value = "memory 127.0.0.1"}},
	    2);
	nng_close(socket);
}

static void
assert_item_answered_so(nng_socket socket, const struct memory_item *item, bool memory_only)
{
	Usher__V1__Request request;
	Usher__V1__Pair payload;
	uint8_t room[64];

	memory_request(item, &payload, room, &request);
	request.memory_only = memory_only;
	Usher__V1__Response *response = exchange(socket, &request);
	assert_answered_so(response, item);
	assert_int_equal(response->memory_only, memory_only);
	usher__v1__response__free_unpacked(response, NULL);
}

static void
a_call_for_memory_alone_does_nothing_that_memory_can_not(void **state)
{
	static const struct memory_item items[] = {
	    {"test.v1.Echo/Keyed", "key:a", "1", .value = "memory 127.0.0.1"},
	    {"test.v1.Echo/Keyed", "key:a", "miss", NOT_THERE},
	    {"test.v1.Echo/Write", "key:a", "3", NOT_THERE},
	    {"test.v1.Echo/Restrict", "key:a", "4", NOT_THERE},
	    {"test.v1.Echo/Pads", "", "5", NOT_THERE}, {"test.v1.Echo/Waits", "", "6", NOT_THERE},
	    {"test.v1.Echo/Logins", "key:a", "7", NOT_THERE}, /* its refusal goes to audit */
	};
	struct fake *fake = *state;
	nng_socket socket = plain_client(fake);

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		assert_item_answered_so(socket, &items[i], true);
	assert_int_equal(atomic_load(&fake->handled), 1);
	assert_int_equal(atomic_load(&fake->begins) + atomic_load(&fake->begun) +
			     atomic_load(&fake->audits) + atomic_load(&fake->leases),
	    0);
	nng_close(socket);
}

/* As many refusals wait as may, of this connection too. */
static void
a_call_for_memory_alone_is_not_turned_away_for_others_refusals(void **state)
{
	static const struct memory_item bad = {
	    "test.v1.Echo/Keyed", "bad", "1", .code = ST_UNAUTHENTICATED};
	static const struct memory_item turned_away = {"test.v1.Echo/Keyed", "cpu:a", "2",
	    .code = ST_RESOURCE_EXHAUSTED, .reason = "TOO_MANY_REFUSALS"};
	static const struct memory_item not_there = {"test.v1.Echo/Keyed", "cpu:a", "3", NOT_THERE};
	struct rpc_settings settings;
	struct fake_clock clock;
	Usher__V1__Request request;
	Usher__V1__Pair payload;
	uint8_t room[64];
	int64_t calls, pipes;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings_paced(&settings, 1);
	settings.refusals_waiting_max = 1;
	struct fake *fake = fake_start(&settings);
	nng_socket socket = plain_client(fake);
	assert_item_answered_so(socket, &bad, false);
	memory_request(&bad, &payload, room, &request);
	send_request(socket, &request);
	WAIT_FOR(refusals_waiting(fake) == 1);
	assert_item_answered_so(socket, &turned_away, false);
	assert_item_answered_so(socket, &not_there, true);
	fake_clock_advance(&clock, 2 * US_PER_S);
	/* Its reply is out, and that of one more call comes behind it: nng 1.5 does not bear a
	 * close while a message is being received (1636). */
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0));
	assert_item_answered_so(socket, &not_there, true);
	nng_close(socket);
	fake_stop(fake);
}

static void
a_large_batch_for_memory_alone_is_worked_on_in_a_lane_and_waits_for_nothing(void **state)
{
	struct rpc_settings settings;
	struct rpc_lane_figures lanes[LANE_COUNT];
	struct memory_item items[10 * FROM_MEMORY_COUNT];

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.batches_here_max = 0;
	struct fake *fake = fake_start(&settings);
	nng_socket socket = plain_client(fake);
	for (size_t i = 0; i < 10; i++)
		memcpy(&items[i * FROM_MEMORY_COUNT], from_memory, sizeof(from_memory));
	assert_batch_from_memory(socket, items, 10 * FROM_MEMORY_COUNT);
	WAIT_FOR(rpc_server_lanes(fake->server, lanes) && lanes[1].done == 1);
	assert_string_equal(lanes[1].name, "cpu");
	assert_int_equal(atomic_load(&fake->handled), 50);
	assert_int_equal(atomic_load(&fake->begun) + atomic_load(&fake->fills) +
			     atomic_load(&fake->verifies) + atomic_load(&fake->leases),
	    0);
	nng_close(socket);
	fake_stop(fake);
}

static void
server_dial(struct fake *fake, int fd)
{
	const char *url = rpc_server_url(fake->server, 0);
	const struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

/* A client that speaks TCP and the first bytes of nng's protocol, and reads nothing: nng's own
 * sockets read ahead. */
static int
deaf_client_with(struct fake *fake, int receive_bytes)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	char hello[8];

	assert_true(fd >= 0);
	if (receive_bytes > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	server_dial(fake, fd);
	assert_int_equal(write(fd, "\0SP\0\0\x30\0\0", 8), 8);
	assert_int_equal(read(fd, hello, sizeof(hello)), 8);
	return fd;
}

static int
deaf_client(struct fake *fake)
{
	return deaf_client_with(fake, 0);
}

static void
deaf_call(int fd, uint32_t id, const struct request_envelope *e)
{
	uint8_t bytes[256];
	const size_t size = envelope_request_size(e);
	const uint64_t frame = htobe64(4 + size);
	const uint32_t request = htobe32(0x80000000 | id);

	memcpy(bytes, &frame, 8);
	memcpy(bytes + 8, &request, 4);
	(void)envelope_pack_request(e, bytes + 12);
	/* It may have been cut off already. */
	(void)!send(fd, bytes, 12 + size, MSG_NOSIGNAL);
}

static void
a_client_that_does_not_read_loses_its_connection_and_nobody_else_waits(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct request_envelope e;
	int64_t calls = 0, pipes = 0;

	(void)state;
	methods_name();
	settings_timed(&settings, &clock);
	settings.send_timeout_us =
	    400 * US_PER_MS; /* its looks are an eighth apart, in real time */
	struct fake *fake = fake_start(&settings);
	const int fd = deaf_client(fake);
	request_envelope_init(&e);
	e.method = slice_text("test.v1.Echo/Large");
	e.payload = slice_of("\x0a\x06"
			     "500000",
	    8);
	/* More than there are receives that stand ready. */
	for (uint32_t i = 0; i < 100; i++)
		deaf_call(fd, i + 1, &e);
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls > 8));
	struct client_result fine = call_with(fake, "Fast", "x", NULL);
	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
	/* Its time goes by as the test lets it. */
	WAIT_FOR((fake_clock_advance(&clock, settings.send_timeout_us / 8),
	    rpc_server_load(fake->server, &calls, &pipes), calls == 0 && pipes == 1));
	(void)close(fd);
	fake_stop(fake);
}

static void
assert_answered(struct fake *fake)
{
	struct client_result fine = call_with(fake, "Fast", "x", NULL);

	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
}

/* Our own connection is there, and counts. */
static struct fake *
fake_connected(const struct rpc_settings *settings)
{
	struct fake *fake = fake_start(settings);

	assert_answered(fake);
	return fake;
}

static struct fake *
fake_patient(struct rpc_settings *settings)
{
	methods_name();
	settings->send_timeout_us = 60 * US_PER_S;
	return fake_connected(settings);
}

static void
deaf_calls(int fd, int count, const char *bytes_wanted)
{
	const struct timeval most = {.tv_sec = 5};
	struct request_envelope e;
	uint8_t payload[16] = {0x0a, (uint8_t)strlen(bytes_wanted)};

	memcpy(payload + 2, bytes_wanted, payload[1]);
	request_envelope_init(&e);
	e.method = slice_text("test.v1.Echo/Large");
	e.payload = slice_of(payload, 2u + payload[1]);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
	for (int i = 0; i < count; i++)
		deaf_call(fd, (uint32_t)i + 1, &e);
}

#define DEAF 12
#define DEAF_CALLS 16

/* More replies that nobody takes than the circle may have of them, beside our own connection. */
static void
deaf_crowd(struct fake *fake, int deaf[DEAF])
{
	int64_t calls, pipes;

	for (int i = 0; i < DEAF; i++) {
		deaf[i] = deaf_client(fake);
		deaf_calls(deaf[i], DEAF_CALLS, "500000");
	}
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls > 64 && pipes == DEAF + 1));
}

/* Each of them has too few calls to be told apart from a client that is busy. */
static void
several_clients_that_do_not_read_keep_nobody_from_being_heard(void **state)
{
	struct rpc_settings settings;
	int64_t calls, pipes;
	int deaf[DEAF];

	(void)state;
	rpc_settings_default(&settings);
	struct fake *fake = fake_patient(&settings);
	deaf_crowd(fake, deaf);
	assert_answered(fake);
	rpc_server_load(fake->server, &calls, &pipes);
	assert_int_equal(pipes, DEAF + 1);
	for (int i = 0; i < DEAF; i++)
		(void)close(deaf[i]);
	fake_stop(fake);
}

/* So few that one connection can have them all. */
static struct fake *
fake_of_few_contexts(void)
{
	struct rpc_settings settings;

	rpc_settings_default(&settings);
	settings.calls_per_pipe_max = 100000;
	settings.parked_max = 1;
	settings.refusals_waiting_max = 1;
	return fake_patient(&settings);
}

static void
a_client_that_does_not_read_is_cut_off_when_its_replies_take_every_context(void **state)
{
	int64_t calls, pipes;

	(void)state;
	struct fake *fake = fake_of_few_contexts();
	const int fd = deaf_client(fake);
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), pipes == 2));
	deaf_calls(fd, 5000, "20000");
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0 && pipes == 1));
	assert_answered(fake);
	(void)close(fd);
	fake_stop(fake);
}

/* Some have replies in all places of the circle where they may wait, and one takes all other
 * contexts: then nobody would hear, and nobody would be cut off for it. */
static void
who_takes_every_context_is_cut_off_though_others_do_not_read_either(void **state)
{
	int64_t calls, pipes;
	int deaf[DEAF + 1];

	(void)state;
	struct fake *fake = fake_of_few_contexts();
	deaf_crowd(fake, deaf);
	deaf[DEAF] = deaf_client(fake);
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), pipes == DEAF + 2));
	deaf_calls(deaf[DEAF], 5000, "20000");
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes),
	    calls <= DEAF * DEAF_CALLS && pipes == DEAF + 1));
	assert_answered(fake);
	for (int i = 0; i <= DEAF; i++)
		(void)close(deaf[i]);
	fake_stop(fake);
}

static void
a_client_that_does_not_read_is_cut_off_when_its_replies_take_the_memory(void **state)
{
	struct rpc_settings settings;
	int64_t calls, pipes;

	(void)state;
	rpc_settings_default(&settings);
	settings.message_bytes_max = 8 << 20;
	struct fake *fake = fake_patient(&settings);
	/* Less than half of what there is, even with nothing of it taken by the kernel yet. */
	const int patient = deaf_client(fake);
	deaf_calls(patient, 6, "500000");
	const int fd = deaf_client(fake);
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), pipes == 3));
	deaf_calls(fd, 100, "500000");
	/* It goes, and who has less under way stays. */
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls <= 6 && pipes == 2));
	assert_answered(fake);
	(void)close(fd);
	(void)close(patient);
	fake_stop(fake);
}

/* nng's one thread that takes connections down must not be lost with one of them. */
static void
clients_that_die_while_they_send_leave_no_connection_behind(void **state)
{
	struct fake *fake = *state;
	const struct linger at_once = {.l_onoff = 1};
	int64_t calls, pipes;

	assert_answered(fake);
	for (int i = 0; i < 40; i++) {
		const int fd = deaf_client(fake);
		deaf_calls(fd, 400, i % 2 ? "100" : "20000");
		if (i % 4 < 2)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		(void)close(fd);
	}
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0 && pipes == 1));
	assert_answered(fake);
}

/* A connection that was reset has no address any more, and what it asked is still there to be read.
 */
static void
who_is_gone_is_not_taken_for_somebody_on_this_machine(void **state)
{
	struct fake *fake = *state;
	const struct linger at_once = {.l_onoff = 1};
	const struct sockaddr_in elsewhere = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	struct request_envelope e;
	int64_t calls, pipes;

	request_envelope_init(&e);
	e.method = slice_text("test.v1.Echo/Keyed");
	e.credential = slice_text("key:a");
	assert_answered(fake);
	const int before = atomic_load(&fake->finds_from_here);
	for (int i = 0; i < 1000; i++) {
		const int fd = socket(AF_INET, SOCK_STREAM, 0);

		assert_int_equal(
		    bind(fd, (const struct sockaddr *)&elsewhere, sizeof(elsewhere)), 0);
		server_dial(fake, fd);
		assert_int_equal(write(fd, "\0SP\0\0\x30\0\0", 8), 8);
		deaf_call(fd, 1, &e);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		(void)close(fd);
	}
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0 && pipes == 1));
	assert_int_equal(atomic_load(&fake->finds_from_here), before);
	assert_answered(fake);
}

/* Nor with one that goes, or talks nonsense, when some of its reply has been sent and some has not:
 * nng hands a large one to the kernel in parts. */
static void
clients_that_go_in_the_middle_of_a_reply_leave_no_connection_behind(void **state)
{
	struct fake *fake = *state;
	const struct linger at_once = {.l_onoff = 1};
	static char some[60000];
	int64_t calls, pipes;

	assert_answered(fake);
	for (int i = 0; i < 400; i++) {
		const int fd = deaf_client(fake);
		deaf_calls(fd, 1, "4000000");
		for (int parts = i % 50; parts >= 0; parts--)
			(void)!recv(fd, some, sizeof(some), MSG_WAITALL);
		if (i % 2) /* a request whose number says that it is none */
			(void)!send(fd, "\0\0\0\0\0\0\0\4\0\0\0\0", 12, MSG_NOSIGNAL);
		if (i % 3 == 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		if (i % 3 == 1)
			(void)shutdown(fd, SHUT_WR);
		while (i % 3 == 1 && recv(fd, some, sizeof(some), 0) > 0)
			;
		(void)close(fd);
	}
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0 && pipes == 1));
	assert_answered(fake);
}

/* It goes in many parts, and each must go on where the last one ended. */
static void
large_replies_reach_a_slow_reader_whole(void **state)
{
	static char reply[4100000];
	struct rpc_settings settings;

	(void)state;
	rpc_settings_default(&settings);
	struct fake *fake = fake_patient(&settings);
	const int fd = deaf_client(fake);
	deaf_calls(fd, 3, "4000000");
	for (int i = 0; i < 3; i++) {
		uint64_t frame;
		assert_int_equal(recv(fd, &frame, 8, MSG_WAITALL), 8);
		const size_t bytes = be64toh(frame);
		assert_in_range(bytes, 4000000, sizeof(reply));
		for (size_t done = 0, part; done < bytes; done += part) {
			part = bytes - done < 9001 ? bytes - done : 9001;
			assert_int_equal(recv(fd, reply + done, part, MSG_WAITALL), part);
		}
		assert_in_range(be32toh(*(uint32_t *)reply), 0x80000001, 0x80000003);
		size_t letters = 0;
		for (const char *at = memchr(reply, 'x', bytes); at && *at == 'x'; at++)
			letters++;
		assert_int_equal(letters, 4000000);
	}
	(void)close(fd);
	fake_stop(fake);
}

/* More than are handed to the transport at once. */
static void
many_replies_wait_for_a_slow_reader_and_each_arrives_once(void **state)
{
	enum { COUNT = 400, REPLY_BYTES = 50000 };
	static char reply[2 * REPLY_BYTES];
	bool has_come[COUNT + 1] = {false};
	struct rpc_settings settings;
	int64_t calls, pipes;

	(void)state;
	rpc_settings_default(&settings);
	struct fake *fake = fake_patient(&settings);
	const int fd = deaf_client_with(fake, 64 << 10);
	deaf_calls(fd, COUNT, "50000");
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls > 128));
	for (int i = 0; i < COUNT; i++) {
		uint64_t frame;
		uint32_t id;
		assert_int_equal(recv(fd, &frame, 8, MSG_WAITALL), 8);
		const size_t bytes = be64toh(frame);
		assert_in_range(bytes, REPLY_BYTES, sizeof(reply));
		assert_int_equal(recv(fd, reply, bytes, MSG_WAITALL), bytes);
		memcpy(&id, reply, sizeof(id));
		id = be32toh(id) & 0x7fffffff;
		assert_in_range(id, 1, COUNT);
		assert_false(has_come[id]);
		has_come[id] = true;
	}
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0));
	assert_int_equal(pipes, 2);
	(void)close(fd);
	fake_stop(fake);
}

struct leisure {
	int count;
	const char *bytes;
	int64_t each_us, send_timeout_us;
};

/* Each is read when the one before it has had its time. false: it was cut off. */
static bool
read_at_leisure(int fd, const struct leisure *leisure)
{
	static char reply[4100000];
	int64_t due_us = clock_boot_us(&clock_system);

	for (int i = 0; i < leisure->count; i++) {
		uint64_t frame;
		if (recv(fd, &frame, 8, MSG_WAITALL) != 8)
			return false;
		const size_t bytes = be64toh(frame);
		assert_in_range(bytes, atoi(leisure->bytes), sizeof(reply));
		if (recv(fd, reply, bytes, MSG_WAITALL) != (ssize_t)bytes)
			return false;
		due_us += leisure->each_us;
		WAIT_FOR(clock_boot_us(&clock_system) >= due_us);
	}
	return true;
}

static bool
reader_is_served(const struct leisure *leisure)
{
	struct rpc_settings settings;
	int64_t calls, pipes;

	rpc_settings_default(&settings);
	settings.send_timeout_us = leisure->send_timeout_us;
	struct fake *fake = fake_connected(&settings);
	const int fd = deaf_client_with(fake, 64 << 10);
	deaf_calls(fd, leisure->count, leisure->bytes);
	const bool has_all = read_at_leisure(fd, leisure);
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0));
	const bool is_there = pipes == 2;
	(void)close(fd);
	fake_stop(fake);
	return has_all && is_there;
}

/* All of them together take several times what one is given; and a large one takes twice that. It
 * has a few tries: on a machine that does something else meanwhile it may read slower than allowed.
 */
static void
a_reader_who_takes_a_while_for_its_replies_is_not_cut_off(void **state)
{
	static const struct leisure table[] = {
	    {20, "1000000", 200 * US_PER_MS, US_PER_S},
	    {5, "4000000", 1200 * US_PER_MS, 600 * US_PER_MS},
	};

	(void)state;
	methods_name();
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		bool is_served = false;
		for (int tries = 0; tries < 4 && !is_served; tries++)
			is_served = reader_is_served(&table[i]);
		assert_true(is_served);
	}
}

static void
large_requests_are_refused_while_messages_take_the_memory_and_small_ones_are_heard(void **state)
{
	struct rpc_settings settings;
	struct client_options key = as("key:a");
	char *large = calloc(1, 40001);

	(void)state;
	memset(large, 'x', 40000);
	rpc_settings_default(&settings);
	settings.message_bytes_max = 100000;
	struct fake *fake = fake_patient(&settings);
	atomic_int *counts = counts_take(fake);
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	request.key = large;
	client_call_async(fake->client, method("Slow"), &key, &request.base, count_result, counts);
	WAIT_FOR(atomic_load(&fake->begun) == 1);
	for (int i = 0; i < 3; i++)
		client_call_async(
		    fake->client, method("Slow"), &key, &request.base, count_result, counts);
	WAIT_FOR(atomic_load(&counts[ST_RESOURCE_EXHAUSTED]) == 3);
	assert_answered(fake);
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 1);
	/* There is room again, when the last message is gone. */
	int64_t calls, pipes;
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), calls == 0));
	(void)sem_post(&fake->gate);
	client_call_async(fake->client, method("Slow"), &key, &request.base, count_result, counts);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 2);
	fake_stop(fake);
	free(large);
}

static void
a_connection_has_so_many_calls_under_way_and_no_more(void **state)
{
	(void)state;
	struct rpc_settings settings;
	struct client_options key = as("key:a");

	methods_name();
	rpc_settings_default(&settings);
	settings.calls_per_pipe_max = 2;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	call_many(fake, "Slow", &key, 2, counts);
	WAIT_FOR(atomic_load(&fake->begun) == 2);
	struct client_result third = call_with(fake, "Fast", "x", NULL);
	assert_true(third.retry_after_ms > 0);
	assert_refused(&third, ST_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS");
	(void)sem_post(&fake->gate);
	(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 2);
	fake_stop(fake);
}

static void
connections_beyond_the_limit_are_refused(void **state)
{
	(void)state;
	struct rpc_settings settings;
	int64_t calls, pipes;

	methods_name();
	rpc_settings_default(&settings);
	settings.pipes_max = 1;
	struct fake *fake = fake_start(&settings);
	struct client_result fine = call_with(fake, "Fast", "x", NULL);
	assert_int_equal(fine.status.code, ST_OK);
	client_result_done(&fine);
	struct client *second = NULL;
	const struct client_settings other = {.url = rpc_server_url(fake->server, 0)};
	assert_int_equal(client_new(&other, &second).code, ST_OK);
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	const struct client_options hurried = {.timeout_ms = 100};
	struct client_result result;
	client_call(second, method("Fast"), &hurried, &request.base, &result);
	assert_true(
	    result.status.code == ST_UNAVAILABLE || result.status.code == ST_DEADLINE_EXCEEDED);
	client_result_done(&result);
	/* Who is refused has been counted for a moment, each time that it comes. */
	WAIT_FOR((rpc_server_load(fake->server, &calls, &pipes), pipes == 1));
	client_free(&second);
	fake_stop(fake);
}

static void *
stop_thread(void *arg)
{
	struct fake *fake = arg;

	rpc_server_stop(fake->server);
	atomic_store(&fake->has_stopped, true);
	return NULL;
}

static void
a_drain_answers_what_is_under_way_and_refuses_the_rest(void **state)
{
	(void)state;
	pthread_t thread;
	struct rpc_settings settings;

	methods_name();
	rpc_settings_default(&settings);
	settings.drain_us = WAIT_US_MAX;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	hold_workers(fake, counts);
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, fake), 0);
	for (;;) {
		struct client_result refused = call_with(fake, "Fast", "x", NULL);
		const bool is_refused = refused.status.code != ST_OK;
		if (is_refused) {
			assert_refused(&refused, ST_UNAVAILABLE, "DRAINING");
			break;
		}
		client_result_done(&refused);
	}
	for (int i = 0; i < 3; i++)
		(void)sem_post(&fake->gate);
	WAIT_FOR(atomic_load(&counts[ST_OK]) == 3);
	assert_false(atomic_load(&fake->has_stopped));
	/* The last reply has a moment to leave, which may be too short for a busy machine. */
	(void)sem_post(&fake->gate);
	(void)pthread_join(thread, NULL);
	WAIT_FOR(atomic_load(&counts[ST_OK]) + atomic_load(&counts[ST_UNAVAILABLE]) == 4);
	fake_stop(fake);
}

struct stopped_call {
	const char *method, *key;
	struct client_options options;
	bool (*is_under_way)(struct fake *fake);
};

/* false: its connection was lost. */
static bool
stop_is_told(const struct stopped_call *call, const char *reason)
{
	struct rpc_settings settings;
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;

	rpc_settings_default(&settings);
	settings.drain_us = 50 * US_PER_MS;
	struct fake *fake = fake_start(&settings);
	request.key = (char *)(uintptr_t)call->key;
	client_call_async(fake->client, method(call->method), &call->options, &request.base,
	    store_result, &result);
	WAIT_FOR(call->is_under_way(fake));
	rpc_server_stop(fake->server);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	const bool is_lost =
	    result.status.reason && strcmp(result.status.reason, "CONNECTION_LOST") == 0;
	if (is_lost)
		client_result_done(&result);
	else
		assert_refused(&result, ST_UNAVAILABLE, reason);
	fake_stop(fake);
	return !is_lost;
}

/* It has a few tries: a server that stops gives its last replies a moment to leave, and on a
 * machine that does something else meanwhile they may not. */
static void
assert_stop_is_told(const struct stopped_call *call, const char *reason)
{
	int tries = 4;

	methods_name();
	while (!stop_is_told(call, reason))
		assert_int_not_equal(--tries, 0);
}

static bool
has_committed_and_waits(struct fake *fake)
{
	return atomic_load(&fake->commits) == 1 && barrier_is_waited_for(fake);
}

static void
a_stop_answers_what_waits_for_a_barrier(void **state)
{
	const struct stopped_call call = {"Restrict", "", as("key:a"), has_committed_and_waits};

	(void)state;
	assert_stop_is_told(&call, "COMMITTED_NOT_EVERYWHERE");
}

static bool
has_begun(struct fake *fake)
{
	return atomic_load(&fake->begun) >= 1;
}

static void
a_stop_tells_a_long_poll_that_it_is_one(void **state)
{
	const struct stopped_call call = {"Waits", "1000000", {.org = NULL}, has_begun};

	(void)state;
	assert_stop_is_told(&call, "DRAINING");
}

/* The feed's thread is about to answer, and held up. */
static void
a_stop_waits_for_who_is_answered_at_a_barrier_just_now(void **state)
{
	struct rpc_settings settings;
	struct client_options key = as("key:a");
	static struct client_result result;
	Usher__V1__Pair request = USHER__V1__PAIR__INIT;
	struct barrier_waiter *waiter = NULL;
	pthread_t thread;

	(void)state;
	methods_name();
	rpc_settings_default(&settings);
	settings.drain_us = 10 * US_PER_MS;
	struct fake *fake = fake_start(&settings);
	client_call_async(
	    fake->client, method("Restrict"), &key, &request.base, store_result, &result);
	WAIT_FOR((waiter = barrier_take(fake)) != NULL);
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, fake), 0);
	WAIT_FOR(atomic_load(&fake->barrier_cancels) > 0);
	/* A stop that does not wait ends within LAST_REPLIES_US. */
	const int64_t until_us = clock_boot_us(&clock_system) + 400 * US_PER_MS;
	while (clock_boot_us(&clock_system) < until_us) {
		assert_false(atomic_load(&fake->has_stopped));
		(void)usleep(1000);
	}
	waiter->done(waiter);
	(void)pthread_join(thread, NULL);
	WAIT_FOR(atomic_load(&fake->handled) >= 1000);
	client_result_done(&result);
	fake_stop(fake);
}

/* Twice as many as there are workers: the second half would come to them when the first is cut off,
 * while the stop waits for another lane. */
static void
a_stop_cuts_off_all_that_wait_for_the_database(void **state)
{
	struct rpc_settings settings;
	struct fake_clock clock;
	struct client_options a = as("key:a"), b = as("key:b"), c = as("cpu:c");

	(void)state;
	methods_name();
	fake_clock_init(&clock);
	rpc_settings_default(&settings);
	settings.drain_us = 10 * US_PER_MS;
	settings.clock = &clock.clock;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	atomic_store(&fake->lease_waits, true);
	call_many(fake, "Write", &a, 4, counts);
	call_many(fake, "Write", &b, 4, counts);
	call_many(fake, "Keyed", &c, 1, counts);
	WAIT_FOR(atomic_load(&fake->leasing) == LEASES_FIRST && atomic_load(&fake->verifies) == 1);
	rpc_server_stop(fake->server);
	WAIT_FOR(atomic_load(&counts[ST_UNAVAILABLE]) == 8);
	assert_int_equal(atomic_load(&fake->uncut), 0);
	fake_stop(fake);
}

static void
a_lost_connection_is_said_and_nothing_is_sent_twice(void **state)
{
	(void)state;
	struct client_options key = as("key:a");
	struct rpc_settings settings;

	methods_name();
	rpc_settings_default(&settings);
	settings.drain_us = 0;
	struct fake *fake = fake_start(&settings);
	atomic_int *counts = counts_take(fake);
	call_many(fake, "Slow", &key, 1, counts);
	WAIT_FOR(atomic_load(&fake->begun) == 1);
	/* Without a server, a call waits for one until its deadline and is not sent. */
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, fake), 0);
	(void)sem_post(&fake->gate);
	(void)pthread_join(thread, NULL);
	WAIT_FOR(atomic_load(&counts[ST_OK]) + atomic_load(&counts[ST_UNAVAILABLE]) == 1);
	WAIT_FOR(!client_is_connected(fake->client));
	struct client_options hurried = {.timeout_ms = 50};
	struct client_result result = call_with(fake, "Fast", "x", &hurried);
	assert_refused(&result, ST_UNAVAILABLE, "NOT_CONNECTED");
	assert_int_equal(atomic_load(&fake->begun), 1);
	fake_stop(fake);
}

static void
urls_that_would_expose_or_fail_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		bool development, private_network;
		const char *reason; /* NULL: taken */
	} cases[] = {
	    {"tcp://0.0.0.0:0", true, true, "URL_REFUSED"},
	    {"tcp://0.0.0.0:0", false, false, "URL_REFUSED"},
	    {"tcp://0.0.0.0:0", false, true, NULL},
	    {"tcp://127.0.0.1:0", true, false, NULL},
	    {"tcp://127.0.0.1:0, tcp://127.0.0.1:0", true, false, NULL},
	    {"tcp://localhost:0", true, false, NULL},
	    {"tcp://127.0.0.1:0 http://x", true, false, "BAD_URL"},
	    {"tcp://127.0.0.1.example.com:0", true, false, "URL_REFUSED"},
	    {"tcp://[::1].example.com:0", true, false, "URL_REFUSED"},
	    {"tcp://localhost.example.com:0", true, false, "URL_REFUSED"},
	    {"tls+tcp://127.0.0.1:0", true, false, "BAD_TLS_FILE"},
	    {"ws://127.0.0.1:0", true, false, "BAD_URL"},
	    {"http://x", true, false, "BAD_URL"},
	    /* RFC 5737: no machine's. */
	    {"tcp://192.0.2.1:0", false, true, "ADDRESS_NOT_OURS"},
	};
	struct fake fake = {.kept = false};

	methods_name();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpc_settings settings;
		struct rpc_server *server = NULL;
		settings_small(&settings, &fake);
		settings.urls = cases[i].url;
		settings.development = cases[i].development;
		settings.private_network = cases[i].private_network;
		assert_int_equal(rpc_server_new(&settings, &server).code, ST_OK);
		assert_int_equal(rpc_server_add(server, &service, &fake).code, ST_OK);
		const status st = rpc_server_start(server);
		if (cases[i].reason)
			assert_string_equal(st.reason, cases[i].reason);
		else if (st.code != ST_OK)
			fail_msg("%s: %s", cases[i].url, st.message);
		rpc_server_free(&server);
	}
	/* nng 1.5 and ipc:// do not go together. */
	struct rpc_settings settings;
	struct rpc_server *server = NULL;
	settings_small(&settings, &fake);
	settings.urls = "ipc:///tmp/usher-rpc-test.sock";
	assert_int_equal(rpc_server_new(&settings, &server).code, ST_OK);
	assert_int_equal(rpc_server_add(server, &service, &fake).code, ST_OK);
	const status st = rpc_server_start(server);
	if (strncmp(nng_version(), "1.5", 3) == 0)
		assert_non_null(strstr(st.message, "before 1.6"));
	else
		assert_int_equal(st.code, ST_OK);
	rpc_server_free(&server);
}

static void
development_tells_the_cause(void **state)
{
	(void)state;
	struct rpc_settings settings;

	methods_name();
	rpc_settings_default(&settings);
	settings.development = true;
	struct fake *fake = fake_start(&settings);
	struct client_result inside = call_with(fake, "Fails", "x", NULL);
	assert_non_null(strstr(inside.status.message, "usher.secret"));
	client_result_done(&inside);
	fake_stop(fake);
}

static void
a_causal_session_keeps_the_greatest_revision_of_its_epoch(void **state)
{
	(void)state;
	struct causal_session session;
	uint8_t bytes[REVISION_BYTES], seen[REVISION_BYTES];
	/* In this order; the last column is what stands then. */
	static const struct {
		struct revision given;
		struct revision kept;
	} steps[] = {
	    {AT(7, 10), AT(7, 10)},
	    {AT(7, 9), AT(7, 10)},
	    {AT(7, 12), AT(7, 12)},
	    {AT(8, 3), AT(8, 3)},
	    {AT(7, 99), AT(8, 3)},
	    {AT(9, 1), AT(9, 1)},
	    {AT(8, 50), AT(9, 1)},
	};

	causal_session_init(&session);
	assert_false(causal_session_latest(&session, seen));
	causal_session_note(&session, slice_text("not one of ours"));
	assert_false(causal_session_latest(&session, seen));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		revision_pack(&steps[i].given, bytes);
		causal_session_note(&session, slice_of(bytes, sizeof(bytes)));
		revision_pack(&steps[i].kept, bytes);
		assert_true(causal_session_latest(&session, seen));
		assert_memory_equal(seen, bytes, sizeof(bytes));
	}
	causal_session_done(&session);
}

/* Memory here has everything below transaction 100. */
static void
a_revision_beside_a_session_holds_too(void **state)
{
	struct fake *fake = *state;
	uint8_t early[CLIENT_REVISION_BYTES], late[CLIENT_REVISION_BYTES];
	const uint8_t *orders[][2] = {{early, late}, {late, early}};

	revision_pack(&AT(7, 10), early);
	revision_pack(&AT(7, 200), late);
	for (size_t i = 0; i < 2; i++) {
		struct causal_session session;
		causal_session_init(&session);
		causal_session_note(&session, slice_of(orders[i][0], CLIENT_REVISION_BYTES));
		const struct client_options options = {
		    .session = &session,
		    .at_least = slice_of(orders[i][1], CLIENT_REVISION_BYTES),
		};
		struct client_result result = call_with(fake, "Fast", "x", &options);
		assert_string_equal(((Usher__V1__Pair *)result.reply)->value, "database 127.0.0.1");
		client_result_done(&result);
		causal_session_done(&session);
	}
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVER(memory_answers_in_the_callback_and_a_miss_moves_to_the_database),
	    WITH_SERVER(memory_that_may_not_be_trusted_is_not_asked),
	    WITH_SERVER(access_is_decided_before_the_handler),
	    WITH_SERVER(credentials_go_over_their_own_lanes_first),
	    WITH_SERVER(calls_behind_one_fill_are_parked_and_answered),
	    cmocka_unit_test(a_call_behind_a_fill_is_told_when_its_deadline_comes),
	    WITH_SERVER(memory_that_may_not_be_trusted_any_more_is_not_asked),
	    WITH_SERVER(calls_that_may_not_trust_memory_ask_the_database_side_by_side),
	    cmocka_unit_test(so_many_calls_are_parked_behind_a_fill_and_the_rest_is_told),
	    WITH_SERVER(one_organisation_leaves_a_quarter_of_the_lane_to_others),
	    WITH_SERVER(organisations_are_served_in_turn),
	    WITH_SERVER(calls_that_wait_for_the_same_are_read_for_at_once),
	    WITH_SERVER(whoever_waits_lets_the_replies_of_its_hand_go_first),
	    WITH_SERVER(who_comes_behind_a_lost_connection_gets_another),
	    WITH_SERVER(calls_for_which_nothing_could_be_read_go_alone),
	    WITH_SERVER(credentials_that_are_read_together_are_each_known_or_not),
	    WITH_SERVER(calls_that_race_to_be_read_for_are_each_answered),
	    WITH_SERVER(a_full_lane_says_so_at_once_and_when_to_come_again),
	    cmocka_unit_test(
		who_finds_no_place_again_and_again_hears_so_later_and_nobody_else_does),
	    cmocka_unit_test(work_whose_deadline_passed_is_dropped_unworked),
	    WITH_SERVER(a_write_commits_once_and_its_repeat_is_replayed),
	    WITH_SERVER(a_restriction_is_acknowledged_behind_its_barrier),
	    cmocka_unit_test(a_call_at_a_barrier_is_told_when_its_deadline_comes),
	    WITH_SERVER(what_has_ended_already_is_refused_behind_a_barrier),
	    cmocka_unit_test(
		what_has_ended_already_takes_no_place_of_those_who_take_something_away),
	    WITH_SERVER(failures_carry_reason_and_details_and_keep_their_cause),
	    cmocka_unit_test(a_padded_refusal_takes_its_time_and_no_worker),
	    cmocka_unit_test(refusals_that_come_too_often_wait_and_good_credentials_do_not),
	    cmocka_unit_test(the_pace_is_what_the_page_on_security_says),
	    cmocka_unit_test(addresses_of_one_64_share_its_pace_of_refusals),
	    cmocka_unit_test(a_refusal_takes_half_of_the_calls_own_time_at_most),
	    cmocka_unit_test(connections_of_one_address_share_its_pace_of_refusals),
	    cmocka_unit_test(what_a_handler_finds_forged_keeps_the_pace_too),
	    cmocka_unit_test(
		a_refusal_that_ended_something_is_repeated_at_the_pace_behind_a_barrier),
	    cmocka_unit_test(when_no_more_refusals_may_wait_who_sends_them_is_not_looked_at),
	    cmocka_unit_test(refusals_that_wait_leave_an_intermediary_half_of_its_connection),
	    cmocka_unit_test(a_stop_tells_those_that_were_refused_too_often),
	    cmocka_unit_test(a_line_of_the_log_bears_what_its_caller_knows_the_call_by),
	    cmocka_unit_test(
		answers_that_wait_for_their_time_keep_nobody_from_taking_something_away),
	    cmocka_unit_test(so_many_answers_wait_for_their_time_and_the_rest_is_told),
	    WITH_SERVER(a_long_poll_is_asked_again_until_it_answers_or_its_deadline_comes),
	    WITH_SERVER(health_answers_whoever_asks_while_the_database_is_away),
	    WITH_SERVER(only_a_via_that_may_asserts_an_address),
	    WITH_SERVER(a_via_that_is_refused_is_told_apart_from_its_caller),
	    WITH_SERVER(methods_that_are_none_or_two_are_refused),
	    WITH_SERVER(bad_payloads_are_refused_and_the_server_goes_on),
	    WITH_SERVER(every_cut_of_a_message_gets_an_answer),
	    WITH_SERVER(a_message_over_the_limit_costs_its_sender_the_connection_alone),
	    WITH_SERVER(a_message_at_the_limit_is_answered),
	    WITH_SERVER(our_client_refuses_to_send_what_would_cost_its_connection),
	    WITH_SERVER(a_reply_over_the_limit_is_refused),
	    WITH_SERVER(a_batch_is_answered_in_order_each_with_its_own_code),
	    WITH_SERVER(a_batch_takes_no_idempotency_key_of_its_own),
	    cmocka_unit_test(replies_that_wait_for_the_rest_of_their_batch_take_room),
	    WITH_SERVER(a_batch_whose_replies_are_too_large_together_is_refused),
	    WITH_SERVER(an_item_of_a_batch_says_where_it_came_from_under_the_via_of_all),
	    cmocka_unit_test(each_item_of_a_batch_is_who_its_own_credential_says),
	    WITH_SERVER(a_batch_knows_nobody_when_memory_may_not_be_trusted),
	    cmocka_unit_test(a_batch_that_stood_still_looks_its_caller_up_again),
	    WITH_SERVER(replies_of_any_size_share_the_message_of_their_batch),
	    WITH_SERVER(replies_from_memory_that_are_too_large_together_are_refused),
	    WITH_SERVER(a_short_reply_behind_long_ones_keeps_no_more_than_it_needs),
	    WITH_SERVER(an_item_of_a_batch_is_in_the_organisation_that_its_credential_came_with),
	    cmocka_unit_test(
		a_line_of_the_log_about_an_item_bears_the_trace_of_all_unless_it_has_its_own),
	    WITH_SERVER(a_batch_that_memory_answers_needs_no_lane),
	    cmocka_unit_test(a_large_batch_beyond_so_many_is_worked_on_in_a_lane),
	    WITH_SERVER(a_batch_for_memory_alone_leaves_out_what_memory_does_not_have),
	    WITH_SERVER(a_call_for_memory_alone_does_nothing_that_memory_can_not),
	    cmocka_unit_test(a_call_for_memory_alone_is_not_turned_away_for_others_refusals),
	    cmocka_unit_test(
		a_large_batch_for_memory_alone_is_worked_on_in_a_lane_and_waits_for_nothing),
	    cmocka_unit_test(
		a_client_that_does_not_read_loses_its_connection_and_nobody_else_waits),
	    cmocka_unit_test(several_clients_that_do_not_read_keep_nobody_from_being_heard),
	    cmocka_unit_test(
		a_client_that_does_not_read_is_cut_off_when_its_replies_take_every_context),
	    cmocka_unit_test(who_takes_every_context_is_cut_off_though_others_do_not_read_either),
	    cmocka_unit_test(
		a_client_that_does_not_read_is_cut_off_when_its_replies_take_the_memory),
	    WITH_SERVER(clients_that_die_while_they_send_leave_no_connection_behind),
	    WITH_SERVER(who_is_gone_is_not_taken_for_somebody_on_this_machine),
	    WITH_SERVER(clients_that_go_in_the_middle_of_a_reply_leave_no_connection_behind),
	    cmocka_unit_test(large_replies_reach_a_slow_reader_whole),
	    cmocka_unit_test(many_replies_wait_for_a_slow_reader_and_each_arrives_once),
	    cmocka_unit_test(a_reader_who_takes_a_while_for_its_replies_is_not_cut_off),
	    cmocka_unit_test(
		large_requests_are_refused_while_messages_take_the_memory_and_small_ones_are_heard),
	    cmocka_unit_test(a_connection_has_so_many_calls_under_way_and_no_more),
	    cmocka_unit_test(connections_beyond_the_limit_are_refused),
	    cmocka_unit_test(a_drain_answers_what_is_under_way_and_refuses_the_rest),
	    cmocka_unit_test(a_stop_answers_what_waits_for_a_barrier),
	    cmocka_unit_test(a_stop_tells_a_long_poll_that_it_is_one),
	    cmocka_unit_test(a_stop_waits_for_who_is_answered_at_a_barrier_just_now),
	    cmocka_unit_test(a_stop_cuts_off_all_that_wait_for_the_database),
	    cmocka_unit_test(a_lost_connection_is_said_and_nothing_is_sent_twice),
	    cmocka_unit_test(urls_that_would_expose_or_fail_are_refused),
	    cmocka_unit_test(development_tells_the_cause),
	    cmocka_unit_test(a_causal_session_keeps_the_greatest_revision_of_its_epoch),
	    WITH_SERVER(a_revision_beside_a_session_holds_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
