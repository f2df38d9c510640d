/* throttle.h - attempts are counted before a secret is looked at, atomically, in the database.
 *
 * Each attempt counts twice: against the network it comes from, and against what it is on. Beyond a
 * burst each one doubles the wait until the next, up to a limit: slower and slower, never locked
 * for good. A network is an IPv4 address or the /64 of an IPv6 one. One site has 65,536 of these:
 * so a login is counted once more against the account from all of the /48, with ten times the
 * burst. Rows hold keyed hashes: no address of a person or a machine can be read from them. Blocks:
 * on the database. Threads: the call's. */
#ifndef USHER_SVC_AUTH_THROTTLE_H
#define USHER_SVC_AUTH_THROTTLE_H

#include "svc/auth/auth.h"

enum throttle {
	THROTTLE_LOGIN,           /* on an address from a network, so nobody slows another down */
	THROTTLE_SIGN_UP,         /* on an address, from wherever */
	THROTTLE_VERIFY,          /* on a sign-up, whether there is one or not */
	THROTTLE_VERIFY_BY_EMAIL, /* on an address: nobody uses up the tries of a sign-up's owner */
	THROTTLES
};

/* Count an attempt on target (a folded address, an id's text). Outside a transaction it is
 * committed with the statement; inside one the caller commits, whatever comes of the attempt,
 * unless this refuses it: then it is committed already, as rpc_commit_refusal() does it. Errors:
 * RESOURCE_EXHAUSTED TOO_MANY_ATTEMPTS with the time to wait; as store_query(). */
MUST_USE status throttle_take(
    const struct auth_env *env, struct rpc_call *call, enum throttle throttle, const char *target);
/* The attempt was a success: earlier ones on that target are forgotten, and the network gets this
 * one back. Locks the network's row until the transaction ends: call it last. */
MUST_USE status throttle_forgive(
    const struct auth_env *env, struct rpc_call *call, enum throttle throttle, const char *target);

/* 4 or 8 bytes of a network, or the text itself when it is no address. Returns the length. */
#define THROTTLE_NETWORK_BYTES_MAX 64
size_t throttle_network(const char *client_ip, uint8_t out[THROTTLE_NETWORK_BYTES_MAX]);

#endif
