/* flat.h - read the JSON that our tokens are made of: one flat object, as compact as we write it.
 *
 * Values are plain texts (text_is_plain()), or whole numbers. Spaces, escapes, nesting,
 * other values, empty names and a name that comes twice are refused, so a token has one reading.
 * Lifetime: members borrow the text. Threads: any. Source: RFC 8259, a subset. */
#ifndef USHER_CRYPT_FLAT_H
#define USHER_CRYPT_FLAT_H

#include "base/str.h"

#define FLAT_NUMBER_MAX INT64_C(99999999999) /* seconds, until the year 5138 */

struct flat_member {
	struct slice name;
	bool is_text;
	struct slice text;
	int64_t number;
};

/* false: not the form, or more than members_max members. */
bool flat_parse(
    struct slice json, struct flat_member *members, size_t members_max, size_t *members_count);

/* NULL when there is none of that name. */
const struct flat_member *
flat_find(const struct flat_member *members, size_t members_count, const char *name);

#endif
