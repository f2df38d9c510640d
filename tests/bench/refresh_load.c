/* Refreshes, closed loop: --connections, on each --calls sessions, each of which is refreshed again
 * as soon as its answer is there. */
#include "base/list.h"
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "load.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFRESH AUTH "Refresh"

struct caller {
	struct asker asker;
	struct load_slot *slot;
	struct session session;
};

static void
caller_send(struct caller *caller)
{
	Usher__V1__RefreshRequest request = USHER__V1__REFRESH_REQUEST__INIT;
	uint8_t packed[SESSION_REQUEST_BYTES_MAX];

	if (!load_slot_next(caller->slot))
		return;
	request.refresh_token = caller->session.refresh;
	asker_send(&caller->asker, packed, session_pack(REFRESH, "", &request, packed));
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
caller_goes_on(struct asker *asker, nng_msg *answer)
{
	struct caller *caller = container_of(asker, struct caller, asker);

	reply_take(caller, answer);
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
	if (!callers) {
		(void)fprintf(stderr, "refresh_load: no memory\n");
		return 2;
	}
	for (unsigned i = 0; i < options.connections; i++) {
		struct line line;

		line_open(&line, options.target, i);
		for (unsigned k = 0; k < options.calls; k++, count++) {
			struct caller *caller = &callers[count];

			asker_open(&caller->asker, &line, caller_goes_on);
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
