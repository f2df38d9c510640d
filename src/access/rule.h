/* rule.h - who may call a method: what the `access` option of a .proto file turns into.
 * Lifetime: generated tables are constant. Threads: read-only. */
#ifndef USHER_ACCESS_RULE_H
#define USHER_ACCESS_RULE_H

#include <stdint.h>

enum access_kind {
	ACCESS_PUBLIC = 1,
	ACCESS_ACCOUNT,
	ACCESS_SELF,
	ACCESS_ORG,
	ACCESS_KEY,
	ACCESS_PLATFORM,
};

struct access_rule {
	enum access_kind kind;
	/* ORG, PLATFORM: permission. KEY: scope. SELF: the request's field that names the user,
	 * "" when the caller is the only subject. */
	const char *name; /* as a bit of the permission catalogue: access_bind() */
};

enum assurance {
	ASSURANCE_NONE = 0,
	ASSURANCE_RECENT = 1,
	ASSURANCE_SECOND_FACTOR = 2,
};

#endif
