#include "jobs/spool.h"

#include "jobs/spool_file.h"

#include "base/log.h"
#include "base/wait.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* A waiter looks again that often, should a signal have been missed. */
#define WAIT_US (50 * US_PER_MS)
/* A drain that has taken so long begins no further part: it has the thread for itself. */
#define DRAIN_US (500 * US_PER_MS)

#define CACHE_LINE_BYTES 64

struct shard {
	pthread_mutex_t lock;
	unsigned used;
} __attribute__((aligned(CACHE_LINE_BYTES)));

struct spool {
	struct shard shards[SPOOL_SHARDS];
	struct spool_file file;
	/* Changes with all shards locked; read with one of them locked. */
	unsigned active;
	unsigned slots_per_shard; /* 0: there was no room for a file yet */
	struct uuid id;
	size_t bytes_max;
	uint64_t seed; /* the file's too */
	char *directory;
	const struct clock *clock;
	void (*wake)(void *env);
	void *wake_env;
	atomic_bool wake_is_out; /* a drain is on its way */
	pthread_mutex_t room_lock;
	pthread_cond_t room;
	uint64_t rooms_made; /* guarded by room_lock */
	_Atomic int64_t stored, batches, waits, refused, left_over;
	_Atomic int64_t sealed; /* slots of the sealed buffer that are not stored yet */
};

static void
lock_all(struct spool *spool)
{
	for (unsigned i = 0; i < SPOOL_SHARDS; i++)
		pthread_mutex_lock(&spool->shards[i].lock);
}

static void
unlock_all(struct spool *spool)
{
	for (unsigned i = SPOOL_SHARDS; i > 0; i--)
		pthread_mutex_unlock(&spool->shards[i - 1].lock);
}

static bool
is_full(status st)
{
	return st.code == ST_UNAVAILABLE && st.reason && strcmp(st.reason, "SPOOL_FULL") == 0;
}

/* Errors: as spool_file_create(). */
static status
open_file(struct spool *spool)
{
	struct spool_file file;

	TRY(spool_file_create(spool->directory, spool->bytes_max, &spool->id, spool->seed, &file));
	lock_all(spool);
	spool->file = file;
	spool->slots_per_shard = file.header->slots_per_shard;
	unlock_all(spool);
	return STATUS_OK;
}

status
spool_new(const char *directory, size_t bytes_max, const struct clock *clock,
    const struct rand_source *rand, struct spool **out)
{
	struct uuid id;
	uint64_t seed;
	struct spool *spool;
	status st;

	TRY(uuid_make(clock, rand, &id));
	TRY(rand_fill(rand, &seed, sizeof(seed)));
	spool = aligned_alloc(CACHE_LINE_BYTES, sizeof(*spool));
	if (!spool)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the receipts' spool");
	memset(spool, 0, sizeof(*spool));
	spool->directory = strdup(directory);
	for (unsigned i = 0; i < SPOOL_SHARDS; i++)
		pthread_mutex_init(&spool->shards[i].lock, NULL);
	spool->id = id;
	spool->seed = seed;
	spool->bytes_max = bytes_max;
	spool->file.fd = -1;
	st = spool->directory ? open_file(spool) : REFUSE(ST_RESOURCE_EXHAUSTED, "no memory");
	/* A node has more to do than to write receipts: who needs one is refused until there is
	 * room. */
	if (st.code != ST_OK && !is_full(st)) {
		free(spool->directory);
		free(spool);
		return st;
	}
	if (is_full(st))
		log_event(LOG_WARN, "spool_full", "spool", directory, "why", st.message, NULL);
	pthread_mutex_init(&spool->room_lock, NULL);
	wait_cond_init(&spool->room);
	spool->clock = clock;
	*out = spool;
	return STATUS_OK;
}

void
spool_free(struct spool **spool)
{
	struct spool *s = *spool;

	if (!s)
		return;
	*spool = NULL;
	if (s->file.fd >= 0)
		spool_file_close(&s->file,
		    !spool_file_has_reads(&s->file, 0) && !spool_file_has_reads(&s->file, 1));
	for (unsigned i = 0; i < SPOOL_SHARDS; i++)
		pthread_mutex_destroy(&s->shards[i].lock);
	pthread_mutex_destroy(&s->room_lock);
	pthread_cond_destroy(&s->room);
	free(s->directory);
	free(s);
}

