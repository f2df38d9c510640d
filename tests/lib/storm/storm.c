/* storm - SP REQ over TCP by hand, from one thread: a light client whose waits are measured, a
 * heavy one, and one that asks and never reads.
 *
 *     storm --port 7700 --requests FILE [--from 127.0.0.2] [--connections N] [--calls N]
 *           [--every-us N] [--deaf]
 *
 * Goes on until standard input ends; says "ready" once all connections are there, and in the end
 * one line of JSON. A call is sent again when it is answered; with --every-us when its turn comes,
 * and its wait counts from then, so that a server that stands still is seen by all who would have
 * asked. Who asks in turns is ready when it has been answered on each connection, and hears its
 * last answers before it ends: those that do not come are counted. A connection that ends is made
 * anew. The requests are taken one after the other: each stands in FILE after its length, 32 bits
 * little-endian. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define AGAIN_NS (10 * NS_PER_S / 1000)
#define IDLE_NS (20 * NS_PER_S / 1000)
#define LAST_ANSWERS_NS (8 * NS_PER_S)
#define HELLO_BYTES 8
#define HEAD_BYTES 12 /* length and request id */
#define REPLY_BYTES_MAX (8u << 20)
#define DEAF_BUFFER_BYTES 4096
#define CODES 17
#define EVENTS 64
/* 6 % wide, from 1 ns on. */
#define STEPS 16
#define BUCKETS (64 * STEPS)
/* Field 1 of a Response, its code, which a success leaves out. */
#define CODE_TAG 0x08

struct request {
	const uint8_t *data;
	uint32_t bytes;
};

struct call {
	int64_t due_ns;
	bool is_out;
};

struct buffer {
	uint8_t *data;
	size_t bytes, room, done;
};

struct peer {
	int fd;
	bool is_open, waits_to_write, is_answered;
	int64_t again_at_ns;
	struct buffer in, out;
	struct call *calls;
};

static struct {
	struct sockaddr_in target, from;
	const char *requests_path;
	unsigned peers, calls;
	int64_t every_ns;
	bool is_deaf;
} options = {.peers = 1, .calls = 1};

static struct request *requests;
static size_t requests_count, requests_next;
static struct peer *peers;
static int poll_fd;
static uint64_t answered, asked, lost, codes[CODES], waits[BUCKETS];
static int64_t longest_ns;

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void
requests_read(const char *path)
{
	struct stat about;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &about) != 0 || about.st_size == 0)
		fail(path);
	const size_t size = (size_t)about.st_size;
	const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	requests = calloc(size / sizeof(uint32_t), sizeof(*requests));
	if (data == MAP_FAILED || !requests)
		fail(path);
	(void)close(fd);
	for (size_t at = 0; at + sizeof(uint32_t) <= size;) {
		uint32_t bytes;

		memcpy(&bytes, data + at, sizeof(bytes));
		bytes = le32toh(bytes);
		at += sizeof(bytes);
		if (bytes > size - at)
			fail("the file is cut off");
		requests[requests_count++] = (struct request){data + at, bytes};
		at += bytes;
	}
}

static uint8_t *
buffer_room(struct buffer *buffer, size_t bytes)
{
	if (buffer->done == buffer->bytes)
		buffer->done = buffer->bytes = 0;
	if (buffer->bytes + bytes > buffer->room) {
		buffer->room = 2 * (buffer->bytes + bytes);
		buffer->data = realloc(buffer->data, buffer->room);
		if (!buffer->data)
			fail("no memory");
	}
	return buffer->data + buffer->bytes;
}

static void
peer_watch(struct peer *peer, int how)
{
	struct epoll_event event = {
	    .events =
		(peer->waits_to_write ? EPOLLOUT : 0) | (options.is_deaf ? EPOLLRDHUP : EPOLLIN),
	    .data.ptr = peer,
	};

	if (epoll_ctl(poll_fd, how, peer->fd, &event) != 0)
		fail("epoll");
}

