#include "jobs/check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define CODE_BYTES_MAX 64

struct compare {
	const struct schema_object *wanted, *found;
	size_t wanted_count, found_count;
	struct arena *arena;
	check_report *report;
	void *report_env;
};

static int
order(const struct schema_object *a, const struct schema_object *b)
{
	int by_kind = strcmp(a->kind, b->kind);

	return by_kind ? by_kind : strcmp(a->name, b->name);
}

static int
order_of(const void *a, const void *b)
{
	return order(a, b);
}

static bool
is(const struct schema_object *object, const char *kind)
{
	return strcmp(object->kind, kind) == 0;
}

/* "usher.users.email": the table's part, and what is behind it. */
static void
split(const char *name, int *table_bytes, const char **part)
{
	const char *dot = strrchr(name, '.');

	*table_bytes = (int)(dot - name);
	*part = dot + 1;
}

/* A column, constraint, trigger or policy of a table that these objects don't have at all: the
 * table says it. */
static bool
goes_with_table(
    const struct schema_object *object, const struct schema_object *objects, size_t count)
{
	char table[256];
	struct schema_object key = {"table", table, ""};
	const char *part;
	int bytes;

	if (!is(object, "column") && !is(object, "constraint") && !is(object, "trigger") &&
	    !is(object, "policy"))
		return false;
	split(object->name, &bytes, &part);
	snprintf(table, sizeof(table), "%.*s", bytes, object->name);
	return count == 0 || !bsearch(&key, objects, count, sizeof(*objects), order_of);
}

static status
tell(const struct compare *compare, const struct schema_object *object, const char *what,
    const char *message, const char *remedy)
{
	char code[CODE_BYTES_MAX];
	struct check_finding finding = {
	    .object = arena_format(compare->arena, "%s %s", object->kind, object->name),
	    .message = message,
	    .remedy = remedy,
	};

	snprintf(code, sizeof(code), "%s_%s", object->kind, what);
	for (char *c = code; *c; c++)
		*c = *c == ' ' ? '_' : (char)toupper((unsigned char)*c);
	finding.code = arena_copy_text(compare->arena, code);
	if (!finding.code || !finding.object || !message || !remedy)
		return ARENA_EXHAUSTED;
	return compare->report(compare->report_env, &finding);
}

#define ITS_TEXT "`usher migrate sql` prints how it is made"

/* Statements for the schema's owner, or words. */
static const char *
how_to_make(const struct schema_object *object, struct arena *arena)
{
	const char *part;
	int bytes;

	if (is(object, "grant"))
		return arena_format(arena, "GRANT %s;", object->name);
	if (is(object, "index"))
		return arena_format(arena, "%s;", object->definition);
	if (is(object, "table"))
		return "its rows are gone with it: restore it from a backup";
	if (!is(object, "column") && !is(object, "constraint"))
		return ITS_TEXT;
	split(object->name, &bytes, &part);
	return arena_format(arena, "ALTER TABLE %.*s ADD %s %s %s;", bytes, object->name,
	    is(object, "column") ? "COLUMN" : "CONSTRAINT", part, object->definition);
}

#define GRANTED_TO " TO "

/* Roles of ours have no blanks, what somebody made may: so the last TO is the one. */
static const char *
grantee_of(const char *grant)
{
	const char *grantee = grant;

	for (const char *to = grant; (to = strstr(to, GRANTED_TO)); to++)
		grantee = to + strlen(GRANTED_TO);
	return grantee;
}

static const char *
how_to_remove(const struct schema_object *object, struct arena *arena)
{
	const char *part;
	char kind[32];
	int bytes;

	if (is(object, "grant")) {
		const char *grantee = grantee_of(object->name);

		return arena_format(arena, "REVOKE %.*s FROM %s;",
		    (int)(grantee - object->name - strlen(GRANTED_TO)), object->name, grantee);
	}
	snprintf(kind, sizeof(kind), "%s", object->kind);
	for (char *c = kind; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (is(object, "column") || is(object, "constraint")) {
		split(object->name, &bytes, &part);
		return arena_format(arena, "if nobody needs it: ALTER TABLE %.*s DROP %s %s;",
		    bytes, object->name, kind, part);
	}
	if (is(object, "trigger") || is(object, "policy")) {
		split(object->name, &bytes, &part);
		return arena_format(arena, "if nobody needs it: DROP %s %s ON %.*s;", kind, part,
		    bytes, object->name);
	}
	return arena_format(arena, "if nobody needs it: DROP %s %s;", kind, object->name);
}

static const char *
how_to_change(const struct schema_object *wanted, struct arena *arena)
{
	const char *part;
	int bytes;

	if (is(wanted, "index"))
		return arena_format(arena, "DROP INDEX %s; %s;", wanted->name, wanted->definition);
	if (!is(wanted, "constraint") && !is(wanted, "column"))
		return ITS_TEXT;
	split(wanted->name, &bytes, &part);
	if (is(wanted, "column"))
		return arena_format(arena,
		    "ALTER TABLE %.*s ALTER COLUMN %s ..., so that it is: %s", bytes, wanted->name,
		    part, wanted->definition);
	return arena_format(arena, "ALTER TABLE %.*s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s;",
	    bytes, wanted->name, part, part, wanted->definition);
}

static status
tell_missing(const struct compare *compare, const struct schema_object *wanted)
{
	if (goes_with_table(wanted, compare->found, compare->found_count))
		return STATUS_OK;
	return tell(compare, wanted, "MISSING", "is not there, and a migration made it",
	    how_to_make(wanted, compare->arena));
}

static status
tell_unexpected(const struct compare *compare, const struct schema_object *found)
{
	if (goes_with_table(found, compare->wanted, compare->wanted_count))
		return STATUS_OK;
	return tell(compare, found, "UNEXPECTED", "is there, and no migration made it",
	    how_to_remove(found, compare->arena));
}

static status
tell_different(const struct compare *compare, const struct schema_object *wanted,
    const struct schema_object *found)
{
	return tell(compare, wanted, "DIFFERENT",
	    arena_format(compare->arena, "is \"%s\", and the migrations made it \"%s\"",
		found->definition, wanted->definition),
	    how_to_change(wanted, compare->arena));
}

status
check_compare(const struct schema_object *wanted, size_t wanted_count,
    const struct schema_object *found, size_t found_count, struct arena *arena,
    check_report *report, void *report_env)
{
	struct compare compare = {
	    wanted, found, wanted_count, found_count, arena, report, report_env};
	size_t i = 0, j = 0;

	while (i < wanted_count || j < found_count) {
		int which = i == wanted_count  ? 1
			    : j == found_count ? -1
					       : order(&wanted[i], &found[j]);

		if (which < 0) {
			TRY(tell_missing(&compare, &wanted[i++]));
		} else if (which > 0) {
			TRY(tell_unexpected(&compare, &found[j++]));
		} else {
			if (strcmp(wanted[i].definition, found[j].definition) != 0)
				TRY(tell_different(&compare, &wanted[i], &found[j]));
			i++;
			j++;
		}
	}
	return STATUS_OK;
}
