/* call.h - one call, as its handler sees it.
 * Lifetime: the call and its arena live until the reply is packed. Threads: the worker's. */
#ifndef USHER_RPC_CALL_H
#define USHER_RPC_CALL_H

#include "access/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "rpc/method.h"
#include "store/store.h"

struct rpc_server;

#define RPC_KEEPS_MAX 4

struct rpc_call {
	struct arena *arena;
	const struct rpc_method *method;
	const struct principal *principal; /* never NULL; kind ANONYMOUS without a credential */
	struct store_conn *conn;           /* QUERY, BULK and HASH lanes; NULL on INLINE and CPU */
	const struct clock *clock;
	const struct rand_source *rand;
	int64_t now_us;         /* realtime when the call came */
	int64_t came_us;        /* the same moment on boottime */
	int64_t deadline_us;    /* on boottime */
	const char *client_ip;  /* believed: asserted by a via that may, or the pipe's peer */
	const char *request_id; /* for logs and for people */
	struct slice idempotency_key;
	struct revision at_least; /* xid 0: none given */
	bool has_at_least;
	bool trust_memory; /* memory may answer: a lease is held, at_least passed */
	bool development;  /* development mode: replies may carry debug_code */
	/* The method's, until rpc_become_write(). RESTRICT may be set by one that is, or that is
	 * PUBLIC and writes (row_may_be_parked()). */
	enum effect effect;

	/* What the handler leaves behind. */
	uint32_t retry_after_ms;
	struct revision revision; /* set by the commit */
	bool no_barrier;          /* RESTRICT that turned out to change nothing visible */
	bool was_gone; /* RESTRICT of what had been taken away: see rpc_commit_refusal() */
	const char *audit_action;  /* overrides the method's name */
	bool audits_refusal;       /* whatever its code; else what is denied, and who is nobody */
	struct uuid audit_subject; /* what the action was on; nil: nothing */
	struct uuid audit_org;     /* overrides the principal's; nil: that */
	/* boottime; the reply is parked until then. For WAIT methods, and for what is PUBLIC and
	 * writes (padding): others have no place kept for that (row_may_be_parked()). */
	int64_t not_before_us;
	void *internal;     /* rpc's own */
	struct list *sends; /* rpc's own: replies that wait for its own */
	/* Read for it together with others (struct rpc_gathering); NULL: nothing was. Who takes it
	 * sets this to NULL. */
	void *gathered;
	/* What the reply points into: rpc_keep(). */
	struct {
		void (*release)(void *kept);
		void *kept;
	} keeps[RPC_KEEPS_MAX];
	unsigned keeps_count;
};

/* The reply points into something that is not the arena's (a cache entry): release(kept) is called
 * when the reply is packed or the call has failed. false: there is no more room, so copy. */
static inline bool
rpc_keep(struct rpc_call *call, void (*release)(void *kept), void *kept)
{
	if (call->keeps_count == RPC_KEEPS_MAX)
		return false;
	call->keeps[call->keeps_count].release = release;
	call->keeps[call->keeps_count++].kept = kept;
	return true;
}
/* The dispatcher's: after packing, or when the call has failed. */
static inline void
rpc_release_kept(struct rpc_call *call)
{
	while (call->keeps_count > 0) {
		--call->keeps_count;
		call->keeps[call->keeps_count].release(call->keeps[call->keeps_count].kept);
	}
}

/* Calls that were read for together are answered together: whoever has to wait after all, for the
 * database or for room, lets the replies of the others go first. */
void rpc_before_wait(struct rpc_call *call);

/* What handler_cached returns when memory does not have it: the call moves to QUERY. */
#define RPC_NOT_CACHED ((status){ST_UNAVAILABLE, "not in memory", "NOT_CACHED"})
static inline bool
rpc_is_not_cached(status st)
{
	return st.code == ST_UNAVAILABLE && st.reason &&
	       __builtin_strcmp(st.reason, "NOT_CACHED") == 0;
}

/* What a WAIT method returns when there is nothing to say yet: it is called again at not_before_us,
 * or at its deadline, which then refuses it. */
#define RPC_MUST_WAIT ((status){ST_UNAVAILABLE, "nothing yet", "MUST_WAIT"})
static inline bool
rpc_must_wait(status st)
{
	return st.code == ST_UNAVAILABLE && st.reason &&
	       __builtin_strcmp(st.reason, "MUST_WAIT") == 0;
}

/* Start writing: opens the transaction (on HASH, and on calls that rpc_become_write() made writes;
 * the dispatcher has done it for QUERY and BULK writes) and checks the idempotency key.
 * The dispatcher commits when the handler succeeds, and rolls back when it fails. */
MUST_USE status rpc_begin(struct rpc_call *call);
/* HASH: has this been done under its idempotency key already? For what is counted, or takes long,
 * before rpc_begin(): a repeat is answered as from there, and costs none of it. Otherwise no
 * transaction is open afterwards; a call that is made twice at once may still be found a repeat
 * there. */
MUST_USE status rpc_find_repeat(struct rpc_call *call);
/* A READ method that has found it must write (Resolve with a conversation). */
MUST_USE status rpc_become_write(struct rpc_call *call);
/* The call's only statement, and its commit, in one round trip, instead of the dispatcher's commit
 * (store_commit_query()). The reply has payload_bytes_max at most. Not under an idempotency key.
 * What fails behind it takes nothing back: only for calls that can be repeated. A handler that goes
 * on to write begins anew with rpc_begin(). */
MUST_USE status rpc_commit_query(struct rpc_call *call, enum statement statement,
    const struct param *params, size_t params_count, int xid_column, size_t payload_bytes_max,
    struct rows *rows);
/* The same for calls that are gathered for, on the connection that they have: what is done is done
 * for all of them. rows and revision are the caller's, who hands to rpc_note_committed() what each
 * of them is to tell. */
MUST_USE status rpc_commit_together(struct rpc_call *const *calls, size_t count,
    enum statement statement, const struct param *params, size_t params_count, int xid_column,
    size_t payload_bytes_max, struct rows *rows, struct revision *revision);
/* A handler's, of whose call that has been done: there is nothing to commit any more. */
void rpc_note_committed(struct rpc_call *call, const struct revision *revision);
/* Commit what the call has written although it is refused: attempts that count, a session that
 * ends. The row of audit that the refusal would have without this is part of it; when something is
 * taken away (call->effect is RESTRICT, not was_gone) there is always one. Refused credentials
 * behind which nothing was left to take away (was_gone) wait for a barrier all the same, and keep
 * the pace of others. Answers refusal, or why it did not commit. */
MUST_USE status rpc_commit_refusal(struct rpc_call *call, status refusal);

/* A field-level refusal: INVALID_ARGUMENT with BadRequest naming the field.
 * message is formatted into the arena. */
status rpc_refuse_field(struct rpc_call *call, const char *field, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* RESOURCE_EXHAUSTED with retry_after. */
status rpc_refuse_rate(
    struct rpc_call *call, int64_t retry_after_us, const char *reason, const char *message);

#endif
