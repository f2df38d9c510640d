/* Calls that take sessions and keys away, a thread and a connection each, one call at a time. What
 * a call needs is made ready before the time that counts. --mode
 *
 *   logout   --count sessions, each is ended
 *   reuse    --count sessions, in each of which a refresh token that was used is used again: it is
 *            refused, and the session ended
 *   revoke   --count API keys, each is revoked
 *   forge    writes --count envelopes with forged tokens to --out, no two alike
 *
 * --target may be several servers with commas; threads are given to them in turn. */
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "load.h"
#include "session.h"
#include "wire/envelope.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of an ES256 signature's 86 characters in base64url: the last ones carry few bits. */
#define SIGNATURE_CHARS 80

#define CONTEXT "usher.v1.ContextService/"

struct worker {
	pthread_t thread;
	unsigned index;
	struct load_slot *slot;
	struct line line;
	struct session session; /* of the thread itself */
	/* What the calls that count are made with. */
	struct session *sessions;
	char (*keys)[64];
	size_t ready_count;
};

struct mode {
	const char *name;
	void (*prepare)(struct worker *worker);
	/* The number'th call; what was made ready for it is at that index. */
	void (*call)(struct worker *worker, size_t number);
};

static struct load_options options;
static const struct mode *mode;
static pthread_barrier_t ready, begin;
static char chatbot_id[64];

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "session_load: %s\n", what);
	exit(2);
}

/* A call that counts: good with that reason ("": with success). The reply is the caller's. */
static nng_msg *
call_counted(struct worker *worker, const char *method, const char *token, const void *request,
    const char *reason, struct response_envelope *response)
{
	nng_msg *reply = session_call(&worker->line, method, token, request, response);
	const bool is_good = slice_equals(response->reason, slice_text(reason)) &&
			     (*reason != '\0' || response->code == ST_OK);

	if (!is_good)
		session_complain(method, response);
	load_slot_ended(worker->slot, is_good, nng_msg_len(reply));
	return reply;
}

static size_t
share_of(const struct worker *worker)
{
	return options.count / options.connections +
	       (worker->index < options.count % options.connections);
}

static void
sessions_prepare(struct worker *worker)
{
	worker->ready_count = share_of(worker);
	worker->sessions = calloc(worker->ready_count + 1, sizeof(*worker->sessions));
	if (!worker->sessions)
		fail("no memory");
	for (size_t i = 0; i < worker->ready_count; i++)
		session_login(&worker->line, worker->index + (unsigned)i * options.connections,
		    &worker->sessions[i]);
}

/* The first token's successor is in use, so the first one is superseded. */
static void
reuse_prepare(struct worker *worker)
{
	struct session second, third;

	sessions_prepare(worker);
	for (size_t i = 0; i < worker->ready_count; i++) {
		session_refresh(&worker->line, worker->sessions[i].refresh, &second);
		session_refresh(&worker->line, second.refresh, &third);
	}
}

static void
revoke_prepare(struct worker *worker)
{
	Usher__V1__CreateApiKeyRequest request = USHER__V1__CREATE_API_KEY_REQUEST__INIT;
	char *scopes[] = {(char *)"context.read"};
	struct response_envelope response;

	session_login(&worker->line, worker->index, &worker->session);
	worker->ready_count = share_of(worker);
	worker->keys = calloc(worker->ready_count + 1, sizeof(*worker->keys));
	if (!worker->keys)
		fail("no memory");
	request.chatbot_id = chatbot_id;
	request.scopes = scopes;
	request.n_scopes = 1;
	for (size_t i = 0; i < worker->ready_count; i++) {
		nng_msg *message = session_call(&worker->line, CONTEXT "CreateApiKey",
		    worker->session.access, &request, &response);
		Usher__V1__CreateApiKeyReply *reply = usher__v1__create_api_key_reply__unpack(
		    NULL, response.payload.bytes, response.payload.data);
		if (response.code != ST_OK || !reply || !reply->key) {
			session_complain("CreateApiKey", &response);
			fail("no key");
		}
		(void)snprintf(worker->keys[i], sizeof(worker->keys[i]), "%s", reply->key->key_id);
		usher__v1__create_api_key_reply__free_unpacked(reply, NULL);
		nng_msg_free(message);
	}
}

