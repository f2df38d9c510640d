/* refresh.h - refreshes that wait at the same time are committed together. */
#ifndef USHER_SVC_AUTH_REFRESH_H
#define USHER_SVC_AUTH_REFRESH_H

#include "rpc/method.h"

/* For rpc_server_gather(). */
extern const struct rpc_gathering auth_gathering_refresh;

#endif
