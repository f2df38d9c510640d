/* route.h - a route of the HTTP bridge: what the `http` option of a .proto file turns into.
 * One row a binding. Lifetime: generated tables are constant. Threads: read-only. */
#ifndef USHER_CLIENT_ROUTE_H
#define USHER_CLIENT_ROUTE_H

#include "base/meta.h"
#include "client/method.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct route_row {
	const char *verb;        /* "GET" */
	const char *path;        /* "/v1/users/{user_id}/context": google.api.http's syntax */
	const char *body;        /* "*", a field's name, or "" for none */
	uint32_t success_status; /* 200, 201 ... */
	const char *method;      /* "usher.v1.UserService/GetUser" */
	uint32_t method_id;
	uint32_t deadline_ms;
	uint32_t bytes_max;
	enum client_effect effect;
	uint32_t write_field; /* as client_method has it */
	bool inline_read;     /* as client_method has it */
	bool idempotent_by_key;
	const struct meta_message *request_meta;
	const struct meta_message *reply_meta;
};

#endif
