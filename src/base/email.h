/* email.h - which e-mail addresses an account and a mail may have, and how two are compared.
 * Threads: any. Source: RFC 5321, RFC 5322. */
#ifndef USHER_BASE_EMAIL_H
#define USHER_BASE_EMAIL_H

#include <stdbool.h>

/* local@domain in ASCII: a dot-atom of at most 64 bytes, and a domain of two labels or more (no
 * quoted local parts, no address literals); EMAIL_BYTES_MAX together. */
bool email_is_good(const char *text);
/* May a mail's header carry it between < and >? More than the above: "usher@localhost". */
bool email_is_bare(const char *text);
/* Case-folded, in place: accounts are compared by that. */
void email_fold(char *text);

#endif
