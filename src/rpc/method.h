/* method.h - what the server knows about a method: a row generated from the .proto file.
 * Lifetime: generated tables are constant. Threads: read-only. */
#ifndef USHER_RPC_METHOD_H
#define USHER_RPC_METHOD_H

#include "access/rule.h"
#include "base/meta.h"
#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc_call;

/* Numbers as in options.proto. */
enum lane {
	LANE_INLINE = 1,
	LANE_CPU = 2,
	LANE_QUERY = 3,
	LANE_BULK = 4,
	LANE_HASH = 5,
	LANE_WAIT = 6,
};
#define LANE_COUNT 7

enum effect {
	EFFECT_READ = 1,
	EFFECT_WRITE = 2,
	EFFECT_RESTRICT = 3,
};

/* env is the service's own environment, as given to rpc_server_add(). req is unpacked into the
 * call's arena; reply is initialised, and what the handler hangs into it lives in that arena or
 * longer than the call. */
typedef status rpc_handler(
    const void *env, struct rpc_call *call, const ProtobufCMessage *req, ProtobufCMessage *reply);

/* Calls of one method (and organisation) that wait on QUERY at the same time: what they are about
 * to read is read for all of them at once. What is gathered may be old by as long as the calls
 * before it in the same hand take, and never older than the call. A WRITE is done for all of them,
 * in one transaction (rpc_commit_together()). */
struct rpc_gathering {
	const char *method;
	const char *unless_field; /* or NULL: who has this text does more, and goes alone */
	bool of_anybody;          /* not of one organisation alone */
	bool in_few_hands;        /* the others wait to be gathered for (struct lane_entry) */
	/* Sets gathered in calls that something was read for; their handlers do without as well.
	 * false: each call that it is not set in is to try by itself. calls have one
	 * connection and arena between them, and no more than these is there later. */
	bool (*gather)(const void *env, struct rpc_call *const *calls,
	    const ProtobufCMessage *const *requests, size_t count);
	/* What nobody took. */
	void (*release)(void *gathered);
};

struct rpc_method {
	uint32_t id;      /* FNV-1a of name */
	const char *name; /* "usher.v1.AuthService/Login" */
	enum lane lane;
	enum effect effect;
	enum assurance assurance;
	bool idempotent_by_key;
	bool audit;
	bool batchable;
	uint32_t deadline_ms;
	uint32_t bytes_max;
	const struct access_rule *access;
	size_t access_count;
	const struct meta_message *request_meta;
	const struct meta_message *reply_meta;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
	rpc_handler *handle;
	rpc_handler *handle_cached; /* LANE_INLINE only, otherwise NULL */
};

struct rpc_service {
	const char *name;       /* "usher.v1.AuthService" */
	const char *short_name; /* "auth": what --services takes */
	const struct rpc_method *methods;
	size_t methods_count;
};

#endif
