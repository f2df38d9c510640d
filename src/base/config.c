#include "base/config.h"

#include "base/config_file.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG_ARENA_BYTES_MAX (16u << 20)
#define SCRATCH_BYTES_MAX (4u << 20)
#define SECRET_FILE_BYTES_MAX (64u << 10)
#define NAME_BYTES_MAX 64
#define FILE_SUFFIX "_file"
#define VARIABLE_PREFIX "USHER_"
#define SLIP_LETTERS_MAX 2    /* two that changed places; with more it may be what others mean */
#define SLIP_NAME_BYTES_MIN 6 /* NODE, CODE and MODEL are words too, and as near to mode */

/* Never changed once it is seen; a reload puts another in its place. */
struct config_value {
	const char *text;
	int64_t number;
	enum config_origin origin;
	const char *where;
	const char *path; /* of a secret whose file has not been read: text and number are unset */
};

/* Lists of values go by the number of their row. What the arena holds stays there until
 * config_free(), so a text that was asked for outlives a reload. */
struct config {
	struct arena arena;
	const char *file; /* NULL: none */
	bool file_may_miss;
	size_t count;
	const struct config_value **defaults;
	const struct config_value **flags; /* NULL where there was none */
	_Atomic(const struct config_value *) *values;
};

/* What a value is set with. */
struct setting {
	size_t row;
	enum config_origin origin;
	const char *where;
	const char *text;
	bool is_path; /* text names the file that holds it */
};

static status
refuse(void)
{
	return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
}

static size_t
rows_count(void)
{
	size_t count = 0;

	while (config_rows[count].name)
		count++;
	return count;
}

