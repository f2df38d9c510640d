/* gen/svc: for each service, the prototypes of its handlers and the rows that dispatch to them. */
#include "plugin/emit.h"

#include <stdio.h>

static bool
is_inline(const struct model_method *method)
{
	return method->rules->lane == USHER__V1__LANE__LANE_INLINE;
}

static void
add_prototype(struct strbuf *out, const struct model_method *method, const char *suffix)
{
	const char *env = method->service->short_name;

	strbuf_add_format(out,
	    "status %s%s(const struct %s_env *env, struct rpc_call *call,\n"
	    "    const %s *req, %s *reply);\n",
	    method->handler, suffix, env, method->request->c_type, method->reply->c_type);
}

static status
emit_header(const struct model *model, const struct model_service *service, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "svc/%.100s.h", service->short_name);
	emit_c_head(&out, name + strlen("svc/"), service->place.file->name);
	emit_c_guard(&out, "SVC", service->short_name);
	strbuf_add_text(&out, "#include \"base/status.h\"\n");
	emit_c_include_types(&out, model, service);
	strbuf_add_format(&out,
	    "#include \"rpc/method.h\"\n\n/* What the handlers work with: the service defines it. "
	    "*/\n"
	    "struct %s_env;\nstruct rpc_call;\n\nextern const struct rpc_service %s_service;\n",
	    service->short_name, service->short_name);
	for (size_t i = 0; i < service->methods_count; i++) {
		const struct model_method *method = &service->methods[i];
		strbuf_add_char(&out, '\n');
		emit_c_comment(&out, "", method->place.comment);
		add_prototype(&out, method, "");
		if (!is_inline(method))
			continue;
		strbuf_add_text(&out, "/* The same from memory alone, or RPC_NOT_CACHED. */\n");
		add_prototype(&out, method, "_cached");
	}
	emit_c_guard_end(&out);
	return output_add(output, name, &out);
}

static const char *
access_text(const Usher__V1__AccessRule *rule, const char **name)
{
	*name = "";
	switch (rule->rule_case) {
	case USHER__V1__ACCESS_RULE__RULE_PUBLIC:
		return "ACCESS_PUBLIC";
	case USHER__V1__ACCESS_RULE__RULE_ACCOUNT:
		return "ACCESS_ACCOUNT";
	case USHER__V1__ACCESS_RULE__RULE_SELF:
		*name = rule->self;
		return "ACCESS_SELF";
	case USHER__V1__ACCESS_RULE__RULE_ORG:
		*name = rule->org;
		return "ACCESS_ORG";
	case USHER__V1__ACCESS_RULE__RULE_KEY:
		*name = rule->key;
		return "ACCESS_KEY";
	default:
		*name = rule->platform;
		return "ACCESS_PLATFORM";
	}
}

static const char *
assurance_text(Usher__V1__Assurance assurance)
{
	switch (assurance) {
	case USHER__V1__ASSURANCE__ASSURANCE_RECENT:
		return "ASSURANCE_RECENT";
	case USHER__V1__ASSURANCE__ASSURANCE_SECOND_FACTOR:
		return "ASSURANCE_SECOND_FACTOR";
	default:
		return "ASSURANCE_NONE";
	}
}

static void
add_shim(struct strbuf *out, const struct model_method *method, const char *suffix)
{
	strbuf_add_format(out,
	    "\nstatic status\ncall_%s%s(const void *env, struct rpc_call *call,\n"
	    "    const ProtobufCMessage *req, ProtobufCMessage *reply)\n"
	    "{\n\treturn %s%s(env, call, (const %s *)req, (%s *)reply);\n}\n",
	    method->handler, suffix, method->handler, suffix, method->request->c_type,
	    method->reply->c_type);
}

