#include "pbjson/pbjson.h"

#include "base/wire.h"
#include "gen/meta/auth.h"
#include "gen/meta/common.h"
#include "gen/meta/context.h"
#include "gen/meta/user.h"
#include "pbjson/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct strbuf encoded, json;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	assert_int_equal(arena_init(&fixture.arena, 4096, 16u << 20).code, ST_OK);
	strbuf_init(&fixture.encoded, 4u << 20);
	strbuf_init(&fixture.json, 4u << 20);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	strbuf_done(&fixture->encoded);
	strbuf_done(&fixture->json);
	arena_done(&fixture->arena);
	return 0;
}

static status
encode(struct fixture *fixture, const struct meta_message *message, const char *json)
{
	strbuf_reset(&fixture->encoded);
	return pbjson_from_json(message, slice_text(json), &fixture->arena, &fixture->encoded);
}

static status
write_json(struct fixture *fixture, const struct meta_message *message, struct slice encoded)
{
	struct writer writer;

	strbuf_reset(&fixture->json);
	writer_init(&writer, &fixture->json, 0);
	TRY(pbjson_to_json(message, encoded, &fixture->arena, &writer));
	return strbuf_status(&fixture->json);
}

static void
assert_json(struct fixture *fixture, const struct meta_message *message, const char *expected)
{
	struct slice encoded = slice_of(fixture->encoded.data, fixture->encoded.bytes);

	assert_int_equal(write_json(fixture, message, encoded).code, ST_OK);
	assert_string_equal(strbuf_text(&fixture->json), expected);
}

#define PROFILE(company, preferences, version)                                                     \
	"{\"company\":\"" company "\",\"role\":\"\",\"preferences\":" preferences                  \
	",\"profileData\":{},\"about\":\"\",\"version\":\"" version "\"}"

static void
fields_without_presence_are_always_written(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(encode(fixture, &meta_usher_v1_profile, " { } ").code, ST_OK);
	assert_int_equal(fixture->encoded.bytes, 0);
	assert_json(fixture, &meta_usher_v1_profile, PROFILE("", "{}", "0"));
}

static void
objects_in_strings_appear_as_objects(void **state)
{
	struct fixture *fixture = *state;
	const char *json = "{\"preferences\": {\"a b\" : [ 1.50, \"x \\\" y\" ],\n \"c\":{}}}";

	assert_int_equal(encode(fixture, &meta_usher_v1_profile, json).code, ST_OK);
	assert_json(fixture, &meta_usher_v1_profile,
	    PROFILE("", "{\"a b\":[1.50,\"x \\\" y\"],\"c\":{}}", "0"));
	assert_int_equal(
	    encode(fixture, &meta_usher_v1_profile, "{\"preferences\":null}").code, ST_OK);
	assert_int_equal(fixture->encoded.bytes, 0);
}

static void
a_string_that_holds_no_object_breaks_no_reply(void **state)
{
	static const char *const texts[] = {"[]", "{", "{}x", "1", "{\"a\":1}}", "{\"a\":}"};
	uint8_t encoded[64];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		encoded[0] = 3 << 3 | 2;
		encoded[1] = (uint8_t)strlen(texts[i]);
		memcpy(encoded + 2, texts[i], encoded[1]);
		status written =
		    write_json(*state, &meta_usher_v1_profile, slice_of(encoded, 2u + encoded[1]));
		assert_int_equal(written.code, ST_DATA_LOSS);
	}
}

