/* The wire check: what it passes, protobuf-c can unpack within the arena, as text without a NUL.
 * The first bytes choose the message. */
#include "tests/fuzz/choose.h"
#include "wire/check.h"
#include "wire/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct slice payload = slice_of(data, bytes);
	const struct fuzz_message *chosen = choose_message(&payload);
	struct arena arena;
	struct check_result result;
	ProtobufCMessage *message = NULL;

	if (!chosen || arena_init(&arena, 4096, 8u << 20).code != ST_OK)
		return 0;
	status st = wire_check(chosen->meta, payload, &arena, &result);
	if (st.code == ST_OK) {
		st = wire_unpack(chosen->descriptor, payload, &arena, &message);
		assert(st.code == ST_OK || st.code == ST_RESOURCE_EXHAUSTED);
	} else {
		assert(st.code == ST_INVALID_ARGUMENT || st.code == ST_RESOURCE_EXHAUSTED);
	}
	assert(result.count <= ENVELOPE_VIOLATIONS_MAX);
	assert(result.count == 0 || st.code == ST_INVALID_ARGUMENT);
	for (size_t i = 0; i < result.count; i++)
		assert(utf8_is_valid(result.violations[i].field));
	arena_done(&arena);
	return 0;
}
