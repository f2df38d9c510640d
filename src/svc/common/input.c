#include "svc/common/input.h"

#include "base/email.h"
#include "base/limits.h"

#include <assert.h>

#define LOCALE_SUBTAG_BYTES_MAX 8
#define DEL 0x7f

static bool
char_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
char_is_alnum(char c)
{
	return char_is_letter(c) || char_is_digit(c);
}

status
input_email(struct rpc_call *call, const char *field, const char *text, struct input_email *out)
{
	char *copy, *folded;

	if (!email_is_good(text))
		return rpc_refuse_field(call, field, "is not an e-mail address");
	copy = arena_copy_text(call->arena, text);
	folded = arena_copy_text(call->arena, text);
	if (!copy || !folded)
		return ARENA_EXHAUSTED;
	email_fold(folded);
	*out = (struct input_email){.text = copy, .folded = folded};
	return STATUS_OK;
}

status
input_id(struct rpc_call *call, const char *field, const char *text, struct uuid *out)
{
	if (!uuid_parse(slice_text(text), out))
		return rpc_refuse_field(call, field, "is not a UUID");
	return STATUS_OK;
}

status
input_id_if_given(
    struct rpc_call *call, const char *field, const char *text, struct uuid *out, bool *given)
{
	if (*text != '\0')
		TRY(input_id(call, field, text, out));
	*given = *text != '\0';
	return STATUS_OK;
}

status
input_line(struct rpc_call *call, const char *field, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < ' ' || *c == DEL)
			return rpc_refuse_field(call, field, "has a control character in it");
	return STATUS_OK;
}

status
input_locale(struct rpc_call *call, const char *field, const char *text)
{
	const char *subtag = text;

	if (*text == '\0')
		return STATUS_OK;
	for (bool first = true;; first = false) {
		size_t bytes = 0;

		while (first ? char_is_letter(subtag[bytes]) : char_is_alnum(subtag[bytes]))
			bytes++;
		if (bytes < (first ? 2 : 1) || bytes > LOCALE_SUBTAG_BYTES_MAX ||
		    (subtag[bytes] != '-' && subtag[bytes] != '\0'))
			return rpc_refuse_field(
			    call, field, "is not a language tag such as \"de-CH\"");
		if (subtag[bytes] == '\0')
			return STATUS_OK;
		subtag += bytes + 1;
	}
}

status
input_time_zone(struct rpc_call *call, const char *field, const char *text)
{
	bool at_start = true;

	if (*text == '\0')
		return STATUS_OK;
	for (const char *c = text; *c; c++) {
		bool good = *c == '/'  ? !at_start
			    : at_start ? char_is_letter(*c)
				       : char_is_alnum(*c) || strchr("_+-", *c);

		if (!good)
			return rpc_refuse_field(
			    call, field, "is not a time zone such as \"Europe/Zurich\"");
		at_start = *c == '/';
	}
	if (at_start)
		return rpc_refuse_field(
		    call, field, "is not a time zone such as \"Europe/Zurich\"");
	return STATUS_OK;
}

static status
mask_add(struct rpc_call *call, const char *name, const struct input_path *paths,
    size_t paths_count, uint32_t *bits)
{
	if (strcmp(name, "*") == 0) {
		*bits = (uint32_t)((UINT64_C(1) << paths_count) - 1);
		return STATUS_OK;
	}
	for (size_t i = 0; i < paths_count; i++) {
		if (strcmp(name, paths[i].name) == 0) {
			*bits |= UINT32_C(1) << i;
			return STATUS_OK;
		}
	}
	return rpc_refuse_field(
	    call, "update_mask", "names \"%s\", which is no field that can be written here", name);
}

status
input_mask(struct rpc_call *call, const Google__Protobuf__FieldMask *mask,
    const struct input_path *paths, size_t paths_count, uint32_t *written)
{
	uint32_t bits = 0;

	assert(paths_count <= INPUT_PATHS_MAX);
	if (!mask || mask->n_paths == 0) {
		for (size_t i = 0; i < paths_count; i++)
			bits |= (uint32_t)paths[i].filled << i;
	} else {
		for (size_t i = 0; i < mask->n_paths; i++)
			TRY(mask_add(call, mask->paths[i], paths, paths_count, &bits));
	}
	*written = bits;
	return STATUS_OK;
}

status
input_external_id(struct rpc_call *call, const char *field, const char *text)
{
	if (*text == '\0')
		return rpc_refuse_field(call, field, "is empty");
	if (utf8_length(slice_text(text)) > INPUT_EXTERNAL_CHARS_MAX)
		return rpc_refuse_field(
		    call, field, "is longer than %d characters", INPUT_EXTERNAL_CHARS_MAX);
	return input_line(call, field, text);
}
