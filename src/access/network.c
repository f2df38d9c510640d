#include "access/network.h"

#include <arpa/inet.h>

#define IPV4_PREFIX_BITS 96

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
