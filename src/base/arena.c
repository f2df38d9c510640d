#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16
#define CHUNK_BYTES_MIN 1024

/* Memory behind used_bytes is zero always: calloc() gives it so, arena_reset() leaves it so. */
struct arena_chunk {
	struct arena_chunk *next;
	size_t capacity_bytes;
	size_t used_bytes;
	alignas(ALIGN) uint8_t data[];
};

static struct arena_chunk *
chunk_new(size_t bytes)
{
	struct arena_chunk *chunk;

	if (bytes > SIZE_MAX - sizeof(*chunk))
		return NULL;
	chunk = calloc(1, sizeof(*chunk) + bytes);
	if (chunk)
		chunk->capacity_bytes = bytes;
	return chunk;
}

status
arena_init(struct arena *arena, size_t first_bytes, size_t cap_bytes)
{
	struct arena_chunk *chunk;

	chunk = chunk_new(first_bytes);
	if (!chunk)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	*arena = (struct arena){.first = chunk,
	    .current = chunk,
	    .cap_bytes = cap_bytes,
	    .held_bytes = sizeof(*chunk) + first_bytes};
	return STATUS_OK;
}

void
arena_reset(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	if (!arena->first)
		return;
	for (chunk = arena->first; chunk; chunk = next) {
		next = chunk->next;
		explicit_bzero(chunk->data, chunk->used_bytes);
		chunk->used_bytes = 0;
		if (chunk != arena->first)
			free(chunk);
	}
	arena->first->next = NULL;
	arena->current = arena->first;
	arena->used_bytes = 0;
	arena->held_bytes = sizeof(*arena->first) + arena->first->capacity_bytes;
	arena->allocations = 0;
}

void
arena_done(struct arena *arena)
{
	arena_reset(arena);
	free(arena->first);
	*arena = (struct arena){0};
}

/* Twice the chunk before, so a large request costs few of them, but no more than the cap leaves. */
static bool
arena_grow(struct arena *arena, size_t bytes)
{
	size_t left = arena->cap_bytes - arena->used_bytes;
	size_t want = arena->current->capacity_bytes * 2;
	struct arena_chunk *chunk;

	if (want < CHUNK_BYTES_MIN)
		want = CHUNK_BYTES_MIN;
	if (want > left)
		want = left;
	if (want < bytes)
		want = bytes;
	chunk = chunk_new(want);
	if (!chunk)
		return false;
	arena->current->next = chunk;
	arena->current = chunk;
	arena->held_bytes += sizeof(*chunk) + want;
	return true;
}

void *
arena_alloc(struct arena *arena, size_t bytes)
{
	struct arena_chunk *chunk = arena->current;
	void *out;

	arena->allocations++;
	if (arena->fail_after != 0 && arena->allocations == arena->fail_after)
		return NULL;
	if (bytes > SIZE_MAX - ALIGN)
		return NULL;
	bytes = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!chunk || bytes > arena->cap_bytes - arena->used_bytes)
		return NULL;
	if (bytes > chunk->capacity_bytes - chunk->used_bytes) {
		if (!arena_grow(arena, bytes))
			return NULL;
		chunk = arena->current;
	}
	out = chunk->data + chunk->used_bytes;
	chunk->used_bytes += bytes;
	arena->used_bytes += bytes;
	return out;
}

char *
arena_copy(struct arena *arena, const void *data, size_t bytes)
{
	char *copy;

	if (bytes == SIZE_MAX)
		return NULL;
	copy = arena_alloc(arena, bytes + 1);
	if (copy && bytes != 0)
		memcpy(copy, data, bytes);
	return copy;
}

char *
arena_copy_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

static char *
arena_format_list(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text = NULL;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_format_list(arena, format, args);
	va_end(args);
	return text;
}

status
arena_refuse(
    struct arena *arena, enum status_code code, const char *reason, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_format_list(arena, format, args);
	va_end(args);
	return REFUSE_FOR(code, reason, text ? text : format);
}
