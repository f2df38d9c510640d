/* internal.h - what the files of this folder share.
 *
 * A message from a client is a work: its context, its aios, its bytes. A call is a task: the work's
 * own, or an item's of a Batch. A task goes from the transport's callback (dispatch.c), over
 * credentials (identify.c), to its lane (lane.c, worker.c) and back (reply.c). */
#ifndef USHER_RPC_INTERNAL_H
#define USHER_RPC_INTERNAL_H

#include "access/access.h"
#include "base/files.h"
#include "base/pace.h"
#include "rpc/lane.h"
#include "rpc/pipe.h"
#include "rpc/server.h"
#include "rpc/timer.h"
#include "wire/check.h"
#include "wire/envelope.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#define REQUEST_ID_TEXT_BYTES 17
#define CLIENT_IP_TEXT_BYTES 64
#define ARENA_SLOTS 64
#define SERVICES_MAX 16
#define URLS_MAX 8
/* Receives that stand ready. The rest of the contexts wait for calls to move to a lane, so that a
 * busy server goes round in few of them. */
#define RECEIVES_READY 64

struct method_row {
	const struct rpc_method *method;
	const void *env;
	struct access_rules rules;
	bool is_public;
	const struct rpc_gathering *gathering; /* or NULL */
};

struct work;
struct batch;

/* Whose credential is being looked at. */
enum who { WHO_VIA, WHO_CALLER, WHO_BEHALF, WHO_COUNT };

enum task_job {
	TASK_RUN = 0, /* the handler */
	TASK_VERIFY,  /* a token's signature, on CPU */
	TASK_FILL,    /* a credential from the database, on QUERY */
	TASK_REFUSAL, /* a refusal of access that goes to audit, on QUERY */
	TASK_ENDED,   /* a refusal that waits until every node refuses, on QUERY */
	TASK_BATCH,   /* a batch's items, on CPU */
};

struct task {
	struct rpc_server *server;
	struct work *work;
	struct batch *batch; /* it is an item: which one */
	size_t batch_index;
	const struct task *whole; /* the batch's own task */
	const struct method_row *row;
	struct request_envelope envelope; /* borrows the work's message */
	struct principal who[WHO_COUNT];
	/* From here on, all is zero at first. */
	enum who at; /* the credential that is next */
	enum task_job job;
	enum access_kind admitted;
	bool trust_memory;
	bool has_at_least;
	bool fills_for_all; /* others are parked behind its TASK_FILL */
	bool in_callback;   /* not in a lane or parked yet */
	bool has_ended;     /* the credential that is next: genuine, but over */
	bool is_filled;     /* the credential that is next: fill_status says how */
	bool is_unknown;    /* without an answer it does not follow that nothing was done */
	struct revision at_least;
	void *gathered;     /* for its handler: row->gathering */
	struct list *sends; /* its reply goes out with these */
	status fill_status;
	status refusal;
	char refusal_text[160];
	int64_t came_us; /* realtime */
	int64_t came_boot_us;
	int64_t deadline_us; /* boottime */
	const char *client_ip;
	char client_ip_text[CLIENT_IP_TEXT_BYTES];
	char request_id[REQUEST_ID_TEXT_BYTES];
	struct lane_entry entry;
	struct cache_waiter waiter;
	struct list at_fill; /* in the server's list, while it is parked behind a fill */
	struct credential_ask ask;

	nng_msg *room; /* for the reply of what is being committed: task_reserve() */
	/* A reply that is ready and parked. */
	nng_msg *reply;
	status reply_st; /* what it says, without its text; until the barrier is passed */
	int64_t not_before_us;
	atomic_int *parked;   /* counted there, or NULL */
	atomic_uint *refused; /* and there, a refusal that waits */
	struct timer_entry timer;
	struct barrier_waiter barrier;
	struct list at_barrier; /* in the server's list, while it waits there */
};

