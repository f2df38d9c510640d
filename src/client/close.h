/* close.h - close an nng socket, but not wait for it for ever.
 *
 * nng 1.5's tcp transport loses a receive that is between a message's length and its bytes when its
 * pipe is closed; what closes the pipe waits for that receive, and never ends (nng 1636, mended in
 * 1.6). A program that stops must not hang on it.
 * Blocks: up to CLOSE_US; when no thread can be had for it, as long as nng does. Shared with
 * src/rpc. */
#ifndef USHER_CLIENT_CLOSE_H
#define USHER_CLIENT_CLOSE_H

#include <nng/nng.h>
#include <stdbool.h>

#define CLOSE_US 1000000

/* No context of the socket may be in use. Its pipe callbacks are taken off first, so what they use
 * may go afterwards in any case. false: it does not end, and is left behind (base/aside.h); the
 * socket's own memory is lost. */
bool socket_close(nng_socket socket);

#endif
