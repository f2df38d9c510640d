/* The wire check: what it passes, protobuf-c can unpack within the arena, as text without a NUL.
 * The first byte chooses the message. */
#include "gen/meta/auth.h"
#include "gen/meta/context.h"
#include "gen/meta/user.h"
#include "gen/pb/usher/v1/auth.pb-c.h"
#include "gen/pb/usher/v1/context.pb-c.h"
#include "gen/pb/usher/v1/user.pb-c.h"
#include "wire/check.h"
#include "wire/unpack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct {
	const struct meta_message *meta;
	const ProtobufCMessageDescriptor *descriptor;
} messages[] = {
    {&meta_usher_v1_sign_up_request, &usher__v1__sign_up_request__descriptor},
    {&meta_usher_v1_update_me_request, &usher__v1__update_me_request__descriptor},
    {&meta_usher_v1_resolve_request, &usher__v1__resolve_request__descriptor},
    {&meta_usher_v1_put_profile_request, &usher__v1__put_profile_request__descriptor},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct arena arena;
	struct check_result result;
	ProtobufCMessage *message = NULL;

	if (bytes < 1)
		return 0;
	const size_t which = data[0] % (sizeof(messages) / sizeof(messages[0]));
	const struct slice payload = slice_of(data + 1, bytes - 1);
	if (arena_init(&arena, 4096, 8u << 20).code != ST_OK)
		return 0;
	if (wire_check(messages[which].meta, payload, &arena, &result).code == ST_OK) {
		const status st =
		    wire_unpack(messages[which].descriptor, payload, &arena, &message);
		assert(st.code == ST_OK || st.code == ST_RESOURCE_EXHAUSTED);
	}
	arena_done(&arena);
	return 0;
}
