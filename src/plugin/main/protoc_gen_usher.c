/* protoc-gen-usher - protoc's plugin: a CodeGeneratorRequest in, a CodeGeneratorResponse out. */
#include "plugin/emit.h"

#include <stdio.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (64u << 20)
#define MODEL_BYTES_MAX (256u << 20)
#define ERRORS_BYTES_MAX (256u << 10)

static status
read_all(int fd, struct strbuf *out)
{
	for (;;) {
		uint8_t *room = strbuf_reserve(out, 64 << 10);
		if (!room)
			return strbuf_status(out);
		ssize_t n = read(fd, room, 64 << 10);
		if (n < 0)
			return REFUSE(ST_INTERNAL, "the request can't be read");
		if (n == 0)
			return STATUS_OK;
		strbuf_commit(out, (size_t)n);
	}
}

/* What is wrong with a .proto file goes into the response, as protoc wants it. */
static status
generate(
    struct arena *arena, const struct strbuf *input, struct output *output, struct strbuf *errors)
{
	struct model model;
	generator_request *request = google__protobuf__compiler__code_generator_request__unpack(
	    NULL, input->bytes, input->data);

	if (!request)
		return REFUSE(ST_INVALID_ARGUMENT, "standard input holds no CodeGeneratorRequest");
	status result = model_build(arena, request, errors, &model);
	if (result.code == ST_OK)
		result = emit_all(&model, output);
	google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
	return result;
}

int
main(void)
{
	struct arena arena;
	struct strbuf input, errors;
	struct output output;

	strbuf_init(&input, REQUEST_BYTES_MAX);
	strbuf_init(&errors, ERRORS_BYTES_MAX);
	output_init(&output);
	status result = arena_init(&arena, 1 << 20, MODEL_BYTES_MAX);
	if (result.code != ST_OK) {
		fprintf(stderr, "protoc-gen-usher: %s\n", result.message);
		return 1;
	}
	result = read_all(STDIN_FILENO, &input);
	if (result.code == ST_OK)
		result = generate(&arena, &input, &output, &errors);
	if (result.code != ST_OK)
		output_fail(&output, errors.bytes ? strbuf_text(&errors) : result.message);

	size_t written = fwrite(output.encoded.data, 1, output.encoded.bytes, stdout);
	bool complete = written == output.encoded.bytes && fflush(stdout) == 0;
	output_done(&output);
	strbuf_done(&errors);
	strbuf_done(&input);
	arena_done(&arena);
	return complete ? 0 : 1;
}
