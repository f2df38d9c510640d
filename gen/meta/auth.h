/* auth.h - made by protoc-gen-usher from usher/v1/auth.proto: change that. */
#ifndef USHER_GEN_META_AUTH_H
#define USHER_GEN_META_AUTH_H

#include "base/meta.h"

extern const struct meta_enum meta_usher_v1_credential_kind;
extern const struct meta_message meta_usher_v1_sign_up_request;
extern const struct meta_message meta_usher_v1_sign_up_reply;
extern const struct meta_message meta_usher_v1_verify_email_request;
extern const struct meta_message meta_usher_v1_login_request;
extern const struct meta_message meta_usher_v1_refresh_request;
extern const struct meta_message meta_usher_v1_logout_request;
extern const struct meta_message meta_usher_v1_logout_reply;
extern const struct meta_message meta_usher_v1_introspect_request;
extern const struct meta_message meta_usher_v1_introspect_reply;
extern const struct meta_message meta_usher_v1_get_jwks_request;
extern const struct meta_message meta_usher_v1_get_jwks_reply;
extern const struct meta_message meta_usher_v1_json_web_key;

#endif
