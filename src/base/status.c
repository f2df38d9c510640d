#include "base/status.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [ST_OK] = "OK",
    [ST_CANCELLED] = "CANCELLED",
    [ST_UNKNOWN] = "UNKNOWN",
    [ST_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [ST_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [ST_NOT_FOUND] = "NOT_FOUND",
    [ST_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [ST_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [ST_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [ST_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [ST_ABORTED] = "ABORTED",
    [ST_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [ST_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [ST_INTERNAL] = "INTERNAL",
    [ST_UNAVAILABLE] = "UNAVAILABLE",
    [ST_DATA_LOSS] = "DATA_LOSS",
    [ST_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

#define NAMES_COUNT (sizeof(names) / sizeof(names[0]))

const char *
status_code_name(enum status_code code)
{
	/* A number off the wire may be anything. */
	return (size_t)code < NAMES_COUNT ? names[code] : names[ST_UNKNOWN];
}

enum status_code
status_code_from_name(const char *name)
{
	for (size_t i = 0; name && i < NAMES_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return (enum status_code)i;
	return ST_UNKNOWN;
}

int
status_is_internal(enum status_code code)
{
	return code == ST_INTERNAL || code == ST_UNKNOWN || code == ST_UNAVAILABLE ||
	       code == ST_DATA_LOSS;
}
