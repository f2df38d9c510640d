/* How many passwords are hashed at once, and in whose memory. libsodium's hash is this file's own
 * here: it sees who is in it, and maps memory as libsodium does. */
#include "crypt/crypt.h"
#include "crypt/hash_memory.h"
#include "crypt/password.h"

#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#define PERMITS 2
#define HASHES 8
#define WAIT_S 30
#define USED 7 /* what a hash leaves in its memory */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int inside, most, entered;
	int warm; /* found what another left */
	bool fails;
} hashing = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool
memory_is_warm(size_t bytes)
{
	uint8_t *memory = mmap(
	    NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	const bool is_warm = memory[bytes - 1] == USED;
	memset(memory, USED, bytes);
	if (munmap(memory, bytes) != 0)
		abort();
	return is_warm;
}

/* Each waits in here for the other half of its pair, so that two have to be let in at once; a third
 * would be counted. */
int
crypto_pwhash(unsigned char *const out, unsigned long long out_bytes, const char *const password,
    unsigned long long password_bytes, const unsigned char *const salt, unsigned long long passes,
    size_t memory_bytes, int algorithm)
{
	struct timespec until;

	(void)password, (void)password_bytes, (void)salt, (void)passes, (void)algorithm;
	const bool is_warm = memory_is_warm(memory_bytes);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	(void)pthread_mutex_lock(&hashing.lock);
	const int number = hashing.entered++;
	if (++hashing.inside > hashing.most)
		hashing.most = hashing.inside;
	(void)pthread_cond_broadcast(&hashing.changed);
	while (
	    number / PERMITS == (hashing.entered - 1) / PERMITS && hashing.entered % PERMITS != 0)
		if (pthread_cond_timedwait(&hashing.changed, &hashing.lock, &until) != 0)
			break;
	hashing.inside--;
	hashing.warm += is_warm;
	const bool fails = hashing.fails;
	(void)pthread_mutex_unlock(&hashing.lock);
	memset(out, 7, out_bytes);
	return fails ? -1 : 0;
}

static void
hashing_reset(void)
{
	hashing.inside = hashing.most = hashing.entered = hashing.warm = 0;
	hashing.fails = false;
}

static void *
hash_one(void *arg)
{
	char text[PASSWORD_TEXT_BYTES_MAX];

	return password_hash(arg, slice_text("correct horse"), text).code == ST_OK ? arg : NULL;
}

/* How many of so many threads got their hash. */
static int
hash_many(struct password_hasher *hasher)
{
	pthread_t threads[HASHES];
	int good = 0;

	for (int i = 0; i < HASHES; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_one, hasher), 0);
	for (int i = 0; i < HASHES; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		good += result != NULL;
	}
	return good;
}

static struct password_hasher *
hasher_make(void)
{
	static const struct password_params quick = {.memory_kib = 5000, .passes = 1};
	struct password_hasher *hasher = NULL;

	assert_int_equal(crypt_init().code, ST_OK);
	hashing_reset();
	/* Making the decoy is a hash too, and nobody comes to pair with it. */
	hashing.entered = PERMITS - 1;
	assert_int_equal(password_hasher_new(&quick, PERMITS, &rand_system, &hasher).code, ST_OK);
	hashing_reset();
	return hasher;
}

static void
as_many_hash_at_once_as_there_are_permits_and_no_more(void **state)
{
	struct password_hasher *hasher = hasher_make();

	(void)state;
	assert_int_equal(hash_many(hasher), HASHES);
	assert_int_equal(hashing.entered, HASHES);
	assert_int_equal(hashing.most, PERMITS);
	password_hasher_free(&hasher);
}

static void
a_hash_that_fails_gives_its_permit_back(void **state)
{
	struct password_hasher *hasher = hasher_make();

	(void)state;
	hashing.fails = true;
	assert_int_equal(hash_many(hasher), 0);
	hashing_reset();
	assert_int_equal(hash_many(hasher), HASHES);
	assert_int_equal(hashing.most, PERMITS);
	password_hasher_free(&hasher);
}

/* A hash with nobody beside it: fails rather than to wait for its pair. */
static bool
is_warm_alone(struct password_hasher *hasher, uint32_t memory_kib)
{
	char text[PASSWORD_TEXT_BYTES_MAX];
	bool match;

	hashing_reset();
	hashing.entered = PERMITS - 1;
	(void)snprintf(text, sizeof text,
	    "$argon2id$v=19$m=%u,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$%.43s", memory_kib,
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(
	    password_matches(hasher, text, slice_text("correct horse"), &match).code, ST_OK);
	return hashing.warm != 0;
}

static void
memory_is_handed_on_while_somebody_waits_and_unmapped_then(void **state)
{
	const time_t until = time(NULL) + WAIT_S;

	(void)state;
	if (!hash_memory_is_kept())
		skip();
	struct password_hasher *hasher = hasher_make();
	for (int warm = 0; warm == 0; warm = hashing.warm) {
		assert_true(time(NULL) < until);
		hashing_reset();
		assert_int_equal(hash_many(hasher), HASHES);
	}
	assert_true(hashing.warm <= HASHES - PERMITS);
	assert_false(is_warm_alone(hasher, 5000));
	assert_false(is_warm_alone(hasher, 5000));
	assert_false(is_warm_alone(hasher, 9000));
	assert_false(is_warm_alone(hasher, 5000));
	password_hasher_free(&hasher);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_many_hash_at_once_as_there_are_permits_and_no_more),
	    cmocka_unit_test(a_hash_that_fails_gives_its_permit_back),
	    cmocka_unit_test(memory_is_handed_on_while_somebody_waits_and_unmapped_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
