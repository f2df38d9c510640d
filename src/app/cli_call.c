/* usher call: any method, JSON in and out, by the descriptors that the server sends. */
#include "app/cli.h"

#include "gen/client/ops.h"
#include "pbjson/descriptors.h"
#include "pbjson/pbjson.h"
#include "json/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_BYTES_MAX (4u << 20)
#define JSON_BYTES_MAX (1u << 20)
#define TIMEOUT_MS_MAX 3600000

/* The request's JSON: the second word, or standard input for "-", or {}. */
static status
read_input(struct cli *cli, struct slice *json)
{
	const char *word = cli->words_count > 1 ? cli->words[1] : "{}";
	struct strbuf buffer;
	ssize_t got = 0;
	uint8_t *room;

	if (strcmp(word, "-") != 0) {
		*json = slice_text(word);
		return STATUS_OK;
	}
	strbuf_init(&buffer, INPUT_BYTES_MAX);
	while ((room = strbuf_reserve(&buffer, 65536)) && (got = read(0, room, 65536)) > 0)
		strbuf_commit(&buffer, (size_t)got);
	if (buffer.failed || got < 0) {
		strbuf_done(&buffer);
		return got < 0
			   ? REFUSE(ST_UNAVAILABLE, "standard input can't be read")
			   : REFUSE(ST_RESOURCE_EXHAUSTED, "standard input holds more than 4 MiB");
	}
	json->data = (uint8_t *)arena_copy(cli->arena, buffer.data, buffer.bytes);
	json->bytes = buffer.bytes;
	strbuf_done(&buffer);
	return json->data ? STATUS_OK : ARENA_EXHAUSTED;
}

/* A server whose handler refused one field says so in the message, too. */
static bool
is_said(const char *message, const struct client_violation *violation)
{
	size_t bytes = strlen(violation->field);

	return message && strncmp(message, violation->field, bytes) == 0 &&
	       strncmp(message + bytes, ": ", 2) == 0 &&
	       strcmp(message + bytes + 2, violation->description) == 0;
}

static void
print_failure(const struct cli *cli, const struct client_result *result)
{
	if (cli->json) {
		struct strbuf out;
		struct writer writer;

		strbuf_init(&out, JSON_BYTES_MAX);
		writer_init(&writer, &out, 2);
		writer_object_begin(&writer);
		cli_write_status(&writer, result->status);
		writer_key(&writer, "retryAfterMs");
		writer_u64(&writer, result->retry_after_ms);
		writer_key(&writer, "violations");
		writer_array_begin(&writer);
		for (size_t i = 0; i < result->violations_count; i++) {
			writer_object_begin(&writer);
			writer_key(&writer, "field");
			writer_text(&writer, result->violations[i].field);
			writer_key(&writer, "description");
			writer_text(&writer, result->violations[i].description);
			writer_object_end(&writer);
		}
		writer_array_end(&writer);
		writer_object_end(&writer);
		puts(strbuf_text(&out));
		strbuf_done(&out);
		return;
	}
	for (size_t i = 0; i < result->violations_count; i++)
		if (!is_said(result->status.message, &result->violations[i]))
			fprintf(stderr, "  %s: %s\n", result->violations[i].field,
			    result->violations[i].description);
	if (result->retry_after_ms)
		fprintf(stderr, "  not sooner than in %u ms\n", result->retry_after_ms);
}

static enum cli_exit
fetch_descriptors(
    const struct cli *cli, struct client *client, uint32_t timeout_ms, struct descriptors **out)
{
	Usher__V1__GetDescriptorsRequest request = USHER__V1__GET_DESCRIPTORS_REQUEST__INIT;
	struct client_result result;
	enum cli_exit code = CLI_OK;
	status st = ops_get_descriptors_rpc(
	    client, &(struct client_options){.timeout_ms = timeout_ms}, &request, &result);

	if (st.code == ST_OK) {
		const Usher__V1__GetDescriptorsReply *reply = ops_get_descriptors_reply(&result);

		st = descriptors_load(
		    slice_of(reply->file_descriptor_set.data, reply->file_descriptor_set.len), out);
	}
	if (st.code != ST_OK) {
		result.status = st;
		code = cli_say_status(cli, st);
		print_failure(cli, &result);
	}
	client_result_done(&result);
	return code;
}

/* 0: the method's own. */
static bool
read_timeout(const struct cli *cli, uint32_t *timeout_ms)
{
	const char *text = cli_option_value(cli, "--timeout-ms");
	uint64_t value = 0;

	if (text &&
	    (!number_parse_u64(slice_text(text), &value) || value == 0 || value > TIMEOUT_MS_MAX))
		return false;
	*timeout_ms = (uint32_t)value;
	return true;
}

