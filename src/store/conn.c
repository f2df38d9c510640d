#include "store/conn.h"

#include "base/log.h"
#include "base/wait.h"
#include "store/sqlstate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The server ends a statement at its deadline; when even that is not heard for this long, the
 * connection is given up. */
#define GRACE_US (1 * US_PER_S)
/* A shorter one is gone with its transaction: what comes next, BEGIN and the word of a longer one
 * among it, would have to be done within it. */
#define TIMEOUT_MS_KEPT 1000
#define SCRATCH_BYTES_FIRST 4096
#define SCRATCH_BYTES_MAX (32u << 20)
#define STATEMENT_NAME_BYTES 16

static const status connection_lost = {
    ST_UNAVAILABLE, "the connection to the database broke", "DATABASE_AWAY"};

static void
ignore_notice(void *self, const PGresult *result)
{
	(void)self;
	(void)result;
}

/* libpq's text is lines, with several hosts one and more for each; those that begin with a tab are
 * advice to the one before. */
void
conn_describe_error(const char *libpq_message, struct strbuf *out)
{
	const size_t before = out->bytes;

	for (const char *line = libpq_message; *line;) {
		const int bytes = (int)strcspn(line, "\n");

		if (line[0] == '\t')
			strbuf_add_format(out, " (%.*s)", bytes - 1, line + 1);
		else if (bytes > 0)
			strbuf_add_format(
			    out, "%s%.*s", out->bytes > before ? "; " : "", bytes, line);
		line += bytes + (line[bytes] == '\n');
	}
}

status
conn_open(PGconn *pg, bool prepared, const struct clock *clock, struct strbuf *message,
    struct store_conn **out)
{
	struct store_conn *conn = calloc(1, sizeof(*conn));

	if (!conn ||
	    arena_init(&conn->scratch, SCRATCH_BYTES_FIRST, SCRATCH_BYTES_MAX).code != ST_OK) {
		PQfinish(pg);
		free(conn);
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	}
	conn->pg = pg;
	conn->socket = -1;
	conn->clock = clock;
	conn->prepares = prepared;
	conn->deadline_us = INT64_MAX;
	conn->grace_us = GRACE_US;
	if (PQstatus(conn->pg) != CONNECTION_OK) {
		conn_describe_error(PQerrorMessage(conn->pg), message);
		conn_close(&conn);
		return REFUSE_FOR(ST_UNAVAILABLE, "DATABASE_AWAY", "the database is away");
	}
	conn->socket = fcntl(PQsocket(conn->pg), F_DUPFD_CLOEXEC, 0);
	if (conn->socket < 0) {
		strbuf_add_text(message, "no file descriptor is left");
		conn_close(&conn);
		return connection_lost;
	}
	PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1) {
		strbuf_add_text(message, "no pipeline could be had");
		conn_close(&conn);
		return connection_lost;
	}
	*out = conn;
	return STATUS_OK;
}

void
conn_close(struct store_conn **conn)
{
	if (!*conn)
		return;
	PQfinish((*conn)->pg);
	if ((*conn)->socket >= 0)
		(void)close((*conn)->socket);
	arena_done(&(*conn)->scratch);
	free(*conn);
	*conn = NULL;
}

bool
conn_is_alive(struct store_conn *conn)
{
	struct pollfd socket = {.fd = PQsocket(conn->pg), .events = POLLIN};

	if (conn->is_dead || socket.fd < 0)
		return false;
	if (poll(&socket, 1, 0) <= 0)
		return true;
	/* A notice or a changed setting may lie there, or the server's last word. */
	return PQconsumeInput(conn->pg) == 1 && PQstatus(conn->pg) == CONNECTION_OK &&
	       poll(&socket, 1, 0) == 0;
}

bool
conn_is_hung_up(const struct store_conn *conn)
{
	struct pollfd socket = {.fd = conn->socket, .events = POLLRDHUP};

	return poll(&socket, 1, 0) != 0;
}

/* ---- queueing */

static status
note_command(struct store_conn *conn, enum statement statement, bool is_prepare, int sent)
{
	struct pipeline *pipeline = &conn->pipeline;

	if (sent != 1) {
		conn->is_dead = true;
		return connection_lost;
	}
	pipeline->commands[pipeline->count++] = (struct pipeline_command){statement, is_prepare};
	return STATUS_OK;
}

status
conn_queue(
    struct store_conn *conn, enum statement statement, const struct param *params, size_t count)
{
	const struct stmt *stmt = &statements[statement];
	char name[STATEMENT_NAME_BYTES];
	struct encoded encoded;

