/* random_message.h - messages of any kind with anything in them, as Protobuf's bytes.
 * Threads: one a state. Nothing is allocated. */
#ifndef TESTS_BENCH_RANDOM_MESSAGE_H
#define TESTS_BENCH_RANDOM_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* The next of a row of numbers; *state is not 0, and the same row comes of the same state. */
uint64_t random_next(uint64_t *state);

/* A message of that kind: seven of ten of its fields, each with something that it can hold, fit or
 * not. Returns the bytes written; fields for which there is no room are left out. */
size_t
random_message(uint64_t *state, const ProtobufCMessageDescriptor *kind, uint8_t *out, size_t room);

#endif
