#include "client/client.h"

#include <endian.h>

void
causal_session_init(struct causal_session *session)
{
	*session = (struct causal_session){.has_revision = false};
	(void)pthread_mutex_init(&session->lock, NULL);
}

void
causal_session_done(struct causal_session *session)
{
	(void)pthread_mutex_destroy(&session->lock);
}

/* A revision is its epoch and its transaction, eight bytes each, most significant first. */
static uint64_t
word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
}

static bool
epoch_is_past(const struct causal_session *session, uint64_t epoch)
{
	const unsigned known = session->epochs_past_count < CLIENT_EPOCHS_PAST
				   ? session->epochs_past_count
				   : CLIENT_EPOCHS_PAST;

	for (unsigned i = 0; i < known; i++)
		if (session->epochs_past[i] == epoch)
			return true;
	return false;
}

/* Should the revision take the place of the one that is kept? */
static bool
session_advances(struct causal_session *session, const uint8_t *revision)
{
	const uint64_t epoch = word_at(revision), held = word_at(session->revision);

	if (!session->has_revision)
		return true;
	if (epoch == held)
		return word_at(revision + 8) > word_at(session->revision + 8);
	if (epoch_is_past(session, epoch))
		return false;
	/* Epochs have no order: one that was not seen before is the newer one. */
	session->epochs_past[session->epochs_past_count++ % CLIENT_EPOCHS_PAST] = held;
	return true;
}

void
causal_session_note(struct causal_session *session, struct slice revision)
{
	if (revision.bytes != CLIENT_REVISION_BYTES)
		return;
	(void)pthread_mutex_lock(&session->lock);
	if (session_advances(session, revision.data)) {
		memcpy(session->revision, revision.data, CLIENT_REVISION_BYTES);
		session->has_revision = true;
	}
	(void)pthread_mutex_unlock(&session->lock);
}

bool
causal_session_latest(struct causal_session *session, uint8_t out[CLIENT_REVISION_BYTES])
{
	(void)pthread_mutex_lock(&session->lock);
	const bool has = session->has_revision;
	if (has)
		memcpy(out, session->revision, CLIENT_REVISION_BYTES);
	(void)pthread_mutex_unlock(&session->lock);
	return has;
}
