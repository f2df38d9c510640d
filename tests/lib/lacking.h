/* lacking.h - leave a test out for what the machine has not. ./test says what was left out. */
#ifndef USHER_TESTS_LIB_LACKING_H
#define USHER_TESTS_LIB_LACKING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* With USHER_TEST_ALL set, as in CI, the test fails. */
#define LACKING(what) lacking(__FILE__, __LINE__, what)

static inline _Noreturn void
lacking(const char *file, int line, const char *what)
{
	if (getenv("USHER_TEST_ALL"))
		fail_msg("%s is not here, and here nothing may be left out", what);
	print_message("SKIPPED [1] %s:%d: %s is not here\n", file, line, what);
	skip();
	abort();
}

#endif
