/* shut.h - end one connection of nng's from our side.
 *
 * nng 1.5 closes a pipe by cancelling its receive first. A receive whose length has just been read
 * is lost then, the one thread that takes pipes down waits for it for ever, and no pipe is taken
 * down any more (nng 1636; client/close.h has the same trouble with sockets). A client that sends
 * without a pause is always in that state. So it is the connection below that ends: nng learns of
 * it as if the peer had gone, and that does no harm.
 * Threads: any. Shared with src/rpc. */
#ifndef USHER_CLIENT_SHUT_H
#define USHER_CLIENT_SHUT_H

#include <nng/nng.h>

/* End the connection that the pipe is; it goes when nng has read what was sent before. Looks at all
 * descriptors that are open: for need alone. */
void pipe_shut(nng_pipe pipe);

#endif
