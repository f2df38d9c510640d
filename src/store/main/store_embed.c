/* store_embed - from .sql files to C, at build time.
 *
 *   store_embed statements OUT.h OUT.c FILE.sql...
 *   store_embed migrations OUT.c SUMS        (SUMS: what sha256sum printed)
 *
 * A statement is named by its path, .../<service>/<name>.sql, and begins with its header:
 *
 *   -- What it does, in a sentence or more.
 *   -- scope: org
 *   -- in: org_id uuid, id uuid, nick_name text?
 *   -- out: id uuid, display_name text, disabled_at timestamptz?
 *
 * in and out may be "none"; a list that ends in a comma goes on in the next line. "?" stands for
 * "may be NULL". What is wrong is said with file and line, and the build fails. */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)
#define OUTPUT_BYTES_MAX (64u << 20)
#define NAME_BYTES_MAX 64
#define FIELDS_MAX 64

struct field {
	char name[NAME_BYTES_MAX];
	const char *type; /* "UUID_ARRAY" of STMT_TYPE_UUID_ARRAY */
	bool nullable;
};

struct fields {
	bool declared;
	size_t count;
	struct field items[FIELDS_MAX];
};

struct statement {
	const char *path;
	char name[2 * NAME_BYTES_MAX]; /* "auth/credential_by_email" */
	char symbol[2 * NAME_BYTES_MAX];
	char text_scope[16];
	bool described;
	struct fields in, out;
	struct strbuf source;
	const char *text; /* behind the header, in source */
};

/* What a line of a header is read with. */
struct reader {
	const char *path;
	unsigned line;
};

static const struct {
	const char *written, *symbol;
} types[] = {
    {"text", "TEXT"},
    {"uuid", "UUID"},
    {"int8", "INT8"},
    {"int4", "INT4"},
    {"bool", "BOOL"},
    {"timestamptz", "TIME"},
    {"bytea", "BYTES"},
    {"jsonb", "JSON"},
    {"float8", "DOUBLE"},
    {"text[]", "TEXT_ARRAY"},
    {"uuid[]", "UUID_ARRAY"},
    {"int8[]", "INT8_ARRAY"},
    {"bytea[]", "BYTES_ARRAY"},
};

static const char *const scopes[] = {"org", "account", "directory", "platform", "job"};

static void
fail(const struct reader *at, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));

