/* writer.h - write JSON into a growing buffer.
 *
 * Commas, colons and indentation come by themselves:
 *     writer_object_begin(&writer);
 *     writer_key(&writer, "id");
 *     writer_i64(&writer, 7);
 *     writer_object_end(&writer);
 * Check strbuf_status() of the buffer once, at the end: more than JSON_DEPTH_MAX levels make it
 * fail too. A value where a key belongs, or the other way round, is a bug (assert).
 * Texts are UTF-8, checked by whoever let them in. Threads: one. */
#ifndef USHER_JSON_WRITER_H
#define USHER_JSON_WRITER_H

#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct writer {
	struct strbuf *out;
	unsigned indent; /* blanks a level; 0: all in one line */
	unsigned depth;
	bool behind_key;
	bool has_items[JSON_DEPTH_MAX + 1];
	bool is_object[JSON_DEPTH_MAX + 1];
};

void writer_init(struct writer *writer, struct strbuf *out, unsigned indent);

void writer_object_begin(struct writer *writer);
void writer_object_end(struct writer *writer);
void writer_array_begin(struct writer *writer);
void writer_array_end(struct writer *writer);
void writer_key(struct writer *writer, const char *key);
void writer_key_slice(struct writer *writer, struct slice key);

void writer_string(struct writer *writer, struct slice text);
void writer_text(struct writer *writer, const char *text); /* NULL is null */
void writer_bool(struct writer *writer, bool value);
void writer_null(struct writer *writer);
void writer_i64(struct writer *writer, int64_t value);
void writer_u64(struct writer *writer, uint64_t value);
/* In quotes, as Protobuf's mapping wants 64-bit numbers. */
void writer_i64_quoted(struct writer *writer, int64_t value);
void writer_u64_quoted(struct writer *writer, uint64_t value);
/* As few digits as lead back to the same number. What is not finite is null: JSON has no such. */
void writer_double(struct writer *writer, double value);
void writer_float(struct writer *writer, float value);
/* A value that is JSON already. */
void writer_raw(struct writer *writer, struct slice json);

#endif
