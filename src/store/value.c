#include "store/value.h"

#include "base/log.h"

#include <assert.h>
#include <endian.h>

/* Times are microseconds from 2000-01-01 there, from 1970-01-01 here. */
#define EPOCH_2000_US INT64_C(946684800000000)
#define JSONB_FORM 1
#define ARRAY_HEAD_BYTES 20
#define ARRAY_BYTES_MAX (64u << 20)

static const struct {
	Oid oid;
	const char *name;
	enum param_type param;
} known[STMT_TYPES] = {
    [STMT_TYPE_TEXT] = {25, "text", PARAM_TEXT},
    [STMT_TYPE_UUID] = {2950, "uuid", PARAM_UUID},
    [STMT_TYPE_INT8] = {20, "int8", PARAM_INT},
    [STMT_TYPE_INT4] = {23, "int4", PARAM_INT},
    [STMT_TYPE_BOOL] = {16, "bool", PARAM_BOOL},
    [STMT_TYPE_TIME] = {1184, "timestamptz", PARAM_TIME},
    [STMT_TYPE_BYTES] = {17, "bytea", PARAM_BYTES},
    [STMT_TYPE_JSON] = {3802, "jsonb", PARAM_JSON},
    [STMT_TYPE_DOUBLE] = {701, "float8", PARAM_DOUBLE},
    [STMT_TYPE_TEXT_ARRAY] = {1009, "text[]", PARAM_TEXTS},
    [STMT_TYPE_UUID_ARRAY] = {2951, "uuid[]", PARAM_UUIDS},
    [STMT_TYPE_INT8_ARRAY] = {1016, "int8[]", PARAM_INTS},
    [STMT_TYPE_BYTES_ARRAY] = {1001, "bytea[]", PARAM_BLOBS},
};

Oid
value_oid(enum stmt_type type)
{
	return known[type].oid;
}

const char *
value_type_name(enum stmt_type type)
{
	return known[type].name;
}

/* ---- parameters */

