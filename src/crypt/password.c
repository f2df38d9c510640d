#include "crypt/password.h"

#include "crypt/crypt.h"
#include "crypt/hash_memory.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SALT_BYTES crypto_pwhash_SALTBYTES
#define HASH_BYTES 32
#define PHC_PREFIX "$argon2id$v=19$"

/* What PHC text says. */
struct encoded {
	struct password_params params;
	uint8_t salt[SALT_BYTES];
	uint8_t hash[HASH_BYTES];
};

struct password_hasher {
	struct password_params params;
	const struct rand_source *rand;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	unsigned waiting; /* for a permit */
	unsigned permits; /* free ones: the first of memories[] */
	char decoy[PASSWORD_TEXT_BYTES_MAX];
	struct hash_memory memories[]; /* what goes with each permit */
};

static bool
params_are_in_range(const struct password_params *params)
{
	return params->memory_kib >= PASSWORD_MEMORY_KIB_MIN &&
	       params->memory_kib <= PASSWORD_MEMORY_KIB_MAX && params->passes >= 1 &&
	       params->passes <= PASSWORD_PASSES_MAX;
}

/* Take "<name><number>" and the byte that ends it off *rest. No sign, no leading zero. */
static bool
take_number(struct slice *rest, const char *name, char end, uint32_t *out)
{
	size_t name_bytes = strlen(name);
	if (!slice_starts_with(*rest, name))
		return false;

	const uint8_t *digits = rest->data + name_bytes;
	const uint8_t *stop = memchr(digits, end, rest->bytes - name_bytes);
	uint64_t number;
	if (!stop || stop == digits || *digits == '0' ||
	    !number_parse_u64(slice_of(digits, (size_t)(stop - digits)), &number) ||
	    number > UINT32_MAX)
		return false;
	*out = (uint32_t)number;
	*rest = slice_of(stop + 1, rest->bytes - (size_t)(stop + 1 - rest->data));
	return true;
}

/* Exactly bytes of it, up to the end or the byte that ends it. Not by libsodium, which takes bytes
 * above ASCII for digits (1.0.18). */
static bool
take_base64(struct slice *rest, bool last, uint8_t *out, size_t bytes)
{
	const uint8_t *stop =
	    last ? rest->data + rest->bytes : memchr(rest->data, '$', rest->bytes);
	if (!stop)
		return false;

	struct slice text = slice_of(rest->data, (size_t)(stop - rest->data));
	size_t length = bytes;
	if (!base64_decode(text, BASE64_BARE, out, &length) || length != bytes)
		return false;
	*rest = last ? SLICE_NONE : slice_of(stop + 1, rest->bytes - text.bytes - 1);
	return true;
}

static bool
encoded_parse(const char *text, struct encoded *out)
{
	struct slice rest = slice_text(text);
	uint32_t lanes;

	if (rest.bytes >= PASSWORD_TEXT_BYTES_MAX || !slice_starts_with(rest, PHC_PREFIX))
		return false;
	rest = slice_of(rest.data + strlen(PHC_PREFIX), rest.bytes - strlen(PHC_PREFIX));
	return take_number(&rest, "m=", ',', &out->params.memory_kib) &&
	       take_number(&rest, "t=", ',', &out->params.passes) &&
	       take_number(&rest, "p=", '$', &lanes) && lanes == 1 &&
	       take_base64(&rest, false, out->salt, sizeof out->salt) &&
	       take_base64(&rest, true, out->hash, sizeof out->hash) &&
	       params_are_in_range(&out->params);
}

static void
encoded_format(const struct encoded *encoded, char out[PASSWORD_TEXT_BYTES_MAX])
{
	char salt[BASE64_TEXT_BYTES(SALT_BYTES)], hash[BASE64_TEXT_BYTES(HASH_BYTES)];

	base64_encode(slice_of(encoded->salt, sizeof encoded->salt), BASE64_BARE, salt);
	base64_encode(slice_of(encoded->hash, sizeof encoded->hash), BASE64_BARE, hash);
	snprintf(out, PASSWORD_TEXT_BYTES_MAX, PHC_PREFIX "m=%u,t=%u,p=1$%s$%s",
	    encoded->params.memory_kib, encoded->params.passes, salt, hash);
}

static struct hash_memory
permit_take(struct password_hasher *hasher)
{
	pthread_mutex_lock(&hasher->lock);
	hasher->waiting++;
	while (hasher->permits == 0)
		pthread_cond_wait(&hasher->returned, &hasher->lock);
	hasher->waiting--;
	struct hash_memory *last = &hasher->memories[--hasher->permits], *chosen = last;
	for (unsigned i = 0; i < hasher->permits && !chosen->region; i++)
		if (hasher->memories[i].region)
			chosen = &hasher->memories[i];
	const struct hash_memory memory = *chosen;
	*chosen = *last;
	pthread_mutex_unlock(&hasher->lock);
	return memory;
}

