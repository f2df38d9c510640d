/* conn.h - one connection: store's own view of it.
 *
 * Everything goes through a pipeline: commands are queued, then conn_run() sends them with one Sync
 * and reads what comes. Threads: a connection belongs to one thread while it is leased. */
#ifndef USHER_STORE_CONN_H
#define USHER_STORE_CONN_H

#include "base/list.h"
#include "store/conninfo.h"
#include "store/store.h"
#include "store/value.h"

#define STORE_CHANGES_MAX 256
/* Each statement may need a Prepare before it. */
#define PIPELINE_COMMANDS_MAX (STORE_CHANGES_MAX + 16)

struct store_change {
	enum change_kind kind;
	struct uuid id, org_id;
	bool has_id, has_org_id;
	bool restricts;
};

/* What is queued, in order: what each answer belongs to. */
struct pipeline_command {
	enum statement statement;
	bool is_prepare;
};

struct pipeline {
	size_t count;
	struct pipeline_command commands[PIPELINE_COMMANDS_MAX];
};

/* Commands that are no statement of ours. */
#define COMMAND_PLAIN ((enum statement)STMT_COUNT)

struct store_conn {
	struct store_conn *next; /* among the pool's idle ones */
	struct list node;        /* among all of the pool */
	/* libpq's, by a number of our own: libpq closes its own when the connection breaks, and
	 * somebody else has that number next, while other threads still look here. */
	int socket;
	struct store *store; /* NULL outside a pool */
	PGconn *pg;
	const struct clock *clock;
	int64_t deadline_us;
	int64_t grace_us; /* for the server to end a statement behind its deadline */
	/* The server's statement_timeout: now, and when the transaction has been committed.
	 * 0: none; TIMEOUT_UNKNOWN: it is said before the next statement. */
	int64_t timeout_ms, timeout_after_ms;
	uint64_t epoch;               /* 0: ask with each commit (a pooler stands between) */
	int64_t server_started_at_us; /* copies of one server have its epoch */
	bool prepares;                /* database.prepared */
	bool is_dead;                 /* not to be used again */
	bool in_transaction;
	bool begin_sent;
	bool has_failed; /* the transaction: only a rollback ends it */
	bool is_prepared[STMT_COUNT];
	struct arena scratch; /* encoded parameters: overwritten after each statement */
	struct pipeline pipeline;
	size_t changes_count;
	struct store_change changes[STORE_CHANGES_MAX];
};

#define TIMEOUT_UNKNOWN (-1)

/* What a pipeline gave. */
struct outcome {
	PGresult *result; /* of the last command that gave one; NULL after a failure */
	bool committed;   /* a COMMIT was among them, and its success was heard of */
	bool refused;     /* a statement was heard to fail, so nothing of them was kept */
	bool unheard;     /* the connection was lost before all had been heard */
};

/* Make one of what connecting_take() gave, which goes with it in any case. message gets why not,
 * for people. Errors: UNAVAILABLE, RESOURCE_EXHAUSTED. */
MUST_USE status conn_open(PGconn *pg, bool prepared, const struct clock *clock,
    struct strbuf *message, struct store_conn **out);
void conn_close(struct store_conn **conn);

/* Is the socket still open, with nothing on it? Doesn't block. */
bool conn_is_alive(struct store_conn *conn);

/* Has the server closed its side? From any thread. */
bool conn_is_hung_up(const struct store_conn *conn);

/* Queue. Errors: as value_encode(); UNAVAILABLE when the connection is broken. */
MUST_USE status conn_queue(
    struct store_conn *conn, enum statement statement, const struct param *params, size_t count);
MUST_USE status conn_queue_plain(struct store_conn *conn, const char *command);
/* The deadline for what follows in this pipeline. On a session of our own the server keeps it for
 * the next ones, and is told again only when another is needed: rounded down, so that a statement
 * is ended an eighth of its time early at most. Errors: DEADLINE_EXCEEDED when it has passed. */
MUST_USE status conn_queue_deadline(struct store_conn *conn);
/* A rollback takes back what was said within the transaction. */
void conn_forget_timeout(struct store_conn *conn);
/* Send, with one Sync, and read. On success outcome->result is the caller's.
 * Errors: sqlstate.h's; DEADLINE_EXCEEDED when nothing came for a while after the deadline: then
 * the connection is dead. outcome is set in each case. */
MUST_USE status conn_run(struct store_conn *conn, struct outcome *outcome);

/* What libpq says, in one line. */
void conn_describe_error(const char *libpq_message, struct strbuf *out);

/* Send what was queued and take no notice of what it gives: libpq can't take it back. */
void conn_abandon(struct store_conn *conn);

#endif