static void
peer_close(struct peer *peer)
{
	(void)close(peer->fd);
	peer->is_open = false;
	peer->again_at_ns = now_ns() + AGAIN_NS;
	peer->in.bytes = peer->in.done = peer->out.bytes = peer->out.done = 0;
	lost++;
}

static void
peer_write(struct peer *peer)
{
	struct buffer *out = &peer->out;

	while (out->done < out->bytes) {
		const ssize_t sent =
		    send(peer->fd, out->data + out->done, out->bytes - out->done, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN) {
			peer_close(peer);
			return;
		}
		if (sent < 0)
			break;
		out->done += (size_t)sent;
	}
	const bool has_more = options.is_deaf || out->done < out->bytes;
	if (has_more == peer->waits_to_write)
		return;
	peer->waits_to_write = has_more;
	peer_watch(peer, EPOLL_CTL_MOD);
}

static void
peer_put(struct peer *peer, uint32_t id)
{
	const struct request *request = &requests[requests_next++ % requests_count];
	const uint64_t length = htobe64((uint64_t)request->bytes + 4);
	uint8_t *room = buffer_room(&peer->out, HEAD_BYTES + request->bytes);

	id = htobe32(UINT32_C(0x80000000) | id);
	memcpy(room, &length, 8);
	memcpy(room + 8, &id, 4);
	memcpy(room + HEAD_BYTES, request->data, request->bytes);
	peer->out.bytes += HEAD_BYTES + request->bytes;
	asked++;
}

/* Send what is due; the time of what is due next. */
static int64_t
peer_ask(struct peer *peer, int64_t now)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < options.calls; i++) {
		struct call *call = &peer->calls[i];
		if (call->is_out)
			continue;
		if (call->due_ns > now) {
			next = call->due_ns < next ? call->due_ns : next;
			continue;
		}
		if (options.every_ns == 0)
			call->due_ns = now;
		call->is_out = true;
		peer_put(peer, i);
	}
	if (peer->out.done < peer->out.bytes && !peer->waits_to_write)
		peer_write(peer);
	return next;
}