struct work {
	struct rpc_server *server;
	nng_ctx ctx;
	nng_aio *receive, *send;
	nng_msg *message;
	struct pipe_entry *pipe;
	struct list list; /* of works that do nothing, or of those whose replies go out together */
	struct list *sends; /* the latter, for the reply that comes next; or NULL */
	bool is_detached;   /* out of the circle that receives */
	bool is_counted;    /* among the circle's that send */
	size_t bytes;       /* that its request or reply holds */
	unsigned counter;   /* of calls it carried, for sampling and ids */
	uint32_t index;
	struct task task;
};

struct rpc_server {
	struct rpc_settings settings;
	nng_socket socket;
	bool is_open, is_started;
	atomic_bool is_draining;
	atomic_bool is_closed;
	struct method_row *rows;
	size_t rows_count;
	struct method_row **table; /* by id, open addressing, a power of two */
	size_t table_size;
	const struct rpc_service *services[SERVICES_MAX];
	size_t services_count;
	char *urls[URLS_MAX];
	size_t urls_count;
	char problem[512]; /* what start() complains about */

	struct work *works; /* works_max of them; the first works_count have been made */
	size_t works_count, works_max;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct list works_free;
	int receives_ready;    /* works in the circle that receives */
	atomic_int sends_here; /* of those, that wait for their reply to be taken */
	_Atomic int64_t bytes; /* of requests and replies under way */
	_Atomic int64_t calls;
	atomic_int parked;       /* calls that wait outside the lanes: for a barrier, for news */
	atomic_int padded;       /* for the time of an answer that must not tell by it */
	atomic_int fills_parked; /* and for somebody else's fill */
	struct {
		struct pace pace;
		atomic_int parked;
	} refusals[REFUSAL_KINDS];
	_Atomic int64_t turned_away;
	struct list at_barrier;
	atomic_int barriers; /* calls that wait there, or are being answered */
	struct list at_fill; /* of tasks that are parked behind another one's fill */
	bool is_watched;     /* overdue_due is with the timers */
	struct timer_entry overdue_due;
	struct timer_entry stall_due; /* when the next look at who stalls is */
	atomic_uint stall_looks;      /* so far, and some */
	size_t stall_at;              /* how far this one is */

	_Atomic(struct arena *) arenas[ARENA_SLOTS];
	struct pipe_table pipes;
	struct lane_queue *lanes[LANE_COUNT];
	struct timers *timers;
	struct timer_entry files_due; /* when they are looked at next */
	struct files_watch files;
	uint64_t id_seed;
	_Atomic int64_t inline_done;
	atomic_int batches_here; /* that callbacks are at work on */
	/* A reply of the last batch's answers from memory; how much the next one's take is
	 * guessed by it. */
	atomic_size_t batch_item_bytes;
};

/* What struct rpc_call's internal points to while a handler runs. */
struct run {
	struct task *task;
	struct check_result fields;
	struct rpc_repeat repeat;
	bool is_repeat_armed; /* the key has been looked at: keep the result under it */
	bool in_transaction;
	bool is_audited; /* what it was refused for, together with what it did all the same */
};

/* server.c */
struct arena *server_arena_take(struct rpc_server *server);
void server_arena_give(struct rpc_server *server, struct arena *arena);
const struct method_row *
server_method(const struct rpc_server *server, uint32_t id, struct slice name, status *refusal);

/* work.c */
MUST_USE status works_new(struct rpc_server *server);
void works_start(struct rpc_server *server);
/* No callback runs any more, and none will. */
void works_stop(struct rpc_server *server);
void works_free(struct rpc_server *server);
/* The work's call goes to a lane or is parked: another one receives in its place. */
void work_detach(struct work *work);
/* So much memory hangs on its call from here on. */
void work_hold(struct work *work, size_t bytes);
/* So much more or less beside that, from any thread, until it is taken back. */
void work_hold_more(struct work *work, int64_t bytes);
/* The request is no longer needed: the call holds so much from here on. */
void work_drop_request(struct work *work, size_t bytes);
/* Send message (taken) as the answer to the work's request. NULL: there is no memory for one; then
 * the request's own message carries a refusal. */
