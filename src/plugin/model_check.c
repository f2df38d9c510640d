/* What files, messages, fields and enums may not be. */
#include "plugin/model.h"

static bool
is_integer(enum meta_type type)
{
	switch (type) {
	case META_INT32:
	case META_INT64:
	case META_UINT32:
	case META_UINT64:
	case META_SINT32:
	case META_SINT64:
	case META_FIXED32:
	case META_FIXED64:
	case META_SFIXED32:
	case META_SFIXED64:
		return true;
	default:
		return false;
	}
}

/* Field numbers of FileDescriptorProto. */
enum { FILE_PACKAGE = 2, FILE_EXTENSION = 7, FILE_SYNTAX = 12 };

static void
refuse_file(struct model *model, const struct model_file *file, int32_t member, const char *message)
{
	const struct model_place place = {
	    .file = file, .what = "file", .path = &member, .path_count = 1};

	model_refuse(model, &place, NULL, "%s", message);
}

static void
check_file(struct model *model, const struct model_file *file)
{
	const file_proto *proto = file->proto;

	if (!proto->syntax || strcmp(proto->syntax, "proto3") != 0)
		refuse_file(model, file, FILE_SYNTAX, "syntax = \"proto3\" is needed");
	if (!*file->package)
		refuse_file(model, file, FILE_PACKAGE, "a package is needed");
	if (proto->n_extension)
		refuse_file(model, file, FILE_EXTENSION, "extensions are not supported");
	for (const struct model_file *f = model->files; f < file; f++) {
		if (f->generated && strcmp(f->stem, file->stem) == 0)
			refuse_file(model, file, FILE_PACKAGE, "another file has the same name");
	}
}

static void
check_enum(struct model *model, const struct model_enum *e)
{
	const char *suffix = "_UNSPECIFIED";
	const char *name = e->proto->value[0]->name;
	size_t bytes = strlen(name);

	if (e->proto->value[0]->number != 0 || bytes < strlen(suffix) ||
	    strcmp(name + bytes - strlen(suffix), suffix) != 0)
		model_refuse(model, &e->place, NULL,
		    "its first value has to be 0 and its name to end in %s", suffix);
}

static void
check_type(struct model *model, const struct model_field *field)
{
	if ((int)field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP)
		model_refuse(model, &field->place, NULL, "groups are not supported");
	if (strcmp(field->name, "base") == 0)
		model_refuse(model, &field->place, NULL,
		    "protobuf-c has a member of this name in every message");
	if (field->proto->proto3_optional)
		model_refuse(model, &field->place, NULL,
		    "optional is not supported: use a oneof of one member, a wrapper or a field "
		    "mask");
	if (field->message && field->message->well_known == META_STRUCT)
		model_refuse(model, &field->place, NULL,
		    "%s is not supported: use a string with the option json",
		    field->message->full_name);
	else if (field->message && !field->message->place.file->generated &&
		 field->message->well_known == META_PLAIN)
		model_refuse(model, &field->place, NULL,
		    "%s is declared in %s, which is not generated", field->message->full_name,
		    field->message->place.file->name);
	if (field->enumeration && !field->enumeration->place.file->generated)
		model_refuse(model, &field->place, NULL,
		    "%s is declared in %s, which is not generated", field->enumeration->full_name,
		    field->enumeration->place.file->name);
}

static void
check_field_rules(struct model *model, const struct model_field *field)
{
	const Usher__V1__FieldRules *rules = field->rules;
	bool is_text = field->type == META_STRING || field->type == META_BYTES;
	bool is_list = (field->flags & META_REPEATED) != 0;

	if (rules->json && (field->type != META_STRING || is_list))
		model_refuse(model, &field->place, "json", "only a string can hold a JSON object");
	if (rules->length_min && !is_text)
		model_refuse(
		    model, &field->place, "length_min", "only strings and bytes have a length");
	if (rules->length_max && !is_text)
		model_refuse(
		    model, &field->place, "length_max", "only strings and bytes have a length");
	if (rules->length_max && rules->length_min > rules->length_max)
		model_refuse(model, &field->place, "length_min", "%u is more than length_max, %u",
		    (unsigned)rules->length_min, (unsigned)rules->length_max);
	if (rules->items_max && !is_list)
		model_refuse(
		    model, &field->place, "items_max", "only repeated fields and maps have items");
	if (rules->range && !is_integer(field->type))
		model_refuse(model, &field->place, "range", "only integers have a range");
	if (rules->range && rules->range->min > rules->range->max)
		model_refuse(model, &field->place, "range", "min %lld is more than max %lld",
		    (long long)rules->range->min, (long long)rules->range->max);
	if (rules->secret && !is_text)
		model_refuse(
		    model, &field->place, "secret", "only strings and bytes are kept secret");
}

void
model_check_types(struct model *model)
{
	for (size_t i = 0; i < model->files_count; i++) {
		if (model->files[i].generated)
			check_file(model, &model->files[i]);
	}
	for (size_t i = 0; i < model->enums_count; i++) {
		if (model->enums[i].place.file->generated)
			check_enum(model, &model->enums[i]);
	}
	for (size_t m = 0; m < model->messages_count; m++) {
		const struct model_message *message = &model->messages[m];
		if (!message->place.file->generated)
			continue;
		for (size_t i = 0; i < message->fields_count; i++) {
			check_type(model, &message->fields[i]);
			/* protoc has no options inside of a map's entry. */
			if (!message->map_entry)
				check_field_rules(model, &message->fields[i]);
		}
	}
}
