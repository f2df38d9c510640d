/* backend.h - what the server asks of memory and of the database: the real ones, or a test's.
 *
 * Threads: any. Only what takes a connection, and lease(), may block. */
#ifndef USHER_RPC_BACKEND_H
#define USHER_RPC_BACKEND_H

#include "access/credentials.h"
#include "crypt/crypt.h"
#include "rpc/call.h"
#include "store/barrier.h"
#include "store/feed.h"
#include "store/store.h"

/* One row of usher.audit. */
struct rpc_audit {
	const struct rpc_call *call;
	const char *action;
	enum status_code outcome;
	const char *reason; /* "" on success */
	struct slice user_agent;
};

/* A call under an idempotency key. */
struct rpc_repeat {
	const struct rpc_call *call;
	const struct crypt_key *key; /* rpc_settings' repeat_key */
	struct slice request;        /* the payload: another one under the same key is refused */
	/* What repeat_find() found. */
	bool found;
	struct slice reply; /* encoded, in the call's arena */
};

struct rpc_backend {
	void *self;
	bool (*may_trust_memory)(void *self, const struct revision *at_least);

	/* As in access/credentials.h. */
	status (*credential_find)(void *self, const struct credential_ask *ask,
	    enum credential_step *step, struct principal *principal);
	status (*credential_verify)(void *self, const struct credential_ask *ask,
	    enum credential_step *step, struct principal *principal);
	status (*credential_fill)(void *self, const struct credential_ask *ask,
	    struct store_conn *conn, struct arena *arena, struct principal *principal);
	/* The same for several that may be read together; each has its own status. NULL: none may.
	 */
	bool (*may_fill_together)(const struct credential_ask *ask);
	status (*credentials_fill)(void *self, struct credential_filling *fillings, size_t count,
	    struct store_conn *conn, struct arena *arena);
	bool (*fill_begin)(
	    void *self, const struct credential_ask *ask, struct cache_waiter *waiter);
	void (*fill_end)(void *self, struct cache_waiter *waiter);
	bool (*fill_cancel)(void *self, struct cache_waiter *waiter);

	/* As in store/store.h. */
	status (*lease)(void *self, int64_t deadline_us, struct store_conn **out);
	void (*give_back)(void *self, struct store_conn **conn);
	void (*set_deadline)(struct store_conn *conn, int64_t deadline_us);
	bool (*is_lost)(const struct store_conn *conn);
	void (*cut)(void *self); /* break what is under way at the database */
	status (*begin)(struct store_conn *conn);
	status (*commit)(struct store_conn *conn, struct revision *revision);
	void (*rollback)(struct store_conn *conn);
	status (*change)(struct store_conn *conn, enum change_kind kind, const struct uuid *id,
	    const struct uuid *org_id, bool restrict_);

	/* As in store/barrier.h. */
	void (*barrier_wait)(void *self, struct barrier_waiter *waiter);
	bool (*barrier_cancel)(void *self, struct barrier_waiter *waiter);

	/* rpc/idempotency.c. find: in the open transaction, before the effect.
	 * Errors: ABORTED IDEMPOTENCY_KEY_BUSY, INVALID_ARGUMENT IDEMPOTENCY_KEY_REUSED. */
	status (*repeat_find)(struct store_conn *conn, struct rpc_repeat *repeat);
	status (*repeat_keep)(
	    struct store_conn *conn, const struct rpc_repeat *repeat, struct slice reply);
	/* rpc/audit.c: in the transaction if one is open. */
	status (*audit)(struct store_conn *conn, const struct rpc_audit *row);
};

/* The real ones; all are borrowed and outlive the server. out->self is `real`. */
struct rpc_real {
	struct store *store;
	struct credentials *credentials;
	struct feed *feed;
	struct barrier *barrier;
};
void rpc_backend_real(struct rpc_real *real, struct rpc_backend *out);

/* What repeats are named and sealed with, together with the caller's own key. All servers need the
 * same one. */
void rpc_repeat_key_derive(const struct crypt_key *master, struct crypt_key *out);
status rpc_repeat_find(struct store_conn *conn, struct rpc_repeat *repeat);
status
rpc_repeat_keep(struct store_conn *conn, const struct rpc_repeat *repeat, struct slice reply);
status rpc_audit_write(struct store_conn *conn, const struct rpc_audit *row);

#endif