static void
fail(const struct reader *at, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: error: ", at->path, at->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void
read_file(const char *path, struct strbuf *out)
{
	struct reader at = {path, 1};
	FILE *file = fopen(path, "rb");
	char chunk[4096];
	size_t bytes;

	if (!file)
		fail(&at, "cannot be read: %s", strerror(errno));
	strbuf_init(out, FILE_BYTES_MAX);
	while ((bytes = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(out, chunk, bytes);
	if (ferror(file) || out->failed)
		fail(&at, "cannot be read, or is larger than %u bytes", FILE_BYTES_MAX);
	fclose(file);
	if (memchr(strbuf_text(out), '\0', out->bytes) ||
	    !utf8_is_valid(slice_of(out->data, out->bytes)))
		fail(&at, "is not UTF-8 text");
}

static void
write_file(const char *path, const struct strbuf *text)
{
	struct reader at = {path, 1};
	FILE *file;

	if (text->failed)
		fail(&at, "the output is too large");
	file = fopen(path, "wb");
	if (!file || fwrite(text->data, 1, text->bytes, file) != text->bytes || fclose(file) != 0)
		fail(&at, "cannot be written: %s", strerror(errno));
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* A word of lower-case letters, digits and _ that starts with a letter. */
static bool
is_name(const char *text, size_t bytes)
{
	if (bytes == 0 || bytes >= NAME_BYTES_MAX || text[0] < 'a' || text[0] > 'z')
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (!is_name_char(text[i]))
			return false;
	}
	return true;
}

static void
make_upper(char *text)
{
	for (; *text; text++) {
		if (*text >= 'a' && *text <= 'z')
			*text = (char)(*text - 'a' + 'A');
		else if (*text == '/')
			*text = '_';
	}
}

/* ".../auth/credential.sql" gives "auth/credential" and "AUTH_CREDENTIAL". */
static void
name_statement(struct statement *statement)
{
	struct reader at = {statement->path, 1};
	const char *name = strrchr(statement->path, '/'), *service = name;
	size_t service_bytes, name_bytes;

	while (service && service > statement->path && service[-1] != '/')
		service--;
	if (!name || service == name)
		fail(&at, "a statement stands in <service>/<name>.sql");
	service_bytes = (size_t)(name - service);
	name_bytes = strlen(name + 1);
	if (name_bytes < 5 || strcmp(name + 1 + name_bytes - 4, ".sql") != 0)
		fail(&at, "a statement's name ends in .sql");
	name_bytes -= 4;
	if (!is_name(service, service_bytes) || !is_name(name + 1, name_bytes))
		fail(&at, "service and name are lower-case letters, digits and _");
	snprintf(statement->name, sizeof(statement->name), "%.*s/%.*s", (int)service_bytes, service,
	    (int)name_bytes, name + 1);
	memcpy(statement->symbol, statement->name, sizeof(statement->symbol));
	make_upper(statement->symbol);
}

/* "nick_name text?" */
static void
add_field(const struct reader *at, struct fields *fields, const char *text, size_t bytes)
{
	size_t name_bytes = strcspn(text, " \t,\n"), type_at, type_bytes;
	struct field *field = &fields->items[fields->count];

	if (name_bytes > bytes || !is_name(text, name_bytes))
		fail(at, "\"%.*s\" is no \"name type\"", (int)bytes, text);
	if (fields->count == FIELDS_MAX)
		fail(at, "more than %d", FIELDS_MAX);
	*field = (struct field){0};
	memcpy(field->name, text, name_bytes);
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->items[i].name, field->name) == 0)
			fail(at, "\"%s\" is there twice", field->name);
	}
	type_at = name_bytes + strspn(text + name_bytes, " \t");
	type_bytes = type_at < bytes ? bytes - type_at : 0;
	if (type_bytes > 0 && text[type_at + type_bytes - 1] == '?') {
		field->nullable = true;
		type_bytes--;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (slice_equals_text(slice_of(text + type_at, type_bytes), types[i].written))
			field->type = types[i].symbol;
	}
	if (!field->type)
		fail(at,
		    "\"%.*s\" is none of our types (text uuid int8 int4 bool timestamptz bytea "
		    "jsonb "
		    "float8 text[] uuid[] int8[] bytea[])",
		    (int)type_bytes, text + type_at);
	fields->count++;
}

/* A line's worth of a list; true when it goes on in the next. */
static bool
add_fields(const struct reader *at, struct fields *fields, const char *text, size_t bytes)
{
	if (slice_equals_text(slice_of(text, bytes), "none"))
		return false;
	while (bytes > 0) {
		const char *comma = memchr(text, ',', bytes);
		size_t item_bytes = comma ? (size_t)(comma - text) : bytes, skip;

		add_field(at, fields, text, item_bytes);
		if (!comma)
			return false;
		text += item_bytes + 1;
		bytes -= item_bytes + 1;
		skip = strspn(text, " \t");
		skip = skip < bytes ? skip : bytes;
		text += skip;
		bytes -= skip;
	}
	return true;
}

static void
set_scope(const struct reader *at, struct statement *statement, const char *text, size_t bytes)
{
	if (statement->text_scope[0])
		fail(at, "a second scope");
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (!slice_equals_text(slice_of(text, bytes), scopes[i]))
			continue;
		snprintf(statement->text_scope, sizeof(statement->text_scope), "%s", scopes[i]);
		make_upper(statement->text_scope);
		return;
	}
	fail(at, "scope is org, account, directory, platform or job, not \"%.*s\"", (int)bytes,
	    text);
}

/* Does the line say "key:"? Then *text is what follows. */
static bool
has_key(const char *key, const char **text, size_t *bytes)
{
	size_t key_bytes = strlen(key), skip;

	if (*bytes < key_bytes || memcmp(*text, key, key_bytes) != 0)
		return false;
	*text += key_bytes;
	*bytes -= key_bytes;
	skip = strspn(*text, " \t");
	skip = skip < *bytes ? skip : *bytes;
	*text += skip;
	*bytes -= skip;
	return true;
}

