#include "base/network.h"

#include <arpa/inet.h>

#define IPV4_PREFIX_BITS 96
#define IPV6_SITE_BITS 64

static const struct network ipv4_all = {
    .address = {[10] = 0xff, [11] = 0xff}, .bits = IPV4_PREFIX_BITS};

_Static_assert(ADDRESS_TEXT_BYTES >= INET6_ADDRSTRLEN, "the longest address fits");

bool
address_parse(struct slice text, struct network *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char copy[INET6_ADDRSTRLEN];
	struct network network = {.bits = 128};

	if (text.bytes == 0 || text.bytes >= sizeof copy || memchr(text.data, '\0', text.bytes))
		return false;
	memcpy(copy, text.data, text.bytes);
	copy[text.bytes] = '\0';
	if (inet_pton(AF_INET, copy, network.address + sizeof mapped) == 1)
		memcpy(network.address, mapped, sizeof mapped);
	else if (inet_pton(AF_INET6, copy, network.address) != 1)
		return false;
	*out = network;
	return true;
}

/* Do both begin with the same bits? */
static bool
same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Is nothing set behind the first bits? */
static bool
is_prefix(const uint8_t address[16], unsigned bits)
{
	for (unsigned bit = bits; bit < 128; bit++)
		if (address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

bool
network_parse(struct slice text, struct network *out)
{
	const uint8_t *slash = text.bytes ? memchr(text.data, '/', text.bytes) : NULL;
	struct slice address = text;
	struct network network;
	int64_t bits;

	if (slash)
		address.bytes = (size_t)(slash - text.data);
	if (!address_parse(address, &network))
		return false;
	if (slash) {
		bool is_ipv4 = !memchr(address.data, ':', address.bytes);
		struct slice number = slice_of(slash + 1, text.bytes - address.bytes - 1);
		if (number.bytes > 3 || !number_parse_i64(number, &bits) || bits < 0 ||
		    bits > (is_ipv4 ? 32 : 128))
			return false;
		network.bits = (uint8_t)(bits + (is_ipv4 ? IPV4_PREFIX_BITS : 0));
		if (!is_prefix(network.address, network.bits))
			return false;
	}
	*out = network;
	return true;
}

bool
network_contains(const struct network *network, const struct network *address)
{
	return same_prefix(network->address, address->address, network->bits);
}

struct network
address_site(const struct network *address)
{
	struct network site = *address;

	if (network_contains(&ipv4_all, address))
		return site;
	site.bits = IPV6_SITE_BITS;
	memset(site.address + IPV6_SITE_BITS / 8, 0, sizeof(site.address) - IPV6_SITE_BITS / 8);
	return site;
}

uint64_t
address_site_hash(const char *address, uint64_t seed)
{
	const struct slice text = slice_text(address);
	struct network network;

	if (!address_parse(text, &network))
		return hash_bytes(text, seed);
	const struct network site = address_site(&network);
	return hash_bytes(slice_of(site.address, sizeof(site.address)), seed);
}

bool
address_is_loopback(const struct network *address)
{
	static const struct network ipv4 = {
	    {[10] = 0xff, [11] = 0xff, [12] = 127}, IPV4_PREFIX_BITS + 8};
	static const struct network ipv6 = {{[15] = 1}, 128};

	return network_contains(&ipv4, address) || network_contains(&ipv6, address);
}

bool
listen_is_loopback(const char *listen)
{
	const char *colon = strrchr(listen, ':');
	struct slice host = slice_of(listen, colon ? (size_t)(colon - listen) : strlen(listen));
	struct network address;

	if (host.bytes > 2 && host.data[0] == '[')
		host = slice_of(host.data + 1, host.bytes - 2);
	return slice_equals_text(host, "localhost") ||
	       (address_parse(host, &address) && address_is_loopback(&address));
}

void
address_format(const struct network *address, char out[ADDRESS_TEXT_BYTES])
{
	/* Neither fails: the families are known and out has room. */
	if (network_contains(&ipv4_all, address))
		(void)inet_ntop(AF_INET, address->address + 12, out, ADDRESS_TEXT_BYTES);
	else
		(void)inet_ntop(AF_INET6, address->address, out, ADDRESS_TEXT_BYTES);
}

struct slice
url_host(struct slice url)
{
	const uint8_t *start = url.bytes ? memmem(url.data, url.bytes, "://", 3) : NULL;
	const uint8_t *end = url.data + url.bytes, *colon;

	if (!start)
		return SLICE_NONE;
	start += 3;
	for (const uint8_t *at = start; at < end; at++)
		if (*at == '/' || *at == '?' || *at == '#')
			end = at;
	colon = memrchr(start, ':', (size_t)(end - start));
	/* That of an address without a port stands within its brackets. */
	if (colon && !memchr(colon, ']', (size_t)(end - colon)))
		end = colon;
	if (end - start >= 2 && *start == '[' && end[-1] == ']')
		return slice_of(start + 1, (size_t)(end - start) - 2);
	return slice_of(start, (size_t)(end - start));
}
