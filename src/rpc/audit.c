#include "rpc/backend.h"

static const struct uuid *
unless_nil(const struct uuid *id)
{
	return uuid_is_nil(id) ? NULL : id;
}

/* Numbers as the table has them. */
static int64_t
actor_kind(const struct principal *principal)
{
	switch (principal->kind) {
	case PRINCIPAL_LOGIN:
		return 1;
	case PRINCIPAL_KEY:
		return 2;
	default:
		return 0;
	}
}

status
rpc_audit_write(struct store_conn *conn, const struct rpc_audit *row)
{
	const struct rpc_call *call = row->call;
	const struct principal *principal = call->principal;
	const struct uuid *org = unless_nil(&call->audit_org);
	struct uuid id;

	if (!org && principal->has_org)
		org = &principal->org_id;
	TRY(uuid_make(call->clock, call->rand, &id));
	return STORE_SAY(conn, STMT_RPC_AUDIT_INSERT, p_uuid(&id), p_uuid(org),
	    p_int(actor_kind(principal)), p_uuid(unless_nil(&principal->account_id)),
	    p_uuid(unless_nil(&principal->user_id)), p_uuid(unless_nil(&principal->key_id)),
	    p_text(row->action), p_uuid(unless_nil(&call->audit_subject)), p_int(row->outcome),
	    p_text(row->reason), p_text(call->request_id), p_text(call->client_ip),
	    p_slice(row->user_agent));
}
