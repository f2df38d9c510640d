/* spool_file.h - the mapped file of a spool: what it looks like, how one is opened and stored.
 *
 * A page of header, then two buffers of SPOOL_SHARDS * slots_per_shard slots. Numbers are this
 * machine's own. A slot's count is written behind its read, so a slot with a count is whole,
 * wherever its process was killed.
 * When the machine dies, each page stays as the kernel last wrote it: a slot of an earlier batch
 * may stand in this one, or half of it. So a slot bears a mark of its read and its batch, and is a
 * receipt only where that fits; what it does not fit was stored long before, or is lost.
 * A buffer is stored part by part: the first receipts behind stored_to, SPOOL_PART_ROWS of them. As
 * nobody fills it any more, a part that has to be tried again has the same receipts, and the same
 * number. How far a dead machine's file was stored, the database knows better than its header.
 * Threads: one, but for the slots (spool.h). */
#ifndef USHER_JOBS_SPOOL_FILE_H
#define USHER_JOBS_SPOOL_FILE_H

#include "jobs/spool.h"

#include <stdatomic.h>

#define SPOOL_HEADER_BYTES 4096
#define SPOOL_SLOTS_MAX (INT64_C(1) << 24) /* of a buffer */
#define SPOOL_PART_ROWS 4096

enum spool_state {
	SPOOL_FREE = 0,
	SPOOL_FILLING = 1,
	SPOOL_SEALED = 2,
};

struct spool_slot {
	/* The low half counts, the high half is the mark: three cache lines hold them and the read,
	 * and who takes a place touches no fourth. */
	_Atomic uint64_t tally;
	struct spool_read read;
};

#define SPOOL_MARK_BITS UINT64_C(0xffffffff00000000)

/* Of a slot without a count yet. hash: hash_bytes() of the whole read, with the file's seed. */
static inline uint64_t
spool_tally(uint64_t hash, uint64_t batch)
{
	return (hash ^ batch << 32) & SPOOL_MARK_BITS;
}

static inline uint32_t
spool_slot_reads(const struct spool_slot *slot)
{
	return (uint32_t)atomic_load_explicit(&slot->tally, memory_order_relaxed);
}

struct spool_header {
	char magic[8];
	uint32_t layout;
	uint32_t slots_per_shard;
	struct uuid spool_id;
	uint64_t next_batch;
	struct {
		_Atomic uint32_t state;
		uint64_t batch;
	} buffers[2];
	/* The slots of each that have been stored, or were empty. */
	_Atomic uint64_t stored_to[2];
	uint64_t seed; /* of the marks; nobody else's, for it stands here to be read */
};

struct spool_file {
	int fd; /* -1: none */
	char path[4096];
	size_t bytes;
	struct spool_header *header;
	struct spool_slot *slots[2];
	size_t slots_count; /* of one buffer */
};

/* A new one, locked. Errors: as spool_new(). */
MUST_USE status spool_file_create(const char *directory, size_t bytes_max, const struct uuid *id,
    uint64_t seed, struct spool_file *out);
/* One whose process is gone, and locked from now on. false: it lives, or is none of ours. */
bool spool_file_adopt(const char *directory, const char *name, struct spool_file *out);
/* Remove one that was begun, under its first name, by a process that did not live to finish it. */
void spool_file_sweep(const char *directory, const char *name, const struct clock *clock);
/* Unmap and unlock; remove: the file too. */
void spool_file_close(struct spool_file *file, bool remove);

/* Is there a receipt in that buffer that has not been stored? */
bool spool_file_has_reads(const struct spool_file *file, unsigned buffer);
/* The receipt's name: version 7 by its second, the rest by file, batch and place. */
void
spool_file_read_id(const struct spool_file *file, unsigned buffer, size_t slot, struct uuid *out);

/* What a drain works with. */
struct spool_writer {
	struct store_conn *conn;
	struct spool_columns *columns;
	int64_t stored; /* receipts, so far */
	int64_t passed; /* receipts that are behind it: those, and what had been stored before */
};
/* The columns are in the arena. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status spool_writer_init(
    struct spool_writer *writer, struct store_conn *conn, struct arena *arena);

/* Before the first part of one that was adopted: what has been stored of it is passed over, though
 * its header may not say so. Errors: as store_query(). */
MUST_USE status spool_file_catch_up(struct spool_file *file, struct spool_writer *writer);
/* Store the next part of a buffer, unless it has been before: one statement, and a transaction.
 * What the receipts say of keys is noted behind it, as far as that goes at once.
 * Errors: as store_query(); the part has not been stored, or nobody knows: try again. */
MUST_USE status spool_file_store_part(
    struct spool_file *file, unsigned buffer, struct spool_writer *writer);
bool spool_file_is_stored(const struct spool_file *file, unsigned buffer);

#endif
