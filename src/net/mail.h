/* mail.h - mail as RFC 5322 messages, into a folder.
 *
 * Blocks: on the disk. Threads: any. */
#ifndef USHER_NET_MAIL_H
#define USHER_NET_MAIL_H

#include "base/str.h"
#include "base/uuid.h"

#define MAIL_SUBJECT_BYTES_MAX 400
#define MAIL_TEXT_BYTES_MAX (64u << 10)

struct mail {
	struct uuid id; /* the outbox row's; becomes the Message-ID, so a repeat is known as one */
	const char *from;      /* a bare address: "usher@example.org" */
	const char *to;        /* a bare address */
	const char *subject;   /* UTF-8, one line */
	const char *text;      /* UTF-8; lines end in \n or \r\n */
	int64_t created_at_us; /* Date */
};

/* The whole message, lines ending in CRLF.
 * Errors: INVALID_ARGUMENT (an address that is none, a line break or control character where one
 * line belongs, not UTF-8, too long), RESOURCE_EXHAUSTED (out's limit). */
MUST_USE status mail_write(const struct mail *mail, struct strbuf *out);

/* Write it to directory as <created_at_us>-<id>.eml, mode 0600: whole or not at all, and on the
 * disk when this returns. Writing the same mail again replaces the file with the same. Errors: as
 * above; UNAVAILABLE (the folder can't be written to). */
MUST_USE status mail_deliver_to_folder(const struct mail *mail, const char *directory);

#endif
