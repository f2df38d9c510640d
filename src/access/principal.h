/* principal.h - who is calling, and what they may do.
 * Lifetime: a principal lives in the arena of its call. Threads: read-only once made. */
#ifndef USHER_ACCESS_PRINCIPAL_H
#define USHER_ACCESS_PRINCIPAL_H

#include "access/rule.h"
#include "base/str.h"
#include "base/uuid.h"

enum principal_kind {
	PRINCIPAL_ANONYMOUS = 0,
	PRINCIPAL_LOGIN, /* an account's session, with or without an active organisation */
	PRINCIPAL_KEY,   /* a chatbot's or a service's key */
};

/* Bits of the permission catalogue (src/access/catalogue.c), scopes and permissions alike. */
typedef uint64_t permission_set_bits; /* one word: the catalogue has at most 64 rows */

struct principal {
	enum principal_kind kind;
	bool is_platform_operator;
	bool has_org;
	bool has_named_org; /* the envelope did, be it the caller's own */
	bool has_chatbot;
	bool has_default_user;
	bool has_bound_user;
	bool may_assert_client_ip;
	uint64_t permissions; /* LOGIN: of the user's roles; KEY: its scopes */
	uint64_t platform_permissions;
	struct uuid org_id;     /* nil unless has_org */
	struct uuid account_id; /* LOGIN */
	struct uuid user_id;    /* LOGIN with has_org; nil otherwise */
	struct uuid session_id; /* LOGIN */
	struct uuid key_id;     /* KEY */
	struct uuid chatbot_id; /* KEY with has_chatbot */
	struct uuid default_user_id;
	struct uuid bound_user_id;
	int64_t expires_at_us;       /* of the credential; 0: never */
	int64_t authenticated_at_us; /* LOGIN: when the password was given */
	bool second_factor;
	int64_t requests_per_minute, requests_per_day; /* KEY: 0 = no limit */
	/* on_behalf_of: the call is about this user and no other. */
	bool is_narrowed;
	struct uuid narrowed_user_id;
};

/* The catalogue: name, bit, what it allows, which built-in roles and key scopes may hold it. */
struct permission_row {
	const char *name;                      /* "users.read" */
	bool for_owner, for_admin, for_member; /* built-in roles */
	bool for_key;                          /* may be a key's scope */
	bool for_system_key; /* may be a scope of the system organisation's keys alone */
	bool for_platform;
	const char *help;
};
extern const struct permission_row permission_catalogue[];
extern const size_t permission_catalogue_count;

/* The bit, or 0 for a name that is none. */
uint64_t permission_bit(struct slice name);
const char *permission_name(unsigned bit_index);
/* What a built-in role may; 0 for a role that is none. */
uint64_t permissions_of_role(struct slice role);
/* What a key may have as scopes at most, and what a platform operator may be given. */
uint64_t permissions_of_key(bool is_system_org);
uint64_t permissions_of_platform(void);

/* Which user the call is about. Given user_id "" stands for: the narrowed user, the caller's own,
 * or the key's default one. Applies bound_user and on_behalf_of: any other user is refused.
 * "ext:NAME" and ids are told apart: *external is set and *user_id untouched for the former (the
 * caller looks it up and then checks principal_may_touch_user()).
 * Errors: INVALID_ARGUMENT (no user named and none implied, or not an id), PERMISSION_DENIED. */
MUST_USE status principal_pick_user(const struct principal *principal, const char *text,
    struct uuid *user_id, const char **external);
MUST_USE status principal_may_touch_user(
    const struct principal *principal, const struct uuid *user_id);
/* For methods that tell of all users: who may speak of one alone has no business with the others.
 * Errors: PERMISSION_DENIED. */
MUST_USE status principal_may_list_users(const struct principal *principal);
/* For methods that work in an organisation. Errors: INVALID_ARGUMENT ORG_MISSING (a platform
 * operator who named none), FAILED_PRECONDITION ORG_MISSING (a login that is in none). */
MUST_USE status principal_need_org(const struct principal *principal);

#endif
