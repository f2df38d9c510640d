/* well_known.h - made by protoc-gen-usher from Protobuf's own files: change that. */
#ifndef USHER_GEN_META_WELL_KNOWN_H
#define USHER_GEN_META_WELL_KNOWN_H

#include "base/meta.h"

extern const struct meta_message meta_google_protobuf_duration;
extern const struct meta_message meta_google_protobuf_empty;
extern const struct meta_message meta_google_protobuf_field_mask;
extern const struct meta_message meta_google_protobuf_timestamp;
extern const struct meta_message meta_google_protobuf_string_value;

#endif
