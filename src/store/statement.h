/* statement.h - what is known of each statement at build time.
 * Made by store_embed from src/store/sql; constant. Handlers need statements.h alone. */
#ifndef USHER_STORE_STATEMENT_H
#define USHER_STORE_STATEMENT_H

#include "store/statements.h"

#include <stdbool.h>
#include <stddef.h>

enum stmt_scope {
	STMT_SCOPE_ORG, /* every tenant's table is held to one org_id: tested */
	STMT_SCOPE_ACCOUNT,
	STMT_SCOPE_DIRECTORY,
	STMT_SCOPE_PLATFORM,
	STMT_SCOPE_JOB,
};

enum stmt_type {
	STMT_TYPE_TEXT,
	STMT_TYPE_UUID,
	STMT_TYPE_INT8,
	STMT_TYPE_INT4,
	STMT_TYPE_BOOL,
	STMT_TYPE_TIME,
	STMT_TYPE_BYTES,
	STMT_TYPE_JSON,
	STMT_TYPE_DOUBLE,
	STMT_TYPE_TEXT_ARRAY,
	STMT_TYPE_UUID_ARRAY,
	STMT_TYPE_INT8_ARRAY,
	STMT_TYPE_BYTES_ARRAY,
	STMT_TYPES
};

struct stmt_field {
	const char *name;
	enum stmt_type type;
	bool nullable;
};

struct stmt {
	const char *name; /* "auth/credential_by_email" */
	enum stmt_scope scope;
	const struct stmt_field *params;
	size_t params_count;
	const struct stmt_field *columns;
	size_t columns_count;
	const char *text;
};

extern const struct stmt statements[STMT_COUNT];

#endif
