#include "client/close.h"

#include "base/log.h"
#include "base/wait.h"

#include <stdlib.h>

/* Shared with the thread that closes; the last of the two frees it. */
struct closing {
	nng_socket socket;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_closed, is_abandoned;
};

static void
closing_free(struct closing *closing)
{
	(void)pthread_cond_destroy(&closing->changed);
	(void)pthread_mutex_destroy(&closing->lock);
	free(closing);
}

static void *
closing_thread(void *arg)
{
	struct closing *closing = arg;

	(void)nng_close(closing->socket);
	(void)pthread_mutex_lock(&closing->lock);
	closing->is_closed = true;
	const bool is_abandoned = closing->is_abandoned;
	(void)pthread_cond_signal(&closing->changed);
	(void)pthread_mutex_unlock(&closing->lock);
	if (is_abandoned)
		closing_free(closing);
	return NULL;
}

static bool
closing_wait(struct closing *closing)
{
	struct timespec until;
	bool is_closed;

	wait_deadline(CLOSE_US, &until);
	(void)pthread_mutex_lock(&closing->lock);
	while (!closing->is_closed)
		if (pthread_cond_timedwait(&closing->changed, &closing->lock, &until) != 0)
			break;
	is_closed = closing->is_closed;
	closing->is_abandoned = !is_closed;
	(void)pthread_mutex_unlock(&closing->lock);
	return is_closed;
}

bool
socket_close(nng_socket socket)
{
	struct closing *closing = calloc(1, sizeof(*closing));
	pthread_t thread;

	for (int event = NNG_PIPE_EV_ADD_PRE; event <= NNG_PIPE_EV_REM_POST; event++)
		(void)nng_pipe_notify(socket, (nng_pipe_ev)event, NULL, NULL);
	if (!closing) {
		(void)nng_close(socket);
		return true;
	}
	closing->socket = socket;
	(void)pthread_mutex_init(&closing->lock, NULL);
	wait_cond_init(&closing->changed);
	if (pthread_create(&thread, NULL, closing_thread, closing) != 0) {
		(void)nng_close(socket);
		closing_free(closing);
		return true;
	}
	if (!closing_wait(closing)) {
		(void)pthread_detach(thread);
		log_event(LOG_WARN, "socket_close_stuck", "nng", nng_version(), NULL);
		return false;
	}
	(void)pthread_join(thread, NULL);
	closing_free(closing);
	return true;
}
