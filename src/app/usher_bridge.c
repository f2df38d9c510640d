/* usher-bridge: settings, the bridge, the HTTP server in front of it, signals. */
#include "app/reload.h"
#include "app/words.h"
#include "base/aside.h"
#include "base/config.h"
#include "base/files.h"
#include "base/log.h"
#include "base/network.h"
#include "bridge/bridge.h"
#include "gen/client/routes.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HTTP_THREADS_MAX 8
/* For all that is no client's: upstreams, event loops, what is shut down but not yet closed. */
#define FILES_SPARE 256
#define LARGE_BYTES (128 << 10)

struct program {
	struct config *config;
	struct strbuf message; /* what is in the way, for people */
	struct bridge *bridge;
	struct http_server *server;
};

/* In production TLS may be in front of the bridge, on another machine: then it listens where that
 * one reaches it. */
static status
check_mode(struct program *program)
{
	const struct config *config = program->config;
	const char *listen = config_text(config, "http.listen");

	if (strcmp(config_text(config, "mode"), "production") == 0) {
		if (*config_text(config, "bridge.key"))
			return STATUS_OK;
		strbuf_add_text(&program->message,
		    "bridge.key is not set, and production needs it: make one with "
		    "usher bootstrap --system-only --bridge-key FILE, and set bridge.key_file");
		return REFUSE(ST_INVALID_ARGUMENT, "no key");
	}
	if (listen_is_loopback(listen))
		return STATUS_OK;
	strbuf_add_format(&program->message,
	    "http.listen: %s: a development server listens on loopback alone; set mode = "
	    "production",
	    listen);
	return REFUSE(ST_INVALID_ARGUMENT, "not loopback");
}

static uint32_t
threads_wanted(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > HTTP_THREADS_MAX ? HTTP_THREADS_MAX : (uint32_t)cores;
}

/* As many as there can be files for, which may be fewer than the settings say. */
static uint32_t
connections_allowed(uint32_t wanted)
{
	const uint64_t needed = (uint64_t)wanted + FILES_SPARE, allowed = files_raise(needed);

	if (allowed >= needed)
		return wanted;
	wanted =
	    allowed > 2 * FILES_SPARE ? (uint32_t)allowed - FILES_SPARE : (uint32_t)allowed / 2;
	log_event(LOG_WARN, "few_files", "message",
	    "the limit of open files (ulimit -n, LimitNOFILE=) is below http.connections",
	    "connections", log_number(wanted), NULL);
	return wanted;
}

static status
open_bridge(struct program *program, uint32_t calls_max)
{
	const struct config *config = program->config;
	const struct bridge_config bridge = {
	    .upstream = config_text(config, "bridge.upstream"),
	    .upstream_ca_file = config_text(config, "bridge.upstream_ca"),
	    .key = config_text(config, "bridge.key"),
	    .trusted_proxies = config_text(config, "http.trusted_proxies"),
	    .metrics_from = config_text(config, "http.metrics_from"),
	    .cors_origins = config_text(config, "http.cors_origins"),
	    .calls_max = calls_max,
	    .clock = &clock_system,
	    .routes = routes,
	    .routes_count = routes_count,
	};

	return bridge_new(&bridge, &program->message, &program->bridge);
}

static status
program_open(struct program *program)
{
	const struct config *config = program->config;
	struct http_config http;
	status opened;

	http_config_init(&http);
	http.listen = config_text(config, "http.listen");
	http.threads = threads_wanted();
	http.connections_max =
	    connections_allowed((uint32_t)config_int(config, "http.connections"));
	http.connections_per_address_max =
	    (uint32_t)config_int(config, "http.connections_per_address");
	http.bodies_bytes_max = (size_t)config_int(config, "http.bodies");
	http.request_timeout_ms =
	    (uint32_t)(config_int(config, "http.request_timeout") / US_PER_MS);
	http.reply_timeout_ms = (uint32_t)(config_int(config, "http.reply_timeout") / US_PER_MS);
	http.refused = bridge_refused;
	http.is_proxy = bridge_is_proxy;
	http.drain_timeout_ms = (uint32_t)(config_int(config, "shutdown.drain") / US_PER_MS);
	TRY(check_mode(program));
	/* A call a connection, so that none is refused here. */
	TRY(open_bridge(program, http.connections_max));
	opened = http_server_new(&http, bridge_handle, program->bridge, &program->server);
	if (opened.code != ST_OK)
		strbuf_add_format(
		    &program->message, "http.listen: %s: %s", http.listen, opened.message);
	return opened;
}

