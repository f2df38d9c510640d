/* UserService's handlers over a real database. */
#include "gen/svc/user.h"
#include "tests/lib/handler_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define THREADS 20
#define OTHER_ORG "01900000-0000-7000-8000-000000000bad"
#define OTHER_USER "01900000-0000-7000-8000-00000000b0b0"

static struct postgres postgres;
static struct handler_fixture fixture;
static struct principal admin, foreign;

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

/* Two organisations, each with an administrator. */
static int
set_up(void **state)
{
	handler_fixture_init(&fixture, &postgres);
	handler_sql(&fixture,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('%s', 'other', 'Other')",
	    OTHER_ORG);
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, external_id, display_name) "
	    "VALUES ('%s', '%s', 'bob', 'Bob')",
	    OTHER_ORG, OTHER_USER);
	admin =
	    (struct principal){.kind = PRINCIPAL_LOGIN, .has_org = true, .org_id = fixture.org_id};
	foreign = admin;
	uuid_parse(slice_text(OTHER_ORG), &foreign.org_id);
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

	return handler_call(&fixture, &ask, &user_service, method, req, reply);
}

static struct handler_outcome
get(const struct principal *principal, const char *id, Usher__V1__User *reply)
{
	Usher__V1__GetUserRequest req = USHER__V1__GET_USER_REQUEST__INIT;

	req.user_id = (char *)id;
	return call_as(principal, "GetUser", &req, reply);
}

static struct handler_outcome
upsert(const char *id, const char *external_id, const char *name, Usher__V1__UpsertUserReply *reply)
{
	Usher__V1__UpsertUserRequest req = USHER__V1__UPSERT_USER_REQUEST__INIT;

	req.user_id = (char *)id;
	req.external_id = (char *)external_id;
	req.display_name = (char *)name;
	return call_as(&admin, "UpsertUser", &req, reply);
}

#define assert_ok(outcome) assert_int_equal((outcome).status.code, ST_OK)
#define assert_code(outcome, expected) assert_int_equal((outcome).status.code, expected)

static void
an_upsert_makes_a_user_and_then_changes_it(void **state)
{
	Usher__V1__UpsertUserReply made, changed;
	Usher__V1__User user;
	const char *id = "01900000-0000-7000-8000-000000000001";

	(void)state;
	assert_ok(upsert(id, "crm-1", "Ann", &made));
	assert_true(made.created);
	assert_string_equal(made.user->user_id, id);
	assert_int_equal(made.user->version, 1);
	assert_int_equal(made.user->status, USHER__V1__USER_STATUS__USER_STATUS_ACTIVE);
	assert_false(made.user->has_account);
	assert_ok(upsert(id, "", "Ann Lee", &changed));
	assert_false(changed.created);
	assert_int_equal(changed.user->version, 2);
	assert_string_equal(changed.user->external_id, "crm-1");
	assert_string_equal(changed.user->display_name, "Ann Lee");
	assert_ok(upsert("ext:crm-1", "", "Ann L.", &changed));
	assert_false(changed.created);
	assert_string_equal(changed.user->user_id, id);
	assert_ok(upsert("", "crm-2", "Bea", &made));
	assert_true(made.created);
	assert_ok(get(&admin, "ext:crm-2", &user));
	assert_string_equal(user.user_id, made.user->user_id);
	assert_string_equal(handler_sql(&fixture,
				"SELECT count(*) FROM usher.changes WHERE kind = %d", CHANGE_USER),
	    "4");
}

static void
a_mask_writes_empty_fields_too(void **state)
{
	Usher__V1__UpsertUserRequest req = USHER__V1__UPSERT_USER_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	Usher__V1__UpsertUserReply reply;
	char *paths[] = {"external_id", "display_name"};
	const char *id = "01900000-0000-7000-8000-000000000001";

	(void)state;
	assert_ok(upsert(id, "crm-1", "Ann", &reply));
	req.user_id = (char *)id;
	req.email = "ann@example.org";
	req.update_mask = &mask;
	mask.paths = paths;
	mask.n_paths = 2;
	assert_ok(call_as(&admin, "UpsertUser", &req, &reply));
	assert_string_equal(reply.user->external_id, "");
	assert_string_equal(reply.user->display_name, "");
	assert_string_equal(reply.user->email, "");
	paths[0] = "status";
	assert_code(call_as(&admin, "UpsertUser", &req, &reply), ST_INVALID_ARGUMENT);
}

