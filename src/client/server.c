/* A client's servers: a socket each, and who among them stands still. */
#include "base/limits.h"
#include "base/wait.h"
#include "client/close.h"
#include "client/internal.h"
#include "client/shut.h"

#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MIN_MS 50
#define RECONNECT_MAX_MS 2000
#define ENVELOPE_ROOM_BYTES 65536
/* A server that has calls and says nothing for so long is asked whether it is alive. */
#define SILENCE_US (1 * US_PER_S)
#define ASK_MS 1000
/* So long is a connection given to end before its socket is closed. */
#define QUIET_US (100 * US_PER_MS)

/* The lock is held. */
static void
server_set_connected(struct server *server, bool is_connected)
{
	struct client *client = server->client;
	bool *was = &client->health[server->index].is_connected;

	if (is_connected && !*was)
		(void)atomic_fetch_add(&client->connections, 1);
	else if (!is_connected && *was)
		(void)atomic_fetch_sub(&client->connections, 1);
	*was = is_connected;
	/* Another server may be at the other end. */
	server->gathering.ability = GATHER_UNKNOWN;
	if (is_connected)
		calls_wake(client);
	(void)pthread_cond_broadcast(&client->idle);
}

void
server_hear(struct server *server, nng_pipe pipe, nng_pipe_ev event)
{
	struct client *client = server->client;

	(void)pthread_mutex_lock(&client->lock);
	if (event == NNG_PIPE_EV_ADD_PRE) {
		server->pipe = pipe;
	} else if (server->pipe.id == pipe.id) {
		if (event == NNG_PIPE_EV_REM_POST)
			server->pipe.id = 0;
		else
			server->has_lost = false;
		server_set_connected(server, event == NNG_PIPE_EV_ADD_POST);
	}
	(void)pthread_mutex_unlock(&client->lock);
}

static void
pipe_changed(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	server_hear(arg, pipe, event);
}

static status
socket_set(nng_socket socket, const struct client_settings *settings)
{
	const size_t most =
	    (settings->reply_bytes_max ? settings->reply_bytes_max : MESSAGE_BYTES_MAX) +
	    ENVELOPE_ROOM_BYTES;
	int failed = 0;

	/* A lost connection must not send a call a second time: that is for us to decide. */
	failed |= nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	failed |= nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	failed |= nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	failed |= nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, most);
	return failed ? REFUSE(ST_INTERNAL, "nng refuses an option of the client's socket")
		      : STATUS_OK;
}

static status
socket_dial(const struct server *server, const struct client_settings *settings)
{
	nng_dialer dialer;

	if (nng_dialer_create(&dialer, server->socket, server->url) != 0)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "BAD_URL", "the URL is none that nng can dial");
	/* Not every transport has these. */
	(void)nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
	(void)nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true);
	if (strncmp(server->url, "tls+", 4) == 0 &&
	    (!settings->tls_ca_file ||
		nng_dialer_set_string(dialer, NNG_OPT_TLS_CA_FILE, settings->tls_ca_file) != 0))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_TLS_FILE",
		    "tls+tcp:// needs tls_ca_file, a PEM file with the certificates to trust");
	if (nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_URL", "the URL can't be dialled");
	return STATUS_OK;
}

status
server_open(struct client *client, const struct client_settings *settings, struct slice url)
{
	if (client->servers_count == CLIENT_SERVERS_MAX)
		return REFUSE_FOR(
		    ST_INVALID_ARGUMENT, "TOO_MANY_SERVERS", "a client has 16 servers at most");
	if (url.bytes >= SERVER_URL_BYTES)
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "BAD_URL", "the URL is too long");
	struct server *server = &client->servers[client->servers_count];
	if (nng_req0_open(&server->socket) != 0)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a client");
	server->client = client;
	server->index = client->servers_count++;
	server->is_open = true;
	memcpy(server->url, url.data, url.bytes);
	list_init(&server->lines_free);
	list_init(&server->calls);
	(void)nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, pipe_changed, server);
	(void)nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_POST, pipe_changed, server);
	(void)nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, pipe_changed, server);
	TRY(socket_set(server->socket, settings));
	/* A context takes the socket's options as they are by then. */
	if (client->gathers)
		TRY(gathering_open(server));
	return socket_dial(server, settings);
}

