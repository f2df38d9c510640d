/* protoc-gen-usher under protoc: what it writes, and what it says about mistakes.
 * With USHER_GOLDEN=write in the environment the expected outputs are written anew. */
#include "base/str.h"
#include "gen/meta/descriptors.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_BYTES_MAX (4u << 20)
#define PROTOC                                                                                     \
	"protoc -I '" USHER_SOURCE_DIR "/proto' --plugin=protoc-gen-usher='" USHER_BINARY_DIR      \
	"/bin/protoc-gen-usher'"

struct fixture {
	char folder[SCRATCH_PATH_BYTES];
	struct strbuf said; /* what the last command printed */
};

static void
read_file(const char *path, struct strbuf *out)
{
	FILE *file = fopen(path, "rb");

	strbuf_reset(out);
	if (!file)
		return;
	for (int c; (c = fgetc(file)) != EOF;)
		strbuf_add_char(out, (char)c);
	fclose(file);
}

/* The exit code; what it printed stands in f->said. */
static int
run(struct fixture *f, const char *command)
{
	char line[2048];

	snprintf(line, sizeof line, "%s 2>&1", command);
	FILE *pipe = popen(line, "r");
	assert_non_null(pipe);
	strbuf_reset(&f->said);
	for (int c; (c = fgetc(pipe)) != EOF;)
		strbuf_add_char(&f->said, (char)c);
	return pclose(pipe);
}

static void
run_well(struct fixture *f, const char *command)
{
	if (run(f, command) != 0)
		fail_msg("%s\n%s", command, strbuf_text(&f->said));
}

