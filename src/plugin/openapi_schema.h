/* openapi_schema.h - JSON Schemas of messages, as Protobuf's JSON mapping writes them. */
#ifndef USHER_PLUGIN_OPENAPI_SCHEMA_H
#define USHER_PLUGIN_OPENAPI_SCHEMA_H

#include "plugin/doc.h"
#include "plugin/model.h"

/* The members of a field's schema, into an object that is open. */
void schema_of_field(struct doc *doc, const struct model_field *field);
/* The members of a message's schema; a field that is a path variable of the route (NULL: none)
 * stays out of it. */
void schema_of_message(
    struct doc *doc, const struct model_message *message, const struct model_route *route);
/* The members of a schema that refers to the message, or is it if it is a well-known one. */
void schema_ref(struct doc *doc, const struct model_message *message);
/* "components/schemas": all that routes reach, and the problem document. */
MUST_USE status schema_components(struct doc *doc, const struct model *model);

#endif