static void
refusals_name_the_field(void **state)
{
	static const struct {
		const char *json, *message;
	} rows[] = {
	    {"{\"profile\":{\"preferences\":[]}}", "profile.preferences: expected an object"},
	    {"{\"profile\":{\"preferences\":\"{}\"}}", "profile.preferences: expected an object"},
	    {"{\"profile\":{\"company\":7}}", "profile.company: expected a string"},
	    {"{\"profile\":{\"nothing\":7}}", "profile.nothing: there is no such field"},
	    {"{\"profile\":[]}", "profile: expected an object"},
	    {"{\"expectVersion\":1.5}", "expectVersion: expected a whole number"},
	    {"{\"expectVersion\":1e19}", "expectVersion: the number is out of range"},
	    {"{\"expect_version\":1,\"expectVersion\":1}",
		"expectVersion: the field is there twice"},
	    {"{\"updateMask\":\"a b\"}", "updateMask: expected names of fields, as in \"a,b.c\""},
	    {"{\"profile\":{\"updatedAt\":\"today\"}}",
		"profile.updatedAt: expected a time, as in \"2026-01-31T12:00:00Z\""},
	    {"[]", "expected an object"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		status refused = encode(*state, &meta_usher_v1_put_profile_request, rows[i].json);
		assert_int_equal(refused.code, ST_INVALID_ARGUMENT);
		assert_string_equal(refused.message, rows[i].message);
	}
	status broken = encode(*state, &meta_usher_v1_profile, "{\"company\":");
	assert_int_equal(broken.code, ST_INVALID_ARGUMENT);
	assert_string_equal(broken.reason, "MALFORMED_JSON");
	assert_int_equal(encode(*state, &meta_usher_v1_profile, "{}{}").code, ST_INVALID_ARGUMENT);
	assert_int_equal(encode(*state, &meta_usher_v1_profile, "").code, ST_INVALID_ARGUMENT);
}

static void
a_long_name_is_cut_between_characters(void **state)
{
	char name[101] = "", json[128], message[128];

	for (int at = 76; at <= 80; at++) {
		/* Four bytes from there on. */
		memset(name, 'a', sizeof(name) - 1);
		memcpy(name + at, "\xf0\x9d\x84\x9e", 4);
		snprintf(json, sizeof(json), "{\"%s\":1}", name);
		snprintf(message, sizeof(message), "%.*s: there is no such field",
		    at > 76 ? at : 80, name);
		status refused = encode(*state, &meta_usher_v1_profile, json);
		assert_int_equal(refused.code, ST_INVALID_ARGUMENT);
		assert_string_equal(refused.message, message);
	}
}

static void
items_of_lists_are_named_by_index(void **state)
{
	status refused = encode(*state, &meta_usher_v1_append_turns_request,
	    "{\"turns\":[{\"text\":\"a\"},{\"text\":[]}]}");

	assert_int_equal(refused.code, ST_INVALID_ARGUMENT);
	assert_string_equal(refused.message, "turns[1].text: expected a string");
}

static status
add_text(struct fixture *fixture, const char *field, const char *text)
{
	return pbjson_field_from_text(&meta_usher_v1_put_profile_request, field, slice_text(text),
	    &fixture->arena, &fixture->encoded);
}

static void
texts_of_paths_and_queries_join_the_body(void **state)
{
	struct fixture *fixture = *state;
	const struct meta_message *message = &meta_usher_v1_put_profile_request;

	assert_int_equal(
	    encode(fixture, message, "{\"userId\":\"other\",\"profile\":{\"role\":\"r\"}}").code,
	    ST_OK);
	assert_int_equal(add_text(fixture, "user_id", "u/1").code, ST_OK);
	assert_int_equal(add_text(fixture, "profile.company", "c").code, ST_OK);
	assert_int_equal(add_text(fixture, "expectVersion", "12").code, ST_OK);
	assert_int_equal(add_text(fixture, "update_mask", "company,role").code, ST_OK);
	assert_int_equal(
	    add_text(fixture, "profile.updated_at", "1970-01-01T00:00:01Z").code, ST_OK);
	assert_json(fixture, message,
	    "{\"userId\":\"u/1\",\"profile\":{\"company\":\"c\",\"role\":\"r\","
	    "\"preferences\":{},\"profileData\":{},\"about\":\"\",\"version\":\"0\","
	    "\"updatedAt\":\"1970-01-01T00:00:01Z\"},\"updateMask\":\"company,role\","
	    "\"expectVersion\":\"12\"}");
}

static void
texts_that_do_not_fit_their_field_are_refused(void **state)
{
	static const struct {
		const char *field, *text, *message;
	} rows[] = {
	    {"nothing", "x", "nothing: there is no such field"},
	    {"", "x", ": there is no such field"},
	    {"profile", "x", "profile: a bare text can't fill this field"},
	    {"profile.preferences", "{}", "profile.preferences: a bare text can't fill this field"},
	    {"user_id.x", "x", "user_id: the field has no fields"},
	    {"profile.", "x", "profile.: there is no such field"},
	    {"expect_version", "x", "expect_version: expected a whole number"},
	    {"user_id", "\xff", "user_id: the text is not UTF-8"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		status refused = add_text(*state, rows[i].field, rows[i].text);
		assert_int_equal(refused.code, ST_INVALID_ARGUMENT);
		assert_string_equal(refused.message, rows[i].message);
	}
}

static void
a_body_may_fill_one_field(void **state)
{
	struct fixture *fixture = *state;
	const struct meta_message *message = &meta_usher_v1_put_profile_request;

	assert_int_equal(pbjson_field_from_json(message, "profile",
			     slice_text("{\"company\":\"c\"}"), &fixture->arena, &fixture->encoded)
			     .code,
	    ST_OK);
	assert_json(fixture, message,
	    "{\"userId\":\"\",\"profile\":" PROFILE("c", "{}", "0") ",\"expectVersion\":\"0\"}");
	status refused = pbjson_field_from_json(
	    message, "profile", slice_text("{\"company\":1}"), &fixture->arena, &fixture->encoded);
	assert_string_equal(refused.message, "profile.company: expected a string");
}

static void
malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
	} rows[] = {
	    {"\x0a", 1}, /* no length */
	    {"\x0a\x05"
	     "abc",
		5},                                               /* cut off */
	    {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length past all memory */
	    {"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, /* a varint of 65 bits */
	    {"\x30\x80", 2},                                      /* an unfinished varint */
	    {"\x00\x01", 2},                                      /* field 0 */
	    {"\x33\x34", 2},                                      /* a group */
	    {"\x36\x00", 2},                                      /* wire type 6 */
	    {"\x0a\x01\xff", 3},                                  /* no UTF-8 */
	    {"\x3a\x02\x08\x80", 4},                              /* inside a time */
	    {"\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00",
		13}, /* a time past all years */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		status written = write_json(
		    *state, &meta_usher_v1_profile, slice_of(rows[i].bytes, rows[i].count));
		assert_int_equal(written.code, ST_DATA_LOSS);
	}
	/* What is not known is skipped. */
	assert_int_equal(
	    write_json(*state, &meta_usher_v1_profile, slice_of("\xf8\x7f\x01", 3)).code, ST_OK);
}

static void
too_little_room_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct strbuf small;

	strbuf_init(&small, 16);
	status full = pbjson_from_json(&meta_usher_v1_profile,
	    slice_text("{\"company\":\"longer than the sixteen bytes\"}"), &fixture->arena, &small);
	assert_int_equal(full.code, ST_RESOURCE_EXHAUSTED);
	strbuf_done(&small);
}

/* The caller frees it. */
static char *
read_our_descriptors(size_t *bytes)
{
	FILE *file = fopen(USHER_SOURCE_DIR "/gen/descriptors.pb", "rb");
	size_t room = 1u << 20;
	char *set = malloc(room);

	assert_non_null(file);
	assert_non_null(set);
	*bytes = fread(set, 1, room, file);
	fclose(file);
	return set;
}

static struct descriptors *
load_our_descriptors(void)
{
	struct descriptors *descriptors = NULL;
	size_t bytes;
	char *set = read_our_descriptors(&bytes);

	assert_int_equal(descriptors_load(slice_of(set, bytes), &descriptors).code, ST_OK);
	free(set);
	return descriptors;
}

static void
assert_same_table(const struct meta_message *made, const struct meta_message *compiled)
{
	assert_non_null(made);
	assert_string_equal(made->full_name, compiled->full_name);
	assert_int_equal(made->fields_count, compiled->fields_count);
	assert_int_equal(made->well_known, compiled->well_known);
	assert_int_equal(made->has_secret, compiled->has_secret);
	for (size_t i = 0; i < made->fields_count; i++) {
		const struct meta_field *a = &made->fields[i], *b = &compiled->fields[i];
		assert_string_equal(a->name, b->name);
		assert_string_equal(a->json_name, b->json_name);
		assert_int_equal(a->number, b->number);
		assert_int_equal(a->type, b->type);
		assert_int_equal(a->flags, b->flags);
		assert_int_equal(a->oneof < 0, b->oneof < 0);
		assert_int_equal(a->length_min, b->length_min);
		assert_int_equal(a->length_max, b->length_max);
		assert_int_equal(a->items_max, b->items_max);
		assert_int_equal(a->has_range, b->has_range);
		assert_int_equal(a->message != NULL, b->message != NULL);
		assert_int_equal(a->enumeration != NULL, b->enumeration != NULL);
	}
}

static void
tables_made_at_run_time_are_the_compiled_ones(void **state)
{
	static const struct meta_message *const compiled[] = {&meta_usher_v1_profile,
	    &meta_usher_v1_put_profile_request, &meta_usher_v1_login_request,
	    &meta_usher_v1_resolve_request, &meta_usher_v1_resolve_reply,
	    &meta_usher_v1_append_turns_request, &meta_usher_v1_introspect_reply};
	struct descriptors *descriptors = load_our_descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(compiled) / sizeof(compiled[0]); i++)
		assert_same_table(
		    descriptors_message(descriptors, compiled[i]->full_name), compiled[i]);
	assert_null(descriptors_message(descriptors, "usher.v1.Nothing"));
	descriptors_free(&descriptors);
	assert_null(descriptors);
}

