/* echo.c - made by protoc-gen-usher from echo.proto: change that. */
#include "gen/client/echo.h"

const struct client_method echo_say_method = {
	.id = UINT32_C(0xa6b856dc),
	.name = "usher.test.EchoService/Say",
	.request = &usher__test__say_request__descriptor,
	.reply = &usher__test__say_reply__descriptor,
	.deadline_ms = 2500,
	.bytes_max = 65536,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
	.batchable = true,
};

const struct client_method echo_get_last_method = {
	.id = UINT32_C(0x12e6e32b),
	.name = "usher.test.EchoService/GetLast",
	.request = &usher__test__get_last_request__descriptor,
	.reply = &usher__test__say_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.idempotent_by_key = true,
	.batchable = true,
	.inline_read = true,
	.write_field = 4,
};

const struct client_method echo_draw_method = {
	.id = UINT32_C(0x795a36e7),
	.name = "usher.test.EchoService/Draw",
	.request = &usher__test__draw_request__descriptor,
	.reply = &usher__test__shape__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
};

const struct client_method echo_forget_method = {
	.id = UINT32_C(0xa1a31828),
	.name = "usher.test.EchoService/Forget",
	.request = &google__protobuf__empty__descriptor,
	.reply = &google__protobuf__empty__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_RESTRICT,
};
