/* Refresh tokens: each gives its successor once, and again until that is used. */
#include "svc/auth/refresh.h"

#include "base/log.h"
#include "crypt/secret.h"
#include "gen/svc/auth.h"
#include "svc/auth/session.h"

#include <stdlib.h>

/* Of an encoded reply: an access token, a refresh token and ids. */
#define TOKENS_BYTES_MAX (TOKEN_TEXT_BYTES_MAX + SECRET_TEXT_BYTES_MAX + 512)

/* A refresh token's row and the session behind it. */
struct refresh {
	bool is_genuine; /* there is such a row, and the secret is its own */
	bool is_usable, is_superseded, has_successor;
	struct slice successor_sealed;
	struct uuid session_id;
	struct auth_subject subject;
};

/* A presented token, and the successor that is drawn for it. */
struct rotation {
	struct rpc_call *call;
	struct secret presented, successor;
	char successor_text[SECRET_TEXT_BYTES_MAX];
	struct slice sealed;
	struct refresh refresh; /* is_usable: the successor is in its place */
};

/* What is known of a call's token when those that waited were worked on together. */
struct rotated {
	bool is_genuine, is_rotated;
	struct revision revision;
	struct uuid session_id;
	struct auth_subject subject;
	char successor[SECRET_TEXT_BYTES_MAX];
};

static status
refresh_find(struct rpc_call *call, const struct secret *presented, struct refresh *out)
{
	ROWS_AUTO rows = {0};
	struct slice sealed;

	*out = (struct refresh){0};
	TRY(STORE_QUERY(call->conn, STMT_AUTH_REFRESH_FIND, &rows, p_uuid(&presented->id)));
	if (rows.count == 0 ||
	    !secret_matches(presented, row_slice(&rows, 0, AUTH_REFRESH_FIND_SECRET_HASH)))
		return STATUS_OK;
	out->is_genuine = true;
	out->is_usable = row_bool(&rows, 0, AUTH_REFRESH_FIND_IS_USABLE);
	out->is_superseded = row_bool(&rows, 0, AUTH_REFRESH_FIND_IS_SUPERSEDED);
	out->has_successor = !row_is_null(&rows, 0, AUTH_REFRESH_FIND_SUCCESSOR_ID);
	out->session_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_SESSION_ID);
	out->subject.account_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_ACCOUNT_ID);
	out->subject.org_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_ORG_ID);
	out->subject.user_id = row_uuid(&rows, 0, AUTH_REFRESH_FIND_USER_ID);
	if (out->has_successor) {
		sealed = row_slice(&rows, 0, AUTH_REFRESH_FIND_SUCCESSOR_SEALED);
		out->successor_sealed =
		    slice_of(arena_copy(call->arena, sealed.data, sealed.bytes), sealed.bytes);
		if (!out->successor_sealed.data)
			return ARENA_EXHAUSTED;
	}
	return STATUS_OK;
}

static status
refresh_refuse(void)
{
	return REFUSE_FOR(ST_UNAUTHENTICATED, "REFRESH_TOKEN_INVALID",
	    "the refresh token is unknown, expired or revoked");
}

/* Draw the successor, and seal it so that only its predecessor yields it. It is drawn before
 * anybody knows whether the token is any good, so that one statement finds that out and puts it in
 * place; otherwise nothing has happened, and it is forgotten. */
static status
rotation_draw(struct rpc_call *call, struct slice presented, struct rotation *out)
{
	struct uuid id;

	*out = (struct rotation){.call = call};
	if (!secret_parse(presented, SECRET_REFRESH, &out->presented))
		return refresh_refuse();
	TRY(uuid_make(call->clock, call->rand, &id));
	TRY(secret_make(call->rand, SECRET_REFRESH, &id, out->successor_text, &out->successor));
	return secret_seal_successor(
	    presented, call->rand, slice_text(out->successor_text), call->arena, &out->sealed);
}

#define ROTATE_PARAMS 6
#define KNOWN_PARAMS 2 /* the first of them */

/* The statement's parameters, in the arena. */
static status
rotate_params(const struct auth_env *env, struct rotation *const *rotations, size_t count,
    struct arena *arena, struct param params[ROTATE_PARAMS])
{
	struct uuid *ids = arena_alloc(arena, count * sizeof(*ids));
	struct uuid *successors = arena_alloc(arena, count * sizeof(*successors));
	struct slice *digests = arena_alloc(arena, count * sizeof(*digests));
	struct slice *sealed = arena_alloc(arena, count * sizeof(*sealed));
	struct slice *successor_digests = arena_alloc(arena, count * sizeof(*successor_digests));

	if (!ids || !successors || !digests || !sealed || !successor_digests)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		const struct rotation *one = rotations[i];

