/* Who is connected: how many from where, for how long, and who goes when there is no room. */
#include "base/log.h"
#include "base/network.h"
#include "http/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* So many at once make room, so that a crowd is not looked through for each of its members. */
#define DISPLACED_AT_ONCE 32

/* The address as text, and what is counted together. */
static void
peer_name(const struct sockaddr *address, char out[ADDRESS_TEXT_BYTES], uint8_t prefix[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct network peer = {.bits = 128};

	out[0] = '\0';
	memset(prefix, 0, 16);
	if (address->sa_family == AF_INET) {
		memcpy(peer.address, mapped, sizeof(mapped));
		memcpy(peer.address + sizeof(mapped),
		    &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(peer.address,
		    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else {
		return;
	}
	address_format(&peer, out);
	const struct network site = address_site(&peer);
	memcpy(prefix, site.address, 16);
}

static struct list *
source_bucket(struct http_server *server, const uint8_t prefix[16])
{
	return &server->sources[hash_bytes(slice_of(prefix, 16), rand_hash_seed()) %
				HTTP_SOURCE_BUCKETS];
}

static struct http_source *
source_find(struct http_server *server, const uint8_t prefix[16])
{
	list_for_each (node, source_bucket(server, prefix)) {
		struct http_source *source = container_of(node, struct http_source, node);
		if (memcmp(source->prefix, prefix, sizeof(source->prefix)) == 0)
			return source;
	}
	return NULL;
}

/* Has it as many as an address may have? A proxy may have more; nobody has come from NULL. */
static bool
source_is_full(const struct http_server *server, const struct http_source *source)
{
	const size_t limit = server->config.connections_per_address_max;

	return limit != 0 && source && source->connections >= limit;
}

static void
source_leave(struct http_source *source)
{
	if (--source->connections > 0)
		return;
	list_remove(&source->node);
	free(source);
}

/* Its event loop sees the end, and closes. */
static void
peer_cut(struct http_server *server, struct http_peer *peer)
{
	shutdown(peer->fd, SHUT_RDWR);
	atomic_store(&peer->deadline_us, HTTP_NEVER_US);
	if (peer->is_cut)
		return;
	peer->is_cut = true;
	server->figures.open--;
}

/* Does a go before b when somebody must, for connections or for the bytes of bodies? */
static bool
goes_before(const struct http_peer *a, const struct http_peer *b, bool for_bytes)
{
	if (a->is_proxy != b->is_proxy)
		return b->is_proxy;
	if (for_bytes && a->source->body_bytes != b->source->body_bytes)
		return a->source->body_bytes > b->source->body_bytes;
	if (for_bytes && a->weighed_bytes != b->weighed_bytes)
		return a->weighed_bytes > b->weighed_bytes;
	if (a->source->connections != b->source->connections)
		return a->source->connections > b->source->connections;
	return atomic_load(&a->waits_since_us) < atomic_load(&b->waits_since_us);
}

/* How much of bodies each has, and each address: that of who is cut is on its way already. */
static void
peers_weigh(struct http_server *server)
{
	list_for_each (node, &server->peers)
		container_of(node, struct http_peer, node)->source->body_bytes = 0;
	list_for_each (node, &server->peers) {
		struct http_peer *peer = container_of(node, struct http_peer, node);

		peer->weighed_bytes = peer->is_cut ? 0 : atomic_load(&peer->body_bytes);
		peer->source->body_bytes += peer->weighed_bytes;
	}
}

/* Cut some of those that wait for their clients; body_bytes 0: whichever, or else of those with a
 * body, until they give so much back, and a little more. False when there are none. */
static bool
peers_make_room(struct http_server *server, size_t body_bytes)
{
	const size_t enough = body_bytes + server->config.bodies_bytes_max / DISPLACED_AT_ONCE;
	struct http_peer *going[DISPLACED_AT_ONCE];
	size_t wanted = server->config.connections_max / DISPLACED_AT_ONCE + 1, count = 0;
	size_t given = 0, cut = 0;

	if (wanted > DISPLACED_AT_ONCE)
		wanted = DISPLACED_AT_ONCE;
	if (body_bytes)
		peers_weigh(server);
	list_for_each (node, &server->peers) {
		struct http_peer *peer = container_of(node, struct http_peer, node);
		size_t at = count;

		if (peer->is_cut || atomic_load(&peer->waits_since_us) == HTTP_NEVER_US)
			continue;
		if (body_bytes && peer->weighed_bytes == 0)
			continue;
		while (at > 0 && goes_before(peer, going[at - 1], body_bytes > 0))
			at--;
		if (at == wanted)
			continue;
		count += count < wanted;
		memmove(&going[at + 1], &going[at], (count - at - 1) * sizeof(going[0]));
		going[at] = peer;
	}
	for (; cut < count && (!body_bytes || given < enough); cut++) {
		given += going[cut]->weighed_bytes;
		peer_cut(server, going[cut]);
	}
	server->figures.displaced += cut;
	return cut > 0;
}

static bool
is_proxy(const struct http_server *server, const char *address)
{
	return server->config.is_proxy && server->config.is_proxy(server->env, address);
}

enum MHD_Result
peer_admit(void *cls, const struct sockaddr *address, socklen_t bytes)
{
	struct http_server *server = cls;
	char text[ADDRESS_TEXT_BYTES];
	uint8_t prefix[16];
	bool admitted;

	(void)bytes;
	peer_name(address, text, prefix);
	pthread_mutex_lock(&server->peers_lock);
	admitted = !source_is_full(server, source_find(server, prefix)) || is_proxy(server, text);
	if (admitted && server->figures.open >= server->config.connections_max)
		admitted = peers_make_room(server, 0);
	server->figures.refused += !admitted;
	pthread_mutex_unlock(&server->peers_lock);
	return admitted ? MHD_YES : MHD_NO;
}

/* source: what was found of that prefix, or NULL. */
static bool
peer_join_source(struct http_server *server, struct http_peer *peer, struct http_source *source,
    const uint8_t prefix[16])
{
	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return false;
		memcpy(source->prefix, prefix, sizeof(source->prefix));
		list_add_last(source_bucket(server, prefix), &source->node);
	}
	source->connections++;
	peer->source = source;
	return true;
}

static void
peer_open(struct http_server *server, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *address =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const union MHD_ConnectionInfo *fd =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_peer *peer = calloc(1, sizeof(*peer));
	struct http_source *source;
	uint8_t prefix[16];
	bool joined, over;

	/* Without a peer, exchange_begin() gives up and the connection is closed. */
	if (!peer)
		return;
	peer->fd = fd->connect_fd;
	peer_name(address->client_addr, peer->address, prefix);
	peer->is_proxy = is_proxy(server, peer->address);
	peer->waits_since_us = clock_boot_us(&clock_system);
	peer->deadline_us = peer->waits_since_us + server->config.request_timeout_ms * US_PER_MS;
	pthread_mutex_lock(&server->peers_lock);
	source = source_find(server, prefix);
	/* Another event loop may have let one in since it was admitted. */
	over = source_is_full(server, source) && !peer->is_proxy;
	server->figures.refused += over;
	joined = !over && peer_join_source(server, peer, source, prefix);
	if (joined) {
		list_add_last(&server->peers, &peer->node);
		server->figures.open++;
	}
	pthread_mutex_unlock(&server->peers_lock);
	if (over)
		shutdown(peer->fd, SHUT_RDWR);
	if (joined)
		*context = peer;
	else
		free(peer);
}

static void
peer_close(struct http_server *server, struct http_peer *peer)
{
	/* Once it is off the list nobody can shut down a descriptor that by then belongs to
	 * somebody else. */
	pthread_mutex_lock(&server->peers_lock);
	list_remove(&peer->node);
	source_leave(peer->source);
	server->figures.open -= !peer->is_cut;
	pthread_mutex_unlock(&server->peers_lock);
	free(peer);
}

void
peer_notify(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = cls;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		peer_open(server, connection, context);
	} else if (*context) {
		peer_close(server, *context);
		*context = NULL;
	}
}

/* Has the client gone, in the middle of a request or between two? The library waits for the next
 * event when a read was short, so an end that came in one event with the last bytes escapes it: the
 * connection would stay for as long as a silent one may. */
static bool
peer_has_left(const struct http_peer *peer, int64_t now_us)
{
	int64_t since_us = atomic_load(&peer->waits_since_us);
	ssize_t got;
	char byte;

	/* Who only says no more still gets the reply; what has just come is still being read. */
	if (atomic_load(&peer->is_replied_to) || since_us > now_us - US_PER_S)
		return false;
	got = recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* Drop those that wait to be let in. accept() would need a descriptor; but Linux drops them with a
 * listening socket that is shut down, and goes on when it is told to listen again. */
static void
peers_turn_away(struct http_server *server)
{
	(void)shutdown(server->listen_fd, SHUT_RD);
	if (listen(server->listen_fd, HTTP_LISTEN_BACKLOG) != 0)
		log_event(LOG_ERROR, "listen_failed", "why", strerror(errno), NULL);
}

/* No descriptor is left. Those who wait for nothing make room for those who stand at the door; who
 * still stands there at the next look is turned away: a thread of the library's that has no
 * connection itself would ask for that one without a pause. */
static void
peers_look_at_files(struct http_server *server)
{
	const bool were_out = atomic_load(&server->files.are_out);

	files_look(&server->files);
	if (files_are_left())
		return;
	if (were_out)
		peers_turn_away(server);
	pthread_mutex_lock(&server->peers_lock);
	(void)peers_make_room(server, 0);
	pthread_mutex_unlock(&server->peers_lock);
}

void
peers_sweep(struct http_server *server)
{
	int64_t now_us = clock_boot_us(&clock_system);

	peers_look_at_files(server);
	pthread_mutex_lock(&server->peers_lock);
	list_for_each (node, &server->peers) {
		struct http_peer *peer = container_of(node, struct http_peer, node);

		if (atomic_load(&peer->deadline_us) <= now_us) {
			server->figures.timed_out += !peer->is_cut;
			peer_cut(server, peer);
		} else if (!peer->is_cut && peer_has_left(peer, now_us)) {
			peer_cut(server, peer);
		}
	}
	pthread_mutex_unlock(&server->peers_lock);
}

/* What was cut is given back soon. */
static size_t
peers_leaving_bytes(struct http_server *server)
{
	size_t bytes = 0;

	list_for_each (node, &server->peers) {
		struct http_peer *peer = container_of(node, struct http_peer, node);
		if (peer->is_cut)
			bytes += atomic_load(&peer->body_bytes);
	}
	return bytes;
}

bool
peer_take_body(struct http_server *server, struct http_peer *peer, size_t bytes)
{
	const size_t limit = server->config.bodies_bytes_max;
	bool fits = atomic_fetch_add(&server->bodies_bytes, bytes) + bytes <= limit;

	if (!fits) {
		pthread_mutex_lock(&server->peers_lock);
		/* In this order: what is given back in between makes less room necessary. */
		const size_t most = limit + peers_leaving_bytes(server);
		const size_t all = atomic_load(&server->bodies_bytes);
		fits = !peer->is_cut && (all <= most || peers_make_room(server, all - most));
		/* What was cut takes its place until it is closed, and a reply may take much. */
		fits = fits && !peer->is_cut && atomic_load(&server->bodies_bytes) <= 2 * limit;
		pthread_mutex_unlock(&server->peers_lock);
	}
	if (fits)
		atomic_fetch_add(&peer->body_bytes, bytes);
	else
		atomic_fetch_sub(&server->bodies_bytes, bytes);
	return fits;
}

void
peer_take_reply(struct http_server *server, struct http_peer *peer, size_t bytes)
{
	const size_t limit = server->config.bodies_bytes_max;
	bool is_over = atomic_fetch_add(&server->bodies_bytes, bytes) + bytes > limit;

	atomic_fetch_add(&peer->body_bytes, bytes);
	if (!is_over)
		return;
	pthread_mutex_lock(&server->peers_lock);
	while (is_over) {
		const size_t most = limit + peers_leaving_bytes(server);
		const size_t all = atomic_load(&server->bodies_bytes);

		is_over = all > most && peers_make_room(server, all - most);
	}
	pthread_mutex_unlock(&server->peers_lock);
}

void
peer_give_body(struct http_server *server, struct http_peer *peer)
{
	atomic_fetch_sub(&server->bodies_bytes, atomic_exchange(&peer->body_bytes, 0));
}

void
http_figures_read(const struct http_request *request, struct http_figures *out)
{
	const struct exchange *exchange = container_of(request, const struct exchange, request);
	struct http_server *server = exchange->server;

	pthread_mutex_lock(&server->peers_lock);
	*out = server->figures;
	pthread_mutex_unlock(&server->peers_lock);
	out->bodies_bytes = atomic_load(&server->bodies_bytes);
}
