#include "client/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <nng/nng.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SIGNALS_BYTES 8 /* the kernel's sigset_t */
#define NAME_BYTES 16
#define DISCARD_BYTES (1 << 30)
#define SEND_PIECES_MAX 16 /* nng's own limit */
#define GREETING_BYTES 8   /* a message has more: its length and its request's id */

typedef ssize_t sendmsg_function(int fd, const struct msghdr *message, int flags);
typedef ssize_t readv_function(int fd, const struct iovec *pieces, int count);
typedef int epoll_wait_function(int fd, struct epoll_event *events, int count, int timeout_ms);
typedef int epoll_ctl_function(int fd, int operation, int watched, struct epoll_event *event);

/* A sanitizer stands there too, and has to see what passes: ThreadSanitizer learns from it what
 * happens before what. NULL without one. */
sendmsg_function __interceptor_sendmsg __attribute__((weak));
readv_function __interceptor_readv __attribute__((weak));
epoll_wait_function __interceptor_epoll_wait __attribute__((weak));
epoll_ctl_function __interceptor_epoll_ctl __attribute__((weak));

/* Who would be called without us: for most of the program's calls that is all that happens. It is
 * mostly the C library's, and a thread that waits there can be cancelled. NULL until the program
 * begins, and in one that is linked with everything it needs. */
static sendmsg_function *next_sendmsg;
static readv_function *next_readv;
static epoll_wait_function *next_epoll_wait;
static epoll_ctl_function *next_epoll_ctl;

__attribute__((constructor)) static void
find_next(void)
{
	next_sendmsg = __interceptor_sendmsg;
	next_readv = __interceptor_readv;
	next_epoll_wait = __interceptor_epoll_wait;
	next_epoll_ctl = __interceptor_epoll_ctl;
	if (!next_sendmsg)
		next_sendmsg = (sendmsg_function *)dlsym(RTLD_NEXT, "sendmsg");
	if (!next_readv)
		next_readv = (readv_function *)dlsym(RTLD_NEXT, "readv");
	if (!next_epoll_wait)
		next_epoll_wait = (epoll_wait_function *)dlsym(RTLD_NEXT, "epoll_wait");
	if (!next_epoll_ctl)
		next_epoll_ctl = (epoll_ctl_function *)dlsym(RTLD_NEXT, "epoll_ctl");
}

static _Atomic(guard_watch_function *) watch;

void
guard_set_watch(guard_watch_function *function)
{
	atomic_store(&watch, function);
}

bool
guard_is_nng(const void *code)
{
	const uintptr_t nng = (uintptr_t)nng_close;
	struct dl_find_object found;

	return _dl_find_object((void *)(uintptr_t)code, &found) == 0 &&
	       nng >= (uintptr_t)found.dlfo_map_start && nng < (uintptr_t)found.dlfo_map_end;
}

/* nng's connections, by descriptor, and what of a message has been sent on each that is in the
 * middle of one. The cookie is the kernel's name of a socket: a descriptor's number is soon
 * somebody else's. A connection's own lock lets one thread at a time send on it. */
struct connection {
	_Atomic uint64_t cookie;
	_Atomic uint64_t tls_cookie; /* the same, of one that speaks TLS */
	_Atomic size_t sent;
};

#define PAGE_CONNECTIONS 1024
#define PAGES 1024

static _Atomic(struct connection *) pages[PAGES];

static uint64_t
socket_cookie(int fd)
{
	const int error = errno;
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) != 0)
		cookie = 0;
	errno = error;
	return cookie;
}

static struct connection *
connection_at(int fd)
{
	struct connection *page = NULL;

	if (fd >= 0 && fd < PAGES * PAGE_CONNECTIONS)
		page = atomic_load(&pages[fd / PAGE_CONNECTIONS]);
	return page ? &page[fd % PAGE_CONNECTIONS] : NULL;
}

/* Without memory, or a descriptor that great, there is one that is not looked after. */
static void
connection_note(int fd)
{
	if (fd < 0 || fd >= PAGES * PAGE_CONNECTIONS)
		return;
	if (!connection_at(fd)) {
		struct connection *none = NULL;
		struct connection *page = calloc(PAGE_CONNECTIONS, sizeof(*page));

		if (!atomic_compare_exchange_strong(&pages[fd / PAGE_CONNECTIONS], &none, page))
			free(page);
	}
	struct connection *connection = connection_at(fd);
	if (!connection)
		return;
	atomic_store(&connection->sent, 0);
	atomic_store(&connection->cookie, socket_cookie(fd));
}

/* Or has the descriptor become somebody else's? */
static bool
is_still_nngs(const struct connection *connection, int fd)
{
	const uint64_t cookie = atomic_load(&connection->cookie);

	return cookie != 0 && cookie == socket_cookie(fd);
}

/* Refused because the connection is gone? */
static bool
is_gone(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT ||
	       error == EHOSTUNREACH || error == ENETUNREACH;
}

static size_t
message_bytes(const struct msghdr *message)
{
	size_t bytes = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		bytes += message->msg_iov[i].iov_len;
	return bytes;
}

static ssize_t
send_now(int fd, const struct msghdr *message, int flags)
{
	return next_sendmsg ? next_sendmsg(fd, message, flags)
			    : syscall(SYS_sendmsg, fd, message, flags);
}

/* What is left of a message of which so much has gone. */
static void
message_skip(
    const struct msghdr *message, size_t skip, struct iovec left[SEND_PIECES_MAX], size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *piece = &message->msg_iov[i];
		const size_t past = skip < piece->iov_len ? skip : piece->iov_len;

		skip -= past;
		if (past < piece->iov_len)
			left[(*count)++] =
			    (struct iovec){(char *)piece->iov_base + past, piece->iov_len - past};
	}
}

