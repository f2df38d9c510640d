/* Receipts and the blocks that they name, and the partitions for them, on a real server. */
#include "jobs/jobs.h"
#include "jobs/spool_file.h"
#include "jobs/standard.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ORG "00000000-0000-0000-0000-000000000001"
#define ANN "00000000-0000-0000-0000-00000000000a"
#define BEN "00000000-0000-0000-0000-00000000000b"
#define GONE "00000000-0000-0000-0000-0000000000ff"
#define KEY "00000000-0000-0000-0000-0000000000e1"
/* Room for two parts and more in each of its buffers. */
#define SPOOL_BYTES (8u << 20)
#define PATIENCE_US (120 * US_PER_S)

struct fixture {
	char database[POSTGRES_NAME_BYTES], directory[SCRATCH_PATH_BYTES];
	struct config *config;
	struct store *store;
	struct spool *spool;
	struct jobs *jobs;
	struct standard_jobs standard;
};

static struct postgres postgres;

static void
assert_ok(status st)
{
	if (st.code != ST_OK)
		fail_msg("%s: %s", status_code_name(st.code), st.message);
}

static void
run_sql(struct fixture *f, const char *sql)
{
	free(postgres_query(&postgres, f->database, sql));
}

static void
assert_sql(struct fixture *f, const char *sql, const char *expected)
{
	char *got = postgres_query(&postgres, f->database, sql);

	assert_string_equal(got, expected);
	free(got);
}

static int
number_of(struct fixture *f, const char *sql)
{
	char *got = postgres_query(&postgres, f->database, sql);
	const int number = atoi(got);

	free(got);
	return number;
}

static int
set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof f);
	postgres_database(&postgres, f.database);
	run_sql(&f, "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('" ORG "', 'a', 'A');"
		    "INSERT INTO usher.users (org_id, id) VALUES ('" ORG "', '" ANN "'),"
		    " ('" ORG "', '" BEN "')");
	scratch_make(f.directory);
	f.config = postgres_config(&postgres, f.database, "usher_app", NULL);
	assert_ok(store_new(f.config, &clock_system, &f.store));
	assert_ok(spool_new(f.directory, SPOOL_BYTES, &clock_system, &rand_system, &f.spool));
	assert_ok(jobs_new(f.store, &clock_system, &f.jobs));
	f.standard.spool = f.spool;
	assert_ok(standard_jobs_add(f.jobs, &f.standard));
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	jobs_free(&f->jobs);
	spool_free(&f->spool);
	store_free(&f->store);
	config_free(&f->config);
	scratch_remove(f->directory);
	return 0;
}

static void
add_read(struct fixture *f, const char *org, const char *user)
{
	struct spool_read read = {.second = clock_now_us(&clock_system) / US_PER_S};
	struct spool_ticket ticket;
	struct uuid read_id;

	assert_true(uuid_parse(slice_text(org), &read.org_id));
	assert_true(uuid_parse(slice_text(user), &read.user_id));
	assert_true(uuid_parse(slice_text(GONE), &read.key_id));
	assert_true(spool_begin(f->spool, &read, &ticket));
	spool_take(&ticket, &read_id);
}

static void
keep_block(struct fixture *f, const char *user, const char *content)
{
	const struct slice hash = slice_text("hash"), bytes = slice_text(content);
	struct uuid org_id, user_id;
	struct store_conn *conn;

	assert_true(uuid_parse(slice_text(ORG), &org_id));
	assert_true(uuid_parse(slice_text(user), &user_id));
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + 10 * US_PER_S, &conn));
	assert_ok(STORE_QUERY(conn, STMT_CONTEXT_BLOCKS_STORE, NULL, p_uuid(&org_id),
	    p_blobs(&hash, 1), p_uuids(&user_id, 1), p_blobs(&bytes, 1)));
	store_return(&conn);
}

static void
receipts_of_a_user_key_or_organisation_that_is_gone_are_stored_like_others(void **state)
{
	struct fixture *f = *state;

	add_read(f, ORG, ANN);
	add_read(f, ORG, GONE);
	add_read(f, GONE, GONE);
	run_sql(f, "DELETE FROM usher.users WHERE id = '" ANN "'");
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(*) FROM usher.reads", "3");
}

