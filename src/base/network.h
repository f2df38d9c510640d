/* network.h - addresses and networks (CIDR): where a key may be used from, which proxies are
 * trusted. IPv4 is kept as its IPv4-mapped IPv6 form, so both spellings of an address are the same
 * one. Threads: any. Source: RFC 4632, RFC 4291. */
#ifndef USHER_BASE_NETWORK_H
#define USHER_BASE_NETWORK_H

#include "base/str.h"

struct network {
	uint8_t address[16];
	uint8_t bits; /* of the IPv6 form: 96 to 128 for IPv4 */
};

/* "10.0.0.0/8", "2001:db8::/32", or a lone address. Bits behind the prefix must be 0; no zone.
 * false: it is none. */
bool network_parse(struct slice text, struct network *out);
/* A lone address. */
bool address_parse(struct slice text, struct network *out);
/* What whoever has this address has: an IPv4 address alone, all of an IPv6 one's /64. */
struct network address_site(const struct network *address);
/* Of that, or of a text that is no address. */
uint64_t address_site_hash(const char *address, uint64_t seed);
bool network_contains(const struct network *network, const struct network *address);
/* 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct network *address);
/* Of a listener: "127.0.0.1:8080", "[::1]:8080", "localhost:8080". */
bool listen_is_loopback(const char *listen);
/* The host of a URL, without port and brackets: what stands behind ://, or nothing. */
struct slice url_host(struct slice url);
/* As inet_ntop(3) writes it; IPv4 in its own form. */
#define ADDRESS_TEXT_BYTES 46
void address_format(const struct network *address, char out[ADDRESS_TEXT_BYTES]);

#endif
