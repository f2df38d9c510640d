#include "jobs/outbox.h"

#include "base/log.h"
#include "net/mail_pack.h"

/* Its sender is this server's, whoever put it in. */
static status
unseal(const struct outbox *outbox, const struct uuid *id, struct slice sealed, struct arena *arena,
    struct mail *out)
{
	struct slice packed;

	TRY(crypt_unseal(outbox->key, slice_of(id->bytes, UUID_BYTES), sealed, arena, &packed));
	*out = (struct mail){.id = *id, .from = outbox->from};
	return mail_unpack(packed, arena, out);
}

/* A mail that nobody can read or that no server would take must not stand in the way of others. */
static status
drop(struct store_conn *conn, const struct uuid *id, status why)
{
	char text[UUID_TEXT_BYTES];

	uuid_format(id, text);
	log_event(LOG_ERROR, "mail_dropped", "id", text, "why", why.message, NULL);
	return STORE_QUERY(conn, STMT_JOBS_OUTBOX_DONE, NULL, p_uuid(id));
}

static status
drain_one(const struct outbox *outbox, struct store_conn *conn, const struct uuid *id,
    struct slice sealed, struct arena *arena, bool *done)
{
	struct mail mail;
	status st = unseal(outbox, id, sealed, arena, &mail);

	*done = false;
	if (st.code == ST_OK)
		st = outbox->deliver(outbox->deliver_env, &mail);
	if (st.code == ST_OK) {
		*done = true;
		return STORE_QUERY(conn, STMT_JOBS_OUTBOX_DONE, NULL, p_uuid(id));
	}
	if (st.code == ST_DATA_LOSS || st.code == ST_INVALID_ARGUMENT)
		return drop(conn, id, st);
	log_event(LOG_WARN, "mail_waits", "why", st.message, NULL);
	return STORE_QUERY(conn, STMT_JOBS_OUTBOX_LATER, NULL, p_uuid(id));
}

static status
drain_all(const struct outbox *outbox, struct store_conn *conn, struct arena *arena,
    int64_t *delivered, int64_t *waiting)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_JOBS_OUTBOX_DUE, &rows, p_int(OUTBOX_DRAIN_MAX)));
	for (int i = 0; i < rows.count; i++) {
		struct uuid id = row_uuid(&rows, i, JOBS_OUTBOX_DUE_ID);
		bool done;

		TRY(drain_one(
		    outbox, conn, &id, row_slice(&rows, i, JOBS_OUTBOX_DUE_SEALED), arena, &done));
		if (done)
			++*delivered;
		else
			++*waiting;
	}
	return STATUS_OK;
}

status
outbox_drain(const struct outbox *outbox, struct store_conn *conn, struct arena *arena,
    int64_t *delivered, int64_t *waiting)
{
	struct revision revision;
	int64_t done = 0, left = 0;
	status st;

	TRY(store_begin(conn));
	st = drain_all(outbox, conn, arena, &done, &left);
	if (st.code != ST_OK) {
		store_rollback(conn);
		return st;
	}
	TRY(store_commit(conn, &revision));
	*delivered = done;
	*waiting = left;
	return STATUS_OK;
}

status
outbox_deliver_to_folder(void *env, const struct mail *mail)
{
	return mail_deliver_to_folder(mail, env);
}