static void
a_block_that_two_users_share_outlives_one_of_them(void **state)
{
	struct fixture *f = *state;

	keep_block(f, ANN, "the same");
	keep_block(f, BEN, "the same");
	keep_block(f, GONE, "nobody's");
	run_sql(f, "DELETE FROM usher.users WHERE id = '" ANN "'");
	assert_sql(f, "SELECT string_agg(user_id::text, ' ') FROM usher.blocks", BEN);
}

/* Nobody ran for months, and the first call was faster than the job. */
static void
rows_that_came_before_their_partition_hold_up_no_other(void **state)
{
	struct fixture *f = *state;

	run_sql(f,
	    "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT inhrelid::regclass FROM pg_inherits"
	    " WHERE inhparent = 'usher.reads'::regclass AND inhrelid <>"
	    " 'usher.reads_default'::regclass LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$");
	add_read(f, ORG, ANN);
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(*) FROM usher.reads_default", "1");
	assert_ok(jobs_run_now(f->jobs, "partitions"));
	assert_sql(
	    f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'usher.reads'::regclass", "3");
	assert_ok(jobs_run_now(f->jobs, "partitions"));
}

/* ---- partitions beside those who use the table */

/* Somebody's transaction, which holds what sql takes until it is finished. */
static PGconn *
hold(struct fixture *f, const char *sql)
{
	PGconn *pg =
	    PQsetdbLogin(postgres.socket, NULL, NULL, NULL, f->database, "usher_owner", NULL);

	PQclear(PQexec(pg, "BEGIN"));
	PQclear(PQexec(pg, sql));
	assert_int_equal(PQtransactionStatus(pg), PQTRANS_INTRANS);
	return pg;
}

/* The month after the next, of both. */
#define LAST_MONTH                                                                                 \
	"to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYYMM')"
#define LAST_PARTITIONS                                                                            \
	"SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text IN"                       \
	" ('usher.turns_' || " LAST_MONTH ", 'usher.reads_' || " LAST_MONTH ")"

static void
forget_last_month(struct fixture *f)
{
	assert_sql(f, LAST_PARTITIONS, "2");
	run_sql(f, "DO $$ BEGIN EXECUTE 'DROP TABLE usher.turns_' || " LAST_MONTH
		   " || ', usher.reads_' || " LAST_MONTH "; END $$");
	assert_sql(f, LAST_PARTITIONS, "0");
}

static void
a_month_is_made_while_others_read_and_write_the_table(void **state)
{
	struct fixture *f = *state;
	PGconn *other;

	forget_last_month(f);
	other = hold(f, "LOCK TABLE ONLY usher.turns, ONLY usher.reads IN ROW EXCLUSIVE MODE");
	assert_ok(jobs_run_now(f->jobs, "partitions"));
	assert_sql(f, LAST_PARTITIONS, "2");
	PQfinish(other);
}

static void
a_partition_is_what_its_table_is(void **state)
{
	struct fixture *f = *state;

	forget_last_month(f);
	assert_ok(jobs_run_now(f->jobs, "partitions"));
	/* Of this month, made by PARTITION OF, and of the last: as many constraints, indexes and
	 * triggers, and the same columns with the same defaults. */
	assert_sql(f,
	    "WITH parts AS (SELECT c.oid, left(c.relname, 5) AS of, right(c.relname, 6) AS month"
	    " FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relname ~ '[0-9]$'),"
	    " made AS (SELECT p.of, p.month,"
	    " (SELECT array_agg((a.attname, a.atttypid, a.attnotnull, a.attstorage,"
	    "   pg_get_expr(d.adbin, d.adrelid))::text ORDER BY a.attnum) FROM pg_attribute a"
	    "   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
	    "   WHERE a.attrelid = p.oid AND a.attnum > 0) AS columns,"
	    " (SELECT array_agg(replace(pg_get_indexdef(i.indexrelid), p.month, '') ORDER BY 1)"
	    "   FROM pg_index i WHERE i.indrelid = p.oid AND i.indisvalid) AS indexes,"
	    " (SELECT array_agg(pg_get_constraintdef(c.oid) || c.convalidated ORDER BY 1)"
	    "   FROM pg_constraint c WHERE c.conrelid = p.oid) AS constraints,"
	    " (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = p.oid) AS triggers FROM parts p)"
	    " SELECT count(DISTINCT (of, columns, indexes, constraints, triggers)) || ' of '"
	    " || count(DISTINCT (of, month)) FROM made",
	    "2 of 6");
}

static struct job_figures
figures_of_partitions(struct fixture *f)
{
	struct job_figures figures;

	assert_true(jobs_get_figures_of(f->jobs, slice_text("partitions"), &figures));
	return figures;
}

/* What a call does, and whether anybody stands in the way of all who use the table. */
static void
write_a_turn(struct fixture *f)
{
	run_sql(f, "WITH made AS (INSERT INTO usher.conversations (org_id, id, chatbot_id, user_id)"
		   " VALUES ('" ORG "', (left(usher.uuid_floor(now())::text, 13)"
		   " || right(gen_random_uuid()::text, 23))::uuid, '" GONE "', '" ANN "')"
		   " RETURNING org_id, id)"
		   " INSERT INTO usher.turns (org_id, conversation_id, seq, role, body, tokens)"
		   " SELECT org_id, id, 1, 1, 'x', 1 FROM made");
	assert_sql(f,
	    "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
	    " AND relation IN ('usher.turns'::regclass, 'usher.reads'::regclass)",
	    "0");
}

/* A backup has read locks on everything for hours. */
static void
a_backup_holds_up_the_partitions_and_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct job_figures figures;
	PGconn *backup;

	run_sql(f, "INSERT INTO usher.chatbots (org_id, id, display_name) VALUES"
		   " ('" ORG "', '" GONE "', 'a bot')");
	forget_last_month(f);
	backup = hold(f, "LOCK TABLE usher.turns, usher.reads IN ACCESS SHARE MODE");
	assert_ok(jobs_start(f->jobs));
	while (figures_of_partitions(f).runs == 0)
		write_a_turn(f);
	figures = figures_of_partitions(f);
	assert_string_equal(
	    figures.last_error, "turns: another transaction is in the way; try again");
	/* It does not come back at once. */
	const int64_t until_us = clock_boot_us(&clock_system) + 5 * US_PER_S / 2;
	while (clock_boot_us(&clock_system) < until_us)
		write_a_turn(f);
	assert_int_equal(figures_of_partitions(f).runs, 1);
	assert_sql(f, LAST_PARTITIONS, "0");
	PQclear(PQexec(backup, "ROLLBACK"));
	PQfinish(backup);
	/* It gives way after 300 ms, so it may have to try again while others write. */
	for (int tries = 1; tries < 10 && number_of(f, LAST_PARTITIONS) < 2; tries++) {
		const int64_t runs = figures_of_partitions(f).runs;

		jobs_wake(f->jobs, "partitions");
		while (figures_of_partitions(f).runs == runs)
			write_a_turn(f);
	}
	assert_sql(f, LAST_PARTITIONS, "2");
	jobs_stop(f->jobs);
}

