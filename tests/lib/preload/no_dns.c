/* Looks a process's names up as the first byte of the file that USHER_DNS names says, read anew at
 * each look: 'u' up, 'd' dead (told at once that there is no answer), 's' slow (no answer for as
 * long as it says s, as with resolvers that drop what they are sent). Names that end in ".test" are
 * all of this machine. Numbers are no names: nobody is asked. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS (10 * 1000 * 1000)

typedef int resolver(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out);

static const _Atomic char *mode;
static resolver *next;

__attribute__((constructor)) static void
map_mode(void)
{
	const char *path = getenv("USHER_DNS");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	/* POSIX has it so: an object pointer and a function pointer are of one size. */
	*(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
	if (file < 0)
		return;
	void *memory = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	if (memory != MAP_FAILED)
		mode = memory;
}

static int
is_name(const char *node)
{
	unsigned char address[sizeof(struct in6_addr)];

	return node && *node && inet_pton(AF_INET, node, address) != 1 &&
	       inet_pton(AF_INET6, node, address) != 1;
}

static int
is_ours(const char *node)
{
	const char *end = strrchr(node, '.');

	return end && strcmp(end, ".test") == 0;
}

int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};

	if (!mode || !is_name(node) || (hints && hints->ai_flags & AI_NUMERICHOST))
		return next(node, service, hints, out);
	while (atomic_load(mode) == 's')
		nanosleep(&pause, NULL);
	if (atomic_load(mode) == 'd')
		return EAI_AGAIN;
	return next(is_ours(node) ? "127.0.0.1" : node, service, hints, out);
}
