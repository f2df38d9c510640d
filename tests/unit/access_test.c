/* Who may call what: the catalogue, the alternatives of a method, organisations, users, networks.
 */
#include "access/access.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_US INT64_C(1700000000000000)

struct fixture {
	struct arena arena;
};

static int
set_up(void **state)
{
	static struct fixture f;

	assert_int_equal(arena_init(&f.arena, 1024, 1 << 16).code, ST_OK);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	arena_done(&((struct fixture *)*state)->arena);
	return 0;
}

static struct uuid
id_of(uint8_t n)
{
	return (struct uuid){{[15] = n}};
}

enum who { NOBODY, MEMBER, ADMIN, HOMELESS, KEY, SYSTEM_KEY, OPERATOR, WHO_COUNT };

static struct principal
principal_of(enum who who)
{
	struct principal p = {.kind = PRINCIPAL_LOGIN,
	    .has_org = true,
	    .org_id = id_of(1),
	    .user_id = id_of(2),
	    .account_id = id_of(3),
	    .authenticated_at_us = NOW_US - 1};

	switch (who) {
	case NOBODY:
		return (struct principal){0};
	case MEMBER:
		p.permissions = permissions_of_role(slice_text("member"));
		break;
	case ADMIN:
		p.permissions = permissions_of_role(slice_text("admin"));
		break;
	case HOMELESS:
		p.has_org = false;
		p.org_id = p.user_id = (struct uuid){{0}};
		break;
	case KEY:
	case SYSTEM_KEY:
		p = (struct principal){.kind = PRINCIPAL_KEY, .has_org = true, .org_id = id_of(1)};
		p.permissions = who == KEY ? permission_bit(slice_text("context.read"))
					   : permissions_of_key(true);
		break;
	case OPERATOR:
	case WHO_COUNT:
		p.is_platform_operator = true;
		p.platform_permissions = permissions_of_platform();
		break;
	}
	return p;
}

static struct slice
field_of(const void *env, const char *name)
{
	assert_string_equal(name, "user_id");
	return slice_text(env);
}

static status
check(struct fixture *f, const struct access_rule *rules, size_t count, enum assurance assurance,
    const struct principal *principal, const char *user_id, enum access_kind *admitted)
{
	struct access_rules bound;

	assert_int_equal(access_bind(rules, count, assurance, &bound).code, ST_OK);
	return access_check(&bound, principal, field_of, user_id, NOW_US, &f->arena, admitted);
}

