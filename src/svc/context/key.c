/* CreateApiKey, ListApiKeys, RevokeApiKey. */
#include "base/network.h"
#include "crypt/secret.h"
#include "gen/svc/context.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "svc/common/reply.h"
#include "svc/context/ask.h"

/* The statements that give keys have the same columns. */
static status
read_key(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__ApiKey *out)
{
	Usher__V1__Quota *quota = arena_alloc(call->arena, sizeof(*quota));

	if (!quota)
		return ARENA_EXHAUSTED;
	usher__v1__quota__init(quota);
	quota->requests_per_minute = row_int(rows, row, CONTEXT_KEYS_REQUESTS_PER_MINUTE);
	quota->requests_per_day = row_int(rows, row, CONTEXT_KEYS_REQUESTS_PER_DAY);
	out->quota = quota;
	TRY(reply_id_column(call, rows, row, CONTEXT_KEYS_ID, &out->key_id));
	TRY(reply_id_column(call, rows, row, CONTEXT_KEYS_CHATBOT_ID, &out->chatbot_id));
	TRY(reply_text_column(call, rows, row, CONTEXT_KEYS_DISPLAY_NAME, &out->display_name));
	TRY(reply_text_column(call, rows, row, CONTEXT_KEYS_PREFIX, &out->prefix));
	TRY(reply_texts_column(call, rows, row, CONTEXT_KEYS_SCOPES, &out->scopes, &out->n_scopes));
	TRY(reply_id_column(call, rows, row, CONTEXT_KEYS_DEFAULT_USER_ID, &out->default_user_id));
	TRY(reply_id_column(call, rows, row, CONTEXT_KEYS_BOUND_USER_ID, &out->bound_user_id));
	TRY(reply_texts_column(call, rows, row, CONTEXT_KEYS_ALLOWED_NETWORKS,
	    &out->allowed_networks, &out->n_allowed_networks));
	TRY(reply_time_column(call, rows, row, CONTEXT_KEYS_CREATED_AT, &out->created_at));
	TRY(reply_time_column(call, rows, row, CONTEXT_KEYS_EXPIRES_AT, &out->expires_at));
	TRY(reply_time_column(call, rows, row, CONTEXT_KEYS_REVOKED_AT, &out->revoked_at));
	return reply_time_column(call, rows, row, CONTEXT_KEYS_LAST_USED_AT, &out->last_used_at);
}

static const struct permission_row *
find_permission(const char *name)
{
	for (size_t i = 0; i < permission_catalogue_count; i++)
		if (strcmp(permission_catalogue[i].name, name) == 0)
			return &permission_catalogue[i];
	return NULL;
}

/* Nobody gives away what they have not: a scope that roles can hold, the caller must hold. What is
 * for keys alone, whoever may make keys may give. An operator of the platform may give all. */
static bool
may_grant(const struct principal *principal, const struct permission_row *row)
{
	uint64_t bit = permission_bit(slice_text(row->name));

	if (principal->platform_permissions & permission_bit(slice_text("keys.write")))
		return true;
	if (principal->permissions & bit)
		return true;
	return !row->for_owner && !row->for_admin && !row->for_member;
}

static status
org_is_system(struct rpc_call *call, bool *out)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(
	    call->conn, STMT_CONTEXT_ORG_IS_SYSTEM, &rows, p_uuid(&call->principal->org_id)));
	*out = rows.count == 1 && row_bool(&rows, 0, CONTEXT_ORG_IS_SYSTEM_IS_SYSTEM);
	return STATUS_OK;
}

static status
check_scope(struct rpc_call *call, const char *name)
{
	const struct permission_row *row = find_permission(name);
	bool is_system = false;

	if (!row || (!row->for_key && !row->for_system_key))
		return rpc_refuse_field(call, "scopes", "\"%s\" is no scope of keys", name);
	if (!row->for_key) {
		TRY(org_is_system(call, &is_system));
		if (!is_system)
			return rpc_refuse_field(call, "scopes",
			    "\"%s\" is for keys of the system organisation alone", name);
	}
	if (!may_grant(call->principal, row))
		return arena_refuse(call->arena, ST_PERMISSION_DENIED, "SCOPE_NOT_HELD",
		    "you may not give the scope \"%s\": you do not hold it", name);
	return STATUS_OK;
}

/* What a new key will be. */
struct new_key {
	struct uuid id, chatbot_id, default_user_id, bound_user_id;
	bool has_default_user, has_bound_user;
	struct slice *scopes, *networks;
	size_t scopes_count, networks_count;
	int64_t expires_at_us; /* 0: never */
};

