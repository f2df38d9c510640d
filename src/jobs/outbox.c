#include "jobs/outbox.h"

#include "base/log.h"

#define TEXTS 4
#define PLAIN_BYTES_MAX (MAIL_TEXT_BYTES_MAX + 4096)

void
outbox_key_derive(const struct crypt_key *master, struct crypt_key *out)
{
	crypt_key_derive(master, "usher mail outbox", out);
}

/* created_at_us, then each text with its NUL. */
status
outbox_seal(const struct crypt_key *key, const struct rand_source *rand, const struct mail *mail,
    struct arena *arena, struct slice *out)
{
	const char *texts[TEXTS] = {mail->from, mail->to, mail->subject, mail->text};
	size_t bytes = sizeof(mail->created_at_us), at = bytes;
	char *plain;

	for (size_t i = 0; i < TEXTS; i++)
		bytes += strlen(texts[i]) + 1;
	if (bytes > PLAIN_BYTES_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "the mail is longer than a mail may be");
	plain = arena_alloc(arena, bytes);
	if (!plain)
		return ARENA_EXHAUSTED;
	memcpy(plain, &mail->created_at_us, sizeof(mail->created_at_us));
	for (size_t i = 0; i < TEXTS; i++) {
		size_t text_bytes = strlen(texts[i]) + 1;

		memcpy(plain + at, texts[i], text_bytes);
		at += text_bytes;
	}
	return crypt_seal(
	    key, rand, slice_of(mail->id.bytes, UUID_BYTES), slice_of(plain, bytes), arena, out);
}

status
outbox_unseal(const struct crypt_key *key, const struct uuid *id, struct slice sealed,
    struct arena *arena, struct mail *out)
{
	struct slice plain;
	const char *texts[TEXTS];
	size_t at = sizeof(out->created_at_us);

	TRY(crypt_unseal(key, slice_of(id->bytes, UUID_BYTES), sealed, arena, &plain));
	for (size_t i = 0; i < TEXTS; i++) {
		const uint8_t *end =
		    at < plain.bytes ? memchr(plain.data + at, 0, plain.bytes - at) : NULL;

		if (!end)
			return REFUSE(
			    ST_INVALID_ARGUMENT, "a mail in the outbox is of no known form");
		texts[i] = (const char *)plain.data + at;
		at = (size_t)(end - plain.data) + 1;
	}
	*out = (struct mail){
	    .id = *id, .from = texts[0], .to = texts[1], .subject = texts[2], .text = texts[3]};
	memcpy(&out->created_at_us, plain.data, sizeof(out->created_at_us));
	return STATUS_OK;
}

status
outbox_put(struct store_conn *conn, const struct crypt_key *key, const struct rand_source *rand,
    const struct mail *mail, int64_t expires_at_us, struct arena *arena)
{
	struct slice sealed;

	TRY(outbox_seal(key, rand, mail, arena, &sealed));
	return STORE_QUERY(conn, STMT_JOBS_OUTBOX_PUT, NULL, p_uuid(&mail->id), p_bytes(sealed),
	    p_time(expires_at_us));
}

/* A mail that opened and that nobody could send must not stand in the way of others. */
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
	status st = outbox_unseal(outbox->key, id, sealed, arena, &mail);

	*done = false;
	if (st.code == ST_OK)
		st = outbox->deliver(outbox->deliver_env, &mail);
	if (st.code == ST_OK) {
		*done = true;
		return STORE_QUERY(conn, STMT_JOBS_OUTBOX_DONE, NULL, p_uuid(id));
	}
	/* One that does not open may be another node's to send: sealed with its master key, or by a
	 * later version. */
	if (st.code == ST_INVALID_ARGUMENT)
		return drop(conn, id, st);
	log_event(LOG_WARN, "mail_waits", "why", st.message, NULL);
	return STORE_QUERY(conn, STMT_JOBS_OUTBOX_LATER, NULL, p_uuid(id));
}

static status
drain_all(
    const struct outbox *outbox, struct store_conn *conn, struct arena *arena, int64_t *delivered)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_JOBS_OUTBOX_DUE, &rows, p_int(OUTBOX_DRAIN_MAX)));
	for (int i = 0; i < rows.count; i++) {
		struct uuid id = row_uuid(&rows, i, JOBS_OUTBOX_DUE_ID);
		bool done;

		TRY(drain_one(
		    outbox, conn, &id, row_slice(&rows, i, JOBS_OUTBOX_DUE_SEALED), arena, &done));
		*delivered += done;
	}
	return STATUS_OK;
}

status
outbox_drain(
    const struct outbox *outbox, struct store_conn *conn, struct arena *arena, int64_t *delivered)
{
	struct revision revision;
	int64_t done = 0;
	status st;

	TRY(store_begin(conn));
	st = drain_all(outbox, conn, arena, &done);
	if (st.code != ST_OK) {
		store_rollback(conn);
		return st;
	}
	TRY(store_commit(conn, &revision));
	*delivered = done;
	return STATUS_OK;
}

status
outbox_count_left(struct store_conn *conn, int64_t *mails)
{
	ROWS_AUTO rows = {0};

	TRY(STORE_QUERY(conn, STMT_JOBS_OUTBOX_LEFT, &rows, p_int(OUTBOX_COUNTED_MAX)));
	*mails = row_int(&rows, 0, JOBS_OUTBOX_LEFT_MAILS);
	return STATUS_OK;
}

status
outbox_deliver_to_folder(void *env, const struct mail *mail)
{
	return mail_deliver_to_folder(mail, env);
}
