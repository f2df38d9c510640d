#include "svc/common/reply.h"

#define NS_PER_US 1000

status
reply_id(struct rpc_call *call, const struct uuid *id, char **out)
{
	char text[UUID_TEXT_BYTES] = "";
	char *copy;

	if (!uuid_is_nil(id))
		uuid_format(id, text);
	copy = arena_copy_text(call->arena, text);
	if (!copy)
		return ARENA_EXHAUSTED;
	*out = copy;
	return STATUS_OK;
}

status
reply_time(struct rpc_call *call, int64_t time_us, Google__Protobuf__Timestamp **out)
{
	Google__Protobuf__Timestamp *time = arena_alloc(call->arena, sizeof(*time));
	int64_t fraction_us = time_us % US_PER_S;

	if (!time)
		return ARENA_EXHAUSTED;
	google__protobuf__timestamp__init(time);
	time->seconds = time_us / US_PER_S;
	if (fraction_us < 0) {
		/* Nanoseconds count forwards, before 1970 too. */
		fraction_us += US_PER_S;
		time->seconds--;
	}
	time->nanos = (int32_t)(fraction_us * NS_PER_US);
	*out = time;
	return STATUS_OK;
}

status
reply_text_column(struct rpc_call *call, const struct rows *rows, int row, int column, char **out)
{
	char *text = row_text(rows, row, column, call->arena);

	if (!text)
		return ARENA_EXHAUSTED;
	*out = text;
	return STATUS_OK;
}

status
reply_id_column(struct rpc_call *call, const struct rows *rows, int row, int column, char **out)
{
	struct uuid id = row_uuid(rows, row, column);

	return reply_id(call, &id, out);
}

status
reply_time_column(struct rpc_call *call, const struct rows *rows, int row, int column,
    Google__Protobuf__Timestamp **out)
{
	if (row_is_null(rows, row, column)) {
		*out = NULL;
		return STATUS_OK;
	}
	return reply_time(call, row_time_us(rows, row, column), out);
}

status
reply_texts_column(
    struct rpc_call *call, const struct rows *rows, int row, int column, char ***out, size_t *count)
{
	struct slice *items;
	size_t items_count;
	char **texts;

	TRY(row_texts(rows, row, column, call->arena, &items, &items_count));
	texts = arena_alloc(call->arena, items_count * sizeof(*texts));
	if (!texts)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < items_count; i++) {
		texts[i] = arena_copy(call->arena, items[i].data, items[i].bytes);
		if (!texts[i])
			return ARENA_EXHAUSTED;
	}
	*out = texts;
	*count = items_count;
	return STATUS_OK;
}

status
reply_user(struct rpc_call *call, const struct rows *rows, int row, Usher__V1__User *out)
{
	TRY(reply_id_column(call, rows, row, USER_COLUMN_ID, &out->user_id));
	TRY(reply_id_column(call, rows, row, USER_COLUMN_ORG_ID, &out->org_id));
	TRY(reply_text_column(call, rows, row, USER_COLUMN_EXTERNAL_ID, &out->external_id));
	TRY(reply_text_column(call, rows, row, USER_COLUMN_DISPLAY_NAME, &out->display_name));
	TRY(reply_text_column(call, rows, row, USER_COLUMN_EMAIL, &out->email));
	out->status = (Usher__V1__UserStatus)row_int(rows, row, USER_COLUMN_STATUS);
	TRY(reply_texts_column(call, rows, row, USER_COLUMN_ROLES, &out->roles, &out->n_roles));
	TRY(reply_text_column(call, rows, row, USER_COLUMN_LOCALE, &out->locale));
	TRY(reply_text_column(call, rows, row, USER_COLUMN_TIME_ZONE, &out->time_zone));
	out->has_account = row_bool(rows, row, USER_COLUMN_HAS_ACCOUNT);
	out->version = row_int(rows, row, USER_COLUMN_VERSION);
	TRY(reply_time_column(call, rows, row, USER_COLUMN_CREATED_AT, &out->created_at));
	return reply_time_column(call, rows, row, USER_COLUMN_UPDATED_AT, &out->updated_at);
}