static void
a_version_that_has_passed_is_refused(void **state)
{
	Usher__V1__UpsertUserRequest req = USHER__V1__UPSERT_USER_REQUEST__INIT;
	Usher__V1__UpsertUserReply reply;
	struct handler_outcome outcome;

	(void)state;
	assert_ok(upsert("", "crm-1", "Ann", &reply));
	req.external_id = "crm-1";
	req.display_name = "Bea";
	req.expect_version = 1;
	assert_ok(call_as(&admin, "UpsertUser", &req, &reply));
	outcome = call_as(&admin, "UpsertUser", &req, &reply);
	assert_code(outcome, ST_ABORTED);
	assert_string_equal(outcome.status.reason, "VERSION_MISMATCH");
	req.external_id = "crm-9";
	assert_code(call_as(&admin, "UpsertUser", &req, &reply), ST_NOT_FOUND);
	req.external_id = "";
	req.user_id = "01900000-0000-7000-8000-000000000009";
	assert_code(call_as(&admin, "UpsertUser", &req, &reply), ST_NOT_FOUND);
}

static void
names_that_are_none_or_taken_are_refused(void **state)
{
	Usher__V1__UpsertUserReply reply;
	struct handler_outcome outcome;

	(void)state;
	assert_code(upsert("", "", "Ann", &reply), ST_INVALID_ARGUMENT);
	assert_code(upsert("ext:", "", "Ann", &reply), ST_INVALID_ARGUMENT);
	assert_code(upsert("ext:a", "b", "Ann", &reply), ST_INVALID_ARGUMENT);
	assert_code(upsert("no-uuid", "", "Ann", &reply), ST_INVALID_ARGUMENT);
	assert_code(
	    upsert("00000000-0000-0000-0000-000000000000", "", "Ann", &reply), ST_INVALID_ARGUMENT);
	assert_ok(upsert("", "crm-1", "Ann", &reply));
	outcome = upsert("01900000-0000-7000-8000-000000000001", "crm-1", "Ann", &reply);
	assert_code(outcome, ST_ALREADY_EXISTS);
	assert_string_equal(outcome.status.reason, "EXTERNAL_ID_TAKEN");
}

struct race {
	pthread_t thread;
	pthread_barrier_t *barrier;
	bool by_id;
	struct handler_outcome outcome;
	Usher__V1__UpsertUserReply reply;
};

static void *
race_upsert(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->barrier);
	if (race->by_id)
		race->outcome =
		    upsert("01900000-0000-7000-8000-000000000001", "", "Ann", &race->reply);
	else
		race->outcome = upsert("", "crm-1", "Ann", &race->reply);
	return NULL;
}

