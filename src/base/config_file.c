#include "base/config_file.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_."

static status
refuse_line(const struct config_file *file, struct strbuf *message, const char *what)
{
	strbuf_add_format(message, "%s:%u: %s", file->path, file->line, what);
	return REFUSE(ST_INVALID_ARGUMENT, "a setting is wrong");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *
skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

void
config_file_init(struct config_file *file, const char *path, struct slice text)
{
	*file = (struct config_file){.left = text, .path = path};
	if (slice_starts_with(text, "\xef\xbb\xbf"))
		file->left = slice_of(text.data + 3, text.bytes - 3);
}

static struct slice
take_line(struct config_file *file)
{
	struct slice left = file->left;
	const uint8_t *end = left.bytes != 0 ? memchr(left.data, '\n', left.bytes) : NULL;
	struct slice line = slice_of(left.data, end ? (size_t)(end - left.data) : left.bytes);
	size_t taken = line.bytes + (end != NULL);

	file->left = slice_of(left.data + taken, left.bytes - taken);
	file->line++;
	if (line.bytes != 0 && line.data[line.bytes - 1] == '\r')
		line.bytes--;
	return line;
}

/* at stands behind the opening quote; the text is unescaped in place. */
static status
parse_quoted(
    const struct config_file *file, char *at, struct config_item *item, struct strbuf *message)
{
	char *out = at;
	const char *rest;

	item->quoted = true;
	item->value = at;
	for (; *at != '"'; at++) {
		if (*at == '\0')
			return refuse_line(file, message, "the quotes are not closed");
		if (*at != '\\') {
			*out++ = *at;
			continue;
		}
		at++;
		if (*at == '"' || *at == '\\')
			*out++ = *at;
		else if (*at == 'n')
			*out++ = '\n';
		else if (*at == 't')
			*out++ = '\t';
		else
			return refuse_line(
			    file, message, "in quotes, \\ stands before \", \\, n or t only");
	}
	rest = skip_blanks(at + 1);
	*out = '\0';
	if (*rest != '\0' && *rest != '#')
		return refuse_line(file, message, "there is text behind the quotes");
	return STATUS_OK;
}

static void
parse_bare(char *at, struct config_item *item)
{
	size_t bytes = strlen(at);

	while (bytes != 0 && is_blank(at[bytes - 1]))
		bytes--;
	at[bytes] = '\0';
	item->value = at;
	item->comment_at = at[0] == '#' ? 0 : SIZE_MAX;
	for (size_t i = 1; i < bytes && item->comment_at == SIZE_MAX; i++)
		if (at[i] == '#' && is_blank(at[i - 1]))
			item->comment_at = i;
}

/* text is the whole line, ours to change, and neither empty nor a comment. */
static status
parse_setting(
    const struct config_file *file, char *text, struct config_item *item, struct strbuf *message)
{
	size_t name_bytes = strspn(text, NAME_CHARS);
	char *at = (char *)skip_blanks(text + name_bytes);

	if (name_bytes == 0 || *at != '=')
		return refuse_line(file, message, "a line reads: name = value");
	at = (char *)skip_blanks(at + 1);
	text[name_bytes] = '\0';
	*item = (struct config_item){.name = text, .comment_at = SIZE_MAX};
	if (*at == '"')
		return parse_quoted(file, at + 1, item, message);
	parse_bare(at, item);
	return STATUS_OK;
}

status
config_file_next(struct config_file *file, struct arena *arena, struct config_item *item,
    bool *found, struct strbuf *message)
{
	while (file->left.bytes != 0) {
		struct slice line = take_line(file);
		char *text;

		if (line.bytes != 0 && memchr(line.data, '\0', line.bytes))
			return refuse_line(file, message, "there is a NUL in the line");
		if (!utf8_is_valid(line))
			return refuse_line(file, message, "the line is not UTF-8");
		while (line.bytes != 0 && is_blank((char)*line.data))
			line = slice_of(line.data + 1, line.bytes - 1);
		if (line.bytes == 0 || *line.data == '#')
			continue;
		text = arena_copy(arena, line.data, line.bytes);
		if (!text)
			return ARENA_EXHAUSTED;
		TRY(parse_setting(file, text, item, message));
		*found = true;
		return STATUS_OK;
	}
	*found = false;
	return STATUS_OK;
}

status
config_item_finish(const struct config_file *file, const struct config_row *row,
    struct config_item *item, struct strbuf *message)
{
	size_t bytes = item->comment_at;

	if (bytes == SIZE_MAX)
		return STATUS_OK;
	/* Nothing but a comment is an empty value, and clear enough. */
	if (row->type == CONFIG_TEXT && bytes != 0)
		return refuse_line(file, message,
		    "is what stands behind # a comment? Put it on a line of its own, or the value "
		    "in quotes");
	while (bytes != 0 && is_blank(item->value[bytes - 1]))
		bytes--;
	item->value[bytes] = '\0';
	item->comment_at = SIZE_MAX;
	return STATUS_OK;
}
