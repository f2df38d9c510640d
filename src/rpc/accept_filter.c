/* A listener that is filtered has an epoll of its own, with the listening socket and those that
 * wait in it, and nng watches that in place of the socket. What stands in it is looked at when nng
 * comes for a connection, and it comes whenever there is something to be looked at. */
#include "rpc/accept_filter.h"

#include "base/list.h"
#include "client/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FILTERS_MAX 16
#define WAIT_S 10
/* A handshake that goes on has ended by then; one that has not gives way. */
#define HANDSHAKE_S 2
/* How much is done at a time: one thread serves these and all other connections. */
#define EVENTS_MAX 64
#define GREETING_BYTES_MAX 8

/* A sanitizer stands there too (client/guard.c). */
typedef int accept_function(int fd, struct sockaddr *address, socklen_t *bytes);
accept_function __interceptor_accept __attribute__((weak));
static accept_function *next_accept;

static const struct {
	uint8_t bytes[GREETING_BYTES_MAX];
	size_t count;
} greetings[] = {
    [ACCEPT_SP] = {{0, 'S', 'P', 0, 0, 0x30, 0, 0}, 8},
    [ACCEPT_TLS] = {{22, 3}, 2},
};

struct newcomer {
	struct list node;
	int fd;
	time_t came_s;
};

/* nng has it, and shakes hands. Its limit for that does not end a TLS handshake that has begun. */
struct handshake {
	struct list node;
	int nng_fd;
	int fd; /* the same socket, by a number of our own: nng closes its own when it likes */
	struct sockaddr_storage peer, local;
	time_t began_s;
};

struct filter {
	pthread_mutex_t lock;
	_Atomic int listener; /* -1: none */
	_Atomic enum accept_greeting greeting;
	int epoll, timer;
	bool is_ticking;
	struct list waiting, greeted, handshakes;
	size_t waiting_count, handshakes_count;
};

/* They are never freed: a thread may look at one that has just ended. */
static struct filter filters[FILTERS_MAX];
static pthread_mutex_t filters_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic size_t filters_count; /* that were ever used */
static _Thread_local enum accept_greeting greeting_here;

static guard_watch_function filter_watch;

__attribute__((constructor)) static void
find_next(void)
{
	next_accept = __interceptor_accept;
	if (!next_accept)
		next_accept = (accept_function *)dlsym(RTLD_NEXT, "accept");
}

void
accept_filter_begin(enum accept_greeting greeting)
{
	guard_set_watch(filter_watch);
	greeting_here = greeting;
}

static time_t
now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static struct filter *
filter_of(int listener)
{
	const size_t count = atomic_load(&filters_count);

	for (size_t i = 0; i < count; i++)
		if (atomic_load(&filters[i].listener) == listener)
			return &filters[i];
	return NULL;
}

/* ---- those that wait */

/* Once a second, while somebody may be late. */
static void
tick_if_needed(struct filter *filter)
{
	const bool is_needed = filter->waiting_count + filter->handshakes_count > 0;
	const struct itimerspec each_second = {
	    .it_interval.tv_sec = is_needed, .it_value.tv_sec = is_needed};

	if (is_needed != filter->is_ticking)
		(void)timerfd_settime(filter->timer, 0, &each_second, NULL);
	filter->is_ticking = is_needed;
}

/* It is not looked at any more. That a descriptor is closed would not do: a child process that was
 * made at this moment may have it, too. */
static void
waiting_remove(struct filter *filter, struct newcomer *newcomer)
{
	(void)guard_epoll_ctl(filter->epoll, EPOLL_CTL_DEL, newcomer->fd, NULL);
	list_remove(&newcomer->node);
	filter->waiting_count--;
	tick_if_needed(filter);
}

/* Who has waited longest; NULL: nobody waits. */
static struct newcomer *
waiting_first(const struct filter *filter)
{
	return list_is_empty(&filter->waiting)
		   ? NULL
		   : container_of(filter->waiting.next, struct newcomer, node);
}

static bool
drop_first(struct filter *filter)
{
	struct newcomer *first = waiting_first(filter);

	if (!first)
		return false;
	waiting_remove(filter, first);
	(void)close(first->fd);
	free(first);
	return true;
}

static struct handshake *
handshake_first(const struct filter *filter)
{
	return list_is_empty(&filter->handshakes)
		   ? NULL
		   : container_of(filter->handshakes.next, struct handshake, node);
}