/* ---- the spool, part by part */

/* That many different receipts, of reads with KEY. */
static void
add_reads(struct fixture *f, unsigned count)
{
	struct spool_read read = {.second = clock_now_us(&clock_system) / US_PER_S};
	struct spool_ticket ticket;
	struct uuid read_id;

	assert_true(uuid_parse(slice_text(ORG), &read.org_id));
	assert_true(uuid_parse(slice_text(KEY), &read.key_id));
	for (unsigned i = 0; i < count; i++) {
		memcpy(read.user_id.bytes, &i, sizeof i);
		assert_true(spool_begin(f->spool, &read, &ticket));
		spool_take(&ticket, &read_id);
	}
}

/* What happens behind each statement that stores receipts. */
static void
do_behind_each_part(struct fixture *f, const char *what)
{
	char sql[1024];

	(void)snprintf(sql, sizeof sql,
	    "CREATE OR REPLACE FUNCTION usher.behind() RETURNS trigger LANGUAGE plpgsql AS "
	    "$$ BEGIN %s; RETURN NULL; END $$; "
	    "CREATE OR REPLACE TRIGGER behind AFTER INSERT ON usher.reads "
	    "FOR EACH STATEMENT EXECUTE FUNCTION usher.behind()",
	    what);
	run_sql(f, sql);
}

