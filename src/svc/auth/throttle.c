#include "svc/auth/throttle.h"

#include "base/network.h"

#define IPV4_AT 12 /* in its IPv4-mapped form */
#define IPV4_BYTES 4
#define WIDE_BYTES 6 /* a /48: what a site is given of IPv6, with 65,536 networks in it */
#define WIDE_BURSTS 10
#define MINUTE_S 60.0
#define HOUR_S 3600.0
#define DAY_S 86400.0

/* kind is usher.throttles'. burst 0: a setting's. */
struct policy {
	int16_t kind;
	int64_t burst;
	double delay_s, delay_max_s, window_s;
};

static const struct throttle_row {
	struct policy network, target;
	bool target_is_in_network;
	int16_t wide_kind; /* of the target in the /48 of an IPv6 address; 0: not counted there */
} rows_of[THROTTLES] = {
    [THROTTLE_LOGIN] = {{1, 0, 1, 30, HOUR_S}, {2, 0, 1, 15 * MINUTE_S, DAY_S}, true, 8},
    [THROTTLE_SIGN_UP] = {{3, 0, 1, 30, HOUR_S}, {4, 5, MINUTE_S, HOUR_S, DAY_S}, false, 0},
    /* The code dies before the wait is over. */
    [THROTTLE_VERIFY] = {{5, 0, 1, 30, HOUR_S},
	{6, SIGNUP_TRIES_MAX, 10 * MINUTE_S, 10 * MINUTE_S, 10 * MINUTE_S}, false, 0},
    [THROTTLE_VERIFY_BY_EMAIL] = {{5, 0, 1, 30, HOUR_S},
	{7, SIGNUP_TRIES_MAX, 10 * MINUTE_S, 10 * MINUTE_S, 10 * MINUTE_S}, false, 0},
};

struct throttle_pair {
	const struct throttle_row *row;
	struct crypt_digest network, target, wide;
	bool has_wide;
	int64_t network_burst, target_burst;
};

size_t
throttle_network(const char *client_ip, uint8_t out[THROTTLE_NETWORK_BYTES_MAX])
{
	struct network address;
	size_t bytes;

	if (!address_parse(slice_text(client_ip), &address)) {
		bytes = strnlen(client_ip, THROTTLE_NETWORK_BYTES_MAX);
		memcpy(out, client_ip, bytes);
		return bytes;
	}
	const struct network site = address_site(&address);
	const bool is_ipv4 = site.bits == address.bits;
	bytes = is_ipv4 ? IPV4_BYTES : site.bits / 8;
	memcpy(out, site.address + (is_ipv4 ? IPV4_AT : 0), bytes);
	return bytes;
}

/* The /48 of an IPv6 address; empty: it is none. */
static struct slice
wide_network(const char *client_ip, uint8_t out[WIDE_BYTES])
{
	struct network address;

	if (!address_parse(slice_text(client_ip), &address) ||
	    address_site(&address).bits == address.bits)
		return SLICE_NONE;
	memcpy(out, address.address, WIDE_BYTES);
	return slice_of(out, WIDE_BYTES);
}

static struct throttle_pair
throttle_pair(const struct auth_env *env, const struct rpc_call *call, enum throttle throttle,
    const char *target)
{
	uint8_t network[THROTTLE_NETWORK_BYTES_MAX], wide[WIDE_BYTES];
	const char *client_ip = call->client_ip ? call->client_ip : "";
	size_t network_bytes = throttle_network(client_ip, network);
	struct slice parts[] = {slice_of(network, network_bytes), slice_text(target)};
	struct throttle_pair pair = {.row = &rows_of[throttle]};

	crypt_mac(env->throttle_key, parts, 1, &pair.network);
	if (!pair.row->target_is_in_network)
		parts[0] = SLICE_NONE;
	crypt_mac(env->throttle_key, parts, 2, &pair.target);
	parts[0] = pair.row->wide_kind ? wide_network(client_ip, wide) : SLICE_NONE;
	pair.has_wide = parts[0].bytes > 0;
	crypt_mac(env->throttle_key, parts, 2, &pair.wide);
	pair.network_burst = pair.row->network.burst ? pair.row->network.burst : env->network_burst;
	pair.target_burst = pair.row->target.burst ? pair.row->target.burst : env->account_burst;
	return pair;
}

static struct param
p_digest(const struct crypt_digest *digest)
{
	return p_bytes(slice_of(digest->bytes, sizeof(digest->bytes)));
}

static struct param
p_wide(const struct throttle_pair *pair)
{
	return pair->has_wide ? p_digest(&pair->wide) : P_NULL;
}

status
throttle_take(
    const struct auth_env *env, struct rpc_call *call, enum throttle throttle, const char *target)
{
	struct throttle_pair pair = throttle_pair(env, call, throttle, target);
	const struct policy *network = &pair.row->network, *on = &pair.row->target;
	ROWS_AUTO rows = {0};
	int64_t wait_us;
	status st;

	TRY(STORE_QUERY(call->conn, STMT_AUTH_THROTTLE_TAKE, &rows, p_int(network->kind),
	    p_digest(&pair.network), p_int(pair.network_burst), p_double(network->delay_s),
	    p_double(network->delay_max_s), p_double(network->window_s), p_int(on->kind),
	    p_digest(&pair.target), p_int(pair.target_burst), p_double(on->delay_s),
	    p_double(on->delay_max_s), p_double(on->window_s),
	    p_bool(!store_in_transaction(call->conn)), p_int(pair.row->wide_kind), p_wide(&pair),
	    p_int(pair.target_burst * WIDE_BURSTS)));
	if (row_bool(&rows, 0, AUTH_THROTTLE_TAKE_IS_FREE))
		return STATUS_OK;
	wait_us = row_int(&rows, 0, AUTH_THROTTLE_TAKE_WAIT_US);
	st = rpc_refuse_rate(call, wait_us > US_PER_S ? wait_us : US_PER_S, "TOO_MANY_ATTEMPTS",
	    "too many attempts; wait before the next one");
	/* What changed nothing is worth no commit. */
	if (!store_in_transaction(call->conn) || !row_bool(&rows, 0, AUTH_THROTTLE_TAKE_IS_COUNTED))
		return st;
	return rpc_commit_refusal(call, st);
}

status
throttle_forgive(
    const struct auth_env *env, struct rpc_call *call, enum throttle throttle, const char *target)
{
	struct throttle_pair pair = throttle_pair(env, call, throttle, target);

	return STORE_SAY(call->conn, STMT_AUTH_THROTTLE_FORGIVE, p_int(pair.row->network.kind),
	    p_digest(&pair.network), p_int(pair.network_burst), p_int(pair.row->target.kind),
	    p_digest(&pair.target), p_int(pair.row->wide_kind), p_wide(&pair));
}