/* is_late: nng reads its end, and lets go of it. */
static void
handshake_end(struct filter *filter, struct handshake *handshake, bool is_late)
{
	if (is_late)
		(void)shutdown(handshake->fd, SHUT_RDWR);
	(void)close(handshake->fd);
	list_remove(&handshake->node);
	free(handshake);
	filter->handshakes_count--;
	tick_if_needed(filter);
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* At another listener. Whoever is at work there makes room for himself. */
static bool
drop_first_elsewhere(const struct filter *here)
{
	const size_t count = atomic_load(&filters_count);
	bool is_dropped = false;

	for (size_t i = 0; i < count && !is_dropped; i++) {
		struct filter *other = &filters[i];

		if (other == here || pthread_mutex_trylock(&other->lock) != 0)
			continue;
		is_dropped = atomic_load(&other->listener) >= 0 && drop_first(other);
		pthread_mutex_unlock(&other->lock);
	}
	return is_dropped;
}

/* Who has waited longest gives way, here before elsewhere. For want of descriptors, of which it has
 * one that is ours, so does a handshake; but not one that has just begun, or two that come together
 * would end each other. */
static bool
make_room(struct filter *filter, int shortage)
{
	struct handshake *handshake = handshake_first(filter);

	if (drop_first(filter))
		return true;
	if (shortage != EMFILE || !handshake || handshake->began_s + HANDSHAKE_S > now_s())
		return drop_first_elsewhere(filter);
	handshake_end(filter, handshake, true);
	return true;
}

/* Those who have greeted may have all descriptors, and each want another one: who came last gives
 * way to who came first. */
static bool
drop_last_greeted(struct filter *filter)
{
	if (filter->greeted.prev == filter->greeted.next)
		return false;
	struct newcomer *last = container_of(filter->greeted.prev, struct newcomer, node);
	list_remove(&last->node);
	(void)close(last->fd);
	free(last);
	return true;
}

/* 0, or why not. */
static int
handshake_know(struct filter *filter, int fd, struct handshake *out)
{
	socklen_t peer_bytes = sizeof(out->peer), local_bytes = sizeof(out->local);

	if (getpeername(fd, (struct sockaddr *)&out->peer, &peer_bytes) != 0 ||
	    getsockname(fd, (struct sockaddr *)&out->local, &local_bytes) != 0)
		return errno;
	out->nng_fd = fd;
	int error;
	do {
		out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		error = out->fd < 0 ? errno : 0;
	} while (is_shortage(error) && (make_room(filter, error) || drop_last_greeted(filter)));
	return error;
}

/* 0, or why not. What can't be ended here nng shall not have: it would have to keep it. */
static int
handshake_begin(struct filter *filter, int fd)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));
	const int error = handshake ? handshake_know(filter, fd, handshake) : ENOMEM;

	if (error != 0) {
		free(handshake);
		return error;
	}
	if (filter->handshakes_count == ACCEPT_FILTER_WAITING_MAX)
		handshake_end(filter, handshake_first(filter), true);
	handshake->began_s = now_s();
	list_add_last(&filter->handshakes, &handshake->node);
	filter->handshakes_count++;
	tick_if_needed(filter);
	return 0;
}

/* So many at a time; with more of them the timer is left as it is, and nng comes again at once. */
static void
drop_late(struct filter *filter)
{
	const time_t at_s = now_s();
	uint64_t ticks;

	for (int i = 0; i < EVENTS_MAX; i++) {
		const struct newcomer *first = waiting_first(filter);
		struct handshake *handshake = handshake_first(filter);

		if (first && first->came_s + WAIT_S <= at_s) {
			(void)drop_first(filter);
		} else if (handshake && handshake->began_s + WAIT_S <= at_s) {
			handshake_end(filter, handshake, true);
		} else {
			(void)!read(filter->timer, &ticks, sizeof(ticks));
			return;
		}
	}
}

enum verdict { WAITS, GREETED, WRONG };

/* has_ended: there is nothing behind what it has said. */
static enum verdict
newcomer_judge(const struct filter *filter, int fd, bool has_ended)
{
	const uint8_t *wanted = greetings[filter->greeting].bytes;
	const size_t count = greetings[filter->greeting].count;
	uint8_t said[GREETING_BYTES_MAX + 1];
	const ssize_t got = recv(fd, said, count + 1, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? WAITS : WRONG;
	if (got == 0 || memcmp(said, wanted, (size_t)got < count ? (size_t)got : count) != 0)
		return WRONG;
	if ((size_t)got > count)
		return GREETED;
	/* Nobody could hear what it is told. */
	if (has_ended)
		return WRONG;
	return (size_t)got == count ? GREETED : WAITS;
}

/* Its descriptor's next owner is nng, or nobody. */
static void
newcomer_settle(struct filter *filter, struct newcomer *newcomer, enum verdict verdict)
{
	if (verdict == GREETED) {
		list_add_last(&filter->greeted, &newcomer->node);
		return;
	}
	(void)close(newcomer->fd);
	free(newcomer);
}

static void
newcomer_look(struct filter *filter, struct newcomer *newcomer, bool has_ended)
{
	const enum verdict verdict = newcomer_judge(filter, newcomer->fd, has_ended);

	if (verdict == WAITS)
		return;
	waiting_remove(filter, newcomer);
	newcomer_settle(filter, newcomer, verdict);
}

static bool
waiting_add(struct filter *filter, struct newcomer *newcomer)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = newcomer};

	if (guard_epoll_ctl(filter->epoll, EPOLL_CTL_ADD, newcomer->fd, &event) != 0)
		return false;
	if (filter->waiting_count == ACCEPT_FILTER_WAITING_MAX)
		(void)drop_first(filter);
	list_add_last(&filter->waiting, &newcomer->node);
	filter->waiting_count++;
	tick_if_needed(filter);
	return true;
}