/* One drain, with so much time for all that it does. */
static status
drain(struct fixture *f, int64_t time_us)
{
	int64_t stored, until_us = clock_boot_us(&clock_system) + time_us;
	struct store_conn *conn;
	struct arena arena;
	status st;

	assert_ok(arena_init(&arena, 4096, 64u << 20));
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + PATIENCE_US, &conn));
	store_set_deadline(conn, until_us);
	st = spool_drain(f->spool, conn, &arena, &stored);
	store_return(&conn);
	arena_done(&arena);
	return st;
}

static int
count_reads(struct fixture *f)
{
	return number_of(f, "SELECT count(*) FROM usher.reads");
}

/* Another process takes over: what the first one left is a file of a dead one's. */
static void
end_process(struct fixture *f)
{
	spool_free(&f->spool);
	f->standard.spool = NULL;
}

static void
start_process(struct fixture *f)
{
	assert_ok(spool_new(f->directory, SPOOL_BYTES, &clock_system, &rand_system, &f->spool));
	f->standard.spool = f->spool;
}

static bool
adopt(struct fixture *f, struct spool_file *file)
{
	DIR *dir = opendir(f->directory);
	const struct dirent *entry;
	bool found = false;

	assert_non_null(dir);
	while (!found && (entry = readdir(dir)))
		found = strstr(entry->d_name, ".spool") &&
			spool_file_adopt(f->directory, entry->d_name, file);
	closedir(dir);
	return found;
}

/* What the last of the dead left is stored. */
static void
drain_left_overs(struct fixture *f)
{
	struct spool_figures figures = {.left_over = 1};

	/* A run begins no part after half a second. */
	for (int runs = 0; runs < 20 && figures.left_over > 0; runs++) {
		assert_ok(drain(f, PATIENCE_US));
		spool_get_figures(f->spool, &figures);
	}
	assert_int_equal(figures.left_over, 0);
}

/* Three parts of a second each, and two and a half seconds: whoever begins anew each time never
 * gets there. */
static void
a_batch_is_stored_though_there_is_never_time_for_all_of_it(void **state)
{
	struct fixture *f = *state;
	int64_t until_us = clock_boot_us(&clock_system) + PATIENCE_US;
	struct spool_figures figures;

	do_behind_each_part(f, "PERFORM pg_sleep(1)");
	add_reads(f, 2 * SPOOL_PART_ROWS + 1);
	while (count_reads(f) < SPOOL_PART_ROWS && clock_boot_us(&clock_system) < until_us)
		(void)drain(f, 2500 * US_PER_MS).code;
	assert_int_equal(count_reads(f), SPOOL_PART_ROWS);
	spool_get_figures(f->spool, &figures);
	assert_true(figures.has_sealed);
	assert_int_equal(figures.slots_sealed, SPOOL_PART_ROWS + 1);
	/* The next process goes on where this one was. */
	end_process(f);
	start_process(f);
	while (count_reads(f) < 2 * SPOOL_PART_ROWS + 1 && clock_boot_us(&clock_system) < until_us)
		(void)drain(f, 2500 * US_PER_MS).code;
	assert_int_equal(count_reads(f), 2 * SPOOL_PART_ROWS + 1);
}

static void
a_part_whose_commit_nobody_heard_of_is_not_stored_again(void **state)
{
	struct fixture *f = *state;
	struct spool_figures figures;
	struct spool_file file;

	do_behind_each_part(f, "PERFORM pg_sleep(0.6)");
	add_reads(f, SPOOL_PART_ROWS + 10);
	assert_ok(drain(f, PATIENCE_US));
	assert_int_equal(count_reads(f), SPOOL_PART_ROWS);
	end_process(f);
	assert_true(adopt(f, &file));
	assert_true(spool_file_has_reads(&file, 0));
	atomic_store(&file.header->stored_to[0], 0);
	spool_file_close(&file, false);
	do_behind_each_part(f, "NULL");
	start_process(f);
	drain_left_overs(f);
	spool_get_figures(f->spool, &figures);
	assert_int_equal(count_reads(f), SPOOL_PART_ROWS + 10);
	assert_int_equal(figures.stored, 10);
	assert_false(adopt(f, &file));
}