/* Backwards: nobody new, those under way, then what they stood on. */
static void
program_close(struct program *program)
{
	http_server_stop(&program->server);
	bridge_free(&program->bridge);
}

/* Until TERM or INT. */
static void
serve(struct program *program, const sigset_t *signals)
{
	struct config *config = program->config;
	int number = 0;

	log_event(LOG_INFO, "listen", "address", config_text(config, "http.listen"), "port",
	    log_number(http_server_port(program->server)), "upstream",
	    config_text(config, "bridge.upstream"), "mode", config_text(config, "mode"), NULL);
	while (sigwait(signals, &number) == 0 && number == SIGHUP)
		reload(config);
	log_event(LOG_INFO, "stop", "signal", log_number(number), NULL);
}

static bool
is_ours(const char *name)
{
	return strncmp(name, "http.", 5) == 0 || strncmp(name, "bridge.", 7) == 0 ||
	       strcmp(name, "mode") == 0 || strcmp(name, "log.level") == 0 ||
	       strcmp(name, "shutdown.drain") == 0;
}

static void
print_help(void)
{
	printf("usage: usher-bridge [--NAME VALUE ...] [--config FILE]\n\n"
	       "Serves usher's methods as JSON over HTTP, by calling usherd. Settings come from\n"
	       "flags, the environment (USHER_...), a file (--config, USHER_CONFIG, ./usher.conf)\n"
	       "and defaults; `usher config` prints them all.\n\n"
	       "  usher-bridge --http.listen 127.0.0.1:8080 --bridge.upstream "
	       "tcp://127.0.0.1:7700\n\n"
	       "TERM and INT answer what is under way and stop; HUP reads log.level again, and\n"
	       "names what else has changed and wants a restart.\n"
	       "Exit codes: 0 stopped as asked, 1 could not start, 2 settings or usage.\n\n"
	       "Settings:\n");
	for (const struct config_row *row = config_rows; row->name; row++) {
		if (is_ours(row->name))
			printf("  --%-22s %s (%s)\n", row->name, row->help,
			    *row->default_text ? row->default_text : "unset");
	}
}

static int
run(struct program *program, const sigset_t *signals)
{
	status opened;

	if (log_start(STDERR_FILENO, log_level_from_name(config_text(program->config, "log.level")))
		.code != ST_OK) {
		fprintf(stderr, "usher-bridge: no memory for the log\n");
		return 1;
	}
	words_warn_of_slips();
	opened = program_open(program);
	if (opened.code == ST_OK)
		serve(program, signals);
	program_close(program);
	log_stop();
	if (opened.code == ST_OK)
		return 0;
	words_complain("usher-bridge", opened.reason,
	    program->message.bytes ? strbuf_text(&program->message) : opened.message);
	return opened.code == ST_INVALID_ARGUMENT ? 2 : 1;
}

int
main(int argc, char **argv)
{
	struct program program = {0};
	char **rest = NULL;
	sigset_t signals;
	int code = 2;

	if (words_answer("usher-bridge", print_help, argv + 1))
		return 0;
	/* Threads would each get an arena of their own to fragment. */
	mallopt(M_ARENA_MAX, 2);
	/* Or it would rise with the first large body, and later ones stay in those arenas. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	strbuf_init(&program.message, 4096);
	if (config_load(argc, argv, NULL, &program.config, &rest, &program.message).code != ST_OK) {
		fprintf(stderr, "usher-bridge: %s\n", strbuf_text(&program.message));
	} else {
		code = rest[0] ? words_refuse("usher-bridge", rest[0]) : run(&program, &signals);
		config_free(&program.config);
	}
	strbuf_done(&program.message);
	aside_exit(code);
}