static void
methods_are_found_with_their_rules(void **state)
{
	struct descriptors *descriptors = load_our_descriptors();
	const struct descriptors_method *login =
	    descriptors_method(descriptors, "usher.v1.AuthService/Login");
	size_t count = 0;

	(void)state;
	assert_non_null(login);
	assert_string_equal(login->request->full_name, "usher.v1.LoginRequest");
	assert_string_equal(login->reply->full_name, "usher.v1.Tokens");
	assert_int_equal(login->rules->lane, USHER__V1__LANE__LANE_HASH);
	assert_string_equal(login->rules->http->post, "/v1/auth/login");
	assert_null(descriptors_method(descriptors, "usher.v1.AuthService/Nothing"));
	const struct descriptors_method *all = descriptors_methods(descriptors, &count);
	assert_true(count >= 30);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(all[i - 1].name, all[i].name) < 0);
	descriptors_free(&descriptors);
}

static void
descriptors_that_are_none_are_refused(void **state)
{
	struct descriptors *descriptors = NULL;
	uint8_t deep[4096];
	size_t bytes = 0;

	(void)state;
	assert_int_equal(
	    descriptors_load(slice_of("\x0a\x05x", 3), &descriptors).code, ST_INVALID_ARGUMENT);
	/* A file with a message with a field of a type that is not there. */
	assert_int_equal(descriptors_load(slice_of("\x0a\x13\x22\x11\x0a\x01M\x12\x0c\x0a\x01"
						   "f"
						   "\x18\x01\x28\x0b\x32\x03.no",
					      21),
			     &descriptors)
			     .code,
	    ST_INVALID_ARGUMENT);
	/* Messages within messages, 40 deep: built from the inside. */
	for (int i = 0; i < 40; i++) {
		memmove(deep + 3, deep, bytes);
		deep[0] = i == 39 ? 0x0a : i == 38 ? 0x22 : 0x1a;
		deep[1] = (uint8_t)(bytes | 0x80);
		deep[2] = (uint8_t)(bytes >> 7);
		bytes += 3;
	}
	assert_int_equal(
	    descriptors_load(slice_of(deep, bytes), &descriptors).code, ST_INVALID_ARGUMENT);
	assert_null(descriptors);
}

