/* Closed loop over nng REQ: some connections, some contexts on each, each with one call under way.
 * The same for the echo and for usherd; what is sent is the file's. --mode resolve, together (a
 * Batch of such), batch (of GetContext) or contexts (BatchGetContext) has it look into some
 * replies. */
#include "base/list.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "line.h"
#include "load.h"
#include "wire/envelope.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* With a mode one reply in so many is read whole: the first one of each caller too. */
#define LOOK_EVERY 64
#define FIRST_TRY_NS 500000
#define FIRST_WAIT_NS INT64_C(30000000000)

struct caller {
	struct asker asker;
	struct load_slot *slot;
};

static void (*reply_look)(struct slice payload);
static _Atomic uint64_t looked_at, from_memory, context_bytes;

static void __attribute__((noreturn)) fail(const char *what, int error)
{
	(void)fprintf(stderr, "nng_load: %s: %s\n", what, nng_strerror(error));
	exit(2);
}

static void
block_look(const Usher__V1__ContextBlock *block)
{
	(void)atomic_fetch_add(&looked_at, 1);
	for (size_t i = 0; i < block->n_segments; i++)
		(void)atomic_fetch_add(&context_bytes, strlen(block->segments[i]->text));
}

static void
resolve_look(struct slice payload)
{
	Usher__V1__ResolveReply *reply =
	    usher__v1__resolve_reply__unpack(NULL, payload.bytes, payload.data);

	if (!reply || !reply->context) {
		load_complain("nng_load: a reply is no ResolveReply with a context");
		return;
	}
	block_look(reply->context);
	(void)atomic_fetch_add(&from_memory, reply->from_memory);
	usher__v1__resolve_reply__free_unpacked(reply, NULL);
}

static void
context_look(struct slice payload)
{
	Usher__V1__GetContextReply *reply =
	    usher__v1__get_context_reply__unpack(NULL, payload.bytes, payload.data);

	if (reply && reply->context)
		block_look(reply->context);
	else
		load_complain("nng_load: an item is no GetContextReply with a context");
	usher__v1__get_context_reply__free_unpacked(reply, NULL);
}

static void
items_look(struct slice payload, void (*look)(struct slice payload))
{
	struct wire_reader reader = wire_reader_of(payload);
	struct response_envelope response;
	struct slice item;

	while (batch_next(&reader, &item)) {
		if (envelope_parse_response(item, &response).code == ST_OK &&
		    response.code == ST_OK)
			look(response.payload);
		else
			load_complain("nng_load: an item is refused: code %u, %.*s", response.code,
			    (int)response.reason.bytes, (const char *)response.reason.data);
	}
}

static void
batch_look(struct slice payload)
{
	items_look(payload, context_look);
}

static void
together_look(struct slice payload)
{
	items_look(payload, resolve_look);
}

static void
contexts_look(struct slice payload)
{
	Usher__V1__BatchGetContextReply *reply =
	    usher__v1__batch_get_context_reply__unpack(NULL, payload.bytes, payload.data);

	if (!reply) {
		load_complain("nng_load: a reply is no BatchGetContextReply");
		return;
	}
	for (size_t i = 0; i < reply->n_contexts; i++) {
		if (reply->contexts[i]->context)
			block_look(reply->contexts[i]->context);
		else
			load_complain("nng_load: a context is not there");
	}
	usher__v1__batch_get_context_reply__free_unpacked(reply, NULL);
}

static void
look_choose(const char *mode)
{
	static const struct {
		const char *name;
		void (*look)(struct slice payload);
	} modes[] = {{"resolve", resolve_look}, {"batch", batch_look}, {"contexts", contexts_look},
	    {"together", together_look}};

	if (!mode)
		return;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, mode) == 0)
			reply_look = modes[i].look;
	if (!reply_look)
		fail(mode, NNG_EINVAL);
}

static void
reply_take(struct caller *caller, nng_msg *message)
{
	const uint8_t *body = nng_msg_body(message);
	const size_t bytes = nng_msg_len(message);
	const uint64_t failed = caller->slot->failed;
	struct response_envelope response;

	load_slot_answered(caller->slot, body, bytes);
	const bool has_failed = caller->slot->failed != failed;
	if (!reply_look || (!has_failed && caller->slot->answered % LOOK_EVERY != 1))
		return;
	if (envelope_parse_response(slice_of(body, bytes), &response).code != ST_OK)
		load_complain("nng_load: a reply is no Response");
	else if (response.code != ST_OK)
		load_complain("nng_load: refused: code %u, %.*s: %.*s", response.code,
		    (int)response.reason.bytes, (const char *)response.reason.data,
		    (int)response.message.bytes, (const char *)response.message.data);
	else
		reply_look(response.payload);
}

static void
caller_send(struct caller *caller)
{
	const struct load_request *request = load_slot_next(caller->slot);

	if (request)
		asker_send(&caller->asker, request->data, request->bytes);
}

static void
caller_goes_on(struct asker *asker, nng_msg *answer)
{
	struct caller *caller = container_of(asker, struct caller, asker);

	reply_take(caller, answer);
	caller_send(caller);
}

/* Dials without a pause until somebody listens, and calls until the answer is good. */
static int
first_answer(const struct load_options *options)
{
	struct load_slot *slot = load_slot_at(0);
	const int64_t until_ns = load_now_ns() + FIRST_WAIT_NS;
	const struct timespec pause = {0, FIRST_TRY_NS};

	(void)puts("waiting");
	(void)fflush(stdout);
	while (load_now_ns() < until_ns) {
		const struct load_request *request = load_slot_next(slot);
		struct line line;
		nng_msg *answer = NULL;
		int error = line_try(&line, options->target);

		if (error == 0)
			error = line_try_call(&line, request->data, request->bytes, &answer);
		const bool is_good = error == 0 && nng_msg_len(answer) > 0 &&
				     *(const uint8_t *)nng_msg_body(answer) != 0x08;
		if (is_good) {
			(void)printf("{\"answered_ns\":%lld}\n", (long long)load_now_ns());
			return 0;
		}
		nng_msg_free(answer);
		(void)nng_close(line.socket);
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "nng_load: no good answer within 30 s\n");
	return 1;
}

static void
callers_start(const struct load_options *options)
{
	struct caller *callers =
	    calloc((size_t)options->connections * options->calls, sizeof(*callers));
	unsigned index = 0;

	if (!callers)
		fail("no callers", NNG_ENOMEM);
	for (unsigned i = 0; i < options->connections; i++) {
		struct line line;

		line_open(&line, options->target, i);
		for (unsigned k = 0; k < options->calls; k++, index++) {
			callers[index].slot = load_slot_at(index);
			asker_open(&callers[index].asker, &line, caller_goes_on);
		}
	}
	for (unsigned i = 0; i < index; i++)
		caller_send(&callers[i]);
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

static uint64_t
figure_context_bytes(void)
{
	return atomic_load(&looked_at) ? atomic_load(&context_bytes) / atomic_load(&looked_at) : 0;
}

int
main(int argc, char **argv)
{
	struct load_options options;

	load_options_read(argc, argv, &options);
	look_choose(options.mode);
	if (!options.requests)
		fail("--requests", NNG_EINVAL);
	load_begin(&options);
	if (options.is_first)
		return first_answer(&options);
	if (reply_look) {
		load_add_figure("looked_at", figure_looked_at);
		load_add_figure("from_memory", figure_from_memory);
		load_add_figure("context_bytes", figure_context_bytes);
	}
	callers_start(&options);
	const int code = load_finish();
	/* nng's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
