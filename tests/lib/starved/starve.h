/* starve.h - makes one allocation fail, at a test's word.
 *
 * The file that USHER_STARVE names is struct starve: a test maps it too, and writes there. Each
 * wrapped function asks starve_now() first, and answers as it does without memory. */
#ifndef USHER_TESTS_STARVE_H
#define USHER_TESTS_STARVE_H

#include <stdbool.h>
#include <stdint.h>

#define STARVE_NAMES 16
#define STARVE_NAME_BYTES 16

struct starve {
	_Atomic int64_t fail_at;   /* which one fails, from 1; 0: none is counted */
	_Atomic int64_t fail_more; /* so many behind it fail too */
	_Atomic int64_t seen;      /* counted since fail_at was set */
	_Atomic int64_t failed;
	_Atomic uint64_t where; /* what made the first that failed: an offset in the program */
	int64_t is_only;        /* threads are those that are meant; or those that are not */
	char threads[STARVE_NAMES][STARVE_NAME_BYTES];
};

bool starve_now(const void *caller);

/* The function's wrapper. */
#define STARVED(type, name, without, parameters, arguments)                                        \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return starve_now(__builtin_return_address(0)) ? (without)                         \
							       : __real_##name arguments;          \
	}

#endif
