/* client.h - call usherd: one, or any of several that serve the same database.
 *
 *     TRY(client_new(&(struct client_settings){.url = "tcp://127.0.0.1:7700"}, &client));
 *     client_call(client, &user_get_me_method, &options, &request.base, &result);
 *     if (result.status.code == ST_OK)
 *             use((Usher__V1__GetMeReply *)result.reply);
 *     client_result_done(&result);
 *
 * Connects in the background and again when a connection is lost; a call waits for one as long as
 * its deadline allows, or connect_ms. Of several servers the one with the fewest calls under way
 * gets the next; one that is in trouble (connection lost, no answer, UNAVAILABLE) rests for a
 * while, and one that holds its connection and says nothing is asked after a second, and then given
 * up.
 *
 * What is safe to repeat is repeated, on another server if there is one: a READ, and a WRITE or
 * RESTRICT under an idempotency key. Four attempts at most, with pauses that grow, all within the
 * call's deadline; while too much fails, none. Anything else is sent once: when the connection is
 * lost underneath it, the answer is UNAVAILABLE CONNECTION_LOST, and it may have been done.
 *
 * With `gathers`, reads that come while others are out travel together; what memory does not have
 * goes again alone, so that none waits behind another's database. A server that does not know how,
 * or does not answer soon, gets a message for each.
 *
 * No client before fork(): nng ends a child, of a process that had one, which uses or makes one.
 * Threads: any, at once. Blocks: client_call and client_call_raw; the asynchronous forms do not.
 * A thread that is cancelled (pthread_cancel) in any of these ends when that is over, for a call at
 * its deadline at the latest: never within. PTHREAD_CANCEL_ASYNCHRONOUS is nothing for callers.
 * Lifetime: client_free() waits for the calls under way to end (they are cut off).
 * Source: docs/protocol.md, "Several servers, and calling again". */
#ifndef USHER_CLIENT_CLIENT_H
#define USHER_CLIENT_CLIENT_H

#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"
#include "base/str.h"
#include "client/method.h"

#include <protobuf-c/protobuf-c.h>
#include <pthread.h>

struct client;

#define CLIENT_SERVERS_MAX 16
struct client_settings {
	const char *url;           /* tcp://, tls+tcp://, ipc://; several with commas or blanks */
	const char *tls_ca_file;   /* tls+tcp: whom to trust; NULL: nobody, so it is refused */
	const struct clock *clock; /* NULL: the system's */
	const struct rand_source *rand; /* NULL: the system's; spreads the pauses */
	uint32_t calls_max;     /* under way at once; 0: 1024. More are refused, not queued */
	size_t reply_bytes_max; /* 0: MESSAGE_BYTES_MAX */
	unsigned attempts_max;  /* of a call; 0: 4, 1: nothing is repeated */
	/* Reads that memory mostly answers (inline_read), made while a message of such reads is
	 * out, go together in the next one, and 32 of them at once: for many calls at once, when a
	 * call's own message is most of its cost. Each is a call of its own all the same. Off with
	 * a small reply_bytes_max. */
	bool gathers;
};

/* Does not wait for the connection.
 * Errors: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED, INTERNAL (nng refuses an option). */
MUST_USE status client_new(const struct client_settings *settings, struct client **out);
void client_free(struct client **client);

/* A causal session: calls that are made under the same one see each other's writes on every node.
 * Make one for a user or a flow, not one for a process: a busy writer's sessions would keep its
 * readers from ever being answered out of memory.
 * Lifetime: the caller's storage. Threads: any, at once. */
#define CLIENT_REVISION_BYTES 16
#define CLIENT_EPOCHS_PAST 4
struct causal_session {
	pthread_mutex_t lock;
	bool has_revision;
	uint8_t revision[CLIENT_REVISION_BYTES];
	uint64_t epochs_past[CLIENT_EPOCHS_PAST]; /* so that a late reply does not lead back */
	unsigned epochs_past_count;
};
void causal_session_init(struct causal_session *session);
void causal_session_done(struct causal_session *session);
/* Take note of a revision (a Usher-Revision header, say); one that is not ours is passed over. */
void causal_session_note(struct causal_session *session, struct slice revision);
/* The greatest one yet; false: none. */
bool causal_session_latest(struct causal_session *session, uint8_t out[CLIENT_REVISION_BYTES]);

/* How to call. All of it is optional: {0} is an anonymous call with the method's own deadline.
 * Borrowed until the call function returns (asynchronous forms copy). */
