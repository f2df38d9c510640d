#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "tests/lib/until.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define LINES 2000

static int pipe_fds[2];
static struct strbuf got;

static int
set_up(void **state)
{
	(void)state;
	strbuf_init(&got, 8u << 20);
	return pipe(pipe_fds);
}

static int
tear_down(void **state)
{
	(void)state;
	strbuf_done(&got);
	close(pipe_fds[0]);
	return 0;
}

static void
read_rest(void)
{
	ssize_t bytes;
	uint8_t *room;

	while ((room = strbuf_reserve(&got, 65536)) && (bytes = read(pipe_fds[0], room, 65536)) > 0)
		strbuf_commit(&got, (size_t)bytes);
	assert_non_null(room);
}

static void
stop_and_read(void)
{
	log_stop();
	close(pipe_fds[1]);
	read_rest();
}

static void
an_event_is_one_line_of_pairs(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
	log_event(LOG_INFO, "rpc", "method", "a.B/C", "us", log_number(-412), NULL);
	stop_and_read();
	assert_true(slice_starts_with(slice_of(got.data, got.bytes), "ts=20"));
	assert_int_equal(strcspn(strbuf_text(&got), " "), strlen("ts=2026-01-31T12:00:00.123Z"));
	assert_string_equal(
	    strchr(strbuf_text(&got), ' '), " level=info event=rpc method=a.B/C us=-412\n");
}

static void
nobody_can_forge_a_line_or_a_pair(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_DEBUG).code, ST_OK);
	log_event(LOG_DEBUG, "x", "a", "1 b=2", "c", "\"\\\n\r\x1b[2J", "d", "é\xff\xc2\x85", "e",
	    "\xe2\x80\xa8\xe2\x80\xae", "f", "", "g", NULL, "h", "=", NULL);
	stop_and_read();
	assert_string_equal(strstr(strbuf_text(&got), "event="),
	    "event=x a=\"1 b=2\" c=\"\\\"\\\\\\n\\u000d\\u001b[2J\" d=\"é\\xff\\u0085\" "
	    "e=\"\\u2028\\u202e\" f=\"\" g=\"\" h=\"=\"\n");
}

static void
what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_WARN).code, ST_OK);
	assert_false(log_is_on(LOG_INFO));
	assert_true(log_is_on(LOG_ERROR));
	log_event(LOG_INFO, "no", NULL);
	log_event(LOG_WARN, "yes", NULL);
	stop_and_read();
	assert_null(strstr(strbuf_text(&got), "event=no"));
	assert_non_null(strstr(strbuf_text(&got), "level=warn event=yes\n"));
}

static void
the_level_can_be_changed_while_it_runs(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_WARN).code, ST_OK);
	log_event(LOG_INFO, "before", NULL);
	log_set_level(log_level_from_name("info"));
	log_event(LOG_INFO, "behind", NULL);
	stop_and_read();
	assert_null(strstr(strbuf_text(&got), "event=before"));
	assert_non_null(strstr(strbuf_text(&got), "event=behind"));
	assert_int_equal(log_level_from_name("debug"), LOG_DEBUG);
	assert_int_equal(log_level_from_name("error"), LOG_ERROR);
	assert_int_equal(log_level_from_name("loud"), LOG_INFO);
}

static void
a_line_that_is_too_long_is_cut_and_says_so(void **state)
{
	char value[6000];

	(void)state;
	for (size_t bytes = 3900; bytes < sizeof(value); bytes += 7) {
		const char *end;
		memset(value, bytes % 2 ? 'v' : '\n', bytes);
		value[bytes] = '\0';
		strbuf_reset(&got);
		if (bytes != 3900)
			assert_int_equal(pipe(pipe_fds), 0);
		assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
		log_event(LOG_INFO, "x", "k", value, "last", "one", NULL);
		stop_and_read();
		assert_true(got.bytes <= 4096);
		end = strchr(strbuf_text(&got), '\n');
		assert_ptr_equal(end + 1, got.data + got.bytes);
		assert_true(strstr(strbuf_text(&got), "cut=true\n") ||
			    strstr(strbuf_text(&got), "last=one\n"));
		close(pipe_fds[0]);
	}
	assert_int_equal(pipe(pipe_fds), 0);
	close(pipe_fds[1]);
}

static void *
read_all(void *unused)
{
	read_rest();
	return unused;
}

/* Nobody reads, so the pipe and then the ring are full; callers go on all the same. */
static void
a_full_ring_drops_lines_counts_them_and_tells(void **state)
{
	const int lines = 20000;
	int told = 0, written = 0;
	pthread_t reader;
	const char *at;

	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
	for (int i = 0; i < lines; i++)
		log_event(LOG_INFO, "flood", "n", log_number(i), NULL);
	assert_true(log_dropped() > 0);
	assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
	log_stop();
	close(pipe_fds[1]);
	pthread_join(reader, NULL);
	for (at = strbuf_text(&got); (at = strstr(at, "event=flood")); at++)
		written++;
	for (at = strbuf_text(&got); (at = strstr(at, "event=log_dropped lines=")); at++)
		told += atoi(at + strlen("event=log_dropped lines="));
	assert_int_equal(told, (int)log_dropped());
	assert_int_equal(written + told, lines);
}

