#include "client/client.h"

#include "base/limits.h"
#include "base/wait.h"
#include "client/guard.h"
#include "client/internal.h"

#include <stdlib.h>
#include <string.h>

#define CALLS_MAX_DEFAULT 1024

static const struct client_options no_options;

void
client_call_async(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    client_callback *callback, void *arg)
{
	PUT_OFF_CANCELLATION;
	const struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .request = request,
	    .reply = method->reply,
	    .callback = callback,
	    .arg = arg};

	call_start(client, &plan);
}

void
client_call_raw_async(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, client_callback *callback,
    void *arg)
{
	PUT_OFF_CANCELLATION;
	const struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .payload = payload,
	    .callback = callback,
	    .arg = arg};

	call_start(client, &plan);
}

/* A thread that waits for its call. */
struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	struct client_result *result;
};

static void
waiting_end(void *arg, struct client_result *result)
{
	struct waiting *waiting = arg;

	(void)pthread_mutex_lock(&waiting->lock);
	*waiting->result = *result;
	waiting->is_done = true;
	/* Under the lock: the waiter's stack goes when it has it. */
	(void)pthread_cond_signal(&waiting->done);
	(void)pthread_mutex_unlock(&waiting->lock);
}

static void
call_and_wait(struct client *client, struct call_plan *plan, struct client_result *result)
{
	PUT_OFF_CANCELLATION;
	struct waiting waiting = {
	    .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .result = result};

	plan->callback = waiting_end;
	plan->arg = &waiting;
	call_start(client, plan);
	(void)pthread_mutex_lock(&waiting.lock);
	while (!waiting.is_done)
		(void)pthread_cond_wait(&waiting.done, &waiting.lock);
	(void)pthread_mutex_unlock(&waiting.lock);
	(void)pthread_cond_destroy(&waiting.done);
	(void)pthread_mutex_destroy(&waiting.lock);
}

void
client_call(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    struct client_result *result)
{
	struct call_plan plan = {.method = method,
	    .options = options ? options : &no_options,
	    .request = request,
	    .reply = method->reply};

	call_and_wait(client, &plan, result);
}

void
client_call_raw(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, struct client_result *result)
{
	struct call_plan plan = {
	    .method = method, .options = options ? options : &no_options, .payload = payload};

	call_and_wait(client, &plan, result);
}

bool
client_is_connected(struct client *client)
{
	return atomic_load(&client->connections) > 0;
}

unsigned
client_servers_count(const struct client *client)
{
	return client->servers_count;
}

void
client_server_at(struct client *client, unsigned index, struct client_server *out)
{
	const struct server *server = &client->servers[index];
	const struct server_health *health = &client->health[index];

	(void)pthread_mutex_lock(&client->lock);
	*out = (struct client_server){
	    .url = server->url,
	    .is_connected = health->is_connected,
	    .is_resting =
		health->rests > 0 && clock_boot_us(client->clock) < health->rests_until_us,
	    .calls = health->calls,
	    .attempts = server->attempts,
	    .failures = server->failures,
	    .together = server->gathering.together,
	};
	(void)pthread_mutex_unlock(&client->lock);
}

uint64_t
client_repeats(struct client *client)
{
	(void)pthread_mutex_lock(&client->lock);
	const uint64_t repeats = client->repeats;
	(void)pthread_mutex_unlock(&client->lock);
	return repeats;
}

static status
servers_open(struct client *client, const struct client_settings *settings)
{
	const bool has_room =
	    settings->reply_bytes_max == 0 || settings->reply_bytes_max >= MESSAGE_BYTES_MAX;
	struct slice rest = slice_text(settings->url), url;

	client->gathers = settings->gathers && has_room;
	while (slice_take_word(&rest, &url))
		TRY(server_open(client, settings, url));
	if (client->servers_count == 0)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "BAD_URL", "a client needs the URL of a server");
	return client->gathers || client->servers_count > 1 ? pulse_start(client) : STATUS_OK;
}

status
client_new(const struct client_settings *settings, struct client **out)
{
	PUT_OFF_CANCELLATION;
	struct client *client = calloc(1, sizeof(*client));
	status st;

	if (!client)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	nng_guard();
	client->clock = settings->clock ? settings->clock : &clock_system;
	client->rand = settings->rand ? settings->rand : &rand_system;
	client->calls_max = settings->calls_max ? settings->calls_max : CALLS_MAX_DEFAULT;
	client->attempts_max = settings->attempts_max ? settings->attempts_max : RETRY_ATTEMPTS_MAX;
	retry_budget_init(&client->budget);
	(void)pthread_mutex_init(&client->lock, NULL);
	wait_cond_init(&client->idle);
	wait_cond_init(&client->pulse.changed);
	list_init(&client->calls_free);
	list_init(&client->calls_all);
	list_init(&client->calls_waiting);
	st = servers_open(client, settings);
	if (st.code != ST_OK) {
		client_free(&client);
		return st;
	}
	*out = client;
	return STATUS_OK;
}

void
client_free(struct client **freed)
{
	PUT_OFF_CANCELLATION;
	struct client *client = *freed;

	if (!client)
		return;
	atomic_store(&client->is_closing, true);
	pulse_stop(client);
	calls_end(client);
	for (unsigned i = 0; i < client->servers_count; i++)
		server_close(&client->servers[i]);
	(void)pthread_cond_destroy(&client->pulse.changed);
	(void)pthread_cond_destroy(&client->idle);
	(void)pthread_mutex_destroy(&client->lock);
	free(client);
	*freed = NULL;
}
