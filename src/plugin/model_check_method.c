/* What services and methods may not be. */
#include "plugin/model.h"

#include "base/limits.h"

typedef Usher__V1__AccessRule access_rule;

/* "users.read" */
static bool
is_permission(const char *text)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyz_";
	size_t left = strspn(text, allowed);
	size_t right = text[left] == '.' ? strspn(text + left + 1, allowed) : 0;

	return left && right && !text[left + 1 + right];
}

static void
check_permission(
    struct model *model, const struct model_method *method, const char *kind, const char *text)
{
	if (!is_permission(text))
		model_refuse(model, &method->place, "access",
		    "%s: \"%s\" is not of the form \"things.verb\"", kind, text);
}

static void
check_self(struct model *model, const struct model_method *method, const char *name)
{
	const struct model_field *field;

	/* The caller is the only subject. */
	if (!*name)
		return;
	field = model_field_find(method->request, name);
	if (!field)
		model_refuse(model, &method->place, "access", "self: %s has no field \"%s\"",
		    method->request->short_name, name);
	else if (field->type != META_STRING || (field->flags & META_REPEATED))
		model_refuse(
		    model, &method->place, "access", "self: field \"%s\" is not a string", name);
}

static void
check_alternative(struct model *model, const struct model_method *method, const access_rule *rule)
{
	switch (rule->rule_case) {
	case USHER__V1__ACCESS_RULE__RULE_PUBLIC:
		if (!rule->public_)
			model_refuse(
			    model, &method->place, "access", "public: only true says something");
		if (method->rules->n_access > 1)
			model_refuse(model, &method->place, "access",
			    "public stands alone: whoever it admits needs no other rule");
		break;
	case USHER__V1__ACCESS_RULE__RULE_ACCOUNT:
		if (!rule->account)
			model_refuse(
			    model, &method->place, "access", "account: only true says something");
		break;
	case USHER__V1__ACCESS_RULE__RULE_SELF:
		check_self(model, method, rule->self);
		break;
	case USHER__V1__ACCESS_RULE__RULE_ORG:
		check_permission(model, method, "org", rule->org);
		break;
	case USHER__V1__ACCESS_RULE__RULE_KEY:
		check_permission(model, method, "key", rule->key);
		break;
	case USHER__V1__ACCESS_RULE__RULE_PLATFORM:
		check_permission(model, method, "platform", rule->platform);
		break;
	default:
		model_refuse(model, &method->place, "access", "an alternative without a rule");
	}
}

static void
check_access(struct model *model, const struct model_method *method)
{
	const Usher__V1__MethodRules *rules = method->rules;

	if (!rules->n_access)
		model_refuse(model, &method->place, "access", "at least one rule is needed");
	for (size_t i = 0; i < rules->n_access; i++)
		check_alternative(model, method, rules->access[i]);
}

static bool
is_value(const ProtobufCEnumDescriptor *descriptor, int value)
{
	return protobuf_c_enum_descriptor_get_value(descriptor, value) != NULL;
}

static void
check_lane(struct model *model, const struct model_method *method)
{
	const Usher__V1__MethodRules *rules = method->rules;
	bool is_parked_or_slow =
	    rules->lane == USHER__V1__LANE__LANE_HASH || rules->lane == USHER__V1__LANE__LANE_WAIT;

	if (!rules->lane)
		model_refuse(model, &method->place, "lane", "it has to be said");
	else if (!is_value(&usher__v1__lane__descriptor, (int)rules->lane))
		model_refuse(model, &method->place, "lane", "%d is no lane", (int)rules->lane);
	if (!rules->effect)
		model_refuse(model, &method->place, "effect", "it has to be said");
	else if (!is_value(&usher__v1__effect__descriptor, (int)rules->effect))
		model_refuse(
		    model, &method->place, "effect", "%d is no effect", (int)rules->effect);
	if (!is_value(&usher__v1__assurance__descriptor, (int)rules->assurance))
		model_refuse(model, &method->place, "assurance", "%d is no assurance",
		    (int)rules->assurance);

	if (rules->batchable && is_parked_or_slow)
		model_refuse(model, &method->place, "batchable",
		    "a method on HASH or WAIT can't stand in a Batch");
	if (rules->effect == USHER__V1__EFFECT__EFFECT_RESTRICT &&
	    rules->lane == USHER__V1__LANE__LANE_INLINE)
		model_refuse(
		    model, &method->place, "lane", "RESTRICT writes and waits, which INLINE can't");
	/* On INLINE the effect is that of the common case: what must write moves to QUERY. */
	if (rules->effect == USHER__V1__EFFECT__EFFECT_READ && rules->idempotent_by_key &&
	    rules->lane != USHER__V1__LANE__LANE_INLINE)
		model_refuse(model, &method->place, "idempotent_by_key",
		    "a READ leaves nothing that a repeat could do twice");
}

/* What a READ with an idempotency key writes, clients must know of: they repeat the others freely.
 */
static void
check_write_with(struct model *model, const struct model_method *method)
{
	const Usher__V1__MethodRules *rules = method->rules;
	const bool may_write =
	    rules->effect == USHER__V1__EFFECT__EFFECT_READ && rules->idempotent_by_key;

	if (may_write && !*rules->write_with)
		model_refuse(model, &method->place, "write_with",
		    "a READ with idempotent_by_key says which field makes it a WRITE");
	else if (!may_write && *rules->write_with)
		model_refuse(
		    model, &method->place, "write_with", "it is for a READ with idempotent_by_key");
	else if (may_write && !model_field_find(method->request, rules->write_with))
		model_refuse(model, &method->place, "write_with", "%s has no field \"%s\"",
		    method->request->short_name, rules->write_with);
}

static void
check_limits(struct model *model, const struct model_method *method)
{
	if (method->deadline_ms > DEADLINE_MS_MAX)
		model_refuse(model, &method->place, "deadline_ms", "more than %u", DEADLINE_MS_MAX);
	if (method->bytes_max >= MESSAGE_BYTES_MAX)
		model_refuse(model, &method->place, "bytes_max",
		    "a whole message with its envelope is %u at most", MESSAGE_BYTES_MAX);
}

static void
check_type(
    struct model *model, const struct model_method *method, const struct model_message *message)
{
	if (!message->place.file->generated && message->well_known != META_EMPTY)
		model_refuse(model, &method->place, NULL,
		    "%s is declared in %s, which is not generated", message->full_name,
		    message->place.file->name);
}

/* Against all methods that stand before this one. */
static void
check_id(struct model *model, const struct model_method *method)
{
	if (method->id == 0)
		model_refuse(model, &method->place, NULL, "its id is 0: give it another name");
	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		for (size_t i = 0; i < service->methods_count; i++) {
			if (&service->methods[i] == method)
				return;
			if (service->methods[i].id == method->id)
				model_refuse(model, &method->place, NULL,
				    "its id is that of %s: give it another name",
				    service->methods[i].full_name);
		}
	}
}

void
model_check_methods(struct model *model)
{
	for (size_t s = 0; s < model->services_count; s++) {
		const struct model_service *service = &model->services[s];
		for (size_t i = 0; i < s; i++) {
			if (strcmp(model->services[i].short_name, service->short_name) == 0)
				model_refuse(model, &service->place, NULL,
				    "%s has the same short name", model->services[i].full_name);
		}
		for (size_t i = 0; i < service->methods_count; i++) {
			const struct model_method *method = &service->methods[i];
			check_access(model, method);
			check_lane(model, method);
			check_write_with(model, method);
			check_limits(model, method);
			check_type(model, method, method->request);
			check_type(model, method, method->reply);
			check_id(model, method);
		}
	}
}
