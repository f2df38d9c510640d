/* usher selftest: the main job against a running system, with an account of its own that it
 * removes. A step is a row; the first that fails ends it. */
#include "app/bootstrap.h"
#include "app/cli.h"

#include "gen/client/auth.h"
#include "gen/client/context.h"

#include <string.h>

#define STEPS_MAX 16
#define COMPANY "Selftest Company"

struct selftest {
	struct cli *cli;
	struct client *client;
	struct store_conn *conn;
	struct password_hasher *hasher;
	struct bootstrap_person person;
	struct causal_session session;
	const char *access_token, *chatbot_id, *api_key, *key_id;
	bool made;
};

/* Call with that credential. On success the caller frees result; a failure's message is kept in our
 * arena, and there is nothing to free. */
static status
call(struct selftest *test, const char *credential, const struct client_method *method,
    const ProtobufCMessage *request, struct client_result *result)
{
	const struct client_options options = {
	    .credential = slice_text(credential), .session = &test->session};
	status st;

	client_call(test->client, method, &options, request, result);
	st = result->status;
	if (st.code == ST_OK)
		return st;
	st = cli_keep_status(test->cli, st);
	client_result_done(result);
	return st;
}

/* The same when the reply says nothing that is wanted. */
static status
call_only(struct selftest *test, const char *credential, const struct client_method *method,
    const ProtobufCMessage *request)
{
	struct client_result result;

	TRY(call(test, credential, method, request, &result));
	client_result_done(&result);
	return STATUS_OK;
}

static status
make_account(struct selftest *test)
{
	struct bootstrap_person *person = &test->person;
	struct revision revision;
	char text[UUID_TEXT_BYTES];
	uint8_t noise[16];
	char *password = arena_alloc(test->cli->arena, 2 * sizeof noise + 1);

	if (!password)
		return ARENA_EXHAUSTED;
	TRY(rand_fill(&rand_system, noise, sizeof noise));
	hex_encode(slice_of(noise, sizeof noise), password);
	TRY(bootstrap_id(&person->account_id));
	TRY(bootstrap_id(&person->org_id));
	TRY(bootstrap_id(&person->user_id));
	uuid_format(&person->org_id, text);
	person->password = password;
	person->email = arena_format(test->cli->arena, "selftest-%s@example.com", text);
	person->display_name = "Self-test";
	TRY(store_begin(test->conn));
	TRY(bootstrap_org(test->conn, &person->org_id,
	    arena_format(test->cli->arena, "selftest-%s", text), "Self-test"));
	TRY(bootstrap_owner(test->conn, test->hasher, test->cli->arena, person));
	TRY(store_commit(test->conn, &revision));
	test->made = true;
	return STATUS_OK;
}

static status
log_in(struct selftest *test)
{
	Usher__V1__LoginRequest request = USHER__V1__LOGIN_REQUEST__INIT;
	struct client_result result;

	request.email = (char *)test->person.email;
	request.password = (char *)test->person.password;
	TRY(call(test, "", &auth_login_method, &request.base, &result));
	test->access_token =
	    arena_copy_text(test->cli->arena, auth_login_reply(&result)->access_token);
	client_result_done(&result);
	return STATUS_OK;
}

static status
write_profile(struct selftest *test)
{
	Usher__V1__PutProfileRequest request = USHER__V1__PUT_PROFILE_REQUEST__INIT;
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;

	profile.company = (char *)COMPANY;
	request.profile = &profile;
	return call_only(test, test->access_token, &context_put_profile_method, &request.base);
}

static status
make_chatbot(struct selftest *test)
{
	Usher__V1__CreateChatbotRequest request = USHER__V1__CREATE_CHATBOT_REQUEST__INIT;
	struct client_result result;

	request.display_name = (char *)"Self-test";
	TRY(call(test, test->access_token, &context_create_chatbot_method, &request.base, &result));
	test->chatbot_id =
	    arena_copy_text(test->cli->arena, context_create_chatbot_reply(&result)->chatbot_id);
	client_result_done(&result);
	return STATUS_OK;
}

static status
make_key(struct selftest *test)
{
	Usher__V1__CreateApiKeyRequest request = USHER__V1__CREATE_API_KEY_REQUEST__INIT;
	const Usher__V1__CreateApiKeyReply *reply;
	char user_id[UUID_TEXT_BYTES];
	char *scopes[] = {(char *)"context.read"};
	struct client_result result;

	uuid_format(&test->person.user_id, user_id);
	request.chatbot_id = (char *)test->chatbot_id;
	request.default_user_id = user_id;
	request.n_scopes = 1;
	request.scopes = scopes;
	TRY(call(test, test->access_token, &context_create_api_key_method, &request.base, &result));
	reply = context_create_api_key_reply(&result);
	test->api_key = arena_copy_text(test->cli->arena, reply->api_key);
	test->key_id = arena_copy_text(test->cli->arena, reply->key->key_id);
	client_result_done(&result);
	return STATUS_OK;
}

/* Does one of the block's segments say it? */
static bool
block_says(const Usher__V1__ContextBlock *block, const char *text)
{
	for (size_t i = 0; block && i < block->n_segments; i++)
		if (strstr(block->segments[i]->text, text))
			return true;
	return false;
}

