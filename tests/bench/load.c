#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define END_WAIT_S 10
#define PASS_WAIT_S 1200
#define EXTRA_FIGURES_MAX 4
/* Field 1 of a Response, its code, which a success leaves out. */
#define RESPONSE_CODE_TAG 0x08

enum phase { PHASE_WARM_UP, PHASE_MEASURE, PHASE_OVER };

static struct {
	const struct load_options *options;
	struct load_request *requests;
	size_t requests_count;
	struct load_slot *slots;
	unsigned slots_count;
	atomic_size_t passed;
	atomic_int phase;
	atomic_bool complained;
	unsigned slots_over;
	pthread_mutex_t lock;
	pthread_cond_t over;
	struct {
		const char *name;
		uint64_t (*value)(void);
	} extra[EXTRA_FIGURES_MAX];
	unsigned extra_count;
	void (*begin)(void);
} load = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("load: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(2);
}

int64_t
load_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static unsigned
count_read(const char *name, const char *text)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value < 1 || value > 100000)
		fail("--%s wants a number from 1 to 100000, not %s", name, text);
	return (unsigned)value;
}

static double
seconds_read(const char *name, const char *text)
{
	char *end = NULL;
	double value = strtod(text, &end);

	if (*end || value < 0 || value > 3600)
		fail("--%s wants seconds, not %s", name, text);
	return value;
}

void
load_options_read(int argc, char **argv, struct load_options *out)
{
	static const struct option names[] = {
	    {"target", required_argument, NULL, 't'},
	    {"requests", required_argument, NULL, 'r'},
	    {"connections", required_argument, NULL, 'c'},
	    {"calls", required_argument, NULL, 'n'},
	    {"threads", required_argument, NULL, 'T'},
	    {"warm-up", required_argument, NULL, 'w'},
	    {"seconds", required_argument, NULL, 's'},
	    {"mode", required_argument, NULL, 'm'},
	    {"out", required_argument, NULL, 'o'},
	    {"rate", required_argument, NULL, 'a'},
	    {"count", required_argument, NULL, 'N'},
	    {"pass", no_argument, NULL, 'p'},
	    {"refusals", no_argument, NULL, 'R'},
	    {"first", no_argument, NULL, 'f'},
	    {0},
	};

	*out = (struct load_options){
	    .connections = 8, .calls = 8, .threads = 1, .warm_up_s = 0.5, .seconds = 3};
	for (int c, i = 0; (c = getopt_long(argc, argv, "", names, &i)) != -1;) {
		switch (c) {
		case 't':
			out->target = optarg;
			break;
		case 'r':
			out->requests = optarg;
			break;
		case 'c':
			out->connections = count_read(names[i].name, optarg);
			break;
		case 'n':
			out->calls = count_read(names[i].name, optarg);
			break;
		case 'T':
			out->threads = count_read(names[i].name, optarg);
			break;
		case 'w':
			out->warm_up_s = seconds_read(names[i].name, optarg);
			break;
		case 's':
			out->seconds = seconds_read(names[i].name, optarg);
			break;
		case 'p':
			out->is_pass = true;
			break;
		case 'R':
			out->is_refusable = true;
			break;
		case 'm':
			out->mode = optarg;
			break;
		case 'o':
			out->out = optarg;
			break;
		case 'a':
			out->rate = count_read(names[i].name, optarg);
			break;
		case 'N':
			out->count = count_read(names[i].name, optarg);
			out->is_pass = true;
			break;
		case 'f':
			out->is_first = true;
			break;
		default:
			exit(2);
		}
	}
	if (!out->target || optind != argc)
		fail("wants --target");
}

