/* The one table of settings. A new one is a new row here, and nothing else; keep each group
 * together, write the help as one sentence and give every number its limits. */
#include "base/config.h"
#include "base/email.h"
#include "base/limits.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MS INT64_C(1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define TEXT(row_name, text, row_help)                                                             \
	{                                                                                          \
		.name = (row_name), .type = CONFIG_TEXT, .default_text = (text), .max = 4096,      \
		.help = (row_help)                                                                 \
	}
#define CHOICE(row_name, text, row_choices, row_help)                                              \
	{                                                                                          \
		.name = (row_name), .type = CONFIG_TEXT, .default_text = (text),                   \
		.choices = (row_choices), .help = (row_help)                                       \
	}
#define SECRET(row_name, row_min, row_max, row_help)                                               \
	{                                                                                          \
		.name = (row_name), .type = CONFIG_TEXT, .default_text = "", .min = (row_min),     \
		.max = (row_max), .secret = true, .help = (row_help)                               \
	}
#define CHECKED(row_name, text, row_suits, row_wants, row_help)                                    \
	{                                                                                          \
		.name = (row_name), .type = CONFIG_TEXT, .default_text = (text),                   \
		.suits = (row_suits), .wants = (row_wants), .help = (row_help)                     \
	}
#define BOOL(row_name, text, row_help)                                                             \
	{                                                                                          \
		.name = (row_name), .type = CONFIG_BOOL, .default_text = (text),                   \
		.help = (row_help)                                                                 \
	}
#define NUMBER(row_name, row_type, text, row_min, row_max, row_help)                               \
	{                                                                                          \
		.name = (row_name), .type = (row_type), .default_text = (text), .min = (row_min),  \
		.max = (row_max), .help = (row_help)                                               \
	}
#define INT(name, text, min, max, help) NUMBER(name, CONFIG_INT, text, min, max, help)
#define BYTES(name, text, min, max, help) NUMBER(name, CONFIG_BYTES, text, min, max, help)
#define DURATION(name, text, min, max, help) NUMBER(name, CONFIG_DURATION, text, min, max, help)

/* What signs tokens refuses any other, and nobody could log in. */
#define TOKEN_NAME_WANTS "1 to 255 printable ASCII characters, without \" and \\"
_Static_assert(TOKEN_NAME_BYTES_MAX == 255, "TOKEN_NAME_WANTS says so");

static bool
token_name_suits(const char *text)
{
	const struct slice name = slice_text(text);

	return name.bytes > 0 && name.bytes <= TOKEN_NAME_BYTES_MAX && text_is_plain(name);
}

