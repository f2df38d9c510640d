/* load.h - what the load generators have in common, so that they differ in the transport alone:
 * options, the requests to send, and figures of what came back.
 *
 * A slot is one call at a time, sent again as soon as it is answered (closed loop). It has figures
 * of its own, so that recording takes no lock; they are added up at the end.
 * Threads: a slot's functions are called by whoever runs the slot, one at a time; the rest by main.
 * Units: *_ns are CLOCK_MONOTONIC's nanoseconds. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct load_options {
	const char *target;   /* nng URL, or HOST:PORT for gRPC */
	const char *requests; /* file: each request after its length, 32 bits little-endian */
	unsigned connections;
	unsigned calls;   /* under way at once on each connection */
	unsigned threads; /* where the transport leaves the choice to us */
	double warm_up_s;
	double seconds;
	bool is_pass;    /* every request once, instead of at random for some time */
	bool is_resolve; /* the replies are Resolve's: look into some of them */
	bool is_first;   /* wait for the first good answer and say when it came */
};

/* Ends the program with a message when they make no sense. */
void load_options_read(int argc, char **argv, struct load_options *out);

struct load_request {
	const uint8_t *data;
	size_t bytes;
};

/* 3 % wide, from 1 ns to 68 s. */
#define LOAD_BUCKETS 1024

struct load_slot {
	uint64_t random;
	int64_t sent_ns;
	const struct load_request *request; /* the one that is under way */
	uint64_t answered;                  /* all told */
	uint64_t failed;
	uint64_t measured; /* within the time that counts */
	uint64_t reply_bytes;
	uint32_t counts[LOAD_BUCKETS];
};

/* Reads the requests and makes connections * calls slots. Ends the program if it can't. */
void load_begin(const struct load_options *options);
struct load_slot *load_slot_at(unsigned index);

/* The next request to send, or NULL: this slot is done (it must not be used any more). */
const struct load_request *load_slot_next(struct load_slot *slot);
/* Its answer came. Resolve's answers begin with a code unless all is well, an echo's never. */
void load_slot_answered(struct load_slot *slot, const uint8_t *reply, size_t bytes);

/* Main: all slots are on their way. Waits for the end and prints one line of JSON. On the line
 * before it says "measuring", when the time that counts begins. Returns the exit code. */
int load_finish(void);

/* For people, where a slot can say more of a failed answer; printed once. */
void load_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Pairs for the JSON line, written as they are: "\"from_memory\":100". Before load_finish() ends.
 */
void load_add_figure(const char *name, uint64_t (*value)(void));

int64_t load_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