static status
resolve(struct selftest *test)
{
	Usher__V1__ResolveRequest request = USHER__V1__RESOLVE_REQUEST__INIT;
	struct client_result result;
	bool says;

	request.message = (char *)"Hello";
	TRY(call(test, test->api_key, &context_resolve_method, &request.base, &result));
	says = block_says(context_resolve_reply(&result)->context, COMPANY);
	client_result_done(&result);
	return says ? STATUS_OK
		    : REFUSE(ST_DATA_LOSS, "the context block lacks the profile that was written");
}

static status
revoke_key(struct selftest *test)
{
	Usher__V1__RevokeApiKeyRequest request = USHER__V1__REVOKE_API_KEY_REQUEST__INIT;

	request.chatbot_id = (char *)test->chatbot_id;
	request.key_id = (char *)test->key_id;
	return call_only(test, test->access_token, &context_revoke_api_key_method, &request.base);
}

static status
see_key_refused(struct selftest *test)
{
	status st = resolve(test);

	if (st.code == ST_UNAUTHENTICATED)
		return STATUS_OK;
	return st.code == ST_OK ? REFUSE(ST_DATA_LOSS, "the revoked key still works") : st;
}

static status
log_out(struct selftest *test)
{
	Usher__V1__LogoutRequest request = USHER__V1__LOGOUT_REQUEST__INIT;

	return call_only(test, test->access_token, &auth_logout_method, &request.base);
}

static status
see_token_refused(struct selftest *test)
{
	status st = write_profile(test);

	if (st.code == ST_UNAUTHENTICATED)
		return STATUS_OK;
	return st.code == ST_OK ? REFUSE(ST_DATA_LOSS, "the token of an ended session still works")
				: st;
}

static const struct {
	const char *name;
	status (*run)(struct selftest *test);
} steps[] = {
    {"make an account and its organisation", make_account},
    {"log in", log_in},
    {"write the profile", write_profile},
    {"make a chatbot", make_chatbot},
    {"make an API key", make_key},
    {"resolve with the key", resolve},
    {"resolve again, from memory if it may", resolve},
    {"revoke the key", revoke_key},
    {"the key is refused", see_key_refused},
    {"log out", log_out},
    {"the token is refused", see_token_refused},
};

static status
remove_account(struct selftest *test)
{
	const struct bootstrap_person *person = &test->person;
	struct revision revision;

	if (!test->made)
		return STATUS_OK;
	store_rollback(test->conn);
	store_set_deadline(test->conn, clock_boot_us(&clock_system) + 10 * US_PER_S);
	TRY(store_begin(test->conn));
	TRY(STORE_QUERY(test->conn, STMT_BOOTSTRAP_REMOVE_ORG, NULL, p_uuid(&person->org_id)));
	TRY(STORE_QUERY(
	    test->conn, STMT_BOOTSTRAP_REMOVE_ACCOUNT, NULL, p_uuid(&person->account_id)));
	TRY(store_change(test->conn, CHANGE_ORG, &person->org_id, &person->org_id, true));
	TRY(store_change(test->conn, CHANGE_ACCOUNT, &person->account_id, NULL, true));
	return store_commit(test->conn, &revision);
}

static enum cli_exit
run_steps(struct selftest *test)
{
	struct cli *cli = test->cli;
	status st = STATUS_OK, removed;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && st.code == ST_OK; i++) {
		int64_t from = clock_boot_us(&clock_system);

		store_set_deadline(test->conn, from + 10 * US_PER_S);
		st = steps[i].run(test);
		if (!cli->json)
			printf("%-40s %s  %.1f ms\n", steps[i].name,
			    st.code == ST_OK ? "ok    " : "FAILED",
			    (double)(clock_boot_us(&clock_system) - from) / 1000.0);
	}
	removed = remove_account(test);
	if (!cli->json)
		printf("%-40s %s\n", "remove the account", removed.code == ST_OK ? "ok" : "FAILED");
	if (st.code == ST_OK)
		st = removed;
	if (cli->json)
		printf("{\"passed\":%s}\n", st.code == ST_OK ? "true" : "false");
	return st.code == ST_OK ? CLI_OK : cli_say_status(cli, st);
}

static enum cli_exit
run(struct cli *cli)
{
	struct password_params params = {
	    .memory_kib = (uint32_t)config_int(cli->config, "password.memory_kib"),
	    .passes = (uint32_t)config_int(cli->config, "password.passes"),
	};
	struct selftest test = {.cli = cli};
	struct store *store = NULL;
	enum cli_exit code;
	status st;

	causal_session_init(&test.session);
	st = cli_connect(cli, &test.client);
	if (st.code == ST_OK)
		st = password_hasher_new(&params, 0, &rand_system, &test.hasher);
	if (st.code == ST_OK)
		st = cli_open_store(cli, &store, &test.conn);
	code = st.code == ST_OK ? run_steps(&test) : cli_fail_database(cli, st);
	if (test.conn)
		store_return(&test.conn);
	store_free(&store);
	password_hasher_free(&test.hasher);
	if (test.client)
		client_free(&test.client);
	causal_session_done(&test.session);
	return code;
}

const struct cli_command cli_selftest = {
    .name = "selftest",
    .words = "",
    .summary = "do the main job against a running system, with an account that it removes",
    .text = "Makes an organisation with an account in the database (the database settings), then\n"
	    "calls the server: login, profile, chatbot, key, Resolve, revocation, logout.\n"
	    "The account, its user, chatbot and key are removed, the organisation is closed.\n\n"
	    "  USHER_CONFIG=data/usher.conf usher selftest",
    .options =
	{
	    {"--url", "URL", "where usherd listens; otherwise the setting bridge.upstream"},
	},
    .run = run,
};