static void
each_rule_admits_those_it_names_and_nobody_else(void **state)
{
	static const struct {
		struct access_rule rule;
		const char *user_id;
		bool admits[WHO_COUNT];
	} table[] = {
	    {{ACCESS_PUBLIC, ""}, "", {1, 1, 1, 1, 1, 1, 1}},
	    {{ACCESS_ACCOUNT, ""}, "", {0, 1, 1, 1, 0, 0, 1}},
	    {{ACCESS_SELF, ""}, "", {0, 1, 1, 0, 0, 0, 1}},
	    {{ACCESS_SELF, "user_id"}, "", {0, 1, 1, 0, 0, 0, 1}},
	    {{ACCESS_SELF, "user_id"}, "00000000-0000-0000-0000-000000000002",
		{0, 1, 1, 0, 0, 0, 1}},
	    {{ACCESS_SELF, "user_id"}, "00000000-0000-0000-0000-000000000003",
		{0, 0, 0, 0, 0, 0, 0}},
	    {{ACCESS_SELF, "user_id"}, "00000000-0000-0000-0000-000000000000",
		{0, 0, 0, 0, 0, 0, 0}},
	    {{ACCESS_SELF, "user_id"}, "ext:2", {0, 0, 0, 0, 0, 0, 0}},
	    {{ACCESS_ORG, "org.read"}, "", {0, 1, 1, 0, 0, 0, 0}},
	    {{ACCESS_ORG, "users.read"}, "", {0, 0, 1, 0, 0, 0, 0}},
	    {{ACCESS_KEY, "context.read"}, "", {0, 0, 0, 0, 1, 1, 0}},
	    {{ACCESS_KEY, "context.write"}, "", {0, 0, 0, 0, 0, 1, 0}},
	    {{ACCESS_KEY, "ops.status"}, "", {0, 0, 0, 0, 0, 1, 0}},
	    {{ACCESS_PLATFORM, "users.read"}, "", {0, 0, 0, 0, 0, 0, 1}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		for (int who = 0; who < WHO_COUNT; who++) {
			struct principal principal = principal_of((enum who)who);
			enum access_kind admitted = 0;
			status st = check(f, &table[i].rule, 1, ASSURANCE_NONE, &principal,
			    table[i].user_id, &admitted);
			if (table[i].admits[who]) {
				assert_int_equal(st.code, ST_OK);
				assert_int_equal(admitted, table[i].rule.kind);
			} else {
				assert_int_equal(st.code,
				    who == NOBODY ? ST_UNAUTHENTICATED : ST_PERMISSION_DENIED);
			}
		}
}

static void
alternatives_are_tried_in_order_and_a_refusal_names_what_would_do(void **state)
{
	static const struct access_rule rules[] = {
	    {ACCESS_SELF, "user_id"}, {ACCESS_ORG, "users.read"}, {ACCESS_KEY, "users.read"}};
	struct principal admin = principal_of(ADMIN), member = principal_of(MEMBER),
			 key = principal_of(KEY);
	enum access_kind admitted;

	assert_int_equal(
	    check(*state, rules, 3, ASSURANCE_NONE, &admin, "", &admitted).code, ST_OK);
	assert_int_equal(admitted, ACCESS_SELF);
	assert_int_equal(
	    check(*state, rules, 3, ASSURANCE_NONE, &admin, "ext:x", &admitted).code, ST_OK);
	assert_int_equal(admitted, ACCESS_ORG);
	status st = check(*state, rules, 3, ASSURANCE_NONE, &member, "ext:x", &admitted);
	assert_string_equal(st.message, "this needs the permission users.read");
	st = check(*state, rules, 3, ASSURANCE_NONE, &key, "ext:x", &admitted);
	assert_string_equal(st.message, "the key lacks the scope users.read");
	assert_string_equal(st.reason, "PERMISSION_MISSING");
}

static void
assurance_wants_a_recent_login_or_a_second_factor(void **state)
{
	static const struct access_rule rules[] = {
	    {ACCESS_ACCOUNT, ""}, {ACCESS_KEY, "users.read"}};
	struct principal login = principal_of(ADMIN), key = principal_of(SYSTEM_KEY);
	enum access_kind admitted;

	login.authenticated_at_us = NOW_US - ACCESS_RECENT_US;
	assert_int_equal(
	    check(*state, rules, 2, ASSURANCE_RECENT, &login, "", &admitted).code, ST_OK);
	login.authenticated_at_us--;
	assert_string_equal(check(*state, rules, 2, ASSURANCE_RECENT, &login, "", &admitted).reason,
	    "LOGIN_NOT_RECENT");
	assert_string_equal(
	    check(*state, rules, 2, ASSURANCE_SECOND_FACTOR, &login, "", &admitted).reason,
	    "SECOND_FACTOR_MISSING");
	login.second_factor = true;
	assert_int_equal(
	    check(*state, rules, 2, ASSURANCE_SECOND_FACTOR, &login, "", &admitted).code, ST_OK);
	assert_int_equal(check(*state, rules, 2, ASSURANCE_RECENT, &key, "", &admitted).code,
	    ST_PERMISSION_DENIED);
	assert_int_equal(check(*state, rules, 2, ASSURANCE_SECOND_FACTOR, &key, "", &admitted).code,
	    ST_PERMISSION_DENIED);
}

static void
a_rule_that_nobody_could_pass_is_found_at_the_start(void **state)
{
	(void)state;
	static const struct access_rule bad[] = {{ACCESS_ORG, "users.raed"},
	    {ACCESS_KEY, "keys.write"}, {ACCESS_PLATFORM, "context.read"},
	    {ACCESS_ORG, "ops.status"}, {(enum access_kind)0, ""}, {(enum access_kind)7, ""}};
	struct access_rules bound;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(access_bind(&bad[i], 1, ASSURANCE_NONE, &bound).code, ST_INTERNAL);
	assert_int_equal(access_bind(bad, 0, ASSURANCE_NONE, &bound).code, ST_INTERNAL);
}

/* access: {org: "users.read"} and the like, all of them in one .proto file. */
static size_t
check_proto(const char *path)
{
	static const struct {
		const char *text;
		enum access_kind kind;
	} kinds[] = {{"access: {org: \"", ACCESS_ORG}, {"access: {key: \"", ACCESS_KEY},
	    {"access: {platform: \"", ACCESS_PLATFORM}};
	static char text[1 << 18];
	char name[64];
	size_t found = 0;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (const char *at = text; (at = strstr(at, kinds[i].text)); found++) {
			struct access_rules bound;
			at += strlen(kinds[i].text);
			snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\""), at);
			struct access_rule rule = {kinds[i].kind, name};
			if (access_bind(&rule, 1, ASSURANCE_NONE, &bound).code != ST_OK)
				fail_msg("%s names %s, and the catalogue does not", path, name);
		}
	return found;
}

