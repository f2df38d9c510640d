#include "access/access.h"

#include "base/network.h"

#include <assert.h>

static bool
row_is_for(const struct permission_row *row, enum access_kind kind)
{
	switch (kind) {
	case ACCESS_ORG:
		return row->for_owner || row->for_admin || row->for_member;
	case ACCESS_KEY:
		return row->for_key || row->for_system_key;
	case ACCESS_PLATFORM:
		return row->for_platform;
	case ACCESS_PUBLIC:
	case ACCESS_ACCOUNT:
	case ACCESS_SELF:
		break;
	}
	return true;
}

status
access_bind(const struct access_rule *rules, size_t count, enum assurance assurance,
    struct access_rules *out)
{
	struct access_rules bound = {.count = count, .assurance = assurance};

	if (count == 0 || count > ACCESS_RULES_MAX)
		return REFUSE(ST_INTERNAL, "a method has no access rule, or too many");
	for (size_t i = 0; i < count; i++) {
		const struct access_rule *rule = &rules[i];
		bound.items[i].kind = rule->kind;
		bound.items[i].name = rule->name;
		if (rule->kind < ACCESS_PUBLIC || rule->kind > ACCESS_PLATFORM)
			return REFUSE(ST_INTERNAL, "an access rule is of no known kind");
		if (rule->kind != ACCESS_ORG && rule->kind != ACCESS_KEY &&
		    rule->kind != ACCESS_PLATFORM)
			continue;
		uint64_t bit = permission_bit(slice_text(rule->name));
		if (!bit)
			return REFUSE(ST_INTERNAL, "the catalogue has no such permission");
		if (!row_is_for(&permission_catalogue[__builtin_ctzll(bit)], rule->kind))
			return REFUSE(ST_INTERNAL, "nobody of that kind may hold the permission");
		bound.items[i].bit = bit;
	}
	*out = bound;
	return STATUS_OK;
}

static bool
is_self(const struct principal *principal, const char *name, access_field *field, const void *env)
{
	struct uuid named;

	if (principal->kind != PRINCIPAL_LOGIN || uuid_is_nil(&principal->user_id))
		return false;
	if (!name || !*name)
		return true;
	assert(field);
	struct slice text = field(env, name);
	if (text.bytes == 0)
		return true;
	return uuid_parse(text, &named) && uuid_equals(&named, &principal->user_id);
}

static bool
admits(const struct access_rules *rules, size_t i, const struct principal *principal,
    access_field *field, const void *env)
{
	uint64_t bit = rules->items[i].bit;

	switch (rules->items[i].kind) {
	case ACCESS_PUBLIC:
		return true;
	case ACCESS_ACCOUNT:
		return principal->kind == PRINCIPAL_LOGIN;
	case ACCESS_SELF:
		return is_self(principal, rules->items[i].name, field, env);
	case ACCESS_ORG:
		return principal->kind == PRINCIPAL_LOGIN && principal->has_org &&
		       (principal->permissions & bit);
	case ACCESS_KEY:
		return principal->kind == PRINCIPAL_KEY && (principal->permissions & bit);
	case ACCESS_PLATFORM:
		return principal->kind == PRINCIPAL_LOGIN && principal->is_platform_operator &&
		       (principal->platform_permissions & bit);
	}
	return false;
}

/* What would have admitted this kind of caller, for the text of the refusal. */
static const char *
wanted_name(const struct access_rules *rules, const struct principal *principal)
{
	enum access_kind kind = principal->kind == PRINCIPAL_KEY ? ACCESS_KEY : ACCESS_ORG;

	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].kind == kind)
			return rules->items[i].name;
	return NULL;
}

static status
refuse(const struct access_rules *rules, const struct principal *principal, struct arena *arena)
{
	static const char reason[] = "PERMISSION_MISSING";

	if (principal->kind == PRINCIPAL_ANONYMOUS)
		return REFUSE_FOR(
		    ST_UNAUTHENTICATED, "CREDENTIAL_MISSING", "this method needs a credential");
	bool is_key = principal->kind == PRINCIPAL_KEY;
	const char *name = wanted_name(rules, principal);
	if (name)
		return arena_refuse(arena, ST_PERMISSION_DENIED, reason,
		    is_key ? "the key lacks the scope %s" : "this needs the permission %s", name);
	if (is_key)
		return REFUSE_FOR(ST_PERMISSION_DENIED, reason, "this method takes no key");
	return REFUSE_FOR(
	    ST_PERMISSION_DENIED, reason, "this credential does not allow that method");
}

