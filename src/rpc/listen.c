/* Which URLs may be listened on, and listening on them. */
#include "base/log.h"
#include "base/network.h"
#include "base/resolve.h"
#include "rpc/accept_filter.h"
#include "rpc/internal.h"

#include <arpa/inet.h>
#include <nng/transport/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static status
refuse(struct rpc_server *server, enum status_code code, const char *reason, const char *url,
    const char *why)
{
	(void)snprintf(server->problem, sizeof(server->problem), "%s: %s", url, why);
	return REFUSE_FOR(code, reason, server->problem);
}

static bool
host_is_loopback(const char *url)
{
	const struct slice host = url_host(slice_text(url));
	struct network address;

	return slice_equals_text(host, "localhost") ||
	       (address_parse(host, &address) && address_is_loopback(&address));
}

/* nng waits for a name as long as the system's resolver does: it is asked beforehand, with a limit.
 */
static status
host_look_up(struct rpc_server *server, const char *url)
{
	const struct slice host = url_host(slice_text(url));
	struct addrinfo *found;
	char name[256];

	if (strncmp(url, "inproc", 6) == 0 || strncmp(url, "ipc", 3) == 0 ||
	    slice_equals_text(host, "*") || host.bytes >= sizeof(name))
		return STATUS_OK;
	(void)snprintf(name, sizeof(name), "%.*s", (int)host.bytes, (const char *)host.data);
	const status st = resolve_to_listen(name, "0", &found);
	if (st.code != ST_OK)
		return refuse(server, st.code, st.reason, url, st.message);
	freeaddrinfo(found);
	return STATUS_OK;
}

/* nng before 1.6 stops listening for ever when somebody connects and goes away at once. */
static bool
ipc_is_sound(void)
{
	int major = 0, minor = 0;

	return sscanf(nng_version(), "%d.%d", &major, &minor) == 2 && (major > 1 || minor >= 6);
}

static status
url_check(struct rpc_server *server, const char *url)
{
	const bool is_tcp = strncmp(url, "tcp", 3) == 0 && strstr(url, "://") != NULL;
	const bool is_tls = strncmp(url, "tls+tcp", 7) == 0 && strstr(url, "://") != NULL;

	if (strncmp(url, "ipc://", 6) == 0) {
		if (ipc_is_sound())
			return STATUS_OK;
		return refuse(server, ST_INVALID_ARGUMENT, "URL_REFUSED", url,
		    "nng before 1.6 can stop accepting on ipc:// for good when a client "
		    "connects and leaves at once; use tcp://127.0.0.1:PORT");
	}
	if (strncmp(url, "inproc://", 9) == 0)
		return STATUS_OK;
	if (!is_tcp && !is_tls)
		return refuse(server, ST_INVALID_ARGUMENT, "BAD_URL", url,
		    "want tcp://, tls+tcp:// or ipc://");
	if (host_is_loopback(url))
		return STATUS_OK;
	if (server->settings.development)
		return refuse(server, ST_INVALID_ARGUMENT, "URL_REFUSED", url,
		    "a development server listens on loopback alone; set mode = production");
	if (is_tcp && !server->settings.private_network)
		return refuse(server, ST_INVALID_ARGUMENT, "URL_REFUSED", url,
		    "plain tcp:// off loopback would carry credentials in the clear; use "
		    "tls+tcp://, or say rpc.private_network = on");
	return STATUS_OK;
}

/* The address without its port; local transports count as this machine. false: it has none any
 * more, for its other end is gone. */
static bool
address_write(const nng_sockaddr *address, char out[PIPE_ADDRESS_TEXT_BYTES])
{
	switch (address->s_family) {
	case NNG_AF_INPROC:
	case NNG_AF_IPC:
		(void)snprintf(out, PIPE_ADDRESS_TEXT_BYTES, "127.0.0.1");
		return true;
	case NNG_AF_INET:
		return inet_ntop(AF_INET, &address->s_in.sa_addr, out, PIPE_ADDRESS_TEXT_BYTES) !=
		       NULL;
	case NNG_AF_INET6:
		return inet_ntop(AF_INET6, address->s_in6.sa_addr, out, PIPE_ADDRESS_TEXT_BYTES) !=
		       NULL;
	default:
		return false;
	}
}

static void
name_of(const nng_sockaddr *address, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	out->ss_family = AF_UNSPEC;
	if (address->s_family == NNG_AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = address->s_in.sa_port;
		v4->sin_addr.s_addr = address->s_in.sa_addr;
	} else if (address->s_family == NNG_AF_INET6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = address->s_in6.sa_port;
		memcpy(&v6->sin6_addr, address->s_in6.sa_addr, sizeof(v6->sin6_addr));
	}
}

