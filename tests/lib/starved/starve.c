#include "starve.h"

#include "base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <nng/nng.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct starve *starve;

extern const char __executable_start;

void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

__attribute__((constructor)) static void
map_file(void)
{
	const char *path = getenv("USHER_STARVE");
	int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (file < 0)
		return;
	void *memory =
	    __real_mmap(NULL, sizeof *starve, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	(void)close(file);
	if (memory != MAP_FAILED)
		starve = memory;
}

static bool
thread_is_meant(void)
{
	char name[STARVE_NAME_BYTES] = "";

	(void)pthread_getname_np(pthread_self(), name, sizeof name);
	for (int i = 0; i < STARVE_NAMES && *starve->threads[i]; i++)
		if (strcmp(starve->threads[i], name) == 0)
			return starve->is_only;
	return !starve->is_only;
}

bool
starve_now(const void *caller)
{
	int64_t fail_at = starve ? atomic_load(&starve->fail_at) : 0;

	if (fail_at == 0 || !thread_is_meant())
		return false;
	int64_t number = atomic_fetch_add(&starve->seen, 1) + 1;
	if (number < fail_at || number - fail_at > atomic_load(&starve->fail_more))
		return false;
	if (atomic_fetch_add(&starve->failed, 1) == 0)
		atomic_store(
		    &starve->where, (uint64_t)((const char *)caller - &__executable_start));
	errno = ENOMEM;
	return true;
}

STARVED(void *, malloc, NULL, (size_t bytes), (bytes))
STARVED(void *, calloc, NULL, (size_t count, size_t bytes), (count, bytes))
STARVED(void *, realloc, NULL, (void *memory, size_t bytes), (memory, bytes))
STARVED(void *, aligned_alloc, NULL, (size_t alignment, size_t bytes), (alignment, bytes))
STARVED(int, posix_memalign, ENOMEM, (void **out, size_t alignment, size_t bytes),
    (out, alignment, bytes))
STARVED(char *, strdup, NULL, (const char *text), (text))
STARVED(char *, strndup, NULL, (const char *text, size_t bytes), (text, bytes))
STARVED(void *, mmap, MAP_FAILED,
    (void *at, size_t bytes, int protection, int flags, int fd, off_t offset),
    (at, bytes, protection, flags, fd, offset))
STARVED(FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode))
STARVED(DIR *, opendir, NULL, (const char *path), (path))

/* Calls inside arena.c itself are not wrapped, so each of these is one allocation. */
STARVED(void *, arena_alloc, NULL, (struct arena * arena, size_t bytes), (arena, bytes))
STARVED(char *, arena_copy, NULL, (struct arena * arena, const void *data, size_t bytes),
    (arena, data, bytes))
STARVED(char *, arena_copy_text, NULL, (struct arena * arena, const char *text), (arena, text))

static char *
format_list(struct arena *arena, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = length < 0 ? NULL : __real_arena_alloc(arena, (size_t)length + 1);
	if (text)
		(void)vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *__wrap_arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

char *
__wrap_arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;

	if (starve_now(__builtin_return_address(0)))
		return NULL;
	va_start(args, format);
	char *text = format_list(arena, format, args);
	va_end(args);
	return text;
}

status __wrap_arena_refuse(struct arena *arena, enum status_code code, const char *reason,
    const char *format, ...) PRINTF_LIKE(4, 5);

status
__wrap_arena_refuse(
    struct arena *arena, enum status_code code, const char *reason, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	if (!starve_now(__builtin_return_address(0))) {
		va_start(args, format);
		text = format_list(arena, format, args);
		va_end(args);
	}
	return REFUSE_FOR(code, reason, text ? text : format);
}

STARVED(int, nng_msg_alloc, NNG_ENOMEM, (nng_msg * *out, size_t bytes), (out, bytes))
STARVED(int, nng_msg_dup, NNG_ENOMEM, (nng_msg * *out, const nng_msg *message), (out, message))
STARVED(int, nng_aio_alloc, NNG_ENOMEM, (nng_aio * *out, void (*done)(void *), void *arg),
    (out, done, arg))
STARVED(int, nng_ctx_open, NNG_ENOMEM, (nng_ctx * out, nng_socket socket), (out, socket))

STARVED(struct MHD_Response *, MHD_create_response_from_buffer, NULL,
    (size_t bytes, void *data, enum MHD_ResponseMemoryMode mode), (bytes, data, mode))
STARVED(enum MHD_Result, MHD_add_response_header, MHD_NO,
    (struct MHD_Response * response, const char *name, const char *value), (response, name, value))
