/* usherd: settings, parts, services, signals. Everything is made in order, and undone backwards. */
#include "access/credentials.h"
#include "access/keyring.h"
#include "access/quota.h"
#include "app/metrics.h"
#include "app/reload.h"
#include "app/words.h"
#include "base/aside.h"
#include "base/config.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/network.h"
#include "base/version.h"
#include "crypt/crypt.h"
#include "crypt/password.h"
#include "gen/svc/auth.h"
#include "gen/svc/context.h"
#include "gen/svc/ops.h"
#include "gen/svc/org.h"
#include "gen/svc/user.h"
#include "jobs/jobs.h"
#include "jobs/operations.h"
#include "jobs/spool.h"
#include "jobs/standard.h"
#include "rpc/server.h"
#include "store/barrier.h"
#include "store/feed.h"
#include "store/lease.h"
#include "svc/auth/auth.h"
#include "svc/auth/refresh.h"
#include "svc/common/page.h"
#include "svc/context/env.h"
#include "svc/context/gather.h"
#include "svc/context/memory.h"
#include "svc/ops/env.h"
#include "svc/org/org.h"
#include "svc/user/user.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE_BYTES (256 << 10)
/* One for each connection, and some; what its unit allows. */
#define FILES_WANTED 65536
/* A stop waits no longer for the database to take quotas back. */
#define GIVE_BACK_US (1 * US_PER_S)

/* What a usherd is made of. Zeroed at first; what is NULL has not been made. */
struct node {
	struct config *config;
	struct crypt_key *master;
	struct crypt_key *outbox_key;
	struct crypt_key *repeat_key;
	struct store *store;
	struct store
	    *feed_store; /* the feed's own, so that a busy pool can't take the lease away */
	struct lease *lease;
	struct barrier *barrier;
	struct feed *feed;
	struct cluster_clock clock; /* for all that others look at */
	struct keyring *keyring;
	struct credentials *credentials;
	struct quota *quota;
	struct password_hasher *hasher;
	struct spool *spool;
	struct jobs *jobs;
	struct standard_jobs standard;
	struct operation_kind operation_kinds[1];
	struct operations *operations;
	struct auth_env *auth;
	struct user_env *user;
	struct org_env *org;
	struct context_memory *contexts;
	struct crypt_key *page_key;
	struct context_env context;
	struct ops_cache_source caches[2];
	struct ops_env ops;
	struct rpc_real real;
	struct rpc_server *server;
	struct metrics *metrics;
	char problem[512]; /* why it could not start, where a message of its own is needed */
	bool feed_runs, jobs_run, serves;
};

/* Figures tell nobody's data, but how much is going on. rpc.listen is looked at by the server. */
static status
check_mode(struct node *node)
{
	const char *metrics = config_text(node->config, "metrics.listen");

	if (!*metrics || strcmp(config_text(node->config, "mode"), "development") != 0 ||
	    listen_is_loopback(metrics))
		return STATUS_OK;
	(void)snprintf(node->problem, sizeof(node->problem),
	    "metrics.listen: %s: a development server listens on loopback alone; set mode = "
	    "production",
	    metrics);
	return REFUSE(ST_INVALID_ARGUMENT, node->problem);
}

static status
open_keys(struct node *node)
{
	const char *text = config_text(node->config, "master_key");

	if (!*text)
		return REFUSE(ST_INVALID_ARGUMENT,
		    "master_key is not set; make one with (umask 077; openssl rand -base64 32 > "
		    "FILE) and set master_key_file");
	TRY(crypt_key_new(&node->master));
	TRY(crypt_key_parse(slice_text(text), node->master));
	TRY(crypt_key_new(&node->outbox_key));
	outbox_key_derive(node->master, node->outbox_key);
	TRY(crypt_key_new(&node->repeat_key));
	rpc_repeat_key_derive(node->master, node->repeat_key);
	return STATUS_OK;
}

