#include "svc/auth/password_input.h"

#include "base/limits.h"

status
input_new_password(struct rpc_call *call, const char *field, const char *text)
{
	if (utf8_length(slice_text(text)) < PASSWORD_CHARS_MIN)
		return rpc_refuse_field(
		    call, field, "is shorter than %d characters", PASSWORD_CHARS_MIN);
	return input_password(call, field, text);
}

status
input_password(struct rpc_call *call, const char *field, const char *text)
{
	if (*text == '\0')
		return rpc_refuse_field(call, field, "is empty");
	if (strlen(text) > PASSWORD_BYTES_MAX)
		return rpc_refuse_field(call, field, "is longer than %d bytes", PASSWORD_BYTES_MAX);
	return STATUS_OK;
}
