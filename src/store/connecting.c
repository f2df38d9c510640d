#include "store/connecting.h"

#include "base/wait.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define COPY_BYTES_FIRST 4096
#define COPY_BYTES_MAX (256u << 10)

/* Shared with its thread; the last of the two frees it. */
struct connecting {
	struct arena arena;
	struct conninfo info; /* in the arena: the settings may be gone before it ends */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_ended, is_hurried, is_abandoned;
	PGconn *pg;
};

static void
connecting_free(struct connecting *connecting)
{
	if (connecting->pg)
		PQfinish(connecting->pg);
	(void)pthread_cond_destroy(&connecting->changed);
	(void)pthread_mutex_destroy(&connecting->lock);
	/* It holds a password. */
	arena_reset(&connecting->arena);
	arena_done(&connecting->arena);
	free(connecting);
}

static void *
connect_now(void *arg)
{
	struct connecting *connecting = arg;
	PGconn *pg = PQconnectdbParams(connecting->info.keywords, connecting->info.values, 0);

	(void)pthread_mutex_lock(&connecting->lock);
	connecting->pg = pg;
	connecting->has_ended = true;
	const bool is_abandoned = connecting->is_abandoned;
	(void)pthread_cond_signal(&connecting->changed);
	(void)pthread_mutex_unlock(&connecting->lock);
	if (is_abandoned)
		connecting_free(connecting);
	return NULL;
}

static status
copy_info(const struct conninfo *info, struct arena *arena, struct conninfo *out)
{
	for (size_t i = 0; i < info->count; i++) {
		const char *keyword = arena_copy_text(arena, info->keywords[i]);
		const char *value = arena_copy_text(arena, info->values[i]);

		if (!keyword || !value)
			return ARENA_EXHAUSTED;
		conninfo_set(out, keyword, value);
	}
	return STATUS_OK;
}

status
connecting_start(const struct conninfo *info, struct connecting **out)
{
	struct connecting *connecting = calloc(1, sizeof(*connecting));
	pthread_t thread;
	status st;

	if (!connecting)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	st = arena_init(&connecting->arena, COPY_BYTES_FIRST, COPY_BYTES_MAX);
	if (st.code != ST_OK) {
		free(connecting);
		return st;
	}
	(void)pthread_mutex_init(&connecting->lock, NULL);
	wait_cond_init(&connecting->changed);
	st = copy_info(info, &connecting->arena, &connecting->info);
	if (st.code == ST_OK && pthread_create(&thread, NULL, connect_now, connecting) != 0)
		st = REFUSE(ST_RESOURCE_EXHAUSTED, "no thread could be had");
	if (st.code != ST_OK) {
		connecting_free(connecting);
		return st;
	}
	(void)pthread_detach(thread);
	*out = connecting;
	return STATUS_OK;
}

bool
connecting_wait(struct connecting *connecting, int64_t wait_us)
{
	struct timespec until;

	wait_deadline(wait_us, &until);
	(void)pthread_mutex_lock(&connecting->lock);
	while (!connecting->has_ended && !connecting->is_hurried)
		if (pthread_cond_timedwait(&connecting->changed, &connecting->lock, &until) ==
		    ETIMEDOUT)
			break;
	const bool has_ended = connecting->has_ended;
	(void)pthread_mutex_unlock(&connecting->lock);
	return has_ended;
}

void
connecting_hurry(struct connecting *connecting)
{
	(void)pthread_mutex_lock(&connecting->lock);
	connecting->is_hurried = true;
	(void)pthread_cond_signal(&connecting->changed);
	(void)pthread_mutex_unlock(&connecting->lock);
}

PGconn *
connecting_take(struct connecting **connecting)
{
	PGconn *pg = (*connecting)->pg;

	assert((*connecting)->has_ended);
	(*connecting)->pg = NULL;
	connecting_free(*connecting);
	*connecting = NULL;
	return pg;
}

void
connecting_abandon(struct connecting **connecting)
{
	if (!*connecting)
		return;
	(void)pthread_mutex_lock(&(*connecting)->lock);
	(*connecting)->is_abandoned = true;
	const bool has_ended = (*connecting)->has_ended;
	(void)pthread_mutex_unlock(&(*connecting)->lock);
	if (has_ended)
		connecting_free(*connecting);
	*connecting = NULL;
}