static void
the_catalogue_has_every_permission_that_a_proto_file_names(void **state)
{
	(void)state;
	char path[512];
	size_t found = 0;
	DIR *dir = opendir(USHER_SOURCE_DIR "/proto/usher/v1");

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, USHER_SOURCE_DIR "/proto/usher/v1/%s", entry->d_name);
		found += check_proto(path);
	}
	closedir(dir);
	assert_true(found >= 30);
}

static void
names_and_bits_lead_to_each_other(void **state)
{
	(void)state;
	for (unsigned i = 0; i < permission_catalogue_count; i++) {
		assert_int_equal(permission_bit(slice_text(permission_name(i))), UINT64_C(1) << i);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(permission_name(i), permission_name(j));
	}
	assert_null(permission_name((unsigned)permission_catalogue_count));
	assert_int_equal(permission_bit(slice_text("")), 0);
	assert_int_equal(permissions_of_role(slice_text("Owner")), 0);
}

static void
an_ordinary_key_can_hold_no_scope_of_the_system(void **state)
{
	(void)state;
	uint64_t system = permission_bit(slice_text("client_ip.assert")) |
			  permission_bit(slice_text("ops.status"));

	assert_int_equal(permissions_of_key(false) & system, 0);
	assert_int_equal(permissions_of_key(true) & system, system);
}

static void
only_an_operator_chooses_the_organisation_and_leaves_the_own_rights_at_home(void **state)
{
	static const char other[] = "00000000-0000-0000-0000-000000000009";
	static const struct access_rule own_rules[] = {
	    {ACCESS_SELF, ""}, {ACCESS_ORG, "users.read"}};
	struct principal admin = principal_of(ADMIN), operator= principal_of(OPERATOR);
	enum access_kind admitted;

	assert_string_equal(access_choose_org(&admin, slice_text(other)).reason, "ORG_NOT_ALLOWED");
	assert_int_equal(access_choose_org(&admin, SLICE_NONE).code, ST_OK);
	assert_int_equal(
	    access_choose_org(&admin, slice_text("00000000-0000-0000-0000-000000000001")).code,
	    ST_OK);
	assert_true(admin.permissions != 0);
	assert_true(admin.has_named_org);
	assert_false(operator.has_named_org);

	operator.permissions = permissions_of_role(slice_text("owner"));
	assert_int_equal(
	    access_choose_org(&operator, slice_text("other")).code, ST_INVALID_ARGUMENT);
	assert_int_equal(access_choose_org(&operator, slice_text(other)).code, ST_OK);
	assert_true(operator.has_named_org);
	struct uuid nine = id_of(9);
	assert_true(uuid_equals(&operator.org_id, &nine));
	assert_int_equal(check(*state, own_rules, 2, ASSURANCE_NONE, &operator, "", &admitted).code,
	    ST_PERMISSION_DENIED);
}

static void
on_behalf_of_narrows_to_its_user_and_its_organisation(void **state)
{
	(void)state;
	struct principal key = principal_of(KEY), user = principal_of(MEMBER), other = user,
			 homeless = principal_of(HOMELESS);
	struct uuid picked, stranger = id_of(7);
	const char *external = NULL;

	user.expires_at_us = 77;
	other.org_id = id_of(9);
	assert_int_equal(access_narrow(&key, &other, ACCESS_KEY).code, ST_PERMISSION_DENIED);
	assert_int_equal(access_narrow(&key, &homeless, ACCESS_KEY).code, ST_PERMISSION_DENIED);
	assert_int_equal(access_narrow(&key, &key, ACCESS_KEY).code, ST_PERMISSION_DENIED);
	assert_false(key.is_narrowed);
	key.has_default_user = true;
	key.default_user_id = stranger;
	assert_int_equal(access_narrow(&key, &user, ACCESS_KEY).code, ST_OK);
	assert_int_equal(key.expires_at_us, 77);

	assert_int_equal(principal_pick_user(&key, "", &picked, &external).code, ST_OK);
	assert_true(uuid_equals(&picked, &user.user_id));
	assert_int_equal(
	    principal_pick_user(&key, "00000000-0000-0000-0000-000000000007", &picked, &external)
		.code,
	    ST_PERMISSION_DENIED);
	assert_int_equal(principal_pick_user(&key, "ext:seven", &picked, &external).code, ST_OK);
	assert_string_equal(external, "seven");
	assert_int_equal(principal_may_touch_user(&key, &stranger).code, ST_PERMISSION_DENIED);
	assert_int_equal(principal_may_list_users(&key).code, ST_PERMISSION_DENIED);

	struct principal bound = principal_of(KEY);
	bound.has_bound_user = true;
	bound.bound_user_id = stranger;
	assert_int_equal(access_narrow(&bound, &user, ACCESS_KEY).code, ST_PERMISSION_DENIED);
	assert_int_equal(principal_may_list_users(&bound).code, ST_PERMISSION_DENIED);
	assert_int_equal(principal_may_list_users(&user).code, ST_OK);
}

