/* Contexts and their aios: receiving requests and sending replies.
 *
 * Some works stand ready to receive. One whose call goes to a lane or is parked leaves that circle
 * and another takes its place; so calls in lanes never keep the rest from being heard, and a server
 * that answers out of memory goes round in a few works that stay warm. */
#include "base/limits.h"
#include "base/log.h"
#include "client/shut.h"
#include "rpc/internal.h"

#include <stdlib.h>

/* Beyond this many calls of one pipe, its replies wait outside the circle: it may not be reading.
 */
#define PIPE_CALLS_READY 16
/* So many of the circle may wait for their replies to be taken: the others go on hearing. */
#define SENDS_HERE (RECEIVES_READY / 2)
/* While so many of those hear, nobody's connection is ended for the want of another. */
#define HEARING_LEAST (RECEIVES_READY / 4)
/* While nng has so many bytes of one pipe's replies it is handed no more of them. And so many
 * replies: when a pipe ends, nng completes all that it has for it under the lock of the whole
 * socket, and with thousands of them all others would wait. */
#define PIPE_SENDING_BYTES (1 << 20)
#define PIPE_SENDS_AT_ONCE 64
/* Replies that wait for slow readers, beyond all lanes. */
#define SENDING_ROOM 256

static void work_received(void *arg);
static void work_sent(void *arg);

static bool
work_init(struct rpc_server *server, struct work *work, uint32_t index)
{
	work->server = server;
	work->index = index;
	list_init(&work->list);
	if (nng_ctx_open(&work->ctx, server->socket) != 0)
		return false;
	if (nng_aio_alloc(&work->receive, work_received, work) != 0 ||
	    nng_aio_alloc(&work->send, work_sent, work) != 0) {
		nng_aio_free(work->receive);
		work->receive = NULL;
		(void)nng_ctx_close(work->ctx);
		return false;
	}
	nng_aio_set_timeout(work->receive, NNG_DURATION_INFINITE);
	nng_aio_set_timeout(work->send, NNG_DURATION_INFINITE); /* stall.c sees to it */
	return true;
}

status
works_new(struct rpc_server *server)
{
	size_t count = RECEIVES_READY + SENDING_ROOM + 3 * (size_t)server->settings.parked_max +
		       (size_t)server->settings.refusals_waiting_max;

	/* Twice: all that a lane held may be parked by now, and it be full again. */
	for (int i = LANE_CPU; i < LANE_COUNT; i++)
		count += 2 * ((size_t)server->settings.lanes[i].queue_max +
				 (size_t)server->settings.lanes[i].workers *
				     (i == LANE_QUERY ? LANE_TOGETHER_MAX : 1));
	/* Made when they are first needed. */
	server->works = calloc(count, sizeof(*server->works));
	if (!server->works)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for requests");
	server->works_max = count;
	return STATUS_OK;
}

/* A work that does nothing, or NULL: all are busy. The lock is held. */
static struct work *
work_idle(struct rpc_server *server)
{
	struct list *node = list_take_first(&server->works_free);

	if (node)
		return container_of(node, struct work, list);
	if (server->works_count == server->works_max || atomic_load(&server->is_closed))
		return NULL;
	struct work *work = &server->works[server->works_count];
	if (!work_init(server, work, (uint32_t)server->works_count))
		return NULL;
	server->works_count++;
	return work;
}

static void
work_receive(struct work *work)
{
	nng_ctx_recv(work->ctx, work->receive);
}

void
works_start(struct rpc_server *server)
{
	for (int i = 0; i < RECEIVES_READY; i++) {
		(void)pthread_mutex_lock(&server->lock);
		struct work *work = work_idle(server);
		server->receives_ready += work != NULL;
		(void)pthread_mutex_unlock(&server->lock);
		if (work)
			work_receive(work);
	}
}

void
pipe_cut(struct pipe_entry *pipe, const char *why)
{
	const nng_pipe closed = {.id = atomic_load(&pipe->id)};

	if (closed.id == 0)
		return;
	if (log_admits_address(LOG_WARN, pipe->address))
		log_event(LOG_WARN, "pipe_closed", "peer", pipe->address, "why", why, NULL);
	pipe_shut(closed);
}

