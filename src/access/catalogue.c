/* The permission catalogue: what the access options of the .proto files may name. A permission's
 * bit is its place here; the database knows names alone, so the order is free. */
#include "access/principal.h"

#include <assert.h>

/* Who may hold it, one letter each: Owner, Admin, Member; Key; System key; Platform operator. */
#define HAS(who, letter) (__builtin_strchr((who), (letter)) != NULL)
#define ROW(permission, who, text)                                                                 \
	{                                                                                          \
		.name = (permission), .for_owner = HAS(who, 'O'), .for_admin = HAS(who, 'A'),      \
		.for_member = HAS(who, 'M'), .for_key = HAS(who, 'K'),                             \
		.for_system_key = HAS(who, 'S'), .for_platform = HAS(who, 'P'), .help = (text)     \
	}

/* clang-format off */
const struct permission_row permission_catalogue[] = {
	ROW("chatbots.read", "OAMKP", "See the organisation's chatbots."),
	ROW("chatbots.write", "OAP", "Make and change chatbots."),
	ROW("client_ip.assert", "S", "Say where a call came from, on behalf of others."),
	ROW("context.read", "OAK", "Resolve: read what a prompt is made of."),
	ROW("context.write", "K", "Write profiles, turns and facts."),
	ROW("conversations.read", "OA", "Read the turns of conversations."),
	ROW("conversations.write", "OA", "Append turns to conversations."),
	ROW("jobs.run", "SP", "Run a job before it is due."),
	ROW("keys.read", "OAP", "See keys, without their secrets."),
	ROW("keys.write", "OAP", "Make and revoke keys."),
	ROW("members.read", "OA", "See who belongs to the organisation, and in which roles."),
	ROW("operations.read", "SP", "See long operations and their results."),
	ROW("operations.write", "SP", "Begin and cancel long operations."),
	ROW("ops.status", "SP", "See how the servers and the database are doing."),
	ROW("org.read", "OAMK", "See the organisation itself."),
	ROW("orgs.read", "P", "See any organisation and its members."),
	ROW("orgs.write", "P", "Make any number of organisations."),
	ROW("profiles.read", "OAP", "Read profiles of the organisation's users."),
	ROW("profiles.write", "OAP", "Write profiles of the organisation's users."),
	ROW("tokens.introspect", "OAKP", "Ask whose a token or key is."),
	ROW("users.read", "OAKP", "See the organisation's users."),
	ROW("users.write", "OAKP", "Make and change the organisation's users."),
};
/* clang-format on */
const size_t permission_catalogue_count =
    sizeof permission_catalogue / sizeof permission_catalogue[0];

static_assert(sizeof permission_catalogue / sizeof permission_catalogue[0] <= 64,
    "a permission set is one word");

uint64_t
permission_bit(struct slice name)
{
	for (size_t i = 0; i < permission_catalogue_count; i++)
		if (slice_equals_text(name, permission_catalogue[i].name))
			return UINT64_C(1) << i;
	return 0;
}

const char *
permission_name(unsigned bit_index)
{
	return bit_index < permission_catalogue_count ? permission_catalogue[bit_index].name : NULL;
}

static uint64_t
permission_bits_of(bool (*fits)(const struct permission_row *row))
{
	uint64_t bits = 0;

	for (size_t i = 0; i < permission_catalogue_count; i++)
		if (fits(&permission_catalogue[i]))
			bits |= UINT64_C(1) << i;
	return bits;
}

static bool
fits_owner(const struct permission_row *row)
{
	return row->for_owner;
}

static bool
fits_admin(const struct permission_row *row)
{
	return row->for_admin;
}

static bool
fits_member(const struct permission_row *row)
{
	return row->for_member;
}

static bool
fits_key(const struct permission_row *row)
{
	return row->for_key;
}

static bool
fits_system_key(const struct permission_row *row)
{
	return row->for_key || row->for_system_key;
}

static bool
fits_platform(const struct permission_row *row)
{
	return row->for_platform;
}

uint64_t
permissions_of_role(struct slice role)
{
	if (slice_equals_text(role, "owner"))
		return permission_bits_of(fits_owner);
	if (slice_equals_text(role, "admin"))
		return permission_bits_of(fits_admin);
	if (slice_equals_text(role, "member"))
		return permission_bits_of(fits_member);
	return 0;
}

uint64_t
permissions_of_key(bool is_system_org)
{
	return permission_bits_of(is_system_org ? fits_system_key : fits_key);
}

uint64_t
permissions_of_platform(void)
{
	return permission_bits_of(fits_platform);
}
