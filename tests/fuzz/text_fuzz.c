/* Short texts that others send, each in the one form that it has: what is taken is written back the
 * same. The first byte chooses: ids, addresses and networks, base64 and hex, times, masks,
 * snapshots, names and origins, lists and URLs. */
#include "base/email.h"
#include "base/network.h"
#include "base/slug.h"
#include "base/uuid.h"
#include "bridge/internal.h"
#include "bridge/url.h"
#include "pbjson/text.h"
#include "store/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define TEXT_BYTES_MAX 4096

static void
read_id(struct slice text)
{
	char back[UUID_TEXT_BYTES];
	struct uuid id, again;

	if (!uuid_parse(text, &id))
		return;
	assert(text.bytes == UUID_TEXT_BYTES - 1);
	uuid_format(&id, back);
	assert(uuid_parse(slice_text(back), &again) && uuid_equals(&id, &again));
}

static void
read_network(struct slice text)
{
	char back[ADDRESS_TEXT_BYTES];
	struct network network, address, again;

	if (network_parse(text, &network)) {
		assert(network.bits <= 128);
		assert(network_contains(&network, &network));
	}
	if (!address_parse(text, &address))
		return;
	assert(address.bits == 128 && network_contains(&address, &address));
	address_format(&address, back);
	assert(address_parse(slice_text(back), &again));
	assert(memcmp(&address, &again, sizeof(address)) == 0);
}

static void
read_encoded(struct slice text, enum base64_form form)
{
	static uint8_t decoded[TEXT_BYTES_MAX];
	static char back[BASE64_TEXT_BYTES(TEXT_BYTES_MAX)];
	size_t length = sizeof(decoded);

	if (base64_decode(text, form, decoded, &length)) {
		size_t written = base64_encode(slice_of(decoded, length), form, back);
		assert(slice_equals(slice_of(back, written), text));
	}
	length = sizeof(decoded);
	if (base64_decode_any(text, decoded, &length))
		assert(length <= text.bytes);
	if (text.bytes % 2 == 0 && hex_decode(text, decoded, text.bytes / 2))
		hex_encode(slice_of(decoded, text.bytes / 2), back);
}

static void
read_time(struct slice text)
{
	char back[TEXT_TIME_BYTES];
	int64_t seconds, seconds_again;
	int32_t nanos, nanos_again;

	if (text_parse_timestamp(text, &seconds, &nanos)) {
		assert(text_format_timestamp(seconds, nanos, back));
		assert(text_parse_timestamp(slice_text(back), &seconds_again, &nanos_again));
		assert(seconds == seconds_again && nanos == nanos_again);
	}
	if (text_parse_duration(text, &seconds, &nanos)) {
		assert(text_format_duration(seconds, nanos, back));
		assert(text_parse_duration(slice_text(back), &seconds_again, &nanos_again));
		assert(seconds == seconds_again && nanos == nanos_again);
	}
}

static void
read_number_and_mask(struct slice text)
{
	struct strbuf snake, camel;
	bool negative, out_of_range;
	uint64_t magnitude;

	if (text_parse_integer(text, &negative, &magnitude, &out_of_range))
		assert(text_is_number(text));
	strbuf_init(&snake, 1u << 16);
	strbuf_init(&camel, 1u << 16);
	if (text_to_snake(text, &snake)) {
		assert(text_to_camel(slice_of(snake.data, snake.bytes), &camel));
		assert(slice_equals(slice_of(camel.data, camel.bytes), text));
	}
	strbuf_done(&snake);
	strbuf_done(&camel);
}

static void
read_snapshot(struct slice text)
{
	struct snapshot snapshot = {0};

	if (snapshot_parse(text, &snapshot).code == ST_OK) {
		assert(snapshot.xmin <= snapshot.xmax);
		for (size_t i = 0; i < snapshot.running_count; i++)
			assert(!snapshot_sees(&snapshot, snapshot.running[i]));
		assert(!snapshot_sees(&snapshot, snapshot.xmax));
	}
	snapshot_done(&snapshot);
}

static void
read_names(struct slice text, char *copy)
{
	char slug[SLUG_BYTES_MAX + 1];

	slug_from_name(copy, slug);
	assert(slug_is_good(slug));
	if (cors_is_origin(text))
		assert(!memchr(text.data, 0, text.bytes) && !strpbrk(copy, " @?#*,"));
	if (email_is_good(copy)) {
		email_fold(copy);
		assert(email_is_good(copy));
	}
}

/* Settings: lists of URLs, networks and origins. */
static void
read_list(struct slice text)
{
	struct slice rest = text, word;
	size_t words = 0, bytes = 0;

	while (slice_take_word(&rest, &word)) {
		assert(word.bytes && word.data >= text.data);
		assert(!memchr(word.data, ' ', word.bytes) && !memchr(word.data, ',', word.bytes));
		struct slice host = url_host(word);
		assert(host.bytes <= word.bytes &&
		       !(host.bytes && memchr(host.data, '/', host.bytes)));
		words++;
		bytes += word.bytes;
	}
	assert(rest.bytes == 0 && bytes + (words ? words - 1 : 0) <= text.bytes);
}

static void
read_url(struct slice text)
{
	uint8_t out[TEXT_BYTES_MAX];
	size_t length;

	read_list(text);

	for (unsigned options = 0; options < 4; options++) {
		if (url_unescape(text, options, out, &length))
			assert(length <= text.bytes);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct slice text = slice_of(data + 1, bytes - 1);
	char *copy;

	if (bytes == 0 || bytes > TEXT_BYTES_MAX)
		return 0;
	copy = strndup((const char *)text.data, text.bytes);
	switch (data[0] % 8) {
	case 0:
		read_id(text);
		break;
	case 1:
		read_network(text);
		break;
	case 2:
		read_encoded(text, BASE64_STANDARD);
		read_encoded(text, BASE64_URL);
		read_encoded(text, BASE64_BARE);
		break;
	case 3:
		read_time(text);
		break;
	case 4:
		read_number_and_mask(text);
		break;
	case 5:
		read_snapshot(text);
		break;
	case 6:
		read_names(text, copy);
		break;
	default:
		read_url(text);
	}
	free(copy);
	return 0;
}