void work_answer(struct work *work, nng_msg *message);
/* Send those that were kept to go out together. */
void works_send(struct list *kept);

/* listen.c */
MUST_USE status server_listen(struct rpc_server *server);

/* dispatch.c */
void dispatch_message(struct work *work);
void dispatch_item(struct task *task, struct batch *batch, size_t index, const struct task *whole,
    struct slice bytes, struct arena *arena);
/* Read an item or a message as a call and take it as far as it goes without waiting. */
void dispatch_call(struct task *task, struct slice bytes, struct arena *arena);
/* All credentials are known: access rule, lane. */
void dispatch_admit(struct task *task, struct arena *arena);
bool row_may_be_parked(const struct method_row *row);
void dispatch_to_lane(struct task *task, enum lane lane);
/* Its caller has an organisation. */
uint64_t dispatch_org_hash(const struct task *task);
/* Whose it is: the organisation's as soon as that is known, before that its address's. */
uint64_t dispatch_owner_hash(const struct task *task);
/* Where it comes from: by the client address that is believed so far, and by the pipe. */
uint64_t dispatch_source(const struct task *task);
/* It asks for memory alone, and may not wait for anything: it is answered with that. */
#define NOT_IN_MEMORY                                                                              \
	REFUSE_FOR(ST_FAILED_PRECONDITION, NOT_IN_MEMORY_REASON,                                   \
	    "this can't be answered from memory now")
bool dispatch_stays(struct task *task);

/* identify.c */
/* Look at the credentials that are left; goes on to dispatch_admit(), to a lane, or is parked. */
void identify(struct task *task, struct arena *arena);
/* Calls that are parked behind a fill and whose deadline was before then wait no longer; out takes
 * them, to be handed to fills_give_up() without the server's lock, which is held here. */
void fills_cancel(struct rpc_server *server, int64_t before_us, struct list *out);
void fills_give_up(struct list *cancelled);
/* A TASK_FILL is over, whatever came of it: wakes who is parked behind it. */
void identify_fill_end(struct task *task);
/* Several at once; the same lane goes on with each of them. false: nobody's has been read. */
bool identify_together(
    struct task *const *tasks, size_t count, struct store_conn *conn, struct arena *arena);
void identify_on_lane(struct task *task, struct store_conn *conn, struct arena *arena);

/* worker.c */
/* The row of audit for what became of a call; in its transaction if one is open. */
MUST_USE status run_audit(struct rpc_call *call, status outcome);
/* Does what became of it have a row when it is a refusal? */
bool run_audits_refusal(const struct rpc_call *call, status st);
/* Run the handler where we are. conn may be NULL (CPU, and INLINE's first try). */
enum run_result { RUN_ANSWERED, RUN_NOT_CACHED };
enum run_result
task_run(struct task *task, struct store_conn *conn, struct arena *arena, bool cached);
void worker_work(void *server, struct lane_entry *entry, struct lane_worker *worker);
void worker_expire(void *server, struct lane_entry *entry);
bool worker_gather(
    void *server, struct lane_entry *const *entries, size_t count, struct lane_worker *worker);
void worker_release(void *server, struct lane_worker *worker);
void worker_refuse(void *server, struct lane_entry *entry, uint32_t retry_after_ms);

/* reply.c */
struct answer {
	status st;
	uint32_t retry_after_ms;
	bool replayed;
	bool has_revision;
	struct revision revision;
	const ProtobufCMessage *reply; /* or, encoded: */
	struct slice payload;
	const struct check_result *fields;
};
/* Memory for the reply, taken before that is committed of which it tells.
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status task_reserve(struct task *task, size_t payload_bytes);
#define SERVER_STOPS REFUSE_FOR(ST_UNAVAILABLE, "DRAINING", "the server is being stopped")
/* The change is made, and its revision goes out with it. The texts are for everybody. */
#define NOT_EVERYWHERE_REASON "COMMITTED_NOT_EVERYWHERE"