static void
handshake_ended(nng_pipe pipe, const nng_sockaddr *peer)
{
	struct sockaddr_storage remote, local;
	nng_sockaddr own;

	if (nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &own) != 0)
		return;
	name_of(peer, &remote);
	name_of(&own, &local);
	accept_filter_end(&remote, &local);
}

static void
pipe_comes(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct rpc_server *server = arg;
	char address[PIPE_ADDRESS_TEXT_BYTES];
	nng_sockaddr peer;

	(void)event;
	/* What it asked before it went is nobody's, and not this machine's. */
	if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &peer) != 0 ||
	    !address_write(&peer, address)) {
		(void)nng_pipe_close(pipe);
		return;
	}
	handshake_ended(pipe, &peer);
	if (atomic_load(&server->is_draining) ||
	    !pipe_add(&server->pipes, (uint32_t)nng_pipe_id(pipe), address)) {
		if (log_admits_address(LOG_WARN, address))
			log_event(LOG_WARN, "pipe_refused", "peer", address, NULL);
		(void)nng_pipe_close(pipe);
	}
}

static void
pipe_goes(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct rpc_server *server = arg;

	(void)event;
	pipe_remove(&server->pipes, (uint32_t)nng_pipe_id(pipe));
}

/* The URL with the port that the system chose, where the port was 0. */
static char *
url_bound(nng_listener listener, const char *url)
{
	const char *colon = strrchr(url, ':');
	char *out = NULL;
	int port = 0;

	if (!colon || strcmp(colon, ":0") != 0 ||
	    nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0)
		return strdup(url);
	if (asprintf(&out, "%.*s:%d", (int)(colon - url), url, port) < 0)
		return NULL;
	return out;
}

/* The reason, as the page on operations has it. */
static const char *
listen_failure(int error)
{
	switch (error) {
	case NNG_EADDRINVAL:
		return "ADDRESS_NOT_OURS";
	case NNG_EPERM:
		return "ADDRESS_NOT_ALLOWED";
	default:
		return "ADDRESS_IN_USE";
	}
}

/* On a local transport everybody is known. */
static enum accept_greeting
greeting_of(const char *url)
{
	if (strncmp(url, "tls+tcp", 7) == 0)
		return ACCEPT_TLS;
	return strncmp(url, "tcp", 3) == 0 ? ACCEPT_SP : ACCEPT_ANY;
}

static status
url_listen(struct rpc_server *server, const char *url)
{
	nng_listener listener;

	TRY(url_check(server, url));
	if (server->urls_count == URLS_MAX)
		return refuse(server, ST_INVALID_ARGUMENT, "BAD_URL", url, "too many URLs");
	TRY(host_look_up(server, url));
	int error = nng_listener_create(&listener, server->socket, url);
	if (error != 0)
		return refuse(server, ST_INVALID_ARGUMENT, "BAD_URL", url, nng_strerror(error));
	/* Not every transport has these. */
	(void)nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
	(void)nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
	if (strncmp(url, "tls+", 4) == 0) {
		const char *file = server->settings.tls_file;
		error = file && *file
			    ? nng_listener_set_string(listener, NNG_OPT_TLS_CERT_KEY_FILE, file)
			    : NNG_EINVAL;
		if (error != 0)
			return refuse(server, ST_INVALID_ARGUMENT, "BAD_TLS_FILE", url,
			    "needs rpc.tls_file, a PEM file with certificate and key");
	}
	accept_filter_begin(greeting_of(url));
	error = nng_listener_start(listener, 0);
	accept_filter_begin(ACCEPT_ANY);
	if (error != 0)
		return refuse(
		    server, ST_UNAVAILABLE, listen_failure(error), url, nng_strerror(error));
	char *bound = url_bound(listener, url);
	if (!bound)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a URL");
	server->urls[server->urls_count++] = bound;
	return STATUS_OK;
}

status
server_listen(struct rpc_server *server)
{
	struct slice rest = slice_text(server->settings.urls), word;
	status st = STATUS_OK;

	(void)nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, pipe_comes, server);
	(void)nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, pipe_goes, server);
	while (st.code == ST_OK && slice_take_word(&rest, &word)) {
		char *url = strndup((const char *)word.data, word.bytes);

		st = url ? url_listen(server, url)
			 : REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a URL");
		free(url);
	}
	return st;
}