/* As an earlier usherd would have made it. */
static void
make_older(struct spool_file *file, uint32_t layout)
{
	file->header->layout = layout;
	for (unsigned buffer = 0; buffer < 2; buffer++)
		for (size_t i = 0; i < file->slots_count; i++)
			file->slots[buffer][i].tally &= ~SPOOL_MARK_BITS;
}

/* The first of its parts was stored, and nobody heard of it. */
static void
a_file_of_the_layout_before_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	struct spool_file file;
	char id[UUID_TEXT_BYTES], sql[256];

	add_reads(f, SPOOL_PART_ROWS + 10);
	end_process(f);
	assert_true(adopt(f, &file));
	make_older(&file, 2);
	uuid_format(&file.header->spool_id, id);
	(void)snprintf(
	    sql, sizeof sql, "INSERT INTO usher.read_batches VALUES ('%s', 1 << 24)", id);
	spool_file_close(&file, false);
	run_sql(f, sql);
	start_process(f);
	drain_left_overs(f);
	assert_int_equal(count_reads(f), 10);
	assert_false(adopt(f, &file));
}

/* Its batches were stored as a whole, under their own number: once, whoever does it. */
static void
a_file_of_the_first_layout_is_stored_unless_it_was(void **state)
{
	struct fixture *f = *state;
	struct spool_file file;
	char id[UUID_TEXT_BYTES], sql[256];

	for (int was_stored = 0; was_stored < 2; was_stored++) {
		add_read(f, ORG, was_stored ? BEN : ANN);
		end_process(f);
		assert_true(adopt(f, &file));
		make_older(&file, 1);
		uuid_format(&file.header->spool_id, id);
		(void)snprintf(sql, sizeof sql, "INSERT INTO usher.read_batches VALUES ('%s', %d)",
		    id, (int)file.header->buffers[0].batch);
		spool_file_close(&file, false);
		if (was_stored)
			run_sql(f, sql);
		start_process(f);
		assert_ok(drain(f, PATIENCE_US));
		assert_false(adopt(f, &file));
	}
	assert_sql(f, "SELECT string_agg(user_id::text, ' ') FROM usher.reads", ANN);
}

/* ---- after a machine died */

#define PAGE_BYTES 4096

/* A spool's file at two moments of its life. */
struct images {
	char path[512];
	size_t bytes;
	char *early, *late;
};

static char *
image_take(const struct images *images)
{
	char *image = malloc(images->bytes);
	FILE *file = fopen(images->path, "rb");

	assert_non_null(image);
	assert_non_null(file);
	assert_int_equal(fread(image, 1, images->bytes, file), images->bytes);
	fclose(file);
	return image;
}

/* Receipts that say the same thing four times, so that halves of two are found out. */
static void
add_told(struct fixture *f, uint32_t set, uint32_t count)
{
	struct spool_read read = {.second = clock_now_us(&clock_system) / US_PER_S};
	struct spool_ticket ticket;
	struct uuid read_id;

	assert_true(uuid_parse(slice_text(ORG), &read.org_id));
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t id[4] = {i, set, i, set};
		char text[UUID_TEXT_BYTES];

		memcpy(read.user_id.bytes, id, sizeof id);
		read.chatbot_id = read.key_id = read.user_id;
		memcpy(read.block_hash, id, sizeof id);
		uuid_format(&read.user_id, text);
		memcpy(read.purpose, text, sizeof text);
		assert_true(spool_begin(f->spool, &read, &ticket));
		spool_take(&ticket, &read_id);
	}
}

static void
drain_own(struct fixture *f, int wanted)
{
	for (int runs = 0; runs < 20 && count_reads(f) < wanted; runs++)
		assert_ok(drain(f, PATIENCE_US));
	assert_int_equal(count_reads(f), wanted);
}

#define TOLD 10000
#define STORED (TOLD + TOLD / 5)

