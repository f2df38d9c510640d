/* text.h - the texts that stand for numbers, times and masks in JSON. pbjson's own. */
#ifndef USHER_PBJSON_TEXT_H
#define USHER_PBJSON_TEXT_H

#include "base/str.h"

/* A whole number in JSON's notation: "12", "-3.0" and "1e2" are some, "1.5" and "01" are none.
 * *is_out_of_range tells a number that is whole, but not of 64 bits. */
bool text_parse_integer(struct slice text, bool *negative, uint64_t *magnitude, bool *out_of_range);
/* Does text follow JSON's grammar of numbers? */
bool text_is_number(struct slice text);

#define TEXT_TIME_BYTES 64

/* RFC 3339, years 1 to 9999, up to 9 digits of fraction, any offset. */
bool text_parse_timestamp(struct slice text, int64_t *seconds, int32_t *nanos);
/* false for what is no timestamp that could be written. */
bool text_format_timestamp(int64_t seconds, int32_t nanos, char out[TEXT_TIME_BYTES]);

/* "-1.500s"; both numbers have the sign. */
bool text_parse_duration(struct slice text, int64_t *seconds, int32_t *nanos);
bool text_format_duration(int64_t seconds, int32_t nanos, char out[TEXT_TIME_BYTES]);

/* One path of a FieldMask: "displayName.x" to "display_name.x", and back. Only names that survive
 * both ways are some. */
bool text_to_snake(struct slice path, struct strbuf *out);
bool text_to_camel(struct slice path, struct strbuf *out);

#endif
