/* Our JSON mapping against Protobuf's own in Python: pbjson_peer.py asks, we answer, it compares.
 */
#include "pbjson/descriptors.h"
#include "pbjson/pbjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME_BYTES_MAX (4u << 20)

struct session {
	FILE *from, *to;
	struct descriptors *descriptors;
	struct arena arena;
};

static const struct meta_message *
everything(struct session *session)
{
	const struct meta_message *message =
	    descriptors_message(session->descriptors, "usher.test.Everything");

	assert_non_null(message);
	return message;
}

static status
answer(struct session *session, int kind, struct slice payload, struct strbuf *out)
{
	struct writer writer;

	switch (kind) {
	case 'D':
		return descriptors_load(payload, &session->descriptors);
	case 'J':
		return pbjson_from_json(everything(session), payload, &session->arena, out);
	case 'P':
		writer_init(&writer, out, 0);
		TRY(pbjson_to_json(everything(session), payload, &session->arena, &writer));
		return strbuf_status(out);
	default:
		return REFUSE(ST_INVALID_ARGUMENT, "no such kind of frame");
	}
}

static void
send_frame(struct session *session, char kind, const void *data, size_t bytes)
{
	uint8_t header[5] = {(uint8_t)kind, (uint8_t)bytes, (uint8_t)(bytes >> 8),
	    (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 24)};

	fwrite(header, 1, sizeof(header), session->to);
	if (bytes)
		fwrite(data, 1, bytes, session->to);
	fflush(session->to);
}

/* Answer frames until the peer is done. */
static size_t
serve(struct session *session)
{
	uint8_t header[5], *payload;
	struct strbuf out;
	size_t served = 0;

	while (fread(header, 1, sizeof(header), session->from) == sizeof(header)) {
		size_t bytes = header[1] | (size_t)header[2] << 8 | (size_t)header[3] << 16 |
			       (size_t)header[4] << 24;
		assert_true(bytes <= FRAME_BYTES_MAX);
		payload = malloc(bytes + 1);
		assert_int_equal(fread(payload, 1, bytes, session->from), bytes);
		strbuf_init(&out, FRAME_BYTES_MAX);
		status answered = answer(session, header[0], slice_of(payload, bytes), &out);
		if (answered.code == ST_OK)
			send_frame(session, 'K', out.data, out.bytes);
		else
			send_frame(session, 'E', answered.message, strlen(answered.message));
		strbuf_done(&out);
		arena_reset(&session->arena);
		free(payload);
		served++;
	}
	return served;
}

static void
both_implementations_agree(void **state)
{
	struct session session = {0};
	int to_child[2], from_child[2], how;

	(void)state;
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(from_child), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(to_child[0], 0);
		dup2(from_child[1], 1);
		close(to_child[1]);
		close(from_child[0]);
		execl("/usr/bin/python3", "python3",
		    USHER_SOURCE_DIR "/tests/component/pbjson_peer.py",
		    USHER_SOURCE_DIR "/tests/component", (char *)NULL);
		_exit(127);
	}
	close(to_child[0]);
	close(from_child[1]);
	session.to = fdopen(to_child[1], "w");
	session.from = fdopen(from_child[0], "r");
	assert_int_equal(arena_init(&session.arena, 4096, 32u << 20).code, ST_OK);
	size_t served = serve(&session);
	fclose(session.to);
	fclose(session.from);
	arena_done(&session.arena);
	descriptors_free(&session.descriptors);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
	assert_true(served > 1500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_implementations_agree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
