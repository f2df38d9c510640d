#include "svc/context/memory.h"

#include "svc/common/reply.h"
#include "svc/context/encoded.h"

#include <assert.h>
#include <stdlib.h>

#define ABSENT_LIFE_US (60 * US_PER_S)
#define DAY_US (86400 * US_PER_S)
/* That a block is in use is said when its entry is made, once in DAY_US: while blocks are kept for
 * longer than both (jobs/retain_blocks.sql), what is remembered is there. */
#define ENTRY_LIFE_US DAY_US
#define ENTRY_ARENA_BYTES_MAX (8u << 20)
/* Of an entry's arena, without the texts. */
#define USER_BYTES 2560
#define CHATBOT_BYTES 448
#define CACHE_LINE_BYTES 64 /* of a processor */
#define KEY_BYTES_MAX 2400
#define KEY_ROUNDING_BYTES 16
/* Kinds of tags that no change has: "some user (or chatbot) of the organisation", for entries that
 * say that there is none such. */
#define TAG_ABSENT_USER (0x100 + CHANGE_USER)
#define TAG_ABSENT_CHATBOT (0x100 + CHANGE_CHATBOT)
#define STORED_BLOCKS 65536
/* In sets of so many: a mark that another one drove out costs a statement with each read. */
#define STORED_WAYS 8
#define STORE_BYTES_MAX (1u << 20) /* of blocks, with a statement */

struct context_memory {
	struct cache *cache;
	const struct clock *clock;
	/* Marks of blocks that this node knows to be in the database: stored_mark(). */
	_Atomic uint64_t stored[STORED_BLOCKS];
	_Atomic uint64_t emptyings; /* of all marks */
	_Atomic int64_t day;        /* of which they are */
};

static void
entry_free(struct cache_entry *cached)
{
	struct context_entry *entry = (struct context_entry *)cached;

	arena_done(&entry->arena);
	free(entry);
}

status
context_memory_new(size_t bytes_max, const struct clock *clock, struct context_memory **out)
{
	struct context_memory *memory = calloc(1, sizeof(*memory));
	status st;

	if (!memory)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for contexts");
	memory->clock = clock;
	st = cache_new("contexts", bytes_max, clock, entry_free, &memory->cache);
	if (st.code != ST_OK) {
		free(memory);
		return st;
	}
	*out = memory;
	return STATUS_OK;
}

void
context_memory_free(struct context_memory **memory)
{
	if (!*memory)
		return;
	cache_free(&(*memory)->cache);
	free(*memory);
	*memory = NULL;
}

/* Counted first: who stored a block meanwhile takes its mark back, stored_add(). */
static void
forget_marks(struct context_memory *memory)
{
	atomic_fetch_add(&memory->emptyings, 1);
	for (size_t i = 0; i < STORED_BLOCKS; i++)
		if (atomic_load(&memory->stored[i]) != 0)
			atomic_store(&memory->stored[i], 0);
}

/* Marks first: who still sees an old one has read before the cache is emptied, and so adds nothing
 * to it. */
static void
forget_all(struct context_memory *memory)
{
	forget_marks(memory);
	cache_drop_all(memory->cache);
}

void
context_memory_obey(void *env, const struct feed_change *change)
{
	struct context_memory *memory = env;

	if (!change) {
		forget_all(memory);
		return;
	}
	switch (change->kind) {
	case CHANGE_USER:
	case CHANGE_PROFILE:
	case CHANGE_CHATBOT:
	case CHANGE_ORG:
		/* Who is absent is known by the organisation. */
		if (!change->has_id || !change->has_org) {
			cache_drop_all(memory->cache);
			return;
		}
		cache_drop_tag(memory->cache, change->kind, &change->id);
		cache_drop_tag(memory->cache, 0x100 + change->kind, &change->org_id);
		return;
	case CHANGE_ROLE:
	case CHANGE_POLICY:
	case CHANGE_TEMPLATE:
		/* Few and far between: all contexts of the organisation, or of all of them. */
		if (change->has_org)
			cache_drop_tag(memory->cache, CHANGE_ORG, &change->org_id);
		else
			cache_drop_all(memory->cache);
		return;
	default:
		return;
	}
}

