/* Stored password hashes: what is read is written back the same, and asks for no more than we are
 * ready to spend. The hash itself is left out: libsodium's crypto_pwhash() is the target's own,
 * which takes neither the memory nor the time that a text may claim, and notes what was asked for.
 */
#include "crypt/crypt.h"
#include "crypt/password.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define SALT_BYTES crypto_pwhash_SALTBYTES
#define HASH_BYTES 32

static struct {
	size_t calls;
	struct password_params params;
	uint8_t salt[SALT_BYTES];
} asked;
static uint8_t answer[HASH_BYTES]; /* the hash of every password */

int
crypto_pwhash(unsigned char *const out, unsigned long long out_bytes, const char *const password,
    unsigned long long password_bytes, const unsigned char *const salt, unsigned long long passes,
    size_t memory_bytes, int algorithm)
{
	(void)password, (void)password_bytes;
	assert(out_bytes == HASH_BYTES && algorithm == crypto_pwhash_ALG_ARGON2ID13);
	assert(passes >= 1 && passes <= PASSWORD_PASSES_MAX && memory_bytes % 1024 == 0);
	assert(memory_bytes >= PASSWORD_MEMORY_KIB_MIN * 1024 &&
	       memory_bytes <= PASSWORD_MEMORY_KIB_MAX * 1024);
	asked.calls++;
	asked.params = (struct password_params){
	    .memory_kib = (uint32_t)(memory_bytes / 1024), .passes = (uint32_t)passes};
	memcpy(asked.salt, salt, SALT_BYTES);
	memcpy(out, answer, HASH_BYTES);
	return 0;
}

/* The salt that was read last, for what is written next. */
static status
fill_with_salt(void *self, void *out, size_t bytes)
{
	(void)self;
	memset(out, 0, bytes);
	memcpy(out, asked.salt, bytes < SALT_BYTES ? bytes : SALT_BYTES);
	return STATUS_OK;
}

static const struct rand_source source = {.fill = fill_with_salt};

static struct password_hasher *
make_hasher(struct password_params params)
{
	struct password_hasher *hasher = NULL;

	status st = password_hasher_new(&params, 1, &source, &hasher);
	assert(st.code == ST_OK);
	return hasher;
}

/* What stands last in it, read by another decoder. */
static void
decode_hash(const char *text, uint8_t out[HASH_BYTES])
{
	const char *last = strrchr(text, '$') + 1;
	size_t bytes = 0;

	int failed = sodium_base642bin(out, HASH_BYTES, last, strlen(last), NULL, &bytes, NULL,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	assert(!failed && bytes == HASH_BYTES);
}

static bool
matches(struct password_hasher *hasher, const char *text)
{
	bool match = false;

	status st = password_matches(hasher, text, SLICE_NONE, &match);
	assert(st.code == ST_OK);
	return match;
}

static void
check_read(struct password_hasher *today, const char *text)
{
	const struct password_params read = asked.params;

	assert(
	    password_needs_rehash(today, text) == (read.memory_kib != PASSWORD_MEMORY_KIB_DEFAULT ||
						      read.passes != PASSWORD_PASSES_DEFAULT));
	decode_hash(text, answer);
	assert(matches(today, text));
	/* A decoy is a hash like others: of those costs, that salt and that hash. */
	struct password_hasher *same = make_hasher(read);
	assert(strcmp(password_decoy(same), text) == 0);
	assert(!password_needs_rehash(same, text));
	password_hasher_free(&same);
	answer[0] ^= 1;
	assert(!matches(today, text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct password_hasher *today;

	if (!today) {
		status st = crypt_init();
		assert(st.code == ST_OK);
		today = make_hasher((struct password_params){
		    .memory_kib = PASSWORD_MEMORY_KIB_DEFAULT, .passes = PASSWORD_PASSES_DEFAULT});
	}
	char *text = strndup((const char *)data, bytes);
	bool match = false;

	assert(text);
	asked.calls = 0;
	status st = password_matches(today, text, SLICE_NONE, &match);
	if (st.code == ST_OK) {
		assert(asked.calls == 1);
		check_read(today, text);
	} else {
		assert(st.code == ST_DATA_LOSS && asked.calls == 0 && !match);
		assert(password_needs_rehash(today, text));
	}
	free(text);
	return 0;
}