/* One comment line of the header, without its "--". Returns the list that goes on, or NULL. */
static struct fields *
read_header_line(const struct reader *at, struct statement *statement, struct fields *open,
    const char *text, size_t bytes)
{
	struct fields *fields = NULL;

	while (bytes > 0 && strchr(" \t\r", text[bytes - 1]))
		bytes--;
	while (bytes > 0 && (*text == ' ' || *text == '\t'))
		text++, bytes--;
	if (open)
		return add_fields(at, open, text, bytes) ? open : NULL;
	if (has_key("scope:", &text, &bytes)) {
		set_scope(at, statement, text, bytes);
		return NULL;
	}
	if (has_key("in:", &text, &bytes))
		fields = &statement->in;
	else if (has_key("out:", &text, &bytes))
		fields = &statement->out;
	if (!fields) {
		statement->described |= bytes > 0;
		return NULL;
	}
	if (fields->declared)
		fail(at, "a second %s", fields == &statement->in ? "in" : "out");
	fields->declared = true;
	return bytes > 0 && add_fields(at, fields, text, bytes) ? fields : NULL;
}

static void
read_statement(const char *path, struct statement *statement)
{
	struct reader at = {path, 0};
	struct fields *open = NULL;
	const char *line;

	*statement = (struct statement){.path = path};
	name_statement(statement);
	read_file(path, &statement->source);
	line = strbuf_text(&statement->source);
	while (line[0] == '-' && line[1] == '-') {
		size_t bytes = strcspn(line, "\n");

		at.line++;
		open = read_header_line(&at, statement, open, line + 2, bytes - 2);
		line += bytes + (line[bytes] == '\n');
	}
	at.line++;
	if (open)
		fail(&at, "the list above ends in a comma");
	if (!statement->described)
		fail(&at, "the header doesn't say what the statement does");
	if (!statement->text_scope[0])
		fail(&at, "the header lacks \"-- scope:\"");
	if (!statement->in.declared)
		fail(&at, "the header lacks \"-- in:\"");
	if (!statement->out.declared)
		fail(&at, "the header lacks \"-- out:\"");
	statement->text = line + strspn(line, " \t\r\n");
	if (!*statement->text)
		fail(&at, "there is no statement below the header");
}

/* As adjacent C strings, a line each. */
static void
emit_text(struct strbuf *out, const char *text)
{
	bool open = false;

	for (; *text; text++) {
		if (!open)
			strbuf_add_text(out, "\n    \"");
		open = true;
		if (*text == '\n') {
			strbuf_add_text(out, "\\n\"");
			open = false;
		} else if (*text == '"' || *text == '\\') {
			strbuf_add_format(out, "\\%c", *text);
		} else if ((unsigned char)*text < 0x20 || *text == '?') {
			/* "?": C's trigraphs. */
			strbuf_add_format(out, "\\%03o", (unsigned char)*text);
		} else {
			strbuf_add_char(out, *text);
		}
	}
	if (open)
		strbuf_add_char(out, '"');
}

static void
emit_statements_header(struct strbuf *out, const struct statement *statements, size_t count)
{
	strbuf_add_text(out,
	    "/* statements.h - generated by store_embed from src/store/sql. */\n"
	    "#ifndef USHER_STORE_STATEMENTS_H\n#define USHER_STORE_STATEMENTS_H\n\n"
	    "enum statement {\n");
	for (size_t i = 0; i < count; i++)
		strbuf_add_format(out, "\tSTMT_%s,\n", statements[i].symbol);
	strbuf_add_text(out, "\tSTMT_COUNT\n};\n");
	for (size_t i = 0; i < count; i++) {
		const struct statement *statement = &statements[i];

		if (statement->out.count == 0)
			continue;
		strbuf_add_format(out, "\n/* %s */\nenum {\n", statement->name);
		for (size_t j = 0; j < statement->out.count; j++) {
			char column[NAME_BYTES_MAX];

			memcpy(column, statement->out.items[j].name, sizeof(column));
			make_upper(column);
			strbuf_add_format(out, "\t%s_%s = %zu,\n", statement->symbol, column, j);
		}
		strbuf_add_text(out, "};\n");
	}
	strbuf_add_text(out, "\n#endif\n");
}