const struct config_row *
config_row_find(const char *name)
{
	for (const struct config_row *row = config_rows; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* The row of that name; for NAME_file of a secret that secret's, and *is_path. */
static const struct config_row *
row_find_any(const char *name, bool *is_path)
{
	const struct config_row *row = config_row_find(name);
	char stem[NAME_BYTES_MAX];
	size_t bytes = strlen(name), suffix_bytes = strlen(FILE_SUFFIX);

	*is_path = false;
	if (row || bytes <= suffix_bytes || bytes - suffix_bytes >= sizeof(stem) ||
	    strcmp(name + bytes - suffix_bytes, FILE_SUFFIX) != 0)
		return row;
	memcpy(stem, name, bytes - suffix_bytes);
	stem[bytes - suffix_bytes] = '\0';
	row = config_row_find(stem);
	*is_path = row && row->secret;
	return *is_path ? row : NULL;
}

/* Variables have _ for . */
static char
fold(char c)
{
	return c == '.' ? '_' : c;
}

/* Insertions, deletions and exchanges that make one of the other. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[NAME_BYTES_MAX + 1];
	size_t b_bytes = strlen(b);

	for (size_t j = 0; j <= b_bytes; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b_bytes; j++) {
			size_t best = diagonal + (fold(a[i]) != fold(b[j]));
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[b_bytes];
}

static const char *
name_nearest(const char *name, size_t wrong_max)
{
	size_t best = wrong_max + 1;
	const char *nearest = NULL;

	if (strlen(name) > NAME_BYTES_MAX)
		return NULL;
	for (const struct config_row *row = config_rows; row->name; row++) {
		size_t distance;
		assert(strlen(row->name) + strlen(FILE_SUFFIX) < NAME_BYTES_MAX);
		distance = edit_distance(name, row->name);
		if (distance < best) {
			best = distance;
			nearest = row->name;
		}
	}
	return nearest;
}

const char *
config_name_nearest(const char *name)
{
	/* A third of the letters wrong is another word. */
	return name_nearest(name, strlen(name) / 3);
}

/* A whole file into text. Errors: NOT_FOUND (errno says why), RESOURCE_EXHAUSTED. */
static status
read_file(const char *path, struct strbuf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = -1;
	uint8_t *room;

	if (fd < 0)
		return REFUSE(ST_NOT_FOUND, "cannot open a file");
	while ((room = strbuf_reserve(text, 4096)) && (got = read(fd, room, 4096)) > 0)
		strbuf_commit(text, (size_t)got);
	if (room && got < 0) {
		int error = errno;
		close(fd);
		errno = error;
		return REFUSE(ST_NOT_FOUND, "cannot read a file");
	}
	close(fd);
	return strbuf_status(text);
}

/* A secret's text out of its file, less one newline at the end. */
static status
read_secret(struct config *config, const struct config_value *value, const char **text,
    struct strbuf *message)
{
	struct strbuf content;
	status got;

	strbuf_init(&content, SECRET_FILE_BYTES_MAX + 4096);
	got = read_file(value->path, &content);
	if (got.code != ST_OK) {
		strbuf_add_format(message, "%s: cannot read %s: %s", value->where, value->path,
		    got.code == ST_NOT_FOUND ? strerror(errno) : "it is too large");
		got = refuse();
	} else if (memchr(strbuf_text(&content), '\0', content.bytes)) {
		strbuf_add_format(
		    message, "%s: %s holds a NUL, so it is no text", value->where, value->path);
		got = refuse();
	} else {
		size_t bytes = content.bytes;
		if (bytes != 0 && content.data[bytes - 1] == '\n')
			bytes--;
		if (bytes != 0 && content.data[bytes - 1] == '\r')
			bytes--;
		*text = arena_copy(&config->arena, strbuf_text(&content), bytes);
		got = *text ? STATUS_OK : ARENA_EXHAUSTED;
	}
	strbuf_done(&content);
	return got;
}

/* Does the value's text suit its row? */
static status
value_parse(const struct config_row *row, struct config_value *value, struct strbuf *message)
{
	struct strbuf wants;
	status parsed;

	strbuf_init(&wants, 512);
	parsed = config_value_parse(row, value->text, &value->number, &wants);
	if (parsed.code != ST_OK)
		strbuf_add_format(
		    message, "%s: %s %s", value->where, row->name, strbuf_text(&wants));
	strbuf_done(&wants);
	return parsed;
}

/* Put a value that suits its row into slots; what stands in a secret's file is seen to later. */
static status
value_set(struct config *config, const struct config_value **slots, const struct setting *setting,
    struct strbuf *message)
{
	struct config_value *value = arena_alloc(&config->arena, sizeof(*value));
	char *text = arena_copy_text(&config->arena, setting->text);

	if (!value || !text)
		return ARENA_EXHAUSTED;
	value->origin = setting->origin;
	value->where = arena_copy_text(&config->arena, setting->where);
	if (!value->where)
		return ARENA_EXHAUSTED;
	if (setting->is_path) {
		value->path = text;
	} else {
		value->text = text;
		TRY(value_parse(&config_rows[setting->row], value, message));
	}
	slots[setting->row] = value;
	return STATUS_OK;
}

/* The secrets that count, out of their files: one that another layer goes over may be out of reach,
 * as for a service that is handed a copy of its own. */
static status
read_secrets(struct config *config, const struct config_value **slots, struct strbuf *message)
{
	for (size_t i = 0; i < config->count; i++) {
		struct config_value *value;

		if (!slots[i]->path)
			continue;
		value = arena_alloc(&config->arena, sizeof(*value));
		if (!value)
			return ARENA_EXHAUSTED;
		value->origin = slots[i]->origin;
		value->where = slots[i]->where;
		TRY(read_secret(config, slots[i], &value->text, message));
		TRY(value_parse(&config_rows[i], value, message));
		slots[i] = value;
	}
	return STATUS_OK;
}

static status
refuse_unknown(const char *where, const char *name, struct strbuf *message)
{
	const char *nearest = config_name_nearest(name);

	strbuf_add_format(message, "%s: unknown setting \"%s\"", where, name);
	if (nearest)
		strbuf_add_format(message, "; did you mean \"%s\"?", nearest);
	return refuse();
}

static status
apply_item(struct config *config, const struct config_value **slots, const struct config_file *file,
    struct config_item *item, struct strbuf *message)
{
	struct setting setting = {.origin = CONFIG_FILE};
	const struct config_row *row = row_find_any(item->name, &setting.is_path);
	char where[512];

	snprintf(where, sizeof(where), "%s:%u", file->path, file->line);
	if (!row)
		return refuse_unknown(where, item->name, message);
	TRY(config_item_finish(file, row, item, message));
	setting.row = (size_t)(row - config_rows);
	setting.where = where;
	setting.text = item->value;
	if (slots[setting.row]->origin == CONFIG_FILE) {
		strbuf_add_format(message, "%s: %s is set already at %s", where, row->name,
		    slots[setting.row]->where);
		return refuse();
	}
	return value_set(config, slots, &setting, message);
}

static status
apply_text(struct config *config, const struct config_value **slots, struct slice text,
    struct strbuf *message)
{
	struct config_file file;
	struct config_item item;
	struct arena scratch;
	bool found = true;
	status applied;

	TRY(arena_init(&scratch, 4096, SCRATCH_BYTES_MAX));
	config_file_init(&file, config->file, text);
	do {
		arena_reset(&scratch);
		applied = config_file_next(&file, &scratch, &item, &found, message);
		if (applied.code == ST_OK && found)
			applied = apply_item(config, slots, &file, &item, message);
	} while (applied.code == ST_OK && found);
	arena_done(&scratch);
	return applied;
}

static status
apply_file(struct config *config, const struct config_value **slots, struct strbuf *message)
{
	struct strbuf text;
	status applied;

	if (!config->file)
		return STATUS_OK;
	strbuf_init(&text, CONFIG_FILE_BYTES_MAX + 4096);
	applied = read_file(config->file, &text);
	if (applied.code == ST_OK) {
		applied =
		    apply_text(config, slots, slice_of(strbuf_text(&text), text.bytes), message);
	} else if (applied.code == ST_NOT_FOUND && errno == ENOENT && config->file_may_miss) {
		applied = STATUS_OK;
	} else {
		strbuf_add_format(message, "cannot read %s: %s", config->file,
		    applied.code == ST_NOT_FOUND ? strerror(errno) : "it is too large");
		applied = refuse();
	}
	strbuf_done(&text);
	return applied;
}

static void
variable_of(const char *row, const char *suffix, char out[CONFIG_VARIABLE_BYTES])
{
	snprintf(out, CONFIG_VARIABLE_BYTES, VARIABLE_PREFIX "%s%s", row, suffix);
	for (char *at = out; *at; at++)
		*at = (char)toupper((unsigned char)fold(*at));
}

static status
apply_environment(struct config *config, const struct config_value **slots, struct strbuf *message)
{
	for (size_t i = 0; i < config->count; i++) {
		struct setting setting = {.row = i, .origin = CONFIG_ENVIRONMENT};
		char name[CONFIG_VARIABLE_BYTES], file_name[CONFIG_VARIABLE_BYTES];
		const char *path = NULL;

		variable_of(config_rows[i].name, "", name);
		variable_of(config_rows[i].name, FILE_SUFFIX, file_name);
		setting.where = name;
		setting.text = getenv(name);
		if (config_rows[i].secret)
			path = getenv(file_name);
		if (setting.text && path) {
			strbuf_add_format(message, "%s and %s are both set", name, file_name);
			return refuse();
		}
		if (path) {
			setting.where = file_name;
			setting.text = path;
			setting.is_path = true;
		}
		if (setting.text)
			TRY(value_set(config, slots, &setting, message));
	}
	return STATUS_OK;
}

static bool
variable_is_slip(const char *variable, struct config_slip *slip)
{
	const size_t prefix_bytes = strlen(VARIABLE_PREFIX), suffix_bytes = strlen(FILE_SUFFIX);
	const size_t bytes = strcspn(variable, "=");
	char name[CONFIG_VARIABLE_BYTES];
	const char *nearest;
	size_t name_bytes;
	bool is_path = false;

	if (strncmp(variable, VARIABLE_PREFIX, prefix_bytes) != 0 || bytes >= sizeof(name))
		return false;
	name_bytes = bytes - prefix_bytes;
	snprintf(slip->name, sizeof(slip->name), "%.*s", (int)bytes, variable);
	for (size_t i = 0; i <= name_bytes; i++)
		name[i] = (char)tolower((unsigned char)slip->name[prefix_bytes + i]);
	/* First as it is: some settings' own names end in _file. */
	nearest = name_nearest(name, SLIP_LETTERS_MAX);
	if (!nearest && name_bytes > suffix_bytes &&
	    strcmp(name + name_bytes - suffix_bytes, FILE_SUFFIX) == 0) {
		name[name_bytes - suffix_bytes] = '\0';
		nearest = name_nearest(name, SLIP_LETTERS_MAX);
		is_path = nearest && config_row_find(nearest)->secret;
	}
	if (!nearest || strlen(nearest) < SLIP_NAME_BYTES_MIN)
		return false;
	variable_of(nearest, is_path ? FILE_SUFFIX : "", slip->nearest);
	return strcmp(slip->name, slip->nearest) != 0;
}

bool
config_slip_next(struct config_slip *slip)
{
	while (environ[slip->place])
		if (variable_is_slip(environ[slip->place++], slip))
			return true;
	return false;
}

/* The name in "--name" or "--name=value", and the value behind =, or NULL. */
static bool
split_flag(const char *argument, char name[NAME_BYTES_MAX], const char **value)
{
	size_t bytes;

	if (strncmp(argument, "--", 2) != 0)
		return false;
	argument += 2;
	bytes = strcspn(argument, "=");
	if (bytes == 0 || bytes >= NAME_BYTES_MAX)
		return false;
	memcpy(name, argument, bytes);
	name[bytes] = '\0';
	*value = argument[bytes] == '=' ? argument + bytes + 1 : NULL;
	return true;
}

static bool
is_bool_text(const char *text)
{
	static const struct config_row row = {.type = CONFIG_BOOL};
	struct strbuf ignored;
	int64_t number;
	bool is;

	strbuf_init(&ignored, 256);
	is = text && config_value_parse(&row, text, &number, &ignored).code == ST_OK;
	strbuf_done(&ignored);
	return is;
}

/* One setting from argv[*at]; *at moves to the last argument that it took. */
static status
apply_flag(struct config *config, const struct config_row *row, bool is_path, char **argv, int *at,
    const char *value, struct strbuf *message)
{
	char where[NAME_BYTES_MAX + 16];
	struct setting setting = {
	    .row = (size_t)(row - config_rows),
	    .origin = CONFIG_FLAG,
	    .is_path = is_path,
	    .where = where,
	    .text = value,
	};

	snprintf(where, sizeof(where), "--%s%s", row->name, is_path ? FILE_SUFFIX : "");
	if (!value && row->type == CONFIG_BOOL && !is_bool_text(argv[*at + 1])) {
		setting.text = "on";
	} else if (!value) {
		setting.text = argv[*at + 1];
		if (!setting.text) {
			strbuf_add_format(message, "%s wants a value", where);
			return refuse();
		}
		(*at)++;
	}
	return value_set(config, config->flags, &setting, message);
}

static status
apply_arguments(struct config *config, int argc, char **argv, bool want_file, char **rest,
    struct strbuf *message)
{
	char name[NAME_BYTES_MAX];
	const char *value;
	int at, rest_count = 0;

	for (at = 1; at < argc && strcmp(argv[at], "--") != 0; at++) {
		const struct config_row *row = NULL;
		bool is_path = false;
		bool is_flag = split_flag(argv[at], name, &value);

		if (is_flag && want_file && strcmp(name, "config") == 0) {
			config->file = value ? value : argv[++at];
			if (!config->file) {
				strbuf_add_text(message, "--config wants a value");
				return refuse();
			}
			continue;
		}
		if (is_flag)
			row = row_find_any(name, &is_path);
		if (row)
			TRY(apply_flag(config, row, is_path, argv, &at, value, message));
		else
			rest[rest_count++] = argv[at];
	}
	while (at < argc)
		rest[rest_count++] = argv[at++];
	rest[rest_count] = NULL;
	return STATUS_OK;
}

static status
choose_file(struct config *config, const char *file)
{
	if (file)
		config->file = file;
	if (!config->file)
		config->file = getenv("USHER_CONFIG");
	if (!config->file || *config->file == '\0') {
		config->file = "usher.conf";
		config->file_may_miss = true;
	}
	/* The caller's text may go; reloads need it. */
	config->file = arena_copy_text(&config->arena, config->file);
	return config->file ? STATUS_OK : ARENA_EXHAUSTED;
}

/* Defaults, file, environment, flags: each over the one before. */
static status
gather(struct config *config, const struct config_value **slots, struct strbuf *message)
{
	memcpy(slots, config->defaults, config->count * sizeof(*slots));
	TRY(apply_file(config, slots, message));
	TRY(apply_environment(config, slots, message));
	for (size_t i = 0; i < config->count; i++)
		if (config->flags[i])
			slots[i] = config->flags[i];
	return read_secrets(config, slots, message);
}

static status
fill(struct config *config, int argc, char **argv, const char *file, char ***rest,
    struct strbuf *message)
{
	const struct config_value **slots;
	char **left;

	config->count = rows_count();
	config->defaults = arena_alloc(&config->arena, config->count * sizeof(*config->defaults));
	config->flags = arena_alloc(&config->arena, config->count * sizeof(*config->flags));
	config->values = arena_alloc(&config->arena, config->count * sizeof(*config->values));
	slots = arena_alloc(&config->arena, config->count * sizeof(*slots));
	left = arena_alloc(&config->arena, ((size_t)argc + 1) * sizeof(*left));
	if (!config->defaults || !config->flags || !config->values || !slots || !left)
		return ARENA_EXHAUSTED;
	for (size_t i = 0; i < config->count; i++) {
		struct setting setting = {
		    .row = i, .where = "default", .text = config_rows[i].default_text};
		TRY(value_set(config, config->defaults, &setting, message));
	}
	TRY(apply_arguments(config, argc, argv, !file, left, message));
	TRY(choose_file(config, file));
	TRY(gather(config, slots, message));
	for (size_t i = 0; i < config->count; i++) {
		/* Flags stay as they are, also those whose file was a pipe. */
		if (config->flags[i])
			config->flags[i] = slots[i];
		atomic_init(&config->values[i], slots[i]);
	}
	if (rest)
		*rest = left;
	return STATUS_OK;
}

status
config_load(int argc, char **argv, const char *file, struct config **out, char ***rest,
    struct strbuf *message)
{
	struct config *config = calloc(1, sizeof(*config));
	status loaded;

	if (!config)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "out of memory");
	loaded = arena_init(&config->arena, 16u << 10, CONFIG_ARENA_BYTES_MAX);
	if (loaded.code == ST_OK)
		loaded = fill(config, argc, argv, file, rest, message);
	if (loaded.code == ST_OK)
		*out = config;
	else
		config_free(&config);
	return loaded;
}

