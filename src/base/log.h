/* log.h - one line an event, written by a thread of its own.
 *
 * Lines go to a ring, so that nothing blocks that logs; a full ring drops the line and counts it,
 * and the count is logged when there is room again. Lines that come within 5 ms of a write wait for
 * each other. The format is logfmt:
 *     ts=2026-01-31T12:00:00.123Z level=info event=rpc method=... code=OK us=412
 * Values are escaped, so nobody can forge a line.
 * A line is 4096 bytes at most; a longer one is cut, and says so with cut=true.
 * Threads: any, after log_start(). Before it, and after log_stop(), lines go straight to stderr.
 * log_start() and log_stop() themselves are for one thread, and log_stop() waits no longer than a
 * second or so for whoever reads the other end of fd. */
#ifndef USHER_BASE_LOG_H
#define USHER_BASE_LOG_H

#include "base/status.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status log_start(int fd, enum log_level level);
/* Writes what is in the ring, then stops the writer. */
void log_stop(void);
/* Lines lost since the start. */
uint64_t log_dropped(void);
int log_is_on(enum log_level level);
/* From now on. Threads: any. */
void log_set_level(enum log_level level);
/* "debug", "info", "warn", "error", as the setting log.level has it; LOG_INFO for anything else. */
enum log_level log_level_from_name(const char *name);

/* log_event(LOG_INFO, "listen", "url", url, "services", "auth,user", NULL): pairs of key and value.
 * A NULL value is printed as "". Use log_number() below for numbers. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Before a line that somebody outside may cause as often as he likes; source is a hash of who that
 * is. Each source has about 100 such lines a second, 1,000 of them at once. false: there is to be
 * no line, for its level is off or the source has had its share; then it is counted, and a line
 * log_withheld says once a second of how many that is true. Threads: any, without a lock. */
int log_admits(enum log_level level, uint64_t source);
/* The same; the source is whoever has that address (network.h: its site). */
int log_admits_address(enum log_level level, const char *address);
/* Lines that were not admitted for their source's sake, since the start. */
uint64_t log_withheld(void);

/* A number as a value: lives until the end of the statement's block, 24 bytes on the stack. */
#define log_number(n) (log_number_text((char[24]){0}, (int64_t)(n)))
const char *log_number_text(char out[24], int64_t n);

#endif
