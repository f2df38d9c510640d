#include "net/mail_pack.h"

#define PACK_VERSION 1
#define NUMBER_BYTES 8

/* Numbers are big-endian; a text has its length before it. */
static void
pack_number(struct strbuf *out, uint64_t number)
{
	uint8_t bytes[NUMBER_BYTES];

	for (size_t i = 0; i < NUMBER_BYTES; i++)
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	strbuf_add(out, bytes, sizeof(bytes));
}

static void
pack_text(struct strbuf *out, const char *text)
{
	pack_number(out, strlen(text));
	strbuf_add_text(out, text);
}

status
mail_pack(const struct mail *mail, struct strbuf *out)
{
	strbuf_add_char(out, PACK_VERSION);
	pack_number(out, (uint64_t)mail->created_at_us);
	pack_text(out, mail->to);
	pack_text(out, mail->subject);
	pack_text(out, mail->text);
	return strbuf_status(out);
}

static bool
unpack_number(struct slice *left, uint64_t *out)
{
	uint64_t number = 0;

	if (left->bytes < NUMBER_BYTES)
		return false;
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		number = number << 8 | left->data[i];
	*left = slice_of(left->data + NUMBER_BYTES, left->bytes - NUMBER_BYTES);
	*out = number;
	return true;
}

static bool
unpack_text(struct slice *left, struct slice *out)
{
	uint64_t bytes;

	if (!unpack_number(left, &bytes) || bytes > left->bytes)
		return false;
	*out = slice_of(left->data, (size_t)bytes);
	*left = slice_of(left->data + bytes, left->bytes - (size_t)bytes);
	return true;
}

status
mail_unpack(struct slice packed, struct arena *arena, struct mail *out)
{
	struct slice left = packed, to, subject, text;
	uint64_t created_at_us;
	char *to_copy, *subject_copy, *text_copy;

	if (left.bytes == 0 || left.data[0] != PACK_VERSION)
		return REFUSE(ST_DATA_LOSS, "a mail of the outbox is of an unknown form");
	left = slice_of(left.data + 1, left.bytes - 1);
	if (!unpack_number(&left, &created_at_us) || !unpack_text(&left, &to) ||
	    !unpack_text(&left, &subject) || !unpack_text(&left, &text) || left.bytes != 0)
		return REFUSE(ST_DATA_LOSS, "a mail of the outbox is damaged");
	to_copy = arena_copy(arena, to.data, to.bytes);
	subject_copy = arena_copy(arena, subject.data, subject.bytes);
	text_copy = arena_copy(arena, text.data, text.bytes);
	if (!to_copy || !subject_copy || !text_copy)
		return ARENA_EXHAUSTED;
	out->created_at_us = (int64_t)created_at_us;
	out->to = to_copy;
	out->subject = subject_copy;
	out->text = text_copy;
	return STATUS_OK;
}