void
context_memory_get_stats(struct context_memory *memory, struct cache_stats *out)
{
	cache_get_stats(memory->cache, out);
}

static size_t
add_text(uint8_t *key, size_t at, char kind, const char *text)
{
	size_t bytes = strlen(text);

	key[at++] = (uint8_t)kind;
	key[at++] = (uint8_t)(bytes >> 8);
	key[at++] = (uint8_t)bytes;
	memcpy(key + at, text, bytes);
	return at + bytes;
}

static size_t
add_id(uint8_t *key, size_t at, char kind, const struct uuid *id)
{
	key[at++] = (uint8_t)kind;
	memcpy(key + at, id->bytes, UUID_BYTES);
	return at + UUID_BYTES;
}

/* Lengths before texts, so that no two asks share a key. NONE: too long to be anything we have. */
static struct slice
make_key(const struct context_ask *ask, uint8_t key[KEY_BYTES_MAX])
{
	size_t at = add_id(key, 0, 'o', &ask->org_id);

	if ((ask->chatbot_alias && strlen(ask->chatbot_alias) > 1100) ||
	    (ask->external_id && strlen(ask->external_id) > 1100))
		return SLICE_NONE;
	if (!ask->has_chatbot)
		key[at++] = '-';
	else if (ask->chatbot_alias)
		at = add_text(key, at, 'a', ask->chatbot_alias);
	else
		at = add_id(key, at, 'i', &ask->chatbot_id);
	if (ask->external_id)
		at = add_text(key, at, 'e', ask->external_id);
	else
		at = add_id(key, at, 'u', &ask->user_id);
	return slice_of(key, at);
}

struct context_entry *
context_memory_find(struct context_memory *memory, const struct context_ask *ask)
{
	uint8_t room[KEY_BYTES_MAX];
	struct slice key = make_key(ask, room);
	struct context_entry *entry;

	entry = key.bytes ? (struct context_entry *)cache_find(memory->cache, key) : NULL;
	if (entry) {
		const char *hot = (const char *)&entry->memory;
		const char *end = entry->block.etag;

		/* The receipt and the reply will want all of it: let it come at once. */
		for (; hot < end; hot += CACHE_LINE_BYTES)
			__builtin_prefetch(hot);
	}
	return entry;
}

void
context_entry_release(struct context_entry **entry)
{
	struct cache_entry *cached = (struct cache_entry *)*entry;

	if (!cached)
		return;
	cache_release((*entry)->memory->cache, &cached);
	*entry = NULL;
}

static void
release_kept(void *kept)
{
	struct context_entry *entry = kept;

	context_entry_release(&entry);
}

status
context_keep(struct rpc_call *call, struct context_entry *entry)
{
	if (rpc_keep(call, release_kept, entry))
		return STATUS_OK;
	context_entry_release(&entry);
	return ARENA_EXHAUSTED;
}

/* How often a text stands in an entry: as a field, as a line, and in what is encoded of either. */
struct text_use {
	int column;
	uint8_t times;
};
static const struct text_use user_texts[] = {
    {CONTEXT_PARENTS_EXTERNAL_ID, 2},
    {CONTEXT_PARENTS_DISPLAY_NAME, 4},
    {CONTEXT_PARENTS_EMAIL, 2},
    {CONTEXT_PARENTS_LOCALE, 4},
    {CONTEXT_PARENTS_TIME_ZONE, 4},
    {CONTEXT_PARENTS_COMPANY, 3},
    {CONTEXT_PARENTS_ROLE, 3},
    {CONTEXT_PARENTS_ABOUT, 3},
    {CONTEXT_PARENTS_PREFERENCES, 3},
    {CONTEXT_PARENTS_PROFILE_DATA, 3},
};
static const struct text_use chatbot_texts[] = {
    {CONTEXT_PARENTS_CHATBOT_ALIAS, 2},
    {CONTEXT_PARENTS_CHATBOT_NAME, 2},
    {CONTEXT_PARENTS_INSTRUCTIONS, 4},
};