static status
check_assurance(enum assurance assurance, const struct principal *principal, int64_t now_us)
{
	if (assurance == ASSURANCE_NONE || principal->kind == PRINCIPAL_ANONYMOUS)
		return STATUS_OK;
	if (assurance == ASSURANCE_SECOND_FACTOR && !principal->second_factor)
		return REFUSE_FOR(ST_PERMISSION_DENIED, "SECOND_FACTOR_MISSING",
		    "this needs a login with a second factor");
	/* A key has never logged in, so it is never recent. */
	if (assurance == ASSURANCE_RECENT &&
	    (principal->kind != PRINCIPAL_LOGIN ||
		principal->authenticated_at_us < now_us - ACCESS_RECENT_US))
		return REFUSE_FOR(ST_PERMISSION_DENIED, "LOGIN_NOT_RECENT",
		    "this needs a login within the last 15 minutes");
	return STATUS_OK;
}

status
access_check(const struct access_rules *rules, const struct principal *principal,
    access_field *field, const void *env, int64_t now_us, struct arena *arena,
    enum access_kind *admitted)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (!admits(rules, i, principal, field, env))
			continue;
		if (rules->items[i].kind != ACCESS_PUBLIC)
			TRY(check_assurance(rules->assurance, principal, now_us));
		*admitted = rules->items[i].kind;
		return STATUS_OK;
	}
	return refuse(rules, principal, arena);
}

status
access_choose_org(struct principal *principal, struct slice org)
{
	struct uuid org_id;

	if (org.bytes == 0)
		return STATUS_OK;
	if (!uuid_parse(org, &org_id))
		return REFUSE(ST_INVALID_ARGUMENT, "org is not a UUID");
	if (principal->has_org && uuid_equals(&org_id, &principal->org_id)) {
		principal->has_named_org = true;
		return STATUS_OK;
	}
	if (!principal->is_platform_operator)
		return REFUSE_FOR(ST_PERMISSION_DENIED, "ORG_NOT_ALLOWED",
		    "only an operator of the platform chooses the organisation");
	/* What the operator is and may do at home means nothing there. */
	principal->has_org = principal->has_named_org = true;
	principal->org_id = org_id;
	principal->user_id = (struct uuid){{0}};
	principal->permissions = 0;
	return STATUS_OK;
}

status
access_narrow(
    struct principal *principal, const struct principal *on_behalf_of, enum access_kind admitted)
{
	static const char reason[] = "ON_BEHALF_OF_REFUSED";

	if (on_behalf_of->kind != PRINCIPAL_LOGIN || uuid_is_nil(&on_behalf_of->user_id))
		return REFUSE_FOR(ST_PERMISSION_DENIED, reason,
		    "on_behalf_of is no token of a user in an organisation");
	if (!principal->has_org || !uuid_equals(&principal->org_id, &on_behalf_of->org_id))
		return REFUSE_FOR(ST_PERMISSION_DENIED, reason,
		    "on_behalf_of is of another organisation than the credential");
	if (principal->has_bound_user &&
	    !uuid_equals(&principal->bound_user_id, &on_behalf_of->user_id))
		return REFUSE_FOR(ST_PERMISSION_DENIED, reason, "the key is bound to another user");
	/* Else one's own fresh login would do for what another's old token may not. */
	if ((admitted == ACCESS_SELF || admitted == ACCESS_ACCOUNT) &&
	    !uuid_equals(&principal->user_id, &on_behalf_of->user_id))
		return REFUSE_FOR(ST_PERMISSION_DENIED, reason,
		    "what this credential allows here is about its own user alone");
	principal->is_narrowed = true;
	principal->narrowed_user_id = on_behalf_of->user_id;
	if (!principal->expires_at_us || principal->expires_at_us > on_behalf_of->expires_at_us)
		principal->expires_at_us = on_behalf_of->expires_at_us;
	return STATUS_OK;
}

status
access_believe_client_ip(
    const struct principal *principal, const struct principal *via, struct slice client_ip)
{
	const struct principal *asserter = via ? via : principal;
	struct network address;

	if (client_ip.bytes == 0)
		return STATUS_OK;
	if (!asserter->may_assert_client_ip)
		return REFUSE_FOR(ST_PERMISSION_DENIED, "CLIENT_IP_NOT_ALLOWED",
		    "only an intermediary with that right may say where a call came from");
	if (!address_parse(client_ip, &address))
		return REFUSE(ST_INVALID_ARGUMENT, "client_ip is no address");
	return STATUS_OK;
}
