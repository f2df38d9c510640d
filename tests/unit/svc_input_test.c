#include "base/slug.h"
#include "svc/auth/throttle.h"
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "tests/lib/fake_call.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int
setup(void **state)
{
	static struct fake_call fake;

	fake_call_init(&fake, NULL);
	*state = &fake;
	return 0;
}

static int
teardown(void **state)
{
	fake_call_done(*state);
	return 0;
}

static void
addresses_are_accepted_and_folded(void **state)
{
	static const char *const good[][2] = {
	    {"ann@example.org", "ann@example.org"},
	    {"Ann.Lee+tag@Mail.Example.ORG", "ann.lee+tag@mail.example.org"},
	    {"o'neil_#1@x-y.io", "o'neil_#1@x-y.io"},
	};
	struct fake_call *fake = *state;
	struct input_email email;

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(input_email(&fake->call, "email", good[i][0], &email).code, ST_OK);
		assert_string_equal(email.text, good[i][0]);
		assert_string_equal(email.folded, good[i][1]);
	}
}

static void
what_is_no_address_is_refused_by_its_field(void **state)
{
	static const char *const bad[] = {"", "@", "ann", "ann@", "@example.org", "ann@localhost",
	    "ann@@example.org", "a nn@example.org", ".ann@example.org", "ann.@example.org",
	    "a..n@example.org", "ann@example..org", "ann@-example.org", "ann@example-.org",
	    "ann@example.org.", "ann@exa_mple.org", "ann@example.org\n", " ann@example.org",
	    "ann@[127.0.0.1]", "\"ann\"@example.org", "<ann@example.org>", "ann@ex\xc3\xa4mple.org",
	    "ann,bob@example.org", "ann@example.org\r\nBcc: bob@example.org"};
	struct fake_call *fake = *state;
	struct input_email email = {.text = "untouched"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    input_email(&fake->call, "email", bad[i], &email).code, ST_INVALID_ARGUMENT);
		assert_string_equal(fake->field, "email");
		assert_string_equal(email.text, "untouched");
	}
}

static void
an_address_has_at_most_64_bytes_before_the_at_and_254_in_all(void **state)
{
	struct fake_call *fake = *state;
	struct input_email email;
	char local[80], whole[300];

	memset(local, 'a', 65);
	strcpy(local + 64, "@example.org");
	assert_int_equal(input_email(&fake->call, "email", local, &email).code, ST_OK);
	memset(local, 'a', 65);
	strcpy(local + 65, "@example.org");
	assert_int_equal(
	    input_email(&fake->call, "email", local, &email).code, ST_INVALID_ARGUMENT);
	strcpy(whole, "a@");
	while (strlen(whole) < 252)
		strcat(whole, "b.");
	strcat(whole, "cc");
	assert_int_equal(input_email(&fake->call, "email", whole, &email).code, ST_OK);
	strcat(whole, "d");
	assert_int_equal(
	    input_email(&fake->call, "email", whole, &email).code, ST_INVALID_ARGUMENT);
}

static void
language_tags_and_time_zones_keep_their_form(void **state)
{
	static const char *const locales[] = {
	    "", "de", "de-CH", "zh-Hant-TW", "sl-rozaj-biske-1994"};
	static const char *const no_locales[] = {
	    "d", "de-", "-de", "de_CH", "de--CH", "1a", "deutschland", "de-abcdefghi", "de CH"};
	static const char *const zones[] = {"", "UTC", "Europe/Zurich", "America/Port-au-Prince",
	    "Etc/GMT+1", "America/Argentina/Buenos_Aires"};
	static const char *const no_zones[] = {
	    "/", "Europe/", "/Zurich", "Europe//Zurich", "../etc", "Europe/Z\xc3\xbcrich", "1/a"};
	struct rpc_call *call = &((struct fake_call *)*state)->call;

	for (size_t i = 0; i < COUNT(locales); i++)
		assert_int_equal(input_locale(call, "locale", locales[i]).code, ST_OK);
	for (size_t i = 0; i < COUNT(no_locales); i++)
		assert_int_equal(
		    input_locale(call, "locale", no_locales[i]).code, ST_INVALID_ARGUMENT);
	for (size_t i = 0; i < COUNT(zones); i++)
		assert_int_equal(input_time_zone(call, "time_zone", zones[i]).code, ST_OK);
	for (size_t i = 0; i < COUNT(no_zones); i++)
		assert_int_equal(
		    input_time_zone(call, "time_zone", no_zones[i]).code, ST_INVALID_ARGUMENT);
}