/* clang-format off */
const struct config_row config_rows[] = {
	CHOICE("mode", "development", "development|production",
	    "What is forgiven: development has debug replies and serves loopback alone."),
	TEXT("services", "auth,user,context,org,ops",
	    "Which services usherd hosts, separated by commas."),

	TEXT("database.host", "",
	    "Where PostgreSQL is: names, addresses or a socket's folder, separated by commas."),
	TEXT("database.port", "5432", "Its port, or one for each host."),
	TEXT("database.name", "usher", "The database."),
	TEXT("database.user", "usher_app", "The role to connect as."),
	SECRET("database.password", 0, 1024, "That role's password."),
	CHOICE("database.sslmode", "prefer", "disable|allow|prefer|require|verify-ca|verify-full",
	    "libpq's sslmode."),
	SECRET("database.conninfo", 0, 4096,
	    "A libpq connection string (\"host=... dbname=...\") or URI (postgresql://...) instead of "
	    "the settings above."),
	BOOL("database.prepared", "on",
	    "Prepare statements once a connection; off for a pooler in transaction mode."),
	INT("database.pool_connections", "0", 0, 1000,
	    "How many connections to the database one usherd may open, besides the change feed's; "
	    "0: one for each thread that works with one, 16 at least."),

	TEXT("rpc.listen", "tcp://127.0.0.1:7700",
	    "nng URLs to listen on (tcp://, tls+tcp://, ipc://), separated by commas."),
	TEXT("rpc.tls_file", "", "A PEM file with certificate and key, for tls+tcp://."),
	BOOL("rpc.private_network", "off",
	    "Off loopback, plain tcp:// is refused unless this says that the network is private."),
	BYTES("rpc.message_bytes", "256MiB", 16 * MIB, 1024 * GIB,
	    "The most that requests and replies under way may take together, about."),

	TEXT("http.listen", "127.0.0.1:8080", "Address and port of the bridge, as in 127.0.0.1:8080 or [::1]:8080."),
	TEXT("http.trusted_proxies", "",
	    "Networks whose X-Forwarded-For is believed, separated by commas."),
	TEXT("http.metrics_from",
	    "127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7",
	    "Networks that may read the bridge's /metrics, separated by commas."),
	INT("http.connections", "2048", 16, 100000,
	    "How many connections clients may have open; at the limit idle ones make room."),
	INT("http.connections_per_address", "512", 0, 100000,
	    "How many of them one address may have, trusted proxies apart; 0: any number."),
	BYTES("http.bodies", "64MiB", 2 * MIB, 64 * GIB,
	    "How much the bodies of all requests may take, and of replies until they are read."),
	DURATION("http.request_timeout", "10s", 100 * MS, 5 * MINUTE,
	    "How long a client may take to send a whole request."),
	DURATION("http.reply_timeout", "60s", 100 * MS, HOUR,
	    "How long a client may take to read a whole reply."),
	TEXT("http.cors_origins", "", "Origins that browsers may call from, separated by commas."),
	TEXT("bridge.upstream", "tcp://127.0.0.1:7700", "The usherd that the bridge calls; several with commas."),
	TEXT("bridge.upstream_ca", "",
	    "A PEM file with the certificates to trust at a tls+tcp:// upstream."),
	SECRET("bridge.key", 0, 512, "The bridge's own service key."),
	TEXT("metrics.listen", "127.0.0.1:9700",
	    "Address and port of usherd's metrics; empty for none."),

	TEXT("signup.org", "",
	    "The organisation in which sign-up makes a user: its id; empty refuses sign-up."),
	CHOICE("mail.mode", "none", "none|files", "How mail leaves: not at all, or to mail.dir."),
	CHECKED("mail.from", "usher@localhost", email_is_bare,
	    "an address and nothing else, as in usher@example.org",
	    "The address that mail comes from."),
	TEXT("mail.dir", "", "The folder that mail.mode = files writes to."),

	SECRET("master_key", 43, 44, "32 bytes in base64: seals what is sealed in the database."),
	CHECKED("token.issuer", "usher", token_name_suits, TOKEN_NAME_WANTS,
	    "The iss of access tokens."),
	CHECKED("token.audience", "usher", token_name_suits, TOKEN_NAME_WANTS,
	    "The aud of access tokens."),
	DURATION("token.access_ttl", "15m", MINUTE, DAY, "How long an access token lives."),
	DURATION("token.refresh_ttl", "7d", HOUR, 400 * DAY, "How long a refresh token lives."),
	DURATION("token.session_ttl", "90d", HOUR, 3650 * DAY,
	    "How long a session lives, however often it is refreshed."),
	/* What crypt/password.h is ready to spend. */
	INT("password.memory_kib", "19456", 8, 262144, "Argon2id's memory in KiB."),
	INT("password.passes", "2", 1, 16, "Argon2id's passes over it."),
	DURATION("auth.failure_time", "400ms", 0, 10 * SECOND,
	    "A failed login answers this long after it came, whatever the reason."),
	INT("auth.account_burst", "10", 2, 1000000,
	    "Wrong passwords for one account from one network before each makes the next one wait."),
	INT("auth.network_burst", "300", 2, 1000000,
	    "Attempts of one kind from one network before each makes the next one wait."),

	TEXT("spool.dir", "", "The folder of the receipts that are not in the database yet."),
	BYTES("spool.bytes", "16MiB", 64 * KIB, 4 * GIB, "The most that they may take there."),
	BYTES("cache.bytes", "64MiB", MIB, 1024 * GIB, "The most that all caches together may take."),

	DURATION("retention.addresses", "90d", 0, 3650 * DAY,
	    "How long addresses and user agents are kept in audit; 0: for ever."),
	DURATION("retention.operations", "30d", HOUR, 3650 * DAY,
	    "How long an operation that has ended is kept, with its result."),
	DURATION("retention.receipts", "0", 0, 3650 * DAY,
	    "How long receipts of reads are kept; 0: for ever."),

	INT("lanes.cpu.workers", "0", 0, 256, "Threads for signatures; 0: one a core."),
	INT("lanes.query.workers", "8", 1, 512, "Threads, each with a connection, for queries."),
	INT("lanes.bulk.workers", "2", 1, 256, "Threads, each with a connection, for lists and exports."),
	INT("lanes.hash.workers", "0", 0, 256, "Threads for passwords; 0: twice the cores."),
	INT("lanes.cpu.queue", "1024", 1, 1000000, "Calls that may wait for a signature."),
	INT("lanes.query.queue", "1024", 1, 1000000, "Calls that may wait for a query."),
	INT("lanes.bulk.queue", "64", 1, 1000000, "Calls that may wait for a list or an export."),
	INT("lanes.hash.queue", "256", 1, 1000000, "Calls that may wait for a password."),

	{
		.name = "log.level", .type = CONFIG_TEXT, .default_text = "info",
		.choices = "debug|info|warn|error", .reloadable = true,
		.help = "The least that is logged.",
	},
	DURATION("shutdown.drain", "2s", 0, 5 * MINUTE,
	    "How long a stop waits for the calls that are under way."),
	{0},
};
/* clang-format on */
