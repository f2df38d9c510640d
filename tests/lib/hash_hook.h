/* hash_hook.h - libsodium's crypto_pwhash(), and before each something of the test's: it defines
 * before_hash(). For one file of a program; threads: whoever hashes. */
#ifndef TESTS_LIB_HASH_HOOK_H
#define TESTS_LIB_HASH_HOOK_H

#include <assert.h>
#include <dlfcn.h>
#include <sodium.h>
#include <stddef.h>

static void before_hash(void);

int
crypto_pwhash(unsigned char *const out, unsigned long long out_bytes, const char *const password,
    unsigned long long password_bytes, const unsigned char *const salt, unsigned long long passes,
    size_t memory_bytes, int algorithm)
{
	int (*own)(unsigned char *, unsigned long long, const char *, unsigned long long,
	    const unsigned char *, unsigned long long, size_t, int);

	*(void **)&own = dlsym(RTLD_NEXT, "crypto_pwhash");
	assert(own);
	before_hash();
	return own(out, out_bytes, password, password_bytes, salt, passes, memory_bytes, algorithm);
}

#endif
