/* Adding a method: it is written in echo.proto, the generator makes the rest but for the handlers,
 * which stand here. Each generated part is used the way its reader uses it. */
#include "gen/client/echo.h"
#include "gen/client/routes.h"
#include "gen/meta/echo.h"
#include "gen/meta/well_known.h"
#include "gen/svc/echo.h"
#include "plugin/names.h"
#include "rpc/call.h"

#include <setjmp.h>

#include <cmocka.h>

struct echo_env {
	const char *greeting;
	Usher__Test__SayRequest *last; /* NULL: not in memory */
};

/* Say the text again, after the greeting. */
status
echo_say(const struct echo_env *env, struct rpc_call *call, const Usher__Test__SayRequest *req,
    Usher__Test__SayReply *reply)
{
	Usher__Test__SayRequest *said = arena_alloc(call->arena, sizeof *said);

	if (!said)
		return ARENA_EXHAUSTED;
	usher__test__say_request__init(said);
	said->text = arena_format(call->arena, "%s, %s", env->greeting, req->text);
	if (!said->text)
		return ARENA_EXHAUSTED;
	reply->said = said;
	return STATUS_OK;
}

status
echo_get_last_cached(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__GetLastRequest *req, Usher__Test__SayReply *reply)
{
	(void)call;
	(void)req;
	if (!env->last)
		return RPC_NOT_CACHED;
	reply->said = env->last;
	return STATUS_OK;
}

status
echo_get_last(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__GetLastRequest *req, Usher__Test__SayReply *reply)
{
	(void)env;
	(void)call;
	(void)req;
	(void)reply;
	return REFUSE(ST_NOT_FOUND, "nothing was said yet");
}

status
echo_draw(const struct echo_env *env, struct rpc_call *call, const Usher__Test__DrawRequest *req,
    Usher__Test__Shape *reply)
{
	(void)env;
	(void)call;
	reply->name = req->frame ? req->frame->name : (char *)"nothing";
	return STATUS_OK;
}

status
echo_forget(const struct echo_env *env, struct rpc_call *call, const Google__Protobuf__Empty *req,
    Google__Protobuf__Empty *reply)
{
	(void)env;
	(void)call;
	(void)req;
	(void)reply;
	return REFUSE(ST_PERMISSION_DENIED, "it is remembered");
}

struct fixture {
	struct arena arena;
	struct rpc_call call;
	struct echo_env env;
};

static const struct rpc_method *
row_of(const char *name)
{
	for (size_t i = 0; i < echo_service.methods_count; i++) {
		if (strcmp(echo_service.methods[i].name, name) == 0)
			return &echo_service.methods[i];
	}
	fail_msg("no row of the name %s", name);
	return NULL;
}

static void
a_row_leads_to_the_typed_handler(void **state)
{
	struct fixture *f = *state;
	const struct rpc_method *row = row_of("usher.test.EchoService/Say");
	Usher__Test__SayRequest req = USHER__TEST__SAY_REQUEST__INIT;
	Usher__Test__SayReply reply = USHER__TEST__SAY_REPLY__INIT;

	req.text = (char *)"world";
	assert_int_equal(row->handle(&f->env, &f->call, &req.base, &reply.base).code, ST_OK);
	assert_string_equal(reply.said->text, "hello, world");
	assert_null(row->handle_cached);
}

static void
an_inline_method_has_a_handler_for_memory_and_one_for_the_rest(void **state)
{
	struct fixture *f = *state;
	const struct rpc_method *row = row_of("usher.test.EchoService/GetLast");
	Usher__Test__GetLastRequest req = USHER__TEST__GET_LAST_REQUEST__INIT;
	Usher__Test__SayReply reply = USHER__TEST__SAY_REPLY__INIT;
	Usher__Test__SayRequest last = USHER__TEST__SAY_REQUEST__INIT;

	assert_true(
	    rpc_is_not_cached(row->handle_cached(&f->env, &f->call, &req.base, &reply.base)));
	assert_int_equal(row->handle(&f->env, &f->call, &req.base, &reply.base).code, ST_NOT_FOUND);
	f->env.last = &last;
	assert_int_equal(row->handle_cached(&f->env, &f->call, &req.base, &reply.base).code, ST_OK);
	assert_ptr_equal(reply.said, &last);
}

