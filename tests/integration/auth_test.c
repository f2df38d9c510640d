/* AuthService's handlers over a real database. */
#include "crypt/secret.h"
#include "gen/svc/auth.h"
#include "jobs/outbox.h"
#include "tests/lib/handler_fixture.h"
#include "tests/lib/hash_hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define PASSWORD "correct horse"
#define THREADS 20
/* Nobody waits for it here, so it may be long enough for any machine. */
#define FAILURE_TIME_US (10 * US_PER_S)
/* What nodes are told when a session ends, and when it is ended once more. */
#define CHANGES_OF_TWO_ENDS "2 0"

static struct postgres postgres;
static struct handler_fixture fixture;

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
	handler_fixture_init(&fixture, &postgres);
	fixture.auth->failure_time_us = FAILURE_TIME_US;
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
call(const char *method, const void *req, void *reply)
{
	return handler_call(&fixture, NULL, &auth_service, method, req, reply);
}

static struct handler_outcome
sign_up(const char *email, const char *password, Usher__V1__SignUpReply *reply)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;

	req.email = (char *)email;
	req.password = (char *)password;
	req.display_name = "Ann";
	req.locale = "de-CH";
	return call("SignUp", &req, reply);
}

static struct handler_outcome
verify(const char *signup_id, const char *email, const char *code, Usher__V1__Tokens *reply)
{
	Usher__V1__VerifyEmailRequest req = USHER__V1__VERIFY_EMAIL_REQUEST__INIT;

	req.signup_id = (char *)signup_id;
	req.email = (char *)email;
	req.code = (char *)code;
	return call("VerifyEmail", &req, reply);
}

static struct handler_outcome
login_from(const char *ip, const char *email, const char *password, Usher__V1__Tokens *reply)
{
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;
	struct handler_ask ask = {.client_ip = ip};

	req.email = (char *)email;
	req.password = (char *)password;
	return handler_call(&fixture, &ask, &auth_service, "Login", &req, reply);
}

static struct handler_outcome
login(const char *email, const char *password, Usher__V1__Tokens *reply)
{
	return login_from(NULL, email, password, reply);
}

static struct handler_outcome
refresh(const char *token, Usher__V1__Tokens *reply)
{
	Usher__V1__RefreshRequest req = USHER__V1__REFRESH_REQUEST__INIT;

	req.refresh_token = (char *)token;
	return call("Refresh", &req, reply);
}

static Usher__V1__IntrospectReply
introspect(const struct principal *caller, const char *token)
{
	Usher__V1__IntrospectRequest req = USHER__V1__INTROSPECT_REQUEST__INIT;
	Usher__V1__IntrospectReply reply;
	struct handler_ask ask = {.principal = caller};
	struct handler_outcome outcome;

	req.token = (char *)token;
	outcome = handler_call(&fixture, &ask, &auth_service, "Introspect", &req, &reply);
	assert_int_equal(outcome.status.code, ST_OK);
	return reply;
}

#define assert_ok(outcome) assert_int_equal((outcome).status.code, ST_OK)
#define assert_refused(outcome, expected_code, expected_reason)                                    \
	do {                                                                                       \
		struct handler_outcome outcome_ = (outcome);                                       \
		assert_int_equal(outcome_.status.code, expected_code);                             \
		assert_string_equal(outcome_.status.reason, expected_reason);                      \
	} while (0)

/* An account with PASSWORD, and its first tokens. */
static Usher__V1__Tokens
account(const char *email)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	assert_ok(sign_up(email, PASSWORD, &signup));
	assert_ok(verify(signup.signup_id, "", signup.debug_code, &tokens));
	return tokens;
}

static const char *
wrong_code(const char *right)
{
	return right[0] == '1' ? "200000" : "100000";
}

static void
who_signed_up_and_verified_is_a_member_and_logs_in(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens, again;

	(void)state;
	assert_ok(sign_up("Ann@Example.org", PASSWORD, &signup));
	assert_true(signup.requires_verification);
	assert_true(signup.email_sent);
	assert_int_equal(strlen(signup.debug_code), CODE_DIGITS);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.accounts"), "0");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "1");
	assert_ok(verify(signup.signup_id, "", signup.debug_code, &tokens));
	assert_string_equal(tokens.token_type, "Bearer");
	assert_int_equal(tokens.expires_in, TOKEN_TTL_S);
	assert_ok(login("ann@example.ORG", PASSWORD, &again));
	assert_string_equal(again.user_id, tokens.user_id);
	assert_string_equal(again.account_id, tokens.account_id);
	assert_string_not_equal(again.session_id, tokens.session_id);
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT concat_ws(' ', u.display_name, u.email, u.locale, r.role, au.account_id = "
		"u.account_id) FROM usher.users u JOIN usher.user_roles r ON r.user_id = u.id JOIN "
		"usher.account_users au ON au.user_id = u.id WHERE u.id = '%s'",
		tokens.user_id),
	    "Ann Ann@Example.org de-CH member t");
}

/* What the outbox delivered, one behind the other. */
static status
deliver_to_text(void *env, const struct mail *mail)
{
	char *text = env;
	size_t bytes = strlen(text);

	snprintf(text + bytes, 4096 - bytes, "From: %s\nTo: %s\n%s\n%s", mail->from, mail->to,
	    mail->subject, mail->text);
	return STATUS_OK;
}