static void
requests_read(const char *path)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &about) != 0 || about.st_size == 0)
		fail("%s can't be read", path);
	const size_t size = (size_t)about.st_size;
	const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (data == MAP_FAILED)
		fail("%s can't be mapped: %s", path, strerror(errno));
	(void)close(fd);
	load.requests = calloc(size / sizeof(uint32_t) + 1, sizeof(*load.requests));
	if (!load.requests)
		fail("no memory for the requests");
	for (size_t at = 0; at < size;) {
		uint32_t bytes;

		if (size - at < sizeof(bytes))
			fail("%s is cut off", path);
		memcpy(&bytes, data + at, sizeof(bytes));
		at += sizeof(bytes);
		if (size - at < bytes)
			fail("%s is cut off", path);
		load.requests[load.requests_count++] = (struct load_request){data + at, bytes};
		at += bytes;
	}
}

static void
requests_none(void)
{
	static struct load_request none;

	load.requests = &none;
	load.requests_count = 1;
}

void
load_begin(const struct load_options *options)
{
	load.options = options;
	if (options->requests)
		requests_read(options->requests);
	else
		requests_none();
	/* A pass has no time of its own: all of it counts. */
	atomic_init(&load.phase, options->is_pass ? PHASE_MEASURE : PHASE_WARM_UP);
	load.slots_count = options->connections * options->calls;
	/* Apart by whole cache lines. */
	load.slots = aligned_alloc(64, load.slots_count * ((sizeof(*load.slots) + 63) / 64 * 64));
	if (!load.slots)
		fail("no memory for the calls");
	memset(load.slots, 0, load.slots_count * sizeof(*load.slots));
	for (unsigned i = 0; i < load.slots_count; i++)
		load.slots[i].random = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
}

struct load_slot *
load_slot_at(unsigned index)
{
	return &load.slots[index];
}

static size_t
slot_choose(struct load_slot *slot)
{
	/* xorshift64 */
	slot->random ^= slot->random << 13;
	slot->random ^= slot->random >> 7;
	slot->random ^= slot->random << 17;
	return slot->random % load.requests_count;
}

void
load_slot_over(struct load_slot *slot)
{
	(void)slot;
	(void)pthread_mutex_lock(&load.lock);
	load.slots_over++;
	(void)pthread_cond_signal(&load.over);
	(void)pthread_mutex_unlock(&load.lock);
}

const struct load_request *
load_slot_next(struct load_slot *slot)
{
	size_t index;
	bool is_over = false;

	if (load.options->is_pass) {
		index = atomic_fetch_add(&load.passed, 1);
		is_over = index >= load.requests_count;
	} else {
		index = slot_choose(slot);
		is_over = atomic_load_explicit(&load.phase, memory_order_relaxed) == PHASE_OVER;
	}
	if (is_over) {
		load_slot_over(slot);
		return NULL;
	}
	slot->request = &load.requests[index];
	slot->sent_ns = load_now_ns();
	return slot->request;
}

static unsigned
bucket_of(int64_t ns)
{
	const uint64_t value = ns < 1 ? 1 : (uint64_t)ns;

	if (value < 32)
		return (unsigned)value;
	const unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 5;
	const unsigned bucket = (shift + 1) * 32 + (unsigned)(value >> shift & 31);
	return bucket < LOAD_BUCKETS ? bucket : LOAD_BUCKETS - 1;
}

/* The middle of the bucket. */
static double
bucket_ns(unsigned bucket)
{
	if (bucket < 32)
		return bucket;
	const unsigned shift = bucket / 32 - 1;
	return ((double)(32 + bucket % 32) + 0.5) * (double)(UINT64_C(1) << shift);
}

void
load_slot_answered(struct load_slot *slot, const uint8_t *reply, size_t bytes)
{
	load_slot_ended(slot, bytes > 0 && reply[0] != RESPONSE_CODE_TAG, bytes);
}

void
load_slot_ended(struct load_slot *slot, bool is_good, size_t reply_bytes)
{
	slot->answered++;
	slot->reply_bytes += reply_bytes;
	if (!is_good)
		slot->failed++;
	if (atomic_load_explicit(&load.phase, memory_order_relaxed) != PHASE_MEASURE)
		return;
	slot->measured++;
	slot->counts[bucket_of(load_now_ns() - slot->sent_ns)]++;
}

void
load_complain(const char *format, ...)
{
	va_list args;

	if (atomic_exchange(&load.complained, true))
		return;
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
}