static status
check_scopes(struct rpc_call *call, const Usher__V1__CreateApiKeyRequest *req, struct new_key *key)
{
	key->scopes = arena_alloc(call->arena, req->n_scopes * sizeof(*key->scopes));
	if (!key->scopes)
		return ARENA_EXHAUSTED;
	if (req->n_scopes == 0)
		return rpc_refuse_field(call, "scopes", "a key needs at least one");
	for (size_t i = 0; i < req->n_scopes; i++) {
		bool twice = false;

		TRY(check_scope(call, req->scopes[i]));
		for (size_t j = 0; j < key->scopes_count; j++)
			twice |= slice_equals_text(key->scopes[j], req->scopes[i]);
		if (!twice)
			key->scopes[key->scopes_count++] = slice_text(req->scopes[i]);
	}
	return STATUS_OK;
}

static status
check_networks(
    struct rpc_call *call, const Usher__V1__CreateApiKeyRequest *req, struct new_key *key)
{
	key->networks = arena_alloc(call->arena, req->n_allowed_networks * sizeof(*key->networks));
	if (!key->networks)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < req->n_allowed_networks; i++) {
		struct slice text = slice_text(req->allowed_networks[i]);
		struct network network;

		if (!network_parse(text, &network))
			return rpc_refuse_field(call, "allowed_networks",
			    "number %zu is no network as in 192.0.2.0/24 or 2001:db8::/32", i + 1);
		key->networks[key->networks_count++] = text;
	}
	return STATUS_OK;
}

static status
check_user(
    struct rpc_call *call, const char *field, const char *text, struct uuid *out, bool *given)
{
	*given = *text != '\0';
	if (!*given)
		return STATUS_OK;
	if (strncmp(text, INPUT_EXTERNAL_PREFIX, strlen(INPUT_EXTERNAL_PREFIX)) != 0) {
		struct uuid id;

		TRY(input_id(call, field, text, &id));
	}
	return ask_find_user(call, text, out);
}

static status
check_new_key(struct rpc_call *call, const Usher__V1__CreateApiKeyRequest *req, struct new_key *key)
{
	*key = (struct new_key){0};
	TRY(input_line(call, "display_name", req->display_name));
	TRY(check_scopes(call, req, key));
	TRY(check_networks(call, req, key));
	if (req->expires_at) {
		if (req->expires_at->seconds < 0 ||
		    req->expires_at->seconds > INT64_C(253402300799))
			return rpc_refuse_field(
			    call, "expires_at", "no time of years 1970 to 9999");
		key->expires_at_us =
		    req->expires_at->seconds * US_PER_S + req->expires_at->nanos / 1000;
		if (key->expires_at_us <= call->now_us)
			return rpc_refuse_field(call, "expires_at", "is in the past");
	}
	TRY(ask_find_chatbot(call, req->chatbot_id, true, &key->chatbot_id));
	TRY(check_user(call, "default_user_id", req->default_user_id, &key->default_user_id,
	    &key->has_default_user));
	TRY(check_user(
	    call, "bound_user_id", req->bound_user_id, &key->bound_user_id, &key->has_bound_user));
	/* It would read more than its maker may. */
	if (!key->has_bound_user)
		TRY(principal_may_list_users(call->principal));
	if (key->has_default_user && key->has_bound_user &&
	    !uuid_equals(&key->default_user_id, &key->bound_user_id))
		return rpc_refuse_field(
		    call, "default_user_id", "a bound key's default user is the bound one");
	return uuid_make(call->clock, call->rand, &key->id);
}

static status
insert_key(struct rpc_call *call, const Usher__V1__CreateApiKeyRequest *req,
    const struct new_key *key, const struct secret *secret, Usher__V1__ApiKey *out)
{
	const struct principal *principal = call->principal;
	char hint[SECRET_HINT_BYTES];
	ROWS_AUTO rows = {0};

	secret_hint(SECRET_API_KEY, &key->id, hint);
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_KEY_CREATE, &rows, p_uuid(&principal->org_id),
	    p_uuid(&key->id), p_uuid(&key->chatbot_id), p_text(req->display_name), p_text(hint),
	    p_bytes(slice_of(secret->digest.bytes, CRYPT_DIGEST_BYTES)),
	    p_texts(key->scopes, key->scopes_count),
	    p_uuid(key->has_default_user ? &key->default_user_id : NULL),
	    p_uuid(key->has_bound_user ? &key->bound_user_id : NULL),
	    p_texts(key->networks, key->networks_count),
	    p_int(req->quota ? req->quota->requests_per_minute : 0),
	    p_int(req->quota ? req->quota->requests_per_day : 0),
	    p_uuid(uuid_is_nil(&principal->account_id) ? NULL : &principal->account_id),
	    key->expires_at_us ? p_time(key->expires_at_us) : P_NULL));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_KEY_LIST_IN_DIRECTORY, NULL, p_uuid(&key->id),
	    p_uuid(&principal->org_id)));
	/* Somebody may have asked for this id before, and been remembered as unknown. */
	TRY(store_change(call->conn, CHANGE_KEY, &key->id, &principal->org_id, false));
	return read_key(call, &rows, 0, out);
}

