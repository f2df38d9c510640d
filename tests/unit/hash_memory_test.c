/* Memory lent to libsodium: it takes that and nothing else does. */
#include "crypt/hash_memory.h"

#include "crypt/crypt.h"

#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define BYTES ((size_t)19456 * 1024)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

struct fixture {
	struct hash_memory memory;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	assert_int_equal(crypt_init().code, ST_OK);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	hash_memory_unmap(&f->memory);
	return 0;
}

static void *
map(size_t bytes, int protection, int flags, int fd)
{
	void *memory = mmap(NULL, bytes, protection, flags, fd, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static void
hash(uint8_t out[32], size_t memory_bytes)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = "0123456789abcdef";

	assert_int_equal(crypto_pwhash(out, 32, "correct horse", 13, salt, 2, memory_bytes,
			     crypto_pwhash_ALG_ARGON2ID13),
	    0);
}

static void
libsodium_works_in_what_is_lent_and_finds_the_same_hash(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {BYTES, BYTES + 1024, BYTES + 3072, (size_t)64 << 20};
	uint8_t own[32], in_lent[32], again[32];

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		hash(own, sizes[i]);
		hash_memory_lend(&f->memory, sizes[i]);
		assert_ptr_equal((uintptr_t)f->memory.region % (2 << 20), 0);
		hash(in_lent, sizes[i]);
		hash_memory_take_back(&f->memory);
		assert_memory_equal(in_lent, own, sizeof own);
		/* It is there still, and bears what was done in it. */
		const uint8_t *bytes = f->memory.region;
		assert_non_null(bytes);
		uint8_t any = 0;
		for (size_t at = 0; at < 1024; at++)
			any |= bytes[sizes[i] / 2 + at];
		assert_int_not_equal(any, 0);
		hash_memory_lend(&f->memory, sizes[i]);
		assert_ptr_equal(f->memory.region, bytes);
		hash(again, sizes[i]);
		hash_memory_take_back(&f->memory);
		assert_memory_equal(again, own, sizeof own);
	}
}

static void *
map_elsewhere(void *arg)
{
	(void)arg;
	return mmap(NULL, BYTES, PROT_READ | PROT_WRITE, PRIVATE, -1, 0);
}

/* Whoever else maps something meanwhile, on this thread or another, has memory of their own. */
static void
nothing_else_is_given_it(void **state)
{
	struct fixture *f = *state;
	const int both = PROT_READ | PROT_WRITE;
	pthread_t thread;
	void *other;
	FILE *file = tmpfile();

	assert_non_null(file);
	hash_memory_lend(&f->memory, BYTES);
	void *own = map(BYTES + 1, both, PRIVATE, -1);
	assert_ptr_not_equal(own, f->memory.region);
	assert_int_equal(munmap(own, BYTES + 1), 0);
	own = map(BYTES - 4096, both, PRIVATE, -1);
	assert_ptr_not_equal(own, f->memory.region);
	assert_int_equal(munmap(own, BYTES - 4096), 0);
	own = map(BYTES, PROT_READ, PRIVATE, -1);
	assert_ptr_not_equal(own, f->memory.region);
	assert_int_equal(munmap(own, BYTES), 0);
	own = map(BYTES, both, MAP_SHARED, fileno(file));
	assert_ptr_not_equal(own, f->memory.region);
	assert_int_equal(munmap(own, BYTES), 0);
	assert_int_equal(pthread_create(&thread, NULL, map_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, &other), 0);
	assert_ptr_not_equal(other, f->memory.region);
	assert_int_equal(munmap(other, BYTES), 0);

	/* Only once: it is not to be two things. */
	void *lent = map(BYTES, both, PRIVATE, -1);
	assert_ptr_equal(lent, f->memory.region);
	own = map(BYTES, both, PRIVATE, -1);
	assert_ptr_not_equal(own, lent);
	assert_int_equal(munmap(own, BYTES), 0);
	assert_int_equal(munmap(lent, BYTES), 0);
	hash_memory_take_back(&f->memory);
	own = map(BYTES, both, PRIVATE, -1);
	assert_ptr_not_equal(own, f->memory.region);
	assert_int_equal(munmap(own, BYTES), 0);
	(void)fclose(file);
}

static void
what_is_not_given_back_is_left_to_who_has_it(void **state)
{
	struct fixture *f = *state;

	hash_memory_lend(&f->memory, BYTES);
	uint8_t *lent = map(BYTES, PROT_READ | PROT_WRITE, PRIVATE, -1);
	assert_ptr_equal(lent, f->memory.region);
	hash_memory_take_back(&f->memory);
	assert_null(f->memory.region);
	memset(lent, 7, BYTES);
	hash_memory_lend(&f->memory, BYTES);
	assert_ptr_not_equal(lent, f->memory.region);
	hash_memory_take_back(&f->memory);
	assert_int_equal(munmap(lent, BYTES), 0);
}

static void
for_a_small_hash_nothing_is_lent(void **state)
{
	struct fixture *f = *state;
	uint8_t out[32];

	hash_memory_lend(&f->memory, 8192);
	assert_null(f->memory.region);
	hash(out, 8192);
	hash_memory_take_back(&f->memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		libsodium_works_in_what_is_lent_and_finds_the_same_hash, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nothing_else_is_given_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_is_not_given_back_is_left_to_who_has_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(for_a_small_hash_nothing_is_lent, set_up, tear_down),
	};

	if (!hash_memory_is_kept())
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
