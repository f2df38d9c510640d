/* The envelope and the wire check against bytes that were made to break them. */
#include "base/limits.h"
#include "gen/meta/auth.h"
#include "gen/meta/context.h"
#include "gen/meta/envelope.h"
#include "gen/meta/user.h"
#include "gen/pb/usher/v1/envelope.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "wire/check.h"
#include "wire/envelope.h"
#include "wire/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct slice
request_sample(uint8_t *out)
{
	struct request_envelope e;

	request_envelope_init(&e);
	e.method_id = wire_method_id(slice_text("usher.v1.UserService/GetMe"));
	e.method = slice_text("usher.v1.UserService/GetMe");
	e.timeout_ms = 1500;
	e.call_id = UINT64_C(0xfeedfacecafebeef);
	e.credential = slice_text("ush_live_x");
	e.on_behalf_of = slice_text("token");
	e.via = slice_text("ush_live_bridge");
	e.trace = slice_text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	e.idempotency_key = slice_text("0123456789abcdef");
	e.at_least = slice_text("0123456789abcdef");
	e.org = slice_text("org");
	e.client_ip = slice_text("192.0.2.1");
	e.pairs[0] = (struct envelope_pair){slice_text("user-agent"), slice_text("t\xc3\xa9st")};
	e.pairs_count = 1;
	e.payload = slice_text("payload bytes");
	e.memory_only = true;
	const size_t size = envelope_request_size(&e);
	uint8_t *place = envelope_pack_request(&e, out);
	assert_ptr_equal(place + e.payload.bytes, out + size);
	return slice_of(out, size);
}

static void
protobuf_c_reads_the_request_that_we_pack(void **state)
{
	(void)state;
	uint8_t bytes[1024];
	const struct slice packed = request_sample(bytes);
	Usher__V1__Request *read = usher__v1__request__unpack(NULL, packed.bytes, packed.data);

	assert_non_null(read);
	assert_string_equal(read->method, "usher.v1.UserService/GetMe");
	assert_int_equal(read->timeout_ms, 1500);
	assert_true(read->call_id == UINT64_C(0xfeedfacecafebeef));
	assert_int_equal(read->n_metadata, 1);
	assert_string_equal(read->metadata[0]->value, "t\xc3\xa9st");
	assert_int_equal(read->payload.len, 13);
	assert_true(read->memory_only);
	/* And what it packs is what we packed, byte for byte, but for the order of the last two. */
	uint8_t again[1024];
	assert_int_equal(usher__v1__request__pack(read, again), packed.bytes);
	const size_t same = packed.bytes - 17;
	assert_memory_equal(again, bytes, same);
	assert_memory_equal(bytes + same, "\x78\x01\x72\x0dpayload bytes", 17);
	assert_memory_equal(again + same, "\x72\x0dpayload bytes\x78\x01", 17);
	usher__v1__request__free_unpacked(read, NULL);
}

static void
a_request_is_read_as_it_was_packed(void **state)
{
	(void)state;
	uint8_t bytes[1024];
	struct request_envelope e;

	assert_int_equal(envelope_parse_request(request_sample(bytes), &e).code, ST_OK);
	assert_int_equal(e.timeout_ms, 1500);
	assert_true(slice_equals_text(e.via, "ush_live_bridge"));
	assert_true(slice_equals_text(e.pairs[0].key, "user-agent"));
	assert_true(slice_equals_text(e.payload, "payload bytes"));
	assert_true(e.memory_only);
}

/* A client that asks for it adds two bytes to the end of a message, and a server that does not know
 * it skips them. */
