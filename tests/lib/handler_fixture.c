#include "tests/lib/handler_fixture.h"

#include "gen/svc/auth.h"
#include "gen/svc/org.h"
#include "gen/svc/user.h"
#include "wire/unpack.h"

#include <stdio.h>
#include <stdlib.h>

#define ORG_ID "01900000-0000-7000-8000-00000000acce"
#define CREDENTIALS_BYTES_MAX (1u << 20)

struct handler_arena {
	struct handler_arena *next;
	struct fake_call fake;
};

static void
need(status st, const char *what)
{
	if (st.code == ST_OK)
		return;
	fprintf(stderr, "handler_fixture: %s: %s\n", what, st.message);
	abort();
}

static struct store_conn *
lease(struct handler_fixture *fx)
{
	struct store_conn *conn;

	need(store_lease(fx->store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn), "lease");
	return conn;
}

static void
services_new(struct handler_fixture *fx)
{
	struct keyring_config keys = {
	    .master = fx->master,
	    .clock = &clock_system,
	    .rand = &rand_system,
	    .issuer = "usher",
	    .audience = "usher",
	};
	struct auth_parts parts = {.config = fx->config, .master = fx->master};
	struct password_params params = {.memory_kib = PASSWORD_MEMORY_KIB_MIN, .passes = 1};
	struct store_conn *conn = lease(fx);
	struct arena arena;

	need(arena_init(&arena, 4096, 1u << 20), "arena");
	need(password_hasher_new(&params, 0, &rand_system, &fx->hasher), "hasher");
	need(keyring_new(&keys, &fx->keyring), "keyring");
	need(keyring_ensure(fx->keyring, conn, &arena), "keyring_ensure");
	need(keyring_refresh(fx->keyring, conn, &arena), "keyring_refresh");
	need(credentials_new(fx->keyring, &clock_system, CREDENTIALS_BYTES_MAX, &fx->credentials),
	    "credentials");
	store_return(&conn);
	arena_done(&arena);
	parts.hasher = fx->hasher;
	parts.keyring = fx->keyring;
	parts.credentials = fx->credentials;
	need(auth_env_new(&parts, &fx->auth), "auth_env");
	need(user_env_new(fx->master, &fx->user), "user_env");
	need(org_env_new(fx->master, &fx->org), "org_env");
}

void
handler_fixture_init(struct handler_fixture *fx, struct postgres *postgres)
{
	*fx = (struct handler_fixture){.postgres = postgres};
	pthread_mutex_init(&fx->lock, NULL);
	postgres_database(postgres, fx->database);
	handler_sql(fx,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('%s', 'acme', 'Acme')",
	    ORG_ID);
	uuid_parse(slice_text(ORG_ID), &fx->org_id);
	fx->config = postgres_config(postgres, fx->database, "usher_app", "--signup.org=" ORG_ID,
	    "--mail.mode=files", "--auth.failure_time=150ms", NULL);
	need(store_new(fx->config, &clock_system, &fx->store), "store");
	need(crypt_init(), "crypt");
	need(crypt_key_new(&fx->master), "master key");
	need(crypt_key_make(&rand_system, fx->master), "master key");
	services_new(fx);
}

void
handler_fixture_done(struct handler_fixture *fx)
{
	while (fx->arenas) {
		struct handler_arena *next = fx->arenas->next;

		rpc_release_kept(&fx->arenas->fake.call);
		fake_call_done(&fx->arenas->fake);
		free(fx->arenas);
		fx->arenas = next;
	}
	auth_env_free(&fx->auth);
	user_env_free(&fx->user);
	org_env_free(&fx->org);
	credentials_free(&fx->credentials);
	keyring_free(&fx->keyring);
	password_hasher_free(&fx->hasher);
	crypt_key_free(&fx->master);
	store_free(&fx->store);
	config_free(&fx->config);
	pthread_mutex_destroy(&fx->lock);
}

/* A call whose arena lives as long as the fixture. */
static struct fake_call *
call_new(struct handler_fixture *fx, const struct rpc_method *method)
{
	struct handler_arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		abort();
	fake_call_init(&arena->fake, method);
	pthread_mutex_lock(&fx->lock);
	arena->next = fx->arenas;
	fx->arenas = arena;
	pthread_mutex_unlock(&fx->lock);
	return &arena->fake;
}

