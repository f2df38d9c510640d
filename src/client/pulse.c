/* What a client looks at by the clock: calls that travel together, and servers that say nothing. */
#include "base/wait.h"
#include "client/internal.h"

#include <signal.h>

#define SWEEP_US (25 * US_PER_MS)
#define WATCH_US (250 * US_PER_MS)

static int64_t
next_at_us(const struct client *client)
{
	const struct pulse *pulse = &client->pulse;
	int64_t at_us = INT64_MAX;

	if (client->servers_count > 1)
		at_us = pulse->watch_at_us;
	if (pulse->is_sweeping && pulse->sweep_at_us < at_us)
		at_us = pulse->sweep_at_us;
	return at_us;
}

/* The lock is held. */
static void
pulse_wait(struct client *client)
{
	struct pulse *pulse = &client->pulse;
	const int64_t at_us = next_at_us(client);
	struct timespec until;

	if (at_us == INT64_MAX) {
		(void)pthread_cond_wait(&pulse->changed, &client->lock);
		return;
	}
	wait_deadline(at_us - wait_now_us(), &until);
	(void)pthread_cond_timedwait(&pulse->changed, &client->lock, &until);
}

/* The lock is held, but while it looks. */
static void
pulse_look(struct client *client)
{
	struct pulse *pulse = &client->pulse;
	const int64_t now_us = wait_now_us();
	const bool sweeps = pulse->is_sweeping && pulse->sweep_at_us <= now_us;
	const bool watches = client->servers_count > 1 && pulse->watch_at_us <= now_us;

	if (sweeps)
		pulse->sweep_at_us = now_us + SWEEP_US;
	if (watches)
		pulse->watch_at_us = now_us + WATCH_US;
	(void)pthread_mutex_unlock(&client->lock);
	if (sweeps)
		gatherings_sweep(client);
	if (watches)
		servers_watch(client);
	(void)pthread_mutex_lock(&client->lock);
}

static void *
pulse_run(void *arg)
{
	struct client *client = arg;

	(void)pthread_mutex_lock(&client->lock);
	while (!client->pulse.is_stopping) {
		if (next_at_us(client) > wait_now_us())
			pulse_wait(client);
		else
			pulse_look(client);
	}
	(void)pthread_mutex_unlock(&client->lock);
	return NULL;
}

status
pulse_start(struct client *client)
{
	struct pulse *pulse = &client->pulse;
	sigset_t all, before;

	pulse->watch_at_us = wait_now_us() + WATCH_US;
	/* Signals are the program's own threads'. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pulse->is_running = pthread_create(&pulse->thread, NULL, pulse_run, client) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!pulse->is_running)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no thread for a client");
	(void)pthread_setname_np(pulse->thread, "client");
	return STATUS_OK;
}

void
pulse_stop(struct client *client)
{
	struct pulse *pulse = &client->pulse;

	if (!pulse->is_running)
		return;
	(void)pthread_mutex_lock(&client->lock);
	pulse->is_stopping = true;
	(void)pthread_cond_signal(&pulse->changed);
	(void)pthread_mutex_unlock(&client->lock);
	(void)pthread_join(pulse->thread, NULL);
	pulse->is_running = false;
}

void
pulse_sweep(struct client *client)
{
	struct pulse *pulse = &client->pulse;

	if (pulse->is_sweeping)
		return;
	pulse->is_sweeping = true;
	pulse->sweep_at_us = wait_now_us() + SWEEP_US;
	(void)pthread_cond_signal(&pulse->changed);
}
