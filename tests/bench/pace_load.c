/* Calls at a steady rate, to see how long each takes while others load the server: a thread and a
 * connection for each, one call at a time. A call that is late because the one before it took long
 * counts from when it should have gone out. */
#include "line.h"
#include "load.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

struct caller {
	pthread_t thread;
	struct load_slot *slot;
	struct line line;
	int64_t first_ns, period_ns;
};

static void
sleep_until(int64_t ns)
{
	const struct timespec until = {ns / NS_PER_S, ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

static void *
caller_run(void *arg)
{
	struct caller *caller = arg;

	for (int64_t due_ns = caller->first_ns;; due_ns += caller->period_ns) {
		const bool is_late = load_now_ns() > due_ns;

		if (!is_late)
			sleep_until(due_ns);
		const struct load_request *request = load_slot_next(caller->slot);
		if (!request)
			return NULL;
		if (is_late)
			caller->slot->sent_ns = due_ns;
		nng_msg *reply = line_call(&caller->line, request->data, request->bytes);
		load_slot_answered(caller->slot, nng_msg_body(reply), nng_msg_len(reply));
		nng_msg_free(reply);
	}
}

int
main(int argc, char **argv)
{
	struct load_options options;

	load_options_read(argc, argv, &options);
	options.calls = 1;
	if (!options.requests || options.rate <= 0) {
		(void)fputs("pace_load: wants --requests and --rate\n", stderr);
		return 2;
	}
	load_begin(&options);
	struct caller *callers = calloc(options.connections, sizeof(*callers));
	if (!callers)
		return 2;
	const int64_t now_ns = load_now_ns();
	for (unsigned i = 0; i < options.connections; i++) {
		struct caller *caller = &callers[i];

		caller->slot = load_slot_at(i);
		caller->period_ns =
		    (int64_t)((double)(options.connections * NS_PER_S) / options.rate);
		caller->first_ns = now_ns + caller->period_ns * i / options.connections;
		line_open(&caller->line, options.target, i);
		if (pthread_create(&caller->thread, NULL, caller_run, caller) != 0)
			return 2;
	}
	const int code = load_finish();
	/* nng's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