/* A message written from its end, for each length stands in front of what it counts. */
struct backwards {
	uint8_t *room;
	size_t at, bytes;
};

static void
backwards_init(struct backwards *out, size_t bytes)
{
	*out = (struct backwards){malloc(bytes), bytes, bytes};
	assert_non_null(out->room);
}

static void
put_before(struct backwards *out, const char *data, size_t bytes)
{
	assert_true(bytes <= out->at);
	out->at -= bytes;
	memcpy(out->room + out->at, data, bytes);
}

/* What was put up to there becomes a field. */
static void
wrap(struct backwards *out, size_t end, uint32_t number)
{
	uint8_t head[20];

	put_before(out, (const char *)head,
	    (size_t)(wire_put_item_head(head, number, end - out->at) - head));
}

static status
load_backwards(struct backwards *set, struct descriptors **out)
{
	status loaded = descriptors_load(slice_of(set->room + set->at, set->bytes - set->at), out);

	free(set->room);
	return loaded;
}

/* The method of a service: its first binding has a further one, which has one, and so on. */
static status
load_bindings(size_t depth, struct descriptors **out)
{
	struct backwards set;

	backwards_init(&set, 1u << 20);
	for (size_t i = 0; i < depth; i++)
		wrap(&set, set.bytes, 8);
	wrap(&set, set.bytes, 10);
	wrap(&set, set.bytes, 50700);
	wrap(&set, set.bytes, 4);
	put_before(&set, "\x0a\x01m\x12\x02.M\x1a\x02.M", 11);
	wrap(&set, set.bytes, 2);
	put_before(&set, "\x0a\x01S", 3);
	wrap(&set, set.bytes, 6);
	put_before(&set, "\x22\x03\x0a\x01M", 5);
	wrap(&set, set.bytes, 1);
	return load_backwards(&set, out);
}

