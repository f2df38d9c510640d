/* store.h - PostgreSQL: connections, statements, transactions. The only libpq user.
 *
 * A statement is a .sql file under src/store/sql, known by its enum statement. Parameters and
 * results are binary. A read is one statement and one round trip: the deadline travels with it as
 * statement_timeout in the same pipeline.
 * Threads: the pool from any; a connection belongs to one thread while it is leased.
 * Blocks: store_lease, store_query, store_commit; never from a transport's callback. */
#ifndef USHER_STORE_STORE_H
#define USHER_STORE_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/str.h"
#include "base/uuid.h"
#include "store/statements.h" /* made at build time from src/store/sql */

struct store;
struct store_conn;

/* Starts even while the database is away; leases answer UNAVAILABLE until it is back.
 * Errors: INVALID_ARGUMENT (settings), RESOURCE_EXHAUSTED. */
MUST_USE status store_new(
    const struct config *config, const struct clock *clock, struct store **out);
void store_free(struct store **store);

/* End what is under way on every connection, as a lost connection ends it, and send away who waits
 * for one (UNAVAILABLE): for a stop that a statement holds up. New ones can be had afterwards.
 * Threads: any. */
void store_cut(struct store *store);
/* The same, if the database is not known to answer: nobody has to wait for it to end. */
void store_cut_if_away(struct store *store);

/* A server: two that were promoted from the same one, or a copy of its files, have the same epoch.
 */
struct store_place {
	uint64_t epoch;
	int64_t started_at_us;
};

/* There may be two primaries: one was promoted, and the other does not know it yet. The one to be
 * believed is the one that the change feed reads (feed.h), which leader goes to. From here
 * on connections to another one are cut, with whatever is under way on them, and none is opened;
 * behind a pooler (database.prepared is off) nobody can tell them apart. What was read on another
 * one was asked for before this returns: whoever empties memory behind it is rid of all that.
 * true: that is needed though the epoch is the same, for calls may have been to another server
 * since store_follow_nobody(). For the feed, with each read: cheap when nothing is new. Threads:
 * leader's. Doesn't block. */
bool
store_follow(struct store *store, const struct store_place *place, const struct store_conn *leader);
/* The feed has lost it: until it is back, connections to any server will do. */
void store_follow_nobody(struct store *store);

/* A connection with every statement prepared (or not, as database.prepared says).
 * deadline_us is on the clock's boottime.
 * Errors: UNAVAILABLE DATABASE_AWAY, UNAVAILABLE SCHEMA_MISMATCH, RESOURCE_EXHAUSTED,
 *         DEADLINE_EXCEEDED. */
MUST_USE status store_lease(struct store *store, int64_t deadline_us, struct store_conn **out);
/* Rolls back what is open, gives it back; sets *conn to NULL. */
void store_return(struct store_conn **conn);
/* Deadline of what follows on this connection, on boottime. */
void store_set_deadline(struct store_conn *conn, int64_t deadline_us);
/* It broke, and is good for nothing but to be given back. */
bool store_is_lost(const struct store_conn *conn);

/* One parameter. Borrowed until the statement returns. */
enum param_type {
	PARAM_NULL,
	PARAM_TEXT,
	PARAM_BYTES,
	PARAM_UUID,
	PARAM_INT, /* int8; int4 columns are cast in the statement */
	PARAM_BOOL,
	PARAM_TIME, /* timestamptz from microseconds since 1970 */
	PARAM_JSON, /* jsonb from text */
	PARAM_DOUBLE,
	PARAM_TEXTS, /* text[] */
	PARAM_UUIDS, /* uuid[] */
	PARAM_BLOBS, /* bytea[] */
	PARAM_INTS,  /* int8[] */
};

struct param {
	enum param_type type;
	struct slice bytes;      /* TEXT BYTES JSON */
	const struct uuid *uuid; /* UUID, UUIDS (count of them) */
	int64_t number;          /* INT BOOL TIME */
	double real;
	const struct slice *texts; /* TEXTS */
	const int64_t *numbers;    /* INTS */
	size_t count;
};