/* Memory that is right or empty: who says what changed, and who has to obey. */
static status
open_memory(struct node *node)
{
	const struct config *config = node->config;
	const struct keyring_config keyring = {
	    .master = node->master,
	    .clock = &node->clock.clock,
	    .rand = &rand_system,
	    .issuer = config_text(config, "token.issuer"),
	    .audience = config_text(config, "token.audience"),
	    .access_ttl_us = config_int(config, "token.access_ttl"),
	};
	size_t cache_bytes = (size_t)config_int(config, "cache.bytes");

	TRY(store_new(config, &clock_system, &node->store));
	TRY(store_new(config, &clock_system, &node->feed_store));
	store_limit_connections(node->feed_store, 1);
	TRY(lease_new(
	    &clock_system, &rand_system, config_text(config, "rpc.listen"), &node->lease));
	TRY(barrier_new(&clock_system, &node->barrier));
	TRY(feed_new(node->feed_store, &clock_system, node->lease, node->barrier, &node->feed));
	cluster_clock_init(&node->clock, &clock_system);
	feed_set_cluster_clock(node->feed, &node->clock);
	feed_set_pool(node->feed, node->store);
	TRY(keyring_new(&keyring, &node->keyring));
	/* Half for who is who, half for contexts (open_services). */
	TRY(credentials_new(
	    node->keyring, &node->clock.clock, cache_bytes / 2, &node->credentials));
	TRY(quota_new(&clock_system, &node->quota));
	TRY(feed_subscribe(node->feed, keyring_obey, node->keyring));
	TRY(feed_subscribe(node->feed, credentials_obey, node->credentials));
	feed_set_moved(node->feed, quota_forget, node->quota);
	return feed_subscribe(node->feed, quota_obey, node->quota);
}

static status
open_work(struct node *node)
{
	const struct config *config = node->config;
	const char *mail_mode = config_text(config, "mail.mode");
	const char *mail_dir = config_text(config, "mail.dir");
	const struct password_params params = {
	    .memory_kib = (uint32_t)config_int(config, "password.memory_kib"),
	    .passes = (uint32_t)config_int(config, "password.passes"),
	};
	const char *spool_dir = config_text(config, "spool.dir");

	TRY(password_hasher_new(&params, 0, &rand_system, &node->hasher));
	if (!*spool_dir)
		return REFUSE(ST_INVALID_ARGUMENT,
		    "spool.dir is not set: receipts need a folder of this node's own");
	TRY(spool_new(spool_dir, (size_t)config_int(config, "spool.bytes"), &clock_system,
	    &rand_system, &node->spool));
	TRY(jobs_new(node->store, &node->clock.clock, &node->jobs));
	node->standard = (struct standard_jobs){
	    .spool = node->spool,
	    .keyring = node->keyring,
	    .feed = node->feed,
	    .outbox.key = node->outbox_key,
	    .retention =
		{
		    .addresses_s = config_int(config, "retention.addresses") / US_PER_S,
		    .reads_s = config_int(config, "retention.receipts") / US_PER_S,
		},
	};
	if (strcmp(mail_mode, "files") == 0) {
		if (!*mail_dir)
			return REFUSE(ST_INVALID_ARGUMENT,
			    "mail.mode is files, but mail.dir, where they go, is not set");
		node->standard.outbox.deliver = outbox_deliver_to_folder;
		node->standard.outbox.deliver_env = (void *)(uintptr_t)mail_dir;
	}
	TRY(standard_jobs_add(node->jobs, &node->standard));
	node->operation_kinds[0] = operation_db_check;
	return operations_new(
	    &(struct operations_parts){
		.jobs = node->jobs,
		.clock = &node->clock.clock,
		.node_id = lease_node_id(node->lease),
		.kinds = node->operation_kinds,
		.kinds_count = sizeof node->operation_kinds / sizeof node->operation_kinds[0],
		.keep_s = config_int(config, "retention.operations") / US_PER_S,
	    },
	    &node->operations);
}