/* Of one source: another's lines are admitted all the same. */
static void
a_source_with_too_many_lines_is_counted_and_told_of(void **state)
{
	const int tries = 3000;
	int admitted = 0, told = 0;
	const char *at;

	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_WARN).code, ST_OK);
	const int64_t began_us = clock_boot_us(&clock_system);
	for (int i = 0; i < tries; i++)
		admitted += log_admits(LOG_WARN, 7);
	const int64_t took_us = clock_boot_us(&clock_system) - began_us;
	assert_in_range(admitted, 1000, 1001 + took_us * 100 / US_PER_S);
	assert_int_equal(log_withheld(), tries - admitted);
	assert_true(log_admits(LOG_WARN, 8));
	assert_false(log_admits(LOG_INFO, 9));
	assert_int_equal(log_withheld(), tries - admitted);
	log_event(LOG_WARN, "first", NULL);
	stop_and_read();
	for (at = strbuf_text(&got); (at = strstr(at, "event=log_withheld lines=")); at++)
		told += atoi(at + strlen("event=log_withheld lines="));
	assert_int_equal(told, tries - admitted);
}

static uint64_t source;

static bool
source_is_admitted(void)
{
	return log_admits(LOG_WARN, source);
}

static void
a_source_has_its_lines_again_when_it_has_been_quiet(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_WARN).code, ST_OK);
	while (log_admits(LOG_WARN, 10))
		;
	source = 10;
	until(source_is_admitted, "it has one more");
	stop_and_read();
}

static int tellings_wanted;

static bool
is_told_of(void)
{
	uint8_t *room = strbuf_reserve(&got, 65536);
	assert_non_null(room);
	const ssize_t bytes = read(pipe_fds[0], room, 65535);
	int tellings = 0;

	strbuf_commit(&got, bytes > 0 ? (size_t)bytes : 0);
	for (const char *at = strbuf_text(&got); (at = strstr(at, "event=log_withheld")); at++)
		tellings++;
	return tellings >= tellings_wanted;
}

static void
what_is_withheld_is_told_of_though_no_line_follows(void **state)
{
	(void)state;
	assert_int_equal(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(log_start(pipe_fds[1], LOG_WARN).code, ST_OK);
	for (tellings_wanted = 1; tellings_wanted <= 2; tellings_wanted++) {
		while (log_admits(LOG_WARN, 11))
			log_event(LOG_WARN, "one", NULL);
		until(is_told_of, "it is told");
	}
	stop_and_read();
}

/* The lines that nobody took count as lost; and the stop has come back at all. */
static void
a_reader_that_does_not_read_cannot_hold_up_a_stop(void **state)
{
	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
	for (int i = 0; i < 5000; i++)
		log_event(LOG_INFO, "flood", "n", log_number(i), NULL);
	log_stop();
	assert_true(log_dropped() > 0);
	close(pipe_fds[1]);
}

static void
a_reader_that_is_gone_ends_nothing(void **state)
{
	(void)state;
	close(pipe_fds[0]);
	assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
	log_event(LOG_INFO, "x", NULL);
	log_stop();
	assert_int_equal(log_dropped(), 1);
	close(pipe_fds[1]);
	assert_int_equal(pipe(pipe_fds), 0);
	close(pipe_fds[1]);
}

static void *
log_lines(void *name)
{
	for (int i = 0; i < LINES; i++)
		log_event(LOG_INFO, name, "n", log_number(i), NULL);
	return NULL;
}

static void
lines_of_many_threads_stay_whole_and_in_their_order(void **state)
{
	static char names[THREADS][2] = {"a", "b", "c", "d"};
	int next[THREADS] = {0};
	pthread_t threads[THREADS], reader;
	char *line, *rest;

	(void)state;
	assert_int_equal(log_start(pipe_fds[1], LOG_INFO).code, ST_OK);
	assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, names[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_stop();
	close(pipe_fds[1]);
	pthread_join(reader, NULL);
	for (line = strtok_r((char *)got.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char name;
		int n;
		if (strstr(line, "event=log_dropped"))
			continue;
		assert_int_equal(sscanf(line, "ts=%*s level=info event=%c n=%d", &name, &n), 2);
		assert_in_range(name, 'a', 'd');
		assert_true(n >= next[name - 'a']);
		next[name - 'a'] = n + 1;
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(an_event_is_one_line_of_pairs),
	    TEST(nobody_can_forge_a_line_or_a_pair),
	    TEST(what_is_below_the_level_is_not_written),
	    TEST(the_level_can_be_changed_while_it_runs),
	    TEST(a_line_that_is_too_long_is_cut_and_says_so),
	    TEST(a_full_ring_drops_lines_counts_them_and_tells),
	    TEST(a_source_with_too_many_lines_is_counted_and_told_of),
	    TEST(a_source_has_its_lines_again_when_it_has_been_quiet),
	    TEST(what_is_withheld_is_told_of_though_no_line_follows),
	    TEST(a_reader_that_does_not_read_cannot_hold_up_a_stop),
	    TEST(a_reader_that_is_gone_ends_nothing),
	    TEST(lines_of_many_threads_stay_whole_and_in_their_order),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
