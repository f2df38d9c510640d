#include "store/sqlstate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Names of constraints are those of the schema: a few dozen. */
#define NAMES_MAX 512
#define NAME_BYTES_MAX 128

static struct {
	pthread_mutex_t lock;
	size_t count;
	char *names[NAMES_MAX];
} interned = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A status outlives the result that it was made from, and has no arena to live in. */
static const char *
intern_upper(const char *name)
{
	char upper[NAME_BYTES_MAX];
	const char *found = NULL;
	size_t bytes = strlen(name);

	if (bytes >= sizeof(upper))
		return NULL;
	for (size_t i = 0; i <= bytes; i++)
		upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
	pthread_mutex_lock(&interned.lock);
	for (size_t i = 0; i < interned.count && !found; i++) {
		if (strcmp(interned.names[i], upper) == 0)
			found = interned.names[i];
	}
	if (!found && interned.count < NAMES_MAX) {
		interned.names[interned.count] = strdup(upper);
		found = interned.names[interned.count];
		interned.count += found != NULL;
	}
	pthread_mutex_unlock(&interned.lock);
	return found;
}

static const struct {
	const char *sqlstate; /* or its first characters */
	status result;
	bool ends_connection;
} rows[] = {
    /* Longer before shorter: the first that fits counts. */
    {"08", {ST_UNAVAILABLE, "the connection to the database broke", "DATABASE_AWAY"}, true},
    {"0A000", {ST_UNAVAILABLE, "the schema changed below a statement", "DATABASE_CHANGED"}, true},
    {"22021", {ST_INVALID_ARGUMENT, "a text holds NUL or is not UTF-8", 0}, false},
    {"22P05", {ST_INVALID_ARGUMENT, "a JSON text holds \\u0000, which can't be stored", 0}, false},
    {"22003", {ST_INVALID_ARGUMENT, "a number is out of range", 0}, false},
    {"22008", {ST_INVALID_ARGUMENT, "a time is out of range", 0}, false},
    {"22P02", {ST_INVALID_ARGUMENT, "a value is not of its type's form", 0}, false},
    {"22", {ST_INVALID_ARGUMENT, "a value can't be stored", 0}, false},
    {"23503", {ST_FAILED_PRECONDITION, "what this refers to is not there, or is still in use", 0},
	false},
    {"23505", {ST_ALREADY_EXISTS, "it is there already", 0}, false},
    {"25006", {ST_UNAVAILABLE, "the database does not take writes", "DATABASE_AWAY"}, true},
    {"25P03", {ST_UNAVAILABLE, "the transaction stood still for too long", "DATABASE_AWAY"}, true},
    /* A prepared statement is gone: somebody stands between who should not. */
    {"26000",
	{ST_UNAVAILABLE,
	    "a prepared statement is gone; behind a pooler, set "
	    "database.prepared = off",
	    "DATABASE_AWAY"},
	true},
    /* The same, seen from the other side. */
    {"42P05",
	{ST_UNAVAILABLE,
	    "a prepared statement is there that we did not make; behind a pooler, set "
	    "database.prepared = off",
	    "DATABASE_AWAY"},
	true},
    {"40", {ST_ABORTED, "another transaction was in the way; try again", 0}, false},
    {"53", {ST_UNAVAILABLE, "the database is out of room", "DATABASE_FULL"}, false},
    {"55P03", {ST_ABORTED, "another transaction is in the way; try again", 0}, false},
    {"55000", {ST_UNAVAILABLE, "the database is not ready for this", "DATABASE_AWAY"}, true},
    {"57014", {ST_DEADLINE_EXCEEDED, "the deadline passed in the database", 0}, false},
    {"57P", {ST_UNAVAILABLE, "the database is going down or starting", "DATABASE_AWAY"}, true},
};

static bool
starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

status
sqlstate_status(const char *sqlstate, const char *constraint)
{
	status st = REFUSE(ST_INTERNAL, "the database refused a statement");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (starts_with(sqlstate, rows[i].sqlstate)) {
			st = rows[i].result;
			break;
		}
	}
	if (constraint && (st.code == ST_ALREADY_EXISTS || st.code == ST_FAILED_PRECONDITION))
		st.reason = intern_upper(constraint);
	return st;
}

bool
sqlstate_ends_connection(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (starts_with(sqlstate, rows[i].sqlstate))
			return rows[i].ends_connection;
	}
	return false;
}