static status
open_services(struct node *node)
{
	const struct auth_parts auth = {
	    .config = node->config,
	    .master = node->master,
	    .hasher = node->hasher,
	    .keyring = node->keyring,
	    .credentials = node->credentials,
	};
	size_t cache_bytes = (size_t)config_int(node->config, "cache.bytes");

	TRY(auth_env_new(&auth, &node->auth));
	TRY(user_env_new(node->master, &node->user));
	TRY(org_env_new(node->master, &node->org));
	TRY(context_memory_new(cache_bytes / 2, &node->clock.clock, &node->contexts));
	TRY(crypt_key_new(&node->page_key));
	page_key_derive(node->master, node->page_key);
	node->context = (struct context_env){
	    .memory = node->contexts,
	    .quota = node->quota,
	    .spool = node->spool,
	    .page_key = node->page_key,
	};
	return feed_subscribe(node->feed, context_memory_obey, node->contexts);
}

/* A service, and what its handlers work with. */
static status
add_services(struct node *node)
{
	const struct {
		const struct rpc_service *service;
		const void *env;
	} rows[] = {
	    {&auth_service, node->auth},
	    {&user_service, node->user},
	    {&context_service, &node->context},
	    {&org_service, node->org},
	    {&ops_service, &node->ops},
	};
	const char *wanted = config_text(node->config, "services");
	size_t added = 0;

	while (*wanted) {
		size_t bytes = strcspn(wanted, ", "), i;

		for (i = 0; bytes && i < sizeof rows / sizeof rows[0]; i++)
			if (slice_equals_text(slice_of(wanted, bytes), rows[i].service->short_name))
				break;
		if (bytes && i == sizeof rows / sizeof rows[0])
			return REFUSE(ST_INVALID_ARGUMENT, "services names one that there is not; "
							   "there are auth, user, context, org and "
							   "ops");
		if (bytes) {
			TRY(rpc_server_add(node->server, rows[i].service, rows[i].env));
			added++;
		}
		wanted += bytes + strspn(wanted + bytes, ", ");
	}
	rpc_server_gather(node->server, &context_gathering_resolve);
	rpc_server_gather(node->server, &context_gathering_get);
	rpc_server_gather(node->server, &auth_gathering_refresh);
	return added ? STATUS_OK : REFUSE(ST_INVALID_ARGUMENT, "services names none");
}

static size_t
credential_caches(void *env, struct cache_stats out[OPS_CACHES_MAX])
{
	credentials_get_stats(env, out);
	return CREDENTIAL_CACHES;
}

static size_t
context_caches(void *env, struct cache_stats out[OPS_CACHES_MAX])
{
	context_memory_get_stats(env, out);
	return 1;
}

/* Where the figures come from. */
static void
fill_ops(struct node *node)
{
	const struct config *config = node->config;

	node->caches[0] = (struct ops_cache_source){credential_caches, node->credentials};
	node->caches[1] = (struct ops_cache_source){context_caches, node->contexts};
	node->ops = (struct ops_env){
	    .version = USHER_VERSION,
	    .mode = config_text(config, "mode"),
	    .mail_configured = strcmp(config_text(config, "mail.mode"), "none") != 0,
	    .started_at_us = clock_now_us(&clock_system),
	    .store = node->store,
	    .feed_store = node->feed_store,
	    .server = node->server,
	    .lease = node->lease,
	    .keyring = node->keyring,
	    .feed = node->feed,
	    .cluster_clock = &node->clock,
	    .barrier = node->barrier,
	    .jobs = node->jobs,
	    .spool = node->spool,
	    .operations = node->operations,
	    .page_key = node->page_key,
	    .caches = node->caches,
	    .caches_count = sizeof node->caches / sizeof node->caches[0],
	};
}

