/* outbox.h - mail that leaves with the transaction that wants it sent.
 *
 * A mail is a row of usher.mail_outbox, put in by the handler's transaction, so there is no mail
 * without its effect and no effect without its mail. Its text brings codes and links: the row is
 * sealed as net/mail_pack.h says, bound to the row's id.
 * A drain takes rows nobody else is at (SKIP LOCKED), delivers them and removes them in the same
 * transaction: each mail is delivered at least once, and its Message-ID tells a repeat.
 * Threads: any; a connection belongs to one. Blocks: on the database, and in deliver(). */
#ifndef USHER_JOBS_OUTBOX_H
#define USHER_JOBS_OUTBOX_H

#include "base/arena.h"
#include "crypt/crypt.h"
#include "net/mail.h"
#include "store/store.h"

#define OUTBOX_DRAIN_MAX 50

/* Hand one mail on. A failure other than INVALID_ARGUMENT is tried again later. */
typedef status outbox_deliver(void *env, const struct mail *mail);

/* How mail leaves here. All is borrowed. */
struct outbox {
	const struct crypt_key *key; /* derived for MAIL_SEAL_CONTEXT */
	const char *from;            /* a bare address */
	outbox_deliver *deliver;     /* NULL: mail is not configured */
	void *deliver_env;
};

/* Deliver up to OUTBOX_DRAIN_MAX mails that are due. Opens and commits a transaction of its own.
 * A mail that can't be delivered waits, longer each time; one that can't be read or is refused as
 * malformed is logged and removed. *delivered and *waiting count.
 * Errors: as store_query() and store_commit(). */
MUST_USE status outbox_drain(const struct outbox *outbox, struct store_conn *conn,
    struct arena *arena, int64_t *delivered, int64_t *waiting);

/* An outbox_deliver: env is the folder's path (const char *). */
MUST_USE status outbox_deliver_to_folder(void *env, const struct mail *mail);

#endif