static void
what_a_login_may_as_itself_it_may_not_for_another(void **state)
{
	(void)state;
	struct principal member = principal_of(MEMBER), same = member, other = member;
	const enum access_kind own[] = {ACCESS_SELF, ACCESS_ACCOUNT};

	other.user_id = id_of(8);
	for (size_t i = 0; i < 2; i++) {
		struct principal p = member;
		assert_string_equal(
		    access_narrow(&p, &other, own[i]).reason, "ON_BEHALF_OF_REFUSED");
		assert_false(p.is_narrowed);
		assert_int_equal(access_narrow(&p, &same, own[i]).code, ST_OK);
	}
	/* By a permission it may: that was given for others. */
	assert_int_equal(access_narrow(&member, &other, ACCESS_ORG).code, ST_OK);
}

static void
the_user_of_a_call_is_the_named_one_or_the_implied_one(void **state)
{
	(void)state;
	struct principal key = principal_of(KEY), login = principal_of(MEMBER);
	struct uuid picked, two = id_of(2), five = id_of(5);
	const char *external = "";

	assert_string_equal(
	    principal_pick_user(&key, "", &picked, &external).reason, "USER_MISSING");
	assert_int_equal(
	    principal_pick_user(&key, "five", &picked, &external).code, ST_INVALID_ARGUMENT);
	assert_int_equal(
	    principal_pick_user(&key, "ext:", &picked, &external).code, ST_INVALID_ARGUMENT);
	assert_int_equal(principal_pick_user(&login, "", &picked, &external).code, ST_OK);
	assert_true(uuid_equals(&picked, &two));
	assert_null(external);
	key.has_default_user = true;
	key.default_user_id = five;
	assert_int_equal(principal_pick_user(&key, NULL, &picked, &external).code, ST_OK);
	assert_true(uuid_equals(&picked, &five));
	key.has_bound_user = true;
	key.bound_user_id = two;
	assert_int_equal(principal_pick_user(&key, "", &picked, &external).code, ST_OK);
	assert_true(uuid_equals(&picked, &two));
	assert_int_equal(
	    principal_pick_user(&key, "00000000-0000-0000-0000-000000000005", &picked, &external)
		.code,
	    ST_PERMISSION_DENIED);
}

static void
only_a_trusted_intermediary_says_where_a_call_came_from(void **state)
{
	(void)state;
	struct principal nobody = principal_of(NOBODY), bridge = principal_of(SYSTEM_KEY),
			 key = principal_of(KEY);

	bridge.may_assert_client_ip = true;
	assert_int_equal(
	    access_believe_client_ip(&nobody, &bridge, slice_text("192.0.2.1")).code, ST_OK);
	assert_int_equal(
	    access_believe_client_ip(&bridge, NULL, slice_text("2001:db8::1")).code, ST_OK);
	assert_int_equal(access_believe_client_ip(&nobody, NULL, SLICE_NONE).code, ST_OK);
	assert_int_equal(access_believe_client_ip(&nobody, &bridge, slice_text("home")).code,
	    ST_INVALID_ARGUMENT);
	assert_int_equal(access_believe_client_ip(&nobody, &key, slice_text("192.0.2.1")).code,
	    ST_PERMISSION_DENIED);
	assert_int_equal(access_believe_client_ip(&bridge, &key, slice_text("192.0.2.1")).code,
	    ST_PERMISSION_DENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_rule_admits_those_it_names_and_nobody_else),
	    TEST(alternatives_are_tried_in_order_and_a_refusal_names_what_would_do),
	    TEST(assurance_wants_a_recent_login_or_a_second_factor),
	    TEST(a_rule_that_nobody_could_pass_is_found_at_the_start),
	    TEST(the_catalogue_has_every_permission_that_a_proto_file_names),
	    TEST(names_and_bits_lead_to_each_other),
	    TEST(an_ordinary_key_can_hold_no_scope_of_the_system),
	    TEST(only_an_operator_chooses_the_organisation_and_leaves_the_own_rights_at_home),
	    TEST(on_behalf_of_narrows_to_its_user_and_its_organisation),
	    TEST(what_a_login_may_as_itself_it_may_not_for_another),
	    TEST(the_user_of_a_call_is_the_named_one_or_the_implied_one),
	    TEST(only_a_trusted_intermediary_says_where_a_call_came_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