void
config_free(struct config **config)
{
	if (!*config)
		return;
	arena_done(&(*config)->arena);
	free(*config);
	*config = NULL;
}

static void
replace_row(
    struct config *config, size_t i, const struct config_value *value, struct strbuf *message)
{
	const struct config_value *before = atomic_load(&config->values[i]);

	if (strcmp(before->text, value->text) == 0)
		return;
	if (config_rows[i].reloadable)
		atomic_store(&config->values[i], value);
	else
		strbuf_add_format(
		    message, "%s%s", message->bytes == 0 ? "" : ", ", config_rows[i].name);
}

status
config_reload(struct config *config, struct strbuf *message)
{
	const struct config_value **slots;

	slots = arena_alloc(&config->arena, config->count * sizeof(*slots));
	if (!slots)
		return ARENA_EXHAUSTED;
	TRY(gather(config, slots, message));
	for (size_t i = 0; i < config->count; i++)
		replace_row(config, i, slots[i], message);
	return STATUS_OK;
}

static size_t
row_number(const char *name)
{
	const struct config_row *row = config_row_find(name);

	assert(row);
	return (size_t)(row - config_rows);
}

static const struct config_value *
value_of(const struct config *config, const char *name)
{
	return atomic_load_explicit(&config->values[row_number(name)], memory_order_acquire);
}