static size_t
texts_bytes(const struct rows *rows, int row, const struct text_use *texts, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		if (!row_is_null(rows, row, texts[i].column))
			bytes += texts[i].times * row_slice(rows, row, texts[i].column).bytes;
	return bytes;
}

/* Room for all that hangs in an entry, in one piece: what is wanted beyond comes as a piece twice
 * as large. Only of a user who is there is anything kept. */
static size_t
row_bytes(const struct rows *rows, int row, struct slice key)
{
	size_t bytes = key.bytes <= CONTEXT_KEY_ROOM_BYTES ? 0 : key.bytes + KEY_ROUNDING_BYTES;

	if (row_is_null(rows, row, CONTEXT_PARENTS_ID))
		return bytes;
	bytes += USER_BYTES +
		 texts_bytes(rows, row, user_texts, sizeof(user_texts) / sizeof(user_texts[0]));
	if (!row_is_null(rows, row, CONTEXT_PARENTS_CHATBOT_ID))
		bytes += CHATBOT_BYTES + texts_bytes(rows, row, chatbot_texts,
					     sizeof(chatbot_texts) / sizeof(chatbot_texts[0]));
	return bytes;
}

static void
add_tag(struct context_entry *entry, uint32_t kind, const struct uuid *id)
{
	assert(entry->cache.tags_count < CONTEXT_TAGS_MAX);
	entry->tags[entry->cache.tags_count++] = (struct cache_tag){kind, *id};
}

static void
set_tags(struct context_entry *entry, const struct context_ask *ask)
{
	entry->cache.tags = entry->tags;
	add_tag(entry, CHANGE_ORG, &ask->org_id);
	if (entry->has_user) {
		add_tag(entry, CHANGE_USER, &entry->user_id);
		add_tag(entry, CHANGE_PROFILE, &entry->user_id);
	} else {
		add_tag(entry, TAG_ABSENT_USER, &ask->org_id);
	}
	if (entry->has_chatbot)
		add_tag(entry, CHANGE_CHATBOT, &entry->chatbot_id);
	else if (ask->has_chatbot)
		add_tag(entry, TAG_ABSENT_CHATBOT, &ask->org_id);
}

static status
set_text(struct rpc_call *call, const struct rows *rows, int row, int column, int trust,
    struct block_text *out)
{
	char *text;

	TRY(reply_text_column(call, rows, row, column, &text));
	*out = (struct block_text){text, (Usher__V1__Trust)trust};
	return STATUS_OK;
}

static int
trust_of(const struct rows *rows, int row, int column)
{
	return (int)row_int(rows, row, column);
}

static status
read_parents(struct rpc_call *call, const struct rows *rows, int row,
    const struct context_entry *entry, struct block_parents *out)
{
	/* Who wrote a user's names is not kept: a person with a login, or else the organisation. */
	Usher__V1__Trust names = entry->user.has_account ? USHER__V1__TRUST__TRUST_USER_WRITTEN
							 : USHER__V1__TRUST__TRUST_ASSERTED;

	*out = (struct block_parents){
	    .instructions = {entry->chatbot.instructions, USHER__V1__TRUST__TRUST_ADMIN_SET},
	    .display_name = {entry->user.display_name, names},
	    .locale = {entry->user.locale, names},
	    .time_zone = {entry->user.time_zone, names},
	};
	TRY(set_text(call, rows, row, CONTEXT_PARENTS_COMPANY,
	    trust_of(rows, row, CONTEXT_PARENTS_TRUST_COMPANY), &out->company));
	TRY(set_text(call, rows, row, CONTEXT_PARENTS_ROLE,
	    trust_of(rows, row, CONTEXT_PARENTS_TRUST_ROLE), &out->role));
	TRY(set_text(call, rows, row, CONTEXT_PARENTS_ABOUT,
	    trust_of(rows, row, CONTEXT_PARENTS_TRUST_ABOUT), &out->about));
	TRY(set_text(call, rows, row, CONTEXT_PARENTS_PREFERENCES,
	    trust_of(rows, row, CONTEXT_PARENTS_TRUST_PREFERENCES), &out->preferences));
	return set_text(call, rows, row, CONTEXT_PARENTS_PROFILE_DATA,
	    trust_of(rows, row, CONTEXT_PARENTS_TRUST_PROFILE_DATA), &out->profile_data);
}

