/* A check of the database as an operation. */
#include "jobs/check.h"
#include "jobs/operations.h"
#include "json/reader.h"

static status
read_parameters(struct slice text, struct arena *arena, bool *quick)
{
	struct reader reader;
	enum reader_token token;

	*quick = false;
	reader_init(&reader, text, arena, READER_UNIQUE_KEYS);
	TRY(reader_next(&reader, &token));
	if (token != READER_OBJECT_BEGIN)
		return REFUSE(ST_INVALID_ARGUMENT, "parameters are no JSON object");
	for (;;) {
		TRY(reader_next(&reader, &token));
		if (token == READER_OBJECT_END)
			return STATUS_OK;
		if (!slice_equals_text(reader.value, "quick"))
			return REFUSE(ST_INVALID_ARGUMENT, "db_check has one parameter, \"quick\"");
		TRY(reader_next(&reader, &token));
		if (token != READER_TRUE && token != READER_FALSE)
			return REFUSE(ST_INVALID_ARGUMENT, "\"quick\" is true or false");
		*quick = token == READER_TRUE;
	}
}

static status
check_parameters(struct slice parameters, struct arena *arena)
{
	bool quick;

	return read_parameters(parameters, arena, &quick);
}

static status
add_finding(void *env, const struct check_finding *finding)
{
	struct operation_run *run = env;
	struct strbuf out;
	struct writer writer;
	status st;

	strbuf_init(&out, OPERATION_ITEM_BYTES_MAX);
	writer_init(&writer, &out, 0);
	check_write_finding(&writer, finding);
	st = strbuf_status(&out);
	if (st.code == ST_OK)
		st = operation_add_result(run, slice_of(out.data, out.bytes));
	strbuf_done(&out);
	return st;
}

static status
step(void *env, struct operation_run *run)
{
	struct check_run check = {
	    .conn = run->conn,
	    .arena = run->arena,
	    .position = run->position,
	    .report = add_finding,
	    .report_env = run,
	};

	(void)env;
	TRY(read_parameters(run->parameters, run->arena, &check.quick));
	TRY(check_step(&check));
	run->position = check.position;
	run->done = check.done;
	run->total = check.total;
	run->finished = check.finished;
	return STATUS_OK;
}

const struct operation_kind operation_db_check = {
    .name = "db_check",
    .of_platform = true,
    .check = check_parameters,
    .step = step,
};