/* Two batches are stored, and a third is in the buffer of the first when all ends. */
static void
live(struct fixture *f, struct images *out)
{
	DIR *dir = opendir(f->directory);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, ".spool"))
			(void)snprintf(
			    out->path, sizeof out->path, "%s/%s", f->directory, entry->d_name);
	closedir(dir);
	out->bytes =
	    SPOOL_HEADER_BYTES + (size_t)2 * SPOOL_SHARDS * 1024 * sizeof(struct spool_slot);
	add_told(f, 1, TOLD);
	out->early = image_take(out);
	drain_own(f, TOLD);
	add_told(f, 2, TOLD / 5);
	drain_own(f, STORED);
	add_told(f, 3, TOLD);
	out->late = image_take(out);
	end_process(f);
}

/* Each page as the kernel wrote it last: at one of the two moments. */
struct mix {
	bool header_is_early;
	int early_pages; /* of each two */
	int stored_min, stored_max;
};

static void
die(struct images *images, const struct mix *mix)
{
	FILE *file = fopen(images->path, "r+b");

	assert_non_null(file);
	for (size_t page = 0; page < images->bytes / PAGE_BYTES; page++) {
		const bool is_early =
		    page == 0 ? mix->header_is_early : (int)(page % 2) < mix->early_pages;
		const char *from = is_early ? images->early : images->late;

		assert_int_equal(fwrite(from + page * PAGE_BYTES, 1, PAGE_BYTES, file), PAGE_BYTES);
	}
	fclose(file);
	free(images->early);
	free(images->late);
}

static void
what_a_dead_machine_left_is_stored_once_or_lost_and_never_mixed_up(void **state)
{
	static const struct mix mixes[] = {
	    {false, 0, STORED + TOLD, STORED + TOLD},
	    {false, 1, STORED + TOLD / 3, STORED + TOLD / 3 * 2},
	    {false, 2, STORED, STORED},
	    {true, 0, STORED, STORED},
	    {true, 1, STORED, STORED},
	    {true, 2, STORED, STORED},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
		struct images images;

		run_sql(f, "TRUNCATE usher.reads, usher.read_batches");
		live(f, &images);
		die(&images, &mixes[i]);
		start_process(f);
		drain_left_overs(f);
		assert_in_range(count_reads(f), mixes[i].stored_min, mixes[i].stored_max);
		assert_sql(f, "SELECT count(*) - count(DISTINCT read_id) FROM usher.reads", "0");
		assert_sql(f,
		    "SELECT count(*) FROM usher.reads WHERE reads <> 1 OR key_id <> user_id"
		    " OR chatbot_id <> user_id OR purpose <> user_id::text"
		    " OR substr(block_hash, 1, 16) <> uuid_send(user_id)",
		    "0");
	}
}

/* One buffer is half stored when the node stops, and in the other one are more. */
static void
a_stop_stores_both_buffers_or_says_that_it_did_not(void **state)
{
	struct fixture *f = *state;

	do_behind_each_part(f, "PERFORM pg_sleep(0.6)");
	add_reads(f, SPOOL_PART_ROWS + 10);
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_int_equal(count_reads(f), SPOOL_PART_ROWS);
	add_reads(f, 20);
	do_behind_each_part(f, "RAISE 'no'");
	assert_false(standard_jobs_finish(f->jobs, &f->standard, &clock_system));
	do_behind_each_part(f, "NULL");
	assert_true(standard_jobs_finish(f->jobs, &f->standard, &clock_system));
	assert_int_equal(count_reads(f), SPOOL_PART_ROWS + 30);
}

static void
add_key(struct fixture *f)
{
	run_sql(f, "INSERT INTO usher.api_keys (org_id, id, prefix, secret_hash, scopes) "
		   "VALUES ('" ORG "', '" KEY "', 'p', 'x', '{}')");
}

static status
revoke_key(struct store_conn *conn)
{
	struct uuid org_id, id;

	assert_true(uuid_parse(slice_text(ORG), &org_id));
	assert_true(uuid_parse(slice_text(KEY), &id));
	return STORE_QUERY(
	    conn, STMT_CONTEXT_KEY_REVOKE, NULL, p_uuid(&org_id), P_NULL, p_uuid(&id));
}

