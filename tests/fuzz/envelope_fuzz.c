/* Envelopes: what is read is what would be written, and no byte outside is touched. */
#include "wire/envelope.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
read_request(struct slice input)
{
	struct request_envelope first, again;

	if (envelope_parse_request(input, &first).code != ST_OK)
		return;
	const size_t size = envelope_request_size(&first);
	uint8_t *packed = malloc(size ? size : 1);
	assert(envelope_pack_request(&first, packed) + first.payload.bytes == packed + size);
	assert(envelope_parse_request(slice_of(packed, size), &again).code == ST_OK);
	assert(again.method_id == first.method_id && again.call_id == first.call_id);
	assert(slice_equals(again.payload, first.payload));
	assert(slice_equals(again.credential, first.credential));
	assert(again.pairs_count == first.pairs_count);
	free(packed);
}

static void
read_response(struct slice input)
{
	struct response_envelope first;

	if (envelope_parse_response(input, &first).code != ST_OK)
		return;
	const size_t size = envelope_response_size(&first);
	uint8_t *packed = malloc(size ? size : 1);
	assert(envelope_pack_response(&first, packed) + first.payload.bytes == packed + size);
	free(packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct slice input = slice_of(data, bytes);
	size_t items;

	read_request(input);
	read_response(input);
	(void)batch_count(input, &items);
	return 0;
}
