/* Several servers and many threads: a server may go and come back, and nobody notices.
 *
 *     usher-example-failover URL[,URL...] API_KEY CONVERSATION
 *
 * Four threads share a client; each appends turns and reads the context, again and again, until
 * standard input ends. Then it says how often, and how often something failed.
 * Exit codes: 0 nothing failed, 1 something did, 2 usage. */
#include "base/rand.h"
#include "gen/client/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 4

struct work {
	struct client *client;
	const char *key;
	char *conversation;
	atomic_bool is_over;
	atomic_uint writes, reads, failures;
};

static void
note(struct work *work, const char *what, atomic_uint *count, struct client_result *result)
{
	if (result->status.code == ST_OK) {
		(void)atomic_fetch_add(count, 1);
	} else {
		(void)atomic_fetch_add(&work->failures, 1);
		fprintf(stderr, "%s: %s\n", what, result->status.message);
	}
	client_result_done(result);
}

/* A WRITE: under an idempotency key it is repeated when a server is lost, and happens once. */
static void
append(struct work *work, struct causal_session *session)
{
	uint8_t idempotency_key[16];
	Usher__V1__NewTurn turn = USHER__V1__NEW_TURN__INIT;
	Usher__V1__NewTurn *turns[] = {&turn};
	Usher__V1__AppendTurnsRequest request = USHER__V1__APPEND_TURNS_REQUEST__INIT;
	struct client_result result;

	if (rand_fill(&rand_system, idempotency_key, sizeof idempotency_key).code != ST_OK)
		return;
	const struct client_options options = {
	    .credential = slice_text(work->key),
	    .idempotency_key = slice_of(idempotency_key, sizeof idempotency_key),
	    .session = session,
	};
	turn.role = USHER__V1__TURN_ROLE__TURN_ROLE_USER;
	turn.text = "Hello";
	request.conversation = work->conversation;
	request.turns = turns;
	request.n_turns = 1;
	(void)context_append_turns_rpc(work->client, &options, &request, &result);
	note(work, "append", &work->writes, &result);
}

/* A READ that sees what its session wrote, whichever server answers. */
static void
read_context(struct work *work, struct causal_session *session)
{
	const struct client_options options = {
	    .credential = slice_text(work->key), .session = session};
	Usher__V1__ResolveRequest request = USHER__V1__RESOLVE_REQUEST__INIT;
	struct client_result result;

	request.message = "What now?";
	(void)context_resolve_rpc(work->client, &options, &request, &result);
	note(work, "read", &work->reads, &result);
}

static void *
thread_main(void *arg)
{
	struct work *work = arg;
	struct causal_session session; /* one for each flow, not one for the program */

	causal_session_init(&session);
	while (!atomic_load(&work->is_over)) {
		append(work, &session);
		read_context(work, &session);
	}
	causal_session_done(&session);
	return NULL;
}

static void
print_servers(struct client *client)
{
	for (unsigned i = 0; i < client_servers_count(client); i++) {
		struct client_server server;

		client_server_at(client, i, &server);
		printf("%s: %llu sent, %llu failed\n", server.url,
		    (unsigned long long)server.attempts, (unsigned long long)server.failures);
	}
}

static int
run(struct work *work)
{
	pthread_t threads[THREADS];
	unsigned started = 0;

	while (started < THREADS && pthread_create(&threads[started], NULL, thread_main, work) == 0)
		started++;
	while (getchar() != EOF)
		;
	atomic_store(&work->is_over, true);
	while (started > 0)
		(void)pthread_join(threads[--started], NULL);
	print_servers(work->client);
	printf("%u written, %u read, %u failed, %llu repeated\n", atomic_load(&work->writes),
	    atomic_load(&work->reads), atomic_load(&work->failures),
	    (unsigned long long)client_repeats(work->client));
	return atomic_load(&work->failures) ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct work work = {.client = NULL};

	if (argc != 4) {
		fprintf(stderr, "usage: %s URL[,URL...] API_KEY CONVERSATION\n", argv[0]);
		return 2;
	}
	const struct client_settings settings = {.url = argv[1], .gathers = true};
	const status st = client_new(&settings, &work.client);
	if (st.code != ST_OK) {
		fprintf(stderr, "%s: %s\n", argv[1], st.message);
		return 2;
	}
	work.key = argv[2];
	work.conversation = argv[3];
	const int code = run(&work);
	client_free(&work.client);
	return code;
}