const char *
config_text(const struct config *config, const char *name)
{
	assert(config_row_find(name) && config_row_find(name)->type == CONFIG_TEXT);
	return value_of(config, name)->text;
}

bool
config_bool(const struct config *config, const char *name)
{
	assert(config_row_find(name) && config_row_find(name)->type == CONFIG_BOOL);
	return value_of(config, name)->number != 0;
}

int64_t
config_int(const struct config *config, const char *name)
{
	const struct config_row *row = config_row_find(name);

	assert(row && row->type != CONFIG_TEXT && row->type != CONFIG_BOOL);
	return value_of(config, name)->number;
}

enum config_origin
config_origin(const struct config *config, const char *name)
{
	return value_of(config, name)->origin;
}

const char *
config_where(const struct config *config, const char *name)
{
	return value_of(config, name)->where;
}

const char *
config_shown(const struct config *config, const char *name)
{
	const char *text = value_of(config, name)->text;

	return config_rows[row_number(name)].secret && *text ? "***" : text;
}

status
config_set_default(struct config *config, const char *name, const char *text)
{
	struct strbuf message;
	struct setting setting = {.row = row_number(name), .where = "default", .text = text};
	status set;

	strbuf_init(&message, 1024);
	set = value_set(config, config->defaults, &setting, &message);
	if (set.code != ST_OK && message.bytes != 0) {
		const char *text_kept = arena_copy(&config->arena, message.data, message.bytes);
		set.message = text_kept ? text_kept : set.message;
	}
	strbuf_done(&message);
	TRY(set);
	if (config_origin(config, name) == CONFIG_DEFAULT)
		atomic_store(&config->values[setting.row], config->defaults[setting.row]);
	return STATUS_OK;
}

static void
print_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '\n' || *text == '\t') {
			fprintf(out, "\\%c", *text == '\n' ? 'n' : 't');
			continue;
		}
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void
config_print(const struct config *config, FILE *out)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_row *row = &config_rows[i];
		const char *shown = config_shown(config, row->name);

		/* A hidden secret is a comment, or the stars would be read back as one. */
		if (row->secret && *shown)
			fputs("# ", out);
		fprintf(out, "%s = ", row->name);
		if (row->type == CONFIG_TEXT)
			print_quoted(shown, out);
		else
			fputs(shown, out);
		fprintf(out, "   # %s\n", config_where(config, row->name));
	}
}
