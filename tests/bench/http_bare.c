/* The peer that the bridge is held against: libmicrohttpd with as many event loops, and a handler
 * that answers each request at once with so many bytes.
 *
 *     http_bare PORT THREADS REPLY_BYTES */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 1024

static struct MHD_Response *response;

static enum MHD_Result
answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_bytes, void **state)
{
	(void)cls, (void)url, (void)method, (void)version, (void)upload, (void)upload_bytes;
	/* First it is told of the header alone; a reply then would close the connection. */
	if (!*state) {
		*state = response;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static struct MHD_Daemon *
daemon_start(uint16_t port, unsigned threads)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* The library takes a pool of one for a mistake. */
	const struct MHD_OptionItem pool[] = {
	    {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
	    {MHD_OPTION_END, 0, NULL},
	};

	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, port, NULL, NULL, answer, NULL,
	    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
	    CONNECTIONS_MAX, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

int
main(int argc, char **argv)
{
	sigset_t end;
	int signal_number;

	if (argc != 4)
		return 2;
	const size_t bytes = strtoul(argv[3], NULL, 10);
	char *body = malloc(bytes + 1);
	if (!body)
		return 2;
	memset(body, 'b', bytes);
	response = MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_MUST_FREE);
	(void)MHD_add_response_header(response, "Content-Type", "application/json");
	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGTERM);
	(void)sigaddset(&end, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &end, NULL);
	struct MHD_Daemon *daemon = daemon_start(
	    (uint16_t)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
	if (!daemon) {
		(void)fputs("http_bare: can't listen\n", stderr);
		return 2;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	(void)sigwait(&end, &signal_number);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
	return 0;
}
