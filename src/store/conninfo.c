#include "store/conninfo.h"

#include <assert.h>

/* How soon a dead peer is noticed: 10 s on an idle connection and while a send is out. */
static const char *const habits[][2] = {
    {"connect_timeout", "3"},
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    {"gssencmode", "disable"},
    {"fallback_application_name", "usher"},
};

/* Statements name the schema themselves; nothing else is to be found by a bare name. Nothing of
 * ours stands still in a transaction for seconds: one that does has lost its machine, and others
 * wait for its locks. A pooler refuses start-up options, so they are for direct connections alone.
 */
#define SESSION_OPTIONS "-c search_path=pg_catalog -c idle_in_transaction_session_timeout=15000"

void
conninfo_set(struct conninfo *info, const char *keyword, const char *value)
{
	assert(info->count < CONNINFO_KEYWORDS_MAX);
	info->keywords[info->count] = keyword;
	info->values[info->count] = value;
	info->count++;
	info->keywords[info->count] = info->values[info->count] = NULL;
}

static void
set_from(struct conninfo *info, const char *keyword, const struct config *config, const char *name)
{
	const char *value = config_text(config, name);

	if (value[0])
		conninfo_set(info, keyword, value);
}

/* Take in what the text sets; *options is its "options", if any. */
static status
read_text(struct conninfo *info, struct arena *arena, const char *text, const char **options)
{
	PQconninfoOption *parsed = PQconninfoParse(text, NULL);
	status st = STATUS_OK;

	if (!parsed)
		return REFUSE(ST_INVALID_ARGUMENT,
		    "database.conninfo is no connection string or URI that libpq can read");
	for (PQconninfoOption *option = parsed; option->keyword && st.code == ST_OK; option++) {
		char *keyword, *value;

		if (!option->val || !option->val[0])
			continue;
		keyword = arena_copy_text(arena, option->keyword);
		value = arena_copy_text(arena, option->val);
		if (!keyword || !value)
			st = ARENA_EXHAUSTED;
		else if (strcmp(keyword, "options") == 0)
			*options = value;
		else
			conninfo_set(info, keyword, value);
	}
	PQconninfoFree(parsed);
	return st;
}

status
conninfo_make(const struct config *config, struct arena *arena, struct conninfo *out)
{
	const char *text = config_text(config, "database.conninfo");
	const char *options = "";
	struct conninfo info = {.prepared = config_bool(config, "database.prepared")};

	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		conninfo_set(&info, habits[i][0], habits[i][1]);
	set_from(&info, "user", config, "database.user");
	set_from(&info, "password", config, "database.password");
	set_from(&info, "sslmode", config, "database.sslmode");
	if (text[0]) {
		TRY(read_text(&info, arena, text, &options));
	} else {
		set_from(&info, "host", config, "database.host");
		set_from(&info, "port", config, "database.port");
		set_from(&info, "dbname", config, "database.name");
	}
	if (info.prepared) {
		options =
		    arena_format(arena, "%s%s" SESSION_OPTIONS, options, options[0] ? " " : "");
		if (!options)
			return ARENA_EXHAUSTED;
	}
	conninfo_set(&info, "options", options);
	conninfo_set(&info, "client_encoding", "UTF8");
	/* No decision is ever read from a replica. */
	conninfo_set(&info, "target_session_attrs", "read-write");
	*out = info;
	return STATUS_OK;
}
