/* Clients that mean it ill, at a steady rate, so that what is measured beside them is the server
 * and not them. SP by hand over TCP, from an address of their own and out of one thread. --mode
 *
 *   deaf      --connections ask for a block of 4 KiB again and again, and never read
 *   silent    --connections say nothing, or three bytes of a greeting
 *   idle      --connections greet and say nothing more
 *   dying     connections end in each of their states, half of them by a reset
 *   churn     connect and close
 *   lengths   a header that promises a gibibyte, or more
 *   payloads  good envelopes with anything in them, for every method, by nobody, a key and an owner
 *
 * --rate is of the requests, connections or envelopes; where connections stand, of those that are
 * looked at: who was turned away comes again. --requests: one, of which all are made. A failure is
 * what could not be done: no connection, or no room to send in. */
#include "accounts.h"
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "gen/pb/usher/v1/ops.pb-c.h"
#include "gen/pb/usher/v1/org.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "line.h"
#include "load.h"
#include "random_message.h"
#include "wire/envelope.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define LATE_NS (NS_PER_S / 10)
#define CONNECT_WAIT_S 3
#define HEAD_BYTES 12 /* length and request id */
#define FRAME_BYTES_MAX (128 << 10)
#define LARGE_BYTES 100000
#define ABOUT_BYTES 4000
#define SMALL_BUFFER_BYTES 4096
#define MANY_REQUESTS 40
#define TOKEN_BYTES_MAX 2048
#define PAYLOAD_BYTES_MAX 16384
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define AUTH "usher.v1.AuthService/"

struct frame {
	uint8_t data[FRAME_BYTES_MAX];
	size_t bytes;
};

struct peer {
	int fd;      /* -1: not connected */
	size_t done; /* of what is being sent */
};

struct mode {
	const char *name;
	void (*prepare)(void);
	bool (*act)(uint64_t number);
};

static const uint8_t hello[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
static struct load_options options;
static const struct mode *mode;
static struct sockaddr_in target, source;
static struct peer *peers;
static struct slice credential;
static struct frame resolve, large, write_one;
static char token[TOKEN_BYTES_MAX];
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- connections */

static int
peer_connect(int receive_bytes)
{
	const struct timeval wait = {.tv_sec = CONNECT_WAIT_S};
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	/* The port is chosen when both ends are known, so that many are not too many. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (receive_bytes)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) == 0 &&
	    connect(fd, (struct sockaddr *)&target, sizeof(target)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static bool
all_sent(int fd, const void *data, size_t bytes)
{
	return send(fd, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* Ends it with a reset, as a machine does that knows nothing of it any more. */
static void
peer_abort(int fd)
{
	const struct linger linger = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(fd);
}

/* By the server; what it said until now is dropped. */
static bool
is_closed(int fd)
{
	static uint8_t dropped[1 << 16];
	ssize_t got;

	while ((got = recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT)) > 0)
		;
	return got == 0 || errno != EAGAIN;
}

static void
peer_close(struct peer *peer)
{
	(void)close(peer->fd);
	peer->fd = -1;
	peer->done = 0;
}

/* ---- envelopes */

static void
frame_make(const char *method, struct slice who, struct slice payload, struct frame *out)
{
	struct request_envelope envelope;

	request_envelope_init(&envelope);
	envelope.method_id = wire_method_id(slice_text(method));
	envelope.credential = who;
	envelope.payload = slice_of(NULL, payload.bytes);
	const size_t bytes = envelope_request_size(&envelope);
	if (HEAD_BYTES + bytes > sizeof(out->data))
		fail("an envelope is larger than its room");
	const uint64_t length = htobe64(bytes + HEAD_BYTES - sizeof(length));
	const uint32_t id = htobe32(UINT32_C(0x80000001));
	memcpy(out->data, &length, sizeof(length));
	memcpy(out->data + sizeof(length), &id, sizeof(id));
	if (payload.bytes > 0)
		memcpy(envelope_pack_request(&envelope, out->data + HEAD_BYTES), payload.data,
		    payload.bytes);
	else
		(void)envelope_pack_request(&envelope, out->data + HEAD_BYTES);
	out->bytes = HEAD_BYTES + bytes;
}

static void
frame_of(const char *method, const void *request, struct frame *out)
{
	static uint8_t packed[FRAME_BYTES_MAX];

	if (protobuf_c_message_get_packed_size(request) > sizeof(packed))
		fail("a request is larger than its room");
	frame_make(
	    method, credential, slice_of(packed, protobuf_c_message_pack(request, packed)), out);
}

static void
frames_make(void)
{
	Usher__V1__ResolveRequest asked = USHER__V1__RESOLVE_REQUEST__INIT;
	Usher__V1__PutProfileRequest put = USHER__V1__PUT_PROFILE_REQUEST__INIT;
	Usher__V1__Profile profile = USHER__V1__PROFILE__INIT;
	static char text[LARGE_BYTES + 1];

	asked.message = (char *)"x";
	frame_of("usher.v1.ContextService/Resolve", &asked, &resolve);
	memset(text, 'x', LARGE_BYTES);
	asked.message = text;
	frame_of("usher.v1.ContextService/Resolve", &asked, &large);
	text[ABOUT_BYTES] = '\0';
	profile.about = text;
	put.profile = &profile;
	frame_of("usher.v1.ContextService/PutProfile", &put, &write_one);
}

/* Before all begins: a call that must succeed. The reply is the caller's; out borrows it. */
static nng_msg *
call(const struct frame *frame, struct response_envelope *out)
{
	static struct line line;

	if (!line.socket.id)
		line_open(&line, options.target, 0);
	nng_msg *reply = line_call(&line, frame->data + HEAD_BYTES, frame->bytes - HEAD_BYTES);
	errno = 0;
	if (envelope_parse_response(slice_of(nng_msg_body(reply), nng_msg_len(reply)), out).code !=
		ST_OK ||
	    out->code != ST_OK)
		fail("the server refuses what is to be asked");
	return reply;
}

/* ---- deaf */

static bool
deaf_act(uint64_t number)
{
	struct peer *peer = &peers[number % options.connections];

	if (peer->fd < 0) {
		peer->fd = peer_connect(SMALL_BUFFER_BYTES);
		if (peer->fd < 0 || !all_sent(peer->fd, hello, sizeof(hello)))
			return false;
	}
	const ssize_t sent = send(peer->fd, resolve.data + peer->done, resolve.bytes - peer->done,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno != EAGAIN)
			peer_close(peer);
		return false;
	}
	peer->done = (peer->done + (size_t)sent) % resolve.bytes;
	return peer->done == 0;
}

