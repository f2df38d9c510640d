#include "jobs/check_internal.h"

#include <stdlib.h>

/* Of a table in one step: 4 MiB. Of one that has partitions: as much of each. */
#define STEP_BLOCKS 512
#define BLOCKS_MAX INT64_C(4294967295)

/* Where a step begins: "PLACE\nBLOCK\nORPHANS\nSAMPLES", the last of what was found in the blocks
 * before. */
struct place {
	const char *place;
	int64_t block, orphans;
	const char *samples;
};

static status
place_read(const char *position, struct arena *arena, struct place *out)
{
	char *text = arena_copy_text(arena, position);
	const char *parts[3];

	if (!text)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < 3; i++) {
		parts[i] = strsep(&text, "\n");
		if (!text)
			return REFUSE(
			    ST_INVALID_ARGUMENT, "a check's position is of no known form");
	}
	*out = (struct place){
	    .place = parts[0],
	    .block = strtoll(parts[1], NULL, 10),
	    .orphans = strtoll(parts[2], NULL, 10),
	    .samples = text,
	};
	return STATUS_OK;
}

static status
place_write(const struct place *place, struct check_run *run)
{
	run->position = arena_format(run->arena, "%s\n%lld\n%lld\n%s", place->place,
	    (long long)place->block, (long long)place->orphans, place->samples);
	return run->position ? STATUS_OK : ARENA_EXHAUSTED;
}

/* What rows are held to, in the statement's order. */
struct reference {
	const char *place, *relation, *name;
	bool is_rule;
	int64_t blocks;
};

static status
read_references(struct check_run *run, struct reference **out, int *count)
{
	ROWS_AUTO rows = {0};
	struct reference *references;

	TRY(store_query(run->conn, STMT_CHECK_REFERENCES, NULL, 0, &rows));
	references = arena_alloc(run->arena, (size_t)rows.count * sizeof(*references));
	if (!references)
		return ARENA_EXHAUSTED;
	for (int i = 0; i < rows.count; i++) {
		references[i] = (struct reference){
		    .place = row_text(&rows, i, CHECK_REFERENCES_PLACE, run->arena),
		    .relation = row_text(&rows, i, CHECK_REFERENCES_RELATION, run->arena),
		    .name = row_text(&rows, i, CHECK_REFERENCES_NAME, run->arena),
		    .is_rule = row_bool(&rows, i, CHECK_REFERENCES_IS_RULE),
		    .blocks = row_int(&rows, i, CHECK_REFERENCES_BLOCKS),
		};
		if (!references[i].place || !references[i].relation || !references[i].name)
			return ARENA_EXHAUSTED;
	}
	*out = references;
	*count = rows.count;
	return STATUS_OK;
}

static const struct rule {
	const char *name;
	enum statement statement;
	const char *message, *remedy;
} rules[] = {
    {"keys", STMT_CHECK_KEYS, "keys that the directory does not lead to: nobody can use them",
	"INSERT INTO usher.key_directory (key_id, org_id) SELECT id, org_id FROM usher.api_keys "
	"ON CONFLICT DO NOTHING;"},
    {"members", STMT_CHECK_MEMBERS,
	"entries of the accounts' directory that lead to another account's user",
	"DELETE FROM usher.account_users a USING usher.users u WHERE u.org_id = a.org_id AND "
	"u.id = a.user_id AND u.account_id IS DISTINCT FROM a.account_id; and find out who wrote "
	"them"},
    {"users", STMT_CHECK_USERS, "users that their account's directory does not lead to",
	"INSERT INTO usher.account_users (account_id, org_id, user_id) SELECT account_id, org_id, "
	"id "
	"FROM usher.users WHERE account_id IS NOT NULL ON CONFLICT DO NOTHING;"},
};

static const struct rule *
rule_of(const struct reference *reference)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].name, reference->name) == 0)
			return &rules[i];
	return NULL;
}

