/* What is nng's counts as reached when the sanitizer looks for leaks, though nng may have lost it;
 * all else that nobody reaches any more was forgotten by us. nng 1.5 loses a connection's memory
 * when the peer closes it while it is being set up, and a reply that is handed over while its
 * connection is being closed (rep0_ctx_send between rep0_pipe_close's nni_aio_close and its
 * nni_id_remove).
 *
 * A suppression cannot tell: it looks for a name in the whole of a stack, and nng stands in that of
 * each message and of all that we allocate in its callbacks. So, instead: what nng allocates is
 * its own, and no longer when it is given to us, as messages and aios are; a message that we hand
 * over is nng's, and ours again if it comes back. */
#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <nng/nng.h>
#include <pthread.h>
#include <sanitizer/allocator_interface.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stdint.h>

#define PLACES_BITS 20
#define PLACES (1u << PLACES_BITS)

/* A set, by open addressing. The sanitizer follows it as any variable. */
static void *nngs[PLACES];
static size_t nngs_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* nng's code. */
static uintptr_t code_begin, code_end;

/* Where it is, or would be. */
static void **
place_of(const void *memory)
{
	size_t i = (size_t)((uintptr_t)memory * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PLACES_BITS));

	while (nngs[i] && nngs[i] != memory)
		i = (i + 1) % PLACES;
	return &nngs[i];
}

static void
make_nngs(void *memory)
{
	(void)pthread_mutex_lock(&lock);
	void **place = place_of(memory);
	nngs_count += *place == NULL;
	assert(nngs_count < PLACES / 2);
	*place = memory;
	(void)pthread_mutex_unlock(&lock);
}

static void
make_ours(const void *memory)
{
	(void)pthread_mutex_lock(&lock);
	void **place = memory ? place_of(memory) : NULL;
	if (place && *place) {
		*place = NULL;
		nngs_count--;
		/* Those behind it may have given way to it. */
		for (size_t i = (size_t)(place - nngs + 1) % PLACES; nngs[i];
		     i = (i + 1) % PLACES) {
			void *other = nngs[i];

			nngs[i] = NULL;
			*place_of(other) = other;
		}
	}
	(void)pthread_mutex_unlock(&lock);
}

/* Did nng itself call malloc() for it, whoever called nng? */
static bool
nng_allocated(void *memory)
{
	void *callers[2];
	int thread;

	return __asan_get_alloc_stack(memory, callers, 2, &thread) == 2 &&
	       (uintptr_t)callers[1] >= code_begin && (uintptr_t)callers[1] < code_end;
}

static void
allocated(const volatile void *memory, size_t bytes)
{
	(void)bytes;
	if (nng_allocated((void *)(uintptr_t)memory))
		make_nngs((void *)(uintptr_t)memory);
}

static void
freed(const volatile void *memory)
{
	if (nng_allocated((void *)(uintptr_t)memory))
		make_ours((const void *)(uintptr_t)memory);
}

static int
find_code(struct dl_phdr_info *object, size_t bytes, void *inside)
{
	(void)bytes;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const uintptr_t begin = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
		const uintptr_t end = begin + object->dlpi_phdr[i].p_memsz;

		if (object->dlpi_phdr[i].p_type != PT_LOAD || (uintptr_t)inside < begin ||
		    (uintptr_t)inside >= end)
			continue;
		code_begin = begin;
		code_end = end;
		return 1;
	}
	return 0;
}

static int (*next_msg_alloc)(nng_msg **, size_t);
static int (*next_msg_dup)(nng_msg **, const nng_msg *);
static int (*next_aio_alloc)(nng_aio **, void (*)(void *), void *);
static void (*next_aio_free)(nng_aio *);
static nng_msg *(*next_aio_get_msg)(nng_aio *);
static void (*next_aio_set_msg)(nng_aio *, nng_msg *);
static void (*next_ctx_send)(nng_ctx, nng_aio *);
static void (*next_send_aio)(nng_socket, nng_aio *);

__attribute__((constructor)) static void
begin(void)
{
	/* POSIX has it so: an object pointer and a function pointer are of one size. */
	*(void **)&next_msg_alloc = dlsym(RTLD_NEXT, "nng_msg_alloc");
	*(void **)&next_msg_dup = dlsym(RTLD_NEXT, "nng_msg_dup");
	*(void **)&next_aio_alloc = dlsym(RTLD_NEXT, "nng_aio_alloc");
	*(void **)&next_aio_free = dlsym(RTLD_NEXT, "nng_aio_free");
	*(void **)&next_aio_get_msg = dlsym(RTLD_NEXT, "nng_aio_get_msg");
	*(void **)&next_aio_set_msg = dlsym(RTLD_NEXT, "nng_aio_set_msg");
	*(void **)&next_ctx_send = dlsym(RTLD_NEXT, "nng_ctx_send");
	*(void **)&next_send_aio = dlsym(RTLD_NEXT, "nng_send_aio");
	(void)dl_iterate_phdr(find_code, *(void **)&next_msg_alloc);
	assert(code_end > 0);
	const int number = __sanitizer_install_malloc_and_free_hooks(allocated, freed);
	assert(number > 0);
	(void)number;
}

int
nng_msg_alloc(nng_msg **out, size_t bytes)
{
	const int error = next_msg_alloc(out, bytes);

	if (error == 0)
		make_ours(*out);
	return error;
}

int
nng_msg_dup(nng_msg **out, const nng_msg *message)
{
	const int error = next_msg_dup(out, message);

	if (error == 0)
		make_ours(*out);
	return error;
}

int
nng_aio_alloc(nng_aio **out, void (*done)(void *), void *arg)
{
	const int error = next_aio_alloc(out, done, arg);

	if (error == 0)
		make_ours(*out);
	return error;
}

nng_msg *
nng_aio_get_msg(nng_aio *aio)
{
	nng_msg *message = next_aio_get_msg(aio);

	make_ours(message);
	return message;
}

/* One that came back, and that nobody asked for, was ours too. */
void
nng_aio_set_msg(nng_aio *aio, nng_msg *message)
{
	make_ours(next_aio_get_msg(aio));
	next_aio_set_msg(aio, message);
}

void
nng_aio_free(nng_aio *aio)
{
	if (aio)
		make_ours(next_aio_get_msg(aio));
	next_aio_free(aio);
}

void
nng_ctx_send(nng_ctx ctx, nng_aio *aio)
{
	nng_msg *message = next_aio_get_msg(aio);

	if (message)
		make_nngs(message);
	next_ctx_send(ctx, aio);
}

void
nng_send_aio(nng_socket socket, nng_aio *aio)
{
	nng_msg *message = next_aio_get_msg(aio);

	if (message)
		make_nngs(message);
	next_send_aio(socket, aio);
}