static enum cli_exit
call_method(struct cli *cli, struct client *client, const struct descriptors_method *method,
    uint32_t timeout_ms)
{
	const char *credential = cli_option_value(cli, "--credential");
	const char *behalf = cli_option_value(cli, "--on-behalf-of");
	const char *key = cli_option_value(cli, "--idempotency-key");
	struct client_method row = {
	    .name = method->name,
	    .deadline_ms = method->rules->deadline_ms,
	    .bytes_max = method->rules->bytes_max,
	};
	struct client_options options = {
	    .credential = slice_text(credential ? credential : getenv("USHER_CREDENTIAL")),
	    .on_behalf_of = slice_text(behalf),
	    .idempotency_key = slice_text(key),
	    .org = cli_option_value(cli, "--org"),
	    .timeout_ms = timeout_ms,
	};
	struct client_result result;
	struct strbuf payload;
	struct slice json;
	enum cli_exit code = CLI_OK;
	status st;

	strbuf_init(&payload, INPUT_BYTES_MAX);
	st = read_input(cli, &json);
	if (st.code == ST_OK)
		st = pbjson_from_json(method->request, json, cli->arena, &payload);
	if (st.code != ST_OK) {
		strbuf_done(&payload);
		return cli_fail(cli, CLI_USAGE, "%s", st.message);
	}
	client_call_raw(client, &row, &options, slice_of(payload.data, payload.bytes), &result);
	if (result.status.code != ST_OK) {
		code = cli_say_status(cli, result.status);
		print_failure(cli, &result);
	} else {
		code = cli_print_message(cli, method->reply, result.payload);
	}
	client_result_done(&result);
	strbuf_done(&payload);
	return code;
}

static void
list_methods(const struct cli *cli, const struct descriptors *descriptors)
{
	size_t count;
	const struct descriptors_method *methods = descriptors_methods(descriptors, &count);
	struct strbuf out;
	struct writer writer;

	if (!cli->json) {
		for (size_t i = 0; i < count; i++)
			puts(methods[i].name);
		return;
	}
	strbuf_init(&out, JSON_BYTES_MAX);
	writer_init(&writer, &out, 2);
	writer_array_begin(&writer);
	for (size_t i = 0; i < count; i++)
		writer_text(&writer, methods[i].name);
	writer_array_end(&writer);
	puts(strbuf_text(&out));
	strbuf_done(&out);
}

static enum cli_exit
run(struct cli *cli)
{
	const struct descriptors_method *method;
	struct descriptors *descriptors = NULL;
	struct client *client;
	enum cli_exit code;
	uint32_t timeout_ms;
	status st;

	if (!read_timeout(cli, &timeout_ms))
		return cli_fail(
		    cli, CLI_USAGE, "--timeout-ms is a number from 1 to %d", TIMEOUT_MS_MAX);
	if (cli->words_count == 0 && !cli_has_option(cli, "--list"))
		return cli_fail(cli, CLI_USAGE, "METHOD is missing; --list names them all");
	st = cli_connect(cli, &client);
	if (st.code != ST_OK)
		return cli_fail_status(cli, st);
	code = fetch_descriptors(cli, client, timeout_ms, &descriptors);
	if (code == CLI_OK && cli_has_option(cli, "--list")) {
		list_methods(cli, descriptors);
	} else if (code == CLI_OK) {
		method = descriptors_method(descriptors, cli->words[0]);
		code = method ? call_method(cli, client, method, timeout_ms)
			      : cli_fail(cli, CLI_USAGE,
				    "the server has no method %s; --list names them all",
				    cli->words[0]);
	}
	descriptors_free(&descriptors);
	client_free(&client);
	return code;
}

const struct cli_command cli_call = {
    .name = "call",
    .words = "METHOD [JSON]",
    .summary = "call any method, JSON in and out",
    .text = "The server's own descriptors say what there is, so new methods need no new usher.\n"
	    "JSON is the request, \"-\" reads it from standard input, without it it is {}.\n\n"
	    "  usher call usher.v1.OpsService/GetHealth\n"
	    "  usher call --credential \"$TOKEN\" usher.v1.UserService/GetMe\n"
	    "  usher call --credential \"$KEY\" usher.v1.ContextService/Resolve "
	    "'{\"message\":\"Hello\"}'",
    .words_max = 2,
    .options =
	{
	    {"--url", "URL", "where usherd listens; otherwise the setting bridge.upstream"},
	    {"--credential", "TEXT", "access token or API key; otherwise USHER_CREDENTIAL"},
	    {"--on-behalf-of", "TOKEN", "a user's token that narrows an API key"},
	    {"--org", "ID", "the organisation, for operators of the platform"},
	    {"--idempotency-key", "TEXT", "16 to 128 bytes that make a write safe to repeat"},
	    {"--timeout-ms", "N", "deadline; otherwise the method's own"},
	    {"--list", NULL, "name the server's methods"},
	},
    .run = run,
};