void
spool_set_wake(struct spool *spool, void (*wake)(void *env), void *env)
{
	spool->wake = wake;
	spool->wake_env = env;
}

static void
ask_for_drain(struct spool *spool)
{
	if (spool->wake && !atomic_exchange(&spool->wake_is_out, true))
		spool->wake(spool->wake_env);
}

/* Some slots stay free, so that a search ends soon. */
static unsigned
used_max(const struct spool *spool)
{
	return spool->slots_per_shard - spool->slots_per_shard / 8;
}

bool
spool_begin(struct spool *spool, const struct spool_read *read, struct spool_ticket *out)
{
	uint64_t hash = hash_bytes(slice_of(read, sizeof(*read)), spool->seed);
	unsigned shard_at = (unsigned)(hash >> 60), mask, at;
	struct shard *shard = &spool->shards[shard_at];
	struct spool_slot *slots;

	static_assert(SPOOL_SHARDS == 16, "the shard is four bits of the hash");
	pthread_mutex_lock(&shard->lock);
	if (spool->slots_per_shard == 0) {
		pthread_mutex_unlock(&shard->lock);
		return false;
	}
	mask = spool->slots_per_shard - 1;
	at = (unsigned)hash & mask;
	slots = spool->file.slots[spool->active] + (size_t)shard_at * spool->slots_per_shard;
	/* Slots are large and far apart: let all of this one come at once. */
	for (size_t i = 0; i < sizeof(*slots); i += CACHE_LINE_BYTES)
		__builtin_prefetch((const char *)&slots[at] + i, 1);
	for (;; at = (at + 1) & mask) {
		/* A slot in use has a second. */
		if (slots[at].read.second == 0)
			break;
		if (memcmp(&slots[at].read, read, sizeof(*read)) == 0)
			goto found;
	}
	if (shard->used >= used_max(spool)) {
		pthread_mutex_unlock(&shard->lock);
		ask_for_drain(spool);
		return false;
	}
	slots[at].read = *read;
	atomic_store_explicit(&slots[at].tally,
	    spool_tally(hash, spool->file.header->buffers[spool->active].batch),
	    memory_order_relaxed);
	shard->used++;
	if (shard->used == spool->slots_per_shard / 2)
		ask_for_drain(spool);
found:
	*out = (struct spool_ticket){spool, shard_at, at};
	return true;
}

void
spool_take(struct spool_ticket *ticket, struct uuid *read_id)
{
	struct spool *spool = ticket->spool;
	size_t at = (size_t)ticket->shard * spool->slots_per_shard + ticket->slot;
	struct spool_slot *slot = &spool->file.slots[spool->active][at];
	uint64_t tally = atomic_load_explicit(&slot->tally, memory_order_relaxed);

	/* Behind the read in program order, so that a killed process leaves no half of one. */
	atomic_store_explicit(&slot->tally, tally + 1, memory_order_release);
	spool_file_read_id(&spool->file, spool->active, at, read_id);
	pthread_mutex_unlock(&spool->shards[ticket->shard].lock);
}

/* A place that was made for this read alone is free again. The lock has been held since: nothing
 * stands behind it that a search would have to pass it for. */
void
spool_cancel(struct spool_ticket *ticket)
{
	struct spool *spool = ticket->spool;
	struct shard *shard = &spool->shards[ticket->shard];
	size_t at = (size_t)ticket->shard * spool->slots_per_shard + ticket->slot;
	struct spool_slot *slot = &spool->file.slots[spool->active][at];

	if (spool_slot_reads(slot) == 0) {
		memset(slot, 0, sizeof(*slot));
		shard->used--;
	}
	pthread_mutex_unlock(&shard->lock);
}

static bool
has_file(struct spool *spool)
{
	pthread_mutex_lock(&spool->shards[0].lock);
	bool has = spool->slots_per_shard > 0;
	pthread_mutex_unlock(&spool->shards[0].lock);
	return has;
}