static status
read_chatbot(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__Chatbot *out)
{
	TRY(reply_id_column(call, rows, row, CONTEXT_PARENTS_CHATBOT_ID, &out->chatbot_id));
	TRY(reply_id_column(call, rows, row, CONTEXT_PARENTS_CHATBOT_ORG_ID, &out->org_id));
	TRY(reply_text_column(call, rows, row, CONTEXT_PARENTS_CHATBOT_ALIAS, &out->alias));
	TRY(reply_text_column(call, rows, row, CONTEXT_PARENTS_CHATBOT_NAME, &out->display_name));
	TRY(reply_text_column(call, rows, row, CONTEXT_PARENTS_INSTRUCTIONS, &out->instructions));
	out->disabled = row_bool(rows, row, CONTEXT_PARENTS_CHATBOT_DISABLED);
	out->version = row_int(rows, row, CONTEXT_PARENTS_CHATBOT_VERSION);
	TRY(reply_time_column(
	    call, rows, row, CONTEXT_PARENTS_CHATBOT_CREATED_AT, &out->created_at));
	return reply_time_column(
	    call, rows, row, CONTEXT_PARENTS_CHATBOT_UPDATED_AT, &out->updated_at);
}

/* Segments by their place in the list of those that there are. */
static status
encode_parts(struct context_entry *entry)
{
	struct arena *arena = &entry->arena;

	TRY(encoded_make(arena, &entry->user.base, &entry->user_encoded));
	if (entry->has_chatbot)
		TRY(encoded_make(arena, &entry->chatbot.base, &entry->chatbot_encoded));
	for (size_t i = 0; i < entry->block.segments_count; i++)
		TRY(encoded_make(
		    arena, &entry->block.segment_list[i]->base, &entry->segments_encoded[i]));
	return STATUS_OK;
}

/* call's arena is the entry's. */
static status
read_entry(struct rpc_call *call, const struct rows *rows, int row, struct context_entry *entry)
{
	static const struct block_ask everything = {.message = ""};
	struct block_parents parents;

	usher__v1__user__init(&entry->user);
	usher__v1__chatbot__init(&entry->chatbot);
	usher__v1__context_block__init(&entry->whole);
	entry->has_user = !row_is_null(rows, row, CONTEXT_PARENTS_ID);
	entry->has_chatbot = !row_is_null(rows, row, CONTEXT_PARENTS_CHATBOT_ID);
	if (entry->has_chatbot) {
		entry->chatbot_id = row_uuid(rows, row, CONTEXT_PARENTS_CHATBOT_ID);
		entry->is_chatbot_disabled = row_bool(rows, row, CONTEXT_PARENTS_CHATBOT_DISABLED);
	}
	/* Who is not there gets no answer that a chatbot would stand in. */
	if (!entry->has_user)
		return STATUS_OK;
	if (entry->has_chatbot)
		TRY(read_chatbot(call, rows, row, &entry->chatbot));
	entry->user_id = row_uuid(rows, row, CONTEXT_PARENTS_ID);
	TRY(reply_user(call, rows, row, &entry->user));
	entry->is_user_active = entry->user.status == USHER__V1__USER_STATUS__USER_STATUS_ACTIVE;
	TRY(read_parents(call, rows, row, entry, &parents));
	TRY(block_build(call->arena, &parents, &entry->block));
	TRY(block_pack(call->arena, &entry->block, &everything, &entry->whole));
	return encode_parts(entry);
}