static void
memory_only_is_said_by_two_bytes_anywhere(void **state)
{
	(void)state;
	static const char asked[] = {REQUEST_MEMORY_ONLY_FIELD << 3, 1};
	static const struct {
		const char *bytes;
		size_t size;
		bool is;
	} requests[] = {
	    {"", 0, false},
	    {"\x78\x01", 2, true},
	    {"\x78\x00", 2, false},
	    {"\x78\x80\x80\x80\x80\x10", 6, true}, /* a varint of 2^32 */
	    {"\x78\x01\x78\x00", 4, false},        /* the last one counts */
	    {"\x72\x01x\x78\x01", 5, true},
	};
	struct request_envelope e, alone;
	struct response_envelope response, read;
	uint8_t bytes[64];

	assert_memory_equal(asked, "\x78\x01", 2);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_int_equal(
		    envelope_parse_request(slice_of(requests[i].bytes, requests[i].size), &e).code,
		    ST_OK);
		assert_int_equal(e.memory_only, requests[i].is);
	}
	/* Of another type it is no envelope, and left out it takes no room. */
	assert_int_equal(
	    envelope_parse_request(slice_of("\x7a\x01\x01", 3), &e).code, ST_INVALID_ARGUMENT);
	request_envelope_init(&alone);
	assert_int_equal(envelope_request_size(&alone), 0);
	for (unsigned is = 0; is < 2; is++) {
		response_envelope_init(&response);
		response.memory_only = is;
		response.payload = slice_text("x");
		const size_t size = envelope_response_size(&response);
		(void)envelope_pack_response(&response, bytes);
		bytes[size - 1] = 'x';
		assert_int_equal(size, is ? 5 : 3);
		assert_int_equal(envelope_parse_response(slice_of(bytes, size), &read).code, ST_OK);
		assert_int_equal(read.memory_only, is);
		assert_true(slice_equals_text(read.payload, "x"));
	}
	assert_int_not_equal(
	    envelope_parse_response(slice_of("\x52\x01\x01", 3), &read).code, ST_OK);
}

static void
every_cut_of_a_request_is_refused_or_a_shorter_request(void **state)
{
	(void)state;
	uint8_t bytes[1024];
	const struct slice whole = request_sample(bytes);
	struct request_envelope e;

	for (size_t cut = 0; cut < whole.bytes; cut++) {
		uint8_t *copy =
		    malloc(cut ? cut : 1); /* so that a sanitizer sees each step too far */
		memcpy(copy, whole.data, cut);
		const status st = envelope_parse_request(slice_of(copy, cut), &e);
		if (st.code == ST_OK)
			assert_int_equal(envelope_request_size(&e), cut);
		else
			assert_string_equal(st.reason, "MALFORMED_ENVELOPE");
		free(copy);
	}
}

static void
a_response_with_details_is_read_by_protobuf_c_and_by_us(void **state)
{
	(void)state;
	uint8_t bytes[1024];
	struct response_envelope e, read;
	const struct envelope_violation violations[] = {
	    {slice_text("profile.display_name"), slice_text("is required")},
	    {slice_text("email"), slice_text("must be shorter")},
	};

	response_envelope_init(&e);
	e.code = ST_INVALID_ARGUMENT;
	e.message = slice_text("no");
	e.reason = slice_text("INVALID_FIELDS");
	e.retry_after_ms = 250;
	e.call_id = 7;
	e.violations = violations;
	e.violations_count = 2;
	const size_t size = envelope_response_size(&e);
	assert_ptr_equal(envelope_pack_response(&e, bytes), bytes + size);

	Usher__V1__Response *pb = usher__v1__response__unpack(NULL, size, bytes);
	assert_non_null(pb);
	assert_int_equal(pb->n_details, 3);
	assert_string_equal(pb->details[0]->error_info->reason, "INVALID_FIELDS");
	assert_string_equal(pb->details[0]->error_info->domain, "usher");
	assert_string_equal(pb->details[1]->bad_request->violations[1]->field, "email");
	assert_int_equal(pb->details[2]->retry_info->retry_after_ms, 250);
	usher__v1__response__free_unpacked(pb, NULL);

	assert_int_equal(envelope_parse_response(slice_of(bytes, size), &read).code, ST_OK);
	assert_true(slice_equals_text(read.reason, "INVALID_FIELDS"));
	assert_int_equal(read.violations_count, 2);
	assert_true(slice_equals_text(read.violations[0].field, "profile.display_name"));
	for (size_t cut = 0; cut < size; cut++)
		(void)!envelope_parse_response(slice_of(bytes, cut), &read).code;
}

struct bad {
	const char *what;
	const char *bytes;
	size_t size;
};
#define BAD(what, literal)                                                                         \
	{                                                                                          \
		what, literal, sizeof(literal) - 1                                                 \
	}

