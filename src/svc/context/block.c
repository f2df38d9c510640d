#include "svc/context/block.h"

#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

#define STABLE_SHARE_NUM 3
#define STABLE_SHARE_DEN 4
#define ETAG_BYTES 16

/* What each section looks like. */
static const struct {
	const char *name, *heading;
	Usher__V1__Stability stability;
} sections[BLOCK_SECTIONS] = {
    [BLOCK_INSTRUCTIONS] = {"instructions", NULL, USHER__V1__STABILITY__STABILITY_STABLE},
    [BLOCK_USER] = {"user", "# User\n", USHER__V1__STABILITY__STABILITY_STABLE},
    [BLOCK_PROFILE] = {"profile", "# Profile\n", USHER__V1__STABILITY__STABILITY_STABLE},
    [BLOCK_HISTORY] = {"history", "# Conversation\n", USHER__V1__STABILITY__STABILITY_SESSION},
    [BLOCK_MESSAGE] = {"message", "# Message\n", USHER__V1__STABILITY__STABILITY_VOLATILE},
};

int32_t
block_tokens(struct slice text)
{
	size_t ascii = 0, beyond = 0;

	for (size_t i = 0; i < text.bytes; i++) {
		ascii += text.data[i] < 0x80;
		beyond += text.data[i] >= 0xc0;
	}
	return (int32_t)((ascii + 3) / 4 + beyond);
}

/* Bytes at text that break a line: LF, VT, FF, CR, CR LF, NEL, LS, PS. 0: none. */
static size_t
line_break_bytes(const uint8_t *text)
{
	if (text[0] == '\r')
		return text[1] == '\n' ? 2 : 1;
	if (text[0] >= '\n' && text[0] <= '\f')
		return 1;
	if (text[0] == 0xc2 && text[1] == 0x85)
		return 2;
	if (text[0] == 0xe2 && text[1] == 0x80 && (text[2] == 0xa8 || text[2] == 0xa9))
		return 3;
	return 0;
}

