/* A person's way through AuthService and UserService, over a real server on loopback. */
#include "gen/client/auth.h"
#include "gen/client/org.h"
#include "gen/client/user.h"
#include "tests/lib/hash_hook.h"
#include "tests/lib/server_fixture.h"
#include "tests/lib/until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define PASSWORD "correct horse"
#define RESULTS_MAX 64
#define OUT_OF_TIME_US (3 * US_PER_S)

static struct postgres postgres;
static struct server_fixture fixture;

/* Replies live until the test ends. */
static struct client_result results[RESULTS_MAX];
static int results_count;

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

static int
set_up(void **state)
{
	server_fixture_init(&fixture, &postgres);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	while (results_count > 0)
		client_result_done(&results[--results_count]);
	server_fixture_done(*state);
	return 0;
}

static const struct client_result *
call(const struct client_method *method, const char *credential, const void *request)
{
	const struct client_options options = {.credential = slice_text(credential)};

	assert_true(results_count < RESULTS_MAX);
	client_call(fixture.client, method, &options, request, &results[results_count]);
	return &results[results_count++];
}

/* The reply of a call that went well. */
static const void *
reply(const struct client_result *result)
{
	if (result->status.code != ST_OK)
		print_error("%s\n", result->status.message);
	assert_int_equal(result->status.code, ST_OK);
	return result->reply;
}

static const Usher__V1__Tokens *
account(const char *email)
{
	Usher__V1__SignUpRequest sign_up = USHER__V1__SIGN_UP_REQUEST__INIT;
	Usher__V1__VerifyEmailRequest verify = USHER__V1__VERIFY_EMAIL_REQUEST__INIT;
	const Usher__V1__SignUpReply *signup;

	sign_up.email = (char *)email;
	sign_up.password = PASSWORD;
	sign_up.display_name = "Ann";
	signup = reply(call(&auth_sign_up_method, "", &sign_up));
	verify.signup_id = signup->signup_id;
	verify.code = signup->debug_code;
	return reply(call(&auth_verify_email_method, "", &verify));
}

static const struct client_result *
login(const char *email, const char *password)
{
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;

	req.email = (char *)email;
	req.password = (char *)password;
	return call(&auth_login_method, "", &req);
}

static const struct client_result *
refresh(const char *token)
{
	Usher__V1__RefreshRequest req = USHER__V1__REFRESH_REQUEST__INIT;

	req.refresh_token = (char *)token;
	return call(&auth_refresh_method, "", &req);
}

static const struct client_result *
get_me(const char *token)
{
	Usher__V1__GetMeRequest req = USHER__V1__GET_ME_REQUEST__INIT;

	return call(&user_get_me_method, token, &req);
}

static void
a_person_signs_up_reads_themself_and_logs_out(void **state)
{
	Usher__V1__LogoutRequest logout = USHER__V1__LOGOUT_REQUEST__INIT;
	const Usher__V1__Tokens *tokens = account("ann@example.org");
	const Usher__V1__User *me = reply(get_me(tokens->access_token));

	(void)state;
	assert_string_equal(me->user_id, tokens->user_id);
	assert_string_equal(me->display_name, "Ann");
	assert_string_equal(me->roles[0], "member");
	assert_true(me->has_account);
	tokens = reply(login("ann@example.org", PASSWORD));
	reply(get_me(tokens->access_token));
	reply(call(&auth_logout_method, tokens->access_token, &logout));
	/* Sent after the reply was received: refused, on the first try. */
	assert_int_equal(get_me(tokens->access_token)->status.code, ST_UNAUTHENTICATED);
	assert_int_equal(refresh(tokens->refresh_token)->status.code, ST_UNAUTHENTICATED);
}