static status
make_entry(struct context_memory *memory, struct rpc_call *call, const struct context_ask *ask,
    const struct rows *rows, int row, struct context_entry **out)
{
	struct context_entry *entry = calloc(1, sizeof(*entry));
	struct rpc_call into = *call; /* what is read hangs in the entry's arena */
	uint8_t room[KEY_BYTES_MAX];
	struct slice key = make_key(ask, room);
	status st;

	if (!entry)
		return ARENA_EXHAUSTED;
	st = arena_init(&entry->arena, row_bytes(rows, row, key), ENTRY_ARENA_BYTES_MAX);
	if (st.code != ST_OK) {
		free(entry);
		return st;
	}
	into.arena = &entry->arena;
	atomic_init(&entry->cache.references, 1);
	entry->memory = memory;
	st = read_entry(&into, rows, row, entry);
	if (st.code == ST_OK) {
		uint8_t *copy = key.bytes <= sizeof(entry->key_room)
				    ? entry->key_room
				    : arena_alloc(&entry->arena, key.bytes);

		if (copy && key.bytes > 0)
			memcpy(copy, key.data, key.bytes);
		entry->cache.key = slice_of(copy, key.bytes);
		st = copy ? STATUS_OK : ARENA_EXHAUSTED;
	}
	if (st.code != ST_OK) {
		entry_free(&entry->cache);
		return st;
	}
	set_tags(entry, ask);
	entry->cache.negative = !entry->has_user || (ask->has_chatbot && !entry->has_chatbot);
	entry->cache.expires_at_us =
	    clock_now_us(memory->clock) + (entry->cache.negative ? ABSENT_LIFE_US : ENTRY_LIFE_US);
	entry->cache.cost_bytes = sizeof(*entry) + entry->arena.held_bytes;
	*out = entry;
	return STATUS_OK;
}

/* Of the block's row: the same block is another one in another organisation, and of another user,
 * whatever name they were asked for by. All of its hash goes in, under the seed: who writes a
 * profile can make blocks whose hashes begin alike, and a receipt would name one that was never
 * stored. */
static uint64_t
stored_mark(const struct uuid *org_id, const struct context_entry *entry)
{
	struct {
		struct uuid org_id, user_id;
		uint8_t hash[BLOCK_HASH_BYTES];
	} row = {.org_id = *org_id, .user_id = entry->user_id};

	memcpy(row.hash, entry->block.hash, sizeof(row.hash));
	return hash_bytes(slice_of(&row, sizeof(row)), rand_hash_seed());
}

static _Atomic uint64_t *
stored_set(struct context_memory *memory, uint64_t mark)
{
	return &memory->stored[mark % (STORED_BLOCKS / STORED_WAYS) * STORED_WAYS];
}

static bool
stored_has(struct context_memory *memory, uint64_t mark)
{
	const _Atomic uint64_t *set = stored_set(memory, mark);

	for (size_t i = 0; i < STORED_WAYS; i++)
		if (atomic_load_explicit(&set[i], memory_order_relaxed) == mark)
			return true;
	return false;
}

/* In an empty place, or else in one that the mark itself names. emptyings: before it was stored;
 * another server than the one that has it may have been met since. */
static void
stored_add(struct context_memory *memory, uint64_t mark, uint64_t emptyings)
{
	_Atomic uint64_t *set = stored_set(memory, mark);
	uint64_t expected = mark;
	size_t at = 0;

	while (at < STORED_WAYS && atomic_load(&set[at]) != 0)
		at++;
	if (at == STORED_WAYS)
		at = (mark >> 32) % STORED_WAYS;
	atomic_store(&set[at], mark);
	if (atomic_load(&memory->emptyings) != emptyings)
		atomic_compare_exchange_strong(&set[at], &expected, 0);
}

