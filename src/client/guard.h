/* guard.h - nng 1.5 and connections that end in the middle.
 *
 * Its tcp and tls transports lose a receive whose length has been read when the pipe is closed
 * before its bytes are asked for (nng 616, 1636; mended in 1.6). What takes the pipe down waits for
 * that receive, for ever, and it is one thread for all: from then on no connection of the program
 * is taken down any more, and none that was lost is made again. The pipe is closed by whichever
 * side of it fails first; when that is the receive, nothing is lost. So in a program with this in
 * it, nng is not told of a failure to send to a peer that is gone, nor that a connection has
 * failed: it goes on to read, and finds the end there.
 * A send is lost in the same way, when the pipe is closed between two parts of a message: nng takes
 * it that sendmsg() sends all or nothing. Here it does: what did not go at once is remembered, and
 * goes with the next try.
 *
 * A connection that ends between nng's taking it and asking for anything wakes nng's one thread for
 * all of them again and again, without a pause, until its turn comes; a few hundred such clients a
 * second take a core and let each other wait. Here it is told once.
 *
 * With TLS, an end that is read before anybody waits for what comes is lost, and the connection and
 * its descriptor with it: nng reads on at once when it has looked at all there is, and begins to
 * wait later. So where it has sent a record of a TLS handshake it reads, in place of an end, a
 * record that can't be; that fails when it is looked at, which is when somebody waits.
 *
 * To do that, sendmsg(), readv(), epoll_wait() and epoll_ctl() stand here in front of the C
 * library's, in the whole program. Only nng gets to see another behaviour: a descriptor that it has
 * given to epoll itself, as that socket and until it is closed, and whoever waits there in its
 * own thread. For everybody else they are the C library's. A program that has definitions of its
 * own for them can't be linked with this, and one that comes to it with dlopen() is not guarded.
 * Threads: any. */
#ifndef USHER_CLIENT_GUARD_H
#define USHER_CLIENT_GUARD_H

#include <stdbool.h>
#include <sys/epoll.h>

/* client_new() and rpc_server_new() call it before their first socket: it links the rest in. */
void nng_guard(void);

/* For what else stands between nng and the kernel (rpc/accept_filter.h). */

/* Is that nng's code, as a return address? Of a program that has nng within itself, all is. */
bool guard_is_nng(const void *code);
/* epoll_ctl() without what stands here in front of it. */
int guard_epoll_ctl(int fd, int operation, int watched, struct epoll_event *event);
/* Somebody waits on a descriptor in another way from now on (EPOLL_CTL_MOD), or nng lets go of one
 * (EPOLL_CTL_DEL). Returns the one that is to be waited on in its place, or that one. Runs in
 * whichever thread does that. */
typedef int guard_watch_function(int operation, int watched);
void guard_set_watch(guard_watch_function *function);

#endif
