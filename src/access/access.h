/* access.h - does one of a method's alternatives admit this caller?
 * Threads: any. Nothing blocks, nothing allocates but the text of a refusal. */
#ifndef USHER_ACCESS_ACCESS_H
#define USHER_ACCESS_ACCESS_H

#include "access/principal.h"
#include "base/arena.h"

#define ACCESS_RULES_MAX 8
#define ACCESS_RECENT_US (15 * 60 * INT64_C(1000000))

/* A method's alternatives with their permissions as bits. */
struct access_rules {
	struct {
		enum access_kind kind;
		uint64_t bit;     /* ORG, KEY, PLATFORM */
		const char *name; /* as in struct access_rule */
	} items[ACCESS_RULES_MAX];
	size_t count;
	enum assurance assurance;
};

/* Once per method, at start.
 * Errors: INTERNAL (a permission that the catalogue does not have or does not give to that kind of
 * caller, too many alternatives, or none). */
MUST_USE status access_bind(const struct access_rule *rules, size_t count, enum assurance assurance,
    struct access_rules *out);

/* The text of the request's field of that name, empty when it is empty or not there. Asked for only
 * by SELF with a field. */
typedef struct slice access_field(const void *env, const char *name);

/* The first alternative that admits the principal.
 * SELF: a login with a user in the active organisation; the field is empty, or is that user's id.
 * Errors: UNAUTHENTICATED CREDENTIAL_MISSING (nobody, and the method is not public),
 *         PERMISSION_DENIED PERMISSION_MISSING (names what would do), LOGIN_NOT_RECENT,
 *         SECOND_FACTOR_MISSING. */
MUST_USE status access_check(const struct access_rules *rules, const struct principal *principal,
    access_field *field, const void *env, int64_t now_us, struct arena *arena,
    enum access_kind *admitted);

/* The envelope's org: for operators of the platform alone; they act in that organisation then.
 * Anybody may name their own, and stays who they are.
 * Empty: nothing happens. Errors: PERMISSION_DENIED ORG_NOT_ALLOWED, INVALID_ARGUMENT. */
MUST_USE status access_choose_org(struct principal *principal, struct slice org);

/* The envelope's on_behalf_of: what the credential may do, about this user alone. admitted is what
 * access_check() said: what a login may do as itself, it may not do for another.
 * Errors: PERMISSION_DENIED ON_BEHALF_OF_REFUSED (another organisation, a user that the credential
 * is not for, or no login's token with an organisation). */
MUST_USE status access_narrow(
    struct principal *principal, const struct principal *on_behalf_of, enum access_kind admitted);

/* The envelope's client_ip: believed when via may assert it.
 * via may be NULL (none given: the credential itself is asked). Errors: PERMISSION_DENIED
 * CLIENT_IP_NOT_ALLOWED, INVALID_ARGUMENT (no address). */
MUST_USE status access_believe_client_ip(
    const struct principal *principal, const struct principal *via, struct slice client_ip);

#endif