status
line_open(struct server *server, struct line **out)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line || nng_ctx_open(&line->ctx, server->socket) != 0) {
		free(line);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a call");
	}
	list_init(&line->list);
	*out = line;
	return STATUS_OK;
}

/* A reply to a call that was given up may be on its way, and nng must not take the connection down
 * in the middle of it. */
static void
server_hang_up(struct server *server)
{
	struct client *client = server->client;
	const bool *is_still_connected = &client->health[server->index].is_connected;
	struct timespec until;

	wait_deadline(QUIET_US, &until);
	(void)pthread_mutex_lock(&client->lock);
	const nng_pipe pipe = server->pipe;
	const bool is_connected = *is_still_connected;
	(void)pthread_mutex_unlock(&client->lock);
	if (!is_connected)
		return;
	pipe_shut(pipe);
	(void)pthread_mutex_lock(&client->lock);
	while (*is_still_connected)
		if (pthread_cond_timedwait(&client->idle, &client->lock, &until) != 0)
			break;
	(void)pthread_mutex_unlock(&client->lock);
}

void
server_close(struct server *server)
{
	struct list *node;

	if (!server->is_open)
		return;
	/* Lines first: nng before 1.6 panics when a socket is closed while a context of it is being
	 * used. */
	gathering_close(server);
	while ((node = list_take_first(&server->lines_free))) {
		struct line *line = container_of(node, struct line, list);
		(void)nng_ctx_close(line->ctx);
		free(line);
	}
	server_hang_up(server);
	(void)socket_close(server->socket);
	server->is_open = false;
}

/* It answered, whatever it said; or it did not, and its connection stands all the same. Behind
 * large replies an answer may take its time: what came meanwhile to others is one too. */
static void
asked_end(void *arg, struct client_result *result)
{
	struct server *server = arg;
	struct client *client = server->client;
	const int64_t since_us = clock_boot_us(client->clock) - SILENCE_US;
	bool is_silent = is_no_answer(result);

	client_result_done(result);
	(void)pthread_mutex_lock(&client->lock);
	server->is_asked = false;
	is_silent = is_silent && server->heard_us <= since_us;
	(void)pthread_mutex_unlock(&client->lock);
	if (is_silent)
		/* One that was only just sent is left to the next round. */
		calls_give_up(server, since_us);
}

static void
server_ask(struct server *server)
{
	static const struct client_method health = {
	    .name = "usher.v1.OpsService/GetHealth", .effect = CLIENT_READ};
	const struct client_options options = {.timeout_ms = ASK_MS};

	call_start(server->client, &(struct call_plan){.method = &health,
				       .options = &options,
				       .pinned = server,
				       .callback = asked_end,
				       .arg = server});
}

/* A machine that stands still or is cut off keeps its connections: ask it. */
void
servers_watch(struct client *client)
{
	uint32_t silent = 0;

	(void)pthread_mutex_lock(&client->lock);
	const int64_t since_us = clock_boot_us(client->clock) - SILENCE_US;
	for (unsigned i = 0; i < client->servers_count; i++) {
		struct server *server = &client->servers[i];
		if (client->health[i].calls == 0 || server->is_asked || server->heard_us > since_us)
			continue;
		server->is_asked = true;
		silent |= UINT32_C(1) << i;
	}
	(void)pthread_mutex_unlock(&client->lock);
	for (unsigned i = 0; silent >> i; i++)
		if (silent >> i & 1)
			server_ask(&client->servers[i]);
}