static void
envelopes_that_are_none_are_refused(void **state)
{
	(void)state;
	static const struct bad bads[] = {
	    BAD("field 0", "\x00\x01"),
	    BAD("group", "\x0b\x0c"),
	    BAD("end of a group alone", "\x0c"),
	    BAD("wire type 7", "\x0f"),
	    BAD("varint of 11 bytes", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	    BAD("varint past 64 bits", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
	    BAD("tag past 32 bits", "\xf8\xff\xff\xff\xff\x01\x00"),
	    BAD("length past the end", "\x12\x05"
				       "abc"),
	    BAD("method that is not UTF-8", "\x12\x02\xc3\x28"),
	    BAD("method with a NUL", "\x12\x03"
				     "a\0b"),
	    BAD("method_id as a varint", "\x08\x01"),
	    BAD("timeout as bytes", "\x1a\x01x"),
	    BAD("metadata that is cut", "\x6a\x02\x0a\x05"),
	    BAD("metadata that is not UTF-8", "\x6a\x03\x0a\x01\xff"),
	    BAD("unknown field that is cut", "\xa2\x06\x05x"),
	};
	struct request_envelope e;

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const status st = envelope_parse_request(slice_of(bads[i].bytes, bads[i].size), &e);
		if (st.code != ST_INVALID_ARGUMENT)
			fail_msg("accepted: %s", bads[i].what);
	}
}

static void
fields_of_a_newer_client_are_skipped(void **state)
{
	(void)state;
	uint8_t bytes[1024];
	struct slice whole = request_sample(bytes);
	struct request_envelope e;

	memcpy(bytes + whole.bytes, "\xa2\x06\x03new\x98\x06\x07", 9);
	assert_int_equal(envelope_parse_request(slice_of(bytes, whole.bytes + 9), &e).code, ST_OK);
	assert_true(slice_equals_text(e.org, "org"));
}

static void
envelope_fields_have_a_length_limit(void **state)
{
	(void)state;
	struct request_envelope e, read;
	const size_t room = CREDENTIAL_BYTES_MAX + 64;
	uint8_t *text = calloc(1, room), *bytes = calloc(1, room);

	memset(text, 'x', room);
	request_envelope_init(&e);
	for (size_t over = 0; over < 2; over++) {
		e.credential = slice_of(text, CREDENTIAL_BYTES_MAX + over);
		(void)envelope_pack_request(&e, bytes);
		assert_int_equal(
		    envelope_parse_request(slice_of(bytes, envelope_request_size(&e)), &read).code,
		    over ? ST_INVALID_ARGUMENT : ST_OK);
	}
	free(text);
	free(bytes);
}

static void
batch_items_come_one_after_the_other(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(slice_of("\x0a\x01x\x0a\x00\x0a\x02yz", 9));
	struct slice item;
	size_t count = 0;

	assert_true(batch_next(&reader, &item) && slice_equals_text(item, "x"));
	assert_true(batch_next(&reader, &item) && item.bytes == 0);
	assert_true(batch_next(&reader, &item) && slice_equals_text(item, "yz"));
	assert_false(batch_next(&reader, &item));
	assert_false(reader.failed);
	assert_true(batch_count(slice_of("\x0a\x01x\x0a\x00", 5), &count));
	assert_int_equal(count, 2);
	assert_false(batch_count(slice_of("\x0a\x09x", 3), &count));
}

static void
the_method_id_is_that_of_the_generator(void **state)
{
	(void)state;
	/* As gen/svc has it. */
	assert_int_equal(
	    wire_method_id(slice_text("usher.v1.OpsService/GetHealth")), UINT32_C(0xd912364d));
}

/* A field table that has one of everything. */
static const struct meta_message inner_meta;
static const struct meta_field inner_fields[] = {
    {.number = 1, .type = META_STRING, .oneof = -1, .name = "name", .flags = META_REQUIRED},
    {.number = 2, .type = META_MESSAGE, .oneof = -1, .name = "inner", .message = &inner_meta},
    {.number = 3,
	.type = META_INT32,
	.oneof = -1,
	.name = "marks",
	.flags = META_REPEATED | META_PACKED,
	.items_max = 2},
};
static const struct meta_message inner_meta = {
    .full_name = "test.Inner", .fields = inner_fields, .fields_count = 3};
static const struct meta_field outer_fields[] = {
    {.number = 1,
	.type = META_STRING,
	.oneof = -1,
	.name = "text",
	.length_min = 2,
	.length_max = 4},
    {.number = 2,
	.type = META_INT32,
	.oneof = -1,
	.name = "number",
	.has_range = true,
	.range_min = 1,
	.range_max = 10},
    {.number = 3,
	.type = META_SINT64,
	.oneof = -1,
	.name = "many",
	.flags = META_REPEATED | META_PACKED,
	.items_max = 3,
	.has_range = true,
	.range_min = -5,
	.range_max = 5},
    {.number = 4, .type = META_STRING, .oneof = -1, .name = "object", .flags = META_JSON},
    {.number = 5, .type = META_MESSAGE, .oneof = -1, .name = "inner", .message = &inner_meta},
    {.number = 6,
	.type = META_MESSAGE,
	.oneof = -1,
	.name = "list",
	.flags = META_REPEATED,
	.message = &inner_meta},
    {.number = 7, .type = META_BYTES, .oneof = -1, .name = "blob", .length_max = 2},
    {.number = 8, .type = META_BOOL, .oneof = -1, .name = "yes"},
};
static const struct meta_message outer_meta = {
    .full_name = "test.Outer", .fields = outer_fields, .fields_count = 8};

struct check_case {
	const char *bytes;
	size_t size;
	const char *field;       /* of the one violation; NULL: none */
	const char *description; /* a part of it */
};
#define CASE(literal, field, description)                                                          \
	{                                                                                          \
		literal, sizeof(literal) - 1, field, description                                   \
	}

static void
each_rule_names_the_field_that_breaks_it(void **state)
{
	(void)state;
	static const struct check_case cases[] = {
	    CASE("", NULL, NULL),
	    CASE("\x0a\x02"
		 "ab",
		NULL, NULL),
	    CASE("\x0a\x01"
		 "a",
		"text", "at least 2 characters"),
	    CASE("\x0a\x05"
		 "abcde",
		"text", "at most 4 characters"),
	    /* Four characters of two bytes each. */
	    CASE("\x0a\x08\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", NULL, NULL),
	    CASE("\x0a\x02\xc3\x28", "text", "UTF-8"),
	    CASE("\x0a\x03"
		 "a\0b",
		"text", "NUL"),
	    CASE("\x10\x00", NULL, NULL),
	    CASE("\x10\x0b", "number", "from 1 to 10"),
	    CASE("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "number", "from 1 to 10"),
	    CASE("\x12\x01x", "number", "another type"),
	    CASE("\x1a\x02\x01\x02", NULL, NULL),
	    CASE("\x1a\x02\x01\x0c", "many[1]", "from -5 to 5"),
	    CASE("\x18\x0c", "many[0]", "from -5 to 5"),
	    CASE("\x1a\x04\x01\x01\x01\x01", "many", "at most 3 items, not 4"),
	    CASE("\x18\x01\x1a\x02\x01\x01\x18\x01", "many", "at most 3 items, not 4"),
	    CASE("\x22\x02{}", NULL, NULL),
	    CASE("\x22\x02[]", "object", "JSON object"),
	    CASE("\x22\x05{\"a\":", "object", "JSON object"),
	    CASE("\x2a\x00", "inner.name", "required"),
	    CASE("\x2a\x03\x0a\x01x", NULL, NULL),
	    /* The last one counts. */
	    CASE("\x2a\x05\x0a\x01x\x0a\x00", "inner.name", "required"),
	    CASE("\x32\x03\x0a\x01x\x32\x00", "list[1].name", "required"),
	    CASE("\x32\x07\x0a\x01x\x12\x02\x0a\x00", "list[0].inner.name", "required"),
	    CASE("\x3a\x03xyz", "blob", "at most 2 bytes"),
	    CASE("\xa2\x06\x01\xff", NULL, NULL),
	    /* A message in pieces is one message, and held to the rules as one. */
	    CASE("\x2a\x03\x0a\x01x\x2a\x00", NULL, NULL),
	    CASE("\x2a\x00\x10\x01\x2a\x03\x0a\x01x", NULL, NULL),
	    CASE("\x2a\x00\x10\x01\x2a\x00", "inner.name", "required"),
	    CASE("\x2a\x03\x0a\x01x\x2a\x02\x0a\x00", "inner.name", "required"),
	    CASE("\x2a\x05\x0a\x01x\x18\x01\x2a\x02\x18\x02", NULL, NULL),
	    CASE("\x2a\x05\x0a\x01x\x18\x01\x2a\x04\x1a\x02\x01\x01", "inner.marks",
		"at most 2 items, not 3"),
	    CASE("\x2a\x07\x0a\x01x\x12\x02\x18\x01\x2a\x05\x12\x03\x0a\x01y", NULL, NULL),
	    CASE("\x2a\x07\x0a\x01x\x12\x02\x18\x01\x2a\x02\x12\x00", "inner.inner.name",
		"required"),
	    CASE("\x2a\x03\x0a\x01x\x28\x01", "inner", "another type"),
	};
	struct arena arena;
	struct check_result result;

	assert_int_equal(arena_init(&arena, 4096, 1 << 20).code, ST_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct check_case *c = &cases[i];
		const status st =
		    wire_check(&outer_meta, slice_of(c->bytes, c->size), &arena, &result);
		if (!c->field) {
			if (st.code != ST_OK)
				fail_msg("case %zu: %s", i, st.message);
			continue;
		}
		if (st.code != ST_INVALID_ARGUMENT || result.count != 1)
			fail_msg("case %zu: code %d, %zu violations", i, st.code, result.count);
		if (!slice_equals_text(result.violations[0].field, c->field) ||
		    !strstr((const char *)result.violations[0].description.data, c->description))
			fail_msg("case %zu: %.*s %s", i, (int)result.violations[0].field.bytes,
			    result.violations[0].field.data,
			    (const char *)result.violations[0].description.data);
		arena_reset(&arena);
	}
	arena_done(&arena);
}

static void
payloads_that_are_none_are_malformed(void **state)
{
	(void)state;
	static const struct bad bads[] = {
	    BAD("group", "\x2b\x2c"),
	    BAD("cut string", "\x0a\x05"
			      "ab"),
	    BAD("cut packed numbers", "\x1a\x01\x80"),
	    BAD("cut inside a message", "\x2a\x02\x0a\x01"),
	    BAD("cut where the next piece goes on", "\x2a\x04\x0a\x03xy\x2a\x01z"),
	    BAD("cut in a later piece", "\x2a\x03\x0a\x01x\x2a\x02\x0a\x05"),
	    BAD("unknown group", "\xa3\x06\xa4\x06"),
	    BAD("tag in six bytes", "\x88\x80\x80\x80\x80\x00\x01"),
	    BAD("length in six bytes", "\x0a\x81\x80\x80\x80\x80\x00x"),
	    BAD("unknown tag in six bytes", "\x87\x83\x87\x87\x87\x00\x01"),
	    BAD("unknown length past 32 bits", "\xa2\x06\x80\x80\x80\x80\x10"),
	};
	struct arena arena;
	struct check_result result;

	assert_int_equal(arena_init(&arena, 4096, 1 << 20).code, ST_OK);
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const status st =
		    wire_check(&outer_meta, slice_of(bads[i].bytes, bads[i].size), &arena, &result);
		if (st.code != ST_INVALID_ARGUMENT || strcmp(st.reason, "MALFORMED_PAYLOAD") != 0)
			fail_msg("not malformed: %s", bads[i].what);
	}
	arena_done(&arena);
}

/* Messages inside messages, to that depth: from the inside outwards. */
static size_t
nest(uint8_t *out, size_t room, unsigned levels)
{
	uint8_t *at = out + room;
	size_t bytes = 3;

	at -= 3;
	memcpy(at, "\x0a\x01x", 3);
	for (unsigned i = 0; i < levels; i++) {
		uint8_t head[16];
		uint8_t *end = wire_put_item_head(head, i + 1 == levels ? 5 : 2, bytes);
		at -= end - head;
		memcpy(at, head, (size_t)(end - head));
		bytes += (size_t)(end - head);
		if (i + 1 < levels) {
			at -= 3;
			memcpy(at, "\x0a\x01x", 3);
			bytes += 3;
		}
	}
	memmove(out, at, bytes);
	return bytes;
}

static void
nesting_ends_at_its_limit(void **state)
{
	(void)state;
	static uint8_t bytes[65536];
	struct arena arena;
	struct check_result result;

	assert_int_equal(arena_init(&arena, 4096, 1 << 20).code, ST_OK);
	size_t size = nest(bytes, sizeof(bytes), MESSAGE_DEPTH_MAX - 1);
	assert_int_equal(
	    wire_check(&outer_meta, slice_of(bytes, size), &arena, &result).code, ST_OK);
	size = nest(bytes, sizeof(bytes), MESSAGE_DEPTH_MAX);
	const status st = wire_check(&outer_meta, slice_of(bytes, size), &arena, &result);
	assert_int_equal(st.code, ST_INVALID_ARGUMENT);
	assert_non_null(strstr(st.message, "too deeply"));
	size = nest(bytes, sizeof(bytes), 5000);
	assert_int_equal(wire_check(&outer_meta, slice_of(bytes, size), &arena, &result).code,
	    ST_INVALID_ARGUMENT);
	arena_done(&arena);
}

static void
a_payload_stuffed_with_fields_is_refused(void **state)
{
	(void)state;
	const size_t size = 2 * (MESSAGE_FIELDS_MAX + 1);
	uint8_t *bytes = malloc(size + 8);
	struct arena arena;
	struct check_result result;

	assert_int_equal(arena_init(&arena, 4096, 1 << 20).code, ST_OK);
	/* Known ones, unknown ones, and numbers packed into one field. */
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < size; i += 2)
			memcpy(bytes + i, kind ? "\x40\x01" : "\x78\x01", 2);
		assert_int_equal(
		    wire_check(&outer_meta, slice_of(bytes, size), &arena, &result).code,
		    ST_INVALID_ARGUMENT);
	}
	uint8_t *at = wire_put_item_head(bytes, 3, size - 8);
	memset(at, 1, size - 8);
	assert_int_equal(wire_check(&outer_meta, slice_of(bytes, (size_t)(at - bytes) + size - 8),
			     &arena, &result)
			     .code,
	    ST_INVALID_ARGUMENT);
	arena_done(&arena);
	free(bytes);
}

