/* line.h - a connection to usherd, or to an echo: for programs that make one call at a time in each
 * thread, or have several under way at once on it.
 * Threads: one a line; one an asker, while it has no call under way. Errors end the program with a
 * message. */
#ifndef TESTS_BENCH_LINE_H
#define TESTS_BENCH_LINE_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stddef.h>

struct line {
	nng_socket socket;
};

/* Of an nng URL alone, and without an end to the program: nng's error. The socket is open in any
 * case. */
int line_try(struct line *line, const char *url);
/* Connects to the url'th of those in targets, which stand with commas, modulo their number. */
void line_open(struct line *line, const char *targets, unsigned url);
/* Send and wait for the answer; the caller frees it. */
nng_msg *line_call(struct line *line, const void *request, size_t bytes);
/* The same without an end to the program: nng's error, and *out is set when there is none. */
int line_try_call(struct line *line, const void *request, size_t bytes, nng_msg **out);

/* One of several on a line, with a call under way at a time. */
struct asker {
	/* The answer is here, on a thread of nng's: the next request may be sent from it. answer
	 * is freed behind it. */
	void (*heard)(struct asker *asker, nng_msg *answer);
	nng_ctx ctx;
	nng_aio *aio;
	bool is_receiving;
};

/* Lives until the program ends. */
void asker_open(struct asker *asker, const struct line *line,
    void (*heard)(struct asker *asker, nng_msg *answer));
void asker_send(struct asker *asker, const void *request, size_t bytes);

#endif
