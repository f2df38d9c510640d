/* gen/meta: field tables, a pair of files for each .proto file and one for the well-known types. */
#include "plugin/emit.h"

#include <stdio.h>

/* Which messages and enums go into one pair of files. */
struct group {
	const char *stem;
	const char *source;
	const struct model_file *file; /* NULL: what is reached in files that are not generated */
};

static bool
has_place(const struct group *group, const struct model_place *place, bool used)
{
	return used && (group->file ? place->file == group->file : !place->file->generated);
}

static const char *
flag_text(unsigned flag)
{
	switch (flag) {
	case META_REPEATED:
		return "META_REPEATED";
	case META_PACKED:
		return "META_PACKED";
	case META_MAP:
		return "META_MAP";
	case META_PRESENCE:
		return "META_PRESENCE";
	case META_SECRET:
		return "META_SECRET";
	case META_PII:
		return "META_PII";
	case META_JSON:
		return "META_JSON";
	default:
		return "META_REQUIRED";
	}
}

static const char *
type_text(enum meta_type type)
{
	static const char *const names[] = {NULL, "META_DOUBLE", "META_FLOAT", "META_INT64",
	    "META_UINT64", "META_INT32", "META_FIXED64", "META_FIXED32", "META_BOOL", "META_STRING",
	    NULL, "META_MESSAGE", "META_BYTES", "META_UINT32", "META_ENUM", "META_SFIXED32",
	    "META_SFIXED64", "META_SINT32", "META_SINT64"};

	return names[type];
}

static const char *
well_known_text(enum meta_well_known kind)
{
	static const char *const names[] = {"META_PLAIN", "META_TIMESTAMP", "META_DURATION",
	    "META_FIELD_MASK", "META_WRAPPER", "META_EMPTY", "META_STRUCT"};

	return names[kind];
}

static void
add_flags(struct strbuf *out, unsigned flags)
{
	const char *separator = "";

	for (unsigned flag = META_REPEATED; flag <= META_REQUIRED; flag <<= 1) {
		if (!(flags & flag))
			continue;
		strbuf_add_format(out, "%s%s", separator, flag_text(flag));
		separator = " | ";
	}
}

/* The least number has no literal of its own in C. */
static void
add_int64(struct strbuf *out, int64_t n)
{
	if (n == INT64_MIN)
		strbuf_add_text(out, "INT64_MIN");
	else
		strbuf_add_format(out, "INT64_C(%lld)", (long long)n);
}

static void
add_limits(struct strbuf *out, const Usher__V1__FieldRules *rules)
{
	if (rules->length_min)
		strbuf_add_format(out, ", .length_min = %u", (unsigned)rules->length_min);
	if (rules->length_max)
		strbuf_add_format(out, ", .length_max = %u", (unsigned)rules->length_max);
	if (rules->items_max)
		strbuf_add_format(out, ", .items_max = %u", (unsigned)rules->items_max);
	if (rules->range) {
		strbuf_add_text(out, ", .has_range = true, .range_min = ");
		add_int64(out, rules->range->min);
		strbuf_add_text(out, ", .range_max = ");
		add_int64(out, rules->range->max);
	}
}

static void
add_field(struct strbuf *out, const struct model_field *field)
{
	strbuf_add_format(
	    out, "\t{.number = %u, .type = %s", (unsigned)field->number, type_text(field->type));
	if (field->flags) {
		strbuf_add_text(out, ", .flags = ");
		add_flags(out, field->flags);
	}
	strbuf_add_format(
	    out, ", .oneof = %d,\n\t    .name = \"%s\", .json_name = ", field->oneof, field->name);
	emit_c_string(out, field->json_name);
	if (field->message)
		strbuf_add_format(out, ", .message = &%s", field->message->meta_name);
	if (field->enumeration)
		strbuf_add_format(out, ", .enumeration = &%s", field->enumeration->meta_name);
	add_limits(out, field->rules);
	strbuf_add_text(out, "},\n");
}

static void
add_message(struct strbuf *out, const struct model_message *message)
{
	if (message->fields_count) {
		strbuf_add_format(out, "\nstatic const struct meta_field fields_of_%s[] = {\n",
		    message->meta_name);
		for (size_t i = 0; i < message->fields_count; i++)
			add_field(out, &message->fields[i]);
		strbuf_add_text(out, "};\n");
	}
	strbuf_add_format(out, "\nconst struct meta_message %s = {\n\t.full_name = \"%s\",\n",
	    message->meta_name, message->full_name);
	if (message->fields_count)
		strbuf_add_format(out, "\t.fields = fields_of_%s,\n\t.fields_count = %zu,\n",
		    message->meta_name, message->fields_count);
	if (message->well_known != META_PLAIN)
		strbuf_add_format(
		    out, "\t.well_known = %s,\n", well_known_text(message->well_known));
	if (message->map_entry)
		strbuf_add_text(out, "\t.map_entry = true,\n");
	if (message->has_secret)
		strbuf_add_text(out, "\t.has_secret = true,\n");
	strbuf_add_text(out, "};\n");
}