static void
emit_fields(struct strbuf *out, size_t number, const char *what, const struct fields *fields)
{
	if (fields->count == 0)
		return;
	strbuf_add_format(out, "static const struct stmt_field %s_%zu[] = {\n", what, number);
	for (size_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->items[i];

		strbuf_add_format(out, "\t{\"%s\", STMT_TYPE_%s, %s},\n", field->name, field->type,
		    field->nullable ? "true" : "false");
	}
	strbuf_add_text(out, "};\n");
}

static void
emit_statements_source(struct strbuf *out, const struct statement *statements, size_t count)
{
	strbuf_add_text(out, "/* statements.c - generated by store_embed from src/store/sql. */\n"
			     "#include \"store/statement.h\"\n\n#include <stddef.h>\n\n");
	for (size_t i = 0; i < count; i++) {
		emit_fields(out, i, "in", &statements[i].in);
		emit_fields(out, i, "out", &statements[i].out);
	}
	strbuf_add_text(out, "\nconst struct stmt statements[STMT_COUNT] = {\n");
	for (size_t i = 0; i < count; i++) {
		const struct statement *statement = &statements[i];

		strbuf_add_format(
		    out, "\t{\"%s\", STMT_SCOPE_%s, ", statement->name, statement->text_scope);
		if (statement->in.count)
			strbuf_add_format(out, "in_%zu, %zu, ", i, statement->in.count);
		else
			strbuf_add_text(out, "NULL, 0, ");
		if (statement->out.count)
			strbuf_add_format(out, "out_%zu, %zu,", i, statement->out.count);
		else
			strbuf_add_text(out, "NULL, 0,");
		emit_text(out, statement->text);
		strbuf_add_text(out, "},\n");
	}
	strbuf_add_text(out, "};\n");
}

static void
embed_statements(const char *header, const char *source, char **paths, size_t count)
{
	struct statement *statements = calloc(count ? count : 1, sizeof(*statements));
	struct reader at = {header, 1};
	struct strbuf out;

	if (!statements || count == 0)
		fail(&at, "no statements, or no memory");
	for (size_t i = 0; i < count; i++)
		read_statement(paths[i], &statements[i]);
	strbuf_init(&out, OUTPUT_BYTES_MAX);
	emit_statements_header(&out, statements, count);
	write_file(header, &out);
	strbuf_reset(&out);
	emit_statements_source(&out, statements, count);
	write_file(source, &out);
	strbuf_done(&out);
	for (size_t i = 0; i < count; i++)
		strbuf_done(&statements[i].source);
	free(statements);
}

/* The number behind "-- serves-from: " in the header; 0 without one. */
static unsigned
read_serves_from(const struct reader *at, const char *text)
{
	unsigned serves_from = 0;

	for (; text[0] == '-' && text[1] == '-';
	     text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, "-- serves-from:", 15) == 0 &&
		    (sscanf(text + 15, "%u", &serves_from) != 1 || serves_from == 0))
			fail(at, "serves-from wants a schema's number");
	}
	return serves_from;
}

static bool
has_no_transaction(const char *text)
{
	for (; text[0] == '-' && text[1] == '-';
	     text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, "-- no transaction\n", 18) == 0)
			return true;
	}
	return false;
}