/* A refusal for want of memory, encoded: what is said when not even a message can be had. */
#define NO_MEMORY_BYTES_MAX 96
size_t no_memory_pack(uint64_t call_id, bool is_unknown, uint8_t out[NO_MEMORY_BYTES_MAX]);
/* Answer a task, now. */
void task_answer(struct task *task, const struct answer *answer);
void task_refuse(struct task *task, status st);
void task_refuse_later(struct task *task, status st, uint32_t retry_after_ms);
/* Refuse it when its time has come, and the barrier is passed (restricts). */
void task_refuse_at(struct task *task, enum refusal kind, const struct answer *answer,
    int64_t not_before_us, bool restricts);
/* Answer it when its time has come and the barrier is passed (restricts). */
void task_answer_later(
    struct task *task, const struct answer *answer, int64_t not_before_us, bool restricts);
/* Calls at a barrier whose deadline was before then wait no longer; out takes them, to be handed to
 * barriers_give_up() without the server's lock, which is held here. */
void barriers_cancel(struct rpc_server *server, int64_t before_us, struct list *out);
void barriers_give_up(struct list *cancelled, const char *why);
/* Stopping: nobody waits for a barrier any longer. Blocks until those that are being answered are.
 */
void replies_release(struct rpc_server *server);
/* A WAIT method is to be tried again then. */
void task_wait(struct task *task, int64_t until_us);

/* refusal.c */
/* A credential is no good: says so when the pace of who sent it allows. */
void task_refuse_paced(struct task *task, status st);
/* There is no place for it: says so when the pace of whose it is allows. */
void task_refuse_crowded(struct task *task, status st, uint32_t retry_after_ms);
/* Does no more of them find a place? Then it is told so. */
bool task_refuse_when_full(struct task *task);
/* The same of one that ended something once: behind a barrier too. */
void task_refuse_behind_barrier(struct task *task, const struct answer *answer);
/* Memory does not know a credential. true: it is not looked at, and the task is answered: as many
 * refusals wait as may, of that connection too. */
bool task_turn_away(struct task *task);

/* overdue.c: who waits for what another one does is told so when its own time is over. */
/* Somebody waits. The server's lock is held. */
void overdue_watch(struct rpc_server *server);

/* stall.c: a client that does not take its replies would keep contexts for ever, and is cut off.
 * Not by nng's own time limits: it looks through all of them, again and again for the millisecond
 * in which one ends, under a lock that each call wants. */
void stall_watch(struct rpc_server *server);
/* The pipe has taken a reply, or has its first. */
void stall_put_off(struct rpc_server *server, struct pipe_entry *pipe);
/* Close it; why goes to the log. */
void pipe_cut(struct pipe_entry *pipe, const char *why);

/* batch.c */
/* Go through the items now if few enough do, or on a lane. */
void batch_begin(struct task *task, struct arena *arena);
void batch_on_lane(struct task *task, struct arena *arena);
/* An item has its answer: takes the message (NULL: there was no memory for one). */
void batch_item_answered(struct task *item, nng_msg *message);
/* An item has committed something, which its answer will tell. */
void batch_item_committed(struct task *item);
/* An item that is answered in the callback is packed into the batch's own message: room for it, or
 * NULL, and then word that it is there. */
uint8_t *batch_item_room(struct task *item, size_t bytes);
/* Of items for memory alone, which may come again: enough has been said in one message; and would
 * an answer of that size be too much for it? */
bool batch_is_full(const struct task *item);
bool batch_bursts(const struct task *item, size_t bytes);
void batch_item_packed(struct task *item);
/* The credential that is next, if memory knew it a moment ago, for an earlier item of the same
 * message; and what memory says of it, for the later ones. */
bool batch_knows(const struct task *item, struct principal *out);
void batch_learn(const struct task *item, const struct principal *principal);

/* call.c */
/* It may have waited for long: the lease is looked at when memory is used. */
void task_look_at_trust(struct task *task);
void call_fill(struct rpc_call *call, struct run *run, struct task *task, struct store_conn *conn,
    struct arena *arena);

#endif
