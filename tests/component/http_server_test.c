#include "http/internal.h"

#include "base/wait.h"
#include "tests/lib/until.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY_BYTES_MAX 65536
#define HUGE_BYTES (16u << 20) /* more than two sockets hold */
#define KEPT_MAX 64

/* How often the server's lock was found held, and how often free. */
struct lock_looks {
	atomic_int held, free;
};
static _Atomic(struct http_server *) looked_at;
static struct lock_looks at_resume, at_peek;

static void
look_at_lock(struct lock_looks *looks)
{
	struct http_server *server = atomic_load(&looked_at);

	if (!server)
		return;
	if (pthread_mutex_trylock(&server->lock) != 0) {
		atomic_fetch_add(&looks->held, 1);
		return;
	}
	pthread_mutex_unlock(&server->lock);
	atomic_fetch_add(&looks->free, 1);
}

/* Replied to, a connection goes on. */
void __real_MHD_resume_connection(struct MHD_Connection *connection);
void __wrap_MHD_resume_connection(struct MHD_Connection *connection);

void
__wrap_MHD_resume_connection(struct MHD_Connection *connection)
{
	look_at_lock(&at_resume);
	__real_MHD_resume_connection(connection);
}

/* Has a client left? */
ssize_t __real_recv(int fd, void *out, size_t bytes, int flags);
ssize_t __wrap_recv(int fd, void *out, size_t bytes, int flags);

ssize_t
__wrap_recv(int fd, void *out, size_t bytes, int flags)
{
	if (flags & MSG_PEEK)
		look_at_lock(&at_peek);
	return __real_recv(fd, out, bytes, flags);
}

/* What the handler does with a request is chosen by its path: /later is answered from another
 * thread, /never is kept until the test lets it go, /huge gets HUGE_BYTES, what it does not know is
 * echoed. */
struct fixture {
	struct http_server *server;
	uint16_t port;
	atomic_int handled;
	pthread_mutex_t lock;
	pthread_cond_t kept_changed;
	struct http_request *kept[KEPT_MAX];
	size_t kept_count;
};

static void
reply_text(struct http_request *request, const char *text)
{
	struct http_response response = {
	    .status = 200, .content_type = "text/plain", .body = slice_text(text)};

	http_reply(request, &response);
}

static void *
reply_later(void *cls)
{
	reply_text(cls, "later\n");
	return NULL;
}

static void
reply_echo(struct http_request *request)
{
	char text[4096];
	const char *odd = http_request_header(request, "x-odd");

	snprintf(text, sizeof(text),
	    "method=%s\nhead=%d\npath=%s\nquery=%s\nhost=%s\nclient=%s\nodd=[%.100s]\nodds=%zu\n"
	    "body=%zu:%.*s\n",
	    request->method, request->is_head, request->path, request->query, request->host,
	    request->client_address, odd ? odd : "-", http_request_header_count(request, "X-ODD"),
	    request->body.bytes, (int)(request->body.bytes > 200 ? 200 : request->body.bytes),
	    request->body.bytes ? (const char *)request->body.data : "");
	reply_text(request, text);
}

static void
reply_with_header(struct http_request *request, const char *name, const char *value)
{
	const struct http_header headers[] = {{name, value}};
	struct http_response response = {.status = 200, .headers = headers, .headers_count = 1};

	http_reply(request, &response);
}

static void
reply_huge(struct http_request *request)
{
	static const uint8_t body[HUGE_BYTES];
	const struct http_response response = {.status = 200, .body = slice_of(body, HUGE_BYTES)};

	http_reply(request, &response);
}

static void
handle(void *env, struct http_request *request)
{
	struct fixture *fixture = env;
	pthread_t thread;

	atomic_fetch_add(&fixture->handled, 1);
	if (strcmp(request->path, "/later") == 0) {
		assert_int_equal(pthread_create(&thread, NULL, reply_later, request), 0);
		pthread_detach(thread);
	} else if (strcmp(request->path, "/never") == 0) {
		pthread_mutex_lock(&fixture->lock);
		fixture->kept[fixture->kept_count++] = request;
		pthread_cond_broadcast(&fixture->kept_changed);
		pthread_mutex_unlock(&fixture->lock);
	} else if (strcmp(request->path, "/huge") == 0) {
		reply_huge(request);
	} else if (strcmp(request->path, "/own-header") == 0) {
		reply_with_header(request, "Cache-Control", "public, max-age=60");
	} else if (strcmp(request->path, "/split") == 0) {
		reply_with_header(request, "X-Own", "a\r\nSet-Cookie: b");
	} else if (strcmp(request->path, "/problem") == 0) {
		http_reply_problem(
		    request, 409, REFUSE_FOR(ST_ABORTED, "BUSY", "say \"again\"\n"), 7, NULL, 0);
	} else {
		reply_echo(request);
	}
}

static int
start_as(void **state, const struct http_config *config)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	pthread_mutex_init(&fixture->lock, NULL);
	wait_cond_init(&fixture->kept_changed);
	status made = http_server_new(config, handle, fixture, &fixture->server);
	assert_int_equal(made.code, ST_OK);
	fixture->port = http_server_port(fixture->server);
	*state = fixture;
	return 0;
}

static int
start(void **state, uint32_t request_timeout_ms, uint32_t drain_timeout_ms)
{
	struct http_config config;

	http_config_init(&config);
	config.listen = "127.0.0.1:0";
	config.request_timeout_ms = request_timeout_ms;
	config.drain_timeout_ms = drain_timeout_ms;
	return start_as(state, &config);
}

static int
set_up(void **state)
{
	return start(state, 10000, 5000);
}

