#include "svc/context/encoded.h"

#include "gen/pb/usher/v1/context.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CHATBOT_FIELD 2
#define SEGMENTS_FIELD 1

static int
set_up(void **state)
{
	static struct arena arena;

	assert_int_equal(arena_init(&arena, 4096, 1u << 20).code, ST_OK);
	*state = &arena;
	return 0;
}

static int
tear_down(void **state)
{
	arena_done(*state);
	return 0;
}

static struct slice
pack(struct arena *arena, const ProtobufCMessage *message)
{
	size_t bytes = protobuf_c_message_get_packed_size(message);
	uint8_t *packed = arena_alloc(arena, bytes);

	assert_non_null(packed);
	assert_int_equal(protobuf_c_message_pack(message, packed), bytes);
	return slice_of(packed, bytes);
}

static void
a_part_that_was_hung_in_reads_like_any_other(void **state)
{
	/* Lengths of one and of two bytes. */
	static const size_t lengths[] = {0, 1, 127, 128, 3000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		Usher__V1__ResolveReply reply = USHER__V1__RESOLVE_REPLY__INIT;
		Usher__V1__Chatbot chatbot = USHER__V1__CHATBOT__INIT;
		char text[3001] = "";
		struct slice part, bytes;

		memset(text, 'x', lengths[i]);
		chatbot.instructions = text;
		reply.read_id = (char *)"read";
		assert_int_equal(encoded_make(*state, &chatbot.base, &part).code, ST_OK);
		assert_int_equal(
		    encoded_hang(*state, &reply.base, CHATBOT_FIELD, part).code, ST_OK);
		bytes = pack(*state, &reply.base);
		Usher__V1__ResolveReply *read =
		    usher__v1__resolve_reply__unpack(NULL, bytes.bytes, bytes.data);
		assert_non_null(read);
		assert_string_equal(read->read_id, "read");
		assert_non_null(read->chatbot);
		assert_string_equal(read->chatbot->instructions, text);
		assert_int_equal(read->base.n_unknown_fields, 0);
		usher__v1__resolve_reply__free_unpacked(read, NULL);
	}
}

static void
parts_of_one_field_keep_their_order(void **state)
{
	static const char *const names[] = {"instructions", "user", "message"};
	Usher__V1__ContextBlock block = USHER__V1__CONTEXT_BLOCK__INIT;
	struct slice bytes;

	for (size_t i = 0; i < 3; i++) {
		Usher__V1__ContextSegment segment = USHER__V1__CONTEXT_SEGMENT__INIT;
		struct slice part;

		segment.name = (char *)names[i];
		assert_int_equal(encoded_make(*state, &segment.base, &part).code, ST_OK);
		assert_int_equal(
		    encoded_hang(*state, &block.base, SEGMENTS_FIELD, part).code, ST_OK);
	}
	bytes = pack(*state, &block.base);
	Usher__V1__ContextBlock *read =
	    usher__v1__context_block__unpack(NULL, bytes.bytes, bytes.data);
	assert_non_null(read);
	assert_int_equal(read->n_segments, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(read->segments[i]->name, names[i]);
	usher__v1__context_block__free_unpacked(read, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_part_that_was_hung_in_reads_like_any_other, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(parts_of_one_field_keep_their_order, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
