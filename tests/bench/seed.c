/* The data that is measured on, and the requests that ask for it.
 *
 *     bench_seed FOLDER KEYS every|one NAME:USERS:ABOUT_TIMES ...
 *
 * Two organisations with chatbots, a key each, in turn; groups of users with profiles, so that a
 * context block is about 1 KiB, or 270 bytes more for each further time that the text about them
 * stands there; keys with a quota a minute and a day that is far off, since a key without one costs
 * less. User i of a group is of key i modulo KEYS, so all keys are in use and each user has one
 * block. With "every" all keys are of one chatbot and each user is asked for under each of them: as
 * many blocks, but USERS * KEYS different receipts in a second.
 *
 * Written to FOLDER: seed.sql; NAME.resolve, a Resolve for each user of a group; and if the first
 * group is called "small", of its users also
 *   uncached   the same, from no state that a server has in memory (at_least of another epoch)
 *   together   a hundred of those in a Batch, each with its own key
 *   victims    the same of the first organisation's alone
 *   batch      a Batch of GetContext for 100 users each
 *   contexts   BatchGetContext for the same
 *   lists      the second organisation's ListUsers, the longest page that there is
 *   http       GET /v1/users/{user_id}/context for the bridge
 *   logins     Login, for accounts whose password is PASSWORD below
 *   hostile    a Resolve by the key of a third organisation, for its one user
 * Accounts and their users (owners) are login-0@example.org and so on; the third organisation's is
 * HOSTILE_EMAIL. */
#include "base/clock.h"
#include "crypt/crypt.h"
#include "crypt/password.h"
#include "crypt/secret.h"
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "gen/pb/usher/v1/envelope.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "tests/bench/accounts.h"
#include "wire/envelope.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVICE "usher.v1.ContextService/"
#define KEYS_MAX 1000
#define ORGS 2
#define GROUPS_MAX 8
#define ITEMS_MAX 100 /* of BatchGetContext; a Batch of ours holds no more either */
#define FORGED_KEYS 20000
#define PATH_BYTES_MAX 512

struct key {
	struct uuid id, chatbot_id;
	const char *org; /* its id */
	char text[SECRET_TEXT_BYTES_MAX];
	char hint[SECRET_HINT_BYTES];
	struct secret secret;
};

struct group {
	char name[32];
	size_t users_count;
	unsigned about_times;
	struct uuid *users;
};

struct seed {
	const char *folder;
	char orgs[ORGS][UUID_TEXT_BYTES];
	struct key *keys;
	size_t keys_count;
	struct key hostile;
	char hostile_org[UUID_TEXT_BYTES];
	bool is_every;
	struct group groups[GROUPS_MAX];
	size_t groups_count;
	FILE *sql;
};

static const char instructions[] =
    "You are the assistant of Northwind Outfitters. Answer from what is known about the customer, "
    "in their language, in short sentences. Offer a person when an order is late, when a payment "
    "failed twice, or when the customer asks for one. Never promise a refund; say who decides it "
    "and by when. Quote order numbers as they stand.";

static const char about[] =
    "Runs the workshop and orders for the whole team every other month. Knows the catalogue well "
    "and wants the article number rather than a picture. Had a wrong delivery last spring that "
    "took "
    "three weeks to put right, and mentions it. Prefers mail to calls, and answers late in the "
    "evening.";

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "bench_seed: %s\n", what);
	exit(1);
}

static void
ids_make(struct uuid *out)
{
	if (uuid_make(&clock_system, &rand_system, out).code != ST_OK)
		fail("no random bytes");
}

static const char *
text_of(const struct uuid *id, char out[UUID_TEXT_BYTES])
{
	uuid_format(id, out);
	return out;
}

