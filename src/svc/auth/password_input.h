/* password_input.h - what a password may be. Compared exactly as received; no composition rules.
 * Errors: INVALID_ARGUMENT, naming the field. Threads: the call's. */
#ifndef USHER_SVC_AUTH_PASSWORD_INPUT_H
#define USHER_SVC_AUTH_PASSWORD_INPUT_H

#include "rpc/call.h"

/* A new password: PASSWORD_CHARS_MIN characters to PASSWORD_BYTES_MAX bytes. */
MUST_USE status input_new_password(struct rpc_call *call, const char *field, const char *text);
/* One to compare: refused when it is longer than any can be, before it is hashed. */
MUST_USE status input_password(struct rpc_call *call, const char *field, const char *text);

#endif
