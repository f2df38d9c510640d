/* Lines and comments, from SourceCodeInfo. */
#include "plugin/model.h"

#include <stdarg.h>
#include <stdio.h>

typedef Google__Protobuf__SourceCodeInfo__Location location;

/* Field numbers in descriptor.proto. */
enum { FIELD_OPTIONS = 8, METHOD_OPTIONS = 4 };
/* Of our extensions. */
enum { RULES = 50700, FIELD = 50701 };

#define PATH_MAX_COUNT (2 * MODEL_DEPTH_MAX + 8)

/* The first location at that path or below it; the compiler writes an option's location with the
 * index of a repeated member behind, or as a whole. */
static const location *
find_location(const file_proto *file, const int32_t *path, size_t count, bool below)
{
	const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;

	for (size_t i = 0; info && i < info->n_location; i++) {
		const location *l = info->location[i];
		if ((below ? l->n_path >= count : l->n_path == count) &&
		    memcmp(l->path, path, count * sizeof *path) == 0)
			return l;
	}
	return NULL;
}

static int
location_line(const location *l)
{
	return l && l->n_span ? l->span[0] + 1 : 0;
}

/* What a place's options are declared in, and the numbers that lead to them. */
static const ProtobufCMessageDescriptor *
options_of(const struct model_place *place, int32_t *options, int32_t *extension)
{
	bool is_method = strncmp(place->what, "method ", 7) == 0;

	*options = is_method ? METHOD_OPTIONS : FIELD_OPTIONS;
	*extension = is_method ? RULES : FIELD;
	return is_method ? &usher__v1__method_rules__descriptor
			 : &usher__v1__field_rules__descriptor;
}

int
model_line(const struct model_place *place, const char *option)
{
	int32_t path[PATH_MAX_COUNT];
	size_t count = place->path_count;
	int line = 0;

	memcpy(path, place->path, count * sizeof path[0]);
	if (option) {
		const ProtobufCMessageDescriptor *rules =
		    options_of(place, &path[count], &path[count + 1]);
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field_by_name(rules, option);
		path[count + 2] = field ? (int32_t)field->id : 0;
		line = location_line(find_location(place->file->proto, path, count + 3, true));
		if (!line)
			line =
			    location_line(find_location(place->file->proto, path, count + 2, true));
	}
	return line ? line : location_line(find_location(place->file->proto, path, count, false));
}

void
model_refuse(struct model *model, const struct model_place *place, const char *option,
    const char *format, ...)
{
	int line = model_line(place, option);
	char text[512];
	va_list args;

	if (model->errors_count++ >= MODEL_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);

	if (model->errors->bytes)
		strbuf_add_char(model->errors, '\n');
	strbuf_add_text(model->errors, place->file->name);
	if (line)
		strbuf_add_format(model->errors, ":%d", line);
	strbuf_add_format(model->errors, ": %s: ", place->what);
	if (option)
		strbuf_add_format(model->errors, "option %s: ", option);
	strbuf_add_text(model->errors, text);
}

/* "// text" and " * text" come without their markers, but with the space behind. */
static char *
trim_lines(struct arena *arena, const char *text)
{
	char *out = arena_alloc(arena, strlen(text) + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	while (*text) {
		if (*text == ' ')
			text++;
		while (*text && *text != '\n')
			out[n++] = *text++;
		while (n && (out[n - 1] == ' ' || out[n - 1] == '\r'))
			n--;
		if (*text == '\n') {
			out[n++] = '\n';
			text++;
		}
	}
	while (n && out[n - 1] == '\n')
		n--;
	out[n] = '\0';
	return out;
}

status
model_comment_read(struct model *model, struct model_place *place)
{
	const location *l =
	    find_location(place->file->proto, place->path, place->path_count, false);
	const char *text = NULL;

	if (l)
		text = l->leading_comments ? l->leading_comments : l->trailing_comments;
	place->comment = text ? trim_lines(model->arena, text) : "";
	return place->comment ? STATUS_OK : ARENA_EXHAUSTED;
}
