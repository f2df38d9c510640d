/* internal.h - what the files of this folder share. */
#ifndef USHER_CLIENT_INTERNAL_H
#define USHER_CLIENT_INTERNAL_H

#include "base/limits.h"
#include "base/list.h"
#include "base/rand.h"
#include "client/client.h"
#include "client/health.h"
#include "client/retry.h"
#include "wire/envelope.h"

#include <nng/nng.h>
#include <stdatomic.h>

#define SERVER_URL_BYTES 256

/* To the end of the scope the thread is not cancelled, or it would leave locks held, ours and
 * nng's, and a stack that an answer is yet to be written to. */
static inline int
cancellation_put_off(void)
{
	int before = PTHREAD_CANCEL_ENABLE;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void
cancellation_restore(const int *before)
{
	(void)pthread_setcancelstate(*before, NULL);
}

#define PUT_OFF_CANCELLATION                                                                       \
	__attribute__((cleanup(cancellation_restore), unused)) const int cancelled_later =         \
	    cancellation_put_off()

/* A context of a server's socket: one message and its answer at a time. */
struct line {
	struct list list; /* of the server's free ones */
	nng_ctx ctx;
};

/* gather.c: calls for one server that travel together, in a message that is out or is to go.
 * Under the client's lock, but for calls while the message is being made, and what is atomic. */
#define GATHER_CALLS_MAX 128
#define GATHER_CALL_BYTES_MAX (32u << 10) /* a larger one goes alone; so a message has 4 MiB */
#define CONVOYS 2
struct convoy {
	struct server *server;
	bool is_open;
	bool is_out;
	bool is_late; /* it has been out for long: nobody waits for it */
	nng_ctx ctx;
	nng_aio *sending, *receiving;
	unsigned count;
	struct call *calls[GATHER_CALLS_MAX]; /* NULL: its own deadline has passed */
	int64_t out_since_us;
	_Atomic int64_t sent_us; /* 0: not yet */
};

struct gathering {
	enum {
		GATHER_UNKNOWN, /* a new connection: it is asked */
		GATHER_ASKED,
		GATHER_ABLE,
		GATHER_UNABLE, /* an older server: it would let all wait for the slowest */
	} ability;
	struct convoy convoys[CONVOYS];
	struct list waiting; /* for the next one */
	unsigned waiting_count;
	unsigned answered, missed; /* of late */
	int64_t rests_until_us;    /* too much misses memory; or it could not be asked */
	uint64_t together;         /* calls that had company */
};

/* Under the client's lock, but for what does not change. */
struct server {
	struct client *client;
	unsigned index; /* of its health */
	bool is_open;
	nng_socket socket;
	nng_pipe pipe; /* the latest, from before it can be used; its id is 0: it is gone */
	bool has_lost; /* a call, with that connection or since this rest began: it was paid for */
	struct list lines_free;
	struct list calls; /* under way here */
	int64_t heard_us;  /* when an answer came last, or the first call went out */
	bool is_asked;     /* whether it is alive */
	uint64_t attempts; /* messages given to it */
	uint64_t failures; /* of those, by which it had to rest, or that fell into a rest */
	struct gathering gathering;
	char url[SERVER_URL_BYTES];
};

struct call {
	struct client *client;
	nng_aio *sending, *receiving; /* of the attempt */
	nng_aio *pause;               /* for a connection, or for the next attempt */
	struct list list; /* of the free ones, of those that wait: for a connection, for company */
	struct list all;
	struct list here; /* of the server's */

	struct server *server; /* of the attempt that is under way */
	struct line *line;
	_Atomic int64_t sent_us; /* 0: not yet, or with others */

	nng_msg *request; /* for the next attempt; NULL: there can be none */
	bool is_fresh;    /* the request is as it should go out */
	bool is_safe;     /* to repeat */
	bool may_gather;
	bool has_missed; /* with others: it was sent, and memory did not have it */
	struct server *pinned;
	uint32_t tried; /* a bit a server */
	unsigned attempts;
	unsigned pauses;
	struct client_result last; /* of the attempt before, while there is to be another */
	int64_t deadline_us;
	int64_t connect_until_us; /* so long for a connection, while nothing was sent */
	const ProtobufCMessageDescriptor *reply;
	struct causal_session *session;
	client_callback *callback;
	void *arg;
};
/* Waited beyond the deadline that the server was told, so that its own answer can arrive. */
#define ANSWER_GRACE_US (200 * US_PER_MS)
/* A connected server takes a message at once; one that does not may have just been lost. */
#define SEND_US_MAX (250 * US_PER_MS)

/* A thread for what is looked at by the clock; nng's own sleep keeps a core busy for the
 * millisecond in which it ends, and a lock that calls want. The client's lock is held for all of
 * it. */
struct pulse {
	pthread_t thread;
	pthread_cond_t changed;
	bool is_running, is_stopping;
	bool is_sweeping; /* some of what was gathered is out, or waits */
	int64_t sweep_at_us, watch_at_us;
};

struct client {
	const struct clock *clock;
	const struct rand_source *rand;
	uint32_t calls_max;
	unsigned attempts_max;
	unsigned servers_count;
	bool gathers;
	struct pulse pulse;
	atomic_uint connections;
	atomic_uint calls_counted; /* against calls_max; raised under the lock */
	atomic_bool is_closing;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	uint32_t calls_under_way; /* until their callback has returned; and messages that are out */
	uint32_t turn;
	uint64_t repeats;
	struct list calls_free;
	struct list calls_all;
	struct list calls_waiting; /* for a connection */
	struct retry_budget budget;
	struct server_health health[CLIENT_SERVERS_MAX];
	struct server servers[CLIENT_SERVERS_MAX];
};

/* client.c: what a call is to be. */
struct call_plan {
	const struct client_method *method;
	const struct client_options *options;
	const ProtobufCMessage *request; /* or NULL, and: */
	struct slice payload;
	const ProtobufCMessageDescriptor *reply;
	bool is_safe; /* to repeat, though the method does not say so: a Batch of such */
	bool memory_only;
	struct server *pinned; /* ask this one, once, connected or not; NULL: whichever */
	client_callback *callback;
	void *arg;
};
/* The callback runs in any case. */
void call_start(struct client *client, const struct call_plan *plan);
/* The next attempt, or the end. */
void call_attempt(struct call *call);
/* The attempt is over. The lock is held. */
void call_leave(struct call *call);
/* The attempt was made; takes the result. is_more: of a trouble that was counted already. */
void call_conclude(struct call *call, struct client_result *result, bool is_more);
void call_fail(struct call *call, status failure);
/* Is it the server's doing that there was no answer? What we lack ourselves is not. */
bool is_no_answer(const struct client_result *result);
/* No answer came: why not? */
status failure_of(const struct client *client, int error);
/* In nng's terms, at least a millisecond, and 24 days at most. */
nng_duration duration_of(int64_t us);
/* Cuts off what it does and waits for its callback, so not from within that. *aio may be NULL, and
 * is in the end. */
void aio_free(nng_aio **aio);
/* One call less is under way. The lock is held. */
void call_is_through(struct client *client);
/* Cut off those that have waited for this server's answer since before then. */
void calls_give_up(struct server *server, int64_t before_us);
/* Those that wait for a connection may look again. The client's lock is held. */
void calls_wake(struct client *client);
/* Cuts off all, and waits until they are through. */
void calls_end(struct client *client);

/* pulse.c. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status pulse_start(struct client *client);
/* Waits until it is through. */
void pulse_stop(struct client *client);
/* Something is gathered: gatherings_sweep() follows. The lock is held. */
void pulse_sweep(struct client *client);

/* gather.c. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status gathering_open(struct server *server);
/* Nothing of it is out or waits. */
void gathering_close(struct server *server);
/* End what is over. */
void gatherings_sweep(struct client *client);
/* What a call does that has chosen its server. The lock is held. */
enum gather_step {
	GATHER_NOT,      /* it goes alone */
	GATHER_NOT_ASKS, /* the same, and gather_ask() is to be called first */
	GATHER_WAITS,    /* for the next convoy; from here on it may be over */
	GATHER_SENDS,    /* gather_send() is to be called without the lock, with *out */
};
enum gather_step gather_join(struct call *call, int64_t now_us, struct convoy **out);
void gather_send(struct convoy *convoy);
void gather_ask(struct server *server);
/* Cut off what was sent before then. The lock is held. */
void gather_give_up(struct server *server, int64_t before_us);
/* Cut off whatever is out. The lock is held. */
void gather_cancel(struct server *server);

/* server.c. Errors: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED, INTERNAL. */
MUST_USE status server_open(
    struct client *client, const struct client_settings *settings, struct slice url);
/* What nng says of a connection. It may say that one is gone before it says that it can be used, or
 * without: two threads of its own do so. */
void server_hear(struct server *server, nng_pipe pipe, nng_pipe_ev event);
/* Blocks as socket_close() does. */
void server_close(struct server *server);
/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status line_open(struct server *server, struct line **out);
/* Ask those that stand still. */
void servers_watch(struct client *client);

/* Fill in what a message from the server says; takes the message. The reply is unpacked when
 * descriptor is given. */
void client_result_read(
    struct client_result *result, nng_msg *message, const ProtobufCMessageDescriptor *descriptor);
/* The same from the bytes of one Response, which outlive the result. */
void client_result_read_bytes(
    struct client_result *result, struct slice bytes, const ProtobufCMessageDescriptor *descriptor);

/* request.c: what the options ask for, at most what the method allows. */
uint32_t
client_timeout_ms(const struct client_method *method, const struct client_options *options);
/* The envelope that options ask for, without its payload. revision: room for the session's. */
void client_envelope_fill(struct request_envelope *envelope, const struct client_method *method,
    const struct client_options *options, uint8_t revision[CLIENT_REVISION_BYTES]);
/* The message; payload is where in it the encoded request stands.
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status request_pack(const struct call_plan *plan, nng_msg **out, struct slice *payload);
/* The same call, from memory or not at all. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status request_pack_memory_only(nng_msg *request, nng_msg **out);
/* Requests as the items of a Batch from memory, each or not at all. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status request_pack_together(
    struct call *const *calls, unsigned count, uint32_t timeout_ms, nng_msg **out);
/* The same call with less time. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status request_pack_again(nng_msg *request, uint32_t timeout_ms, nng_msg **out);

#endif
