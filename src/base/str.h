/* str.h - borrowed bytes, growing buffers, and the encodings of short texts. */
#ifndef USHER_BASE_STR_H
#define USHER_BASE_STR_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns. data may be NULL only when bytes is 0. No NUL is promised. */
struct slice {
	const uint8_t *data;
	size_t bytes;
};

#define SLICE_NONE ((struct slice){0, 0})
static inline struct slice
slice_of(const void *data, size_t bytes)
{
	return (struct slice){(const uint8_t *)data, bytes};
}
static inline struct slice
slice_text(const char *text)
{
	return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}
bool slice_equals(struct slice a, struct slice b);
bool slice_equals_text(struct slice a, const char *text);
bool slice_starts_with(struct slice s, const char *prefix);
/* The next of the words that commas or blanks separate, off the front of rest; false: none is left.
 */
bool slice_take_word(struct slice *rest, struct slice *out);

/* Equal or not in a time that depends on the lengths alone. */
bool slice_equals_secret(struct slice a, struct slice b);

/* A growing byte buffer with a limit. The text is NUL-terminated after each append.
 * An append that would pass the limit, or finds no memory, sets failed and changes nothing more:
 * check once, at the end, with strbuf_status(). */
struct strbuf {
	uint8_t *data;
	size_t bytes;
	size_t capacity;
	size_t limit_bytes;
	bool failed;
};

void strbuf_init(struct strbuf *buf, size_t limit_bytes);
void strbuf_done(struct strbuf *buf); /* overwrites, then frees */
void strbuf_reset(struct strbuf *buf);
void strbuf_add(struct strbuf *buf, const void *data, size_t bytes);
void strbuf_add_text(struct strbuf *buf, const char *text);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_format(struct strbuf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for bytes more at the end, or NULL (failed is set); strbuf_commit() then takes them in. */
uint8_t *strbuf_reserve(struct strbuf *buf, size_t bytes);
void strbuf_commit(struct strbuf *buf, size_t bytes);
const char *strbuf_text(const struct strbuf *buf); /* "" when empty */
MUST_USE status strbuf_status(const struct strbuf *buf);

/* Is it well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool utf8_is_valid(struct slice text);
/* Bytes at the start of text that are; text.bytes when all of it is. */
size_t utf8_valid_bytes(struct slice text);
/* The start of valid text, of bytes_max at most, that ends with a whole character. */
struct slice utf8_start(struct slice text, size_t bytes_max);
/* Characters (code points) in valid UTF-8. */
size_t utf8_length(struct slice text);
/* Length in bytes of the sequence that encodes code_point, written to out[4]. */
size_t utf8_encode(uint32_t code_point, uint8_t out[4]);

/* May it stand between JSON's quotes as it is: printable ASCII without " and \? */
static inline bool
char_is_quotable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}
bool text_is_plain(struct slice text);

/* Lower-case hex; out has room for 2 * bytes + 1. */
void hex_encode(struct slice data, char *out);
/* Exactly out_bytes from 2 * out_bytes hex digits of either case; false otherwise. */
bool hex_decode(struct slice text, uint8_t *out, size_t out_bytes);

enum base64_form {
	BASE64_STANDARD, /* RFC 4648 section 4, padded */
	BASE64_URL,      /* RFC 4648 section 5, not padded */
	BASE64_BARE,     /* RFC 4648 section 4, not padded, as in PHC strings */
};
#define BASE64_TEXT_BYTES(bytes) (((bytes) + 2) / 3 * 4 + 1)
/* out has room for BASE64_TEXT_BYTES(data.bytes); returns the length without the NUL. */
size_t base64_encode(struct slice data, enum base64_form form, char *out);
/* Strict: that alphabet, padding as the form has it, no stray bits. out_bytes: in room, out length.
 */
bool base64_decode(struct slice text, enum base64_form form, uint8_t *out, size_t *out_bytes);
/* As Protobuf's JSON mapping wants it: either alphabet, padded or not. */
bool base64_decode_any(struct slice text, uint8_t *out, size_t *out_bytes);

/* 64-bit hash for tables; seed from rand_hash_seed() so that nobody can aim at a bucket. The same
 * bytes and seed give the same in every version: receipts' files, ids of reads and advisory locks,
 * which old and new nodes share, are made by it.   Source: SipHash-1-3. */
uint64_t hash_bytes(struct slice data, uint64_t seed);

/* Whole text is a decimal number without sign tricks or spaces, within limits; false otherwise. */
bool number_parse_i64(struct slice text, int64_t *out);
bool number_parse_u64(struct slice text, uint64_t *out);

#endif
