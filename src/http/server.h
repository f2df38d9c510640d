/* server.h - an HTTP/1.1 server that gives whole requests to a handler and takes replies later.
 *
 * A few event loops (epoll) read requests; the handler gets each one complete, with its body, and
 * may answer at once or from any other thread. What is ambiguous on the wire is refused before the
 * handler sees it: no request that two parsers could read in two ways goes on from here.
 * Every reply carries X-Request-Id and the security headers, and is not stored by caches unless
 * it says otherwise; refusals made here are RFC 9457 problems. What the library itself refuses
 * while it still reads the header (another version, a header larger than the connection's memory)
 * gets its right status and no more; a first line without any blank, no answer at all.
 * Source: RFC 9110, RFC 9112, RFC 9457. */
#ifndef USHER_HTTP_SERVER_H
#define USHER_HTTP_SERVER_H

#include "base/rand.h"
#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_header {
	const char *name;
	const char *value;
};

/* A request that was refused here, before anybody was given it. */
struct http_refusal {
	uint32_t http_status;
	const char *reason;
	const char *origin;         /* Origin as sent, if that could be read; NULL: none */
	const char *client_address; /* as in http_request */
	const char *id;
	int64_t started_us; /* CLOCK_BOOTTIME */
};
#define HTTP_REFUSAL_HEADERS_MAX 4
/* Is told of each; may put headers of its own into the reply, whose texts are copied, and says how
 * many. env is the handler's. On an event loop: must not block. */
typedef size_t http_refused(void *env, const struct http_refusal *refusal,
    struct http_header headers[HTTP_REFUSAL_HEADERS_MAX]);

/* Do many share that address? env is the handler's. On an event loop: must not block. */
typedef bool http_is_proxy(void *env, const char *address);

struct http_config {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080"; port 0: any free one */
	uint32_t threads;   /* event loops */
	/* At the limit some that wait for their clients make room: of the address that has most
	 * connections those that wait longest, and those of proxies last; with none that waits,
	 * nobody comes in. */
	uint32_t connections_max;
	uint32_t connections_per_address_max; /* proxies apart; of IPv6, per /64; 0: no limit */
	size_t connection_memory_bytes;       /* header and reading buffer of one connection */
	size_t body_bytes_max;
	/* Of requests, and replies until read. As above; the address that has most bytes goes
	 * first, with its largest. */
	size_t bodies_bytes_max;
	uint32_t request_timeout_ms;    /* for a request's header and body together */
	uint32_t idle_timeout_ms;       /* between requests, and without any progress */
	uint32_t reply_timeout_ms;      /* until the client has read the whole reply */
	uint32_t drain_timeout_ms;      /* http_server_stop() waits so long for replies */
	const struct rand_source *rand; /* of request ids */
	http_refused *refused;          /* NULL: nobody is told */
	http_is_proxy *is_proxy;        /* NULL: nobody is one */
};

/* Limits as the bridge has them by default; listen is left NULL. */
void http_config_init(struct http_config *config);

/* A complete request. Everything in it is text that ends in NUL and lives until http_reply().
 * Threads: read-only. */
struct http_request {
	const char *method; /* GET POST PUT PATCH DELETE OPTIONS; HEAD appears as GET */
	bool is_head;
	const char *path;           /* as sent: "/v1/users/a%2Fb"; "*" only for OPTIONS */
	const char *query;          /* as sent, without the question mark; "" when there is none */
	const char *host;           /* Host, or the authority of an absolute target */
	const char *client_address; /* of the connection: "192.0.2.1", "2001:db8::1" */
	const char *id;             /* 32 hex digits, ours */
	const struct http_header *headers; /* in the order sent, white space around values cut */
	size_t headers_count;
	struct slice body;
	int64_t started_us; /* CLOCK_BOOTTIME */
};

/* The value of the first header of that name, in any case; NULL when there is none. */
const char *http_request_header(const struct http_request *request, const char *name);
/* How many lines have that name. */
size_t http_request_header_count(const struct http_request *request, const char *name);

/* headers override the ones that every reply has (Cache-Control, Content-Security-Policy ...).
 * Everything is copied, but for a body that lives as long as the program. */
struct http_response {
	uint32_t status;
	const char *content_type; /* NULL: no Content-Type */
	const struct http_header *headers;
	size_t headers_count;
	struct slice body;
	bool is_constant; /* the body lives that long */
};

/* Takes a complete request, on an event loop: must not block. It, or somebody that it hands the
 * request to, calls http_reply() or http_reply_problem() exactly once. */
typedef void http_handler(void *env, struct http_request *request);

/* Answer, and give the request back: it must not be touched afterwards. Header values with control
 * characters, and a response that finds no memory, become a 500.
 * Threads: any, also after http_server_stop() (the reply is then dropped). Never blocks. */
void http_reply(struct http_request *request, const struct http_response *response);

/* Answer with application/problem+json made from a failure: code, reason, message and the request's
 * id. The message goes out as it is: the caller decides whether it may (status_is_internal()).
 * headers as above; retry_after_s 0 stands for none. */
void http_reply_problem(struct http_request *request, uint32_t http_status, status failure,
    uint32_t retry_after_s, const struct http_header *headers, size_t headers_count);

/* The same problem as text, for those who add members of their own: everything but the closing
 * brace. */
void http_problem_begin(
    struct strbuf *out, uint32_t http_status, status failure, const char *request_id);

/* The HTTP status that stands for a canonical code (google/rpc/code.proto). */
uint32_t http_status_of(enum status_code code);
/* "Not Found"; "" for a number without a name. */
const char *http_status_text(uint32_t http_status);

/* Connections: open now; since the start: not let in because their address had enough or there was
 * no room, shut down to make room, and because their time was over. */
struct http_figures {
	uint64_t open, refused, displaced, timed_out;
	uint64_t bodies_bytes; /* in memory now, of http_config.bodies_bytes_max */
};
/* Of the server that the request came to. Threads: any. */
void http_figures_read(const struct http_request *request, struct http_figures *out);

struct http_server;

/* Listen and serve. config is not kept; the texts it points to are not either.
 * Errors: INVALID_ARGUMENT (the address is none), UNAVAILABLE (in use, or not ours),
 * RESOURCE_EXHAUSTED (threads, memory). */
MUST_USE status http_server_new(
    const struct http_config *config, http_handler *handler, void *env, struct http_server **out);

/* The port it listens on. */
uint16_t http_server_port(const struct http_server *server);

/* Requests handed to the handler and not yet replied to in full. Threads: any. */
size_t http_server_busy(const struct http_server *server);

/* Answer 503 to every further request, wait for the replies that are due, at most drain_timeout_ms,
 * answer the rest 503, close everything. Who connects meanwhile is let in and told so. Blocks; not
 * from the handler. */
void http_server_stop(struct http_server **server);

#endif
