/* talk.h - HTTP as a test speaks it: a request's bytes out, a reply's bytes in. Nothing is made
 * proper on the way. Each failure of the socket fails the test. Blocks, 10 s at most. */
#ifndef USHER_TESTS_LIB_TALK_H
#define USHER_TESTS_LIB_TALK_H

#include "base/str.h"

#include <stdint.h>

struct talk_reply {
	int http_status;  /* 0: the connection was closed without a word */
	const char *head; /* status line and headers */
	const char *body;
	size_t body_bytes;
	struct strbuf text; /* all of it */
};

int talk_dial(uint16_t port);
/* The other end may have closed already: what it said is seen in the reply. */
void talk_say(int fd, struct slice bytes);
/* Everything until the other end closes, which a request with "Connection: close" asks for. */
void talk_hear(int fd, struct talk_reply *out);
/* All three. The request needs its own Connection: close. */
void talk(uint16_t port, struct slice request, struct talk_reply *out);
void talk_reply_done(struct talk_reply *reply);

/* The header's value, until the end of its line, copied to out; NULL when it is not there. */
const char *talk_header(const struct talk_reply *reply, const char *name, char out[256]);

#endif
