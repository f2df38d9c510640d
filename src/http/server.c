#include "http/server.h"

#include "base/limits.h"
#include "base/resolve.h"
#include "base/wait.h"
#include "http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for JSON_DEPTH_MAX levels; what is never touched costs nothing. */
#define HTTP_STACK_BYTES (512u << 10)
#define SWEEPER_STACK_BYTES (64u << 10)
#define SWEEP_MS_MIN 20
#define SWEEP_MS_MAX 1000

/* Strict means little before 1.0 (what it would refuse is refused here), and refusing for want of a
 * Host makes that version write its reply's header twice. */
#if MHD_VERSION < 0x01000000
#define STRICT_LEVEL 0
#else
#define STRICT_LEVEL 1
#endif

void
http_config_init(struct http_config *config)
{
	*config = (struct http_config){
	    .threads = 2,
	    .connections_max = 2048,
	    .connections_per_address_max = 0,
	    /* Above 32 KiB the library maps each, and gives it back whole. */
	    .connection_memory_bytes = 36u << 10,
	    .body_bytes_max = PAYLOAD_BYTES_MAX,
	    .bodies_bytes_max = 64u << 20,
	    .request_timeout_ms = 10000,
	    .idle_timeout_ms = 60000,
	    .reply_timeout_ms = 60000,
	    .drain_timeout_ms = 5000,
	    .rand = &rand_system,
	};
}

/* The library's own timeout starts again with each byte that trickles in, so somebody else has to
 * watch the whole. */
static void *
sweeper_run(void *cls)
{
	struct http_server *server = cls;
	int64_t pause_ms = server->config.request_timeout_ms / 20;

	if (pause_ms < SWEEP_MS_MIN)
		pause_ms = SWEEP_MS_MIN;
	if (pause_ms > SWEEP_MS_MAX)
		pause_ms = SWEEP_MS_MAX;
	(void)pthread_setname_np(pthread_self(), "http-sweeper");
	pthread_mutex_lock(&server->lock);
	while (!server->drained) {
		struct timespec until;

		/* Nobody's reply waits until all sockets are looked at. */
		pthread_mutex_unlock(&server->lock);
		peers_sweep(server);
		pthread_mutex_lock(&server->lock);
		if (server->drained)
			break;
		wait_deadline(pause_ms * US_PER_MS, &until);
		pthread_cond_timedwait(&server->changed, &server->lock, &until);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

/* Split "host:port" or "[host]:port". */
static bool
listen_split(const char *text, char host[256], char port[8])
{
	const char *colon = strrchr(text, ':');
	size_t host_bytes = colon ? (size_t)(colon - text) : 0;

	if (!colon || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
		return false;
	if (strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	strcpy(port, colon + 1);
	if (atoi(port) > 65535)
		return false;
	if (host_bytes >= 2 && text[0] == '[' && text[host_bytes - 1] == ']') {
		text++;
		host_bytes -= 2;
	} else if (memchr(text, ':', host_bytes)) {
		return false;
	}
	if (host_bytes == 0 || host_bytes > 255)
		return false;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	return true;
}

static status
listen_bind(const struct addrinfo *info, int *out)
{
	const int on = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return REFUSE(ST_UNAVAILABLE, "no socket for the HTTP address could be made");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 ||
	    listen(fd, HTTP_LISTEN_BACKLOG) != 0) {
		int reason = errno;
		close(fd);
		switch (reason) {
		case EADDRINUSE:
			return REFUSE_FOR(ST_UNAVAILABLE, "ADDRESS_IN_USE",
			    "another program listens on the HTTP address already");
		case EACCES:
			return REFUSE_FOR(ST_UNAVAILABLE, "ADDRESS_NOT_ALLOWED",
			    "this user may not listen on the HTTP address (a port below 1024?)");
		default:
			return REFUSE_FOR(ST_UNAVAILABLE, "ADDRESS_NOT_OURS",
			    "the HTTP address is not one of this machine's");
		}
	}
	*out = fd;
	return STATUS_OK;
}

static status
listen_open(const char *text, int *fd, uint16_t *port_out)
{
	char host[256], port[8];
	struct addrinfo *info;
	struct sockaddr_in6 bound;
	socklen_t bound_bytes = sizeof(bound);

	if (!text || !listen_split(text, host, port))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "the HTTP address must be ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080");
	TRY(resolve_to_listen(host, port, &info));
	status result = listen_bind(info, fd);
	freeaddrinfo(info);
	TRY(result);
	/* The port stands at the same place in both families' addresses. */
	if (getsockname(*fd, (struct sockaddr *)&bound, &bound_bytes) != 0) {
		close(*fd);
		return REFUSE(ST_INTERNAL, "the HTTP socket has no name");
	}
	*port_out = ntohs(bound.sin6_port);
	return STATUS_OK;
}

/* Paths are matched as they were sent. */
static size_t
unescape_nothing(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *
daemon_start(struct http_server *server, int fd)
{
	const struct http_config *config = &server->config;
	unsigned int idle_s = (config->idle_timeout_ms + 999) / 1000;
	/* The library takes a pool of one for a mistake. */
	struct MHD_OptionItem pool[] = {
	    {config->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
		(intptr_t)config->threads, NULL},
	    {MHD_OPTION_END, 0, NULL},
	};

	/* Each thread gets its part of the library's limit; ours comes first. */
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
	    peer_admit, server, exchange_continue, server, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_THREAD_STACK_SIZE, (size_t)HTTP_STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
	    STRICT_LEVEL, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned int)(config->connections_max * 2 * config->threads),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->connection_memory_bytes,
	    MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing,
	    NULL, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server, MHD_OPTION_NOTIFY_COMPLETED,
	    exchange_end, server, MHD_OPTION_NOTIFY_CONNECTION, peer_notify, server,
	    MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

static bool
sweeper_start(struct http_server *server)
{
	pthread_attr_t attributes;
	bool started;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	(void)pthread_attr_setstacksize(&attributes, SWEEPER_STACK_BYTES);
	started = pthread_create(&server->sweeper, &attributes, sweeper_run, server) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

static struct http_server *
server_make(const struct http_config *config, http_handler *handler, void *env)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->config = *config;
	server->config.listen = NULL;
	server->handler = handler;
	server->env = env;
	server->refs = 1;
	list_init(&server->exchanges);
	list_init(&server->peers);
	for (size_t i = 0; i < HTTP_SOURCE_BUCKETS; i++)
		list_init(&server->sources[i]);
	pthread_mutex_init(&server->lock, NULL);
	pthread_mutex_init(&server->peers_lock, NULL);
	wait_cond_init(&server->changed);
	return server;
}

void
http_server_release(struct http_server *server)
{
	if (atomic_fetch_sub(&server->refs, 1) != 1)
		return;
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->peers_lock);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

static void
sweeper_stop(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->drained = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->sweeper, NULL);
}

status
http_server_new(
    const struct http_config *config, http_handler *handler, void *env, struct http_server **out)
{
	struct http_server *server = server_make(config, handler, env);
	int fd = -1;

	if (!server)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the HTTP server");
	status opened = listen_open(config->listen, &fd, &server->port);
	if (opened.code != ST_OK) {
		http_server_release(server);
		return opened;
	}
	server->listen_fd = fd;
	if (!sweeper_start(server)) {
		close(fd);
		http_server_release(server);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "the HTTP server got no thread");
	}
	server->daemon = daemon_start(server, fd);
	if (!server->daemon) {
		sweeper_stop(server);
		close(fd);
		http_server_release(server);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "the HTTP server could not start its threads");
	}
	*out = server;
	return STATUS_OK;
}