	if (conn->is_dead)
		return connection_lost;
	if (conn->pipeline.count + 2 > PIPELINE_COMMANDS_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "one transaction changes too much");
	TRY(value_encode(stmt, params, count, &conn->scratch, &encoded));
	if (!conn->prepares)
		return note_command(conn, statement, false,
		    PQsendQueryParams(conn->pg, stmt->text, encoded.count, encoded.types,
			encoded.values, encoded.lengths, encoded.formats, 1));
	snprintf(name, sizeof(name), "u%d", (int)statement);
	if (!conn->is_prepared[statement]) {
		TRY(note_command(conn, statement, true,
		    PQsendPrepare(conn->pg, name, stmt->text, encoded.count, encoded.types)));
		/* Sent once in a pipeline, however often it is run there. */
		conn->is_prepared[statement] = true;
	}
	return note_command(conn, statement, false,
	    PQsendQueryPrepared(conn->pg, name, encoded.count, encoded.values, encoded.lengths,
		encoded.formats, 1));
}

status
conn_queue_plain(struct store_conn *conn, const char *command)
{
	if (conn->is_dead)
		return connection_lost;
	if (conn->pipeline.count == PIPELINE_COMMANDS_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "one transaction changes too much");
	return note_command(conn, COMMAND_PLAIN, false,
	    PQsendQueryParams(conn->pg, command, 0, NULL, NULL, NULL, NULL, 1));
}

static status
queue_timeout(struct store_conn *conn, int64_t timeout_ms, bool is_local)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)timeout_ms);
	TRY(conn_queue(
	    conn, STMT_STORE_DEADLINE, (const struct param[]){p_text(text), p_bool(is_local)}, 2));
	conn->timeout_ms = timeout_ms;
	if (!is_local)
		conn->timeout_after_ms = timeout_ms;
	return STATUS_OK;
}

/* Eighths of a power of two: few enough that most calls find their own there already. */
static int64_t
round_down(int64_t ms)
{
	int64_t step = 1;

	while (ms / step >= 16)
		step *= 2;
	return ms - ms % step;
}

status
conn_queue_deadline(struct store_conn *conn)
{
	int64_t left_us, left_ms;

	if (conn->deadline_us == INT64_MAX)
		return !conn->prepares || conn->timeout_ms == 0 ? STATUS_OK
								: queue_timeout(conn, 0, false);
	left_us = conn->deadline_us - clock_boot_us(conn->clock);
	if (left_us <= 0)
		return REFUSE(ST_DEADLINE_EXCEEDED, "the deadline has passed");
	left_ms = left_us < US_PER_MS ? 1 : left_us / US_PER_MS;
	left_ms = left_ms < INT32_MAX ? left_ms : INT32_MAX;
	/* Behind a pooler the session is another's next. */
	if (!conn->prepares)
		return queue_timeout(conn, left_ms, true);
	if (conn->timeout_ms > 0 && conn->timeout_ms <= left_ms &&
	    conn->timeout_ms >= left_ms - left_ms / 8)
		return STATUS_OK;
	return queue_timeout(conn, round_down(left_ms), left_ms < TIMEOUT_MS_KEPT);
}

void
conn_forget_timeout(struct store_conn *conn)
{
	conn->timeout_ms = conn->timeout_after_ms = TIMEOUT_UNKNOWN;
}

/* ---- sending and reading */

/* Wait for the socket until limit_us, monotonic; false when that has passed. */
static bool
wait_for_socket(struct store_conn *conn, short events, int64_t limit_us)
{
	struct pollfd socket = {.fd = PQsocket(conn->pg), .events = events};

	for (;;) {
		int64_t left_us = limit_us - wait_now_us();
		int ready;

		if (left_us <= 0)
			return false;
		left_us = left_us < 60 * US_PER_S ? left_us : 60 * US_PER_S;
		ready = poll(&socket, 1, (int)(left_us / US_PER_MS) + 1);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return true; /* libpq will say what is wrong */
	}
}

/* The next result, or NULL at the end of one command's; dead when the connection is lost. */
static PGresult *
next_result(struct store_conn *conn, int64_t limit_us)
{
	while (PQisBusy(conn->pg)) {
		int unsent = PQflush(conn->pg);

		if (unsent < 0 && PQstatus(conn->pg) != CONNECTION_OK) {
			/* What the server said last is still to be read. */
			PQconsumeInput(conn->pg);
			break;
		}
		if (!wait_for_socket(
			conn, (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), limit_us)) {
			conn->is_dead = true;
			return NULL;
		}
		if (PQconsumeInput(conn->pg) != 1)
			break;
	}
	return PQgetResult(conn->pg);
}

