/* spool.h - receipts on their way to the database.
 *
 * Every read of a context is added to a slot of a mapped file before its reply leaves: who read
 * which block about whom, for what purpose, in which second, and how often. The file outlives the
 * process (kill -9), not the disk; with the machine, reads that were not stored yet may be lost,
 * and none is stored twice or falsely. A drain stores what has come together, part by part and each
 * once: the part's mark in usher.read_batches is unique and of the same transaction, so when nobody
 * knows whether a commit arrived, the next try does. A part is small and what is stored stays
 * stored: however large the spool and slow the database, it gets on.
 *
 * One buffer is filled while the other is stored. Slots are open-addressed in SPOOL_SHARDS shards,
 * each behind a lock of its own. When a shard is full, spool_begin() says so, and the caller waits
 * in spool_wait() where it may: nothing is dropped.
 *
 * The file is <directory>/<spool id>.spool, locked (flock) while its process lives. Files whose
 * process is gone are found by spool_drain(), stored and removed.
 * Threads: any; spool_drain() one at a time. Blocks: spool_wait(), spool_drain(). */
#ifndef USHER_JOBS_SPOOL_H
#define USHER_JOBS_SPOOL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "store/store.h"

#define SPOOL_SHARDS 16
#define SPOOL_PURPOSE_BYTES_MAX 64
#define SPOOL_HASH_BYTES 32
#define SPOOL_BYTES_MIN (64u << 10)

struct spool;

/* What a receipt says; all bytes count in a comparison, so start from zeroes. */
struct spool_read {
	struct uuid org_id;
	struct uuid key_id;     /* the reader: a key, */
	struct uuid reader_id;  /* or a user; the other is nil */
	struct uuid user_id;    /* read about */
	struct uuid chatbot_id; /* nil: none */
	uint8_t block_hash[SPOOL_HASH_BYTES];
	int64_t second; /* since 1970 */
	char purpose[SPOOL_PURPOSE_BYTES_MAX];
};

/* A place for one read, with its shard locked: end it soon, with take or cancel. */
struct spool_ticket {
	struct spool *spool;
	unsigned shard, slot;
};

struct spool_figures {
	int64_t slots_used, slots_max; /* of the buffer that is being filled; max 0: no file */
	int64_t stored;                /* receipts, since the start */
	int64_t batches, waits;
	int64_t refused;      /* reads that there was no receipt for, and so no answer */
	int64_t left_over;    /* files of other processes that wait to be stored */
	int64_t slots_sealed; /* of the last batch, not stored yet */
	bool has_sealed;      /* more of that batch is to be stored */
};

/* directory must exist. bytes_max: of the file. clock and rand are borrowed. With the disk full it
 * goes without a file: there is no place for any read until a drain could make one. Errors:
 * INVALID_ARGUMENT (bytes_max), UNAVAILABLE SPOOL (the folder or the disk won't do),
 *         RESOURCE_EXHAUSTED, INTERNAL. */
MUST_USE status spool_new(const char *directory, size_t bytes_max, const struct clock *clock,
    const struct rand_source *rand, struct spool **out);
/* Nobody uses it any more. The file stays when there is something in it. */
void spool_free(struct spool **spool);
/* wake(env) is called when a drain is wanted soon. Before anybody adds. */
void spool_set_wake(struct spool *spool, void (*wake)(void *env), void *env);

/* false: full. Otherwise the read's place is held, and counts when it is taken. */
bool spool_begin(struct spool *spool, const struct spool_read *read, struct spool_ticket *out);
/* Count the read. read_id names the slot's receipt: the same for all reads that share it. */
void spool_take(struct spool_ticket *ticket, struct uuid *read_id);
/* As if it had never begun. */
void spool_cancel(struct spool_ticket *ticket);

/* Until there may be room. Errors: DEADLINE_EXCEEDED, UNAVAILABLE SPOOL_FULL (no file). */
MUST_USE status spool_wait(struct spool *spool, int64_t deadline_us);

/* Store what the files hold, those of dead processes too, for half a second or one part of each:
 * what is left then, the figures say. One buffer of our own a time: what is being filled is sealed
 * only when none is. Opens and commits transactions of its own. *stored counts receipts.
 * Errors: as store_query() and store_commit(), and UNAVAILABLE SPOOL_FULL; nothing is lost, call
 * again. */
MUST_USE status spool_drain(
    struct spool *spool, struct store_conn *conn, struct arena *arena, int64_t *stored);
void spool_get_figures(struct spool *spool, struct spool_figures *out);

#endif
