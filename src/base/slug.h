/* slug.h - an organisation's short name: a DNS label, "acme-2". Threads: any. */
#ifndef USHER_BASE_SLUG_H
#define USHER_BASE_SLUG_H

#include <stdbool.h>

#define SLUG_BYTES_MAX 63

/* Lower-case letters, digits and hyphens, no hyphen at either end, at most SLUG_BYTES_MAX. */
bool slug_is_good(const char *text);

/* From a name: its ASCII letters and digits, hyphens for what lies between; "org" when there are
 * none. Leaves room for what tells it apart from others. */
void slug_from_name(const char *name, char out[SLUG_BYTES_MAX + 1]);

#endif
