/* Is what we forget found where nng has a part in it, and what nng loses not (tests/lib/lent)? Each
 * case is a process: what it forgets is looked for at its end. */
#include "base/sanitized.h"

#include <malloc.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_BYTES 100

/* Not assert_int_equal(): the case is another thread of another process. */
static void
must(bool is_so)
{
	if (!is_so)
		_exit(100);
}

static nng_msg *
message_new(void)
{
	nng_msg *message;

	must(nng_msg_alloc(&message, MESSAGE_BYTES) == 0);
	memset(nng_msg_body(message), 'x', MESSAGE_BYTES);
	return message;
}

static nng_aio *
aio_new(void)
{
	nng_aio *aio;

	must(nng_aio_alloc(&aio, NULL, NULL) == 0);
	return aio;
}

static nng_msg *
take_message(nng_aio *aio)
{
	nng_msg *message = nng_aio_get_msg(aio);

	must(message != NULL);
	nng_aio_set_msg(aio, NULL);
	return message;
}

/* A request to a server, and what the server has then. */
static nng_msg *
message_received(void)
{
	nng_socket server, client;
	nng_ctx ctx;
	nng_aio *aio = aio_new();

	must(nng_rep0_open(&server) == 0);
	must(nng_listen(server, "inproc://leaks", NULL, 0) == 0);
	must(nng_req0_open(&client) == 0);
	must(nng_dial(client, "inproc://leaks", NULL, 0) == 0);
	must(nng_sendmsg(client, message_new(), 0) == 0);
	must(nng_ctx_open(&ctx, server) == 0);
	nng_ctx_recv(ctx, aio);
	nng_aio_wait(aio);
	must(nng_aio_result(aio) == 0);
	nng_msg *message = take_message(aio);
	nng_aio_free(aio);
	must(nng_close(client) == 0 && nng_close(server) == 0);
	return message;
}

/* A reply to nobody. It is in the aio. */
static nng_aio *
message_unsent(void)
{
	nng_socket server;
	nng_ctx ctx;
	nng_aio *aio = aio_new();

	must(nng_rep0_open(&server) == 0);
	must(nng_ctx_open(&ctx, server) == 0);
	nng_aio_set_msg(aio, message_new());
	nng_ctx_send(ctx, aio);
	nng_aio_wait(aio);
	must(nng_aio_result(aio) == NNG_ESTATE);
	must(nng_close(server) == 0);
	return aio;
}

static void
allocate(void *out)
{
	*(void **)out = malloc(1);
}

static void *
memory_of_a_callback(void)
{
	nng_aio *aio;
	void *memory = NULL;

	must(nng_aio_alloc(&aio, allocate, &memory) == 0);
	nng_sleep_aio(1, aio);
	nng_aio_wait(aio);
	must(memory != NULL);
	nng_aio_free(aio);
	return memory;
}

static void *
forget_nothing(void *arg)
{
	nng_aio *aio = message_unsent();

	(void)arg;
	nng_msg_free(take_message(aio));
	nng_aio_free(aio);
	nng_msg_free(message_received());
	free(memory_of_a_callback());
	return NULL;
}

static void *
forget_a_message(void *arg)
{
	(void)arg;
	(void)message_new();
	return NULL;
}

static void *
forget_a_copy(void *arg)
{
	nng_msg *message = message_new(), *copy;

	(void)arg;
	must(nng_msg_dup(&copy, message) == 0);
	nng_msg_free(message);
	return NULL;
}

static void *
forget_what_was_received(void *arg)
{
	(void)arg;
	(void)message_received();
	return NULL;
}

static void *
forget_what_came_back(void *arg)
{
	nng_aio *aio = message_unsent();

	(void)arg;
	(void)take_message(aio);
	nng_aio_free(aio);
	return NULL;
}

static void *
forget_to_ask_what_came_back(void *arg)
{
	(void)arg;
	nng_aio_free(message_unsent());
	return NULL;
}

static void *
forget_what_another_takes_the_place_of(void *arg)
{
	nng_aio *aio = message_unsent();

	(void)arg;
	nng_aio_set_msg(aio, NULL);
	nng_aio_free(aio);
	return NULL;
}

static void *
forget_what_could_not_be_sent(void *arg)
{
	nng_socket server;

	(void)arg;
	must(nng_rep0_open(&server) == 0);
	must(nng_sendmsg(server, message_new(), 0) == NNG_ESTATE);
	must(nng_close(server) == 0);
	return NULL;
}

