/* usher bootstrap: what must be there before anybody can log in. */
#include "app/bootstrap.h"
#include "app/cli.h"
#include "app/demo.h"
#include "base/email.h"
#include "base/files.h"
#include "base/slug.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The bridge says where its callers are, and sees how the servers do. */
static const char *const bridge_scopes[] = {"client_ip.assert", "ops.status"};

/* More than a key has, so that a file that holds more is seen to. */
#define KEY_FILE_BYTES_MAX 256

/* What was made, or was there already; nil: not asked for. */
struct made {
	struct uuid org_id;               /* the administrator's, or the demo's */
	struct uuid system_org_id;        /* the platform's, always */
	struct uuid key_id;               /* the bridge's */
	const char *key_file, *demo_file; /* whose drafts were written; NULL: not */
};

/* What the file holds, less its line's end; nothing when it is not there. */
static status
read_key_file(
    struct arena *arena, const char *path, char room[KEY_FILE_BYTES_MAX], struct slice *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : read(fd, room, KEY_FILE_BYTES_MAX);
	int error = errno;

	if (fd >= 0)
		(void)close(fd);
	if (got < 0 && (fd >= 0 || error != ENOENT))
		return arena_refuse(arena, ST_FAILED_PRECONDITION, NULL, "%s cannot be read: %s",
		    path, strerror(error));
	*out = slice_of(room, got < 0 ? 0 : (size_t)got);
	while (out->bytes && (room[out->bytes - 1] == '\n' || room[out->bytes - 1] == '\r'))
		out->bytes--;
	return STATUS_OK;
}

/* Does the file have the bridge's key already? What else may stand in it is somebody's: nothing
 * else than a key that is over in this very database gives way to another by itself. */
static status
look_at_key_file(
    struct cli *cli, struct store_conn *conn, const char *path, struct uuid *key_id, bool *has_key)
{
	struct bootstrap_known_key found;
	char room[KEY_FILE_BYTES_MAX];
	struct secret secret;
	struct slice text;

	TRY(read_key_file(cli->arena, path, room, &text));
	*has_key = false;
	if (text.bytes == 0)
		return STATUS_OK;
	if (!secret_parse(text, SECRET_API_KEY, &secret))
		return arena_refuse(cli->arena, ST_FAILED_PRECONDITION, NULL,
		    "%s holds something that is no key; move it away, or name another file", path);
	TRY(bootstrap_bridge_key(conn, &secret, &found));
	if (!found.known && !cli_has_option(cli, "--replace"))
		return arena_refuse(cli->arena, ST_FAILED_PRECONDITION, NULL,
		    "%s holds a key that this database does not know. Is it the right database? "
		    "Then move the file away, or say --replace",
		    path);
	if (found.known && !found.fits)
		return arena_refuse(cli->arena, ST_FAILED_PRECONDITION, NULL,
		    "%s holds a key that is no bridge's; move it away, or name another file", path);
	*has_key = found.known && found.works;
	if (*has_key)
		*key_id = secret.id;
	return STATUS_OK;
}

/* The bridge's key: the one in the file, or a new one, to be put there after the commit. */
static status
ensure_bridge_key(struct cli *cli, struct store_conn *conn, const char *path, struct made *made)
{
	struct slice scopes[] = {slice_text(bridge_scopes[0]), slice_text(bridge_scopes[1])};
	struct bootstrap_key key = {
	    .display_name = "usher-bridge",
	    .scopes = scopes,
	    .scopes_count = sizeof scopes / sizeof scopes[0],
	};
	struct secret secret;
	bool has_key;

	TRY(look_at_key_file(cli, conn, path, &made->key_id, &has_key));
	if (has_key)
		return STATUS_OK;
	key.org_id = made->system_org_id;
	TRY(bootstrap_make_key(conn, &key));
	if (secret_parse(slice_text(key.text), SECRET_API_KEY, &secret))
		made->key_id = secret.id;
	made->key_file = path;
	return files_write_draft(cli->arena, path, slice_text(key.text));
}

static volatile sig_atomic_t signal_caught;

static void
catch_signal(int number)
{
	signal_caught = number;
}

/* A line from the terminal that is not shown. Who ends the program meanwhile finds the terminal as
 * it was: the signal has its way when that is done. false: there is no line. */
static bool
read_unseen(const char *prompt, char *line, size_t line_bytes)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	const struct sigaction catches = {.sa_handler = catch_signal};
	struct sigaction before[sizeof ends / sizeof ends[0]];
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	struct termios shown, unseen;
	sigset_t held, let;
	bool got;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	unseen = shown;
	unseen.c_lflag &= ~(tcflag_t)ECHO;
	/* Stopped here and continued, it would be shown: a shell gives the terminal back as its
	 * own. */
	unseen.c_cc[VSUSP] = _POSIX_VDISABLE;
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaddset(&held, ends[i]);
	sigprocmask(SIG_BLOCK, &held, &let);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaction(ends[i], &catches, &before[i]);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
	fputs(prompt, stderr);
	/* They are let in here alone; a terminal that can be read has a whole line. */
	got = ppoll(&input, 1, NULL, &let) > 0 && fgets(line, (int)line_bytes, stdin);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaction(ends[i], &before[i], NULL);
	if (signal_caught)
		raise(signal_caught);
	sigprocmask(SIG_SETMASK, &let, NULL);
	return got;
}