static void
options_that_nest_without_end_are_refused(void **state)
{
	struct descriptors *descriptors = NULL;
	const struct descriptors_method *method;

	(void)state;
	assert_int_equal(load_bindings(3, &descriptors).code, ST_OK);
	method = descriptors_method(descriptors, "S/m");
	assert_non_null(method);
	assert_int_equal(method->rules->http->additional_bindings[0]->n_additional_bindings, 1);
	descriptors_free(&descriptors);
	assert_int_equal(load_bindings(100, &descriptors).code, ST_INVALID_ARGUMENT);
	assert_int_equal(load_bindings(200000, &descriptors).code, ST_INVALID_ARGUMENT);
	assert_null(descriptors);
}

#define CHAIN_MESSAGES 50000

/* Messages of which each holds the next one (step 1) or the one before (step -1). At the chain's
 * end is a secret. Returns the processor's time that loading took. */
static clock_t
load_chain(int step, struct descriptors **out)
{
	struct backwards set;
	char name[16];

	backwards_init(&set, 4u << 20);
	for (int i = 0; i < CHAIN_MESSAGES; i++) {
		const int next = i + step;
		const size_t end = set.at;

		if (next < 0 || next == CHAIN_MESSAGES) {
			/* string f = 1 [(field) = {secret: true}] */
			put_before(&set,
			    "\x0a\x01"
			    "f\x18\x01 \x01(\x09\x42\x06\xea\xe0\x18\x02\x08\x01",
			    17);
		} else {
			snprintf(name, sizeof name, ".m%05d", next);
			put_before(&set, name, 7);
			put_before(&set,
			    "\x0a\x01"
			    "f\x18\x01 \x01(\x0b\x32\x07",
			    11);
		}
		wrap(&set, end, 2);
		snprintf(name, sizeof name, "\x0a\x06m%05d", i);
		put_before(&set, name, 8);
		wrap(&set, end, 4);
	}
	wrap(&set, set.bytes, 1);
	clock_t begin = clock();
	assert_int_equal(load_backwards(&set, out).code, ST_OK);
	return clock() - begin;
}

