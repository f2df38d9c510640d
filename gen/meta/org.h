/* org.h - made by protoc-gen-usher from usher/v1/org.proto: change that. */
#ifndef USHER_GEN_META_ORG_H
#define USHER_GEN_META_ORG_H

#include "base/meta.h"

extern const struct meta_message meta_usher_v1_org;
extern const struct meta_message meta_usher_v1_create_org_request;
extern const struct meta_message meta_usher_v1_get_org_request;
extern const struct meta_message meta_usher_v1_list_members_request;
extern const struct meta_message meta_usher_v1_member;
extern const struct meta_message meta_usher_v1_list_members_reply;

#endif
