/* accept_filter.h - nng gets the connections that have greeted, and no others.
 *
 * For nng 1.5 a connection is a pipe from the moment that it is taken: some 180 us of CPU time to
 * make one and to take it down, much of it in the one thread that serves all connections. And one
 * that ends in its handshake, or says something else, counts as a failure of the system's, behind
 * which no new one is taken for 100 ms. So whoever connects and goes away costs others more than it
 * costs him.
 * Here new connections wait outside until they have said what a client says first: the eight bytes
 * of SP over TCP (draft sp-tcp-mapping-01), or the beginning of a TLS handshake (RFC 8446, 5.1).
 * Who says anything else, ends before, or has not said it ten seconds after he came is closed
 * there. At each listener ACCEPT_FILTER_WAITING_MAX wait at most; with more of them, or without a
 * descriptor for the next one, who has waited longest gives way: who means to greet does so within
 * a round trip. A TLS handshake that begins is nng's, with the 100 ms behind it if it fails; but
 * nng can't end one that goes no further, so it is ended here, ten seconds after it began, when
 * ACCEPT_FILTER_WAITING_MAX more have begun, or after one or two for want of descriptors; until it
 * is over it has a second one.
 *
 * accept() stands here in front of the C library's, in the whole program; only nng, on a listener
 * that was begun in here, gets to see another behaviour. Threads: any. */
#ifndef USHER_RPC_ACCEPT_FILTER_H
#define USHER_RPC_ACCEPT_FILTER_H

#include <sys/socket.h>

#define ACCEPT_FILTER_WAITING_MAX 1024

enum accept_greeting {
	ACCEPT_ANY, /* no filter */
	ACCEPT_SP,  /* of a REQ socket */
	ACCEPT_TLS,
};

/* The listeners that nng starts in this thread from here on are for such connections; ACCEPT_ANY
 * when they are started. */
void accept_filter_begin(enum accept_greeting greeting);

/* The TLS handshake on that connection is over: nng has made a pipe of it. */
void accept_filter_end(const struct sockaddr_storage *peer, const struct sockaddr_storage *local);

#endif