/* Memory stays with its permit while somebody waits for that: free permits never hold more of it
 * than there are waiters, since each takes some where there is any. */
static void
permit_return(
    struct password_hasher *hasher, struct hash_memory *memory, const struct password_params *used)
{
	pthread_mutex_lock(&hasher->lock);
	if (hasher->waiting <= hasher->permits || used->memory_kib != hasher->params.memory_kib) {
		pthread_mutex_unlock(&hasher->lock);
		hash_memory_unmap(memory);
		pthread_mutex_lock(&hasher->lock);
	}
	hasher->memories[hasher->permits++] = *memory;
	pthread_cond_signal(&hasher->returned);
	pthread_mutex_unlock(&hasher->lock);
}

/* The work itself, under a permit: more threads at it than cores only share the caches worse. */
static status
hash_under_permit(struct password_hasher *hasher, const struct password_params *params,
    struct slice password, const uint8_t salt[SALT_BYTES], uint8_t out[HASH_BYTES])
{
	const size_t memory_bytes = (size_t)params->memory_kib * 1024;
	const char *text = password.bytes ? (const char *)password.data : "";
	struct hash_memory memory = permit_take(hasher);

	hash_memory_lend(&memory, memory_bytes);
	int failed = crypto_pwhash(out, HASH_BYTES, text, password.bytes, salt, params->passes,
	    memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
	hash_memory_take_back(&memory);
	permit_return(hasher, &memory, params);

	/* The sizes were checked before, so memory is all that can be wanting. */
	if (failed)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory to hash a password");
	return STATUS_OK;
}

static status
check_length(struct slice password)
{
	if (password.bytes > PASSWORD_BYTES_MAX)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "PASSWORD_TOO_LONG",
		    "the password is longer than 256 bytes");
	return STATUS_OK;
}

status
password_hash(
    struct password_hasher *hasher, struct slice password, char out[PASSWORD_TEXT_BYTES_MAX])
{
	struct encoded encoded = {.params = hasher->params};

	TRY(check_length(password));
	TRY(rand_fill(hasher->rand, encoded.salt, sizeof encoded.salt));
	TRY(hash_under_permit(hasher, &encoded.params, password, encoded.salt, encoded.hash));
	encoded_format(&encoded, out);
	return STATUS_OK;
}

status
password_matches(
    struct password_hasher *hasher, const char *encoded, struct slice password, bool *match)
{
	struct encoded stored;
	uint8_t hash[HASH_BYTES];

	TRY(check_length(password));
	if (!encoded_parse(encoded, &stored))
		return REFUSE(ST_DATA_LOSS, "a stored password hash can't be read");
	TRY(hash_under_permit(hasher, &stored.params, password, stored.salt, hash));
	*match = sodium_memcmp(hash, stored.hash, sizeof hash) == 0;
	crypt_wipe(hash, sizeof hash);
	return STATUS_OK;
}

bool
password_needs_rehash(const struct password_hasher *hasher, const char *encoded)
{
	struct encoded stored;

	return !encoded_parse(encoded, &stored) ||
	       stored.params.memory_kib != hasher->params.memory_kib ||
	       stored.params.passes != hasher->params.passes;
}

/* The password is drawn and forgotten, so that nobody can know it. */
static status
make_decoy(struct password_hasher *hasher)
{
	uint8_t password[32];

	TRY(rand_fill(hasher->rand, password, sizeof password));
	status st = password_hash(hasher, slice_of(password, sizeof password), hasher->decoy);
	crypt_wipe(password, sizeof password);
	return st;
}

const char *
password_decoy(const struct password_hasher *hasher)
{
	return hasher->decoy;
}

status
password_hasher_new(const struct password_params *params, unsigned permits,
    const struct rand_source *rand, struct password_hasher **out)
{
	if (!params_are_in_range(params))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "password hashing takes 8 KiB to 256 MiB of memory and 1 to 16 passes");

	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (!permits)
		permits = cores > 0 ? (unsigned)cores : 1;
	struct password_hasher *hasher =
	    calloc(1, sizeof *hasher + permits * sizeof hasher->memories[0]);
	if (!hasher)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the password hasher");
	hasher->params = *params;
	hasher->permits = permits;
	hasher->rand = rand;
	pthread_mutex_init(&hasher->lock, NULL);
	pthread_cond_init(&hasher->returned, NULL);

	status st = make_decoy(hasher);
	if (st.code != ST_OK)
		password_hasher_free(&hasher);
	else
		*out = hasher;
	return st;
}

void
password_hasher_free(struct password_hasher **hasher)
{
	if (!*hasher)
		return;
	pthread_cond_destroy(&(*hasher)->returned);
	pthread_mutex_destroy(&(*hasher)->lock);
	free(*hasher);
	*hasher = NULL;
}
