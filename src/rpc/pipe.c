#include "rpc/pipe.h"

#include "base/network.h"
#include "base/rand.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nng numbers pipes one after the other, so they spread evenly over the buckets. */
#define BUCKET_ENTRIES 8

status
pipe_table_init(struct pipe_table *table, int pipes_max)
{
	table->buckets = (size_t)pipes_max / (BUCKET_ENTRIES / 2) + 1;
	table->pipes_max = pipes_max;
	table->seed = rand_hash_seed();
	atomic_init(&table->pipes, 0);
	memset(table->by_address, 0, sizeof(table->by_address));
	table->entries = calloc(table->buckets * BUCKET_ENTRIES, sizeof(*table->entries));
	if (!table->entries)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the connections");
	return STATUS_OK;
}

void
pipe_table_done(struct pipe_table *table)
{
	free(table->entries);
	table->entries = NULL;
}

static struct pipe_entry *
bucket_of(struct pipe_table *table, uint32_t id)
{
	return &table->entries[id % table->buckets * BUCKET_ENTRIES];
}

/* References held while an entry is being written: nobody finds it by then. */
#define BEING_MADE (1u << 31)

static atomic_int *
count_of(struct pipe_table *table, const char *address)
{
	return &table->by_address[address_site_hash(address, table->seed) % PIPE_ADDRESS_COUNTS];
}

static void
count_down(struct pipe_table *table, const char *address)
{
	(void)atomic_fetch_sub(&table->pipes, 1);
	(void)atomic_fetch_sub(count_of(table, address), 1);
}

static bool
count_up(struct pipe_table *table, const char *address)
{
	const int most = table->pipes_max - table->pipes_max / 4;
	const int all = atomic_fetch_add(&table->pipes, 1);
	const int own = atomic_fetch_add(count_of(table, address), 1);

	if (all < table->pipes_max && own < most)
		return true;
	count_down(table, address);
	return false;
}

bool
pipe_add(struct pipe_table *table, uint32_t id, const char *address)
{
	struct pipe_entry *bucket = bucket_of(table, id);

	if (!count_up(table, address))
		return false;
	for (size_t i = 0; i < BUCKET_ENTRIES; i++) {
		unsigned none = 0;
		if (!atomic_compare_exchange_strong(&bucket[i].references, &none, BEING_MADE))
			continue;
		(void)snprintf(bucket[i].address, sizeof(bucket[i].address), "%s", address);
		atomic_store(&bucket[i].is_closing, false);
		list_init(&bucket[i].waits);
		atomic_store(&bucket[i].taken, 0);
		atomic_store(&bucket[i].id, id);
		atomic_store(&bucket[i].references, 1);
		return true;
	}
	count_down(table, address);
	return false;
}

struct pipe_entry *
pipe_take(struct pipe_table *table, uint32_t id)
{
	struct pipe_entry *bucket = bucket_of(table, id);

	for (size_t i = 0; i < BUCKET_ENTRIES; i++) {
		struct pipe_entry *entry = &bucket[i];
		if (atomic_load_explicit(&entry->id, memory_order_acquire) != id)
			continue;
		unsigned references = atomic_load(&entry->references);
		while (references > 0 && references < BEING_MADE)
			if (atomic_compare_exchange_weak(
				&entry->references, &references, references + 1)) {
				/* It may have become another pipe's meanwhile. */
				if (atomic_load(&entry->id) == id)
					return entry;
				pipe_give(entry);
				break;
			}
	}
	return NULL;
}

void
pipe_give(struct pipe_entry *entry)
{
	(void)atomic_fetch_sub(&entry->references, 1);
}

bool
pipe_mark(struct pipe_entry *entry)
{
	return !atomic_exchange(&entry->is_closing, true);
}

/* With a reference; NULL: it is gone, or marked. */
static struct pipe_entry *
take_open(struct pipe_table *table, const struct pipe_entry *entry)
{
	const uint32_t id = atomic_load(&entry->id);
	struct pipe_entry *taken = id != 0 ? pipe_take(table, id) : NULL;

	if (taken && atomic_load(&taken->is_closing)) {
		pipe_give(taken);
		return NULL;
	}
	return taken;
}

struct pipe_entry *
pipe_take_heaviest(struct pipe_table *table, enum pipe_burden burden)
{
	struct pipe_entry *heaviest = NULL;
	int64_t most = 0;

	for (size_t i = 0; i < table->buckets * BUCKET_ENTRIES; i++) {
		struct pipe_entry *entry = &table->entries[i];
		const int64_t weight =
		    burden == PIPE_BYTES
			? atomic_load_explicit(&entry->bytes, memory_order_relaxed)
			: (int64_t)atomic_load_explicit(&entry->replies, memory_order_relaxed);
		if (weight <= most)
			continue;
		heaviest = entry;
		most = weight;
	}
	/* One at a time: what it gives back may be enough. */
	return heaviest ? take_open(table, heaviest) : NULL;
}

/* With nothing to take, it has time from now on: who sends to it says so only a moment after it
 * counts as sending. What was said meanwhile stands. */
static void
entry_put_off(struct pipe_entry *entry, unsigned until, unsigned to)
{
	if ((int)(to - until) > 0)
		(void)atomic_compare_exchange_strong(&entry->stalls_at, &until, to);
}

struct pipe_entry *
pipe_take_stalled(struct pipe_table *table, unsigned look, unsigned looks, size_t *at)
{
	while (*at < table->buckets * BUCKET_ENTRIES) {
		struct pipe_entry *entry = &table->entries[(*at)++];
		const unsigned until = atomic_load(&entry->stalls_at);

		if (atomic_load(&entry->sending) == 0) {
			entry_put_off(entry, until, look + looks);
			continue;
		}
		struct pipe_entry *taken =
		    (int)(look - until) >= 0 ? take_open(table, entry) : NULL;
		if (taken && pipe_mark(taken))
			return taken;
		if (taken)
			pipe_give(taken);
	}
	return NULL;
}

void
pipe_remove(struct pipe_table *table, uint32_t id)
{
	struct pipe_entry *entry = pipe_take(table, id);

	if (!entry)
		return;
	/* No new calls find it; those under way keep it. */
	atomic_store(&entry->id, 0);
	count_down(table, entry->address);
	pipe_give(entry);
	pipe_give(entry);
}