static void
peer_open(struct peer *peer)
{
	static const uint8_t hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
	const int on = 1, small = DEAF_BUFFER_BYTES;

	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		fail("socket");
	(void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (options.is_deaf)
		(void)setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (options.from.sin_family &&
	    bind(peer->fd, (struct sockaddr *)&options.from, sizeof(options.from)) != 0)
		fail("bind");
	if (connect(peer->fd, (struct sockaddr *)&options.target, sizeof(options.target)) != 0) {
		(void)close(peer->fd);
		peer->again_at_ns = now_ns() + AGAIN_NS;
		return;
	}
	(void)fcntl(peer->fd, F_SETFL, O_NONBLOCK);
	memcpy(buffer_room(&peer->out, sizeof(hello)), hello, sizeof(hello));
	peer->out.bytes += sizeof(hello);
	peer->is_open = true;
	peer->waits_to_write = options.is_deaf;
	for (unsigned i = 0; i < options.calls; i++) {
		peer->calls[i].is_out = false;
		/* Spread over the time between two. */
		if (peer->calls[i].due_ns == 0)
			peer->calls[i].due_ns =
			    now_ns() + options.every_ns * (int64_t)i / options.calls;
	}
	peer_watch(peer, EPOLL_CTL_ADD);
	peer_write(peer);
}

static unsigned
bucket_of(uint64_t ns)
{
	const unsigned log = 63 - (unsigned)__builtin_clzll(ns | STEPS);

	return (log - 4) * STEPS + (unsigned)(ns >> (log - 4) & (STEPS - 1));
}

static double
bucket_us(unsigned bucket)
{
	return (double)((uint64_t)(STEPS + bucket % STEPS) << bucket / STEPS) / 1000;
}

static void
reply_take(struct peer *peer, const uint8_t *frame, size_t bytes, int64_t now)
{
	uint32_t id;

	memcpy(&id, frame + 8, sizeof(id));
	id = be32toh(id) & 0x7fffffff;
	if (id >= options.calls || !peer->calls[id].is_out) {
		errno = EPROTO;
		fail("an answer to nothing");
	}
	struct call *call = &peer->calls[id];
	const int64_t wait_ns = now - call->due_ns;
	const unsigned code =
	    bytes > HEAD_BYTES + 1 && frame[HEAD_BYTES] == CODE_TAG ? frame[HEAD_BYTES + 1] : 0;

	call->is_out = false;
	peer->is_answered = true;
	call->due_ns += options.every_ns;
	answered++;
	codes[code < CODES ? code : CODES - 1]++;
	waits[bucket_of((uint64_t)wait_ns)]++;
	if (wait_ns > longest_ns)
		longest_ns = wait_ns;
}

static void
peer_read(struct peer *peer)
{
	struct buffer *in = &peer->in;
	const ssize_t got = recv(peer->fd, buffer_room(in, 1 << 16), 1 << 16, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		peer_close(peer);
		return;
	}
	const bool is_first = in->bytes == 0 && in->done == 0 && got >= HELLO_BYTES &&
			      memcmp(in->data, "\0SP", 4) == 0;
	in->bytes += (size_t)got;
	if (is_first)
		in->done = HELLO_BYTES;
	const int64_t now = now_ns();
	while (in->bytes - in->done >= HEAD_BYTES) {
		uint64_t length;

		memcpy(&length, in->data + in->done, sizeof(length));
		length = be64toh(length);
		if (length < 4 || length > REPLY_BYTES_MAX) {
			errno = EPROTO;
			fail("no answer of SP's");
		}
		if (in->bytes - in->done < length + 8)
			break;
		reply_take(peer, in->data + in->done, length + 8, now);
		in->done += length + 8;
	}
	memmove(in->data, in->data + in->done, in->bytes - in->done);
	in->bytes -= in->done;
	in->done = 0;
}

static void
event_take(const struct epoll_event *event)
{
	struct peer *peer = event->data.ptr;

	if (event->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
		peer_close(peer);
		return;
	}
	if (event->events & EPOLLIN)
		peer_read(peer);
	if (!peer->is_open || !(event->events & EPOLLOUT))
		return;
	if (options.is_deaf && peer->out.done == peer->out.bytes)
		for (uint32_t i = 0; i < options.calls; i++)
			peer_put(peer, i);
	peer_write(peer);
}

/* Of those who ask in turns, and read. */
static bool
all_is_heard(void)
{
	return options.every_ns > 0 && !options.is_deaf;
}

static bool
all_are_there(void)
{
	for (unsigned i = 0; i < options.peers; i++)
		if (!peers[i].is_open || (all_is_heard() && !peers[i].is_answered))
			return false;
	return true;
}

static unsigned
calls_out(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < options.peers; i++)
		for (unsigned k = 0; peers[i].is_open && k < options.calls; k++)
			count += peers[i].calls[k].is_out;
	return count;
}

/* Ask no more, and hear what was asked. */
static void
hear_out(void)
{
	const int64_t until = now_ns() + LAST_ANSWERS_NS;
	struct epoll_event events[EVENTS];

	if (epoll_ctl(poll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL) != 0)
		fail("standard input");
	while (calls_out() > 0 && now_ns() < until) {
		const int count = epoll_wait(poll_fd, events, EVENTS, IDLE_NS / (NS_PER_S / 1000));
		for (int i = 0; i < count; i++)
			event_take(&events[i]);
	}
}