/* What a failed command says, as a status; logged when it stays inside. */
static status
read_error(struct store_conn *conn, enum statement statement, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	status st;

	/* libpq's own failures have no SQLSTATE: the connection broke. */
	if (!sqlstate)
		conn->is_dead = true;
	st = sqlstate ? sqlstate_status(sqlstate, constraint) : connection_lost;
	if (sqlstate && sqlstate_ends_connection(sqlstate))
		conn->is_dead = true;
	if (status_is_internal(st.code))
		log_event(LOG_ERROR, "database", "statement",
		    statement == COMMAND_PLAIN ? "" : statements[statement].name, "sqlstate",
		    sqlstate ? sqlstate : "", "constraint", constraint ? constraint : "", "message",
		    primary ? primary : PQresultErrorMessage(result), NULL);
	return st;
}

/* Take in one result of one command. */
static void
take_result(struct store_conn *conn, const struct pipeline_command *command, PGresult *result,
    struct outcome *outcome, status *st)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
		if (command->statement == COMMAND_PLAIN &&
		    strcmp(PQcmdStatus(result), "COMMIT") == 0)
			outcome->committed = true;
		/* fall through */
	case PGRES_TUPLES_OK:
		if (command->is_prepare || command->statement == COMMAND_PLAIN ||
		    command->statement == STMT_STORE_DEADLINE)
			break;
		PQclear(outcome->result);
		outcome->result = result;
		return;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		/* A last word behind a commit takes nothing back. */
		if (st->code == ST_OK && !outcome->committed) {
			*st = read_error(conn, command->statement, result);
			outcome->refused = command->statement != COMMAND_PLAIN &&
					   PQresultErrorField(result, PG_DIAG_SQLSTATE);
		}
		/* Behind a failure nothing was prepared. */
		break;
	}
	if (st->code != ST_OK && command->is_prepare)
		conn->is_prepared[command->statement] = false;
	PQclear(result);
}

/* All results of all commands, and the Sync. */
static status
read_results(struct store_conn *conn, int64_t limit_us, struct outcome *outcome)
{
	struct pipeline *pipeline = &conn->pipeline;
	status st = STATUS_OK;
	PGresult *result;

	for (size_t i = 0; i < pipeline->count; i++) {
		while ((result = next_result(conn, limit_us))) {
			take_result(conn, &pipeline->commands[i], result, outcome, &st);
			if (PQstatus(conn->pg) != CONNECTION_OK)
				break;
		}
		if (conn->is_dead || PQstatus(conn->pg) != CONNECTION_OK) {
			outcome->unheard = true;
			return st;
		}
	}
	result = next_result(conn, limit_us);
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		outcome->unheard = true;
		/* A statement's time may run out behind the last command, before the Sync. */
		if (PQresultStatus(result) == PGRES_FATAL_ERROR && st.code == ST_OK &&
		    !outcome->committed)
			st = read_error(conn, COMMAND_PLAIN, result);
	}
	PQclear(result);
	return st;
}

status
conn_run(struct store_conn *conn, struct outcome *outcome)
{
	int64_t limit_us = INT64_MAX, now_us = wait_now_us();
	status st;

	*outcome = (struct outcome){0};
	if (conn->deadline_us != INT64_MAX) {
		int64_t left_us = conn->deadline_us - clock_boot_us(conn->clock);

		limit_us = now_us + (left_us > 0 ? left_us : 0) + conn->grace_us;
	}
	if (conn->is_dead || PQpipelineSync(conn->pg) != 1) {
		outcome->unheard = true;
		st = connection_lost;
	} else {
		st = read_results(conn, limit_us, outcome);
	}
	if (outcome->unheard) {
		conn->is_dead = true;
		if (st.code == ST_OK && !outcome->committed)
			st = wait_now_us() >= limit_us ? REFUSE(ST_DEADLINE_EXCEEDED,
							     "the database did not answer in time")
						       : connection_lost;
	}
	if (st.code != ST_OK) {
		PQclear(outcome->result);
		outcome->result = NULL;
		conn_forget_timeout(conn);
	} else if (PQtransactionStatus(conn->pg) == PQTRANS_IDLE) {
		conn->timeout_ms = conn->timeout_after_ms;
	}
	conn->pipeline.count = 0;
	arena_reset(&conn->scratch);
	return st;
}

void
conn_abandon(struct store_conn *conn)
{
	struct outcome outcome;
	status st;

	if (conn->pipeline.count == 0)
		return;
	st = conn_run(conn, &outcome);
	/* Nobody asks how it went: a connection that broke is marked as dead. */
	(void)st;
	PQclear(outcome.result);
}

const char *
store_conn_host(const struct store_conn *conn)
{
	const char *host = PQhost(conn->pg);

	return host ? host : "";
}