static char *
put_u32(char *at, uint32_t number)
{
	number = htobe32(number);
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

static char *
put_u64(char *at, uint64_t number)
{
	number = htobe64(number);
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

/* One element of an array: where it stands and how long it is. */
static struct slice
array_item(const struct param *param, size_t i, uint64_t *room)
{
	if (param->type == PARAM_TEXTS || param->type == PARAM_BLOBS)
		return param->texts[i];
	if (param->type == PARAM_UUIDS)
		return slice_of(param->uuid[i].bytes, UUID_BYTES);
	*room = htobe64((uint64_t)param->numbers[i]);
	return slice_of(room, sizeof(*room));
}

static status
encode_array(const struct param *param, Oid item_oid, struct arena *arena, struct slice *out)
{
	size_t bytes = ARRAY_HEAD_BYTES;
	uint64_t room;
	char *data, *at;

	for (size_t i = 0; i < param->count && bytes <= ARRAY_BYTES_MAX; i++)
		bytes += 4 + array_item(param, i, &room).bytes;
	if (bytes > ARRAY_BYTES_MAX)
		return ARENA_EXHAUSTED;
	data = at = arena_alloc(arena, bytes);
	if (!data)
		return ARENA_EXHAUSTED;
	at = put_u32(at, param->count > 0); /* dimensions: an empty array has none */
	at = put_u32(at, 0);                /* no NULL among them */
	at = put_u32(at, item_oid);
	if (param->count > 0) {
		at = put_u32(at, (uint32_t)param->count);
		at = put_u32(at, 1); /* SQL counts from 1 */
	}
	for (size_t i = 0; i < param->count; i++) {
		struct slice item = array_item(param, i, &room);

		at = put_u32(at, (uint32_t)item.bytes);
		if (item.bytes > 0)
			memcpy(at, item.data, item.bytes);
		at += item.bytes;
	}
	*out = slice_of(data, (size_t)(at - data));
	return STATUS_OK;
}

static status
encode_number(
    const struct param *param, enum stmt_type type, struct arena *arena, struct slice *out)
{
	char *data = arena_alloc(arena, sizeof(uint64_t)), *end;
	uint64_t bits;

	if (!data)
		return ARENA_EXHAUSTED;
	switch (type) {
	case STMT_TYPE_INT4:
		if (param->number < INT32_MIN || param->number > INT32_MAX)
			return REFUSE(ST_INVALID_ARGUMENT, "a number is out of range");
		end = put_u32(data, (uint32_t)param->number);
		break;
	case STMT_TYPE_BOOL:
		data[0] = param->number != 0;
		end = data + 1;
		break;
	case STMT_TYPE_DOUBLE:
		memcpy(&bits, &param->real, sizeof(bits));
		end = put_u64(data, bits);
		break;
	case STMT_TYPE_TIME:
		if (__builtin_sub_overflow(param->number, EPOCH_2000_US, (int64_t *)&bits))
			return REFUSE(ST_INVALID_ARGUMENT, "a time is out of range");
		end = put_u64(data, bits);
		break;
	default:
		end = put_u64(data, (uint64_t)param->number);
	}
	*out = slice_of(data, (size_t)(end - data));
	return STATUS_OK;
}

static status
encode_json(struct slice text, struct arena *arena, struct slice *out)
{
	char *data = arena_alloc(arena, text.bytes + 1);

	if (!data)
		return ARENA_EXHAUSTED;
	data[0] = JSONB_FORM;
	if (text.bytes > 0)
		memcpy(data + 1, text.data, text.bytes);
	*out = slice_of(data, text.bytes + 1);
	return STATUS_OK;
}

static status
encode_one(const struct param *param, enum stmt_type type, struct arena *arena, struct slice *out)
{
	switch (param->type) {
	case PARAM_TEXT:
	case PARAM_BYTES:
		*out = param->bytes;
		return STATUS_OK;
	case PARAM_JSON:
		return encode_json(param->bytes, arena, out);
	case PARAM_UUID:
		*out = slice_of(param->uuid->bytes, UUID_BYTES);
		return STATUS_OK;
	case PARAM_TEXTS:
		return encode_array(param, value_oid(STMT_TYPE_TEXT), arena, out);
	case PARAM_BLOBS:
		return encode_array(param, value_oid(STMT_TYPE_BYTES), arena, out);
	case PARAM_UUIDS:
		return encode_array(param, value_oid(STMT_TYPE_UUID), arena, out);
	case PARAM_INTS:
		return encode_array(param, value_oid(STMT_TYPE_INT8), arena, out);
	default:
		return encode_number(param, type, arena, out);
	}
}

static status
refuse_param(const struct stmt *stmt, const char *field, const char *why)
{
	log_event(LOG_ERROR, "statement_misused", "statement", stmt->name, "parameter", field,
	    "why", why, NULL);
	return REFUSE(ST_INTERNAL, "a statement was given what it does not take");
}

status
value_encode(const struct stmt *stmt, const struct param *params, size_t count, struct arena *arena,
    struct encoded *out)
{
	if (count != stmt->params_count || count > PARAMS_MAX)
		return refuse_param(stmt, "", "another number of parameters than declared");
	out->count = (int)count;
	for (size_t i = 0; i < count; i++) {
		const struct stmt_field *field = &stmt->params[i];
		struct slice value;

		out->types[i] = value_oid(field->type);
		out->formats[i] = 1;
		out->values[i] = NULL;
		out->lengths[i] = 0;
		if (params[i].type == PARAM_NULL) {
			if (!field->nullable)
				return refuse_param(
				    stmt, field->name, "NULL, and not declared with ?");
			continue;
		}
		if (params[i].type != known[field->type].param)
			return refuse_param(stmt, field->name, "another type than declared");
		TRY(encode_one(&params[i], field->type, arena, &value));
		if (value.bytes > INT32_MAX)
			return ARENA_EXHAUSTED;
		/* NULL would be SQL's NULL. */
		out->values[i] = value.data ? (const char *)value.data : "";
		out->lengths[i] = (int)value.bytes;
	}
	return STATUS_OK;
}

/* ---- results */

/* The column's bytes; *type is what the statement declares. */
static struct slice
get(const struct rows *rows, int row, int column, enum stmt_type *type)
{
	const struct stmt *stmt = &statements[rows->statement];
	const PGresult *result = rows->result;

	assert(row >= 0 && row < rows->count);
	assert(column >= 0 && (size_t)column < stmt->columns_count);
	*type = stmt->columns[column].type;
	assert(PQfformat(result, column) == 1);
	assert(PQftype(result, column) == value_oid(*type));
	return slice_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

static uint64_t
read_u64(const uint8_t *data)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	return be64toh(number);
}

static uint32_t
read_u32(const uint8_t *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return be32toh(number);
}

void
rows_done(struct rows *rows)
{
	PQclear(rows->result);
	rows->result = NULL;
	rows->count = 0;
}

bool
row_is_null(const struct rows *rows, int row, int column)
{
	assert(row >= 0 && row < rows->count);
	assert(column >= 0 && (size_t)column < statements[rows->statement].columns_count);
	return PQgetisnull(rows->result, row, column);
}

struct slice
row_slice(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);

	assert(type == STMT_TYPE_TEXT || type == STMT_TYPE_BYTES || type == STMT_TYPE_JSON);
	if (type == STMT_TYPE_JSON && value.bytes > 0) {
		assert(value.data[0] == JSONB_FORM);
		value = slice_of(value.data + 1, value.bytes - 1);
	}
	return value;
}

char *
row_text(const struct rows *rows, int row, int column, struct arena *arena)
{
	struct slice value = row_slice(rows, row, column);

	return arena_copy(arena, value.data, value.bytes);
}

int64_t
row_int(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);

	assert(type == STMT_TYPE_INT4 || type == STMT_TYPE_INT8);
	if (value.bytes == 0)
		return 0;
	return type == STMT_TYPE_INT4 ? (int32_t)read_u32(value.data)
				      : (int64_t)read_u64(value.data);
}

