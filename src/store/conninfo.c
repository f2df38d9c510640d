#include "store/conninfo.h"

#include <assert.h>
#include <stdlib.h>

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

/* ---- which host comes first */

void
hosts_done(struct hosts *hosts)
{
	free(hosts->host);
	free(hosts->hostaddr);
	free(hosts->port);
	*hosts = (struct hosts){0};
}

/* The next part of a list; false: there is none left, or no list. */
static bool
take_part(const char **rest, struct slice *out)
{
	const char *end;

	if (!*rest)
		return false;
	end = strchrnul(*rest, ',');
	*out = slice_of(*rest, (size_t)(end - *rest));
	*rest = *end ? end + 1 : NULL;
	return true;
}

/* The next part of a list is that text; or there is no list. */
static bool
part_fits(const char **rest, const char *text)
{
	struct slice part;

	return !take_part(rest, &part) || (text && slice_equals_text(part, text));
}

static const char *
port_list(const struct hosts *hosts)
{
	return hosts->port && strchr(hosts->port, ',') ? hosts->port : NULL;
}

/* The number of the host that was chosen, from 0; false: none fits. */
static bool
find_host(const struct hosts *hosts, const struct hosts *chosen, size_t *out)
{
	const char *names = hosts->host, *addresses = hosts->hostaddr, *ports = port_list(hosts);

	for (size_t i = 0; names || addresses; i++) {
		const bool name_fits = part_fits(&names, chosen->host);
		const bool address_fits = part_fits(&addresses, chosen->hostaddr);

		if (part_fits(&ports, chosen->port) && name_fits && address_fits) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* A copy with that part first; of NULL it is NULL. false: no memory. */
static bool
copy_with_first(const char *list, size_t number, char **out)
{
	struct slice part = SLICE_NONE;
	const char *rest = list;
	char *copy, *at;

	if (!list)
		return true;
	copy = malloc(strlen(list) + 1);
	if (!copy)
		return false;
	for (size_t i = 0; i <= number; i++)
		(void)take_part(&rest, &part);
	at = mempcpy(copy, part.data, part.bytes);
	rest = list;
	for (size_t i = 0; take_part(&rest, &part); i++) {
		if (i == number)
			continue;
		*at++ = ',';
		at = mempcpy(at, part.data, part.bytes);
	}
	*at = '\0';
	*out = copy;
	return true;
}

static bool
copy_hosts(const struct hosts *hosts, size_t number, struct hosts *out)
{
	struct hosts made = {0};

	if (!copy_with_first(hosts->host, number, &made.host) ||
	    !copy_with_first(hosts->hostaddr, number, &made.hostaddr) ||
	    !copy_with_first(port_list(hosts), number, &made.port)) {
		hosts_done(&made);
		return false;
	}
	*out = made;
	return true;
}

bool
hosts_put_first(
    const struct hosts *hosts, const struct hosts *chosen, size_t *number, struct hosts *out)
{
	return find_host(hosts, chosen, number) && copy_hosts(hosts, *number, out);
}

/* number: of the one that it was made to, before it was put first. */
static bool
read_hosts(PGconn *pg, size_t *number, struct hosts *out)
{
	const struct hosts chosen = {PQhost(pg), PQhostaddr(pg), PQport(pg)};
	struct hosts all = {0};
	PQconninfoOption *options = PQconninfo(pg);

	for (PQconninfoOption *option = options; option && option->keyword; option++) {
		if (strcmp(option->keyword, "host") == 0)
			all.host = option->val;
		else if (strcmp(option->keyword, "hostaddr") == 0)
			all.hostaddr = option->val;
		else if (strcmp(option->keyword, "port") == 0)
			all.port = option->val;
		else if (option->dispchar[0] == '*' && option->val)
			explicit_bzero(option->val, strlen(option->val));
	}
	const bool is_told = hosts_put_first(&all, &chosen, number, out);
	PQconninfoFree(options);
	return is_told;
}

bool
hosts_of(PGconn *pg, struct hosts *out)
{
	size_t number = 0;

	return read_hosts(pg, &number, out);
}

void
hosts_learn(struct hosts *hosts, PGconn *pg)
{
	struct hosts made;
	size_t number = 0;

	if (!read_hosts(pg, &number, &made))
		return;
	if (number == 0) {
		hosts_done(&made);
		return;
	}
	hosts_done(hosts);
	*hosts = made;
}

void
conninfo_set_hosts(struct conninfo *info, const struct hosts *hosts)
{
	if (hosts->host)
		conninfo_set(info, "host", hosts->host);
	if (hosts->hostaddr)
		conninfo_set(info, "hostaddr", hosts->hostaddr);
	if (hosts->port)
		conninfo_set(info, "port", hosts->port);
}
