/* What logins are held against: libsodium's Argon2id and nothing else, a thread for each
 * connection, with the parameters of usherd's defaults. The target says so: MEMORY_KIB,PASSES.
 * With ",kept" behind them each thread keeps its memory from hash to hash, as usherd does in a
 * flood. */
#include "crypt/hash_memory.h"
#include "load.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned memory_kib, passes;
static bool is_kept;

static void *
thread_run(void *arg)
{
	static const char password[] = "a slow cloud over the harbour";
	struct load_slot *slot = arg;
	unsigned char salt[crypto_pwhash_SALTBYTES] = {0}, hash[32];
	struct hash_memory memory = {0};

	while (load_slot_next(slot)) {
		if (is_kept)
			hash_memory_lend(&memory, (size_t)memory_kib << 10);
		const int failed = crypto_pwhash(hash, sizeof(hash), password, sizeof(password) - 1,
		    salt, passes, (size_t)memory_kib << 10, crypto_pwhash_ALG_ARGON2ID13);
		if (is_kept)
			hash_memory_take_back(&memory);
		load_slot_ended(slot, failed == 0, sizeof(hash));
		salt[0]++;
	}
	hash_memory_unmap(&memory);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct load_options options;

	load_options_read(argc, argv, &options);
	options.calls = 1;
	is_kept = strstr(options.target, ",kept");
	if (sscanf(options.target, "%u,%u", &memory_kib, &passes) != 2 || sodium_init() < 0) {
		(void)fputs("argon: wants --target MEMORY_KIB,PASSES[,kept]\n", stderr);
		return 2;
	}
	load_begin(&options);
	for (unsigned i = 0; i < options.connections; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_run, load_slot_at(i)) != 0)
			return 2;
	}
	return load_finish();
}
