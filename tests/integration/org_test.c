/* OrgService's handlers over a real database. */
#include "base/limits.h"
#include "gen/svc/org.h"
#include "tests/lib/handler_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define THREADS 20
#define NEW_ORG "01900000-0000-7000-8000-0000000000aa"
#define ANN "01900000-0000-7000-8000-000000000a01"
#define BEA "01900000-0000-7000-8000-000000000b01"

static struct postgres postgres;
static struct handler_fixture fixture;
static struct principal ann, bea;

static int
start(void **state)
{
	(void)state;
	postgres_start(&postgres);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	postgres_stop(&postgres);
	return 0;
}

/* Two accounts: ann has a user in acme, bea has none anywhere. */
static int
set_up(void **state)
{
	handler_fixture_init(&fixture, &postgres);
	handler_sql(&fixture,
	    "INSERT INTO usher.accounts (id, email, email_folded) VALUES "
	    "('%s', 'Ann@example.org', 'ann@example.org'), ('%s', 'bea@example.org', "
	    "'bea@example.org')",
	    ANN, BEA);
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, display_name, account_id) "
	    "SELECT id, '%s', 'Ann', '%s' FROM usher.orgs",
	    ANN, ANN);
	ann =
	    (struct principal){.kind = PRINCIPAL_LOGIN, .has_org = true, .org_id = fixture.org_id};
	bea = (struct principal){.kind = PRINCIPAL_LOGIN};
	uuid_parse(slice_text(ANN), &ann.account_id);
	uuid_parse(slice_text(ANN), &ann.user_id);
	uuid_parse(slice_text(BEA), &bea.account_id);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	handler_fixture_done(*state);
	return 0;
}

static struct handler_outcome
call_as(const struct principal *principal, const char *method, const void *req, void *reply)
{
	struct handler_ask ask = {.principal = principal};

	return handler_call(&fixture, &ask, &org_service, method, req, reply);
}

static struct handler_outcome
create(const struct principal *principal, const char *id, const char *slug, const char *name,
    Usher__V1__Org *reply)
{
	Usher__V1__CreateOrgRequest req = USHER__V1__CREATE_ORG_REQUEST__INIT;

	req.org_id = (char *)id;
	req.slug = (char *)slug;
	req.display_name = (char *)name;
	return call_as(principal, "CreateOrg", &req, reply);
}

#define assert_ok(outcome) assert_int_equal((outcome).status.code, ST_OK)
#define assert_code(outcome, expected) assert_int_equal((outcome).status.code, expected)

static void
who_makes_an_organisation_owns_it(void **state)
{
	Usher__V1__Org org;

	(void)state;
	assert_ok(create(&ann, "", "", "Blue & Green", &org));
	assert_string_equal(org.slug, "blue-green");
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT concat_ws(' ', u.display_name, u.email, r.role, au.account_id = "
		"u.account_id) "
		"FROM usher.users u JOIN usher.user_roles r ON r.user_id = u.id JOIN "
		"usher.account_users au ON au.user_id = u.id WHERE u.org_id = '%s'",
		org.org_id),
	    "Ann Ann@example.org owner t");
	assert_ok(create(&bea, "", "", "Bea's", &org));
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT u.display_name || u.email FROM usher.users u WHERE u.org_id = '%s'",
		org.org_id),
	    "bea@example.org");
}

static void
a_repeat_answers_with_the_organisation_as_it_is(void **state)
{
	Usher__V1__Org first, again;

	(void)state;
	assert_ok(create(&ann, NEW_ORG, "", "Blue", &first));
	assert_ok(create(&ann, NEW_ORG, "", "Blue", &again));
	assert_string_equal(again.org_id, first.org_id);
	assert_string_equal(again.slug, first.slug);
	assert_ok(create(&ann, NEW_ORG, "blue", "Blue", &again));
	assert_code(create(&ann, NEW_ORG, "", "Red", &again), ST_ALREADY_EXISTS);
	assert_code(create(&ann, NEW_ORG, "red", "Blue", &again), ST_ALREADY_EXISTS);
	/* Another's: the same content does not open it. */
	assert_code(create(&bea, NEW_ORG, "", "Blue", &again), ST_ALREADY_EXISTS);
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.users WHERE org_id = '%s'", NEW_ORG),
	    "1");
}

static void
a_slug_is_given_way_to_or_refused(void **state)
{
	Usher__V1__Org org;
	struct handler_outcome outcome;

	(void)state;
	assert_ok(create(&ann, "", "", "ACME", &org));
	assert_int_equal(strncmp(org.slug, "acme-", 5), 0);
	outcome = create(&ann, "", "acme", "Acme", &org);
	assert_code(outcome, ST_ALREADY_EXISTS);
	assert_string_equal(outcome.status.reason, "SLUG_TAKEN");
	assert_code(create(&ann, "", "No Slug", "Acme", &org), ST_INVALID_ARGUMENT);
	assert_code(create(&ann, "", "", "  ", &org), ST_INVALID_ARGUMENT);
	assert_code(create(&ann, "no id", "", "Acme", &org), ST_INVALID_ARGUMENT);
}

struct race {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const char *id;
	struct handler_outcome outcome;
	Usher__V1__Org org;
};

static void *
race_create(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->barrier);
	race->outcome = create(&ann, race->id, "", "Blue", &race->org);
	return NULL;
}