static void
a_refused_login_answers_at_its_time(void **state)
{
	int64_t at_us[3];

	(void)state;
	account("ann@example.org");
	at_us[0] = clock_boot_us(&clock_system);
	assert_int_equal(login("ann@example.org", "wrong")->status.code, ST_UNAUTHENTICATED);
	at_us[1] = clock_boot_us(&clock_system);
	assert_int_equal(login("nobody@example.org", "wrong")->status.code, ST_UNAUTHENTICATED);
	at_us[2] = clock_boot_us(&clock_system);
	for (int i = 0; i < 2; i++)
		assert_in_range(at_us[i + 1] - at_us[i],
		    fixture.services.auth->failure_time_us - 5 * US_PER_MS,
		    fixture.services.auth->failure_time_us + 20 * US_PER_S);
}

/* The next one takes OUT_OF_TIME_US. */
static atomic_bool hash_is_slow;

static void
before_hash(void)
{
	const int64_t until_us = clock_boot_us(&clock_system) + OUT_OF_TIME_US;

	if (!atomic_exchange(&hash_is_slow, false))
		return;
	while (clock_boot_us(&clock_system) < until_us)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* What audit has of the last Login, of this account alone. */
static const char *
last_login_of(const char *account_id)
{
	return handler_sql(&fixture.services,
	    "SELECT reason FROM usher.audit WHERE action = 'usher.v1.AuthService/Login' AND "
	    "subject_id = '%s' ORDER BY at DESC LIMIT 1",
	    account_id);
}

static const Usher__V1__Tokens *tried;

static bool
is_written_down(void)
{
	const char *reason = last_login_of(tried->account_id);

	return reason && strcmp(reason, "LOGIN_REFUSED") == 0;
}

/* Who tries others' passwords hides none that is right: not behind an organisation that there is
 * not, nor behind a deadline that ends before the answer. */
static void
a_password_that_was_tried_is_in_audit_under_its_account(void **state)
{
	const struct client_options options = {.timeout_ms = OUT_OF_TIME_US / US_PER_MS - 500};
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;

	(void)state;
	tried = account("ann@example.org");
	assert_int_equal(login("ann@example.org", "wrong")->status.code, ST_UNAUTHENTICATED);
	assert_string_equal(last_login_of(tried->account_id), "LOGIN_REFUSED");
	req.email = "ann@example.org";
	req.password = PASSWORD;
	req.org_id = "01900000-0000-7000-8000-00000000ffff";
	assert_int_equal(call(&auth_login_method, "", &req)->status.code, ST_NOT_FOUND);
	assert_string_equal(last_login_of(tried->account_id), "ORG_NOT_FOUND");
	req.org_id = "";
	atomic_store(&hash_is_slow, true);
	client_call(
	    fixture.client, &auth_login_method, &options, &req.base, &results[results_count++]);
	until(is_written_down, "the login that had no time is written down");
}

static void
a_stolen_refresh_token_ends_the_session_before_it_is_answered(void **state)
{
	const Usher__V1__Tokens *first = account("ann@example.org"), *second, *third;
	const struct client_result *stolen;

	(void)state;
	second = reply(refresh(first->refresh_token));
	third = reply(refresh(second->refresh_token));
	reply(get_me(third->access_token));
	stolen = refresh(first->refresh_token);
	assert_int_equal(stolen->status.code, ST_UNAUTHENTICATED);
	assert_string_equal(stolen->status.reason, "REFRESH_TOKEN_REUSED");
	assert_int_equal(get_me(third->access_token)->status.code, ST_UNAUTHENTICATED);
	assert_int_equal(refresh(third->refresh_token)->status.code, ST_UNAUTHENTICATED);
}

static void
a_sign_up_under_a_key_is_repeated_without_another_mail(void **state)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;
	const struct client_options options = {.idempotency_key = slice_text("0123456789abcdef")};
	const Usher__V1__SignUpReply *first, *again;

	(void)state;
	req.email = "ann@example.org";
	req.password = PASSWORD;
	for (int i = 0; i < 2; i++)
		client_call(fixture.client, &auth_sign_up_method, &options, &req.base,
		    &results[results_count++]);
	first = reply(&results[0]);
	again = reply(&results[1]);
	assert_false(results[0].replayed);
	assert_true(results[1].replayed);
	assert_string_equal(again->signup_id, first->signup_id);
	assert_string_equal(
	    handler_sql(&fixture.services, "SELECT count(*) FROM usher.mail_outbox"), "1");
}