/* Do contexts run out, or memory? The lock is held. */
static bool
is_need(const struct rpc_server *server, enum pipe_burden burden)
{
	return burden == PIPE_BYTES
		   ? atomic_load(&server->bytes) > server->settings.message_bytes_max
		   : server->receives_ready - atomic_load(&server->sends_here) < HEARING_LEAST;
}

/* The connection that has the most of it pays for it. */
static void
works_relieve(struct rpc_server *server, enum pipe_burden burden)
{
	struct pipe_entry *pipe = pipe_take_heaviest(&server->pipes, burden);

	if (!pipe)
		return;
	/* What another one has given back meanwhile may be enough. */
	(void)pthread_mutex_lock(&server->lock);
	const bool is_its_turn = is_need(server, burden) && pipe_mark(pipe);
	(void)pthread_mutex_unlock(&server->lock);
	if (is_its_turn)
		pipe_cut(pipe, burden == PIPE_BYTES
				   ? "it holds the most memory, and others need the room"
				   : "it does not take its replies, and others need the room");
	pipe_give(pipe);
}

void
work_hold_more(struct work *work, int64_t bytes)
{
	(void)atomic_fetch_add(&work->pipe->bytes, bytes);
	(void)atomic_fetch_add(&work->server->bytes, bytes);
}

void
work_hold(struct work *work, size_t bytes)
{
	const int64_t more = (int64_t)bytes - (int64_t)work->bytes;

	work->bytes = bytes;
	work_hold_more(work, more);
}

void
work_detach(struct work *work)
{
	struct rpc_server *server = work->server;

	if (work->is_detached)
		return;
	work->is_detached = true;
	(void)pthread_mutex_lock(&server->lock);
	struct work *next = work_idle(server);
	if (!next)
		server->receives_ready--;
	const bool needs_relief = !next && is_need(server, PIPE_REPLIES);
	(void)pthread_mutex_unlock(&server->lock);
	if (next)
		work_receive(next);
	else if (needs_relief)
		works_relieve(server, PIPE_REPLIES);
}

/* The answer is out: hear the next one, or stand back. */
static void
work_again(struct work *work)
{
	struct rpc_server *server = work->server;
	bool is_needed = true;

	if (work->pipe) {
		work_hold(work, 0);
		pipe_give(work->pipe);
	}
	work->pipe = NULL;
	if (atomic_fetch_sub(&server->calls, 1) == 1 && atomic_load(&server->is_draining)) {
		(void)pthread_mutex_lock(&server->lock);
		(void)pthread_cond_broadcast(&server->idle);
		(void)pthread_mutex_unlock(&server->lock);
	}
	if (work->is_detached) {
		work->is_detached = false;
		(void)pthread_mutex_lock(&server->lock);
		is_needed = server->receives_ready < RECEIVES_READY;
		if (is_needed)
			server->receives_ready++;
		else
			list_add_first(&server->works_free, &work->list);
		(void)pthread_mutex_unlock(&server->lock);
	}
	if (is_needed && !atomic_load(&server->is_closed))
		work_receive(work);
}

static void
message_drop(struct work *work)
{
	if (!work->message)
		return;
	/* Passwords and credentials stood in it. */
	explicit_bzero(nng_msg_body(work->message), nng_msg_len(work->message));
	nng_msg_free(work->message);
	work->message = NULL;
}

void
work_drop_request(struct work *work, size_t bytes)
{
	message_drop(work);
	work_hold(work, bytes);
}

/* The request's message with a refusal in it: a client that heard nothing would wait until its
 * deadline. nng keeps a body's memory when it is cleared, and leaves some behind a short one. */
