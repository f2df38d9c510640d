/* aside.h - a call that may not end in any time that anybody can wait, on a thread of its own.
 *
 * For what others' libraries do without a limit and can't be interrupted in: who wants it waits for
 * as long as it may, looks again later, or leaves it behind to end by itself.
 * Lifetime: what a call works with, results too, is one piece on the heap, and aside's from
 * aside_start() on. discard() frees it, once, and comes last: in aside_leave() when the call has
 * ended by then, otherwise in the call's own thread.
 * Shutdown: nobody waits for what was left, it ends with the process. So run() and discard() use
 * nothing that the program takes down before, as its log or its store; aside_exit() sees to what
 * libraries take down.
 * Threads: one owner; aside_hurry() from any, while the owner keeps it. */
#ifndef USHER_BASE_ASIDE_H
#define USHER_BASE_ASIDE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Calls at a time in a process, whether somebody waits for them or not. */
#define ASIDE_MAX 64

struct aside;

struct aside_call {
	void (*run)(void *work);
	void (*discard)(void *work);
};

/* Begin run(work); its thread gets no signals. work is taken in any case.
 * Errors: RESOURCE_EXHAUSTED (ASIDE_MAX, no memory, no thread): work has been discarded. */
MUST_USE status aside_start(const struct aside_call *call, void *work, struct aside **out);
/* Blocks until it has ended, up to wait_us, or until somebody is in a hurry. true: it has ended. */
bool aside_wait(struct aside *aside, int64_t wait_us);
/* aside_wait() returns at once from here on. */
void aside_hurry(struct aside *aside);
/* What it worked with, once it has ended. What is taken out of it is the caller's. */
void *aside_work(struct aside *aside);
/* Be done with it, ended or not. NULL is fine. */
void aside_leave(struct aside **aside);

/* The end of a program that may have left something: as exit(), but while a call is under way none
 * of the libraries' handlers run, which take down what it may be using (OpenSSL's does). */
_Noreturn void aside_exit(int code);

#endif
