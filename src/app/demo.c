#include "app/demo.h"

#include "base/files.h"
#include "json/reader.h"
#include "json/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEMO_FILE_BYTES_MAX 16384

/* The file's members, all texts. A row each, so that reading and writing say the same. */
enum demo_member { ORG_ID, CHATBOT_ID, USER_ID, EMAIL, PASSWORD, API_KEY, HTTP, RPC, MEMBERS };
static const char *const member_names[MEMBERS] = {
    "orgId", "chatbotId", "userId", "email", "password", "apiKey", "http", "rpc"};

struct demo {
	const char *members[MEMBERS];
};

static const char *const scope_names[] = {"context.read", "context.write"};

/* What the file says; members that it has not, or a file that is not there, stay "". */
static status
demo_read(struct arena *arena, const char *path, struct demo *demo)
{
	char *text = arena_alloc(arena, DEMO_FILE_BYTES_MAX);
	enum reader_token token = READER_NULL;
	struct reader reader;
	size_t bytes;
	FILE *file;

	for (int i = 0; i < MEMBERS; i++)
		demo->members[i] = "";
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return STATUS_OK;
	if (!file)
		return arena_refuse(arena, ST_FAILED_PRECONDITION, NULL, "%s cannot be read: %s",
		    path, strerror(errno));
	bytes = text ? fread(text, 1, DEMO_FILE_BYTES_MAX, file) : 0;
	fclose(file);
	if (!text)
		return ARENA_EXHAUSTED;
	reader_init(&reader, slice_of(text, bytes), arena, READER_REFUSE_NUL);
	while (token != READER_END) {
		int member = MEMBERS;

		if (reader_next(&reader, &token).code != ST_OK)
			return arena_refuse(arena, ST_FAILED_PRECONDITION, NULL,
			    "%s is not the file that was written there; move it away", path);
		if (token != READER_KEY)
			continue;
		for (member = 0; member < MEMBERS; member++)
			if (slice_equals_text(reader.value, member_names[member]))
				break;
		if (reader_next(&reader, &token).code == ST_OK && token == READER_STRING &&
		    member < MEMBERS)
			demo->members[member] =
			    arena_copy(arena, reader.value.data, reader.value.bytes);
	}
	return STATUS_OK;
}

static status
demo_write(struct arena *arena, const char *path, const struct demo *demo)
{
	struct strbuf out;
	struct writer writer;
	status st;

	strbuf_init(&out, DEMO_FILE_BYTES_MAX);
	writer_init(&writer, &out, 2);
	writer_object_begin(&writer);
	for (int i = 0; i < MEMBERS; i++) {
		writer_key(&writer, member_names[i]);
		writer_text(&writer, demo->members[i]);
	}
	writer_object_end(&writer);
	strbuf_add_char(&out, '\n');
	st = strbuf_status(&out);
	if (st.code == ST_OK)
		st = files_write_draft(arena, path, slice_of(out.data, out.bytes));
	strbuf_done(&out);
	return st;
}

/* Is all that the file names in this database, and does its key work? */
static status
demo_is_there(struct store_conn *conn, const struct demo *demo, bool *there)
{
	ROWS_AUTO rows = {0};
	struct uuid org, chatbot, user;

	*there = false;
	if (!uuid_parse(slice_text(demo->members[ORG_ID]), &org) ||
	    !uuid_parse(slice_text(demo->members[CHATBOT_ID]), &chatbot) ||
	    !uuid_parse(slice_text(demo->members[USER_ID]), &user))
		return STATUS_OK;
	TRY(STORE_QUERY(conn, STMT_BOOTSTRAP_DEMO_IS_THERE, &rows, p_uuid(&org), p_uuid(&chatbot),
	    p_uuid(&user)));
	if (!row_bool(&rows, 0, BOOTSTRAP_DEMO_IS_THERE_THERE))
		return STATUS_OK;
	return bootstrap_key_works(conn, demo->members[API_KEY], there);
}

static const char *
id_text(struct arena *arena, const struct uuid *id)
{
	char text[UUID_TEXT_BYTES];

	uuid_format(id, text);
	return arena_copy_text(arena, text);
}