static void
add_access(struct strbuf *out, const struct model_method *method)
{
	strbuf_add_format(
	    out, "\nstatic const struct access_rule access_%s[] = {\n", method->handler);
	for (size_t i = 0; i < method->rules->n_access; i++) {
		const char *name, *kind = access_text(method->rules->access[i], &name);
		strbuf_add_format(out, "\t{%s, ", kind);
		emit_c_string(out, name);
		strbuf_add_text(out, "},\n");
	}
	strbuf_add_text(out, "};\n");
}

static void
add_row(struct strbuf *out, const struct model_method *method)
{
	const Usher__V1__MethodRules *rules = method->rules;
	const char *lane =
	    protobuf_c_enum_descriptor_get_value(&usher__v1__lane__descriptor, (int)rules->lane)
		->name;
	const char *effect =
	    protobuf_c_enum_descriptor_get_value(&usher__v1__effect__descriptor, (int)rules->effect)
		->name;

	strbuf_add_format(out,
	    "\t{\n\t\t.id = UINT32_C(0x%08x),\n\t\t.name = \"%s\",\n\t\t.lane = %s,\n"
	    "\t\t.effect = %s,\n\t\t.assurance = %s,\n",
	    (unsigned)method->id, method->full_name, lane, effect,
	    assurance_text(rules->assurance));
	if (rules->idempotent_by_key)
		strbuf_add_text(out, "\t\t.idempotent_by_key = true,\n");
	if (rules->audit)
		strbuf_add_text(out, "\t\t.audit = true,\n");
	if (rules->batchable)
		strbuf_add_text(out, "\t\t.batchable = true,\n");
	strbuf_add_format(out,
	    "\t\t.deadline_ms = %u,\n\t\t.bytes_max = %u,\n\t\t.access = access_%s,\n"
	    "\t\t.access_count = %zu,\n",
	    (unsigned)method->deadline_ms, (unsigned)method->bytes_max, method->handler,
	    rules->n_access);
	strbuf_add_format(out,
	    "\t\t.request_meta = &%s,\n\t\t.reply_meta = &%s,\n"
	    "\t\t.request = &%s__descriptor,\n\t\t.reply = &%s__descriptor,\n"
	    "\t\t.handle = call_%s,\n",
	    method->request->meta_name, method->reply->meta_name, method->request->c_prefix,
	    method->reply->c_prefix, method->handler);
	if (is_inline(method))
		strbuf_add_format(out, "\t\t.handle_cached = call_%s_cached,\n", method->handler);
	strbuf_add_text(out, "\t},\n");
}

static status
emit_source(const struct model *model, const struct model_service *service, struct output *output)
{
	struct strbuf out;
	char name[128];

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	snprintf(name, sizeof name, "svc/%.100s.c", service->short_name);
	emit_c_head(&out, name + strlen("svc/"), service->place.file->name);
	strbuf_add_format(&out, "#include \"gen/svc/%s.h\"\n\n", service->short_name);
	emit_c_include_metas(&out, model, service);
	for (size_t i = 0; i < service->methods_count; i++) {
		add_shim(&out, &service->methods[i], "");
		if (is_inline(&service->methods[i]))
			add_shim(&out, &service->methods[i], "_cached");
		add_access(&out, &service->methods[i]);
	}
	strbuf_add_text(&out, "\nstatic const struct rpc_method methods[] = {\n");
	for (size_t i = 0; i < service->methods_count; i++)
		add_row(&out, &service->methods[i]);
	strbuf_add_format(&out,
	    "};\n\nconst struct rpc_service %s_service = {\n\t.name = \"%s\",\n"
	    "\t.short_name = \"%s\",\n\t.methods = methods,\n\t.methods_count = %zu,\n};\n",
	    service->short_name, service->full_name, service->short_name, service->methods_count);
	return output_add(output, name, &out);
}

status
emit_svc(const struct model *model, struct output *output)
{
	for (size_t i = 0; i < model->services_count; i++) {
		TRY(emit_header(model, &model->services[i], output));
		TRY(emit_source(model, &model->services[i], output));
	}
	return STATUS_OK;
}
