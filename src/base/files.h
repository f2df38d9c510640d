/* files.h - are there file descriptors left?
 * Threads: a watch belongs to one; files_are_left() is anybody's. */
#ifndef USHER_BASE_FILES_H
#define USHER_BASE_FILES_H

#include <stdatomic.h>
#include <stdbool.h>

/* Could one be had just now? Blocks on nothing. */
bool files_are_left(void);

/* How many this process has open, and the most it may have; without one to look with, it has all.
 * Blocks on nothing. */
void files_count(int *open, int *max);

/* Remembers what was told already. Zeroed at first. */
struct files_watch {
	atomic_bool are_out;
	int good_looks;
};

/* Look, once in a while: the log says once that there are none, and once that there are again. */
void files_look(struct files_watch *watch);

#endif