static void
who_has_no_tries_left_still_gets_a_lost_reply_again(void **state)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;
	const Usher__V1__SignUpReply *last, *again;
	const struct client_result *refused;
	char key[32];

	(void)state;
	req.email = "ann@example.org";
	req.password = PASSWORD;
	for (int i = 0; i < 7; i++) {
		/* The sixth is the fifth once more. */
		const int length = snprintf(key, sizeof(key), "0123456789abcdef%d", i == 5 ? 4 : i);
		const struct client_options options = {
		    .idempotency_key = slice_of(key, (size_t)length)};

		client_call(fixture.client, &auth_sign_up_method, &options, &req.base,
		    &results[results_count++]);
	}
	last = reply(&results[4]);
	again = reply(&results[5]);
	assert_false(results[4].replayed);
	assert_true(results[5].replayed);
	assert_string_equal(again->signup_id, last->signup_id);
	refused = &results[6];
	assert_int_equal(refused->status.code, ST_RESOURCE_EXHAUSTED);
	assert_string_equal(refused->status.reason, "TOO_MANY_ATTEMPTS");
	assert_string_equal(
	    handler_sql(&fixture.services, "SELECT attempts FROM usher.throttles WHERE kind = 4"),
	    "5");
}

static void
guesses_of_a_code_stay_counted_though_they_are_refused(void **state)
{
	Usher__V1__SignUpRequest sign_up = USHER__V1__SIGN_UP_REQUEST__INIT;
	Usher__V1__VerifyEmailRequest verify = USHER__V1__VERIFY_EMAIL_REQUEST__INIT;
	const Usher__V1__SignUpReply *signup;
	const struct client_result *result;

	(void)state;
	sign_up.email = "ann@example.org";
	sign_up.password = PASSWORD;
	signup = reply(call(&auth_sign_up_method, "", &sign_up));
	verify.signup_id = signup->signup_id;
	verify.code = signup->debug_code[0] == '1' ? "200000" : "100000";
	for (int i = 0; i < SIGNUP_TRIES_MAX; i++)
		assert_int_equal(
		    call(&auth_verify_email_method, "", &verify)->status.code, ST_UNAUTHENTICATED);
	verify.code = signup->debug_code;
	result = call(&auth_verify_email_method, "", &verify);
	assert_int_equal(result->status.code, ST_RESOURCE_EXHAUSTED);
	assert_string_equal(result->status.reason, "TOO_MANY_ATTEMPTS");
	assert_in_range(result->retry_after_ms, 500000, 600000);
	/* The wrong codes are in audit; what came too early is counted, and no more. */
	assert_string_equal(handler_sql(&fixture.services,
				"SELECT string_agg(reason, ' ' ORDER BY at) FROM usher.audit "
				"WHERE action = 'usher.v1.AuthService/VerifyEmail'"),
	    "CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED");
	assert_string_equal(
	    handler_sql(&fixture.services, "SELECT attempts FROM usher.throttles WHERE kind = 5"),
	    "6");
}

static void
bad_input_names_its_field_to_the_client(void **state)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;
	const struct client_result *result;

	(void)state;
	req.email = "no address";
	req.password = PASSWORD;
	result = call(&auth_sign_up_method, "", &req);
	assert_int_equal(result->status.code, ST_INVALID_ARGUMENT);
	assert_int_equal(result->violations_count, 1);
	assert_string_equal(result->violations[0].field, "email");
}

