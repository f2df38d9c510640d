/* files.h - are there file descriptors left? And files that are there whole or not at all.
 * Threads: a watch belongs to one; the rest is anybody's. */
#ifndef USHER_BASE_FILES_H
#define USHER_BASE_FILES_H

#include "base/arena.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Could one be had just now? Blocks on nothing. */
bool files_are_left(void);

/* How many this process has open, and the most it may have; without one to look with, it has all.
 * Blocks on nothing. */
void files_count(int *open, int *max);

/* Raise the limit to wanted, as far as whoever started us lets us. Returns what may be open now,
 * which may be less. For main(): others may count on the limit that they have seen. */
uint64_t files_raise(uint64_t wanted);

/* Remembers what was told already. Zeroed at first. */
struct files_watch {
	atomic_bool are_out;
	int good_looks;
};

/* Look, once in a while: the log says once that there are none, and once that there are again. */
void files_look(struct files_watch *watch);

/* All of content at fd, and down to the disk; false: errno says why not. Blocks on the disk. */
bool files_write_all(int fd, struct slice content);

/* A file that tells what a transaction did: its draft is written before the commit, in PATH.new,
 * and put in its place after it, so that PATH is as it was whatever fails. Blocks on the disk.
 * files_write_draft() takes the place of an older draft; the file is its owner's alone (0600).
 * Errors: FAILED_PRECONDITION with path and reason, RESOURCE_EXHAUSTED (arena). */
MUST_USE status files_write_draft(struct arena *arena, const char *path, struct slice content);
MUST_USE status files_put_draft(struct arena *arena, const char *path);
/* It came to nothing. */
void files_drop_draft(struct arena *arena, const char *path);

#endif
