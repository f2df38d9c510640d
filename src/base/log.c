#include "base/log.h"

#include "base/clock.h"
#include "base/network.h"
#include "base/pace.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/wait.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A line is one write() that a pipe takes whole, so processes that share one don't mix theirs. */
#define LINE_BYTES_MAX PIPE_BUF
#define LINE_BYTES_RESERVED 32 /* for what ends a line that was cut */
#define HALF_BYTES (256u << 10)
#define POLL_MS 50
#define STOP_PATIENCE_MS 1000
/* After a write, lines gather for so long: or each line of a busy server wakes the writer. */
#define GATHER_US (5 * US_PER_MS)
/* Of what one source outside causes. */
#define SOURCE_LINES_A_SECOND 100
#define SOURCE_LINES_AT_ONCE 1000
#define WITHHELD_TOLD_EACH_US US_PER_S

struct line {
	char text[LINE_BYTES_MAX];
	size_t bytes;
	bool cut;
};

/* The ring has two halves: callers fill one while the writer empties the other. */
struct half {
	char *data;
	size_t bytes;
};

enum writer {
	WRITER_WRITES,
	WRITER_SLEEPS,  /* any line wakes it */
	WRITER_GATHERS, /* a ring that is half full does */
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	pthread_t writer;
	struct half halves[2];
	int filling;
	bool started;
	enum writer writer_state;
	uint64_t dropped_untold;
	int fd;
	atomic_bool stopping;
	atomic_int level;
	atomic_uint_fast64_t dropped;
	atomic_uint_fast64_t withheld;
	uint64_t withheld_told; /* the writer's */
	int64_t withheld_told_us;
	struct pace sources;
} state = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .level = LOG_INFO,
    .sources = {.each_us = US_PER_S / SOURCE_LINES_A_SECOND,
	.ahead_us = US_PER_S / SOURCE_LINES_A_SECOND * SOURCE_LINES_AT_ONCE},
};

static bool
line_add(struct line *line, const char *text, size_t bytes)
{
	if (line->cut || bytes > LINE_BYTES_MAX - LINE_BYTES_RESERVED - line->bytes) {
		line->cut = true;
		return false;
	}
	memcpy(line->text + line->bytes, text, bytes);
	line->bytes += bytes;
	return true;
}

/* For what ends a line: there is always room for it. */
static void
line_close(struct line *line, const char *text)
{
	size_t bytes = strlen(text);

	assert(bytes <= LINE_BYTES_MAX - line->bytes);
	memcpy(line->text + line->bytes, text, bytes);
	line->bytes += bytes;
}

static bool
is_bare(const char *value)
{
	if (*value == '\0')
		return false;
	for (; *value; value++)
		if (*value <= ' ' || *value >= 0x7f || *value == '"' || *value == '=' ||
		    *value == '\\')
			return false;
	return true;
}

/* Characters that end a line, move the cursor or turn the direction of writing. */
static bool
is_treacherous(uint32_t c)
{
	return (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0xfeff;
}

static uint32_t
decode(const char *at, size_t bytes)
{
	static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (uint8_t)at[0] & first_bits[bytes];

	for (size_t i = 1; i < bytes; i++)
		c = c << 6 | ((uint8_t)at[i] & 0x3f);
	return c;
}

/* Bytes of the well-formed sequence at *at, or 0. */
static size_t
sequence_bytes(const char *at)
{
	for (size_t bytes = 1; bytes <= 4 && at[bytes - 1]; bytes++)
		if (utf8_is_valid(slice_of(at, bytes)))
			return bytes;
	return 0;
}

static void
line_add_quoted(struct line *line, const char *value)
{
	char escape[16];
	size_t bytes;

	line_add(line, "\"", 1);
	while (*value && !line->cut) {
		bytes = sequence_bytes(value);
		if (bytes == 0) {
			snprintf(escape, sizeof(escape), "\\x%02x", (uint8_t)*value++);
			line_add(line, escape, strlen(escape));
			continue;
		}
		if (*value == '"' || *value == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", *value);
			line_add(line, escape, 2);
		} else if (*value == '\n') {
			line_add(line, "\\n", 2);
		} else if ((uint8_t)*value < ' ' || is_treacherous(decode(value, bytes))) {
			snprintf(escape, sizeof(escape), "\\u%04x", decode(value, bytes));
			line_add(line, escape, strlen(escape));
		} else {
			line_add(line, value, bytes);
		}
		value += bytes;
	}
	line_close(line, "\"");
}

static void
line_add_pair(struct line *line, const char *key, const char *value)
{
	size_t key_bytes = strlen(key);

	if (!value)
		value = "";
	/* Room for the quotes too, or a cut line could end in half a pair. */
	if (line->bytes + key_bytes + 4 > LINE_BYTES_MAX - LINE_BYTES_RESERVED)
		line->cut = true;
	if (line->cut)
		return;
	line_add(line, " ", 1);
	line_add(line, key, key_bytes);
	line_add(line, "=", 1);
	if (is_bare(value) && strlen(value) <= LINE_BYTES_MAX - LINE_BYTES_RESERVED - line->bytes)
		line_add(line, value, strlen(value));
	else
		line_add_quoted(line, value);
}

static void
line_begin(struct line *line, enum log_level level)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char time[TIME_TEXT_BYTES];
	int64_t now_us = clock_now_us(&clock_system);

	time_format(now_us - now_us % US_PER_MS, time);
	line->bytes = 0;
	line->cut = false;
	line_add(line, "ts=", 3);
	line_add(line, time, strlen(time) - 1);
	if (now_us % US_PER_S < US_PER_MS)
		line_add(line, ".000", 4);
	line_add(line, "Z", 1);
	line_add_pair(line, "level", names[level]);
}