static int
set_up_patient(void **state)
{
	return start(state, 10000, 60000);
}

static int
set_up_curt(void **state)
{
	return start(state, 10000, 100);
}

static int
set_up_hasty(void **state)
{
	return start(state, 500, 100);
}

static bool
is_proxy(void *env, const char *address)
{
	(void)env;
	return strcmp(address, "127.0.0.9") == 0;
}

#define NARROW_CONNECTIONS 8
#define NARROW_PER_ADDRESS 5
#define NARROW_BODIES (64u << 10)

static int
set_up_narrow(void **state)
{
	struct http_config config;

	http_config_init(&config);
	config.listen = "127.0.0.1:0";
	config.connections_max = NARROW_CONNECTIONS;
	config.connections_per_address_max = NARROW_PER_ADDRESS;
	config.bodies_bytes_max = NARROW_BODIES;
	config.drain_timeout_ms = 100;
	config.is_proxy = is_proxy;
	return start_as(state, &config);
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	http_server_stop(&fixture->server);
	assert_null(fixture->server);
	pthread_cond_destroy(&fixture->kept_changed);
	pthread_mutex_destroy(&fixture->lock);
	free(fixture);
	return 0;
}

/* From 127.0.0.HOST. */
static int
dial_from(struct fixture *fixture, uint32_t host)
{
	struct sockaddr_in source = {
	    .sin_family = AF_INET, .sin_addr = {htonl((INADDR_LOOPBACK & ~0xffu) | host)}};
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(fixture->port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof(source)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int
dial(struct fixture *fixture)
{
	return dial_from(fixture, 1);
}

/* The server may have closed already: what it said is looked at afterwards. */
static void
say(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		text += sent;
		bytes -= (size_t)sent;
	}
}

/* Everything until the server closes, and a NUL. */
static void
hear_all(int fd, char reply[REPLY_BYTES_MAX])
{
	size_t bytes = 0;
	ssize_t got;

	while (bytes < REPLY_BYTES_MAX - 1 &&
	       (got = recv(fd, reply + bytes, REPLY_BYTES_MAX - 1 - bytes, 0)) > 0)
		bytes += (size_t)got;
	reply[bytes] = '\0';
}

/* One exchange on a connection of its own; the requests below ask for it to be closed. */
static void
ask(struct fixture *fixture, const char *request, size_t bytes, char reply[REPLY_BYTES_MAX])
{
	int fd = dial(fixture);

	say(fd, request, bytes);
	hear_all(fd, reply);
	close(fd);
}

static int
status_in(const char *reply)
{
	int http_status = 0;

	if (sscanf(reply, "HTTP/1.%*d %d ", &http_status) != 1)
		return 0;
	return http_status;
}

static void
assert_has(const char *reply, const char *text)
{
	if (!strstr(reply, text))
		fail_msg("\"%s\" is not in:\n%s", text, reply);
}

static void
assert_safe(const char *reply)
{
	assert_has(reply, "X-Content-Type-Options: nosniff\r\n");
	assert_has(reply, "Referrer-Policy: no-referrer\r\n");
	assert_has(reply, "X-Frame-Options: DENY\r\n");
	assert_has(reply, "Content-Security-Policy: default-src 'none'");
	assert_has(reply, "X-Request-Id: ");
}

#define CLOSE "Connection: close\r\n"
#define HOST "Host: a.example\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define ASK(state, text, reply) ask(*(state), text, sizeof(text) - 1, reply)

static void
a_plain_get_comes_through_whole(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state,
	    "GET /v1/a%2Fb/%41?x=%20&y HTTP/1.1\r\n" HOST
	    "X-Odd:  two words \t\r\nx-odd: second\r\n" CLOSE "\r\n",
	    reply);
	assert_int_equal(status_in(reply), 200);
	assert_has(reply, "method=GET\nhead=0\npath=/v1/a%2Fb/%41\nquery=x=%20&y\n"
			  "host=a.example\nclient=127.0.0.1\nodd=[two words]\nodds=2\nbody=0:\n");
	assert_has(reply, "Cache-Control: no-store\r\n");
	assert_has(reply, "Content-Type: text/plain\r\n");
	assert_safe(reply);
}

static void
head_is_get_without_a_body(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state, "HEAD /x HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_int_equal(status_in(reply), 200);
	assert_null(strstr(reply, "method="));
	assert_null(strstr(reply, "Content-Length: 0\r\n"));
	assert_string_equal(reply + strlen(reply) - 4, "\r\n\r\n");
}

static void
bodies_arrive_by_length_and_in_chunks(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state, "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 5\r\n\r\nhello", reply);
	assert_has(reply, "method=POST\n");
	assert_has(reply, "body=5:hello\n");
	ASK(state,
	    "PUT /x HTTP/1.1\r\n" HOST CLOSE CHUNKED "\r\n"
	    "2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: ignored\r\n\r\n",
	    reply);
	assert_has(reply, "method=PUT\n");
	assert_has(reply, "body=5:hello\n");
}

static void
a_body_waits_for_continue_when_it_asks_to(void **state)
{
	static const char header[] =
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
	char reply[REPLY_BYTES_MAX];
	int fd = dial(*state);

	say(fd, header, sizeof(header) - 1);
	ssize_t got = recv(fd, reply, sizeof(reply) - 1, 0);
	assert_true(got > 0);
	reply[got] = '\0';
	assert_has(reply, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "hi", 2);
	hear_all(fd, reply);
	assert_has(reply, "body=2:hi\n");
	close(fd);
}

