#include "base/resolve.h"

#include "base/wait.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Shared with its thread; the last of the two frees it. */
struct question {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_ended, is_abandoned;
	int error; /* EAI_... */
	struct addrinfo *found;
	char *host;
	char port[8];
};

static void
question_free(struct question *question)
{
	if (question->found)
		freeaddrinfo(question->found);
	(void)pthread_cond_destroy(&question->changed);
	(void)pthread_mutex_destroy(&question->lock);
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

static void *
ask(void *arg)
{
	struct question *question = arg;
	struct addrinfo *found = NULL;
	const int error = look(question->host, question->port, 0, &found);

	(void)pthread_mutex_lock(&question->lock);
	question->error = error;
	question->found = error == 0 ? found : NULL;
	question->has_ended = true;
	const bool is_abandoned = question->is_abandoned;
	(void)pthread_cond_signal(&question->changed);
	(void)pthread_mutex_unlock(&question->lock);
	if (is_abandoned)
		question_free(question);
	return NULL;
}

static struct question *
question_new(const char *host, const char *port)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return NULL;
	question->host = strdup(host);
	if (!question->host || strlen(port) >= sizeof(question->port)) {
		free(question->host);
		free(question);
		return NULL;
	}
	memcpy(question->port, port, strlen(port) + 1);
	(void)pthread_mutex_init(&question->lock, NULL);
	wait_cond_init(&question->changed);
	return question;
}

/* EAI_AGAIN when nobody answers in time. The question is freed, or left to its thread. */
static int
question_wait(struct question *question, struct addrinfo **out)
{
	struct timespec until;

	wait_deadline(RESOLVE_US, &until);
	(void)pthread_mutex_lock(&question->lock);
	while (!question->has_ended)
		if (pthread_cond_timedwait(&question->changed, &question->lock, &until) ==
		    ETIMEDOUT)
			break;
	const bool has_ended = question->has_ended;
	const int error = has_ended ? question->error : EAI_AGAIN;
	question->is_abandoned = !has_ended;
	if (has_ended && error == 0) {
		*out = question->found;
		question->found = NULL;
	}
	(void)pthread_mutex_unlock(&question->lock);
	if (has_ended)
		question_free(question);
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
	struct question *question;
	pthread_t thread;

	/* An address is nobody's to answer for. */
	if (look(host, port, AI_NUMERICHOST, out) == 0)
		return STATUS_OK;
	question = question_new(host, port);
	if (!question)
		return outcome(EAI_MEMORY);
	if (pthread_create(&thread, NULL, ask, question) != 0) {
		question_free(question);
		return outcome(EAI_MEMORY);
	}
	(void)pthread_detach(thread);
	return outcome(question_wait(question, out));
}
