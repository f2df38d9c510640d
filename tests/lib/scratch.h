/* scratch.h - folders for tests, in $TMPDIR or /tmp.
 * Threads: any. */
#ifndef USHER_TESTS_LIB_SCRATCH_H
#define USHER_TESTS_LIB_SCRATCH_H

#define SCRATCH_PATH_BYTES 96

/* Make an empty folder; its path goes to out. A program that can't have one ends. */
void scratch_make(char out[SCRATCH_PATH_BYTES]);

/* Remove it with all that is in it. */
void scratch_remove(const char *path);

#endif
