#include "store/connecting.h"

#include <stdlib.h>

#define COPY_BYTES_FIRST 4096
#define COPY_BYTES_MAX (256u << 10)

struct attempt {
	struct arena arena;
	struct conninfo info; /* in the arena: the settings may be gone before it ends */
	PGconn *pg;
};

static void
attempt_free(void *work)
{
	struct attempt *attempt = work;

	if (attempt->pg)
		PQfinish(attempt->pg);
	/* It holds a password. */
	arena_reset(&attempt->arena);
	arena_done(&attempt->arena);
	free(attempt);
}

static void
connect_now(void *work)
{
	struct attempt *attempt = work;

	attempt->pg = PQconnectdbParams(attempt->info.keywords, attempt->info.values, 0);
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
connecting_start(const struct conninfo *info, struct aside **out)
{
	static const struct aside_call connecting = {.run = connect_now, .discard = attempt_free};
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	status st;

	if (!attempt)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	st = arena_init(&attempt->arena, COPY_BYTES_FIRST, COPY_BYTES_MAX);
	if (st.code != ST_OK) {
		free(attempt);
		return st;
	}
	st = copy_info(info, &attempt->arena, &attempt->info);
	if (st.code != ST_OK) {
		attempt_free(attempt);
		return st;
	}
	return aside_start(&connecting, attempt, out);
}

PGconn *
connecting_take(struct aside **connecting)
{
	struct attempt *attempt = aside_work(*connecting);
	PGconn *pg = attempt->pg;

	attempt->pg = NULL;
	aside_leave(connecting);
	return pg;
}