static void
a_row_says_what_the_options_say(void **state)
{
	const struct rpc_method *row = row_of("usher.test.EchoService/Say");

	(void)state;
	assert_string_equal(echo_service.name, "usher.test.EchoService");
	assert_string_equal(echo_service.short_name, "echo");
	assert_int_equal(row->id, name_hash("usher.test.EchoService/Say"));
	assert_int_equal(row->lane, LANE_QUERY);
	assert_int_equal(row->effect, EFFECT_WRITE);
	assert_int_equal(row->assurance, ASSURANCE_RECENT);
	assert_true(row->idempotent_by_key && row->audit && row->batchable);
	assert_int_equal(row->deadline_ms, 2500);
	assert_int_equal(row->bytes_max, 65536);
	assert_int_equal(row->access_count, 4);
	assert_int_equal(row->access[0].kind, ACCESS_SELF);
	assert_string_equal(row->access[0].name, "user_id");
	assert_int_equal(row->access[2].kind, ACCESS_KEY);
	assert_string_equal(row->access[2].name, "context.write");
	assert_ptr_equal(row->request, &usher__test__say_request__descriptor);
	assert_ptr_equal(row->request_meta, &meta_usher_test_say_request);

	/* In pieces in the .proto. */
	row = row_of("usher.test.EchoService/GetLast");
	assert_int_equal(row->access_count, 2);
	assert_int_equal(row->lane, LANE_INLINE);
	assert_int_equal(row->effect, EFFECT_READ);
}

static void
field_tables_know_what_descriptors_do_not(void **state)
{
	const struct meta_message *message = &meta_usher_test_say_request;
	const struct meta_field *field = meta_field_by_json_name(message, "userId", 6);

	(void)state;
	assert_string_equal(field->name, "user_id");
	field = meta_field_by_number(message, 3);
	assert_int_equal(field->flags, META_SECRET);
	assert_int_equal(field->length_max, 256);
	field = meta_field_by_number(message, 10);
	assert_int_equal(field->flags, META_REPEATED | META_MAP);
	assert_true(field->message->map_entry);
	assert_int_equal(field->items_max, 8);
	field = meta_field_by_number(message, 17);
	assert_true(field->has_range && field->range_min == INT64_MIN);
	assert_true(meta_usher_test_say_reply.has_secret);
	assert_false(meta_usher_test_shape.has_secret);
	assert_int_equal(meta_google_protobuf_timestamp.well_known, META_TIMESTAMP);
}

static void
clients_and_the_bridge_have_their_rows(void **state)
{
	(void)state;
	assert_int_equal(echo_say_method.id, row_of("usher.test.EchoService/Say")->id);
	assert_int_equal(echo_say_method.effect, CLIENT_WRITE);
	assert_true(echo_say_method.idempotent_by_key);

	assert_int_equal(routes_count, 6);
	assert_string_equal(routes[0].verb, "POST");
	assert_string_equal(routes[0].path, "/v1/users/{user_id}/echoes");
	assert_string_equal(routes[0].body, "*");
	assert_int_equal(routes[0].success_status, 201);
	assert_false(routes[0].inline_read);
	assert_string_equal(routes[2].method, "usher.test.EchoService/GetLast");
	assert_true(routes[2].inline_read);
	assert_string_equal(routes[2].body, "");
	assert_string_equal(routes[4].body, "frame");
}

static int
set_up(void **state)
{
	static struct fixture f;

	f.env = (struct echo_env){.greeting = "hello"};
	f.call = (struct rpc_call){.arena = &f.arena};
	*state = &f;
	return arena_init(&f.arena, 4096, 65536).code;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_row_leads_to_the_typed_handler, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_inline_method_has_a_handler_for_memory_and_one_for_the_rest, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_row_says_what_the_options_say, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		field_tables_know_what_descriptors_do_not, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		clients_and_the_bridge_have_their_rows, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