/* Blocks that the database is not known to have, each once, in columns. */
struct storing {
	const struct uuid *org_id;
	uint64_t *marks;
	const struct context_entry **entries;
	struct uuid *user_ids;
	struct slice *hashes, *contents;
	uint8_t *room; /* for the contents of a part */
	size_t count;
};

static status
storing_init(
    struct storing *storing, struct arena *arena, const struct uuid *org_id, size_t count_max)
{
	*storing = (struct storing){
	    .org_id = org_id,
	    .marks = arena_alloc(arena, count_max * sizeof(*storing->marks)),
	    .entries = arena_alloc(arena, count_max * sizeof(struct context_entry *)),
	    .user_ids = arena_alloc(arena, count_max * sizeof(*storing->user_ids)),
	    .hashes = arena_alloc(arena, count_max * sizeof(*storing->hashes)),
	    .contents = arena_alloc(arena, count_max * sizeof(*storing->contents)),
	};
	return storing->marks && storing->entries && storing->user_ids && storing->hashes &&
		       storing->contents
		   ? STATUS_OK
		   : ARENA_EXHAUSTED;
}

static Usher__V1__ContextBlock
content_of(const struct context_entry *entry)
{
	Usher__V1__ContextBlock content = entry->whole;

	content.segments = (Usher__V1__ContextSegment **)entry->block.with_items_list;
	return content;
}

static void
storing_add(struct storing *storing, uint64_t mark, const struct context_entry *entry)
{
	const Usher__V1__ContextBlock content = content_of(entry);
	const size_t at = storing->count;

	for (size_t i = 0; i < at; i++)
		if (storing->marks[i] == mark)
			return;
	storing->marks[at] = mark;
	storing->entries[at] = entry;
	storing->user_ids[at] = entry->user_id;
	storing->hashes[at] = slice_of(entry->block.hash, BLOCK_HASH_BYTES);
	storing->contents[at].bytes = usher__v1__context_block__get_packed_size(&content);
	storing->count++;
}

/* All, or a part's worth, or a single one that is larger. */
static status
storing_make_room(struct storing *storing, struct arena *arena)
{
	size_t all = 0, largest = 0;

	for (size_t i = 0; i < storing->count; i++) {
		all += storing->contents[i].bytes;
		if (storing->contents[i].bytes > largest)
			largest = storing->contents[i].bytes;
	}
	if (all > STORE_BYTES_MAX)
		all = largest > STORE_BYTES_MAX ? largest : STORE_BYTES_MAX;
	storing->room = arena_alloc(arena, all);
	return storing->room ? STATUS_OK : ARENA_EXHAUSTED;
}

/* Pack what goes with the next statement, one at least. Returns where it ends. */
static size_t
storing_pack(struct storing *storing, size_t from)
{
	size_t bytes = 0, at = from;

	do {
		const Usher__V1__ContextBlock content = content_of(storing->entries[at]);

		storing->contents[at].data = storing->room + bytes;
		bytes += usher__v1__context_block__pack(&content, storing->room + bytes);
		at++;
	} while (at < storing->count && bytes + storing->contents[at].bytes <= STORE_BYTES_MAX);
	return at;
}

static status
storing_store(struct storing *storing, struct context_memory *memory, struct rpc_call *call)
{
	const uint64_t emptyings = atomic_load(&memory->emptyings);
	size_t end;

	if (storing->count == 0)
		return STATUS_OK;
	TRY(storing_make_room(storing, call->arena));
	rpc_before_wait(call);
	for (size_t at = 0; at < storing->count; at = end) {
		end = storing_pack(storing, at);
		TRY(STORE_QUERY(call->conn, STMT_CONTEXT_BLOCKS_STORE, NULL,
		    p_uuid(storing->org_id), p_blobs(storing->hashes + at, end - at),
		    p_uuids(storing->user_ids + at, end - at),
		    p_blobs(storing->contents + at, end - at)));
		for (size_t i = at; i < end && !store_in_transaction(call->conn); i++)
			stored_add(memory, storing->marks[i], emptyings);
	}
	return STATUS_OK;
}

