/* gen/client: for each service, its methods as typed C functions; for the bridge, the routes. */
#include "plugin/emit.h"

#include <stdio.h>

static void
add_function(struct strbuf *out, const struct model_method *method)
{
	strbuf_add_char(out, '\n');
	emit_c_comment(out, "", method->place.comment);
	strbuf_add_format(out,
	    "static inline status\n"
	    "%s_rpc(struct client *client, const struct client_options *options,\n"
	    "    const %s *request, struct client_result *result)\n"
	    "{\n\tclient_call(client, &%s_method, options, &request->base, result);\n"
	    "\treturn result->status;\n}\n",
	    method->handler, method->request->c_type, method->handler);
	strbuf_add_format(out,
	    "static inline const %s *\n"
	    "%s_reply(const struct client_result *result)\n"
	    "{\n\treturn (const %s *)result->reply;\n}\n",
	    method->reply->c_type, method->handler, method->reply->c_type);
}

static status
emit_header(const struct model *model, const struct model_service *service, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "client/%.100s.h", service->short_name);
	emit_c_head(&out, name + strlen("client/"), service->place.file->name);
	emit_c_guard(&out, "CLIENT", service->short_name);
	strbuf_add_text(&out, "#include \"client/client.h\"\n#include \"client/method.h\"\n");
	emit_c_include_types(&out, model, service);
	strbuf_add_text(&out,
	    "\n/* X_rpc() calls and waits, as client_call() does, and returns the result's\n"
	    " * status. After ST_OK, X_reply() is what came back, until client_result_done().\n"
	    " * X_method is for the other ways to call. */\n");
	for (size_t i = 0; i < service->methods_count; i++)
		strbuf_add_format(&out, "extern const struct client_method %s_method;\n",
		    service->methods[i].handler);
	for (size_t i = 0; i < service->methods_count; i++)
		add_function(&out, &service->methods[i]);
	emit_c_guard_end(&out);
	return output_add(output, name, &out);
}

static const char *
effect_text(Usher__V1__Effect effect)
{
	switch (effect) {
	case USHER__V1__EFFECT__EFFECT_READ:
		return "CLIENT_READ";
	case USHER__V1__EFFECT__EFFECT_WRITE:
		return "CLIENT_WRITE";
	default:
		return "CLIENT_RESTRICT";
	}
}

/* The field of the request that makes a READ a WRITE; 0: there is none. */
static unsigned
write_field_of(const struct model_method *method)
{
	const char *name = method->rules->write_with;

	return *name ? (unsigned)model_field_find(method->request, name)->number : 0;
}

static bool
is_inline_read(const Usher__V1__MethodRules *rules)
{
	return rules->lane == USHER__V1__LANE__LANE_INLINE && rules->batchable &&
	       rules->effect == USHER__V1__EFFECT__EFFECT_READ;
}

static status
emit_source(const struct model_service *service, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "client/%.100s.c", service->short_name);
	emit_c_head(&out, name + strlen("client/"), service->place.file->name);
	strbuf_add_format(&out, "#include \"gen/client/%s.h\"\n", service->short_name);
	for (size_t i = 0; i < service->methods_count; i++) {
		const struct model_method *method = &service->methods[i];
		const Usher__V1__MethodRules *rules = method->rules;
		strbuf_add_format(&out,
		    "\nconst struct client_method %s_method = {\n"
		    "\t.id = UINT32_C(0x%08x),\n\t.name = \"%s\",\n"
		    "\t.request = &%s__descriptor,\n\t.reply = &%s__descriptor,\n"
		    "\t.deadline_ms = %u,\n\t.bytes_max = %u,\n\t.effect = %s,\n",
		    method->handler, (unsigned)method->id, method->full_name,
		    method->request->c_prefix, method->reply->c_prefix,
		    (unsigned)method->deadline_ms, (unsigned)method->bytes_max,
		    effect_text(rules->effect));
		if (rules->idempotent_by_key)
			strbuf_add_text(&out, "\t.idempotent_by_key = true,\n");
		if (rules->batchable)
			strbuf_add_text(&out, "\t.batchable = true,\n");
		if (is_inline_read(rules))
			strbuf_add_text(&out, "\t.inline_read = true,\n");
		if (write_field_of(method))
			strbuf_add_format(&out, "\t.write_field = %u,\n", write_field_of(method));
		strbuf_add_text(&out, "};\n");
	}
	return output_add(output, name, &out);
}

