#include "jobs/spool_file.h"

#include "base/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* hash_bytes() is part of it. */
#define LAYOUT 3u
/* Its slots have no marks. */
#define LAYOUT_WITHOUT_MARKS 2u
/* Nor has it parts: its buffers were stored as a whole, each under its batch's own number. */
#define LAYOUT_OF_BATCHES 1u
#define DRAFT_LIFE_S 60

static const char magic[8] = "ushspool";

#define SPOOL_FAILED                                                                               \
	REFUSE_FOR(ST_UNAVAILABLE, "SPOOL", "the receipts' folder (spool.dir) can't be written to")

#define SPOOL_FULL                                                                                 \
	REFUSE_FOR(ST_UNAVAILABLE, "SPOOL_FULL",                                                   \
	    "there is no room for receipts: the disk under spool.dir is full")

static bool
is_out_of_room(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

/* Where what is written again goes to other blocks (btrfs), those that were taken are no promise.
 * An empty file can be told to stay in its place; a compressed one could not. Where that means
 * nothing it is refused. */
static void
stay_in_place(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return;
	flags = (flags | FS_NOCOW_FL) & ~FS_COMPR_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* Its blocks are taken now: a full disk would be a SIGBUS later. */
static status
take_blocks(struct spool_file *file)
{
	int error;

	if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
		return SPOOL_FAILED;
	stay_in_place(file->fd);
	error = posix_fallocate(file->fd, 0, (off_t)file->bytes);
	if (error)
		return is_out_of_room(error) ? SPOOL_FULL : SPOOL_FAILED;
	return STATUS_OK;
}

static void
map_layout(struct spool_file *file)
{
	file->slots_count = (size_t)SPOOL_SHARDS * file->header->slots_per_shard;
	file->slots[0] = (struct spool_slot *)((char *)file->header + SPOOL_HEADER_BYTES);
	file->slots[1] = file->slots[0] + file->slots_count;
}

static bool
map(struct spool_file *file)
{
	void *memory = mmap(NULL, file->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);

	if (memory == MAP_FAILED)
		return false;
	file->header = memory;
	return true;
}

/* The greatest power of two that fits, so that a hash finds its slot with a mask. */
static uint32_t
slots_per_shard(size_t bytes_max)
{
	size_t room = (bytes_max - SPOOL_HEADER_BYTES) / 2 / SPOOL_SHARDS;
	uint32_t slots = 1;

	while (slots < SPOOL_SLOTS_MAX / SPOOL_SHARDS &&
	       (size_t)slots * 2 * sizeof(struct spool_slot) <= room)
		slots *= 2;
	return slots;
}

status
spool_file_create(const char *directory, size_t bytes_max, const struct uuid *id, uint64_t seed,
    struct spool_file *out)
{
	struct spool_file file = {.fd = -1};
	uint32_t per_shard;
	status st;
	char text[UUID_TEXT_BYTES], draft[sizeof(file.path) + 8];

	if (bytes_max < SPOOL_BYTES_MIN)
		return REFUSE(ST_INVALID_ARGUMENT, "spool.bytes is less than 64 KiB");
	uuid_format(id, text);
	if ((size_t)snprintf(file.path, sizeof(file.path), "%s/%s.spool", directory, text) >=
	    sizeof(file.path))
		return SPOOL_FAILED;
	per_shard = slots_per_shard(bytes_max);
	file.bytes =
	    SPOOL_HEADER_BYTES + (size_t)2 * SPOOL_SHARDS * per_shard * sizeof(struct spool_slot);
	/* Under another name until it is locked, or the next process would take it for a dead
	 * one's. */
	snprintf(draft, sizeof(draft), "%s.new", file.path);
	file.fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file.fd < 0)
		return is_out_of_room(errno) ? SPOOL_FULL : SPOOL_FAILED;
	st = take_blocks(&file);
	if (st.code == ST_OK && !map(&file))
		st = SPOOL_FAILED;
	if (st.code != ST_OK) {
		unlink(draft);
		close(file.fd);
		return st;
	}
	memcpy(file.header->magic, magic, sizeof(magic));
	file.header->layout = LAYOUT;
	file.header->slots_per_shard = per_shard;
	file.header->spool_id = *id;
	file.header->seed = seed;
	file.header->buffers[0].batch = 1;
	file.header->buffers[0].state = SPOOL_FILLING;
	file.header->next_batch = 2;
	map_layout(&file);
	if (rename(draft, file.path) != 0) {
		unlink(draft);
		spool_file_close(&file, false);
		return SPOOL_FAILED;
	}
	*out = file;
	return STATUS_OK;
}

/* What a newer usherd left is left to it. */
static bool
is_ours(const struct spool_file *file)
{
	const struct spool_header *header = file->header;

	return memcmp(header->magic, magic, sizeof(magic)) == 0 &&
	       header->layout >= LAYOUT_OF_BATCHES && header->layout <= LAYOUT &&
	       header->slots_per_shard > 0 &&
	       header->slots_per_shard <= SPOOL_SLOTS_MAX / SPOOL_SHARDS &&
	       file->bytes == SPOOL_HEADER_BYTES + (size_t)2 * SPOOL_SHARDS *
						       header->slots_per_shard *
						       sizeof(struct spool_slot);
}

bool
spool_file_adopt(const char *directory, const char *name, struct spool_file *out)
{
	struct spool_file file = {.fd = -1};
	struct stat stat;

	if ((size_t)snprintf(file.path, sizeof(file.path), "%s/%s", directory, name) >=
	    sizeof(file.path))
		return false;
	file.fd = open(file.path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (file.fd < 0)
		return false;
	if (flock(file.fd, LOCK_EX | LOCK_NB) != 0 || fstat(file.fd, &stat) != 0 ||
	    stat.st_nlink == 0 || stat.st_size < SPOOL_HEADER_BYTES) {
		close(file.fd);
		return false;
	}
	file.bytes = (size_t)stat.st_size;
	if (!map(&file)) {
		close(file.fd);
		return false;
	}
	if (!is_ours(&file)) {
		spool_file_close(&file, false);
		return false;
	}
	map_layout(&file);
	*out = file;
	return true;
}

void
spool_file_sweep(const char *directory, const char *name, const struct clock *clock)
{
	int64_t oldest_s = clock_now_us(clock) / US_PER_S - DRAFT_LIFE_S;
	char path[sizeof(((struct spool_file *)NULL)->path)];
	struct stat stat;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Its maker locks it right after making it: so long after, the lock says who lives. */
	if (fstat(fd, &stat) == 0 && stat.st_mtime < oldest_s && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlink(path);
	close(fd);
}

void
spool_file_close(struct spool_file *file, bool remove)
{
	if (file->fd < 0)
		return;
	if (remove)
		unlink(file->path);
	munmap(file->header, file->bytes);
	close(file->fd);
	file->fd = -1;
}

/* Something was read, and it is of this batch. */
static bool
is_receipt(const struct spool_file *file, unsigned buffer, size_t slot)
{
	const struct spool_header *header = file->header;
	const struct spool_slot *at = &file->slots[buffer][slot];
	uint64_t hash, tally = atomic_load(&at->tally);

	if (spool_slot_reads(at) == 0)
		return false;
	if (header->layout < LAYOUT)
		return true;
	hash = hash_bytes(slice_of(&at->read, sizeof(at->read)), header->seed);
	return (tally & SPOOL_MARK_BITS) == spool_tally(hash, header->buffers[buffer].batch);
}

bool
spool_file_has_reads(const struct spool_file *file, unsigned buffer)
{
	if (atomic_load(&file->header->buffers[buffer].state) == SPOOL_FREE)
		return false;
	for (size_t i = atomic_load(&file->header->stored_to[buffer]); i < file->slots_count; i++)
		if (is_receipt(file, buffer, i))
			return true;
	return false;
}

void
spool_file_read_id(const struct spool_file *file, unsigned buffer, size_t slot, struct uuid *out)
{
	struct {
		struct uuid spool_id;
		uint64_t batch, slot;
	} place = {file->header->spool_id, file->header->buffers[buffer].batch, slot};
	uint64_t ms = (uint64_t)file->slots[buffer][slot].read.second * 1000;
	uint64_t head = htobe64(ms << 16);
	uint64_t tail = hash_bytes(slice_of(&place, sizeof(place)), 0);

	memcpy(out->bytes, &head, 8);
	out->bytes[6] = (uint8_t)(0x70 | (place.batch & 0x0f));
	out->bytes[7] = (uint8_t)slot;
	memcpy(out->bytes + 8, &tail, 8);
	out->bytes[8] = (uint8_t)((out->bytes[8] & 0x3f) | 0x80);
}

/* The columns of a part's receipts. */
struct spool_columns {
	struct uuid *org_ids, *read_ids, *key_ids, *reader_ids, *user_ids, *chatbot_ids;
	struct slice *hashes, *purposes;
	int64_t *seconds, *reads;
	char *hex;
	size_t count;
};

static status
columns_init(struct spool_columns *columns, struct arena *arena)
{
	struct uuid **ids[] = {&columns->org_ids, &columns->read_ids, &columns->key_ids,
	    &columns->reader_ids, &columns->user_ids, &columns->chatbot_ids};

	*columns = (struct spool_columns){0};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		*ids[i] = arena_alloc(arena, SPOOL_PART_ROWS * sizeof(struct uuid));
		if (!*ids[i])
			return ARENA_EXHAUSTED;
	}
	columns->hashes = arena_alloc(arena, SPOOL_PART_ROWS * sizeof(struct slice));
	columns->purposes = arena_alloc(arena, SPOOL_PART_ROWS * sizeof(struct slice));
	columns->seconds = arena_alloc(arena, SPOOL_PART_ROWS * sizeof(int64_t));
	columns->reads = arena_alloc(arena, SPOOL_PART_ROWS * sizeof(int64_t));
	columns->hex = arena_alloc(arena, SPOOL_PART_ROWS * (2 * SPOOL_HASH_BYTES + 1));
	if (!columns->hashes || !columns->purposes || !columns->seconds || !columns->reads ||
	    !columns->hex)
		return ARENA_EXHAUSTED;
	return STATUS_OK;
}

static void
columns_add(
    struct spool_columns *columns, const struct spool_file *file, unsigned buffer, size_t slot)
{
	const struct spool_slot *from = &file->slots[buffer][slot];
	const struct spool_read *read = &from->read;
	size_t at = columns->count++;
	char *hex = columns->hex + at * (2 * SPOOL_HASH_BYTES + 1);

	columns->org_ids[at] = read->org_id;
	spool_file_read_id(file, buffer, slot, &columns->read_ids[at]);
	columns->key_ids[at] = read->key_id;
	columns->reader_ids[at] = read->reader_id;
	columns->user_ids[at] = read->user_id;
	columns->chatbot_ids[at] = read->chatbot_id;
	hex_encode(slice_of(read->block_hash, SPOOL_HASH_BYTES), hex);
	columns->hashes[at] = slice_of(hex, (size_t)2 * SPOOL_HASH_BYTES);
	columns->purposes[at] =
	    slice_of(read->purpose, strnlen(read->purpose, sizeof(read->purpose)));
	columns->seconds[at] = read->second;
	columns->reads[at] = spool_slot_reads(from);
}

/* The receipts of the next part. Returns the slot behind it. */
static size_t
columns_fill(struct spool_columns *columns, const struct spool_file *file, unsigned buffer)
{
	size_t slot = atomic_load(&file->header->stored_to[buffer]);

	columns->count = 0;
	for (; slot < file->slots_count && columns->count < SPOOL_PART_ROWS; slot++)
		if (is_receipt(file, buffer, slot))
			columns_add(columns, file, buffer, slot);
	return slot;
}

/* number: no other part of that spool has it. */
static status
columns_store(const struct spool_columns *columns, const struct uuid *spool_id, int64_t number,
    struct spool_writer *writer)
{
	size_t n = columns->count;
	ROWS_AUTO part = {0};

	TRY(STORE_QUERY(writer->conn, STMT_JOBS_READS_STORE, &part, p_uuid(spool_id), p_int(number),
	    p_uuids(columns->org_ids, n), p_uuids(columns->read_ids, n),
	    p_uuids(columns->key_ids, n), p_uuids(columns->reader_ids, n),
	    p_uuids(columns->user_ids, n), p_uuids(columns->chatbot_ids, n),
	    p_texts(columns->hashes, n), p_texts(columns->purposes, n), p_ints(columns->seconds, n),
	    p_ints(columns->reads, n)));
	if (row_bool(&part, 0, JOBS_READS_STORE_IS_NEW))
		writer->stored += (int64_t)n;
	return STATUS_OK;
}

/* A hint for people: receipts don't wait for it, and are stored without it. */
static void
note_keys(const struct spool_columns *columns, struct store_conn *conn)
{
	size_t n = columns->count;
	status st = STORE_QUERY(conn, STMT_JOBS_KEYS_USED, NULL, p_uuids(columns->org_ids, n),
	    p_uuids(columns->key_ids, n), p_ints(columns->seconds, n));

	if (st.code != ST_OK)
		log_event(LOG_WARN, "keys_used_not_noted", "why", st.message, NULL);
}

status
spool_writer_init(struct spool_writer *writer, struct store_conn *conn, struct arena *arena)
{
	struct spool_columns *columns = arena_alloc(arena, sizeof(*columns));

	if (!columns)
		return ARENA_EXHAUSTED;
	TRY(columns_init(columns, arena));
	*writer = (struct spool_writer){.conn = conn, .columns = columns};
	return STATUS_OK;
}

static int64_t
number_of(const struct spool_file *file, unsigned buffer, size_t slot)
{
	return (int64_t)(file->header->buffers[buffer].batch * SPOOL_SLOTS_MAX + slot);
}

status
spool_file_store_part(struct spool_file *file, unsigned buffer, struct spool_writer *writer)
{
	_Atomic uint64_t *stored_to = &file->header->stored_to[buffer];
	int64_t number = number_of(file, buffer, atomic_load(stored_to));
	size_t end = columns_fill(writer->columns, file, buffer);

	if (writer->columns->count > 0) {
		TRY(columns_store(writer->columns, &file->header->spool_id, number, writer));
		note_keys(writer->columns, writer->conn);
	}
	writer->passed += (int64_t)writer->columns->count;
	atomic_store(stored_to, end);
	return STATUS_OK;
}

bool
spool_file_is_stored(const struct spool_file *file, unsigned buffer)
{
	return atomic_load(&file->header->stored_to[buffer]) >= file->slots_count;
}

/* The mark is put and taken back: a commit that is still under way is waited for. */
static status
batch_is_stored(const struct spool_file *file, unsigned buffer, struct store_conn *conn, bool *out)
{
	ROWS_AUTO mark = {0};
	status st;

	TRY(store_begin(conn));
	st = STORE_QUERY(conn, STMT_JOBS_READS_BATCH, &mark, p_uuid(&file->header->spool_id),
	    p_int((int64_t)file->header->buffers[buffer].batch));
	store_rollback(conn);
	TRY(st);
	*out = mark.count == 0;
	return STATUS_OK;
}

/* One that was stored as a whole is of the next layout, with everything stored or nothing. */
static status
renew(struct spool_file *file, struct store_conn *conn)
{
	for (unsigned i = 0; i < 2; i++) {
		bool is_stored = false;

		if (spool_file_has_reads(file, i))
			TRY(batch_is_stored(file, i, conn, &is_stored));
		if (is_stored)
			atomic_store(&file->header->stored_to[i], file->slots_count);
	}
	file->header->layout = LAYOUT_WITHOUT_MARKS;
	return STATUS_OK;
}

/* Slots that are no receipts of this batch, though something was read. */
static int64_t
count_strays(const struct spool_file *file, unsigned buffer)
{
	int64_t strays = 0;

	if (atomic_load(&file->header->buffers[buffer].state) == SPOOL_FREE)
		return 0;
	for (size_t i = atomic_load(&file->header->stored_to[buffer]); i < file->slots_count; i++)
		strays +=
		    spool_slot_reads(&file->slots[buffer][i]) > 0 && !is_receipt(file, buffer, i);
	return strays;
}

/* Where the last part begins that is in the database; it will be passed over. Where strays are
 * among its slots it reaches further now than it did, and never less far: nothing is stored twice.
 */
static status
find_last_part(
    const struct spool_file *file, unsigned buffer, struct store_conn *conn, uint64_t *slot)
{
	const int64_t first = number_of(file, buffer, 0);
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_JOBS_READS_LAST_PART, &rows, p_uuid(&file->header->spool_id),
	    p_int(first), p_int(number_of(file, buffer, file->slots_count))));
	*slot = 0;
	if (!row_is_null(&rows, 0, JOBS_READS_LAST_PART_PART))
		*slot = (uint64_t)(row_int(&rows, 0, JOBS_READS_LAST_PART_PART) - first);
	return STATUS_OK;
}

status
spool_file_catch_up(struct spool_file *file, struct spool_writer *writer)
{
	struct spool_header *header = file->header;
	int64_t strays = 0;

	if (header->layout == LAYOUT_OF_BATCHES)
		return renew(file, writer->conn);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t slot = 0;

		strays += count_strays(file, i);
		if (spool_file_has_reads(file, i))
			TRY(find_last_part(file, i, writer->conn, &slot));
		if (slot > atomic_load(&header->stored_to[i]))
			atomic_store(&header->stored_to[i], slot);
	}
	if (strays > 0)
		log_event(LOG_WARN, "receipts_passed_over", "spool", file->path, "slots",
		    log_number(strays), "why", "the machine died under them", NULL);
	return STATUS_OK;
}
