/* block.h - the context block: what goes into the prompt, in segments of a fixed order.
 *
 * A pure function of its parents: the same parents give the same bytes, on every node, in every
 * call, so that providers' prompt caches stay warm. No clock, no ranks, no random order.
 *
 * Form. "instructions" is the chatbot's text as it is. Every other segment is a heading line
 * ("# Profile") and an item a line, "label: text". A line break inside a text (of any kind that
 * Unicode knows) becomes a line feed and two blanks, other control characters become U+FFFD, so
 * what users write can't begin a line: it can fake neither an item nor a heading. Inside JSON both
 * become escapes, so that it stays JSON.
 *
 *     # Profile
 *     company: Acme
 *     about: First line,
 *       second line.
 *     preferences: {"tone": "brief"}
 *
 * Tokens are estimated: a quarter token a byte of ASCII, rounded up, and one for each character
 * beyond. That errs high for Western languages and is near enough for others.
 *
 * Budget. Three quarters of token_budget are for the stable segments, whatever the rest needs, so
 * that a long message doesn't change the prefix; what they leave goes to the new message, then to
 * history, the newest turns first. An item is in whole or left out and reported; a heading is paid
 * by its first item.
 *
 * Lifetime: a block and what is packed from it borrow their parents' texts and the arena's.
 * Threads: a built block is read-only. */
#ifndef USHER_SVC_CONTEXT_BLOCK_H
#define USHER_SVC_CONTEXT_BLOCK_H

#include "base/arena.h"
#include "base/str.h"
#include "gen/pb/usher/v1/context.pb-c.h"

#define BLOCK_ETAG_TEXT_BYTES 33 /* 128 bits in hex, with NUL */
#define BLOCK_HASH_BYTES 32

/* In the order of the prompt. */
enum block_section {
	BLOCK_INSTRUCTIONS,
	BLOCK_USER,
	BLOCK_PROFILE,
	BLOCK_HISTORY,
	BLOCK_MESSAGE,
	BLOCK_SECTIONS
};
#define BLOCK_STABLE_SECTIONS 3

struct block_text {
	const char *text; /* "" or NULL: there is none */
	Usher__V1__Trust trust;
};

struct block_parents {
	struct block_text instructions;
	struct block_text display_name, locale, time_zone;
	struct block_text company, role, about;
	struct block_text preferences, profile_data; /* jsonb's own text; "{}" counts as none */
};

struct block_item {
	const char *name;  /* "profile.company" */
	const char *label; /* "company"; NULL: the text stands alone */
	struct block_text value;
	bool is_json;
	int32_t tokens; /* of its line */
};

struct block_items {
	struct block_item *items;
	size_t count;
};

/* A conversation's turn, as history shows it. */
struct block_turn {
	int64_t seq;
	Usher__V1__TurnRole role;
	const char *text;
};

/* What a block's etag is made of, for each segment: its name and its etag. */
#define BLOCK_ETAGS_BYTES(segments) ((segments) * (BLOCK_ETAG_TEXT_BYTES + 16))

/* The stable segments, rendered in full. What every call reads stands together at the beginning. */
struct block {
	/* Names this version: of what is rendered, and of each item's name, text and trust, since
	 * texts that differ may be rendered alike ("a\nb", "a\r\nb"). */
	uint8_t hash[BLOCK_HASH_BYTES];
	/* Those that have items, ready to be packed. */
	Usher__V1__ContextSegment *segment_list[BLOCK_STABLE_SECTIONS];
	size_t segments_count;
	int32_t tokens;        /* of the segments */
	int32_t tokens_wanted; /* by the rule of the budget: never less */
	size_t etags_bytes;
	char etags[BLOCK_ETAGS_BYTES(BLOCK_STABLE_SECTIONS)];

	char etag[BLOCK_ETAG_TEXT_BYTES];
	struct block_items sections[BLOCK_STABLE_SECTIONS];
	Usher__V1__ContextSegment segments[BLOCK_STABLE_SECTIONS];
	Usher__V1__ContextSegment with_items[BLOCK_STABLE_SECTIONS];
	Usher__V1__ContextSegment *with_items_list[BLOCK_STABLE_SECTIONS];
};

/* What a call adds to the block, and what it wants of it. */
struct block_ask {
	const struct block_turn *turns; /* oldest first; NULL: no history */
	size_t turns_count;
	const char *message;  /* "": none */
	int32_t token_budget; /* 0: no limit */
	char *const *have_etags;
	size_t have_etags_count;
	bool with_items;
};

/* Errors: RESOURCE_EXHAUSTED (arena). */
MUST_USE status block_build(
    struct arena *arena, const struct block_parents *parents, struct block *out);

/* The block of one call. *out is initialised; it borrows block.
 * Errors: RESOURCE_EXHAUSTED (arena). */
MUST_USE status block_pack(struct arena *arena, const struct block *block,
    const struct block_ask *ask, Usher__V1__ContextBlock *out);

/* The estimate of a text. */
int32_t block_tokens(struct slice text);

#endif
