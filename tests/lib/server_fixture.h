/* server_fixture.h - a handler_fixture's services behind a real server on loopback, as usherd wires
 * them: feed, lease and barrier too. handler_call() is not for programs that use this.
 *
 * What fails while it is set up ends the program. */
#ifndef USHER_TESTS_LIB_SERVER_FIXTURE_H
#define USHER_TESTS_LIB_SERVER_FIXTURE_H

#include "client/client.h"
#include "rpc/server.h"
#include "tests/lib/handler_fixture.h"

struct server_fixture {
	struct handler_fixture services;
	struct store *feed_store;
	struct lease *lease;
	struct barrier *barrier;
	struct feed *feed;
	struct rpc_real real;
	struct crypt_key repeat_key;
	struct rpc_server *server;
	struct client *client;
};

/* Returns when the server holds its lease. */
void server_fixture_init(struct server_fixture *fx, struct postgres *postgres);
void server_fixture_done(struct server_fixture *fx);

#endif
