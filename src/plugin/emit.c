#include "plugin/emit.h"

#include <ctype.h>
#include <stdio.h>

/* Field numbers of CodeGeneratorResponse and of its File. */
enum { RESPONSE_ERROR = 1, RESPONSE_FEATURES = 2, RESPONSE_FILE = 15 };
enum { FILE_NAME = 1, FILE_CONTENT = 15 };
enum { FEATURE_PROTO3_OPTIONAL = 1 };
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void
add_varint(struct strbuf *out, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		strbuf_add_char(out, (char)((n & 0x7f) | 0x80));
	strbuf_add_char(out, (char)n);
}

void
output_encode_bytes(struct strbuf *out, unsigned number, const void *data, size_t bytes)
{
	add_varint(out, number << 3 | WIRE_BYTES);
	add_varint(out, bytes);
	strbuf_add(out, data, bytes);
}

/* optional is refused by us, with a line, where protoc would only name the file. */
static void
add_features(struct strbuf *out)
{
	add_varint(out, RESPONSE_FEATURES << 3 | WIRE_VARINT);
	add_varint(out, FEATURE_PROTO3_OPTIONAL);
}

void
output_init(struct output *output)
{
	strbuf_init(&output->encoded, OUTPUT_BYTES_MAX);
	add_features(&output->encoded);
}

void
output_done(struct output *output)
{
	strbuf_done(&output->encoded);
}

void
output_fail(struct output *output, const char *message)
{
	strbuf_reset(&output->encoded);
	add_features(&output->encoded);
	output_encode_bytes(&output->encoded, RESPONSE_ERROR, message, strlen(message));
}

status
output_add(struct output *output, const char *name, struct strbuf *text)
{
	struct strbuf file;
	status result = strbuf_status(text);

	strbuf_init(&file, OUTPUT_BYTES_MAX);
	output_encode_bytes(&file, FILE_NAME, name, strlen(name));
	output_encode_bytes(&file, FILE_CONTENT, text->data, text->bytes);
	if (result.code == ST_OK)
		result = strbuf_status(&file);
	if (result.code == ST_OK) {
		output_encode_bytes(&output->encoded, RESPONSE_FILE, file.data, file.bytes);
		result = strbuf_status(&output->encoded);
	}
	strbuf_done(&file);
	strbuf_done(text);
	return result;
}

status
emit_all(const struct model *model, struct output *output)
{
	TRY(emit_meta(model, output));
	TRY(emit_svc(model, output));
	TRY(emit_client(model, output));
	TRY(emit_openapi(model, output));
	TRY(emit_descriptors(model, output));
	TRY(emit_methods(model, output));
	TRY(emit_python(model, output));
	TRY(emit_go(model, output));
	return STATUS_OK;
}

void
emit_c_head(struct strbuf *out, const char *name, const char *source)
{
	strbuf_add_format(
	    out, "/* %s - made by protoc-gen-usher from %s: change that. */\n", name, source);
}

void
emit_c_guard(struct strbuf *out, const char *kind, const char *stem)
{
	char guard[128];
	size_t n = 0;

	n += (size_t)snprintf(guard, sizeof guard, "USHER_GEN_%s_%.80s_H", kind, stem);
	for (size_t i = 0; i < n; i++)
		guard[i] =
		    isalnum((unsigned char)guard[i]) ? (char)toupper((unsigned char)guard[i]) : '_';
	strbuf_add_format(out, "#ifndef %s\n#define %s\n\n", guard, guard);
}

void
emit_c_guard_end(struct strbuf *out)
{
	strbuf_add_text(out, "\n#endif\n");
}

void
emit_c_comment(struct strbuf *out, const char *indent, const char *comment)
{
	if (!*comment)
		return;
	strbuf_add_text(out, indent);
	strbuf_add_text(out, "/* ");
	for (; *comment; comment++) {
		if (*comment == '\n')
			strbuf_add_format(out, "\n%s *%s", indent, comment[1] == '\n' ? "" : " ");
		else if (comment[0] == '*' && comment[1] == '/')
			strbuf_add_text(out, "* ");
		else if (comment[0] == '/' && comment[1] == '*')
			strbuf_add_text(out, "/ ");
		else
			strbuf_add_char(out, *comment);
	}
	strbuf_add_text(out, " */\n");
}

void
emit_c_string(struct strbuf *out, const char *text)
{
	strbuf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			strbuf_add_format(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f || c == '?')
			strbuf_add_format(out, "\\%03o", c);
		else
			strbuf_add_char(out, (char)c);
	}
	strbuf_add_char(out, '"');
}

void
emit_c_include_pb(struct strbuf *out, const struct model_file *file)
{
	const char *dot = strrchr(file->name, '.');

	strbuf_add_format(out, "#include \"gen/pb/%.*s.pb-c.h\"\n",
	    dot ? (int)(dot - file->name) : (int)strlen(file->name), file->name);
}

const char *
emit_meta_stem(const struct model_file *file)
{
	return file->generated ? file->stem : "well_known";
}

static bool
service_uses(const struct model_service *service, const struct model_file *file)
{
	for (size_t i = 0; i < service->methods_count; i++) {
		if (service->methods[i].request->place.file == file ||
		    service->methods[i].reply->place.file == file)
			return true;
	}
	return false;
}

void
emit_c_include_types(
    struct strbuf *out, const struct model *model, const struct model_service *service)
{
	for (size_t f = 0; f < model->files_count; f++) {
		if (service_uses(service, &model->files[f]))
			emit_c_include_pb(out, &model->files[f]);
	}
}

void
emit_c_include_metas(
    struct strbuf *out, const struct model *model, const struct model_service *service)
{
	bool well_known = false;

	for (size_t f = 0; f < model->files_count; f++) {
		const struct model_file *file = &model->files[f];
		if (!service_uses(service, file) || (!file->generated && well_known))
			continue;
		strbuf_add_format(out, "#include \"gen/meta/%s.h\"\n", emit_meta_stem(file));
		well_known = well_known || !file->generated;
	}
}

void
emit_access_text(struct strbuf *out, const Usher__V1__AccessRule *rule)
{
	switch (rule->rule_case) {
	case USHER__V1__ACCESS_RULE__RULE_PUBLIC:
		strbuf_add_text(out, "anybody");
		break;
	case USHER__V1__ACCESS_RULE__RULE_ACCOUNT:
		strbuf_add_text(out, "a login");
		break;
	case USHER__V1__ACCESS_RULE__RULE_SELF:
		strbuf_add_text(out, "the user themself");
		if (*rule->self)
			strbuf_add_format(out, " (`%s`)", rule->self);
		break;
	case USHER__V1__ACCESS_RULE__RULE_ORG:
		strbuf_add_format(out, "a login with the permission `%s`", rule->org);
		break;
	case USHER__V1__ACCESS_RULE__RULE_KEY:
		strbuf_add_format(out, "a key with the scope `%s`", rule->key);
		break;
	default:
		strbuf_add_format(
		    out, "an operator of the platform with the permission `%s`", rule->platform);
	}
}