/* ---- silent, idle */

static bool
stands(struct peer *peer, size_t said)
{
	if (peer->fd >= 0 && !is_closed(peer->fd))
		return true;
	if (peer->fd >= 0)
		peer_close(peer);
	peer->fd = peer_connect(0);
	return peer->fd >= 0 && (said == 0 || all_sent(peer->fd, hello, said));
}

static bool
silent_act(uint64_t number)
{
	const uint64_t index = number % options.connections;

	return stands(&peers[index], index % 2 ? 3 : 0);
}

static bool
idle_act(uint64_t number)
{
	return stands(&peers[number % options.connections], sizeof(hello));
}

static void
all_prepare(void)
{
	for (uint64_t i = 0; i < options.connections; i++)
		(void)mode->act(i);
}

/* ---- dying */

struct death {
	const struct frame *frame;
	size_t hello_bytes;
	size_t frame_bytes; /* SIZE_MAX: all of it */
	unsigned times;
	bool is_answered;
	int receive_bytes;
	uint64_t length; /* sent as a header instead of a frame, with some bytes after it */
};

#define GREETS .hello_bytes = sizeof(hello)
#define SENDS(what, part, count) GREETS, .frame = (what), .frame_bytes = (part), .times = (count)
static const struct death deaths[] = {
    {.hello_bytes = 0},
    {.hello_bytes = 4},
    {GREETS},
    {SENDS(&resolve, 4, 1)},
    {SENDS(&resolve, 8, 1)},
    {SENDS(&resolve, 10, 1)},
    {SENDS(&large, LARGE_BYTES / 2, 1)},
    {SENDS(&large, LARGE_BYTES, 1)},
    {SENDS(&resolve, SIZE_MAX, 1)},
    {SENDS(&write_one, SIZE_MAX, 1)},
    {SENDS(&resolve, SIZE_MAX, 3)},
    {SENDS(&resolve, SIZE_MAX, MANY_REQUESTS), .receive_bytes = SMALL_BUFFER_BYTES},
    {SENDS(&resolve, SIZE_MAX, 1), .is_answered = true},
    {GREETS, .length = GIB},
    {GREETS, .length = 4 * MIB - 1},
    {GREETS, .length = 1},
};