/* With "every" one organisation has them all. */
static void
keys_make(struct seed *seed)
{
	for (size_t i = 0; i < seed->keys_count; i++) {
		struct key *key = &seed->keys[i];

		ids_make(&key->id);
		ids_make(&key->chatbot_id);
		if (seed->is_every)
			key->chatbot_id = seed->keys[0].chatbot_id;
		key->org = seed->orgs[seed->is_every ? 0 : i % ORGS];
		if (secret_make(&rand_system, SECRET_API_KEY, &key->id, key->text, &key->secret)
			.code != ST_OK)
			fail("no random bytes");
		secret_hint(SECRET_API_KEY, &key->id, key->hint);
	}
}

/* Fields of COPY's text form; none of ours needs escaping but the digest's backslash. */
static void
keys_write(const struct seed *seed)
{
	char id[UUID_TEXT_BYTES], digest[2 * CRYPT_DIGEST_BYTES + 1];
	const size_t chatbots_count = seed->is_every ? 1 : seed->keys_count;

	for (size_t i = 0; i < ORGS; i++)
		(void)fprintf(seed->sql,
		    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('%s', 'bench-%zu', "
		    "'Northwind Outfitters');\n",
		    seed->orgs[i], i);
	(void)fputs("COPY usher.chatbots (org_id, id, alias, display_name, instructions) FROM "
		    "stdin;\n",
	    seed->sql);
	for (size_t i = 0; i < chatbots_count; i++)
		(void)fprintf(seed->sql, "%s\t%s\tbot-%zu\tAssistant %zu\t%s\n", seed->keys[i].org,
		    text_of(&seed->keys[i].chatbot_id, id), i, i, instructions);
	(void)fputs("\\.\nCOPY usher.api_keys (org_id, id, chatbot_id, display_name, prefix, "
		    "secret_hash, scopes, requests_per_minute, requests_per_day) FROM stdin;\n",
	    seed->sql);
	for (size_t i = 0; i < seed->keys_count; i++) {
		const struct key *key = &seed->keys[i];

		hex_encode(slice_of(key->secret.digest.bytes, CRYPT_DIGEST_BYTES), digest);
		(void)fprintf(seed->sql, "%s\t%s\t", key->org, text_of(&key->id, id));
		(void)fprintf(seed->sql,
		    "%s\tkey %zu\t%s\t\\\\x%s\t{context.read,context.write,users.read}\t"
		    "1000000000\t1000000000000\n",
		    text_of(&key->chatbot_id, id), i, key->hint, digest);
	}
	(void)fputs("\\.\nCOPY usher.key_directory (key_id, org_id) FROM stdin;\n", seed->sql);
	for (size_t i = 0; i < seed->keys_count; i++)
		(void)fprintf(
		    seed->sql, "%s\t%s\n", text_of(&seed->keys[i].id, id), seed->keys[i].org);
	(void)fputs("\\.\n", seed->sql);
}

static void
about_write(FILE *sql, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		(void)fprintf(sql, "%s%s", i > 0 ? " " : "", about);
}

static const struct key *
key_of(const struct seed *seed, size_t user)
{
	return &seed->keys[user % seed->keys_count];
}

static void
users_write(const struct seed *seed, const struct group *group)
{
	FILE *sql = seed->sql;
	char id[UUID_TEXT_BYTES];

	(void)fputs("COPY usher.users (org_id, id, external_id, display_name, email, locale, "
		    "time_zone) FROM stdin;\n",
	    sql);
	for (size_t i = 0; i < group->users_count; i++)
		(void)fprintf(sql,
		    "%s\t%s\t%s-%zu\tAlex Muster %zu\tcustomer-%zu@example.org\tde-CH\t"
		    "Europe/Zurich\n",
		    key_of(seed, i)->org, text_of(&group->users[i], id), group->name, i, i, i);
	(void)fputs("\\.\nCOPY usher.user_roles (org_id, user_id, role) FROM stdin;\n", sql);
	for (size_t i = 0; i < group->users_count; i++)
		(void)fprintf(
		    sql, "%s\t%s\tmember\n", key_of(seed, i)->org, text_of(&group->users[i], id));
	(void)fputs("\\.\nCOPY usher.profiles (org_id, user_id, company, role, about, preferences, "
		    "profile_data, trust) FROM stdin;\n",
	    sql);
	for (size_t i = 0; i < group->users_count; i++) {
		(void)fprintf(sql, "%s\t%s\tMuster Works %zu\tpurchasing\t", key_of(seed, i)->org,
		    text_of(&group->users[i], id), i);
		about_write(sql, group->about_times);
		(void)fprintf(sql,
		    "\t{\"tone\": \"brief\", \"units\": \"metric\", \"greeting\": \"first name\"}\t"
		    "{\"tier\": \"gold\", \"customer_number\": %zu, \"sizes\": {\"gloves\": 9, "
		    "\"boots\": 44}}\t"
		    "{\"company\": 2, \"role\": 2, \"about\": 1, \"preferences\": 1, "
		    "\"profile_data\": 2}\n",
		    100000 + i);
	}
	(void)fputs("\\.\n", sql);
}

/* An account and its user, an owner of org; user is the text of its id. */
static void
account_write(
    FILE *sql, const char *email, const char *hash, const char *org, char user[UUID_TEXT_BYTES])
{
	char account[UUID_TEXT_BYTES];
	struct uuid id;

	ids_make(&id);
	(void)text_of(&id, account);
	ids_make(&id);
	(void)text_of(&id, user);
	(void)fprintf(sql,
	    "INSERT INTO usher.accounts (id, email, email_folded, email_verified_at) VALUES "
	    "('%s', '%s', '%s', now());\n"
	    "INSERT INTO usher.passwords (account_id, hash) VALUES ('%s', '%s');\n",
	    account, email, email, account, hash);
	(void)fprintf(sql,
	    "INSERT INTO usher.users (org_id, id, display_name, account_id) VALUES ('%s', '%s', "
	    "'%.*s', '%s');\n"
	    "INSERT INTO usher.user_roles (org_id, user_id, role) VALUES ('%s', '%s', 'owner');\n"
	    "INSERT INTO usher.account_users (account_id, org_id, user_id) VALUES ('%s', '%s', "
	    "'%s');\n",
	    org, user, (int)strcspn(email, "@"), email, account, org, user, account, org, user);
}

/* The organisation of those who mean ill, so that nothing of what is done under its key or by its
 * owner touches the others. */
static void
hostile_write(struct seed *seed, const char *hash)
{
	FILE *sql = seed->sql;
	struct key *key = &seed->hostile;
	char user[UUID_TEXT_BYTES], id[UUID_TEXT_BYTES], chatbot[UUID_TEXT_BYTES],
	    digest[2 * CRYPT_DIGEST_BYTES + 1];
	struct uuid org;

	ids_make(&org);
	key->org = text_of(&org, seed->hostile_org);
	ids_make(&key->id);
	ids_make(&key->chatbot_id);
	if (secret_make(&rand_system, SECRET_API_KEY, &key->id, key->text, &key->secret).code !=
	    ST_OK)
		fail("no random bytes");
	secret_hint(SECRET_API_KEY, &key->id, key->hint);
	hex_encode(slice_of(key->secret.digest.bytes, CRYPT_DIGEST_BYTES), digest);
	(void)fprintf(sql,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('%s', '" HOSTILE_SLUG
	    "', 'Eastwind');\n"
	    "INSERT INTO usher.chatbots (org_id, id, display_name) VALUES ('%s', '%s', "
	    "'Assistant');\n",
	    key->org, key->org, text_of(&key->chatbot_id, chatbot));
	account_write(sql, HOSTILE_EMAIL, hash, key->org, user);
	(void)fprintf(sql,
	    "INSERT INTO usher.api_keys (org_id, id, chatbot_id, display_name, prefix, "
	    "secret_hash, scopes, default_user_id) VALUES ('%s', '%s', '%s', 'hostile', '%s', "
	    "'\\x%s', '{context.read,context.write,users.read}', '%s');\n",
	    key->org, text_of(&key->id, id), chatbot, key->hint, digest, user);
	(void)fprintf(sql,
	    "INSERT INTO usher.key_directory (key_id, org_id) VALUES ('%s', '%s');\n", id,
	    key->org);
}

/* One hash for all of them: making one takes as long as a login does. */
static void
accounts_write(struct seed *seed)
{
	const struct password_params params = {
	    PASSWORD_MEMORY_KIB_DEFAULT, PASSWORD_PASSES_DEFAULT};
	struct password_hasher *hasher = NULL;
	char hash[PASSWORD_TEXT_BYTES_MAX], user[UUID_TEXT_BYTES], email[64];

	if (password_hasher_new(&params, 1, &rand_system, &hasher).code != ST_OK ||
	    password_hash(hasher, slice_text(ACCOUNT_PASSWORD), hash).code != ST_OK)
		fail("no password");
	password_hasher_free(&hasher);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		(void)snprintf(email, sizeof(email), ACCOUNT_EMAIL, i);
		account_write(seed->sql, email, hash, seed->orgs[0], user);
	}
	hostile_write(seed, hash);
}

static FILE *
file_open(const struct seed *seed, const char *name, const char *suffix)
{
	char path[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s%s", seed->folder, name, suffix);
	FILE *file = fopen(path, "wx");
	if (!file)
		fail("a file can't be made");
	return file;
}

static void
file_close(FILE *file)
{
	const bool is_written = !ferror(file);

	if (fclose(file) != 0 || !is_written)
		fail("the files can't be written");
}

static void
bytes_write(FILE *out, const void *data, size_t bytes)
{
	const uint32_t size = (uint32_t)bytes;

	if (fwrite(&size, sizeof(size), 1, out) != 1 || fwrite(data, bytes, 1, out) != 1)
		fail("the requests can't be written");
}

/* A request's envelope, encoded, on the heap. method: "usher.v1.X/Y". */
static uint8_t *
request_make(
    const char *method, const struct key *key, const void *request, bool is_uncached, size_t *bytes)
{
	static const uint8_t nowhere[ENVELOPE_REVISION_BYTES] = {
	    1, [ENVELOPE_REVISION_BYTES - 1] = 1};
	static uint64_t call_id;
	struct request_envelope envelope;

	request_envelope_init(&envelope);
	envelope.method_id = wire_method_id(slice_text(method));
	envelope.call_id = ++call_id;
	if (key)
		envelope.credential = slice_text(key->text);
	if (is_uncached)
		envelope.at_least = slice_of(nowhere, sizeof(nowhere));
	envelope.payload = slice_of(NULL, protobuf_c_message_get_packed_size(request));
	*bytes = envelope_request_size(&envelope);
	uint8_t *packed = malloc(*bytes);
	if (!packed)
		fail("no memory");
	(void)protobuf_c_message_pack(request, envelope_pack_request(&envelope, packed));
	return packed;
}

static void
request_write(
    FILE *out, const char *method, const struct key *key, const void *request, bool is_uncached)
{
	size_t bytes;
	uint8_t *packed = request_make(method, key, request, is_uncached, &bytes);

	bytes_write(out, packed, bytes);
	free(packed);
}

static uint8_t *
resolve_make(
    const struct key *key, const struct uuid *user, size_t number, bool is_uncached, size_t *bytes)
{
	Usher__V1__ResolveRequest resolve = USHER__V1__RESOLVE_REQUEST__INIT;
	char id[UUID_TEXT_BYTES], message[80];

	uuid_format(user, id);
	(void)snprintf(message, sizeof(message),
	    "Where is my order %zu, and can it come by Friday?", 4000000 + number);
	resolve.user_id = id;
	resolve.message = message;
	return request_make(SERVICE "Resolve", key, &resolve, is_uncached, bytes);
}

static void
resolve_write(FILE *out, const struct key *key, const struct uuid *user, size_t number)
{
	size_t bytes;
	uint8_t *packed = resolve_make(key, user, number, false, &bytes);

	bytes_write(out, packed, bytes);
	free(packed);
}

static void
resolves_write(const struct seed *seed, const struct group *group)
{
	const size_t count = group->users_count * (seed->is_every ? seed->keys_count : 1);
	FILE *out = file_open(seed, group->name, ".resolve");

	for (size_t i = 0; i < count; i++)
		resolve_write(out, key_of(seed, i + i / group->users_count),
		    &group->users[i % group->users_count], i);
	file_close(out);
}

/* As a Batch, whose items say all for themselves. */
static void
together_write(FILE *out, uint8_t *const *requests, const size_t *bytes, size_t count)
{
	struct request_envelope envelope;
	size_t payload_bytes = 0;

	for (size_t i = 0; i < count; i++)
		payload_bytes += wire_item_size(1, bytes[i]);
	request_envelope_init(&envelope);
	envelope.method = slice_text(BATCH_METHOD_NAME);
	envelope.payload = slice_of(NULL, payload_bytes);
	const size_t whole_bytes = envelope_request_size(&envelope);
	uint8_t *packed = malloc(whole_bytes);
	if (!packed)
		fail("no memory");
	uint8_t *at = envelope_pack_request(&envelope, packed);
	for (size_t i = 0; i < count; i++) {
		at = wire_put_item_head(at, 1, bytes[i]);
		memcpy(at, requests[i], bytes[i]);
		at += bytes[i];
	}
	bytes_write(out, packed, whole_bytes);
	free(packed);
}

static void
uncached_write(const struct seed *seed, const struct group *group)
{
	FILE *alone = file_open(seed, "uncached", ""), *together = file_open(seed, "together", "");
	uint8_t *requests[ITEMS_MAX];
	size_t bytes[ITEMS_MAX], count = 0;

	for (size_t i = 0; i < group->users_count; i++) {
		requests[count] =
		    resolve_make(key_of(seed, i), &group->users[i], i, true, &bytes[count]);
		bytes_write(alone, requests[count], bytes[count]);
		count++;
		/* All of one size, so that calls are counted by messages. */
		if (count < ITEMS_MAX && i + 1 < group->users_count)
			continue;
		if (count == ITEMS_MAX)
			together_write(together, requests, bytes, count);
		while (count > 0)
			free(requests[--count]);
	}
	file_close(alone);
	file_close(together);
}

static void
victims_write(const struct seed *seed, const struct group *group)
{
	FILE *victims = file_open(seed, "victims", "");

	for (size_t i = 0; i < group->users_count; i++)
		if (key_of(seed, i)->org == seed->orgs[0])
			resolve_write(victims, key_of(seed, i), &group->users[i], i);
	file_close(victims);
}

/* GetContext of each of these users; ids NULL: of the key's own, so many times. */
static void
batch_write(FILE *out, const struct key *key, char (*ids)[UUID_TEXT_BYTES], size_t count)
{
	Usher__V1__BatchRequest batch = USHER__V1__BATCH_REQUEST__INIT;
	Usher__V1__Request items[ITEMS_MAX], *item_at[ITEMS_MAX];
	struct request_envelope envelope;
	size_t bytes;

	for (size_t i = 0; i < count; i++) {
		Usher__V1__GetContextRequest one = USHER__V1__GET_CONTEXT_REQUEST__INIT;

		if (ids)
			one.user_id = ids[i];
		usher__v1__request__init(&items[i]);
		item_at[i] = &items[i];
		items[i].method_id = wire_method_id(slice_text(SERVICE "GetContext"));
		items[i].payload.len = usher__v1__get_context_request__get_packed_size(&one);
		items[i].payload.data = malloc(items[i].payload.len);
		if (!items[i].payload.data)
			fail("no memory");
		(void)usher__v1__get_context_request__pack(&one, items[i].payload.data);
	}
	batch.items = item_at;
	batch.n_items = count;
	request_envelope_init(&envelope);
	envelope.method = slice_text(BATCH_METHOD_NAME);
	envelope.credential = slice_text(key->text);
	envelope.payload = slice_of(NULL, usher__v1__batch_request__get_packed_size(&batch));
	bytes = envelope_request_size(&envelope);
	uint8_t *packed = malloc(bytes);
	if (!packed)
		fail("no memory");
	(void)usher__v1__batch_request__pack(&batch, envelope_pack_request(&envelope, packed));
	bytes_write(out, packed, bytes);
	free(packed);
	for (size_t i = 0; i < count; i++)
		free(items[i].payload.data);
}

static void
contexts_write(FILE *out, const struct key *key, char (*ids)[UUID_TEXT_BYTES], size_t count)
{
	Usher__V1__BatchGetContextRequest asked = USHER__V1__BATCH_GET_CONTEXT_REQUEST__INIT;
	char *id_at[ITEMS_MAX];

	for (size_t i = 0; i < count; i++)
		id_at[i] = ids[i];
	asked.user_ids = id_at;
	asked.n_user_ids = count;
	request_write(out, SERVICE "BatchGetContext", key, &asked, false);
}

/* The same users as a Batch of GetContext and as one BatchGetContext. */
static void
batches_write(const struct seed *seed, const struct group *group)
{
	char ids[ITEMS_MAX][UUID_TEXT_BYTES];
	FILE *batches = file_open(seed, "batch", ""), *contexts = file_open(seed, "contexts", "");

	for (size_t k = 0; k < seed->keys_count; k++) {
		size_t count = 0;

		for (size_t i = k; i < group->users_count; i += seed->keys_count) {
			(void)text_of(&group->users[i], ids[count++]);
			if (count == ITEMS_MAX) {
				batch_write(batches, &seed->keys[k], ids, count);
				contexts_write(contexts, &seed->keys[k], ids, count);
				count = 0;
			}
		}
		/* All of one size, so that contexts are counted by messages. */
		if (count > 0 && group->users_count / seed->keys_count < ITEMS_MAX)
			fail("wants 100 users a key");
	}
	file_close(batches);
	file_close(contexts);
}

static void
login_write(FILE *out, unsigned account, const char *password)
{
	Usher__V1__LoginRequest login = USHER__V1__LOGIN_REQUEST__INIT;
	char email[64];

	(void)snprintf(email, sizeof(email), ACCOUNT_EMAIL, account);
	login.email = email;
	login.password = (char *)password;
	request_write(out, "usher.v1.AuthService/Login", NULL, &login, false);
}

/* Of one who floods: its reads, alone and by the hundred; keys that nobody was given, with a right
 * checksum; passwords that are not the accounts'. */
static void
hostile_requests_write(const struct seed *seed)
{
	Usher__V1__ResolveRequest resolve = USHER__V1__RESOLVE_REQUEST__INIT;
	FILE *out = file_open(seed, "hostile", ""), *batches = file_open(seed, "hostile_batch", ""),
	     *keys = file_open(seed, "forged_keys", ""), *logins = file_open(seed, "wrong", "");

	resolve.message = (char *)"x";
	request_write(out, SERVICE "Resolve", &seed->hostile, &resolve, false);
	batch_write(batches, &seed->hostile, NULL, ITEMS_MAX);
	for (unsigned i = 0; i < FORGED_KEYS; i++) {
		struct key forged;

		ids_make(&forged.id);
		if (secret_make(
			&rand_system, SECRET_API_KEY, &forged.id, forged.text, &forged.secret)
			.code != ST_OK)
			fail("no random bytes");
		request_write(keys, SERVICE "Resolve", &forged, &resolve, false);
	}
	for (unsigned i = 0; i < ACCOUNTS; i++)
		login_write(logins, i, "not " ACCOUNT_PASSWORD);
	file_close(out);
	file_close(batches);
	file_close(keys);
	file_close(logins);
}

static void
others_write(const struct seed *seed, const struct group *group)
{
	Usher__V1__ListUsersRequest list = USHER__V1__LIST_USERS_REQUEST__INIT;
	Usher__V1__PageRequest page = USHER__V1__PAGE_REQUEST__INIT;
	char text[512], id[UUID_TEXT_BYTES];
	FILE *http = file_open(seed, "http", ""), *lists = file_open(seed, "lists", ""),
	     *logins = file_open(seed, "logins", "");

	for (size_t i = 0; i < group->users_count; i++) {
		const int bytes = snprintf(text, sizeof(text),
		    "GET /v1/users/%s/context HTTP/1.1\r\nHost: bench\r\nX-API-Key: %s\r\n\r\n",
		    text_of(&group->users[i], id), key_of(seed, i)->text);
		bytes_write(http, text, (size_t)bytes);
	}
	hostile_requests_write(seed);
	page.size = PAGE_ITEMS_MAX;
	list.page = &page;
	request_write(lists, "usher.v1.UserService/ListUsers", key_of(seed, 1), &list, false);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		login_write(logins, i, ACCOUNT_PASSWORD);
	file_close(http);
	file_close(lists);
	file_close(logins);
}

static void
group_read(struct group *group, const char *text)
{
	if (sscanf(text, "%31[^:]:%zu:%u", group->name, &group->users_count, &group->about_times) !=
		3 ||
	    group->users_count == 0 || group->about_times == 0)
		fail("a group is NAME:USERS:ABOUT_TIMES");
	group->users = calloc(group->users_count, sizeof(*group->users));
	if (!group->users)
		fail("no memory");
	for (size_t i = 0; i < group->users_count; i++)
		ids_make(&group->users[i]);
}

int
main(int argc, char **argv)
{
	static struct seed seed;
	struct uuid org;

	if (argc < 5 || argc - 4 > GROUPS_MAX)
		fail("wants FOLDER KEYS every|one NAME:USERS:ABOUT_TIMES ...");
	seed.folder = argv[1];
	seed.keys_count = strtoul(argv[2], NULL, 10);
	seed.is_every = strcmp(argv[3], "every") == 0;
	seed.groups_count = (size_t)argc - 4;
	if (seed.keys_count < ORGS || seed.keys_count > KEYS_MAX)
		fail("wants 2 to 1000 keys");
	if (crypt_init().code != ST_OK)
		fail("no libsodium");
	seed.keys = calloc(seed.keys_count, sizeof(*seed.keys));
	if (!seed.keys)
		fail("no memory");
	for (size_t i = 0; i < ORGS; i++) {
		ids_make(&org);
		(void)text_of(&org, seed.orgs[i]);
	}
	keys_make(&seed);
	for (size_t i = 0; i < seed.groups_count; i++)
		group_read(&seed.groups[i], argv[4 + i]);

	seed.sql = file_open(&seed, "seed", ".sql");
	/* All of it fits together; to check each reference of a million users takes minutes. */
	(void)fputs("SET session_replication_role = replica;\n", seed.sql);
	keys_write(&seed);
	accounts_write(&seed);
	for (size_t i = 0; i < seed.groups_count; i++) {
		users_write(&seed, &seed.groups[i]);
		resolves_write(&seed, &seed.groups[i]);
	}
	file_close(seed.sql);
	if (strcmp(seed.groups[0].name, "small") == 0) {
		uncached_write(&seed, &seed.groups[0]);
		victims_write(&seed, &seed.groups[0]);
		batches_write(&seed, &seed.groups[0]);
		others_write(&seed, &seed.groups[0]);
	}
	for (size_t i = 0; i < seed.groups_count; i++)
		free(seed.groups[i].users);
	free(seed.keys);
	return 0;
}
