/* fake_call.h - a call without a server, for tests that run handlers and input rules directly.
 *
 * It brings rpc_begin() and the others of rpc/call.h: what a refusal said is kept in the call, and
 * transactions are the connection's. A program that uses it has no dispatcher.
 * Threads: one a call. */
#ifndef USHER_TESTS_LIB_FAKE_CALL_H
#define USHER_TESTS_LIB_FAKE_CALL_H

#include "rpc/call.h"

struct fake_call {
	struct rpc_call call; /* first: a handler's call is one of these */
	struct arena arena;
	struct principal principal;
	char field[64]; /* of the last rpc_refuse_field() */
	bool refusal_committed;
};

/* An anonymous call of method (may be NULL) from 192.0.2.1, now. */
void fake_call_init(struct fake_call *fake, const struct rpc_method *method);
void fake_call_done(struct fake_call *fake);

#endif