static bool
death_send(const struct death *death, int fd)
{
	uint8_t promise[8 + 100] = {0};
	bool is_sent = death->hello_bytes == 0 || all_sent(fd, hello, death->hello_bytes);

	for (unsigned i = 0; is_sent && i < death->times; i++) {
		const struct frame *frame = death->frame;
		is_sent = all_sent(fd, frame->data,
		    death->frame_bytes < frame->bytes ? death->frame_bytes : frame->bytes);
	}
	if (is_sent && death->length) {
		const uint64_t length = htobe64(death->length);
		memcpy(promise, &length, sizeof(length));
		is_sent = all_sent(fd, promise, sizeof(promise));
	}
	return is_sent;
}

static bool
dying_act(uint64_t number)
{
	const struct death *death = &deaths[number % (sizeof(deaths) / sizeof(deaths[0]))];
	const int fd = peer_connect(death->receive_bytes);
	uint8_t reply[4096];

	if (fd < 0)
		return false;
	bool is_done = death_send(death, fd);
	/* The server's greeting, and the beginning of its answer. */
	for (ssize_t got = 0; is_done && death->is_answered && got <= (ssize_t)sizeof(hello);) {
		const ssize_t more = recv(fd, reply, sizeof(reply), 0);
		is_done = more > 0;
		got += more;
	}
	if (random_next(&random_state) % 2)
		peer_abort(fd);
	else
		(void)close(fd);
	return is_done;
}

/* ---- churn, lengths */

static bool
churn_act(uint64_t number)
{
	const int fd = peer_connect(0);
	const bool is_good = fd >= 0 && (number % 2 == 0 || all_sent(fd, hello, sizeof(hello)));

	if (fd >= 0)
		(void)close(fd);
	return is_good;
}

static bool
lengths_act(uint64_t number)
{
	static const uint64_t lengths[] = {GIB, 4 * MIB + 1 + 4, INT64_MAX, UINT64_MAX};
	const uint64_t length = htobe64(lengths[number % (sizeof(lengths) / sizeof(lengths[0]))]);
	const int fd = peer_connect(0);
	uint8_t head[sizeof(hello) + sizeof(length)], said[64];
	ssize_t got = 1;

	if (fd < 0)
		return false;
	memcpy(head, hello, sizeof(hello));
	memcpy(head + sizeof(hello), &length, sizeof(length));
	bool is_good = all_sent(fd, head, sizeof(head));
	while (is_good && got > 0)
		got = recv(fd, said, sizeof(said), 0);
	/* Closed, and not by our patience. */
	is_good = is_good && (got == 0 || errno == ECONNRESET);
	(void)close(fd);
	return is_good;
}

/* ---- payloads */

static void
payloads_prepare(void)
{
	Usher__V1__LoginRequest login = USHER__V1__LOGIN_REQUEST__INIT;
	struct response_envelope response;
	struct frame frame;

	login.email = (char *)HOSTILE_EMAIL;
	login.password = (char *)ACCOUNT_PASSWORD;
	frame_of(AUTH "Login", &login, &frame);
	nng_msg *reply = call(&frame, &response);
	Usher__V1__Tokens *tokens =
	    usher__v1__tokens__unpack(NULL, response.payload.bytes, response.payload.data);
	if (!tokens || strlen(tokens->access_token) >= sizeof(token))
		fail("no session");
	(void)strcpy(token, tokens->access_token);
	usher__v1__tokens__free_unpacked(tokens, NULL);
	nng_msg_free(reply);
}

/* Bytes that are no message, messages of anything, and such with something wrong in them. */
static size_t
payload_make(uint64_t number, const ProtobufCMessageDescriptor *kind, uint8_t *out)
{
	size_t bytes = 0;

	if (number % 3 == 0) {
		bytes = random_next(&random_state) % 64;
		for (size_t i = 0; i < bytes; i++)
			out[i] = (uint8_t)random_next(&random_state);
		return bytes;
	}
	bytes = random_message(&random_state, kind, out, PAYLOAD_BYTES_MAX);
	if (number % 3 == 2 && bytes > 0)
		for (int i = 0; i < 2; i++)
			out[random_next(&random_state) % bytes] =
			    (uint8_t)random_next(&random_state);
	return bytes;
}

static struct slice
credential_choose(const char *method)
{
	switch (random_next(&random_state) % 3) {
	case 0:
		return SLICE_NONE;
	case 1:
		return credential;
	default:
		/* It would be the last that the owner does. */
		return strcmp(method, AUTH "Logout") == 0 ? SLICE_NONE : slice_text(token);
	}
}