/* Control characters that break no line: C0 but for the tab, DEL, C1. */
static size_t
control_bytes(const uint8_t *text)
{
	if ((text[0] < 0x20 && text[0] != '\t') || text[0] == 0x7f)
		return 1;
	return text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

#define ESCAPE_BYTES sizeof("\\u2028")

/* The character that takes so many bytes, as JSON may have it inside a string. */
static const char *
escape_for_json(const uint8_t *character, size_t bytes, char out[ESCAPE_BYTES])
{
	unsigned code = bytes == 1 ? character[0] : character[0] & (bytes == 2 ? 0x1f : 0x0f);

	for (size_t i = 1; i < bytes; i++)
		code = code << 6 | (character[i] & 0x3f);
	snprintf(out, ESCAPE_BYTES, "\\u%04x", code & 0xffff);
	return out;
}

/* A text that users may have written, so that it stays inside its item. Returns how many bytes that
 * takes; out NULL: nothing is written. */
static size_t
write_inside(const struct block_item *item, char *out)
{
	const uint8_t *in = (const uint8_t *)item->value.text;
	char escape[ESCAPE_BYTES];
	size_t at = 0;

	while (*in) {
		const char *instead = NULL;
		size_t skip = 0;

		if (*in >= 0x20 && *in < 0x7f)
			skip = 0;
		else if ((skip = line_break_bytes(in)) > 0)
			instead = "\n  ";
		else if ((skip = control_bytes(in)) > 0)
			instead = "\xef\xbf\xbd";
		if (!instead) {
			if (out)
				out[at] = (char)*in;
			at++;
			in++;
			continue;
		}
		if (item->is_json)
			instead = escape_for_json(in, skip, escape);
		if (out)
			memcpy(out + at, instead, strlen(instead));
		at += strlen(instead);
		in += skip;
	}
	return at;
}

static size_t
item_bytes_max(const struct block_item *item)
{
	return item->label ? strlen(item->label) + strlen(": \n") + write_inside(item, NULL)
			   : strlen(item->value.text) + 1;
}

static size_t
write_item(const struct block_item *item, char *out)
{
	size_t at;

	if (!item->label) {
		at = strlen(item->value.text);
		memcpy(out, item->value.text, at);
		/* The next segment begins on a line of its own. */
		if (at == 0 || out[at - 1] != '\n')
			out[at++] = '\n';
		return at;
	}
	at = strlen(item->label);
	memcpy(out, item->label, at);
	memcpy(out + at, ": ", 2);
	at += 2;
	at += write_inside(item, out + at);
	out[at++] = '\n';
	return at;
}

static void
make_etag(struct slice data, char out[BLOCK_ETAG_TEXT_BYTES])
{
	struct crypt_digest digest;

	crypt_digest(data, &digest);
	hex_encode(slice_of(digest.bytes, ETAG_BYTES), out);
}

/* Render the items that are wanted (in NULL: all) into a segment; items' tokens are set. */
static status
render(struct arena *arena, enum block_section section, struct block_items *items, const bool *in,
    Usher__V1__ContextSegment *out)
{
	const char *heading = sections[section].heading;
	size_t room = (heading ? strlen(heading) : 0) + 1, at = 0;
	char *text, *etag;

	for (size_t i = 0; i < items->count; i++)
		room += !in || in[i] ? item_bytes_max(&items->items[i]) : 0;
	text = arena_alloc(arena, room);
	etag = arena_alloc(arena, BLOCK_ETAG_TEXT_BYTES);
	if (!text || !etag)
		return ARENA_EXHAUSTED;
	if (heading) {
		at = strlen(heading);
		memcpy(text, heading, at);
	}
	for (size_t i = 0; i < items->count; i++) {
		struct block_item *item = &items->items[i];
		size_t bytes;

		if (in && !in[i])
			continue;
		bytes = write_item(item, text + at);
		item->tokens = block_tokens(slice_of(text + at, bytes));
		at += bytes;
	}
	usher__v1__context_segment__init(out);
	make_etag(slice_of(text, at), etag);
	out->name = (char *)sections[section].name;
	out->stability = sections[section].stability;
	out->etag = etag;
	out->text = text;
	out->tokens = block_tokens(slice_of(text, at));
	out->tokens_estimated = true;
	return STATUS_OK;
}

static status
add_items(struct arena *arena, const struct block_items *items, const bool *in,
    Usher__V1__ContextSegment *out)
{
	Usher__V1__ContextItem *room = arena_alloc(arena, items->count * sizeof(*room));

	out->items = arena_alloc(arena, items->count * sizeof(*out->items));
	if (!room || !out->items)
		return ARENA_EXHAUSTED;
	out->n_items = 0;
	for (size_t i = 0; i < items->count; i++) {
		Usher__V1__ContextItem *item = &room[i];

		if (in && !in[i])
			continue;
		usher__v1__context_item__init(item);
		item->name = (char *)items->items[i].name;
		item->text = (char *)items->items[i].value.text;
		item->trust = items->items[i].value.trust;
		out->items[out->n_items++] = item;
	}
	return STATUS_OK;
}

#define STABLE_ITEMS_MAX 5

static void
add_item(
    struct block_items *items, const char *name, const char *label, const struct block_text *value)
{
	if (value->text && *value->text)
		items->items[items->count++] =
		    (struct block_item){.name = name, .label = label, .value = *value};
}

static void
add_json(
    struct block_items *items, const char *name, const char *label, const struct block_text *value)
{
	size_t before = items->count;

	if (value->text && strcmp(value->text, "{}") != 0)
		add_item(items, name, label, value);
	if (items->count > before)
		items->items[before].is_json = true;
}

static void
list_items(const struct block_parents *parents, struct block *block)
{
	struct block_items *instructions = &block->sections[BLOCK_INSTRUCTIONS];
	struct block_items *user = &block->sections[BLOCK_USER];
	struct block_items *profile = &block->sections[BLOCK_PROFILE];

	add_item(instructions, "instructions", NULL, &parents->instructions);
	add_item(user, "user.display_name", "display_name", &parents->display_name);
	add_item(user, "user.locale", "locale", &parents->locale);
	add_item(user, "user.time_zone", "time_zone", &parents->time_zone);
	add_item(profile, "profile.company", "company", &parents->company);
	add_item(profile, "profile.role", "role", &parents->role);
	add_item(profile, "profile.about", "about", &parents->about);
	add_json(profile, "profile.preferences", "preferences", &parents->preferences);
	add_json(profile, "profile.profile_data", "profile_data", &parents->profile_data);
}

static int32_t
heading_tokens(enum block_section section)
{
	return block_tokens(slice_text(sections[section].heading));
}

/* What stands there as itself when the block is stored: items that render alike are not the same.
 */
static void
add_item_to_hash(struct strbuf *bytes, const Usher__V1__ContextItem *item)
{
	struct crypt_digest text;

	crypt_digest(slice_text(item->text), &text);
	strbuf_add_char(bytes, (char)('0' + item->trust));
	strbuf_add_text(bytes, item->name);
	strbuf_add_char(bytes, '=');
	/* As long for each text, so that no two lists of items give the same bytes. */
	strbuf_add(bytes, text.bytes, sizeof(text.bytes));
}

/* Segments as they are rendered, and their items: name, text and who stands behind it. */
static status
make_hash(struct block *block)
{
	struct strbuf bytes;
	struct crypt_digest digest;
	status st;

	strbuf_init(&bytes, 4096);
	for (size_t i = 0; i < block->segments_count; i++) {
		const Usher__V1__ContextSegment *segment = block->with_items_list[i];

		strbuf_add_text(&bytes, segment->name);
		strbuf_add_char(&bytes, '=');
		strbuf_add_text(&bytes, segment->etag);
		for (size_t j = 0; j < segment->n_items; j++)
			add_item_to_hash(&bytes, segment->items[j]);
		strbuf_add_char(&bytes, '\n');
	}
	st = strbuf_status(&bytes);
	if (st.code == ST_OK) {
		crypt_digest(slice_of(bytes.data, bytes.bytes), &digest);
		memcpy(block->hash, digest.bytes, sizeof(block->hash));
	}
	strbuf_done(&bytes);
	return st;
}

/* Segments' names and etags, in their order: of these a block's etag is made. */
static size_t
write_etags(Usher__V1__ContextSegment *const *segments, size_t count, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		char *end = stpcpy(out + at, segments[i]->name);

		*end++ = '=';
		end = stpcpy(end, segments[i]->etag);
		*end++ = '\n';
		at = (size_t)(end - out);
	}
	return at;
}

