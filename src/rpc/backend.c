#include "rpc/backend.h"

static bool
real_may_trust_memory(void *self, const struct revision *at_least)
{
	return feed_may_trust_memory(((struct rpc_real *)self)->feed, at_least);
}

static status
real_find(void *self, const struct credential_ask *ask, enum credential_step *step,
    struct principal *principal)
{
	return credentials_find(((struct rpc_real *)self)->credentials, ask, step, principal);
}

static status
real_verify(void *self, const struct credential_ask *ask, enum credential_step *step,
    struct principal *principal)
{
	return credentials_verify_token(
	    ((struct rpc_real *)self)->credentials, ask, step, principal);
}

static status
real_fill(void *self, const struct credential_ask *ask, struct store_conn *conn,
    struct arena *arena, struct principal *principal)
{
	return credentials_fill(
	    ((struct rpc_real *)self)->credentials, ask, conn, arena, principal);
}

static status
real_fill_together(void *self, struct credential_filling *fillings, size_t count,
    struct store_conn *conn, struct arena *arena)
{
	return credentials_fill_together(
	    ((struct rpc_real *)self)->credentials, fillings, count, conn, arena);
}

static bool
real_fill_begin(void *self, const struct credential_ask *ask, struct cache_waiter *waiter)
{
	return credentials_fill_begin(((struct rpc_real *)self)->credentials, ask, waiter);
}

static void
real_fill_end(void *self, struct cache_waiter *waiter)
{
	credentials_fill_end(((struct rpc_real *)self)->credentials, waiter);
}

static bool
real_fill_cancel(void *self, struct cache_waiter *waiter)
{
	return credentials_fill_cancel(((struct rpc_real *)self)->credentials, waiter);
}

static status
real_lease(void *self, int64_t deadline_us, struct store_conn **out)
{
	TRY(store_lease(((struct rpc_real *)self)->store, deadline_us, out));
	store_set_deadline(*out, deadline_us);
	return STATUS_OK;
}

static void
real_give_back(void *self, struct store_conn **conn)
{
	(void)self;
	store_return(conn);
}

static void
real_cut(void *self)
{
	store_cut(((struct rpc_real *)self)->store);
}

static void
real_barrier_wait(void *self, struct barrier_waiter *waiter)
{
	barrier_wait(((struct rpc_real *)self)->barrier, waiter);
}

static bool
real_barrier_cancel(void *self, struct barrier_waiter *waiter)
{
	return barrier_cancel(((struct rpc_real *)self)->barrier, waiter);
}

void
rpc_backend_real(struct rpc_real *real, struct rpc_backend *out)
{
	*out = (struct rpc_backend){
	    .self = real,
	    .may_trust_memory = real_may_trust_memory,
	    .credential_find = real_find,
	    .credential_verify = real_verify,
	    .credential_fill = real_fill,
	    .may_fill_together = credentials_may_fill_together,
	    .credentials_fill = real_fill_together,
	    .fill_begin = real_fill_begin,
	    .fill_end = real_fill_end,
	    .fill_cancel = real_fill_cancel,
	    .lease = real_lease,
	    .give_back = real_give_back,
	    .set_deadline = store_set_deadline,
	    .is_lost = store_is_lost,
	    .cut = real_cut,
	    .begin = store_begin,
	    .commit = store_commit,
	    .rollback = store_rollback,
	    .change = store_change,
	    .barrier_wait = real_barrier_wait,
	    .barrier_cancel = real_barrier_cancel,
	    .repeat_find = rpc_repeat_find,
	    .repeat_keep = rpc_repeat_keep,
	    .audit = rpc_audit_write,
	};
}