/* What nng is told of a try that sent so much more, or found nobody there: all of it, or EAGAIN. */
static ssize_t
send_settle(struct connection *connection, int fd, size_t whole, size_t before, ssize_t sent)
{
	if (sent >= 0 && before + (size_t)sent < whole) {
		atomic_store(&connection->sent, before + (size_t)sent);
		errno = EAGAIN;
		return -1;
	}
	/* Nor are the requests that it has left behind worth an answer: the end comes next. But an
	 * end in the handshake is a failure of the system's to nng, behind which it takes no new
	 * connection for a while: there it may read that the other one has greeted. */
	while (sent < 0 && whole > GREETING_BYTES &&
	       recv(fd, NULL, DISCARD_BYTES, MSG_TRUNC | MSG_DONTWAIT) > 0)
		;
	atomic_store(&connection->sent, 0);
	return (ssize_t)whole;
}

static ssize_t
send_rest(
    struct connection *connection, int fd, const struct msghdr *message, int flags, size_t before)
{
	struct iovec left[SEND_PIECES_MAX];
	struct msghdr rest = {.msg_iov = left};

	message_skip(message, before, left, &rest.msg_iovlen);
	const ssize_t sent = send_now(fd, &rest, flags);
	if (sent < 0 && !is_gone(errno))
		return sent;
	return send_settle(connection, fd, message_bytes(message), before, sent);
}

/* A handshake's record (RFC 8446, 5.1). A message of the plain transport begins with its length,
 * and none is that long. */
static bool
begins_tls(const struct msghdr *message)
{
	const uint8_t *bytes = message->msg_iovlen > 0 ? message->msg_iov[0].iov_base : NULL;

	return bytes && message->msg_iov[0].iov_len > 2 && bytes[0] == 22 && bytes[1] == 3;
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	/* As nng calls it. */
	const bool is_likely = flags == MSG_NOSIGNAL && message->msg_iovlen <= SEND_PIECES_MAX;
	struct connection *connection = is_likely ? connection_at(fd) : NULL;
	const size_t before = connection ? atomic_load(&connection->sent) : 0;

	if (connection && begins_tls(message) && is_still_nngs(connection, fd))
		atomic_store(&connection->tls_cookie, atomic_load(&connection->cookie));
	if (before > 0 && is_still_nngs(connection, fd))
		return send_rest(connection, fd, message, flags, before);
	const ssize_t sent = send_now(fd, message, flags);
	if (!connection || (sent < 0 && !is_gone(errno)))
		return sent;
	const size_t whole = message_bytes(message);
	if (sent == (ssize_t)whole || !is_still_nngs(connection, fd))
		return sent;
	return send_settle(connection, fd, whole, 0, sent);
}

static bool
is_tls(int fd)
{
	const struct connection *connection = connection_at(fd);
	const uint64_t cookie = connection ? atomic_load(&connection->tls_cookie) : 0;

	return cookie != 0 && cookie == socket_cookie(fd);
}

ssize_t
readv(int fd, const struct iovec *pieces, int count)
{
	const ssize_t got =
	    next_readv ? next_readv(fd, pieces, count) : syscall(SYS_readv, fd, pieces, count);

	if (got > 0 || (got < 0 && !is_gone(errno)) || count < 1 || !is_tls(fd))
		return got;
	/* A record of a type that there is not (RFC 8446, 5.1); and as much as is asked for, so
	 * that one which has begun ends with it, and is as wrong. */
	memset(pieces[0].iov_base, 0, pieces[0].iov_len);
	return (ssize_t)pieces[0].iov_len;
}

static bool
is_nng_thread(void)
{
	static _Thread_local enum { UNKNOWN, NNG, OTHER } whose;
	char name[NAME_BYTES] = "";

	if (whose == UNKNOWN) {
		(void)prctl(PR_GET_NAME, name);
		whose = strncmp(name, "nng:poll", 8) == 0 ? NNG : OTHER;
	}
	return whose == NNG;
}

int
epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
	const int found = next_epoll_wait ? next_epoll_wait(fd, events, count, timeout_ms)
					  : (int)syscall(SYS_epoll_pwait, fd, events, count,
						timeout_ms, NULL, SIGNALS_BYTES);

	for (int i = 0; i < found && is_nng_thread(); i++)
		if (events[i].events & EPOLLERR)
			events[i].events =
			    (events[i].events & ~(uint32_t)EPOLLERR) | EPOLLIN | EPOLLOUT;
	return found;
}

int
guard_epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
{
	return next_epoll_ctl ? next_epoll_ctl(fd, operation, watched, event)
			      : (int)syscall(SYS_epoll_ctl, fd, operation, watched, event);
}

int
epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
{
	guard_watch_function *ask = atomic_load(&watch);

	/* nng's way to say that it waits for nothing yet; an end is told all the same. Once will
	 * do: when it begins to wait, it is told what there is. */
	if (operation == EPOLL_CTL_ADD && event->events == 0 &&
	    guard_is_nng(__builtin_return_address(0))) {
		event->events = EPOLLONESHOT;
		connection_note(watched);
	}
	int instead = watched;
	if (ask && (operation == EPOLL_CTL_MOD ||
		       (operation == EPOLL_CTL_DEL && guard_is_nng(__builtin_return_address(0)))))
		instead = ask(operation, watched);
	const int done = guard_epoll_ctl(fd, operation, instead, event);
	if (done == 0 || instead == watched || errno != ENOENT)
		return done;
	return guard_epoll_ctl(fd, EPOLL_CTL_ADD, instead, event);
}

void
nng_guard(void)
{
}
