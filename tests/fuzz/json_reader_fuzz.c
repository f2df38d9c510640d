/* The reader never reads outside the text, and what it accepts it accepts again once written. */
#include "json/reader.h"
#include "json/writer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* The text again by way of the writer; false when the reader refuses it. */
static bool
copy(struct slice text, struct arena *arena, unsigned options, struct strbuf *out)
{
	enum reader_token token;
	struct writer writer;
	struct reader reader;

	writer_init(&writer, out, 0);
	reader_init(&reader, text, arena, options);
	for (;;) {
		if (reader_next(&reader, &token).code != ST_OK)
			return false;
		switch (token) {
		case READER_END:
			return true;
		case READER_OBJECT_BEGIN:
			writer_object_begin(&writer);
			break;
		case READER_OBJECT_END:
			writer_object_end(&writer);
			break;
		case READER_ARRAY_BEGIN:
			writer_array_begin(&writer);
			break;
		case READER_ARRAY_END:
			writer_array_end(&writer);
			break;
		case READER_KEY:
			assert(utf8_is_valid(reader.value));
			writer_key_slice(&writer, reader.value);
			break;
		case READER_STRING:
			assert(utf8_is_valid(reader.value));
			writer_string(&writer, reader.value);
			break;
		case READER_NUMBER:
			writer_raw(&writer, reader.value);
			break;
		case READER_TRUE:
		case READER_FALSE:
			writer_bool(&writer, token == READER_TRUE);
			break;
		case READER_NULL:
			writer_null(&writer);
			break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct strbuf once, twice;
	struct arena arena;
	struct slice raw;
	struct reader reader;
	unsigned options;

	if (bytes == 0 || arena_init(&arena, 1024, 8u << 20).code != ST_OK)
		return 0;
	options = data[0] & (READER_REFUSE_NUL | READER_UNIQUE_KEYS);
	strbuf_init(&once, 8u << 20);
	strbuf_init(&twice, 8u << 20);
	if (copy(slice_of(data + 1, bytes - 1), &arena, options, &once)) {
		struct slice written = slice_of(once.data, once.bytes);
		assert(!once.failed);
		assert(copy(written, &arena, options, &twice));
		assert(slice_equals(written, slice_of(twice.data, twice.bytes)));
		reader_init(&reader, written, NULL, 0);
		assert(reader_finish_value(&reader, &raw).code == ST_OK);
		assert(slice_equals(raw, written));
	}
	if (reader_check_object(slice_of(data + 1, bytes - 1), &arena).code == ST_OK)
		assert(once.bytes != 0);
	strbuf_done(&twice);
	strbuf_done(&once);
	arena_done(&arena);
	return 0;
}