#define P_NULL ((struct param){.type = PARAM_NULL})
static inline struct param
p_text(const char *text) /* NULL: SQL's NULL */
{
	return text ? (struct param){.type = PARAM_TEXT, .bytes = slice_text(text)} : P_NULL;
}
static inline struct param
p_slice(struct slice text)
{
	return (struct param){.type = PARAM_TEXT, .bytes = text};
}
static inline struct param
p_bytes(struct slice bytes)
{
	return (struct param){.type = PARAM_BYTES, .bytes = bytes};
}
static inline struct param
p_uuid(const struct uuid *uuid) /* NULL: SQL's NULL */
{
	return uuid ? (struct param){.type = PARAM_UUID, .uuid = uuid} : P_NULL;
}
static inline struct param
p_int(int64_t number)
{
	return (struct param){.type = PARAM_INT, .number = number};
}
static inline struct param
p_bool(bool b)
{
	return (struct param){.type = PARAM_BOOL, .number = b};
}
static inline struct param
p_time(int64_t time_us)
{
	return (struct param){.type = PARAM_TIME, .number = time_us};
}
static inline struct param
p_json(const char *text) /* NULL: SQL's NULL */
{
	return text ? (struct param){.type = PARAM_JSON, .bytes = slice_text(text)} : P_NULL;
}
static inline struct param
p_texts(const struct slice *texts, size_t count)
{
	return (struct param){.type = PARAM_TEXTS, .texts = texts, .count = count};
}
static inline struct param
p_uuids(const struct uuid *uuids, size_t count)
{
	return (struct param){.type = PARAM_UUIDS, .uuid = uuids, .count = count};
}
static inline struct param
p_blobs(const struct slice *blobs, size_t count)
{
	return (struct param){.type = PARAM_BLOBS, .texts = blobs, .count = count};
}
static inline struct param
p_ints(const int64_t *numbers, size_t count)
{
	return (struct param){.type = PARAM_INTS, .numbers = numbers, .count = count};
}
static inline struct param
p_double(double real)
{
	return (struct param){.type = PARAM_DOUBLE, .real = real};
}

/* What a statement gave. Columns are the statement's own enum. Borrowed texts live until
 * rows_done(). Asking for a column in another type than the .sql file declares is a bug (assert).
 */
struct rows {
	void *result;
	enum statement statement;
	int count;
};
void rows_done(struct rows *rows);
#define ROWS_AUTO __attribute__((cleanup(rows_done))) struct rows

bool row_is_null(const struct rows *rows, int row, int column);
struct slice
row_slice(const struct rows *rows, int row, int column); /* text, bytea, jsonb's text */
/* In the arena; "" for NULL. NULL only when the arena is exhausted. */
char *row_text(const struct rows *rows, int row, int column, struct arena *arena);
int64_t row_int(const struct rows *rows, int row, int column); /* int4, int8; 0 for NULL */
bool row_bool(const struct rows *rows, int row, int column);
double row_double(const struct rows *rows, int row, int column);
int64_t row_time_us(const struct rows *rows, int row, int column);  /* since 1970; 0 for NULL */
struct uuid row_uuid(const struct rows *rows, int row, int column); /* nil for NULL */
/* text[]: an array of slices in the arena. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status row_texts(const struct rows *rows, int row, int column, struct arena *arena,
    struct slice **out, size_t *count);
/* uuid[] and int8[]: copies in the arena; NULL among them reads as nil and 0. */
MUST_USE status row_uuids(const struct rows *rows, int row, int column, struct arena *arena,
    struct uuid **out, size_t *count);
MUST_USE status row_ints(const struct rows *rows, int row, int column, struct arena *arena,
    int64_t **out, size_t *count);

/* Run a statement. rows may be NULL when nothing comes back. rows is untouched on failure.
 * Errors: one function maps SQLSTATE: 23505 ALREADY_EXISTS (reason: the constraint's name in upper
 * case), 23503 FAILED_PRECONDITION, 40001/40P01 ABORTED, 57014 DEADLINE_EXCEEDED,
 * 22xxx INVALID_ARGUMENT, 08xxx/57P0x UNAVAILABLE, the rest INTERNAL. */
MUST_USE status store_query(struct store_conn *conn, enum statement statement,
    const struct param *params, size_t params_count, struct rows *rows);
#define STORE_QUERY(conn, statement, rows, ...)                                                    \
	store_query((conn), (statement), (const struct param[]){__VA_ARGS__},                      \
	    sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param), (rows))
/* A statement that gives nothing. In a transaction it goes with the next one, or with the commit,
 * which then fails as it does. Errors: as store_query(). */
MUST_USE status store_say(struct store_conn *conn, enum statement statement,
    const struct param *params, size_t params_count);
