/* routes.h - made by protoc-gen-usher from the http options: change that. */
#ifndef USHER_GEN_CLIENT_ROUTES_H
#define USHER_GEN_CLIENT_ROUTES_H

#include "client/route.h"

extern const struct route_row routes[];
extern const size_t routes_count;

#endif
