/* Calls under an idempotency key. The key is the caller's, and should be random: but nothing keeps
 * a client from numbering its own. So what finds the row, authenticates the request and seals the
 * result is made from it and from the servers' key together. The table alone yields nothing, not
 * even a key that is guessed. */
#include "crypt/crypt.h"
#include "rpc/backend.h"

#include <assert.h>

#define KEPT_US (24 * 3600 * US_PER_S)

struct repeat_name {
	uint8_t principal[1 + 4 * UUID_BYTES];
	uint32_t method_id;
	struct crypt_digest key_hash;
	struct crypt_key request_key, result_key;
};

static void
name_wipe(struct repeat_name *name)
{
	crypt_wipe(name, sizeof(*name));
}

/* Overwritten on every way out. */
#define NAME_AUTO __attribute__((cleanup(name_wipe))) struct repeat_name

#define NAMED_ORG_BIT 0x80

/* Who calls, as far as it decides what a call means: the login in its organisation, or the key, and
 * the user that it is narrowed to. An operator who names their own organisation means another one
 * than without a name. */
static void
principal_write(const struct principal *principal, uint8_t out[1 + 4 * UUID_BYTES])
{
	static const struct uuid nobody;
	const struct uuid *ids[] = {
	    principal->kind == PRINCIPAL_KEY ? &principal->key_id : &principal->account_id,
	    principal->has_org ? &principal->org_id : &nobody,
	    principal->is_narrowed ? &principal->narrowed_user_id : &nobody,
	    &principal->user_id,
	};

	out[0] = (uint8_t)(principal->kind | (principal->has_named_org ? NAMED_ORG_BIT : 0));
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		memcpy(out + 1 + i * UUID_BYTES, ids[i]->bytes, UUID_BYTES);
}

static void
name_make(const struct rpc_repeat *repeat, struct repeat_name *name)
{
	const struct rpc_call *call = repeat->call;
	const struct slice purpose = slice_text("usher repeat name");
	struct crypt_digest both;
	struct crypt_key key;

	assert(repeat->key);
	principal_write(call->principal, name->principal);
	name->method_id = call->method->id;
	crypt_mac(repeat->key, &call->idempotency_key, 1, &both);
	memcpy(key.bytes, both.bytes, sizeof(key.bytes));
	crypt_mac(&key, &purpose, 1, &name->key_hash);
	crypt_key_derive(&key, "usher repeat request", &name->request_key);
	crypt_key_derive(&key, "usher repeat result", &name->result_key);
	crypt_wipe(&both, sizeof(both));
	crypt_wipe(&key, sizeof(key));
}

/* What binds a sealed result to its row, and the row's place among advisory locks. */
static struct slice
bound_make(const struct repeat_name *name, struct crypt_digest *out)
{
	const struct slice parts[] = {
	    slice_of(name->principal, sizeof(name->principal)),
	    slice_of(&name->method_id, sizeof(name->method_id)),
	    slice_of(name->key_hash.bytes, CRYPT_DIGEST_BYTES),
	};

	crypt_mac(&name->result_key, parts, sizeof(parts) / sizeof(parts[0]), out);
	return slice_of(out->bytes, CRYPT_DIGEST_BYTES);
}

void
rpc_repeat_key_derive(const struct crypt_key *master, struct crypt_key *out)
{
	crypt_key_derive(master, "usher repeats", out);
}

static int64_t
lock_of(const struct crypt_digest *bound)
{
	int64_t lock;

	memcpy(&lock, bound->bytes, sizeof(lock));
	return lock;
}

static void
request_mac(const struct repeat_name *name, struct slice request, struct crypt_digest *out)
{
	crypt_mac(&name->request_key, &request, 1, out);
}

static status
found_open(const struct rows *rows, const struct repeat_name *name,
    const struct crypt_digest *bound, struct rpc_repeat *repeat)
{
	struct crypt_digest mac;

	request_mac(name, repeat->request, &mac);
	if (!crypt_digest_equals(&mac, row_slice(rows, 0, RPC_REPEAT_FIND_REQUEST_MAC)))
		return REFUSE_FOR(ST_INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED",
		    "the idempotency key was used for another request");
	TRY(crypt_unseal(&name->result_key, slice_of(bound->bytes, CRYPT_DIGEST_BYTES),
	    row_slice(rows, 0, RPC_REPEAT_FIND_RESULT_SEALED), repeat->call->arena,
	    &repeat->reply));
	repeat->found = true;
	return STATUS_OK;
}

status
rpc_repeat_find(struct store_conn *conn, struct rpc_repeat *repeat)
{
	ROWS_AUTO rows = {0};
	NAME_AUTO name;
	struct crypt_digest bound;

	name_make(repeat, &name);
	(void)bound_make(&name, &bound);
	TRY(STORE_QUERY(conn, STMT_RPC_REPEAT_FIND, &rows, p_int(lock_of(&bound)),
	    p_bytes(slice_of(name.principal, sizeof(name.principal))), p_int(name.method_id),
	    p_bytes(slice_of(name.key_hash.bytes, CRYPT_DIGEST_BYTES))));
	if (!row_bool(&rows, 0, RPC_REPEAT_FIND_LOCKED))
		return REFUSE_FOR(ST_ABORTED, "IDEMPOTENCY_KEY_BUSY",
		    "another call under this idempotency key is under way");
	if (row_is_null(&rows, 0, RPC_REPEAT_FIND_RESULT_SEALED))
		return STATUS_OK;
	return found_open(&rows, &name, &bound, repeat);
}

status
rpc_repeat_keep(struct store_conn *conn, const struct rpc_repeat *repeat, struct slice reply)
{
	ROWS_AUTO rows = {0};
	const struct rpc_call *call = repeat->call;
	NAME_AUTO name;
	struct crypt_digest bound, mac;
	struct slice sealed;

	name_make(repeat, &name);
	const struct slice bound_bytes = bound_make(&name, &bound);
	request_mac(&name, repeat->request, &mac);
	TRY(crypt_seal(&name.result_key, call->rand, bound_bytes, reply, call->arena, &sealed));
	TRY(STORE_QUERY(conn, STMT_RPC_REPEAT_KEEP, &rows,
	    p_bytes(slice_of(name.principal, sizeof(name.principal))), p_int(name.method_id),
	    p_bytes(slice_of(name.key_hash.bytes, CRYPT_DIGEST_BYTES)),
	    p_bytes(slice_of(mac.bytes, CRYPT_DIGEST_BYTES)), p_bytes(sealed),
	    p_time(call->now_us + KEPT_US)));
	if (rows.count == 0)
		return REFUSE_FOR(ST_ABORTED, "IDEMPOTENCY_KEY_BUSY",
		    "another call under this idempotency key was under way");
	return STATUS_OK;
}