bool
row_bool(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);

	assert(type == STMT_TYPE_BOOL);
	return value.bytes > 0 && value.data[0] != 0;
}

double
row_double(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);
	uint64_t bits;
	double real;

	assert(type == STMT_TYPE_DOUBLE);
	if (value.bytes == 0)
		return 0;
	bits = read_u64(value.data);
	memcpy(&real, &bits, sizeof(real));
	return real;
}

int64_t
row_time_us(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);
	int64_t time_us;

	assert(type == STMT_TYPE_TIME);
	if (value.bytes == 0)
		return 0;
	time_us = (int64_t)read_u64(value.data);
	/* 'infinity' stays the greatest number there is. */
	if (time_us > INT64_MAX - EPOCH_2000_US)
		return INT64_MAX;
	return time_us == INT64_MIN ? INT64_MIN : time_us + EPOCH_2000_US;
}

struct uuid
row_uuid(const struct rows *rows, int row, int column)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);
	struct uuid uuid = {{0}};

	assert(type == STMT_TYPE_UUID);
	if (value.bytes == UUID_BYTES)
		memcpy(uuid.bytes, value.data, UUID_BYTES);
	return uuid;
}

/* The items of an array of one dimension, borrowed; NULL among them reads as empty. */
static status
read_array(struct slice value, struct arena *arena, struct slice **out, size_t *count)
{
	size_t items, at = ARRAY_HEAD_BYTES;
	struct slice *slices;

	if (value.bytes < ARRAY_HEAD_BYTES || read_u32(value.data) == 0) {
		items = 0;
	} else {
		assert(read_u32(value.data) == 1);
		items = read_u32(value.data + 12);
	}
	slices = arena_alloc(arena, items * sizeof(*slices));
	if (!slices)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < items; i++) {
		uint32_t bytes;

		assert(value.bytes - at >= 4);
		bytes = read_u32(value.data + at);
		at += 4;
		if (bytes == UINT32_MAX)
			bytes = 0;
		assert(value.bytes - at >= bytes);
		slices[i] = slice_of(value.data + at, bytes);
		at += bytes;
	}
	*out = slices;
	*count = items;
	return STATUS_OK;
}

status
row_texts(const struct rows *rows, int row, int column, struct arena *arena, struct slice **out,
    size_t *count)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type);

	assert(type == STMT_TYPE_TEXT_ARRAY);
	return read_array(value, arena, out, count);
}

status
row_uuids(const struct rows *rows, int row, int column, struct arena *arena, struct uuid **out,
    size_t *count)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type), *items;
	struct uuid *uuids;
	size_t n;

	assert(type == STMT_TYPE_UUID_ARRAY);
	TRY(read_array(value, arena, &items, &n));
	uuids = arena_alloc(arena, n * sizeof(*uuids));
	if (!uuids)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < n; i++) {
		if (items[i].bytes == UUID_BYTES)
			memcpy(uuids[i].bytes, items[i].data, UUID_BYTES);
	}
	*out = uuids;
	*count = n;
	return STATUS_OK;
}

status
row_ints(
    const struct rows *rows, int row, int column, struct arena *arena, int64_t **out, size_t *count)
{
	enum stmt_type type;
	struct slice value = get(rows, row, column, &type), *items;
	int64_t *numbers;
	size_t n;

	assert(type == STMT_TYPE_INT8_ARRAY);
	TRY(read_array(value, arena, &items, &n));
	numbers = arena_alloc(arena, n * sizeof(*numbers));
	if (!numbers)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < n; i++) {
		if (items[i].bytes == sizeof(uint64_t))
			numbers[i] = (int64_t)read_u64(items[i].data);
	}
	*out = numbers;
	*count = n;
	return STATUS_OK;
}
