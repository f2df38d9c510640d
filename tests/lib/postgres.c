#include "tests/lib/postgres.h"

#include "base/clock.h"
#include "store/migrate.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEMPLATE "usher_template"
#define FLAGS_MAX 16

static void fail(const char *what, const char *why) __attribute__((noreturn));

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "tests/lib/postgres: %s: %s\n", what, why);
	exit(99);
}

/* Run tests/lib/cluster; the first line that it prints goes to out. */
static void
run_cluster(const char *verb, const char *dir, const char *options, char *out, size_t out_bytes)
{
	char command[512], line[256] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "'%s/tests/lib/cluster' %s '%s' %s", USHER_SOURCE_DIR,
	    verb, dir, options);
	pipe = popen(command, "r");
	if (!pipe)
		fail(command, "cannot be run");
	if (fgets(line, sizeof(line), pipe))
		line[strcspn(line, "\n")] = '\0';
	if (pclose(pipe) != 0)
		fail(command, "failed");
	if (out)
		snprintf(out, out_bytes, "%s", line);
}

/* Lives until the pipe's other end is closed, by postgres_stop() or by the end of the program. */
static void
keep(const char *dir, int fd)
{
	char command[512], c;

	/* Ctrl-C is for the test; this is what tidies up behind it. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	while (read(fd, &c, 1) < 0)
		;
	snprintf(command, sizeof(command), "'%s/tests/lib/cluster' remove '%s' && rm -rf '%s'",
	    USHER_SOURCE_DIR, dir, dir);
	_exit(system(command) == 0 ? 0 : 1);
}

static void
start_keeper(struct postgres *postgres)
{
	int fds[2];

	/* Or the server would hold it open too. */
	if (pipe2(fds, O_CLOEXEC) != 0)
		fail("pipe", "none could be had");
	postgres->keeper = fork();
	if (postgres->keeper < 0)
		fail("fork", "failed");
	if (postgres->keeper == 0) {
		close(fds[1]);
		keep(postgres->dir, fds[0]);
	}
	close(fds[0]);
	postgres->keeper_fd = fds[1];
}

static void
make_template(struct postgres *postgres)
{
	struct config *config = postgres_config(postgres, TEMPLATE, "usher_owner", NULL);
	struct migrator *migrator = NULL;
	struct strbuf message;
	int applied;

	free(postgres_query(postgres, "postgres", "CREATE DATABASE " TEMPLATE));
	strbuf_init(&message, 4096);
	if (migrate_open(config, &message, &migrator).code != ST_OK ||
	    migrate_up(migrator, US_PER_S, NULL, &message, &applied).code != ST_OK)
		fail("migrate", strbuf_text(&message));
	migrate_close(&migrator);
	strbuf_done(&message);
	config_free(&config);
}

void
postgres_start(struct postgres *postgres)
{
	*postgres = (struct postgres){0};
	scratch_make(postgres->dir);
	/* The cluster's user passes through. */
	if (chmod(postgres->dir, 0711) != 0)
		fail(postgres->dir, "cannot be opened to others");
	start_keeper(postgres);
	postgres_resume(postgres);
	make_template(postgres);
}

void
postgres_stop(struct postgres *postgres)
{
	int ended;

	close(postgres->keeper_fd);
	if (waitpid(postgres->keeper, &ended, 0) != postgres->keeper || ended != 0)
		fail(postgres->dir, "its cluster could not be stopped");
}

void
postgres_halt(const struct postgres *postgres, const char *how)
{
	run_cluster("stop", postgres->dir, how, NULL, 0);
}

void
postgres_resume(struct postgres *postgres)
{
	/* The socket's folder is the same each time. An ANALYZE that nobody asked for is a
	 * transaction that others, such as a feed, have to wait for. */
	run_cluster("start", postgres->dir,
	    "fsync=off full_page_writes=off shared_buffers=16MB max_connections=60 autovacuum=off",
	    postgres->socket, sizeof(postgres->socket));
}

static void
make_database(struct postgres *postgres, const char *template, char name[POSTGRES_NAME_BYTES])
{
	char sql[128];

	snprintf(name, POSTGRES_NAME_BYTES, "test_%u", ++postgres->databases);
	snprintf(
	    sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY", name, template);
	free(postgres_query(postgres, "postgres", sql));
}

void
postgres_database(struct postgres *postgres, char name[POSTGRES_NAME_BYTES])
{
	make_database(postgres, TEMPLATE, name);
}

void
postgres_empty_database(struct postgres *postgres, char name[POSTGRES_NAME_BYTES])
{
	make_database(postgres, "template0", name);
}

struct config *
postgres_config(const struct postgres *postgres, const char *database, const char *role, ...)
{
	char flags[3][192], *argv[FLAGS_MAX] = {"test", flags[0], flags[1], flags[2]};
	struct config *config = NULL;
	struct strbuf message;
	int argc = 4;
	va_list args;

	snprintf(flags[0], sizeof(flags[0]), "--database.host=%s", postgres->socket);
	snprintf(flags[1], sizeof(flags[1]), "--database.name=%s", database);
	snprintf(flags[2], sizeof(flags[2]), "--database.user=%s", role);
	va_start(args, role);
	while (argc < FLAGS_MAX - 1 && (argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	strbuf_init(&message, 4096);
	if (config_load(argc, argv, "/dev/null", &config, NULL, &message).code != ST_OK)
		fail("settings", strbuf_text(&message));
	strbuf_done(&message);
	return config;
}

char *
postgres_query(const struct postgres *postgres, const char *database, const char *sql)
{
	PGconn *pg =
	    PQsetdbLogin(postgres->socket, NULL, NULL, NULL, database, "usher_owner", NULL);
	PGresult *result = PQexec(pg, sql);
	char *value;

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail(sql, PQerrorMessage(pg));
	value =
	    strdup(PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	if (!value)
		fail(sql, "no memory");
	PQclear(result);
	PQfinish(pg);
	return value;
}
