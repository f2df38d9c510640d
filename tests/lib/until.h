/* until.h - wait for a condition, with a bound that only a fault meets. */
#ifndef TESTS_LIB_UNTIL_H
#define TESTS_LIB_UNTIL_H

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#define WAIT_US_MAX (20 * US_PER_S)

/* Fails the test when it has not held for so long. */
static inline void
until(bool (*holds)(void), const char *what)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;

	while (!holds()) {
		if (clock_boot_us(&clock_system) > give_up_us)
			fail_msg("waited in vain until %s", what);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

#endif
