/* What a handler reads out of a request by itself: a page's token, a field mask, an external id.
 * The first byte chooses; tokens are tried as they are, and with the digest that they ought to
 * have. */
#include "svc/common/input.h"
#include "svc/common/page.h"
#include "tests/lib/fake_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct crypt_key key = {.bytes = {1}};

static void
read_token(struct rpc_call *call, char *text)
{
	Usher__V1__PageRequest request = USHER__V1__PAGE_REQUEST__INIT;
	struct page page = {.size = -1};

	request.token = text;
	status st = page_read(call, &key, SLICE_NONE, &request, &page);
	assert(st.code == ST_OK || st.code == ST_INVALID_ARGUMENT);
	assert((st.code == ST_OK) == (page.size > 0));
	/* Nobody guesses a digest. */
	assert(st.code != ST_OK || (page.is_first && !*text));
}

/* A place that was told is found again, and in this list alone. */
static void
follow_token(struct rpc_call *call, const uint8_t *data, size_t bytes)
{
	Usher__V1__PageRequest request = USHER__V1__PAGE_REQUEST__INIT;
	struct slice filter = slice_of(data, bytes);
	struct page_position last = {.number = (int64_t)bytes};
	Usher__V1__PageReply *reply;
	struct page page;

	memcpy(last.id.bytes, data, bytes < UUID_BYTES ? bytes : UUID_BYTES);
	if (page_close(call, &key, filter, &last, &reply).code != ST_OK)
		return;
	request.token = reply->next_token;
	assert(page_read(call, &key, filter, &request, &page).code == ST_OK);
	assert(page.after.number == last.number && uuid_equals(&page.after.id, &last.id));
	filter.bytes -= bytes > 0;
	assert((page_read(call, &key, filter, &request, &page).code == ST_OK) == (bytes == 0));
}

/* Paths, a line each. */
static void
read_mask(struct rpc_call *call, char *text)
{
	static const struct input_path fields[] = {
	    {"display_name", true}, {"profile.company", false}};
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *paths[64];
	uint32_t written = 0;

	mask.paths = paths;
	for (char *at = strtok(text, "\n"); at && mask.n_paths < 64; at = strtok(NULL, "\n"))
		paths[mask.n_paths++] = at;
	status st = input_mask(call, &mask, fields, 2, &written);
	assert(st.code == ST_OK || st.code == ST_INVALID_ARGUMENT);
	assert(written < 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct rpc_method method = {.name = "usher.v1.UserService/ListUsers"};
	struct fake_call fake;
	char *copy;

	if (bytes == 0)
		return 0;
	fake_call_init(&fake, &method);
	copy = strndup((const char *)data + 1, bytes - 1);
	switch (data[0] % 4) {
	case 0:
		read_token(&fake.call, copy);
		break;
	case 1:
		follow_token(&fake.call, data + 1, bytes - 1);
		break;
	case 2:
		read_mask(&fake.call, copy);
		break;
	default:
		(void)!input_external_id(&fake.call, "external_id", copy).code;
	}
	free(copy);
	fake_call_done(&fake);
	return 0;
}