static void
line_end(struct line *line)
{
	line_close(line, line->cut ? " cut=true\n" : "\n");
}

/* Before the writer runs, and for its last words. */
static void
write_to_stderr(const struct line *line)
{
	ssize_t ignored = write(STDERR_FILENO, line->text, line->bytes);

	(void)ignored;
}

static void
ring_put(const struct line *line)
{
	struct half *half;

	pthread_mutex_lock(&state.mutex);
	if (!state.started) {
		pthread_mutex_unlock(&state.mutex);
		write_to_stderr(line);
		return;
	}
	half = &state.halves[state.filling];
	if (line->bytes > HALF_BYTES - half->bytes) {
		state.dropped_untold++;
		atomic_fetch_add(&state.dropped, 1);
	} else {
		memcpy(half->data + half->bytes, line->text, line->bytes);
		half->bytes += line->bytes;
	}
	if (state.writer_state == WRITER_SLEEPS ||
	    (state.writer_state == WRITER_GATHERS && half->bytes > HALF_BYTES / 2)) {
		state.writer_state = WRITER_WRITES;
		pthread_cond_signal(&state.filled);
	}
	pthread_mutex_unlock(&state.mutex);
}

void
log_event(enum log_level level, const char *event, ...)
{
	struct line line;
	const char *key, *value;
	va_list pairs;

	if (!log_is_on(level))
		return;
	line_begin(&line, level);
	line_add_pair(&line, "event", event);
	va_start(pairs, event);
	while ((key = va_arg(pairs, const char *))) {
		value = va_arg(pairs, const char *);
		line_add_pair(&line, key, value);
	}
	va_end(pairs);
	line_end(&line);
	ring_put(&line);
}

/* As many whole lines as one write() may take. */
static size_t
piece_bytes(const char *data, size_t bytes)
{
	const char *end;

	if (bytes <= LINE_BYTES_MAX)
		return bytes;
	end = memrchr(data, '\n', LINE_BYTES_MAX);
	return end ? (size_t)(end - data) + 1 : LINE_BYTES_MAX;
}

static uint64_t
count_lines(const char *data, size_t bytes)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < bytes; i++)
		lines += data[i] == '\n';
	return lines;
}

/* Never in a write() that blocks: poll() first, and no more than a pipe takes then. So a reader
 * that has stopped reading can't keep log_stop() waiting for longer than its patience. */
