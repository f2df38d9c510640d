/* The generator's model of whatever a CodeGeneratorRequest may hold. */
#include "plugin/emit.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define MODEL_BYTES_MAX (8u << 20)
#define ERRORS_BYTES_MAX (64u << 10)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct arena arena;
	struct strbuf errors;
	struct model model;
	struct output output;

	generator_request *request =
	    google__protobuf__compiler__code_generator_request__unpack(NULL, bytes, data);
	if (!request)
		return 0;
	assert(arena_init(&arena, 64 << 10, MODEL_BYTES_MAX).code == ST_OK);
	strbuf_init(&errors, ERRORS_BYTES_MAX);
	output_init(&output);
	/* What the model lets through, every emitter can write. */
	status built = model_build(&arena, request, &errors, &model);
	assert(built.code == ST_OK || built.message);
	if (built.code == ST_OK)
		assert(emit_all(&model, &output).code != ST_INTERNAL);
	output_done(&output);
	strbuf_done(&errors);
	arena_done(&arena);
	google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
	return 0;
}
