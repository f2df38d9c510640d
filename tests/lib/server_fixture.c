#include "tests/lib/server_fixture.h"

#include "gen/svc/auth.h"
#include "gen/svc/org.h"
#include "gen/svc/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define START_US_MAX (20 * US_PER_S)

static void
need(status st, const char *what)
{
	if (st.code == ST_OK)
		return;
	fprintf(stderr, "server_fixture: %s: %s\n", what, st.message);
	abort();
}

static void
feed_begin(struct server_fixture *fx)
{
	const int64_t give_up_us = clock_boot_us(&clock_system) + START_US_MAX;

	need(store_new(fx->services.config, &clock_system, &fx->feed_store), "the feed's store");
	need(lease_new(&clock_system, &rand_system, "", &fx->lease), "lease");
	need(barrier_new(&clock_system, &fx->barrier), "barrier");
	need(feed_new(fx->feed_store, &clock_system, fx->lease, fx->barrier, &fx->feed), "feed");
	feed_set_pool(fx->feed, fx->services.store);
	need(feed_subscribe(fx->feed, keyring_obey, fx->services.keyring), "subscribe");
	need(feed_subscribe(fx->feed, credentials_obey, fx->services.credentials), "subscribe");
	need(feed_start(fx->feed), "feed_start");
	while (!lease_is_held(fx->lease)) {
		if (clock_boot_us(&clock_system) > give_up_us)
			need(REFUSE(ST_DEADLINE_EXCEEDED, "no lease"), "feed");
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

void
server_fixture_init(struct server_fixture *fx, struct postgres *postgres)
{
	struct rpc_settings settings;
	struct client_settings client = {0};

	*fx = (struct server_fixture){0};
	handler_fixture_init(&fx->services, postgres);
	feed_begin(fx);
	fx->real = (struct rpc_real){.store = fx->services.store,
	    .credentials = fx->services.credentials,
	    .feed = fx->feed,
	    .barrier = fx->barrier};
	rpc_settings_default(&settings);
	rpc_backend_real(&fx->real, &settings.backend);
	rpc_repeat_key_derive(fx->services.master, &fx->repeat_key);
	settings.repeat_key = &fx->repeat_key;
	settings.urls = "tcp://127.0.0.1:0";
	settings.development = true;
	settings.drain_us = US_PER_S / 10;
	need(rpc_server_new(&settings, &fx->server), "server");
	need(rpc_server_add(fx->server, &auth_service, fx->services.auth), "auth");
	need(rpc_server_add(fx->server, &user_service, fx->services.user), "user");
	need(rpc_server_add(fx->server, &org_service, fx->services.org), "org");
	need(rpc_server_start(fx->server), "start");
	client.url = rpc_server_url(fx->server, 0);
	need(client_new(&client, &fx->client), "client");
}

void
server_fixture_done(struct server_fixture *fx)
{
	client_free(&fx->client);
	rpc_server_stop(fx->server);
	rpc_server_free(&fx->server);
	feed_stop(fx->feed);
	feed_free(&fx->feed);
	barrier_free(&fx->barrier);
	lease_free(&fx->lease);
	store_free(&fx->feed_store);
	handler_fixture_done(&fx->services);
}
