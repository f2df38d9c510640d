/* messages.h - every message of gen/meta, for targets whose input chooses one.
 *
 * The table is made by CMake from gen/meta's headers, so a new message is fuzzed from its first
 * day. Lifetime: constant. Threads: any. */
#ifndef USHER_TESTS_FUZZ_MESSAGES_H
#define USHER_TESTS_FUZZ_MESSAGES_H

#include "base/meta.h"

#include <protobuf-c/protobuf-c.h>

struct fuzz_message {
	const struct meta_message *meta;
	const ProtobufCMessageDescriptor *descriptor;
};

extern const struct fuzz_message fuzz_messages[];
extern const size_t fuzz_messages_count;

#endif