static const struct rpc_method *
method_find(const struct rpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->methods_count; i++)
		if (strcmp(strchr(service->methods[i].name, '/') + 1, name) == 0)
			return &service->methods[i];
	fprintf(stderr, "handler_fixture: no method %s\n", name);
	abort();
}

static const void *
env_of(const struct handler_fixture *fx, const struct rpc_service *service)
{
	if (service == &auth_service)
		return fx->auth;
	if (service == &user_service)
		return fx->user;
	return service == &org_service ? (const void *)fx->org : fx->env;
}

/* As the dispatcher does it: a transaction for writes that do not open it themselves, committed
 * when the handler succeeds. */
static status
run(struct rpc_call *call, const void *env, const void *req, void *reply)
{
	status st;

	if (call->effect != EFFECT_READ && call->method->lane != LANE_HASH)
		TRY(store_begin(call->conn));
	st = call->method->handle(env, call, req, reply);
	if (st.code == ST_OK && store_in_transaction(call->conn))
		st = store_commit(call->conn, &call->revision);
	return st;
}

/* As a client sees it: handlers hang parts into replies that are encoded already. */
static void
read_as_client(struct rpc_call *call, ProtobufCMessage *reply)
{
	const ProtobufCMessageDescriptor *descriptor = call->method->reply;
	const size_t bytes = protobuf_c_message_get_packed_size(reply);
	uint8_t *packed = arena_alloc(call->arena, bytes);
	ProtobufCMessage *read;

	if (!packed)
		abort();
	(void)protobuf_c_message_pack(reply, packed);
	need(wire_unpack(descriptor, slice_of(packed, bytes), call->arena, &read), "reply");
	memcpy(reply, read, descriptor->sizeof_message);
}

struct handler_outcome
handler_call(struct handler_fixture *fx, const struct handler_ask *ask,
    const struct rpc_service *service, const char *method, const void *req, void *reply)
{
	struct fake_call *fake = call_new(fx, method_find(service, method));
	struct rpc_call *call = &fake->call;
	int64_t left_at_us;
	struct handler_outcome outcome = {0};

	if (ask && ask->principal)
		fake->principal = *ask->principal;
	if (ask && ask->client_ip)
		call->client_ip = ask->client_ip;
	call->development = !ask || !ask->production;
	protobuf_c_message_init(call->method->reply, reply);
	if (ask && ask->from_memory) {
		outcome.status = call->method->handle_cached(env_of(fx, service), call, req, reply);
	} else {
		call->conn = lease(fx);
		if (ask && ask->conn)
			*ask->conn = call->conn;
		outcome.status = run(call, env_of(fx, service), req, reply);
		store_return(&call->conn);
	}
	if (outcome.status.code == ST_OK)
		read_as_client(call, reply);
	left_at_us = clock_boot_us(&clock_system);
	if (left_at_us < call->not_before_us)
		left_at_us = call->not_before_us;
	outcome.answered_after_us = left_at_us - call->came_us;
	outcome.retry_after_ms = call->retry_after_ms;
	outcome.effect = call->effect;
	outcome.refusal_committed = fake->refusal_committed;
	memcpy(outcome.field, fake->field, sizeof(outcome.field));
	return outcome;
}

struct principal
handler_principal(struct handler_fixture *fx, const char *access_token)
{
	struct fake_call *fake = call_new(fx, NULL);
	struct credential_ask ask = {.text = slice_text(access_token), .now_us = fake->call.now_us};
	enum credential_step step;
	struct principal principal;
	struct store_conn *conn = lease(fx);

	need(credentials_find(fx->credentials, &ask, &step, &principal), "credentials_find");
	if (step == CREDENTIAL_NEEDS_CPU)
		need(credentials_verify_token(fx->credentials, &ask, &step, &principal), "verify");
	if (step == CREDENTIAL_NEEDS_QUERY)
		need(credentials_fill(fx->credentials, &ask, conn, &fake->arena, &principal),
		    "fill");
	store_return(&conn);
	return principal;
}

const char *
handler_sql(struct handler_fixture *fx, const char *format, ...)
{
	struct fake_call *fake = call_new(fx, NULL);
	char sql[4096], *text;
	const char *kept;
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	text = postgres_query(fx->postgres, fx->database, sql);
	kept = arena_copy_text(&fake->arena, text);
	free(text);
	return kept;
}