void
load_add_figure(const char *name, uint64_t (*value)(void))
{
	if (load.extra_count == EXTRA_FIGURES_MAX)
		fail("too many figures");
	load.extra[load.extra_count].name = name;
	load.extra[load.extra_count++].value = value;
}

/* Waits until every slot is over; false: some are not. */
static bool
slots_wait(int64_t most_s)
{
	struct timespec until;
	int error = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += most_s;
	(void)pthread_mutex_lock(&load.lock);
	while (load.slots_over < load.slots_count && error == 0)
		error = pthread_cond_timedwait(&load.over, &load.lock, &until);
	const bool all = load.slots_over == load.slots_count;
	(void)pthread_mutex_unlock(&load.lock);
	return all;
}

static void
sleep_s(double seconds)
{
	struct timespec time = {
	    (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * (double)NS_PER_S)};

	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		;
}

static double
cpu_s(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
quantile_us(const uint64_t counts[LOAD_BUCKETS], uint64_t total, double part)
{
	const double rank = part * (double)total;
	uint64_t below = 0;

	for (unsigned i = 0; i < LOAD_BUCKETS; i++) {
		below += counts[i];
		if (total > 0 && (double)below >= rank)
			return bucket_ns(i) / 1000;
	}
	return 0;
}

static int
figures_print(double seconds, double cpu)
{
	struct load_slot sum = {0};
	uint64_t counts[LOAD_BUCKETS] = {0};

	for (unsigned i = 0; i < load.slots_count; i++) {
		const struct load_slot *slot = &load.slots[i];
		sum.answered += slot->answered;
		sum.failed += slot->failed;
		sum.measured += slot->measured;
		sum.reply_bytes += slot->reply_bytes;
		for (unsigned k = 0; k < LOAD_BUCKETS; k++)
			counts[k] += slot->counts[k];
	}
	(void)printf("{\"seconds\":%.4f,\"answered\":%llu,\"failed\":%llu,\"measured\":%llu,"
		     "\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
		     "\"client_cpu_s\":%.4f,\"reply_bytes\":%.1f",
	    seconds, (unsigned long long)sum.answered, (unsigned long long)sum.failed,
	    (unsigned long long)sum.measured, seconds > 0 ? (double)sum.measured / seconds : 0.0,
	    quantile_us(counts, sum.measured, 0.50), quantile_us(counts, sum.measured, 0.99),
	    quantile_us(counts, sum.measured, 0.999), cpu,
	    sum.answered ? (double)sum.reply_bytes / (double)sum.answered : 0.0);
	for (unsigned i = 0; i < load.extra_count; i++)
		(void)printf(
		    ",\"%s\":%llu", load.extra[i].name, (unsigned long long)load.extra[i].value());
	(void)printf("}\n");
	(void)fflush(stdout);
	const bool is_well = sum.failed == 0 || load.options->is_refusable;
	return is_well && sum.answered > 0 ? 0 : 1;
}

void
load_on_begin(void (*begin)(void))
{
	load.begin = begin;
}

int
load_finish(void)
{
	const bool is_pass = load.options->is_pass;

	if (!is_pass)
		sleep_s(load.options->warm_up_s);
	(void)puts("measuring");
	(void)fflush(stdout);
	double cpu = cpu_s();
	const int64_t began_ns = load_now_ns();
	atomic_store(&load.phase, PHASE_MEASURE);
	if (load.begin)
		load.begin();
	if (!is_pass)
		sleep_s(load.options->seconds);
	else if (!slots_wait(PASS_WAIT_S))
		fail("not all requests were answered");
	atomic_store(&load.phase, PHASE_OVER);
	const double seconds = (double)(load_now_ns() - began_ns) / (double)NS_PER_S;
	cpu = cpu_s() - cpu;
	(void)puts("measured");
	(void)fflush(stdout);
	if (!is_pass && !slots_wait(END_WAIT_S))
		fail("some calls were not answered within %d s", END_WAIT_S);
	return figures_print(seconds, cpu);
}