static status
look_at_blocks(struct check_run *run, const struct reference *reference, struct place *place)
{
	const struct rule *rule = reference->is_rule ? rule_of(reference) : NULL;
	int64_t end =
	    place->block + STEP_BLOCKS < BLOCKS_MAX ? place->block + STEP_BLOCKS : BLOCKS_MAX;
	ROWS_AUTO rows = {0};

	if (rule)
		TRY(STORE_QUERY(
		    run->conn, rule->statement, &rows, p_int(place->block), p_int(end)));
	else
		TRY(STORE_QUERY(run->conn, STMT_CHECK_REFERENCE, &rows, p_text(reference->relation),
		    p_text(reference->name), p_int(place->block), p_int(end)));
	place->block = end;
	/* The statements of rules have the same columns. */
	place->orphans += row_int(&rows, 0, CHECK_REFERENCE_ORPHANS);
	if (!*place->samples)
		place->samples = row_text(&rows, 0, CHECK_REFERENCE_SAMPLES, run->arena);
	return place->samples ? STATUS_OK : ARENA_EXHAUSTED;
}

static status
tell_orphans(struct check_run *run, const struct reference *reference, const struct place *place)
{
	const struct rule *rule = reference->is_rule ? rule_of(reference) : NULL;
	struct check_finding finding = {
	    .code = "ORPHANS",
	    .object = arena_format(run->arena, "%s usher.%s.%s", rule ? "rule" : "constraint",
		reference->relation, reference->name),
	    .message = arena_format(run->arena, "%lld %s, such as %s", (long long)place->orphans,
		rule ? rule->message : "rows refer to what is not there", place->samples),
	    .remedy = rule ? rule->remedy
			   : "find out what took away what they refer to (a restore in part, "
			     "session_replication_role, disabled triggers); then restore that, or "
			     "delete these rows",
	    .rows = place->orphans,
	};

	return place->orphans ? check_tell(run, &finding) : STATUS_OK;
}

/* Some blocks of one table; when it has no more, the next one's turn has come. */
static status
look_at_rows(struct check_run *run, const struct reference *references, int count)
{
	struct place place;
	int at = 0;

	TRY(place_read(run->position, run->arena, &place));
	/* A key that was dropped meanwhile is passed over. */
	while (at < count && strcmp(references[at].place, place.place) < 0)
		at++;
	if (at == count) {
		run->finished = true;
		return STATUS_OK;
	}
	if (strcmp(references[at].place, place.place) != 0)
		place = (struct place){.place = references[at].place, .samples = ""};
	TRY(look_at_blocks(run, &references[at], &place));
	if (place.block < references[at].blocks)
		return place_write(&place, run);
	TRY(tell_orphans(run, &references[at], &place));
	if (at + 1 == count) {
		run->finished = true;
		return STATUS_OK;
	}
	return place_write(&(struct place){.place = references[at + 1].place, .samples = ""}, run);
}

/* The catalog counts as one block, and so does what is left of a table. */
static int64_t
blocks_of(const struct reference *reference)
{
	return reference->blocks ? reference->blocks : 1;
}

static status
measure(struct check_run *run, const struct reference *references, int count)
{
	struct place place;

	run->done = run->total = 1;
	for (int i = 0; i < count; i++)
		run->total += blocks_of(&references[i]);
	if (run->finished) {
		run->done = run->total;
		return STATUS_OK;
	}
	TRY(place_read(run->position, run->arena, &place));
	for (int i = 0; i < count && strcmp(references[i].place, place.place) < 0; i++)
		run->done += blocks_of(&references[i]);
	run->done += place.block;
	return STATUS_OK;
}

status
check_step(struct check_run *run)
{
	struct reference *references;
	ROWS_AUTO path = {0};
	int count;

	if (run->quick) {
		TRY(check_catalog(run));
		run->finished = true;
		run->done = run->total = 1;
		return STATUS_OK;
	}
	TRY(store_query(run->conn, STMT_CHECK_PATH, NULL, 0, &path));
	TRY(read_references(run, &references, &count));
	if (*run->position) {
		TRY(look_at_rows(run, references, count));
	} else {
		TRY(check_catalog(run));
		TRY(place_write(&(struct place){.place = "", .samples = ""}, run));
	}
	return measure(run, references, count);
}

void
check_write_finding(struct writer *writer, const struct check_finding *finding)
{
	writer_object_begin(writer);
	writer_key(writer, "finding");
	writer_text(writer, finding->code);
	writer_key(writer, "object");
	writer_text(writer, finding->object);
	writer_key(writer, "message");
	writer_text(writer, finding->message);
	writer_key(writer, "remedy");
	writer_text(writer, finding->remedy);
	if (finding->rows) {
		writer_key(writer, "rows");
		writer_i64(writer, finding->rows);
	}
	writer_object_end(writer);
}
