/* upstream.h - a server that plays usherd: it answers calls as the test says, and remembers them.
 * Threads: the test's one, and its own, which run answer(). */
#ifndef USHER_TESTS_LIB_UPSTREAM_H
#define USHER_TESTS_LIB_UPSTREAM_H

#include "base/arena.h"
#include "wire/envelope.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>

#define UPSTREAM_WORKERS 4
#define UPSTREAM_URL_BYTES 64

struct upstream;
/* Fills in the answer; what it points to lives in arena or longer. It may block. A question after
 * the server's health comes here too, though it is no call. */
typedef void upstream_answer(void *env, const struct request_envelope *request, struct arena *arena,
    struct response_envelope *out);

struct upstream_worker {
	struct upstream *upstream;
	pthread_t thread;
	struct arena arena;
	nng_ctx ctx;
	nng_aio *aio;
};

struct upstream {
	nng_socket socket;
	char url[UPSTREAM_URL_BYTES];
	struct upstream_worker workers[UPSTREAM_WORKERS];
	pthread_mutex_t lock;
	upstream_answer *answer;
	void *env;
	nng_msg *last; /* the call that came last */
	struct request_envelope request;
	unsigned calls;
	bool is_closing;
	bool hears_questions;
};

/* url: tcp://127.0.0.1:0, or one whose port is free. Fails the test when it can't. */
void upstream_open(struct upstream *upstream, const char *url);
/* The same in two steps: what it is told between them holds from the first call on. */
void upstream_prepare(struct upstream *upstream);
void upstream_listen(struct upstream *upstream, const char *url);
/* Its connections are lost at once, whatever its answer() is doing; to be closed all the same. */
void upstream_cut(struct upstream *upstream);
void upstream_close(struct upstream *upstream);
void upstream_script(struct upstream *upstream, upstream_answer *answer, void *env);
/* From now on the question whether it obeys memory_only is a call too, and answer()'s to answer.
 * Until then it is none, and the server does not. */
void upstream_hear_questions(struct upstream *upstream);
/* The call that came last, which lives until the next one; fails the test when none came. */
const struct request_envelope *upstream_last(struct upstream *upstream);
unsigned upstream_calls(struct upstream *upstream);
/* A client asks it on its own when it has heard nothing for a while. */
bool is_health_question(const struct request_envelope *request);

#endif