static void
of_twenty_upserts_at_once_one_makes_the_user(void **state)
{
	static struct race races[THREADS];
	pthread_barrier_t barrier;

	(void)state;
	for (int by_id = 0; by_id < 2; by_id++) {
		int created = 0;

		pthread_barrier_init(&barrier, NULL, THREADS);
		for (int i = 0; i < THREADS; i++) {
			races[i] = (struct race){.barrier = &barrier, .by_id = by_id};
			pthread_create(&races[i].thread, NULL, race_upsert, &races[i]);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(races[i].thread, NULL);
		pthread_barrier_destroy(&barrier);
		for (int i = 0; i < THREADS; i++) {
			assert_ok(races[i].outcome);
			assert_string_equal(
			    races[i].reply.user->user_id, races[0].reply.user->user_id);
			created += races[i].reply.created;
		}
		assert_int_equal(created, 1);
	}
}

static void
another_organisations_user_is_not_found(void **state)
{
	Usher__V1__User user;
	Usher__V1__UpsertUserReply reply;

	(void)state;
	assert_ok(get(&foreign, OTHER_USER, &user));
	assert_code(get(&admin, OTHER_USER, &user), ST_NOT_FOUND);
	assert_code(get(&admin, "ext:bob", &user), ST_NOT_FOUND);
	/* The same id here is another user, and theirs is untouched. */
	assert_ok(upsert(OTHER_USER, "", "Mallory", &reply));
	assert_true(reply.created);
	assert_string_equal(
	    handler_sql(
		&fixture, "SELECT display_name FROM usher.users WHERE org_id = '%s'", OTHER_ORG),
	    "Bob");
}

static void
pages_show_each_user_once_and_belong_to_their_list(void **state)
{
	Usher__V1__ListUsersRequest req = USHER__V1__LIST_USERS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	Usher__V1__ListUsersReply reply;
	int seen = 0;

	(void)state;
	/* All of the same moment: the id tells them apart. */
	handler_sql(&fixture,
	    "INSERT INTO usher.users (org_id, id, display_name) SELECT id, gen_random_uuid(), 'n' "
	    "FROM usher.orgs, generate_series(1, 25) WHERE slug = 'acme'");
	req.page = &page;
	page.size = 10;
	for (int i = 0; i < 3; i++) {
		assert_ok(call_as(&admin, "ListUsers", &req, &reply));
		for (size_t j = 0; j < reply.n_users; j++)
			assert_string_equal(
			    handler_sql(&fixture,
				"UPDATE usher.users SET display_name = display_name || 'x' "
				"WHERE id = '%s' RETURNING display_name",
				reply.users[j]->user_id),
			    "nx");
		seen += (int)reply.n_users;
		page.token = i < 2 ? reply.page->next_token : "";
	}
	assert_int_equal(seen, 25);
	assert_null(reply.page);
	assert_ok(call_as(&admin, "ListUsers", &req, &reply));
	page.token = reply.page->next_token;
	assert_code(call_as(&foreign, "ListUsers", &req, &reply), ST_INVALID_ARGUMENT);
	req.status = USHER__V1__USER_STATUS__USER_STATUS_DISABLED;
	assert_code(call_as(&admin, "ListUsers", &req, &reply), ST_INVALID_ARGUMENT);
	page.token = "";
	assert_ok(call_as(&admin, "ListUsers", &req, &reply));
	assert_int_equal(reply.n_users, 0);
}

static void
a_user_changes_what_is_theirs_and_nothing_else(void **state)
{
	Usher__V1__UpdateMeRequest req = USHER__V1__UPDATE_ME_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	Usher__V1__GetMeRequest me = USHER__V1__GET_ME_REQUEST__INIT;
	Usher__V1__UpsertUserReply made;
	Usher__V1__User user;
	char *paths[] = {"locale"};
	struct principal self = admin;

	(void)state;
	assert_ok(upsert("", "crm-1", "Ann", &made));
	uuid_parse(slice_text(made.user->user_id), &self.user_id);
	assert_ok(call_as(&self, "GetMe", &me, &user));
	assert_string_equal(user.display_name, "Ann");
	req.display_name = "Ann Lee";
	req.locale = "de-CH";
	req.time_zone = "Europe/Zurich";
	assert_ok(call_as(&self, "UpdateMe", &req, &user));
	assert_string_equal(user.display_name, "Ann Lee");
	assert_string_equal(user.time_zone, "Europe/Zurich");
	req.update_mask = &mask;
	mask.paths = paths;
	mask.n_paths = 1;
	req.display_name = "ignored";
	req.locale = "";
	req.expect_version = user.version;
	assert_ok(call_as(&self, "UpdateMe", &req, &user));
	assert_string_equal(user.display_name, "Ann Lee");
	assert_string_equal(user.locale, "");
	assert_code(call_as(&self, "UpdateMe", &req, &user), ST_ABORTED);
	paths[0] = "email";
	assert_code(call_as(&self, "UpdateMe", &req, &user), ST_INVALID_ARGUMENT);
}

/* Whoever syncs people every night should not break the version that others hold. */
static void
a_write_that_changes_nothing_makes_no_new_version(void **state)
{
	Usher__V1__UpdateMeRequest req = USHER__V1__UPDATE_ME_REQUEST__INIT;
	Usher__V1__UpsertUserReply made, again;
	Usher__V1__User user;
	struct principal self = admin;

	(void)state;
	assert_ok(upsert("", "crm-1", "Ann", &made));
	assert_ok(upsert("", "crm-1", "Ann", &again));
	assert_int_equal(again.user->version, 1);
	assert_int_equal(again.user->updated_at->nanos, made.user->updated_at->nanos);
	assert_ok(upsert(made.user->user_id, "crm-1", "Ann", &again));
	assert_int_equal(again.user->version, 1);
	uuid_parse(slice_text(made.user->user_id), &self.user_id);
	assert_ok(call_as(&self, "UpdateMe", &req, &user));
	req.display_name = "Ann";
	assert_ok(call_as(&self, "UpdateMe", &req, &user));
	assert_int_equal(user.version, 1);
	req.locale = "de";
	assert_ok(call_as(&self, "UpdateMe", &req, &user));
	assert_int_equal(user.version, 2);
	assert_ok(upsert(made.user->user_id, "crm-2", "", &again));
	assert_int_equal(again.user->version, 3);
}

static void
an_operator_names_the_organisation_to_act_in(void **state)
{
	Usher__V1__UpsertUserRequest req = USHER__V1__UPSERT_USER_REQUEST__INIT;
	Usher__V1__UpsertUserReply reply;
	struct principal operator_ = {.kind = PRINCIPAL_LOGIN, .is_platform_operator = true};
	struct handler_outcome outcome;

	(void)state;
	req.external_id = "crm-1";
	outcome = call_as(&operator_, "UpsertUser", &req, &reply);
	assert_code(outcome, ST_INVALID_ARGUMENT);
	assert_string_equal(outcome.status.reason, "ORG_MISSING");
	operator_.has_org = true;
	operator_.org_id = foreign.org_id;
	assert_ok(call_as(&operator_, "UpsertUser", &req, &reply));
	assert_string_equal(reply.user->org_id, OTHER_ORG);
}

static void
a_key_bound_to_one_user_reaches_no_other(void **state)
{
	Usher__V1__ListUsersRequest list = USHER__V1__LIST_USERS_REQUEST__INIT;
	Usher__V1__UpsertUserRequest req = USHER__V1__UPSERT_USER_REQUEST__INIT;
	Usher__V1__ListUsersReply listed;
	Usher__V1__UpsertUserReply ann, bea, reply;
	Usher__V1__User user;
	struct principal bound = {.kind = PRINCIPAL_KEY,
	    .has_org = true,
	    .org_id = fixture.org_id,
	    .has_bound_user = true};

	(void)state;
	assert_ok(upsert("", "ann", "Ann", &ann));
	assert_ok(upsert("", "bea", "Bea", &bea));
	uuid_parse(slice_text(ann.user->user_id), &bound.bound_user_id);
	assert_ok(get(&bound, "ext:ann", &user));
	assert_code(get(&bound, "ext:bea", &user), ST_PERMISSION_DENIED);
	assert_code(get(&bound, bea.user->user_id, &user), ST_PERMISSION_DENIED);
	assert_code(call_as(&bound, "ListUsers", &list, &listed), ST_PERMISSION_DENIED);
	req.external_id = "new";
	assert_code(call_as(&bound, "UpsertUser", &req, &reply), ST_PERMISSION_DENIED);
	req.external_id = "bea";
	req.display_name = "Mallory";
	assert_code(call_as(&bound, "UpsertUser", &req, &reply), ST_PERMISSION_DENIED);
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT string_agg(u.display_name, ' ' ORDER BY u.display_name) FROM usher.users u "
		"JOIN usher.orgs o ON o.id = u.org_id WHERE slug = 'acme'"),
	    "Ann Bea");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_upsert_makes_a_user_and_then_changes_it),
	    TEST(a_mask_writes_empty_fields_too),
	    TEST(a_version_that_has_passed_is_refused),
	    TEST(a_write_that_changes_nothing_makes_no_new_version),
	    TEST(names_that_are_none_or_taken_are_refused),
	    TEST(of_twenty_upserts_at_once_one_makes_the_user),
	    TEST(another_organisations_user_is_not_found),
	    TEST(pages_show_each_user_once_and_belong_to_their_list),
	    TEST(a_user_changes_what_is_theirs_and_nothing_else),
	    TEST(an_operator_names_the_organisation_to_act_in),
	    TEST(a_key_bound_to_one_user_reaches_no_other),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