/* protoc on folder/t.proto with that text. */
static int
generate(struct fixture *f, const char *text)
{
	char path[128], command[1024];

	snprintf(path, sizeof path, "%s/t.proto", f->folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(command, sizeof command, PROTOC " -I '%s' --usher_out='%s' t.proto", f->folder,
	    f->folder);
	return run(f, command);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	scratch_make(f->folder);
	strbuf_init(&f->said, TEXT_BYTES_MAX);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	scratch_remove(f->folder);
	strbuf_done(&f->said);
	free(f);
	return 0;
}

static void
every_option_shows_in_what_is_generated(void **state)
{
	struct fixture *f = *state;
	const char *write = getenv("USHER_GOLDEN");
	const char *golden = USHER_SOURCE_DIR "/tests/component/plugin/golden";
	char command[1024];

	snprintf(command, sizeof command,
	    PROTOC " -I '" USHER_SOURCE_DIR "/tests/component/plugin' --usher_out='%s' echo.proto",
	    f->folder);
	run_well(f, command);
	/* Bytes of a descriptor set, which protoc's own comparison below sees to. */
	snprintf(command, sizeof command, "rm '%s'/meta/descriptors.c", f->folder);
	run_well(f, command);
	if (write && strcmp(write, "write") == 0) {
		snprintf(command, sizeof command, "rm -rf '%s'/* && cp -r '%s'/* '%s'", golden,
		    f->folder, golden);
		run_well(f, command);
	}
	snprintf(command, sizeof command, "diff -ru -x .clang-format '%s' '%s'", golden, f->folder);
	run_well(f, command);
}

static void
the_same_input_gives_the_same_output(void **state)
{
	struct fixture *f = *state;
	char command[1024];

	snprintf(command, sizeof command, "mkdir '%s/a' '%s/b'", f->folder, f->folder);
	run_well(f, command);
	for (const char *to = "ab"; *to; to++) {
		snprintf(command, sizeof command,
		    PROTOC " -I '" USHER_SOURCE_DIR
			   "/tests/component/plugin' --usher_out='%s/%c' echo.proto",
		    f->folder, *to);
		run_well(f, command);
	}
	snprintf(command, sizeof command, "diff -r '%s/a' '%s/b'", f->folder, f->folder);
	run_well(f, command);
}

static void
our_descriptors_are_the_bytes_that_protoc_writes(void **state)
{
	struct fixture *f = *state;
	struct strbuf file;

	(void)f;
	strbuf_init(&file, TEXT_BYTES_MAX);
	read_file(USHER_SOURCE_DIR "/gen/descriptors.pb", &file);
	assert_int_equal(file.bytes, usher_descriptors_bytes);
	assert_memory_equal(file.data, usher_descriptors, file.bytes);
	strbuf_done(&file);
}

enum mistake_kind {
	IN_FILE,   /* text is the whole file */
	IN_TYPES,  /* text comes from line 6 on, after the imports */
	IN_METHOD, /* text is the inside of the rules option, which starts in line 8 */
	IN_FIELD,  /* text is the declaration of a field, in line 7 */
};

struct mistake {
	enum mistake_kind kind;
	const char *text;
	const char *said; /* a part of what is said */
};

#define HEAD                                                                                       \
	"syntax = \"proto3\";\n"                                                                   \
	"package usher.test;\n"                                                                    \
	"import \"google/protobuf/any.proto\"; import \"google/protobuf/struct.proto\";\n"         \
	"import \"google/protobuf/descriptor.proto\"; import \"google/protobuf/empty.proto\"; "    \
	"import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\"; "  \
	"import \"google/protobuf/field_mask.proto\";\n"                                           \
	"import \"usher/v1/options.proto\";\n"
#define TYPES                                                                                      \
	"message Inner { string name = 1; Inner inner = 2; }\n"                                    \
	"message Req { string id = 1; int32 n = 2; repeated string ids = 3; Inner inner = 4;\n"    \
	"  bytes raw = 5; string pw = 6 [(usher.v1.field).secret = true]; }\n"                     \
	"message Small { string id = 1; string other = 2; }\n"                                     \
	"message Reply {}\n"
#define ODD                                                                                        \
	"message Odd { google.protobuf.Timestamp at = 1; google.protobuf.StringValue text = 2;\n"  \
	"  google.protobuf.FieldMask mask = 3; google.protobuf.Empty nothing = 4;\n"               \
	"  string data = 5 [(usher.v1.field).json = true];\n"                                      \
	"  oneof one { string id = 6; int32 n = 7; Inner inner = 8; } }\n"
#define WELL "access: {public: true} lane: LANE_QUERY effect: EFFECT_WRITE "
#define INLINE_READ "access: {public: true} lane: LANE_INLINE effect: EFFECT_READ "
#define READ "access: {public: true} lane: LANE_QUERY effect: EFFECT_READ "
/* A method whose request is Odd. */
#define WITH_ODD(rules)                                                                            \
	ODD "service TestService { rpc Do(Odd) returns (Reply) { option (usher.v1.rules) = "       \
	    "{" rules "}; } }"

static const char *
mistake_file(const struct mistake *m, char *out, size_t bytes)
{
	switch (m->kind) {
	case IN_FILE:
		snprintf(out, bytes, "%s", m->text);
		break;
	case IN_TYPES:
		snprintf(out, bytes, HEAD "%s\n" TYPES, m->text);
		break;
	case IN_METHOD:
		snprintf(out, bytes,
		    HEAD "service TestService {\n  rpc Do(Req) returns (Reply) {\n"
			 "    option (usher.v1.rules) = {%s};\n  }\n}\n" TYPES,
		    m->text);
		break;
	case IN_FIELD:
		snprintf(out, bytes, HEAD "message Thing {\n  %s\n}\n" TYPES, m->text);
		break;
	}
	return out;
}

#define METHOD_ "t.proto:8: method TestService.Do: "
#define ACCESS_ METHOD_ "option access: "
#define HTTP_ METHOD_ "option http: "
#define FIELD_ "t.proto:7: field Thing.f: "

static const struct mistake mistakes[] = {
    /* access */
    {IN_METHOD, "lane: LANE_QUERY effect: EFFECT_READ", ACCESS_ "at least one rule is needed"},
    {IN_METHOD, WELL "access: {}", ACCESS_ "an alternative without a rule"},
    {IN_METHOD, WELL "access: {account: true}",
	ACCESS_ "public stands alone: whoever it admits needs no other rule"},
    {IN_METHOD, "access: {public: false} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "public: only true says something"},
    {IN_METHOD, "access: {account: false} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "account: only true says something"},
    {IN_METHOD, "access: {self: \"user_id\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "self: Req has no field \"user_id\""},
    {IN_METHOD, "access: {self: \"n\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "self: field \"n\" is not a string"},
    {IN_METHOD, "access: {self: \"ids\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "self: field \"ids\" is not a string"},
    {IN_METHOD, "access: {org: \"read\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "org: \"read\" is not of the form \"things.verb\""},
    {IN_METHOD, "access: {key: \"Context.read\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "key: \"Context.read\" is not of the form \"things.verb\""},
    {IN_METHOD, "access: {platform: \"a.b.c\"} lane: LANE_QUERY effect: EFFECT_READ",
	ACCESS_ "platform: \"a.b.c\" is not of the form \"things.verb\""},

    /* lane, effect and the rest of a method's rules */
    {IN_METHOD, "access: {public: true} effect: EFFECT_READ",
	METHOD_ "option lane: it has to be said"},
    {IN_METHOD, "access: {public: true} lane: LANE_CPU",
	METHOD_ "option effect: it has to be said"},
    {IN_METHOD, "access: {public: true} lane: LANE_HASH effect: EFFECT_READ batchable: true",
	METHOD_ "option batchable: a method on HASH or WAIT can't stand in a Batch"},
    {IN_METHOD, "access: {public: true} lane: LANE_WAIT effect: EFFECT_READ batchable: true",
	METHOD_ "option batchable: a method on HASH or WAIT can't stand in a Batch"},
    {IN_METHOD, "access: {public: true} lane: LANE_INLINE effect: EFFECT_RESTRICT",
	METHOD_ "option lane: RESTRICT writes and waits, which INLINE can't"},
    {IN_METHOD, READ "idempotent_by_key: true",
	METHOD_ "option idempotent_by_key: a READ leaves nothing that a repeat could do twice"},
    {IN_METHOD, INLINE_READ "idempotent_by_key: true",
	METHOD_
	"option write_with: a READ with idempotent_by_key says which field makes it a WRITE"},
    {IN_METHOD, INLINE_READ "idempotent_by_key: true write_with: \"nowhere\"",
	METHOD_ "option write_with: Req has no field \"nowhere\""},
    {IN_METHOD, READ "write_with: \"text\"",
	METHOD_ "option write_with: it is for a READ with idempotent_by_key"},
    {IN_METHOD, WELL "deadline_ms: 300001", METHOD_ "option deadline_ms: more than 300000"},
    {IN_METHOD, WELL "bytes_max: 4194304",
	METHOD_ "option bytes_max: a whole message with its envelope is 4194304 at most"},

    /* http */
    {IN_METHOD, WELL "http: {body: \"*\"}",
	HTTP_ "one of get, put, post, delete and patch is needed"},
    {IN_METHOD, WELL "http: {post: \"v1/x\"}",
	HTTP_ "path \"v1/x\": \"/\" is expected at character 1"},
    {IN_METHOD, WELL "http: {post: \"/v1//x\"}",
	HTTP_ "path \"/v1//x\": a segment is expected at character 5"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id\"}",
	HTTP_ "path \"/v1/{id\": \"}\" is expected at character 8"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}/{id}\"}",
	HTTP_ "path \"/v1/{id}/{id}\": the variable stands there twice at character 13"},
    {IN_METHOD, WELL "http: {post: \"/v1/{user_id}\"}",
	HTTP_ "path \"/v1/{user_id}\": Req has no field \"user_id\""},
    {IN_METHOD, WELL "http: {post: \"/v1/{ids}\"}",
	HTTP_ "path \"/v1/{ids}\": field \"ids\" is no single value"},
    {IN_METHOD, WELL "http: {post: \"/v1/{inner}\"}",
	HTTP_ "path \"/v1/{inner}\": field \"inner\" is no single value"},
    {IN_METHOD, WELL "http: {post: \"/v1/{raw}\"}",
	HTTP_ "path \"/v1/{raw}\": field \"raw\" is no single value"},
    {IN_METHOD, WELL "http: {post: \"/v1/{pw}\"}",
	HTTP_ "path \"/v1/{pw}\": field \"pw\" is secret, and paths are logged"},
    {IN_METHOD, WELL "http: {post: \"/v1/x\" body: \"nothing\"}",
	HTTP_ "body: Req has no field \"nothing\""},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}\" body: \"id\"}",
	HTTP_ "body: field \"id\" is in the path"},
    {IN_METHOD, READ "http: {get: \"/v1/x\" body: \"*\"}", HTTP_ "GET has no body"},
    {IN_METHOD, READ "http: {get: \"/v1/x\"}",
	HTTP_ "field \"pw\" is secret, and would be in the query"},
    {IN_METHOD, READ "http: {get: \"/v1/x\"}",
	HTTP_ "field \"inner.inner.inner.inner\" can't be in the query: name a body"},
    {IN_METHOD, WELL "http: {post: \"/v1/x\" success_status: 404}",
	HTTP_ "success_status: 404 is no success"},
    {IN_METHOD, WELL "http: {post: \"/v1/x\" additional_bindings: {post: \"/v1/x\"}}",
	HTTP_ "POST /v1/x is also a route of usher.test.TestService/Do"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}\" additional_bindings: {post: \"/v1/{n}\"}}",
	HTTP_ "POST /v1/{n} is also a route of usher.test.TestService/Do"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}\" additional_bindings: {put: \"/v1/{n}\"}}",
	HTTP_
	"path \"/v1/{n}\" is the same as \"/v1/{id}\" of usher.test.TestService/Do: name it so"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}/x\" additional_bindings: {post: \"/v1/y/{n}\"}}",
	HTTP_ "a path could mean POST /v1/y/{n} as well as /v1/{id}/x of "
	      "usher.test.TestService/Do"},
    {IN_METHOD, WELL "http: {post: \"/v1/{id}/x\" additional_bindings: {post: \"/v1/y/**\"}}",
	HTTP_ "a path could mean POST /v1/y/** as well as /v1/{id}/x of "
	      "usher.test.TestService/Do"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{at}\"}"),
	"path \"/v1/{at}\": field \"at\" is no single value"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{text}\"}"),
	"path \"/v1/{text}\": field \"text\" is no single value"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{mask}\"}"),
	"path \"/v1/{mask}\": field \"mask\" is no single value"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{data}\"}"),
	"path \"/v1/{data}\": field \"data\" is no single value"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{id}\"}"),
	"path \"/v1/{id}\": field \"id\" is in a oneof"},
    {IN_TYPES, WITH_ODD(WELL "http: {post: \"/v1/{inner.name}\"}"),
	"path \"/v1/{inner.name}\": field \"inner.name\" is in a oneof"},
    {IN_TYPES, WITH_ODD(READ "http: {get: \"/v1/x\"}"),
	"field \"data\" can't be in the query: name a body"},
    {IN_TYPES, WITH_ODD(READ "http: {get: \"/v1/x\"}"),
	"field \"nothing\" can't be in the query: name a body"},
    {IN_METHOD,
	WELL "http: {post: \"/v1/x\" additional_bindings: {post: \"/v1/y\" "
	     "additional_bindings: {post: \"/v1/z\"}}}",
	HTTP_ "a further binding has further bindings"},

    /* fields */
    {IN_FIELD, "optional string f = 1;", FIELD_ "optional is not supported: use a oneof"},
    {IN_FIELD, "string base = 1;",
	"t.proto:7: field Thing.base: protobuf-c has a member of this name"},
    {IN_FIELD, "google.protobuf.Any f = 1;", FIELD_ "google.protobuf.Any is not supported"},
    {IN_FIELD, "google.protobuf.Struct f = 1;", FIELD_ "google.protobuf.Struct is not supported"},
    {IN_FIELD, "repeated google.protobuf.Value f = 1;",
	FIELD_ "google.protobuf.Value is not supported: use a string with the option json"},
    {IN_FIELD, "google.protobuf.FileOptions f = 1;",
	FIELD_ "google.protobuf.FileOptions is declared in google/protobuf/descriptor.proto, which "
	       "is not generated"},
    {IN_FIELD, "usher.v1.Lane f = 1;",
	FIELD_ "usher.v1.Lane is declared in usher/v1/options.proto, which is not generated"},
    {IN_FIELD, "bytes f = 1 [(usher.v1.field).json = true];",
	FIELD_ "option json: only a string can hold a JSON object"},
    {IN_FIELD, "int32 f = 1 [(usher.v1.field).length_min = 1];",
	FIELD_ "option length_min: only strings and bytes have a length"},
    {IN_FIELD, "Inner f = 1 [(usher.v1.field).length_max = 1];",
	FIELD_ "option length_max: only strings and bytes have a length"},
    {IN_FIELD, "string f = 1 [(usher.v1.field) = {length_min: 3 length_max: 2}];",
	FIELD_ "option length_min: 3 is more than length_max, 2"},
    {IN_FIELD, "string f = 1 [(usher.v1.field).items_max = 1];",
	FIELD_ "option items_max: only repeated fields and maps have items"},
    {IN_FIELD, "double f = 1 [(usher.v1.field).range = {max: 1}];",
	FIELD_ "option range: only integers have a range"},
    {IN_FIELD, "int64 f = 1 [(usher.v1.field).range = {min: 2 max: 1}];",
	FIELD_ "option range: min 2 is more than max 1"},
    {IN_FIELD, "int64 f = 1 [(usher.v1.field).secret = true];",
	FIELD_ "option secret: only strings and bytes are kept secret"},

    /* types, services and files */
    {IN_TYPES, "enum Kind { KIND_OTHER = 0; }",
	"t.proto:6: enum Kind: its first value has to be 0 and its name to end in _UNSPECIFIED"},
    {IN_TYPES, "\n\nservice Tester {}", "t.proto:8: service Tester: its name has to end in"},
    {IN_TYPES,
	"service TestService {\n\n  rpc Do(stream Req) returns (Reply) { option (usher.v1.rules) = "
	"{" WELL "}; }\n}",
	"t.proto:8: method TestService.Do: streams are not supported"},
    {IN_TYPES,
	"service TestService {\n"
	"  rpc Qcvemgi(Req) returns (Reply) { option (usher.v1.rules) = {" WELL "}; }\n"
	"  rpc Rbebqbh(Req) returns (Reply) { option (usher.v1.rules) = {" WELL "}; }\n}",
	"t.proto:8: method TestService.Rbebqbh: its id is that of usher.test.TestService/Qcvemgi"},
    {IN_TYPES,
	"service TestService {\n"
	"  rpc Tukvyuh(Req) returns (Reply) { option (usher.v1.rules) = {" WELL "}; }\n}",
	"t.proto:7: method TestService.Tukvyuh: its id is 0"},
    {IN_TYPES,
	"service TestService {\n"
	"  rpc Do(google.protobuf.FileOptions) returns (Reply) {\n"
	"    option (usher.v1.rules) = {" WELL "}; }\n}",
	"t.proto:7: method TestService.Do: google.protobuf.FileOptions is declared in"},
    {IN_TYPES,
	"service TestService {\n"
	"  rpc Do(Req) returns (Reply) {\n"
	"    option (usher.v1.rules).access = {public: true};\n"
	"    option (usher.v1.rules).lane = LANE_QUERY;\n"
	"    option (usher.v1.rules).effect = EFFECT_READ;\n"
	"    option (usher.v1.rules).bytes_max = 2048;\n"
	"    option (usher.v1.rules).deadline_ms = 999999;\n  }\n}",
	"t.proto:12: method TestService.Do: option deadline_ms: more than 300000"},
    {IN_FILE, "syntax = \"proto2\";\npackage usher.test;\n",
	"t.proto:1: file: syntax = \"proto3\" is needed"},
    {IN_FILE, "syntax = \"proto2\";\npackage p;\nmessage M {\n  optional group G = 1 {}\n}\n",
	"t.proto:4: field M.g: groups are not supported"},
    {IN_FILE, "syntax = \"proto3\";\nmessage M {}\n", "t.proto: file: a package is needed"},
    {IN_FILE,
	"syntax = \"proto3\";\npackage p;\nimport \"google/protobuf/descriptor.proto\";\n"
	"extend google.protobuf.FieldOptions { bool x = 50999; }\n",
	"t.proto:4: file: extensions are not supported"},
};

