/* usher-bridge as it is started and stopped. */
#include "tests/lib/scratch.h"
#include "tests/lib/talk.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM USHER_BINARY_DIR "/bin/usher-bridge"
#define WORDS_MAX 12
#define OUTPUT_BYTES_MAX 65536
#define PATIENCE_S 60

struct child {
	pid_t pid;
	FILE *errors;
	uint16_t port;
};

/* A folder of its own, so that no usher.conf of this machine is read; no setting from outside. */
static void
become(char *const words[], int errors)
{
	char *const environment[] = {NULL};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A test that was ended leaves nobody behind. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir("/") == 0 && dup2(nothing, 0) >= 0 &&
	    dup2(errors, 1) >= 0 && dup2(errors, 2) >= 0)
		execve(PROGRAM, words, environment);
	_exit(127);
}

static struct child
start(const char *words)
{
	char *list[WORDS_MAX + 2] = {(char *)(uintptr_t)PROGRAM};
	char *copy = strdup(words), *rest = copy;
	struct child child = {0};
	int pipe_fds[2];

	for (int i = 1; i <= WORDS_MAX && (list[i] = strtok_r(rest, " ", &rest)); i++)
		;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0)
		become(list, pipe_fds[1]);
	close(pipe_fds[1]);
	free(copy);
	child.errors = fdopen(pipe_fds[0], "r");
	assert_non_null(child.errors);
	return child;
}

/* Read on until it says that it listens. */
static void
wait_until_it_listens(struct child *child)
{
	char line[4096];
	const char *port;

	while (fgets(line, sizeof line, child->errors)) {
		if (!strstr(line, "event=listen"))
			continue;
		port = strstr(line, " port=");
		assert_non_null(port);
		child->port = (uint16_t)atoi(port + 6);
		return;
	}
	fail_msg("it ended before it listened");
}

/* The exit code, and all that it still had to say. */
static int
wait_until_it_ends(struct child *child, char output[OUTPUT_BYTES_MAX])
{
	size_t bytes = fread(output, 1, OUTPUT_BYTES_MAX - 1, child->errors);
	int code;

	output[bytes] = '\0';
	fclose(child->errors);
	assert_int_equal(waitpid(child->pid, &code, 0), child->pid);
	assert_true(WIFEXITED(code));
	return WEXITSTATUS(code);
}

static void
what_is_in_the_way_is_one_sentence(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *says;
	} table[] = {
	    {"--mode production", 2, "bridge.key is not set"},
	    {"--http.listen 0.0.0.0:0", 2, "a development server listens on loopback alone"},
	    {"--http.listen [::]:0", 2, "a development server listens on loopback alone"},
	    {"--http.listen 127.0.0.1", 2, "http.listen"},
	    {"--http.listen 127.0.0.1:0 --http.trusted_proxies x", 2, "http.trusted_proxies"},
	    {"--http.listen 127.0.0.1:0 --http.cors_origins *", 2, "http.cors_origins"},
	    {"--http.listen 127.0.0.1:0 --bridge.upstream x", 2, "bridge.upstream"},
	    {"--http.lisen 127.0.0.1:0", 2, "--http.lisen"},
	    {"nonsense", 2, "nonsense"},
	};
	char output[OUTPUT_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct child child = start(table[i].words);
		int code = wait_until_it_ends(&child, output);
		size_t bytes = strlen(output);

		if (code != table[i].code || !strstr(output, table[i].says) || bytes == 0 ||
		    strchr(output, '\n') != output + bytes - 1)
			fail_msg("%s: %d: %s", table[i].words, code, output);
	}
}

static void
help_lists_the_settings(void **state)
{
	char output[OUTPUT_BYTES_MAX];
	struct child child = start("--help");

	(void)state;
	assert_int_equal(wait_until_it_ends(&child, output), 0);
	assert_non_null(strstr(output, "--http.trusted_proxies"));
	assert_non_null(strstr(output, "--bridge.key"));
	assert_null(strstr(output, "--database.host"));
}

