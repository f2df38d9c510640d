/* echo.h - made by protoc-gen-usher from echo.proto: change that. */
#ifndef USHER_GEN_META_ECHO_H
#define USHER_GEN_META_ECHO_H

#include "base/meta.h"

extern const struct meta_enum meta_usher_test_loudness;
extern const struct meta_enum meta_usher_test_get_last_request_window_kind;
extern const struct meta_message meta_usher_test_say_request;
extern const struct meta_message meta_usher_test_say_request_shapes_entry;
extern const struct meta_message meta_usher_test_say_reply;
extern const struct meta_message meta_usher_test_get_last_request;
extern const struct meta_message meta_usher_test_get_last_request_window;
extern const struct meta_message meta_usher_test_draw_request;
extern const struct meta_message meta_usher_test_frame;
extern const struct meta_message meta_usher_test_shape;

#endif
