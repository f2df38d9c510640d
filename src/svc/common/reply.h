/* reply.h - from our values to those of generated messages, in the call's arena.
 *
 * Errors of all: RESOURCE_EXHAUSTED (arena). Threads: the call's. Nothing blocks. */
#ifndef USHER_SVC_COMMON_REPLY_H
#define USHER_SVC_COMMON_REPLY_H

#include "gen/pb/google/protobuf/timestamp.pb-c.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "rpc/call.h"

/* UUID text; "" for nil. */
MUST_USE status reply_id(struct rpc_call *call, const struct uuid *id, char **out);
MUST_USE status reply_time(
    struct rpc_call *call, int64_t time_us, Google__Protobuf__Timestamp **out);

/* Columns: text ("" for NULL), uuid ("" for NULL), timestamptz (NULL for NULL), text[]. */
MUST_USE status reply_text_column(
    struct rpc_call *call, const struct rows *rows, int row, int column, char **out);
MUST_USE status reply_id_column(
    struct rpc_call *call, const struct rows *rows, int row, int column, char **out);
MUST_USE status reply_time_column(struct rpc_call *call, const struct rows *rows, int row,
    int column, Google__Protobuf__Timestamp **out);
MUST_USE status reply_texts_column(struct rpc_call *call, const struct rows *rows, int row,
    int column, char ***out, size_t *count);

/* The columns of a User, in the order in which every statement that gives one has them. */
enum user_column {
	USER_COLUMN_ID,
	USER_COLUMN_ORG_ID,
	USER_COLUMN_EXTERNAL_ID,
	USER_COLUMN_DISPLAY_NAME,
	USER_COLUMN_EMAIL,
	USER_COLUMN_STATUS,
	USER_COLUMN_ROLES,
	USER_COLUMN_LOCALE,
	USER_COLUMN_TIME_ZONE,
	USER_COLUMN_HAS_ACCOUNT,
	USER_COLUMN_VERSION,
	USER_COLUMN_CREATED_AT,
	USER_COLUMN_UPDATED_AT,
	USER_COLUMNS
};
/* Fill *out, which is initialised, from the row's first USER_COLUMNS columns. */
MUST_USE status reply_user(
    struct rpc_call *call, const struct rows *rows, int row, Usher__V1__User *out);

#endif
