/* method.h - what a client knows about a method: a row generated from the .proto file.
 * Lifetime: generated tables are constant. Threads: read-only. */
#ifndef USHER_CLIENT_METHOD_H
#define USHER_CLIENT_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers as in options.proto. A READ may be repeated freely, the others only under an idempotency
 * key. */
enum client_effect {
	CLIENT_READ = 1,
	CLIENT_WRITE = 2,
	CLIENT_RESTRICT = 3,
};

struct client_method {
	uint32_t id;      /* FNV-1a of name */
	const char *name; /* "usher.v1.AuthService/Login" */
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
	uint32_t deadline_ms; /* when the caller names none, and the most that it may name */
	uint32_t bytes_max;   /* of the encoded request */
	enum client_effect effect;
	bool idempotent_by_key; /* takes an idempotency key */
	bool batchable;         /* may stand inside a Batch */
	bool inline_read;       /* a READ that memory mostly answers: may travel with others */
	/* The number of the request's field that makes a READ a WRITE when it is filled; 0: none.
	 */
	uint32_t write_field;
};

#endif
