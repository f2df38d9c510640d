/* value.h - PostgreSQL's binary formats. Source: src/backend/utils/adt of PostgreSQL, the *send and
 * *recv functions. */
#ifndef USHER_STORE_VALUE_H
#define USHER_STORE_VALUE_H

#include "store/statement.h"
#include "store/store.h"

#include <libpq-fe.h>

#define PARAMS_MAX 64

/* What PQsendQueryParams() wants, in the binary format. */
struct encoded {
	int count;
	Oid types[PARAMS_MAX];
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];
};

/* The type's object id, fixed in pg_type.dat. */
Oid value_oid(enum stmt_type type);
const char *value_type_name(enum stmt_type type);

/* Texts and bytes are borrowed from params, the rest is made in the arena.
 * Errors: INTERNAL (logged: not what the statement declares), INVALID_ARGUMENT (a number that int4
 * can't hold), RESOURCE_EXHAUSTED. */
MUST_USE status value_encode(const struct stmt *stmt, const struct param *params, size_t count,
    struct arena *arena, struct encoded *out);

#endif
