/* hash_memory.h - the memory that Argon2 works in, kept from one hash to the next.
 *
 * libsodium maps and unmaps its memory for each hash and takes none from outside (its issue 1469):
 * with pages of 4 KiB half of a hash's CPU time goes into finding, zeroing and taking back 4,864 of
 * them, and two threads of one process wait for each other meanwhile. So mmap() and munmap() are
 * this module's in every program that hashes: what libsodium maps while memory is lent to its
 * thread is that memory, in huge pages where the machine gives them. All else is passed on as it
 * came. Where that can't be (a sanitizer has its own mmap(), another processor another way to call
 * it) nothing is kept, and libsodium does as it would.
 *
 * Lifetime: the caller's storage, zeroed is empty.   Threads: one at a time.
 * What a hash leaves in it is for the next to write over, and is unmapped, never given to others.
 */
#ifndef USHER_CRYPT_HASH_MEMORY_H
#define USHER_CRYPT_HASH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct hash_memory {
	void *region;
	size_t bytes;        /* of the region */
	size_t wanted_bytes; /* what the hash under way is about to map */
	bool is_used;        /* it has mapped it */
};

/* Is it possible here? */
bool hash_memory_is_kept(void);

/* Have the calling thread's next mapping of so many bytes be this memory, which is mapped first if
 * it is not there or has another size. No error: without memory, and for what is smaller than a
 * huge page, nothing is lent. hash_memory_take_back() has to follow on the same thread, after the
 * hash. */
void hash_memory_lend(struct hash_memory *memory, size_t bytes);
void hash_memory_take_back(struct hash_memory *memory);

void hash_memory_unmap(struct hash_memory *memory);

#endif
