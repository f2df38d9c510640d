#include "base/network.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
a_network_holds_its_addresses_in_either_spelling(void **state)
{
	(void)state;
	static const struct {
		const char *network, *address;
		bool inside;
	} table[] = {
	    {"10.0.0.0/8", "10.255.0.1", true},
	    {"10.0.0.0/8", "11.0.0.1", false},
	    {"10.0.0.0/8", "::ffff:10.1.2.3", true},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"192.0.2.128/25", "192.0.2.127", false},
	    {"192.0.2.128/25", "192.0.2.129", true},
	    {"0.0.0.0/0", "203.0.113.9", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"2001:db8::/33", "2001:db8:7fff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"::/0", "10.0.0.1", true},
	};
	static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129",
	    "10.0.0", "10.0.0.0/", "10.0.0.0/8/8", "fe80::1%eth0", "2001:db8::1/64", "a", "/8",
	    "10.0.0.0/-1"};
	struct network network, address;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_true(network_parse(slice_text(table[i].network), &network));
		assert_true(address_parse(slice_text(table[i].address), &address));
		assert_int_equal(network_contains(&network, &address), table[i].inside);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(network_parse(slice_text(bad[i]), &network));
}

static void
a_site_is_an_ipv4_address_or_the_64_of_an_ipv6_one(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} table[] = {
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "::ffff:192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
	    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct network a, b;
		assert_true(address_parse(slice_text(table[i].a), &a));
		assert_true(address_parse(slice_text(table[i].b), &b));
		a = address_site(&a);
		b = address_site(&b);
		assert_int_equal(memcmp(&a, &b, sizeof(a)) == 0, table[i].same);
	}
}

static void
loopback_is_127_and_1(void **state)
{
	static const struct {
		const char *address;
		bool is_loopback;
	} table[] = {
	    {"127.0.0.1", true},
	    {"127.255.255.254", true},
	    {"::1", true},
	    {"::ffff:127.0.0.1", true},
	    {"126.255.255.255", false},
	    {"0.0.0.0", false},
	    {"::", false},
	    {"::2", false},
	    {"192.0.2.1", false},
	};
	struct network address;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_true(address_parse(slice_text(table[i].address), &address));
		assert_int_equal(address_is_loopback(&address), table[i].is_loopback);
	}
}

static void
an_address_is_written_in_its_shortest_form(void **state)
{
	static const char *const table[][2] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"2001:DB8:0:0::1", "2001:db8::1"},
	    {"::", "::"},
	};
	char text[ADDRESS_TEXT_BYTES];
	struct network address;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_true(address_parse(slice_text(table[i][0]), &address));
		address_format(&address, text);
		assert_string_equal(text, table[i][1]);
	}
}

static void
a_url_s_host_stands_without_port_and_brackets(void **state)
{
	static const char *const table[][2] = {
	    {"tcp://127.0.0.1:7700", "127.0.0.1"},
	    {"tcp://[::1]:7700", "::1"},
	    {"tcp://[::1]", "::1"},
	    {"tls+tcp://a.example", "a.example"},
	    {"tcp://*:1", "*"},
	    {"tcp://:1", ""},
	    {"tcp://a:1/x:2", "a"},
	    {"tcp://[::1].example:1", "[::1].example"},
	    {"tcp://", ""},
	    {"tcp:/x", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (!slice_equals_text(url_host(slice_text(table[i][0])), table[i][1]))
			fail_msg("%s has not the host %s", table[i][0], table[i][1]);
}

static void
a_listener_on_loopback_is_told_from_one_for_all(void **state)
{
	static const char *const loopback[] = {
	    "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "127.9.9.9:0", "127.0.0.1"};
	static const char *const open[] = {"0.0.0.0:8080", "[::]:8080", "192.0.2.1:0", ":8080",
	    "127.0.0.1.example.org:80", "localhost.example.org:80", ""};

	(void)state;
	for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
		if (!listen_is_loopback(loopback[i]))
			fail_msg("%s is loopback", loopback[i]);
	for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
		if (listen_is_loopback(open[i]))
			fail_msg("%s is not loopback", open[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_network_holds_its_addresses_in_either_spelling),
	    cmocka_unit_test(a_site_is_an_ipv4_address_or_the_64_of_an_ipv6_one),
	    cmocka_unit_test(loopback_is_127_and_1),
	    cmocka_unit_test(a_listener_on_loopback_is_told_from_one_for_all),
	    cmocka_unit_test(an_address_is_written_in_its_shortest_form),
	    cmocka_unit_test(a_url_s_host_stands_without_port_and_brackets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