/* What is in use has to be said anew each day. */
static void
turn_day(struct context_memory *memory)
{
	const int64_t today = clock_now_us(memory->clock) / DAY_US;
	int64_t day = atomic_load(&memory->day);

	if (day != today && atomic_compare_exchange_strong(&memory->day, &day, today))
		forget_marks(memory);
}

status
context_memory_store(struct context_memory *memory, struct rpc_call *call,
    const struct uuid *org_id, struct context_entry *const *entries, size_t count)
{
	struct storing storing;

	turn_day(memory);
	TRY(storing_init(&storing, call->arena, org_id, count));
	for (size_t i = 0; i < count; i++) {
		const uint64_t mark = stored_mark(org_id, entries[i]);

		assert(entries[i]->has_user);
		if (!entries[i]->is_stored && !stored_has(memory, mark))
			storing_add(&storing, mark, entries[i]);
	}
	TRY(storing_store(&storing, memory, call));
	for (size_t i = 0; i < count; i++)
		entries[i]->is_stored = true;
	return STATUS_OK;
}

static status
read_rows(struct rpc_call *call, const struct context_ask *asks, size_t count, struct rows *rows)
{
	struct uuid *ids = arena_alloc(call->arena, 2 * count * sizeof(*ids));
	struct slice *names = arena_alloc(call->arena, 2 * count * sizeof(*names));

	if (!ids || !names)
		return ARENA_EXHAUSTED;
	struct uuid *chatbot_ids = ids + count;
	struct slice *aliases = names + count;
	for (size_t i = 0; i < count; i++) {
		const struct context_ask *ask = &asks[i];

		assert(uuid_equals(&ask->org_id, &asks[0].org_id));
		if (ask->external_id)
			names[i] = slice_text(ask->external_id);
		else
			ids[i] = ask->user_id;
		if (ask->has_chatbot && ask->chatbot_alias)
			aliases[i] = slice_text(ask->chatbot_alias);
		else if (ask->has_chatbot)
			chatbot_ids[i] = ask->chatbot_id;
	}
	rpc_before_wait(call);
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_PARENTS, rows, p_uuid(&asks[0].org_id),
	    p_uuids(chatbot_ids, count), p_texts(aliases, count), p_uuids(ids, count),
	    p_texts(names, count)));
	assert(rows->count == (int)count);
	return STATUS_OK;
}

status
context_memory_read(struct context_memory *memory, struct rpc_call *call,
    const struct context_ask *asks, size_t count, struct context_entry **entries)
{
	uint64_t generation = cache_generation(memory->cache);
	ROWS_AUTO rows = {0};
	status first = STATUS_OK;

	memset(entries, 0, count * sizeof(struct context_entry *));
	TRY(read_rows(call, asks, count, &rows));
	for (size_t i = 0; i < count; i++) {
		status st = make_entry(memory, call, &asks[i], &rows, (int)i, &entries[i]);

		if (st.code == ST_OK)
			entries[i]->generation = generation;
		else if (first.code == ST_OK)
			first = st;
	}
	return first;
}

void
context_memory_remember(
    struct context_memory *memory, const struct rpc_call *call, struct context_entry *entry)
{
	/* What a transaction of ours sees may never be committed. */
	if (entry->cache.key.bytes > 0 && !store_in_transaction(call->conn))
		cache_insert(memory->cache, &entry->cache, entry->generation);
}

bool
context_entry_answers(const struct context_entry *entry, const struct context_ask *ask)
{
	uint8_t room[KEY_BYTES_MAX];
	struct slice key = make_key(ask, room);

	return key.bytes > 0 && slice_equals(entry->cache.key, key);
}