static void
add_route(struct strbuf *out, const struct model_route *route)
{
	const struct model_method *method = route->method;
	const Usher__V1__MethodRules *rules = method->rules;

	strbuf_add_format(out,
	    "\t{\n\t\t.verb = \"%s\",\n\t\t.path = \"%s\",\n\t\t.body = \"%s\",\n", route->verb,
	    route->path.text, route->body);
	strbuf_add_format(out,
	    "\t\t.success_status = %u,\n\t\t.method = \"%s\",\n"
	    "\t\t.method_id = UINT32_C(0x%08x),\n\t\t.deadline_ms = %u,\n\t\t.bytes_max = %u,\n"
	    "\t\t.effect = %s,\n",
	    (unsigned)route->success_status, method->full_name, (unsigned)method->id,
	    (unsigned)method->deadline_ms, (unsigned)method->bytes_max, effect_text(rules->effect));
	if (write_field_of(method))
		strbuf_add_format(out, "\t\t.write_field = %u,\n", write_field_of(method));
	if (is_inline_read(rules))
		strbuf_add_text(out, "\t\t.inline_read = true,\n");
	if (rules->idempotent_by_key)
		strbuf_add_text(out, "\t\t.idempotent_by_key = true,\n");
	strbuf_add_format(out, "\t\t.request_meta = &%s,\n\t\t.reply_meta = &%s,\n\t},\n",
	    method->request->meta_name, method->reply->meta_name);
}

/* Every file of gen/meta that a route's request or reply is in, each once. */
static void
add_meta_includes(struct strbuf *out, const struct model *model)
{
	bool well_known = false;

	for (size_t f = 0; f < model->files_count; f++) {
		const struct model_file *file = &model->files[f];
		bool needed = false;
		for (size_t s = 0; s < model->services_count; s++) {
			const struct model_service *service = &model->services[s];
			for (size_t i = 0; i < service->methods_count; i++) {
				const struct model_method *method = &service->methods[i];
				if (method->routes_count && (method->request->place.file == file ||
								method->reply->place.file == file))
					needed = true;
			}
		}
		if (!needed || (!file->generated && well_known))
			continue;
		strbuf_add_format(out, "#include \"gen/meta/%s.h\"\n", emit_meta_stem(file));
		well_known = well_known || !file->generated;
	}
}

static status
emit_routes(const struct model *model, struct output *output)
{
	struct strbuf out;
	size_t count = 0;

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	emit_c_head(&out, "routes.h", "the http options");
	emit_c_guard(&out, "CLIENT", "routes");
	strbuf_add_text(&out,
	    "#include \"client/route.h\"\n\n"
	    "extern const struct route_row routes[];\nextern const size_t routes_count;\n");
	emit_c_guard_end(&out);
	TRY(output_add(output, "client/routes.h", &out));

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	emit_c_head(&out, "routes.c", "the http options");
	strbuf_add_text(&out, "#include \"gen/client/routes.h\"\n\n");
	add_meta_includes(&out, model);
	strbuf_add_text(&out, "\nconst struct route_row routes[] = {\n");
	for (size_t s = 0; s < model->services_count; s++) {
		for (size_t m = 0; m < model->services[s].methods_count; m++) {
			const struct model_method *method = &model->services[s].methods[m];
			for (size_t i = 0; i < method->routes_count; i++, count++)
				add_route(&out, &method->routes[i]);
		}
	}
	/* An empty array is no C; nobody reads past the count. */
	if (!count)
		strbuf_add_text(&out, "\t{0},\n");
	strbuf_add_format(&out, "};\n\nconst size_t routes_count = %zu;\n", count);
	return output_add(output, "client/routes.c", &out);
}

status
emit_client(const struct model *model, struct output *output)
{
	for (size_t i = 0; i < model->services_count; i++) {
		TRY(emit_header(model, &model->services[i], output));
		TRY(emit_source(&model->services[i], output));
	}
	return emit_routes(model, output);
}
