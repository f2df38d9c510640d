/* The generator's reader of path templates, and the bridge's: what one takes the other takes. The
 * input: a template, and perhaps a second one behind a newline. */
#include "bridge/template.h"
#include "plugin/path_template.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool
parse(struct arena *arena, const char *text, struct path_template *out)
{
	struct template served;
	bool taken = path_template_parse(arena, text, out).code == ST_OK;

	/* A route that was generated must not keep the bridge from starting. */
	if (taken)
		assert(template_parse(text, arena, &served).code == ST_OK);
	return taken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = strndup((const char *)data, bytes), *second = strchr(text, '\n');
	struct path_template a, b;
	struct arena arena;

	assert(arena_init(&arena, 4096, 1u << 20).code == ST_OK);
	if (second)
		*second++ = '\0';
	if (parse(&arena, text, &a)) {
		assert(path_template_same_shape(&a, &a));
		if (second && parse(&arena, second, &b))
			assert(
			    path_template_same_shape(&a, &b) == path_template_same_shape(&b, &a));
	}
	arena_done(&arena);
	free(text);
	return 0;
}