static void
lines_have_no_control_characters(void **state)
{
	struct rpc_call *call = &((struct fake_call *)*state)->call;

	assert_int_equal(input_line(call, "f", "").code, ST_OK);
	assert_int_equal(input_line(call, "f", "J\xc3\xbcrg \xf0\x9f\x8d\x8b <b>").code, ST_OK);
	assert_int_equal(input_line(call, "f", "a\tb").code, ST_INVALID_ARGUMENT);
	assert_int_equal(input_line(call, "f", "a\nb").code, ST_INVALID_ARGUMENT);
	assert_int_equal(input_line(call, "f", "a\x7f").code, ST_INVALID_ARGUMENT);
}

static void
a_mask_says_what_is_written_and_its_absence_what_is_filled(void **state)
{
	struct rpc_call *call = &((struct fake_call *)*state)->call;
	const struct input_path paths[] = {{"a", true}, {"b", false}, {"c", true}};
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *names[2] = {"b", "c"};
	uint32_t written = 99;

	assert_int_equal(input_mask(call, NULL, paths, 3, &written).code, ST_OK);
	assert_int_equal(written, 5);
	assert_int_equal(input_mask(call, &mask, paths, 3, &written).code, ST_OK);
	assert_int_equal(written, 5);
	mask.paths = names;
	mask.n_paths = 2;
	assert_int_equal(input_mask(call, &mask, paths, 3, &written).code, ST_OK);
	assert_int_equal(written, 6);
	names[1] = "*";
	assert_int_equal(input_mask(call, &mask, paths, 3, &written).code, ST_OK);
	assert_int_equal(written, 7);
	names[1] = "status";
	assert_int_equal(input_mask(call, &mask, paths, 3, &written).code, ST_INVALID_ARGUMENT);
	assert_int_equal(written, 7);
}

struct listing {
	struct crypt_key key;
	Usher__V1__PageRequest request;
	struct page_position last;
};

static char *
token_of(struct fake_call *fake, const struct listing *list, const char *filter)
{
	Usher__V1__PageReply *reply = NULL;

	assert_int_equal(
	    page_close(&fake->call, &list->key, slice_text(filter), &list->last, &reply).code,
	    ST_OK);
	return reply->next_token;
}

static struct listing
listing_make(void)
{
	struct listing list = {.request = USHER__V1__PAGE_REQUEST__INIT, .last.number = -5};

	assert_int_equal(crypt_init().code, ST_OK);
	memset(list.key.bytes, 7, sizeof(list.key.bytes));
	memset(list.last.id.bytes, 0xab, UUID_BYTES);
	return list;
}

static void
a_page_token_leads_back_to_where_the_page_ended(void **state)
{
	struct fake_call *fake = *state;
	struct listing list = listing_make();
	struct page page;

	list.request.token = token_of(fake, &list, "f");
	list.request.size = 3;
	assert_int_equal(
	    page_read(&fake->call, &list.key, slice_text("f"), &list.request, &page).code, ST_OK);
	assert_int_equal(page.size, 3);
	assert_false(page.is_first);
	assert_int_equal(page.after.number, -5);
	assert_true(uuid_equals(&page.after.id, &list.last.id));
	assert_int_equal(page_read(&fake->call, &list.key, SLICE_NONE, NULL, &page).code, ST_OK);
	assert_int_equal(page.size, PAGE_ITEMS_DEFAULT);
	assert_true(page.is_first);
}

