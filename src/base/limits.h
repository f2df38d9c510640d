/* limits.h - a limit on everything. Sizes are bytes unless the name says otherwise. */
#ifndef USHER_BASE_LIMITS_H
#define USHER_BASE_LIMITS_H

#define MESSAGE_BYTES_MAX (4u << 20) /* a whole Request or Response on the wire */
#define PAYLOAD_BYTES_MAX (1u << 20) /* a method's bytes_max where it names none */
#define MESSAGE_DEPTH_MAX 32         /* nested Protobuf messages */
#define MESSAGE_FIELDS_MAX 20000     /* fields in one message, all levels */
#define JSON_DEPTH_MAX 100
#define ROUTE_SEGMENTS_MAX 16 /* of a path template of HTTP's */
#define ROUTE_VARIABLES_MAX 8 /* in it */
#define REQUEST_ARENA_BYTES_FIRST (16u << 10)
#define REQUEST_ARENA_BYTES_MAX (16u << 20)
#define BATCH_ITEMS_MAX 1000
#define DEADLINE_MS_DEFAULT 5000u
#define DEADLINE_MS_MAX 300000u
#define IDEMPOTENCY_KEY_BYTES_MIN 16
#define IDEMPOTENCY_KEY_BYTES_MAX 128
#define CREDENTIAL_BYTES_MAX 4096
#define EMAIL_BYTES_MAX 254      /* RFC 5321 */
#define TOKEN_NAME_BYTES_MAX 255 /* of an access token's iss and aud */
#define PASSWORD_CHARS_MIN 8
#define PASSWORD_BYTES_MAX 256
#define ORGS_PER_ACCOUNT_MAX 100 /* that it has made; operators of the platform have no limit */
#define PAGE_ITEMS_DEFAULT 50
#define PAGE_ITEMS_MAX 1000
#define PAGE_BYTES_MAX (1u << 20) /* of a page's items, where they may be long; or one item */

#endif
