/* go/methods.go: each service's methods as typed Go. Message types are protoc-gen-go's, in the
 * packages that the go_package options name; a service in a file without one gets nothing. */
#include "plugin/emit.h"

#include <stdlib.h>

#define IMPORTS_MAX 64

static const char *
go_package(const struct model_file *file)
{
	const char *name = file->proto->options ? file->proto->options->go_package : NULL;

	return name ? name : "";
}

/* "usherv1" for "usher.internal/usher/usherv1" or "usher.internal/usher/v1;usherv1". */
static const char *
package_name(const struct model_file *file)
{
	const char *whole = go_package(file);
	const char *slash = strrchr(whole, '/');
	const char *semicolon = strrchr(whole, ';');

	return semicolon ? semicolon + 1 : slash ? slash + 1 : whole;
}

/* "usherv1.LoginRequest", "usherv1.Outer_Inner" */
static void
add_type(struct strbuf *out, const struct model_message *message)
{
	strbuf_add_format(out, "%s.", package_name(message->place.file));
	for (const char *c = message->short_name; *c; c++)
		strbuf_add_char(out, *c == '.' ? '_' : *c);
}

static void
add_comment(struct strbuf *out, const char *name, const char *text)
{
	strbuf_add_format(out, "// %s: ", name);
	for (; *text; text++) {
		strbuf_add_char(out, *text);
		if (*text == '\n')
			strbuf_add_text(out, text[1] == '\n' ? "//" : "// ");
	}
	strbuf_add_char(out, '\n');
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static const char *
effect_text(Usher__V1__Effect effect)
{
	switch (effect) {
	case USHER__V1__EFFECT__EFFECT_READ:
		return "effectRead";
	case USHER__V1__EFFECT__EFFECT_WRITE:
		return "effectWrite";
	default:
		return "effectRestrict";
	}
}

static void
add_method(struct strbuf *out, const struct model_method *method)
{
	const struct model_service *service = method->service;
	const Usher__V1__MethodRules *rules = method->rules;

	strbuf_add_format(out, "\nvar %s%s = method{\"%s\", 0x%08x, %u, %u, %s, %s, \"%s\"}\n\n",
	    service->short_name, method->name, method->full_name, (unsigned)method->id,
	    (unsigned)method->deadline_ms, (unsigned)method->bytes_max, effect_text(rules->effect),
	    rules->idempotent_by_key ? "true" : "false", rules->write_with);
	add_comment(
	    out, method->name, *method->place.comment ? method->place.comment : method->full_name);
	strbuf_add_format(
	    out, "func (s %s) %s(ctx context.Context, request *", service->name, method->name);
	add_type(out, method->request);
	strbuf_add_text(out, ", options ...Option) (*");
	add_type(out, method->reply);
	strbuf_add_text(out, ", error) {\n\treply := new(");
	add_type(out, method->reply);
	strbuf_add_format(out,
	    ")\n\tif err := s.client.call(ctx, &%s%s, request, reply, options); err != nil {\n"
	    "\t\treturn nil, err\n\t}\n\treturn reply, nil\n}\n",
	    service->short_name, method->name);
}

static void
add_service(struct strbuf *out, const struct model_service *service)
{
	const char *comment = service->place.comment;

	strbuf_add_char(out, '\n');
	add_comment(out, service->name, *comment ? comment : service->full_name);
	strbuf_add_format(out, "type %s struct{ client *Client }\n\n", service->name);
	strbuf_add_format(out, "// %c%s calls %s.\n", upper(*service->short_name),
	    service->short_name + 1, service->full_name);
	strbuf_add_format(out, "func (c *Client) %c%s() %s { return %s{c} }\n",
	    upper(*service->short_name), service->short_name + 1, service->name, service->name);
	for (size_t i = 0; i < service->methods_count; i++)
		add_method(out, &service->methods[i]);
}

static void
add_table(struct strbuf *out, const struct model *model)
{
	strbuf_add_text(out, "\n// methods are all of them.\nvar methods = []*method{\n");
	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		for (size_t i = 0; *go_package(service->place.file) && i < service->methods_count;
		     i++)
			strbuf_add_format(
			    out, "\t&%s%s,\n", service->short_name, service->methods[i].name);
	}
	strbuf_add_text(out, "}\n");
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct imports {
	const char *names[IMPORTS_MAX];
	size_t count;
};

static void
note_import(struct imports *imports, const struct model_file *file)
{
	const char *name = go_package(file);

	for (size_t i = 0; i < imports->count; i++) {
		if (strcmp(imports->names[i], name) == 0)
			return;
	}
	if (imports->count < IMPORTS_MAX)
		imports->names[imports->count++] = name;
}

static void
add_imports(struct strbuf *out, const struct model *model)
{
	struct imports imports = {.count = 0};

	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		for (size_t i = 0; *go_package(service->place.file) && i < service->methods_count;
		     i++) {
			note_import(&imports, service->methods[i].request->place.file);
			note_import(&imports, service->methods[i].reply->place.file);
		}
	}
	qsort(imports.names, imports.count, sizeof *imports.names, compare_texts);
	strbuf_add_text(out, "\nimport (\n\t\"context\"\n\n");
	for (size_t i = 0; i < imports.count; i++)
		strbuf_add_format(
		    out, "\t\"%.*s\"\n", (int)strcspn(imports.names[i], ";"), imports.names[i]);
	strbuf_add_text(out, ")\n");
}

status
emit_go(const struct model *model, struct output *output)
{
	struct strbuf out;
	bool has_service = false;

	for (size_t s = 0; s < model->services_count; s++)
		has_service = has_service || *go_package(model->services[s].place.file);
	if (!has_service)
		return STATUS_OK;
	strbuf_init(&out, OUTPUT_BYTES_MAX);
	strbuf_add_text(&out,
	    "// Code generated by protoc-gen-usher from the .proto files. DO NOT EDIT.\n\n"
	    "package usher\n");
	add_imports(&out, model);
	for (size_t s = 0; s < model->services_count; s++) {
		if (*go_package(model->services[s].place.file))
			add_service(&out, &model->services[s]);
	}
	add_table(&out, model);
	return output_add(output, "go/methods.go", &out);
}
