/* What logins are held against: libsodium's Argon2id and nothing else, a thread for each
 * connection, with the parameters of usherd's defaults. The target says so: MEMORY_KIB,PASSES. */
#include "load.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned memory_kib, passes;

static void *
thread_run(void *arg)
{
	static const char password[] = "a slow cloud over the harbour";
	struct load_slot *slot = arg;
	unsigned char salt[crypto_pwhash_SALTBYTES] = {0}, hash[32];

	while (load_slot_next(slot)) {
		const int failed = crypto_pwhash(hash, sizeof(hash), password, sizeof(password) - 1,
		    salt, passes, (size_t)memory_kib << 10, crypto_pwhash_ALG_ARGON2ID13);
		load_slot_ended(slot, failed == 0, sizeof(hash));
		salt[0]++;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct load_options options;

	load_options_read(argc, argv, &options);
	options.calls = 1;
	if (sscanf(options.target, "%u,%u", &memory_kib, &passes) != 2 || sodium_init() < 0) {
		(void)fputs("argon: wants --target MEMORY_KIB,PASSES\n", stderr);
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
