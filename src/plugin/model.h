/* model.h - what the .proto files say, checked, in the shape that the emitters want.
 *
 * model_build() turns protoc's request into a struct model. All that can be wrong with a .proto is
 * found here; an emitter only writes. Lifetime: the model borrows the request and the arena.
 * Threads: one. */
#ifndef USHER_PLUGIN_MODEL_H
#define USHER_PLUGIN_MODEL_H

#include "base/arena.h"
#include "base/meta.h"
#include "base/path_template.h"
#include "base/str.h"
#include "gen/pb/google/protobuf/compiler/plugin.pb-c.h"
#include "gen/pb/usher/v1/options.pb-c.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest generator_request;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;

struct model_file {
	const char *name;    /* "usher/v1/auth.proto" */
	const char *stem;    /* "auth": files made from it are called so */
	const char *package; /* "usher.v1" */
	bool generated;      /* one that we were asked to generate for */
	const file_proto *proto;
};

/* Where something stands: for errors and comments. */
struct model_place {
	const struct model_file *file;
	const char *what;    /* "method AuthService.Login" */
	const int32_t *path; /* as in SourceCodeInfo.Location.path */
	size_t path_count;
	const char *comment; /* lines joined by '\n', "" for none */
};

struct model_enum {
	struct model_place place;
	const char *full_name;
	const char *short_name; /* "Lane", "Message.Lane" */
	const char *meta_name;  /* "meta_usher_v1_lane" */
	const enum_proto *proto;
	const char **value_comments;
	bool used; /* generated, or reached from what is */
};

struct model_message;

struct model_field {
	struct model_place place;
	const char *name, *json_name;
	uint32_t number;
	enum meta_type type;
	unsigned flags; /* enum meta_flag */
	int oneof;      /* -1: none */
	const char *oneof_name;
	struct model_message *message;
	struct model_enum *enumeration;
	const Usher__V1__FieldRules *rules; /* never NULL */
	const field_proto *proto;
};

struct model_message {
	struct model_place place;
	const struct model_message *parent;
	const char *full_name;  /* "usher.v1.LoginRequest" */
	const char *short_name; /* "LoginRequest": without the package */
	const char *c_type, *c_prefix, *meta_name;
	enum meta_well_known well_known;
	bool map_entry;
	bool has_secret;            /* it, or a message below it */
	bool used;                  /* generated, or reached from what is */
	struct model_field *fields; /* by number */
	size_t fields_count;
	const message_proto *proto;
};

struct model_method;

struct model_route {
	const char *verb; /* "GET" */
	struct path_template path;
	const char *body; /* "*", a field or "" */
	uint32_t success_status;
	const struct model_method *method;
};

struct model_method {
	struct model_place place;
	const struct model_service *service;
	const char *name;      /* "Login" */
	const char *full_name; /* "usher.v1.AuthService/Login" */
	const char *handler;   /* "auth_login" */
	uint32_t id;
	struct model_message *request, *reply;
	const Usher__V1__MethodRules *rules; /* never NULL */
	uint32_t deadline_ms, bytes_max;     /* with the defaults filled in */
	struct model_route *routes;
	size_t routes_count;
};

struct model_service {
	struct model_place place;
	const char *name;       /* "AuthService" */
	const char *full_name;  /* "usher.v1.AuthService" */
	const char *short_name; /* "auth" */
	struct model_method *methods;
	size_t methods_count;
};

struct model {
	struct arena *arena;
	struct strbuf *errors;
	size_t errors_count;
	const generator_request *request;
	struct model_file *files;
	size_t files_count;
	struct model_message *messages; /* of all files, a message before those inside of it */
	size_t messages_count;
	struct model_enum *enums;
	size_t enums_count;
	struct model_service *services; /* of generated files only */
	size_t services_count;
};

#define MODEL_ERRORS_MAX 100
#define MODEL_DEPTH_MAX 32 /* messages declared inside of messages */

/* Errors: INVALID_ARGUMENT (errors has a line for each thing that is wrong), RESOURCE_EXHAUSTED. */
MUST_USE status model_build(struct arena *arena, const generator_request *request,
    struct strbuf *errors, struct model *out);

/* Add the line "file:line: what: option NAME: ..." to the errors. option names a member of
 * MethodRules or FieldRules, or is NULL when the thing itself is wrong. */
void model_refuse(struct model *model, const struct model_place *place, const char *option,
    const char *format, ...) PRINTF_LIKE(4, 5);

/* NULL if there is none of that name. */
struct model_field *model_field_find(const struct model_message *message, const char *name);
/* The field that "user.id" begins with; *path moves behind its name. NULL if there is none. */
struct model_field *model_field_step(const struct model_message *message, const char **path);
/* "user.id", through messages that aren't repeated. */
struct model_field *model_field_find_path(const struct model_message *message, const char *path);

/* Is the field a path variable of the route? */
bool model_route_has_variable(const struct model_route *route, const char *path);
/* Does the route have fields that travel in the query? */
bool model_route_has_query(const struct model_route *route);

/* Parts of model_build(), each in a file of its own. */

/* model_source.c: the comment of a place, read from SourceCodeInfo. */
MUST_USE status model_comment_read(struct model *model, struct model_place *place);
/* The line of an option (NULL: of the place itself), counted from 1; 0 when unknown. */
int model_line(const struct model_place *place, const char *option);

/* model_options.c: our options, from the unknown fields that they are to protobuf-c. */
MUST_USE status model_method_rules_read(
    struct model *model, struct model_method *method, const method_proto *proto);
MUST_USE status model_field_rules_read(struct model *model, struct model_field *field);

/* model_check.c: what each message, field and enum may not be. */
void model_check_types(struct model *model);
/* model_check_method.c: what each method may not be. */
void model_check_methods(struct model *model);
/* model_routes.c: the rows of the http option, parsed and checked. */
MUST_USE status model_routes_read(struct model *model, struct model_method *method);
void model_check_routes(struct model *model);

#endif