status
spool_wait(struct spool *spool, int64_t deadline_us)
{
	uint64_t rooms;
	status st = STATUS_OK;

	if (!has_file(spool)) {
		atomic_fetch_add(&spool->refused, 1);
		return REFUSE_FOR(ST_UNAVAILABLE, "SPOOL_FULL",
		    "there is no room for receipts: the disk under spool.dir is full");
	}
	atomic_fetch_add(&spool->waits, 1);
	pthread_mutex_lock(&spool->room_lock);
	rooms = spool->rooms_made;
	while (rooms == spool->rooms_made) {
		struct timespec until;

		if (clock_boot_us(spool->clock) >= deadline_us) {
			st = REFUSE_FOR(ST_DEADLINE_EXCEEDED, "RECEIPTS_WAIT",
			    "receipts could not be written in time");
			atomic_fetch_add(&spool->refused, 1);
			break;
		}
		ask_for_drain(spool);
		wait_deadline(WAIT_US, &until);
		if (pthread_cond_timedwait(&spool->room, &spool->room_lock, &until) == ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&spool->room_lock);
	return st;
}

static bool
shards_are_empty(struct spool *spool)
{
	for (unsigned i = 0; i < SPOOL_SHARDS; i++)
		if (spool->shards[i].used > 0)
			return false;
	return true;
}

/* Let the other, free buffer be filled from here on. false: there is nothing to seal. */
static bool
seal(struct spool *spool)
{
	struct spool_header *header = spool->file.header;
	unsigned other;
	bool sealed = false;

	lock_all(spool);
	if (!shards_are_empty(spool)) {
		other = 1 - spool->active;
		header->buffers[other].batch = header->next_batch++;
		atomic_store(&header->stored_to[other], 0);
		atomic_store(&header->buffers[other].state, SPOOL_FILLING);
		atomic_store(&header->buffers[spool->active].state, SPOOL_SEALED);
		spool->active = other;
		for (unsigned i = 0; i < SPOOL_SHARDS; i++) {
			atomic_fetch_add(&spool->sealed, spool->shards[i].used);
			spool->shards[i].used = 0;
		}
		sealed = true;
	}
	unlock_all(spool);
	return sealed;
}

/* What is stored is forgotten, slot by slot, before the buffer may be filled again. */
static void
clear(struct spool *spool, unsigned buffer)
{
	struct spool_file *file = &spool->file;

	for (size_t i = 0; i < file->slots_count; i++)
		if (file->slots[buffer][i].read.second != 0)
			memset(&file->slots[buffer][i], 0, sizeof(file->slots[buffer][i]));
	atomic_store(&file->header->buffers[buffer].state, SPOOL_FREE);
}

static void
make_room(struct spool *spool)
{
	pthread_mutex_lock(&spool->room_lock);
	spool->rooms_made++;
	pthread_cond_broadcast(&spool->room);
	pthread_mutex_unlock(&spool->room_lock);
}

/* One run of the job. */
struct drain {
	struct spool_writer writer;
	const struct clock *clock;
	int64_t until_us;
	unsigned files; /* of other processes, tried so far */
};

static bool
is_late(const struct drain *drain)
{
	return clock_boot_us(drain->clock) >= drain->until_us;
}

/* However late it is, one part is stored, so that each drain gets further. */
static status
drain_buffer(struct drain *drain, struct spool_file *file, unsigned buffer, bool *whole)
{
	do
		TRY(spool_file_store_part(file, buffer, &drain->writer));
	while (!spool_file_is_stored(file, buffer) && !is_late(drain));
	*whole = spool_file_is_stored(file, buffer);
	return STATUS_OK;
}

static status
drain_own(struct spool *spool, struct drain *drain)
{
	unsigned sealed = 1 - spool->active;
	bool whole = false;
	status st;

	if (atomic_load(&spool->file.header->buffers[sealed].state) != SPOOL_SEALED) {
		if (!seal(spool))
			return STATUS_OK;
		sealed = 1 - sealed;
		make_room(spool);
	}
	st = drain_buffer(drain, &spool->file, sealed, &whole);
	atomic_fetch_sub(&spool->sealed, drain->writer.passed);
	TRY(st);
	if (!whole)
		return STATUS_OK;
	clear(spool, sealed);
	/* Places that were held for reads and never taken are no receipts. */
	atomic_store(&spool->sealed, 0);
	atomic_fetch_add(&spool->batches, 1);
	return STATUS_OK;
}

/* *stored: nothing is left in it. */
static status
drain_file(struct drain *drain, struct spool_file *file, bool *stored)
{
	TRY(spool_file_catch_up(file, &drain->writer));
	for (unsigned i = 0; i < 2; i++) {
		bool whole = true;

		if (spool_file_has_reads(file, i))
			TRY(drain_buffer(drain, file, i, &whole));
		if (!whole)
			return STATUS_OK;
	}
	*stored = true;
	return STATUS_OK;
}

/* The first gets its part however late it is; those behind it are counted then. */
static status
drain_left_over(struct spool *spool, const char *name, struct drain *drain)
{
	struct spool_file file;
	bool stored = false;
	status st = STATUS_OK;

	if (!spool_file_adopt(spool->directory, name, &file))
		return STATUS_OK;
	if (drain->files++ == 0 || !is_late(drain))
		st = drain_file(drain, &file, &stored);
	if (!stored)
		atomic_fetch_add(&spool->left_over, 1);
	spool_file_close(&file, stored);
	return st;
}

static bool
name_ends_in(const char *name, const char *end)
{
	size_t bytes = strlen(name), end_bytes = strlen(end);

	return bytes > end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static status
drain_left_overs(struct spool *spool, struct drain *drain)
{
	const char *own = spool->file.fd < 0 ? "" : strrchr(spool->file.path, '/') + 1;
	DIR *directory = opendir(spool->directory);
	const struct dirent *entry;
	status st = STATUS_OK;

	if (!directory)
		return REFUSE_FOR(ST_UNAVAILABLE, "SPOOL", "spool.dir can't be read");
	atomic_store(&spool->left_over, 0);
	while (st.code == ST_OK && (entry = readdir(directory))) {
		if (name_ends_in(entry->d_name, ".spool.new"))
			spool_file_sweep(spool->directory, entry->d_name, spool->clock);
		else if (name_ends_in(entry->d_name, ".spool") && strcmp(entry->d_name, own) != 0)
			st = drain_left_over(spool, entry->d_name, drain);
	}
	closedir(directory);
	return st;
}

status
spool_drain(struct spool *spool, struct store_conn *conn, struct arena *arena, int64_t *stored)
{
	struct drain drain = {
	    .clock = spool->clock, .until_us = clock_boot_us(spool->clock) + DRAIN_US};
	status st;

	/* From here on a full shard asks for the next drain. */
	atomic_store(&spool->wake_is_out, false);
	TRY(spool_writer_init(&drain.writer, conn, arena));
	st = spool->file.fd < 0 ? STATUS_OK : drain_own(spool, &drain);
	if (st.code == ST_OK)
		st = drain_left_overs(spool, &drain);
	/* What was left over may have been what took the room. */
	if (st.code == ST_OK && spool->file.fd < 0)
		st = open_file(spool);
	atomic_fetch_add(&spool->stored, drain.writer.stored);
	*stored = drain.writer.stored;
	return st;
}

/* One that is not filled any more, and not stored to its end. */
static bool
has_sealed(struct spool *spool)
{
	bool has = false;

	pthread_mutex_lock(&spool->shards[0].lock);
	if (spool->slots_per_shard > 0)
		has = atomic_load(&spool->file.header->buffers[1 - spool->active].state) ==
		      SPOOL_SEALED;
	pthread_mutex_unlock(&spool->shards[0].lock);
	return has;
}

void
spool_get_figures(struct spool *spool, struct spool_figures *out)
{
	*out = (struct spool_figures){
	    .stored = atomic_load(&spool->stored),
	    .batches = atomic_load(&spool->batches),
	    .waits = atomic_load(&spool->waits),
	    .refused = atomic_load(&spool->refused),
	    .left_over = atomic_load(&spool->left_over),
	    .has_sealed = has_sealed(spool),
	    .slots_sealed = atomic_load(&spool->sealed),
	};
	for (unsigned i = 0; i < SPOOL_SHARDS; i++) {
		pthread_mutex_lock(&spool->shards[i].lock);
		out->slots_used += spool->shards[i].used;
		out->slots_max += used_max(spool);
		pthread_mutex_unlock(&spool->shards[i].lock);
	}
}