static void
unpacking_stops_at_the_arenas_cap(void **state)
{
	(void)state;
	struct arena arena;
	ProtobufCMessage *message = NULL;
	uint8_t bytes[4096];

	/* 1,300 empty items cost 6 bytes each on the wire and far more in memory. */
	for (size_t i = 0; i + 2 <= sizeof(bytes); i += 2)
		memcpy(bytes + i, "\x0a\x00", 2);
	assert_int_equal(arena_init(&arena, 1024, 16384).code, ST_OK);
	const status st = wire_unpack(&usher__v1__batch_request__descriptor,
	    slice_of(bytes, sizeof(bytes)), &arena, &message);
	assert_int_equal(st.code, ST_RESOURCE_EXHAUSTED);
	assert_null(message);
	arena_done(&arena);

	/* Wherever an allocation fails, it is a clean refusal. */
	uint8_t packed[1024];
	const struct slice sample = request_sample(packed);
	for (size_t n = 1; n < 40; n++) {
		assert_int_equal(arena_init(&arena, 1024, 1 << 20).code, ST_OK);
		arena.fail_after = n;
		const status at_n =
		    wire_unpack(&usher__v1__request__descriptor, sample, &arena, &message);
		assert_true(at_n.code == ST_OK || at_n.code == ST_RESOURCE_EXHAUSTED);
		arena_done(&arena);
	}
}

