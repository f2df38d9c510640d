/* descriptors.h - field tables made at run time, from what a server says about itself.
 *
 * A FileDescriptorSet (`protoc --descriptor_set_out`, or OpsService.GetDescriptors) becomes the
 * same tables that gen/meta holds for what was compiled in, so `usher call` can speak to methods
 * that it was not built with.
 * Lifetime: everything that is found lives until descriptors_free(). Threads: read-only.
 * Source: google/protobuf/descriptor.proto, usher/v1/options.proto. */
#ifndef USHER_PBJSON_DESCRIPTORS_H
#define USHER_PBJSON_DESCRIPTORS_H

#include "base/meta.h"
#include "base/status.h"
#include "base/str.h"
#include "gen/pb/usher/v1/options.pb-c.h"

struct descriptors;

struct descriptors_method {
	const char *name; /* "usher.v1.UserService/GetMe" */
	const struct meta_message *request;
	const struct meta_message *reply;
	const Usher__V1__MethodRules *rules; /* all default when the method has none */
};

/* file_descriptor_set is copied. All files that others import must be in it.
 * Ensures: every name is made of identifiers, so it may be printed, or given to a shell, as it is;
 *          but for json_name, which protoc lets be anything.
 * Errors:  INVALID_ARGUMENT (it is none, names types that it has not, or has names that are no
 *          identifiers), UNIMPLEMENTED (groups), RESOURCE_EXHAUSTED. */
MUST_USE status descriptors_load(struct slice file_descriptor_set, struct descriptors **out);
void descriptors_free(struct descriptors **descriptors);

/* By full name ("usher.v1.LoginRequest"), or NULL. */
const struct meta_message *
descriptors_message(const struct descriptors *descriptors, const char *full_name);
const struct descriptors_method *
descriptors_method(const struct descriptors *descriptors, const char *name);

/* All methods, sorted by name. */
const struct descriptors_method *
descriptors_methods(const struct descriptors *descriptors, size_t *count);

#endif
