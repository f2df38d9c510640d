/* Every statement of scope org holds every tenant's table to one organisation. The others, which a
 * parser can't judge, are listed in statements_reviewed.txt: who changes one of them reads it with
 * that in mind, runs this test with USHER_ACCEPT=1 and commits the list. */
#include "tests/integration/tenancy.h"

#include "tests/lib/postgres.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define REVIEWED USHER_SOURCE_DIR "/tests/integration/statements_reviewed.txt"

static const char *const scopes[] = {"org", "account", "directory", "platform", "job"};

static int
set_up(void **state)
{
	static struct tenancy_tables tables;
	static struct postgres postgres;
	char database[POSTGRES_NAME_BYTES];
	PGresult *result;
	PGconn *pg;

	postgres_start(&postgres);
	postgres_database(&postgres, database);
	pg = PQsetdbLogin(postgres.socket, NULL, NULL, NULL, database, "usher_owner", NULL);
	result =
	    PQexec(pg, "SELECT c.relname, a.attnum IS NOT NULL,"
		       " COALESCE((SELECT i.indkey[0] = a.attnum FROM pg_index i"
		       "           WHERE i.indrelid = c.oid AND i.indisprimary), false) "
		       "FROM pg_class c "
		       "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' "
		       "WHERE c.relnamespace = 'usher'::regnamespace AND c.relkind IN ('r', 'p')"
		       " AND NOT c.relispartition");
	tables.count = (size_t)PQntuples(result);
	assert_in_range(tables.count, 20, TENANCY_TABLES_MAX);
	for (int row = 0; row < PQntuples(result); row++) {
		snprintf(tables.items[row].name, sizeof(tables.items[row].name), "%s",
		    PQgetvalue(result, row, 0));
		tables.items[row].has_org_id = PQgetvalue(result, row, 1)[0] == 't';
		tables.items[row].is_tenants = PQgetvalue(result, row, 2)[0] == 't';
	}
	PQclear(result);
	PQfinish(pg);
	postgres_stop(&postgres);
	*state = &tables;
	return 0;
}

/* What is found in an org statement with the parameters org_id and id. */
static size_t
faults_of(const struct tenancy_tables *tables, const char *sql)
{
	static const struct stmt_field params[] = {
	    {"org_id", STMT_TYPE_UUID, false}, {"id", STMT_TYPE_UUID, false}};
	const struct stmt stmt = {.name = "test",
	    .scope = STMT_SCOPE_ORG,
	    .params = params,
	    .params_count = strstr(sql, "$2") ? 2 : 1,
	    .text = sql};
	struct strbuf faults, touched;
	size_t count = 0;

	strbuf_init(&faults, 1 << 16);
	strbuf_init(&touched, 1 << 16);
	tenancy_check(&stmt, tables, &faults, &touched);
	for (const char *c = strbuf_text(&faults); *c; c++)
		count += *c == '\n';
	if (count > 1)
		print_error("%s", strbuf_text(&faults));
	strbuf_done(&faults);
	strbuf_done(&touched);
	return count;
}

static void
what_is_held_passes(void **state)
{
	static const char *const good[] = {
	    "SELECT 1 FROM usher.users WHERE org_id = $1 AND id = $2",
	    "SELECT 1 FROM usher.users u WHERE $1::uuid = u.org_id",
	    "SELECT 1 FROM usher.users u JOIN usher.user_roles r ON r.org_id = u.org_id WHERE "
	    "u.org_id = "
	    "$1",
	    "SELECT 1 FROM usher.users u LEFT JOIN usher.profiles p ON p.org_id = u.org_id WHERE "
	    "u.org_id = "
	    "$1",
	    "SELECT ARRAY(SELECT role FROM usher.user_roles r WHERE r.org_id = u.org_id) FROM "
	    "usher.users u "
	    "WHERE u.org_id = $1",
	    "INSERT INTO usher.users (org_id, id) VALUES ($1, $2)",
	    "INSERT INTO usher.users (id, org_id) SELECT u.id, u.org_id FROM usher.users u WHERE "
	    "u.org_id = "
	    "$1",
	    "INSERT INTO usher.users (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id) DO "
	    "UPDATE SET "
	    "email = ''",
	    "UPDATE usher.users SET email = '' WHERE org_id = $1",
	    "DELETE FROM usher.users u USING usher.chatbots c WHERE c.org_id = u.org_id AND "
	    "u.org_id = $1",
	    "WITH p AS (UPDATE usher.users SET email = '' WHERE org_id = $1 RETURNING org_id, id) "
	    "SELECT 1 "
	    "FROM usher.profiles q JOIN p ON p.org_id = q.org_id",
	    "SELECT 1 FROM usher.orgs o WHERE o.id = $1",
	    "SELECT 1 FROM (SELECT u.org_id FROM usher.users u WHERE u.org_id = $1) s JOIN "
	    "usher.chatbots c "
	    "ON c.org_id = s.org_id",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (faults_of(*state, good[i]) != 0)
			fail_msg("refused: %s", good[i]);
	}
}