static void
each_mistake_is_refused_with_its_place(void **state)
{
	struct fixture *f = *state;
	char file[4096];

	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const struct mistake *m = &mistakes[i];
		int code = generate(f, mistake_file(m, file, sizeof file));
		if (code == 0)
			fail_msg("accepted: %s", m->text);
		if (!strstr(strbuf_text(&f->said), m->said))
			fail_msg(
			    "%s\nexpected: %s\nsaid: %s", m->text, m->said, strbuf_text(&f->said));
	}
}

static void
all_mistakes_are_said_at_once(void **state)
{
	struct fixture *f = *state;
	const struct mistake both = {IN_METHOD, "batchable: true", ""};
	char file[4096];

	assert_int_not_equal(generate(f, mistake_file(&both, file, sizeof file)), 0);
	assert_non_null(strstr(strbuf_text(&f->said), "option access"));
	assert_non_null(strstr(strbuf_text(&f->said), "option lane"));
	assert_non_null(strstr(strbuf_text(&f->said), "option effect"));
}

/* As when options.proto has grown and the generator is the old one. */
static void
a_member_that_the_generator_does_not_know_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[128], command[1024];
	struct strbuf options, grown;

	strbuf_init(&options, TEXT_BYTES_MAX);
	strbuf_init(&grown, TEXT_BYTES_MAX);
	read_file(USHER_SOURCE_DIR "/proto/usher/v1/options.proto", &options);
	const char *at = strstr(strbuf_text(&options), "message MethodRules {");
	assert_non_null(at);
	at += strlen("message MethodRules {");
	strbuf_add(&grown, options.data, (size_t)(at - (const char *)options.data));
	strbuf_add_text(&grown, "uint32 novelty = 77;");
	strbuf_add_text(&grown, at);

	snprintf(path, sizeof path, "%s/usher/v1", f->folder);
	snprintf(command, sizeof command, "mkdir -p '%s'", path);
	run_well(f, command);
	strcat(path, "/options.proto");
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fwrite(grown.data, 1, grown.bytes, file);
	fclose(file);
	snprintf(path, sizeof path, "%s/t.proto", f->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(HEAD "service TestService {\n  rpc Do(Req) returns (Reply) {\n"
		   "    option (usher.v1.rules) = {" WELL "novelty: 1};\n  }\n}\n" TYPES,
	    file);
	fclose(file);

	snprintf(command, sizeof command,
	    "protoc -I '%s' --plugin=protoc-gen-usher='" USHER_BINARY_DIR
	    "/bin/protoc-gen-usher' --usher_out='%s' t.proto",
	    f->folder, f->folder);
	assert_int_not_equal(run(f, command), 0);
	assert_non_null(
	    strstr(strbuf_text(&f->said), "t.proto:7: method TestService.Do: MethodRules has no "
					  "member 77: rebuild the generator"));
	strbuf_done(&grown);
	strbuf_done(&options);
}

