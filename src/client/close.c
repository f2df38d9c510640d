#include "client/close.h"

#include "base/aside.h"
#include "base/log.h"

#include <stdlib.h>

static void
close_now(void *work)
{
	(void)nng_close(*(const nng_socket *)work);
}

bool
socket_close(nng_socket socket)
{
	static const struct aside_call closing = {.run = close_now, .discard = free};
	nng_socket *work = malloc(sizeof(*work));
	struct aside *aside;

	for (int event = NNG_PIPE_EV_ADD_PRE; event <= NNG_PIPE_EV_REM_POST; event++)
		(void)nng_pipe_notify(socket, (nng_pipe_ev)event, NULL, NULL);
	if (work)
		*work = socket;
	if (!work || aside_start(&closing, work, &aside).code != ST_OK) {
		(void)nng_close(socket);
		return true;
	}
	const bool is_closed = aside_wait(aside, CLOSE_US);
	aside_leave(&aside);
	if (!is_closed)
		log_event(LOG_WARN, "socket_close_stuck", "nng", nng_version(), NULL);
	return is_closed;
}
