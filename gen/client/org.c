/* org.c - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#include "gen/client/org.h"

const struct client_method org_create_org_method = {
	.id = UINT32_C(0x046215b3),
	.name = "usher.v1.OrgService/CreateOrg",
	.request = &usher__v1__create_org_request__descriptor,
	.reply = &usher__v1__org__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_WRITE,
	.idempotent_by_key = true,
};

const struct client_method org_get_org_method = {
	.id = UINT32_C(0xe3b9be9d),
	.name = "usher.v1.OrgService/GetOrg",
	.request = &usher__v1__get_org_request__descriptor,
	.reply = &usher__v1__org__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};

const struct client_method org_list_members_method = {
	.id = UINT32_C(0x861c4daa),
	.name = "usher.v1.OrgService/ListMembers",
	.request = &usher__v1__list_members_request__descriptor,
	.reply = &usher__v1__list_members_reply__descriptor,
	.deadline_ms = 5000,
	.bytes_max = 1048576,
	.effect = CLIENT_READ,
	.batchable = true,
};
