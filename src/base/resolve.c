#include "base/resolve.h"

#include "base/aside.h"

#include <stdlib.h>
#include <string.h>

struct question {
	char *host;
	char port[8];
	int error; /* EAI_... */
	struct addrinfo *found;
};

static void
question_free(void *work)
{
	struct question *question = work;

	if (question->found)
		freeaddrinfo(question->found);
	free(question->host);
	free(question);
}

static int
look(const char *host, const char *port, int flags, struct addrinfo **out)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV | flags};

	return getaddrinfo(*host ? host : NULL, port, &hints, out);
}

static void
ask(void *work)
{
	struct question *question = work;

	question->error = look(question->host, question->port, 0, &question->found);
	if (question->error != 0)
		question->found = NULL;
}

static struct question *
question_new(const char *host, const char *port)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return NULL;
	question->host = strdup(host);
	if (!question->host || strlen(port) >= sizeof(question->port)) {
		question_free(question);
		return NULL;
	}
	memcpy(question->port, port, strlen(port) + 1);
	return question;
}

/* EAI_AGAIN when nobody answers in time. */
static int
wait_for_answer(struct aside **asking, struct addrinfo **out)
{
	int error = EAI_AGAIN;

	if (aside_wait(*asking, RESOLVE_US)) {
		struct question *question = aside_work(*asking);

		error = question->error;
		if (error == 0) {
			*out = question->found;
			question->found = NULL;
		}
	}
	aside_leave(asking);
	return error;
}

static status
outcome(int error)
{
	switch (error) {
	case 0:
		return STATUS_OK;
	case EAI_AGAIN:
	case EAI_SYSTEM:
		return REFUSE_FOR(ST_UNAVAILABLE, "NAMES_AWAY",
		    "the name can't be looked up: no name server answers; an address needs none");
	case EAI_MEMORY:
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory to look a name up");
	default:
		return REFUSE(ST_INVALID_ARGUMENT, "there is no host of that name");
	}
}

status
resolve_to_listen(const char *host, const char *port, struct addrinfo **out)
{
	static const struct aside_call call = {.run = ask, .discard = question_free};
	struct question *question;
	struct aside *asking;

	/* An address is nobody's to answer for. */
	if (look(host, port, AI_NUMERICHOST, out) == 0)
		return STATUS_OK;
	question = question_new(host, port);
	if (!question || aside_start(&call, question, &asking).code != ST_OK)
		return outcome(EAI_MEMORY);
	return outcome(wait_for_answer(&asking, out));
}
