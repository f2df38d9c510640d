/* auth.c - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#include "gen/client/auth.h"

const struct client_method auth_sign_up_method = {
	.id = UINT32_C(0x331cfbc5),
	.name = "usher.v1.AuthService/SignUp",
	.request = &usher__v1__sign_up_request__descriptor,
	.reply = &usher__v1__sign_up_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method auth_verify_email_method = {
	.id = UINT32_C(0x7cfc5818),
	.name = "usher.v1.AuthService/VerifyEmail",
	.request = &usher__v1__verify_email_request__descriptor,
	.reply = &usher__v1__tokens__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method auth_login_method = {
	.id = UINT32_C(0xd03e4e0e),
	.name = "usher.v1.AuthService/Login",
	.request = &usher__v1__login_request__descriptor,
	.reply = &usher__v1__tokens__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method auth_refresh_method = {
	.id = UINT32_C(0x4355d338),
	.name = "usher.v1.AuthService/Refresh",
	.request = &usher__v1__refresh_request__descriptor,
	.reply = &usher__v1__tokens__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method auth_logout_method = {
	.id = UINT32_C(0x5e7dba2f),
	.name = "usher.v1.AuthService/Logout",
	.request = &usher__v1__logout_request__descriptor,
	.reply = &usher__v1__logout_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_RESTRICT,
};

const struct client_method auth_introspect_method = {
	.id = UINT32_C(0xddf98a6e),
	.name = "usher.v1.AuthService/Introspect",
	.request = &usher__v1__introspect_request__descriptor,
	.reply = &usher__v1__introspect_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method auth_get_jwks_method = {
	.id = UINT32_C(0x85cd7f82),
	.name = "usher.v1.AuthService/GetJwks",
	.request = &usher__v1__get_jwks_request__descriptor,
	.reply = &usher__v1__get_jwks_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
	.inline_read = true,
};
