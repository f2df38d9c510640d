/* Resolve by the C client's public functions, as a service of one process makes them: requests are
 * structures, and so are replies. Reads that come while others are out travel together. --mode
 *
 *   async    --calls under way at once, each made from the callback of the one before it
 *   threads  as many threads, each with a call at a time
 *
 * --requests holds envelopes; what is asked and the credential are taken from them. */
#include "client/client.h"
#include "gen/client/context.h"
#include "load.h"
#include "wire/envelope.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_WAIT_NS INT64_C(10000000000)
#define CONNECT_TRY_US 1000

struct caller {
	pthread_t thread;
	struct load_slot *slot;
};

static struct load_options options;
static struct client *client;
static _Atomic uint64_t looked_at, from_memory;

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "client_load: %s\n", what);
	exit(2);
}

/* The next request, to be freed; NULL: this slot is done. */
static Usher__V1__ResolveRequest *
request_next(struct load_slot *slot, struct client_options *how)
{
	const struct load_request *next = load_slot_next(slot);
	struct request_envelope envelope;

	if (!next)
		return NULL;
	if (envelope_parse_request(slice_of(next->data, next->bytes), &envelope).code != ST_OK)
		fail("--requests holds something else");
	Usher__V1__ResolveRequest *request =
	    usher__v1__resolve_request__unpack(NULL, envelope.payload.bytes, envelope.payload.data);
	if (!request)
		fail("--requests holds something else");
	*how = (struct client_options){.credential = envelope.credential};
	return request;
}

static void
result_take(struct load_slot *slot, struct client_result *result)
{
	const Usher__V1__ResolveReply *reply = context_resolve_reply(result);
	const bool is_good = result->status.code == ST_OK && reply && reply->context;

	if (!is_good)
		load_complain("client_load: code %d, %s: %s", (int)result->status.code,
		    result->status.reason ? result->status.reason : "",
		    result->status.message ? result->status.message : "");
	if (is_good) {
		(void)atomic_fetch_add_explicit(&looked_at, 1, memory_order_relaxed);
		if (reply->from_memory)
			(void)atomic_fetch_add_explicit(&from_memory, 1, memory_order_relaxed);
	}
	load_slot_ended(slot, is_good, result->payload.bytes);
	client_result_done(result);
}

static void caller_ask(struct caller *caller);

static void
caller_answered(void *arg, struct client_result *result)
{
	struct caller *caller = arg;

	result_take(caller->slot, result);
	caller_ask(caller);
}

static void
caller_ask(struct caller *caller)
{
	struct client_options how;
	Usher__V1__ResolveRequest *request = request_next(caller->slot, &how);

	if (!request)
		return;
	client_call_async(
	    client, &context_resolve_method, &how, &request->base, caller_answered, caller);
	usher__v1__resolve_request__free_unpacked(request, NULL);
}

static void *
caller_run(void *arg)
{
	struct caller *caller = arg;
	struct client_options how;
	Usher__V1__ResolveRequest *request;

	while ((request = request_next(caller->slot, &how))) {
		struct client_result result;

		(void)context_resolve_rpc(client, &how, request, &result);
		usher__v1__resolve_request__free_unpacked(request, NULL);
		result_take(caller->slot, &result);
	}
	return NULL;
}

static uint64_t
figure_looked_at(void)
{
	return atomic_load(&looked_at);
}

static uint64_t
figure_from_memory(void)
{
	return atomic_load(&from_memory);
}

/* Of the calls, those that travelled with others. */
static uint64_t
figure_together(void)
{
	struct client_server server;

	client_server_at(client, 0, &server);
	return server.together;
}

static void
connect_wait(void)
{
	const int64_t until_ns = load_now_ns() + CONNECT_WAIT_NS;

	while (!client_is_connected(client)) {
		if (load_now_ns() > until_ns)
			fail("no connection");
		(void)usleep(CONNECT_TRY_US);
	}
}

int
main(int argc, char **argv)
{
	load_options_read(argc, argv, &options);
	const bool has_threads = options.mode && strcmp(options.mode, "threads") == 0;
	const struct client_settings settings = {.url = options.target, .gathers = true};

	if (!options.requests || !options.mode ||
	    (!has_threads && strcmp(options.mode, "async") != 0))
		fail("wants --requests and --mode");
	options.connections = 1;
	load_begin(&options);
	if (client_new(&settings, &client).code != ST_OK)
		fail("no client");
	connect_wait();
	load_add_figure("looked_at", figure_looked_at);
	load_add_figure("from_memory", figure_from_memory);
	load_add_figure("together", figure_together);
	struct caller *callers = calloc(options.calls, sizeof(*callers));
	if (!callers)
		fail("no memory");
	for (unsigned i = 0; i < options.calls; i++) {
		callers[i].slot = load_slot_at(i);
		if (!has_threads)
			caller_ask(&callers[i]);
		else if (pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]) != 0)
			fail("no thread");
	}
	const int code = load_finish();
	/* The transport's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