/* Ask for a password without showing it; one line of standard input when that is no terminal. */
static status
ask_password(struct arena *arena, const char **out)
{
	char line[PASSWORD_BYTES_MAX + 2] = "";
	bool got = isatty(STDIN_FILENO)
		       ? read_unseen("Password of the administrator: ", line, sizeof line)
		       : fgets(line, sizeof line, stdin) != NULL;

	line[strcspn(line, "\r\n")] = '\0';
	if (!got || utf8_length(slice_text(line)) < PASSWORD_CHARS_MIN)
		return REFUSE(ST_INVALID_ARGUMENT, "the password comes from the terminal or "
						   "standard input and has 8 characters or more");
	if (strlen(line) > PASSWORD_BYTES_MAX)
		return REFUSE(ST_INVALID_ARGUMENT, "the password is longer than 256 bytes");
	*out = arena_copy_text(arena, line);
	crypt_wipe(line, sizeof line);
	return *out ? STATUS_OK : ARENA_EXHAUSTED;
}

/* What is in the way, in the words of this command. */
static status
explain_conflict(struct cli *cli, status st, const char *email, const char *slug)
{
	if (st.code != ST_ALREADY_EXISTS)
		return st;
	if (st.reason && strcmp(st.reason, "ORGS_SLUG") == 0)
		return arena_refuse(cli->arena, ST_ALREADY_EXISTS, "SLUG_TAKEN",
		    "there is an organisation \"%s\" already: give --org another name", slug);
	return arena_refuse(cli->arena, ST_ALREADY_EXISTS, "ACCOUNT_EXISTS",
	    "%s has an account already: log in with it, or give another --email", email);
}

static status
check_person(const struct bootstrap_person *person, const char *org)
{
	if (!org || !*org)
		return REFUSE(ST_INVALID_ARGUMENT, "give --org NAME with --email ADDRESS");
	/* One that Login would refuse is of no use. */
	if (!email_is_good(person->email))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "--email is not an e-mail address as in admin@example.com");
	return STATUS_OK;
}

/* Before anything is opened: whoever types takes the time that it takes. */
static status
ask_for_administrator(struct cli *cli, struct bootstrap_person *person)
{
	*person = (struct bootstrap_person){
	    .email = cli_option_value(cli, "--email"),
	    .display_name = "Administrator",
	};
	if (!person->email)
		return STATUS_OK;
	TRY(check_person(person, cli_option_value(cli, "--org")));
	return ask_password(cli->arena, &person->password);
}

/* The first organisation and its owner, who is an operator of the platform too. */
static status
make_administrator(struct cli *cli, struct store_conn *conn, struct password_hasher *hasher,
    struct bootstrap_person *person, struct uuid *org_id)
{
	const char *name = cli_option_value(cli, "--org");
	char slug[SLUG_BYTES_MAX + 1];

	slug_from_name(name, slug);
	TRY(bootstrap_id(&person->account_id));
	TRY(bootstrap_id(&person->org_id));
	TRY(bootstrap_id(&person->user_id));
	TRY(explain_conflict(
	    cli, bootstrap_org(conn, &person->org_id, slug, name), person->email, slug));
	TRY(explain_conflict(
	    cli, bootstrap_owner(conn, hasher, cli->arena, person), person->email, slug));
	TRY(bootstrap_operator(conn, cli->arena, &person->account_id));
	*org_id = person->org_id;
	return STATUS_OK;
}

static status
make_all(struct cli *cli, struct store_conn *conn, struct password_hasher *hasher,
    struct bootstrap_person *person, struct made *made)
{
	const char *bridge_key = cli_option_value(cli, "--bridge-key");
	const char *demo = cli_option_value(cli, "--demo");
	struct revision revision;

	TRY(store_begin(conn));
	/* Servers miss it, whether there is a bridge or not. */
	TRY(bootstrap_system_org(conn, &made->system_org_id));
	if (bridge_key)
		TRY(ensure_bridge_key(cli, conn, bridge_key, made));
	if (demo) {
		const char *http = cli_option_value(cli, "--http"),
			   *rpc = cli_option_value(cli, "--rpc");

		TRY(demo_ensure(conn, hasher, cli->arena, demo, http ? http : "", rpc ? rpc : "",
		    &made->org_id));
		made->demo_file = demo;
	}
	if (person->email)
		TRY(make_administrator(cli, conn, hasher, person, &made->org_id));
	return store_commit(conn, &revision);
}