static void
newcomer_add(struct filter *filter, int fd)
{
	struct newcomer *newcomer = calloc(1, sizeof(*newcomer));

	if (!newcomer) {
		(void)close(fd);
		return;
	}
	newcomer->fd = fd;
	newcomer->came_s = now_s();
	list_init(&newcomer->node);
	const enum verdict verdict = newcomer_judge(filter, fd, false);
	if (verdict != WAITS || !waiting_add(filter, newcomer))
		newcomer_settle(filter, newcomer, verdict);
}

/* accept() wants a descriptor before it looks whether somebody is there. */
static bool
somebody_comes(int listener)
{
	struct pollfd comes = {.fd = listener, .events = POLLIN};

	return poll(&comes, 1, 0) == 1;
}

/* 0, or why nobody can be taken. */
static int
take_newcomers(struct filter *filter)
{
	const int listener = atomic_load(&filter->listener);

	for (int i = 0; i < EVENTS_MAX; i++) {
		const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		const int error = errno;

		if (fd >= 0)
			newcomer_add(filter, fd);
		else if (error == EAGAIN || (is_shortage(error) && !somebody_comes(listener)))
			return 0;
		else if (is_shortage(error) ? !make_room(filter, error)
					    : error != ECONNABORTED && error != EINTR)
			return error;
	}
	return 0;
}

/* ---- listeners */

static struct filter *
filter_take_free(void)
{
	const size_t count = atomic_load(&filters_count);

	for (size_t i = 0; i < count; i++)
		if (atomic_load(&filters[i].listener) < 0)
			return &filters[i];
	if (count == FILTERS_MAX)
		return NULL;
	pthread_mutex_init(&filters[count].lock, NULL);
	atomic_store(&filters[count].listener, -1);
	atomic_store(&filters_count, count + 1);
	return &filters[count];
}

static bool
filter_open(struct filter *filter, int listener)
{
	struct epoll_event of_listener = {.events = EPOLLIN, .data.ptr = filter};
	struct epoll_event of_timer = {.events = EPOLLIN, .data.ptr = &filter->timer};

	filter->epoll = epoll_create1(EPOLL_CLOEXEC);
	filter->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (filter->epoll >= 0 && filter->timer >= 0 &&
	    epoll_ctl(filter->epoll, EPOLL_CTL_ADD, listener, &of_listener) == 0 &&
	    epoll_ctl(filter->epoll, EPOLL_CTL_ADD, filter->timer, &of_timer) == 0)
		return true;
	if (filter->epoll >= 0)
		(void)close(filter->epoll);
	if (filter->timer >= 0)
		(void)close(filter->timer);
	return false;
}

/* NULL: without memory or descriptors there is one that is not filtered. */
static struct filter *
filter_make(int listener)
{
	pthread_mutex_lock(&filters_lock);
	struct filter *filter = filter_take_free();
	if (filter && !filter_open(filter, listener))
		filter = NULL;
	if (filter) {
		filter->greeting = greeting_here;
		filter->waiting_count = filter->handshakes_count = 0;
		filter->is_ticking = false;
		list_init(&filter->waiting);
		list_init(&filter->greeted);
		list_init(&filter->handshakes);
		atomic_store(&filter->listener, listener);
	}
	pthread_mutex_unlock(&filters_lock);
	return filter;
}

/* With the filter's lock. */
static void
filter_close(struct filter *filter)
{
	struct list *node;

	while (drop_first(filter))
		;
	while (handshake_first(filter))
		handshake_end(filter, handshake_first(filter), false);
	while ((node = list_take_first(&filter->greeted)))
		newcomer_settle(filter, container_of(node, struct newcomer, node), WRONG);
	(void)close(filter->timer);
	(void)close(filter->epoll);
	atomic_store(&filter->listener, -1);
}

/* A connection: by both ends, or, without a peer, by nng's number. */
struct struck {
	int nng_fd;
	const struct sockaddr_storage *peer, *local;
};

