/* mail_pack.h - a mail as bytes, for the outbox.
 *
 * What usher.mail_outbox.sealed holds: crypt_seal() of these bytes, with the key that
 * crypt_key_derive() makes from the master key and MAIL_SEAL_CONTEXT, bound to the row's id (its
 * UUID_BYTES). id and from are not in it: the first is the row's, the second a setting of whoever
 * sends it.
 * Threads: any. */
#ifndef USHER_NET_MAIL_PACK_H
#define USHER_NET_MAIL_PACK_H

#include "base/arena.h"
#include "net/mail.h"

#define MAIL_SEAL_CONTEXT "usher mail outbox"

/* Errors: RESOURCE_EXHAUSTED (out's limit). */
MUST_USE status mail_pack(const struct mail *mail, struct strbuf *out);
/* Sets to, subject, text (in the arena) and created_at_us; the rest of *out is untouched.
 * Errors: DATA_LOSS (not what mail_pack() makes), RESOURCE_EXHAUSTED (arena). */
MUST_USE status mail_unpack(struct slice packed, struct arena *arena, struct mail *out);

#endif