#define STORE_SAY(conn, statement, ...)                                                            \
	store_say((conn), (statement), (const struct param[]){__VA_ARGS__},                        \
	    sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param))
/* A read of at most one row: NOT_FOUND with the given message when there is none. */
MUST_USE status store_query_one(struct store_conn *conn, enum statement statement,
    const struct param *params, size_t params_count, const char *not_found, struct rows *rows);

/* Transactions. BEGIN and the deadline travel with the first statement. */
MUST_USE status store_begin(struct store_conn *conn);
bool store_in_transaction(const struct store_conn *conn);
/* A savepoint's worth of undo is not offered: a failed statement fails the transaction. */
void store_rollback(struct store_conn *conn);

/* Say in this transaction that something cached has changed; sent with the commit.
 * restrict: a barrier waits for it. id may be NULL (the whole organisation). */
enum change_kind {
	/* A barrier waits for all that was seen when this was written. */
	CHANGE_NOTHING = 0,
	CHANGE_KEY = 1,
	CHANGE_SESSION,
	CHANGE_ACCOUNT,
	CHANGE_USER,
	CHANGE_PROFILE,
	CHANGE_CHATBOT,
	CHANGE_ORG,
	CHANGE_ROLE,
	CHANGE_POLICY,
	CHANGE_TEMPLATE,
	CHANGE_QUOTA,
	CHANGE_SIGNING_KEY,
	CHANGE_SETTINGS,
	CHANGE_CONVERSATION,
	/* The last that this version knows: a newer one may write others. */
	CHANGE_LAST = CHANGE_CONVERSATION,
};
MUST_USE status store_change(struct store_conn *conn, enum change_kind kind, const struct uuid *id,
    const struct uuid *org_id, bool restrict_);

/* Where a transaction stands: the epoch (system identifier and timeline) and its full xid. */
struct revision {
	uint64_t epoch; /* hash of system identifier and timeline */
	uint64_t xid;
	/* Set by a commit, for barriers: copies of one server have its epoch. It is not told to
	 * clients, and 0 in what they carry. */
	int64_t server_started_at_us;
};
#define REVISION_BYTES 16
/* The same on every node; never 0. */
uint64_t revision_epoch(uint64_t system_identifier, uint32_t timeline);
void revision_pack(const struct revision *revision, uint8_t out[REVISION_BYTES]);
bool revision_unpack(struct slice bytes, struct revision *out); /* false: not one of ours */

/* Commit; the revision names the state that contains it.
 * Errors: UNKNOWN COMMIT_UNKNOWN when the connection died before the answer came; that of a
 * statement which was heard to fail, before or with the commit: nothing of it was kept. */
MUST_USE status store_commit(struct store_conn *conn, struct revision *revision);
/* The only statement of an open transaction, and its commit, in one round trip. Its column
 * xid_column is pg_current_xact_id(); a statement that finds nothing to do gives no row, and leaves
 * revision untouched. The transaction is over, whatever comes of it. Errors: as store_query() and
 * store_commit(). */
MUST_USE status store_commit_query(struct store_conn *conn, enum statement statement,
    const struct param *params, size_t params_count, int xid_column, struct rows *rows,
    struct revision *revision);

/* Room for what libpq says of a few hosts. */
#define STORE_MESSAGE_BYTES 1024

/* For /ready, GetHealth and GetStatus. */
struct store_health {
	bool reachable;
	bool schema_fits;
	int schema_version, schema_version_needed;
	/* What is wrong and the command that mends it; "" when nothing is. */
	char message[STORE_MESSAGE_BYTES];
};
void store_health(struct store *store, struct store_health *out);
/* Connections: open to the server now, leased of those, and how many may be open at most; and how
 * many attempts to open one came to nothing. */
struct store_connections {
	int open, leased, max;
	int64_t failures;
};
void store_get_connections(struct store *store, struct store_connections *out);
/* What the connection was made to: a name, an address or a socket's folder. The connection's. */
const char *store_conn_host(const struct store_conn *conn);
/* So many threads may hold a connection at once. A pool that is smaller lets one kind of work (a
 * flood of logins) keep the connections from another; so it grows to that, unless its setting says
 * how large it is. false: it stays smaller. */
bool store_allow_connections(struct store *store, int wanted);
/* Never more than so many, whatever the setting says. */
void store_limit_connections(struct store *store, int max);

#endif