		ids[i] = one->presented.id;
		digests[i] = slice_of(one->presented.digest.bytes, CRYPT_DIGEST_BYTES);
		successors[i] = one->successor.id;
		sealed[i] = one->sealed;
		successor_digests[i] = slice_of(one->successor.digest.bytes, CRYPT_DIGEST_BYTES);
	}
	params[0] = p_uuids(ids, count);
	params[1] = p_blobs(digests, count);
	params[2] = p_uuids(successors, count);
	params[3] = p_blobs(sealed, count);
	params[4] = p_blobs(successor_digests, count);
	params[5] = p_int(env->refresh_ttl_us);
	return STATUS_OK;
}

/* The rows are those of tokens that have their successor now. */
static void
rotations_read(const struct rows *rows, struct rotation *const *rotations)
{
	for (int row = 0; row < rows->count; row++) {
		struct refresh *refresh =
		    &rotations[row_int(rows, row, AUTH_REFRESH_ROTATE_PLACE) - 1]->refresh;

		refresh->is_genuine = refresh->is_usable = true;
		refresh->session_id = row_uuid(rows, row, AUTH_REFRESH_ROTATE_SESSION_ID);
		refresh->subject = (struct auth_subject){
		    .account_id = row_uuid(rows, row, AUTH_REFRESH_ROTATE_ACCOUNT_ID),
		    .org_id = row_uuid(rows, row, AUTH_REFRESH_ROTATE_ORG_ID),
		    .user_id = row_uuid(rows, row, AUTH_REFRESH_ROTATE_USER_ID),
		};
	}
}

static void
rotated_release(void *gathered)
{
	explicit_bzero(gathered, sizeof(struct rotated));
	free(gathered);
}

/* Without memory for it the call asks again by itself, and gets the same successor. */
static void
rotated_keep(
    struct rpc_call *call, const struct rotation *rotation, const struct revision *revision)
{
	struct rotated *rotated = calloc(1, sizeof(*rotated));

	call->gathered = rotated;
	if (!rotated || !rotation)
		return;
	rotated->is_genuine = rotation->refresh.is_genuine;
	rotated->is_rotated = rotation->refresh.is_usable;
	rotated->revision = *revision;
	rotated->session_id = rotation->refresh.session_id;
	rotated->subject = rotation->refresh.subject;
	if (rotated->is_rotated)
		memcpy(rotated->successor, rotation->successor_text, sizeof(rotated->successor));
}

/* A hand of calls. */
struct together {
	struct rotation **rotations;
	size_t count;
	struct revision revision; /* of those that are rotated */
	bool is_known;            /* of the others too, whether they are genuine */
};

/* Several that ask for each other's rows in another order would wait for each other, which the
 * database ends after a second: then each goes alone. */
static int
by_id(const void *a, const void *b)
{
	return memcmp((*(struct rotation *const *)a)->presented.id.bytes,
	    (*(struct rotation *const *)b)->presented.id.bytes, UUID_BYTES);
}

/* What is wrong with a token is said at once. */
static status
together_draw(struct together *together, struct rpc_call *const *calls,
    const ProtobufCMessage *const *requests, size_t count)
{
	struct arena *arena = calls[0]->arena;
	struct rotation *rotations = arena_alloc(arena, count * sizeof(*rotations));

	together->rotations = arena_alloc(arena, count * sizeof(struct rotation *));
	if (!rotations || !together->rotations)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		const Usher__V1__RefreshRequest *req =
		    (const Usher__V1__RefreshRequest *)requests[i];
		const status st =
		    rotation_draw(calls[i], slice_text(req->refresh_token), &rotations[i]);

		if (st.code == ST_OK)
			together->rotations[together->count++] = &rotations[i];
		else if (st.code == ST_UNAUTHENTICATED)
			rotated_keep(calls[i], NULL, NULL);
	}
	qsort(together->rotations, together->count, sizeof(struct rotation *), by_id);
	return STATUS_OK;
}

static status
together_rotate(const struct auth_env *env, struct together *together, struct arena *arena)
{
	struct rpc_call **calls = arena_alloc(arena, together->count * sizeof(struct rpc_call *));
	struct param params[ROTATE_PARAMS];
	ROWS_AUTO rows = {0};
	ROWS_AUTO known = {0};

	if (!calls)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < together->count; i++)
		calls[i] = together->rotations[i]->call;
	TRY(rotate_params(env, together->rotations, together->count, arena, params));
	TRY(rpc_commit_together(calls, together->count, STMT_AUTH_REFRESH_ROTATE, params,
	    ROTATE_PARAMS, AUTH_REFRESH_ROTATE_XID, TOKENS_BYTES_MAX, &rows, &together->revision));
	rotations_read(&rows, together->rotations);
	if ((size_t)rows.count == together->count)
		return STATUS_OK;
	/* Who sends forged ones must not cost the others of the hand the time of each. */
	together->is_known =
	    store_query(calls[0]->conn, STMT_AUTH_REFRESH_KNOWN, params, KNOWN_PARAMS, &known)
		.code == ST_OK;
	for (int row = 0; row < known.count; row++)
		together->rotations[row_int(&known, row, AUTH_REFRESH_KNOWN_PLACE) - 1]
		    ->refresh.is_genuine = true;
	return STATUS_OK;
}