static void
a_founder_finds_their_organisation_after_the_next_login(void **state)
{
	Usher__V1__CreateOrgRequest create = USHER__V1__CREATE_ORG_REQUEST__INIT;
	Usher__V1__GetOrgRequest get = USHER__V1__GET_ORG_REQUEST__INIT;
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;
	Usher__V1__ListUsersRequest list = USHER__V1__LIST_USERS_REQUEST__INIT;
	const Usher__V1__Tokens *tokens = account("ann@example.org"), *owner;
	const Usher__V1__ListUsersReply *users;
	const Usher__V1__Org *org;

	(void)state;
	create.display_name = "Blue";
	org = reply(call(&org_create_org_method, tokens->access_token, &create));
	get.org_id = org->org_id;
	/* Another organisation than the session's: not found, though it is the caller's own. */
	assert_int_equal(
	    call(&org_get_org_method, tokens->access_token, &get)->status.code, ST_NOT_FOUND);
	req.email = "ann@example.org";
	req.password = PASSWORD;
	req.org_id = org->org_id;
	owner = reply(call(&auth_login_method, "", &req));
	assert_string_equal(owner->org_id, org->org_id);
	org = reply(call(&org_get_org_method, owner->access_token, &get));
	assert_string_equal(org->slug, "blue");
	users = reply(call(&user_list_users_method, owner->access_token, &list));
	assert_int_equal(users->n_users, 1);
	/* A member may not list. */
	assert_int_equal(call(&user_list_users_method, tokens->access_token, &list)->status.code,
	    ST_PERMISSION_DENIED);
	req.org_id = "01900000-0000-7000-8000-00000000ffff";
	assert_int_equal(call(&auth_login_method, "", &req)->status.code, ST_NOT_FOUND);
}

static void
one_owners_ids_are_not_found_by_another(void **state)
{
	Usher__V1__CreateOrgRequest create = USHER__V1__CREATE_ORG_REQUEST__INIT;
	Usher__V1__ListMembersRequest members = USHER__V1__LIST_MEMBERS_REQUEST__INIT;
	Usher__V1__GetUserRequest get = USHER__V1__GET_USER_REQUEST__INIT;
	Usher__V1__IntrospectRequest introspect = USHER__V1__INTROSPECT_REQUEST__INIT;
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;
	const Usher__V1__Tokens *ann = account("ann@example.org"),
				*bea = account("bea@example.org");
	const Usher__V1__IntrospectReply *whose;
	const Usher__V1__Org *org;

	(void)state;
	create.display_name = "Blue";
	org = reply(call(&org_create_org_method, ann->access_token, &create));
	req.email = "ann@example.org";
	req.password = PASSWORD;
	req.org_id = org->org_id;
	ann = reply(call(&auth_login_method, "", &req));
	members.org_id = bea->org_id;
	assert_int_equal(
	    call(&org_list_members_method, ann->access_token, &members)->status.code, ST_NOT_FOUND);
	get.user_id = bea->user_id;
	assert_int_equal(
	    call(&user_get_user_method, ann->access_token, &get)->status.code, ST_NOT_FOUND);
	introspect.token = bea->access_token;
	whose = reply(call(&auth_introspect_method, ann->access_token, &introspect));
	assert_false(whose->active);
	introspect.token = ann->access_token;
	whose = reply(call(&auth_introspect_method, ann->access_token, &introspect));
	assert_true(whose->active);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_person_signs_up_reads_themself_and_logs_out),
	    TEST(a_refused_login_answers_at_its_time),
	    TEST(a_password_that_was_tried_is_in_audit_under_its_account),
	    TEST(a_stolen_refresh_token_ends_the_session_before_it_is_answered),
	    TEST(a_sign_up_under_a_key_is_repeated_without_another_mail),
	    TEST(who_has_no_tries_left_still_gets_a_lost_reply_again),
	    TEST(guesses_of_a_code_stay_counted_though_they_are_refused),
	    TEST(bad_input_names_its_field_to_the_client),
	    TEST(a_founder_finds_their_organisation_after_the_next_login),
	    TEST(one_owners_ids_are_not_found_by_another),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
