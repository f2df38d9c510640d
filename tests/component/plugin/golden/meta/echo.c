/* echo.c - made by protoc-gen-usher from echo.proto: change that. */
#include "gen/meta/echo.h"
#include "gen/meta/well_known.h"

static const struct meta_enum_value values_of_meta_usher_test_loudness[] = {
	{"LOUDNESS_UNSPECIFIED", 0},
	{"LOUDNESS_LOW", 1},
	{"LOUDNESS_HIGH", -2},
};

const struct meta_enum meta_usher_test_loudness = {
	.full_name = "usher.test.Loudness",
	.values = values_of_meta_usher_test_loudness,
	.values_count = 3,
};

static const struct meta_enum_value values_of_meta_usher_test_get_last_request_window_kind[] = {
	{"KIND_UNSPECIFIED", 0},
	{"KIND_WIDE", 1},
};

const struct meta_enum meta_usher_test_get_last_request_window_kind = {
	.full_name = "usher.test.GetLastRequest.Window.Kind",
	.values = values_of_meta_usher_test_get_last_request_window_kind,
	.values_count = 2,
};

static const struct meta_field fields_of_meta_usher_test_say_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 2, .type = META_STRING, .flags = META_REQUIRED, .oneof = -1,
	    .name = "text", .json_name = "text", .length_min = 1, .length_max = 200},
	{.number = 3, .type = META_STRING, .flags = META_SECRET, .oneof = -1,
	    .name = "password", .json_name = "password", .length_max = 256},
	{.number = 4, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "email", .json_name = "email"},
	{.number = 5, .type = META_STRING, .flags = META_JSON, .oneof = -1,
	    .name = "extra", .json_name = "extra"},
	{.number = 6, .type = META_ENUM, .oneof = -1,
	    .name = "loudness", .json_name = "loudness", .enumeration = &meta_usher_test_loudness},
	{.number = 7, .type = META_SINT32, .oneof = -1,
	    .name = "pitch", .json_name = "pitch", .has_range = true, .range_min = INT64_C(-12), .range_max = INT64_C(12)},
	{.number = 8, .type = META_INT64, .flags = META_REPEATED | META_PACKED, .oneof = -1,
	    .name = "beats", .json_name = "beats", .items_max = 16},
	{.number = 9, .type = META_INT32, .flags = META_REPEATED, .oneof = -1,
	    .name = "loose", .json_name = "loose"},
	{.number = 10, .type = META_MESSAGE, .flags = META_REPEATED | META_MAP, .oneof = -1,
	    .name = "shapes", .json_name = "shapes", .message = &meta_usher_test_say_request_shapes_entry, .items_max = 8},
	{.number = 11, .type = META_STRING, .flags = META_PRESENCE, .oneof = 0,
	    .name = "room", .json_name = "room"},
	{.number = 12, .type = META_BYTES, .flags = META_PRESENCE, .oneof = 0,
	    .name = "location", .json_name = "location"},
	{.number = 17, .type = META_UINT64, .oneof = -1,
	    .name = "big", .json_name = "big", .has_range = true, .range_min = INT64_MIN, .range_max = INT64_C(9223372036854775807)},
	{.number = 18, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "mask", .json_name = "mask", .message = &meta_google_protobuf_field_mask},
	{.number = 20, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "shape", .json_name = "shape", .message = &meta_usher_test_shape},
};

const struct meta_message meta_usher_test_say_request = {
	.full_name = "usher.test.SayRequest",
	.fields = fields_of_meta_usher_test_say_request,
	.fields_count = 15,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_test_say_request_shapes_entry[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "key", .json_name = "key"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "value", .json_name = "value", .message = &meta_usher_test_shape},
};

const struct meta_message meta_usher_test_say_request_shapes_entry = {
	.full_name = "usher.test.SayRequest.ShapesEntry",
	.fields = fields_of_meta_usher_test_say_request_shapes_entry,
	.fields_count = 2,
	.map_entry = true,
};

