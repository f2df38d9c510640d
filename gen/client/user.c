/* user.c - made by protoc-gen-usher from usher/v1/user.proto: change that. */
#include "gen/client/user.h"

const struct client_method user_get_me_method = {
	.id = UINT32_C(0x723719e6),
	.name = "usher.v1.UserService/GetMe",
	.request = &usher__v1__get_me_request__descriptor,
	.reply = &usher__v1__user__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method user_update_me_method = {
	.id = UINT32_C(0xe8551437),
	.name = "usher.v1.UserService/UpdateMe",
	.request = &usher__v1__update_me_request__descriptor,
	.reply = &usher__v1__user__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method user_get_user_method = {
	.id = UINT32_C(0x1ff54113),
	.name = "usher.v1.UserService/GetUser",
	.request = &usher__v1__get_user_request__descriptor,
	.reply = &usher__v1__user__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method user_list_users_method = {
	.id = UINT32_C(0x1d5cfc04),
	.name = "usher.v1.UserService/ListUsers",
	.request = &usher__v1__list_users_request__descriptor,
	.reply = &usher__v1__list_users_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method user_upsert_user_method = {
	.id = UINT32_C(0x61012a94),
	.name = "usher.v1.UserService/UpsertUser",
	.request = &usher__v1__upsert_user_request__descriptor,
	.reply = &usher__v1__upsert_user_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
	.batchable = true,
};