static nng_msg *
message_turn(struct work *work)
{
	const struct task *task = &work->task;
	nng_msg *message = work->message;
	uint8_t refusal[NO_MEMORY_BYTES_MAX];
	const size_t bytes = no_memory_pack(task->envelope.call_id, task->is_unknown, refusal);

	work->message = NULL;
	explicit_bzero(nng_msg_body(message), nng_msg_len(message));
	nng_msg_clear(message);
	if (nng_msg_append(message, refusal, bytes) == 0)
		return message;
	nng_msg_free(message);
	return NULL;
}

/* What it is to the pipe while nng has it. */
static int64_t
reply_weight(const struct work *work)
{
	const int64_t least = PIPE_SENDING_BYTES / PIPE_SENDS_AT_ONCE;
	const int64_t bytes = (int64_t)work->bytes;

	return bytes < least ? least : bytes;
}

/* With nothing before it the pipe has something to take from now on. */
static void
reply_send(struct work *work, int64_t before)
{
	if (before == 0)
		stall_put_off(work->server, work->pipe);
	nng_ctx_send(work->ctx, work->send);
}

/* true: it is sent when one before it has been. */
static bool
reply_waits(struct work *work, int64_t *before)
{
	struct pipe_entry *pipe = work->pipe;
	const int64_t weight = reply_weight(work);
	bool waits;

	*before = atomic_fetch_add(&pipe->sending, weight);
	if (*before < PIPE_SENDING_BYTES)
		return false;
	(void)pthread_mutex_lock(&work->server->lock);
	/* In this order: whose send ends from here on sees that somebody waits, and whose has ended
	 * before has made room. */
	(void)atomic_fetch_add(&pipe->waiting, 1);
	waits = atomic_fetch_sub(&pipe->sending, weight) - weight >= PIPE_SENDING_BYTES;
	if (waits) {
		list_add_last(&pipe->waits, &work->list);
	} else {
		(void)atomic_fetch_sub(&pipe->waiting, 1);
		*before = atomic_fetch_add(&pipe->sending, weight);
	}
	(void)pthread_mutex_unlock(&work->server->lock);
	return waits;
}

/* It is out, or will never be. */
static void
reply_ended(struct work *work)
{
	(void)atomic_fetch_sub(&work->pipe->replies, 1);
	if (work->is_counted)
		(void)atomic_fetch_sub(&work->server->sends_here, 1);
	work->is_counted = false;
}

/* Its connection is gone. nng would find that out reply by reply, each under the lock of the whole
 * socket. */
static void
reply_drop(struct work *work)
{
	nng_msg_free(nng_aio_get_msg(work->send));
	nng_aio_set_msg(work->send, NULL);
	reply_ended(work);
	work_again(work);
}

/* Those that wait for a pipe that is gone. The caller's work keeps the entry. */
static void
replies_drop(struct rpc_server *server, struct pipe_entry *pipe)
{
	struct list dropped, *node;

	list_init(&dropped);
	(void)pthread_mutex_lock(&server->lock);
	while ((node = list_take_first(&pipe->waits))) {
		(void)atomic_fetch_sub(&pipe->waiting, 1);
		list_add_last(&dropped, node);
	}
	(void)pthread_mutex_unlock(&server->lock);
	while ((node = list_take_first(&dropped)))
		reply_drop(container_of(node, struct work, list));
}

/* The one of the pipe's replies that has waited longest goes, if there is room for it. */
static bool
reply_next(struct rpc_server *server, struct pipe_entry *pipe)
{
	struct work *next = NULL;
	int64_t before = 0;

	if (atomic_load(&pipe->waiting) == 0 || atomic_load(&server->is_closed))
		return false;
	if (pipe_is_over(pipe)) {
		replies_drop(server, pipe);
		return false;
	}
	(void)pthread_mutex_lock(&server->lock);
	struct list *node =
	    atomic_load(&pipe->sending) < PIPE_SENDING_BYTES ? list_take_first(&pipe->waits) : NULL;
	if (node) {
		next = container_of(node, struct work, list);
		(void)atomic_fetch_sub(&pipe->waiting, 1);
		before = atomic_fetch_add(&pipe->sending, reply_weight(next));
	}
	(void)pthread_mutex_unlock(&server->lock);
	if (next)
		reply_send(next, before);
	return next != NULL;
}