static bool
is_same_name(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *left4 = (const void *)a, *right4 = (const void *)b;
	const struct sockaddr_in6 *left6 = (const void *)a, *right6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return left4->sin_port == right4->sin_port &&
		       left4->sin_addr.s_addr == right4->sin_addr.s_addr;
	return a->ss_family == AF_INET6 && left6->sin6_port == right6->sin6_port &&
	       memcmp(&left6->sin6_addr, &right6->sin6_addr, sizeof(left6->sin6_addr)) == 0;
}

static bool
is_struck(const struct handshake *handshake, const struct struck *struck)
{
	if (!struck->peer)
		return handshake->nng_fd == struck->nng_fd;
	return is_same_name(&handshake->peer, struck->peer) &&
	       is_same_name(&handshake->local, struck->local);
}

/* Its handshake is over, or nng has let go of it. */
static void
handshakes_strike(const struct struck *struck)
{
	const size_t count = atomic_load(&filters_count);

	for (size_t i = 0; i < count; i++) {
		struct filter *filter = &filters[i];

		if (filter->greeting != ACCEPT_TLS)
			continue;
		pthread_mutex_lock(&filter->lock);
		if (atomic_load(&filter->listener) >= 0)
			list_for_each_safe (node, &filter->handshakes) {
				struct handshake *handshake =
				    container_of(node, struct handshake, node);
				if (is_struck(handshake, struck))
					handshake_end(filter, handshake, false);
			}
		pthread_mutex_unlock(&filter->lock);
	}
}

/* nng waits on its listener, or lets go of it or of another one. */
static int
filter_watch(int operation, int watched)
{
	struct filter *filter = filter_of(watched);
	int instead = watched;

	if (!filter) {
		if (operation == EPOLL_CTL_DEL)
			handshakes_strike(&(struct struck){.nng_fd = watched});
		return watched;
	}
	pthread_mutex_lock(&filter->lock);
	if (atomic_load(&filter->listener) != watched)
		instead = watched; /* it has ended meanwhile */
	else if (operation == EPOLL_CTL_DEL)
		filter_close(filter);
	else
		instead = filter->epoll;
	pthread_mutex_unlock(&filter->lock);
	return instead;
}

/* -1: nobody or, with *error, nobody yet: there is nothing left that it takes to shake hands. */
static int
take_greeted(struct filter *filter, int *error)
{
	*error = 0;
	while (!list_is_empty(&filter->greeted)) {
		struct newcomer *newcomer =
		    container_of(filter->greeted.next, struct newcomer, node);
		const int fd = newcomer->fd;
		int failure = 0;

		if (newcomer->came_s + WAIT_S <= now_s())
			failure = ETIMEDOUT;
		else if (filter->greeting == ACCEPT_TLS)
			failure = handshake_begin(filter, fd);
		if (is_shortage(failure)) {
			*error = failure;
			return -1;
		}
		list_remove(&newcomer->node);
		free(newcomer);
		if (failure == 0)
			return fd;
		(void)close(fd);
	}
	return -1;
}

/* With the filter's lock. */
static int
look_round(struct filter *filter)
{
	struct epoll_event events[EVENTS_MAX];
	const int count = epoll_wait(filter->epoll, events, EVENTS_MAX, 0);
	bool has_newcomers = false;

	/* Who comes may send somebody away, whose event is among these. */
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == filter)
			has_newcomers = true;
		else if (events[i].data.ptr != &filter->timer)
			newcomer_look(
			    filter, events[i].data.ptr, events[i].events & (EPOLLRDHUP | EPOLLHUP));
	}
	for (int i = 0; i < count; i++)
		if (events[i].data.ptr == &filter->timer)
			drop_late(filter);
	return has_newcomers ? take_newcomers(filter) : 0;
}

static int
filter_accept(struct filter *filter)
{
	int error;

	pthread_mutex_lock(&filter->lock);
	int fd = take_greeted(filter, &error);
	if (fd < 0 && error == 0) {
		const int trouble = look_round(filter);
		fd = take_greeted(filter, &error);
		if (error == 0)
			error = trouble;
	}
	pthread_mutex_unlock(&filter->lock);
	if (fd < 0)
		errno = error ? error : EAGAIN;
	return fd;
}

int
accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct filter *filter = filter_of(fd);

	if (!filter && greeting_here != ACCEPT_ANY && guard_is_nng(__builtin_return_address(0)))
		filter = filter_make(fd);
	if (filter)
		return filter_accept(filter);
	return next_accept ? next_accept(fd, address, bytes) : accept4(fd, address, bytes, 0);
}

void
accept_filter_end(const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	handshakes_strike(&(struct struck){.peer = peer, .local = local});
}