/* Until standard input ends. */
static void
go_on(void)
{
	struct epoll_event events[EVENTS];
	struct epoll_event end = {.events = EPOLLIN | EPOLLHUP};
	bool is_ready = false;

	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &end) != 0)
		fail("standard input");
	for (;;) {
		int64_t now = now_ns(), next = now + IDLE_NS;
		for (unsigned i = 0; i < options.peers; i++) {
			struct peer *peer = &peers[i];
			if (!peer->is_open && peer->again_at_ns <= now)
				peer_open(peer);
			if (!peer->is_open || options.is_deaf)
				continue;
			const int64_t due = peer_ask(peer, now);
			next = due < next ? due : next;
		}
		if (!is_ready && all_are_there()) {
			is_ready = true;
			(void)puts("ready");
			(void)fflush(stdout);
		}
		now = now_ns();
		const int64_t wait_ns = next > now ? next - now : 0;
		const struct timespec wait = {wait_ns / NS_PER_S, wait_ns % NS_PER_S};
		const int count = epoll_pwait2(poll_fd, events, EVENTS, &wait, NULL);
		for (int i = 0; i < count; i++) {
			if (!events[i].data.ptr)
				return;
			event_take(&events[i]);
		}
	}
}

static double
quantile_us(double part)
{
	const double rank = part * (double)answered;
	uint64_t below = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		below += waits[i];
		if (answered > 0 && (double)below >= rank)
			return bucket_us(i);
	}
	return 0;
}

static void
figures_print(void)
{
	(void)printf("{\"asked\":%llu,\"answered\":%llu,\"lost\":%llu,\"waiting\":%u,"
		     "\"p50_us\":%.1f,\"p99_us\":%.1f,\"most_us\":%.1f,\"codes\":{",
	    (unsigned long long)asked, (unsigned long long)answered, (unsigned long long)lost,
	    calls_out(), quantile_us(0.50), quantile_us(0.99), (double)longest_ns / 1000);
	const char *comma = "";
	for (unsigned i = 0; i < CODES; i++) {
		if (codes[i] == 0)
			continue;
		(void)printf("%s\"%u\":%llu", comma, i, (unsigned long long)codes[i]);
		comma = ",";
	}
	(void)puts("}}");
}

static unsigned
number_read(const char *text)
{
	char *end = NULL;
	const unsigned long value = strtoul(text, &end, 10);

	if (*end || value < 1 || value > 1000000) {
		errno = EINVAL;
		fail(text);
	}
	return (unsigned)value;
}

static void
options_read(int argc, char **argv)
{
	static const struct option names[] = {
	    {"port", required_argument, NULL, 'p'},
	    {"from", required_argument, NULL, 'f'},
	    {"requests", required_argument, NULL, 'r'},
	    {"connections", required_argument, NULL, 'c'},
	    {"calls", required_argument, NULL, 'n'},
	    {"every-us", required_argument, NULL, 'e'},
	    {"deaf", no_argument, NULL, 'd'},
	    {0},
	};

	options.target.sin_family = AF_INET;
	options.target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'p')
			options.target.sin_port = htons((uint16_t)number_read(optarg));
		else if (c == 'f' && inet_pton(AF_INET, optarg, &options.from.sin_addr) == 1)
			options.from.sin_family = AF_INET;
		else if (c == 'r')
			options.requests_path = optarg;
		else if (c == 'c')
			options.peers = number_read(optarg);
		else if (c == 'n')
			options.calls = number_read(optarg);
		else if (c == 'e')
			options.every_ns = INT64_C(1000) * number_read(optarg);
		else if (c == 'd')
			options.is_deaf = true;
		else
			exit(2);
	}
	if (!options.target.sin_port || !options.requests_path) {
		(void)fputs("storm: wants --port and --requests\n", stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	options_read(argc, argv);
	requests_read(options.requests_path);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	peers = calloc(options.peers, sizeof(*peers));
	if (poll_fd < 0 || !peers)
		fail("no memory");
	for (unsigned i = 0; i < options.peers; i++) {
		peers[i].calls = calloc(options.calls, sizeof(*peers[i].calls));
		if (!peers[i].calls)
			fail("no memory");
	}
	go_on();
	if (all_is_heard())
		hear_out();
	figures_print();
	return 0;
}
