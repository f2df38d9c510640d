/* The first byte chooses: JSON to be encoded, an encoded message to be written, or descriptors. But
 * for the last, the next ones choose the message. */
#include "pbjson/descriptors.h"
#include "pbjson/pbjson.h"
#include "tests/fuzz/choose.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
require(bool good)
{
	if (!good)
		abort();
}

/* What is written can be read, and what was read can be written again. */
static void
go_round(const struct meta_message *message, struct slice encoded, struct arena *arena)
{
	struct strbuf first, again, back; /* JSON, JSON, message */
	struct writer writer;

	strbuf_init(&first, 64u << 20);
	strbuf_init(&again, 64u << 20);
	strbuf_init(&back, 64u << 20);
	writer_init(&writer, &first, 0);
	if (pbjson_to_json(message, encoded, arena, &writer).code == ST_OK && !first.failed) {
		struct slice json = slice_of(first.data, first.bytes);
		status read = pbjson_from_json(message, json, arena, &back);
		/* A string that holds an object may have keys twice, which the reader refuses. */
		if (read.code == ST_OK) {
			writer_init(&writer, &again, 0);
			require(
			    pbjson_to_json(message, slice_of(back.data, back.bytes), arena, &writer)
				.code == ST_OK);
		} else {
			require(
			    read.code == ST_INVALID_ARGUMENT || read.code == ST_RESOURCE_EXHAUSTED);
		}
	}
	strbuf_done(&first);
	strbuf_done(&again);
	strbuf_done(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct descriptors *descriptors = NULL;
	const struct fuzz_message *chosen;
	struct strbuf encoded;
	struct arena arena;

	if (bytes == 0)
		return 0;
	struct slice input = slice_of(data + 1, bytes - 1);
	if (data[0] % 4 == 3) {
		if (descriptors_load(input, &descriptors).code == ST_OK)
			descriptors_free(&descriptors);
		return 0;
	}
	chosen = choose_message(&input);
	if (!chosen)
		return 0;
	require(arena_init(&arena, 4096, 64u << 20).code == ST_OK);
	strbuf_init(&encoded, 64u << 20);
	if (data[0] % 4 == 2)
		go_round(chosen->meta, input, &arena);
	else if (pbjson_from_json(chosen->meta, input, &arena, &encoded).code == ST_OK)
		go_round(chosen->meta, slice_of(encoded.data, encoded.bytes), &arena);
	strbuf_done(&encoded);
	arena_done(&arena);
	return 0;
}