uint16_t
http_server_port(const struct http_server *server)
{
	return server->port;
}

size_t
http_server_busy(const struct http_server *server)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&server->lock;

	pthread_mutex_lock(lock);
	size_t busy = server->busy;
	pthread_mutex_unlock(lock);
	return busy;
}

/* Wait until nothing is busy. Called with the lock held. */
static void
server_drain(struct http_server *server, int64_t timeout_ms)
{
	struct timespec until;

	wait_deadline(timeout_ms * US_PER_MS, &until);
	while (server->busy > 0) {
		if (pthread_cond_timedwait(&server->changed, &server->lock, &until) != 0)
			break;
	}
}

/* Answer 503 what the handler has not answered. A reply that comes later finds it taken. Called
 * with the lock held. */
static void
server_give_up(struct http_server *server)
{
	list_for_each (node, &server->exchanges) {
		struct exchange *exchange = container_of(node, struct exchange, node);

		if (exchange->replied)
			continue;
		exchange->replied = true;
		exchange->response_status = 503;
		exchange->response = http_problem_make(503,
		    REFUSE_FOR(ST_UNAVAILABLE, "SHUTTING_DOWN", "the server is stopping"),
		    HTTP_RETRY_AFTER_S, NULL, 0, exchange->id, true);
		if (exchange->parked)
			MHD_resume_connection(exchange->connection);
	}
}

void
http_server_stop(struct http_server **server_pointer)
{
	struct http_server *server = *server_pointer;

	if (!server)
		return;
	*server_pointer = NULL;
	/* MHD_quiesce_daemon() would close the door first; but in 0.9.75 it ends the process when
	 * an event loop takes the listener out of its epoll set at the same time. So it stays open,
	 * and who comes in now is answered like those who are in. */
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	server_drain(server, server->config.drain_timeout_ms);
	/* The library panics when it is stopped with a suspended connection. */
	server_give_up(server);
	server_drain(server, 1000);
	pthread_mutex_unlock(&server->lock);

	sweeper_stop(server);
	MHD_stop_daemon(server->daemon);
	http_server_release(server);
}