/* Python takes no argument twice, and none that is called like a word of its own. */
static void
fields_may_have_names_that_python_has_a_use_for(void **state)
{
	struct fixture *f = *state;
	struct strbuf python;
	char path[128], command[1024];

	if (generate(f, HEAD "service TestService { rpc Do(Request) returns (Reply) {\n"
			     "  option (usher.v1.rules) = {" WELL "}; } }\n"
			     "message Request { string self = 1; string request = 2;\n"
			     "  string class = 3; string plain = 4; }\n" TYPES) != 0)
		fail_msg("%s", strbuf_text(&f->said));
	snprintf(path, sizeof path, "%s/python/services.py", f->folder);
	snprintf(command, sizeof command,
	    "python3 -c 'compile(open(\"%s\").read(), \"services\", \"exec\")'", path);
	run_well(f, command);
	strbuf_init(&python, TEXT_BYTES_MAX);
	read_file(path, &python);
	assert_non_null(strstr(strbuf_text(&python), "\"plain\": plain,"));
	assert_null(strstr(strbuf_text(&python), "\"request\": request,"));
	strbuf_done(&python);
}

static void
what_is_no_request_is_refused(void **state)
{
	struct fixture *f = *state;

	/* The answer is a response with an error in it; its first field is the error's. */
	run_well(f, "printf '\\377\\377' | '" USHER_BINARY_DIR "/bin/protoc-gen-usher'");
	assert_non_null(
	    strstr(strbuf_text(&f->said), "standard input holds no CodeGeneratorRequest"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		every_option_shows_in_what_is_generated, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		the_same_input_gives_the_same_output, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		our_descriptors_are_the_bytes_that_protoc_writes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		each_mistake_is_refused_with_its_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(all_mistakes_are_said_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_member_that_the_generator_does_not_know_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		fields_may_have_names_that_python_has_a_use_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_request_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