static void
a_port_in_use_is_said(void **state)
{
	char output[OUTPUT_BYTES_MAX], words[64];
	struct child first = start("--http.listen 127.0.0.1:0"), second;

	(void)state;
	wait_until_it_listens(&first);
	snprintf(words, sizeof words, "--http.listen 127.0.0.1:%d", first.port);
	second = start(words);
	assert_int_equal(wait_until_it_ends(&second, output), 1);
	assert_non_null(strstr(output, "usher-bridge: ADDRESS_IN_USE: http.listen: "));
	assert_non_null(strstr(output, "another program listens"));
	kill(first.pid, SIGTERM);
	assert_int_equal(wait_until_it_ends(&first, output), 0);
}

static void
signals_reload_and_stop(void **state)
{
	static const char request[] =
	    "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	static const int stops[] = {SIGTERM, SIGINT};
	char output[OUTPUT_BYTES_MAX];
	struct talk_reply reply;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct child child = start("--http.listen localhost:0 --mode development");

		wait_until_it_listens(&child);
		kill(child.pid, SIGHUP);
		talk(child.port, slice_text(request), &reply);
		assert_int_equal(reply.http_status, 200);
		talk_reply_done(&reply);
		kill(child.pid, stops[i]);
		assert_int_equal(wait_until_it_ends(&child, output), 0);
		assert_non_null(strstr(output, "event=reload"));
		assert_non_null(strstr(output, "event=stop"));
	}
}

/* Read on until a line has it; a bridge that goes on and never says it ends the test. */
static void
wait_until_it_says(struct child *child, const char *wanted)
{
	char line[4096];
	bool said = false;

	alarm(PATIENCE_S);
	while (!said && fgets(line, sizeof line, child->errors))
		said = strstr(line, wanted) != NULL;
	alarm(0);
	if (!said)
		fail_msg("it ended before it said %s", wanted);
}

static void
write_settings(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
a_reload_says_what_it_did_not_take(void **state)
{
	char folder[SCRATCH_PATH_BYTES], path[SCRATCH_PATH_BYTES + 16], words[512];
	char output[OUTPUT_BYTES_MAX];
	struct child child;

	(void)state;
	scratch_make(folder);
	snprintf(path, sizeof path, "%s/a.conf", folder);
	snprintf(words, sizeof words, "--http.listen 127.0.0.1:0 --config %s", path);
	write_settings(path, "");
	child = start(words);
	wait_until_it_listens(&child);
	write_settings(path, "http.connections = many\nlog.level = error\n");
	kill(child.pid, SIGHUP);
	wait_until_it_says(&child, "level=warn event=reload_failed why=");
	write_settings(path, "http.connections = 64\nbridge.upstream_ca = x\n");
	kill(child.pid, SIGHUP);
	wait_until_it_says(&child,
	    "level=warn event=reload needs_restart=\"http.connections, bridge.upstream_ca\"");
	write_settings(path, "log.level = debug\n");
	kill(child.pid, SIGHUP);
	wait_until_it_says(&child, "level=info event=reload\n");
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_until_it_ends(&child, output), 0);
	scratch_remove(folder);
}

static void
production_listens_where_its_proxy_reaches_it(void **state)
{
	char output[OUTPUT_BYTES_MAX];
	struct child child =
	    start("--mode production --bridge.key ush_live_x --http.listen 0.0.0.0:0");

	(void)state;
	wait_until_it_listens(&child);
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_until_it_ends(&child, output), 0);
	assert_null(strstr(output, "ush_live_x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_in_the_way_is_one_sentence),
	    cmocka_unit_test(help_lists_the_settings),
	    cmocka_unit_test(a_port_in_use_is_said),
	    cmocka_unit_test(signals_reload_and_stop),
	    cmocka_unit_test(a_reload_says_what_it_did_not_take),
	    cmocka_unit_test(production_listens_where_its_proxy_reaches_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