static void
each_way_to_reach_another_organisation_is_found(void **state)
{
	static const char *const bad[] = {
	    "SELECT 1 FROM usher.users u WHERE u.id = $2 AND $1::uuid IS NOT NULL",
	    "SELECT 1 FROM usher.users u WHERE u.org_id = $1 OR u.id = $2",
	    "SELECT 1 FROM usher.users u WHERE NOT (u.org_id = $1)",
	    "SELECT 1 FROM usher.users u WHERE u.org_id <> $1",
	    "SELECT 1 FROM usher.users u WHERE u.org_id = $2 AND $1::uuid IS NOT NULL",
	    "SELECT 1 FROM usher.users u LEFT JOIN usher.orgs o ON u.org_id = $1 AND o.id = $1",
	    "SELECT 1 FROM usher.users u JOIN usher.user_roles r ON r.user_id = u.id WHERE "
	    "u.org_id = $1",
	    "SELECT EXISTS (SELECT FROM usher.user_roles r WHERE r.user_id = u.id) FROM "
	    "usher.users u WHERE "
	    "u.org_id = $1",
	    "SELECT (SELECT 1 WHERE u.org_id = $1) FROM usher.users u",
	    "INSERT INTO usher.users (org_id, id) VALUES ($2, $1)",
	    "INSERT INTO usher.users (org_id, id) VALUES ($1, $2), ($2, $2)",
	    "INSERT INTO usher.users (org_id, id) SELECT k.org_id, k.key_id FROM "
	    "usher.key_directory k WHERE "
	    "k.key_id = $1",
	    "INSERT INTO usher.users (org_id, id, external_id) VALUES ($1, $2, '') ON CONFLICT "
	    "(id) DO UPDATE "
	    "SET email = ''",
	    "INSERT INTO usher.users (org_id, id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT "
	    "users_account DO "
	    "UPDATE SET email = ''",
	    "UPDATE usher.users SET email = '' WHERE id = $2 AND $1::uuid IS NOT NULL",
	    "UPDATE usher.users SET org_id = $2 WHERE org_id = $1",
	    "DELETE FROM usher.users WHERE email = $1::text",
	    "WITH d AS (SELECT k.org_id FROM usher.key_directory k WHERE k.key_id = $1) SELECT 1 "
	    "FROM "
	    "usher.users u JOIN d ON d.org_id = u.org_id",
	    "SELECT 1 FROM usher.users u WHERE u.org_id = $1 UNION SELECT 1 FROM usher.users v",
	    "SELECT 1 FROM users u WHERE u.org_id = $1",
	    "SELECT 1 FROM usher.orgs o WHERE o.slug = $1::text",
	    "SELECT 1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (faults_of(*state, bad[i]) == 0)
			fail_msg("not noticed: %s", bad[i]);
	}
}

static void
read_reviewed(struct strbuf *out)
{
	FILE *file = fopen(REVIEWED, "r");
	char chunk[4096];
	size_t bytes;

	while (file && (bytes = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(out, chunk, bytes);
	if (file)
		fclose(file);
}

static void
write_reviewed(const struct strbuf *text)
{
	FILE *file = fopen(REVIEWED, "w");

	assert_non_null(file);
	fputs(strbuf_text(text), file);
	assert_int_equal(fclose(file), 0);
}

/* The lines of a that b lacks. */
static void
print_difference(const char *mark, const char *a, const char *b)
{
	for (size_t bytes; *a; a += bytes) {
		char line[512];

		bytes = strcspn(a, "\n") + 1;
		snprintf(line, sizeof(line), "%.*s", (int)bytes, a);
		if (!strstr(b, line))
			print_error("%s%s", mark, line);
	}
}

static void
statements_stay_in_their_organisation_or_were_reviewed(void **state)
{
	struct strbuf faults, list, reviewed;

	strbuf_init(&faults, 1 << 20);
	strbuf_init(&list, 1 << 20);
	strbuf_init(&reviewed, 1 << 20);
	for (int i = 0; i < STMT_COUNT; i++) {
		struct strbuf touched;

		strbuf_init(&touched, 1 << 16);
		tenancy_check(&statements[i], *state, &faults, &touched);
		if (statements[i].scope != STMT_SCOPE_ORG)
			strbuf_add_format(&list, "%s %s: %s\n", scopes[statements[i].scope],
			    statements[i].name, strbuf_text(&touched));
		strbuf_done(&touched);
	}
	if (faults.bytes > 0)
		print_error("%s", strbuf_text(&faults));
	if (getenv("USHER_ACCEPT"))
		write_reviewed(&list);
	read_reviewed(&reviewed);
	if (strcmp(strbuf_text(&list), strbuf_text(&reviewed)) != 0) {
		print_difference("is: ", strbuf_text(&list), strbuf_text(&reviewed));
		print_difference("was reviewed: ", strbuf_text(&reviewed), strbuf_text(&list));
		fail_msg(
		    "%s differs: review these, then run this test with USHER_ACCEPT=1", REVIEWED);
	}
	assert_int_equal(faults.bytes, 0);
	strbuf_done(&faults);
	strbuf_done(&list);
	strbuf_done(&reviewed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_held_passes),
	    cmocka_unit_test(each_way_to_reach_another_organisation_is_found),
	    cmocka_unit_test(statements_stay_in_their_organisation_or_were_reviewed),
	};

	return cmocka_run_group_tests_name("tenancy of statements", tests, set_up, NULL);
}
