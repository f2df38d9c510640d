#include "crypt/crypt.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <sodium.h>

#define SEAL_VERSION 1
#define SECURE_HEAP_BYTES (512u << 10)
#define SECURE_PIECE_BYTES_MIN 32
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(CRYPT_SEAL_OVERHEAD_BYTES == 1 + NONCE_BYTES + TAG_BYTES, "the header says so");
_Static_assert(CRYPT_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key size");

status
crypt_init(void)
{
	if (sodium_init() < 0)
		return REFUSE(ST_INTERNAL, "libsodium finds no source of random numbers");
	/* Where OpenSSL keeps a private key's number and works with it. */
	if (!CRYPTO_secure_malloc_initialized() &&
	    !CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_PIECE_BYTES_MIN))
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for keys");
	return STATUS_OK;
}

void
crypt_wipe(void *memory, size_t bytes)
{
	sodium_memzero(memory, bytes);
}

status
crypt_key_new(struct crypt_key **out)
{
	struct crypt_key *key = sodium_malloc(sizeof *key);
	if (!key)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a key");
	memset(key, 0, sizeof *key);
	*out = key;
	return STATUS_OK;
}

void
crypt_key_free(struct crypt_key **key)
{
	sodium_free(*key); /* overwrites it first */
	*key = NULL;
}

status
crypt_key_make(const struct rand_source *rand, struct crypt_key *out)
{
	struct crypt_key key;
	TRY(rand_fill(rand, key.bytes, sizeof key.bytes));
	*out = key;
	crypt_wipe(&key, sizeof key);
	return STATUS_OK;
}

status
crypt_key_parse(struct slice text, struct crypt_key *out)
{
	while (text.bytes && memchr(" \t\r\n", text.data[text.bytes - 1], 4))
		text.bytes--;

	uint8_t bytes[CRYPT_KEY_BYTES + 1];
	size_t length = sizeof bytes;
	bool good = base64_decode_any(text, bytes, &length) && length == CRYPT_KEY_BYTES;
	if (good)
		memcpy(out->bytes, bytes, CRYPT_KEY_BYTES);
	crypt_wipe(bytes, sizeof bytes);
	if (!good)
		return REFUSE(ST_INVALID_ARGUMENT, "the key is not base64 of 32 bytes");
	return STATUS_OK;
}

void
crypt_digest(struct slice data, struct crypt_digest *out)
{
	int failed =
	    crypto_generichash(out->bytes, sizeof out->bytes, data.data, data.bytes, NULL, 0);
	assert(!failed);
}

void
crypt_mac(const struct crypt_key *key, const struct slice *parts, size_t parts_count,
    struct crypt_digest *out)
{
	crypto_generichash_state state;
	int failed =
	    crypto_generichash_init(&state, key->bytes, sizeof key->bytes, sizeof out->bytes);

	for (size_t i = 0; i < parts_count; i++) {
		uint8_t length[8];
		for (size_t b = 0; b < sizeof length; b++)
			length[b] = (uint8_t)((uint64_t)parts[i].bytes >> 8 * b);
		failed |= crypto_generichash_update(&state, length, sizeof length);
		failed |= crypto_generichash_update(&state, parts[i].data, parts[i].bytes);
	}
	failed |= crypto_generichash_final(&state, out->bytes, sizeof out->bytes);
	assert(!failed);
	crypt_wipe(&state, sizeof state);
}

bool
crypt_digest_equals(const struct crypt_digest *digest, struct slice stored)
{
	return stored.bytes == sizeof digest->bytes &&
	       sodium_memcmp(digest->bytes, stored.data, sizeof digest->bytes) == 0;
}

void
crypt_key_derive(const struct crypt_key *parent, const char *context, struct crypt_key *out)
{
	struct slice part = slice_text(context);
	struct crypt_digest derived;

	crypt_mac(parent, &part, 1, &derived);
	memcpy(out->bytes, derived.bytes, sizeof out->bytes);
	crypt_wipe(&derived, sizeof derived);
}

void
crypt_key_from_secret(struct slice secret, const char *context, struct crypt_key *out)
{
	struct crypt_digest purpose;
	crypt_digest(slice_text(context), &purpose);

	struct crypt_key key;
	memcpy(key.bytes, purpose.bytes, sizeof key.bytes);
	struct crypt_digest derived;
	crypt_mac(&key, &secret, 1, &derived);
	memcpy(out->bytes, derived.bytes, sizeof out->bytes);
	crypt_wipe(&derived, sizeof derived);
}

/* What the tag covers besides the ciphertext: the version byte too, so that no later version's
 * reader can be led to take this one's text for its own. */
static status
seal_cover(struct slice bound, uint8_t version, struct arena *arena, struct slice *out)
{
	uint8_t *cover = arena_alloc(arena, bound.bytes + 1);
	if (!cover)
		return ARENA_EXHAUSTED;
	cover[0] = version;
	if (bound.bytes)
		memcpy(cover + 1, bound.data, bound.bytes);
	*out = slice_of(cover, bound.bytes + 1);
	return STATUS_OK;
}

status
crypt_seal(const struct crypt_key *key, const struct rand_source *rand, struct slice bound,
    struct slice plain, struct arena *arena, struct slice *out)
{
	struct slice cover;
	TRY(seal_cover(bound, SEAL_VERSION, arena, &cover));
	uint8_t *sealed = arena_alloc(arena, plain.bytes + CRYPT_SEAL_OVERHEAD_BYTES);
	if (!sealed)
		return ARENA_EXHAUSTED;

	uint8_t *nonce = sealed + 1;
	sealed[0] = SEAL_VERSION;
	TRY(rand_fill(rand, nonce, NONCE_BYTES));
	int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_BYTES, NULL,
	    plain.data, plain.bytes, cover.data, cover.bytes, NULL, nonce, key->bytes);
	assert(!failed);
	*out = slice_of(sealed, plain.bytes + CRYPT_SEAL_OVERHEAD_BYTES);
	return STATUS_OK;
}

status
crypt_unseal(const struct crypt_key *key, struct slice bound, struct slice sealed,
    struct arena *arena, struct slice *out)
{
	if (sealed.bytes < CRYPT_SEAL_OVERHEAD_BYTES || sealed.data[0] != SEAL_VERSION)
		return REFUSE(ST_DATA_LOSS, "sealed data is cut short or of an unknown version");

	struct slice cover;
	TRY(seal_cover(bound, SEAL_VERSION, arena, &cover));
	size_t plain_bytes = sealed.bytes - CRYPT_SEAL_OVERHEAD_BYTES;
	uint8_t *plain = arena_alloc(arena, plain_bytes + 1);
	if (!plain)
		return ARENA_EXHAUSTED;

	const uint8_t *nonce = sealed.data + 1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + NONCE_BYTES,
		plain_bytes + TAG_BYTES, cover.data, cover.bytes, nonce, key->bytes) != 0)
		return REFUSE(ST_DATA_LOSS, "sealed data does not open with this key");
	*out = slice_of(plain, plain_bytes);
	return STATUS_OK;
}