static void
the_mail_brings_the_code_and_says_from_where_it_was_asked_for(void **state)
{
	Usher__V1__SignUpReply signup;
	struct store_conn *conn;
	struct arena arena;
	int64_t delivered = 0;
	char text[4096] = "";
	const struct outbox outbox = {
	    .key = fixture.auth->mail_key, .deliver = deliver_to_text, .deliver_env = text};

	(void)state;
	assert_ok(sign_up("Ann@Example.org", PASSWORD, &signup));
	/* Nobody reads it in the database. */
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT count(*) FROM usher.mail_outbox WHERE position('%s'::bytea IN sealed) > 0",
		signup.debug_code),
	    "0");
	assert_int_equal(arena_init(&arena, 4096, 1u << 20).code, ST_OK);
	assert_int_equal(
	    store_lease(fixture.store, clock_boot_us(&clock_system) + 60 * US_PER_S, &conn).code,
	    ST_OK);
	assert_int_equal(outbox_drain(&outbox, conn, &arena, &delivered).code, ST_OK);
	store_return(&conn);
	arena_done(&arena);
	assert_int_equal(delivered, 1);
	assert_non_null(strstr(text, "To: Ann@Example.org\n"));
	assert_non_null(strstr(text, signup.debug_code));
	assert_non_null(strstr(text, "192.0.2.1"));
	assert_null(strstr(text, "de-CH"));
}

static void
unknown_login_and_wrong_password_look_the_same(void **state)
{
	Usher__V1__Tokens tokens;
	struct handler_outcome unknown, wrong;
	int64_t difference_us;

	(void)state;
	account("ann@example.org");
	wrong = login("ann@example.org", "wrong password", &tokens);
	unknown = login("nobody@example.org", "wrong password", &tokens);
	assert_int_equal(wrong.status.code, ST_UNAUTHENTICATED);
	assert_int_equal(unknown.status.code, ST_UNAUTHENTICATED);
	assert_string_equal(wrong.status.message, unknown.status.message);
	assert_string_equal(wrong.status.reason, unknown.status.reason);
	difference_us = wrong.answered_after_us - unknown.answered_after_us;
	assert_in_range(wrong.answered_after_us, FAILURE_TIME_US - 5 * US_PER_MS, INT64_MAX);
	assert_true(difference_us > -5 * US_PER_MS && difference_us < 5 * US_PER_MS);
}

static atomic_int hashes;
/* Of a call that is under way: its time ends while it hashes. */
static struct store_conn *out_of_time;

static void
before_hash(void)
{
	(void)atomic_fetch_add(&hashes, 1);
	if (out_of_time)
		store_set_deadline(out_of_time, clock_boot_us(&clock_system) - 1);
}

/* By the choice of a deadline nobody learns what was hashed, nor whether it was right. */
static void
a_login_whose_time_ends_while_it_hashes_reads_like_a_wrong_password(void **state)
{
	static const char *const tries[][2] = {{"ann@example.org", PASSWORD},
	    {"ann@example.org", "wrong password"}, {"bob@example.org", PASSWORD},
	    {"nobody@example.org", "wrong password"}};
	Usher__V1__LoginRequest req = USHER__V1__LOGIN_REQUEST__INIT;
	const struct handler_ask ask = {.conn = &out_of_time};
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	(void)state;
	account("ann@example.org");
	assert_ok(sign_up("bob@example.org", PASSWORD, &signup));
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct handler_outcome outcome;

		req.email = (char *)tries[i][0];
		req.password = (char *)tries[i][1];
		outcome = handler_call(&fixture, &ask, &auth_service, "Login", &req, &tokens);
		out_of_time = NULL;
		assert_refused(outcome, ST_UNAUTHENTICATED, "LOGIN_REFUSED");
		assert_in_range(
		    outcome.answered_after_us, FAILURE_TIME_US - 5 * US_PER_MS, INT64_MAX);
	}
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.sessions"), "1");
}