static void
a_page_token_is_good_for_its_list_alone(void **state)
{
	struct fake_call *fake = *state;
	struct listing list = listing_make();
	struct page page;
	const struct slice f = slice_text("f");
	struct rpc_method other = {.name = "usher.v1.TestService/Other"};
	const struct rpc_method *method = fake->call.method;

	list.request.token = token_of(fake, &list, "f");
	assert_int_equal(
	    page_read(&fake->call, &list.key, slice_text("g"), &list.request, &page).code,
	    ST_INVALID_ARGUMENT);
	fake->principal.org_id.bytes[0] = 1;
	assert_int_equal(
	    page_read(&fake->call, &list.key, f, &list.request, &page).code, ST_INVALID_ARGUMENT);
	fake->principal.org_id.bytes[0] = 0;
	fake->call.method = &other;
	assert_int_equal(
	    page_read(&fake->call, &list.key, f, &list.request, &page).code, ST_INVALID_ARGUMENT);
	fake->call.method = method;
	assert_int_equal(page_read(&fake->call, &list.key, f, &list.request, &page).code, ST_OK);
	for (size_t i = 0; list.request.token[i]; i++) {
		char was = list.request.token[i];

		list.request.token[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(page_read(&fake->call, &list.key, f, &list.request, &page).code,
		    ST_INVALID_ARGUMENT);
		list.request.token[i] = was;
	}
	list.request.token = "x";
	assert_int_equal(
	    page_read(&fake->call, &list.key, f, &list.request, &page).code, ST_INVALID_ARGUMENT);
}

static void
a_network_is_an_ipv4_address_or_the_64_of_an_ipv6_one(void **state)
{
	uint8_t a[THROTTLE_NETWORK_BYTES_MAX], b[THROTTLE_NETWORK_BYTES_MAX];

	(void)state;
	assert_int_equal(throttle_network("192.0.2.1", a), 4);
	assert_int_equal(throttle_network("::ffff:192.0.2.1", b), 4);
	assert_memory_equal(a, b, 4);
	throttle_network("192.0.2.2", b);
	assert_memory_not_equal(a, b, 4);
	assert_int_equal(throttle_network("2001:db8:1:2::1", a), 8);
	assert_int_equal(throttle_network("2001:db8:1:2:ffff::9", b), 8);
	assert_memory_equal(a, b, 8);
	throttle_network("2001:db8:1:3::1", b);
	assert_memory_not_equal(a, b, 8);
	assert_int_equal(throttle_network("", a), 0);
	assert_int_equal(throttle_network("ipc", a), 3);
}

static void
a_slug_is_made_of_what_a_name_has(void **state)
{
	static const char *const names[][2] = {{"Acme", "acme"},
	    {"Acme & Sons, Ltd.", "acme-sons-ltd"}, {"  --x--  ", "x"}, {"\xc3\x84rzte", "rzte"},
	    {"\xe6\x97\xa5\xe6\x9c\xac", "org"}, {"", "org"}};
	char slug[SLUG_BYTES_MAX + 1], name[201] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		slug_from_name(names[i][0], slug);
		assert_string_equal(slug, names[i][1]);
		assert_true(slug_is_good(slug));
	}
	memset(name, 'a', sizeof(name) - 1);
	slug_from_name(name, slug);
	assert_true(slug_is_good(slug));
	assert_true(strlen(slug) <= SLUG_BYTES_MAX - 9);
	assert_false(slug_is_good(""));
	assert_false(slug_is_good("-a"));
	assert_false(slug_is_good("a-"));
	assert_false(slug_is_good("A"));
	assert_false(slug_is_good("a b"));
	assert_false(slug_is_good(name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(addresses_are_accepted_and_folded, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_no_address_is_refused_by_its_field, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		an_address_has_at_most_64_bytes_before_the_at_and_254_in_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		language_tags_and_time_zones_keep_their_form, setup, teardown),
	    cmocka_unit_test_setup_teardown(lines_have_no_control_characters, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_mask_says_what_is_written_and_its_absence_what_is_filled, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_page_token_leads_back_to_where_the_page_ended, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_page_token_is_good_for_its_list_alone, setup, teardown),
	    cmocka_unit_test(a_network_is_an_ipv4_address_or_the_64_of_an_ipv6_one),
	    cmocka_unit_test(a_slug_is_made_of_what_a_name_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