static void
write_all(const char *data, size_t bytes)
{
	int waited_ms = 0;

	while (bytes != 0) {
		struct pollfd poll_fd = {.fd = state.fd, .events = POLLOUT};
		ssize_t written;

		if (poll(&poll_fd, 1, POLL_MS) == 0) {
			waited_ms += atomic_load(&state.stopping) ? POLL_MS : 0;
			if (waited_ms >= STOP_PATIENCE_MS)
				break;
			continue;
		}
		written = write(state.fd, data, piece_bytes(data, bytes));
		if (written < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (written < 0)
			break;
		data += written;
		bytes -= (size_t)written;
	}
	atomic_fetch_add(&state.dropped, count_lines(data, bytes));
}

static void
write_count(const char *event, uint64_t count)
{
	struct line line;

	line_begin(&line, LOG_WARN);
	line_add_pair(&line, "event", event);
	line_add_pair(&line, "lines", log_number(count));
	line_end(&line);
	write_all(line.text, line.bytes);
}

static void
write_withheld(bool stopping)
{
	const uint64_t withheld = atomic_load(&state.withheld);
	const int64_t now_us = clock_boot_us(&clock_system);

	if (withheld == state.withheld_told ||
	    (!stopping && now_us - state.withheld_told_us < WITHHELD_TOLD_EACH_US))
		return;
	write_count("log_withheld", withheld - state.withheld_told);
	state.withheld_told = withheld;
	state.withheld_told_us = now_us;
}

/* Or there was just before: more may have been withheld since. */
static bool
is_withheld_untold(void)
{
	return atomic_load(&state.withheld) != state.withheld_told ||
	       (state.withheld_told_us != 0 &&
		   clock_boot_us(&clock_system) - state.withheld_told_us < WITHHELD_TOLD_EACH_US);
}

/* Until there is something to write, or no more to come. The mutex is held. */
static void
writer_wait(const struct timespec *gathered_at)
{
	state.writer_state = WRITER_GATHERS;
	while (state.writer_state == WRITER_GATHERS && !atomic_load(&state.stopping))
		if (pthread_cond_timedwait(&state.filled, &state.mutex, gathered_at) != 0)
			break;
	while (state.halves[state.filling].bytes == 0 && !atomic_load(&state.stopping)) {
		struct timespec tell_at;

		state.writer_state = WRITER_SLEEPS;
		if (!is_withheld_untold()) {
			pthread_cond_wait(&state.filled, &state.mutex);
			continue;
		}
		wait_deadline(WITHHELD_TOLD_EACH_US, &tell_at);
		if (pthread_cond_timedwait(&state.filled, &state.mutex, &tell_at) != 0)
			break;
	}
	state.writer_state = WRITER_WRITES;
}

static void *
writer_main(void *unused)
{
	struct timespec gathered_at = {0};
	struct half *half;
	uint64_t untold;
	bool stopping;

	(void)unused;
	(void)pthread_setname_np(pthread_self(), "log");
	do {
		pthread_mutex_lock(&state.mutex);
		writer_wait(&gathered_at);
		stopping = atomic_load(&state.stopping);
		half = &state.halves[state.filling];
		state.filling = !state.filling;
		untold = state.dropped_untold;
		state.dropped_untold = 0;
		/* Once it stops, the lines of others go to stderr, so this half is the last. */
		if (stopping)
			state.started = false;
		pthread_mutex_unlock(&state.mutex);

		write_all(half->data, half->bytes);
		half->bytes = 0;
		if (untold != 0)
			write_count("log_dropped", untold);
		write_withheld(stopping);
		wait_deadline(GATHER_US, &gathered_at);
	} while (!stopping);
	return NULL;
}

static void
halves_free(void)
{
	for (int i = 0; i < 2; i++) {
		free(state.halves[i].data);
		state.halves[i] = (struct half){0};
	}
}

status
log_start(int fd, enum log_level level)
{
	sigset_t all, before;
	int error;

	assert(!state.started);
	atomic_store(&state.level, (int)level);
	for (int i = 0; i < 2; i++)
		state.halves[i] = (struct half){.data = malloc(HALF_BYTES)};
	if (!state.halves[0].data || !state.halves[1].data) {
		halves_free();
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for the log");
	}
	wait_cond_init(&state.filled);
	state.fd = fd;
	state.filling = 0;
	state.dropped_untold = 0;
	atomic_store(&state.dropped, 0);
	atomic_store(&state.withheld, 0);
	state.withheld_told = 0;
	state.withheld_told_us = 0;
	atomic_store(&state.stopping, false);
	/* Signals are for the threads that expect them, and SIGPIPE for none. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&state.mutex);
	error = pthread_create(&state.writer, NULL, writer_main, NULL);
	state.started = error == 0;
	pthread_mutex_unlock(&state.mutex);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		(void)pthread_cond_destroy(&state.filled);
		halves_free();
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no thread for the log");
	}
	return STATUS_OK;
}

void
log_stop(void)
{
	pthread_mutex_lock(&state.mutex);
	if (!state.started) {
		pthread_mutex_unlock(&state.mutex);
		return;
	}
	atomic_store(&state.stopping, true);
	pthread_cond_signal(&state.filled);
	pthread_mutex_unlock(&state.mutex);
	pthread_join(state.writer, NULL);
	(void)pthread_cond_destroy(&state.filled);
	halves_free();
}

uint64_t
log_dropped(void)
{
	return atomic_load(&state.dropped);
}

uint64_t
log_withheld(void)
{
	return atomic_load(&state.withheld);
}

int
log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&state.level, memory_order_relaxed);
}

int
log_admits(enum log_level level, uint64_t source)
{
	if (!log_is_on(level))
		return false;
	const int64_t now_us = clock_boot_us(&clock_system);
	if (!pace_is_spent(&state.sources, source, now_us) &&
	    pace_take(&state.sources, source, now_us) == 0)
		return true;
	atomic_fetch_add(&state.withheld, 1);
	return false;
}

int
log_admits_address(enum log_level level, const char *address)
{
	return log_is_on(level) && log_admits(level, address_site_hash(address, rand_hash_seed()));
}

void
log_set_level(enum log_level level)
{
	atomic_store(&state.level, (int)level);
}

enum log_level
log_level_from_name(const char *name)
{
	static const char *const names[] = {
	    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0)
			return (enum log_level)i;
	}
	return LOG_INFO;
}

const char *
log_number_text(char out[24], int64_t n)
{
	snprintf(out, 24, "%lld", (long long)n);
	return out;
}
