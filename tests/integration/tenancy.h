/* tenancy.h - does a statement hold every tenant's table to one organisation?
 *
 * The statement is parsed with PostgreSQL's own parser (libpg-query) and each of its query levels
 * is read: a table is held when its org_id (of usher.orgs: its id) must equal the parameter named
 * org_id, or that of a table, CTE or subselect which is held. Conditions count only where they must
 * be true: conjuncts of WHERE, of an inner join, and of an outer join for the side that it may
 * leave out. What is not understood counts as not held. */
#ifndef USHER_TESTS_TENANCY_H
#define USHER_TESTS_TENANCY_H

#include "base/str.h"
#include "store/statement.h"

#include <stdbool.h>
#include <stddef.h>

#define TENANCY_TABLES_MAX 64

/* By the database's catalogue. */
struct tenancy_tables {
	size_t count;
	struct {
		char name[64];
		bool has_org_id;
		bool is_tenants; /* org_id comes first in its primary key */
	} items[TENANCY_TABLES_MAX];
};

/* Read a statement. Faults, a line each, are added to faults: tables without a schema, parameters
 * that are declared and not used, and for scope org what is not held. touched gets the names of the
 * tables, sorted, separated by blanks. */
void tenancy_check(const struct stmt *stmt, const struct tenancy_tables *tables,
    struct strbuf *faults, struct strbuf *touched);

#endif
