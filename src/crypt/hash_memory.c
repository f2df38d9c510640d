#include "crypt/hash_memory.h"

#include "base/sanitized.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Elsewhere the system call may take its arguments in another way. */
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && defined(__LP64__) &&    \
    !defined(IS_SANITIZED)

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define ARGON2_BLOCK_BYTES 1024u /* RFC 9106: it maps whole ones, four at least to a lane */
#define ROUNDED_BYTES_MAX (4 * ARGON2_BLOCK_BYTES)

static _Thread_local struct hash_memory *lent;

bool
hash_memory_is_kept(void)
{
	return true;
}

/* A fault in the middle of a huge page's worth is a huge page only if it is aligned. */
static void *
map_aligned(size_t bytes)
{
	const size_t spare = HUGE_PAGE_BYTES;
	void *mapped =
	    mmap(NULL, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return NULL;

	uint8_t *begin = mapped;
	const size_t before = -(uintptr_t)begin % HUGE_PAGE_BYTES;
	if (before)
		(void)munmap(begin, before);
	(void)munmap(begin + before + bytes, spare - before);
	/* Refused where the kernel has none: small pages do as well. */
	(void)madvise(begin + before, bytes, MADV_HUGEPAGE);
	return begin + before;
}

void
hash_memory_lend(struct hash_memory *memory, size_t bytes)
{
	const size_t whole = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;

	if (bytes < HUGE_PAGE_BYTES)
		return;
	if (memory->bytes != whole)
		hash_memory_unmap(memory);
	if (!memory->region)
		memory->region = map_aligned(whole);
	if (!memory->region)
		return;
	memory->bytes = whole;
	memory->wanted_bytes = bytes;
	lent = memory;
}

void
hash_memory_take_back(struct hash_memory *memory)
{
	lent = NULL;
	/* Whoever mapped it and did not unmap it may still write there. */
	if (memory->is_used)
		*memory = (struct hash_memory){0};
}

void
hash_memory_unmap(struct hash_memory *memory)
{
	if (memory->region)
		(void)munmap(memory->region, memory->bytes);
	*memory = (struct hash_memory){0};
}

/* Is it what libsodium maps for the hash that the memory was lent for? */
static bool
is_for_hash(const void *address, size_t bytes, int protection, int flags, int fd)
{
	return lent && !lent->is_used && !address && fd == -1 && flags & MAP_ANONYMOUS &&
	       protection == (PROT_READ | PROT_WRITE) && bytes <= lent->wanted_bytes &&
	       lent->wanted_bytes - bytes < ROUNDED_BYTES_MAX;
}

void *
mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (is_for_hash(address, bytes, protection, flags, fd)) {
		lent->is_used = true;
		return lent->region;
	}
	return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

int
munmap(void *address, size_t bytes)
{
	if (lent && lent->is_used && address == lent->region) {
		lent->is_used = false;
		return 0;
	}
	return (int)syscall(SYS_munmap, address, bytes);
}

#else

bool
hash_memory_is_kept(void)
{
	return false;
}

void
hash_memory_lend(struct hash_memory *memory, size_t bytes)
{
	(void)memory, (void)bytes;
}

void
hash_memory_take_back(struct hash_memory *memory)
{
	(void)memory;
}

void
hash_memory_unmap(struct hash_memory *memory)
{
	(void)memory;
}

#endif
