/* StartOperation, GetOperation, ListOperations, CancelOperation, ReadOperationResult. */
#include "base/limits.h"
#include "gen/svc/ops.h"
#include "rpc/call.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/ops/env.h"
#include "svc/ops/fill.h"

#define NO_SUCH "there is no such operation"

static status
find_system_org(struct rpc_call *call, struct uuid *out)
{
	ROWS_AUTO rows = {0};

	TRY(store_query(call->conn, STMT_OPS_SYSTEM_ORG, NULL, 0, &rows));
	if (rows.count == 0)
		return REFUSE_FOR(ST_FAILED_PRECONDITION, "NO_SYSTEM_ORG",
		    "the platform has no organisation of its own yet: run `usher bootstrap`");
	*out = row_uuid(&rows, 0, OPS_SYSTEM_ORG_ID);
	return STATUS_OK;
}

/* Whose operations the call is about. A key has one organisation; an operator who has named none,
 * wherever they are logged in, means the platform's. */
static status
find_org(struct rpc_call *call, struct uuid *out)
{
	const struct principal *caller = call->principal;

	if (caller->has_org && (caller->kind == PRINCIPAL_KEY || caller->has_named_org)) {
		*out = caller->org_id;
		return STATUS_OK;
	}
	return find_system_org(call, out);
}

/* The columns of every statement that gives operations are those of ops/operation. */
static status
fill_operation(
    struct rpc_call *call, const struct rows *rows, int row, Usher__V1__Operation *operation)
{
	TRY(reply_id_column(call, rows, row, OPS_OPERATION_ID, &operation->operation_id));
	TRY(reply_id_column(call, rows, row, OPS_OPERATION_ORG_ID, &operation->org_id));
	TRY(reply_text_column(call, rows, row, OPS_OPERATION_KIND, &operation->kind));
	operation->state = (Usher__V1__OperationState)row_int(rows, row, OPS_OPERATION_STATE);
	TRY(reply_text_column(call, rows, row, OPS_OPERATION_PARAMETERS, &operation->parameters));
	operation->done = row_int(rows, row, OPS_OPERATION_DONE);
	operation->total = row_int(rows, row, OPS_OPERATION_TOTAL);
	operation->results = row_int(rows, row, OPS_OPERATION_RESULTS);
	TRY(reply_text_column(call, rows, row, OPS_OPERATION_ERROR, &operation->error));
	operation->cancel_requested = row_bool(rows, row, OPS_OPERATION_CANCEL_REQUESTED);
	TRY(reply_id_column(call, rows, row, OPS_OPERATION_STARTED_BY, &operation->started_by));
	TRY(reply_id_column(call, rows, row, OPS_OPERATION_NODE_ID, &operation->node_id));
	TRY(reply_time_column(call, rows, row, OPS_OPERATION_CREATED_AT, &operation->created_at));
	TRY(reply_time_column(call, rows, row, OPS_OPERATION_STARTED_AT, &operation->started_at));
	TRY(reply_time_column(call, rows, row, OPS_OPERATION_UPDATED_AT, &operation->updated_at));
	TRY(reply_time_column(call, rows, row, OPS_OPERATION_FINISHED_AT, &operation->finished_at));
	return reply_time_column(call, rows, row, OPS_OPERATION_EXPIRES_AT, &operation->expires_at);
}

static status
read_operation(struct rpc_call *call, const struct uuid *org_id, const struct uuid *id,
    Usher__V1__Operation *operation)
{
	const struct param params[] = {p_uuid(org_id), p_uuid(id)};
	ROWS_AUTO rows = {0};

	TRY(store_query_one(call->conn, STMT_OPS_OPERATION, params, 2, NO_SUCH, &rows));
	return fill_operation(call, &rows, 0, operation);
}

struct start_ask {
	const struct operation_kind *kind;
	const char *parameters;
	struct uuid org_id;
};