/* As a client that adds to an encoded message sends it, and the bridge for
 * "page.size=2&page.token=x". */
static void
a_message_field_in_two_pieces_is_one_message(void **state)
{
	(void)state;
	static const uint8_t page[] = "\x0a\x02\x08\x02"  /* page { size: 2 } */
				      "\x10\x01"          /* status: 1 */
				      "\x0a\x03\x12\x01x" /* page { token: "x" } */
				      "\x0a\x00";
	struct arena arena;
	ProtobufCMessage *message = NULL;

	assert_int_equal(arena_init(&arena, 1024, 16384).code, ST_OK);
	assert_int_equal(wire_unpack(&usher__v1__list_users_request__descriptor,
			     slice_of(page, sizeof(page) - 1), &arena, &message)
			     .code,
	    ST_OK);
	const Usher__V1__ListUsersRequest *list = (const Usher__V1__ListUsersRequest *)message;
	assert_int_equal(list->page->size, 2);
	assert_string_equal(list->page->token, "x");
	assert_int_equal(list->status, 1);
	arena_done(&arena);
}

/* Pieces behind as much else: had each to look for those before it, this took half a minute. */
static void
a_message_field_in_very_many_pieces_costs_no_more_than_its_bytes(void **state)
{
	(void)state;
	enum { PIECES = 100000 };
	static uint8_t bytes[2 * PIECES + 4 * PIECES];
	struct timespec used;
	struct arena arena;
	ProtobufCMessage *message = NULL;

	for (size_t i = 0; i < PIECES; i++) {
		memcpy(bytes + 2 * i, "\x78\x01", 2); /* field 15, which there is not */
		memcpy(bytes + 2 * PIECES + 4 * i, "\x0a\x02\x08\x07", 4); /* page { size: 7 } */
	}
	assert_int_equal(arena_init(&arena, 1024, 16u << 20).code, ST_OK);
	assert_int_equal(wire_unpack(&usher__v1__list_users_request__descriptor,
			     slice_of(bytes, sizeof(bytes)), &arena, &message)
			     .code,
	    ST_OK);
	assert_int_equal(((Usher__V1__ListUsersRequest *)message)->page->size, 7);
	/* Of this process's time, which others on the machine do not use up. */
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	assert_true(used.tv_sec < 10);
	arena_done(&arena);
}

