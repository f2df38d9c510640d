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
	const char *target;   /* nng URL (some programs: several with commas), or HOST:PORT */
	const char *requests; /* file: each request after its length, 32 bits little-endian */
	const char *mode;     /* where a program can do more than one thing */
	const char *out;      /* where one writes something */
	unsigned connections;
	unsigned calls;   /* under way at once on each connection */
	unsigned threads; /* where the transport leaves the choice to us */
	double warm_up_s;
	double seconds;
	double rate;       /* calls a second, of all slots together; 0: as fast as they come */
	unsigned count;    /* for programs without a file of requests: calls in all */
	bool is_pass;      /* every request once, instead of at random for some time */
	bool is_refusable; /* refusals are part of the plan: they are counted, and no failure */
	bool is_first;     /* wait for the first good answer and say when it came */
};

/* Ends the program with a message when they make no sense. A program that makes its own requests
 * needs no file; with a count it says itself when a slot is over. */
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
/* Its answer came. usherd's answers begin with a code unless all is well, an echo's never. */
void load_slot_answered(struct load_slot *slot, const uint8_t *reply, size_t bytes);
/* This slot is done, for those who know themselves when that is. */
void load_slot_over(struct load_slot *slot);
/* For those who know themselves how it went. */
void load_slot_ended(struct load_slot *slot, bool is_good, size_t reply_bytes);

/* Main: all slots are on their way. Waits for the end and prints one line of JSON. On the line
 * before it says "measuring", when the time that counts begins. Returns the exit code. */
int load_finish(void);
/* Called by load_finish() when the time that counts begins: lets those go who were made ready. */
void load_on_begin(void (*begin)(void));

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