status
block_build(struct arena *arena, const struct block_parents *parents, struct block *out)
{
	*out = (struct block){0};
	for (size_t i = 0; i < BLOCK_STABLE_SECTIONS; i++) {
		out->sections[i].items =
		    arena_alloc(arena, STABLE_ITEMS_MAX * sizeof(*out->sections[i].items));
		if (!out->sections[i].items)
			return ARENA_EXHAUSTED;
	}
	list_items(parents, out);
	for (enum block_section s = 0; s < BLOCK_STABLE_SECTIONS; s++) {
		struct block_items *items = &out->sections[s];
		Usher__V1__ContextSegment *segment = &out->segments[s];

		if (items->count == 0)
			continue;
		TRY(render(arena, s, items, NULL, segment));
		out->with_items[s] = *segment;
		TRY(add_items(arena, items, NULL, &out->with_items[s]));
		out->segment_list[out->segments_count] = segment;
		out->with_items_list[out->segments_count++] = &out->with_items[s];
		out->tokens += segment->tokens;
		out->tokens_wanted += heading_tokens(s);
		for (size_t i = 0; i < items->count; i++)
			out->tokens_wanted += items->items[i].tokens;
	}
	out->etags_bytes = write_etags(out->segment_list, out->segments_count, out->etags);
	make_etag(slice_of(out->etags, out->etags_bytes), out->etag);
	return make_hash(out);
}

/* One call's packing. */
struct pack {
	struct arena *arena;
	const struct block *block;
	const struct block_ask *ask;
	Usher__V1__ContextBlock *out;
	size_t omitted_max;
	int64_t left;   /* tokens */
	bool has_whole; /* all stable segments, none cut */
};

static status
omit(struct pack *pack, enum block_section section, const struct block_item *item)
{
	Usher__V1__ContextBlock *out = pack->out;
	Usher__V1__Omission *omission = arena_alloc(pack->arena, sizeof(*omission));

	if (!omission)
		return ARENA_EXHAUSTED;
	if (out->n_omitted == pack->omitted_max) {
		size_t room = pack->omitted_max ? pack->omitted_max * 2 : 16;
		Usher__V1__Omission **list = arena_alloc(pack->arena, room * sizeof(*list));

		if (!list)
			return ARENA_EXHAUSTED;
		if (out->n_omitted)
			memcpy(list, out->omitted, out->n_omitted * sizeof(*list));
		out->omitted = list;
		pack->omitted_max = room;
	}
	usher__v1__omission__init(omission);
	omission->segment = (char *)sections[section].name;
	omission->name = (char *)item->name;
	omission->tokens = item->tokens;
	out->omitted[out->n_omitted++] = omission;
	return STATUS_OK;
}