static status
open_server(struct node *node)
{
	struct rpc_settings settings;

	rpc_settings_default(&settings);
	rpc_settings_read(node->config, &settings);
	settings.clock = &node->clock.clock;
	settings.rand = &rand_system;
	if (!store_allow_connections(
		node->store, rpc_settings_connections(&settings) + JOBS_THREADS))
		log_event(LOG_WARN, "pool_is_small", "why",
		    "database.pool_connections is less than the threads that need one", NULL);
	node->real = (struct rpc_real){
	    .store = node->store,
	    .credentials = node->credentials,
	    .feed = node->feed,
	    .barrier = node->barrier,
	};
	rpc_backend_real(&node->real, &settings.backend);
	settings.repeat_key = node->repeat_key;
	TRY(rpc_server_new(&settings, &node->server));
	fill_ops(node);
	return add_services(node);
}

static status
start(struct node *node)
{
	const char *metrics = config_text(node->config, "metrics.listen");

	TRY(feed_start(node->feed));
	node->feed_runs = true;
	TRY(jobs_start(node->jobs));
	node->jobs_run = true;
	TRY(rpc_server_start(node->server));
	node->serves = true;
	if (!*metrics)
		return STATUS_OK;
	status st = metrics_new(metrics, &node->ops, &node->metrics);
	if (st.code != ST_OK) {
		(void)snprintf(node->problem, sizeof(node->problem), "metrics.listen: %s: %s",
		    metrics, st.message);
		st.message = node->problem;
	}
	return st;
}

static status
node_open(struct node *node)
{
	TRY(check_mode(node));
	TRY(crypt_init());
	TRY(open_keys(node));
	TRY(open_memory(node));
	TRY(open_work(node));
	TRY(open_services(node));
	TRY(open_server(node));
	return start(node);
}

/* If the database is there; otherwise the file keeps them. */
static void
store_last_receipts(struct node *node)
{
	struct store_health health;

	store_health(node->store, &health);
	if (!health.reachable ||
	    !standard_jobs_finish(node->jobs, &node->standard, &node->clock.clock))
		log_event(LOG_WARN, "receipts_left", "spool",
		    config_text(node->config, "spool.dir"), NULL);
}

/* What was leased of keys' quotas and not used, if the database takes it soon. */
static void
give_quotas_back(struct node *node)
{
	int64_t deadline_us = clock_boot_us(&clock_system) + GIVE_BACK_US, requests = 0;
	struct store_conn *conn = NULL;
	struct store_health health;
	struct feed_server server;

	store_health(node->store, &health);
	if (!health.reachable || !feed_get_server(node->feed, &server))
		return;
	status st = store_lease(node->store, deadline_us, &conn);
	if (st.code == ST_OK)
		st = quota_give_back(node->quota, &server, conn, &requests);
	if (st.code != ST_OK)
		log_event(LOG_WARN, "quotas_not_given_back", "code", status_code_name(st.code),
		    "why", st.message, NULL);
	if (requests > 0)
		log_event(LOG_INFO, "quotas_given_back", "requests", log_number(requests), NULL);
	if (conn)
		store_return(&conn);
}

