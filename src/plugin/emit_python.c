/* python/services.py: each service's methods as typed Python, blocking and for asyncio. */
#include "plugin/emit.h"

/* Names that can't be keyword arguments, or that a method's first two arguments have; such a field
 * is given in a request message. */
static bool
is_keyword(const char *name)
{
	static const char *const keywords[] = {"False", "None", "True", "and", "as", "assert",
	    "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
	    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
	    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "self",
	    "request"};

	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		if (strcmp(name, keywords[i]) == 0)
			return true;
	}
	return false;
}

/* "auth_pb2" for "usher/v1/auth.proto". */
static void
add_module(struct strbuf *out, const struct model_file *file)
{
	const char *slash = strrchr(file->name, '/');
	const char *base = slash ? slash + 1 : file->name;

	strbuf_add_format(out, "%.*s_pb2", (int)strcspn(base, "."), base);
}

/* "from usher.v1 import auth_pb2" */
static void
add_import(struct strbuf *out, const struct model_file *file)
{
	const char *slash = strrchr(file->name, '/');

	if (slash) {
		strbuf_add_text(out, "from ");
		for (const char *c = file->name; c < slash; c++)
			strbuf_add_char(out, *c == '/' ? '.' : *c);
		strbuf_add_char(out, ' ');
	}
	strbuf_add_text(out, "import ");
	add_module(out, file);
	strbuf_add_char(out, '\n');
}

static void
add_message_type(struct strbuf *out, const struct model_message *message)
{
	add_module(out, message->place.file);
	strbuf_add_format(out, ".%s", message->short_name);
}

static void
add_item_type(struct strbuf *out, const struct model_field *field)
{
	switch (field->type) {
	case META_DOUBLE:
	case META_FLOAT:
		strbuf_add_text(out, "float");
		break;
	case META_BOOL:
		strbuf_add_text(out, "bool");
		break;
	case META_STRING:
		strbuf_add_text(out, field->flags & META_JSON ? "str | Mapping[str, Any]" : "str");
		break;
	case META_BYTES:
		strbuf_add_text(out, "bytes");
		break;
	case META_MESSAGE:
		add_message_type(out, field->message);
		strbuf_add_text(out, " | Mapping[str, Any]");
		break;
	case META_ENUM:
		add_module(out, field->enumeration->place.file);
		strbuf_add_format(out, ".%s | str", field->enumeration->short_name);
		break;
	default:
		strbuf_add_text(out, "int");
	}
}

static void
add_field_type(struct strbuf *out, const struct model_field *field)
{
	if (field->flags & META_MAP) {
		strbuf_add_text(out, "Mapping[");
		add_item_type(out, &field->message->fields[0]);
		strbuf_add_text(out, ", ");
		add_item_type(out, &field->message->fields[1]);
		strbuf_add_char(out, ']');
	} else if (field->flags & META_REPEATED) {
		strbuf_add_text(out, "Iterable[");
		add_item_type(out, field);
		strbuf_add_char(out, ']');
	} else {
		add_item_type(out, field);
	}
}

static void
add_docstring(struct strbuf *out, const char *indent, const char *text)
{
	strbuf_add_format(out, "%s\"\"\"", indent);
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, *text);
		if (*text == '\n' && text[1] != '\n')
			strbuf_add_text(out, indent);
	}
	strbuf_add_text(out, "\"\"\"\n");
}

static void
add_parameters(struct strbuf *out, const struct model_message *request)
{
	bool is_first = true;

	strbuf_add_text(out, "        self,\n        request: ");
	add_message_type(out, request);
	strbuf_add_text(out, " | None = None,\n        /,\n");
	for (size_t i = 0; i < request->fields_count; i++) {
		const struct model_field *field = &request->fields[i];
		if (is_keyword(field->name))
			continue;
		strbuf_add_format(
		    out, "%s        %s: ", is_first ? "        *,\n" : "", field->name);
		add_field_type(out, field);
		strbuf_add_text(out, " | None = None,\n");
		is_first = false;
	}
}