/* Does the caller have this text already? Then it stays away. */
static status
strip_if_known(struct pack *pack, Usher__V1__ContextSegment **segment)
{
	for (size_t i = 0; i < pack->ask->have_etags_count; i++) {
		Usher__V1__ContextSegment *bare;

		if (strcmp(pack->ask->have_etags[i], (*segment)->etag) != 0)
			continue;
		bare = arena_alloc(pack->arena, sizeof(*bare));
		if (!bare)
			return ARENA_EXHAUSTED;
		*bare = **segment;
		bare->text = (char *)"";
		bare->items = NULL;
		bare->n_items = 0;
		bare->unchanged = true;
		*segment = bare;
		return STATUS_OK;
	}
	return STATUS_OK;
}

static status
add_segment(struct pack *pack, Usher__V1__ContextSegment *segment)
{
	pack->out->tokens += segment->tokens;
	TRY(strip_if_known(pack, &segment));
	pack->out->segments[pack->out->n_segments++] = segment;
	return STATUS_OK;
}

/* Mark what fits, from the first item or (from_last) from the last one back to where there is no
 * room any more: a history has no holes. */
static status
choose(struct pack *pack, enum block_section section, const struct block_items *items,
    bool from_last, bool *in, size_t *count)
{
	int64_t heading = sections[section].heading ? heading_tokens(section) : 0;
	bool full = false;

	*count = 0;
	for (size_t i = 0; i < items->count; i++) {
		size_t at = from_last ? items->count - 1 - i : i;
		int64_t cost = items->items[at].tokens + (*count == 0 ? heading : 0);

		in[at] = !full && cost <= pack->left;
		if (in[at]) {
			pack->left -= cost;
			++*count;
		} else {
			full = from_last;
			TRY(omit(pack, section, &items->items[at]));
		}
	}
	return STATUS_OK;
}

/* A section of which not all may fit. */
static status
pack_section(struct pack *pack, enum block_section section, struct block_items *items,
    bool from_last, Usher__V1__ContextSegment **out)
{
	bool *in = arena_alloc(pack->arena, items->count * sizeof(*in));
	Usher__V1__ContextSegment *segment = arena_alloc(pack->arena, sizeof(*segment));
	size_t count = 0;

	*out = NULL;
	if (!in || !segment)
		return ARENA_EXHAUSTED;
	TRY(choose(pack, section, items, from_last, in, &count));
	if (count == 0)
		return STATUS_OK;
	TRY(render(pack->arena, section, items, in, segment));
	if (pack->ask->with_items)
		TRY(add_items(pack->arena, items, in, segment));
	*out = segment;
	return STATUS_OK;
}

static status
copy_items(struct pack *pack, const struct block_items *from, struct block_items *out)
{
	out->items = arena_alloc(pack->arena, from->count * sizeof(*out->items));
	if (!out->items)
		return ARENA_EXHAUSTED;
	if (from->count)
		memcpy(out->items, from->items, from->count * sizeof(*out->items));
	out->count = from->count;
	return STATUS_OK;
}

static status
add_whole(struct pack *pack)
{
	const struct block *block = pack->block;
	const bool with_items = pack->ask->with_items;
	Usher__V1__ContextBlock *out = pack->out;

	if (with_items || pack->ask->have_etags_count > 0) {
		for (size_t i = 0; i < block->segments_count; i++)
			TRY(add_segment(
			    pack, with_items ? block->with_items_list[i] : block->segment_list[i]));
		return STATUS_OK;
	}
	/* No look at the segments themselves: in a large memory they are cold. */
	memcpy(out->segments, block->segment_list, block->segments_count * sizeof(*out->segments));
	out->n_segments = block->segments_count;
	out->tokens = block->tokens;
	return STATUS_OK;
}

static status
pack_stable(struct pack *pack)
{
	const struct block *block = pack->block;
	int32_t budget = pack->ask->token_budget;
	int64_t share = (int64_t)budget * STABLE_SHARE_NUM / STABLE_SHARE_DEN;

	if (budget == 0 || block->tokens_wanted <= share) {
		pack->has_whole = true;
		pack->left = budget == 0 ? INT64_MAX : budget - block->tokens_wanted;
		return add_whole(pack);
	}
	pack->left = share;
	for (enum block_section s = 0; s < BLOCK_STABLE_SECTIONS; s++) {
		Usher__V1__ContextSegment *segment;
		struct block_items items;

		TRY(copy_items(pack, &block->sections[s], &items));
		TRY(pack_section(pack, s, &items, false, &segment));
		if (segment)
			TRY(add_segment(pack, segment));
	}
	pack->left += budget - share;
	return STATUS_OK;
}

