/* org.c - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#include "gen/svc/org.h"

#include "gen/meta/org.h"

static status
call_org_create_org(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return org_create_org(env, call, (const Usher__V1__CreateOrgRequest *)req, (Usher__V1__Org *)reply);
}

static const struct access_rule access_org_create_org[] = {
	{ACCESS_ACCOUNT, ""},
};

static status
call_org_get_org(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return org_get_org(env, call, (const Usher__V1__GetOrgRequest *)req, (Usher__V1__Org *)reply);
}

static const struct access_rule access_org_get_org[] = {
	{ACCESS_ORG, "org.read"},
	{ACCESS_KEY, "org.read"},
	{ACCESS_PLATFORM, "orgs.read"},
};

static status
call_org_list_members(const void *env, struct rpc_call *call,
    const ProtobufCMessage *req, ProtobufCMessage *reply)
{
	return org_list_members(env, call, (const Usher__V1__ListMembersRequest *)req, (Usher__V1__ListMembersReply *)reply);
}

static const struct access_rule access_org_list_members[] = {
	{ACCESS_ORG, "members.read"},
	{ACCESS_PLATFORM, "orgs.read"},
};

static const struct rpc_method methods[] = {
	{
		.id = UINT32_C(0x046215b3),
		.name = "usher.v1.OrgService/CreateOrg",
		.lane = LANE_QUERY,
		.effect = EFFECT_WRITE,
		.assurance = ASSURANCE_NONE,
		.idempotent_by_key = true,
		.audit = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_org_create_org,
		.access_count = 1,
		.request_meta = &meta_usher_v1_create_org_request,
		.reply_meta = &meta_usher_v1_org,
		.request = &usher__v1__create_org_request__descriptor,
		.reply = &usher__v1__org__descriptor,
		.handle = call_org_create_org,
	},
	{
		.id = UINT32_C(0xe3b9be9d),
		.name = "usher.v1.OrgService/GetOrg",
		.lane = LANE_QUERY,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_org_get_org,
		.access_count = 3,
		.request_meta = &meta_usher_v1_get_org_request,
		.reply_meta = &meta_usher_v1_org,
		.request = &usher__v1__get_org_request__descriptor,
		.reply = &usher__v1__org__descriptor,
		.handle = call_org_get_org,
	},
	{
		.id = UINT32_C(0x861c4daa),
		.name = "usher.v1.OrgService/ListMembers",
		.lane = LANE_BULK,
		.effect = EFFECT_READ,
		.assurance = ASSURANCE_NONE,
		.batchable = true,
		.deadline_ms = 5000,
		.bytes_max = 1048576,
		.access = access_org_list_members,
		.access_count = 2,
		.request_meta = &meta_usher_v1_list_members_request,
		.reply_meta = &meta_usher_v1_list_members_reply,
		.request = &usher__v1__list_members_request__descriptor,
		.reply = &usher__v1__list_members_reply__descriptor,
		.handle = call_org_list_members,
	},
};

const struct rpc_service org_service = {
	.name = "usher.v1.OrgService",
	.short_name = "org",
	.methods = methods,
	.methods_count = 3,
};
