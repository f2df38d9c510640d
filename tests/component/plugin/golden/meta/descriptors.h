/* descriptors.h - made by protoc-gen-usher from all files: change that. */
#ifndef USHER_GEN_META_DESCRIPTORS_H
#define USHER_GEN_META_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

/* A google.protobuf.FileDescriptorSet of all our files and what they import. */
extern const uint8_t usher_descriptors[];
extern const size_t usher_descriptors_bytes;

#endif
