/* The settings' file: each line is a setting or refused with path and line, in valid UTF-8. */
#include "base/config_file.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct config_file file;
	struct config_item item;
	struct strbuf message;
	struct arena arena;
	bool found = true;
	status next;

	if (arena_init(&arena, 1024, 8u << 20).code != ST_OK)
		return 0;
	strbuf_init(&message, 64u << 10);
	config_file_init(&file, "f", slice_of(data, bytes));
	do {
		const struct config_row *row = NULL;
		int64_t number;

		next = config_file_next(&file, &arena, &item, &found, &message);
		if (next.code == ST_OK && found) {
			row = config_row_find(item.name);
			if (!row)
				config_name_nearest(item.name);
			else
				next = config_item_finish(&file, row, &item, &message);
		}
		if (row && next.code == ST_OK) {
			strbuf_reset(&message);
			next = config_value_parse(row, item.value, &number, &message);
			assert(next.code == ST_OK ||
			       slice_starts_with(slice_of(message.data, message.bytes), "wants "));
			next = STATUS_OK;
		} else if (next.code != ST_OK) {
			assert(slice_starts_with(slice_of(message.data, message.bytes), "f:") ||
			       next.code == ST_RESOURCE_EXHAUSTED);
		}
		strbuf_reset(&message);
		arena_reset(&arena);
	} while (next.code == ST_OK && found);
	strbuf_done(&message);
	arena_done(&arena);
	return 0;
}
