/* uuid.h - identifiers (RFC 9562). We make version 7 and accept any. */
#ifndef USHER_BASE_UUID_H
#define USHER_BASE_UUID_H

#include "base/clock.h"
#include "base/rand.h"
#include "base/str.h"

#define UUID_BYTES 16
#define UUID_TEXT_BYTES 37 /* with NUL */

struct uuid {
	uint8_t bytes[UUID_BYTES];
};

/* Version 7 from the clock's milliseconds and 74 random bits. */
MUST_USE status uuid_make(
    const struct clock *clock, const struct rand_source *rand, struct uuid *out);
/* 8-4-4-4-12 hex digits of either case; false otherwise. */
bool uuid_parse(struct slice text, struct uuid *out);
void uuid_format(const struct uuid *uuid, char out[UUID_TEXT_BYTES]);
bool uuid_equals(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *uuid);

#endif