static clock_t
load_chain_rightly(int step)
{
	struct descriptors *descriptors = NULL;
	const clock_t taken = load_chain(step, &descriptors);

	assert_true(descriptors_message(descriptors, "m00000")->has_secret);
	assert_true(descriptors_message(descriptors, "m25000")->has_secret);
	assert_true(descriptors_message(descriptors, "m49999")->has_secret);
	descriptors_free(&descriptors);
	return taken;
}

/* Each message that turns out to hold a secret must not make all others be looked at again. */
static void
a_long_chain_of_messages_loads_from_either_end(void **state)
{
	clock_t least[2];

	(void)state;
	/* What else the machine does may slow one of them down, but hardly each time. */
	for (int tries = 0; tries < 4; tries++) {
		for (int i = 0; i < 2; i++) {
			const clock_t taken = load_chain_rightly(i ? 1 : -1);

			if (tries == 0 || taken < least[i])
				least[i] = taken;
		}
		if (least[1] <= 5 * least[0])
			return;
	}
	fail_msg("%ld and %ld", (long)least[0], (long)least[1]);
}

/* Completion hands them to a shell, which runs what stands in $(). */
static void
names_that_are_no_identifiers_are_refused(void **state)
{
	/* As long as the name that they take the place of, in our own descriptors: a name's tag and
	 * length in front, the next member's tag behind it. */
	static const struct {
		const char *before, *name, *behind, *hostile[4];
	} table[] = {
	    {"\x0a\x09", "GetHealth", "\x12",
		{"$(id>/x0)", "`id`aaaaa", "Get\x1b[2Jaa", "9etHealth"}},
	    {"\x0a\x0a", "OpsService", "\x12",
		{"$(id>/x00)", "Ops Servic", "Ops/Servic", "Ops.Servic"}},
	    {"\x0a\x05", "email", "\x18", {"$(id)", "a\nbcd", "a\"b\"c", "em.il"}},
	    {"\x0a\x09", "LANE_HASH", "\x10", {"$(id>/x0)", "LANE-HASH", "LANE HASH", "1ANE_HASH"}},
	};
	size_t bytes;
	char *set = read_our_descriptors(&bytes);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char wanted[64];
		int length = snprintf(wanted, sizeof wanted, "%s%s%s", table[i].before,
		    table[i].name, table[i].behind);
		char *at = memmem(set, bytes, wanted, (size_t)length);

		if (!at)
			fail_msg("our descriptors have no %s", table[i].name);
		at += strlen(table[i].before);
		for (size_t j = 0; j < 4; j++) {
			struct descriptors *descriptors = NULL;

			assert_int_equal(strlen(table[i].hostile[j]), strlen(table[i].name));
			memcpy(at, table[i].hostile[j], strlen(table[i].name));
			if (descriptors_load(slice_of(set, bytes), &descriptors).code !=
			    ST_INVALID_ARGUMENT)
				fail_msg("taken for a name: %s", table[i].hostile[j]);
		}
		memcpy(at, table[i].name, strlen(table[i].name));
	}
	free(set);
}

int
main(void)
{
#define PREPARED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    PREPARED(fields_without_presence_are_always_written),
	    PREPARED(objects_in_strings_appear_as_objects),
	    PREPARED(a_string_that_holds_no_object_breaks_no_reply),
	    PREPARED(refusals_name_the_field),
	    PREPARED(a_long_name_is_cut_between_characters),
	    PREPARED(items_of_lists_are_named_by_index),
	    PREPARED(texts_of_paths_and_queries_join_the_body),
	    PREPARED(texts_that_do_not_fit_their_field_are_refused),
	    PREPARED(a_body_may_fill_one_field),
	    PREPARED(malformed_messages_are_refused),
	    PREPARED(too_little_room_is_an_error),
	    cmocka_unit_test(tables_made_at_run_time_are_the_compiled_ones),
	    cmocka_unit_test(methods_are_found_with_their_rules),
	    cmocka_unit_test(descriptors_that_are_none_are_refused),
	    cmocka_unit_test(options_that_nest_without_end_are_refused),
	    cmocka_unit_test(a_long_chain_of_messages_loads_from_either_end),
	    cmocka_unit_test(names_that_are_no_identifiers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
