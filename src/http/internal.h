/* internal.h - what the files of src/http share. Nobody else includes it. */
#ifndef USHER_HTTP_INTERNAL_H
#define USHER_HTTP_INTERNAL_H

#include "base/clock.h"
#include "base/files.h"
#include "base/list.h"
#include "base/network.h"
#include "http/server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_LISTEN_BACKLOG 511
#define HTTP_TARGET_BYTES_MAX 8192
#define HTTP_HEADERS_MAX 100
#define HTTP_HEADER_BYTES_MAX (16u << 10)
#define HTTP_NEVER_US INT64_MAX
#define HTTP_RETRY_AFTER_S 1u /* of the 503 that are made here */
#define HTTP_SOURCE_BUCKETS 1024

struct http_server {
	struct http_config config;
	http_handler *handler;
	void *env;
	struct MHD_Daemon *daemon;
	uint16_t port;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* an exchange ended, or the server stops */
	struct list exchanges;  /* given to the handler, not yet completed */
	size_t busy;
	bool stopping; /* the handler is given nothing more */
	bool drained;  /* nothing is waited for: the sweeper ends */
	pthread_t sweeper;
	struct files_watch files; /* the sweeper's */
	int listen_fd;            /* the library's, until it is stopped */

	/* Open connections, under a lock of their own. */
	pthread_mutex_t peers_lock;
	struct list peers;
	struct list sources[HTTP_SOURCE_BUCKETS];
	struct http_figures figures;

	atomic_int refs; /* the owner's, and one for each exchange that lives */
	atomic_size_t bodies_bytes;
};

/* Where connections come from, as long as there are any. */
struct http_source {
	struct list node;
	uint8_t prefix[16]; /* an IPv4 address, mapped, or a network /64 */
	size_t connections;
	size_t body_bytes; /* of all of them, when they were weighed last */
};

/* An open connection. */
struct http_peer {
	struct list node;
	int fd;
	/* CLOCK_BOOTTIME; the socket is shut down after it. */
	_Atomic int64_t deadline_us;
	/* Since when the client is waited for; HTTP_NEVER_US while it waits for us. */
	_Atomic int64_t waits_since_us;
	atomic_bool is_replied_to;
	_Atomic size_t body_bytes; /* of the request that is here, and of its reply */
	size_t weighed_bytes;      /* the same, when all were weighed last */
	bool is_proxy;
	bool is_cut; /* shut down, but not closed yet: it counts no more */
	struct http_source *source;
	char address[ADDRESS_TEXT_BYTES];
};

/* The library's callbacks: may this address have one more connection; one opens or closes. cls is
 * the server. */
enum MHD_Result peer_admit(void *cls, const struct sockaddr *address, socklen_t bytes);
void peer_notify(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what);
/* Cut those whose time is over, or whose client has left. */
void peers_sweep(struct http_server *server);
/* More of a body comes: is there room among those of all? Some that are waited for make it. */
bool peer_take_body(struct http_server *server, struct http_peer *peer, size_t bytes);
/* A reply's body goes out. It always has its place; the same make room for it. */
void peer_take_reply(struct http_server *server, struct http_peer *peer, size_t bytes);
/* Both are gone. */
void peer_give_body(struct http_server *server, struct http_peer *peer);

enum exchange_stage {
	EXCHANGE_LINE,  /* the request line is read */
	EXCHANGE_BODY,  /* the header is accepted */
	EXCHANGE_GIVEN, /* the handler has it */
};

/* One request and its reply. The library's side and the handler's side hold a reference each. */
struct exchange {
	struct http_request request; /* first, so that one pointer leads to the other */
	struct http_server *server;
	struct http_peer *peer;
	struct MHD_Connection *connection;
	enum exchange_stage stage;
	atomic_int refs;

	/* Under the server's lock. */
	struct list node;
	bool parked; /* the connection is suspended until the reply comes */
	bool replied;
	struct MHD_Response *response;
	uint32_t response_status;
	size_t response_bytes; /* of the handler's reply, that are in memory until it is read */

	const char *sent_target; /* where it lies in the connection's buffer */
	char *target;            /* a copy: the library picks the query to pieces */
	size_t target_bytes;
	uint64_t content_length;
	/* The library reads chunks loosely: what another reader takes for the rest of this request
	 * must not become the next one, so the connection ends with it. */
	bool is_chunked;
	struct strbuf body;
	char id[33];
	char client_address[ADDRESS_TEXT_BYTES]; /* the peer may go before the reply comes */
	char *text;                              /* what the request's members point to */
	size_t text_bytes;
};

/* Why a request is refused; http_status 0 when it is not. */
struct refusal {
	uint32_t http_status;
	status failure;
};

/* Check the header of a request and copy it into the exchange. */
struct refusal
exchange_take_header(struct exchange *exchange, const char *method, const char *version);

/* A response as the library wants it, with the headers that every reply has; NULL without memory or
 * when a header's value can't be sent. */
struct MHD_Response *
http_response_make(const struct http_response *response, const char *id, bool close);
struct MHD_Response *http_problem_make(uint32_t http_status, status failure, uint32_t retry_after_s,
    const struct http_header *headers, size_t headers_count, const char *id, bool close);
/* The headers that every reply has and that it may override, ended by a NULL name. */
extern const struct http_header http_headers_always[];

/* The library's callbacks; cls is the server. */
void *exchange_begin(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result
exchange_continue(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_bytes, void **context);
void exchange_end(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why);

void http_server_release(struct http_server *server);

#endif
