/* choose.h - the input's first four bytes choose a message. */
#ifndef USHER_TESTS_FUZZ_CHOOSE_H
#define USHER_TESTS_FUZZ_CHOOSE_H

#include "tests/fuzz/messages.h"
#include "wire/envelope.h"

#include <assert.h>

#define CHOICE_BYTES 4

/* The message whose name's hash, as a method's id is made, is the next one from the first four
 * bytes on, little endian: so a seed stays with its message when others come or go. The bytes are
 * taken off the input. NULL: there are not four. */
static inline const struct fuzz_message *
choose_message(struct slice *input)
{
	const struct fuzz_message *chosen = NULL;
	uint32_t wanted, nearest = UINT32_MAX;

	if (input->bytes < CHOICE_BYTES)
		return NULL;
	memcpy(&wanted, input->data, sizeof(wanted));
	*input = slice_of(input->data + CHOICE_BYTES, input->bytes - CHOICE_BYTES);
	for (size_t i = 0; i < fuzz_messages_count; i++) {
		const struct fuzz_message *message = &fuzz_messages[i];
		uint32_t away = wire_method_id(slice_text(message->meta->full_name)) - wanted;

		if (chosen && away >= nearest)
			continue;
		chosen = message;
		nearest = away;
	}
	assert(strcmp(chosen->meta->full_name, chosen->descriptor->name) == 0);
	return chosen;
}

#endif
