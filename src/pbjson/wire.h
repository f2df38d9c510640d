/* wire.h - Protobuf's encoding written to the end of a text, whose size nobody knows before.
 * pbjson's own; base/wire.h reads, and writes where there is room. */
#ifndef USHER_PBJSON_WIRE_H
#define USHER_PBJSON_WIRE_H

#include "base/wire.h"

void wire_append_varint(struct strbuf *out, uint64_t value);
void wire_append_tag(struct strbuf *out, uint32_t number, enum wire_type type);
/* A number without its tag. */
void wire_append_number(struct strbuf *out, enum wire_type type, uint64_t value);
void wire_append_bytes(struct strbuf *out, uint32_t number, struct slice bytes);

/* A field whose length is known only behind its content: open it, append the content, close it. */
size_t wire_open(struct strbuf *out, uint32_t number);
void wire_close(struct strbuf *out, size_t opened_at);

#endif
