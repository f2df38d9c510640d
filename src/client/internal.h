/* internal.h - what the files of this folder share. */
#ifndef USHER_CLIENT_INTERNAL_H
#define USHER_CLIENT_INTERNAL_H

#include "base/list.h"
#include "base/rand.h"
#include "client/client.h"
#include "client/health.h"
#include "client/retry.h"
#include "wire/envelope.h"

#include <nng/nng.h>
#include <stdatomic.h>

#define SERVER_URL_BYTES 256

/* A context of a server's socket: one message and its answer at a time. */
struct line {
	struct list list; /* of the server's free ones */
	nng_ctx ctx;
};

/* Under the client's lock, but for what does not change. */
struct server {
	struct client *client;
	unsigned index; /* of its health */
	bool is_open;
	nng_socket socket;
	unsigned pipes;
	struct list lines_free;
	struct list calls; /* under way here */
	int64_t heard_us;  /* when an answer came last, or the first call went out */
	bool is_asked;     /* whether it is alive */
	uint64_t attempts; /* messages given to it */
	uint64_t failures; /* of those, by which it had to rest, or that fell into a rest */
	char url[SERVER_URL_BYTES];
};

struct client {
	const struct clock *clock;
	const struct rand_source *rand;
	uint32_t calls_max;
	unsigned attempts_max;
	unsigned servers_count;
	nng_aio *watch; /* NULL with one server */
	atomic_uint connections;
	atomic_bool is_closing;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	uint32_t calls_open; /* that exist */
	uint32_t calls_under_way;
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
	bool is_safe;          /* to repeat, though the method does not say so: a Batch of such */
	struct server *pinned; /* ask this one, once, connected or not; NULL: whichever */
	client_callback *callback;
	void *arg;
};
/* The callback runs in any case. */
void call_start(struct client *client, const struct call_plan *plan);
/* Cut off those that have waited for this server's answer since before then. */
void calls_give_up(struct server *server, int64_t before_us);
/* Those that wait for a connection may look again. The client's lock is held. */
void calls_wake(struct client *client);
/* Cuts off all, and waits until they are through. */
void calls_end(struct client *client);

/* server.c. Errors: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED. */
MUST_USE status server_open(
    struct client *client, const struct client_settings *settings, struct slice url);
/* Blocks as socket_close() does. */
void server_close(struct server *server);
/* Errors: RESOURCE_EXHAUSTED. */
MUST_USE status line_open(struct server *server, struct line **out);
/* Begin to look after servers that stand still. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status servers_watch(struct client *client);

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
/* The same call with less time. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status request_pack_again(nng_msg *request, uint32_t timeout_ms, nng_msg **out);

#endif