struct client_options {
	struct slice credential;        /* an access token or an API key */
	struct slice on_behalf_of;      /* a user's token that narrows it */
	struct slice via;               /* our own key, when we pass on somebody's call */
	struct slice trace;             /* W3C traceparent */
	struct slice idempotency_key;   /* 16 to 128 random bytes */
	struct slice at_least;          /* a revision; session does this by itself, and notes it */
	const char *org;                /* operators of the platform only */
	const char *client_ip;          /* believed with a via that may assert it */
	const char *user_agent;         /* what our caller calls itself, for audit; UTF-8 */
	uint32_t timeout_ms;            /* 0: the method's own */
	uint32_t connect_ms;            /* of these, for the first connection; 0: all */
	uint64_t call_id;               /* comes back, and stands in the server's log */
	struct causal_session *session; /* outlives the call */
};

#define CLIENT_VIOLATIONS_MAX 16
struct client_violation {
	const char *field; /* "profile.display_name" */
	const char *description;
};
struct client_pair {
	const char *key, *value;
};

/* What came of a call. status is the server's or, when none answered, our own:
 *   UNAVAILABLE NOT_CONNECTED (nothing was sent), UNAVAILABLE CONNECTION_LOST (it may have been
 *   done), DEADLINE_EXCEEDED NO_ANSWER (likewise), DEADLINE_EXCEEDED NOT_SENT (nothing was sent),
 *   RESOURCE_EXHAUSTED TOO_MANY_CALLS or REQUEST_TOO_LARGE, INTERNAL MALFORMED_REPLY, CANCELLED
 *   CLIENT_CLOSED. Of several attempts it is the last one's.
 * Lifetime: everything in it, until client_result_done(). */
struct client_result {
	status status;
	ProtobufCMessage *reply; /* NULL on failure, and in raw calls */
	struct slice payload;    /* the encoded reply */
	uint64_t call_id;
	uint32_t retry_after_ms; /* 0: repeating is no use, or nothing is known */
	uint32_t attempts; /* how often it was sent, not counting where memory alone was asked */
	bool replayed;
	bool has_revision;
	uint8_t revision[CLIENT_REVISION_BYTES];
	const struct client_violation *violations;
	size_t violations_count;
	const struct client_pair *metadata;
	size_t metadata_count;
	void *internal_message; /* our own */
	void *internal_memory;
};
void client_result_done(struct client_result *result);

/* Called once, from a thread of the transport or of the client: it must not block. It may make
 * another call, in the place of the one that is over. The result is the callback's: it calls
 * client_result_done(), or copies the struct and does so later. */
typedef void client_callback(void *arg, struct client_result *result);

/* Call and wait. result is always set; its status says how it went. */
void client_call(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    struct client_result *result);
/* Call and go on. request and options may go when it returns. The callback runs in any case, and
 * may run before this returns. */
void client_call_async(struct client *client, const struct client_method *method,
    const struct client_options *options, const ProtobufCMessage *request,
    client_callback *callback, void *arg);

/* The same with an encoded request; the reply is left encoded in result->payload. Of method are
 * looked at: id or name (the other may be 0 or NULL); deadline_ms and bytes_max (0: the general
 * ones); effect, idempotent_by_key and write_field, by which it is repeated (all 0: never); and,
 * where the client gathers, inline_read. */
void client_call_raw(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, struct client_result *result);
void client_call_raw_async(struct client *client, const struct client_method *method,
    const struct client_options *options, struct slice payload, client_callback *callback,
    void *arg);

/* Several calls in one message: "usher.v1.Batch", answered in order, each with its own status.
 * An item's credential, on_behalf_of and at_least default to those of options, and so does its org,
 * unless it has a credential of its own; an idempotency key is an item's own, and refused in
 * options. result gets the whole message's status; when that is OK, each item's result is set
 * (metadata and payload in the message that result holds: free result last). Items that were not
 * answered keep result's status. attempts are the message's. */
struct client_item {
	const struct client_method *method;
	struct client_options options;
	struct slice payload;
	struct client_result result;
};
typedef void client_batch_callback(void *arg, struct client_result *result);
/* items live until the callback. Errors are the callback's result. */
void client_batch_async(struct client *client, const struct client_options *options,
    struct client_item *items, size_t items_count, client_batch_callback *callback, void *arg);

/* Is there a connection to any server? */
bool client_is_connected(struct client *client);

/* How the servers are doing, for people and metrics. index < client_servers_count(). */
struct client_server {
	const char *url; /* the client's */
	bool is_connected;
	bool is_resting;   /* passed over for a while, as long as there is another */
	uint32_t calls;    /* under way */
	uint64_t attempts; /* calls that it was given */
	uint64_t failures; /* of those: connection lost, no answer, UNAVAILABLE */
	uint64_t together; /* of those: in one message with others */
};
unsigned client_servers_count(const struct client *client);
void client_server_at(struct client *client, unsigned index, struct client_server *out);
/* How many attempts were not their call's first. */
uint64_t client_repeats(struct client *client);

#endif
