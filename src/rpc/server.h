/* server.h - usherd's face: services behind nng REP sockets.
 *
 *     TRY(rpc_server_new(&settings, &server));
 *     TRY(rpc_server_add(server, &auth_service, auth_env));
 *     TRY(rpc_server_start(server));
 *     ...
 *     rpc_server_stop(server);
 *     rpc_server_free(&server);
 *
 * Threads: add and start from one; stop from one, while calls run; figures from any.
 * Blocks: rpc_server_stop(), up to drain_us and the handlers that run then. */
#ifndef USHER_RPC_SERVER_H
#define USHER_RPC_SERVER_H

#include "base/config.h"
#include "rpc/backend.h"
#include "rpc/method.h"

struct rpc_server;

struct rpc_lane_settings {
	int workers;
	int queue_max;
};

struct rpc_settings {
	const struct clock *clock;
	const struct rand_source *rand;
	struct rpc_backend backend;
	const struct crypt_key *repeat_key; /* of rpc_repeat_key_derive(): for the real backend */
	const char *urls;                   /* separated by commas */
	const char *tls_file;               /* PEM with certificate and key, for tls+tcp:// */
	bool development;
	bool private_network;                       /* plain tcp:// off loopback is meant */
	struct rpc_lane_settings lanes[LANE_COUNT]; /* by enum lane; INLINE has none */
	/* Calls that wait beyond the lanes: so many for a barrier or for news, as many for a fill,
	 * and as many for the time at which they are answered. */
	int parked_max;
	/* Refusals of credentials that an address (of IPv6, a /64) hears of, and of places that an
	 * organisation does, or such an address; the rest waits, as long as no more than so many
	 * do, half of them for places. */
	int refusals_a_second;
	int refusals_at_once;
	int places_refused_at_once; /* a good part of what was too much may come together */
	int refusals_waiting_max;
	int pipes_max;
	int calls_per_pipe_max;
	/* That the transport's callbacks work on at once; it has two threads a core for them. More
	 * go to the CPU lane. */
	int batches_here_max;
	/* Beyond it large requests are refused, and who does not take replies is cut off. */
	int64_t message_bytes_max;
	/* A client that takes none of its replies for so long is cut off; as long again for each
	 * MiB that it has to take. */
	int64_t send_timeout_us;
	int64_t drain_us;
	/* Calls whose place is the INLINE lane are logged one in so many when they go well, and so
	 * are those that find no place at all. */
	unsigned log_inline_every;
};

/* Whatever the settings name, and the rest by its default. */
void rpc_settings_default(struct rpc_settings *out);
void rpc_settings_read(const struct config *config, struct rpc_settings *out);
/* How many connections to the database its workers hold when all are at work. */
int rpc_settings_connections(const struct rpc_settings *settings);

/* settings is copied; what it points to is borrowed. Errors: RESOURCE_EXHAUSTED. */
MUST_USE status rpc_server_new(const struct rpc_settings *settings, struct rpc_server **out);
/* env goes to the service's handlers. Before start.
 * Errors: INTERNAL (two methods of one id, access rules that do not fit), RESOURCE_EXHAUSTED. */
MUST_USE status rpc_server_add(
    struct rpc_server *server, const struct rpc_service *service, const void *env);
/* A service that has not been added needs none, and that is no error. After add, before start; the
 * gathering is borrowed. */
void rpc_server_gather(struct rpc_server *server, const struct rpc_gathering *gathering);
/* Starts the lanes and listens on every URL. Errors: INVALID_ARGUMENT (URL_REFUSED, BAD_URL, with a
 * message for people), UNAVAILABLE ADDRESS_IN_USE, ADDRESS_NOT_OURS, ADDRESS_NOT_ALLOWED. The
 * message lives as long as the server. */
MUST_USE status rpc_server_start(struct rpc_server *server);
/* Answers what is under way, refuses the rest with UNAVAILABLE DRAINING, then closes. */
void rpc_server_stop(struct rpc_server *server);
void rpc_server_free(struct rpc_server **server);

/* The URL it listens on, with the port that was chosen for :0; NULL past the last. */
const char *rpc_server_url(const struct rpc_server *server, size_t index);

/* For reflection: the services that it has, NULL past the last. */
const struct rpc_service *rpc_server_services(const struct rpc_server *server, size_t index);

struct rpc_lane_figures {
	const char *name;
	int workers, busy, queued, queue_max;
	int64_t done, refused, expired;
};
/* INLINE first, which has no workers; the number of rows written, LANE_COUNT - 1 at most. */
size_t rpc_server_lanes(struct rpc_server *server, struct rpc_lane_figures out[LANE_COUNT]);
/* Calls under way, connections. */
void rpc_server_load(struct rpc_server *server, int64_t *calls, int64_t *pipes);
/* Refusals that wait for their time, and how many credentials were not looked at. */
struct rpc_refusals {
	int64_t of_credentials, of_places;
	int64_t turned_away;
};
void rpc_server_refusals(struct rpc_server *server, struct rpc_refusals *out);
/* Were there file descriptors left when it looked last? Without them nobody new is heard. */
bool rpc_server_has_files(const struct rpc_server *server);

#endif
