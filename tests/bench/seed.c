/* The data that Resolve is measured on, and the requests that ask for it.
 *
 *     bench_seed USERS KEYS SQL_FILE REQUESTS_FILE ABOUT_TIMES [every]
 *
 * One organisation with a chatbot a key; users with profiles, so that a context block is about 1
 * KiB, or 270 bytes more for each further time that the text about them stands there; keys with a
 * quota a minute and a day that is far off, since a key without one costs less. Request i is user
 * i's message under key i modulo KEYS, so all keys are in use and each user has one block. With
 * "every" all keys are of one chatbot and each user is asked for under each of them: as many
 * blocks, but USERS * KEYS different receipts in a second. */
#include "base/clock.h"
#include "crypt/crypt.h"
#include "crypt/secret.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "wire/envelope.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOLVE_NAME "usher.v1.ContextService/Resolve"
#define KEYS_MAX 1000
#define REQUEST_BYTES_MAX 1024

struct key {
	struct uuid id, chatbot_id;
	char text[SECRET_TEXT_BYTES_MAX];
	char hint[SECRET_HINT_BYTES];
	struct secret secret;
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

static void
keys_make(struct key *keys, size_t count, bool of_one_chatbot)
{
	for (size_t i = 0; i < count; i++) {
		ids_make(&keys[i].id);
		ids_make(&keys[i].chatbot_id);
		if (of_one_chatbot)
			keys[i].chatbot_id = keys[0].chatbot_id;
		if (secret_make(
			&rand_system, SECRET_API_KEY, &keys[i].id, keys[i].text, &keys[i].secret)
			.code != ST_OK)
			fail("no random bytes");
		secret_hint(SECRET_API_KEY, &keys[i].id, keys[i].hint);
	}
}

/* Fields of COPY's text form; none of ours needs escaping but the digest's backslash. */
static void
keys_write(FILE *sql, const struct uuid *org_id, const struct key *keys, size_t count,
    size_t chatbots_count)
{
	char org[UUID_TEXT_BYTES], id[UUID_TEXT_BYTES], digest[2 * CRYPT_DIGEST_BYTES + 1];

	(void)text_of(org_id, org);
	(void)fprintf(sql,
	    "INSERT INTO usher.orgs (id, slug, display_name) VALUES ('%s', 'bench', "
	    "'Northwind Outfitters');\n",
	    org);
	(void)fputs("COPY usher.chatbots (org_id, id, alias, display_name, instructions) FROM "
		    "stdin;\n",
	    sql);
	for (size_t i = 0; i < chatbots_count; i++)
		(void)fprintf(sql, "%s\t%s\tbot-%zu\tAssistant %zu\t%s\n", org,
		    text_of(&keys[i].chatbot_id, id), i, i, instructions);
	(void)fputs("\\.\nCOPY usher.api_keys (org_id, id, chatbot_id, display_name, prefix, "
		    "secret_hash, scopes, requests_per_minute, requests_per_day) FROM stdin;\n",
	    sql);
	for (size_t i = 0; i < count; i++) {
		hex_encode(slice_of(keys[i].secret.digest.bytes, CRYPT_DIGEST_BYTES), digest);
		(void)fprintf(sql, "%s\t%s\t", org, text_of(&keys[i].id, id));
		(void)fprintf(sql,
		    "%s\tkey %zu\t%s\t\\\\x%s\t{context.read,context.write}\t1000000000\t"
		    "1000000000000\n",
		    text_of(&keys[i].chatbot_id, id), i, keys[i].hint, digest);
	}
	(void)fputs("\\.\nCOPY usher.key_directory (key_id, org_id) FROM stdin;\n", sql);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(sql, "%s\t%s\n", text_of(&keys[i].id, id), org);
	(void)fputs("\\.\n", sql);
}

static void
about_write(FILE *sql, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		(void)fprintf(sql, "%s%s", i > 0 ? " " : "", about);
}

static void
users_write(FILE *sql, const struct uuid *org_id, const struct uuid *users, size_t count,
    unsigned about_times)
{
	char org[UUID_TEXT_BYTES], id[UUID_TEXT_BYTES];

	(void)text_of(org_id, org);
	(void)fputs("COPY usher.users (org_id, id, external_id, display_name, email, locale, "
		    "time_zone) FROM stdin;\n",
	    sql);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(sql,
		    "%s\t%s\tcustomer-%zu\tAlex Muster %zu\tcustomer-%zu@example.org\tde-CH\t"
		    "Europe/Zurich\n",
		    org, text_of(&users[i], id), i, i, i);
	(void)fputs("\\.\nCOPY usher.user_roles (org_id, user_id, role) FROM stdin;\n", sql);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(sql, "%s\t%s\tmember\n", org, text_of(&users[i], id));
	(void)fputs("\\.\nCOPY usher.profiles (org_id, user_id, company, role, about, preferences, "
		    "profile_data, trust) FROM stdin;\n",
	    sql);
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(
		    sql, "%s\t%s\tMuster Works %zu\tpurchasing\t", org, text_of(&users[i], id), i);
		about_write(sql, about_times);
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

static void
request_write(FILE *out, const struct key *key, const struct uuid *user, size_t number)
{
	Usher__V1__ResolveRequest resolve = USHER__V1__RESOLVE_REQUEST__INIT;
	char id[UUID_TEXT_BYTES], message[80];
	uint8_t bytes[REQUEST_BYTES_MAX];
	struct request_envelope envelope;

	uuid_format(user, id);
	(void)snprintf(message, sizeof(message),
	    "Where is my order %zu, and can it come by Friday?", 4000000 + number);
	resolve.user_id = id;
	resolve.message = message;
	request_envelope_init(&envelope);
	envelope.method_id = wire_method_id(slice_text(RESOLVE_NAME));
	envelope.call_id = number + 1;
	envelope.credential = slice_text(key->text);
	envelope.payload =
	    slice_of(NULL, protobuf_c_message_get_packed_size((ProtobufCMessage *)&resolve));
	const uint32_t size = (uint32_t)envelope_request_size(&envelope);
	if (size > sizeof(bytes))
		fail("a request is larger than its room");
	(void)protobuf_c_message_pack(
	    (ProtobufCMessage *)&resolve, envelope_pack_request(&envelope, bytes));
	if (fwrite(&size, sizeof(size), 1, out) != 1 || fwrite(bytes, size, 1, out) != 1)
		fail("the requests can't be written");
}

static FILE *
file_open(const char *path)
{
	FILE *file = fopen(path, "wx");

	if (!file)
		fail("a file can't be made");
	return file;
}

int
main(int argc, char **argv)
{
	const bool is_every = argc == 7 && strcmp(argv[6], "every") == 0;
	const bool is_asked_well = argc == 6 || is_every;
	const size_t users_count = is_asked_well ? strtoul(argv[1], NULL, 10) : 0;
	const size_t keys_count = is_asked_well ? strtoul(argv[2], NULL, 10) : 0;
	const unsigned about_times = is_asked_well ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	struct uuid org_id;

	if (about_times == 0 || users_count == 0 || keys_count == 0 || keys_count > KEYS_MAX)
		fail("wants USERS KEYS SQL_FILE REQUESTS_FILE ABOUT_TIMES [every]");
	if (crypt_init().code != ST_OK)
		fail("no libsodium");
	struct key *keys = calloc(keys_count, sizeof(*keys));
	struct uuid *users = calloc(users_count, sizeof(*users));
	if (!keys || !users)
		fail("no memory");
	ids_make(&org_id);
	keys_make(keys, keys_count, is_every);
	for (size_t i = 0; i < users_count; i++)
		ids_make(&users[i]);

	FILE *sql = file_open(argv[3]);
	keys_write(sql, &org_id, keys, keys_count, is_every ? 1 : keys_count);
	users_write(sql, &org_id, users, users_count, about_times);
	FILE *requests = file_open(argv[4]);
	const size_t requests_count = is_every ? users_count * keys_count : users_count;
	for (size_t i = 0; i < requests_count; i++)
		request_write(requests, &keys[(i + i / users_count) % keys_count],
		    &users[i % users_count], i);
	const bool is_written = !ferror(sql) && !ferror(requests);
	if (fclose(sql) != 0 || fclose(requests) != 0 || !is_written)
		fail("the files can't be written");
	free(keys);
	free(users);
	return 0;
}
