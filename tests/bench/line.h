/* line.h - a connection to usherd for programs that make one call at a time in each thread.
 * Threads: one a line. Errors end the program with a message. */
#ifndef TESTS_BENCH_LINE_H
#define TESTS_BENCH_LINE_H

#include <nng/nng.h>
#include <stddef.h>

struct line {
	nng_socket socket;
};

/* Connects to the url'th of those in targets, which stand with commas, modulo their number. */
void line_open(struct line *line, const char *targets, unsigned url);
/* Send and wait for the answer; the caller frees it. */
nng_msg *line_call(struct line *line, const void *request, size_t bytes);

#endif
