/* names.h - what things that a .proto file declares are called in C.
 * Lifetime: texts live in the arena. Source: protoc-c's c_helpers.cc for the names in gen/pb. */
#ifndef USHER_PLUGIN_NAMES_H
#define USHER_PLUGIN_NAMES_H

#include "base/arena.h"

#include <stdint.h>

/* All take a dotted name such as "usher.v1.LoginRequest". Errors: RESOURCE_EXHAUSTED. */

/* "Usher__V1__LoginRequest": protoc-c's type. */
MUST_USE status name_c_type(struct arena *arena, const char *name, const char **out);
/* "usher__v1__login_request": protoc-c's prefix of functions and descriptors. */
MUST_USE status name_c_prefix(struct arena *arena, const char *name, const char **out);
/* "usher_v1_login_request": ours. */
MUST_USE status name_snake(struct arena *arena, const char *name, const char **out);
/* "displayName" for "display_name", as Protobuf's JSON mapping makes it. */
MUST_USE status name_json(struct arena *arena, const char *name, const char **out);

/* FNV-1a, 32 bits: a method's id is that of its full name. */
uint32_t name_hash(const char *name);

#endif