static status
check_start(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__StartOperationRequest *req, struct start_ask *ask)
{
	struct uuid system;
	status st;

	ask->kind = env->operations ? operations_kind(env->operations, req->kind) : NULL;
	if (!ask->kind)
		return rpc_refuse_field(call, "kind", "is none that there is");
	ask->parameters = *req->parameters ? req->parameters : "{}";
	st = ask->kind->check(slice_text(ask->parameters), call->arena);
	if (st.code == ST_INVALID_ARGUMENT)
		return rpc_refuse_field(call, "parameters", "are not this kind's: %s", st.message);
	TRY(st);
	TRY(find_org(call, &ask->org_id));
	if (!ask->kind->of_platform)
		return STATUS_OK;
	TRY(find_system_org(call, &system));
	if (!uuid_equals(&ask->org_id, &system))
		return rpc_refuse_field(
		    call, "kind", "is the platform's, and no single organisation's");
	return STATUS_OK;
}

/* StartOperation. Errors: INVALID_ARGUMENT (kind, parameters), NOT_FOUND (the organisation),
 * RESOURCE_EXHAUSTED OPERATIONS_OPEN, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status
ops_start_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__StartOperationRequest *req, Usher__V1__Operation *reply)
{
	const struct principal *caller = call->principal;
	struct start_ask ask = {0};
	struct uuid id;
	ROWS_AUTO locked = {0}, rows = {0};

	TRY(check_start(env, call, req, &ask));
	TRY(uuid_make(call->clock, call->rand, &id));
	TRY(store_query_one(call->conn, STMT_OPS_OPERATION_LOCK,
	    (const struct param[]){p_uuid(&ask.org_id)}, 1, "there is no such organisation",
	    &locked));
	TRY(STORE_QUERY(call->conn, STMT_OPS_OPERATION_START, &rows, p_uuid(&ask.org_id),
	    p_uuid(&id), p_text(ask.kind->name), p_json(ask.parameters),
	    p_uuid(caller->kind == PRINCIPAL_KEY ? &caller->key_id : &caller->account_id),
	    p_int(OPERATIONS_OPEN_MAX)));
	if (rows.count == 0)
		return REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "OPERATIONS_OPEN",
		    "as many operations as there may be are open: wait for one, or cancel it");
	call->audit_subject = id;
	call->audit_org = ask.org_id;
	return fill_operation(call, &rows, 0, reply);
}

/* GetOperation. Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status
ops_get_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetOperationRequest *req, Usher__V1__Operation *reply)
{
	struct uuid org_id, id;

	(void)env;
	TRY(input_id(call, "operation_id", req->operation_id, &id));
	TRY(find_org(call, &org_id));
	return read_operation(call, &org_id, &id, reply);
}

/* What binds a page's token: the organisation, and what else narrows the list. */
static status
page_filter(
    struct rpc_call *call, const struct uuid *org_id, struct slice narrower, struct slice *out)
{
	uint8_t *bytes = arena_alloc(call->arena, UUID_BYTES + narrower.bytes);

	if (!bytes)
		return ARENA_EXHAUSTED;
	memcpy(bytes, org_id->bytes, UUID_BYTES);
	if (narrower.bytes > 0)
		memcpy(bytes + UUID_BYTES, narrower.data, narrower.bytes);
	*out = slice_of(bytes, UUID_BYTES + narrower.bytes);
	return STATUS_OK;
}