/* One line of sums: 64 hex digits, two spaces, a path. */
static void
embed_migration(struct strbuf *out, const char *line, unsigned number)
{
	char path[4096], sum[65];
	struct reader at = {path, 1};
	struct strbuf text;
	unsigned version = 0, serves_from;
	const char *name;
	int name_at = 0;

	if (sscanf(line, "%64[0-9a-f] %4095[^\n]", sum, path) != 2 || strlen(sum) != 64) {
		at.path = "sums";
		fail(&at, "no sum: %s", line);
	}
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (sscanf(name, "%4u_%n", &version, &name_at) != 1 || name_at != 5 || strlen(name) < 10 ||
	    strcmp(name + strlen(name) - 4, ".sql") != 0)
		fail(&at, "a migration is named NNNN_name.sql");
	if (!is_name(name + name_at, strlen(name) - 4 - (size_t)name_at))
		fail(&at, "its name is lower-case letters, digits and _");
	if (version != number)
		fail(&at, "migrations are numbered without a gap: %04u comes next", number);
	read_file(path, &text);
	serves_from = read_serves_from(&at, strbuf_text(&text));
	if (serves_from == 0 || serves_from > version)
		fail(&at, "the header lacks \"-- serves-from: N\": the lowest schema number that a "
			  "server may need and still be served by this schema");
	strbuf_add_format(out, "\t{%u, \"%.*s\", \"%s\", %u, %s,", version,
	    (int)(strlen(name) - 4 - (size_t)name_at), name + name_at, sum, serves_from,
	    has_no_transaction(strbuf_text(&text)) ? "true" : "false");
	emit_text(out, strbuf_text(&text));
	strbuf_add_text(out, "},\n");
	strbuf_done(&text);
}

static void
embed_migrations(const char *source, const char *sums_path)
{
	struct strbuf sums, out;
	unsigned number = 0;

	read_file(sums_path, &sums);
	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_add_text(&out,
	    "/* migrations.c - generated by store_embed from src/store/migrations. */\n"
	    "#include \"store/migrate.h\"\n\n"
	    "const struct migration migrations[] = {\n");
	for (const char *line = strbuf_text(&sums); *line;
	     line += strcspn(line, "\n"), line += *line == '\n')
		embed_migration(&out, line, ++number);
	strbuf_add_format(&out, "};\n\nconst int migrations_count = %u;\n", number);
	write_file(source, &out);
	strbuf_done(&out);
	strbuf_done(&sums);
}

/* A text as a C string. */
static void
emit_string(struct strbuf *out, const char *text)
{
	strbuf_add_text(out, "\n    \"\"");
	emit_text(out, text);
}

/* One line: kind, name and definition, with tabs between. */
static void
embed_object(struct strbuf *out, const struct reader *at, char *line)
{
	char *name = strchr(line, '\t'), *definition = name ? strchr(name + 1, '\t') : NULL;

	if (!definition)
		fail(at, "a line is KIND, NAME and DEFINITION with tabs between");
	*name++ = *definition++ = '\0';
	strbuf_add_text(out, "\t{");
	emit_string(out, line);
	strbuf_add_char(out, ',');
	emit_string(out, name);
	strbuf_add_char(out, ',');
	emit_string(out, definition);
	strbuf_add_text(out, "},\n");
}

static void
embed_objects(const char *source, const char *path)
{
	struct reader at = {path, 0};
	struct strbuf text, out;
	size_t count = 0;
	char *line, *rest;

	read_file(path, &text);
	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_add_text(&out, "/* objects.c - generated by store_embed from src/store/schema. */\n"
			      "#include \"store/schema.h\"\n\n"
			      "const struct schema_object schema_objects[] = {\n");
	rest = (char *)(uintptr_t)strbuf_text(&text);
	while ((line = strsep(&rest, "\n"))) {
		at.line++;
		if (line[0] == '\0' || line[0] == '#')
			continue;
		embed_object(&out, &at, line);
		count++;
	}
	strbuf_add_format(&out, "};\n\nconst size_t schema_objects_count = %zu;\n", count);
	write_file(source, &out);
	strbuf_done(&out);
	strbuf_done(&text);
}

int
main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "statements") == 0) {
		embed_statements(argv[2], argv[3], argv + 4, (size_t)argc - 4);
	} else if (argc == 4 && strcmp(argv[1], "migrations") == 0) {
		embed_migrations(argv[2], argv[3]);
	} else if (argc == 4 && strcmp(argv[1], "objects") == 0) {
		embed_objects(argv[2], argv[3]);
	} else {
		fprintf(stderr, "usage: store_embed statements OUT.h OUT.c FILE.sql...\n"
				"       store_embed migrations OUT.c SUMS\n"
				"       store_embed objects OUT.c FILE\n");
		return 2;
	}
	return 0;
}
