/* well_known.c - made by protoc-gen-usher from Protobuf's own files: change that. */
#include "gen/meta/well_known.h"

static const struct meta_field fields_of_meta_google_protobuf_duration[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "seconds", .json_name = "seconds"},
	{.number = 2, .type = META_INT32, .oneof = -1,
	    .name = "nanos", .json_name = "nanos"},
};

const struct meta_message meta_google_protobuf_duration = {
	.full_name = "google.protobuf.Duration",
	.fields = fields_of_meta_google_protobuf_duration,
	.fields_count = 2,
	.well_known = META_DURATION,
};

const struct meta_message meta_google_protobuf_empty = {
	.full_name = "google.protobuf.Empty",
	.well_known = META_EMPTY,
};

static const struct meta_field fields_of_meta_google_protobuf_field_mask[] = {
	{.number = 1, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "paths", .json_name = "paths"},
};

const struct meta_message meta_google_protobuf_field_mask = {
	.full_name = "google.protobuf.FieldMask",
	.fields = fields_of_meta_google_protobuf_field_mask,
	.fields_count = 1,
	.well_known = META_FIELD_MASK,
};

static const struct meta_field fields_of_meta_google_protobuf_timestamp[] = {
	{.number = 1, .type = META_INT64, .oneof = -1,
	    .name = "seconds", .json_name = "seconds"},
	{.number = 2, .type = META_INT32, .oneof = -1,
	    .name = "nanos", .json_name = "nanos"},
};

const struct meta_message meta_google_protobuf_timestamp = {
	.full_name = "google.protobuf.Timestamp",
	.fields = fields_of_meta_google_protobuf_timestamp,
	.fields_count = 2,
	.well_known = META_TIMESTAMP,
};

static const struct meta_field fields_of_meta_google_protobuf_string_value[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "value", .json_name = "value"},
};

const struct meta_message meta_google_protobuf_string_value = {
	.full_name = "google.protobuf.StringValue",
	.fields = fields_of_meta_google_protobuf_string_value,
	.fields_count = 1,
	.well_known = META_WRAPPER,
};
