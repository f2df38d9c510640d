/* Closed loop over HTTP/1.1 with connections that stay: one request under way on each. The file has
 * whole requests; a reply is good with status 200 and must say its Content-Length. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES_MAX (256u << 10)
#define EVENTS 64

struct connection {
	int fd;
	struct load_slot *slot;
	size_t bytes;      /* read so far of the reply */
	size_t body_bytes; /* when head_bytes is known */
	size_t head_bytes; /* 0: not read to its end yet */
	char *reply;
};

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int
connect_to(const char *target)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *colon = strrchr(target, ':');
	char host[64];
	int on = 1;

	if (!colon || colon - target >= (ptrdiff_t)sizeof(host))
		fail(target);
	memcpy(host, target, (size_t)(colon - target));
	host[colon - target] = '\0';
	address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		fail(target);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail(target);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* false: this connection is done. A request is far smaller than a socket's buffer. */
static bool
request_send(struct connection *connection)
{
	const struct load_request *request = load_slot_next(connection->slot);

	if (!request)
		return false;
	connection->bytes = connection->head_bytes = 0;
	if (send(connection->fd, request->data, request->bytes, MSG_NOSIGNAL) !=
	    (ssize_t)request->bytes)
		fail("send");
	return true;
}

static void
head_read(struct connection *connection)
{
	static const char name[] = "\r\ncontent-length:";
	const char *end = memmem(connection->reply, connection->bytes, "\r\n\r\n", 4);

	if (!end)
		return;
	connection->head_bytes = (size_t)(end - connection->reply) + 4;
	for (const char *at = connection->reply; at < end; at++) {
		if (strncasecmp(at, name, sizeof(name) - 1) != 0)
			continue;
		connection->body_bytes = strtoul(at + sizeof(name) - 1, NULL, 10);
		if (connection->head_bytes + connection->body_bytes <= REPLY_BYTES_MAX)
			return;
	}
	errno = EPROTO;
	fail("a reply without a length, or too long a one");
}

/* What has come; false: this connection is done. */
static bool
reply_read(struct connection *connection)
{
	const ssize_t got = recv(connection->fd, connection->reply + connection->bytes,
	    REPLY_BYTES_MAX - connection->bytes, 0);

	if (got <= 0)
		fail("the server closed a connection");
	connection->bytes += (size_t)got;
	connection->reply[connection->bytes] = '\0';
	if (connection->head_bytes == 0)
		head_read(connection);
	if (connection->head_bytes == 0 ||
	    connection->bytes < connection->head_bytes + connection->body_bytes)
		return true;
	const bool is_good = strncmp(connection->reply, "HTTP/1.1 200 ", 13) == 0;
	if (!is_good)
		load_complain("http_load: %.200s", connection->reply);
	load_slot_ended(connection->slot, is_good, connection->body_bytes);
	return request_send(connection);
}

static void *
loop_run(void *arg)
{
	const int epoll = *(int *)arg;
	struct epoll_event events[EVENTS];

	for (;;) {
		const int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct connection *connection = events[i].data.ptr;

			if (!reply_read(connection))
				(void)epoll_ctl(epoll, EPOLL_CTL_DEL, connection->fd, NULL);
		}
	}
	return NULL;
}

static void
connections_open(const struct load_options *options, const int *epolls)
{
	struct connection *connections = calloc(options->connections, sizeof(*connections));

	if (!connections)
		fail("no memory");
	for (unsigned i = 0; i < options->connections; i++) {
		struct connection *connection = &connections[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

		connection->slot = load_slot_at(i);
		connection->fd = connect_to(options->target);
		connection->reply = malloc(REPLY_BYTES_MAX + 1);
		if (!connection->reply)
			fail("no memory");
		if (epoll_ctl(
			epolls[i % options->threads], EPOLL_CTL_ADD, connection->fd, &event) != 0)
			fail("epoll");
	}
	for (unsigned i = 0; i < options->connections; i++)
		(void)request_send(&connections[i]);
}

int
main(int argc, char **argv)
{
	struct load_options options;
	int epolls[64];

	load_options_read(argc, argv, &options);
	options.calls = 1;
	if (!options.requests || options.threads > 64)
		fail("wants --requests, and at most 64 threads");
	load_begin(&options);
	for (unsigned i = 0; i < options.threads; i++)
		if ((epolls[i] = epoll_create1(EPOLL_CLOEXEC)) < 0)
			fail("epoll");
	connections_open(&options, epolls);
	for (unsigned i = 0; i < options.threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, loop_run, &epolls[i]) != 0)
			fail("no thread");
	}
	const int code = load_finish();
	_exit(code);
}