static const struct bad_request {
	const char *what;
	int http_status;
	const char *text;
	size_t bytes;
} bad_requests[] = {
#define BAD(what, http_status, text)                                                               \
	{                                                                                          \
		what, http_status, text, sizeof(text) - 1                                          \
	}
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"
    BAD("no Host", 400, GET CLOSE "\r\n"),
    BAD("two Hosts", 400, GET HOST HOST CLOSE "\r\n"),
    BAD("empty Host", 400, GET "Host: \r\n" CLOSE "\r\n"),
    BAD("Host with a path", 400, GET "Host: a/b\r\n" CLOSE "\r\n"),
    BAD("length and coding", 400, POST HOST CLOSE "Content-Length: 3\r\n" CHUNKED "\r\n0\r\n\r\n"),
    BAD("two lengths", 400, POST HOST CLOSE "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    BAD("a list of lengths", 400, POST HOST CLOSE "Content-Length: 1, 1\r\n\r\na"),
    BAD("a signed length", 400, POST HOST CLOSE "Content-Length: +1\r\n\r\na"),
    BAD("a huge length", 413, POST HOST CLOSE "Content-Length: 99999999999999999999999\r\n\r\na"),
    BAD("two codings", 400, POST HOST CLOSE CHUNKED CHUNKED "\r\n0\r\n\r\n"),
    BAD("another coding", 501, POST HOST CLOSE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    BAD("chunked with a blank behind", 501,
	POST HOST CLOSE "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
    BAD("chunked in HTTP/1.0", 400, "POST / HTTP/1.0\r\n" HOST CHUNKED "\r\n0\r\n\r\n"),
    BAD("a chunk that is no number", 400, POST HOST CLOSE CHUNKED "\r\nxyz\r\n\r\n"),
    BAD("a folded line", 400, GET HOST "X-A: b\r\n c\r\n" CLOSE "\r\n"),
    BAD("a line folded by a tab", 400, GET HOST "X-A: b\r\n\tc\r\n" CLOSE "\r\n"),
    BAD("a folded last line", 400, GET HOST CLOSE "X-A: b\r\n c\r\n\r\n"),
    BAD("a fold before any line", 400, GET " X-A: b\r\n" HOST CLOSE "\r\n"),
    BAD("a NUL in a value", 400, GET HOST "X-A: b\0c\r\n" CLOSE "\r\n"),
    BAD("a NUL that ends a value", 400, GET HOST CLOSE "X-A: b\0\r\n\r\n"),
    BAD("a NUL in a name", 400, GET HOST "X\0A: b\r\n" CLOSE "\r\n"),
    BAD("a NUL that ends the header", 400, GET HOST CLOSE "\0\r\nX-A: b\r\n\r\n"),
    BAD("a NUL in the path", 400, "GET /a\0b HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a control character in a value", 400, GET HOST "X-A: \x01\r\n" CLOSE "\r\n"),
    BAD("a bare CR in a value", 400, GET HOST "X-A: b\rc\r\n" CLOSE "\r\n"),
    BAD("a bare LF behind a line", 400, GET HOST "X-A: b\n" CLOSE "\r\n"),
    BAD("a bare LF behind the request line", 400, "GET / HTTP/1.1\n" HOST CLOSE "\r\n"),
    BAD("a blank before the colon", 400, GET HOST "X-A : b\r\n" CLOSE "\r\n"),
    BAD("a name that is no token", 400, GET HOST "X(A: b\r\n" CLOSE "\r\n"),
    BAD("an empty name", 400, GET HOST ": b\r\n" CLOSE "\r\n"),
    BAD("a line without a colon", 400, GET HOST "X-A\r\n" CLOSE "\r\n"),
    BAD("two spaces in the request line", 400, "GET  / HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a control character in the path", 400, "GET /\x07 HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a byte above ASCII in the path", 400, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a fragment", 400, "GET /a#b HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a byte above ASCII in the query", 400, "GET /?a=\xff HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("DEL in the path", 400, "GET /a\x7f HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("no slash in front", 400, "GET a HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("an asterisk for GET", 400, "GET * HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("another host in the address", 400, "GET http://b.example/ HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a user in the address", 400, "GET http://u@a.example/ HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("an unknown method", 501, "BREW / HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("TRACE", 501, "TRACE / HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("a method in small letters", 501, "get / HTTP/1.1\r\n" HOST CLOSE "\r\n"),
    BAD("HTTP/2.0", 505, "GET / HTTP/2.0\r\n" HOST CLOSE "\r\n"),
    BAD("an expectation that nobody knows", 417,
	POST HOST CLOSE "Expect: magic\r\nContent-Length: 1\r\n\r\na"),
};

static void
bad_requests_are_refused_each_with_its_status(void **state)
{
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int failures = 0;

	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		const struct bad_request *bad = &bad_requests[i];
		ask(fixture, bad->text, bad->bytes, reply);
		if (status_in(reply) != bad->http_status) {
			print_error("%s: not %d but:\n%s\n", bad->what, bad->http_status, reply);
			failures++;
		}
		/* One reply and no more: what followed was not taken for another request. A length
		 * that is no number is refused by the library, which before 1.0 wrote the reply's
		 * header twice; it closes the connection all the same. */
		if (reply[0] && strstr(reply + 1, "HTTP/1.1 ") && !strstr(bad->text, "Length: ")) {
			print_error("%s: answered twice:\n%s\n", bad->what, reply);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	assert_int_equal(fixture->handled, 0);
}

static void
our_refusals_are_problems(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state, GET HOST HOST CLOSE "\r\n", reply);
	assert_safe(reply);
	assert_has(reply, "Content-Type: application/problem+json\r\n");
	assert_has(reply, "\"status\":400");
	assert_has(reply, "\"code\":\"INVALID_ARGUMENT\"");
	assert_has(reply, "\"reason\":\"MALFORMED_REQUEST\"");
	assert_has(reply, "more than one Host");

	ASK(state, "GET /problem HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_safe(reply);
	assert_int_equal(status_in(reply), 409);
	assert_has(reply, "Retry-After: 7\r\n");
	assert_has(reply, "\"detail\":\"say \\\"again\\\"\\u000a\"");
	assert_has(reply, "\"reason\":\"BUSY\"");
}

/* before, then count times again, then after. */
static int
ask_long(struct fixture *fixture, const char *before, const char *again, size_t count,
    const char *after, char reply[REPLY_BYTES_MAX])
{
	struct strbuf request;

	strbuf_init(&request, 1u << 20);
	strbuf_add_text(&request, before);
	for (size_t i = 0; i < count; i++)
		strbuf_add_text(&request, again);
	strbuf_add_text(&request, after);
	ask(fixture, (const char *)request.data, request.bytes, reply);
	strbuf_done(&request);
	return status_in(reply);
}

static void
oversized_headers_are_refused(void **state)
{
	static const char end[] = " HTTP/1.1\r\n" HOST CLOSE "\r\n";
	char reply[REPLY_BYTES_MAX];

	assert_int_equal(ask_long(*state, "GET /", "a", 9000, end, reply), 414);
	assert_has(reply, "\"reason\":\"TARGET_TOO_LONG\"");
	assert_int_equal(ask_long(*state, "GET /", "a", 150000, end, reply), 414);
	assert_int_equal(ask_long(*state, GET HOST CLOSE, "X-A: b\r\n", 120, "\r\n", reply), 431);
	assert_has(reply, "\"reason\":\"HEADER_TOO_LARGE\"");
	assert_int_equal(
	    ask_long(*state, GET HOST CLOSE "X-A: ", "a", 17000, "\r\n\r\n", reply), 431);
	assert_has(reply, "\"reason\":\"HEADER_TOO_LARGE\"");
	assert_int_equal(
	    ask_long(*state, GET HOST CLOSE "X-A: ", "a", 150000, "\r\n\r\n", reply), 431);
}

static void
a_long_header_that_comes_in_pieces_is_understood(void **state)
{
	char header[16000], reply[REPLY_BYTES_MAX];
	int fd = dial(*state);
	size_t bytes = (size_t)sprintf(header, "GET /x?a=1&b=2 HTTP/1.1\r\n" HOST CLOSE "X-Long: ");

	memset(header + bytes, 'a', 12000);
	bytes += 12000;
	bytes += (size_t)sprintf(header + bytes, "\r\nX-Last:\r\n\r\n");
	for (size_t at = 0; at < bytes; at += 977)
		say(fd, header + at, bytes - at < 977 ? bytes - at : 977);
	hear_all(fd, reply);
	close(fd);
	assert_int_equal(status_in(reply), 200);
	assert_has(reply, "path=/x\nquery=a=1&b=2\n");
}

static void
a_body_over_the_limit_is_refused_without_reading_it(void **state)
{
	static const char *const headers[] = {
	    "POST /x HTTP/1.1\r\n" HOST "Content-Length: 2097152\r\n\r\n",
	    "POST /x HTTP/1.1\r\n" HOST CHUNKED "\r\n200000\r\n",
	};
	struct fixture *fixture = *state;
	size_t bytes = 2u << 20;
	char *body = calloc(1, bytes), reply[REPLY_BYTES_MAX];

	for (size_t i = 0; i < 2; i++) {
		int fd = dial(fixture);
		say(fd, headers[i], strlen(headers[i]));
		say(fd, body, bytes);
		hear_all(fd, reply);
		close(fd);
		assert_int_equal(status_in(reply), 413);
		assert_safe(reply);
		assert_has(reply, "\"reason\":\"BODY_TOO_LARGE\"");
	}
	free(body);
	assert_int_equal(fixture->handled, 0);
}

static void
the_largest_body_that_is_allowed_arrives(void **state)
{
	static const char header[] =
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 1048576\r\n\r\n";
	size_t bytes = 1u << 20;
	char *body = malloc(bytes), reply[REPLY_BYTES_MAX];
	int fd = dial(*state);

	memset(body, 'b', bytes);
	say(fd, header, sizeof(header) - 1);
	say(fd, body, bytes);
	hear_all(fd, reply);
	assert_has(reply, "body=1048576:bbbb");
	close(fd);
	free(body);
}

static void
odd_but_legal_requests_are_served(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state, "GET http://A.example?q HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_has(reply, "path=/\nquery=q\nhost=a.example\n");
	ASK(state, "OPTIONS * HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_has(reply, "method=OPTIONS\nhead=0\npath=*\n");
	ASK(state, "GET /x HTTP/1.0\r\n\r\n", reply);
	assert_has(reply, "path=/x\nquery=\nhost=\n");
}

static void
a_reply_may_set_headers_but_not_split_them(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state, "GET /own-header HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_has(reply, "Cache-Control: public, max-age=60\r\n");
	assert_null(strstr(reply, "no-store"));
	assert_safe(reply);
	ASK(state, "GET /split HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	assert_int_equal(status_in(reply), 500);
	assert_null(strstr(reply, "Set-Cookie"));
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	char reply[REPLY_BYTES_MAX];

	ASK(state,
	    "GET /later HTTP/1.1\r\n" HOST "\r\n"
	    "POST /one HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
	    "GET /two HTTP/1.1\r\n" HOST CLOSE "\r\n",
	    reply);
	const char *first = strstr(reply, "later\n");
	const char *second = strstr(reply, "path=/one\n");
	const char *third = strstr(reply, "path=/two\n");
	assert_true(first && second && third);
	assert_true(first < second && second < third);
	assert_has(reply, "body=3:abc\n");
}

static void *
ask_later_often(void *cls)
{
	void *state = cls;
	char reply[REPLY_BYTES_MAX];

	for (int i = 0; i < 50; i++) {
		ASK(&state, "GET /later HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
		if (!strstr(reply, "later\n"))
			return "a reply is missing";
	}
	return NULL;
}

static void
replies_come_from_other_threads(void **state)
{
	pthread_t threads[8];
	void *wrong;

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_later_often, *state), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

static void
wait_for_kept(struct fixture *fixture, size_t count)
{
	struct timespec give_up;
	int error = 0;

	wait_deadline(WAIT_US_MAX, &give_up);
	pthread_mutex_lock(&fixture->lock);
	while (fixture->kept_count < count && error == 0)
		error = pthread_cond_timedwait(&fixture->kept_changed, &fixture->lock, &give_up);
	pthread_mutex_unlock(&fixture->lock);
	assert_int_equal(error, 0);
}

static void
stopping_answers_what_nobody_answered_and_late_replies_do_no_harm(void **state)
{
	static const char request[] = "GET /never HTTP/1.1\r\n" HOST "\r\n";
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int fds[20];

	for (int i = 0; i < 20; i++) {
		fds[i] = dial(fixture);
		say(fds[i], request, sizeof(request) - 1);
	}
	wait_for_kept(fixture, 20);
	assert_int_equal(http_server_busy(fixture->server), 20);
	http_server_stop(&fixture->server);
	for (int i = 0; i < 20; i++) {
		hear_all(fds[i], reply);
		assert_int_equal(status_in(reply), 503);
		assert_has(reply, "SHUTTING_DOWN");
		assert_has(reply, "Retry-After: 1\r\n");
		assert_has(reply, "Connection: close\r\n");
		close(fds[i]);
	}
	for (int i = 0; i < 20; i++)
		reply_text(fixture->kept[i], "too late");
}

/* The library panics when it is stopped with a connection that is still suspended, and whoever
 * stops waits no longer than a second for one that is replied to. */
static void
stopping_never_meets_a_reply_that_is_half_handed_over(void **state)
{
	static const char request[] = "GET /never HTTP/1.1\r\n" HOST CLOSE "\r\n";
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];

	atomic_store(&looked_at, fixture->server);
	for (size_t i = 0; i < KEPT_MAX; i++) {
		int fd = dial(fixture);

		say(fd, request, sizeof(request) - 1);
		wait_for_kept(fixture, i + 1);
		reply_text(fixture->kept[i], "done\n");
		hear_all(fd, reply);
		assert_has(reply, "done\n");
		close(fd);
	}
	atomic_store(&looked_at, NULL);
	assert_int_equal(atomic_load(&at_resume.free), 0);
	assert_true(atomic_load(&at_resume.held) > 0);
}

static void *
stop_server(void *cls)
{
	struct fixture *fixture = cls;

	http_server_stop(&fixture->server);
	return NULL;
}

/* Requests on new connections, until the first that is not answered 200. */
static void
ask_until_refused(struct fixture *fixture, char reply[REPLY_BYTES_MAX])
{
	do
		ASK(&fixture, "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n", reply);
	while (status_in(reply) == 200);
}

static void
who_comes_while_it_stops_is_told_so_at_once(void **state)
{
	static const char request[] = "GET /never HTTP/1.1\r\n" HOST CLOSE "\r\n";
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	pthread_t stopper;
	int fd = dial(fixture), handled;

	say(fd, request, sizeof(request) - 1);
	wait_for_kept(fixture, 1);
	assert_int_equal(pthread_create(&stopper, NULL, stop_server, fixture), 0);
	ask_until_refused(fixture, reply);
	handled = atomic_load(&fixture->handled);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(status_in(reply), 503);
		assert_has(reply, "SHUTTING_DOWN");
		assert_has(reply, "Retry-After: 1\r\n");
		assert_has(reply, "Connection: close\r\n");
		ask_until_refused(fixture, reply);
	}
	assert_int_equal(atomic_load(&fixture->handled), handled);
	reply_text(fixture->kept[0], "in time\n");
	hear_all(fd, reply);
	assert_has(reply, "in time\n");
	close(fd);
	pthread_join(stopper, NULL);
}

/* Stands in for the C library's, for libmicrohttpd too: a thread that dawdles is as slow to take a
 * socket out of an epoll set as one that had to give up its core just before. */
static _Thread_local bool dawdles;

int
epoll_ctl(int set, int what, int fd, struct epoll_event *event)
{
	if (what == EPOLL_CTL_DEL && dawdles)
		usleep(2000);
	return (int)syscall(SYS_epoll_ctl, set, what, fd, event);
}

/* Until nobody listens any more. */
static void *
come_and_go(void *cls)
{
	static const char request[] = "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n";
	const struct fixture *fixture = cls;
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(fixture->port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	char reply[REPLY_BYTES_MAX];
	bool is_there = true;

	while (is_there) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		is_there = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
		if (is_there) {
			say(fd, request, sizeof(request) - 1);
			hear_all(fd, reply);
		}
		close(fd);
	}
	return NULL;
}

static void
stopping_goes_well_while_clients_come_and_go(void **state)
{
	pthread_t clients[4];

	for (int round = 0; round < 20; round++) {
		assert_int_equal(set_up(state), 0);
		struct fixture *fixture = *state;

		for (int i = 0; i < 4; i++)
			assert_int_equal(
			    pthread_create(&clients[i], NULL, come_and_go, fixture), 0);
		while (atomic_load(&fixture->handled) < 20)
			usleep(100);
		dawdles = true;
		http_server_stop(&fixture->server);
		dawdles = false;
		for (int i = 0; i < 4; i++)
			pthread_join(clients[i], NULL);
		tear_down(state);
	}
}

/* A piece now and then, always sooner than any timeout that starts again with each. */
static void
trickle(struct fixture *fixture, const char *before, const char *again)
{
	int64_t began_us = clock_boot_us(&clock_system);
	int fd = dial(fixture);
	struct pollfd closed = {.fd = fd, .events = POLLIN};

	say(fd, before, strlen(before));
	while (poll(&closed, 1, 50) == 0) {
		say(fd, again, strlen(again));
		assert_true(clock_boot_us(&clock_system) - began_us < 60 * US_PER_S);
	}
	assert_true(clock_boot_us(&clock_system) - began_us > 300 * US_PER_MS);
	close(fd);
}

static void
a_request_that_trickles_is_cut_off(void **state)
{
	struct fixture *fixture = *state;

	trickle(fixture, "", "G");
	trickle(fixture, GET HOST, "X-A: b\r\n");
	trickle(fixture, POST HOST "Content-Length: 100000\r\n\r\n", "a");
	trickle(fixture, POST HOST CHUNKED "\r\n", "1\r\na\r\n");
	assert_int_equal(fixture->handled, 0);
}

static void
a_handler_may_take_longer_than_reading_may(void **state)
{
	static const char request[] = "GET /never HTTP/1.1\r\n" HOST CLOSE "\r\n";
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int fd = dial(fixture);
	struct pollfd closed = {.fd = fd, .events = POLLIN};

	say(fd, request, sizeof(request) - 1);
	wait_for_kept(fixture, 1);
	assert_int_equal(poll(&closed, 1, 900), 0);
	reply_text(fixture->kept[0], "at last\n");
	hear_all(fd, reply);
	assert_has(reply, "at last\n");
	close(fd);
}

static bool
the_lock_was_free(void)
{
	return atomic_load(&at_peek.free) > 0;
}

static void
replies_do_not_wait_while_clients_that_left_are_looked_for(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture);

	atomic_store(&looked_at, fixture->server);
	until(the_lock_was_free, "a client is looked at, and the server's lock is free");
	atomic_store(&looked_at, NULL);
	close(fd);
}

/* A whole exchange on a connection that is kept; false: it was cut. */
static bool
serves(int fd)
{
	static const char request[] = GET HOST "\r\n";
	char reply[REPLY_BYTES_MAX];

	say(fd, request, sizeof(request) - 1);
	ssize_t got = recv(fd, reply, sizeof(reply) - 1, 0);
	if (got <= 0)
		return false;
	reply[got] = '\0';
	return status_in(reply) == 200;
}

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void
an_address_has_its_part_of_the_connections(void **state)
{
	int fds[NARROW_PER_ADDRESS + 1], other;

	for (size_t i = 0; i < NARROW_PER_ADDRESS; i++) {
		fds[i] = dial(*state);
		assert_true(serves(fds[i]));
	}
	fds[NARROW_PER_ADDRESS] = dial(*state);
	assert_false(serves(fds[NARROW_PER_ADDRESS]));
	other = dial_from(*state, 2);
	assert_true(serves(other));
	close(other);
	for (size_t i = 0; i < NARROW_PER_ADDRESS; i++)
		assert_true(serves(fds[i]));
	close_all(fds, NARROW_PER_ADDRESS + 1);
}

static void
a_proxy_has_more_than_its_part_and_makes_room_last(void **state)
{
	int fds[NARROW_CONNECTIONS];

	for (size_t i = 0; i < NARROW_CONNECTIONS; i++) {
		fds[i] = dial_from(*state, i < NARROW_CONNECTIONS - 1 ? 9 : 1);
		assert_true(serves(fds[i]));
	}
	/* All are taken. The next one displaces the youngest of them: it is nobody's proxy. */
	int next = dial_from(*state, 2);
	assert_true(serves(next));
	assert_false(serves(fds[NARROW_CONNECTIONS - 1]));
	for (size_t i = 0; i < NARROW_CONNECTIONS - 1; i++)
		assert_true(serves(fds[i]));
	close(next);
	close_all(fds, NARROW_CONNECTIONS);
}

static void
who_has_most_connections_makes_room_first(void **state)
{
	int fds[NARROW_CONNECTIONS], next;
	size_t served = 0;

	for (size_t i = 0; i < NARROW_CONNECTIONS; i++) {
		/* Single ones first, so that they have waited longest. */
		fds[i] = dial_from(*state, i < 3 ? 2 + (uint32_t)i : 1);
		assert_true(serves(fds[i]));
	}
	next = dial_from(*state, 5);
	assert_true(serves(next));
	for (size_t i = 0; i < NARROW_CONNECTIONS; i++) {
		bool is_served = serves(fds[i]);
		assert_true(is_served || i >= 3);
		served += is_served;
	}
	assert_int_equal(served, NARROW_CONNECTIONS - 1);
	close(next);
	close_all(fds, NARROW_CONNECTIONS);
}

static void
what_is_at_work_makes_no_room(void **state)
{
	static const char request[] = "GET /never HTTP/1.1\r\n" HOST CLOSE "\r\n";
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int fds[NARROW_CONNECTIONS], next;

	for (size_t i = 0; i < NARROW_CONNECTIONS; i++) {
		fds[i] = dial_from(fixture, 10 + (uint32_t)i);
		say(fds[i], request, sizeof(request) - 1);
		wait_for_kept(fixture, i + 1);
	}
	next = dial_from(fixture, 2);
	assert_false(serves(next));
	close(next);
	for (size_t i = 0; i < NARROW_CONNECTIONS; i++) {
		reply_text(fixture->kept[i], "at last\n");
		hear_all(fds[i], reply);
		assert_has(reply, "at last\n");
	}
	close_all(fds, NARROW_CONNECTIONS);
}

/* Until the server holds so many bytes of bodies. */
static void
wait_for_bodies(struct fixture *fixture, size_t bytes)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;

	while (atomic_load(&fixture->server->bodies_bytes) != bytes)
		assert_true(clock_boot_us(&clock_system) < give_up_us);
}

#define LARGE_BYTES 40000
#define LARGE "POST /never HTTP/1.1\r\n" HOST CLOSE "Content-Length: 40000\r\n"

static void
bodies_have_one_budget(void **state)
{
	static const char header[] = LARGE "\r\n";
	static const char patient[] = LARGE "Expect: 100-continue\r\n\r\n";
	static char body[LARGE_BYTES];
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int half = dial_from(fixture, 2), whole = dial_from(fixture, 3), late;
	struct pollfd closed = {.fd = half, .events = POLLIN};

	/* Two have no room together: the one that still comes in, and began before, goes. */
	say(half, patient, sizeof(patient) - 1);
	assert_true(recv(half, reply, sizeof(reply), 0) > 0);
	say(half, body, LARGE_BYTES - 1);
	wait_for_bodies(fixture, LARGE_BYTES - 1);
	say(whole, header, sizeof(header) - 1);
	say(whole, body, LARGE_BYTES);
	wait_for_kept(fixture, 1);
	assert_int_equal(poll(&closed, 1, 5000), 1);
	close(half);
	/* What is at work goes not: the next one is told to come again. */
	do {
		late = dial_from(fixture, 4);
		say(late, header, sizeof(header) - 1);
		say(late, body, LARGE_BYTES);
		hear_all(late, reply);
		close(late);
	} while (!*reply);
	assert_int_equal(status_in(reply), 503);
	assert_has(reply, "\"reason\":\"OVERLOADED\"");
	assert_has(reply, "Retry-After: 1\r\n");
	reply_text(fixture->kept[0], "done\n");
	hear_all(whole, reply);
	assert_has(reply, "done\n");
	close(whole);
}

/* All but the last byte of a body, which the server has when it returns. */
static int
begin_body(struct fixture *fixture, uint32_t host, size_t bytes)
{
	static const char body[LARGE_BYTES];
	const size_t wanted = atomic_load(&fixture->server->bodies_bytes) + bytes;
	int fd = dial_from(fixture, host);
	char header[128];
	int header_bytes = snprintf(header, sizeof(header),
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: %zu\r\n\r\n", bytes + 1);

	say(fd, header, (size_t)header_bytes);
	say(fd, body, bytes);
	wait_for_bodies(fixture, wanted);
	return fd;
}

/* The last byte; was it still taken? */
static bool
end_body(int fd)
{
	char reply[REPLY_BYTES_MAX];

	say(fd, "x", 1);
	hear_all(fd, reply);
	close(fd);
	return status_in(reply) == 200;
}

static void
the_address_that_holds_most_bytes_makes_room_first(void **state)
{
	static const char header[] =
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 20000\r\n\r\n";
	static const char body[20000];
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];
	int single, both[2], slow[3], next;

	/* The oldest, the most connections and the largest body are not those with most bytes. */
	for (size_t i = 0; i < 3; i++)
		slow[i] = begin_body(fixture, 2, 1000);
	single = begin_body(fixture, 3, 18000);
	for (size_t i = 0; i < 2; i++)
		both[i] = begin_body(fixture, 4, 15000 + i);
	next = dial_from(fixture, 5);
	say(next, header, sizeof(header) - 1);
	say(next, body, sizeof(body));
	hear_all(next, reply);
	close(next);
	assert_has(reply, "body=20000:");
	/* And of those the larger one, which is enough. */
	assert_false(end_body(both[1]));
	assert_true(end_body(both[0]));
	assert_true(end_body(single));
	for (size_t i = 0; i < 3; i++)
		assert_true(end_body(slow[i]));
}

/* Ask for HUGE_BYTES, and hear the reply begin. */
static int
begin_huge(struct fixture *fixture, uint32_t host)
{
	static const char request[] = "GET /huge HTTP/1.1\r\n" HOST CLOSE "\r\n";
	int fd = dial_from(fixture, host);
	char first;

	say(fd, request, sizeof(request) - 1);
	assert_int_equal(recv(fd, &first, 1, 0), 1);
	return fd;
}

/* How much more there is, before it ends or is cut. */
static size_t
hear_rest(int fd)
{
	static char piece[REPLY_BYTES_MAX];
	size_t bytes = 0;
	ssize_t got;

	while ((got = recv(fd, piece, sizeof(piece), 0)) > 0)
		bytes += (size_t)got;
	close(fd);
	return bytes;
}

static void
replies_that_are_not_read_make_room(void **state)
{
	static const char header[] =
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 40000\r\n\r\n";
	static const char body[LARGE_BYTES];
	struct fixture *fixture = *state;
	char reply[REPLY_BYTES_MAX];

	/* Each is larger than all may be together, and has its place all the same: what nobody has
	 * read before it goes. */
	int first = begin_huge(fixture, 2), second = begin_huge(fixture, 3);
	int third = begin_huge(fixture, 4);
	assert_true(hear_rest(third) > HUGE_BYTES);
	assert_true(hear_rest(second) < HUGE_BYTES);
	assert_true(hear_rest(first) < HUGE_BYTES);
	/* And is given back, a little after its client has heard the end: none of them is in the
	 * way of a body. */
	wait_for_bodies(fixture, 0);
	int fd = dial_from(fixture, 5);
	say(fd, header, sizeof(header) - 1);
	say(fd, body, LARGE_BYTES);
	hear_all(fd, reply);
	close(fd);
	assert_has(reply, "body=40000:");
}

static void
a_body_makes_a_reply_go_that_is_not_read(void **state)
{
	static const char header[] =
	    "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: 40000\r\n\r\n";
	static const char body[LARGE_BYTES];
	const int64_t give_up_us = clock_boot_us(&clock_system) + WAIT_US_MAX;
	char reply[REPLY_BYTES_MAX];
	int unread = begin_huge(*state, 2);

	/* Refused until that one is gone, which would else be after http_config.reply_timeout_ms.
	 */
	do {
		int fd = dial_from(*state, 3);

		assert_true(clock_boot_us(&clock_system) < give_up_us);
		say(fd, header, sizeof(header) - 1);
		say(fd, body, LARGE_BYTES);
		hear_all(fd, reply);
		close(fd);
	} while (status_in(reply) != 200);
	assert_has(reply, "body=40000:");
	assert_true(hear_rest(unread) < HUGE_BYTES);
}

static void
addresses_that_cannot_be_listened_on_are_named(void **state)
{
	static const struct {
		const char *listen;
		enum status_code code;
	} rows[] = {
	    {"8080", ST_INVALID_ARGUMENT},
	    {":8080", ST_INVALID_ARGUMENT},
	    {"127.0.0.1:", ST_INVALID_ARGUMENT},
	    {"127.0.0.1:99999", ST_INVALID_ARGUMENT},
	    {"127.0.0.1:80x", ST_INVALID_ARGUMENT},
	    {"::1:80", ST_INVALID_ARGUMENT},
	    {"203.0.113.1:8080", ST_UNAVAILABLE},
	    {NULL, ST_INVALID_ARGUMENT},
	};
	struct fixture *fixture = *state;
	struct http_server *server = NULL;
	struct http_config config;
	char taken[32];
	status made;

	http_config_init(&config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config.listen = rows[i].listen;
		made = http_server_new(&config, handle, fixture, &server);
		assert_int_equal(made.code, rows[i].code);
		assert_null(server);
	}
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", http_server_port(fixture->server));
	config.listen = taken;
	made = http_server_new(&config, handle, fixture, &server);
	assert_int_equal(made.code, ST_UNAVAILABLE);
	assert_string_equal(made.reason, "ADDRESS_IN_USE");
}

int
main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define SERVED_NARROWLY(test) cmocka_unit_test_setup_teardown(test, set_up_narrow, tear_down)
#define SERVED_PATIENTLY(test) cmocka_unit_test_setup_teardown(test, set_up_patient, tear_down)
#define SERVED_CURTLY(test) cmocka_unit_test_setup_teardown(test, set_up_curt, tear_down)
#define SERVED_HASTILY(test) cmocka_unit_test_setup_teardown(test, set_up_hasty, tear_down)
	const struct CMUnitTest tests[] = {
	    SERVED(a_plain_get_comes_through_whole),
	    SERVED(head_is_get_without_a_body),
	    SERVED(bodies_arrive_by_length_and_in_chunks),
	    SERVED(a_body_waits_for_continue_when_it_asks_to),
	    SERVED(bad_requests_are_refused_each_with_its_status),
	    SERVED(our_refusals_are_problems),
	    SERVED(oversized_headers_are_refused),
	    SERVED(a_long_header_that_comes_in_pieces_is_understood),
	    SERVED(a_body_over_the_limit_is_refused_without_reading_it),
	    SERVED(the_largest_body_that_is_allowed_arrives),
	    SERVED(odd_but_legal_requests_are_served),
	    SERVED(a_reply_may_set_headers_but_not_split_them),
	    SERVED(pipelined_requests_are_answered_in_order),
	    SERVED(replies_come_from_other_threads),
	    SERVED_CURTLY(stopping_answers_what_nobody_answered_and_late_replies_do_no_harm),
	    SERVED(stopping_never_meets_a_reply_that_is_half_handed_over),
	    SERVED_PATIENTLY(who_comes_while_it_stops_is_told_so_at_once),
	    cmocka_unit_test(stopping_goes_well_while_clients_come_and_go),
	    SERVED_HASTILY(a_request_that_trickles_is_cut_off),
	    SERVED_HASTILY(a_handler_may_take_longer_than_reading_may),
	    SERVED(replies_do_not_wait_while_clients_that_left_are_looked_for),
	    SERVED_NARROWLY(an_address_has_its_part_of_the_connections),
	    SERVED_NARROWLY(a_proxy_has_more_than_its_part_and_makes_room_last),
	    SERVED_NARROWLY(who_has_most_connections_makes_room_first),
	    SERVED_NARROWLY(what_is_at_work_makes_no_room),
	    SERVED_NARROWLY(bodies_have_one_budget),
	    SERVED_NARROWLY(the_address_that_holds_most_bytes_makes_room_first),
	    SERVED_NARROWLY(replies_that_are_not_read_make_room),
	    SERVED_NARROWLY(a_body_makes_a_reply_go_that_is_not_read),
	    SERVED(addresses_that_cannot_be_listened_on_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
