/* GetHealth, GetDescriptors: what answers even when nothing else does. */
#include "gen/meta/descriptors.h"
#include "gen/svc/ops.h"
#include "rpc/call.h"
#include "svc/ops/env.h"

/* Names of the services that this server has. */
static status
fill_services(const struct ops_env *env, struct rpc_call *call, char ***out, size_t *count)
{
	size_t n = 0;
	char **names;

	while (env->server && rpc_server_services(env->server, n))
		n++;
	names = arena_alloc(call->arena, n * sizeof(*names));
	if (!names)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < n; i++)
		names[i] = (char *)rpc_server_services(env->server, i)->name;
	*out = names;
	*count = n;
	return STATUS_OK;
}

/* Anybody may ask. libpq says where the database is, and as whom we come: in production that is the
 * log's alone. */
static const char *
database_reason(const struct rpc_call *call, const struct store_health *health)
{
	return health->reachable || call->development
		   ? health->message
		   : "the database is away: the log of this server says why";
}

/* GetHealth: is it up, and does it reach its database? */
status
ops_get_health(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetHealthRequest *req, Usher__V1__GetHealthReply *reply)
{
	struct store_health health;

	(void)req;
	store_health(env->store, &health);
	bool signs = !env->keyring || keyring_has_signer(env->keyring);
	bool has_files = !env->server || rpc_server_has_files(env->server);
	const char *reason = database_reason(call, &health);
	if (!*reason && !signs)
		reason = "there is no signing key: it has only just started, or master_key is not "
			 "the one that sealed them (the log says)";
	if (!*reason && !has_files)
		reason = "no file descriptor is left: raise the limit (ulimit -n, LimitNOFILE=)";
	reply->ready = health.reachable && health.schema_fits && signs && has_files;
	reply->reason = arena_copy_text(call->arena, reason);
	if (!reply->reason)
		return ARENA_EXHAUSTED;
	reply->version = (char *)env->version;
	reply->database_reachable = health.reachable;
	reply->schema_version = health.schema_version;
	reply->schema_version_needed = health.schema_version_needed;
	reply->mode = (char *)env->mode;
	reply->mail_configured = env->mail_configured;
	reply->lease_held = env->lease && lease_is_held(env->lease);
	return fill_services(env, call, &reply->services, &reply->n_services);
}

/* All of it is memory, whatever the database does. */
status
ops_get_health_cached(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetHealthRequest *req, Usher__V1__GetHealthReply *reply)
{
	return ops_get_health(env, call, req, reply);
}

/* GetDescriptors: the schema of every service, for clients that were not built with it. */
status
ops_get_descriptors(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetDescriptorsRequest *req, Usher__V1__GetDescriptorsReply *reply)
{
	(void)req;
	reply->file_descriptor_set.data = (uint8_t *)usher_descriptors;
	reply->file_descriptor_set.len = usher_descriptors_bytes;
	return fill_services(env, call, &reply->services, &reply->n_services);
}

status
ops_get_descriptors_cached(const struct ops_env *env, struct rpc_call *call,
    const Usher__V1__GetDescriptorsRequest *req, Usher__V1__GetDescriptorsReply *reply)
{
	return ops_get_descriptors(env, call, req, reply);
}
