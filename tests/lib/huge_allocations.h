/* huge_allocations.h - for tests that ask for more memory than there is: sanitizers end the program
 * at that unless they are told to answer NULL as malloc() does. Include it in one file. */
#ifndef USHER_TESTS_LIB_HUGE_ALLOCATIONS_H
#define USHER_TESTS_LIB_HUGE_ALLOCATIONS_H

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

#endif
