/* url.h - percent escapes in paths and queries. The bridge's own. Source: RFC 3986. */
#ifndef USHER_BRIDGE_URL_H
#define USHER_BRIDGE_URL_H

#include "base/str.h"

enum url_option {
	URL_KEEP_SLASH = 1 << 0,   /* %2F stays as it was */
	URL_PLUS_IS_BLANK = 1 << 1 /* as forms write it, in queries */
};

/* Unescape into out, which has room for as many bytes as text has; false for a percent sign that
 * escapes nothing. */
bool url_unescape(struct slice text, unsigned options, uint8_t *out, size_t *out_bytes);

#endif