static bool
rotate_together(const void *env, struct rpc_call *const *calls,
    const ProtobufCMessage *const *requests, size_t count)
{
	struct together together = {0};

	if (together_draw(&together, calls, requests, count).code != ST_OK)
		return false;
	/* One is rotated by itself. */
	if (together.count < 2)
		return true;
	if (together_rotate(env, &together, calls[0]->arena).code != ST_OK)
		return false;
	for (size_t i = 0; i < together.count; i++)
		if (together.is_known || together.rotations[i]->refresh.is_usable)
			rotated_keep(
			    together.rotations[i]->call, together.rotations[i], &together.revision);
	return true;
}

const struct rpc_gathering auth_gathering_refresh = {
    .method = "usher.v1.AuthService/Refresh",
    .of_anybody = true,
    .in_few_hands = true,
    .gather = rotate_together,
    .release = rotated_release,
};

static status
rotate_alone(const struct auth_env *env, struct rotation *rotation)
{
	struct param params[ROTATE_PARAMS];
	struct rpc_call *call = rotation->call;
	ROWS_AUTO rows = {0};

	TRY(rotate_params(env, &rotation, 1, call->arena, params));
	TRY(rpc_commit_query(call, STMT_AUTH_REFRESH_ROTATE, params, ROTATE_PARAMS,
	    AUTH_REFRESH_ROTATE_XID, TOKENS_BYTES_MAX, &rows));
	rotations_read(&rows, &rotation);
	return STATUS_OK;
}

/* A token whose successor is in use has been stolen, or its successor has: nobody can tell who is
 * who, so the session ends, everywhere, before the answer goes out. Whoever has such a token may
 * send it for ever: that is told and written down once. */
static status
refresh_refuse_reuse(struct rpc_call *call, const struct refresh *refresh)
{
	char session[UUID_TEXT_BYTES];

	TRY(auth_session_revoke(call, &refresh->session_id, "refresh token reused"));
	uuid_format(&refresh->session_id, session);
	if (!call->was_gone)
		log_event(LOG_WARN, "refresh_reuse", "session", session, "request",
		    call->request_id, NULL);
	call->effect = EFFECT_RESTRICT;
	call->audit_subject = refresh->session_id;
	call->audit_org = refresh->subject.org_id;
	return rpc_commit_refusal(
	    call, REFUSE_FOR(ST_UNAUTHENTICATED, "REFRESH_TOKEN_REUSED",
		      "the refresh token was used before; the session is ended"));
}

/* It could not be rotated: it has a successor already, or it is no good. */
static status
refresh_repeat(const struct auth_env *env, struct rpc_call *call, const struct secret *secret,
    struct slice presented, Usher__V1__Tokens *reply)
{
	struct refresh refresh;
	const char *successor = NULL;

	TRY(rpc_begin(call));
	TRY(refresh_find(call, secret, &refresh));
	if (!refresh.is_genuine)
		return refresh_refuse();
	if (refresh.is_superseded)
		return refresh_refuse_reuse(call, &refresh);
	/* Without a successor it was not usable a moment ago, though it may be again by now. */
	if (!refresh.is_usable || !refresh.has_successor)
		return refresh_refuse();
	TRY(secret_unseal_successor(presented, refresh.successor_sealed, call->arena, &successor));
	return auth_tokens_fill(env, call, &refresh.session_id, &refresh.subject, successor, reply);
}

/* Nobody has looked at it together with others. */
static status
refresh_alone(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__RefreshRequest *req, Usher__V1__Tokens *reply)
{
	const struct slice presented = slice_text(req->refresh_token);
	struct rotation *rotation = arena_alloc(call->arena, sizeof(*rotation));

	if (!rotation)
		return ARENA_EXHAUSTED;
	TRY(rotation_draw(call, presented, rotation));
	rpc_before_wait(call);
	TRY(rotate_alone(env, rotation));
	if (!rotation->refresh.is_usable)
		return refresh_repeat(env, call, &rotation->presented, presented, reply);
	return auth_tokens_fill(env, call, &rotation->refresh.session_id,
	    &rotation->refresh.subject, rotation->successor_text, reply);
}

/* Refresh: trade a refresh token for new tokens; safe to repeat until the successor is used.
 * Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused). */
status
auth_refresh(const struct auth_env *env, struct rpc_call *call,
    const Usher__V1__RefreshRequest *req, Usher__V1__Tokens *reply)
{
	const struct slice presented = slice_text(req->refresh_token);
	const struct rotated *rotated = call->gathered;
	struct secret secret;

	if (!rotated)
		return refresh_alone(env, call, req, reply);
	if (!rotated->is_genuine)
		return refresh_refuse();
	if (!rotated->is_rotated) {
		rpc_before_wait(call);
		if (!secret_parse(presented, SECRET_REFRESH, &secret))
			return refresh_refuse();
		return refresh_repeat(env, call, &secret, presented, reply);
	}
	rpc_note_committed(call, &rotated->revision);
	return auth_tokens_fill(
	    env, call, &rotated->session_id, &rotated->subject, rotated->successor, reply);
}