static void
assert_refresh_refused(const char *token)
{
	Usher__V1__Tokens reply;

	assert_refused(refresh(token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
}

static void
a_disabled_account_or_user_reads_like_a_wrong_password(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org"), reply;

	(void)state;
	handler_sql(&fixture, "UPDATE usher.users SET status = 2");
	assert_refused(
	    login("ann@example.org", PASSWORD, &reply), ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	assert_refresh_refused(tokens.refresh_token);
	handler_sql(&fixture, "UPDATE usher.users SET status = 1");
	handler_sql(&fixture, "UPDATE usher.accounts SET disabled_at = now()");
	assert_refused(
	    login("ann@example.org", PASSWORD, &reply), ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	assert_refresh_refused(tokens.refresh_token);
	handler_sql(&fixture, "UPDATE usher.accounts SET disabled_at = NULL");
	handler_sql(&fixture, "UPDATE usher.orgs SET disabled_at = now()");
	assert_refused(
	    login("ann@example.org", PASSWORD, &reply), ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	assert_refresh_refused(tokens.refresh_token);
	handler_sql(&fixture, "UPDATE usher.orgs SET disabled_at = NULL, deleted_at = now()");
	assert_refresh_refused(tokens.refresh_token);
	/* Nothing else was wrong, and none of it took a successor. */
	handler_sql(&fixture, "UPDATE usher.orgs SET deleted_at = NULL");
	assert_ok(refresh(tokens.refresh_token, &reply));
}

static void
a_repeated_refresh_is_refused_once_the_organisation_is_disabled_or_deleted(void **state)
{
	Usher__V1__Tokens first = account("ann@example.org"), second, reply;

	(void)state;
	assert_ok(refresh(first.refresh_token, &second));
	handler_sql(&fixture, "UPDATE usher.orgs SET disabled_at = now()");
	assert_refresh_refused(first.refresh_token);
	handler_sql(&fixture, "UPDATE usher.orgs SET disabled_at = NULL, deleted_at = now()");
	assert_refresh_refused(first.refresh_token);
	/* Refused, but not ended. */
	handler_sql(&fixture, "UPDATE usher.orgs SET deleted_at = NULL");
	assert_ok(refresh(first.refresh_token, &reply));
	assert_string_equal(reply.refresh_token, second.refresh_token);
}

static void
only_the_password_of_an_open_sign_up_says_not_verified(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &signup));
	assert_ok(sign_up("ann@example.org", "another password", &signup));
	assert_refused(login("ann@example.org", PASSWORD, &tokens), ST_PERMISSION_DENIED,
	    "EMAIL_NOT_VERIFIED");
	assert_refused(login("ann@example.org", "a third password", &tokens), ST_UNAUTHENTICATED,
	    "LOGIN_REFUSED");
	handler_sql(&fixture, "UPDATE usher.signups SET expires_at = now()");
	assert_refused(
	    login("ann@example.org", PASSWORD, &tokens), ST_UNAUTHENTICATED, "LOGIN_REFUSED");
}

static void
signing_up_with_a_taken_address_looks_the_same(void **state)
{
	Usher__V1__SignUpReply taken, free_;
	Usher__V1__Tokens tokens;
	struct handler_outcome a, b;
	int64_t difference_us;

	(void)state;
	account("ann@example.org");
	a = sign_up("ann@example.org", "another password", &taken);
	b = sign_up("bob@example.org", "another password", &free_);
	assert_ok(a);
	assert_ok(b);
	assert_int_equal(strlen(taken.signup_id), strlen(free_.signup_id));
	assert_int_equal(strlen(taken.debug_code), strlen(free_.debug_code));
	assert_int_equal(taken.email_sent, free_.email_sent);
	difference_us = a.answered_after_us - b.answered_after_us;
	assert_true(difference_us > -5 * US_PER_MS && difference_us < 5 * US_PER_MS);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.mail_outbox"), "3");
	/* Tries on the decoy are counted like those on a sign-up that is there. */
	for (int i = 0; i < SIGNUP_TRIES_MAX; i++) {
		a = verify(taken.signup_id, "", wrong_code(taken.debug_code), &tokens);
		b = verify(free_.signup_id, "", wrong_code(free_.debug_code), &tokens);
		assert_int_equal(a.status.code, ST_UNAUTHENTICATED);
		assert_int_equal(b.status.code, ST_UNAUTHENTICATED);
	}
	assert_refused(verify(taken.signup_id, "", taken.debug_code, &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_refused(verify(free_.signup_id, "", free_.debug_code, &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
}

/* Signing up and then logging in must not tell who has an account. */
static void
logging_in_with_the_password_of_a_sign_up_does_not_tell_of_an_account(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;
	struct handler_outcome taken, free_;
	int64_t difference_us;

	(void)state;
	account("ann@example.org");
	assert_ok(sign_up("ann@example.org", "another password", &signup));
	assert_ok(sign_up("bob@example.org", "another password", &signup));
	taken = login("ann@example.org", "another password", &tokens);
	free_ = login("bob@example.org", "another password", &tokens);
	assert_refused(taken, ST_PERMISSION_DENIED, "EMAIL_NOT_VERIFIED");
	assert_refused(free_, ST_PERMISSION_DENIED, "EMAIL_NOT_VERIFIED");
	difference_us = taken.answered_after_us - free_.answered_after_us;
	assert_in_range(taken.answered_after_us, FAILURE_TIME_US - 5 * US_PER_MS, INT64_MAX);
	assert_true(difference_us > -5 * US_PER_MS && difference_us < 5 * US_PER_MS);
}

/* Even with its code, which nobody is sent, a sign-up takes no account over. */
static void
a_sign_up_for_a_taken_address_leads_nowhere(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	(void)state;
	account("ann@example.org");
	assert_ok(sign_up("ann@example.org", "another password", &signup));
	assert_refused(verify(signup.signup_id, "", signup.debug_code, &tokens), ST_UNAUTHENTICATED,
	    "CODE_REFUSED");
	assert_refused(login("ann@example.org", "another password", &tokens), ST_UNAUTHENTICATED,
	    "LOGIN_REFUSED");
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.accounts"), "1");
}

static void
a_code_is_used_once_and_not_after_its_time(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &signup));
	assert_ok(verify(signup.signup_id, "", signup.debug_code, &tokens));
	assert_refused(verify(signup.signup_id, "", signup.debug_code, &tokens), ST_UNAUTHENTICATED,
	    "CODE_REFUSED");
	assert_ok(sign_up("bob@example.org", PASSWORD, &signup));
	handler_sql(&fixture, "UPDATE usher.signups SET expires_at = now()");
	assert_refused(verify(signup.signup_id, "", signup.debug_code, &tokens), ST_UNAUTHENTICATED,
	    "CODE_REFUSED");
}

struct race {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const char *a, *b, *c;
	struct handler_outcome outcome;
	Usher__V1__Tokens tokens;
};

static struct race races[THREADS];

static void
race_run(void *(*run)(void *), const char *a, const char *b, const char *c)
{
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		races[i] = (struct race){.barrier = &barrier, .a = a, .b = b, .c = c};
		assert_int_equal(pthread_create(&races[i].thread, NULL, run, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(races[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static int
race_count(enum status_code code)
{
	int count = 0;

	for (int i = 0; i < THREADS; i++)
		count += races[i].outcome.status.code == code;
	return count;
}

static void *
race_verify(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->barrier);
	race->outcome = verify(race->a, "", race->b, &race->tokens);
	return NULL;
}

static void
of_twenty_with_the_right_code_one_wins(void **state)
{
	Usher__V1__SignUpReply signup;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &signup));
	race_run(race_verify, signup.signup_id, signup.debug_code, NULL);
	assert_int_equal(race_count(ST_OK), 1);
	assert_int_equal(race_count(ST_UNAUTHENTICATED), SIGNUP_TRIES_MAX - 1);
	assert_int_equal(race_count(ST_RESOURCE_EXHAUSTED), THREADS - SIGNUP_TRIES_MAX);
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.users"), "1");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.sessions"), "1");
}

/* Whoever goes on at codes that are lost is slowed down at others, too. */
static void
tries_at_a_spent_sign_up_count_against_their_network(void **state)
{
	static const char attempts[] = "SELECT attempts FROM usher.throttles WHERE kind = 5";
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;
	struct handler_outcome outcome;

	(void)state;
	fixture.auth->network_burst = SIGNUP_TRIES_MAX + 3;
	assert_ok(sign_up("ann@example.org", PASSWORD, &signup));
	for (int i = 0; i < SIGNUP_TRIES_MAX; i++)
		assert_refused(verify(signup.signup_id, "", wrong_code(signup.debug_code), &tokens),
		    ST_UNAUTHENTICATED, "CODE_REFUSED");
	assert_string_equal(handler_sql(&fixture, attempts), "5");
	for (int i = 0; i < 3; i++) {
		outcome = verify(signup.signup_id, "", signup.debug_code, &tokens);
		assert_refused(outcome, ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
		assert_true(outcome.refusal_committed);
	}
	assert_string_equal(handler_sql(&fixture, attempts), "8");
	/* The network has spent its own: nothing is counted, and nothing committed. */
	handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now() + interval '20 seconds'");
	outcome = verify(signup.signup_id, "", signup.debug_code, &tokens);
	assert_refused(outcome, ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_false(outcome.refusal_committed);
	assert_string_equal(handler_sql(&fixture, attempts), "8");
}

static void
by_address_a_code_works_only_while_one_sign_up_is_open(void **state)
{
	Usher__V1__SignUpReply first, second;
	Usher__V1__Tokens tokens;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &first));
	assert_ok(sign_up("ann@example.org", "another password", &second));
	assert_refused(verify("", "ann@example.org", first.debug_code, &tokens), ST_UNAUTHENTICATED,
	    "CODE_REFUSED");
	handler_sql(&fixture, "UPDATE usher.signups SET expires_at = now() WHERE id = '%s'",
	    second.signup_id);
	assert_ok(verify("", "Ann@example.org", first.debug_code, &tokens));
}

static void
guesses_by_address_cost_the_owner_nothing(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &signup));
	for (int i = 0; i < SIGNUP_TRIES_MAX; i++)
		assert_refused(
		    verify("", "ann@example.org", wrong_code(signup.debug_code), &tokens),
		    ST_UNAUTHENTICATED, "CODE_REFUSED");
	assert_refused(verify("", "ann@example.org", signup.debug_code, &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_ok(verify(signup.signup_id, "", signup.debug_code, &tokens));
}

static void
a_strangers_sign_up_for_my_address_neither_voids_nor_takes_mine(void **state)
{
	Usher__V1__SignUpReply mine, theirs;
	Usher__V1__Tokens tokens;

	(void)state;
	assert_ok(sign_up("ann@example.org", PASSWORD, &mine));
	assert_ok(sign_up("ann@example.org", "the thief's password", &theirs));
	/* The code of my mail does not open their sign-up (one in a million draws the same). */
	if (strcmp(mine.debug_code, theirs.debug_code) != 0)
		assert_refused(verify(theirs.signup_id, "", mine.debug_code, &tokens),
		    ST_UNAUTHENTICATED, "CODE_REFUSED");
	assert_ok(verify(mine.signup_id, "", mine.debug_code, &tokens));
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
	/* As before: it does not even tell that the address has an account by now. */
	assert_refused(login("ann@example.org", "the thief's password", &tokens),
	    ST_PERMISSION_DENIED, "EMAIL_NOT_VERIFIED");
	assert_refused(verify(theirs.signup_id, "", theirs.debug_code, &tokens), ST_UNAUTHENTICATED,
	    "CODE_REFUSED");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.accounts"), "1");
}

static void *
race_login(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->barrier);
	race->outcome = login(race->a, race->b, &race->tokens);
	return NULL;
}

static void *
race_sign_up(void *arg)
{
	struct race *race = arg;
	Usher__V1__SignUpReply signup;

	pthread_barrier_wait(race->barrier);
	race->outcome = sign_up(race->a, race->b, &signup);
	return NULL;
}

static void
assert_told_to_wait(int64_t min_ms, int64_t max_ms)
{
	for (int i = 0; i < THREADS; i++)
		if (races[i].outcome.status.code == ST_RESOURCE_EXHAUSTED)
			assert_in_range(races[i].outcome.retry_after_ms, min_ms, max_ms);
}

/* Whoever comes late must not find the wait over: it is a minute, and then several. */
static void
attempts_at_once_are_counted_one_by_one(void **state)
{
	Usher__V1__Tokens tokens;

	(void)state;
	account("ann@example.org");
	race_run(race_sign_up, "new@example.org", PASSWORD, NULL);
	assert_int_equal(race_count(ST_OK), 5);
	assert_int_equal(race_count(ST_RESOURCE_EXHAUSTED), THREADS - 5);
	assert_told_to_wait(1000, 60000);
	login("ann@example.org", "wrong password", &tokens);
	handler_sql(&fixture,
	    "UPDATE usher.throttles SET attempts = %d, free_at = now() WHERE kind = 2",
	    (int)fixture.auth->account_burst + 8);
	race_run(race_login, "ann@example.org", "wrong password", NULL);
	assert_int_equal(race_count(ST_UNAUTHENTICATED), 1);
	assert_int_equal(race_count(ST_RESOURCE_EXHAUSTED), THREADS - 1);
	/* Who came before the first was done knows of no wait yet. */
	assert_told_to_wait(1000, 512000);
}

/* Where a burst is spent the next call comes too early, however long the machine takes to make it.
 */
static void
lengthen_waits(void)
{
	handler_sql(&fixture,
	    "UPDATE usher.throttles SET free_at = now() + interval '20 seconds' WHERE attempts >= "
	    "CASE WHEN kind IN (1, 3, 5) THEN %d WHEN kind = 2 THEN %d WHEN kind = 8 THEN %d ELSE "
	    "5 END",
	    (int)fixture.auth->network_burst, (int)fixture.auth->account_burst,
	    10 * (int)fixture.auth->account_burst);
}

static void
wrong_passwords_from_one_network_do_not_slow_another(void **state)
{
	Usher__V1__Tokens tokens;

	(void)state;
	account("ann@example.org");
	for (int i = 0; i < fixture.auth->account_burst; i++)
		assert_refused(login_from("2001:db8:0:1::1", "ann@example.org", "wrong", &tokens),
		    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	lengthen_waits();
	assert_refused(login_from("2001:db8:0:1::2", "ann@example.org", PASSWORD, &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_ok(login_from("2001:db8:0:2::1", "ann@example.org", PASSWORD, &tokens));
	assert_ok(login_from("192.0.2.77", "ann@example.org", PASSWORD, &tokens));
}

/* Who has a /48 has 65,536 networks, and is slowed down at an account all the same. */
static void
the_networks_of_a_48_share_a_wider_burst_at_an_account(void **state)
{
	static const char wide[] =
	    "SELECT coalesce(max(attempts), 0) FROM usher.throttles WHERE kind = 8";
	Usher__V1__Tokens tokens;
	char ip[64];

	(void)state;
	account("ann@example.org");
	fixture.auth->account_burst = 2;
	for (int i = 0; i < 20; i++) {
		snprintf(ip, sizeof(ip), "2001:db8:5:%x::1", i);
		assert_refused(login_from(ip, "ann@example.org", "wrong", &tokens),
		    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	}
	lengthen_waits();
	assert_refused(login_from("2001:db8:5:ffff::1", "ann@example.org", PASSWORD, &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	/* Not at another account, nor from elsewhere. */
	assert_refused(login_from("2001:db8:5:ffff::1", "bea@example.org", PASSWORD, &tokens),
	    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	assert_ok(login_from("2001:db8:6::1", "ann@example.org", PASSWORD, &tokens));
	assert_string_equal(handler_sql(&fixture, wide), "20");
	handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now()");
	assert_ok(login_from("2001:db8:5:ffff::1", "ann@example.org", PASSWORD, &tokens));
	/* A success forgets what was counted there; what is left is the other account's. */
	assert_string_equal(handler_sql(&fixture, wide), "1");
	/* What is too early for its own network uses up nothing of the others'. */
	for (int i = 0; i < 2; i++)
		login_from("2001:db8:7::1", "ann@example.org", "wrong", &tokens);
	lengthen_waits();
	for (int i = 0; i < 3; i++)
		assert_refused(login_from("2001:db8:7::1", "ann@example.org", "wrong", &tokens),
		    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_string_equal(handler_sql(&fixture, wide), "2");
}

static void
waiting_grows_and_ends_and_a_success_forgets(void **state)
{
	Usher__V1__Tokens tokens;
	struct handler_outcome outcome;
	const char *before;

	(void)state;
	account("ann@example.org");
	for (int i = 1; i < fixture.auth->account_burst; i++)
		login("ann@example.org", "wrong password", &tokens);
	/* The last of the burst makes the next one wait, for a second at first. */
	before = handler_sql(&fixture,
	    "SELECT clock_timestamp() FROM usher.throttles WHERE kind = 2 AND free_at <= "
	    "clock_timestamp()");
	login("ann@example.org", "wrong password", &tokens);
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT free_at BETWEEN '%s'::timestamptz + interval '1 second' AND "
		"clock_timestamp() + interval '1 second' FROM usher.throttles WHERE kind = 2",
		before),
	    "t");
	lengthen_waits();
	assert_refused(login("ann@example.org", PASSWORD, &tokens), ST_RESOURCE_EXHAUSTED,
	    "TOO_MANY_ATTEMPTS");
	/* Five tries later. */
	handler_sql(&fixture,
	    "UPDATE usher.throttles SET attempts = attempts + 5, free_at = now() WHERE kind = 2");
	login("ann@example.org", "wrong password", &tokens);
	for (int64_t wait_ms = 64000; wait_ms <= 512000; wait_ms *= 2) {
		outcome = login("ann@example.org", "wrong password", &tokens);
		assert_int_equal(outcome.status.code, ST_RESOURCE_EXHAUSTED);
		assert_in_range(outcome.retry_after_ms, wait_ms - 20000, wait_ms);
		handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now()");
		assert_refused(login("ann@example.org", "wrong password", &tokens),
		    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	}
	handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now()");
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
	for (int i = 0; i < fixture.auth->account_burst - 1; i++)
		assert_refused(login("ann@example.org", "wrong password", &tokens),
		    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
}

/* The database's clock was a day ahead and has been set right; another time it was ahead in
 * between. */
static void
a_clock_that_was_set_back_locks_nobody_out(void **state)
{
	Usher__V1__Tokens tokens;

	(void)state;
	account("ann@example.org");
	for (int i = 0; i < fixture.auth->account_burst; i++)
		login("ann@example.org", "wrong password", &tokens);
	lengthen_waits();
	assert_refused(login("ann@example.org", PASSWORD, &tokens), ST_RESOURCE_EXHAUSTED,
	    "TOO_MANY_ATTEMPTS");
	handler_sql(&fixture,
	    "UPDATE usher.throttles SET attempts = 1000, free_at = now() + interval '1 day', "
	    "window_start = now() + interval '1 day'");
	/* And the window is a new one. */
	for (int i = 0; i < fixture.auth->account_burst; i++)
		assert_refused(login("ann@example.org", "wrong password", &tokens),
		    ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	/* A wait that the rule gives is one. What the client is told is that, not the other's. */
	handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now() + CASE kind WHEN 1 THEN "
			      "interval '1 day' ELSE "
			      "interval '14 minutes' END");
	assert_in_range(
	    login("ann@example.org", PASSWORD, &tokens).retry_after_ms, 13 * 60000, 14 * 60000);
	handler_sql(&fixture, "UPDATE usher.throttles SET free_at = now() + interval '16 minutes'");
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
}

static void
what_comes_too_early_is_refused_before_anything_is_hashed(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;
	int before = atomic_load(&hashes);

	(void)state;
	login("nobody@example.org", "wrong password", &tokens);
	sign_up("new@example.org", PASSWORD, &signup);
	assert_int_equal(atomic_load(&hashes), before + 2);
	for (int i = 1; i < fixture.auth->account_burst; i++)
		login("nobody@example.org", "wrong password", &tokens);
	for (int i = 1; i < 5; i++)
		sign_up("new@example.org", PASSWORD, &signup);
	lengthen_waits();
	before = atomic_load(&hashes);
	assert_refused(login("nobody@example.org", "wrong password", &tokens),
	    ST_RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
	assert_refused(sign_up("new@example.org", PASSWORD, &signup), ST_RESOURCE_EXHAUSTED,
	    "TOO_MANY_ATTEMPTS");
	assert_int_equal(atomic_load(&hashes), before);
}

static void
a_network_has_a_budget_over_all_addresses(void **state)
{
	Usher__V1__Tokens tokens;
	char email[64];

	(void)state;
	account("ann@example.org");
	fixture.auth->network_burst = 20;
	for (int i = 0; i < 20; i++) {
		snprintf(email, sizeof(email), "nobody%d@example.org", i);
		assert_refused(
		    login(email, "wrong password", &tokens), ST_UNAUTHENTICATED, "LOGIN_REFUSED");
	}
	lengthen_waits();
	assert_refused(login("ann@example.org", PASSWORD, &tokens), ST_RESOURCE_EXHAUSTED,
	    "TOO_MANY_ATTEMPTS");
	assert_ok(login_from("198.51.100.1", "ann@example.org", PASSWORD, &tokens));
	/* What is refused for its network leaves no row behind for its address. */
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.throttles WHERE kind = 2"), "20");
}

/* And of a network that has spent it, however long it goes on. */
static void
the_pace_is_what_the_page_on_security_says(void **state)
{
	Usher__V1__Tokens tokens;
	const char *before;

	(void)state;
	assert_int_equal(fixture.auth->account_burst, 10);
	assert_int_equal(fixture.auth->network_burst, 300);
	login("nobody@example.org", "wrong password", &tokens);
	before = handler_sql(&fixture,
	    "UPDATE usher.throttles SET attempts = 400, free_at = now() WHERE kind = 1 "
	    "RETURNING clock_timestamp()");
	assert_refused(login("somebody@example.org", "wrong password", &tokens), ST_UNAUTHENTICATED,
	    "LOGIN_REFUSED");
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT free_at BETWEEN '%s'::timestamptz + interval '30 seconds' AND "
		"clock_timestamp() + interval '30 seconds' FROM usher.throttles WHERE kind = 1",
		before),
	    "t");
}

static void
sign_ups_for_one_address_are_limited_from_wherever(void **state)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;
	Usher__V1__SignUpReply reply;
	struct handler_outcome outcome = {0};
	char ip[32];

	(void)state;
	req.email = "ann@example.org";
	req.password = PASSWORD;
	for (int i = 0; i < 6; i++) {
		struct handler_ask ask = {.client_ip = ip};

		snprintf(ip, sizeof(ip), "198.51.100.%d", i);
		outcome = handler_call(&fixture, &ask, &auth_service, "SignUp", &req, &reply);
		assert_int_equal(outcome.status.code, i < 5 ? ST_OK : ST_RESOURCE_EXHAUSTED);
	}
	assert_in_range(outcome.retry_after_ms, 50000, 60000);
}

static void
a_repeated_refresh_yields_the_same_successor_until_that_is_used(void **state)
{
	Usher__V1__Tokens first = account("ann@example.org"), lost, second, third, reply;
	struct handler_outcome outcome;

	(void)state;
	assert_ok(refresh(first.refresh_token, &lost));
	assert_ok(refresh(first.refresh_token, &second));
	assert_string_equal(second.refresh_token, lost.refresh_token);
	assert_string_not_equal(second.refresh_token, first.refresh_token);
	assert_string_equal(second.session_id, first.session_id);
	assert_ok(refresh(second.refresh_token, &third));
	/* Now the first one is a stolen one. */
	outcome = refresh(first.refresh_token, &reply);
	assert_refused(outcome, ST_UNAUTHENTICATED, "REFRESH_TOKEN_REUSED");
	assert_int_equal(outcome.effect, EFFECT_RESTRICT);
	assert_true(outcome.refusal_committed);
	assert_string_equal(handler_sql(&fixture,
				"SELECT count(*) FROM usher.changes WHERE kind = %d AND restricts "
				"AND id = '%s'",
				CHANGE_SESSION, first.session_id),
	    "1");
	assert_refused(
	    refresh(third.refresh_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	/* A repeat waits for a barrier like the first, though it has nothing to tell. */
	outcome = refresh(first.refresh_token, &reply);
	assert_refused(outcome, ST_UNAUTHENTICATED, "REFRESH_TOKEN_REUSED");
	assert_int_equal(outcome.effect, EFFECT_RESTRICT);
	assert_true(outcome.refusal_committed);
	assert_string_equal(handler_sql(&fixture, "SELECT string_agg(kind::text, ' ' ORDER BY xid) "
						  "FROM usher.changes WHERE restricts"),
	    CHANGES_OF_TWO_ENDS);
}

static void *
race_refresh(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->barrier);
	race->outcome = refresh(race->a, &race->tokens);
	return NULL;
}

static void
tabs_that_refresh_at_once_get_one_successor(void **state)
{
	Usher__V1__Tokens first = account("ann@example.org");

	(void)state;
	race_run(race_refresh, first.refresh_token, NULL, NULL);
	assert_int_equal(race_count(ST_OK), THREADS);
	for (int i = 1; i < THREADS; i++)
		assert_string_equal(races[i].tokens.refresh_token, races[0].tokens.refresh_token);
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.refresh_tokens"), "2");
}

static void
a_refresh_token_that_is_none_of_ours_changes_nothing(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org"), reply;
	struct secret secret, forged;
	char text[SECRET_TEXT_BYTES_MAX];

	(void)state;
	assert_refused(refresh("", &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	assert_refused(
	    refresh(tokens.access_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	/* The right id with another secret: it does not end the session either. */
	assert_true(secret_parse(slice_text(tokens.refresh_token), SECRET_REFRESH, &secret));
	assert_int_equal(
	    secret_make(&rand_system, SECRET_REFRESH, &secret.id, text, &forged).code, ST_OK);
	assert_refused(refresh(text, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	assert_ok(refresh(tokens.refresh_token, &reply));
}

static void
a_session_ends_whatever_its_tokens_say(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org"), reply;

	(void)state;
	assert_ok(refresh(tokens.refresh_token, &reply));
	assert_string_equal(
	    handler_sql(&fixture,
		"SELECT bool_and(t.expires_at <= s.expires_at) FROM "
		"usher.refresh_tokens t JOIN usher.sessions s ON s.id = t.session_id"),
	    "t");
	handler_sql(&fixture, "UPDATE usher.sessions SET expires_at = now()");
	assert_refused(
	    refresh(reply.refresh_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
}

#define OVER "expires_at = now() - interval '1 second'"

static void
a_refresh_token_is_over_at_its_time_with_and_without_a_successor(void **state)
{
	Usher__V1__Tokens used = account("ann@example.org"), unused = account("bea@example.org");
	Usher__V1__Tokens successor, reply;

	(void)state;
	handler_sql(&fixture, "UPDATE usher.refresh_tokens SET " OVER " WHERE session_id = '%s'",
	    unused.session_id);
	assert_refused(
	    refresh(unused.refresh_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	/* One that would give its successor once more. */
	assert_ok(refresh(used.refresh_token, &successor));
	handler_sql(
	    &fixture, "UPDATE usher.refresh_tokens SET " OVER " WHERE successor_id IS NOT NULL");
	assert_refused(
	    refresh(used.refresh_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	assert_ok(refresh(successor.refresh_token, &reply));
}

static void
logout_ends_the_session_and_says_so_to_all_nodes(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org"), reply;
	struct principal principal = handler_principal(&fixture, tokens.access_token);
	struct handler_ask ask = {.principal = &principal};
	Usher__V1__LogoutRequest req = USHER__V1__LOGOUT_REQUEST__INIT;
	Usher__V1__LogoutReply out;

	(void)state;
	assert_ok(handler_call(&fixture, &ask, &auth_service, "Logout", &req, &out));
	/* Again: already ended, and still a change that nodes wait for. */
	assert_ok(handler_call(&fixture, &ask, &auth_service, "Logout", &req, &out));
	assert_string_equal(handler_sql(&fixture, "SELECT string_agg(kind::text, ' ' ORDER BY xid) "
						  "FROM usher.changes WHERE restricts"),
	    CHANGES_OF_TWO_ENDS);
	assert_refused(
	    refresh(tokens.refresh_token, &reply), ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID");
	assert_false(introspect(&principal, tokens.access_token).active);
}

static void
introspection_tells_its_own_organisation_alone(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org");
	struct principal own = {.kind = PRINCIPAL_KEY, .has_org = true, .org_id = fixture.org_id};
	struct principal foreign = own, narrowed = own;
	Usher__V1__IntrospectReply reply = introspect(&own, tokens.access_token);

	(void)state;
	assert_true(reply.active);
	assert_int_equal(reply.kind, USHER__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_ACCESS_TOKEN);
	assert_string_equal(reply.user_id, tokens.user_id);
	assert_string_equal(reply.session_id, tokens.session_id);
	assert_int_equal(reply.expires_at->seconds - reply.issued_at->seconds, TOKEN_TTL_S);
	assert_true(reply.n_scopes > 0);
	foreign.org_id.bytes[0] ^= 1;
	reply = introspect(&foreign, tokens.access_token);
	assert_false(reply.active);
	assert_string_equal(reply.user_id, "");
	narrowed.is_narrowed = true;
	assert_false(introspect(&narrowed, tokens.access_token).active);
	assert_false(introspect(&own, tokens.refresh_token).active);
	assert_false(introspect(&own, "no token").active);
	assert_false(introspect(&own, "ush_live_x").active);
}

static void
introspection_reads_the_signing_keys_again_when_memory_lost_them(void **state)
{
	Usher__V1__Tokens tokens = account("ann@example.org");
	struct principal own = {.kind = PRINCIPAL_KEY, .has_org = true, .org_id = fixture.org_id};
	Usher__V1__IntrospectReply reply;

	(void)state;
	assert_true(introspect(&own, tokens.access_token).active);
	keyring_forget(fixture.keyring);
	reply = introspect(&own, tokens.access_token);
	assert_true(reply.active);
	assert_int_equal(reply.expires_at->seconds - reply.issued_at->seconds, TOKEN_TTL_S);
	handler_sql(&fixture, "DELETE FROM usher.signing_keys");
	keyring_forget(fixture.keyring);
	reply = introspect(&own, tokens.access_token);
	assert_false(reply.active);
	assert_string_equal(reply.user_id, "");
}

static void
a_login_hashes_anew_when_the_settings_rose(void **state)
{
	struct password_params params = {.memory_kib = 16, .passes = 2};
	struct password_hasher *hasher, *old = fixture.auth->hasher;
	Usher__V1__Tokens tokens;
	const char *before, *after;

	(void)state;
	account("ann@example.org");
	before = handler_sql(&fixture, "SELECT hash FROM usher.passwords");
	assert_int_equal(password_hasher_new(&params, 0, &rand_system, &hasher).code, ST_OK);
	fixture.auth->hasher = hasher;
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
	after = handler_sql(&fixture, "SELECT hash FROM usher.passwords");
	assert_string_not_equal(before, after);
	assert_true(strstr(after, "m=16,t=2") != NULL);
	assert_ok(login("ann@example.org", PASSWORD, &tokens));
	assert_string_equal(after, handler_sql(&fixture, "SELECT hash FROM usher.passwords"));
	fixture.auth->hasher = old;
	password_hasher_free(&hasher);
}

static void
production_shows_no_code_and_wants_mail(void **state)
{
	Usher__V1__SignUpRequest req = USHER__V1__SIGN_UP_REQUEST__INIT;
	Usher__V1__SignUpReply reply;
	struct handler_ask ask = {.production = true};

	(void)state;
	req.email = "ann@example.org";
	req.password = PASSWORD;
	assert_ok(handler_call(&fixture, &ask, &auth_service, "SignUp", &req, &reply));
	assert_string_equal(reply.debug_code, "");
	fixture.auth->sends_mail = false;
	assert_refused(handler_call(&fixture, &ask, &auth_service, "SignUp", &req, &reply),
	    ST_UNAVAILABLE, "MAIL_NOT_CONFIGURED");
}

static void
bad_input_is_named_by_its_field(void **state)
{
	Usher__V1__SignUpReply signup;
	Usher__V1__Tokens tokens;
	char long_password[PASSWORD_BYTES_MAX + 2];
	struct handler_outcome outcome;

	(void)state;
	memset(long_password, 'x', sizeof(long_password) - 1);
	long_password[sizeof(long_password) - 1] = '\0';
	outcome = sign_up("no address", PASSWORD, &signup);
	assert_int_equal(outcome.status.code, ST_INVALID_ARGUMENT);
	assert_string_equal(outcome.field, "email");
	outcome = sign_up(
	    "ann@example.org", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", &signup);
	assert_int_equal(outcome.status.code, ST_INVALID_ARGUMENT);
	assert_string_equal(outcome.field, "password");
	outcome = sign_up("ann@example.org", long_password, &signup);
	assert_int_equal(outcome.status.code, ST_INVALID_ARGUMENT);
	outcome = login("ann@example.org", long_password, &tokens);
	assert_int_equal(outcome.status.code, ST_INVALID_ARGUMENT);
	outcome = verify("", "", "123456", &tokens);
	assert_int_equal(outcome.status.code, ST_INVALID_ARGUMENT);
	outcome = verify("no uuid", "", "123456", &tokens);
	assert_string_equal(outcome.field, "signup_id");
	outcome = verify("01900000-0000-7000-8000-000000000001", "", "12345", &tokens);
	assert_string_equal(outcome.field, "code");
	assert_string_equal(handler_sql(&fixture, "SELECT count(*) FROM usher.throttles"), "0");
}

static void
the_published_keys_are_those_that_sign(void **state)
{
	Usher__V1__GetJwksRequest req = USHER__V1__GET_JWKS_REQUEST__INIT;
	Usher__V1__GetJwksReply reply;

	(void)state;
	assert_ok(call("GetJwks", &req, &reply));
	assert_true(reply.n_keys >= 1);
	assert_string_equal(reply.keys[0]->kty, "EC");
	assert_string_equal(reply.keys[0]->alg, "ES256");
	assert_string_equal(
	    handler_sql(&fixture, "SELECT count(*) FROM usher.signing_keys WHERE kid = '%s'",
		reply.keys[0]->kid),
	    "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_signed_up_and_verified_is_a_member_and_logs_in),
	    TEST(the_mail_brings_the_code_and_says_from_where_it_was_asked_for),
	    TEST(unknown_login_and_wrong_password_look_the_same),
	    TEST(a_login_whose_time_ends_while_it_hashes_reads_like_a_wrong_password),
	    TEST(a_disabled_account_or_user_reads_like_a_wrong_password),
	    TEST(a_repeated_refresh_is_refused_once_the_organisation_is_disabled_or_deleted),
	    TEST(only_the_password_of_an_open_sign_up_says_not_verified),
	    TEST(signing_up_with_a_taken_address_looks_the_same),
	    TEST(logging_in_with_the_password_of_a_sign_up_does_not_tell_of_an_account),
	    TEST(a_sign_up_for_a_taken_address_leads_nowhere),
	    TEST(a_code_is_used_once_and_not_after_its_time),
	    TEST(of_twenty_with_the_right_code_one_wins),
	    TEST(tries_at_a_spent_sign_up_count_against_their_network),
	    TEST(by_address_a_code_works_only_while_one_sign_up_is_open),
	    TEST(guesses_by_address_cost_the_owner_nothing),
	    TEST(a_strangers_sign_up_for_my_address_neither_voids_nor_takes_mine),
	    TEST(attempts_at_once_are_counted_one_by_one),
	    TEST(wrong_passwords_from_one_network_do_not_slow_another),
	    TEST(the_networks_of_a_48_share_a_wider_burst_at_an_account),
	    TEST(waiting_grows_and_ends_and_a_success_forgets),
	    TEST(a_clock_that_was_set_back_locks_nobody_out),
	    TEST(what_comes_too_early_is_refused_before_anything_is_hashed),
	    TEST(a_network_has_a_budget_over_all_addresses),
	    TEST(the_pace_is_what_the_page_on_security_says),
	    TEST(sign_ups_for_one_address_are_limited_from_wherever),
	    TEST(a_repeated_refresh_yields_the_same_successor_until_that_is_used),
	    TEST(tabs_that_refresh_at_once_get_one_successor),
	    TEST(a_refresh_token_that_is_none_of_ours_changes_nothing),
	    TEST(a_session_ends_whatever_its_tokens_say),
	    TEST(a_refresh_token_is_over_at_its_time_with_and_without_a_successor),
	    TEST(logout_ends_the_session_and_says_so_to_all_nodes),
	    TEST(introspection_tells_its_own_organisation_alone),
	    TEST(introspection_reads_the_signing_keys_again_when_memory_lost_them),
	    TEST(a_login_hashes_anew_when_the_settings_rose),
	    TEST(production_shows_no_code_and_wants_mail),
	    TEST(bad_input_is_named_by_its_field),
	    TEST(the_published_keys_are_those_that_sign),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
