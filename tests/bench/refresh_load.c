/* Refreshes, closed loop: --connections, on each --calls sessions, each of which is refreshed again
 * as soon as its answer is there. */
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "load.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFRESH AUTH "Refresh"

struct caller {
	nng_ctx ctx;
	nng_aio *aio;
	struct load_slot *slot;
	struct session session;
	bool is_receiving;
};

static void __attribute__((noreturn)) fail(const char *what, int error)
{
	(void)fprintf(stderr, "refresh_load: %s: %s\n", what, nng_strerror(error));
	exit(2);
}

static void
caller_send(struct caller *caller)
{
	Usher__V1__RefreshRequest request = USHER__V1__REFRESH_REQUEST__INIT;
	uint8_t packed[SESSION_REQUEST_BYTES_MAX];
	nng_msg *message = NULL;

	if (!load_slot_next(caller->slot))
		return;
	request.refresh_token = caller->session.refresh;
	const size_t bytes = session_pack(REFRESH, "", &request, packed);
	const int error = nng_msg_alloc(&message, bytes);
	if (error != 0)
		fail("no message", error);
	memcpy(nng_msg_body(message), packed, bytes);
	caller->is_receiving = false;
	nng_aio_set_msg(caller->aio, message);
	nng_ctx_send(caller->ctx, caller->aio);
}

static void
reply_take(struct caller *caller, nng_msg *message)
{
	const struct slice bytes = slice_of(nng_msg_body(message), nng_msg_len(message));
	struct response_envelope response;
	const bool is_read = envelope_parse_response(bytes, &response).code == ST_OK;
	const bool is_good = is_read && session_take(&response, &caller->session);

	if (!is_read)
		load_complain("refresh_load: a reply is no Response");
	else if (!is_good)
		session_complain(REFRESH, &response);
	load_slot_ended(caller->slot, is_good, bytes.bytes);
}

static void
caller_goes_on(void *arg)
{
	struct caller *caller = arg;
	const int error = nng_aio_result(caller->aio);

	if (error == NNG_ECLOSED || error == NNG_ECANCELED)
		return;
	if (error != 0)
		fail(caller->is_receiving ? "receive" : "send", error);
	if (!caller->is_receiving) {
		caller->is_receiving = true;
		nng_ctx_recv(caller->ctx, caller->aio);
		return;
	}
	nng_msg *message = nng_aio_get_msg(caller->aio);
	reply_take(caller, message);
	nng_msg_free(message);
	caller_send(caller);
}

int
main(int argc, char **argv)
{
	struct load_options options;
	unsigned count = 0;

	load_options_read(argc, argv, &options);
	load_begin(&options);
	struct caller *callers =
	    calloc((size_t)options.connections * options.calls, sizeof(*callers));
	if (!callers)
		fail("no callers", NNG_ENOMEM);
	for (unsigned i = 0; i < options.connections; i++) {
		struct line line;

		line_open(&line, options.target, i);
		for (unsigned k = 0; k < options.calls; k++, count++) {
			struct caller *caller = &callers[count];
			int error = nng_ctx_open(&caller->ctx, line.socket);

			if (error == 0)
				error = nng_aio_alloc(&caller->aio, caller_goes_on, caller);
			if (error != 0)
				fail("no context", error);
			caller->slot = load_slot_at(count);
			session_login(&line, count, &caller->session);
		}
	}
	for (unsigned i = 0; i < count; i++)
		caller_send(&callers[i]);
	const int code = load_finish();
	/* nng's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
