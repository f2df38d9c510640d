/* The catalog's part of a check. */
#include "jobs/check_internal.h"
#include "store/migrate.h"

status
check_tell(struct check_run *run, const struct check_finding *finding)
{
	if (!finding->object || !finding->message || !finding->remedy)
		return ARENA_EXHAUSTED;
	return run->report(run->report_env, finding);
}

status
check_describe(
    struct store_conn *conn, struct arena *arena, struct schema_object **out, size_t *count)
{
	ROWS_AUTO path = {0}, rows = {0};
	struct schema_object *objects;

	TRY(store_query(conn, STMT_CHECK_PATH, NULL, 0, &path));
	TRY(store_query(conn, STMT_CHECK_CATALOG, NULL, 0, &rows));
	objects = arena_alloc(arena, (size_t)rows.count * sizeof(*objects));
	if (!objects)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < rows.count; i++) {
		objects[i] = (struct schema_object){
		    .kind = row_text(&rows, i, CHECK_CATALOG_KIND, arena),
		    .name = row_text(&rows, i, CHECK_CATALOG_NAME, arena),
		    .definition = row_text(&rows, i, CHECK_CATALOG_DEFINITION, arena),
		};
		if (!objects[i].kind || !objects[i].name || !objects[i].definition)
			return ARENA_EXHAUSTED;
	}
	*out = objects;
	*count = (size_t)rows.count;
	return STATUS_OK;
}

static status
tell_migration(struct check_run *run, const char *code, int version, const char *name,
    const char *message, const char *remedy)
{
	return check_tell(
	    run, &(struct check_finding){
		     .code = code,
		     .object = arena_format(run->arena, "migration %04d_%s", version, name),
		     .message = message,
		     .remedy = remedy,
		 });
}

/* *is_ours: the database has exactly the migrations that this program knows, so that what they made
 * can be compared. */
static status
look_at_migrations(struct check_run *run, bool *is_ours)
{
	ROWS_AUTO rows = {0};
	int row = 0;

	TRY(store_query(run->conn, STMT_CHECK_MIGRATIONS, NULL, 0, &rows));
	*is_ours = rows.count == migrations_count;
	for (int i = 0; i < migrations_count; i++) {
		const struct migration *migration = &migrations[i];

		if (row == rows.count ||
		    row_int(&rows, row, CHECK_MIGRATIONS_VERSION) != migration->version) {
			*is_ours = false;
			TRY(tell_migration(run, "MIGRATION_MISSING", migration->version,
			    migration->name, "is not applied",
			    "as the schema's owner: usher migrate up"));
			continue;
		}
		if (!slice_equals_text(
			row_slice(&rows, row, CHECK_MIGRATIONS_CHECKSUM), migration->sha256))
			TRY(tell_migration(run, "MIGRATION_CHANGED", migration->version,
			    migration->name, "was applied with another text than this program has",
			    "find out which program applied it; the findings below say what "
			    "differs"));
		row++;
	}
	for (; row < rows.count; row++)
		TRY(tell_migration(run, "MIGRATION_UNKNOWN",
		    (int)row_int(&rows, row, CHECK_MIGRATIONS_VERSION),
		    row_text(&rows, row, CHECK_MIGRATIONS_NAME, run->arena),
		    "is applied and unknown to this program, so the schema was not compared",
		    "check with the usher that made it"));
	return STATUS_OK;
}

static struct check_finding
broken_index(struct check_run *run, const char *relation, const char *name, const char *detail)
{
	(void)relation;
	(void)detail;
	return (struct check_finding){
	    .code = "INDEX_INVALID",
	    .object = arena_format(run->arena, "index %s", name),
	    .message = "is not valid: queries don't use it, and a unique one may not hold",
	    .remedy = arena_format(run->arena, "REINDEX INDEX CONCURRENTLY %s;", name),
	};
}

static struct check_finding
broken_constraint(struct check_run *run, const char *relation, const char *name, const char *detail)
{
	(void)detail;
	return (struct check_finding){
	    .code = "CONSTRAINT_NOT_VALIDATED",
	    .object = arena_format(run->arena, "constraint %s.%s", relation, name),
	    .message = "holds for new rows alone: it was made NOT VALID",
	    .remedy =
		arena_format(run->arena, "ALTER TABLE %s VALIDATE CONSTRAINT %s;", relation, name),
	};
}

static struct check_finding
broken_trigger(struct check_run *run, const char *relation, const char *name, const char *detail)
{
	(void)detail;
	return (struct check_finding){
	    .code = "TRIGGER_DISABLED",
	    .object = arena_format(run->arena, "trigger %s.%s", relation, name),
	    .message = "is switched off: nothing holds new rows to it",
	    .remedy = arena_format(run->arena, "ALTER TABLE %s ENABLE TRIGGER ALL;", relation),
	};
}

static struct check_finding
broken_role(struct check_run *run, const char *relation, const char *name, const char *detail)
{
	(void)relation;
	return (struct check_finding){
	    .code = strcmp(detail, "does not exist") == 0 ? "ROLE_MISSING" : "ROLE_TOO_MIGHTY",
	    .object = arena_format(run->arena, "role %s", name),
	    .message = detail,
	    .remedy = strcmp(detail, "does not exist") == 0
			  ? "make it, and grant what `usher migrate sql` grants"
			  : arena_format(run->arena,
				"ALTER ROLE %s NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION "
				"NOBYPASSRLS; and let another role own the schema",
				name),
	};
}

static status
look_at_what_is_broken(struct check_run *run)
{
	static const struct {
		const char *kind;
		struct check_finding (*find)(struct check_run *run, const char *relation,
		    const char *name, const char *detail);
	} kinds[] = {
	    {"index", broken_index},
	    {"constraint", broken_constraint},
	    {"trigger", broken_trigger},
	    {"role", broken_role},
	};
	ROWS_AUTO rows = {0};

	TRY(store_query(run->conn, STMT_CHECK_BROKEN, NULL, 0, &rows));
	for (int i = 0; i < rows.count; i++) {
		const char *relation = row_text(&rows, i, CHECK_BROKEN_RELATION, run->arena);
		const char *name = row_text(&rows, i, CHECK_BROKEN_NAME, run->arena);
		const char *detail = row_text(&rows, i, CHECK_BROKEN_DETAIL, run->arena);

		if (!relation || !name || !detail)
			return ARENA_EXHAUSTED;
		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
			struct check_finding finding;

			if (!slice_equals_text(
				row_slice(&rows, i, CHECK_BROKEN_KIND), kinds[j].kind))
				continue;
			finding = kinds[j].find(run, relation, name, detail);
			TRY(check_tell(run, &finding));
		}
	}
	return STATUS_OK;
}

status
check_catalog(struct check_run *run)
{
	struct schema_object *found;
	size_t count;
	bool is_ours;

	TRY(check_describe(run->conn, run->arena, &found, &count));
	TRY(look_at_migrations(run, &is_ours));
	if (is_ours)
		TRY(check_compare(schema_objects, schema_objects_count, found, count, run->arena,
		    run->report, run->report_env));
	return look_at_what_is_broken(run);
}
