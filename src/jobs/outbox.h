/* outbox.h - mail that leaves with the transaction that wants it sent.
 *
 * A mail is a row of usher.mail_outbox, put in by the handler's transaction, so there is no mail
 * without its effect and no effect without its mail. Its text brings codes and links: the row is
 * sealed under a key made from the master key, bound to the row's id.
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
#define OUTBOX_COUNTED_MAX 10000

/* The key that mail is sealed with: once, at start. */
void outbox_key_derive(const struct crypt_key *master, struct crypt_key *out);

/* Seal a mail. mail->id is what it is bound to; from, to, subject, text and created_at_us go in.
 * Errors: RESOURCE_EXHAUSTED (arena, longer than a mail may be), INTERNAL (random source). */
MUST_USE status outbox_seal(const struct crypt_key *key, const struct rand_source *rand,
    const struct mail *mail, struct arena *arena, struct slice *out);
/* The inverse; texts are in the arena. Errors: DATA_LOSS (as crypt_unseal()), INVALID_ARGUMENT (it
 * opened, and is no mail), RESOURCE_EXHAUSTED. */
MUST_USE status outbox_unseal(const struct crypt_key *key, const struct uuid *id,
    struct slice sealed, struct arena *arena, struct mail *out);

/* Put a mail into the outbox, in the caller's transaction. mail->id: a new UUID. After
 * expires_at_us (realtime; what it brings works no longer) it is removed instead of sent.
 * Errors: as outbox_seal() and store_query(). */
MUST_USE status outbox_put(struct store_conn *conn, const struct crypt_key *key,
    const struct rand_source *rand, const struct mail *mail, int64_t expires_at_us,
    struct arena *arena);

/* Hand one mail on. A failure other than INVALID_ARGUMENT is tried again later. */
typedef status outbox_deliver(void *env, const struct mail *mail);

/* How mail leaves here. All is borrowed. */
struct outbox {
	const struct crypt_key *key;
	outbox_deliver *deliver; /* NULL: mail is not configured */
	void *deliver_env;
};

/* Deliver up to OUTBOX_DRAIN_MAX mails that are due. Opens and commits a transaction of its own.
 * A mail that can't be delivered, or does not open here, waits, longer each time; one that opens
 * and is refused as malformed is logged and removed. Errors: as store_query() and store_commit().
 */
MUST_USE status outbox_drain(
    const struct outbox *outbox, struct store_conn *conn, struct arena *arena, int64_t *delivered);

/* How many mails don't leave, whichever node tried: what was put off is among them, what came just
 * now is not. Up to OUTBOX_COUNTED_MAX. Errors: as store_query(). */
MUST_USE status outbox_count_left(struct store_conn *conn, int64_t *mails);

/* An outbox_deliver: env is the folder's path (const char *). */
MUST_USE status outbox_deliver_to_folder(void *env, const struct mail *mail);

#endif