static status
demo_make_people(struct store_conn *conn, struct password_hasher *hasher, struct arena *arena,
    struct bootstrap_person *person, struct uuid *chatbot_id)
{
	uint8_t noise[12];
	char *password, *mark;

	TRY(rand_fill(&rand_system, noise, sizeof noise));
	password = arena_alloc(arena, BASE64_TEXT_BYTES(sizeof noise));
	mark = arena_alloc(arena, 2 * 4 + 1);
	if (!password || !mark)
		return ARENA_EXHAUSTED;
	base64_encode(slice_of(noise, sizeof noise), BASE64_URL, password);
	/* Another demo may be in this database already, told in a file that was lost. */
	hex_encode(slice_of(noise, 4), mark);
	person->password = password;
	person->email = arena_format(arena, "demo-%s@example.com", mark);
	person->display_name = "Dana Demo";
	person->external_id = "demo";
	TRY(bootstrap_id(&person->account_id));
	TRY(bootstrap_id(&person->org_id));
	TRY(bootstrap_id(&person->user_id));
	TRY(bootstrap_id(chatbot_id));
	TRY(bootstrap_org(conn, &person->org_id, arena_format(arena, "demo-%s", mark), "Demo"));
	TRY(bootstrap_owner(conn, hasher, arena, person));
	TRY(STORE_QUERY(conn, STMT_BOOTSTRAP_CHATBOT, NULL, p_uuid(&person->org_id),
	    p_uuid(chatbot_id), p_text("demo"), p_text("Demo assistant"),
	    p_text("You are the demo organisation's assistant. Be brief and friendly.")));
	/* 1 is Trust's USER_WRITTEN. */
	return STORE_QUERY(conn, STMT_BOOTSTRAP_PROFILE, NULL, p_uuid(&person->org_id),
	    p_uuid(&person->user_id), p_text("Example Inc."), p_text("Head of Examples"),
	    p_json("{\"language\":\"en\",\"tone\":\"brief\"}"), p_json("{\"timeFormat\":\"24h\"}"),
	    p_json("{\"company\":1,\"role\":1,\"preferences\":1,\"profile_data\":1}"));
}

static status
demo_make(
    struct store_conn *conn, struct password_hasher *hasher, struct arena *arena, struct demo *demo)
{
	struct slice scopes[] = {slice_text(scope_names[0]), slice_text(scope_names[1])};
	struct bootstrap_person person = {0};
	struct uuid chatbot_id;
	struct bootstrap_key key = {
	    .chatbot_id = &chatbot_id,
	    .default_user_id = &person.user_id,
	    .display_name = "demo",
	    .scopes = scopes,
	    .scopes_count = sizeof scopes / sizeof scopes[0],
	};

	TRY(demo_make_people(conn, hasher, arena, &person, &chatbot_id));
	key.org_id = person.org_id;
	TRY(bootstrap_make_key(conn, &key));
	demo->members[ORG_ID] = id_text(arena, &person.org_id);
	demo->members[CHATBOT_ID] = id_text(arena, &chatbot_id);
	demo->members[USER_ID] = id_text(arena, &person.user_id);
	demo->members[EMAIL] = person.email;
	demo->members[PASSWORD] = person.password;
	demo->members[API_KEY] = arena_copy_text(arena, key.text);
	return STATUS_OK;
}

status
demo_ensure(struct store_conn *conn, struct password_hasher *hasher, struct arena *arena,
    const char *path, const char *http, const char *rpc, struct uuid *org_id)
{
	struct demo demo;
	bool there;

	TRY(demo_read(arena, path, &demo));
	TRY(demo_is_there(conn, &demo, &there));
	if (!there)
		TRY(demo_make(conn, hasher, arena, &demo));
	demo.members[HTTP] = *http ? arena_format(arena, "http://%s", http) : demo.members[HTTP];
	demo.members[RPC] = *rpc ? rpc : demo.members[RPC];
	for (int i = 0; i < MEMBERS; i++)
		if (!demo.members[i])
			return ARENA_EXHAUSTED;
	if (!uuid_parse(slice_text(demo.members[ORG_ID]), org_id))
		return REFUSE(ST_INTERNAL, "the demo's organisation has no id");
	return demo_write(arena, path, &demo);
}