/* Those go that wait for its room. */
static void
reply_make_room(const struct work *work)
{
	(void)atomic_fetch_sub(&work->pipe->sending, reply_weight(work));
	while (reply_next(work->server, work->pipe))
		;
}

static void
work_send(struct work *work)
{
	int64_t before;

	if (pipe_is_over(work->pipe))
		reply_drop(work);
	else if (!reply_waits(work, &before))
		reply_send(work, before);
}

void
work_answer(struct work *work, nng_msg *message)
{
	struct rpc_server *server = work->server;
	struct list *sends = work->sends;

	work->sends = NULL;
	if (!message) {
		message = message_turn(work);
		log_event(LOG_ERROR, message ? "reply_without_memory" : "reply_lost", NULL);
	}
	message_drop(work);
	if (!message) {
		work_again(work);
		return;
	}
	work_hold(work, nng_msg_len(message));
	(void)atomic_fetch_add(&work->pipe->replies, 1);
	if (atomic_load(&server->bytes) > server->settings.message_bytes_max)
		works_relieve(server, PIPE_BYTES);
	if (!work->is_detached && (pipe_calls(work->pipe) > PIPE_CALLS_READY ||
				      atomic_load(&server->sends_here) >= SENDS_HERE))
		work_detach(work);
	work->is_counted = !work->is_detached;
	if (work->is_counted)
		(void)atomic_fetch_add(&server->sends_here, 1);
	nng_aio_set_msg(work->send, message);
	if (sends)
		list_add_last(sends, &work->list);
	else
		work_send(work);
}

void
works_send(struct list *kept)
{
	struct list *node;

	while ((node = list_take_first(kept)))
		work_send(container_of(node, struct work, list));
}

static void
work_sent(void *arg)
{
	struct work *work = arg;
	const int error = nng_aio_result(work->send);

	if (error != 0) {
		nng_msg *message = nng_aio_get_msg(work->send);
		nng_aio_set_msg(work->send, NULL);
		if (message)
			nng_msg_free(message);
	}
	if (error == 0) {
		atomic_store(&work->pipe->taken, (int64_t)work->bytes);
		stall_put_off(work->server, work->pipe);
	}
	reply_make_room(work);
	reply_ended(work);
	work_again(work);
}

static void
work_received(void *arg)
{
	struct work *work = arg;
	struct rpc_server *server = work->server;
	const int error = nng_aio_result(work->receive);

	if (error != 0) {
		/* The socket is closed: this work has come to its end. */
		if (error != NNG_ECLOSED && error != NNG_ECANCELED &&
		    !atomic_load(&server->is_closed))
			work_receive(work);
		return;
	}
	work->message = nng_aio_get_msg(work->receive);
	nng_aio_set_msg(work->receive, NULL);
	work->counter++;
	(void)atomic_fetch_add(&server->calls, 1);
	work->pipe =
	    pipe_take(&server->pipes, (uint32_t)nng_pipe_id(nng_msg_get_pipe(work->message)));
	if (!work->pipe) {
		/* Its connection is gone already: nobody waits for an answer. */
		message_drop(work);
		work_again(work);
		return;
	}
	work_hold(work, nng_msg_len(work->message));
	dispatch_message(work);
}

void
works_stop(struct rpc_server *server)
{
	/* All of them before any is freed: one's callback may have made another receive. */
	for (size_t i = 0; i < server->works_count; i++) {
		nng_aio_stop(server->works[i].receive);
		nng_aio_stop(server->works[i].send);
	}
}

void
works_free(struct rpc_server *server)
{
	for (size_t i = 0; i < server->works_count; i++) {
		struct work *work = &server->works[i];
		nng_msg *unsent = work->send ? nng_aio_get_msg(work->send) : NULL;

		if (unsent)
			nng_msg_free(unsent);
		nng_aio_free(work->receive);
		nng_aio_free(work->send);
		message_drop(work);
	}
	free(server->works);
	server->works = NULL;
	server->works_count = 0;
}