static void
logout_call(struct worker *worker, size_t number)
{
	Usher__V1__LogoutRequest request = USHER__V1__LOGOUT_REQUEST__INIT;
	struct response_envelope response;

	nng_msg_free(call_counted(
	    worker, AUTH "Logout", worker->sessions[number].access, &request, "", &response));
}

static void
reuse_call(struct worker *worker, size_t number)
{
	Usher__V1__RefreshRequest request = USHER__V1__REFRESH_REQUEST__INIT;
	struct response_envelope response;

	request.refresh_token = worker->sessions[number].refresh;
	nng_msg_free(
	    call_counted(worker, AUTH "Refresh", "", &request, "REFRESH_TOKEN_REUSED", &response));
}

static void
revoke_call(struct worker *worker, size_t number)
{
	Usher__V1__RevokeApiKeyRequest request = USHER__V1__REVOKE_API_KEY_REQUEST__INIT;
	struct response_envelope response;

	request.chatbot_id = chatbot_id;
	request.key_id = worker->keys[number];
	nng_msg_free(call_counted(
	    worker, CONTEXT "RevokeApiKey", worker->session.access, &request, "", &response));
}

/* GetMe under tokens that are ours but for their signature. */
static int
forge(struct worker *worker)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	Usher__V1__GetMeRequest request = USHER__V1__GET_ME_REQUEST__INIT;
	struct request_envelope envelope;
	uint8_t packed[SESSION_REQUEST_BYTES_MAX];
	FILE *out = fopen(options.out, "wx");

	session_login(&worker->line, 0, &worker->session);
	char *signature = strrchr(worker->session.access, '.');
	if (!out || !signature || strlen(signature + 1) < SIGNATURE_CHARS)
		fail("no file, or no token");
	for (unsigned i = 0; i < options.count; i++) {
		for (unsigned k = 0; k < SIGNATURE_CHARS; k++)
			signature[1 + k] = alphabet[random() % 64];
		request_envelope_init(&envelope);
		envelope.method_id = wire_method_id(slice_text("usher.v1.UserService/GetMe"));
		envelope.credential = slice_text(worker->session.access);
		envelope.payload =
		    slice_of(NULL, usher__v1__get_me_request__get_packed_size(&request));
		const uint32_t size = (uint32_t)envelope_request_size(&envelope);
		(void)envelope_pack_request(&envelope, packed);
		if (fwrite(&size, sizeof(size), 1, out) != 1 || fwrite(packed, size, 1, out) != 1)
			fail("the file can't be written");
	}
	return fclose(out) == 0 ? 0 : 2;
}

static void *
worker_run(void *arg)
{
	struct worker *worker = arg;

	mode->prepare(worker);
	(void)pthread_barrier_wait(&ready);
	(void)pthread_barrier_wait(&begin);
	for (size_t i = 0; i < worker->ready_count; i++) {
		worker->slot->sent_ns = load_now_ns();
		mode->call(worker, i);
	}
	load_slot_over(worker->slot);
	return NULL;
}

static void
workers_go(void)
{
	(void)pthread_barrier_wait(&begin);
}

static void
mode_choose(void)
{
	static const struct mode modes[] = {
	    {"logout", sessions_prepare, logout_call},
	    {"reuse", reuse_prepare, reuse_call},
	    {"revoke", revoke_prepare, revoke_call},
	    {"forge", NULL, NULL},
	};

	for (size_t i = 0; options.mode && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, options.mode) == 0)
			mode = &modes[i];
	if (!mode || options.count == 0)
		fail("wants a --mode and --count");
	(void)snprintf(chatbot_id, sizeof(chatbot_id), "bot-0");
}

int
main(int argc, char **argv)
{
	load_options_read(argc, argv, &options);
	options.calls = 1;
	mode_choose();
	load_begin(&options);
	struct worker *workers = calloc(options.connections, sizeof(*workers));
	if (!workers)
		fail("no memory");
	for (unsigned i = 0; i < options.connections; i++) {
		workers[i].index = i;
		workers[i].slot = load_slot_at(i);
		line_open(&workers[i].line, options.target, i);
	}
	if (!mode->call)
		_exit(forge(&workers[0]));
	(void)pthread_barrier_init(&ready, NULL, options.connections + 1);
	(void)pthread_barrier_init(&begin, NULL, options.connections + 1);
	for (unsigned i = 0; i < options.connections; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0)
			fail("no thread");
	(void)pthread_barrier_wait(&ready);
	load_on_begin(workers_go);
	const int code = load_finish();
	/* nng's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
