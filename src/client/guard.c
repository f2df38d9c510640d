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
#include <unistd.h>

#define SIGNALS_BYTES 8 /* the kernel's sigset_t */
#define NAME_BYTES 16
#define DISCARD_BYTES (1 << 30)
#define SEND_PIECES_MAX 16 /* nng's own limit */

/* A sanitizer stands there too, and has to see what passes: ThreadSanitizer learns from it what
 * happens before what. NULL without one. */
ssize_t
__interceptor_sendmsg(int fd, const struct msghdr *message, int flags) __attribute__((weak));
int __interceptor_epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
    __attribute__((weak));
int __interceptor_epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
    __attribute__((weak));

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

/* What of a message has been sent, for each descriptor whose connection is in the middle of one.
 * The cookie is the kernel's name of a socket: a descriptor's number is soon somebody else's. A
 * connection's own lock lets one thread at a time send on it. */
struct part {
	uint64_t cookie;
	size_t bytes;
};

#define PAGE_PARTS 1024
#define PAGES 1024

static _Atomic(struct part *) pages[PAGES];

static struct part *
part_find(int fd, bool make)
{
	if (fd < 0 || fd >= PAGES * PAGE_PARTS)
		return NULL;
	_Atomic(struct part *) *page = &pages[fd / PAGE_PARTS];
	struct part *parts = atomic_load(page);
	if (!parts && make) {
		struct part *fresh = calloc(PAGE_PARTS, sizeof(*fresh));
		if (!fresh)
			return NULL;
		if (atomic_compare_exchange_strong(page, &parts, fresh))
			parts = fresh;
		else
			free(fresh);
	}
	return parts ? &parts[fd % PAGE_PARTS] : NULL;
}

static uint64_t
socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) == 0 ? cookie : 0;
}

/* Others who have sendmsg() from here want to hear how much went. */
static bool
is_in_nng(const void *code)
{
	static _Atomic(void *) nng;
	Dl_info found;

	if (!atomic_load(&nng) && dladdr((const void *)(uintptr_t)nng_close, &found))
		atomic_store(&nng, found.dli_fbase);
	return dladdr(code, &found) && found.dli_fbase == atomic_load(&nng);
}

static ssize_t
send_now(int fd, const struct msghdr *message, int flags)
{
	ssize_t sent = __interceptor_sendmsg ? __interceptor_sendmsg(fd, message, flags)
					     : syscall(SYS_sendmsg, fd, message, flags);

	/* nng's flags. libmicrohttpd has the same for heads; it too finds the end by reading. */
	if (sent >= 0 || flags != MSG_NOSIGNAL || !is_gone(errno))
		return sent;
	/* Nor are the requests that it has left behind worth an answer: the end comes next. */
	while (recv(fd, NULL, DISCARD_BYTES, MSG_TRUNC | MSG_DONTWAIT) > 0)
		;
	return (ssize_t)message_bytes(message);
}

/* The rest of a message of which some has gone. All of it or EAGAIN. */
static ssize_t
send_rest(int fd, const struct msghdr *message, int flags, struct part *part)
{
	struct iovec left[SEND_PIECES_MAX];
	struct msghdr rest = {.msg_iov = left};
	size_t skip = part->bytes;

	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *piece = &message->msg_iov[i];
		const size_t past = skip < piece->iov_len ? skip : piece->iov_len;

		skip -= past;
		if (past < piece->iov_len)
			left[rest.msg_iovlen++] =
			    (struct iovec){(char *)piece->iov_base + past, piece->iov_len - past};
	}
	const size_t wanted = message_bytes(&rest);
	const ssize_t sent = send_now(fd, &rest, flags);
	if (sent < 0)
		return sent;
	if ((size_t)sent < wanted) {
		part->bytes += (size_t)sent;
		errno = EAGAIN;
		return -1;
	}
	*part = (struct part){0};
	return (ssize_t)message_bytes(message);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct part *part = part_find(fd, false);

	if (part && part->bytes > 0) {
		if (part->cookie == socket_cookie(fd) && is_in_nng(__builtin_return_address(0)))
			return send_rest(fd, message, flags, part);
		*part = (struct part){0};
	}
	const ssize_t sent = send_now(fd, message, flags);
	if (sent <= 0 || (size_t)sent >= message_bytes(message) || flags != MSG_NOSIGNAL ||
	    message->msg_iovlen > SEND_PIECES_MAX || !is_in_nng(__builtin_return_address(0)) ||
	    !(part = part_find(fd, true)))
		return sent;
	const uint64_t cookie = socket_cookie(fd);
	if (cookie == 0)
		return sent;
	*part = (struct part){.cookie = cookie, .bytes = (size_t)sent};
	errno = EAGAIN;
	return -1;
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
	const int found =
	    __interceptor_epoll_wait
		? __interceptor_epoll_wait(fd, events, count, timeout_ms)
		: (int)syscall(SYS_epoll_pwait, fd, events, count, timeout_ms, NULL, SIGNALS_BYTES);

	for (int i = 0; i < found && is_nng_thread(); i++)
		if (events[i].events & EPOLLERR)
			events[i].events = EPOLLIN | EPOLLOUT;
	return found;
}

int
epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
{
	/* nng's way to say that it waits for nothing yet; an end is told all the same. Once will
	 * do: when it begins to wait, it is told what there is. */
	if (operation == EPOLL_CTL_ADD && event->events == 0)
		event->events = EPOLLONESHOT;
	return __interceptor_epoll_ctl ? __interceptor_epoll_ctl(fd, operation, watched, event)
				       : (int)syscall(SYS_epoll_ctl, fd, operation, watched, event);
}

void
nng_guard(void)
{
}
