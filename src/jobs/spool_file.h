/* spool_file.h - the mapped file of a spool: what it looks like, and how one is opened.
 *
 * A page of header, then two buffers of SPOOL_SHARDS * slots_per_shard slots. Numbers are this
 * machine's own. A slot's count is written behind its read, so a slot with a count is whole,
 * wherever its process was killed.
 * Threads: one, but for the slots (spool.h). */
#ifndef USHER_JOBS_SPOOL_FILE_H
#define USHER_JOBS_SPOOL_FILE_H

#include "jobs/spool.h"

#include <stdatomic.h>

#define SPOOL_HEADER_BYTES 4096

enum spool_state {
	SPOOL_FREE = 0,
	SPOOL_FILLING = 1,
	SPOOL_SEALED = 2,
};

struct spool_slot {
	_Atomic uint64_t count;
	struct spool_read read;
};

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
MUST_USE status spool_file_create(
    const char *directory, size_t bytes_max, const struct uuid *id, struct spool_file *out);
/* One whose process is gone, and locked from now on. false: it lives, or is none of ours. */
bool spool_file_adopt(const char *directory, const char *name, struct spool_file *out);
/* Remove one that was begun, under its first name, by a process that did not live to finish it. */
void spool_file_sweep(const char *directory, const char *name, const struct clock *clock);
/* Unmap and unlock; remove: the file too. */
void spool_file_close(struct spool_file *file, bool remove);

/* Is there a count in that buffer? */
bool spool_file_has_reads(const struct spool_file *file, unsigned buffer);
/* The receipt's name: version 7 by its second, the rest by file, batch and place. */
void
spool_file_read_id(const struct spool_file *file, unsigned buffer, size_t slot, struct uuid *out);

/* Store a buffer's receipts in one transaction, unless that batch has been stored before.
 * *stored counts them. Errors: as store_query() and store_commit(). */
MUST_USE status spool_file_store(const struct spool_file *file, unsigned buffer,
    struct store_conn *conn, struct arena *arena, int64_t *stored);

#endif