static void
race_run(struct race races[THREADS], const char *id)
{
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		races[i] = (struct race){.barrier = &barrier, .id = id};
		pthread_create(&races[i].thread, NULL, race_create, &races[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(races[i].thread, NULL);
	}
	pthread_barrier_destroy(&barrier);
}

static int
race_count(const struct race races[THREADS], enum status_code code)
{
	int count = 0;

	for (int i = 0; i < THREADS; i++)
		count += races[i].outcome.status.code == code;
	return count;
}

static void
twenty_at_once_make_one_of_an_id_and_twenty_of_a_name(void **state)
{
	static struct race races[THREADS];

	(void)state;
	race_run(races, NEW_ORG);
	assert_int_equal(race_count(races, ST_OK), THREADS);
	for (int i = 1; i < THREADS; i++)
		assert_string_equal(races[i].org.slug, races[0].org.slug);
	race_run(races, "");
	assert_int_equal(race_count(races, ST_OK), THREADS);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.orgs"), "22");
}

static void
an_account_makes_so_many_and_no_more_however_many_at_once(void **state)
{
	static struct race races[THREADS];
	struct principal operator= ann;
	struct handler_outcome outcome;
	Usher__V1__Org org;

	(void)state;
	assert_ok(create(&ann, NEW_ORG, "", "Blue", &org));
	handler_sql(&fixture,
	    "WITH made AS (INSERT INTO usher.orgs (id, slug, display_name, created_by) SELECT "
	    "gen_random_uuid(), 'made-' || i, 'Made', '%s' FROM generate_series(1, %d) i RETURNING "
	    "id), person AS (INSERT INTO usher.users (org_id, id, account_id) SELECT id, "
	    "gen_random_uuid(), '%s' FROM made RETURNING org_id, id, account_id) INSERT INTO "
	    "usher.account_users (account_id, org_id, user_id) SELECT account_id, org_id, id FROM "
	    "person",
	    ANN, ORGS_PER_ACCOUNT_MAX - 1 - 5, ANN);
	race_run(races, "");
	assert_int_equal(race_count(races, ST_OK), 5);
	assert_int_equal(race_count(races, ST_RESOURCE_EXHAUSTED), THREADS - 5);
	outcome = create(&ann, "", "", "Blue", &org);
	assert_code(outcome, ST_RESOURCE_EXHAUSTED);
	assert_string_equal(outcome.status.reason, "TOO_MANY_ORGS");
	/* A repeat, another account, and an operator make none too many. */
	assert_ok(create(&ann, NEW_ORG, "", "Blue", &org));
	assert_ok(create(&bea, "", "", "Blue", &org));
	operator.is_platform_operator = true;
	operator.platform_permissions = permissions_of_platform();
	assert_ok(create(&operator, "", "", "Blue", &org));
}

static void
another_organisation_is_not_found(void **state)
{
	Usher__V1__GetOrgRequest get = USHER__V1__GET_ORG_REQUEST__INIT;
	Usher__V1__ListMembersRequest list = USHER__V1__LIST_MEMBERS_REQUEST__INIT;
	Usher__V1__ListMembersReply members;
	Usher__V1__Org org, theirs;
	char own[UUID_TEXT_BYTES];

	(void)state;
	uuid_format(&fixture.org_id, own);
	get.org_id = own;
	assert_ok(call_as(&ann, "GetOrg", &get, &org));
	assert_string_equal(org.slug, "acme");
	assert_ok(create(&bea, "", "", "Bea's", &theirs));
	get.org_id = list.org_id = theirs.org_id;
	assert_code(call_as(&ann, "GetOrg", &get, &org), ST_NOT_FOUND);
	assert_code(call_as(&ann, "ListMembers", &list, &members), ST_NOT_FOUND);
	assert_code(call_as(&bea, "GetOrg", &get, &org), ST_NOT_FOUND);
	get.org_id = NEW_ORG;
	assert_code(call_as(&ann, "GetOrg", &get, &org), ST_NOT_FOUND);
}

static void
members_are_the_users_that_have_an_account(void **state)
{
	Usher__V1__ListMembersRequest list = USHER__V1__LIST_MEMBERS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListMembersReply reply;
	struct principal owner = ann;
	Usher__V1__Org org;

	(void)state;
	assert_ok(create(&ann, "", "", "Blue", &org));
	uuid_parse(slice_text(org.org_id), &owner.org_id);
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, account_id) VALUES ('%s', '%s', '%s'), "
	    "('%s', gen_random_uuid(), NULL)",
	    org.org_id, BEA, BEA, org.org_id);
	handler_sql(&fixture,
	    "INSERT INTO usher.account_users (account_id, org_id, user_id) VALUES ('%s', '%s', "
	    "'%s')",
	    BEA, org.org_id, BEA);
	list.org_id = org.org_id;
	list.page = &page;
	page.size = 1;
	assert_ok(call_as(&owner, "ListMembers", &list, &reply));
	assert_int_equal(reply.n_members, 1);
	assert_string_equal(reply.members[0]->account_id, BEA);
	page.token = reply.page->next_token;
	assert_ok(call_as(&owner, "ListMembers", &list, &reply));
	assert_int_equal(reply.n_members, 1);
	assert_string_equal(reply.members[0]->account_id, ANN);
	assert_string_equal(reply.members[0]->user->roles[0], "owner");
	assert_null(reply.page);
	owner.is_narrowed = true;
	owner.narrowed_user_id = owner.user_id;
	assert_code(call_as(&owner, "ListMembers", &list, &reply), ST_PERMISSION_DENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_makes_an_organisation_owns_it),
	    TEST(a_repeat_answers_with_the_organisation_as_it_is),
	    TEST(a_slug_is_given_way_to_or_refused),
	    TEST(twenty_at_once_make_one_of_an_id_and_twenty_of_a_name),
	    TEST(an_account_makes_so_many_and_no_more_however_many_at_once),
	    TEST(another_organisation_is_not_found),
	    TEST(members_are_the_users_that_have_an_account),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
