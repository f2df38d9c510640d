/* auth.c - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#include "gen/meta/auth.h"
#include "gen/meta/well_known.h"

static const struct meta_enum_value values_of_meta_usher_v1_credential_kind[] = {
	{"CREDENTIAL_KIND_UNSPECIFIED", 0},
	{"CREDENTIAL_KIND_ACCESS_TOKEN", 1},
	{"CREDENTIAL_KIND_API_KEY", 2},
};

const struct meta_enum meta_usher_v1_credential_kind = {
	.full_name = "usher.v1.CredentialKind",
	.values = values_of_meta_usher_v1_credential_kind,
	.values_count = 3,
};

static const struct meta_field fields_of_meta_usher_v1_sign_up_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_PII | META_REQUIRED, .oneof = -1,
	    .name = "email", .json_name = "email", .length_max = 254},
	{.number = 2, .type = META_STRING, .flags = META_SECRET | META_REQUIRED, .oneof = -1,
	    .name = "password", .json_name = "password"},
	{.number = 3, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "display_name", .json_name = "displayName", .length_max = 200},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "locale", .json_name = "locale", .length_max = 35},
};

const struct meta_message meta_usher_v1_sign_up_request = {
	.full_name = "usher.v1.SignUpRequest",
	.fields = fields_of_meta_usher_v1_sign_up_request,
	.fields_count = 4,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_sign_up_reply[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "signup_id", .json_name = "signupId"},
	{.number = 2, .type = META_BOOL, .oneof = -1,
	    .name = "requires_verification", .json_name = "requiresVerification"},
	{.number = 3, .type = META_BOOL, .oneof = -1,
	    .name = "email_sent", .json_name = "emailSent"},
	{.number = 4, .type = META_STRING, .flags = META_SECRET, .oneof = -1,
	    .name = "debug_code", .json_name = "debugCode"},
};

const struct meta_message meta_usher_v1_sign_up_reply = {
	.full_name = "usher.v1.SignUpReply",
	.fields = fields_of_meta_usher_v1_sign_up_reply,
	.fields_count = 4,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_verify_email_request[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "signup_id", .json_name = "signupId", .length_max = 64},
	{.number = 2, .type = META_STRING, .flags = META_PII, .oneof = -1,
	    .name = "email", .json_name = "email", .length_max = 254},
	{.number = 3, .type = META_STRING, .flags = META_SECRET | META_REQUIRED, .oneof = -1,
	    .name = "code", .json_name = "code", .length_max = 16},
};

const struct meta_message meta_usher_v1_verify_email_request = {
	.full_name = "usher.v1.VerifyEmailRequest",
	.fields = fields_of_meta_usher_v1_verify_email_request,
	.fields_count = 3,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_login_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_PII | META_REQUIRED, .oneof = -1,
	    .name = "email", .json_name = "email", .length_max = 254},
	{.number = 2, .type = META_STRING, .flags = META_SECRET | META_REQUIRED, .oneof = -1,
	    .name = "password", .json_name = "password"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId", .length_max = 64},
};

const struct meta_message meta_usher_v1_login_request = {
	.full_name = "usher.v1.LoginRequest",
	.fields = fields_of_meta_usher_v1_login_request,
	.fields_count = 3,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_refresh_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_SECRET | META_REQUIRED, .oneof = -1,
	    .name = "refresh_token", .json_name = "refreshToken", .length_max = 512},
};

const struct meta_message meta_usher_v1_refresh_request = {
	.full_name = "usher.v1.RefreshRequest",
	.fields = fields_of_meta_usher_v1_refresh_request,
	.fields_count = 1,
	.has_secret = true,
};

const struct meta_message meta_usher_v1_logout_request = {
	.full_name = "usher.v1.LogoutRequest",
};

const struct meta_message meta_usher_v1_logout_reply = {
	.full_name = "usher.v1.LogoutReply",
};

static const struct meta_field fields_of_meta_usher_v1_introspect_request[] = {
	{.number = 1, .type = META_STRING, .flags = META_SECRET | META_REQUIRED, .oneof = -1,
	    .name = "token", .json_name = "token", .length_max = 4096},
};

const struct meta_message meta_usher_v1_introspect_request = {
	.full_name = "usher.v1.IntrospectRequest",
	.fields = fields_of_meta_usher_v1_introspect_request,
	.fields_count = 1,
	.has_secret = true,
};

static const struct meta_field fields_of_meta_usher_v1_introspect_reply[] = {
	{.number = 1, .type = META_BOOL, .oneof = -1,
	    .name = "active", .json_name = "active"},
	{.number = 2, .type = META_ENUM, .oneof = -1,
	    .name = "kind", .json_name = "kind", .enumeration = &meta_usher_v1_credential_kind},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "org_id", .json_name = "orgId"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "account_id", .json_name = "accountId"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "user_id", .json_name = "userId"},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "session_id", .json_name = "sessionId"},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "key_id", .json_name = "keyId"},
	{.number = 8, .type = META_STRING, .oneof = -1,
	    .name = "chatbot_id", .json_name = "chatbotId"},
	{.number = 9, .type = META_STRING, .flags = META_REPEATED, .oneof = -1,
	    .name = "scopes", .json_name = "scopes"},
	{.number = 10, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "expires_at", .json_name = "expiresAt", .message = &meta_google_protobuf_timestamp},
	{.number = 11, .type = META_MESSAGE, .flags = META_PRESENCE, .oneof = -1,
	    .name = "issued_at", .json_name = "issuedAt", .message = &meta_google_protobuf_timestamp},
};

const struct meta_message meta_usher_v1_introspect_reply = {
	.full_name = "usher.v1.IntrospectReply",
	.fields = fields_of_meta_usher_v1_introspect_reply,
	.fields_count = 11,
};

const struct meta_message meta_usher_v1_get_jwks_request = {
	.full_name = "usher.v1.GetJwksRequest",
};

static const struct meta_field fields_of_meta_usher_v1_get_jwks_reply[] = {
	{.number = 1, .type = META_MESSAGE, .flags = META_REPEATED, .oneof = -1,
	    .name = "keys", .json_name = "keys", .message = &meta_usher_v1_json_web_key},
};

const struct meta_message meta_usher_v1_get_jwks_reply = {
	.full_name = "usher.v1.GetJwksReply",
	.fields = fields_of_meta_usher_v1_get_jwks_reply,
	.fields_count = 1,
};

static const struct meta_field fields_of_meta_usher_v1_json_web_key[] = {
	{.number = 1, .type = META_STRING, .oneof = -1,
	    .name = "kty", .json_name = "kty"},
	{.number = 2, .type = META_STRING, .oneof = -1,
	    .name = "crv", .json_name = "crv"},
	{.number = 3, .type = META_STRING, .oneof = -1,
	    .name = "alg", .json_name = "alg"},
	{.number = 4, .type = META_STRING, .oneof = -1,
	    .name = "use", .json_name = "use"},
	{.number = 5, .type = META_STRING, .oneof = -1,
	    .name = "kid", .json_name = "kid"},
	{.number = 6, .type = META_STRING, .oneof = -1,
	    .name = "x", .json_name = "x"},
	{.number = 7, .type = META_STRING, .oneof = -1,
	    .name = "y", .json_name = "y"},
};

const struct meta_message meta_usher_v1_json_web_key = {
	.full_name = "usher.v1.JsonWebKey",
	.fields = fields_of_meta_usher_v1_json_web_key,
	.fields_count = 7,
};