static void
wait_for_sql(struct fixture *f, const char *sql, const char *wanted)
{
	int64_t until_us = clock_boot_us(&clock_system) + PATIENCE_US;
	bool is_there = false;

	while (!is_there && clock_boot_us(&clock_system) < until_us) {
		char *got = postgres_query(&postgres, f->database, sql);

		is_there = strcmp(got, wanted) == 0;
		free(got);
		usleep(10000);
	}
	assert_sql(f, sql, wanted);
}

/* The second part stands still, behind a lock of somebody's. */
static void
a_key_can_be_revoked_while_receipts_of_it_are_being_stored(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn, *other;
	ROWS_AUTO claim = {0};

	add_key(f);
	do_behind_each_part(f, "IF (SELECT count(*) > 4096 FROM usher.reads) THEN "
			       "PERFORM pg_advisory_xact_lock(42); END IF");
	add_reads(f, SPOOL_PART_ROWS + 10);
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + PATIENCE_US, &conn));
	assert_ok(store_begin(conn));
	assert_ok(STORE_QUERY(conn, STMT_JOBS_CLAIM, &claim, p_int(42)));
	assert_true(row_bool(&claim, 0, JOBS_CLAIM_CLAIMED));
	assert_ok(jobs_start(f->jobs));
	wait_for_sql(
	    f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", "1");
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + 10 * US_PER_S, &other));
	assert_ok(revoke_key(other));
	store_return(&other);
	store_return(&conn);
	wait_for_sql(f, "SELECT count(*) FROM usher.reads", "4106");
	jobs_stop(f->jobs);
}

static void
receipts_do_not_wait_for_who_is_at_their_key(void **state)
{
	struct fixture *f = *state;
	struct store_conn *conn;
	int64_t before_us;

	add_key(f);
	add_reads(f, 1);
	assert_ok(store_lease(f->store, clock_boot_us(&clock_system) + PATIENCE_US, &conn));
	assert_ok(store_begin(conn));
	assert_ok(revoke_key(conn));
	before_us = clock_boot_us(&clock_system);
	assert_ok(drain(f, 60 * US_PER_S));
	/* It would wait for all of its time. */
	assert_true(clock_boot_us(&clock_system) - before_us < 30 * US_PER_S);
	store_return(&conn);
	assert_sql(f, "SELECT count(*) FROM usher.reads", "1");
	assert_sql(f, "SELECT count(last_used_at) FROM usher.api_keys", "0");
	add_reads(f, 1);
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(last_used_at) FROM usher.api_keys", "1");
}

static void
receipts_are_stored_though_their_keys_use_can_not_be_noted(void **state)
{
	struct fixture *f = *state;

	add_key(f);
	add_reads(f, 1);
	run_sql(f, "REVOKE UPDATE ON usher.api_keys FROM usher_app");
	assert_ok(jobs_run_now(f->jobs, "receipts"));
	assert_sql(f, "SELECT count(*) FROM usher.reads", "1");
}

static int
start(void **state)
{
	(void)state;
	postgres_start(&postgres);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	postgres_stop(&postgres);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(receipts_of_a_user_key_or_organisation_that_is_gone_are_stored_like_others),
	    TEST(a_block_that_two_users_share_outlives_one_of_them),
	    TEST(rows_that_came_before_their_partition_hold_up_no_other),
	    TEST(a_month_is_made_while_others_read_and_write_the_table),
	    TEST(a_partition_is_what_its_table_is),
	    TEST(a_backup_holds_up_the_partitions_and_nobody_else),
	    TEST(a_batch_is_stored_though_there_is_never_time_for_all_of_it),
	    TEST(a_part_whose_commit_nobody_heard_of_is_not_stored_again),
	    TEST(a_file_of_the_layout_before_goes_on_where_it_was),
	    TEST(a_file_of_the_first_layout_is_stored_unless_it_was),
	    TEST(what_a_dead_machine_left_is_stored_once_or_lost_and_never_mixed_up),
	    TEST(a_stop_stores_both_buffers_or_says_that_it_did_not),
	    TEST(a_key_can_be_revoked_while_receipts_of_it_are_being_stored),
	    TEST(receipts_do_not_wait_for_who_is_at_their_key),
	    TEST(receipts_are_stored_though_their_keys_use_can_not_be_noted),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