static const struct meta_field fields_of_meta_usher_test_say_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "said", .json_name = "said", .message = &meta_usher_test_say_request},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "at", .json_name = "at", .message = &meta_google_protobuf_timestamp},
	{.number = 3, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "delay", .json_name = "delay", .message = &meta_google_protobuf_duration},
	{.number = 4, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "note", .json_name = "note", .message = &meta_google_protobuf_string_value},
	{.number = 5, .type = META_DOUBLE, .oneof = -1,
	    .name = "x", .json_name = "x"},
	{.number = 6, .type = META_FLOAT, .oneof = -1,
	    .name = "y", .json_name = "y"},
	{.number = 7, .type = META_BOOL, .oneof = -1,
	    .name = "done", .json_name = "done"},
	{.number = 8, .type = META_FIXED32, .oneof = -1,
	    .name = "a", .json_name = "a"},
	{.number = 9, .type = META_FIXED64, .oneof = -1,
	    .name = "b", .json_name = "b"},
	{.number = 10, .type = META_SFIXED32, .oneof = -1,
	    .name = "c", .json_name = "c"},
	{.number = 11, .type = META_SFIXED64, .oneof = -1,
	    .name = "d", .json_name = "d"},
	{.number = 12, .type = META_UINT32, .oneof = -1,
	    .name = "e", .json_name = "e"},
	{.number = 13, .type = META_SINT64, .oneof = -1,
	    .name = "f", .json_name = "f"},
	{.number = 14, .type = META_INT32, .oneof = -1,
	    .name = "g", .json_name = "g"},
};

const struct meta_message meta_usher_test_say_reply = {
	.full_name = "usher.test.SayReply",
	.fields = fields_of_meta_usher_test_say_reply,
	.fields_count = 14,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_test_get_last_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "area", .json_name = "area"},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "loudness", .json_name = "loudness", .enumeration = &meta_usher_test_loudness},
	{.number = 3, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "words", .json_name = "words"},
	{.number = 4, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "since", .json_name = "since", .message = &meta_google_protobuf_timestamp},
	{.number = 5, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "window", .json_name = "window", .message = &meta_usher_test_get_last_request_window},
};

const struct meta_message meta_usher_test_get_last_request = {
	.full_name = "usher.test.GetLastRequest",
	.fields = fields_of_meta_usher_test_get_last_request,
	.fields_count = 5,
};

static const struct meta_field fields_of_meta_usher_test_get_last_request_window[] = {
	{.number = 1, .type = META_UINT32, .oneof = -1,
	    .name = "first", .json_name = "first"},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "kind", .json_name = "kind", .enumeration = &meta_usher_test_get_last_request_window_kind},
};

const struct meta_message meta_usher_test_get_last_request_window = {
	.full_name = "usher.test.GetLastRequest.Window",
	.fields = fields_of_meta_usher_test_get_last_request_window,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_test_draw_request[] = {
	{.number = 1, .type = META_BOOL, .oneof = -1,
	    .name = "dry", .json_name = "dry"},
	{.number = 2, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "frame", .json_name = "frame", .message = &meta_usher_test_frame},
};

const struct meta_message meta_usher_test_draw_request = {
	.full_name = "usher.test.DrawRequest",
	.fields = fields_of_meta_usher_test_draw_request,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_test_frame[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_UINT32, .oneof = -1,
	    .name = "width", .json_name = "width"},
};

const struct meta_message meta_usher_test_frame = {
	.full_name = "usher.test.Frame",
	.fields = fields_of_meta_usher_test_frame,
	.fields_count = 2,
};

static const struct meta_field fields_of_meta_usher_test_shape[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "name", .json_name = "name"},
	{.number = 2, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "parts", .json_name = "parts", .message = &meta_usher_test_shape},
};

const struct meta_message meta_usher_test_shape = {
	.full_name = "usher.test.Shape",
	.fields = fields_of_meta_usher_test_shape,
	.fields_count = 2,
};