static const char *
role_label(Usher__V1__TurnRole role)
{
	switch (role) {
	case USHER__V1__TURN_ROLE__TURN_ROLE_ASSISTANT:
		return "assistant";
	case USHER__V1__TURN_ROLE__TURN_ROLE_TOOL:
		return "tool";
	case USHER__V1__TURN_ROLE__TURN_ROLE_SYSTEM:
		return "system";
	default:
		return "user";
	}
}

static int32_t
line_tokens(struct pack *pack, const struct block_item *item, status *st)
{
	char *line = arena_alloc(pack->arena, item_bytes_max(item));

	if (!line) {
		*st = ARENA_EXHAUSTED;
		return 0;
	}
	return block_tokens(slice_of(line, write_item(item, line)));
}

static status
pack_history(struct pack *pack, Usher__V1__ContextSegment **out)
{
	const struct block_ask *ask = pack->ask;
	struct block_items items = {.count = ask->turns_count};
	status st = STATUS_OK;

	items.items = arena_alloc(pack->arena, items.count * sizeof(*items.items));
	if (!items.items)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < items.count; i++) {
		const struct block_turn *turn = &ask->turns[i];
		char *name = arena_format(pack->arena, "turn.%lld", (long long)turn->seq);

		if (!name)
			return ARENA_EXHAUSTED;
		/* The role is the caller's word; the text may be anybody's. */
		items.items[i] = (struct block_item){.name = name,
		    .label = role_label(turn->role),
		    .value = {turn->text, turn->role == USHER__V1__TURN_ROLE__TURN_ROLE_USER
					      ? USHER__V1__TRUST__TRUST_USER_WRITTEN
					      : USHER__V1__TRUST__TRUST_ASSERTED}};
		items.items[i].tokens = line_tokens(pack, &items.items[i], &st);
		TRY(st);
	}
	return pack_section(pack, BLOCK_HISTORY, &items, true, out);
}

static status
pack_message(struct pack *pack, Usher__V1__ContextSegment **out)
{
	struct block_item item = {.name = "message",
	    .label = "user",
	    .value = {pack->ask->message, USHER__V1__TRUST__TRUST_USER_WRITTEN}};
	struct block_items items = {&item, 1};
	status st = STATUS_OK;

	/* Without a budget it is in, whatever it takes, and rendering it says how much that is. */
	if (pack->ask->token_budget > 0)
		item.tokens = line_tokens(pack, &item, &st);
	TRY(st);
	return pack_section(pack, BLOCK_MESSAGE, &items, false, out);
}

static void
make_pack_etag(const struct pack *pack)
{
	const Usher__V1__ContextBlock *out = pack->out;
	char etags[BLOCK_ETAGS_BYTES(BLOCK_SECTIONS)];
	size_t bytes = 0, known = 0;

	if (pack->has_whole) {
		known = pack->block->segments_count;
		bytes = pack->block->etags_bytes;
		memcpy(etags, pack->block->etags, bytes);
	}
	bytes += write_etags(out->segments + known, out->n_segments - known, etags + bytes);
	make_etag(slice_of(etags, bytes), out->etag);
}

status
block_pack(struct arena *arena, const struct block *block, const struct block_ask *ask,
    Usher__V1__ContextBlock *out)
{
	struct pack pack = {.arena = arena, .block = block, .ask = ask, .out = out};
	Usher__V1__ContextSegment *history = NULL, *message = NULL;

	out->segments = arena_alloc(arena, BLOCK_SECTIONS * sizeof(*out->segments));
	out->etag = arena_alloc(arena, BLOCK_ETAG_TEXT_BYTES);
	if (!out->segments || !out->etag)
		return ARENA_EXHAUSTED;
	TRY(pack_stable(&pack));
	/* The new message has its room before history, and its place behind it. */
	if (ask->message && *ask->message)
		TRY(pack_message(&pack, &message));
	if (ask->turns_count > 0)
		TRY(pack_history(&pack, &history));
	if (history)
		TRY(add_segment(&pack, history));
	if (message)
		TRY(add_segment(&pack, message));
	if (pack.has_whole && !history && !message)
		memcpy(out->etag, block->etag, sizeof(block->etag));
	else
		make_pack_etag(&pack);
	return STATUS_OK;
}