static bool
payloads_act(uint64_t number)
{
	static const ProtobufCServiceDescriptor *const services[] = {
	    &usher__v1__auth_service__descriptor, &usher__v1__context_service__descriptor,
	    &usher__v1__ops_service__descriptor, &usher__v1__org_service__descriptor,
	    &usher__v1__user_service__descriptor};
	static struct frame frame;
	static uint8_t payload[PAYLOAD_BYTES_MAX];
	struct peer *peer = &peers[number % options.connections];
	char method[ENVELOPE_NAME_BYTES_MAX];
	unsigned methods = 0, service = 0;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		methods += services[i]->n_methods;
	uint64_t index = random_next(&random_state) % methods;
	for (; index >= services[service]->n_methods; service++)
		index -= services[service]->n_methods;
	const ProtobufCMethodDescriptor *chosen = &services[service]->methods[index];
	(void)snprintf(method, sizeof(method), "%s/%s", services[service]->name, chosen->name);
	const size_t bytes = payload_make(random_next(&random_state), chosen->input, payload);
	frame_make(method, credential_choose(method), slice_of(payload, bytes), &frame);
	return stands(peer, sizeof(hello)) && all_sent(peer->fd, frame.data, frame.bytes);
}

/* ---- all of them */

static const struct mode modes[] = {
    {"deaf", NULL, deaf_act},
    {"silent", all_prepare, silent_act},
    {"idle", all_prepare, idle_act},
    {"dying", NULL, dying_act},
    {"churn", NULL, churn_act},
    {"lengths", NULL, lengths_act},
    {"payloads", payloads_prepare, payloads_act},
};

static void *
hostile_run(void *arg)
{
	struct load_slot *slot = arg;
	const int64_t period_ns = (int64_t)((double)NS_PER_S / options.rate);
	int64_t due_ns = load_now_ns();

	for (uint64_t number = 0; load_slot_next(slot); number++) {
		load_slot_ended(slot, mode->act(number), 0);
		due_ns += period_ns;
		if (load_now_ns() > due_ns + LATE_NS)
			due_ns = load_now_ns();
		const struct timespec until = {due_ns / NS_PER_S, due_ns % NS_PER_S};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
			;
	}
	return NULL;
}

/* Connections that the server let stand. */
static uint64_t
figure_standing(void)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < options.connections; i++)
		count += peers[i].fd >= 0 && !is_closed(peers[i].fd);
	return count;
}

static void
files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("getrlimit");
	limit.rlim_cur = options.connections + 64;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("so many open files");
}

static void
begin(void)
{
	struct request_envelope envelope;
	struct response_envelope response;
	const struct load_request *request;
	const char *port = strrchr(options.target, ':');

	target = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)atoi(port ? port + 1 : ""))};
	source = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	options.calls = 1;
	const unsigned connections = options.connections;
	options.connections = 1;
	load_begin(&options);
	options.connections = connections;
	request = load_slot_next(load_slot_at(0));
	if (!request ||
	    envelope_parse_request(slice_of(request->data, request->bytes), &envelope).code !=
		ST_OK)
		fail("--requests holds no request");
	credential = envelope.credential;
	frames_make();
	/* What others wrote there is gone, and it is in memory from here on. */
	nng_msg_free(call(&write_one, &response));
	nng_msg_free(call(&resolve, &response));
	peers = calloc(connections, sizeof(*peers));
	if (!peers)
		fail("no memory");
	for (unsigned i = 0; i < connections; i++)
		peers[i].fd = -1;
	files_raise();
}

int
main(int argc, char **argv)
{
	pthread_t thread;

	load_options_read(argc, argv, &options);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (options.mode && strcmp(options.mode, modes[i].name) == 0)
			mode = &modes[i];
	/* On another machine it would take nothing of the server's. A niced thread would: whoever
	 * is woken does not always take its core at once. */
	const struct sched_param none = {0};
	if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
		fail("SCHED_IDLE");
	if (!mode || !options.requests || options.rate <= 0) {
		(void)fputs("hostile: wants --mode, --requests and --rate\n", stderr);
		return 2;
	}
	begin();
	if (mode->prepare)
		mode->prepare();
	load_add_figure("standing", figure_standing);
	if (pthread_create(&thread, NULL, hostile_run, load_slot_at(0)) != 0)
		fail("no thread");
	const int code = load_finish();
	/* nng's threads may be about: nothing is to be torn down under them. */
	_exit(code);
}
