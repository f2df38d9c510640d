#include "app/bootstrap.h"

#include "access/principal.h"
#include "base/email.h"

status
bootstrap_id(struct uuid *out)
{
	return uuid_make(&clock_system, &rand_system, out);
}

status
bootstrap_system_org(struct store_conn *conn, struct uuid *org_id)
{
	ROWS_AUTO rows = {0};
	struct uuid id;

	TRY(bootstrap_id(&id));
	TRY(STORE_QUERY(conn, STMT_BOOTSTRAP_SYSTEM_ORG, &rows, p_uuid(&id)));
	if (rows.count != 1)
		return REFUSE(
		    ST_ABORTED, "the platform's organisation is being made by another; try again");
	*org_id = row_uuid(&rows, 0, BOOTSTRAP_SYSTEM_ORG_ID);
	return STATUS_OK;
}

status
bootstrap_org(
    struct store_conn *conn, const struct uuid *id, const char *slug, const char *display_name)
{
	return STORE_QUERY(
	    conn, STMT_BOOTSTRAP_ORG, NULL, p_uuid(id), p_text(slug), p_text(display_name));
}

status
bootstrap_owner(struct store_conn *conn, struct password_hasher *hasher, struct arena *arena,
    const struct bootstrap_person *person)
{
	char hash[PASSWORD_TEXT_BYTES_MAX], *folded = arena_copy_text(arena, person->email);

	if (!folded)
		return ARENA_EXHAUSTED;
	email_fold(folded);
	TRY(password_hash(hasher, slice_text(person->password), hash));
	return STORE_QUERY(conn, STMT_BOOTSTRAP_OWNER, NULL, p_uuid(&person->account_id),
	    p_text(person->email), p_text(folded), p_text(hash), p_uuid(&person->org_id),
	    p_uuid(&person->user_id), p_text(person->display_name), p_text(person->external_id));
}

status
bootstrap_operator(struct store_conn *conn, struct arena *arena, const struct uuid *account_id)
{
	struct slice *names = arena_alloc(arena, permission_catalogue_count * sizeof *names);
	size_t count = 0;

	if (!names)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < permission_catalogue_count; i++)
		if (permission_catalogue[i].for_platform)
			names[count++] = slice_text(permission_catalogue[i].name);
	return STORE_QUERY(
	    conn, STMT_BOOTSTRAP_OPERATOR, NULL, p_uuid(account_id), p_texts(names, count));
}

status
bootstrap_make_key(struct store_conn *conn, struct bootstrap_key *key)
{
	char hint[SECRET_HINT_BYTES];
	struct secret secret;
	struct uuid id;

	TRY(bootstrap_id(&id));
	TRY(secret_make(&rand_system, SECRET_API_KEY, &id, key->text, &secret));
	secret_hint(SECRET_API_KEY, &id, hint);
	return STORE_QUERY(conn, STMT_BOOTSTRAP_KEY, NULL, p_uuid(&key->org_id), p_uuid(&id),
	    p_uuid(key->chatbot_id), p_text(key->display_name), p_text(hint),
	    p_bytes(slice_of(secret.digest.bytes, sizeof secret.digest.bytes)),
	    p_texts(key->scopes, key->scopes_count), p_uuid(key->default_user_id));
}

status
bootstrap_key_works(struct store_conn *conn, const char *text, bool *works)
{
	ROWS_AUTO rows = {0};
	struct secret secret;

	if (!secret_parse(slice_text(text), SECRET_API_KEY, &secret)) {
		*works = false;
		return STATUS_OK;
	}
	TRY(STORE_QUERY(conn, STMT_BOOTSTRAP_KEY_WORKS, &rows, p_uuid(&secret.id),
	    p_bytes(slice_of(secret.digest.bytes, sizeof secret.digest.bytes))));
	*works = row_bool(&rows, 0, BOOTSTRAP_KEY_WORKS_WORKS);
	return STATUS_OK;
}

status
bootstrap_bridge_key(
    struct store_conn *conn, const struct secret *secret, struct bootstrap_known_key *out)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_BOOTSTRAP_BRIDGE_KEY, &rows, p_uuid(&secret->id),
	    p_bytes(slice_of(secret->digest.bytes, sizeof secret->digest.bytes))));
	*out = (struct bootstrap_known_key){
	    .known = row_bool(&rows, 0, BOOTSTRAP_BRIDGE_KEY_KNOWN),
	    .fits = row_bool(&rows, 0, BOOTSTRAP_BRIDGE_KEY_FITS),
	    .works = row_bool(&rows, 0, BOOTSTRAP_BRIDGE_KEY_WORKS),
	};
	return STATUS_OK;
}