static void
add_method(struct strbuf *out, const struct model_method *method, bool is_async)
{
	const struct model_message *request = method->request;
	const char *name = method->handler + strlen(method->service->short_name) + 1;

	strbuf_add_format(out, "\n    %sdef %s%s(\n", is_async ? "async " : "", name,
	    is_keyword(name) ? "_" : "");
	add_parameters(out, request);
	strbuf_add_text(out, "    ) -> ");
	add_message_type(out, method->reply);
	strbuf_add_text(out, ":\n");
	add_docstring(
	    out, "        ", *method->place.comment ? method->place.comment : method->full_name);
	strbuf_add_format(
	    out, "        return %sself._call(\n            ", is_async ? "await " : "");
	add_message_type(out, method->reply);
	strbuf_add_format(out, ",\n            \"%s\",\n            request,\n", method->full_name);
	strbuf_add_text(out, "            {");
	for (size_t i = 0; i < request->fields_count; i++) {
		const char *field = request->fields[i].name;
		if (!is_keyword(field))
			strbuf_add_format(out, "\n                \"%s\": %s,", field, field);
	}
	strbuf_add_text(
	    out, request->fields_count ? "\n            },\n        )\n" : "},\n        )\n");
}

static void
add_service(struct strbuf *out, const struct model_service *service, bool is_async)
{
	const char *comment = service->place.comment;

	strbuf_add_format(out, "\n\nclass %s%s(%s):\n", is_async ? "Async" : "", service->name,
	    is_async ? "AsyncService" : "BlockingService");
	add_docstring(out, "    ", *comment ? comment : service->full_name);
	for (size_t i = 0; i < service->methods_count; i++)
		add_method(out, &service->methods[i], is_async);
}

static void
add_services(struct strbuf *out, const struct model *model, bool is_async)
{
	const char *kind = is_async ? "Async" : "";

	strbuf_add_format(
	    out, "\n\nclass %sServices:\n    \"\"\"Each service as an attribute.\"\"\"\n", kind);
	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		strbuf_add_format(out,
		    "\n    @property\n    def %s(self: Any) -> %s%s:\n"
		    "        return %s%s(self)\n",
		    service->short_name, kind, service->name, kind, service->name);
	}
}

static bool
field_uses(const struct model_field *field, const struct model_file *file)
{
	if (field->flags & META_MAP)
		return field_uses(&field->message->fields[1], file);
	return (field->message && field->message->place.file == file) ||
	       (field->enumeration && field->enumeration->place.file == file);
}

static bool
model_uses(const struct model *model, const struct model_file *file)
{
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t m = 0; m < model->services[s].methods_count; m++) {
			const struct model_method *method = &model->services[s].methods[m];
			if (method->request->place.file == file ||
			    method->reply->place.file == file)
				return true;
			for (size_t i = 0; i < method->request->fields_count; i++) {
				if (field_uses(&method->request->fields[i], file))
					return true;
			}
		}
	}
	return false;
}

status
emit_python(const struct model *model, struct output *output)
{
	struct strbuf out;

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_add_text(&out,
	    "\"\"\"Made by protoc-gen-usher from the .proto files: change those.\"\"\"\n\n"
	    "from __future__ import annotations\n\n"
	    "from collections.abc import Iterable, Mapping\nfrom typing import Any\n\n");
	for (size_t f = 0; f < model->files_count; f++) {
		if (model_uses(model, &model->files[f]))
			add_import(&out, &model->files[f]);
	}
	strbuf_add_text(&out, "from usher.calling import AsyncService, BlockingService\n");
	for (size_t s = 0; s < model->services_count; s++) {
		add_service(&out, &model->services[s], false);
		add_service(&out, &model->services[s], true);
	}
	add_services(&out, model, false);
	add_services(&out, model, true);
	return output_add(output, "python/services.py", &out);
}