/* CreateApiKey: a key of a chatbot; its text is shown this once.
 * Errors: INVALID_ARGUMENT (shape, scopes, networks), NOT_FOUND (chatbot, user), PERMISSION_DENIED
 *         SCOPE_NOT_HELD. */
status
context_create_api_key(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__CreateApiKeyRequest *req, Usher__V1__CreateApiKeyReply *reply)
{
	struct new_key key;
	struct secret secret;
	char text[SECRET_TEXT_BYTES_MAX];
	Usher__V1__ApiKey *out = arena_alloc(call->arena, sizeof(*out));

	(void)env;
	if (!out)
		return ARENA_EXHAUSTED;
	usher__v1__api_key__init(out);
	TRY(principal_need_org(call->principal));
	TRY(check_new_key(call, req, &key));
	call->audit_subject = key.id;
	TRY(secret_make(call->rand, SECRET_API_KEY, &key.id, text, &secret));
	reply->api_key = arena_copy_text(call->arena, text);
	crypt_wipe(text, sizeof(text));
	if (!reply->api_key)
		return ARENA_EXHAUSTED;
	TRY(insert_key(call, req, &key, &secret, out));
	reply->key = out;
	return STATUS_OK;
}

/* Whose keys the call is about: a chatbot's, or without one (a nil id) those of services. */
static status
find_holder(struct rpc_call *call, const char *chatbot, struct uuid *out)
{
	*out = (struct uuid){{0}};
	if (*chatbot)
		return ask_find_chatbot(call, chatbot, true, out);
	return principal_need_org(call->principal);
}

static struct param
p_holder(const struct uuid *holder)
{
	return p_uuid(uuid_is_nil(holder) ? NULL : holder);
}

/* ListApiKeys: oldest first, revoked and expired ones too. Errors: NOT_FOUND (chatbot). */
status
context_list_api_keys(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__ListApiKeysRequest *req, Usher__V1__ListApiKeysReply *reply)
{
	struct uuid holder;
	struct slice filter = slice_of(holder.bytes, UUID_BYTES);
	struct page page;
	ROWS_AUTO rows = {0};
	int shown;

	/* They name users. */
	TRY(principal_may_list_users(call->principal));
	TRY(find_holder(call, req->chatbot_id, &holder));
	TRY(page_read(call, env->page_key, filter, req->page, &page));
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_KEYS, &rows, p_uuid(&call->principal->org_id),
	    p_holder(&holder), p_time(page.after.number), p_uuid(&page.after.id),
	    p_int(page.size + 1)));
	shown = rows.count > page.size ? page.size : rows.count;
	reply->keys = arena_alloc(call->arena, (size_t)shown * sizeof(*reply->keys));
	if (!reply->keys)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < shown; i++) {
		Usher__V1__ApiKey *key = arena_alloc(call->arena, sizeof(*key));

		if (!key)
			return ARENA_EXHAUSTED;
		usher__v1__api_key__init(key);
		TRY(read_key(call, &rows, i, key));
		reply->keys[reply->n_keys++] = key;
	}
	if (rows.count > shown) {
		struct page_position last = {row_time_us(&rows, shown - 1, CONTEXT_KEYS_CREATED_AT),
		    row_uuid(&rows, shown - 1, CONTEXT_KEYS_ID)};

		TRY(page_close(call, env->page_key, filter, &last, &reply->page));
	}
	return STATUS_OK;
}

/* RevokeApiKey: no node accepts the key any more when this is answered. A repeat waits for a
 * barrier of its own, since the first one may still be waiting for its. Errors: NOT_FOUND (chatbot,
 * key). */
status
context_revoke_api_key(const struct context_env *env, struct rpc_call *call,
    const Usher__V1__RevokeApiKeyRequest *req, Usher__V1__ApiKey *reply)
{
	struct uuid holder, key_id;
	ROWS_AUTO rows = {0};

	(void)env;
	TRY(input_id(call, "key_id", req->key_id, &key_id));
	TRY(find_holder(call, req->chatbot_id, &holder));
	call->audit_subject = key_id;
	TRY(STORE_QUERY(call->conn, STMT_CONTEXT_KEY_REVOKE, &rows,
	    p_uuid(&call->principal->org_id), p_holder(&holder), p_uuid(&key_id)));
	if (rows.count == 0)
		return REFUSE_FOR(ST_NOT_FOUND, "KEY_NOT_FOUND", "there is no such key");
	TRY(store_change(call->conn, CHANGE_KEY, &key_id, &call->principal->org_id, true));
	return read_key(call, &rows, 0, reply);
}