static void *
forget_an_aio(void *arg)
{
	(void)arg;
	(void)aio_new();
	return NULL;
}

static void *
forget_memory_of_a_callback(void *arg)
{
	(void)arg;
	(void)memory_of_a_callback();
	return NULL;
}

/* nng puts another in its place, or, as 1.5 does with a reply whose connection is being closed,
 * none at all. */
static void
overwrite(nng_aio *aio, const nng_msg *message)
{
	const void **words = (const void **)aio;

	for (size_t i = 0; i < malloc_usable_size(aio) / sizeof(*words); i++)
		if (words[i] == message)
			words[i] = NULL;
}

static void *
forget_what_was_taken(void *arg)
{
	nng_aio *aio = message_unsent();

	(void)arg;
	overwrite(aio, nng_aio_get_msg(aio));
	nng_aio_free(aio);
	return NULL;
}

static void *
lose_a_message_of_a_context(void *arg)
{
	nng_aio *aio = aio_new();
	nng_msg *message = message_new();

	(void)arg;
	nng_aio_set_msg(aio, message);
	nng_ctx_send((nng_ctx)NNG_CTX_INITIALIZER, aio);
	nng_aio_wait(aio);
	overwrite(aio, message);
	nng_aio_free(aio);
	return NULL;
}

static void *
lose_a_message_of_a_socket(void *arg)
{
	nng_aio *aio = aio_new();
	nng_msg *message = message_new();

	(void)arg;
	nng_aio_set_msg(aio, message);
	nng_send_aio((nng_socket)NNG_SOCKET_INITIALIZER, aio);
	nng_aio_wait(aio);
	overwrite(aio, message);
	nng_aio_free(aio);
	return NULL;
}

static void *
lose_what_nng_has_for_itself(void *arg)
{
	nng_stream_listener *listener;

	(void)arg;
	must(nng_stream_listener_alloc(&listener, "tcp://127.0.0.1:0") == 0);
	return NULL;
}

/* In a thread, so that no stack has a pointer any more. */
static void
play(void *(*played)(void *))
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, played, NULL) == 0);
	must(pthread_join(thread, NULL) == 0);
	exit(0);
}

/* Is anything found that it forgot? */
static bool
is_found(void *(*played)(void *))
{
	FILE *said = tmpfile();
	char text[4096];
	int how;

	assert_non_null(said);
	(void)fflush(NULL);
	const pid_t child = fork();
	if (child == 0) {
		(void)dup2(fileno(said), STDERR_FILENO);
		play(played);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	rewind(said);
	text[fread(text, 1, sizeof text - 1, said)] = '\0';
	(void)fclose(said);
	assert_int_not_equal(WEXITSTATUS(how), 100);
	assert_int_equal(
	    WEXITSTATUS(how) != 0, strstr(text, "LeakSanitizer: detected memory leaks") != NULL);
	return WEXITSTATUS(how) != 0;
}

static void
need_sanitizer(void)
{
#ifndef IS_ADDRESS_SANITIZED
	skip();
#endif
}

static void
what_we_forget_is_found(void **state)
{
	(void)state;
	need_sanitizer();
	assert_true(is_found(forget_a_message));
	assert_true(is_found(forget_a_copy));
	assert_true(is_found(forget_what_was_received));
	assert_true(is_found(forget_what_came_back));
	assert_true(is_found(forget_what_was_taken));
	assert_true(is_found(forget_to_ask_what_came_back));
	assert_true(is_found(forget_what_another_takes_the_place_of));
	assert_true(is_found(forget_what_could_not_be_sent));
	assert_true(is_found(forget_an_aio));
	assert_true(is_found(forget_memory_of_a_callback));
}

static void
nothing_is_found_where_nothing_is_forgotten(void **state)
{
	(void)state;
	need_sanitizer();
	assert_false(is_found(forget_nothing));
}

static void
what_nng_loses_is_not_found(void **state)
{
	(void)state;
	need_sanitizer();
	assert_false(is_found(lose_a_message_of_a_context));
	assert_false(is_found(lose_a_message_of_a_socket));
	assert_false(is_found(lose_what_nng_has_for_itself));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_we_forget_is_found),
	    cmocka_unit_test(nothing_is_found_where_nothing_is_forgotten),
	    cmocka_unit_test(what_nng_loses_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