static void
add_enum(struct strbuf *out, const struct model_enum *e)
{
	strbuf_add_format(
	    out, "\nstatic const struct meta_enum_value values_of_%s[] = {\n", e->meta_name);
	for (size_t i = 0; i < e->proto->n_value; i++)
		strbuf_add_format(out, "\t{\"%s\", %d},\n", e->proto->value[i]->name,
		    (int)e->proto->value[i]->number);
	strbuf_add_format(out,
	    "};\n\nconst struct meta_enum %s = {\n\t.full_name = \"%s\",\n"
	    "\t.values = values_of_%s,\n\t.values_count = %zu,\n};\n",
	    e->meta_name, e->full_name, e->meta_name, e->proto->n_value);
}

/* The other groups whose tables this one's fields point to. */
static void
add_includes(struct strbuf *out, const struct model *model, const struct group *group)
{
	bool well_known = group->file == NULL;

	for (size_t f = 0; f < model->files_count; f++) {
		const struct model_file *file = &model->files[f];
		bool needed = false;
		if (file == group->file || (!file->generated && well_known))
			continue;
		for (size_t m = 0; m < model->messages_count; m++) {
			const struct model_message *message = &model->messages[m];
			if (!has_place(group, &message->place, message->used))
				continue;
			for (size_t i = 0; i < message->fields_count; i++) {
				const struct model_field *field = &message->fields[i];
				if ((field->message && field->message->place.file == file) ||
				    (field->enumeration && field->enumeration->place.file == file))
					needed = true;
			}
		}
		if (!needed)
			continue;
		strbuf_add_format(out, "#include \"gen/meta/%s.h\"\n", emit_meta_stem(file));
		well_known = well_known || !file->generated;
	}
}

static status
emit_header(const struct model *model, const struct group *group, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "meta/%.100s.h", group->stem);
	emit_c_head(&out, name + strlen("meta/"), group->source);
	emit_c_guard(&out, "META", group->stem);
	strbuf_add_text(&out, "#include \"base/meta.h\"\n\n");
	for (size_t i = 0; i < model->enums_count; i++) {
		const struct model_enum *e = &model->enums[i];
		if (has_place(group, &e->place, e->used))
			strbuf_add_format(
			    &out, "extern const struct meta_enum %s;\n", e->meta_name);
	}
	for (size_t i = 0; i < model->messages_count; i++) {
		const struct model_message *message = &model->messages[i];
		if (has_place(group, &message->place, message->used))
			strbuf_add_format(
			    &out, "extern const struct meta_message %s;\n", message->meta_name);
	}
	emit_c_guard_end(&out);
	return output_add(output, name, &out);
}

static status
emit_source(const struct model *model, const struct group *group, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "meta/%.100s.c", group->stem);
	emit_c_head(&out, name + strlen("meta/"), group->source);
	strbuf_add_format(&out, "#include \"gen/meta/%s.h\"\n", group->stem);
	add_includes(&out, model, group);
	for (size_t i = 0; i < model->enums_count; i++) {
		const struct model_enum *e = &model->enums[i];
		if (has_place(group, &e->place, e->used))
			add_enum(&out, e);
	}
	for (size_t i = 0; i < model->messages_count; i++) {
		const struct model_message *message = &model->messages[i];
		if (has_place(group, &message->place, message->used))
			add_message(&out, message);
	}
	return output_add(output, name, &out);
}

static bool
has_members(const struct model *model, const struct group *group)
{
	for (size_t i = 0; i < model->enums_count; i++) {
		if (has_place(group, &model->enums[i].place, model->enums[i].used))
			return true;
	}
	for (size_t i = 0; i < model->messages_count; i++) {
		if (has_place(group, &model->messages[i].place, model->messages[i].used))
			return true;
	}
	return false;
}

static status
emit_group(const struct model *model, const struct group *group, struct output *output)
{
	if (!has_members(model, group))
		return STATUS_OK;
	TRY(emit_header(model, group, output));
	return emit_source(model, group, output);
}

status
emit_meta(const struct model *model, struct output *output)
{
	for (size_t i = 0; i < model->files_count; i++) {
		const struct model_file *file = &model->files[i];
		if (file->generated)
			TRY(emit_group(
			    model, &(struct group){file->stem, file->name, file}, output));
	}
	return emit_group(
	    model, &(struct group){"well_known", "Protobuf's own files", NULL}, output);
}