/* All of it, or nothing: files tell of what is committed alone. */
static status
bootstrap_in_transaction(struct cli *cli, struct store_conn *conn, struct password_hasher *hasher,
    struct bootstrap_person *person, struct made *made)
{
	const status made_all = make_all(cli, conn, hasher, person, made);
	const char *const files[] = {made->key_file, made->demo_file};
	status st = made_all;

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!files[i])
			continue;
		if (made_all.code != ST_OK) {
			files_drop_draft(cli->arena, files[i]);
			continue;
		}
		/* What one tells of is true, whatever becomes of the other. */
		const status put = files_put_draft(cli->arena, files[i]);
		if (put.code != ST_OK)
			st = arena_refuse(cli->arena, put.code, put.reason,
			    "%s: made, but the file can't be put there; it is in %s.new: move it",
			    files[i], files[i]);
	}
	return st;
}

static const char *
id_text(const struct uuid *id, char out[UUID_TEXT_BYTES])
{
	uuid_format(id, out);
	return out;
}

static void
print_made(struct cli *cli, const struct made *made)
{
	char org[UUID_TEXT_BYTES], system[UUID_TEXT_BYTES], key[UUID_TEXT_BYTES];
	bool has_org = !uuid_is_nil(&made->org_id), has_key = !uuid_is_nil(&made->key_id);

	id_text(&made->org_id, org);
	id_text(&made->system_org_id, system);
	id_text(&made->key_id, key);
	if (cli->json) {
		printf("{\"systemOrgId\":\"%s\"", system);
		if (has_org)
			printf(",\"orgId\":\"%s\"", org);
		if (has_key)
			printf(",\"bridgeKeyId\":\"%s\"", key);
		printf("}\n");
		return;
	}
	printf("the platform's organisation is %s\n", system);
	if (has_key)
		printf("the bridge's key is %s\n", key);
	if (cli_has_option(cli, "--email"))
		printf("organisation %s is there, %s is its owner and may operate the platform\n"
		       "sign-up makes users in it with the setting:  signup.org = %s\n",
		    org, cli_option_value(cli, "--email"), org);
}

static enum cli_exit
run(struct cli *cli)
{
	struct password_params params = {
	    .memory_kib = (uint32_t)config_int(cli->config, "password.memory_kib"),
	    .passes = (uint32_t)config_int(cli->config, "password.passes"),
	};
	struct password_hasher *hasher = NULL;
	struct store_conn *conn = NULL;
	struct store *store = NULL;
	struct bootstrap_person person;
	struct made made = {0};
	status st;

	if (!cli_has_option(cli, "--system-only") && !cli_has_option(cli, "--demo") &&
	    !cli_has_option(cli, "--email"))
		return cli_fail(cli, CLI_USAGE,
		    "give --email ADDRESS and --org NAME, or --system-only; see usher bootstrap "
		    "--help");
	st = ask_for_administrator(cli, &person);
	if (st.code == ST_OK)
		st = password_hasher_new(&params, 0, &rand_system, &hasher);
	if (st.code == ST_OK)
		st = cli_open_store(cli, &store, &conn);
	if (st.code == ST_OK)
		st = bootstrap_in_transaction(cli, conn, hasher, &person, &made);
	if (conn)
		store_return(&conn);
	store_free(&store);
	password_hasher_free(&hasher);
	if (st.code == ST_INVALID_ARGUMENT) {
		cli_print_failure(cli, st);
		return cli_fail(cli, CLI_USAGE, "%s", st.message);
	}
	if (st.code != ST_OK)
		return cli_fail_database(cli, st);
	print_made(cli, &made);
	return CLI_OK;
}

const struct cli_command cli_bootstrap = {
    .name = "bootstrap",
    .words = "",
    .summary = "make the first organisation and its administrator",
    .text = "Works on the database itself (the database settings), for before anybody can log in.\n"
	    "The password is asked for, or read from standard input. What is there stays.\n\n"
	    "  usher bootstrap --email admin@example.com --org 'Example Inc.'\n"
	    "  usher bootstrap --system-only --bridge-key /etc/usher/bridge.key",
    .options =
	{
	    {"--email", "ADDRESS", "the administrator's address"},
	    {"--org", "NAME", "the organisation's name"},
	    {"--bridge-key", "FILE", "keep the bridge's key there; made if the file has none"},
	    {"--replace", NULL, "make a key although FILE holds one of another database"},
	    {"--system-only", NULL, "no organisation but the platform's own"},
	    {"--demo", "FILE", "a demo organisation, chatbot, user and key, told in FILE (0600)"},
	    {"--http", "ADDR:PORT", "with --demo: where the bridge will listen"},
	    {"--rpc", "URL", "with --demo: where usherd will listen"},
	},
    .run = run,
};
