/* schema.h - what the schema is made of once every migration is applied.
 *
 * From src/store/schema/objects.txt, which `usher db describe` writes from a fresh database (cmake
 * --build BUILD --target describe-schema) and a test compares with one. Sorted by kind and name,
 * byte by byte; partitions are left out. Constant. */
#ifndef USHER_STORE_SCHEMA_H
#define USHER_STORE_SCHEMA_H

#include <stddef.h>

struct schema_object {
	const char *kind;       /* "index" */
	const char *name;       /* "usher.audit_by_org"; of a column "usher.users.email" */
	const char *definition; /* in PostgreSQL's words; "" where there is no more to say */
};

extern const struct schema_object schema_objects[];
extern const size_t schema_objects_count;

#endif
