/* pbjson.h - Protobuf's JSON mapping, between encoded messages and JSON text.
 *
 * It works on encoded bytes and field tables, so what a server's descriptors say is as good as what
 * was compiled in. To the letter: 64-bit integers are strings, enums names, times RFC 3339, bytes
 * base64 (either alphabet is read), null is absence. Read strictly: unknown fields, fields and
 * oneofs set twice and numbers out of range are refused. Written fully: fields without presence
 * are always there. A string with the `json` option is a JSON object in JSON.
 *
 * Of the well-known types all but Any are known.
 * Threads: any; a call has its arena and buffers for itself. Depth: JSON_DEPTH_MAX levels.
 * Source: https://protobuf.dev/programming-guides/json/ */
#ifndef USHER_PBJSON_PBJSON_H
#define USHER_PBJSON_PBJSON_H

#include "base/arena.h"
#include "base/meta.h"
#include "base/str.h"
#include "json/writer.h"

/* Encode the message that json holds and append it to out.
 * Errors: INVALID_ARGUMENT, with a message that names the field ("profile.preferences: expected an
 * object") or the place in the text, and reason MALFORMED_JSON for what is no JSON at all;
 * RESOURCE_EXHAUSTED (arena, out). On failure out may hold a part. */
MUST_USE status pbjson_from_json(
    const struct meta_message *message, struct slice json, struct arena *arena, struct strbuf *out);

/* The same for one field of the message, where json is that field's value: what the `body` of a
 * route asks for. field_path is dotted ("profile", "profile.name"). */
MUST_USE status pbjson_field_from_json(const struct meta_message *message, const char *field_path,
    struct slice json, struct arena *arena, struct strbuf *out);

/* The same for a bare text, as paths and queries have it: a number, a name of an enum, true, a
 * time, or the string itself. For a repeated field it is one more item. Since encoded messages
 * merge when they are put behind each other, the result goes behind a message.
 * Errors: as above; INVALID_ARGUMENT too for a field that is not there or holds more than a text.
 */
MUST_USE status pbjson_field_from_text(const struct meta_message *message, const char *field_path,
    struct slice text, struct arena *arena, struct strbuf *out);

/* Write an encoded message as a JSON value. A field that comes more than once counts as the last
 * one, messages merged, as every Protobuf reader has it; unknown fields are skipped.
 * Errors: DATA_LOSS (the bytes are no such message), RESOURCE_EXHAUSTED (arena). Whether the
 * writer's buffer held it is for the caller to check. On failure it may hold a part. */
MUST_USE status pbjson_to_json(const struct meta_message *message, struct slice encoded,
    struct arena *arena, struct writer *writer);

#endif
