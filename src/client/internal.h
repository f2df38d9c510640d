/* internal.h - what the files of this folder share. */
#ifndef USHER_CLIENT_INTERNAL_H
#define USHER_CLIENT_INTERNAL_H

#include "client/client.h"
#include "wire/envelope.h"

#include <nng/nng.h>

/* Fill in what a message from the server says; takes the message. The reply is unpacked when
 * descriptor is given. */
void client_result_read(
    struct client_result *result, nng_msg *message, const ProtobufCMessageDescriptor *descriptor);
/* The same from the bytes of one Response, which outlive the result. */
void client_result_read_bytes(
    struct client_result *result, struct slice bytes, const ProtobufCMessageDescriptor *descriptor);

/* What the options ask for, at most what the method allows. */
uint32_t
client_timeout_ms(const struct client_method *method, const struct client_options *options);
/* The envelope that options ask for, without its payload. revision: room for the session's. */
void client_envelope_fill(struct request_envelope *envelope, const struct client_method *method,
    const struct client_options *options, uint8_t revision[CLIENT_REVISION_BYTES]);

#endif