/* ListOperations: the newest first. Errors: FAILED_PRECONDITION NO_SYSTEM_ORG. */
status
ops_list_operations(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ListOperationsRequest *req, Usher__V1__ListOperationsReply *reply)
{
	struct uuid org_id, before;
	struct slice filter;
	struct page page;
	ROWS_AUTO rows = {0};

	TRY(find_org(call, &org_id));
	TRY(page_filter(call, &org_id, slice_text(req->kind), &filter));
	TRY(page_read(call, env->page_key, filter, req->page, &page));
	memset(before.bytes, 0xff, UUID_BYTES);
	if (!page.is_first)
		before = page.after.id;
	TRY(STORE_QUERY(call->conn, STMT_OPS_OPERATIONS, &rows, p_uuid(&org_id), p_uuid(&before),
	    p_int(page.size + 1), p_text(req->kind)));
	for (int i = 0; i < rows.count && i < page.size; i++) {
		Usher__V1__Operation *operation;

		ADD_MESSAGE(call, reply->operations, reply->n_operations, rows.count,
		    usher__v1__operation__init, operation);
		TRY(fill_operation(call, &rows, i, operation));
	}
	if (rows.count <= page.size)
		return STATUS_OK;
	return page_close(call, env->page_key, filter,
	    &(struct page_position){.id = row_uuid(&rows, page.size - 1, OPS_OPERATIONS_ID)},
	    &reply->page);
}

/* CancelOperation. Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status
ops_cancel_operation(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__CancelOperationRequest *req, Usher__V1__Operation *reply)
{
	int64_t keep_s = env->operations ? operations_keep_s(env->operations) : 0;
	struct uuid org_id, id;
	ROWS_AUTO rows = {0};

	TRY(input_id(call, "operation_id", req->operation_id, &id));
	TRY(find_org(call, &org_id));
	TRY(STORE_QUERY(call->conn, STMT_OPS_OPERATION_CANCEL, &rows, p_uuid(&org_id), p_uuid(&id),
	    p_int(keep_s)));
	call->audit_subject = id;
	call->audit_org = org_id;
	if (rows.count == 1)
		return fill_operation(call, &rows, 0, reply);
	return read_operation(call, &org_id, &id, reply);
}

static status
fill_items(
    struct rpc_call *call, const struct rows *rows, Usher__V1__ReadOperationResultReply *reply)
{
	for (int i = 0; i < rows->count; i++) {
		Usher__V1__OperationItem *item;

		ADD_MESSAGE(call, reply->items, reply->n_items, rows->count,
		    usher__v1__operation_item__init, item);
		item->seq = row_int(rows, i, OPS_OPERATION_RESULT_SEQ);
		TRY(reply_text_column(call, rows, i, OPS_OPERATION_RESULT_ITEM, &item->item));
	}
	return STATUS_OK;
}

/* ReadOperationResult. Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG. */
status
ops_read_operation_result(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__ReadOperationResultRequest *req, Usher__V1__ReadOperationResultReply *reply)
{
	struct uuid org_id, id;
	struct slice filter;
	struct page page;
	ROWS_AUTO rows = {0};

	TRY(input_id(call, "operation_id", req->operation_id, &id));
	TRY(find_org(call, &org_id));
	TRY(page_filter(call, &org_id, slice_of(id.bytes, UUID_BYTES), &filter));
	TRY(page_read(call, env->page_key, filter, req->page, &page));
	reply->operation = arena_alloc(call->arena, sizeof(*reply->operation));
	if (!reply->operation)
		return ARENA_EXHAUSTED;
	usher__v1__operation__init(reply->operation);
	TRY(read_operation(call, &org_id, &id, reply->operation));
	TRY(STORE_QUERY(call->conn, STMT_OPS_OPERATION_RESULT, &rows, p_uuid(&org_id), p_uuid(&id),
	    p_int(page.after.number), p_int(page.size), p_int(PAGE_BYTES_MAX)));
	TRY(fill_items(call, &rows, reply));
	if (rows.count == 0 || !row_bool(&rows, rows.count - 1, OPS_OPERATION_RESULT_IS_MORE))
		return STATUS_OK;
	return page_close(call, env->page_key, filter,
	    &(struct page_position){
		.number = row_int(&rows, rows.count - 1, OPS_OPERATION_RESULT_SEQ)},
	    &reply->page);
}