/* Backwards: nobody new, those under way, what runs by itself, then what they all stood on. */
static void
node_close(struct node *node)
{
	if (node->metrics)
		metrics_free(&node->metrics);
	if (node->serves)
		rpc_server_stop(node->server);
	if (node->jobs_run)
		jobs_stop(node->jobs);
	if (node->jobs_run)
		store_last_receipts(node);
	if (node->feed_runs) {
		feed_stop(node->feed);
		give_quotas_back(node);
	}
	if (node->server)
		rpc_server_free(&node->server);
	if (node->page_key)
		crypt_key_free(&node->page_key);
	if (node->contexts)
		context_memory_free(&node->contexts);
	if (node->org)
		org_env_free(&node->org);
	if (node->user)
		user_env_free(&node->user);
	if (node->auth)
		auth_env_free(&node->auth);
	if (node->jobs)
		jobs_free(&node->jobs);
	if (node->operations)
		operations_free(&node->operations);
	if (node->spool)
		spool_free(&node->spool);
	if (node->hasher)
		password_hasher_free(&node->hasher);
	if (node->quota)
		quota_free(&node->quota);
	if (node->credentials)
		credentials_free(&node->credentials);
	if (node->keyring)
		keyring_free(&node->keyring);
	if (node->feed)
		feed_free(&node->feed);
	if (node->barrier)
		barrier_free(&node->barrier);
	if (node->lease)
		lease_free(&node->lease);
	if (node->feed_store)
		store_free(&node->feed_store);
	if (node->store)
		store_free(&node->store);
	if (node->repeat_key)
		crypt_key_free(&node->repeat_key);
	if (node->outbox_key)
		crypt_key_free(&node->outbox_key);
	if (node->master)
		crypt_key_free(&node->master);
}

static enum log_level
level_of(const struct config *config)
{
	return log_level_from_name(config_text(config, "log.level"));
}

/* Until TERM or INT. */
static void
serve(struct node *node, const sigset_t *signals)
{
	int number = 0;

	for (size_t i = 0; rpc_server_url(node->server, i); i++)
		log_event(LOG_INFO, "listen", "url", rpc_server_url(node->server, i), "services",
		    config_text(node->config, "services"), "mode",
		    config_text(node->config, "mode"), NULL);
	while (sigwait(signals, &number) == 0 && number == SIGHUP)
		reload(node->config);
	log_event(LOG_INFO, "stop", "signal", log_number(number), NULL);
}

static void
print_help(void)
{
	printf("usage: usherd [--NAME VALUE ...] [--config FILE]\n\n"
	       "Serves usher's services over nng. Settings come from flags, the environment\n"
	       "(USHER_...), a file (--config, USHER_CONFIG, ./usher.conf) and defaults;\n"
	       "`usher config` prints them all.\n\n"
	       "  usherd --rpc.listen tcp://127.0.0.1:7700 --services auth,user\n\n"
	       "TERM and INT drain and stop; HUP reads log.level again, and names what else has\n"
	       "changed and wants a restart.\n"
	       "Exit codes: 0 stopped as asked, 1 could not start, 2 settings or "
	       "usage.\n\nSettings:\n");
	for (const struct config_row *row = config_rows; row->name; row++)
		printf("  --%-28s %s (%s)\n", row->name, row->help,
		    *row->default_text ? row->default_text : "unset");
}

int
main(int argc, char **argv)
{
	struct node node = {0};
	struct strbuf message;
	char **rest = NULL;
	sigset_t signals;
	status st;

	if (words_answer("usherd", print_help, argv + 1))
		return 0;
	/* Threads would each get an arena of 64 MiB to fragment. */
	mallopt(M_ARENA_MAX, 2);
	/* Large messages go back to the system when they are freed, however many there were before.
	 */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, 4 * LARGE_BYTES);
	(void)files_raise(FILES_WANTED);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	strbuf_init(&message, 4096);
	if (config_load(argc, argv, NULL, &node.config, &rest, &message).code != ST_OK) {
		fprintf(stderr, "usherd: %s\n", strbuf_text(&message));
		strbuf_done(&message);
		return 2;
	}
	strbuf_done(&message);
	if (rest[0]) {
		config_free(&node.config);
		return words_refuse("usherd", rest[0]);
	}
	st = log_start(STDERR_FILENO, level_of(node.config));
	if (st.code == ST_OK) {
		words_warn_of_slips();
		st = node_open(&node);
	}
	if (st.code == ST_OK)
		serve(&node, &signals);
	else
		words_complain("usherd", st.reason, st.message);
	node_close(&node);
	log_stop();
	config_free(&node.config);
	aside_exit(st.code == ST_OK ? 0 : st.code == ST_INVALID_ARGUMENT ? 2 : 1);
}