static void
an_envelope_stuffed_with_fields_is_refused(void **state)
{
	(void)state;
	static uint8_t stuffed[2 * (MESSAGE_FIELDS_MAX + 1)];
	struct request_envelope envelope;

	for (size_t i = 0; i < sizeof(stuffed); i += 2)
		memcpy(stuffed + i, "\x78\x01", 2); /* memory_only, again and again */
	assert_int_equal(
	    envelope_parse_request(slice_of(stuffed, sizeof(stuffed) - 2), &envelope).code, ST_OK);
	assert_int_equal(envelope_parse_request(slice_of(stuffed, sizeof(stuffed)), &envelope).code,
	    ST_INVALID_ARGUMENT);
}

static void
our_own_messages_pass_the_check_with_their_own_tables(void **state)
{
	(void)state;
	uint8_t packed[1024];
	struct arena arena;
	struct check_result result;

	assert_int_equal(arena_init(&arena, 4096, 1 << 20).code, ST_OK);
	assert_int_equal(
	    wire_check(&meta_usher_v1_request, request_sample(packed), &arena, &result).code,
	    ST_OK);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(protobuf_c_reads_the_request_that_we_pack),
	    cmocka_unit_test(a_request_is_read_as_it_was_packed),
	    cmocka_unit_test(memory_only_is_said_by_two_bytes_anywhere),
	    cmocka_unit_test(every_cut_of_a_request_is_refused_or_a_shorter_request),
	    cmocka_unit_test(a_response_with_details_is_read_by_protobuf_c_and_by_us),
	    cmocka_unit_test(envelopes_that_are_none_are_refused),
	    cmocka_unit_test(fields_of_a_newer_client_are_skipped),
	    cmocka_unit_test(envelope_fields_have_a_length_limit),
	    cmocka_unit_test(batch_items_come_one_after_the_other),
	    cmocka_unit_test(the_method_id_is_that_of_the_generator),
	    cmocka_unit_test(each_rule_names_the_field_that_breaks_it),
	    cmocka_unit_test(payloads_that_are_none_are_malformed),
	    cmocka_unit_test(nesting_ends_at_its_limit),
	    cmocka_unit_test(a_payload_stuffed_with_fields_is_refused),
	    cmocka_unit_test(unpacking_stops_at_the_arenas_cap),
	    cmocka_unit_test(a_message_field_in_two_pieces_is_one_message),
	    cmocka_unit_test(a_message_field_in_very_many_pieces_costs_no_more_than_its_bytes),
	    cmocka_unit_test(an_envelope_stuffed_with_fields_is_refused),
	    cmocka_unit_test(our_own_messages_pass_the_check_with_their_own_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
