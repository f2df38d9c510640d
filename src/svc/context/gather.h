/* gather.h - contexts for calls of Resolve, and of GetContext, that wait at the same time. */
#ifndef USHER_SVC_CONTEXT_GATHER_H
#define USHER_SVC_CONTEXT_GATHER_H

#include "rpc/method.h"

/* For rpc_server_gather(). */
extern const struct rpc_gathering context_gathering_resolve, context_gathering_get;

#endif
